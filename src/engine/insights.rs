//! What the CRM shows of each lead beside its alerts: worked out when a lead's facts change, and for all active leads
//! once a day, since time changes it as well. Only what differs from what was written last is written.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Engine;
use super::evaluate::is_first_evaluation;
use crate::domain::effect::Effect;
use crate::domain::{Activity, DAY, Lead, LeadId, Timestamp};
use crate::espo::write::{InsightWrite, insight_attributes};
use crate::insight::habits::{Habits, Survey};
use crate::insight::lead::{Lens, known_of};
use crate::insight::zone;
use crate::rules::{attempts, preferred, rates};
use crate::store::{Batch, InsightRow, OutboxEntry, Result, Store};

/// How far all leads have been gone through is kept under this name.
const CURSOR: &str = "insights";
/// What was learned from them is kept under this one.
const HABITS: &str = "habits";
/// Leads gone through in one job: other jobs wait no longer than these take.
const LEADS_PER_JOB: usize = 200;
/// At most so many are written before anything else gets its turn.
const WRITES_AT_ONCE: usize = 20;

/// How far all leads have been gone through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    /// The last one that was looked at.
    after: Option<LeadId>,
    /// When this time through began.
    begun: Timestamp,
    /// It is through.
    done: bool,
}

/// A lead's record in the CRM that is not as it should be.
#[derive(Clone, Debug)]
pub(super) struct Outdated {
    pub(super) lead: LeadId,
    /// As it should be.
    pub(super) attributes: Map<String, Value>,
    /// Its id in the CRM, if it is known to exist.
    pub(super) crm_id: Option<String>,
    fingerprint: u64,
}

/// What is next of going through all leads.
#[derive(Debug)]
pub(super) enum Portion {
    /// These are to be written, and then [`Engine::insights_gone_through`] is to hear of `last`.
    Some {
        outdated: Vec<Outdated>,
        /// The last one that was looked at; `None`: there are no more.
        last: Option<LeadId>,
    },
    /// Nothing is to be done before.
    NotBefore(Timestamp),
    /// The leads have not all been evaluated yet: that comes first.
    NotYet,
}

/// What has been learned of how the team's leads answer.
///
/// # Errors
/// When the store cannot be read.
pub fn habits(store: &Store) -> Result<Habits> {
    Ok(store.cursor(HABITS)?.unwrap_or_default())
}

impl Engine {
    /// What is to be written of a lead; `None` when that has been done, or it is closed: then the record stays.
    pub(super) fn outdated_insight(&self, lead: &LeadId) -> Result<Option<Outdated>> {
        let Some(lead) = self.store.lead(lead)?.filter(|lead| !lead.deleted) else { return Ok(None) };
        if !self.policy.rules.is_active_status(&lead.status) {
            return Ok(None);
        }
        let activities = self.store.activities(&lead.id)?;
        self.outdated_insight_of(lead, &activities, &habits(&self.store)?)
    }

    fn outdated_insight_of(&self, lead: Lead, activities: &[Activity], habits: &Habits) -> Result<Option<Outdated>> {
        let (now, rules) = (self.now(), &self.policy.rules);
        let preferred = preferred(activities, rules, now).map(|rate| rate.channel);
        let zone = self.policy.calendars.everybody().zone();
        let home = lead.phone.as_deref().and_then(zone::of_phone).unwrap_or(zone);
        let lens = Lens { usual: &habits.hours, home, zone, grace: rules.next_step_grace };
        let insight = known_of(activities, rates(activities, rules, now), preferred, lens, now);
        let written = self.store.insight(&lead.id)?;
        if insight.is_empty() && written.is_none() {
            return Ok(None);
        }
        let attributes = insight_attributes(&InsightWrite { lead: &lead, insight: &insight });
        let fingerprint = fingerprint(&attributes);
        if written.as_ref().is_some_and(|written| written.fingerprint == fingerprint) {
            return Ok(None);
        }
        let crm_id = written.map(|written| written.crm_id);
        Ok(Some(Outdated { lead: lead.id, attributes, crm_id, fingerprint }))
    }

