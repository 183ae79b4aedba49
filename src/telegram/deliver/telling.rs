//! Telling people: what waits for one person goes out alone, together, or later; and what a tap asked for.

use std::collections::HashMap;

use super::super::announce::{Pending, Planned, plan};
use super::super::render::{self, Rendered};
use super::{Announcement, Attempt, Worker, fingerprint, pending};
use crate::domain::effect::Occasion;
use crate::domain::{AlertId, ChatId, MINUTE, Timestamp, UserId};
use crate::engine::EngineError;
use crate::engine::briefing::Briefing;
use crate::insight::lead::known_of;
use crate::store::Message;

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

    pub(super) async fn announce(
        &mut self,
        chat: ChatId,
        user: Option<UserId>,
        announcements: Vec<Announcement>,
    ) -> Result<(), EngineError> {
        let now = self.now();
        let recent = self.sent.entry(chat).or_default();
        recent.retain(|at| *at > now.plus(-MINUTE) && *at <= now);
        let pending: Vec<Pending> = announcements.iter().map(pending).collect();
        let calendar = self.sender.calendars.of_owner(self.sender.engine.store(), user.as_ref())?;
        let plan = plan(&pending, recent, &calendar, now);
        let by_alert: HashMap<&AlertId, &Announcement> = announcements.iter().map(|one| (&one.alert.id, one)).collect();
        let later = plan.later.iter().filter_map(|(alert, until)| Some((by_alert.get(alert)?.key.clone(), *until)));
        let later: Vec<(String, Timestamp)> = later.collect();
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
        let occasion = if parts.len() == 1 { first.occasion } else { Occasion::Opened };
        let alerts: Vec<AlertId> = parts.iter().map(|part| part.alert.id.clone()).collect();
        let done: Vec<(String, u64)> = parts.iter().map(|part| (part.key.clone(), part.entry.sequence)).collect();
        let wording = self.wording_for(chat, &alerts)?;
        let Some(rendered) = self.render(chat, &alerts, occasion, user, wording)? else {
            return self.sender.engine.run(move |engine| engine.messages_sent(&[], &done, None)).await;
        };
        match self.send(chat, &rendered, planned.silent).await? {
            Attempt::Sent(message_id) => {
                let now = self.now();
                self.sent.entry(chat).or_default().extend(parts.iter().map(|_| now));
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
                self.sender.engine.run(move |engine| engine.announced(&message, &done, stale.as_ref())).await
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

    pub(super) async fn send_draft(
        &mut self,
        key: &str,
        sequence: u64,
        alert: &AlertId,
        chat: ChatId,
    ) -> Result<(), EngineError> {
        let now = self.now();
        let speaker = self.sender.speaker.clone();
        let briefing = match self.store().alert(alert)? {
            Some(alert) => Briefing::load(self.store(), &speaker, alert, now)?,
            None => None,
        };
        let Some(briefing) = briefing else { return self.settle(key, sequence).await };
        let manner = speaker.manner_in(self.store(), chat)?;
        let context = briefing.context(&speaker, manner, self.content_in(chat)?, Occasion::Opened, now);
        let message = render::draft(&speaker.voice, &context);
        match self.send(chat, &message, true).await? {
            Attempt::NotNow => Ok(()),
            Attempt::Sent(_) | Attempt::Unreachable | Attempt::Never => self.settle(key, sequence).await,
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
        let grace = speaker.rules.next_step_grace;
        let insight = known_of(&activities, Vec::new(), None, grace, speaker.zone, now);
        let html = speaker.voice.why_html(&context, &insight);
        match self.send(chat, &Rendered { html, keyboard: Vec::new() }, false).await? {
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
        let wording = self.wording_for(chat, &alerts)?;
        let Some(rendered) = self.render(chat, &alerts, occasion, user.as_ref(), wording)? else {
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
