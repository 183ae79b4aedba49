//! What in an answer is not as it was recorded.

use serde_json::{Map, Value};

use super::Replayed;
use super::recording::Recording;

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
        if recorded != replayed.body {
            found.push(format!("body: recorded {recorded}, ours {}", replayed.body));
        }
    } else {
        compare_shapes("", &recorded, &replayed.body, &mut found);
        compare_taken(recording.sent(), &recorded, &replayed.body, &mut found);
    }
    found
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

/// Attributes of our own entities that came later than some of the recordings.
const LATER: [&str; 9] = [
    "resolvedByUserId",
    "resolvedByUserName",
    "draft",
    "messageId",
    "messageType",
    "messageName",
    "history",
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
            for (a, b) in recorded.values().zip(ours.values()) {
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
            for key in ours.keys().filter(|key| !cut && !recorded.contains_key(*key) && !LATER.contains(&key.as_str()))
            {
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
