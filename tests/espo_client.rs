//! The EspoCRM client against the sandbox, over HTTP: what is fetched, what is written, and what goes wrong.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use max::clock::Clock;
use max::domain::alert::{Cited, Resolution, Via};
use max::domain::observation::Observation;
use max::domain::observation::RecordRef;
use max::domain::{
    Activity, ActivityId, ActivityStatus, Alert, AlertId, AlertState, AlertType, Anchor, Channel, Direction, Evidence,
    LeadId, MINUTE, Reading, TeamId, Timestamp, UserId,
};
use max::espo::error::ErrorKind;
use max::espo::sync::{self, PollCursor};
use max::espo::webhooks::{self, verify};
use max::espo::write::{ActivityWrite, AlertWrite, Written, upsert_activity, upsert_alert};
use max::espo::{Client, EspoSettings, Mapping, Retry, observe};
use max::sandbox::espo::{API_KEY, Account, Credential, EspoSandbox, Fault, Grant, Options, Rights, UserKind};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const NOW: Timestamp = Timestamp(1_795_000_000);

struct Crm {
    sandbox: EspoSandbox,
    clock: Clock,
    client: Client,
    mapping: Mapping,
}

impl Crm {
    async fn start() -> Self {
        Self::with(Options::default(), EspoSettings { page_size: 3, ..EspoSettings::new("", API_KEY) }).await
    }

    async fn with(options: Options, settings: EspoSettings) -> Self {
        let clock = Clock::manual(NOW);
        let sandbox = EspoSandbox::start(clock.clone(), options).await.unwrap();
        let client = Client::new(&EspoSettings { url: sandbox.url(), ..settings.clone() }).unwrap();
        let mapping = Mapping::new(&settings.activities, &settings.inbound_sources).unwrap();
        Self { sandbox, clock, client, mapping }
    }

    fn lead(&self, attributes: Value) -> String {
        let mut lead = json!({"name": "Jean Martin"});
        lead.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
        self.sandbox.create("Lead", "admin", lead)
    }

    async fn all_by_id(&self, entity: &str) -> Vec<String> {
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let page = sync::page_by_id(&self.client, &self.mapping, entity, after.as_deref()).await.unwrap();
            ids.extend(page.records.iter().map(|record| record.id().unwrap().to_owned()));
            after = page.next_after();
            if after.is_none() {
                return ids;
            }
        }
    }

    async fn poll(&self, entity: &str, since: Timestamp) -> Vec<String> {
        let (mut ids, mut cursor) = (Vec::new(), Some(PollCursor::since(since)));
        while let Some(at) = cursor {
            let (page, next) = sync::poll_page(&self.client, &self.mapping, entity, &at).await.unwrap();
            ids.extend(page.records.iter().map(|record| record.id().unwrap().to_owned()));
            cursor = next;
        }
        ids
    }

    async fn observed(&self, entity: &str, id: &str) -> Observation {
        let ids = [id.to_owned()];
        let refreshed = sync::refresh(&self.client, &self.mapping, entity, &ids).await.unwrap();
        observe(entity, &refreshed.records[0], &self.mapping, chrono_tz::Tz::UTC).unwrap()
    }

    fn requests_of(&self, method: &str) -> usize {
        self.sandbox.requests().iter().filter(|request| request.method == method).count()
    }
}

#[tokio::test]
async fn a_backfill_by_id_sees_every_row_once_and_knows_the_last_page_even_when_full() {
    let crm = Crm::start().await;
    let leads: BTreeSet<String> = (0..6).map(|_| crm.lead(json!({}))).collect();
    assert_eq!(crm.all_by_id("Lead").await, leads.into_iter().collect::<Vec<_>>());
    assert_eq!(crm.requests_of("GET"), 2);
    let page = sync::page_by_id(&crm.client, &crm.mapping, "Lead", None).await.unwrap();
    assert_eq!(page.server_time, Some(NOW));
    assert!(crm.all_by_id("Task").await.is_empty());
}

