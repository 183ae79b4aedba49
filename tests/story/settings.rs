//! The operator changes the rules: every lead is looked at again once, and what that opens and closes is said before
//! anybody is told.

use max::domain::DAY;
use serde_json::json;

use crate::support::log::Log;
use crate::support::{LUC, Setting, World};

const RULES: &str = "[rules]\nno_reply = \"3d\"";

/// The daemon, settled, with leads whom we wrote to so many days ago. Luc's chat has one digest.
async fn written_to(days_ago: &[i64]) -> (World, Vec<String>) {
    let setting = Setting { config: RULES.to_owned(), ..Setting::default() };
    let mut leads = Vec::new();
    let world = World::with(setting, |world| {
        for (n, days) in days_ago.iter().enumerate() {
            let first = format!("Lead{n}");
            leads.push(world.lead(&first, 6 * DAY, json!({})));
            world.mail_to(&first, days * DAY, "Bonjour, avez-vous pu regarder notre offre ?");
        }
    })
    .await;
    (world, leads)
}

fn open(world: &World, leads: &[String]) -> Vec<bool> {
    let is_open = |lead: &String| world.alerts(lead).iter().any(|alert| alert["status"] == "Open");
    leads.iter().map(is_open).collect()
}

/// Starts the daemon with other rules, and returns what it said about them. When it has said so, nothing has been
/// sent or edited yet.
async fn restart_with(world: &mut World, before: &str, after: &str) -> Vec<String> {
    let sent = *world.telegram.changes().borrow();
    let (log, guard) = Log::begin();
    world.restart_with(before, after).await;
    let said = log.lines(&["the rules have changed"]);
    drop(guard);
    assert_eq!(*world.telegram.changes().borrow(), sent, "nobody is told before it is said");
    world.settle().await;
    said
}

#[tokio::test]
async fn a_changed_threshold_says_what_it_opens_and_closes_and_does_it() {
    let (mut world, leads) = written_to(&[1, 2, 4, 5]).await;
    assert_eq!(open(&world, &leads), [false, false, true, true]);

    let said = restart_with(&mut world, "no_reply = \"3d\"", "no_reply = \"5d\"").await;
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].contains("leads=4 opened=0 closed=1"), "{said:#?}");
    assert_eq!(open(&world, &leads), [false, false, false, true]);
    assert_eq!(world.alerts(&leads[2])[0]["closeReason"], "cleared");

    let said = restart_with(&mut world, "no_reply = \"5d\"", "no_reply = \"1d\"").await;
    assert!(said[0].contains("leads=4 opened=3 closed=0"), "{said:#?}");
    assert_eq!(open(&world, &leads), [true; 4]);

    let messages = world.messages(LUC.1).len();
    let said = restart_with(&mut world, "no_reply = \"1d\"", "no_reply = \"1d\"").await;
    assert_eq!(said, [""; 0], "the same rules are no news");
    let later = "no_reply = \"1d\"\n[rules.target]\nNoReply3d = \"8h\"";
    let said = restart_with(&mut world, "no_reply = \"1d\"", later).await;
    assert_eq!(said, [""; 0], "nor is what opens and closes nothing");
    assert_eq!(world.messages(LUC.1).len(), messages);
    world.end().await;
}

#[tokio::test]
async fn many_that_open_at_once_are_one_digest() {
    let (mut world, leads) = written_to(&[2; 7]).await;
    let before = world.messages(LUC.1).len();
    let said = restart_with(&mut world, "no_reply = \"3d\"", "no_reply = \"2d\"").await;
    assert!(said[0].contains("opened=7 closed=0"), "{said:#?}");
    assert_eq!(open(&world, &leads), [true; 7]);
    assert_eq!(world.messages(LUC.1).len(), before + 1);
    world.end().await;
}

#[tokio::test]
async fn a_rule_that_is_switched_off_closes_its_alerts_and_time_knows_it() {
    let (mut world, leads) = written_to(&[2, 4]).await;
    let said = restart_with(&mut world, "no_reply = \"3d\"", "disabled = [\"NoReply3d\"]").await;
    assert!(said[0].contains("leads=2 opened=0 closed=1"), "{said:#?}");
    assert_eq!(open(&world, &leads), [false, false]);
    world.pass(2 * DAY).await;
    assert_eq!(open(&world, &leads), [false, false], "the third day passes unnoticed");
    // And back again: what the daemon knows of time follows.
    let said = restart_with(&mut world, "disabled = [\"NoReply3d\"]", "no_reply = \"5d\"").await;
    assert!(said[0].contains("opened=1 closed=0"), "{said:#?}");
    world.pass(DAY).await;
    assert_eq!(open(&world, &leads), [true, true]);
    world.end().await;
}

#[tokio::test]
async fn other_active_statuses_are_another_shape_of_the_same_leads() {
    let (mut world, leads) = written_to(&[4, 4]).await;
    assert_eq!(open(&world, &leads), [true, true]);
    let said = restart_with(&mut world, "no_reply = \"3d\"", "active_statuses = [\"New\"]").await;
    assert!(said[0].contains("opened=0 closed=2"), "{said:#?}");
    assert_eq!(open(&world, &leads), [false, false]);
    assert_eq!(world.alerts(&leads[0])[0]["closeReason"], "lead_closed");
    let said = restart_with(&mut world, "active_statuses = [\"New\"]", "no_reply = \"3d\"").await;
    assert!(said[0].contains("opened=2 closed=0"), "{said:#?}");
    assert_eq!(open(&world, &leads), [true, true]);
    world.end().await;
}

#[tokio::test]
async fn what_opens_by_a_new_rule_opens_when_the_rule_comes_into_force() {
    let (mut world, leads) = written_to(&[2]).await;
    world.stop().await;
    world.start().await;
    world.clock.advance(60);
    restart_with(&mut world, "no_reply = \"3d\"", "no_reply = \"1d\"").await;
    let opened = world.alerts(&leads[0])[0]["openedAt"].as_str().unwrap().to_owned();
    assert_eq!(opened, "2026-03-02 09:01:00");
    world.end().await;
}

#[tokio::test]
async fn a_store_of_the_version_before_gets_its_outlooks_and_nothing_is_told() {
    let (mut world, leads) = written_to(&[2, 4]).await;
    world.stop().await;
    world.back_to_schema_1();
    let (log, guard) = Log::begin();
    world.start().await;
    assert_eq!(log.lines(&["the rules have changed"]), [""; 0]);
    drop(guard);
    world.settle().await;
    assert_eq!(open(&world, &leads), [false, true]);
    // They are there again: other rules are tried on them.
    let said = restart_with(&mut world, "no_reply = \"3d\"", "no_reply = \"1d\"").await;
    assert!(said[0].contains("leads=2 opened=1 closed=0"), "{said:#?}");
    assert_eq!(open(&world, &leads), [true, true]);
    world.end().await;
}
