//! The Telegram sandbox, driven by the library that M.A.X. drives Telegram with.

use std::future::Future;
use std::time::Duration;

use max::clock::Clock;
use max::domain::Timestamp;
use max::sandbox::telegram::{Fault, Options, Person, Shut, TelegramSandbox};
use serde_json::json;
use teloxide::prelude::*;
use teloxide::types::{
    AllowedUpdate, BotCommand, BotCommandScope, CopyTextButton, ForceReply, InlineKeyboardButton, InlineKeyboardMarkup,
    InputFile, MessageId, ParseMode, ReplyParameters, ThreadId, UpdateKind,
};
use teloxide::{ApiError, RequestError};

const LUC: i64 = 1001;
const START: Timestamp = Timestamp(1_772_355_600);

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.expect("it takes far too long")
}

async fn sandbox(options: Options) -> (TelegramSandbox, Bot, Clock) {
    let clock = Clock::manual(START);
    let sandbox = TelegramSandbox::start(clock.clone(), options).await.unwrap();
    let bot = bot(&sandbox, &Options::default().token);
    sandbox.open_chat(Person { id: LUC, first_name: "Luc".to_owned(), language_code: Some("fr".to_owned()) });
    (sandbox, bot, clock)
}

fn bot(sandbox: &TelegramSandbox, token: &str) -> Bot {
    Bot::new(token).set_api_url(sandbox.url().parse().unwrap())
}

fn done_button() -> InlineKeyboardMarkup {
    InlineKeyboardMarkup::new([
        vec![InlineKeyboardButton::callback("Traité", "1:done:a1")],
        vec![
            InlineKeyboardButton::url("WhatsApp", "https://wa.me/33612345678".parse().unwrap()),
            InlineKeyboardButton::copy_text_button("Copier", CopyTextButton { text: "Bonjour Sophie".to_owned() }),
        ],
    ])
}

fn api<T: std::fmt::Debug>(answer: Result<T, RequestError>) -> String {
    match answer.unwrap_err() {
        RequestError::Api(error) => error.to_string(),
        other => panic!("not an API error: {other:?}"),
    }
}

#[tokio::test]
async fn a_person_writes_the_bot_answers_the_person_taps() {
    let (sandbox, bot, _clock) = sandbox(Options::default()).await;
    assert_eq!(bot.get_me().await.unwrap().username(), "max_sandbox_bot");

    let update = sandbox.say(LUC, "/start abc").unwrap();
    let updates = bot.get_updates().await.unwrap();
    let [Update { id, kind: UpdateKind::Message(message) }] = updates.as_slice() else { panic!("{updates:?}") };
    assert_eq!(i64::from(id.0), update);
    assert_eq!(message.text(), Some("/start abc"));
    assert_eq!(message.from.as_ref().unwrap().language_code.as_deref(), Some("fr"));
    assert_eq!(message.date.timestamp(), START.0);
    assert!(!sandbox.all_updates_confirmed());

    let sent = bot
        .send_message(ChatId(LUC), "🔥 <b>Sophie Martin</b> veut un devis &amp; vite")
        .parse_mode(ParseMode::Html)
        .disable_notification(true)
        .reply_markup(done_button())
        .await
        .unwrap();
    assert_eq!(sent.text(), Some("🔥 Sophie Martin veut un devis & vite"));
    let [shown] = sandbox.messages(LUC).try_into().unwrap();
    assert_eq!(shown.text, "🔥 <b>Sophie Martin</b> veut un devis &amp; vite");
    assert!(shown.silent);
    assert_eq!(shown.keyboard[1][1].copy_text.as_deref(), Some("Bonjour Sophie"));

    let tap = sandbox.tap(LUC, sent.id.0, "1:done:a1").unwrap();
    let updates = bot.get_updates().offset(id.as_offset()).await.unwrap();
    let [Update { kind: UpdateKind::CallbackQuery(query), .. }] = updates.as_slice() else { panic!("{updates:?}") };
    assert_eq!(query.data.as_deref(), Some("1:done:a1"));
    let regular = query.message.as_ref().unwrap().regular_message().unwrap();
    assert_eq!(regular.reply_markup(), Some(&done_button()));

    bot.answer_callback_query(query.id.clone()).text("C'est noté").await.unwrap();
    let [answer] = sandbox.answers().try_into().unwrap();
    assert_eq!((answer.update_id, answer.text.as_deref(), answer.alert), (tap, Some("C'est noté"), false));
    let again = api(bot.answer_callback_query(query.id.clone()).await);
    assert!(again.contains("query is too old and response timeout expired or query ID is invalid"), "{again}");

    bot.edit_message_text(ChatId(LUC), sent.id, "✅ Traité").await.unwrap();
    let [edited] = sandbox.messages(LUC).try_into().unwrap();
    assert_eq!((edited.plain.as_str(), edited.edited, edited.keyboard.len()), ("✅ Traité", 1, 0));
    assert_eq!(edited.history[0].plain, "🔥 Sophie Martin veut un devis & vite");
    sandbox.tap(LUC, sent.id.0, "1:done:a1").expect("a client that has not seen the edit may still tap");
    sandbox.tap(LUC, sent.id.0, "1:done:a2").unwrap_err();

    bot.get_updates().offset(i32::try_from(tap).unwrap() + 2).await.unwrap();
    assert!(sandbox.all_updates_confirmed());
}

