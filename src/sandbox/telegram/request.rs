//! What a bot sent: its parameters, whatever body they came in.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use serde_json::{Map, Value};

use super::Refusal;

/// The parameters of one call, as decoded, and the files that came with them.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(pub(super) Map<String, Value>, BTreeMap<String, Bytes>);

impl Params {
    /// Reads the query and the body: JSON, a form, or multipart text fields.
    pub(super) fn read(query: Option<&str>, headers: &HeaderMap, body: &Bytes) -> Result<Self, Refusal> {
        let (mut params, mut files) = (Map::new(), BTreeMap::new());
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
            for Part { name, is_file, content } in multipart(body, boundary.trim_matches('"')) {
                if is_file {
                    files.insert(name, content);
                } else {
                    params.insert(name, Value::String(String::from_utf8_lossy(&content).into_owned()));
                }
            }
        }
        Ok(Self(params, files))
    }

    /// All of it as JSON; a file is where it is attached.
    pub(super) fn to_json(&self) -> Value {
        let mut json = self.0.clone();
        for name in self.1.keys() {
            json.entry(name.as_str()).or_insert_with(|| format!("attach://{name}").into());
        }
        Value::Object(json)
    }

    /// The file that a parameter is, or that it names as `attach://<part>`.
    pub(super) fn file(&self, name: &str) -> Option<&Bytes> {
        let attached = self.text(name).and_then(|text| text.strip_prefix("attach://"));
        self.1.get(attached.unwrap_or(name))
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

/// A part of a multipart body.
struct Part {
    name: String,
    is_file: bool,
    content: Bytes,
}

fn multipart(body: &Bytes, boundary: &str) -> Vec<Part> {
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut rest = find(body, delimiter.as_bytes()).map(|at| body.slice(at + delimiter.len()..));
    while let Some(from) = rest {
        let Some(end) = find(&from, delimiter.as_bytes()) else { break };
        parts.extend(part(&from.slice(..end)));
        rest = Some(from.slice(end + delimiter.len()..));
    }
    parts
}

/// What stands between two delimiters: a line break, headers, an empty line, the content, a line break.
fn part(bytes: &Bytes) -> Option<Part> {
    let split = find(bytes, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..split]).into_owned();
    let content = bytes.slice(split + 4..);
    let content = if content.ends_with(b"\r\n") { content.slice(..content.len() - 2) } else { content };
    let disposition = head.split("\r\n").find(|line| line.to_ascii_lowercase().starts_with("content-disposition"))?;
    let name = disposition.split_once("; name=\"")?.1.split('"').next()?.to_owned();
    Some(Part { name, is_file: disposition.contains("filename="), content })
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
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

    #[test]
    fn a_file_keeps_its_bytes_and_is_found_by_its_name() {
        let mut body = b"--XX\r\nContent-Disposition: form-data; name=\"photo\"\r\n\r\nattach://p1\r\n--XX\r\n\
            Content-Disposition: form-data; name=\"p1\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n"
            .to_vec();
        let png = [0x89, b'P', b'N', b'G', 0, 0xFF, b'\r', b'\n'];
        body.extend(png);
        body.extend(b"\r\n--XX--\r\n");
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "multipart/form-data; boundary=XX".parse().unwrap());
        let params = Params::read(None, &headers, &Bytes::from(body)).unwrap();
        assert_eq!(params.file("photo").map(|file| file.to_vec()), Some(png.to_vec()));
        assert_eq!(params.text("photo"), Some("attach://p1"));
    }
}
