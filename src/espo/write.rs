//! Bringing our records in the CRM to the state they should have, as often as needed with the same outcome: every
//! record carries a unique key, which is looked up before anything is created and after every lost answer.

use serde_json::{Map, Value, json};

use super::client::{Client, ListQuery, Where};
use super::error::{Error, ErrorKind};
use super::observe::alert_record;
use super::record::Record;
use crate::domain::observation::AlertRecord;
use crate::domain::{Activity, Alert, AlertState, Anchor, TeamId, Timestamp, UserId};

const ALERT: &str = "MaxAlert";
const ACTIVITY: &str = "MaxActivity";

/// The lengths of the extension's text fields, in characters.
const ALERT_NAME_CHARS: usize = 500;
const ACTIVITY_NAME_CHARS: usize = 255;
const SUGGESTED_ACTION_CHARS: usize = 255;
const RESOLVED_BY_CHARS: usize = 150;
/// Below the 10,000 at which listed texts are cut, since what is listed is compared with what should be.
const EVIDENCE_CHARS: usize = 5_000;

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
    /// The record's id in the CRM, once known.
    pub crm_id: Option<&'a str>,
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
}

/// Brings an alert's record to its present state. `me` is our own user ([`Client::api_user`]).
pub async fn upsert_alert(client: &Client, me: &UserId, write: &AlertWrite<'_>) -> Result<Written, Error> {
    let wanted = Wanted {
        entity: ALERT,
        key: write.alert.id.as_str(),
        crm_id: write.crm_id,
        attributes: alert_attributes(write),
    };
    let by_person = |current: &Record| person_changed(current, &wanted.attributes, me, write.seen);
    wanted.bring_about(client, by_person).await
}

/// Brings the record of an activity that we were told of to its present state.
pub async fn upsert_activity(client: &Client, write: &ActivityWrite<'_>) -> Result<Written, Error> {
    let wanted = Wanted {
        entity: ACTIVITY,
        key: write.activity.id.as_str(),
        crm_id: write.crm_id,
        attributes: activity_attributes(write),
    };
    wanted.bring_about(client, |_| None).await
}

/// A record that should exist, and what it should hold.
struct Wanted<'a> {
    entity: &'static str,
    key: &'a str,
    crm_id: Option<&'a str>,
    attributes: Map<String, Value>,
}

impl Wanted<'_> {
    async fn bring_about(
        &self,
        client: &Client,
        by_person: impl Fn(&Record) -> Option<AlertRecord>,
    ) -> Result<Written, Error> {
        let found = match self.crm_id {
            Some(id) => self.look_up(client, "id", id).await?,
            None => self.look_up(client, "dedupKey", self.key).await?,
        };
        let current = match found {
            Some(current) => current,
            None if self.crm_id.is_some() => return Ok(Written::Gone),
            None => match self.create(client).await? {
                Created::New(record) => return Ok(done(&record)),
                Created::Existed(current) => current,
            },
        };
        match by_person(&current) {
            Some(touched) => Ok(Written::Touched(touched)),
            None => self.update(client, &current).await,
        }
    }

    async fn look_up(&self, client: &Client, by: &'static str, value: &str) -> Result<Option<Record>, Error> {
        let extra = ["id", "modifiedAt", "modifiedById", "modifiedByName"];
        let own = self.attributes.keys().map(String::as_str);
        let select: Vec<String> = extra.into_iter().chain(own).map(str::to_owned).collect();
        let conditions = vec![Where::Equals(by, value.to_owned())];
        let query = ListQuery { entity: self.entity, conditions, select: &select, order_by: "id", max_size: 1 };
        Ok(client.list(&query).await?.records.into_iter().next())
    }

    async fn create(&self, client: &Client) -> Result<Created, Error> {
        let error = match self.send(client, None, &self.attributes).await {
            Ok(record) => return Ok(Created::New(record)),
            Err(error) => error,
        };
        if !error.outcome_unknown() && !matches!(error.kind, ErrorKind::Duplicate { .. }) {
            return Err(error);
        }
        // It may exist now: a unique-index violation is a 500, and an answer may have been lost.
        match self.look_up(client, "dedupKey", self.key).await {
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

    /// Creates or changes the record, and once more without owner and teams when one of these no longer exists: a
    /// lead may long keep the id of a user who was removed.
    async fn send(&self, client: &Client, id: Option<&str>, attributes: &Map<String, Value>) -> Result<Record, Error> {
        let error = match self.send_once(client, id, attributes).await {
            Ok(record) => return Ok(record),
            Err(error) => error,
        };
        let mut remaining = attributes.clone();
        remaining.retain(|name, _| name != "assignedUserId" && name != "teamsIds");
        let worth_it = remaining.len() < attributes.len() && !remaining.is_empty();
        match &error.kind {
            ErrorKind::NoSuchLink { reason } if worth_it && !reason.contains("link: lead.") => {
                self.send_once(client, id, &remaining).await
            }
            _ => Err(error),
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

enum Created {
    New(Record),
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
        ("dedupKey", json!(alert.id)),
        ("leadId", json!(alert.lead_id)),
        ("assignedUserId", json!(alert.owner)),
        ("teamsIds", json!(alert.teams)),
    ])
}

fn activity_attributes(write: &ActivityWrite<'_>) -> Map<String, Value> {
    let activity = write.activity;
    attributes([
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
    let differs = |name: &str, value: &Value| !same(current.0.get(name).unwrap_or(&Value::Null), value);
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
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().all(|item| b.contains(item)),
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
    use crate::domain::alert::{Cited, Resolution, Via};
    use crate::domain::{
        ActivityId, ActivityStatus, AlertId, AlertType, Channel, CloseReason, Direction, Evidence, LeadId, Reading,
    };

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
            let definition = &fields[attribute.trim_end_matches("Ids").trim_end_matches("Id")];
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
                let write = AlertWrite { name: &long, suggested_action: &long, evidence: &long, ..write(&alert) };
                assert_accepted(ALERT, &alert_attributes(&write));
            }
        }
        let activity = activity();
        let write =
            ActivityWrite { activity: &activity, name: "WhatsApp reçu", owner: None, teams: &[], crm_id: None };
        assert_accepted(ACTIVITY, &activity_attributes(&write));
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
