//! The story of an alert, as its record in the CRM tells it: each step is kept with who took it and where, in the
//! write of the decision that it came from.

use super::Engine;
use super::evaluate::Loaded;
use crate::decide::{Decision, Step, Transition};
use crate::domain::alert::{Cited, Via};
use crate::domain::effect::Effect;
use crate::domain::event::{Actor, EVENTS_TOLD, Event, EventKind};
use crate::domain::observation::RecordRef;
use crate::domain::{Alert, AlertId, AlertState, Evidence, UserId};
use crate::store::{Batch, Result, Store};

/// What happened to an alert, oldest first, at most [`EVENTS_TOLD`]. Of one that is older than the chronicle, what its
/// state tells.
///
/// # Errors
/// When the store cannot be read.
pub fn events_of(store: &Store, alert: &Alert) -> Result<Vec<Event>> {
    let mut events = store.events(&alert.id, EVENTS_TOLD)?;
    let is_untold = events.first().is_none_or(|first| first.kind != EventKind::Opened);
    if let Some(opened_at) = alert.opened_at.filter(|_| is_untold) {
        if events.is_empty() {
            events.extend(outcome(alert));
        }
        let first = events.first().map_or(opened_at, |event| event.at.min(opened_at));
        if events.len() == EVENTS_TOLD {
            events.remove(0);
        }
        events.insert(0, Event::new(first, EventKind::Opened));
    }
    // After a store was lost, an alert is found anew.
    for event in events.iter_mut().skip(1).filter(|event| event.kind == EventKind::Opened) {
        event.kind = EventKind::Reopened;
    }
    Ok(events)
}

/// What an alert's state tells of how it came to it.
fn outcome(alert: &Alert) -> Option<Event> {
    match &alert.state {
        AlertState::Open | AlertState::Snoozed { .. } => None,
        AlertState::Closed { at, reason } => {
            Some(Event { reason: Some(*reason), ..Event::new(*at, EventKind::Closed) })
        }
        AlertState::Resolved(resolution) => {
            let actor = Actor { name: resolution.by.clone(), user: resolution.user.clone(), via: resolution.via };
            Some(Event::new(resolution.at, EventKind::Resolved).by(Some(&actor)))
        }
    }
}

/// The CRM's record of the one message or meeting that an alert rests on, if there is one and it is of a kind that an
/// alert's record can point at.
///
/// # Errors
/// When the store cannot be read.
pub fn message_of(store: &Store, alert: &Alert) -> Result<Option<RecordRef>> {
    let cited = cited(&alert.evidence);
    let Some(activity) = cited.map(|cited| &cited.activity_id) else { return Ok(None) };
    if let Some(id) = store.activity_record(&alert.lead_id, activity)? {
        return Ok(Some(RecordRef::new("MaxActivity", id)));
    }
    let named = activity.as_str().split_once(':').filter(|(entity, _)| NAMED.contains(entity));
    Ok(named.map(|(entity, id)| RecordRef::new(entity, id)))
}

/// The one activity that an alert rests on, if there is one.
pub(super) fn cited(evidence: &Evidence) -> Option<&Cited> {
    match evidence {
        Evidence::HotLead { inbound, .. } => Some(inbound),
        Evidence::AwaitingReply { first, .. } => Some(first),
        Evidence::NoReply { last_out } => Some(last_out),
        Evidence::NoFollowup { last } => Some(last),
        Evidence::Stale { last, .. } => last.as_ref(),
        Evidence::NoContact { .. } | Evidence::PreferredChannel { .. } => None,
    }
}

/// The stock entities that the record's `message` may lead to: their activities are called `<Entity>:<id>`.
const NAMED: [&str; 4] = ["Email", "Call", "Meeting", "Lead"];

impl Engine {
    /// Enters one step of a decision. `by` is the person whose act it was.
    pub(super) fn chronicle(
        &self,
        batch: &mut Batch,
        loaded: &Loaded,
        decision: &Decision,
        place: usize,
        by: Option<&Actor>,
        sequence: u64,
    ) -> Result<()> {
        let Some(Transition { at, alert, step }) = decision.transitions.get(place) else { return Ok(()) };
        let event = |kind| Event::new(*at, kind);
        let event = match step {
            Step::Opened => {
                let is_opened = |transition: &Transition| transition.alert == *alert && transition.step == Step::Opened;
                let was_open = loaded.alerts.iter().any(|known| known.id == *alert && known.openings > 0)
                    || decision.transitions[..place].iter().any(is_opened);
                event(if was_open { EventKind::Reopened } else { EventKind::Opened })
            }
            Step::Closed(reason) => Event { reason: Some(*reason), ..event(EventKind::Closed).by(by) },
            Step::Resolved => event(EventKind::Resolved).by(by),
            Step::Unresolved => event(EventKind::Unresolved).by(by),
            Step::Snoozed { until } => Event { until: Some(*until), ..event(EventKind::Snoozed).by(by) },
            Step::Unsnoozed => event(EventKind::Unsnoozed).by(by),
            Step::Woke => event(EventKind::SnoozeOver),
            Step::Moved { from } if *from == loaded.lead.owner => return Ok(()),
            Step::Moved { .. } => {
                let who = loaded.lead.owner.as_ref().map(|owner| self.name_of(owner)).transpose()?;
                Event { who, ..event(EventKind::OwnerChanged) }
            }
        };
        batch.add_event(alert, &event, sequence);
        Ok(())
    }

