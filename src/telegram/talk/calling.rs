//! What a tap below a planned call's message does: how the call went, or another time for it. The call that is in the CRM is
//! changed, and the tapped message says what has become of it.

use super::super::bot::Bot;
use super::super::render::{Key, KeyKind, Rendered, about_a_call};
use super::super::times::collides;
use super::Reader;
use crate::domain::appointment::Appointment;
use crate::domain::ask::Ask;
use crate::domain::{ActivityStatus, CallOutcome, Deed, DeedId, DeedKind, Lead, Timestamp};
use crate::engine::EngineError;
use crate::engine::appointments::{Standing, standing};
use crate::engine::day::occupied;
use crate::engine::deeds::Did;
use crate::voice::screens::{CallNow, Screen};

/// How many times to call at are offered.
const SLOTS: usize = 4;

/// A planned call whose message was tapped.
struct Tapped {
    appointment: Appointment,
    lead: Lead,
    standing: Standing,
}

impl Bot {
    /// The call that the message speaks of went so.
    pub(super) async fn call_went(
        &self,
        reader: &Reader,
        message_id: i32,
        outcome: CallOutcome,
    ) -> Result<Rendered, EngineError> {
        let Some(tapped) = self.tapped_call(reader, message_id)? else {
            return Ok(self.screen(reader, &Screen::AboutWhat, Vec::new()));
        };
        let at = tapped.appointment.begin.min(reader.now);
        let kind = DeedKind::FinishCall { activity: tapped.appointment.activity.clone(), outcome, at };
        if let Some(answer) = self.change_call(reader, message_id, &tapped, kind).await? {
            return Ok(answer);
        }
        let in_vain = outcome.status() == ActivityStatus::NoAnswer;
        let mut keyboard = Vec::new();
        if in_vain {
            let again = |at: Timestamp| Ask::Call(tapped.lead.id.clone(), Some(at));
            keyboard = self.times(reader, &tapped.lead, again)?;
        }
        Ok(self.call_now(reader, &tapped.lead, CallNow::Noted(outcome), keyboard))
    }

    /// The call that the message speaks of takes place at another time; when it is not said, times are offered.
    pub(super) async fn call_moves(
        &self,
        reader: &Reader,
        message_id: i32,
        to: Option<Timestamp>,
    ) -> Result<Rendered, EngineError> {
        let Some(tapped) = self.tapped_call(reader, message_id)? else {
            return Ok(self.screen(reader, &Screen::AboutWhat, Vec::new()));
        };
        let Some(to) = to.filter(|to| *to > reader.now) else {
            if let Some(now) = what_became(tapped.standing) {
                return Ok(self.call_now(reader, &tapped.lead, now, Vec::new()));
            }
            let mut keyboard = self.times(reader, &tapped.lead, |at| Ask::CallMoves(Some(at)))?;
            let mut others = about_a_call(&self.speaker.voice, reader.manner, Vec::new());
            others.truncate(2);
            keyboard.extend(others);
            return Ok(self.call_now(reader, &tapped.lead, CallNow::Moves, keyboard));
        };
        let taken = self.is_taken(reader, &tapped.appointment, to)?;
        let kind = DeedKind::MoveCall { activity: tapped.appointment.activity.clone(), to };
        if let Some(answer) = self.change_call(reader, message_id, &tapped, kind).await? {
            return Ok(answer);
        }
        let now = if taken { CallNow::MovedOnto(to) } else { CallNow::Moved(to) };
        Ok(self.call_now(reader, &tapped.lead, now, Vec::new()))
    }

    /// Whether the reader has something else planned then than the call itself.
    fn is_taken(&self, reader: &Reader, call: &Appointment, at: Timestamp) -> Result<bool, EngineError> {
        let mut taken = occupied(self.engine.store(), &reader.user.id, reader.now)?;
        taken.retain(|span| *span != (call.begin, call.end));
        Ok(collides(&taken, at))
    }

