//! Calm: when a rep is told what, and when not. The clock is moved by hand.

use max::domain::{DAY, HOUR, MINUTE, Preferences, UserId};
use max::sandbox::telegram::SentMessage;
use serde_json::json;

use crate::support::{CAMILLE, LUC, Setting, World};

/// A world in which Luc was linked on the evening before: this day begins with the next working hour.
async fn on_the_evening(begin: &'static str) -> World {
    World::with(Setting { begin, ..Setting::default() }, |_| {}).await
}

async fn wish(world: &World, wish: impl FnOnce(&mut Preferences) + Send + 'static) {
    world.app().engine.run(move |engine| engine.wish(&UserId::from(LUC.0), wish).map(drop)).await.unwrap();
    world.settle().await;
}

fn since(world: &World, before: usize) -> Vec<SentMessage> {
    world.messages(LUC.1).split_off(before)
}

#[tokio::test]
async fn the_day_begins_with_what_is_open_and_the_night_is_not_told_one_by_one() {
    let mut world = on_the_evening("2026-03-02T20:00:00+01:00").await;
    let marie = world.lead("Marie", 8 * DAY, json!({}));
    world.lead("Paul", 9 * DAY, json!({}));
    world.settle().await;
    world.lead("Sophie", DAY, json!({}));
    world.mail_from("Sophie", MINUTE, "Pouvez-vous m'envoyer un devis ?");
    world.settle().await;
    let before = world.messages(LUC.1).len();
    world.pass(13 * HOUR).await;
    let sent = since(&world, before);
    assert_eq!(sent.len(), 1, "{sent:#?}");
    let (_, stats) = world.api("GET", "/api/alerts/stats", json!({})).await;
    assert_eq!((&stats["total"], &stats["urgent"]), (&json!(3), &json!(1)));
    assert!(sent[0].plain.contains("Alertes aujourd'hui\u{a0}: 3 (1 urgente)"), "{}", sent[0].plain);
    assert!(sent[0].plain.contains("Pour commencer\u{a0}: Sophie"), "{}", sent[0].plain);
    let labels: Vec<_> = sent[0].keyboard.iter().flatten().map(|key| key.text.as_str()).collect();
    assert_eq!(labels[1..], ["Leads chauds: 1", "À relancer: 2"]);

    // The banner's buttons show these lists in the same message, and lead back.
    world.telegram.tap(LUC.1, sent[0].message_id, "1:page:f0").unwrap();
    world.settle().await;
    let list = &since(&world, before)[0];
    assert!(list.plain.contains("Marie") && list.plain.contains("Paul") && !list.plain.contains("Sophie"), "{list:#?}");
    world.telegram.tap(LUC.1, sent[0].message_id, "1:page:o0").unwrap();
    world.settle().await;
    world.call(&marie, "Outbound", "Held", 0);
    world.settle().await;
    let now = since(&world, before);
    assert!(now[0].plain.contains("Alertes aujourd'hui\u{a0}: 2 (1 urgente)"), "as of now: {}", now[0].plain);

    world.stop().await;
    world.start().await;
    world.pass(20 * MINUTE).await;
    assert_eq!(since(&world, before).len(), 1, "once a day, also across a restart");
    world.end().await;
}

