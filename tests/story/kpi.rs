//! Whether it helps: the time before M.A.X. was switched on against the time since, through the daemon.

use clap::Parser;
use max::cli::{Cli, Command, kpi as command};
use max::domain::{DAY, HOUR, LeadId, MINUTE, Seconds};
use max::engine::kpi::{Whose, report};
use max::sandbox::telegram::{Fault, SentMessage};
use serde_json::{Value, json};

use crate::support::{CAMILLE, CLAIRE, LUC, Setting, TEAM, World};
use crate::voice::typed;

/// A Tuesday, 10:00 in Paris: 27 days before the stories begin.
const ASKED: Seconds = 27 * DAY;

fn setting() -> Setting {
    Setting { linked: vec![], ..Setting::default() }
}

/// Leads who asked for a quote so long ago, and when they were answered.
fn hot_leads(world: &World, name: &str, count: usize, asked: Seconds, answered: Seconds) {
    for number in 0..count {
        let name = format!("{name}{number}");
        world.lead(&name, asked + 3 * DAY, json!({}));
        world.mail_from(&name, asked, "Bonjour, pouvez-vous m'envoyer un devis ?");
        world.mail_to(&name, answered, "Bonjour, voici votre devis.");
    }
}

async fn kpi(world: &World, query: &str) -> Value {
    let (status, figures) = world.api("GET", &format!("/api/kpi{query}"), json!({})).await;
    assert_eq!(status, 200, "{figures}");
    figures
}

/// Has the figures be worked out anew: that is done once a day.
async fn next_day(world: &World) {
    world.pass(DAY).await;
    world.quiet().await;
}

#[tokio::test]
async fn before_and_after_are_told_apart_by_the_same_rules() {
    let world = World::with(setting(), |world| hot_leads(world, "Avant", 32, ASKED, ASKED - 3 * DAY)).await;
    world.quiet().await;
    let first = kpi(&world, "").await;
    assert_eq!(first["switchedOn"], first["before"]["to"]);
    let response = &first["hotResponse"];
    assert_eq!((&response["before"]["messages"], &response["before"]["leads"]), (&json!(32), &json!(32)));
    // Tuesday 10:00 to Friday 10:00.
    assert_eq!(response["before"]["workingSeconds"]["median"], 3 * 19 * HOUR / 2);
    assert_eq!(response["before"]["elapsedSeconds"]["median"], 3 * DAY);
    assert_eq!((&response["after"]["messages"], &response["claim"]), (&json!(0), &Value::Null));
    // Nobody came back to them after the quote: three days later, seven days later.
    let follow_up = &first["followUpRate"]["before"];
    assert_eq!((&follow_up["inTime"], &follow_up["leads"]), (&json!(0), &json!(32)));

    // Fifty days on; the clocks have been changed in between.
    world.clock.advance(50 * DAY);
    hot_leads(&world, "Depuis", 29, 20 * DAY, 20 * DAY - HOUR);
    world.settle().await;
    next_day(&world).await;
    let few = kpi(&world, "").await;
    assert_eq!(few["before"], first["before"], "the baseline stays where it was");
    assert_eq!(few["hotResponse"]["before"], response["before"], "and what came later changes nothing in it");
    assert_eq!(few["followUpRate"]["before"], *follow_up);
    let response = &few["hotResponse"];
    assert_eq!((&response["after"]["leads"], &response["claim"]), (&json!(29), &Value::Null), "too few to claim");
    assert_eq!(response["after"]["workingSeconds"]["median"], HOUR);

    hot_leads(&world, "Enfin", 1, 20 * DAY, 20 * DAY - HOUR);
    world.settle().await;
    next_day(&world).await;
    let enough = kpi(&world, "").await;
    assert_eq!(enough["hotResponse"]["claim"], "better", "{enough:#}");
    assert!(enough["hotResponse"]["change"]["high"].as_f64().unwrap() < 0.0);
    assert_eq!(enough["preferredChannel"]["claim"], Value::Null);
    assert_eq!(kpi(&world, &format!("?team={TEAM}")).await["hotResponse"], enough["hotResponse"]);
    assert_eq!(kpi(&world, &format!("?user={}", LUC.0)).await["hotResponse"], enough["hotResponse"]);
    let table = command::table(&enough);
    assert!(table.contains("hot leads, median, working hours") && table.contains("28.5 h"), "{table}");
    let nobodys = kpi(&world, &format!("?user={}", CAMILLE.0)).await;
    assert_eq!((&nobodys["hotResponse"]["before"]["messages"], &nobodys["user"]), (&json!(0), &json!(CAMILLE.0)));
    assert_eq!(nobodys["before"], enough["before"]);
    for (query, status) in [("?user=nobody", 404), ("?team=none", 404), ("?of=me", 400), ("?team=a&user=b", 400)] {
        assert_eq!(world.api("GET", &format!("/api/kpi{query}"), json!({})).await.0, status, "{query}");
    }
    world.end().await;
}

