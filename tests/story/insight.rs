//! What the CRM shows of a lead beside its alerts.

use max::domain::{DAY, HOUR, MINUTE};
use max::sandbox::espo::{EspoSandbox, Grant, Rights};
use serde_json::{Value, json};

use crate::support::{CAMILLE, LUC, Setting, World};

fn insight(world: &World, lead: &str) -> Option<Value> {
    let mut found: Vec<Value> =
        world.espo.list("MaxInsight").into_iter().filter(|insight| insight["leadId"] == lead).collect();
    assert!(found.len() <= 1, "{found:#?}");
    found.pop()
}

fn writes(espo: &EspoSandbox) -> usize {
    let is_write = |method: &str, path: &str| method != "GET" && path.contains("/MaxInsight");
    espo.requests().iter().filter(|request| is_write(&request.method, &request.path)).count()
}

#[tokio::test]
async fn what_is_known_of_a_lead_follows_its_activities() {
    let world = World::begin().await;
    let lead = world.lead("Sophie", 20 * DAY, json!({}));
    world.settle().await;
    assert_eq!(insight(&world, &lead), None, "nothing is known of it");
    let (last_in, last_out, next) = (world.ago(3 * DAY), world.ago(3 * DAY + 2 * HOUR), world.ago(-2 * DAY));
    for day in [9, 6, 3] {
        world.whatsapp(&lead, "out", day * DAY + 2 * HOUR, "Bonjour");
        world.whatsapp(&lead, "in", day * DAY, "Bonjour, merci");
    }
    for day in [8, 5] {
        world.mail_to("Sophie", day * DAY, "Bonjour");
    }
    world.call(&lead, "Outbound", "Planned", -2 * DAY);
    world.settle().await;
    let known = insight(&world, &lead).unwrap();
    assert_eq!((&known["name"], &known["dedupKey"]), (&json!("Sophie Martin"), &json!(lead)));
    assert_eq!(known["preferredChannel"], "whatsapp");
    assert_eq!(
        known["channels"],
        json!([{"channel": "whatsapp", "sent": 3, "replied": 3, "rate": 100},
               {"channel": "email", "sent": 2, "replied": 0, "rate": 0}])
    );
    assert_eq!(known["bestTime"], json!({"weekday": null, "from": "10:00", "to": "11:00", "answers": 3, "of": 3}));
    assert_eq!((&known["lastInAt"], &known["lastInChannel"]), (&json!(last_in), &json!("whatsapp")));
    assert_eq!(known["lastOutAt"], last_out);
    assert_eq!((&known["nextStepAt"], &known["nextStepChannel"]), (&json!(next), &json!("call")));
    assert_eq!((&known["assignedUserId"], &known["teamsIds"][0]), (&json!(LUC.0), &json!("team0nord00000001")));

    let before = writes(&world.espo);
    for _ in 0..3 {
        world.pass(MINUTE).await;
    }
    assert_eq!(writes(&world.espo), before, "what is as it was is not written again");

    world.clock.advance(HOUR);
    world.mail_from("Sophie", MINUTE, "Merci !");
    world.espo.update("Lead", &lead, "claire", json!({"assignedUserId": CAMILLE.0}));
    world.settle().await;
    let known = insight(&world, &lead).unwrap();
    assert_eq!((&known["lastInChannel"], &known["assignedUserId"]), (&json!("email"), &json!(CAMILLE.0)));

    world.espo.update("Lead", &lead, "claire", json!({"status": "Dead"}));
    world.mail_to("Sophie", 0, "Au revoir");
    world.settle().await;
    assert_eq!(insight(&world, &lead).unwrap()["lastOutChannel"], "whatsapp", "a closed lead's stays as it was");
    world.end().await;
}

