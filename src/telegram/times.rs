//! Which times a rep is offered: to be reminded at, and to call at. Only such as differ and lie ahead, in the rep's own
//! working hours, and where the lead is known to answer then, at that time of day.

use chrono::{DateTime, Datelike, Timelike, Weekday};
use chrono_tz::Tz;

use crate::domain::calendar::Calendar;
use crate::domain::deed::CALL_LASTS;
use crate::domain::insight::BestTime;
use crate::domain::{HOUR, MINUTE, Seconds, Timestamp};

/// How many days are offered.
pub const DAYS_OFFERED: usize = 10;
/// How many times of the next days are offered.
pub const SLOTS_OFFERED: usize = 6;
/// How many times of one day are offered.
pub const SLOTS_OF_A_DAY: usize = 9;
/// Calls are offered on the half hour.
const STEP: Seconds = 30 * MINUTE;
/// Nobody plans a call for right now.
const AHEAD: Seconds = 15 * MINUTE;
/// Two choices nearer than this are one.
const APART: Seconds = 20 * MINUTE;
/// When calls are proposed while nothing is known of the lead.
const USUAL_HOURS: [u32; 2] = [10, 15];

/// What is planned, from and to (exclusive).
pub type Taken = (Timestamp, Timestamp);

/// A time to be reminded at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reminder {
    /// In an hour.
    Hour,
    /// In the afternoon of the same day.
    Afternoon(Timestamp),
    /// At the beginning of a working day.
    Morning(Timestamp),
}

/// The times to be reminded at that `now` leaves, soonest first.
pub fn reminders(calendar: &Calendar, now: Timestamp) -> Vec<Reminder> {
    let local = local(now, calendar.zone());
    let afternoon = now.plus(14 * HOUR - i64::from(local.num_seconds_from_midnight()));
    let is_morning = local.hour() < 12 && afternoon.since(now) > HOUR + APART && calendar.is_open(afternoon);
    let mut found = vec![Reminder::Hour];
    found.extend(is_morning.then_some(Reminder::Afternoon(afternoon)));
    for at in [calendar.next_day_open(now), calendar.next_weekday_open(now, Weekday::Mon)] {
        if at.since(now) > HOUR + APART && !found.contains(&Reminder::Morning(at)) {
            found.push(Reminder::Morning(at));
        }
    }
    found
}

/// The beginnings of the next working days, today's left out.
pub fn mornings(calendar: &Calendar, now: Timestamp) -> Vec<Timestamp> {
    let next = |at: &Timestamp| Some(calendar.next_day_open(*at));
    std::iter::successors(next(&now), next).take(DAYS_OFFERED).collect()
}

/// The next working days on which a call can be planned, as instants of them; today first when there is time left.
pub fn call_days(calendar: &Calendar, taken: &[Taken], now: Timestamp) -> Vec<Timestamp> {
    let today = (!free_slots(calendar, taken, now, now).is_empty()).then_some(whole_minute(now));
    today.into_iter().chain(mornings(calendar, now)).take(DAYS_OFFERED).collect()
}

/// Times to call at on the next working days, soonest first: two a day, in the lead's best hours where they are known.
/// `taken` is what is planned already.
pub fn call_slots(calendar: &Calendar, best: Option<&BestTime>, taken: &[Taken], now: Timestamp) -> Vec<Timestamp> {
    let mut slots: Vec<Timestamp> = Vec::new();
    for day in call_days(calendar, taken, now) {
        let free = free_slots(calendar, taken, day, now);
        let (first, second) = proposals(&free, best, calendar.zone());
        let is_today = day == whole_minute(now);
        // Today the next one that is left; later, the usual hours.
        let soonest = free.first().copied().filter(|_| is_today);
        let mut of_day: Vec<Timestamp> = soonest.or(first).into_iter().chain(second).collect();
        of_day.sort_unstable();
        of_day.dedup();
        slots.extend(of_day);
        if slots.len() >= SLOTS_OFFERED {
            break;
        }
    }
    slots.truncate(SLOTS_OFFERED);
    slots
}

/// Times to call at on the day of `day`, spread over it.
pub fn slots_of_day(calendar: &Calendar, taken: &[Taken], day: Timestamp, now: Timestamp) -> Vec<Timestamp> {
    let free = free_slots(calendar, taken, day, now);
    if free.len() <= SLOTS_OF_A_DAY {
        return free;
    }
    let on_the_hour: Vec<Timestamp> =
        free.iter().copied().filter(|at| local(*at, calendar.zone()).minute() == 0).collect();
    on_the_hour.into_iter().take(SLOTS_OF_A_DAY).collect()
}

/// The two times of a day that are proposed.
fn proposals(free: &[Timestamp], best: Option<&BestTime>, zone: Tz) -> (Option<Timestamp>, Option<Timestamp>) {
    let from_hour = |hour: u32| free.iter().copied().find(|at| local(*at, zone).hour() >= hour);
    let in_best = |at: &&Timestamp| {
        let at = local(**at, zone);
        best.is_some_and(|best| {
            (best.from..best.to).contains(&at.hour())
                && best.weekday.is_none_or(|day| day == at.weekday().number_from_monday())
        })
    };
    let mut good = free.iter().filter(in_best).copied();
    match (good.next(), good.next()) {
        (Some(first), second) => (Some(first), second.or_else(|| from_hour(USUAL_HOURS[1]))),
        (None, _) => (from_hour(USUAL_HOURS[0]), from_hour(USUAL_HOURS[1])),
    }
}

