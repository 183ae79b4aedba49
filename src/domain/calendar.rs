//! Working hours: when a rep may be written to, and when a target time has run out.

mod shifts;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate, NaiveTime, TimeDelta, TimeZone, Timelike, Weekday};
use chrono_tz::Tz;

use super::deed::CALL_LASTS;
use super::holidays::Country;
use super::insight::BestTime;
use super::{DAY, MINUTE, Seconds, Timestamp};
pub use shifts::Shifts;

/// A part of a day in which people work: from (inclusive), to (exclusive).
pub type Hours = (NaiveTime, NaiveTime);
/// Days in a row: the first and the last.
pub type Dates = (NaiveDate, NaiveDate);

/// Working hours in one time zone, with the days off. A team's, or a rep's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    zone: Tz,
    /// Of each weekday from Monday on, soonest first; none: it is no working day.
    week: [Vec<Hours>; 7],
    /// Whose public holidays are days off.
    country: Option<Country>,
    /// Other days off.
    holidays: BTreeSet<NaiveDate>,
    /// Dates with hours of their own, whatever day they are; without any: a day off.
    exceptions: BTreeMap<NaiveDate, Vec<Hours>>,
    /// When whoever it belongs to is away.
    away: Vec<Dates>,
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

/// In what one person's working hours differ from those of all.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Personal {
    /// Where he or she works.
    pub zone: Option<Tz>,
    /// On which days.
    pub days: Option<Vec<Weekday>>,
    /// From when on each of them, inclusive.
    pub from: Option<NaiveTime>,
    /// Until when, exclusive.
    pub to: Option<NaiveTime>,
    /// When he or she is away.
    pub away: Vec<Dates>,
}

impl Default for Calendar {
    /// Nine to half past six in Paris, Monday to Friday.
    fn default() -> Self {
        let half_past_six = NaiveTime::from_hms_opt(18, 30, 0).expect("a time of day");
        let days = vec![(Self::MORNING, half_past_six)];
        let [mon, tue, wed, thu, fri] = std::array::from_fn(|_| days.clone());
        Self::of_week(chrono_tz::Europe::Paris, [mon, tue, wed, thu, fri, Vec::new(), Vec::new()])
            .expect("nine to half past six on five days are working hours")
    }
}

impl Calendar {
    /// How many days ahead a working day is looked for: a year off is none.
    const HORIZON_DAYS: i64 = 400;
    /// When a day begins where working hours do not say so.
    const MORNING: NaiveTime = NaiveTime::from_hms_opt(9, 0, 0).expect("a time of day");

    /// Working hours `from` (inclusive) to `to` (exclusive) on `days`, in `zone`.
    ///
    /// # Errors
    /// When there is no day, or `to` is not after `from`.
    pub fn new(zone: Tz, days: Vec<Weekday>, from: NaiveTime, to: NaiveTime) -> Result<Self, BadHours> {
        let mut week: [Vec<Hours>; 7] = Default::default();
        for day in days {
            week[Self::place(day)] = vec![(from, to)];
        }
        Self::of_week(zone, week)
    }

    /// Working hours that differ from day to day: those of Monday, and so on.
    ///
    /// # Errors
    /// When there are none, or some do not end after they begin.
    pub fn of_week(zone: Tz, mut week: [Vec<Hours>; 7]) -> Result<Self, BadHours> {
        if week.iter().all(Vec::is_empty) {
            return Err(BadHours::NoDays);
        }
        if week.iter().flatten().any(|(from, to)| from >= to) {
            return Err(BadHours::Backwards);
        }
        week.iter_mut().for_each(|hours| hours.sort_unstable());
        let (country, holidays, exceptions, away) = (None, BTreeSet::new(), BTreeMap::new(), Vec::new());
        Ok(Self { zone, week, country, holidays, exceptions, away })
    }

    /// The same with the public holidays of a country as days off.
    #[must_use]
    pub fn in_country(self, country: Option<Country>) -> Self {
        Self { country, ..self }
    }

    /// The same with more days off.
    #[must_use]
    pub fn without(mut self, days: impl IntoIterator<Item = Dates>) -> Self {
        self.holidays.extend(days.into_iter().flat_map(each_day));
        self
    }

    /// The same with other hours on a weekday; without any it is no working day.
    #[must_use]
    pub fn with_weekday(mut self, day: Weekday, mut hours: Vec<Hours>) -> Self {
        hours.sort_unstable();
        self.week[Self::place(day)] = hours;
        self
    }

