//! The decision: facts of one lead + its alerts + now = what opens, closes, falls silent, and what is to be
//! done about it. Pure; it cannot fail.

use crate::domain::alert::Resolution;
use crate::domain::calendar::Calendar;
use crate::domain::effect::Effect;
use crate::domain::{Activity, Alert, AlertId, CloseReason, Lead, Timestamp, UserId};
use crate::rules::Settings;

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
    Snoozed,
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
    let _ = (subject, settings, from, to, first_evaluation);
    unimplemented!()
}

/// A person closes an alert, at `resolution.at`. Settles the lower episodes that hold by the same act. Closing
/// what is resolved already changes nothing.
pub fn resolve(subject: &Subject<'_>, settings: &Settings, alert: &AlertId, resolution: Resolution) -> Decision {
    let _ = (subject, settings, alert, resolution);
    unimplemented!()
}

/// A person takes a resolution back, at `now`, and with it all that the same act settled.
pub fn unresolve(subject: &Subject<'_>, settings: &Settings, alert: &AlertId, now: Timestamp) -> Decision {
    let _ = (subject, settings, alert, now);
    unimplemented!()
}

/// A person silences an open alert until `until` (exclusive), at `now`; `None` ends a snooze.
pub fn snooze(
    subject: &Subject<'_>,
    settings: &Settings,
    alert: &AlertId,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Decision {
    let _ = (subject, settings, alert, until, now);
    unimplemented!()
}
