//! What is known of one lead, reduced to what the rules ask: who reached out when and where, whether it waits
//! for an answer, what is planned. Small and without text, so that two million facts fit in memory.

use serde::{Deserialize, Serialize};

use crate::domain::{
    Activity, ActivityStatus, Alert, Channel, Direction, Evidence, Lead, Reading, Seconds, Timestamp, Trace,
};

use super::Settings;

/// What an activity, or a person's act, means for the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// We reached out.
    Outbound {
        /// It was answered then and there.
        replied: bool,
        /// It gives the lead what an inbound waits for; all but a call that nobody picked up.
        answers: bool,
    },
    /// The lead reached out.
    Inbound {
        /// It expects a reply, and nobody picked it up.
        waits: bool,
        /// It may start a HotLead24h while it waits.
        hot: bool,
        /// A call we picked up: also an outbound, and its own answer.
        picked_up: bool,
    },
    /// A person closed an alert about an answer: an answer, and for NoContact7d an outbound.
    Handled,
}

impl Deed {
    /// What an activity means; `None` when it does not exist for any rule (an auto-reply) or only as a next
    /// step. `young`: see [`is_young`].
    pub fn of(
        channel: Channel,
        direction: Direction,
        status: ActivityStatus,
        reading: Reading,
        young: bool,
    ) -> Option<Self> {
        let unanswered_call = channel == Channel::Call && status == ActivityStatus::NoAnswer;
        if status == ActivityStatus::Planned {
            return None;
        }
        match direction {
            Direction::Out => {
                Some(Self::Outbound { replied: status == ActivityStatus::Replied, answers: !unanswered_call })
            }
            Direction::In if reading.auto_reply => None,
            Direction::In => {
                let picked_up = channel == Channel::Call && !unanswered_call;
                let expects_reply = reading.expects_reply || reading.intent || unanswered_call;
                let waits = expects_reply && !picked_up && channel != Channel::Manual;
                Some(Self::Inbound { waits, hot: waits && reading.intent && young, picked_up })
            }
        }
    }
}

/// Whether an inbound at `at` was less than 24 h old (the threshold `hot`) when it could first have been seen,
/// and when its lead came into being.
pub fn is_young(at: Timestamp, fresh_as_of: Timestamp, lead_created_at: Timestamp, hot: Seconds) -> bool {
    fresh_as_of.since(at) < hot && lead_created_at.since(at) < hot
}

/// Something that happened at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// When.
    pub at: Timestamp,
    /// Which activity it was, by its place in the list it came from.
    pub index: u32,
    /// Where; of no meaning for [`Deed::Handled`].
    pub channel: Channel,
    /// What.
    pub deed: Deed,
}

/// A planned activity: the matter is in hand while it is pending. Ordered by when it was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NextStep {
    /// From this instant on it is pending (inclusive).
    pub planned_at: Timestamp,
    /// Until this one (exclusive): its own instant and the grace after it.
    pub until: Timestamp,
}

impl NextStep {
    /// A step planned at `planned_at` for `at`.
    pub fn new(planned_at: Timestamp, at: Timestamp, settings: &Settings) -> Self {
        Self { planned_at, until: at.plus(settings.next_step_grace) }
    }

    pub(super) fn is_pending(self, now: Timestamp) -> bool {
        self.planned_at <= now && now < self.until
    }

    /// Whether it is pending at any time.
    pub(super) fn is_ever_pending(self) -> bool {
        self.planned_at < self.until
    }
}

/// When a lead is active, and whether it may be contacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// When it came into being.
    pub created_at: Timestamp,
    /// Gone.
    pub deleted: bool,
    /// Its status is an active one; not asked when `closed_at` is known.
    pub active_status: bool,
    /// Active before this instant, inactive from it on.
    pub closed_at: Option<Timestamp>,
    /// Not to be contacted.
    pub do_not_contact: bool,
}

/// Whether a lead is there to be followed up at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It does not exist yet.
    NotYet,
    /// It may have open alerts.
    Active,
    /// Converted, dead, or whatever else ends it.
    Closed,
    /// Gone from the CRM.
    Deleted,
}

