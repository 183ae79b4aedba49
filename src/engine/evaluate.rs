//! Evaluating: facts of one lead in, a decision out, one atomic write.

use std::sync::Arc;

use super::kpi::SWITCHED_ON;
use super::observe::BACKFILLED;
use super::{Engine, boundary};
use crate::decide::{self, Decision, Silence, Step, Subject};
use crate::domain::calendar::Calendar;
use crate::domain::effect::{Effect, Occasion};
use crate::domain::event::Actor;
use crate::domain::{Activity, Alert, AlertId, AlertType, Lead, LeadId, Seconds, Timestamp};
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
    /// Nothing more is due now; before somebody is told of some leads, they are to be looked at once more.
    Suspects(Tally),
    /// The sources are not complete, or too old: time alone decides nothing yet.
    Waiting,
}

/// How much what we know is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// Nothing has been complete for too long, or never was.
    None,
    /// Some of what leads are judged by does not answer: what was seen counts, silence does not.
    Partial,
    /// All sources have been seen lately.
    Whole,
}

/// Whether a decision that has somebody told takes effect at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    /// It does: what a person did or somebody reported is decided on in the act. While silence is in doubt, that is as far
    /// as facts go.
    Open,
    /// Not before the lead has been looked at once more: what tells us of changes may have been missed.
    SecondLook(Trust),
}

/// A lead that is held is evaluated again after so many seconds, whatever becomes of the looks.
const HELD_FOR: Seconds = 60;

/// All that a decision about one lead rests on, loaded.
pub(super) struct Loaded {
    pub(super) lead: Lead,
    pub(super) activities: Vec<Activity>,
    pub(super) alerts: Vec<Alert>,
    pub(super) evaluated: Evaluated,
    /// The owner's.
    pub(super) calendar: Arc<Calendar>,
    /// Whether what is not known of the lead has not happened.
    pub(super) silence: Silence,
}

impl Loaded {
    pub(super) fn subject(&self) -> Subject<'_> {
        Subject {
            lead: &self.lead,
            activities: &self.activities,
            alerts: &self.alerts,
            calendar: &self.calendar,
            silence: self.silence,
        }
    }

    /// Up to when the lead counts as evaluated, once a decision that went from `from` (exclusive; none: only `to` counts) to
    /// `to` is written. In doubt, time did not have its say: the same stretch is gone through again when it may, but for
    /// what is decided already.
    fn evaluated_by(&self, decision: &Decision, (from, to): (Option<Timestamp>, Timestamp)) -> Option<Timestamp> {
        if self.silence == Silence::Believed {
            return Some(to);
        }
        let is_decided = |step: &Step| match step {
            Step::Opened | Step::Closed(_) | Step::Unresolved => true,
            // An act stands, whenever it is looked at.
            Step::Resolved | Step::Snoozed { .. } | Step::Unsnoozed | Step::Woke | Step::Moved { .. } => false,
        };
        let just_before = |at: Timestamp| at.plus(-1);
        let decided = decision.transitions.iter().filter(|it| is_decided(&it.step)).map(|it| just_before(it.at)).max();
        let begun = match from {
            Some(_) => self.evaluated.at,
            None => self.evaluated.at.map(|last| last.max(just_before(to))),
        };
        decided.max(begun)
    }
}

/// Whether somebody is to be told that an alert is there.
fn announces(decision: &Decision) -> bool {
    decision.effects.iter().any(|effect| told_of(effect).is_some())
}

/// The alert that an effect has somebody told of, because it is there. That it is another's now is no news of the lead.
fn told_of(effect: &Effect) -> Option<&AlertId> {
    match effect {
        Effect::Announce { alert, occasion: Occasion::Opened | Occasion::Reopened | Occasion::SnoozeOver, .. } => {
            Some(alert)
        }
        Effect::Announce {
            occasion:
                Occasion::NewOwner | Occasion::Reminder | Occasion::Escalated | Occasion::Briefing | Occasion::StandingIn,
            ..
        }
        | Effect::WriteAlert(_)
        | Effect::WriteActivity { .. }
        | Effect::VerifyLead(_)
        | Effect::RefreshMessages(_)
        | Effect::SendDraft { .. }
        | Effect::SendAlert { .. }
        | Effect::Welcome { .. }
        | Effect::Briefing { .. }
        | Effect::Summary { .. }
        | Effect::WriteInsight(_)
        | Effect::SyncStopped { .. }
        | Effect::SyncResumed { .. }
        | Effect::WriteDoneActivity { .. }
        | Effect::WriteLink(_)
        | Effect::RefreshDraft { .. }
        | Effect::WriteDeed(_)
        | Effect::DeedRefused { .. }
        | Effect::Escalate { .. }
        | Effect::SendWhy { .. }
        | Effect::UndoOver(_)
        | Effect::RemindOfCall { .. }
        | Effect::AskAboutCall { .. }
        | Effect::RefreshCall { .. }
        | Effect::CloseCall { .. }
        | Effect::Weekly { .. }
        | Effect::TellUnsubscribed(_) => None,
    }
}

