//! The REST interface: one request in, one answer out, without a network.

use serde_json::{Map, Value, json};

use super::access::{Actor, Deed, Entry, Presented, Reach, UserKind, hex, hmac_sha256};
use super::query::{ListQuery, matching, php_params};
use super::refusal::Refusal;
use super::schema::Relation;
use super::value::{ids_of, text_of};
use super::world::{Pen, Record, World};
use crate::domain::Timestamp;

/// The most webhooks a user may have.
const MOST_WEBHOOKS: usize = 50;

/// What a client sent.
#[derive(Debug, Default)]
pub struct Request<'a> {
    /// In capitals.
    pub method: &'a str,
    /// Behind `/api/v1/`, without the query.
    pub path: &'a str,
    /// Without the question mark.
    pub query: &'a str,
    /// The authentication headers.
    pub presented: Presented<'a>,
    /// `X-No-Total: true`.
    pub no_total: bool,
    /// `X-Skip-Duplicate-Check: true`.
    pub skip_duplicates: bool,
    /// `X-Version-Number`.
    pub version: Option<i64>,
    /// Whether the body is declared as JSON; otherwise EspoCRM does not read it.
    pub is_json: bool,
    /// The body.
    pub body: &'a [u8],
}

/// What it gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// `X-Status-Reason`, when not empty.
    pub reason: String,
    /// The JSON body; `None`: an empty one.
    pub body: Option<Value>,
    /// Whether it is declared as HTML, as answers to a failed login are.
    pub html: bool,
    /// Whether it asks for Basic authentication.
    pub asks: bool,
}

impl Reply {
    /// JSON.
    pub fn json(status: u16, body: Value) -> Self {
        Self { status, reason: String::new(), body: Some(body), html: false, asks: false }
    }

    /// What an exception thrown outside the records' own controllers becomes.
    fn thrown(status: u16, reason: &str) -> Self {
        Self { reason: reason.into(), ..Self::unauthorised(status, false) }
    }

    fn unauthorised(status: u16, asks: bool) -> Self {
        Self { status, reason: String::new(), body: None, html: true, asks }
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        Self { status: refusal.status, reason: refusal.reason, body: refusal.body, html: false, asks: false }
    }
}

/// What a request comes to.
pub type Answer = Result<Reply, Refusal>;

impl World {
    /// Does what was asked.
    pub fn answer(&mut self, request: &Request<'_>) -> Reply {
        let actor = match self.enter(&request.presented, request.method, request.path) {
            Entry::Granted(actor) => actor,
            // Needed for the login page: anyone gets them, and a wrong key counts as a failed login all the same.
            Entry::Asked | Entry::Refused if (request.method, request.path) == ("GET", "Settings") => {
                return Reply::json(200, self.settings(None));
            }
            Entry::Asked => return Reply::unauthorised(401, true),
            Entry::Refused => return Reply::unauthorised(401, false),
            Entry::LockedOut => return Reply::unauthorised(403, false),
        };
        self.route(&actor, request).unwrap_or_else(Reply::from)
    }

