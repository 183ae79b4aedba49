//! Figures about alerts: how many came, how many are dealt with, how fast the hot ones were. Of one rep, or of a team.

use std::collections::BTreeSet;

use crate::domain::{Alert, AlertId, AlertState, AlertType, CloseReason, Seconds, Severity, TeamId, Timestamp, UserId};
use crate::store::{Result, StepKind, Store};

/// Fewer hot leads than this have no typical time.
pub const HOT_NEEDED: usize = 3;

/// Whose alerts are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// A rep's.
    Rep(UserId),
    /// Those of these teams.
    Teams(BTreeSet<TeamId>),
}

impl Whose {
    /// Whether an alert counts.
    pub fn takes(&self, alert: &Alert) -> bool {
        match self {
            Self::Rep(user) => alert.owner.as_ref() == Some(user),
            Self::Teams(teams) => alert.teams.iter().any(|team| teams.contains(team)),
        }
    }
}

/// What happened since an instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Period {
    /// Alerts that opened, each once.
    pub opened: usize,
    /// Alerts that people dealt with: marked so, answered, or with a next step.
    pub handled: usize,
    /// How long each hot lead waited until it was dealt with, shortest first.
    pub reactions: Vec<Seconds>,
}

impl Period {
    /// How long the hot lead in the middle waited; `None` when there are too few to tell.
    pub fn typical_reaction(&self) -> Option<Seconds> {
        let middle = self.reactions.len() / 2;
        if self.reactions.len() < HOT_NEEDED {
            return None;
        }
        let upper = self.reactions[middle];
        Some(if self.reactions.len() % 2 == 1 { upper } else { (self.reactions[middle - 1] + upper) / 2 })
    }
}

/// How things stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Alerts that are open.
    pub open: usize,
    /// Of those, the urgent ones.
    pub urgent: usize,
    /// Of those, leads that wait for an answer.
    pub to_answer: usize,
    /// Of those, leads to follow up.
    pub to_follow_up: usize,
    /// Alerts that were put off.
    pub snoozed: usize,
}

/// Whether an alert asks for a lead to be followed up.
pub fn is_follow_up(alert_type: AlertType) -> bool {
    match alert_type {
        AlertType::NoContact7d | AlertType::NoReply3d | AlertType::NoFollowup7d | AlertType::StaleLead30d => true,
        AlertType::HotLead24h | AlertType::AwaitingReply24h | AlertType::PreferredChannel => false,
    }
}

/// How things stand now.
///
/// # Errors
/// When the store cannot be read.
pub fn standing(store: &Store, whose: &Whose) -> Result<Standing> {
    let mut standing = Standing::default();
    for alert in store.open_alerts()?.iter().filter(|alert| whose.takes(alert)) {
        if alert.state != AlertState::Open {
            standing.snoozed += 1;
            continue;
        }
        standing.open += 1;
        standing.urgent += usize::from(alert.severity() == Severity::Urgent);
        standing.to_answer += usize::from(alert.alert_type.is_about_an_answer());
        standing.to_follow_up += usize::from(is_follow_up(alert.alert_type));
    }
    Ok(standing)
}

/// What happened from `since` (inclusive) on.
///
/// # Errors
/// When the store cannot be read.
pub fn period(store: &Store, whose: &Whose, since: Timestamp) -> Result<Period> {
    let (mut opened, mut ended) = (BTreeSet::<AlertId>::new(), BTreeSet::<AlertId>::new());
    for step in store.steps_since(since)? {
        match step.kind {
            StepKind::Opened => drop(opened.insert(step.alert)),
            StepKind::Closed | StepKind::Resolved => drop(ended.insert(step.alert)),
            StepKind::Other => {}
        }
    }
    let mut period = Period::default();
    for id in opened.union(&ended) {
        let Some(alert) = store.alert(id)?.filter(|alert| whose.takes(alert)) else { continue };
        period.opened += usize::from(opened.contains(id));
        let Some(handled_at) = handled(&alert).filter(|_| ended.contains(id)) else { continue };
        period.handled += 1;
        let waited = alert.opened_at.map(|opened| handled_at.since(opened).max(0));
        period.reactions.extend(waited.filter(|_| alert.alert_type == AlertType::HotLead24h));
    }
    period.reactions.sort_unstable();
    Ok(period)
}

/// When somebody dealt with an alert; `None` when nobody did.
fn handled(alert: &Alert) -> Option<Timestamp> {
    match &alert.state {
        AlertState::Resolved(resolution) => Some(resolution.at),
        AlertState::Closed { at, reason: CloseReason::Cleared | CloseReason::Planned } => Some(*at),
        AlertState::Closed {
            reason: CloseReason::LeadDeleted | CloseReason::LeadClosed | CloseReason::Superseded,
            ..
        }
        | AlertState::Open
        | AlertState::Snoozed { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typical_time_needs_three_leads() {
        let of =
            |reactions: &[Seconds]| Period { reactions: reactions.to_vec(), ..Period::default() }.typical_reaction();
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[60, 120]), None);
        assert_eq!(of(&[60, 120, 9_000]), Some(120));
        assert_eq!(of(&[60, 120, 180, 9_000]), Some(150));
    }
}
