//! Which record is which activity: a table (`templates/espocrm-activities.toml`, or the configuration's entries)
//! and the pure functions that read records by it.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate, NaiveTime, TimeZone};
use chrono_tz::Tz;
use serde::Deserialize;

use super::html;
use super::record::Record;
use crate::domain::activity::Activity;
use crate::domain::observation::{ActivityDraft, AlertRecord, MailAddresses, Observation, RecordRef};
use crate::domain::{
    ActivityId, ActivityStatus, Channel, Direction, Lead, LeadId, Team, TeamId, Timestamp, User, UserId,
};

/// The built-in table.
const BUILT_IN: &str = include_str!("../../templates/espocrm-activities.toml");

/// Entity types that are read as what they are, and so can mean no activity.
const OWN_MEANING: [&str; 4] = ["Lead", "User", "Team", "MaxAlert"];

/// One row of the table, as written; the built-in file explains the fields.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "templates/espocrm-activities.toml explains the fields where people read them")]
pub struct Entry {
    pub entity: String,
    #[serde(default)]
    pub when: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub unless: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub nothing: bool,
    pub channel: Option<String>,
    pub direction: Option<String>,
    pub status: Option<String>,
    pub at: Option<String>,
    pub at_date: Option<String>,
    pub undated: Option<String>,
    #[serde(default)]
    pub text: Vec<String>,
    #[serde(default)]
    pub text_later: bool,
    #[serde(default)]
    pub lead_links: Vec<String>,
    #[serde(default)]
    pub mail: bool,
    pub key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    activity: Vec<Entry>,
}

/// Why a table cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("[[espocrm.activities]] entry {number} ({entity}): {problem}")]
pub struct MappingError {
    /// Which entry, from 1.
    pub number: usize,
    /// Its entity.
    pub entity: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// A record that should mean something and cannot be read. It is left out, and nothing else with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{record} cannot be read: {reason}")]
pub struct Malformed {
    /// Which one; its id is empty when it has none.
    pub record: RecordRef,
    /// Why.
    pub reason: String,
}

/// The checked table.
#[derive(Clone, Debug)]
pub struct Mapping {
    entries: BTreeMap<String, Vec<Rule>>,
    inbound_sources: Vec<String>,
}

#[derive(Clone, Debug)]
struct Rule {
    when: BTreeMap<String, Vec<String>>,
    unless: BTreeMap<String, Vec<String>>,
    /// `None`: such a record means nothing.
    meaning: Option<Meaning>,
}

#[derive(Clone, Debug)]
struct Meaning {
    channel: Told<Channel>,
    /// `None`: as the addresses say.
    direction: Option<Told<Direction>>,
    status: Told<ActivityStatus>,
    at: String,
    at_date: Option<String>,
    undated_is_nothing: bool,
    text: Vec<String>,
    text_later: bool,
    lead_links: Vec<String>,
    mail: bool,
    key: Option<String>,
}

/// A value that the table states, or the field that holds it.
#[derive(Clone, Debug)]
enum Told<T> {
    Is(T),
    InField(String),
}

impl Mapping {
    /// The built-in table, with all entries of an entity replaced by `entries` if these have any of that entity.
    /// Descriptions of leads whose source is among `inbound_sources` are messages.
    pub fn new(entries: &[Entry], inbound_sources: &[String]) -> Result<Self, MappingError> {
        let built_in: Table = toml::from_str(BUILT_IN).expect("the built-in table is tested");
        let mut mapping = Self { entries: group(&built_in.activity)?, inbound_sources: inbound_sources.to_vec() };
        mapping.entries.extend(group(entries)?);
        Ok(mapping)
    }

