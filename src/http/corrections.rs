//! `GET /api/corrections` (admin): what people said was read wrongly, one line each.

use std::fmt::Write;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use super::Api;
use super::auth::{Caller, authorise};
use super::export::NDJSON;
use super::reply::Refusal;
use crate::config::Scope;
use crate::engine::corrections::corrections;

pub(super) async fn list(State(api): State<Api>, headers: HeaderMap) -> Result<Response, Refusal> {
    let Caller(caller) = authorise(&api.tokens, &headers, Scope::Admin)?;
    let mut lines = String::new();
    for correction in corrections(api.engine.store())? {
        let line = serde_json::to_string(&correction).unwrap_or_default();
        writeln!(lines, "{line}").unwrap_or_default();
    }
    tracing::info!(%caller, "corrections are read");
    Ok(([(header::CONTENT_TYPE, NDJSON)], lines).into_response())
}