#[tokio::test]
async fn a_long_poll_wakes_at_once_and_a_second_one_ends_the_first() {
    let (sandbox, bot, _clock) = sandbox(Options::default()).await;
    let waiting = |bot: Bot| tokio::spawn(async move { bot.get_updates().timeout(15).await });
    let polls = |count: usize| {
        move |sandbox: &TelegramSandbox| {
            sandbox.all_requests().iter().filter(|request| request.method == "GetUpdates").count() >= count
        }
    };
    let first = waiting(bot.clone());
    let mut changes = sandbox.changes();
    within(changes.changed()).await.unwrap();
    let second = waiting(bot.clone());
    let ended = within(first).await.unwrap();
    assert!(matches!(ended, Err(RequestError::Api(ApiError::TerminatedByOtherGetUpdates))), "{ended:?}");
    assert!(polls(1)(&sandbox));
    sandbox.say(LUC, "bonjour").unwrap();
    assert_eq!(within(second).await.unwrap().unwrap().len(), 1);
    within(sandbox.wait_until(polls(2))).await;
}

#[tokio::test]
async fn only_what_was_asked_for_is_delivered() {
    let (sandbox, bot, _clock) = sandbox(Options::default()).await;
    bot.get_updates().allowed_updates([AllowedUpdate::CallbackQuery]).await.unwrap();
    sandbox.say(LUC, "bonjour").unwrap();
    assert!(bot.get_updates().await.unwrap().is_empty());
    bot.get_updates().allowed_updates([]).await.unwrap();
    sandbox.say(LUC, "bonjour").unwrap();
    sandbox.block(LUC);
    let updates = bot.get_updates().await.unwrap();
    assert!(matches!(updates[0].kind, UpdateKind::Message(_)), "{updates:?}");
    assert!(matches!(updates[1].kind, UpdateKind::MyChatMember(_)), "{updates:?}");
    assert_eq!(bot.get_updates().offset(-1).await.unwrap(), updates[1..]);
}

