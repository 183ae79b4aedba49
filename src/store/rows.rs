//! What is kept beside the domain's own nouns: bookkeeping of the outbox, of Telegram and of our records in
//! the CRM. The CRM cannot give these back.

use serde::{Deserialize, Serialize};

use crate::domain::button::Sheet;
use crate::domain::effect::Effect;
use crate::domain::{ActivityId, AlertId, AlertType, ChatId, LeadId, Reading, Timestamp, UserId, Wording};

/// An effect that waits to be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxEntry {
    /// What is to be done.
    pub effect: Effect,
    /// Grows with each decision: an entry replaced while it was being carried out is carried out again.
    pub sequence: u64,
    /// How often it was tried in vain.
    pub attempts: u32,
    /// Not to be tried before.
    pub not_before: Timestamp,
    /// When it was decided.
    pub decided_at: Timestamp,
}

/// When a lead was last evaluated, and when it is due next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Evaluated {
    /// The instant of the last evaluation.
    pub at: Option<Timestamp>,
    /// When time alone can change its verdict next.
    pub due: Option<Timestamp>,
}

/// A CRM record's meaning for one lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordLink {
    /// Whose activity.
    pub lead: LeadId,
    /// Which one.
    pub activity: ActivityId,
}

/// The mail that a lead wrote last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastMail {
    /// The CRM's id.
    pub crm_id: String,
    /// Its subject; may be empty.
    pub subject: String,
    /// When it was sent.
    pub at: Timestamp,
}

/// A message in a Telegram chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Where.
    pub chat: ChatId,
    /// Telegram's id, unique within the chat.
    pub message_id: i32,
    /// The alerts it speaks of: one, or several for a digest.
    pub alerts: Vec<AlertId>,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// Why it was sent; a refreshed message keeps speaking of it.
    pub occasion: crate::domain::effect::Occasion,
    /// Whom it told, as the owner then.
    pub told: Option<UserId>,
    /// What it shows now: a hash of text and buttons, so that an edit that changes nothing is not sent.
    pub shown: u64,
    /// Nothing is left to change in it.
    pub settled: bool,
    /// In which wording it was written, and stays: of one alert. It has a row of its own.
    #[serde(skip)]
    pub wording: Option<Wording>,
}

impl Message {
    /// The alert that it speaks of, if it speaks of one and nothing else.
    pub fn only_alert(&self) -> Option<&AlertId> {
        match self.alerts.as_slice() {
            [alert] if !self.occasion.is_of_the_day() => Some(alert),
            _ => None,
        }
    }
}

/// A message that somebody was sent about alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// When.
    pub at: Timestamp,
    /// How many alerts it announced.
    pub alerts: u16,
    /// It could not wait.
    pub urgent: bool,
}

/// What was said to somebody.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Diary {
    /// Messages about alerts, of the last hour and maybe some older ones, oldest first.
    pub said: Vec<Said>,
    /// The last day that began with a briefing, or for which that was decided against; by its number.
    pub briefed: Option<i32>,
    /// The last day that ended with a summary, or for which that was decided against.
    pub summed_up: Option<i32>,
    /// He or she was away when last looked at.
    pub away: bool,
}

/// A manager's week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Weekly {
    /// Whether he or she wishes it to begin with the figures; as configured when nothing is said.
    pub wished: Option<bool>,
    /// The last week that began with them, or for which that was decided against; by the number of its Monday.
    pub told: Option<i32>,
}

/// What a Telegram message that lists alerts shows of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SheetRow {
    /// Which list.
    pub sheet: Sheet,
    /// Which of its pages, from 0 on.
    pub page: u16,
}

/// A Telegram account that belongs to a user of the CRM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Telegram's id of the account.
    pub account: i64,
    /// The private chat.
    pub chat: ChatId,
    /// Whose it is.
    pub user: UserId,
    /// Since when.
    pub linked_at: Timestamp,
    /// Telegram refuses messages there (the bot is blocked, the account is gone).
    pub unreachable: bool,
}

/// A link's record in the CRM, where its user sees it and can cut it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRecord {
    /// The record's key.
    pub key: String,
    /// The CRM's id, once known.
    pub crm_id: Option<String>,
    /// Telegram's id of the account.
    pub account: i64,
    /// Whose it is.
    pub user: UserId,
    /// What the account calls itself; may be empty.
    pub telegram_name: String,
    /// Since when.
    pub linked_at: Timestamp,
    /// The link is no more, and the CRM is still to be told.
    pub is_cut: bool,
}

/// A one-time token that links whoever presents it. Only its hash is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkToken {
    /// For whom.
    pub user: UserId,
    /// Worthless from this instant on.
    pub expires_at: Timestamp,
}

/// How far it has come that others hear of an alert that its owner does not deal with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// Which opening of the alert it is about.
    pub opening: u32,
    /// Whose lead it is: somebody else's turn begins anew.
    pub owner: Option<UserId>,
    /// Since when nobody has touched the lead.
    pub since: Timestamp,
    /// When it goes on; `None` when it does not.
    pub due: Option<Timestamp>,
    /// The owner has been reminded.
    pub reminded: bool,
    /// Others have been told.
    pub told: bool,
}

/// A link that an account has opened, until it says that it is the right one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingLink {
    /// The token's hash; its `Debug` leaves it out.
    pub hash: String,
    /// Whom it would link.
    pub user: UserId,
    /// For a link made in the CRM: the CRM's id of its record, and the record's key.
    pub invitation: Option<(String, String)>,
    /// Worthless from this instant on.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for PendingLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PendingLink").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A webhook that we created in the CRM.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// The CRM's id of the webhook.
    pub id: String,
    /// Such as `Lead.update`.
    pub event: String,
    /// What its deliveries are signed with; its `Debug` leaves it out.
    pub secret: String,
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hook").field("id", &self.id).field("event", &self.event).finish_non_exhaustive()
    }
}

/// What we know of an alert's record in the CRM.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AlertRecordState {
    /// The CRM's id, once written.
    pub crm_id: Option<String>,
    /// The status that we wrote last.
    pub written_status: Option<String>,
    /// The snooze that we wrote last.
    pub written_snooze: Option<Timestamp>,
    /// The CRM's time of the state that we wrote or saw last.
    pub seen_at: Option<Timestamp>,
    /// A person deleted the record: it is not made again unless the alert opens again.
    pub deleted: bool,
}

/// What we know of a lead's `MaxInsight` record in the CRM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InsightRow {
    /// The CRM's id.
    pub crm_id: String,
    /// A hash of what it says, so that nothing is written twice.
    pub fingerprint: u64,
}

/// A step in an alert's life, for the day's figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRow {
    /// When.
    pub at: Timestamp,
    /// Which alert.
    pub alert: AlertId,
    /// What happened.
    pub kind: StepKind,
}

/// An alert that a user found beside the point, for those who teach M.A.X. to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotRelevant {
    /// Which alert.
    pub alert: AlertId,
    /// Whose.
    pub lead: LeadId,
    /// Of which rule.
    pub alert_type: AlertType,
    /// How often it had opened.
    pub openings: u32,
    /// The activity that it rests on, if it is one.
    pub activity: Option<ActivityId>,
    /// What its text was read to mean.
    pub reading: Reading,
    /// The beginning of that text; may be empty.
    pub text: String,
    /// Who said so.
    pub by: Option<UserId>,
    /// When.
    pub at: Timestamp,
}

/// What happened to an alert, as history keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepKind {
    /// Opened, or opened again.
    Opened,
    /// Closed by the rules.
    Closed,
    /// Closed by a person.
    Resolved,
    /// Anything else.
    Other,
}
