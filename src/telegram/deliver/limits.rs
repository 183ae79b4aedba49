//! Sending and editing within Telegram's limits, and what its refusals lead to.

use super::super::api::{CAPTION_UNITS, SendError};
use super::super::bot::note_move;
use super::super::render::Rendered;
use super::{Attempt, Worker};
use crate::domain::ChatId;
use crate::engine::outbox::pause_after;
use crate::engine::{EngineError, boundary};
use crate::voice::visible_units;

impl Worker {
    pub(super) async fn send(
        &mut self,
        chat: ChatId,
        message: &Rendered,
        silent: bool,
    ) -> Result<Attempt, EngineError> {
        self.send_in(chat, None, message, silent).await
    }

    /// The same to a topic of a forum; to the forum itself when the topic is closed or gone.
    pub(super) async fn send_in(
        &mut self,
        chat: ChatId,
        topic: Option<i32>,
        message: &Rendered,
        silent: bool,
    ) -> Result<Attempt, EngineError> {
        if !self.may_send(chat) {
            return Ok(Attempt::NotNow);
        }
        boundary::pass("telegram-before-send");
        let mut result = self.sender.api.send(chat, topic, message, silent).await;
        if let (Err(SendError::NoTopic(reason)), Some(topic)) = (&result, topic) {
            if self.closed_topics.insert((chat, topic)) {
                tracing::warn!(%chat, topic, %reason, "a topic takes no messages: the chat itself is told; see topic in [teams]");
            }
            result = self.sender.api.send(chat, None, message, silent).await;
        } else if let Some(topic) = topic.filter(|_| result.is_ok()) {
            self.closed_topics.remove(&(chat, topic));
        }
        boundary::pass("telegram-after-send");
        self.judge(chat, result).await
    }

    /// The same with a picture above it; without, when Telegram does not take the picture.
    pub(super) async fn send_with_picture(
        &mut self,
        chat: ChatId,
        message: &Rendered,
        picture: Vec<u8>,
        silent: bool,
    ) -> Result<Attempt, EngineError> {
        if visible_units(&message.html) > CAPTION_UNITS {
            return self.send(chat, message, silent).await;
        }
        if !self.may_send(chat) {
            return Ok(Attempt::NotNow);
        }
        boundary::pass("telegram-before-send");
        let mut result = self.sender.api.send_picture(chat, picture, message, silent).await;
        if let Err(SendError::Refused(reason)) = &result {
            tracing::warn!(%chat, %reason, "Telegram does not take a picture; its text goes alone");
            result = self.sender.api.send(chat, None, message, silent).await;
        }
        boundary::pass("telegram-after-send");
        self.judge(chat, result).await
    }

    pub(super) async fn edit(
        &mut self,
        chat: ChatId,
        message_id: i32,
        message: &Rendered,
    ) -> Result<Attempt, EngineError> {
        if !self.may_edit(chat) {
            return Ok(Attempt::NotNow);
        }
        match self.sender.api.edit(chat, message_id, message).await {
            // What was said before a group moved stays as it was.
            Err(SendError::Migrated(_)) => Ok(Attempt::Never),
            result => self.judge(chat, result.map(|()| message_id)).await,
        }
    }

    /// Whether Telegram has not asked to leave the chat alone. The documented limits are about new messages: an
    /// edit neither waits for a slot nor takes one from an announcement.
    pub(super) fn may_edit(&mut self, chat: ChatId) -> bool {
        if self.stop.is_cancelled() {
            return false;
        }
        let now = self.sender.engine.clock().now_millis();
        let held_until = self.pace.held_until(chat, now);
        if let Some(until) = held_until {
            self.wake_at_millis(until);
        }
        held_until.is_none()
    }

    /// Whether the limits allow a message to a chat now; if not, the next round is set for when they do.
    pub(super) fn may_send(&mut self, chat: ChatId) -> bool {
        if self.stop.is_cancelled() {
            return false;
        }
        let now = self.sender.engine.clock().now_millis();
        let slot = self.pace.next_slot(chat, now);
        if slot > now {
            self.wake_at_millis(slot);
            return false;
        }
        self.pace.sent(chat, now);
        true
    }

    pub(super) async fn judge(&mut self, chat: ChatId, result: Result<i32, SendError>) -> Result<Attempt, EngineError> {
        let now = self.now();
        let error = match result {
            Ok(message_id) => {
                if self.sender.status.telegram_ok(now) {
                    tracing::info!("Telegram answers again");
                }
                metrics::counter!("max_telegram_sent_total").increment(1);
                self.told.insert(chat);
                return Ok(Attempt::Sent(message_id));
            }
            Err(error) => error,
        };
        match error {
            SendError::NotModified => Ok(Attempt::Sent(0)),
            SendError::MessageGone => Ok(Attempt::Never),
            SendError::RetryAfter(seconds) => {
                tracing::warn!(%chat, seconds, "Telegram asks to wait");
                let until = now.plus(seconds.max(1)).0 * 1000;
                self.pace.hold(chat, self.sender.engine.clock().now_millis(), until);
                self.wake_at_millis(until);
                Ok(Attempt::NotNow)
            }
            SendError::Unreachable(reason) => {
                tracing::warn!(%chat, %reason, "a chat takes no messages; it is not written to until its user comes back");
                metrics::counter!("max_telegram_unreachable_total").increment(1);
                self.sender.engine.run(move |engine| engine.mark_reachable(chat, false)).await?;
                Ok(Attempt::Unreachable)
            }
            SendError::Migrated(to) => {
                note_move(&self.sender.engine, &self.sender.people, chat, to).await?;
                self.wake_in(0);
                Ok(Attempt::NotNow)
            }
            SendError::BadToken => {
                if self.sender.status.telegram_failed(error.to_string(), true) {
                    tracing::error!(%error, "Telegram needs a person");
                }
                self.wake_in(pause_after(5) * 1000);
                Ok(Attempt::NotNow)
            }
            SendError::Unavailable(_) => {
                if self.sender.status.telegram_failed(error.to_string(), false) {
                    tracing::warn!(%error, "Telegram does not answer; it is tried again");
                }
                let until = self.sender.engine.clock().now_millis() + pause_after(1) * 1000;
                self.pace.hold(chat, self.sender.engine.clock().now_millis(), until);
                self.wake_at_millis(until);
                Ok(Attempt::NotNow)
            }
            SendError::NoTopic(reason) | SendError::Refused(reason) => {
                tracing::error!(%chat, %reason, "Telegram refuses a message for good; it is given up");
                metrics::counter!("max_effects_given_up_total").increment(1);
                Ok(Attempt::Never)
            }
        }
    }
}
