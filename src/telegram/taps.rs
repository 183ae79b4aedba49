//! What a tap on a button does. Every tap is checked against the user, not the chat, and answered at once; the work
//! follows through the outbox.

mod acts;
mod opting_out;

use chrono::Weekday;
use teloxide::types::{CallbackQuery, InlineKeyboardButton, InlineKeyboardButtonKind, MaybeInaccessibleMessage};

use super::api::SendError;
use super::bot::{Bot, Taken};
use super::menus::{self, Menu};
use super::render::{self, Rendered};
use crate::domain::alert::Via;
use crate::domain::ask::Ask;
use crate::domain::button::{Button, SnoozeFor};
use crate::domain::effect::{Effect, Occasion};
use crate::domain::{
    ActivityId, ActivityStatus, Alert, AlertId, AlertState, Channel, ChatId, Direction, HOUR, LeadId, Manner, Rights,
    Timestamp, User, UserId,
};
use crate::engine::acts::{Acted, Actor, may_act};
use crate::engine::briefing::Briefing;
use crate::engine::log::Report;
use crate::engine::permissions::AtHand;
use crate::engine::told::in_line;
use crate::engine::{EngineError, boundary};
use crate::store::{Message, SheetRow};
use crate::voice::{AlertContext, Toast, escape};

/// A tap on a button, by somebody we know.
pub(super) struct Tap {
    /// Who.
    pub user: User,
    /// How to speak to him or her.
    pub manner: Manner,
    /// On which message.
    pub place: Place,
    /// The user's private chat: what a tap in a group asks for is never shown there.
    pub private: ChatId,
    /// The id after the update's.
    pub next: i32,
    /// It was answered already, and the CRM may be waited for.
    pub asks: bool,
}

impl Tap {
    /// The user, as whoever acts.
    pub fn actor(&self) -> Actor {
        Actor { name: self.user.name.clone(), user: Some(self.user.id.clone()), via: Via::Telegram }
    }
}

/// Where a tap took place.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub chat: ChatId,
    pub message_id: i32,
}

impl Place {
    fn of(message: &MaybeInaccessibleMessage) -> Self {
        Self { chat: ChatId(message.chat().id.0), message_id: message.id().0 }
    }
}

/// The short answer to a tap.
pub(super) struct Answer {
    /// What pops up; nothing when empty.
    pub text: String,
    /// Whether it has to be closed.
    pub as_dialog: bool,
    /// What becomes of the tapped message, once the tap is answered.
    pub then: Option<Then>,
}

/// What becomes of a tapped message.
pub(super) enum Then {
    /// It shows this.
    Shows(Rendered),
    /// It goes.
    Goes,
}

/// Why a tap is not carried out now.
pub(super) enum Halt {
    /// The CRM has to be asked, and the tap is answered before.
    MustAsk,
    /// What the tap does shows in its message and may need the CRM: there is nothing to say, and that is said at once.
    ShowsLater,
    /// The store.
    Engine(EngineError),
}

impl Halt {
    /// Of whoever waits for the CRM anyway.
    pub fn of_the_engine(self) -> EngineError {
        match self {
            Self::Engine(error) => error,
            Self::MustAsk | Self::ShowsLater => EngineError::Stopped,
        }
    }
}

impl<E: Into<EngineError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Engine(error.into())
    }
}

impl Answer {
    /// A word in passing.
    pub fn word(text: String) -> Self {
        Self { text, as_dialog: false, then: None }
    }

    /// Something that must not be missed.
    pub fn dialog(text: String) -> Self {
        Self { text, as_dialog: true, then: None }
    }

    /// What the tap did can be seen.
    pub fn seen() -> Self {
        Self::word(String::new())
    }

    /// And this becomes of the tapped message.
    pub fn then(self, then: Then) -> Self {
        Self { then: Some(then), ..self }
    }
}

