//! Who is told, where, and what they may do about it: groups, stand-ins, chats that come and go.

use std::time::Duration;

use max::domain::{DAY, HOUR, MINUTE};
use max::sandbox::telegram::Fault;
use serde_json::json;

use crate::support::{CAMILLE, LUC, Setting, World, button};

const GROUP: i64 = -1_000_000_001;
const FALLBACK: &str = "fallback_chat = -1000000001";
const MOVED_GROUP: i64 = -1_000_000_002;

/// Target times run in the hours of whoever has the lead.
#[tokio::test]
async fn who_takes_over_a_lead_has_the_target_time_of_the_own_hours() {
    let config = format!("[people.{:?}]\ntime_zone = \"America/Montreal\"\ndays = [\"thu\"]\n", CAMILLE.0);
    let mut world = World::with(Setting { config, linked: vec![LUC, CAMILLE], ..Setting::default() }, |_| {}).await;
    let lead = world.lead("Marie", 8 * DAY, json!({}));
    world.lead("Zoe", 8 * DAY, json!({"assignedUserId": CAMILLE.0}));
    world.settle().await;
    let due = |of: &str| {
        let alerts = world.app().engine.store().open_alerts().unwrap();
        let alert = alerts.into_iter().find(|alert| (alert.lead_id.as_str() == lead) == (of == "Marie")).unwrap();
        (alert.opened_at, alert.due_at)
    };
    let (of_luc, of_camille) = (due("Marie"), due("Zoe"));
    assert!(of_luc.1 < of_camille.1, "{of_luc:?} {of_camille:?}");
    world.espo.update("Lead", &lead, "claire", json!({"assignedUserId": CAMILLE.0}));
    world.pass(MINUTE).await;
    assert_eq!(due("Marie"), (of_luc.0, of_camille.1), "counted from when it opened, as if it had opened for her");
    let written = world.alert(&lead, "NoContact7d")["dueAt"].as_str().unwrap().replace(' ', "T") + "Z";
    assert_eq!(written, of_camille.1.unwrap().to_string(), "and so it is in the CRM");
    world.espo.update("Lead", &lead, "claire", json!({"assignedUserId": LUC.0}));
    world.pass(MINUTE).await;
    assert_eq!(due("Marie"), of_luc, "and back");
    world.stop().await;
}

/// A world in which Luc is not on Telegram, Camille is, and what nobody else can be told goes to a group.
async fn with_group() -> World {
    let telegram = FALLBACK;
    let world = World::with(Setting { telegram, linked: vec![CAMILLE], ..Setting::default() }, |world| {
        world.telegram.open_group(GROUP, "Ventes");
    })
    .await;
    world.settle().await;
    world
}

#[tokio::test]
async fn a_group_reads_initials_and_who_asks_sees_the_rest_in_private_and_may_act() {
    let world = with_group().await;
    let lead = world.sophie_asks().await;
    let told = world.messages(GROUP).pop().expect("the group is told");
    for private in ["Sophie", "Martin", "devis", "wa.me"] {
        assert!(!format!("{told:?}").contains(private), "{private}: {told:#?}");
    }
    let show = button(&told, "show").expect("a button that shows it in private");
    world.telegram.tap_in_group(GROUP, CAMILLE.1, told.message_id, &show).unwrap();
    world.settle().await;
    assert_eq!(world.messages(GROUP).len(), 1, "nothing more in the group");
    let shown = world.messages(CAMILLE.1).pop().unwrap();
    assert!(shown.plain.contains("Sophie"), "{}", shown.plain);
    let done = button(&shown, "done").expect("the alert's own buttons");
    world.telegram.tap(CAMILLE.1, shown.message_id, &done).unwrap();
    world.settle().await;
    let alert = world.alert(&lead, "HotLead24h");
    assert_eq!((&alert["status"], &alert["resolvedBy"]), (&json!("Resolved"), &json!("Camille Moreau")));
    assert!(world.messages(GROUP).pop().unwrap().keyboard.is_empty());
    world.end().await;
}

