//! What the tables for people count: per type, per owner and per day.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use chrono::{Datelike, NaiveDate};

use crate::domain::{AlertType, Anchor, CloseReason, Timestamp};
use crate::rules::Settings;

use super::hours::WorkingHours;
use super::input::Recording;
use super::timeline::Entry;

/// From when to when is replayed, both included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

/// A line in a table of days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DayRow {
    /// A day on which something opened.
    Day(NaiveDate),
    /// So many days on end without anything.
    Quiet(i64),
}

impl fmt::Display for DayRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(f, "{day} {}", day.weekday()),
            Self::Quiet(days) => write!(f, "({})", days_in_words(*days)),
        }
    }
}

pub(super) fn days_in_words(days: i64) -> String {
    format!("{days} day{}", if days == 1 { "" } else { "s" })
}

impl Range {
    /// How many days (UTC) it touches.
    pub(super) fn days(self) -> i64 {
        (self.to.to_utc().date_naive() - self.from.to_utc().date_naive()).num_days() + 1
    }

    /// The busy days, which come in order and lie in the range, and what lies between them: a range of a
    /// thousand years is no longer a table than what happened in it.
    pub(super) fn day_rows(self, busy: impl Iterator<Item = NaiveDate>) -> Vec<DayRow> {
        let mut rows = Vec::new();
        let mut told = -1;
        for day in busy {
            let place = (day - self.from.to_utc().date_naive()).num_days();
            rows.extend(Some(place - told - 1).filter(|quiet| *quiet > 0).map(DayRow::Quiet));
            rows.push(DayRow::Day(day));
            told = place;
        }
        rows.extend(Some(self.days() - told - 1).filter(|quiet| *quiet > 0).map(DayRow::Quiet));
        rows
    }
}

/// How often something opened, and what became of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) opened: u64,
    pub(super) closed: u64,
    /// Closed within the target time.
    in_time: u64,
    /// Of these, superseded: the matter goes on under another name.
    pub(super) superseded_in_time: u64,
    /// Neither closed in time nor still in time at the end.
    late: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.opened += other.opened;
        self.closed += other.closed;
        self.in_time += other.in_time;
        self.superseded_in_time += other.superseded_in_time;
        self.late += other.late;
    }

    /// Of those whose time is up one way or the other.
    pub(super) fn share_in_time(&self) -> String {
        match self.in_time + self.late {
            0 => "-".to_owned(),
            known => format!("{:.1} %", 100.0 * self.in_time as f64 / known as f64),
        }
    }
}

/// A day, and how many opened on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Busiest {
    day: NaiveDate,
    opened: u64,
}

impl fmt::Display for Busiest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} opened", DayRow::Day(self.day), self.opened)
    }
}

/// Everything that is counted of one replay.
#[derive(Debug, Default)]
pub(super) struct Counts<'a> {
    by_type: BTreeMap<AlertType, Tally>,
    /// An owner without a name is none.
    pub(super) by_owner: BTreeMap<Option<&'a str>, Tally>,
    /// Only days on which something opened.
    pub(super) by_day: BTreeMap<NaiveDate, u64>,
    /// What opened at the very beginning: a replay starts with nothing open, so it is the backlog of before.
    pub(super) at_start: u64,
}

impl<'a> Counts<'a> {
    pub(super) fn of<'e>(
        recording: &'a Recording,
        entries: impl Iterator<Item = &'e Entry>,
        settings: &Settings,
        hours: &WorkingHours,
        range: Range,
    ) -> Self {
        let mut counts = Self::default();
        let mut open: HashMap<(u32, AlertType, Anchor), Timestamp> = HashMap::new();
        let hours = hours.of_owners(recording);
        let due_after = |lead: u32, alert_type, opened_at| {
            let owner = recording.leads[lead as usize].owner;
            settings.target(alert_type).map(|target| hours.after(owner, opened_at, target))
        };
        for entry in entries {
            let Entry { at, lead, alert_type, anchor, closed } = *entry;
            let Some(reason) = closed else {
                counts.add(recording, lead, alert_type, Tally { opened: 1, ..Tally::default() });
                *counts.by_day.entry(at.to_utc().date_naive()).or_default() += 1;
                counts.at_start += u64::from(at == range.from);
                open.insert((lead, alert_type, anchor), at);
                continue;
            };
            let Some(opened_at) = open.remove(&(lead, alert_type, anchor)) else { continue };
            let due_at = due_after(lead, alert_type, opened_at);
            let in_time = due_at.is_some_and(|due_at| at <= due_at);
            let tally = Tally {
                opened: 0,
                closed: 1,
                in_time: u64::from(in_time),
                superseded_in_time: u64::from(in_time && reason == CloseReason::Superseded),
                late: u64::from(due_at.is_some_and(|due_at| due_at < at)),
            };
            counts.add(recording, lead, alert_type, tally);
        }
        for ((lead, alert_type, _), opened_at) in open {
            // What would have closed at the last instant has closed.
            let late = due_after(lead, alert_type, opened_at).is_some_and(|due_at| due_at <= range.to);
            counts.add(recording, lead, alert_type, Tally { late: u64::from(late), ..Tally::default() });
        }
        counts
    }

    fn add(&mut self, recording: &'a Recording, lead: u32, alert_type: AlertType, tally: Tally) {
        let owner = recording.owner(lead).filter(|owner| !owner.trim().is_empty());
        self.by_type.entry(alert_type).or_default().add(tally);
        self.by_owner.entry(owner).or_default().add(tally);
    }

    pub(super) fn of_type(&self, alert_type: AlertType) -> Tally {
        self.by_type.get(&alert_type).copied().unwrap_or_default()
    }

    pub(super) fn of_owner(&self, owner: Option<&str>) -> Tally {
        self.by_owner.get(&owner).copied().unwrap_or_default()
    }

    pub(super) fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.by_type.values().for_each(|tally| total.add(*tally));
        total
    }

    /// How many opened on the day, or days, of a line.
    pub(super) fn on(&self, row: DayRow) -> u64 {
        match row {
            DayRow::Day(day) => self.by_day.get(&day).copied().unwrap_or(0),
            DayRow::Quiet(_) => 0,
        }
    }

    /// How many opened a day, the backlog of the beginning left out.
    pub(super) fn daily_average(&self, range: Range) -> f64 {
        (self.total().opened - self.at_start) as f64 / range.days() as f64
    }

    /// The first of several equally busy days; none when nothing opened.
    pub(super) fn busiest(&self) -> Option<Busiest> {
        Self::busiest_of(self.by_day.iter().map(|(day, opened)| (*day, *opened)))
    }

    /// The same, the backlog of the beginning left out.
    pub(super) fn busiest_without_start(&self, range: Range) -> Option<Busiest> {
        let first = range.from.to_utc().date_naive();
        let without = |day, opened| if day == first { opened - self.at_start } else { opened };
        Self::busiest_of(self.by_day.iter().map(|(day, opened)| (*day, without(*day, *opened))))
    }

    fn busiest_of(days: impl Iterator<Item = (NaiveDate, u64)>) -> Option<Busiest> {
        days.filter(|(_, opened)| *opened > 0)
            .max_by_key(|(day, opened)| (*opened, std::cmp::Reverse(*day)))
            .map(|(day, opened)| Busiest { day, opened })
    }
}