#[tokio::test]
async fn a_poll_goes_through_a_second_that_fills_many_pages() {
    let crm = Crm::start().await;
    let old = crm.lead(json!({}));
    crm.clock.advance(10);
    let same_second: BTreeSet<String> = (0..8).map(|_| crm.lead(json!({}))).collect();
    crm.clock.advance(10);
    crm.sandbox.update("Lead", &old, "admin", json!({"status": "Assigned"}));
    let polled = crm.poll("Lead", NOW.plus(10)).await;
    assert_eq!(polled.len(), 9);
    assert_eq!(polled[..8], same_second.into_iter().collect::<Vec<_>>());
    assert_eq!(polled[8], old);
    assert_eq!(crm.poll("Lead", NOW.plus(20)).await, [old]);
    assert!(crm.poll("Lead", NOW.plus(21)).await.is_empty());
}

#[tokio::test]
async fn records_are_read_through_the_columns_that_are_selected() {
    let crm = Crm::start().await;
    let team = crm.sandbox.create("Team", "admin", json!({"name": "Commercial"}));
    let claire = crm.sandbox.create(
        "User",
        "admin",
        json!({"userName": "claire", "name": "Claire Dubois", "emailAddress": "Claire@agence.example"}),
    );
    let lead = crm.lead(json!({
        "emailAddress": "Jean@client.example", "phoneNumber": "+33612345678", "assignedUserId": claire,
        "teamsIds": [team], "source": "Web Site", "description": "Je voudrais un devis", "doNotCall": true
    }));
    let Observation::Lead { lead: read, form, .. } = crm.observed("Lead", &lead).await else { panic!() };
    assert_eq!((read.name.as_str(), read.first_name.as_str()), ("Jean Martin", "Jean"));
    assert_eq!(read.emails, ["jean@client.example"]);
    assert_eq!((read.phone.as_deref(), read.do_not_call), (Some("+33612345678"), true));
    assert_eq!((read.owner, read.teams), (Some(UserId(claire.clone())), vec![TeamId(team)]));
    assert_eq!(form.unwrap().text.as_deref(), Some("Je voudrais un devis"));

    let Observation::User(user) = crm.observed("User", &claire).await else { panic!() };
    assert_eq!((user.call_name(), user.emails.as_slice()), ("Claire", &["claire@agence.example".to_owned()][..]));

    let call = crm.sandbox.create(
        "Call",
        "claire",
        json!({"name": "Appel", "status": "Held", "direction": "Inbound", "dateStart": "2026-11-18 10:00:00",
               "dateEnd": "2026-11-18 10:05:00", "leadsIds": [lead], "description": "Intéressé"}),
    );
    let Observation::Activity(read) = crm.observed("Call", &call).await else { panic!() };
    assert_eq!((read.channel, read.direction), (Channel::Call, Some(Direction::In)));
    assert_eq!((read.leads, read.text.as_deref()), (vec![LeadId(lead.clone())], Some("Intéressé")));

    let mail = crm.sandbox.create(
        "Email",
        "claire",
        json!({"name": "Question", "status": "Archived", "from": "Jean@client.example", "to": "claire@agence.example",
               "dateSent": "2026-11-18 11:00:00", "body": "<p>Bonjour&nbsp;!</p>", "isHtml": true}),
    );
    let Observation::Activity(read) = crm.observed("Email", &mail).await else { panic!() };
    let addresses = read.mail.unwrap();
    assert_eq!(
        (addresses.from.as_str(), addresses.to.as_slice()),
        ("jean@client.example", &["claire@agence.example".to_owned()][..])
    );
    assert_eq!((read.direction, read.text), (None, None));
    let texts = sync::bodies(&crm.client, &crm.mapping, "Email", &[mail.clone(), "gone".to_owned()]).await.unwrap();
    assert_eq!(texts, [(mail, "Bonjour !".to_owned())]);
}

#[tokio::test]
async fn what_the_crm_does_not_show_is_missing() {
    let crm = Crm::start().await;
    let (kept, deleted) = (crm.lead(json!({})), crm.lead(json!({})));
    crm.sandbox.delete("Lead", &deleted, "admin");
    let ids = [kept.clone(), deleted.clone()];
    let refreshed = sync::refresh(&crm.client, &crm.mapping, "Lead", &ids).await.unwrap();
    assert_eq!(refreshed.records.len(), 1);
    assert_eq!(refreshed.missing, std::slice::from_ref(&deleted));
    assert!(sync::lead_exists(&crm.client, &kept).await.unwrap());
    assert!(!sync::lead_exists(&crm.client, &deleted).await.unwrap());
    assert!(!sync::lead_exists(&crm.client, "").await.unwrap());
}

