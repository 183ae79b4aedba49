//! The demo page's endpoints, on the sample world: what a newcomer does there arrives where it would in life.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use max::clock::Clock;
use max::domain::observation::{ActivityDraft, Observation};
use max::domain::{Activity, AlertType, DAY, Direction, Lead, Reading, Timestamp};
use max::espo::{Client, EspoSettings, Mapping, observe, sync};
use max::insight::reading;
use max::rules::{self, Facts};
use max::sandbox::espo::{self, EspoSandbox};
use max::sandbox::page::{self, PageState};
use max::sandbox::seed;
use max::sandbox::telegram::{self, TelegramSandbox};
use serde_json::{Value, json};
use tokio::sync::watch;

const START: Timestamp = Timestamp(1_772_355_600);
const SOPHIE: &str = "5eed1ead000000001";

struct Demo {
    telegram: TelegramSandbox,
    espo: EspoSandbox,
    clock: Clock,
    language: Arc<watch::Sender<String>>,
    url: String,
    http: reqwest::Client,
}

impl Demo {
    async fn start() -> Self {
        let clock = Clock::manual(START);
        let telegram = TelegramSandbox::start(clock.clone(), telegram::Options::default()).await.unwrap();
        let espo = EspoSandbox::start(clock.clone(), espo::Options::default()).await.unwrap();
        seed::populate(&espo, clock.now());
        telegram.open_chat(seed::rep_on_telegram());
        let language = Arc::new(watch::Sender::new("fr".to_owned()));
        let state = PageState::new(telegram.clone(), espo.clone(), clock.clone(), Arc::clone(&language));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, page::router(state)).await });
        Self { telegram, espo, clock, language, url, http: reqwest::Client::new() }
    }

    async fn state(&self) -> Value {
        self.http.get(format!("{}/demo/state", self.url)).send().await.unwrap().json().await.unwrap()
    }

    async fn post(&self, what: &str, body: Value) -> u16 {
        let request = self.http.post(format!("{}/demo/{what}", self.url)).json(&body);
        request.send().await.unwrap().status().as_u16()
    }

    /// As M.A.X. does: through the Bot API.
    async fn max_sends(&self, text: &str, keyboard: Value) {
        let url = format!("{}/bot{}/sendMessage", self.telegram.url(), telegram::Options::default().token);
        let body = json!({ "chat_id": seed::REP_CHAT, "parse_mode": "HTML", "text": text,
                           "reply_markup": { "inline_keyboard": keyboard } });
        assert_eq!(self.http.post(url).json(&body).send().await.unwrap().status(), 200);
    }

    fn max_alerts(&self) -> String {
        let record = json!({ "name": "Dernier message le 26 février, sans réponse", "type": "NoReply3d",
                             "severity": "medium", "openedAt": self.clock.now().to_espo(), "leadId": SOPHIE,
                             "dedupKey": "k" });
        self.espo.create("MaxAlert", "max_api", record)
    }
}

/// Which alerts each lead would have at an instant, by its name, as the CRM is read and judged in production.
async fn verdicts(demo: &Demo, now: Timestamp) -> BTreeMap<String, Vec<AlertType>> {
    let settings = EspoSettings { url: demo.espo.url(), ..EspoSettings::new("", espo::API_KEY) };
    let client = Client::new(&settings).unwrap();
    let mapping = Mapping::new(&settings.activities, &settings.inbound_sources).unwrap();
    let (mut leads, mut drafts) = (Vec::new(), Vec::new());
    for entity in ["Lead", "Call", "Meeting", "Email", "Task", "MaxActivity"] {
        for record in sync::page_by_id(&client, &mapping, entity, None).await.unwrap().records {
            match observe(entity, &record, &mapping, chrono_tz::Europe::Paris).unwrap() {
                Observation::Lead { lead, form, .. } => {
                    leads.push(*lead);
                    drafts.extend(form.map(|form| *form));
                }
                Observation::Activity(draft) => drafts.push(*draft),
                other => panic!("{other:?}"),
            }
        }
    }
    let rules = rules::Settings::default();
    let verdict = |lead: &Lead| {
        let mut activities: Vec<Activity> = drafts
            .iter()
            .filter(|draft| draft.leads.contains(&lead.id))
            .map(|draft| ascribed(demo, draft, lead))
            .collect();
        activities.sort_by(|a, b| (a.timestamp, &a.id).cmp(&(b.timestamp, &b.id)));
        let evaluation = rules::evaluate(&Facts { lead, activities: &activities, alerts: &[] }, &rules, now);
        let (beside, ladder): (Vec<_>, Vec<_>) = evaluation
            .findings()
            .map(|finding| finding.alert_type)
            .partition(|one| *one == AlertType::PreferredChannel);
        ladder.into_iter().take(1).chain(beside).collect()
    };
    leads.iter().map(|lead| (lead.name.clone(), verdict(lead))).collect()
}

