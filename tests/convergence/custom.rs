//! Customised CRMs: other statuses, relabelled and required fields, custom entities, fields that are renamed.

use max::domain::{DAY, HOUR, MINUTE};
use max::espo::mapping::Entry;
use max::sandbox::espo::{API_KEY, Grant};
use serde::Deserialize;
use serde_json::{Value, json};

use super::mirror::{equals_crm, equals_crm_mapped};
use super::{rights, setting, sweep, told};
use crate::support::log::Log;
use crate::support::{Setting, World};

/// Visits, as `[[espocrm.activities]]` maps them: carried out they are a contact.
const VISITS: &str = r#"
[[espocrm.activities]]
entity = "CVisite"
when = { etat = ["Faite"] }
channel = "manual"
direction = "out"
status = "replied"
at = "dateStart"
text = ["description"]
lead_links = ["parentId"]

[[espocrm.activities]]
entity = "CVisite"
when = { etat = ["Prévue"] }
channel = "manual"
direction = "out"
status = "planned"
at = "dateStart"
text = ["name"]
lead_links = ["parentId"]
"#;

fn entries() -> Vec<Entry> {
    #[derive(Deserialize)]
    struct Table {
        espocrm: Activities,
    }
    #[derive(Deserialize)]
    struct Activities {
        activities: Vec<Entry>,
    }
    toml::from_str::<Table>(VISITS).unwrap().espocrm.activities
}

/// A custom entity as EspoCRM makes it (type Event), with a field of its own: `max-convergence/custom-1-entity-listed`.
fn visits() -> Value {
    let link = |entity: &str| json!({"type": "link", "entity": entity});
    json!({"CVisite": {
        "order": ["dateStart", "desc"],
        "always": ["createdById", "assignedUserId", "parentName"],
        "also": {"dateStart": ["dateEnd"]},
        "fields": {
            "name": {"type": "varchar", "required": true}, "description": {"type": "text"},
            "status": {"type": "enum", "options": ["Planned", "Held", "Not Held"], "default": "Planned"},
            "dateStart": {"type": "datetime", "required": true}, "dateEnd": {"type": "datetime"},
            "createdAt": {"type": "datetime", "readOnly": true}, "modifiedAt": {"type": "datetime", "readOnly": true},
            "etat": {"type": "enum", "options": ["Prévue", "Faite", "Annulée"]}, "parent": {"type": "linkParent"},
            "createdBy": link("User"), "assignedUser": link("User")
        }
    }})
}

/// A CRM in which visits are kept, and M.A.X. knows it.
async fn with_visits() -> World {
    let config = format!("{}{VISITS}", setting().config);
    World::with(Setting { config, entities: visits(), ..setting() }, |world| {
        world.espo.set_rights("max_api", &rights("CVisite", Grant::READ));
    })
    .await
}

fn visit(world: &World, lead: &str, state: &str, ago: i64) -> String {
    let visit = json!({"name": "Visite du chantier", "etat": state, "dateStart": world.ago(ago),
                       "parentType": "Lead", "parentId": lead});
    world.espo.create("CVisite", "luc", visit)
}

#[tokio::test]
async fn activities_in_a_custom_entity_count() {
    let world = with_visits().await;
    let visited = world.lead("Marie", 7 * DAY - HOUR, json!({}));
    visit(&world, &visited, "Faite", DAY);
    let booked = world.lead("Nina", 7 * DAY - HOUR, json!({}));
    visit(&world, &booked, "Prévue", -2 * DAY);
    let cancelled = world.lead("Paul", 7 * DAY - HOUR, json!({}));
    visit(&world, &cancelled, "Annulée", DAY);
    world.settle().await;
    world.pass(2 * HOUR).await;
    assert_eq!((told(&world, "Marie"), told(&world, "Nina"), told(&world, "Paul")), ((0, 0), (0, 0), (1, 0)));
    sweep(&world).await;
    equals_crm_mapped(&world, &entries());
    world.end().await;
}