#[tokio::test]
async fn more_ids_than_an_address_holds_are_asked_for_in_turns() {
    let crm = Crm::with(Options::default(), EspoSettings::new("", API_KEY)).await;
    let leads: Vec<String> = (0..150).map(|_| crm.lead(json!({}))).collect();
    let refreshed = sync::refresh(&crm.client, &crm.mapping, "Lead", &leads).await.unwrap();
    assert_eq!((refreshed.records.len(), refreshed.missing.len()), (150, 0));
    assert_eq!(crm.requests_of("GET"), 2);
}

#[tokio::test]
async fn the_crm_says_who_and_where_it_is() {
    let crm = Crm::start().await;
    let settings = crm.client.settings().await.unwrap();
    assert_eq!((settings.version.as_str(), settings.time_zone), ("10.0.0", chrono_tz::Tz::Europe__Paris));
    assert_eq!(settings.server_time, Some(NOW));
    assert_eq!(crm.client.lead_statuses().await.unwrap().not_actual, ["Converted", "Recycled", "Dead"]);
    let me = crm.client.api_user().await.unwrap();
    assert_eq!((me.user_name.as_str(), me.kind.as_str()), ("max_api", "api"));
}

#[tokio::test]
async fn requests_are_signed_when_there_is_a_secret() {
    let mut options = Options::default();
    options.accounts.push(Account {
        id: None,
        user_name: "max_hmac".to_owned(),
        kind: UserKind::Api,
        credential: Credential::Hmac { key: "k".to_owned(), secret: "s".to_owned() },
        rights: Rights::of_max(),
    });
    let crm = Crm::with(options, EspoSettings { secret_key: Some("s".into()), ..EspoSettings::new("", "k") }).await;
    let lead = crm.lead(json!({}));
    assert_eq!(crm.all_by_id("Lead").await, std::slice::from_ref(&lead));
    assert_eq!(crm.client.get("Lead", &lead).await.unwrap().id(), Some(lead.as_str()));
}

#[tokio::test]
async fn a_refused_key_is_not_tried_again_until_a_person_has_looked() {
    let crm = Crm::with(Options::default(), EspoSettings::new("", "wrong")).await;
    for _ in 0..20 {
        let error = sync::page_by_id(&crm.client, &crm.mapping, "Lead", None).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Unauthorized));
        assert_eq!(error.retry(), Retry::NeedsPerson);
        assert!(!error.to_string().contains("wrong"), "{error}");
    }
    assert!(crm.client.is_refused());
    assert_eq!(crm.sandbox.requests().len(), 1);
    crm.client.resume();
    crm.client.api_user().await.unwrap_err();
    assert_eq!(crm.sandbox.requests().len(), 2);
}

#[tokio::test]
async fn failures_say_what_helps() {
    let crm = Crm::start().await;
    let ask = async || sync::page_by_id(&crm.client, &crm.mapping, "Lead", None).await.unwrap_err();

    crm.sandbox.fail(Fault::Html { status: 200, times: 1 });
    let error = ask().await;
    assert_eq!(error.retry(), Retry::NeedsPerson);
    assert!(error.to_string().contains("GET Lead") && error.to_string().contains("a web page"), "{error}");

    crm.sandbox.fail(Fault::Status { status: 503, times: 1 });
    assert_eq!(ask().await.retry(), Retry::Later);

    let none = sync::page_by_id(&crm.client, &crm.mapping, "MaxNothing", None).await.unwrap_err();
    assert!(
        matches!(&none.kind, ErrorKind::NoSuchEntity { entity } if entity == "MaxNothing") && none.entity_missing()
    );

    crm.sandbox.set_rights("max_api", &Rights::of_max().with("Lead", Grant::NONE));
    let error = ask().await;
    assert!(matches!(&error.kind, ErrorKind::Forbidden { reason } if reason == "No read access."), "{error}");

    crm.sandbox.fail(Fault::Down);
    let error = ask().await;
    assert!(matches!(error.kind, ErrorKind::Unreachable { .. }), "{error}");
    let chain = format!("{:#}", anyhow::Error::from(error));
    assert!(!chain.contains("searchParams") && !chain.contains(API_KEY), "{chain}");
}

/// Answers every second connection's request with a cut, as a server does with a connection it has given up.
async fn server_that_cuts_first(times: usize) -> (String, &'static AtomicUsize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked: &'static AtomicUsize = Box::leak(Box::default());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            if stream.read(&mut buffer).await.unwrap_or(0) > 0 && asked.fetch_add(1, Ordering::SeqCst) >= times {
                let body = r#"{"total":-2,"list":[],"id":"x"}"#;
                let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length";
                stream.write_all(format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes()).await.unwrap();
            }
        }
    });
    (url, asked)
}

