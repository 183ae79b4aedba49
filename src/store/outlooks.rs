//! When every lead was evaluated and is due, and what lies ahead of it, in memory: what is due is found, and other
//! rules are tried on all leads, without reading a single history. The tree has the durable copy.
//!
//! Leads are kept in buckets, on the disk as in memory. A bucket is one row: a million leads are 130,000 rows, which a
//! start reads in a second, and a lead that changes writes one row of some eight leads.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::rows::Evaluated;
use crate::decide::Outlook;
use crate::domain::{LeadId, Timestamp};

/// How many buckets there are, for ever: it is part of the layout on the disk.
const BUCKETS: u32 = 1 << 17;

/// What becomes of one lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It was evaluated; an outlook is there as long as it is watched.
    Evaluated { evaluated: Evaluated, outlook: Option<Box<Outlook>> },
    /// It is due then.
    Due(Option<Timestamp>),
    /// It is due then, unless it is due sooner.
    DueBy(Timestamp),
}

impl Change {
    fn apply(self, lead: &mut Known) {
        match self {
            Self::Evaluated { evaluated, outlook } => {
                lead.evaluated = evaluated;
                lead.outlook = outlook.map(|outlook| *outlook);
            }
            Self::Due(due) => lead.evaluated.due = due,
            Self::DueBy(at) => lead.evaluated.due = Some(lead.evaluated.due.map_or(at, |due| due.min(at))),
        }
    }
}

/// What is known of one lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) lead: LeadId,
    pub(super) evaluated: Evaluated,
    pub(super) outlook: Option<Outlook>,
}

impl Known {
    fn written(&self) -> Written<'_> {
        Written { lead: &self.lead, evaluated: self.evaluated, outlook: self.outlook.as_ref() }
    }
}

/// The leads of a bucket as they are read.
pub(super) type Row = Vec<Known>;

/// The same as [`Known`], borrowed: most leads of a row that is written are as they were.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Written<'a> {
    lead: &'a LeadId,
    evaluated: Evaluated,
    outlook: Option<&'a Outlook>,
}

impl Written<'_> {
    fn is_anything(&self) -> bool {
        self.evaluated != Evaluated::default() || self.outlook.is_some()
    }
}

/// A lead that is neither closed nor deleted and has been evaluated.
#[derive(Clone, Copy, Debug)]
pub struct Watched<'a> {
    /// Which lead.
    pub lead: &'a LeadId,
    /// When it was evaluated, and is due.
    pub evaluated: Evaluated,
    /// What lies ahead of it.
    pub outlook: &'a Outlook,
}

/// One lead of a bucket.
#[derive(Clone, Debug)]
struct Entry {
    lead: LeadId,
    evaluated: Evaluated,
    /// Where its outlook is, if it is watched.
    place: Option<Place>,
}

/// A place among the outlooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place(u32);

/// The outlooks of all leads, one after another: whoever looks at all of them goes through memory once, from one end to
/// the other.
#[derive(Clone, Debug, Default)]
struct Shelf {
    outlooks: Vec<Option<Outlook>>,
    free: Vec<Place>,
}

impl Shelf {
    fn get(&self, place: Place) -> Option<&Outlook> {
        self.outlooks.get(place.0 as usize)?.as_ref()
    }

    /// Puts an outlook at the place that is known, else at a free one.
    fn put(&mut self, known: Option<Place>, outlook: Outlook) -> Place {
        let place = known.or_else(|| self.free.pop()).unwrap_or_else(|| {
            let end = u32::try_from(self.outlooks.len()).expect("fewer than four billion leads are watched");
            self.outlooks.push(None);
            Place(end)
        });
        self.outlooks[place.0 as usize] = Some(outlook);
        place
    }

    fn remove(&mut self, place: Place) {
        self.outlooks[place.0 as usize] = None;
        self.free.push(place);
    }
}

fn due(bucket: &[Entry]) -> impl Iterator<Item = Timestamp> {
    bucket.iter().filter_map(|entry| entry.evaluated.due)
}

/// All leads that were evaluated or are due.
#[derive(Clone, Debug)]
pub struct Outlooks {
    buckets: Box<[Vec<Entry>]>,
    shelf: Shelf,
    /// When a lead of which bucket is due.
    due: BTreeSet<(Timestamp, u32)>,
}

/// Changed leads by bucket, to be written before they count.
#[derive(Debug)]
pub(super) struct Changed(BTreeMap<u32, Vec<Known>>);

