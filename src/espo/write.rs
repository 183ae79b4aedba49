//! Bringing our records in the CRM to the state they should have, as often as needed with the same outcome: every
//! record carries a unique key, which is looked up before anything is created and after every lost answer.

use serde_json::{Map, Value, json};

use super::client::{Client, ListQuery, Where};
use super::error::{Error, ErrorKind};
use super::observe::alert_record;
use super::record::Record;
use crate::domain::alert::{ChannelRate, Via};
use crate::domain::event::{EVENTS_TOLD, Event, EventKind};
use crate::domain::insight::{LeadInsight, Touch};
use crate::domain::observation::{AlertRecord, RecordRef};
use crate::domain::{Activity, Alert, AlertState, Anchor, Channel, CloseReason, Lead, TeamId, Timestamp, UserId};

const ALERT: &str = "MaxAlert";
const ACTIVITY: &str = "MaxActivity";
const INSIGHT: &str = "MaxInsight";
/// The attribute that holds the key of our own records.
const DEDUP_KEY: &str = "dedupKey";

/// The lengths of the extension's text fields, in characters.
const ALERT_NAME_CHARS: usize = 500;
const ACTIVITY_NAME_CHARS: usize = 255;
const INSIGHT_NAME_CHARS: usize = 255;
const SUGGESTED_ACTION_CHARS: usize = 255;
const RESOLVED_BY_CHARS: usize = 150;
/// Below the 10,000 at which listed texts are cut, since what is listed is compared with what should be.
const EVIDENCE_CHARS: usize = 5_000;
const DRAFT_CHARS: usize = 5_000;
const WHO_CHARS: usize = 150;

/// Links without which a record is written when it cannot be with them, each with its attributes.
const MAY_LEAD_NOWHERE: [(&str, &[&str]); 5] = [
    ("assignedUser", &["assignedUserId"]),
    ("teams", &["teamsIds"]),
    ("message", &["messageType", "messageId"]),
    ("resolvedByUser", &["resolvedByUserId"]),
    ("doneBy", &["doneById"]),
];
/// What the first versions of the extension did not have. Such a CRM leaves them out of its answers, and there is no
/// use in writing them.
const NOT_EVERYWHERE: [&str; 5] = ["history", "messageType", "messageId", "draft", "resolvedByUserId"];

/// An alert as its `MaxAlert` record should be.
#[derive(Clone, Debug)]
pub struct AlertWrite<'a> {
    /// The alert.
    pub alert: &'a Alert,
    /// What it says, in words; the record's name.
    pub name: &'a str,
    /// The first suggested action, in words.
    pub suggested_action: &'a str,
    /// What it rests on, in words.
    pub evidence: &'a str,
    /// Further data as the API gives them; an object or null.
    pub metadata: Value,
    /// What happened to it, oldest first.
    pub history: &'a [Event],
    /// The record that triggered it, if it is one.
    pub message: Option<&'a RecordRef>,
    /// A message to the lead, prepared; plain text.
    pub draft: Option<&'a str>,
    /// The record's id in the CRM, once known.
    pub crm_id: Option<&'a str>,
    /// The record's `modifiedAt` as last written or seen by us. What a person changed after it is not overwritten.
    pub seen: Option<Timestamp>,
}

/// An activity as its `MaxActivity` record should be.
#[derive(Clone, Debug)]
pub struct ActivityWrite<'a> {
    /// The activity; its id is the record's key.
    pub activity: &'a Activity,
    /// What it is, in words; the record's name.
    pub name: &'a str,
    /// The lead's owner.
    pub owner: Option<&'a UserId>,
    /// The lead's teams.
    pub teams: &'a [TeamId],
    /// Who did it, when a user did so by button: the record itself is always made by our own user.
    pub done_by: Option<&'a UserId>,
    /// The record's id in the CRM, once known.
    pub crm_id: Option<&'a str>,
}

