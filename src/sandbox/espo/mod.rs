//! A small EspoCRM: stores, filters, signs, refuses and limits as the real one was measured to.
//!
//! [`EspoSandbox`] is a handle on a server on loopback and on the world behind it. Tests and the demo act through
//! the handle as a person does at the CRM's own pages; the client under test goes through HTTP. What it does and
//! does not imitate is held by `tests/conformance.rs`, which replays recordings of real instances against it.

mod access;
mod admin;
mod draft;
mod faults;
mod mail;
mod query;
mod refusal;
mod rest;
mod schema;
mod server;
mod upheaval;
mod value;
mod view;
mod webhooks;
mod world;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{Method, Uri};
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use access::{Account, Credential, Grant, Reach, Rights, UserKind};
pub use faults::Fault;
pub use webhooks::signature as webhook_signature;

use crate::clock::Clock;
use access::Actor;
use faults::Course;
use rest::{Reply, Request};
use value::text_of;
use webhooks::{Answer, Delivery};
use world::{Pen, World};

/// The API key of the default options' user `max_api`.
pub const API_KEY: &str = "sandbox-api-key";

/// How many requests are remembered.
const REMEMBERED: usize = 10_000;

/// How long the receiver of a webhook may take.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// Which EspoCRM is imitated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 9.3.10
    V9,
    /// 10.0.0
    V10,
}

impl Version {
    /// As `GET Settings` gives it.
    pub fn number(self) -> &'static str {
        match self {
            Self::V9 => "9.3.10",
            Self::V10 => "10.0.0",
        }
    }

    /// Whether webhooks carry all addresses and numbers of a person, not only the first.
    fn tells_points(self) -> bool {
        self == Self::V10
    }
}

/// How a sandbox is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which EspoCRM is imitated.
    pub version: Version,
    /// Where it listens; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Who can log in.
    pub accounts: Vec<Account>,
    /// The CRM's time zone.
    pub time_zone: String,
    /// `recordListMaxSizeLimit`.
    pub list_limit: usize,
    /// `webhookAllowedAddressList`: hosts (with or without port) webhooks may go to though they are internal;
    /// `*` stands for all.
    pub webhook_hosts: Vec<String>,
    /// Whether webhooks are sent the moment something changes, not only by [`EspoSandbox::deliver_webhooks`]. The
    /// handle then has to be used within a tokio runtime.
    pub auto_webhooks: bool,
    /// Entity definitions laid over those of our extension.
    pub entities: Map<String, Value>,
    /// Whether our extension is installed; else its entities and its metadata are not there.
    pub extension: bool,
    /// Whether administrators may upload extensions (`adminExtensionUpload`).
    pub uploads: bool,
    /// How many requests are misrouted after an installation (400, `No ID.`).
    pub misrouted: u32,
    /// The version that `GET Settings` gives, where it is not that of `version`.
    pub shown_version: Option<String>,
}

impl Default for Options {
    /// 10.0.0 on a free port, with the admin `admin` (password `admin`) and the API user `max_api` ([`API_KEY`])
    /// with the rights M.A.X. asks for; webhooks may go anywhere.
    fn default() -> Self {
        let account = |user_name: &str, kind, credential| Account {
            id: None,
            user_name: user_name.into(),
            kind,
            credential,
            rights: Rights::of_max(),
        };
        Self {
            version: Version::V10,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            accounts: vec![
                account("admin", UserKind::Admin, Credential::Password("admin".into())),
                account("max_api", UserKind::Api, Credential::ApiKey(API_KEY.into())),
            ],
            time_zone: "Europe/Paris".into(),
            list_limit: 200,
            webhook_hosts: vec!["*".into()],
            auto_webhooks: false,
            entities: Map::new(),
            extension: true,
            uploads: true,
            misrouted: 0,
            shown_version: None,
        }
    }
}

impl Options {
    /// A CRM that nobody has prepared for M.A.X.: no extension, no API user, no internal address allowed; only the
    /// administrator `admin` (password `admin`).
    pub fn bare(version: Version) -> Self {
        let mut options = Self { version, extension: false, webhook_hosts: Vec::new(), ..Self::default() };
        options.accounts.truncate(1);
        options
    }
}

/// One request that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLog {
    /// In capitals.
    pub method: String,
    /// With the query.
    pub path: String,
    /// What was answered, also when the connection was cut afterwards; 0: nothing.
    pub status: u16,
}

