//! What a rep types, and what M.A.X. answers: commands, names, a few words.

use std::fmt::Write as _;

use max::domain::manner::Lang;
use max::domain::{DAY, MINUTE, Preferences, UserId};
use max::sandbox::espo::{Grant, Reach, Rights};
use max::sandbox::telegram::{Fault, Person, SentMessage};
use serde_json::json;

use crate::support::{CAMILLE, LUC, Setting, TEAM, World, button};

/// Luc types something; what M.A.X. answers.
async fn say(world: &World, text: &str) -> SentMessage {
    let before = world.messages(LUC.1).len();
    world.telegram.say(LUC.1, text).unwrap();
    world.settle().await;
    let after = world.messages(LUC.1);
    assert_eq!(after.len(), before + 1, "{text}: one answer, {after:#?}");
    world.last()
}

/// Luc types something as a reply to a message.
async fn reply(world: &World, to: i32, text: &str) -> SentMessage {
    world.telegram.reply(LUC.1, to, text).unwrap();
    world.settle().await;
    world.last()
}

/// Luc taps the button of a message whose data begins so; the message as it is then.
async fn tap(world: &World, message: &SentMessage, data: &str) -> SentMessage {
    let keys = message.keyboard.iter().flatten().filter_map(|key| key.callback_data.clone());
    let data = keys.into_iter().find(|key| key.starts_with(data)).unwrap_or_else(|| panic!("{data} in {message:#?}"));
    world.telegram.tap(LUC.1, message.message_id, &data).unwrap();
    world.settle().await;
    let id = message.message_id;
    world.messages(LUC.1).into_iter().find(|message| message.message_id == id).unwrap()
}

/// A message as somebody sees it.
fn seen(message: &SentMessage) -> String {
    let mut text = message.plain.clone();
    for row in &message.keyboard {
        let keys: Vec<String> = row.iter().map(|key| format!("[{}]", key.text)).collect();
        write!(text, "\n    {}", keys.join(" ")).unwrap();
    }
    text
}

/// Luc has three leads: Sophie who is hot, Héloïse who waits, Marc without anything; Camille has Sophie Durand.
async fn office() -> World {
    let setting = Setting { linked: vec![LUC, CAMILLE], ..Setting::default() };
    let world = World::with(setting, |_| {}).await;
    let begun = world.clock.now();
    world.lead("Sophie", 20 * DAY, json!({"id": "lead0sophie000001", "accountName": "TechCorp", "lastName": "Martin"}));
    world.lead(
        "Heloise",
        9 * DAY,
        json!({"id": "lead0heloise00001", "firstName": "Héloïse", "lastName": "Lefèvre", "accountName": "Atelier 12"}),
    );
    let marc = world.lead("Marc", 2 * DAY, json!({"lastName": "Petit"}));
    world.call(&marc, "Outbound", "Held", DAY);
    world.lead("Durand", 2 * DAY, json!({"firstName": "Sophie", "lastName": "Durand", "assignedUserId": CAMILLE.0}));
    world.settle().await;
    world.mail_to("Sophie", 2 * DAY, "Bonjour Sophie, voici notre offre.");
    world.settle().await;
    // At the same second in every run, however slow: what an alert began with decides how it is worded.
    let ago = 5 * MINUTE + world.clock.now().since(begun);
    world.mail_from("Sophie", ago, "Bonjour, vous pouvez m'envoyer un devis pour 12 postes ?");
    world.settle().await;
    world
}

async fn wish(world: &World, change: impl FnOnce(&mut Preferences) + Send + 'static) {
    let user = UserId::from(LUC.0);
    world.app().engine.run(move |engine| engine.wish(&user, change)).await.unwrap();
}

