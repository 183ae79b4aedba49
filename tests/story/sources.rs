//! Where facts come from: polls, webhooks, sweeps, the API; and that they say the same.

use max::domain::observation::RecordRef;
use max::domain::{DAY, HOUR, MINUTE};
use serde_json::json;

use crate::support::{LUC, Setting, World, button};

#[tokio::test]
async fn an_activity_logged_by_api_is_in_the_crm_once_and_decides_at_once() {
    let world = World::begin().await;
    let lead = world.lead("Nina", 10 * DAY, json!({}));
    world.mail_to("Nina", 4 * DAY, "Bonjour Nina, avez-vous pu regarder notre offre ?");
    world.settle().await;
    assert_eq!(world.alert(&lead, "NoReply3d")["status"], "Open");
    let report = json!({"id": "wa-1", "leadId": lead, "channel": "whatsapp", "direction": "in", "message_preview": "Bien reçu, merci !"});
    let (status, answer) = world.api("POST", "/api/activities/log", report.clone()).await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(answer["reading"]["expectsReply"], false);
    let (status, _) = world.api("POST", "/api/activities/log", report).await;
    assert_eq!(status, 200);
    world.settle().await;
    assert_eq!(world.alert(&lead, "NoReply3d")["closeReason"], "cleared");
    assert_eq!(world.espo.list("MaxActivity").len(), 1);
    world.pass(HOUR).await;
    let lead_id = max::domain::LeadId(lead);
    let known = world.app().engine.store().activities(&lead_id).unwrap();
    assert_eq!(known.len(), 2, "its echo from the CRM is the same activity: {known:#?}");
    world.end().await;
}

#[tokio::test]
async fn the_api_names_what_is_wrong() {
    let world = World::begin().await;
    let lead = world.lead("Nina", DAY, json!({}));
    world.settle().await;
    let good = json!({"id": "x1", "leadId": lead, "channel": "whatsapp", "direction": "out"});
    let with = |change: serde_json::Value| {
        let mut report = good.clone();
        report.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        report
    };
    let cases = [
        (with(json!({"channel": "fax"})), 400, "channel"),
        (with(json!({"direction": null})), 400, "direction"),
        (with(json!({"status": "Sent"})), 400, "status"),
        (with(json!({"timestamp": "yesterday"})), 400, "timestamp"),
        (with(json!({"timestamp": "2026-03-03T10:00:00Z"})), 422, "timestamp"),
        (with(json!({"leadId": "nobody"})), 404, "leadId"),
        (with(json!({"leadId": 7})), 400, "leadId"),
    ];
    for (report, expected, field) in cases {
        let (status, answer) = world.api("POST", "/api/activities/log", report.clone()).await;
        assert_eq!(status, expected, "{report}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().starts_with(field), "{answer}");
    }
    let (status, answer) = world.api("POST", "/api/activities/log", good.clone()).await;
    assert_eq!((status, &answer["reading"]["expectsReply"]), (201, &json!(false)), "an outbound has no reading");
    let (status, _) = world.api("POST", "/api/activities/log", with(json!({"status": "read"}))).await;
    assert_eq!(status, 200, "a later status");
    let (status, answer) = world.api("POST", "/api/activities/log", with(json!({"direction": "in"}))).await;
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("conflict")));
    let batch = json!([with(json!({"id": "x2"})), with(json!({"id": "x3", "channel": "fax"}))]);
    let (status, answer) = world.api("POST", "/api/activities/log", batch).await;
    assert_eq!(status, 200);
    assert_eq!((&answer[0]["status"], &answer[1]["status"]), (&json!(201), &json!(400)));
    world.end().await;
}

