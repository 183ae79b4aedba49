//! Planned calls: said in time, asked about when nobody has noted them, and noted in the record that is there.

use max::domain::alert::Via;
use max::domain::event::Actor;
use max::domain::{CallOutcome, DAY, Deed, DeedId, DeedKind, HOUR, LeadId, MINUTE, Preferences, Seconds, UserId};
use max::sandbox::espo::Fault;
use max::sandbox::telegram::SentMessage;
use serde_json::{Value, json};

use crate::support::{CAMILLE, LUC, World};

/// Monday, 10:00: Luc has a call with Sophie at 11:00, for half an hour.
async fn planned() -> (World, String, String) {
    let world = World::begin().await;
    let lead = world.lead("Sophie", 9 * DAY, json!({}));
    world.mail_to("Sophie", 2 * DAY, "Bonjour Sophie, voici notre offre.");
    world.mail_from("Sophie", DAY, "Merci, on en parle lundi.");
    let call = call(&world, &lead, HOUR);
    world.settle().await;
    (world, lead, call)
}

fn call(world: &World, lead: &str, ahead: Seconds) -> String {
    let call = json!({
        "name": "Point sur l'offre", "status": "Planned", "direction": "Outbound", "parentType": "Lead",
        "parentId": lead, "assignedUserId": LUC.0, "dateStart": world.ago(-ahead),
        "dateEnd": world.ago(-ahead - 30 * MINUTE), "description": "Parler du délai",
    });
    world.espo.create("Call", "luc", call)
}

/// Luc taps what begins so below a message.
async fn tap(world: &World, message: &SentMessage, begins: &str) -> SentMessage {
    let now = world.messages(LUC.1).into_iter().find(|known| known.message_id == message.message_id).unwrap();
    let keys = now.keyboard.iter().flatten().filter_map(|key| key.callback_data.clone());
    let data = keys.into_iter().find(|data| data.starts_with(begins)).unwrap_or_else(|| panic!("{begins} in {now:#?}"));
    world.carried_out().await;
    world.telegram.tap(LUC.1, message.message_id, &data).unwrap();
    world.settle().await;
    world.messages(LUC.1).into_iter().find(|known| known.message_id == message.message_id).unwrap()
}

fn record(world: &World, call: &str) -> Value {
    world.espo.get("Call", call).unwrap()
}

#[tokio::test]
async fn a_planned_call_is_announced_and_asked_about_and_noted_where_it_is() {
    let (mut world, _, call) = planned().await;
    let before = world.messages(LUC.1).len();
    world.pass(54 * MINUTE).await;
    assert_eq!(world.messages(LUC.1).len(), before, "not yet");
    world.pass(MINUTE).await;
    let reminder = world.last();
    assert_eq!(world.messages(LUC.1).len(), before + 1);
    let lines: Vec<String> = reminder.plain.lines().map(|line| line.replace('\u{a0}', " ")).collect();
    assert_eq!(
        lines,
        [
            "📞 Sophie Martin : ton appel est à 11h.",
            "☎️ +33639980101",
            "",
            "⬅️ Email, hier à 10h : « Merci, on en parle lundi. »",
        ]
    );
    world.stop().await;
    world.start().await;
    world.pass(20 * MINUTE).await;
    world.pass(29 * MINUTE).await;
    assert_eq!(world.messages(LUC.1).len(), before + 1, "it may still be going on");
    world.pass(MINUTE).await;
    let question = world.last();
    assert_eq!(world.messages(LUC.1).len(), before + 2);
    assert!(question.plain.contains("Sophie Martin") && question.plain.contains("aujourd'hui à 11h"), "{question:#?}");
    let reminder = world.messages(LUC.1).into_iter().find(|known| known.message_id == reminder.message_id).unwrap();
    assert!(reminder.keyboard.is_empty(), "there is one place to tap: {reminder:#?}");
    world.stop().await;
    world.start().await;
    world.pass(MINUTE).await;
    assert_eq!(world.messages(LUC.1).len(), before + 2, "asked once, also across a restart");

    let answer = tap(&world, &question, "2:cw:reached").await;
    assert!(answer.plain.contains("joint, c'est noté dans le CRM") && answer.keyboard.is_empty(), "{answer:#?}");
    let held = record(&world, &call);
    assert_eq!(held["status"], "Held");
    assert_eq!(held["description"], "Parler du délai", "what its owner wrote stays");
    assert_eq!(world.espo.list("Call").len(), 1, "the call that was planned, and no other");
    world.pass(5 * HOUR).await;
    assert_eq!(world.messages(LUC.1).len(), before + 2);
    drop(world);
}

