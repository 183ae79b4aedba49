//! What one lead adds to the figures that say whether M.A.X. helps: its history is replayed as in a backtest, before
//! M.A.X. was switched on and since, the same on both sides. What M.A.X. did itself (alerts, what people tapped on them)
//! is not looked at. `docs/kpi.md` is the exact meaning.

use super::replay::{Episodes, Passage, Replay};
use crate::domain::calendar::Shifts;
use crate::domain::{AlertType, Anchor, DAY, Lead, Seconds, Timestamp, Trace};
use crate::insight::kpi::{Hot, Sample, Tried, WON_WITHIN, Window, Windows};
use crate::rules::history::{Deed, Fact, Life};
use crate::rules::{History, Presence, Settings, first_informed};

/// A replay begins so long before what is counted: what holds by then opened before.
const RUN_UP: Seconds = 30 * DAY;

/// What a lead adds to each side. `activities` are ordered by (timestamp, id); `calendar` is its owner's.
pub fn measure(
    lead: &Lead,
    activities: &[Trace],
    settings: &Settings,
    calendar: &Shifts,
    windows: &Windows,
) -> [Sample; 2] {
    if lead.deleted {
        return Default::default();
    }
    let history = History::as_watched(lead, activities, settings);
    let won_at = lead.won_at().filter(|_| !history.life.active_status);
    [windows.before, windows.after]
        .map(|window| Look { history: &history, won_at, settings, calendar, window }.sample())
}

/// One lead on one side.
#[derive(Clone, Copy)]
struct Look<'a> {
    history: &'a History,
    won_at: Option<Timestamp>,
    settings: &'a Settings,
    calendar: &'a Shifts,
    window: Window,
}

/// An episode that opened.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Opening {
    alert_type: AlertType,
    anchor: Anchor,
    at: Timestamp,
}

