//! What is true in the sandbox: its records, who may do what, and what a write does to them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value, json};

use super::access::{Actor, Login, Rights};
use super::faults::Faults;
use super::refusal::Refusal;
use super::schema::{Attribute, Derived, Entity, Kind, Schema};
use super::webhooks::Queue;
use super::{Options, RequestLog};
use crate::clock::Clock;
use crate::domain::Timestamp;

/// One row.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// What is stored; what is derived is not in here.
    pub attributes: Map<String, Value>,
    /// Deleted rows stay, invisible, until somebody restores them.
    pub deleted: bool,
}

/// Who writes, and so what is allowed and what it sets in motion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pen {
    /// The REST interface: read-only fields are ignored, duplicates refused unless skipped.
    Rest {
        /// `X-Skip-Duplicate-Check: true`.
        skip_duplicates: bool,
    },
    /// The handle of a test or the demo: any attribute, `id` and `createdAt` included.
    Hand,
    /// The same, and nobody notices: modifiedAt stays, no webhook.
    Silent,
}

/// All there is.
pub struct World {
    /// The time in this world.
    pub clock: Clock,
    /// What entities are made of.
    pub schema: Schema,
    /// How it was started; an admin changes some of it through `PUT Settings`.
    pub options: Options,
    /// Who can log in.
    pub logins: Vec<Login>,
    /// When logins failed, in seconds since the epoch.
    pub failed_logins: VecDeque<i64>,
    /// What users without a login of their own may do, by id, where it is not what everybody may.
    pub roles: BTreeMap<String, Rights>,
    /// What is to be POSTed.
    pub queue: Queue,
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// The last requests.
    pub requests: VecDeque<RequestLog>,
    records: BTreeMap<String, BTreeMap<String, Record>>,
    owners: BTreeMap<String, BTreeSet<(String, String)>>,
    ids: u64,
}

impl World {
    /// An empty CRM with its users.
    pub fn new(clock: Clock, options: Options) -> Self {
        let schema = Schema::load(options.version, &options.entities);
        let mut world = Self {
            clock,
            schema,
            logins: Vec::new(),
            roles: BTreeMap::new(),
            failed_logins: VecDeque::new(),
            queue: Queue::default(),
            faults: Faults::default(),
            requests: VecDeque::new(),
            records: BTreeMap::new(),
            owners: BTreeMap::new(),
            ids: 0,
            options,
        };
        world.seat_users();
        world
    }

    fn seat_users(&mut self) {
        self.plant("User", "system", &json!({"userName": "system", "lastName": "System", "type": "system"}));
        for account in self.options.accounts.clone() {
            let id = account.id.clone().unwrap_or_else(|| self.fresh_id());
            let row = json!({"userName": account.user_name, "lastName": account.user_name, "type": account.kind.word(),
                             "isActive": true, "createdById": "system"});
            self.plant("User", &id, &row);
            self.logins.push(Login { user_id: id, account });
        }
    }

    fn plant(&mut self, entity: &str, id: &str, row: &Value) {
        let mut attributes = row.as_object().cloned().unwrap_or_default();
        attributes.insert("id".into(), id.into());
        attributes.insert("createdAt".into(), self.now_text().into());
        attributes.insert("modifiedAt".into(), self.now_text().into());
        self.rows_mut(entity).insert(id.into(), Record { attributes, deleted: false });
    }

    /// The instant, as EspoCRM writes it.
    pub fn now_text(&self) -> String {
        self.clock.now().to_espo()
    }

    /// An id as EspoCRM makes them: the second, then noise; so not in order within one second.
    pub fn fresh_id(&mut self) -> String {
        self.ids += 1;
        let noise = self.ids.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 28;
        format!("{:08x}{noise:09x}", self.clock.now().0 & 0xffff_ffff)
    }

    /// Every row that is not deleted, by id.
    pub fn rows(&self, entity: &str) -> impl Iterator<Item = (&str, &Record)> {
        let rows = self.records.get(entity).into_iter().flatten();
        rows.filter(|(_, record)| !record.deleted).map(|(id, record)| (id.as_str(), record))
    }

