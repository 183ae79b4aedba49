//! The Bot API's methods, on the world.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::chat::{Chat, ChatKind, Message};
use super::keyboard::Markup;
use super::request::Params;
use super::world::World;
use super::{Author, Options, Photo, Refusal, Version, html, keyboard};
use crate::domain::{DAY, Timestamp};

const TEXT_UNITS: usize = 4096;
const CAPTION_UNITS: usize = 1024;
const PHOTO_BYTES: usize = 10 * 1024 * 1024;
const ANSWER_CHARS: usize = 200;
/// A bot deletes its messages for this long, in seconds.
const DELETABLE_FOR: i64 = 2 * DAY;

type Answer = Result<Value, Refusal>;

/// Carries out any method but getUpdates. `method` is in lower case.
pub(super) fn call(
    world: &mut World,
    method: &str,
    params: &Params,
    options: &Options,
    now: Timestamp,
    now_millis: i64,
) -> Answer {
    match method {
        "getme" => Ok(get_me(world)),
        "getchat" => get_chat(world, params),
        "sendmessage" => send_message(world, params, options, now, now_millis),
        "sendphoto" => send_photo(world, params, options, now, now_millis),
        "editmessagetext" => edit_text(world, params, now),
        "editmessagecaption" => edit_caption(world, params, now),
        "editmessagereplymarkup" => edit_markup(world, params, now),
        "deletemessage" => delete_message(world, params, now),
        "sendchataction" => send_chat_action(world, params),
        "answercallbackquery" => answer_callback(world, params, now),
        "setmycommands" => world.commands.set(params),
        "getmycommands" => world.commands.get(params),
        "deletemycommands" => world.commands.delete(params),
        "setmydescription" => described(params, "description", 512),
        "setmyshortdescription" => described(params, "short_description", 120),
        "deletewebhook" => {
            if params.flag("drop_pending_updates") {
                world.confirm_before(i64::MAX, now);
            }
            Ok(json!(true))
        }
        "getwebhookinfo" => Ok(json!({
            "url": "", "has_custom_certificate": false, "pending_update_count": world.pending(),
        })),
        _ => Err(Refusal::new(404, "Not Found: method not found")),
    }
}

fn get_me(world: &World) -> Value {
    let mut me = world.bot.clone();
    for (name, can) in [
        ("can_join_groups", true),
        ("can_read_all_group_messages", false),
        ("supports_inline_queries", false),
        ("can_connect_to_business", false),
        ("has_main_web_app", false),
    ] {
        me[name] = can.into();
    }
    me
}

fn get_chat(world: &mut World, params: &Params) -> Answer {
    let id = chat_id(params)?;
    open_chat(world, id)?;
    let mut chat = world.chat_json(id);
    chat["accent_color_id"] = 0.into();
    chat["max_reaction_count"] = 11.into();
    chat["accepted_gift_types"] = json!({
        "unlimited_gifts": false, "limited_gifts": false, "unique_gifts": false, "premium_subscription": false,
    });
    Ok(chat)
}

/// A text that a bot shows of itself.
fn described(params: &Params, name: &str, most: usize) -> Answer {
    let fits = params.text(name).unwrap_or_default().chars().count() <= most;
    fits.then(|| json!(true)).ok_or_else(|| Refusal::bad_request(format!("{name} is too long")))
}

/// What a bot sends.
struct Outgoing {
    version: Version,
    photo: Option<Photo>,
    force_reply: Option<String>,
}

fn send_message(world: &mut World, params: &Params, options: &Options, now: Timestamp, now_millis: i64) -> Answer {
    let (markup, force_reply) = new_markup(params)?;
    let version = version(params, markup, "message is too long")?;
    send(world, params, Outgoing { version, photo: None, force_reply }, options, now, now_millis)
}

fn send_photo(world: &mut World, params: &Params, options: &Options, now: Timestamp, now_millis: i64) -> Answer {
    let file = params.file("photo").ok_or_else(|| Refusal::bad_request("there is no photo in the request"))?;
    let known = [&[0x89, b'P', b'N', b'G'][..], &[0xFF, 0xD8, 0xFF][..]];
    if !known.iter().any(|magic| file.starts_with(magic)) || file.len() > PHOTO_BYTES {
        return Err(Refusal::bad_request("IMAGE_PROCESS_FAILED"));
    }
    let photo = Some(Photo { bytes: file.to_vec().into() });
    let (markup, force_reply) = new_markup(params)?;
    let version = caption(params, markup)?;
    send(world, params, Outgoing { version, photo, force_reply }, options, now, now_millis)
}

/// The buttons of a new message, and the placeholder of the reply it asks for.
fn new_markup(params: &Params) -> Result<(Keyboard, Option<String>), Refusal> {
    Ok(match keyboard::parse(params.json("reply_markup")?.as_ref())? {
        Markup::Inline(rows) => (rows, None),
        Markup::ForceReply(placeholder) => (Vec::new(), Some(placeholder)),
        Markup::RemoveKeyboard => (Vec::new(), None),
    })
}