/// A list that is read page by page stays in order: what opens meanwhile comes after what was there.
#[tokio::test]
async fn a_list_of_the_briefing_stays_in_order_while_its_pages_are_turned() {
    let world = on_the_evening("2026-03-02T20:00:00+01:00").await;
    for number in 0..9 {
        world.lead(&format!("Lead{number}"), 8 * DAY, json!({"lastName": format!("Nr{number}")}));
    }
    world.settle().await;
    let before = world.messages(LUC.1).len();
    world.pass(13 * HOUR).await;
    let briefing = since(&world, before)[0].message_id;
    let listed = |world: &World| -> Vec<String> {
        let message = world.messages(LUC.1).into_iter().find(|message| message.message_id == briefing).unwrap();
        let lines = message.plain.lines().filter(|line| line.contains("attend un premier contact"));
        lines.map(|line| line.split(". ").nth(1).unwrap().split(' ').next().unwrap().to_owned()).collect()
    };
    world.telegram.tap(LUC.1, briefing, "1:page:f0").unwrap();
    world.settle().await;
    let first = listed(&world);
    assert_eq!(first.len(), 8);
    // It has waited longer than all others, and is seen only now.
    world.lead("Late", 20 * DAY, json!({"lastName": "Nr10"}));
    world.settle().await;
    assert_eq!(listed(&world), first, "the page that is read stays as it is");
    world.telegram.tap(LUC.1, briefing, "1:page:f1").unwrap();
    world.settle().await;
    let second = listed(&world);
    assert_eq!(second.len(), 2);
    assert!(second.iter().all(|name| !first.contains(name)) && second[1] == "Late", "{first:?} {second:?}");
    drop(world);
}

/// What can wait is counted at the end of the day, and not passed over.
#[tokio::test]
async fn the_end_of_a_day_says_how_much_stays_open() {
    let world = on_the_evening("2026-03-02T20:00:00+01:00").await;
    for name in ["Marie", "Paul", "Jean"] {
        world.lead(name, 8 * DAY, json!({}));
    }
    world.settle().await;
    world.pass(14 * HOUR).await;
    world.telegram.say(LUC.1, "fait Paul Martin").unwrap();
    world.settle().await;
    world.pass(9 * HOUR).await;
    let said = world.last().plain;
    assert!(said.contains("1 alerte traitée") && said.contains("2 relances restent ouvertes"), "{said}");
    drop(world);
}

#[tokio::test]
async fn no_day_begins_on_a_holiday_or_on_a_weekend_or_when_there_is_nothing() {
    // Before Easter; the clocks change on the weekend before.
    let world = on_the_evening("2026-03-27T20:00:00+01:00").await;
    let before = world.messages(LUC.1).len();
    world.pass(60 * HOUR).await;
    assert_eq!(since(&world, before).len(), 0, "a Monday with nothing to tell");
    world.lead("Marie", 2 * DAY, json!({}));
    world.settle().await;
    // Saturday, 4 April, 9:00: the alert opened on Saturday at 9:00.
    world.pass(5 * DAY).await;
    for _ in 0..2 {
        assert_eq!(since(&world, before).len(), 0, "the weekend");
        world.pass(DAY).await;
    }
    assert_eq!(since(&world, before).len(), 0, "Easter Monday");
    world.pass(DAY).await;
    let sent = since(&world, before);
    assert_eq!(sent.len(), 1, "{sent:#?}");
    assert!(sent[0].plain.contains("Marie") && sent[0].plain.contains("Bonjour Luc"), "{}", sent[0].plain);
    world.end().await;
}

#[tokio::test]
async fn a_briefing_that_would_be_late_is_none_and_what_waited_is_one_message() {
    let mut world = on_the_evening("2026-03-02T20:00:00+01:00").await;
    let before = world.messages(LUC.1).len();
    world.lead("Marie", 8 * DAY, json!({}));
    world.lead("Paul", 9 * DAY, json!({}));
    world.settle().await;
    world.stop().await;
    world.clock.advance(15 * HOUR);
    world.start().await;
    world.settle().await;
    let sent = since(&world, before);
    assert_eq!(sent.len(), 1, "{sent:#?}");
    assert!(!sent[0].plain.contains("Bonjour") && sent[0].plain.contains("Marie") && sent[0].plain.contains("Paul"));
    world.end().await;
}