/// What is known of a lead, as its `MaxInsight` record should be.
#[derive(Clone, Copy, Debug)]
pub struct InsightWrite<'a> {
    /// The lead; its id is the record's key.
    pub lead: &'a Lead,
    /// What is known.
    pub insight: &'a LeadInsight,
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// The record is as it should be.
    Done {
        /// Its id in the CRM.
        crm_id: String,
        /// Its `modifiedAt`.
        modified_at: Option<Timestamp>,
    },
    /// The record known by its id is gone: a person deleted it. Nothing was written.
    Gone,
    /// A person changed the alert's status or snooze since it was last seen. Nothing was written: observe this
    /// first, then write with its `modified_at` as `seen`.
    Touched(AlertRecord),
    /// The alert's record, which was not known by its id, tells of what we do not know: our store was lost. Nothing was
    /// written: take these over, then write.
    Remembers(Vec<Event>),
}

/// Brings an alert's record to its present state. `me` is our own user ([`Client::api_user`]).
pub async fn upsert_alert(client: &Client, me: &UserId, write: &AlertWrite<'_>) -> Result<Written, Error> {
    let wanted = Wanted {
        entity: ALERT,
        keyed_by: DEDUP_KEY,
        key: write.alert.id.as_str(),
        crm_id: write.crm_id,
        attributes: alert_attributes(write),
    };
    let is_news = |current: &Record| {
        let remembered = remembered(current, &wanted.attributes, write).map(Written::Remembers);
        remembered.or_else(|| person_changed(current, &wanted.attributes, me, write.seen).map(Written::Touched))
    };
    wanted.bring_about(client, is_news).await
}

/// Brings the record of an activity that we were told of to its present state.
pub async fn upsert_activity(client: &Client, write: &ActivityWrite<'_>) -> Result<Written, Error> {
    let wanted = Wanted {
        entity: ACTIVITY,
        keyed_by: DEDUP_KEY,
        key: write.activity.id.as_str(),
        crm_id: write.crm_id,
        attributes: activity_attributes(write),
    };
    wanted.bring_about(client, |_| None).await
}

/// Brings a lead's `MaxInsight` record to `attributes` ([`insight_attributes`]), and returns its id. Nobody but us writes
/// these records, so that one that is known (`crm_id`) is not read before.
pub async fn upsert_insight(
    client: &Client,
    attributes: &Map<String, Value>,
    crm_id: Option<&str>,
) -> Result<String, Error> {
    let key = attributes.get("dedupKey").and_then(Value::as_str).unwrap_or_default();
    let wanted = Wanted { entity: INSIGHT, keyed_by: DEDUP_KEY, key, crm_id: None, attributes: attributes.clone() };
    if let Some(id) = crm_id {
        match wanted.send(client, Some(id), attributes).await {
            Err(Error { kind: ErrorKind::NotFound, .. }) => {}
            written => return written.map(|_| id.to_owned()),
        }
    }
    let existing = match wanted.create(client).await? {
        Created::New(record) => return Ok(record.id().unwrap_or_default().to_owned()),
        Created::Existed(record) => record.id().unwrap_or_default().to_owned(),
    };
    wanted.send(client, Some(&existing), attributes).await.map(|_| existing)
}

/// A record that should exist, and what it should hold.
pub(super) struct Wanted<'a> {
    pub entity: &'static str,
    /// The attribute that holds its key.
    pub keyed_by: &'static str,
    pub key: &'a str,
    pub crm_id: Option<&'a str>,
    pub attributes: Map<String, Value>,
}

