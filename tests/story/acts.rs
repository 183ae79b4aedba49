//! What a rep does by button that the CRM has to be told: from the tap to the record and back to the message.

use max::domain::alert::Via;
use max::domain::deed::{CallOutcome, Deed, DeedKind};
use max::domain::event::Actor;
use max::domain::{DAY, DeedId, HOUR, LeadId, MINUTE, UserId};
use max::engine::deeds::Did;
use max::sandbox::espo::Fault;
use serde_json::{Value, json};

use crate::support::{CAMILLE, LUC, World};

/// Sophie asks for a quote; Luc is told.
async fn hot() -> (World, String) {
    let world = World::begin().await;
    let lead = world.lead("Sophie", 2 * DAY, json!({}));
    world.settle().await;
    world.mail_from("Sophie", 5 * MINUTE, "Bonjour, vous pouvez m'envoyer un devis ?");
    world.settle().await;
    (world, lead)
}

/// Luc does something about a lead.
async fn deed(world: &World, lead: &str, id: &str, kind: DeedKind) -> Did {
    let deed = Deed {
        id: DeedId::of(&[id]),
        lead: LeadId::from(lead),
        alert: None,
        by: UserId::from(LUC.0),
        at: world.clock.now(),
        kind,
    };
    let actor = Actor { name: "Luc Moreau".to_owned(), user: Some(UserId::from(LUC.0)), via: Via::Telegram };
    world.app().engine.run(move |engine| engine.do_deed(deed, &actor)).await.unwrap()
}

fn calls(world: &World) -> Vec<Value> {
    world.espo.list("Call")
}

#[tokio::test]
async fn a_planned_call_is_in_the_mirror_at_once_and_in_the_crm_once() {
    let (world, lead) = hot().await;
    let at = world.clock.now().plus(3 * HOUR);
    let kind = DeedKind::PlanCall { at };
    assert_eq!(deed(&world, &lead, "one", kind.clone()).await, Did::Done);
    let alerts = world.app().engine.store().alerts_of(&LeadId::from(lead.as_str())).unwrap();
    assert!(alerts.iter().all(|alert| !alert.state.is_open()), "it is settled before the CRM was told: {alerts:#?}");
    assert_eq!(deed(&world, &lead, "one", kind.clone()).await, Did::Known, "a tap that is delivered again");
    assert_eq!(deed(&world, &lead, "two", kind).await, Did::Known, "a second tap");
    world.settle().await;
    let made = calls(&world);
    assert_eq!(made.len(), 1, "{made:#?}");
    let call = &made[0];
    assert_eq!((&call["status"], &call["direction"]), (&json!("Planned"), &json!("Outbound")));
    assert_eq!((&call["parentId"], &call["leadsIds"]), (&json!(lead), &json!([lead])));
    assert_eq!((&call["assignedUserId"], &call["dateStart"]), (&json!(LUC.0), &json!(at.to_espo())));
    assert_eq!(
        (&call["name"], &call["dateEnd"]),
        (&json!("Appel avec Sophie Martin"), &json!(at.plus(30 * MINUTE).to_espo()))
    );
    let alert = world.alert(&lead, "HotLead24h");
    assert_eq!((&alert["status"], &alert["closeReason"]), (&json!("Closed"), &json!("planned")));
    let activities = world.app().engine.store().activities(&LeadId::from(lead.as_str())).unwrap();
    assert_eq!(activities.len(), 2, "the call's echo is the same activity: {activities:#?}");
    world.end().await;
}

/// What the CRM shows of our call later is that call: moved, it is moved; held, it is an answer; deleted, it is gone.
#[tokio::test]
async fn what_people_make_of_a_planned_call_in_the_crm_counts() {
    let (world, lead) = hot().await;
    let at = world.clock.now().plus(3 * HOUR);
    deed(&world, &lead, "one", DeedKind::PlanCall { at }).await;
    world.settle().await;
    let call = calls(&world)[0]["id"].as_str().unwrap().to_owned();
    world.clock.advance(2);
    world.espo.delete("Call", &call, "luc");
    world.pass(25 * HOUR).await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open", "without the call nothing is planned");
    world.tap("done").await;
    world.end().await;
}

#[tokio::test]
async fn the_outcome_of_a_call_is_in_the_crm_with_its_note() {
    for (outcome, status, note, is_open) in [
        (CallOutcome::Reached, "Held", Value::Null, false),
        (CallOutcome::NoAnswer, "Not Held", Value::Null, true),
        (CallOutcome::LeftMessage, "Not Held", json!("Message laissé"), true),
        (CallOutcome::NotInterested, "Held", json!("Pas intéressé"), false),
    ] {
        let (world, lead) = hot().await;
        deed(&world, &lead, "one", DeedKind::LogCall { outcome }).await;
        world.settle().await;
        let made = calls(&world);
        assert_eq!(made.len(), 1, "{outcome:?}: {made:#?}");
        assert_eq!((&made[0]["status"], &made[0]["description"]), (&json!(status), &note), "{outcome:?}");
        assert_eq!(world.alert(&lead, "HotLead24h")["status"] == "Open", is_open, "{outcome:?}");
        if is_open {
            world.tap("done").await;
        }
        world.end().await;
    }
}