    /// The same with hours of their own on some dates, holidays or not; without any they are days off.
    #[must_use]
    pub fn with_exceptions(mut self, dates: Dates, mut hours: Vec<Hours>) -> Self {
        hours.retain(|(from, to)| from < to);
        hours.sort_unstable();
        self.exceptions.extend(each_day(dates).map(|date| (date, hours.clone())));
        self
    }

    /// The same for somebody who is away then.
    #[must_use]
    pub fn with_away(mut self, dates: impl IntoIterator<Item = Dates>) -> Self {
        self.away.extend(dates);
        self
    }

    /// The public holidays and days off of `other` are days off here, too.
    #[must_use]
    pub fn with_holidays_of(mut self, other: &Self) -> Self {
        self.country = self.country.or(other.country);
        self.holidays.extend(other.holidays.iter().copied());
        self
    }

    /// One person's, where `self` is everybody's.
    #[must_use]
    pub fn of_person(&self, personal: &Personal) -> Self {
        let mut own = Self { zone: personal.zone.unwrap_or(self.zone), ..self.clone() };
        let (from, to) = self.hours();
        for place in 0..7 {
            let works = match &personal.days {
                Some(days) => days.iter().any(|day| Self::place(*day) == place),
                None => !own.week[place].is_empty(),
            };
            let hours = &mut own.week[place];
            if !works {
                hours.clear();
            } else if hours.is_empty() || personal.from.is_some() || personal.to.is_some() {
                let first = hours.first().map_or(from, |(from, _)| *from);
                let last = hours.last().map_or(to, |(_, to)| *to);
                let whole = (personal.from.unwrap_or(first), personal.to.unwrap_or(last));
                *hours = if whole.0 < whole.1 { vec![whole] } else { Vec::new() };
            }
        }
        own.away.extend(personal.away.iter().copied());
        own
    }

