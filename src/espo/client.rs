//! EspoCRM's HTTP API: how to ask, and what an answer means. Every request names one entity type, every error
//! says which, and a refused key stops the client before EspoCRM locks the address out.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::DateTime;
use chrono_tz::Tz;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, LOCATION};
use reqwest::{Method, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::error::{Call, Error, ErrorKind};
use super::record::Record;
use super::rights;
use super::settings::EspoSettings;
use crate::domain::{Timestamp, UserId};

/// Where the CRM says who asks.
const OWN_USER: &str = "App/user";
/// Where it answers nothing at all about what it does not have.
const METADATA: &str = "Metadata";
/// The longest answer read: a page of 200 mails with their bodies stays below.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;
/// EspoCRM's web servers refuse longer addresses (414).
const MAX_QUERY_BYTES: usize = 7_500;
/// Shorter than the 75 s after which servers cut an idle connection.
const IDLE_CONNECTION: Duration = Duration::from_secs(60);

/// A connection to one EspoCRM. Cheap to clone; clones share the connections and the latch.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    /// Ends in `/`.
    api: Url,
    /// Ends in `/`.
    people: String,
    proof: Proof,
    page_size: u32,
    /// Set by a 401: nothing is sent any more.
    refused: AtomicBool,
}

/// How we prove who we are.
enum Proof {
    /// An API user's key.
    Key(SecretString),
    /// An API user's key, and the secret that signs.
    Hmac(SecretString, SecretString),
    /// A person's name and password, joined and encoded: for `max setup`, which an administrator watches.
    Login(SecretString),
}

/// What goes along with a request.
#[derive(Clone, Copy)]
pub(super) enum Body<'a> {
    Json(&'a Map<String, Value>),
    /// An archive as a browser sends it: a `data:` address.
    Archive(&'a str),
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("api", &self.0.api.as_str()).field("refused", &self.is_refused()).finish()
    }
}

/// Why a client cannot be made of the settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The address is none.
    #[error("[espocrm] url `{url}` is not an http(s) address such as https://crm.example.com")]
    Url {
        /// As configured.
        url: String,
    },
    /// A key that no HTTP header can carry, or no TLS.
    #[error("[espocrm]: {0}")]
    Http(#[from] reqwest::Error),
}

