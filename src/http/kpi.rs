//! `GET /api/kpi` (read): whether it helps, before and after. `docs/kpi.md` says what each figure means.

use std::collections::HashMap;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::Api;
use super::auth::authorise;
use super::reply::Refusal;
use crate::config::Scope;
use crate::domain::{TeamId, UserId};
use crate::engine::kpi::{Whose, report};
use crate::insight::kpi::{Answered, Change, Contrast, Report, Share, Window};

type Params = Result<Query<HashMap<String, String>>, QueryRejection>;

pub(super) async fn figures(
    State(api): State<Api>,
    headers: HeaderMap,
    params: Params,
) -> Result<Json<Value>, Refusal> {
    authorise(&api.tokens, &headers, Scope::Read)?;
    let Query(params) = params.map_err(|error| Refusal::bad_request(error.to_string()))?;
    let whose = whose(&api, &params)?;
    let report = report(api.engine.store(), &whose)?.ok_or_else(|| {
        Refusal::unavailable("the figures are worked out once the CRM has been read; try again in a moment")
    })?;
    Ok(Json(to_json(&whose, &report)))
}

fn whose(api: &Api, params: &HashMap<String, String>) -> Result<Whose, Refusal> {
    if let Some(name) = params.keys().find(|name| !["team", "user"].contains(&name.as_str())) {
        return Err(Refusal::bad_request(format!("{name}: there is no such filter; known are team, user")));
    }
    let store = api.engine.store();
    match (params.get("team"), params.get("user")) {
        (Some(_), Some(_)) => Err(Refusal::bad_request("team, user: one of them at a time")),
        (Some(team), None) => {
            let id = TeamId::from(team.as_str());
            let known = store.team(&id)?.is_some();
            known.then_some(Whose::Team(id)).ok_or_else(|| Refusal::not_found("unknown_team", "there is no such team"))
        }
        (None, Some(user)) => {
            let id = UserId::from(user.as_str());
            let known = store.user(&id)?.is_some();
            known.then_some(Whose::Rep(id)).ok_or_else(|| Refusal::not_found("unknown_user", "there is no such user"))
        }
        (None, None) => Ok(Whose::All),
    }
}

/// The figures as the API says them.
pub fn to_json(whose: &Whose, report: &Report) -> Value {
    let (team, user) = match whose {
        Whose::All | Whose::Led(_) => (None, None),
        Whose::Team(team) => (Some(team), None),
        Whose::Rep(user) => (None, Some(user)),
    };
    let windows = report.windows;
    let pair = |contrast: &Contrast| {
        json!({
            "used": share("won", &contrast.after), "notUsed": share("won", &contrast.before),
            "change": contrast.change.as_ref().map(change), "claim": contrast.claim,
        })
    };
    let [before, after] = [0, 1].map(|side| answered(&report.response.working[side], &report.response.elapsed[side]));
    json!({
        "asOf": windows.after.to,
        "switchedOn": windows.before.to,
        "team": team,
        "user": user,
        "before": window(windows.before),
        "after": window(windows.after),
        "followUpRate": contrast("inTime", &report.follow_up),
        "hotResponse": {
            "before": before, "after": after,
            "change": report.response.change.as_ref().map(change), "claim": report.response.claim,
        },
        "preferredChannel": {
            "before": pair(&report.preferred.before), "after": pair(&report.preferred.after),
            "claim": report.preferred.after.claim,
        },
        "forgottenLeads": contrast("forgotten", &report.forgotten),
    })
}

fn window(window: Window) -> Value {
    json!({ "from": window.from, "to": window.to })
}

fn contrast(hits: &str, contrast: &Contrast) -> Value {
    json!({
        "before": share(hits, &contrast.before), "after": share(hits, &contrast.after),
        "change": contrast.change.as_ref().map(change), "claim": contrast.claim,
    })
}

fn share(hits: &str, share: &Share) -> Value {
    let (low, high) = share.interval.unzip();
    json!({ hits: share.hits, "of": share.of, "leads": share.leads, "rate": share.rate, "low": low, "high": high })
}

fn change(change: &Change) -> Value {
    json!({ "value": change.value, "low": change.low, "high": change.high })
}

fn answered(working: &Answered, elapsed: &Answered) -> Value {
    let times = |answered: &Answered| json!({ "median": answered.median, "p90": answered.p90 });
    json!({
        "messages": working.messages, "answered": working.answered, "leads": working.leads,
        "workingSeconds": times(working), "elapsedSeconds": times(elapsed),
    })
}
