//! The decision: facts of one lead + its alerts + now = what opens, closes, falls silent, and what is to be
//! done about it. Pure; it cannot fail.

mod measure;
mod outlook;
pub(crate) mod replay;

use std::collections::BTreeMap;

use crate::domain::alert::{EpisodeKey, Resolution};
use crate::domain::calendar::Calendar;
use crate::domain::effect::{Effect, Occasion};
use crate::domain::{Activity, Alert, AlertId, AlertState, AlertType, CloseReason, Lead, Severity, Timestamp, UserId};
use crate::rules::{Finding, History, Presence, Settings, Verdict};
pub use measure::measure;
pub use outlook::{Outlook, Prospect};
use replay::{Episode, Episodes, Passage, Passed, Replay};

/// All that a decision about one lead rests on.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The lead.
    pub lead: &'a Lead,
    /// Its activities, ordered by (timestamp, id).
    pub activities: &'a [Activity],
    /// All its alerts, whatever their state, in any order.
    pub alerts: &'a [Alert],
    /// The owner's working hours, in which target times run.
    pub calendar: &'a Calendar,
    /// Whether what is not among these activities has not happened.
    pub silence: Silence,
}

/// What is to be made of nothing having been seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Nothing has happened.
    Believed,
    /// Not everything is seen that may have happened. What was seen opens and closes alerts; nothing opens or wakes because of
    /// what was not: that is for whoever decides again once silence is believed.
    InDoubt,
}

/// One step in an alert's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// When it took place, by the rules' clock.
    pub at: Timestamp,
    /// Which alert.
    pub alert: AlertId,
    /// What happened.
    pub step: Step,
}

/// What happened to an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It opened, for the first time or again.
    Opened,
    /// The rules closed it.
    Closed(CloseReason),
    /// A person closed it.
    Resolved,
    /// A person took that back.
    Unresolved,
    /// A person silenced it.
    Snoozed {
        /// Until when (exclusive).
        until: Timestamp,
    },
    /// A person ended a silence.
    Unsnoozed,
    /// Its snooze ended while it still held.
    Woke,
    /// The lead's owner or teams changed; the owner it had.
    Moved {
        /// The owner before.
        from: Option<UserId>,
    },
}

/// What has been decided about one lead.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Decision {
    /// The alerts that are new or have changed, in their final state.
    pub alerts: Vec<Alert>,
    /// Every step on the way, in order.
    pub transitions: Vec<Transition>,
    /// What is to be done.
    pub effects: Vec<Effect>,
    /// The next instant at which time alone can change a verdict or end a snooze; `None` when it cannot.
    pub next_due: Option<Timestamp>,
    /// What to keep of the lead in memory; `None` when it is closed or deleted: no rule looks at it.
    pub outlook: Option<Outlook>,
}

/// Goes from `from` (exclusive; `None` for a lead never evaluated, then only `to` counts) through every instant
/// at which a verdict can change, up to `to` (inclusive). Announces only what is still open at `to`.
/// `first_evaluation` marks the announcements of the daemon's very first evaluation, which go out as a digest.
pub fn advance(
    subject: &Subject<'_>,
    settings: &Settings,
    from: Option<Timestamp>,
    to: Timestamp,
    first_evaluation: bool,
) -> Decision {
    let mut ledger = Ledger::new(subject, settings);
    let ahead = ledger.run(from, to);
    ledger.close_books(ahead, first_evaluation)
}

/// What lies ahead of a lead at `now`, when nothing is decided; `None` when it is closed or deleted.
pub fn outlook(subject: &Subject<'_>, settings: &Settings, now: Timestamp) -> Option<Outlook> {
    Ledger::new(subject, settings).leave_alone(now).outlook
}

/// A person closes an alert, at `resolution.at`. Settles the lower episodes that hold by the same act, and while silence is
/// in doubt the silences that would have taken the alert's place already: they are what the person saw. Closing
/// what is resolved already changes nothing; neither does closing an alert about an answer that is not open,
/// since that would answer messages the person has not seen.
pub fn resolve(subject: &Subject<'_>, settings: &Settings, alert: &AlertId, resolution: Resolution) -> Decision {
    let mut ledger = Ledger::new(subject, settings);
    let now = resolution.at.max(latest_instant(subject.alerts));
    if let Some(place) = ledger.place_of(alert) {
        let root = &subject.alerts[place];
        let was_open = root.state.is_open();
        let is_over = root.resolution().is_some() || (root.alert_type.is_about_an_answer() && !was_open);
        if !is_over {
            let resolution = Resolution { act: root.id.clone(), ..resolution };
            if was_open {
                ledger.settle_besides(root.alert_type, &resolution);
            }
            ledger.settle(place, resolution);
            let ahead = ledger.run(None, now);
            return ledger.close_books(ahead, false);
        }
    }
    ledger.leave_alone(now)
}