/// A condition on listed rows. Values are texts: EspoCRM compares them as the database does.
#[derive(Clone, Debug, PartialEq)]
pub enum Where {
    /// The attribute equals the text.
    Equals(&'static str, String),
    /// The attribute is one of the texts.
    In(Cow<'static, str>, Vec<String>),
    /// The link leads to one of the records with these ids. A record among them that is gone makes the whole question
    /// a 400.
    LinkedWith(String, Vec<String>),
    /// The attribute is greater than the text.
    GreaterThan(&'static str, String),
    /// The attribute is the text or greater.
    AtLeast(&'static str, String),
    /// The datetime is after the instant.
    After(&'static str, Timestamp),
    /// All hold.
    All(Vec<Self>),
    /// At least one holds.
    Any(Vec<Self>),
}

impl Where {
    fn to_json(&self) -> Value {
        match self {
            Self::Equals(attribute, value) => json!({"type": "equals", "attribute": attribute, "value": value}),
            Self::In(attribute, values) => json!({"type": "in", "attribute": attribute, "value": values}),
            Self::LinkedWith(link, ids) => json!({"type": "linkedWith", "attribute": link, "value": ids}),
            Self::GreaterThan(attribute, value) => {
                json!({"type": "greaterThan", "attribute": attribute, "value": value})
            }
            Self::AtLeast(attribute, value) => {
                json!({"type": "greaterThanOrEquals", "attribute": attribute, "value": value})
            }
            Self::After(attribute, at) => json!({"type": "after", "attribute": attribute, "value": at.to_espo()}),
            Self::All(parts) => json!({"type": "and", "value": parts.iter().map(Self::to_json).collect::<Vec<_>>()}),
            Self::Any(parts) => json!({"type": "or", "value": parts.iter().map(Self::to_json).collect::<Vec<_>>()}),
        }
    }
}

/// Which rows of an entity type to list, ascending.
#[derive(Clone, Debug, PartialEq)]
pub struct ListQuery<'a> {
    /// The entity type.
    pub entity: &'a str,
    /// All of them must hold.
    pub conditions: Vec<Where>,
    /// The attributes wanted; unknown ones are ignored by EspoCRM.
    pub select: &'a [String],
    /// The attribute to order by; ties are broken by id.
    pub order_by: &'static str,
    /// At most so many rows.
    pub max_size: u32,
}

impl ListQuery<'_> {
    fn search_params(&self) -> String {
        let mut params = Map::new();
        if !self.conditions.is_empty() {
            let conditions: Vec<Value> = self.conditions.iter().map(Where::to_json).collect();
            params.insert("where".to_owned(), Value::Array(conditions));
        }
        params.insert("orderBy".to_owned(), json!(self.order_by));
        params.insert("order".to_owned(), json!("asc"));
        params.insert("maxSize".to_owned(), json!(self.max_size));
        params.insert("select".to_owned(), json!(self.select));
        Value::Object(params).to_string()
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The rows, in the order asked for.
    pub records: Vec<Record>,
    /// Whether nothing comes after them.
    pub last: bool,
    /// The CRM's clock when it answered (its `Date` header).
    pub server_time: Option<Timestamp>,
}

impl Page {
    /// The id of the last row as given: where a page by id goes on. `None` when the page is the last one.
    pub fn next_after(&self) -> Option<String> {
        if self.last { None } else { self.records.last()?.id().map(str::to_owned) }
    }
}

/// What the CRM says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrmSettings {
    /// EspoCRM's version.
    pub version: String,
    /// Its time zone; UTC when it names none that we know.
    pub time_zone: Tz,
    /// The working-time calendar of those who follow no other.
    pub working_times: Option<String>,
    /// Its clock when it answered.
    pub server_time: Option<Timestamp>,
}

/// The statuses that leads can have.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct LeadStatuses {
    /// All of them.
    pub options: Vec<String>,
    /// Those that the CRM lists as no longer actual; a lead is active in every other one.
    pub not_actual: Vec<String>,
}

impl LeadStatuses {
    /// Whether leads of a status are watched: those of the `active` ones; without these the actual ones.
    pub fn watches(&self, status: &str, active: Option<&[String]>) -> bool {
        match active {
            Some(active) => active.iter().any(|one| one == status),
            None => !self.not_actual.iter().any(|one| one == status),
        }
    }

    /// Whether a lead can be given a status by which it is watched no more. A CRM that names no statuses takes any.
    pub fn can_archive(&self, status: &str, active: Option<&[String]>) -> bool {
        let is_known = self.options.is_empty() || self.options.iter().any(|one| one == status);
        is_known && !self.watches(status, active)
    }
}

/// Who we are for the CRM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiUser {
    /// Our user's id: what it modified, we modified.
    pub id: UserId,
    /// Its login name.
    pub user_name: String,
    /// `api` for an API user; anything else is a mistake worth telling.
    pub kind: String,
    /// What it may do, by scope, as EspoCRM writes it; see [`super::rights::lacking`].
    pub rights: Value,
    /// Whom it may assign records to: `all`, `team`, `no`; `None` when the CRM does not say.
    pub assignment: Option<String>,
    /// Through which group mail accounts it may send: `all`, `team`, `no`; `None` when the CRM does not say.
    pub group_accounts: Option<String>,
    /// The addresses from which it may send.
    pub mail_addresses: Vec<String>,
}

impl ApiUser {
    /// Whether the CRM lets this user send mails from an address.
    pub fn may_send_from(&self, address: &str) -> bool {
        self.mail_addresses.iter().any(|known| known.eq_ignore_ascii_case(address))
    }
}

/// An answer as it came, its body read.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Client {
    /// A client; sends nothing yet.
    pub fn new(settings: &EspoSettings) -> Result<Self, SettingsError> {
        let secret = settings.secret_key.clone().filter(|secret| !secret.expose_secret().is_empty());
        let proof = match secret {
            Some(secret) => Proof::Hmac(settings.api_key.clone(), secret),
            None => Proof::Key(settings.api_key.clone()),
        };
        Self::proving(settings, proof)
    }

    /// A client for a person who logs in; sends nothing yet. The keys of `settings` are not used.
    pub(super) fn of_person(
        settings: &EspoSettings,
        name: &str,
        password: &SecretString,
    ) -> Result<Self, SettingsError> {
        let login = BASE64.encode(format!("{name}:{}", password.expose_secret()));
        Self::proving(settings, Proof::Login(login.into()))
    }

