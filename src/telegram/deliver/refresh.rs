//! Keeping what was said up to date: every message about an alert follows it.

use super::super::render::{self, Rendered};
use super::{Attempt, LONGEST_PAUSE, Worker, fingerprint};
use crate::domain::{AlertId, ChatId};
use crate::engine::EngineError;
use crate::engine::briefing::Briefing;
use crate::engine::told::user_in;
use crate::store::Message;
use crate::voice::AlertContext;

impl Worker {
    /// The alert of which earlier messages in the chat lose their buttons by this one, so that there is one place to tap.
    pub(super) fn stale_by(&self, message: &Message) -> Result<Option<AlertId>, EngineError> {
        Ok(match message.only_alert() {
            Some(alert) => self.of_one_alert(alert, message.chat)?.next().is_some().then(|| alert.clone()),
            None => None,
        })
    }

    /// The messages in a chat that speak of this alert alone.
    pub(super) fn of_one_alert(
        &self,
        alert: &AlertId,
        chat: ChatId,
    ) -> Result<impl Iterator<Item = Message>, EngineError> {
        let messages = self.store().messages_about(alert)?;
        Ok(messages.into_iter().filter(move |message| message.chat == chat && message.only_alert().is_some()))
    }

    /// Whether a later message in the chat speaks of the same alert: that one has the buttons.
    pub(super) fn has_later(&self, message: &Message) -> Result<bool, EngineError> {
        let Some(alert) = message.only_alert() else { return Ok(false) };
        Ok(self.of_one_alert(alert, message.chat)?.any(|other| other.message_id > message.message_id))
    }

    /// Brings every message about an alert to its present state.
    pub(super) async fn refresh(&mut self, key: &str, sequence: u64, alert: &AlertId) -> Result<(), EngineError> {
        self.refresh_drafts(alert).await?;
        let mut done = vec![(key.to_owned(), sequence)];
        let mut changed = Vec::new();
        for mut message in self.store().messages_about(alert)? {
            if message.settled || !self.is_in_touch(message.chat)? {
                continue;
            }
            match self.may_still_see(&message).await? {
                Some(true) => {}
                Some(false) => continue,
                None => {
                    done.clear();
                    self.wake_in(LONGEST_PAUSE * 1000);
                    continue;
                }
            }
            let before = message.clone();
            let (occasion, chat, told) = (message.occasion, message.chat, message.told.as_ref());
            let row = self.store().sheet(chat, message.message_id)?;
            let Some(mut rendered) = self.render(chat, &message.alerts, occasion, told, row, message.wording)? else {
                continue;
            };
            if self.has_later(&message)? {
                rendered = self.without_a_call(&message, rendered)?;
            }
            let shown = fingerprint(&rendered);
            if shown != message.shown {
                match self.edit(message.chat, message.message_id, &rendered).await? {
                    Attempt::NotNow => {
                        done.clear();
                        continue;
                    }
                    Attempt::Sent(_) => message.shown = shown,
                    Attempt::Unreachable | Attempt::Never => message.settled = true,
                }
            }
            message.settled |= self.is_final(&message)?;
            // A write wakes everybody: it would be this round again as long as another chat has to be left alone.
            if message != before {
                changed.push(message);
            }
        }
        self.sender.engine.run(move |engine| engine.messages_sent(&changed, &done, None)).await
    }

    /// What an earlier message shows of an alert that a later one tells: while it is open, no buttons and nothing that asks
    /// to be done.
    fn without_a_call(&self, message: &Message, shown: Rendered) -> Result<Rendered, EngineError> {
        let plain = Rendered { keyboard: Vec::new(), ..shown };
        let Some(alert) = message.only_alert().map(|alert| self.store().alert(alert)).transpose()?.flatten() else {
            return Ok(plain);
        };
        if !alert.state.is_open() || self.has_moved(&alert, message.told.as_ref(), message.occasion)? {
            return Ok(plain);
        }
        let (speaker, now, chat) = (&self.sender.speaker, self.now(), message.chat);
        let Some(briefing) = Briefing::load(self.store(), speaker, alert, now)? else { return Ok(plain) };
        let (content, manner) = (self.content_in(chat)?, speaker.manner_in(self.store(), chat)?);
        let context = briefing.context(speaker, manner, content, message.occasion, now);
        let wording = message.wording.unwrap_or(context.wording);
        Ok(render::later(&speaker.voice, &AlertContext { wording, ..context }))
    }

    /// Whether whoever reads a message may see what it is about: its owner, or whom the CRM lets; `None` when the CRM cannot
    /// be asked. That a lead went to somebody else is told to whoever had it.
    pub(super) async fn may_still_see(&self, message: &Message) -> Result<Option<bool>, EngineError> {
        if message.chat.is_group() {
            return Ok(Some(true));
        }
        let Some(user) = user_in(self.store(), message.chat)? else { return Ok(Some(true)) };
        let mut leads = Vec::new();
        for id in &message.alerts {
            let alert = self.store().alert(id)?.filter(|alert| alert.owner.as_ref() != Some(&user));
            if let Some(alert) = alert
                && !self.has_moved(&alert, message.told.as_ref(), message.occasion)?
            {
                leads.push(alert.lead_id);
            }
        }
        let rights = self.sender.permissions.of_all(&user, &leads).await;
        Ok(rights.map(|rights| rights.values().all(|rights| rights.read)))
    }

    /// Whether nothing can change in a message any more: its alerts are another's. A closed alert may open again.
    pub(super) fn is_final(&self, message: &Message) -> Result<bool, EngineError> {
        let Some(alert) = message.only_alert() else { return Ok(false) };
        let alert = self.store().alert(alert)?;
        alert.map_or(Ok(true), |alert| self.has_moved(&alert, message.told.as_ref(), message.occasion))
    }

    /// Whether what was said there is still kept up to date: not in the chat of somebody who is no longer linked.
    pub(super) fn is_in_touch(&self, chat: ChatId) -> Result<bool, EngineError> {
        let is_fallback = self.sender.people.fallback_chat == Some(chat);
        Ok(chat.is_group() || is_fallback || user_in(self.store(), chat)?.is_some())
    }
}
