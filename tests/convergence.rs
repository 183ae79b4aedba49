//! Whatever happens to the CRM while nobody tells us: after one sweep the mirror equals it, and nothing wrong was
//! announced meanwhile. One test per case; each names the recording of a real EspoCRM (`tests/recordings/<version>/…`)
//! that shows how it behaves there, and `conformance::convergence` holds the sandbox to it.

mod custom;
mod mirror;
mod partial;
mod people;
mod records;
mod rights;
mod webhooks;

use max::domain::{HOUR, MINUTE};
use max::sandbox::espo::{Grant, Rights};

use crate::support::{CAMILLE, LUC, Setting, World};

/// Sweeps are this far apart here.
const SWEEP: i64 = 6 * HOUR;

/// Whoever is to be told is told at once, and once.
const ROUND_THE_CLOCK: &str = r#"
[working_hours]
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
from = "00:00"
to = "23:59"

[escalation]
enabled = false
"#;

/// A world that is swept every six hours; Luc and Camille are on Telegram.
fn setting() -> Setting {
    Setting {
        config: format!("[sync]\nsweep_interval = \"6h\"\n{ROUND_THE_CLOCK}"),
        linked: vec![LUC, CAMILLE],
        telegram: "briefing = false\nsummary = false",
        ..Setting::default()
    }
}

async fn begin() -> World {
    World::with(setting(), |_| {}).await
}

/// What an act changed is no longer within the reach of a poll, and no sweep has been made.
async fn out_of_reach(world: &World) {
    world.pass(5 * MINUTE).await;
}

/// Has one sweep made.
async fn sweep(world: &World) {
    world.pass(SWEEP).await;
}

/// How many messages M.A.X. wrote to Luc and to Camille that name somebody.
fn told(world: &World, name: &str) -> (usize, usize) {
    let naming = |account| world.messages(account).iter().filter(|message| message.plain.contains(name)).count();
    (naming(LUC.1), naming(CAMILLE.1))
}

/// Our rights, with one entity's replaced.
fn rights(entity: &str, grant: Grant) -> Rights {
    Rights::of_max().with(entity, grant)
}
