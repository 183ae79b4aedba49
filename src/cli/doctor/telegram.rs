//! Whether Telegram takes the bot's token.

use super::Finding;
use crate::config::TelegramSection;
use crate::telegram::api::{Api, SendError};

/// Asks Telegram who the bot is.
pub async fn examine(settings: &TelegramSection) -> Finding {
    const CHECK: &str = "telegram.bot";
    if !settings.is_on() {
        return Finding::note(
            CHECK,
            "off: nobody is told on Telegram",
            "[telegram] token, from @BotFather, as MAX_TELEGRAM__TOKEN",
        );
    }
    let api = match Api::new(&settings.token, &settings.api_url) {
        Ok(api) => api,
        Err(error) => return Finding::problem(CHECK, error.to_string(), "mend [telegram] api_url"),
    };
    match api.user_name().await {
        Ok(name) => Finding::ok(CHECK, format!("@{name}")),
        Err(SendError::BadToken) => Finding::problem(
            CHECK,
            "the token is refused",
            "ask @BotFather for it (/mybots > API Token), set MAX_TELEGRAM__TOKEN, start again",
        ),
        Err(error) => {
            Finding::problem(CHECK, error.to_string(), "check [telegram] api_url, and that this machine may reach it")
        }
    }
}