#[tokio::test]
async fn the_day_ends_with_what_was_done_when_something_was() {
    let world = on_the_evening("2026-03-02T20:00:00+01:00").await;
    world.lead("Marie", 8 * DAY, json!({}));
    world.settle().await;
    world.pass(13 * HOUR).await;
    world.tap("show").await;
    world.tap("done").await;
    world.lead("Sophie", DAY, json!({}));
    world.mail_from("Sophie", MINUTE, "Pouvez-vous m'envoyer un devis ?");
    world.settle().await;
    let before = world.messages(LUC.1).len();
    world.pass(9 * HOUR + 30 * MINUTE).await;
    let sent = since(&world, before);
    let summary = sent.iter().find(|message| message.plain.contains("Belle journée")).expect("a summary");
    assert!(summary.plain.contains("1 alerte traitée") && summary.plain.contains("Sophie"), "{}", summary.plain);
    assert!(summary.silent);
    let before = world.messages(LUC.1).len();
    world.pass(DAY).await;
    let sent = since(&world, before);
    assert!(sent.iter().all(|message| !message.plain.contains("Belle journée")), "nothing was done: {sent:#?}");
}

#[tokio::test]
async fn both_can_be_switched_off() {
    let world = on_the_evening("2026-03-02T20:00:00+01:00").await;
    wish(&world, |wishes| (wishes.briefing, wishes.summary) = (Some(false), Some(false))).await;
    world.lead("Marie", 8 * DAY, json!({}));
    world.settle().await;
    let before = world.messages(LUC.1).len();
    world.pass(13 * HOUR).await;
    assert!(!world.last().plain.contains("Bonjour") && world.last().plain.contains("Marie"));
    world.tap("done").await;
    world.pass(9 * HOUR + 30 * MINUTE).await;
    assert_eq!(since(&world, before).len(), 1);
    world.end().await;
}

#[tokio::test]
async fn of_what_is_not_urgent_three_messages_an_hour_and_the_rest_as_one() {
    let world = World::begin().await;
    let before = world.messages(LUC.1).len();
    for name in ["Anna", "Bruno", "Chloé", "David", "Emma"] {
        world.lead(name, 8 * DAY, json!({}));
        world.settle().await;
        world.clock.advance(5 * MINUTE);
    }
    world.settle().await;
    assert_eq!(since(&world, before).len(), 3);
    world.lead("Sophie", DAY, json!({}));
    world.mail_from("Sophie", MINUTE, "Pouvez-vous m'envoyer un devis ?");
    world.settle().await;
    assert_eq!(since(&world, before).len(), 4, "a hot lead does not wait");
    world.pass(HOUR).await;
    let sent = since(&world, before);
    let digest = sent.iter().find(|message| message.plain.contains("David")).expect("a digest");
    assert!(digest.plain.contains("Emma"), "{}", digest.plain);
}

#[tokio::test]
async fn a_long_list_has_pages_and_shows_what_is_open_now() {
    let world = World::begin().await;
    let leads: Vec<String> = (0..20).map(|n| world.lead(&format!("Lead{n:02}"), 8 * DAY, json!({}))).collect();
    world.settle().await;
    let message = world.last();
    let keys = |message: &SentMessage| message.keyboard.iter().map(|row| row.len()).collect::<Vec<_>>();
    assert_eq!(keys(&message), [1, 1, 1, 1, 1, 1, 1, 1, 2]);
    for page in ["1:page:o1", "1:page:o2"] {
        world.telegram.tap(LUC.1, message.message_id, page).unwrap();
        world.settle().await;
    }
    assert_eq!(keys(&world.last()), [1, 1, 1, 1, 2], "the third page: {:#?}", world.last());
    for lead in &leads[..12] {
        world.call(lead, "Outbound", "Held", 0);
    }
    world.settle().await;
    assert_eq!(keys(&world.last()), [1; 8], "one page is left");
    assert_eq!(world.last().message_id, message.message_id);
    world.end().await;
}

