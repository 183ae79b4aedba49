//! Reading a recording: every line is checked, and reduced at once to what the rules ask, so that two million
//! activities take some hundred bytes each on disk and some dozens here.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;

use crate::domain::{ActivityStatus, Channel, Direction, Reading, Timestamp};
use crate::insight::reading::read as read_text;
use crate::rules::Settings;
use crate::rules::history::{Deed, Fact, Life, NextStep, is_young};

use super::BacktestError;
use super::ids::Ids;

/// A lead, reduced.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeadRow {
    pub(super) life: Life,
    /// Its place among the owners.
    pub(super) owner: Option<u32>,
}

/// A fact and whose it is: the lead's place in [`Recording::leads`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) lead: u32,
    pub(super) fact: Fact,
}

/// Everything that was recorded, in memory.
#[derive(Debug)]
pub(super) struct Recording {
    /// In the order of bytes.
    lead_ids: Ids,
    owners: Ids,
    /// In the order of their ids.
    pub(super) leads: Vec<LeadRow>,
    /// By (lead, instant, activity id).
    pub(super) rows: Vec<Row>,
    /// Next steps, in any order.
    pub(super) steps: Vec<(u32, NextStep)>,
    /// How many activities there are, those of unknown leads included.
    pub(super) activities: usize,
    /// How many activities name a lead that is not there.
    pub(super) of_unknown_leads: u64,
}

impl Recording {
    /// Reads both files. An inbound that was 24 h old at `from` already was never young.
    ///
    /// # Errors
    /// When a file cannot be read, or at the first line that is malformed.
    pub(super) fn read(
        leads: &Path,
        activities: &Path,
        from: Timestamp,
        settings: &Settings,
    ) -> Result<Self, BacktestError> {
        let mut recording = Self::read_leads(leads, settings)?;
        recording.read_activities(activities, from, settings)?;
        Ok(recording)
    }

    /// The id of the lead at a place.
    pub(super) fn lead_id(&self, lead: u32) -> &str {
        self.lead_ids.text(lead)
    }

    /// The owner of the lead at a place.
    pub(super) fn owner(&self, lead: u32) -> Option<&str> {
        self.leads[lead as usize].owner.map(|owner| self.owners.text(owner))
    }

    fn read_leads(path: &Path, settings: &Settings) -> Result<Self, BacktestError> {
        let (mut lead_ids, mut owners, mut leads) = (Ids::default(), Ids::default(), Vec::new());
        each_line(path, |line| {
            let lead: LeadLine<'_> = object(line)?;
            lead_ids.insert(&lead.id.0).ok_or_else(|| duplicate(&lead.id.0))?;
            let owner = lead.owner.as_ref().and_then(|owner| owners.insert(&owner.0).or(owners.place_of(&owner.0)));
            let closed_at = lead.closed_at.as_ref().map(|at| instant("closed_at", at)).transpose()?;
            let life = Life {
                created_at: instant("created_at", &lead.created_at)?,
                deleted: lead.deleted.unwrap_or(false),
                active_status: settings.is_active_status(&lead.status.0),
                closed_at,
                do_not_contact: lead.do_not_contact.unwrap_or(false),
            };
            leads.push(LeadRow { life, owner });
            Ok(())
        })?;
        let (lead_ids, order) = lead_ids.sorted();
        let leads = order.into_iter().map(|place| leads[place as usize]).collect();
        let (rows, steps) = (Vec::new(), Vec::new());
        Ok(Self { lead_ids, owners, leads, rows, steps, activities: 0, of_unknown_leads: 0 })
    }

    fn read_activities(&mut self, path: &Path, from: Timestamp, settings: &Settings) -> Result<(), BacktestError> {
        let mut ids = Ids::default();
        let mut reader = Reader::default();
        each_line(path, |line| {
            let activity = Checked::of(line)?;
            let index = ids.insert(&activity.id.0).ok_or_else(|| duplicate(&activity.id.0))?;
            match self.lead_ids.place_of(&activity.lead_id.0) {
                None => self.of_unknown_leads += 1,
                Some(lead) => {
                    let reading = activity.reading(&mut reader);
                    self.take(lead, index, &activity, reading, from, settings);
                }
            }
            Ok(())
        })?;
        let key = |row: &Row| (row.lead, row.fact.at);
        self.rows.sort_unstable_by(|a, b| {
            key(a).cmp(&key(b)).then_with(|| ids.text(a.fact.index).cmp(ids.text(b.fact.index)))
        });
        self.activities = ids.len();
        Ok(())
    }

    fn take(
        &mut self,
        lead: u32,
        index: u32,
        activity: &Checked<'_>,
        reading: Reading,
        from: Timestamp,
        settings: &Settings,
    ) {
        let Checked { channel, direction, status, at, planned_at, .. } = *activity;
        if let Some(planned_at) = planned_at {
            self.steps.push((lead, NextStep::new(planned_at, at, settings)));
            return;
        }
        let created_at = self.leads[lead as usize].life.created_at;
        let young = is_young(at, at.max(from), created_at, settings.hot);
        if let Some(deed) = Deed::of(channel, direction, status, reading, young) {
            self.rows.push(Row { lead, fact: Fact { at, index, channel, deed } });
        }
    }
}

