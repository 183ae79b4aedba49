//! `GET /api/checkup` (admin): what `max doctor` asks the running daemon, which has the store to itself.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::Api;
use super::auth::authorise;
use super::reply::Refusal;
use crate::config::Scope;
use crate::domain::{Seconds, Timestamp};
use crate::engine::checkup::{Checkup, of_store};
use crate::engine::status::{Deliveries, SourceStatus};

/// The daemon's own view of how it is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DaemonCheckup {
    /// Its version.
    pub version: String,
    /// Its clock.
    pub now: Timestamp,
    /// The store.
    pub store: Checkup,
    /// The CRM, as it last found it.
    pub crm: SourceState,
    /// Telegram, as it last found it.
    pub telegram: SourceState,
    /// What a person has to look into.
    pub alarm: Option<String>,
    /// Webhooks since it started.
    pub deliveries: Deliveries,
}

/// One outside system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceState {
    /// How long ago it last answered as it should, in seconds; `None` when it has not yet.
    pub lag: Option<Seconds>,
    /// What went wrong since.
    pub error: Option<String>,
}

pub(super) async fn checkup(State(api): State<Api>, headers: HeaderMap) -> Result<Json<DaemonCheckup>, Refusal> {
    authorise(&api.tokens, &headers, Scope::Admin)?;
    let now = api.engine.clock().now();
    let (store, people) = (api.engine.store().clone(), api.people.clone());
    // Reads every lead: not on a thread that others wait for.
    let read = tokio::task::spawn_blocking(move || of_store(&store, &people, now)).await;
    let store = read.map_err(|_| Refusal::unavailable("the store could not be read through"))??;
    let source =
        |status: SourceStatus| SourceState { lag: status.last_success.map(|at| now.since(at)), error: status.error };
    Ok(Json(DaemonCheckup {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        now,
        store,
        crm: source(api.status.crm()),
        telegram: source(api.status.telegram()),
        alarm: api.status.alarm(),
        deliveries: api.status.deliveries(),
    }))
}