/// A person takes a resolution back, at `now`, and with it all that the same act settled.
pub fn unresolve(subject: &Subject<'_>, settings: &Settings, alert: &AlertId, now: Timestamp) -> Decision {
    let mut ledger = Ledger::new(subject, settings);
    let act = ledger.place_of(alert).and_then(|place| subject.alerts[place].resolution()).map(|it| it.act.clone());
    let Some(act) = act else { return ledger.leave_alone(now) };
    for (place, settled) in subject.alerts.iter().enumerate() {
        if settled.resolution().is_some_and(|resolution| resolution.act == act) {
            ledger.take_back(place, settled.id == act, now);
        }
    }
    let ahead = ledger.run(None, now);
    ledger.close_books(ahead, false)
}

/// A person silences an open alert until `until` (exclusive), at `now`; `None`, or an instant that is over, ends
/// a snooze. What is not open stays as it is.
pub fn snooze(
    subject: &Subject<'_>,
    settings: &Settings,
    alert: &AlertId,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Decision {
    let mut ledger = Ledger::new(subject, settings);
    let open = ledger.place_of(alert).filter(|place| subject.alerts[*place].state.is_open());
    if let Some(place) = open {
        let (state, step) = match until.filter(|until| *until > now) {
            Some(until) => (AlertState::Snoozed { until }, Step::Snoozed { until }),
            None => (AlertState::Open, Step::Unsnoozed),
        };
        if subject.alerts[place].state != state {
            ledger.turn(place, state, now, step);
        }
    }
    ledger.leave_alone(now)
}

/// The latest instant at which anything happened to these alerts: what a person did earlier, but is heard of
/// only now, is not judged by an older state of affairs.
fn latest_instant(alerts: &[Alert]) -> Timestamp {
    let instants = alerts.iter().flat_map(|alert| {
        let closed_at = match &alert.state {
            AlertState::Closed { at, .. } => Some(*at),
            AlertState::Open | AlertState::Snoozed { .. } | AlertState::Resolved(_) => None,
        };
        [alert.opened_at, closed_at]
    });
    instants.flatten().max().unwrap_or(Timestamp(i64::MIN))
}

/// An alert that is about to change, and what its people are to hear.
struct Draft {
    alert: Alert,
    /// Why it speaks at the end of it all, and since when.
    announce: Option<(Occasion, Timestamp)>,
    /// Messages sent earlier no longer show the truth.
    refresh: bool,
}

/// What lies ahead of a lead.
struct Ahead {
    next_due: Option<Timestamp>,
    outlook: Option<Outlook>,
}

impl Ahead {
    /// After a replay that has come to `now`.
    fn of(replay: &Replay<'_>, now: Timestamp) -> Self {
        let is_watched = matches!(replay.verdict(now).presence, Presence::Active | Presence::NotYet);
        let outlook = is_watched.then(|| Outlook::of(replay, now));
        Self { next_due: replay.next_due(now), outlook }
    }
}

/// What becomes of a lead's alerts in one decision. An alert is known by its place: first the subject's, then
/// the new ones.
struct Ledger<'a> {
    subject: &'a Subject<'a>,
    settings: &'a Settings,
    drafts: BTreeMap<usize, Draft>,
    transitions: Vec<Transition>,
}

impl<'a> Ledger<'a> {
    fn new(subject: &'a Subject<'a>, settings: &'a Settings) -> Self {
        Self { subject, settings, drafts: BTreeMap::new(), transitions: Vec::new() }
    }

    fn place_of(&self, alert: &AlertId) -> Option<usize> {
        self.subject.alerts.iter().position(|one| one.id == *alert)
    }

    /// All alerts as they are by now, by place.
    fn alerts(&self) -> Vec<&Alert> {
        let known = self.subject.alerts.iter().enumerate();
        let known = known.map(|(place, alert)| self.drafts.get(&place).map_or(alert, |draft| &draft.alert));
        let new = self.drafts.range(self.subject.alerts.len()..).map(|(_, draft)| &draft.alert);
        known.chain(new).collect()
    }

    fn history_and_episodes(&self) -> (History, Episodes) {
        let alerts = self.alerts();
        let history = History::of(self.subject.lead, self.subject.activities, &alerts, self.settings);
        (history, Episodes::new(alerts.into_iter().map(Episode::of).collect()))
    }