/// Every answer to a command and to words, in each manner.
#[tokio::test]
async fn what_a_rep_types_is_answered_in_the_manner_he_wishes() {
    for (name, lang, formal) in [("fr", Lang::Fr, false), ("fr-vous", Lang::Fr, true), ("en", Lang::En, false)] {
        let world = office().await;
        wish(&world, move |wishes| (wishes.lang, wishes.formal) = (Some(lang), Some(formal))).await;
        let texts: &[&str] = match lang {
            Lang::Fr => &[
                "/help",
                "/today",
                "/alerts",
                "/hot",
                "/lead Sophie",
                "/lead heloise",
                "/lead Zorglub",
                "/lead",
                "/stats",
                "/settings",
                "/pause",
                "/quiet",
                "/away",
                "/link",
                "bonjour",
                "merci",
                "quel beau temps pour aller se baigner à la mer",
                "pourquoi ?",
                "Sophie Martin",
                "appelle Héloïse",
                "demain 10h",
                "appelle Héloïse à 8h",
                "heloise plus tard",
                "annuler",
                "annuler",
                "appelle Héloïse demain 3h",
                "fait Sophie Martin",
                "fait Sophie Martin",
                "je l'ai appelée",
                "/pause 2h",
                "/quiet 22-7",
                "/away lundi prochain",
                "/settings",
                "/away off",
            ],
            Lang::En => &[
                "/help",
                "/today",
                "/alerts",
                "/hot",
                "/lead Sophie",
                "/lead heloise",
                "/lead Zorglub",
                "/lead",
                "/stats",
                "/settings",
                "/pause",
                "/quiet",
                "/away",
                "/link",
                "hello",
                "thanks",
                "what a lovely day to go for a swim in the sea",
                "why?",
                "Sophie Martin",
                "call Héloïse",
                "tomorrow at 10",
                "call Héloïse at 8am",
                "heloise later",
                "undo",
                "undo",
                "call Héloïse tomorrow at 3",
                "done Sophie Martin",
                "done Sophie Martin",
                "I called her",
                "/pause 2 hours",
                "/quiet 22-7",
                "/away next monday",
                "/settings",
                "/away off",
            ],
        };
        let mut book = String::new();
        for text in texts {
            let answer = say(&world, text).await;
            writeln!(book, "> {text}\n{}\n", seen(&answer)).unwrap();
        }
        insta::assert_snapshot!(format!("typed_{name}"), book);
        world.end().await;
    }
}

/// The day can be asked for at any time, and is kept up to date like the briefing it looks like.
#[tokio::test]
async fn the_day_that_is_asked_for_stays_true() {
    let world = office().await;
    let day = say(&world, "/today").await;
    assert!(day.plain.contains("Sophie"), "{}", seen(&day));
    say(&world, "fait Sophie Martin").await;
    let now = world.messages(LUC.1).into_iter().find(|message| message.message_id == day.message_id).unwrap();
    assert!(!now.plain.contains("Sophie") && now.plain.contains("Héloïse"), "{}", seen(&now));
    world.end().await;
}

#[tokio::test]
async fn done_settles_the_latest_alert_and_can_be_taken_back() {
    let world = office().await;
    let answer = say(&world, "ok c'est fait").await;
    assert!(answer.plain.contains("Sophie Martin"), "it says about whom: {}", answer.plain);
    let sophie = world.espo.list("Lead").into_iter().find(|lead| lead["lastName"] == "Martin").unwrap();
    let sophie = sophie["id"].as_str().unwrap();
    let alert = world.alert(sophie, "HotLead24h");
    assert_eq!((&alert["status"], &alert["resolvedBy"]), (&json!("Resolved"), &json!("Luc Moreau")));
    let answer = tap(&world, &answer, "2:un:").await;
    assert!(answer.keyboard.is_empty(), "{answer:#?}");
    assert_eq!(world.alert(sophie, "HotLead24h")["status"], "Open");

    say(&world, "fait Sophie Martin").await;
    assert_eq!(world.alert(sophie, "HotLead24h")["status"], "Resolved");
    world.clock.advance(10 * MINUTE);
    let late = say(&world, "annuler").await;
    assert_eq!(world.alert(sophie, "HotLead24h")["status"], "Resolved", "after ten minutes it stays: {}", late.plain);
    world.end().await;
}

