//! One entity type for which the CRM answers 500: the others go on, and nobody is accused of what may have been answered
//! where we do not see it.

use max::domain::{DAY, HOUR, MINUTE};
use max::sandbox::espo::Fault;
use serde_json::json;

use super::mirror::equals_crm;
use super::{begin, setting, sweep, told};
use crate::support::log::Log;
use crate::support::{Setting, World};

fn broken(entity: &str) -> Fault {
    Fault::OfEntity { entity: entity.to_owned(), status: 500 }
}

/// A 500 is an answer to one question: `errors/500-bad-json`, `max-extension/alert-create-unique-index-500`.
#[tokio::test]
async fn one_entity_that_fails_does_not_stop_the_others_and_accuses_nobody() {
    let (log, _guard) = Log::begin();
    for entity in ["Meeting", "Call", "Task", "MaxActivity"] {
        let world = begin().await;
        world.lead("Marie", 7 * DAY - HOUR, json!({}));
        world.lead("Sophie", 2 * DAY, json!({}));
        let answered = world.lead("Nina", 8 * DAY, json!({}));
        world.settle().await;
        world.espo.fail(broken(entity));
        world.pass(20 * MINUTE).await;
        world.mail_from("Sophie", MINUTE, "Bonjour, je voudrais un devis.");
        world.mail_to("Nina", MINUTE, "Bonjour Nina, je vous appelle demain.");
        world.settle().await;
        assert_eq!(told(&world, "Sophie"), (1, 0), "{entity}: what was seen counts");
        assert_eq!(world.alert(&answered, "NoContact7d")["closeReason"], "cleared", "{entity}");
        world.pass(2 * HOUR).await;
        sweep(&world).await;
        assert_eq!(told(&world, "Marie"), (0, 0), "{entity}: silence does not");
        let (status, ready) = world.api("GET", "/readyz", json!({})).await;
        assert_eq!(status, 503, "{entity}: {ready}");
        assert!(ready["reasons"][0].as_str().unwrap().contains(entity), "{entity}: {ready}");
        assert_eq!(log.lines(&["ERROR", entity, "nobody is accused"]).len(), 1, "{entity}: said once");
        world.espo.heal();
        world.pass(HOUR).await;
        assert_eq!((told(&world, "Marie"), told(&world, "Sophie")), ((1, 0), (1, 0)), "{entity}");
        assert_eq!(world.api("GET", "/readyz", json!({})).await.0, 200, "{entity}");
        equals_crm(&world);
        world.end().await;
    }
}

/// Leads answer 500: calls of leads that are known count, and those of leads that are new are not passed over.
#[tokio::test]
async fn leads_that_fail_do_not_keep_what_happened_to_them_from_being_seen() {
    let world = begin().await;
    let known = world.lead("Marie", 8 * DAY, json!({}));
    world.settle().await;
    world.espo.fail(broken("Lead"));
    world.call(&known, "Outbound", "Held", MINUTE);
    let new = world.lead("Nina", 8 * DAY, json!({}));
    world.call(&new, "Outbound", "Held", MINUTE);
    for _ in 0..20 {
        world.clock.advance(2 * MINUTE);
        assert!(world.app().crm.look_now().await.is_err());
    }
    let activities =
        |lead: &str| world.app().engine.store().activities(&max::domain::LeadId::from(lead)).unwrap().len();
    assert_eq!((activities(&known), activities(&new)), (1, 0));
    let (status, ready) = world.api("GET", "/readyz", json!({})).await;
    assert_eq!(status, 503);
    assert_eq!(ready["reasons"].as_array().unwrap().len(), 1, "said once: {ready}");
    assert!(ready["reasons"][0].as_str().unwrap().contains("Lead"), "{ready}");
    world.espo.heal();
    world.pass(5 * MINUTE).await;
    assert_eq!((activities(&known), activities(&new)), (1, 1));
    assert_eq!((told(&world, "Marie"), told(&world, "Nina")), ((1, 0), (0, 0)));
    sweep(&world).await;
    equals_crm(&world);
    world.end().await;
}

/// A hint about what does not answer is kept until it does.
#[tokio::test]
async fn a_deletion_that_was_heard_of_while_its_entity_failed_is_followed_later() {
    let world = World::with(Setting { webhooks: true, ..setting() }, |_| {}).await;
    let lead = world.lead("Marie", 6 * DAY, json!({}));
    let call = world.call(&lead, "Outbound", "Held", DAY);
    world.settle().await;
    world.espo.fail(broken("Call"));
    world.espo.delete("Call", &call, "luc");
    world.pass(10 * MINUTE).await;
    assert_eq!(world.app().engine.store().hints().unwrap().len(), 1);
    world.espo.heal();
    world.settle().await;
    assert_eq!(world.app().engine.store().hints().unwrap(), []);
    equals_crm(&world);
    world.end().await;
}