#[tokio::test]
async fn a_dead_connection_is_tried_once_more_but_nothing_is_created_twice() {
    let (url, asked) = server_that_cuts_first(1).await;
    let client = Client::new(&EspoSettings::new(url, "k")).unwrap();
    let mapping = Mapping::new(&[], &[]).unwrap();
    sync::page_by_id(&client, &mapping, "Lead", None).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 2);

    let (url, asked) = server_that_cuts_first(1).await;
    let client = Client::new(&EspoSettings::new(url, "k")).unwrap();
    client.post("Lead", &serde_json::Map::new()).await.unwrap_err();
    assert_eq!(asked.load(Ordering::SeqCst), 1);

    let (url, asked) = server_that_cuts_first(9).await;
    let client = Client::new(&EspoSettings::new(url, "k")).unwrap();
    sync::page_by_id(&client, &mapping, "Lead", None).await.unwrap_err();
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_key_is_never_carried_along_a_redirection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let elsewhere = Crm::start().await;
    let location = elsewhere.sandbox.url();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 4096];
        let _ = stream.read(&mut buffer).await.unwrap();
        let head =
            format!("HTTP/1.1 301 Moved\r\nLocation: {location}/api/v1/Settings?x=1\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
    });
    let client = Client::new(&EspoSettings::new(url, "k")).unwrap();
    let error = client.settings().await.unwrap_err();
    assert!(error.to_string().contains("redirection to `http://127.0.0.1"), "{error}");
    assert!(elsewhere.sandbox.requests().is_empty());
}

fn alert(lead: &str) -> Alert {
    let last_out = Cited {
        activity_id: ActivityId::from("Call:c1"),
        channel: Channel::Call,
        direction: Direction::Out,
        at: NOW,
        preview: String::new(),
    };
    Alert {
        id: AlertId::from("a0123456789abcdef"),
        lead_id: LeadId::from(lead),
        alert_type: AlertType::NoReply3d,
        anchor: Anchor::At(NOW),
        state: AlertState::Open,
        opened_at: Some(NOW),
        openings: 1,
        due_at: Some(NOW.plus(60)),
        evidence: Evidence::NoReply { last_out },
        owner: None,
        teams: Vec::new(),
    }
}

fn write(alert: &Alert) -> AlertWrite<'_> {
    AlertWrite {
        alert,
        name: "Dernier message le <18 novembre>, sans réponse",
        suggested_action: "Relance douce sur WhatsApp",
        evidence: "Appel du 18 novembre",
        metadata: json!({"preferredChannel": "call", "rate": 80}),
        history: &[],
        message: None,
        draft: None,
        crm_id: None,
        seen: None,
    }
}

fn done(written: &Written) -> (&str, Timestamp) {
    match written {
        Written::Done { crm_id, modified_at } => (crm_id, modified_at.unwrap()),
        other => panic!("{other:?}"),
    }
}

/// As EspoCRM was seen to refuse it: "Can't relate with non-existing record. … link: message."
#[tokio::test]
async fn an_alert_whose_message_is_gone_is_written_without_it() {
    let crm = Crm::start().await;
    let me = crm.client.api_user().await.unwrap().id;
    let alert = alert(&crm.lead(json!({})));
    let gone = RecordRef::new("Email", "0000000000000gone");
    let wanted = AlertWrite { message: Some(&gone), draft: Some("Bonjour"), ..write(&alert) };
    let written = upsert_alert(&crm.client, &me, &wanted).await.unwrap();
    let record = crm.sandbox.get("MaxAlert", done(&written).0).unwrap();
    assert_eq!((&record["messageId"], &record["draft"]), (&json!(null), &json!("Bonjour")));
}