#[tokio::test]
async fn alerts_can_be_listed_resolved_and_snoozed_by_api() {
    let world = World::begin().await;
    let lead = world.lead("Marie", 8 * DAY, json!({}));
    world.lead("Sophie", DAY, json!({}));
    world.mail_from("Sophie", MINUTE, "Bonjour, je voudrais un devis.");
    world.settle().await;
    let (status, list) = world.api("GET", "/api/alerts", json!({})).await;
    assert_eq!(status, 200);
    let types: Vec<_> = list["alerts"].as_array().unwrap().iter().map(|alert| alert["type"].clone()).collect();
    assert_eq!(types, [json!("HotLead24h"), json!("NoContact7d")], "most pressing first");
    let (_, urgent) = world.api("GET", "/api/alerts?severity=urgent", json!({})).await;
    assert_eq!(urgent["alerts"].as_array().unwrap().len(), 1);
    assert_eq!(world.api("GET", "/api/alerts?severity=Urgent", json!({})).await.0, 400);
    let (_, first) = world.api("GET", "/api/alerts?limit=1", json!({})).await;
    let cursor = first["nextCursor"].as_str().unwrap().to_owned();
    let (_, second) = world.api("GET", &format!("/api/alerts?limit=1&cursor={cursor}"), json!({})).await;
    assert_eq!((&second["alerts"][0]["type"], &second["nextCursor"]), (&json!("NoContact7d"), &json!(null)));
    let (_, stats) = world.api("GET", "/api/alerts/stats", json!({})).await;
    assert_eq!((&stats["total"], &stats["urgent"]), (&json!(2), &json!(1)));
    assert_eq!(stats["buckets"], json!({"toFollowUp": 1, "toAnswer": 0, "hot": 1, "preferredChannel": 0}));
    assert_eq!(stats["today"]["opened"], 2);

    let id = second["alerts"][0]["id"].as_str().unwrap().to_owned();
    let past = json!({"until": "2026-03-01T00:00:00Z"});
    assert_eq!(world.api("POST", &format!("/api/alerts/{id}/snooze"), past).await.0, 422);
    let until = json!({"until": "2026-03-03T09:00:00Z"});
    let (status, snoozed) = world.api("POST", &format!("/api/alerts/{id}/snooze"), until).await;
    assert_eq!((status, &snoozed["status"]), (200, &json!("snoozed")));
    for _ in 0..2 {
        let by = json!({"by": "Claire"});
        let (status, resolved) = world.api("POST", &format!("/api/alerts/{id}/resolve"), by).await;
        assert_eq!((status, &resolved["status"], &resolved["resolvedBy"]), (200, &json!("resolved"), &json!("Claire")));
    }
    assert_eq!(world.api("POST", "/api/alerts/a0/resolve", json!({})).await.0, 404);
    world.settle().await;
    let alert = world.alert(&lead, "NoContact7d");
    assert_eq!((&alert["status"], &alert["resolvedVia"]), (&json!("Resolved"), &json!("api")));
    let (_, tally) = world.api("POST", "/api/alerts/generate", json!({})).await;
    assert_eq!((&tally["opened"], &tally["closed"]), (&json!(0), &json!(0)), "nothing waits for a nightly run");
    assert_eq!(tally["evaluated"], 2);
    world.end().await;
}

#[tokio::test]
async fn a_web_form_that_asks_for_a_quote_is_hot() {
    let world = World::begin().await;
    let lead = world.lead(
        "Inès",
        5 * MINUTE,
        json!({"source": "Web Site", "description": "Je voudrais un devis pour 12 postes."}),
    );
    world.settle().await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open");
    world.tap("done").await;
    world.end().await;
}

#[tokio::test]
async fn a_mail_that_is_all_subject_is_read_by_its_subject() {
    let world = World::begin().await;
    let lead = world.lead("Sophie", DAY, json!({}));
    let mail = json!({
        "status": "Archived", "name": "Demande de devis pour 20 postes", "from": "sophie@lead.example",
        "to": "luc@max.example", "dateSent": world.ago(MINUTE), "body": "", "isHtml": false,
    });
    world.espo.create("Email", "admin", mail);
    world.settle().await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open");
    world.tap("done").await;
    world.end().await;
}

#[tokio::test]
async fn one_mail_of_an_address_that_two_leads_share_is_one_message_that_names_both() {
    let world = World::begin().await;
    let shared = json!({"emailAddress": "contact@lead.example"});
    let first = world.lead("Anne", 2 * DAY, shared.clone());
    let second = world.lead("Bruno", 2 * DAY, shared);
    world.settle().await;
    let before = world.messages(LUC.1).len();
    world.mail_from("contact", MINUTE, "Bonjour, nous voulons un devis.");
    world.settle().await;
    for lead in [&first, &second] {
        assert_eq!(world.alert(lead, "HotLead24h")["status"], "Open");
    }
    let messages = world.messages(LUC.1);
    assert_eq!(messages.len(), before + 1, "{messages:#?}");
    let last = world.last();
    assert!(last.plain.contains("Anne") && last.plain.contains("Bruno"), "{}", last.plain);
    world.end().await;
}

/// > A missed call from a lead waits like a message.
#[tokio::test]
async fn a_missed_call_waits_like_a_message() {
    let world = World::begin().await;
    let lead = world.lead("Jean", 5 * DAY, json!({}));
    world.call(&lead, "Inbound", "Not Held", 25 * HOUR);
    world.settle().await;
    assert_eq!(world.alert(&lead, "AwaitingReply24h")["status"], "Open");
    world.tap("done").await;
    world.end().await;
}

