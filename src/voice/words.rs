//! Dates, times and spans in words, in the reader's language and time zone; and French typography.

use chrono::{DateTime, Datelike, Timelike};
use chrono_tz::Tz;

use super::Lang;
use crate::domain::{DAY, HOUR, MINUTE, Seconds, Timestamp};

const MONTHS_FR: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];
const MONTHS_EN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS_FR: [&str; 7] = ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"];
const DAYS_EN: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

fn local(at: Timestamp, zone: Tz) -> DateTime<Tz> {
    // Years 2 to 9998: beyond, a zone's offset could leave the calendar.
    Timestamp(at.0.clamp(-62_000_000_000, 253_370_000_000)).to_utc().with_timezone(&zone)
}

/// Calendar days from `now`'s date to `at`'s, in `zone`: 0 today, 1 tomorrow.
fn days_ahead(at: Timestamp, now: Timestamp, zone: Tz) -> i64 {
    local(at, zone).date_naive().signed_duration_since(local(now, zone).date_naive()).num_days()
}

/// The time of day: `9h`, `14h32`; `9:00`, `14:32`.
pub fn clock(lang: Lang, at: Timestamp, zone: Tz) -> String {
    let at = local(at, zone);
    match (lang, at.hour(), at.minute()) {
        (Lang::Fr, hour, 0) => format!("{hour}h"),
        (Lang::Fr, hour, minute) => format!("{hour}h{minute:02}"),
        (Lang::En, hour, minute) => format!("{hour}:{minute:02}"),
    }
}

/// Whether one says good evening.
pub fn is_evening(at: Timestamp, zone: Tz) -> bool {
    local(at, zone).hour() >= 18
}

/// The date: `1er mars`, `12 March`, with the year when it is not `now`'s.
pub fn date(lang: Lang, at: Timestamp, now: Timestamp, zone: Tz) -> String {
    let day = local(at, zone);
    let month = day.month0() as usize;
    let text = match (lang, day.day()) {
        (Lang::Fr, 1) => format!("1er {}", MONTHS_FR[month]),
        (Lang::Fr, number) => format!("{number} {}", MONTHS_FR[month]),
        (Lang::En, number) => format!("{number} {}", MONTHS_EN[month]),
    };
    if day.year() == local(now, zone).year() { text } else { format!("{text} {}", day.year()) }
}

/// When something took place: `aujourd'hui à 14h32`, `hier à 9h`, `le 12 mars`.
pub fn when(lang: Lang, at: Timestamp, now: Timestamp, zone: Tz) -> String {
    let time = clock(lang, at, zone);
    match (lang, days_ahead(at, now, zone)) {
        (Lang::Fr, 0) => format!("aujourd'hui à {time}"),
        (Lang::Fr, -1) => format!("hier à {time}"),
        (Lang::Fr, _) => format!("le {}", date(lang, at, now, zone)),
        (Lang::En, 0) => format!("today at {time}"),
        (Lang::En, -1) => format!("yesterday at {time}"),
        (Lang::En, _) => format!("on {}", date(lang, at, now, zone)),
    }
}

/// When something took place, in words that stay true: `le 12 mars à 14h32`; the year when it is not `now`'s.
pub fn on(lang: Lang, at: Timestamp, now: Timestamp, zone: Tz) -> String {
    let (date, time) = (date(lang, at, now, zone), clock(lang, at, zone));
    match lang {
        Lang::Fr => format!("le {date} à {time}"),
        Lang::En => format!("on {date} at {time}"),
    }
}

/// The day of something said, after its noun and with a space before it: ` de mardi`, ` du 12 mars`. Nothing for today
/// and yesterday, which need no saying and would be wrong tomorrow.
pub fn of_day(lang: Lang, at: Timestamp, now: Timestamp, zone: Tz) -> String {
    match (lang, days_ahead(at, now, zone)) {
        (_, -1..) => String::new(),
        (Lang::Fr, -6..) => format!(" de {}", weekday(lang, at, zone)),
        (Lang::Fr, _) => format!(" du {}", date(lang, at, now, zone)),
        (Lang::En, -6..) => format!(" from {}", weekday(lang, at, zone)),
        (Lang::En, _) => format!(" of {}", date(lang, at, now, zone)),
    }
}