#[tokio::test]
async fn after_a_call_in_vain_the_next_one_is_planned_from_its_message() {
    let (world, _, call) = planned().await;
    world.pass(55 * MINUTE).await;
    let reminder = world.last();
    let answer = tap(&world, &reminder, "2:cw:left_message").await;
    assert!(answer.plain.contains("On retente quand"), "{answer:#?}");
    let noted = record(&world, &call);
    assert_eq!(
        (&noted["status"], &noted["description"]),
        (&json!("Not Held"), &json!("Parler du délai\nMessage laissé"))
    );
    tap(&world, &reminder, "2:ca:").await;
    let calls = world.espo.list("Call");
    assert_eq!(calls.len(), 2);
    assert_eq!(calls.iter().filter(|call| call["status"] == "Planned").count(), 1);
    drop(world);
}

/// Moved, held, deleted, given to somebody else: nothing is said of what is not to take place then.
#[tokio::test]
async fn nothing_is_said_of_a_call_that_is_not_as_it_was() {
    for (name, change) in [
        ("moved", json!({"dateStart": "2026-03-02 14:00:00", "dateEnd": "2026-03-02 14:30:00"})),
        ("held", json!({"status": "Held"})),
        ("not held", json!({"status": "Not Held"})),
        ("another's", json!({"assignedUserId": CAMILLE.0})),
        ("nobody's", json!({"assignedUserId": null})),
    ] {
        let (world, _, call) = planned().await;
        let before = world.messages(LUC.1).len();
        world.pass(50 * MINUTE).await;
        world.espo.update("Call", &call, "claire", change);
        for _ in 0..12 {
            world.pass(5 * MINUTE).await;
        }
        assert_eq!(world.messages(LUC.1).len(), before, "{name}: {:#?}", world.last());
        drop(world);
    }
    // A deletion shows in no list, and is seen all the same.
    let (world, _, call) = planned().await;
    let before = world.messages(LUC.1).len();
    world.pass(50 * MINUTE).await;
    world.espo.delete("Call", &call, "luc");
    for _ in 0..12 {
        world.pass(5 * MINUTE).await;
    }
    assert_eq!(world.messages(LUC.1).len(), before, "deleted: {:#?}", world.last());
    drop(world);
    let (world, lead, _) = planned().await;
    world.pass(55 * MINUTE).await;
    let reminder = world.last();
    world.espo.update("Lead", &lead, "claire", json!({"assignedUserId": CAMILLE.0}));
    world.pass(MINUTE).await;
    let now = world.messages(LUC.1).into_iter().find(|known| known.message_id == reminder.message_id).unwrap();
    assert!(now.keyboard.is_empty() && now.plain.contains("a changé de mains"), "{now:#?}");
    world.pass(50 * MINUTE).await;
    assert_eq!(world.last().message_id, reminder.message_id, "the lead is another's: {:#?}", world.last());
    drop(world);
}

/// What was said of a call follows it.
#[tokio::test]
async fn a_reminder_says_that_the_call_was_moved_and_comes_again() {
    let (world, _, call) = planned().await;
    world.pass(55 * MINUTE).await;
    let reminder = world.last();
    let change = json!({"dateStart": world.ago(-65 * MINUTE), "dateEnd": world.ago(-95 * MINUTE)});
    world.espo.update("Call", &call, "luc", change);
    world.pass(MINUTE).await;
    let now = world.messages(LUC.1).into_iter().find(|known| known.message_id == reminder.message_id).unwrap();
    assert!(now.plain.contains("maintenant prévu aujourd'hui à 12h") && now.keyboard.is_empty(), "{now:#?}");
    world.pass(59 * MINUTE).await;
    assert_ne!(world.last().message_id, reminder.message_id);
    assert!(world.last().plain.contains("ton appel est à 12h"), "{:#?}", world.last());
    drop(world);
}

