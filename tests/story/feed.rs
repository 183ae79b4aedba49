//! What the CRM shows of an alert beside the alert itself: its history, the message it rests on, what to write.

use max::domain::{DAY, HOUR, MINUTE};
use max::sandbox::espo::EspoSandbox;
use serde_json::{Value, json};

use crate::support::{LUC, Setting, World};

/// The steps of an alert's history.
fn steps(alert: &Value) -> Vec<String> {
    let items = alert["history"].as_array().expect("a history").iter();
    items.map(|item| item["step"].as_str().unwrap().to_owned()).collect()
}

/// How often alerts were written so far.
fn writes(espo: &EspoSandbox) -> usize {
    let is_write = |method: &str, path: &str| method != "GET" && path.contains("/MaxAlert");
    espo.requests().iter().filter(|request| is_write(&request.method, &request.path)).count()
}

#[tokio::test]
async fn an_alert_tells_what_happened_to_it_and_who_did_it_where() {
    let world = World::begin().await;
    let lead = world.lead("Sophie", 2 * DAY, json!({}));
    world.settle().await;
    let mail = world.mail_from("Sophie", 5 * MINUTE, "Bonjour, vous pouvez m'envoyer un devis ?");
    world.settle().await;
    let alert = world.alert(&lead, "HotLead24h");
    let opened = &alert["history"][0];
    assert_eq!((&opened["step"], opened.get("who"), opened.get("via")), (&json!("opened"), None, None));
    let told = &alert["history"][1];
    assert_eq!(
        (&told["step"], &told["who"], &told["via"]),
        (&json!("announced"), &json!("Luc Moreau"), &json!("telegram"))
    );
    assert_eq!((&alert["messageType"], &alert["messageId"]), (&json!("Email"), &json!(mail)));
    let draft = alert["draft"].as_str().unwrap();
    assert!(draft.contains("Bonjour Sophie") && !draft.contains('<'), "{draft}");
    let actions: Vec<&str> =
        alert["metadata"]["cta"].as_array().unwrap().iter().map(|cta| cta["action"].as_str().unwrap()).collect();
    assert!(actions.contains(&"openWhatsApp") && actions.contains(&"resolveAlert"), "{actions:?}");

    world.tap("zz").await;
    world.tap("z1h").await;
    world.pass(HOUR).await;
    world.tap("done").await;
    let alert = world.alert(&lead, "HotLead24h");
    assert_eq!(steps(&alert), ["opened", "announced", "snoozed", "snooze_over", "announced", "resolved"]);
    let snoozed = &alert["history"][2];
    assert_eq!((&snoozed["who"], &snoozed["via"]), (&json!("Luc Moreau"), &json!("telegram")));
    assert_eq!(snoozed["until"], alert["history"][3]["at"]);
    assert_eq!(alert["history"][5]["via"], "telegram");
    assert_eq!((&alert["resolvedBy"], &alert["resolvedByUserId"]), (&json!("Luc Moreau"), &json!(LUC.0)));
    assert_eq!((&alert["draft"], &alert["metadata"]["cta"]), (&Value::Null, &json!([])), "nothing is left to do");

    world.in_crm(&alert, "claire", json!({"status": "Open"})).await;
    world.in_crm(&world.alert(&lead, "HotLead24h"), "claire", json!({"status": "Resolved"})).await;
    let alert = world.alert(&lead, "HotLead24h");
    assert_eq!(steps(&alert)[6..], ["unresolved", "resolved"]);
    for item in &alert["history"].as_array().unwrap()[6..] {
        assert_eq!((&item["who"], &item["via"]), (&json!("Claire Moreau"), &json!("crm")));
    }
    world.end().await;
}