/// Tried in vain by mail, answered on WhatsApp, called; then asked for a quote and got it on WhatsApp.
fn courted(world: &World, name: &str) -> String {
    let lead = world.lead(name, 85 * DAY, json!({}));
    for days in [84, 82] {
        world.mail_to(name, days * DAY, "Bonjour, avez-vous reçu notre offre ?");
    }
    for days in [80, 78] {
        world.whatsapp(&lead, "out", days * DAY, "Bonjour");
        world.whatsapp(&lead, "in", days * DAY - HOUR, "Bonjour, merci");
    }
    let call = world.call(&lead, "Outbound", "Not Held", 76 * DAY);
    let invited = json!({"parentType": null, "parentId": null, "leadsIds": [lead]});
    world.espo.update("Call", &call, "luc", invited);
    world.mail_from(name, 70 * DAY, "Bonjour, pouvez-vous m'envoyer un devis ?");
    world.whatsapp(&lead, "out", 70 * DAY - 2 * HOUR, "Voici votre devis");
    lead
}

#[tokio::test]
async fn a_won_lead_counts_with_all_that_happened_before_it_was_won() {
    let mut won_before = String::new();
    let world = World::with(setting(), |world| {
        let lead = courted(world, "Nina");
        world.espo.convert(&lead, "luc");
        // The CRM notes the instant itself: it was three weeks after the offer.
        world.espo.update("Lead", &lead, "admin", json!({"convertedAt": world.ago(55 * DAY)}));
        won_before.push_str(&lead);
        courted(world, "Sara");
    })
    .await;
    world.quiet().await;
    let known = |lead: &str| world.app().engine.store().activities(&LeadId::from(lead)).unwrap().len();
    assert_eq!(known(&won_before), 9, "what the conversion moved to the account is the lead's all the same");
    let figures = kpi(&world, "").await;
    let hot = &figures["hotResponse"]["before"];
    assert_eq!((&hot["messages"], &hot["answered"]), (&json!(2), &json!(2)));
    let by_channel = &figures["preferredChannel"]["before"];
    // The first of them with a known channel was the call.
    assert_eq!((&by_channel["notUsed"]["won"], &by_channel["notUsed"]["of"]), (&json!(1), &json!(2)), "{figures:#}");
    let forgotten = &figures["forgottenLeads"]["before"];
    assert_eq!((&forgotten["forgotten"], &forgotten["of"]), (&json!(1), &json!(1)), "only the open one");

    // One that is won while M.A.X. watches: its records are moved, and stay its own.
    world.clock.advance(80 * DAY);
    let lead = courted(&world, "Marie");
    world.settle().await;
    let before = known(&lead);
    world.clock.advance(MINUTE);
    world.espo.convert(&lead, "luc");
    world.settle().await;
    assert_eq!(known(&lead), before);
    next_day(&world).await;
    let after = &kpi(&world, "").await["hotResponse"]["after"];
    assert_eq!((&after["messages"], &after["answered"]), (&json!(1), &json!(1)));
    world.end().await;
}

/// Claire leads the team, and the figures have something to tell.
async fn led(more: &str) -> World {
    let config = format!("[teams.\"{TEAM}\"]\nmanagers = [\"{}\"]\n{more}", CLAIRE.0);
    let setting = Setting { linked: vec![LUC, CLAIRE], config, ..Setting::default() };
    let world = World::with(setting, |world| hot_leads(world, "Avant", 32, ASKED, ASKED - 3 * DAY)).await;
    world.clock.advance(42 * DAY);
    hot_leads(&world, "Depuis", 32, 20 * DAY, 20 * DAY - HOUR);
    world.settle().await;
    world
}

/// The weeks that have begun in Claire's chat.
fn weeks(world: &World) -> Vec<SentMessage> {
    world.messages(CLAIRE.1).into_iter().filter(|message| message.plain.contains("avant mon arrivée →")).collect()
}

/// Goes on to 9:05 in Paris on the day after so many days, in summer, and has the day begin.
async fn morning(world: &World, days: Seconds) {
    let into_day = (world.clock.now().0 + 2 * HOUR).rem_euclid(DAY);
    world.pass(days * DAY - into_day + 9 * HOUR + 5 * MINUTE).await;
    world.quiet().await;
    world.settle().await;
}