    /// Enters that somebody was told of alerts, and has their records show it.
    pub(super) fn chronicle_told(
        &mut self,
        batch: &mut Batch,
        alerts: &[AlertId],
        told: Option<&UserId>,
    ) -> Result<()> {
        let now = self.now();
        let who = told.map(|user| self.name_of(user)).transpose()?;
        let event = Event { who, via: Some(Via::Telegram), ..Event::new(now, EventKind::Announced) };
        for alert in alerts {
            let sequence = self.next_sequence();
            batch.add_event(alert, &event, sequence);
            self.add_effect(batch, Effect::WriteAlert(alert.clone()), now)?;
        }
        Ok(())
    }

    /// Takes over what an alert's record tells of its past, and has the record written.
    pub(super) fn remember(&mut self, alert: &AlertId, events: &[Event]) -> Result<()> {
        let mut batch = Batch::default();
        for event in events {
            let sequence = self.next_sequence();
            batch.add_event(alert, event, sequence);
        }
        let now = self.now();
        self.add_effect(&mut batch, Effect::WriteAlert(alert.clone()), now)?;
        self.store.apply(batch)
    }

    fn name_of(&self, user: &UserId) -> Result<String> {
        Ok(self.store.user(user)?.map_or_else(|| user.to_string(), |user| user.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alert::Resolution;
    use crate::domain::{AlertType, Anchor, CloseReason, LeadId, Timestamp};

    const T: Timestamp = Timestamp(1_772_355_600);

    fn alert(state: AlertState) -> Alert {
        Alert {
            id: AlertId::from("a0123456789abcdef"),
            lead_id: LeadId::from("l1"),
            alert_type: AlertType::NoContact7d,
            anchor: Anchor::At(T),
            state,
            opened_at: Some(T),
            openings: 1,
            due_at: None,
            evidence: Evidence::NoContact { created_at: T, last_inbound: None },
            owner: None,
            teams: Vec::new(),
        }
    }

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        (folder, store)
    }

    #[test]
    fn an_alert_from_before_the_chronicle_tells_what_its_state_does() {
        let (_folder, store) = store();
        let resolution = Resolution {
            at: T.plus(60),
            by: "Luc".to_owned(),
            user: None,
            via: Via::Crm,
            note: String::new(),
            act: AlertId::from("a0123456789abcdef"),
        };
        let told = events_of(&store, &alert(AlertState::Resolved(resolution))).unwrap();
        assert_eq!(told.iter().map(|event| event.kind).collect::<Vec<_>>(), [EventKind::Opened, EventKind::Resolved]);
        assert_eq!((told[1].who.as_deref(), told[1].via), (Some("Luc"), Some(Via::Crm)));
        let closed = alert(AlertState::Closed { at: T.plus(60), reason: CloseReason::Cleared });
        assert_eq!(events_of(&store, &closed).unwrap()[1].reason, Some(CloseReason::Cleared));
        let mut batch = Batch::default();
        batch.add_event(&closed.id, &Event::new(T.plus(90), EventKind::Reopened), 1);
        store.apply(batch).unwrap();
        let again = events_of(&store, &Alert { opened_at: Some(T.plus(90)), ..alert(AlertState::Open) }).unwrap();
        assert_eq!(again.iter().map(|event| event.kind).collect::<Vec<_>>(), [EventKind::Opened, EventKind::Reopened]);
    }

    #[test]
    fn of_a_long_story_whose_beginning_is_not_known_the_end_is_told_all_the_same() {
        let (_folder, store) = store();
        let alert = alert(AlertState::Open);
        let mut batch = Batch::default();
        for number in 1..=80 {
            batch.add_event(&alert.id, &Event::new(T.plus(number), EventKind::Snoozed), 1);
        }
        store.apply(batch).unwrap();
        let told = events_of(&store, &alert).unwrap();
        assert_eq!((told.len(), told[0].kind), (EVENTS_TOLD, EventKind::Opened));
        assert_eq!(told.last().unwrap().at, T.plus(80));
    }

    #[test]
    fn of_a_long_story_the_beginning_and_the_end_are_told() {
        let (_folder, store) = store();
        let alert = alert(AlertState::Open);
        let mut batch = Batch::default();
        for number in 0..80 {
            let kind = if number == 0 { EventKind::Opened } else { EventKind::Snoozed };
            batch.add_event(&alert.id, &Event::new(T.plus(number), kind), 1);
        }
        batch.add_event(&AlertId::from("another"), &Event::new(T, EventKind::Opened), 1);
        store.apply(batch).unwrap();
        let told = events_of(&store, &alert).unwrap();
        assert_eq!(told.len(), EVENTS_TOLD);
        assert_eq!((told[0].at, told[1].at, told[49].at), (T, T.plus(31), T.plus(79)));
    }
}
