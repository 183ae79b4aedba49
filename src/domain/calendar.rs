//! Working hours: when a rep may be written to, and when a target time has run out.

use chrono::{Datelike, NaiveDate, NaiveTime, TimeZone, Weekday};
use chrono_tz::Tz;

use super::{DAY, Seconds, Timestamp};

/// Working hours, the same on each working day, in one time zone. A team's, or a rep's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    zone: Tz,
    days: Vec<Weekday>,
    from: NaiveTime,
    to: NaiveTime,
}

/// Why hours are no working hours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHours {
    /// No day is left to work on.
    #[error("no working day: name at least one of mon, tue, wed, thu, fri, sat, sun")]
    NoDays,
    /// The day ends before it begins.
    #[error("working hours must begin before they end, on the same day")]
    Backwards,
}

impl Calendar {
    /// How many days ahead a working day is looked for; a week always holds one.
    const HORIZON_DAYS: i64 = 15;
    /// When a day begins where working hours do not say so.
    const MORNING: NaiveTime = NaiveTime::from_hms_opt(9, 0, 0).expect("a time of day");

    /// Working hours `from` (inclusive) to `to` (exclusive) on `days`, in `zone`.
    ///
    /// # Errors
    /// When there is no day, or `to` is not after `from`.
    pub fn new(zone: Tz, days: Vec<Weekday>, from: NaiveTime, to: NaiveTime) -> Result<Self, BadHours> {
        if days.is_empty() {
            return Err(BadHours::NoDays);
        }
        if from >= to {
            return Err(BadHours::Backwards);
        }
        Ok(Self { zone, days, from, to })
    }

    /// The time zone the hours are in.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The working days, as given.
    pub fn days(&self) -> &[Weekday] {
        &self.days
    }

    /// The times of day between which a working day lies: from (inclusive), to (exclusive).
    pub fn hours(&self) -> (NaiveTime, NaiveTime) {
        (self.from, self.to)
    }

    /// Whether `at` lies in working hours.
    pub fn is_open(&self, at: Timestamp) -> bool {
        let date = self.date_of(at);
        self.hours_on(date).is_some_and(|(from, to)| from <= at && at < to)
    }

    /// The first instant at or after `at` in working hours.
    pub fn next_open(&self, at: Timestamp) -> Timestamp {
        self.shifts_from(at).map(|(from, _)| from.max(at)).next().unwrap_or(at)
    }

    /// The beginning of the first shift that starts after the end of `at`'s day.
    pub fn next_day_open(&self, at: Timestamp) -> Timestamp {
        self.first_shift_where(at, |_| true)
    }

    /// The beginning of working hours on the next such weekday after `at`'s day; the next working day's when
    /// nobody works on that weekday.
    pub fn next_weekday_open(&self, at: Timestamp, weekday: Weekday) -> Timestamp {
        if self.days.contains(&weekday) {
            self.first_shift_where(at, |date| date.weekday() == weekday)
        } else {
            self.next_day_open(at)
        }
    }

    /// The instant when `span` seconds of working time have passed since `at`. A span of whole days means so
    /// many times 24 hours of working time.
    pub fn after_working_time(&self, at: Timestamp, span: Seconds) -> Timestamp {
        let mut left = span;
        let mut cursor = at;
        loop {
            let Some((from, to)) = self.shifts_from(cursor).next() else { return at.plus(span) };
            let start = from.max(cursor);
            let available = to.since(start);
            if left <= available {
                return start.plus(left);
            }
            left -= available;
            cursor = to;
        }
    }

    fn first_shift_where(&self, at: Timestamp, wanted: impl Fn(NaiveDate) -> bool) -> Timestamp {
        let today = self.date_of(at);
        (1..=Self::HORIZON_DAYS)
            .filter_map(|offset| today.checked_add_signed(chrono::TimeDelta::days(offset)))
            .filter(|date| wanted(*date))
            .find_map(|date| self.hours_on(date).map(|(from, to)| (date, from, to)))
            .map_or(at.plus(DAY), |(date, from, to)| self.in_the_morning(date, from, to))
    }

    /// Where people work round the clock a day begins in the morning all the same: "tomorrow" is not midnight.
    fn in_the_morning(&self, date: NaiveDate, from: Timestamp, to: Timestamp) -> Timestamp {
        let morning = from.max(self.instant(date, Self::MORNING));
        if self.from == NaiveTime::MIN && morning < to { morning } else { from }
    }

