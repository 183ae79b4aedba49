//! Records as customised CRMs and careless people make them.

use max::domain::{DAY, HOUR};
use max::sandbox::telegram::SentMessage;
use serde_json::json;

use crate::support::log::Log;
use crate::support::{LUC, Setting, World};

fn about(world: &World, word: &str) -> Vec<SentMessage> {
    world.messages(LUC.1).into_iter().filter(|message| message.plain.contains(word)).collect()
}

#[tokio::test]
async fn a_lead_without_name_phone_and_owner_has_its_alert() {
    let world = World::begin().await;
    let bare =
        json!({"firstName": "", "lastName": "", "phoneNumber": null, "emailAddress": null, "assignedUserId": null});
    let lead = world.lead("", 8 * DAY, bare);
    world.settle().await;
    let alert = world.alert(&lead, "NoContact7d");
    assert_eq!((&alert["status"], &alert["assignedUserId"]), (&json!("Open"), &json!(null)));
    assert!(!alert["name"].as_str().unwrap().is_empty());
    assert_eq!(
        world.api("GET", "/readyz", json!(null)).await.1["untold"],
        1,
        "nobody can be told, and that is counted"
    );
    world.espo.update("Lead", &lead, "admin", json!({"assignedUserId": LUC.0}));
    world.settle().await;
    let message = world.last();
    assert!(!message.plain.contains("null") && !message.plain.contains("None"), "{}", message.plain);
    assert!(!message.keyboard.is_empty());
    world.tap("draft").await;
    assert_eq!(world.messages(LUC.1).len(), 3, "welcome, alert, draft");
    world.end().await;
}

#[tokio::test]
async fn a_name_full_of_markup_of_4000_characters_is_told() {
    let world = World::begin().await;
    let name = format!("<b>&\"{}🦀", "é".repeat(4_000));
    let lead = world.lead("Markup", 2 * DAY, json!({}));
    world.settle().await;
    world.espo.update_silently("Lead", &lead, json!({"firstName": "<b>&\"", "lastName": name, "accountName": name}));
    world.whatsapp(&lead, "in", HOUR, "Bonjour <script>alert('x')</script> & je voudrais un devis 🦀");
    world.espo.update("Lead", &lead, "admin", json!({"source": "Call"}));
    world.settle().await;
    let message = world.last();
    assert!(message.plain.contains("<b>&\""), "{}", message.plain);
    assert!(message.plain.contains("je voudrais un devis"), "{}", message.plain);
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open");
    world.tap("draft").await;
    world.clock.advance(60);
    let before = about(&world, "<b>").len();
    assert!(before >= 1);
    let alert = world.alert(&lead, "HotLead24h");
    world.in_crm(&alert, "admin", json!({"status": "Resolved"})).await;
    assert_eq!(about(&world, "<b>").len(), before, "nothing is told twice");
    world.end().await;
}

#[tokio::test]
async fn a_mail_of_30000_characters_is_read_and_shown_in_part() {
    let world = World::begin().await;
    let lead = world.lead("Sophie", 2 * DAY, json!({}));
    world.settle().await;
    let text = format!("Bonjour, je voudrais un devis. {}", "Voici mon histoire, un peu longue. ".repeat(860));
    assert!(text.len() > 30_000);
    world.mail_from("Sophie", HOUR, &text);
    world.settle().await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open");
    let message = world.last();
    assert!(message.plain.contains("je voudrais un devis"), "{}", message.plain);
    assert!(message.plain.chars().count() < 4_096);
    world.end().await;
}

#[tokio::test]
async fn unknown_values_of_a_customised_crm_leave_out_one_record_each() {
    let (log, _guard) = Log::begin();
    let world = World::begin().await;
    let lead = world.lead("Sophie", 8 * DAY, json!({"source": "Pigeon voyageur"}));
    world.settle().await;
    world.espo.update_silently("Lead", &lead, json!({"status": "En réflexion"}));
    let odd = [
        world.whatsapp(&lead, "in", HOUR, "Bonjour"),
        world.whatsapp(&lead, "out", 2 * HOUR, "Bonjour"),
        world.whatsapp(&lead, "out", 3 * HOUR, "Bonjour"),
    ];
    for (id, change) in
        odd.iter().zip([json!({"channel": "sms"}), json!({"direction": "sideways"}), json!({"status": "lost at sea"})])
    {
        world.espo.update_silently("MaxActivity", id, change);
    }
    let call = world.call(&lead, "Outbound", "Held", HOUR);
    world.espo.update_silently("Call", &call, json!({"status": "Sonne occupé"}));
    world.espo.update("Lead", &lead, "admin", json!({"accountName": "Maison Martin"}));
    world.settle().await;
    assert_eq!(world.alert(&lead, "NoContact7d")["status"], "Open", "what cannot be read was no contact");
    for id in &odd {
        assert!(!log.lines(&["WARN", "left out", id]).is_empty(), "{id}\n{}", log.text());
    }
    assert_eq!(world.api("GET", "/readyz", json!(null)).await.0, 200);
    world.end().await;
}

#[tokio::test]
async fn an_alert_with_a_status_of_their_own_is_set_back() {
    let world = World::with(Setting::default(), |_| {}).await;
    let lead = world.lead("Sophie", 8 * DAY, json!({}));
    world.settle().await;
    let alert = world.alert(&lead, "NoContact7d");
    let id = alert["id"].as_str().unwrap();
    world.clock.advance(2);
    world.espo.update_silently("MaxAlert", id, json!({"status": "Bizarre"}));
    world.espo.update("MaxAlert", id, "admin", json!({"snoozedUntil": world.clock.now().plus(DAY).to_espo()}));
    world.settle().await;
    assert_eq!(world.alert(&lead, "NoContact7d")["status"], "Open");
    world.end().await;
}