fn ascribed(demo: &Demo, draft: &ActivityDraft, lead: &Lead) -> Activity {
    let sent_by_lead = draft.mail.as_ref().is_some_and(|mail| lead.emails.contains(&mail.from));
    let by_address = if sent_by_lead { Direction::In } else { Direction::Out };
    let body = || demo.espo.get("Email", &draft.record.id).map(|mail| mail["bodyPlain"].as_str().unwrap().to_owned());
    let preview = draft.text.clone().or_else(body).unwrap_or_default();
    let mut reading = reading::read(&preview);
    reading.auto_reply |= draft.auto_reply;
    Activity {
        id: draft.id.clone(),
        lead_id: lead.id.clone(),
        channel: draft.channel,
        direction: draft.direction.unwrap_or(by_address),
        status: draft.status,
        preview,
        timestamp: draft.timestamp,
        created_at: draft.created_at,
        reading,
        first_seen: START,
        fresh_as_of: draft.timestamp,
    }
}

#[tokio::test]
async fn the_sample_world_makes_every_rule_speak() {
    use AlertType::{
        AwaitingReply24h, HotLead24h, NoContact7d, NoFollowup7d, NoReply3d, PreferredChannel, StaleLead30d,
    };
    let demo = Demo::start().await;
    let mut expected = BTreeMap::from(
        [
            ("Sophie Martin", vec![NoReply3d]),
            ("TechCorp SAS", vec![HotLead24h]),
            ("Restaurant Bella", vec![NoReply3d, PreferredChannel]),
            ("Jean Dupont", vec![NoFollowup7d]),
            ("Camille Bernard", vec![NoContact7d]),
            ("Boulangerie Lemoine", vec![StaleLead30d]),
            ("Hôtel des Alpes", vec![AwaitingReply24h]),
            ("Garage Petit", vec![]),
            ("Nadia Benali", vec![]),
            ("Inès Caron", vec![HotLead24h]),
        ]
        .map(|(name, alerts)| (name.to_owned(), alerts)),
    );
    assert_eq!(verdicts(&demo, START).await, expected);

    let quote = json!({ "leadId": SOPHIE, "channel": "whatsapp", "text": "Bonjour, vous pouvez m'envoyer un devis ?" });
    assert_eq!(demo.post("lead-writes", quote).await, 204);
    expected.insert("Sophie Martin".to_owned(), vec![HotLead24h]);
    expected.insert("Nadia Benali".to_owned(), vec![NoReply3d]);
    assert_eq!(verdicts(&demo, START.plus(DAY)).await, expected, "a machine's answer is none");
}

fn lead<'a>(state: &'a Value, id: &str) -> &'a Value {
    state["leads"].as_array().unwrap().iter().find(|lead| lead["id"] == id).unwrap()
}