#[tokio::test]
async fn a_pause_holds_all_but_hot_leads_and_ends_with_one_message_of_what_still_holds() {
    let world = World::begin().await;
    let until = world.clock.now().plus(2 * HOUR);
    wish(&world, move |wishes| wishes.paused_until = Some(until)).await;
    let before = world.messages(LUC.1).len();
    let over = world.lead("Anna", 8 * DAY, json!({}));
    for name in ["Bruno", "Chloé"] {
        world.lead(name, 8 * DAY, json!({}));
    }
    world.settle().await;
    assert_eq!(since(&world, before).len(), 0);
    world.lead("Sophie", DAY, json!({}));
    world.mail_from("Sophie", MINUTE, "Pouvez-vous m'envoyer un devis ?");
    world.settle().await;
    assert_eq!(since(&world, before).len(), 1);
    world.call(&over, "Outbound", "Held", 0);
    world.pass(2 * HOUR).await;
    let sent = since(&world, before);
    let digest = sent.iter().find(|message| message.plain.contains("Bruno")).expect("a digest");
    assert!(digest.plain.contains("Chloé") && !digest.plain.contains("Anna"), "{}", digest.plain);
}

#[tokio::test]
async fn a_pause_that_is_taken_back_ends_at_once() {
    let world = World::begin().await;
    let until = world.clock.now().plus(2 * HOUR);
    wish(&world, move |wishes| wishes.paused_until = Some(until)).await;
    let before = world.messages(LUC.1).len();
    world.lead("Anna", 8 * DAY, json!({}));
    world.settle().await;
    assert_eq!(since(&world, before).len(), 0);
    wish(&world, |wishes| wishes.paused_until = None).await;
    assert_eq!(since(&world, before).len(), 1);
    world.end().await;
}

#[tokio::test]
async fn in_quiet_hours_even_a_hot_lead_waits() {
    let world = World::begin().await;
    wish(&world, |wishes| wishes.quiet = Some((9 * 60, 12 * 60))).await;
    let before = world.messages(LUC.1).len();
    world.lead("Sophie", DAY, json!({}));
    world.mail_from("Sophie", MINUTE, "Pouvez-vous m'envoyer un devis ?");
    world.settle().await;
    assert_eq!(since(&world, before).len(), 0);
    world.pass(2 * HOUR).await;
    assert!(world.last().plain.contains("Sophie"));
}

#[tokio::test]
async fn while_away_whoever_stands_in_is_told_and_on_coming_back_what_is_open() {
    let world = World::with(Setting { linked: vec![LUC, CAMILLE], ..Setting::default() }, |_| {}).await;
    let until = world.clock.now().plus(DAY + 2 * HOUR);
    wish(&world, move |wishes| {
        wishes.away_until = Some(until);
        wishes.stand_in = Some(UserId::from(CAMILLE.0));
    })
    .await;
    let (luc, camille) = (world.messages(LUC.1).len(), world.messages(CAMILLE.1).len());
    world.lead("Marie", 8 * DAY, json!({}));
    world.settle().await;
    assert_eq!(since(&world, luc).len(), 0);
    let told = world.messages(CAMILLE.1).split_off(camille);
    assert!(told.len() == 1 && told[0].plain.contains("Marie"), "{told:#?}");
    world.pass(DAY).await;
    assert_eq!(since(&world, luc).len(), 0, "no briefing while away");
    world.pass(2 * HOUR).await;
    let sent = since(&world, luc);
    assert!(sent.iter().any(|message| message.plain.contains("Marie")), "{sent:#?}");
    let told = world.messages(CAMILLE.1).split_off(camille);
    assert_eq!(told[0].keyboard, Vec::<Vec<_>>::new(), "it is Luc's again: {:#?}", told[0]);
}

