//! When a lead was won or lost: what the CRM tells of it, before and while M.A.X. looks.

use max::domain::{DAY, HOUR, LeadId, MINUTE, Timestamp};
use max::sandbox::espo::Fault;
use serde_json::{Value, json};

use crate::support::{Setting, World};

/// Since when a lead is closed, as the mirror has it.
fn closed_at(world: &World, lead: &str) -> Option<Timestamp> {
    world.app().engine.store().lead(&LeadId::from(lead)).unwrap().unwrap().closed_at
}

/// > In the daemon a lead whose status is no longer active was so until its conversion, when that is what ended it,
/// > or else until its last change.
#[tokio::test]
async fn a_lead_that_was_closed_before_the_first_look_was_closed_when_the_crm_says() {
    let world = World::begin().await;
    let now = world.clock.now();
    let ago = |days| world.ago(days * DAY);
    let lead = |first: &str, more: Value| world.lead(first, 400 * DAY, more);
    let lost = lead("Paul", json!({"status": "Dead", "modifiedAt": ago(365)}));
    let won = lead("Nina", json!({"status": "Converted", "convertedAt": ago(90), "modifiedAt": ago(5)}));
    let won_long_ago = lead("Luca", json!({"status": "Converted", "convertedAt": null, "modifiedAt": ago(80)}));
    let lost_again = lead("Jean", json!({"status": "Recycled", "convertedAt": ago(200), "modifiedAt": ago(30)}));
    let ahead = lead("Anne", json!({"status": "Dead", "modifiedAt": ago(-1)}));
    let open = lead("Sara", json!({"convertedAt": ago(200), "modifiedAt": ago(30)}));
    world.tomorrow_at_ten().await;
    assert_eq!(closed_at(&world, &lost), Some(now.plus(-365 * DAY)));
    assert_eq!(closed_at(&world, &won), Some(now.plus(-90 * DAY)), "it was edited since");
    assert_eq!(closed_at(&world, &won_long_ago), Some(now.plus(-80 * DAY)), "the CRM did not note it then");
    assert_eq!(closed_at(&world, &lost_again), Some(now.plus(-30 * DAY)), "what ended it was not the conversion");
    assert!(closed_at(&world, &ahead).unwrap() <= world.clock.now(), "never later than now");
    assert_eq!(closed_at(&world, &open), None);
    for lead in [lost, won, won_long_ago, lost_again, ahead] {
        assert_eq!(world.alerts(&lead), Vec::<Value>::new());
    }
    world.end().await;
}

#[tokio::test]
async fn a_lead_that_is_closed_under_our_eyes_was_closed_when_it_was_changed_and_stays_so() {
    let mut world = World::begin().await;
    let lead = world.lead("Marie", 8 * DAY, json!({}));
    world.settle().await;
    assert_eq!(closed_at(&world, &lead), None);
    let set = |status: &str| world.espo.update("Lead", &lead, "luc", json!({"status": status}));

    world.clock.advance(HOUR);
    let first = world.clock.now();
    set("Converted");
    world.clock.advance(MINUTE);
    world.settle().await;
    assert_eq!(closed_at(&world, &lead), Some(first));
    assert_eq!(world.alert(&lead, "NoContact7d")["closeReason"], "lead_closed");

    world.clock.advance(DAY);
    world.espo.update("Lead", &lead, "luc", json!({"description": "Premier anniversaire"}));
    set("Recycled");
    world.settle().await;
    assert_eq!(closed_at(&world, &lead), Some(first), "it was closed already");

    set("In Process");
    world.settle().await;
    assert_eq!(closed_at(&world, &lead), None);
    assert_eq!(world.alert(&lead, "NoContact7d")["status"], "Open");

    world.clock.advance(DAY);
    set("Converted");
    let second = world.clock.now();
    // Nobody looks for two days.
    world.stop().await;
    world.clock.advance(2 * DAY);
    world.start().await;
    world.settle().await;
    assert_eq!(world.espo.get("Lead", &lead).unwrap()["convertedAt"], first.to_espo(), "the CRM keeps the first one");
    assert_eq!(closed_at(&world, &lead), Some(second));
    world.end().await;
}

#[tokio::test]
async fn a_dead_lead_that_is_seen_again_and_again_is_written_once() {
    let world = World::begin().await;
    let lead = world.lead("Paul", 400 * DAY, json!({"status": "Dead", "modifiedAt": world.ago(MINUTE)}));
    world.settle().await;
    let due = || world.app().engine.store().evaluated(&LeadId::from(lead.as_str())).at;
    let evaluated = due();
    assert!(evaluated.is_some());
    for _ in 0..3 {
        // Within the overlap of a poll: the record is shown each time.
        world.clock.advance(1);
        world.look().await;
    }
    assert_eq!(due(), evaluated);
    world.end().await;
}

#[tokio::test]
async fn a_status_that_the_admin_calls_active_again_opens_its_leads() {
    let setting = Setting { config: "[rules]\ninhibition = true".to_owned(), ..Setting::default() };
    let mut world = World::with(setting, |_| {}).await;
    let lead = world.lead("Marie", 40 * DAY, json!({"status": "Recycled"}));
    world.settle().await;
    assert!(closed_at(&world, &lead).is_some());
    assert!(world.alerts(&lead).is_empty());
    world.clock.advance(HOUR);
    world.restart_with("inhibition = true", "active_statuses = [\"New\", \"Recycled\"]").await;
    world.settle().await;
    assert_eq!(world.alert(&lead, "NoContact7d")["status"], "Open");
    world.end().await;
}

/// Before the CRM has told again which statuses are closed there, what it told last holds.
#[tokio::test]
async fn a_lost_lead_stays_lost_when_the_daemon_starts_while_the_crm_is_down() {
    let options = ["New", "In Process", "Converted", "Recycled", "Dead", "Perdu"];
    let status = json!({"options": options, "notActualOptions": ["Converted", "Recycled", "Dead", "Perdu"]});
    let entities = json!({"Lead": {"fields": {"status": status}}});
    let mut world = World::with(Setting { entities, ..Setting::default() }, |_| {}).await;
    let lead = world.lead("Paul", 40 * DAY, json!({"status": "Perdu"}));
    world.settle().await;
    world.stop().await;
    world.espo.fail(Fault::Down);
    world.start().await;
    let said = json!({"leadId": lead, "channel": "whatsapp", "direction": "in", "id": "wa-1",
        "message_preview": "Bonjour, je voudrais un devis."});
    assert_eq!(world.api("POST", "/api/activities/log", said).await.0, 201);
    let (_, list) = world.api("GET", "/api/alerts", json!({})).await;
    assert_eq!(list["alerts"], json!([]));
    world.quiet().await;
    assert_eq!(world.app().engine.store().all_alerts().unwrap(), []);
    world.espo.heal();
    world.end().await;
}