#[tokio::test]
async fn everything_the_page_needs_comes_from_itself() {
    let demo = Demo::start().await;
    for (path, kind, holds) in [
        ("/", "text/html", "<title>M.A.X."),
        ("/app.js", "text/javascript", "EventSource"),
        ("/style.css", "text/css", ":root"),
    ] {
        let answer = demo.http.get(format!("{}{path}", demo.url)).send().await.unwrap();
        assert!(answer.headers()["content-type"].to_str().unwrap().starts_with(kind));
        assert!(answer.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
        let body = answer.text().await.unwrap();
        assert!(body.contains(holds), "{path}");
        let elsewhere = body.replace("http://www.w3.org/2000/svg", "").replace("xmlns='http://www.w3.org", "");
        assert!(!elsewhere.contains("http://") && !elsewhere.contains("https://"), "{path} names another host");
    }
}

#[tokio::test]
async fn the_sample_world_is_ten_leads_with_a_past() {
    let demo = Demo::start().await;
    let state = demo.state().await;
    let leads = state["leads"].as_array().unwrap();
    assert_eq!(leads.len(), 10);
    assert_eq!(leads[0]["name"], "Sophie Martin", "the page's hint names the first lead");
    for lead in leads {
        assert!(lead["phone"].as_str().unwrap().starts_with("+33"), "{lead}");
        for activity in lead["activities"].as_array().unwrap() {
            let at = Timestamp::parse_rfc3339(activity["at"].as_str().unwrap()).unwrap();
            let planned = activity["status"] == "planned";
            assert_eq!(at > START, planned, "{activity}");
        }
    }
    let planned = &lead(&state, "5eed1ead000000008")["activities"];
    assert!(planned.as_array().unwrap().iter().any(|one| one["status"] == "planned"), "{planned}");
    assert_eq!(state["now"], "2026-03-01T09:00:00Z");
}

#[tokio::test]
async fn what_the_lead_writes_is_a_record_in_the_crm() {
    let demo = Demo::start().await;
    let before = lead(&demo.state().await, SOPHIE)["activities"].as_array().unwrap().len();
    let quote = "Bonjour, vous pouvez m'envoyer un devis ?";
    assert_eq!(demo.post("lead-writes", json!({ "leadId": SOPHIE, "channel": "whatsapp", "text": quote })).await, 204);
    assert_eq!(demo.post("lead-writes", json!({ "leadId": SOPHIE, "channel": "email", "text": quote })).await, 204);
    assert_eq!(demo.post("lead-writes", json!({ "leadId": SOPHIE, "channel": "call" })).await, 204);
    let whatsapp = demo.espo.list("MaxActivity").into_iter().find(|one| one["messagePreview"] == quote).unwrap();
    assert_eq!((&whatsapp["direction"], &whatsapp["leadId"]), (&json!("in"), &json!(SOPHIE)));
    let mail = demo.espo.list("Email").into_iter().find(|one| one["bodyPlain"] == quote).unwrap();
    assert_eq!((&mail["from"], &mail["status"]), (&json!("sophie@maison-martin.example"), &json!("Archived")));
    let state = demo.state().await;
    let activities = lead(&state, SOPHIE)["activities"].as_array().unwrap();
    assert_eq!(activities.len(), before + 3);
    let inbound: Vec<&Value> = activities.iter().filter(|one| one["at"] == state["now"]).collect();
    assert_eq!(inbound.len(), 3);
    assert!(inbound.iter().all(|one| one["direction"] == "in"), "{inbound:?}");

    assert_eq!(demo.post("lead-writes", json!({ "leadId": SOPHIE, "channel": "email", "text": " " })).await, 422);
    assert_eq!(demo.post("lead-writes", json!({ "leadId": "nobody", "channel": "email", "text": "a" })).await, 422);
    assert_eq!(demo.post("lead-writes", json!({ "leadId": SOPHIE, "channel": "fax", "text": "a" })).await, 422);
}

#[tokio::test]
async fn buttons_and_words_of_the_rep_reach_the_bot() {
    let demo = Demo::start().await;
    assert_eq!(demo.post("say", json!({ "text": "/start abc" })).await, 204);
    let keyboard = json!([[{ "text": "Traité", "callback_data": "1:done:a1" }]]);
    demo.max_sends("<b>Sophie</b> &amp; vous", keyboard).await;
    let state = demo.state().await;
    let [said, sent] = state["chat"].as_array().unwrap().as_slice() else { panic!("{state}") };
    assert_eq!((&said["from"], &said["html"], &said["text"]), (&json!("rep"), &Value::Null, &json!("/start abc")));
    assert_eq!(
        (&sent["html"], &sent["keyboard"][0][0]["data"]),
        (&json!("<b>Sophie</b> &amp; vous"), &json!("1:done:a1"))
    );
    let tap = json!({ "message_id": sent["id"], "data": "1:done:a1" });
    assert_eq!(demo.post("tap", tap).await, 204);
    assert!(!demo.telegram.all_updates_confirmed());
    assert_eq!(demo.post("tap", json!({ "message_id": sent["id"], "data": "1:done:a2" })).await, 422);
}

#[tokio::test]
async fn alerts_are_edited_in_the_crm_by_the_manager() {
    let demo = Demo::start().await;
    let id = demo.max_alerts();
    assert_eq!(demo.post("alert", json!({ "id": id, "status": "Snoozed" })).await, 204);
    let snoozed = demo.espo.get("MaxAlert", &id).unwrap();
    assert_eq!(snoozed["snoozedUntil"], START.plus(DAY).to_espo());
    assert_eq!(demo.post("alert", json!({ "id": id, "status": "Resolved" })).await, 204);
    let state = demo.state().await;
    assert_eq!(state["alerts"][0]["leadName"], "Sophie Martin");
    assert_eq!(
        (&state["alerts"][0]["status"], &state["alerts"][0]["resolvedBy"]),
        (&json!("Resolved"), &json!("Claire Dubois"))
    );
    assert_eq!(demo.post("alert", json!({ "id": id, "status": "Open" })).await, 204);
    let open = demo.espo.get("MaxAlert", &id).unwrap();
    assert_eq!((&open["status"], &open["snoozedUntil"]), (&json!("Open"), &Value::Null));
    assert_eq!(demo.post("alert", json!({ "id": id, "status": "Closed" })).await, 422);
}

#[tokio::test]
async fn clock_and_language_move_and_watchers_are_told() {
    let demo = Demo::start().await;
    let mut events = demo.http.get(format!("{}/demo/events", demo.url)).send().await.unwrap();
    let mut language = demo.language.subscribe();
    assert_eq!(demo.post("clock", json!({ "hours": 72 })).await, 204);
    assert_eq!(demo.clock.now(), START.plus(3 * DAY));
    let tick = tokio::time::timeout(Duration::from_secs(20), events.chunk()).await.unwrap().unwrap().unwrap();
    assert!(tick.starts_with(b"data: changed"));
    assert_eq!(demo.post("clock", json!({ "hours": -1 })).await, 422);
    assert_eq!(demo.post("language", json!({ "language": "en" })).await, 204);
    assert_eq!(*language.borrow_and_update(), "en");
    assert_eq!(demo.post("language", json!({ "language": "de" })).await, 422);
    assert_eq!(demo.state().await["language"], "en");
}

#[tokio::test]
async fn the_texts_the_page_proposes_are_read_as_they_are_meant() {
    let demo = Demo::start().await;
    let script = demo.http.get(format!("{}/app.js", demo.url)).send().await.unwrap().text().await.unwrap();
    let reading = |intent, expects_reply, auto_reply| Reading { intent, expects_reply, auto_reply };
    let (hot, question, thanks, machine) = (
        reading(true, true, false),
        reading(false, true, false),
        reading(false, false, false),
        reading(false, false, true),
    );
    for (text, meant) in [
        ("Bonjour, vous pouvez m'envoyer un devis ?", hot),
        ("Hello, could you send me a quote?", hot),
        ("Avez-vous bien reçu mon dernier message ?", question),
        ("Did you get my last message?", question),
        ("Merci, bonne journée !", thanks),
        ("Thanks, have a nice day!", thanks),
        ("Je suis absent jusqu'au 12. Ceci est une réponse automatique.", machine),
        ("I am out of the office until the 12th. This is an automatic reply.", machine),
    ] {
        assert!(script.contains(&format!("\"{text}\"")), "the page does not propose: {text}");
        assert_eq!(reading::read(text), meant, "{text}");
    }
}
