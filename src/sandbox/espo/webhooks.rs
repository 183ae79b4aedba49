//! Telling the outside world: what is queued when a record changes, how a body is written and signed, and what
//! becomes of a delivery that is not taken.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::Version;
use super::access::{Actor, hex, hmac_sha256};
use super::schema::{Derived, Kind};
use super::value::text_of;
use super::world::World;

/// Events one run of the sending job takes.
const PORTION: usize = 20;
/// How often a delivery is tried again, and how many seconds later.
const RETRIES: u32 = 4;
const RETRY_AFTER: i64 = 600;

/// What waits to be sent.
#[derive(Debug, Default)]
pub struct Queue(Vec<Event>);

#[derive(Debug, Clone)]
struct Event {
    hook: String,
    body: Value,
    failures: u32,
    not_before: i64,
}

impl Queue {
    /// Drops what waits for a webhook that is gone.
    pub fn forget(&mut self, hook: &str) {
        self.0.retain(|event| event.hook != hook);
    }

    /// How many events wait.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// One POST to be made.
#[derive(Debug)]
pub struct Delivery {
    /// Where to.
    pub url: String,
    /// The exact bytes.
    pub body: String,
    /// The header `Signature`.
    pub signature: String,
    /// The header `X-Signature`, of older days.
    pub legacy_signature: String,
    hook: String,
    events: Vec<Event>,
}

/// How a POST went.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// An HTTP status.
    Status(u16),
    /// No answer in time.
    Timeout,
    /// Nobody listens.
    Refused,
}

impl World {
    /// Queues what a creation tells.
    pub fn announce_created(&mut self, actor: &Actor, entity: &str, id: &str) {
        let (Some(definition), Some(record)) = (self.schema.entity(entity), self.any_row(entity, id)) else { return };
        let body = self.hook_view(actor, definition, record);
        self.announce(actor, &format!("{entity}.create"), &body.into());
    }

    /// Queues what an update tells: the attributes that are no longer what they were `before`.
    pub fn announce_updated(&mut self, actor: &Actor, entity: &str, id: &str, before: &Map<String, Value>) {
        let after = self.wire(actor, entity, id);
        let Some(definition) = self.schema.entity(entity) else { return };
        let told = |name: &str| {
            let unspoken = ["modifiedAt", "streamUpdatedAt", "versionNumber", "isFollowed", "personStringData"];
            let known = definition.attribute(name);
            !unspoken.contains(&name)
                && known.is_some_and(|a| {
                    !a.for_admins
                        && !["followers", "emailAccounts"].contains(&a.field.as_str())
                        && !matches!(a.kind, Kind::LinkColumns(_))
                })
        };
        let changed: BTreeSet<&String> = after
            .iter()
            .filter(|(name, value)| told(name) && before.get(*name) != Some(value))
            .map(|(name, _)| name)
            .collect();
        let fields: BTreeSet<&str> = changed
            .iter()
            .filter_map(|name| definition.attribute(name))
            .map(|attribute| attribute.field.as_str())
            .filter(|field| *field != "modifiedBy")
            .collect();
        if fields.is_empty() {
            return;
        }
        let spells_out = |name: &str| {
            let points = definition.attribute(name).is_some_and(|a| a.kind == Kind::Derived(Derived::Points));
            !points || self.options.version.tells_points()
        };
        let mut body: Map<String, Value> = after
            .iter()
            .filter(|(name, _)| changed.contains(name) && spells_out(name))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect();
        body.insert("id".into(), id.into());
        let of_field = |field: &str| {
            let mut body = Map::from_iter([("id".to_owned(), Value::from(id))]);
            let own =
                definition.attributes.iter().filter(|a| a.field == field && !matches!(a.kind, Kind::LinkColumns(_)));
            body.extend(own.filter_map(|a| Some((a.name.clone(), after.get(&a.name)?.clone()))));
            (format!("{entity}.fieldUpdate.{field}"), Value::Object(body))
        };
        let of_fields: Vec<(String, Value)> = fields.iter().map(|field| of_field(field)).collect();
        self.announce(actor, &format!("{entity}.update"), &body.into());
        for (event, body) in of_fields {
            self.announce(actor, &event, &body);
        }
    }

    /// Queues what a deletion tells: only the id.
    pub fn announce_deleted(&mut self, actor: &Actor, entity: &str, id: &str) {
        self.announce(actor, &format!("{entity}.delete"), &serde_json::json!({"id": id}));
    }

