//! What alerts ask of the rep, in four words: the banner's figures.

use serde::{Deserialize, Serialize};

use super::AlertType;

/// What is to be done about an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Bucket {
    /// Follow up on the lead.
    FollowUp,
    /// Answer the lead.
    Answer,
    /// The lead is hot.
    Hot,
    /// Know how the lead likes to be reached.
    Channel,
}

impl Bucket {
    /// Every one, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Hot, Self::Answer, Self::FollowUp, Self::Channel];

    /// What alerts of this type ask for.
    pub fn of(alert_type: AlertType) -> Self {
        match alert_type {
            AlertType::HotLead24h => Self::Hot,
            AlertType::AwaitingReply24h => Self::Answer,
            AlertType::NoContact7d | AlertType::NoReply3d | AlertType::NoFollowup7d | AlertType::StaleLead30d => {
                Self::FollowUp
            }
            AlertType::PreferredChannel => Self::Channel,
        }
    }

    /// The name of its wording.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FollowUp => "follow_up",
            Self::Answer => "answer",
            Self::Hot => "hot",
            Self::Channel => "channel",
        }
    }
}
