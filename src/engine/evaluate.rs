//! Evaluating: facts of one lead in, a decision out, one atomic write.

use super::observe::{BACKFILLED, LAST_SYNC};
use super::{Engine, boundary};
use crate::decide::{self, Decision, Step, Subject};
use crate::domain::{Activity, Alert, AlertId, Lead, LeadId, Timestamp};
use crate::store::{Batch, Evaluated, OutboxEntry, Result, StepKind, StepRow, Store};

/// Set once every lead has been evaluated for the first time.
const FIRST_EVALUATION: &str = "first_evaluation_done";
/// Leads evaluated in one job: other jobs wait no longer than these take.
const LEADS_PER_JOB: usize = 200;

/// What an evaluation of many leads did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Leads evaluated.
    pub evaluated: usize,
    /// Alerts that opened, or opened again.
    pub opened: usize,
    /// Alerts that closed by themselves.
    pub closed: usize,
}

impl Tally {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            evaluated: self.evaluated + other.evaluated,
            opened: self.opened + other.opened,
            closed: self.closed + other.closed,
        }
    }
}

/// How far the evaluation of what is due has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More is due: ask again.
    More(Tally),
    /// Nothing more is due now.
    Done(Tally),
    /// The sources are not complete, or too old: time alone decides nothing yet.
    Waiting,
}

/// All that a decision about one lead rests on, loaded.
pub(super) struct Loaded {
    pub(super) lead: Lead,
    pub(super) activities: Vec<Activity>,
    pub(super) alerts: Vec<Alert>,
    pub(super) evaluated: Evaluated,
}

impl Loaded {
    pub(super) fn subject<'a>(&'a self, engine: &'a Engine) -> Subject<'a> {
        Subject {
            lead: &self.lead,
            activities: &self.activities,
            alerts: &self.alerts,
            calendar: &engine.policy.calendar,
        }
    }
}

/// Whether the very first evaluation of every lead is still under way.
///
/// # Errors
/// When the store cannot be read.
pub fn is_first_evaluation(store: &Store) -> Result<bool> {
    Ok(!store.meta::<bool>(FIRST_EVALUATION)?.unwrap_or_default())
}

impl Engine {
    pub(super) fn load(&self, lead: &LeadId) -> Result<Option<Loaded>> {
        self.load_with(lead, self.store.activities(lead)?)
    }

    /// The same with activities, ordered by (timestamp, id), of which some may not have been written yet.
    pub(super) fn load_with(&self, lead: &LeadId, activities: Vec<Activity>) -> Result<Option<Loaded>> {
        let Some(found) = self.store.lead(lead)? else { return Ok(None) };
        let (alerts, evaluated) = (self.store.alerts_of(lead)?, self.store.evaluated(lead));
        Ok(Some(Loaded { lead: found, activities, alerts, evaluated }))
    }

