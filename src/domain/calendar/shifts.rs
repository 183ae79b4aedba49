//! The shifts of a calendar over a span of time, worked out once: whoever asks for target times and working hours a
//! million times looks them up. What a calendar answers itself is the meaning; this is the same, faster.

use std::sync::Arc;

use chrono::TimeDelta;

use super::Calendar;
use crate::domain::{DAY, Seconds, Timestamp};

/// A calendar that has the shifts of a span of time at hand. Outside of that span it asks the calendar.
#[derive(Clone, Debug)]
pub struct Shifts {
    calendar: Arc<Calendar>,
    /// They are complete between these instants.
    from: Timestamp,
    to: Timestamp,
    /// One after the other; none when the calendar is too odd for that.
    shifts: Vec<Shift>,
}

#[derive(Clone, Copy, Debug)]
struct Shift {
    /// Inclusive.
    begin: Timestamp,
    /// Exclusive.
    end: Timestamp,
    /// The working time of all shifts up to the end of this one, in seconds.
    worked: Seconds,
}

impl Shifts {
    /// A calendar looks so many days ahead for a shift, and no further.
    const FARTHEST: Seconds = (Calendar::HORIZON_DAYS - 1) * DAY;

    /// The shifts of `calendar` between `from` and `to`.
    pub fn of(calendar: Arc<Calendar>, from: Timestamp, to: Timestamp) -> Self {
        let shifts = between(&calendar, from, to).unwrap_or_default();
        Self { calendar, from, to, shifts }
    }

    /// Whether they are those of this very calendar.
    pub fn are_of(&self, calendar: &Arc<Calendar>) -> bool {
        Arc::ptr_eq(&self.calendar, calendar)
    }

    /// As [`Calendar::after_working_time`].
    pub fn after_working_time(&self, at: Timestamp, span: Seconds) -> Timestamp {
        self.look_up_after(at, span).unwrap_or_else(|| self.calendar.after_working_time(at, span))
    }

    /// As [`Calendar::working_time`].
    pub fn working_time(&self, from: Timestamp, to: Timestamp) -> Seconds {
        let is_known = self.from <= from && from <= to && to <= self.to && to.since(from) <= Self::FARTHEST;
        if self.shifts.is_empty() || !is_known {
            return self.calendar.working_time(from, to);
        }
        self.worked_by(to) - self.worked_by(from)
    }

    fn look_up_after(&self, at: Timestamp, span: Seconds) -> Option<Timestamp> {
        if at < self.from || span < 0 {
            return None;
        }
        let place = self.shifts.partition_point(|shift| shift.end <= at);
        let first = self.shifts.get(place)?;
        let worked = first.worked - first.end.since(first.begin.max(at)) + span;
        let last = place + self.shifts[place..].partition_point(|shift| shift.worked < worked);
        self.shifts.get(last).map(|shift| shift.end.plus(worked - shift.worked))
    }

    /// The working time from the first shift on up to `at`.
    fn worked_by(&self, at: Timestamp) -> Seconds {
        let place = self.shifts.partition_point(|shift| shift.end <= at);
        match self.shifts.get(place) {
            Some(shift) => shift.worked - shift.end.since(shift.begin.max(at)),
            None => self.shifts.last().map_or(0, |shift| shift.worked),
        }
    }
}

