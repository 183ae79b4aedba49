//! An alert is one episode of one rule for one lead, and has few legal lives: open, snoozed, closed by the
//! rules, resolved by a person.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{ActivityId, AlertId, Channel, Direction, LeadId, TeamId, Timestamp, UserId};

/// How pressing an alert is. Which of two is the more pressing is for the configuration to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// When there is time.
    Low,
    /// Soon.
    Medium,
    /// Today.
    High,
    /// Now.
    Urgent,
}

impl Severity {
    /// Every severity, least pressing first unless the configuration says otherwise.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Urgent];

    /// The name in JSON and in the CRM.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }

    /// The inverse of [`Severity::as_str`]; case matters.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == text)
    }
}

/// The rules, in the order of the ladder: an earlier one says more about what the rep should do next.
/// `PreferredChannel` stands apart from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AlertType {
    /// A message with intent waits for an answer.
    HotLead24h,
    /// A message waits for an answer.
    AwaitingReply24h,
    /// Nobody ever wrote or called.
    NoContact7d,
    /// Nothing at all for a month.
    StaleLead30d,
    /// Nothing for a week.
    NoFollowup7d,
    /// We wrote, and nothing came back.
    NoReply3d,
    /// One channel clearly works better.
    PreferredChannel,
}

impl AlertType {
    /// Every type, ladder order, `PreferredChannel` last.
    pub const ALL: [Self; 7] = [
        Self::HotLead24h,
        Self::AwaitingReply24h,
        Self::NoContact7d,
        Self::StaleLead30d,
        Self::NoFollowup7d,
        Self::NoReply3d,
        Self::PreferredChannel,
    ];

    /// The name in JSON and in the CRM.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HotLead24h => "HotLead24h",
            Self::AwaitingReply24h => "AwaitingReply24h",
            Self::NoContact7d => "NoContact7d",
            Self::StaleLead30d => "StaleLead30d",
            Self::NoFollowup7d => "NoFollowup7d",
            Self::NoReply3d => "NoReply3d",
            Self::PreferredChannel => "PreferredChannel",
        }
    }

    /// The inverse of [`AlertType::as_str`]; case matters.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alert_type| alert_type.as_str() == text)
    }

    /// How pressing alerts of this type are.
    pub fn severity(self) -> Severity {
        match self {
            Self::HotLead24h => Severity::Urgent,
            Self::AwaitingReply24h => Severity::High,
            Self::NoContact7d | Self::NoFollowup7d | Self::NoReply3d => Severity::Medium,
            Self::StaleLead30d => Severity::Low,
            Self::PreferredChannel => Severity::Info,
        }
    }

    /// Whether the lead waits for us: a person closing such an alert counts as an answer.
    pub fn is_about_an_answer(self) -> bool {
        matches!(self, Self::HotLead24h | Self::AwaitingReply24h)
    }
}

/// The fact that started an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Anchor {
    /// The instant of an activity, or of the lead's creation.
    At(Timestamp),
    /// For PreferredChannel: the channel.
    Channel(Channel),
}

impl Anchor {
    /// The anchor's instant; none for a channel.
    pub fn instant(self) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(at),
            Self::Channel(_) => None,
        }
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(at) => at.fmt(f),
            Self::Channel(channel) => f.write_str(channel.as_str()),
        }
    }
}

/// What makes an episode the same one: it has one alert, for ever.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EpisodeKey {
    /// Whose.
    pub lead_id: LeadId,
    /// Which rule.
    pub alert_type: AlertType,
    /// Since which fact.
    pub anchor: Anchor,
}

impl AlertId {
    /// The id of an episode's alert: `a` and the first 16 hexadecimal digits of
    /// `SHA-256("<lead>|<type>|<anchor>")`. It is the record's `dedupKey` in the CRM as well, so that a second
    /// attempt to create it is recognised.
    pub fn of(key: &EpisodeKey) -> Self {
        let text = format!("{}|{}|{}", key.lead_id, key.alert_type.as_str(), key.anchor);
        let digest = Sha256::digest(text.as_bytes());
        let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self(format!("a{hex}"))
    }
}