#[tokio::test]
async fn what_was_done_by_button_is_taken_back_by_a_word() {
    for (menu, label, status) in
        [(None, "done", "Resolved"), (Some("more"), "off", "Resolved"), (Some("zz"), "z1h", "Snoozed")]
    {
        let (world, sophie) = World::with_a_hot_lead().await;
        if let Some(menu) = menu {
            world.tap(menu).await;
        }
        world.tap(label).await;
        assert_eq!(world.alert(&sophie, "HotLead24h")["status"], status, "{label}");
        let told = world.last();
        let answer = say(&world, "annuler").await;
        assert!(answer.plain.contains("Sophie"), "{label}: {}", answer.plain);
        assert_eq!(world.alert(&sophie, "HotLead24h")["status"], "Open", "{label}");
        let again = world.messages(LUC.1).into_iter().find(|message| message.message_id == told.message_id).unwrap();
        assert!(button(&again, "done").is_some(), "{label}: its buttons are there again: {again:#?}");
        world.end().await;
    }
}

#[tokio::test]
async fn a_reply_is_about_the_message_it_replies_to() {
    let world = office().await;
    let all = world.messages(LUC.1);
    let about = |name: &str| {
        let told = all.iter().rev().find(|message| message.plain.contains(name) && button(message, "done").is_some());
        told.unwrap_or_else(|| panic!("no alert about {name}")).message_id
    };
    let sophie = about("Sophie");
    say(&world, "/lead heloise").await;
    let answer = reply(&world, sophie, "demain").await;
    assert!(answer.plain.contains("Sophie"), "{}", answer.plain);
    let lead = world.espo.list("Lead").into_iter().find(|lead| lead["lastName"] == "Martin").unwrap();
    let alert = world.alert(lead["id"].as_str().unwrap(), "HotLead24h");
    assert_eq!((&alert["status"], &alert["snoozedUntil"]), (&json!("Snoozed"), &json!("2026-03-03 08:00:00")));
    let answer = say(&world, "pourquoi ?").await;
    assert!(answer.plain.contains("Héloïse"), "without a reply it is about what was shown last: {}", answer.plain);
    world.end().await;
}

#[tokio::test]
async fn settings_show_what_the_configuration_says_until_it_is_wished_otherwise() {
    let setting = Setting { telegram: "briefing = false", ..Setting::default() };
    let world = World::with(setting, |_| {}).await;
    let says = |message: &SentMessage, what: &str, how: &str| {
        message.keyboard.iter().flatten().any(|key| key.text.contains(what) && key.text.ends_with(how))
    };
    let toggle = |message: &SentMessage| {
        let keys = message.keyboard.iter().flatten();
        let key = keys.into_iter().find(|key| key.text.contains("Briefing")).and_then(|key| key.callback_data.clone());
        key.expect("a button for the briefing")
    };
    let before = say(&world, "/settings").await;
    assert!(says(&before, "Briefing", "non") && says(&before, "Bilan", "oui"), "{}", seen(&before));
    let after = tap(&world, &before, &toggle(&before)).await;
    assert!(says(&after, "Briefing", "oui"), "the first tap turns it on: {}", seen(&after));
    let again = tap(&world, &after, &toggle(&after)).await;
    assert!(says(&again, "Briefing", "non"), "{}", seen(&again));
    world.end().await;
}