    fn route(&mut self, actor: &Actor, request: &Request<'_>) -> Answer {
        let steps: Vec<&str> = request.path.split('/').collect();
        if self.misrouted > 0 {
            self.misrouted -= 1;
            return Err(Refusal::new(400, "No ID."));
        }
        if ["Extension", "InboundEmail"].contains(&steps[0]) && actor.kind != UserKind::Admin {
            return Err(Refusal::new(403, format!("No access to '{}'.", steps[0])));
        }
        match (request.method, steps.as_slice()) {
            ("GET", ["App", "user"]) => {
                let token = request.presented.espo.map(|_| self.fresh_id());
                Ok(Reply::json(200, self.app_user(actor, token)))
            }
            ("GET", ["Settings"]) => Ok(Reply::json(200, self.settings(Some(actor)))),
            ("PUT", ["Settings"]) => self.put_settings(actor, request),
            ("GET", ["Metadata"]) => {
                let params = php_params(request.query);
                let key = params.get("key").and_then(Value::as_str).unwrap_or_default();
                let found = self.metadata(key);
                Ok(Reply { body: Some(found).filter(|found| !found.is_null()), ..Reply::json(200, Value::Null) })
            }
            ("POST", ["Max", "permissions"]) => self.permissions(actor, request),
            ("POST", ["Max", "heartbeat"]) => self.heartbeat(actor, request),
            // What routes there are is known before the records' own controllers are asked.
            ("POST", ["Max", _]) => Ok(Reply::json(405, json!({"message": "405 Method Not Allowed"}))),
            ("POST", ["Extension", "action", "upload"]) => self.upload(request.body),
            ("POST", ["Extension", "action", deed @ ("install" | "uninstall")]) => {
                let id = text_of(&object(request)?, "id").unwrap_or_default();
                if *deed == "install" { self.install(actor, &id) } else { self.uninstall(&id) }
            }
            ("POST" | "PUT", ["Extension", ..]) => Err(Refusal::new(403, "")),
            ("POST", ["MassAction"]) => self.mass_action(actor, request),
            ("POST", ["Action"]) => self.action(actor, request),
            ("POST", ["Lead", "action", "convert"]) => self.convert_lead(actor, request),
            ("POST", [entity, "action", "restoreDeleted"]) => self.restore_deleted(actor, entity, request),
            ("GET", [entity]) => self.list(actor, entity, request),
            ("POST", [entity]) => self.post(actor, entity, request),
            ("GET", [entity, id]) => self.read(actor, entity, id),
            ("PUT" | "PATCH", [entity, id]) => self.put(actor, entity, id, request),
            ("DELETE", [entity, id]) => self.remove(actor, entity, id),
            ("GET", [entity, id, link]) => self.related(actor, entity, id, link, request),
            ("POST" | "DELETE", [entity, id, link]) => self.link(actor, entity, id, link, request),
            (_, [entity] | [entity, _] | [entity, _, _]) => {
                self.entity(entity)?;
                Err(Refusal::new(405, ""))
            }
            _ => Ok(Reply::json(404, json!({"message": "404 Not Found"}))),
        }
    }

    fn list(&self, actor: &Actor, entity: &str, request: &Request<'_>) -> Answer {
        self.readable(actor, entity)?;
        let query = self.query(entity, request)?;
        query.check_links(self, actor, self.entity(entity)?)?;
        self.page(actor, entity, &query, |_, _| true)
    }

    fn related(&self, actor: &Actor, entity: &str, id: &str, link: &str, request: &Request<'_>) -> Answer {
        self.readable(actor, entity)?;
        let definition = self.entity(entity)?;
        let record = self.row(entity, id).ok_or_else(|| Refusal::absent(id))?;
        if let Some(Relation { entity: foreign, foreign: back, .. }) = definition.relations.get(link) {
            self.readable(actor, foreign)?;
            let query = self.query(foreign, request)?;
            return self.page(actor, foreign, &query, |_, row| {
                let is = |suffix: &str, value: &str| {
                    text_of(&row.attributes, &format!("{back}{suffix}")).is_some_and(|known| known == value)
                };
                let kind = self.entity(foreign).ok().and_then(|e| e.field(back)).map(|field| field.kind.as_str());
                match kind {
                    Some("linkParent") => is("Id", id) && is("Type", entity),
                    Some("linkMultiple") => ids_of(&row.attributes, back).iter().any(|known| known == id),
                    _ => is("Id", id),
                }
            });
        }
        let field = definition.field(link).filter(|field| field.kind == "linkMultiple");
        let target = field.and_then(|field| field.target.clone());
        let Some(target) = target.filter(|target| self.schema.entity(target).is_some()) else {
            return Err(Refusal::new(404, format!("Link '{link}' does not exist.")));
        };
        self.readable(actor, &target)?;
        let ids = ids_of(&record.attributes, link);
        let query = self.query(&target, request)?;
        self.page(actor, &target, &query, |row, _| ids.iter().any(|id| id == row))
    }

    fn query(&self, entity: &str, request: &Request<'_>) -> Result<ListQuery, Refusal> {
        let definition = self.entity(entity)?;
        // Mails are not counted, except those of one record.
        let counted = !request.no_total && (definition.counted || request.path != entity);
        ListQuery::read(request.query, definition, counted, self.options.list_limit)
    }

