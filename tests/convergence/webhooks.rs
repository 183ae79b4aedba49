//! Webhooks that are missed, repeated, reordered, forged.

use max::domain::{DAY, HOUR, MINUTE};
use max::sandbox::espo::webhook_signature;
use serde_json::{Value, json};

use super::mirror::equals_crm;
use super::{begin, setting, sweep, told};
use crate::support::{CAMILLE, Setting, World};

async fn with_webhooks() -> World {
    World::with(Setting { webhooks: true, ..setting() }, |_| {}).await
}

/// Posts a body as EspoCRM does, signed with `secret`.
async fn deliver(world: &World, event: &str, body: &Value, secret: Option<&str>) -> u16 {
    let hook = world.app().engine.store().hooks().unwrap().into_iter().find(|hook| hook.event == event).unwrap();
    let body = body.to_string();
    let signature = webhook_signature(&hook.id, secret.unwrap_or(&hook.secret), &body);
    let path = event.replace('.', "/");
    let url = format!("http://{}/webhooks/espocrm/{path}", world.app().address);
    let request = reqwest::Client::new().post(url).header("Signature", signature).body(body);
    request.send().await.unwrap().status().as_u16()
}

/// EspoCRM gives up after four tries, or at once (`ESPOCRM`: 400, 409, 413, 422, 429, 502, 504). A poll sees what moved
/// modifiedAt (`write/put-partial`, `max-convergence/mass-3-after`), a sweep the rest.
#[tokio::test]
async fn webhooks_that_are_missed_are_made_up_for() {
    let world = begin().await;
    let marie = world.lead("Marie", 7 * DAY - HOUR, json!({}));
    let paul = world.lead("Paul", 8 * DAY, json!({}));
    let call = world.call(&marie, "Outbound", "Held", DAY);
    world.settle().await;
    world.espo.update("Lead", &paul, "claire", json!({"assignedUserId": CAMILLE.0}));
    world.espo.delete("Call", &call, "luc");
    world.mail_from("Marie", MINUTE, "Merci, j'ai bien reçu votre message.");
    world.pass(2 * HOUR).await;
    assert_eq!(told(&world, "Paul"), (1, 1), "the one who had him, and the one who has him");
    assert_eq!(told(&world, "Marie"), (0, 0), "the call that is gone is still believed");
    sweep(&world).await;
    assert_eq!(told(&world, "Marie"), (1, 0), "nobody has called her after all");
    assert_eq!(told(&world, "Paul"), (1, 1));
    equals_crm(&world);
    world.end().await;
}

/// Retries and their order: measured in `webhook-deliveries/` and `max-convergence/delivery-…`; order is not kept.
#[tokio::test]
async fn webhooks_that_are_repeated_and_reordered_change_nothing() {
    let world = with_webhooks().await;
    let lead = world.lead("Sophie", 2 * DAY, json!({}));
    let call = world.call(&lead, "Outbound", "Held", DAY);
    let gone = world.lead("Marie", 8 * DAY, json!({}));
    world.settle().await;
    world.espo.delete("Call", &call, "luc");
    world.espo.delete("Lead", &gone, "claire");
    let mail = world.mail_from("Sophie", MINUTE, "Bonjour, je voudrais un devis.");
    world.settle().await;
    assert_eq!((told(&world, "Sophie"), told(&world, "Marie")), ((1, 0), (1, 0)));
    let deliveries = [
        ("Lead.delete", json!([{"id": gone}])),
        ("Email.create", json!([{"id": mail, "status": "Draft", "from": "x@y.example"}])),
        ("Call.delete", json!([{"id": call}])),
        ("Call.update", json!([{"id": call, "status": "Held"}])),
        ("Call.create", json!([{"id": call, "status": "Held", "parentType": "Lead", "parentId": lead}])),
        ("Lead.update", json!([{"id": gone, "status": "New"}, {"id": lead, "status": "Dead"}])),
        ("Lead.create", json!([{"id": gone, "name": "Marie", "status": "New"}])),
    ];
    for (event, body) in deliveries.iter().chain(deliveries.iter().rev()) {
        for _ in 0..3 {
            assert_eq!(deliver(&world, event, body, None).await, 200, "{event}");
        }
        world.settle().await;
    }
    equals_crm(&world);
    sweep(&world).await;
    assert_eq!((told(&world, "Sophie"), told(&world, "Marie")), ((1, 0), (1, 0)));
    equals_crm(&world);
    world.end().await;
}

/// Deliveries are signed over their bytes: `max-convergence/delivery-lead-delete-1` and the others, all of which are
/// checked by `conformance::every_recorded_webhook_is_signed_as_the_sandbox_signs`.
#[tokio::test]
async fn webhooks_that_are_forged_are_refused_and_even_a_believed_lie_changes_nothing() {
    let world = with_webhooks().await;
    let lead = world.lead("Marie", 8 * DAY, json!({}));
    world.settle().await;
    let requests = world.espo.requests().len();
    assert_eq!(deliver(&world, "Lead.delete", &json!([{"id": lead}]), Some("a guess")).await, 401);
    assert_eq!(world.app().engine.store().hints().unwrap(), [], "nothing is noted");
    assert_eq!(world.espo.requests().len(), requests, "nothing is asked");
    // Whoever got hold of a secret can make us look, and no more.
    let lies = [
        ("Lead.delete", json!([{"id": lead}])),
        ("Lead.update", json!([{"id": lead, "status": "Dead", "assignedUserId": CAMILLE.0}])),
        ("Email.create", json!([{"id": "0123456789abcdef0", "body": "Je voudrais un devis"}])),
        ("MaxAlert.delete", json!([{"id": world.alert(&lead, "NoContact7d")["id"]}])),
        ("Lead.delete", json!([{"id": "../User"}, {"id": 7}, {}, null, "x"])),
    ];
    for (event, body) in lies {
        assert_eq!(deliver(&world, event, &body, None).await, 200);
        world.settle().await;
    }
    assert_eq!(told(&world, "Marie"), (1, 0));
    assert_eq!(world.alert(&lead, "NoContact7d")["status"], "Open");
    equals_crm(&world);
    sweep(&world).await;
    equals_crm(&world);
    assert_eq!(told(&world, "Marie"), (1, 0));
    world.end().await;
}