impl Wanted<'_> {
    async fn bring_about(
        &self,
        client: &Client,
        is_news: impl Fn(&Record) -> Option<Written>,
    ) -> Result<Written, Error> {
        let found = match self.crm_id {
            Some(id) => self.look_up(client, "id", id).await?,
            None => self.look_up(client, self.keyed_by, self.key).await?,
        };
        let current = match found {
            Some(current) => current,
            None if self.crm_id.is_some() => return Ok(Written::Gone),
            None => match self.create(client).await? {
                Created::New(record) => return Ok(done(&record)),
                Created::Existed(current) => current,
            },
        };
        match is_news(&current) {
            Some(news) => Ok(news),
            None => self.update(client, &current).await,
        }
    }

    pub(super) async fn look_up(
        &self,
        client: &Client,
        by: &'static str,
        value: &str,
    ) -> Result<Option<Record>, Error> {
        let extra = ["id", "modifiedAt", "modifiedById", "modifiedByName"];
        let own = self.attributes.keys().map(String::as_str);
        let select: Vec<String> = extra.into_iter().chain(own).map(str::to_owned).collect();
        let conditions = vec![Where::Equals(by, value.to_owned())];
        let query = ListQuery { entity: self.entity, conditions, select: &select, order_by: "id", max_size: 1 };
        Ok(client.list(&query).await?.records.into_iter().next())
    }

    pub(super) async fn create(&self, client: &Client) -> Result<Created, Error> {
        let error = match self.send(client, None, &self.attributes).await {
            Ok(record) => return Ok(Created::New(record)),
            Err(error) => error,
        };
        if !error.outcome_unknown() && !matches!(error.kind, ErrorKind::Duplicate { .. }) {
            return Err(error);
        }
        // It may exist now: a unique-index violation is a 500, and an answer may have been lost.
        match self.look_up(client, self.keyed_by, self.key).await {
            Ok(Some(current)) => Ok(Created::Existed(current)),
            Ok(None) | Err(_) => Err(error),
        }
    }

    async fn update(&self, client: &Client, current: &Record) -> Result<Written, Error> {
        let mut changed = differing(current, &self.attributes);
        // Where leads were merged, their records hang on the one that is left, and there they stay: the lead we know
        // them by is gone, and EspoCRM would refuse the whole write.
        changed.remove("leadId");
        if changed.is_empty() {
            return Ok(done(current));
        }
        let id = current.id().unwrap_or_default();
        match self.send(client, Some(id), &changed).await {
            Ok(record) => Ok(Written::Done {
                crm_id: id.to_owned(),
                modified_at: record.instant("modifiedAt").or_else(|| current.instant("modifiedAt")),
            }),
            Err(Error { kind: ErrorKind::NotFound, .. }) => Ok(Written::Gone),
            Err(error) => Err(error),
        }
    }

    /// Creates or changes the record, and again without a link that is not needed when this leads nowhere: a lead may
    /// long keep the id of a user who was removed, a mail may have been deleted.
    async fn send(&self, client: &Client, id: Option<&str>, attributes: &Map<String, Value>) -> Result<Record, Error> {
        let mut remaining = attributes.clone();
        loop {
            let error = match self.send_once(client, id, &remaining).await {
                Ok(record) => return Ok(record),
                Err(error) => error,
            };
            let ErrorKind::NoSuchLink { reason } = &error.kind else { return Err(error) };
            let is_named = |link: &str| reason.contains(&format!("link: {link}."));
            let named = MAY_LEAD_NOWHERE.into_iter().filter(|(link, _)| is_named(link));
            let nowhere: Vec<&str> = named.flat_map(|(_, attributes)| attributes).copied().collect();
            let before = remaining.len();
            remaining.retain(|name, _| !nowhere.contains(&name.as_str()));
            if remaining.is_empty() || remaining.len() == before {
                return Err(error);
            }
        }
    }

    async fn send_once(
        &self,
        client: &Client,
        id: Option<&str>,
        attributes: &Map<String, Value>,
    ) -> Result<Record, Error> {
        match id {
            Some(id) => client.put(self.entity, id, attributes).await,
            None => client.post(self.entity, attributes).await,
        }
    }
}

/// What became of a creation.
pub(super) enum Created {
    /// It is there now.
    New(Record),
    /// It was there.
    Existed(Record),
}

fn done(record: &Record) -> Written {
    Written::Done { crm_id: record.id().unwrap_or_default().to_owned(), modified_at: record.instant("modifiedAt") }
}

