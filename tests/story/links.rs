//! A link to Telegram that a user made on the own profile in the CRM: what it opens, how it ends, and that both sides
//! know.

use max::domain::{DAY, HOUR, MINUTE};
use max::engine::linking;
use max::sandbox::espo::{Fault, Grant, Reach, Rights};
use max::sandbox::telegram::Person;
use serde_json::{Value, json};

use crate::support::log::Log;
use crate::support::{CAMILLE, CLAIRE, LUC, Setting, World, button};

const CODE: &str = "Zm9yLXRoZS1zdG9yaWVzLW9ubHktMTIz";

/// What the extension makes when a user presses "Link Telegram".
fn invite(world: &World, (user, _): (&str, i64), code: &str) -> String {
    let invitation = json!({
        "status": "Pending", "userId": user, "codeHash": linking::hash(code), "dedupKey": format!("profile-{user}"),
        "expiresAt": world.clock.now().plus(HOUR).to_espo(),
    });
    world.espo.create("MaxLink", user, invitation)
}

fn chat(world: &World, account: i64) {
    world.telegram.open_chat(Person { id: account, first_name: "Luc M.".to_owned(), language_code: None });
}

async fn start(world: &World, account: i64, code: &str) {
    world.open_link(account, code).await;
    world.confirm_link(account).await;
}

fn record(world: &World, id: &str) -> Value {
    world.espo.get("MaxLink", id).expect("the record")
}

/// A world in which nobody is linked, and a lead of Luc's waits for a first word.
async fn nobody_linked() -> World {
    let world = World::with(Setting { linked: vec![], ..Setting::default() }, |world| {
        world.lead("Marie", 9 * DAY, json!({}));
    })
    .await;
    chat(&world, LUC.1);
    world
}

/// The same with Luc linked from his profile; the id of the record.
async fn luc_linked() -> (World, String) {
    let world = nobody_linked().await;
    let id = invite(&world, LUC, CODE);
    start(&world, LUC.1, CODE).await;
    (world, id)
}

#[tokio::test]
async fn a_link_from_the_profile_greets_tells_what_is_open_and_shows_there() {
    let (world, id) = luc_linked().await;
    let told = world.messages(LUC.1);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].plain.contains("Luc") && told[1].plain.contains("Marie"), "{told:#?}");
    let record = record(&world, &id);
    assert_eq!((&record["status"], &record["userId"]), (&json!("Linked"), &json!(LUC.0)));
    assert_eq!((&record["telegramName"], &record["codeHash"]), (&json!("Luc M."), &json!(null)));
    assert_eq!(record["linkedAt"], json!(world.app().engine.store().links().unwrap()[0].linked_at.to_espo()));
    world.tap("done").await;
    world.end().await;
}

