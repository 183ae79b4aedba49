//! How M.A.X. is: said to the CRM after each round, and to those who lead when the CRM is not seen for a while.

use max::domain::{DAY, HOUR, MINUTE, Seconds};
use max::sandbox::espo::{Fault, Grant, Rights};
use serde_json::{Value, json};

use crate::support::{CAMILLE, LUC, Setting, World};

/// Camille leads the team; she and Luc are linked.
async fn led() -> World {
    let config = format!("[teams.\"team0nord00000001\"]\nmanagers = [\"{}\", \"nobody\"]\n", CAMILLE.0);
    World::with(Setting { linked: vec![LUC, CAMILLE], config, ..Setting::default() }, |_| {}).await
}

/// Has the daemon look at the CRM, which may be out of reach.
async fn look(world: &World) {
    let _ = world.app().crm.look_now().await;
}

/// Moves the clock in steps that a daemon would take.
async fn wait(world: &World, seconds: Seconds) {
    for _ in 0..seconds / MINUTE {
        world.clock.advance(MINUTE);
        look(world).await;
    }
}

/// Waits, in real time, until so many messages have come to a chat.
async fn until_told(world: &World, chat: i64, messages: usize) {
    let told = world.telegram.wait_until(|_| world.messages(chat).len() >= messages);
    tokio::time::timeout(std::time::Duration::from_secs(30), told).await.expect("it is told");
}

fn heartbeats(world: &World) -> usize {
    world.espo.requests().iter().filter(|request| request.path.ends_with("/Max/heartbeat")).count()
}

#[tokio::test]
async fn the_crm_hears_after_each_round_how_max_is() {
    let world = led().await;
    let beat = world.espo.heartbeat().expect("a heartbeat");
    assert_eq!(beat["syncedAt"], json!(world.clock.now()));
    assert_eq!(
        (&beat["version"], &beat["botUsername"]),
        (&json!(env!("CARGO_PKG_VERSION")), &json!("max_sandbox_bot"))
    );
    assert_eq!((&beat["problem"], &beat["lag"]), (&Value::Null, &Value::Null));
    let before = heartbeats(&world);
    world.look().await;
    world.look().await;
    assert_eq!(heartbeats(&world), before, "not more often than every 15 s");
    world.clock.advance(15);
    world.look().await;
    assert_eq!(heartbeats(&world), before + 1);
    world.end().await;
}

#[tokio::test]
async fn what_is_wrong_is_told_at_once_and_a_refused_heartbeat_harms_nothing() {
    let world = led().await;
    world.espo.set_rights("max_api", &Rights::of_max().with("Call", Grant::NONE));
    world.look().await;
    let problem = world.espo.heartbeat().unwrap()["problem"].clone();
    assert!(problem.as_str().is_some_and(|problem| problem.contains("Call")), "{problem}");
    world.espo.set_rights("max_api", &Rights::of_max());
    world.look().await;
    assert_eq!(world.espo.heartbeat().unwrap()["problem"], Value::Null);
    world.end().await;
}

#[tokio::test]
async fn those_who_lead_hear_once_that_the_crm_is_not_seen_and_once_that_it_is_over() {
    let mut world = led().await;
    let (to_camille, to_luc) = (world.messages(CAMILLE.1).len(), world.messages(LUC.1).len());
    world.espo.fail(Fault::Down);
    look(&world).await;
    wait(&world, 14 * MINUTE).await;
    world.quiet().await;
    assert_eq!(world.messages(CAMILLE.1).len(), to_camille, "a hiccup is nobody's business");
    wait(&world, 3 * MINUTE).await;
    until_told(&world, CAMILLE.1, to_camille + 1).await;
    let told = world.messages(CAMILLE.1);
    assert_eq!(told.len(), to_camille + 1);
    let text = &told.last().unwrap().plain;
    assert!(text.contains("10h") && text.contains("ne répond pas"), "{text}");

    world.stop().await;
    world.start().await;
    wait(&world, 20 * MINUTE).await;
    world.quiet().await;
    assert_eq!(world.messages(CAMILLE.1).len(), to_camille + 1, "a restart tells nothing twice");

    world.espo.heal();
    world.clock.advance(MINUTE);
    world.settle().await;
    let told = world.messages(CAMILLE.1);
    assert_eq!(told.len(), to_camille + 2);
    assert!(told.last().unwrap().plain.contains("C'est réglé"), "{}", told.last().unwrap().plain);
    assert_eq!(world.messages(LUC.1).len(), to_luc, "who does not lead is not bothered");
    world.pass(HOUR).await;
    assert_eq!(world.messages(CAMILLE.1).len(), to_camille + 2);
    world.end().await;
}

