//! Who may see a lead and act on it is for the CRM to say: before anybody but the owner is told, and before every tap.

use max::domain::{DAY, MINUTE};
use max::sandbox::espo::{Fault, Grant, Reach, Rights};
use serde_json::json;

use crate::support::log::Log;
use crate::support::{CAMILLE, CLAIRE, LUC, Setting, TEAM, World};

const GROUP: i64 = -1_000_000_001;

fn lead_rights(read: Reach, edit: Reach) -> Rights {
    Rights::of_people().with("Lead", Grant { create: true, read, edit, delete: Reach::No })
}

fn questions(world: &World) -> usize {
    world.espo.requests().iter().filter(|request| request.path.ends_with("Max/permissions")).count()
}

/// Luc taps while the CRM may be away: nothing else is waited for.
async fn tap_at_once(world: &World, action: &str) -> String {
    let message = world.last();
    let data = crate::support::button(&message, action).unwrap();
    world.carried_out().await;
    world.telegram.tap(LUC.1, message.message_id, &data).unwrap();
    world.telegram.wait_until(|telegram| telegram.all_updates_confirmed()).await;
    world.carried_out().await;
    world.telegram.answers().pop().and_then(|answer| answer.text).unwrap_or_default()
}

#[tokio::test]
async fn an_owner_is_told_without_a_question_and_asked_about_before_the_first_tap() {
    let (world, lead) = World::with_a_hot_lead().await;
    assert_eq!(questions(&world), 1);
    for action in ["zz", "back", "done"] {
        let told = world.telegram.answers().len();
        let answer = world.tap(action).await;
        assert!(!answer.contains("je vérifie"), "{answer}");
        assert_eq!(world.telegram.answers().len(), told + 1);
    }
    assert_eq!(questions(&world), 1, "what was said counts for five minutes");
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Resolved");
    world.end().await;
}

/// Luc's first tap after so long that nothing is known of his rights, while the CRM takes its time.
async fn tap_while_the_crm_takes_its_time(world: &World, action: &str) -> String {
    let message = world.last();
    world.espo.fail(Fault::Hang);
    world.clock.advance(5 * MINUTE);
    let answered = world.telegram.answers().len();
    let data = crate::support::button(&message, action).unwrap();
    world.telegram.tap(LUC.1, message.message_id, &data).unwrap();
    world.telegram.wait_until(|telegram| telegram.answers().len() > answered).await;
    world.telegram.answers().pop().and_then(|answer| answer.text).unwrap_or_default()
}

#[tokio::test]
async fn a_tap_is_answered_before_the_crm_is_and_carried_out_when_it_says_yes() {
    let (world, lead) = World::with_a_hot_lead().await;
    let answer = tap_while_the_crm_takes_its_time(&world, "done").await;
    assert!(answer.contains("je vérifie"), "{answer}");
    assert!(world.app().engine.store().alert(&hot_alert(&world, &lead)).unwrap().unwrap().state.is_open());

    // Nobody else waits for it either.
    let stranger = max::sandbox::telegram::Person { id: 4711, first_name: "Inconnu".to_owned(), language_code: None };
    world.telegram.open_chat(stranger);
    world.telegram.say(4711, "/start").unwrap();
    world.telegram.wait_until(|telegram| telegram.messages(4711).len() == 1).await;

    let (told, answered) = (world.messages(LUC.1).len(), world.telegram.answers().len());
    world.espo.heal();
    world.settle().await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Resolved");
    assert!(world.last().keyboard.is_empty());
    assert_eq!(world.messages(LUC.1).len(), told, "the message shows it: nothing more is said");
    assert_eq!(world.telegram.answers().len(), answered, "a tap is answered once");
    world.end().await;
}

#[tokio::test]
async fn a_tap_that_the_crm_does_not_allow_in_the_end_is_refused_in_the_chat() {
    let (world, lead) = World::with_a_hot_lead().await;
    world.espo.set_rights(LUC.0, &lead_rights(Reach::Own, Reach::No));
    let answer = tap_while_the_crm_takes_its_time(&world, "done").await;
    assert!(answer.contains("je vérifie"), "{answer}");
    world.espo.heal();
    world.settle().await;
    let said = world.last();
    assert!(said.plain.contains("ne te donne pas ce droit") && said.silent, "{said:#?}");
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open");
    world.end().await;
}

#[tokio::test]
async fn a_tap_that_waits_for_the_crm_survives_a_restart() {
    let (mut world, lead) = World::with_a_hot_lead().await;
    tap_while_the_crm_takes_its_time(&world, "done").await;
    world.telegram.wait_until(|telegram| telegram.all_updates_confirmed()).await;
    world.stop().await;
    world.espo.heal();
    world.start().await;
    world.settle().await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Resolved");
    world.end().await;
}

