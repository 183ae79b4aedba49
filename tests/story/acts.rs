//! What a rep does by button that the CRM has to be told: from the tap to the record and back to the message.

use max::domain::alert::Via;
use max::domain::deed::{CallOutcome, Deed, DeedKind};
use max::domain::event::Actor;
use max::domain::{DAY, DeedId, HOUR, LeadId, MINUTE, UserId};
use max::engine::deeds::Did;
use max::sandbox::espo::Fault;
use max::sandbox::telegram;
use serde_json::{Value, json};

use crate::support::{CAMILLE, LUC, Setting, World, button};

/// Luc does something about a lead.
async fn deed(world: &World, lead: &str, id: &str, kind: DeedKind) -> Did {
    let deed = Deed {
        id: DeedId::of(&[id]),
        lead: LeadId::from(lead),
        alert: None,
        by: UserId::from(LUC.0),
        at: world.clock.now(),
        kind,
    };
    let actor = Actor { name: "Luc Moreau".to_owned(), user: Some(UserId::from(LUC.0)), via: Via::Telegram };
    world.app().engine.run(move |engine| engine.do_deed(deed, &actor)).await.unwrap()
}

fn calls(world: &World) -> Vec<Value> {
    world.espo.list("Call")
}

#[tokio::test]
async fn a_planned_call_is_in_the_mirror_at_once_and_in_the_crm_once() {
    let (world, lead) = World::with_a_hot_lead().await;
    let at = world.clock.now().plus(3 * HOUR);
    let kind = DeedKind::PlanCall { at };
    assert_eq!(deed(&world, &lead, "one", kind.clone()).await, Did::Done);
    let alerts = world.app().engine.store().alerts_of(&LeadId::from(lead.as_str())).unwrap();
    assert!(alerts.iter().all(|alert| !alert.state.is_open()), "it is settled before the CRM was told: {alerts:#?}");
    assert_eq!(deed(&world, &lead, "one", kind.clone()).await, Did::Known, "a tap that is delivered again");
    assert_eq!(deed(&world, &lead, "two", kind).await, Did::Known, "a second tap");
    world.settle().await;
    let made = calls(&world);
    assert_eq!(made.len(), 1, "{made:#?}");
    let call = &made[0];
    assert_eq!((&call["status"], &call["direction"]), (&json!("Planned"), &json!("Outbound")));
    assert_eq!((&call["parentId"], &call["leadsIds"]), (&json!(lead), &json!([lead])));
    assert_eq!((&call["assignedUserId"], &call["dateStart"]), (&json!(LUC.0), &json!(at.to_espo())));
    assert_eq!(
        (&call["name"], &call["dateEnd"]),
        (&json!("Appel avec Sophie Martin"), &json!(at.plus(30 * MINUTE).to_espo()))
    );
    let alert = world.alert(&lead, "HotLead24h");
    assert_eq!((&alert["status"], &alert["closeReason"]), (&json!("Closed"), &json!("planned")));
    let activities = world.app().engine.store().activities(&LeadId::from(lead.as_str())).unwrap();
    assert_eq!(activities.len(), 2, "the call's echo is the same activity: {activities:#?}");
    world.end().await;
}

/// What the CRM shows of our call later is that call: moved, it is moved; held, it is an answer; deleted, it is gone.
#[tokio::test]
async fn what_people_make_of_a_planned_call_in_the_crm_counts() {
    let (world, lead) = World::with_a_hot_lead().await;
    let at = world.clock.now().plus(3 * HOUR);
    deed(&world, &lead, "one", DeedKind::PlanCall { at }).await;
    world.settle().await;
    let call = calls(&world)[0]["id"].as_str().unwrap().to_owned();
    world.clock.advance(2);
    world.espo.delete("Call", &call, "luc");
    world.pass(25 * HOUR).await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open", "without the call nothing is planned");
    world.tap("done").await;
    world.end().await;
}