impl Life {
    /// A lead's life under these settings.
    pub fn of(lead: &Lead, settings: &Settings) -> Self {
        let active_status = settings.is_active_status(&lead.status);
        Self {
            created_at: lead.created_at,
            deleted: lead.deleted,
            active_status,
            // Under other settings the status may have been one that ends a lead.
            closed_at: lead.closed_at.filter(|_| !active_status),
            do_not_contact: lead.is_do_not_contact(),
        }
    }

    /// The lead's presence at `now`.
    pub fn presence(&self, now: Timestamp) -> Presence {
        if self.deleted {
            return Presence::Deleted;
        }
        if now < self.created_at {
            return Presence::NotYet;
        }
        let active = self.closed_at.map_or(self.active_status, |closed_at| now < closed_at);
        if active { Presence::Active } else { Presence::Closed }
    }
}

/// One lead's history: its life, what happened ordered by (instant, activity id), what is planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// The lead's own terms.
    pub life: Life,
    /// What happened, and what is dated later than now.
    pub facts: Vec<Fact>,
    /// Planned activities, in their order.
    pub steps: Vec<NextStep>,
}

impl History {
    /// The history in a lead's activities (ordered by (timestamp, id)) and alerts. An inbound that has had its
    /// HotLead24h is not tested for youth again, and an alert about an answer that a person closed is an
    /// answer.
    pub fn of(lead: &Lead, activities: &[Activity], alerts: &[&Alert], settings: &Settings) -> Self {
        let life = Life::of(lead, settings);
        let traces = activities.iter().map(Activity::trace);
        let (mut facts, steps) = facts_and_steps(traces, settings, |place, trace| {
            is_young(trace.timestamp, trace.fresh_as_of, life.created_at, settings.hot)
                || has_been_hot(alerts, &activities[place])
        });
        let about_an_answer = alerts.iter().filter(|alert| alert.alert_type.is_about_an_answer());
        let handled = about_an_answer.filter_map(|alert| alert.resolution()).map(|resolution| Fact {
            at: resolution.at,
            index: u32::MAX,
            channel: Channel::Manual,
            deed: Deed::Handled,
        });
        let known = facts.len();
        facts.extend(handled);
        if facts.len() > known {
            facts.sort_by_key(|fact| fact.at);
        }
        Self { life, facts, steps }
    }
}

impl History {
    /// The history as it would have been watched all along, by somebody who was told at once: every inbound was young when
    /// it came (unless its lead came later), and nobody acted on an alert.
    pub(crate) fn as_watched(lead: &Lead, activities: &[Trace], settings: &Settings) -> Self {
        let life = Life::of(lead, settings);
        let young =
            |_, activity: &Trace| is_young(activity.timestamp, activity.timestamp, life.created_at, settings.hot);
        let (facts, steps) = facts_and_steps(activities.iter().copied(), settings, young);
        Self { life, facts, steps }
    }
}

/// Whether this very inbound has opened a HotLead24h already.
fn has_been_hot(alerts: &[&Alert], activity: &Activity) -> bool {
    alerts.iter().any(|alert| match &alert.evidence {
        Evidence::HotLead { inbound, .. } => alert.openings > 0 && inbound.activity_id == activity.id,
        Evidence::AwaitingReply { .. }
        | Evidence::NoContact { .. }
        | Evidence::Stale { .. }
        | Evidence::NoFollowup { .. }
        | Evidence::NoReply { .. }
        | Evidence::PreferredChannel { .. } => false,
    })
}

/// The facts and next steps in activities ordered by (timestamp, id). `young` is asked with an activity's place.
pub(super) fn facts_and_steps(
    activities: impl ExactSizeIterator<Item = Trace>,
    settings: &Settings,
    young: impl Fn(usize, &Trace) -> bool,
) -> (Vec<Fact>, Vec<NextStep>) {
    let mut facts = Vec::with_capacity(activities.len());
    let mut steps = Vec::new();
    for ((index, place), activity) in (0u32..).zip(0..).zip(activities) {
        let Trace { channel, direction, status, reading, timestamp: at, .. } = activity;
        if status == ActivityStatus::Planned {
            let planned_at = activity.created_at.unwrap_or(activity.first_seen);
            steps.push(NextStep::new(planned_at, at, settings));
        } else if let Some(deed) = Deed::of(channel, direction, status, reading, young(place, &activity)) {
            facts.push(Fact { at, index, channel, deed });
        }
    }
    steps.sort_unstable();
    (facts, steps)
}
