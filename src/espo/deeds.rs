//! What users did by button, told to the CRM: a call that was planned or made, a lead's new status or owner. Told twice it is
//! there once: a call carries a key, and a lead is written to only while it is as it was when the deed was done.

use serde_json::{Map, Value, json};

use super::client::{Client, ListQuery, Where};
use super::error::{Error, ErrorKind};
use super::record::Record;
use super::write::{Created, Wanted};
use crate::domain::deed::CALL_LASTS;
use crate::domain::{ActivityStatus, DeedId, Lead, Timestamp, UserId};

const CALL: &str = "Call";
const LEAD: &str = "Lead";
const PLANNED: &str = "Planned";
/// The field that the extension adds to calls.
pub const CALL_KEY: &str = "maxKey";
/// The length of a call's name, in characters.
const NAME_CHARS: usize = 255;
/// What EspoCRM takes in no name of a call.
const BAD_CHARACTERS: [char; 3] = ['<', '>', '='];

/// A call as it should be in the CRM.
#[derive(Clone, Debug)]
pub struct CallWrite<'a> {
    /// Its key.
    pub key: &'a DeedId,
    /// With whom.
    pub lead: &'a Lead,
    /// Who calls.
    pub by: &'a UserId,
    /// What it is, in words.
    pub name: &'a str,
    /// What was said of it, in words; may be empty.
    pub note: &'a str,
    /// Planned, held (`Replied`), or not.
    pub status: ActivityStatus,
    /// When it begins, or began.
    pub at: Timestamp,
}

/// What became of a lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeadWritten {
    /// It is as it should be.
    Done,
    /// It is neither as it should be nor as it was: somebody was there meanwhile. Nothing was written.
    Changed,
    /// It is gone, or hidden from us.
    Gone,
}

/// Makes sure that the CRM has a call; returns its id. One that is there is left as it is: its people may have changed it.
///
/// # Errors
/// When the CRM refuses or does not answer; a link that leads nowhere is the lead's.
pub async fn make_call(client: &Client, write: &CallWrite<'_>) -> Result<String, Error> {
    let attributes = call_attributes(write);
    let wanted = Wanted { entity: CALL, keyed_by: CALL_KEY, key: write.key.as_str(), crm_id: None, attributes };
    let found = match wanted.look_up(client, CALL_KEY, write.key.as_str()).await {
        Err(Error { kind: ErrorKind::Validation { field, rule }, .. })
            if field.is_empty() && rule.contains(CALL_KEY) =>
        {
            // An extension that does not have the field yet.
            alike(client, write).await?
        }
        found => found?,
    };
    let record = match found {
        Some(record) => record,
        None => match wanted.create(client).await? {
            Created::New(record) | Created::Existed(record) => record,
        },
    };
    Ok(record.id().unwrap_or_default().to_owned())
}

/// A call with the same lead by the same user that begins at the same second.
async fn alike(client: &Client, write: &CallWrite<'_>) -> Result<Option<Record>, Error> {
    let conditions = vec![
        Where::Equals("parentId", write.lead.id.0.clone()),
        Where::Equals("assignedUserId", write.by.0.clone()),
        Where::Equals("dateStart", write.at.to_espo()),
    ];
    let select = ["id".to_owned()];
    let query = ListQuery { entity: CALL, conditions, select: &select, order_by: "id", max_size: 1 };
    Ok(client.list(&query).await?.records.into_iter().next())
}

fn call_attributes(write: &CallWrite<'_>) -> Map<String, Value> {
    let status = status_of(write.status);
    let name: String = write.name.chars().filter(|c| !BAD_CHARACTERS.contains(c)).take(NAME_CHARS).collect();
    let lead = write.lead.id.as_str();
    let attributes = json!({
        "name": name.trim(),
        "status": status,
        "direction": "Outbound",
        "dateStart": write.at.to_espo(),
        "dateEnd": write.at.plus(CALL_LASTS).to_espo(),
        "description": Some(write.note).filter(|note| !note.is_empty()),
        "parentType": LEAD,
        "parentId": lead,
        // A parent alone is not invited: a conversion would leave the call behind.
        "leadsIds": [lead],
        "assignedUserId": write.by,
        "teamsIds": write.lead.teams,
        CALL_KEY: write.key,
    });
    attributes.as_object().cloned().unwrap_or_default()
}