/// A running sandbox. Clones are handles on the same one.
#[derive(Clone)]
pub struct EspoSandbox {
    world: Arc<Mutex<World>>,
    address: SocketAddr,
    auto_webhooks: bool,
    changed: Arc<watch::Sender<u64>>,
    healed: Arc<watch::Sender<u64>>,
    stop: Arc<watch::Sender<bool>>,
    http: reqwest::Client,
}

impl EspoSandbox {
    /// Opens the port and serves. Fails when the address is taken.
    pub async fn start(clock: Clock, options: Options) -> std::io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let http = reqwest::Client::builder().timeout(WEBHOOK_TIMEOUT).build().map_err(std::io::Error::other)?;
        let sandbox = Self {
            address: listener.local_addr()?,
            auto_webhooks: options.auto_webhooks,
            world: Arc::new(Mutex::new(World::new(clock, options))),
            changed: Arc::new(watch::Sender::new(0)),
            healed: Arc::new(watch::Sender::new(0)),
            stop: Arc::new(watch::Sender::new(false)),
            http,
        };
        tokio::spawn(server::serve(listener, sandbox.clone(), sandbox.stop.subscribe()));
        Ok(sandbox)
    }

    /// The CRM's address, such as `http://127.0.0.1:4711`; the API is below `/api/v1`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes a record, as a person does. Any attribute may be given, also `id`, `createdAt` and `deleted`; a
    /// person's `name` is split. `as_user` is an id or a login. Answers the id.
    ///
    /// # Panics
    /// When there is no such entity, a link leads nowhere or a unique key is taken: the test is wrong.
    pub fn create(&self, entity: &str, as_user: &str, attributes: Value) -> String {
        let id = self.write(as_user, |world, actor| world.create(actor, entity, map(attributes), Pen::Hand));
        self.after_write();
        id
    }

    /// Changes a record, as a person does: modifiedAt moves and webhooks are queued.
    ///
    /// # Panics
    /// When there is no such record, or as [`EspoSandbox::create`].
    pub fn update(&self, entity: &str, id: &str, as_user: &str, attributes: Value) {
        self.write(as_user, |world, actor| world.update(actor, entity, id, map(attributes), None, Pen::Hand));
        self.after_write();
    }

    /// Changes a record and nobody notices: modifiedAt stays, no webhook.
    ///
    /// # Panics
    /// As [`EspoSandbox::update`].
    pub fn update_silently(&self, entity: &str, id: &str, attributes: Value) {
        self.write("system", |world, actor| world.update(actor, entity, id, map(attributes), None, Pen::Silent));
        self.after_write();
    }

    /// Deletes a record: it vanishes, and a webhook says so.
    ///
    /// # Panics
    /// When there is no such record.
    pub fn delete(&self, entity: &str, id: &str, as_user: &str) {
        self.write(as_user, |world, actor| world.delete(actor, entity, id));
        self.after_write();
    }

    /// Brings a deleted record back: modifiedAt stays, no webhook.
    ///
    /// # Panics
    /// When there never was such a record.
    pub fn restore(&self, entity: &str, id: &str) {
        self.write("system", |world, _| world.restore(entity, id));
        self.after_write();
    }

    /// Merges the lead `source` into `survivor`, as an administrator does.
    ///
    /// # Panics
    /// When there is no such lead.
    pub fn merge(&self, survivor: &str, source: &str) {
        self.write("admin", |world, actor| world.merge(actor, survivor, source, Map::new(), Pen::Hand));
        self.after_write();
    }

    /// Converts a lead into an account and a contact, as a person does.
    ///
    /// # Panics
    /// When there is no such lead.
    pub fn convert(&self, lead: &str, as_user: &str) {
        let records = serde_json::json!({"Account": {"name": "Martin SA"}, "Contact": {"lastName": "Martin"}});
        self.write(as_user, |world, actor| world.convert(actor, lead, &map(records), Pen::Hand));
        self.after_write();
    }

    /// Has those who follow no working-time calendar follow this one, as an administrator does in the settings.
    pub fn set_default_calendar(&self, id: Option<&str>) {
        self.world().default_calendar = id.map(str::to_owned);
    }

    /// Removes an entity type, as an administrator does.
    pub fn remove_entity(&self, entity: &str) {
        self.world().schema.remove_entity(entity);
    }

    /// Removes a field from an entity, as an administrator does who renames it: EspoCRM can only make another one.
    pub fn remove_field(&self, entity: &str, field: &str) {
        self.world().schema.remove_field(entity, field);
    }

    /// Links two records through the relation endpoint, such as `("Lead", lead, "calls", call)`: modifiedAt stays,
    /// no webhook.
    ///
    /// # Panics
    /// When there is no such record or link.
    pub fn link(&self, entity: &str, id: &str, link: &str, other: &str) {
        self.write("system", |world, _| world.relate(entity, id, link, other, true));
        self.after_write();
    }

    /// Undoes [`EspoSandbox::link`].
    ///
    /// # Panics
    /// When there is no such record or link.
    pub fn unlink(&self, entity: &str, id: &str, link: &str, other: &str) {
        self.write("system", |world, _| world.relate(entity, id, link, other, false));
        self.after_write();
    }

    /// A record as an admin reads it; `None` when it is missing or deleted.
    pub fn get(&self, entity: &str, id: &str) -> Option<Value> {
        let world = self.world();
        let definition = world.schema.entity(entity)?;
        let record = world.row(entity, id)?;
        Some(world.read_view(&Actor::at_the_desk("system"), definition, record).into())
    }

    /// All records of an entity that are not deleted, as an admin reads them, by id.
    pub fn list(&self, entity: &str) -> Vec<Value> {
        let world = self.world();
        let Some(definition) = world.schema.entity(entity) else { return Vec::new() };
        let desk = Actor::at_the_desk("system");
        world.rows(entity).map(|(_, record)| world.read_view(&desk, definition, record).into()).collect()
    }

    /// What M.A.X. said of itself last.
    pub fn heartbeat(&self) -> Option<Value> {
        self.world().heartbeat.clone().map(Value::Object)
    }

    /// Ticks after every write, whoever made it.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The last requests, oldest first (at most 10,000).
    pub fn requests(&self) -> Vec<RequestLog> {
        self.world().requests.iter().cloned().collect()
    }

    /// Replaces what a user may do; `user` is an id or a login. Users without an account have
    /// [`Rights::of_people`] until then.
    pub fn set_rights(&self, user: &str, rights: &Rights) {
        let mut world = self.world();
        let id = user_id(&world, user);
        for login in world.logins.iter_mut().filter(|login| login.user_id == id) {
            login.account.rights = rights.clone();
        }
        world.roles.insert(id, rights.clone());
    }

    /// Lets something go wrong from now on.
    pub fn fail(&self, fault: Fault) {
        self.world().faults.add(fault);
    }

    /// Ends all faults, and the lock-out after failed logins.
    pub fn heal(&self) {
        let mut world = self.world();
        world.faults.clear();
        world.failed_logins.clear();
        drop(world);
        self.healed.send_modify(|times| *times += 1);
    }

    /// How many webhook events wait to be sent.
    pub fn queued_webhooks(&self) -> usize {
        self.world().queue.len()
    }

    /// One run of the sending job: POSTs what is due, at most 20 events, and waits for the answers. Answers how
    /// many POSTs were made; a refused delivery is due again ten minutes later.
    pub async fn deliver_webhooks(&self) -> usize {
        let due = self.world().due_deliveries();
        let count = due.len();
        for delivery in due {
            let answer = self.post(&delivery).await;
            self.world().settle(delivery, answer);
        }
        count
    }

    /// Closes the port.
    pub async fn stop(self) {
        self.stop.send_replace(true);
    }

    async fn post(&self, delivery: &Delivery) -> Answer {
        let request = self
            .http
            .post(&delivery.url)
            .header("User-Agent", "GuzzleHttp/7")
            .header("Content-Type", "application/json")
            .header("Signature", &delivery.signature)
            .header("X-Signature", &delivery.legacy_signature)
            .body(delivery.body.clone());
        match request.send().await {
            Ok(response) => Answer::Status(response.status().as_u16()),
            Err(error) if error.is_connect() => Answer::Refused,
            Err(_) => Answer::Timeout,
        }
    }

    /// The world is plain data that every write leaves whole, so a panic elsewhere does not spoil it.
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write<T>(&self, as_user: &str, act: impl FnOnce(&mut World, &Actor) -> Result<T, refusal::Refusal>) -> T {
        let mut world = self.world();
        let by_login =
            world.rows("User").find(|(_, row)| text_of(&row.attributes, "userName").as_deref() == Some(as_user));
        let id = by_login.map_or(as_user, |(id, _)| id).to_owned();
        let done = act(&mut world, &Actor::at_the_desk(&id));
        drop(world);
        match done {
            Ok(value) => value,
            Err(refusal) => panic!("the sandbox refuses: {refusal:?}"),
        }
    }

    fn after_write(&self) {
        self.changed.send_modify(|ticks| *ticks += 1);
        if self.auto_webhooks && self.world().queue.len() > 0 {
            let sandbox = self.clone();
            tokio::spawn(async move { while sandbox.deliver_webhooks().await > 0 {} });
        }
    }

    fn answer(&self, request: &Request<'_>) -> Reply {
        let reply = self.world().answer(request);
        if request.method != "GET" && reply.status < 300 {
            self.after_write();
        }
        reply
    }

    fn course(&self, entity: &str, is_write: bool) -> Course {
        self.world().faults.course(entity, is_write)
    }

    fn healed(&self) -> watch::Receiver<u64> {
        self.healed.subscribe()
    }

    fn date(&self) -> String {
        self.world().clock.now().to_utc().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    fn log(&self, method: &Method, uri: &Uri, status: u16) {
        let mut world = self.world();
        if world.requests.len() == REMEMBERED {
            world.requests.pop_front();
        }
        let path = uri.path_and_query().map_or_else(String::new, ToString::to_string);
        world.requests.push_back(RequestLog { method: method.to_string(), path, status });
    }
}