#[tokio::test]
async fn a_refused_key_is_told_as_what_it_is() {
    let mut world = led().await;
    let before = world.messages(CAMILLE.1).len();
    world.restart_with_key("no longer the key").await;
    look(&world).await;
    world.clock.advance(16 * MINUTE);
    until_told(&world, CAMILLE.1, before + 1).await;
    let told = world.messages(CAMILLE.1);
    assert_eq!(told.len(), before + 1, "nothing is tried any more, and it is told all the same");
    let text = &told.last().unwrap().plain;
    assert!(text.contains("clé d'accès") && !text.contains("no longer the key"), "{text}");
    world.restart_with("no longer the key", max::sandbox::espo::API_KEY).await;
    world.settle().await;
    assert_eq!(world.messages(CAMILLE.1).len(), before + 2);
    world.end().await;
}

/// The other entities go on, and silence is not believed: those who wait for alerts have to know.
#[tokio::test]
async fn those_who_lead_hear_that_one_kind_of_records_is_not_seen() {
    for (fault, word) in [(None, "Il manque un droit"), (Some(500), "ne répond pas")] {
        let world = led().await;
        let before = world.messages(CAMILLE.1).len();
        match fault {
            None => world.espo.set_rights("max_api", &Rights::of_max().with("Call", Grant::NONE)),
            Some(status) => world.espo.fail(Fault::OfEntity { entity: "Call".to_owned(), status }),
        }
        look(&world).await;
        wait(&world, 14 * MINUTE).await;
        world.quiet().await;
        assert_eq!(world.messages(CAMILLE.1).len(), before);
        wait(&world, 3 * MINUTE).await;
        until_told(&world, CAMILLE.1, before + 1).await;
        let told = world.messages(CAMILLE.1);
        assert!(told[before].plain.contains(word), "{}", told[before].plain);
        world.espo.heal();
        world.espo.set_rights("max_api", &Rights::of_max());
        world.pass(MINUTE).await;
        let told = world.messages(CAMILLE.1);
        assert!(told.len() == before + 2 && told[before + 1].plain.contains("C'est réglé"), "{told:#?}");
        world.end().await;
    }
}

/// The rounds go through, and yet the mirror is not the CRM.
#[tokio::test]
async fn a_sweep_that_lost_sight_of_too_much_is_told_and_remembered() {
    let mut world = led().await;
    let leads: Vec<String> = (0..30).map(|number| world.lead(&format!("L{number}"), HOUR, json!({}))).collect();
    world.settle().await;
    let before = world.messages(CAMILLE.1).len();
    for lead in &leads[..10] {
        world.espo.delete("Lead", lead, "claire");
    }
    world.pass(DAY).await;
    assert!(world.app().status.sweep_alarm().is_some());
    world.pass(16 * MINUTE).await;
    let told = world.messages(CAMILLE.1);
    assert!(
        told[before..].iter().any(|message| message.plain.contains("des fiches ne me sont plus montrées")),
        "{told:#?}"
    );
    let count = told.len();
    world.stop().await;
    world.start().await;
    world.pass(MINUTE).await;
    assert!(world.app().status.sweep_alarm().is_some(), "it is not forgotten by a restart");
    assert_eq!(world.messages(CAMILLE.1).len(), count);
    for lead in &leads[..10] {
        world.espo.restore("Lead", lead);
    }
    world.pass(DAY).await;
    let told = world.messages(CAMILLE.1);
    assert!(told[count..].iter().any(|message| message.plain.contains("C'est réglé")), "{told:#?}");
    world.end().await;
}

#[tokio::test]
async fn without_managers_the_fallback_chat_hears_and_with_0s_nobody_does() {
    const GROUP: i64 = -100_300;
    for (telegram, heard) in [("fallback_chat = -100300", 1), ("fallback_chat = -100300\nstandstill_after = \"0s\"", 0)]
    {
        let setting = Setting { telegram, linked: vec![LUC], ..Setting::default() };
        let world = World::with(setting, |world| world.telegram.open_group(GROUP, "Commercial")).await;
        world.espo.fail(Fault::Down);
        look(&world).await;
        wait(&world, 17 * MINUTE).await;
        until_told(&world, GROUP, heard).await;
        assert_eq!(world.messages(GROUP).len(), heard, "{telegram}");
        world.espo.heal();
        world.clock.advance(MINUTE);
        world.settle().await;
        assert_eq!(world.messages(GROUP).len(), 2 * heard, "{telegram}");
        world.end().await;
    }
}
