//! What a rep says that a lead's message means: it is read as that from then on, at once, and kept for the next training.

use max::domain::meaning::Meaning;
use max::domain::unsubscribed::UnsubscribedStage;
use max::domain::{DAY, HOUR, LeadId, MINUTE, Reading};
use max::engine::corrections::{Correction, corrections};
use max::engine::opinions::Doubt;
use max::insight::reading::read;
use max::sandbox::espo::{Grant, Reach, Rights};
use max::sandbox::telegram::SentMessage;
use serde_json::{Value, json};

use crate::support::{LUC, World};

/// What wants to buy, for whoever knows the conversation.
const OBLIQUE: [&str; 4] = [
    "Je pense que c'est bon de notre côté.",
    "Parfait pour moi, on fait comme ça.",
    "Vous êtes ouverts le samedi ? On passera.",
    "ok",
];

fn oblique() -> &'static str {
    OBLIQUE.into_iter().find(|text| !read(text).intent).expect("something that M.A.X. does not understand")
}

/// Luc's lead has written on WhatsApp so many seconds ago.
async fn wrote(ago: i64, text: &str) -> (World, String) {
    let world = World::begin().await;
    let lead = world.lead("Sophie", 5 * DAY, json!({}));
    world.whatsapp(&lead, "in", ago, text);
    world.settle().await;
    (world, lead)
}

fn data(message: &SentMessage, begins: &str) -> Option<String> {
    let mut keys = message.keyboard.iter().flatten().filter_map(|key| key.callback_data.clone());
    keys.find(|key| key.starts_with(begins))
}

/// Luc taps a button below an answer; the answer as it is then.
async fn tap(world: &World, message: &SentMessage, begins: &str) -> SentMessage {
    let data = data(message, begins).unwrap_or_else(|| panic!("{begins} in {message:#?}"));
    world.telegram.tap(LUC.1, message.message_id, &data).unwrap();
    world.settle().await;
    let id = message.message_id;
    world.messages(LUC.1).into_iter().find(|message| message.message_id == id).unwrap()
}

/// How the last message was read, as the lead's card leads there.
async fn reading_of(world: &World, name: &str) -> SentMessage {
    world.telegram.say(LUC.1, &format!("/lead {name}")).unwrap();
    world.settle().await;
    let card = world.last();
    tap(world, &card, "2:rd:").await
}

fn kept(world: &World) -> Vec<Correction> {
    corrections(world.app().engine.store()).unwrap()
}

fn reading(world: &World, lead: &str) -> Reading {
    world.app().engine.store().activities(&LeadId::from(lead)).unwrap().pop().unwrap().reading
}

fn is_marked(world: &World, lead: &str) -> bool {
    world.app().engine.store().lead(&LeadId::from(lead)).unwrap().unwrap().is_do_not_contact()
}

/// > A person's correction replaces it.
#[tokio::test]
async fn a_wish_to_buy_that_was_overlooked_is_a_hot_lead_after_two_taps_and_none_after_a_third() {
    let (mut world, lead) = wrote(HOUR, oblique()).await;
    assert!(world.alerts(&lead).is_empty(), "{:#?}", world.alerts(&lead));
    let asked = reading_of(&world, "Sophie").await;
    assert!(asked.plain.contains("Je l'ai lu comme") && asked.plain.contains(oblique()), "{asked:#?}");
    let before = reading(&world, &lead);
    let answer = tap(&world, &asked, "2:mn:w").await;
    assert!(answer.plain.contains("c'est corrigé, une envie d'acheter"), "{answer:#?}");
    assert!(answer.plain.contains("Une alerte s'ouvre"), "{answer:#?}");
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open");
    assert!(world.last().plain.contains("Sophie") && world.last().message_id != answer.message_id);
    let all = kept(&world);
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!((all[0].said.as_str(), all[0].by.as_str(), all[0].text.as_str()), ("misread", "Luc Moreau", oblique()));
    assert_eq!(all[0].means.as_deref(), Some("intent"));
    assert_eq!(
        all[0].sentence().map(Value::Object),
        Some(json!({"text": oblique(), "intent": true, "expects_reply": true}))
    );

    world.stop().await;
    world.start().await;
    world.pass(MINUTE).await;
    assert_eq!(reading(&world, &lead), Meaning::WishToBuy.reading(), "it is kept");
    let read = Meaning::of(before);
    let letter = if read == Meaning::Nothing { "2:mn:n" } else { "2:mn:e" };
    let back = tap(&world, &answer, letter).await;
    assert!(back.plain.contains("on en reste à ma lecture"), "{back:#?}");
    assert!(back.plain.contains("L'alerte qui en dépendait est close"), "{back:#?}");
    assert_eq!(reading(&world, &lead), before);
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Closed");
    assert!(kept(&world).is_empty(), "who says in the end what was read has corrected nothing");
    world.end().await;
}

