//! `POST /api/links` (admin): a one-time deep link that ties a Telegram account to a user of the CRM.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::auth::authorise;
use super::reply::Refusal;
use super::{Api, object};
use crate::config::Scope;
use crate::domain::User;
use crate::engine::linking;

pub(super) async fn create(
    State(api): State<Api>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Refusal> {
    authorise(&api.tokens, &headers, Scope::Admin)?;
    let fields = object(bytes)?;
    let wanted = fields.get("user").and_then(Value::as_str).unwrap_or_default();
    let user = find(&api, wanted)?;
    let Some(bot) = api.status.bot_name() else {
        return Err(Refusal::unavailable("the bot has not been reached yet: check [telegram] token"));
    };
    let link = linking::create(&api.engine, &user.id, &bot).await?;
    Ok(Json(json!({"url": link.url, "expiresAt": link.expires_at, "user": user.name})))
}

fn find(api: &Api, wanted: &str) -> Result<User, Refusal> {
    if wanted.is_empty() {
        return Err(Refusal::bad_request("user: is required (id, login name or mail address of a CRM user)"));
    }
    let lower = wanted.to_lowercase();
    let users = api.engine.store().users()?;
    let user = users.into_iter().find(|user| {
        user.id.as_str() == wanted || user.user_name.eq_ignore_ascii_case(wanted) || user.emails.contains(&lower)
    });
    match user {
        Some(user) if user.active => Ok(user),
        Some(user) => Err(Refusal::impossible(format!("user: {} is not active in the CRM", user.name))),
        None => Err(Refusal::not_found("unknown_user", format!("user: nobody in the CRM is `{wanted}`"))),
    }
}
