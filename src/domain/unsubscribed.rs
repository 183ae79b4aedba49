//! A lead that asks for no more messages, and what comes of it.

use serde::{Deserialize, Serialize};

use super::{ActivityId, LeadId, Timestamp, UserId};

/// The name under which M.A.X. itself settles the alerts of such a lead.
pub const ME: &str = "M.A.X.";

/// A lead that asked for no more messages. Kept for good: the same message must not be taken for another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsubscribed {
    /// Who.
    pub lead: LeadId,
    /// The message that said so.
    pub activity: ActivityId,
    /// The beginning of its text.
    pub text: String,
    /// The words that decided.
    pub evidence: Vec<String>,
    /// When it was written.
    pub written_at: Timestamp,
    /// Whether the CRM had marked the lead before.
    pub was_marked: bool,
    /// What has come of it.
    pub stage: UnsubscribedStage,
    /// Since when.
    pub at: Timestamp,
    /// Who brought that about, if it was somebody.
    pub by: Option<UserId>,
}

/// What has come of a lead's wish for no more messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UnsubscribedStage {
    /// The lead is not contacted.
    Counts,
    /// The same, and the CRM is told, or was.
    Noted,
    /// The CRM says otherwise since.
    Lifted,
    /// A person says that the message meant something else.
    NotSo,
}

impl Unsubscribed {
    /// Whether the lead is not to be contacted because of it.
    pub fn counts(&self) -> bool {
        matches!(self.stage, UnsubscribedStage::Counts | UnsubscribedStage::Noted)
    }
}