/// Calls `take` with every line that is not blank. A reason it returns becomes an error with the line's number.
fn each_line(path: &Path, mut take: impl FnMut(&str) -> Result<(), String>) -> Result<(), BacktestError> {
    let unreadable = |source: io::Error| BacktestError::Unreadable { path: path.to_owned(), source };
    let mut file = BufReader::with_capacity(1 << 20, File::open(path).map_err(unreadable)?);
    let (mut bytes, mut number) = (Vec::new(), 0);
    loop {
        bytes.clear();
        if file.read_until(b'\n', &mut bytes).map_err(unreadable)? == 0 {
            return Ok(());
        }
        number += 1;
        let taken = match std::str::from_utf8(&bytes) {
            Err(error) => Err(format!("not UTF-8, from byte {} on", error.valid_up_to() + 1)),
            Ok(line) if line.trim().is_empty() => Ok(()),
            Ok(line) => take(line),
        };
        taken.map_err(|reason| BacktestError::Malformed { path: path.to_owned(), line: number, reason })?;
    }
}

/// A text, borrowed from the line when nothing in it is escaped.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Debug, Deserialize)]
struct LeadLine<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow, rename = "name")]
    _name: Option<Text<'a>>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    created_at: Text<'a>,
    deleted: Option<bool>,
    do_not_contact: Option<bool>,
    #[serde(borrow)]
    owner: Option<Text<'a>>,
    #[serde(borrow)]
    closed_at: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
struct ActivityLine<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    lead_id: Text<'a>,
    #[serde(borrow)]
    channel: Text<'a>,
    #[serde(borrow)]
    direction: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    message_preview: Option<Text<'a>>,
    #[serde(borrow)]
    timestamp: Text<'a>,
    intent: Option<bool>,
    expects_reply: Option<bool>,
    auto_reply: Option<bool>,
}

/// What is read of a planned activity only: on another, `created_at` may be anything.
#[derive(Debug, Deserialize)]
struct PlannedLine<'a> {
    #[serde(borrow)]
    created_at: Text<'a>,
}

/// An activity whose every field is as it should be.
#[derive(Debug)]
struct Checked<'a> {
    id: Text<'a>,
    lead_id: Text<'a>,
    channel: Channel,
    direction: Direction,
    status: ActivityStatus,
    at: Timestamp,
    planned_at: Option<Timestamp>,
    preview: Option<Text<'a>>,
    intent: Option<bool>,
    expects_reply: Option<bool>,
    auto_reply: Option<bool>,
}

impl<'a> Checked<'a> {
    fn of(line: &'a str) -> Result<Self, String> {
        let activity: ActivityLine<'a> = object(line)?;
        let status = name("status", &activity.status, ActivityStatus::parse)?;
        let planned_at = if status == ActivityStatus::Planned {
            Some(instant("created_at", &object::<PlannedLine<'a>>(line)?.created_at)?)
        } else {
            None
        };
        Ok(Self {
            channel: name("channel", &activity.channel, Channel::parse)?,
            direction: name("direction", &activity.direction, Direction::parse)?,
            status,
            at: instant("timestamp", &activity.timestamp)?,
            planned_at,
            id: activity.id,
            lead_id: activity.lead_id,
            preview: activity.message_preview,
            intent: activity.intent,
            expects_reply: activity.expects_reply,
            auto_reply: activity.auto_reply,
        })
    }

    /// The reading as given; what is not given is detected, on an inbound.
    fn reading(&self, reader: &mut Reader) -> Reading {
        if self.direction == Direction::Out || self.status == ActivityStatus::Planned {
            return Reading::default();
        }
        if let (Some(intent), Some(expects_reply), Some(auto_reply)) =
            (self.intent, self.expects_reply, self.auto_reply)
        {
            return Reading { intent, expects_reply, auto_reply };
        }
        let detected = reader.read(self.preview.as_ref().map_or("", |preview| &preview.0));
        Reading {
            intent: self.intent.unwrap_or(detected.intent),
            expects_reply: self.expects_reply.unwrap_or(detected.expects_reply),
            auto_reply: self.auto_reply.unwrap_or(detected.auto_reply),
        }
    }
}

/// Reads messages, and remembers the short ones: "ok", "merci" and the like come by the thousand.
#[derive(Debug, Default)]
struct Reader {
    known: HashMap<String, Reading>,
}

impl Reader {
    const SHORT_BYTES: usize = 120;
    const REMEMBERED: usize = 10_000;

    fn read(&mut self, text: &str) -> Reading {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        let reading = read_text(text);
        if text.len() <= Self::SHORT_BYTES && self.known.len() < Self::REMEMBERED {
            self.known.insert(text.to_owned(), reading);
        }
        reading
    }
}

/// Reads a line as one JSON object. serde would take an array for a struct as well.
fn object<'a, T: Deserialize<'a>>(line: &'a str) -> Result<T, String> {
    if !line.trim_start().starts_with('{') {
        return Err("not a JSON object".to_owned());
    }
    serde_json::from_str(line).map_err(|error| error.to_string().replace(" at line 1 column ", " at column "))
}

fn instant(field: &str, text: &Text<'_>) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(&text.0).map_err(|error| format!("{field}: {error}"))
}

fn name<T>(field: &str, text: &Text<'_>, parse: impl Fn(&str) -> Option<T>) -> Result<T, String> {
    parse(&text.0).ok_or_else(|| format!("{field}: unknown value {:?}", text.0.chars().take(64).collect::<String>()))
}

fn duplicate(id: &str) -> String {
    format!("id: {:?} was there before", id.chars().take(64).collect::<String>())
}
