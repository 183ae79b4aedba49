//! The CRM's dashlet shows how M.A.X. is: after a round that went through, and when something is wrong, we say so.

use serde_json::json;

use super::{Crm, RoundError};
use crate::domain::{Seconds, Timestamp};
use crate::espo::error::ErrorKind;

/// At most one within so many seconds, unless there is something new to say.
const PAUSE: Seconds = 15;

/// What was told last, and how that went.
#[derive(Debug, Default)]
pub(super) struct Heartbeat {
    told: Option<(Timestamp, Option<String>)>,
    failed: bool,
    /// The extension does not know of heartbeats.
    unknown: bool,
}

impl Heartbeat {
    fn is_due(&self, now: Timestamp, problem: Option<&String>) -> bool {
        let is_old = |at: Timestamp| now.since(at) >= PAUSE || at > now;
        !self.unknown && self.told.as_ref().is_none_or(|(at, told)| is_old(*at) || told.as_ref() != problem)
    }
}

impl Crm {
    /// Tells the CRM how M.A.X. is, when it is time and the CRM can hear it. A failure harms nothing.
    pub(super) async fn beat(&self, heartbeat: &mut Heartbeat, round: &Result<super::Tally, RoundError>) {
        let hears = match round {
            Ok(_) => true,
            Err(RoundError::Crm(error)) => !error.is_outage() && !self.is_refused() && self.is_connected(),
            Err(RoundError::Engine(_)) => false,
        };
        let (status, now) = (&self.0.status, self.0.engine.clock().now());
        let store = self.0.engine.store();
        let Ok(backfilled) = store.meta::<bool>(crate::engine::observe::BACKFILLED) else { return };
        let problem = status.problem(backfilled.unwrap_or_default());
        if !hears || !heartbeat.is_due(now, problem.as_ref()) {
            return;
        }
        let Ok(synced_at) = store.meta::<Timestamp>(crate::engine::observe::LAST_SYNC) else { return };
        let body = json!({
            "syncedAt": status.crm().last_success.or(synced_at),
            "version": env!("CARGO_PKG_VERSION"),
            "botUsername": status.bot_name(),
            "problem": problem,
            "lag": store.outbox_oldest(Some(true)).map(|at| now.since(at).max(0)),
        });
        heartbeat.told = Some((now, problem));
        let body = body.as_object().cloned().unwrap_or_default();
        match self.0.client.post("Max/heartbeat", &body).await {
            Ok(_) => {
                if std::mem::take(&mut heartbeat.failed) {
                    tracing::info!("the CRM takes our heartbeats again");
                }
            }
            Err(error) => {
                heartbeat.unknown =
                    matches!(error.kind, ErrorKind::NoSuchRoute | ErrorKind::NotFound | ErrorKind::NoSuchEntity { .. });
                if heartbeat.unknown {
                    tracing::warn!(%error, "the CRM cannot show how M.A.X. is: install the newest extension and restart M.A.X.");
                } else if !std::mem::replace(&mut heartbeat.failed, true) {
                    tracing::warn!(%error, "the CRM does not take our heartbeat; the rest goes on");
                }
            }
        }
    }
}
