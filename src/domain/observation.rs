//! What a source of facts saw, before it is known whose lead it belongs to: the words in which `espo` speaks
//! to `engine`.

use serde::{Deserialize, Serialize};

use super::appointment::Planned;
use super::{ActivityId, ActivityStatus, Channel, Direction, Lead, LeadId, Team, TeamId, Timestamp, User, UserId};

/// A record of the CRM: its entity type and its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordRef {
    /// `Call`, `Email`, `MaxAlert`…
    pub entity: String,
    /// The CRM's id.
    pub id: String,
}

impl RecordRef {
    /// A reference to record `id` of `entity`.
    pub fn new(entity: impl Into<String>, id: impl Into<String>) -> Self {
        Self { entity: entity.into(), id: id.into() }
    }
}

impl std::fmt::Display for RecordRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.entity, self.id)
    }
}

/// A mail's head. The addresses are lower case: whose it is and which way it went is found out by them.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MailAddresses {
    /// Sender; empty when unknown.
    pub from: String,
    /// Recipients (`to` only).
    pub to: Vec<String>,
    /// The mail (CRM id) that this one answers.
    pub replied_id: Option<String>,
    /// Its subject; may be empty.
    pub subject: String,
}

/// A record that means an activity, not yet ascribed to leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityDraft {
    /// Where it was found.
    pub record: RecordRef,
    /// The activity's id: `<Entity>:<id>`, or the caller's own for a MaxActivity (its `dedupKey`).
    pub id: ActivityId,
    /// The leads the record itself names: Lead parent, `leads` link.
    pub leads: Vec<LeadId>,
    /// For a mail: its addresses. Leads are found by them as well, and the direction.
    pub mail: Option<MailAddresses>,
    /// Where.
    pub channel: Channel,
    /// Which way; `None` when the addresses decide.
    pub direction: Option<Direction>,
    /// What became of it.
    pub status: ActivityStatus,
    /// The text; `None` when it has not been fetched yet (mails are listed without their bodies).
    pub text: Option<String>,
    /// Business time.
    pub timestamp: Timestamp,
    /// When it was planned; for `planned` only.
    pub created_at: Option<Timestamp>,
    /// The mail's own headers say that a machine wrote it.
    pub auto_reply: bool,
    /// For a call or a meeting that is planned: for whom, and until when.
    #[serde(default)]
    pub appointment: Option<Planned>,
}

/// A `MaxAlert` record as the CRM has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRecord {
    /// The CRM's id of the record.
    pub crm_id: String,
    /// Our alert's id.
    pub dedup_key: String,
    /// `Open`, `Snoozed`, `Resolved`, `Closed`, as the CRM writes it.
    pub status: String,
    /// Until when it is silent.
    pub snoozed_until: Option<Timestamp>,
    /// When it was last modified, by the CRM's clock.
    pub modified_at: Timestamp,
    /// By whom.
    pub modified_by: Option<UserId>,
    /// Their name; may be empty.
    pub modified_by_name: String,
}

/// A `MaxLink` record as the CRM has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelegramLinkRecord {
    /// The CRM's id of the record.
    pub crm_id: String,
    /// Somebody cut the link there.
    pub is_cut: bool,
}

/// One thing a source saw. Always a state, never a change: seeing it twice, or late, does no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// A lead, and for one that came from a web form the message it brought.
    Lead {
        /// As it is now. Its `closed_at` is when it was first converted, for one that is.
        lead: Box<Lead>,
        /// When the record was last changed: it has its status since then at the latest.
        modified_at: Option<Timestamp>,
        /// The form's text as an activity, when the source is one that brings messages.
        form: Option<Box<ActivityDraft>>,
    },
    /// A lead that is gone, or that we may no longer see.
    LeadGone(LeadId),
    /// A record that means an activity.
    Activity(Box<ActivityDraft>),
    /// A record that means no activity: it is gone, cancelled, a draft…
    NoActivity(RecordRef),
    /// A user.
    User(User),
    /// A user that is gone.
    UserGone(UserId),
    /// A team.
    Team(Team),
    /// A team that is gone.
    TeamGone(TeamId),
    /// One of our alert records.
    Alert(AlertRecord),
    /// An alert record (CRM id) that is gone.
    AlertGone(String),
    /// One of the records that link a user to Telegram.
    TelegramLink(TelegramLinkRecord),
    /// Such a record (CRM id) that is gone.
    TelegramLinkGone(String),
}
