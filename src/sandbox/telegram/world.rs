//! What exists on the sandbox's side: people, chats, messages, updates on their way to the bot.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::chat::{Chat, ChatKind, Message};
use super::commands::Commands;
use super::{
    Author, CallbackAnswer, Command, Fault, Impossible, LoggedRequest, Options, Person, Refusal, SentMessage, Shut,
    Version, html, keyboard,
};
use crate::domain::{DAY, Timestamp};

const REQUESTS_KEPT: usize = 20_000;
/// How many confirmed updates can be delivered again.
const CONFIRMED_KEPT: usize = 1_000;
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
    pub(super) commands: Commands,
    /// Grows with every getUpdates; the poll that holds the latest one is the only one that may go on.
    pub(super) poll: u64,
    /// The update types the bot asked for; none for the default.
    pub(super) allowed_updates: Option<Vec<String>>,
    /// When messages left, whatever the chat, in milliseconds by the clock.
    pub(super) sent_millis: VecDeque<i64>,
    updates: VecDeque<Update>,
    /// What the bot has confirmed, oldest first.
    confirmed: VecDeque<Update>,
    /// What is delivered once more, whatever was confirmed.
    again: Vec<Update>,
    next_update: i64,
    callbacks: BTreeMap<String, Callback>,
    faults: Vec<Planned>,
}

/// What somebody writes.
pub(super) struct Said<'a> {
    pub(super) text: &'a str,
    /// The message it answers.
    pub(super) reply_to: Option<i32>,
    /// The topic it is in.
    pub(super) thread: Option<i32>,
}

