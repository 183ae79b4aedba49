//! A call or a meeting with a lead that is planned for a user: its rep is reminded of a call shortly before, and asked
//! how it went when nobody has noted it. The mirror's activity says what has become of it; this is what has been said.

use serde::{Deserialize, Serialize};

use super::{ActivityId, ChatId, DAY, LeadId, MINUTE, Seconds, Timestamp, UserId};

/// So long before it begins, in seconds, a call is spoken of.
pub const REMIND_BEFORE: Seconds = 5 * MINUTE;
/// So long after its end, in seconds, it is asked how it went.
pub const ASK_AFTER: Seconds = 15 * MINUTE;
/// So long after its end, in seconds, nobody wants to know any more.
pub const FORGOTTEN_AFTER: Seconds = 3 * DAY;

/// One that is planned, or was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appointment {
    /// With whom.
    pub lead: LeadId,
    /// The lead's activity that it is.
    pub activity: ActivityId,
    /// The record's id in the CRM, once known.
    pub crm_id: Option<String>,
    /// Whose it is.
    pub user: UserId,
    /// Whether it is a call: of a meeting nothing is said.
    pub is_call: bool,
    /// When it begins.
    pub begin: Timestamp,
    /// When it ends (exclusive).
    pub end: Timestamp,
    /// What has been said of it.
    pub stage: Stage,
    /// The messages that speak of it.
    pub told: Vec<Told>,
}

/// What has been said of an appointment, or is not to be said any more. Kept by its place: new ones go to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Nothing.
    ToCome,
    /// That it is about to begin.
    Announced,
    /// How it went has been asked.
    Asked,
}

/// A message that speaks of an appointment as it was then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Where.
    pub chat: ChatId,
    /// Telegram's id of the message.
    pub message_id: i32,
    /// Whom it told.
    pub user: UserId,
    /// When the appointment was to begin.
    pub begin: Timestamp,
    /// It has no buttons any more, and stays as it is.
    pub settled: bool,
}

/// What a record of the CRM says beyond its activity when it is planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Whose it is.
    pub user: Option<UserId>,
    /// When it ends, if the record says so.
    pub end: Option<Timestamp>,
    /// Whether it is a call.
    pub is_call: bool,
}

impl Appointment {
    /// When something is to be said of it next, or it is forgotten.
    pub fn due(&self) -> Timestamp {
        match self.stage {
            Stage::ToCome => self.begin.plus(-REMIND_BEFORE),
            Stage::Announced => self.end.plus(ASK_AFTER),
            Stage::Asked => self.end.plus(FORGOTTEN_AFTER),
        }
    }

    /// The stage that one begins with that is first seen at `now`: what is late already is not said.
    pub fn first_stage(is_call: bool, begin: Timestamp, end: Timestamp, now: Timestamp) -> Stage {
        match is_call {
            true if now < begin.plus(-REMIND_BEFORE) => Stage::ToCome,
            true if now < end => Stage::Announced,
            true | false => Stage::Asked,
        }
    }

    /// Whether it is that of the same person at the same time.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.user, self.begin) == (&other.user, other.begin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_late_when_it_is_first_seen_is_not_said() {
        let (begin, end) = (Timestamp(100_000), Timestamp(101_800));
        let first = |now| Appointment::first_stage(true, begin, end, Timestamp(now));
        assert_eq!(first(99_000), Stage::ToCome);
        assert_eq!(first(99_900), Stage::Announced, "it begins in less than five minutes");
        assert_eq!(first(101_900), Stage::Asked, "it was over before anybody heard of it");
        assert_eq!(Appointment::first_stage(false, begin, end, Timestamp(99_000)), Stage::Asked, "a meeting");
    }
}
