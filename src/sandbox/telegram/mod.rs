//! A small Telegram Bot API server, as strict as the real one where it matters: what it accepts, Telegram
//! accepts, and what it refuses it refuses in Telegram's words. People live in it: they open chats, write, tap,
//! block the bot; and so do Telegram's bad days: 429, 5xx, a reply that never arrives.
//!
//! Not modelled: webhooks, media, parse modes other than HTML, `entities` in place of a parse mode.

mod html;
mod keyboard;
mod methods;
mod request;
mod server;
mod world;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::domain::Timestamp;

pub use keyboard::Key;
use world::World;

/// How a sandbox is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// The one token it accepts, such as `4200000001:sandbox`; the number before the colon is the bot's id.
    pub token: String,
    /// The bot's `@name`, without the `@`.
    pub bot_username: String,
    /// Where it listens; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Whether more than about one message a second to a chat, 20 a minute to a group or 30 a second in all is
    /// answered 429. Counted by the sandbox's clock.
    pub enforce_rates: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            token: "4200000001:sandbox".to_owned(),
            bot_username: "max_sandbox_bot".to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            enforce_rates: false,
        }
    }
}

/// Somebody with a Telegram account. The id of their private chat with the bot is their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Greater than 0.
    pub id: i64,
    /// As others see it.
    pub first_name: String,
    /// IETF tag, such as `fr`.
    pub language_code: Option<String>,
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// The bot.
    Bot,
    /// The person with this id.
    Person(i64),
}

/// What a message said, at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// As sent, with tags.
    pub text: String,
    /// As read, without tags.
    pub plain: String,
    /// `MessageEntity` objects of the Bot API.
    pub entities: Vec<Value>,
    /// As sent, if any.
    pub parse_mode: Option<String>,
    /// The inline keyboard, row by row.
    pub keyboard: Vec<Vec<Key>>,
}

/// A message in a chat, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentMessage {
    /// Unique in its chat.
    pub message_id: i32,
    /// Who wrote it.
    pub author: Author,
    /// As sent, with tags.
    pub text: String,
    /// As read, without tags.
    pub plain: String,
    /// `MessageEntity` objects of the Bot API.
    pub entities: Vec<Value>,
    /// As sent, if any.
    pub parse_mode: Option<String>,
    /// The inline keyboard, row by row.
    pub keyboard: Vec<Vec<Key>>,
    /// Sent without a notification.
    pub silent: bool,
    /// The message it replies to.
    pub reply_to: Option<i32>,
    /// How often it was edited.
    pub edited: u32,
    /// What it said before, oldest first.
    pub history: Vec<Version>,
    /// By the sandbox's clock.
    pub sent_at: Timestamp,
}

impl SentMessage {
    /// The first button with this callback data.
    pub fn key(&self, callback_data: &str) -> Option<&Key> {
        self.keyboard.iter().flatten().find(|key| key.callback_data.as_deref() == Some(callback_data))
    }
}

/// An answer the bot gave to a tap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackAnswer {
    /// The update that carried the tap.
    pub update_id: i64,
    /// The callback query's own id.
    pub callback_id: String,
    /// What the person was shown; none for nothing.
    pub text: Option<String>,
    /// Shown as a dialogue rather than in passing.
    pub alert: bool,
}

/// One call, as it came in and what was answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoggedRequest {
    /// The method as the caller wrote it.
    pub method: String,
    /// Its parameters, decoded.
    pub params: Value,
    /// The HTTP status answered; 0 when the connection was cut.
    pub status: u16,
}

/// A bad day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 429 with this many seconds of `retry_after`; nothing is done.
    TooManyRequests {
        /// In seconds.
        retry_after: u32,
    },
    /// This status (500 to 599); nothing is done.
    ServerError(u16),
    /// The connection is cut before anything is done.
    CutBefore,
    /// Everything is done, and then the connection is cut: the reply is lost.
    CutAfter,
    /// 409, as when two daemons poll for one bot.
    Conflict,
}

/// Why a person cannot do that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Impossible {
    /// The chat was never opened, or has moved.
    #[error("there is no such chat")]
    NoSuchChat,
    /// The message never was, or was deleted.
    #[error("there is no such message")]
    NoSuchMessage,
    /// No version of the message had this button.
    #[error("the message has no such button")]
    NoSuchButton,
    /// The person has to unblock the bot first.
    #[error("the bot is blocked")]
    Blocked,
}

/// The handle on a running sandbox. Cheap to clone; the server stops when the last clone is dropped.
#[derive(Clone)]
pub struct TelegramSandbox {
    shared: Arc<Shared>,
    url: Arc<str>,
    /// Held for its drop.
    _server: Arc<server::Running>,
}

/// What handle and server share.
struct Shared {
    options: Options,
    clock: Clock,
    world: Mutex<World>,
    changes: watch::Sender<u64>,
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Acts on the world, and tells whoever waits for changes.
    fn act<T>(&self, act: impl FnOnce(&mut World, Timestamp) -> T) -> T {
        let done = act(&mut self.world(), self.clock.now());
        self.changed();
        done
    }
}

impl TelegramSandbox {
    /// Listens and serves until the last handle is dropped. Fails when the address cannot be bound.
    pub async fn start(clock: Clock, options: Options) -> io::Result<Self> {
        let listener = tokio::net::TcpListener::bind(options.listen).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let world = Mutex::new(World::new(&options));
        let shared = Arc::new(Shared { options, clock, world, changes: watch::Sender::new(0) });
        let running = server::serve(listener, Arc::clone(&shared));
        Ok(Self { shared, url: url.into(), _server: Arc::new(running) })
    }