    /// The places of alerts that closed with their lead: that it is active again is a fact, and no silence.
    fn ended_with_the_lead(&self) -> Vec<usize> {
        let ended = |alert: &Alert| matches!(alert.state, AlertState::Closed { reason: CloseReason::LeadClosed, .. });
        self.alerts().iter().enumerate().filter(|(_, alert)| ended(alert)).map(|(place, _)| place).collect()
    }

    /// Lets the rules do what they do up to `to`.
    fn run(&mut self, from: Option<Timestamp>, to: Timestamp) -> Ahead {
        let (history, episodes) = self.history_and_episodes();
        let episodes = match self.subject.silence {
            Silence::Believed => episodes,
            Silence::InDoubt => episodes.in_doubt(self.ended_with_the_lead()),
        };
        let mut replay = Replay::new(&history, self.settings, episodes);
        replay.run(from, to, |passed| self.enter(passed));
        let verdict = replay.verdict(to);
        for place in replay.episodes().open() {
            self.bring_up_to_date(*place, &verdict, to);
        }
        Ahead::of(&replay, to)
    }

    fn enter(&mut self, passed: Passed) {
        let Passed { at, episode: place, passage, .. } = passed;
        match passage {
            Passage::Opened { finding, snoozed_until } => self.open(place, &finding, snoozed_until, at),
            Passage::Closed(reason) => {
                let state = AlertState::Closed { at, reason };
                self.turn(place, state, at, Step::Closed(reason));
            }
            Passage::Woke => {
                self.turn(place, AlertState::Open, at, Step::Woke);
                self.draft(place).announce = Some((Occasion::SnoozeOver, at));
            }
        }
    }

    /// The draft of an alert that exists, its present state when it has not been touched yet.
    fn draft(&mut self, place: usize) -> &mut Draft {
        let known = self.subject.alerts;
        self.drafts.entry(place).or_insert_with(|| Draft {
            alert: known[place].clone(),
            announce: None,
            refresh: false,
        })
    }

    fn was_ever_open(&self, place: usize) -> bool {
        self.subject.alerts.get(place).is_some_and(|alert| alert.openings > 0)
    }

    /// Gives an alert another state, silently.
    fn turn(&mut self, place: usize, state: AlertState, at: Timestamp, step: Step) {
        let refresh = self.was_ever_open(place);
        let draft = self.draft(place);
        draft.alert.state = state;
        draft.announce = None;
        draft.refresh = refresh;
        let alert = draft.alert.id.clone();
        self.transitions.push(Transition { at, alert, step });
    }

    fn open(&mut self, place: usize, finding: &Finding, snoozed_until: Option<Timestamp>, at: Timestamp) {
        let occasion = if self.was_ever_open(place) { Occasion::Reopened } else { Occasion::Opened };
        let Subject { lead, activities, calendar, .. } = *self.subject;
        let target = self.settings.target(finding.alert_type);
        self.ensure(place, finding);
        let draft = self.draft(place);
        let alert = &mut draft.alert;
        alert.state = snoozed_until.map_or(AlertState::Open, |until| AlertState::Snoozed { until });
        alert.opened_at = Some(at);
        alert.openings += 1;
        alert.due_at = target.map(|target| calendar.after_working_time(at, target));
        alert.evidence = finding.grounds.evidence(activities);
        alert.owner.clone_from(&lead.owner);
        alert.teams.clone_from(&lead.teams);
        let is_silent =
            snoozed_until.is_some() || (occasion == Occasion::Reopened && alert.severity() == Severity::Info);
        draft.announce = (!is_silent).then_some((occasion, at));
        let alert = alert.id.clone();
        self.transitions.push(Transition { at, alert, step: Step::Opened });
    }

    /// Makes sure that there is an alert for a finding, at its place.
    fn ensure(&mut self, place: usize, finding: &Finding) {
        if place < self.subject.alerts.len() || self.drafts.contains_key(&place) {
            return;
        }
        let Finding { alert_type, anchor, grounds } = *finding;
        let Subject { lead, activities, .. } = *self.subject;
        let key = EpisodeKey { lead_id: lead.id.clone(), alert_type, anchor };
        let alert = Alert {
            id: AlertId::of(&key),
            lead_id: key.lead_id,
            alert_type,
            anchor,
            state: AlertState::Open,
            opened_at: None,
            openings: 0,
            due_at: None,
            evidence: grounds.evidence(activities),
            owner: lead.owner.clone(),
            teams: lead.teams.clone(),
        };
        self.drafts.insert(place, Draft { alert, announce: None, refresh: false });
    }

    fn settle(&mut self, place: usize, resolution: Resolution) {
        let at = resolution.at;
        self.turn(place, AlertState::Resolved(resolution), at, Step::Resolved);
    }

