//! Messages that reps prepare in the chat: kept until they are sent, settled or left alone for a week.

use super::Engine;
use crate::domain::deed::Mail;
use crate::domain::draft::{Prepared, Stage};
use crate::domain::effect::Effect;
use crate::domain::{ChatId, Timestamp};
use crate::store::{Batch, Result, Store};

impl Engine {
    /// Keeps a prepared message that was just sent to a chat, and that the effect named by (key, sequence) is done. What
    /// was left alone in that chat is forgotten.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn prepared(&mut self, prepared: &Prepared, key: &str, sequence: u64) -> Result<()> {
        let mut batch = Batch::default();
        for old in self.store.prepared_in(prepared.chat)?.iter().filter(|old| old.is_over(self.now())) {
            batch.remove_prepared(old);
        }
        batch.put_prepared(prepared);
        self.settle_in(&mut batch, key, sequence)?;
        self.store.apply(batch)?;
        self.ahead.push("telegram-recorded");
        Ok(())
    }

    /// Changes a prepared message, and has the chat show it. `None` when there is none, or it was left alone.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn change_prepared(
        &mut self,
        chat: ChatId,
        message_id: i32,
        change: impl FnOnce(&mut Prepared),
    ) -> Result<Option<Prepared>> {
        let Some(mut prepared) = current(&self.store, chat, message_id, self.now())? else { return Ok(None) };
        let before = prepared.clone();
        change(&mut prepared);
        if prepared != before {
            self.put_prepared(&prepared)?;
        }
        Ok(Some(prepared))
    }

    /// Takes up a prepared message that the chat shows and we do not know: a crash came between the two.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn adopt_prepared(&mut self, prepared: &Prepared) -> Result<()> {
        if self.store.prepared(prepared.chat, prepared.message_id)?.is_some() {
            return Ok(());
        }
        self.put_prepared(prepared)
    }

    /// From now on what is written in the chat next becomes the text of this message, and of no other.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn await_text(&mut self, chat: ChatId, message_id: i32, until: Timestamp) -> Result<()> {
        for mut other in self.store.prepared_in(chat)? {
            if matches!(other.stage, Stage::AwaitingText(_)) && other.message_id != message_id {
                other.stage = Stage::Ready;
                self.put_prepared(&other)?;
            }
        }
        self.change_prepared(chat, message_id, |prepared| prepared.stage = Stage::AwaitingText(until)).map(|_| ())
    }

    /// A prepared message's message shows this now, and the effect named by (key, sequence) is done.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn prepared_shown(
        &mut self,
        chat: ChatId,
        message_id: i32,
        shown: u64,
        key: &str,
        sequence: u64,
    ) -> Result<()> {
        let mut batch = Batch::default();
        if let Some(prepared) = self.store.prepared(chat, message_id)? {
            batch.put_prepared(&Prepared { shown, ..prepared });
        }
        self.settle_in(&mut batch, key, sequence)?;
        self.store.apply(batch)
    }

    /// Shows in the chat how far a mail has come that was prepared there.
    pub(super) fn mail_has_come_to(&mut self, batch: &mut Batch, mail: &Mail, stage: Stage) -> Result<()> {
        let Some(prepared) = self.store.prepared(mail.chat, mail.message_id)? else { return Ok(()) };
        batch.put_prepared(&Prepared { stage, ..prepared });
        let effect = Effect::RefreshDraft { chat: mail.chat, message_id: mail.message_id };
        let now = self.now();
        self.add_effect(batch, effect, now)
    }

    fn put_prepared(&mut self, prepared: &Prepared) -> Result<()> {
        let mut batch = Batch::default();
        batch.put_prepared(prepared);
        let effect = Effect::RefreshDraft { chat: prepared.chat, message_id: prepared.message_id };
        let now = self.now();
        self.add_effect(&mut batch, effect, now)?;
        self.store.apply(batch)
    }
}

/// The prepared message that a message shows, unless it was left alone for too long.
///
/// # Errors
/// When the store cannot be read.
pub fn current(store: &Store, chat: ChatId, message_id: i32, now: Timestamp) -> Result<Option<Prepared>> {
    Ok(store.prepared(chat, message_id)?.filter(|prepared| !prepared.is_over(now)))
}

/// The prepared message that waits for its text in a chat.
///
/// # Errors
/// When the store cannot be read.
pub fn awaiting_text(store: &Store, chat: ChatId, now: Timestamp) -> Result<Option<Prepared>> {
    let waits = |prepared: &Prepared| matches!(prepared.stage, Stage::AwaitingText(until) if now < until);
    Ok(store.prepared_in(chat)?.into_iter().find(waits))
}