impl Bot {
    /// Carries a tap out and answers it: first the commit, then the answer, then what takes longer. Without `asks` the
    /// CRM is not waited for: when it has to be asked, the answer says so, and the tap comes again with `asks`.
    pub(super) async fn tap(&self, query: &CallbackQuery, next: i32, asks: bool) -> Result<Taken, EngineError> {
        boundary::pass("tap-before-commit");
        let answer = match self.carry_out(query, next, asks).await {
            Ok(answer) => answer,
            Err(Halt::MustAsk) => {
                let word = self.toast(self.manner_of_account(query)?, Toast::Checking);
                self.answer(query, &Answer::word(word)).await;
                return Ok(Taken::MustAsk);
            }
            Err(Halt::ShowsLater) => {
                self.answer(query, &Answer::seen()).await;
                return Ok(Taken::MustAsk);
            }
            Err(Halt::Engine(error)) => {
                let sorry = self.toast(self.speaker.manner(), Toast::TryAgain);
                self.answer(query, &Answer::dialog(sorry)).await;
                return Err(error);
            }
        };
        boundary::pass("tap-after-commit");
        if asks {
            self.answer_late(query, &answer).await;
        } else {
            self.answer(query, &answer).await;
        }
        if let (Some(message), Some(then)) = (&query.message, &answer.then) {
            self.follow_up(Place::of(message), then).await;
        }
        self.expect_taps(query).await;
        Ok(Taken::Done)
    }

    async fn answer(&self, query: &CallbackQuery, answer: &Answer) {
        if let Err(error) = self.api.answer(&query.id, &answer.text, answer.as_dialog).await {
            tracing::debug!(%error, "a tap was answered too late");
        }
    }

    async fn follow_up(&self, place: Place, then: &Then) {
        let done = match then {
            Then::Shows(message) => self.api.edit(place.chat, place.message_id, message).await,
            Then::Goes => self.api.delete(place.chat, place.message_id).await,
        };
        let Err(error) = done else { return };
        tracing::debug!(%error, "a tapped message stays as it was");
        // Telegram was busy: a menu must not stay for that.
        if matches!(error, SendError::RetryAfter(_) | SendError::Unavailable(_))
            && let Err(error) = self.bring_back(place).await
        {
            tracing::warn!(%error, "a tapped message could not be brought up to date");
        }
    }

    /// Has the message of an alert show the alert again, as soon as Telegram takes it.
    async fn bring_back(&self, place: Place) -> Result<(), EngineError> {
        let message = self.engine.store().message(place.chat, place.message_id)?;
        let Some(alert) = message.and_then(|message| message.only_alert().cloned()) else { return Ok(()) };
        self.engine.run(move |engine| engine.refresh_messages(&alert)).await
    }

    /// Says what came of a tap that was answered before: what must not be missed is a message, to whoever tapped alone.
    async fn answer_late(&self, query: &CallbackQuery, answer: &Answer) {
        let account = i64::try_from(query.from.id.0).unwrap_or_default();
        let link = self.engine.store().link(account).ok().flatten();
        let Some(link) = link.filter(|_| answer.as_dialog && !answer.text.is_empty()) else { return };
        let message = Rendered { html: escape(&answer.text), keyboard: Vec::new() };
        if let Err(error) = self.api.send(link.chat, None, &message, true).await {
            tracing::warn!(chat = %link.chat, %error, "what came of a tap could not be said");
        }
    }

    /// Who tapped will tap again: what the CRM lets them do is asked ahead.
    async fn expect_taps(&self, query: &CallbackQuery) {
        let account = i64::try_from(query.from.id.0).unwrap_or_default();
        if let Ok(Some(link)) = self.engine.store().link(account) {
            self.permissions.expect_in(self.engine.store(), &link.user, link.chat);
        }
    }

    fn manner_of_account(&self, query: &CallbackQuery) -> Result<Manner, EngineError> {
        let user = self.user_of(i64::try_from(query.from.id.0).unwrap_or_default())?;
        Ok(self.speaker.manner_of(self.engine.store(), user.as_ref().map(|user| &user.id))?)
    }

