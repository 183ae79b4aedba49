//! Webhooks: what was done while the deliveries were recorded is done again, and each body must have the recorded
//! shape. And what becomes of deliveries that are not taken.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use max::clock::Clock;
use max::domain::Timestamp;
use max::sandbox::espo::{API_KEY, EspoSandbox, Options, Version, webhook_signature};
use serde_json::{Value, json};

use super::compare::compare_shapes;
use super::recording::Recording;

/// Keys that one side lacks. M.A.X. takes a body for a hint and reads the record, so it does not matter that these
/// depend on how EspoCRM happened to load what it saved.
const QUIRKS: &[(&str, &[&str])] = &[
    ("Call.create", &["phoneNumbersMap", "reminders"]),
    ("Call.update", &["phoneNumbersMap", "reminders"]),
    ("Task.update", &["reminders"]),
    ("Meeting.update", &["reminders"]),
    ("Meeting.create", &["dateEndDate", "dateStartDate", "leadsIds", "leadsNames", "usersNames"]),
    ("Email.create", &["assignedUsersNames", "usersColumns"]),
    (
        "Email.update",
        &[
            "accountName",
            "assignedUserName",
            "assignedUsersNames",
            "createdByName",
            "groupFolderName",
            "sendAt",
            "toEmailAddressesNames",
        ],
    ),
];

/// A receiver of webhooks that notes what came and answers as it is told.
#[derive(Clone, Default)]
struct Receiver {
    came: Arc<Mutex<Vec<(String, HeaderMap, String)>>>,
    answers: Arc<Mutex<Vec<u16>>>,
}

impl Receiver {
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(Self::take).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        url
    }

    async fn take(State(receiver): State<Self>, uri: Uri, headers: HeaderMap, body: String) -> StatusCode {
        receiver.came.lock().unwrap().push((uri.path().to_owned(), headers, body));
        StatusCode::from_u16(receiver.answers.lock().unwrap().pop().unwrap_or(200)).unwrap()
    }

    fn bodies(&self, path: &str) -> Vec<Value> {
        let came = self.came.lock().unwrap();
        let of_path = came.iter().filter(|(known, ..)| known == path);
        of_path.flat_map(|(_, _, body)| serde_json::from_str::<Vec<Value>>(body).unwrap()).collect()
    }

    fn count(&self) -> usize {
        self.came.lock().unwrap().len()
    }
}

async fn sandbox(version: Version) -> (EspoSandbox, Clock) {
    let clock = Clock::manual(Timestamp::parse_espo("2026-11-22 14:50:00").unwrap());
    let sandbox = EspoSandbox::start(clock.clone(), Options { version, ..Options::default() }).await.unwrap();
    (sandbox, clock)
}

async fn register(sandbox: &EspoSandbox, event: &str, url: &str, skip_own: bool) -> Value {
    let hook = json!({"event": event, "url": url, "skipOwn": skip_own});
    let post = reqwest::Client::new().post(format!("{}/api/v1/Webhook", sandbox.url())).header("X-Api-Key", API_KEY);
    let response = post.json(&hook).send().await.unwrap();
    assert_eq!(response.status(), 201);
    response.json().await.unwrap()
}

