//! Calls that reps have planned: each is spoken of shortly before it begins, and asked about when it is over and nobody has
//! noted how it went. A row holds what has been said, so that a restart says nothing twice; what is decided is checked
//! against the mirror again before it is said. What waits is a list by time: no lead costs anything.

use super::Engine;
use crate::domain::appointment::{Appointment, Planned, Stage, Told};
use crate::domain::deed::CALL_LASTS;
use crate::domain::effect::Effect;
use crate::domain::observation::RecordRef;
use crate::domain::{
    Activity, ActivityId, ActivityStatus, Channel, ChatId, HOUR, LeadId, MINUTE, Seconds, Timestamp, UserId,
};
use crate::store::{Batch, Diary, Result, Said, Store};

/// A call that somebody logs is the one that was planned for so long before or after, in seconds.
const AROUND: Seconds = 2 * HOUR;
/// What becomes due within so many seconds is looked at already.
const AHEAD: Seconds = 5;
/// So long before a call, in seconds, it is spoken of although the CRM has not been seen just now,
const AT_THE_LATEST: Seconds = 2 * MINUTE;
/// unless that is so long ago.
const TOO_LONG_AGO: Seconds = HOUR;

/// What has become of an appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is as it was planned.
    Planned,
    /// It took place, or did not: the activity's status.
    Over(ActivityStatus),
    /// It is to take place then.
    Moved(Timestamp),
    /// It is no more.
    Gone,
    /// It, or the lead, is another's.
    Anothers,
}

/// What has become of an appointment that was to begin at `begin` for `user`.
///
/// # Errors
/// When the store cannot be read.
pub fn standing(store: &Store, appointment: &Appointment, user: &UserId, begin: Timestamp) -> Result<Standing> {
    let Some(lead) = store.lead(&appointment.lead)?.filter(|lead| !lead.deleted) else { return Ok(Standing::Gone) };
    let Some(activity) = store.activity(&appointment.lead, &appointment.activity)? else { return Ok(Standing::Gone) };
    Ok(match activity.status {
        ActivityStatus::Planned if lead.owner.as_ref() != Some(user) || appointment.user != *user => Standing::Anothers,
        ActivityStatus::Planned if activity.timestamp != begin => Standing::Moved(activity.timestamp),
        ActivityStatus::Planned => Standing::Planned,
        status => Standing::Over(status),
    })
}

impl Appointment {
    /// Whether it is still to take place as it was planned.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn stands(&self, store: &Store) -> Result<bool> {
        Ok(standing(store, self, &self.user, self.begin)? == Standing::Planned)
    }
}

/// The planned activity of a record as an appointment; what was said of it before stays said while it is at the same time
/// for the same person.
pub(super) fn seen(
    before: Option<&Appointment>,
    activity: &Activity,
    planned: &Planned,
    crm_id: Option<&str>,
    now: Timestamp,
) -> Option<Appointment> {
    // One that is nobody's any more is not its former owner's either.
    let user = planned.user.clone().or(before.map(|_| UserId::from("")))?;
    let usual = if planned.is_call { CALL_LASTS } else { HOUR };
    let begin = activity.timestamp;
    let end = planned.end.filter(|end| *end > begin).unwrap_or(begin.plus(usual));
    let crm_id = crm_id.map(str::to_owned).or(before.and_then(|before| before.crm_id.clone()));
    let fresh = Appointment {
        lead: activity.lead_id.clone(),
        activity: activity.id.clone(),
        crm_id,
        user,
        is_call: planned.is_call,
        begin,
        end,
        stage: Appointment::first_stage(planned.is_call, begin, end, now),
        told: before.map(|before| before.told.clone()).unwrap_or_default(),
    };
    let stage = before.filter(|before| before.is_same(&fresh)).map_or(fresh.stage, |before| before.stage);
    let seen = Appointment { stage, ..fresh };
    // What was over before anybody heard of it is nothing to remember.
    (before.is_some() || now < seen.end).then_some(seen)
}

