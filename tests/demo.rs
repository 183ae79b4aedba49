//! `max demo` as a newcomer meets it: all its parts at once, driven through the page's endpoints.

use std::time::Duration;

use max::cli::demo::{Args, Demo};
use max::clock::Clock;
use max::domain::{DAY, HOUR};
use serde_json::{Value, json};

const SOPHIE: &str = "5eed1ead000000001";
/// Far more than it takes: a machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

struct Page {
    url: String,
    http: reqwest::Client,
}

impl Page {
    async fn state(&self) -> Value {
        self.http.get(format!("{}/demo/state", self.url)).send().await.unwrap().json().await.unwrap()
    }

    async fn post(&self, what: &str, body: Value) {
        let answer = self.http.post(format!("{}/demo/{what}", self.url)).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 204, "{what} {body}");
    }

    /// Watches, as the page does, until things stand as they should.
    async fn until<T>(&self, what: &str, seen: impl Fn(&Value) -> Option<T>) -> T {
        let mut events = self.http.get(format!("{}/demo/events", self.url)).send().await.unwrap();
        let watching = async {
            loop {
                if let Some(found) = seen(&self.state().await) {
                    return found;
                }
                events.chunk().await.unwrap().expect("the page's events do not end");
            }
        };
        let Ok(found) = tokio::time::timeout(PATIENCE, watching).await else {
            panic!("{what}: {:#}", self.state().await)
        };
        found
    }

    /// The latest message with these words, with or without buttons.
    async fn message(&self, words: &str, has_buttons: bool) -> Value {
        self.until(words, |state| {
            let fits = |one: &&Value| {
                one["html"].as_str().is_some_and(|html| html.contains(words))
                    && one["keyboard"].as_array().unwrap().is_empty() != has_buttons
            };
            state["chat"].as_array().unwrap().iter().rev().find(fits).cloned()
        })
        .await
    }

    async fn alert(&self, lead: &str, alert_type: &str, status: &str) -> Value {
        self.until(&format!("{lead} {alert_type} {status}"), |state| {
            let fits = |one: &&Value| one["leadName"] == lead && one["type"] == alert_type && one["status"] == status;
            state["alerts"].as_array().unwrap().iter().find(fits).cloned()
        })
        .await
    }

    async fn tap(&self, message: &Value, action: &str) {
        let keys = message["keyboard"].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap());
        let mut data = keys.filter_map(|key| key["data"].as_str());
        let data = data.find(|data| data.split(':').nth(1) == Some(action)).unwrap();
        self.post("tap", json!({ "message_id": message["id"], "data": data })).await;
    }
}

/// The system's clock, moved on to an afternoon of a Tuesday in Paris: a day that has begun a while ago, like the
/// next, so that what happens then is told at once and not in a briefing.
fn on_a_tuesday_afternoon() -> Clock {
    const FIRST_TUESDAY: i64 = 5 * DAY + 14 * HOUR;
    let clock = Clock::system();
    clock.advance((FIRST_TUESDAY - clock.now().0).rem_euclid(7 * DAY));
    clock
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_sees_leads_announced_and_settled_on_both_sides() {
    let anywhere = "127.0.0.1:0".parse().unwrap();
    let args = Args { listen: anywhere, api: anywhere, language: "fr".to_owned() };
    let demo = Demo::start(&args, on_a_tuesday_afternoon()).await.unwrap();
    let page = Page { url: format!("http://{}", demo.address), http: reqwest::Client::new() };

    let digest = page.message("9 alertes", true).await;
    let html = digest["html"].as_str().unwrap();
    let places: Vec<usize> = ["TechCorp", "Inès", "Hôtel", "Camille", "Jean", "Bella", "Sophie", "Lemoine"]
        .iter()
        .map(|name| html.find(name).unwrap())
        .collect();
    assert!(places.is_sorted(), "the most pressing first, then the longest wait: {html}");
    let types: Vec<String> =
        page.state().await["alerts"].as_array().unwrap().iter().map(|one| one["type"].to_string()).collect();
    for alert_type in max::domain::AlertType::ALL {
        assert!(types.contains(&format!("\"{}\"", alert_type.as_str())), "{} does not speak", alert_type.as_str());
    }

    let quote = json!({ "leadId": SOPHIE, "channel": "whatsapp", "text": "Bonjour, vous pouvez m'envoyer un devis ?" });
    page.post("lead-writes", quote).await;
    let hot = page.message("à l'instant", true).await;
    page.alert("Sophie Martin", "NoReply3d", "Closed").await;
    page.tap(&hot, "done").await;
    let resolved = page.alert("Sophie Martin", "HotLead24h", "Resolved").await;
    assert_eq!((&resolved["resolvedBy"], &resolved["resolvedVia"]), (&json!("Luc Moreau"), &json!("telegram")));
    page.message("Traité par toi", false).await;

    let techcorp = page.alert("TechCorp SAS", "HotLead24h", "Open").await;
    page.post("alert", json!({ "id": techcorp["id"], "status": "Resolved" })).await;
    page.message("7 alertes", true).await;

    page.post("clock", json!({ "hours": 24 })).await;
    page.message("3 jours", true).await;

    page.post("language", json!({ "language": "en" })).await;
    page.message("3 days", true).await;
    page.until("the CRM speaks English", |state| {
        let words = state["alerts"].as_array().unwrap().iter().map(|one| one["suggestedAction"].as_str().unwrap());
        words.clone().all(|words| !words.contains("Répondre")).then_some(())
    })
    .await;
    demo.stop().await;
}
