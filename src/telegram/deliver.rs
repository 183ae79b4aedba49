//! The dispatcher towards Telegram: takes effects out of the outbox, checks that they still hold, sends and
//! edits, and keeps what it sent.

mod calling;
mod day;
mod drafting;
mod escalating;
mod limits;
mod refresh;
mod telling;
mod week;
mod wording;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::announce::{Moment, Pending};
use super::api::Api;
use super::pace::Pace;
use super::render::{self, Rendered};
use crate::domain::effect::{Effect, Occasion};
use crate::domain::{
    Alert, AlertId, AlertState, AlertType, ChatId, Evidence, HOUR, LeadId, MINUTE, Rights, Timestamp, UserId, Wording,
};
use crate::engine::briefing::{Briefing, Speaker};
use crate::engine::calendars::Calendars;
use crate::engine::evaluate::is_first_evaluation;
use crate::engine::outbox::{Ready, pause_after, ready};
use crate::engine::permissions::Permissions;
use crate::engine::status::Status;
use crate::engine::told::{Destination, People, Told, answers_for, in_line, user_in};
use crate::engine::{Engine, EngineError, Handle};
use crate::store::{OutboxEntry, SheetRow, Store};
use crate::voice::{AlertContext, Content, Notice};

/// All that sending needs.
pub struct Sender {
    /// The bot.
    pub api: Api,
    /// The engine.
    pub engine: Handle,
    /// Who may see what.
    pub permissions: Permissions,
    /// M.A.X.'s words.
    pub speaker: Arc<Speaker>,
    /// Who stands in for whom.
    pub people: Arc<People>,
    /// Working hours.
    pub calendars: Calendars,
    /// How Telegram is doing.
    pub status: Status,
}

impl Sender {
    /// Works until `stop`.
    pub async fn work(self, stop: CancellationToken) {
        let mut worker = Worker {
            sender: self,
            pace: Pace::default(),
            is_first_round: true,
            wake_at: None,
            told: BTreeSet::new(),
            closed_topics: BTreeSet::new(),
            stop: stop.clone(),
        };
        loop {
            let mut changes = worker.sender.engine.changes();
            let seen = worker.concerns_us();
            // Never cut short: a message that was sent and not noted would be sent again.
            worker.round().await;
            let clock = worker.sender.engine.clock().clone();
            let wake_at = worker.wake_at.take().unwrap_or(i64::MAX / 2);
            let news = async {
                // What others write is nothing to wake up for: what cannot be sent now has its own time.
                while changes.changed().await.is_ok() && worker.concerns_us() == seen {}
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = news => {}
                () = clock.sleep_until_millis(wake_at) => {}
            }
        }
    }
}

struct Worker {
    sender: Sender,
    pace: Pace,
    /// What waits was put off before the start: other working hours may count now.
    is_first_round: bool,
    /// When the next round is worth it, in milliseconds since the epoch.
    wake_at: Option<i64>,
    /// Chats that a message went to in this round.
    told: BTreeSet<ChatId>,
    /// Topics that take no messages: said once, until they do again.
    closed_topics: BTreeSet<(ChatId, i32)>,
    /// Nothing more is begun once it is cancelled.
    stop: CancellationToken,
}

/// What became of an attempt to send.
enum Attempt {
    /// It went out, as this message.
    Sent(i32),
    /// Not now: the limits, or Telegram, say so.
    NotNow,
    /// The chat takes nothing from us.
    Unreachable,
    /// Telegram refuses this for good.
    Never,
}

/// Who is to be told of an alert.
enum Recipient {
    /// Whoever is there.
    Known(Told),
    /// Nobody can be told, or may be.
    Nobody,
    /// It is not known who may be.
    Later,
}

/// What others than the owners may do with leads; `None` for a user of whom the CRM could not be asked.
type Asked = BTreeMap<UserId, Option<BTreeMap<LeadId, Rights>>>;

/// The longest pause, in seconds, before it is asked again who may be told, or a burst is over.
const LONGEST_PAUSE: i64 = MINUTE;

