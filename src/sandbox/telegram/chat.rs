//! A chat on the sandbox's side: its messages, its topics, and whether the bot may write there.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::{Author, Impossible, Key, Photo, Refusal, SentMessage, Shut, Version};
use crate::domain::Timestamp;

pub(super) struct Chat {
    pub(super) kind: ChatKind,
    /// Why the bot cannot write there, if it cannot.
    pub(super) shut: Option<Shut>,
    pub(super) messages: Vec<Message>,
    /// When the bot's messages were sent, in milliseconds by the clock.
    pub(super) sent_millis: VecDeque<i64>,
    /// By the id of the message that opened each; a forum only.
    topics: BTreeMap<i32, Topic>,
    next_message: i32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ChatKind {
    Private,
    Group { title: String },
    Supergroup { title: String },
    Forum { title: String },
    Migrated { title: String, to: i64 },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Topic {
    Open,
    Closed,
}

pub(super) struct Message {
    pub(super) id: i32,
    pub(super) author: Author,
    pub(super) now: Version,
    pub(super) before: Vec<Version>,
    pub(super) silent: bool,
    pub(super) reply_to: Option<i32>,
    pub(super) sent_at: Timestamp,
    pub(super) edited_at: Option<Timestamp>,
    /// The topic it is in.
    pub(super) thread: Option<i32>,
    /// The placeholder of the reply that the reader's client began.
    pub(super) force_reply: Option<String>,
    /// What the text is the caption of.
    pub(super) photo: Option<Photo>,
    /// Fields of a service message (a migration, a topic).
    pub(super) service: Option<Value>,
}

impl Chat {
    pub(super) fn new(kind: ChatKind) -> Self {
        Self {
            kind,
            shut: None,
            messages: Vec::new(),
            sent_millis: VecDeque::new(),
            topics: BTreeMap::new(),
            next_message: 1,
        }
    }

    pub(super) fn add(&mut self, author: Author, version: Version, now: Timestamp) -> i32 {
        let id = self.next_message;
        self.next_message += 1;
        self.messages.push(Message {
            id,
            author,
            now: version,
            before: Vec::new(),
            silent: false,
            reply_to: None,
            sent_at: now,
            edited_at: None,
            thread: None,
            force_reply: None,
            photo: None,
            service: None,
        });
        id
    }

    pub(super) fn add_service(&mut self, author: Author, fields: Value, now: Timestamp) -> i32 {
        let id = self.add(author, Version::default(), now);
        if let Some(message) = self.messages.last_mut() {
            message.service = Some(fields);
        }
        id
    }

    pub(super) fn message(&self, id: i64) -> Option<&Message> {
        self.messages.iter().find(|message| i64::from(message.id) == id)
    }

    pub(super) fn message_mut(&mut self, id: i64) -> Option<&mut Message> {
        self.messages.iter_mut().find(|message| i64::from(message.id) == id)
    }

    /// Why the bot cannot write there, in Telegram's words.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        if let ChatKind::Migrated { to, .. } = &self.kind {
            return Some(Refusal {
                parameters: Some(json!({ "migrate_to_chat_id": to })),
                ..Refusal::bad_request("group chat was upgraded to a supergroup chat")
            });
        }
        let forbidden = |why: &str| Refusal::new(403, format!("Forbidden: {why}"));
        Some(match (self.shut?, &self.kind) {
            (Shut::Blocked, ChatKind::Private) => forbidden("bot was blocked by the user"),
            (Shut::Blocked, ChatKind::Group { .. }) => forbidden("bot was kicked from the group chat"),
            (Shut::Blocked, _) => forbidden("bot was kicked from the supergroup chat"),
            (Shut::Deleted, ChatKind::Private) => forbidden("user is deactivated"),
            (Shut::Deleted, _) => forbidden("the group chat was deleted"),
            (Shut::Muted, _) => Refusal::bad_request("not enough rights to send text messages to the chat"),
        })
    }

    /// Whether the bot may write in a topic; anywhere when it is none.
    pub(super) fn topic_refusal(&self, thread: Option<i64>) -> Option<Refusal> {
        let thread = thread?;
        let topic = i32::try_from(thread).ok().and_then(|thread| self.topics.get(&thread));
        match topic {
            Some(Topic::Open) => None,
            Some(Topic::Closed) => Some(Refusal::bad_request("TOPIC_CLOSED")),
            None => Some(Refusal::bad_request("message thread not found")),
        }
    }

    pub(super) fn open_topic(&mut self, author: Author, name: &str, now: Timestamp) -> Result<i32, Impossible> {
        if !matches!(self.kind, ChatKind::Forum { .. }) {
            return Err(Impossible::NoSuchChat);
        }
        let fields = json!({ "forum_topic_created": { "name": name, "icon_color": 7_322_096 } });
        let id = self.add_service(author, fields, now);
        if let Some(message) = self.messages.last_mut() {
            message.thread = Some(id);
        }
        self.topics.insert(id, Topic::Open);
        Ok(id)
    }

    pub(super) fn close_topic(&mut self, thread: i32, closed: bool) -> Result<(), Impossible> {
        let topic = self.topics.get_mut(&thread).ok_or(Impossible::NoSuchTopic)?;
        *topic = if closed { Topic::Closed } else { Topic::Open };
        Ok(())
    }

    /// The topic goes with its messages.
    pub(super) fn delete_topic(&mut self, thread: i32) -> Result<(), Impossible> {
        self.topics.remove(&thread).ok_or(Impossible::NoSuchTopic)?;
        self.messages.retain(|message| message.thread != Some(thread));
        Ok(())
    }

    pub(super) fn has_topic(&self, thread: i32) -> bool {
        self.topics.contains_key(&thread)
    }
}

impl Message {
    /// Whether it has or had such a button.
    pub(super) fn ever_had(&self, data: &str) -> bool {
        let has = |version: &Version| {
            version.keyboard.iter().flatten().any(|key: &Key| key.callback_data.as_deref() == Some(data))
        };
        has(&self.now) || self.before.iter().any(has)
    }

    pub(super) fn change(&mut self, after: Version, now: Timestamp) {
        self.before.push(std::mem::replace(&mut self.now, after));
        self.edited_at = Some(now);
    }

    pub(super) fn shown(&self) -> SentMessage {
        let Version { text, plain, entities, parse_mode, keyboard } = self.now.clone();
        SentMessage {
            message_id: self.id,
            author: self.author,
            text,
            plain,
            entities,
            parse_mode,
            keyboard,
            silent: self.silent,
            reply_to: self.reply_to,
            edited: u32::try_from(self.before.len()).unwrap_or(u32::MAX),
            history: self.before.clone(),
            sent_at: self.sent_at,
            thread: self.thread,
            force_reply: self.force_reply.clone(),
            photo: self.photo.clone(),
        }
    }
}
