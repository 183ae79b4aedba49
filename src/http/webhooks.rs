//! Webhooks: a hint that a record is worth another look, never a fact. It is stored before it is acknowledged.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use secrecy::SecretString;

use super::reply::Refusal;
use super::{Api, raw};
use crate::domain::observation::RecordRef;
use crate::engine::boundary;
use crate::espo::webhooks::{HookId, hints, newest, verify};

pub(super) async fn receive(
    State(api): State<Api>,
    Path((entity, action)): Path<(String, String)>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Refusal> {
    let bytes = raw(bytes)?;
    let hooks = api.engine.store().hooks()?;
    let event = format!("{entity}.{action}");
    let secrets: Vec<(HookId, SecretString)> = hooks
        .into_iter()
        .filter(|hook| hook.event == event)
        .map(|hook| (HookId(hook.id), SecretString::from(hook.secret)))
        .collect();
    let signature = headers.get("signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if let Err(error) = verify(&bytes, signature, secrets.iter().map(|(id, secret)| (id, secret))) {
        tracing::warn!(%event, %error, "a webhook with a bad signature was refused");
        metrics::counter!("max_webhooks_refused_total").increment(1);
        api.status.delivery_refused(api.engine.clock().now());
        // EspoCRM tries again after 401: should our secret be the one that is wrong, nothing is lost.
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "bad_signature", "the signature does not fit the body"));
    }
    let records: Vec<RecordRef> = hints(&bytes).into_iter().map(|id| RecordRef::new(&entity, id)).collect();
    metrics::counter!("max_webhooks_total").increment(1);
    api.status.delivered(&event, api.engine.clock().now(), newest(&bytes).filter(|_| action == "create"));
    api.engine.run(move |engine| engine.keep_hints(&records)).await?;
    boundary::pass("hint-stored");
    api.crm.wake();
    Ok(StatusCode::OK)
}