    fn proving(settings: &EspoSettings, proof: Proof) -> Result<Self, SettingsError> {
        let people = settings.public_url.as_deref().unwrap_or(&settings.url);
        let http = reqwest::Client::builder()
            .user_agent(concat!("max/", env!("CARGO_PKG_VERSION")))
            .timeout(Duration::from_secs(settings.timeout.max(1).unsigned_abs()))
            .pool_idle_timeout(IDLE_CONNECTION)
            // A redirect would carry the API key to whatever address it names.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self(Arc::new(Inner {
            http,
            api: api_address(&settings.url)?,
            people: api_address(people)?.as_str().trim_end_matches("api/v1/").to_owned(),
            proof,
            page_size: settings.page_size.max(1),
            refused: AtomicBool::new(false),
        })))
    }

    /// Rows per page, as configured.
    pub fn page_size(&self) -> u32 {
        self.0.page_size
    }

    /// Whether a 401 has stopped this client.
    pub fn is_refused(&self) -> bool {
        self.0.refused.load(Ordering::SeqCst)
    }

    /// Lets a stopped client send again: after a person has looked at the key.
    pub fn resume(&self) {
        self.0.refused.store(false, Ordering::SeqCst);
    }

    /// Where a person sees the record.
    pub fn link(&self, entity: &str, id: &str) -> String {
        format!("{}#{entity}/view/{id}", self.0.people)
    }

    /// One page of rows.
    pub async fn list(&self, query: &ListQuery<'_>) -> Result<Page, Error> {
        let params = [("searchParams", query.search_params())];
        let (mut value, server_time) = self.send(Method::GET, query.entity, &params, None).await?;
        let total = value.get("total").and_then(Value::as_i64);
        let Some(Value::Array(rows)) = value.get_mut("list").map(Value::take) else {
            return Err(self.not_as_expected(query.entity, "JSON without a list".to_owned()));
        };
        let full = rows.len() >= usize::try_from(query.max_size).unwrap_or(usize::MAX);
        let last = match total {
            Some(-1) => rows.is_empty(),
            Some(-2) => true,
            Some(_) | None => !full,
        };
        Ok(Page { records: rows.into_iter().map(Record::from).collect(), last, server_time })
    }

    /// One record with all its attributes. Costs the CRM a row in its action history: prefer [`Client::list`].
    pub async fn get(&self, entity: &str, id: &str) -> Result<Record, Error> {
        let (value, _) = self.send(Method::GET, &record_path(entity, id), &[], None).await?;
        Ok(Record::from(value))
    }

    /// Creates a record and answers it. Not repeated by itself: an error may leave it created.
    pub async fn post(&self, entity: &str, attributes: &Map<String, Value>) -> Result<Record, Error> {
        let (value, _) = self.send(Method::POST, entity, &[], Some(Body::Json(attributes))).await?;
        Ok(Record::from(value))
    }

    /// Changes the given attributes of a record and answers it. Moves its modifiedAt even when nothing changes.
    pub async fn put(&self, entity: &str, id: &str, attributes: &Map<String, Value>) -> Result<Record, Error> {
        let (value, _) = self.send(Method::PUT, &record_path(entity, id), &[], Some(Body::Json(attributes))).await?;
        Ok(Record::from(value))
    }

    /// Deletes a record.
    pub async fn delete(&self, entity: &str, id: &str) -> Result<(), Error> {
        self.send(Method::DELETE, &record_path(entity, id), &[], None).await.map(drop)
    }

    /// The CRM's version, time zone and clock.
    pub async fn settings(&self) -> Result<CrmSettings, Error> {
        let (value, server_time) = self.send(Method::GET, "Settings", &[], None).await?;
        let settings = Record::from(value);
        let zone = settings.text("timeZone").and_then(|name| name.parse().ok());
        Ok(CrmSettings {
            version: settings.text("version").unwrap_or_default().to_owned(),
            time_zone: zone.unwrap_or(Tz::UTC),
            working_times: settings.text("workingTimeCalendarId").map(str::to_owned),
            server_time,
        })
    }

    /// A part of the CRM's metadata, such as `entityDefs.Lead.fields.status`; null when there is none.
    pub async fn metadata(&self, key: &str) -> Result<Value, Error> {
        let (value, _) = self.send(Method::GET, METADATA, &[("key", key.to_owned())], None).await?;
        Ok(value)
    }

    /// The statuses that leads can have.
    pub async fn lead_statuses(&self) -> Result<LeadStatuses, Error> {
        let status = Record::from(self.metadata("entityDefs.Lead.fields.status").await?);
        let list = |name: &str| status.list(name).into_iter().map(str::to_owned).collect();
        Ok(LeadStatuses { options: list("options"), not_actual: list("notActualOptions") })
    }

    /// The user whose key we have.
    pub async fn api_user(&self) -> Result<ApiUser, Error> {
        let (mut value, _) = self.send(Method::GET, OWN_USER, &[], None).await?;
        let user = value.get_mut("user").map(Value::take).map(Record::from).unwrap_or_default();
        let text = |field| user.text(field).unwrap_or_default().to_owned();
        let acl = |field: &str| value.get("acl").and_then(|acl| acl.get(field)).cloned().unwrap_or_default();
        let level = |field: &str| acl(field).as_str().map(str::to_owned);
        let (assignment, group_accounts) = (level("assignmentPermission"), level(rights::GROUP_ACCOUNTS));
        let mail_addresses = user.list("emailAddressList").into_iter().map(str::to_owned).collect();
        let (id, user_name, kind) = (UserId(text("id")), text("userName"), text("type"));
        let rights = acl("table");
        Ok(ApiUser { id, user_name, kind, rights, assignment, group_accounts, mail_addresses })
    }

    /// The error for an answer to a list of `entity` that is well-formed and still no answer.
    pub(super) fn not_as_expected(&self, entity: &str, what: String) -> Error {
        Error { call: call(&Method::GET, entity), kind: ErrorKind::NotJson { what } }
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<Body<'_>>,
    ) -> Result<(Value, Option<Timestamp>), Error> {
        let call = call(&method, path);
        match self.exchange(&method, path, query, body).await {
            Ok(answer) => {
                tracing::debug!(%call, status = answer.status.as_u16(), bytes = answer.body.len(), "EspoCRM answered");
                if answer.status == StatusCode::UNAUTHORIZED {
                    self.0.refused.store(true, Ordering::SeqCst);
                }
                let server_time = server_time(&answer.headers);
                understand(path, &answer).map(|value| (value, server_time)).map_err(|kind| Error { call, kind })
            }
            Err(kind) => Err(Error { call, kind }),
        }
    }

    /// Sends, and once more when a kept connection turned out to be dead and repeating does no harm.
    async fn exchange(
        &self,
        method: &Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<Body<'_>>,
    ) -> Result<Answer, ErrorKind> {
        let mut url = self
            .0
            .api
            .join(path)
            .map_err(|_| ErrorKind::Validation { field: String::new(), rule: "not a path".to_owned() })?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        if url.query().is_some_and(|query| query.len() > MAX_QUERY_BYTES) {
            return Err(ErrorKind::TooLarge { what: "the question (ask for fewer records at once)".to_owned() });
        }
        let repeatable = *method != Method::POST;
        match self.attempt(method, path, url.clone(), body).await {
            Err(ErrorKind::Unreachable { source }) if repeatable && !source.is_connect() => {
                tracing::debug!(%method, path, "a kept connection was dead, once more");
                self.attempt(method, path, url, body).await
            }
            outcome => outcome,
        }
    }

    async fn attempt(
        &self,
        method: &Method,
        path: &str,
        url: Url,
        body: Option<Body<'_>>,
    ) -> Result<Answer, ErrorKind> {
        if self.is_refused() {
            return Err(ErrorKind::Unauthorized);
        }
        let mut request = self.0.http.request(method.clone(), url).header("Accept", "application/json");
        request = match &self.0.proof {
            Proof::Key(key) => request.header("X-Api-Key", key.expose_secret()),
            Proof::Hmac(key, secret) => {
                request.header("X-Hmac-Authorization", hmac_authorization(key, secret, method, path))
            }
            Proof::Login(login) => request.header("Authorization", format!("Basic {}", login.expose_secret())),
        };
        if *method == Method::GET {
            request = request.header("X-No-Total", "true");
        }
        request = match body {
            Some(Body::Json(attributes)) => request.json(attributes),
            Some(Body::Archive(text)) => request.header(CONTENT_TYPE, "application/zip").body(text.to_owned()),
            None => request,
        };
        let response = request.send().await.map_err(connection_failure)?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer { status, headers, body: read_body(response).await? })
    }
}