    fn page(&self, actor: &Actor, entity: &str, query: &ListQuery, belongs: impl Fn(&str, &Record) -> bool) -> Answer {
        let definition = self.entity(entity)?;
        let own_hooks = entity == "Webhook" && actor.kind == UserKind::Api;
        let visible = self.rows(entity).filter(|(id, record)| {
            let mine = !own_hooks || text_of(&record.attributes, "createdById").is_some_and(|by| by == actor.id);
            mine && self.shows(actor, entity, record) && belongs(id, record)
        });
        let page = query.page(self, actor, definition, visible);
        let rows = page.ids.iter().filter_map(|id| self.row(entity, id));
        let list: Vec<Value> =
            rows.map(|record| self.list_view(actor, definition, record, query.columns.as_deref()).into()).collect();
        Ok(Reply::json(200, json!({"total": page.total, "list": list})))
    }

    /// Whether a record may be read. Users who may not log in, and programs, are there for administrators only.
    pub fn shows(&self, actor: &Actor, entity: &str, record: &Record) -> bool {
        let is_api = || text_of(&record.attributes, "type").is_some_and(|kind| kind == "system" || kind == "api");
        let is_inactive = || record.attributes.get("isActive") == Some(&json!(false));
        let is_off_stage = entity == "User" && actor.kind != UserKind::Admin && (is_api() || is_inactive());
        !is_off_stage && self.may(actor, Deed::Read, entity, record)
    }

    fn readable(&self, actor: &Actor, entity: &str) -> Result<(), Refusal> {
        self.entity(entity)?;
        self.hooks_are_for_programs(actor, entity)?;
        if actor.reach(entity, Deed::Read) == Reach::No { Err(Refusal::new(403, "No read access.")) } else { Ok(()) }
    }

    fn hooks_are_for_programs(&self, actor: &Actor, entity: &str) -> Result<(), Refusal> {
        if entity == "Webhook" && actor.kind == UserKind::Regular {
            return Err(Refusal::new(403, "No access to 'Webhook'."));
        }
        Ok(())
    }

    fn read(&self, actor: &Actor, entity: &str, id: &str) -> Answer {
        self.readable(actor, entity)?;
        let definition = self.entity(entity)?;
        let record = match actor.kind {
            UserKind::Admin => self.any_row(entity, id),
            UserKind::Regular | UserKind::Api => self.row(entity, id),
        };
        let record = record.ok_or_else(|| Refusal::absent(id))?;
        let is_inactive = entity == "User" && record.attributes.get("isActive") == Some(&json!(false));
        let is_off_stage = is_inactive && actor.kind != UserKind::Admin;
        if is_off_stage || !self.may(actor, Deed::Read, entity, record) {
            return Err(Refusal::new(403, "No 'read' access."));
        }
        Ok(Reply::json(200, self.read_view(actor, definition, record).into()))
    }

    fn post(&mut self, actor: &Actor, entity: &str, request: &Request<'_>) -> Answer {
        self.entity(entity)?;
        self.hooks_are_for_programs(actor, entity)?;
        if !actor.may_create(entity) {
            return Err(Refusal::new(403, "No create access."));
        }
        let input = object(request)?;
        self.check_admins_input(entity, &input)?;
        if entity == "Email" {
            self.check_from(actor, &input)?;
        }
        let (input, pen, status) = match entity {
            "Webhook" => (self.hook_input(actor, input)?, Pen::Hand, 201),
            _ => (input, Pen::Rest { skip_duplicates: request.skip_duplicates }, 200),
        };
        let id = self.create(actor, entity, input, pen)?;
        if entity == "User" {
            self.seat_new_user(&id);
        }
        let record = self.row(entity, &id).ok_or_else(|| Refusal::absent(&id))?;
        let view = self.created_view(actor, self.entity(entity)?, record);
        Ok(Reply::json(status, view.into()))
    }

