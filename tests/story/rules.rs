//! Each rule, the whole way, in both directions: settled by a tap, and settled in the CRM.

use max::domain::{DAY, HOUR};
use serde_json::json;

use crate::support::{Setting, World};

/// A lead for whom a rule holds once the story is told; returns the lead's id.
type Story = fn(&World) -> String;

const RULES: [(&str, &str, Story); 7] = [
    ("HotLead24h", "urgent", |world| {
        let lead = world.lead("Sophie", 2 * DAY, json!({}));
        world.mail_from("Sophie", HOUR, "Bonjour, vous pouvez m'envoyer un devis ?");
        lead
    }),
    ("AwaitingReply24h", "high", |world| {
        let lead = world.lead("Jean", 3 * DAY, json!({}));
        world.mail_from("Jean", 25 * HOUR, "Bonjour, est-ce que votre bureau est ouvert le samedi ?");
        lead
    }),
    ("NoContact7d", "medium", |world| world.lead("Marie", 8 * DAY, json!({}))),
    ("StaleLead30d", "low", |world| {
        let lead = world.lead("Paul", 60 * DAY, json!({}));
        world.call(&lead, "Outbound", "Held", 31 * DAY);
        lead
    }),
    ("NoFollowup7d", "medium", |world| {
        let lead = world.lead("Claude", 20 * DAY, json!({}));
        world.call(&lead, "Outbound", "Held", 8 * DAY);
        lead
    }),
    ("NoReply3d", "medium", |world| {
        let lead = world.lead("Nina", 10 * DAY, json!({}));
        world.mail_to("Nina", 4 * DAY, "Bonjour Nina, avez-vous pu regarder notre offre ?");
        lead
    }),
    ("PreferredChannel", "info", |world| {
        let lead = world.lead("Bella", 28 * DAY, json!({}));
        for days in [20, 15, 10, 5] {
            world.whatsapp(&lead, "out", days * DAY, "Bonjour !");
            world.whatsapp(&lead, "in", days * DAY - HOUR, "Merci !");
            world.mail_to("Bella", days * DAY - 2 * HOUR, "Notre documentation");
        }
        world.call(&lead, "Outbound", "Held", DAY);
        lead
    }),
];

/// The daemon knows an empty CRM; then the story happens. The first alert after the first evaluation is a message
/// of its own.
async fn told(rule: &str, severity: &str, story: Story) -> (World, String) {
    let world = World::with(Setting::default(), |_| {}).await;
    let lead = story(&world);
    world.settle().await;
    let alert = world.alert(&lead, rule);
    assert_eq!(alert["status"], "Open", "{rule}");
    assert_eq!(alert["severity"], severity, "{rule}");
    assert_eq!(alert["assignedUserId"], crate::support::LUC.0, "{rule}");
    assert!(!alert["name"].as_str().unwrap().is_empty());
    (world, lead)
}

#[tokio::test]
async fn each_rule_is_told_and_settled_by_a_tap() {
    for (rule, severity, story) in RULES {
        let (world, lead) = told(rule, severity, story).await;
        let message = world.last();
        assert!(!message.keyboard.is_empty(), "{rule}: {message:#?}");
        world.tap("done").await;
        let alert = world.alert(&lead, rule);
        assert_eq!(alert["status"], "Resolved", "{rule}");
        assert_eq!(alert["resolvedVia"], "telegram", "{rule}");
        assert_eq!(alert["resolvedBy"], "Luc Moreau", "{rule}");
        let after = world.last();
        assert_eq!(after.message_id, message.message_id, "{rule}: no second message");
        assert!(after.keyboard.is_empty() && after.edited == 1, "{rule}: {after:#?}");
        world.end().await;
    }
}

#[tokio::test]
async fn each_rule_is_told_and_settled_in_the_crm() {
    for (rule, severity, story) in RULES {
        let (world, lead) = told(rule, severity, story).await;
        let alert = world.alert(&lead, rule);
        world.in_crm(&alert, "claire", json!({"status": "Resolved"})).await;
        let alert = world.alert(&lead, rule);
        assert_eq!(alert["status"], "Resolved", "{rule}");
        assert_eq!(alert["resolvedVia"], "crm", "{rule}");
        assert_eq!(alert["resolvedBy"], "Claire Moreau", "{rule}");
        let after = world.last();
        assert!(after.keyboard.is_empty(), "{rule}: {after:#?}");
        assert!(after.plain.contains("Claire"), "{rule}: {}", after.plain);
        world.end().await;
    }
}

#[tokio::test]
async fn what_a_person_set_in_the_crm_is_not_written_back() {
    let world = World::begin().await;
    let lead = world.lead("Marie", 8 * DAY, json!({}));
    world.settle().await;
    let alert = world.alert(&lead, "NoContact7d");
    let written = || {
        let path = format!("/api/v1/MaxAlert/{}", alert["id"].as_str().unwrap());
        world.espo.requests().iter().filter(|request| request.method == "PUT" && request.path == path).count()
    };
    let (until, before) = (world.ago(-DAY), written());
    for _ in 0..10 {
        world.in_crm(&alert, "luc", json!({"status": "Snoozed", "snoozedUntil": until})).await;
        world.in_crm(&alert, "luc", json!({"status": "Open", "snoozedUntil": null})).await;
    }
    assert_eq!(written() - before, 20, "what is written is the next step of its history, each once");
    assert_eq!(world.alert(&lead, "NoContact7d")["status"], "Open");
    world.end().await;
}
