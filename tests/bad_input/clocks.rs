//! Clocks that jump.

use max::domain::{DAY, HOUR};
use serde_json::json;

use crate::support::{LUC, Setting, World};

#[tokio::test]
async fn a_clock_that_jumps_forward_and_back_tells_nothing_twice_and_misses_nothing() {
    // Whoever is named again has been announced again.
    let config = "[escalation]\nenabled = false\n".to_owned();
    let setting = Setting { telegram: "briefing = false\nsummary = false", config, ..Setting::default() };
    let world = World::with(setting, |_| {}).await;
    let sophie = world.lead("Sophie", 2 * DAY, json!({}));
    world.whatsapp(&sophie, "in", HOUR, "Bonjour, je voudrais un devis.");
    world.settle().await;
    let told = |name: &str| world.messages(LUC.1).into_iter().filter(|one| one.plain.contains(name)).count();
    assert_eq!(told("Sophie"), 1);

    world.pass(DAY).await;
    let paul = world.lead("Paul", 2 * DAY, json!({}));
    world.whatsapp(&paul, "in", HOUR, "Bonjour, je voudrais commander.");
    world.settle().await;
    assert_eq!(told("Paul"), 1);

    world.clock.advance(-DAY);
    world.settle().await;
    let marie = world.lead("Marie", 2 * DAY, json!({}));
    world.whatsapp(&marie, "in", 60, "Bonjour, je voudrais un rendez-vous et un devis.");
    let back = world.clock.now();
    world.settle().await;
    assert_eq!(world.alert(&marie, "HotLead24h")["status"], "Open");
    assert_eq!((told("Sophie"), told("Paul"), told("Marie")), (1, 1, 1));
    assert!(world.clock.now().since(back) < HOUR, "told at once, not when the clock has caught up");

    world.pass(DAY).await;
    assert_eq!((told("Sophie"), told("Paul"), told("Marie")), (1, 1, 1));
    world.end().await;
}
