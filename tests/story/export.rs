//! The mirror as the two files that a backtest reads: through the running daemon or without it, whole or not at all,
//! and meaning the same.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Parser;
use max::cli::{Cli, Command, backtest, export};
use max::config::Config;
use max::domain::{
    Activity, ActivityId, ActivityStatus, Channel, DAY, Direction, HOUR, Lead, LeadId, MINUTE, Reading, Timestamp,
};
use max::engine::export::{Export, Part};
use max::rules::Settings;
use max::store::{Batch, Store};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{LUC, Setting, TOKEN, World};

/// Where an export goes, and what it was told to do.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `max export`, with the configuration of the world.
    async fn export(&self, config: &str) -> Result<(), String> {
        self.export_to(config, &self.path("leads.ndjson"), &self.path("activities.ndjson")).await
    }

    async fn export_to(&self, config: &str, leads: &Path, activities: &Path) -> Result<(), String> {
        std::fs::write(self.path("config.toml"), config).unwrap();
        let config = self.path("config.toml");
        let command = ["max", "export", "--config"].map(Into::into);
        let files = ["--leads".into(), leads.as_os_str().to_owned(), "--activities".into(), activities.into()];
        let arguments = command.into_iter().chain([config.into_os_string()]).chain(files);
        let Command::Export(args) = Cli::parse_from(arguments).command else { panic!() };
        export::run(&args).await.map_err(|error| format!("{error:#}"))
    }

    fn bytes(&self) -> (Vec<u8>, Vec<u8>) {
        ["leads.ndjson", "activities.ndjson"].map(|name| std::fs::read(self.path(name)).unwrap()).into()
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What a backtest over both files has open at its end: (lead, type, anchor).
    fn open_at(&self, from: Timestamp, to: Timestamp) -> BTreeSet<(String, String, String)> {
        let (from, to) = (from.to_string(), to.to_string());
        let command = ["max", "backtest", "--from", &from, "--to", &to].map(Into::into);
        let leads = ["--leads".into(), self.path("leads.ndjson").into_os_string()];
        let activities = ["--activities".into(), self.path("activities.ndjson").into_os_string()];
        let arguments = command.into_iter().chain(leads).chain(activities);
        let Command::Backtest(args) = Cli::parse_from(arguments).command else { panic!() };
        let mut out = Vec::new();
        backtest::backtest(&args, &mut out).unwrap();
        let mut open = BTreeSet::new();
        for event in String::from_utf8(out).unwrap().lines() {
            let event: Value = serde_json::from_str(event).unwrap();
            let key = ["lead_id", "type", "anchor"].map(|name| event[name].as_str().unwrap().to_owned()).into();
            match event["event"].as_str() {
                Some("opened") => open.insert(key),
                _ => open.remove(&key),
            };
        }
        open
    }

    /// What is there beside the configuration.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != "config.toml");
        names.sort();
        names
    }
}

/// What the daemon has open: (lead, type, anchor).
fn open_now(world: &World) -> BTreeSet<(String, String, String)> {
    let alerts = world.app().engine.store().open_alerts().unwrap();
    let key = |alert: max::domain::Alert| {
        (alert.lead_id.to_string(), alert.alert_type.as_str().to_owned(), alert.anchor.to_string())
    };
    alerts.into_iter().map(key).collect()
}

/// A daemon that listens where its configuration says.
async fn world() -> World {
    World::with(Setting { webhooks: true, ..Setting::default() }, |_| {}).await
}

const NAMES: [&str; 4] = ["<b>Zoé</b> & \"Co\"", "Léa 🦊", "Rémi\nou\tRémy \u{0}\u{2028}", "\\"];