#[tokio::test]
async fn texts_are_held_to_telegrams_limits() {
    let (_sandbox, bot, _clock) = sandbox(Options::default()).await;
    let luc = ChatId(LUC);
    assert_eq!(api(bot.send_message(luc, " \n ").await), ApiError::MessageTextIsEmpty.to_string());
    let just_fits = format!("<b>{}</b>", "🔥".repeat(2048));
    bot.send_message(luc, &just_fits).parse_mode(ParseMode::Html).await.unwrap();
    assert_eq!(
        api(bot.send_message(luc, format!("{}.", "🔥".repeat(2048))).await),
        ApiError::MessageIsTooLong.to_string()
    );
    let error = bot.send_message(luc, "<b>Sophie").parse_mode(ParseMode::Html).await.unwrap_err();
    let RequestError::Api(ApiError::CantParseEntities(reason)) = error else { panic!("{error:?}") };
    assert_eq!(reason, "Bad Request: can't parse entities: Can't find end tag corresponding to start tag \"b\"");
    let localhost = InlineKeyboardButton::url("CRM", "http://localhost:8080/".parse().unwrap());
    let error = api(bot.send_message(luc, "a").reply_markup(InlineKeyboardMarkup::new([[localhost]])).await);
    assert!(
        error.contains("inline keyboard button URL 'http://localhost:8080/' is invalid: Wrong HTTP URL"),
        "{error}"
    );
    let long = InlineKeyboardButton::callback("a", "x".repeat(65));
    let error = api(bot.send_message(luc, "a").reply_markup(InlineKeyboardMarkup::new([[long]])).await);
    assert_eq!(error, ApiError::ButtonDataInvalid.to_string());
}

#[tokio::test]
async fn edits_need_a_message_and_a_difference() {
    let (sandbox, bot, clock) = sandbox(Options::default()).await;
    let luc = ChatId(LUC);
    let sent = bot.send_message(luc, "a").reply_markup(done_button()).await.unwrap();
    let same = bot.edit_message_text(luc, sent.id, "a").reply_markup(done_button()).await;
    assert_eq!(api(same), ApiError::MessageNotModified.to_string());
    let same = bot.edit_message_reply_markup(luc, sent.id).reply_markup(done_button()).await;
    assert_eq!(api(same), ApiError::MessageNotModified.to_string());
    bot.edit_message_reply_markup(luc, sent.id).await.unwrap();
    assert!(sandbox.messages(LUC)[0].keyboard.is_empty());
    let unknown = bot.edit_message_text(luc, MessageId(99), "a").await;
    assert_eq!(api(unknown), ApiError::MessageToEditNotFound.to_string());
    let reply = bot.send_message(luc, "b").reply_parameters(ReplyParameters::new(sent.id)).await.unwrap();
    assert_eq!(reply.reply_to_message().unwrap().id, sent.id);
    sandbox.delete_message(LUC, sent.id.0).unwrap();
    assert_eq!(api(bot.delete_message(luc, sent.id).await), ApiError::MessageToDeleteNotFound.to_string());
    clock.advance(49 * 3600);
    api(bot.delete_message(luc, reply.id).await);
    bot.edit_message_text(luc, reply.id, "c").await.expect("a bot edits its own messages at any age");
}

#[tokio::test]
async fn chats_that_are_shut_say_so() {
    let (sandbox, bot, _clock) = sandbox(Options::default()).await;
    assert_eq!(api(bot.send_message(ChatId(7), "a").await), ApiError::ChatNotFound.to_string());
    bot.get_chat(ChatId(LUC)).await.unwrap();
    sandbox.block(LUC);
    assert_eq!(api(bot.send_message(ChatId(LUC), "a").await), ApiError::BotBlocked.to_string());
    sandbox.say(LUC, "bonjour").unwrap_err();
    sandbox.unblock(LUC);
    bot.send_message(ChatId(LUC), "a").await.unwrap();

    sandbox.open_group(-5, "Équipe Sud");
    bot.send_message(ChatId(-5), "a").await.unwrap();
    bot.get_updates().offset(i32::MAX).await.unwrap();
    sandbox.migrate_group(-5, -100_500).unwrap();
    let moved = bot.send_message(ChatId(-5), "a").await.unwrap_err();
    assert!(matches!(moved, RequestError::MigrateToChatId(ChatId(-100_500))), "{moved:?}");
    bot.send_message(ChatId(-100_500), "a").await.unwrap();
    sandbox.say_in_group(-100_500, LUC, "une conversation qui ne regarde pas le bot").unwrap();
    sandbox.say_in_group(-100_500, LUC, "/vu").unwrap();
    let updates = bot.get_updates().await.unwrap();
    assert_eq!(updates.len(), 3);
    let UpdateKind::Message(farewell) = &updates[0].kind else { panic!("{updates:?}") };
    assert_eq!(farewell.migrate_to_chat_id(), Some(&ChatId(-100_500)));

    let stranger = self::bot(&sandbox, "1:wrong");
    assert_eq!(api(stranger.get_me().await), ApiError::InvalidToken.to_string());
}