/// The id behind an id or a login.
fn user_id(world: &World, user: &str) -> String {
    let named = world.rows("User").find(|(_, row)| text_of(&row.attributes, "userName").as_deref() == Some(user));
    named.map_or(user, |(id, _)| id).to_owned()
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::Timestamp;

    async fn sandbox() -> (EspoSandbox, Clock) {
        let clock = Clock::manual(Timestamp(1_795_000_000));
        (EspoSandbox::start(clock.clone(), Options::default()).await.unwrap(), clock)
    }

    async fn get(sandbox: &EspoSandbox, path: &str) -> (u16, Value) {
        let request = sandbox.http.get(format!("{}/api/v1/{path}", sandbox.url())).header("X-Api-Key", API_KEY);
        let response = request.header("X-No-Total", "true").send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
    }

    async fn post(sandbox: &EspoSandbox, path: &str, body: Value) -> Result<(u16, Value), reqwest::Error> {
        let request = sandbox.http.post(format!("{}/api/v1/{path}", sandbox.url())).header("X-Api-Key", API_KEY);
        let response = request.json(&body).send().await?;
        Ok((response.status().as_u16(), response.json().await.unwrap_or(Value::Null)))
    }

    #[tokio::test]
    async fn a_poll_sees_what_a_person_did_and_not_what_was_done_silently() {
        let (sandbox, clock) = sandbox().await;
        let claire = sandbox.create("User", "admin", json!({"userName": "claire", "name": "Claire Dubois"}));
        let lead = sandbox.create("Lead", "claire", json!({"name": "Jean Martin", "assignedUserId": claire}));
        let since = clock.now();
        clock.advance(10);
        let poll = format!(
            "Lead?select=id,name,status,modifiedAt,assignedUserName&orderBy=modifiedAt&order=asc\
             &whereGroup[0][type]=after&whereGroup[0][attribute]=modifiedAt&whereGroup[0][value]={}",
            since.to_espo().replace(' ', "%20")
        );
        sandbox.update_silently("Lead", &lead, json!({"status": "Assigned"}));
        assert_eq!(get(&sandbox, &poll).await.1, json!({"total": -2, "list": []}));
        sandbox.update("Lead", &lead, "claire", json!({"status": "In Process"}));
        let (status, page) = get(&sandbox, &poll).await;
        assert_eq!(
            (status, &page["list"][0]["name"], &page["list"][0]["assignedUserName"]),
            (200, &json!("Jean Martin"), &json!("Claire Dubois"))
        );
        sandbox.delete("Lead", &lead, "claire");
        assert_eq!(get(&sandbox, &format!("Lead/{lead}")).await.0, 404);
        sandbox.restore("Lead", &lead);
        assert_eq!(get(&sandbox, &format!("Lead/{lead}")).await.1["status"], "In Process");
    }

    #[tokio::test]
    async fn a_reply_cut_after_storing_leaves_the_record_behind() {
        let (sandbox, clock) = sandbox().await;
        let lead = sandbox.create("Lead", "admin", json!({"name": "Jean Martin"}));
        let alert = json!({"name": "Sans contact", "type": "NoContact7d", "openedAt": clock.now().to_espo(),
                           "leadId": lead, "dedupKey": "k"});
        sandbox.fail(Fault::CutReplyAfterStoring { times: 1 });
        assert!(post(&sandbox, "MaxAlert", alert.clone()).await.is_err());
        let (status, body) = post(&sandbox, "MaxAlert", alert).await.unwrap();
        assert_eq!((status, &body[0]["dedupKey"]), (409, &json!("k")));
        assert_eq!(sandbox.list("MaxAlert").len(), 1);
    }

    #[tokio::test]
    async fn the_relation_endpoint_moves_nothing_but_the_link() {
        let (sandbox, clock) = sandbox().await;
        let lead = sandbox.create("Lead", "admin", json!({"name": "Jean Martin"}));
        let call = json!({"name": "Appel", "dateStart": clock.now().to_espo(), "leadsIds": []});
        let call = sandbox.create("Call", "admin", call);
        let before = sandbox.get("Call", &call).unwrap();
        clock.advance(60);
        sandbox.link("Lead", &lead, "calls", &call);
        let after = sandbox.get("Call", &call).unwrap();
        assert_eq!((&after["leadsIds"], &after["modifiedAt"]), (&json!([lead]), &before["modifiedAt"]));
        assert_eq!(get(&sandbox, &format!("Lead/{lead}/calls?select=id")).await.1["list"][0]["id"], json!(call));
        sandbox.unlink("Lead", &lead, "calls", &call);
        assert_eq!(sandbox.get("Call", &call), Some(before));
    }

    #[tokio::test]
    async fn eleven_failed_logins_lock_everybody_out_for_a_minute() {
        let (sandbox, clock) = sandbox().await;
        let wrong = || sandbox.http.get(format!("{}/api/v1/Lead", sandbox.url())).header("X-Api-Key", "wrong").send();
        for _ in 0..10 {
            assert_eq!(wrong().await.unwrap().status(), 401);
        }
        assert_eq!(get(&sandbox, "Lead").await.0, 200);
        assert_eq!(wrong().await.unwrap().status(), 401);
        assert_eq!(get(&sandbox, "Lead").await.0, 403);
        clock.advance(60);
        assert_eq!(get(&sandbox, "Lead").await.0, 200);
    }

    #[tokio::test]
    async fn what_the_api_user_may_no_longer_see_is_not_listed() {
        let (sandbox, _) = sandbox().await;
        let lead = sandbox.create("Lead", "admin", json!({"name": "Jean Martin"}));
        let team = Grant { read: Reach::Team, ..Grant::READ };
        sandbox.set_rights("max_api", &Rights::of_max().with("Lead", team));
        assert_eq!(get(&sandbox, "Lead").await.1["list"], json!([]));
        assert_eq!(get(&sandbox, &format!("Lead/{lead}")).await.0, 403);
        sandbox.set_rights("max_api", &Rights::of_max());
        assert_eq!(get(&sandbox, "Lead").await.1["list"][0]["id"], json!(lead));
    }

    #[tokio::test]
    async fn everything_is_down_until_healed() {
        let (sandbox, _) = sandbox().await;
        sandbox.fail(Fault::Down);
        let url = format!("{}/api/v1/Lead", sandbox.url());
        assert!(sandbox.http.get(&url).header("X-Api-Key", API_KEY).send().await.is_err());
        sandbox.heal();
        sandbox.fail(Fault::Html { status: 502, times: 1 });
        assert_eq!(get(&sandbox, "Lead").await, (502, Value::Null));
        sandbox.fail(Fault::RefuseWrites { status: 500, times: 1 });
        assert_eq!(get(&sandbox, "Lead").await.0, 200);
        assert_eq!(post(&sandbox, "Lead", json!({"lastName": "Martin"})).await.unwrap().0, 500);
        assert_eq!(post(&sandbox, "Lead", json!({"lastName": "Martin"})).await.unwrap().0, 200);
    }

    #[tokio::test]
    async fn a_hanging_server_answers_once_healed() {
        let (sandbox, _) = sandbox().await;
        sandbox.fail(Fault::Hang);
        let asked = tokio::spawn({
            let sandbox = sandbox.clone();
            async move { get(&sandbox, "Lead").await.0 }
        });
        while sandbox.healed.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(!asked.is_finished());
        sandbox.heal();
        assert_eq!(asked.await.unwrap(), 200);
        sandbox.fail(Fault::Status { status: 503, times: 1 });
        assert_eq!(get(&sandbox, "Lead").await.0, 503);
        assert_eq!(get(&sandbox, "Lead").await.0, 200);
        assert_eq!(sandbox.requests().iter().map(|request| request.status).collect::<Vec<_>>(), [200, 503, 200]);
    }
}
