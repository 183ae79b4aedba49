//! What people do in the chat: open a link, tap a button, write a word. Every tap is checked against the user,
//! not the chat, and answered at once; the work follows through the outbox.

use std::sync::Arc;

use teloxide::types::{ChatMemberKind, Update, UpdateKind, User as TelegramUser};
use tokio_util::sync::CancellationToken;

use super::api::{Api, SendError};
use super::render::{self, Rendered};
use super::talk::memory::Memory;
use crate::domain::{ChatId, User};
use crate::engine::acts::NEXT_UPDATE;
use crate::engine::briefing::Speaker;
use crate::engine::calendars::Calendars;
use crate::engine::outbox::pause_after;
use crate::engine::permissions::Permissions;
use crate::engine::status::Status;
use crate::engine::sync::Crm;
use crate::engine::told::{People, lines_about};
use crate::engine::{EngineError, Handle, linking};
use crate::store::Batch;
use crate::voice::Notice;

/// All that receiving needs.
#[derive(Clone)]
pub struct Bot {
    /// The bot.
    pub api: Api,
    /// The engine.
    pub engine: Handle,
    /// The CRM, which knows of links that were made there.
    pub crm: Crm,
    /// Who may see what.
    pub permissions: Permissions,
    /// M.A.X.'s words.
    pub speaker: Arc<Speaker>,
    /// Who stands in for whom.
    pub people: Arc<People>,
    /// Working hours, which "tomorrow" and "Monday" mean.
    pub calendars: Calendars,
    /// The status of leads that are archived.
    pub archive_status: String,
    /// How Telegram is doing.
    pub status: Status,
    /// What was last spoken of.
    pub memory: Memory,
}

impl Bot {
    /// Works until `stop`.
    pub async fn work(self, stop: CancellationToken) {
        let mut failures = 0;
        loop {
            let outcome = tokio::select! {
                () = stop.cancelled() => return,
                outcome = self.receive() => outcome,
            };
            match outcome {
                Ok(()) => failures = 0,
                Err(error) => {
                    failures += 1;
                    let needs_person = error == SendError::BadToken;
                    if self.status.telegram_failed(error.to_string(), needs_person) {
                        tracing::warn!(%error, "updates from Telegram cannot be fetched; it is tried again");
                    }
                    let pause = if needs_person { pause_after(5) } else { pause_after(failures).min(30) };
                    let clock = self.engine.clock().clone();
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = clock.sleep(pause) => {}
                    }
                }
            }
        }
    }

    /// Fetches updates once and takes them over. An update counts as seen only when what it asked for is stored.
    async fn receive(&self) -> Result<(), SendError> {
        if self.status.bot_name().is_none() {
            let name = self.api.user_name().await?;
            self.set_menu(&name).await;
            self.status.set_bot_name(name);
        }
        let offset: i32 = self.engine.store().cursor(NEXT_UPDATE).ok().flatten().unwrap_or_default();
        let updates = self.api.updates(offset).await?;
        if self.status.telegram_ok(self.engine.clock().now()) {
            tracing::info!("Telegram answers again");
        }
        for update in updates {
            let next = i32::try_from(update.id.0).unwrap_or(i32::MAX - 1) + 1;
            if let Err(error) = self.take(update, next).await {
                tracing::error!(%error, "an update from Telegram could not be carried out; it is tried again");
                // Telegram would hand it out again at once.
                self.engine.clock().sleep(pause_after(1)).await;
                return Ok(());
            }
            let stored = self
                .engine
                .run(move |engine| {
                    let mut batch = Batch::default();
                    batch.put_cursor(NEXT_UPDATE, &next);
                    engine.store.apply(batch)
                })
                .await;
            if stored.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn take(&self, update: Update, next: i32) -> Result<(), EngineError> {
        match update.kind {
            UpdateKind::Message(message) if message.migrate_to_chat_id().is_some() => {
                let (from, to) = (ChatId(message.chat.id.0), message.migrate_to_chat_id().map(|to| ChatId(to.0)));
                note_move(&self.engine, &self.people, from, to.unwrap_or(from)).await
            }
            UpdateKind::Message(message) => {
                self.note_account(message.from.as_ref()).await?;
                self.message(&message).await
            }
            UpdateKind::CallbackQuery(tap) => {
                self.note_account(Some(&tap.from)).await?;
                self.tap(&tap, next).await
            }
            UpdateKind::MyChatMember(change) => {
                let chat = ChatId(change.chat.id.0);
                let reachable =
                    !matches!(change.new_chat_member.kind, ChatMemberKind::Left | ChatMemberKind::Banned(_));
                self.note_group(chat, reachable);
                self.engine.run(move |engine| engine.mark_reachable(chat, reachable)).await
            }
            _ => Ok(()),
        }
    }

    /// Whoever has linked several accounts is told things where he or she was last.
    async fn note_account(&self, from: Option<&TelegramUser>) -> Result<(), EngineError> {
        let Some(account) = from.and_then(|from| i64::try_from(from.id.0).ok()) else { return Ok(()) };
        if linking::is_another(self.engine.store(), account)? {
            self.engine.run(move |engine| engine.account_used(account)).await?;
        }
        Ok(())
    }

    /// A group that the configuration names has thrown the bot out, or let it in again: said once, as it happens.
    fn note_group(&self, chat: ChatId, reachable: bool) {
        let lines = lines_about(&self.people, chat);
        if lines.is_empty() {
            return;
        }
        if reachable {
            tracing::info!(%chat, %lines, "the bot is in a group that the configuration names, and tells it again");
        } else {
            tracing::warn!(%chat, %lines, "the bot was removed from a group that the configuration names: add it again");
        }
    }

    /// A short word that need not survive a crash: whoever asked will ask again.
    pub(super) async fn reply(&self, chat: ChatId, notice: Notice<'_>) {
        let manner = self.speaker.manner_in(self.engine.store(), chat).unwrap_or_else(|_| self.speaker.manner());
        self.show(chat, &render::notice(&self.speaker.voice, manner, notice)).await;
    }

    /// The same for what has buttons.
    pub(super) async fn show(&self, chat: ChatId, message: &Rendered) {
        if let Err(error) = self.api.send(chat, None, message, false).await {
            tracing::warn!(%chat, %error, "a reply could not be sent");
        }
    }

    /// The active user that a Telegram account is linked to.
    pub(super) fn user_of(&self, account: i64) -> Result<Option<User>, EngineError> {
        let store = self.engine.store();
        let Some(link) = store.link(account)? else { return Ok(None) };
        Ok(store.user(&link.user)?.filter(|user| user.active))
    }
}

/// Keeps a group's new id, and says once which lines of the configuration to change.
pub(super) async fn note_move(engine: &Handle, people: &People, from: ChatId, to: ChatId) -> Result<(), EngineError> {
    if engine.run(move |engine| engine.chat_moved(from, to)).await? {
        let lines = lines_about(people, from);
        tracing::warn!(%from, %to, %lines, "a group has another id now and is told there: write it into the configuration");
    }
    Ok(())
}
