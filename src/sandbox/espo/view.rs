//! Which keys of a record an answer shows: a list row, a single read, the answer to a creation, a webhook.

use serde_json::{Map, Value, json};

use super::access::{Actor, UserKind};
use super::schema::{Attribute, Derived, Entity, Kind};
use super::value::{is_to, person_name, text_of};
use super::world::{Record, World};

/// With `select`, long texts are cut to this many characters.
const SELECTED_TEXT: usize = 10_000;

/// Columns that bring a person's name with them.
const NAMING: [&str; 5] = ["firstName", "lastName", "accountName", "emailAddress", "phoneNumber"];

/// The links of a mail to the accounts it went through.
const ACCOUNTS: [&str; 2] = ["emailAccounts", "inboundEmails"];

impl World {
    /// A row of a list, with the columns of [`columns`] or all.
    pub fn list_view(
        &self,
        actor: &Actor,
        definition: &Entity,
        record: &Record,
        columns: Option<&[String]>,
    ) -> Map<String, Value> {
        let Some(columns) = columns else {
            let all = definition.attributes.iter().filter(|attribute| attribute.in_list && shows(actor, attribute));
            return all.map(|a| (a.name.clone(), self.value(actor, definition, record, a))).collect();
        };
        let shown = definition.attributes.iter();
        let shown = shown.filter(|attribute| columns.contains(&attribute.name) && shows(actor, attribute));
        let mut row: Map<String, Value> =
            shown.map(|a| (a.name.clone(), cut(self.value(actor, definition, record, a)))).collect();
        for key in row.keys().cloned().collect::<Vec<_>>() {
            let Some(field) = key.strip_suffix("Name") else { continue };
            let known = |suffix: &str| columns.contains(&format!("{field}{suffix}"));
            let parent = definition.attribute(&key).is_some_and(|a| a.kind == Kind::ParentName);
            if parent && !(known("Id") && known("Type")) {
                row.insert(key, Value::Null);
            }
        }
        let person = definition.field("name").is_some_and(|field| field.kind == "personName");
        if person && !row.contains_key("name") && columns.iter().any(|column| NAMING.contains(&column.as_str())) {
            row.insert("name".into(), name_by(record, columns));
        }
        // Told as "To: …", for which the addresses are loaded.
        if is_to(record) && row.contains_key("personStringData") {
            let to = definition.attributes.iter().filter(|attribute| attribute.field == "toEmailAddresses");
            row.extend(to.map(|a| (a.name.clone(), self.value(actor, definition, record, a))));
        }
        row
    }

    /// A single read, and the answer to an update.
    pub fn read_view(&self, actor: &Actor, definition: &Entity, record: &Record) -> Map<String, Value> {
        let shown = definition.attributes.iter().filter(|attribute| attribute.in_read && shows(actor, attribute));
        shown.map(|a| (a.name.clone(), self.value(actor, definition, record, a))).collect()
    }

    /// The answer to a creation: what was set, and what the server loads beside it.
    pub fn created_view(&self, actor: &Actor, definition: &Entity, record: &Record) -> Map<String, Value> {
        let shown = |attribute: &&Attribute| {
            attribute.in_create
                && shows(actor, attribute)
                && match &attribute.kind {
                    // Through which account a mail went; it is one of the two.
                    Kind::LinkIds | Kind::LinkNames if ACCOUNTS.contains(&attribute.field.as_str()) => {
                        record.attributes.contains_key(&format!("{}Ids", attribute.field))
                    }
                    Kind::LinkName | Kind::ParentName | Kind::LinkIds | Kind::LinkNames | Kind::LinkColumns(_) => true,
                    // Loaded by the server, whether anything was sent or not.
                    Kind::Derived(Derived::Points | Derived::PhoneNumbers) => true,
                    Kind::Json if attribute.name == "reminders" => true,
                    Kind::Derived(Derived::OptedOut | Derived::Invalid) => true,
                    Kind::Derived(derived) => derived_is_set(*derived, attribute, record),
                    _ => is_set(attribute, record),
                }
        };
        let of = |attribute: &Attribute| match &attribute.kind {
            Kind::Derived(Derived::OptedOut | Derived::Invalid) => {
                match self.value(actor, definition, record, attribute) {
                    Value::Null => false.into(),
                    flag => flag,
                }
            }
            _ => self.value(actor, definition, record, attribute),
        };
        definition.attributes.iter().filter(shown).map(|a| (a.name.clone(), of(a))).collect()
    }