fn alert_attributes(write: &AlertWrite<'_>) -> Map<String, Value> {
    let alert = write.alert;
    let resolution = alert.resolution();
    let opened_at = alert.opened_at.or(resolution.map(|resolution| resolution.at));
    let (status, snoozed_until, close_reason, resolved_at) = match &alert.state {
        AlertState::Open => ("Open", None, None, None),
        AlertState::Snoozed { until } => ("Snoozed", Some(*until), None, None),
        AlertState::Closed { reason, .. } => ("Closed", None, Some(reason.as_str()), None),
        AlertState::Resolved(resolution) => ("Resolved", None, None, Some(resolution.at)),
    };
    let anchor = match alert.anchor {
        Anchor::At(at) => at.to_string(),
        Anchor::Channel(channel) => channel.as_str().to_owned(),
    };
    attributes([
        ("name", json!(name(write.name, ALERT_NAME_CHARS))),
        ("type", json!(alert.alert_type.as_str())),
        ("severity", json!(alert.severity().as_str())),
        ("status", json!(status)),
        ("snoozedUntil", datetime(snoozed_until)),
        ("closeReason", json!(close_reason)),
        ("anchor", json!(anchor)),
        ("openedAt", datetime(opened_at)),
        ("dueAt", datetime(alert.due_at)),
        ("resolvedAt", datetime(resolved_at)),
        ("resolvedBy", json!(resolution.map(|resolution| cut(&resolution.by, RESOLVED_BY_CHARS)))),
        ("resolvedVia", json!(resolution.map(|resolution| resolution.via.as_str()))),
        ("suggestedAction", json!(cut(write.suggested_action, SUGGESTED_ACTION_CHARS))),
        ("evidence", json!(cut(write.evidence, EVIDENCE_CHARS))),
        ("metadata", write.metadata.clone()),
        ("history", write.history.iter().map(event).collect()),
        ("messageType", json!(write.message.map(|record| &record.entity))),
        ("messageId", json!(write.message.map(|record| &record.id))),
        ("draft", json!(write.draft.map(|text| cut(text, DRAFT_CHARS)))),
        ("resolvedByUserId", json!(resolution.and_then(|resolution| resolution.user.as_ref()))),
        ("dedupKey", json!(alert.id)),
        ("leadId", json!(alert.lead_id)),
        ("assignedUserId", json!(alert.owner)),
        ("teamsIds", json!(alert.teams)),
    ])
}

/// One item of an alert's history; what does not apply is left out.
fn event(event: &Event) -> Value {
    let optional = [
        ("who", json!(event.who.as_deref().map(|who| cut(who, WHO_CHARS)))),
        ("via", json!(event.via.map(Via::as_str))),
        ("until", json!(event.until)),
        ("reason", json!(event.reason.map(CloseReason::as_str))),
    ];
    let mut item = attributes([("at", json!(event.at)), ("step", json!(event.kind.as_str()))]);
    item.extend(
        optional.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)),
    );
    Value::Object(item)
}

fn activity_attributes(write: &ActivityWrite<'_>) -> Map<String, Value> {
    let activity = write.activity;
    let mut attributes = attributes([
        ("name", json!(name(write.name, ACTIVITY_NAME_CHARS))),
        ("channel", json!(activity.channel.as_str())),
        ("direction", json!(activity.direction.as_str())),
        ("status", json!(activity.status.as_str())),
        ("messagePreview", json!(cut(&activity.preview, Activity::PREVIEW_CHARS))),
        ("timestamp", datetime(Some(activity.timestamp))),
        ("readingIntent", json!(activity.reading.intent)),
        ("readingExpectsReply", json!(activity.reading.expects_reply)),
        ("readingAutoReply", json!(activity.reading.auto_reply)),
        ("dedupKey", json!(activity.id)),
        ("leadId", json!(activity.lead_id)),
        ("assignedUserId", json!(write.owner)),
        ("teamsIds", json!(write.teams)),
    ]);
    // Nobody's doing is not sent: what was noted of it stays.
    if let Some(user) = write.done_by {
        attributes.insert("doneById".to_owned(), json!(user));
    }
    attributes
}

