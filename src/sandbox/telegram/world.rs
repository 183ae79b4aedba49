//! What exists on the sandbox's side: people, chats, messages, updates on their way to the bot.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::{
    Author, CallbackAnswer, Fault, Impossible, Key, LoggedRequest, Options, Person, Refusal, SentMessage, Version,
    html, keyboard,
};
use crate::domain::{DAY, Timestamp};

const REQUESTS_KEPT: usize = 20_000;
/// For how long a callback query can be answered, in seconds.
const CALLBACK_LIFE: i64 = 60;

/// Whether a tap was made with an ordinary client.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tap {
    /// On a button that is or was there.
    Honest,
    /// With data that the sender made up.
    Forged,
}

pub(super) struct World {
    pub(super) bot: Value,
    pub(super) people: BTreeMap<i64, Person>,
    pub(super) chats: BTreeMap<i64, Chat>,
    pub(super) answers: Vec<CallbackAnswer>,
    pub(super) requests: VecDeque<LoggedRequest>,
    /// Commands by scope and language.
    pub(super) commands: BTreeMap<String, Value>,
    /// Grows with every getUpdates; the poll that holds the latest one is the only one that may go on.
    pub(super) poll: u64,
    /// The update types the bot asked for; none for the default.
    pub(super) allowed_updates: Option<Vec<String>>,
    /// When messages left, whatever the chat, in milliseconds by the clock.
    pub(super) sent_millis: VecDeque<i64>,
    updates: VecDeque<Update>,
    next_update: i64,
    callbacks: BTreeMap<String, Callback>,
    faults: Vec<Planned>,
}

pub(super) struct Chat {
    pub(super) kind: ChatKind,
    /// Blocked, or removed from the group.
    pub(super) barred: bool,
    pub(super) messages: Vec<Message>,
    /// When the bot's messages were sent, in milliseconds by the clock.
    pub(super) sent_millis: VecDeque<i64>,
    next_message: i32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ChatKind {
    Private,
    Group { title: String },
    Supergroup { title: String },
    Migrated { title: String, to: i64 },
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
    /// Fields of a service message (a migration).
    service: Option<Value>,
}

struct Update {
    id: i64,
    at: Timestamp,
    kind: &'static str,
    body: Value,
}

struct Callback {
    update_id: i64,
    at: Timestamp,
    answered: bool,
}

struct Planned {
    /// In lower case.
    method: String,
    fault: Fault,
    left: u32,
}

impl World {
    pub(super) fn new(options: &Options) -> Self {
        let id: i64 = options.token.split(':').next().and_then(|id| id.parse().ok()).unwrap_or(4_200_000_001);
        Self {
            bot: json!({ "id": id, "is_bot": true, "first_name": "M.A.X.", "username": options.bot_username }),
            people: BTreeMap::new(),
            chats: BTreeMap::new(),
            answers: Vec::new(),
            requests: VecDeque::new(),
            commands: BTreeMap::new(),
            poll: 0,
            allowed_updates: None,
            sent_millis: VecDeque::new(),
            updates: VecDeque::new(),
            next_update: 500_000_001,
            callbacks: BTreeMap::new(),
            faults: Vec::new(),
        }
    }

    pub(super) fn open_private(&mut self, person: Person) {
        self.chats.entry(person.id).or_insert_with(|| Chat::new(ChatKind::Private));
        self.people.insert(person.id, person);
    }

    pub(super) fn open_group(&mut self, id: i64, title: &str) {
        self.chats.entry(id).or_insert_with(|| Chat::new(ChatKind::Group { title: title.to_owned() }));
    }

    pub(super) fn say(&mut self, chat: i64, person: i64, text: &str, now: Timestamp) -> Result<i64, Impossible> {
        if !self.people.contains_key(&person) {
            return Err(Impossible::NoSuchChat);
        }
        let room = self.reachable(chat)?;
        let html::Parsed { plain, .. } = html::plain(text);
        let entities = command_entity(&plain).into_iter().collect();
        let version = Version { text: plain.clone(), plain, entities, parse_mode: None, keyboard: Vec::new() };
        let id = room.add(Author::Person(person), version, now);
        let body = self.message_json(chat, id).ok_or(Impossible::NoSuchMessage)?;
        Ok(self.push_update("message", body, now))
    }

    pub(super) fn tap(
        &mut self,
        chat: i64,
        person: i64,
        message_id: i32,
        data: &str,
        tap: Tap,
        now: Timestamp,
    ) -> Result<i64, Impossible> {
        let from = self.people.get(&person).map(person_json).ok_or(Impossible::NoSuchChat)?;
        let room = self.reachable(chat)?;
        let message = room.messages.iter().find(|message| message.id == message_id);
        let message = message.ok_or(Impossible::NoSuchMessage)?;
        if tap == Tap::Honest && !message.ever_had(data) {
            return Err(Impossible::NoSuchButton);
        }
        let callback_id = format!("{}{:06}", self.next_update, message_id);
        let body = json!({
            "id": callback_id,
            "from": from,
            "message": self.message_json(chat, message_id),
            "chat_instance": format!("-{}", chat.unsigned_abs()),
            "data": data,
        });
        let update_id = self.push_update("callback_query", body, now);
        self.callbacks.insert(callback_id, Callback { update_id, at: now, answered: false });
        Ok(update_id)
    }