/// `base64(apiKey ":" hex(HMAC-SHA256(secretKey, METHOD " /" path)))`, the path without `/api/v1` and query.
fn hmac_authorization(api_key: &SecretString, secret: &SecretString, method: &Method, path: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).expect("any length is a key");
    mac.update(format!("{method} /{path}").as_bytes());
    let digest: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    BASE64.encode(format!("{}:{digest}", api_key.expose_secret()))
}

fn api_address(url: &str) -> Result<Url, SettingsError> {
    let bad = || SettingsError::Url { url: without_credentials(url) };
    let base = url.trim().trim_end_matches('/').trim_end_matches("/api/v1").trim_end_matches('/');
    let address = Url::parse(&format!("{base}/api/v1/")).map_err(|_| bad())?;
    let usable = matches!(address.scheme(), "http" | "https") && address.query().is_none() && address.has_host();
    if usable && address.fragment().is_none() { Ok(address) } else { Err(bad()) }
}

/// An address for an error message: whatever stands before an `@` might be a password.
fn without_credentials(url: &str) -> String {
    url.rsplit('@').next().unwrap_or_default().to_owned()
}

fn call(method: &Method, path: &str) -> Call {
    let method = match method.as_str() {
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        _ => "GET",
    };
    Call { method, path: path.to_owned() }
}

