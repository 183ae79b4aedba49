//! While not everything is seen, silence is in doubt: what is reported and what people do counts at once, and nothing opens
//! because of what was not heard.

use max::domain::{AlertState, AlertType, CloseReason, DAY, HOUR, LeadId, MINUTE, Seconds, Timestamp};
use max::sandbox::espo::Fault;
use serde_json::{Value, json};

use crate::support::{LUC, World};

/// Neither the CRM as a whole, nor of mails.
fn faults() -> [Fault; 2] {
    [Fault::Down, Fault::OfEntity { entity: "Email".to_owned(), status: 500 }]
}

/// Lets time pass, a few minutes at a time, whether or not the CRM answers.
async fn pass(world: &World, seconds: Seconds) {
    for _ in 0..seconds / (5 * MINUTE) {
        world.clock.advance(5 * MINUTE);
        world.quiet().await;
    }
}

/// The CRM answers again, for an hour.
async fn heal(world: &World) {
    world.espo.heal();
    pass(world, HOUR).await;
    world.settle().await;
}

/// What is open, and since when.
fn open(world: &World) -> Vec<(AlertType, Timestamp)> {
    let open = world.app().engine.store().open_alerts().unwrap();
    open.into_iter().map(|alert| (alert.alert_type, alert.opened_at.unwrap())).collect()
}

fn told(world: &World) -> usize {
    world.messages(LUC.1).len()
}

/// A lead to whom somebody wrote so long ago.
async fn nina(said: Seconds) -> World {
    let world = World::begin().await;
    world.lead("Nina", 20 * DAY, json!({}));
    world.mail_to("Nina", said, "Bonjour Nina, avez-vous pu regarder notre offre ?");
    world.settle().await;
    world
}

/// What a gateway says of the WhatsApp message by which somebody wrote so long ago.
fn receipt(lead: &str, at: Timestamp, status: &str) -> Value {
    json!({"id": "wa-1", "leadId": lead, "channel": "whatsapp", "direction": "out", "status": status,
           "message_preview": "Bonjour", "timestamp": at.to_string()})
}

async fn log(world: &World, report: Value) -> u16 {
    let status = world.api("POST", "/api/activities/log", report).await.0;
    world.quiet().await;
    status
}

/// A lead that was written to on WhatsApp three days less an hour ago, and a CRM that is not seen since; then three hours.
async fn written_to(fault: Fault) -> (World, String, Timestamp) {
    let world = World::begin().await;
    let lead = world.lead("Nina", 20 * DAY, json!({}));
    world.settle().await;
    let at = world.clock.now().plus(-(3 * DAY - HOUR));
    assert_eq!(log(&world, receipt(&lead, at, "sent")).await, 201);
    world.settle().await;
    world.espo.fail(fault);
    (world, lead, at)
}

#[tokio::test]
async fn a_report_does_not_let_time_accuse_anybody_while_the_crm_is_not_seen() {
    for fault in faults() {
        let (world, lead, at) = written_to(fault.clone()).await;
        world.mail_from("Nina", MINUTE, "Bonjour, oui, votre offre nous convient, merci.");
        pass(&world, 3 * HOUR).await;
        let before = told(&world);
        assert_eq!(open(&world), [], "{fault:?}");
        assert_eq!(log(&world, receipt(&lead, at, "read")).await, 200);
        pass(&world, 10 * MINUTE).await;
        assert_eq!((open(&world), told(&world)), (vec![], before), "{fault:?}: she may have answered by mail");
        heal(&world).await;
        let alerts = world.app().engine.store().alerts_of(&LeadId(lead.clone())).unwrap();
        assert!(alerts.iter().all(|alert| alert.alert_type != AlertType::NoReply3d), "{fault:?}: and has: {alerts:#?}");
        assert_eq!(world.espo.list("MaxActivity")[0]["status"], "read", "{fault:?}: what was reported is kept");
        world.end().await;
    }
}

#[tokio::test]
async fn what_was_silent_all_the_same_opens_when_everything_is_seen_and_at_its_instant() {
    for fault in faults() {
        let (world, lead, at) = written_to(fault.clone()).await;
        pass(&world, 3 * HOUR).await;
        assert_eq!(log(&world, receipt(&lead, at, "read")).await, 200);
        let before = told(&world);
        heal(&world).await;
        assert_eq!(open(&world), [(AlertType::NoReply3d, at.plus(3 * DAY))], "{fault:?}");
        assert_eq!(told(&world), before + 1, "{fault:?}");
        world.end().await;
    }
}

#[tokio::test]
async fn what_is_reported_while_the_crm_is_not_seen_counts_at_once() {
    for fault in faults() {
        let world = nina(4 * DAY).await;
        let lead = world.espo.list("Lead")[0]["id"].as_str().unwrap().to_owned();
        let alert = |kind| {
            let alerts = world.app().engine.store().alerts_of(&LeadId(lead.clone())).unwrap();
            alerts.into_iter().find(|alert| alert.alert_type == kind).unwrap()
        };
        world.espo.fail(fault.clone());
        pass(&world, HOUR).await;
        let before = told(&world);
        let said = |direction: &str, text: &str| json!({"leadId": lead, "channel": "whatsapp", "direction": direction, "message_preview": text});
        assert_eq!(log(&world, said("in", "Bonjour, je voudrais un devis, svp.")).await, 201);
        world.quiet().await;
        assert_eq!(open(&world), [(AlertType::HotLead24h, world.clock.now())], "{fault:?}");
        assert_eq!(told(&world), before + 1, "{fault:?}: a wish to buy is told");
        pass(&world, 10 * MINUTE).await;
        assert_eq!(log(&world, said("out", "Bonjour Nina, le voici.")).await, 201);
        let closed = AlertState::Closed { at: world.clock.now(), reason: CloseReason::Cleared };
        assert_eq!(alert(AlertType::HotLead24h).state, closed, "{fault:?}: nobody is nagged about what is done");
        heal(&world).await;
        assert_eq!((open(&world), told(&world)), (vec![], before + 1), "{fault:?}");
        world.end().await;
    }
}