/// Nobody was late with an answer that nobody knew to be expected.
#[tokio::test]
async fn what_opens_by_a_correction_opens_when_it_is_made() {
    let (world, lead) = wrote(MINUTE, "Merci beaucoup !").await;
    assert_eq!(Meaning::of(reading(&world, &lead)), Meaning::Nothing);
    world.pass(DAY - 5 * MINUTE).await;
    world.pass(2 * HOUR).await;
    let asked = reading_of(&world, "Sophie").await;
    let before = world.clock.now();
    tap(&world, &asked, "2:mn:w").await;
    let alert = world.alert(&lead, "HotLead24h");
    assert_eq!(alert["status"], "Open");
    let opened = alert["openedAt"].as_str().unwrap().to_owned();
    assert!(opened >= before.to_espo(), "{opened} is before {}", before.to_espo());
    world.end().await;
}

#[tokio::test]
async fn a_message_that_came_days_late_makes_no_hot_lead_whoever_says_so() {
    let (world, lead) = wrote(2 * DAY, oblique()).await;
    let asked = reading_of(&world, "Sophie").await;
    tap(&world, &asked, "2:mn:w").await;
    let types: Vec<Value> = world.alerts(&lead).into_iter().map(|alert| alert["type"].clone()).collect();
    assert_eq!(types, [json!("AwaitingReply24h")]);
    world.end().await;
}

#[tokio::test]
async fn what_wants_nothing_closes_the_alert_where_its_reason_is_told() {
    let (world, lead) = wrote(MINUTE, "Bonjour, je voudrais un devis.").await;
    world.tap("more").await;
    world.tap("why").await;
    let why = world.last();
    let asked = tap(&world, &why, "2:rd:").await;
    assert!(data(&asked, "2:mn:w").is_none(), "what it was read to mean is not offered: {asked:#?}");
    let answer = tap(&world, &asked, "2:mn:a").await;
    assert!(answer.plain.contains("réponse automatique") && answer.plain.contains("close"), "{answer:#?}");
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Closed");
    assert!(reading(&world, &lead).auto_reply);
    let sentence = kept(&world)[0].sentence().map(Value::Object).unwrap();
    assert_eq!((&sentence["category"], &sentence["expects_reply"]), (&json!("auto_reply"), &json!(false)));
    world.end().await;
}

#[tokio::test]
async fn an_unsubscribe_that_was_overlooked_is_one_from_then_on_and_can_be_taken_back() {
    let (world, lead) = wrote(MINUTE, "Bonjour, je voudrais un devis.").await;
    let asked = reading_of(&world, "Sophie").await;
    let answer = tap(&world, &asked, "2:mn:u").await;
    assert!(answer.plain.contains("Plus de relance pour ce lead"), "{answer:#?}");
    assert!(is_marked(&world, &lead));
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Resolved");
    assert!(data(&world.last(), "1:onote:").is_some(), "it can be written into the CRM: {:#?}", world.last());
    assert_eq!(kept(&world)[0].means.as_deref(), Some("unsubscribe"));
    tap(&world, &answer, "2:mn:w").await;
    assert!(!is_marked(&world, &lead) && kept(&world).is_empty(), "{:#?}", kept(&world));

    tap(&world, &reading_of(&world, "Sophie").await, "2:mn:u").await;
    let told = world.last();
    assert!(is_marked(&world, &lead));
    world.telegram.tap(LUC.1, told.message_id, &data(&told, "1:onot:").unwrap()).unwrap();
    world.settle().await;
    assert!(!is_marked(&world, &lead) && reading(&world, &lead).intent, "as it was read");
    assert!(kept(&world).is_empty(), "{:#?}", kept(&world));
    world.end().await;
}