#[tokio::test]
async fn several_alerts_in_a_group_are_initials_too() {
    let telegram = FALLBACK;
    let world = World::with(Setting { telegram, linked: vec![], ..Setting::default() }, |world| {
        world.telegram.open_group(GROUP, "Ventes");
        for name in ["Marie", "Jeanne"] {
            world.lead(name, 9 * DAY, json!({}));
        }
    })
    .await;
    let digest = world.messages(GROUP).pop().expect("a digest");
    for private in ["Marie", "Jeanne", "Martin"] {
        assert!(!format!("{digest:?}").contains(private), "{private}: {digest:#?}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_group_that_moved_is_still_told() {
    let world = with_group().await;
    world.telegram.migrate_group(GROUP, MOVED_GROUP).unwrap();
    world.sophie_asks().await;
    let told = world.messages(MOVED_GROUP).into_iter().filter(|message| button(message, "show").is_some()).count();
    assert_eq!(told, 1);
    world.end().await;
}

#[tokio::test]
async fn a_stand_ins_message_is_kept_up_to_date_like_the_owners() {
    let config = format!("[stand_ins]\n{} = \"{}\"", LUC.0, CAMILLE.0);
    let world = World::with(Setting { config, linked: vec![CAMILLE], ..Setting::default() }, |_| {}).await;
    let lead = world.sophie_asks().await;
    let told = world.messages(CAMILLE.1).pop().unwrap();
    world.telegram.tap(CAMILLE.1, told.message_id, &button(&told, "zz").unwrap()).unwrap();
    world.settle().await;
    let told = world.messages(CAMILLE.1).pop().unwrap();
    world.telegram.tap(CAMILLE.1, told.message_id, &button(&told, "z1h").unwrap()).unwrap();
    world.settle().await;
    let alert = world.alert(&lead, "HotLead24h");
    assert_eq!(alert["status"], "Snoozed");
    world.in_crm(&alert, "luc", json!({"status": "Resolved"})).await;
    let told = world.messages(CAMILLE.1).pop().unwrap();
    assert!(told.keyboard.is_empty(), "{told:#?}");
    world.end().await;
}

#[tokio::test]
async fn a_lead_that_went_to_a_colleague_leaves_the_digest() {
    let mut leads = Vec::new();
    let setting = Setting { linked: vec![LUC, CAMILLE], ..Setting::default() };
    let world = World::with(setting, |world| {
        leads = ["Marie", "Jeanne", "Paul"].map(|name| world.lead(name, 9 * DAY, json!({}))).to_vec();
    })
    .await;
    assert!(world.last().plain.contains("Jeanne"));
    world.espo.update("Lead", &leads[1], "claire", json!({"assignedUserId": CAMILLE.0}));
    world.settle().await;
    let digest = world.last().plain;
    assert!(!digest.contains("Jeanne") && digest.contains("Marie"), "{digest}");
    world.end().await;
}

#[tokio::test]
async fn whoever_comes_back_is_told_what_was_missed() {
    let world = World::begin().await;
    world.telegram.block(LUC.1);
    world.sophie_asks().await;
    assert!(!world.last().plain.contains("Sophie"));
    world.telegram.unblock(LUC.1);
    world.telegram.say(LUC.1, "/start").unwrap();
    world.settle().await;
    assert!(world.messages(LUC.1).iter().any(|message| button(message, "done").is_some()));
    world.end().await;
}

#[tokio::test]
async fn a_message_on_its_way_when_the_daemon_stops_is_not_sent_again() {
    let mut world = World::begin().await;
    world.lead("Sophie", 2 * DAY, json!({}));
    world.mail_from("Sophie", 5 * MINUTE, "Bonjour, vous pouvez m'envoyer un devis ?");
    let before = world.messages(LUC.1).len();
    // Past the second that the welcome took.
    world.clock.advance(2);
    world.app().crm.wake();
    world.telegram.wait_until(|telegram| telegram.messages(LUC.1).len() > before).await;
    world.stop().await;
    world.start().await;
    world.settle().await;
    assert_eq!(world.messages(LUC.1).iter().filter(|message| message.plain.contains("Sophie")).count(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_chat_that_is_to_be_left_alone_keeps_nobody_busy() {
    let world = with_group().await;
    let lead = world.sophie_asks().await;
    let told = world.messages(GROUP).pop().unwrap();
    world.telegram.tap_in_group(GROUP, CAMILLE.1, told.message_id, &button(&told, "show").unwrap()).unwrap();
    world.settle().await;
    world.telegram.fail_next("editMessageText", Fault::TooManyRequests { retry_after: 30 }, 1);
    let alert = world.alert(&lead, "HotLead24h");
    let path = format!("/api/alerts/{}/resolve", alert["dedupKey"].as_str().unwrap());
    assert_eq!(world.api("POST", &path, json!({})).await.0, 200);
    let rest = tokio::time::timeout(Duration::from_secs(5), world.quiet()).await;
    assert!(rest.is_ok(), "the daemon comes to rest although a message waits");
    world.pass(MINUTE).await;
    assert!(world.messages(GROUP).pop().unwrap().keyboard.is_empty());
    world.end().await;
}

#[tokio::test]
async fn what_one_act_settles_counts_once_in_the_days_figures() {
    let world = World::begin().await;
    world.lead("Nina", 20 * DAY, json!({}));
    world.mail_to("Nina", 8 * DAY, "Bonjour Nina, avez-vous pu regarder notre offre ?");
    world.settle().await;
    world.tap("done").await;
    let (_, stats) = world.api("GET", "/api/alerts/stats", json!({})).await;
    assert_eq!(stats["today"], json!({"opened": 1, "resolved": 1}));
    world.pass(HOUR).await;
    world.end().await;
}

#[tokio::test]
async fn a_message_whose_sending_was_not_noted_is_taken_over_when_it_is_tapped() {
    let world = World::begin().await;
    world.lead("Sophie", 2 * DAY, json!({}));
    world.settle().await;
    world.telegram.fail_next("sendMessage", Fault::CutAfter, 1);
    world.mail_from("Sophie", 5 * MINUTE, "Bonjour, vous pouvez m'envoyer un devis ?");
    world.settle().await;
    let told: Vec<_> = world.messages(LUC.1).into_iter().filter(|message| button(message, "done").is_some()).collect();
    assert_eq!(told.len(), 2, "nobody can know whether the first one went out");
    world.telegram.tap(LUC.1, told[0].message_id, &button(&told[0], "done").unwrap()).unwrap();
    world.settle().await;
    let with_buttons = world.messages(LUC.1).into_iter().filter(|message| button(message, "done").is_some()).count();
    assert_eq!(with_buttons, 0);
    world.end().await;
}
