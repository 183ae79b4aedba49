//! The scheduler: evaluates leads as time makes them due.

use tokio_util::sync::CancellationToken;

use super::evaluate::Progress;
use super::sync::Crm;
use super::{Engine, Handle};
use crate::domain::Timestamp;

/// Evaluates leads as they become due, until `stop`. Before anybody is told of one, `crm` looks at it once more.
pub async fn schedule(engine: Handle, crm: Crm, stop: CancellationToken) {
    let clock = engine.clock().clone();
    loop {
        let mut changes = engine.changes();
        let store = engine.store();
        let Ok(escalation) = store.next_escalation() else { return };
        let next = store.next_due().into_iter().chain(escalation).min();
        let due = next.is_some_and(|at| at <= clock.now());
        if due {
            match engine.run(Engine::evaluate_due).await {
                Ok(Progress::More(_) | Progress::Done(_)) => continue,
                Ok(Progress::Suspects(_)) => {
                    crm.wake();
                    continue;
                }
                Ok(Progress::Waiting) => {}
                Err(_) => return,
            }
        }
        let sleep_until = next.filter(|_| !due).unwrap_or(Timestamp(i64::MAX / 2_000));
        tokio::select! {
            () = stop.cancelled() => return,
            _ = changes.changed() => {}
            () = clock.sleep_until(sleep_until) => {}
        }
    }
}