/// An announcement in the outbox that still holds.
struct Announcement {
    key: String,
    entry: OutboxEntry,
    alert: Alert,
    occasion: Occasion,
    first_evaluation: bool,
}

impl Worker {
    async fn round(&mut self) {
        if let Err(error) = self.try_round().await {
            tracing::error!(%error, "messages could not be dispatched");
            self.wake_in(pause_after(3) * 1000);
        }
        for chat in std::mem::take(&mut self.told) {
            if let Ok(Some(user)) = user_in(self.store(), chat) {
                self.sender.permissions.expect_in(self.store(), &user, chat);
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.sender.engine.clock().now()
    }

    fn wake_in(&mut self, millis: i64) {
        self.wake_at_millis(self.sender.engine.clock().now_millis() + millis);
    }

    fn wake_at_millis(&mut self, millis: i64) {
        self.wake_at = Some(self.wake_at.map_or(millis, |at| at.min(millis)));
    }

    fn store(&self) -> &Store {
        self.sender.engine.store()
    }

    /// What has to change for another round to be worth it: the entries for Telegram, and whether the first evaluation
    /// is over.
    fn concerns_us(&self) -> (u64, Option<bool>) {
        (self.store().outbox_changes(false), is_first_evaluation(self.store()).ok())
    }

    async fn try_round(&mut self) -> Result<(), EngineError> {
        let now = self.now();
        let Ready { mut entries, next } = ready(self.store(), false, now)?;
        if let Some(next) = next {
            self.wake_at_millis(next.0 * 1000);
        }
        let beyond = if std::mem::take(&mut self.is_first_round) { now } else { self.longest_wait(now)? };
        let put_off = self.store().outbox_beyond(false, beyond)?;
        // What can be taken back waits for its time, not for working hours.
        entries.extend(put_off.into_iter().filter(|(_, entry)| !matches!(entry.effect, Effect::UndoOver(_))));
        entries.sort_by_key(|(_, entry)| entry.sequence);
        let mut announcements: BTreeMap<(ChatId, Option<UserId>), Vec<Announcement>> = BTreeMap::new();
        if is_first_evaluation(self.store())? {
            // One digest tells what the first evaluation found, once it has found all.
            entries.retain(|(_, entry)| !matches!(entry.effect, Effect::Announce { first_evaluation: true, .. }));
        }
        let (mut asked_for, mut escalations, mut refreshes) = (Vec::new(), Vec::new(), Vec::new());
        let asked = self.ask_who_may_see(&entries).await?;
        for (key, entry) in entries {
            let sequence = entry.sequence;
            match entry.effect.clone() {
                Effect::Announce { alert, occasion, first_evaluation, .. } => {
                    // What was decided a while ago is checked again before it is said.
                    let Some(alert) = self.open_alert(&alert)? else {
                        self.settle(&key, sequence).await?;
                        continue;
                    };
                    match self.recipient(&alert, occasion, &asked)? {
                        Recipient::Known(told) => {
                            let user = told.user.map(|user| user.id);
                            let one = Announcement { key, entry, alert, occasion, first_evaluation };
                            let chat = self.store().present_chat(told.chat)?;
                            announcements.entry((chat, user)).or_default().push(one);
                        }
                        Recipient::Nobody => {
                            tracing::debug!(alert = %alert.id, "nobody can be told on Telegram; the record in the CRM stands");
                            self.settle(&key, sequence).await?;
                        }
                        Recipient::Later => {
                            let again = now.plus(pause_after(entry.attempts + 1).min(LONGEST_PAUSE));
                            self.sender.engine.run(move |engine| engine.postpone(&key, again)).await?;
                            self.wake_at_millis(again.0 * 1000);
                        }
                    }
                }
                Effect::RefreshMessages(alert) => refreshes.push((key, sequence, alert)),
                Effect::Escalate { alert, chat, topic } => {
                    escalations.push((key, entry, alert, Destination { chat, topic }))
                }
                effect @ (Effect::SendDraft { .. }
                | Effect::SendAlert { .. }
                | Effect::RefreshDraft { .. }
                | Effect::SendWhy { .. }) => asked_for.push((key, sequence, effect)),
                Effect::Welcome { chat, user } => {
                    let user = self.store().user(&user)?;
                    let Some(user) = user else { return self.settle(&key, sequence).await };
                    self.notify(&key, sequence, chat, Notice::Welcome(&user)).await?;
                }
                Effect::Briefing { user, day } => self.begin_day(&key, sequence, &user, day).await?,
                Effect::Summary { user, day } => self.end_day(&key, sequence, &user, day).await?,
                Effect::Weekly { user, day } => self.begin_week(&key, sequence, &user, day).await?,
                Effect::SyncStopped { chat, since, why } => {
                    let zone = self.sender.speaker.zone;
                    self.notify(&key, sequence, chat, Notice::SyncStopped { since, why, now, zone }).await?;
                }
                Effect::SyncResumed { chat, since, at } => {
                    self.notify(&key, sequence, chat, Notice::SyncResumed { lasted: at.since(since) }).await?;
                }
                Effect::RemindOfCall { lead, activity, at } => {
                    self.remind_of_call(&key, &entry, (&lead, &activity), at).await?;
                }
                Effect::AskAboutCall { lead, activity, at } => {
                    self.ask_about_call(&key, &entry, (&lead, &activity), at).await?;
                }
                Effect::RefreshCall { lead, activity } => {
                    self.refresh_call(&key, sequence, (&lead, &activity)).await?;
                }
                Effect::CloseCall { lead, chat, message_id } => {
                    self.close_call(&key, sequence, &lead, (chat, message_id)).await?;
                }
                Effect::UndoOver(alert) => {
                    let refreshed = move |engine: &mut Engine| {
                        engine.refresh_messages(&alert)?;
                        engine.settle(&key, sequence)
                    };
                    self.sender.engine.run(refreshed).await?;
                }
                Effect::TellUnsubscribed(lead) => self.tell_unsubscribed(&key, sequence, &lead).await?,
                Effect::DeedRefused { deed, chat, why } => {
                    let deed = self.store().deed(&deed)?;
                    let lead = deed.as_ref().map(|deed| self.store().lead(&deed.lead)).transpose()?.flatten();
                    let Some((deed, lead)) = deed.zip(lead) else {
                        self.settle(&key, sequence).await?;
                        continue;
                    };
                    let notice = Notice::DeedRefused { kind: &deed.kind, lead: &lead, why };
                    self.notify(&key, sequence, chat, notice).await?;
                }
                Effect::WriteAlert(_)
                | Effect::WriteActivity { .. }
                | Effect::WriteDoneActivity { .. }
                | Effect::WriteLink(_)
                | Effect::WriteDeed(_)
                | Effect::VerifyLead(_)
                | Effect::WriteInsight(_) => {}
            }
        }
        for ((chat, user), mut announcements) in announcements {
            self.drop_outdated(&mut announcements)?;
            if self.waits_for_the_day(user.as_ref()).await? {
                announcements.retain(|one| one.alert.alert_type == AlertType::HotLead24h);
            }
            self.announce(chat, user, announcements).await?;
        }
        for (key, entry, alert, to) in escalations {
            self.escalate(&key, &entry, &alert, to).await?;
        }
        for (key, sequence, effect) in asked_for {
            self.send_as_asked(&key, sequence, &effect).await?;
        }
        // News first: what is new must not wait for the correction of what is old.
        for (key, sequence, alert) in refreshes {
            self.refresh(&key, sequence, &alert).await?;
        }
        Ok(())
    }

    /// Until when anything may have to wait at `now`: for somebody's working hours, or for the hour to be over. What is to
    /// wait longer was put off by other working hours, or by a clock that was ahead.
    fn longest_wait(&self, now: Timestamp) -> Result<Timestamp, EngineError> {
        let mut longest = self.free_at(None, now)?;
        for link in self.store().links()? {
            longest = longest.max(self.free_at(Some(&link.user), now)?);
        }
        Ok(longest.plus(HOUR))
    }

    /// When somebody may be told what is not urgent.
    fn free_at(&self, user: Option<&UserId>, now: Timestamp) -> Result<Timestamp, EngineError> {
        let calendar = self.sender.calendars.of_owner(self.store(), user)?;
        let wishes = user.map(|user| self.store().preferences(user)).transpose()?.unwrap_or_default();
        let moment = Moment { now, calendar: &calendar, wishes: &wishes, said: &[], more_may_come: false };
        Ok(moment.free_at().max(moment.quiet_until().unwrap_or(now)))
    }

    fn open_alert(&self, alert: &AlertId) -> Result<Option<Alert>, EngineError> {
        Ok(self.store().alert(alert)?.filter(|alert| alert.state == AlertState::Open))
    }

    /// Asks what is needed to tell anybody but the owners: one question per user, whatever the number of leads.
    async fn ask_who_may_see(&self, entries: &[(String, OutboxEntry)]) -> Result<Asked, EngineError> {
        let mut questions: BTreeMap<UserId, Vec<LeadId>> = BTreeMap::new();
        for (_, entry) in entries {
            let Effect::Announce { alert, .. } = &entry.effect else { continue };
            let Some(alert) = self.open_alert(alert)? else { continue };
            for told in in_line(self.store(), &self.sender.people, &alert, self.now())? {
                let Some(user) = self.reader(&told)? else { continue };
                if alert.owner.as_ref() == Some(&user) {
                    break;
                }
                questions.entry(user).or_default().push(alert.lead_id.clone());
            }
        }
        let mut asked = Asked::new();
        for (user, leads) in questions {
            let answer = self.sender.permissions.of_all(&user, &leads).await;
            asked.insert(user, answer);
        }
        Ok(asked)
    }

    /// Who reads what is told there; `None` for a group, which reads initials, and for a private chat of nobody's, which
    /// does so too.
    fn reader(&self, told: &Told) -> Result<Option<UserId>, EngineError> {
        match &told.user {
            Some(user) => Ok(Some(user.id.clone())),
            None => Ok(user_in(self.store(), told.chat)?),
        }
    }

    /// The first in line who may see the alert's lead: its owner, or whom the CRM lets.
    /// Whoever hears of what was open before the owner went away stands in, or is nobody.
    fn recipient(&self, alert: &Alert, occasion: Occasion, asked: &Asked) -> Result<Recipient, EngineError> {
        let mut line = in_line(self.store(), &self.sender.people, alert, self.now())?;
        if occasion == Occasion::StandingIn {
            let is_owner = |told: &Told| told.user.as_ref().is_none_or(|user| alert.owner.as_ref() == Some(&user.id));
            line.truncate(line.iter().position(is_owner).unwrap_or(line.len()));
        }
        for told in line {
            let Some(user) = self.reader(&told)?.filter(|user| alert.owner.as_ref() != Some(user)) else {
                return Ok(Recipient::Known(told));
            };
            match asked.get(&user) {
                Some(Some(rights)) if rights.get(&alert.lead_id).is_some_and(|rights| rights.read) => {
                    return Ok(Recipient::Known(told));
                }
                Some(Some(_)) => {}
                // A link that was made since this round began is asked about in the next.
                Some(None) | None => return Ok(Recipient::Later),
            }
        }
        Ok(Recipient::Nobody)
    }

    /// How much a message to this chat shows: all there is to a colleague's, initials to any other.
    fn content_in(&self, chat: ChatId) -> Result<Content, EngineError> {
        let is_of_nobody = !chat.is_group() && user_in(self.store(), chat)?.is_none();
        Ok(if is_of_nobody { Content::Initials } else { self.sender.speaker.content_in(chat) })
    }

    /// Sends what a tap asked for.
    async fn send_as_asked(&mut self, key: &str, sequence: u64, effect: &Effect) -> Result<(), EngineError> {
        match effect {
            Effect::SendDraft { alert, chat } => self.send_draft(key, sequence, alert, *chat).await,
            Effect::SendAlert { alert, chat } => self.send_alert(key, sequence, alert, *chat).await,
            Effect::RefreshDraft { chat, message_id } => self.refresh_draft(key, sequence, *chat, *message_id).await,
            Effect::SendWhy { alert, chat } => self.send_why(key, sequence, alert, *chat).await,
            Effect::Announce { .. }
            | Effect::RefreshMessages(_)
            | Effect::Welcome { .. }
            | Effect::Briefing { .. }
            | Effect::Summary { .. }
            | Effect::Weekly { .. }
            | Effect::WriteAlert(_)
            | Effect::WriteActivity { .. }
            | Effect::WriteDoneActivity { .. }
            | Effect::WriteLink(_)
            | Effect::VerifyLead(_)
            | Effect::WriteInsight(_)
            | Effect::SyncStopped { .. }
            | Effect::SyncResumed { .. }
            | Effect::WriteDeed(_)
            | Effect::DeedRefused { .. }
            | Effect::Escalate { .. }
            | Effect::RemindOfCall { .. }
            | Effect::AskAboutCall { .. }
            | Effect::RefreshCall { .. }
            | Effect::CloseCall { .. }
            | Effect::UndoOver(_)
            | Effect::TellUnsubscribed(_) => Ok(()),
        }
    }

    /// Sends what is not about one alert.
    async fn notify(&mut self, key: &str, sequence: u64, chat: ChatId, notice: Notice<'_>) -> Result<(), EngineError> {
        let speaker = &self.sender.speaker;
        let html = speaker.voice.notice_html(speaker.manner_in(self.store(), chat)?, notice);
        let chat = self.store().present_chat(chat)?;
        match self.send(chat, &Rendered { html, keyboard: Vec::new() }, false).await? {
            Attempt::NotNow => Ok(()),
            Attempt::Sent(_) | Attempt::Unreachable | Attempt::Never => self.settle(key, sequence).await,
        }
    }

    async fn settle(&self, key: &str, sequence: u64) -> Result<(), EngineError> {
        let key = key.to_owned();
        self.sender.engine.run(move |engine| engine.settle(&key, sequence)).await
    }

    /// Who answers for an alert in a private chat; `None` for a colleague who merely looks at it from the fallback chat,
    /// to whom it has not "moved".
    fn told_in(&self, chat: ChatId, alert: &AlertId) -> Result<Option<UserId>, EngineError> {
        let Some(alert) = self.store().alert(alert)? else { return Ok(None) };
        let link = self.store().links()?.into_iter().find(|link| link.chat == chat);
        match link {
            Some(link) if self.concerns(&alert, &link.user)? => Ok(Some(link.user)),
            _ => Ok(None),
        }
    }

    /// Whether an alert is no longer a matter of the user who was told.
    fn has_moved(&self, alert: &Alert, told: Option<&UserId>, occasion: Occasion) -> Result<bool, EngineError> {
        match told {
            Some(told) if alert.state.is_open() => {
                Ok(!self.concerns(alert, told)? || (occasion == Occasion::StandingIn && self.is_back(alert, told)?))
            }
            _ => Ok(false),
        }
    }

    /// Whether the owner, who was away when somebody else was told, is there again.
    fn is_back(&self, alert: &Alert, told: &UserId) -> Result<bool, EngineError> {
        let Some(owner) = alert.owner.as_ref().filter(|owner| *owner != told) else { return Ok(false) };
        Ok(!self.sender.calendars.is_away(self.store(), owner, self.now())?)
    }

    /// Whether a user owns an alert, or stands in for its owner.
    fn concerns(&self, alert: &Alert, user: &UserId) -> Result<bool, EngineError> {
        match &alert.owner {
            Some(owner) => Ok(answers_for(self.store(), &self.sender.people, user, owner, self.now())?),
            None => Ok(false),
        }
    }

    /// What a message about these alerts shows now, in its `wording` when it has one; `None` when nothing is known of
    /// them any more.
    fn render(
        &self,
        chat: ChatId,
        alerts: &[AlertId],
        occasion: Occasion,
        told: Option<&UserId>,
        row: SheetRow,
        wording: Option<Wording>,
    ) -> Result<Option<Rendered>, EngineError> {
        if let Some(list) = self.day_sheet(chat, occasion, told, row)? {
            return Ok(Some(list));
        }
        let now = self.now();
        let speaker = &self.sender.speaker;
        let (content, manner) = (self.content_in(chat)?, speaker.manner_in(self.store(), chat)?);
        let mut known = Vec::with_capacity(alerts.len());
        for id in alerts {
            known.extend(self.store().alert(id)?);
        }
        let briefings = self.briefings(known)?;
        let contexts = briefings.iter().map(|briefing| briefing.context(speaker, manner, content, occasion, now));
        let reader = if chat.is_group() { None } else { user_in(self.store(), chat)? };
        let contexts: Vec<_> = contexts
            .map(|context| AlertContext {
                wording: wording.unwrap_or(context.wording),
                reader: reader.as_ref(),
                ..context
            })
            .collect();
        Ok(match contexts.as_slice() {
            [] => None,
            [one] if alerts.len() == 1 => Some(if self.has_moved(one.alert, told, occasion)? {
                render::moved(&speaker.voice, one, one.owner)
            } else {
                render::alert(&speaker.voice, one)
            }),
            many => {
                let reader = told.map(|user| self.store().user(user)).transpose()?.flatten();
                let mut open: Vec<AlertContext<'_>> = Vec::new();
                for one in many {
                    if one.alert.state.is_open() && !self.has_moved(one.alert, told, occasion)? {
                        open.push(*one);
                    }
                }
                Some(if open.is_empty() {
                    render::notice(&speaker.voice, manner, Notice::AllClear)
                } else {
                    render::digest(&speaker.voice, manner, reader.as_ref(), &open, row.page)
                })
            }
        })
    }

    /// All that is needed to speak about these alerts, in the order of every list.
    fn briefings(&self, alerts: Vec<Alert>) -> Result<Vec<Briefing>, EngineError> {
        let (speaker, now) = (&self.sender.speaker, self.now());
        let mut briefings = Vec::with_capacity(alerts.len());
        for alert in alerts {
            briefings.extend(Briefing::load(self.store(), speaker, alert, now)?);
        }
        briefings.sort_by_cached_key(|briefing| speaker.place_of(&briefing.alert));
        Ok(briefings)
    }
}

fn pending(one: &Announcement) -> Pending {
    let shared = match &one.alert.evidence {
        Evidence::HotLead { inbound, .. } => Some(inbound.activity_id.to_string()),
        Evidence::AwaitingReply { first, .. } => Some(first.activity_id.to_string()),
        Evidence::NoContact { .. }
        | Evidence::Stale { .. }
        | Evidence::NoFollowup { .. }
        | Evidence::NoReply { .. }
        | Evidence::PreferredChannel { .. } => None,
    };
    Pending {
        alert: one.alert.id.clone(),
        alert_type: one.alert.alert_type,
        shared,
        first_evaluation: one.first_evaluation,
        decided_at: one.entry.decided_at,
    }
}

/// Whose diary is kept where: a user's, or that of a chat of nobody's.
fn whose_diary(chat: ChatId, user: Option<&UserId>) -> String {
    user.map_or_else(|| format!("chat {chat}"), ToString::to_string)
}

/// What a message shows, as one number: the same for the same text and buttons, also after a restart.
fn fingerprint(message: &Rendered) -> u64 {
    let mut hasher = DefaultHasher::new();
    message.html.hash(&mut hasher);
    format!("{:?}", message.keyboard).hash(&mut hasher);
    hasher.finish()
}
