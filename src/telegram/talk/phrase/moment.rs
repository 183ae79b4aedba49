//! When somebody means: "demain 10h", "lundi prochain", "dans 2h", "12/03 à 14h", "next monday 9am". What can be read
//! in two ways is said to be unclear.

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, TimeDelta, TimeZone, Weekday};
use chrono_tz::Tz;

use super::words::Tokens;
use crate::domain::{HOUR, MINUTE, Seconds, Timestamp};

/// When something is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// At this instant; it lies ahead.
    At(Timestamp),
    /// On that day, no time was said; not before today.
    Day(NaiveDate),
    /// It lies behind us.
    Past,
    /// It can be read in two ways, or there is no such time.
    Unclear,
}

/// What a text says about when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    One(Moment),
}

/// Dates further ahead are slips.
const FURTHEST_DAYS: i64 = 400;
/// A date of this year that lies so far back is meant for the next one, in days.
const NEXT_YEAR_AFTER: i64 = 150;

/// A part of the day, and when it begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Morning,
    LateMorning,
    Afternoon,
    LateAfternoon,
    EndOfDay,
    Evening,
}

impl Part {
    /// Minutes since midnight: what it stands for, and when it is over.
    fn minutes(self) -> (u32, u32) {
        match self {
            Self::Morning => (9 * 60, 12 * 60),
            Self::LateMorning => (11 * 60, 12 * 60),
            Self::Afternoon => (14 * 60, 18 * 60),
            Self::LateAfternoon => (16 * 60 + 30, 18 * 60),
            Self::EndOfDay => (17 * 60 + 30, 19 * 60),
            Self::Evening => (18 * 60 + 30, 21 * 60),
        }
    }

    fn is_after_noon(self) -> bool {
        !matches!(self, Self::Morning | Self::LateMorning)
    }
}

/// A time of day as it was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hour {
    hour: u32,
    minute: u32,
    /// Whether it can be no other half of the day.
    certain: bool,
}

/// The day that a saying means, if the calendar has one.
type Saying<R> = fn(&R) -> Option<NaiveDate>;

struct Reader<'t, 'a> {
    tokens: &'t mut Tokens<'a>,
    is_later: bool,
    now: DateTime<Tz>,
    date: Option<NaiveDate>,
    weekday: Option<Weekday>,
    /// The weekday is that of the week after this one.
    next_week: bool,
    hour: Option<Hour>,
    part: Option<Part>,
    span: Option<Seconds>,
    unclear: bool,
    past: bool,
    found: bool,
    /// The token before the present one was a day.
    after_day: bool,
}

/// Finds when, and uses up the words that say so.
pub(super) fn find(tokens: &mut Tokens<'_>, is_later: bool, now: Timestamp, zone: Tz) -> Found {
    let mut reader = Reader {
        tokens,
        is_later,
        now: now.to_utc().with_timezone(&zone),
        date: None,
        weekday: None,
        next_week: false,
        hour: None,
        part: None,
        span: None,
        unclear: false,
        past: false,
        found: false,
        after_day: false,
    };
    reader.read();
    if !reader.found {
        return Found::Nothing;
    }
    Found::One(reader.moment(now, zone))
}

impl Reader<'_, '_> {
    fn read(&mut self) {
        let mut index = 0;
        while index < self.tokens.len() {
            let was_day = std::mem::take(&mut self.after_day);
            let taken = self
                .span(index)
                .or_else(|| self.part_of_day(index))
                .or_else(|| self.named_day(index))
                .or_else(|| self.written_date(index))
                .or_else(|| self.weekday(index))
                .or_else(|| self.time(index, was_day))
                .unwrap_or_default();
            if taken > 0 {
                self.found = true;
                self.tokens.use_up(index..index + taken);
            }
            index += taken.max(1);
        }
    }

    fn is(&self, index: usize, words: &[&str]) -> bool {
        words.contains(&self.tokens.at(index))
    }

