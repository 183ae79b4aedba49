//! From what somebody sends to what is stored: what may be written, in which form, with which defaults, and what is
//! refused.

use serde_json::{Map, Value, json};

use super::refusal::Refusal;
use super::schema::{Derived, Entity, Field, Kind};
use super::value::{person_name, text_of};
use super::world::Pen;
use crate::domain::Timestamp;

/// The attributes of `input` that this pen may write, in their stored form.
pub fn draft(
    definition: &Entity,
    input: &Map<String, Value>,
    pen: Pen,
    creating: bool,
) -> Result<Map<String, Value>, Refusal> {
    let rest = matches!(pen, Pen::Rest { .. });
    let mut draft = Map::new();
    for (name, value) in input {
        let Some(attribute) = definition.attribute(name) else { continue };
        let rules = definition.field_of(attribute);
        let refused = rules.read_only
            || (!creating && rules.read_only_after_create)
            || ["id", "deleted", "deleteId", "versionNumber"].contains(&name.as_str());
        if rest && refused {
            continue;
        }
        match &attribute.kind {
            Kind::DateTime => {
                let at = instant(value).ok_or_else(|| Refusal::invalid(&definition.name, name, "valid"))?;
                draft.insert(name.clone(), at);
            }
            Kind::Text
            | Kind::Bool
            | Kind::Number
            | Kind::Json
            | Kind::LinkId
            | Kind::ParentId
            | Kind::ParentType
            | Kind::LinkIds
            | Kind::LinkColumns(_) => {
                draft.insert(name.clone(), value.clone());
            }
            Kind::Derived(Derived::PersonName) if !rest => split_name(value, &mut draft),
            Kind::Derived(Derived::Primary | Derived::OptedOut | Derived::Invalid | Derived::Points) => {
                draft.insert(name.clone(), value.clone());
            }
            Kind::Derived(Derived::Subject) => {
                draft.entry("name").or_insert(value.clone());
            }
            Kind::LinkName | Kind::LinkNames | Kind::ParentName | Kind::Derived(_) | Kind::Selected(_) => {}
        }
    }
    if creating {
        keep_points(definition, &Map::new(), &mut draft);
    }
    Ok(draft)
}

/// Turns `emailAddress`, `emailAddressIsOptedOut` … into the list they are kept as.
pub fn keep_points(definition: &Entity, before: &Map<String, Value>, draft: &mut Map<String, Value>) {
    for (field, rules) in definition.fields() {
        if rules.kind != "email" && rules.kind != "phone" {
            continue;
        }
        let key = format!("{field}Data");
        let given = draft.remove(&key);
        let one = draft.remove(field);
        let flags = [("optOut", "IsOptedOut"), ("invalid", "IsInvalid")]
            .map(|(flag, suffix)| (flag, draft.remove(&format!("{field}{suffix}"))));
        if given.is_none() && one.is_none() && flags.iter().all(|(_, value)| value.is_none()) {
            continue;
        }
        let list = given.or_else(|| before.get(&key).cloned());
        let mut list: Vec<Value> = list.and_then(|list| list.as_array().cloned()).unwrap_or_default();
        if let Some(one) = one {
            list.retain(|point| point["primary"] != json!(true));
            if one.as_str().is_some_and(|text| !text.is_empty()) {
                list.insert(0, json!({field: one, "primary": true}));
            }
        }
        for point in &mut list {
            complete_point(field, point);
        }
        if let Some(first) = list.iter_mut().find(|point| point["primary"] == json!(true)) {
            for (flag, value) in flags {
                if let Some(Value::Bool(value)) = value {
                    first[flag] = value.into();
                }
            }
        }
        draft.insert(key, Value::Array(list));
    }
}

fn complete_point(field: &str, point: &mut Value) {
    let Some(map) = point.as_object_mut() else { return };
    if field == "emailAddress" {
        let lower = text_of(map, field).unwrap_or_default().to_lowercase();
        map.insert("lower".into(), lower.into());
    } else {
        map.entry("type").or_insert(json!("Mobile"));
    }
    for flag in ["primary", "optOut", "invalid"] {
        map.entry(flag).or_insert(false.into());
    }
}

/// Lets a test or the demo write `name` of a person in one go.
fn split_name(value: &Value, draft: &mut Map<String, Value>) {
    let Some(name) = value.as_str() else { return };
    let (first, last) = name.split_once(' ').map_or((None, name), |(first, last)| (Some(first), last));
    if let Some(first) = first {
        draft.entry("firstName").or_insert(first.into());
    }
    draft.entry("lastName").or_insert(last.into());
}

