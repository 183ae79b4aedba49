//! Taps that come twice, too late or from strangers; chats that take nothing; messages that are gone.

use max::domain::{ChatId, DAY, HOUR};
use max::sandbox::telegram::{Fault, Person};
use serde_json::json;

use crate::support::log::Log;
use crate::support::{CAMILLE, LUC, Setting, TOKEN, World, button};

/// A world in which Luc was told of one hot lead; with the lead's id.
async fn told(setting: Setting) -> (World, String) {
    let world = World::with(setting, |_| {}).await;
    let lead = world.lead("Sophie", 2 * DAY, json!({}));
    world.whatsapp(&lead, "in", HOUR, "Bonjour, je voudrais un devis.");
    world.settle().await;
    (world, lead)
}

/// In the order of the taps: nobody waits for anybody else's answer.
fn answers(world: &World) -> Vec<String> {
    let mut answers = world.telegram.answers();
    answers.sort_by_key(|answer| answer.update_id);
    answers.into_iter().filter_map(|answer| answer.text).collect()
}

fn calls(world: &World, method: &str) -> usize {
    let is_it = |name: &str| name.eq_ignore_ascii_case(method);
    world.telegram.all_requests().iter().filter(|request| is_it(&request.method)).count()
}

#[tokio::test]
async fn a_double_tap_is_one_act() {
    let (world, lead) = told(Setting::default()).await;
    let message = world.last();
    let sent = button(&message, "sent").unwrap();
    for _ in 0..2 {
        world.telegram.tap(LUC.1, message.message_id, &sent).unwrap();
    }
    world.settle().await;
    assert_eq!(answers(&world).len(), 2, "each tap is answered");
    let written = world.espo.list("MaxActivity").into_iter().filter(|one| one["direction"] == "out").count();
    assert_eq!(written, 1);
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Closed");
    assert_eq!(world.messages(LUC.1).len(), 2, "the welcome and the alert");
    world.end().await;
}

#[tokio::test]
async fn a_stranger_and_a_colleague_are_told_that_it_is_not_theirs() {
    let (world, lead) = told(Setting { linked: vec![LUC, CAMILLE], ..Setting::default() }).await;
    world.telegram.open_chat(Person { id: 666, first_name: "Eve".to_owned(), language_code: None });
    let message = world.last();
    let done = button(&message, "done").unwrap();
    world.telegram.forge_tap(LUC.1, 666, message.message_id, &done).unwrap();
    world.telegram.forge_tap(LUC.1, CAMILLE.1, message.message_id, &done).unwrap();
    world.telegram.forge_tap(LUC.1, LUC.1, message.message_id, "1:done:a0000000000000000").unwrap();
    world.telegram.forge_tap(LUC.1, LUC.1, message.message_id, "'; DROP TABLE alerts; --").unwrap();
    world.telegram.say(666, "/start not-a-token").unwrap();
    world.settle().await;
    let answers = answers(&world);
    assert_eq!(answers.len(), 4, "{answers:?}");
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[2], answers[3]);
    assert_ne!(answers[0], answers[2]);
    assert!(answers.iter().all(|answer| !answer.contains("Sophie")));
    assert_eq!(world.messages(666).len(), 1, "the stranger's link is refused");
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open");
    world.end().await;
}

#[tokio::test]
async fn a_tap_on_last_years_message_is_answered_and_the_message_refreshed() {
    let (world, lead) = told(Setting::default()).await;
    let message = world.last();
    let done = button(&message, "done").unwrap();
    world.tap("done").await;
    world.clock.advance(365 * DAY);
    world.settle().await;
    let (edits, answered) = (calls(&world, "editMessageText"), answers(&world).len());
    world.telegram.tap(LUC.1, message.message_id, &done).unwrap();
    world.settle().await;
    let answers = answers(&world);
    assert_eq!(answers.len(), answered + 1);
    assert!(answers[answered].contains("déjà réglé"), "{answers:?}");
    assert!(calls(&world, "editMessageText") > edits);
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Resolved");
}

#[tokio::test]
async fn a_blocked_bot_marks_the_chat_and_tells_the_stand_in() {
    let (log, _guard) = Log::begin();
    let config = format!("[stand_ins]\n{} = \"{}\"", LUC.0, CAMILLE.0);
    let world = World::with(Setting { linked: vec![LUC, CAMILLE], config, ..Setting::default() }, |_| {}).await;
    world.telegram.block(LUC.1);
    world.settle().await;
    // As if the update that says so were still on its way: the refusal of a message has to do.
    world.app().engine.run(|engine| engine.mark_reachable(ChatId(LUC.1), true)).await.unwrap();
    let lead = world.lead("Sophie", 2 * DAY, json!({}));
    world.whatsapp(&lead, "in", HOUR, "Bonjour, je voudrais un devis.");
    world.settle().await;
    let told = |account: i64| world.messages(account).iter().filter(|one| one.plain.contains("Sophie")).count();
    assert_eq!((told(LUC.1), told(CAMILLE.1)), (0, 1));
    assert_eq!(log.lines(&["WARN", "takes no messages"]).len(), 1, "{}", log.text());
    let untold = world.api("GET", "/readyz", json!(null)).await.1["untold"].clone();
    assert_eq!(untold, 0, "the stand-in can be told");

    world.telegram.unblock(LUC.1);
    world.settle().await;
    world.whatsapp(&lead, "out", 60, "Bonjour Sophie, voici le devis.");
    world.settle().await;
    world.whatsapp(&lead, "in", 0, "Merci ! Je voudrais commander.");
    world.settle().await;
    assert_eq!(told(LUC.1), 1, "whoever lets us in again is told again");
    world.end().await;
}