fn send(
    world: &mut World,
    params: &Params,
    outgoing: Outgoing,
    options: &Options,
    now: Timestamp,
    now_millis: i64,
) -> Answer {
    let id = chat_id(params)?;
    let all_sent = std::mem::take(&mut world.sent_millis);
    let enforced = options.enforce_rates.then_some(&all_sent);
    let sent = send_to(world, id, params, outgoing, enforced, now, now_millis);
    world.sent_millis = all_sent;
    let message_id = sent?;
    world.sent_millis.push_back(now_millis);
    while world.sent_millis.front().is_some_and(|at| now_millis - at > 1_000) {
        world.sent_millis.pop_front();
    }
    world.message_json(id, message_id).ok_or_else(|| Refusal::new(500, "Internal Server Error"))
}

fn send_to(
    world: &mut World,
    id: i64,
    params: &Params,
    outgoing: Outgoing,
    enforced: Option<&VecDeque<i64>>,
    now: Timestamp,
    now_millis: i64,
) -> Result<i32, Refusal> {
    let chat = open_chat(world, id)?;
    let reply_to = replied_to(chat, params)?;
    let thread = params.int("message_thread_id");
    if let Some(refusal) = chat.topic_refusal(thread) {
        return Err(refusal);
    }
    if let Some(all_sent) = enforced {
        within_rates(chat, all_sent, now_millis)?;
    }
    chat.sent_millis.push_back(now_millis);
    let message_id = chat.add(Author::Bot, outgoing.version, now);
    if let Some(message) = chat.messages.last_mut() {
        message.silent = params.flag("disable_notification");
        message.reply_to = reply_to;
        message.thread = thread.and_then(|thread| i32::try_from(thread).ok());
        message.photo = outgoing.photo;
        message.force_reply = outgoing.force_reply;
    }
    Ok(message_id)
}

/// The message that a new one answers.
fn replied_to(chat: &Chat, params: &Params) -> Result<Option<i32>, Refusal> {
    let Some(reply) = params.json("reply_parameters")? else { return Ok(None) };
    let wanted = reply["message_id"].as_i64().ok_or_else(|| Refusal::bad_request("can't parse reply parameters"))?;
    let found = chat.message(wanted).map(|message| message.id);
    if found.is_none() && reply["allow_sending_without_reply"] != json!(true) {
        return Err(Refusal::bad_request("message to be replied not found"));
    }
    Ok(found)
}

/// About a message a second to one chat with a burst of five, 20 a minute to a group, 30 a second in all.
fn within_rates(chat: &mut Chat, all_sent: &VecDeque<i64>, now_millis: i64) -> Result<(), Refusal> {
    while chat.sent_millis.front().is_some_and(|at| now_millis - at >= 60_000) {
        chat.sent_millis.pop_front();
    }
    within_rate(all_sent, 30, 1_000, now_millis)?;
    if !matches!(chat.kind, ChatKind::Private) {
        within_rate(&chat.sent_millis, 20, 60_000, now_millis)?;
    }
    within_rate(&chat.sent_millis, 5, 5_000, now_millis)
}

/// Refuses the message after `most` in the last `window_millis`, until the oldest of them has left the window.
fn within_rate(sent: &VecDeque<i64>, most: usize, window_millis: i64, now_millis: i64) -> Result<(), Refusal> {
    let oldest = sent.len().checked_sub(most).and_then(|index| sent.get(index));
    let wait = oldest.map_or(0, |oldest| oldest + window_millis - now_millis);
    if wait <= 0 {
        return Ok(());
    }
    let seconds = (wait + 999) / 1_000;
    Err(Refusal::too_many_requests(u32::try_from(seconds).unwrap_or(u32::MAX)))
}

fn edit_text(world: &mut World, params: &Params, now: Timestamp) -> Answer {
    let version = version(params, edited_markup(params)?, "MESSAGE_TOO_LONG")?;
    edit(world, params, now, |message| match message.photo {
        None => Ok(version),
        Some(_) => Err(Refusal::bad_request("there is no text in the message to edit")),
    })
}

fn edit_caption(world: &mut World, params: &Params, now: Timestamp) -> Answer {
    let version = caption(params, edited_markup(params)?)?;
    edit(world, params, now, |message| match message.photo {
        Some(_) => Ok(version),
        None => Err(Refusal::bad_request("there is no caption in the message to edit")),
    })
}

fn edit_markup(world: &mut World, params: &Params, now: Timestamp) -> Answer {
    let keyboard = edited_markup(params)?;
    edit(world, params, now, |message| Ok(Version { keyboard, ..message.now.clone() }))
}

fn edited_markup(params: &Params) -> Result<Keyboard, Refusal> {
    keyboard::parse_inline(params.json("reply_markup")?.as_ref())
}

