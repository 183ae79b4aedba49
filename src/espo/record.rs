//! One record as EspoCRM sends it, read with patience: administrators rename options, add and remove fields,
//! and a value of a wrong type is treated as absent, never as a reason to fail.

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::Timestamp;

/// A record's attributes by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Record(pub Map<String, Value>);

impl Record {
    /// The record's id; `None` when it has none that is a text.
    pub fn id(&self) -> Option<&str> {
        self.text("id")
    }

    /// A text without the white space around it; `None` when absent, blank or no text.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.0.get(field)?.as_str().map(str::trim).filter(|text| !text.is_empty())
    }

    /// An instant (`YYYY-MM-DD HH:MM:SS`, UTC); RFC 3339 is understood too.
    pub fn instant(&self, field: &str) -> Option<Timestamp> {
        let text = self.text(field)?;
        Timestamp::parse_espo(text).or_else(|_| Timestamp::parse_rfc3339(text)).ok()
    }

    /// A day (`YYYY-MM-DD`).
    pub fn date(&self, field: &str) -> Option<NaiveDate> {
        // Years beyond leave no room to reckon in.
        let plausible = |day: &NaiveDate| (1..=9999).contains(&day.year());
        NaiveDate::parse_from_str(self.text(field)?, "%Y-%m-%d").ok().filter(plausible)
    }

    /// Whether a flag is set; absent or of an unknown form means no.
    pub fn flag(&self, field: &str) -> bool {
        match self.0.get(field) {
            Some(Value::Bool(set)) => *set,
            Some(Value::Number(number)) => number.as_i64() == Some(1),
            Some(Value::String(text)) => matches!(text.as_str(), "1" | "true"),
            Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => false,
        }
    }

    /// The texts of a list such as `teamsIds`; empty when absent.
    pub fn list(&self, field: &str) -> Vec<&str> {
        let items = self.0.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(Value::as_str).filter(|text| !text.is_empty()).collect()
    }

    /// The texts in an object's values, such as `toEmailAddressesNames` (id to address); empty when absent.
    pub fn values(&self, field: &str) -> Vec<&str> {
        let object = self.0.get(field).and_then(Value::as_object);
        object.into_iter().flat_map(Map::values).filter_map(Value::as_str).filter(|text| !text.is_empty()).collect()
    }

    /// The value as conditions compare it: a text as it is, a flag as `true` or `false`, a number in digits,
    /// everything else as an empty text.
    pub fn compared(&self, field: &str) -> String {
        match self.0.get(field) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Bool(set)) => set.to_string(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => String::new(),
        }
    }

    /// Whether the answer has this attribute at all, be it null.
    pub fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }
}

impl From<Value> for Record {
    /// Anything but an object is a record without attributes.
    fn from(value: Value) -> Self {
        match value {
            Value::Object(attributes) => Self(attributes),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_field_says_is_read() {
        let record = Record::from(json!({
            "id": "6b02", "name": " Hélène ", "dateStart": "2026-11-22 14:50:34", "dateEndDate": "2026-11-23",
            "doNotCall": true, "isActive": 1, "teamsIds": ["a", "b"], "toEmailAddressesNames": {"x": "a@b.example"}
        }));
        assert_eq!((record.id(), record.text("name")), (Some("6b02"), Some("Hélène")));
        assert_eq!(record.instant("dateStart").unwrap().to_string(), "2026-11-22T14:50:34Z");
        assert_eq!(record.date("dateEndDate"), NaiveDate::from_ymd_opt(2026, 11, 23));
        assert!(record.flag("doNotCall") && record.flag("isActive"));
        assert_eq!(record.list("teamsIds"), ["a", "b"]);
        assert_eq!(record.values("toEmailAddressesNames"), ["a@b.example"]);
    }

    #[test]
    fn nulls_absences_and_wrong_types_read_as_absent() {
        let record = Record::from(json!({"id": 7, "a": null, "b": [], "c": {"d": 1}, "e": "   ", "f": "2026-13-45"}));
        for field in ["id", "a", "b", "c", "e", "missing"] {
            assert_eq!(record.text(field), None, "{field}");
            assert!(!record.flag(field), "{field}");
        }
        assert!(record.instant("f").is_none() && record.date("f").is_none());
        assert!(record.list("a").is_empty() && record.list("c").is_empty() && record.values("c").is_empty());
        assert_eq!(Record::from(json!("text")), Record::default());
    }
}