    fn put(&mut self, actor: &Actor, entity: &str, id: &str, request: &Request<'_>) -> Answer {
        self.entity(entity)?;
        self.hooks_are_for_programs(actor, entity)?;
        if actor.reach(entity, Deed::Edit) == Reach::No {
            return Err(Refusal::new(403, "No edit access."));
        }
        let input = object(request)?;
        let record = self.row(entity, id).ok_or_else(|| Refusal::gone(id))?;
        if !self.may(actor, Deed::Edit, entity, record) {
            return Err(Refusal::new(403, "No 'edit' access."));
        }
        if entity == "Role" {
            self.check_admins_input(entity, &input)?;
        }
        let input = for_people(actor, entity, input);
        let mut echoed = input.clone();
        echoed.retain(|name, _| name == "emailAddressData" || name == "phoneNumberData");
        let before = self.wire(actor, entity, id);
        self.update(actor, entity, id, input, request.version, Pen::Rest { skip_duplicates: true })?;
        let record = self.row(entity, id).ok_or_else(|| Refusal::gone(id))?;
        let mut view = self.read_view(actor, self.entity(entity)?, record);
        for name in echoed.keys() {
            // The flags in this answer are those from before, and the list is the one that was sent.
            for suffix in ["IsOptedOut", "IsInvalid"] {
                let flag = name.replace("Data", suffix);
                view.insert(flag.clone(), before.get(&flag).cloned().unwrap_or(Value::Null));
            }
        }
        // Whom an assignment makes follow the record is not in yet.
        for name in ["isFollowed", "followersIds", "followersNames"] {
            view.extend(
                before.get(name).filter(|_| view.contains_key(name)).map(|value| (name.to_owned(), value.clone())),
            );
        }
        view.extend(echoed);
        Ok(Reply::json(200, view.into()))
    }

    fn remove(&mut self, actor: &Actor, entity: &str, id: &str) -> Answer {
        self.entity(entity)?;
        self.hooks_are_for_programs(actor, entity)?;
        if actor.reach(entity, Deed::Delete) == Reach::No {
            return Err(Refusal::new(403, "No delete access."));
        }
        let record = self.row(entity, id).ok_or_else(|| Refusal::gone(id))?;
        if !self.may(actor, Deed::Delete, entity, record) {
            return Err(Refusal::new(403, "No 'delete' access."));
        }
        self.delete(actor, entity, id)?;
        Ok(Reply::json(200, true.into()))
    }

    fn link(&mut self, actor: &Actor, entity: &str, id: &str, link: &str, request: &Request<'_>) -> Answer {
        let read_only = self.entity(entity)?.relations.get(link).is_some_and(|relation| relation.read_only);
        if actor.reach(entity, Deed::Edit) == Reach::No {
            return Err(Refusal::new(403, "No edit access."));
        }
        if read_only {
            return Err(Refusal::new(403, ""));
        }
        let input = object(request)?;
        let many = input.get("ids").and_then(Value::as_array).cloned().unwrap_or_default();
        let others = input.get("id").cloned().into_iter().chain(many);
        for other in others {
            self.relate(entity, id, link, other.as_str().unwrap_or_default(), request.method == "POST")?;
        }
        Ok(Reply::json(200, true.into()))
    }

    fn restore_deleted(&mut self, actor: &Actor, entity: &str, request: &Request<'_>) -> Answer {
        self.entity(entity)?;
        if actor.kind != UserKind::Admin {
            return Err(Refusal::new(403, ""));
        }
        let input = object(request)?;
        self.restore(entity, input.get("id").and_then(Value::as_str).unwrap_or_default())?;
        Ok(Reply::json(200, true.into()))
    }

    /// Merging: the one action of this route that the sandbox knows.
    fn action(&mut self, actor: &Actor, request: &Request<'_>) -> Answer {
        let input = object(request)?;
        if input.get("action") != Some(&json!("merge")) || input.get("entityType") != Some(&json!("Lead")) {
            return Err(Refusal::new(404, ""));
        }
        if actor.reach("Lead", Deed::Delete) != Reach::All {
            return Err(Refusal::new(403, "No read, edit or delete access for one of source entities."));
        }
        let id = text_of(&input, "id").unwrap_or_default();
        let data = input.get("data").cloned().unwrap_or_default();
        let attributes = data["attributes"].as_object().cloned().unwrap_or_default();
        for source in data["sourceIdList"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            self.merge(actor, &id, source, attributes.clone(), Pen::Rest { skip_duplicates: true })?;
        }
        let record = self.row("Lead", &id).ok_or_else(|| Refusal::gone(&id))?;
        Ok(Reply::json(200, self.read_view(actor, self.entity("Lead")?, record).into()))
    }

