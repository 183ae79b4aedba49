//! How EspoCRM says no: a status, its `X-Status-Reason`, and seldom a body.

use serde_json::{Value, json};

/// An answer other than 2xx.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// `X-Status-Reason`; empty when EspoCRM sends none.
    pub reason: String,
    /// The JSON body; EspoCRM mostly sends none.
    pub body: Option<Value>,
}

impl Refusal {
    /// A status and its reason, without a body.
    pub fn new(status: u16, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into(), body: None }
    }

    /// What PHP does not survive: malformed JSON, a negative page, a violated index.
    pub fn broken() -> Self {
        Self::new(500, "")
    }

    /// A field whose value is refused; `rule` such as `required`, `valid`, `maxLength`.
    pub fn invalid(entity: &str, field: &str, rule: &str) -> Self {
        let reason = format!("Field validation failure; entityType: {entity}, field: {field}, type: {rule}.");
        Self {
            body: Some(translated("validationFailure", &json!({"field": field, "type": rule}))),
            ..Self::new(400, reason)
        }
    }

    /// A link to a record that is not there.
    pub fn unrelatable(entity: &str, link: &str, foreign: &str) -> Self {
        let reason = format!("Can't relate with non-existing record. entity type: {entity}, link: {link}.");
        let body = translated("cannotRelateNonExisting", &json!({"foreignEntityType": foreign}));
        Self { body: Some(body), ..Self::new(403, reason) }
    }

    /// Records that look like the one to be made.
    pub fn duplicate(existing: Vec<Value>) -> Self {
        Self { body: Some(Value::Array(existing)), ..Self::new(409, "duplicate") }
    }

    /// A write based on a version that is no longer the current one.
    pub fn stale(values: Value, version: i64) -> Self {
        Self { body: Some(json!({"values": values, "versionNumber": version})), ..Self::new(409, "modified") }
    }

    /// Nothing there to be read.
    pub fn absent(id: &str) -> Self {
        Self::new(404, format!("Record {id} does not exist."))
    }

    /// Nothing there to be written to.
    pub fn gone(id: &str) -> Self {
        Self::new(404, format!("Record {id} not found."))
    }
}

fn translated(label: &str, data: &Value) -> Value {
    json!({"messageTranslation": {"label": label, "scope": null, "data": data}})
}
