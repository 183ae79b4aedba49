//! The rules: the facts of one lead and an instant in, findings with their evidence out.
//!
//! [`History`] is what is known of a lead, [`Situation`] where it stands at an instant, [`Summary`] what is left of
//! both when only time is to come; each rule lives in a file of its own and says when it holds and at which instant that can change by time alone.

pub mod history;
pub mod situation;

mod awaiting_reply;
mod hot_lead;
mod no_contact;
mod no_followup;
mod no_reply;
mod preferred_channel;
mod settings;
mod stale_lead;
mod summary;

use crate::domain::alert::{ChannelRate, Cited};
use situation::{Basis, View};

use crate::domain::{Activity, Alert, AlertType, Anchor, Evidence, Lead, Timestamp};

pub use history::{History, Presence};
pub(crate) use preferred_channel::first_informed;
pub use preferred_channel::{attempts, preferred, rates};
pub use settings::{BadSettings, PreferredChannelSettings, Settings, Span, settings_from_toml};
pub(crate) use situation::Course;
pub use situation::{Mark, Situation};
pub use summary::Summary;

/// All that a verdict about one lead rests on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The lead.
    pub lead: &'a Lead,
    /// Its activities, ordered by (timestamp, id).
    pub activities: &'a [Activity],
    /// Its alerts, in any order: one about an answer that a person closed is an answer.
    pub alerts: &'a [Alert],
}

/// A rule that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which rule.
    pub alert_type: AlertType,
    /// The fact that started this episode.
    pub anchor: Anchor,
    /// What it rests on.
    pub grounds: Grounds,
}

/// What a finding rests on, before anybody wants to read it: activities by their place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the same as in `Evidence`")]
pub enum Grounds {
    HotLead { inbound: Mark, waiting: u32 },
    AwaitingReply { first: Mark, last: Mark, waiting: u32 },
    NoContact { created_at: Timestamp, last_inbound: Option<Mark> },
    Stale { last: Option<Mark>, since: Timestamp },
    NoFollowup { last: Mark },
    NoReply { last_out: Mark },
    PreferredChannel { best: ChannelRate, second: ChannelRate },
}

impl Grounds {
    /// The evidence for people; `activities` are those the finding was made from.
    pub fn evidence(self, activities: &[Activity]) -> Evidence {
        let cite = |mark: Mark| cite(&activities[mark.index() as usize]);
        match self {
            Self::HotLead { inbound, waiting } => Evidence::HotLead { inbound: cite(inbound), waiting },
            Self::AwaitingReply { first, last, waiting } => {
                Evidence::AwaitingReply { first: cite(first), last: cite(last), waiting }
            }
            Self::NoContact { created_at, last_inbound } => {
                Evidence::NoContact { created_at, last_inbound: last_inbound.map(cite) }
            }
            Self::Stale { last, since } => Evidence::Stale { last: last.map(cite), since },
            Self::NoFollowup { last } => Evidence::NoFollowup { last: cite(last) },
            Self::NoReply { last_out } => Evidence::NoReply { last_out: cite(last_out) },
            Self::PreferredChannel { best, second } => Evidence::PreferredChannel { best, second },
        }
    }
}

fn cite(activity: &Activity) -> Cited {
    Cited {
        activity_id: activity.id.clone(),
        channel: activity.channel,
        direction: activity.direction,
        at: activity.timestamp,
        preview: activity.preview.chars().take(Cited::PREVIEW_CHARS).collect(),
    }
}

/// All that the rules say about one lead at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// Whether the lead is there to be followed up; if not, nothing is found.
    pub presence: Presence,
    /// One place per rule, in the order of [`AlertType::ALL`].
    findings: [Option<Finding>; 7],
    held_back: [bool; 7],
    /// The next instant, later than the one of this evaluation, at which a finding can change by time alone.
    /// It may be earlier than a change, never later.
    pub next_due: Option<Timestamp>,
}

impl Evaluation {
    /// The rules that hold, the most telling first.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().flatten()
    }

    /// What this rule found.
    pub fn finding(&self, alert_type: AlertType) -> Option<&Finding> {
        self.findings[alert_type as usize].as_ref()
    }

    /// Whether this rule does not hold, but would, whatever the anchor, if no next step were pending.
    pub fn is_held_back(&self, alert_type: AlertType) -> bool {
        self.held_back[alert_type as usize]
    }
}