    pub(super) fn toast(&self, manner: Manner, toast: Toast<'_>) -> String {
        self.speaker.voice.toast(manner, toast)
    }

    /// Does what a tap means, and says so.
    async fn carry_out(&self, query: &CallbackQuery, next: i32, asks: bool) -> Result<Answer, Halt> {
        let account = i64::try_from(query.from.id.0).unwrap_or_default();
        let store = self.engine.store();
        let button = query.data.as_deref().and_then(Button::parse);
        if let (Some(Button::Link(answer, user)), Some(message)) = (&button, query.message.as_ref()) {
            let answer = (*answer, user.clone());
            return Ok(self.answer_link(query, Place::of(message), answer).await?);
        }
        let Some(user) = self.user_of(account)? else {
            return Ok(Answer::dialog(self.toast(self.speaker.manner(), Toast::NotYours)));
        };
        let manner = self.speaker.manner_of(store, Some(&user.id))?;
        let stale = || Answer::dialog(self.toast(manner, Toast::Stale));
        if let (Some(ask), Some(message)) = (query.data.as_deref().and_then(Ask::parse), query.message.as_ref()) {
            let (place, private) = (Place::of(message), ChatId(account));
            if !asks && !place.chat.is_group() {
                return Err(Halt::ShowsLater);
            }
            return Ok(self.answer_ask(&Tap { user, manner, place, private, next, asks }, ask).await?);
        }
        let (Some(button), Some(message)) = (button, query.message.as_ref()) else { return Ok(stale()) };
        let place = Place::of(message);
        let private = store.link(account)?.map_or(place.chat, |link| link.chat);
        let tap = Tap { user, manner, place, private, next, asks };
        if let Button::Page(sheet, page) = button {
            return Ok(self.turn_page(&tap, SheetRow { sheet, page }).await?);
        }
        if let Button::OptOut(answer, lead) = &button {
            return self.opting_out(&tap, *answer, lead).await;
        }
        let known = button.alert().map(|alert| store.alert(alert)).transpose()?.flatten();
        let Some(alert) = known else { return Ok(stale()) };
        if let Button::Hand(hand, _) = &button {
            return self.hand(&tap, &alert, hand).await;
        }
        if !may_act(store, &self.people, &tap.user.id, &alert)? && !self.is_anybodys(&alert, asks).await? {
            self.refresh(&alert).await?;
            return Ok(Answer::dialog(self.toast(manner, Toast::NotYours)));
        }
        // In a group only what shows an alert in private is offered; whoever taps anything else there has kept an old button.
        if place.chat.is_group() && !matches!(button, Button::Show(_) | Button::Hand(..)) {
            return Ok(stale());
        }
        let plans =
            matches!(button, Button::CallMenu(_) | Button::CallDays(_) | Button::CallDay(..) | Button::PlanCall(..));
        if plans && !alert.state.is_open() && !self.was_in_vain(&alert)? {
            return Ok(self.too_late(&tap, &alert).await?);
        }
        if let Some(refusal) = self.refusal(&tap.user.id, &alert, &button, asks).await? {
            return Ok(Answer::dialog(self.toast(manner, refusal)));
        }
        if shows_alert(message, &alert) && store.message(place.chat, place.message_id)?.is_none() {
            self.adopt(&alert, place).await?;
        }
        Ok(self.about_alert(&tap, &alert, button).await?)
    }

