//! Telling people: what waits for one person goes out alone, together, or later; and what a tap asked for.

use std::collections::HashMap;

use super::super::announce::{Moment, Pending, Planned, plan};
use super::super::render;
use super::{Announcement, Attempt, LONGEST_PAUSE, Recipient, Worker, fingerprint, pending, whose_diary};
use crate::domain::effect::Occasion;
use crate::domain::meaning::messages;
use crate::domain::unsubscribed::UnsubscribedStage;
use crate::domain::{AlertId, ChatId, Lead, LeadId, Timestamp, UserId};
use crate::engine::EngineError;
use crate::engine::briefing::Briefing;
use crate::engine::dossier::known;
use crate::engine::unsubscribing::told_of_unsubscribed;
use crate::store::{Message, Said, SheetRow};

impl Worker {
    /// Leaves out what was decided anew since this round began: a link made meanwhile announces everything at once,
    /// and half of it must not go ahead of the rest.
    pub(super) fn drop_outdated(&self, announcements: &mut Vec<Announcement>) -> Result<(), EngineError> {
        let mut current = Vec::with_capacity(announcements.len());
        for one in announcements.drain(..) {
            let entry = self.store().outbox_entry(&one.key)?;
            if entry.is_some_and(|entry| entry.sequence == one.entry.sequence) {
                current.push(one);
            }
        }
        *announcements = current;
        Ok(())
    }

    /// Tells a lead's owner, or who is next in line, that it wants no more messages, if that still counts.
    pub(super) async fn tell_unsubscribed(
        &mut self,
        key: &str,
        sequence: u64,
        lead: &LeadId,
    ) -> Result<(), EngineError> {
        let store = self.store();
        let counts = store.unsubscribed(lead)?.filter(|mark| mark.stage == UnsubscribedStage::Counts);
        let lead = store.lead(lead)?.filter(|lead| !lead.deleted);
        let Some((mark, lead)) = counts.zip(lead) else { return self.settle(key, sequence).await };
        let chat = match self.who_hears_of(&lead).await? {
            Recipient::Known(told) => store.present_chat(told.chat)?,
            Recipient::Nobody => {
                tracing::warn!(
                    lead = %lead.id,
                    "a lead wants no more messages, and nobody who may see it is linked to Telegram: neither its owner nor \
                     who stands in, who leads its teams or an administrator; it is not contacted, and the CRM is not told"
                );
                return self.settle(key, sequence).await;
            }
            Recipient::Later => {
                self.wake_in(LONGEST_PAUSE * 1000);
                return Ok(());
            }
        };
        let (store, speaker) = (self.store(), &self.sender.speaker);
        let (manner, content) = (speaker.manner_in(store, chat)?, self.content_in(chat)?);
        let rendered = render::unsubscribed(&speaker.voice, manner, &lead, &mark, content);
        match self.send(chat, &rendered, false).await? {
            Attempt::NotNow => Ok(()),
            Attempt::Sent(_) | Attempt::Unreachable | Attempt::Never => self.settle(key, sequence).await,
        }
    }

    /// The first in line who may see the lead.
    async fn who_hears_of(&self, lead: &Lead) -> Result<Recipient, EngineError> {
        for told in told_of_unsubscribed(self.store(), &self.sender.people, lead, self.now())? {
            let Some(user) = told.user.as_ref().filter(|user| lead.owner.as_ref() != Some(&user.id)) else {
                return Ok(Recipient::Known(told));
            };
            match self.sender.permissions.of(&user.id, &lead.id).await {
                None => return Ok(Recipient::Later),
                Some(rights) if rights.read => return Ok(Recipient::Known(told)),
                Some(_) => {}
            }
        }
        Ok(Recipient::Nobody)
    }

    pub(super) async fn announce(
        &mut self,
        chat: ChatId,
        user: Option<UserId>,
        announcements: Vec<Announcement>,
    ) -> Result<(), EngineError> {
        let (now, store) = (self.now(), self.sender.engine.store());
        let pending: Vec<Pending> = announcements.iter().map(pending).collect();
        let calendar = self.sender.calendars.of_owner(store, user.as_ref())?;
        let wishes = user.as_ref().map(|user| store.preferences(user)).transpose()?.unwrap_or_default();
        let diary = store.diary(&whose_diary(chat, user.as_ref()))?;
        let more_may_come = store.next_due().is_some_and(|due| due <= now);
        let moment = Moment { now, calendar: &calendar, wishes: &wishes, said: &diary.said, more_may_come };
        let plan = plan(&pending, &moment);
        let by_alert: HashMap<&AlertId, &Announcement> = announcements.iter().map(|one| (&one.alert.id, one)).collect();
        let later = plan.later.iter().filter_map(|(alert, until)| Some((by_alert.get(alert)?, *until)));
        // What already waits until then is left alone: a write would be this round again.
        let later = later.filter(|(one, until)| one.entry.not_before != *until);
        let later: Vec<(String, Timestamp)> = later.map(|(one, until)| (one.key.clone(), until)).collect();
        if let Some(until) = later.iter().map(|(_, until)| *until).min() {
            self.sender.engine.run(move |engine| engine.put_off(&later)).await?;
            self.wake_at_millis(until.0 * 1000);
        }
        for planned in plan.now {
            let parts: Vec<&Announcement> = planned.alerts.iter().filter_map(|id| by_alert.get(id).copied()).collect();
            self.announce_one(chat, user.as_ref(), &planned, &parts).await?;
        }
        Ok(())
    }

