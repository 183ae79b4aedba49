//! The menus of commands that a bot sets, by scope and language, and which of them a client offers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::request::Params;
use super::{Command, Refusal};

const MOST: usize = 100;
const NAME_CHARS: usize = 32;
const DESCRIPTION_CHARS: usize = 256;

#[derive(Default)]
pub(super) struct Commands(BTreeMap<(Scope, String), Vec<Command>>);

/// Whose menu it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Default,
    AllPrivateChats,
    AllGroupChats,
    AllChatAdministrators,
    Chat(i64),
    ChatAdministrators(i64),
    ChatMember(i64, i64),
}

impl Commands {
    pub(super) fn set(&mut self, params: &Params) -> Result<Value, Refusal> {
        let commands = params.json("commands")?.unwrap_or_else(|| json!([]));
        let list = commands.as_array().filter(|list| list.len() <= MOST);
        let list = list.ok_or_else(|| Refusal::bad_request("can't parse commands"))?;
        let commands = list.iter().map(command).collect::<Result<Vec<_>, _>>()?;
        self.0.insert(place(params)?, commands);
        Ok(json!(true))
    }

    pub(super) fn get(&self, params: &Params) -> Result<Value, Refusal> {
        let commands = self.0.get(&place(params)?).map(Vec::as_slice).unwrap_or_default();
        let to_json = |one: &Command| json!({ "command": one.name, "description": one.description });
        Ok(commands.iter().map(to_json).collect())
    }

    pub(super) fn delete(&mut self, params: &Params) -> Result<Value, Refusal> {
        self.0.remove(&place(params)?);
        Ok(json!(true))
    }

    /// The first menu there is, from the narrowest scope to the widest, in the person's language before none.
    pub(super) fn offered(&self, chat: i64, is_private: bool, language: &str) -> Vec<Command> {
        let wide = if is_private { Scope::AllPrivateChats } else { Scope::AllGroupChats };
        let of_language = language.split('-').next().unwrap_or_default();
        [Scope::Chat(chat), wide, Scope::Default]
            .into_iter()
            .flat_map(|scope| [(scope.clone(), of_language.to_owned()), (scope, String::new())])
            .find_map(|place| self.0.get(&place).filter(|commands| !commands.is_empty()))
            .cloned()
            .unwrap_or_default()
    }
}

fn command(command: &Value) -> Result<Command, Refusal> {
    let name = command["command"].as_str().unwrap_or_default().trim_start_matches('/');
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || name.len() > NAME_CHARS || !name.chars().all(legal) {
        return Err(Refusal::bad_request("BOT_COMMAND_INVALID"));
    }
    let description = command["description"].as_str().unwrap_or_default().trim();
    if description.is_empty() || description.chars().count() > DESCRIPTION_CHARS {
        return Err(Refusal::bad_request("BOT_COMMAND_DESCRIPTION_INVALID"));
    }
    Ok(Command { name: name.to_owned(), description: description.to_owned() })
}

fn place(params: &Params) -> Result<(Scope, String), Refusal> {
    let scope = params.json("scope")?.unwrap_or_else(|| json!({ "type": "default" }));
    let id = |name: &str| {
        let number = scope[name].as_i64().or_else(|| scope[name].as_str()?.parse().ok());
        number.ok_or_else(|| Refusal::bad_request("chat not found"))
    };
    let scope = match scope["type"].as_str().unwrap_or_default() {
        "default" => Scope::Default,
        "all_private_chats" => Scope::AllPrivateChats,
        "all_group_chats" => Scope::AllGroupChats,
        "all_chat_administrators" => Scope::AllChatAdministrators,
        "chat" => Scope::Chat(id("chat_id")?),
        "chat_administrators" => Scope::ChatAdministrators(id("chat_id")?),
        "chat_member" => Scope::ChatMember(id("chat_id")?, id("user_id")?),
        _ => return Err(Refusal::bad_request("can't parse BotCommandScope: Unsupported type specified")),
    };
    let language = params.text("language_code").unwrap_or_default();
    if !(language.is_empty() || (language.len() == 2 && language.bytes().all(|b| b.is_ascii_lowercase()))) {
        return Err(Refusal::bad_request("invalid language code specified"));
    }
    Ok((scope, language.to_owned()))
}