    /// A row, also a deleted one.
    pub fn any_row(&self, entity: &str, id: &str) -> Option<&Record> {
        self.records.get(entity)?.get(id)
    }

    /// A row that is not deleted.
    pub fn row(&self, entity: &str, id: &str) -> Option<&Record> {
        self.any_row(entity, id).filter(|record| !record.deleted)
    }

    fn rows_mut(&mut self, entity: &str) -> &mut BTreeMap<String, Record> {
        self.records.entry(entity.into()).or_default()
    }

    fn row_mut(&mut self, entity: &str, id: &str) -> Option<&mut Record> {
        self.records.get_mut(entity)?.get_mut(id)
    }

    /// The definition of an entity that is known to exist.
    pub fn entity(&self, name: &str) -> Result<&Entity, Refusal> {
        let missing = || Refusal::new(404, format!("Controller '{name}' does not exist."));
        self.schema.entity(name).ok_or_else(missing)
    }

    /// Makes a record and answers its id.
    pub fn create(
        &mut self,
        actor: &Actor,
        entity: &str,
        input: Map<String, Value>,
        pen: Pen,
    ) -> Result<String, Refusal> {
        let definition = self.entity(entity)?;
        let mut attributes = draft(definition, &input, pen, true)?;
        apply_defaults(definition, &mut attributes);
        complete_dates(entity, &input, &mut attributes);
        if matches!(pen, Pen::Rest { .. }) {
            validate(definition, &attributes, None)?;
        }
        self.check_links(definition, &attributes)?;
        if pen == (Pen::Rest { skip_duplicates: false }) {
            self.check_duplicates(actor, entity, &attributes)?;
        }
        self.check_unique(entity, &attributes, None)?;
        let id = match attributes.get("id").and_then(Value::as_str) {
            Some(id) if !id.is_empty() => id.to_owned(),
            _ => self.fresh_id(),
        };
        self.stamp_created(actor, entity, &id, &mut attributes);
        let deleted = attributes.remove("deleted") == Some(Value::Bool(true));
        self.rows_mut(entity).insert(id.clone(), Record { attributes, deleted });
        self.index_addresses(entity, &id);
        if entity == "Email" {
            self.resolve_addresses(&id);
            self.deal_out(actor, &id);
        }
        if pen != Pen::Silent {
            self.announce_created(actor, entity, &id);
        }
        if entity == "Email" && self.text(entity, &id, "status") == "Sending" {
            self.send_mail(actor, &id);
        }
        Ok(id)
    }

    fn stamp_created(&self, actor: &Actor, entity: &str, id: &str, attributes: &mut Map<String, Value>) {
        let Some(definition) = self.schema.entity(entity) else { return };
        let now = self.now_text();
        attributes.insert("id".into(), id.into());
        let stamps = [
            ("createdAt", Value::from(now.clone())),
            ("modifiedAt", Value::from(now.clone())),
            ("streamUpdatedAt", Value::from(now)),
            ("createdById", Value::from(actor.id.clone())),
        ];
        for (name, value) in stamps {
            if definition.attribute(name).is_some() {
                attributes.entry(name).or_insert(value);
            }
        }
        if definition.versioned {
            attributes.entry("versionNumber").or_insert(json!(1));
        }
        self.invite(definition, attributes);
        if !attributes.contains_key("followersIds") {
            follow(definition, actor, attributes);
        }
    }

    /// A call or meeting invites its owner and the lead it is about; a task has its owner collaborate.
    fn invite(&self, definition: &Entity, attributes: &mut Map<String, Value>) {
        let owner = attributes.get("assignedUserId").cloned().filter(Value::is_string);
        for (field, ours) in [("collaboratorsIds", "Task"), ("usersIds", "Call"), ("usersIds", "Meeting")] {
            if definition.name == ours
                && definition.attribute(field).is_some()
                && !attributes.contains_key(field)
                && let Some(owner) = &owner
            {
                attributes.insert(field.into(), json!([owner]));
            }
        }
        let about_lead = attributes.get("parentType") == Some(&json!("Lead"));
        if about_lead && definition.attribute("leadsIds").is_some() && !attributes.contains_key("leadsIds") {
            let parent = attributes.get("parentId").cloned().unwrap_or(Value::Null);
            attributes.insert("leadsIds".into(), json!([parent]));
        }
    }