impl Outlooks {
    /// Takes over the rows of the tree.
    pub(super) fn load<E>(rows: impl Iterator<Item = Result<(u32, Row), E>>) -> Result<Self, E> {
        let mut outlooks = Self {
            buckets: vec![Vec::new(); BUCKETS as usize].into_boxed_slice(),
            shelf: Shelf::default(),
            due: BTreeSet::new(),
        };
        let mut due = Vec::new();
        for row in rows {
            let (number, row) = row?;
            // Rows of numbers beyond are nobody's: there are none.
            if number < BUCKETS {
                due.extend(row.iter().filter_map(|known| known.evaluated.due).map(|at| (at, number)));
                outlooks.buckets[number as usize].reserve_exact(row.len());
                row.into_iter().for_each(|known| outlooks.set(number, known));
            }
        }
        due.sort_unstable();
        outlooks.due = due.into_iter().collect();
        Ok(outlooks)
    }

    /// Replaces what is known of a lead, but for the index of what is due.
    fn set(&mut self, number: u32, Known { lead, evaluated, outlook }: Known) {
        let bucket = &mut self.buckets[number as usize];
        let at = bucket.iter().position(|entry| entry.lead == lead);
        let before = at.and_then(|at| bucket[at].place);
        let place = match outlook {
            Some(outlook) => Some(self.shelf.put(before, outlook)),
            None => {
                before.into_iter().for_each(|place| self.shelf.remove(place));
                None
            }
        };
        let is_anything = evaluated != Evaluated::default() || place.is_some();
        let entry = Entry { lead, evaluated, place };
        match at {
            Some(at) if is_anything => bucket[at] = entry,
            Some(at) => {
                bucket.remove(at);
            }
            None if is_anything => {
                bucket.reserve_exact(1);
                bucket.push(entry);
            }
            None => {}
        }
    }

    fn known(&self, entry: &Entry) -> Known {
        let outlook = entry.place.and_then(|place| self.shelf.get(place)).cloned();
        Known { lead: entry.lead.clone(), evaluated: entry.evaluated, outlook }
    }

    /// Every lead that is watched, in no order.
    pub fn watched(&self) -> impl Iterator<Item = Watched<'_>> {
        self.buckets.iter().flatten().filter_map(|Entry { lead, evaluated, place }| {
            Some(Watched { lead, evaluated: *evaluated, outlook: self.shelf.get((*place)?)? })
        })
    }

    /// What lies ahead of every lead that is watched, in no order; the quickest way through all of them.
    pub fn all(&self) -> impl Iterator<Item = &Outlook> {
        self.shelf.outlooks.iter().flatten()
    }

    /// How many leads are watched.
    pub fn watched_leads(&self) -> usize {
        self.shelf.outlooks.len() - self.shelf.free.len()
    }

    /// When a lead was evaluated and is due.
    pub(super) fn evaluated(&self, lead: &LeadId) -> Evaluated {
        let known = self.buckets[bucket_of(lead) as usize].iter().find(|entry| entry.lead == *lead);
        known.map(|entry| entry.evaluated).unwrap_or_default()
    }

    /// Up to `limit` leads that are due at or before `now`, soonest first.
    pub(super) fn due(&self, now: Timestamp, limit: usize) -> Vec<LeadId> {
        let due = self.due.iter().take_while(|(at, _)| *at <= now).flat_map(|(at, bucket)| {
            let leads = self.buckets[*bucket as usize].iter();
            leads.filter(|entry| entry.evaluated.due == Some(*at)).map(|entry| entry.lead.clone())
        });
        due.take(limit).collect()
    }

    /// The soonest instant at which a lead is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// What becomes of leads by these changes, one after another. Nothing counts yet.
    pub(super) fn changed(&self, changes: Vec<(LeadId, Change)>) -> Changed {
        let mut changed: BTreeMap<u32, Vec<Known>> = BTreeMap::new();
        for (lead, change) in changes {
            let number = bucket_of(&lead);
            let leads = changed.entry(number).or_default();
            let place = leads.iter().position(|known| known.lead == lead).unwrap_or_else(|| {
                let known = self.buckets[number as usize].iter().find(|entry| entry.lead == lead);
                let nothing = Known { lead, evaluated: Evaluated::default(), outlook: None };
                leads.push(known.map_or(nothing, |entry| self.known(entry)));
                leads.len() - 1
            });
            change.apply(&mut leads[place]);
        }
        Changed(changed)
    }

    /// The rows to write; an empty one is to be removed.
    pub(super) fn rows<'a>(&'a self, changed: &'a Changed) -> impl Iterator<Item = (u32, Vec<Written<'a>>)> {
        changed.0.iter().map(|(number, leads)| {
            let bucket = &self.buckets[*number as usize];
            let of_before = bucket.iter().map(|entry| match leads.iter().find(|known| known.lead == entry.lead) {
                Some(known) => known.written(),
                None => {
                    let outlook = entry.place.and_then(|place| self.shelf.get(place));
                    Written { lead: &entry.lead, evaluated: entry.evaluated, outlook }
                }
            });
            let new = leads.iter().filter(|known| bucket.iter().all(|entry| entry.lead != known.lead));
            (*number, of_before.chain(new.map(Known::written)).filter(Written::is_anything).collect())
        })
    }

    /// The changes have been written: from now on they count.
    pub(super) fn accept(&mut self, changed: Changed) {
        for (number, leads) in changed.0 {
            let before: Vec<Timestamp> = due(&self.buckets[number as usize]).collect();
            leads.into_iter().for_each(|known| self.set(number, known));
            let after: Vec<Timestamp> = due(&self.buckets[number as usize]).collect();
            // Most of a bucket's leads are due when they were: each place in the index is a search through all of it.
            for at in before.iter().filter(|at| !after.contains(at)) {
                self.due.remove(&(*at, number));
            }
            self.due.extend(after.iter().filter(|at| !before.contains(at)).map(|at| (*at, number)));
        }
    }
}

