//! What a user did by a button that the CRM has to be told: a call that was planned or made, a lead's new status or owner.
//! The mirror shows it at once, the CRM as soon as it can be reached.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{ActivityId, ActivityStatus, AlertId, ChatId, DeedId, LeadId, Seconds, Timestamp, UserId};

/// How long a call is planned for.
pub const CALL_LASTS: Seconds = 30 * super::MINUTE;

/// For how long an archived lead can be brought back by a button.
pub const UNDO_FOR: Seconds = 10 * super::MINUTE;

/// One deed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// Minted from what was tapped, so that a tap that is delivered twice is one deed: see [`DeedId::of`].
    pub id: DeedId,
    /// About which lead.
    pub lead: LeadId,
    /// On which alert's message, if it was one.
    pub alert: Option<AlertId>,
    /// Who did it.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: DeedKind,
}

/// What was done. Kept by its place: new ones go to the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeedKind {
    /// A call is to take place.
    PlanCall {
        /// When it begins.
        at: Timestamp,
    },
    /// The lead was called.
    LogCall {
        /// With what outcome.
        outcome: CallOutcome,
    },
    /// The lead has another status.
    SetStatus {
        /// The new one.
        to: String,
        /// The one it had; the CRM is written to only while it still has it.
        before: String,
    },
    /// The lead has another owner.
    Assign {
        /// The new one.
        to: UserId,
        /// The one it had; the CRM is written to only while it still has it.
        before: Option<UserId>,
    },
    /// An e-mail is to be sent to the lead.
    SendMail(Mail),
    /// A planned call took place, or did not.
    FinishCall {
        /// The activity that it is.
        activity: ActivityId,
        /// With what outcome.
        outcome: CallOutcome,
        /// When.
        at: Timestamp,
    },
    /// A planned call is to take place at another time.
    MoveCall {
        /// The activity that it is.
        activity: ActivityId,
        /// When it begins now.
        to: Timestamp,
    },
}

/// An e-mail that a user has confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// The lead's address.
    pub to: String,
    /// The group account's address.
    pub from: String,
    /// Where the answer goes: the user's address.
    pub reply_to: String,
    /// Its subject.
    pub subject: String,
    /// Its text, plain.
    pub text: String,
    /// The mail (CRM id) that it answers.
    pub answers: Option<String>,
    /// The chat in which it was prepared,
    pub chat: ChatId,
    /// and the message.
    pub message_id: i32,
    /// How often it had been given to the CRM before: another attempt is another mail.
    pub attempt: u32,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CallOutcome {
    /// They spoke.
    Reached,
    /// Nobody picked up.
    NoAnswer,
    /// A machine did, and there is a message on it: tried, and nobody was reached.
    LeftMessage,
    /// They spoke, and the lead does not want to buy.
    NotInterested,
}

impl CallOutcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Reached, Self::NoAnswer, Self::LeftMessage, Self::NotInterested];

    /// The name of its wording.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reached => "reached",
            Self::NoAnswer => "no_answer",
            Self::LeftMessage => "left_message",
            Self::NotInterested => "not_interested",
        }
    }

    /// What such a call is for the rules: only one in which they spoke is a contact.
    pub fn status(self) -> ActivityStatus {
        match self {
            Self::Reached | Self::NotInterested => ActivityStatus::Replied,
            Self::NoAnswer | Self::LeftMessage => ActivityStatus::NoAnswer,
        }
    }
}

/// Why the CRM did not take a deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Refusal {
    /// The lead is gone.
    Gone,
    /// Somebody changed the lead meanwhile.
    Changed,
    /// It does not allow it, or does not want it so.
    Refused,
}

impl Refusal {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::Gone, Self::Changed, Self::Refused];

    /// The name of its wording.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Changed => "changed",
            Self::Refused => "refused",
        }
    }
}

impl DeedId {
    /// `max-` and the first 16 hexadecimal digits of the parts' SHA-256. In the CRM it is the record's key as well.
    pub fn of(parts: &[&str]) -> Self {
        let digest = Sha256::digest(parts.join("|").as_bytes());
        let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self(format!("max-{hex}"))
    }
}

impl Deed {
    /// The activity that it is for the mirror, if it is one: its id is the deed's.
    pub fn activity(&self) -> Option<ActivityId> {
        match self.kind {
            DeedKind::PlanCall { .. } | DeedKind::LogCall { .. } | DeedKind::SendMail(_) => {
                Some(ActivityId(self.id.0.clone()))
            }
            DeedKind::SetStatus { .. }
            | DeedKind::Assign { .. }
            | DeedKind::FinishCall { .. }
            | DeedKind::MoveCall { .. } => None,
        }
    }
}

impl DeedKind {
    /// The name of its wording.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::PlanCall { .. } => "plan_call",
            Self::LogCall { .. } => "log_call",
            Self::SetStatus { .. } => "set_status",
            Self::Assign { .. } => "assign",
            Self::SendMail(_) => "send_mail",
            // In words a call is a call, planned before or not.
            Self::FinishCall { .. } => "log_call",
            Self::MoveCall { .. } => "plan_call",
        }
    }

    /// The planned call that it changes, if it does.
    pub fn planned_call(&self) -> Option<&ActivityId> {
        match self {
            Self::FinishCall { activity, .. } | Self::MoveCall { activity, .. } => Some(activity),
            Self::PlanCall { .. }
            | Self::LogCall { .. }
            | Self::SetStatus { .. }
            | Self::Assign { .. }
            | Self::SendMail(_) => None,
        }
    }

    /// How a call went, if it is one that is over.
    pub fn outcome(&self) -> Option<CallOutcome> {
        match self {
            Self::LogCall { outcome } | Self::FinishCall { outcome, .. } => Some(*outcome),
            Self::PlanCall { .. }
            | Self::SetStatus { .. }
            | Self::Assign { .. }
            | Self::SendMail(_)
            | Self::MoveCall { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tap_has_one_id_and_another_another() {
        let one = DeedId::of(&["a1", "1", "reached"]);
        assert_eq!(one, DeedId::of(&["a1", "1", "reached"]));
        assert_ne!(one, DeedId::of(&["a1", "2", "reached"]));
        assert_eq!(one.as_str().len(), 20);
    }

    /// A message on a machine must not count as a contact.
    #[test]
    fn only_a_call_in_which_they_spoke_is_a_contact() {
        let spoke = CallOutcome::ALL.map(|outcome| outcome.status() == ActivityStatus::Replied);
        assert_eq!(spoke, [true, false, false, true]);
    }
}
