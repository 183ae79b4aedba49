//! Rights withdrawn and given back: what may not be seen any more is not gone, and silence behind a curtain is no silence.

use max::domain::{DAY, HOUR, MINUTE};
use max::sandbox::espo::{Grant, Reach, Rights};
use serde_json::{Value, json};

use super::mirror::equals_crm;
use super::{begin, out_of_reach, rights, setting, sweep, told};
use crate::support::log::Log;
use crate::support::{Setting, TEAM, World};

/// `max_api` sees the leads of its team only, and is of the team of the stories.
fn of_team(world: &World) -> Rights {
    let me = world.espo.list("User").into_iter().find(|user| user["userName"] == "max_api").unwrap();
    world.espo.update_silently("User", me["id"].as_str().unwrap(), json!({"teamsIds": [TEAM]}));
    rights("Lead", Grant { read: Reach::Team, ..Grant::WRITE })
}

async fn alarm(world: &World) -> Value {
    world.api("GET", "/readyz", json!({})).await.1["alarm"].clone()
}

/// A list hides alike what is deleted and what may not be read: `max-convergence/rights-2-own-list-is-empty`. A right given
/// back leaves modifiedAt: `rights-8-given-back`.
#[tokio::test]
async fn a_sweep_that_would_drop_more_than_five_percent_of_the_leads_changes_nothing_and_raises_an_alarm() {
    let world = begin().await;
    let open = world.lead("Marie", 8 * DAY, json!({}));
    let soon = world.lead("Nina", 7 * DAY - HOUR, json!({}));
    for number in 0..8 {
        world.lead(&format!("Lead{number}"), 2 * DAY, json!({}));
    }
    world.settle().await;
    world.espo.set_rights("max_api", &rights("Lead", Grant { read: Reach::Own, ..Grant::WRITE }));
    world.pass(2 * HOUR).await;
    assert_eq!(told(&world, "Nina"), (0, 0), "what happened to her cannot be seen");
    sweep(&world).await;
    let said = alarm(&world).await;
    assert!(said.as_str().is_some_and(|alarm| alarm.contains("10 of 10 Lead records missing")), "{said}");
    assert_eq!(world.app().engine.store().leads().filter(|lead| !lead.as_ref().unwrap().deleted).count(), 10);
    assert_eq!(world.alert(&open, "NoContact7d")["status"], "Open");
    assert_eq!((told(&world, "Marie"), told(&world, "Nina")), ((1, 0), (0, 0)));

    world.espo.set_rights("max_api", &Rights::of_max());
    // The sweep after an alarm does not wait for its day.
    world.pass(HOUR).await;
    assert_eq!(alarm(&world).await, json!(null));
    assert_eq!((told(&world, "Marie"), told(&world, "Nina")), ((1, 0), (1, 0)));
    assert_eq!(world.alert(&soon, "NoContact7d")["status"], "Open");
    equals_crm(&world);
    world.end().await;
}

/// Of few, a single read tells: 404 for what is deleted, 403 for what is hidden. `max-convergence/rights-3-own-read-403`,
/// `rights-4-own-read-of-a-deleted-404`.
#[tokio::test]
async fn a_few_leads_that_were_hidden_are_told_from_those_that_were_deleted() {
    for webhooks in [false, true] {
        let world = World::with(Setting { webhooks, ..setting() }, |_| {}).await;
        for number in 0..36 {
            world.lead(&format!("Lead{number}"), 2 * DAY, json!({}));
        }
        let (hidden, deleted) = (world.lead("Marie", 8 * DAY, json!({})), world.lead("Paul", 8 * DAY, json!({})));
        let soon = world.lead("Nina", 7 * DAY - HOUR, json!({}));
        world.settle().await;
        let team_rights = of_team(&world);
        world.espo.set_rights("max_api", &team_rights);
        for lead in [&hidden, &soon] {
            world.espo.update("Lead", lead, "claire", json!({"teamsIds": []}));
        }
        world.espo.delete("Lead", &deleted, "claire");
        world.pass(2 * HOUR).await;
        sweep(&world).await;
        let said = alarm(&world).await;
        assert!(said.as_str().is_some_and(|alarm| alarm.contains("2 of") && alarm.contains("hidden")), "{said}");
        assert_eq!(world.alert(&hidden, "NoContact7d")["status"], "Open");
        assert_eq!(world.alert(&deleted, "NoContact7d")["closeReason"], "lead_deleted");
        assert_eq!((told(&world, "Marie"), told(&world, "Nina")), ((1, 0), (0, 0)));
        world.espo.set_rights("max_api", &Rights::of_max());
        world.pass(HOUR).await;
        assert_eq!(alarm(&world).await, json!(null));
        // Paul was told in one message with Marie, which shows what is still open.
        assert_eq!((told(&world, "Marie"), told(&world, "Nina"), told(&world, "Paul")), ((1, 0), (1, 0), (0, 0)));
        equals_crm(&world);
        world.end().await;
    }
}

