//! What an admin does in the CRM, and what comes of it in the chat; and that the record there is made once.

use max::domain::{DAY, HOUR, MINUTE};
use max::sandbox::espo::Fault;
use serde_json::json;

use crate::support::{LUC, World, button};

/// Nina has not answered for four days; Luc is told.
async fn silent() -> (World, String) {
    let world = World::begin().await;
    let lead = world.lead("Nina", 10 * DAY, json!({}));
    world.mail_to("Nina", 4 * DAY, "Bonjour Nina, avez-vous pu regarder notre offre ?");
    world.settle().await;
    (world, lead)
}

#[tokio::test]
async fn a_record_says_what_the_alert_is_about() {
    let world = World::begin().await;
    let now = world.clock.now();
    let lead = world.lead("Nina", 10 * DAY, json!({}));
    world.mail_to("Nina", 4 * DAY, "Bonjour Nina, avez-vous pu regarder notre offre ?");
    world.settle().await;
    let alert = world.alert(&lead, "NoReply3d");
    assert_eq!(alert["type"], "NoReply3d");
    assert_eq!(alert["severity"], "medium");
    assert_eq!(alert["teamsIds"], json!([crate::support::TEAM]));
    assert_eq!(alert["anchor"], now.plus(-4 * DAY).to_string());
    let opened = max::domain::Timestamp::parse_espo(alert["openedAt"].as_str().unwrap()).unwrap();
    assert!(opened.since(now) < MINUTE, "{opened}");
    assert!(alert["dueAt"].is_string());
    assert!(!alert["suggestedAction"].as_str().unwrap().is_empty());
    assert!(alert["name"].as_str().unwrap().contains("26 février"), "it names the date: {}", alert["name"]);
    world.end().await;
}

#[tokio::test]
async fn what_is_reopened_in_the_crm_is_open_again_in_the_chat() {
    let (world, lead) = silent().await;
    world.tap("done").await;
    let alert = world.alert(&lead, "NoReply3d");
    world.in_crm(&alert, "claire", json!({"status": "Open"})).await;
    let alert = world.alert(&lead, "NoReply3d");
    assert_eq!((&alert["status"], &alert["resolvedAt"]), (&json!("Open"), &json!(null)));
    assert!(button(&world.last(), "done").is_some(), "{:#?}", world.last());
    world.end().await;
}

#[tokio::test]
async fn what_is_snoozed_in_the_crm_is_silent_in_the_chat() {
    let (world, lead) = silent().await;
    let alert = world.alert(&lead, "NoReply3d");
    let until = world.ago(-DAY);
    world.in_crm(&alert, "claire", json!({"status": "Snoozed", "snoozedUntil": until})).await;
    assert_eq!(world.alert(&lead, "NoReply3d")["status"], "Snoozed");
    assert!(button(&world.last(), "sent").is_none());
    world.pass(DAY).await;
    assert_eq!(world.alert(&lead, "NoReply3d")["status"], "Open");
    assert!(button(&world.last(), "sent").is_some());
    world.end().await;
}

#[tokio::test]
async fn a_record_deleted_in_the_crm_counts_as_resolved_and_is_not_made_again() {
    let (world, lead) = silent().await;
    let alert = world.alert(&lead, "NoReply3d");
    world.espo.delete("MaxAlert", alert["id"].as_str().unwrap(), "claire");
    // A deletion shows in a sweep.
    world.tomorrow_at_ten().await;
    world.settle().await;
    assert!(world.last().keyboard.is_empty(), "{:#?}", world.last());
    assert!(world.alerts(&lead).is_empty());
    world.end().await;
}

/// > A key has one alert, for ever; its id is derived from the key, so that a second attempt to create it is
/// > recognised as the same one.
#[tokio::test]
async fn a_lost_answer_never_doubles_a_record() {
    let world = World::begin().await;
    world.espo.fail(Fault::CutReplyAfterStoring { times: 1 });
    let lead = world.lead("Marie", 8 * DAY, json!({}));
    world.settle().await;
    world.alert(&lead, "NoContact7d");
    world.tap("done").await;
    assert_eq!(world.alert(&lead, "NoContact7d")["status"], "Resolved");
    world.end().await;
}

#[tokio::test]
async fn hands_off_a_lead_that_is_converted_or_deleted() {
    let world = World::begin().await;
    let converted = world.lead("Marie", 8 * DAY, json!({}));
    let deleted = world.lead("Paul", 8 * DAY, json!({}));
    world.settle().await;
    world.clock.advance(MINUTE);
    world.espo.update("Lead", &converted, "luc", json!({"status": "Converted"}));
    world.espo.delete("Lead", &deleted, "luc");
    world.settle().await;
    assert_eq!(world.alert(&converted, "NoContact7d")["closeReason"], "lead_closed");
    world.tomorrow_at_ten().await;
    assert_eq!(world.alert(&deleted, "NoContact7d")["closeReason"], "lead_deleted");
    assert!(world.messages(LUC.1).iter().all(|message| button(message, "done").is_none()));
    world.end().await;
}

#[tokio::test]
async fn a_crm_that_is_down_for_hours_loses_nothing() {
    let (mut world, lead) = silent().await;
    let message = world.last();
    // What Luc may do is known for five minutes.
    world.tap("zz").await;
    world.espo.fail(Fault::Down);
    let data = button(&message, "done").unwrap();
    world.telegram.tap(LUC.1, message.message_id, &data).unwrap();
    world.telegram.wait_until(max::sandbox::telegram::TelegramSandbox::all_updates_confirmed).await;
    world.carried_out().await;
    world.clock.advance(3 * HOUR);
    world.stop().await;
    world.start().await;
    world.clock.advance(HOUR);
    world.espo.heal();
    world.settle().await;
    let alert = world.alert(&lead, "NoReply3d");
    assert_eq!((&alert["status"], &alert["resolvedVia"]), (&json!("Resolved"), &json!("telegram")));
    assert!(world.last().keyboard.is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_lost_store_costs_a_backfill_and_no_act_of_a_person() {
    let (mut world, settled) = silent().await;
    world.tap("done").await;
    let open = world.lead("Marie", 8 * DAY, json!({}));
    world.settle().await;
    world.stop().await;
    world.lose_store();
    world.clock.advance(HOUR);
    world.start().await;
    world.settle().await;
    assert_eq!(world.alert(&settled, "NoReply3d")["status"], "Resolved", "what a person settled stays settled");
    assert_eq!(world.alert(&open, "NoContact7d")["status"], "Open", "and nothing is doubled");
    let before = world.messages(LUC.1).len();
    world.link(LUC.0, LUC.1).await;
    let told = &world.messages(LUC.1)[before..];
    assert!(told.iter().any(|message| message.plain.contains("Marie")), "{told:#?}");
    assert!(told.iter().all(|message| !message.plain.contains("Nina")), "{told:#?}");
    world.end().await;
}