#[tokio::test]
async fn a_managers_week_begins_with_the_figures_and_a_picture_of_them_once() {
    let mut world = led("").await;
    // It is a Monday at 11:00, since the clocks have changed: that of the first week was told, or not, before.
    let before = weeks(&world).len();
    morning(&world, 7).await;
    let told = weeks(&world);
    assert_eq!(told.len(), before + 1, "{:#?}", world.messages(CLAIRE.1));
    let week = told.last().unwrap();
    assert!(week.photo.as_ref().is_some_and(|photo| photo.bytes.starts_with(&[0x89, b'P', b'N', b'G'])));
    insta::assert_snapshot!("a_week_begins", typed(&week.plain));
    assert!(world.messages(LUC.1).iter().all(|message| message.photo.is_none()), "Luc leads nobody");
    world.stop().await;
    world.start().await;
    world.settle().await;
    world.pass(HOUR).await;
    morning(&world, 1).await;
    assert_eq!(weeks(&world).len(), before + 1, "once a week, also across a restart");

    // Telegram does not take the picture: the text goes alone.
    world.telegram.fail_next("sendPhoto", Fault::BadRequest("Bad Request: IMAGE_PROCESS_FAILED"), 1);
    morning(&world, 6).await;
    let told = weeks(&world);
    assert_eq!(told.len(), before + 2);
    assert_eq!(told.last().unwrap().photo, None);
    assert_ne!(told.last().unwrap().plain, week.plain, "in other words than the week before");

    // Claire does not wish it any more.
    world.telegram.say(CLAIRE.1, "/settings").unwrap();
    world.settle().await;
    let settings = world.messages(CLAIRE.1).pop().unwrap();
    assert!(typed(&settings.plain).contains("Point du lundi : oui"), "{}", settings.plain);
    let key = settings.keyboard.iter().flatten().find(|key| key.text.contains("Point du lundi")).unwrap();
    world.telegram.tap(CLAIRE.1, settings.message_id, key.callback_data.as_ref().unwrap()).unwrap();
    world.settle().await;
    assert!(typed(&world.messages(CLAIRE.1).pop().unwrap().plain).contains("Point du lundi : non"));
    morning(&world, 7).await;
    assert_eq!(weeks(&world).len(), before + 2);
    world.end().await;
}

#[tokio::test]
async fn figures_of_the_week_come_only_to_who_leads_and_where_they_are_switched_on() {
    let mut world = led("").await;
    world.restart_with("[telegram]", "[telegram]\nweekly = false").await;
    world.settle().await;
    let before = weeks(&world).len();
    morning(&world, 7).await;
    assert_eq!(weeks(&world).len(), before);
    assert!(world.messages(LUC.1).iter().all(|message| !message.plain.contains("avant mon arrivée →")));
    world.telegram.say(LUC.1, "/settings").unwrap();
    world.settle().await;
    assert!(!world.last().plain.contains("Point du lundi"));
    world.end().await;
}

#[tokio::test]
async fn stats_tell_a_rep_and_a_manager_whether_it_helps() {
    let mut world = led("").await;
    next_day(&world).await;
    world.telegram.say(LUC.1, "/stats").unwrap();
    world.settle().await;
    let own = world.last();
    assert!(typed(&own.plain).contains("28 h (32 leads"), "{}", own.plain);
    assert!(typed(&own.plain).contains("→ 1 h (32 leads, 9 sur 10 en moins de 1 h) ✅"), "{}", own.plain);
    insta::assert_snapshot!("stats_of_a_rep", typed(&own.plain));
    world.telegram.say(CLAIRE.1, "/stats").unwrap();
    world.settle().await;
    let mine = world.messages(CLAIRE.1).pop().unwrap();
    assert!(!mine.plain.contains("→"), "Claire has no leads: {}", mine.plain);
    world.telegram.tap(CLAIRE.1, mine.message_id, "2:st:team").unwrap();
    world.settle().await;
    let team = world.messages(CLAIRE.1).pop().unwrap();
    assert!(typed(&team.plain).contains("28 h ("), "{}", team.plain);
    // Somebody else leads from now on: whose figures are whose is found out at the start.
    world.restart_with(CLAIRE.0, CAMILLE.0).await;
    world.settle().await;
    world.quiet().await;
    let led_by = |user: &str| report(world.app().engine.store(), &Whose::Led(user.into())).unwrap().unwrap();
    assert_eq!((led_by(CLAIRE.0).is_empty(), led_by(CAMILLE.0).is_empty()), (true, false));
    world.end().await;
}

#[tokio::test]
async fn the_command_asks_the_daemon_or_the_store() {
    let mut world = World::with(setting(), |world| hot_leads(world, "Avant", 2, ASKED, ASKED - 3 * DAY)).await;
    world.quiet().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    let daemon = world.app().address.to_string();
    let run = async |config: String| {
        std::fs::write(&path, config).unwrap();
        let arguments = ["max".into(), "kpi".into(), "--config".into(), path.clone().into_os_string()];
        let Command::Kpi(args) = Cli::parse_from(arguments).command else { panic!() };
        command::run(&args).await.map_err(|error| format!("{error:#}"))
    };
    run(world.config().replace("127.0.0.1:0", &daemon)).await.unwrap();
    world.stop().await;
    run(world.config().to_owned()).await.unwrap();
    world.lose_store();
    let refused = run(world.config().to_owned()).await.unwrap_err();
    assert!(refused.contains("no store"), "{refused}");
}