    fn are(&self, index: usize, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(offset, word)| self.tokens.at(index + offset) == *word)
    }

    fn today(&self) -> NaiveDate {
        self.now.date_naive()
    }

    fn in_days(&self, days: u32) -> Option<NaiveDate> {
        self.today().checked_add_signed(TimeDelta::days(days.into()))
    }

    fn set_date(&mut self, date: Option<NaiveDate>) {
        self.after_day = true;
        match date {
            None => self.unclear = true,
            Some(date) => {
                self.unclear |= self.date.is_some_and(|known| known != date);
                self.date = Some(date);
            }
        }
    }

    fn set_hour(&mut self, hour: u32, minute: u32, certain: bool) {
        self.unclear |= hour > 23 || minute > 59 || self.hour.is_some();
        self.hour = Some(Hour { hour, minute, certain });
    }

    fn set_span(&mut self, span: Seconds) {
        self.unclear |= self.span.is_some();
        self.span = Some(span);
    }

    /// "dans 2h", "in half an hour", "dans 3 jours".
    fn span(&mut self, index: usize) -> Option<usize> {
        let lead_in = if self.are(index, &["d", "ici"]) {
            2
        } else {
            let shifts = self.is_later && self.is(index, &["de", "d", "pour", "pendant", "for", "by"]);
            usize::from(shifts || self.is(index, &["dans", "ds", "in", "within"]))
        };
        let (taken, length, is_certain) = self.length(index + lead_in)?;
        // "2h" alone is a time of day.
        if lead_in == 0 && !is_certain {
            return None;
        }
        match length {
            Length::Seconds(span) => self.set_span(span),
            Length::Days(days) => self.set_date(self.in_days(days)),
            Length::Months(months) => self.set_date(self.today().checked_add_months(Months::new(months))),
        }
        Some(lead_in + taken)
    }

    /// A length of time, and whether it can be nothing else.
    fn length(&self, index: usize) -> Option<(usize, Length, bool)> {
        let minutes = |minutes: u32| Length::Seconds(Seconds::from(minutes) * MINUTE);
        for (words, length) in [
            (["une", "demi", "heure"].as_slice(), 30),
            (&["1", "demi", "heure"], 30),
            (&["une", "demie", "heure"], 30),
            (&["half", "an", "hour"], 30),
            (&["un", "quart", "d", "heure"], 15),
            (&["trois", "quarts", "d", "heure"], 45),
            (&["an", "hour", "and", "a", "half"], 90),
            (&["a", "couple", "of", "hours"], 120),
        ] {
            if self.are(index, words) {
                return Some((words.len(), minutes(length), true));
            }
        }
        let count = self.tokens.count(index)?;
        let unit = self.tokens.at(index + 1);
        match unit {
            "h" | "heure" | "heures" | "hour" | "hours" | "hr" | "hrs" => {
                let certain = matches!(unit, "hour" | "hours" | "hr" | "hrs") || unit == "heure" && count == 1;
                if self.is(index + 2, &["et"]) && self.is(index + 3, &["demi", "demie"]) {
                    return Some((4, minutes(60 * count + 30), certain));
                }
                match self.tokens.number(index + 2).filter(|minutes| *minutes < 60) {
                    Some(more) => Some((3, minutes(60 * count + more), false)),
                    None => Some((2, minutes(60 * count), certain)),
                }
            }
            "min" | "mn" | "mins" | "minute" | "minutes" => Some((2, minutes(count), true)),
            "j" | "jour" | "jours" | "day" | "days" => Some((2, Length::Days(count), true)),
            "semaine" | "semaines" | "sem" | "week" | "weeks" => Some((2, Length::Days(7 * count.min(99)), true)),
            "mois" | "month" | "months" => Some((2, Length::Months(count), true)),
            _ => None,
        }
    }

    fn part_of_day(&mut self, index: usize) -> Option<usize> {
        const PARTS: &[(&[&str], Part)] = &[
            (&["fin", "de", "matinee"], Part::LateMorning),
            (&["late", "morning"], Part::LateMorning),
            (&["debut", "de", "matinee"], Part::Morning),
            (&["debut", "d", "apres", "midi"], Part::Afternoon),
            (&["debut", "d", "aprem"], Part::Afternoon),
            (&["fin", "d", "apres", "midi"], Part::LateAfternoon),
            (&["fin", "d", "aprem"], Part::LateAfternoon),
            (&["late", "afternoon"], Part::LateAfternoon),
            (&["fin", "de", "journee"], Part::EndOfDay),
            (&["end", "of", "day"], Part::EndOfDay),
            (&["end", "of", "the", "day"], Part::EndOfDay),
            (&["eod"], Part::EndOfDay),
            (&["apres", "midi"], Part::Afternoon),
            (&["apresmidi"], Part::Afternoon),
            (&["apres", "m"], Part::Afternoon),
            (&["aprem"], Part::Afternoon),
            (&["afternoon"], Part::Afternoon),
            (&["pm"], Part::Afternoon),
            (&["matin"], Part::Morning),
            (&["matinee"], Part::Morning),
            (&["morning"], Part::Morning),
            (&["soir"], Part::Evening),
            (&["soiree"], Part::Evening),
            (&["evening"], Part::Evening),
            (&["tonight"], Part::Evening),
        ];
        let article =
            usize::from(self.is(index, &["cet", "ce", "cette", "this", "l", "le", "en", "au", "du", "in", "dans"]));
        let the = usize::from(article > 0 && self.is(index + article, &["the", "l", "la"]));
        let lead_in = article + the;
        let (words, part) = PARTS.iter().find(|(words, _)| self.are(index + lead_in, words))?;
        self.unclear |= self.part.is_some_and(|known| known != *part);
        self.part = Some(*part);
        if self.is(index, &["cet", "ce", "cette", "this"]) || self.is(index, &["tonight"]) {
            self.set_date(Some(self.today()));
        }
        self.after_day = true;
        Some(lead_in + words.len())
    }

    fn named_day(&mut self, index: usize) -> Option<usize> {
        let sayings: &[(&[&str], Saying<Self>)] = &[
            (&["apres", "le", "week", "end"], |reader| Some(reader.next_weekday(Weekday::Mon))),
            (&["apres", "le", "weekend"], |reader| Some(reader.next_weekday(Weekday::Mon))),
            (&["after", "the", "weekend"], |reader| Some(reader.next_weekday(Weekday::Mon))),
            (&["apres", "demain"], |reader| reader.in_days(2)),
            (&["surlendemain"], |reader| reader.in_days(2)),
            (&["the", "day", "after", "tomorrow"], |reader| reader.in_days(2)),
            (&["day", "after", "tomorrow"], |reader| reader.in_days(2)),
            (&["aujourd", "hui"], |reader| reader.in_days(0)),
            (&["aujourdhui"], |reader| reader.in_days(0)),
            (&["auj"], |reader| reader.in_days(0)),
            (&["today"], |reader| reader.in_days(0)),
            (&["tmrw"], |reader| reader.in_days(1)),
            (&["tmr"], |reader| reader.in_days(1)),
            (&["dem"], |reader| reader.in_days(1)),
            (&["fin", "de", "semaine"], |reader| reader.in_days((4 + 7 - reader.days_from_monday()) % 7)),
            (&["end", "of", "the", "week"], |reader| reader.in_days((4 + 7 - reader.days_from_monday()) % 7)),
            (&["week", "end"], |reader| Some(reader.next_weekday(Weekday::Sat))),
            (&["weekend"], |reader| Some(reader.next_weekday(Weekday::Sat))),
            (&["fin", "de", "mois"], Self::end_of_month),
            (&["fin", "du", "mois"], Self::end_of_month),
            (&["end", "of", "the", "month"], Self::end_of_month),
            (&["mois", "prochain"], |reader| reader.today().with_day(1)?.checked_add_months(Months::new(1))),
            (&["next", "month"], |reader| reader.today().with_day(1)?.checked_add_months(Months::new(1))),
        ];
        if let Some((words, date)) = sayings.iter().find(|(words, _)| self.are(index, words)) {
            self.set_date(date(self));
            return Some(words.len());
        }
        if self.are(index, &["semaine", "prochaine"])
            || self.are(index, &["semaine", "pro"])
            || self.are(index, &["next", "week"])
        {
            self.next_week = true;
            self.after_day = true;
            return Some(2);
        }
        if self.is(index, &["hier", "yesterday"]) {
            self.past = true;
            return Some(1);
        }
        if self.tokens.is_like(index, "demain") || self.tokens.is_like(index, "tomorrow") {
            self.set_date(self.in_days(1));
            return Some(1);
        }
        None
    }

    fn end_of_month(&self) -> Option<NaiveDate> {
        self.today().with_day(1)?.checked_add_months(Months::new(1))?.pred_opt()
    }

    fn days_from_monday(&self) -> u32 {
        self.today().weekday().num_days_from_monday()
    }

    /// The next such weekday after today.
    fn next_weekday(&self, weekday: Weekday) -> NaiveDate {
        let ahead = (weekday.num_days_from_monday() + 7 - self.days_from_monday()) % 7;
        let ahead = if ahead == 0 { 7 } else { ahead };
        self.in_days(ahead).unwrap_or(self.today())
    }

    fn weekday(&mut self, index: usize) -> Option<usize> {
        const DAYS: [(Weekday, [&str; 2], &[&str]); 7] = [
            (Weekday::Mon, ["lundi", "monday"], &["lun", "mon", "ludni"]),
            (Weekday::Tue, ["mardi", "tuesday"], &["tue", "tues"]),
            (Weekday::Wed, ["mercredi", "wednesday"], &["mer", "wed"]),
            (Weekday::Thu, ["jeudi", "thursday"], &["jeu", "thu", "thurs"]),
            (Weekday::Fri, ["vendredi", "friday"], &["ven", "fri"]),
            (Weekday::Sat, ["samedi", "saturday"], &["sam", "sat"]),
            (Weekday::Sun, ["dimanche", "sunday"], &["dim", "sun"]),
        ];
        let is_next = usize::from(self.is(index, &["next", "this", "coming"]));
        let at = index + is_next;
        let exactly = DAYS.iter().find(|(_, names, _)| names.contains(&self.tokens.at(at)));
        let nearly = || DAYS.iter().find(|(_, names, _)| names.iter().any(|name| self.tokens.is_like(at, name)));
        // "mon" and "sam" are words and names of their own: as a day only where a time follows.
        let in_short = || DAYS.iter().find(|(.., short)| short.contains(&self.tokens.at(at)) && self.is_time(at + 1));
        let (weekday, ..) = exactly.or_else(nearly).or_else(in_short)?;
        self.unclear |= self.weekday.is_some_and(|known| known != *weekday);
        self.weekday = Some(*weekday);
        self.after_day = true;
        let mut taken = is_next + 1;
        if self.is(at + 1, &["dernier", "passe"]) {
            self.past = true;
            taken += 1;
        } else if self.is(at + 1, &["prochain", "pro"]) {
            taken += 1;
        } else if self.are(at + 1, &["en", "huit"]) {
            let monday_after = self.next_weekday(*weekday).checked_add_signed(TimeDelta::days(7));
            self.set_date(monday_after);
            taken += 2;
        } else if let Some(day) = self.tokens.number(at + 1).filter(|_| !self.is_time(at + 1) && !self.is_month(at + 2))
        {
            self.day_or_hour(*weekday, day);
            taken += 1;
        }
        Some(taken)
    }

    /// "jeudi 12": the 12th or twelve o'clock.
    fn day_or_hour(&mut self, weekday: Weekday, number: u32) {
        let date = self.day_of_month(number).filter(|date| date.weekday() == weekday);
        match (date, (7..=19).contains(&number)) {
            (Some(_), true) | (None, false) => self.unclear = true,
            (Some(date), false) => self.set_date(Some(date)),
            (None, true) => self.set_hour(number, 0, true),
        }
    }

    /// Whether a time of day stands at `index`.
    fn is_time(&self, index: usize) -> bool {
        let spoken = self.is(index, &["a", "at", "midi", "noon", "matin", "aprem", "soir"]);
        let written =
            self.tokens.number(index).is_some() && self.is(index + 1, &["h", "heure", "heures", ":", "am", "pm"]);
        spoken || written
    }

    fn is_month(&self, index: usize) -> bool {
        month(self.tokens.at(index)).is_some() || self.is(index, &["/"])
    }

    /// The next such day of a month, today included.
    fn day_of_month(&self, day: u32) -> Option<NaiveDate> {
        let this_month = self.today().with_day(day).filter(|date| *date >= self.today());
        this_month.or_else(|| self.today().with_day(1)?.checked_add_months(Months::new(1))?.with_day(day))
    }

    /// "12/03", "le 12 mars", "March 12th", "le 12".
    fn written_date(&mut self, index: usize) -> Option<usize> {
        let article = usize::from(self.is(index, &["le", "the", "du", "au", "on", "l"]));
        let the = usize::from(article > 0 && self.is(index + 1, &["the"]));
        let at = index + article + the;
        if let Some(month) = month(self.tokens.at(at)) {
            let day = self.tokens.number(at + 1).filter(|_| !self.is_time(at + 1))?;
            let ordinal = usize::from(self.is(at + 2, &["st", "nd", "rd", "th"]));
            self.set_day(day, month, None);
            return Some(article + the + 2 + ordinal);
        }
        let day = self.tokens.number(at)?;
        let ordinal = usize::from(self.is(at + 1, &["er", "st", "nd", "rd", "th", "e"]));
        let after = at + 1 + ordinal;
        if self.is(after, &["/"]) {
            let month = self.tokens.number(after + 1)?;
            let year = self.tokens.number(after + 3).filter(|_| self.is(after + 2, &["/"]));
            // Whoever writes English may put the month first.
            self.unclear |= self.tokens.is_english() && day <= 12 && month <= 12 && day != month;
            self.set_day(day, month, year);
            return Some(after + 2 + if year.is_some() { 2 } else { 0 } - index);
        }
        let of = usize::from(self.is(after, &["of"]));
        if let Some(month) = month(self.tokens.at(after + of)) {
            let year = self.tokens.number(after + of + 1).filter(|year| *year > 1_000);
            self.set_day(day, month, year);
            return Some(after + of + 1 + usize::from(year.is_some()) - index);
        }
        let is_day = (article > 0 && !self.is(index, &["au"]) || ordinal > 0) && !self.is_time(at);
        if is_day {
            self.set_date(self.day_of_month(day));
            return Some(after - index);
        }
        None
    }

    fn set_day(&mut self, day: u32, month: u32, year: Option<u32>) {
        let this_year = self.today().year();
        let date = |year: i32| NaiveDate::from_ymd_opt(year, month, day);
        let date = match year.and_then(|year| i32::try_from(year).ok()) {
            Some(year) => date(if year < 100 { 2_000 + year } else { year }),
            None => {
                let is_long_ago =
                    |date: &NaiveDate| self.today().signed_duration_since(*date).num_days() > NEXT_YEAR_AFTER;
                date(this_year).filter(|date| !is_long_ago(date)).or_else(|| date(this_year + 1))
            }
        };
        self.set_date(date);
    }

    fn time(&mut self, index: usize, after_day: bool) -> Option<usize> {
        let at_word = usize::from(self.is(index, &["a", "at", "vers", "around", "pour", "for", "by"]));
        let at = index + at_word;
        if self.is(at, &["midi", "noon"]) {
            let half = self.is(at + 1, &["et"]) && self.is(at + 2, &["demi", "demie"]);
            self.set_hour(12, if half { 30 } else { 0 }, true);
            return Some(at_word + if half { 3 } else { 1 });
        }
        if self.is(at, &["minuit", "midnight"]) {
            self.unclear = true;
            return Some(at_word + 1);
        }
        if let (Some(minute), Some(hour)) = (self.is_past_or_to(at), self.tokens.count(at + 2)) {
            let (hour, minute) = if minute == 45 { (hour.saturating_sub(1), minute) } else { (hour, minute) };
            let half = self.half(at + 3, hour);
            self.set_hour(half.0, minute, half.1 || hour > 7);
            return Some(at_word + 3 + usize::from(half.1));
        }
        let hour = self.tokens.number(at)?;
        let after = at + 1;
        if self.is(after, &["h", "heure", "heures"]) {
            return Some(at_word + self.french_time(hour, after));
        }
        if self.is(after, &[":", "."]) && self.tokens.number(after + 1).is_some() {
            let minute = self.tokens.number(after + 1).unwrap_or_default();
            let half = self.half(after + 2, hour);
            self.set_hour(half.0, minute, half.1 || hour > 7);
            return Some(at_word + 3 + usize::from(half.1));
        }
        let half = self.half(after, hour);
        if half.1 {
            self.set_hour(half.0, 0, true);
            return Some(at_word + 2);
        }
        let clock = if self.are(after, &["o", "clock"]) { 2 } else { 0 };
        if at_word > 0 && !self.is(index, &["pour", "for", "by"]) || after_day || clock > 0 {
            self.set_hour(hour, 0, hour > 7);
            return Some(at_word + 1 + clock);
        }
        None
    }

    /// "10h", "10 h 30", "10h et demie", "11h moins le quart"; `after` is where the "h" stands. How much was taken.
    fn french_time(&mut self, hour: u32, after: usize) -> usize {
        let certain = hour > 6;
        let (minute, taken) = match self.tokens.number(after + 1) {
            Some(minute) => (minute, 3),
            None if self.is(after + 1, &["et"]) && self.is(after + 2, &["demi", "demie"]) => (30, 4),
            None if self.are(after + 1, &["et", "quart"]) => (15, 4),
            None if self.are(after + 1, &["moins", "le", "quart"]) => {
                self.set_hour(hour.saturating_sub(1), 45, certain);
                return 5;
            }
            None => (0, 2),
        };
        self.set_hour(hour, minute, certain);
        taken
    }

    /// "half past", "quarter past", "quarter to": the minutes.
    fn is_past_or_to(&self, at: usize) -> Option<u32> {
        [(["half", "past"], 30), (["quarter", "past"], 15), (["quarter", "to"], 45)]
            .into_iter()
            .find_map(|(words, minute)| self.are(at, &words).then_some(minute))
    }

    /// An hour with the "am" or "pm" at `index`; whether there is one.
    fn half(&mut self, index: usize, hour: u32) -> (u32, bool) {
        match self.tokens.at(index) {
            "am" => (if hour == 12 { 0 } else { hour }, true),
            "pm" => (if hour < 12 { hour + 12 } else { hour }, true),
            _ => (hour, false),
        }
    }

    /// What all of it comes to.
    fn moment(&self, now: Timestamp, zone: Tz) -> Moment {
        if self.past {
            return Moment::Past;
        }
        let Some(date) = self.day().filter(|_| !self.unclear) else { return Moment::Unclear };
        if let Some(span) = self.span {
            let alone = self.hour.is_none() && self.part.is_none() && date.is_none();
            return if alone { Moment::At(now.plus(span)) } else { Moment::Unclear };
        }
        if date.is_some_and(|date| date < self.today()) {
            return Moment::Past;
        }
        if date.is_some_and(|date| date.signed_duration_since(self.today()).num_days() > FURTHEST_DAYS) {
            return Moment::Unclear;
        }
        match (date, self.minutes()) {
            (_, Some(None)) | (None, None) => Moment::Unclear,
            (Some(date), None) => Moment::Day(date),
            (date, Some(Some(minutes))) => {
                let date = date.unwrap_or(self.today());
                let at = instant(date, minutes, zone);
                if at > now {
                    return Moment::At(at);
                }
                self.rest_of_part(date, now, zone).map_or(Moment::Past, Moment::At)
            }
        }
    }

    /// The day that was named, if one was; `None` when what was said does not go together.
    fn day(&self) -> Option<Option<NaiveDate>> {
        let of_weekday = self.weekday.map(|weekday| {
            if self.next_week {
                let monday = self.next_weekday(Weekday::Mon);
                monday.checked_add_signed(TimeDelta::days(weekday.num_days_from_monday().into())).unwrap_or(monday)
            } else {
                self.next_weekday(weekday)
            }
        });
        match (self.date, of_weekday, self.weekday) {
            (Some(date), Some(_), Some(weekday)) => (date.weekday() == weekday).then_some(Some(date)),
            (Some(date), ..) => Some(Some(date)),
            (None, Some(date), _) => Some(Some(date)),
            (None, None, _) if self.next_week => Some(Some(self.next_weekday(Weekday::Mon))),
            (None, None, _) => Some(None),
        }
    }

    /// The time of day in minutes since midnight, if one was named; `Some(None)` when it may be in either half of the day.
    fn minutes(&self) -> Option<Option<u32>> {
        match (self.hour, self.part) {
            (None, None) => None,
            (None, Some(part)) => Some(Some(part.minutes().0)),
            (Some(Hour { hour, minute, .. }), Some(part)) => {
                let hour = if part.is_after_noon() && hour < 12 { hour + 12 } else { hour };
                let fits = part.is_after_noon() == (hour >= 12);
                Some(fits.then_some(60 * hour + minute))
            }
            (Some(Hour { hour, minute, certain }), None) => Some(certain.then_some(60 * hour + minute)),
        }
    }

    /// "This afternoon", said in the afternoon, is an hour from now, as long as it lasts.
    fn rest_of_part(&self, date: NaiveDate, now: Timestamp, zone: Tz) -> Option<Timestamp> {
        let part = self.part.filter(|_| self.hour.is_none())?;
        let half_hour = 30 * MINUTE;
        let soon = Timestamp((now.0 + HOUR + half_hour - 1).div_euclid(half_hour) * half_hour);
        (soon < instant(date, part.minutes().1, zone)).then_some(soon)
    }
}

