//! Whether the daemon lives, whether it is fit for work, and its figures.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::Api;
use super::reply::Refusal;
use crate::engine::status::SourceStatus;
use crate::engine::told::told;

pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

pub(super) async fn readyz(State(api): State<Api>) -> Result<(StatusCode, Json<Value>), Refusal> {
    let now = api.engine.clock().now();
    let store = api.engine.store();
    let (crm, telegram) = (api.status.crm(), api.status.telegram());
    let last_sync = api.engine.run(|engine| Ok(engine.last_sync())).await?;
    let backfilled = api.engine.run(|engine| Ok(engine.is_backfilled())).await?;
    let oldest = store.outbox_oldest(None).map(|at| now.since(at));
    let reasons = api.status.reasons(backfilled);
    let ready = reasons.is_empty();
    let source = |status: &SourceStatus| {
        json!({
            "lastSuccess": status.last_success,
            "lagSeconds": status.last_success.map(|at| now.since(at)),
            "error": status.error,
            "needsPerson": status.needs_person,
        })
    };
    let body = json!({
        "ready": ready,
        "reasons": reasons,
        "alarm": api.status.alarm(),
        "crm": source(&crm),
        "telegram": source(&telegram),
        "lastSync": last_sync,
        "outbox": {"depth": store.outbox_len(), "oldestSeconds": oldest},
        "untold": untold(&api)?,
    });
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, Json(body)))
}

/// Open alerts of which nobody can be told on Telegram.
fn untold(api: &Api) -> Result<usize, Refusal> {
    let store = api.engine.store();
    let (mut count, now) = (0, api.engine.clock().now());
    for alert in store.open_alerts()? {
        if told(store, &api.people, &alert, now)?.is_none() {
            count += 1;
        }
    }
    Ok(count)
}

pub(super) async fn metrics(State(api): State<Api>) -> Result<String, Refusal> {
    let store = api.engine.store();
    let count = |number: usize| number as f64;
    ::metrics::gauge!("max_open_alerts").set(count(store.open_alerts()?.len()));
    ::metrics::gauge!("max_outbox_depth").set(count(store.outbox_len()));
    ::metrics::gauge!("max_untold_alerts").set(count(untold(&api)?));
    ::metrics::gauge!("max_store_bytes").set(store.size_on_disk()? as f64);
    Ok(api.metrics.render())
}
