//! What one configuration catches and the other misses, episode by episode.
//!
//! An episode (lead, type, anchor) is caught when it opens at least once in the range. The same fact under other
//! thresholds is the same episode, only at another instant; but it may also show under another type, at once or
//! later, and then the rep was told all the same. What a rep was not told at all is what matters most.

use std::collections::BTreeMap;

use crate::domain::{AlertType, Anchor, CloseReason, Seconds, Timestamp};

use super::timeline::Entry;

/// What both replays have in common, and what only one of them has.
#[derive(Debug, Default)]
pub(super) struct Catches {
    pub(super) both: BTreeMap<AlertType, Shifts>,
    /// What A catches and B misses; then the other way round.
    pub(super) only: [Vec<Missed>; 2],
    /// Leads with an alert under both; under A only; under B only.
    pub(super) leads: LeadCounts,
}

/// Leads by who alerts them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LeadCounts {
    pub(super) both: u64,
    pub(super) only: [u64; 2],
}

/// When B opens what both catch, compared with A.
#[derive(Clone, Debug, Default)]
pub(super) struct Shifts {
    pub(super) same: u64,
    /// By how much B is earlier.
    pub(super) earlier: Vec<Seconds>,
    /// By how much B is later.
    pub(super) later: Vec<Seconds>,
}

impl Shifts {
    pub(super) fn episodes(&self) -> usize {
        self.same as usize + self.earlier.len() + self.later.len()
    }
}

/// An episode that only one configuration catches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missed {
    pub(super) lead: u32,
    pub(super) alert_type: AlertType,
    pub(super) anchor: Anchor,
    /// When it opened first.
    pub(super) opened_at: Timestamp,
    /// When it closed last, and why; none while it is still open at the end.
    pub(super) closed: Option<(Timestamp, CloseReason)>,
    pub(super) elsewhere: Elsewhere,
}

/// What the configuration that misses an episode has for its lead instead, until the episode is over, or what
/// superseded it is: a follow-up for a follow-up, a PreferredChannel for a PreferredChannel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Elsewhere {
    /// Nothing.
    Nothing,
    /// Nothing, but it is not over at the end of the range: something may have come.
    NothingSoFar,
    /// Another alert, which was opened so much later.
    Later { by: Seconds, alert_type: AlertType },
    /// Another alert, which was open when the episode opened.
    Another(AlertType),
}

impl Elsewhere {
    /// Most telling first.
    pub(super) fn rank(self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::NothingSoFar => 1,
            Self::Later { .. } => 2,
            Self::Another(_) => 3,
        }
    }
}

/// A time in which an episode was open. A reopening is another one.
#[derive(Clone, Copy, Debug)]
struct Stay {
    lead: u32,
    alert_type: AlertType,
    anchor: Anchor,
    opened_at: Timestamp,
    closed: Option<(Timestamp, CloseReason)>,
}

impl Stay {
    /// The end, exclusive. What is still open at the end of the range has none.
    fn until(&self) -> Timestamp {
        self.closed.map_or(Timestamp(i64::MAX), |(at, _)| at)
    }

    fn key(&self) -> (u32, AlertType, Anchor) {
        (self.lead, self.alert_type, self.anchor)
    }
}

/// Compares two replays of the same leads.
pub(super) fn catches(a: Vec<Entry>, b: Vec<Entry>) -> Catches {
    let (a, b) = (stays(a), stays(b));
    let (mut a, mut b) = (a.as_slice(), b.as_slice());
    let mut catches = Catches::default();
    while let Some(lead) = a.first().into_iter().chain(b.first()).map(|stay| stay.lead).min() {
        let of_lead = |stays: &[Stay]| stays.partition_point(|stay| stay.lead == lead);
        let (own, rest) = (a.split_at(of_lead(a)), b.split_at(of_lead(b)));
        catches.add_lead(own.0, rest.0);
        (a, b) = (own.1, rest.1);
    }
    catches
}

/// By lead, type and anchor, then in time.
fn stays(mut entries: Vec<Entry>) -> Vec<Stay> {
    // Stable: the entries of an episode stay in the order of time.
    entries.sort_by_key(|entry| (entry.lead, entry.alert_type, entry.anchor));
    let mut stays: Vec<Stay> = Vec::new();
    for Entry { at, lead, alert_type, anchor, closed } in entries {
        match (closed, stays.last_mut()) {
            (None, _) => stays.push(Stay { lead, alert_type, anchor, opened_at: at, closed: None }),
            (Some(reason), Some(stay)) => stay.closed = Some((at, reason)),
            (Some(_), None) => {}
        }
    }
    stays
}

