//! A lead that asks for no more messages: what ends, what its owner hears, what the CRM is told, and how it is taken back.

use max::domain::unsubscribed::UnsubscribedStage;
use max::domain::{DAY, LeadId, MINUTE};
use max::engine::corrections::corrections;
use serde_json::{Value, json};

use crate::support::log::Log;
use crate::support::{CAMILLE, CLAIRE, LUC, Setting, TEAM, World, button};

const WISH: &str = "Merci de ne plus me contacter et de supprimer mes coordonnées de votre fichier.";

/// Sophie asked for a quote, and now she wants to be left alone.
async fn unsubscribed() -> (World, String) {
    let world = World::begin().await;
    let lead = world.sophie_asks().await;
    world.pass(MINUTE).await;
    world.mail_from("Sophie", 1, WISH);
    world.settle().await;
    (world, lead)
}

fn is_marked(world: &World, lead: &str) -> bool {
    world.app().engine.store().lead(&LeadId::from(lead)).unwrap().unwrap().is_do_not_contact()
}

fn stage(world: &World, lead: &str) -> UnsubscribedStage {
    world.app().engine.store().unsubscribed(&LeadId::from(lead)).unwrap().unwrap().stage
}

fn in_crm(world: &World, lead: &str) -> (Value, Value) {
    let leads = world.espo.list("Lead");
    let lead = leads.iter().find(|known| known["id"] == lead).unwrap();
    (lead["doNotCall"].clone(), lead["emailAddressIsOptedOut"].clone())
}

#[tokio::test]
async fn who_wants_no_more_messages_is_left_alone_and_the_owner_hears_of_it_once() {
    let (mut world, lead) = unsubscribed().await;
    assert!(is_marked(&world, &lead));
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Resolved");
    let told = |world: &World| {
        let messages = world.messages(LUC.1);
        messages.iter().filter(|message| message.plain.contains("ne veut plus recevoir de messages")).count()
    };
    assert_eq!(told(&world), 1);
    let last = world.last().plain;
    assert!(last.contains("Sophie") && last.contains("supprimer mes coordonnées"), "{last}");
    let reason = |text: &str| text.contains("à sa demande") || text.contains("ne veut plus être contacté");
    let messages = world.messages(LUC.1);
    assert!(
        messages.iter().any(|old| reason(&old.plain) && old.keyboard.len() <= 1),
        "the old alert says why: {messages:#?}"
    );
    world.stop().await;
    world.start().await;
    world.espo.update("Lead", &lead, "claire", json!({"description": "Vue au salon"}));
    world.pass(10 * DAY).await;
    assert!(is_marked(&world, &lead), "it stays so, whatever else changes in the CRM");
    assert_eq!(told(&world), 1);
    assert!(world.alerts(&lead).iter().all(|alert| alert["status"] != "Open"), "{:#?}", world.alerts(&lead));
    world.end().await;
}

#[tokio::test]
async fn it_is_written_into_the_crm_by_a_tap_and_lifted_where_the_crm_says_otherwise() {
    let (world, lead) = unsubscribed().await;
    assert_eq!(in_crm(&world, &lead), (json!(false), json!(false)), "nothing is written unasked");
    world.tap("onote").await;
    assert_eq!(in_crm(&world, &lead), (json!(true), json!(true)));
    assert_eq!(stage(&world, &lead), UnsubscribedStage::Noted);
    let message = world.last();
    assert!(message.plain.contains("inscrit dans le CRM") && message.keyboard.is_empty(), "{message:?}");
    world.pass(DAY).await;
    assert!(is_marked(&world, &lead));
    world.espo.update("Lead", &lead, "claire", json!({"doNotCall": false, "emailAddressIsOptedOut": false}));
    world.settle().await;
    assert_eq!(stage(&world, &lead), UnsubscribedStage::Lifted);
    assert!(!is_marked(&world, &lead));
    world.end().await;
}

#[tokio::test]
async fn a_message_that_meant_something_else_is_taken_back_and_kept_as_a_correction() {
    let (world, lead) = unsubscribed().await;
    world.tap("onot").await;
    assert!(!is_marked(&world, &lead));
    assert!(world.last().plain.contains("reste joignable"), "{}", world.last().plain);
    world.pass(DAY).await;
    assert!(!is_marked(&world, &lead), "the same message does not mark it again");
    let all = corrections(world.app().engine.store()).unwrap();
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!((all[0].said.as_str(), all[0].by.as_str()), ("not_unsubscribed", "Luc Moreau"));
    assert_eq!((all[0].text.as_str(), &all[0].read_as), (WISH, &vec!["unsubscribe".to_owned()]));
    assert!(!all[0].evidence.is_empty());
    assert_eq!(all[0].sentence().map(Value::Object), Some(json!({"text": WISH, "not": "unsubscribe"})));
    world.end().await;
}