/// `Entity/id`; characters that no id of EspoCRM has are left out, so that an id cannot become another path.
fn record_path(entity: &str, id: &str) -> String {
    let id: String = id.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
    format!("{entity}/{id}")
}

fn connection_failure(error: reqwest::Error) -> ErrorKind {
    if error.is_timeout() {
        ErrorKind::Timeout
    } else {
        // The address holds the question: leads' addresses and ids.
        ErrorKind::Unreachable { source: error.without_url() }
    }
}

async fn read_body(mut response: Response) -> Result<Vec<u8>, ErrorKind> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(connection_failure)? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(ErrorKind::TooLarge { what: format!("the answer exceeds {MAX_ANSWER_BYTES} bytes") });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn server_time(headers: &HeaderMap) -> Option<Timestamp> {
    let date = headers.get(DATE)?.to_str().ok()?;
    DateTime::parse_from_rfc2822(date).ok().map(|at| Timestamp(at.timestamp()))
}

/// The answer's JSON, or what is wrong.
fn understand(path: &str, answer: &Answer) -> Result<Value, ErrorKind> {
    if answer.status.is_success() {
        if path == METADATA && answer.body.is_empty() {
            return Ok(Value::Null);
        }
        return serde_json::from_slice(&answer.body).map_err(|_| ErrorKind::NotJson { what: describe(answer) });
    }
    let reason = header(answer, "X-Status-Reason");
    let status = answer.status.as_u16();
    match status {
        401 if reason == "second-step-required" => Err(ErrorKind::SecondFactor),
        401 => Err(ErrorKind::Unauthorized),
        300..=399 => {
            let target = answer.headers.get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
            let target = without_credentials(target.split(['?', '#']).next().unwrap_or_default());
            Err(ErrorKind::NotJson { what: format!("with a redirection to `{target}`") })
        }
        408 | 429 | 500..=599 => Err(ErrorKind::Server { status }),
        413 | 414 => Err(ErrorKind::TooLarge { what: format!("the question ({status})") }),
        _ if is_web_page(answer) => Err(ErrorKind::NotJson { what: describe(answer) }),
        400 => Err(bad_request(answer, reason)),
        403 => Err(forbidden(answer, reason)),
        405 => Err(ErrorKind::NoSuchRoute),
        404 => Err(not_found(path, &reason, answer)),
        409 => Err(conflict(answer)),
        _ => Err(ErrorKind::Validation { field: String::new(), rule: format!("{status} {reason}") }),
    }
}