/// > A reading is made once, when the activity is first seen, and kept, as is the instant at which it was first seen.
#[tokio::test]
async fn a_message_is_read_once_and_what_it_was_read_to_mean_is_kept() {
    let world = World::begin().await;
    let lead = world.lead("Sophie", 5 * DAY, json!({}));
    let message = world.whatsapp(&lead, "in", MINUTE, "Bonjour, je voudrais un devis.");
    world.settle().await;
    let known = || world.app().engine.store().activities(&max::domain::LeadId(lead.clone())).unwrap().remove(0);
    let before = known();
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open");
    world.clock.advance(HOUR);
    world.espo.update("MaxActivity", &message, "admin", json!({"messagePreview": "Merci !"}));
    world.settle().await;
    assert_eq!((known().preview.as_str(), known().reading), ("Merci !", before.reading));
    assert_eq!((known().first_seen, known().fresh_as_of), (before.first_seen, before.fresh_as_of));
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open");
    world.tap("done").await;
    world.end().await;
}

#[tokio::test]
async fn what_was_taken_for_ours_is_read_when_it_turns_out_to_be_the_leads() {
    let world = World::begin().await;
    let lead = world.lead("Sophie", 5 * DAY, json!({}));
    let message = world.whatsapp(&lead, "out", MINUTE, "Bonjour, je voudrais un devis.");
    world.settle().await;
    assert!(world.alerts(&lead).is_empty());
    world.clock.advance(MINUTE);
    world.espo.update("MaxActivity", &message, "admin", json!({"direction": "in"}));
    world.settle().await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open");
    world.tap("done").await;
    world.end().await;
}

/// > Young: an inbound opens HotLead24h only if it was less than 24 h old at the latest of its own timestamp, the
/// > last complete sync before it was seen (or, before the first one, the instant at which it was seen), and its
/// > lead's created_at.
///
/// > So a mail imported two days late does not, and one that came while the daemon was down does.
#[tokio::test]
async fn a_mail_imported_days_late_is_not_hot_and_one_that_came_during_an_outage_is() {
    let mut world = World::begin().await;
    let late = world.lead("Jean", 5 * DAY, json!({}));
    let missed = world.lead("Sophie", 5 * DAY, json!({}));
    world.mail_from("Jean", 2 * DAY, "Bonjour, je voudrais un devis.");
    world.settle().await;
    assert_eq!(world.alert(&late, "AwaitingReply24h")["status"], "Open");
    assert!(world.alerts(&late).iter().all(|alert| alert["type"] != "HotLead24h"));
    world.stop().await;
    world.clock.advance(HOUR);
    world.mail_from("Sophie", 0, "Bonjour, je voudrais un devis.");
    world.clock.advance(2 * DAY);
    world.start().await;
    world.settle().await;
    assert_eq!(world.alert(&missed, "HotLead24h")["status"], "Open");
    world.stop().await;
}

#[tokio::test]
async fn mail_that_came_before_its_lead_is_found_when_the_lead_appears() {
    let world = World::begin().await;
    world.mail_from("Sophie", HOUR, "Bonjour, pouvez-vous m'envoyer un devis ?");
    world.settle().await;
    let lead = world.lead("Sophie", 10 * MINUTE, json!({}));
    world.settle().await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open");
    world.tap("done").await;
    world.end().await;
}

#[tokio::test]
async fn of_many_earlier_mails_the_last_one_counts_as_well() {
    let world = World::with(Setting { page_size: 2, ..Setting::default() }, |_| {}).await;
    for days in [9, 8, 7, 6, 5] {
        world.mail_to("Sophie", days * DAY, "Bonjour Sophie, avez-vous pu regarder notre offre ?");
    }
    world.mail_from("Sophie", HOUR, "Oui, pouvez-vous m'envoyer un devis ?");
    world.settle().await;
    let lead = world.lead("Sophie", 10 * DAY, json!({}));
    world.settle().await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open");
    let known = world.app().engine.store().activities(&max::domain::LeadId(lead)).unwrap();
    assert_eq!(known.len(), 6);
    world.tap("done").await;
    world.end().await;
}

#[tokio::test]
async fn what_polling_cannot_see_a_sweep_repairs() {
    let world = World::begin().await;
    let lead = world.lead("Marie", 6 * DAY, json!({}));
    let call = world.call(&lead, "Outbound", "Held", DAY);
    world.settle().await;
    world.espo.delete("Call", &call, "luc");
    world.espo.update_silently("Lead", &lead, json!({"assignedUserId": crate::support::CAMILLE.0}));
    world.tomorrow_at_ten().await;
    let alert = world.alert(&lead, "NoContact7d");
    assert_eq!(alert["assignedUserId"], crate::support::CAMILLE.0);
    world.end().await;
}

