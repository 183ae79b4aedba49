//! What people write to the bot: a link that is opened, a command, a few words.

mod answer;
mod asked;
mod calling;
mod card;
mod commands;
mod lists;
pub mod memory;
pub mod menu;
mod phrase;
mod reading;
mod settings;
mod words;

use std::sync::Arc;

use teloxide::types::Message as Incoming;

use super::bot::Bot;
use super::render::{Key, KeyKind, Rendered};
use crate::domain::ask::Ask;
use crate::domain::calendar::Calendar;
use crate::domain::{ChatId, Manner, Timestamp, User};
use crate::engine::EngineError;
use crate::voice::Notice;
use crate::voice::screens::{Scene, Screen};

/// Whoever wrote to us or tapped, and whom we answer.
pub(super) struct Reader {
    /// Who.
    pub user: User,
    /// How to speak to him or her.
    pub manner: Manner,
    /// In which chat: a private one.
    pub chat: ChatId,
    /// Whose hours and days are meant.
    pub calendar: Arc<Calendar>,
    /// When.
    pub now: Timestamp,
}

impl Bot {
    pub(super) async fn message(&self, message: &Incoming) -> Result<(), EngineError> {
        let (Some(from), Some(text)) = (&message.from, message.text()) else { return Ok(()) };
        let chat = ChatId(message.chat.id.0);
        if !message.chat.is_private() {
            return self.in_group(chat, text).await;
        }
        let account = i64::try_from(from.id.0).unwrap_or_default();
        let (command, rest) = commands::split(text);
        if command == Some("start") && !rest.is_empty() {
            let token = rest.split_whitespace().next().unwrap_or_default();
            return self.open_link(chat, account, token).await;
        }
        if command == Some("stop") && self.engine.run(move |engine| engine.unlink(account)).await? {
            self.reply(chat, Notice::Unlinked).await;
            return Ok(());
        }
        let Some(user) = self.user_of(account)? else {
            self.reply(chat, Notice::NotLinked).await;
            return Ok(());
        };
        // Whoever writes to us can be written to.
        self.engine.run(move |engine| engine.mark_reachable(chat, true)).await?;
        if command.is_none() && self.take_draft_text(message, text).await? {
            return Ok(());
        }
        let reader = self.reader(user, chat)?;
        match command {
            Some(command) => self.command(&reader, command, rest).await,
            None => self.words(&reader, text, message.id.0, message.reply_to_message()).await,
        }
    }

    /// Nothing about leads is said in a group: only where to ask.
    async fn in_group(&self, chat: ChatId, text: &str) -> Result<(), EngineError> {
        let (Some(command), _) = commands::split(text) else { return Ok(()) };
        let bot = self.status.bot_name().unwrap_or_default();
        let is_for_us = text.split_whitespace().next().and_then(|first| first.split_once('@'));
        if is_for_us.is_some_and(|(_, name)| !name.eq_ignore_ascii_case(&bot)) || !commands::is_known(command) {
            return Ok(());
        }
        let manner = self.speaker.manner_in(self.engine.store(), chat)?;
        let scene = self.scene(chat, self.engine.clock().now(), self.speaker.zone);
        let html = self.speaker.voice.screen_html(manner, scene, &Screen::InGroup);
        self.show(chat, &Rendered::new(html, Vec::new())).await;
        Ok(())
    }

    /// A user as whoever reads our answers in a private chat.
    pub(super) fn reader(&self, user: User, chat: ChatId) -> Result<Reader, EngineError> {
        let store = self.engine.store();
        let manner = self.speaker.manner_of(store, Some(&user.id))?;
        let calendar = self.calendars.of(store, &user.id)?;
        Ok(Reader { user, manner, chat, calendar, now: self.engine.clock().now() })
    }

    fn scene(&self, chat: ChatId, now: Timestamp, zone: chrono_tz::Tz) -> Scene {
        Scene { now, zone, content: self.speaker.content_in(chat) }
    }

    /// An answer with its buttons.
    fn screen(&self, reader: &Reader, screen: &Screen<'_>, keyboard: Vec<Vec<Key>>) -> Rendered {
        let scene = self.scene(reader.chat, reader.now, reader.calendar.zone());
        Rendered::new(self.speaker.voice.screen_html(reader.manner, scene, screen), keyboard)
    }

    /// A button below an answer.
    fn key(&self, reader: &Reader, label: &str, ask: Ask) -> Key {
        Key { text: self.speaker.voice.short(reader.manner, "screen", label), kind: KeyKind::Ask(ask) }
    }
}
