//! M.A.X. hates noise as much as the rep does: digests, working hours, one alert a lead.

use max::domain::{DAY, HOUR, MINUTE};
use serde_json::json;

use crate::support::{CAMILLE, LUC, Setting, World, button};

/// > Alerts opened by the very first evaluation are not announced one by one: one digest per owner.
#[tokio::test]
async fn the_first_evaluation_is_one_digest_per_owner() {
    let setting = Setting { linked: vec![LUC, CAMILLE], ..Setting::default() };
    let world = World::with(setting, |world| {
        for name in ["Marie", "Paul", "Jeanne"] {
            world.lead(name, 9 * DAY, json!({}));
        }
        world.lead("Nina", 9 * DAY, json!({"assignedUserId": CAMILLE.0}));
    })
    .await;
    let luc = world.messages(LUC.1);
    assert_eq!(luc.len(), 2, "a welcome and a digest: {luc:#?}");
    let digest = &luc[1];
    for name in ["Marie", "Paul", "Jeanne"] {
        assert!(digest.plain.contains(name), "{}", digest.plain);
    }
    assert!(!digest.plain.contains("Nina"));
    assert_eq!(world.messages(CAMILLE.1).len(), 2);

    world.tap("show").await;
    assert!(button(&world.last(), "done").is_some(), "a tap shows one of them with its buttons");
    world.tap("done").await;
    let resolved = world.espo.list("MaxAlert").iter().filter(|alert| alert["status"] == "Resolved").count();
    assert_eq!(resolved, 1);
    world.end().await;
}

/// What was put off until the morning was so by the hours, and by the clock, of then.
#[tokio::test]
async fn what_waits_for_the_morning_goes_out_when_it_is_working_hours_after_all() {
    const LATE: &str = "[working_hours]\nto = \"23:00\"\n";
    let mut world = World::with(Setting { begin: "2026-03-02T20:00:00+01:00", ..Setting::default() }, |_| {}).await;
    let told = |world: &World| world.messages(LUC.1).iter().filter(|one| one.plain.contains("Marie")).count();
    world.lead("Marie", 9 * DAY, json!({}));
    world.settle().await;
    assert_eq!(told(&world), 0);
    world.restart_with("[store]", &format!("{LATE}[store]")).await;
    world.settle().await;
    assert_eq!(told(&world), 1);

    let world = World::with(Setting { begin: "2026-03-02T20:00:00+01:00", ..Setting::default() }, |_| {}).await;
    world.lead("Marie", 9 * DAY, json!({}));
    world.settle().await;
    world.clock.advance(-4 * HOUR);
    world.lead("Paul", 9 * DAY, json!({}));
    world.settle().await;
    assert_eq!(told(&world), 1, "the clock was ahead: it goes out with the next news");
    world.end().await;
}

/// > Severities, most pressing first: `urgent`, `high`, `medium`, `low`, `info`.
///
/// > Their order, too, is configuration.
#[tokio::test]
async fn digests_and_lists_show_the_most_pressing_first_as_the_configuration_has_it() {
    let ours = "[rules]\nseverities = [\"low\", \"medium\", \"urgent\", \"high\", \"info\"]";
    for (config, expected) in [("", ["Sophie", "Marie", "Paul"]), (ours, ["Paul", "Marie", "Sophie"])] {
        let world = World::with(Setting { config: config.to_owned(), ..Setting::default() }, |world| {
            world.lead("Marie", 9 * DAY, json!({}));
            let paul = world.lead("Paul", 60 * DAY, json!({}));
            world.call(&paul, "Outbound", "Held", 31 * DAY);
            world.lead("Sophie", 2 * DAY, json!({}));
            world.mail_from("Sophie", HOUR, "Bonjour, vous pouvez m'envoyer un devis ?");
        })
        .await;
        let digest = world.last().plain;
        let mut shown = expected;
        shown.sort_by_key(|name| digest.find(name).unwrap_or_else(|| panic!("{name} in {digest}")));
        assert_eq!(shown, expected, "{digest}");
        let (mut listed, mut page) = (Vec::new(), "/api/alerts?limit=1".to_owned());
        loop {
            let (_, list) = world.api("GET", &page, json!({})).await;
            listed.push(list["alerts"][0]["leadName"].as_str().unwrap().replace(" Martin", ""));
            let Some(cursor) = list["nextCursor"].as_str() else { break };
            page = format!("/api/alerts?limit=1&cursor={cursor}");
        }
        assert_eq!(listed, expected);
        world.end().await;
    }
}

