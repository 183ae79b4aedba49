//! PreferredChannel: one channel clearly works better. Attempts, their answers, and the rates in which they
//! result, for the rule and for whoever advises on a channel.

use serde::{Deserialize, Serialize};

use crate::domain::alert::ChannelRate;
use crate::domain::{Activity, AlertType, Anchor, Channel, Timestamp, insight};

use super::history::{Deed, Fact, facts_and_steps};
use super::situation::{Course, View, is_inbound_on};
use super::{Finding, Grounds, PreferredChannelSettings, Settings};

/// A run of outbounds on one channel that mean one attempt to reach the lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Attempt {
    /// The first outbound's instant.
    at: Timestamp,
    answered: bool,
}

/// The attempts on one channel so far, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Trail {
    attempts: Vec<Attempt>,
    last_out: Option<Timestamp>,
    last_in: Option<Timestamp>,
}

impl Trail {
    /// Nobody reached out yet.
    pub(super) const EMPTY: Self = Self { attempts: Vec::new(), last_out: None, last_in: None };

    /// The channels that are compared.
    pub(super) const CHANNELS: [Channel; 3] = [Channel::Whatsapp, Channel::Email, Channel::Call];

    /// Takes in all facts of one instant, ordered by id. An inbound of the same instant parts the outbounds
    /// before it from those at it, and answers the latest attempt only.
    pub(super) fn see_together(
        &mut self,
        facts: &[Fact],
        channel: Channel,
        at: Timestamp,
        settings: &PreferredChannelSettings,
    ) {
        if facts.iter().any(|fact| is_inbound_on(fact, channel)) {
            self.last_in = Some(at);
        }
        for fact in facts.iter().filter(|fact| fact.channel == channel) {
            if let Deed::Outbound { replied, .. } = fact.deed {
                self.see_outbound(at, replied, settings);
            }
        }
        if self.last_in == Some(at)
            && let Some(attempt) = self.attempts.last_mut()
        {
            attempt.answered |= at < attempt.at.plus(settings.answer_within);
        }
    }

    fn see_outbound(&mut self, at: Timestamp, replied: bool, settings: &PreferredChannelSettings) {
        let same_attempt = self.last_out.is_some_and(|before| {
            at.since(before) < settings.attempt_gap && self.last_in.is_none_or(|inbound| inbound < before)
        });
        if !same_attempt {
            self.attempts.push(Attempt { at, answered: false });
        }
        self.last_out = Some(at);
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.answered |= replied;
        }
    }

    /// The attempts looked at.
    fn looked_at(&self, settings: &PreferredChannelSettings, now: Timestamp) -> &[Attempt] {
        let from = self.attempts.iter().rposition(|attempt| now.since(attempt.at) >= settings.window);
        &self.attempts[from.map_or(0, |last_too_old| last_too_old + 1)..]
    }

    /// Whether it has as many attempts as a valid channel needs.
    fn has_enough(&self, settings: &PreferredChannelSettings, now: Timestamp) -> bool {
        let needed = usize::try_from(settings.min_attempts).unwrap_or(usize::MAX);
        let oldest = self.attempts.len().checked_sub(needed).map(|place| self.attempts.get(place));
        oldest.is_some_and(|oldest| oldest.is_none_or(|attempt| now.since(attempt.at) < settings.window))
    }

    /// What is left of it when no further fact is to come.
    pub(super) fn remains(&self, settings: &PreferredChannelSettings, now: Timestamp) -> Self {
        Self { attempts: self.looked_at(settings, now).to_vec(), ..*self }
    }

    /// Answered among counting attempts; `None` when the channel is not valid.
    fn rate(&self, channel: Channel, settings: &PreferredChannelSettings, now: Timestamp) -> Option<ChannelRate> {
        if !self.has_enough(settings, now) {
            return None;
        }
        let looked_at = self.looked_at(settings, now);
        let (mut answered, mut attempts) = (0, 0);
        for (place, attempt) in looked_at.iter().enumerate() {
            let later_one_exists = place + 1 < looked_at.len();
            if attempt.answered || later_one_exists || now.since(attempt.at) >= settings.counts_after {
                attempts += 1;
                answered += u32::from(attempt.answered);
            }
        }
        (attempts >= settings.min_attempts).then_some(ChannelRate { channel, answered, attempts })
    }

    /// The next instant at which the rate can change by time alone.
    fn next_due(&self, settings: &PreferredChannelSettings, now: Timestamp) -> Option<Timestamp> {
        let looked_at = self.looked_at(settings, now);
        let leaves = looked_at.first().map(|oldest| oldest.at.plus(settings.window));
        let counts = looked_at.last().map(|latest| latest.at.plus(settings.counts_after));
        [leaves, counts].into_iter().flatten().filter(|at| *at > now).min()
    }
}

/// `a`'s rate compared with `b`'s, exactly.
fn compare(a: &ChannelRate, b: &ChannelRate) -> std::cmp::Ordering {
    let crosswise = |x: &ChannelRate, y: &ChannelRate| u64::from(x.answered) * u64::from(y.attempts);
    crosswise(a, b).cmp(&crosswise(b, a))
}

