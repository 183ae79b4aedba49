//! The life of one lead's episodes under the rules, instant by instant: what the daemon's decisions and a
//! backtest have in common.

use crate::domain::{Alert, AlertState, AlertType, Anchor, CloseReason, Timestamp};
use serde::{Deserialize, Serialize};

use crate::rules::{self, Course, Finding, History, Presence, Settings, Summary, Verdict};

/// An episode, as far as opening and closing are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Episode {
    alert_type: AlertType,
    anchor: Anchor,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

    pub(super) fn is_open(&self) -> bool {
        matches!(self.standing, Standing::Open | Standing::Snoozed { .. })
    }

    pub(super) fn is_wanted(&self, wanted: &Wanted) -> bool {
        wanted[self.alert_type as usize].is_some_and(|finding| finding.anchor == self.anchor)
    }

    /// Whether it is open or may matter again: one that the rules closed is as if it had never been.
    pub(super) fn matters(&self) -> bool {
        self.standing != Standing::Closed
    }

    fn is_of(&self, finding: &Finding) -> bool {
        self.alert_type == finding.alert_type && self.anchor == finding.anchor
    }

    /// Whether it stands as only a person's act can make it.
    fn is_acted_on(&self) -> bool {
        matches!(self.standing, Standing::Snoozed { .. } | Standing::Resolved { .. })
    }

    fn wakes_at(&self) -> Option<Timestamp> {
        match self.standing {
            Standing::Snoozed { until } => Some(until),
            Standing::Open | Standing::Closed | Standing::Resolved { .. } => None,
        }
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
    course: Course,
    episodes: Episodes,
}

impl<'h> Replay<'h> {
    pub(crate) fn new(history: &'h History, settings: &'h Settings, episodes: Episodes) -> Self {
        Self { history, settings, course: Course::default(), episodes }
    }

    /// Goes from `from` (exclusive; none: only `to` counts) through every instant at which anything can change,
    /// up to `to` (inclusive), and tells of each passage in order.
    pub(crate) fn run(&mut self, from: Option<Timestamp>, to: Timestamp, mut tell: impl FnMut(Passed)) {
        if let Some(from) = from.filter(|from| *from < to) {
            self.look(from);
            let mut due = self.next_due(from);
            while let Some(now) = due.filter(|due| *due < to) {
                due = self.step(now, &mut tell);
            }
        }
        self.step(to, &mut tell);
    }

    /// Looks on until `now`, without anything opening or closing.
    pub(crate) fn look(&mut self, now: Timestamp) {
        self.course.advance(&self.history.facts, &self.settings.preferred_channel, now);
        self.course.advance_steps(&self.history.steps, now);
    }

    /// The verdict at `now`, the instant looked at last.
    pub(crate) fn verdict(&self, now: Timestamp) -> Verdict<'_> {
        rules::verdict(self.history, &self.course, self.settings, now)
    }

    /// Lets happen what happens at `now`. Returns when it goes on.
    fn step(&mut self, now: Timestamp, tell: &mut impl FnMut(Passed)) -> Option<Timestamp> {
        self.look(now);
        let verdict = rules::verdict(self.history, &self.course, self.settings, now);
        self.episodes.step(&verdict, self.settings, now, tell);
        next_due(self.episodes.acted_on(), &verdict, self.settings, now)
    }

    /// The next instant, later than `now`, the one looked at last, at which time alone can change anything.
    pub(crate) fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        next_due(self.episodes.acted_on(), &self.verdict(now), self.settings, now)
    }

    /// The episodes as they are by now.
    pub(crate) fn episodes(&self) -> &Episodes {
        &self.episodes
    }

    /// The lead as it is by `now`, the instant looked at last, without its history.
    pub(crate) fn summary(&self, now: Timestamp) -> Summary {
        Summary::new(self.history, &self.course, self.settings, now)
    }
}

/// The episodes of one lead.
#[derive(Clone, Debug, Default)]
pub(crate) struct Episodes {
    all: Vec<Episode>,
    /// The places of those that are open.
    open: Vec<usize>,
    /// A person has snoozed or settled one of them. The rules by themselves never do.
    has_acts: bool,
    /// Silence is in doubt; of what is closed these places may open all the same.
    in_doubt: Option<Vec<usize>>,
}

impl Episodes {
    pub(crate) fn new(all: Vec<Episode>) -> Self {
        let open = (0..all.len()).filter(|place| all[*place].is_open()).collect();
        let has_acts = all.iter().any(Episode::is_acted_on);
        Self { all, open, has_acts, in_doubt: None }
    }

    /// The same while silence is in doubt: what is open may stay so, a lead may just have asked for something, and these
    /// places may open. Nothing else opens, takes the place of what is open, or wakes.
    pub(crate) fn in_doubt(self, may_open: Vec<usize>) -> Self {
        Self { in_doubt: Some(may_open), ..self }
    }

    fn may_open_in_doubt(&self, finding: &Finding) -> bool {
        let Some(may_open) = &self.in_doubt else { return true };
        match self.find(finding) {
            Some(place) => self.open.contains(&place) || may_open.contains(&place),
            None => finding.alert_type == AlertType::HotLead24h,
        }
    }

    /// All of them, by place.
    pub(super) fn all(&self) -> &[Episode] {
        &self.all
    }

