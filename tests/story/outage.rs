//! A CRM that is away for a while: nothing is lost, it is left in peace, and found again soon after it is back.

use std::time::Duration;

use max::domain::LeadId;
use max::sandbox::espo::{Fault, Grant, Rights};
use max::store::StoreError;
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

#[tokio::test]
async fn a_right_that_was_taken_away_hides_those_records_and_nothing_else() {
    for entity in ["Team", "User", "Meeting", "MaxActivity"] {
        let world = World::begin().await;
        world.espo.set_rights("max_api", &Rights::of_max().with(entity, Grant::NONE));
        let lead = world.lead("Sophie", 86_400, json!({}));
        world.mail_from("Sophie", 60, "Bonjour, je voudrais un devis.");
        world.settle().await;
        assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open", "{entity}");
        assert!(world.last().plain.contains("Sophie"), "{entity}: {}", world.last().plain);
        let (_, ready) = world.api("GET", "/readyz", json!({})).await;
        assert!(ready["alarm"].as_str().is_some_and(|alarm| alarm.contains(entity)), "{entity}: {ready}");
        world.espo.set_rights("max_api", &Rights::of_max());
        world.settle().await;
        let (_, ready) = world.api("GET", "/readyz", json!({})).await;
        assert_eq!(ready["alarm"], json!(null), "{entity}");
        world.tap("done").await;
        world.end().await;
    }
}

#[tokio::test]
async fn a_crm_that_is_away_is_not_asked_about_each_item_of_a_list() {
    let world = World::begin().await;
    world.espo.fail(Fault::Down);
    let before = world.espo.requests().len();
    let said = |n| json!({"leadId": format!("unknown{n:011}"), "channel": "whatsapp", "direction": "out"});
    let (_, answer) = world.api("POST", "/api/activities/log", (0..40).map(said).collect()).await;
    assert!(answer.as_array().unwrap().iter().all(|item| item["status"] == 201), "{answer}");
    let odd = json!({"leadId": "../User", "channel": "whatsapp", "direction": "out"});
    assert_eq!(world.api("POST", "/api/activities/log", odd).await.0, 404, "no lead can have such an id");
    assert!(world.espo.requests().len() - before < 20);
    world.espo.heal();
    seconds(&world, 130).await;
    world.settle().await;
    assert!(world.espo.list("MaxActivity").is_empty(), "the CRM has none of these leads");
    world.end().await;
}

#[tokio::test]
async fn the_echo_of_a_report_changes_nothing_of_it() {
    let world = World::begin().await;
    let lead = world.lead("Nina", 86_400, json!({}));
    world.settle().await;
    world.espo.fail(Fault::Down);
    let html = json!({"id": "h1", "leadId": lead, "channel": "email", "direction": "out", "message_preview": "<p>Bonjour</p>"});
    let call = json!({"id": "c1", "leadId": lead, "channel": "call", "direction": "out", "status": "planned",
                      "timestamp": "2026-03-04T10:00:00Z"});
    for report in [&html, &call] {
        assert_eq!(world.api("POST", "/api/activities/log", report.clone()).await.0, 201);
    }
    let known = || world.app().engine.store().activities(&LeadId(lead.clone())).unwrap();
    let before = known();
    seconds(&world, 3_600).await;
    world.espo.heal();
    seconds(&world, 130).await;
    world.settle().await;
    assert_eq!(world.espo.list("MaxActivity").len(), 2);
    assert_eq!(
        known().iter().map(|it| it.created_at).collect::<Vec<_>>(),
        before.iter().map(|it| it.created_at).collect::<Vec<_>>()
    );
    assert_eq!(world.api("POST", "/api/activities/log", html).await.0, 200);
    world.end().await;
}

#[tokio::test]
async fn a_dead_engine_ends_the_daemon() {
    let mut world = World::begin().await;
    let app = world.app.as_mut().unwrap();
    let died = app.engine.run(|_| -> Result<(), StoreError> { panic!("a mistake of ours, made on purpose") }).await;
    assert!(died.is_err());
    let failure = tokio::time::timeout(Duration::from_secs(20), app.failed()).await.expect("the daemon notices");
    assert!(failure.to_string().contains("died"), "{failure}");
}
