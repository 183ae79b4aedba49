//! What people write to the bot: a link that is opened, a command, a word.

use teloxide::types::Message as Incoming;

use super::bot::Bot;
use crate::domain::ChatId;
use crate::engine::EngineError;
use crate::voice::Notice;

impl Bot {
    pub(super) async fn message(&self, message: &Incoming) -> Result<(), EngineError> {
        let (Some(from), Some(text), true) = (&message.from, message.text(), message.chat.is_private()) else {
            return Ok(());
        };
        let chat = ChatId(message.chat.id.0);
        let account = i64::try_from(from.id.0).unwrap_or_default();
        let mut words = text.split_whitespace();
        let command = words.next().unwrap_or_default();
        if let Some(token) = words.next().filter(|_| command == "/start") {
            return self.open_link(chat, account, token).await;
        }
        if command == "/stop" && self.engine.run(move |engine| engine.unlink(account)).await? {
            self.reply(chat, Notice::Unlinked).await;
            return Ok(());
        }
        let linked = self.user_of(account)?.is_some();
        if linked {
            // Whoever writes to us can be written to.
            self.engine.run(move |engine| engine.mark_reachable(chat, true)).await?;
        }
        if linked && self.take_draft_text(message, text).await? {
            return Ok(());
        }
        let notice = match (linked, command) {
            (false, _) => Notice::NotLinked,
            (true, "/start" | "/help") => Notice::Help,
            (true, _) => Notice::Unknown,
        };
        self.reply(chat, notice).await;
        Ok(())
    }
}