    fn convert_lead(&mut self, actor: &Actor, request: &Request<'_>) -> Answer {
        let input = object(request)?;
        let id = text_of(&input, "id").unwrap_or_default();
        let records = input.get("records").and_then(Value::as_object).cloned().unwrap_or_default();
        self.convert(actor, &id, &records, Pen::Rest { skip_duplicates: true })?;
        let record = self.row("Lead", &id).ok_or_else(|| Refusal::gone(&id))?;
        Ok(Reply::json(200, self.read_view(actor, self.entity("Lead")?, record).into()))
    }

    fn mass_action(&mut self, actor: &Actor, request: &Request<'_>) -> Answer {
        let input = object(request)?;
        if input.get("action") != Some(&json!("update")) {
            return Err(Refusal::new(404, ""));
        }
        if !actor.may_mass_update() {
            return Ok(Reply::thrown(403, "No mass-update permission."));
        }
        let entity = text_of(&input, "entityType").unwrap_or_default();
        let params = input.get("params").cloned().unwrap_or_default();
        let ids: Vec<String> = match params.get("ids").and_then(Value::as_array) {
            Some(ids) => ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect(),
            None => matching(self, actor, self.entity(&entity)?, &params["where"])?,
        };
        let data = input.get("data").and_then(Value::as_object).cloned().unwrap_or_default();
        let values = data.get("values").and_then(Value::as_object).cloned().unwrap_or(data);
        let values = for_people(actor, &entity, values);
        for id in &ids {
            let allowed = self.row(&entity, id).is_some_and(|record| self.may(actor, Deed::Edit, &entity, record));
            if !allowed {
                continue;
            }
            self.update(actor, &entity, id, values.clone(), None, Pen::Rest { skip_duplicates: true })?;
        }
        if input.get("idle") == Some(&json!(true)) {
            return Ok(Reply::json(200, json!({"id": self.fresh_id()})));
        }
        Ok(Reply::json(200, json!({"count": ids.len(), "ids": ids})))
    }

    /// As `PostHeartbeat.php` of the extension takes it.
    fn heartbeat(&mut self, actor: &Actor, request: &Request<'_>) -> Answer {
        if actor.kind == UserKind::Regular {
            return Ok(Reply::thrown(403, "Only for API users."));
        }
        let input = object(request)?;
        let text = |name: &str| input.get(name).is_none_or(|value| value.is_null() || value.is_string());
        if let Some(name) = ["syncedAt", "version", "botUsername", "problem"].into_iter().find(|name| !text(name)) {
            return Ok(Reply::thrown(400, &format!("{name} must be a text or null.")));
        }
        if text_of(&input, "syncedAt").is_some_and(|at| Timestamp::parse_rfc3339(&at).is_err()) {
            return Ok(Reply::thrown(400, "syncedAt must be an instant such as 2026-03-01T09:00:00Z."));
        }
        self.heartbeat = Some(input);
        Ok(Reply::json(200, json!({})))
    }

    /// The extension's own route: what a user may do with these leads. Whoever may edit a lead may take it here.
    fn permissions(&self, actor: &Actor, request: &Request<'_>) -> Answer {
        if actor.kind == UserKind::Regular {
            return Ok(Reply::thrown(403, "Only for API users."));
        }
        let input = object(request)?;
        let Some(user) = text_of(&input, "userId").and_then(|id| self.user(&id)) else {
            return Ok(Reply::thrown(404, "No such user."));
        };
        let Some(asked) = input.get("leadIds").and_then(Value::as_array).cloned() else {
            return Ok(Reply::thrown(400, "A userId and a list of leadIds are needed."));
        };
        let rights = |id: &str| {
            let record = self.row("Lead", id).filter(|lead| self.may(&user, Deed::Read, "Lead", lead))?;
            let may_edit = self.may(&user, Deed::Edit, "Lead", record);
            Some((id.to_owned(), if may_edit { json!(["read", "edit", "assign"]) } else { json!(["read"]) }))
        };
        let is_person = self.row("User", &user.id).is_some_and(|row| {
            row.attributes.get("isActive") != Some(&json!(false))
                && text_of(&row.attributes, "type").as_deref() != Some("portal")
        });
        let ids = asked.iter().filter(|_| is_person).filter_map(Value::as_str);
        let leads: Map<String, Value> = ids.filter_map(rights).collect();
        Ok(Reply::json(200, json!({"leads": leads})))
    }