/// What a lead's `MaxInsight` record says.
pub fn insight_attributes(write: &InsightWrite<'_>) -> Map<String, Value> {
    let InsightWrite { lead, insight } = write;
    let (at, on) = (
        |touch: Option<Touch>| datetime(touch.map(|touch| touch.at)),
        |touch: Option<Touch>| json!(touch.map(|touch| touch.channel.as_str())),
    );
    let rate = |rate: &ChannelRate| json!({"channel": rate.channel.as_str(), "sent": rate.attempts, "replied": rate.answered, "rate": rate.percent()});
    let hour = |hour: u32| format!("{:02}:00", hour % 24);
    let best = insight.best_time.map(|best| {
        json!({"weekday": best.weekday, "from": hour(best.from), "to": hour(best.to), "answers": best.answers, "of": best.of})
    });
    attributes([
        ("name", json!(name(&lead.name, INSIGHT_NAME_CHARS))),
        ("preferredChannel", json!(insight.preferred.map(Channel::as_str))),
        ("channels", insight.channels.iter().map(rate).collect()),
        ("bestTime", json!(best)),
        ("lastInAt", at(insight.last_in)),
        ("lastInChannel", on(insight.last_in)),
        ("lastOutAt", at(insight.last_out)),
        ("lastOutChannel", on(insight.last_out)),
        ("nextStepAt", at(insight.next_step)),
        ("nextStepChannel", on(insight.next_step)),
        ("dedupKey", json!(lead.id)),
        ("leadId", json!(lead.id)),
        ("assignedUserId", json!(lead.owner)),
        ("teamsIds", json!(lead.teams)),
    ])
}

fn attributes<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn datetime(at: Option<Timestamp>) -> Value {
    json!(at.map(Timestamp::to_espo))
}

fn cut(text: &str, chars: usize) -> String {
    let cut: String = text.trim().chars().take(chars).collect();
    cut.trim_end().to_owned()
}

/// A name on one line, without the three characters that EspoCRM refuses in names (`$noBadCharacters`).
fn name(text: &str, chars: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let name = cut(&line.replace('<', "‹").replace('>', "›").replace('=', "＝"), chars);
    if name.is_empty() { "M.A.X.".to_owned() } else { name }
}

/// What a record that is new to us tells of an alert's past that we do not know; nothing when all of it could not be told
/// any more.
fn remembered(current: &Record, wanted: &Map<String, Value>, write: &AlertWrite<'_>) -> Option<Vec<Event>> {
    let told = current.0.get("history").and_then(Value::as_array).filter(|_| write.crm_id.is_none())?;
    let known = wanted.get("history").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let unknown = told.iter().filter(|item| !known.iter().any(|known| same(known, item)));
    let unknown: Vec<Event> = unknown.filter_map(read_event).collect();
    (!unknown.is_empty() && unknown.len() + known.len() <= EVENTS_TOLD).then_some(unknown)
}

/// The inverse of [`event`]; `None` for what we did not write.
fn read_event(item: &Value) -> Option<Event> {
    let text = |name: &str| item.get(name).and_then(Value::as_str);
    let instant = |name: &str| text(name).and_then(|at| Timestamp::parse_rfc3339(at).ok());
    Some(Event {
        who: text("who").map(str::to_owned),
        via: Via::ALL.into_iter().find(|via| Some(via.as_str()) == text("via")),
        until: instant("until"),
        reason: CloseReason::ALL.into_iter().find(|reason| Some(reason.as_str()) == text("reason")),
        ..Event::new(instant("at")?, EventKind::parse(text("step")?)?)
    })
}

/// What a person made of an alert since it was last seen, if that is another status or snooze than is wanted.
fn person_changed(
    current: &Record,
    wanted: &Map<String, Value>,
    me: &UserId,
    seen: Option<Timestamp>,
) -> Option<AlertRecord> {
    let alert = alert_record(current.id()?, current).ok()?;
    // A record that we never wrote, as far as we know, and that is resolved: the store was lost, the act was not.
    let was_settled_before = seen.is_none() && alert.status == "Resolved";
    let by_person = was_settled_before || alert.modified_by.as_ref().is_some_and(|user| user != me);
    let unseen = seen.is_none_or(|seen| alert.modified_at > seen);
    let otherwise = ["status", "snoozedUntil"]
        .into_iter()
        .any(|field| !same(current.0.get(field).unwrap_or(&Value::Null), wanted.get(field).unwrap_or(&Value::Null)));
    (by_person && unseen && otherwise).then_some(alert)
}

