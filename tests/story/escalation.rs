//! A hot lead that nobody answers in time: its owner is reminded once, then those who lead hear of it. Whatever touches
//! the lead begins the count anew, and working hours count.

use max::domain::{DAY, HOUR, MINUTE};
use max::sandbox::espo::{Fault, Grant, Reach, Rights};
use max::sandbox::telegram::{LoggedRequest, SentMessage, Shut};
use serde_json::json;

use crate::support::log::Log;
use crate::support::{CAMILLE, CLAIRE, LUC, Setting, TEAM, World, button};

const GROUP: i64 = -1_000_000_001;
const MOVED_GROUP: i64 = -1_000_000_002;

/// Claire leads the team in private, Luc's lead Sophie is hot, and it is 10:00. The lead.
async fn led() -> (World, String) {
    hot(format!("[teams.\"{TEAM}\"]\nmanagers = [\"{}\"]\n", CLAIRE.0), vec![LUC, CLAIRE]).await
}

/// The same with a chat of the team's.
async fn in_team_chat(more: &str) -> (World, String) {
    let config = format!("[teams.\"{TEAM}\"]\nmanagers = [\"{}\"]\nchat = {GROUP}\n{more}", CLAIRE.0);
    hot(config, vec![LUC, CLAIRE, CAMILLE]).await
}

