//! `GET /api/export/leads` and `/api/export/activities` (admin): the mirror as the files that `max backtest` reads,
//! streamed. Each portion is read when the one before it has left, so that a reader who is slow, or gone, holds
//! nothing up. When the store fails midway the connection is cut: the rest is missing, and the reader sees it.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::try_unfold;

use super::Api;
use super::auth::{Caller, authorise};
use super::reply::Refusal;
use crate::config::Scope;
use crate::domain::LeadId;
use crate::engine::export::{Export, Part, Portion};

/// What the answers are.
pub const NDJSON: &str = "application/x-ndjson";

pub(super) async fn leads(State(api): State<Api>, headers: HeaderMap) -> Result<Response, Refusal> {
    stream(&api, &headers, Part::Leads)
}

pub(super) async fn activities(State(api): State<Api>, headers: HeaderMap) -> Result<Response, Refusal> {
    stream(&api, &headers, Part::Activities)
}

fn stream(api: &Api, headers: &HeaderMap, part: Part) -> Result<Response, Refusal> {
    let Caller(caller) = authorise(&api.tokens, headers, Scope::Admin)?;
    let Some(export) = Export::of(api.engine.store(), &api.config.rules)? else {
        return Err(Refusal::unavailable(
            "the CRM has not been read once yet, and an export would lack what is missing; try again when /readyz is fine",
        ));
    };
    tracing::info!(%caller, ?part, "the mirror is exported");
    let portions = try_unfold(Next::First(export), move |next| async move {
        let Some((export, after)) = next.begin() else { return Ok(None) };
        let read = tokio::task::spawn_blocking(move || {
            let portion = export.portion(part, after.as_ref());
            (export, portion)
        });
        let (export, portion) = read.await.map_err(std::io::Error::other)?;
        let Portion { lines, next } = portion.map_err(|error| {
            tracing::error!(%error, "an export could not be read to its end; the connection is cut");
            std::io::Error::other(error)
        })?;
        let next = next.map_or(Next::Nothing, |last| Next::After(export, last));
        Ok::<_, std::io::Error>(Some((Bytes::from(lines), next)))
    });
    Ok(([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(portions)).into_response())
}

/// What is still to be read.
enum Next {
    First(Export),
    After(Export, LeadId),
    Nothing,
}

impl Next {
    fn begin(self) -> Option<(Export, Option<LeadId>)> {
        match self {
            Self::First(export) => Some((export, None)),
            Self::After(export, last) => Some((export, Some(last))),
            Self::Nothing => None,
        }
    }
}
