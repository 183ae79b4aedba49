//! Instants and durations as the rules see them: UTC, whole seconds, no calendar.

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration in whole seconds; may be negative.
pub type Seconds = i64;

/// One minute, in seconds.
pub const MINUTE: Seconds = 60;
/// One hour, in seconds.
pub const HOUR: Seconds = 60 * MINUTE;
/// One day of exactly 24 hours, in seconds.
pub const DAY: Seconds = 24 * HOUR;

/// An instant in UTC, in whole seconds since 1970-01-01T00:00:00Z. A fraction is dropped when one is read.
///
/// It is written as RFC 3339 with `Z` where people read it (JSON), as a number where only we do (the store).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// Why a text is not an instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnInstant {
    /// It is spelled otherwise.
    #[error("`{0}` is not an instant such as 2026-03-01T09:00:00Z")]
    Misspelt(String),
    /// Its offset takes it to a year that cannot be written.
    #[error("`{0}` is outside the years 0000 to 9999 in UTC")]
    OutOfRange(String),
}

impl Timestamp {
    /// Reads RFC 3339 with any offset. A leap second (`:60`) is refused: the rules count in exact seconds. So is what
    /// could not be written as RFC 3339 in UTC: its years have four digits.
    pub fn parse_rfc3339(text: &str) -> Result<Self, NotAnInstant> {
        if let Some(instant) = Self::parse_plain(text.as_bytes()) {
            return Ok(instant);
        }
        let bad = || NotAnInstant::Misspelt(text.chars().take(64).collect());
        // chrono takes U+2212 for a minus sign; RFC 3339 does not.
        if !text.is_ascii() {
            return Err(bad());
        }
        let instant = DateTime::parse_from_rfc3339(text).map_err(|_| bad())?;
        if instant.timestamp_subsec_nanos() >= 1_000_000_000 {
            return Err(bad());
        }
        let at = Self(instant.timestamp());
        if at != at.within_rfc3339() {
            return Err(NotAnInstant::OutOfRange(text.to_owned()));
        }
        Ok(at)
    }

    /// Reads the one spelling in which nearly all instants come, `2026-03-01T09:00:00Z`, several times as fast;
    /// `None` leaves it to the general way.
    fn parse_plain(text: &[u8]) -> Option<Self> {
        let number = |digits: &[u8]| -> Option<u32> {
            digits
                .iter()
                .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| 10 * number + u32::from(digit - b'0')))
        };
        let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', n0, n1, b':', s0, s1, b'Z'] = text else {
            return None;
        };
        let year = i32::try_from(number(&[y0, y1, y2, y3])?).ok()?;
        let date = NaiveDate::from_ymd_opt(year, number(&[m0, m1])?, number(&[d0, d1])?)?;
        let time = date.and_hms_opt(number(&[h0, h1])?, number(&[n0, n1])?, number(&[s0, s1])?)?;
        Some(Self(time.and_utc().timestamp()))
    }

    /// `2026-03-01T09:00:00Z` in ASCII, several times as fast as the general way; `None` outside the years 0 to
    /// 9999.
    pub(crate) fn to_plain(self) -> Option<[u8; 20]> {
        let (days, second) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY) as u32);
        let (year, month, day) = civil(days).filter(|(year, ..)| *year <= 9_999)?;
        let mut text = *b"0000-00-00T00:00:00Z";
        let numbers = [year / 100, year % 100, month, day, second / HOUR as u32, second / 60 % 60, second % 60];
        for (at, number) in [0, 2, 5, 8, 11, 14, 17].into_iter().zip(numbers) {
            text[at] += (number / 10) as u8;
            text[at + 1] += (number % 10) as u8;
        }
        Some(text)
    }

    /// Reads EspoCRM's `YYYY-MM-DD HH:MM:SS`, which is UTC.
    pub fn parse_espo(text: &str) -> Result<Self, NotAnInstant> {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S")
            .map(|at| Self(at.and_utc().timestamp()))
            .map_err(|_| NotAnInstant::Misspelt(text.chars().take(64).collect()))
    }

    /// As EspoCRM writes it: `YYYY-MM-DD HH:MM:SS`, UTC.
    pub fn to_espo(self) -> String {
        self.to_utc().format("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// As chrono's type; instants outside chrono's range become its nearest end.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0, 0).unwrap_or(if self.0 < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        })
    }

    /// This instant, or the nearest one that RFC 3339 can write: its years have four digits.
    #[must_use]
    pub fn within_rfc3339(self) -> Self {
        const YEAR_0: i64 = -62_167_219_200;
        const YEAR_10000: i64 = 253_402_300_800;
        Self(self.0.clamp(YEAR_0, YEAR_10000 - 1))
    }

    /// The instant `seconds` later (earlier when negative).
    #[must_use]
    pub fn plus(self, seconds: Seconds) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to this instant; negative when `earlier` is later.
    pub fn since(self, earlier: Self) -> Seconds {
        self.0.saturating_sub(earlier.0)
    }

    /// `floor((self − earlier) / 24 h)`: the "days" of every message.
    pub fn days_since(self, earlier: Self) -> i64 {
        self.since(earlier).div_euclid(DAY)
    }
}

