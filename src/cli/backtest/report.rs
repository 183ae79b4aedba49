//! What a backtest prints: one line per event for programs, a table for people.

use std::io::{self, Write};

use crate::domain::calendar::Calendar;
use crate::domain::time::format_duration;
use crate::domain::{AlertType, Anchor, CloseReason, Timestamp};
use crate::rules::Settings;

use super::counts::{Counts, Range, Tally, days_in_words};
use super::input::Recording;

/// An opening, or a closing with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) at: Timestamp,
    /// The lead's place in the recording, which follows its id's bytes.
    pub(super) lead: u32,
    pub(super) alert_type: AlertType,
    pub(super) anchor: Anchor,
    /// Why it closed; `None` when it opened.
    pub(super) closed: Option<CloseReason>,
}

impl Entry {
    /// What the output is ordered by: instant, lead, closed before opened, type by its bytes.
    pub(super) fn order(&self) -> impl Ord + use<> {
        (self.at, self.lead, self.closed.is_none(), self.alert_type.as_str(), self.anchor)
    }
}

/// One JSON object per line, keys in this order, no spaces.
pub(super) fn write_lines(out: &mut impl Write, recording: &Recording, entries: &[Entry]) -> io::Result<()> {
    let mut lines = Vec::new();
    let mut ids = Vec::new();
    for entries in entries.chunks(200) {
        // They lie all over memory: looked up together, they are waited for together.
        ids.extend(entries.iter().map(|entry| recording.lead_id(entry.lead)));
        for (entry, id) in entries.iter().zip(ids.drain(..)) {
            push_line(&mut lines, id, entry)?;
        }
        out.write_all(&lines)?;
        lines.clear();
    }
    Ok(())
}

