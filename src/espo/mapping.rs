//! Which record is which activity: a table (`templates/espocrm-activities.toml`, or the configuration's entries),
//! checked once, and what it asks the CRM to show of each record.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::deeds::CALL_KEY;
use super::observe::{CALL, MEETING};
use super::record::Record;
use crate::domain::{ActivityStatus, Channel, Direction};

/// The built-in table.
const BUILT_IN: &str = include_str!("../../templates/espocrm-activities.toml");

/// Entity types that are read as what they are, and so can mean no activity.
const OWN_MEANING: [&str; 5] = ["Lead", "User", "Team", "MaxAlert", "MaxLink"];

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
    /// The fields without which a record cannot be told from others, each with the key that names it.
    vital: Vec<(String, &'static str)>,
    /// The entry's number in its table, from 1.
    number: usize,
    /// Whether it stands in the configuration, not in the built-in table.
    configured: bool,
}

/// What a record that an entry fits means.
#[derive(Clone, Debug)]
pub(super) struct Meaning {
    pub channel: Told<Channel>,
    /// `None`: as the addresses say.
    pub direction: Option<Told<Direction>>,
    pub status: Told<ActivityStatus>,
    pub at: String,
    pub at_date: Option<String>,
    pub undated_is_nothing: bool,
    pub text: Vec<String>,
    pub text_later: bool,
    pub lead_links: Vec<String>,
    pub mail: bool,
    pub key: Option<String>,
}

/// A value that the table states, or the field that holds it.
#[derive(Clone, Debug)]
pub(super) enum Told<T> {
    Is(T),
    InField(String),
}

impl Mapping {
    /// The built-in table, with all entries of an entity replaced by `entries` if these have any of that entity.
    /// Descriptions of leads whose source is among `inbound_sources` are messages.
    pub fn new(entries: &[Entry], inbound_sources: &[String]) -> Result<Self, MappingError> {
        let built_in: Table = toml::from_str(BUILT_IN).expect("the built-in table is tested");
        let inbound_sources = inbound_sources.to_vec();
        let mut mapping = Self { entries: group(&built_in.activity, false)?, inbound_sources };
        mapping.entries.extend(group(entries, true)?);
        Ok(mapping)
    }

    /// The entity types whose records may mean activities, by name. One whose records never mean anything is not even
    /// looked at.
    pub fn activity_entities(&self) -> impl Iterator<Item = &str> {
        let means = |rules: &[Rule]| rules.iter().any(|rule| rule.meaning.is_some());
        self.entries.iter().filter(move |(_, rules)| means(rules)).map(|(entity, _)| entity.as_str())
    }

    /// The attributes by which records of an entity type name leads.
    pub fn lead_links(&self, entity: &str) -> Vec<&str> {
        let rules = self.entries.get(entity).into_iter().flatten();
        let meanings = rules.filter_map(|rule| rule.meaning.as_ref());
        let mut links: Vec<&str> = meanings.flat_map(|meaning| &meaning.lead_links).map(String::as_str).collect();
        links.sort_unstable();
        links.dedup();
        links
    }

    /// Whether leads are found by the addresses on records of an entity type.
    pub fn is_mail(&self, entity: &str) -> bool {
        let rules = self.entries.get(entity).into_iter().flatten();
        rules.filter_map(|rule| rule.meaning.as_ref()).any(|meaning| meaning.mail)
    }

    /// What a listed record lacks of what it takes to understand it: the attribute, and what names it. EspoCRM leaves
    /// out what does not exist or may not be read, though it was asked for; an empty field is there, as null.
    pub(super) fn lacking(&self, entity: &str, record: &Record) -> Option<(String, String)> {
        if entity == "Lead" {
            let vital = VITAL_OF_A_LEAD.into_iter().find(|column| !record.has(column));
            return vital.map(|column| (column.to_owned(), "every CRM has it, and M.A.X.".to_owned()));
        }
        let rules = self.entries.get(entity).into_iter().flatten();
        let mut vital = rules.flat_map(|rule| rule.vital.iter().map(move |(field, key)| (rule, field, key)));
        vital.find(|(_, field, _)| !record.has(field)).map(|(rule, field, key)| {
            let table = if rule.configured { "[[espocrm.activities]]" } else { "the built-in table of activities" };
            let number = rule.number;
            (field.clone(), format!("`{key}` of entry {number} of {table}"))
        })
    }

    /// The attributes to select for an entity type: all that [`super::observe()`] reads, and nothing that costs the CRM
    /// a query per row without need. `modifiedAt` is among them, texts fetched later are not.
    pub fn columns(&self, entity: &str) -> Vec<String> {
        let own: &[&str] = match entity {
            "Lead" => &LEAD_COLUMNS,
            "User" => &["id", "userName", "name", "firstName", "type", "isActive", "emailAddress", "modifiedAt"],
            "Team" => &["id", "name", "modifiedAt"],
            "MaxAlert" => &["id", "dedupKey", "status", "snoozedUntil", "modifiedAt", "modifiedById", "modifiedByName"],
            "MaxLink" => &["id", "status", "modifiedAt"],
            _ => return self.activity_columns(entity),
        };
        own.iter().map(|column| (*column).to_owned()).collect()
    }

