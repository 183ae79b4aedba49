//! Working hours as the CRM keeps them: calendars, who follows which, and the exceptions of some days.

use std::collections::BTreeMap;

use chrono::{NaiveTime, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::UserId;
use super::calendar::{Calendar, Dates, Hours};

/// All working hours that the CRM keeps.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WorkingTimes {
    /// Calendars by their id in the CRM.
    pub calendars: BTreeMap<String, WorkingWeek>,
    /// The calendar of those who follow no other.
    pub default: Option<String>,
    /// Which calendar a user follows: the user's own, else that of the user's default team.
    pub followed: BTreeMap<UserId, String>,
    /// Days that differ.
    pub exceptions: Vec<ExceptionalDays>,
}

/// One calendar of the CRM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkingWeek {
    /// The time zone its hours are in.
    pub zone: Tz,
    /// Of each weekday from Monday on; none: it is no working day.
    pub week: [Vec<Hours>; 7],
    /// The hours of a working day that says nothing else.
    pub hours: Vec<Hours>,
}

/// Days on which calendars, or users, differ from their week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionalDays {
    /// The first and the last.
    pub dates: Dates,
    /// They are worked on; else they are days off.
    pub is_working: bool,
    /// At which hours; `None`: those of the calendar.
    pub hours: Option<Vec<Hours>>,
    /// The calendars concerned.
    pub calendars: Vec<String>,
    /// The users concerned; there are either calendars or users.
    pub users: Vec<UserId>,
}

impl WorkingTimes {
    /// A user's working hours, the configured days off included; of nobody in particular, the default calendar's. `None`
    /// where the CRM says nothing that differs from `configured`.
    ///
    /// As in EspoCRM, what is said of a user goes before what is said of the calendar, and a day off before a day that is
    /// worked on. A day off of a user's own is an absence.
    pub fn of(&self, user: Option<&UserId>, configured: &Calendar) -> Option<Calendar> {
        let followed = user.and_then(|user| self.followed.get(user)).filter(|id| self.calendars.contains_key(*id));
        let followed = followed.or(self.default.as_ref());
        let week = followed.and_then(|id| self.calendars.get(id));
        let calendar = week.and_then(|week| Calendar::of_week(week.zone, week.week.clone()).ok());
        let own: Vec<&ExceptionalDays> =
            self.exceptions.iter().filter(|days| user.is_some_and(|user| days.users.contains(user))).collect();
        if calendar.is_none() && own.is_empty() {
            return None;
        }
        let of_calendar = |days: &&ExceptionalDays| followed.is_some_and(|id| days.calendars.contains(id));
        let shared: Vec<&ExceptionalDays> =
            self.exceptions.iter().filter(|days| calendar.is_some() && of_calendar(days)).collect();
        let usual = week.map_or_else(|| vec![configured.hours()], |week| week.hours.clone());
        let base = calendar.map_or_else(|| configured.clone(), |calendar| calendar.with_holidays_of(configured));
        Some(with(with(base, &shared, &usual, false), &own, &usual, true))
    }
}

/// The calendar with these days; days off after the others, since they go before them.
fn with(calendar: Calendar, days: &[&ExceptionalDays], usual: &[Hours], are_own: bool) -> Calendar {
    let (working, off): (Vec<&ExceptionalDays>, Vec<&ExceptionalDays>) =
        days.iter().copied().partition(|days| days.is_working);
    let calendar = working.into_iter().fold(calendar, |calendar, days| {
        calendar.with_exceptions(days.dates, days.hours.clone().unwrap_or_else(|| usual.to_vec()))
    });
    if are_own {
        return calendar.with_away(off.into_iter().map(|days| days.dates));
    }
    off.into_iter().fold(calendar, |calendar, days| calendar.with_exceptions(days.dates, Vec::new()))
}

/// The place of a weekday in [`WorkingWeek::week`], for the number that EspoCRM gives it (0: Sunday).
pub fn place_of(number: u8) -> usize {
    let days = [Weekday::Sun, Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat];
    days[usize::from(number) % 7].num_days_from_monday() as usize
}

