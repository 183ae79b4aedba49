//! One lead reduced to what verdicts about it rest on when only time is to come: no texts, no history. A million
//! of them fit in memory.

use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;

use super::history::{History, Life, NextStep};
use super::preferred_channel::{Trail, can_hold};
use super::situation::{Basis, Course, InHand, Situation, Wait};
use super::{Settings, Verdict};

/// A lead as of an instant, good for verdicts from then on until its next fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    life: Life,
    situation: Situation,
    next_fact: Option<Timestamp>,
    /// What most leads do without.
    rest: Option<Box<Rest>>,
}

/// What matters as long as a next step is not over, or two channels can be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Rest {
    waits: Box<[Wait]>,
    steps: Box<[NextStep]>,
    trails: [Trail; 3],
}

static NO_TRAILS: [Trail; 3] = [Trail::EMPTY; 3];

impl Summary {
    /// A lead whose course has been followed up to `now`. What follows from `settings` once and for all is part of
    /// it: see [`Settings::shape_of_summaries`].
    pub(crate) fn new(history: &History, course: &Course, settings: &Settings, now: Timestamp) -> Self {
        let Basis { life, situation, waits, trails, next_fact, .. } = course.basis(history);
        let steps: Box<[NextStep]> = history.steps.iter().filter(|step| step.until > now).copied().collect();
        let compares = can_hold(trails, &settings.preferred_channel, now);
        let rest = (compares || !steps.is_empty()).then(|| {
            let waits = if steps.is_empty() { Box::default() } else { waits.into() };
            let trails = if compares {
                trails.each_ref().map(|trail| trail.remains(&settings.preferred_channel, now))
            } else {
                NO_TRAILS.clone()
            };
            Box::new(Rest { waits, steps, trails })
        });
        Self { life: *life, situation: *situation, next_fact, rest }
    }

    /// Whether a fact that was dated later has come true by `now`: then it takes the history to judge.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.next_fact.is_some_and(|at| at <= now)
    }

    /// Whether something was planned that is not over.
    pub fn has_next_step(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| !rest.steps.is_empty())
    }

    /// What the rules say at `now`, an instant at or after that of the summary and before the next fact.
    pub fn verdict<'a>(&'a self, settings: &'a Settings, now: Timestamp) -> Verdict<'a> {
        Verdict::new(self.basis(now), settings, now)
    }

    fn basis(&self, now: Timestamp) -> Basis<'_> {
        let Self { life, situation, next_fact, rest } = self;
        let (waits, steps, trails) = match rest {
            Some(rest) => (&*rest.waits, &*rest.steps, &rest.trails),
            None => (Default::default(), Default::default(), &NO_TRAILS),
        };
        Basis { life, situation, waits, in_hand: InHand::at(now, steps), trails, next_fact: *next_fact }
    }
}