/// An activity that a finding rests on, as it was when the finding was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cited {
    /// Which activity.
    pub activity_id: ActivityId,
    /// Its channel.
    pub channel: Channel,
    /// Its direction.
    pub direction: Direction,
    /// When it took place.
    pub at: Timestamp,
    /// The beginning of its text, at most [`Cited::PREVIEW_CHARS`] characters; may be empty.
    pub preview: String,
}

impl Cited {
    /// How many characters of a text are cited.
    pub const PREVIEW_CHARS: usize = 280;
}

/// How often a channel was tried and answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelRate {
    /// The channel.
    pub channel: Channel,
    /// Attempts answered.
    pub answered: u32,
    /// Attempts that count; at least 1 in a rate.
    pub attempts: u32,
}

impl ChannelRate {
    /// Answered attempts in whole percent, rounded half up.
    pub fn percent(self) -> u32 {
        (200 * self.answered + self.attempts) / (2 * self.attempts.max(1))
    }
}

/// The facts a finding rests on: what a message, a "why?" and a CRM record can show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Evidence {
    /// HotLead24h: the first message with intent that waits, and how many messages wait in all.
    HotLead {
        /// The first waiting inbound with intent.
        inbound: Cited,
        /// Inbounds that wait, this one included.
        waiting: u32,
    },
    /// AwaitingReply24h.
    AwaitingReply {
        /// The first inbound that waits.
        first: Cited,
        /// The last one; the same when only one waits.
        last: Cited,
        /// How many wait.
        waiting: u32,
    },
    /// NoContact7d: the lead's creation, and the last word from the lead, if any.
    NoContact {
        /// When the lead was created.
        created_at: Timestamp,
        /// The latest inbound, if there is one.
        last_inbound: Option<Cited>,
    },
    /// StaleLead30d: the last activity, none if there never was one.
    Stale {
        /// The latest activity of either direction.
        last: Option<Cited>,
        /// The anchor's instant.
        since: Timestamp,
    },
    /// NoFollowup7d: the last activity.
    NoFollowup {
        /// The latest activity of either direction.
        last: Cited,
    },
    /// NoReply3d: our last message or call.
    NoReply {
        /// The latest outbound.
        last_out: Cited,
    },
    /// PreferredChannel: the two best channels with their counts.
    PreferredChannel {
        /// The best channel.
        best: ChannelRate,
        /// The second best.
        second: ChannelRate,
    },
}

/// Why the rules closed an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The lead is gone from the CRM.
    LeadDeleted,
    /// The lead is no longer active.
    LeadClosed,
    /// A next step is planned.
    Planned,
    /// The rule no longer holds.
    Cleared,
    /// A more telling alert is open.
    Superseded,
}

impl CloseReason {
    /// Every reason, in the order in which they are looked for.
    pub const ALL: [Self; 5] = [Self::LeadDeleted, Self::LeadClosed, Self::Planned, Self::Cleared, Self::Superseded];

    /// The name in JSON and in the CRM.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LeadDeleted => "lead_deleted",
            Self::LeadClosed => "lead_closed",
            Self::Planned => "planned",
            Self::Cleared => "cleared",
            Self::Superseded => "superseded",
        }
    }
}

/// Through which door a person closed an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// A button in Telegram.
    Telegram,
    /// The record in the CRM.
    Crm,
    /// The HTTP API.
    Api,
}

impl Via {
    /// Every door.
    pub const ALL: [Self; 3] = [Self::Telegram, Self::Crm, Self::Api];

    /// The name in JSON and in the CRM.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Telegram => "telegram",
            Self::Crm => "crm",
            Self::Api => "api",
        }
    }
}

