//! What is sent to the daemon's own door.

use hmac::{Hmac, KeyInit, Mac};
use max::domain::DAY;
use serde_json::json;
use sha2::Sha256;

use crate::support::log::Log;
use crate::support::{Setting, TOKEN, World};

fn url(world: &World, path: &str) -> String {
    format!("http://{}{path}", world.app().address)
}

#[tokio::test]
async fn a_webhook_with_a_bad_signature_is_refused_and_said() {
    let (log, _guard) = Log::begin();
    let world = World::with(Setting { webhooks: true, ..Setting::default() }, |_| {}).await;
    let hooks = world.app().engine.store().hooks().unwrap();
    let hook = hooks.iter().find(|hook| hook.event == "Lead.update").unwrap();
    let body = r#"[{"id":"lead0000000000001"}]"#;
    let mut mac = Hmac::<Sha256>::new_from_slice(hook.secret.as_bytes()).unwrap();
    mac.update(b"another body");
    let mac: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let wrong = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{}:{mac}", hook.id));
    for signature in ["", "nonsense", wrong.as_str()] {
        let request = reqwest::Client::new().post(url(&world, "/webhooks/espocrm/Lead/update"));
        let response = request.header("Signature", signature).body(body).send().await.unwrap();
        assert_eq!(response.status(), 401, "{signature}");
    }
    assert_eq!(log.lines(&["WARN", "bad signature", "Lead.update"]).len(), 3, "{}", log.text());
    assert!(!log.text().contains(&hook.secret), "the secret is in the log");
    assert_eq!(world.app().engine.store().hints().unwrap(), []);
    world.end().await;
}

#[tokio::test]
async fn ten_megabytes_are_too_much() {
    let world = World::begin().await;
    let body = vec![b' '; 10 * 1024 * 1024];
    for path in ["/webhooks/espocrm/Lead/update", "/api/activities/log"] {
        let request = reqwest::Client::new().post(url(&world, path)).bearer_auth(TOKEN);
        match request.body(body.clone()).send().await {
            Ok(response) => {
                assert_eq!(response.status(), 413, "{path}");
                let answer: serde_json::Value = response.json().await.unwrap();
                assert_eq!(answer["error"]["code"], "too_large", "{path}");
            }
            Err(error) => panic!("{path}: {error}"),
        }
    }
    assert_eq!(world.api("GET", "/readyz", json!(null)).await.0, 200);
    world.end().await;
}

#[tokio::test]
async fn nonsense_is_answered_with_what_is_wrong() {
    let world = World::begin().await;
    let lead = world.lead("Sophie", DAY, json!({}));
    world.settle().await;
    let good = json!({"leadId": lead, "channel": "call", "direction": "out"});
    let with = |name: &str, value: serde_json::Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let ahead = world.clock.now().plus(3_600).to_string();
    let cases = [
        (json!(null), 400, "object"),
        (json!("text"), 400, "object"),
        (with("channel", json!("fax")), 400, "channel"),
        (with("channel", json!(7)), 400, "channel"),
        (with("direction", json!("OUT")), 400, "direction"),
        (with("leadId", json!("")), 400, "leadId"),
        (with("leadId", json!("no such lead")), 404, "leadId"),
        (with("leadId", json!("../User/1")), 404, "leadId"),
        (with("timestamp", json!("yesterday")), 400, "timestamp"),
        (with("timestamp", json!(ahead)), 422, "timestamp"),
        (with("timestamp", json!("-262143-01-01T00:00:00Z")), 400, "timestamp"),
        (with("id", json!("a\u{0}b")), 400, "id"),
        (with("id", json!("x".repeat(300))), 400, "id"),
        (with("message_preview", json!(["a"])), 400, "message_preview"),
    ];
    for (body, status, word) in cases {
        let (got, answer) = world.api("POST", "/api/activities/log", body.clone()).await;
        assert_eq!(got, status, "{body}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(word), "{body}: {answer}");
    }
    assert_eq!(world.espo.list("MaxActivity").len(), 0);
    world.end().await;
}
