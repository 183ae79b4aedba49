//! What lies ahead of every lead that is watched, in memory: other rules are tried on all of them without reading
//! a single history. The store has the durable copy.

use std::collections::BTreeMap;

use crate::decide::Outlook;
use crate::domain::{LeadId, Timestamp};
use crate::rules::Settings;
use crate::store::{Evaluated, Result, Store};

/// The outlooks of all leads that are neither closed nor deleted and have been evaluated.
#[derive(Debug, Default)]
pub struct Outlooks(BTreeMap<LeadId, Watched>);

#[derive(Debug)]
struct Watched {
    evaluated: Evaluated,
    outlook: Outlook,
}

/// What rules would do to all leads at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Review {
    /// How many leads were looked at.
    pub leads: usize,
    /// How many alerts open, for the first time or again.
    pub opened: usize,
    /// How many alerts the rules close.
    pub closed: usize,
}

impl Outlooks {
    /// Reads them all.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn load(store: &Store) -> Result<Self> {
        let row = |row: Result<_>| row.map(|(lead, evaluated, outlook)| (lead, Watched { evaluated, outlook }));
        store.outlooks().map(row).collect::<Result<_>>().map(Self)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What `rules` would do to all leads at `now`. Of a lead with a fact that was dated later and has come true, it
    /// takes the history to say: it is due anyway.
    pub fn review(&self, rules: &Settings, now: Timestamp) -> Review {
        let mut review = Review { leads: self.0.len(), ..Review::default() };
        for prospect in self.0.values().filter_map(|watched| watched.outlook.at(rules, now)) {
            review.opened += prospect.opened;
            review.closed += prospect.closed;
        }
        review
    }

    /// The leads that are due at another instant under `rules`, and when. One that is due by `now` stays so.
    pub(super) fn moved(&self, rules: &Settings, now: Timestamp) -> Vec<(LeadId, Option<Timestamp>)> {
        let waiting = self.0.iter().filter(|(_, watched)| watched.evaluated.due.is_none_or(|due| due > now));
        let moved = waiting.filter_map(|(lead, Watched { evaluated, outlook })| {
            let due = match outlook.at(rules, now) {
                Some(prospect) if prospect.opened + prospect.closed == 0 => outlook.next_due(rules, now),
                Some(_) | None => Some(now),
            };
            (due != evaluated.due).then(|| (lead.clone(), due))
        });
        moved.collect()
    }

    pub(super) fn evaluated(&self, lead: &LeadId) -> Option<Evaluated> {
        self.0.get(lead).map(|watched| watched.evaluated)
    }

    pub(super) fn outlook(&self, lead: &LeadId) -> Option<&Outlook> {
        self.0.get(lead).map(|watched| &watched.outlook)
    }

    /// Sets when a lead is due, if it is watched.
    pub(super) fn set_evaluated(&mut self, lead: &LeadId, evaluated: Evaluated) {
        if let Some(watched) = self.0.get_mut(lead) {
            watched.evaluated = evaluated;
        }
    }

    /// Sets what lies ahead of a lead; without an outlook it is watched no longer.
    pub(super) fn set(&mut self, lead: &LeadId, evaluated: Evaluated, outlook: Option<Outlook>) {
        let Some(outlook) = outlook else { return self.forget(lead) };
        let watched = Watched { evaluated, outlook };
        match self.0.get_mut(lead) {
            Some(known) => *known = watched,
            None => drop(self.0.insert(lead.clone(), watched)),
        }
    }

    pub(super) fn forget(&mut self, lead: &LeadId) {
        self.0.remove(lead);
    }
}
