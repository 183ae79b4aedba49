//! What happened to an alert: the steps of its life as people read them, each with who and where.

use serde::{Deserialize, Serialize};

use super::alert::{CloseReason, Via};
use super::{Timestamp, UserId};

/// Who acts, and through which door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// In words; may be empty.
    pub name: String,
    /// The user of the CRM, if it is one.
    pub user: Option<UserId>,
    /// Through which door.
    pub via: Via,
}

/// One thing that happened to an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// Who did it, or who was told, or who owns the lead now; in words.
    pub who: Option<String>,
    /// Through which door a person acted or was told.
    pub via: Option<Via>,
    /// For a snooze: until when (exclusive).
    pub until: Option<Timestamp>,
    /// For what the rules closed: why.
    pub reason: Option<CloseReason>,
}

impl Event {
    /// Something that nobody did.
    pub fn new(at: Timestamp, kind: EventKind) -> Self {
        Self { at, kind, who: None, via: None, until: None, reason: None }
    }

    /// The same, done by somebody.
    #[must_use]
    pub fn by(self, actor: Option<&Actor>) -> Self {
        let name = actor.map(|actor| actor.name.clone()).filter(|name| !name.trim().is_empty());
        Self { who: name, via: actor.map(|actor| actor.via), ..self }
    }
}

/// How many events a record tells: the first, and the latest.
pub const EVENTS_TOLD: usize = 50;

/// What happened to an alert. Kept by its place: new ones go to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// It opened for the first time.
    Opened,
    /// It opened again.
    Reopened,
    /// Somebody was told of it.
    Announced,
    /// A person silenced it.
    Snoozed,
    /// A person ended the silence.
    Unsnoozed,
    /// The silence was over, and it still held.
    SnoozeOver,
    /// A person closed it.
    Resolved,
    /// A person took that back.
    Unresolved,
    /// The rules closed it.
    Closed,
    /// The lead has another owner.
    OwnerChanged,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Opened,
        Self::Reopened,
        Self::Announced,
        Self::Snoozed,
        Self::Unsnoozed,
        Self::SnoozeOver,
        Self::Resolved,
        Self::Unresolved,
        Self::Closed,
        Self::OwnerChanged,
    ];

    /// The name in the CRM.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Reopened => "reopened",
            Self::Announced => "announced",
            Self::Snoozed => "snoozed",
            Self::Unsnoozed => "unsnoozed",
            Self::SnoozeOver => "snooze_over",
            Self::Resolved => "resolved",
            Self::Unresolved => "unresolved",
            Self::Closed => "closed",
            Self::OwnerChanged => "owner_changed",
        }
    }

    /// The inverse of [`EventKind::as_str`]; case matters.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}
