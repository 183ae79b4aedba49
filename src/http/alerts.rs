//! Alerts by API: list, resolve, snooze, figures, generate.

use std::collections::HashMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeZone;
use serde_json::{Map, Value, json};

use super::auth::{Caller, authorise};
use super::reply::Refusal;
use super::{Api, object};
use crate::config::Scope;
use crate::domain::alert::Via;
use crate::domain::effect::Occasion;
use crate::domain::{Alert, AlertId, AlertState, AlertType, Evidence, Severity, Timestamp};
use crate::engine::acts::{Acted, Actor};
use crate::engine::briefing::Briefing;
use crate::store::StepKind;
use crate::voice::Content;

/// How many alerts a page has when the caller does not say.
const PAGE: usize = 50;
/// How many it has at most.
const LARGEST_PAGE: usize = 500;

type Params = Result<Query<HashMap<String, String>>, QueryRejection>;

pub(super) async fn list(State(api): State<Api>, headers: HeaderMap, params: Params) -> Result<Json<Value>, Refusal> {
    authorise(&api.tokens, &headers, Scope::Read)?;
    let Query(params) = params.map_err(|error| Refusal::bad_request(error.to_string()))?;
    let place = |alert: &Alert| place(&api, alert);
    let filter = Filter::parse(&api, &params)?;
    let store = api.engine.store();
    let mut alerts = if filter.only_open() { store.open_alerts()? } else { store.all_alerts()? };
    alerts.retain(|alert| alert.opened_at.is_some() && filter.takes(alert));
    alerts.sort_by_cached_key(place);
    if let Some(after) = &filter.after {
        alerts.retain(|alert| place(alert) > *after);
    }
    let more = alerts.len() > filter.limit;
    alerts.truncate(filter.limit);
    let next = alerts.last().filter(|_| more).map(cursor);
    let alerts: Vec<Value> = alerts.into_iter().map(|alert| to_json(&api, alert)).collect::<Result<_, _>>()?;
    Ok(Json(json!({"alerts": alerts, "nextCursor": next})))
}

/// Where an alert stands in a list: most pressing first, then oldest.
type PlaceInList = (usize, i64, String);

fn place(api: &Api, alert: &Alert) -> PlaceInList {
    (api.speaker.pressing(alert.severity()), opened(alert), alert.id.to_string())
}

fn opened(alert: &Alert) -> i64 {
    alert.opened_at.map_or(0, |at| at.0)
}

fn cursor(last: &Alert) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}/{}/{}", last.severity().as_str(), opened(last), last.id))
}

fn parse_cursor(api: &Api, text: &str) -> Option<PlaceInList> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let mut parts = text.splitn(3, '/');
    let severity = Severity::parse(parts.next()?)?;
    Some((api.speaker.pressing(severity), parts.next()?.parse().ok()?, parts.next()?.to_owned()))
}

struct Filter {
    status: Option<String>,
    severity: Option<Severity>,
    alert_type: Option<AlertType>,
    lead: Option<String>,
    owner: Option<String>,
    limit: usize,
    after: Option<PlaceInList>,
}