/// The wanted attributes that the record does not have.
fn differing(current: &Record, wanted: &Map<String, Value>) -> Map<String, Value> {
    let differs = |name: &str, value: &Value| match current.0.get(name) {
        Some(shown) => !same(shown, value),
        None => !NOT_EVERYWHERE.contains(&name) && !is_nothing(value),
    };
    wanted
        .iter()
        .filter(|(name, value)| differs(name, value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Whether two values mean the same to EspoCRM: nothing is null, an empty text, an empty list or no; lists of ids
/// have no order; line ends are one.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => a.replace("\r\n", "\n").trim() == b.replace("\r\n", "\n").trim(),
        (Value::Array(a), Value::Array(b)) => {
            let is_in = |list: &[Value], item: &Value| list.iter().any(|other| same(other, item));
            a.len() == b.len() && (a.iter().zip(b).all(|(a, b)| same(a, b)) || a.iter().all(|item| is_in(b, item)))
        }
        (Value::Object(a), Value::Object(b)) => {
            let of = |fields: &Map<String, Value>, name: &str| fields.get(name).cloned().unwrap_or_default();
            a.keys().chain(b.keys()).all(|name| same(&of(a, name), &of(b, name)))
        }
        _ => a == b || (is_nothing(a) && is_nothing(b)),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(set) => !set,
        Value::Number(_) => false,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alert::{Cited, Resolution};
    use crate::domain::insight::BestTime;
    use crate::domain::{ActivityId, ActivityStatus, AlertId, AlertType, Direction, Evidence, LeadId, Reading};

    const T: Timestamp = Timestamp(1_772_355_600);

    fn alert(state: AlertState) -> Alert {
        let last_out = Cited {
            activity_id: ActivityId::from("Call:c1"),
            channel: Channel::Call,
            direction: Direction::Out,
            at: T,
            preview: String::new(),
        };
        Alert {
            id: AlertId::from("a0123456789abcdef"),
            lead_id: LeadId::from("l1"),
            alert_type: AlertType::NoReply3d,
            anchor: Anchor::At(T),
            state,
            opened_at: Some(T),
            openings: 1,
            due_at: None,
            evidence: Evidence::NoReply { last_out },
            owner: Some(UserId::from("u1")),
            teams: vec![TeamId::from("t1"), TeamId::from("t2")],
        }
    }

    fn write(alert: &Alert) -> AlertWrite<'_> {
        AlertWrite {
            alert,
            name: "Dernier message le 1er mars, sans réponse",
            suggested_action: "Relance douce",
            evidence: "Appel du 1er mars",
            metadata: json!({"preferredChannel": "call"}),
            history: &[],
            message: None,
            draft: None,
            crm_id: None,
            seen: None,
        }
    }

    fn activity() -> Activity {
        Activity {
            id: ActivityId::from("wa-1"),
            lead_id: LeadId::from("l1"),
            channel: Channel::Whatsapp,
            direction: Direction::In,
            status: ActivityStatus::Read,
            preview: "Bonjour".to_owned(),
            timestamp: T,
            created_at: None,
            reading: Reading::default(),
            first_seen: T,
            fresh_as_of: T,
        }
    }

    fn defs(entity: &str) -> Value {
        let text = match entity {
            ALERT => include_str!(
                "../../templates/espocrm/files/custom/Espo/Modules/Max/Resources/metadata/entityDefs/MaxAlert.json"
            ),
            INSIGHT => include_str!(
                "../../templates/espocrm/files/custom/Espo/Modules/Max/Resources/metadata/entityDefs/MaxInsight.json"
            ),
            _ => include_str!(
                "../../templates/espocrm/files/custom/Espo/Modules/Max/Resources/metadata/entityDefs/MaxActivity.json"
            ),
        };
        serde_json::from_str(text).unwrap()
    }

    /// Writes that the extension's own field definitions refuse would fail at the customer's, not here.
    fn assert_accepted(entity: &str, attributes: &Map<String, Value>) {
        let fields = &defs(entity)["fields"];
        for (attribute, value) in attributes {
            let field = ["", "Ids", "Id", "Type"].into_iter().filter_map(|suffix| attribute.strip_suffix(suffix));
            let definition = field.map(|field| &fields[field]).find(|found| !found.is_null()).unwrap_or(&Value::Null);
            assert!(!definition.is_null(), "{entity}.{attribute} is no field");
            if definition["required"] == true {
                assert!(!is_nothing(value), "{entity}.{attribute} is required");
            }
            if let Some(options) = definition["options"].as_array() {
                assert!(value.is_null() || options.contains(value), "{entity}.{attribute} = {value}");
            }
            if let (Some(limit), Some(text)) = (definition["maxLength"].as_u64(), value.as_str()) {
                assert!(text.chars().count() as u64 <= limit, "{entity}.{attribute} is too long");
            }
        }
        for (field, definition) in fields.as_object().unwrap() {
            let given = [field.clone(), format!("{field}Id")].iter().any(|name| attributes.contains_key(name));
            assert!(given || definition["required"] != true, "{entity}.{field} is required");
        }
    }

    #[test]
    fn the_extension_accepts_every_alert_and_activity() {
        let resolution = Resolution {
            at: T,
            by: "x".repeat(400),
            user: None,
            via: Via::Telegram,
            note: String::new(),
            act: AlertId::from("a1"),
        };
        let mut states = vec![AlertState::Open, AlertState::Snoozed { until: T }, AlertState::Resolved(resolution)];
        states.extend(CloseReason::ALL.map(|reason| AlertState::Closed { at: T, reason }));
        for state in states {
            for alert_type in AlertType::ALL {
                let alert = Alert { alert_type, ..alert(state.clone()) };
                let long = "très long ".repeat(2_000);
                let (name, message) = (long.as_str(), RecordRef::new("Email", "m1"));
                let write = AlertWrite {
                    name,
                    suggested_action: name,
                    evidence: name,
                    draft: Some(name),
                    message: Some(&message),
                    ..write(&alert)
                };
                assert_accepted(ALERT, &alert_attributes(&write));
            }
        }
        let activity = activity();
        let write = ActivityWrite {
            activity: &activity,
            name: "WhatsApp reçu",
            owner: None,
            teams: &[],
            done_by: None,
            crm_id: None,
        };
        assert_accepted(ACTIVITY, &activity_attributes(&write));
    }

    #[test]
    fn the_extension_accepts_what_is_known_of_a_lead() {
        let lead = Lead {
            name: "Sophie ".repeat(90),
            owner: Some(UserId::from("u1")),
            teams: vec![TeamId::from("t1")],
            ..Lead::new(LeadId::from("l1"), "New", T)
        };
        for channel in Channel::ALL {
            let touch = Some(Touch { at: T, channel });
            let best = BestTime { weekday: Some(7), from: 23, to: 24, answers: 2, of: 4 };
            let insight = LeadInsight {
                preferred: Some(channel),
                channels: vec![ChannelRate { channel, answered: 2, attempts: 3 }],
                best_time: Some(best),
                last_in: touch,
                last_out: touch,
                next_step: touch,
            };
            let attributes = insight_attributes(&InsightWrite { lead: &lead, insight: &insight });
            assert_accepted(INSIGHT, &attributes);
            assert_eq!(attributes["channels"][0]["rate"], 67);
            assert_eq!(
                (&attributes["bestTime"]["from"], &attributes["bestTime"]["to"]),
                (&json!("23:00"), &json!("00:00"))
            );
        }
        let nothing = InsightWrite { lead: &lead, insight: &LeadInsight::default() };
        assert_accepted(INSIGHT, &insight_attributes(&nothing));
    }

    #[test]
    fn an_alert_settled_before_it_opened_has_an_opening_all_the_same() {
        let resolution = Resolution {
            at: T,
            by: String::new(),
            user: None,
            via: Via::Crm,
            note: String::new(),
            act: AlertId::from("a1"),
        };
        let settled = Alert { opened_at: None, ..alert(AlertState::Resolved(resolution)) };
        let attributes = alert_attributes(&write(&settled));
        assert_eq!(
            (&attributes["openedAt"], &attributes["resolvedVia"]),
            (&json!("2026-03-01 09:00:00"), &json!("crm"))
        );
    }

    #[test]
    fn names_are_what_espocrm_takes() {
        assert_eq!(name("  <b>1=1</b>\n oui ", 100), "‹b›1＝1‹/b› oui");
        assert_eq!(name("abc def", 4), "abc");
        assert_eq!(name("  ", 4), "M.A.X.");
    }

    #[test]
    fn only_what_differs_is_sent() {
        let alert = alert(AlertState::Open);
        let wanted = alert_attributes(&write(&alert));
        let mut shown = wanted.clone();
        shown.insert("teamsIds".to_owned(), json!(["t2", "t1"]));
        shown.insert("evidence".to_owned(), json!("Appel du 1er mars \r\n"));
        shown.remove("closeReason");
        shown.insert("resolvedBy".to_owned(), json!(""));
        assert!(differing(&Record(shown.clone()), &wanted).is_empty());
        shown.insert("status".to_owned(), json!("Snoozed"));
        shown.insert("snoozedUntil".to_owned(), json!("2026-03-02 09:00:00"));
        shown.insert("teamsIds".to_owned(), json!(["t2"]));
        let differing = differing(&Record(shown), &wanted);
        assert_eq!(differing.keys().collect::<Vec<_>>(), ["status", "snoozedUntil", "teamsIds"]);
        assert!(differing["snoozedUntil"].is_null());
    }

    #[test]
    fn what_espocrm_has_of_an_alert_as_we_wrote_it_is_not_written_again() {
        let alert = alert(AlertState::Open);
        let mut announced = Event::new(T, EventKind::Announced);
        announced.who = Some("Luc".to_owned());
        let history = [Event::new(T, EventKind::Opened), announced];
        let message = RecordRef::new("Email", "m1");
        let metadata = json!({"cta": [{"label": "Traité", "action": "resolveAlert", "params": {}}], "rate": 50});
        let write = AlertWrite {
            history: &history,
            message: Some(&message),
            draft: Some("Bonjour\n\nSophie"),
            metadata,
            ..write(&alert)
        };
        let wanted = alert_attributes(&write);
        assert_eq!(
            wanted["history"],
            json!([{"at": "2026-03-01T09:00:00Z", "step": "opened"},
                   {"at": "2026-03-01T09:00:00Z", "step": "announced", "who": "Luc"}])
        );
        let mut shown = wanted.clone();
        shown.insert("draft".to_owned(), json!("Bonjour\r\n\r\nSophie\n"));
        // PHP reads an empty object back as an empty list.
        shown["metadata"]["cta"][0]["params"] = json!([]);
        assert_eq!(differing(&Record(shown.clone()), &wanted), Map::new());
        shown["history"] = json!([{"at": "2026-03-01T09:00:00Z", "step": "opened"}]);
        assert_eq!(differing(&Record(shown), &wanted).keys().collect::<Vec<_>>(), ["history"]);
    }

    #[test]
    fn an_older_extension_is_not_written_to_for_what_it_does_not_know() {
        let alert = alert(AlertState::Open);
        let history = [Event::new(T, EventKind::Opened)];
        let wanted = alert_attributes(&AlertWrite { history: &history, draft: Some("Bonjour"), ..write(&alert) });
        let mut shown = wanted.clone();
        shown.retain(|name, _| !NOT_EVERYWHERE.contains(&name.as_str()));
        assert_eq!(differing(&Record(shown), &wanted), Map::new());
    }

    #[test]
    fn what_a_person_did_since_is_respected_and_nothing_else() {
        let alert = alert(AlertState::Open);
        let wanted = alert_attributes(&write(&alert));
        let me = UserId::from("max");
        let shown = |status: &str, by: &str| {
            let mut shown = wanted.clone();
            shown.insert("id".to_owned(), json!("r1"));
            shown.insert("status".to_owned(), json!(status));
            shown.insert("modifiedAt".to_owned(), json!("2026-03-01 10:00:00"));
            shown.insert("modifiedById".to_owned(), json!(by));
            Record(shown)
        };
        let at_ten = T.plus(3_600);
        let resolved = shown("Resolved", "u1");
        assert_eq!(person_changed(&resolved, &wanted, &me, Some(T)).unwrap().status, "Resolved");
        assert!(person_changed(&resolved, &wanted, &me, None).is_some());
        assert!(person_changed(&resolved, &wanted, &me, Some(at_ten)).is_none());
        assert!(person_changed(&shown("Resolved", "max"), &wanted, &me, Some(T)).is_none());
        assert!(person_changed(&shown("Open", "u1"), &wanted, &me, Some(T)).is_none());
    }
}