#[tokio::test]
async fn the_outcome_of_a_call_is_in_the_crm_with_its_note() {
    for (outcome, status, note, is_open) in [
        (CallOutcome::Reached, "Held", Value::Null, false),
        (CallOutcome::NoAnswer, "Not Held", Value::Null, true),
        (CallOutcome::LeftMessage, "Not Held", json!("Message laissé"), true),
        (CallOutcome::NotInterested, "Held", json!("Pas intéressé"), false),
    ] {
        let (world, lead) = World::with_a_hot_lead().await;
        deed(&world, &lead, "one", DeedKind::LogCall { outcome }).await;
        world.settle().await;
        let made = calls(&world);
        assert_eq!(made.len(), 1, "{outcome:?}: {made:#?}");
        assert_eq!((&made[0]["status"], &made[0]["description"]), (&json!(status), &note), "{outcome:?}");
        assert_eq!(world.alert(&lead, "HotLead24h")["status"] == "Open", is_open, "{outcome:?}");
        if is_open {
            world.tap("done").await;
        }
        world.end().await;
    }
}

/// The CRM is down, and an answer gets lost: the deed waits, and is not doubled.
#[tokio::test]
async fn a_deed_waits_for_a_crm_that_is_down_and_is_not_doubled_by_a_lost_answer() {
    let (world, lead) = World::with_a_hot_lead().await;
    world.espo.fail(Fault::Down);
    let at = world.clock.now().plus(3 * HOUR);
    deed(&world, &lead, "one", DeedKind::PlanCall { at }).await;
    world.quiet().await;
    assert_eq!(calls(&world).len(), 0);
    world.espo.heal();
    world.espo.fail(Fault::CutReplyAfterStoring { times: 1 });
    for _ in 0..10 {
        world.pass(MINUTE).await;
    }
    assert_eq!(calls(&world).len(), 1);
    world.end().await;
}

/// What the CRM shows of a lead does not undo what it has not been told yet.
#[tokio::test]
async fn a_lead_keeps_its_new_status_and_owner_while_the_crm_is_still_to_be_told() {
    let (world, lead) = World::with_a_hot_lead().await;
    let id = LeadId::from(lead.as_str());
    deed(&world, &lead, "one", DeedKind::SetStatus { to: "Dead".into(), before: "In Process".into() }).await;
    let to = UserId::from(CAMILLE.0);
    let before = Some(UserId::from(LUC.0));
    deed(&world, &lead, "two", DeedKind::Assign { to: to.clone(), before }).await;
    world.look().await;
    let shown = world.app().engine.store().lead(&id).unwrap().unwrap();
    assert_eq!((shown.status.as_str(), shown.owner.as_ref()), ("Dead", Some(&to)));
    world.settle().await;
    let record = world.espo.get("Lead", &lead).unwrap();
    assert_eq!((&record["status"], &record["assignedUserId"]), (&json!("Dead"), &json!(CAMILLE.0)));
    world.end().await;
}

/// Undone before the CRM could be told: what was done last counts, whatever is tried first.
#[tokio::test]
async fn of_two_statuses_the_later_one_is_told() {
    let (world, lead) = World::with_a_hot_lead().await;
    world.espo.fail(Fault::Down);
    let change = |to: &str, before: &str| DeedKind::SetStatus { to: to.into(), before: before.into() };
    deed(&world, &lead, "one", change("Dead", "In Process")).await;
    world.quiet().await;
    deed(&world, &lead, "two", change("In Process", "Dead")).await;
    world.quiet().await;
    world.espo.heal();
    for _ in 0..10 {
        world.pass(MINUTE).await;
    }
    assert_eq!(world.espo.get("Lead", &lead).unwrap()["status"], "In Process");
    assert_eq!(world.app().engine.store().lead(&LeadId::from(lead.as_str())).unwrap().unwrap().status, "In Process");
    world.tap("done").await;
    world.end().await;
}

/// A person was there meanwhile: that is not undone, and whoever acted is told.
#[tokio::test]
async fn what_a_person_did_to_the_lead_meanwhile_stands_and_the_rep_is_told() {
    let (world, lead) = World::with_a_hot_lead().await;
    world.espo.update("Lead", &lead, "claire", json!({"status": "Converted"}));
    deed(&world, &lead, "one", DeedKind::SetStatus { to: "Dead".into(), before: "In Process".into() }).await;
    world.settle().await;
    assert_eq!(world.espo.get("Lead", &lead).unwrap()["status"], "Converted");
    assert_eq!(world.app().engine.store().lead(&LeadId::from(lead.as_str())).unwrap().unwrap().status, "Converted");
    insta::assert_snapshot!(world.last().plain, @"⚠️ Je n'ai pas pu changer le statut de Sophie : quelqu'un a modifié la fiche entre-temps.");
    world.end().await;
}

