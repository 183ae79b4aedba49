//! `POST /api/activities/log`: one activity, or up to a thousand.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::auth::authorise;
use super::reply::Refusal;
use super::{Api, body};
use crate::config::Scope;
use crate::domain::{Activity, ActivityId, ActivityStatus, Channel, Direction, LeadId, MINUTE, Timestamp};
use crate::engine::log::{Logged, Report};
use crate::engine::sync::Existence;

/// How many activities one call may bring.
const MOST: usize = 1_000;
/// How far ahead of our clock a caller's may be, in seconds (inclusive).
const CLOCK_TOLERANCE: i64 = 5 * MINUTE;
/// The longest id that is taken, in bytes; what the CRM's `dedupKey` holds.
const LONGEST_ID: usize = 255;

/// The longest id that a CRM gives, in bytes.
const LONGEST_LEAD_ID: usize = 64;

pub(super) async fn log(
    State(api): State<Api>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    authorise(&api.tokens, &headers, Scope::Log)?;
    match body(bytes)? {
        Value::Array(items) if items.len() > MOST => {
            Err(Refusal::bad_request(format!("{} activities; at most {MOST} in one call", items.len())))
        }
        Value::Array(items) => {
            let mut results = Vec::with_capacity(items.len());
            let mut crm_is_down = false;
            for item in items {
                results.push(match log_one(&api, item, &mut crm_is_down).await {
                    Ok((status, activity)) => json!({"status": status.as_u16(), "activity": activity}),
                    Err(refusal) => {
                        let mut result = refusal.to_json();
                        result["status"] = json!(refusal.status.as_u16());
                        result
                    }
                });
            }
            Ok((StatusCode::OK, Json(Value::Array(results))).into_response())
        }
        item => {
            let (status, activity) = log_one(&api, item, &mut false).await?;
            Ok((status, Json(activity)).into_response())
        }
    }
}

/// `crm_is_down`: it did not answer a moment ago, and is not asked about every item of a list.
async fn log_one(api: &Api, item: Value, crm_is_down: &mut bool) -> Result<(StatusCode, Value), Refusal> {
    let report = parse(item, api.engine.clock().now())?;
    let lead = report.lead.clone();
    let verify = match api.engine.store().lead(&lead)?.filter(|known| known.id == lead) {
        Some(lead) if !lead.deleted => false,
        _ if !is_plausible(&lead) => return Err(unknown_lead(&lead)),
        _ if *crm_is_down => true,
        _ => match api.crm.lead_exists(&lead).await {
            Existence::There => false,
            Existence::Missing => return Err(unknown_lead(&lead)),
            Existence::Unknown => {
                *crm_is_down = true;
                true
            }
        },
    };
    let logged = api.engine.run(move |engine| engine.log(vec![report], verify)).await?;
    match logged.into_iter().next() {
        Some(Logged::Created(activity)) => Ok((StatusCode::CREATED, to_json(&activity))),
        Some(Logged::Known(activity)) => Ok((StatusCode::OK, to_json(&activity))),
        Some(Logged::Conflict(field)) => {
            let message = format!("{field}: an activity with this id is known, and differs in it");
            Err(Refusal::new(StatusCode::CONFLICT, "conflict", message))
        }
        None => Err(Refusal::unavailable("nothing was taken over")),
    }
}

/// Whether the CRM could have given a lead this id: what cannot be asked about would wait for ever.
fn is_plausible(lead: &LeadId) -> bool {
    let is_of_ids = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    lead.as_str().len() <= LONGEST_LEAD_ID && lead.as_str().bytes().all(is_of_ids)
}

fn unknown_lead(lead: &LeadId) -> Refusal {
    let shown: String = lead.as_str().chars().take(LONGEST_LEAD_ID).collect();
    Refusal::not_found("unknown_lead", format!("leadId: the CRM has no lead `{shown}`"))
}

fn to_json(activity: &Activity) -> Value {
    json!({
        "id": activity.id,
        "leadId": activity.lead_id,
        "channel": activity.channel,
        "direction": activity.direction,
        "status": activity.status,
        "message_preview": activity.preview,
        "timestamp": activity.timestamp,
        "reading": {
            "intent": activity.reading.intent,
            "expectsReply": activity.reading.expects_reply,
            "autoReply": activity.reading.auto_reply,
        },
    })
}

fn parse(item: Value, now: Timestamp) -> Result<Report, Refusal> {
    let Value::Object(fields) = item else {
        return Err(Refusal::bad_request("an activity is a JSON object"));
    };
    let id = optional_text(&fields, "id")?;
    if id.as_ref().is_some_and(|id| id.is_empty() || id.len() > LONGEST_ID || id.contains('\0')) {
        return Err(Refusal::bad_request(format!("id: 1 to {LONGEST_ID} bytes, without a zero character")));
    }
    let lead = required_text(&fields, "leadId")?;
    let timestamp = optional_text(&fields, "timestamp")?
        .map(|text| Timestamp::parse_rfc3339(&text))
        .transpose()
        .map_err(|error| Refusal::bad_request(format!("timestamp: {error}")))?;
    let channel = required_name(&fields, "channel", Channel::parse, &Channel::ALL.map(Channel::as_str))?;
    let direction = required_name(&fields, "direction", Direction::parse, &Direction::ALL.map(Direction::as_str))?;
    let statuses = ActivityStatus::ALL.map(ActivityStatus::as_str);
    let status = match fields.get("status") {
        None | Some(Value::Null) => ActivityStatus::Sent,
        Some(_) => required_name(&fields, "status", ActivityStatus::parse, &statuses)?,
    };
    let ahead = timestamp.is_some_and(|at| at.since(now) > CLOCK_TOLERANCE);
    if ahead && status != ActivityStatus::Planned {
        let message = "timestamp: more than 5 minutes ahead; only a `planned` activity lies in the future";
        return Err(Refusal::impossible(message));
    }
    let text = match optional_text(&fields, "message_preview")? {
        Some(text) => Some(text),
        None => optional_text(&fields, "messagePreview")?,
    };
    Ok(Report {
        id: id.map(ActivityId),
        lead: LeadId(lead),
        channel,
        direction,
        status,
        text: text.unwrap_or_default(),
        timestamp,
        by: None,
    })
}

fn optional_text(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Refusal::bad_request(format!("{name}: must be a text"))),
    }
}

fn required_text(fields: &Map<String, Value>, name: &str) -> Result<String, Refusal> {
    optional_text(fields, name)?
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Refusal::bad_request(format!("{name}: is required")))
}

fn required_name<T>(
    fields: &Map<String, Value>,
    name: &str,
    parse: impl Fn(&str) -> Option<T>,
    known: &[&str],
) -> Result<T, Refusal> {
    let text = required_text(fields, name)?;
    parse(&text).ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        Refusal::bad_request(format!("{name}: `{shown}` is none of {}", known.join(", ")))
    })
}