impl Catches {
    fn add_lead(&mut self, a: &[Stay], b: &[Stay]) {
        match (a.is_empty(), b.is_empty()) {
            (false, false) => self.leads.both += 1,
            (false, true) => self.leads.only[0] += 1,
            (true, _) => self.leads.only[1] += 1,
        }
        // PreferredChannel, the last type, stands apart.
        let follow_ups = |stays: &[Stay]| stays.partition_point(|stay| stay.alert_type != AlertType::PreferredChannel);
        let (a, b) = (a.split_at(follow_ups(a)), b.split_at(follow_ups(b)));
        self.add_kind(a.0, b.0);
        self.add_kind(a.1, b.1);
    }

    fn add_kind(&mut self, a: &[Stay], b: &[Stay]) {
        let lines = [TimeLine::of(a), TimeLine::of(b)];
        for episode in a.chunk_by(|one, next| one.key() == next.key()) {
            match b.get(b.partition_point(|stay| stay.key() < episode[0].key())) {
                Some(same) if same.key() == episode[0].key() => self.add_shift(&episode[0], same),
                _ => self.only[0].push(missed(episode, &lines[0], &lines[1])),
            }
        }
        for episode in b.chunk_by(|one, next| one.key() == next.key()) {
            if a.binary_search_by_key(&episode[0].key(), Stay::key).is_err() {
                self.only[1].push(missed(episode, &lines[1], &lines[0]));
            }
        }
    }

    /// Both are the first stay of the same episode.
    fn add_shift(&mut self, a: &Stay, b: &Stay) {
        let shifts = self.both.entry(a.alert_type).or_default();
        match b.opened_at.since(a.opened_at) {
            0 => shifts.same += 1,
            by if by < 0 => shifts.earlier.push(-by),
            by => shifts.later.push(by),
        }
    }
}

fn missed(episode: &[Stay], own: &TimeLine, other: &TimeLine) -> Missed {
    let first = &episode[0];
    Missed {
        lead: first.lead,
        alert_type: first.alert_type,
        anchor: first.anchor,
        opened_at: first.opened_at,
        closed: episode[episode.len() - 1].closed,
        elsewhere: elsewhere(episode, own, other),
    }
}

fn elsewhere(episode: &[Stay], own: &TimeLine, other: &TimeLine) -> Elsewhere {
    let opened_at = episode[0].opened_at;
    let told = |stay: &Stay| other.open_within(stay.opened_at, own.outlasted_until(stay));
    match episode.iter().find_map(told) {
        Some((at, alert_type)) if at == opened_at => Elsewhere::Another(alert_type),
        Some((at, alert_type)) => Elsewhere::Later { by: at.since(opened_at), alert_type },
        None if own.outlasted_until(&episode[episode.len() - 1]) == Timestamp(i64::MAX) => Elsewhere::NothingSoFar,
        None => Elsewhere::Nothing,
    }
}

/// When one replay had anything open for a lead.
#[derive(Debug)]
struct TimeLine {
    /// By the instant they opened.
    stays: Vec<Stay>,
    /// From (inclusive), until (exclusive), in time, with gaps between them.
    stretches: Vec<(Timestamp, Timestamp)>,
}

impl TimeLine {
    fn of(stays: &[Stay]) -> Self {
        let mut stays = stays.to_vec();
        stays.sort_by_key(|stay| stay.opened_at);
        let mut stretches: Vec<(Timestamp, Timestamp)> = Vec::new();
        for stay in &stays {
            match stretches.last_mut() {
                Some((_, until)) if stay.opened_at <= *until => *until = stay.until().max(*until),
                _ => stretches.push((stay.opened_at, stay.until())),
            }
        }
        Self { stays, stretches }
    }

    /// The first moment from `from` (inclusive) to `until` (exclusive) at which anything was open, and what.
    fn open_within(&self, from: Timestamp, until: Timestamp) -> Option<(Timestamp, AlertType)> {
        let stretch = self.stretches.get(self.stretches.partition_point(|(_, end)| *end <= from))?;
        let moment = stretch.0.max(from);
        if moment >= until {
            return None;
        }
        let opened_by_then = &self.stays[..self.stays.partition_point(|stay| stay.opened_at <= moment)];
        opened_by_then.iter().rfind(|stay| moment < stay.until()).map(|stay| (moment, stay.alert_type))
    }

    /// The end (exclusive) of what the stay was about: when it was superseded, that of what superseded it. When it
    /// was cleared or a next step was planned, what opens in its place is about something new.
    fn outlasted_until(&self, stay: &Stay) -> Timestamp {
        let mut stay = stay;
        // Each outranks the one before, so that this ends.
        while let Some((at, CloseReason::Superseded)) = stay.closed {
            let place = self.stays.partition_point(|other| other.opened_at < at);
            match self.stays.get(place).filter(|other| other.opened_at == at) {
                Some(next) => stay = next,
                None => break,
            }
        }
        stay.until()
    }
}
