//! What a user may do with leads: the extension's route `Max/permissions`, which answers by EspoCRM's own access
//! control. EspoCRM itself tells an API user only what that user may do.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::client::Client;
use super::error::{Error, ErrorKind};
use crate::domain::{LeadId, Rights, UserId};

/// The most leads that one question names. The route takes a thousand, and needs some seconds for them.
pub const MOST_LEADS: usize = 200;

const ROUTE: &str = "Max/permissions";

/// What `user` may do with each of `leads` (at most [`MOST_LEADS`]); a lead that is missing in the answer is none of the
/// user's business, nor is any when the CRM does not have the user.
///
/// # Errors
/// When the CRM does not answer, or its extension does not have the route.
pub async fn ask(client: &Client, user: &UserId, leads: &[LeadId]) -> Result<BTreeMap<LeadId, Rights>, Error> {
    let question = Map::from_iter([("userId".to_owned(), json!(user)), ("leadIds".to_owned(), json!(leads))]);
    let answer = match client.post(ROUTE, &question).await {
        // A kept connection may have died meanwhile, and asking twice does no harm.
        Err(Error { kind: ErrorKind::Unreachable { source }, .. }) if !source.is_connect() => {
            client.post(ROUTE, &question).await
        }
        answer => answer,
    };
    match answer {
        Ok(answer) => match answer.0.get("leads").and_then(Value::as_object) {
            Some(leads) => Ok(leads.iter().map(|(lead, words)| (LeadId::from(lead.as_str()), rights(words))).collect()),
            None => Err(client.not_as_expected(ROUTE, "JSON that does not say who may do what".to_owned())),
        },
        Err(Error { kind: ErrorKind::NotFound, .. }) => Ok(BTreeMap::new()),
        Err(error) => Err(error),
    }
}

fn rights(words: &Value) -> Rights {
    let has = |word: &str| words.as_array().is_some_and(|words| words.iter().any(|known| known == word));
    Rights { read: has("read"), edit: has("edit"), assign: has("assign") }
}
