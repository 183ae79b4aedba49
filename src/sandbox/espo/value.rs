//! What a record says of itself on the wire: stored attributes, names of what it links to, and what is derived.

use serde_json::{Map, Value, json};

use super::access::Actor;
use super::schema::{Attribute, Derived, Entity, Kind};
use super::world::{Record, World};
use crate::domain::Timestamp;

impl World {
    /// A stored text, empty when there is none.
    pub fn text(&self, entity: &str, id: &str, attribute: &str) -> String {
        self.any_row(entity, id).and_then(|row| text_of(&row.attributes, attribute)).unwrap_or_default()
    }

    /// What a record is called where it is linked to; `None` when it is gone.
    pub fn name_of(&self, entity: &str, id: &str) -> Option<String> {
        let record = self.row(entity, id)?;
        let person =
            self.schema.entity(entity).is_some_and(|e| e.field("name").is_some_and(|f| f.kind == "personName"));
        if person { person_name(&record.attributes) } else { text_of(&record.attributes, "name") }
    }

    /// One attribute of a row, as it goes over the wire.
    pub fn value(&self, actor: &Actor, definition: &Entity, record: &Record, attribute: &Attribute) -> Value {
        let stored = |name: &str| record.attributes.get(name).cloned().unwrap_or(Value::Null);
        let field = attribute.field.as_str();
        let named = |entity: &str, id: &Value| {
            id.as_str().and_then(|id| self.name_of(entity, id)).map_or(Value::Null, Value::from)
        };
        match &attribute.kind {
            Kind::Text if attribute.name == "deleteId" => {
                if record.deleted {
                    stored("id")
                } else {
                    json!("0")
                }
            }
            // EspoCRM keeps no empty text.
            Kind::Text if definition.field(field).is_some_and(|rules| rules.kind == "text") => {
                match stored(&attribute.name) {
                    Value::String(text) if text.is_empty() => Value::Null,
                    value => value,
                }
            }
            Kind::Bool if attribute.name == "deleted" => record.deleted.into(),
            Kind::Bool => match stored(&attribute.name) {
                Value::Null if !["isImportant", "inTrash", "inArchive"].contains(&field) => false.into(),
                value => value,
            },
            Kind::Text | Kind::DateTime | Kind::Number | Kind::LinkId | Kind::ParentId | Kind::ParentType => {
                stored(&attribute.name)
            }
            Kind::Json => match stored(&attribute.name) {
                Value::Null if field == "reminders" => json!([]),
                Value::Null if field == "attachmentsTypes" => json!({}),
                value => value,
            },
            Kind::LinkName => {
                let target = definition.field(field).and_then(|rules| rules.target.clone()).unwrap_or_default();
                named(&target, &stored(&format!("{field}Id")))
            }
            Kind::ParentName => match stored(&format!("{field}Type")).as_str() {
                Some(kind) => named(kind, &stored(&format!("{field}Id"))),
                None => Value::Null,
            },
            Kind::LinkIds => json!(ids_of(&record.attributes, field)),
            // Who sees a mail is never spelled out.
            Kind::LinkNames if definition.name == "Email" && ["users", "inboundEmails"].contains(&field) => json!({}),
            Kind::LinkNames => {
                let target = definition.field(field).and_then(|rules| rules.target.clone()).unwrap_or_default();
                let names = ids_of(&record.attributes, field).into_iter().filter_map(|id| {
                    let name = self.row(&target, &id).map(|_| named(&target, &json!(id)))?;
                    Some((id, name))
                });
                names.collect::<Map<_, _>>().into()
            }
            Kind::LinkColumns(column) => {
                let given = stored(&attribute.name);
                let of = |id: &String| match given.get(id) {
                    Some(columns) => columns.clone(),
                    None if column == "status" => json!({column: "None"}),
                    None if column == "isRead" => json!({column: true}),
                    None if column.is_empty() => json!({}),
                    None => json!({column: null}),
                };
                let mut ids = ids_of(&record.attributes, field);
                // To whom a mail through a group account is assigned gets it a moment later.
                if column == "isRead" && record.attributes.contains_key("inboundEmailsIds") {
                    ids.retain(|id| *id == actor.id);
                }
                ids.into_iter().map(|id| (id.clone(), of(&id))).collect::<Map<_, _>>().into()
            }
            Kind::Derived(derived) => self.derive(*derived, actor, record, attribute),
            Kind::Selected(selected) => {
                match selected.strip_prefix("CONCAT:('").and_then(|text| text.strip_suffix("')")) {
                    Some(text) => text.into(),
                    None => stored(selected),
                }
            }
        }
    }