    pub(super) async fn announce_one(
        &mut self,
        chat: ChatId,
        user: Option<&UserId>,
        planned: &Planned,
        parts: &[&Announcement],
    ) -> Result<(), EngineError> {
        let Some(first) = parts.first() else { return Ok(()) };
        let stands_in = parts.iter().all(|part| part.occasion == Occasion::StandingIn);
        let occasion = if parts.len() == 1 || stands_in { first.occasion } else { Occasion::Opened };
        let alerts: Vec<AlertId> = parts.iter().map(|part| part.alert.id.clone()).collect();
        let done: Vec<(String, u64)> = parts.iter().map(|part| (part.key.clone(), part.entry.sequence)).collect();
        let (row, wording) = (SheetRow::default(), self.wording_for(chat, &alerts)?);
        let Some(rendered) = self.render(chat, &alerts, occasion, user, row, wording)? else {
            return self.sender.engine.run(move |engine| engine.messages_sent(&[], &done, None)).await;
        };
        match self.send(chat, &rendered, planned.silent).await? {
            Attempt::Sent(message_id) => {
                let now = self.now();
                let said =
                    Said { at: now, alerts: u16::try_from(parts.len()).unwrap_or(u16::MAX), urgent: planned.urgent };
                let whose = whose_diary(chat, user);
                let message = Message {
                    chat,
                    message_id,
                    alerts,
                    sent_at: now,
                    occasion,
                    told: user.cloned(),
                    shown: fingerprint(&rendered),
                    settled: false,
                    wording,
                };
                let stale = self.stale_by(&message)?;
                self.sender
                    .engine
                    .run(move |engine| engine.announced(&message, &done, stale.as_ref(), (&whose, said)))
                    .await
            }
            Attempt::NotNow => Ok(()),
            // The chat is marked now: whoever stands in is told instead, so that nothing is lost with it.
            Attempt::Unreachable if user.is_some() => {
                self.wake_in(0);
                Ok(())
            }
            Attempt::Unreachable | Attempt::Never => {
                self.sender.engine.run(move |engine| engine.messages_sent(&[], &done, None)).await
            }
        }
    }

    /// Sends the facts behind an alert.
    pub(super) async fn send_why(
        &mut self,
        key: &str,
        sequence: u64,
        alert: &AlertId,
        chat: ChatId,
    ) -> Result<(), EngineError> {
        let (now, speaker) = (self.now(), self.sender.speaker.clone());
        let Some(alert) = self.store().alert(alert)? else { return self.settle(key, sequence).await };
        let activities = self.store().activities(&alert.lead_id)?;
        let Some(briefing) = Briefing::load(self.store(), &speaker, alert, now)? else {
            return self.settle(key, sequence).await;
        };
        let (content, manner) = (self.content_in(chat)?, speaker.manner_in(self.store(), chat)?);
        let context = briefing.context(&speaker, manner, content, Occasion::Opened, now);
        let insight = known(self.store(), &speaker, &briefing.lead, &activities, now)?;
        let wrote = messages(&activities, now).next().is_some();
        match self.send(chat, &render::why(&speaker.voice, &context, &insight, wrote), false).await? {
            Attempt::NotNow => Ok(()),
            Attempt::Sent(_) | Attempt::Unreachable | Attempt::Never => self.settle(key, sequence).await,
        }
    }

    pub(super) async fn send_alert(
        &mut self,
        key: &str,
        sequence: u64,
        alert: &AlertId,
        chat: ChatId,
    ) -> Result<(), EngineError> {
        let alerts = [alert.clone()];
        // Whoever looks at what others heard of can take it over there.
        let (user, occasion) = match self.could_take(chat, alert)? {
            Some(alert) => (alert.owner, Occasion::Escalated),
            None => (self.told_in(chat, alert)?, Occasion::Opened),
        };
        let (row, wording) = (SheetRow::default(), self.wording_for(chat, &alerts)?);
        let Some(rendered) = self.render(chat, &alerts, occasion, user.as_ref(), row, wording)? else {
            return self.settle(key, sequence).await;
        };
        match self.send(chat, &rendered, true).await? {
            Attempt::NotNow => Ok(()),
            Attempt::Unreachable | Attempt::Never => self.settle(key, sequence).await,
            Attempt::Sent(message_id) => {
                let message = Message {
                    chat,
                    message_id,
                    alerts: alerts.to_vec(),
                    sent_at: self.now(),
                    occasion,
                    told: user,
                    shown: fingerprint(&rendered),
                    settled: false,
                    wording,
                };
                let (stale, done) = (self.stale_by(&message)?, vec![(key.to_owned(), sequence)]);
                self.sender.engine.run(move |engine| engine.messages_sent(&[message], &done, stale.as_ref())).await
            }
        }
    }
}
