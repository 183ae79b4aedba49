//! The Bot API on the wire: `/bot<token>/<method>`, whatever the method's case.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::request::Params;
use super::{Fault, LoggedRequest, Refusal, Shared, methods};

/// The serving task; dropped, it no longer listens.
pub(super) struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(super) fn serve(listener: TcpListener, shared: Arc<Shared>) -> Running {
    let router = Router::new().route("/{bot}/{method}", any(handle)).fallback(not_found).with_state(shared);
    Running(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the Telegram sandbox has stopped");
        }
    }))
}

async fn not_found() -> Response {
    reply(&Err(Refusal::new(404, "Not Found")))
}

async fn handle(
    State(shared): State<Arc<Shared>>,
    Path((bot, method)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(token) = bot.strip_prefix("bot") else { return not_found().await };
    if !bool::from(token.as_bytes().ct_eq(shared.options.token.as_bytes())) {
        return reply(&Err(Refusal::new(401, "Unauthorized")));
    }
    let params = match Params::read(query.as_deref(), &headers, &body) {
        Ok(params) => params,
        Err(refusal) => return logged(&shared, &method, &Params::default(), Err(refusal)),
    };
    let name = method.to_ascii_lowercase();
    let fault = shared.world().take_fault(&name);
    let refused = match fault {
        None | Some(Fault::CutAfter) => None,
        Some(Fault::CutBefore) => return cut(&shared, &method, &params),
        Some(Fault::TooManyRequests { retry_after }) => Some(Refusal::too_many_requests(retry_after)),
        Some(Fault::ServerError(code)) => Some(Refusal::new(code, "Internal Server Error")),
        Some(Fault::Conflict) => Some(Refusal::conflict()),
        Some(Fault::BadRequest(description)) => Some(Refusal::bad_request(description)),
    };
    let answer = match refused {
        Some(refusal) => Err(refusal),
        None if name == "getupdates" => get_updates(&shared, &params).await,
        None => {
            let (now, now_millis) = (shared.clock.now(), shared.clock.now_millis());
            methods::call(&mut shared.world(), &name, &params, &shared.options, now, now_millis)
        }
    };
    if fault == Some(Fault::CutAfter) {
        return cut(&shared, &method, &params);
    }
    logged(&shared, &method, &params, answer)
}

/// Waits for updates by the machine's clock, as a caller's own timeout does.
async fn get_updates(shared: &Shared, params: &Params) -> Result<Value, Refusal> {
    let limit = params.int("limit").and_then(|limit| usize::try_from(limit).ok()).unwrap_or(100).clamp(1, 100);
    let timeout = params.int("timeout").and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(0).min(50);
    let allowed = params.json("allowed_updates")?;
    let mine = {
        let mut world = shared.world();
        world.poll += 1;
        world.confirm_before(params.int("offset").unwrap_or(0), shared.clock.now());
        if let Some(allowed) = allowed.as_ref().and_then(Value::as_array) {
            let names: Vec<String> = allowed.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            world.allowed_updates = (!names.is_empty()).then_some(names);
        }
        world.poll
    };
    shared.changed();
    let mut changes = shared.changes.subscribe();
    let end = tokio::time::sleep(Duration::from_secs(timeout));
    tokio::pin!(end);
    loop {
        {
            let mut world = shared.world();
            if world.poll != mine {
                return Err(Refusal::conflict());
            }
            let updates = world.deliver(limit);
            if !updates.is_empty() {
                return Ok(updates.into());
            }
        }
        tokio::select! {
            () = &mut end => return Ok(json!([])),
            _ = changes.changed() => {}
        }
    }
}

fn logged(shared: &Shared, method: &str, params: &Params, answer: Result<Value, Refusal>) -> Response {
    let status = answer.as_ref().err().map_or(200, |refusal| refusal.code);
    log(shared, method, params, status);
    reply(&answer)
}

fn log(shared: &Shared, method: &str, params: &Params, status: u16) {
    let params = params.to_json();
    shared.world().log(LoggedRequest { method: method.to_owned(), params, status });
    shared.changed();
}

fn reply(answer: &Result<Value, Refusal>) -> Response {
    let (status, body) = match answer {
        Ok(result) => (StatusCode::OK, json!({ "ok": true, "result": result })),
        Err(refusal) => {
            let mut body = json!({ "ok": false, "error_code": refusal.code, "description": refusal.description });
            if let Some(parameters) = &refusal.parameters {
                body["parameters"] = parameters.clone();
            }
            (StatusCode::from_u16(refusal.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), body)
        }
    };
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// The connection ends in the middle of an answer.
fn cut(shared: &Shared, method: &str, params: &Params) -> Response {
    log(shared, method, params, 0);
    let broken = futures_util::stream::once(async { Err::<Bytes, _>(io::Error::from(io::ErrorKind::BrokenPipe)) });
    Response::new(Body::from_stream(broken))
}