impl Engine {
    /// Has the records of calls looked at in the next round of which something is to be said after it: that one is gone shows
    /// in no list of what was modified.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn look_at_appointments(&mut self) -> Result<()> {
        let mut batch = Batch::default();
        for (lead, activity) in self.store.appointments_due(self.now().plus(AHEAD))? {
            let known = self.store.appointment(&lead, &activity)?;
            let to_say = known.filter(|known| known.is_call && known.stage != Stage::Asked);
            if let Some(crm_id) = to_say.and_then(|known| known.crm_id) {
                let sequence = self.next_sequence();
                batch.put_hint(&RecordRef::new("Call", crm_id), sequence);
            }
        }
        self.store.apply(batch)
    }

    /// Has said what is due: that a call begins soon, and asked how it went. What the CRM may know better waits until that
    /// was seen.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn mind_appointments(&mut self) -> Result<()> {
        let now = self.now();
        for (lead, activity) in self.store.appointments_due(now)? {
            let Some(appointment) = self.store.appointment(&lead, &activity)? else { continue };
            self.mind_appointment(&appointment, now)?;
        }
        Ok(())
    }

    fn mind_appointment(&mut self, before: &Appointment, now: Timestamp) -> Result<()> {
        let (lead, activity, at) = (before.lead.clone(), before.activity.clone(), before.begin);
        let (next, effect) = match before.stage {
            Stage::ToCome if now >= before.begin => (Stage::Announced, None),
            Stage::ToCome if !self.is_certain(before, now)? => return Ok(()),
            Stage::ToCome => (Stage::Announced, Some(Effect::RemindOfCall { lead, activity, at })),
            Stage::Announced if !self.is_looked_at(before)? => return Ok(()),
            Stage::Announced => (Stage::Asked, Some(Effect::AskAboutCall { lead, activity, at })),
            Stage::Asked => return self.forget_appointment(before, now),
        };
        let mut batch = Batch::default();
        batch.put_appointment(&Appointment { stage: next, ..before.clone() }, Some(before));
        if let Some(effect) = effect.filter(|_| before.is_call)
            && before.stands(&self.store)?
        {
            self.add_effect(&mut batch, effect, now)?;
        }
        self.store.apply(batch)
    }

    /// Whether the CRM, and the very record, have been seen since something became due.
    fn is_looked_at(&self, appointment: &Appointment) -> Result<bool> {
        let hint = |id: &String| self.store.hint(&RecordRef::new("Call", id.as_str()));
        let waits = appointment.crm_id.as_ref().map(hint).transpose()?.flatten().is_some();
        Ok(!waits && self.last_sync().is_some_and(|seen| seen >= appointment.due()))
    }

    /// Whether a reminder can be said; at the very last it is enough that the CRM was seen not long ago.
    fn is_certain(&self, appointment: &Appointment, now: Timestamp) -> Result<bool> {
        let is_late = appointment.begin.since(now) <= AT_THE_LATEST;
        let lately = self.last_sync().is_some_and(|seen| now.since(seen) <= TOO_LONG_AGO);
        Ok(self.is_looked_at(appointment)? || is_late && lately)
    }

    fn forget_appointment(&mut self, appointment: &Appointment, now: Timestamp) -> Result<()> {
        let mut batch = Batch::default();
        batch.remove_appointment(appointment);
        for told in &appointment.told {
            batch.remove_call_message(told.chat, told.message_id);
            if !told.settled {
                let (lead, chat, message_id) = (appointment.lead.clone(), told.chat, told.message_id);
                self.add_effect(&mut batch, Effect::CloseCall { lead, chat, message_id }, now)?;
            }
        }
        self.store.apply(batch)
    }

    /// Keeps a message that was sent about a call, that it was said in the diary, and that the effect named by (key,
    /// sequence) is done.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn call_told(
        &mut self,
        (lead, activity): (&LeadId, &ActivityId),
        told: Told,
        said: Said,
        (key, sequence): (&str, u64),
    ) -> Result<()> {
        let mut batch = Batch::default();
        let mut diary: Diary = self.store.diary(told.user.as_str())?;
        diary.said.retain(|before| said.at.since(before.at) <= HOUR && before.at <= said.at);
        diary.said.push(said);
        batch.put_diary(told.user.as_str(), &diary);
        batch.put_call_message(told.chat, told.message_id, lead, activity);
        if let Some(before) = self.store.appointment(lead, activity)? {
            let mut next = before.clone();
            next.told.push(told);
            batch.put_appointment(&next, Some(&before));
        }
        self.settle_in(&mut batch, key, sequence)?;
        self.store.apply(batch)?;
        self.ahead.push("telegram-recorded");
        // It may have changed while it was being said.
        self.recall(lead, activity)
    }

    /// These messages about a call show what has become of it, and nothing more will be changed in them; the effect named
    /// by (key, sequence) is done, if there is one.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn call_messages_done(
        &mut self,
        (lead, activity): (&LeadId, &ActivityId),
        done: &[(ChatId, i32)],
        effect: Option<(&str, u64)>,
    ) -> Result<()> {
        let mut batch = Batch::default();
        if let Some(before) = self.store.appointment(lead, activity)? {
            let mut next = before.clone();
            for told in next.told.iter_mut().filter(|told| done.contains(&(told.chat, told.message_id))) {
                told.settled = true;
            }
            if next != before {
                batch.put_appointment(&next, Some(&before));
            }
        }
        if let Some((key, sequence)) = effect {
            self.settle_in(&mut batch, key, sequence)?;
        }
        self.store.apply(batch)
    }

    /// Has the messages about a call brought to what has become of it, if there are any and it is not as it was.
    fn recall(&mut self, lead: &LeadId, activity: &ActivityId) -> Result<()> {
        let mut batch = Batch::default();
        self.recall_in(&mut batch, lead, activity)?;
        self.store.apply(batch)
    }

    /// The same, with what is written along with it.
    pub(super) fn recall_in(&mut self, batch: &mut Batch, lead: &LeadId, activity: &ActivityId) -> Result<()> {
        let known = self.store.appointment(lead, activity)?;
        if known.is_some_and(|known| known.told.iter().any(|told| !told.settled)) {
            let now = self.now();
            self.add_effect(batch, Effect::RefreshCall { lead: lead.clone(), activity: activity.clone() }, now)?;
        }
        Ok(())
    }

    /// The planned call that a call which a user logs at `at` is: the nearest of that user's with the lead that was to take
    /// place around then.
    pub(super) fn planned_around(&self, lead: &LeadId, user: &UserId, at: Timestamp) -> Result<Option<Appointment>> {
        let mut around = Vec::new();
        for appointment in self.store.appointments_of(lead)? {
            let is_near = appointment.begin.since(at).abs() <= AROUND;
            if appointment.is_call && appointment.user == *user && is_near {
                let activity = self.store.activity(lead, &appointment.activity)?;
                let is_planned = activity
                    .is_some_and(|known| known.status == ActivityStatus::Planned && known.channel == Channel::Call);
                around.extend(is_planned.then_some(appointment));
            }
        }
        Ok(around.into_iter().min_by_key(|appointment| appointment.begin.since(at).abs()))
    }
}
