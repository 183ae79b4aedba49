//! What users do by button beyond the alert itself: the deed, what it means for the mirror, what is decided on that, and the
//! effect that tells the CRM are one write. Until the CRM has been told, what it shows of the lead does not undo the deed.

use super::Engine;
use super::acts::Acted;
use super::appointments;
use super::chronicle::cited;
use super::evaluate::Loaded;
use super::observe::{fresh_as_of, reported};
use crate::domain::appointment::{self, Appointment, Planned};
use crate::domain::deed::{Deed, DeedKind, Mail, Refusal, UNDO_FOR};
use crate::domain::draft::Stage;
use crate::domain::effect::Effect;
use crate::domain::event::Actor;
use crate::domain::observation::RecordRef;
use crate::domain::{
    Activity, ActivityId, ActivityStatus, Alert, AlertId, Channel, DAY, Direction, Lead, LeadId, MINUTE, Reading,
    Seconds, Timestamp,
};
use crate::store::{Batch, NotRelevant, OutboxEntry, Result};

/// What came of a deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Did {
    /// It is done, here at least.
    Done,
    /// It had been done.
    Known,
    /// There is no such lead.
    NoLead,
}

/// The same deed by the same user within so many seconds is a second tap.
const SECOND_TAP: Seconds = 2 * MINUTE;
/// For how long a deed is remembered that the CRM has been told.
const REMEMBERED: Seconds = DAY;