    /// Changes a record. `expected` is `X-Version-Number`.
    pub fn update(
        &mut self,
        actor: &Actor,
        entity: &str,
        id: &str,
        input: Map<String, Value>,
        expected: Option<i64>,
        pen: Pen,
    ) -> Result<(), Refusal> {
        let definition = self.entity(entity)?;
        let record = self.row(entity, id).ok_or_else(|| Refusal::gone(id))?;
        let mut changes = draft(definition, &input, pen, false)?;
        let mut after = record.attributes.clone();
        if definition.versioned {
            self.check_version(actor, definition, id, &changes, expected)?;
        }
        keep_points(definition, &after, &mut changes);
        after.extend(changes.clone());
        if matches!(pen, Pen::Rest { .. }) {
            validate(definition, &after, Some(&changes))?;
        }
        self.check_links(definition, &changes)?;
        self.check_unique(entity, &after, Some(id))?;
        if entity == "Task" && changes.contains_key("status") && !changes.contains_key("dateCompleted") {
            let done = after.get("status") == Some(&json!("Completed"));
            let already = after.get("dateCompleted").cloned().filter(|when| done && !when.is_null());
            let when = already.unwrap_or_else(|| if done { self.now_text().into() } else { Value::Null });
            after.insert("dateCompleted".into(), when);
        }
        let before = self.wire(actor, entity, id);
        if pen != Pen::Silent {
            self.stamp_modified(actor, definition, &changes, record, &mut after);
        }
        if let Some(row) = self.row_mut(entity, id) {
            row.attributes = after;
        }
        self.index_addresses(entity, id);
        if entity == "Email" {
            self.resolve_addresses(id);
        }
        if pen != Pen::Silent {
            self.announce_updated(actor, entity, id, &before);
        }
        Ok(())
    }

    fn stamp_modified(
        &self,
        actor: &Actor,
        definition: &Entity,
        changes: &Map<String, Value>,
        record: &Record,
        after: &mut Map<String, Value>,
    ) {
        let now = self.now_text();
        let moved = changes.iter().any(|(name, value)| record.attributes.get(name).unwrap_or(&Value::Null) != value);
        // A write of nothing that may be written is not even a write.
        let written = !changes.is_empty();
        if written && definition.attribute("modifiedAt").is_some() && !changes.contains_key("modifiedAt") {
            after.insert("modifiedAt".into(), now.clone().into());
        }
        if written && definition.attribute("modifiedById").is_some() {
            after.insert("modifiedById".into(), actor.id.clone().into());
        }
        if definition.stream && moved {
            after.insert("streamUpdatedAt".into(), now.into());
        }
        if definition.versioned {
            let version = after.get("versionNumber").and_then(Value::as_i64).unwrap_or(1);
            after.insert("versionNumber".into(), json!(version + 1));
        }
        if changes.contains_key("assignedUserId") {
            follow(definition, actor, after);
        }
    }

    /// A stale write is refused only when it would change something.
    fn check_version(
        &self,
        actor: &Actor,
        definition: &Entity,
        id: &str,
        changes: &Map<String, Value>,
        expected: Option<i64>,
    ) -> Result<(), Refusal> {
        let Some(record) = self.row(&definition.name, id) else { return Ok(()) };
        let current = record.attributes.get("versionNumber").and_then(Value::as_i64).unwrap_or(1);
        if expected.is_none_or(|expected| expected == current) {
            return Ok(());
        }
        let differing: Map<String, Value> = changes
            .iter()
            .filter_map(|(name, value)| {
                let now = self.value(actor, definition, record, definition.attribute(name)?);
                (now != *value).then(|| (name.clone(), now))
            })
            .collect();
        if differing.is_empty() { Ok(()) } else { Err(Refusal::stale(Value::Object(differing), current)) }
    }

    /// Makes a record invisible.
    pub fn delete(&mut self, actor: &Actor, entity: &str, id: &str) -> Result<(), Refusal> {
        self.entity(entity)?;
        self.row(entity, id).ok_or_else(|| Refusal::gone(id))?;
        if let Some(row) = self.row_mut(entity, id) {
            row.deleted = true;
        }
        if entity == "Webhook" {
            self.queue.forget(id);
        }
        self.announce_deleted(actor, entity, id);
        Ok(())
    }