/// > The same whenever more than five open for one owner within a minute (an import, the end of an outage).
#[tokio::test]
async fn an_import_of_many_leads_is_one_digest() {
    let world = World::begin().await;
    let before = world.messages(LUC.1).len();
    for number in 0..8 {
        world.lead(&format!("Lead{number}"), 9 * DAY, json!({}));
    }
    world.settle().await;
    let messages = world.messages(LUC.1);
    assert_eq!(messages.len(), before + 1, "{messages:#?}");
    assert_eq!(world.espo.list("MaxAlert").len(), 8);
    world.end().await;
}

#[tokio::test]
async fn what_goes_on_after_a_digest_is_one_more_digest_a_minute_later() {
    let world = World::begin().await;
    let before = world.messages(LUC.1).len();
    for batch in ["A", "B", "C"] {
        for number in 0..7 {
            world.lead(&format!("{batch}{number}"), 9 * DAY, json!({}));
        }
        world.look().await;
        world.clock.advance(5);
    }
    world.settle().await;
    let messages = world.messages(LUC.1);
    assert!(messages.len() <= before + 2, "{} messages", messages.len() - before);
    let told: String = messages[before..].iter().map(|message| message.plain.as_str()).collect();
    assert!(["A0", "B0"].iter().all(|name| told.contains(name)), "{told}");
    world.end().await;
}

#[tokio::test]
async fn in_the_evening_only_a_hot_lead_is_announced_and_without_sound() {
    let world = World::with(Setting { begin: "2026-03-02T20:00:00+01:00", ..Setting::default() }, |_| {}).await;
    let before = world.messages(LUC.1).len();
    world.lead("Marie", 8 * DAY, json!({}));
    world.settle().await;
    assert_eq!(world.messages(LUC.1).len(), before, "it waits for the morning");
    world.lead("Sophie", DAY, json!({}));
    world.mail_from("Sophie", MINUTE, "Pouvez-vous m'envoyer un devis ?");
    world.settle().await;
    assert_eq!(world.messages(LUC.1).len(), before + 1);
    assert!(world.last().silent);
    world.tap("done").await;
    world.pass(13 * HOUR).await;
    assert_eq!(world.messages(LUC.1).len(), before + 2, "at nine it comes");
    assert!(world.last().plain.contains("Marie"));
    world.end().await;
}

#[tokio::test]
async fn what_is_settled_before_the_morning_is_never_announced() {
    let world = World::with(Setting { begin: "2026-03-02T20:00:00+01:00", ..Setting::default() }, |_| {}).await;
    let before = world.messages(LUC.1).len();
    let lead = world.lead("Marie", 8 * DAY, json!({}));
    world.settle().await;
    world.clock.advance(MINUTE);
    world.call(&lead, "Outbound", "Held", 0);
    world.settle().await;
    world.pass(13 * HOUR).await;
    assert_eq!(world.messages(LUC.1).len(), before);
    world.end().await;
}

#[tokio::test]
async fn one_lead_has_one_follow_up_alert_open_and_the_more_telling_one_takes_its_place() {
    let world = World::begin().await;
    let lead = world.lead("Nina", 10 * DAY, json!({}));
    world.mail_to("Nina", 4 * DAY, "Bonjour Nina, avez-vous pu regarder notre offre ?");
    world.settle().await;
    world.alert(&lead, "NoReply3d");
    world.pass(4 * DAY).await;
    let open: Vec<_> = world.alerts(&lead).into_iter().filter(|alert| alert["status"] == "Open").collect();
    assert_eq!(open.len(), 1, "{open:#?}");
    assert_eq!(open[0]["type"], "NoFollowup7d");
    assert_eq!(world.alert(&lead, "NoReply3d")["closeReason"], "superseded");
    let with_buttons: Vec<_> =
        world.messages(LUC.1).into_iter().filter(|message| button(message, "done").is_some()).collect();
    assert_eq!(with_buttons.len(), 1);
    world.tap("done").await;
    world.pass(DAY).await;
    let open = world.alerts(&lead).into_iter().filter(|alert| alert["status"] == "Open").count();
    assert_eq!(open, 0, "handled: the lower episodes are settled by the same act");
    world.end().await;
}

#[tokio::test]
async fn nobody_linked_means_the_record_in_the_crm_stands_alone() {
    let world = World::with(Setting { linked: vec![], ..Setting::default() }, |world| {
        world.lead("Marie", 8 * DAY, json!({}));
    })
    .await;
    assert_eq!(world.espo.list("MaxAlert").len(), 1);
    assert!(world.telegram.all_requests().iter().all(|request| !request.method.eq_ignore_ascii_case("sendMessage")));
    let (_, ready) = world.api("GET", "/readyz", json!({})).await;
    assert_eq!(ready["untold"], 1);
    world.link(LUC.0, LUC.1).await;
    assert!(world.last().plain.contains("Marie"), "whoever links is told what is open");
    world.end().await;
}
