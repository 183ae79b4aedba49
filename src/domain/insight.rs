//! What is known of a lead beyond its alerts, as the CRM shows it.

use super::alert::ChannelRate;
use super::{Channel, Timestamp};

/// What is known of a lead.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct LeadInsight {
    /// The channel to prefer, if one is.
    pub preferred: Option<Channel>,
    /// The channels that were tried often enough to compare, best first.
    pub channels: Vec<ChannelRate>,
    /// When the lead answers.
    pub best_time: Option<BestTime>,
    /// The latest word from the lead.
    pub last_in: Option<Touch>,
    /// Our latest word, or try.
    pub last_out: Option<Touch>,
    /// The first planned step that is still to come, or has not been noted yet.
    pub next_step: Option<Touch>,
}

/// When, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub channel: Channel,
}

/// An attempt to reach a lead: one outbound, or several in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Where.
    pub channel: Channel,
    /// When.
    pub at: Timestamp,
    /// Whether the lead answered.
    pub answered: bool,
}

/// A part of the day in which a lead mostly answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BestTime {
    /// 1 (Monday) to 7, when it is one day of the week.
    pub weekday: Option<u32>,
    /// The hour at which it begins, 0 to 23.
    pub from: u32,
    /// The hour at which it ends (exclusive), 1 to 24.
    pub to: u32,
    /// Answers in it.
    pub answers: usize,
    /// Answers in all.
    pub of: usize,
}

impl LeadInsight {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
