//! The page of the demo: the rep's Telegram, the CRM's alert records and the leads, side by side. It speaks to
//! the two sandboxes and to the clock, as people do, and never to M.A.X. itself.

mod state;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::Stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::espo::EspoSandbox;
use super::seed;
use super::telegram::TelegramSandbox;
use crate::clock::Clock;
use crate::domain::{DAY, HOUR};

const INDEX: &str = include_str!("index.html");
const SCRIPT: &str = include_str!("app.js");
const STYLE: &str = include_str!("style.css");

/// Everything comes from here, and nothing is run but the one script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the page looks at and acts on. Cheap to clone.
#[derive(Clone)]
pub struct PageState {
    /// Where the rep's chat is.
    pub telegram: TelegramSandbox,
    /// Where leads and alerts are.
    pub espo: EspoSandbox,
    /// The demo's clock.
    pub clock: Clock,
    /// The language M.A.X. speaks, `fr` or `en`; the page sends another one here.
    pub language: Arc<watch::Sender<String>>,
    /// Counts what only the page changes (clock, language).
    moved: Arc<watch::Sender<u64>>,
    written: Arc<AtomicU64>,
}

impl PageState {
    /// A page on a world that [`seed::populate`] has filled.
    pub fn new(
        telegram: TelegramSandbox,
        espo: EspoSandbox,
        clock: Clock,
        language: Arc<watch::Sender<String>>,
    ) -> Self {
        let moved = Arc::new(watch::Sender::new(0));
        Self { telegram, espo, clock, language, moved, written: Arc::default() }
    }
}

/// The page and its endpoints. `/demo/events` never ends by itself: drop the server, do not wait for it.
pub fn router(state: PageState) -> Router {
    Router::new()
        .route("/", get(|| asset("text/html; charset=utf-8", INDEX)))
        .route("/app.js", get(|| asset("text/javascript; charset=utf-8", SCRIPT)))
        .route("/style.css", get(|| asset("text/css; charset=utf-8", STYLE)))
        .route("/demo/state", get(show))
        .route("/demo/events", get(events))
        .route("/demo/tap", post(tap))
        .route("/demo/say", post(say))
        .route("/demo/lead-writes", post(lead_writes))
        .route("/demo/alert", post(set_alert))
        .route("/demo/clock", post(move_clock))
        .route("/demo/language", post(set_language))
        .with_state(state)
}

async fn asset(content_type: &'static str, body: &'static str) -> impl IntoResponse {
    let headers: [(HeaderName, &str); 4] = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, body)
}

async fn show(State(page): State<PageState>) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(state::read(&page))).into_response()
}

/// A tick upon every change in either sandbox, of the clock or of the language.
async fn events(State(page): State<PageState>) -> Sse<impl Stream<Item = Result<Event, std::convert::Infallible>>> {
    let watched = (page.telegram.changes(), page.espo.changes(), page.moved.subscribe());
    let ticks = futures_util::stream::unfold(watched, |(mut telegram, mut espo, mut moved)| async move {
        let alive = tokio::select! {
            changed = telegram.changed() => changed,
            changed = espo.changed() => changed,
            changed = moved.changed() => changed,
        };
        alive.ok()?;
        Some((Ok(Event::default().data("changed")), (telegram, espo, moved)))
    });
    Sse::new(ticks).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

type Outcome = Result<StatusCode, (StatusCode, String)>;

const DONE: Outcome = Ok(StatusCode::NO_CONTENT);

fn refused(why: impl Into<String>) -> Outcome {
    Err((StatusCode::UNPROCESSABLE_ENTITY, why.into()))
}

#[derive(Deserialize)]
struct Tapped {
    message_id: i32,
    data: String,
}

async fn tap(State(page): State<PageState>, Json(body): Json<Tapped>) -> Outcome {
    match page.telegram.tap(seed::REP_CHAT, body.message_id, &body.data) {
        Ok(_) => DONE,
        Err(impossible) => refused(impossible.to_string()),
    }
}

#[derive(Deserialize)]
struct Said {
    text: String,
}

async fn say(State(page): State<PageState>, Json(body): Json<Said>) -> Outcome {
    if body.text.trim().is_empty() {
        return refused("text is empty");
    }
    match page.telegram.say(seed::REP_CHAT, &body.text) {
        Ok(_) => DONE,
        Err(impossible) => refused(impossible.to_string()),
    }
}

/// How the lead reaches out. A missed call has no text.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Through {
    Whatsapp,
    Email,
    Call,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    lead_id: String,
    channel: Through,
    #[serde(default)]
    text: String,
}

