//! What in an answer is not as it was recorded.

use serde_json::{Map, Value};

use super::Replayed;
use super::recording::Recording;

/// Attributes of our own entities that came after they were recorded.
const NEWER: [&str; 12] = [
    "dateStart",
    "doneById",
    "doneByName",
    "draft",
    "history",
    "messageId",
    "messageName",
    "messageType",
    "parentId",
    "parentType",
    "resolvedByUserId",
    "resolvedByUserName",
];

/// How many more rows the recording counted than it shows and than are known.
pub fn uncounted(recording: &Recording, replayed: &Replayed) -> Option<i64> {
    let body = recording.answer();
    let (recorded, ours) = (body.get("total")?.as_i64()?, replayed.body.get("total")?.as_i64()?);
    let shown = i64::try_from(recording.rows().len()).unwrap();
    (ours >= 0 && recorded > ours && recorded > shown).then_some(recorded - ours)
}

/// What is not as it was recorded.
pub fn differences(recording: &Recording, replayed: &Replayed) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, recorded: Option<&str>, ours: Option<&str>| {
        if recorded != ours {
            found.push(format!("{what}: recorded {recorded:?}, ours {ours:?}"));
        }
    };
    compare("status", Some(&recording.status().to_string()), Some(&replayed.status.to_string()));
    let reason = recording.answer_header("X-Status-Reason").filter(|reason| !reason.is_empty());
    compare("X-Status-Reason", reason, replayed.reason.as_deref());
    compare("Content-Type", recording.answer_header("Content-Type"), replayed.content_type.as_deref());
    compare("WWW-Authenticate", recording.answer_header("WWW-Authenticate"), replayed.asks.as_deref());
    let recorded = recording.answer();
    if recording.is_list() {
        compare_lists(recording, &recorded, &replayed.body, &mut found);
    } else if recording.status() >= 400 && recorded.is_object() {
        if without_new_id(recording, &recorded) != without_new_id(recording, &replayed.body) {
            found.push(format!("body: recorded {recorded}, ours {}", replayed.body));
        }
    } else {
        compare_shapes("", &recorded, &replayed.body, &mut found);
        compare_taken(recording.sent(), &recorded, &replayed.body, &mut found);
    }
    if ["Call", "Email"].contains(&recording.entity()) && !["max-deeds", "max-mail"].contains(&recording.folder()) {
        // Recorded before the extension added it.
        found.retain(|line| !line.contains(".maxKey: not recorded"));
    }
    if ["MaxAlert", "MaxActivity"].contains(&recording.entity()) {
        found.retain(|line| !is_of_a_newer_extension(line));
    }
    found
}

/// A refusal's body; the id of a record that was made all the same is another one each time.
fn without_new_id(recording: &Recording, body: &Value) -> Value {
    let mut body = body.clone();
    if recording.method() == "POST" && body.get("id").is_some_and(Value::is_string) {
        body["id"] = "<made anew>".into();
    }
    body
}

/// Whether the extension that was recorded explains it: it had fewer fields, and lists of alerts came by `openedAt`;
/// the column that a list comes by is always in it.
fn is_of_a_newer_extension(difference: &str) -> bool {
    let key =
        |words: &str| difference.split_once(words).and_then(|(path, _)| path.rsplit_once('.')).map(|(_, key)| key);
    key(": not recorded").is_some_and(|key| NEWER.contains(&key) || key == "severity")
        || (key(": recorded") == Some("openedAt") && difference.ends_with("missing in ours"))
}

/// What was taken over from the request then is taken over now, and what was ignored is ignored.
fn compare_taken(sent: &Value, recorded: &Value, ours: &Value, found: &mut Vec<String>) {
    for (name, sent) in sent.as_object().into_iter().flatten() {
        if let (Some(recorded), Some(ours)) = (recorded.get(name), ours.get(name))
            && (recorded == sent) != (ours == sent)
        {
            found.push(format!("{name}: sent {sent}, recorded {recorded}, ours {ours}"));
        }
    }
}