/// Year, month and day of the day so many days after 1970-01-01; `None` before the year 0 and millions of years
/// from now. Counted from a 1 March, so that the leap day is the last of its year (Howard Hinnant's algorithm).
fn civil(days: i64) -> Option<(u32, u32, u32)> {
    const DAYS_TO_1970: i64 = 719_468;
    const ERA_DAYS: u32 = 146_097;
    // From 0000-03-01 on; the two months before it take the general way.
    let days = u32::try_from(days.checked_add(DAYS_TO_1970)?).ok()?;
    let (era, day_of_era) = (days / ERA_DAYS, days % ERA_DAYS);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = 400 * era + year_of_era;
    Some(if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) })
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = self.to_plain();
        match plain.as_ref().and_then(|text| std::str::from_utf8(text).ok()) {
            Some(text) => f.write_str(text),
            None => f.write_str(&self.to_utc().to_rfc3339_opts(SecondsFormat::Secs, true)),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            Self::parse_rfc3339(&text).map_err(serde::de::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration: write a whole number and a unit, such as \"90s\", \"15m\", \"24h\" or \"7d\"")]
pub struct NotADuration(pub String);

/// Reads `90s`, `15m`, `24h`, `7d`: a whole number, at least 0, and one unit.
pub fn parse_duration(text: &str) -> Result<Seconds, NotADuration> {
    let bad = || NotADuration(text.chars().take(64).collect());
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?);
    let number: i64 = number.parse().map_err(|_| bad())?;
    let unit = match unit.trim() {
        "s" => 1,
        "m" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        _ => return Err(bad()),
    };
    number.checked_mul(unit).ok_or_else(bad)
}

/// A duration in the largest unit that writes it exactly: the inverse of [`parse_duration`].
pub fn format_duration(seconds: Seconds) -> String {
    match seconds {
        s if s != 0 && s % DAY == 0 => format!("{}d", s / DAY),
        s if s != 0 && s % HOUR == 0 => format!("{}h", s / HOUR),
        s if s != 0 && s % MINUTE == 0 => format!("{}m", s / MINUTE),
        s => format!("{s}s"),
    }
}

/// `#[serde(with = "duration")]` for configuration values such as `"7d"`.
pub mod duration {
    use super::{Deserialize, Deserializer, Seconds, Serializer, format_duration, parse_duration};

