//! Stories: EspoCRM's own working-time calendars say when a rep works, and is away.

use max::app::people;
use max::config::Config;
use max::domain::{DAY, HOUR, MINUTE, UserId};
use max::sandbox::espo::{Grant, Rights};
use serde_json::{Value, json};

use crate::support::{CAMILLE, LUC, Setting, TEAM, World};

/// The hours between which a user works, as the store has them: `8:00-12:00`.
fn hours_of(world: &World, user: &str) -> String {
    let calendars = people(&Config::from_toml(world.config()).unwrap()).calendars;
    let calendar = calendars.of(world.app().engine.store(), &UserId::from(user)).unwrap();
    let (from, to) = calendar.hours();
    format!("{}-{} {}", from.format("%H:%M"), to.format("%H:%M"), calendar.zone())
}

fn calendar(world: &World, name: &str, from: &str, to: &str) -> String {
    world.espo.create("WorkingTimeCalendar", "admin", json!({"name": name, "timeRanges": [[from, to]]}))
}

fn follow(world: &World, entity: &str, id: &str, calendar: Option<&str>) {
    world.espo.update(entity, id, "admin", json!({"workingTimeCalendarId": calendar}));
}

#[tokio::test]
async fn the_users_calendar_goes_before_the_teams_the_default_and_the_configuration() {
    const CONFIGURED: &str = "09:00-18:30 Europe/Paris";
    let world = World::begin().await;
    assert_eq!(hours_of(&world, LUC.0), CONFIGURED);

    let default = calendar(&world, "Standard", "9:00", "17:00");
    world.espo.set_default_calendar(Some(&default));
    world.pass(5 * MINUTE).await;
    assert_eq!(hours_of(&world, LUC.0), "09:00-17:00 Europe/Paris");

    let of_team = calendar(&world, "Nord", "8:00", "16:00");
    world.espo.update("User", LUC.0, "admin", json!({"defaultTeamId": TEAM}));
    follow(&world, "Team", TEAM, Some(&of_team));
    world.pass(5 * MINUTE).await;
    assert_eq!(hours_of(&world, LUC.0), "08:00-16:00 Europe/Paris");
    assert_eq!(hours_of(&world, CAMILLE.0), "09:00-17:00 Europe/Paris", "the team is not her default team");

    let own = world.espo.create(
        "WorkingTimeCalendar",
        "admin",
        json!({"name": "Luc", "timeZone": "America/Montreal", "timeRanges": [["10:00", "12:00"], ["13:00", "15:00"]]}),
    );
    follow(&world, "User", LUC.0, Some(&own));
    world.pass(5 * MINUTE).await;
    assert_eq!(hours_of(&world, LUC.0), "10:00-15:00 America/Montreal");

    world.espo.delete("WorkingTimeCalendar", &own, "admin");
    world.pass(5 * MINUTE).await;
    assert_eq!(hours_of(&world, LUC.0), "08:00-16:00 Europe/Paris", "what is gone is followed by nobody");
    world.end().await;
}

#[tokio::test]
async fn what_the_configuration_says_of_a_person_wins() {
    let config = format!("[people.{:?}]\nfrom = \"11:00\"\n", LUC.0);
    let world = World::with(Setting { config, ..Setting::default() }, |world| {
        world.espo.set_default_calendar(Some(&calendar(world, "Standard", "8:00", "16:00")));
    })
    .await;
    assert_eq!(hours_of(&world, LUC.0), "11:00-16:00 Europe/Paris");
    assert_eq!(hours_of(&world, CAMILLE.0), "08:00-16:00 Europe/Paris");
    world.end().await;
}

#[tokio::test]
async fn a_rep_is_told_in_the_hours_that_the_crm_keeps() {
    let world = World::with(Setting::default(), |world| {
        let noon = calendar(world, "À midi", "12:00", "14:00");
        follow(world, "User", LUC.0, Some(&noon));
    })
    .await;
    let before = world.messages(LUC.1).len();
    world.lead("Marie", 8 * DAY, json!({}));
    world.settle().await;
    assert_eq!(world.messages(LUC.1).len(), before, "it is ten");
    world.pass(2 * HOUR).await;
    assert!(world.last().plain.contains("Marie"));
    world.end().await;
}

#[tokio::test]
async fn while_the_crm_says_that_a_rep_is_off_whoever_stands_in_is_told() {
    let config = format!("[stand_ins]\n{} = {:?}\n", LUC.0, CAMILLE.0);
    let setting = Setting { config, linked: vec![LUC, CAMILLE], ..Setting::default() };
    let world = World::with(setting, |world| {
        let off =
            json!({"type": "Non-working", "dateStart": "2026-03-02", "dateEnd": "2026-03-03", "usersIds": [LUC.0]});
        world.espo.create("WorkingTimeRange", "admin", off);
    })
    .await;
    let (luc, camille) = (world.messages(LUC.1).len(), world.messages(CAMILLE.1).len());
    world.lead("Marie", 8 * DAY, json!({}));
    world.settle().await;
    assert_eq!(world.messages(LUC.1).len(), luc);
    let told = world.messages(CAMILLE.1).split_off(camille);
    assert!(told.len() == 1 && told[0].plain.contains("Marie"), "{told:#?}");
    world.pass(2 * DAY).await;
    assert!(world.messages(LUC.1).split_off(luc).iter().any(|message| message.plain.contains("Marie")), "Luc is back");
}

#[tokio::test]
async fn without_the_right_the_configuration_counts_and_nothing_is_wrong() {
    let without = Rights::of_max().with("WorkingTimeCalendar", Grant::NONE);
    let world = World::with(Setting::default(), |world| {
        world.espo.set_default_calendar(Some(&calendar(world, "Standard", "8:00", "16:00")));
        world.espo.set_rights("max_api", &without);
    })
    .await;
    assert_eq!(hours_of(&world, LUC.0), "09:00-18:30 Europe/Paris");
    assert!(world.app().status.crm().error.is_none());
    let asked = |world: &World| {
        let asks = |path: &str| path.starts_with("WorkingTimeCalendar");
        world.espo.requests().iter().filter(|request| asks(request.path.trim_start_matches("/api/v1/"))).count()
    };
    let before = asked(&world);
    world.pass(30 * MINUTE).await;
    assert_eq!(asked(&world), before, "it is not asked for at every turn");

    world.espo.set_rights("max_api", &Rights::of_max());
    world.pass(HOUR).await;
    assert_eq!(hours_of(&world, LUC.0), "08:00-16:00 Europe/Paris", "the right was given");
    world.espo.set_rights("max_api", &without);
    world.pass(5 * MINUTE).await;
    assert_eq!(hours_of(&world, LUC.0), "09:00-18:30 Europe/Paris", "and taken away");
    let stats: (u16, Value) = world.api("GET", "/readyz", Value::Null).await;
    assert_eq!(stats.0, 200);
    world.end().await;
}
