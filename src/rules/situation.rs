//! Where one lead stands at an instant, gathered from its history as time passes: what all rules are asked
//! against.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use crate::domain::{Channel, Timestamp};

use super::PreferredChannelSettings;
use super::history::{Deed, Fact, History, Life, NextStep};
use super::preferred_channel::Trail;

/// An activity that stands out, and when it took place; in one word, since a million leads have seven each in memory.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "(Timestamp, u32)", from = "(Timestamp, u32)")]
pub struct Mark(NonZeroU64);

impl Mark {
    /// The bits that hold one more than the activity's place; the others hold seconds, 17,000 years to either side of 1970.
    const PLACE_BITS: u32 = 24;
    const PLACES: u32 = (1 << Self::PLACE_BITS) - 1;
    const SECONDS: i64 = 1 << (63 - Self::PLACE_BITS);

    /// The activity at place `index` (below 16 million) of the list the history came from, which took place at `at`.
    pub fn new(at: Timestamp, index: u32) -> Self {
        let seconds = at.0.clamp(-Self::SECONDS, Self::SECONDS - 1) + Self::SECONDS;
        let place = NonZeroU64::MIN.saturating_add(u64::from(index.min(Self::PLACES - 1)));
        Self(place | (seconds.unsigned_abs() << Self::PLACE_BITS))
    }

    /// When.
    pub fn at(self) -> Timestamp {
        Timestamp((self.0.get() >> Self::PLACE_BITS).cast_signed() - Self::SECONDS)
    }

    /// Which activity: its place in the list the history came from.
    pub fn index(self) -> u32 {
        (self.0.get() as u32 & Self::PLACES) - 1
    }
}

impl From<Mark> for (Timestamp, u32) {
    fn from(mark: Mark) -> Self {
        (mark.at(), mark.index())
    }
}

impl From<(Timestamp, u32)> for Mark {
    fn from((at, index): (Timestamp, u32)) -> Self {
        Self::new(at, index)
    }
}

impl std::fmt::Debug for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mark").field("at", &self.at()).field("index", &self.index()).finish()
    }
}

/// The inbounds that wait for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Waiting {
    /// The first.
    pub first: Option<Mark>,
    /// The last; the same when only one waits.
    pub last: Option<Mark>,
    /// The first with intent that was young.
    pub first_hot: Option<Mark>,
    /// How many.
    pub count: u32,
}

impl Waiting {
    fn add(&mut self, Wait { mark, hot }: Wait) {
        self.count += 1;
        self.first = self.first.or(Some(mark));
        self.last = Some(mark);
        self.first_hot = self.first_hot.or(Some(mark).filter(|_| hot));
    }
}

/// One inbound that waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wait {
    mark: Mark,
    /// It has intent and was young.
    hot: bool,
}

/// What a lead's activities come to, as of an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Situation {
    /// The latest outbound, answered or not.
    pub last_out: Option<Mark>,
    /// The latest response.
    pub last_response: Option<Mark>,
    /// The latest inbound.
    pub last_in: Option<Mark>,
    /// The latest activity of either direction.
    pub last_any: Option<Mark>,
    /// Whether anybody ever reached out to the lead, or said to have dealt with it.
    pub contacted: bool,
    /// The inbounds that no answer stands at or after.
    pub unanswered: Waiting,
}

/// A lead's situation on its way through time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Course {
    /// How many of the history's facts have been seen.
    seen: usize,
    situation: Situation,
    /// The unanswered inbounds one by one: a next step has some of them in hand.
    waits: Vec<Wait>,
    /// How many of the history's steps have been planned.
    planned: usize,
    /// Of the pending ones those that say anything, now or later: each was planned after the one before it, and ends
    /// before it.
    pending: Vec<NextStep>,
    /// The attempts on each channel of [`Trail::CHANNELS`].
    trails: [Trail; 3],
}