    /// The first of the effects in `entries` that ask for a record to be written, with what is to be written; those
    /// before it that ask for nothing are settled. With `is_off` all are.
    pub(super) fn outdated_of(
        &mut self,
        entries: Vec<(String, OutboxEntry)>,
        is_off: bool,
    ) -> Result<Vec<(String, OutboxEntry, Outdated)>> {
        let (mut batch, mut asked) = (Batch::default(), Vec::new());
        for (key, entry) in entries.into_iter().take(LEADS_PER_JOB) {
            let outdated = match &entry.effect {
                Effect::WriteInsight(lead) if !is_off => self.outdated_insight(lead)?,
                _ => None,
            };
            match outdated {
                Some(outdated) => asked.push((key, entry, outdated)),
                None => self.settle_in(&mut batch, &key, entry.sequence)?,
            }
            if asked.len() == WRITES_AT_ONCE {
                break;
            }
        }
        self.store.apply(batch)?;
        Ok(asked)
    }

    /// A lead's record is as it should be.
    pub(super) fn insight_written(&mut self, outdated: &Outdated, crm_id: String) -> Result<()> {
        let mut batch = Batch::default();
        batch.put_insight(&outdated.lead, &InsightRow { crm_id, fingerprint: outdated.fingerprint });
        self.store.apply(batch)
    }

    /// Goes on through all leads, up to the next few that are to be written.
    pub(super) fn next_insights(&mut self) -> Result<Portion> {
        if !self.is_backfilled() || is_first_evaluation(&self.store)? {
            return Ok(Portion::NotYet);
        }
        let now = self.now();
        let cursor = self.store.cursor::<Cursor>(CURSOR)?;
        let again = cursor.as_ref().filter(|cursor| cursor.done).map(|cursor| cursor.begun.plus(DAY));
        if let Some(again) = again.filter(|again| *again > now && again.since(now) <= DAY) {
            return Ok(Portion::NotBefore(again));
        }
        let after = cursor.filter(|cursor| !cursor.done).and_then(|cursor| cursor.after);
        if after.is_none() {
            self.survey = Some(Survey::default());
        }
        let habits = habits(&self.store)?;
        let (mut outdated, mut last, mut looked_at) = (Vec::new(), None, 0);
        let ids: Vec<LeadId> = self.store.lead_ids_after(after.as_ref()).take(LEADS_PER_JOB).collect::<Result<_>>()?;
        for lead in ids {
            outdated.extend(self.look_at(&lead, &habits)?);
            looked_at += 1;
            last = Some(lead);
            if outdated.len() == WRITES_AT_ONCE {
                return Ok(Portion::Some { outdated, last });
            }
        }
        Ok(Portion::Some { outdated, last: last.filter(|_| looked_at == LEADS_PER_JOB) })
    }

    /// Counts a lead, closed ones too, into what is learned of all, and returns what is to be written of it.
    fn look_at(&mut self, lead: &LeadId, habits: &Habits) -> Result<Option<Outdated>> {
        let now = self.now();
        let Some(lead) = self.store.lead(lead)?.filter(|lead| !lead.deleted) else { return Ok(None) };
        let activities = self.store.activities(&lead.id)?;
        let home = lead.phone.as_deref().and_then(zone::of_phone).unwrap_or(self.policy.calendars.everybody().zone());
        let attempts = attempts(&activities, &self.policy.rules, now);
        if let Some(survey) = &mut self.survey {
            survey.see(&lead.id, &attempts, &activities, home, now);
        }
        if !self.policy.rules.is_active_status(&lead.status) {
            return Ok(None);
        }
        self.outdated_insight_of(lead, &activities, habits)
    }

    /// What was seen of all leads, once they have been gone through from the first to the last.
    pub(super) fn survey(&mut self) -> Option<Survey> {
        self.survey.take()
    }

    /// Keeps what was learned.
    pub(super) fn learned(&mut self, habits: &Habits) -> Result<()> {
        let mut batch = Batch::default();
        batch.put_cursor(HABITS, habits);
        self.store.apply(batch)
    }

    /// All leads up to `last` have been gone through; `None`: all there are.
    pub(super) fn insights_gone_through(&mut self, last: Option<LeadId>) -> Result<()> {
        let known = self.store.cursor::<Cursor>(CURSOR)?.filter(|cursor| !cursor.done);
        let begun = known.map_or_else(|| self.now(), |cursor| cursor.begun);
        let mut batch = Batch::default();
        batch.put_cursor(CURSOR, &Cursor { done: last.is_none(), after: last, begun });
        self.store.apply(batch)
    }
}

/// What a record says, as one number: the same for the same words, also after a restart. Another compiler may make another
/// number of them; then each record is looked up once more, and found to be as it should be.
fn fingerprint(attributes: &Map<String, Value>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (name, value) in attributes {
        name.hash(&mut hasher);
        value.to_string().hash(&mut hasher);
    }
    hasher.finish()
}
