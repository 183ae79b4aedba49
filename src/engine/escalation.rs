//! Escalation: a hot lead that nobody has dealt with in its target time. Its owner is reminded once, and after a while more
//! those who lead hear of it. Working hours count, and whatever touches the lead begins the count anew. What waits is a
//! list of open hot alerts by time: no lead costs anything.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Engine;
use super::evaluate::Loaded;
use super::told::{Destination, People, destinations, is_about, told};
use crate::decide::{Decision, Step};
use crate::domain::calendar::Calendar;
use crate::domain::effect::{Effect, Occasion};
use crate::domain::{
    ActivityStatus, Alert, AlertId, AlertState, AlertType, ChatId, Direction, LeadId, MINUTE, Seconds, Timestamp,
};
use crate::store::{Batch, Escalation, Result};

/// Whether others hear of a hot lead that waits, when, and who.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Whether anybody does.
    pub enabled: bool,
    /// How long after the owner was reminded, in seconds of working time.
    pub after: Seconds,
    /// Who leads, and where teams are told.
    pub people: People,
}

/// An alert that could not be escalated yet is looked at again after so many seconds.
const AGAIN_AFTER: Seconds = MINUTE;

impl Engine {
    /// Begins the count of the hot alerts that a decision opened, woke or gave to somebody else, and ends that of those it
    /// closed or silenced.
    pub(super) fn count_on(&self, batch: &mut Batch, loaded: &Loaded, decision: &Decision) -> Result<()> {
        for alert in decision.alerts.iter().filter(|alert| alert.alert_type == AlertType::HotLead24h) {
            let before = self.store.escalation(&alert.id)?;
            let since = touched_by(decision, alert, loaded);
            let next = match (&alert.state, since, &before) {
                (AlertState::Open, Some(since), _) => Some(self.begun(alert, since, before.as_ref())?),
                (AlertState::Open, None, _) | (_, _, None) => None,
                (_, _, Some(before)) => Some(Escalation { due: None, ..before.clone() }),
            };
            if let Some(next) = next.filter(|next| before.as_ref() != Some(next)) {
                batch.put_escalation(&alert.id, &next, before.as_ref());
            }
        }
        Ok(())
    }

    /// The count from `since` on. What this owner, and those who lead, have heard of this opening stays heard.
    fn begun(&self, alert: &Alert, since: Timestamp, before: Option<&Escalation>) -> Result<Escalation> {
        let same = before.filter(|before| before.opening == alert.openings && before.owner == alert.owner);
        let told = same.is_some_and(|same| same.told);
        let due = self.target_over(alert, since)?.filter(|_| !told);
        Ok(Escalation {
            opening: alert.openings,
            owner: alert.owner.clone(),
            since,
            due,
            reminded: same.is_some_and(|same| same.reminded),
            told,
        })
    }

    /// When the target time is over for what nobody has touched since then.
    fn target_over(&self, alert: &Alert, since: Timestamp) -> Result<Option<Timestamp>> {
        let calendar = self.hours_of(alert, since)?;
        let target = self.policy.rules.target(AlertType::HotLead24h);
        Ok(target.map(|target| calendar.after_working_time(since, target)))
    }

    /// Reminds, or tells those who lead, of every alert whose time is over; `is_certain`: everything that may have touched
    /// a lead has been seen. A lead that has not been looked at in this round is looked at first.
    pub(super) fn escalate_due(&mut self, is_certain: bool) -> Result<()> {
        let now = self.now();
        let mut due: BTreeSet<AlertId> = self.store.escalations_due(now)?.into_iter().collect();
        due.extend(self.looks.to_escalate.iter().cloned());
        for id in due {
            let Some(before) = self.store.escalation(&id)? else { continue };
            let alert = self.store.alert(&id)?.filter(|alert| is_about(alert, &before));
            let Some(alert) = alert.filter(|_| self.policy.escalation.enabled && !before.told) else {
                self.looks.to_escalate.remove(&id);
                self.put_escalation(&id, &Escalation { due: None, ..before.clone() }, &before)?;
                continue;
            };
            self.escalate(&alert, &before, now, is_certain)?;
        }
        Ok(())
    }

    fn escalate(&mut self, alert: &Alert, before: &Escalation, now: Timestamp, is_certain: bool) -> Result<()> {
        let later = |due: Timestamp| Escalation { due: Some(due), ..before.clone() };
        let since = self.last_touch(&alert.lead_id, before.since, now)?;
        if since > before.since
            && let Some(due) = self.target_over(alert, since)?.filter(|due| *due > now)
        {
            self.looks.to_escalate.remove(&alert.id);
            return self.put_escalation(&alert.id, &Escalation { since, ..later(due) }, before);
        }
        // It ran out as the office closed, or while the daemon was down and it is night now.
        let opens = self.hours_of(alert, now)?.next_open(now);
        if opens > now {
            return self.put_escalation(&alert.id, &later(opens), before);
        }
        if !is_certain {
            // No look can make sure as long as some sources do not answer: it is tried again, not looked at for ever.
            self.looks.to_escalate.remove(&alert.id);
            return self.put_escalation(&alert.id, &later(now.plus(AGAIN_AFTER)), before);
        }
        if !self.is_vouched_for(&alert.lead_id) {
            self.looks.suspects.insert(alert.lead_id.clone());
            self.looks.to_escalate.insert(alert.id.clone());
            return self.put_escalation(&alert.id, &later(now.plus(AGAIN_AFTER)), before);
        }
        self.looks.to_escalate.remove(&alert.id);
        self.go_further(alert, before, now)
    }