#[derive(Clone)]
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
            commands: Commands::default(),
            poll: 0,
            allowed_updates: None,
            sent_millis: VecDeque::new(),
            updates: VecDeque::new(),
            confirmed: VecDeque::new(),
            again: Vec::new(),
            next_update: 500_000_001,
            callbacks: BTreeMap::new(),
            faults: Vec::new(),
        }
    }

    pub(super) fn open_private(&mut self, person: Person) {
        self.chats.entry(person.id).or_insert_with(|| Chat::new(ChatKind::Private));
        self.people.insert(person.id, person);
    }

    pub(super) fn open_room(&mut self, id: i64, kind: ChatKind) {
        self.chats.entry(id).or_insert_with(|| Chat::new(kind));
    }

    pub(super) fn say(&mut self, chat: i64, person: i64, said: &Said<'_>, now: Timestamp) -> Result<i64, Impossible> {
        if !self.people.contains_key(&person) {
            return Err(Impossible::NoSuchChat);
        }
        let room = self.reachable(chat)?;
        if said.reply_to.is_some_and(|id| room.message(id.into()).is_none()) {
            return Err(Impossible::NoSuchMessage);
        }
        if said.thread.is_some_and(|thread| !room.has_topic(thread)) {
            return Err(Impossible::NoSuchTopic);
        }
        let answers_bot =
            said.reply_to.and_then(|id| room.message(id.into())).is_some_and(|message| message.author == Author::Bot);
        let is_private = room.kind == ChatKind::Private;
        let id = room.add(Author::Person(person), typed(said.text), now);
        if let Some(message) = room.messages.last_mut() {
            (message.reply_to, message.thread) = (said.reply_to, said.thread);
        }
        let body = self.message_json(chat, id).ok_or(Impossible::NoSuchMessage)?;
        let heard = is_private || answers_bot || self.is_command_for_bot(said.text);
        Ok(if heard { self.push_update("message", body, now) } else { self.pass_over_update() })
    }

    /// In a group the bot hears commands, answers to its own messages and nothing else (privacy mode, Telegram's
    /// default).
    fn is_command_for_bot(&self, text: &str) -> bool {
        let Some(command) = text.split_whitespace().next().and_then(|word| word.strip_prefix('/')) else {
            return false;
        };
        let name = self.bot["username"].as_str().unwrap_or_default();
        command.split_once('@').is_none_or(|(_, whose)| whose.eq_ignore_ascii_case(name))
    }

    pub(super) fn edit_said(
        &mut self,
        chat: i64,
        message_id: i32,
        text: &str,
        now: Timestamp,
    ) -> Result<i64, Impossible> {
        let message = self.reachable(chat)?.message_mut(message_id.into()).ok_or(Impossible::NoSuchMessage)?;
        if message.author == Author::Bot {
            return Err(Impossible::NoSuchMessage);
        }
        message.change(typed(text), now);
        let body = self.message_json(chat, message_id).ok_or(Impossible::NoSuchMessage)?;
        Ok(self.push_update("edited_message", body, now))
    }

    pub(super) fn open_topic(&mut self, chat: i64, person: i64, name: &str, now: Timestamp) -> Result<i32, Impossible> {
        let thread = self.reachable(chat)?.open_topic(Author::Person(person), name, now)?;
        let body = self.message_json(chat, thread).ok_or(Impossible::NoSuchMessage)?;
        self.push_update("message", body, now);
        Ok(thread)
    }

    pub(super) fn chat_mut(&mut self, chat: i64) -> Result<&mut Chat, Impossible> {
        self.chats.get_mut(&chat).ok_or(Impossible::NoSuchChat)
    }

    /// The commands that a person's client offers in a chat.
    pub(super) fn menu(&self, chat: i64, person: i64) -> Vec<Command> {
        let language = self.people.get(&person).and_then(|person| person.language_code.as_deref()).unwrap_or_default();
        let is_private = self.chats.get(&chat).is_none_or(|room| room.kind == ChatKind::Private);
        self.commands.offered(chat, is_private, language)
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
        let found = room.message(message_id.into());
        match (found, tap) {
            (None, Tap::Honest) => return Err(Impossible::NoSuchMessage),
            (Some(message), Tap::Honest) if !message.ever_had(data) => return Err(Impossible::NoSuchButton),
            (None | Some(_), Tap::Forged | Tap::Honest) => {}
        }
        // What the bot cannot see any more comes without its text and buttons.
        let message = self
            .message_json(chat, message_id)
            .unwrap_or_else(|| json!({ "chat": self.chat_json(chat), "message_id": message_id, "date": 0 }));
        let callback_id = format!("{}{:06}", self.next_update, message_id);
        let body = json!({
            "id": callback_id,
            "from": from,
            "message": message,
            "chat_instance": format!("-{}", chat.unsigned_abs()),
            "data": data,
        });
        let update_id = self.push_update("callback_query", body, now);
        self.callbacks.insert(callback_id, Callback { update_id, at: now, answered: false });
        Ok(update_id)
    }

    /// Shuts a chat to the bot, or opens it again. The bot hears of what changes its membership.
    pub(super) fn shut(&mut self, chat: i64, shut: Option<Shut>, now: Timestamp) {
        let Some(room) = self.chats.get_mut(&chat) else { return };
        let before = std::mem::replace(&mut room.shut, shut);
        let is_out = |shut: Option<Shut>| shut == Some(Shut::Blocked);
        if is_out(before) == is_out(shut) {
            return;
        }
        let from = self.people.get(&chat).map_or_else(|| self.bot.clone(), person_json);
        let member = |out: bool| match out {
            true => json!({ "user": self.bot, "status": "kicked", "until_date": 0 }),
            false => json!({ "user": self.bot, "status": "member" }),
        };
        let body = json!({
            "chat": self.chat_json(chat), "from": from, "date": now.0,
            "old_chat_member": member(is_out(before)), "new_chat_member": member(is_out(shut)),
        });
        self.push_update("my_chat_member", body, now);
    }

    pub(super) fn delete(&mut self, chat: i64, message_id: i32) -> Result<(), Impossible> {
        let room = self.chat_mut(chat)?;
        let before = room.messages.len();
        room.messages.retain(|message| message.id != message_id);
        if room.messages.len() == before { Err(Impossible::NoSuchMessage) } else { Ok(()) }
    }

    pub(super) fn migrate(&mut self, from: i64, to: i64, now: Timestamp) -> Result<(), Impossible> {
        let old = self.chats.get_mut(&from).ok_or(Impossible::NoSuchChat)?;
        let ChatKind::Group { title } = &old.kind else { return Err(Impossible::NoSuchChat) };
        let title = title.clone();
        let farewell = old.add_service(Author::Bot, json!({ "migrate_to_chat_id": to }), now);
        let farewell = self.message_json(from, farewell);
        let mut new = Chat::new(ChatKind::Supergroup { title: title.clone() });
        let welcome = new.add_service(Author::Bot, json!({ "migrate_from_chat_id": from }), now);
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
            Some(Chat { kind: ChatKind::Migrated { .. }, .. } | Chat { shut: Some(Shut::Deleted), .. }) => {
                Err(Impossible::NoSuchChat)
            }
            Some(Chat { shut: Some(Shut::Blocked), .. }) => Err(Impossible::Blocked),
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

    /// The id of an update that is not made.
    fn pass_over_update(&mut self) -> i64 {
        let id = self.next_update;
        self.next_update += 1;
        id
    }

    fn push_update(&mut self, kind: &'static str, body: Value, now: Timestamp) -> i64 {
        let id = self.pass_over_update();
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
        while self.updates.front().is_some_and(|update| update.id < first || now.since(update.at) >= DAY) {
            self.confirmed.extend(self.updates.pop_front());
        }
        while self.confirmed.len() > CONFIRMED_KEPT {
            self.confirmed.pop_front();
        }
    }

    /// Has an update delivered once more, as when it was confirmed by nobody; whether there is such an update.
    pub(super) fn deliver_again(&mut self, id: i64) -> bool {
        let update = self.confirmed.iter().chain(&self.updates).find(|update| update.id == id).cloned();
        let found = update.is_some();
        self.again.extend(update);
        found
    }

    /// What a poll is answered.
    pub(super) fn deliver(&mut self, limit: usize) -> Vec<Value> {
        let render = |update: &Update| {
            let mut json = json!({ "update_id": update.id });
            json[update.kind] = update.body.clone();
            json
        };
        let again = std::mem::take(&mut self.again);
        again.iter().chain(&self.updates).take(limit).map(render).collect()
    }

    pub(super) fn pending(&self) -> usize {
        self.updates.len()
    }

    pub(super) fn all_updates_confirmed(&self) -> bool {
        self.updates.is_empty() && self.again.is_empty()
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
            Some(ChatKind::Forum { title }) => {
                json!({ "id": chat, "title": title, "type": "supergroup", "is_forum": true })
            }
            Some(ChatKind::Private) | None => {
                let name = self.people.get(&chat).map_or("", |person| person.first_name.as_str());
                json!({ "id": chat, "first_name": name, "type": "private" })
            }
        }
    }

    /// The Bot API's `Message`.
    pub(super) fn message_json(&self, chat: i64, message_id: i32) -> Option<Value> {
        let room = self.chats.get(&chat)?;
        let message = room.message(message_id.into())?;
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
        if let Some(thread) = message.thread {
            json["message_thread_id"] = thread.into();
            json["is_topic_message"] = true.into();
        }
        if let Some(Value::Object(fields)) = &message.service {
            json.as_object_mut()?.extend(fields.clone());
            return Some(json);
        }
        put_words(&mut json, message);
        if let Some(markup) = keyboard::to_json(&message.now.keyboard) {
            json["reply_markup"] = markup;
        }
        if let Some(original) = message.reply_to.and_then(|id| self.message_json(chat, id)) {
            json["reply_to_message"] = without_reply(original);
        }
        Some(json)
    }
}

/// The text, or the photo with its caption.
fn put_words(json: &mut Value, message: &Message) {
    let (text, entities) = match &message.photo {
        None => ("text", "entities"),
        Some(photo) => {
            let id = format!("photo-{}", message.id);
            json["photo"] = json!([{ "file_id": id, "file_unique_id": id, "width": 800, "height": 600,
                                     "file_size": photo.bytes.len() }]);
            ("caption", "caption_entities")
        }
    };
    if message.photo.is_none() || !message.now.plain.is_empty() {
        json[text] = message.now.plain.as_str().into();
    }
    if !message.now.entities.is_empty() {
        json[entities] = message.now.entities.clone().into();
    }
}

/// What somebody typed.
fn typed(text: &str) -> Version {
    let html::Parsed { plain, .. } = html::plain(text);
    let entities = command_entity(&plain).into_iter().collect();
    Version { text: plain.clone(), plain, entities, ..Version::default() }
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
