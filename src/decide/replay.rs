//! The life of one lead's episodes under the rules, instant by instant: what the daemon's decisions and a
//! backtest have in common.

use crate::domain::{Alert, AlertState, AlertType, Anchor, CloseReason, Timestamp};
use crate::rules::{self, Evaluation, Finding, History, Presence, Settings, Situation};

/// An episode, as far as opening and closing are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Episode {
    alert_type: AlertType,
    anchor: Anchor,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Open,
    Snoozed { until: Timestamp },
    Closed,
    Resolved { at: Timestamp },
}

impl Episode {
    pub(crate) fn of(alert: &Alert) -> Self {
        let standing = match &alert.state {
            AlertState::Open => Standing::Open,
            AlertState::Snoozed { until } => Standing::Snoozed { until: *until },
            AlertState::Closed { .. } => Standing::Closed,
            AlertState::Resolved(resolution) => Standing::Resolved { at: resolution.at },
        };
        Self { alert_type: alert.alert_type, anchor: alert.anchor, standing }
    }

    fn is_open(&self) -> bool {
        matches!(self.standing, Standing::Open | Standing::Snoozed { .. })
    }

    /// From which instant on the episode may be open; `None` for never again.
    fn may_open_from(&self, settings: &Settings) -> Option<Timestamp> {
        match self.standing {
            Standing::Open | Standing::Snoozed { .. } | Standing::Closed => Some(Timestamp(i64::MIN)),
            Standing::Resolved { at } => settings.repeat_after(self.alert_type).map(|span| at.plus(span)),
        }
    }
}

/// What the rules do to an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// It opens, silently until an instant when it inherits a snooze.
    Opened { finding: Finding, snoozed_until: Option<Timestamp> },
    /// It closes.
    Closed(CloseReason),
    /// Its snooze is over.
    Woke,
}

/// One passage: when, of which alert, by its place among the episodes (a new one is appended).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) at: Timestamp,
    pub(crate) episode: usize,
    pub(crate) alert_type: AlertType,
    pub(crate) anchor: Anchor,
    pub(crate) passage: Passage,
}

/// One lead on its way through time.
pub(crate) struct Replay<'h> {
    history: &'h History,
    settings: &'h Settings,
    situation: Situation,
    episodes: Vec<Episode>,
    open: Vec<usize>,
}

impl<'h> Replay<'h> {
    pub(crate) fn new(history: &'h History, settings: &'h Settings, episodes: Vec<Episode>) -> Self {
        let open = (0..episodes.len()).filter(|place| episodes[*place].is_open()).collect();
        Self { history, settings, situation: Situation::default(), episodes, open }
    }

    /// Goes from `from` (exclusive; none: only `to` counts) through every instant at which anything can change,
    /// up to `to` (inclusive), and tells of each passage in order. Returns the verdict at `to`.
    pub(crate) fn run(&mut self, from: Option<Timestamp>, to: Timestamp, mut tell: impl FnMut(Passed)) -> Evaluation {
        if let Some(mut now) = from.filter(|from| *from < to) {
            let mut evaluation = self.look(now);
            while let Some(next) = self.next_due(&evaluation, now).filter(|next| now < *next && *next < to) {
                evaluation = self.step(next, &mut tell);
                now = next;
            }
        }
        self.step(to, &mut tell)
    }

    /// The verdict at `now`, without anything opening or closing.
    pub(crate) fn look(&mut self, now: Timestamp) -> Evaluation {
        self.situation.advance(&self.history.facts, &self.settings.preferred_channel, now);
        rules::verdict(self.history, &self.situation, self.settings, now)
    }

    /// The next instant, later than `now`, at which time alone can change anything.
    pub(crate) fn next_due(&self, evaluation: &Evaluation, now: Timestamp) -> Option<Timestamp> {
        let wakes = self.open.iter().filter_map(|place| match self.episodes[*place].standing {
            Standing::Snoozed { until } => Some(until),
            Standing::Open | Standing::Closed | Standing::Resolved { .. } => None,
        });
        let repeats = evaluation.findings().filter_map(|finding| {
            let place = self.find(finding)?;
            self.episodes[place].may_open_from(self.settings)
        });
        wakes.chain(repeats).chain(evaluation.next_due).filter(|at| *at > now).min()
    }

    /// The places of open episodes.
    pub(crate) fn open(&self) -> &[usize] {
        &self.open
    }

    /// Whether the rules may have this episode open at `now`.
    pub(crate) fn may_open(&self, place: usize, now: Timestamp) -> bool {
        self.episodes[place].may_open_from(self.settings).is_some_and(|from| from <= now)
    }