#[tokio::test]
async fn bad_days_come_as_planned_and_pass() {
    let (sandbox, bot, _clock) = sandbox(Options::default()).await;
    let luc = ChatId(LUC);
    sandbox.fail_next("sendMessage", Fault::TooManyRequests { retry_after: 3 }, 1);
    sandbox.fail_next("SendMessage", Fault::CutBefore, 1);
    sandbox.fail_next("sendmessage", Fault::CutAfter, 1);
    let limited = bot.send_message(luc, "a").await.unwrap_err();
    assert!(matches!(limited, RequestError::RetryAfter(seconds) if seconds.seconds() == 3), "{limited:?}");
    for delivered in [0, 1] {
        let lost = within(bot.send_message(luc, "a").send()).await.unwrap_err();
        assert!(matches!(lost, RequestError::Network(_)), "{lost:?}");
        assert_eq!(sandbox.messages(LUC).len(), delivered);
    }
    bot.send_message(luc, "a").await.unwrap();
    let statuses: Vec<u16> = sandbox.all_requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [429, 0, 0, 200]);

    sandbox.fail_next("getMe", Fault::ServerError(502), 1);
    let url = format!("{}/bot{}/getMe", sandbox.url(), Options::default().token);
    assert_eq!(reqwest::get(&url).await.unwrap().status(), 502);
    assert_eq!(reqwest::get(&url).await.unwrap().status(), 200);
    assert_eq!(reqwest::get(url.replace("getMe", "getNothing")).await.unwrap().status(), 404);
}

#[tokio::test]
async fn enforced_rates_allow_a_burst_and_then_a_message_a_second() {
    let (sandbox, bot, clock) = sandbox(Options { enforce_rates: true, ..Options::default() }).await;
    let mut refused = 0;
    for _ in 0..8 {
        refused += usize::from(bot.send_message(ChatId(LUC), "a").await.is_err());
    }
    assert_eq!((sandbox.messages(LUC).len(), refused), (5, 3));
    for _ in 0..8 {
        clock.advance(1);
        refused += usize::from(bot.send_message(ChatId(LUC), "a").await.is_err());
    }
    assert_eq!((sandbox.messages(LUC).len(), refused), (9, 7));
    clock.advance(60);
    bot.send_message(ChatId(LUC), "a").await.unwrap();
}

#[tokio::test]
async fn commands_are_kept_per_language() {
    let (_sandbox, bot, _clock) = sandbox(Options::default()).await;
    bot.set_my_commands([BotCommand::new("alertes", "Mes alertes")]).language_code("fr").await.unwrap();
    assert_eq!(bot.get_my_commands().language_code("fr").await.unwrap()[0].command, "alertes");
    assert!(bot.get_my_commands().await.unwrap().is_empty());
    let wrong = bot.set_my_commands([BotCommand::new("Alertes", "Mes alertes")]).await;
    assert!(api(wrong).contains("BOT_COMMAND_INVALID"));
}