/// Gives a new record what nobody said.
pub fn apply_defaults(definition: &Entity, attributes: &mut Map<String, Value>) {
    for attribute in &definition.attributes {
        let rules = definition.field_of(attribute);
        let default = match (&attribute.kind, rules.default) {
            (Kind::Text | Kind::Bool | Kind::Number | Kind::Json | Kind::DateTime, Some(default)) => default,
            (Kind::LinkId, Some(default)) => default,
            (Kind::Bool, None) if attribute.name != "deleted" => false.into(),
            _ => continue,
        };
        attributes.entry(&attribute.name).or_insert(default);
    }
}

/// A call or meeting made with a start and a duration has an end.
pub fn complete_dates(entity: &str, input: &Map<String, Value>, attributes: &mut Map<String, Value>) {
    let default = match entity {
        "Call" => 300,
        "Meeting" => 3600,
        _ => return,
    };
    let start = text_of(attributes, "dateStart").and_then(|text| Timestamp::parse_espo(&text).ok());
    if let (Some(start), None) = (start, text_of(attributes, "dateEnd")) {
        let seconds = input.get("duration").and_then(Value::as_i64).unwrap_or(default);
        attributes.insert("dateEnd".into(), start.plus(seconds).to_espo().into());
    }
}

/// Checks what is written: everything when `changed` is `None`, else only fields among `changed`.
pub fn validate(
    definition: &Entity,
    attributes: &Map<String, Value>,
    changed: Option<&Map<String, Value>>,
) -> Result<(), Refusal> {
    for (field, rules) in definition.fields() {
        let key = match rules.kind.as_str() {
            "link" | "linkParent" => format!("{field}Id"),
            "linkMultiple" => format!("{field}Ids"),
            "email" | "phone" => format!("{field}Data"),
            _ => field.to_owned(),
        };
        let person = rules.kind == "personName";
        let touched = changed.is_none_or(|changed| {
            changed.contains_key(&key)
                || (person && (changed.contains_key("lastName") || changed.contains_key("firstName")))
        });
        if !touched {
            continue;
        }
        let refused = |rule: &str| Err(Refusal::invalid(&definition.name, field, rule));
        let value = attributes.get(&key).filter(|value| !value.is_null() && **value != json!(""));
        let dated = rules.or_date && text_of(attributes, &format!("{field}Date")).is_some();
        let present = value.is_some() || dated || (person && person_name(attributes).is_some());
        if rules.required && !present {
            return refused("required");
        }
        let Some(value) = value else { continue };
        let parent = text_of(attributes, &format!("{field}Type"));
        let may_be = |parents: &Vec<String>| parent.is_none_or(|parent| parents.contains(&parent));
        if rules.kind == "linkParent" && !rules.parents.as_ref().is_none_or(may_be) {
            return refused("valid");
        }
        if let Some(rule) = broken_rule(field, rules, value) {
            return refused(rule);
        }
    }
    Ok(())
}

fn broken_rule(field: &str, rules: &Field, value: &Value) -> Option<&'static str> {
    let every = |holds: fn(&str) -> bool| {
        let points = value.as_array().into_iter().flatten();
        points.filter_map(|point| point.get(field)?.as_str()).all(holds)
    };
    let text = value.as_str();
    match rules.kind.as_str() {
        "enum" if rules.options.as_ref().is_some_and(|options| !options.iter().any(|o| Some(o.as_str()) == text)) => {
            Some("valid")
        }
        "email" if !every(is_mail_address) => Some("emailAddress"),
        "phone" if !every(is_e164) => Some("valid"),
        "varchar" if text.is_none() => Some("valid"),
        "jsonArray" if !value.is_array() => Some("array"),
        "varchar" if text.is_some_and(|text| rules.max_length.is_some_and(|max| text.chars().count() > max)) => {
            Some("maxLength")
        }
        "varchar" if rules.no_bad_characters && text.is_some_and(|text| text.contains(['<', '>', '='])) => {
            Some("pattern")
        }
        _ => None,
    }
}

fn is_mail_address(text: &str) -> bool {
    text.split_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.') && !text.contains(char::is_whitespace))
}

fn is_e164(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|digits| (5..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// An instant as EspoCRM keeps it; ISO 8601 is understood too. `None` for what is no instant.
pub fn instant(value: &Value) -> Option<Value> {
    let text = match value {
        Value::Null => return Some(Value::Null),
        Value::String(text) if text.is_empty() => return Some(Value::Null),
        Value::String(text) => text,
        _ => return None,
    };
    let with_seconds = if text.len() == 16 { format!("{text}:00") } else { text.clone() };
    let at = Timestamp::parse_espo(&with_seconds).or_else(|_| Timestamp::parse_rfc3339(text)).ok()?;
    Some(at.to_espo().into())
}