    /// The entity types whose records may mean activities, by name.
    pub fn activity_entities(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The attributes to select for an entity type: all that [`observe`] reads, and nothing that costs the CRM
    /// a query per row without need. `modifiedAt` is among them, texts fetched later are not.
    pub fn columns(&self, entity: &str) -> Vec<String> {
        let own: &[&str] = match entity {
            "Lead" => &LEAD_COLUMNS,
            "User" => &["id", "userName", "name", "firstName", "type", "isActive", "emailAddress", "modifiedAt"],
            "Team" => &["id", "name", "modifiedAt"],
            "MaxAlert" => &["id", "dedupKey", "status", "snoozedUntil", "modifiedAt", "modifiedById", "modifiedByName"],
            _ => return self.activity_columns(entity),
        };
        own.iter().map(|column| (*column).to_owned()).collect()
    }

    fn activity_columns(&self, entity: &str) -> Vec<String> {
        let mut columns = vec!["id".to_owned(), "modifiedAt".to_owned()];
        let mut add = |column: &str| {
            if !columns.iter().any(|known| known == column) {
                columns.push(column.to_owned());
            }
        };
        for rule in self.entries.get(entity).into_iter().flatten() {
            rule.when.keys().chain(rule.unless.keys()).for_each(|field| add(field));
            let Some(meaning) = &rule.meaning else { continue };
            if let Told::InField(field) = &meaning.channel {
                add(field);
            }
            if let Some(Told::InField(field)) = &meaning.direction {
                add(field);
            }
            if let Told::InField(field) = &meaning.status {
                add(field);
            }
            if matches!(meaning.status, Told::Is(ActivityStatus::Planned) | Told::InField(_)) {
                add("createdAt");
            }
            add(&meaning.at);
            meaning.at_date.iter().chain(&meaning.lead_links).chain(&meaning.key).for_each(|field| add(field));
            if !meaning.text_later {
                meaning.text.iter().for_each(|field| add(field));
            }
            if meaning.mail {
                MAIL_COLUMNS.into_iter().for_each(&mut add);
            }
        }
        columns
    }

    /// The fields of an entity type whose texts are fetched later, best first.
    pub fn later_text_fields(&self, entity: &str) -> Vec<String> {
        let rules = self.entries.get(entity).into_iter().flatten();
        let mut meanings = rules.filter_map(|rule| rule.meaning.as_ref()).filter(|meaning| meaning.text_later);
        meanings.next().map(|meaning| meaning.text.clone()).unwrap_or_default()
    }
}

/// `from` and `to` would cost four queries a row; the first two of these cost none and one.
const MAIL_COLUMNS: [&str; 4] = ["fromEmailAddressName", "toEmailAddressesIds", "repliedId", "isAutoReply"];

const LEAD_COLUMNS: [&str; 18] = [
    "id",
    "name",
    // Without these two the name can hold the mail address.
    "firstName",
    "lastName",
    "accountName",
    "status",
    "source",
    "description",
    "createdAt",
    "modifiedAt",
    "doNotCall",
    "doNotContact",
    "emailAddress",
    "emailAddressIsOptedOut",
    "phoneNumber",
    "phoneNumberIsOptedOut",
    "assignedUserId",
    "teamsIds",
];

fn group(entries: &[Entry]) -> Result<BTreeMap<String, Vec<Rule>>, MappingError> {
    let mut grouped: BTreeMap<String, Vec<Rule>> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        let rule = check(entry).map_err(|problem| MappingError {
            number: index + 1,
            entity: entry.entity.clone(),
            problem,
        })?;
        grouped.entry(entry.entity.clone()).or_default().push(rule);
    }
    Ok(grouped)
}

fn check(entry: &Entry) -> Result<Rule, String> {
    let entity = entry.entity.as_str();
    if !entity.starts_with(|c: char| c.is_ascii_uppercase()) || !entity.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err("entity must be the name of an entity type, such as \"Call\"".to_owned());
    }
    if OWN_MEANING.contains(&entity) {
        return Err(format!("a {entity} is read as what it is and cannot be an activity"));
    }
    if let Some((field, _)) = entry.when.iter().chain(&entry.unless).find(|(_, values)| values.is_empty()) {
        return Err(format!("the condition on `{field}` has no values"));
    }
    let meaning = if entry.nothing { check_nothing(entry)? } else { Some(check_meaning(entry)?) };
    Ok(Rule { when: entry.when.clone(), unless: entry.unless.clone(), meaning })
}

fn check_nothing(entry: &Entry) -> Result<Option<Meaning>, String> {
    let means = [&entry.channel, &entry.direction, &entry.status, &entry.at].into_iter().any(Option::is_some);
    if means {
        Err("nothing = true leaves no place for channel, direction, status and at".to_owned())
    } else {
        Ok(None)
    }
}

