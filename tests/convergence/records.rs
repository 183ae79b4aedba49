//! Deletes, restores, silent saves, merges, mass updates, conversion, relinks: what happens to records.

use max::domain::{DAY, HOUR, MINUTE};
use max::sandbox::espo::Version;
use serde_json::{Value, json};

use super::mirror::equals_crm;
use super::{begin, out_of_reach, setting, sweep, told};
use crate::support::{CAMILLE, LUC, Setting, World};

/// A lead that was deleted is in no list and 404 in a single read; its alerts stay. Without a webhook nothing says so.
/// `max-convergence/delete-5-lead-is-in-no-list`, `delete-6-lead-read-404`, `delete-9-the-leads-alert-stays`.
#[tokio::test]
async fn nobody_is_told_of_a_lead_that_was_deleted_unheard() {
    let world = begin().await;
    let gone = world.lead("Marie", 7 * DAY - HOUR, json!({}));
    let asked = world.lead("Nina", 2 * DAY, json!({}));
    let open = world.lead("Paul", 8 * DAY, json!({}));
    world.settle().await;
    assert_eq!(told(&world, "Paul"), (1, 0));
    for lead in [&gone, &asked, &open] {
        world.espo.delete("Lead", lead, "admin");
    }
    out_of_reach(&world).await;
    // What she asks for is no lead's any more.
    world.mail_from("Nina", MINUTE, "Bonjour, je voudrais un devis.");
    world.pass(2 * HOUR).await;
    assert_eq!((told(&world, "Marie"), told(&world, "Nina")), ((0, 0), (0, 0)));
    sweep(&world).await;
    assert_eq!((told(&world, "Marie"), told(&world, "Paul")), ((0, 0), (1, 0)), "nothing is said twice");
    assert_eq!(world.alert(&open, "NoContact7d")["closeReason"], "lead_deleted");
    equals_crm(&world);
    world.end().await;
}

/// A deleted call is in no list and 404 in a single read: `max-convergence/delete-7-call-is-in-no-list`,
/// `delete-8-call-read-404`.
#[tokio::test]
async fn a_message_that_was_deleted_unheard_waits_for_nobody() {
    let world = begin().await;
    let lead = world.lead("Sophie", 3 * DAY, json!({}));
    let call = world.call(&lead, "Inbound", "Not Held", 23 * HOUR);
    world.settle().await;
    world.espo.delete("Call", &call, "luc");
    out_of_reach(&world).await;
    world.pass(2 * HOUR).await;
    assert_eq!((told(&world, "Sophie"), world.alerts(&lead)), ((0, 0), Vec::<Value>::new()));
    sweep(&world).await;
    assert_eq!(told(&world, "Sophie"), (0, 0));
    equals_crm(&world);
    world.end().await;
}

/// A restore leaves modifiedAt where the deletion put it, and no webhook tells of it:
/// `max-convergence/restore-3-lead-modified-when-deleted`, `restore-4-call-modified-when-deleted`; among the deliveries
/// `delivery-call-update-1` and `delivery-lead-update-1` there is none of these records.
#[tokio::test]
async fn what_was_restored_counts_before_anybody_is_accused() {
    let world = begin().await;
    let called = world.lead("Marie", 7 * DAY - 3 * HOUR, json!({}));
    let call = world.call(&called, "Outbound", "Held", DAY);
    let back = world.lead("Paul", 8 * DAY, json!({}));
    world.settle().await;
    world.espo.delete("Call", &call, "luc");
    world.espo.delete("Lead", &back, "admin");
    sweep(&world).await;
    assert_eq!(world.alert(&back, "NoContact7d")["closeReason"], "lead_deleted");
    assert_eq!((told(&world, "Marie"), told(&world, "Paul")), ((1, 0), (1, 0)), "nobody has called Marie");
    world.espo.restore("Call", &call);
    world.espo.restore("Lead", &back);
    sweep(&world).await;
    assert_eq!(world.alert(&called, "NoContact7d")["closeReason"], "cleared");
    assert_eq!(world.alert(&back, "NoContact7d")["status"], "Open");
    equals_crm(&world);
    world.pass(DAY).await;
    assert_eq!(told(&world, "Marie"), (1, 0), "the call counts again");
    assert_eq!(told(&world, "Paul"), (2, 0), "he was gone, and is told of again");
    world.end().await;
}