    /// All of them, if any says by itself when it wakes or may open again; else none, which is quicker to look through.
    fn acted_on(&self) -> &[Episode] {
        if self.has_acts { &self.all } else { &[] }
    }

    /// The places of open episodes.
    pub(crate) fn open(&self) -> &[usize] {
        &self.open
    }

    /// Whether the rules may have this episode open at `now`.
    pub(crate) fn may_open(&self, place: usize, settings: &Settings, now: Timestamp) -> bool {
        self.all[place].may_open_from(settings).is_some_and(|from| from <= now)
    }

    /// The place of the episode that a finding belongs to.
    pub(crate) fn find(&self, finding: &Finding) -> Option<usize> {
        find(&self.all, finding)
    }

    fn step(&mut self, verdict: &Verdict<'_>, settings: &Settings, now: Timestamp, tell: &mut impl FnMut(Passed)) {
        let wanted = wanted_of(self.acted_on(), verdict, settings, now, |finding| self.may_open_in_doubt(finding));
        let inherited = self.close_unwanted(verdict, &wanted, now, tell);
        for finding in wanted.iter().flatten() {
            self.open_or_wake(finding, inherited, now, tell);
        }
    }

    /// Closes what is open and not wanted. Returns until when what takes its place is to be silent.
    fn close_unwanted(
        &mut self,
        verdict: &Verdict<'_>,
        wanted: &Wanted,
        now: Timestamp,
        tell: &mut impl FnMut(Passed),
    ) -> Option<Timestamp> {
        let mut inherited = None;
        let mut open = std::mem::take(&mut self.open);
        open.retain(|place| {
            let episode = &mut self.all[*place];
            let Episode { alert_type, anchor, standing } = *episode;
            if episode.is_wanted(wanted) {
                return true;
            }
            let reason = close_reason(verdict, alert_type, anchor);
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
        // Most have been open for a while.
        let open = self.open.iter().copied().find(|place| self.all[*place].is_of(finding));
        let place = open.or_else(|| self.find(finding)).unwrap_or(self.all.len());
        let passage = match self.all.get(place).map(|episode| episode.standing) {
            Some(Standing::Open) => return,
            Some(Standing::Snoozed { until }) if until > now || self.in_doubt.is_some() => return,
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
        match self.all.get_mut(place) {
            Some(known) => *known = episode,
            None => self.all.push(episode),
        }
        tell(Passed { at: now, episode: place, alert_type, anchor, passage });
    }
}

/// One place per rule: the finding whose episode is to be open.
pub(super) type Wanted = [Option<Finding>; 7];

/// What is to be open: every rule that holds with an episode that may be open, unless it is outranked. Rules that are
/// outranked are not even asked.
pub(super) fn wanted(episodes: &[Episode], verdict: &Verdict<'_>, settings: &Settings, now: Timestamp) -> Wanted {
    wanted_of(episodes, verdict, settings, now, |_| true)
}

/// The same of those findings that `counts` lets count.
fn wanted_of(
    episodes: &[Episode],
    verdict: &Verdict<'_>,
    settings: &Settings,
    now: Timestamp,
    counts: impl Fn(&Finding) -> bool,
) -> Wanted {
    let mut wanted = [None; 7];
    let mut outranked = false;
    for alert_type in AlertType::ALL {
        let stands_apart = alert_type == AlertType::PreferredChannel;
        if outranked && !stands_apart {
            continue;
        }
        let Some(finding) = verdict.finding(alert_type).filter(&counts) else { continue };
        let may_open_from = |place: usize| episodes[place].may_open_from(settings);
        if find(episodes, &finding).is_none_or(|place| may_open_from(place).is_some_and(|at| at <= now)) {
            wanted[alert_type as usize] = Some(finding);
            outranked |= settings.inhibition && !stands_apart;
        }
    }
    wanted
}

/// The next instant, later than `now`, at which time alone can change anything.
pub(super) fn next_due(
    episodes: &[Episode],
    verdict: &Verdict<'_>,
    settings: &Settings,
    now: Timestamp,
) -> Option<Timestamp> {
    if episodes.is_empty() {
        return verdict.next_due();
    }
    let repeats = verdict.findings().filter_map(|finding| {
        let place = find(episodes, &finding)?;
        episodes[place].may_open_from(settings)
    });
    let wakes = episodes.iter().filter_map(Episode::wakes_at);
    wakes.chain(repeats).chain(verdict.next_due()).filter(|at| *at > now).min()
}

fn find(episodes: &[Episode], finding: &Finding) -> Option<usize> {
    if episodes.is_empty() {
        return None;
    }
    episodes.iter().rposition(|episode| episode.is_of(finding))
}

/// Why an open episode that may not be open any longer closes.
fn close_reason(verdict: &Verdict<'_>, alert_type: AlertType, anchor: Anchor) -> CloseReason {
    match (verdict.presence, verdict.finding(alert_type)) {
        (Presence::Deleted, _) => CloseReason::LeadDeleted,
        (Presence::Closed | Presence::NotYet, _) => CloseReason::LeadClosed,
        (Presence::Active, None) if verdict.is_held_back(alert_type) => CloseReason::Planned,
        (Presence::Active, Some(finding)) if finding.anchor == anchor => CloseReason::Superseded,
        (Presence::Active, _) => CloseReason::Cleared,
    }
}