#[tokio::test]
async fn nobody_is_left_out_when_everybody_blocks_the_bot() {
    let world = World::with(Setting::default(), |_| {}).await;
    world.telegram.block(LUC.1);
    let lead = world.lead("Sophie", 2 * DAY, json!({}));
    world.whatsapp(&lead, "in", HOUR, "Bonjour, je voudrais un devis.");
    world.settle().await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open", "the record in the CRM stands");
    assert_eq!(world.api("GET", "/readyz", json!(null)).await.1["untold"], 1);
    world.end().await;
}

#[tokio::test]
async fn a_429_is_obeyed() {
    let (log, _guard) = Log::begin();
    let world = World::with(Setting::default(), |_| {}).await;
    world.telegram.fail_next("sendMessage", Fault::TooManyRequests { retry_after: 7 }, 1);
    let lead = world.lead("Sophie", 2 * DAY, json!({}));
    world.whatsapp(&lead, "in", HOUR, "Bonjour, je voudrais un devis.");
    let refused = world.clock.now();
    world.settle().await;
    assert!(world.last().sent_at.since(refused) >= 7, "{}", world.last().sent_at.since(refused));
    assert_eq!(world.messages(LUC.1).len(), 2, "the welcome and the alert, once");
    assert_eq!(log.lines(&["WARN", "Telegram asks to wait", "seconds=7"]).len(), 1, "{}", log.text());
    world.end().await;
}

#[tokio::test]
async fn telegrams_bad_day_loses_nothing() {
    let world = World::with(Setting::default(), |_| {}).await;
    world.telegram.fail_next("sendMessage", Fault::CutBefore, 3);
    let lead = world.lead("Sophie", 2 * DAY, json!({}));
    world.whatsapp(&lead, "in", HOUR, "Bonjour, je voudrais un devis.");
    world.settle().await;
    assert_eq!(world.messages(LUC.1).len(), 2, "the welcome and the alert, once");
    world.telegram.fail_next("getUpdates", Fault::Conflict, 1);
    world.telegram.say(LUC.1, "/help").unwrap();
    world.telegram.wait_until(|telegram| telegram.all_requests().iter().any(|request| request.status == 409)).await;
    while !world.telegram.all_updates_confirmed() {
        world.clock.advance(1);
        tokio::task::yield_now().await;
    }
    world.settle().await;
    world.telegram.fail_next("editMessageText", Fault::CutBefore, 2);
    world.telegram.fail_next("answerCallbackQuery", Fault::CutBefore, 1);
    let message = world.messages(LUC.1).remove(1);
    world.telegram.tap(LUC.1, message.message_id, &button(&message, "done").unwrap()).unwrap();
    world.settle().await;
    assert_eq!(world.messages(LUC.1).remove(1).keyboard, Vec::<Vec<_>>::new());
    assert_eq!(world.messages(LUC.1).len(), 3, "welcome, alert, help");
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Resolved");
    world.end().await;
}

#[tokio::test]
async fn a_message_that_the_user_deleted_is_let_go() {
    let (world, lead) = told(Setting::default()).await;
    world.telegram.delete_message(LUC.1, world.last().message_id).unwrap();
    let alert = world.alert(&lead, "HotLead24h");
    world.in_crm(&alert, "admin", json!({"status": "Resolved"})).await;
    assert_eq!(world.alert(&lead, "HotLead24h")["resolvedVia"], "crm");
    assert_eq!(world.messages(LUC.1).len(), 1, "only the welcome");
    world.end().await;
}

#[tokio::test]
async fn the_api_token_is_no_secret_of_the_chat() {
    let (world, _) = told(Setting::default()).await;
    world.telegram.say(LUC.1, "/admin give me your token").unwrap();
    world.settle().await;
    assert!(world.messages(LUC.1).iter().all(|message| !message.plain.contains(TOKEN)));
    world.end().await;
}

#[tokio::test]
async fn a_copy_whose_answer_was_lost_follows_its_alert_once_it_is_tapped() {
    let world = World::with(Setting::default(), |_| {}).await;
    world.telegram.fail_next("sendMessage", Fault::CutAfter, 1);
    let lead = world.lead("Sophie", 2 * DAY, json!({}));
    world.whatsapp(&lead, "in", HOUR, "Bonjour, je voudrais un devis.");
    world.settle().await;
    let messages = world.messages(LUC.1);
    assert_eq!(messages.len(), 3, "the welcome, and the alert twice: Telegram cannot be asked what it took");
    let stray = &messages[1];
    world.telegram.tap(LUC.1, stray.message_id, &button(stray, "done").unwrap()).unwrap();
    world.settle().await;
    assert!(world.messages(LUC.1).iter().all(|message| message.keyboard.is_empty()));
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Resolved");
    world.end().await;
}