    /// What a button of an alert does, once it is known that the user may tap it.
    async fn about_alert(&self, tap: &Tap, alert: &Alert, button: Button) -> Result<Answer, EngineError> {
        let id = alert.id.clone();
        match button {
            Button::Resolve(_) => {
                let actor = tap.actor();
                let acted = self.engine.run(move |engine| engine.resolve(&id, &actor, "")).await?;
                self.after(tap, acted, Toast::Resolved).await
            }
            Button::Snooze(_, length) => self.snooze(tap, id, length).await,
            Button::SentByHand(_) => self.sent_by_hand(tap, alert, Channel::Whatsapp).await,
            Button::MailSentByHand(_) => self.sent_by_hand(tap, alert, Channel::Email).await,
            Button::Back(_) if !alert.state.is_open() => {
                self.refresh(alert).await?;
                Ok(Answer::seen())
            }
            Button::Draft(_) => {
                let effect = Effect::SendDraft { alert: id, chat: tap.private };
                self.ask(tap, effect).await?;
                Ok(Answer::word(self.toast(tap.manner, Toast::DraftComing)))
            }
            Button::Show(_) => {
                let effect = Effect::SendAlert { alert: id, chat: tap.private };
                self.ask(tap, effect).await?;
                Ok(Answer::seen())
            }
            Button::SnoozeMenu(_) | Button::SnoozeDays(_) | Button::Back(_) | Button::MoreMenu(_) => {
                let menu = self.menu(tap, &button)?;
                self.turn_keyboard(tap, alert, &menu).await
            }
            Button::CallMenu(_) | Button::CallDays(_) | Button::CallDay(..) => {
                self.offer_calls(tap, alert, &button).await
            }
            Button::SnoozeUntil(_, until) => self.snooze_to(tap, alert, until).await,
            Button::PlanCall(_, at) => self.plan_by_tap(tap, alert, at).await,
            Button::Called(_, outcome) => self.called(tap, alert, outcome).await,
            Button::Why(_) => {
                let effect = Effect::SendWhy { alert: id, chat: tap.private };
                self.ask(tap, effect).await?;
                Ok(Answer::seen())
            }
            Button::NotRelevant(_) => self.not_relevant(tap, alert).await,
            Button::Archive(_) => self.ask_to_archive(tap, alert).await,
            Button::ArchiveYes(_) => self.archive(tap, alert).await,
            Button::Unarchive(_) => self.unarchive(tap, alert).await,
            Button::Drafting(_, wish) => self.drafting(tap, alert, wish).await,
            Button::Link(..) | Button::Page(..) | Button::Hand(..) | Button::OptOut(..) => {
                Ok(Answer::dialog(self.toast(tap.manner, Toast::Stale)))
            }
        }
    }

    /// Has something sent that a tap asked for.
    async fn ask(&self, tap: &Tap, effect: Effect) -> Result<(), EngineError> {
        let next = tap.next;
        self.engine.run(move |engine| engine.ask_by_update(effect, next)).await
    }

    async fn snooze(&self, tap: &Tap, id: AlertId, length: SnoozeFor) -> Result<Answer, EngineError> {
        let (now, zone, actor) = (self.engine.clock().now(), self.speaker.zone, tap.actor());
        let until = self.snooze_until(&tap.user.id, length, now)?;
        let acted = self.engine.run(move |engine| engine.snooze(&id, Some(until), &actor)).await?;
        self.after(tap, acted, Toast::Snoozed { until, now, zone }).await
    }

