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
    let last_sync = api.engine.run(|engine| engine.last_sync()).await?;
    let backfilled = api.engine.run(|engine| engine.is_backfilled()).await?;
    let outbox = store.outbox()?;
    let oldest = outbox.iter().map(|(_, entry)| now.since(entry.decided_at)).max();
    let mut reasons = Vec::new();
    if let Some(error) = &crm.error {
        reasons.push(error.clone());
    }
    // What stopped the last round may be one of these.
    reasons.extend(api.status.missed().into_iter().filter(|why| crm.error.as_ref() != Some(why)));
    if !backfilled {
        reasons.push("the first backfill is not complete".to_owned());
    }
    if let Some(error) = telegram.error.as_ref().filter(|_| api.config.telegram.is_on()) {
        reasons.push(error.clone());
    }
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
        "outbox": {"depth": outbox.len(), "oldestSeconds": oldest},
        "untold": untold(&api)?,
    });
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, Json(body)))
}

/// Open alerts of which nobody can be told on Telegram.
fn untold(api: &Api) -> Result<usize, Refusal> {
    let store = api.engine.store();
    let mut count = 0;
    for alert in store.open_alerts()? {
        if told(store, &api.people, &alert)?.is_none() {
            count += 1;
        }
    }
    Ok(count)
}

pub(super) async fn metrics(State(api): State<Api>) -> Result<String, Refusal> {
    let store = api.engine.store();
    let count = |number: usize| number as f64;
    ::metrics::gauge!("max_open_alerts").set(count(store.open_alerts()?.len()));
    ::metrics::gauge!("max_outbox_depth").set(count(store.outbox()?.len()));
    ::metrics::gauge!("max_untold_alerts").set(count(untold(&api)?));
    ::metrics::gauge!("max_store_bytes").set(store.size_on_disk()? as f64);
    Ok(api.metrics.render())
}