fn check_meaning(entry: &Entry) -> Result<Meaning, String> {
    let channel = told("channel", entry.channel.as_deref(), Channel::parse, &Channel::ALL.map(Channel::as_str))?;
    let direction = match entry.direction.as_deref() {
        Some("by_address") if entry.mail => None,
        Some("by_address") => return Err("direction = \"by_address\" needs mail = true".to_owned()),
        other => Some(told("direction", other, Direction::parse, &["in", "out", "by_address"])?),
    };
    let statuses = ActivityStatus::ALL.map(ActivityStatus::as_str);
    let status = told("status", entry.status.as_deref(), ActivityStatus::parse, &statuses)?;
    let undated_is_nothing = match entry.undated.as_deref() {
        None => false,
        Some("nothing") => true,
        Some(other) => return Err(format!("undated = \"{other}\": only \"nothing\" can be said")),
    };
    if let Some(link) = entry.lead_links.iter().find(|link| !link.ends_with("Id") && !link.ends_with("Ids")) {
        return Err(format!("lead_links name attributes such as \"parentId\" or \"leadsIds\", not \"{link}\""));
    }
    if entry.lead_links.is_empty() && !entry.mail {
        return Err("lead_links is empty: no lead would ever be found".to_owned());
    }
    Ok(Meaning {
        channel,
        direction,
        status,
        at: entry.at.clone().ok_or("`at` is missing: the datetime field that says when")?,
        at_date: entry.at_date.clone(),
        undated_is_nothing,
        text: entry.text.clone(),
        text_later: entry.text_later,
        lead_links: entry.lead_links.clone(),
        mail: entry.mail,
        key: entry.key.clone(),
    })
}

fn told<T>(
    what: &str,
    written: Option<&str>,
    parse: impl Fn(&str) -> Option<T>,
    allowed: &[&str],
) -> Result<Told<T>, String> {
    let written = written.ok_or_else(|| format!("`{what}` is missing: one of {}", allowed.join(", ")))?;
    match written.strip_prefix('@') {
        Some("") => Err(format!("{what} = \"@\" names no field")),
        Some(field) => Ok(Told::InField(field.to_owned())),
        None => parse(written)
            .map(Told::Is)
            .ok_or_else(|| format!("{what} = \"{written}\" is none of {}, \"@field\"", allowed.join(", "))),
    }
}

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

impl Mapping {
    fn meaning_of(&self, entity: &str, record: &Record) -> Option<&Meaning> {
        let has = |(field, values): (&String, &Vec<String>)| holds(record, field, values);
        let rules = self.entries.get(entity).into_iter().flatten();
        let mut fitting = rules.filter(|rule| rule.when.iter().all(has) && !rule.unless.iter().any(has));
        fitting.next()?.meaning.as_ref()
    }
}

fn holds(record: &Record, field: &str, values: &[String]) -> bool {
    let is = record.compared(field);
    // A checkbox that is absent is not set.
    values.iter().any(|value| *value == is || (value == "false" && is.is_empty()))
}

fn lead(id: &str, record: &Record, mapping: &Mapping) -> Result<Observation, String> {
    let created_at = record.instant("createdAt").ok_or("it has no createdAt")?;
    let status = record.text("status").ok_or("it has no status")?.to_owned();
    let text = |field| record.text(field).unwrap_or_default().to_owned();
    let email = record.text("emailAddress").map(str::to_lowercase);
    let lead = Lead {
        id: LeadId::from(id),
        name: full_name(record),
        first_name: text("firstName"),
        account_name: text("accountName"),
        status,
        created_at,
        deleted: false,
        closed_at: None,
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
        .filter(|_| mapping.inbound_sources.contains(&lead.source))
        .map(|description| Box::new(form_message(&lead, description)));
    Ok(Observation::Lead { lead: Box::new(lead), form })
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
    let key = meaning.key.as_deref().and_then(|field| record.text(field));
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
    }))
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
    let first =
        (0..=3).find_map(|hours| zone.from_local_datetime(&(midnight + chrono::TimeDelta::hours(hours))).earliest())?;
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
    }
}

fn text(meaning: &Meaning, record: &Record) -> Option<String> {
    let found = meaning.text.iter().find_map(|field| record.text(field)).map(preview);
    let fetched = meaning.text.iter().any(|field| record.has(field));
    if meaning.text_later && !fetched { None } else { Some(found.unwrap_or_default()) }
}

#[cfg(test)]
mod tests;
