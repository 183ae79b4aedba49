//! The Bot API as M.A.X. uses it: send, edit, answer a tap, fetch updates; and what its refusals mean.

use std::fmt;
use std::time::Duration;

use reqwest::Url;
use reqwest::multipart::{Form, Part};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use teloxide::ApiError;
use teloxide::payloads::{
    AnswerCallbackQuery, AnswerCallbackQuerySetters, DeleteMessage, EditMessageText, EditMessageTextSetters, GetChat,
    GetMe, GetUpdates, GetUpdatesSetters, SendMessage, SendMessageSetters, SendPhoto, SetMyCommands,
    SetMyCommandsSetters,
};
use teloxide::requests::Payload;
use teloxide::types::{
    BotCommand, BotCommandScope, CallbackQueryId, CopyTextButton, InlineKeyboardButton, InlineKeyboardMarkup,
    LinkPreviewOptions, MessageId, ParseMode, Recipient, ResponseParameters, ThreadId,
};

use super::render::{Key, KeyKind, Rendered};
use crate::domain::{ChatId, Seconds};

/// How long Telegram may hold `getUpdates` open, in seconds.
const LONG_POLL: u32 = 25;
/// How long a text below a picture may be, in UTF-16 units once tags are gone and entities are characters.
pub const CAPTION_UNITS: usize = 1_024;
/// How long a call may take, beyond what Telegram was asked to wait.
const PATIENCE: Duration = Duration::from_secs(10);

/// What Telegram says of chats that take nothing from the bot, where teloxide does not know the words.
const SHUT: [&str; 6] = [
    "the group chat was deleted",
    "not enough rights to send",
    "bot was kicked",
    "bot is not a member",
    "bot was blocked",
    "chat not found",
];

/// What a refusal means for whoever wanted to send.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Too fast: again after so many seconds.
    #[error("Telegram asks to wait {0} s")]
    RetryAfter(Seconds),
    /// The chat takes no messages from us: blocked, gone, deactivated.
    #[error("the chat takes no messages: {0}")]
    Unreachable(String),
    /// The message to edit is gone, or too old to be edited.
    #[error("the message cannot be edited any more")]
    MessageGone,
    /// The edit changes nothing.
    #[error("the message is as it should be")]
    NotModified,
    /// The group has a new id.
    #[error("the chat moved to {0}")]
    Migrated(ChatId),
    /// The topic of a forum is closed or gone.
    #[error("the topic takes no messages: {0}")]
    NoTopic(String),
    /// The token is not a bot's.
    #[error("the bot token is refused: check [telegram] token")]
    BadToken,
    /// Refused, and would be again.
    #[error("Telegram refuses: {0}")]
    Refused(String),
    /// No answer, or a failure on their side: the message may have been sent.
    #[error("Telegram does not answer: {0}")]
    Unavailable(String),
}

impl SendError {
    fn from_api(error: &ApiError) -> Self {
        match error {
            ApiError::MessageNotModified => Self::NotModified,
            ApiError::MessageToEditNotFound | ApiError::MessageIdInvalid | ApiError::MessageCantBeEdited => {
                Self::MessageGone
            }
            ApiError::InvalidToken => Self::BadToken,
            ApiError::BotBlocked
            | ApiError::ChatNotFound
            | ApiError::UserDeactivated
            | ApiError::GroupDeactivated
            | ApiError::BotKicked
            | ApiError::BotKickedFromSupergroup
            | ApiError::BotKickedFromChannel
            | ApiError::CantInitiateConversation
            | ApiError::CantTalkWithBots => Self::Unreachable(error.to_string()),
            other => {
                let text = other.to_string();
                if ["message thread not found", "TOPIC_CLOSED", "TOPIC_DELETED"].iter().any(|gone| text.contains(gone))
                {
                    Self::NoTopic(text)
                } else if SHUT.iter().any(|shut| text.contains(shut)) {
                    Self::Unreachable(text)
                } else {
                    Self::Refused(text)
                }
            }
        }
    }
}

/// What Telegram answers.
#[derive(Deserialize)]
struct Reply<T> {
    result: Option<T>,
    #[serde(default)]
    description: String,
    parameters: Option<ResponseParameters>,
}

impl<T> Reply<T> {
    fn outcome(self) -> Result<T, SendError> {
        match (self.result, self.parameters) {
            (Some(result), _) => Ok(result),
            (None, Some(ResponseParameters::MigrateToChatId(chat))) => Err(SendError::Migrated(ChatId(chat.0))),
            (None, Some(ResponseParameters::RetryAfter(wait))) => Err(SendError::RetryAfter(wait.seconds().into())),
            (None, None) => {
                let known = serde_json::from_value(Value::String(self.description.clone()));
                Err(SendError::from_api(&known.unwrap_or(ApiError::Unknown(self.description))))
            }
        }
    }
}