/// `None` where looking them up would not be what the calendar says: shifts overlap, a change of clocks turned one
/// around, or the next one is farther away than a calendar looks.
fn between(calendar: &Calendar, from: Timestamp, to: Timestamp) -> Option<Vec<Shift>> {
    let mut shifts: Vec<Shift> = Vec::new();
    let (mut date, mut before, mut worked) = (calendar.date_of(from), from, 0);
    while date <= calendar.date_of(to) {
        for (begin, end) in calendar.shifts_on(date) {
            let is_of_that_day = [begin, end.plus(-1)].into_iter().all(|at| calendar.date_of(at) == date);
            let follows = shifts.last().is_none_or(|last| last.end <= begin);
            if begin >= end || !is_of_that_day || !follows || begin.since(before) > Shifts::FARTHEST {
                return None;
            }
            worked += end.since(begin);
            before = end;
            shifts.push(Shift { begin, end, worked });
        }
        date = date.checked_add_signed(TimeDelta::days(1))?;
    }
    Some(shifts)
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveDate, NaiveTime, Weekday};
    use proptest::prelude::*;

    use super::*;
    use crate::domain::HOUR;
    use crate::domain::calendar::Hours;
    use crate::domain::holidays::Country;

    /// 1 March 2026.
    const BEGIN: Timestamp = Timestamp(1_772_323_200);

    fn hours() -> impl Strategy<Value = Vec<Hours>> {
        let time = |minute: u32| NaiveTime::from_num_seconds_from_midnight_opt(60 * minute, 0).unwrap();
        let hours = (0..1_439u32, 1..600u32).prop_map(move |(from, long)| (time(from), time((from + long).min(1_439))));
        prop_oneof![
            3 => Just(vec![(time(9 * 60), time(12 * 60)), (time(13 * 60), time(18 * 60))]),
            1 => proptest::collection::vec(hours, 0..3),
        ]
    }

    /// Calendars of all sorts: with breaks, nights in which clocks change, overlapping hours, and years away.
    fn calendar() -> impl Strategy<Value = Calendar> {
        let zone = prop_oneof![
            Just(chrono_tz::Europe::Paris),
            Just(chrono_tz::America::New_York),
            Just(chrono_tz::Asia::Beirut),
            Just(chrono_tz::UTC),
        ];
        let dates = |most: i64| {
            let first = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
            (0..500i64, 0..most)
                .prop_map(move |(start, long)| (first + TimeDelta::days(start), first + TimeDelta::days(start + long)))
        };
        let away = prop_oneof![4 => dates(30), 1 => dates(1_000)];
        let days = proptest::collection::vec(dates(3), 0..4);
        (zone, proptest::array::uniform7(hours()), any::<bool>(), days, hours(), proptest::option::of(away))
            .prop_filter_map("no hours", |(zone, week, holidays, days, special, away)| {
                let calendar = Calendar::of_week(zone, week).ok()?.in_country(holidays.then_some(Country::France));
                let with_days = days.into_iter().fold(calendar, |calendar, dates| {
                    calendar.with_exceptions(dates, special.clone()).without([dates])
                });
                Some(with_days.with_away(away))
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn what_is_looked_up_is_what_the_calendar_says(
            calendar in calendar(),
            (first, long) in (0..600 * DAY, 0..600 * DAY),
            asked in proptest::collection::vec((0..1_200 * DAY, 0..300 * DAY, 0..200 * HOUR), 16),
        ) {
            let calendar = Arc::new(calendar);
            let from = BEGIN.plus(first - 60 * DAY);
            let shifts = Shifts::of(calendar.clone(), from, from.plus(long));
            for (start, until, span) in asked {
                let at = BEGIN.plus(start - 90 * DAY);
                let (later, whole) = (at.plus(until), span / HOUR * HOUR);
                prop_assert_eq!(shifts.working_time(at, later), calendar.working_time(at, later), "{} {}", at, later);
                prop_assert_eq!(shifts.working_time(later, at), calendar.working_time(later, at));
                for span in [span, whole, 0, -span] {
                    let after = calendar.after_working_time(at, span);
                    prop_assert_eq!(shifts.after_working_time(at, span), after, "{} {}", at, span);
                }
                // Also right at the ends of shifts.
                let (begin, end) = (calendar.next_open(at), calendar.after_working_time(at, whole));
                prop_assert_eq!(shifts.working_time(begin, later.max(begin)), calendar.working_time(begin, later.max(begin)));
                prop_assert_eq!(shifts.after_working_time(begin, whole), calendar.after_working_time(begin, whole));
                prop_assert_eq!(shifts.after_working_time(end, whole), calendar.after_working_time(end, whole));
            }
        }
    }

    #[test]
    fn an_ordinary_calendar_is_looked_up() {
        let calendar = Arc::new(Calendar::default().in_country(Some(Country::France)));
        let shifts = Shifts::of(calendar, BEGIN, BEGIN.plus(30 * DAY));
        assert_eq!(
            shifts.look_up_after(BEGIN, HOUR),
            Some(BEGIN.plus(DAY + 9 * HOUR)),
            "ten o'clock in Paris on Monday"
        );
        assert_eq!(shifts.look_up_after(BEGIN.plus(-1), HOUR), None);
        assert_eq!(shifts.look_up_after(BEGIN.plus(29 * DAY), 40 * HOUR), None);
    }

    #[test]
    fn hours_that_overlap_are_left_to_the_calendar() {
        let time = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        let calendar = Calendar::default().with_weekday(Weekday::Mon, vec![(time(9), time(12)), (time(11), time(14))]);
        assert!(between(&calendar, BEGIN, BEGIN.plus(30 * DAY)).is_none());
    }
}
