//! In which settings two configurations differ, as far as a backtest looks at them.

use std::collections::BTreeSet;

use chrono::{NaiveTime, Weekday};

use crate::domain::calendar::{Calendar, Hours, Personal};
use crate::domain::holidays::Country;
use crate::domain::time::format_duration;
use crate::domain::{AlertType, Seconds, UserId};
use crate::rules::Settings;

use super::hours::WorkingHours;

/// A key of the configuration with its value under either, both as the configuration writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) key: String,
    pub(super) values: [String; 2],
}

/// What differs, in the order of the example configuration. A value that says the default in other words, or the
/// same list in another order, is no difference.
pub(super) fn differences(a: (&Settings, &WorkingHours), b: (&Settings, &WorkingHours)) -> Vec<Difference> {
    let users: BTreeSet<&UserId> = a.1.people.keys().chain(b.1.people.keys()).collect();
    let people = |hours: &WorkingHours| -> Vec<_> {
        users.iter().flat_map(|user| person(user, hours.people.get(*user).unwrap_or(&Personal::default()))).collect()
    };
    let values = |(settings, hours): (_, &WorkingHours)| {
        [working_hours(&hours.everybody), people(hours), rules(settings), per_type(settings)].concat()
    };
    let pairs = values(a).into_iter().zip(values(b));
    pairs.filter(|((_, a), (_, b))| a != b).map(|((key, a), (_, b))| Difference { key, values: [a, b] }).collect()
}

fn working_hours(calendar: &Calendar) -> Vec<(String, String)> {
    let (from, to) = calendar.hours();
    let days = calendar.days();
    let of_day = |(day, hours): (Weekday, &[Hours])| {
        let hours: Vec<String> =
            hours.iter().map(|(from, to)| format!("{}-{}", from.format("%H:%M"), to.format("%H:%M"))).collect();
        format!("{}: {}", day.to_string().to_lowercase(), hours.join(" "))
    };
    let values = [
        ("time_zone", format!("{:?}", calendar.zone().name())),
        ("days", list(days.iter().map(|day| day.to_string().to_lowercase()))),
        ("from", format!("\"{}\"", from.format("%H:%M"))),
        ("to", format!("\"{}\"", to.format("%H:%M"))),
        ("weekdays", list(calendar.other_hours().into_iter().map(of_day))),
        ("country", format!("\"{}\"", calendar.country().map_or("", Country::code))),
        ("holidays", list(calendar.holidays().map(|date| date.to_string()))),
    ];
    values.map(|(key, value)| (format!("working_hours.{key}"), value)).to_vec()
}

fn person(user: &UserId, personal: &Personal) -> Vec<(String, String)> {
    let Personal { zone, days, from, to, away } = personal;
    let as_all = |value: Option<String>| value.unwrap_or("(as everybody)".to_owned());
    let time = |time: &NaiveTime| format!("\"{}\"", time.format("%H:%M"));
    let days = days.as_ref().map(|days| {
        let numbers: BTreeSet<u8> = days.iter().map(|day| day.num_days_from_monday() as u8).collect();
        let days = numbers.into_iter().filter_map(|number| Weekday::try_from(number).ok());
        list(days.map(|day| day.to_string().to_lowercase()))
    });
    let mut away: Vec<String> = away.iter().map(|(first, last)| format!("{first}..{last}")).collect();
    away.sort();
    let values = [
        ("time_zone", as_all(zone.map(|zone| format!("{:?}", zone.name())))),
        ("days", as_all(days)),
        ("from", as_all(from.as_ref().map(time))),
        ("to", as_all(to.as_ref().map(time))),
        ("away", list(away.into_iter())),
    ];
    values.map(|(key, value)| (format!("people.{user}.{key}"), value)).to_vec()
}

fn rules(settings: &Settings) -> Vec<(String, String)> {
    // Taken apart in full, so that a new setting cannot be forgotten here.
    let Settings {
        hot,
        awaiting_reply,
        awaiting_reply_max,
        no_contact,
        stale,
        no_followup,
        no_reply,
        next_step_grace,
        preferred_channel: channel,
        inhibition,
        disabled,
        severities,
        target: _,
        repeat_after: _,
        active_statuses,
        // Filled from the CRM, which a backtest does not see.
        not_active_statuses: _,
    } = settings;
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names.dedup();
        list(names.into_iter())
    };
    let values = [
        ("hot", span(*hot)),
        ("awaiting_reply", span(*awaiting_reply)),
        ("awaiting_reply_max", span(*awaiting_reply_max)),
        ("no_contact", span(*no_contact)),
        ("no_reply", span(*no_reply)),
        ("no_followup", span(*no_followup)),
        ("stale", span(*stale)),
        ("next_step_grace", span(*next_step_grace)),
        ("inhibition", inhibition.to_string()),
        ("disabled", sorted(disabled.iter().map(|rule| rule.as_str().to_owned()).collect())),
        ("severities", list(severities.iter().map(|severity| severity.as_str().to_owned()))),
        ("active_statuses", sorted(active_statuses.clone().unwrap_or_default())),
        ("preferred_channel.attempt_gap", span(channel.attempt_gap)),
        ("preferred_channel.window", span(channel.window)),
        ("preferred_channel.answer_within", span(channel.answer_within)),
        ("preferred_channel.counts_after", span(channel.counts_after)),
        ("preferred_channel.margin_percent", channel.margin_percent.to_string()),
        ("preferred_channel.min_attempts", channel.min_attempts.to_string()),
    ];
    values.map(|(key, value)| (format!("rules.{key}"), value)).to_vec()
}

fn per_type(settings: &Settings) -> Vec<(String, String)> {
    let or_never = |seconds: Option<Seconds>| seconds.map_or("\"never\"".to_owned(), span);
    let targets = AlertType::ALL.map(|of| (format!("rules.target.{}", of.as_str()), or_never(settings.target(of))));
    let repeats =
        AlertType::ALL.map(|of| (format!("rules.repeat_after.{}", of.as_str()), or_never(settings.repeat_after(of))));
    [targets, repeats].concat()
}

fn span(seconds: Seconds) -> String {
    format!("\"{}\"", format_duration(seconds))
}

fn list(names: impl Iterator<Item = String>) -> String {
    format!("[{}]", names.map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", "))
}