    pub(super) fn bar(&mut self, chat: i64, barred: bool, now: Timestamp) {
        let Some(room) = self.chats.get_mut(&chat) else { return };
        if room.barred == barred {
            return;
        }
        room.barred = barred;
        let from = self.people.get(&chat).map_or_else(|| self.bot.clone(), person_json);
        let member = |out: bool| match out {
            true => json!({ "user": self.bot, "status": "kicked", "until_date": 0 }),
            false => json!({ "user": self.bot, "status": "member" }),
        };
        let body = json!({
            "chat": self.chat_json(chat), "from": from, "date": now.0,
            "old_chat_member": member(!barred), "new_chat_member": member(barred),
        });
        self.push_update("my_chat_member", body, now);
    }

    pub(super) fn delete(&mut self, chat: i64, message_id: i32) -> Result<(), Impossible> {
        let room = self.chats.get_mut(&chat).ok_or(Impossible::NoSuchChat)?;
        let before = room.messages.len();
        room.messages.retain(|message| message.id != message_id);
        if room.messages.len() == before { Err(Impossible::NoSuchMessage) } else { Ok(()) }
    }

    pub(super) fn migrate(&mut self, from: i64, to: i64, now: Timestamp) -> Result<(), Impossible> {
        let old = self.chats.get_mut(&from).ok_or(Impossible::NoSuchChat)?;
        let ChatKind::Group { title } = &old.kind else { return Err(Impossible::NoSuchChat) };
        let title = title.clone();
        let farewell = old.add_service(json!({ "migrate_to_chat_id": to }), now);
        let farewell = self.message_json(from, farewell);
        let mut new = Chat::new(ChatKind::Supergroup { title: title.clone() });
        let welcome = new.add_service(json!({ "migrate_from_chat_id": from }), now);
        self.chats.insert(to, new);
        if let Some(old) = self.chats.get_mut(&from) {
            old.kind = ChatKind::Migrated { title, to };
        }
        let welcome = self.message_json(to, welcome);
        for body in [farewell, welcome].into_iter().flatten() {
            self.push_update("message", body, now);
        }
        Ok(())
    }

    pub(super) fn conversation(&self, chat: i64) -> Vec<SentMessage> {
        let messages = self.chats.get(&chat).map(|room| room.messages.as_slice()).unwrap_or_default();
        messages.iter().filter(|message| message.service.is_none()).map(Message::shown).collect()
    }

    fn reachable(&mut self, chat: i64) -> Result<&mut Chat, Impossible> {
        match self.chats.get_mut(&chat) {
            None => Err(Impossible::NoSuchChat),
            Some(Chat { kind: ChatKind::Migrated { .. }, .. }) => Err(Impossible::NoSuchChat),
            Some(Chat { barred: true, .. }) => Err(Impossible::Blocked),
            Some(room) => Ok(room),
        }
    }

    pub(super) fn plan_fault(&mut self, method: &str, fault: Fault, times: u32) {
        self.faults.push(Planned { method: method.to_ascii_lowercase(), fault, left: times });
    }

    /// The fault due for this call (`method` in lower case), if one is planned.
    pub(super) fn take_fault(&mut self, method: &str) -> Option<Fault> {
        let planned = self.faults.iter_mut().find(|planned| planned.method == method && planned.left > 0)?;
        planned.left -= 1;
        let fault = planned.fault;
        self.faults.retain(|planned| planned.left > 0);
        Some(fault)
    }

    pub(super) fn log(&mut self, request: LoggedRequest) {
        if self.requests.len() == REQUESTS_KEPT {
            self.requests.pop_front();
        }
        self.requests.push_back(request);
    }

    fn push_update(&mut self, kind: &'static str, body: Value, now: Timestamp) -> i64 {
        let id = self.next_update;
        self.next_update += 1;
        let wanted = self.allowed_updates.as_ref().is_none_or(|allowed| allowed.iter().any(|name| name == kind));
        if wanted {
            self.updates.push_back(Update { id, at: now, kind, body });
        }
        id
    }

    /// Confirms what lies before `offset` (a negative one counts from the end), and forgets what is a day old.
    pub(super) fn confirm_before(&mut self, offset: i64, now: Timestamp) {
        let first = if offset < 0 {
            let keep = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
            let index = self.updates.len().saturating_sub(keep);
            self.updates.get(index).map_or(0, |update| update.id)
        } else {
            offset
        };
        self.updates.retain(|update| update.id >= first && now.since(update.at) < DAY);
    }