/// Whether all that is told by a decision is that a lead has just asked for something: a fact that was seen, and no
/// silence that may have been broken where we do not see it.
fn is_news(loaded: &Loaded, decision: &Decision) -> bool {
    let is_new = |id: &AlertId| {
        let known = loaded.alerts.iter().any(|alert| alert.id == *id);
        let now = decision.alerts.iter().find(|alert| alert.id == *id);
        !known && now.is_some_and(|alert| alert.alert_type == AlertType::HotLead24h)
    };
    decision.effects.iter().filter_map(told_of).all(is_new)
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
        self.load_with(lead, self.store.history(lead)?)
    }

    /// The same with its history: activities, ordered by (timestamp, id), of which some may not have been written yet, and
    /// alerts.
    pub(super) fn load_with(
        &self,
        lead: &LeadId,
        (activities, alerts): (Vec<Activity>, Vec<Alert>),
    ) -> Result<Option<Loaded>> {
        let Some(found) = self.store.lead(lead)? else { return Ok(None) };
        let evaluated = self.store.evaluated(lead);
        let calendar = self.policy.calendars.of_owner(&self.store, found.owner.as_ref())?;
        Ok(Some(Loaded { lead: found, activities, alerts, evaluated, calendar, silence: Silence::Believed }))
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
        let trust = self.may_evaluate(now);
        if trust == Trust::None {
            return Ok(Progress::Waiting);
        }
        let due = self.store.due(now, LEADS_PER_JOB);
        let suspects = self.looks.suspects.len();
        let mut tally = Tally::default();
        for lead in &due {
            tally = tally.plus(self.evaluate_through(lead, Gate::SecondLook(trust))?);
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
        self.escalate_due(trust == Trust::Whole)?;
        Ok(if self.looks.suspects.len() > suspects { Progress::Suspects(tally) } else { Progress::Done(tally) })
    }

    /// Whether what we know is complete and fresh enough for time to decide, or at least for facts to.
    fn may_evaluate(&self, now: Timestamp) -> Trust {
        let fresh = |at: Option<Timestamp>| at.is_some_and(|at| now.since(at) <= self.policy.stale_after);
        match self.backfilled {
            true if fresh(self.last_sync) => Trust::Whole,
            true if fresh(self.looks.partial) => Trust::Partial,
            _ => Trust::None,
        }
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
        if self.store.cursor::<Timestamp>(SWITCHED_ON)?.is_none() {
            batch.put_cursor(SWITCHED_ON, &self.now());
        }
        self.store.apply(batch)?;
        self.backfilled = true;
        Ok(())
    }

    /// Whether the first backfill is complete.
    pub fn is_backfilled(&self) -> bool {
        self.backfilled
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
        self.evaluate_through(lead, Gate::Open)
    }

    fn evaluate_through(&mut self, lead: &LeadId, gate: Gate) -> Result<Tally> {
        if let Some(loaded) = self.load(lead)? {
            return self.advance_through(loaded, Batch::default(), gate, None);
        }
        let mut batch = Batch::default();
        batch.put_evaluated(lead, Evaluated::default(), None);
        self.store.apply(batch)?;
        Ok(Tally::default())
    }

    /// Brings a lead's alerts up to now, from when it was evaluated last. What `batch` holds is written together with
    /// the decision.
    pub(super) fn advance_to_now(&mut self, loaded: Loaded, batch: Batch) -> Result<Tally> {
        self.advance_through(loaded, batch, Gate::Open, None)
    }

    /// The same, of what somebody has just done.
    pub(super) fn advance_by(&mut self, loaded: Loaded, batch: Batch, actor: &Actor) -> Result<Tally> {
        self.advance_through(loaded, batch, Gate::Open, Some(actor))
    }

    /// The same once the lead has been brought up to now, when what it is judged by has become another: what follows from
    /// that begins now.
    pub(super) fn judge_anew(&mut self, loaded: &Loaded, actor: &Actor) -> Result<Tally> {
        self.advance(loaded, (None, self.now()), Batch::default(), Gate::Open, Some(actor))
    }

    /// Whether a lead of which nothing was heard can be said to be silent, by whoever reports or does something: everything
    /// is seen, and time has had its say. Where it has not, it has it in [`Engine::evaluate_due`], after a second look.
    pub(super) fn silence_of(&self, lead: &LeadId) -> Silence {
        let now = self.now();
        let is_due = self.store.evaluated(lead).due.is_some_and(|due| due <= now);
        let is_believed = self.may_evaluate(now) == Trust::Whole && !is_due && !self.looks.held.contains(lead);
        if is_believed { Silence::Believed } else { Silence::InDoubt }
    }

    fn advance_through(&mut self, mut loaded: Loaded, batch: Batch, gate: Gate, by: Option<&Actor>) -> Result<Tally> {
        let (now, last) = (self.now(), loaded.evaluated.at);
        if gate == Gate::Open {
            loaded.silence = self.silence_of(&loaded.lead.id);
        }
        // Other rules count from the moment on at which they came into force, not for what was before.
        if last.is_some_and(|last| last < self.rules_since) && self.rules_since < now {
            let then = self.advance(&loaded, (None, self.rules_since), batch, gate, None)?;
            let (is_held, silence) = (self.looks.held.contains(&loaded.lead.id), loaded.silence);
            let is_over = is_held && gate != Gate::Open;
            let Some(loaded) = self.load(&loaded.lead.id)?.filter(|_| !is_over) else { return Ok(then) };
            let loaded = Loaded { silence, ..loaded };
            return Ok(then.plus(self.advance(&loaded, (Some(self.rules_since), now), Batch::default(), gate, by)?));
        }
        self.advance(&loaded, (last.filter(|last| *last < now), now), batch, gate, by)
    }

    /// Takes a lead's alerts from the first instant (exclusive) to the second (inclusive), or holds the lead.
    fn advance(
        &mut self,
        loaded: &Loaded,
        (from, to): (Option<Timestamp>, Timestamp),
        batch: Batch,
        gate: Gate,
        by: Option<&Actor>,
    ) -> Result<Tally> {
        let first = self.is_first_evaluation();
        let decision = decide::advance(&loaded.subject(), &self.policy.rules, from, to, first);
        if let Gate::SecondLook(trust) = gate
            && self.must_wait(loaded, &decision, trust)
        {
            self.hold(&loaded.lead.id, trust, is_news(loaded, &decision))?;
            return Ok(Tally::default());
        }
        if loaded.silence == Silence::Believed {
            self.looks.held.remove(&loaded.lead.id);
        }
        let tally = Tally {
            evaluated: 1,
            opened: decision.transitions.iter().filter(|step| step.step == Step::Opened).count(),
            closed: decision.transitions.iter().filter(|step| matches!(step.step, Step::Closed(_))).count(),
        };
        tracing::debug!(lead = %loaded.lead.id, opened = tally.opened, closed = tally.closed, "evaluated");
        self.commit(loaded, decision, batch, (from, to), by)?;
        Ok(tally)
    }

    /// Whether a decision is not to take effect yet: somebody would be told of a lead that has not been looked at once
    /// more, or of a silence while not everything is seen that may have broken it.
    fn must_wait(&self, loaded: &Loaded, decision: &Decision, trust: Trust) -> bool {
        if !announces(decision) {
            return false;
        }
        // What the first evaluation rests on has just been read, be it before a crash; and it is told as one digest.
        let looked = self.is_first_evaluation() || self.is_vouched_for(&loaded.lead.id);
        !looked || (trust == Trust::Partial && !is_news(loaded, decision))
    }

    /// Whether what the CRM has of a lead was read in this round.
    pub(super) fn is_vouched_for(&self, lead: &LeadId) -> bool {
        self.looks.all || self.looks.vouched.contains(lead)
    }

    /// Puts a lead off. `worth_a_look`: a second look may let it through.
    fn hold(&mut self, lead: &LeadId, trust: Trust, worth_a_look: bool) -> Result<()> {
        let mut batch = Batch::default();
        batch.put_due(lead, Some(self.now().plus(HELD_FOR)));
        self.store.apply(batch)?;
        self.looks.held.insert(lead.clone());
        if trust == Trust::Whole || worth_a_look {
            self.looks.suspects.insert(lead.clone());
        }
        Ok(())
    }

    /// The leads of which somebody is about to be told, and which are to be looked at once more; at most so many.
    pub(super) fn suspects(&mut self, at_most: usize) -> Vec<LeadId> {
        std::iter::from_fn(|| self.looks.suspects.pop_first()).take(at_most).collect()
    }

    /// These leads have been looked at once more: what is decided of them until the round is over takes effect.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(super) fn vouch(&mut self, leads: Vec<LeadId>) -> Result<()> {
        self.let_go(&leads)?;
        self.looks.vouched.extend(leads);
        Ok(())
    }

    /// Everything has been compared in this round: no lead needs another look.
    pub(super) fn vouch_for_all(&mut self) {
        self.looks.all = true;
    }

    /// Has leads evaluated again that were held.
    pub(super) fn let_go(&mut self, leads: &[LeadId]) -> Result<()> {
        let now = self.now();
        let mut batch = Batch::default();
        leads.iter().for_each(|lead| batch.mark_due(lead, now));
        self.store.apply(batch)?;
        for lead in leads {
            self.looks.held.remove(lead);
        }
        Ok(())
    }

    /// Writes a decision that went from the first instant (exclusive) to the second: alerts, history, due index and outbox,
    /// together with what `batch` holds already. `by` is the person whose act it was. While silence is in doubt the lead is
    /// due again at once: time is yet to have its say.
    pub(super) fn commit(
        &mut self,
        loaded: &Loaded,
        decision: Decision,
        mut batch: Batch,
        span: (Option<Timestamp>, Timestamp),
        by: Option<&Actor>,
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
        for (place, transition) in decision.transitions.iter().enumerate() {
            let kind = match transition.step {
                Step::Opened => StepKind::Opened,
                Step::Closed(_) => StepKind::Closed,
                Step::Resolved if is_act(&transition.alert) => StepKind::Resolved,
                Step::Resolved
                | Step::Unresolved
                | Step::Snoozed { .. }
                | Step::Unsnoozed
                | Step::Woke
                | Step::Moved { .. } => StepKind::Other,
            };
            let row = StepRow { at: transition.at, alert: transition.alert.clone(), kind };
            let sequence = self.next_sequence();
            batch.add_step(&row, sequence);
            self.chronicle(&mut batch, loaded, &decision, place, by, sequence)?;
        }
        self.count_on(&mut batch, loaded, &decision)?;
        let at = loaded.evaluated_by(&decision, span);
        for effect in decision.effects {
            self.add_effect(&mut batch, effect, now)?;
        }
        let due = match loaded.silence {
            Silence::Believed => decision.next_due,
            Silence::InDoubt => Some(now),
        };
        let evaluated = Evaluated { at, due };
        batch.put_evaluated(&loaded.lead.id, evaluated, decision.outlook);
        self.store.apply(batch)?;
        self.ahead.push("after-commit");
        Ok(())
    }

    /// Adds an effect to the outbox. One of the same key is replaced, but keeps waiting as long as it had to:
    /// a CRM that is down is not asked more often because more happens.
    pub(super) fn add_effect(&mut self, batch: &mut Batch, effect: Effect, now: Timestamp) -> Result<()> {
        let before = if effect.is_for_crm() { self.store.outbox_entry(&effect.key())? } else { None };
        let entry = OutboxEntry {
            sequence: self.next_sequence(),
            attempts: before.as_ref().map_or(0, |entry| entry.attempts),
            not_before: before.map_or(now, |entry| entry.not_before),
            decided_at: now,
            effect,
        };
        batch.put_outbox(entry);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveTime, Weekday};

    use std::collections::BTreeMap;

    use super::*;
    use crate::clock::Clock;
    use crate::engine::Policy;
    use crate::engine::calendars::Calendars;
    use crate::engine::day::Habits;
    use crate::engine::escalation::Plan;
    use crate::rules::Settings;

    fn engine() -> (tempfile::TempDir, Engine) {
        let folder = tempfile::tempdir().unwrap();
        let time = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        let calendar = Calendar::new(chrono_tz::UTC, vec![Weekday::Mon], time(9), time(18)).unwrap();
        let calendars = Calendars::new(calendar, BTreeMap::new());
        let policy = Policy {
            rules: Settings::default(),
            calendars,
            stale_after: 300,
            escalation: Plan::default(),
            habits: Habits::default(),
            opinions_a_day: 0,
        };
        let store = Store::open(folder.path()).unwrap();
        let engine = Engine::new(store, Clock::manual(Timestamp(1_800_000_000)), policy).unwrap();
        (folder, engine)
    }

    #[test]
    fn what_was_looked_at_in_a_round_that_broke_off_is_looked_at_again() {
        let (_folder, mut engine) = engine();
        engine.sync_begun().unwrap();
        engine.vouch(vec![LeadId::from("lead")]).unwrap();
        engine.vouch_for_all();
        engine.sync_begun().unwrap();
        assert!(engine.looks.vouched.is_empty() && !engine.looks.all);
    }
}