#[tokio::test]
async fn a_lead_that_moves_and_an_alert_that_closes_and_opens_again_are_told() {
    let world = World::begin().await;
    let lead = world.lead("Sophie", 8 * DAY, json!({}));
    world.settle().await;
    assert_eq!(steps(&world.alert(&lead, "NoContact7d")), ["opened", "announced"]);
    world.espo.update("Lead", &lead, "claire", json!({"assignedUserId": null}));
    world.settle().await;
    let alert = world.alert(&lead, "NoContact7d");
    assert_eq!(alert["history"][2]["step"], "owner_changed");
    world.clock.advance(MINUTE);
    world.espo.update("Lead", &lead, "claire", json!({"status": "Dead"}));
    world.settle().await;
    world.espo.update("Lead", &lead, "claire", json!({"status": "New"}));
    world.settle().await;
    let alert = world.alert(&lead, "NoContact7d");
    assert_eq!(steps(&alert)[3..], ["closed", "reopened"]);
    assert_eq!(alert["history"][3]["reason"], "lead_closed");
    world.end().await;
}

/// One write when it opens, one when somebody was told; then nothing, however often the CRM is looked at.
#[tokio::test]
async fn an_alert_costs_two_writes_until_something_happens() {
    let world = World::begin().await;
    world.lead("Sophie", 8 * DAY, json!({}));
    let before = writes(&world.espo);
    world.settle().await;
    assert!(writes(&world.espo) - before <= 2, "{}", writes(&world.espo) - before);
    let before = writes(&world.espo);
    for _ in 0..3 {
        world.pass(MINUTE).await;
    }
    assert_eq!(writes(&world.espo), before);
    world.end().await;
}

#[tokio::test]
async fn a_digest_counts_for_each_of_its_alerts() {
    let setting = Setting { linked: vec![LUC], ..Setting::default() };
    let world = World::with(setting, |_| {}).await;
    let leads: Vec<String> =
        ["Ana", "Bea", "Cleo", "Dana", "Eva", "Fay"].map(|first| world.lead(first, 8 * DAY, json!({}))).into();
    world.settle().await;
    for lead in &leads {
        assert_eq!(steps(&world.alert(lead, "NoContact7d")), ["opened", "announced"]);
    }
    world.end().await;
}

/// What was reported by the API is a `MaxActivity` in the CRM, under an id that only the CRM knows.
#[tokio::test]
async fn an_alert_points_at_a_message_that_was_reported() {
    let world = World::begin().await;
    let lead = world.lead("Sophie", 2 * DAY, json!({}));
    world.settle().await;
    let report = json!({"id": "wa-7", "leadId": lead, "channel": "whatsapp", "direction": "in",
                        "message_preview": "Je voudrais un devis svp"});
    assert_eq!(world.api("POST", "/api/activities/log", report).await.0, 201);
    world.settle().await;
    let alert = world.alert(&lead, "HotLead24h");
    assert_eq!(alert["messageType"], "MaxActivity");
    assert_eq!(alert["messageId"], world.espo.list("MaxActivity")[0]["id"]);
    world.tap("done").await;
    world.end().await;
}

/// The record remembers what we forgot.
#[tokio::test]
async fn a_lost_store_does_not_cost_an_alert_its_story() {
    let mut world = World::begin().await;
    let open = world.lead("Marie", 8 * DAY, json!({}));
    world.settle().await;
    let settled = world.lead("Nina", 8 * DAY, json!({}));
    world.clock.advance(2 * MINUTE);
    world.settle().await;
    world.tap("done").await;
    let story = |world: &World, lead: &str| world.alert(lead, "NoContact7d")["history"].as_array().unwrap().clone();
    let (before_open, before_settled) = (story(&world, &open), story(&world, &settled));
    assert_eq!((before_open.len(), before_settled.len()), (2, 3));
    world.stop().await;
    world.lose_store();
    world.clock.advance(HOUR);
    world.start().await;
    world.settle().await;
    let alert = world.alert(&open, "NoContact7d");
    assert_eq!(steps(&alert), ["opened", "announced", "reopened"]);
    assert_eq!(alert["history"].as_array().unwrap()[..2], before_open[..]);
    let alert = world.alert(&settled, "NoContact7d");
    assert_eq!(alert["status"], "Resolved");
    assert_eq!(alert["history"].as_array().unwrap()[..3], before_settled[..]);
    let before = writes(&world.espo);
    world.pass(MINUTE).await;
    assert_eq!(writes(&world.espo), before);
    world.end().await;
}