    /// Makes it visible again: modifiedAt stays, no webhook.
    pub fn restore(&mut self, entity: &str, id: &str) -> Result<(), Refusal> {
        let row = self.row_mut(entity, id).ok_or_else(|| Refusal::gone(id))?;
        row.deleted = false;
        Ok(())
    }

    /// Links or unlinks two records through the relation endpoint: modifiedAt stays, no webhook.
    pub fn relate(&mut self, entity: &str, id: &str, link: &str, other: &str, linked: bool) -> Result<(), Refusal> {
        let definition = self.entity(entity)?;
        self.row(entity, id).ok_or_else(|| Refusal::gone(id))?;
        let (at, row, field, value) = match definition.relations.get(link) {
            Some(relation) => (relation.entity.clone(), other, relation.foreign.clone(), id),
            None => (entity.to_owned(), id, link.to_owned(), other),
        };
        let holder = self.entity(&at)?;
        let kind = holder.field(&field).map(|field| field.kind.clone()).ok_or_else(|| Refusal::new(404, ""))?;
        let record = self.row_mut(&at, row).ok_or_else(|| Refusal::gone(row))?;
        let attributes = &mut record.attributes;
        let one = if linked { Value::from(value) } else { Value::Null };
        match kind.as_str() {
            "link" => {
                attributes.insert(format!("{field}Id"), one);
            }
            "linkParent" => {
                attributes.insert(format!("{field}Id"), one);
                attributes.insert(format!("{field}Type"), if linked { entity.into() } else { Value::Null });
            }
            _ => {
                let mut ids = ids_of(attributes, &field);
                ids.retain(|known| known != value);
                if linked {
                    ids.push(value.to_owned());
                }
                attributes.insert(format!("{field}Ids"), json!(ids));
            }
        }
        Ok(())
    }

    fn check_links(&self, definition: &Entity, attributes: &Map<String, Value>) -> Result<(), Refusal> {
        for (field, rules) in definition.fields() {
            let ids = match rules.kind.as_str() {
                "link" => text_of(attributes, &format!("{field}Id")).into_iter().collect(),
                "linkMultiple" => ids_of(attributes, field),
                _ => continue,
            };
            let Some(target) = rules.target.as_deref() else { continue };
            let known = |id: &String| self.schema.entity(target).is_none() || self.row(target, id).is_some();
            if !ids.iter().all(known) {
                return Err(Refusal::unrelatable(&definition.name, field, target));
            }
        }
        Ok(())
    }

    fn check_duplicates(&self, actor: &Actor, entity: &str, attributes: &Map<String, Value>) -> Result<(), Refusal> {
        let definition = self.entity(entity)?;
        let same = |record: &Record, field: &String| {
            let keys: &[&str] = if field == "name" && definition.attribute("firstName").is_some() {
                &["firstName", "lastName"]
            } else {
                &[field.as_str()]
            };
            keys.iter().all(|key| match (text_of(attributes, key), text_of(&record.attributes, key)) {
                (Some(new), Some(known)) if definition.field(key).is_some_and(|rules| rules.binary) => new == known,
                (Some(new), Some(known)) => new.to_lowercase() == known.to_lowercase(),
                _ => self.share_address(definition, attributes, record, key),
            })
        };
        let existing: Vec<Value> = self
            .rows(entity)
            .filter(|(_, record)| definition.duplicate_fields.iter().any(|field| same(record, field)))
            .map(|(_, record)| Value::Object(self.list_view(actor, definition, record, None)))
            .collect();
        if existing.is_empty() { Ok(()) } else { Err(Refusal::duplicate(existing)) }
    }

    fn share_address(&self, definition: &Entity, new: &Map<String, Value>, record: &Record, field: &str) -> bool {
        let is_address = definition.field(field).is_some_and(|rules| rules.kind == "email" || rules.kind == "phone");
        let known = points(&record.attributes, field);
        is_address && points(new, field).iter().any(|point| known.contains(point))
    }