#[tokio::test]
async fn after_a_gap_only_what_still_holds_is_announced() {
    let mut world = World::begin().await;
    let lead = world.lead("Nina", 2 * DAY, json!({}));
    world.mail_to("Nina", 2 * DAY, "Bonjour Nina, voici notre offre.");
    world.settle().await;
    let before = world.messages(LUC.1).len();
    world.stop().await;
    world.clock.advance(2 * DAY);
    world.mail_from("Nina", HOUR, "Bien reçu, merci.");
    world.start().await;
    world.settle().await;
    assert_eq!(world.messages(LUC.1).len(), before, "the silence came and went while the daemon was down");
    assert!(world.alerts(&lead).iter().all(|alert| alert["status"] != "Open"));
    world.end().await;
}

#[tokio::test]
async fn a_restart_repeats_nothing() {
    let mut world = World::begin().await;
    let lead = world.lead("Marie", 8 * DAY, json!({}));
    world.settle().await;
    let (messages, writes) = (world.messages(LUC.1), world.espo.list("MaxAlert"));
    world.stop().await;
    world.start().await;
    world.settle().await;
    assert_eq!(world.messages(LUC.1), messages);
    assert_eq!(world.espo.list("MaxAlert"), writes);
    assert!(button(&world.last(), "done").is_some());
    world.tap("done").await;
    assert_eq!(world.alert(&lead, "NoContact7d")["status"], "Resolved");
    world.end().await;
}

#[tokio::test]
async fn a_webhook_is_a_hint_that_makes_the_daemon_look_at_once() {
    let world = World::with(Setting { webhooks: true, ..Setting::default() }, |_| {}).await;
    let hooks = world.espo.list("Webhook");
    assert!(hooks.iter().any(|hook| hook["event"] == "Email.create"), "{hooks:#?}");
    let lead = world.lead("Sophie", DAY, json!({}));
    world.settle().await;
    world.mail_from("Sophie", MINUTE, "Pouvez-vous m'envoyer un devis ?");
    let mut changes = world.espo.changes();
    // Nobody asks for a round, and the clock stands still.
    world.espo.deliver_webhooks().await;
    let written = async {
        while world.alerts(&lead).is_empty() {
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), written).await.expect("the hint is followed");
    world.settle().await;
    let alert = world.alert(&lead, "HotLead24h");
    world.espo.delete("MaxAlert", alert["id"].as_str().unwrap(), "claire");
    world.settle().await;
    assert!(world.last().keyboard.is_empty(), "a deletion, which no poll shows, is heard of as well");
    world.end().await;
}

#[tokio::test]
async fn a_backfill_that_was_interrupted_goes_on_where_it_was() {
    let setting = Setting { page_size: 1, ..Setting::default() };
    let first_pages = |world: &World| {
        let pages = world.espo.requests().into_iter().map(|request| request.path);
        let by_id = |path: &String| path.contains("/Lead?") && path.contains("orderBy%22%3A%22id%22");
        pages.filter(|path| by_id(path) && !path.contains("greaterThan")).count()
    };
    let mut world = World::not_yet_settled(setting, |world| {
        for number in 0..25 {
            world.lead(&format!("Lead{number}"), 2 * DAY, json!({}));
        }
    })
    .await;
    let mut changes = world.app().engine.changes();
    while world.app().engine.store().lead_ids().count() < 5 {
        changes.changed().await.unwrap();
    }
    world.stop().await;
    let known = world.espo.requests().len();
    world.start().await;
    world.settle().await;
    assert!(known > 5);
    assert_eq!(world.app().engine.store().lead_ids().count(), 25);
    assert_eq!(first_pages(&world), 1, "it does not begin again");
    world.end().await;
}

#[tokio::test]
async fn a_hint_that_comes_while_its_record_is_looked_at_again_is_not_lost() {
    let world = World::begin().await;
    let record = RecordRef::new("Lead", "6500000000000001");
    let store = world.app().engine.store();
    let hint = vec![record.clone()];
    world.app().engine.run(move |engine| engine.keep_hints(&hint)).await.unwrap();
    let followed = store.hints().unwrap();
    let again = vec![record.clone()];
    world.app().engine.run(move |engine| engine.keep_hints(&again)).await.unwrap();
    world.app().engine.run(move |engine| engine.hints_followed(&followed)).await.unwrap();
    assert_eq!(store.hints().unwrap().len(), 1);
    world.settle().await;
    assert_eq!(store.hints().unwrap(), []);
    world.end().await;
}
