//! Where one lead stands at an instant, gathered from its history as time passes: the summary that all rules
//! are asked against.

use crate::domain::{Channel, Timestamp};

use super::PreferredChannelSettings;
use super::history::{Deed, Fact, History, Life, NextStep};
use super::preferred_channel::Trail;

/// An activity that stands out, and when it took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub at: Timestamp,
    /// Which activity: its place in the list the history came from.
    pub index: u32,
}

/// The inbounds that wait for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
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

/// The lead's situation as of an instant that only moves forward.
#[derive(Clone, Debug, Default)]
pub struct Situation {
    /// How many of the history's facts have been seen.
    seen: usize,
    /// Where the facts begin that no answer stands after.
    unanswered_from: usize,
    /// The latest outbound, answered or not.
    pub last_out: Option<Mark>,
    /// The latest response.
    pub last_response: Option<Timestamp>,
    /// The latest inbound.
    pub last_in: Option<Mark>,
    /// The latest activity of either direction.
    pub last_any: Option<Mark>,
    /// Whether anybody ever reached out to the lead, or said to have dealt with it.
    pub contacted: bool,
    /// The attempts on each channel of [`Trail::CHANNELS`].
    pub(super) trails: [Trail; 3],
}

impl Situation {
    /// Takes in all that happened up to `now` (inclusive). `facts` are the same at each call.
    pub fn advance(&mut self, facts: &[Fact], settings: &PreferredChannelSettings, now: Timestamp) {
        while let Some(first) = facts.get(self.seen).filter(|fact| fact.at <= now) {
            let at = first.at;
            let ahead = &facts[self.seen..];
            let together = ahead.iter().take_while(|fact| fact.at == at).count();
            self.see_together(&ahead[..together], at, settings);
        }
    }

    /// Takes in everything that happened at one instant: what counts among simultaneous facts is not which
    /// one stands first.
    fn see_together(&mut self, facts: &[Fact], at: Timestamp, settings: &PreferredChannelSettings) {
        let mut answered = false;
        self.seen += facts.len();
        for fact in facts {
            let mark = Some(Mark { at, index: fact.index });
            match fact.deed {
                Deed::Outbound { replied, answers } => {
                    (self.last_out, self.last_any) = (mark, mark);
                    self.contacted = true;
                    answered |= answers;
                    if replied {
                        self.last_response = Some(at);
                    }
                }
                Deed::Inbound { picked_up, .. } => {
                    (self.last_in, self.last_any) = (mark, mark);
                    self.last_response = Some(at);
                    if picked_up {
                        self.last_out = mark;
                        self.contacted = true;
                        answered = true;
                    }
                }
                Deed::Handled => (self.contacted, answered) = (true, true),
            }
        }
        for (trail, channel) in self.trails.iter_mut().zip(Trail::CHANNELS) {
            trail.see_together(facts, channel, at, settings);
        }
        if answered {
            self.unanswered_from = self.seen;
        }
    }

    /// The facts that have been seen and that no answer stands at or after.
    fn unanswered<'f>(&self, facts: &'f [Fact]) -> &'f [Fact] {
        &facts[self.unanswered_from..self.seen]
    }

    /// The instant of the next fact that has not been seen yet.
    pub(super) fn next_fact(&self, facts: &[Fact]) -> Option<Timestamp> {
        facts.get(self.seen).map(|fact| fact.at)
    }
}

/// What the rules are asked against: the situation at `now`, either as it is or as it would be if no next step
/// were pending.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The instant.
    pub now: Timestamp,
    /// The lead's own terms.
    pub life: &'a Life,
    /// What happened so far.
    pub situation: &'a Situation,
    /// Whether a next step is pending.
    pub step_pending: bool,
    /// The inbounds that wait.
    pub waiting: Waiting,
}

impl<'a> View<'a> {
    /// The situation as it is.
    pub fn actual(history: &'a History, situation: &'a Situation, now: Timestamp) -> Self {
        let pending = history.steps.iter().filter(|step| step.is_pending(now));
        let planned_at = pending.map(|step: &NextStep| step.planned_at).max();
        Self {
            now,
            life: &history.life,
            situation,
            step_pending: planned_at.is_some(),
            waiting: waiting(situation.unanswered(&history.facts), planned_at),
        }
    }

    /// The same, if no next step were pending.
    pub fn without_steps(self, history: &History) -> Self {
        Self { step_pending: false, waiting: waiting(self.situation.unanswered(&history.facts), None), ..self }
    }

    /// Whether silence means anything: nothing is planned, and the lead may be contacted.
    pub fn silence_counts(&self) -> bool {
        !self.step_pending && !self.life.do_not_contact
    }
}

/// Those among unanswered facts that wait, when a step planned at `in_hand_since` is pending: it has all that
/// came before it in hand.
fn waiting(unanswered: &[Fact], in_hand_since: Option<Timestamp>) -> Waiting {
    let mut waiting = Waiting::default();
    for fact in unanswered.iter().filter(|fact| in_hand_since.is_none_or(|planned_at| fact.at > planned_at)) {
        if let Deed::Inbound { waits: true, hot, .. } = fact.deed {
            let mark = Mark { at: fact.at, index: fact.index };
            waiting.count += 1;
            waiting.first = waiting.first.or(Some(mark));
            waiting.last = Some(mark);
            if hot {
                waiting.first_hot = waiting.first_hot.or(Some(mark));
            }
        }
    }
    waiting
}

/// Whether a fact is an inbound on this channel.
pub(super) fn is_inbound_on(fact: &Fact, channel: Channel) -> bool {
    fact.channel == channel && matches!(fact.deed, Deed::Inbound { .. })
}
