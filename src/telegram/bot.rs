//! What people do in the chat: open a link, tap a button, write a word. Every tap is checked against the user,
//! not the chat, and answered at once; the work follows through the outbox.

use std::sync::Arc;

use chrono::Weekday;
use teloxide::types::{
    CallbackQuery, ChatMemberKind, InlineKeyboardButton, InlineKeyboardButtonKind, MaybeInaccessibleMessage,
    Message as Incoming, Update, UpdateKind, User as TelegramUser,
};
use tokio_util::sync::CancellationToken;

use super::api::{Api, SendError};
use super::render::{self, Rendered};
use crate::domain::alert::Via;
use crate::domain::button::{Button, SnoozeFor};
use crate::domain::calendar::Calendar;
use crate::domain::effect::{Effect, Occasion};
use crate::domain::{
    ActivityId, ActivityStatus, Alert, AlertState, Channel, ChatId, Direction, HOUR, Timestamp, User, UserId,
};
use crate::engine::acts::{Acted, Actor, NEXT_UPDATE, may_act};
use crate::engine::briefing::{Briefing, Speaker};
use crate::engine::linking::{self, Account, Spent};
use crate::engine::log::Report;
use crate::engine::outbox::pause_after;
use crate::engine::permissions::Permissions;
use crate::engine::status::Status;
use crate::engine::sync::{Crm, RoundError};
use crate::engine::told::{People, in_line};
use crate::engine::{EngineError, Handle, boundary};
use crate::store::{Batch, Link, Message};
use crate::voice::{Notice, Toast};

/// All that receiving needs.
#[derive(Clone)]
pub struct Bot {
    /// The bot.
    pub api: Api,
    /// The engine.
    pub engine: Handle,
    /// The CRM, which knows of links that were made there.
    pub crm: Crm,
    /// Who may see what.
    pub permissions: Permissions,
    /// M.A.X.'s words.
    pub speaker: Arc<Speaker>,
    /// Who stands in for whom.
    pub people: Arc<People>,
    /// Working hours, which "tomorrow" and "Monday" mean.
    pub calendar: Calendar,
    /// How Telegram is doing.
    pub status: Status,
}