#[tokio::test]
async fn an_alert_is_created_once_changed_where_it_differs_and_otherwise_left_alone() {
    let crm = Crm::start().await;
    let me = crm.client.api_user().await.unwrap().id;
    let mut alert = alert(&crm.lead(json!({})));
    let written = upsert_alert(&crm.client, &me, &write(&alert)).await.unwrap();
    let (crm_id, created) = done(&written);
    let record = crm.sandbox.get("MaxAlert", crm_id).unwrap();
    assert_eq!((&record["status"], &record["dedupKey"]), (&json!("Open"), &json!("a0123456789abcdef")));
    assert_eq!(record["name"], "Dernier message le ‹18 novembre›, sans réponse");
    assert_eq!((&record["metadata"]["rate"], &record["openedAt"]), (&json!(80), &json!(NOW.to_espo())));

    crm.clock.advance(MINUTE);
    let again = upsert_alert(&crm.client, &me, &write(&alert)).await.unwrap();
    assert_eq!(done(&again), (crm_id, created));
    assert_eq!((crm.requests_of("POST"), crm.requests_of("PUT")), (1, 0));

    alert.state = AlertState::Resolved(Resolution {
        at: NOW.plus(30),
        by: "Claire".to_owned(),
        user: None,
        via: Via::Telegram,
        note: String::new(),
        act: alert.id.clone(),
    });
    let change = AlertWrite { crm_id: Some(crm_id), seen: Some(created), ..write(&alert) };
    let written = upsert_alert(&crm.client, &me, &change).await.unwrap();
    assert_eq!(done(&written), (crm_id, created.plus(MINUTE)));
    let record = crm.sandbox.get("MaxAlert", crm_id).unwrap();
    assert_eq!((&record["status"], &record["resolvedVia"]), (&json!("Resolved"), &json!("telegram")));
    assert_eq!(record["resolvedBy"], "Claire");
}

#[tokio::test]
async fn a_lost_answer_and_a_failed_server_never_make_two_alerts() {
    for fault in [
        Fault::CutReplyAfterStoring { times: 1 },
        Fault::RefuseWrites { status: 500, times: 1 },
        Fault::RefuseWrites { status: 409, times: 1 },
    ] {
        let crm = Crm::start().await;
        let me = crm.client.api_user().await.unwrap().id;
        let alert = alert(&crm.lead(json!({})));
        crm.sandbox.fail(fault.clone());
        let mut outcome = upsert_alert(&crm.client, &me, &write(&alert)).await;
        if matches!(fault, Fault::CutReplyAfterStoring { .. }) {
            assert!(outcome.is_ok(), "what was stored is found at once");
        } else {
            outcome.unwrap_err();
            outcome = upsert_alert(&crm.client, &me, &write(&alert)).await;
        }
        done(&outcome.unwrap());
        assert_eq!(crm.sandbox.list("MaxAlert").len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn what_a_person_did_to_an_alert_is_told_not_undone() {
    let crm = Crm::start().await;
    let me = crm.client.api_user().await.unwrap().id;
    let alert = alert(&crm.lead(json!({})));
    let written = upsert_alert(&crm.client, &me, &write(&alert)).await.unwrap();
    let (crm_id, created) = done(&written);
    crm.clock.advance(MINUTE);
    crm.sandbox.update("MaxAlert", crm_id, "admin", json!({"status": "Resolved"}));
    let stale = AlertWrite { crm_id: Some(crm_id), seen: Some(created), ..write(&alert) };
    let Written::Touched(touched) = upsert_alert(&crm.client, &me, &stale).await.unwrap() else { panic!() };
    assert_eq!((touched.status.as_str(), touched.modified_at), ("Resolved", created.plus(MINUTE)));
    assert_ne!(touched.modified_by, Some(me.clone()));
    let decided = AlertWrite { seen: Some(touched.modified_at), ..stale };
    done(&upsert_alert(&crm.client, &me, &decided).await.unwrap());
    assert_eq!(crm.sandbox.get("MaxAlert", crm_id).unwrap()["status"], "Open");

    crm.sandbox.delete("MaxAlert", crm_id, "admin");
    assert_eq!(upsert_alert(&crm.client, &me, &decided).await.unwrap(), Written::Gone);
    assert!(crm.sandbox.list("MaxAlert").is_empty());
}

#[tokio::test]
async fn an_alert_whose_owner_was_removed_is_written_without_one() {
    let crm = Crm::start().await;
    let me = crm.client.api_user().await.unwrap().id;
    let orphan = Alert { owner: Some(UserId::from("nobody")), ..alert(&crm.lead(json!({}))) };
    done(&upsert_alert(&crm.client, &me, &write(&orphan)).await.unwrap());
    let leadless = Alert { id: AlertId::from("a1"), ..alert("nolead") };
    let error = upsert_alert(&crm.client, &me, &write(&leadless)).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::NoSuchLink { .. }), "{error}");
    assert_eq!(error.retry(), Retry::Never);
}

#[tokio::test]
async fn a_link_that_leads_nowhere_takes_no_other_with_it() {
    let crm = Crm::start().await;
    let me = crm.client.api_user().await.unwrap().id;
    let owned = Alert { owner: Some(me.clone()), ..alert(&crm.lead(json!({}))) };
    let deleted = RecordRef::new("Call", "a-call-that-is-gone");
    let write = AlertWrite { message: Some(&deleted), ..write(&owned) };
    let written = upsert_alert(&crm.client, &me, &write).await.unwrap();
    let record = crm.sandbox.get("MaxAlert", done(&written).0).unwrap();
    assert_eq!(
        (&record["assignedUserId"], &record["messageId"]),
        (&json!(me), &json!(null)),
        "its owner sees it all the same"
    );
}

#[tokio::test]
async fn an_activity_comes_back_as_the_one_that_was_written() {
    let crm = Crm::start().await;
    let lead = crm.lead(json!({}));
    let mut activity = Activity {
        id: ActivityId::from("wa-1"),
        lead_id: LeadId(lead.clone()),
        channel: Channel::Whatsapp,
        direction: Direction::Out,
        status: ActivityStatus::Sent,
        preview: "Bonjour,\nvoici notre devis".to_owned(),
        timestamp: NOW,
        created_at: None,
        reading: Reading::default(),
        first_seen: NOW,
        fresh_as_of: NOW,
    };
    fn write(activity: &Activity) -> ActivityWrite<'_> {
        ActivityWrite { activity, name: "WhatsApp envoyé", owner: None, teams: &[], done_by: None, crm_id: None }
    }
    let written = upsert_activity(&crm.client, &write(&activity)).await.unwrap();
    let (crm_id, _) = done(&written);
    activity.status = ActivityStatus::Read;
    done(&upsert_activity(&crm.client, &write(&activity)).await.unwrap());
    assert_eq!((crm.requests_of("POST"), crm.requests_of("PUT")), (1, 1));
    let Observation::Activity(echo) = crm.observed("MaxActivity", crm_id).await else { panic!() };
    assert_eq!((&echo.id, echo.leads.as_slice()), (&activity.id, &[LeadId(lead)][..]));
    assert_eq!((echo.channel, echo.direction), (Channel::Whatsapp, Some(Direction::Out)));
    assert_eq!((echo.status, echo.timestamp), (ActivityStatus::Read, NOW));
    assert_eq!(echo.text.as_deref(), Some(activity.preview.as_str()));
}

