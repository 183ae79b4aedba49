//! The HTTP side: webhook receiver, API, health, metrics.

pub mod activities;
pub mod alerts;
pub mod auth;
pub mod checkup;
pub mod export;
pub mod health;
pub mod kpi;
pub mod links;
pub mod reply;
pub mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde_json::Value;

use crate::config::{Config, TokenSection};
use crate::engine::Handle;
use crate::engine::briefing::Speaker;
use crate::engine::status::Status;
use crate::engine::sync::Crm;
use crate::engine::told::People;
use reply::Refusal;

/// The largest body that is read, in bytes: a thousand activities with long texts fit.
const LARGEST_BODY: usize = 4 * 1024 * 1024;

/// All that the routes need. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    /// The engine.
    pub engine: Handle,
    /// The CRM, to ask and to wake.
    pub crm: Crm,
    /// How the outside systems are doing.
    pub status: Status,
    /// M.A.X.'s words.
    pub speaker: Arc<Speaker>,
    /// Who stands in for whom.
    pub people: Arc<People>,
    /// Who may call.
    pub tokens: Arc<Vec<TokenSection>>,
    /// The whole configuration.
    pub config: Arc<Config>,
    /// Renders the metrics.
    pub metrics: metrics_exporter_prometheus::PrometheusHandle,
}

/// All routes.
pub fn router(api: Api) -> Router {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/webhooks/espocrm/{entity}/{action}", post(webhooks::receive))
        .route("/api/activities/log", post(activities::log))
        .route("/api/alerts", get(alerts::list))
        .route("/api/alerts/stats", get(alerts::stats))
        .route("/api/alerts/generate", post(alerts::generate))
        .route("/api/alerts/{alert}/resolve", post(alerts::resolve))
        .route("/api/alerts/{alert}/snooze", post(alerts::snooze))
        .route("/api/kpi", get(kpi::figures))
        .route("/api/export/leads", get(export::leads))
        .route("/api/export/activities", get(export::activities))
        .route("/api/links", post(links::create))
        .route("/api/checkup", get(checkup::checkup))
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(api)
}

async fn unknown_route() -> Refusal {
    Refusal::not_found("unknown_route", "there is no such route; the README lists them")
}

async fn wrong_method() -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", "this route wants another method")
}

/// The bytes of a request, or why there are none.
fn raw(bytes: Result<Bytes, BytesRejection>) -> Result<Bytes, Refusal> {
    bytes.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let message = format!("the body is larger than {LARGEST_BODY} bytes; send less at a time");
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
        } else {
            Refusal::bad_request("the body did not arrive whole")
        }
    })
}

/// The body as JSON.
fn body(bytes: Result<Bytes, BytesRejection>) -> Result<Value, Refusal> {
    let bytes = raw(bytes)?;
    serde_json::from_slice(&bytes).map_err(|error| Refusal::bad_request(format!("the body is not JSON: {error}")))
}

/// The body as a JSON object; an empty body is an empty one.
fn object(bytes: Result<Bytes, BytesRejection>) -> Result<serde_json::Map<String, Value>, Refusal> {
    let bytes = raw(bytes)?;
    if bytes.is_empty() {
        return Ok(serde_json::Map::new());
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| Refusal::bad_request(format!("the body is not a JSON object: {error}")))
}