/// What has become of a planned call.
#[derive(Clone, Debug)]
pub struct CallChange<'a> {
    /// The record's id, if it is known.
    pub crm_id: Option<&'a str>,
    /// Its key, by which it is found else.
    pub key: &'a str,
    /// Held (`Replied`), not held, or still planned.
    pub status: ActivityStatus,
    /// When it began, or is to begin.
    pub at: Timestamp,
    /// What was said of it, in words; may be empty.
    pub note: &'a str,
}

/// What became of such a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallChanged {
    /// The call is as it should be, or as people made it meanwhile: only one that is still planned is changed.
    Done,
    /// There is no such call, or it is hidden from us.
    Gone,
}

/// Notes in the CRM how a planned call went, or that it is to take place at another time. How long it takes stays as it was.
///
/// # Errors
/// When the CRM refuses or does not answer.
pub async fn change_call(client: &Client, change: &CallChange<'_>) -> Result<CallChanged, Error> {
    let conditions = vec![match change.crm_id {
        Some(id) => Where::Equals("id", id.to_owned()),
        None => Where::Equals(CALL_KEY, change.key.to_owned()),
    }];
    let select = ["id", "status", "dateStart", "dateEnd", "description"].map(str::to_owned);
    let query = ListQuery { entity: CALL, conditions, select: &select, order_by: "id", max_size: 1 };
    let found = match client.list(&query).await {
        // An extension that does not have the field yet: nothing is found by it.
        Err(Error { kind: ErrorKind::Validation { field, rule }, .. })
            if field.is_empty() && rule.contains(CALL_KEY) =>
        {
            return Ok(CallChanged::Gone);
        }
        found => found?,
    };
    let Some(record) = found.records.into_iter().next() else { return Ok(CallChanged::Gone) };
    let Some(id) = record.id().filter(|_| record.text("status") == Some(PLANNED)) else {
        return Ok(CallChanged::Done);
    };
    match client.put(CALL, id, &changed_attributes(change, &record)).await {
        Ok(_) => Ok(CallChanged::Done),
        Err(Error { kind: ErrorKind::NotFound, .. }) => Ok(CallChanged::Gone),
        Err(error) => Err(error),
    }
}

fn changed_attributes(change: &CallChange<'_>, record: &Record) -> Map<String, Value> {
    let mut attributes = Map::new();
    let begin = record.instant("dateStart");
    if begin != Some(change.at) {
        let lasts = begin.zip(record.instant("dateEnd")).map_or(CALL_LASTS, |(begin, end)| end.since(begin).max(0));
        attributes.insert("dateStart".to_owned(), json!(change.at.to_espo()));
        attributes.insert("dateEnd".to_owned(), json!(change.at.plus(lasts).to_espo()));
    }
    if change.status != ActivityStatus::Planned {
        attributes.insert("status".to_owned(), json!(status_of(change.status)));
    }
    if !change.note.is_empty() {
        let before = record.text("description").map(|text| format!("{text}\n")).unwrap_or_default();
        attributes.insert("description".to_owned(), json!(format!("{before}{}", change.note)));
    }
    attributes
}

fn status_of(status: ActivityStatus) -> &'static str {
    match status {
        ActivityStatus::Planned => PLANNED,
        ActivityStatus::NoAnswer => "Not Held",
        ActivityStatus::Sent | ActivityStatus::Delivered | ActivityStatus::Read | ActivityStatus::Replied => "Held",
    }
}

/// Gives a lead another value, if it still has the one that it had.
///
/// # Errors
/// When the CRM refuses or does not answer.
pub async fn change_lead(
    client: &Client,
    lead: &str,
    attribute: &'static str,
    before: Option<&str>,
    to: &str,
) -> Result<LeadWritten, Error> {
    let select = ["id".to_owned(), attribute.to_owned()];
    let conditions = vec![Where::Equals("id", lead.to_owned())];
    let query = ListQuery { entity: LEAD, conditions, select: &select, order_by: "id", max_size: 1 };
    let Some(record) = client.list(&query).await?.records.into_iter().next() else { return Ok(LeadWritten::Gone) };
    let now = record.text(attribute);
    if now == Some(to) {
        return Ok(LeadWritten::Done);
    }
    if now != before {
        return Ok(LeadWritten::Changed);
    }
    let change = Map::from_iter([(attribute.to_owned(), json!(to))]);
    match client.put(LEAD, lead, &change).await {
        Ok(_) => Ok(LeadWritten::Done),
        Err(Error { kind: ErrorKind::NotFound, .. }) => Ok(LeadWritten::Gone),
        Err(error) => Err(error),
    }
}