    pub(super) fn pending(&self, limit: usize) -> Vec<Value> {
        let render = |update: &Update| {
            let mut json = json!({ "update_id": update.id });
            json[update.kind] = update.body.clone();
            json
        };
        self.updates.iter().take(limit).map(render).collect()
    }

    pub(super) fn all_updates_confirmed(&self) -> bool {
        self.updates.is_empty()
    }

    /// Notes an answer to a tap; a query that is unknown, answered or too old is refused.
    pub(super) fn answer(&mut self, id: &str, text: Option<&str>, alert: bool, now: Timestamp) -> Result<(), Refusal> {
        let callback = self
            .callbacks
            .get_mut(id)
            .filter(|callback| !callback.answered && now.since(callback.at) <= CALLBACK_LIFE)
            .ok_or_else(|| {
                Refusal::bad_request("query is too old and response timeout expired or query ID is invalid")
            })?;
        callback.answered = true;
        let (update_id, callback_id) = (callback.update_id, id.to_owned());
        self.answers.push(CallbackAnswer { update_id, callback_id, text: text.map(str::to_owned), alert });
        Ok(())
    }

    /// The Bot API's `Chat`.
    pub(super) fn chat_json(&self, chat: i64) -> Value {
        match self.chats.get(&chat).map(|room| &room.kind) {
            Some(ChatKind::Group { title } | ChatKind::Migrated { title, .. }) => {
                json!({ "id": chat, "title": title, "type": "group", "all_members_are_administrators": false })
            }
            Some(ChatKind::Supergroup { title }) => json!({ "id": chat, "title": title, "type": "supergroup" }),
            Some(ChatKind::Private) | None => {
                let name = self.people.get(&chat).map_or("", |person| person.first_name.as_str());
                json!({ "id": chat, "first_name": name, "type": "private" })
            }
        }
    }

    /// The Bot API's `Message`.
    pub(super) fn message_json(&self, chat: i64, message_id: i32) -> Option<Value> {
        let room = self.chats.get(&chat)?;
        let message = room.messages.iter().find(|message| message.id == message_id)?;
        let from = match message.author {
            Author::Bot => self.bot.clone(),
            Author::Person(id) => self.people.get(&id).map_or(Value::Null, person_json),
        };
        let mut json = json!({
            "message_id": message.id, "from": from, "chat": self.chat_json(chat), "date": message.sent_at.0,
        });
        if let Some(at) = message.edited_at {
            json["edit_date"] = at.0.into();
        }
        if let Some(Value::Object(fields)) = &message.service {
            json.as_object_mut()?.extend(fields.clone());
            return Some(json);
        }
        json["text"] = message.now.plain.as_str().into();
        if !message.now.entities.is_empty() {
            json["entities"] = message.now.entities.clone().into();
        }
        if let Some(markup) = keyboard::to_json(&message.now.keyboard) {
            json["reply_markup"] = markup;
        }
        if let Some(original) = message.reply_to.and_then(|id| self.message_json(chat, id)) {
            json["reply_to_message"] = without_reply(original);
        }
        Some(json)
    }
}

impl Chat {
    fn new(kind: ChatKind) -> Self {
        Self { kind, barred: false, messages: Vec::new(), sent_millis: VecDeque::new(), next_message: 1 }
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
            service: None,
        });
        id
    }

    fn add_service(&mut self, fields: Value, now: Timestamp) -> i32 {
        let empty = Version {
            text: String::new(),
            plain: String::new(),
            entities: Vec::new(),
            parse_mode: None,
            keyboard: Vec::new(),
        };
        let id = self.add(Author::Bot, empty, now);
        if let Some(message) = self.messages.last_mut() {
            message.service = Some(fields);
        }
        id
    }
}

impl Message {
    /// Whether it has or had such a button.
    fn ever_had(&self, data: &str) -> bool {
        let has = |version: &Version| {
            version.keyboard.iter().flatten().any(|key: &Key| key.callback_data.as_deref() == Some(data))
        };
        has(&self.now) || self.before.iter().any(has)
    }

    fn shown(&self) -> SentMessage {
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
        }
    }
}

fn person_json(person: &Person) -> Value {
    let mut json = json!({ "id": person.id, "is_bot": false, "first_name": person.first_name });
    if let Some(code) = &person.language_code {
        json["language_code"] = code.as_str().into();
    }
    json
}

/// The entity of a command at the beginning of a text.
fn command_entity(text: &str) -> Option<Value> {
    let word = text.split_whitespace().next().filter(|word| word.len() > 1 && word.starts_with('/'))?;
    Some(json!({ "type": "bot_command", "offset": 0, "length": html::utf16_len(word) }))
}

fn without_reply(mut message: Value) -> Value {
    if let Some(fields) = message.as_object_mut() {
        fields.remove("reply_to_message");
    }
    message
}
