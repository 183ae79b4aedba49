//! The rules once more, as naively as they can be written, straight from their specification: everything is
//! computed from scratch at every instant, nothing is remembered that need not be, no cleverness. Slow, and
//! easy to compare with the text, sentence by sentence.

use std::collections::BTreeMap;

use max::domain::*;
use max::rules::Settings;

/// Everything known about one lead, and what people did to its alerts.
#[derive(Clone, Debug)]
pub struct World {
    pub lead: Lead,
    pub activities: Vec<Activity>,
    pub settings: Settings,
}

/// What the oracle remembers of an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    Open,
    Snoozed(Timestamp),
    Closed,
    Resolved(Timestamp),
}

pub type Key = (AlertType, Anchor);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    Closed(CloseReason),
    Opened,
    Woke,
}

pub type Log = Vec<(Timestamp, Event, AlertType, Anchor)>;

#[derive(Clone, Debug, Default)]
pub struct Oracle {
    pub memory: BTreeMap<Key, Memory>,
    pub log: Log,
}

const SILENCE_RULES: [AlertType; 4] =
    [AlertType::NoContact7d, AlertType::StaleLead30d, AlertType::NoFollowup7d, AlertType::NoReply3d];

fn planned(a: &Activity) -> bool {
    a.status == ActivityStatus::Planned
}

fn missed_call(a: &Activity) -> bool {
    a.channel == Channel::Call && a.direction == Direction::In && a.status == ActivityStatus::NoAnswer
}

fn picked_up(a: &Activity) -> bool {
    a.channel == Channel::Call && a.direction == Direction::In && a.status != ActivityStatus::NoAnswer
}

impl World {
    /// "Only facts with timestamp ≤ now exist for it"; an auto-reply does not exist for any rule; a planned
    /// activity exists only as a next step.
    fn existing(&self, now: Timestamp) -> Vec<&Activity> {
        let mut existing: Vec<&Activity> = self
            .activities
            .iter()
            .filter(|a| !planned(a) && a.timestamp <= now)
            .filter(|a| !(a.direction == Direction::In && a.reading.auto_reply))
            .collect();
        existing.sort_by(|a, b| (a.timestamp, a.id.as_str()).cmp(&(b.timestamp, b.id.as_str())));
        existing
    }

    fn pending_steps(&self, now: Timestamp) -> Vec<&Activity> {
        let pending = |a: &&Activity| {
            planned(a) && a.created_at.unwrap() <= now && now.0 < a.timestamp.0 + self.settings.next_step_grace
        };
        self.activities.iter().filter(pending).collect()
    }

    pub fn active(&self, now: Timestamp) -> bool {
        let by_status = self.settings.active_statuses.as_ref().unwrap().contains(&self.lead.status);
        let not_closed_yet = self.lead.closed_at.is_some_and(|closed_at| now < closed_at);
        self.lead.created_at <= now && !self.lead.deleted && (by_status || not_closed_yet)
    }