async fn hot(config: String, linked: Vec<(&'static str, i64)>) -> (World, String) {
    let setting = Setting { config, linked, ..Setting::default() };
    let world = World::with(setting, |world| world.telegram.open_group(GROUP, "Ventes")).await;
    let lead = world.sophie_asks().await;
    (world, lead)
}

/// What somebody was told of Sophie: all versions of all messages count.
fn told(world: &World, account: i64) -> Vec<SentMessage> {
    let of_her = |message: &SentMessage| message.plain.contains("Sophie") || message.plain.contains("S. M.");
    world.messages(account).into_iter().filter(of_her).collect()
}

/// Lets working time pass in steps that a daemon would take.
async fn wait(world: &World, seconds: i64) {
    let mut left = seconds;
    while left > 0 {
        world.pass(left.min(20 * MINUTE)).await;
        left -= 20 * MINUTE;
    }
}

fn done(message: &SentMessage) -> Option<String> {
    button(message, "done")
}

#[tokio::test]
async fn the_owner_is_reminded_once_and_after_an_hour_those_who_lead_hear_of_it_once() {
    let (mut world, lead) = led().await;
    assert_eq!((told(&world, LUC.1).len(), told(&world, CLAIRE.1).len()), (1, 0));
    wait(&world, HOUR + 50 * MINUTE).await;
    assert_eq!(told(&world, LUC.1).len(), 1, "not before the target time is over");
    wait(&world, 11 * MINUTE).await;
    let to_luc = told(&world, LUC.1);
    assert_eq!((to_luc.len(), told(&world, CLAIRE.1).len()), (2, 0));
    assert!(to_luc[1].plain.starts_with("⏳"), "{}", to_luc[1].plain);
    assert!(done(&to_luc[0]).is_none() && done(&to_luc[1]).is_some(), "there is one place to tap");

    world.stop().await;
    world.start().await;
    wait(&world, 50 * MINUTE).await;
    assert_eq!((told(&world, LUC.1).len(), told(&world, CLAIRE.1).len()), (2, 0));
    wait(&world, 11 * MINUTE).await;
    let to_claire = told(&world, CLAIRE.1);
    assert_eq!((told(&world, LUC.1).len(), to_claire.len()), (2, 1));
    assert!(to_claire[0].plain.starts_with("⏳ Luc n'a pas encore"), "{}", to_claire[0].plain);

    world.stop().await;
    world.start().await;
    wait(&world, 4 * HOUR).await;
    world.tomorrow_at_ten().await;
    wait(&world, 4 * HOUR).await;
    assert_eq!((told(&world, LUC.1).len(), told(&world, CLAIRE.1).len()), (2, 1), "never again");

    world.tap("done").await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Resolved");
    let settled = told(&world, CLAIRE.1).remove(0);
    assert!(settled.keyboard.is_empty() && settled.plain.contains("Traité par Luc Moreau"), "{settled:#?}");
    world.end().await;
}

#[tokio::test]
async fn an_answer_a_planned_call_a_snooze_and_a_call_in_vain_each_begin_the_count_anew() {
    type Touch = fn(&World, &str);
    let touches: [(&str, Touch, usize); 3] = [
        ("an answer", |world, _| drop(world.mail_to("Sophie", 0, "Voici notre devis.")), 0),
        ("a planned call", |world, lead| drop(world.call(lead, "Outbound", "Planned", -3 * HOUR)), 0),
        ("a call in vain", |world, lead| drop(world.call(lead, "Outbound", "Not Held", 0)), 1),
    ];
    for (what, touch, reminders) in touches {
        let (world, lead) = led().await;
        wait(&world, HOUR + 40 * MINUTE).await;
        touch(&world, &lead);
        world.settle().await;
        wait(&world, HOUR + 50 * MINUTE).await;
        assert_eq!((told(&world, LUC.1).len(), told(&world, CLAIRE.1).len()), (1, 0), "{what}");
        wait(&world, 20 * MINUTE).await;
        assert_eq!(told(&world, LUC.1).len(), 1 + reminders, "{what}");
        world.end().await;
    }
    let (world, _) = led().await;
    wait(&world, HOUR + 40 * MINUTE).await;
    world.tap("zz").await;
    world.tap("z1h").await;
    wait(&world, 50 * MINUTE).await;
    assert_eq!((told(&world, LUC.1).len(), told(&world, CLAIRE.1).len()), (1, 0), "what is put off is left alone");
    wait(&world, HOUR).await;
    assert_eq!((told(&world, LUC.1).len(), told(&world, CLAIRE.1).len()), (2, 0), "as promised, and no reminder yet");
    wait(&world, HOUR + 20 * MINUTE).await;
    assert!(world.last().plain.starts_with("⏳"), "{}", world.last().plain);
    world.end().await;
}

#[tokio::test]
async fn after_the_reminder_an_answer_spares_those_who_lead() {
    let (world, lead) = led().await;
    wait(&world, 2 * HOUR + MINUTE).await;
    assert_eq!(told(&world, LUC.1).len(), 2);
    world.mail_to("Sophie", 0, "Voici notre devis.");
    wait(&world, 4 * HOUR).await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Closed");
    assert!(told(&world, CLAIRE.1).is_empty());
    world.end().await;
}

#[tokio::test]
async fn an_answer_that_nothing_announced_is_seen_before_anybody_is_told() {
    let (world, lead) = led().await;
    wait(&world, 2 * HOUR + MINUTE).await;
    // A silent save: no list of what was modified shows it.
    let sent = world.mail_to("Sophie", 0, "Voici notre devis.");
    world.espo.update_silently("Email", &sent, json!({"modifiedAt": "2026-01-01 00:00:00"}));
    wait(&world, 2 * HOUR).await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Closed");
    assert!(told(&world, CLAIRE.1).is_empty());
    world.end().await;
}

#[tokio::test]
async fn nights_and_weekends_do_not_count() {
    let config = format!("[teams.\"{TEAM}\"]\nmanagers = [\"{}\"]\n", CLAIRE.0);
    // A Friday, an hour before the office closes.
    let begin = "2026-03-06T17:30:00+01:00";
    let world = World::with(Setting { config, linked: vec![LUC, CLAIRE], begin, ..Setting::default() }, |_| {}).await;
    world.lead("Sophie", 2 * DAY, json!({}));
    world.settle().await;
    world.mail_from("Sophie", 5 * MINUTE, "Bonjour, vous pouvez m'envoyer un devis ?");
    world.settle().await;
    for _ in 0..62 {
        world.pass(HOUR).await;
    }
    assert_eq!(told(&world, LUC.1).len(), 1, "Monday, 7:30");
    wait(&world, 2 * HOUR + 50 * MINUTE).await;
    assert_eq!((told(&world, LUC.1).len(), told(&world, CLAIRE.1).len()), (3, 0), "Monday, 10:20: the briefing, too");
    wait(&world, 50 * MINUTE).await;
    assert_eq!(told(&world, CLAIRE.1).len(), 1);
    world.end().await;
}

#[tokio::test]
async fn while_the_crm_is_not_seen_nobody_is_accused_of_silence() {
    let (world, lead) = led().await;
    wait(&world, 2 * HOUR + MINUTE).await;
    world.espo.fail(Fault::Down);
    for _ in 0..90 {
        world.clock.advance(MINUTE);
        let _ = world.app().crm.look_now().await;
    }
    world.quiet().await;
    assert!(told(&world, CLAIRE.1).is_empty());
    world.espo.heal();
    world.mail_to("Sophie", 30 * MINUTE, "Voici notre devis.");
    world.pass(MINUTE).await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Closed");
    assert!(told(&world, CLAIRE.1).is_empty());
    world.end().await;
}

#[tokio::test]
async fn whoever_is_not_there_is_not_waited_for() {
    let (world, _) = hot(format!("[teams.\"{TEAM}\"]\nmanagers = [\"{}\"]\n", CLAIRE.0), vec![CLAIRE]).await;
    wait(&world, 2 * HOUR + MINUTE).await;
    assert_eq!(told(&world, CLAIRE.1).len(), 1, "Luc is not on Telegram: at target time");
    world.end().await;

    let config =
        format!("[stand_ins]\n{} = \"{}\"\n[teams.\"{TEAM}\"]\nmanagers = [\"{}\"]\n", LUC.0, CAMILLE.0, CLAIRE.0);
    let (world, _) = hot(config, vec![CAMILLE, CLAIRE]).await;
    assert_eq!(told(&world, CAMILLE.1).len(), 1);
    wait(&world, 2 * HOUR + MINUTE).await;
    assert_eq!((told(&world, CAMILLE.1).len(), told(&world, CLAIRE.1).len()), (2, 1), "who stands in is reminded too");
    wait(&world, 4 * HOUR).await;
    assert_eq!((told(&world, CAMILLE.1).len(), told(&world, CLAIRE.1).len()), (2, 1));
    world.end().await;
}

#[tokio::test]
async fn a_team_reads_initials_in_its_chat_and_the_rest_in_private() {
    let (world, lead) = in_team_chat("").await;
    wait(&world, 3 * HOUR + 2 * MINUTE).await;
    assert!(told(&world, CLAIRE.1).is_empty(), "the chat stands for those who lead");
    let in_group = told(&world, GROUP).remove(0);
    for private in ["Sophie", "Martin", "devis", "wa.me", "Luc"] {
        assert!(!format!("{in_group:?}").contains(private), "{private}: {in_group:#?}");
    }
    assert!(in_group.plain.contains("depuis 3"), "{}", in_group.plain);
    let show = button(&in_group, "show").unwrap();
    world.telegram.tap_in_group(GROUP, CLAIRE.1, in_group.message_id, &show).unwrap();
    world.settle().await;
    assert!(told(&world, CLAIRE.1)[0].plain.contains("Sophie"));
    world.clock.advance(MINUTE);
    world.mail_to("Sophie", 0, "Voici notre devis.");
    world.settle().await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Closed");
    let settled = told(&world, GROUP).remove(0);
    assert!(settled.keyboard.is_empty() && settled.plain.contains("✅"), "{settled:#?}");
    world.end().await;
}

#[tokio::test]
async fn it_can_be_switched_off_and_its_pause_set() {
    let (world, _) = hot(
        format!("[escalation]\nenabled = false\n[teams.\"{TEAM}\"]\nmanagers = [\"{}\"]\n", CLAIRE.0),
        vec![LUC, CLAIRE],
    )
    .await;
    wait(&world, 6 * HOUR).await;
    assert_eq!((told(&world, LUC.1).len(), told(&world, CLAIRE.1).len()), (1, 0));
    world.end().await;
    let (world, _) = hot(
        format!("[escalation]\nafter = \"15m\"\n[teams.\"{TEAM}\"]\nmanagers = [\"{}\"]\n", CLAIRE.0),
        vec![LUC, CLAIRE],
    )
    .await;
    wait(&world, 2 * HOUR + 17 * MINUTE).await;
    assert_eq!((told(&world, LUC.1).len(), told(&world, CLAIRE.1).len()), (2, 1));
    world.end().await;
}

#[tokio::test]
async fn a_change_of_owner_begins_the_count_anew_for_the_new_one() {
    let config = format!("[teams.\"{TEAM}\"]\nmanagers = [\"{}\"]\n", CLAIRE.0);
    let (world, lead) = hot(config, vec![LUC, CAMILLE, CLAIRE]).await;
    wait(&world, HOUR + 40 * MINUTE).await;
    world.espo.update("Lead", &lead, "claire", json!({"assignedUserId": CAMILLE.0}));
    world.settle().await;
    wait(&world, HOUR + 50 * MINUTE).await;
    assert_eq!((told(&world, CAMILLE.1).len(), told(&world, CLAIRE.1).len()), (1, 0));
    wait(&world, 20 * MINUTE).await;
    let reminded = told(&world, CAMILLE.1);
    assert!(reminded.last().unwrap().plain.starts_with("⏳"), "{reminded:#?}");
    assert_eq!(told(&world, LUC.1).len(), 1, "it is no longer his");
    wait(&world, HOUR).await;
    let to_claire = told(&world, CLAIRE.1).remove(0);
    assert!(to_claire.plain.contains("Camille n'a pas"), "{}", to_claire.plain);
    // Somebody else has it now: that message says so.
    world.espo.update("Lead", &lead, "claire", json!({"assignedUserId": LUC.0}));
    world.settle().await;
    let moved = told(&world, CLAIRE.1).remove(0);
    assert!(moved.keyboard.is_empty() && moved.plain.contains("Luc a repris"), "{moved:#?}");
    world.end().await;
}

#[tokio::test]
async fn a_manager_who_may_not_see_the_lead_hears_nothing() {
    let (world, lead) = led().await;
    let own = Grant { create: true, read: Reach::Own, edit: Reach::Own, delete: Reach::No };
    world.espo.set_rights(CLAIRE.0, &Rights::of_people().with("Lead", own));
    wait(&world, 4 * HOUR).await;
    assert_eq!((told(&world, LUC.1).len(), told(&world, CLAIRE.1).len()), (2, 0));
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Open");
    world.end().await;
}

fn owner(world: &World, lead: &str) -> serde_json::Value {
    world.espo.get("Lead", lead).unwrap()["assignedUserId"].clone()
}

async fn tap_in(world: &World, chat: i64, person: i64, message: &SentMessage, action: &str) -> String {
    let data = button(message, action).unwrap_or_else(|| panic!("no button {action} in {message:#?}"));
    world.telegram.tap_in_group(chat, person, message.message_id, &data).unwrap();
    world.settle().await;
    world.telegram.answers().pop().and_then(|answer| answer.text).unwrap_or_default()
}

#[tokio::test]
async fn whoever_takes_it_in_the_team_chat_owns_it_in_the_crm_and_everybody_sees_who() {
    let (world, lead) = in_team_chat("").await;
    wait(&world, 3 * HOUR + 2 * MINUTE).await;
    let in_group = told(&world, GROUP).remove(0);
    assert!(told(&world, CAMILLE.1).is_empty());
    // Nothing is known ahead of whoever taps in a group: the tap is answered before the CRM is asked.
    let answer = tap_in(&world, GROUP, CAMILLE.1, &in_group, "take").await;
    assert!(answer.contains("je vérifie"), "{answer}");
    assert_eq!(owner(&world, &lead), CAMILLE.0);
    let after = told(&world, GROUP).remove(0);
    assert!(after.keyboard.is_empty() && after.plain.contains("Camille"), "{after:#?}");
    let to_luc = told(&world, LUC.1);
    assert!(to_luc.iter().all(|message| done(message).is_none()), "{to_luc:#?}");
    assert!(to_luc.last().unwrap().plain.contains("Camille"), "{to_luc:#?}");
    let to_camille = told(&world, CAMILLE.1);
    assert_eq!(to_camille.len(), 1);
    assert!(to_camille[0].plain.contains("Sophie") && done(&to_camille[0]).is_some(), "{to_camille:#?}");
    // Claire has not seen the edit yet.
    let late = tap_in(&world, GROUP, CLAIRE.1, &in_group, "take").await;
    assert!(late.contains("Camille s'en occupe"), "{late}");
    assert_eq!(owner(&world, &lead), CAMILLE.0);
    world.end().await;
}

#[tokio::test]
async fn who_may_not_have_the_lead_in_the_crm_cannot_take_it() {
    let (world, lead) = in_team_chat("").await;
    let own = Grant { create: true, read: Reach::Own, edit: Reach::Own, delete: Reach::No };
    world.espo.set_rights(CAMILLE.0, &Rights::of_people().with("Lead", own));
    wait(&world, 3 * HOUR + 2 * MINUTE).await;
    let in_group = told(&world, GROUP).remove(0);
    tap_in(&world, GROUP, CAMILLE.1, &in_group, "take").await;
    let refused = world.messages(CAMILLE.1).pop().unwrap();
    assert!(refused.plain.contains("ne te donne pas ce droit"), "{refused:#?}");
    assert_eq!(owner(&world, &lead), LUC.0);
    world.end().await;
}

#[tokio::test]
async fn a_manager_hands_it_to_a_colleague_who_may_see_it() {
    let config = format!("[teams.\"{TEAM}\"]\nmanagers = [\"{}\"]\n", CLAIRE.0);
    let (world, lead) = hot(config, vec![LUC, CAMILLE, CLAIRE]).await;
    wait(&world, 3 * HOUR + 2 * MINUTE).await;
    let at = |world: &World| told(world, CLAIRE.1).remove(0);
    tap_in(&world, CLAIRE.1, CLAIRE.1, &at(&world), "hand0").await;
    let offered = at(&world);
    assert!(button(&offered, &format!("hto-{}", LUC.0)).is_none(), "it is his already");
    assert!(button(&offered, &format!("hto-{}", CLAIRE.0)).is_none(), "nobody hands a lead to herself");
    tap_in(&world, CLAIRE.1, CLAIRE.1, &offered, &format!("hto-{}", CAMILLE.0)).await;
    assert_eq!(owner(&world, &lead), LUC.0, "asked first");
    let answer = tap_in(&world, CLAIRE.1, CLAIRE.1, &at(&world), &format!("hov-{}", CAMILLE.0)).await;
    assert!(answer.contains("Camille prend la suite"), "{answer}");
    assert_eq!(owner(&world, &lead), CAMILLE.0);
    assert!(told(&world, CAMILLE.1).iter().any(|message| done(message).is_some()));
    assert!(at(&world).keyboard.is_empty() && at(&world).plain.contains("Camille"), "{:#?}", at(&world));
    world.end().await;
}

#[tokio::test]
async fn where_the_topic_is_closed_or_gone_the_forum_itself_is_told() {
    const FORUM: i64 = -1_000_000_003;
    type Harm = fn(&World, i32);
    let harms: [Harm; 2] = [
        |world, topic| world.telegram.close_topic(FORUM, topic, true).unwrap(),
        |world, topic| world.telegram.delete_topic(FORUM, topic).unwrap(),
    ];
    for harm in harms {
        // The sandbox numbers a forum's first topic 1.
        let config = format!("[teams.\"{TEAM}\"]\nmanagers = [\"{}\"]\nchat = {FORUM}\ntopic = 1\n", CLAIRE.0);
        let setting = Setting { config, linked: vec![LUC, CLAIRE], ..Setting::default() };
        let world = World::with(setting, |world| world.telegram.open_forum(FORUM, "Ventes")).await;
        assert_eq!(world.telegram.open_topic(FORUM, LUC.1, "Leads chauds").unwrap(), 1);
        world.lead("Sophie", 2 * DAY, json!({}));
        world.settle().await;
        world.mail_from("Sophie", 5 * MINUTE, "Bonjour, vous pouvez m'envoyer un devis ?");
        world.settle().await;
        let (log, _guard) = Log::begin();
        harm(&world, 1);
        wait(&world, 3 * HOUR + 2 * MINUTE).await;
        let said = told(&world, FORUM);
        assert_eq!((said.len(), said[0].thread), (1, None), "{said:#?}");
        assert!(said[0].plain.contains("S. M."), "initials there, too: {}", said[0].plain);
        world.tap("done").await;
        world.tomorrow_at_ten().await;
        world.mail_from("Sophie", 5 * MINUTE, "Bonjour, finalement je voudrais aussi un devis pour la pose.");
        world.settle().await;
        wait(&world, 3 * HOUR + 2 * MINUTE).await;
        assert_eq!(told(&world, FORUM).len(), 2);
        let warned = log.lines(&["a topic takes no messages"]);
        assert_eq!(warned.len(), 1, "said once: {warned:#?}");
        world.tap("done").await;
        world.end().await;
    }
}

#[tokio::test]
async fn a_team_whose_chat_threw_the_bot_out_is_told_through_its_managers_until_it_is_let_in_again() {
    let (world, lead) = in_team_chat("").await;
    let (log, _guard) = Log::begin();
    world.telegram.block(GROUP);
    world.settle().await;
    wait(&world, 3 * HOUR + 2 * MINUTE).await;
    assert_eq!((told(&world, GROUP).len(), told(&world, CLAIRE.1).len()), (0, 1));
    assert!(told(&world, CLAIRE.1)[0].plain.contains("Sophie"), "in private with her name");
    let said = log.lines(&["the bot was removed from a group"]);
    assert!(said.len() <= 1, "said once: {said:#?}");
    world.tap("done").await;
    assert_eq!(world.alert(&lead, "HotLead24h")["status"], "Resolved");

    world.telegram.unblock(GROUP);
    world.settle().await;
    world.tomorrow_at_ten().await;
    world.mail_from("Sophie", 5 * MINUTE, "Bonjour, finalement je voudrais aussi un devis pour la pose.");
    world.settle().await;
    wait(&world, 3 * HOUR + 2 * MINUTE).await;
    assert_eq!(told(&world, GROUP).len(), 1, "it is told again");
    assert_eq!(told(&world, CLAIRE.1).len(), 1);
    world.tap("done").await;
    world.end().await;
}

/// Nobody said that the bot was thrown out: the first message that is refused does.
#[tokio::test]
async fn a_chat_that_was_closed_unheard_costs_nobody_the_news() {
    let (mut world, _) = in_team_chat("").await;
    world.stop().await;
    world.telegram.shut(GROUP, Shut::Muted);
    world.start().await;
    wait(&world, 3 * HOUR + 2 * MINUTE).await;
    assert_eq!((told(&world, GROUP).len(), told(&world, CLAIRE.1).len()), (0, 1));
    world.tap("done").await;
    world.end().await;
}

#[tokio::test]
async fn the_second_page_of_colleagues_has_the_rest_and_the_way_back() {
    let (world, lead) = hot(String::new(), vec![LUC]).await;
    let names = ["Alice", "Bruno", "Chloe", "David", "Emma", "Farid", "Gaelle", "Hugo", "Ines", "Jules"];
    let ids: Vec<String> = names.iter().map(|name| format!("user{name:0>13}")).collect();
    for (number, (name, id)) in names.iter().zip(&ids).enumerate() {
        let user = json!({"id": id, "userName": name.to_lowercase(), "type": "regular", "isActive": true,
                          "firstName": name, "lastName": "Roy", "teamsIds": [TEAM]});
        world.espo.create("User", "admin", user);
        world.link(id, 2_000 + i64::try_from(number).unwrap()).await;
    }
    world.tap("more").await;
    world.tap("hand0").await;
    let offered = |world: &World| -> Vec<String> {
        let message = world.last();
        let keys = message.keyboard.iter().flatten().map(|key| key.text.clone());
        keys.filter(|text| text.contains("Roy")).collect()
    };
    let first = offered(&world);
    assert!(!first.is_empty() && first.len() < names.len(), "{first:?}");
    world.tap("hand1").await;
    let second = offered(&world);
    assert_eq!(first.len() + second.len(), names.len(), "{first:?} {second:?}");
    assert!(second.iter().all(|name| !first.contains(name)) && second.iter().any(|name| name.contains("Jules")));
    world.tap("hand0").await;
    assert_eq!(offered(&world), first, "and back");
    world.tap("hand1").await;
    world.tap(&format!("hto-{}", ids[9])).await;
    world.tap(&format!("hov-{}", ids[9])).await;
    assert_eq!(owner(&world, &lead), ids[9]);
}

#[tokio::test]
async fn a_team_chat_that_moved_is_told_under_its_new_id_also_after_a_restart() {
    let (mut world, _) = in_team_chat("").await;
    world.telegram.migrate_group(GROUP, MOVED_GROUP).unwrap();
    world.settle().await;
    world.stop().await;
    world.start().await;
    let asked = world.telegram.all_requests().len();
    wait(&world, 3 * HOUR + 2 * MINUTE).await;
    assert_eq!(told(&world, MOVED_GROUP).len(), 1);
    let of_old = |request: &LoggedRequest| request.params["chat_id"].to_string().contains("1000000001");
    assert!(!world.telegram.all_requests()[asked..].iter().any(of_old), "the old id is not tried again");
    world.end().await;
}