/// The things that were done while the deliveries were recorded, in that order.
fn retell(sandbox: &EspoSandbox, claire: &str, karim: &str, team: &str) {
    let now = "2026-11-22 14:50:36";
    let lead = sandbox.create(
        "Lead",
        "admin",
        json!({"firstName": "Hélène", "lastName": "Crochet", "emailAddress": "helene@client.example",
               "phoneNumber": "+33644444444", "description": "Créée / à rappeler", "assignedUserId": claire,
               "teamsIds": [team]}),
    );
    sandbox.create("Lead", "admin", json!({"lastName": "Second"}));
    sandbox.update("Lead", &lead, "admin", json!({"status": "In Process"}));
    let anew = json!({"emailAddress": "helene2@client.example", "phoneNumber": "+33655555555"});
    sandbox.update("Lead", &lead, "admin", anew);
    sandbox.update("Lead", &lead, "admin", json!({"assignedUserId": karim}));
    sandbox.update("Lead", &lead, "admin", json!({"teamsIds": []}));
    let about = |mut activity: Value| {
        activity["parentType"] = json!("Lead");
        activity["parentId"] = json!(lead);
        activity
    };
    let owned = |mut activity: Value| {
        activity["assignedUserId"] = json!(claire);
        about(activity)
    };
    let call = json!({"name": "Appel sortant", "dateStart": now, "dateEnd": now, "direction": "Outbound"});
    let call = sandbox.create("Call", "admin", owned(call));
    sandbox.update("Call", &call, "admin", json!({"status": "Held", "description": "Intéressée"}));
    let mail = json!({"name": "Question", "from": "helene2@client.example", "to": "claire@agence.example",
                      "body": "<p>Bonjour</p>", "dateSent": now});
    let mail = sandbox.create("Email", "admin", about(mail));
    let answer = json!({"name": "Re: Question", "status": "Sending", "from": "claire@agence.example",
                        "to": "helene2@client.example", "body": "<p>Bonjour, voici.</p>", "repliedId": mail});
    sandbox.create("Email", "claire", about(answer));
    let task = sandbox.create("Task", "admin", owned(json!({"name": "Relance", "dateEnd": now})));
    sandbox.update("Task", &task, "admin", json!({"status": "Completed"}));
    let meeting = json!({"name": "RDV", "dateStart": now, "dateEnd": now});
    let meeting = sandbox.create("Meeting", "admin", owned(meeting));
    sandbox.update("Meeting", &meeting, "admin", json!({"status": "Held"}));
    sandbox.delete("Call", &call, "admin");
    sandbox.delete("Lead", &lead, "admin");
}

fn retell_alert(sandbox: &EspoSandbox, claire: &str, team: &str, statuses: &[Value]) {
    let lead = sandbox.create("Lead", "admin", json!({"name": "Jean Dupont"}));
    let alert = json!({"name": "Jean n'a pas répondu", "type": "NoReply3d", "openedAt": "2026-11-22 09:00:00", "metadata": {},
                       "dedupKey": "al_livraison", "leadId": lead, "assignedUserId": claire, "teamsIds": [team]});
    let alert = sandbox.create("MaxAlert", "max_api", alert);
    for status in statuses {
        // Saved unchanged by somebody else before, so that the one who changes it is new each time.
        sandbox.update("MaxAlert", &alert, "max_api", json!({"dedupKey": "al_livraison"}));
        sandbox.update("MaxAlert", &alert, "claire", status.clone());
    }
    sandbox.delete("MaxAlert", &alert, "claire");
}