    /// Every rule that holds, with its anchor. `by_hand`: when a person closed HotLead24h or AwaitingReply24h.
    /// `were_hot`: anchors of HotLead24h alerts that exist already.
    pub fn holding(
        &self,
        now: Timestamp,
        by_hand: &[Timestamp],
        were_hot: &[Timestamp],
        ignore_steps: bool,
    ) -> BTreeMap<AlertType, Anchor> {
        let mut holding = BTreeMap::new();
        if !self.active(now) {
            return holding;
        }
        let s = &self.settings;
        let existing = self.existing(now);
        let steps = if ignore_steps { vec![] } else { self.pending_steps(now) };
        let inbounds: Vec<&Activity> = existing.iter().copied().filter(|a| a.direction == Direction::In).collect();
        let outbounds: Vec<&Activity> =
            existing.iter().copied().filter(|a| a.direction == Direction::Out || picked_up(a)).collect();
        let by_hand: Vec<Timestamp> = by_hand.iter().copied().filter(|at| *at <= now).collect();
        let mut answers: Vec<Timestamp> = outbounds
            .iter()
            .filter(|a| {
                !(a.direction == Direction::Out && a.channel == Channel::Call && a.status == ActivityStatus::NoAnswer)
            })
            .map(|a| a.timestamp)
            .collect();
        answers.extend(&by_hand);
        let responses: Vec<Timestamp> = existing
            .iter()
            .filter(|a| a.direction == Direction::In || a.status == ActivityStatus::Replied)
            .map(|a| a.timestamp)
            .collect();
        let waiting: Vec<&Activity> = inbounds
            .iter()
            .copied()
            .filter(|i| i.channel != Channel::Manual)
            .filter(|i| i.reading.expects_reply || i.reading.intent || missed_call(i))
            .filter(|i| !answers.iter().any(|answer| *answer >= i.timestamp))
            .filter(|i| !steps.iter().any(|step| step.created_at.unwrap() >= i.timestamp))
            .collect();

        // HotLead24h
        let young = |i: &Activity| {
            let fresh = i.fresh_as_of.0 - i.timestamp.0 < s.hot && self.lead.created_at.0 - i.timestamp.0 < s.hot;
            fresh || were_hot.contains(&i.timestamp)
        };
        if let Some(hot) = waiting.iter().filter(|i| i.reading.intent && young(i)).map(|i| i.timestamp).min() {
            holding.insert(AlertType::HotLead24h, Anchor::At(hot));
        }
        // AwaitingReply24h
        let first = waiting.iter().map(|i| i.timestamp).min();
        let last = waiting.iter().map(|i| i.timestamp).max();
        if let (Some(first), Some(last)) = (first, last)
            && now.0 - first.0 >= s.awaiting_reply
            && now.0 - last.0 < s.awaiting_reply_max
        {
            holding.insert(AlertType::AwaitingReply24h, Anchor::At(first));
        }
        // The four silence rules
        let last_any = existing.iter().map(|a| a.timestamp).max();
        let last_out = outbounds.iter().map(|a| a.timestamp).max();
        let created = self.lead.created_at;
        if outbounds.is_empty() && by_hand.is_empty() && now.0 - created.0 >= s.no_contact {
            holding.insert(AlertType::NoContact7d, Anchor::At(created));
        }
        let since = last_any.unwrap_or(created);
        if now.0 - since.0 >= s.stale {
            holding.insert(AlertType::StaleLead30d, Anchor::At(since));
        }
        if let Some(last_any) = last_any
            && now.0 - last_any.0 >= s.no_followup
        {
            holding.insert(AlertType::NoFollowup7d, Anchor::At(last_any));
        }
        if let Some(last_out) = last_out
            && !responses.iter().any(|response| *response >= last_out)
            && now.0 - last_out.0 >= s.no_reply
        {
            holding.insert(AlertType::NoReply3d, Anchor::At(last_out));
        }
        if !steps.is_empty() || self.lead.do_not_contact {
            holding.retain(|alert_type, _| !SILENCE_RULES.contains(alert_type));
        }
        // PreferredChannel
        if !self.lead.do_not_contact
            && let Some(channel) = self.preferred_alert(now)
        {
            holding.insert(AlertType::PreferredChannel, Anchor::Channel(channel));
        }
        holding.retain(|alert_type, _| !s.disabled.contains(alert_type));
        holding
    }

    /// (channel, answered, counting) of every valid channel.
    pub fn valid_channels(&self, now: Timestamp) -> Vec<(Channel, i64, i64)> {
        let s = &self.settings.preferred_channel;
        let existing = self.existing(now);
        let mut valid = Vec::new();
        for channel in [Channel::Whatsapp, Channel::Email, Channel::Call] {
            let on =
                |direction| existing.iter().copied().filter(move |a| a.channel == channel && a.direction == direction);
            let inbounds: Vec<i64> = on(Direction::In).map(|a| a.timestamp.0).collect();
            let mut attempts: Vec<Vec<&Activity>> = Vec::new();
            for outbound in on(Direction::Out) {
                let same = attempts.last().and_then(|attempt| attempt.last()).is_some_and(|before| {
                    let between = before.timestamp.0..=outbound.timestamp.0;
                    outbound.timestamp.0 - before.timestamp.0 < s.attempt_gap
                        && !inbounds.iter().any(|inbound| between.contains(inbound))
                });
                if same {
                    attempts.last_mut().unwrap().push(outbound);
                } else {
                    attempts.push(vec![outbound]);
                }
            }
            let (mut answered_count, mut counting) = (0, 0);
            for (n, attempt) in attempts.iter().enumerate() {
                let instant = attempt[0].timestamp.0;
                if now.0 - instant >= s.window {
                    continue;
                }
                let next = attempts.get(n + 1).map_or(i64::MAX, |next| next[0].timestamp.0);
                let answered = attempt.iter().any(|outbound| outbound.status == ActivityStatus::Replied)
                    || inbounds.iter().any(|t| instant <= *t && *t < next && *t < instant + s.answer_within);
                if answered || now.0 - instant >= s.counts_after || n + 1 < attempts.len() {
                    counting += 1;
                    answered_count += i64::from(answered);
                }
            }
            if counting >= i64::from(s.min_attempts) {
                valid.push((channel, answered_count, counting));
            }
        }
        valid
    }

    fn preferred_alert(&self, now: Timestamp) -> Option<Channel> {
        let valid = self.valid_channels(now);
        // The best is the one that beats every other by more than the margin: a/b − c/d > m/100.
        let margin = i64::from(self.settings.preferred_channel.margin_percent);
        let beats =
            |x: &(Channel, i64, i64), y: &(Channel, i64, i64)| 100 * (x.1 * y.2 - y.1 * x.2) > margin * x.2 * y.2;
        let best = valid.iter().find(|x| valid.iter().all(|y| x.0 == y.0 || beats(x, y)));
        if valid.len() < 2 { None } else { best.map(|best| best.0) }
    }
}

