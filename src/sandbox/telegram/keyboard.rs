//! What stands below a message: what of a `reply_markup` reaches the reader, or why Telegram refuses it.

use serde_json::Value;

use super::Refusal;

/// A button as the reader sees it. Of `callback_data`, `url` and `copy_text` exactly one is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its label.
    pub text: String,
    /// What a tap sends to the bot; 1 to 64 bytes.
    pub callback_data: Option<String>,
    /// What a tap opens.
    pub url: Option<String>,
    /// What a tap copies; 1 to 256 characters.
    pub copy_text: Option<String>,
}

const CALLBACK_BYTES: usize = 64;
const COPY_CHARS: usize = 256;
const PLACEHOLDER_CHARS: usize = 64;
const KEYS: usize = 100;
/// More in a row are not shown.
const KEYS_IN_A_ROW: usize = 8;

/// What a `reply_markup` comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Markup {
    /// Rows of buttons below the message; none without a markup.
    Inline(Vec<Vec<Key>>),
    /// The reader's client begins a reply, with this placeholder.
    ForceReply(String),
    /// The reader's own keyboard goes.
    RemoveKeyboard,
}

/// The markup of a new message.
pub(super) fn parse(markup: Option<&Value>) -> Result<Markup, Refusal> {
    let Some(markup) = markup else { return Ok(Markup::Inline(Vec::new())) };
    if markup["force_reply"] == Value::Bool(true) {
        let placeholder = markup["input_field_placeholder"].as_str().unwrap_or_default();
        if placeholder.chars().count() > PLACEHOLDER_CHARS {
            return Err(Refusal::bad_request("input field placeholder is too long"));
        }
        return Ok(Markup::ForceReply(placeholder.to_owned()));
    }
    if markup["remove_keyboard"] == Value::Bool(true) {
        return Ok(Markup::RemoveKeyboard);
    }
    rows(markup).map(Markup::Inline)
}

/// The markup of an edit, which can only be an inline keyboard; none takes the buttons away.
pub(super) fn parse_inline(markup: Option<&Value>) -> Result<Vec<Vec<Key>>, Refusal> {
    match parse(markup)? {
        Markup::Inline(rows) => Ok(rows),
        Markup::ForceReply(_) | Markup::RemoveKeyboard => Err(Refusal::bad_request("inline keyboard expected")),
    }
}

fn rows(markup: &Value) -> Result<Vec<Vec<Key>>, Refusal> {
    let rows = markup.get("inline_keyboard").and_then(Value::as_array).ok_or_else(|| {
        Refusal::bad_request("can't parse reply keyboard markup JSON object (only inline keyboards are known here)")
    })?;
    let mut keyboard = Vec::new();
    for row in rows {
        let row = row
            .as_array()
            .ok_or_else(|| Refusal::bad_request("field \"inline_keyboard\" must be of type Array of Arrays"))?;
        let keys = row.iter().map(key).collect::<Result<Vec<_>, _>>()?;
        if !keys.is_empty() {
            keyboard.push(keys);
        }
    }
    let too_wide = keyboard.iter().any(|row: &Vec<Key>| row.len() > KEYS_IN_A_ROW);
    if too_wide || keyboard.iter().map(Vec::len).sum::<usize>() > KEYS {
        return Err(Refusal::bad_request("reply markup is too long"));
    }
    Ok(keyboard)
}

/// The keyboard as it stands in a `Message`; none when it has no row.
pub(super) fn to_json(keyboard: &[Vec<Key>]) -> Option<Value> {
    let key_json = |key: &Key| {
        let mut json = serde_json::json!({ "text": key.text });
        if let Some(data) = &key.callback_data {
            json["callback_data"] = data.as_str().into();
        }
        if let Some(url) = &key.url {
            json["url"] = url.as_str().into();
        }
        if let Some(text) = &key.copy_text {
            json["copy_text"] = serde_json::json!({ "text": text });
        }
        json
    };
    let rows: Vec<Value> = keyboard.iter().map(|row| row.iter().map(key_json).collect()).collect();
    (!rows.is_empty()).then(|| serde_json::json!({ "inline_keyboard": rows }))
}