    fn check_unique(&self, entity: &str, attributes: &Map<String, Value>, id: Option<&str>) -> Result<(), Refusal> {
        let definition = self.entity(entity)?;
        let taken = |columns: &Vec<String>| {
            let filled = columns.iter().all(|column| attributes.get(column).is_some_and(|value| !value.is_null()));
            filled
                && self.rows(entity).any(|(other, record)| {
                    Some(other) != id
                        && columns.iter().all(|column| record.attributes.get(column) == attributes.get(column))
                })
        };
        if definition.unique.iter().any(taken) { Err(Refusal::broken()) } else { Ok(()) }
    }

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
            Kind::LinkNames if definition.name == "Email" && field == "users" => json!({}),
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
                let ids = ids_of(&record.attributes, field);
                ids.into_iter().map(|id| (id.clone(), of(&id))).collect::<Map<_, _>>().into()
            }
            Kind::Derived(derived) => self.derive(*derived, actor, record, attribute),
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
            Derived::PersonString => text_of(attributes, "from").map_or(Value::Null, |from| {
                self.owner_of(&from).and_then(|(entity, id)| self.name_of(&entity, &id)).unwrap_or(from).into()
            }),
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
            let (entity, id) = self.owner_of(&address)?;
            let value = match field {
                "nameHash" => self.name_of(&entity, &id)?,
                "typeHash" => entity,
                _ => id,
            };
            Some((address, value.into()))
        };
        all.filter_map(of).collect::<Map<_, _>>().into()
    }

    /// The record a mail address belongs to; EspoCRM prefers users and contacts to leads.
    fn owner_of(&self, address: &str) -> Option<(String, String)> {
        let owners = self.owners.get(&address.to_lowercase())?;
        let holds = |(entity, id): &&(String, String)| {
            self.row(entity, id).is_some_and(|row| {
                points(&row.attributes, "emailAddress").iter().any(|point| *point == address.to_lowercase())
            })
        };
        let rank = |(entity, _): &&(String, String)| match entity.as_str() {
            "User" => 0,
            "Contact" => 1,
            "Account" => 2,
            _ => 3,
        };
        owners.iter().filter(holds).min_by_key(rank).cloned()
    }

    fn index_addresses(&mut self, entity: &str, id: &str) {
        let Some(record) = self.any_row(entity, id) else { return };
        for address in points(&record.attributes, "emailAddress") {
            self.owners.entry(address).or_default().insert((entity.into(), id.into()));
        }
    }

    /// Gives each address of a mail its EmailAddress record, and the body its plain text.
    fn resolve_addresses(&mut self, id: &str) {
        let Some(record) = self.any_row("Email", id) else { return };
        let attributes = record.attributes.clone();
        let mut found = Map::new();
        for (place, link) in [
            ("to", "toEmailAddresses"),
            ("cc", "ccEmailAddresses"),
            ("bcc", "bccEmailAddresses"),
            ("replyTo", "replyToEmailAddresses"),
        ] {
            let ids: Vec<String> = addresses(&attributes, place).iter().map(|a| self.address_id(a)).collect();
            found.insert(format!("{link}Ids"), json!(ids));
            found.insert(place.into(), addresses(&attributes, place).join(";").into());
        }
        if let Some(from) = addresses(&attributes, "from").first() {
            found.insert("fromEmailAddressId".into(), self.address_id(from).into());
        }
        if text_of(&attributes, "bodyPlain").is_none()
            && let Some(body) = text_of(&attributes, "body")
        {
            found.insert("bodyPlain".into(), plain_text(&body).into());
        }
        if text_of(&attributes, "messageId").is_none() {
            found.insert("messageId".into(), format!("dummy:{}", self.fresh_id()).into());
        }
        if let Some(row) = self.row_mut("Email", id) {
            row.attributes.extend(found);
        }
    }

    /// Gives a new mail to the users whose addresses are on it, and one being sent to its sender.
    fn deal_out(&mut self, actor: &Actor, id: &str) {
        let Some(record) = self.any_row("Email", id) else { return };
        let all = ["from", "to", "cc", "bcc"].into_iter().flat_map(|place| addresses(&record.attributes, place));
        let owners = all.filter_map(|address| self.owner_of(&address));
        let mut users: Vec<String> = owners.filter(|(entity, _)| entity == "User").map(|(_, user)| user).collect();
        let sending = self.text("Email", id, "status") == "Sending";
        if sending {
            users.push(actor.id.clone());
        }
        users.sort();
        users.dedup();
        let Some(row) = self.row_mut("Email", id) else { return };
        if sending {
            row.attributes.insert("sentById".into(), actor.id.clone().into());
        }
        for name in ["usersIds", "assignedUsersIds"] {
            row.attributes.entry(name).or_insert(json!(users));
        }
    }

    fn address_id(&mut self, address: &str) -> String {
        let lower = address.to_lowercase();
        let known = self.rows("EmailAddress").find(|(_, row)| row.attributes.get("lower") == Some(&json!(lower)));
        if let Some((id, _)) = known {
            return id.to_owned();
        }
        let id = self.fresh_id();
        self.plant("EmailAddress", &id, &json!({"name": address, "lower": lower}));
        id
    }

    /// What EspoCRM does with a mail saved as `Sending`: it goes out at once, and the mail it answers is marked
    /// without anybody being told.
    fn send_mail(&mut self, actor: &Actor, id: &str) {
        let name = self.name_of("User", &actor.id).unwrap_or_default();
        let from = self.text("Email", id, "from");
        let replied = self.text("Email", id, "repliedId");
        let sent = json!({"status": "Sent", "dateSent": self.now_text(), "isUsers": true,
            "sendAt": null, "fromName": name, "fromAddress": from, "fromString": format!("{name} <{from}>"),
            "emailAccountsIds": [self.fresh_id()]});
        let sent = sent.as_object().cloned().unwrap_or_default();
        // The record was just made by this very actor, so neither access nor existence can refuse it.
        let _ = self.update(actor, "Email", id, sent, None, Pen::Hand);
        if let Some(original) = self.row_mut("Email", &replied) {
            original.attributes.insert("isReplied".into(), true.into());
        }
    }
}