#[tokio::test]
async fn an_aging_tap_cannot_be_answered_and_old_updates_are_gone() {
    let (sandbox, bot, clock) = sandbox(Options::default()).await;
    let sent = bot.send_message(ChatId(LUC), "a").reply_markup(done_button()).await.unwrap();
    sandbox.tap(LUC, sent.id.0, "1:done:a1").unwrap();
    let updates = bot.get_updates().await.unwrap();
    let UpdateKind::CallbackQuery(query) = &updates[0].kind else { panic!("{updates:?}") };
    clock.advance(61);
    assert!(api(bot.answer_callback_query(query.id.clone()).await).contains("query is too old"));
    clock.advance(24 * 3600);
    assert!(bot.get_updates().await.unwrap().is_empty());
    let logged = sandbox.all_requests();
    let send = logged.iter().find(|request| request.method == "SendMessage").unwrap();
    assert_eq!((send.params["chat_id"].clone(), send.status), (json!(LUC), 200));
}

#[tokio::test]
async fn a_reply_says_what_it_answers_and_a_forced_one_is_never_edited() {
    let (sandbox, bot, _clock) = sandbox(Options::default()).await;
    let asked = bot
        .send_message(ChatId(LUC), "Que faut-il écrire ?")
        .reply_markup(ForceReply::new().input_field_placeholder("Bonjour Sophie".to_owned()))
        .await
        .unwrap();
    assert_eq!(sandbox.messages(LUC)[0].force_reply.as_deref(), Some("Bonjour Sophie"));
    assert_eq!(api(bot.edit_message_text(ChatId(LUC), asked.id, "b").await), ApiError::MessageCantBeEdited.to_string());

    sandbox.reply(LUC, asked.id.0, "Bonjour, voici le devis.").unwrap();
    sandbox.reply(LUC, 99, "à quoi ?").unwrap_err();
    let updates = bot.get_updates().await.unwrap();
    let UpdateKind::Message(reply) = &updates[0].kind else { panic!("{updates:?}") };
    assert_eq!(reply.reply_to_message().unwrap().id, asked.id);
    assert_eq!(reply.reply_to_message().unwrap().text(), Some("Que faut-il écrire ?"));

    sandbox.edit_said(LUC, reply.id.0, "Bonjour, voici votre devis.").unwrap();
    let updates = bot.get_updates().offset(updates[0].id.as_offset()).await.unwrap();
    let UpdateKind::EditedMessage(edited) = &updates[0].kind else { panic!("{updates:?}") };
    assert_eq!(edited.text(), Some("Bonjour, voici votre devis."));
    sandbox.edit_said(LUC, asked.id.0, "pas le sien").unwrap_err();
}

#[tokio::test]
async fn a_topic_takes_messages_until_it_is_closed_or_deleted() {
    const FORUM: i64 = -100_700;
    let (sandbox, bot, _clock) = sandbox(Options::default()).await;
    sandbox.open_forum(FORUM, "Ventes");
    let hot = sandbox.open_topic(FORUM, LUC, "À chaud").unwrap();
    let to = |thread: i32| bot.send_message(ChatId(FORUM), "a").message_thread_id(ThreadId(MessageId(thread)));
    let sent = to(hot).await.unwrap();
    assert_eq!(sent.thread_id, Some(ThreadId(MessageId(hot))));
    assert_eq!(sandbox.messages(FORUM)[0].thread, Some(hot));
    bot.send_message(ChatId(FORUM), "dans le fil général").await.unwrap();

    sandbox.say_in_topic(FORUM, LUC, hot, "/today").unwrap();
    let updates = bot.get_updates().await.unwrap();
    let UpdateKind::Message(said) = &updates.last().unwrap().kind else { panic!("{updates:?}") };
    assert_eq!((said.thread_id, said.is_topic_message), (Some(ThreadId(MessageId(hot))), true));

    sandbox.close_topic(FORUM, hot, true).unwrap();
    assert!(api(to(hot).await).contains("TOPIC_CLOSED"));
    sandbox.close_topic(FORUM, hot, false).unwrap();
    to(hot).await.unwrap();
    sandbox.delete_topic(FORUM, hot).unwrap();
    for thread in [hot, 1, 4711] {
        assert!(api(to(thread).await).contains("message thread not found"), "{thread}");
    }
    assert_eq!(sandbox.messages(FORUM).len(), 1, "what was said in a topic goes with it");
    let in_private = bot.send_message(ChatId(LUC), "a").message_thread_id(ThreadId(MessageId(hot))).await;
    assert!(api(in_private).contains("message thread not found"));
}

