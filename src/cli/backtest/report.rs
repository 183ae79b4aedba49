//! What a backtest prints: one line per event for programs, a table for people.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use chrono::{Datelike, NaiveDate};

use crate::domain::calendar::Calendar;
use crate::domain::time::format_duration;
use crate::domain::{AlertType, Anchor, CloseReason, Timestamp};
use crate::rules::Settings;

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

/// How often something opened, and what became of it.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    opened: u64,
    closed: u64,
    /// Closed within the target time.
    in_time: u64,
    /// Neither closed in time nor still in time at the end.
    late: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.opened += other.opened;
        self.closed += other.closed;
        self.in_time += other.in_time;
        self.late += other.late;
    }

    /// Of those whose time is up one way or the other.
    fn share_in_time(&self) -> String {
        match self.in_time + self.late {
            0 => "-".to_owned(),
            known => format!("{:.1} %", 100.0 * self.in_time as f64 / known as f64),
        }
    }
}

/// Everything a summary counts.
#[derive(Debug, Default)]
struct Counts<'a> {
    by_type: BTreeMap<AlertType, Tally>,
    by_owner: BTreeMap<Option<&'a str>, u64>,
    by_day: BTreeMap<NaiveDate, u64>,
}

impl<'a> Counts<'a> {
    fn of(
        recording: &'a Recording,
        entries: &[Entry],
        settings: &Settings,
        calendar: &Calendar,
        end: Timestamp,
    ) -> Self {
        let mut counts = Self::default();
        let mut open: HashMap<(u32, AlertType, Anchor), Timestamp> = HashMap::new();
        for entry in entries {
            let key = (entry.lead, entry.alert_type, entry.anchor);
            let due_after = |opened_at| {
                settings.target(entry.alert_type).map(|target| calendar.after_working_time(opened_at, target))
            };
            let tally = counts.by_type.entry(entry.alert_type).or_default();
            if entry.closed.is_none() {
                tally.opened += 1;
                *counts.by_owner.entry(recording.owner(entry.lead)).or_default() += 1;
                *counts.by_day.entry(entry.at.to_utc().date_naive()).or_default() += 1;
                open.insert(key, entry.at);
            } else if let Some(opened_at) = open.remove(&key) {
                tally.closed += 1;
                if let Some(due_at) = due_after(opened_at) {
                    tally.in_time += u64::from(entry.at <= due_at);
                    tally.late += u64::from(entry.at > due_at);
                }
            }
        }
        for ((_, alert_type, _), opened_at) in open {
            let due_at = settings.target(alert_type).map(|target| calendar.after_working_time(opened_at, target));
            counts.by_type.entry(alert_type).or_default().late += u64::from(due_at.is_some_and(|due_at| due_at < end));
        }
        counts
    }
}

/// A table for people: per type, per owner, per day.
pub(super) fn write_summary(
    out: &mut impl Write,
    recording: &Recording,
    entries: &[Entry],
    settings: &Settings,
    calendar: &Calendar,
    (from, to): (Timestamp, Timestamp),
) -> io::Result<()> {
    let counts = Counts::of(recording, entries, settings, calendar, to);
    writeln!(out, "Backtest from {from} to {to}")?;
    writeln!(
        out,
        "{} leads, {} activities, {} of them of unknown leads (ignored)",
        recording.leads.len(),
        recording.activities,
        recording.of_unknown_leads
    )?;
    write_types(out, &counts, settings)?;
    write_owners(out, &counts)?;
    write_days(out, &counts)
}

fn write_types(out: &mut impl Write, counts: &Counts<'_>, settings: &Settings) -> io::Result<()> {
    let header = ["Type", "Opened", "Closed", "Open", "Target", "In time"];
    let [name, opened, closed, open, target, share] = header;
    writeln!(out, "\n{name:<18}{opened:>9}{closed:>9}{open:>9}{target:>9}{share:>10}")?;
    let mut total = Tally::default();
    let mut row = |name: &str, tally: &Tally, target: &str| {
        let Tally { opened, closed, .. } = *tally;
        let (open, share) = (opened - closed, tally.share_in_time());
        writeln!(out, "{name:<18}{opened:>9}{closed:>9}{open:>9}{target:>9}{share:>10}")
    };
    for alert_type in AlertType::ALL {
        let tally = counts.by_type.get(&alert_type).copied().unwrap_or_default();
        let target = settings.target(alert_type).map_or("-".to_owned(), format_duration);
        row(alert_type.as_str(), &tally, &target)?;
        total.add(tally);
    }
    row("Total", &total, "")?;
    writeln!(out, "In time: closed within the target time, which runs in working hours.")
}

fn write_owners(out: &mut impl Write, counts: &Counts<'_>) -> io::Result<()> {
    let mut owners: Vec<(Option<&str>, u64)> = counts.by_owner.iter().map(|(owner, n)| (*owner, *n)).collect();
    owners.sort_by_key(|(owner, n)| (std::cmp::Reverse(*n), owner.is_none(), *owner));
    let name = |owner: Option<&str>| owner.map_or("(no owner)".to_owned(), |owner| owner.escape_debug().to_string());
    let width = owners.iter().map(|(owner, _)| name(*owner).chars().count()).max().unwrap_or(0).max(18);
    writeln!(out, "\n{:<width$}{:>9}", "Owner", "Opened")?;
    for (owner, opened) in owners {
        writeln!(out, "{:<width$}{opened:>9}", name(owner))?;
    }
    Ok(())
}

fn write_days(out: &mut impl Write, counts: &Counts<'_>) -> io::Result<()> {
    writeln!(out, "\n{:<18}{:>9}", "Day (UTC)", "Opened")?;
    for (day, opened) in &counts.by_day {
        writeln!(out, "{:<18}{opened:>9}", format!("{day} {}", day.weekday()))?;
    }
    // The first of several equally busy days.
    match counts.by_day.iter().max_by_key(|(day, opened)| (**opened, std::cmp::Reverse(**day))) {
        Some((day, opened)) => writeln!(out, "\nBusiest day: {day} {}, {opened} opened", day.weekday()),
        None => writeln!(out, "\nBusiest day: none, nothing opened"),
    }
}
