//! Linking in the chat: whoever opens a link is shown whom it is for, and says yes or no. Only that account can, in its
//! private chat.

use teloxide::types::{CallbackQuery, User as TelegramUser};

use super::bot::Bot;
use super::render::{self, Rendered};
use super::taps::{Answer, Place, Then};
use crate::domain::button::LinkAnswer;
use crate::domain::{ChatId, UserId};
use crate::engine::EngineError;
use crate::engine::linking::{self, Account, Opened};
use crate::engine::sync::RoundError;
use crate::voice::{Notice, Toast};

impl Bot {
    /// Somebody opened a link.
    pub(super) async fn open_link(&self, chat: ChatId, account: i64, token: &str) -> Result<(), EngineError> {
        let opened = match self.look_up(account, token).await {
            Ok(opened) => opened,
            Err(RoundError::Engine(error)) => return Err(error),
            Err(RoundError::Crm(error)) => {
                tracing::warn!(%error, "a link could not be looked up in the CRM; it is not spent");
                self.reply(chat, Notice::LinkLater).await;
                return Ok(());
            }
        };
        match opened {
            Opened::Offer(offer) => {
                let manner = self.speaker.manner_in(self.engine.store(), chat)?;
                let instead = offer.instead.as_ref();
                let question = render::link_preview(&self.speaker.voice, manner, &offer.user, instead);
                self.ask_about_link(chat, account, &question).await?;
            }
            Opened::Worthless | Opened::Unknown => self.reply(chat, Notice::LinkExpired).await,
        }
        Ok(())
    }

    /// Asks; what was asked about a link opened before goes.
    async fn ask_about_link(&self, chat: ChatId, account: i64, question: &Rendered) -> Result<(), EngineError> {
        let Some(asked) = self.show(chat, question).await else { return Ok(()) };
        self.withdraw_question(chat, account, asked).await?;
        self.engine.run(move |engine| engine.note_link_question(account, Some(asked))).await?;
        Ok(())
    }

    /// Only one message asks about a link, and none once it is answered: any other than `kept` goes.
    async fn withdraw_question(&self, chat: ChatId, account: i64, kept: i32) -> Result<(), EngineError> {
        let Some(asked) = self.engine.store().link_question(account)? else { return Ok(()) };
        if asked != kept
            && let Err(error) = self.api.delete(chat, asked).await
        {
            tracing::debug!(%chat, %error, "a question about a link stays");
        }
        self.engine.run(move |engine| engine.note_link_question(account, None)).await?;
        Ok(())
    }

    /// What a token of ours, or else a code that its user made in the CRM, is for.
    async fn look_up(&self, account: i64, token: &str) -> Result<Opened, RoundError> {
        if !linking::is_token(token) {
            return Ok(Opened::Unknown);
        }
        let hash = linking::hash(token);
        let known = hash.clone();
        match self.engine.run(move |engine| engine.open_token(&known, account)).await? {
            Opened::Unknown => match self.crm.invitation(&hash).await? {
                Some(invitation) => {
                    Ok(self.engine.run(move |engine| engine.open_invitation(&hash, invitation, account)).await?)
                }
                None => Ok(Opened::Unknown),
            },
            opened => Ok(opened),
        }
    }

    /// Yes or no to the link that was opened.
    pub(super) async fn answer_link(
        &self,
        query: &CallbackQuery,
        place: Place,
        (answer, user): (LinkAnswer, UserId),
    ) -> Result<Answer, EngineError> {
        let id = i64::try_from(query.from.id.0).unwrap_or_default();
        let manner = self.speaker.manner_in(self.engine.store(), place.chat)?;
        let stale = || Answer::dialog(self.toast(manner, Toast::Stale));
        // A private chat has the id of its account: nobody answers for somebody else.
        if place.chat != ChatId(id) {
            return Ok(stale());
        }
        match answer {
            LinkAnswer::Yes => {
                let account = Account { id, chat: place.chat, name: account_name(&query.from) };
                // A crash may have come between the link and what is said of it.
                let is_linked = self.engine.store().link(id)?.is_some_and(|link| link.user == user);
                let taken = self.engine.run(move |engine| engine.take_link(&account, &user)).await?;
                if taken.is_none() && !is_linked {
                    return Ok(stale().then(self.preview_answered(place, Notice::LinkExpired)));
                }
                if let Some(link) = taken {
                    tracing::info!(user = %link.user, "a Telegram account was linked");
                }
                self.withdraw_question(place.chat, id, place.message_id).await?;
                // The welcome says it all.
                Ok(Answer::seen().then(Then::Goes))
            }
            LinkAnswer::No => {
                self.engine.run(move |engine| engine.decline_link(id)).await?;
                self.withdraw_question(place.chat, id, place.message_id).await?;
                Ok(Answer::seen().then(self.preview_answered(place, Notice::LinkDeclined)))
            }
        }
    }

    /// What was asked is answered: the message says how, and loses its buttons.
    fn preview_answered(&self, place: Place, notice: Notice<'_>) -> Then {
        let manner = self.speaker.manner_in(self.engine.store(), place.chat).unwrap_or_else(|_| self.speaker.manner());
        Then::Shows(render::notice(&self.speaker.voice, manner, notice))
    }
}

/// What an account calls itself: its user name, by which others find it, else the name it gave.
fn account_name(from: &TelegramUser) -> String {
    from.username.as_ref().map_or_else(|| from.full_name(), |name| format!("@{name}"))
}
