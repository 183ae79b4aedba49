//! Two configurations side by side, for whoever wonders what last quarter would have looked like under another:
//! in what they differ, how much each says, and what each catches that the other misses.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

use crate::domain::{AlertType, Anchor, DAY, HOUR, MINUTE, Seconds, Timestamp};
use crate::rules::Settings;

use super::catches::{Catches, Elsewhere, Missed, Shifts, catches};
use super::counts::{Busiest, Counts, Range, Tally, days_in_words};
use super::differences::{Difference, differences};
use super::hours::WorkingHours;
use super::input::Recording;
use super::report::{IN_TIME, owner_shown, owners_width, shown, write_size, write_superseded};
use super::timeline::Entry;

/// One of the two configurations, and what the rules said under it.
#[derive(Debug)]
pub(super) struct Side<'a> {
    pub(super) path: &'a Path,
    pub(super) settings: Settings,
    pub(super) hours: WorkingHours,
    /// In the order of the output.
    pub(super) entries: Vec<Entry>,
}

/// How the two are called.
const NAMES: [&str; 2] = ["A", "B"];

/// How many missed episodes are shown of either.
const EXAMPLES: usize = 10;

/// The comparison of `sides`, whose entries are about the leads of `recording`.
pub(super) fn write_comparison(
    out: &mut impl Write,
    recording: &Recording,
    sides: [Side<'_>; 2],
    range: Range,
) -> io::Result<()> {
    let counts = [&sides[0], &sides[1]]
        .map(|side| Counts::of(recording, side.entries.iter(), &side.settings, &side.hours, range));
    writeln!(out, "Comparison from {} to {}", range.from, range.to)?;
    for (name, side) in NAMES.iter().zip(&sides) {
        // A path is as long as it is: it is there to be found again.
        writeln!(out, "{name}: {}", side.path.display().to_string().escape_debug())?;
    }
    write_size(out, recording)?;
    write_differences(out, &sides)?;
    write_types(out, &counts)?;
    write_owners(out, &counts)?;
    write_days(out, &counts, range)?;
    let settings = sides.each_ref().map(|side| side.settings.clone());
    let catches = catches_of(sides);
    write_both(out, &catches)?;
    write_missed(out, recording, &catches, &settings, range)
}

fn catches_of([a, b]: [Side<'_>; 2]) -> Catches {
    catches(a.entries, b.entries)
}

fn write_differences(out: &mut impl Write, [a, b]: &[Side<'_>; 2]) -> io::Result<()> {
    let differences = differences((&a.settings, &a.hours), (&b.settings, &b.hours));
    if differences.is_empty() {
        return writeln!(out, "\nNo setting differs that a backtest looks at.");
    }
    writeln!(out, "\nSettings that differ: A -> B")?;
    let width = differences.iter().map(|difference| difference.key.len()).max().unwrap_or(0);
    for Difference { key, values: [a, b] } in &differences {
        let gap = if a.len() + b.len() > 60 { format!("\n{:width$} ", "") } else { String::new() };
        writeln!(out, "{key:<width$}  {a}{gap} -> {b}")?;
    }
    if differences.iter().any(|difference| difference.key.starts_with("rules.repeat_after.")) {
        writeln!(out, "Nobody closes alerts by hand in a backtest: repeat_after changes nothing in it.")?;
    }
    Ok(())
}

fn difference([a, b]: [u64; 2]) -> String {
    match i128::from(b) - i128::from(a) {
        0 => "0".to_owned(),
        difference => format!("{difference:+}"),
    }
}

fn write_types(out: &mut impl Write, counts: &[Counts<'_>; 2]) -> io::Result<()> {
    let [name, a, b, change, a_in_time, b_in_time] = ["Opened", "A", "B", "B - A", "A in time", "B in time"];
    writeln!(out, "\n{name:<18}{a:>9}{b:>9}{change:>9}{a_in_time:>12}{b_in_time:>12}")?;
    let mut row = |name: &str, [a, b]: [Tally; 2]| {
        let change = difference([a.opened, b.opened]);
        let shares = [a, b].map(|tally| tally.share_in_time());
        writeln!(out, "{name:<18}{:>9}{:>9}{change:>9}{:>12}{:>12}", a.opened, b.opened, shares[0], shares[1])
    };
    for alert_type in AlertType::ALL {
        row(alert_type.as_str(), counts.each_ref().map(|counts| counts.of_type(alert_type)))?;
    }
    row("Total", counts.each_ref().map(Counts::total))?;
    writeln!(out, "{IN_TIME}")?;
    for (name, counts) in NAMES.iter().zip(counts) {
        write_superseded(out, &format!("{name}: "), counts)?;
    }
    Ok(())
}

fn write_owners(out: &mut impl Write, counts: &[Counts<'_>; 2]) -> io::Result<()> {
    let owners: BTreeSet<Option<&str>> = counts.iter().flat_map(|counts| counts.by_owner.keys().copied()).collect();
    let opened = |owner| counts.each_ref().map(|counts| counts.of_owner(owner).opened);
    let mut rows: Vec<(Option<&str>, [u64; 2])> = owners.into_iter().map(|owner| (owner, opened(owner))).collect();
    rows.sort_by_key(|(owner, [a, b])| (Reverse(a + b), owner.is_none(), *owner));
    let width = owners_width(rows.iter().map(|(owner, _)| *owner));
    writeln!(out, "\n{:<width$}{:>9}{:>9}{:>9}", "Owner", "A", "B", "B - A")?;
    for (owner, [a, b]) in rows {
        writeln!(out, "{:<width$}{a:>9}{b:>9}{:>9}", owner_shown(owner), difference([a, b]))?;
    }
    Ok(())
}

fn write_days(out: &mut impl Write, counts: &[Counts<'_>; 2], range: Range) -> io::Result<()> {
    writeln!(out, "\n{:<18}{:>9}{:>9}{:>9}", "Day (UTC)", "A", "B", "B - A")?;
    let busy: BTreeSet<_> = counts.iter().flat_map(|counts| counts.by_day.keys().copied()).collect();
    for row in range.day_rows(busy.into_iter()) {
        let [a, b] = counts.each_ref().map(|counts| counts.on(row));
        writeln!(out, "{:<18}{a:>9}{b:>9}{:>9}", row.to_string(), difference([a, b]))?;
    }
    let busiest = |busiest: Option<Busiest>| busiest.map_or("none".to_owned(), |busiest| busiest.to_string());
    let rows = [
        ("Held already at the beginning", counts.each_ref().map(|counts| counts.at_start.to_string())),
        ("A day without those", counts.each_ref().map(|counts| format!("{:.1}", counts.daily_average(range)))),
        ("Busiest day without those", counts.each_ref().map(|counts| busiest(counts.busiest_without_start(range)))),
        ("Busiest day", counts.each_ref().map(|counts| busiest(counts.busiest()))),
    ];
    writeln!(out, "\n{:<30}{:>29}{:>29}", format!("Over {}", days_in_words(range.days())), "A", "B")?;
    for (name, [a, b]) in rows {
        writeln!(out, "{name:<30}{a:>29}{b:>29}")?;
    }
    Ok(())
}

fn write_both(out: &mut impl Write, catches: &Catches) -> io::Result<()> {
    let [name, all, same] = ["Caught by both", "Episodes", "At once"];
    let [earlier, later, median] = ["B earlier", "B later", "median"];
    writeln!(out, "\n{name:<18}{all:>9}{same:>9}{earlier:>11}{median:>10}{later:>11}{median:>10}")?;
    for (alert_type, shifts) in &catches.both {
        let (name, all, Shifts { same, earlier, later }) = (alert_type.as_str(), shifts.episodes(), shifts);
        let medians = [earlier, later].map(|spans| median_of(spans.clone()).map_or("-".to_owned(), about));
        let (earlier, later) = (earlier.len(), later.len());
        writeln!(out, "{name:<18}{all:>9}{same:>9}{earlier:>11}{:>10}{later:>11}{:>10}", medians[0], medians[1])?;
    }
    writeln!(
        out,
        "An episode is a lead, a type and the fact since when. Caught: it opened in the range; a reopening is no other\n\
         episode. At once: B opened it at the same instant as A."
    )
}

/// The lower one of the two in the middle; none of none.
fn median_of(mut spans: Vec<Seconds>) -> Option<Seconds> {
    spans.sort_unstable();
    spans.get(spans.len().saturating_sub(1) / 2).copied()
}

/// A span in its two largest units, rounded down.
fn about(seconds: Seconds) -> String {
    let units = [(DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (1, "s")];
    let place = units.iter().position(|(unit, _)| seconds >= *unit).unwrap_or(units.len() - 1);
    let (unit, name) = units[place];
    let rest = units.get(place + 1).map(|(small, name)| (seconds % unit / small, name)).filter(|(n, _)| *n > 0);
    let rest = rest.map_or(String::new(), |(n, name)| format!(" {n}{name}"));
    format!("{}{name}{rest}", seconds / unit)
}

fn write_missed(
    out: &mut impl Write,
    recording: &Recording,
    catches: &Catches,
    settings: &[Settings; 2],
    range: Range,
) -> io::Result<()> {
    for (place, missed) in catches.only.iter().enumerate() {
        let (own, other) = (NAMES[place], NAMES[1 - place]);
        if missed.is_empty() {
            writeln!(out, "\nNothing that {own} catches is missed by {other}.")?;
            continue;
        }
        writeln!(out, "\nWhat {own} catches and {other} misses")?;
        write_missed_types(out, missed)?;
        write_examples(out, recording, missed, [own, other], &settings[place], range)?;
    }
    if catches.only.iter().any(|missed| !missed.is_empty()) {
        writeln!(
            out,
            "\nUnder the configuration that misses it, until it was over, or what superseded it was, the lead had: nothing;\n\
             so far nothing, and it lasts beyond the range; another alert, but later; or otherwise an alert open already.\n\
             (For a PreferredChannel only a PreferredChannel counts, and for the others all but that.)"
        )?;
    }
    let [both, a, b] = [catches.leads.both, catches.leads.only[0], catches.leads.only[1]];
    writeln!(out, "\nLeads with any alert: {both} under both, {a} under A only, {b} under B only")
}

fn write_missed_types(out: &mut impl Write, missed: &[Missed]) -> io::Result<()> {
    let [name, all, nothing, so_far] = ["Type", "Episodes", "Nothing", "So far"];
    let [later, median, another] = ["Later", "median", "Otherwise"];
    writeln!(out, "{name:<18}{all:>9}{nothing:>9}{so_far:>9}{later:>9}{median:>10}{another:>11}")?;
    for alert_type in AlertType::ALL {
        let of_type: Vec<Elsewhere> =
            missed.iter().filter(|missed| missed.alert_type == alert_type).map(|missed| missed.elsewhere).collect();
        if of_type.is_empty() {
            continue;
        }
        let (mut nothing, mut so_far, mut another, mut late) = (0u64, 0u64, 0u64, Vec::new());
        for elsewhere in &of_type {
            match elsewhere {
                Elsewhere::Nothing => nothing += 1,
                Elsewhere::NothingSoFar => so_far += 1,
                Elsewhere::Another(_) => another += 1,
                Elsewhere::Later { by, .. } => late.push(*by),
            }
        }
        let (name, all, later) = (alert_type.as_str(), of_type.len(), late.len());
        let median = median_of(late).map_or("-".to_owned(), about);
        writeln!(out, "{name:<18}{all:>9}{nothing:>9}{so_far:>9}{later:>9}{median:>10}{another:>11}")?;
    }
    Ok(())
}

/// The most telling ones: of which the rep was told least; among those the most pressing, by the `settings` under which
/// they opened; the longest.
fn write_examples(
    out: &mut impl Write,
    recording: &Recording,
    missed: &[Missed],
    [own, other]: [&str; 2],
    settings: &Settings,
    range: Range,
) -> io::Result<()> {
    let lasted = |missed: &Missed| missed.closed.map_or(range.to, |(at, _)| at).since(missed.opened_at);
    let mut missed: Vec<&Missed> = missed.iter().collect();
    missed.sort_by_key(|missed| {
        let Missed { lead, alert_type, anchor, opened_at, elsewhere, .. } = **missed;
        (
            elsewhere.rank(),
            settings.place_of(alert_type.severity()),
            Reverse(lasted(missed)),
            opened_at,
            lead,
            alert_type,
            anchor,
        )
    });
    let examples: Vec<[String; 6]> = missed
        .iter()
        .take(EXAMPLES)
        .map(|missed| {
            let end = match missed.closed {
                Some((_, reason)) => format!("{} after {}", reason.as_str(), about(lasted(missed))),
                None => "still open".to_owned(),
            };
            let since = match missed.anchor {
                Anchor::At(at) => minute(at),
                Anchor::Channel(channel) => channel.as_str().to_owned(),
            };
            let name = missed.alert_type.as_str().to_owned();
            let lead = shown(recording.lead_id(missed.lead));
            [lead, name, since, minute(missed.opened_at), end, in_words(missed.elsewhere)]
        })
        .collect();
    let header = ["Lead".to_owned(), "Type".to_owned(), "Since (UTC)".to_owned()];
    let header = [header, [format!("Opened by {own}"), "Ended".to_owned(), format!("Under {other}")]].concat();
    write_columns(out, &header, &examples)?;
    match missed.len().saturating_sub(EXAMPLES) {
        0 => Ok(()),
        more => writeln!(out, "… and {more} more"),
    }
}

fn in_words(elsewhere: Elsewhere) -> String {
    match elsewhere {
        Elsewhere::Nothing => "nothing".to_owned(),
        Elsewhere::NothingSoFar => "nothing so far".to_owned(),
        Elsewhere::Later { by, alert_type } => format!("{} {} later", alert_type.as_str(), about(by)),
        Elsewhere::Another(alert_type) => alert_type.as_str().to_owned(),
    }
}

fn minute(at: Timestamp) -> String {
    at.to_utc().format("%Y-%m-%d %H:%M").to_string()
}

/// Columns as wide as they need to be, two blanks between them.
fn write_columns(out: &mut impl Write, header: &[String], rows: &[[String; 6]]) -> io::Result<()> {
    let lines = || std::iter::once(header).chain(rows.iter().map(|row| row.as_slice()));
    let width = |column: usize| lines().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    for line in lines() {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_two_units() {
        let spans = [0, 59, 60, 61, HOUR - 1, HOUR, DAY - 1, DAY, DAY + HOUR - 1, 100 * DAY + 23 * HOUR];
        assert_eq!(
            spans.map(about),
            ["0s", "59s", "1min", "1min 1s", "59min 59s", "1h", "23h 59min", "1d", "1d", "100d 23h"]
        );
    }

    #[test]
    fn the_median_is_one_of_the_spans() {
        assert_eq!(median_of(vec![]), None);
        assert_eq!(median_of(vec![7]), Some(7));
        assert_eq!(median_of(vec![9, 1]), Some(1));
        assert_eq!(median_of(vec![9, 1, 5]), Some(5));
    }
}
