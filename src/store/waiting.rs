//! What waits in the outbox, in memory and in order: a worker finds what it may try without reading what has to
//! wait. Made from the rows when the store is opened; every batch that is applied is entered.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;

use super::{OutboxEntry, Result};
use crate::domain::Timestamp;

/// A change of the outbox: the effect's key, and the entry, if there is one from then on.
pub(super) type Change = (String, Option<OutboxEntry>);

/// Entries in one row: whoever is done with one of them writes the others again.
const TOGETHER: usize = 8;

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    for_crm: bool,
    not_before: Timestamp,
    sequence: u64,
    decided_at: Timestamp,
    row: u64,
}

impl Place {
    fn of(entry: &OutboxEntry, row: u64) -> Self {
        let OutboxEntry { effect, sequence, not_before, decided_at, .. } = entry;
        let for_crm = effect.is_for_crm();
        Self { for_crm, not_before: *not_before, sequence: *sequence, decided_at: *decided_at, row }
    }
}

/// One worker's share, by the instant before which an entry is not tried.
#[derive(Debug, Default)]
struct Queue {
    entries: BTreeSet<(Timestamp, u64, String)>,
    changes: u64,
}

/// Changes of the outbox, as they are to be written before they count.
#[derive(Debug, Default)]
pub(super) struct Planned {
    /// What becomes of the rows that change; one without entries is removed.
    pub(super) rows: BTreeMap<u64, Vec<OutboxEntry>>,
    places: HashMap<String, Option<Place>, RandomState>,
}

/// The whole outbox, without what its entries say.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    crm: Queue,
    telegram: Queue,
    places: HashMap<String, Place, RandomState>,
    /// No row has this number or a greater one.
    next_row: u64,
}

impl Waiting {
    /// Takes over a row of the tree.
    pub(super) fn load(&mut self, row: u64, entries: &[OutboxEntry]) {
        entries.iter().for_each(|entry| self.put(entry.effect.key(), Place::of(entry, row)));
        self.next_row = self.next_row.max(row + 1);
    }

    /// Which rows `changes` change, and to what. An entry stays in its row as long as it is there, the new ones come together.
    /// `read` reads a row.
    pub(super) fn plan(&self, changes: Vec<Change>, read: impl Fn(u64) -> Result<Vec<OutboxEntry>>) -> Result<Planned> {
        let Planned { mut rows, mut places } = Planned::default();
        let mut new_row = self.next_row;
        for (key, entry) in changes {
            let before = places.get(&key).copied().unwrap_or_else(|| self.places.get(&key).copied());
            if rows.get(&new_row).is_some_and(|entries: &Vec<OutboxEntry>| entries.len() == TOGETHER) {
                new_row += 1;
            }
            let row = match (before, &entry) {
                (Some(before), _) => before.row,
                (None, Some(_)) => new_row,
                (None, None) => continue,
            };
            let entries = match rows.entry(row) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(if row < self.next_row { read(row)? } else { Vec::new() }),
            };
            if before.is_some() {
                entries.retain(|known| known.effect.key() != key);
            }
            places.insert(key, entry.as_ref().map(|entry| Place::of(entry, row)));
            entries.extend(entry);
        }
        Ok(Planned { rows, places })
    }

    /// The planned changes were written.
    pub(super) fn accept(&mut self, planned: Planned) {
        let last = planned.rows.keys().next_back();
        self.next_row = last.map_or(self.next_row, |last| self.next_row.max(last + 1));
        for (key, place) in planned.places {
            match place {
                Some(place) => self.put(key, place),
                None => self.remove(&key),
            }
        }
    }

    fn put(&mut self, key: String, place: Place) {
        self.remove(&key);
        let queue = self.queue_mut(place.for_crm);
        queue.entries.insert((place.not_before, place.sequence, key.clone()));
        queue.changes += 1;
        self.places.insert(key, place);
    }

    fn remove(&mut self, key: &str) {
        if let Some((key, place)) = self.places.remove_entry(key) {
            let queue = self.queue_mut(place.for_crm);
            queue.entries.remove(&(place.not_before, place.sequence, key));
            queue.changes += 1;
        }
    }

    fn queue(&self, for_crm: bool) -> &Queue {
        if for_crm { &self.crm } else { &self.telegram }
    }

    fn queue_mut(&mut self, for_crm: bool) -> &mut Queue {
        if for_crm { &mut self.crm } else { &mut self.telegram }
    }

    /// No row has this number or a greater one.
    pub(super) fn next_row(&self) -> u64 {
        self.next_row
    }

    /// The row of an entry, if it is there.
    pub(super) fn row(&self, key: &str) -> Option<u64> {
        self.places.get(key).map(|place| place.row)
    }

    /// The keys of the entries that begin so, in no order.
    pub(super) fn beginning_with(&self, prefix: &str) -> Vec<String> {
        self.places.keys().filter(|key| key.starts_with(prefix)).cloned().collect()
    }

    /// The keys of the entries that may be tried at `now`, in no order that means anything.
    pub(super) fn ready(&self, for_crm: bool, now: Timestamp) -> Vec<String> {
        let entries = self.queue(for_crm).entries.iter();
        entries.take_while(|(at, ..)| *at <= now).map(|(_, _, key)| key.clone()).collect()
    }

    /// The keys of the entries that are to wait until after `at`.
    pub(super) fn beyond(&self, for_crm: bool, at: Timestamp) -> Vec<String> {
        let entries = self.queue(for_crm).entries.iter().rev();
        entries.take_while(|(until, ..)| *until > at).map(|(_, _, key)| key.clone()).collect()
    }

    /// When the first entry that has to wait at `now` need not any more.
    pub(super) fn next(&self, for_crm: bool, now: Timestamp) -> Option<Timestamp> {
        let from = (now.plus(1), 0, String::new());
        self.queue(for_crm).entries.range(from..).next().map(|(at, ..)| *at)
    }

    pub(super) fn changes(&self, for_crm: bool) -> u64 {
        self.queue(for_crm).changes
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn oldest(&self, for_crm: Option<bool>) -> Option<Timestamp> {
        let asked = self.places.values().filter(|place| for_crm.is_none_or(|for_crm| place.for_crm == for_crm));
        asked.map(|place| place.decided_at).min()
    }

    pub(super) fn last_sequence(&self) -> u64 {
        self.places.values().map(|place| place.sequence).max().unwrap_or_default()
    }
}