/// The lead is gone from the CRM: the call cannot be made there, and is not left in the mirror.
#[tokio::test]
async fn a_call_with_a_lead_that_is_gone_is_refused_and_the_rep_is_told() {
    let (world, lead) = World::with_a_hot_lead().await;
    world.espo.delete("Lead", &lead, "claire");
    let at = world.clock.now().plus(3 * HOUR);
    deed(&world, &lead, "one", DeedKind::PlanCall { at }).await;
    world.settle().await;
    assert_eq!(calls(&world).len(), 0);
    let id = LeadId::from(lead.as_str());
    assert_eq!(world.app().engine.store().activities(&id).unwrap().len(), 1, "the mail alone is left");
    let told = world.messages(LUC.1).into_iter().find(|message| message.plain.contains("appel avec"));
    insta::assert_snapshot!(told.unwrap().plain, @"⚠️ Je n'ai pas pu inscrire l'appel avec Sophie : la fiche n'est plus dans le CRM.");
    world.end().await;
}

/// A lead that has said nothing for a month.
async fn cold() -> (World, String) {
    cold_in(Setting::default()).await
}

async fn cold_in(setting: Setting) -> (World, String) {
    let world = World::with(setting, |_| {}).await;
    let lead = world.lead("Nina", 60 * DAY, json!({}));
    world.mail_from("Nina", 50 * DAY, "Bonjour, merci.");
    world.mail_to("Nina", 40 * DAY, "Bonjour Nina, où en êtes-vous ?");
    world.settle().await;
    assert_eq!(world.alert(&lead, "StaleLead30d")["status"], "Open");
    if button(&world.last(), "done").is_none() {
        world.tap("show").await;
    }
    (world, lead)
}

/// The words on the buttons of Luc's last message, row by row.
fn rows(world: &World) -> Vec<String> {
    let words =
        |row: &Vec<max::sandbox::telegram::Key>| row.iter().map(|key| key.text.clone()).collect::<Vec<_>>().join(" | ");
    world.last().keyboard.iter().map(words).collect()
}

/// The data of the button of Luc's last message with these words.
async fn tap_words(world: &World, words: &str) -> String {
    let message = world.last();
    let keys = message.keyboard.iter().flatten();
    let key =
        keys.into_iter().find(|key| key.text.contains(words)).unwrap_or_else(|| panic!("no {words} in {message:#?}"));
    let data = key.callback_data.clone().unwrap();
    world.telegram.tap(LUC.1, message.message_id, &data).unwrap();
    world.settle().await;
    world.telegram.answers().pop().and_then(|answer| answer.text).unwrap_or_default()
}