impl Filter {
    const KNOWN: [&'static str; 7] = ["status", "severity", "type", "leadId", "ownerId", "limit", "cursor"];

    fn parse(api: &Api, params: &HashMap<String, String>) -> Result<Self, Refusal> {
        if let Some(name) = params.keys().find(|name| !Self::KNOWN.contains(&name.as_str())) {
            return Err(Refusal::bad_request(format!(
                "{name}: there is no such filter; known are {}",
                Self::KNOWN.join(", ")
            )));
        }
        let get = |name: &str| params.get(name).map(String::as_str);
        let none_of = |name: &str, text: &str, known: &[&str]| {
            Refusal::bad_request(format!("{name}: `{text}` is none of {}", known.join(", ")))
        };
        let statuses = ["open", "snoozed", "resolved", "closed"];
        let status = get("status").unwrap_or("open");
        if !statuses.contains(&status) {
            return Err(none_of("status", status, &statuses));
        }
        let severity = get("severity")
            .map(|text| {
                Severity::parse(text).ok_or_else(|| none_of("severity", text, &Severity::ALL.map(Severity::as_str)))
            })
            .transpose()?;
        let alert_type = get("type")
            .map(|text| {
                AlertType::parse(text).ok_or_else(|| none_of("type", text, &AlertType::ALL.map(AlertType::as_str)))
            })
            .transpose()?;
        let limit = match get("limit") {
            None => PAGE,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=LARGEST_PAGE).contains(limit))
                .ok_or_else(|| Refusal::bad_request(format!("limit: a number from 1 to {LARGEST_PAGE}")))?,
        };
        let after = get("cursor")
            .map(|text| {
                parse_cursor(api, text)
                    .ok_or_else(|| Refusal::bad_request("cursor: take it from `nextCursor` as it is"))
            })
            .transpose()?;
        Ok(Self {
            status: Some(status.to_owned()),
            severity,
            alert_type,
            lead: get("leadId").map(str::to_owned),
            owner: get("ownerId").map(str::to_owned),
            limit,
            after,
        })
    }

    fn only_open(&self) -> bool {
        self.status.as_deref().is_some_and(|status| status == "open" || status == "snoozed")
    }

    fn takes(&self, alert: &Alert) -> bool {
        self.status.as_deref().is_none_or(|status| status == alert.state.name())
            && self.severity.is_none_or(|severity| severity == alert.severity())
            && self.alert_type.is_none_or(|alert_type| alert_type == alert.alert_type)
            && self.lead.as_deref().is_none_or(|lead| lead == alert.lead_id.as_str())
            && self
                .owner
                .as_deref()
                .is_none_or(|owner| alert.owner.as_ref().is_some_and(|known| known.as_str() == owner))
    }
}

fn to_json(api: &Api, alert: Alert) -> Result<Value, Refusal> {
    let now = api.engine.clock().now();
    let speaker = &api.speaker;
    let mut json = match Briefing::load(api.engine.store(), speaker, alert.clone(), now)? {
        Some(briefing) => {
            let context = briefing.context(speaker, speaker.manner(), Content::Full, Occasion::Opened, now);
            let cta = if alert.state.is_open() { speaker.voice.cta(&context) } else { Vec::new() };
            json!({
                "id": alert.id,
                "leadId": alert.lead_id,
                "leadName": briefing.lead.name,
                "type": alert.alert_type,
                "severity": alert.severity(),
                "message": speaker.voice.message(&context),
                "suggestedAction": speaker.voice.suggested_action(&context),
                "createdAt": alert.opened_at,
                "cta": cta,
            })
        }
        None => json!({
            "id": alert.id, "leadId": alert.lead_id, "leadName": "", "type": alert.alert_type,
            "severity": alert.severity(), "message": "", "suggestedAction": "", "createdAt": alert.opened_at, "cta": [],
        }),
    };
    let resolution = alert.resolution();
    let close_reason = match &alert.state {
        AlertState::Closed { reason, .. } => Some(reason.as_str()),
        AlertState::Open | AlertState::Snoozed { .. } | AlertState::Resolved(_) => None,
    };
    let snoozed_until = match &alert.state {
        AlertState::Snoozed { until } => Some(*until),
        AlertState::Open | AlertState::Closed { .. } | AlertState::Resolved(_) => None,
    };
    json["status"] = json!(alert.state.name());
    json["closeReason"] = json!(close_reason);
    json["anchor"] = json!(alert.anchor.to_string());
    json["ownerId"] = json!(alert.owner);
    json["resolvedAt"] = json!(resolution.map(|resolution| resolution.at));
    json["resolvedBy"] = json!(resolution.map(|resolution| resolution.by.clone()));
    json["snoozedUntil"] = json!(snoozed_until);
    json["dueAt"] = json!(alert.due_at);
    json["evidence"] = json!(alert.evidence);
    json["metadata"] = metadata(&alert.evidence);
    Ok(json)
}

fn metadata(evidence: &Evidence) -> Value {
    match evidence {
        Evidence::PreferredChannel { best, .. } => json!({"preferredChannel": best.channel, "rate": best.percent()}),
        Evidence::HotLead { .. }
        | Evidence::AwaitingReply { .. }
        | Evidence::NoContact { .. }
        | Evidence::Stale { .. }
        | Evidence::NoFollowup { .. }
        | Evidence::NoReply { .. } => json!({}),
    }
}

