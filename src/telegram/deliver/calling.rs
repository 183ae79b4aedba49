//! Planned calls in the chat: that one begins soon, how it went, and what has become of it. What was decided is checked once
//! more before it is said, and a rep who wants to be left alone is left alone.

use super::super::announce::Moment;
use super::super::render::{Key, KeyKind, Rendered, about_a_call, opens_from_a_button};
use super::{Attempt, Worker};
use crate::domain::appointment::{Appointment, FORGOTTEN_AFTER, Told};
use crate::domain::{Activity, ActivityId, ActivityStatus, Channel, ChatId, Lead, LeadId, Timestamp, UserId};
use crate::engine::EngineError;
use crate::engine::appointments::{Standing, standing};
use crate::engine::told::reachable;
use crate::insight::advice;
use crate::store::{OutboxEntry, Said};
use crate::voice::screens::{CallNow, Scene, Screen};
use crate::voice::{ButtonLabel, Content};

/// Which planned call.
pub(super) type Call<'a> = (&'a LeadId, &'a ActivityId);

impl Worker {
    /// Says that a call begins soon; nothing to whoever does not want to hear of anything before it does.
    pub(super) async fn remind_of_call(
        &mut self,
        key: &str,
        entry: &OutboxEntry,
        call: Call<'_>,
        at: Timestamp,
    ) -> Result<(), EngineError> {
        let now = self.now();
        let Some((appointment, lead)) = self.still_planned(call, at)?.filter(|_| now <= at) else {
            return self.settle(key, entry.sequence).await;
        };
        if lead.is_do_not_contact() || !lead.channel_open(Channel::Call) {
            return self.settle(key, entry.sequence).await;
        }
        let free_at = self.free_for(&appointment.user, now, false)?;
        if free_at > at {
            return self.settle(key, entry.sequence).await;
        }
        if free_at > now {
            return self.say_later(key, free_at).await;
        }
        self.say(key, entry.sequence, &appointment, &lead, false).await
    }

    /// Asks how a planned call went, as soon as its rep wants to hear of anything.
    pub(super) async fn ask_about_call(
        &mut self,
        key: &str,
        entry: &OutboxEntry,
        call: Call<'_>,
        at: Timestamp,
    ) -> Result<(), EngineError> {
        let now = self.now();
        let Some((appointment, lead)) = self.still_planned(call, at)? else {
            return self.settle(key, entry.sequence).await;
        };
        let free_at = self.free_for(&appointment.user, now, true)?;
        if free_at >= appointment.end.plus(FORGOTTEN_AFTER) {
            return self.settle(key, entry.sequence).await;
        }
        if free_at > now {
            return self.say_later(key, free_at).await;
        }
        self.say(key, entry.sequence, &appointment, &lead, true).await
    }

    /// A call and its lead, if it is as it was when something was decided about it.
    fn still_planned(
        &self,
        (lead, activity): Call<'_>,
        at: Timestamp,
    ) -> Result<Option<(Appointment, Lead)>, EngineError> {
        let known = self.store().appointment(lead, activity)?.filter(|known| known.begin == at);
        let Some(appointment) = known else { return Ok(None) };
        if !appointment.stands(self.store())? {
            return Ok(None);
        }
        Ok(self.store().lead(lead)?.map(|lead| (appointment, lead)))
    }

    /// When a user may be told something about calls; what `counts` waits for its turn among what is not urgent.
    fn free_for(&self, user: &UserId, now: Timestamp, counts: bool) -> Result<Timestamp, EngineError> {
        let calendar = self.sender.calendars.of(self.store(), user)?;
        let (wishes, diary) = (self.store().preferences(user)?, self.store().diary(user.as_str())?);
        let moment = Moment { now, calendar: &calendar, wishes: &wishes, said: &diary.said, more_may_come: false };
        let free_at = moment.free_at().max(moment.quiet_until().unwrap_or(now));
        Ok(if counts { free_at.max(moment.next_slot()) } else { free_at })
    }

    async fn say_later(&mut self, key: &str, at: Timestamp) -> Result<(), EngineError> {
        self.wake_at_millis(at.0 * 1000);
        let later = [(key.to_owned(), at)];
        self.sender.engine.run(move |engine| engine.put_off(&later)).await
    }

    async fn say(
        &mut self,
        key: &str,
        sequence: u64,
        appointment: &Appointment,
        lead: &Lead,
        asks: bool,
    ) -> Result<(), EngineError> {
        let (now, user) = (self.now(), &appointment.user);
        let Some(chat) = reachable(self.store(), user)?.map(|told| told.chat) else {
            return self.settle(key, sequence).await;
        };
        let rendered = self.call_message(chat, lead, appointment.begin, asks)?;
        match self.send(chat, &rendered, asks).await? {
            Attempt::NotNow => Ok(()),
            Attempt::Unreachable | Attempt::Never => self.settle(key, sequence).await,
            Attempt::Sent(message_id) => {
                let told = Told { chat, message_id, user: user.clone(), begin: appointment.begin, settled: false };
                let said = Said { at: now, alerts: 1, urgent: !asks };
                let (lead, activity, key) = (lead.id.clone(), appointment.activity.clone(), key.to_owned());
                let done = move |engine: &mut crate::engine::Engine| {
                    engine.call_told((&lead, &activity), told, said, (&key, sequence))
                };
                self.sender.engine.run(done).await
            }
        }
    }