    fn activity_columns(&self, entity: &str) -> Vec<String> {
        let mut columns = vec!["id".to_owned(), "modifiedAt".to_owned()];
        if entity == CALL || entity == "Email" {
            columns.push(CALL_KEY.to_owned());
        }
        if entity == CALL || entity == MEETING {
            columns.extend(["assignedUserId", "dateEnd"].map(str::to_owned));
        }
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

    /// What the table says of a record; `None` when such a record means nothing.
    pub(super) fn meaning_of(&self, entity: &str, record: &Record) -> Option<&Meaning> {
        let has = |(field, values): (&String, &Vec<String>)| holds(record, field, values);
        let rules = self.entries.get(entity).into_iter().flatten();
        let mut fitting = rules.filter(|rule| rule.when.iter().all(has) && !rule.unless.iter().any(has));
        fitting.next()?.meaning.as_ref()
    }

    /// Whether the description of leads from this source is a message of theirs.
    pub(super) fn is_inbound_source(&self, source: &str) -> bool {
        self.inbound_sources.iter().any(|inbound| inbound == source)
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

const LEAD_COLUMNS: [&str; 19] = [
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
    "convertedAt",
    "doNotCall",
    "doNotContact",
    "emailAddress",
    "emailAddressIsOptedOut",
    "phoneNumber",
    "phoneNumberIsOptedOut",
    "assignedUserId",
    "teamsIds",
];

/// Without these a lead cannot be judged. Of its other columns, some exist in a few CRMs only.
const VITAL_OF_A_LEAD: [&str; 4] = ["createdAt", "modifiedAt", "status", "assignedUserId"];

fn group(entries: &[Entry], configured: bool) -> Result<BTreeMap<String, Vec<Rule>>, MappingError> {
    let mut grouped: BTreeMap<String, Vec<Rule>> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        let rule = check(entry, index + 1, configured).map_err(|problem| MappingError {
            number: index + 1,
            entity: entry.entity.clone(),
            problem,
        })?;
        grouped.entry(entry.entity.clone()).or_default().push(rule);
    }
    Ok(grouped)
}

fn check(entry: &Entry, number: usize, configured: bool) -> Result<Rule, String> {
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
    let vital = vital(entry);
    Ok(Rule { when: entry.when.clone(), unless: entry.unless.clone(), meaning, vital, number, configured })
}

/// The fields that decide what a record means, to whom and when, each with the key that names it. Without its text a
/// record still means something.
fn vital(entry: &Entry) -> Vec<(String, &'static str)> {
    let in_field = |told: &Option<String>| told.as_deref()?.strip_prefix('@').map(str::to_owned);
    let named = [
        (in_field(&entry.channel), "channel"),
        (in_field(&entry.direction), "direction"),
        (in_field(&entry.status), "status"),
        (entry.at.clone(), "at"),
        (entry.at_date.clone(), "at_date"),
        (entry.key.clone(), "key"),
    ];
    let conditions = entry.when.keys().map(|field| (field.clone(), "when"));
    let exceptions = entry.unless.keys().map(|field| (field.clone(), "unless"));
    let links = entry.lead_links.iter().map(|link| (link.clone(), "lead_links"));
    let named = named.into_iter().filter_map(|(field, key)| Some((field?, key)));
    conditions.chain(exceptions).chain(named).chain(links).collect()
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

fn holds(record: &Record, field: &str, values: &[String]) -> bool {
    let is = record.compared(field);
    // A checkbox that is absent is not set.
    values.iter().any(|value| *value == is || (value == "false" && is.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(toml: &str) -> Vec<Entry> {
        toml::from_str::<Table>(toml).unwrap().activity
    }

    #[test]
    fn mistakes_in_a_table_are_explained() {
        let base =
            "entity = 'X'\nchannel = 'call'\ndirection = 'out'\nstatus = 'sent'\nat = 'd'\nlead_links = ['leadId']\n";
        let replaced = |from: &str, to: &str| format!("[[activity]]\n{}", base.replace(from, to));
        let cases = [
            (replaced("'call'", "'fax'"), "channel = \"fax\" is none of whatsapp, email, call, manual"),
            (replaced("channel = 'call'\n", ""), "`channel` is missing"),
            (replaced("'out'", "'by_address'"), "needs mail = true"),
            (replaced("'leadId'", "'lead'"), "not \"lead\""),
            (replaced("['leadId']", "[]"), "no lead would ever be found"),
            (replaced("'X'", "'Lead'"), "cannot be an activity"),
            (replaced("'X'", "'../x'"), "entity must be the name"),
            (replaced("at = 'd'", "nothing = true"), "leaves no place"),
            (replaced("at = 'd'", "at = 'd'\nwhen = { status = [] }"), "the condition on `status` has no values"),
        ];
        for (table, problem) in cases {
            let error = Mapping::new(&entries(&table), &[]).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
            assert!(error.starts_with("[[espocrm.activities]] entry 1 ("), "{error}");
        }
        assert!(toml::from_str::<Table>(&format!("[[activity]]\n{base}chanel = 'call'")).is_err());
    }
}