#[tokio::test]
async fn a_call_is_planned_in_two_taps_and_the_message_says_so() {
    let (world, lead) = World::with_a_hot_lead().await;
    insta::assert_snapshot!(rows(&world).join("\n"), @r"
    📧 Répondre par email | ✅ C'est envoyé
    💬 Répondre sur WhatsApp | 📞 Appel
    👍 Traité | ⏰ Plus tard | ⋯ Plus
    ");
    world.tap("call").await;
    insta::assert_snapshot!(rows(&world).join("\n"), @r"
    Auj. 10h30 | Auj. 15h | Demain 10h
    Demain 15h | Mercredi 10h | Mercredi 15h
    📅 Un autre jour
    ✅ Joint | 📵 Pas de réponse
    🎙 Message laissé | 🙅 Pas intéressé
    ↩️ Retour
    ");
    let answer = tap_words(&world, "Demain 10h").await;
    assert!(answer.contains("demain à 10h"), "{answer}");
    let made = calls(&world);
    assert_eq!(made.len(), 1);
    assert_eq!((&made[0]["dateStart"], &made[0]["status"]), (&json!("2026-03-03 09:00:00"), &json!("Planned")));
    assert_eq!(made[0]["assignedUserId"], LUC.0);
    assert_eq!(world.alert(&lead, "HotLead24h")["closeReason"], "planned");
    let told = world.last();
    assert!(told.keyboard.is_empty(), "{told:#?}");
    assert!(told.plain.contains("Appel prévu le 3 mars à 10h, par toi."), "{}", told.plain);
    world.end().await;
}

#[tokio::test]
async fn another_day_and_a_time_on_it_can_be_chosen() {
    let (world, _) = World::with_a_hot_lead().await;
    world.tap("call").await;
    world.tap("cdays").await;
    insta::assert_snapshot!(rows(&world).join("\n"), @r"
    Aujourd'hui | Demain | Mercredi 4/03
    Jeudi 5/03 | Vendredi 6/03 | Lundi 9/03
    Mardi 10/03 | Mercredi 11/03 | Jeudi 12/03
    Vendredi 13/03
    ↩️ Retour
    ");
    tap_words(&world, "Jeudi").await;
    insta::assert_snapshot!(rows(&world).join("\n"), @r"
    Jeudi 9h | Jeudi 10h | Jeudi 11h
    Jeudi 12h | Jeudi 13h | Jeudi 14h
    Jeudi 15h | Jeudi 16h | Jeudi 17h
    ↩️ Retour
    ");
    tap_words(&world, "Jeudi 11h").await;
    assert_eq!(calls(&world)[0]["dateStart"], "2026-03-05 10:00:00");
    world.end().await;
}

#[tokio::test]
async fn two_calls_are_not_planned_for_the_same_time() {
    let (world, _) = World::with_a_hot_lead().await;
    world.tap("call").await;
    tap_words(&world, "Demain 10h").await;
    world.lead("Marie", 2 * DAY, json!({}));
    world.settle().await;
    world.mail_from("Marie", 5 * MINUTE, "Bonjour, je voudrais un devis.");
    world.settle().await;
    world.tap("call").await;
    assert!(rows(&world).iter().all(|row| !row.contains("Demain 10h |")), "{:#?}", rows(&world));
    world.tap("spoke").await;
    world.end().await;
}

#[tokio::test]
async fn the_outcome_of_a_call_is_logged_in_one_tap() {
    let (world, lead) = World::with_a_hot_lead().await;
    world.tap("call").await;
    let answer = world.tap("nobody").await;
    assert!(answer.contains("pas de réponse"), "{answer}");
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open", "an attempt is no contact");
    world.tap("back").await;
    assert!(button(&world.last(), "done").is_some(), "the buttons are back");
    world.clock.advance(HOUR);
    world.settle().await;
    world.tap("call").await;
    world.tap("nobody").await;
    assert_eq!(calls(&world).len(), 2, "an hour later it is another call");
    world.tap("back").await;
    world.tap("call").await;
    let data = button(&world.last(), "spoke").unwrap();
    let message = world.last().message_id;
    for _ in 0..2 {
        world.telegram.tap(LUC.1, message, &data).unwrap();
    }
    world.settle().await;
    assert_eq!(calls(&world).len(), 3, "a second tap is not another call");
    assert_eq!(world.alert(&lead, "HotLead24h")["closeReason"], "cleared");
    let told = world.last();
    assert!(told.plain.contains("Appel noté\u{a0}: joint, par toi."), "{}", told.plain);
    world.end().await;
}

#[tokio::test]
async fn who_is_not_interested_can_be_archived_at_once() {
    let (world, lead) = World::with_a_hot_lead().await;
    world.tap("call").await;
    world.tap("nothanks").await;
    assert_eq!(calls(&world)[0]["description"], "Pas intéressé");
    assert_eq!(rows(&world), ["🗄 Archiver"]);
    world.tap("arch").await;
    world.tap("archyes").await;
    assert_eq!(world.espo.get("Lead", &lead).unwrap()["status"], "Dead");
    assert_eq!(rows(&world), ["↩️ Annuler"]);
    world.pass(10 * MINUTE).await;
    assert_eq!(rows(&world), [""; 0]);
    world.end().await;
}

#[tokio::test]
async fn a_cold_lead_is_archived_after_a_question_and_can_be_brought_back_for_ten_minutes() {
    let (world, lead) = cold().await;
    world.tap("more").await;
    insta::assert_snapshot!(rows(&world).join("\n"), @r"
    ❓ Pourquoi ? | 🙅 Pas pertinent
    🤝 Confier | 🗄 Archiver | Ouvrir dans le CRM
    ↩️ Retour
    ");
    world.tap("arch").await;
    assert_eq!(rows(&world), ["🗄 Oui, archiver", "↩️ Retour"]);
    assert_eq!(world.espo.get("Lead", &lead).unwrap()["status"], "In Process", "nothing without a yes");
    let before = world.messages(LUC.1).len();
    let answer = world.tap("archyes").await;
    assert!(answer.contains("10 minutes"), "{answer}");
    assert_eq!(world.espo.get("Lead", &lead).unwrap()["status"], "Dead");
    assert_eq!(world.alert(&lead, "StaleLead30d")["closeReason"], "lead_closed");
    let told = world.last();
    assert!(told.plain.contains("Lead archivé, par toi."), "{}", told.plain);
    world.pass(7 * MINUTE).await;
    world.tap("unarch").await;
    assert_eq!(world.espo.get("Lead", &lead).unwrap()["status"], "In Process");
    assert_eq!(world.alert(&lead, "StaleLead30d")["status"], "Open");
    assert!(button(&world.last(), "done").is_some(), "its message is as before: {:#?}", world.last());
    assert_eq!(world.messages(LUC.1).len(), before, "and there is no other");
    world.tap("done").await;
    world.end().await;
}

#[tokio::test]
async fn where_the_crm_has_no_such_status_archiving_is_not_offered() {
    let config = "[leads]\narchive_status = \"Buried\"\n".to_owned();
    let (world, lead) = cold_in(Setting { config, ..Setting::default() }).await;
    let message = world.last();
    world.tap("more").await;
    assert!(button(&world.last(), "arch").is_none(), "{:#?}", world.last());
    let alert = world.alert(&lead, "StaleLead30d");
    let offers = alert["cta"].to_string();
    assert!(!offers.contains("archiveLead"), "{offers}");
    // A button from a time when the CRM had it.
    let data = format!("1:archyes:{}", alert["dedupKey"].as_str().unwrap());
    world.telegram.forge_tap(LUC.1, LUC.1, message.message_id, &data).unwrap();
    world.settle().await;
    assert_eq!(world.espo.get("Lead", &lead).unwrap()["status"], "In Process");
    world.tap("done").await;
    world.end().await;
}

#[tokio::test]
async fn what_was_archived_stays_so_after_ten_minutes() {
    let (world, lead) = cold().await;
    world.tap("more").await;
    world.tap("arch").await;
    world.tap("archyes").await;
    let message = world.last();
    let data = button(&message, "unarch").unwrap();
    world.pass(10 * MINUTE).await;
    assert_eq!(rows(&world), [""; 0]);
    world.telegram.forge_tap(LUC.1, LUC.1, message.message_id, &data).unwrap();
    world.settle().await;
    assert_eq!(world.espo.get("Lead", &lead).unwrap()["status"], "Dead");
    assert!(world.telegram.answers().pop().unwrap().text.unwrap().contains("Trop tard"));
    world.end().await;
}

#[tokio::test]
async fn later_offers_what_is_left_of_the_week() {
    let (world, lead) = World::with_a_hot_lead().await;
    world.tap("zz").await;
    insta::assert_snapshot!(rows(&world).join("\n"), @r"
    Dans 1 h | Cet après-midi
    Demain 9h | Lundi 9/03 9h
    📅 Un autre jour
    ↩️ Retour
    ");
    let stale = button(&world.last(), "until-1a9e6ac");
    assert!(stale.is_none());
    tap_words(&world, "Cet après-midi").await;
    assert_eq!(world.alert(&lead, "HotLead24h")["snoozedUntil"], "2026-03-02 13:00:00");
    world.pass(5 * HOUR).await;
    world.tap("zz").await;
    world.tap("zdays").await;
    insta::assert_snapshot!(rows(&world).join("\n"), @r"
    Demain | Mercredi 4/03 | Jeudi 5/03
    Vendredi 6/03 | Lundi 9/03 | Mardi 10/03
    Mercredi 11/03 | Jeudi 12/03 | Vendredi 13/03
    Lundi 16/03
    ↩️ Retour
    ");
    tap_words(&world, "Vendredi 6/03").await;
    assert_eq!(world.alert(&lead, "HotLead24h")["snoozedUntil"], "2026-03-06 08:00:00");
    world.tap("done").await;
    world.end().await;
}

#[tokio::test]
async fn a_time_that_has_passed_since_it_was_offered_does_nothing() {
    let (world, lead) = World::with_a_hot_lead().await;
    world.tap("zz").await;
    let message = world.last();
    let data: Vec<String> = message.keyboard.iter().flatten().filter_map(|key| key.callback_data.clone()).collect();
    let afternoon = data.into_iter().find(|data| data.starts_with("1:until-")).unwrap();
    world.tap("back").await;
    world.tap("call").await;
    let first = world.last().keyboard[0][0].callback_data.clone().unwrap();
    world.tap("back").await;
    world.clock.advance(26 * HOUR);
    world.settle().await;
    // What Luc may do is known again.
    world.tap("zz").await;
    world.tap("back").await;
    for data in [afternoon, first] {
        world.telegram.forge_tap(LUC.1, LUC.1, message.message_id, &data).unwrap();
        world.settle().await;
        assert_eq!(world.telegram.answers().pop().unwrap().text.unwrap(), "Ce bouton n'est plus d'actualité.");
    }
    assert_eq!(calls(&world).len(), 0);
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open");
    world.tap("done").await;
    world.end().await;
}

#[tokio::test]
async fn why_is_told_in_facts_and_dates() {
    let (world, _) = World::with_a_hot_lead().await;
    world.tap("more").await;
    let before = world.messages(LUC.1).len();
    world.tap("why").await;
    assert_eq!(world.messages(LUC.1).len(), before + 1);
    let told = world.last().plain;
    assert!(told.starts_with("❓ Pourquoi je t'en parle\n\n"), "{told}");
    for fact in [
        "• Son dernier signe\u{a0}: aujourd'hui à 9h55 par email",
        "• Aucun contact de notre part",
        "• Aucun prochain pas prévu",
        "• Je te le signale depuis le 2 mars à 10h",
    ] {
        assert!(told.contains(fact), "{fact} in {told}");
    }
    let alert = world.messages(LUC.1)[before - 1].clone();
    world.telegram.tap(LUC.1, alert.message_id, &button(&alert, "back").unwrap()).unwrap();
    world.settle().await;
    let alert = world.messages(LUC.1)[before - 1].clone();
    world.telegram.tap(LUC.1, alert.message_id, &button(&alert, "done").unwrap()).unwrap();
    world.end().await;
}

#[tokio::test]
async fn what_is_beside_the_point_is_handled_and_remembered() {
    let (world, lead) = World::with_a_hot_lead().await;
    world.tap("more").await;
    world.tap("off").await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Resolved");
    assert!(world.last().plain.contains("Pas pertinent"), "{}", world.last().plain);
    let marks = world.app().engine.store().not_relevant().unwrap();
    assert_eq!(marks.len(), 1);
    let mark = &marks[0];
    assert_eq!((mark.lead.as_str(), mark.by.as_ref()), (lead.as_str(), Some(&UserId::from(LUC.0))));
    assert!(mark.reading.intent && mark.text.contains("devis"), "{mark:?}");
    world.end().await;
}

/// The lead's wish came after the message: the old button does nothing.
#[tokio::test]
async fn a_lead_that_is_not_to_be_called_is_not_called() {
    let (world, lead) = World::with_a_hot_lead().await;
    world.tap("call").await;
    let message = world.last();
    let first = message.keyboard[0][0].callback_data.clone().unwrap();
    world.clock.advance(2);
    world.espo.update("Lead", &lead, "claire", json!({"doNotCall": true}));
    world.settle().await;
    world.telegram.forge_tap(LUC.1, LUC.1, message.message_id, &first).unwrap();
    world.settle().await;
    assert_eq!(calls(&world).len(), 0);
    assert!(world.telegram.answers().pop().unwrap().text.unwrap().contains("ne doit pas être appelé"));
    assert!(button(&world.last(), "call").is_none());
    world.tap("done").await;
    world.end().await;
}

/// In a group there is one button; another, kept from elsewhere, does nothing there.
#[tokio::test]
async fn a_group_has_no_menus() {
    const GROUP: i64 = -100_300;
    let setting = Setting { telegram: "fallback_chat = -100300", linked: vec![CAMILLE], ..Setting::default() };
    let world = World::with(setting, |world| world.telegram.open_group(GROUP, "Commercial")).await;
    let lead = world.lead("Sophie", 2 * DAY, json!({}));
    world.mail_from("Sophie", MINUTE, "Bonjour, vous pouvez m'envoyer un devis ?");
    world.settle().await;
    let told = world.messages(GROUP).pop().unwrap();
    let alert = button(&told, "show").unwrap().rsplit(':').next().unwrap().to_owned();
    for action in ["call", "spoke", "more", "why", "archyes"] {
        world.telegram.forge_tap(GROUP, CAMILLE.1, told.message_id, &format!("1:{action}:{alert}")).unwrap();
    }
    world.settle().await;
    assert_eq!(world.messages(GROUP).pop().unwrap().keyboard, told.keyboard);
    assert_eq!(calls(&world).len(), 0);
    assert_eq!(world.espo.get("Lead", &lead).unwrap()["status"], "In Process");
    world.telegram.tap_in_group(GROUP, CAMILLE.1, told.message_id, &button(&told, "show").unwrap()).unwrap();
    world.settle().await;
    let shown = world.messages(CAMILLE.1).pop().unwrap();
    world.telegram.tap(CAMILLE.1, shown.message_id, &button(&shown, "done").unwrap()).unwrap();
    world.settle().await;
    world.end().await;
}

/// The daemon is killed between the tap and its answer: Telegram delivers the tap again.
#[tokio::test]
async fn a_call_whose_tap_is_delivered_again_is_one_call() {
    let (mut world, _) = World::with_a_hot_lead().await;
    world.tap("call").await;
    let data = button(&world.last(), "nobody").unwrap();
    world.espo.fail(Fault::Down);
    world.telegram.tap(LUC.1, world.last().message_id, &data).unwrap();
    world.telegram.wait_until(max::sandbox::telegram::TelegramSandbox::all_updates_confirmed).await;
    world.stop().await;
    world.espo.heal();
    world.start().await;
    world.settle().await;
    assert_eq!(calls(&world).len(), 1);
    world.tap("back").await;
    world.tap("done").await;
    world.end().await;
}

/// A lead that has waited for a day, of whom Luc was told.
async fn waiting() -> (World, String) {
    let world = World::begin().await;
    let lead = world.lead("Sophie", 9 * DAY, json!({}));
    world.mail_to("Sophie", 3 * DAY, "Bonjour Sophie, voici notre offre.");
    world.mail_from("Sophie", 25 * HOUR, "Bonjour, où en est notre dossier ? Cordialement");
    world.settle().await;
    assert_eq!(world.alert(&lead, "AwaitingReply24h")["status"], "Open");
    (world, lead)
}

/// Nobody picked up: the alert stays, and when to try again is asked in its message, not in the menu that was there.
#[tokio::test]
async fn after_a_call_in_vain_it_is_asked_when_to_try_again() {
    let (world, lead) = waiting().await;
    world.tap("zz").await;
    tap_words(&world, "Dans 1 h").await;
    world.pass(HOUR).await;
    world.tap("call").await;
    let answer = world.tap("nobody").await;
    assert!(answer.contains("On retente quand"), "{answer}");
    assert_eq!(world.alert(&lead, "AwaitingReply24h")["status"], "Open");
    assert!(rows(&world).iter().all(|row| !row.contains("Pas de réponse")), "{:#?}", rows(&world));
    tap_words(&world, "Demain 10h").await;
    let made = calls(&world);
    assert_eq!(made.len(), 2, "the one in vain and the next one: {made:#?}");
    world.end().await;
}

/// Telegram is busy just as the menu is to go: it goes all the same.
#[tokio::test]
async fn a_menu_goes_also_when_telegram_is_busy() {
    let (world, _) = waiting().await;
    world.tap("more").await;
    world.telegram.fail_next("editMessageText", telegram::Fault::TooManyRequests { retry_after: 2 }, 1);
    world.tap("back").await;
    world.pass(MINUTE).await;
    assert!(rows(&world).iter().all(|row| !row.contains("Pas pertinent")), "{:#?}", rows(&world));
    world.tap("done").await;
    world.end().await;
}

/// Who called is called back: the first button is the call, and the number is there to be touched.
#[tokio::test]
async fn a_missed_call_is_answered_by_a_call() {
    let world = World::begin().await;
    let lead = world.lead("Sophie", 9 * DAY, json!({}));
    world.mail_to("Sophie", 3 * DAY, "Bonjour Sophie, voici notre offre.");
    world.call(&lead, "Inbound", "Not Held", 25 * HOUR);
    world.settle().await;
    assert_eq!(rows(&world)[0], "📞 Appel | ✅ Joint");
    assert!(world.last().plain.contains("+33639980101"), "{}", world.last().plain);
    world.tap("spoke").await;
    assert_eq!(calls(&world).len(), 2);
    world.end().await;
}

/// What is planned in the CRM is no time to call: neither another call nor a meeting, and that as long as it takes.
#[tokio::test]
async fn no_slot_is_proposed_that_is_taken_in_the_crm() {
    let (world, lead) = waiting().await;
    let other = world.lead("Marie", 2 * DAY, json!({}));
    let at = |time: &str| format!("2026-03-03 {time}:00");
    let planned = |from: &str, to: &str| {
        json!({
            "name": "Rendez-vous", "status": "Planned", "direction": "Outbound", "dateStart": at(from), "dateEnd": at(to),
            "parentType": "Lead", "parentId": other, "assignedUserId": LUC.0,
        })
    };
    world.espo.create("Meeting", "admin", planned("09:00", "10:00"));
    world.espo.create("Call", "admin", planned("14:00", "14:30"));
    world.settle().await;
    world.tap("call").await;
    let shown = rows(&world).join(" | ");
    for taken in ["Demain 10h ", "Demain 10h30", "Demain 15h "] {
        assert!(!shown.contains(taken), "{taken} is taken: {shown}");
    }
    assert!(shown.contains("Demain 11h") && shown.contains("Demain 15h30"), "{shown}");
    world.tap("spoke").await;
    assert_ne!(world.alert(&lead, "AwaitingReply24h")["status"], "Open");
    world.end().await;
}

#[tokio::test]
async fn a_slot_that_was_taken_since_it_was_offered_is_planned_and_says_so() {
    let (world, _) = waiting().await;
    let other = world.lead("Marie", 2 * DAY, json!({}));
    world.tap("call").await;
    let planned = json!({
        "name": "Rendez-vous", "status": "Planned", "direction": "Outbound", "dateStart": "2026-03-03 09:00:00",
        "dateEnd": "2026-03-03 10:00:00", "parentType": "Lead", "parentId": other, "assignedUserId": LUC.0,
    });
    world.espo.create("Meeting", "admin", planned);
    world.settle().await;
    let message = world.last();
    let key = message.keyboard.iter().flatten().find(|key| key.text.replace('\u{a0}', " ").contains("Demain 10h"));
    let data = key.and_then(|key| key.callback_data.clone()).unwrap();
    let tap = || async {
        world.telegram.tap(LUC.1, message.message_id, &data).unwrap();
        world.settle().await;
        world.telegram.answers().pop().unwrap()
    };
    let answer = tap().await;
    let text = answer.text.clone().unwrap_or_default();
    assert!(text.contains("tu as déjà autre chose à cette heure-là") && answer.alert, "{answer:?}");
    assert_eq!(calls(&world).into_iter().filter(|call| call["status"] == "Planned").count(), 1, "{:#?}", calls(&world));
    world.end().await;
}

/// A call in vain may end an alert: when to try again is asked in its message all the same, and planned there.
#[tokio::test]
async fn an_alert_that_a_call_in_vain_ended_asks_when_to_try_again() {
    let world = World::begin().await;
    let lead = world.lead("Lucie", 8 * DAY, json!({}));
    world.settle().await;
    world.tap("call").await;
    world.tap("left").await;
    assert_ne!(world.alert(&lead, "NoContact7d")["status"], "Open");
    assert_eq!(rows(&world), ["📞 On retente quand\u{202f}?"]);
    assert!(world.last().plain.contains("par toi"), "{}", world.last().plain);
    world.tap("call").await;
    tap_words(&world, "Demain 10h").await;
    let told = world.last();
    assert!(told.plain.contains("Appel prévu le 3 mars à 10h, par toi.") && told.keyboard.is_empty(), "{told:#?}");
    let planned = calls(&world).into_iter().filter(|call| call["status"] == "Planned");
    assert_eq!(planned.count(), 1);
    world.end().await;
}