    fn announce(&mut self, actor: &Actor, event: &str, body: &Value) {
        let entity = event.split('.').next().unwrap_or_default();
        let id = body.get("id").and_then(Value::as_str).unwrap_or_default();
        // Nobody hears of what he may not see.
        let heard = |owner: &str| {
            let record = self.any_row(entity, id);
            record.is_none_or(|record| self.user(owner).is_none_or(|owner| self.shows(&owner, entity, record)))
        };
        let hooks: Vec<String> = self
            .rows("Webhook")
            .filter(|(_, hook)| {
                let own = text_of(&hook.attributes, "createdById").is_some_and(|id| id == actor.id);
                let flag = |name: &str| hook.attributes.get(name) == Some(&Value::Bool(true));
                text_of(&hook.attributes, "event").is_some_and(|known| known == event)
                    && text_of(&hook.attributes, "createdById").is_none_or(|owner| heard(&owner))
                    && flag("isActive")
                    && !(own && flag("skipOwn"))
            })
            .map(|(id, _)| id.to_owned())
            .collect();
        let due = hooks.into_iter().map(|hook| Event { hook, body: body.clone(), failures: 0, not_before: 0 });
        self.queue.0.extend(due);
    }

    /// What one run of the sending job is to POST: one body for each webhook, taken off the queue.
    pub fn due_deliveries(&mut self) -> Vec<Delivery> {
        let now = self.clock.now().0;
        let mut portion = Vec::new();
        let mut kept = Vec::new();
        for event in std::mem::take(&mut self.queue.0) {
            let due = event.not_before <= now && portion.len() < PORTION;
            if due { portion.push(event) } else { kept.push(event) }
        }
        self.queue.0 = kept;
        let mut by_hook: BTreeMap<String, Vec<Event>> = BTreeMap::new();
        for event in portion {
            by_hook.entry(event.hook.clone()).or_default().push(event);
        }
        by_hook.into_iter().filter_map(|(hook, events)| self.delivery(hook, events)).collect()
    }

    fn delivery(&self, hook: String, events: Vec<Event>) -> Option<Delivery> {
        let attributes = &self.row("Webhook", &hook)?.attributes;
        let secret = text_of(attributes, "secretKey").unwrap_or_default();
        let body = php_json(&events.iter().map(|event| event.body.clone()).collect());
        Some(Delivery {
            url: text_of(attributes, "url")?,
            signature: signature(&hook, &secret, &body),
            legacy_signature: legacy_signature(&hook, &secret, &body),
            body,
            hook,
            events,
        })
    }

    /// Draws the consequences of an answer: done, again in ten minutes, lost, or the webhook removed.
    pub fn settle(&mut self, delivery: Delivery, answer: Answer) {
        let retried = match answer {
            Answer::Status(200..=399) => return,
            Answer::Status(410) => {
                self.queue.forget(&delivery.hook);
                // Gone already is as good as removed now.
                let _ = self.delete(&Actor::at_the_desk("system"), "Webhook", &delivery.hook);
                return;
            }
            Answer::Status(status) => [401, 403, 404, 405, 408, 500, 503].contains(&status),
            Answer::Timeout => true,
            Answer::Refused => self.options.version == Version::V9,
        };
        let not_before = self.clock.now().0 + RETRY_AFTER;
        let again = delivery.events.into_iter().filter(|event| retried && event.failures < RETRIES);
        self.queue.0.extend(again.map(|event| Event { failures: event.failures + 1, not_before, ..event }));
    }
}

/// The header `Signature`: `base64(webhookId ":" hex(HMAC-SHA256(secretKey, body)))`.
pub fn signature(hook: &str, secret: &str, body: &str) -> String {
    STANDARD.encode(format!("{hook}:{}", hex(&hmac_sha256(secret, body.as_bytes()))))
}

/// The header `X-Signature`: the same with the digest's raw bytes.
pub fn legacy_signature(hook: &str, secret: &str, body: &str) -> String {
    let mut bytes = format!("{hook}:").into_bytes();
    bytes.extend(hmac_sha256(secret, body.as_bytes()));
    STANDARD.encode(bytes)
}

/// JSON as PHP's `json_encode` writes it: slashes escaped, everything beyond ASCII as `\u…`.
pub fn php_json(value: &Value) -> String {
    let plain = value.to_string();
    let mut escaped = String::with_capacity(plain.len());
    for c in plain.chars() {
        match c {
            '/' => escaped.push_str("\\/"),
            c if c.is_ascii() => escaped.push(c),
            c => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    // Writing into a String cannot fail.
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_written_as_php_writes_them() {
        let body = serde_json::json!({"a": "é / 😀 \"\n", "b": {}});
        assert_eq!(php_json(&body), r#"{"a":"\u00e9 \/ \ud83d\ude00 \"\n","b":{}}"#);
    }
}