fn compare_lists(recording: &Recording, recorded: &Value, ours: &Value, found: &mut Vec<String>) {
    if recorded["total"] != ours["total"] {
        found.push(format!("total: recorded {}, ours {}", recorded["total"], ours["total"]));
    }
    let rows = recording.rows();
    let none = Vec::new();
    let own = ours["list"].as_array().unwrap_or(&none);
    let ids: Vec<&Value> = rows.iter().map(|row| &row["id"]).collect();
    let own_ids: Vec<&Value> = own.iter().take(ids.len()).map(|row| &row["id"]).collect();
    if ids != own_ids {
        found.push(format!("ids: recorded {ids:?}, ours {own_ids:?}"));
    }
    let is_cut = recorded["list"].as_array().unwrap().len() != rows.len();
    if !is_cut && own.len() != rows.len() {
        found.push(format!("rows: recorded {}, ours {}", rows.len(), own.len()));
    }
    for row in &rows {
        if let Some(ours) = own.iter().find(|own| own["id"] == row["id"]) {
            compare_shapes("row", &Value::Object(row.clone()), ours, found);
        }
    }
}

/// What the extension got after some of its recordings were made; `max-feed` was recorded with it.
const ADDED: [&str; 9] = [
    "history",
    "draft",
    "messageId",
    "messageType",
    "messageName",
    "resolvedByUserId",
    "resolvedByUserName",
    "doneById",
    "doneByName",
];

pub fn compare_shapes(path: &str, recorded: &Value, ours: &Value, found: &mut Vec<String>) {
    match (recorded, ours) {
        (Value::String(text), _) if text.starts_with("<left out") => {}
        (Value::Object(recorded), Value::Object(ours)) if is_map(recorded) || is_map(ours) => {
            if recorded.len() != ours.len() {
                found.push(format!("{path}: recorded {} entries, ours {}", recorded.len(), ours.len()));
            }
            // Ids that were made anew are compared by their places.
            for ((key, a), b) in recorded.iter().zip(ours.values()) {
                let b = ours.get(key).unwrap_or(b);
                compare_shapes(&format!("{path}.*"), a, b, found);
            }
        }
        (Value::Object(recorded), Value::Object(ours)) => {
            let cut = recorded.contains_key("__cut__")
                || ["", ".settings", ".acl.table"].contains(&path) && is_trimmed(path, recorded);
            for (key, value) in recorded.iter().filter(|(key, _)| *key != "__cut__") {
                match ours.get(key) {
                    Some(own) => compare_shapes(&format!("{path}.{key}"), value, own, found),
                    None => found.push(format!("{path}.{key}: recorded {value}, missing in ours")),
                }
            }
            let is_older = ["", "row", "[]"].contains(&path);
            let came_later = |key: &str| is_older && ADDED.contains(&key) && recorded.contains_key("dedupKey");
            let unknown = ours.keys().filter(|key| !cut && !recorded.contains_key(*key) && !came_later(key));
            for key in unknown {
                found.push(format!("{path}.{key}: not recorded, ours {}", ours[key]));
            }
        }
        (Value::Array(recorded), Value::Array(ours)) => {
            if recorded.len() != ours.len() {
                found.push(format!("{path}: recorded {} elements, ours {}", recorded.len(), ours.len()));
            }
            for (a, b) in recorded.iter().zip(ours) {
                compare_shapes(&format!("{path}[]"), a, b, found);
            }
        }
        _ => {
            if std::mem::discriminant(recorded) != std::mem::discriminant(ours) {
                found.push(format!("{path}: recorded {recorded}, ours {ours}"));
            }
        }
    }
}

/// Whether a recording shows only some keys of an object that has many more.
fn is_trimmed(path: &str, recorded: &Map<String, Value>) -> bool {
    !path.is_empty() || recorded.contains_key("__cut__") || recorded.contains_key("webhookAllowedAddressList")
}

/// Objects whose keys are ids or addresses.
fn is_map(object: &Map<String, Value>) -> bool {
    let is_id =
        |key: &String| key.contains('@') || key.len() >= 15 && key.bytes().filter(u8::is_ascii_digit).count() >= 6;
    !object.is_empty() && object.keys().all(is_id)
}