/// The end of a day: midnight as an end has no time of day of its own.
pub const END_OF_DAY: NaiveTime = NaiveTime::from_hms_opt(23, 59, 59).expect("a time of day");

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use crate::domain::Timestamp;
    use crate::domain::holidays::Country;

    fn time(text: &str) -> NaiveTime {
        text.parse().unwrap()
    }

    fn hours(from: &str, to: &str) -> Vec<Hours> {
        vec![(time(from), time(to))]
    }

    fn dates(first: &str, last: &str) -> Dates {
        (first.parse().unwrap(), last.parse().unwrap())
    }

    fn days(first: &str, last: &str, is_working: bool) -> ExceptionalDays {
        let (calendars, users) = (Vec::new(), Vec::new());
        ExceptionalDays { dates: dates(first, last), is_working, hours: None, calendars, users }
    }

    /// Six days from eight to four in New York, for Luc; nobody else has a calendar.
    fn times() -> WorkingTimes {
        let day = hours("08:00:00", "16:00:00");
        let mut week = std::array::from_fn(|_| day.clone());
        week[6] = Vec::new();
        let zone = chrono_tz::America::New_York;
        let calendars = [("c".to_owned(), WorkingWeek { zone, week, hours: day })].into();
        let followed = [(UserId::from("luc"), "c".to_owned())].into();
        WorkingTimes { calendars, followed, ..WorkingTimes::default() }
    }

    fn hours_of(calendar: &Calendar, date: &str) -> Option<(String, String)> {
        let noon = date.parse::<NaiveDate>().unwrap().and_hms_opt(17, 0, 0).unwrap();
        let (from, to) = calendar.day_of(Timestamp(noon.and_utc().timestamp()))?;
        let local = |at: Timestamp| at.to_utc().with_timezone(&calendar.zone()).format("%H:%M").to_string();
        Some((local(from), local(to)))
    }

    fn day(from: &str, to: &str) -> Option<(String, String)> {
        Some((from.to_owned(), to.to_owned()))
    }

    #[test]
    fn who_follows_a_calendar_works_by_it_and_keeps_the_configured_holidays() {
        let configured = Calendar::default().in_country(Some(Country::France));
        let luc = times().of(Some(&"luc".into()), &configured).unwrap();
        assert_eq!(luc.zone(), chrono_tz::America::New_York);
        assert_eq!(hours_of(&luc, "2026-12-19"), day("08:00", "16:00"), "a Saturday");
        assert_eq!(hours_of(&luc, "2026-12-20"), None, "a Sunday");
        assert_eq!(hours_of(&luc, "2026-12-25"), None, "Christmas, a Friday");
        assert_eq!(times().of(Some(&"nadia".into()), &configured), None);
        assert_eq!(times().of(None, &configured), None);
        let with_default = WorkingTimes { default: Some("c".to_owned()), ..times() };
        assert!(with_default.of(Some(&"nadia".into()), &configured).is_some());
        assert!(with_default.of(None, &configured).is_some());
    }

    #[test]
    fn of_exceptions_the_users_go_before_the_calendars_and_days_off_before_working_days() {
        let mut times = times();
        let of_calendar = |days: ExceptionalDays| ExceptionalDays { calendars: vec!["c".to_owned()], ..days };
        let of_luc = |days: ExceptionalDays| ExceptionalDays { users: vec!["luc".into()], ..days };
        times.exceptions = vec![
            of_calendar(days("2026-12-21", "2026-12-23", false)),
            of_calendar(ExceptionalDays {
                hours: Some(hours("10:00:00", "12:00:00")),
                ..days("2026-12-23", "2026-12-25", true)
            }),
            of_luc(days("2026-12-22", "2026-12-22", true)),
            of_luc(days("2026-12-28", "2026-12-29", false)),
            days("2026-12-30", "2026-12-30", false),
        ];
        let luc = times.of(Some(&"luc".into()), &Calendar::default().in_country(Some(Country::France))).unwrap();
        assert_eq!(hours_of(&luc, "2026-12-21"), None);
        assert_eq!(hours_of(&luc, "2026-12-22"), day("08:00", "16:00"), "Luc works all the same");
        assert_eq!(hours_of(&luc, "2026-12-23"), None, "a day off and a working day: a day off");
        assert_eq!(hours_of(&luc, "2026-12-25"), day("10:00", "12:00"), "a holiday on which they work");
        let noon = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
        assert!(luc.is_away(noon("2026-12-28T12:00:00-05:00")));
        assert!(!luc.is_away(noon("2026-12-21T12:00:00-05:00")), "a day off of all is nobody's absence");
        assert_eq!(hours_of(&luc, "2026-12-30"), day("08:00", "16:00"), "nobody's exception");
    }

    #[test]
    fn an_absence_counts_where_there_is_no_calendar_either() {
        let users = vec!["nadia".into()];
        let off = ExceptionalDays { users, ..days("2026-12-28", "2026-12-29", false) };
        let times = WorkingTimes { exceptions: vec![off], ..WorkingTimes::default() };
        let nadia = times.of(Some(&"nadia".into()), &Calendar::default()).unwrap();
        assert!(nadia.is_away(Timestamp::parse_rfc3339("2026-12-28T12:00:00+01:00").unwrap()));
        assert_eq!(nadia.hours(), Calendar::default().hours());
    }

    #[test]
    fn a_calendar_without_a_working_day_is_none() {
        let mut times = times();
        times.calendars.get_mut("c").unwrap().week = Default::default();
        assert_eq!(times.of(Some(&"luc".into()), &Calendar::default()), None);
    }

    #[test]
    fn the_week_begins_on_sunday_there_and_on_monday_here() {
        assert_eq!([0, 1, 5, 6].map(place_of), [6, 0, 4, 5]);
    }
}