#[tokio::test]
async fn what_a_person_closes_while_the_crm_is_not_seen_is_what_the_person_saw() {
    for fault in faults() {
        // NoReply3d is open; an hour later NoFollowup7d would take its place.
        let world = nina(7 * DAY - HOUR).await;
        world.espo.fail(fault.clone());
        pass(&world, 3 * HOUR).await;
        let (alert, before) = (world.app().engine.store().open_alerts().unwrap().remove(0), told(&world));
        assert_eq!(alert.alert_type, AlertType::NoReply3d, "{fault:?}");
        let path = format!("/api/alerts/{}/resolve", alert.id);
        for _ in 0..2 {
            let (status, answer) = world.api("POST", &path, json!({"by": "Luc"})).await;
            let answer = (status, &answer["status"], &answer["resolvedBy"]);
            assert_eq!(answer, (200, &json!("resolved"), &json!("Luc")), "{fault:?}");
        }
        pass(&world, 10 * MINUTE).await;
        assert_eq!((open(&world), told(&world)), (vec![], before), "{fault:?}");
        heal(&world).await;
        assert_eq!((open(&world), told(&world)), (vec![], before), "{fault:?}: nobody is answered with another alert");
        assert_eq!(world.espo.list("MaxAlert").last().unwrap()["status"], "Resolved", "{fault:?}");
        world.end().await;
    }
}

/// For the first minutes what is known is fresh enough, but no lead can be looked at once more.
#[tokio::test]
async fn nothing_is_different_before_what_is_known_is_too_old() {
    let world = nina(7 * DAY - MINUTE).await;
    world.espo.fail(Fault::Down);
    for _ in 0..2 {
        world.clock.advance(MINUTE);
        world.quiet().await;
    }
    let (alert, before) = (world.app().engine.store().open_alerts().unwrap().remove(0), told(&world));
    assert_eq!(alert.alert_type, AlertType::NoReply3d);
    let (_, answer) = world.api("POST", &format!("/api/alerts/{}/resolve", alert.id), json!({"by": "Luc"})).await;
    assert_eq!(answer["status"], "resolved");
    heal(&world).await;
    assert_eq!((open(&world), told(&world)), (vec![], before));
    world.end().await;
}

#[tokio::test]
async fn a_tap_while_mails_are_not_seen_leaves_nothing_open() {
    for fault in [None, Some(faults()[1].clone())] {
        let world = nina(7 * DAY - HOUR).await;
        fault.iter().for_each(|fault| world.espo.fail(fault.clone()));
        pass(&world, 3 * HOUR).await;
        let before = told(&world);
        world.tap("done").await;
        assert_eq!((open(&world), told(&world)), (vec![], before), "{fault:?}");
        heal(&world).await;
        assert_eq!((open(&world), told(&world)), (vec![], before), "{fault:?}");
        world.end().await;
    }
}

/// An act stands wherever it came in; what it does not settle opens at its instant, not at that of the act.
#[tokio::test]
async fn the_gap_before_an_act_is_gone_through_when_everything_is_seen() {
    for fault in faults() {
        let world = World::begin().await;
        world.lead("Nina", 20 * DAY, json!({}));
        world.mail_from("Nina", 22 * HOUR, "Bonjour, où êtes-vous situés exactement ?");
        let wrote = world.clock.now().plus(-22 * HOUR);
        world.settle().await;
        let alert = world.app().engine.store().open_alerts().unwrap().remove(0);
        assert_eq!(alert.alert_type, AlertType::NoContact7d);
        world.espo.fail(fault.clone());
        pass(&world, 3 * HOUR).await;
        let until = world.clock.now().plus(DAY).to_string();
        let path = format!("/api/alerts/{}/snooze", alert.id);
        let (status, answer) = world.api("POST", &path, json!({"until": until})).await;
        assert_eq!((status, &answer["status"]), (200, &json!("snoozed")), "{fault:?}");
        world.quiet().await;
        assert_eq!(open(&world), [(AlertType::NoContact7d, alert.opened_at.unwrap())], "{fault:?}");
        heal(&world).await;
        assert_eq!(open(&world), [(AlertType::AwaitingReply24h, wrote.plus(DAY))], "{fault:?}");
        world.end().await;
    }
}

/// What is told through the chat of a lead that is active again rests on that fact, and on no silence.
#[tokio::test]
async fn what_was_archived_comes_back_while_mails_are_not_seen() {
    let world = World::begin().await;
    let lead = world.lead("Marc", 40 * DAY, json!({}));
    world.mail_to("Marc", 35 * DAY, "Bonjour Marc, voici notre offre.");
    world.settle().await;
    world.espo.fail(faults()[1].clone());
    pass(&world, HOUR).await;
    let before = told(&world);
    for action in ["more", "arch", "archyes"] {
        world.tap(action).await;
    }
    assert_eq!(world.alert(&lead, "StaleLead30d")["closeReason"], "lead_closed");
    world.clock.advance(7 * MINUTE);
    world.tap("unarch").await;
    assert_eq!(world.alert(&lead, "StaleLead30d")["status"], "Open");
    assert_eq!(told(&world), before, "without another word");
    heal(&world).await;
    assert_eq!((open(&world).len(), told(&world)), (1, before));
    world.end().await;
}