impl Engine {
    /// Somebody does something about a lead that the CRM has to be told. What is decided on it is decided at once.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn do_deed(&mut self, deed: Deed, actor: &Actor) -> Result<Did> {
        self.do_deed_with(Batch::default(), deed, actor)
    }

    /// The same, with what is written along with it.
    pub(super) fn do_deed_with(&mut self, mut batch: Batch, deed: Deed, actor: &Actor) -> Result<Did> {
        let deed = self.of_what_was_planned(deed)?;
        if self.is_known(&deed)? {
            self.store.apply(batch)?;
            return Ok(Did::Known);
        }
        let now = self.now();
        if self.store.evaluated(&deed.lead).due.is_some_and(|due| due <= now) {
            self.evaluate_lead(&deed.lead)?;
        }
        let Some(mut loaded) = self.load(&deed.lead)?.filter(|loaded| !loaded.lead.deleted) else {
            self.store.apply(batch)?;
            return Ok(Did::NoLead);
        };
        self.forget_old_deeds(&mut batch)?;
        self.mirror(&mut batch, &mut loaded, &deed)?;
        batch.put_deed(&deed);
        self.add_effect(&mut batch, Effect::WriteDeed(deed.id.clone()), now)?;
        if let (DeedKind::SetStatus { .. }, Some(alert)) = (&deed.kind, &deed.alert) {
            let effect = Effect::UndoOver(alert.clone());
            let sequence = self.next_sequence();
            let not_before = now.plus(UNDO_FOR);
            batch.put_outbox(OutboxEntry { effect, sequence, attempts: 0, not_before, decided_at: now });
        }
        self.add_effect(&mut batch, Effect::WriteInsight(deed.lead), now)?;
        self.advance_by(loaded, batch, actor)?;
        Ok(Did::Done)
    }

    /// Somebody takes back that a lead was archived: its alert comes back to where it was said, without another word.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn undo(&mut self, alert: &AlertId, deed: Deed, actor: &Actor) -> Result<Did> {
        let did = self.do_deed(deed, actor)?;
        if !self.store.messages_about(alert)?.is_empty() {
            let mut batch = Batch::default();
            let announced = |effect: &Effect| matches!(effect, Effect::Announce { alert: told, .. } if told == alert);
            for (key, _) in self.store.outbox()?.into_iter().filter(|(_, entry)| announced(&entry.effect)) {
                batch.remove_outbox(&key);
            }
            batch.remove_outbox(&Effect::UndoOver(alert.clone()).key());
            self.store.apply(batch)?;
        }
        self.refresh_messages(alert)?;
        Ok(did)
    }

    /// Somebody says that an alert is beside the point: it is handled, and remembered for those who teach M.A.X. to read.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn not_relevant(&mut self, alert: &Alert, actor: &Actor, note: &str) -> Result<Acted> {
        let activity = cited(&alert.evidence).map(|cited| cited.activity_id.clone());
        let known = activity.as_ref().map(|id| self.store.activity(&alert.lead_id, id)).transpose()?.flatten();
        let mark = NotRelevant {
            alert: alert.id.clone(),
            lead: alert.lead_id.clone(),
            alert_type: alert.alert_type,
            openings: alert.openings,
            activity,
            reading: known.as_ref().map(|known| known.reading).unwrap_or_default(),
            text: known.map(|known| known.preview).unwrap_or_default(),
            by: actor.user.clone(),
            at: self.now(),
        };
        let mut batch = Batch::default();
        if alert.state.is_open() {
            batch.put_not_relevant(&mark);
        }
        self.resolve_with(batch, &alert.id, actor, note)
    }

    /// Whether this has been done: the same tap delivered again, or a second one right after it.
    fn is_known(&self, deed: &Deed) -> Result<bool> {
        if self.store.deed(&deed.id)?.is_some() {
            return Ok(true);
        }
        if let Some(activity) = deed.activity()
            && self.store.activity(&deed.lead, &activity)?.is_some()
        {
            return Ok(true);
        }
        let same = |known: &Deed| {
            let is_one_call = known.kind.outcome().is_some() && known.kind.outcome() == deed.kind.outcome();
            (&known.lead, &known.by) == (&deed.lead, &deed.by)
                && (known.kind == deed.kind || is_one_call)
                && (0..SECOND_TAP).contains(&deed.at.since(known.at))
        };
        Ok(self.store.deeds()?.iter().any(same))
    }

    fn forget_old_deeds(&self, batch: &mut Batch) -> Result<()> {
        let (now, pending) = (self.now(), self.store.pending_deeds()?);
        for old in self.store.deeds()? {
            let until = match old.kind {
                // As long as it is to take place nothing else is planned for then.
                DeedKind::PlanCall { at } => at.max(old.at),
                DeedKind::LogCall { .. }
                | DeedKind::FinishCall { .. }
                | DeedKind::MoveCall { .. }
                | DeedKind::SetStatus { .. }
                | DeedKind::Assign { .. }
                | DeedKind::SendMail(_)
                | DeedKind::OptOut => old.at,
            };
            if now.since(until) > REMEMBERED && pending.iter().all(|deed| deed.id != old.id) {
                batch.remove_deed(&old.id);
            }
        }
        Ok(())
    }

    /// What a deed means for the mirror.
    fn mirror(&mut self, batch: &mut Batch, loaded: &mut Loaded, deed: &Deed) -> Result<()> {
        let lead = match &deed.kind {
            DeedKind::PlanCall { at } => return self.add_call(batch, loaded, deed, ActivityStatus::Planned, *at),
            DeedKind::LogCall { outcome } => return self.add_call(batch, loaded, deed, outcome.status(), deed.at),
            DeedKind::FinishCall { activity, outcome, at } => {
                return self.change_call(batch, loaded, activity, outcome.status(), *at);
            }
            DeedKind::MoveCall { activity, to } => {
                return self.change_call(batch, loaded, activity, ActivityStatus::Planned, *to);
            }
            // It is said when the CRM has sent it: until then nobody has written.
            DeedKind::SendMail(_) => return Ok(()),
            DeedKind::SetStatus { .. } | DeedKind::Assign { .. } | DeedKind::OptOut => {
                self.with_deeds(loaded.lead.clone(), &[deed])
            }
        };
        batch.put_lead(&lead, Some(&loaded.lead));
        if lead.owner != loaded.lead.owner {
            for appointment in self.store.appointments_of(&lead.id)? {
                self.recall_in(batch, &lead.id, &appointment.activity)?;
            }
        }
        loaded.lead = lead;
        Ok(())
    }

    fn add_call(
        &self,
        batch: &mut Batch,
        loaded: &mut Loaded,
        deed: &Deed,
        status: ActivityStatus,
        at: Timestamp,
    ) -> Result<()> {
        let now = self.now();
        let activity = Activity {
            id: ActivityId(deed.id.0.clone()),
            lead_id: deed.lead.clone(),
            channel: Channel::Call,
            direction: Direction::Out,
            status,
            preview: String::new(),
            timestamp: at,
            created_at: (status == ActivityStatus::Planned).then_some(now),
            reading: Reading::default(),
            first_seen: now,
            fresh_as_of: fresh_as_of(at, now, self.last_sync()),
        };
        batch.put_record_link(&reported(&activity.id), &activity.lead_id, &activity.id);
        batch.put_activity(&activity);
        if status == ActivityStatus::Planned {
            let planned = Planned { user: Some(deed.by.clone()), end: None, is_call: true };
            if let Some(seen) = appointments::seen(None, &activity, &planned, None, now) {
                batch.put_appointment(&seen, None);
            }
        }
        insert(&mut loaded.activities, activity);
        Ok(())
    }

    /// A log of a call by whoever has one planned with the lead around then is about that one.
    fn of_what_was_planned(&self, deed: Deed) -> Result<Deed> {
        let DeedKind::LogCall { outcome } = deed.kind else { return Ok(deed) };
        let Some(planned) = self.planned_around(&deed.lead, &deed.by, deed.at)? else { return Ok(deed) };
        let kind = DeedKind::FinishCall { activity: planned.activity, outcome, at: deed.at };
        Ok(Deed { kind, ..deed })
    }

    /// A planned call of the mirror takes place at another time, or is over.
    fn change_call(
        &mut self,
        batch: &mut Batch,
        loaded: &mut Loaded,
        id: &ActivityId,
        status: ActivityStatus,
        at: Timestamp,
    ) -> Result<()> {
        let (now, last_sync) = (self.now(), self.last_sync());
        let Some(place) = loaded.activities.iter().position(|known| known.id == *id) else { return Ok(()) };
        let before = loaded.activities.remove(place);
        let activity = Activity {
            status,
            timestamp: at,
            created_at: before.created_at.filter(|_| status == ActivityStatus::Planned),
            first_seen: now,
            fresh_as_of: fresh_as_of(at, now, last_sync),
            ..before
        };
        batch.put_activity(&activity);
        if let Some(known) = self.store.appointment(&activity.lead_id, id)? {
            let changed = if status == ActivityStatus::Planned {
                let (planned, lasts) = (known.user.clone(), known.end.since(known.begin));
                let planned = Planned { user: Some(planned), end: Some(at.plus(lasts)), is_call: known.is_call };
                appointments::seen(Some(&known), &activity, &planned, None, now)
            } else {
                Some(Appointment { stage: appointment::Stage::Asked, ..known.clone() })
            };
            changed.iter().for_each(|changed| batch.put_appointment(changed, Some(&known)));
            self.recall_in(batch, &activity.lead_id, id)?;
        }
        insert(&mut loaded.activities, activity);
        Ok(())
    }

    /// A lead as the CRM shows it, with what it has not been told yet.
    pub(super) fn with_deeds(&self, mut lead: Lead, deeds: &[&Deed]) -> Lead {
        for deed in deeds.iter().filter(|deed| deed.lead == lead.id) {
            match &deed.kind {
                DeedKind::SetStatus { to, .. } => {
                    lead.status.clone_from(to);
                    let is_active = self.policy.rules.is_active_status(to);
                    lead.closed_at = (!is_active).then_some(lead.closed_at.unwrap_or(deed.at));
                }
                DeedKind::Assign { to, .. } => lead.owner = Some(to.clone()),
                DeedKind::OptOut => {
                    lead.do_not_call = true;
                    lead.email_opted_out = lead.email.is_some();
                }
                DeedKind::PlanCall { .. }
                | DeedKind::LogCall { .. }
                | DeedKind::FinishCall { .. }
                | DeedKind::MoveCall { .. }
                | DeedKind::SendMail(_) => {}
            }
        }
        lead
    }

    /// The CRM has a call of ours under this id: what it shows of it from now on is that activity.
    pub(super) fn call_made(&mut self, deed: &Deed, crm_id: &str) -> Result<()> {
        let Some(activity) = deed.activity() else { return Ok(()) };
        let record = RecordRef::new("Call", crm_id);
        let now = self.now();
        let mut batch = Batch::default();
        if let Some(known) = self.store.appointment(&deed.lead, &activity)? {
            let crm_id = Some(crm_id.to_owned());
            batch.put_appointment(&Appointment { crm_id, ..known.clone() }, Some(&known));
        }
        for known in self.store.record_links(&record)? {
            // Seen before we were told its id, by a CRM that does not show keys.
            if known.activity != activity {
                batch.remove_activity(&known.lead, &known.activity);
                batch.mark_due(&known.lead, now);
            }
        }
        batch.put_record_link(&record, &deed.lead, &activity);
        self.store.apply(batch)
    }

    /// The CRM has sent a mail of ours under this id: from now on it is an activity like any other.
    pub(super) fn mail_sent(&mut self, deed: &Deed, mail: &Mail, crm_id: &str) -> Result<()> {
        let (now, record, id) = (self.now(), RecordRef::new("Email", crm_id), ActivityId(deed.id.0.clone()));
        let mut batch = Batch::default();
        if self.store.activity(&deed.lead, &id)?.is_none() {
            batch.put_activity(&Activity {
                id: id.clone(),
                lead_id: deed.lead.clone(),
                channel: Channel::Email,
                direction: Direction::Out,
                status: ActivityStatus::Sent,
                preview: mail.text.chars().take(Activity::PREVIEW_CHARS).collect(),
                timestamp: now,
                created_at: None,
                reading: Reading::default(),
                first_seen: now,
                fresh_as_of: fresh_as_of(now, now, self.last_sync()),
            });
        }
        batch.put_record_link(&record, &deed.lead, &id);
        batch.mark_due(&deed.lead, now);
        self.mail_has_come_to(&mut batch, mail, Stage::Sent(now))?;
        self.add_effect(&mut batch, Effect::WriteInsight(deed.lead.clone()), now)?;
        self.store.apply(batch)
    }

    /// A planned call is not in the CRM any more, and so not in the mirror: what was noted of it is another one.
    pub(super) fn planned_call_gone(&mut self, lead: &LeadId, activity: &ActivityId) -> Result<()> {
        let now = self.now();
        let mut batch = Batch::default();
        batch.remove_activity(lead, activity);
        batch.remove_record_link(&reported(activity), lead);
        batch.mark_due(lead, now);
        self.store.apply(batch)
    }

    /// Nobody can say whether the CRM sent a mail: it is not sent again.
    pub(super) fn mail_unclear(&mut self, mail: &Mail) -> Result<()> {
        let mut batch = Batch::default();
        self.mail_has_come_to(&mut batch, mail, Stage::Unclear)?;
        self.store.apply(batch)
    }

    /// The CRM does not take a deed: the mirror follows the CRM again, and whoever did it is told.
    pub(super) fn refuse_deed(&mut self, deed: &Deed, why: Refusal) -> Result<()> {
        let now = self.now();
        let mut batch = Batch::default();
        if let Some(activity) = deed.activity() {
            batch.remove_activity(&deed.lead, &activity);
            batch.remove_record_link(&reported(&activity), &deed.lead);
            batch.mark_due(&deed.lead, now);
        }
        match &deed.kind {
            DeedKind::SendMail(mail) => self.mail_has_come_to(&mut batch, mail, Stage::Failed)?,
            DeedKind::OptOut => self.opt_out_refused(&mut batch, &deed.lead)?,
            DeedKind::PlanCall { .. }
            | DeedKind::LogCall { .. }
            | DeedKind::SetStatus { .. }
            | DeedKind::Assign { .. }
            | DeedKind::FinishCall { .. }
            | DeedKind::MoveCall { .. } => {}
        }
        if let Some(activity) = deed.kind.planned_call() {
            // As the CRM has it.
            let known = self.store.appointment(&deed.lead, activity)?;
            if let Some(crm_id) = known.and_then(|known| known.crm_id) {
                let sequence = self.next_sequence();
                batch.put_hint(&RecordRef::new("Call", crm_id), sequence);
            }
        }
        let sequence = self.next_sequence();
        batch.put_hint(&RecordRef::new("Lead", deed.lead.as_str()), sequence);
        // In one write with the hint: as long as it waits it speaks louder than what the CRM shows.
        batch.remove_outbox(&Effect::WriteDeed(deed.id.clone()).key());
        for link in self.store.links()?.into_iter().filter(|link| link.user == deed.by && !link.unreachable) {
            let effect = Effect::DeedRefused { deed: deed.id.clone(), chat: link.chat, why };
            self.add_effect(&mut batch, effect, now)?;
        }
        self.store.apply(batch)
    }
}

/// Puts an activity where its time has it.
fn insert(activities: &mut Vec<Activity>, activity: Activity) {
    let place = activities.partition_point(|it| (it.timestamp, &it.id) < (activity.timestamp, &activity.id));
    activities.insert(place, activity);
}