    /// Writes `"7d"`.
    pub fn serialize<S: Serializer>(seconds: &Seconds, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_duration(*seconds))
    }

    /// Reads `"7d"`.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Seconds, D::Error> {
        parse_duration(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// > All instants are UTC, in whole seconds: a fraction is dropped when an instant is read.
    #[test]
    fn instants_are_read_with_any_offset_and_written_in_utc() {
        let at = Timestamp::parse_rfc3339("2026-03-01T10:00:00.9+01:00").unwrap();
        assert_eq!(at.to_string(), "2026-03-01T09:00:00Z");
        assert_eq!(Timestamp::parse_espo("2026-03-01 09:00:00").unwrap(), at);
        assert_eq!(at.to_espo(), "2026-03-01 09:00:00");
        assert!(Timestamp::parse_rfc3339("2026-06-30T23:59:60Z").is_err());
        assert!(Timestamp::parse_rfc3339("2026-03-01").is_err());
    }

    #[test]
    fn the_fast_way_and_the_general_way_agree() {
        for day in (-719_528..2_932_897).step_by(97) {
            let at = Timestamp(day * DAY + day.rem_euclid(DAY));
            let general = at.to_utc().to_rfc3339_opts(SecondsFormat::Secs, true);
            assert_eq!(at.to_string(), general);
            assert_eq!(Timestamp::parse_rfc3339(&general), Ok(at));
            assert_eq!(Timestamp::parse_rfc3339(&general.replace('Z', "+00:00")), Ok(at));
        }
        for bad in [
            "2026-03-01T09:00:00\u{2212}01:00",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:60Z",
        ] {
            assert!(Timestamp::parse_rfc3339(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn whatever_is_spelled_is_read_as_the_general_way_reads_it(
            text in "[0-9]{2}[0-9٣]{2}-[01][0-9]-[0-3][0-9][Tt _][0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]{1,3})?([Zz]|[+−-]0[0-9]:?[0-5]0)?",
        ) {
            let general = DateTime::parse_from_rfc3339(&text).ok().filter(|_| text.is_ascii());
            let general = general.filter(|at| at.timestamp_subsec_nanos() < 1_000_000_000);
            let general = general.map(|at| Timestamp(at.timestamp())).filter(|at| *at == at.within_rfc3339());
            prop_assert_eq!(Timestamp::parse_rfc3339(&text).ok(), general);
        }

        #[test]
        fn whatever_the_instant_it_is_written_as_the_general_way_writes_it(at in any::<i64>(), bits in 0..64_u32) {
            let at = Timestamp(at >> bits);
            prop_assert_eq!(at.to_string(), at.to_utc().to_rfc3339_opts(SecondsFormat::Secs, true));
        }
    }

    #[test]
    fn every_instant_has_a_nearest_that_can_be_written() {
        let ends = ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"].map(|text| Timestamp::parse_rfc3339(text).unwrap());
        for (at, nearest) in
            [(i64::MIN, ends[0]), (ends[0].0 - 1, ends[0]), (ends[1].0 + 1, ends[1]), (7, Timestamp(7))]
        {
            assert_eq!(Timestamp(at).within_rfc3339(), nearest);
            assert_eq!(Timestamp::parse_rfc3339(&nearest.to_string()), Ok(nearest));
        }
    }

    #[test]
    fn what_an_offset_takes_out_of_the_years_that_can_be_written_is_refused() {
        for text in ["0000-01-01T00:00:00+00:01", "9999-12-31T23:30:00-01:00", "0000-01-01T23:59:59.9+23:60"] {
            assert!(Timestamp::parse_rfc3339(text).is_err(), "{text}");
        }
        let error = Timestamp::parse_rfc3339("0000-01-01T00:00:00+01:00").unwrap_err().to_string();
        assert_eq!(error, "`0000-01-01T00:00:00+01:00` is outside the years 0000 to 9999 in UTC");
        for text in ["0000-01-01T00:00:00-00:01", "0000-01-01T01:00:00+01:00", "9999-12-31T23:59:59.9+00:00"] {
            let at = Timestamp::parse_rfc3339(text).unwrap();
            assert_eq!(Timestamp::parse_rfc3339(&at.to_string()), Ok(at), "{text}");
        }
    }

    /// > `days(a, b)` = floor((b − a) / 86 400 s).
    #[test]
    fn days_are_whole_days_of_24_hours_rounded_down() {
        let start = Timestamp(1_000_000);
        assert_eq!(start.plus(3 * DAY - 1).days_since(start), 2);
        assert_eq!(start.plus(3 * DAY).days_since(start), 3);
        assert_eq!(start.plus(-1).days_since(start), -1);
    }

    #[test]
    fn durations_round_trip() {
        for text in ["0s", "90s", "15m", "36h", "7d"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
        for bad in ["", "7", "d", "-1d", "7 weeks", "1.5h", "99999999999999999999d"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
