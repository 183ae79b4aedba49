//! What is true in the sandbox: its records, who may do what, and what a write does to them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value, json};

use super::access::{Actor, Login, Rights};
use super::admin::Package;
use super::draft::{apply_defaults, complete_dates, draft, keep_points, validate};
use super::faults::Faults;
use super::refusal::Refusal;
use super::schema::{Entity, Schema};
use super::value::{ids_of, points, text_of};
use super::webhooks::Queue;
use super::{Options, RequestLog};
use crate::clock::Clock;

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
    /// The tabs of the menu.
    pub tabs: Vec<Value>,
    /// Archives that were uploaded and not installed, by id.
    pub uploads: BTreeMap<String, Package>,
    /// What the installed extension says it is (`app.maxExtension`).
    pub build: Option<Value>,
    /// How many requests are still misrouted.
    pub misrouted: u32,
    /// The last requests.
    pub requests: VecDeque<RequestLog>,
    records: BTreeMap<String, BTreeMap<String, Record>>,
    /// The records each mail address (in lower case) was ever seen on.
    pub owners: BTreeMap<String, BTreeSet<(String, String)>>,
    ids: u64,
    /// The working-time calendar of those who follow no other (`workingTimeCalendarId` of the settings).
    pub default_calendar: Option<String>,
    /// What M.A.X. said of itself last.
    pub heartbeat: Option<Map<String, Value>>,
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
            heartbeat: None,
            default_calendar: None,
            tabs: super::admin::stock_tabs(),
            uploads: BTreeMap::new(),
            build: None,
            misrouted: 0,
            requests: VecDeque::new(),
            records: BTreeMap::new(),
            owners: BTreeMap::new(),
            ids: 0,
            options,
        };
        world.seat_users();
        if world.options.extension {
            world.install_stock_extension();
        }
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

    /// Puts a row there, whatever it is.
    pub fn plant(&mut self, entity: &str, id: &str, row: &Value) {
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

    /// The same, to be changed.
    pub fn row_mut(&mut self, entity: &str, id: &str) -> Option<&mut Record> {
        self.records.get_mut(entity)?.get_mut(id)
    }

    /// The definition of an entity that is known to exist.
    pub fn entity(&self, name: &str) -> Result<&Entity, Refusal> {
        let missing = || Refusal::new(404, format!("Controller '{name}' does not exist."));
        let there = !super::admin::is_ours(name) || self.has_extension();
        self.schema.entity(name).filter(|_| there).ok_or_else(missing)
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
        if entity == "Lead" && !attributes.contains_key("convertedAt") {
            self.stamp_converted(None, &mut attributes);
        }
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
            self.send_mail(actor, &id)?;
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
        if entity == "Lead" && !changes.contains_key("convertedAt") {
            self.stamp_converted(record.attributes.get("status"), &mut after);
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

    /// When a lead was first converted; it stays when the lead is opened again.
    fn stamp_converted(&self, status_before: Option<&Value>, attributes: &mut Map<String, Value>) {
        let is_converted = attributes.get("status").and_then(Value::as_str) == Some("Converted");
        let moved = status_before != attributes.get("status");
        if is_converted && moved && attributes.get("convertedAt").is_none_or(Value::is_null) {
            attributes.insert("convertedAt".into(), self.now_text().into());
        }
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

    /// Makes a record invisible. Its modifiedAt says since when, should it come back.
    pub fn delete(&mut self, actor: &Actor, entity: &str, id: &str) -> Result<(), Refusal> {
        let dated = self.entity(entity)?.attribute("modifiedAt").is_some();
        self.row(entity, id).ok_or_else(|| Refusal::gone(id))?;
        let now = self.now_text();
        if let Some(row) = self.row_mut(entity, id) {
            row.deleted = true;
            if dated {
                row.attributes.insert("modifiedAt".into(), now.into());
            }
        }
        if entity == "Webhook" {
            self.queue.forget(id);
        }
        self.announce_deleted(actor, entity, id);
        Ok(())
    }

    /// Makes it visible again: modifiedAt stays that of the deletion, no webhook.
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
                // Recordings name parents of mails and calls that are gone: those are not checked here.
                "linkParent" if field != "parent" => text_of(attributes, &format!("{field}Id")).into_iter().collect(),
                _ => continue,
            };
            let parent = text_of(attributes, &format!("{field}Type"));
            let target = if rules.kind == "linkParent" { parent.as_deref() } else { rules.target.as_deref() };
            let Some(target) = target else { continue };
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
}

/// The owner of a record follows it.
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
