//! A language model is asked about messages of unsure reading, when the configuration names one.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use max::domain::{DAY, HOUR, MINUTE};
use max::insight::reading::is_unsure;
use serde_json::{Value, json};

use crate::support::log::Log;
use crate::support::{LUC, Setting, World};

/// How people say yes without saying what they want.
const OBLIQUE: [&str; 6] = [
    "Ça me plaît bien tout ça, Sophie Martin au 0612345678",
    "Tout le monde est content chez nous, Sophie Martin 0612345678",
    "Vous seriez là mardi ? Sophie Martin, 0612345678",
    "je pense que c'est bon de notre côté, Sophie Martin 0612345678",
    "Je suis partant, Sophie Martin 0612345678",
    "Parfait pour moi, on fait comme ça. Sophie Martin 0612345678",
];

fn oblique() -> &'static str {
    OBLIQUE.into_iter().find(|text| is_unsure(text)).expect("something that M.A.X. cannot be sure of")
}

/// Whoever is asked: gives always the same answer, and remembers what was asked.
#[derive(Clone)]
struct Sage {
    status: StatusCode,
    says: &'static str,
    asked: Arc<Mutex<Vec<(HeaderMap, Value)>>>,
}

impl Sage {
    async fn begin(status: StatusCode, says: &'static str) -> (Self, String) {
        let sage = Self { status, says, asked: Arc::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let router = Router::new().route("/v1/chat/completions", post(Self::answer)).with_state(sage.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (sage, url)
    }

    async fn answer(
        State(sage): State<Self>,
        headers: HeaderMap,
        Json(body): Json<Value>,
    ) -> (StatusCode, Json<Value>) {
        sage.asked.lock().unwrap().push((headers, body));
        (sage.status, Json(json!({"choices": [{"message": {"role": "assistant", "content": sage.says}}]})))
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

async fn with(url: &str, limit: u32) -> World {
    let config = format!(
        "[second_opinion]\nurl = \"{url}\"\nmodel = \"small\"\napi_key = \"sk-secret\"\ndaily_limit = {limit}\n"
    );
    World::with(Setting { config, ..Setting::default() }, |_| {}).await
}

/// Everything that can happen has happened, what goes on beside the CRM and the chats included.
async fn settle(world: &World) {
    world.settle().await;
    world.quiet().await;
    world.settle().await;
}

#[tokio::test]
async fn a_wish_that_was_overlooked_is_a_hot_lead_and_nobody_is_named_to_a_stranger() {
    let (sage, url) = Sage::begin(StatusCode::OK, " {\"wants_to_buy\": true}\n").await;
    let world = with(&url, 10).await;
    let sophie = world.lead("Sophie", 2 * DAY, json!({}));
    world.whatsapp(&sophie, "in", MINUTE, oblique());
    settle(&world).await;
    assert_eq!(world.alert(&sophie, "HotLead24h")["status"], "Open");
    assert!(world.messages(LUC.1).last().unwrap().plain.contains("Sophie"));
    assert_eq!(sage.asked(), 1);
    let (headers, body) = sage.asked.lock().unwrap()[0].clone();
    assert_eq!(headers["authorization"], "Bearer sk-secret");
    let said = body["messages"][1]["content"].as_str().unwrap();
    assert!(!["Sophie", "Martin", "0612345678"].iter().any(|secret| body.to_string().contains(secret)), "{body}");
    assert!(said.contains("[name]") && said.contains("[number]"), "{said}");
    world.pass(HOUR).await;
    settle(&world).await;
    assert_eq!(sage.asked(), 1, "once");
    world.end().await;
}

#[tokio::test]
async fn what_is_sure_is_not_asked_nor_what_is_old_nor_more_than_a_day_may_cost() {
    let (sage, url) = Sage::begin(StatusCode::OK, "{\"wants_to_buy\": false}").await;
    let world = with(&url, 1).await;
    let sophie = world.lead("Sophie", 2 * DAY, json!({}));
    world.whatsapp(&sophie, "in", 3 * HOUR, oblique());
    world.whatsapp(&sophie, "in", MINUTE, "Merci !");
    world.whatsapp(&sophie, "in", MINUTE, "");
    settle(&world).await;
    assert_eq!(sage.asked(), 0);
    for _ in 0..3 {
        world.whatsapp(&sophie, "in", MINUTE, oblique());
        settle(&world).await;
    }
    assert_eq!(sage.asked(), 1);
    assert!(world.messages(LUC.1).iter().all(|message| !message.plain.contains("Sophie")), "it agrees");
    world.pass(DAY).await;
    world.whatsapp(&sophie, "in", MINUTE, oblique());
    settle(&world).await;
    assert_eq!(sage.asked(), 2, "the next day has its own");
    world.end().await;
}

#[tokio::test]
async fn when_it_fails_only_the_operator_hears_of_it() {
    let answers = [
        (StatusCode::INTERNAL_SERVER_ERROR, "", "cannot answer now (500)"),
        (StatusCode::UNAUTHORIZED, "", "refused with 401"),
        (StatusCode::OK, "I would say yes!", "not the JSON"),
    ];
    for (status, says, words) in answers {
        let (log, _guard) = Log::begin();
        let (sage, url) = Sage::begin(status, says).await;
        let world = with(&url, 10).await;
        let sophie = world.lead("Sophie", 2 * DAY, json!({}));
        let before = world.messages(LUC.1).len();
        world.whatsapp(&sophie, "in", MINUTE, oblique());
        settle(&world).await;
        world.clock.advance(5 * MINUTE);
        settle(&world).await;
        assert!(sage.asked() >= 1, "{words}");
        assert_eq!(world.messages(LUC.1).len(), before, "{words}");
        assert_eq!(log.lines(&["WARN", "second_opinion", words]).len(), 1, "{}", log.text());
        assert!(!log.text().contains("sk-secret"));
        // A hot message is told of as ever.
        world.whatsapp(&sophie, "in", 0, "Bonjour, je voudrais un devis.");
        settle(&world).await;
        assert_eq!(world.alert(&sophie, "HotLead24h")["status"], "Open", "{words}");
        world.end().await;
    }
}

/// The text that the draft on top offers.
fn offered(world: &World) -> String {
    let message = world.last();
    let after = message.text.split_once("<pre>").expect("a draft").1;
    after.split_once("</pre>").expect("a draft").0.to_owned()
}

/// Sophie asked for a quote by mail, after some history, and Luc wants a draft.
async fn drafted(url: &str, limit: u32) -> World {
    let world = with(url, limit).await;
    let sophie = world.lead("Sophie", 9 * DAY, json!({}));
    world.mail_to("Sophie", 5 * DAY, "Bonjour Sophie, voici notre plaquette.");
    let call = world.call(&sophie, "Outbound", "Held", 4 * DAY);
    world.espo.update("Call", &call, "luc", json!({"description": "Confidentiel : elle divorce."}));
    world.settle().await;
    let quoted = "Le 3 mars, Luc a écrit :\n> ancien message confidentiel";
    let text = format!("Bonjour, vous pouvez m'envoyer un devis pour 12 postes ? Sophie, 06 12 34 56 78\n\n{quoted}");
    world.mail_from("Sophie", 5 * MINUTE, &text);
    settle(&world).await;
    world.tap("draft").await;
    settle(&world).await;
    world
}

async fn other_words(world: &World) -> String {
    world.tap("d-other").await;
    settle(world).await;
    offered(world)
}

#[tokio::test]
async fn a_models_words_for_a_draft_are_one_wording_more_and_nobody_is_named_to_it() {
    let words = r#"{"text": "Bonjour [name1], merci pour votre message : je vous prépare le devis pour vos 12 postes.\n[name2]"}"#;
    let (sage, url) = Sage::begin(StatusCode::OK, words).await;
    let world = drafted(&url, 10).await;
    let draft = offered(&world);
    assert!(draft.starts_with("Bonjour Sophie,"), "{draft}");
    assert_eq!(sage.asked(), 0, "nobody wants other words yet");
    let ours = other_words(&world).await;
    assert!(ours != draft && !ours.contains("12 postes"), "ours do not wait: {ours}");
    assert_eq!(sage.asked(), 1);
    let body = sage.asked.lock().unwrap()[0].1.to_string();
    for secret in ["Sophie", "Luc", "Moreau", "06 12", "78", "divorce", "onfidentiel"] {
        assert!(!body.contains(secret), "{secret}: {body}");
    }
    assert!(
        ["[name1]", "devis pour 12 postes", "voici notre plaquette"].iter().all(|part| body.contains(part)),
        "{body}"
    );
    let suggested = other_words(&world).await;
    assert_eq!(
        suggested,
        "Bonjour Sophie, merci pour votre message : je vous prépare le devis pour vos 12 postes.\nLuc"
    );
    let next = other_words(&world).await;
    assert!(next != suggested && next.starts_with("Bonjour Sophie,"), "our own go on: {next}");
    other_words(&world).await;
    assert_eq!(sage.asked(), 1, "asked once for a draft");
    world.end().await;
}

#[tokio::test]
async fn words_that_invent_something_or_none_at_all_change_no_draft() {
    let says = [
        (StatusCode::OK, r#"{"text": "Bonjour [name1], comptez 1200 euros pour vos 12 postes."}"#),
        (StatusCode::OK, r#"{"text": "Bonjour [prénom], je vous prépare le devis."}"#),
        (StatusCode::OK, r#"{"text": "Hello [name1], thank you for your message, I will send you the quote today."}"#),
        (StatusCode::OK, r#"{"text": "Hola [name1], gracias por tu mensaje, el presupuesto llega hoy mismo."}"#),
        (StatusCode::OK, r#"{"text": "Salut [name1], je te prépare le devis et je te l'envoie demain."}"#),
        (StatusCode::OK, r#"{"text": ""}"#),
        (StatusCode::OK, "Bonjour !"),
        (StatusCode::INTERNAL_SERVER_ERROR, ""),
    ];
    let mut ours = None;
    for (status, says) in says {
        let (sage, url) = Sage::begin(status, says).await;
        let world = drafted(&url, 10).await;
        let messages = world.messages(LUC.1).len();
        let offers = (offered(&world), other_words(&world).await, other_words(&world).await);
        assert_eq!(sage.asked(), 1, "{says}");
        assert_eq!(*ours.get_or_insert(offers.clone()), offers, "{says}");
        assert_eq!(world.messages(LUC.1).len(), messages, "{says}");
        world.end().await;
    }
}

#[tokio::test]
async fn drafts_count_among_the_days_questions() {
    let words = r#"{"text": "Bonjour [name1], je vous prépare le devis."}"#;
    let (sage, url) = Sage::begin(StatusCode::OK, words).await;
    let world = drafted(&url, 1).await;
    other_words(&world).await;
    assert_eq!(sage.asked(), 1);
    let paul = world.lead("Paul", 2 * DAY, json!({}));
    world.whatsapp(&paul, "in", MINUTE, oblique());
    settle(&world).await;
    assert_eq!(sage.asked(), 1, "the day's only question is spent");
    world.end().await;
}

#[tokio::test]
async fn a_suggestion_waits_while_the_draft_is_for_another_channel() {
    let words = r#"{"text": "Bonjour [name1], je vous prépare le devis pour vos 12 postes."}"#;
    let (_sage, url) = Sage::begin(StatusCode::OK, words).await;
    let world = drafted(&url, 10).await;
    other_words(&world).await;
    world.tap("d-cw").await;
    assert!(!other_words(&world).await.contains("12 postes"), "it was for a mail");
    world.tap("d-ce").await;
    assert!(other_words(&world).await.contains("12 postes"));
    world.end().await;
}