/// Asked what is linked with several leads, EspoCRM refuses the whole question when one of them is hidden, as it does when
/// one is deleted: `max-convergence/audit-2-a-deleted-lead-400` (with "No access to 'Lead'" for a reason).
#[tokio::test]
async fn a_hidden_lead_does_not_keep_others_from_being_told_of() {
    let (log, _guard) = Log::begin();
    let world = begin().await;
    let hidden = world.lead("Marie", 7 * DAY - HOUR, json!({}));
    world.lead("Nina", 7 * DAY - HOUR, json!({}));
    world.settle().await;
    let team_rights = of_team(&world);
    world.espo.set_rights("max_api", &team_rights);
    world.espo.update_silently("Lead", &hidden, json!({"teamsIds": []}));
    world.pass(2 * HOUR).await;
    assert_eq!((told(&world, "Marie"), told(&world, "Nina")), ((0, 0), (1, 0)));
    assert_eq!(world.api("GET", "/readyz", json!({})).await.0, 200, "all entities answer");
    assert!(log.lines(&["does not answer for these records"]).is_empty(), "{}", log.text());
    world.espo.set_rights("max_api", &Rights::of_max());
    world.pass(HOUR).await;
    assert_eq!((told(&world, "Marie"), told(&world, "Nina")), ((1, 0), (1, 0)));
    equals_crm(&world);
    world.end().await;
}

/// Alert records that may not be read any more are not settled by it. `max-convergence/rights-3-own-read-403`.
#[tokio::test]
async fn an_alert_record_that_was_hidden_is_not_handled() {
    let world = begin().await;
    let lead = world.lead("Marie", 8 * DAY, json!({}));
    world.settle().await;
    world.espo.set_rights("max_api", &rights("MaxAlert", Grant { read: Reach::Own, ..Grant::WRITE }));
    world.espo.update_silently(
        "MaxAlert",
        world.alerts(&lead)[0]["id"].as_str().unwrap(),
        json!({"createdById": null}),
    );
    sweep(&world).await;
    let said = alarm(&world).await;
    assert!(said.as_str().is_some_and(|alarm| alarm.contains("1 of 1 MaxAlert records hidden")), "{said}");
    world.espo.set_rights("max_api", &Rights::of_max());
    sweep(&world).await;
    assert_eq!(world.alert(&lead, "NoContact7d")["status"], "Open");
    assert!(!world.last().keyboard.is_empty());
    equals_crm(&world);
    world.end().await;
}

/// A right that is withdrawn from an activity: 403 for its lists and reads. `max-convergence/rights-5-none-403`,
/// `rights-6-none-read-403`.
#[tokio::test]
async fn while_calls_may_not_be_read_nobody_is_accused_of_silence() {
    let world = begin().await;
    let lead = world.lead("Marie", 7 * DAY - HOUR, json!({}));
    let hot = world.lead("Sophie", 2 * DAY, json!({}));
    world.call(&hot, "Outbound", "Held", 2 * DAY);
    world.settle().await;
    world.espo.set_rights("max_api", &rights("Call", Grant::NONE));
    world.call(&lead, "Outbound", "Held", 0);
    out_of_reach(&world).await;
    world.pass(2 * HOUR).await;
    assert_eq!(told(&world, "Marie"), (0, 0), "she was called, where we cannot see it");
    world.mail_from("Sophie", MINUTE, "Bonjour, je voudrais un devis.");
    world.settle().await;
    assert_eq!(told(&world, "Sophie"), (1, 0), "what was seen counts");
    let (status, ready) = world.api("GET", "/readyz", json!({})).await;
    assert_eq!(status, 503, "{ready}");
    assert!(ready["reasons"].to_string().contains("Call"), "{ready}");
    sweep(&world).await;
    assert_eq!(told(&world, "Marie"), (0, 0));
    world.espo.set_rights("max_api", &Rights::of_max());
    world.pass(HOUR).await;
    assert_eq!(world.api("GET", "/readyz", json!({})).await.0, 200);
    assert_eq!((told(&world, "Marie"), told(&world, "Sophie")), ((0, 0), (1, 0)));
    equals_crm(&world);
    world.end().await;
}

/// A right that was never given is lived without: nobody meant the meetings to be seen.
#[tokio::test]
async fn what_was_never_shown_is_done_without() {
    let setting = setting();
    let world = World::with(setting, |world| {
        world.espo.set_rights("max_api", &rights("Meeting", Grant::NONE));
        world.lead("Marie", 7 * DAY - HOUR, json!({}));
    })
    .await;
    world.pass(2 * HOUR).await;
    assert_eq!(told(&world, "Marie"), (1, 0));
    let (status, ready) = world.api("GET", "/readyz", json!({})).await;
    assert_eq!(status, 200, "{ready}");
    assert!(ready["alarm"].as_str().unwrap().contains("Meeting"), "{ready}");
    world.espo.set_rights("max_api", &Rights::of_max());
    sweep(&world).await;
    equals_crm(&world);
    world.end().await;
}