/// Leads in every state, with every kind of activity.
async fn busy() -> (World, Vec<String>) {
    let world = world().await;
    let mut leads: Vec<String> = NAMES.iter().map(|name| world.lead(name, 9 * DAY, json!({}))).collect();
    leads.push(world.lead(&"très long ".repeat(400), 9 * DAY, json!({})));
    let nameless = json!({"lastName": "", "emailAddress": null, "phoneNumber": null, "assignedUserId": null});
    leads.push(world.lead("", 9 * DAY, nameless));

    let nina = world.lead("Nina", 20 * DAY, json!({}));
    world.mail_to("Nina", 4 * DAY, "Bonjour Nina, avez-vous pu regarder notre offre ?");
    let away = world.lead("Alba", 20 * DAY, json!({}));
    world.mail_to("Alba", 5 * DAY, "Bonjour Alba");
    let machine = json!({"status": "Archived", "name": "Absence", "from": "alba@lead.example", "isAutoReply": true,
        "to": "luc@max.example", "dateSent": world.ago(4 * DAY), "body": "Je suis absente", "isHtml": false});
    world.espo.create("Email", "admin", machine);
    let booked = world.lead("Otto", 20 * DAY, json!({}));
    world.mail_to("Otto", 10 * DAY, "Bonjour Otto");
    let call = json!({"name": "Appel", "direction": "Outbound", "status": "Planned", "parentType": "Lead",
        "parentId": booked, "dateStart": world.ago(-2 * DAY), "createdAt": world.ago(DAY), "assignedUserId": LUC.0});
    world.espo.create("Call", "admin", call);
    let silent = world.lead("Vera", 60 * DAY, json!({}));
    world.mail_to("Vera", 45 * DAY, "Bonjour Vera");
    let forgotten = world.lead("Milo", 20 * DAY, json!({}));
    world.mail_to("Milo", 10 * DAY, "Bonjour Milo");
    world.mail_from("Milo", 9 * DAY, "Merci !");
    let twins = [(); 2].map(|()| world.lead("Emma", 20 * DAY, json!({})));
    world.mail_from("Emma", 26 * HOUR, "Quels sont vos horaires ?");
    let lost = world.lead("Paul", 300 * DAY, json!({"status": "Dead", "modifiedAt": world.ago(100 * DAY)}));
    world.mail_to("Paul", 120 * DAY, "Bonjour Paul");
    let silenced = json!({"doNotCall": true, "emailAddressIsOptedOut": true, "phoneNumberIsOptedOut": true});
    let left_alone = world.lead("Iris", 40 * DAY, silenced);
    let gone = world.lead("Hugo", 40 * DAY, json!({}));
    let liked = world.lead("Bella", 20 * DAY, json!({}));
    for days in [2, 4, 6] {
        world.whatsapp(&liked, "out", days * DAY, "Bonjour !");
        world.whatsapp(&liked, "in", days * DAY - HOUR, "Merci !");
        world.mail_to("Bella", days * DAY - 2 * HOUR, "Notre documentation");
    }
    world.call(&liked, "Outbound", "Held", DAY);
    world.settle().await;

    world.clock.advance(HOUR);
    let hot = world.lead("Sophie", 2 * DAY, json!({}));
    world.mail_from("Sophie", MINUTE, "Bonjour, vous pouvez m'envoyer un devis ?");
    world.call(&hot, "Inbound", "Not Held", MINUTE);
    let won = world.lead("Jean", 40 * DAY, json!({}));
    world.settle().await;
    world.espo.update("Lead", &won, "luc", json!({"status": "Converted"}));
    world.espo.delete("Lead", &gone, "luc");
    world.clock.advance(MINUTE);
    world.settle().await;
    leads.extend([nina, away, booked, lost, left_alone, gone, liked, hot, won]);
    leads.extend(twins);
    leads.extend([silent, forgotten]);
    (world, leads)
}