#[tokio::test]
async fn a_code_serves_for_an_hour_and_once() {
    let world = nobody_linked().await;
    let id = invite(&world, LUC, CODE);
    world.pass(HOUR).await;
    start(&world, LUC.1, CODE).await;
    assert!(world.last().plain.contains("n'est plus valable"), "{}", world.last().plain);
    assert_eq!(record(&world, &id)["status"], "Pending");
    world.espo.delete("MaxLink", &id, "admin");

    let id = invite(&world, LUC, CODE);
    start(&world, LUC.1, CODE).await;
    assert_eq!(record(&world, &id)["status"], "Linked");
    chat(&world, CAMILLE.1);
    start(&world, CAMILLE.1, CODE).await;
    let refused = world.messages(CAMILLE.1).pop().unwrap();
    assert!(refused.plain.contains("n'est plus valable"), "{}", refused.plain);
    assert_eq!(world.app().engine.store().links().unwrap().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn whoever_is_no_longer_with_the_company_cannot_be_linked() {
    let world = nobody_linked().await;
    invite(&world, LUC, CODE);
    world.espo.update("User", LUC.0, "admin", json!({"isActive": false}));
    start(&world, LUC.1, CODE).await;
    assert!(world.app().engine.store().links().unwrap().is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_link_that_is_cut_in_the_crm_ends_all_there_is_in_the_chat() {
    for deleted in [false, true] {
        let (world, id) = luc_linked().await;
        let before = world.messages(LUC.1);
        if deleted {
            world.espo.delete("MaxLink", &id, "admin");
        } else {
            world.espo.update("MaxLink", &id, "luc", json!({"status": "Cut"}));
        }
        world.pass(MINUTE).await;
        let lead = world.lead("Sophie", 2 * DAY, json!({}));
        world.settle().await;
        world.mail_from("Sophie", 5 * MINUTE, "Bonjour, vous pouvez m'envoyer un devis ?");
        world.settle().await;
        assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open");
        let digest = before.last().unwrap();
        let data = button(digest, "done").or(button(digest, "show")).unwrap();
        world.telegram.tap(LUC.1, digest.message_id, &data).unwrap();
        world.settle().await;
        let answer = world.telegram.answers().pop().and_then(|answer| answer.text).unwrap();
        assert!(answer.contains("n'est pas à toi"), "{answer}");
        world.clock.advance(MINUTE);
        world.espo.update("Lead", &lead, "luc", json!({"status": "Dead"}));
        world.settle().await;
        assert_eq!(world.messages(LUC.1), before, "neither written nor edited");
        world.end().await;
    }
}

#[tokio::test]
async fn stop_cuts_the_link_and_the_profile_shows_it() {
    let (world, id) = luc_linked().await;
    world.telegram.say(LUC.1, "/stop").unwrap();
    world.settle().await;
    assert!(world.last().plain.contains("je ne t'écrirai plus"), "{}", world.last().plain);
    assert_eq!(record(&world, &id)["status"], "Cut");
    assert!(world.app().engine.store().link_records().unwrap().is_empty(), "nothing is left to be told");
    let before = world.messages(LUC.1).len();
    world.lead("Nina", 9 * DAY, json!({}));
    world.settle().await;
    assert_eq!(world.messages(LUC.1).len(), before);
    world.telegram.say(LUC.1, "/stop").unwrap();
    world.settle().await;
    assert!(world.last().plain.contains("Je ne sais pas encore qui tu es"), "{}", world.last().plain);
    world.end().await;
}

#[tokio::test]
async fn a_link_made_on_the_command_line_shows_on_the_profile_and_an_account_serves_one_user() {
    let world = World::begin().await;
    let of = |user: &str| world.espo.list("MaxLink").into_iter().find(|link| link["userId"] == user).expect("a record");
    assert_eq!(of(LUC.0)["status"], "Linked");
    invite(&world, CAMILLE, CODE);
    start(&world, LUC.1, CODE).await;
    assert_eq!((&of(LUC.0)["status"], &of(CAMILLE.0)["status"]), (&json!("Cut"), &json!("Linked")));
    let links = world.app().engine.store().links().unwrap();
    assert_eq!(links.iter().map(|link| link.user.as_str()).collect::<Vec<_>>(), [CAMILLE.0]);
    world.end().await;
}

#[tokio::test]
async fn a_crm_that_is_away_spends_no_code() {
    let world = nobody_linked().await;
    let id = invite(&world, LUC, CODE);
    world.espo.fail(Fault::Down);
    world.telegram.say(LUC.1, &format!("/start {CODE}")).unwrap();
    world
        .telegram
        .wait_until(|telegram| !telegram.messages(LUC.1).is_empty() && telegram.all_updates_confirmed())
        .await;
    assert!(world.last().plain.contains("dans une minute"), "{}", world.last().plain);
    world.espo.heal();
    world.clock.advance(MINUTE);
    world.quiet().await;
    start(&world, LUC.1, CODE).await;
    assert_eq!(record(&world, &id)["status"], "Linked");
    world.end().await;
}

#[tokio::test]
async fn a_crm_without_these_records_does_without_them_until_it_has_them() {
    let mut world = World::with(Setting { linked: vec![], ..Setting::default() }, |world| {
        world.espo.set_rights("max_api", &Rights::of_max().with("MaxLink", Grant::NONE));
    })
    .await;
    world.link(LUC.0, LUC.1).await;
    let lead = world.sophie_asks().await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open");
    assert!(world.last().plain.contains("Sophie"), "{}", world.last().plain);
    assert!(world.espo.list("MaxLink").is_empty());

    world.espo.set_rights("max_api", &Rights::of_max());
    world.stop().await;
    world.start().await;
    world.settle().await;
    assert_eq!(world.espo.list("MaxLink").iter().map(|link| &link["status"]).collect::<Vec<_>>(), ["Linked"]);
    world.end().await;
}

#[tokio::test]
async fn a_link_that_was_lost_with_the_store_shows_until_its_user_links_again() {
    let (mut world, lost) = luc_linked().await;
    let other = "Zm9yLXRoZS1zdG9yaWVzLW9ubHktNDU2";
    world.espo.update("MaxLink", &lost, "admin", json!({"dedupKey": "profile-before"}));
    world.stop().await;
    world.start().await;
    world.settle().await;
    assert_eq!(record(&world, &lost)["status"], "Linked", "a restart loses nothing");
    world.stop().await;
    world.lose_store();
    world.start().await;
    world.settle().await;
    assert_eq!(record(&world, &lost)["status"], "Linked", "another store does not cut what it does not know");
    let id = invite(&world, LUC, other);
    start(&world, LUC.1, other).await;
    assert_eq!((&record(&world, &lost)["status"], &record(&world, &id)["status"]), (&json!("Cut"), &json!("Linked")));
    world.end().await;
}

#[tokio::test]
async fn rights_that_were_taken_away_are_no_cut_links() {
    let people = [LUC, CAMILLE, CLAIRE, ("user0paul0000001", 1004), ("user0anne0000001", 1005)];
    let world = World::with(Setting { linked: vec![], ..Setting::default() }, |world| {
        for (user, _) in &people[3..] {
            world.espo.create(
                "User",
                "admin",
                json!({"id": user, "userName": user, "type": "regular", "isActive": true}),
            );
        }
    })
    .await;
    for (user, account) in people {
        world.link(user, account).await;
    }
    let none = Grant { read: Reach::No, ..Grant::WRITE };
    world.espo.set_rights("max_api", &Rights::of_max().with("MaxLink", none));
    world.pass(MINUTE).await;
    assert_eq!(world.app().engine.store().links().unwrap().len(), people.len());
    for link in world.espo.list("MaxLink") {
        world.espo.update_silently("MaxLink", link["id"].as_str().unwrap(), json!({"createdById": "system"}));
    }
    let own = Grant { read: Reach::Own, ..Grant::WRITE };
    world.espo.set_rights("max_api", &Rights::of_max().with("MaxLink", own));
    world.pass(MINUTE).await;
    assert_eq!(world.app().engine.store().links().unwrap().len(), people.len());
    world.espo.set_rights("max_api", &Rights::of_max());
    world.end().await;
}

#[tokio::test]
async fn no_code_and_no_hash_is_logged_or_asked_for_in_an_address() {
    let (log, _guard) = Log::begin();
    let (world, _) = luc_linked().await;
    start(&world, LUC.1, CODE).await;
    let asked: Vec<String> = world.espo.requests().into_iter().map(|request| request.path).collect();
    for secret in [CODE, &linking::hash(CODE)] {
        assert!(!log.text().contains(secret));
        assert!(!asked.iter().any(|path| path.contains(secret)));
    }
    assert_eq!(world.app().engine.store().links().unwrap().len(), 1);
    world.end().await;
}