#[tokio::test]
async fn a_group_is_heard_only_when_it_speaks_to_the_bot() {
    let (sandbox, bot, _clock) = sandbox(Options::default()).await;
    sandbox.open_group(-5, "Ventes");
    let sent = bot.send_message(ChatId(-5), "a").await.unwrap();
    for text in ["qui prend Sophie ?", "/today@another_bot", "bonjour @max_sandbox_bot"] {
        sandbox.say_in_group(-5, LUC, text).unwrap();
    }
    let heard = ["/today", "/today@Max_Sandbox_Bot"];
    for text in heard {
        sandbox.say_in_group(-5, LUC, text).unwrap();
    }
    sandbox.reply_in_group(-5, LUC, sent.id.0, "je m'en occupe").unwrap();
    let updates = bot.get_updates().await.unwrap();
    let texts: Vec<&str> = updates
        .iter()
        .filter_map(|update| match &update.kind {
            UpdateKind::Message(message) => message.text(),
            _ => None,
        })
        .collect();
    assert_eq!(texts, [heard[0], heard[1], "je m'en occupe"]);
}

#[tokio::test]
async fn a_photo_has_a_caption_that_can_be_edited_and_no_text() {
    let (sandbox, bot, _clock) = sandbox(Options::default()).await;
    let luc = ChatId(LUC);
    let png = || InputFile::memory(b"\x89PNG\r\n\x1a\n and so on".to_vec()).file_name("semaine.png");
    let sent = bot
        .send_photo(luc, png())
        .caption("<b>Ta semaine</b>")
        .parse_mode(ParseMode::Html)
        .reply_markup(done_button())
        .await
        .unwrap();
    assert_eq!((sent.caption(), sent.photo().unwrap().len()), (Some("Ta semaine"), 1));
    let shown = sandbox.messages(LUC).pop().unwrap();
    assert!(shown.photo.unwrap().bytes.starts_with(b"\x89PNG"));
    assert!(api(bot.edit_message_text(luc, sent.id, "b").await).contains("there is no text in the message to edit"));
    bot.edit_message_caption(luc, sent.id).caption("Ta semaine, corrigée").await.unwrap();
    assert_eq!(sandbox.messages(LUC)[0].plain, "Ta semaine, corrigée");
    let text = bot.send_message(luc, "a").await.unwrap();
    let wrong = bot.edit_message_caption(luc, text.id).caption("b").await;
    assert!(api(wrong).contains("there is no caption in the message to edit"));
    assert!(api(bot.send_photo(luc, png()).caption("x".repeat(1025)).await).contains("caption is too long"));
    let no_picture = bot.send_photo(luc, InputFile::memory("bonjour")).await;
    assert!(api(no_picture).contains("IMAGE_PROCESS_FAILED"));
}

#[tokio::test]
async fn a_client_offers_the_narrowest_menu_in_its_language() {
    let (sandbox, bot, _clock) = sandbox(Options::default()).await;
    sandbox.open_chat(Person { id: 1002, first_name: "Jane".to_owned(), language_code: Some("en-GB".to_owned()) });
    sandbox.open_group(-5, "Ventes");
    let set = |command: &str, scope: BotCommandScope, language: &str| {
        bot.set_my_commands([BotCommand::new(command, "x")]).scope(scope).language_code(language)
    };
    set("today", BotCommandScope::Default, "").await.unwrap();
    set("jour", BotCommandScope::AllPrivateChats, "fr").await.unwrap();
    set("equipe", BotCommandScope::AllGroupChats, "").await.unwrap();
    let menu = |chat: i64, person: i64| sandbox.menu(chat, person).into_iter().map(|it| it.name).collect::<Vec<_>>();
    assert_eq!(menu(LUC, LUC), ["jour"]);
    assert_eq!(menu(1002, 1002), ["today"]);
    assert_eq!(menu(-5, LUC), ["equipe"]);
    set("moi", BotCommandScope::Chat { chat_id: ChatId(LUC).into() }, "").await.unwrap();
    assert_eq!(menu(LUC, LUC), ["moi"]);
    bot.delete_my_commands().scope(BotCommandScope::Chat { chat_id: ChatId(LUC).into() }).await.unwrap();
    assert_eq!(menu(LUC, LUC), ["jour"]);
    let wrong = bot.set_my_commands([BotCommand::new("a", "x".repeat(257))]).await;
    assert!(api(wrong).contains("BOT_COMMAND_DESCRIPTION_INVALID"));
    assert!(api(set("a", BotCommandScope::Default, "french").await).contains("invalid language code"));
}