#[tokio::test]
async fn a_call_that_is_typed_stands_in_the_crm() {
    let world = office().await;
    let answer = say(&world, "appelle heloise demain 10h30").await;
    assert!(answer.plain.contains("demain à 10h30"), "{}", answer.plain);
    let planned =
        || -> Vec<_> { world.espo.list("Call").into_iter().filter(|call| call["status"] == "Planned").collect() };
    let calls = planned();
    assert_eq!(calls.len(), 1, "{calls:#?}");
    assert_eq!(calls[0]["dateStart"], "2026-03-03 09:30:00");
    assert_eq!(calls[0]["assignedUserId"], LUC.0);

    let question = say(&world, "appelle marc").await;
    let answer = tap(&world, &question, "2:ca:").await;
    assert!(answer.keyboard.is_empty(), "{answer:#?}");
    assert_eq!(planned().len(), 2);
    world.telegram.tap(LUC.1, question.message_id, &first_data(&question, "2:ca:")).unwrap();
    world.settle().await;
    assert_eq!(planned().len(), 2, "tapped twice, planned once");
    world.end().await;
}

#[tokio::test]
async fn a_call_that_is_typed_for_a_time_that_is_taken_is_planned_and_says_so() {
    let world = office().await;
    let warned = |answer: &SentMessage| answer.plain.contains("tu as déjà autre chose à cette heure-là");
    let first = say(&world, "appelle heloise demain 10h30").await;
    assert!(first.plain.contains("demain à 10h30") && !warned(&first), "{}", first.plain);
    let overlapping = say(&world, "appelle marc demain 10h35").await;
    assert!(overlapping.plain.contains("demain à 10h35") && warned(&overlapping), "{}", overlapping.plain);
    let free = say(&world, "appelle marc demain 16h").await;
    assert!(free.plain.contains("demain à 16h") && !warned(&free), "{}", free.plain);
    let planned = world.espo.list("Call").into_iter().filter(|call| call["status"] == "Planned").count();
    assert_eq!(planned, 3);
    world.end().await;
}

fn first_data(message: &SentMessage, prefix: &str) -> String {
    let keys = message.keyboard.iter().flatten().filter_map(|key| key.callback_data.clone());
    keys.into_iter().find(|data| data.starts_with(prefix)).unwrap()
}

#[tokio::test]
async fn a_lead_that_the_crm_does_not_show_is_not_found() {
    let world = office().await;
    let both = say(&world, "/lead Sophie").await;
    assert_eq!(both.keyboard.iter().flatten().count(), 2, "{}", seen(&both));
    let durand = world.espo.list("Lead").into_iter().find(|lead| lead["lastName"] == "Durand").unwrap();
    let durand = durand["id"].as_str().unwrap();
    let own = Grant { create: true, read: Reach::Own, edit: Reach::Own, delete: Reach::No };
    world.espo.set_rights(LUC.0, &Rights::of_people().with("Lead", own));
    world.clock.advance(6 * MINUTE);
    let own = say(&world, "/lead Sophie").await;
    assert!(own.plain.contains("TechCorp") && !own.plain.contains("Durand"), "{}", seen(&own));
    let old = tap(&world, &both, &format!("2:ld:{durand}")).await;
    assert!(!old.plain.contains("Durand"), "a button of before shows nothing either: {}", old.plain);
    let none = say(&world, "/lead Durand").await;
    assert!(!seen(&none).contains("Sophie Durand"), "{}", seen(&none));
    world.end().await;
}

#[tokio::test]
async fn whoever_is_not_linked_or_not_active_learns_how_to_link_and_nothing_else() {
    let world = office().await;
    world.telegram.open_chat(Person { id: 4711, first_name: "Inconnu".to_owned(), language_code: None });
    for text in ["/alerts", "/lead Sophie", "Sophie", "fait", "/stats", "/settings"] {
        world.telegram.say(4711, text).unwrap();
        world.settle().await;
        let told = world.messages(4711).pop().unwrap();
        assert!(told.plain.contains("Lier Telegram") && !told.plain.contains("Sophie"), "{text}: {}", told.plain);
    }
    world.clock.advance(MINUTE);
    world.espo.update("User", LUC.0, "admin", json!({"isActive": false}));
    world.settle().await;
    let told = say(&world, "/alerts").await;
    assert!(!told.plain.contains("Sophie"), "{}", told.plain);
    world.end().await;
}