    /// Where the Bot API is, without a slash at the end: for `telegram.api_url`.
    pub fn url(&self) -> String {
        self.url.as_ref().to_owned()
    }

    /// A private chat in which the person has pressed Start at some time: from now on the bot may write there.
    /// No update is made; for one, [`say`](Self::say) `/start`.
    pub fn open_chat(&self, person: Person) {
        self.shared.act(|world, _| world.open_private(person));
    }

    /// A group with the bot in it; `id` is below 0.
    pub fn open_group(&self, id: i64, title: &str) {
        self.shared.act(|world, _| world.open_group(id, title));
    }

    /// The person of a private chat writes; answers the update's id.
    pub fn say(&self, chat: i64, text: &str) -> Result<i64, Impossible> {
        self.shared.act(|world, now| world.say(chat, chat, text, now))
    }

    /// Somebody known (their private chat is open) writes in a group.
    pub fn say_in_group(&self, chat: i64, person: i64, text: &str) -> Result<i64, Impossible> {
        self.shared.act(|world, now| world.say(chat, person, text, now))
    }

    /// The person of a private chat taps a button that the message has or had (they may not have seen the edit
    /// yet); answers the update's id.
    pub fn tap(&self, chat: i64, message_id: i32, callback_data: &str) -> Result<i64, Impossible> {
        self.tap_in_group(chat, chat, message_id, callback_data)
    }

    /// Somebody known taps a button in a group.
    pub fn tap_in_group(&self, chat: i64, person: i64, message_id: i32, data: &str) -> Result<i64, Impossible> {
        self.shared.act(|world, now| world.tap(chat, person, message_id, data, world::Tap::Honest, now))
    }

    /// A doctored client sends callback data which no button ever had.
    pub fn forge_tap(&self, chat: i64, person: i64, message_id: i32, data: &str) -> Result<i64, Impossible> {
        self.shared.act(|world, now| world.tap(chat, person, message_id, data, world::Tap::Forged, now))
    }

    /// The person blocks the bot; in a group, an admin removes it.
    pub fn block(&self, chat: i64) {
        self.shared.act(|world, now| world.bar(chat, true, now));
    }

    /// The person unblocks the bot; in a group, an admin lets it in again.
    pub fn unblock(&self, chat: i64) {
        self.shared.act(|world, now| world.bar(chat, false, now));
    }

    /// The person deletes a message for both sides.
    pub fn delete_message(&self, chat: i64, message_id: i32) -> Result<(), Impossible> {
        self.shared.act(|world, _| world.delete(chat, message_id))
    }

    /// A group becomes a supergroup with another id (below 0) and none of its messages.
    pub fn migrate_group(&self, from: i64, to: i64) -> Result<(), Impossible> {
        self.shared.act(|world, now| world.migrate(from, to, now))
    }

    /// The next `times` calls of the method (its case does not matter) fare badly. Faults of one method follow
    /// each other in the order in which they were planned.
    pub fn fail_next(&self, method: &str, fault: Fault, times: u32) {
        self.shared.act(|world, _| world.plan_fault(method, fault, times));
    }

    /// What the bot has sent to a chat and was not deleted, as it stands, oldest first.
    pub fn messages(&self, chat: i64) -> Vec<SentMessage> {
        let mut all = self.conversation(chat);
        all.retain(|message| message.author == Author::Bot);
        all
    }

    /// Everything in a chat, from both sides, oldest first.
    pub fn conversation(&self, chat: i64) -> Vec<SentMessage> {
        self.shared.world().conversation(chat)
    }

    /// The bot's answers to taps, oldest first.
    pub fn answers(&self) -> Vec<CallbackAnswer> {
        self.shared.world().answers.clone()
    }

    /// Every call so far (the latest 20,000), oldest first. Tokens are not kept.
    pub fn all_requests(&self) -> Vec<LoggedRequest> {
        self.shared.world().requests.iter().cloned().collect()
    }

    /// Ticks whenever anything changes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Returns once `what` holds. Waits for ever if it never does: give it a timeout outside.
    pub async fn wait_until(&self, what: impl Fn(&Self) -> bool) {
        let mut changes = self.changes();
        while !what(self) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Whether the bot has confirmed (by a `getUpdates` offset beyond it) everything said and tapped.
    pub fn all_updates_confirmed(&self) -> bool {
        self.shared.world().all_updates_confirmed()
    }
}

/// What the Bot API answers instead of a result.
#[derive(Clone, Debug, PartialEq)]
struct Refusal {
    code: u16,
    description: String,
    parameters: Option<Value>,
}

impl Refusal {
    fn new(code: u16, description: impl Into<String>) -> Self {
        Self { code, description: description.into(), parameters: None }
    }

    fn bad_request(what: impl AsRef<str>) -> Self {
        Self::new(400, format!("Bad Request: {}", what.as_ref()))
    }

    fn too_many_requests(retry_after: u32) -> Self {
        Self {
            code: 429,
            description: format!("Too Many Requests: retry after {retry_after}"),
            parameters: Some(serde_json::json!({ "retry_after": retry_after })),
        }
    }

    fn conflict() -> Self {
        Self::new(
            409,
            "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
        )
    }
}