/// The same, with the threshold between the restore and the sweep.
/// `max-convergence/restore-4-call-modified-when-deleted`.
#[tokio::test]
async fn a_call_that_was_restored_unheard_keeps_a_lead_from_being_accused() {
    let world = begin().await;
    let lead = world.lead("Marie", 7 * DAY - 8 * HOUR, json!({}));
    let call = world.call(&lead, "Outbound", "Held", DAY);
    world.settle().await;
    world.espo.delete("Call", &call, "luc");
    sweep(&world).await;
    assert!(world.app().engine.store().activities(&max::domain::LeadId(lead.clone())).unwrap().is_empty());
    world.espo.restore("Call", &call);
    world.pass(3 * HOUR).await;
    assert_eq!((told(&world, "Marie"), world.alerts(&lead)), ((0, 0), Vec::<Value>::new()));
    sweep(&world).await;
    assert_eq!(told(&world, "Marie"), (0, 0));
    equals_crm(&world);
    world.end().await;
}

/// A silent save changes a lead and leaves modifiedAt: `max-convergence/silent-1-before`, `silent-2-after` (by PHP, with
/// `SaveOption::SILENT`, as an import in silent mode does).
#[tokio::test]
async fn what_was_saved_silently_is_known_before_anybody_is_told() {
    let world = begin().await;
    let moved = world.lead("Marie", 7 * DAY - HOUR, json!({}));
    let lost = world.lead("Paul", 7 * DAY - HOUR, json!({}));
    let open = world.lead("Nina", 8 * DAY, json!({}));
    world.settle().await;
    assert_eq!(told(&world, "Nina"), (1, 0));
    out_of_reach(&world).await;
    world.espo.update_silently("Lead", &moved, json!({"assignedUserId": CAMILLE.0}));
    world.espo.update_silently("Lead", &lost, json!({"status": "Dead"}));
    world.espo.update_silently("Lead", &open, json!({"status": "Dead"}));
    world.pass(2 * HOUR).await;
    assert_eq!(told(&world, "Marie"), (0, 1), "the one whose lead it is now, and nobody else");
    assert_eq!((told(&world, "Paul"), world.alerts(&lost)), ((0, 0), Vec::<Value>::new()));
    sweep(&world).await;
    assert_eq!(world.alert(&open, "NoContact7d")["closeReason"], "lead_closed");
    assert_eq!((told(&world, "Marie"), told(&world, "Nina")), ((0, 1), (1, 0)));
    equals_crm(&world);
    world.end().await;
}

/// Merging deletes one lead and moves what hangs on it without touching modifiedAt; only the deletion and the survivor
/// are announced. `max-convergence/merge-01…` to `merge-15…`, `delivery-lead-delete-1`, `delivery-lead-update-1`. On
/// 9.3.10 calls and meetings keep the parent they had (`9.3.10/max-convergence/merge-10-call-after`). Putting the alert's
/// record back to the merged lead is refused: `merge-16-alert-back-to-the-merged-lead-403`, `merge-17…`.
#[tokio::test]
async fn merged_leads_are_one_and_nobody_is_told_of_the_other() {
    for (version, webhooks) in [(Version::V10, false), (Version::V10, true), (Version::V9, false), (Version::V9, true)]
    {
        let world = World::with(Setting { version, webhooks, ..setting() }, |_| {}).await;
        let kept = world.lead("Marie", 7 * DAY - HOUR, json!({}));
        let merged = world.lead("Nina", 7 * DAY - HOUR, json!({}));
        world.whatsapp(&merged, "out", DAY, "Bonjour Nina, bien reçu ?");
        let told_of = world.lead("Paul", 8 * DAY, json!({}));
        let silent = world.lead("Luca", 6 * DAY, json!({}));
        world.settle().await;
        assert_eq!(told(&world, "Paul"), (1, 0));
        out_of_reach(&world).await;
        world.espo.merge(&kept, &merged);
        world.espo.merge(&silent, &told_of);
        let record = world.alerts(&silent).remove(0);
        assert_eq!(record["status"], "Open", "EspoCRM has moved it");
        world.pass(3 * HOUR).await;
        assert_eq!(told(&world, "Marie"), (0, 0), "{version:?}, {webhooks}: the message to her is there");
        assert_eq!(told(&world, "Nina"), (0, 0), "{version:?}, {webhooks}");
        sweep(&world).await;
        let record = world.espo.get("MaxAlert", record["id"].as_str().unwrap()).unwrap();
        assert_eq!((&record["status"], &record["closeReason"]), (&json!("Closed"), &json!("lead_deleted")));
        assert_eq!(record["leadId"], json!(silent), "it stays where EspoCRM put it");
        assert_eq!((told(&world, "Paul"), told(&world, "Nina")), ((1, 0), (0, 0)), "{version:?}, {webhooks}");
        equals_crm(&world);
        world.end().await;
    }
}