pub(super) async fn resolve(
    State(api): State<Api>,
    Path(alert): Path<String>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Refusal> {
    let Caller(caller) = authorise(&api.tokens, &headers, Scope::Admin)?;
    let fields = object(bytes)?;
    let by = text(&fields, "by")?.unwrap_or(caller);
    let note = text(&fields, "note")?.unwrap_or_default();
    let id = AlertId(alert);
    let acted = api
        .engine
        .run(move |engine| engine.resolve(&id, &Actor { name: by, user: None, via: Via::Api }, &note))
        .await?;
    answer(&api, acted)
}

pub(super) async fn snooze(
    State(api): State<Api>,
    Path(alert): Path<String>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Refusal> {
    let Caller(caller) = authorise(&api.tokens, &headers, Scope::Admin)?;
    let fields = object(bytes)?;
    let until = text(&fields, "until")?.ok_or_else(|| Refusal::bad_request("until: is required"))?;
    let until = Timestamp::parse_rfc3339(&until).map_err(|error| Refusal::bad_request(format!("until: {error}")))?;
    if until <= api.engine.clock().now() {
        return Err(Refusal::impossible("until: lies in the past"));
    }
    let id = AlertId(alert);
    let actor = Actor { name: caller, user: None, via: Via::Api };
    let acted = api.engine.run(move |engine| engine.snooze(&id, Some(until), &actor)).await?;
    if let Acted::Unchanged(alert) = &acted {
        let message = format!("the alert is {}, not open", alert.state.name());
        return Err(Refusal::new(axum::http::StatusCode::CONFLICT, "not_open", message));
    }
    answer(&api, acted)
}

fn text(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Refusal::bad_request(format!("{name}: must be a text"))),
    }
}

fn answer(api: &Api, acted: Acted) -> Result<Json<Value>, Refusal> {
    match acted {
        Acted::Done(alert) | Acted::Unchanged(alert) => Ok(Json(to_json(api, alert)?)),
        Acted::Unknown => Err(Refusal::not_found("unknown_alert", "there is no such alert")),
    }
}

pub(super) async fn stats(State(api): State<Api>, headers: HeaderMap) -> Result<Json<Value>, Refusal> {
    authorise(&api.tokens, &headers, Scope::Read)?;
    let store = api.engine.store();
    let open: Vec<Alert> = store.open_alerts()?.into_iter().filter(|alert| alert.state == AlertState::Open).collect();
    let count = |types: &[AlertType]| open.iter().filter(|alert| types.contains(&alert.alert_type)).count();
    let by_type: Map<String, Value> = AlertType::ALL
        .map(|alert_type| (alert_type.as_str().to_owned(), json!(count(&[alert_type]))))
        .into_iter()
        .collect();
    let to_follow_up = [AlertType::NoContact7d, AlertType::NoReply3d, AlertType::NoFollowup7d, AlertType::StaleLead30d];
    let steps = store.steps_since(start_of_day(&api))?;
    let today = |kind: StepKind| steps.iter().filter(|step| step.kind == kind).count();
    Ok(Json(json!({
        "total": open.len(),
        "urgent": open.iter().filter(|alert| alert.severity() == Severity::Urgent).count(),
        "byType": by_type,
        "buckets": {
            "toFollowUp": count(&to_follow_up),
            "toAnswer": count(&[AlertType::AwaitingReply24h]),
            "hot": count(&[AlertType::HotLead24h]),
            "preferredChannel": count(&[AlertType::PreferredChannel]),
        },
        "today": {"opened": today(StepKind::Opened), "resolved": today(StepKind::Resolved)},
    })))
}

/// Midnight of today where the team works.
fn start_of_day(api: &Api) -> Timestamp {
    let zone = api.speaker.zone;
    let date = api.engine.clock().now().to_utc().with_timezone(&zone).date_naive();
    let midnight = zone.from_local_datetime(&date.and_time(chrono::NaiveTime::MIN)).earliest();
    Timestamp(midnight.map_or_else(|| date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp(), |at| at.timestamp()))
}

pub(super) async fn generate(State(api): State<Api>, headers: HeaderMap) -> Result<Json<Value>, Refusal> {
    authorise(&api.tokens, &headers, Scope::Admin)?;
    let tally = api.crm.sync_now().await.map_err(|error| Refusal::unavailable(format!("the CRM: {error}")))?;
    Ok(Json(json!({"evaluated": tally.evaluated, "opened": tally.opened, "closed": tally.closed})))
}