/// The attributes of `input` that this pen may write, in their stored form.
fn draft(
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
            Kind::LinkName | Kind::LinkNames | Kind::ParentName | Kind::Derived(_) => {}
        }
    }
    if creating {
        keep_points(definition, &Map::new(), &mut draft);
    }
    Ok(draft)
}

/// Turns `emailAddress`, `emailAddressIsOptedOut` … into the list they are kept as.
fn keep_points(definition: &Entity, before: &Map<String, Value>, draft: &mut Map<String, Value>) {
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

fn apply_defaults(definition: &Entity, attributes: &mut Map<String, Value>) {
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
fn complete_dates(entity: &str, input: &Map<String, Value>, attributes: &mut Map<String, Value>) {
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

fn follow(definition: &Entity, actor: &Actor, attributes: &mut Map<String, Value>) {
    let Some(owner) = text_of(attributes, "assignedUserId").filter(|owner| *owner != actor.id) else { return };
    if definition.stream {
        let mut followers = ids_of(attributes, "followers");
        if !followers.contains(&owner) {
            followers.push(owner);
        }
        attributes.insert("followersIds".into(), json!(followers));
    }
}

/// Checks what is written: everything when `changed` is `None`, else only fields among `changed`.
fn validate(
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
        if let Some(rule) = broken_rule(field, rules, value) {
            return refused(rule);
        }
    }
    Ok(())
}

fn broken_rule(field: &str, rules: &super::schema::Field, value: &Value) -> Option<&'static str> {
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
        "varchar" if text.is_some_and(|text| rules.max_length.is_some_and(|max| text.chars().count() > max)) => {
            Some("maxLength")
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

fn primary<'a>(attributes: &'a Map<String, Value>, field: &str) -> Option<&'a Value> {
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

fn plain_text(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in html.replace("<br>", "\n").replace("<br />", "\n").replace("</p><p>", "\n\n").chars() {
        match c {
            '<' => inside = true,
            '>' if inside => inside = false,
            _ if !inside => text.push(c),
            _ => {}
        }
    }
    text.replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}
