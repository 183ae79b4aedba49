//! In which words the alerts of a day are told: never twice in a row the same, and always as they were said first.

use max::domain::{DAY, HOUR, MINUTE};
use serde_json::json;

use crate::support::{LUC, World};

const NAMES: [&str; 6] = ["Sophie", "Nina", "Paul", "Bella", "Marie", "Jean"];

/// Nobody answers Luc: one lead after the other, an alert of the same type each.
async fn silences() -> World {
    let world = World::begin().await;
    for name in NAMES {
        world.lead(name, 10 * DAY, json!({}));
        world.mail_to(name, 4 * DAY, "Bonjour, avez-vous pu regarder notre offre ?");
        world.settle().await;
        // At most three an hour are told that are not urgent.
        world.pass(25 * MINUTE).await;
    }
    world
}

fn sentence(text: &str, name: &str) -> (String, String) {
    let line = text.lines().next().unwrap().replace(name, "X");
    let (headline, suggestion) = line.split_once(". ").unwrap();
    (headline.to_owned(), suggestion.to_owned())
}

#[tokio::test]
async fn nobody_reads_the_same_sentence_twice_in_a_row() {
    let world = silences().await;
    let messages = world.messages(LUC.1);
    let told: Vec<_> = NAMES
        .iter()
        .map(|name| {
            let message = messages.iter().find(|message| message.plain.lines().next().unwrap().contains(name));
            sentence(&message.unwrap_or_else(|| panic!("{name} in {messages:#?}")).plain, name)
        })
        .collect();
    for pair in told.windows(2) {
        assert_ne!(pair[0].0, pair[1].0, "{told:#?}");
        assert_ne!(pair[0].1, pair[1].1, "{told:#?}");
    }
    world.end().await;
}

#[tokio::test]
async fn what_was_said_stays_when_the_message_is_brought_up_to_date() {
    let world = silences().await;
    let before = world.last();
    let name = NAMES[5];
    let (headline, _) = sentence(&before.plain, name);
    world.tap("done").await;
    let after = world.last();
    assert_eq!(after.message_id, before.message_id);
    assert!(after.plain.replace(name, "X").contains(&headline), "{} / {}", before.plain, after.plain);
    world.end().await;
}

/// Alerts of several types suggest the same: not in the same words one after the other.
#[tokio::test]
async fn a_suggestion_is_not_said_twice_in_a_row_whatever_the_alert() {
    let world = World::begin().await;
    for name in NAMES {
        world.lead(name, 10 * DAY, json!({"emailAddress": format!("{}@lead.example", name.to_lowercase())}));
        world.mail_to(name, 9 * DAY, "Bonjour, voici notre offre.");
    }
    world.settle().await;
    let mut told = Vec::new();
    for (number, name) in NAMES.iter().enumerate() {
        let text = if number % 2 == 0 { "Où en est notre dossier ?" } else { "Pouvez-vous m'envoyer un devis ?" };
        world.mail_from(name, if number % 2 == 0 { 25 * HOUR } else { MINUTE }, text);
        world.settle().await;
        let message = world.last();
        assert!(message.plain.lines().next().unwrap().contains(name), "{name}: {}", message.plain);
        told.push(message.plain.lines().next().unwrap().replace(name, "X"));
        world.pass(25 * MINUTE).await;
    }
    let spoken = ["Réponds maintenant par email", "Un email, là, tout de suite", "Un email maintenant, et l'élan"];
    let said: Vec<_> = told.iter().map(|line| spoken.iter().position(|words| line.contains(words))).collect();
    assert!(said.iter().all(Option::is_some), "{told:#?}");
    assert!(said.windows(2).all(|pair| pair[0] != pair[1]), "{told:#?}");
    drop(world);
}