fn edit(
    world: &mut World,
    params: &Params,
    now: Timestamp,
    change: impl FnOnce(&Message) -> Result<Version, Refusal>,
) -> Answer {
    let id = chat_id(params)?;
    let wanted = params.int("message_id").ok_or_else(|| Refusal::bad_request("message identifier is not specified"))?;
    let chat = open_chat(world, id)?;
    let message = chat.message_mut(wanted).ok_or_else(|| Refusal::bad_request("message to edit not found"))?;
    if message.author != Author::Bot || message.service.is_some() || message.force_reply.is_some() {
        return Err(Refusal::bad_request("message can't be edited"));
    }
    let after = change(message)?;
    let same = after.plain == message.now.plain
        && after.entities == message.now.entities
        && after.keyboard == message.now.keyboard;
    if same {
        return Err(Refusal::bad_request(
            "message is not modified: specified new message content and reply markup are exactly the same as a \
             current content and reply markup of the message",
        ));
    }
    message.change(after, now);
    let message_id = message.id;
    world.message_json(id, message_id).ok_or_else(|| Refusal::new(500, "Internal Server Error"))
}

fn delete_message(world: &mut World, params: &Params, now: Timestamp) -> Answer {
    let id = chat_id(params)?;
    let wanted = params.int("message_id").ok_or_else(|| Refusal::bad_request("message identifier is not specified"))?;
    let chat = open_chat(world, id)?;
    let message = chat.message(wanted).ok_or_else(|| Refusal::bad_request("message to delete not found"))?;
    if now.since(message.sent_at) > DELETABLE_FOR {
        return Err(Refusal::bad_request("message can't be deleted for everyone"));
    }
    chat.messages.retain(|message| i64::from(message.id) != wanted);
    Ok(json!(true))
}

fn send_chat_action(world: &mut World, params: &Params) -> Answer {
    open_chat(world, chat_id(params)?)?;
    match params.text("action") {
        Some(action) if !action.is_empty() => Ok(json!(true)),
        _ => Err(Refusal::bad_request("wrong parameter action in request")),
    }
}

fn answer_callback(world: &mut World, params: &Params, now: Timestamp) -> Answer {
    let text = params.text("text").filter(|text| !text.is_empty());
    if text.is_some_and(|text| text.chars().count() > ANSWER_CHARS) {
        return Err(Refusal::bad_request("MESSAGE_TOO_LONG"));
    }
    let link = params.text("url").filter(|url| !url.is_empty());
    if link.is_some_and(|url| !is_own_link(world, url)) {
        return Err(Refusal::bad_request("URL_INVALID"));
    }
    let id = params.text("callback_query_id").unwrap_or_default();
    world.answer(id, text, params.flag("show_alert"), now)?;
    Ok(json!(true))
}

/// A tap opens nothing but a link to the bot itself.
fn is_own_link(world: &World, url: &str) -> bool {
    let name = world.bot["username"].as_str().unwrap_or_default();
    let rest = url.strip_prefix("https://t.me/").and_then(|rest| rest.strip_prefix(name));
    rest.is_some_and(|rest| rest.starts_with("?start="))
}

fn chat_id(params: &Params) -> Result<i64, Refusal> {
    match params.0.get("chat_id") {
        None => Err(Refusal::bad_request("chat_id is empty")),
        Some(_) => params.int("chat_id").ok_or_else(|| Refusal::bad_request("chat not found")),
    }
}

/// A chat that the bot may write to.
fn open_chat(world: &mut World, id: i64) -> Result<&mut Chat, Refusal> {
    let chat = world.chats.get_mut(&id).ok_or_else(|| Refusal::bad_request("chat not found"))?;
    match chat.refusal() {
        Some(refusal) => Err(refusal),
        None => Ok(chat),
    }
}

type Keyboard = Vec<Vec<super::Key>>;

/// A message's text to be, with its keyboard.
fn version(params: &Params, keyboard: Keyboard, too_long: &str) -> Result<Version, Refusal> {
    let version = words(params, "text", keyboard)?;
    if version.plain.is_empty() {
        return Err(Refusal::bad_request("message text is empty"));
    }
    if html::utf16_len(&version.plain) > TEXT_UNITS {
        return Err(Refusal::bad_request(too_long));
    }
    Ok(version)
}

/// A photo's caption to be, with its keyboard; it may be empty.
fn caption(params: &Params, keyboard: Keyboard) -> Result<Version, Refusal> {
    let version = words(params, "caption", keyboard)?;
    if html::utf16_len(&version.plain) > CAPTION_UNITS {
        return Err(Refusal::bad_request("message caption is too long"));
    }
    Ok(version)
}

fn words(params: &Params, name: &str, keyboard: Keyboard) -> Result<Version, Refusal> {
    let text = params.text(name).unwrap_or_default();
    let parse_mode = params.text("parse_mode").filter(|mode| !mode.is_empty());
    let html::Parsed { plain, entities } = match parse_mode {
        None => html::plain(text),
        Some(mode) if mode.eq_ignore_ascii_case("html") => {
            html::parse(text).map_err(|reason| Refusal::bad_request(format!("can't parse entities: {reason}")))?
        }
        Some(_) => return Err(Refusal::bad_request("unsupported parse_mode")),
    };
    Ok(Version { text: text.to_owned(), plain, entities, parse_mode: parse_mode.map(str::to_owned), keyboard })
}