/// The bot. Cheap to clone. teloxide knows what the calls and their answers look like; the calls are made here, since
/// teloxide waits for ten seconds after every failure on Telegram's side, and nobody else would be told meanwhile.
#[derive(Clone)]
pub struct Api {
    client: reqwest::Client,
    /// Ends without a slash; the token is part of every address.
    address: String,
    token: SecretString,
}

impl fmt::Debug for Api {
    /// Without the token, which teloxide's own would show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Api")
    }
}

/// Why the bot cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("[telegram] api_url: {0}")]
pub struct BadAddress(String);

impl Api {
    /// A bot with this token at this address.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(token: &SecretString, api_url: &str) -> Result<Self, BadAddress> {
        let url = Url::parse(api_url).map_err(|error| BadAddress(error.to_string()))?;
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(PATIENCE)
            .tcp_nodelay(true)
            .build()
            .map_err(|error| BadAddress(error.to_string()))?;
        Ok(Self { client, address: url.as_str().trim_end_matches('/').to_owned(), token: token.clone() })
    }

    /// Makes a call; what is answered is read as `T`.
    async fn call<P: Payload + Serialize, T: DeserializeOwned>(
        &self,
        call: &P,
        wait: Duration,
    ) -> Result<T, SendError> {
        let request = self.client.post(self.address_of(P::NAME)).timeout(wait + PATIENCE).json(call);
        self.outcome(request).await
    }

    fn address_of(&self, method: &str) -> String {
        format!("{}/bot{}/{method}", self.address, self.token.expose_secret())
    }

    async fn outcome<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, SendError> {
        // The address holds the token: it stays out of errors, and so does an answer, which may hold what people wrote.
        let failed = |error: reqwest::Error| SendError::Unavailable(error.without_url().to_string());
        let response = request.send().await.map_err(failed)?;
        if response.status().is_server_error() {
            return Err(SendError::Unavailable(response.status().to_string()));
        }
        let body = response.bytes().await.map_err(failed)?;
        let reply: Reply<T> = serde_json::from_slice(&body)
            .map_err(|error| SendError::Unavailable(format!("an answer that is not as expected ({error})")))?;
        reply.outcome()
    }

    /// Makes a call that Telegram answers at once.
    async fn ask<P: Payload + Serialize>(&self, call: &P) -> Result<P::Output, SendError>
    where
        P::Output: DeserializeOwned,
    {
        self.call(call, Duration::ZERO).await
    }

    /// The bot's user name, for deep links.
    ///
    /// # Errors
    /// When Telegram refuses or does not answer.
    pub async fn user_name(&self) -> Result<String, SendError> {
        Ok(self.ask(&GetMe::new()).await?.username().to_owned())
    }

    /// Whether the bot is in a chat.
    ///
    /// # Errors
    /// [`SendError::Unreachable`] when it is not, [`SendError::Migrated`] when the group has another id, and as every call.
    pub async fn find_chat(&self, chat: ChatId) -> Result<(), SendError> {
        // Of all that Telegram tells of a chat nothing is needed.
        self.call::<_, Value>(&GetChat::new(Recipient::Id(teloxide::types::ChatId(chat.0))), Duration::ZERO)
            .await
            .map(drop)
    }

    /// Sends a message and returns its id. `topic`: of a forum, by its `message_thread_id`. `silent`: without sound.
    ///
    /// # Errors
    /// When Telegram refuses or does not answer.
    pub async fn send(
        &self,
        chat: ChatId,
        topic: Option<i32>,
        message: &Rendered,
        silent: bool,
    ) -> Result<i32, SendError> {
        let mut request = SendMessage::new(teloxide::types::ChatId(chat.0), &message.html)
            .parse_mode(ParseMode::Html)
            .link_preview_options(no_preview())
            .disable_notification(silent);
        if let Some(topic) = topic {
            request = request.message_thread_id(ThreadId(MessageId(topic)));
        }
        if !message.keyboard.is_empty() {
            request = request.reply_markup(keyboard(&message.keyboard));
        }
        Ok(self.ask(&request).await?.id.0)
    }

    /// Sends a picture (a PNG) with a message below it, which has at most [`CAPTION_UNITS`] UTF-16 units, and returns its id.
    ///
    /// # Errors
    /// When Telegram refuses or does not answer.
    pub async fn send_picture(
        &self,
        chat: ChatId,
        picture: Vec<u8>,
        message: &Rendered,
        silent: bool,
    ) -> Result<i32, SendError> {
        let picture = Part::bytes(picture).file_name("max.png");
        let picture = picture.mime_str("image/png").map_err(|error| SendError::Refused(error.to_string()))?;
        let form = Form::new()
            .text("chat_id", chat.0.to_string())
            .text("caption", message.html.clone())
            .text("parse_mode", "HTML")
            .text("disable_notification", silent.to_string())
            .part("photo", picture);
        let request = self.client.post(self.address_of(SendPhoto::NAME)).timeout(2 * PATIENCE).multipart(form);
        let sent: teloxide::types::Message = self.outcome(request).await?;
        Ok(sent.id.0)
    }

    /// Brings a message to a new text and new buttons.
    ///
    /// # Errors
    /// When Telegram refuses or does not answer.
    pub async fn edit(&self, chat: ChatId, message_id: i32, message: &Rendered) -> Result<(), SendError> {
        let request = EditMessageText::new(teloxide::types::ChatId(chat.0), MessageId(message_id), &message.html)
            .parse_mode(ParseMode::Html)
            .link_preview_options(no_preview())
            .reply_markup(keyboard(&message.keyboard));
        self.ask(&request).await?;
        Ok(())
    }

    /// Takes a message of ours back.
    ///
    /// # Errors
    /// When Telegram refuses or does not answer.
    pub async fn delete(&self, chat: ChatId, message_id: i32) -> Result<(), SendError> {
        self.ask(&DeleteMessage::new(teloxide::types::ChatId(chat.0), MessageId(message_id))).await?;
        Ok(())
    }

    /// Answers a tap with a short text. `alert`: as a dialog that has to be closed.
    ///
    /// # Errors
    /// When Telegram refuses (the tap is too old) or does not answer.
    pub async fn answer(&self, tap: &CallbackQueryId, text: &str, alert: bool) -> Result<(), SendError> {
        self.ask(&AnswerCallbackQuery::new(tap.clone()).text(text).show_alert(alert)).await?;
        Ok(())
    }

    /// Sets the commands that clients offer: to whom, and in which language (none for all others).
    ///
    /// # Errors
    /// When Telegram refuses or does not answer.
    pub async fn set_commands(
        &self,
        commands: Vec<BotCommand>,
        scope: BotCommandScope,
        language: Option<&str>,
    ) -> Result<(), SendError> {
        let request = SetMyCommands::new(commands).scope(scope);
        match language {
            Some(language) => self.ask(&request.language_code(language)).await?,
            None => self.ask(&request).await?,
        };
        Ok(())
    }

    /// Waits for updates from `offset` (inclusive) on. They are not read yet: what is not as expected in one of them must
    /// not keep the others back.
    ///
    /// # Errors
    /// When Telegram refuses or does not answer.
    pub async fn updates(&self, offset: i32) -> Result<Vec<Value>, SendError> {
        let poll = GetUpdates::new().offset(offset).timeout(LONG_POLL);
        self.call(&poll, Duration::from_secs(u64::from(LONG_POLL))).await
    }
}

