//! Public holidays that can be computed: those that hold in a whole country. What only a part of a country keeps is
//! written into the configuration.

use chrono::{Datelike, NaiveDate, TimeDelta, Weekday};

/// A country whose holidays are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Country {
    /// France (without what only Alsace and Moselle keep).
    France,
    /// Belgium.
    Belgium,
    /// Luxembourg.
    Luxembourg,
    /// Switzerland: what all cantons keep.
    Switzerland,
    /// Germany: what all of its states keep.
    Germany,
    /// The United Kingdom, as England and Wales keep them.
    Britain,
    /// The United States: the federal holidays.
    UnitedStates,
}

impl Country {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::France,
        Self::Belgium,
        Self::Luxembourg,
        Self::Switzerland,
        Self::Germany,
        Self::Britain,
        Self::UnitedStates,
    ];

    /// Its two letters (ISO 3166).
    pub fn code(self) -> &'static str {
        match self {
            Self::France => "FR",
            Self::Belgium => "BE",
            Self::Luxembourg => "LU",
            Self::Switzerland => "CH",
            Self::Germany => "DE",
            Self::Britain => "GB",
            Self::UnitedStates => "US",
        }
    }

    /// The country of these two letters; `None` when its holidays are not known.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|country| country.code().eq_ignore_ascii_case(code.trim()))
    }

    /// Whether people have the day off.
    pub fn is_holiday(self, date: NaiveDate) -> bool {
        match self {
            Self::France => {
                is_one_of(date, &[(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)])
                    || is_by_easter(date, &[MONDAY, ASCENSION, WHIT_MONDAY])
            }
            Self::Belgium => {
                is_one_of(date, &[(1, 1), (5, 1), (7, 21), (8, 15), (11, 1), (11, 11), (12, 25)])
                    || is_by_easter(date, &[MONDAY, ASCENSION, WHIT_MONDAY])
            }
            Self::Luxembourg => {
                is_one_of(date, &[(1, 1), (5, 1), (5, 9), (6, 23), (8, 15), (11, 1), (12, 25), (12, 26)])
                    || is_by_easter(date, &[MONDAY, ASCENSION, WHIT_MONDAY])
            }
            Self::Switzerland => is_one_of(date, &[(1, 1), (8, 1), (12, 25)]) || is_by_easter(date, &[ASCENSION]),
            Self::Germany => {
                is_one_of(date, &[(1, 1), (5, 1), (10, 3), (12, 25), (12, 26)])
                    || is_by_easter(date, &[GOOD_FRIDAY, MONDAY, ASCENSION, WHIT_MONDAY])
            }
            Self::Britain => is_bank_holiday(date),
            Self::UnitedStates => is_federal_holiday(date),
        }
    }
}

/// Days from Easter Sunday.
const GOOD_FRIDAY: i64 = -2;
const MONDAY: i64 = 1;
const ASCENSION: i64 = 39;
const WHIT_MONDAY: i64 = 50;

fn is_one_of(date: NaiveDate, days: &[(u32, u32)]) -> bool {
    days.contains(&(date.month(), date.day()))
}

fn is_by_easter(date: NaiveDate, offsets: &[i64]) -> bool {
    easter(date.year()).is_some_and(|easter| offsets.contains(&(date - easter).num_days()))
}

/// Easter Sunday of the Gregorian calendar (Butcher's rule).
fn easter(year: i32) -> Option<NaiveDate> {
    let (a, b, c) = (year.rem_euclid(19), year.div_euclid(100), year.rem_euclid(100));
    let (d, e) = (b / 4, b % 4);
    let g = (8 * b + 13) / 25;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    NaiveDate::from_ymd_opt(year, u32::try_from(n / 31).ok()?, u32::try_from(n % 31 + 1).ok()?)
}

/// Whether `date` is the such-and-such weekday (from 1; 0: the last) of that month.
fn is_weekday_of(date: NaiveDate, month: u32, weekday: Weekday, which: u32) -> bool {
    let is_last = (date + TimeDelta::days(7)).month() != month;
    let fits = if which == 0 { is_last } else { (date.day() - 1) / 7 + 1 == which };
    date.month() == month && date.weekday() == weekday && fits
}

/// A holiday that falls on a weekend gives the next day off that is a working day and no holiday itself.
fn is_bank_holiday(date: NaiveDate) -> bool {
    let (month, day) = (date.month(), date.day());
    let fixed = match (month, day) {
        (1, 1) | (12, 25 | 26) => true,
        (1, 2 | 3) => date.weekday() == Weekday::Mon,
        // Two days off, whichever of them falls on the weekend.
        (12, 27 | 28) => matches!(date.weekday(), Weekday::Mon | Weekday::Tue),
        _ => false,
    };
    fixed
        || is_by_easter(date, &[GOOD_FRIDAY, MONDAY])
        || is_weekday_of(date, 5, Weekday::Mon, 1)
        || is_weekday_of(date, 5, Weekday::Mon, 0)
        || is_weekday_of(date, 8, Weekday::Mon, 0)
}