/// The day on which something was done, after its verb and with a space before it: ` mardi`, ` le 12 mars`; as for
/// [`of_day`], nothing for today and yesterday.
pub fn on_day(lang: Lang, at: Timestamp, now: Timestamp, zone: Tz) -> String {
    match (lang, days_ahead(at, now, zone)) {
        (_, -1..) => String::new(),
        (Lang::Fr, -6..) => format!(" {}", weekday(lang, at, zone)),
        (Lang::Fr, _) => format!(" le {}", date(lang, at, now, zone)),
        (Lang::En, -6..) => format!(" on {}", weekday(lang, at, zone)),
        (Lang::En, _) => format!(" on {}", date(lang, at, now, zone)),
    }
}

/// The names of the two working days after `now`'s.
pub fn next_working_days(lang: Lang, now: Timestamp, zone: Tz) -> [String; 2] {
    let is_work = |at: &Timestamp| local(*at, zone).weekday().num_days_from_monday() < 5;
    let mut days = (1..=4).map(|days| Timestamp(now.0.saturating_add(days * DAY))).filter(is_work);
    [(); 2].map(|()| days.next().map(|at| weekday(lang, at, zone).to_owned()).unwrap_or_default())
}

fn weekday(lang: Lang, at: Timestamp, zone: Tz) -> &'static str {
    let number = local(at, zone).weekday().num_days_from_monday() as usize;
    match lang {
        Lang::Fr => DAYS_FR[number],
        Lang::En => DAYS_EN[number],
    }
}

/// When something is to take place: `aujourd'hui à 15h30`, `demain à 9h`, `lundi à 9h`, `le 12 mars à 9h`.
pub fn to_come(lang: Lang, at: Timestamp, now: Timestamp, zone: Tz) -> String {
    let time = clock(lang, at, zone);
    let weekday = local(at, zone).weekday().num_days_from_monday() as usize;
    match (lang, days_ahead(at, now, zone)) {
        (Lang::Fr, 1) => format!("demain à {time}"),
        (Lang::Fr, 2..=6) => format!("{} à {time}", DAYS_FR[weekday]),
        (Lang::En, 1) => format!("tomorrow at {time}"),
        (Lang::En, 2..=6) => format!("on {} at {time}", DAYS_EN[weekday]),
        (_, 0) => when(lang, at, now, zone),
        (_, _) => on(lang, at, now, zone),
    }
}

/// A day on a button: `Aujourd'hui`, `Demain`, `Lundi 9/03`.
pub fn day(lang: Lang, at: Timestamp, now: Timestamp, zone: Tz) -> String {
    let day = local(at, zone);
    let weekday = day.weekday().num_days_from_monday() as usize;
    match (lang, days_ahead(at, now, zone)) {
        (Lang::Fr, 0) => "Aujourd'hui".to_owned(),
        (Lang::Fr, 1) => "Demain".to_owned(),
        (Lang::Fr, _) => format!("{} {}/{:02}", capital(DAYS_FR[weekday]), day.day(), day.month()),
        (Lang::En, 0) => "Today".to_owned(),
        (Lang::En, 1) => "Tomorrow".to_owned(),
        (Lang::En, _) => format!("{} {} {}", &DAYS_EN[weekday][..3], day.day(), &MONTHS_EN[day.month0() as usize][..3]),
    }
}