    /// The shifts that end after `at`, soonest first.
    fn shifts_from(&self, at: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        let today = self.date_of(at);
        (0..=Self::HORIZON_DAYS)
            .filter_map(move |offset| today.checked_add_signed(chrono::TimeDelta::days(offset)))
            .filter_map(|date| self.hours_on(date))
            .filter(move |(_, to)| *to > at)
    }

    fn date_of(&self, at: Timestamp) -> NaiveDate {
        at.to_utc().with_timezone(&self.zone).date_naive()
    }

    fn hours_on(&self, date: NaiveDate) -> Option<(Timestamp, Timestamp)> {
        if !self.days.contains(&date.weekday()) {
            return None;
        }
        Some((self.instant(date, self.from), self.instant(date, self.to)))
    }

    /// A local time as an instant. In the hour that a change of clocks skips, the instant after the gap; in the
    /// one it repeats, the first.
    fn instant(&self, date: NaiveDate, time: NaiveTime) -> Timestamp {
        let local = date.and_time(time);
        let resolved = self
            .zone
            .from_local_datetime(&local)
            .earliest()
            .or_else(|| self.zone.from_local_datetime(&(local + chrono::TimeDelta::hours(1))).earliest());
        Timestamp(resolved.map_or_else(|| local.and_utc().timestamp(), |at| at.timestamp()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::HOUR;

    fn paris() -> Calendar {
        let days = vec![Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];
        let (from, to) = (NaiveTime::from_hms_opt(9, 0, 0).unwrap(), NaiveTime::from_hms_opt(18, 0, 0).unwrap());
        Calendar::new(chrono_tz::Europe::Paris, days, from, to).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn hours_begin_inclusive_and_end_exclusive() {
        let calendar = paris();
        assert!(!calendar.is_open(at("2026-03-02T08:59:59+01:00")));
        assert!(calendar.is_open(at("2026-03-02T09:00:00+01:00")));
        assert!(!calendar.is_open(at("2026-03-02T18:00:00+01:00")));
        assert!(!calendar.is_open(at("2026-03-01T12:00:00+01:00")), "Sunday");
    }

    #[test]
    fn the_next_opening_skips_the_weekend_and_the_change_of_clocks() {
        let calendar = paris();
        let friday_evening = at("2026-03-27T19:00:00+01:00");
        assert_eq!(calendar.next_open(friday_evening), at("2026-03-30T09:00:00+02:00"));
        assert_eq!(calendar.next_day_open(friday_evening), at("2026-03-30T09:00:00+02:00"));
        assert_eq!(
            calendar.next_weekday_open(at("2026-03-30T10:00:00+02:00"), Weekday::Mon),
            at("2026-04-06T09:00:00+02:00")
        );
        let noon = at("2026-03-30T12:00:00+02:00");
        assert_eq!(calendar.next_open(noon), noon);
    }

    #[test]
    fn tomorrow_is_not_midnight_where_people_work_round_the_clock() {
        let days =
            vec![Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];
        let (midnight, end) = (NaiveTime::MIN, NaiveTime::from_hms_opt(23, 59, 0).unwrap());
        let calendar = Calendar::new(chrono_tz::Europe::Paris, days, midnight, end).unwrap();
        let sunday = at("2026-03-29T19:00:00+02:00");
        assert_eq!(calendar.next_day_open(sunday), at("2026-03-30T09:00:00+02:00"));
        assert_eq!(calendar.next_weekday_open(sunday, Weekday::Mon), at("2026-03-30T09:00:00+02:00"));
        assert_eq!(calendar.next_open(sunday), sunday);
    }

    /// > Target times run in the owner's working hours, which are the same for all: 24 h are so many hours in which
    /// > people work.
    #[test]
    fn target_times_run_in_working_hours_only() {
        let calendar = paris();
        let due = calendar.after_working_time(at("2026-03-06T17:00:00+01:00"), 2 * HOUR);
        assert_eq!(due, at("2026-03-09T10:00:00+01:00"));
        let night = calendar.after_working_time(at("2026-03-06T22:00:00+01:00"), 9 * HOUR);
        assert_eq!(night, at("2026-03-09T18:00:00+01:00"));
    }

    #[test]
    fn impossible_hours_are_refused() {
        let nine = NaiveTime::from_hms_opt(9, 0, 0).unwrap();
        assert_eq!(Calendar::new(chrono_tz::UTC, vec![], nine, nine), Err(BadHours::NoDays));
        assert_eq!(Calendar::new(chrono_tz::UTC, vec![Weekday::Mon], nine, nine), Err(BadHours::Backwards));
    }
}