/// EspoCRM cannot rename a field, only make another one. A list then leaves out the attribute though it was asked for:
/// `max-convergence/custom-2-field-removed` (and `list/select-unknown`); an empty field is there, as null. The same when
/// the role may not read the field any more: `max-convergence/rights-7-field-hidden`.
#[tokio::test]
async fn a_field_that_was_renamed_is_named_and_accuses_nobody() {
    let (log, _guard) = Log::begin();
    let world = with_visits().await;
    let lead = world.lead("Marie", 7 * DAY - HOUR, json!({}));
    let visited = visit(&world, &lead, "Faite", DAY);
    world.lead("Sophie", 2 * DAY, json!({}));
    world.settle().await;
    world.espo.remove_field("CVisite", "etat");
    world.espo.update("CVisite", &visited, "luc", json!({"name": "Visite chez Marie"}));
    world.pass(20 * MINUTE).await;
    let (status, ready) = world.api("GET", "/readyz", json!({})).await;
    assert_eq!(status, 503, "{ready}");
    let reason = ready["reasons"][0].as_str().unwrap();
    for word in
        ["CVisite", "`etat`", "`when`", "entry 1", "[[espocrm.activities]]", "renamed", "Write its present name"]
    {
        assert!(reason.contains(word), "{word}: {reason}");
    }
    assert_eq!(log.lines(&["ERROR", "`etat`"]).len(), 1, "{}", log.text());
    world.mail_from("Sophie", MINUTE, "Bonjour, je voudrais un devis.");
    world.settle().await;
    assert_eq!(told(&world, "Sophie"), (1, 0), "the others go on");
    sweep(&world).await;
    assert_eq!(told(&world, "Marie"), (0, 0), "she was visited");
    let known = world.app().engine.store().activities(&max::domain::LeadId(lead)).unwrap();
    assert_eq!(known.len(), 1, "what was known stays");

    let mut world = world;
    world.restart_with("when = { etat = [\"Faite\"] }", "when = { status = [\"Planned\"] }").await;
    world.restart_with("when = { etat = [\"Prévue\"] }", "when = { status = [\"Held\"] }").await;
    world.settle().await;
    assert_eq!(world.api("GET", "/readyz", json!({})).await.0, 200);
    sweep(&world).await;
    assert_eq!((told(&world, "Marie"), told(&world, "Sophie")), ((0, 0), (1, 0)));
    world.end().await;
}

/// A lead whose status may not be read is not one that was lost. `max-convergence/rights-7-field-hidden`.
#[tokio::test]
async fn leads_without_their_status_are_not_taken_over() {
    let world = World::with(setting(), |_| {}).await;
    let lead = world.lead("Marie", 8 * DAY, json!({}));
    world.settle().await;
    world.espo.remove_field("Lead", "status");
    world.espo.update("Lead", &lead, "luc", json!({"accountName": "Martin SA"}));
    for _ in 0..10 {
        world.clock.advance(5 * MINUTE);
        assert!(world.app().crm.look_now().await.unwrap_err().contains("`status`"));
    }
    assert_eq!(world.alert(&lead, "NoContact7d")["status"], "Open");
    assert_eq!(told(&world, "Marie"), (1, 0));
    let mut world = world;
    world.stop().await;
}

/// An entity type that is taken away answers 404: `max-convergence/custom-3-entity-removed`.
#[tokio::test]
async fn an_entity_that_was_taken_away_accuses_nobody_until_it_is_taken_out_of_the_configuration() {
    let world = with_visits().await;
    let lead = world.lead("Marie", 7 * DAY - HOUR, json!({}));
    world.settle().await;
    world.espo.remove_entity("CVisite");
    world.pass(2 * HOUR).await;
    assert_eq!(told(&world, "Marie"), (0, 0));
    let (status, ready) = world.api("GET", "/readyz", json!({})).await;
    assert_eq!(status, 503);
    assert!(ready["reasons"][0].as_str().unwrap().contains("CVisite"), "{ready}");
    let mut world = world;
    world.restart_with(VISITS, "").await;
    world.pass(2 * MINUTE).await;
    assert_eq!(told(&world, "Marie"), (1, 0), "nobody visits any more");
    world.call(&lead, "Outbound", "Held", 0);
    sweep(&world).await;
    equals_crm(&world);
    world.end().await;
}

