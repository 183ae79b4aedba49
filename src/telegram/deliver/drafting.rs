//! Prepared messages in the chat: sending one that a tap asked for, and keeping it up to date.

use super::super::drafts::{Beginning, begin, briefing, route};
use super::super::render::{self, Rendered};
use super::{Attempt, LONGEST_PAUSE, Worker, fingerprint};
use crate::domain::draft::Prepared;
use crate::domain::effect::{Effect, Occasion};
use crate::domain::{AlertId, AlertState, ChatId, UserId};
use crate::engine::EngineError;
use crate::engine::briefing::Briefing;
use crate::engine::told::user_in;
use crate::voice::DraftShown;

impl Worker {
    pub(super) async fn send_draft(
        &mut self,
        key: &str,
        sequence: u64,
        alert: &AlertId,
        chat: ChatId,
    ) -> Result<(), EngineError> {
        let (now, speaker) = (self.now(), self.sender.speaker.clone());
        let (Some(user), Some(alert)) = (user_in(self.store(), chat)?, self.store().alert(alert)?) else {
            return self.settle(key, sequence).await;
        };
        let Some(briefing) = briefing(self.store(), &speaker, alert, &user, now)? else {
            return self.settle(key, sequence).await;
        };
        let beginning = begin(&speaker, &briefing, (chat, 0), &user, now);
        let rendered = match &beginning {
            Beginning::Refused => self.show(&briefing, &user, chat, DraftShown::Refused)?,
            Beginning::NoChannel => self.show(&briefing, &user, chat, DraftShown::NoChannel)?,
            Beginning::Prepared(prepared) => self.show_prepared(&briefing, prepared)?,
        };
        match (self.send(chat, &rendered, true).await?, beginning) {
            (Attempt::NotNow, _) => Ok(()),
            (Attempt::Sent(message_id), Beginning::Prepared(prepared)) => {
                let prepared = Prepared { message_id, shown: fingerprint(&rendered), ..prepared };
                let key = key.to_owned();
                self.sender.engine.run(move |engine| engine.prepared(&prepared, &key, sequence)).await
            }
            (Attempt::Sent(_) | Attempt::Unreachable | Attempt::Never, _) => self.settle(key, sequence).await,
        }
    }

    /// Has every prepared message for an alert brought to its present state that does not show it.
    pub(super) async fn refresh_drafts(&mut self, alert: &AlertId) -> Result<(), EngineError> {
        for prepared in self.store().prepared_for(alert)? {
            let Some(rendered) = self.render_prepared(&prepared)? else { continue };
            if fingerprint(&rendered) != prepared.shown {
                let effect = Effect::RefreshDraft { chat: prepared.chat, message_id: prepared.message_id };
                self.sender.engine.run(move |engine| engine.ask(effect)).await?;
            }
        }
        Ok(())
    }

    /// Brings the message of a prepared message to its present state.
    pub(super) async fn refresh_draft(
        &mut self,
        key: &str,
        sequence: u64,
        chat: ChatId,
        message_id: i32,
    ) -> Result<(), EngineError> {
        let prepared = self.store().prepared(chat, message_id)?;
        let rendered = prepared.as_ref().map(|prepared| self.render_prepared(prepared)).transpose()?.flatten();
        let (Some(prepared), Some(rendered)) = (prepared, rendered) else { return self.settle(key, sequence).await };
        let shown = fingerprint(&rendered);
        if shown == prepared.shown {
            return self.settle(key, sequence).await;
        }
        match self.may_see_draft(&prepared).await? {
            Some(true) => {}
            Some(false) => return self.settle(key, sequence).await,
            None => {
                self.wake_in(LONGEST_PAUSE * 1000);
                return Ok(());
            }
        }
        match self.edit(chat, message_id, &rendered).await? {
            Attempt::NotNow => Ok(()),
            Attempt::Sent(_) | Attempt::Unreachable | Attempt::Never => {
                let key = key.to_owned();
                let done = move |engine: &mut crate::engine::Engine| {
                    engine.prepared_shown(chat, message_id, shown, &key, sequence)
                };
                self.sender.engine.run(done).await
            }
        }
    }

    /// What the message of a prepared message shows now; `None` when nothing is known of it any more, or it was left
    /// alone for too long.
    fn render_prepared(&self, prepared: &Prepared) -> Result<Option<Rendered>, EngineError> {
        let now = self.now();
        let Some(alert) = self.store().alert(&prepared.alert)?.filter(|_| !prepared.is_over(now)) else {
            return Ok(None);
        };
        let briefing = briefing(self.store(), &self.sender.speaker, alert, &prepared.user, now)?;
        briefing.map(|briefing| self.show_prepared(&briefing, prepared)).transpose()
    }

    fn show_prepared(&self, briefing: &Briefing, prepared: &Prepared) -> Result<Rendered, EngineError> {
        let over = match briefing.alert.state {
            AlertState::Open | AlertState::Snoozed { .. } => briefing.lead.is_do_not_contact(),
            AlertState::Closed { .. } | AlertState::Resolved(_) => true,
        };
        let route = route(&self.sender.speaker, briefing);
        self.show(briefing, &prepared.user, prepared.chat, DraftShown::Prepared { prepared, route, over })
    }

    fn show(
        &self,
        briefing: &Briefing,
        user: &UserId,
        chat: ChatId,
        shown: DraftShown<'_>,
    ) -> Result<Rendered, EngineError> {
        let speaker = &self.sender.speaker;
        let manner = speaker.manner_of(self.store(), Some(user))?;
        let content = self.content_in(chat)?;
        let context = briefing.context(speaker, manner, content, Occasion::Opened, self.now());
        Ok(render::draft(&speaker.voice, &context, shown))
    }

    /// Whether whoever prepares a message may see its lead, and still reads that chat; `None` when the CRM cannot be
    /// asked.
    async fn may_see_draft(&self, prepared: &Prepared) -> Result<Option<bool>, EngineError> {
        if user_in(self.store(), prepared.chat)?.as_ref() != Some(&prepared.user) {
            return Ok(Some(false));
        }
        let is_owner =
            self.store().lead(&prepared.lead)?.is_some_and(|lead| lead.owner.as_ref() == Some(&prepared.user));
        if is_owner {
            return Ok(Some(true));
        }
        let rights = self.sender.permissions.of(&prepared.user, &prepared.lead).await;
        Ok(rights.map(|rights| rights.read))
    }
}