/// A time of a day on a button: `Auj. 16h30`, `Demain 10h`, `Lundi 9h`, and from a week on `Lundi 9/03 9h`.
pub fn slot(lang: Lang, at: Timestamp, now: Timestamp, zone: Tz) -> String {
    let time = clock(lang, at, zone);
    let weekday = local(at, zone).weekday().num_days_from_monday() as usize;
    match (lang, days_ahead(at, now, zone)) {
        (Lang::Fr, 0) => format!("Auj. {time}"),
        (Lang::Fr, 2..=6) => format!("{} {time}", capital(DAYS_FR[weekday])),
        (Lang::En, 2..=6) => format!("{} {time}", DAYS_EN[weekday]),
        (_, _) => format!("{} {time}", day(lang, at, now, zone)),
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Until when: `jusqu'à 15h30`, `jusqu'à demain 9h`, `jusqu'à lundi 9h`, `jusqu'au 12 mars 9h`.
pub fn until(lang: Lang, at: Timestamp, now: Timestamp, zone: Tz) -> String {
    let time = clock(lang, at, zone);
    let weekday = local(at, zone).weekday().num_days_from_monday() as usize;
    match (lang, days_ahead(at, now, zone)) {
        (Lang::Fr, 0) => format!("jusqu'à {time}"),
        (Lang::Fr, 1) => format!("jusqu'à demain {time}"),
        (Lang::Fr, 2..=6) => format!("jusqu'à {} {time}", DAYS_FR[weekday]),
        (Lang::Fr, _) => format!("jusqu'au {} {time}", date(lang, at, now, zone)),
        (Lang::En, 0) => format!("until {time}"),
        (Lang::En, 1) => format!("until tomorrow {time}"),
        (Lang::En, 2..=6) => format!("until {} {time}", DAYS_EN[weekday]),
        (Lang::En, _) => format!("until {} {time}", date(lang, at, now, zone)),
    }
}

/// When something will take place: `aujourd'hui à 15h30`, `demain à 9h`, `lundi à 9h`, `le 12 mars à 9h`.
pub fn ahead(lang: Lang, at: Timestamp, now: Timestamp, zone: Tz) -> String {
    let time = clock(lang, at, zone);
    let weekday = local(at, zone).weekday().number_from_monday();
    match (lang, days_ahead(at, now, zone)) {
        (Lang::Fr, 0) => format!("aujourd'hui à {time}"),
        (Lang::Fr, 1) => format!("demain à {time}"),
        (Lang::Fr, 2..=6) => format!("{} à {time}", day_name(lang, weekday)),
        (Lang::En, 0) => format!("today at {time}"),
        (Lang::En, 1) => format!("tomorrow at {time}"),
        (Lang::En, 2..=6) => format!("on {} at {time}", day_name(lang, weekday)),
        (Lang::Fr | Lang::En, _) => on(lang, at, now, zone),
    }
}

/// A weekday, 1 (Monday) to 7: `lundi`, `Monday`.
pub fn day_name(lang: Lang, number: u32) -> String {
    let days = match lang {
        Lang::Fr => DAYS_FR,
        Lang::En => DAYS_EN,
    };
    days[(number.max(1) as usize - 1) % 7].to_owned()
}

/// A full hour of the day: `9h`, `9:00`.
pub fn hour(lang: Lang, hour: u32) -> String {
    minutes(lang, u16::try_from(60 * hour.min(24)).unwrap_or_default())
}

/// So many minutes after midnight: `9h`, `22h30`; `9:00`, `22:30`.
pub fn minutes(lang: Lang, minutes: u16) -> String {
    match (lang, minutes / 60, minutes % 60) {
        (Lang::Fr, hour, 0) => format!("{hour}h"),
        (Lang::Fr, hour, minute) => format!("{hour}h{minute:02}"),
        (Lang::En, hour, minute) => format!("{hour}:{minute:02}"),
    }
}

/// A span in its largest unit, rounded down: `3 jours`, `5 h`, `12 min`; at least one minute.
pub fn duration(lang: Lang, span: Seconds) -> String {
    let (number, fr, en) = match span {
        span if span >= DAY => (span / DAY, "jour", "day"),
        span if span >= HOUR => (span / HOUR, "h", "hour"),
        span => ((span / MINUTE).max(1), "min", "minute"),
    };
    match lang {
        Lang::Fr => format!("{number} {fr}{}", if fr == "jour" && number > 1 { "s" } else { "" }),
        Lang::En => format!("{number} {en}{}", if number == 1 { "" } else { "s" }),
    }
}

/// So much working time: `45 min`, `5 h 40`, from ten hours on `28 h`; `< 1 min`.
pub fn worked(span: Seconds) -> String {
    match (span / HOUR, span % HOUR / MINUTE) {
        (0, 0) => "< 1\u{a0}min".to_owned(),
        (0, minutes) => format!("{minutes}\u{a0}min"),
        (hours @ 1..10, minutes @ 1..) => format!("{hours}\u{a0}h\u{a0}{minutes:02}"),
        (hours, _) => format!("{hours}\u{a0}h"),
    }
}

/// How long ago: `il y a 12 min`, `hier`, `il y a 3 jours`; `à l'instant` within the first minute.
pub fn ago(lang: Lang, at: Timestamp, now: Timestamp, zone: Tz) -> String {
    match (lang, now.since(at), lately(at, now, zone)) {
        (Lang::Fr, ..MINUTE, _) => "à l'instant".to_owned(),
        (Lang::En, ..MINUTE, _) => "just now".to_owned(),
        (Lang::Fr, _, Some(1)) => "hier".to_owned(),
        (Lang::Fr, _, Some(_)) => "avant-hier".to_owned(),
        (Lang::En, _, Some(1)) => "yesterday".to_owned(),
        (Lang::En, _, Some(days)) => format!("{days} days ago"),
        (Lang::Fr, span, None) => format!("il y a {}", duration(lang, span)),
        (Lang::En, span, None) => format!("{} ago", duration(lang, span)),
    }
}

/// For how long something has been so: `depuis 5 h`, `depuis hier`, `depuis 3 jours`.
pub fn since(lang: Lang, at: Timestamp, now: Timestamp, zone: Tz) -> String {
    match (lang, lately(at, now, zone)) {
        (Lang::Fr, Some(1)) => "depuis hier".to_owned(),
        (Lang::Fr, Some(_)) => "depuis avant-hier".to_owned(),
        (Lang::En, Some(1)) => "since yesterday".to_owned(),
        (Lang::En, Some(days)) => format!("for {days} days"),
        (Lang::Fr, None) => format!("depuis {}", duration(lang, now.since(at))),
        (Lang::En, None) => format!("for {}", duration(lang, now.since(at))),
    }
}

/// How many calendar days ago something was that is more than one day old and less than two: 1 or 2.
fn lately(at: Timestamp, now: Timestamp, zone: Tz) -> Option<i64> {
    let days = -days_ahead(at, now, zone);
    ((DAY..2 * DAY).contains(&now.since(at)) && (1..=2).contains(&days)).then_some(days)
}

/// French "of": `de Sophie`, `d'Amélie`, `d'Hélène`, `d'Yves` but `de Yann`.
pub fn de(name: &str) -> String {
    let mut letters = name.trim_start_matches('\u{2068}').chars().flat_map(char::to_lowercase);
    let is_vowel = |c: char| "aàâäeéèêëiîïoôöuùûüœæ".contains(c);
    let elided = match letters.next() {
        Some('h') => true,
        Some('y') => letters.next().is_some_and(|second| second.is_alphabetic() && !is_vowel(second)),
        Some(first) => is_vowel(first),
        None => false,
    };
    if elided { format!("d'{name}") } else { format!("de {name}") }
}

/// Makes the spaces of French punctuation non-breaking in a template's own words; what stands in `{…}` tags is
/// left alone. So nobody has to type such spaces.
pub fn french_spaces(source: &str) -> String {
    let mut out = String::with_capacity(source.len() + 32);
    let mut rest = source;
    while let Some(start) = ["{{", "{%", "{#"].into_iter().filter_map(|open| rest.find(open)).min() {
        let (words, tag) = rest.split_at(start);
        let close = match tag.as_bytes()[1] {
            b'{' => "}}",
            b'%' => "%}",
            _ => "#}",
        };
        let end = tag.find(close).map_or(tag.len(), |at| at + close.len());
        out.push_str(&non_breaking(words));
        out.push_str(&tag[..end]);
        rest = &tag[end..];
    }
    out.push_str(&non_breaking(rest));
    out
}

fn non_breaking(words: &str) -> String {
    let fine = "\u{202F}";
    words
        .replace(" ?", &format!("{fine}?"))
        .replace(" !", &format!("{fine}!"))
        .replace(" ;", &format!("{fine};"))
        .replace(" %", &format!("{fine}%"))
        .replace(" :", "\u{A0}:")
        .replace("« ", "«\u{A0}")
        .replace(" »", "\u{A0}»")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    const PARIS: Tz = chrono_tz::Europe::Paris;

    #[test]
    fn days_are_those_of_the_reader() {
        let now = at("2026-03-12T23:30:00Z");
        assert_eq!(when(Lang::Fr, at("2026-03-12T22:59:00Z"), now, PARIS), "hier à 23h59");
        assert_eq!(when(Lang::Fr, at("2026-03-12T23:05:00Z"), now, PARIS), "aujourd'hui à 0h05");
        assert_eq!(when(Lang::En, at("2026-03-01T09:00:00Z"), now, PARIS), "on 1 March");
        assert_eq!(when(Lang::Fr, at("2025-03-01T09:00:00Z"), now, PARIS), "le 1er mars 2025");
    }

    #[test]
    fn pauses_end_in_words() {
        let now = at("2026-03-05T10:00:00Z");
        for (instant, fr, en) in [
            ("2026-03-05T14:30:00Z", "jusqu'à 15h30", "until 15:30"),
            ("2026-03-06T08:00:00Z", "jusqu'à demain 9h", "until tomorrow 9:00"),
            ("2026-03-09T08:00:00Z", "jusqu'à lundi 9h", "until Monday 9:00"),
            ("2026-03-16T08:00:00Z", "jusqu'au 16 mars 9h", "until 16 March 9:00"),
        ] {
            assert_eq!(until(Lang::Fr, at(instant), now, PARIS), fr);
            assert_eq!(until(Lang::En, at(instant), now, PARIS), en);
        }
    }

    #[test]
    fn times_on_buttons_are_short_and_say_the_day() {
        let now = at("2026-03-05T10:00:00Z");
        for (instant, fr, en, said) in [
            ("2026-03-05T15:30:00Z", "Auj. 16h30", "Today 16:30", "aujourd'hui à 16h30"),
            ("2026-03-06T09:00:00Z", "Demain 10h", "Tomorrow 10:00", "demain à 10h"),
            ("2026-03-11T08:00:00Z", "Mercredi 9h", "Wednesday 9:00", "mercredi à 9h"),
            ("2026-09-30T07:30:00Z", "Mercredi 30/09 9h30", "Wed 30 Sep 9:30", "le 30 septembre à 9h30"),
        ] {
            assert_eq!(slot(Lang::Fr, at(instant), now, PARIS), fr);
            assert_eq!(slot(Lang::En, at(instant), now, PARIS), en);
            assert_eq!(to_come(Lang::Fr, at(instant), now, PARIS), said);
            assert!(fr.chars().count() <= 20 && en.chars().count() <= 20);
        }
        assert_eq!(day(Lang::Fr, at("2026-03-09T08:00:00Z"), now, PARIS), "Lundi 9/03");
        assert_eq!(day(Lang::En, at("2026-03-09T08:00:00Z"), now, PARIS), "Mon 9 Mar");
    }

    #[test]
    fn spans_are_rounded_down() {
        assert_eq!(duration(Lang::Fr, 32 * DAY + HOUR), "32 jours");
        assert_eq!(duration(Lang::Fr, DAY), "1 jour");
        assert_eq!(duration(Lang::En, 2 * HOUR - 1), "1 hour");
        let now = at("2026-03-05T10:00:00Z");
        assert_eq!(ago(Lang::Fr, now.plus(-12 * MINUTE), now, PARIS), "il y a 12 min");
        assert_eq!(ago(Lang::En, now.plus(5), now, PARIS), "just now");
    }

    #[test]
    fn a_day_ago_is_yesterday_or_the_day_before() {
        let now = at("2026-03-05T10:00:00Z");
        for (hours, fr_ago, fr_since, en_since) in [
            (23, "il y a 23 h", "depuis 23 h", "for 23 hours"),
            (24, "hier", "depuis hier", "since yesterday"),
            (34, "hier", "depuis hier", "since yesterday"),
            (36, "avant-hier", "depuis avant-hier", "for 2 days"),
            (48, "il y a 2 jours", "depuis 2 jours", "for 2 days"),
        ] {
            let then = now.plus(-hours * HOUR);
            assert_eq!(ago(Lang::Fr, then, now, PARIS), fr_ago, "{hours}");
            assert_eq!(since(Lang::Fr, then, now, PARIS), fr_since, "{hours}");
            assert_eq!(since(Lang::En, then, now, PARIS), en_since, "{hours}");
        }
    }

    #[test]
    fn de_is_elided_before_vowels() {
        for (name, expected) in [
            ("Sophie", "de Sophie"),
            ("Amélie", "d'Amélie"),
            ("Élodie", "d'Élodie"),
            ("Hélène", "d'Hélène"),
            ("Yves", "d'Yves"),
            ("Yann", "de Yann"),
            ("", "de "),
        ] {
            assert_eq!(de(name), expected);
        }
    }

    #[test]
    fn french_punctuation_does_not_stand_alone() {
        assert_eq!(french_spaces("Ça va ? {{ a }} %"), "Ça va\u{202F}? {{ a }}\u{202F}%");
        assert_eq!(french_spaces("{% if a %}« b » :{% endif %}"), "{% if a %}«\u{A0}b\u{A0}»\u{A0}:{% endif %}");
        assert_eq!(french_spaces("{{ 'a ?' }} https://x.fr {{ open"), "{{ 'a ?' }} https://x.fr {{ open");
    }

    #[test]
    fn instants_at_the_ends_of_time_have_words_too() {
        for end in [i64::MIN, i64::MAX] {
            assert!(!when(Lang::Fr, Timestamp(end), Timestamp(0), PARIS).is_empty());
        }
    }
}