    /// Settles the episodes below `root` that hold at the moment of the act, with the facts as they were before
    /// it, and the silences above it that nobody was told of because silence is in doubt.
    fn settle_besides(&mut self, root: AlertType, resolution: &Resolution) {
        let stands_apart = |alert_type| alert_type == AlertType::PreferredChannel;
        let is_withheld = self.subject.silence == Silence::InDoubt && self.settings.inhibition;
        let goes_along = |it: AlertType| it > root || (is_withheld && it != root && !it.is_about_an_answer());
        if stands_apart(root) {
            return;
        }
        let (history, episodes) = self.history_and_episodes();
        let mut replay = Replay::new(&history, self.settings, episodes);
        replay.look(resolution.at);
        let verdict = replay.verdict(resolution.at);
        let mut new_place = self.subject.alerts.len();
        for finding in verdict.findings().filter(|it| goes_along(it.alert_type) && !stands_apart(it.alert_type)) {
            let known = replay.episodes().find(&finding);
            if known.is_some_and(|place| !replay.episodes().may_open(place, self.settings, resolution.at)) {
                continue;
            }
            let place = known.unwrap_or(new_place);
            new_place += usize::from(known.is_none());
            self.ensure(place, &finding);
            self.settle(place, resolution.clone());
        }
    }

    /// Undoes one resolution. The alert the person closed opens again, without a word; what the act settled
    /// besides goes back to where the rules find it.
    fn take_back(&mut self, place: usize, is_root: bool, now: Timestamp) {
        let stands_on_its_own = is_root || !self.settings.inhibition;
        let state = if stands_on_its_own && self.was_ever_open(place) {
            AlertState::Open
        } else {
            AlertState::Closed { at: now, reason: CloseReason::Superseded }
        };
        self.turn(place, state, now, Step::Unresolved);
    }

    /// An open alert follows its lead and its evidence.
    fn bring_up_to_date(&mut self, place: usize, verdict: &Verdict<'_>, now: Timestamp) {
        let (Subject { lead, activities, alerts, calendar, .. }, settings) = (*self.subject, self.settings);
        let Some(alert) = self.drafts.get(&place).map(|draft| &draft.alert).or(alerts.get(place)) else { return };
        let finding = verdict.finding(alert.alert_type);
        let evidence = finding.map(|finding| finding.grounds.evidence(activities)).filter(|it| *it != alert.evidence);
        let (owner_changed, teams_changed) = (alert.owner != lead.owner, alert.teams != lead.teams);
        if let Some(evidence) = evidence {
            self.draft(place).alert.evidence = evidence;
        }
        if owner_changed || teams_changed {
            let refresh = self.was_ever_open(place);
            let draft = self.draft(place);
            draft.refresh |= refresh;
            let from = std::mem::replace(&mut draft.alert.owner, lead.owner.clone());
            draft.alert.teams.clone_from(&lead.teams);
            if owner_changed {
                // As if it had opened for whoever has the lead now.
                let target = settings.target(draft.alert.alert_type).zip(draft.alert.opened_at);
                draft.alert.due_at = target.map(|(target, opened_at)| calendar.after_working_time(opened_at, target));
            }
            if owner_changed && draft.alert.state == AlertState::Open && draft.announce.is_none() {
                draft.announce = Some((Occasion::NewOwner, now));
            }
            let alert = draft.alert.id.clone();
            self.transitions.push(Transition { at: now, alert, step: Step::Moved { from } });
        }
    }

    /// The decision when the rules had no say in it.
    fn leave_alone(self, now: Timestamp) -> Decision {
        let (history, episodes) = self.history_and_episodes();
        let mut replay = Replay::new(&history, self.settings, episodes);
        replay.look(now);
        let ahead = Ahead::of(&replay, now);
        self.close_books(ahead, false)
    }

    fn close_books(self, ahead: Ahead, first_evaluation: bool) -> Decision {
        let Ahead { next_due, outlook } = ahead;
        let mut decision = Decision { transitions: self.transitions, next_due, outlook, ..Decision::default() };
        for (place, Draft { alert, announce, refresh }) in self.drafts {
            if self.subject.alerts.get(place) == Some(&alert) {
                continue;
            }
            decision.effects.push(Effect::WriteAlert(alert.id.clone()));
            if refresh {
                decision.effects.push(Effect::RefreshMessages(alert.id.clone()));
            }
            if let Some((occasion, at)) = announce {
                let alert = alert.id.clone();
                decision.effects.push(Effect::Announce { alert, occasion, at, first_evaluation });
            }
            decision.alerts.push(alert);
        }
        decision
    }
}