    fn derive(&self, derived: Derived, actor: &Actor, record: &Record, attribute: &Attribute) -> Value {
        let attributes = &record.attributes;
        let field = attribute.field.as_str();
        match derived {
            Derived::PersonName => person_name(attributes).map_or(Value::Null, Value::from),
            Derived::Primary => {
                primary(attributes, field).and_then(|point| point.get(field)).cloned().unwrap_or(Value::Null)
            }
            Derived::OptedOut => primary(attributes, field).map_or(Value::Null, |point| point["optOut"].clone()),
            Derived::Invalid => primary(attributes, field).map_or(Value::Null, |point| point["invalid"].clone()),
            Derived::Points => attributes.get(&format!("{field}Data")).cloned().unwrap_or_else(|| json!([])),
            Derived::Duration => duration(attributes),
            Derived::Subject => attributes.get("name").cloned().unwrap_or(Value::Null),
            Derived::PersonString => {
                let name = |address: String| {
                    self.owner_of(&address).and_then(|(entity, id)| self.name_of(&entity, &id)).unwrap_or(address)
                };
                if is_to(record) {
                    let to: Vec<String> = addresses(attributes, "to").into_iter().map(name).collect();
                    return format!("To: {}", to.join(", ")).into();
                }
                text_of(attributes, "from").map_or(Value::Null, |from| name(from).into())
            }
            Derived::AddressHash => self.address_hash(field, attributes),
            Derived::PhoneNumbers => self.phone_numbers(attributes),
            Derived::IsFollowed => ids_of(attributes, "followers").contains(&actor.id).into(),
        }
    }

    fn phone_numbers(&self, attributes: &Map<String, Value>) -> Value {
        let people = [("Lead", "leads"), ("Contact", "contacts")];
        let invited = people
            .iter()
            .flat_map(|(entity, field)| ids_of(attributes, field).into_iter().map(move |id| (*entity, id)));
        let number = |(entity, id): (&str, String)| {
            let row = self.row(entity, &id)?;
            let number = primary(&row.attributes, "phoneNumber")?.get("phoneNumber")?.clone();
            Some((format!("{entity}_{id}"), number))
        };
        invited.filter_map(number).collect::<Map<_, _>>().into()
    }

    fn address_hash(&self, field: &str, attributes: &Map<String, Value>) -> Value {
        let all = ["from", "to", "cc", "bcc"].into_iter().flat_map(|place| addresses(attributes, place));
        let of = |address: String| {
            let group = || Some(("InboundEmail".to_owned(), self.group_account(&address)?));
            let (entity, id) = self.owner_of(&address).or_else(group)?;
            let value = match field {
                "nameHash" => self.name_of(&entity, &id)?,
                "typeHash" => entity,
                _ => id,
            };
            Some((address, value.into()))
        };
        all.filter_map(of).collect::<Map<_, _>>().into()
    }
}

/// Whether a mail went through a group account: lists tell it by whom it is to.
pub fn is_to(record: &Record) -> bool {
    let is_sent = record.attributes.get("status") == Some(&json!("Sent"));
    is_sent && record.attributes.contains_key("inboundEmailsIds")
}

/// A stored text that is neither null nor empty.
pub fn text_of(attributes: &Map<String, Value>, name: &str) -> Option<String> {
    attributes.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The ids that a link to many holds.
pub fn ids_of(attributes: &Map<String, Value>, field: &str) -> Vec<String> {
    let list = attributes.get(&format!("{field}Ids")).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|id| id.as_str().map(str::to_owned)).collect()
}

/// All addresses (lower case) or numbers of a person.
pub fn points(attributes: &Map<String, Value>, field: &str) -> Vec<String> {
    let list = attributes.get(&format!("{field}Data")).and_then(Value::as_array);
    let one = |point: &Value| point.get(field)?.as_str().map(str::to_lowercase);
    list.into_iter().flatten().filter_map(one).collect()
}

/// The addresses in one head field of a mail.
pub fn addresses(attributes: &Map<String, Value>, place: &str) -> Vec<String> {
    let text = text_of(attributes, place).unwrap_or_default();
    text.split([';', ',']).map(str::trim).filter(|address| !address.is_empty()).map(str::to_owned).collect()
}

/// The primary address or number of a person, with its flags.
pub fn primary<'a>(attributes: &'a Map<String, Value>, field: &str) -> Option<&'a Value> {
    let list = attributes.get(&format!("{field}Data"))?.as_array()?;
    list.iter().find(|point| point["primary"] == json!(true)).or(list.first())
}

/// EspoCRM calls a nameless person by company, address or number.
pub fn person_name(attributes: &Map<String, Value>) -> Option<String> {
    let parts: Vec<String> = ["firstName", "lastName"].iter().filter_map(|part| text_of(attributes, part)).collect();
    if !parts.is_empty() {
        return Some(parts.join(" "));
    }
    text_of(attributes, "accountName")
        .or_else(|| primary(attributes, "emailAddress")?.get("emailAddress")?.as_str().map(str::to_owned))
        .or_else(|| primary(attributes, "phoneNumber")?.get("phoneNumber")?.as_str().map(str::to_owned))
        .or_else(|| text_of(attributes, "name"))
}

fn duration(attributes: &Map<String, Value>) -> Value {
    let at = |name: &str| text_of(attributes, name).and_then(|text| Timestamp::parse_espo(&text).ok());
    match (at("dateStart"), at("dateEnd")) {
        (Some(start), Some(end)) => end.since(start).into(),
        _ => Value::Null,
    }
}