#[tokio::test]
async fn what_is_exported_means_to_a_backtest_what_it_means_to_the_daemon() {
    let (mut world, leads) = busy().await;
    let desk = Desk::new();
    desk.export(world.config()).await.unwrap();
    let (open, now) = (open_now(&world), world.clock.now());
    let types: BTreeSet<&str> = open.iter().map(|(_, alert_type, _)| alert_type.as_str()).collect();
    assert_eq!(types.len(), 7, "{types:?}");
    assert_eq!(desk.open_at(now.plus(-400 * DAY), now), open);

    let by_id = |id: &str| desk.lines("leads.ndjson").into_iter().find(|lead| lead["id"] == id).unwrap();
    assert_eq!(desk.lines("leads.ndjson").len(), leads.len());
    for (lead, name) in leads.iter().zip(NAMES) {
        let known = world.app().engine.store().lead(&LeadId::from(lead.as_str())).unwrap().unwrap().name;
        assert!(known.starts_with(name), "{known}");
        assert_eq!(by_id(lead)["name"], known);
    }
    assert!(by_id(&leads[4])["name"].as_str().unwrap().chars().count() >= 4_000);
    assert_eq!((&by_id(&leads[5])["name"], &by_id(&leads[5])["owner"]), (&json!(""), &json!(null)));
    assert_eq!(by_id(&leads[0])["owner"], "luc", "the login name");
    let [_, away, booked, lost, left_alone, gone, _, hot, won] = &leads[6..15] else { panic!() };
    assert_eq!(by_id(left_alone)["do_not_contact"], true);
    assert_eq!((&by_id(gone)["deleted"], &by_id(hot)["deleted"]), (&json!(true), &json!(false)));
    assert!(by_id(lost)["closed_at"].as_str().unwrap() < by_id(won)["closed_at"].as_str().unwrap());
    assert_eq!(by_id(hot).get("closed_at"), None);

    let activities = desk.lines("activities.ndjson");
    let ids: BTreeSet<&str> = activities.iter().map(|activity| activity["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), activities.len(), "an id comes once, also that of a mail of two leads");
    let of = |lead: &str, direction: &str| {
        activities.iter().find(|it| it["lead_id"] == lead && it["direction"] == direction).unwrap().clone()
    };
    for twin in &leads[15..17] {
        assert_eq!(of(twin, "in")["message_preview"], "Quels sont vos horaires ?");
    }
    assert_eq!(of(away, "in")["auto_reply"], true);
    let asks = |it: &Value| it["lead_id"] == json!(hot) && it["intent"] == true && it["expects_reply"] == true;
    assert_eq!(activities.iter().filter(|it| asks(it)).count(), 1);
    assert_eq!(of(away, "out").get("intent"), None, "an outbound has no reading");
    let planned = activities.iter().find(|it| it["status"] == "planned").unwrap();
    assert_eq!(planned["lead_id"], json!(booked));
    assert!(planned["created_at"].as_str().unwrap() < planned["timestamp"].as_str().unwrap());
    assert_eq!(planned.get("intent"), None);

    let known = world.app().engine.store().lead(&LeadId::from(leads[0].as_str())).unwrap().unwrap();
    assert_eq!(by_id(&leads[0])["owner_id"], json!(known.owner.unwrap()), "by which [people] names an owner");

    // The same once the daemon has stopped; what was there before is replaced.
    let through_the_daemon = desk.bytes();
    world.stop().await;
    std::fs::write(desk.path("leads.ndjson"), "old").unwrap();
    desk.export(world.config()).await.unwrap();
    assert!(desk.bytes() == through_the_daemon);
    assert_eq!(desk.files(), ["activities.ndjson", "leads.ndjson"]);
    world.start().await;
    world.end().await;
}

#[cfg(unix)]
#[tokio::test]
async fn what_customers_said_is_for_the_eyes_of_whoever_exports_it() {
    use std::os::unix::fs::PermissionsExt;
    let world = world().await;
    let desk = Desk::new();
    desk.export(world.config()).await.unwrap();
    for name in desk.files() {
        assert_eq!(std::fs::metadata(desk.path(&name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    world.end().await;
}

/// The mirror of a CRM with statuses of its own: what is active there is so by the CRM's word, which the store keeps.
#[tokio::test]
async fn a_status_that_only_the_crm_calls_closed_is_closed_with_and_without_a_daemon() {
    let options = ["New", "In Process", "Converted", "Recycled", "Dead", "Perdu"];
    let status = json!({"options": options, "notActualOptions": ["Converted", "Dead", "Perdu"]});
    let entities = json!({"Lead": {"fields": {"status": status}}});
    let mut world = World::with(Setting { webhooks: true, entities, ..Setting::default() }, |_| {}).await;
    let lost = world.lead("Paul", 40 * DAY, json!({"status": "Perdu"}));
    let open = world.lead("Nina", 40 * DAY, json!({"status": "Recycled"}));
    world.settle().await;
    let desk = Desk::new();
    for running in [true, false] {
        if !running {
            world.stop().await;
        }
        desk.export(world.config()).await.unwrap();
        let leads = desk.lines("leads.ndjson");
        let closed = |id: &str| leads.iter().find(|lead| lead["id"] == id).unwrap().get("closed_at").is_some();
        assert_eq!((closed(&lost), closed(&open)), (true, false), "running: {running}");
    }
}

#[tokio::test]
async fn a_refusal_says_what_to_do_and_no_secret() {
    let mut world = world().await;
    let desk = Desk::new();
    let running = world.config().to_owned();
    let tokenless =
        running.replace(&format!("token = \"{TOKEN}\""), "token = \"t\"").replace("[\"admin\"]", "[\"read\"]");
    let stranger = running.replace(TOKEN, "another-token");
    let cases = [(&tokenless, "add one with scopes = [\"admin\"]"), (&stranger, "restart it")];
    for (config, remedy) in cases {
        let error = desk.export(config).await.unwrap_err();
        assert!(error.contains(remedy), "{error}");
        for secret in [TOKEN, "another-token", max::sandbox::espo::API_KEY] {
            assert!(!error.contains(secret), "{error}");
        }
    }
    let nowhere = desk.path("no/such/folder.ndjson");
    let error = desk.export_to(&running, &nowhere, &desk.path("a")).await.unwrap_err();
    assert!(error.contains("folder.ndjson") && error.contains("create its folder"), "{error}");
    let error = desk.export_to(&running, desk.folder.path(), &desk.path("a")).await.unwrap_err();
    assert!(error.contains("is a folder"), "{error}");
    let error = desk.export_to(&running, &desk.path("a"), &desk.path("./a")).await.unwrap_err();
    assert!(error.contains("the same file"), "{error}");
    world.stop().await;
    world.lose_store();
    let error = desk.export(&running).await.unwrap_err();
    assert!(error.contains("no store") && error.contains("max run"), "{error}");
    let store = Config::from_toml(&running).unwrap().store.path;
    assert!(!store.exists(), "and none is made");
    drop(Store::open(&store).unwrap());
    let error = desk.export(&running).await.unwrap_err();
    assert!(error.contains("has not seen all of the CRM yet"), "{error}");
    assert_eq!(desk.files(), Vec::<String>::new(), "nothing is left behind");
}

#[tokio::test]
async fn before_the_first_backfill_is_complete_there_is_nothing_to_export() {
    let setting = Setting { webhooks: true, linked: vec![], ..Setting::default() };
    let world = World::not_yet_settled(setting, |world| world.espo.fail(max::sandbox::espo::Fault::Down)).await;
    let (status, answer) = world.api("GET", "/api/export/leads", json!(null)).await;
    assert_eq!((status, &answer["error"]["code"]), (503, &json!("unavailable")));
    let desk = Desk::new();
    let error = desk.export(world.config()).await.unwrap_err();
    assert!(error.contains("/readyz"), "{error}");
    assert_eq!(desk.files(), Vec::<String>::new());
    world.espo.heal();
    world.end().await;
}

#[tokio::test]
async fn the_routes_are_for_admins() {
    let world = world().await;
    for path in ["/api/export/leads", "/api/export/activities"] {
        let url = format!("http://{}{path}", world.app().address);
        assert_eq!(reqwest::get(&url).await.unwrap().status(), 401);
        let answer = reqwest::Client::new().get(&url).bearer_auth(TOKEN).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    }
    world.end().await;
}

/// A store that cannot be read to its end.
#[tokio::test]
async fn an_export_that_breaks_off_leaves_the_files_as_they_were() {
    let mut world = world().await;
    let lead = world.lead("Nina", DAY, json!({}));
    world.settle().await;
    let desk = Desk::new();
    desk.export(world.config()).await.unwrap();
    let before = desk.bytes();
    world.stop().await;
    let path = Config::from_toml(world.config()).unwrap().store.path;
    {
        let store = Store::open(&path).unwrap();
        let lead = store.lead(&LeadId::from(lead.as_str())).unwrap().unwrap();
        store.apply(many(&lead, 2_000)).unwrap();
        store.flush().unwrap();
    }
    {
        // A value that no version wrote, behind all others.
        let mut tries = std::iter::repeat_with(std::thread::yield_now).take(100_000);
        let db = tries.find_map(|()| sled::open(&path).ok()).unwrap();
        db.insert("L~", &[9]).unwrap();
        db.flush().unwrap();
    }
    let error = desk.export(world.config()).await.unwrap_err();
    assert!(error.contains("cannot be read"), "{error}");
    world.start().await;
    let error = desk.export(world.config()).await.unwrap_err();
    assert!(error.contains("the daemon broke off"), "{error}");
    assert!(desk.bytes() == before);
    assert_eq!(desk.files(), ["activities.ndjson", "leads.ndjson"]);
    world.stop().await;
}

/// So many leads like this one, with ids of their own.
fn many(lead: &Lead, count: usize) -> Batch {
    let mut batch = Batch::default();
    for number in 0..count {
        batch.put_lead(&Lead { id: LeadId(format!("lead{number:05}")), emails: Vec::new(), ..lead.clone() }, None);
    }
    batch
}

#[test]
fn portions_make_a_whole_whose_every_line_a_backtest_takes() {
    let desk = Desk::new();
    let store = Store::open(&desk.path("store")).unwrap();
    assert!(Export::of(&store, &Settings::default()).unwrap().is_none());
    let lead = Lead {
        status: "Dead".to_owned(),
        closed_at: Some(Timestamp(i64::MAX)),
        ..crate::rules::lead(Timestamp(i64::MIN))
    };
    let mut batch = many(&lead, 2_500);
    let ids = ["a", "a!", "a0", "b"];
    for (number, at) in (0..2_500).zip([i64::MIN, -1, 0, 1, i64::MAX].into_iter().cycle()) {
        let (channel, direction) = (Channel::Email, Direction::Out);
        let status = [ActivityStatus::Planned, ActivityStatus::Sent][number % 2];
        for id in ids {
            let activity = crate::rules::activity(id, Timestamp(at), channel, direction, status, Reading::default());
            batch.put_activity(&Activity { lead_id: LeadId(format!("lead{number:05}")), ..activity });
        }
    }
    batch.put_activity(&Activity {
        lead_id: LeadId::from("not seen yet"),
        id: ActivityId::from("a"),
        ..crate::rules::activity(
            "a",
            Timestamp(0),
            Channel::Call,
            Direction::In,
            ActivityStatus::Sent,
            Reading::default(),
        )
    });
    batch.put_meta("backfilled", &true);
    store.apply(batch).unwrap();
    let export = Export::of(&store, &Settings::default()).unwrap().unwrap();
    for (part, name, lines) in [(Part::Leads, "leads.ndjson", 2_500), (Part::Activities, "activities.ndjson", 10_000)] {
        let (mut text, mut after, mut portions) = (Vec::new(), None, 0);
        loop {
            let portion = export.portion(part, after.as_ref()).unwrap();
            text.extend(portion.lines);
            portions += 1;
            after = portion.next;
            if after.is_none() {
                break;
            }
        }
        std::fs::write(desk.path(name), text).unwrap();
        assert!(portions > 1, "{name}");
        assert_eq!(desk.lines(name).len(), lines, "{name}");
    }
    let activities = desk.lines("activities.ndjson");
    let of_one: Vec<&str> = activities[..4].iter().map(|activity| activity["id"].as_str().unwrap()).collect();
    assert!(of_one.is_sorted(), "the order among ties is kept: {of_one:?}");
    assert!(!desk.open_at(Timestamp(0), Timestamp(100 * DAY)).is_empty());
}
