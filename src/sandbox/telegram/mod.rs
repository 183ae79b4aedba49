//! A small Telegram Bot API server, as strict as the real one where it matters: what it accepts, Telegram
//! accepts, and what it refuses it refuses in Telegram's words. People live in it: they open chats, write, tap,
//! block the bot; and so do Telegram's bad days: 429, 5xx, a reply that never arrives.
//!
//! Not modelled: webhooks, media other than photos, parse modes other than HTML, `entities` in place of a parse mode,
//! who is a member of a group.

mod chat;
mod commands;
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

use chat::ChatKind;
pub use keyboard::Key;
use world::{Said, World};

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// The forum topic it is in.
    pub thread: Option<i32>,
    /// The reader's client began a reply to it, with this placeholder (which may be empty).
    pub force_reply: Option<String>,
    /// What the text is the caption of.
    pub photo: Option<Photo>,
}

/// A picture.
#[derive(Clone, PartialEq, Eq)]
pub struct Photo {
    /// The file, a PNG or a JPEG.
    pub bytes: Arc<[u8]>,
}

impl std::fmt::Debug for Photo {
    /// How large it is, not what is in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Photo({} bytes)", self.bytes.len())
    }
}

/// A line in the menu of commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Without the slash.
    pub name: String,
    /// What it says it does.
    pub description: String,
}

/// Why a bot cannot write in a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shut {
    /// The person blocked it; an admin removed it from the group.
    Blocked,
    /// The person's account, or the group, is no more.
    Deleted,
    /// A group in which it may read and not write.
    Muted,
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
    /// 400 with this description; nothing is done.
    BadRequest(&'static str),
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
    /// The chat is no forum, or the topic was deleted.
    #[error("there is no such topic")]
    NoSuchTopic,
    /// No update has this id, or it was long ago.
    #[error("there is no such update")]
    NoSuchUpdate,
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
        self.shared.act(|world, _| world.open_room(id, ChatKind::Group { title: title.to_owned() }));
    }

    /// A supergroup with topics and the bot in it; `id` is below 0.
    pub fn open_forum(&self, id: i64, title: &str) {
        self.shared.act(|world, _| world.open_room(id, ChatKind::Forum { title: title.to_owned() }));
    }

    /// Somebody known opens a topic in a forum; answers its id (`message_thread_id`).
    pub fn open_topic(&self, chat: i64, person: i64, name: &str) -> Result<i32, Impossible> {
        self.shared.act(|world, now| world.open_topic(chat, person, name, now))
    }

    /// A topic is closed: bots cannot write there. `closed` false opens it again.
    pub fn close_topic(&self, chat: i64, thread: i32, closed: bool) -> Result<(), Impossible> {
        self.shared.act(|world, _| world.chat_mut(chat)?.close_topic(thread, closed))
    }

    /// A topic is deleted, with all its messages.
    pub fn delete_topic(&self, chat: i64, thread: i32) -> Result<(), Impossible> {
        self.shared.act(|world, _| world.chat_mut(chat)?.delete_topic(thread))
    }

    /// The person of a private chat writes; answers the update's id.
    pub fn say(&self, chat: i64, text: &str) -> Result<i64, Impossible> {
        self.say_in_group(chat, chat, text)
    }

    /// Somebody known (their private chat is open) writes in a group. The bot hears it only when it is a command, as
    /// Telegram has it unless told otherwise.
    pub fn say_in_group(&self, chat: i64, person: i64, text: &str) -> Result<i64, Impossible> {
        let said = Said { text, reply_to: None, thread: None };
        self.shared.act(|world, now| world.say(chat, person, &said, now))
    }

    /// The same in a topic of a forum.
    pub fn say_in_topic(&self, chat: i64, person: i64, thread: i32, text: &str) -> Result<i64, Impossible> {
        let said = Said { text, reply_to: None, thread: Some(thread) };
        self.shared.act(|world, now| world.say(chat, person, &said, now))
    }

    /// The person of a private chat answers a message; answers the update's id.
    pub fn reply(&self, chat: i64, to: i32, text: &str) -> Result<i64, Impossible> {
        self.reply_in_group(chat, chat, to, text)
    }

    /// Somebody known answers a message in a group.
    pub fn reply_in_group(&self, chat: i64, person: i64, to: i32, text: &str) -> Result<i64, Impossible> {
        let said = Said { text, reply_to: Some(to), thread: None };
        self.shared.act(|world, now| world.say(chat, person, &said, now))
    }

    /// A person edits what they wrote.
    pub fn edit_said(&self, chat: i64, message_id: i32, text: &str) -> Result<i64, Impossible> {
        self.shared.act(|world, now| world.edit_said(chat, message_id, text, now))
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

    /// A doctored client sends callback data which no button ever had, or taps a message that is no more.
    pub fn forge_tap(&self, chat: i64, person: i64, message_id: i32, data: &str) -> Result<i64, Impossible> {
        self.shared.act(|world, now| world.tap(chat, person, message_id, data, world::Tap::Forged, now))
    }

    /// The person blocks the bot; in a group, an admin removes it.
    pub fn block(&self, chat: i64) {
        self.shut(chat, Shut::Blocked);
    }

    /// The bot can no longer write there.
    pub fn shut(&self, chat: i64, shut: Shut) {
        self.shared.act(|world, now| world.shut(chat, Some(shut), now));
    }

    /// The person unblocks the bot; in a group, an admin lets it in again, or lets it write.
    pub fn unblock(&self, chat: i64) {
        self.shared.act(|world, now| world.shut(chat, None, now));
    }

    /// The person deletes the whole conversation for both sides. The bot may write there again.
    pub fn clear(&self, chat: i64) -> Result<(), Impossible> {
        self.shared.act(|world, _| {
            world.chat_mut(chat)?.messages.clear();
            Ok(())
        })
    }

    /// Telegram delivers an update once more, whatever the bot has confirmed.
    pub fn deliver_again(&self, update: i64) -> Result<(), Impossible> {
        let found = self.shared.act(|world, _| world.deliver_again(update));
        found.then_some(()).ok_or(Impossible::NoSuchUpdate)
    }

    /// The commands that a person's client offers in a chat.
    pub fn menu(&self, chat: i64, person: i64) -> Vec<Command> {
        self.shared.world().menu(chat, person)
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