    fn settings(&self, actor: Option<&Actor>) -> Value {
        let shown = self.options.shown_version.as_deref().unwrap_or(self.options.version.number());
        let mut settings = json!({
            "timeZone": self.options.time_zone,
            "language": "fr_FR",
            "dateFormat": "DD/MM/YYYY",
            "timeFormat": "HH:mm",
            "recordListMaxSizeLimit": self.options.list_limit,
            "siteUrl": "http://crm.example",
            "version": shown,
            "tabList": self.tabs,
        });
        if let Some(calendar) = actor.and(self.default_calendar.as_ref()) {
            settings["workingTimeCalendarId"] = json!(calendar);
        }
        let is_admin = actor.is_some_and(|actor| actor.kind == UserKind::Admin);
        if is_admin && !self.options.webhook_hosts.is_empty() {
            settings["webhookAllowedAddressList"] = json!(self.options.webhook_hosts);
        }
        settings
    }

    fn put_settings(&mut self, actor: &Actor, request: &Request<'_>) -> Answer {
        if actor.kind != UserKind::Admin {
            return Err(Refusal::new(403, ""));
        }
        let input = object(request)?;
        if let Some(list) = input.get("webhookAllowedAddressList").and_then(Value::as_array) {
            self.options.webhook_hosts = list.iter().filter_map(|host| host.as_str().map(str::to_owned)).collect();
        }
        if let Some(limit) = input.get("recordListMaxSizeLimit").and_then(Value::as_u64) {
            self.options.list_limit = usize::try_from(limit).unwrap_or(usize::MAX);
        }
        if let Some(calendar) = input.get("workingTimeCalendarId") {
            self.default_calendar = calendar.as_str().map(str::to_owned);
        }
        if let Some(tabs) = input.get("tabList").and_then(Value::as_array) {
            self.tabs.clone_from(tabs);
        }
        let mut settings = self.settings(Some(actor));
        settings["webhookAllowedAddressList"] = json!(self.options.webhook_hosts);
        Ok(Reply::json(200, settings))
    }

    fn app_user(&self, actor: &Actor, token: Option<String>) -> Value {
        let definition = self.schema.entity("User");
        let user = definition.zip(self.row("User", &actor.id));
        let mut user = user.map(|(definition, row)| self.read_view(actor, definition, row)).unwrap_or_default();
        for gone in ["emailAddressData", "phoneNumberData", "modifiedById", "modifiedByName"] {
            user.remove(gone);
        }
        let address = user.get("emailAddress").filter(|address| !address.is_null()).cloned();
        user.insert("ipAddress".into(), "192.0.2.1".into());
        user.remove("workingTimeCalendarName");
        user.insert("emailAddressList".into(), json!(self.shared_accounts(actor)));
        user.insert("userEmailAddressList".into(), address.into_iter().collect());
        user.insert("excludeFromReplyEmailAddressList".into(), json!([]));
        json!({
            "user": user,
            "acl": {"table": self.acl_table(actor), "assignmentPermission": actor.assignment().word(),
                    "groupEmailAccountPermission": actor.group_accounts().word()},
            "preferences": {}, "token": token, "settings": self.settings(Some(actor)), "language": {}, "appParams": {},
        })
    }

    fn acl_table(&self, actor: &Actor) -> Value {
        let word = Reach::word;
        let of = |entity: &str| {
            let reach = |deed| word(actor.reach(entity, deed));
            json!({"read": reach(Deed::Read), "stream": reach(Deed::Read), "edit": reach(Deed::Edit),
                   "delete": reach(Deed::Delete), "create": if actor.may_create(entity) { "yes" } else { "no" }})
        };
        let known = ["Lead", "Call", "Meeting", "Task", "Email", "User", "Team"];
        let ours = ["MaxAlert", "MaxActivity", "MaxInsight", "MaxLink"].into_iter();
        let known = known.into_iter().chain(ours.filter(|entity| self.entity(entity).is_ok()));
        let mut table: Map<String, Value> = known.map(|entity| (entity.to_owned(), of(entity))).collect();
        for scope in ["Webhook", "WorkingTimeCalendar", "WorkingTimeRange"] {
            if actor.reach(scope, Deed::Read) != Reach::No {
                table.insert(scope.into(), true.into());
            }
        }
        table.into()
    }