/// A mass update moves modifiedAt of all rows, many in one second: `max-convergence/mass-3-after`,
/// `write/mass-update-admin`; `delivery-lead-update-2` brings some of them in one body, twenty events every two minutes.
#[tokio::test]
async fn five_thousand_leads_changed_at_once_are_known_and_told_of_once() {
    let world = World::with(setting(), |world| {
        for number in 0..5_000 {
            let created = if number % 100 == 0 { 8 * DAY } else { HOUR };
            let first = format!("Lead{number}x");
            let more = json!({"emailAddress": null, "phoneNumber": null, "modifiedAt": world.ago(HOUR)});
            world.lead(&first, created, more);
        }
    })
    .await;
    let before = (world.messages(LUC.1).len(), world.messages(CAMILLE.1).len());
    out_of_reach(&world).await;
    for lead in world.espo.list("Lead") {
        let change = json!({"status": "Assigned", "assignedUserId": CAMILLE.0});
        world.espo.update("Lead", lead["id"].as_str().unwrap(), "claire", change);
    }
    world.settle().await;
    equals_crm(&world);
    let digests = world.messages(CAMILLE.1).split_off(before.1);
    // The first one may have been on its way when the others came.
    assert!((1..=2).contains(&digests.len()), "fifty alerts moved to Camille, as one digest: {digests:#?}");
    assert_eq!(world.messages(LUC.1).len(), before.0, "nothing new for Luc");
    sweep(&world).await;
    equals_crm(&world);
    assert_eq!(world.messages(CAMILLE.1).len(), before.1 + digests.len());
    world.end().await;
}

/// Converting sets the status and gives mails a new parent; calls and activities of M.A.X. stay.
/// `max-convergence/convert-5-lead-after` to `convert-8-activity-after`, `delivery-email-update-1`.
#[tokio::test]
async fn a_converted_lead_falls_silent_and_keeps_what_happened() {
    let world = begin().await;
    let lead = world.lead("Marie", 8 * DAY, json!({}));
    let mail = world.mail_from("Marie", 2 * DAY, "Merci !");
    world.espo.update("Email", &mail, "admin", json!({"parentType": "Lead", "parentId": lead}));
    world.call(&lead, "Inbound", "Held", 2 * DAY);
    world.settle().await;
    let known = || world.app().engine.store().activities(&max::domain::LeadId(lead.clone())).unwrap();
    let (before, messages) = (known(), told(&world, "Marie"));
    assert_eq!(before.len(), 2);
    out_of_reach(&world).await;
    world.espo.convert(&lead, "luc");
    world.pass(2 * HOUR).await;
    sweep(&world).await;
    equals_crm(&world);
    assert_eq!(known(), before);
    world.pass(40 * DAY).await;
    assert_eq!(told(&world, "Marie"), messages);
    assert!(world.alerts(&lead).iter().all(|alert| alert["status"] != "Open"));
    world.end().await;
}