/// The valid channels, best rate first; equal rates in the order of [`Trail::CHANNELS`].
fn ranking(trails: &[Trail; 3], settings: &PreferredChannelSettings, now: Timestamp) -> [Option<ChannelRate>; 3] {
    let mut ranking = [None; 3];
    for ((place, trail), channel) in ranking.iter_mut().zip(trails).zip(Trail::CHANNELS) {
        *place = trail.rate(channel, settings, now);
    }
    ranking.sort_by(|a, b| match (a, b) {
        (Some(a), Some(b)) => compare(b, a),
        (a, b) => b.is_some().cmp(&a.is_some()),
    });
    ranking
}

fn clearly_better(best: &ChannelRate, second: &ChannelRate, settings: &PreferredChannelSettings) -> bool {
    let (best_of, second_of) = (i128::from(best.attempts), i128::from(second.attempts));
    let lead = i128::from(best.answered) * second_of - i128::from(second.answered) * best_of;
    100 * lead > i128::from(settings.margin_percent) * best_of * second_of
}

pub(super) fn holds(view: &View<'_>, settings: &Settings) -> Option<Finding> {
    let settings = &settings.preferred_channel;
    if view.life.do_not_contact || !can_hold(view.trails, settings, view.now) {
        return None;
    }
    let [Some(best), Some(second), _] = ranking(view.trails, settings, view.now) else { return None };
    clearly_better(&best, &second, settings).then_some(Finding {
        alert_type: AlertType::PreferredChannel,
        anchor: Anchor::Channel(best.channel),
        grounds: Grounds::PreferredChannel { best, second },
    })
}

/// Whether the rule holds, or can come to hold by time alone: two channels can be valid.
pub(super) fn can_hold(trails: &[Trail; 3], settings: &PreferredChannelSettings, now: Timestamp) -> bool {
    trails.iter().filter(|trail| trail.has_enough(settings, now)).count() >= 2
}

pub(super) fn next_due(view: &View<'_>, settings: &Settings) -> Option<Timestamp> {
    let settings = &settings.preferred_channel;
    if !can_hold(view.trails, settings, view.now) {
        return None;
    }
    let candidates = view.trails.iter().filter(|trail| trail.has_enough(settings, view.now));
    candidates.filter_map(|trail| trail.next_due(settings, view.now)).min()
}

/// Every attempt that counts at `now`, however old, by channel and then oldest first: what
/// [`rates`] would be made of without a window. `activities` are ordered by (timestamp, id).
pub fn attempts(activities: &[Activity], settings: &Settings, now: Timestamp) -> Vec<insight::Attempt> {
    let (facts, _) = facts_and_steps(activities.iter().map(Activity::trace), settings, |_, _| false);
    let mut course = Course::default();
    course.advance(&facts, &settings.preferred_channel, now);
    let counts_after = settings.preferred_channel.counts_after;
    let of_channel = |(trail, channel): (&Trail, Channel)| {
        let latest = trail.attempts.len().saturating_sub(1);
        let attempts =
            trail.attempts.iter().enumerate().filter(|(place, attempt)| {
                attempt.answered || *place < latest || now.since(attempt.at) >= counts_after
            });
        attempts
            .map(|(_, attempt)| insight::Attempt { channel, at: attempt.at, answered: attempt.answered })
            .collect::<Vec<_>>()
    };
    course.trails().iter().zip(Trail::CHANNELS).flat_map(of_channel).collect()
}

/// How well each valid channel worked at `now`, best first. `activities` are ordered by (timestamp, id).
pub fn rates(activities: &[Activity], settings: &Settings, now: Timestamp) -> Vec<ChannelRate> {
    let (facts, _) = facts_and_steps(activities.iter().map(Activity::trace), settings, |_, _| false);
    let mut course = Course::default();
    course.advance(&facts, &settings.preferred_channel, now);
    ranking(course.trails(), &settings.preferred_channel, now).into_iter().flatten().collect()
}

/// The channel to prefer at `now`: the valid one with the best rate; `None` ("unknown") when none is valid, the
/// best rate is 0, or it is shared. `activities` are ordered by (timestamp, id).
pub fn preferred(activities: &[Activity], settings: &Settings, now: Timestamp) -> Option<ChannelRate> {
    let (facts, _) = facts_and_steps(activities.iter().map(Activity::trace), settings, |_, _| false);
    let mut course = Course::default();
    course.advance(&facts, &settings.preferred_channel, now);
    preferred_by(course.trails(), settings, now)
}

fn preferred_by(trails: &[Trail; 3], settings: &Settings, now: Timestamp) -> Option<ChannelRate> {
    let [best, second, _] = ranking(trails, &settings.preferred_channel, now);
    let best = best.filter(|best| best.answered > 0)?;
    let shared = second.is_some_and(|second| compare(&best, &second).is_eq());
    (!shared).then_some(best)
}

/// The first time from `from` (inclusive) to `to` (exclusive) that somebody wrote to the lead or called it while the channel
/// to prefer was known, from what came before; and whether it was on that channel.
pub(crate) fn first_informed(
    facts: &[Fact],
    settings: &Settings,
    from: Timestamp,
    to: Timestamp,
) -> Option<(Timestamp, bool)> {
    let mut course = Course::default();
    let first = facts.partition_point(|fact| fact.at < from);
    for fact in facts[first..].iter().take_while(|fact| fact.at < to) {
        let Deed::Outbound { .. } = fact.deed else { continue };
        if !Trail::CHANNELS.contains(&fact.channel) {
            continue;
        }
        course.advance(facts, &settings.preferred_channel, fact.at.plus(-1));
        if let Some(best) = preferred_by(course.trails(), settings, fact.at) {
            return Some((fact.at, best.channel == fact.channel));
        }
    }
    None
}
