//! Which rules are in force, and since when. Other rules (a changed threshold, a rule switched off, another list of
//! active statuses) are tried on every lead once, and what they open and close is said before anybody hears of it.

use serde::{Deserialize, Serialize};

use super::Engine;
use super::review::{Review, moved, review};
use crate::decide;
use crate::domain::{Alert, LeadId, Timestamp};
use crate::rules::Settings;
use crate::store::{Batch, Evaluated, Result, Store};

/// The rules in force are kept under this name.
const RULES: &str = "rules_in_force";
/// The statuses that the CRM itself calls no longer actual, as last heard.
const CLOSED_STATUSES: &str = "closed_statuses";
/// Whether leads can be archived as configured, as last heard.
const CAN_ARCHIVE: &str = "can_archive";
/// Leads in one write.
const LEADS_PER_BATCH: usize = 1_000;

/// The rules that alerts were last decided by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Rulebook {
    /// All of them, as text to compare.
    rules: String,
    /// What of them has shaped the outlooks that are stored.
    shape: String,
    since: Timestamp,
}

impl Rulebook {
    /// What neither opens nor closes anything is left out: changed, it is no news for any alert.
    fn of(rules: &Settings, since: Timestamp) -> Self {
        let (target, severities) = (Settings::default().target, Settings::default().severities);
        let mut rules = Settings { target, severities, ..rules.clone() };
        rules.not_active_statuses.sort();
        if rules.active_statuses.is_some() {
            rules.not_active_statuses.clear();
        }
        Self { rules: format!("{rules:?}"), shape: rules.shape_of_summaries(), since }
    }
}

/// The rules as configured, completed by what the CRM told of its statuses. Before it has told, the stock ones.
///
/// # Errors
/// When the store cannot be read.
pub fn completed(rules: Settings, store: &Store) -> Result<Settings> {
    Ok(match store.meta(CLOSED_STATUSES)? {
        Some(not_active_statuses) => Settings { not_active_statuses, ..rules },
        None => rules,
    })
}

/// Whether leads can be given the status that archiving gives them. Before the CRM has told, they can.
///
/// # Errors
/// When the store cannot be read.
pub fn can_archive(store: &Store) -> Result<bool> {
    Ok(store.meta(CAN_ARCHIVE)?.unwrap_or(true))
}

impl Engine {
    /// Whether the CRM has the status that archiving gives leads, and does not have it watched.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn know_whether_to_archive(&mut self, can_archive: bool) -> Result<()> {
        if self::can_archive(&self.store)? == can_archive {
            return Ok(());
        }
        let mut batch = Batch::default();
        batch.put_meta(CAN_ARCHIVE, &can_archive);
        self.store.apply(batch)
    }

    /// The CRM told which statuses are no longer actual.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn know_closed_statuses(&mut self, closed: Vec<String>) -> Result<()> {
        let mut batch = Batch::default();
        batch.put_meta(CLOSED_STATUSES, &closed);
        self.store.apply(batch)?;
        self.policy.rules.not_active_statuses = closed;
        self.heed_rules()
    }

    /// When the rules are not those of the last decisions: tries them on all leads, says what they change, and marks
    /// the leads concerned as due.
    pub(super) fn heed_rules(&mut self) -> Result<()> {
        let now = self.now();
        let known: Option<Rulebook> = self.store.meta(RULES)?;
        // Without any before them they are in force from the beginning of time.
        let since = known.as_ref().map_or(Timestamp(i64::MIN), |_| now);
        let new = Rulebook::of(&self.policy.rules, since);
        if let Some(known) = known.as_ref().filter(|known| known.rules == new.rules) {
            self.rules_since = known.since;
            return Ok(());
        }
        self.no_rules_in_force(known.as_ref())?;
        let mut watched_no_longer = 0;
        if known.as_ref().is_none_or(|known| known.shape != new.shape) {
            watched_no_longer = self.renew_outlooks(now)?;
        }
        let mut review = review(&self.store.outlooks(), &self.policy.rules, now);
        review.closed += watched_no_longer;
        if known.is_some() {
            let Review { leads, opened, closed } = review;
            tracing::info!(
                leads,
                opened,
                closed,
                "the rules have changed: all leads were looked at again; so many alerts open and close"
            );
        }
        let moved = moved(&self.store.outlooks(), &self.policy.rules, now);
        for moved in moved.chunks(LEADS_PER_BATCH) {
            let mut batch = Batch::default();
            moved.iter().for_each(|(lead, due)| batch.put_due(lead, *due));
            self.store.apply(batch)?;
        }
        let mut batch = Batch::default();
        batch.put_meta(RULES, &new);
        self.store.apply(batch)?;
        self.store.flush()?;
        self.rules_since = new.since;
        Ok(())
    }

    /// Killed from here on, the store is of neither rules: the next start finds that, whichever rules it is given.
    fn no_rules_in_force(&self, known: Option<&Rulebook>) -> Result<()> {
        let mut batch = Batch::default();
        if let Some(known) = known {
            batch.put_meta(RULES, &Rulebook { rules: String::new(), shape: String::new(), ..known.clone() });
        }
        self.store.apply(batch)
    }

    /// Makes the outlook of every lead that was evaluated anew, from its history. Returns how many alerts are open of
    /// leads that are not active any more.
    fn renew_outlooks(&mut self, now: Timestamp) -> Result<usize> {
        let leads = self.store.lead_ids().collect::<Result<Vec<_>>>()?;
        if !leads.is_empty() {
            tracing::info!(leads = leads.len(), "every lead's history is read again, to know what lies ahead of it");
        }
        let mut closed = 0;
        for leads in leads.chunks(LEADS_PER_BATCH) {
            let mut batch = Batch::default();
            for lead in leads {
                closed += self.renew_outlook(&mut batch, lead, now)?;
            }
            self.store.apply(batch)?;
        }
        Ok(closed)
    }

    fn renew_outlook(&self, batch: &mut Batch, lead: &LeadId, now: Timestamp) -> Result<usize> {
        let Some(loaded) = self.load(lead)?.filter(|loaded| loaded.evaluated.at.is_some()) else { return Ok(0) };
        let outlook = decide::outlook(&loaded.subject(), &self.policy.rules, now);
        let is_open = |alert: &&Alert| outlook.is_none() && alert.state.is_open();
        let closed = loaded.alerts.iter().filter(is_open).count();
        let before = loaded.evaluated;
        let due = if closed > 0 { Some(before.due.map_or(now, |due| due.min(now))) } else { before.due };
        let evaluated = Evaluated { due, ..before };
        batch.put_evaluated(lead, evaluated, outlook);
        Ok(closed)
    }
}
