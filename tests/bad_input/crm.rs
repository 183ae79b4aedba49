//! A CRM that refuses, is away, or is something else.

use std::time::Duration;

use max::app::App;
use max::clock::Clock;
use max::config::Config;
use max::domain::{DAY, HOUR, MINUTE};
use max::sandbox::espo::{self, EspoSandbox, Fault};
use max::sandbox::telegram::{self, TelegramSandbox};
use serde_json::{Value, json};

use crate::support::log::Log;
use crate::support::{LUC, Setting, TOKEN, World};

/// How long, in real time, something that needs no clock may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A daemon that knows this CRM's address and key, whether they are right or not.
async fn daemon(url: &str, key: &str, clock: &Clock) -> (App, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store").display().to_string();
    let config = format!(
        "[store]\npath = {store:?}\n[espocrm]\nurl = \"{url}\"\napi_key = \"{key}\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [[http.tokens]]\nname = \"t\"\ntoken = \"{TOKEN}\"\nscopes = [\"admin\"]\n"
    );
    (App::start(Config::from_toml(&config).unwrap(), clock.clone()).await.unwrap(), folder)
}

async fn readyz(app: &App) -> (u16, Value) {
    let response = reqwest::get(format!("http://{}/readyz", app.address)).await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// Returns once the daemon has said what it thinks of its CRM.
async fn verdict(app: &App, clock: &Clock) -> (u16, Value) {
    for _ in 0..200 {
        let (status, body) = readyz(app).await;
        if !body["crm"]["error"].is_null() || status == 200 {
            return (status, body);
        }
        clock.advance(1);
    }
    panic!("the daemon says nothing of its CRM");
}

#[tokio::test]
async fn a_wrong_key_stops_before_the_lock_out_and_asks_for_a_person() {
    let (log, _guard) = Log::begin();
    let clock = Clock::manual(max::domain::Timestamp(1_795_000_000));
    let espo = EspoSandbox::start(clock.clone(), espo::Options::default()).await.unwrap();
    let (app, _folder) = daemon(&espo.url(), "not-the-key", &clock).await;
    let (status, body) = verdict(&app, &clock).await;
    assert_eq!((status, &body["crm"]["needsPerson"]), (503, &json!(true)), "{body}");
    assert!(body["reasons"][0].as_str().unwrap().contains("api_key"), "{body}");
    for _ in 0..30 {
        clock.advance(10 * MINUTE);
        readyz(&app).await;
    }
    let log_activity = json!({"leadId": "lead0000000000001", "channel": "call", "direction": "out"});
    let request = reqwest::Client::new().post(format!("http://{}/api/activities/log", app.address));
    let answer = request.bearer_auth(TOKEN).json(&log_activity).send().await.unwrap();
    assert_eq!(answer.status(), 201, "taken over, to be verified");
    let refused = espo.requests().iter().filter(|request| request.status == 401).count();
    assert!((1..=2).contains(&refused), "{refused} failed logins");
    assert_eq!(espo.requests().len(), refused, "nothing else was sent");
    assert_eq!(log.lines(&["ERROR", "api_key"]).len(), 1, "{}", log.text());
    assert!(!log.text().contains("not-the-key"));
    app.stop().await;
}

#[tokio::test]
async fn a_wrong_address_is_named() {
    let clock = Clock::manual(max::domain::Timestamp(1_795_000_000));
    let other = TelegramSandbox::start(clock.clone(), telegram::Options::default()).await.unwrap();
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    for (url, says) in [(other.url(), "check [espocrm] url"), (nobody, "unreachable")] {
        let (app, _folder) = daemon(&url, "a-key", &clock).await;
        let (status, body) = verdict(&app, &clock).await;
        assert_eq!(status, 503);
        assert!(body["reasons"][0].as_str().unwrap().contains(says), "{url}: {body}");
        app.stop().await;
    }
}

#[tokio::test]
async fn a_crm_that_is_down_or_a_web_page_at_the_start_is_read_once_it_is_back() {
    for fault in
        [Fault::Down, Fault::Html { status: 200, times: u32::MAX }, Fault::Status { status: 503, times: u32::MAX }]
    {
        let clock = Clock::manual(max::domain::Timestamp(1_795_000_000));
        let espo = EspoSandbox::start(clock.clone(), espo::Options::default()).await.unwrap();
        let old = clock.now().plus(-9 * DAY).to_espo();
        espo.create("Lead", "admin", json!({"lastName": "Martin", "status": "New", "createdAt": old}));
        espo.fail(fault.clone());
        let (app, _folder) = daemon(&espo.url(), espo::API_KEY, &clock).await;
        let (status, body) = verdict(&app, &clock).await;
        assert_eq!(status, 503, "{fault:?}: {body}");
        espo.heal();
        clock.advance(10 * MINUTE);
        let mut changes = espo.changes();
        let written = async {
            while espo.list("MaxAlert").is_empty() {
                changes.changed().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, written).await.unwrap_or_else(|_| panic!("{fault:?}"));
        assert_eq!(espo.list("MaxAlert").len(), 1, "{fault:?}");
        let ready = async { while readyz(&app).await.0 != 200 {} };
        tokio::time::timeout(PATIENCE, ready).await.unwrap_or_else(|_| panic!("{fault:?}"));
        app.stop().await;
    }
}

#[tokio::test]
async fn hours_without_the_crm_lose_nothing_and_repeat_nothing() {
    let (log, _guard) = Log::begin();
    let world = World::with(Setting::default(), |_| {}).await;
    let sophie = world.lead("Sophie", 2 * DAY, json!({}));
    world.whatsapp(&sophie, "in", HOUR, "Bonjour, je voudrais un devis.");
    let jean = world.lead("Jean", 2 * DAY, json!({}));
    let marie = world.lead("Marie", 7 * DAY - HOUR, json!({}));
    world.settle().await;
    let message = world.last();
    // What Luc may do is known for five minutes.
    world.tap("zz").await;

    world.espo.fail(Fault::Down);
    let done = crate::support::button(&message, "done").unwrap();
    world.telegram.tap(LUC.1, message.message_id, &done).unwrap();
    let report = json!({"id": "call-1", "leadId": jean, "channel": "call", "direction": "out", "status": "replied"});
    for _ in 0..2 {
        let (status, answer) = world.api("POST", "/api/activities/log", report.clone()).await;
        assert!(status < 300, "{answer}");
    }
    let unknown = json!({"id": "call-2", "leadId": "lead0of0nobody000", "channel": "call", "direction": "out"});
    assert_eq!(world.api("POST", "/api/activities/log", unknown).await.0, 201);
    let paul = world.lead("Paul", 2 * DAY, json!({}));
    world.whatsapp(&paul, "in", 0, "Bonjour, je voudrais commander.");
    for _ in 0..24 {
        world.clock.advance(10 * MINUTE);
        let _ = world.app().crm.look_now().await;
    }
    let (status, body) = world.api("GET", "/readyz", json!(null)).await;
    assert_eq!(status, 503, "{body}");
    assert!(body["outbox"]["depth"].as_u64().unwrap() >= 3, "{body}");
    assert_eq!(world.espo.list("MaxAlert").len(), 1, "what is known is too old for time to decide");
    let warnings = log.lines(&["WARN", "the CRM does not answer as it should"]).len();
    assert!((1..=3).contains(&warnings), "{warnings} lines for one outage");

    world.espo.heal();
    for _ in 0..10 {
        world.pass(10 * MINUTE).await;
    }
    assert_eq!(world.alert(&sophie, "HotLead24h")["status"], "Resolved");
    assert_eq!(world.alert(&sophie, "HotLead24h")["resolvedVia"], "telegram");
    assert_eq!(world.alert(&paul, "HotLead24h")["status"], "Open", "who wrote meanwhile is still hot");
    assert_eq!(world.alert(&marie, "NoContact7d")["status"], "Open");
    let logged = world.espo.list("MaxActivity").into_iter().filter(|one| one["dedupKey"] == "call-1").count();
    assert_eq!(logged, 1);
    assert!(world.espo.list("MaxActivity").iter().all(|one| one["dedupKey"] != "call-2"));
    assert!(!log.lines(&["WARN", "lead0of0nobody000", "dropped"]).is_empty());
    for name in ["Sophie", "Paul", "Marie"] {
        let told = world.messages(LUC.1).into_iter().filter(|one| one.plain.contains(name)).count();
        assert_eq!(told, 1, "{name}");
    }
    assert_eq!(log.lines(&["the CRM answers again"]).len(), 1);
    world.end().await;
}

#[tokio::test]
async fn an_answer_cut_after_storing_makes_no_second_record() {
    let world = World::with(Setting::default(), |_| {}).await;
    world.espo.fail(Fault::CutReplyAfterStoring { times: 2 });
    let lead = world.lead("Sophie", 8 * DAY, json!({}));
    world.settle().await;
    assert_eq!(world.alert(&lead, "NoContact7d")["status"], "Open");
    world.end().await;
}