async fn lead_writes(State(page): State<PageState>, Json(body): Json<Written>) -> Outcome {
    let Some(lead) = page.espo.get("Lead", &body.lead_id) else { return refused("there is no such lead") };
    let text = body.text.trim();
    if text.is_empty() && !matches!(body.channel, Through::Call) {
        return refused("text is empty");
    }
    let now = page.clock.now().to_espo();
    let number = page.written.fetch_add(1, Ordering::Relaxed);
    let (entity, record) = match body.channel {
        Through::Whatsapp => (
            "MaxActivity",
            json!({
                "name": "WhatsApp", "channel": "whatsapp", "direction": "in", "status": "sent",
                "messagePreview": text, "timestamp": now, "leadId": body.lead_id,
                "dedupKey": format!("page-{number}"), "assignedUserId": lead["assignedUserId"],
            }),
        ),
        Through::Email => (
            "Email",
            json!({
                "name": subject(text), "from": lead["emailAddress"], "to": seed::REP_EMAIL, "status": "Archived",
                "dateSent": now, "body": text, "bodyPlain": text, "isHtml": false,
                "parentType": "Lead", "parentId": body.lead_id,
            }),
        ),
        Through::Call => (
            "Call",
            json!({
                "name": "Appel manqué", "status": "Not Held", "direction": "Inbound", "dateStart": now,
                "dateEnd": now, "parentType": "Lead", "parentId": body.lead_id, "leadsIds": [body.lead_id],
                "assignedUserId": lead["assignedUserId"],
            }),
        ),
    };
    page.espo.create(entity, "system", record);
    DONE
}

/// A subject for a mail that has none: its first line, cut at 60 characters.
fn subject(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(60).collect()
}

#[derive(Deserialize)]
struct AlertSet {
    id: String,
    status: AlertStatus,
}

#[derive(Clone, Copy, Deserialize)]
enum AlertStatus {
    Open,
    Snoozed,
    Resolved,
}

/// The manager edits an alert's record in the CRM.
async fn set_alert(State(page): State<PageState>, Json(body): Json<AlertSet>) -> Outcome {
    if page.espo.get("MaxAlert", &body.id).is_none() {
        return refused("there is no such alert");
    }
    let change = match body.status {
        AlertStatus::Open => json!({ "status": "Open", "snoozedUntil": Value::Null }),
        AlertStatus::Snoozed => {
            json!({ "status": "Snoozed", "snoozedUntil": page.clock.now().plus(DAY).to_espo() })
        }
        AlertStatus::Resolved => json!({ "status": "Resolved" }),
    };
    page.espo.update("MaxAlert", &body.id, seed::MANAGER_ID, change);
    DONE
}

#[derive(Deserialize)]
struct Moved {
    hours: i64,
}

async fn move_clock(State(page): State<PageState>, Json(body): Json<Moved>) -> Outcome {
    if !(1..=24 * 60).contains(&body.hours) {
        return refused("hours must be between 1 and 1440");
    }
    page.clock.advance(body.hours * HOUR);
    page.moved.send_modify(|count| *count += 1);
    DONE
}

#[derive(Deserialize)]
struct Spoken {
    language: String,
}

async fn set_language(State(page): State<PageState>, Json(body): Json<Spoken>) -> Outcome {
    if !["fr", "en"].contains(&body.language.as_str()) {
        return refused("language must be fr or en");
    }
    page.language.send_if_modified(|language| {
        let other = *language != body.language;
        *language = body.language;
        other
    });
    page.moved.send_modify(|count| *count += 1);
    DONE
}
