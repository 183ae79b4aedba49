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
    fn new(lead: LeadId) -> Self {
        Self { lead, evaluated: Evaluated::default(), outlook: None }
    }

    fn is_anything(&self) -> bool {
        self.evaluated != Evaluated::default() || self.outlook.is_some()
    }
}

/// The leads of a bucket as they are written.
pub(super) type Row = Vec<Known>;

/// A lead that is neither closed nor deleted and has been evaluated.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Which lead.
    pub lead: LeadId,
    /// When it was evaluated, and is due.
    pub evaluated: Evaluated,
    /// What lies ahead of it.
    pub outlook: Outlook,
}

/// Leads of one bucket. Those that are not watched, in most CRMs the greater part, have a list of their own: they
/// take a quarter of the room.
#[derive(Clone, Debug, Default)]
struct Bucket {
    watched: Vec<Watched>,
    others: Vec<(LeadId, Evaluated)>,
}

impl Bucket {
    fn from_row(row: Row) -> Self {
        let mut bucket = Self::default();
        // A lead in a full bucket should not cost room for another one.
        bucket.watched.reserve_exact(row.iter().filter(|known| known.outlook.is_some()).count());
        for Known { lead, evaluated, outlook } in row {
            match outlook {
                Some(outlook) => bucket.watched.push(Watched { lead, evaluated, outlook }),
                None => bucket.others.push((lead, evaluated)),
            }
        }
        bucket
    }

    fn row(&self) -> Row {
        let watched = self.watched.iter().map(|Watched { lead, evaluated, outlook }| Known {
            lead: lead.clone(),
            evaluated: *evaluated,
            outlook: Some(outlook.clone()),
        });
        let others = self.others.iter().map(|(lead, evaluated)| Known {
            lead: lead.clone(),
            evaluated: *evaluated,
            outlook: None,
        });
        watched.chain(others).collect()
    }

    fn evaluated(&self) -> impl Iterator<Item = (&LeadId, Evaluated)> {
        let watched = self.watched.iter().map(|watched| (&watched.lead, watched.evaluated));
        watched.chain(self.others.iter().map(|(lead, evaluated)| (lead, *evaluated)))
    }

    fn due(&self) -> impl Iterator<Item = Timestamp> {
        self.evaluated().filter_map(|(_, evaluated)| evaluated.due)
    }
}

/// All leads that were evaluated or are due.
#[derive(Clone, Debug)]
pub struct Outlooks {
    buckets: Box<[Bucket]>,
    /// When a lead of which bucket is due.
    due: BTreeSet<(Timestamp, u32)>,
}

/// Changed buckets, to be written before they count.
#[derive(Debug)]
pub(super) struct Changed(BTreeMap<u32, Row>);

impl Changed {
    /// The rows to write; an empty one is to be removed.
    pub(super) fn rows(&self) -> impl Iterator<Item = (u32, &Row)> {
        self.0.iter().map(|(bucket, row)| (*bucket, row))
    }
}

impl Outlooks {
    /// Takes over the rows of the tree.
    pub(super) fn load<E>(rows: impl Iterator<Item = Result<(u32, Row), E>>) -> Result<Self, E> {
        let mut buckets = vec![Bucket::default(); BUCKETS as usize].into_boxed_slice();
        let mut due = Vec::new();
        for row in rows {
            let (number, row) = row?;
            // Rows of numbers beyond are nobody's: there are none.
            if let Some(place) = buckets.get_mut(number as usize) {
                *place = Bucket::from_row(row);
                due.extend(place.due().map(|at| (at, number)));
            }
        }
        due.sort_unstable();
        Ok(Self { buckets, due: due.into_iter().collect() })
    }

    /// Every lead that is watched, in no order.
    pub fn watched(&self) -> impl Iterator<Item = &Watched> {
        self.buckets.iter().flat_map(|bucket| &bucket.watched)
    }

    /// How many leads are watched.
    pub fn watched_leads(&self) -> usize {
        self.buckets.iter().map(|bucket| bucket.watched.len()).sum()
    }

    /// When a lead was evaluated and is due.
    pub(super) fn evaluated(&self, lead: &LeadId) -> Evaluated {
        let bucket = &self.buckets[bucket_of(lead) as usize];
        bucket.evaluated().find(|(known, _)| *known == lead).map(|(_, evaluated)| evaluated).unwrap_or_default()
    }

    /// Up to `limit` leads that are due at or before `now`, soonest first.
    pub(super) fn due(&self, now: Timestamp, limit: usize) -> Vec<LeadId> {
        let due = self.due.iter().take_while(|(at, _)| *at <= now).flat_map(|(at, bucket)| {
            let leads = self.buckets[*bucket as usize].evaluated();
            leads.filter(|(_, evaluated)| evaluated.due == Some(*at)).map(|(lead, _)| lead.clone())
        });
        due.take(limit).collect()
    }

    /// The soonest instant at which a lead is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// What becomes of the buckets by these changes, one after another. Nothing counts yet.
    pub(super) fn changed(&self, changes: Vec<(LeadId, Change)>) -> Changed {
        let mut rows: BTreeMap<u32, Row> = BTreeMap::new();
        for (lead, change) in changes {
            let number = bucket_of(&lead);
            let row = rows.entry(number).or_insert_with(|| self.buckets[number as usize].row());
            let place = row.iter().position(|known| known.lead == lead).unwrap_or_else(|| {
                row.push(Known::new(lead));
                row.len() - 1
            });
            change.apply(&mut row[place]);
            if !row[place].is_anything() {
                row.remove(place);
            }
        }
        Changed(rows)
    }

    /// The changes have been written: from now on they count.
    pub(super) fn accept(&mut self, changed: Changed) {
        for (number, row) in changed.0 {
            let after = Bucket::from_row(row);
            let bucket = &mut self.buckets[number as usize];
            for at in bucket.due() {
                self.due.remove(&(at, number));
            }
            self.due.extend(after.due().map(|at| (at, number)));
            *bucket = after;
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
        let rows: Vec<(u32, Row)> = changed.rows().map(|(bucket, row)| (bucket, row.clone())).collect();
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
