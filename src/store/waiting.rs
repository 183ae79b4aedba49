//! What waits in the outbox, in memory and in order: a worker finds what it may try without reading what has to
//! wait. Made from the rows when the store is opened; every batch that is applied is entered.

use std::collections::{BTreeSet, HashMap};

use super::OutboxEntry;
use crate::domain::Timestamp;

/// A change of the outbox.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// An entry was set.
    Put(String, Place),
    /// An entry was removed.
    Remove(String),
}

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    for_crm: bool,
    not_before: Timestamp,
    sequence: u64,
    decided_at: Timestamp,
}

impl Place {
    pub(super) fn of(entry: &OutboxEntry) -> Self {
        let OutboxEntry { effect, sequence, not_before, decided_at, .. } = entry;
        let for_crm = effect.is_for_crm();
        Self { for_crm, not_before: *not_before, sequence: *sequence, decided_at: *decided_at }
    }
}

/// One worker's share, by the instant before which an entry is not tried.
#[derive(Debug, Default)]
struct Queue {
    entries: BTreeSet<(Timestamp, u64, String)>,
    changes: u64,
}

/// The whole outbox, without what its entries say.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    crm: Queue,
    telegram: Queue,
    places: HashMap<String, Place>,
}

impl Waiting {
    pub(super) fn enter(&mut self, change: Change) {
        match change {
            Change::Put(key, place) => {
                self.remove(&key);
                let queue = self.queue_mut(place.for_crm);
                queue.entries.insert((place.not_before, place.sequence, key.clone()));
                queue.changes += 1;
                self.places.insert(key, place);
            }
            Change::Remove(key) => self.remove(&key),
        }
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

    pub(super) fn holds(&self, key: &str) -> bool {
        self.places.contains_key(key)
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
