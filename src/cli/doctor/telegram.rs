//! Whether Telegram takes the bot's token, and the groups that the configuration names take the bot.

use std::collections::BTreeSet;

use super::Finding;
use crate::config::TelegramSection;
use crate::domain::ChatId;
use crate::engine::told::{People, lines_about};
use crate::telegram::api::{Api, SendError};

/// Asks Telegram who the bot is, and about each group that the configuration names.
pub async fn examine(settings: &TelegramSection, people: &People) -> Vec<Finding> {
    const CHECK: &str = "telegram.bot";
    if !settings.is_on() {
        return vec![Finding::note(
            CHECK,
            "off: nobody is told on Telegram",
            "[telegram] token, from @BotFather, as MAX_TELEGRAM__TOKEN",
        )];
    }
    let api = match Api::new(&settings.token, &settings.api_url) {
        Ok(api) => api,
        Err(error) => return vec![Finding::problem(CHECK, error.to_string(), "mend [telegram] api_url")],
    };
    let bot = match api.user_name().await {
        Ok(name) => Finding::ok(CHECK, format!("@{name}")),
        Err(SendError::BadToken) => Finding::problem(
            CHECK,
            "the token is refused",
            "ask @BotFather for it (/mybots > API Token), set MAX_TELEGRAM__TOKEN, start again",
        ),
        Err(error) => {
            Finding::problem(CHECK, error.to_string(), "check [telegram] api_url, and that this machine may reach it")
        }
    };
    let is_there = bot.state == super::State::Ok;
    let mut findings = vec![bot];
    let groups: BTreeSet<ChatId> = people
        .chats
        .values()
        .map(|team| team.chat)
        .chain(people.fallback_chat)
        .filter(|chat| chat.is_group())
        .collect();
    if is_there {
        for chat in groups {
            findings.push(group(&api, people, chat).await);
        }
    }
    findings
}

/// Whether the bot is in a group that the configuration names.
async fn group(api: &Api, people: &People, chat: ChatId) -> Finding {
    let (check, lines) = (format!("telegram.group.{chat}"), lines_about(people, chat));
    match api.find_chat(chat).await {
        Ok(()) => Finding::ok(&check, format!("the bot is in it ({lines})")),
        Err(SendError::Migrated(to)) => {
            Finding::problem(&check, format!("this group has the id {to} now"), format!("write {to} into {lines}"))
        }
        Err(SendError::Unreachable(why)) => Finding::problem(
            &check,
            format!(
                "the bot is not in this group ({why}): those who lead the team are told in private, if they are linked"
            ),
            format!("add the bot to the group again, or mend {lines}"),
        ),
        Err(error) => Finding::problem(&check, error.to_string(), format!("mend {lines}")),
    }
}