    /// A webhook as it is stored, once everything EspoCRM checks about it has been checked.
    fn hook_input(&mut self, actor: &Actor, input: Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
        let event = text_of(&input, "event").ok_or_else(|| Refusal::invalid("Webhook", "event", "required"))?;
        let url = text_of(&input, "url").ok_or_else(|| Refusal::invalid("Webhook", "url", "required"))?;
        let (entity, kind, field) = self.event_parts(&event)?;
        let definition = self.schema.entity(&entity).filter(|definition| definition.object);
        if definition.is_none() {
            return Err(Refusal::new(403, "Entity type is not available for Webhooks."));
        }
        if actor.reach(&entity, Deed::Read) == Reach::No {
            return Err(Refusal::new(403, "Entity type is forbidden."));
        }
        if !self.may_post_to(&url) {
            return Err(Refusal::invalid("Webhook", "url", "notInternal"));
        }
        let mine =
            |(_, row): &(&str, &Record)| text_of(&row.attributes, "createdById").is_some_and(|by| by == actor.id);
        if self.rows("Webhook").filter(mine).count() >= MOST_WEBHOOKS {
            return Err(Refusal::new(403, "Webhook limit exceeded."));
        }
        let secret = hex(&hmac_sha256("sandbox", self.fresh_id().as_bytes())).chars().take(32).collect::<String>();
        let mut hook: Map<String, Value> = Map::new();
        hook.extend(
            [("event", event), ("url", url), ("entityType", entity), ("type", kind), ("secretKey", secret)]
                .map(|(name, value)| (name.to_owned(), Value::from(value))),
        );
        hook.insert("field".into(), field.map_or(Value::Null, Value::from));
        hook.insert("skipOwn".into(), input.get("skipOwn").cloned().unwrap_or(false.into()));
        hook.insert("isActive".into(), input.get("isActive").cloned().unwrap_or(true.into()));
        if actor.kind == UserKind::Api {
            hook.insert("userId".into(), actor.id.clone().into());
        }
        hook.extend(input.get("description").map(|text| ("description".to_owned(), text.clone())));
        Ok(hook)
    }

    fn event_parts(&self, event: &str) -> Result<(String, String, Option<String>), Refusal> {
        let unknown = || Refusal::new(403, "Not supported event.");
        let parts: Vec<&str> = event.split('.').collect();
        match parts.as_slice() {
            [entity, kind @ ("create" | "update" | "delete")] => Ok(((*entity).into(), (*kind).into(), None)),
            [entity, "fieldUpdate", field] => Ok(((*entity).into(), "fieldUpdate".into(), Some((*field).into()))),
            _ => Err(unknown()),
        }
    }

    /// EspoCRM posts to public addresses and to those an admin has listed. There is no DNS in here, so every name
    /// that is not listed counts as one that does not resolve.
    fn may_post_to(&self, url: &str) -> bool {
        let Some((scheme, rest)) = url.split_once("://") else { return false };
        let address = rest.split(['/', '?']).next().unwrap_or_default();
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let port = if scheme == "https" { 443 } else { 80 };
        let whole = if host == address { format!("{host}:{port}") } else { address.to_owned() };
        let listed = |entry: &String| *entry == whole || entry == host || entry == "*";
        self.options.webhook_hosts.iter().any(listed) || host.parse().is_ok_and(is_public)
    }
}

fn is_public(address: std::net::Ipv4Addr) -> bool {
    !(address.is_private() || address.is_loopback() || address.is_link_local() || address.is_unspecified())
}

/// The extension lets people change only what they decide about an alert.
fn for_people(actor: &Actor, entity: &str, mut input: Map<String, Value>) -> Map<String, Value> {
    if entity == "MaxAlert" && actor.kind != UserKind::Api {
        input.retain(|name, _| name == "status" || name == "snoozedUntil");
    }
    input
}

/// The body as an object. What is not declared as JSON is not read; what is not JSON breaks PHP.
fn object(request: &Request<'_>) -> Result<Map<String, Value>, Refusal> {
    if !request.is_json || request.body.is_empty() {
        return Ok(Map::new());
    }
    let value: Value = serde_json::from_slice(request.body).map_err(|_| Refusal::broken())?;
    value.as_object().cloned().ok_or_else(Refusal::broken)
}