#[tokio::test]
async fn a_call_can_be_moved_from_its_message() {
    let (world, _, call) = planned().await;
    world.pass(55 * MINUTE).await;
    let reminder = world.last();
    let asked = tap(&world, &reminder, "2:cm:").await;
    assert!(asked.plain.contains("on reporte l'appel à quand"), "{asked:#?}");
    let moved = tap(&world, &reminder, "2:cm:1").await;
    assert!(moved.plain.contains("maintenant prévu") && moved.keyboard.is_empty(), "{moved:#?}");
    let calls = world.espo.list("Call");
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0]["status"], "Planned");
    assert_ne!(calls[0]["dateStart"], "2026-03-02 10:00:00");
    assert_eq!(record(&world, &call)["id"], calls[0]["id"]);
    drop(world);
}

#[tokio::test]
async fn a_call_that_is_moved_to_a_time_that_was_taken_meanwhile_says_so() {
    let (world, lead, _) = planned().await;
    world.pass(55 * MINUTE).await;
    let reminder = world.last();
    let asked = tap(&world, &reminder, "2:cm:").await;
    let mut keys = asked.keyboard.iter().flatten().filter_map(|key| key.callback_data.clone());
    let data = keys.find(|data| data.starts_with("2:cm:1")).unwrap();
    let slot: i64 = data.trim_start_matches("2:cm:").parse().unwrap();
    call(&world, &lead, slot - world.clock.now().0);
    world.settle().await;
    let moved = tap(&world, &reminder, &data).await;
    assert!(moved.plain.contains("maintenant prévu"), "{moved:#?}");
    assert!(moved.plain.contains("tu as déjà autre chose à cette heure-là"), "{moved:#?}");
    drop(world);
}

/// What is logged below an alert is the call that was planned for then, and no second one.
#[tokio::test]
async fn a_call_logged_below_an_alert_is_the_one_that_was_planned() {
    let world = World::begin().await;
    let lead = world.lead("Sophie", 9 * DAY, json!({}));
    let call = call(&world, &lead, HOUR);
    world.settle().await;
    world.pass(30 * MINUTE).await;
    world.mail_from("Sophie", MINUTE, "Bonjour, vous pouvez m'envoyer un devis ?");
    world.settle().await;
    world.tap("call").await;
    let data = crate::support::button(&world.last(), "spoke").unwrap();
    let message = world.last().message_id;
    for _ in 0..2 {
        world.telegram.tap(LUC.1, message, &data).unwrap();
    }
    world.settle().await;
    assert_eq!(world.espo.list("Call").len(), 1);
    let held = record(&world, &call);
    let minute = |field: &str| held[field].as_str().unwrap()[..16].to_owned();
    assert_eq!(held["status"], "Held");
    assert_eq!(minute("dateStart"), "2026-03-02 09:30", "when it was");
    assert_eq!(minute("dateEnd"), "2026-03-02 10:00", "as long as it was planned for");
    let said = world.messages(LUC.1).len();
    world.pass(2 * HOUR).await;
    assert_eq!(world.messages(LUC.1).len(), said, "it is over, and nobody asks");
    drop(world);
}

