//! What a bot sent: its parameters, whatever body they came in.

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use serde_json::{Map, Value};

use super::Refusal;

/// The parameters of one call, as decoded.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(pub(super) Map<String, Value>);

impl Params {
    /// Reads the query and the body: JSON, a form, or multipart text fields.
    pub(super) fn read(query: Option<&str>, headers: &HeaderMap, body: &Bytes) -> Result<Self, Refusal> {
        let mut params = Map::new();
        params.extend(pairs(query.unwrap_or_default()));
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if content_type.starts_with("application/json") {
            if !body.is_empty() {
                match serde_json::from_slice(body) {
                    Ok(Value::Object(object)) => params.extend(object),
                    Ok(Value::Null) => {}
                    _ => return Err(Refusal::bad_request("can't parse JSON object")),
                }
            }
        } else if content_type.starts_with("application/x-www-form-urlencoded") {
            params.extend(pairs(&String::from_utf8_lossy(body)));
        } else if let Some((_, boundary)) = content_type.split_once("boundary=") {
            params.extend(multipart(&String::from_utf8_lossy(body), boundary.trim_matches('"')));
        }
        Ok(Self(params))
    }

    /// A whole number, also written as text.
    pub(super) fn int(&self, name: &str) -> Option<i64> {
        match self.0.get(name)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// A flag; missing is false.
    pub(super) fn flag(&self, name: &str) -> bool {
        match self.0.get(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => matches!(text.to_ascii_lowercase().as_str(), "true" | "1"),
            _ => false,
        }
    }

    /// An object or array, also written as JSON text.
    pub(super) fn json(&self, name: &str) -> Result<Option<Value>, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => serde_json::from_str(text)
                .map(Some)
                .map_err(|_| Refusal::bad_request(format!("can't parse {name} JSON object"))),
            Some(value) => Ok(Some(value.clone())),
        }
    }
}

fn pairs(query: &str) -> Vec<(String, Value)> {
    let Ok(mut url) = reqwest::Url::parse("http://form.invalid/") else { return Vec::new() };
    url.set_query(Some(query));
    url.query_pairs().map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect()
}

/// The text fields of a multipart body; files are left out, since no method known here takes one.
fn multipart(body: &str, boundary: &str) -> Vec<(String, Value)> {
    let mut fields = Vec::new();
    for part in body.split(&format!("--{boundary}")).skip(1) {
        let Some((head, value)) = part.trim_start_matches("\r\n").split_once("\r\n\r\n") else { continue };
        let disposition = head.split("\r\n").find(|line| line.to_ascii_lowercase().starts_with("content-disposition"));
        let name = disposition.and_then(|line| line.split_once("name=\"")).and_then(|(_, rest)| rest.split('"').next());
        if let Some(name) = name.filter(|_| !head.contains("filename=")) {
            let value = value.strip_suffix("\r\n").unwrap_or(value);
            fields.push((name.to_owned(), Value::String(value.to_owned())));
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content_type: &str, body: &str) -> Params {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        Params::read(None, &headers, &Bytes::copy_from_slice(body.as_bytes())).unwrap()
    }

    #[test]
    fn every_kind_of_body_reads_the_same() {
        let bodies = [
            ("application/json", r#"{"chat_id":7,"text":"é & b","disable_notification":true,"reply_markup":{"a":1}}"#),
            (
                "application/x-www-form-urlencoded",
                "chat_id=7&text=%C3%A9+%26+b&disable_notification=true&reply_markup=%7B%22a%22%3A1%7D",
            ),
            (
                "multipart/form-data; boundary=XX",
                "--XX\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n7\r\n\
                 --XX\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\né & b\r\n\
                 --XX\r\nContent-Disposition: form-data; name=\"disable_notification\"\r\n\r\nTrue\r\n\
                 --XX\r\nContent-Disposition: form-data; name=\"reply_markup\"\r\n\r\n{\"a\":1}\r\n--XX--\r\n",
            ),
        ];
        for (content_type, body) in bodies {
            let params = read(content_type, body);
            assert_eq!(params.int("chat_id"), Some(7), "{content_type}");
            assert_eq!(params.text("text"), Some("é & b"), "{content_type}");
            assert!(params.flag("disable_notification"), "{content_type}");
            assert_eq!(params.json("reply_markup").unwrap(), Some(serde_json::json!({ "a": 1 })), "{content_type}");
        }
    }
}
