//! Linking in the chat: who is asked before anything is linked, people with two accounts, and people who leave.

use max::domain::{DAY, HOUR, MINUTE, UserId};
use max::engine::linking;
use max::sandbox::telegram::{Person, SentMessage};
use serde_json::json;

use crate::support::{CAMILLE, CLAIRE, LUC, Setting, World, button};

/// Luc's other account.
const OTHER: i64 = 2001;

fn chat(world: &World, account: i64) {
    world.telegram.open_chat(Person { id: account, first_name: "Luc".to_owned(), language_code: None });
}

/// A world in which Luc and whoever else is said are on Telegram, and nobody is linked.
async fn strangers(accounts: &[i64]) -> World {
    let world = World::with(Setting { linked: vec![], ..Setting::default() }, |_| {}).await;
    accounts.iter().for_each(|account| chat(&world, *account));
    world
}

async fn token_for(world: &World, (user, _): (&str, i64)) -> String {
    let link = linking::create(&world.app().engine, &UserId::from(user), "max_sandbox_bot").await.unwrap();
    link.url.rsplit('=').next().unwrap().to_owned()
}

fn linked_to(world: &World, account: i64) -> Option<String> {
    world.app().engine.store().link(account).unwrap().map(|link| link.user.to_string())
}

async fn tap(world: &World, account: i64, message: &SentMessage, action: &str) -> String {
    let data = button(message, action).unwrap_or_else(|| panic!("no button {action} in {message:#?}"));
    world.telegram.tap(account, message.message_id, &data).unwrap();
    world.settle().await;
    world.telegram.answers().pop().and_then(|answer| answer.text).unwrap_or_default()
}

fn last(world: &World, account: i64) -> SentMessage {
    world.messages(account).pop().expect("M.A.X. wrote")
}

#[tokio::test]
async fn whom_a_link_is_for_is_shown_before_anything_is_linked() {
    let world = strangers(&[LUC.1]).await;
    let token = token_for(&world, LUC).await;
    world.open_link(LUC.1, &token).await;
    let asked = last(&world, LUC.1);
    assert!(asked.plain.contains("Luc Moreau") && asked.plain.contains("luc@max.example"), "{}", asked.plain);
    assert!(!format!("{asked:?}").contains(&token) && !format!("{asked:?}").contains(&linking::hash(&token)));
    assert_eq!(linked_to(&world, LUC.1), None);
    tap(&world, LUC.1, &asked, "lyes").await;
    assert_eq!(linked_to(&world, LUC.1).as_deref(), Some(LUC.0));
    let said = world.messages(LUC.1);
    assert!(said.iter().all(|message| message.message_id != asked.message_id), "the question has gone");
    assert!(said[0].plain.contains("Bonjour Luc"), "{said:#?}");
    world.end().await;
}

#[tokio::test]
async fn a_link_that_is_opened_twice_is_asked_about_once() {
    let world = strangers(&[LUC.1]).await;
    let token = token_for(&world, LUC).await;
    world.open_link(LUC.1, &token).await;
    let first = last(&world, LUC.1);
    world.open_link(LUC.1, &token).await;
    let questions = world.messages(LUC.1);
    assert!(questions.len() == 1 && questions[0].message_id != first.message_id, "{questions:#?}");
    tap(&world, LUC.1, &questions[0], "lyes").await;
    assert_eq!(linked_to(&world, LUC.1).as_deref(), Some(LUC.0));
    assert!(world.messages(LUC.1).iter().all(|message| message.message_id > questions[0].message_id));
    world.end().await;
}

#[tokio::test]
async fn a_no_links_nothing_and_leaves_the_link_to_whom_it_is_for() {
    let world = strangers(&[LUC.1, CAMILLE.1]).await;
    let token = token_for(&world, LUC).await;
    world.open_link(CAMILLE.1, &token).await;
    tap(&world, CAMILLE.1, &last(&world, CAMILLE.1), "lno").await;
    let answered = last(&world, CAMILLE.1);
    assert!(answered.keyboard.is_empty() && answered.plain.contains("rien lié"), "{answered:#?}");
    assert_eq!(linked_to(&world, CAMILLE.1), None);
    world.open_link(LUC.1, &token).await;
    assert!(world.confirm_link(LUC.1).await);
    assert_eq!(linked_to(&world, LUC.1).as_deref(), Some(LUC.0));
    world.end().await;
}

#[tokio::test]
async fn a_link_that_two_accounts_opened_is_for_the_first_that_says_yes() {
    let world = strangers(&[LUC.1, CAMILLE.1]).await;
    let token = token_for(&world, LUC).await;
    world.open_link(CAMILLE.1, &token).await;
    world.open_link(LUC.1, &token).await;
    assert!(world.confirm_link(LUC.1).await);
    let asked = last(&world, CAMILLE.1);
    tap(&world, CAMILLE.1, &asked, "lyes").await;
    assert_eq!(linked_to(&world, CAMILLE.1), None);
    let answered = last(&world, CAMILLE.1);
    assert!(answered.keyboard.is_empty() && answered.plain.contains("n'est plus valable"), "{answered:#?}");
    world.end().await;
}

