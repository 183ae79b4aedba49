//! The chat and the CRM in step: what comes twice, what is gone, what cannot be delivered, and what names do to a message.

use std::time::{Duration, Instant};

use max::domain::{DAY, MINUTE};
use max::sandbox::telegram::{Fault, Shut};
use serde_json::json;

use crate::support::{CAMILLE, LUC, Setting, World, button};

#[tokio::test]
async fn an_update_that_telegram_delivers_again_is_carried_out_once() {
    let (world, _) = World::with_a_hot_lead().await;
    let message = world.last();
    let tap = world.telegram.tap(LUC.1, message.message_id, &button(&message, "sentm").unwrap()).unwrap();
    let word = world.telegram.say(LUC.1, "/help").unwrap();
    world.settle().await;
    let (said, answered) = (world.messages(LUC.1).len(), world.telegram.answers().len());
    for update in [tap, word] {
        world.telegram.deliver_again(update).unwrap();
        world.telegram.say(LUC.1, "/help").unwrap();
        world.settle().await;
    }
    assert_eq!(world.espo.list("MaxActivity").len(), 1);
    assert_eq!(world.telegram.answers().len(), answered);
    assert_eq!(world.messages(LUC.1).len(), said + 2, "what was written since is answered, and nothing else");
    world.end().await;
}

#[tokio::test]
async fn one_button_tapped_on_two_devices_at_once_is_one_act_and_both_are_answered() {
    let (world, lead) = World::with_a_hot_lead().await;
    let message = world.last();
    for action in ["done", "sentm"] {
        let data = button(&message, action).unwrap();
        world.telegram.tap(LUC.1, message.message_id, &data).unwrap();
        world.telegram.tap(LUC.1, message.message_id, &data).unwrap();
    }
    world.settle().await;
    assert_eq!(world.telegram.answers().len(), 5, "the link's and these");
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Resolved");
    assert!(world.espo.list("MaxActivity").iter().all(|one| one["direction"] != "out"), "it was settled by then");
    world.end().await;
}

#[tokio::test]
async fn a_tap_on_a_message_that_was_deleted_meanwhile_counts() {
    let (world, lead) = World::with_a_hot_lead().await;
    let message = world.last();
    let data = button(&message, "done").unwrap();
    world.telegram.delete_message(LUC.1, message.message_id).unwrap();
    world.telegram.forge_tap(LUC.1, LUC.1, message.message_id, &data).unwrap();
    world.settle().await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Resolved");
    world.end().await;
}

#[tokio::test]
async fn a_chat_that_was_cleared_is_let_go_and_told_what_is_new() {
    let (world, lead) = World::with_a_hot_lead().await;
    world.telegram.clear(LUC.1).unwrap();
    let alert = world.alert(&lead, "HotLead24h");
    world.in_crm(&alert, "claire", json!({"status": "Resolved"})).await;
    assert_eq!(world.messages(LUC.1).len(), 0, "nothing is said of what nobody sees any more");
    world.lead("Nina", 2 * DAY, json!({}));
    world.settle().await;
    world.mail_from("Nina", MINUTE, "Bonjour, je voudrais un devis.");
    world.settle().await;
    assert!(world.last().plain.contains("Nina"));
    world.tap("done").await;
    world.end().await;
}

#[tokio::test]
async fn whoever_is_gone_from_telegram_is_not_written_to_and_is_told_on_coming_back() {
    for gone in [Shut::Blocked, Shut::Deleted] {
        let (mut world, lead) = World::with_a_hot_lead().await;
        world.telegram.shut(LUC.1, gone);
        let before = world.messages(LUC.1);
        let alert = world.alert(&lead, "HotLead24h");
        world.in_crm(&alert, "claire", json!({"status": "Resolved"})).await;
        world.lead("Nina", 2 * DAY, json!({}));
        world.settle().await;
        world.mail_from("Nina", MINUTE, "Bonjour, je voudrais un devis.");
        world.settle().await;
        assert_eq!(world.messages(LUC.1), before, "{gone:?}");
        world.telegram.unblock(LUC.1);
        world.telegram.say(LUC.1, "/start").unwrap();
        world.settle().await;
        let after = world.messages(LUC.1);
        assert!(after.len() > before.len(), "{gone:?}: who writes is answered");
        world.stop().await;
    }
}

#[tokio::test]
async fn an_edit_that_was_made_and_not_confirmed_is_not_made_for_ever() {
    let (world, lead) = World::with_a_hot_lead().await;
    world.telegram.fail_next("editMessageText", Fault::CutAfter, 1);
    world.tap("done").await;
    let edits = || {
        let is_edit = |name: &str| name.eq_ignore_ascii_case("editMessageText");
        world.telegram.all_requests().iter().filter(|request| is_edit(&request.method)).count()
    };
    let before = edits();
    assert!(before <= 3, "{before}");
    assert!(world.last().keyboard.is_empty());
    world.pass(10 * MINUTE).await;
    assert_eq!(edits(), before);
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Resolved");
    world.end().await;
}

#[tokio::test]
async fn a_failure_on_telegrams_side_holds_up_nobody_else() {
    let world = World::with(Setting { linked: vec![LUC, CAMILLE], ..Setting::default() }, |_| {}).await;
    world.lead("Sophie", 2 * DAY, json!({}));
    world.lead("Nina", 2 * DAY, json!({"assignedUserId": CAMILLE.0}));
    world.settle().await;
    let begun = Instant::now();
    world.telegram.fail_next("sendMessage", Fault::ServerError(502), 2);
    world.mail_from("Sophie", MINUTE, "Bonjour, vous pouvez m'envoyer un devis ?");
    world.mail_from("Nina", MINUTE, "Bonjour, je voudrais un devis.");
    world.settle().await;
    let told = |chat: i64, name: &str| world.messages(chat).iter().any(|message| message.plain.contains(name));
    assert!(told(LUC.1, "Sophie") && told(CAMILLE.1, "Nina"));
    assert!(begun.elapsed() < Duration::from_secs(10), "nobody sleeps for ten seconds: {:?}", begun.elapsed());
    world.end().await;
}

#[tokio::test]
async fn names_of_any_kind_are_shown_as_they_are_and_their_buttons_work() {
    for name in ["<b>Sophie</b> & <i>Co", "שרה לוי", "سارة", "🔥🔥🔥", "Zoë\u{202e}gpj", &"Sophie ".repeat(30)]
    {
        let world = World::begin().await;
        let lead = world.lead("Sophie", 2 * DAY, json!({"firstName": name, "lastName": "&lt;"}));
        world.settle().await;
        world.mail_from("Sophie", 5 * MINUTE, "Bonjour, vous pouvez m'envoyer un devis ?");
        world.settle().await;
        let message = world.last();
        assert!(button(&message, "done").is_some(), "{name}: {message:#?}");
        assert!(message.plain.encode_utf16().count() <= 4096);
        world.tap("done").await;
        assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Resolved", "{name}");
        world.end().await;
    }
}