impl Oracle {
    fn by_hand(&self) -> Vec<Timestamp> {
        let about_an_answer = [AlertType::HotLead24h, AlertType::AwaitingReply24h];
        let resolved = self.memory.iter().filter(|(key, _)| about_an_answer.contains(&key.0));
        resolved
            .filter_map(|(_, memory)| match memory {
                Memory::Resolved(at) => Some(*at),
                _ => None,
            })
            .collect()
    }

    fn were_hot(&self) -> Vec<Timestamp> {
        let hot = self.memory.keys().filter(|key| key.0 == AlertType::HotLead24h);
        hot.filter_map(|key| key.1.instant()).collect()
    }

    pub fn is_open(memory: Memory) -> bool {
        matches!(memory, Memory::Open | Memory::Snoozed(_))
    }

    pub fn open(&self) -> Vec<Key> {
        self.memory.iter().filter(|(_, memory)| Self::is_open(**memory)).map(|(key, _)| *key).collect()
    }

    fn may_be_open(&self, world: &World, key: Key, now: Timestamp) -> bool {
        match self.memory.get(&key) {
            Some(Memory::Resolved(at)) => world.settings.repeat_after(key.0).is_some_and(|span| now.0 - at.0 >= span),
            _ => true,
        }
    }

    /// The state after everything that is so at `now`.
    pub fn step(&mut self, world: &World, now: Timestamp) {
        let (by_hand, were_hot) = (self.by_hand(), self.were_hot());
        let holding = world.holding(now, &by_hand, &were_hot, false);
        let if_nothing_planned = world.holding(now, &by_hand, &were_hot, true);
        // Whom the ladder lets be open, top down.
        let mut may = Vec::new();
        for alert_type in AlertType::ALL {
            let Some(anchor) = holding.get(&alert_type) else { continue };
            let key = (alert_type, *anchor);
            let outranked = world.settings.inhibition
                && alert_type != AlertType::PreferredChannel
                && may.iter().any(|(higher, _)| *higher != AlertType::PreferredChannel);
            if self.may_be_open(world, key, now) && !outranked {
                may.push(key);
            }
        }
        let mut inherited = None;
        for key in self.open() {
            if may.contains(&key) {
                continue;
            }
            let reason = if world.lead.deleted {
                CloseReason::LeadDeleted
            } else if !world.active(now) {
                CloseReason::LeadClosed
            } else if !holding.contains_key(&key.0) && if_nothing_planned.contains_key(&key.0) {
                CloseReason::Planned
            } else if holding.get(&key.0) != Some(&key.1) {
                CloseReason::Cleared
            } else {
                CloseReason::Superseded
            };
            if let (CloseReason::Superseded, Memory::Snoozed(until)) = (reason, self.memory[&key])
                && until > now
            {
                inherited = inherited.max(Some(until));
            }
            self.memory.insert(key, Memory::Closed);
            self.log.push((now, Event::Closed(reason), key.0, key.1));
        }
        for key in may {
            match self.memory.get(&key).copied() {
                Some(Memory::Open) => {}
                Some(Memory::Snoozed(until)) => {
                    if now >= until {
                        self.memory.insert(key, Memory::Open);
                        self.log.push((now, Event::Woke, key.0, key.1));
                    }
                }
                Some(Memory::Closed | Memory::Resolved(_)) | None => {
                    let inherits = SILENCE_RULES.contains(&key.0);
                    let memory = inherited.filter(|_| inherits).map_or(Memory::Open, Memory::Snoozed);
                    self.memory.insert(key, memory);
                    self.log.push((now, Event::Opened, key.0, key.1));
                }
            }
        }
    }

    /// A person closes an open episode, after the rules had their say at `now`.
    pub fn resolve(&mut self, world: &World, key: Key, now: Timestamp) {
        let holding = world.holding(now, &self.by_hand(), &self.were_hot(), false);
        if key.0 != AlertType::PreferredChannel {
            for (alert_type, anchor) in holding {
                let lower = alert_type > key.0 && alert_type != AlertType::PreferredChannel;
                if lower && self.may_be_open(world, (alert_type, anchor), now) {
                    self.memory.insert((alert_type, anchor), Memory::Resolved(now));
                }
            }
        }
        self.memory.insert(key, Memory::Resolved(now));
        self.step(world, now);
    }

    pub fn snooze(&mut self, key: Key, until: Timestamp) {
        self.memory.insert(key, Memory::Snoozed(until));
    }
}

/// What happens when every single second between the first and the last is evaluated.
pub fn brute_force(world: &World) -> Oracle {
    let mut oracle = Oracle::default();
    for now in super::properties::START..=super::properties::END {
        oracle.step(world, Timestamp(now));
    }
    oracle
}