    fn tapped_call(&self, reader: &Reader, message_id: i32) -> Result<Option<Tapped>, EngineError> {
        let store = self.engine.store();
        let Some((lead, activity)) = store.call_message(reader.chat, message_id)? else { return Ok(None) };
        let known = store.appointment(&lead, &activity)?.zip(store.lead(&lead)?);
        let Some((appointment, lead)) = known else { return Ok(None) };
        let told = appointment.told.iter().find(|told| (told.chat, told.message_id) == (reader.chat, message_id));
        let begin = told.map_or(appointment.begin, |told| told.begin);
        let standing = standing(store, &appointment, &reader.user.id, begin)?;
        Ok(Some(Tapped { appointment, lead, standing }))
    }

    /// Does what was tapped; what is answered instead when it cannot be done, or need not be any more.
    async fn change_call(
        &self,
        reader: &Reader,
        message_id: i32,
        tapped: &Tapped,
        kind: DeedKind,
    ) -> Result<Option<Rendered>, EngineError> {
        let Tapped { appointment, lead, standing } = tapped;
        let place = format!("{}:{message_id}", reader.chat);
        let id = DeedId::of(&["planned", &place, &appointment.begin.to_string(), &format!("{kind:?}")]);
        // Delivered again, the tap finds what it has done.
        if self.engine.store().deed(&id)?.is_some() {
            return Ok(None);
        }
        if let Some(now) = what_became(*standing) {
            return Ok(Some(self.call_now(reader, lead, now, Vec::new())));
        }
        match self.permissions.of(&reader.user.id, &lead.id).await {
            // What cannot be done now can be tapped again.
            None => {
                let keyboard = about_a_call(&self.speaker.voice, reader.manner, Vec::new());
                return Ok(Some(self.screen(reader, &Screen::CannotAsk, keyboard)));
            }
            Some(rights) if rights.read && rights.edit => {}
            Some(_) => return Ok(Some(self.screen(reader, &Screen::NotAllowed, Vec::new()))),
        }
        let (by, at) = (reader.user.id.clone(), reader.now);
        let deed = Deed { id, lead: lead.id.clone(), alert: None, by, at, kind };
        let (actor, call) = (reader.actor(), (lead.id.clone(), appointment.activity.clone()));
        let place = [(reader.chat, message_id)];
        let did = self.engine.run(move |engine| {
            // The tapped message says it by itself.
            engine.call_messages_done((&call.0, &call.1), &place, None)?;
            engine.do_deed(deed, &actor)
        });
        Ok(match did.await? {
            Did::Done | Did::Known => None,
            Did::NoLead => Some(self.call_now(reader, lead, CallNow::Gone, Vec::new())),
        })
    }

    fn call_now(&self, reader: &Reader, lead: &Lead, now: CallNow, keyboard: Vec<Vec<Key>>) -> Rendered {
        self.screen(reader, &Screen::CallNow { lead, now }, keyboard)
    }

    /// Times to call at, two in a row.
    fn times(
        &self,
        reader: &Reader,
        lead: &Lead,
        ask: impl Fn(Timestamp) -> Ask,
    ) -> Result<Vec<Vec<Key>>, EngineError> {
        let (voice, zone) = (&self.speaker.voice, reader.calendar.zone());
        let key = |at: Timestamp| Key {
            text: voice.instant_label(reader.manner, at, reader.now, zone),
            kind: KeyKind::Ask(ask(at)),
        };
        let slots = self.slots(&reader.user.id, lead, reader.now)?;
        let keys: Vec<Key> = slots.into_iter().take(SLOTS).map(key).collect();
        Ok(keys.chunks(2).map(<[Key]>::to_vec).collect())
    }
}

/// What has become of a call that is not to take place any more as it was told.
fn what_became(standing: Standing) -> Option<CallNow> {
    match standing {
        Standing::Planned => None,
        Standing::Over(ActivityStatus::NoAnswer) => Some(CallNow::NotHeld),
        Standing::Over(_) => Some(CallNow::Held),
        Standing::Moved(at) => Some(CallNow::Moved(at)),
        Standing::Gone => Some(CallNow::Gone),
        Standing::Anothers => Some(CallNow::Anothers),
    }
}