    /// Evaluates leads that time has made due, soonest first, a portion at a time.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn evaluate_due(&mut self) -> Result<Progress> {
        if self.round_is_open { Ok(Progress::Waiting) } else { self.evaluate_portion() }
    }

    /// The same at the end of a round, before time decides again.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn evaluate_portion(&mut self) -> Result<Progress> {
        let now = self.now();
        if !self.may_evaluate(now)? {
            return Ok(Progress::Waiting);
        }
        let due = self.store.due(now, LEADS_PER_JOB);
        let mut tally = Tally::default();
        for lead in &due {
            tally = tally.plus(self.evaluate_lead(lead)?);
        }
        if due.len() == LEADS_PER_JOB {
            return Ok(Progress::More(tally));
        }
        if self.is_first_evaluation() {
            let mut batch = Batch::default();
            batch.put_meta(FIRST_EVALUATION, &true);
            self.store.apply(batch)?;
            self.first_evaluation_done = true;
        }
        Ok(Progress::Done(tally))
    }

    /// Whether what we know is complete and fresh enough for time to decide.
    fn may_evaluate(&self, now: Timestamp) -> Result<bool> {
        let last_sync: Option<Timestamp> = self.store.meta(LAST_SYNC)?;
        let fresh = last_sync.is_some_and(|at| now.since(at) <= self.policy.stale_after);
        Ok(fresh && self.store.meta::<bool>(BACKFILLED)?.unwrap_or_default())
    }

    fn is_first_evaluation(&self) -> bool {
        !self.first_evaluation_done
    }

    /// The first backfill is complete: from now on leads are evaluated.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn backfill_completed(&mut self) -> Result<()> {
        let mut batch = Batch::default();
        batch.put_meta(BACKFILLED, &true);
        self.store.apply(batch)
    }

    /// Whether the first backfill is complete.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn is_backfilled(&self) -> Result<bool> {
        Ok(self.store.meta::<bool>(BACKFILLED)?.unwrap_or_default())
    }

    /// Marks every lead as due now.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn mark_all_due(&mut self) -> Result<()> {
        let now = self.now();
        let leads = self.store.lead_ids().collect::<Result<Vec<_>>>()?;
        let mut batch = Batch::default();
        leads.iter().for_each(|lead| batch.mark_due(lead, now));
        self.store.apply(batch)
    }

    /// Brings one lead's alerts up to now.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn evaluate_lead(&mut self, lead: &LeadId) -> Result<Tally> {
        if let Some(loaded) = self.load(lead)? {
            return self.advance_to_now(loaded, Batch::default());
        }
        let mut batch = Batch::default();
        batch.put_evaluated(lead, Evaluated::default(), None);
        self.store.apply(batch)?;
        Ok(Tally::default())
    }

    /// Brings a lead's alerts up to now, from when it was evaluated last. What `batch` holds is written together with
    /// the decision.
    pub(super) fn advance_to_now(&mut self, loaded: Loaded, batch: Batch) -> Result<Tally> {
        let (now, last) = (self.now(), loaded.evaluated.at);
        // Other rules count from the moment on at which they came into force, not for what was before.
        if last.is_some_and(|last| last < self.rules_since) && self.rules_since < now {
            let then = self.advance(&loaded, None, self.rules_since, batch)?;
            let Some(loaded) = self.load(&loaded.lead.id)? else { return Ok(then) };
            return Ok(then.plus(self.advance(&loaded, Some(self.rules_since), now, Batch::default())?));
        }
        self.advance(&loaded, last.filter(|last| *last < now), now, batch)
    }

    /// Takes a lead's alerts from `from` (exclusive) to `to` (inclusive).
    fn advance(&mut self, loaded: &Loaded, from: Option<Timestamp>, to: Timestamp, batch: Batch) -> Result<Tally> {
        let first = self.is_first_evaluation();
        let decision = decide::advance(&loaded.subject(self), &self.policy.rules, from, to, first);
        let tally = Tally {
            evaluated: 1,
            opened: decision.transitions.iter().filter(|step| step.step == Step::Opened).count(),
            closed: decision.transitions.iter().filter(|step| matches!(step.step, Step::Closed(_))).count(),
        };
        tracing::debug!(lead = %loaded.lead.id, opened = tally.opened, closed = tally.closed, "evaluated");
        self.commit(loaded, decision, batch, to)?;
        Ok(tally)
    }

    /// Writes a decision as of `at`: alerts, history, due index and outbox, together with what `batch` holds already.
    pub(super) fn commit(
        &mut self,
        loaded: &Loaded,
        decision: Decision,
        mut batch: Batch,
        at: Timestamp,
    ) -> Result<()> {
        boundary::pass("before-commit");
        let now = self.now();
        for alert in &decision.alerts {
            batch.put_alert(alert, loaded.alerts.iter().find(|known| known.id == alert.id));
        }
        // What one act settles besides is not counted as handled as well.
        let resolution =
            |id: &AlertId| decision.alerts.iter().find(|alert| alert.id == *id).and_then(Alert::resolution);
        let is_act = |id: &AlertId| resolution(id).is_none_or(|resolution| resolution.act == *id);
        for transition in &decision.transitions {
            let kind = match transition.step {
                Step::Opened => StepKind::Opened,
                Step::Closed(_) => StepKind::Closed,
                Step::Resolved if is_act(&transition.alert) => StepKind::Resolved,
                Step::Resolved | Step::Unresolved | Step::Snoozed | Step::Woke | Step::Moved { .. } => StepKind::Other,
            };
            let row = StepRow { at: transition.at, alert: transition.alert.clone(), kind };
            let sequence = self.next_sequence();
            batch.add_step(&row, sequence);
        }
        for effect in decision.effects {
            self.add_effect(&mut batch, effect, now)?;
        }
        let evaluated = Evaluated { at: Some(at), due: decision.next_due };
        batch.put_evaluated(&loaded.lead.id, evaluated, decision.outlook);
        self.store.apply(batch)?;
        self.ahead.push("after-commit");
        Ok(())
    }

    /// Adds an effect to the outbox. One of the same key is replaced, but keeps waiting as long as it had to:
    /// a CRM that is down is not asked more often because more happens.
    pub(super) fn add_effect(
        &mut self,
        batch: &mut Batch,
        effect: crate::domain::effect::Effect,
        now: Timestamp,
    ) -> Result<()> {
        let before = self.store.outbox_entry(&effect.key())?.filter(|_| effect.is_for_crm());
        let entry = OutboxEntry {
            sequence: self.next_sequence(),
            attempts: before.as_ref().map_or(0, |entry| entry.attempts),
            not_before: before.map_or(now, |entry| entry.not_before),
            decided_at: now,
            effect,
        };
        batch.put_outbox(&entry);
        Ok(())
    }
}