#[tokio::test]
async fn a_group_is_told_where_to_ask_and_no_lead() {
    const GROUP: i64 = -100_300;
    let world = office().await;
    world.telegram.open_group(GROUP, "Commercial");
    for text in ["/help", "/lead Sophie", "/alerts@max_sandbox_bot"] {
        world.telegram.say_in_group(GROUP, LUC.1, text).unwrap();
        world.settle().await;
        let told = world.messages(GROUP).pop().unwrap_or_else(|| panic!("{text} is answered"));
        assert!(!told.plain.contains("Sophie") && told.keyboard.is_empty(), "{told:#?}");
    }
    let before = world.messages(GROUP).len();
    for text in ["fait", "Sophie", "/alerts@other_bot", "/weather"] {
        world.telegram.say_in_group(GROUP, LUC.1, text).unwrap();
        world.settle().await;
    }
    assert_eq!(world.messages(GROUP).len(), before, "what is not for us is not answered");
    world.end().await;
}

const NAMES: [&str; 11] =
    ["Alice", "Bruno", "Chloé", "David", "Emma", "Farid", "Gaëlle", "Hugo", "Inès", "Jules", "Karim"];

#[tokio::test]
async fn lists_have_pages_and_an_old_page_is_brought_up_to_date() {
    let world = World::with(Setting::default(), |world| {
        for name in NAMES {
            world.lead(name, 9 * DAY, json!({}));
        }
    })
    .await;
    let first = say(&world, "/alerts").await;
    assert!(first.plain.contains("1 à 8 sur 11"), "{}", seen(&first));
    let second = tap(&world, &first, "2:al:all:1").await;
    assert!(second.plain.contains("9 à 11 sur 11"), "{}", seen(&second));
    for name in &NAMES[..5] {
        say(&world, &format!("fait {name} Martin")).await;
    }
    let gone = tap(&world, &second, "2:al:all:0").await;
    assert!(!gone.plain.contains("sur 11"), "{}", seen(&gone));
    let answered = world.telegram.answers().len();
    world.telegram.forge_tap(LUC.1, LUC.1, first.message_id, "2:al:all:60000").unwrap();
    world.telegram.forge_tap(LUC.1, LUC.1, first.message_id, "2:nonsense").unwrap();
    world.settle().await;
    assert_eq!(world.telegram.answers().len(), answered + 2, "every tap is answered");
    world.end().await;
}

#[tokio::test]
async fn names_cannot_break_an_answer() {
    let long = "Ж".repeat(249);
    let names = ["<b>Sophie</b>", "&amp; \"Fils\"", "👩‍👩‍👧 Émoji", "שרה כהן", long.as_str()];
    let world = World::with(Setting::default(), |world| {
        for name in names {
            world.lead("Zoe", 9 * DAY, json!({"firstName": name, "lastName": "Zoé", "accountName": name}));
        }
    })
    .await;
    for text in ["/alerts", "/lead zoe", "/lead שרה", "/lead <b>Sophie</b>", "<b>Sophie</b>", &"é".repeat(4_000)] {
        let answer = say(&world, text).await;
        assert!(answer.plain.encode_utf16().count() <= 4_096);
        for data in answer.keyboard.iter().flatten().filter_map(|key| key.callback_data.clone()) {
            assert!(data.len() <= 64);
        }
    }
    let several = say(&world, "/lead zoe").await;
    assert_eq!(several.keyboard.iter().flatten().count(), 5, "{}", seen(&several));
    for data in several.keyboard.iter().flatten().filter_map(|key| key.callback_data.clone()) {
        world.telegram.tap(LUC.1, several.message_id, &data).unwrap_or_default();
        world.settle().await;
    }
    world.end().await;
}