impl Course {
    /// Takes in all that happened up to `now` (inclusive). `facts` are the same at each call.
    pub(crate) fn advance(&mut self, facts: &[Fact], settings: &PreferredChannelSettings, now: Timestamp) {
        while let Some(first) = facts.get(self.seen).filter(|fact| fact.at <= now) {
            let at = first.at;
            let ahead = &facts[self.seen..];
            let together = ahead.iter().take_while(|fact| fact.at == at).count();
            self.seen += together;
            self.see_together(&ahead[..together], at, settings);
        }
    }

    /// Takes in what was planned, and what came to its end, up to `now` (inclusive). `steps` are the same at each call.
    pub(crate) fn advance_steps(&mut self, steps: &[NextStep], now: Timestamp) {
        while let Some(step) = steps.get(self.planned).filter(|step| step.planned_at <= now || !step.is_ever_pending())
        {
            self.planned += 1;
            if step.is_pending(now) {
                // As long as one of these is pending, the new one is, and was planned later.
                while self.pending.pop_if(|pending| pending.until <= step.until).is_some() {}
                self.pending.push(*step);
            }
        }
        while self.pending.pop_if(|pending| pending.until <= now).is_some() {}
    }

    /// What is in hand by the steps taken in.
    fn in_hand(&self, steps: &[NextStep]) -> InHand {
        let next_planned = steps.get(self.planned).map(|step| step.planned_at);
        InHand { latest: self.pending.last().copied(), next_planned }
    }

    /// Takes in everything that happened at one instant: what counts among simultaneous facts is not which
    /// one stands first.
    fn see_together(&mut self, facts: &[Fact], at: Timestamp, settings: &PreferredChannelSettings) {
        let mut answered = false;
        let situation = &mut self.situation;
        for fact in facts {
            let mark = Mark::new(at, fact.index);
            match fact.deed {
                Deed::Outbound { replied, answers } => {
                    (situation.last_out, situation.last_any) = (Some(mark), Some(mark));
                    situation.contacted = true;
                    answered |= answers;
                    if replied {
                        situation.last_response = Some(mark);
                    }
                }
                Deed::Inbound { waits, hot, picked_up } => {
                    (situation.last_in, situation.last_any) = (Some(mark), Some(mark));
                    situation.last_response = Some(mark);
                    if picked_up {
                        situation.last_out = Some(mark);
                        situation.contacted = true;
                        answered = true;
                    }
                    if waits {
                        let wait = Wait { mark, hot };
                        self.waits.push(wait);
                        situation.unanswered.add(wait);
                    }
                }
                Deed::Handled => (situation.contacted, answered) = (true, true),
            }
        }
        if answered {
            self.waits.clear();
            situation.unanswered = Waiting::default();
        }
        for (trail, channel) in self.trails.iter_mut().zip(Trail::CHANNELS) {
            trail.see_together(facts, channel, at, settings);
        }
    }

    /// Where the lead stands, for verdicts until the next fact.
    pub(super) fn basis<'a>(&'a self, history: &'a History) -> Basis<'a> {
        Basis {
            life: &history.life,
            situation: &self.situation,
            waits: &self.waits,
            in_hand: self.in_hand(&history.steps),
            trails: &self.trails,
            next_fact: self.next_fact(&history.facts),
        }
    }

    /// The attempts on each channel so far.
    pub(super) fn trails(&self) -> &[Trail; 3] {
        &self.trails
    }

    /// The instant of the next fact that has not been seen yet.
    fn next_fact(&self, facts: &[Fact]) -> Option<Timestamp> {
        facts.get(self.seen).map(|fact| fact.at)
    }
}

/// What the next steps come to at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct InHand {
    /// Of those pending the one that was planned last: what came before that is in hand.
    latest: Option<NextStep>,
    /// When the next one will be planned.
    pub(super) next_planned: Option<Timestamp>,
}

impl InHand {
    /// At `now`, by steps in any order.
    pub(super) fn at(now: Timestamp, steps: &[NextStep]) -> Self {
        let ahead = steps.iter().filter(|step| step.planned_at > now && step.is_ever_pending());
        Self {
            latest: steps.iter().filter(|step| step.is_pending(now)).max().copied(),
            next_planned: ahead.map(|step| step.planned_at).min(),
        }
    }

