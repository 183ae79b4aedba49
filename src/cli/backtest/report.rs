//! What a backtest prints: one line per event for programs, a table for people.

use std::io::{self, Write};

use crate::domain::time::{DAY, HOUR, format_duration};
use crate::domain::{AlertType, Anchor, CloseReason, Timestamp};
use crate::rules::Settings;

use super::counts::{Counts, Range, Tally, days_in_words};
use super::hours::WorkingHours;
use super::ids::{Cell, Cells};
use super::input::Recording;
use super::timeline::{Entry, Timeline};

/// One JSON object per line, keys in this order, no spaces.
pub(super) fn write_lines(out: &mut impl Write, recording: &Recording, entries: &Timeline) -> io::Result<()> {
    let writer = LineWriter::new(recording)?;
    let (mut days, mut ids, mut lines) = (Days::default(), Vec::new(), Vec::new());
    for entries in entries.portions(200) {
        // They lie all over memory: looked up together, they are waited for together.
        ids.extend(entries.iter().map(|entry| *writer.lead_ids.cell(entry.lead)));
        for (entry, id) in entries.iter().zip(ids.drain(..)) {
            writer.push(&mut lines, &mut days, entry, &id)?;
        }
        if lines.len() >= PORTION_BYTES {
            out.write_all(&lines)?;
            lines.clear();
        }
    }
    out.write_all(&lines)
}

/// Written at once: fits in the cache, and is not copied once more on its way.
const PORTION_BYTES: usize = 1 << 16;

/// All that lines have in common, spelled out once: there are millions.
struct LineWriter {
    /// As JSON, by place.
    lead_ids: Cells,
    /// From the lead's id to the anchor, by type.
    middles: [Piece<64>; 7],
    /// From the anchor on; by reason, after that of an opening.
    ends: [Piece<32>; 6],
}

impl LineWriter {
    fn new(recording: &Recording) -> io::Result<Self> {
        let mut lead_ids = Cells::default();
        for lead in (0u32..).take(recording.leads.len()) {
            lead_ids.push(&serde_json::to_string(recording.lead_id(lead))?);
        }
        let middles = AlertType::ALL.map(|alert_type| {
            let (name, severity) = (alert_type.as_str(), alert_type.severity().as_str());
            Piece::of(&format!(r#","type":"{name}","severity":"{severity}","anchor":""#))
        });
        let mut ends = [Piece::of("\"}\n"); 6];
        for reason in CloseReason::ALL {
            ends[1 + reason as usize] = Piece::of(&format!("\",\"reason\":\"{}\"}}\n", reason.as_str()));
        }
        Ok(Self { lead_ids, middles, ends })
    }

    /// `id` is the cell of the lead's id.
    fn push(&self, line: &mut Vec<u8>, days: &mut Days, entry: &Entry, id: &Cell) -> io::Result<()> {
        line.extend_from_slice(br#"{"at":""#);
        days.push(line, entry.at)?;
        match entry.closed {
            Some(_) => line.extend_from_slice(br#"","event":"closed","lead_id":"#),
            None => line.extend_from_slice(br#"","event":"opened","lead_id":"#),
        }
        match Cells::short(id) {
            Some((text, length)) => push_start(line, text, length),
            None => line.extend_from_slice(self.lead_ids.get(entry.lead).as_bytes()),
        }
        self.middles[entry.alert_type as usize].push(line);
        match entry.anchor {
            Anchor::At(at) => days.push(line, at)?,
            Anchor::Channel(channel) => line.extend_from_slice(channel.as_str().as_bytes()),
        }
        self.ends[entry.closed.map_or(0, |reason| 1 + reason as usize)].push(line);
        Ok(())
    }
}

/// A short text with room after it.
#[derive(Clone, Copy)]
struct Piece<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Piece<N> {
    fn of(text: &str) -> Self {
        let mut bytes = [0; N];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Self { bytes, length: text.len() }
    }

    fn push(&self, line: &mut Vec<u8>) {
        push_start(line, &self.bytes, self.length);
    }
}

/// To copy a fixed number of bytes and take some back is faster than to copy just so many.
fn push_start<const N: usize>(line: &mut Vec<u8>, bytes: &[u8; N], length: usize) {
    let end = line.len() + length;
    line.extend_from_slice(bytes);
    line.truncate(end);
}

/// Days as they are written: only few are.
struct Days {
    /// Each with its midnight, at a place that follows from its number.
    known: Vec<(i64, [u8; 20])>,
}

impl Default for Days {
    fn default() -> Self {
        Self { known: vec![(i64::MIN, [0; 20]); Self::ROOM] }
    }
}

impl Days {
    const ROOM: usize = 1 << 10;

    fn push(&mut self, line: &mut Vec<u8>, at: Timestamp) -> io::Result<()> {
        match self.text(at) {
            Some(text) => line.extend_from_slice(&text),
            None => write!(line, "{at}")?,
        }
        Ok(())
    }

    /// See [`Timestamp::to_plain`].
    fn text(&mut self, at: Timestamp) -> Option<[u8; 20]> {
        let (day, second) = (at.0.div_euclid(DAY), at.0.rem_euclid(DAY) as u32);
        let known = &mut self.known[day.rem_euclid(Self::ROOM as i64) as usize];
        if known.0 != day {
            *known = (day, Timestamp(day.checked_mul(DAY)?).to_plain()?);
        }
        let mut text = known.1;
        let (hour, minute, second) = (second / HOUR as u32, second / 60 % 60, second % 60);
        for (place, number) in [(11, hour), (14, minute), (17, second)] {
            text[place] += (number / 10) as u8;
            text[place + 1] += (number % 10) as u8;
        }
        Some(text)
    }
}

/// A table for people: per type, per owner, per day.
pub(super) fn write_summary(
    out: &mut impl Write,
    recording: &Recording,
    entries: &Timeline,
    settings: &Settings,
    hours: &WorkingHours,
    range: Range,
) -> io::Result<()> {
    let counts = Counts::of(recording, entries.iter(), settings, hours, range);
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
pub(super) const IN_TIME: &str = "In time: closed within the target time, which runs in the owner's working hours, by [people] and [working_hours].\n\
    (EspoCRM's working-time calendars, which the daemon goes by as well, are not known here.)";

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_as_everywhere() {
        let mut days = Days::default();
        let far = [i64::MIN, i64::MAX, -62_167_219_201, -62_167_219_200, 253_402_300_799, 253_402_300_800];
        for second in far.into_iter().chain((-400_000_000..4_000_000_000).step_by(7_654_321)) {
            let mut line = Vec::new();
            days.push(&mut line, Timestamp(second)).unwrap();
            assert_eq!(String::from_utf8(line).unwrap(), Timestamp(second).to_string());
        }
    }
}
