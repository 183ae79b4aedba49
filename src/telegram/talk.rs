//! What people write to the bot: a link that is opened, a command, a word.

mod phrase;

use teloxide::types::{Message as Incoming, User as TelegramUser};

use super::bot::Bot;
use crate::domain::ChatId;
use crate::engine::EngineError;
use crate::engine::linking::{self, Account, Spent};
use crate::engine::sync::RoundError;
use crate::store::Link;
use crate::voice::Notice;

impl Bot {
    pub(super) async fn message(&self, message: &Incoming, next: i32) -> Result<(), EngineError> {
        let (Some(from), Some(text), true) = (&message.from, message.text(), message.chat.is_private()) else {
            return Ok(());
        };
        let chat = ChatId(message.chat.id.0);
        let account = i64::try_from(from.id.0).unwrap_or_default();
        let mut words = text.split_whitespace();
        let command = words.next().unwrap_or_default();
        if let Some(token) = words.next().filter(|_| command == "/start") {
            let account = Account { id: account, chat, name: account_name(from) };
            return self.link(account, token, next).await;
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
        let notice = match (linked, command) {
            (false, _) => Notice::NotLinked,
            (true, "/start" | "/help") => Notice::Help,
            (true, _) => Notice::Unknown,
        };
        self.reply(chat, notice).await;
        Ok(())
    }

    async fn link(&self, account: Account, token: &str, next: i32) -> Result<(), EngineError> {
        let chat = account.chat;
        let link = match self.spend(account, token, next).await {
            Ok(link) => link,
            Err(RoundError::Engine(error)) => return Err(error),
            Err(RoundError::Crm(error)) => {
                tracing::warn!(%error, "a link could not be looked up in the CRM; it is not spent");
                self.reply(chat, Notice::LinkLater).await;
                return Ok(());
            }
        };
        match link {
            Some(link) => tracing::info!(user = %link.user, "a Telegram account was linked"),
            None => self.reply(chat, Notice::LinkExpired).await,
        }
        Ok(())
    }

    /// Links by a token of ours, or else by a code that its user made in the CRM.
    async fn spend(&self, account: Account, token: &str, next: i32) -> Result<Option<Link>, RoundError> {
        if !linking::is_token(token) {
            return Ok(None);
        }
        let (hash, of_ours) = (linking::hash(token), account.clone());
        let known = hash.clone();
        match self.engine.run(move |engine| engine.spend_token(&known, &of_ours, next)).await? {
            Spent::Linked(link) => Ok(Some(link)),
            Spent::Expired => Ok(None),
            Spent::Unknown => match self.crm.invitation(&hash).await? {
                Some(invitation) => {
                    Ok(self.engine.run(move |engine| engine.accept(invitation, &account, next)).await?)
                }
                None => Ok(None),
            },
        }
    }
}

/// What an account calls itself: its user name, by which others find it, else the name it gave.
fn account_name(from: &TelegramUser) -> String {
    from.username.as_ref().map_or_else(|| from.full_name(), |name| format!("@{name}"))
}
