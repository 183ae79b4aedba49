//! Who may call the API: bearer tokens with scopes, compared in constant time.

use axum::http::{HeaderMap, StatusCode, header};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::reply::Refusal;
use crate::config::{Scope, TokenSection};

/// Whoever called, by the name of the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller(pub String);

/// Who calls, if the request bears a token that allows `scope`. `admin` allows everything.
///
/// # Errors
/// 401 without a known token, 403 when it does not allow `scope`.
pub fn authorise(tokens: &[TokenSection], headers: &HeaderMap, scope: Scope) -> Result<Caller, Refusal> {
    let presented = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| Sha256::digest(token.trim().as_bytes()));
    let unauthorised = || {
        let message = "send `Authorization: Bearer <token>` with a token of [[http.tokens]]";
        Refusal::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    };
    let presented = presented.ok_or_else(unauthorised)?;
    // Digests have one length, so that not even a token's length shows in the time this takes.
    let known = tokens.iter().find(|known| {
        bool::from(Sha256::digest(known.token.expose_secret().as_bytes()).as_slice().ct_eq(presented.as_slice()))
    });
    let token = known.ok_or_else(unauthorised)?;
    if token.scopes.contains(&scope) || token.scopes.contains(&Scope::Admin) {
        return Ok(Caller(token.name.clone()));
    }
    let message = format!("this token lacks the scope `{}`", scope.as_str());
    Err(Refusal::new(StatusCode::FORBIDDEN, "forbidden", message))
}