fn hot_alert(world: &World, lead: &str) -> max::domain::AlertId {
    let alerts = world.app().engine.store().alerts_of(&lead.into()).unwrap();
    alerts.into_iter().find(|alert| alert.state.is_open()).unwrap().id
}

#[tokio::test]
async fn a_right_that_is_withdrawn_ends_what_a_tap_does_within_five_minutes() {
    let (world, lead) = World::with_a_hot_lead().await;
    world.tap("zz").await;
    assert_eq!(questions(&world), 1);
    world.espo.set_rights(LUC.0, &lead_rights(Reach::Own, Reach::No));
    world.clock.advance(3 * MINUTE);
    world.tap("back").await;
    assert_eq!(questions(&world), 1);
    world.clock.advance(2 * MINUTE);
    let answer = world.tap("done").await;
    assert!(answer.contains("ne te donne pas ce droit"), "{answer}");
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open");
    world.tap("draft").await;
    assert!(world.last().plain.contains("Bonjour Sophie"), "who may read may have a draft: {}", world.last().plain);

    world.espo.set_rights(LUC.0, &lead_rights(Reach::No, Reach::No));
    world.clock.advance(5 * MINUTE);
    let message = world.messages(LUC.1).into_iter().rev().find(|one| crate::support::button(one, "draft").is_some());
    let message = message.unwrap();
    let before = world.messages(LUC.1).len();
    let data = crate::support::button(&message, "draft").unwrap();
    world.telegram.tap(LUC.1, message.message_id, &data).unwrap();
    world.settle().await;
    let since = world.messages(LUC.1).split_off(before);
    assert!(since.iter().all(|message| !message.plain.contains("Sophie")), "no draft of a lead that the CRM hides");
    world.end().await;
}

#[tokio::test]
async fn a_crm_that_cannot_be_asked_says_no_and_is_asked_again() {
    let (world, lead) = World::with_a_hot_lead().await;
    for fault in [Fault::Down, Fault::Status { status: 502, times: u32::MAX }] {
        world.espo.fail(fault);
        world.clock.advance(5 * MINUTE);
        let answer = tap_at_once(&world, "done").await;
        assert!(answer.contains("ne me répond pas"), "{answer}");
        world.espo.heal();
        world.clock.advance(MINUTE);
        world.quiet().await;
        world.settle().await;
        assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open");
    }
    world.tap("done").await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Resolved");
    world.end().await;
}

#[tokio::test]
async fn what_the_crm_said_before_it_went_away_still_counts() {
    let (world, lead) = World::with_a_hot_lead().await;
    world.tap("zz").await;
    world.tap("back").await;
    world.espo.fail(Fault::Down);
    let answer = tap_at_once(&world, "done").await;
    assert!(!answer.contains("je vérifie") && !answer.contains("ne me répond pas"), "{answer}");
    world.espo.heal();
    world.clock.advance(MINUTE);
    world.quiet().await;
    world.settle().await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Resolved");
    world.end().await;
}

#[tokio::test]
async fn an_extension_too_old_to_say_says_no_and_that_is_logged_once() {
    let (log, _guard) = Log::begin();
    let (world, lead) = World::with_a_hot_lead().await;
    for _ in 0..2 {
        world.espo.fail(Fault::Html { status: 405, times: u32::MAX });
        world.clock.advance(5 * MINUTE);
        let answer = tap_at_once(&world, "done").await;
        assert!(answer.contains("ne me répond pas"), "{answer}");
        world.espo.heal();
        world.clock.advance(MINUTE);
        world.quiet().await;
    }
    assert!(log.lines(&["upgrade the extension", "who may see what"]).len() <= 1, "{}", log.text());
    world.settle().await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open");
    world.end().await;
}

/// Luc is not on Telegram, Camille stands in for him, and what nobody may be told goes to a group.
async fn with_stand_in() -> World {
    let config = format!("[stand_ins]\n{} = \"{}\"", LUC.0, CAMILLE.0);
    let telegram = "fallback_chat = -1000000001";
    World::with(Setting { config, telegram, linked: vec![CAMILLE], ..Setting::default() }, |world| {
        world.telegram.open_group(GROUP, "Ventes");
    })
    .await
}

fn told(world: &World, chat: i64) -> bool {
    world.messages(chat).iter().any(|message| message.plain.contains("Sophie") || message.plain.contains("S.M."))
}