/// A holiday on a Saturday is kept on the Friday before, one on a Sunday on the Monday after.
fn is_federal_holiday(date: NaiveDate) -> bool {
    let is_fixed = |date: NaiveDate| is_one_of(date, &[(1, 1), (6, 19), (7, 4), (11, 11), (12, 25)]);
    let kept_for = match date.weekday() {
        Weekday::Fri => is_fixed(date + TimeDelta::days(1)),
        Weekday::Mon => is_fixed(date - TimeDelta::days(1)),
        Weekday::Tue | Weekday::Wed | Weekday::Thu | Weekday::Sat | Weekday::Sun => false,
    };
    is_fixed(date)
        || kept_for
        || is_weekday_of(date, 1, Weekday::Mon, 3)
        || is_weekday_of(date, 2, Weekday::Mon, 3)
        || is_weekday_of(date, 5, Weekday::Mon, 0)
        || is_weekday_of(date, 9, Weekday::Mon, 1)
        || is_weekday_of(date, 10, Weekday::Mon, 2)
        || is_weekday_of(date, 11, Weekday::Thu, 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_year(country: Country, year: i32, weekdays_only: bool) -> Vec<String> {
        let first = NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
        let days = first.iter_days().take_while(|date| date.year() == year);
        let off = days.filter(|date| country.is_holiday(*date));
        off.filter(|date| !weekdays_only || !matches!(date.weekday(), Weekday::Sat | Weekday::Sun))
            .map(|date| date.format("%m-%d").to_string())
            .collect()
    }

    #[test]
    fn easter_falls_where_the_almanac_says() {
        for (year, month, day) in [
            (1961, 4, 2),
            (2000, 4, 23),
            (2008, 3, 23),
            (2011, 4, 24),
            (2024, 3, 31),
            (2025, 4, 20),
            (2026, 4, 5),
            (2027, 3, 28),
            (2038, 4, 25),
            (2049, 4, 18),
        ] {
            assert_eq!(easter(year), NaiveDate::from_ymd_opt(year, month, day), "{year}");
        }
    }

    #[test]
    fn each_country_keeps_its_days() {
        let of_2026 = |country| of_year(country, 2026, false);
        assert_eq!(
            of_2026(Country::France),
            ["01-01", "04-06", "05-01", "05-08", "05-14", "05-25", "07-14", "08-15", "11-01", "11-11", "12-25"]
        );
        assert_eq!(
            of_2026(Country::Belgium),
            ["01-01", "04-06", "05-01", "05-14", "05-25", "07-21", "08-15", "11-01", "11-11", "12-25"]
        );
        assert_eq!(
            of_2026(Country::Luxembourg),
            ["01-01", "04-06", "05-01", "05-09", "05-14", "05-25", "06-23", "08-15", "11-01", "12-25", "12-26"]
        );
        assert_eq!(of_2026(Country::Switzerland), ["01-01", "05-14", "08-01", "12-25"]);
        assert_eq!(
            of_2026(Country::Germany),
            ["01-01", "04-03", "04-06", "05-01", "05-14", "05-25", "10-03", "12-25", "12-26"]
        );
    }

    /// As gov.uk lists them.
    #[test]
    fn british_holidays_on_a_weekend_are_kept_after_it() {
        let on_weekdays = |year| of_year(Country::Britain, year, true);
        assert_eq!(on_weekdays(2021), ["01-01", "04-02", "04-05", "05-03", "05-31", "08-30", "12-27", "12-28"]);
        assert_eq!(on_weekdays(2022)[..1], ["01-03"]);
        assert_eq!(on_weekdays(2022)[6..], ["12-26", "12-27"]);
        assert_eq!(on_weekdays(2023)[..1], ["01-02"]);
        assert_eq!(on_weekdays(2026), ["01-01", "04-03", "04-06", "05-04", "05-25", "08-31", "12-25", "12-28"]);
        assert_eq!(on_weekdays(2027)[6..], ["12-27", "12-28"]);
        assert_eq!(on_weekdays(2028)[..1], ["01-03"]);
    }

    /// As opm.gov lists them.
    #[test]
    fn federal_holidays_on_a_weekend_are_kept_beside_it() {
        let on_weekdays = |year| of_year(Country::UnitedStates, year, true);
        assert_eq!(
            on_weekdays(2026),
            ["01-01", "01-19", "02-16", "05-25", "06-19", "07-03", "09-07", "10-12", "11-11", "11-26", "12-25"]
        );
        assert_eq!(
            on_weekdays(2021),
            [
                "01-01", "01-18", "02-15", "05-31", "06-18", "07-05", "09-06", "10-11", "11-11", "11-25", "12-24",
                "12-31"
            ]
        );
    }

    #[test]
    fn a_country_is_named_by_its_two_letters() {
        for country in Country::ALL {
            assert_eq!(Country::of_code(&country.code().to_lowercase()), Some(country));
        }
        assert_eq!(Country::of_code("JP"), None);
    }
}
