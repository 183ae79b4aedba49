//! Does the sandbox tell the truth? Every recorded exchange with a real EspoCRM is replayed against it: the world
//! is set up as the recorded answer presupposes, the request is sent as it was, and status, headers and the shape
//! of the body (keys, types, nulls; for refusals every word) must be the recorded ones.

mod accounts;
mod compare;
mod convergence;
mod hooks;
mod recording;
mod scene;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use max::clock::Clock;
use max::domain::Timestamp;
use max::espo::extension;
use max::sandbox::espo::{EspoSandbox, webhook_signature};
use serde_json::{Value, json};

use accounts::{headers, options};
use compare::{differences, uncounted};
use recording::{Known, Recording};
use scene::{fill, prepare};

/// Recordings that are not replayed, and why. A line names one recording, a folder (ending in `/`), or all whose name
/// begins so (ending in `-`).
const NOT_REPLAYED: &[(&str, &str)] = &[
    ("activities/lead-activities", "the panel's merged list; M.A.X. reads the entities themselves"),
    ("activities/lead-history", "the panel's merged list; M.A.X. reads the entities themselves"),
    ("activities/lead-stream", "the stream; M.A.X. does not read it"),
    ("activities/note-list", "the stream; M.A.X. does not read it"),
    ("custom-entity/assignment-notification-as-user", "the bell; M.A.X. does not read it"),
    ("custom-entity/custom-route-ping", "a route of the extension that was recorded, not of ours"),
    ("custom-entity/extension-list-admin", "the list of extensions is for administrators"),
    (
        "max-daemon/connect-settings",
        "M.A.X. reads version and time zone of some eighty settings; the sandbox has these",
    ),
    ("max-dashboard/", "what the dashlet asks, and that people cannot ask otherwise; M.A.X. does neither"),
    (
        "max-feed/alert-message-taken-away",
        "the answer still shows the name of the message that is gone, and nothing else tells which one it was",
    ),
    ("max-convergence/relink-5-another-parent", "the answer shows the call's uid, which calendars exchange"),
    ("max-convergence/user-2-deactivate", "an administrator's view of a user; M.A.X. is none"),
    ("max-extension/metadata-alert-status", "recorded when the field was still audited; it no longer is"),
    ("max-heartbeat/heartbeat-no-instant-400", "the sandbox takes any text; M.A.X. sends instants"),
    ("max-link/route-", "the button on the profile; M.A.X. reads the records themselves"),
    (
        "max-mail/mail-refused-stays-a-draft",
        "the row does not show the key that it is found by, and no other answer does",
    ),
    ("max-setup/upload-not-an-archive", "the reason names a file that EspoCRM made up"),
    ("openapi/", "the description of the instance; M.A.X. does not read it"),
];

/// One exchange, as the sandbox has it.
struct Replayed {
    status: u16,
    reason: Option<String>,
    content_type: Option<String>,
    asks: Option<String>,
    body: Value,
}

async fn replay(recording: &Recording, sandbox: &EspoSandbox, http: &reqwest::Client) -> Replayed {
    let method = recording.method().parse().unwrap();
    let mut request = http.request(method, format!("{}/api/v1/{}", sandbox.url(), recording.target()));
    for (name, value) in headers(recording) {
        request = request.header(name, value);
    }
    request = match recording.sent() {
        Value::Null => request,
        Value::String(text) if text == "<the archive>" => request.body(archive()),
        Value::String(text) => request.body(text.clone()),
        json => request.body(json.to_string()),
    };
    let response = request.send().await.unwrap();
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (reason, content_type, asks) = (header("X-Status-Reason"), header("Content-Type"), header("WWW-Authenticate"));
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(json!(text)) };
    Replayed { status, reason, content_type, asks, body }
}

/// Our extension, as a browser uploads it.
fn archive() -> String {
    format!("data:application/zip;base64,{}", STANDARD.encode(extension::archive().unwrap()))
}

#[tokio::test]
async fn the_sandbox_answers_as_espocrm_did() {
    let recordings = Recording::all();
    let http = reqwest::Client::new();
    let mut report = Vec::new();
    let mut replayed = 0;
    let mut lists: BTreeMap<(&str, &str, &str), Known> = BTreeMap::new();
    let mut instances: BTreeMap<(&str, &str), Known> = BTreeMap::new();
    for recording in recordings.iter().filter(|r| !r.is_delivery() && !r.not_replayed()) {
        let instance = (recording.version.number(), recording.instance());
        let known = instances.entry(instance).or_insert_with(|| {
            Known::from(&recordings, recording.version, |other| other.instance() == recording.instance())
        });
        let key = recording.header("X-Api-Key").unwrap_or_default();
        let decoys = lists.entry((recording.version.number(), recording.folder(), key)).or_insert_with(|| {
            Known::from(&recordings, recording.version, |other| {
                // Runs of the daemon and acts are stories: rows of other lists were different ones before and after.
                other.folder() == recording.folder()
                    && !["max-daemon", "max-convergence", "max-deeds"].contains(&other.folder())
                    && other.header("X-Api-Key").unwrap_or_default() == key
                    && other.is_list()
            })
        });
        let clock = Clock::manual(Timestamp::parse_espo("2026-11-22 15:30:00").unwrap());
        let sandbox = EspoSandbox::start(clock, options(recording, known)).await.unwrap();
        prepare(&sandbox, recording, known, decoys);
        if recording.name.contains("locked-out") {
            for _ in 0..11 {
                let wrong = http.get(format!("{}/api/v1/App/user", sandbox.url())).header("X-Api-Key", "wrong");
                assert_eq!(wrong.send().await.unwrap().status(), 401);
            }
        }
        let mut answer = replay(recording, &sandbox, &http).await;
        if let Some(missing) = uncounted(recording, &answer) {
            fill(&sandbox, recording, known, missing, false);
            answer = replay(recording, &sandbox, &http).await;
        }
        let found = differences(recording, &answer);
        if !found.is_empty() {
            report.push(format!("{} {}\n    {}", recording.version.number(), recording.name, found.join("\n    ")));
        }
        replayed += 1;
        sandbox.stop().await;
    }
    assert!(replayed > 450, "only {replayed} recordings were replayed");
    assert!(report.is_empty(), "{} of {replayed} recordings differ:\n{}", report.len(), report.join("\n"));
}

#[test]
fn every_recorded_webhook_is_signed_as_the_sandbox_signs() {
    let deliveries: Vec<Recording> = Recording::all().into_iter().filter(Recording::is_delivery).collect();
    assert!(deliveries.len() >= 40, "only {} deliveries", deliveries.len());
    for delivery in deliveries {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let hook = &delivery.exchange["webhook"];
        let body = text(&delivery.exchange["request"]["body_raw"]);
        let sent = delivery.exchange["request"]["headers"].as_array().unwrap().iter();
        let sent = text(&sent.clone().find(|pair| pair[0] == "Signature").unwrap()[1]);
        assert_eq!(webhook_signature(&text(&hook["id"]), &text(&hook["secretKey"]), &body), sent, "{}", delivery.name);
        let forged = body.replacen("id", "ie", 1);
        assert_ne!(
            webhook_signature(&text(&hook["id"]), &text(&hook["secretKey"]), &forged),
            sent,
            "{}",
            delivery.name
        );
    }
}

#[test]
fn the_list_of_exceptions_is_not_stale() {
    let recordings = Recording::all();
    for (known, _) in NOT_REPLAYED {
        assert!(recordings.iter().any(|recording| recording.is(known)), "{known} names no recording");
    }
}