#[tokio::test]
async fn webhooks_are_registered_once_and_their_deliveries_verified() {
    let crm = Crm::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let public = format!("http://{}", listener.local_addr().unwrap());
    let registered = webhooks::register(&crm.client, &crm.mapping, &public).await.unwrap();
    assert!(registered.hooks.iter().any(|hook| hook.event == "Lead.create"), "{:?}", registered.refused);
    assert!(registered.refused.is_empty(), "{:?}", registered.refused);
    let again = webhooks::register(&crm.client, &crm.mapping, &public).await.unwrap();
    assert_eq!(again.hooks.len(), registered.hooks.len());
    assert_eq!(crm.sandbox.list("Webhook").len(), registered.hooks.len());

    let receive = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&request).into_owned();
            let length =
                text.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if let (Some((head, body)), Some(length)) = (text.split_once("\r\n\r\n"), length)
                && body.len() >= length
            {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
                return (head.to_owned(), body.to_owned());
            }
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).await.unwrap();
            request.extend_from_slice(&buffer[..read]);
        }
    });
    let lead = crm.lead(json!({"name": "Hélène Crochet"}));
    crm.sandbox.deliver_webhooks().await;
    let (head, body) = receive.await.unwrap();
    assert!(head.starts_with("POST /webhooks/espocrm/Lead/create "), "{head}");
    let header = |name: &str| {
        head.lines().find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name))).unwrap().1
    };
    let hooks = || registered.hooks.iter().map(|hook| (&hook.id, &hook.secret));
    let id = verify(body.as_bytes(), header("Signature"), hooks()).unwrap();
    assert_eq!(registered.hooks.iter().find(|hook| hook.id == id).unwrap().event, "Lead.create");
    assert_eq!(webhooks::hints(body.as_bytes()), [lead]);
}