impl Bot {
    /// Works until `stop`.
    pub async fn work(self, stop: CancellationToken) {
        let mut failures = 0;
        loop {
            let outcome = tokio::select! {
                () = stop.cancelled() => return,
                outcome = self.receive() => outcome,
            };
            match outcome {
                Ok(()) => failures = 0,
                Err(error) => {
                    failures += 1;
                    let needs_person = error == SendError::BadToken;
                    if self.status.telegram_failed(error.to_string(), needs_person) {
                        tracing::warn!(%error, "updates from Telegram cannot be fetched; it is tried again");
                    }
                    let pause = if needs_person { pause_after(5) } else { pause_after(failures).min(30) };
                    let clock = self.engine.clock().clone();
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = clock.sleep(pause) => {}
                    }
                }
            }
        }
    }

    /// Fetches updates once and takes them over. An update counts as seen only when what it asked for is stored.
    async fn receive(&self) -> Result<(), SendError> {
        if self.status.bot_name().is_none() {
            self.status.set_bot_name(self.api.user_name().await?);
        }
        let offset: i32 = self.engine.store().cursor(NEXT_UPDATE).ok().flatten().unwrap_or_default();
        let updates = self.api.updates(offset).await?;
        if self.status.telegram_ok(self.engine.clock().now()) {
            tracing::info!("Telegram answers again");
        }
        for update in updates {
            let next = i32::try_from(update.id.0).unwrap_or(i32::MAX - 1) + 1;
            if let Err(error) = self.take(update, next).await {
                tracing::error!(%error, "an update from Telegram could not be carried out; it is tried again");
                // Telegram would hand it out again at once.
                self.engine.clock().sleep(pause_after(1)).await;
                return Ok(());
            }
            let stored = self
                .engine
                .run(move |engine| {
                    let mut batch = Batch::default();
                    batch.put_cursor(NEXT_UPDATE, &next);
                    engine.store.apply(batch)
                })
                .await;
            if stored.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn take(&self, update: Update, next: i32) -> Result<(), EngineError> {
        match update.kind {
            UpdateKind::Message(message) => self.message(&message, next).await,
            UpdateKind::CallbackQuery(tap) => self.tap(&tap, next).await,
            UpdateKind::MyChatMember(change) => {
                let chat = ChatId(change.chat.id.0);
                let reachable =
                    !matches!(change.new_chat_member.kind, ChatMemberKind::Left | ChatMemberKind::Banned(_));
                self.engine.run(move |engine| engine.mark_reachable(chat, reachable)).await
            }
            _ => Ok(()),
        }
    }

    async fn message(&self, message: &Incoming, next: i32) -> Result<(), EngineError> {
        let (Some(from), Some(text), true) = (&message.from, message.text(), message.chat.is_private()) else {
            return Ok(());
        };
        let chat = ChatId(message.chat.id.0);
        let account = i64::try_from(from.id.0).unwrap_or_default();
        let mut words = text.split_whitespace();
        let command = words.next().unwrap_or_default();
        if let Some(token) = words.next().filter(|_| command == "/start") {
            let account = Account { id: account, chat, name: account_name(from) };
            return self.link(account, token, next).await;
        }
        if command == "/stop" && self.engine.run(move |engine| engine.unlink(account)).await? {
            self.reply(chat, Notice::Unlinked).await;
            return Ok(());
        }
        let linked = self.user_of(account)?.is_some();
        if linked {
            // Whoever writes to us can be written to.
            self.engine.run(move |engine| engine.mark_reachable(chat, true)).await?;
        }
        let notice = match (linked, command) {
            (false, _) => Notice::NotLinked,
            (true, "/start" | "/help") => Notice::Help,
            (true, _) => Notice::Unknown,
        };
        self.reply(chat, notice).await;
        Ok(())
    }

    async fn link(&self, account: Account, token: &str, next: i32) -> Result<(), EngineError> {
        let chat = account.chat;
        let link = match self.spend(account, token, next).await {
            Ok(link) => link,
            Err(RoundError::Engine(error)) => return Err(error),
            Err(RoundError::Crm(error)) => {
                tracing::warn!(%error, "a link could not be looked up in the CRM; it is not spent");
                self.reply(chat, Notice::LinkLater).await;
                return Ok(());
            }
        };
        match link {
            Some(link) => tracing::info!(user = %link.user, "a Telegram account was linked"),
            None => self.reply(chat, Notice::LinkExpired).await,
        }
        Ok(())
    }

    /// Links by a token of ours, or else by a code that its user made in the CRM.
    async fn spend(&self, account: Account, token: &str, next: i32) -> Result<Option<Link>, RoundError> {
        if !linking::is_token(token) {
            return Ok(None);
        }
        let (hash, of_ours) = (linking::hash(token), account.clone());
        let known = hash.clone();
        match self.engine.run(move |engine| engine.spend_token(&known, &of_ours, next)).await? {
            Spent::Linked(link) => Ok(Some(link)),
            Spent::Expired => Ok(None),
            Spent::Unknown => match self.crm.invitation(&hash).await? {
                Some(invitation) => {
                    Ok(self.engine.run(move |engine| engine.accept(invitation, &account, next)).await?)
                }
                None => Ok(None),
            },
        }
    }

    /// A short word that need not survive a crash: whoever asked will ask again.
    async fn reply(&self, chat: ChatId, notice: Notice<'_>) {
        let html = self.speaker.voice.notice_html(self.speaker.lang(), notice);
        if let Err(error) = self.api.send(chat, &Rendered { html, keyboard: Vec::new() }, false).await {
            tracing::warn!(%chat, %error, "a reply could not be sent");
        }
    }

    /// The active user that a Telegram account is linked to.
    fn user_of(&self, account: i64) -> Result<Option<User>, EngineError> {
        let store = self.engine.store();
        let Some(link) = store.link(account)? else { return Ok(None) };
        Ok(store.user(&link.user)?.filter(|user| user.active))
    }

    async fn tap(&self, tap: &CallbackQuery, next: i32) -> Result<(), EngineError> {
        boundary::pass("tap-before-commit");
        let (text, as_dialog) = match self.carry_out(tap, next).await {
            Ok(answer) => answer,
            Err(error) => {
                let sorry = self.toast(Toast::TryAgain);
                let _ = self.api.answer(&tap.id, &sorry, true).await;
                return Err(error);
            }
        };
        boundary::pass("tap-after-commit");
        if let Err(error) = self.api.answer(&tap.id, &text, as_dialog).await {
            tracing::debug!(%error, "a tap was answered too late");
        }
        Ok(())
    }

    fn toast(&self, toast: Toast<'_>) -> String {
        self.speaker.voice.toast(self.speaker.lang(), toast)
    }

    /// Does what a tap means, and says so: the text, and whether it has to be closed.
    async fn carry_out(&self, tap: &CallbackQuery, next: i32) -> Result<(String, bool), EngineError> {
        let account = i64::try_from(tap.from.id.0).unwrap_or_default();
        let Some(user) = self.user_of(account)? else { return Ok((self.toast(Toast::NotYours), true)) };
        let button = tap.data.as_deref().and_then(Button::parse);
        let (Some(button), Some(message)) = (button, tap.message.as_ref()) else {
            return Ok((self.toast(Toast::Stale), true));
        };
        let place = Place { chat: ChatId(message.chat().id.0), message_id: message.id().0 };
        let store = self.engine.store();
        let Some(alert) = store.alert(button.alert())? else { return Ok((self.toast(Toast::Stale), true)) };
        if !may_act(store, &self.people, &user.id, &alert)? && !self.is_anybodys(&alert).await? {
            self.refresh(&alert).await?;
            return Ok((self.toast(Toast::NotYours), true));
        }
        if let Some(refusal) = self.refusal(&user.id, &alert, &button).await {
            return Ok((self.toast(refusal), true));
        }
        if shows_alert(message, &alert) && store.message(place.chat, place.message_id)?.is_none() {
            self.adopt(&alert, place).await?;
        }
        // Never in the group where it may have been tapped.
        let private = store.link(account)?.map_or(place.chat, |link| link.chat);
        let actor = Actor { name: user.name.clone(), user: Some(user.id.clone()), via: Via::Telegram };
        match button {
            Button::Resolve(id) => {
                let acted = self.engine.run(move |engine| engine.resolve(&id, &actor, "")).await?;
                self.after(acted, Toast::Resolved).await
            }
            Button::Snooze(id, length) => {
                let (now, zone) = (self.engine.clock().now(), self.speaker.zone);
                let until = self.snooze_until(length, now);
                let acted = self.engine.run(move |engine| engine.snooze(&id, Some(until), &actor)).await?;
                self.after(acted, Toast::Snoozed { until, now, zone }).await
            }
            Button::SentByHand(_) => self.sent_by_hand(&alert, user.id).await,
            Button::Draft(id) => {
                let effect = Effect::SendDraft { alert: id, chat: private };
                self.engine.run(move |engine| engine.ask_by_update(effect, next)).await?;
                Ok((self.toast(Toast::DraftComing), false))
            }
            Button::Show(id) => {
                let effect = Effect::SendAlert { alert: id, chat: private };
                self.engine.run(move |engine| engine.ask_by_update(effect, next)).await?;
                Ok((String::new(), false))
            }
            Button::SnoozeMenu(_) => self.turn_keyboard(&alert, place, true).await,
            Button::Back(_) => self.turn_keyboard(&alert, place, false).await,
        }
    }

    /// Whether an alert is for whoever reads the fallback chat: nobody before that in line may be told.
    async fn is_anybodys(&self, alert: &Alert) -> Result<bool, EngineError> {
        for told in in_line(self.engine.store(), &self.people, alert)? {
            let Some(user) = told.user else { return Ok(true) };
            let is_owner = alert.owner.as_ref() == Some(&user.id);
            if is_owner || self.permissions.of(&user.id, &alert.lead_id).await.is_some_and(|rights| rights.read) {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// Why the CRM does not let a user do what a button means; `None` when it does. What is closed is neither shown by a
    /// tap nor changed, unless the button sends it anew.
    async fn refusal(&self, user: &UserId, alert: &Alert, button: &Button) -> Option<Toast<'static>> {
        let (sends, changes) = match button {
            Button::Show(_) | Button::Draft(_) => (true, false),
            Button::SnoozeMenu(_) | Button::Back(_) => (false, false),
            Button::Resolve(_) | Button::Snooze(..) | Button::SentByHand(_) => (false, true),
        };
        if !sends && !alert.state.is_open() {
            return None;
        }
        match self.permissions.of(user, &alert.lead_id).await {
            None => Some(Toast::CannotAsk),
            Some(rights) if rights.read && (rights.edit || !changes) => None,
            Some(_) => Some(Toast::NotAllowed),
        }
    }

    /// A message of ours that we lost in a crash comes back with a tap on it.
    async fn adopt(&self, alert: &Alert, place: Place) -> Result<(), EngineError> {
        let message = Message {
            chat: place.chat,
            message_id: place.message_id,
            alerts: vec![alert.id.clone()],
            sent_at: self.engine.clock().now(),
            occasion: Occasion::Opened,
            told: alert.owner.clone(),
            shown: 0,
            settled: false,
        };
        self.engine.run(move |engine| engine.adopt_message(&message)).await
    }

    fn snooze_until(&self, length: SnoozeFor, now: Timestamp) -> Timestamp {
        match length {
            SnoozeFor::Hour => now.plus(HOUR),
            SnoozeFor::Tomorrow => self.calendar.next_day_open(now),
            SnoozeFor::Monday => self.calendar.next_weekday_open(now, Weekday::Mon),
        }
    }

    async fn after(&self, acted: Acted, done: Toast<'_>) -> Result<(String, bool), EngineError> {
        match acted {
            Acted::Done(_) => Ok((self.toast(done), false)),
            Acted::Unchanged(alert) => {
                self.refresh(&alert).await?;
                Ok((self.closed_toast(&alert), false))
            }
            Acted::Unknown => Ok((self.toast(Toast::Stale), true)),
        }
    }

    fn closed_toast(&self, alert: &Alert) -> String {
        match &alert.state {
            AlertState::Resolved(resolution) => self.toast(Toast::AlreadyHandled(&resolution.by)),
            AlertState::Open | AlertState::Snoozed { .. } | AlertState::Closed { .. } => {
                self.toast(Toast::AlreadyClosed)
            }
        }
    }

    /// The rep wrote by hand. Reported once per opening of the alert, however often the button is tapped.
    async fn sent_by_hand(&self, alert: &Alert, by: UserId) -> Result<(String, bool), EngineError> {
        if !alert.state.is_open() {
            self.refresh(alert).await?;
            return Ok((self.closed_toast(alert), false));
        }
        let Some(lead) = self.engine.store().lead(&alert.lead_id)? else { return Ok((self.toast(Toast::Stale), true)) };
        let report = Report {
            id: Some(ActivityId(format!("sent-{}-{}", alert.id, alert.openings))),
            lead: alert.lead_id.clone(),
            channel: Channel::Whatsapp,
            direction: Direction::Out,
            status: ActivityStatus::Sent,
            text: String::new(),
            timestamp: None,
            by: Some(by),
        };
        self.engine.run(move |engine| engine.log(vec![report], false)).await?;
        Ok((self.toast(Toast::Sent(&lead)), false))
    }

    /// An old message shows an old state: it is brought up to date whatever we believe it shows.
    async fn refresh(&self, alert: &Alert) -> Result<(), EngineError> {
        let id = alert.id.clone();
        self.engine.run(move |engine| engine.refresh_messages(&id)).await
    }

    /// Shows the snooze choices in place of an alert's buttons, or brings these back.
    async fn turn_keyboard(&self, alert: &Alert, place: Place, choices: bool) -> Result<(String, bool), EngineError> {
        if !alert.state.is_open() {
            self.refresh(alert).await?;
            return Ok((self.closed_toast(alert), false));
        }
        let now = self.engine.clock().now();
        let Some(briefing) = Briefing::load(self.engine.store(), &self.speaker, alert.clone(), now)? else {
            return Ok((self.toast(Toast::Stale), true));
        };
        let known = self.engine.store().message(place.chat, place.message_id)?;
        let occasion = known.map_or(Occasion::Opened, |message| message.occasion);
        let context = briefing.context(&self.speaker, self.speaker.content_in(place.chat), occasion, now);
        let mut rendered = render::alert(&self.speaker.voice, &context);
        if choices {
            rendered.keyboard = render::snooze_keyboard(&self.speaker.voice, self.speaker.lang(), &alert.id);
        }
        if let Err(error) = self.api.edit(place.chat, place.message_id, &rendered).await {
            tracing::debug!(%error, "the buttons of a message could not be turned");
        }
        Ok((String::new(), false))
    }
}

/// What an account calls itself: its user name, by which others find it, else the name it gave.
fn account_name(from: &TelegramUser) -> String {
    from.username.as_ref().map_or_else(|| from.full_name(), |name| format!("@{name}"))
}

/// Whether a message is an alert's own: it has the button that settles it. Drafts and digests do not.
fn shows_alert(message: &MaybeInaccessibleMessage, alert: &Alert) -> bool {
    let settle = Button::Resolve(alert.id.clone()).to_data();
    let is_it = |key: &InlineKeyboardButton| matches!(&key.kind, InlineKeyboardButtonKind::CallbackData(data) if *data == settle);
    let keyboard = message.regular_message().and_then(|message| message.reply_markup());
    keyboard.is_some_and(|markup| markup.inline_keyboard.iter().flatten().any(is_it))
}

/// Where a tap took place.
#[derive(Clone, Copy)]
struct Place {
    chat: ChatId,
    message_id: i32,
}
