//! The Bot API's methods, on the world.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::request::Params;
use super::world::{Chat, ChatKind, World};
use super::{Author, Options, Refusal, Version, html, keyboard};
use crate::domain::{DAY, Timestamp};

const TEXT_UNITS: usize = 4096;
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
        "editmessagetext" => edit_text(world, params, now),
        "editmessagereplymarkup" => edit_markup(world, params, now),
        "deletemessage" => delete_message(world, params, now),
        "sendchataction" => send_chat_action(world, params),
        "answercallbackquery" => answer_callback(world, params, now),
        "setmycommands" => set_commands(world, params),
        "getmycommands" => Ok(world.commands.get(&command_scope(params)?).cloned().unwrap_or_else(|| json!([]))),
        "deletemycommands" => {
            world.commands.remove(&command_scope(params)?);
            Ok(json!(true))
        }
        "deletewebhook" => {
            if params.flag("drop_pending_updates") {
                world.confirm_before(i64::MAX, now);
            }
            Ok(json!(true))
        }
        "getwebhookinfo" => Ok(json!({
            "url": "", "has_custom_certificate": false, "pending_update_count": world.pending(usize::MAX).len(),
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

fn send_message(world: &mut World, params: &Params, options: &Options, now: Timestamp, now_millis: i64) -> Answer {
    let id = chat_id(params)?;
    let version = version(params, "message is too long")?;
    let all_sent = std::mem::take(&mut world.sent_millis);
    let sent = send(world, id, params, version, options.enforce_rates.then_some(&all_sent), now, now_millis);
    world.sent_millis = all_sent;
    let message_id = sent?;
    world.sent_millis.push_back(now_millis);
    while world.sent_millis.front().is_some_and(|at| now_millis - at > 1_000) {
        world.sent_millis.pop_front();
    }
    world.message_json(id, message_id).ok_or_else(|| Refusal::new(500, "Internal Server Error"))
}

fn send(
    world: &mut World,
    id: i64,
    params: &Params,
    version: Version,
    enforced: Option<&VecDeque<i64>>,
    now: Timestamp,
    now_millis: i64,
) -> Result<i32, Refusal> {
    let reply_to = params.json("reply_parameters")?;
    let chat = open_chat(world, id)?;
    let wanted = reply_to.as_ref().and_then(|reply| reply.get("message_id")).and_then(Value::as_i64);
    let reply_to_found = wanted.and_then(|wanted| chat.messages.iter().find(|message| i64::from(message.id) == wanted));
    let reply_to_found = reply_to_found.map(|message| message.id);
    let optional = reply_to.is_some_and(|reply| reply["allow_sending_without_reply"] == json!(true));
    if wanted.is_some() && reply_to_found.is_none() && !optional {
        return Err(Refusal::bad_request("message to be replied not found"));
    }
    if let Some(all_sent) = enforced {
        within_rates(chat, all_sent, now_millis)?;
    }
    chat.sent_millis.push_back(now_millis);
    let message_id = chat.add(Author::Bot, version, now);
    if let Some(message) = chat.messages.last_mut() {
        message.silent = params.flag("disable_notification");
        message.reply_to = reply_to_found;
    }
    Ok(message_id)
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
    let version = version(params, "MESSAGE_TOO_LONG")?;
    edit(world, params, now, |_| version)
}

fn edit_markup(world: &mut World, params: &Params, now: Timestamp) -> Answer {
    let keyboard = keyboard::parse(params.json("reply_markup")?.as_ref())?;
    edit(world, params, now, |before| Version { keyboard, ..before.clone() })
}

fn edit(world: &mut World, params: &Params, now: Timestamp, change: impl FnOnce(&Version) -> Version) -> Answer {
    let id = chat_id(params)?;
    let wanted = params.int("message_id").ok_or_else(|| Refusal::bad_request("message identifier is not specified"))?;
    let chat = open_chat(world, id)?;
    let message = chat.messages.iter_mut().find(|message| i64::from(message.id) == wanted);
    let message = message.ok_or_else(|| Refusal::bad_request("message to edit not found"))?;
    if message.author != Author::Bot {
        return Err(Refusal::bad_request("message can't be edited"));
    }
    let after = change(&message.now);
    let same = after.plain == message.now.plain
        && after.entities == message.now.entities
        && after.keyboard == message.now.keyboard;
    if same {
        return Err(Refusal::bad_request(
            "message is not modified: specified new message content and reply markup are exactly the same as a \
             current content and reply markup of the message",
        ));
    }
    message.before.push(std::mem::replace(&mut message.now, after));
    message.edited_at = Some(now);
    let message_id = message.id;
    world.message_json(id, message_id).ok_or_else(|| Refusal::new(500, "Internal Server Error"))
}

fn delete_message(world: &mut World, params: &Params, now: Timestamp) -> Answer {
    let id = chat_id(params)?;
    let wanted = params.int("message_id").ok_or_else(|| Refusal::bad_request("message identifier is not specified"))?;
    let chat = open_chat(world, id)?;
    let found = chat.messages.iter().find(|message| i64::from(message.id) == wanted);
    let message = found.ok_or_else(|| Refusal::bad_request("message to delete not found"))?;
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
    let id = params.text("callback_query_id").unwrap_or_default();
    world.answer(id, text, params.flag("show_alert"), now)?;
    Ok(json!(true))
}

fn set_commands(world: &mut World, params: &Params) -> Answer {
    let commands = params.json("commands")?.unwrap_or_else(|| json!([]));
    let list = commands.as_array().filter(|list| list.len() <= 100);
    let list = list.ok_or_else(|| Refusal::bad_request("can't parse commands"))?;
    for command in list {
        let name = command["command"].as_str().unwrap_or_default().trim_start_matches('/');
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || name.len() > 32 || !name.chars().all(legal) {
            return Err(Refusal::bad_request("BOT_COMMAND_INVALID"));
        }
        let description = command["description"].as_str().unwrap_or_default().trim();
        if description.is_empty() || description.chars().count() > 256 {
            return Err(Refusal::bad_request("BOT_COMMAND_DESCRIPTION_INVALID"));
        }
    }
    world.commands.insert(command_scope(params)?, commands);
    Ok(json!(true))
}

fn command_scope(params: &Params) -> Result<String, Refusal> {
    let scope = params.json("scope")?.unwrap_or_else(|| json!({ "type": "default" }));
    Ok(format!("{scope}|{}", params.text("language_code").unwrap_or_default()))
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
    match (&chat.kind, chat.barred) {
        (ChatKind::Migrated { to, .. }, _) => Err(Refusal {
            parameters: Some(json!({ "migrate_to_chat_id": to })),
            ..Refusal::bad_request("group chat was upgraded to a supergroup chat")
        }),
        (ChatKind::Private, true) => Err(Refusal::new(403, "Forbidden: bot was blocked by the user")),
        (ChatKind::Group { .. }, true) => Err(Refusal::new(403, "Forbidden: bot was kicked from the group chat")),
        (ChatKind::Supergroup { .. }, true) => {
            Err(Refusal::new(403, "Forbidden: bot was kicked from the supergroup chat"))
        }
        (ChatKind::Private | ChatKind::Group { .. } | ChatKind::Supergroup { .. }, false) => Ok(chat),
    }
}

/// Text, parse mode and keyboard of a message to be.
fn version(params: &Params, too_long: &str) -> Result<Version, Refusal> {
    let text = params.text("text").unwrap_or_default();
    let parse_mode = params.text("parse_mode").filter(|mode| !mode.is_empty());
    let html::Parsed { plain, entities } = match parse_mode {
        None => html::plain(text),
        Some(mode) if mode.eq_ignore_ascii_case("html") => {
            html::parse(text).map_err(|reason| Refusal::bad_request(format!("can't parse entities: {reason}")))?
        }
        Some(_) => return Err(Refusal::bad_request("unsupported parse_mode")),
    };
    if plain.is_empty() {
        return Err(Refusal::bad_request("message text is empty"));
    }
    if html::utf16_len(&plain) > TEXT_UNITS {
        return Err(Refusal::bad_request(too_long));
    }
    let keyboard = keyboard::parse(params.json("reply_markup")?.as_ref())?;
    Ok(Version { text: text.to_owned(), plain, entities, parse_mode: parse_mode.map(str::to_owned), keyboard })
}
