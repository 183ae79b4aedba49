//! All that is known of one lead, gathered from the mirror for whoever asks by name.

use super::briefing::{Briefing, Speaker};
use super::insights::habits;
use crate::domain::insight::LeadInsight;
use crate::domain::meaning::messages;
use crate::domain::{Activity, ActivityStatus, AlertState, Lead, LeadId, Timestamp, User};
use crate::insight::lead::{Lens, known_of};
use crate::insight::zone;
use crate::rules::{preferred, rates};
use crate::store::{Result, Store};

/// How many exchanges are shown.
pub const EXCHANGES: usize = 8;

/// One lead.
#[derive(Clone, Debug)]
pub struct Dossier {
    /// The lead.
    pub lead: Lead,
    /// Its owner, if known.
    pub owner: Option<User>,
    /// Its most pressing open alert.
    pub alert: Option<Briefing>,
    /// Its latest exchanges, latest first, at most [`EXCHANGES`].
    pub exchanges: Vec<Activity>,
    /// How many there are besides.
    pub more: usize,
    /// Whether it has written.
    pub wrote: bool,
    /// What is known beyond its alerts.
    pub insight: LeadInsight,
    /// Where people open it.
    pub link: String,
}

impl Dossier {
    /// Gathers; `None` when the lead is gone.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn load(store: &Store, speaker: &Speaker, lead: &LeadId, now: Timestamp) -> Result<Option<Self>> {
        let Some(lead) = store.lead(lead)?.filter(|lead| !lead.deleted) else { return Ok(None) };
        let owner = lead.owner.as_ref().map(|owner| store.user(owner)).transpose()?.flatten();
        let mut alerts = store.alerts_of(&lead.id)?;
        alerts.retain(|alert| alert.state.is_open() && alert.opened_at.is_some());
        let is_snoozed = |state: &AlertState| matches!(state, AlertState::Snoozed { .. });
        alerts.sort_by_key(|alert| (is_snoozed(&alert.state), speaker.pressing(alert.severity()), alert.opened_at));
        let alert = match alerts.into_iter().next() {
            Some(alert) => Briefing::load(store, speaker, alert, now)?,
            None => None,
        };
        let mut activities = store.activities(&lead.id)?;
        let insight = known(store, speaker, &lead, &activities, now)?;
        activities.retain(|activity| activity.status != ActivityStatus::Planned && activity.timestamp <= now);
        let wrote = messages(&activities, now).next().is_some();
        let more = activities.len().saturating_sub(EXCHANGES);
        let exchanges = activities.into_iter().rev().take(EXCHANGES).collect();
        let link = speaker.lead_url(&lead);
        Ok(Some(Self { lead, owner, alert, exchanges, more, wrote, insight, link }))
    }
}

/// What is known of a lead beyond its alerts, from its activities (ordered by time).
///
/// # Errors
/// When the store cannot be read.
pub fn known(
    store: &Store,
    speaker: &Speaker,
    lead: &Lead,
    activities: &[Activity],
    now: Timestamp,
) -> Result<LeadInsight> {
    let rules = &speaker.rules;
    let best = preferred(activities, rules, now).map(|rate| rate.channel);
    let habits = habits(store)?;
    let home = lead.phone.as_deref().and_then(zone::of_phone).unwrap_or(speaker.zone);
    let lens = Lens { usual: &habits.hours, home, zone: speaker.zone, grace: rules.next_step_grace };
    Ok(known_of(activities, rates(activities, rules, now), best, lens, now))
}
