//! What a record says, in the words of [`crate::domain::observation`]: pure functions, patient with whatever a
//! customised CRM sends.

use chrono::{Days, NaiveDate, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

use super::deeds::CALL_KEY;
use super::html;
use super::links;
use super::mapping::{Mapping, Meaning, Told};
use super::record::Record;
use crate::domain::activity::Activity;
use crate::domain::appointment::Planned;
use crate::domain::observation::{ActivityDraft, AlertRecord, MailAddresses, Observation, RecordRef};
use crate::domain::{
    ActivityId, ActivityStatus, Channel, Direction, Lead, LeadId, Team, TeamId, Timestamp, User, UserId,
};

/// A record that should mean something and cannot be read. It is left out, and nothing else with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{record} cannot be read: {reason}")]
pub struct Malformed {
    /// Which one; its id is empty when it has none.
    pub record: RecordRef,
    /// Why.
    pub reason: String,
}

/// What EspoCRM plans for its users, with a beginning and an end.
pub(super) const CALL: &str = "Call";
/// See [`CALL`].
pub(super) const MEETING: &str = "Meeting";

/// The one status that EspoCRM itself sets.
const CONVERTED: &str = Lead::WON;

/// What a record says. `zone` is the CRM's time zone, for what has a date but no hour.
pub fn observe(entity: &str, record: &Record, mapping: &Mapping, zone: Tz) -> Result<Observation, Malformed> {
    let Some(id) = record.id() else {
        return Err(Malformed { record: RecordRef::new(entity, ""), reason: "it has no id".to_owned() });
    };
    if record.flag("deleted") {
        return Ok(gone(entity, id));
    }
    let reference = RecordRef::new(entity, id);
    let malformed = |reason: String| Malformed { record: reference.clone(), reason };
    match entity {
        "Lead" => lead(id, record, mapping).map_err(malformed),
        "User" => Ok(Observation::User(user(id, record))),
        "Team" => Ok(Observation::Team(Team {
            id: TeamId::from(id),
            name: record.text("name").unwrap_or_default().to_owned(),
        })),
        "MaxAlert" => alert_record(id, record).map(Observation::Alert).map_err(malformed),
        "MaxLink" => Ok(Observation::TelegramLink(links::record(id, record))),
        _ => match mapping.meaning_of(entity, record) {
            Some(meaning) => draft(meaning, &reference, record, zone)
                .map(|draft| draft.map_or(Observation::NoActivity(reference.clone()), activity))
                .map_err(malformed),
            None => Ok(Observation::NoActivity(reference)),
        },
    }
}

/// That a record is gone, or that we may no longer see it.
pub fn gone(entity: &str, id: &str) -> Observation {
    match entity {
        "Lead" => Observation::LeadGone(LeadId::from(id)),
        "User" => Observation::UserGone(UserId::from(id)),
        "Team" => Observation::TeamGone(TeamId::from(id)),
        "MaxAlert" => Observation::AlertGone(id.to_owned()),
        "MaxLink" => Observation::TelegramLinkGone(id.to_owned()),
        _ => Observation::NoActivity(RecordRef::new(entity, id)),
    }
}

/// The beginning of a text as M.A.X. keeps it: words only, at most [`Activity::PREVIEW_CHARS`] characters.
pub fn preview(text: &str) -> String {
    let text = if html::is_html(text) { html::to_text(text) } else { text.replace("\r\n", "\n") };
    text.trim().chars().take(Activity::PREVIEW_CHARS).collect()
}

fn activity(draft: ActivityDraft) -> Observation {
    Observation::Activity(Box::new(draft))
}

fn lead(id: &str, record: &Record, mapping: &Mapping) -> Result<Observation, String> {
    let created_at = record.instant("createdAt").ok_or("it has no createdAt")?;
    let text = |field| record.text(field).unwrap_or_default().to_owned();
    let email = record.text("emailAddress").map(str::to_lowercase);
    // EspoCRM keeps it when the lead is opened again.
    let converted_at = record.instant("convertedAt").filter(|_| record.text("status") == Some(CONVERTED));
    let lead = Lead {
        id: LeadId::from(id),
        name: full_name(record),
        first_name: text("firstName"),
        account_name: text("accountName"),
        status: text("status"),
        created_at,
        deleted: false,
        closed_at: converted_at,
        do_not_contact: record.flag("doNotContact"),
        do_not_call: record.flag("doNotCall"),
        email_opted_out: record.flag("emailAddressIsOptedOut"),
        phone_opted_out: record.flag("phoneNumberIsOptedOut"),
        owner: record.text("assignedUserId").map(UserId::from),
        teams: sorted(record.list("teamsIds").into_iter().map(TeamId::from)),
        phone: record.text("phoneNumber").map(str::to_owned),
        emails: addresses(record),
        email,
        source: text("source"),
    };
    let form = record
        .text("description")
        .filter(|_| mapping.is_inbound_source(&lead.source))
        .map(|description| Box::new(form_message(&lead, description)));
    Ok(Observation::Lead { lead: Box::new(lead), modified_at: record.instant("modifiedAt"), form })
}

fn form_message(lead: &Lead, description: &str) -> ActivityDraft {
    ActivityDraft {
        record: RecordRef::new("Lead", lead.id.as_str()),
        id: ActivityId(format!("Lead:{}", lead.id)),
        leads: vec![lead.id.clone()],
        mail: None,
        channel: Channel::Email,
        direction: Some(Direction::In),
        status: ActivityStatus::Sent,
        text: Some(preview(description)),
        timestamp: lead.created_at,
        created_at: None,
        auto_reply: false,
        appointment: None,
    }
}

fn full_name(record: &Record) -> String {
    let parts: Vec<&str> = ["firstName", "lastName"].into_iter().filter_map(|field| record.text(field)).collect();
    record.text("name").map_or_else(|| parts.join(" "), str::to_owned)
}

/// The primary address and, where the answer has them, all others: lower case, sorted.
fn addresses(record: &Record) -> Vec<String> {
    let data = record.0.get("emailAddressData").and_then(|data| data.as_array()).map(Vec::as_slice).unwrap_or_default();
    let others = data.iter().filter_map(|entry| entry.get("emailAddress")?.as_str());
    sorted(record.text("emailAddress").into_iter().chain(others).map(|address| address.trim().to_lowercase()))
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items.dedup();
    items
}

fn user(id: &str, record: &Record) -> User {
    let text = |field| record.text(field).unwrap_or_default().to_owned();
    User {
        id: UserId::from(id),
        user_name: text("userName"),
        name: full_name(record),
        first_name: text("firstName"),
        active: !record.has("isActive") || record.flag("isActive"),
        kind: text("type"),
        emails: addresses(record),
    }
}

/// A `MaxAlert` record, or why it is none of ours.
pub(super) fn alert_record(id: &str, record: &Record) -> Result<AlertRecord, String> {
    Ok(AlertRecord {
        crm_id: id.to_owned(),
        dedup_key: record.text("dedupKey").ok_or("it has no dedupKey: M.A.X. did not write it")?.to_owned(),
        status: record.text("status").ok_or("it has no status")?.to_owned(),
        snoozed_until: record.instant("snoozedUntil"),
        modified_at: record.instant("modifiedAt").ok_or("it has no modifiedAt")?,
        modified_by: record.text("modifiedById").map(UserId::from),
        modified_by_name: record.text("modifiedByName").unwrap_or_default().to_owned(),
    })
}

/// The activity that a record means; `None` when it means nothing for want of a date.
fn draft(meaning: &Meaning, reference: &RecordRef, record: &Record, zone: Tz) -> Result<Option<ActivityDraft>, String> {
    let status = tell("status", &meaning.status, record, ActivityStatus::parse)?;
    let Some(timestamp) = instant(meaning, record, status, zone) else {
        let at = &meaning.at;
        return if meaning.undated_is_nothing { Ok(None) } else { Err(format!("`{at}` holds no instant")) };
    };
    let direction = match &meaning.direction {
        Some(told) => Some(tell("direction", told, record, Direction::parse)?),
        None => None,
    };
    // What we wrote carries our own id, whatever the table says of calls.
    let ours = ["Call", "Email"].contains(&reference.entity.as_str()).then(|| record.text(CALL_KEY)).flatten();
    let key = meaning.key.as_deref().and_then(|field| record.text(field)).or(ours);
    Ok(Some(ActivityDraft {
        record: reference.clone(),
        id: ActivityId(key.map_or_else(|| reference.to_string(), str::to_owned)),
        leads: linked_leads(meaning, record),
        mail: meaning.mail.then(|| mail_addresses(record)),
        channel: tell("channel", &meaning.channel, record, Channel::parse)?,
        direction,
        status,
        text: text(meaning, record),
        timestamp,
        created_at: (status == ActivityStatus::Planned).then(|| record.instant("createdAt")).flatten(),
        auto_reply: meaning.mail && record.flag("isAutoReply"),
        appointment: Some(status)
            .filter(|status| *status == ActivityStatus::Planned)
            .and_then(|_| planned(reference, record)),
    }))
}

/// For whom a planned call or meeting is, and until when; one that takes a whole day has no hours.
fn planned(reference: &RecordRef, record: &Record) -> Option<Planned> {
    let is_call = reference.entity == CALL;
    let is_dated = record.date("dateStartDate").is_some();
    let known = is_call || reference.entity == MEETING && !is_dated;
    known.then(|| Planned {
        user: record.text("assignedUserId").map(UserId::from),
        end: record.instant("dateEnd"),
        is_call,
    })
}

fn tell<T: Copy>(what: &str, told: &Told<T>, record: &Record, parse: impl Fn(&str) -> Option<T>) -> Result<T, String> {
    match told {
        Told::Is(value) => Ok(*value),
        Told::InField(field) => {
            parse(&record.compared(field)).ok_or_else(|| format!("`{field}` holds no {what} that M.A.X. knows"))
        }
    }
}

fn instant(meaning: &Meaning, record: &Record, status: ActivityStatus, zone: Tz) -> Option<Timestamp> {
    match meaning.at_date.as_deref().and_then(|field| record.date(field)) {
        Some(day) if status == ActivityStatus::Planned => {
            Some(start_of(day.checked_add_days(Days::new(1))?, zone)?.plus(-1))
        }
        Some(day) => start_of(day, zone),
        None => record.instant(&meaning.at),
    }
}

/// The first instant of a day in a zone, also where that day has no midnight.
fn start_of(day: NaiveDate, zone: Tz) -> Option<Timestamp> {
    let midnight = day.and_time(NaiveTime::MIN);
    let first = (0..=3).find_map(|hours| zone.from_local_datetime(&(midnight + TimeDelta::hours(hours))).earliest())?;
    Some(Timestamp(first.timestamp()))
}

fn linked_leads(meaning: &Meaning, record: &Record) -> Vec<LeadId> {
    let mut leads = Vec::new();
    for link in &meaning.lead_links {
        if link == "parentId" && record.text("parentType").is_some_and(|kind| kind != "Lead") {
            continue;
        }
        leads.extend(record.text(link).into_iter().chain(record.list(link)).map(LeadId::from));
    }
    sorted(leads.into_iter())
}

fn mail_addresses(record: &Record) -> MailAddresses {
    let from = record.text("fromEmailAddressName").or_else(|| record.text("from")).unwrap_or_default();
    let mut to = record.values("toEmailAddressesNames");
    if to.is_empty() {
        to = record.text("to").unwrap_or_default().split([';', ',']).map(str::trim).collect();
    }
    MailAddresses {
        from: from.to_lowercase(),
        to: sorted(to.into_iter().filter(|address| !address.is_empty()).map(str::to_lowercase)),
        replied_id: record.text("repliedId").map(str::to_owned),
        subject: record.text("name").unwrap_or_default().to_owned(),
    }
}

fn text(meaning: &Meaning, record: &Record) -> Option<String> {
    let found = meaning.text.iter().find_map(|field| record.text(field)).map(preview);
    // The last resort, a mail's subject, comes with every list: only the first field tells that texts were asked for.
    let fetched = meaning.text.first().is_some_and(|field| record.has(field));
    if meaning.text_later && !fetched { None } else { Some(found.unwrap_or_default()) }
}

#[cfg(test)]
mod tests;