fn bad_request(answer: &Answer, reason: String) -> ErrorKind {
    // Just after an extension was installed, requests are misrouted for a second or two.
    if reason.starts_with("No ID") {
        return ErrorKind::Server { status: 400 };
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |key: &str| body.pointer(&format!("/messageTranslation/data/{key}")).and_then(Value::as_str);
    ErrorKind::Validation {
        field: text("field").unwrap_or_default().to_owned(),
        rule: text("type").map_or(reason, str::to_owned),
    }
}

fn forbidden(answer: &Answer, reason: String) -> ErrorKind {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let label = body.pointer("/messageTranslation/label").and_then(Value::as_str);
    if label == Some("cannotRelateNonExisting") || reason.contains("non-existing record") {
        ErrorKind::NoSuchLink { reason }
    } else if reason.is_empty() && answer.body.is_empty() {
        ErrorKind::LockedOut
    } else {
        ErrorKind::Forbidden { reason }
    }
}

fn not_found(path: &str, reason: &str, answer: &Answer) -> ErrorKind {
    if reason.starts_with("Controller ") {
        ErrorKind::NoSuchEntity { entity: path.split('/').next().unwrap_or_default().to_owned() }
    } else if path.contains('/') && path != OWN_USER {
        ErrorKind::NotFound
    } else {
        // EspoCRM gives a reason for whatever it does not have, and always has the one who asks.
        ErrorKind::NotJson { what: describe(answer) }
    }
}

fn conflict(answer: &Answer) -> ErrorKind {
    match serde_json::from_slice(&answer.body) {
        Ok(Value::Array(existing)) => {
            ErrorKind::Duplicate { existing: existing.into_iter().map(Record::from).collect() }
        }
        Ok(_) | Err(_) => ErrorKind::Conflict,
    }
}

fn header(answer: &Answer, name: &str) -> String {
    answer.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

/// EspoCRM declares some of its empty answers as HTML: only a body makes a page.
fn is_web_page(answer: &Answer) -> bool {
    let declared = answer.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    declared.starts_with("text/html") && !answer.body.trim_ascii().is_empty()
}

fn describe(answer: &Answer) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    let text = if is_web_page(answer) { super::html::to_text(&text) } else { text.into_owned() };
    let excerpt: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(80).collect();
    let what = if is_web_page(answer) { "a web page" } else { "something else" };
    format!("{what} ({}: \"{excerpt}\")", answer.status.as_u16())
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderName;

    use super::*;

    /// A recorded answer as [`understand`] gets it.
    fn recorded(recording: &str) -> Answer {
        let recording: Value = serde_json::from_str(recording).unwrap();
        let response = &recording["response"];
        let mut headers = HeaderMap::new();
        for pair in response["headers"].as_array().unwrap() {
            let name = HeaderName::from_bytes(pair[0].as_str().unwrap().as_bytes()).unwrap();
            headers.insert(name, pair[1].as_str().unwrap().parse().unwrap());
        }
        let body = match &response["body"] {
            Value::String(text) => text.clone().into_bytes(),
            other => other.to_string().into_bytes(),
        };
        let status = u16::try_from(response["status"].as_u64().unwrap()).unwrap();
        Answer { status: StatusCode::from_u16(status).unwrap(), headers, body }
    }

    /// A route that the extension got later.
    #[test]
    fn a_route_that_is_not_there_is_told_from_a_record_that_is_not() {
        for recording in [
            include_str!("../../tests/recordings/10.0.0/max-feed/route-of-a-newer-extension-405.json"),
            include_str!("../../tests/recordings/9.3.10/max-feed/route-of-a-newer-extension-405.json"),
        ] {
            let error = understand("Max/heartbeat", &recorded(recording)).unwrap_err();
            assert!(matches!(error, ErrorKind::NoSuchRoute), "{error}");
        }
    }

    fn answer(status: u16, content_type: &str, body: &str) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: body.as_bytes().to_vec() }
    }

    macro_rules! kind_of {
        ($path:literal, $file:literal) => {
            understand($path, &recorded(include_str!(concat!("testdata/", $file, ".json")))).unwrap_err()
        };
    }

    #[test]
    fn recorded_failures_are_told_apart() {
        assert!(matches!(kind_of!("Lead", "auth-api-key-wrong"), ErrorKind::Unauthorized));
        assert!(matches!(kind_of!("Lead", "auth-locked-out"), ErrorKind::LockedOut));
        assert!(matches!(kind_of!("NoSuchEntity", "404-unknown-entity"), ErrorKind::NoSuchEntity { .. }));
        assert!(matches!(kind_of!("Lead/000000000000aaaaa", "404-record"), ErrorKind::NotFound));
        assert!(matches!(kind_of!("MaxAlert", "create-unknown-lead"), ErrorKind::NoSuchLink { .. }));
        assert!(matches!(kind_of!("Max/noSuchRoute", "405-no-route"), ErrorKind::NoSuchRoute));
        let ErrorKind::Forbidden { reason } = kind_of!("Webhook", "403-no-scope-access") else { panic!() };
        assert_eq!(reason, "No read access.");
        let ErrorKind::Validation { field, rule } = kind_of!("Lead", "400-enum") else { panic!() };
        assert_eq!((field.as_str(), rule.as_str()), ("status", "valid"));
        let ErrorKind::Duplicate { existing } = kind_of!("MaxAlert", "create-duplicate-409") else { panic!() };
        assert_eq!(existing[0].text("dedupKey"), Some("no-contact:6b02fc982f4c1ed04"));
        assert!(matches!(kind_of!("MaxAlert/6b02", "put-stale-version-409"), ErrorKind::Conflict));
    }

    #[test]
    fn a_web_page_instead_of_the_api_is_named_as_such() {
        let page = "<html><head><title>x</title></head><body><h1>Welcome</h1></body></html>";
        for status in [200, 403, 404] {
            let kind = understand("Lead", &answer(status, "text/html", page)).unwrap_err();
            let message = Error { call: call(&Method::GET, "Lead"), kind }.to_string();
            assert!(message.contains("a web page") && message.contains("Welcome"), "{message}");
            assert!(message.contains("GET Lead") && message.contains("check [espocrm] url"), "{message}");
        }
    }

    #[test]
    fn what_may_pass_is_not_taken_for_final() {
        let misrouted = {
            let mut misrouted = answer(400, "application/json", "");
            misrouted.headers.insert("X-Status-Reason", "No ID.".parse().unwrap());
            misrouted
        };
        for passing in [misrouted, answer(500, "application/json", ""), answer(502, "text/html", "<h1>Bad gateway")] {
            assert!(matches!(understand("Lead", &passing), Err(ErrorKind::Server { .. })));
        }
    }

    #[test]
    fn a_second_factor_is_no_wrong_password() {
        // As Core/Api/Auth.php answers it; not recorded.
        let mut asks = answer(401, "application/json", r#"{"status":"secondStepRequired","message":"enterTotpCode"}"#);
        asks.headers.insert("X-Status-Reason", "second-step-required".parse().unwrap());
        assert!(matches!(understand(OWN_USER, &asks), Err(ErrorKind::SecondFactor)));
        assert!(matches!(understand(OWN_USER, &answer(401, "text/html", "")), Err(ErrorKind::Unauthorized)));
    }

    #[test]
    fn the_signature_is_the_one_espocrm_expects() {
        // The digest is Python's: hmac.new(b"s", b"GET /Lead/6b02", sha256).hexdigest().
        let signed = hmac_authorization(&"k".into(), &"s".into(), &Method::GET, "Lead/6b02");
        let text = String::from_utf8(BASE64.decode(signed).unwrap()).unwrap();
        let (key, digest) = text.split_once(':').unwrap();
        assert_eq!(key, "k");
        assert_eq!(digest, "2bf3c205c2a91cbd84a1b2b756263deda752bf8d9ce236554389a221414e23a3");
    }

    #[test]
    fn addresses_are_taken_as_people_paste_them() {
        for url in ["https://crm.example", "https://crm.example/", " https://crm.example/api/v1/ "] {
            assert_eq!(api_address(url).unwrap().as_str(), "https://crm.example/api/v1/");
        }
        assert_eq!(api_address("http://a.example/crm").unwrap().as_str(), "http://a.example/crm/api/v1/");
        for url in ["", "crm.example", "ftp://crm.example", "https://crm.example/?x=1", "https://crm.example/#Lead"] {
            assert!(api_address(url).is_err(), "{url}");
        }
        let client = Client::new(&EspoSettings::new("https://crm.example/api/v1", "k")).unwrap();
        assert_eq!(client.link("Lead", "6b02"), "https://crm.example/#Lead/view/6b02");
    }

    #[test]
    fn an_id_cannot_become_another_path() {
        assert_eq!(record_path("Lead", "../User/1?x"), "Lead/User1x");
    }
}