impl Look<'_> {
    fn sample(self) -> Sample {
        let Window { from, to } = self.window;
        let life = self.life();
        let is_over = life.closed_at.map_or(!life.active_status, |closed_at| closed_at < from);
        if from >= to || life.created_at >= to || is_over {
            return Sample::default();
        }
        let mut sample = Sample { tried: self.tried(life), forgotten: self.forgotten(), ..Sample::default() };
        for opening in self.openings(life).into_iter().filter(|opening| opening.at >= from) {
            match opening.alert_type {
                AlertType::HotLead24h => sample.hot.push(self.wait(opening.anchor.instant().unwrap_or(opening.at))),
                AlertType::PreferredChannel => {}
                AlertType::AwaitingReply24h
                | AlertType::NoContact7d
                | AlertType::StaleLead30d
                | AlertType::NoFollowup7d
                | AlertType::NoReply3d => {
                    if let Some(in_time) = self.followed_up(opening, life) {
                        sample.follow_ups.0 += u32::from(in_time);
                        sample.follow_ups.1 += 1;
                    }
                }
            }
        }
        sample
    }

    /// Of a lead that ended otherwise than by being won it is not known well when it did: it is taken to have ended with
    /// the last thing that happened, on both sides alike.
    fn life(&self) -> Life {
        let life = self.history.life;
        let ended = life.closed_at.filter(|closed_at| *closed_at < self.window.to && self.won_at.is_none());
        let Some(ended) = ended else { return life };
        let last = self.before(ended).last().map_or(life.created_at, |fact| fact.at.max(life.created_at));
        Life { closed_at: Some(last.plus(1).min(ended)), ..life }
    }

    /// What happened up to `at` (inclusive).
    fn before(&self, at: Timestamp) -> &[Fact] {
        &self.history.facts[..self.history.facts.partition_point(|fact| fact.at <= at)]
    }

    /// What happened from `at` (inclusive) to the end of the window.
    fn since(&self, at: Timestamp) -> impl Iterator<Item = &Fact> {
        let first = self.history.facts.partition_point(|fact| fact.at < at);
        self.history.facts[first..].iter().take_while(|fact| fact.at < self.window.to)
    }

    /// Each episode, where it opened first. Next steps are left out: a call that took place no longer shows since when it
    /// had been planned, so that they would count on one side only.
    fn openings(&self, life: Life) -> Vec<Opening> {
        let Window { from, to } = self.window;
        let begin = from.plus(-RUN_UP);
        let history = History { life, facts: self.before(to.plus(-1)).to_vec(), steps: Vec::new() };
        let mut openings: Vec<Opening> = Vec::new();
        let mut tell = |passed: super::replay::Passed| {
            let super::replay::Passed { at, alert_type, anchor, passage, .. } = passed;
            let known = |opening: &Opening| opening.alert_type == alert_type && opening.anchor == anchor;
            match passage {
                Passage::Opened { .. } if !openings.iter().any(known) => {
                    openings.push(Opening { alert_type, anchor, at })
                }
                Passage::Opened { .. } | Passage::Closed(_) | Passage::Woke => {}
            }
        };
        let mut replay = Replay::new(&history, self.settings, Episodes::default());
        replay.run(None, begin, &mut tell);
        replay.run(Some(begin), to.plus(-1), &mut tell);
        openings
    }

    /// Whether somebody touched the lead within the target time; `None` when that time was not up yet, or the matter ended
    /// before without anybody: the lead wrote, or was closed.
    fn followed_up(&self, opening: Opening, life: Life) -> Option<bool> {
        let target = self.settings.target(opening.alert_type)?;
        let deadline = self.calendar.after_working_time(opening.at, target);
        if deadline >= self.window.to {
            return None;
        }
        let owes_an_answer = opening.alert_type == AlertType::AwaitingReply24h;
        let lead_may_end_it = !owes_an_answer && opening.alert_type != AlertType::NoContact7d;
        let closed_at = life.closed_at.unwrap_or(Timestamp(i64::MAX));
        for fact in self.since(opening.at.plus(1)).take_while(|fact| fact.at <= deadline && fact.at < closed_at) {
            match fact.deed {
                Deed::Outbound { answers, .. } if answers || !owes_an_answer => return Some(true),
                Deed::Inbound { picked_up: true, .. } => return Some(true),
                Deed::Inbound { picked_up: false, .. } if lead_may_end_it => return None,
                Deed::Outbound { .. } | Deed::Inbound { .. } | Deed::Handled => {}
            }
        }
        (closed_at > deadline).then_some(false)
    }

    /// How long a message with intent waited: until the first answer; else until the lead was won, or the window ended.
    fn wait(&self, asked_at: Timestamp) -> Hot {
        let end = self.won_at.map_or(self.window.to, |won_at| won_at.min(self.window.to)).max(asked_at);
        let is_answer = |fact: &&Fact| match fact.deed {
            Deed::Outbound { answers, .. } => answers,
            Deed::Inbound { picked_up, .. } => picked_up,
            Deed::Handled => false,
        };
        let answer = self.since(asked_at).take_while(|fact| fact.at < end).find(is_answer);
        let until = answer.map_or(end, |fact| fact.at);
        let working = self.calendar.working_time(asked_at, until);
        Hot { working, elapsed: until.since(asked_at), answered: answer.is_some() }
    }

    /// The first attempt with a known preferred channel of which it is known by now whether the lead was won.
    fn tried(&self, life: Life) -> Option<Tried> {
        let until = self.window.to.plus(-WON_WITHIN);
        let (at, preferred) = first_informed(&self.history.facts, self.settings, self.window.from, until)?;
        let is_active = life.presence(at) == Presence::Active;
        let won = self.won_at.is_some_and(|won_at| won_at <= at.plus(WON_WITHIN));
        is_active.then_some(Tried { preferred, won })
    }

    /// Whether the lead stood there, at the end of the window, without any activity or next step for so long that it is
    /// stale; `None` when it was not active then, or is not to be contacted.
    fn forgotten(&self) -> Option<bool> {
        let end = self.window.to.plus(-1);
        let life = self.history.life;
        if life.do_not_contact || life.presence(end) != Presence::Active {
            return None;
        }
        if !self.settings.is_enabled(AlertType::StaleLead30d) {
            return None;
        }
        let mut replay = Replay::new(self.history, self.settings, Episodes::default());
        replay.look(end);
        Some(replay.verdict(end).finding(AlertType::StaleLead30d).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::domain::{Activity, ActivityId, ActivityStatus, Channel, Direction, HOUR, LeadId, Reading, UserId};

    /// A Monday, 8:00 in Paris.
    const SWITCHED_ON: Timestamp = Timestamp(1_772_434_800);

    fn at(days: i64, hours: i64) -> Timestamp {
        SWITCHED_ON.plus(days * DAY + hours * HOUR)
    }

    fn lead(created_at: Timestamp) -> Lead {
        Lead { owner: Some(UserId::from("u")), ..Lead::new(LeadId::from("l"), "New", created_at) }
    }

    fn act(timestamp: Timestamp, direction: Direction, channel: Channel, status: ActivityStatus) -> Activity {
        Activity {
            id: ActivityId(format!("{timestamp:?} {direction:?} {channel:?}")),
            lead_id: LeadId::from("l"),
            channel,
            direction,
            status,
            preview: String::new(),
            timestamp,
            created_at: None,
            reading: Reading::default(),
            // Seen when M.A.X. read the CRM for the first time, long after.
            first_seen: SWITCHED_ON,
            fresh_as_of: SWITCHED_ON.max(timestamp),
        }
    }

    fn out(timestamp: Timestamp) -> Activity {
        act(timestamp, Direction::Out, Channel::Email, ActivityStatus::Sent)
    }

    fn wants(timestamp: Timestamp) -> Activity {
        let reading = Reading { intent: true, expects_reply: true, auto_reply: false };
        Activity { reading, ..act(timestamp, Direction::In, Channel::Email, ActivityStatus::Sent) }
    }

    fn measured(lead: &Lead, activities: &[Activity], windows: &Windows) -> [Sample; 2] {
        let traces: Vec<Trace> = activities.iter().map(Activity::trace).collect();
        let calendar = Shifts::of(Arc::default(), windows.before.from, windows.after.to);
        measure(lead, &traces, &Settings::default(), &calendar, windows)
    }

    fn both(lead: &Lead, mut activities: Vec<Activity>, days: i64) -> [Sample; 2] {
        activities.sort_by(|a, b| (a.timestamp, &a.id).cmp(&(b.timestamp, &b.id)));
        let windows = Windows::of(SWITCHED_ON, at(days, 0));
        measured(lead, &activities, &windows)
    }

    fn before(lead: &Lead, activities: Vec<Activity>) -> Sample {
        let [before, _] = both(lead, activities, 60);
        before
    }

    #[test]
    fn a_follow_up_is_in_time_when_somebody_touched_the_lead_within_the_target() {
        // NoReply3d opens at -57 days, 9:00, and has 24 working hours.
        let first = out(at(-60, 1));
        let touched = |second: Timestamp| before(&lead(at(-60, 0)), vec![first.clone(), out(second)]).follow_ups;
        assert_eq!(touched(at(-56, 1)).0, 1);
        // Some 40 days later the second one has been left alone, too.
        assert!(touched(at(-56, 1)).1 > 1);
        // Touched after the target, and left alone afterwards: none is in time.
        assert_eq!(touched(at(-42, 1)).0, 0);
        let alone = before(&lead(at(-60, 0)), vec![first]).follow_ups;
        assert_eq!(alone, (0, 3), "no reply for three days, nothing for seven, nothing for thirty");
    }

    #[test]
    fn what_is_younger_than_its_target_is_not_counted_touched_or_not() {
        let created = lead(at(-8, 0));
        // NoContact7d opened a day before the end and has 48 working hours.
        assert_eq!(before(&created, vec![]).follow_ups, (0, 0));
        assert_eq!(before(&created, vec![out(at(-1, 2))]).follow_ups, (0, 0), "the quick ones would flatter");
        assert_eq!(before(&lead(at(-20, 0)), vec![]).follow_ups, (0, 1));
    }

    #[test]
    fn a_matter_that_ended_without_anybody_is_not_counted() {
        let first = out(at(-60, 1));
        let wrote = act(at(-57, 4), Direction::In, Channel::Email, ActivityStatus::Sent);
        let answered = before(&lead(at(-60, 0)), vec![first.clone(), wrote]).follow_ups;
        assert_eq!(answered, (0, 2), "no reply is over; what follows counts");
        let won = Lead { status: "Converted".into(), closed_at: Some(at(-57, 3)), ..lead(at(-60, 0)) };
        assert_eq!(before(&won, vec![first.clone()]).follow_ups, (0, 0));
        // When a lead that was given up ended before M.A.X. watched, the CRM does not say.
        let dead = Lead { status: "Dead".into(), closed_at: Some(at(-2, 0)), ..lead(at(-60, 0)) };
        assert_eq!(before(&dead, vec![first]).follow_ups, (0, 0));
    }

    #[test]
    fn a_hot_lead_waits_for_an_answer_not_for_a_call_that_nobody_took() {
        let missed = act(at(-30, 4), Direction::Out, Channel::Call, ActivityStatus::NoAnswer);
        let history = vec![wants(at(-30, 2)), missed, out(at(-29, 2))];
        let hot = before(&lead(at(-40, 0)), history).hot;
        // Saturday 10:00 to Sunday 10:00: no working hour.
        assert_eq!(hot, [Hot { working: 0, elapsed: DAY, answered: true }]);
        let monday = vec![wants(at(-28, 2)), out(at(-27, 2))];
        assert_eq!(before(&lead(at(-40, 0)), monday).hot[0].working, 19 * HOUR / 2);
        let never = before(&lead(at(-40, 0)), vec![wants(at(-28, 2))]).hot;
        assert_eq!(never[0].elapsed, 28 * DAY - 2 * HOUR, "until the window ends");
        assert!(!never[0].answered);
        let dead = Lead { status: "Dead".into(), closed_at: Some(at(-20, 0)), ..lead(at(-40, 0)) };
        assert_eq!(before(&dead, vec![wants(at(-28, 2))]).hot, never, "given up is not answered");
        let won = Lead { status: "Converted".into(), closed_at: Some(at(-27, 2)), ..lead(at(-40, 0)) };
        let won = before(&won, vec![wants(at(-28, 2))]).hot;
        assert_eq!(won, [Hot { working: 19 * HOUR / 2, elapsed: DAY, answered: false }]);
    }

    #[test]
    fn the_first_attempt_with_a_known_channel_says_whether_it_was_used_and_whether_the_lead_was_won() {
        let answered = |days: i64| {
            let reply = act(at(days, 3), Direction::In, Channel::Whatsapp, ActivityStatus::Sent);
            [act(at(days, 1), Direction::Out, Channel::Whatsapp, ActivityStatus::Sent), reply]
        };
        let mut history = vec![out(at(-89, 1)), out(at(-87, 1))];
        history.extend([answered(-85), answered(-83)].concat());
        let then = |channel: Channel| {
            let mut history = history.clone();
            history.push(act(at(-80, 1), Direction::Out, channel, ActivityStatus::Sent));
            history
        };
        let tried = |lead: &Lead, channel| before(lead, then(channel)).tried;
        let open = lead(at(-89, 0));
        assert_eq!(before(&open, history.clone()).tried, None, "not known before");
        assert_eq!(tried(&open, Channel::Whatsapp), Some(Tried { preferred: true, won: false }));
        assert_eq!(tried(&open, Channel::Email), Some(Tried { preferred: false, won: false }));
        assert_eq!(tried(&open, Channel::Manual), None, "a visit is no channel to choose");
        let won = |days| Lead { status: "Converted".into(), closed_at: Some(at(days, 0)), ..lead(at(-89, 0)) };
        assert_eq!(tried(&won(-60), Channel::Whatsapp), Some(Tried { preferred: true, won: true }));
        assert_eq!(tried(&won(-40), Channel::Whatsapp), Some(Tried { preferred: true, won: false }), "too late");
        assert_eq!(tried(&won(-81), Channel::Whatsapp), None, "it was won before");
    }

    #[test]
    fn a_lead_is_forgotten_when_nothing_happened_and_nothing_is_planned() {
        let of = |lead: &Lead, activities: Vec<Activity>| before(lead, activities).forgotten;
        let old = lead(at(-80, 0));
        assert_eq!(of(&old, vec![]), Some(true));
        assert_eq!(of(&old, vec![out(at(-31, 0))]), Some(true));
        assert_eq!(of(&old, vec![out(at(-29, 0))]), Some(false));
        let planned = Activity {
            created_at: Some(at(-10, 0)),
            ..act(at(5, 0), Direction::Out, Channel::Call, ActivityStatus::Planned)
        };
        assert_eq!(of(&old, vec![planned]), Some(false));
        assert_eq!(of(&Lead { do_not_contact: true, ..old.clone() }, vec![]), None);
        let closed = |days| Lead { status: "Dead".into(), closed_at: Some(at(days, 0)), ..old.clone() };
        assert_eq!(of(&closed(-1), vec![]), None);
        assert_eq!(of(&closed(1), vec![]), Some(true), "it was active on that day");
        assert_eq!(of(&Lead { deleted: true, ..old.clone() }, vec![]), None);
    }

    #[test]
    fn nothing_that_happens_later_changes_what_was_before() {
        let old = lead(at(-80, 0));
        let history = vec![out(at(-60, 1)), wants(at(-40, 2)), out(at(-39, 2)), out(at(-12, 2)), wants(at(-1, 3))];
        let known = before(&old, history.clone());
        assert!(known.follow_ups.1 > 2 && known.hot.len() == 2, "{known:?}");
        let later = [history, vec![out(at(0, 0)), out(at(1, 0)), wants(at(2, 0)), out(at(9, 0))]].concat();
        assert_eq!(before(&old, later.clone()), known);
        for status in ["Converted", "Dead"] {
            let closed = Lead { status: status.into(), closed_at: Some(at(20, 0)), ..old.clone() };
            assert_eq!(before(&closed, later.clone()), known, "{status}");
        }
        for days in [1, 30, 90, 200] {
            assert_eq!(both(&old, later.clone(), days)[0], known, "{days} days later");
        }
    }

    #[test]
    fn the_same_history_before_and_after_counts_the_same() {
        let history = |start: Timestamp| {
            let day = |days: i64, hours: i64| start.plus(days * DAY + hours * HOUR);
            vec![out(day(2, 1)), wants(day(9, 2)), out(day(9, 5)), out(day(30, 1)), wants(day(50, 3))]
        };
        // 84 days are whole weeks, and no clock is changed in between.
        let switched_on = Timestamp::parse_rfc3339("2026-07-06T06:00:00Z").unwrap();
        let windows = Windows::of(switched_on, switched_on.plus(84 * DAY));
        let [before, after] = [switched_on.plus(-84 * DAY), switched_on].map(|start| {
            let windows = Windows { before: Window { from: switched_on.plus(-84 * DAY), ..windows.before }, ..windows };
            measured(&lead(start), &history(start), &windows)
        });
        assert_eq!(before[0], after[1]);
        assert!(before[0].follow_ups.1 > 2 && before[0].hot.len() == 2);
        assert!(after[0].is_empty());
    }
}