#[tokio::test]
async fn nobody_says_yes_for_somebody_else_or_to_another_link_than_the_one_shown() {
    let world = strangers(&[LUC.1, CAMILLE.1]).await;
    world.open_link(LUC.1, &token_for(&world, LUC).await).await;
    let first = last(&world, LUC.1);
    let yes = button(&first, "lyes").unwrap();
    // A doctored client taps what was asked in another's chat.
    world.telegram.forge_tap(LUC.1, CAMILLE.1, first.message_id, &yes).unwrap();
    world.settle().await;
    assert_eq!((linked_to(&world, LUC.1), linked_to(&world, CAMILLE.1)), (None, None));
    // Another link was opened since: the older question is gone, and a tap on it that was on its way does nothing.
    world.open_link(LUC.1, &token_for(&world, CLAIRE).await).await;
    world.telegram.forge_tap(LUC.1, LUC.1, first.message_id, &yes).unwrap();
    world.settle().await;
    assert_eq!(linked_to(&world, LUC.1), None);
    tap(&world, LUC.1, &last(&world, LUC.1), "lyes").await;
    assert_eq!(linked_to(&world, LUC.1).as_deref(), Some(CLAIRE.0));
    world.end().await;
}

#[tokio::test]
async fn a_yes_comes_too_late_after_an_hour_also_across_a_restart() {
    let mut world = strangers(&[LUC.1, CAMILLE.1]).await;
    let (token, other) = (token_for(&world, LUC).await, token_for(&world, CAMILLE).await);
    world.open_link(LUC.1, &token).await;
    world.open_link(CAMILLE.1, &other).await;
    world.stop().await;
    world.start().await;
    world.settle().await;
    assert!(world.confirm_link(CAMILLE.1).await);
    assert_eq!(linked_to(&world, CAMILLE.1).as_deref(), Some(CAMILLE.0), "what was asked outlives a restart");
    world.pass(HOUR).await;
    assert!(world.confirm_link(LUC.1).await);
    assert_eq!(linked_to(&world, LUC.1), None);
    world.end().await;
}

#[tokio::test]
async fn an_account_that_serves_somebody_is_asked_by_name_before_it_serves_another() {
    let world = World::begin().await;
    world.open_link(LUC.1, &token_for(&world, CLAIRE).await).await;
    let asked = last(&world, LUC.1);
    assert!(asked.plain.contains("Claire Moreau") && asked.plain.contains("lié à Luc Moreau"), "{}", asked.plain);
    assert_eq!(linked_to(&world, LUC.1).as_deref(), Some(LUC.0));
    tap(&world, LUC.1, &asked, "lyes").await;
    assert_eq!(linked_to(&world, LUC.1).as_deref(), Some(CLAIRE.0));
    assert_eq!(world.app().engine.store().links().unwrap().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn of_two_accounts_the_one_used_last_is_told_both_may_act_and_both_are_kept_up_to_date() {
    let world = World::begin().await;
    world.link(LUC.0, OTHER).await;
    let sophie = world.sophie_asks().await;
    let on_other = last(&world, OTHER);
    assert!(on_other.plain.contains("Sophie"), "the account linked last: {on_other:#?}");
    assert!(!world.last().plain.contains("Sophie"), "once, not twice");

    world.telegram.say(LUC.1, "/help").unwrap();
    world.settle().await;
    assert!(!world.last().plain.contains("Je ne sais pas encore qui tu es"), "the first account still serves him");
    world.lead("Nina", 2 * DAY, json!({}));
    world.settle().await;
    world.mail_from("Nina", MINUTE, "Bonjour, je voudrais un devis.");
    world.settle().await;
    assert!(world.last().plain.contains("Nina"), "the account used last: {}", world.last().plain);

    tap(&world, OTHER, &on_other, "done").await;
    assert_eq!(world.alert(&sophie, "HotLead24h")["status"], "Resolved");
    assert!(last(&world, OTHER).keyboard.is_empty());
    // The bot is blocked on the account used last: the other one is as good.
    world.telegram.block(OTHER);
    world.lead("Paul", 2 * DAY, json!({}));
    world.settle().await;
    world.mail_from("Paul", MINUTE, "Bonjour, quel est votre prix ?");
    world.settle().await;
    assert!(world.last().plain.contains("Paul"), "{}", world.last().plain);
    world.end().await;
}

#[tokio::test]
async fn whoever_leaves_the_company_is_told_nothing_and_can_do_nothing_from_then_on() {
    let world = World::begin().await;
    let lead = world.sophie_asks().await;
    let told = world.last();
    world.clock.advance(2);
    world.espo.update("User", LUC.0, "admin", json!({"isActive": false}));
    world.pass(MINUTE).await;
    let before = world.messages(LUC.1);
    let answer = tap(&world, LUC.1, &told, "done").await;
    assert!(answer.contains("n'est pas à toi"), "{answer}");
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open");
    world.lead("Nina", 2 * DAY, json!({}));
    world.settle().await;
    world.mail_from("Nina", MINUTE, "Bonjour, je voudrais un devis.");
    world.settle().await;
    world.clock.advance(MINUTE);
    world.espo.update("Lead", &lead, "claire", json!({"status": "Dead"}));
    world.settle().await;
    assert_eq!(world.messages(LUC.1), before, "neither written nor edited");
    world.telegram.say(LUC.1, "/help").unwrap();
    world.settle().await;
    assert!(world.last().plain.contains("Je ne sais pas encore qui tu es"), "{}", world.last().plain);
    world.end().await;
}

#[tokio::test]
async fn a_link_for_somebody_who_left_meanwhile_is_worthless() {
    let world = strangers(&[LUC.1]).await;
    world.open_link(LUC.1, &token_for(&world, LUC).await).await;
    world.clock.advance(2);
    world.espo.update("User", LUC.0, "admin", json!({"isActive": false}));
    world.pass(MINUTE).await;
    assert!(world.confirm_link(LUC.1).await);
    assert_eq!(linked_to(&world, LUC.1), None);
    world.end().await;
}