    /// The next step: the owner, and when that was or cannot be, those who lead.
    fn go_further(&mut self, alert: &Alert, before: &Escalation, now: Timestamp) -> Result<()> {
        let plan = self.policy.escalation.clone();
        let first = told(&self.store, &plan.people, alert, now)?.and_then(|told| told.user);
        let is_told = self.store.outbox_entry(&announcement(alert, now).key())?.is_none();
        let owner = first.as_ref().is_some_and(|user| alert.owner.as_ref() == Some(&user.id) && is_told);
        let is_there = owner && !self.is_away(alert, now)?;
        let mut batch = Batch::default();
        let mut next = Escalation { due: None, ..before.clone() };
        if is_there && !before.reminded {
            next.reminded = true;
            next.due = Some(self.hours_of(alert, now)?.after_working_time(now, plan.after));
            self.add_effect(&mut batch, announcement(alert, now), now)?;
        } else {
            next.told = true;
            // Who stands in has been told as the owner would have been, and is reminded as well.
            if !is_there && !owner && first.is_some() && is_told && !before.reminded {
                next.reminded = true;
                self.add_effect(&mut batch, announcement(alert, now), now)?;
            }
            let others = destinations(&self.store, &plan.people, alert)?;
            tracing::info!(alert = %alert.id, told = others.len(), "a hot lead waits beyond its target time");
            for Destination { chat, topic } in others {
                self.add_effect(&mut batch, Effect::Escalate { alert: alert.id.clone(), chat, topic }, now)?;
            }
        }
        batch.put_escalation(&alert.id, &next, Some(before));
        self.store.apply(batch)
    }

    /// A team's chat took no message about an alert, whose effect is named by (key, sequence): whoever is told without it is
    /// told, and nobody twice.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn tell_without_the_chat(&mut self, alert: &AlertId, key: &str, sequence: u64) -> Result<()> {
        let mut batch = Batch::default();
        self.settle_in(&mut batch, key, sequence)?;
        if let Some(alert) = self.store.alert(alert)? {
            let messages = self.store.messages_about(&alert.id)?;
            let heard =
                |chat: ChatId| messages.iter().any(|one| one.chat == chat && one.occasion == Occasion::Escalated);
            for Destination { chat, topic } in destinations(&self.store, &self.policy.escalation.people, &alert)? {
                if !heard(chat) {
                    let now = self.now();
                    self.add_effect(&mut batch, Effect::Escalate { alert: alert.id.clone(), chat, topic }, now)?;
                }
            }
        }
        self.store.apply(batch)
    }

    /// The working hours that count from `at` on: the owner's; everybody's while the owner is away, since the lead waits all
    /// the same.
    fn hours_of(&self, alert: &Alert, at: Timestamp) -> Result<Arc<Calendar>> {
        let owner = alert.owner.as_ref();
        let is_away = match owner {
            Some(owner) => self.policy.calendars.is_away(&self.store, owner, at)?,
            None => false,
        };
        self.policy.calendars.of_owner(&self.store, owner.filter(|_| !is_away))
    }

    /// Whether the owner is away, or has asked to be left alone.
    fn is_away(&self, alert: &Alert, now: Timestamp) -> Result<bool> {
        let Some(owner) = &alert.owner else { return Ok(false) };
        let is_paused = self.store.preferences(owner)?.paused_until.is_some_and(|until| now < until);
        Ok(is_paused || self.policy.calendars.is_away(&self.store, owner, now)?)
    }

    /// When somebody of ours last did anything about a lead that leaves its alert open, such as a call in vain; at least
    /// `since`.
    fn last_touch(&self, lead: &LeadId, since: Timestamp, now: Timestamp) -> Result<Timestamp> {
        let ours = |status: ActivityStatus| status != ActivityStatus::Planned;
        let activities = self.store.activities(lead)?;
        let touches = activities.iter().filter(|one| one.direction == Direction::Out && ours(one.status));
        Ok(touches.map(|one| one.timestamp).filter(|at| *at <= now).fold(since, Timestamp::max))
    }

    fn put_escalation(&self, alert: &AlertId, next: &Escalation, before: &Escalation) -> Result<()> {
        let mut batch = Batch::default();
        batch.put_escalation(alert, next, Some(before));
        self.store.apply(batch)
    }
}

fn announcement(alert: &Alert, now: Timestamp) -> Effect {
    Effect::Announce { alert: alert.id.clone(), occasion: Occasion::Reminder, at: now, first_evaluation: false }
}

/// Since when a decision has an open alert wait for its owner; `None` when it does not touch that.
fn touched_by(decision: &Decision, alert: &Alert, loaded: &Loaded) -> Option<Timestamp> {
    let of_it = decision.transitions.iter().filter(|step| step.alert == alert.id);
    let begins = of_it.filter(|transition| match &transition.step {
        Step::Opened | Step::Unresolved | Step::Unsnoozed | Step::Woke => true,
        Step::Moved { from } => *from != loaded.lead.owner,
        Step::Closed(_) | Step::Resolved | Step::Snoozed { .. } => false,
    });
    begins.map(|transition| transition.at).max()
}