#[tokio::test]
async fn when_an_absence_begins_whoever_stands_in_hears_once_of_what_is_open_as_one_list() {
    let mut world = World::with(Setting { linked: vec![LUC, CAMILLE], ..Setting::default() }, |_| {}).await;
    let names = ["Marie", "Jeanne", "Paul", "Karim", "Nina", "Elise", "Omar", "Lena", "Yves", "Zoe"];
    for name in names {
        world.lead(name, 8 * DAY, json!({}));
    }
    world.settle().await;
    let (luc, camille) = (world.messages(LUC.1).len(), world.messages(CAMILLE.1).len());
    let until = world.clock.now().plus(DAY);
    wish(&world, move |wishes| wishes.away_until = Some(until)).await;
    world.settle().await;
    assert_eq!(world.messages(CAMILLE.1).len(), camille, "nobody stands in yet");
    wish(&world, |wishes| wishes.stand_in = Some(UserId::from(CAMILLE.0))).await;
    world.settle().await;
    let told = world.messages(CAMILLE.1).split_off(camille);
    assert_eq!(told.len(), 1, "{told:#?}");
    let list = &told[0];
    assert!(
        list.plain.starts_with("🤝") && list.plain.contains("Luc") && list.plain.contains("10 alertes"),
        "{}",
        list.plain
    );
    let on = list.keyboard.iter().flatten().find(|key| key.text == "▶️").expect("it has pages");
    let on = on.callback_data.clone().unwrap();
    world.telegram.tap(CAMILLE.1, list.message_id, &on).unwrap();
    world.settle().await;
    let second = world.messages(CAMILLE.1).split_off(camille).remove(0);
    assert!(second.plain.starts_with("🤝") && second.plain != list.plain, "{}", second.plain);

    world.stop().await;
    world.start().await;
    world.pass(2 * HOUR).await;
    assert_eq!(world.messages(CAMILLE.1).len(), camille + 1, "once, also across a restart");
    assert_eq!(since(&world, luc).len(), 0, "Luc hears nothing");

    world.pass(22 * HOUR).await;
    let back = since(&world, luc);
    assert!(back.iter().any(|message| message.plain.contains("10 alertes")), "{back:#?}");
    let list = world.messages(CAMILLE.1).split_off(camille).remove(0);
    assert!(list.keyboard.is_empty(), "they are Luc's again: {list:#?}");
}

#[tokio::test]
async fn who_stands_in_by_configuration_hears_of_an_absence_as_well_and_of_its_end() {
    let config = format!("[stand_ins]\n{} = {:?}\n", LUC.0, CAMILLE.0);
    let world = World::with(Setting { config, linked: vec![LUC, CAMILLE], ..Setting::default() }, |_| {}).await;
    for name in ["Marie", "Jeanne"] {
        world.lead(name, 8 * DAY, json!({}));
    }
    world.settle().await;
    let camille = world.messages(CAMILLE.1).len();
    let until = world.clock.now().plus(DAY);
    wish(&world, move |wishes| wishes.away_until = Some(until)).await;
    let told = world.messages(CAMILLE.1).split_off(camille);
    assert!(told.len() == 1 && told[0].plain.contains("Marie") && told[0].plain.contains("Jeanne"), "{told:#?}");
    world.pass(DAY).await;
    let list = world.messages(CAMILLE.1).split_off(camille).remove(0);
    assert!(list.keyboard.is_empty(), "Luc is back: {list:#?}");
}

#[tokio::test]
async fn where_nobody_stands_in_an_absence_begins_without_a_word() {
    let world = World::begin().await;
    world.lead("Marie", 8 * DAY, json!({}));
    world.settle().await;
    let before = world.messages(LUC.1).len();
    let until = world.clock.now().plus(2 * HOUR);
    wish(&world, move |wishes| wishes.away_until = Some(until)).await;
    world.settle().await;
    world.pass(HOUR).await;
    assert_eq!(since(&world, before).len(), 0);
}

#[tokio::test]
async fn everybody_is_told_in_the_own_working_hours() {
    let config = format!("[people.{:?}]\ntime_zone = \"America/Montreal\"\n", LUC.0);
    let world = World::with(Setting { config, ..Setting::default() }, |_| {}).await;
    let before = world.messages(LUC.1).len();
    world.lead("Marie", 8 * DAY, json!({}));
    world.settle().await;
    assert_eq!(since(&world, before).len(), 0, "it is four in the morning there");
    world.pass(5 * HOUR).await;
    assert!(world.last().plain.contains("Marie"));
    world.end().await;
}