    /// When the latest one is over.
    pub(super) fn ends_at(self) -> Option<Timestamp> {
        self.latest.map(|step| step.until)
    }
}

/// Everything that verdicts about a lead rest on, from the instant of its situation until the next fact.
#[derive(Clone, Copy, Debug)]
pub(super) struct Basis<'a> {
    pub(super) life: &'a Life,
    pub(super) situation: &'a Situation,
    /// Those in [`Situation::unanswered`], one by one; may be missing when there are no steps.
    pub(super) waits: &'a [Wait],
    pub(super) in_hand: InHand,
    pub(super) trails: &'a [Trail; 3],
    pub(super) next_fact: Option<Timestamp>,
}

/// What the rules are asked against: a basis at `now`, either as it is or as it would be if no next step were
/// pending.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    /// The instant.
    pub(super) now: Timestamp,
    /// The lead's own terms.
    pub(super) life: &'a Life,
    /// What happened so far.
    pub(super) situation: &'a Situation,
    /// The attempts on each channel of [`Trail::CHANNELS`].
    pub(super) trails: &'a [Trail; 3],
    /// Whether a next step is pending.
    pub(super) step_pending: bool,
    /// The inbounds that wait although a step is pending.
    not_in_hand: Option<Waiting>,
}

impl<'a> View<'a> {
    /// The situation as it is.
    pub(super) fn actual(basis: &Basis<'a>, now: Timestamp) -> Self {
        let planned_at = basis.in_hand.latest.map(|step| step.planned_at);
        Self {
            step_pending: planned_at.is_some(),
            not_in_hand: planned_at.map(|planned_at| waiting_since(basis.waits, planned_at)),
            ..Self::without_steps(basis, now)
        }
    }

    /// The same, if no next step were pending.
    pub(super) fn without_steps(basis: &Basis<'a>, now: Timestamp) -> Self {
        let Basis { life, situation, trails, .. } = *basis;
        Self { now, life, situation, trails, step_pending: false, not_in_hand: None }
    }

    /// The inbounds that wait.
    pub(super) fn waiting(&self) -> &Waiting {
        self.not_in_hand.as_ref().unwrap_or(&self.situation.unanswered)
    }

    /// Whether silence means anything: nothing is planned, and the lead may be contacted.
    pub(super) fn silence_counts(&self) -> bool {
        !self.step_pending && !self.life.do_not_contact
    }
}

/// Those that wait when a step planned at `planned_at` is pending: it has all that came before it in hand.
fn waiting_since(waits: &[Wait], planned_at: Timestamp) -> Waiting {
    let mut waiting = Waiting::default();
    waits[waits.partition_point(|wait| wait.mark.at() <= planned_at)..].iter().for_each(|wait| waiting.add(*wait));
    waiting
}

/// Whether a fact is an inbound on this channel.
pub(super) fn is_inbound_on(fact: &Fact, channel: Channel) -> bool {
    fact.channel == channel && matches!(fact.deed, Deed::Inbound { .. })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_in_hand_along_the_way_is_what_is_in_hand_at_an_instant(
            steps in prop::collection::vec((0..40_i64, 0..40_i64), 0..12),
            ways in prop::collection::vec(0..45_i64, 1..20),
        ) {
            let step = |(planned_at, until)| NextStep { planned_at: Timestamp(planned_at), until: Timestamp(until) };
            let mut steps: Vec<NextStep> = steps.into_iter().map(step).collect();
            steps.sort_unstable();
            let mut course = Course::default();
            let mut ways = ways;
            ways.sort_unstable();
            for now in ways.into_iter().map(Timestamp) {
                course.advance_steps(&steps, now);
                prop_assert_eq!(course.in_hand(&steps), InHand::at(now, &steps));
            }
        }
    }
}
