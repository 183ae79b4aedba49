//! Mails that the CRM sends for a user, from a group account of its own. EspoCRM sends while it answers: the record is made
//! first, so its key tells after a lost answer what became of it. A mail that has a record is never sent again.

use serde_json::{Map, Value, json};

use super::client::{Client, ListQuery, Where};
use super::deeds::CALL_KEY;
use super::error::Error;
use super::record::Record;
use crate::domain::deed::Mail;
use crate::domain::{DeedId, Lead, UserId};

const EMAIL: &str = "Email";
/// The field that the extension adds to mails, as to calls.
pub const MAIL_KEY: &str = CALL_KEY;
/// The length of a subject, in characters.
const SUBJECT_CHARS: usize = 255;

/// A mail as it should leave the CRM.
#[derive(Clone, Debug)]
pub struct MailWrite<'a> {
    /// Its key.
    pub key: &'a DeedId,
    /// To whom.
    pub lead: &'a Lead,
    /// Whose it is.
    pub by: &'a UserId,
    /// The mail.
    pub mail: &'a Mail,
}

/// What became of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailState {
    /// It left, and has this id in the CRM.
    Sent(String),
    /// The CRM could not send it: no account of that address, or its mail server refuses.
    NotSent,
    /// The CRM is at it, or died over it.
    Sending,
}

/// Has the CRM send a mail, unless it has it already.
///
/// # Errors
/// When the CRM refuses or does not answer, and has no such mail.
pub async fn send_mail(client: &Client, write: &MailWrite<'_>) -> Result<MailState, Error> {
    if let Some(record) = look_up(client, write.key).await? {
        return Ok(state(&record));
    }
    let error = match client.post(EMAIL, &attributes(write)).await {
        Ok(record) => return Ok(state(&record)),
        Err(error) => error,
    };
    // A refusal by the mail server is a 500 too: the record then says so.
    if error.outcome_unknown()
        && let Ok(Some(record)) = look_up(client, write.key).await
    {
        return Ok(state(&record));
    }
    Err(error)
}

async fn look_up(client: &Client, key: &DeedId) -> Result<Option<Record>, Error> {
    let conditions = vec![Where::Equals(MAIL_KEY, key.0.clone())];
    let select = ["id", "status"].map(str::to_owned);
    let query = ListQuery { entity: EMAIL, conditions, select: &select, order_by: "id", max_size: 1 };
    Ok(client.list(&query).await?.records.into_iter().next())
}

fn state(record: &Record) -> MailState {
    match record.text("status") {
        Some("Sent" | "Archived") => MailState::Sent(record.id().unwrap_or_default().to_owned()),
        Some("Sending") => MailState::Sending,
        Some(_) | None => MailState::NotSent,
    }
}

fn attributes(write: &MailWrite<'_>) -> Map<String, Value> {
    let MailWrite { key, lead, by, mail } = write;
    let subject: String = mail.subject.chars().take(SUBJECT_CHARS).collect();
    let attributes = json!({
        "status": "Sending",
        "name": subject,
        "from": mail.from,
        "to": mail.to,
        "replyTo": mail.reply_to,
        "body": mail.text,
        "isHtml": false,
        "parentType": "Lead",
        "parentId": lead.id,
        "repliedId": mail.answers,
        "assignedUserId": by,
        "teamsIds": lead.teams,
        MAIL_KEY: key,
    });
    attributes.as_object().cloned().unwrap_or_default()
}