enum Length {
    Seconds(Seconds),
    Days(u32),
    Months(u32),
}

fn month(word: &str) -> Option<u32> {
    const MONTHS: [&[&str]; 12] = [
        &["janvier", "january", "janv", "jan"],
        &["fevrier", "february", "fev", "feb"],
        &["mars", "march"],
        &["avril", "april", "avr", "apr"],
        &["mai", "may"],
        &["juin", "june", "jun"],
        &["juillet", "july", "juil", "jul"],
        &["aout", "august", "aug"],
        &["septembre", "september", "sept", "sep"],
        &["octobre", "october", "oct"],
        &["novembre", "november", "nov"],
        &["decembre", "december", "dec"],
    ];
    (1..).zip(MONTHS).find(|(_, names)| names.contains(&word)).map(|(number, _)| number)
}

/// So many minutes after midnight of a day. In the hour that a change of clocks skips, an hour later; in the one it
/// repeats, the first time.
pub(in crate::telegram::talk) fn instant(date: NaiveDate, minutes: u32, zone: Tz) -> Timestamp {
    let time = NaiveTime::from_hms_opt(minutes / 60 % 24, minutes % 60, 0).unwrap_or(NaiveTime::MIN);
    let local = date.and_time(time);
    let resolved = zone.from_local_datetime(&local).earliest();
    let resolved = resolved.or_else(|| zone.from_local_datetime(&(local + TimeDelta::hours(1))).earliest());
    Timestamp(resolved.map_or_else(|| local.and_utc().timestamp(), |at| at.timestamp()))
}
