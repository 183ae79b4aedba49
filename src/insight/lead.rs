//! What is known of a lead beyond its alerts: which channel works, when it answers, who wrote last, what comes next.
//!
//! **The best time.** An answer is every word from the lead on WhatsApp, by mail or by telephone (no automatic reply),
//! and every call of ours that was picked up. Those of one hour of one day count once, and the latest
//! [`ANSWERS_LOOKED_AT`] are looked at. The best time is the hour of the day, in the team's time zone, in which most of
//! them fall, when at least half of them do; else that hour with the busier of its neighbours, when half of them fall
//! into the two; else there is none. Fewer than [`ANSWERS_NEEDED`] answers tell nothing. It has a weekday when at least
//! [`ANSWERS_NEEDED`], and two thirds, of the answers in it fall on that day. Of equals the earlier wins.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, NaiveDate, Timelike};
use chrono_tz::Tz;

use crate::domain::alert::ChannelRate;
use crate::domain::insight::{BestTime, LeadInsight, Touch};
use crate::domain::{Activity, ActivityStatus, Channel, Direction, Seconds, Timestamp};

/// So many answers tell something.
pub const ANSWERS_NEEDED: usize = 3;
/// Older answers than the latest so many do not count.
pub const ANSWERS_LOOKED_AT: usize = 50;

/// What `activities` (ordered by time) tell at `now`. `rates` and `preferred` are what the rules make of them;
/// a planned step counts until `grace` after its time; hours are those of `zone`.
pub fn known_of(
    activities: &[Activity],
    rates: Vec<ChannelRate>,
    preferred: Option<Channel>,
    grace: Seconds,
    zone: Tz,
    now: Timestamp,
) -> LeadInsight {
    let has_happened = |activity: &&Activity| is_contact(activity) && activity.timestamp <= now;
    let last = |direction| {
        let of_it = activities.iter().rev().filter(has_happened).find(|activity| activity.direction == direction);
        of_it.map(touch)
    };
    let is_ahead =
        |activity: &&Activity| activity.status == ActivityStatus::Planned && activity.timestamp.plus(grace) > now;
    LeadInsight {
        preferred,
        channels: rates,
        best_time: best_time(activities.iter().filter(has_happened), zone),
        last_in: last(Direction::In),
        last_out: last(Direction::Out),
        next_step: activities.iter().find(is_ahead).map(touch),
    }
}

fn touch(activity: &Activity) -> Touch {
    Touch { at: activity.timestamp, channel: activity.channel }
}

fn is_contact(activity: &Activity) -> bool {
    activity.status != ActivityStatus::Planned && !activity.reading.auto_reply
}

fn is_answer(activity: &Activity) -> bool {
    let spoken = matches!(activity.channel, Channel::Whatsapp | Channel::Email | Channel::Call);
    let picked_up = activity.channel == Channel::Call && activity.status == ActivityStatus::Replied;
    spoken && (activity.direction == Direction::In || picked_up)
}

fn best_time<'a>(contacts: impl DoubleEndedIterator<Item = &'a Activity>, zone: Tz) -> Option<BestTime> {
    let local = |activity: &Activity| -> DateTime<Tz> { activity.timestamp.to_utc().with_timezone(&zone) };
    let mut answers: BTreeSet<(NaiveDate, u32)> = BTreeSet::new();
    for at in contacts.rev().filter(|activity| is_answer(activity)).map(local) {
        if answers.len() == ANSWERS_LOOKED_AT {
            break;
        }
        answers.insert((at.date_naive(), at.hour()));
    }
    let of = answers.len();
    if of < ANSWERS_NEEDED {
        return None;
    }
    let within = |from: u32, to: u32| answers.iter().filter(|(_, hour)| (from..to).contains(hour)).count();
    let busiest = |blocks: Vec<(u32, u32)>| {
        blocks.into_iter().rev().map(|(from, to)| (within(from, to), from, to)).max_by_key(|(count, ..)| *count)
    };
    let (alone, hour, _) = busiest((0..24).map(|hour| (hour, hour + 1)).collect())?;
    let (answers_within, from, to) = if 2 * alone >= of {
        (alone, hour, hour + 1)
    } else {
        let before = (hour > 0).then(|| (hour - 1, hour + 1));
        let after = (hour < 23).then_some((hour, hour + 2));
        busiest(before.into_iter().chain(after).collect()).filter(|(count, ..)| 2 * count >= of)?
    };
    let in_it = answers.iter().filter(|(_, hour)| (from..to).contains(hour));
    let days: Vec<u32> = in_it.map(|(date, _)| date.weekday().number_from_monday()).collect();
    let on = |day: u32| days.iter().filter(|known| **known == day).count();
    let weekday = (1..=7).find(|day| on(*day) >= ANSWERS_NEEDED && 3 * on(*day) >= 2 * answers_within);
    Some(BestTime { weekday, from, to, answers: answers_within, of })
}

#[cfg(test)]
mod tests {
    use super::*;
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

    fn best(activities: &[Activity]) -> Option<BestTime> {
        known_of(activities, Vec::new(), None, 0, ZONE, MONDAY.plus(900 * DAY)).best_time
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
        let of = |grace| known_of(&history, Vec::new(), None, grace, ZONE, now);
        let insight = of(DAY);
        assert_eq!(insight.last_in, Some(Touch { at: MONDAY, channel: Channel::Whatsapp }));
        assert_eq!(insight.last_out, Some(Touch { at: MONDAY.plus(DAY), channel: Channel::Email }));
        assert_eq!(insight.next_step.map(|step| step.channel), Some(Channel::Call), "it may only not be noted yet");
        assert_eq!(of(HOUR).next_step.map(|step| step.channel), Some(Channel::Manual));
        assert!(known_of(&[], Vec::new(), None, DAY, ZONE, now).is_empty());
    }
}