/// Whether something is planned while a call at `at` lasts.
pub fn collides(taken: &[Taken], at: Timestamp) -> bool {
    taken.iter().any(|(from, to)| at < *to && at.plus(CALL_LASTS) > *from)
}

/// Every half hour of a day in which a call fits, and none is planned.
fn free_slots(calendar: &Calendar, taken: &[Taken], day: Timestamp, now: Timestamp) -> Vec<Timestamp> {
    let Some((from, to)) = calendar.day_of(day) else { return Vec::new() };
    let fits = |at: Timestamp| calendar.is_open(at) && calendar.is_open(at.plus(CALL_LASTS - 1));
    let first = Timestamp(from.0.div_euclid(STEP) * STEP);
    std::iter::successors(Some(first), |at| Some(at.plus(STEP)))
        .take_while(|at| *at < to)
        .filter(|at| at.since(now) >= AHEAD && fits(*at) && !collides(taken, *at))
        .collect()
}

fn local(at: Timestamp, zone: Tz) -> DateTime<Tz> {
    at.to_utc().with_timezone(&zone)
}

fn whole_minute(at: Timestamp) -> Timestamp {
    Timestamp(at.0.div_euclid(MINUTE) * MINUTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn told(slots: &[Timestamp]) -> Vec<String> {
        let zone = Calendar::default().zone();
        slots.iter().map(|slot| local(*slot, zone).format("%a %d %H:%M").to_string()).collect()
    }

    #[test]
    fn a_reminder_differs_from_the_others_and_lies_ahead() {
        let calendar = Calendar::default();
        for (now, expected) in [
            ("2026-03-03T10:00:00+01:00", vec!["Tue 03 14:00", "Wed 04 09:00", "Mon 09 09:00"]),
            ("2026-03-03T12:50:00+01:00", vec!["Wed 04 09:00", "Mon 09 09:00"]),
            ("2026-03-06T16:00:00+01:00", vec!["Mon 09 09:00"]),
            ("2026-03-07T10:00:00+01:00", vec!["Mon 09 09:00"]),
            ("2026-03-08T23:55:00+01:00", vec!["Mon 09 09:00"]),
        ] {
            let found = reminders(&calendar, at(now));
            assert_eq!(found[0], Reminder::Hour);
            let instants: Vec<Timestamp> = found
                .iter()
                .filter_map(|reminder| match reminder {
                    Reminder::Hour => None,
                    Reminder::Afternoon(at) | Reminder::Morning(at) => Some(*at),
                })
                .collect();
            assert_eq!(told(&instants), expected, "{now}");
        }
    }

    #[test]
    fn calls_are_proposed_in_working_hours_and_none_collides() {
        let (calendar, now) = (Calendar::default(), at("2026-03-06T15:20:00+01:00"));
        let slots = call_slots(&calendar, None, &[], now);
        let expected = ["Fri 06 16:00", "Mon 09 10:00", "Mon 09 15:00", "Tue 10 10:00", "Tue 10 15:00", "Wed 11 10:00"];
        assert_eq!(told(&slots), expected);
        let half_an_hour = |from: &str| (at(from), at(from).plus(CALL_LASTS));
        let taken = [half_an_hour("2026-03-06T16:15:00+01:00"), half_an_hour("2026-03-09T10:00:00+01:00")];
        let slots = call_slots(&calendar, None, &taken, now);
        assert_eq!(told(&slots)[..3], ["Fri 06 17:00", "Mon 09 10:30", "Mon 09 15:00"]);
        let meeting = [(at("2026-03-06T15:30:00+01:00"), at("2026-03-06T17:30:00+01:00"))];
        assert_eq!(told(&call_slots(&calendar, None, &meeting, now))[..2], ["Fri 06 17:30", "Mon 09 10:00"]);
    }

    #[test]
    fn the_leads_best_hours_come_first() {
        let (calendar, now) = (Calendar::default(), at("2026-03-02T18:20:00+01:00"));
        let best = BestTime { weekday: Some(3), from: 17, to: 18, answers: 3, of: 4 };
        let slots = call_slots(&calendar, Some(&best), &[], now);
        let expected = ["Tue 03 10:00", "Tue 03 15:00", "Wed 04 17:00", "Wed 04 17:30", "Thu 05 10:00", "Thu 05 15:00"];
        assert_eq!(told(&slots), expected);
    }

    #[test]
    fn a_day_has_at_most_nine_and_today_only_those_that_are_left() {
        let (calendar, now) = (Calendar::default(), at("2026-03-03T16:50:00+01:00"));
        assert_eq!(told(&slots_of_day(&calendar, &[], now, now)), ["Tue 03 17:30", "Tue 03 18:00"]);
        let tomorrow = calendar.next_day_open(now);
        let slots = told(&slots_of_day(&calendar, &[], tomorrow, now));
        assert_eq!((slots.len(), slots[0].as_str(), slots[8].as_str()), (9, "Wed 04 09:00", "Wed 04 17:00"));
    }
}