/// A planned call is over while the CRM is away: what the CRM still shows does not undo that, and it hears of one call.
#[tokio::test]
async fn a_call_that_is_over_while_the_crm_is_away_is_noted_where_it_is() {
    let (world, lead, call) = planned().await;
    world.pass(55 * MINUTE).await;
    let reminder = world.last();
    world.espo.fail(Fault::Down);
    let kind = DeedKind::LogCall { outcome: CallOutcome::NoAnswer };
    let (by, at) = (UserId::from(LUC.0), world.clock.now());
    let deed = Deed { id: DeedId::of(&["one"]), lead: LeadId::from(lead.as_str()), alert: None, by, at, kind };
    let actor = Actor { name: "Luc Moreau".to_owned(), user: Some(UserId::from(LUC.0)), via: Via::Telegram };
    world.app().engine.run(move |engine| engine.do_deed(deed, &actor)).await.unwrap();
    world.quiet().await;
    assert_eq!(record(&world, &call)["status"], "Planned", "it has not been told");
    world.espo.heal();
    for _ in 0..10 {
        world.pass(MINUTE).await;
    }
    assert_eq!(record(&world, &call)["status"], "Not Held");
    assert_eq!(world.espo.list("Call").len(), 1);
    let now = world.messages(LUC.1).into_iter().find(|known| known.message_id == reminder.message_id).unwrap();
    assert!(now.keyboard.is_empty() && now.plain.contains("n'a pas abouti"), "{now:#?}");
    world.pass(HOUR).await;
    assert_eq!(world.last().message_id, reminder.message_id, "nobody asks how it went: {:#?}", world.last());
    drop(world);
}

/// The CRM cannot be asked whether Luc may: he is told, and the buttons stay for a later tap.
#[tokio::test]
async fn a_tap_that_the_crm_cannot_allow_now_can_be_tapped_again() {
    let (world, _, call) = planned().await;
    world.pass(55 * MINUTE).await;
    let reminder = world.last();
    world.pass(10 * MINUTE).await;
    world.espo.fail(Fault::Down);
    world.telegram.tap(LUC.1, reminder.message_id, "2:cw:reached").unwrap();
    world.telegram.wait_until(max::sandbox::telegram::TelegramSandbox::all_updates_confirmed).await;
    world.carried_out().await;
    world.espo.heal();
    for _ in 0..5 {
        world.pass(MINUTE).await;
    }
    let now = tap(&world, &reminder, "2:cw:reached").await;
    assert!(now.plain.contains("joint, c'est noté"), "{now:#?}");
    assert_eq!(record(&world, &call)["status"], "Held");
    drop(world);
}

/// Whoever wants to be left alone is not reminded, and asked afterwards.
#[tokio::test]
async fn a_pause_holds_for_calls_as_well() {
    let (world, _, _) = planned().await;
    let before = world.messages(LUC.1).len();
    let until = world.clock.now().plus(3 * HOUR);
    let pause = move |wishes: &mut Preferences| wishes.paused_until = Some(until);
    world.app().engine.run(move |engine| engine.wish(&UserId::from(LUC.0), pause).map(drop)).await.unwrap();
    world.pass(55 * MINUTE).await;
    world.pass(HOUR).await;
    assert_eq!(world.messages(LUC.1).len(), before, "{:#?}", world.last());
    world.pass(66 * MINUTE).await;
    assert_eq!(world.messages(LUC.1).len(), before + 1, "the pause is over: one question");
    assert!(world.last().plain.contains("aujourd'hui à 11h"), "{:#?}", world.last());
    drop(world);
}

/// A call at the end of the day is asked about on the next morning, and nobody wants to know after days.
#[tokio::test]
async fn a_call_at_the_end_of_the_day_is_asked_about_in_the_morning() {
    let world = World::begin().await;
    let lead = world.lead("Sophie", 9 * DAY, json!({}));
    world.mail_to("Sophie", 2 * DAY, "Bonjour Sophie, voici notre offre.");
    world.mail_from("Sophie", DAY, "Merci, on en parle lundi.");
    call(&world, &lead, 8 * HOUR);
    world.settle().await;
    world.pass(7 * HOUR + 55 * MINUTE).await;
    let before = world.messages(LUC.1).len();
    world.pass(2 * HOUR).await;
    let evening = world.messages(LUC.1).split_off(before);
    assert!(evening.iter().all(|message| !message.plain.contains("Sophie Martin, ")), "{evening:#?}");
    world.tomorrow_at_ten().await;
    let question = world.last();
    assert!(question.plain.contains("hier à 18h"), "{question:#?}");
    for _ in 0..4 {
        world.pass(DAY).await;
    }
    let now = world.messages(LUC.1).into_iter().find(|known| known.message_id == question.message_id).unwrap();
    assert!(now.keyboard.is_empty() && now.plain.contains("encore marqué comme prévu"), "{now:#?}");
    drop(world);
}