/// A person's act of closing alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// When.
    pub at: Timestamp,
    /// Who, in words; empty when unknown.
    pub by: String,
    /// Who, if it is a user of the CRM.
    pub user: Option<UserId>,
    /// Where.
    pub via: Via,
    /// What the person remarked; may be empty.
    pub note: String,
    /// The alert the person closed. Lower episodes settled by the same act carry the same one, so that undoing
    /// it undoes them all.
    pub act: AlertId,
}

/// Where an alert is in its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlertState {
    /// Wants to be seen.
    Open,
    /// Open, but silent until an instant (exclusive).
    Snoozed {
        /// From this instant on it speaks again.
        until: Timestamp,
    },
    /// Closed by the rules.
    Closed {
        /// When.
        at: Timestamp,
        /// Why.
        reason: CloseReason,
    },
    /// Closed by a person.
    Resolved(Resolution),
}

impl AlertState {
    /// Open or snoozed.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open | Self::Snoozed { .. })
    }

    /// `open`, `snoozed`, `closed` or `resolved`, as in the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Snoozed { .. } => "snoozed",
            Self::Closed { .. } => "closed",
            Self::Resolved(_) => "resolved",
        }
    }
}

/// An episode's alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Derived from the episode: [`AlertId::of`].
    pub id: AlertId,
    /// Whose.
    pub lead_id: LeadId,
    /// Which rule.
    pub alert_type: AlertType,
    /// Since which fact.
    pub anchor: Anchor,
    /// Where it is in its life.
    pub state: AlertState,
    /// When it opened, the latest time; `None` for an episode that a person settled before it ever opened.
    pub opened_at: Option<Timestamp>,
    /// How often it opened.
    pub openings: u32,
    /// The instant by which it should be dealt with, in the owner's working hours; none for
    /// PreferredChannel.
    pub due_at: Option<Timestamp>,
    /// What it rests on, as of the latest opening or change.
    pub evidence: Evidence,
    /// The lead's owner as this alert last saw it.
    pub owner: Option<UserId>,
    /// The lead's teams as this alert last saw them.
    pub teams: Vec<TeamId>,
}

impl Alert {
    /// The episode this alert is.
    pub fn key(&self) -> EpisodeKey {
        EpisodeKey { lead_id: self.lead_id.clone(), alert_type: self.alert_type, anchor: self.anchor }
    }

    /// How pressing it is.
    pub fn severity(&self) -> Severity {
        self.alert_type.severity()
    }

    /// The person's act that closed it, if one did.
    pub fn resolution(&self) -> Option<&Resolution> {
        match &self.state {
            AlertState::Resolved(resolution) => Some(resolution),
            AlertState::Open | AlertState::Snoozed { .. } | AlertState::Closed { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// > An alert is one episode: its key is (lead, type, anchor).
    ///
    /// > A key has one alert, for ever; its id is derived from the key, so that a second attempt to create it is
    /// > recognised as the same one.
    #[test]
    fn an_episode_has_one_id_for_ever() {
        let key = EpisodeKey {
            lead_id: LeadId::from("691b2816e43817b92"),
            alert_type: AlertType::NoReply3d,
            anchor: Anchor::At(Timestamp(1_772_355_600)),
        };
        assert_eq!(AlertId::of(&key), AlertId::of(&key.clone()));
        assert_eq!(AlertId::of(&key).as_str().len(), 17);
        let other = EpisodeKey { anchor: Anchor::At(Timestamp(1_772_355_601)), ..key.clone() };
        assert_ne!(AlertId::of(&key), AlertId::of(&other));
    }

    #[test]
    fn names_round_trip() {
        for alert_type in AlertType::ALL {
            assert_eq!(AlertType::parse(alert_type.as_str()), Some(alert_type));
        }
        for severity in Severity::ALL {
            assert_eq!(Severity::parse(severity.as_str()), Some(severity));
        }
    }

    #[test]
    fn percentages_are_rounded_half_up() {
        let rate = |answered, attempts| ChannelRate { channel: Channel::Email, answered, attempts }.percent();
        assert_eq!([rate(4, 5), rate(1, 3), rate(2, 3), rate(1, 8)], [80, 33, 67, 13]);
    }
}