    /// The place of the episode that a finding belongs to.
    pub(crate) fn find(&self, finding: &Finding) -> Option<usize> {
        let same = |episode: &Episode| episode.alert_type == finding.alert_type && episode.anchor == finding.anchor;
        self.episodes.iter().rposition(same)
    }

    fn step(&mut self, now: Timestamp, tell: &mut impl FnMut(Passed)) -> Evaluation {
        let evaluation = self.look(now);
        let wanted = self.wanted(&evaluation, now);
        let inherited = self.close_unwanted(&evaluation, &wanted, now, tell);
        for finding in wanted.iter().flatten() {
            self.open_or_wake(finding, inherited, now, tell);
        }
        evaluation
    }

    /// What is to be open: every rule that holds with an episode that may be open, unless it is outranked.
    fn wanted<'e>(&self, evaluation: &'e Evaluation, now: Timestamp) -> [Option<&'e Finding>; 7] {
        let mut wanted = [None; 7];
        let mut outranked = false;
        for finding in evaluation.findings() {
            let stands_apart = finding.alert_type == AlertType::PreferredChannel;
            let may_open = self.find(finding).is_none_or(|place| self.may_open(place, now));
            if may_open && (stands_apart || !outranked) {
                wanted[finding.alert_type as usize] = Some(finding);
                outranked |= self.settings.inhibition && !stands_apart;
            }
        }
        wanted
    }

    /// Closes what is open and not wanted. Returns until when what takes its place is to be silent.
    fn close_unwanted(
        &mut self,
        evaluation: &Evaluation,
        wanted: &[Option<&Finding>; 7],
        now: Timestamp,
        tell: &mut impl FnMut(Passed),
    ) -> Option<Timestamp> {
        let mut inherited = None;
        let mut open = std::mem::take(&mut self.open);
        open.retain(|place| {
            let episode = &mut self.episodes[*place];
            let Episode { alert_type, anchor, standing } = *episode;
            if wanted[alert_type as usize].is_some_and(|finding| finding.anchor == anchor) {
                return true;
            }
            let reason = close_reason(evaluation, alert_type, anchor);
            if let (CloseReason::Superseded, Standing::Snoozed { until }) = (reason, standing) {
                inherited = inherited.max(Some(until).filter(|until| *until > now));
            }
            episode.standing = Standing::Closed;
            tell(Passed { at: now, episode: *place, alert_type, anchor, passage: Passage::Closed(reason) });
            false
        });
        self.open = open;
        inherited
    }

    fn open_or_wake(
        &mut self,
        finding: &Finding,
        inherited: Option<Timestamp>,
        now: Timestamp,
        tell: &mut impl FnMut(Passed),
    ) {
        let Finding { alert_type, anchor, .. } = *finding;
        let place = self.find(finding).unwrap_or(self.episodes.len());
        let passage = match self.episodes.get(place).map(|episode| episode.standing) {
            Some(Standing::Open) => return,
            Some(Standing::Snoozed { until }) if until > now => return,
            Some(Standing::Snoozed { .. }) => Passage::Woke,
            Some(Standing::Closed | Standing::Resolved { .. }) | None => {
                let takes_over = !alert_type.is_about_an_answer() && alert_type != AlertType::PreferredChannel;
                Passage::Opened { finding: *finding, snoozed_until: inherited.filter(|_| takes_over) }
            }
        };
        let standing = match passage {
            Passage::Opened { snoozed_until: Some(until), .. } => Standing::Snoozed { until },
            Passage::Opened { snoozed_until: None, .. } | Passage::Woke => Standing::Open,
            Passage::Closed(_) => Standing::Closed,
        };
        if passage != Passage::Woke {
            self.open.push(place);
        }
        let episode = Episode { alert_type, anchor, standing };
        match self.episodes.get_mut(place) {
            Some(known) => *known = episode,
            None => self.episodes.push(episode),
        }
        tell(Passed { at: now, episode: place, alert_type, anchor, passage });
    }
}

/// Why an open episode that may not be open any longer closes.
fn close_reason(evaluation: &Evaluation, alert_type: AlertType, anchor: Anchor) -> CloseReason {
    match (evaluation.presence, evaluation.finding(alert_type)) {
        (Presence::Deleted, _) => CloseReason::LeadDeleted,
        (Presence::Closed | Presence::NotYet, _) => CloseReason::LeadClosed,
        (Presence::Active, None) if evaluation.is_held_back(alert_type) => CloseReason::Planned,
        (Presence::Active, Some(finding)) if finding.anchor == anchor => CloseReason::Superseded,
        (Presence::Active, _) => CloseReason::Cleared,
    }
}