/// What was there before M.A.X. came is gone through once, in the background; time alone changes it as well.
#[tokio::test]
async fn all_active_leads_are_gone_through_once_and_every_day_again() {
    let fill = |world: &World| {
        for first in ["Ana", "Bea", "Cleo"] {
            let lead = world.lead(first, 20 * DAY, json!({}));
            world.call(&lead, "Outbound", "Held", DAY);
            world.call(&lead, "Outbound", "Planned", -2 * DAY);
        }
        let closed = world.lead("Dora", 20 * DAY, json!({"status": "Dead"}));
        world.call(&closed, "Outbound", "Held", DAY);
    };
    let world = World::with(Setting { linked: vec![], ..Setting::default() }, fill).await;
    let known = world.espo.list("MaxInsight");
    assert_eq!(known.len(), 3, "{known:#?}");
    assert!(known.iter().all(|insight| insight["nextStepChannel"] == "call"));
    let before = writes(&world.espo);
    world.pass(2 * DAY + 25 * HOUR).await;
    world.pass(DAY).await;
    assert!(world.espo.list("MaxInsight").iter().all(|insight| insight["nextStepAt"].is_null()));
    assert_eq!(writes(&world.espo), before + 3);
    world.end().await;
}

/// With a store that was lost, the records that are there are found by their key.
#[tokio::test]
async fn a_lost_store_makes_no_second_record() {
    let mut world = World::begin().await;
    let lead = world.lead("Sophie", 20 * DAY, json!({}));
    world.call(&lead, "Outbound", "Held", DAY);
    world.settle().await;
    let before = insight(&world, &lead).unwrap();
    world.stop().await;
    world.lose_store();
    world.start().await;
    world.settle().await;
    assert_eq!(insight(&world, &lead).unwrap()["id"], before["id"]);
    world.end().await;
}

/// A role from before these records: M.A.X. goes on without, and makes up for it once it may.
#[tokio::test]
async fn a_crm_that_does_not_take_them_gets_the_alerts_all_the_same() {
    let world = World::begin().await;
    let may_not = Rights::of_max().with("MaxInsight", Grant::NONE);
    world.espo.set_rights("max_api", &may_not);
    let lead = world.lead("Sophie", 2 * DAY, json!({}));
    world.settle().await;
    world.mail_from("Sophie", MINUTE, "Je voudrais un devis.");
    world.settle().await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open");
    let asked = writes(&world.espo);
    world.pass(10 * MINUTE).await;
    assert_eq!(writes(&world.espo), asked, "it is not asked again and again");
    world.espo.set_rights("max_api", &Rights::of_max());
    world.pass(DAY + HOUR).await;
    assert_eq!(insight(&world, &lead).unwrap()["lastInChannel"], "email");
    world.tap("done").await;
    world.end().await;
}

/// The last 30 days show nothing, and a year of messages does: what is surely known is what is suggested.
#[tokio::test]
async fn what_was_learned_of_a_lead_is_what_is_suggested() {
    let world = World::with(Setting::default(), |world| {
        let lead = world.lead("Sophie", 200 * DAY, json!({}));
        for month in 2..6 {
            for attempt in 0..3 {
                let ago = month * 30 * DAY + attempt * 5 * DAY;
                world.mail_to("Sophie", ago, "Bonjour Sophie");
                world.mail_from("Sophie", ago - HOUR, "Merci, bien reçu.");
                world.whatsapp(&lead, "out", ago + 2 * DAY, "Bonjour Sophie");
            }
        }
        world.whatsapp(&lead, "out", 4 * DAY, "Bonjour Sophie");
    })
    .await;
    let lead = world.espo.list("Lead")[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(insight(&world, &lead).unwrap()["preferredChannel"], Value::Null, "by the rule nothing is known");
    assert_eq!(world.alert(&lead, "NoReply3d")["suggestedAction"], "Relance douce par email");
    world.end().await;
}

/// Nothing is known of when and where Sophie answers, but what she asked for last is.
#[tokio::test]
async fn what_a_lead_said_last_is_the_reason_when_no_more_is_known() {
    let world = World::begin().await;
    let lead = world.lead("Sophie", 20 * DAY, json!({}));
    world.whatsapp(&lead, "in", 9 * DAY, "Quel est le prix pour 12 postes ?");
    world.mail_to("Sophie", 4 * DAY, "Bonjour Sophie, voici notre offre.");
    world.settle().await;
    assert_eq!(world.alert(&lead, "NoReply3d")["status"], "Open");
    let told = world.last().plain.replace(['\u{a0}', '\u{202f}'], " ");
    assert!(told.contains("💡 Dernier message sur WhatsApp : demande de prix, il y a 9 jours."), "{told}");
    assert!(told.contains("→ Relance douce") && told.contains("sa demande du 21 février"), "{told}");
    world.end().await;
}