/// What need not be looked at can be said: an entity whose entries all mean nothing.
#[tokio::test]
async fn an_entity_that_means_nothing_is_not_asked_for() {
    let config = format!("{}[[espocrm.activities]]\nentity = \"Meeting\"\nnothing = true\n", setting().config);
    let world = World::with(Setting { config, ..setting() }, |_| {}).await;
    world.espo.set_rights("max_api", &rights("Meeting", Grant::NONE));
    world.lead("Marie", 7 * DAY - HOUR, json!({}));
    world.pass(2 * HOUR).await;
    assert_eq!(told(&world, "Marie"), (1, 0));
    assert!(world.espo.requests().iter().all(|request| !request.path.contains("/Meeting")));
    world.end().await;
}

/// `read/metadata-lead-status` says which statuses are over.
#[tokio::test]
async fn other_statuses_and_which_of_them_are_over_are_the_crms_to_say() {
    let options = ["À qualifier", "En discussion", "Gagné", "Perdu", "Converted"];
    let status =
        json!({"options": options, "default": "À qualifier", "notActualOptions": ["Gagné", "Perdu", "Converted"]});
    let entities = json!({"Lead": {"fields": {"status": status}}});
    let world = World::with(Setting { entities, ..setting() }, |_| {}).await;
    let talking = world.lead("Marie", 8 * DAY, json!({"status": "En discussion"}));
    let won = world.lead("Nina", 8 * DAY, json!({"status": "Gagné"}));
    world.settle().await;
    assert_eq!((told(&world, "Marie"), told(&world, "Nina")), ((1, 0), (0, 0)));
    world.clock.advance(MINUTE);
    world.espo.update("Lead", &talking, "luc", json!({"status": "Perdu"}));
    world.settle().await;
    assert_eq!(world.alert(&talking, "NoContact7d")["closeReason"], "lead_closed");
    assert!(world.alerts(&won).is_empty());
    sweep(&world).await;
    equals_crm(&world);
    world.end().await;
}

/// A required custom field makes EspoCRM refuse whoever writes a lead without it (400 validationFailure, as in
/// `errors/400-enum`): M.A.X. never writes leads, whatever is tapped or reported.
#[tokio::test]
async fn required_fields_of_leads_are_none_of_our_business() {
    let entities = json!({"Lead": {"fields": {"cBudget": {"type": "varchar", "required": true}}}});
    let world = World::with(Setting { entities, ..setting() }, |_| {}).await;
    // From before the field was made: it has no budget, and an edit through the API is refused.
    let lead = world.lead("Sophie", 2 * DAY, json!({}));
    world.settle().await;
    let put =
        reqwest::Client::new().put(format!("{}/api/v1/Lead/{lead}", world.espo.url())).header("X-Api-Key", API_KEY);
    let refused = put.json(&json!({"cBudget": ""})).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    assert_eq!(refused.json::<Value>().await.unwrap()["messageTranslation"]["label"], "validationFailure");
    let requests = world.espo.requests().len();
    world.mail_from("Sophie", MINUTE, "Bonjour, je voudrais un devis.");
    world.settle().await;
    let logged =
        json!({"leadId": lead, "channel": "whatsapp", "direction": "in", "message_preview": "Alors ?", "id": "wa"});
    assert_eq!(world.api("POST", "/api/activities/log", logged).await.0, 201);
    world.tap("done").await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Resolved");
    sweep(&world).await;
    let writes = world.espo.requests().into_iter().skip(requests).filter(|request| request.method != "GET");
    assert!(writes.clone().count() >= 3);
    for request in writes {
        assert!(!request.path.contains("/Lead"), "{request:?}");
        assert_eq!(request.status, 200, "{request:?}");
    }
    equals_crm(&world);
    world.end().await;
}
