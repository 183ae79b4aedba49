//! `MaxLink` records: what links a user to a Telegram account, as people see it on their profile and can cut it there.
//! A code that waits to be brought is known by its hash alone.

use serde_json::{Map, Value, json};

use super::client::{Client, ListQuery, Where};
use super::error::{Error, ErrorKind};
use super::record::Record;
use crate::domain::observation::TelegramLinkRecord;
use crate::domain::{Timestamp, UserId};

/// The entity type.
pub const ENTITY: &str = "MaxLink";

const PENDING: &str = "Pending";
const LINKED: &str = "Linked";
const CUT: &str = "Cut";
/// The length of the extension's text fields, in characters.
const NAME_CHARS: usize = 255;

/// A one-time code that a user made on the own profile and that waits to be brought.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The CRM's id of its record.
    pub crm_id: String,
    /// The record's key.
    pub key: String,
    /// For whom.
    pub user: UserId,
    /// Worthless from this instant on.
    pub expires_at: Timestamp,
}

/// A link as its record should be.
#[derive(Clone, Debug)]
pub struct LinkWrite<'a> {
    /// The record's key.
    pub key: &'a str,
    /// The record's id in the CRM, once known.
    pub crm_id: Option<&'a str>,
    /// Who is linked.
    pub user: &'a UserId,
    /// What the Telegram account calls itself; may be empty.
    pub telegram_name: &'a str,
    /// Since when.
    pub linked_at: Timestamp,
    /// It is no more.
    pub is_cut: bool,
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// The record, of this id in the CRM, is as it should be.
    Done(String),
    /// Somebody cut the link there, or deleted its record. Nothing was written.
    Cut,
}

/// What a record says.
pub(super) fn record(id: &str, record: &Record) -> TelegramLinkRecord {
    TelegramLinkRecord { crm_id: id.to_owned(), is_cut: record.text("status") == Some(CUT) }
}

/// The code with this hash that waits to be brought. All that wait are asked for and compared here, so that no hash
/// stands in an address that others write into their logs.
///
/// # Errors
/// When the CRM does not show them.
pub async fn find_invitation(client: &Client, hash: &str) -> Result<Option<Invitation>, Error> {
    let waiting =
        with_status(client, PENDING, &["id", "status", "dedupKey", "userId", "expiresAt", "codeHash"]).await?;
    Ok(waiting.iter().find(|record| record.text("codeHash") == Some(hash)).and_then(invitation))
}

/// Cuts every record of a user's that says "linked" and is not among `known` (ids in the CRM): such a link was lost with a
/// store. Returns how many there were.
///
/// # Errors
/// When the CRM does not show them, or does not take it.
pub async fn cut_others(client: &Client, user: &UserId, known: &[String]) -> Result<usize, Error> {
    let mut linked = with_status(client, LINKED, &["id", "status", "userId"]).await?;
    linked.retain(|record| {
        let is_known = record.id().is_none_or(|id| known.iter().any(|known| known == id));
        !is_known && record.text("userId") == Some(user.as_str())
    });
    let cut = Map::from_iter([("status".to_owned(), json!(CUT))]);
    for record in &linked {
        client.put(ENTITY, record.id().unwrap_or_default(), &cut).await?;
    }
    Ok(linked.len())
}

async fn with_status(client: &Client, status: &str, select: &[&str]) -> Result<Vec<Record>, Error> {
    let select: Vec<String> = select.iter().map(|column| (*column).to_owned()).collect();
    let (mut records, mut after): (Vec<Record>, Option<String>) = (Vec::new(), None);
    loop {
        let mut conditions = vec![Where::Equals("status", status.to_owned())];
        conditions.extend(after.take().map(|id| Where::GreaterThan("id", id)));
        let max_size = client.page_size();
        let query = ListQuery { entity: ENTITY, conditions, select: &select, order_by: "id", max_size };
        let page = client.list(&query).await?;
        after = page.next_after();
        records.extend(page.records);
        if after.is_none() {
            return Ok(records);
        }
    }
}

fn invitation(record: &Record) -> Option<Invitation> {
    Some(Invitation {
        crm_id: record.id()?.to_owned(),
        key: record.text("dedupKey")?.to_owned(),
        user: UserId::from(record.text("userId")?),
        expires_at: record.instant("expiresAt")?,
    })
}

/// Brings a link's record to its present state. What was cut in the CRM stays cut.
///
/// # Errors
/// When the CRM does not take it.
pub async fn upsert(client: &Client, write: &LinkWrite<'_>) -> Result<Written, Error> {
    let found = match write.crm_id {
        Some(id) => look_up(client, "id", id).await?,
        None => look_up(client, "dedupKey", write.key).await?,
    };
    match found {
        Some(record) => update(client, write, &record).await,
        None if write.crm_id.is_some() || write.is_cut => Ok(Written::Cut),
        None => create(client, write).await,
    }
}

async fn look_up(client: &Client, by: &'static str, value: &str) -> Result<Option<Record>, Error> {
    let select = ["id", "status"].map(str::to_owned);
    let conditions = vec![Where::Equals(by, value.to_owned())];
    let query = ListQuery { entity: ENTITY, conditions, select: &select, order_by: "id", max_size: 1 };
    Ok(client.list(&query).await?.records.into_iter().next())
}

async fn create(client: &Client, write: &LinkWrite<'_>) -> Result<Written, Error> {
    let mut attributes = attributes(write);
    attributes.insert("dedupKey".to_owned(), json!(write.key));
    attributes.insert("userId".to_owned(), json!(write.user));
    let error = match client.post(ENTITY, &attributes).await {
        Ok(record) => return Ok(Written::Done(record.id().unwrap_or_default().to_owned())),
        Err(error) => error,
    };
    if !error.outcome_unknown() && !matches!(error.kind, ErrorKind::Duplicate { .. }) {
        return Err(error);
    }
    // It may exist now: an answer may have been lost.
    match look_up(client, "dedupKey", write.key).await {
        Ok(Some(record)) => update(client, write, &record).await,
        Ok(None) | Err(_) => Err(error),
    }
}

async fn update(client: &Client, write: &LinkWrite<'_>, record: &Record) -> Result<Written, Error> {
    let id = record.id().unwrap_or_default();
    match record.text("status") {
        Some(CUT) => Ok(Written::Cut),
        Some(LINKED) if !write.is_cut => Ok(Written::Done(id.to_owned())),
        _ => match client.put(ENTITY, id, &attributes(write)).await {
            Ok(_) => Ok(Written::Done(id.to_owned())),
            Err(Error { kind: ErrorKind::NotFound, .. }) => Ok(Written::Cut),
            Err(error) => Err(error),
        },
    }
}

fn attributes(write: &LinkWrite<'_>) -> Map<String, Value> {
    let mut attributes = Map::new();
    let mut set = |name: &str, value: Value| attributes.insert(name.to_owned(), value);
    set("status", json!(if write.is_cut { CUT } else { LINKED }));
    // Spent.
    set("codeHash", Value::Null);
    if !write.is_cut {
        let name: String = write.telegram_name.trim().chars().take(NAME_CHARS).collect();
        set("telegramName", json!(name));
        set("linkedAt", json!(write.linked_at.to_espo()));
    }
    attributes
}
