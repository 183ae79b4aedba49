//! One interaction with a lead, and what its text was read to mean.

use serde::{Deserialize, Serialize};

use super::{ActivityId, LeadId, Timestamp};

/// Where an interaction took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// WhatsApp.
    Whatsapp,
    /// E-mail.
    Email,
    /// Telephone.
    Call,
    /// Anything else a person notes: a meeting, a visit.
    Manual,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 4] = [Self::Whatsapp, Self::Email, Self::Call, Self::Manual];

    /// The name in JSON, in the CRM and in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whatsapp => "whatsapp",
            Self::Email => "email",
            Self::Call => "call",
            Self::Manual => "manual",
        }
    }

    /// The inverse of [`Channel::as_str`]; case matters.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == text)
    }
}

/// Who reached out: the lead (`in`) or we (`out`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The lead to us.
    In,
    /// We to the lead.
    Out,
}

impl Direction {
    /// Both directions.
    pub const ALL: [Self; 2] = [Self::In, Self::Out];

    /// The name in JSON, in the CRM and in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }

    /// The inverse of [`Direction::as_str`]; case matters.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|direction| direction.as_str() == text)
    }
}

/// What became of an interaction, or that it is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivityStatus {
    /// Left our side, or arrived.
    Sent,
    /// Reached the other side's device.
    Delivered,
    /// Was opened there.
    Read,
    /// Was answered; for a call: somebody picked up.
    Replied,
    /// A call that nobody picked up.
    NoAnswer,
    /// Still to come: a next step, never a contact.
    Planned,
}

impl ActivityStatus {
    /// Every status; the first four in the order in which a message passes through them.
    pub const ALL: [Self; 6] = [Self::Sent, Self::Delivered, Self::Read, Self::Replied, Self::NoAnswer, Self::Planned];

    /// The name in JSON, in the CRM and in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Replied => "replied",
            Self::NoAnswer => "no_answer",
            Self::Planned => "planned",
        }
    }

    /// The inverse of [`ActivityStatus::as_str`]; case matters.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// What an inbound was read to mean. Made once, when the activity is first seen, and kept until a
/// person says what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reading {
    /// The lead wants to buy. Implies `expects_reply`.
    pub intent: bool,
    /// The lead expects an answer (a "merci !" does not).
    pub expects_reply: bool,
    /// A machine wrote it (out of office): for the rules it does not exist.
    pub auto_reply: bool,
}

/// One interaction with one lead. Facts only: what they mean is for `rules` to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Unique within the lead; ties in time are broken by its bytes.
    pub id: ActivityId,
    /// Whom it is about.
    pub lead_id: LeadId,
    /// Where.
    pub channel: Channel,
    /// Who reached out.
    pub direction: Direction,
    /// What became of it.
    pub status: ActivityStatus,
    /// The beginning of its text, at most [`Activity::PREVIEW_CHARS`] characters; may be empty.
    pub preview: String,
    /// When it took place; for a planned one, when it is to take place.
    pub timestamp: Timestamp,
    /// For a planned one: when it was planned. Nothing else reads it.
    pub created_at: Option<Timestamp>,
    /// What the text was read to mean; ignored on an outbound and on what is planned.
    pub reading: Reading,
    /// When we first saw it.
    pub first_seen: Timestamp,
    /// The later of `timestamp` and the last complete sync before it was seen, as known when it was first
    /// seen: an inbound is *young* when it was less than 24 h old then (HotLead24h asks).
    pub fresh_as_of: Timestamp,
}

impl Activity {
    /// How many characters of a text are kept.
    pub const PREVIEW_CHARS: usize = 2_000;

    /// What the rules ask of it.
    pub fn trace(&self) -> Trace {
        let Self { channel, direction, status, timestamp, created_at, reading, first_seen, fresh_as_of, .. } = *self;
        Trace { channel, direction, status, timestamp, created_at, reading, first_seen, fresh_as_of }
    }
}

/// What the rules ask of an activity: no texts, so that millions of them can be looked at. See [`Activity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the same as in `Activity`")]
pub struct Trace {
    pub channel: Channel,
    pub direction: Direction,
    pub status: ActivityStatus,
    pub timestamp: Timestamp,
    pub created_at: Option<Timestamp>,
    pub reading: Reading,
    pub first_seen: Timestamp,
    pub fresh_as_of: Timestamp,
}