    /// The time zone the hours are in.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The working days of a week, from Monday on.
    pub fn days(&self) -> Vec<Weekday> {
        let all = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];
        all.into_iter().filter(|day| !self.week[Self::place(*day)].is_empty()).collect()
    }

    /// The times of day between which all of a week's hours lie: from (inclusive), to (exclusive).
    pub fn hours(&self) -> Hours {
        let all = || self.week.iter().flatten();
        let (from, to) = (all().map(|(from, _)| *from).min(), all().map(|(_, to)| *to).max());
        (from.unwrap_or(Self::MORNING), to.unwrap_or(Self::MORNING))
    }

    /// The working days whose hours are others than [`Calendar::hours`], from Monday on.
    pub fn other_hours(&self) -> Vec<(Weekday, &[Hours])> {
        let hours = self.hours();
        let of = |day: Weekday| (day, self.week[Self::place(day)].as_slice());
        self.days().into_iter().map(of).filter(|(_, own)| *own != [hours]).collect()
    }

    /// The hours of a lead's best time, which are told in `zone`, in which a call can be made in the fortnight after `now`:
    /// the longest of those that follow one another, of equals the earliest. `None` when there are none.
    pub fn within(&self, best: &BestTime, zone: Tz, now: Timestamp) -> Option<BestTime> {
        const FORTNIGHT: usize = 14;
        let today = now.to_utc().with_timezone(&zone).date_naive();
        let days: Vec<NaiveDate> = today
            .iter_days()
            .take(FORTNIGHT)
            .filter(|date| best.weekday.is_none_or(|day| day == date.weekday().number_from_monday()))
            .collect();
        let fits = |hour: u32| {
            let instants =
                days.iter().filter_map(|date| date.and_hms_opt(hour, 0, 0)?.and_local_timezone(zone).earliest());
            let mut instants = instants.map(|instant| Timestamp(instant.timestamp()));
            instants.any(|at| self.is_open(at) && self.is_open(at.plus(CALL_LASTS - 1)))
        };
        let (mut longest, mut from) = (best.from..best.from, best.from);
        for hour in best.from..best.to {
            if !fits(hour) {
                from = hour + 1;
            } else if hour + 1 - from > longest.end - longest.start {
                longest = from..hour + 1;
            }
        }
        (longest.start < longest.end).then_some(BestTime { from: longest.start, to: longest.end, ..*best })
    }

    /// Whose public holidays are days off.
    pub fn country(&self) -> Option<Country> {
        self.country
    }

    /// The other days off, soonest first.
    pub fn holidays(&self) -> impl Iterator<Item = NaiveDate> + '_ {
        self.holidays.iter().copied()
    }

    /// Whether whoever it belongs to is away on the day of `at`.
    pub fn is_away(&self, at: Timestamp) -> bool {
        self.is_away_on(self.date_of(at))
    }

    /// Whether `at` lies in working hours.
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.shifts_on(self.date_of(at)).any(|(from, to)| from <= at && at < to)
    }

    /// When the working day of `at`'s date begins (inclusive) and ends (exclusive); `None` on a day off.
    pub fn day_of(&self, at: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let date = self.date_of(at);
        let (from, to) = (self.shifts_on(date).next()?.0, self.shifts_on(date).last()?.1);
        Some((self.in_the_morning(date, from, to), to))
    }

    /// Whether somebody works at any hour on the day of `at`, so that it has no end.
    pub fn is_round_the_clock(&self, at: Timestamp) -> bool {
        self.hours_on(self.date_of(at)).first().is_some_and(|(from, _)| *from == NaiveTime::MIN)
    }

    /// The first instant at or after `at` in working hours.
    pub fn next_open(&self, at: Timestamp) -> Timestamp {
        self.shifts_from(at).map(|(from, _)| from.max(at)).next().unwrap_or(at.plus(Self::HORIZON_DAYS * DAY))
    }

    /// The beginning of the first shift that starts after the end of `at`'s day.
    pub fn next_day_open(&self, at: Timestamp) -> Timestamp {
        self.first_shift_where(at, |_| true)
    }

    /// The beginning of working hours on the next such weekday after `at`'s day; the next working day's when
    /// nobody works on that weekday.
    pub fn next_weekday_open(&self, at: Timestamp, weekday: Weekday) -> Timestamp {
        if self.week[Self::place(weekday)].is_empty() {
            self.next_day_open(at)
        } else {
            self.first_shift_where(at, |date| date.weekday() == weekday)
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

    /// How many seconds of working time lie between `from` (inclusive) and `to` (exclusive).
    pub fn working_time(&self, from: Timestamp, to: Timestamp) -> Seconds {
        let shifts = self.shifts_from(from).take_while(|(begin, _)| *begin < to);
        shifts.map(|(begin, end)| end.min(to).since(begin.max(from))).sum()
    }

    /// The first instant of the day after that of `at`.
    pub fn next_date(&self, at: Timestamp) -> Timestamp {
        let tomorrow = self.date_of(at).succ_opt();
        tomorrow.map_or(at.plus(DAY), |tomorrow| self.instant(tomorrow, NaiveTime::MIN).max(at.plus(1)))
    }

    /// When a time of every day that `at` lies in ends: from (inclusive) to (exclusive), in minutes since midnight, over
    /// midnight when the first is the later. `None` when `at` does not lie in it.
    pub fn end_of_daily(&self, (from, to): (u16, u16), at: Timestamp) -> Option<Timestamp> {
        let local = at.to_utc().with_timezone(&self.zone);
        let minute = u16::try_from(local.num_seconds_from_midnight() / MINUTE as u32).unwrap_or_default();
        let (within, ends_tomorrow) = match from.cmp(&to) {
            std::cmp::Ordering::Less => (from <= minute && minute < to, false),
            std::cmp::Ordering::Equal => (false, false),
            std::cmp::Ordering::Greater => (minute >= from || minute < to, minute >= from),
        };
        let date = local.date_naive().checked_add_signed(TimeDelta::days(i64::from(ends_tomorrow)))?;
        let time = NaiveTime::from_num_seconds_from_midnight_opt(u32::from(to) * MINUTE as u32, 0)?;
        // The hour that a change of clocks repeats has the minute twice.
        within.then(|| self.instant(date, time).max(at.plus(1)))
    }

    /// The number of the day of `at`: the same for all of its instants, greater for every later day.
    pub fn number_of_day(&self, at: Timestamp) -> i32 {
        self.date_of(at).num_days_from_ce()
    }

    fn place(day: Weekday) -> usize {
        day.num_days_from_monday() as usize
    }

    fn is_away_on(&self, date: NaiveDate) -> bool {
        self.away.iter().any(|(first, last)| *first <= date && date <= *last)
    }

    fn first_shift_where(&self, at: Timestamp, wanted: impl Fn(NaiveDate) -> bool) -> Timestamp {
        let today = self.date_of(at);
        (1..=Self::HORIZON_DAYS)
            .filter_map(|offset| today.checked_add_signed(TimeDelta::days(offset)))
            .filter(|date| wanted(*date))
            .find_map(|date| self.shifts_on(date).next().map(|(from, to)| (date, from, to)))
            .map_or(at.plus(DAY), |(date, from, to)| self.in_the_morning(date, from, to))
    }

    /// Where people work round the clock a day begins in the morning all the same: "tomorrow" is not midnight.
    fn in_the_morning(&self, date: NaiveDate, from: Timestamp, to: Timestamp) -> Timestamp {
        let morning = from.max(self.instant(date, Self::MORNING));
        let begins_at_midnight = from <= self.instant(date, NaiveTime::MIN);
        if begins_at_midnight && morning < to { morning } else { from }
    }

    /// The shifts that end after `at`, soonest first.
    fn shifts_from(&self, at: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        let today = self.date_of(at);
        (0..=Self::HORIZON_DAYS)
            .filter_map(move |offset| today.checked_add_signed(TimeDelta::days(offset)))
            .flat_map(|date| self.shifts_on(date))
            .filter(move |(_, to)| *to > at)
    }

    fn date_of(&self, at: Timestamp) -> NaiveDate {
        at.to_utc().with_timezone(&self.zone).date_naive()
    }

    fn hours_on(&self, date: NaiveDate) -> &[Hours] {
        if self.is_away_on(date) {
            return &[];
        }
        if let Some(hours) = self.exceptions.get(&date) {
            return hours;
        }
        let is_off = self.holidays.contains(&date) || self.country.is_some_and(|country| country.is_holiday(date));
        if is_off { &[] } else { &self.week[Self::place(date.weekday())] }
    }

    fn shifts_on(&self, date: NaiveDate) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        self.hours_on(date).iter().map(move |(from, to)| (self.instant(date, *from), self.instant(date, *to)))
    }

    /// A local time as an instant. In the hour that a change of clocks skips, the instant after the gap; in the
    /// one it repeats, the first.
    fn instant(&self, date: NaiveDate, time: NaiveTime) -> Timestamp {
        let local = date.and_time(time);
        let resolved = self
            .zone
            .from_local_datetime(&local)
            .earliest()
            .or_else(|| self.zone.from_local_datetime(&(local + TimeDelta::hours(1))).earliest());
        Timestamp(resolved.map_or_else(|| local.and_utc().timestamp(), |at| at.timestamp()))
    }
}

