//! Preparing a message in the chat: whose words it has, in which language, and what becomes of it.

use max::domain::{DAY, HOUR, MINUTE};
use max::sandbox::telegram::SentMessage;
use serde_json::json;

use crate::support::{LUC, Setting, World, button};

/// A lead asked for a quote; Luc has had a message prepared.
async fn prepared(text: &str) -> (World, String) {
    let world = World::begin().await;
    let lead = world.lead("Sophie", 2 * DAY, json!({}));
    world.settle().await;
    world.whatsapp(&lead, "in", 5 * MINUTE, text);
    world.settle().await;
    world.tap("draft").await;
    (world, lead)
}

/// What M.A.X. noted in the CRM as sent by hand.
fn noted(world: &World) -> Vec<serde_json::Value> {
    let mut activities = world.espo.list("MaxActivity");
    activities.retain(|activity| activity["direction"] == "out");
    activities
}

/// The text that a draft's message offers.
fn offered(message: &SentMessage) -> String {
    let after = message.text.split_once("<pre>").expect("a draft").1;
    let text = after.split_once("</pre>").expect("a draft").0;
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

fn link(message: &SentMessage) -> String {
    message.keyboard.iter().flatten().find_map(|key| key.url.clone()).expect("a WhatsApp link")
}

fn decoded(link: &str) -> String {
    let text = link.split_once("?text=").expect("a text").1;
    reqwest::Url::parse(&format!("http://x/?text={text}")).unwrap().query_pairs().next().unwrap().1.into_owned()
}

const QUOTE: &str = "Bonjour, vous pouvez m'envoyer un devis ?";

#[tokio::test]
async fn a_draft_can_be_turned_over_and_what_is_shown_is_what_is_sent() {
    let (world, lead) = prepared(QUOTE).await;
    let first = world.last();
    assert!(offered(&first).starts_with("Bonjour Sophie,") && offered(&first).contains("devis"), "{first:#?}");
    assert_eq!(decoded(&link(&first)), offered(&first));

    world.tap("d-other").await;
    let other = world.last();
    assert_eq!(other.message_id, first.message_id, "it is the same message");
    assert_ne!(offered(&other), offered(&first));
    world.tap("d-tw").await;
    let warm = world.last();
    assert_ne!(offered(&warm), offered(&other));
    assert!(button(&warm, "d-td").is_some() && button(&warm, "d-tw").is_none(), "{warm:#?}");
    assert_eq!(decoded(&link(&warm)), offered(&warm));

    let answer = world.tap("d-sent").await;
    assert!(answer.contains("Sophie"), "{answer}");
    let activities = noted(&world);
    assert_eq!(activities.len(), 1, "{activities:#?}");
    assert_eq!(activities[0]["messagePreview"], offered(&warm).as_str(), "that very text is noted");
    assert_eq!((&activities[0]["channel"], &activities[0]["direction"]), (&json!("whatsapp"), &json!("out")));
    assert_eq!(world.alert(&lead, "HotLead24h")["closeReason"], "cleared");
    let done = world.last();
    assert!(done.keyboard.is_empty() && offered(&done) == offered(&warm), "{done:#?}");
    world.end().await;
}

#[tokio::test]
async fn a_lead_is_written_to_in_its_own_language_and_the_rep_is_spoken_to_in_his() {
    let (world, _) = prepared("Hi, could you send me a quote please? Thanks, Sophie").await;
    let message = world.last();
    assert!(offered(&message).starts_with("Hello Sophie,"), "{message:#?}");
    assert!(message.plain.contains("Ton message pour Sophie"), "{}", message.plain);
    world.end().await;
}

#[tokio::test]
async fn tu_is_said_to_whom_says_tu_and_is_told_tu() {
    let world = World::begin().await;
    let lead = world.lead("Sophie", 9 * DAY, json!({}));
    world.whatsapp(&lead, "out", 3 * DAY, "Salut Sophie, tu as bien reçu la brochure ?");
    world.settle().await;
    world.whatsapp(&lead, "in", 5 * MINUTE, "Oui merci ! Tu peux m'envoyer un devis ?");
    world.settle().await;
    world.tap("draft").await;
    assert!(offered(&world.last()).starts_with("Salut Sophie,"), "{:#?}", world.last());
    world.end().await;
}

#[tokio::test]
async fn an_answer_to_the_draft_becomes_its_text() {
    let (world, _) = prepared(QUOTE).await;
    let draft = world.last();
    let mine = "Bonjour Sophie, je vous l'envoie <demain> matin & je vous appelle. Luc";
    world.telegram.reply(LUC.1, draft.message_id, mine).unwrap();
    world.settle().await;
    let shown = world.messages(LUC.1).into_iter().find(|message| message.message_id == draft.message_id).unwrap();
    assert_eq!(offered(&shown), mine);
    assert_eq!(decoded(&link(&shown)), mine);
    assert_eq!(world.last().message_id, draft.message_id, "nothing else is said");
    world.tap("d-sent").await;
    assert_eq!(noted(&world)[0]["messagePreview"], mine);
    world.end().await;
}

#[tokio::test]
async fn after_edit_the_next_word_is_the_text_and_the_one_after_it_is_not() {
    let (world, _) = prepared(QUOTE).await;
    let draft = world.last();
    let asked = world.tap("d-edit").await;
    assert!(!asked.is_empty());
    world.telegram.say(LUC.1, "Je vous rappelle à midi, Sophie.").unwrap();
    world.settle().await;
    assert_eq!(offered(&world.last()), "Je vous rappelle à midi, Sophie.");
    world.telegram.say(LUC.1, "euh").unwrap();
    world.settle().await;
    let shown = world.messages(LUC.1).into_iter().find(|message| message.message_id == draft.message_id).unwrap();
    assert_eq!(offered(&shown), "Je vous rappelle à midi, Sophie.");
    // Other words are not offered for one's own, and a tap on an old picture of the message takes nothing away.
    assert!(button(&shown, "d-other").is_none() && button(&shown, "d-tw").is_none(), "{shown:#?}");
    for action in ["d-other", "d-tw"] {
        let data = button(&draft, action).unwrap();
        world.telegram.forge_tap(LUC.1, LUC.1, draft.message_id, &data).unwrap();
        world.settle().await;
        let shown = world.messages(LUC.1).into_iter().find(|message| message.message_id == draft.message_id).unwrap();
        assert_eq!(offered(&shown), "Je vous rappelle à midi, Sophie.", "{action}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_text_that_does_not_fit_is_refused_and_a_long_one_is_copied_whole() {
    let (world, _) = prepared(QUOTE).await;
    let draft = world.last();
    world.telegram.reply(LUC.1, draft.message_id, &"é".repeat(3_001)).unwrap();
    world.settle().await;
    assert!(world.last().plain.contains("3 000") || world.last().plain.contains("3\u{202F}000"), "{:?}", world.last());
    let long = "Bonjour Sophie, voici tout ce que je sais. ".repeat(60);
    world.telegram.reply(LUC.1, draft.message_id, &long).unwrap();
    world.settle().await;
    let shown = world.messages(LUC.1).into_iter().find(|message| message.message_id == draft.message_id).unwrap();
    assert_eq!(offered(&shown), long.trim());
    let link = link(&shown);
    assert!(!link.contains("text="), "half a text is never sent: {link}");
    world.end().await;
}

#[tokio::test]
async fn a_draft_survives_a_restart_and_is_left_alone_after_a_week() {
    let (mut world, _) = prepared(QUOTE).await;
    world.tap("d-edit").await;
    world.stop().await;
    world.start().await;
    world.telegram.say(LUC.1, "Je vous rappelle à midi.").unwrap();
    world.settle().await;
    assert_eq!(offered(&world.last()), "Je vous rappelle à midi.");
    let draft = world.last();
    world.pass(7 * DAY).await;
    world.telegram.reply(LUC.1, draft.message_id, "Trop tard ?").unwrap();
    world.settle().await;
    let shown = world.messages(LUC.1).into_iter().find(|message| message.message_id == draft.message_id).unwrap();
    assert_eq!(offered(&shown), "Je vous rappelle à midi.");
    world.stop().await;
}

#[tokio::test]
async fn a_draft_follows_its_alert() {
    let (world, _) = prepared(QUOTE).await;
    let draft = world.last();
    world.clock.advance(10 * MINUTE);
    world.mail_to("Sophie", MINUTE, "Bonjour Sophie, voici le devis.");
    world.settle().await;
    let shown = world.messages(LUC.1).into_iter().find(|message| message.message_id == draft.message_id).unwrap();
    for gone in ["d-sent", "d-edit", "d-other"] {
        assert!(button(&shown, gone).is_none(), "{gone} in {shown:#?}");
    }
    let data = button(&draft, "d-sent").unwrap();
    world.telegram.forge_tap(LUC.1, LUC.1, draft.message_id, &data).unwrap();
    world.settle().await;
    assert_eq!(noted(&world).len(), 0, "an old button does nothing");
    world.end().await;
}

#[tokio::test]
async fn a_button_of_a_draft_tapped_twice_notes_it_once() {
    let (world, _) = prepared(QUOTE).await;
    let draft = world.last();
    let data = button(&draft, "d-sent").unwrap();
    for _ in 0..2 {
        world.telegram.tap(LUC.1, draft.message_id, &data).unwrap();
    }
    world.settle().await;
    assert_eq!(noted(&world).len(), 1);
    world.end().await;
}

#[tokio::test]
async fn another_channel_has_other_words_and_a_call_has_a_script() {
    let (world, _) = prepared(QUOTE).await;
    world.tap("d-ce").await;
    let mail = world.last();
    assert!(mail.plain.contains("Objet") && offered(&mail).ends_with("Luc Moreau"), "{}", mail.plain);
    world.tap("d-cc").await;
    let call = world.last();
    assert!(offered(&call).contains("Répondeur") && button(&call, "d-sent").is_none(), "{call:#?}");
    world.tap("d-cw").await;
    assert!(button(&world.last(), "d-sent").is_some());
    world.end().await;
}

#[tokio::test]
async fn nothing_is_prepared_for_whom_nothing_may_be_sent_or_nobody_can_reach() {
    let world = World::begin().await;
    let lead = world.lead("Sophie", 2 * DAY, json!({}));
    let mute = world.lead("Paul", 2 * DAY, json!({"phoneNumber": null, "emailAddress": null}));
    world.settle().await;
    world.mail_from("Sophie", 5 * MINUTE, QUOTE);
    world.settle().await;
    let told = world.last();
    world.espo.update("Lead", &lead, "claire", json!({"emailAddressIsOptedOut": true, "phoneNumberIsOptedOut": true}));
    world.settle().await;
    world.telegram.tap(LUC.1, told.message_id, &button(&told, "draft").unwrap()).unwrap();
    world.settle().await;
    assert!(world.last().plain.contains("ne pas contacter") && world.last().keyboard.is_empty(), "{:#?}", world.last());

    world.whatsapp(&mute, "in", 5 * MINUTE, QUOTE);
    world.settle().await;
    world.tap("draft").await;
    assert!(world.last().plain.contains("ni téléphone ni email"), "{}", world.last().plain);
    world.end().await;
}

/// A mail about a quote; Luc has had an answer prepared in a CRM that sends mails.
async fn mail_prepared() -> (World, String) {
    let world = World::with(Setting { mail_from: "contact@max.example", ..Setting::default() }, |_| {}).await;
    let lead = world.lead("Sophie", 2 * DAY, json!({}));
    world.settle().await;
    world.mail_from("Sophie", 5 * MINUTE, QUOTE);
    world.settle().await;
    world.tap("draft").await;
    (world, lead)
}

fn sent(world: &World) -> Vec<serde_json::Value> {
    let mut mails = world.espo.list("Email");
    mails.retain(|mail| mail["from"] == "contact@max.example");
    mails
}

#[tokio::test]
async fn a_mail_is_sent_by_the_crm_once_and_after_a_yes() {
    let (world, lead) = mail_prepared().await;
    let draft = world.last();
    world.tap("d-mail").await;
    let asked = world.last();
    for word in ["sophie@lead.example", "contact@max.example", "luc@max.example"] {
        assert!(asked.plain.contains(word), "{word} in {}", asked.plain);
    }
    assert_eq!(sent(&world).len(), 0, "nothing is sent before the yes");
    let yes = button(&asked, "d-now").unwrap();
    for _ in 0..2 {
        world.telegram.tap(LUC.1, asked.message_id, &yes).unwrap();
    }
    world.settle().await;
    let mails = sent(&world);
    assert_eq!(mails.len(), 1, "{mails:#?}");
    let mail = &mails[0];
    assert_eq!((&mail["status"], &mail["to"]), (&json!("Sent"), &json!("sophie@lead.example")));
    assert_eq!((&mail["replyTo"], &mail["assignedUserId"]), (&json!("luc@max.example"), &json!(LUC.0)));
    assert_eq!(mail["body"], offered(&draft).as_str(), "that very text is sent");
    assert_eq!((&mail["parentType"], &mail["parentId"]), (&json!("Lead"), &json!(lead)));
    assert!(mail["repliedId"].is_string(), "it answers the lead's mail: {mail:#?}");
    assert_eq!(mail["name"], "Re: Bonjour", "under its subject");
    assert!(asked.plain.contains("Re: Bonjour"), "which is shown before the yes: {}", asked.plain);
    assert!(world.last().plain.contains("Email envoyé") && world.last().keyboard.is_empty(), "{:#?}", world.last());
    assert_eq!(world.alert(&lead, "HotLead24h")["closeReason"], "cleared");
    let activities = world.app().engine.store().activities(&lead.as_str().into()).unwrap();
    assert_eq!(activities.len(), 2, "its echo is the same activity: {activities:#?}");
    assert_eq!(activities[1].direction, max::domain::Direction::Out);
    assert_eq!(noted(&world).len(), 0, "it is no second activity in the CRM");
    world.end().await;
}

#[tokio::test]
async fn a_mail_whose_answer_was_lost_is_not_sent_again() {
    let (world, _) = mail_prepared().await;
    world.tap("d-mail").await;
    let asked = world.last();
    world.espo.fail(max::sandbox::espo::Fault::CutReplyAfterStoring { times: 1 });
    world.telegram.tap(LUC.1, asked.message_id, &button(&asked, "d-now").unwrap()).unwrap();
    world.settle().await;
    assert_eq!(sent(&world).len(), 1, "{:#?}", sent(&world));
    assert!(world.last().plain.contains("Email envoyé"), "{}", world.last().plain);
    world.end().await;
}

#[tokio::test]
async fn a_mail_that_is_refused_is_told_and_can_be_tried_again() {
    let (world, lead) = mail_prepared().await;
    world.tap("d-mail").await;
    let asked = world.last();
    world.espo.fail(max::sandbox::espo::Fault::NoMail);
    world.telegram.tap(LUC.1, asked.message_id, &button(&asked, "d-now").unwrap()).unwrap();
    world.settle().await;
    assert!(world.last().plain.contains("n'est pas parti"), "{}", world.last().plain);
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open", "nobody has answered");
    let shown = || world.messages(LUC.1).into_iter().find(|message| message.message_id == asked.message_id).unwrap();
    let again = button(&shown(), "d-mail").expect("it can be tried again");
    world.espo.heal();
    world.telegram.tap(LUC.1, asked.message_id, &again).unwrap();
    world.settle().await;
    world.telegram.tap(LUC.1, asked.message_id, &button(&shown(), "d-now").unwrap()).unwrap();
    world.settle().await;
    let states: Vec<_> = sent(&world).into_iter().map(|mail| mail["status"].clone()).collect();
    assert_eq!(states, ["Draft", "Sent"]);
    assert!(shown().plain.contains("Email envoyé"), "{}", shown().plain);
    world.end().await;
}

#[tokio::test]
async fn a_crm_that_sends_no_mails_offers_none() {
    let (world, _) = prepared(QUOTE).await;
    world.tap("d-ce").await;
    assert!(button(&world.last(), "d-mail").is_none() && button(&world.last(), "d-sent").is_some());
    world.end().await;
}

#[tokio::test]
async fn little_is_shown_where_little_may_be_but_the_draft_is() {
    let setting = Setting { telegram: "content = \"minimal\"", ..Setting::default() };
    let world = World::with(setting, |_| {}).await;
    world.lead("Sophie", 2 * DAY, json!({}));
    world.settle().await;
    world.mail_from("Sophie", 5 * MINUTE, "Bonjour, un devis pour 12 licornes ?");
    world.settle().await;
    world.tap("draft").await;
    let message = world.last();
    assert!(offered(&message).contains("Sophie") && !message.plain.contains("licornes"), "{}", message.plain);
    assert!(!format!("{message:?}").contains("33639980101"), "{message:#?}");
    world.pass(HOUR).await;
    world.end().await;
}
