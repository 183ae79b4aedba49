//! Receiving what people do in the chat: open a link, tap a button, write a word. What arrives is kept, and handed to
//! the lane of whoever did it.

use std::sync::Arc;

use serde_json::Value;
use teloxide::types::{ChatMemberKind, Update, UpdateKind, User as TelegramUser};
use tokio_util::sync::CancellationToken;

use super::api::{Api, SendError};
use super::lanes::Lanes;
use super::render::{self, Rendered};
use super::suggestions::Suggestions;
use super::talk::memory::Memory;
use crate::domain::{ChatId, User};
use crate::engine::briefing::Speaker;
use crate::engine::calendars::Calendars;
use crate::engine::day::Habits;
use crate::engine::outbox::pause_after;
use crate::engine::permissions::Permissions;
use crate::engine::status::Status;
use crate::engine::sync::Crm;
use crate::engine::told::{People, lines_about};
use crate::engine::updates::NEXT_UPDATE;
use crate::engine::{EngineError, Handle, linking};
use crate::voice::Notice;

/// An update with an id not far below the next one was delivered twice: Telegram numbers them one by one, and begins
/// anywhere only after a week without any.
const RECENT: i32 = 1_000;

/// What became of an update.
pub(super) enum Taken {
    /// It was carried out.
    Done,
    /// The CRM has to be asked first.
    MustAsk,
}

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
    /// What days and weeks begin and end with, where the user does not say otherwise.
    pub habits: Habits,
    /// How Telegram is doing.
    pub status: Status,
    /// What was last spoken of.
    pub memory: Memory,
    /// Other words for drafts.
    pub suggestions: Suggestions,
}

impl Bot {
    /// Works until `stop`.
    pub async fn work(self, stop: CancellationToken) {
        let lanes = Lanes::new(self.clone(), stop.clone());
        self.take_up(&lanes);
        self.receive_until(&stop, &lanes).await;
        lanes.end().await;
    }

    /// Takes up what had arrived and was not carried out when the daemon ended.
    fn take_up(&self, lanes: &Lanes) {
        match self.engine.store().updates() {
            Ok(updates) => {
                let updates = updates.iter().filter_map(|json| serde_json::from_str(json).ok());
                updates.for_each(|update| lanes.enqueue(update, false));
            }
            Err(error) => tracing::error!(%error, "what Telegram delivered before cannot be read"),
        }
    }

    async fn receive_until(&self, stop: &CancellationToken, lanes: &Lanes) {
        let mut failures = 0;
        loop {
            let outcome = tokio::select! {
                () = stop.cancelled() => return,
                outcome = self.receive(lanes) => outcome,
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

    /// Fetches updates once and keeps them. Telegram learns with the next call that they have arrived.
    async fn receive(&self, lanes: &Lanes) -> Result<(), SendError> {
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
        let Some(next) = updates.iter().filter_map(id_in).max().map(|id| id.saturating_add(1)) else { return Ok(()) };
        let is_new = |id: &i32| !(offset.saturating_sub(RECENT)..offset).contains(id);
        let kept: Vec<(i32, String)> =
            updates.iter().filter_map(|update| Some((id_in(update).filter(is_new)?, update.to_string()))).collect();
        let arrived: Vec<Update> = kept.iter().filter_map(|(_, json)| serde_json::from_str(json).ok()).collect();
        let next = if kept.is_empty() { next.max(offset) } else { next };
        if let Err(error) = self.engine.run(move |engine| engine.updates_arrived(&kept, next)).await {
            tracing::error!(%error, "what Telegram delivered could not be kept; it is fetched again");
            // Telegram would hand it out again at once.
            self.engine.clock().sleep(pause_after(1)).await;
            return Ok(());
        }
        arrived.into_iter().for_each(|update| lanes.enqueue(update, false));
        Ok(())
    }

    /// Carries an update out; `next` is the id after its. `asks`: the CRM may be waited for.
    pub(super) async fn take(&self, update: &Update, next: i32, asks: bool) -> Result<Taken, EngineError> {
        match &update.kind {
            UpdateKind::Message(message) if message.migrate_to_chat_id().is_some() => {
                let (from, to) = (ChatId(message.chat.id.0), message.migrate_to_chat_id().map(|to| ChatId(to.0)));
                note_move(&self.engine, &self.people, from, to.unwrap_or(from)).await?;
            }
            UpdateKind::Message(message) => {
                self.note_account(message.from.as_ref()).await?;
                self.message(message).await?;
            }
            UpdateKind::CallbackQuery(tap) => {
                self.note_account(Some(&tap.from)).await?;
                return self.tap(tap, next, asks).await;
            }
            UpdateKind::MyChatMember(change) => {
                let chat = ChatId(change.chat.id.0);
                let reachable =
                    !matches!(change.new_chat_member.kind, ChatMemberKind::Left | ChatMemberKind::Banned(_));
                self.note_group(chat, reachable);
                self.engine.run(move |engine| engine.mark_reachable(chat, reachable)).await?;
            }
            _ => {}
        }
        Ok(Taken::Done)
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

    /// The same for what has buttons. Returns the message's id, `None` when it could not be sent.
    pub(super) async fn show(&self, chat: ChatId, message: &Rendered) -> Option<i32> {
        match self.api.send(chat, None, message, false).await {
            Ok(id) => Some(id),
            Err(error) => {
                tracing::warn!(%chat, %error, "a reply could not be sent");
                None
            }
        }
    }

    /// The active user that a Telegram account is linked to.
    pub(super) fn user_of(&self, account: i64) -> Result<Option<User>, EngineError> {
        let store = self.engine.store();
        let Some(link) = store.link(account)? else { return Ok(None) };
        Ok(store.user(&link.user)?.filter(|user| user.active))
    }
}

fn id_in(update: &Value) -> Option<i32> {
    i32::try_from(update.get("update_id")?.as_i64()?).ok()
}

/// The number that Telegram gave an update.
pub(super) fn id_of(update: &Update) -> i32 {
    i32::try_from(update.id.0).unwrap_or(i32::MAX)
}

/// Keeps a group's new id, and says once which lines of the configuration to change.
pub(super) async fn note_move(engine: &Handle, people: &People, from: ChatId, to: ChatId) -> Result<(), EngineError> {
    if engine.run(move |engine| engine.chat_moved(from, to)).await? {
        let lines = lines_about(people, from);
        tracing::warn!(%from, %to, %lines, "a group has another id now and is told there: write it into the configuration");
    }
    Ok(())
}