#[tokio::test]
async fn what_was_confirmed_can_come_again() {
    let (sandbox, bot, _clock) = sandbox(Options::default()).await;
    let update = sandbox.say(LUC, "bonjour").unwrap();
    let first = bot.get_updates().await.unwrap();
    assert!(bot.get_updates().offset(first[0].id.as_offset()).await.unwrap().is_empty());
    sandbox.deliver_again(update).unwrap();
    assert_eq!(bot.get_updates().offset(first[0].id.as_offset()).await.unwrap(), first);
    assert!(bot.get_updates().offset(first[0].id.as_offset()).await.unwrap().is_empty());
    sandbox.deliver_again(update + 1).unwrap_err();
}

#[tokio::test]
async fn who_is_gone_says_so_and_a_conversation_can_be_cleared() {
    let (sandbox, bot, _clock) = sandbox(Options::default()).await;
    let luc = ChatId(LUC);
    let sent = bot.send_message(luc, "a").reply_markup(done_button()).await.unwrap();
    sandbox.clear(LUC).unwrap();
    assert_eq!(api(bot.edit_message_text(luc, sent.id, "b").await), ApiError::MessageToEditNotFound.to_string());
    sandbox.forge_tap(LUC, LUC, sent.id.0, "1:done:a1").unwrap();
    let updates = bot.get_updates().await.unwrap();
    let UpdateKind::CallbackQuery(query) = &updates[0].kind else { panic!("{updates:?}") };
    assert!(query.message.as_ref().unwrap().regular_message().is_none(), "{query:?}");
    bot.send_message(luc, "b").await.unwrap();

    sandbox.shut(LUC, Shut::Deleted);
    assert_eq!(api(bot.send_message(luc, "a").await), ApiError::UserDeactivated.to_string());
    sandbox.open_group(-5, "Ventes");
    sandbox.shut(-5, Shut::Muted);
    assert!(api(bot.send_message(ChatId(-5), "a").await).contains("not enough rights to send text messages"));
    sandbox.shut(-5, Shut::Deleted);
    assert!(api(bot.send_message(ChatId(-5), "a").await).contains("the group chat was deleted"));
    assert_eq!(bot.get_updates().offset(updates[0].id.as_offset()).await.unwrap(), [], "nobody says goodbye");
}

#[tokio::test]
async fn an_answer_to_a_tap_has_200_characters_and_opens_nothing_of_others() {
    let (sandbox, bot, _clock) = sandbox(Options::default()).await;
    let sent = bot.send_message(ChatId(LUC), "a").reply_markup(done_button()).await.unwrap();
    sandbox.tap(LUC, sent.id.0, "1:done:a1").unwrap();
    let updates = bot.get_updates().await.unwrap();
    let UpdateKind::CallbackQuery(query) = &updates[0].kind else { panic!("{updates:?}") };
    let answer = || bot.answer_callback_query(query.id.clone());
    assert!(api(answer().text("é".repeat(201)).await).contains("MESSAGE_TOO_LONG"));
    assert!(api(answer().url("https://example.com/".parse().unwrap()).await).contains("URL_INVALID"));
    answer().text("é".repeat(200)).await.unwrap();
}