/// The bucket of a lead: FNV-1a, 32 bits, folded (<http://www.isthe.com/chongo/tech/comp/fnv/>). It is part of the layout
/// on the disk, and knows no secret: whoever could choose ids only makes a bucket slow.
fn bucket_of(lead: &LeadId) -> u32 {
    let hash =
        lead.as_str().bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash ^ (hash >> 17)) % BUCKETS
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn nothing() -> Outlooks {
        Outlooks::load(std::iter::empty::<Result<_, Infallible>>()).unwrap()
    }

    fn due_at(at: i64) -> Change {
        Change::Due(Some(Timestamp(at)))
    }

    fn lead(n: usize) -> LeadId {
        LeadId(format!("{n:017x}"))
    }

    /// Two leads that share a bucket.
    fn neighbours() -> (LeadId, LeadId) {
        let other = (1..).map(lead).find(|other| bucket_of(other) == bucket_of(&lead(0)));
        (lead(0), other.unwrap())
    }

    fn take(outlooks: &mut Outlooks, changes: Vec<(LeadId, Change)>) {
        let changed = outlooks.changed(changes);
        outlooks.accept(changed);
    }

    #[test]
    fn what_is_due_is_found_soonest_first_also_among_neighbours() {
        let (a, b) = neighbours();
        let mut outlooks = nothing();
        take(&mut outlooks, vec![(a.clone(), due_at(20)), (b.clone(), due_at(20)), (lead(7), due_at(10))]);
        assert_eq!(outlooks.next_due(), Some(Timestamp(10)));
        assert_eq!(outlooks.due(Timestamp(19), 9), [lead(7)]);
        assert_eq!(outlooks.due(Timestamp(20), 9), [lead(7), a.clone(), b.clone()]);
        assert_eq!(outlooks.due(Timestamp(20), 2), [lead(7), a.clone()]);
        take(&mut outlooks, vec![(a, Change::Due(None)), (lead(7), due_at(30))]);
        assert_eq!(outlooks.due(Timestamp(29), 9), [b], "its neighbour was due at the same instant, and is not");
        assert_eq!(outlooks.next_due(), Some(Timestamp(20)));
    }

    #[test]
    fn changes_of_one_write_follow_one_another_and_count_only_when_accepted() {
        let mut outlooks = nothing();
        let changes = vec![(lead(1), Change::DueBy(Timestamp(5))), (lead(1), Change::DueBy(Timestamp(7)))];
        let changed = outlooks.changed(changes);
        assert_eq!(outlooks.next_due(), None);
        outlooks.accept(changed);
        assert_eq!(outlooks.evaluated(&lead(1)).due, Some(Timestamp(5)));
    }

    #[test]
    fn what_was_written_comes_back() {
        let (a, b) = neighbours();
        let mut outlooks = nothing();
        let changed = outlooks.changed(vec![(a.clone(), due_at(3)), (b.clone(), due_at(4)), (lead(9), due_at(5))]);
        let read = |row: Vec<Written<'_>>| postcard::from_bytes::<Row>(&postcard::to_stdvec(&row).unwrap()).unwrap();
        let rows: Vec<(u32, Row)> = outlooks.rows(&changed).map(|(bucket, row)| (bucket, read(row))).collect();
        outlooks.accept(changed);
        let again = Outlooks::load(rows.into_iter().map(Ok::<_, Infallible>)).unwrap();
        assert_eq!(again.due(Timestamp(9), 9), outlooks.due(Timestamp(9), 9));
        assert_eq!(again.evaluated(&b), outlooks.evaluated(&b));
    }

    #[test]
    fn the_layout_on_the_disk_stays() {
        let ids = ["6b031c73ea470a4fe", "691b2816e43817b92", ""];
        assert_eq!(ids.map(|id| bucket_of(&LeadId::from(id))), [71_637, 60_301, 56_651]);
    }

    #[test]
    fn leads_spread_over_the_buckets() {
        let mut counts = vec![0; BUCKETS as usize];
        (0..200_000).for_each(|n| counts[bucket_of(&lead(n)) as usize] += 1);
        assert!(counts.iter().max() < Some(&12), "{:?}", counts.iter().max());
    }
}