#[tokio::test]
async fn webhooks_carry_what_the_recorded_ones_carry() {
    let recordings: Vec<Recording> = Recording::all().into_iter().filter(Recording::is_delivery).collect();
    let mut found = Vec::new();
    for version in [Version::V9, Version::V10] {
        for folder in ["webhook-deliveries", "max-extension"] {
            let (sandbox, _) = sandbox(version).await;
            let receiver = Receiver::default();
            let url = receiver.start().await;
            let told: Vec<&Recording> =
                recordings.iter().filter(|r| r.version == version && r.folder() == folder).collect();
            for recording in &told {
                let event = recording.exchange["webhook"]["event"].as_str().unwrap();
                register(&sandbox, event, &format!("{url}/{event}"), false).await;
            }
            let team = sandbox.create("Team", "admin", json!({"name": "Commercial"}));
            let user = |login: &str, name: &str| {
                let address = format!("{login}@agence.example");
                let user = json!({"userName": login, "name": name, "emailAddress": address, "teamsIds": [team]});
                sandbox.create("User", "admin", user)
            };
            let (claire, karim) = (user("claire", "Claire Dubois"), user("karim", "Karim Benali"));
            if folder == "max-extension" {
                let snoozed = json!({"status": "Snoozed", "snoozedUntil": "2026-11-24 08:00:00"});
                retell_alert(&sandbox, &claire, &team, &[snoozed, json!({"status": "Resolved", "snoozedUntil": null})]);
            } else {
                retell(&sandbox, &claire, &karim, &team);
                retell_alert(&sandbox, &claire, &team, &[json!({"status": "Resolved"})]);
            }
            while sandbox.queued_webhooks() > 0 {
                sandbox.deliver_webhooks().await;
            }
            for recording in told {
                let event = recording.exchange["webhook"]["event"].as_str().unwrap();
                compare(recording, &receiver.bodies(&format!("/{event}")), &mut found);
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn compare(recording: &Recording, ours: &[Value], found: &mut Vec<String>) {
    let body = recording.exchange["request"]["body_raw"].as_str().unwrap();
    let mut recorded: Vec<Value> = serde_json::from_str(body).unwrap();
    let mut ours = ours.to_vec();
    // Leads of the later story are not in the recording.
    ours.truncate(recorded.len().max(1));
    let event = &recording.exchange["webhook"]["event"];
    let quirks = QUIRKS.iter().filter(|(known, _)| event == known).flat_map(|(_, keys)| *keys).collect::<Vec<_>>();
    for event in recorded.iter_mut().chain(&mut ours) {
        event.as_object_mut().unwrap().retain(|key, _| !quirks.iter().any(|quirk| *quirk == key));
    }
    let mut differences = Vec::new();
    compare_shapes("", &recorded.into(), &ours.into(), &mut differences);
    found.extend(differences.iter().map(|line| format!("{} {}: {line}", recording.version.number(), recording.name)));
}

#[tokio::test]
async fn a_delivery_is_signed_over_its_bytes_and_leaves_out_ones_own_doings() {
    let (sandbox, _) = sandbox(Version::V10).await;
    let receiver = Receiver::default();
    let url = receiver.start().await;
    let hook = register(&sandbox, "Lead.create", &url, true).await;
    sandbox.create("Lead", "max_api", json!({"name": "Le Nôtre"}));
    assert_eq!(sandbox.queued_webhooks(), 0);
    sandbox.create("Lead", "admin", json!({"name": "Hélène / Crochet"}));
    sandbox.deliver_webhooks().await;
    let (_, headers, body) = receiver.came.lock().unwrap()[0].clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    assert_eq!(headers["Signature"], webhook_signature(&text(&hook["id"]), &text(&hook["secretKey"]), &body));
    assert!(body.contains(r"H\u00e9l\u00e8ne \/ Crochet"), "{body}");
}

/// How often a delivery is seen when the first answer to it is `answer`.
async fn attempts(version: Version, answer: u16) -> (usize, usize) {
    let (sandbox, clock) = sandbox(version).await;
    let receiver = Receiver::default();
    let url = receiver.start().await;
    register(&sandbox, "Lead.create", &url, true).await;
    *receiver.answers.lock().unwrap() = vec![answer; 9];
    sandbox.create("Lead", "admin", json!({"name": "Jean Martin"}));
    for _ in 0..9 {
        sandbox.deliver_webhooks().await;
        clock.advance(600);
    }
    (receiver.count(), sandbox.list("Webhook").len())
}

#[tokio::test]
async fn a_delivery_is_retried_lost_or_the_end_of_its_webhook() {
    for (answer, seen, hooks) in
        [(200, 1, 1), (302, 1, 1), (503, 5, 1), (401, 5, 1), (400, 1, 1), (502, 1, 1), (410, 1, 0)]
    {
        assert_eq!(attempts(Version::V10, answer).await, (seen, hooks), "{answer}");
    }
}

#[tokio::test]
async fn a_closed_port_loses_the_delivery_on_ten_and_delays_it_on_nine() {
    for (version, left) in [(Version::V9, 1), (Version::V10, 0)] {
        let (sandbox, _) = sandbox(version).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        register(&sandbox, "Lead.create", &url, true).await;
        sandbox.create("Lead", "admin", json!({"name": "Jean Martin"}));
        sandbox.deliver_webhooks().await;
        assert_eq!(sandbox.queued_webhooks(), left, "{version:?}");
    }
}