fn push_line(line: &mut Vec<u8>, lead_id: &str, entry: &Entry) -> io::Result<()> {
    line.extend_from_slice(br#"{"at":""#);
    push_instant(line, entry.at)?;
    let event: &[u8] = if entry.closed.is_some() { br#"","event":"closed""# } else { br#"","event":"opened""# };
    line.extend_from_slice(event);
    line.extend_from_slice(br#","lead_id":"#);
    push_text(line, lead_id)?;
    let (name, severity) = (entry.alert_type.as_str(), entry.alert_type.severity().as_str());
    for part in [r#","type":""#, name, r#"","severity":""#, severity, r#"","anchor":""#] {
        line.extend_from_slice(part.as_bytes());
    }
    match entry.anchor {
        Anchor::At(at) => push_instant(line, at)?,
        Anchor::Channel(channel) => line.extend_from_slice(channel.as_str().as_bytes()),
    }
    if let Some(reason) = entry.closed {
        line.extend_from_slice(br#"","reason":""#);
        line.extend_from_slice(reason.as_str().as_bytes());
    }
    line.extend_from_slice(b"\"}\n");
    Ok(())
}

/// `write!` takes several times as long, and there are millions.
fn push_instant(line: &mut Vec<u8>, at: Timestamp) -> io::Result<()> {
    match at.to_plain() {
        Some(text) => line.extend_from_slice(&text),
        None => write!(line, "{at}")?,
    }
    Ok(())
}

fn push_text(line: &mut Vec<u8>, text: &str) -> io::Result<()> {
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        line.push(b'"');
        line.extend_from_slice(text.as_bytes());
        line.push(b'"');
        return Ok(());
    }
    serde_json::to_writer(line, text).map_err(io::Error::from)
}

/// A table for people: per type, per owner, per day.
pub(super) fn write_summary(
    out: &mut impl Write,
    recording: &Recording,
    entries: &[Entry],
    settings: &Settings,
    calendar: &Calendar,
    range: Range,
) -> io::Result<()> {
    let counts = Counts::of(recording, entries, settings, calendar, range);
    writeln!(out, "Backtest from {} to {}", range.from, range.to)?;
    write_size(out, recording)?;
    write_types(out, &counts, settings)?;
    write_owners(out, &counts)?;
    write_days(out, &counts, range)
}

/// How much was read.
pub(super) fn write_size(out: &mut impl Write, recording: &Recording) -> io::Result<()> {
    writeln!(
        out,
        "{} leads, {} activities, {} of them of unknown leads (ignored)",
        recording.leads.len(),
        recording.activities,
        recording.of_unknown_leads
    )
}

fn write_types(out: &mut impl Write, counts: &Counts<'_>, settings: &Settings) -> io::Result<()> {
    let header = ["Type", "Opened", "Closed", "Open", "Target", "In time"];
    let [name, opened, closed, open, target, share] = header;
    writeln!(out, "\n{name:<18}{opened:>9}{closed:>9}{open:>9}{target:>9}{share:>10}")?;
    let mut row = |name: &str, tally: Tally, target: &str| {
        let Tally { opened, closed, .. } = tally;
        let (open, share) = (opened - closed, tally.share_in_time());
        writeln!(out, "{name:<18}{opened:>9}{closed:>9}{open:>9}{target:>9}{share:>10}")
    };
    for alert_type in AlertType::ALL {
        let target = settings.target(alert_type).map_or("-".to_owned(), format_duration);
        row(alert_type.as_str(), counts.of_type(alert_type), &target)?;
    }
    row("Total", counts.total(), "")?;
    writeln!(out, "{IN_TIME}")?;
    write_superseded(out, "", counts)
}

/// Superseded is closed, but nobody did anything: whoever reads the share has to know.
pub(super) fn write_superseded(out: &mut impl Write, prefix: &str, counts: &Counts<'_>) -> io::Result<()> {
    let of_type = |of: AlertType| (of.as_str(), counts.of_type(of).superseded_in_time);
    let parts = AlertType::ALL.map(of_type).into_iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{n} {name}"));
    match parts.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => Ok(()),
        parts => writeln!(out, "{prefix}Among those in time, superseded by a more telling alert: {parts}."),
    }
}

/// What the column of that name means.
pub(super) const IN_TIME: &str = "In time: closed within the target time, which runs in working hours.";

fn write_owners(out: &mut impl Write, counts: &Counts<'_>) -> io::Result<()> {
    let mut owners: Vec<(Option<&str>, Tally)> = counts.by_owner.iter().map(|(owner, n)| (*owner, *n)).collect();
    owners.sort_by_key(|(owner, tally)| (std::cmp::Reverse(tally.opened), owner.is_none(), *owner));
    let width = owners_width(owners.iter().map(|(owner, _)| *owner));
    writeln!(out, "\n{:<width$}{:>9}{:>10}", "Owner", "Opened", "In time")?;
    for (owner, tally) in owners {
        writeln!(out, "{:<width$}{:>9}{:>10}", owner_shown(owner), tally.opened, tally.share_in_time())?;
    }
    Ok(())
}

/// How wide the column of owners has to be.
pub(super) fn owners_width<'a>(owners: impl Iterator<Item = Option<&'a str>>) -> usize {
    owners.map(|owner| owner_shown(owner).chars().count()).max().unwrap_or(0).max(18)
}

pub(super) fn owner_shown(owner: Option<&str>) -> String {
    owner.map_or("(no owner)".to_owned(), shown)
}

/// A text from outside on a terminal: on one line, without control characters, and not longer than a column can
/// be. Quotes need no escaping there.
pub(super) fn shown(text: &str) -> String {
    let start: String = text.chars().take(SHOWN_CHARS + 1).collect();
    let escaped = start.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"");
    if escaped.chars().count() <= SHOWN_CHARS {
        return escaped;
    }
    escaped.chars().take(SHOWN_CHARS - 1).chain(['…']).collect()
}

/// Room for a UUID.
const SHOWN_CHARS: usize = 40;

fn write_days(out: &mut impl Write, counts: &Counts<'_>, range: Range) -> io::Result<()> {
    writeln!(out, "\n{:<18}{:>9}", "Day (UTC)", "Opened")?;
    for row in range.day_rows(counts.by_day.keys().copied()) {
        writeln!(out, "{:<18}{:>9}", row.to_string(), counts.on(row))?;
    }
    let start = counts.at_start;
    writeln!(out, "\nHeld already at the beginning, and opened then: {start}")?;
    let days = days_in_words(range.days());
    writeln!(out, "Average without those: {:.1} a day over {days}", counts.daily_average(range))?;
    match (counts.busiest(), counts.busiest_without_start(range)) {
        (None, _) => writeln!(out, "Busiest day: none, nothing opened"),
        (Some(busiest), _) if start == 0 => writeln!(out, "Busiest day: {busiest}"),
        (Some(busiest), None) => writeln!(out, "Busiest day: {busiest}; without those none"),
        (Some(busiest), Some(other)) => writeln!(out, "Busiest day: {busiest}; without those {other}"),
    }
}