fn key(button: &Value) -> Result<Key, Refusal> {
    let field = |name: &str| button.get(name).and_then(Value::as_str).map(str::to_owned);
    let key = Key {
        text: field("text").unwrap_or_default(),
        callback_data: field("callback_data"),
        url: field("url"),
        copy_text: button.pointer("/copy_text/text").and_then(Value::as_str).map(str::to_owned),
    };
    if key.text.trim().is_empty() {
        return Err(Refusal::bad_request("can't parse inline keyboard button: Field \"text\" must be non-empty"));
    }
    let actions = [&key.callback_data, &key.url, &key.copy_text];
    match actions.into_iter().flatten().count() {
        0 => {
            return Err(Refusal::bad_request(
                "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
            ));
        }
        1 => {}
        _ => return Err(Refusal::bad_request("BUTTON_TYPE_INVALID")),
    }
    if key.callback_data.as_ref().is_some_and(|data| data.is_empty() || data.len() > CALLBACK_BYTES) {
        return Err(Refusal::bad_request("BUTTON_DATA_INVALID"));
    }
    if key.copy_text.as_ref().is_some_and(|text| text.is_empty() || text.chars().count() > COPY_CHARS) {
        return Err(Refusal::bad_request("BUTTON_COPY_TEXT_INVALID"));
    }
    if let Some(reason) = key.url.as_deref().and_then(url_fault) {
        let url = key.url.as_deref().unwrap_or_default();
        return Err(Refusal::bad_request(format!("inline keyboard button URL '{url}' is invalid: {reason}")));
    }
    Ok(key)
}

/// What is wrong with a button's URL, in Telegram's words.
fn url_fault(url: &str) -> Option<&'static str> {
    let Ok(parsed) = reqwest::Url::parse(url) else { return Some("Wrong HTTP URL") };
    match parsed.scheme() {
        "tg" | "ton" => None,
        "http" | "https" => {
            let host = parsed.host_str().unwrap_or_default();
            let private = host.starts_with("127.") || !host.contains('.');
            private.then_some("Wrong HTTP URL")
        }
        _ => Some("Unsupported URL protocol"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(button: Value) -> Option<String> {
        parse(Some(&json!({ "inline_keyboard": [[button]] }))).err().map(|refusal| refusal.description)
    }

    #[test]
    fn limits_are_counted_as_telegram_counts_them() {
        assert_eq!(refusal(json!({ "text": "a", "callback_data": "é".repeat(32) })), None);
        assert_eq!(
            refusal(json!({ "text": "a", "callback_data": format!("{}x", "é".repeat(32)) })).as_deref(),
            Some("Bad Request: BUTTON_DATA_INVALID")
        );
        assert_eq!(refusal(json!({ "text": "a", "copy_text": { "text": "é".repeat(256) } })), None);
        assert!(refusal(json!({ "text": "a", "copy_text": { "text": "é".repeat(257) } })).is_some());
        assert!(refusal(json!({ "text": "a" })).is_some());
    }

    #[test]
    fn a_keyboard_has_at_most_a_hundred_buttons_and_eight_in_a_row() {
        let rows = |rows: usize, keys: usize| json!({ "inline_keyboard": vec![vec![json!({ "text": "a", "callback_data": "a" }); keys]; rows] });
        assert!(parse(Some(&rows(12, 8))).is_ok() && parse(Some(&rows(100, 1))).is_ok());
        for markup in [rows(1, 9), rows(101, 1)] {
            assert_eq!(parse(Some(&markup)).unwrap_err().description, "Bad Request: reply markup is too long");
        }
    }

    #[test]
    fn a_forced_reply_is_for_new_messages_only() {
        let markup = json!({ "force_reply": true, "input_field_placeholder": "Bonjour" });
        assert_eq!(parse(Some(&markup)), Ok(Markup::ForceReply("Bonjour".to_owned())));
        assert_eq!(parse_inline(Some(&markup)).unwrap_err().description, "Bad Request: inline keyboard expected");
        assert!(parse(Some(&json!({ "force_reply": true, "input_field_placeholder": "x".repeat(65) }))).is_err());
    }

    #[test]
    fn only_urls_the_reader_could_open_are_taken() {
        for url in
            ["https://wa.me/33612345678?text=Bonjour", "http://crm.example.com:8080/#Lead/view/1", "tg://user?id=1"]
        {
            assert_eq!(refusal(json!({ "text": "a", "url": url })), None, "{url}");
        }
        for url in ["http://localhost:8090/", "http://127.0.0.1/", "https://crm/", "crm.example.com"] {
            assert_eq!(
                refusal(json!({ "text": "a", "url": url })).unwrap(),
                format!("Bad Request: inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")
            );
        }
        assert!(
            refusal(json!({ "text": "a", "url": "tel:+33612345678" })).unwrap().ends_with("Unsupported URL protocol")
        );
    }
}