/// What the rules say about a lead at `now`.
pub fn evaluate(facts: &Facts<'_>, settings: &Settings, now: Timestamp) -> Evaluation {
    let alerts: Vec<&Alert> = facts.alerts.iter().collect();
    let history = History::of(facts.lead, facts.activities, &alerts, settings);
    let mut course = Course::default();
    course.advance(&history.facts, &settings.preferred_channel, now);
    course.advance_steps(&history.steps, now);
    let verdict = verdict(&history, &course, settings, now);
    Evaluation {
        presence: verdict.presence,
        findings: AlertType::ALL.map(|alert_type| verdict.finding(alert_type)),
        held_back: AlertType::ALL.map(|alert_type| verdict.is_held_back(alert_type)),
        next_due: verdict.next_due(),
    }
}

/// What the rules say about a lead whose course as of `now` has been followed.
pub(crate) fn verdict<'a>(
    history: &'a History,
    course: &'a Course,
    settings: &'a Settings,
    now: Timestamp,
) -> Verdict<'a> {
    Verdict::new(course.basis(history), settings, now)
}

/// The verdict on one lead at an instant, rule by rule: whoever goes through time asks for few of them.
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'a> {
    /// Whether the lead is there to be followed up; if not, nothing is found.
    pub presence: Presence,
    basis: Basis<'a>,
    /// What the rules are asked against, while the lead is active.
    view: Option<View<'a>>,
    settings: &'a Settings,
}

impl<'a> Verdict<'a> {
    fn new(basis: Basis<'a>, settings: &'a Settings, now: Timestamp) -> Self {
        let presence = basis.life.presence(now);
        let view = (presence == Presence::Active).then(|| View::actual(&basis, now));
        Self { presence, basis, view, settings }
    }

    /// What this rule finds.
    pub fn finding(&self, alert_type: AlertType) -> Option<Finding> {
        holds(alert_type, self.view.as_ref()?, self.settings)
    }

    /// The rules that hold, the most telling first.
    pub fn findings(&self) -> impl Iterator<Item = Finding> {
        AlertType::ALL.into_iter().filter_map(|alert_type| self.finding(alert_type))
    }

    /// See [`Evaluation::is_held_back`].
    pub fn is_held_back(&self, alert_type: AlertType) -> bool {
        let Some(view) = self.view.as_ref().filter(|view| view.step_pending) else { return false };
        let without_steps = View::without_steps(&self.basis, view.now);
        self.finding(alert_type).is_none() && holds(alert_type, &without_steps, self.settings).is_some()
    }

    /// See [`Evaluation::next_due`].
    pub fn next_due(&self) -> Option<Timestamp> {
        match &self.view {
            Some(view) => next_due(&self.basis, view, self.settings),
            None => (self.presence == Presence::NotYet).then_some(self.basis.life.created_at),
        }
    }
}

fn holds(alert_type: AlertType, view: &View<'_>, settings: &Settings) -> Option<Finding> {
    if !settings.is_enabled(alert_type) {
        return None;
    }
    match alert_type {
        AlertType::HotLead24h => hot_lead::holds(view),
        AlertType::AwaitingReply24h => awaiting_reply::holds(view, settings),
        AlertType::NoContact7d => no_contact::holds(view, settings),
        AlertType::StaleLead30d => stale_lead::holds(view, settings),
        AlertType::NoFollowup7d => no_followup::holds(view, settings),
        AlertType::NoReply3d => no_reply::holds(view, settings),
        AlertType::PreferredChannel => preferred_channel::holds(view, settings),
    }
}

/// The next instant at which the findings about an active lead can change by time alone: a threshold is
/// reached, a next step begins or ends to be pending, a fact dated later comes true, the lead ends.
fn next_due(basis: &Basis<'_>, view: &View<'_>, settings: &Settings) -> Option<Timestamp> {
    let mut soonest: Option<Timestamp> = None;
    let mut consider = |at: Option<Timestamp>| {
        if let Some(at) = at.filter(|at| *at > view.now && soonest.is_none_or(|soonest| *at < soonest)) {
            soonest = Some(at);
        }
    };
    consider(basis.life.closed_at);
    consider(basis.next_fact);
    consider(basis.in_hand.ends_at());
    consider(basis.in_hand.next_planned);
    consider(awaiting_reply::next_due(view, settings));
    consider(no_contact::next_due(view, settings));
    consider(Some(stale_lead::next_due(view, settings)));
    consider(no_followup::next_due(view, settings));
    consider(no_reply::next_due(view, settings));
    consider(preferred_channel::next_due(view, settings));
    soonest
}
