//! What a lead's message means, in the few words in which a person would say it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Activity, ActivityId, ActivityStatus, Channel, Direction, LeadId, Reading, Timestamp, UserId};

/// What a message means for whoever is to deal with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Meaning {
    /// The lead wants to buy.
    WishToBuy,
    /// It expects an answer, and wants nothing to be sold to it.
    ExpectsReply,
    /// Nothing is to be done.
    Nothing,
    /// It wants no more messages.
    Unsubscribe,
    /// A machine wrote it.
    AutoReply,
}

impl Meaning {
    /// Every meaning, in the order of the buttons.
    pub const ALL: [Self; 5] = [Self::WishToBuy, Self::ExpectsReply, Self::Nothing, Self::Unsubscribe, Self::AutoReply];

    /// The name in reports, in templates and on buttons.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WishToBuy => "intent",
            Self::ExpectsReply => "expects_reply",
            Self::Nothing => "nothing",
            Self::Unsubscribe => "unsubscribe",
            Self::AutoReply => "auto_reply",
        }
    }

    /// The letter on a button.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::WishToBuy => "w",
            Self::ExpectsReply => "e",
            Self::Nothing => "n",
            Self::Unsubscribe => "u",
            Self::AutoReply => "a",
        }
    }

    /// What a reading says; that of an unsubscribe is the same as of what needs no answer.
    pub fn of(reading: Reading) -> Self {
        match reading {
            Reading { auto_reply: true, .. } => Self::AutoReply,
            Reading { intent: true, .. } => Self::WishToBuy,
            Reading { expects_reply: true, .. } => Self::ExpectsReply,
            Reading { .. } => Self::Nothing,
        }
    }

    /// The reading that says so.
    pub fn reading(self) -> Reading {
        let intent = self == Self::WishToBuy;
        Reading { intent, expects_reply: intent || self == Self::ExpectsReply, auto_reply: self == Self::AutoReply }
    }
}

/// That a person said what a message means. Kept for good, also when the person says in the end what M.A.X. had read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// Whose message.
    pub lead: LeadId,
    /// Which.
    pub activity: ActivityId,
    /// The beginning of its text; may be empty.
    pub text: String,
    /// What it was read to mean before anybody said anything.
    pub read_as: Meaning,
    /// What it means.
    pub means: Meaning,
    /// Who said so last.
    pub by: Option<UserId>,
    /// When.
    pub at: Timestamp,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrected {
    /// It is what the message was read to mean in the first place.
    pub as_read: bool,
    /// An alert opened by it.
    pub opened: bool,
    /// An alert closed by it.
    pub closed: bool,
    /// The lead is still not to be contacted, since the CRM was told so.
    pub crm_was_told: bool,
}

/// An activity on a button, where an id may be too long: of one lead's activities, no two are likely to share it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tag(pub String);

impl Tag {
    /// The tag of an activity.
    pub fn of(activity: &ActivityId) -> Self {
        Self(Sha256::digest(activity.as_str().as_bytes()).iter().take(4).map(|byte| format!("{byte:02x}")).collect())
    }
}

/// The messages that a lead has written by `now`, of `activities`, in their order: what a person can say the meaning of.
pub fn messages(activities: &[Activity], now: Timestamp) -> impl DoubleEndedIterator<Item = &Activity> {
    activities.iter().filter(move |activity| {
        activity.direction == Direction::In
            && activity.status != ActivityStatus::Planned
            && matches!(activity.channel, Channel::Whatsapp | Channel::Email)
            && activity.timestamp <= now
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_says_is_read_as_that() {
        for meaning in Meaning::ALL.into_iter().filter(|meaning| *meaning != Meaning::Unsubscribe) {
            assert_eq!(Meaning::of(meaning.reading()), meaning);
        }
        assert_eq!(Meaning::Unsubscribe.reading(), Reading::default());
    }
}