/// Every day of so many in a row; of a range that is absurdly long the first years.
fn each_day((first, last): Dates) -> impl Iterator<Item = NaiveDate> {
    first.iter_days().take_while(move |date| *date <= last).take(4_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::HOUR;

    #[test]
    fn working_time_is_what_lies_in_working_hours() {
        let (friday, monday) = ("2026-03-06T16:00:00Z", "2026-03-09T09:00:00Z");
        let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
        let calendar = Calendar::default();
        // Friday 17:00 to 18:30, Monday 9:00 to 10:00, by Paris clocks.
        assert_eq!(calendar.working_time(at(friday), at(monday)), 2 * HOUR + HOUR / 2);
        assert_eq!(calendar.working_time(at(monday), at(friday)), 0);
        assert_eq!(calendar.working_time(at("2026-03-07T08:00:00Z"), at("2026-03-07T20:00:00Z")), 0, "a Saturday");
        for span in [1, HOUR, 9 * HOUR, 30 * HOUR] {
            let until = calendar.after_working_time(at(friday), span);
            assert_eq!(calendar.working_time(at(friday), until), span, "the inverse of after_working_time");
        }
        assert_eq!(calendar.next_date(at(friday)), at("2026-03-06T23:00:00Z"));
        assert_eq!(calendar.next_date(at("2026-03-06T23:00:00Z")), at("2026-03-07T23:00:00Z"));
    }

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

    /// > Target times run in the owner's working hours: 24 h are so many hours in which the owner works.
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

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn holidays_are_no_working_days_and_an_exception_is_stronger() {
        let eleventh = date("2026-11-11");
        let calendar = paris().in_country(Some(Country::France)).without([(date("2026-12-24"), date("2026-12-31"))]);
        assert!(!calendar.is_open(at("2026-11-11T10:00:00+01:00")));
        assert_eq!(calendar.next_open(at("2026-11-10T19:00:00+01:00")), at("2026-11-12T09:00:00+01:00"));
        assert_eq!(calendar.next_open(at("2026-12-23T19:00:00+01:00")), at("2027-01-04T09:00:00+01:00"));
        let target = calendar.after_working_time(at("2026-11-10T17:00:00+01:00"), 2 * HOUR);
        assert_eq!(target, at("2026-11-12T10:00:00+01:00"));
        let noon = NaiveTime::from_hms_opt(12, 0, 0).unwrap();
        let calendar = calendar.with_exceptions((eleventh, eleventh), vec![(Calendar::MORNING, noon)]);
        assert!(calendar.is_open(at("2026-11-11T10:00:00+01:00")));
        assert_eq!(calendar.day_of(at("2026-11-11T20:00:00+01:00")).unwrap().1, at("2026-11-11T12:00:00+01:00"));
    }

    #[test]
    fn a_lunch_break_is_no_working_time() {
        let time = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        let calendar = paris().with_weekday(Weekday::Fri, vec![(time(14), time(16)), (time(9), time(12))]);
        assert!(!calendar.is_open(at("2026-03-06T13:00:00+01:00")));
        assert_eq!(calendar.next_open(at("2026-03-06T13:00:00+01:00")), at("2026-03-06T14:00:00+01:00"));
        let due = calendar.after_working_time(at("2026-03-06T11:00:00+01:00"), 2 * HOUR);
        assert_eq!(due, at("2026-03-06T15:00:00+01:00"));
        let day = calendar.day_of(at("2026-03-06T00:00:00+01:00"));
        assert_eq!(day, Some((at("2026-03-06T09:00:00+01:00"), at("2026-03-06T16:00:00+01:00"))));
        let none = calendar.with_weekday(Weekday::Fri, vec![]);
        assert_eq!(none.day_of(at("2026-03-06T00:00:00+01:00")), None);
    }

    #[test]
    fn one_persons_hours_are_those_of_all_but_for_what_differs() {
        let time = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        let all = paris().with_weekday(Weekday::Fri, vec![(time(9), time(12))]);
        assert_eq!(all.of_person(&Personal::default()), all);
        let own = all.of_person(&Personal {
            zone: Some(chrono_tz::America::Montreal),
            days: Some(vec![Weekday::Fri, Weekday::Sat]),
            from: Some(time(10)),
            to: None,
            away: vec![(date("2026-03-13"), date("2026-03-14"))],
        });
        assert_eq!(own.days(), [Weekday::Fri, Weekday::Sat]);
        let friday = own.day_of(at("2026-03-06T12:00:00-05:00"));
        assert_eq!(friday, Some((at("2026-03-06T10:00:00-05:00"), at("2026-03-06T12:00:00-05:00"))));
        let saturday = own.day_of(at("2026-03-07T12:00:00-05:00"));
        assert_eq!(saturday, Some((at("2026-03-07T10:00:00-05:00"), at("2026-03-07T18:00:00-05:00"))));
        assert!(own.is_away(at("2026-03-13T12:00:00-04:00")) && !own.is_away(at("2026-03-15T12:00:00-04:00")));
        assert_eq!(own.next_open(at("2026-03-13T12:00:00-04:00")), at("2026-03-20T10:00:00-04:00"));
    }

    #[test]
    fn quiet_hours_end_in_local_time_also_over_midnight_and_a_change_of_clocks() {
        let calendar = paris();
        let night = (22 * 60, 7 * 60 + 30);
        assert_eq!(calendar.end_of_daily(night, at("2026-03-02T21:59:59+01:00")), None);
        let morning = at("2026-03-03T07:30:00+01:00");
        assert_eq!(calendar.end_of_daily(night, at("2026-03-02T22:00:00+01:00")), Some(morning));
        assert_eq!(calendar.end_of_daily(night, at("2026-03-03T07:29:59+01:00")), Some(morning));
        assert_eq!(calendar.end_of_daily(night, morning), None);
        let before_the_change = at("2026-03-28T23:00:00+01:00");
        assert_eq!(calendar.end_of_daily(night, before_the_change), Some(at("2026-03-29T07:30:00+02:00")));
        let lunch = (12 * 60, 14 * 60);
        let noon = at("2026-03-02T12:30:00+01:00");
        assert_eq!(calendar.end_of_daily(lunch, noon), Some(at("2026-03-02T14:00:00+01:00")));
        assert_eq!(calendar.end_of_daily((600, 600), at("2026-03-02T10:00:00+01:00")), None);
        let repeated = calendar.end_of_daily((0, 2 * 60 + 30), at("2026-10-25T02:15:00+01:00"));
        assert_eq!(repeated, Some(at("2026-10-25T02:15:01+01:00")), "it is over as soon as it can be");
    }

    #[test]
    fn a_year_off_has_no_working_hours_in_sight() {
        let away = paris().with_away([(date("2026-01-01"), date("2030-01-01"))]);
        let now = at("2026-03-02T10:00:00+01:00");
        assert!(away.next_open(now) > now.plus(300 * DAY));
        assert_eq!(away.after_working_time(now, HOUR), now.plus(HOUR));
    }
}