#[tokio::test]
async fn a_stand_in_is_told_when_the_crm_shows_the_lead_and_else_whoever_is_next() {
    for (read, camille, group) in [(Reach::Team, true, false), (Reach::Own, false, true)] {
        let world = with_stand_in().await;
        world.espo.set_rights(CAMILLE.0, &lead_rights(read, Reach::Own));
        world.sophie_asks().await;
        assert_eq!(questions(&world), 1);
        assert_eq!(world.messages(CAMILLE.1).iter().any(|it| it.plain.contains("Sophie")), camille, "{read:?}");
        assert_eq!(!world.messages(GROUP).is_empty(), group, "{read:?}");
        world.end().await;
    }
}

#[tokio::test]
async fn what_a_group_is_told_in_place_of_a_stand_in_anybody_in_it_may_settle_whom_the_crm_lets() {
    let world = with_stand_in().await;
    world.link(CLAIRE.0, CLAIRE.1).await;
    world.espo.set_rights(CAMILLE.0, &lead_rights(Reach::Own, Reach::Own));
    let lead = world.sophie_asks().await;
    let told = world.messages(GROUP).pop().unwrap();
    let show = crate::support::button(&told, "show").unwrap();
    world.telegram.tap_in_group(GROUP, CAMILLE.1, told.message_id, &show).unwrap();
    world.settle().await;
    assert!(!world.messages(CAMILLE.1).iter().any(|it| it.plain.contains("Sophie")), "the CRM hides the lead from her");
    world.telegram.tap_in_group(GROUP, CLAIRE.1, told.message_id, &show).unwrap();
    world.settle().await;
    let shown = world.messages(CLAIRE.1).pop().unwrap();
    assert!(shown.plain.contains("Sophie"), "{}", shown.plain);
    let done = crate::support::button(&shown, "done").unwrap();
    world.telegram.tap(CLAIRE.1, shown.message_id, &done).unwrap();
    world.settle().await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Resolved");
    world.end().await;
}

#[tokio::test]
async fn a_stand_in_waits_as_long_as_the_crm_cannot_be_asked() {
    let world = with_stand_in().await;
    let lead = world.lead("Sophie", 2 * DAY, json!({"teamsIds": [TEAM]}));
    world.settle().await;
    world.espo.fail(Fault::Down);
    let inbound = json!({"leadId": lead, "channel": "whatsapp", "direction": "in", "status": "delivered",
                         "message_preview": "Bonjour, vous pouvez m'envoyer un devis ?"});
    assert_eq!(world.api("POST", "/api/activities/log", inbound).await.0, 201);
    world.quiet().await;
    assert!(!told(&world, CAMILLE.1) && world.messages(GROUP).is_empty(), "nobody is told meanwhile");
    world.espo.heal();
    for _ in 0..14 {
        world.clock.advance(5);
        world.quiet().await;
    }
    world.settle().await;
    assert!(told(&world, CAMILLE.1));
    assert!(world.messages(GROUP).is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_stand_in_who_may_no_longer_look_reads_nothing_new() {
    let world = with_stand_in().await;
    let lead = world.sophie_asks().await;
    let before = world.messages(CAMILLE.1);
    assert!(told(&world, CAMILLE.1));
    world.espo.set_rights(CAMILLE.0, &lead_rights(Reach::Own, Reach::Own));
    world.pass(5 * MINUTE).await;
    let alert = world.alert(&lead, "HotLead24h");
    world.in_crm(&alert, "luc", json!({"status": "Resolved"})).await;
    assert_eq!(world.messages(CAMILLE.1), before);
    world.end().await;
}

#[tokio::test]
async fn a_stand_in_who_may_only_look_cannot_settle() {
    let world = with_stand_in().await;
    world.espo.set_rights(CAMILLE.0, &lead_rights(Reach::Team, Reach::Own));
    let lead = world.sophie_asks().await;
    let message = world.messages(CAMILLE.1).pop().unwrap();
    let data = crate::support::button(&message, "done").unwrap();
    world.telegram.tap(CAMILLE.1, message.message_id, &data).unwrap();
    world.settle().await;
    let answer = world.telegram.answers().pop().and_then(|answer| answer.text).unwrap();
    assert!(answer.contains("ne te donne pas ce droit"), "{answer}");
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open");
    world.end().await;
}

#[tokio::test]
async fn what_was_sent_by_hand_was_done_by_who_says_so() {
    let (world, lead) = World::with_a_hot_lead().await;
    world.tap("sentm").await;
    let sent = world.espo.list("MaxActivity").into_iter().find(|activity| activity["leadId"] == json!(lead)).unwrap();
    assert_eq!((&sent["doneById"], &sent["assignedUserId"]), (&json!(LUC.0), &json!(LUC.0)));
    assert_ne!(sent["createdById"], json!(LUC.0), "the record itself is made by the API user");
    world.end().await;
}