fn no_preview() -> LinkPreviewOptions {
    LinkPreviewOptions {
        is_disabled: true,
        url: None,
        prefer_small_media: false,
        prefer_large_media: false,
        show_above_text: false,
    }
}

fn keyboard(rows: &[Vec<Key>]) -> InlineKeyboardMarkup {
    InlineKeyboardMarkup::new(rows.iter().map(|row| row.iter().filter_map(button).collect::<Vec<_>>()))
}

fn button(key: &Key) -> Option<InlineKeyboardButton> {
    Some(match &key.kind {
        KeyKind::Callback(button) => InlineKeyboardButton::callback(&key.text, button.to_data()),
        KeyKind::Ask(ask) => InlineKeyboardButton::callback(&key.text, ask.to_data()),
        KeyKind::Url(url) => InlineKeyboardButton::url(&key.text, Url::parse(url).ok()?),
        KeyKind::Copy(text) => InlineKeyboardButton::copy_text_button(&key.text, CopyTextButton { text: text.clone() }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_that_is_shut_is_known_by_its_words() {
        for words in [
            "Forbidden: bot was kicked from the group chat",
            "Forbidden: bot was kicked from the supergroup chat",
            "Forbidden: bot is not a member of the supergroup chat",
            "Bad Request: chat not found",
            "Bad Request: not enough rights to send text messages to the chat",
        ] {
            let reply: Reply<Value> =
                serde_json::from_value(serde_json::json!({"ok": false, "description": words})).unwrap();
            assert!(matches!(reply.outcome(), Err(SendError::Unreachable(_))), "{words}");
        }
    }

    #[tokio::test]
    async fn the_token_stays_out_of_errors() {
        for prefix in ["", "/bots"] {
            let api = Api::new(&"4200000001:secret".into(), &format!("http://127.0.0.1:1{prefix}")).unwrap();
            let error = api.user_name().await.unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