/// Linking and unlinking leave modifiedAt and are told of by no webhook:
/// `max-convergence/relink-4-after-the-relation-endpoint`. Another parent moves it: `relink-6-after-another-parent`.
#[tokio::test]
async fn calls_that_were_relinked_count_where_they_are() {
    let world = begin().await;
    let had = world.lead("Marie", 8 * DAY, json!({}));
    let has = world.lead("Nina", 7 * DAY - HOUR, json!({}));
    let other = world.lead("Paul", 7 * DAY - HOUR, json!({}));
    let now = json!({"parentType": null, "parentId": null, "leadsIds": [had]});
    let call = world.call(&had, "Outbound", "Held", DAY);
    world.espo.update("Call", &call, "luc", now);
    let moved = world.call(&had, "Outbound", "Held", DAY);
    world.settle().await;
    assert_eq!(told(&world, "Marie"), (0, 0));
    out_of_reach(&world).await;
    world.espo.unlink("Lead", &had, "calls", &call);
    world.espo.link("Lead", &has, "calls", &call);
    world.espo.update("Call", &moved, "luc", json!({"parentType": "Lead", "parentId": other, "leadsIds": [other]}));
    world.pass(2 * HOUR).await;
    assert_eq!(told(&world, "Nina"), (0, 0), "she was called");
    assert_eq!(told(&world, "Paul"), (0, 0), "he was called");
    sweep(&world).await;
    assert_eq!(world.alert(&had, "NoContact7d")["status"], "Open", "nobody called her after all");
    assert_eq!((told(&world, "Marie"), told(&world, "Nina")), ((1, 0), (0, 0)));
    equals_crm(&world);
    world.end().await;
}

/// A list shows the first address only, a single read all: `max-convergence/address-1-list-shows-the-first`,
/// `address-3-read-shows-both`; after a merge the survivor has both leads' addresses, `merge-15-survivor-has-both-addresses`.
#[tokio::test]
async fn a_mail_to_a_second_address_counts_before_anybody_is_accused() {
    let world = begin().await;
    let address = |address: &str, first: bool| json!({"emailAddress": address, "primary": first, "optOut": false, "invalid": false});
    let both = json!([address("marie@lead.example", true), address("marie2@lead.example", false)]);
    world.lead("Marie", 7 * DAY - HOUR, json!({"emailAddressData": both}));
    let (kept, merged) = (world.lead("Nina", 7 * DAY - HOUR, json!({})), world.lead("Paul", 6 * DAY, json!({})));
    world.settle().await;
    for first in ["Marie2", "Paul"] {
        world.mail_to(first, HOUR, "Bonjour, voici notre offre.");
    }
    world.settle().await;
    out_of_reach(&world).await;
    world.espo.merge(&kept, &merged);
    world.pass(2 * HOUR).await;
    assert_eq!((told(&world, "Marie"), told(&world, "Nina")), ((0, 0), (0, 0)), "both were written to");
    sweep(&world).await;
    equals_crm(&world);
    assert_eq!((told(&world, "Marie"), told(&world, "Nina"), told(&world, "Paul")), ((0, 0), (0, 0), (0, 0)));
    world.end().await;
}

/// Our own records: a person deletes an alert's record, unheard. `max-extension/alert-read-deleted-404`,
/// `max-extension/delivery-alert-delete`.
#[tokio::test]
async fn an_alert_record_that_was_deleted_unheard_is_settled_by_the_sweep() {
    let world = begin().await;
    let lead = world.lead("Marie", 8 * DAY, json!({}));
    world.settle().await;
    let alert = world.alert(&lead, "NoContact7d");
    world.espo.delete("MaxAlert", alert["id"].as_str().unwrap(), "luc");
    sweep(&world).await;
    assert!(world.last().keyboard.is_empty(), "{:#?}", world.last());
    equals_crm(&world);
    world.pass(2 * DAY).await;
    assert_eq!(told(&world, "Marie"), (1, 0));
    world.end().await;
}