#[tokio::test]
async fn in_the_stead_of_an_owner_who_is_not_linked_a_stand_in_hears_of_it_and_decides() {
    let config = format!("[stand_ins]\n\"{}\" = \"{}\"\n", LUC.0, CAMILLE.0);
    let setting = Setting { config, linked: vec![CAMILLE], ..Setting::default() };
    let world = World::with(setting, |_| {}).await;
    let lead = world.sophie_asks().await;
    world.pass(MINUTE).await;
    world.mail_from("Sophie", 1, WISH);
    world.settle().await;
    let asked = world.messages(CAMILLE.1).pop().unwrap();
    assert!(asked.plain.contains("ne veut plus recevoir de messages"), "{asked:#?}");
    world.telegram.tap(CAMILLE.1, asked.message_id, &button(&asked, "onote").unwrap()).unwrap();
    world.settle().await;
    assert_eq!(in_crm(&world, &lead), (json!(true), json!(true)));
    world.end().await;
}

/// Sophie asked for a quote of Luc, who is not linked, and now she wants to be left alone.
async fn unsubscribed_unheard(setting: Setting, fill: impl FnOnce(&World)) -> (World, String) {
    let world = World::with(setting, fill).await;
    let lead = world.sophie_asks().await;
    world.pass(MINUTE).await;
    world.mail_from("Sophie", 1, WISH);
    world.settle().await;
    (world, lead)
}

#[tokio::test]
async fn where_neither_owner_nor_stand_in_hears_of_it_a_manager_of_the_team_does_and_decides() {
    let config = format!("[teams.\"{TEAM}\"]\nmanagers = [\"{}\"]\n", CLAIRE.0);
    let setting = Setting { config, linked: vec![CAMILLE, CLAIRE], ..Setting::default() };
    let (world, lead) = unsubscribed_unheard(setting, |_| {}).await;
    let asked = world.messages(CLAIRE.1).pop().unwrap();
    assert!(asked.plain.contains("ne veut plus recevoir de messages"), "{asked:#?}");
    world.telegram.tap(CLAIRE.1, asked.message_id, &button(&asked, "onote").unwrap()).unwrap();
    world.settle().await;
    assert_eq!(in_crm(&world, &lead), (json!(true), json!(true)));
    world.end().await;
}

#[tokio::test]
async fn where_no_manager_hears_of_it_an_administrator_does_and_else_the_log_names_the_lead() {
    let setting = || Setting { linked: vec![CAMILLE], ..Setting::default() };
    let promoted = |world: &World| world.espo.update("User", CAMILLE.0, "admin", json!({"type": "admin"}));
    let (world, lead) = unsubscribed_unheard(setting(), promoted).await;
    let asked = world.messages(CAMILLE.1).pop().unwrap();
    assert!(asked.plain.contains("ne veut plus recevoir de messages"), "{asked:#?}");
    world.telegram.tap(CAMILLE.1, asked.message_id, &button(&asked, "onot").unwrap()).unwrap();
    world.settle().await;
    assert!(!is_marked(&world, &lead));
    world.end().await;

    let (log, _listening) = Log::begin();
    let (world, lead) = unsubscribed_unheard(setting(), |_| {}).await;
    let told = world.messages(CAMILLE.1);
    assert!(told.iter().all(|message| !message.plain.contains("ne veut plus recevoir")), "{told:#?}");
    let lines = log.lines(&["wants no more messages", "nobody", &lead]);
    assert_eq!(lines.len(), 1, "{}", log.text());
    assert!(is_marked(&world, &lead));
    world.end().await;
}

/// What `max corrections` prints, with the configuration of the world.
async fn printed(config: &str, more: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, config).unwrap();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_max"));
    let output = command.env_clear().arg("corrections").args(more).arg("--config").arg(&path).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn corrections_are_printed_through_the_running_daemon_and_without_it() {
    let (mut world, _) = unsubscribed().await;
    let config = world.config().replace("127.0.0.1:0", &world.app().address.to_string());
    assert_eq!(printed(&config, &[]).await, "Nobody has corrected anything yet.\n");
    assert_eq!(printed(&config, &["--ndjson"]).await, "");
    world.tap("onot").await;
    let table = printed(&config, &[]).await;
    assert!(table.contains("Luc Moreau: not_unsubscribed") && table.contains(WISH), "{table}");
    assert!(table.contains("read as unsubscribe; now unsubscribe, because of ["), "{table}");
    let line: Value = serde_json::from_str(&printed(&config, &["--ndjson"]).await).unwrap();
    assert_eq!((&line["text"], &line["by"]), (&json!(WISH), &json!("Luc Moreau")));
    let sentences = printed(&config, &["--sentences"]).await;
    let sentence: Value = serde_json::from_str(&sentences).unwrap();
    assert_eq!(sentence, json!({"text": WISH, "not": "unsubscribe"}));
    world.stop().await;
    assert_eq!(printed(&config, &[]).await, table, "from the store itself");
    assert_eq!(printed(&config, &["--sentences"]).await, sentences);
}
