//! What a rep does in the chat, and what comes of it in the CRM.

use max::domain::{DAY, HOUR, MINUTE};
use serde_json::json;

use crate::support::{CAMILLE, LUC, Setting, World, button};

#[tokio::test]
async fn a_hot_lead_can_be_answered_in_two_taps() {
    let (world, lead) = World::with_a_hot_lead().await;
    let message = world.last();
    assert!(message.plain.contains("Sophie"), "{}", message.plain);
    assert!(!message.silent);
    let link = message.keyboard.iter().flatten().find_map(|key| key.url.clone()).expect("a WhatsApp link");
    assert!(link.starts_with("https://wa.me/33639980101?text=Bonjour%20Sophie"), "{link}");

    let answer = world.tap("sentm").await;
    assert!(answer.contains("Sophie"), "{answer}");
    let activities = world.espo.list("MaxActivity");
    assert_eq!(activities.len(), 1, "{activities:#?}");
    assert_eq!(activities[0]["leadId"], lead.as_str());
    assert_eq!((&activities[0]["channel"], &activities[0]["direction"]), (&json!("email"), &json!("out")));
    let alert = world.alert(&lead, "HotLead24h");
    assert_eq!((&alert["status"], &alert["closeReason"]), (&json!("Closed"), &json!("cleared")));
    assert!(world.last().keyboard.is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_button_tapped_twice_does_its_work_once() {
    let (world, lead) = World::with_a_hot_lead().await;
    let message = world.last();
    let data = button(&message, "sentm").unwrap();
    let before = world.telegram.answers().len();
    for _ in 0..2 {
        world.telegram.tap(LUC.1, message.message_id, &data).unwrap();
    }
    world.settle().await;
    assert_eq!(world.espo.list("MaxActivity").len(), 1);
    assert_eq!(world.telegram.answers().len(), before + 2, "every tap is answered");
    assert_eq!(world.alerts(&lead).len(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_draft_is_sent_to_be_copied() {
    let (world, _) = World::with_a_hot_lead().await;
    let before = world.messages(LUC.1).len();
    world.tap("draft").await;
    let messages = world.messages(LUC.1);
    assert_eq!(messages.len(), before + 1);
    assert!(messages.last().unwrap().plain.contains("Bonjour Sophie"), "{}", messages.last().unwrap().plain);
    world.end().await;
}

/// > A snoozed alert stays open but silent until its time; if it still holds then, it is announced again.
#[tokio::test]
async fn a_snoozed_alert_is_silent_until_its_time_and_then_speaks_again() {
    let (world, lead) = World::with_a_hot_lead().await;
    world.tap("zz").await;
    let before = world.messages(LUC.1).len();
    let answer = world.tap("z1h").await;
    assert!(!answer.is_empty());
    let alert = world.alert(&lead, "HotLead24h");
    assert_eq!(alert["status"], "Snoozed");
    assert!(alert["snoozedUntil"].is_string());
    world.pass(59 * MINUTE).await;
    assert_eq!(world.messages(LUC.1).len(), before);
    world.pass(2 * MINUTE).await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open");
    let messages = world.messages(LUC.1);
    assert_eq!(messages.len(), before + 1, "it is announced again, once");
    let with_buttons = messages.iter().filter(|message| button(message, "done").is_some()).count();
    assert_eq!(with_buttons, 1, "there is one place to tap");
    world.tap("done").await;
    world.end().await;
}

#[tokio::test]
async fn back_brings_the_buttons_back() {
    let (world, _) = World::with_a_hot_lead().await;
    let buttons = world.last().keyboard;
    world.tap("zz").await;
    assert_ne!(world.last().keyboard, buttons);
    world.tap("back").await;
    assert_eq!(world.last().keyboard, buttons);
    world.end().await;
}

#[tokio::test]
async fn an_answer_from_the_crm_closes_the_alert_in_the_chat() {
    let (world, lead) = World::with_a_hot_lead().await;
    world.clock.advance(10 * MINUTE);
    world.mail_to("Sophie", MINUTE, "Bonjour Sophie, voici le devis.");
    world.settle().await;
    let alert = world.alert(&lead, "HotLead24h");
    assert_eq!((&alert["status"], &alert["closeReason"]), (&json!("Closed"), &json!("cleared")));
    assert!(world.last().keyboard.is_empty());
    world.end().await;
}

/// > Once open, the alert stays until answered or in hand, however long that takes; it opens again if a booked call
/// > did not take place.
///
/// > An inbound waits when it is on whatsapp, email or call, expects a reply, no answer stands at or after it, and no
/// > next step that was planned at or after it is pending: a call booked for tomorrow has the matter in hand, and if
/// > it does not take place, the lead waits again.
#[tokio::test]
async fn a_call_booked_has_the_matter_in_hand_until_it_does_not_take_place() {
    let (world, lead) = World::with_a_hot_lead().await;
    let call = world.espo.create(
        "Call",
        "luc",
        json!({"name": "Rappel", "status": "Planned", "direction": "Outbound", "dateStart": world.ago(-2 * HOUR),
               "dateEnd": world.ago(-3 * HOUR), "parentType": "Lead", "parentId": lead, "assignedUserId": LUC.0}),
    );
    world.settle().await;
    let alert = world.alert(&lead, "HotLead24h");
    assert_eq!((&alert["status"], &alert["closeReason"]), (&json!("Closed"), &json!("planned")));
    world.pass(3 * HOUR).await;
    world.espo.update("Call", &call, "luc", json!({"status": "Not Held"}));
    world.settle().await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open", "a call that nobody answered is no answer");
    assert!(button(&world.last(), "done").is_some());
    world.tap("done").await;
    world.end().await;
}

/// > An open alert follows its lead: when owner or teams change, the record is updated, the old owner's message says
/// > who took over and loses its buttons, and the new owner is told once.
#[tokio::test]
async fn a_new_owner_is_told_once_and_the_old_one_learns_who_took_over() {
    let world = World::with(Setting { linked: vec![LUC, CAMILLE], ..Setting::default() }, |_| {}).await;
    let lead = world.lead("Sophie", 2 * DAY, json!({}));
    world.mail_from("Sophie", MINUTE, "Je voudrais un devis, merci de me rappeler.");
    world.settle().await;
    let to_camille = world.messages(CAMILLE.1).len();
    world.clock.advance(MINUTE);
    world.espo.update("Lead", &lead, "claire", json!({"assignedUserId": CAMILLE.0}));
    world.settle().await;
    let old = world.last();
    assert!(old.keyboard.is_empty() && old.plain.contains("Camille"), "{old:#?}");
    let new = world.messages(CAMILLE.1);
    assert_eq!(new.len(), to_camille + 1);
    assert!(button(new.last().unwrap(), "done").is_some());
    assert_eq!(world.alert(&lead, "HotLead24h")["assignedUserId"], CAMILLE.0);
    world.end().await;
}

#[tokio::test]
async fn a_stranger_and_a_former_owner_get_nothing() {
    let world = World::with(Setting { linked: vec![LUC, CAMILLE], ..Setting::default() }, |_| {}).await;
    let lead = world.lead("Sophie", 2 * DAY, json!({}));
    world.mail_from("Sophie", MINUTE, "Je voudrais un devis.");
    world.settle().await;
    let message = world.last();
    let data = button(&message, "done").unwrap();
    let stranger = max::sandbox::telegram::Person { id: 4711, first_name: "Inconnu".to_owned(), language_code: None };
    world.telegram.open_chat(stranger);
    world.telegram.say(4711, "/start").unwrap();
    world.telegram.forge_tap(LUC.1, 4711, message.message_id, &data).unwrap();
    world.telegram.forge_tap(LUC.1, CAMILLE.1, message.message_id, &data).unwrap();
    world.settle().await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open");
    let told = world.messages(4711);
    assert!(told.iter().all(|message| !message.plain.contains("Sophie")), "{told:#?}");
    world.tap("done").await;
    world.end().await;
}

#[tokio::test]
async fn a_link_works_once_and_for_an_hour() {
    let world = World::begin().await;
    let user = max::domain::UserId::from(CAMILLE.0);
    let link = max::engine::linking::create(&world.app().engine, &user, "max_sandbox_bot").await.unwrap();
    let start = format!("/start {}", link.url.rsplit('=').next().unwrap());
    let person = |id| max::sandbox::telegram::Person { id, first_name: "C".to_owned(), language_code: None };
    world.telegram.open_chat(person(CAMILLE.1));
    world.telegram.open_chat(person(4711));
    world.telegram.say(CAMILLE.1, &start).unwrap();
    world.settle().await;
    assert!(world.confirm_link(CAMILLE.1).await);
    world.telegram.say(4711, &start).unwrap();
    world.settle().await;
    assert!(!world.confirm_link(4711).await);
    let links = world.app().engine.store().links().unwrap();
    assert!(links.iter().any(|link| link.account == CAMILLE.1));
    assert!(links.iter().all(|link| link.account != 4711), "a link is spent by its first use");

    let late = max::engine::linking::create(&world.app().engine, &user, "max_sandbox_bot").await.unwrap();
    world.clock.advance(HOUR);
    world.telegram.say(4711, &format!("/start {}", late.url.rsplit('=').next().unwrap())).unwrap();
    world.settle().await;
    assert!(world.app().engine.store().link(4711).unwrap().is_none(), "a link lives for an hour");
    world.end().await;
}

/// The chat of last resort is a group: names, words and numbers stay out of it, whoever is linked sees them in private.
#[tokio::test]
async fn a_group_learns_initials_only_and_a_linked_colleague_settles_it_in_private() {
    const GROUP: i64 = -100_200;
    let setting = Setting { telegram: "fallback_chat = -100200", linked: vec![CAMILLE], ..Setting::default() };
    let world = World::with(setting, |world| world.telegram.open_group(GROUP, "Commercial")).await;
    let lead = world.lead("Sophie", 2 * DAY, json!({}));
    world.mail_from("Sophie", MINUTE, "Bonjour, vous pouvez m'envoyer un devis ?");
    world.settle().await;
    let told = world.messages(GROUP).pop().expect("the owner is not linked: the group is told");
    for secret in ["Sophie", "devis", "33639980101"] {
        assert!(!format!("{told:?}").contains(secret), "{secret} in {told:#?}");
    }
    assert_eq!(told.keyboard.iter().flatten().count(), 1, "{told:#?}");

    let stranger = max::sandbox::telegram::Person { id: 4711, first_name: "Inconnu".to_owned(), language_code: None };
    world.telegram.open_chat(stranger);
    let show = button(&told, "show").unwrap();
    world.telegram.forge_tap(GROUP, 4711, told.message_id, &show).unwrap();
    world.settle().await;
    assert_eq!(world.messages(4711).len(), 0, "whoever is not linked gets nothing");

    let before = world.messages(GROUP).len();
    world.telegram.tap_in_group(GROUP, CAMILLE.1, told.message_id, &show).unwrap();
    world.settle().await;
    assert_eq!(world.messages(GROUP).len(), before);
    let shown = world.messages(CAMILLE.1).pop().unwrap();
    assert!(shown.plain.contains("Sophie") && shown.plain.contains("devis"), "{shown:#?}");
    world.telegram.tap(CAMILLE.1, shown.message_id, &button(&shown, "done").unwrap()).unwrap();
    world.settle().await;
    assert_eq!(world.alert(&lead, "HotLead24h")["resolvedBy"], "Camille Moreau");
    let told = world.messages(GROUP).pop().unwrap();
    assert!(told.keyboard.is_empty() && !told.plain.contains("Sophie"), "{told:#?}");
    world.end().await;
}