    /// What a `create` webhook carries: the answer to the creation without what was loaded for it.
    pub fn hook_view(&self, actor: &Actor, definition: &Entity, record: &Record) -> Map<String, Value> {
        let mut view = self.created_view(actor, definition, record);
        view.remove("createdByName");
        view.remove("attachmentsTypes");
        let secret = definition.attributes.iter().filter(|attribute| attribute.for_admins);
        secret.for_each(|attribute| drop(view.remove(&attribute.name)));
        let stored = |field: &str, suffix: &str| record.attributes.contains_key(&format!("{field}{suffix}"));
        let told = |attribute: &Attribute, value: &Value| match &attribute.kind {
            Kind::LinkName => !value.is_null() || stored(&attribute.field, "Id"),
            Kind::ParentName => !value.is_null(),
            Kind::LinkIds | Kind::LinkNames if attribute.field.ends_with("EmailAddresses") => {
                attribute.kind == Kind::LinkIds && *value != json!([])
            }
            Kind::LinkIds | Kind::LinkNames => {
                attribute.field != "followers"
                    && !ACCOUNTS.contains(&attribute.field.as_str())
                    && stored(&attribute.field, "Ids")
            }
            Kind::LinkColumns(_) | Kind::Derived(Derived::AddressHash) => false,
            Kind::Derived(Derived::Points) => *value != json!([]) && self.options.version.tells_points(),
            Kind::Text if definition.name == "Email" => *value != json!(""),
            _ => true,
        };
        view.retain(|name, value| definition.attribute(name).is_none_or(|attribute| told(attribute, value)));
        view
    }

    /// Every attribute of a record, whatever shows it.
    pub fn wire(&self, actor: &Actor, entity: &str, id: &str) -> Map<String, Value> {
        let (Some(definition), Some(record)) = (self.schema.entity(entity), self.any_row(entity, id)) else {
            return Map::new();
        };
        let all = definition.attributes.iter();
        all.map(|a| (a.name.clone(), self.value(actor, definition, record, a))).collect()
    }
}

fn shows(actor: &Actor, attribute: &Attribute) -> bool {
    !attribute.for_admins || actor.kind == UserKind::Admin
}

/// The columns a list shows when `selected` was asked for, ordered by `order_by`.
pub fn columns(definition: &Entity, selected: &[String], order_by: &str) -> Vec<String> {
    let mut asked: Vec<String> = selected.to_vec();
    asked.push(order_by.to_owned());
    asked.extend(definition.always.iter().cloned());
    let also = asked.iter().filter_map(|name| definition.also.get(name)).flatten().cloned().collect::<Vec<_>>();
    let mut columns: Vec<String> = vec!["id".into()];
    for name in asked.into_iter().chain(also) {
        let Some(attribute) = definition.attribute(&name).filter(|attribute| selectable(attribute)) else { continue };
        match &attribute.kind {
            Kind::LinkIds | Kind::LinkNames | Kind::LinkColumns(_) => {
                columns.extend(["Ids", "Names", "Columns"].map(|suffix| format!("{}{suffix}", attribute.field)));
            }
            Kind::ParentType => columns.extend([name, format!("{}Name", attribute.field)]),
            _ => columns.push(name),
        }
    }
    columns
}

/// Followers and address lists are loaded for single reads only, whatever a list selects.
fn selectable(attribute: &Attribute) -> bool {
    let loaded = matches!(attribute.kind, Kind::Derived(Derived::Points | Derived::IsFollowed | Derived::AddressHash));
    !loaded && attribute.field != "followers" && (attribute.in_list || attribute.in_read)
}

/// A person's name when it was not asked for itself: put together from the columns that were, so that it can be a
/// mail address.
fn name_by(record: &Record, columns: &[String]) -> Value {
    let mut asked = record.attributes.clone();
    asked.retain(|name, _| columns.iter().any(|column| column == name.trim_end_matches("Data")));
    person_name(&asked).map_or(Value::Null, Value::from)
}

fn is_set(attribute: &Attribute, record: &Record) -> bool {
    match attribute.name.as_str() {
        "deleted" | "deleteId" => true,
        name => record.attributes.contains_key(name),
    }
}

fn derived_is_set(derived: Derived, attribute: &Attribute, record: &Record) -> bool {
    let stored = |name: &str| text_of(&record.attributes, name).is_some();
    match derived {
        // An API user is named after its login.
        Derived::PersonName => stored("lastName") && (stored("firstName") || stored("apiKey")),
        Derived::Primary => record
            .attributes
            .get(&format!("{}Data", attribute.field))
            .and_then(Value::as_array)
            .is_some_and(|points| !points.is_empty()),
        Derived::Duration => stored("dateStart"),
        Derived::Subject => stored("name"),
        Derived::PersonString | Derived::PhoneNumbers => false,
        Derived::OptedOut | Derived::Invalid | Derived::Points | Derived::AddressHash | Derived::IsFollowed => true,
    }
}

fn cut(value: Value) -> Value {
    match value {
        Value::String(text) if text.chars().count() > SELECTED_TEXT => {
            text.chars().take(SELECTED_TEXT).collect::<String>().into()
        }
        value => value,
    }
}