/// The CRM is down, and an answer gets lost: the deed waits, and is not doubled.
#[tokio::test]
async fn a_deed_waits_for_a_crm_that_is_down_and_is_not_doubled_by_a_lost_answer() {
    let (world, lead) = hot().await;
    world.espo.fail(Fault::Down);
    let at = world.clock.now().plus(3 * HOUR);
    deed(&world, &lead, "one", DeedKind::PlanCall { at }).await;
    world.quiet().await;
    assert_eq!(calls(&world).len(), 0);
    world.espo.heal();
    world.espo.fail(Fault::CutReplyAfterStoring { times: 1 });
    for _ in 0..10 {
        world.pass(MINUTE).await;
    }
    assert_eq!(calls(&world).len(), 1);
    world.end().await;
}

/// What the CRM shows of a lead does not undo what it has not been told yet.
#[tokio::test]
async fn a_lead_keeps_its_new_status_and_owner_while_the_crm_is_still_to_be_told() {
    let (world, lead) = hot().await;
    let id = LeadId::from(lead.as_str());
    deed(&world, &lead, "one", DeedKind::SetStatus { to: "Dead".into(), before: "In Process".into() }).await;
    let to = UserId::from(CAMILLE.0);
    let before = Some(UserId::from(LUC.0));
    deed(&world, &lead, "two", DeedKind::Assign { to: to.clone(), before }).await;
    world.look().await;
    let shown = world.app().engine.store().lead(&id).unwrap().unwrap();
    assert_eq!((shown.status.as_str(), shown.owner.as_ref()), ("Dead", Some(&to)));
    world.settle().await;
    let record = world.espo.get("Lead", &lead).unwrap();
    assert_eq!((&record["status"], &record["assignedUserId"]), (&json!("Dead"), &json!(CAMILLE.0)));
    world.end().await;
}

/// Undone before the CRM could be told: what was done last counts, whatever is tried first.
#[tokio::test]
async fn of_two_statuses_the_later_one_is_told() {
    let (world, lead) = hot().await;
    world.espo.fail(Fault::Down);
    let change = |to: &str, before: &str| DeedKind::SetStatus { to: to.into(), before: before.into() };
    deed(&world, &lead, "one", change("Dead", "In Process")).await;
    world.quiet().await;
    deed(&world, &lead, "two", change("In Process", "Dead")).await;
    world.quiet().await;
    world.espo.heal();
    for _ in 0..10 {
        world.pass(MINUTE).await;
    }
    assert_eq!(world.espo.get("Lead", &lead).unwrap()["status"], "In Process");
    assert_eq!(world.app().engine.store().lead(&LeadId::from(lead.as_str())).unwrap().unwrap().status, "In Process");
    world.tap("done").await;
    world.end().await;
}

/// A person was there meanwhile: that is not undone, and whoever acted is told.
#[tokio::test]
async fn what_a_person_did_to_the_lead_meanwhile_stands_and_the_rep_is_told() {
    let (world, lead) = hot().await;
    world.espo.update("Lead", &lead, "claire", json!({"status": "Converted"}));
    deed(&world, &lead, "one", DeedKind::SetStatus { to: "Dead".into(), before: "In Process".into() }).await;
    world.settle().await;
    assert_eq!(world.espo.get("Lead", &lead).unwrap()["status"], "Converted");
    assert_eq!(world.app().engine.store().lead(&LeadId::from(lead.as_str())).unwrap().unwrap().status, "Converted");
    insta::assert_snapshot!(world.last().plain, @"⚠️ Je n'ai pas pu changer le statut de Sophie dans le CRM : quelqu'un a modifié la fiche entre-temps.");
    world.end().await;
}

/// The lead is gone from the CRM: the call cannot be made there, and is not left in the mirror.
#[tokio::test]
async fn a_call_with_a_lead_that_is_gone_is_refused_and_the_rep_is_told() {
    let (world, lead) = hot().await;
    world.espo.delete("Lead", &lead, "claire");
    let at = world.clock.now().plus(3 * HOUR);
    deed(&world, &lead, "one", DeedKind::PlanCall { at }).await;
    world.settle().await;
    assert_eq!(calls(&world).len(), 0);
    let id = LeadId::from(lead.as_str());
    assert_eq!(world.app().engine.store().activities(&id).unwrap().len(), 1, "the mail alone is left");
    let told = world.messages(LUC.1).into_iter().find(|message| message.plain.contains("appel avec"));
    insta::assert_snapshot!(told.unwrap().plain, @"⚠️ Je n'ai pas pu inscrire l'appel avec Sophie au CRM : la fiche n'y est plus.");
    world.end().await;
}
