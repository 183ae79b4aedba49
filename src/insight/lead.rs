//! What is known of a lead beyond its alerts: which channel works, when it answers, who wrote last, what comes next.

use chrono_tz::Tz;

use super::hours::{Hours, best_time};
use crate::domain::alert::ChannelRate;
use crate::domain::insight::{LeadInsight, Touch};
use crate::domain::{Activity, ActivityStatus, Channel, Direction, Seconds, Timestamp};

/// By what a lead's history is read.
#[derive(Clone, Copy, Debug)]
pub struct Lens<'a> {
    /// When the team's leads answer.
    pub usual: &'a Hours,
    /// Where the lead lives.
    pub home: Tz,
    /// Whose hours are told.
    pub zone: Tz,
    /// How long after its time a planned step counts.
    pub grace: Seconds,
}

/// What `activities` (ordered by time) tell at `now`. `rates` and `preferred` are what the rules make of them.
pub fn known_of(
    activities: &[Activity],
    rates: Vec<ChannelRate>,
    preferred: Option<Channel>,
    lens: Lens<'_>,
    now: Timestamp,
) -> LeadInsight {
    let has_happened = |activity: &&Activity| has_happened(activity, now);
    let last = |direction| {
        let of_it = activities.iter().rev().filter(has_happened).find(|activity| activity.direction == direction);
        of_it.map(touch)
    };
    let is_ahead =
        |activity: &&Activity| activity.status == ActivityStatus::Planned && activity.timestamp.plus(lens.grace) > now;
    LeadInsight {
        preferred,
        channels: rates,
        best_time: best_time(activities.iter().filter(has_happened), lens.usual, lens.home, lens.zone, now),
        last_in: last(Direction::In),
        last_out: last(Direction::Out),
        next_step: activities.iter().find(is_ahead).map(touch),
    }
}

fn touch(activity: &Activity) -> Touch {
    Touch { at: activity.timestamp, channel: activity.channel }
}

/// Whether an activity is a contact that took place by `now`.
pub fn has_happened(activity: &Activity, now: Timestamp) -> bool {
    activity.status != ActivityStatus::Planned && !activity.reading.auto_reply && activity.timestamp <= now
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::insight::BestTime;
    use crate::domain::{ActivityId, DAY, HOUR, LeadId, MINUTE, Reading};

    /// A Monday, 09:00 in Paris.
    const MONDAY: Timestamp = Timestamp(1_772_438_400);
    const ZONE: Tz = chrono_tz::Europe::Paris;

    fn activity(at: Timestamp, channel: Channel, direction: Direction, status: ActivityStatus) -> Activity {
        Activity {
            id: ActivityId(format!("{}", at.0)),
            lead_id: LeadId::from("l1"),
            channel,
            direction,
            status,
            preview: String::new(),
            timestamp: at,
            created_at: None,
            reading: Reading::default(),
            first_seen: at,
            fresh_as_of: at,
        }
    }

    fn inbound(at: Timestamp) -> Activity {
        activity(at, Channel::Whatsapp, Direction::In, ActivityStatus::Sent)
    }

    fn known(activities: &[Activity], grace: Seconds, now: Timestamp) -> LeadInsight {
        let lens = Lens { usual: &Hours::default(), home: ZONE, zone: ZONE, grace };
        known_of(activities, Vec::new(), None, lens, now)
    }

    fn best(activities: &[Activity]) -> Option<BestTime> {
        known(activities, 0, MONDAY.plus(900 * DAY)).best_time
    }

    #[test]
    fn the_best_time_is_the_hour_in_which_half_of_the_answers_fall() {
        let at_ten = |day: i64| inbound(MONDAY.plus(day * DAY + HOUR + day * MINUTE));
        let late = inbound(MONDAY.plus(9 * DAY + 9 * HOUR));
        assert_eq!(best(&[at_ten(0), at_ten(1)]), None, "two answers tell nothing");
        let found = best(&[at_ten(0), at_ten(1), at_ten(2), late.clone()]);
        assert_eq!(found, Some(BestTime { weekday: None, from: 10, to: 11, answers: 3, of: 4 }));
        let weekly = best(&[at_ten(0), at_ten(7), at_ten(14), late]);
        assert_eq!(weekly, Some(BestTime { weekday: Some(1), from: 10, to: 11, answers: 3, of: 4 }));
    }

    #[test]
    fn the_busier_neighbour_helps_and_scattered_answers_tell_nothing() {
        let at = |day: i64, hour: i64| inbound(MONDAY.plus(day * DAY + hour * HOUR));
        let spread = [at(0, 1), at(1, 1), at(2, 2), at(3, 5), at(4, 7), at(5, 9)];
        assert_eq!(best(&spread), Some(BestTime { weekday: None, from: 10, to: 12, answers: 3, of: 6 }));
        let scattered = [at(0, 1), at(1, 1), at(2, 4), at(3, 5), at(4, 7), at(5, 9)];
        assert_eq!(best(&scattered), None);
        let around_midnight = [at(0, 14), at(1, 14), at(2, 14)];
        assert_eq!(best(&around_midnight), Some(BestTime { weekday: None, from: 23, to: 24, answers: 3, of: 3 }));
    }

    #[test]
    fn a_burst_is_one_answer_and_machines_and_missed_calls_are_none() {
        let burst: Vec<_> = (0..9).map(|minute| inbound(MONDAY.plus(minute * MINUTE))).collect();
        assert_eq!(best(&burst), None);
        let call = |day: i64, status| activity(MONDAY.plus(day * DAY), Channel::Call, Direction::Out, status);
        let missed = [0, 1, 2].map(|day| call(day, ActivityStatus::NoAnswer));
        assert_eq!(best(&missed), None);
        let picked_up = [0, 1, 2].map(|day| call(day, ActivityStatus::Replied));
        assert_eq!(best(&picked_up).map(|best| (best.from, best.answers)), Some((9, 3)));
        let mut machine = [0, 1, 2].map(|day| inbound(MONDAY.plus(day * DAY)));
        machine.iter_mut().for_each(|activity| activity.reading.auto_reply = true);
        assert_eq!(best(&machine), None);
    }

    #[test]
    fn who_wrote_last_and_what_comes_next() {
        let now = MONDAY.plus(3 * DAY);
        let history = [
            inbound(MONDAY),
            activity(MONDAY.plus(DAY), Channel::Email, Direction::Out, ActivityStatus::Sent),
            activity(now.plus(-HOUR), Channel::Call, Direction::Out, ActivityStatus::Planned),
            activity(now.plus(DAY), Channel::Manual, Direction::Out, ActivityStatus::Planned),
        ];
        let of = |grace| known(&history, grace, now);
        let insight = of(DAY);
        assert_eq!(insight.last_in, Some(Touch { at: MONDAY, channel: Channel::Whatsapp }));
        assert_eq!(insight.last_out, Some(Touch { at: MONDAY.plus(DAY), channel: Channel::Email }));
        assert_eq!(insight.next_step.map(|step| step.channel), Some(Channel::Call), "it may only not be noted yet");
        assert_eq!(of(HOUR).next_step.map(|step| step.channel), Some(Channel::Manual));
        assert!(known(&[], DAY, now).is_empty());
    }
}