    fn call_message(&self, chat: ChatId, lead: &Lead, at: Timestamp, asks: bool) -> Result<Rendered, EngineError> {
        let speaker = &self.sender.speaker;
        let (manner, content) = (speaker.manner_in(self.store(), chat)?, self.content_in(chat)?);
        let mut links = Vec::new();
        if !asks && content == Content::Full && advice::whatsapp_open(lead) {
            let number = advice::whatsapp_of(lead, Some(&speaker.default_country));
            links.extend(number.map(|number| Key {
                text: speaker.voice.button(manner, ButtonLabel::WhatsappWrite),
                kind: KeyKind::Url(advice::wa_link(&number, "")),
            }));
        }
        let url = speaker.lead_url(lead);
        if opens_from_a_button(&url) {
            let text = speaker.voice.button(manner, ButtonLabel::OpenInCrm);
            links.push(Key { text, kind: KeyKind::Url(url) });
        }
        let html = if asks {
            self.call_screen(chat, &Screen::CallOver { lead, at })?
        } else {
            let activities = self.store().activities(&lead.id)?;
            let last = latest(&activities, self.now());
            self.call_screen(chat, &Screen::CallSoon { lead, at, last })?
        };
        Ok(Rendered::new(html, about_a_call(&speaker.voice, manner, links)))
    }

    fn call_screen(&self, chat: ChatId, screen: &Screen<'_>) -> Result<String, EngineError> {
        let speaker = &self.sender.speaker;
        let scene = Scene { now: self.now(), zone: speaker.zone, content: self.content_in(chat)? };
        Ok(speaker.voice.screen_html(speaker.manner_in(self.store(), chat)?, scene, screen))
    }

    /// Brings the messages about a call to what has become of it. Of several only the last one keeps its buttons.
    pub(super) async fn refresh_call(&mut self, key: &str, sequence: u64, call: Call<'_>) -> Result<(), EngineError> {
        let (lead, activity) = call;
        let (known, owner) = (self.store().appointment(lead, activity)?, self.store().lead(lead)?);
        let Some((appointment, lead)) = known.zip(owner) else { return self.settle(key, sequence).await };
        let mut done = Vec::new();
        let last = appointment.told.last().map(|told| told.message_id);
        for told in appointment.told.iter().filter(|told| !told.settled) {
            let now = match standing(self.store(), &appointment, &told.user, told.begin)? {
                Standing::Planned if Some(told.message_id) == last => continue,
                Standing::Planned => None,
                Standing::Over(ActivityStatus::NoAnswer) => Some(CallNow::NotHeld),
                Standing::Over(_) => Some(CallNow::Held),
                Standing::Moved(at) => Some(CallNow::Moved(at)),
                Standing::Gone => Some(CallNow::Gone),
                Standing::Anothers => Some(CallNow::Anothers),
            };
            let rendered = match now {
                Some(now) => {
                    Rendered::new(self.call_screen(told.chat, &Screen::CallNow { lead: &lead, now })?, Vec::new())
                }
                None => Rendered { keyboard: Vec::new(), ..self.call_message(told.chat, &lead, told.begin, false)? },
            };
            if self.is_in_touch(told.chat)?
                && let Attempt::NotNow = self.edit(told.chat, told.message_id, &rendered).await?
            {
                return Ok(());
            }
            done.push((told.chat, told.message_id));
        }
        let (lead, activity, key) = (lead.id, activity.clone(), key.to_owned());
        let settled = move |engine: &mut crate::engine::Engine| {
            engine.call_messages_done((&lead, &activity), &done, Some((&key, sequence)))
        };
        self.sender.engine.run(settled).await
    }

    /// Takes the buttons from a message about a call that nobody has noted for days.
    pub(super) async fn close_call(
        &mut self,
        key: &str,
        sequence: u64,
        lead: &LeadId,
        (chat, message_id): (ChatId, i32),
    ) -> Result<(), EngineError> {
        let Some(lead) = self.store().lead(lead)?.filter(|_| !chat.is_group()) else {
            return self.settle(key, sequence).await;
        };
        let html = self.call_screen(chat, &Screen::CallNow { lead: &lead, now: CallNow::Forgotten })?;
        if self.is_in_touch(chat)?
            && let Attempt::NotNow = self.edit(chat, message_id, &Rendered::new(html, Vec::new())).await?
        {
            return Ok(());
        }
        self.settle(key, sequence).await
    }
}

/// What happened last with a lead, on either side.
fn latest(activities: &[Activity], now: Timestamp) -> Option<&Activity> {
    activities.iter().rev().find(|activity| {
        activity.status != ActivityStatus::Planned && activity.timestamp <= now && !activity.reading.auto_reply
    })
}
