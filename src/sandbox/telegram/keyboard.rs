//! Inline keyboards: what of a `reply_markup` reaches the reader, or why Telegram refuses it.

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

/// The rows of an inline keyboard; none for no markup.
pub(super) fn parse(markup: Option<&Value>) -> Result<Vec<Vec<Key>>, Refusal> {
    let Some(markup) = markup else { return Ok(Vec::new()) };
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