    /// Whether an alert is for whoever reads the fallback chat: nobody before that in line may be told.
    pub(super) async fn is_anybodys(&self, alert: &Alert, asks: bool) -> Result<bool, Halt> {
        for told in in_line(self.engine.store(), &self.people, alert.owner.as_ref(), self.engine.clock().now())? {
            let Some(user) = told.user else { return Ok(true) };
            let is_owner = alert.owner.as_ref() == Some(&user.id);
            if is_owner || self.rights(&user.id, &alert.lead_id, asks).await?.is_some_and(|rights| rights.read) {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// What the CRM lets a user do with a lead, `None` when it cannot be asked; what is not known is asked for only when
    /// the tap was answered (`asks`).
    pub(super) async fn rights(&self, user: &UserId, lead: &LeadId, asks: bool) -> Result<Option<Rights>, Halt> {
        match self.permissions.at_hand(user, lead) {
            AtHand::Known(rights) => Ok(Some(rights)),
            AtHand::CannotAsk => Ok(None),
            AtHand::Unknown if asks => Ok(self.permissions.of(user, lead).await),
            AtHand::Unknown => Err(Halt::MustAsk),
        }
    }

    /// Why the CRM does not let a user do what a button means; `None` when it does. What is closed is neither shown by a
    /// tap nor changed, unless the button sends it anew.
    pub(super) async fn refusal(
        &self,
        user: &UserId,
        alert: &Alert,
        button: &Button,
        asks: bool,
    ) -> Result<Option<Toast<'static>>, Halt> {
        let (sends, changes) = match button {
            Button::Show(_) | Button::Draft(_) | Button::Why(_) => (true, false),
            // A call in vain may have ended it: the next one is planned there.
            Button::CallMenu(_) | Button::CallDays(_) | Button::CallDay(..) => (true, false),
            Button::PlanCall(..) => (true, true),
            Button::SnoozeMenu(_)
            | Button::SnoozeDays(_)
            | Button::MoreMenu(_)
            | Button::Back(_)
            | Button::Page(..)
            | Button::OptOut(..)
            | Button::Link(..) => (false, false),
            Button::Drafting(_, wish) => (false, wish.changes_the_crm()),
            Button::Hand(..) => (false, false),
            Button::Resolve(_)
            | Button::Snooze(..)
            | Button::SnoozeUntil(..)
            | Button::SentByHand(_)
            | Button::MailSentByHand(_)
            | Button::Called(..)
            | Button::NotRelevant(_) => (false, true),
            // Also of what is over.
            Button::Archive(_) | Button::ArchiveYes(_) | Button::Unarchive(_) => (true, true),
        };
        if !sends && !alert.state.is_open() {
            return Ok(None);
        }
        Ok(match self.rights(user, &alert.lead_id, asks).await? {
            None => Some(Toast::CannotAsk),
            Some(rights) if rights.read && (rights.edit || !changes) => None,
            Some(_) => Some(Toast::NotAllowed),
        })
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
            wording: None,
        };
        self.engine.run(move |engine| engine.adopt_message(&message)).await
    }

    fn snooze_until(&self, user: &UserId, length: SnoozeFor, now: Timestamp) -> Result<Timestamp, EngineError> {
        let calendar = self.calendars.of(self.engine.store(), user)?;
        Ok(match length {
            SnoozeFor::Hour => now.plus(HOUR),
            SnoozeFor::Tomorrow => calendar.next_day_open(now),
            SnoozeFor::Monday => calendar.next_weekday_open(now, Weekday::Mon),
        })
    }

    async fn after(&self, tap: &Tap, acted: Acted, done: Toast<'_>) -> Result<Answer, EngineError> {
        match acted {
            Acted::Done(alert) => {
                // "annuler" takes back a tap as well as a word.
                let done_at = self.engine.clock().now();
                self.memory.note(tap.private, |recent| recent.act = Some((alert.id.clone(), done_at)));
                Ok(Answer::word(self.speaker.voice.toast_about(tap.manner, &alert.id, done)))
            }
            Acted::Unchanged(alert) => self.too_late(tap, &alert).await,
            Acted::Unknown => Ok(Answer::dialog(self.toast(tap.manner, Toast::Stale))),
        }
    }

    /// The answer to a tap on an old button: the message is brought up to date.
    pub(super) async fn too_late(&self, tap: &Tap, alert: &Alert) -> Result<Answer, EngineError> {
        self.refresh(alert).await?;
        let toast = match &alert.state {
            AlertState::Resolved(resolution) if resolution.user.as_ref() != Some(&tap.user.id) => {
                Toast::AlreadyHandled(&resolution.by)
            }
            AlertState::Resolved(_) => Toast::AlreadyClosed,
            AlertState::Open | AlertState::Snoozed { .. } | AlertState::Closed { .. } => Toast::AlreadyClosed,
        };
        Ok(Answer::word(self.toast(tap.manner, toast)))
    }

    /// The rep wrote by hand, there. Reported once per opening of the alert, however often the button is tapped.
    async fn sent_by_hand(&self, tap: &Tap, alert: &Alert, channel: Channel) -> Result<Answer, EngineError> {
        if !alert.state.is_open() {
            return self.too_late(tap, alert).await;
        }
        let Some(lead) = self.engine.store().lead(&alert.lead_id)? else {
            return Ok(Answer::dialog(self.toast(tap.manner, Toast::Stale)));
        };
        let report = Report {
            id: Some(ActivityId(format!("sent-{}-{}", alert.id, alert.openings))),
            lead: alert.lead_id.clone(),
            channel,
            direction: Direction::Out,
            status: ActivityStatus::Sent,
            text: String::new(),
            timestamp: None,
            by: Some(tap.user.id.clone()),
        };
        self.engine.run(move |engine| engine.log(vec![report], false)).await?;
        Ok(Answer::word(self.toast(tap.manner, Toast::Sent(&lead, channel))))
    }

    /// An old message shows an old state: it is brought up to date whatever we believe it shows.
    pub(super) async fn refresh(&self, alert: &Alert) -> Result<(), EngineError> {
        let id = alert.id.clone();
        self.engine.run(move |engine| engine.refresh_messages(&id)).await
    }

    /// Shows a menu in place of an alert's buttons, or brings these back.
    async fn turn_keyboard(&self, tap: &Tap, alert: &Alert, menu: &Menu) -> Result<Answer, EngineError> {
        if !alert.state.is_open() {
            return self.too_late(tap, alert).await;
        }
        self.show_keyboard(tap, alert, menu).await
    }

    /// The same of an alert that may be over.
    async fn show_keyboard(&self, tap: &Tap, alert: &Alert, menu: &Menu) -> Result<Answer, EngineError> {
        self.show_rows(tap, alert, |context| {
            (*menu != Menu::Main).then(|| menus::keyboard(&self.speaker.voice, context, menu))
        })
        .await
    }

    /// Shows other buttons in place of an alert's, or brings these back.
    pub(super) async fn turn_to(
        &self,
        tap: &Tap,
        alert: &Alert,
        rows: Option<Vec<Vec<render::Key>>>,
    ) -> Result<Answer, EngineError> {
        if !alert.state.is_open() {
            return self.too_late(tap, alert).await;
        }
        self.show_rows(tap, alert, |_| rows).await
    }

    async fn show_rows(
        &self,
        tap: &Tap,
        alert: &Alert,
        rows: impl FnOnce(&AlertContext<'_>) -> Option<Vec<Vec<render::Key>>>,
    ) -> Result<Answer, EngineError> {
        let (now, place, store) = (self.engine.clock().now(), tap.place, self.engine.store());
        let Some(briefing) = Briefing::load(store, &self.speaker, alert.clone(), now)? else {
            return Ok(Answer::dialog(self.toast(tap.manner, Toast::Stale)));
        };
        let known = store.message(place.chat, place.message_id)?;
        let occasion = known.as_ref().map_or(Occasion::Opened, |message| message.occasion);
        let manner = self.speaker.manner_in(store, place.chat)?;
        let context = briefing.context(&self.speaker, manner, self.speaker.content_in(place.chat), occasion, now);
        let wording = known.and_then(|message| message.wording).unwrap_or(context.wording);
        let reader = (!place.chat.is_group()).then_some(&tap.user.id);
        let context = AlertContext { wording, reader, ..context };
        let mut rendered = render::alert(&self.speaker.voice, &context);
        if let Some(rows) = rows(&context) {
            rendered.keyboard = rows;
        }
        Ok(Answer::seen().then(Then::Shows(rendered)))
    }
}

/// Whether a message is an alert's own: it has the button that settles it. Drafts and digests do not.
fn shows_alert(message: &MaybeInaccessibleMessage, alert: &Alert) -> bool {
    let settle = Button::Resolve(alert.id.clone()).to_data();
    let is_it = |key: &InlineKeyboardButton| matches!(&key.kind, InlineKeyboardButtonKind::CallbackData(data) if *data == settle);
    let keyboard = message.regular_message().and_then(|message| message.reply_markup());
    keyboard.is_some_and(|markup| markup.inline_keyboard.iter().flatten().any(is_it))
}