#[tokio::test]
async fn little_is_shown_where_little_may_be() {
    let setting = Setting { telegram: "content = \"minimal\"", ..Setting::default() };
    let world = World::with(setting, |_| {}).await;
    world.lead("Sophie", 9 * DAY, json!({"accountName": "TechCorp"}));
    world.settle().await;
    world.mail_from("Sophie", 5 * MINUTE, "Bonjour, vous pouvez m'envoyer un devis ?");
    world.settle().await;
    for text in ["/alerts", "/lead martin", "pourquoi ?", "fait"] {
        let answer = say(&world, text).await;
        for secret in ["TechCorp", "Martin", "devis", "33639980101", "sophie@lead.example"] {
            assert!(!format!("{answer:?}").contains(secret), "{secret} in {answer:#?}");
        }
        assert!(answer.plain.contains("Sophie"), "{}", answer.plain);
    }
    world.end().await;
}

/// The menu is set once; what goes wrong with it stops nothing.
#[tokio::test]
async fn the_menu_is_set_when_it_differs() {
    let mut world =
        World::with(Setting::default(), |world| world.telegram.fail_next("setMyCommands", Fault::ServerError(502), 1))
            .await;
    assert_eq!(world.telegram.menu(LUC.1, LUC.1).len(), 0, "it failed, and everything else works");
    world.stop().await;
    world.start().await;
    world.settle().await;
    let menu = world.telegram.menu(LUC.1, LUC.1);
    assert!(menu.iter().any(|command| command.name == "lead" && command.description.contains("nom")), "{menu:#?}");
    world.telegram.open_group(-100_300, "Commercial");
    let in_group = world.telegram.menu(-100_300, LUC.1);
    assert_eq!(in_group.iter().map(|command| command.name.as_str()).collect::<Vec<_>>(), ["help"]);
    let set = |world: &World| {
        world
            .telegram
            .all_requests()
            .iter()
            .filter(|request| request.method.eq_ignore_ascii_case("setMyCommands"))
            .count()
    };
    let before = set(&world);
    world.stop().await;
    world.start().await;
    world.settle().await;
    assert_eq!(set(&world), before, "it is as it should be");
    world.end().await;
}

#[tokio::test]
async fn figures_are_honest_and_a_team_is_shown_to_who_leads_it() {
    let world = office().await;
    world.clock.advance(30 * MINUTE);
    say(&world, "fait Sophie Martin").await;
    let answer = say(&world, "/stats").await;
    assert!(answer.plain.contains("1 lead chaud") && answer.plain.contains("trop peu"), "{}", answer.plain);
    assert!(answer.keyboard.is_empty(), "who leads nobody sees no team");
    world.end().await;

    let config = format!("[teams.{TEAM:?}]\nmanagers = [{:?}]\n", LUC.0);
    let world = World::with(Setting { config, ..Setting::default() }, |_| {}).await;
    world.lead("Marie", 9 * DAY, json!({"assignedUserId": CAMILLE.0}));
    world.settle().await;
    let own = say(&world, "/stats").await;
    let team = tap(&world, &own, "2:st:team").await;
    assert!(own.plain.contains("0 alerte ouverte") && team.plain.contains("1 alerte ouverte"), "{}", team.plain);
    world.end().await;
}

/// A slip of the finger, and only one lead can be meant: the card is there at once, and says whom it took it for.
#[tokio::test]
async fn a_slip_that_can_mean_one_lead_shows_its_card() {
    let world = World::with(Setting::default(), |world| {
        world.lead("Héloïse", 9 * DAY, json!({"lastName": "Lefèvre"}));
        world.lead("Paul", 9 * DAY, json!({"lastName": "Girard"}));
    })
    .await;
    let answer = say(&world, "/lead Lefevbre").await;
    assert!(answer.plain.contains("« Lefevbre »".replace(' ', "\u{a0}").as_str()), "{}", seen(&answer));
    assert!(
        answer.plain.contains("Je pense à Héloïse Lefèvre") && answer.plain.contains("En cours"),
        "{}",
        seen(&answer)
    );
    drop(world);
}
