//! A CRM that is away for a while: nothing is lost, it is left in peace, and found again soon after it is back.

use max::sandbox::espo::Fault;
use serde_json::json;

use crate::support::World;

async fn log(world: &World, lead: &str, count: usize) {
    let said = |n| json!({"id": format!("wa-{n}"), "leadId": lead, "channel": "whatsapp", "direction": "out", "status": "sent"});
    let (status, _) = world.api("POST", "/api/activities/log", (0..count).map(said).collect()).await;
    assert_eq!(status, 200);
}

/// Lets so many seconds pass, a few at a time, for whoever waits.
async fn seconds(world: &World, count: i64) {
    for _ in 0..count / 5 {
        world.clock.advance(5);
        world.quiet().await;
    }
}

#[tokio::test]
async fn a_crm_that_is_away_is_left_in_peace_and_gets_everything_when_it_is_back() {
    for fault in
        [Fault::Down, Fault::Html { status: 200, times: u32::MAX }, Fault::Status { status: 502, times: u32::MAX }]
    {
        let world = World::begin().await;
        let lead = world.lead("Sophie", 86_400, json!({}));
        world.settle().await;
        world.espo.fail(fault.clone());
        let before = world.espo.requests().len();
        log(&world, &lead, 50).await;
        seconds(&world, 60).await;
        let asked = world.espo.requests().len() - before;
        assert!(asked < 25, "{fault:?}: asked {asked} times within a minute");

        world.espo.heal();
        seconds(&world, 130).await;
        let (status, ready) = world.api("GET", "/readyz", json!({})).await;
        assert_eq!((status, &ready["crm"]["error"]), (200, &json!(null)), "{fault:?}: {ready}");
        world.settle().await;
        assert_eq!(world.espo.list("MaxActivity").len(), 50, "{fault:?}");
        world.end().await;
    }
}

#[tokio::test]
async fn a_wrong_key_is_one_failed_login_and_no_more() {
    let mut world = World::begin().await;
    let before = world.espo.requests().len();
    world.restart_with_key("not-the-key").await;
    seconds(&world, 120).await;
    let asked: Vec<String> = world
        .espo
        .requests()
        .iter()
        .skip(before)
        .map(|request| format!("{} {}", request.method, request.path))
        .collect();
    assert_eq!(asked, ["GET /api/v1/App/user"]);
    let (status, ready) = world.api("GET", "/readyz", json!({})).await;
    assert_eq!((status, &ready["crm"]["needsPerson"]), (503, &json!(true)));
    world.stop().await;
}