#[tokio::test]
async fn an_unsubscribe_that_the_crm_was_told_of_is_opened_again_there() {
    let wish = "Merci de ne plus me contacter et de supprimer mes coordonnées de votre fichier.";
    let (world, lead) = wrote(MINUTE, wish).await;
    world.tap("onote").await;
    let answer = tap(&world, &reading_of(&world, "Sophie").await, "2:mn:e").await;
    assert!(answer.plain.contains("c'est là que ça se rouvre"), "{answer:#?}");
    assert!(is_marked(&world, &lead));
    let stage = world.app().engine.store().unsubscribed(&LeadId::from(lead.as_str())).unwrap().unwrap().stage;
    assert_eq!(stage, UnsubscribedStage::Noted);
    let all = kept(&world);
    assert_eq!((all.len(), &all[0].read_as), (1, &vec!["unsubscribe".to_owned()]));
    world.end().await;
}

#[tokio::test]
async fn earlier_messages_can_be_corrected_and_nobody_else_has_the_last_word() {
    let (world, lead) = wrote(2 * HOUR, oblique()).await;
    world.whatsapp(&lead, "in", MINUTE, "Merci !");
    world.settle().await;
    let last = reading_of(&world, "Sophie").await;
    assert!(last.plain.contains("Merci !"), "{last:#?}");
    let earlier = tap(&world, &last, "2:rd:").await;
    assert!(earlier.plain.contains(oblique()) && data(&earlier, "2:rd:").is_none(), "{earlier:#?}");
    let id = LeadId::from(lead.as_str());
    let activity = world.app().engine.store().activities(&id).unwrap().remove(0).id;
    let letter = data(&earlier, "2:mn:n").map_or("2:mn:e", |_| "2:mn:n");
    tap(&world, &earlier, letter).await;
    let doubt = Doubt { lead: id.clone(), activity, text: oblique().to_owned() };
    world.app().engine.run(move |engine| engine.take_opinion(&doubt, true)).await.unwrap();
    assert!(!world.app().engine.store().activities(&id).unwrap()[0].reading.intent);
    assert!(world.alerts(&lead).is_empty());
    world.end().await;
}

#[tokio::test]
async fn who_may_not_change_the_lead_corrects_nothing() {
    let (world, lead) = wrote(HOUR, oblique()).await;
    let asked = reading_of(&world, "Sophie").await;
    let to_see = Grant { create: true, read: Reach::All, edit: Reach::No, delete: Reach::No };
    world.espo.set_rights(LUC.0, &Rights::of_people().with("Lead", to_see));
    world.clock.advance(6 * MINUTE);
    let before = reading(&world, &lead);
    tap(&world, &asked, "2:mn:w").await;
    assert_eq!(reading(&world, &lead), before);
    assert!(kept(&world).is_empty() && world.alerts(&lead).is_empty());
    world.end().await;
}

/// Who waits in vain for an answer may want to buy all the same: nothing is said of that.
#[tokio::test]
async fn of_an_alert_about_who_waits_only_that_no_answer_is_expected_is_learnt() {
    let (world, lead) = wrote(25 * HOUR, "Bonjour, vous êtes ouverts le samedi ?").await;
    assert_eq!(world.alert(&lead, "AwaitingReply24h")["status"], "Open");
    world.tap("more").await;
    world.tap("off").await;
    let sentence = kept(&world)[0].sentence().map(Value::Object);
    let text = "Bonjour, vous êtes ouverts le samedi ?";
    assert_eq!(sentence, Some(json!({"text": text, "expects_reply": false})));
    world.end().await;
}
