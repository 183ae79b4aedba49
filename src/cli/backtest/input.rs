//! Reading a recording: every line is checked, and reduced at once to what the rules ask, so that two million
//! activities take some hundred bytes each on disk and some dozens here.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::domain::{ActivityStatus, Channel, Direction, Reading, Timestamp};
use crate::insight::reading::read as read_text;
use crate::rules::Settings;
use crate::rules::history::{Deed, Fact, Life, NextStep, is_young};

use super::BacktestError;
use super::flat::{Objects, Value};
use super::groups::Groups;
use super::ids::{Ids, Query, Seen};

/// A lead, reduced.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeadRow {
    pub(super) life: Life,
    /// Its place among the owners.
    pub(super) owner: Option<u32>,
}

impl LeadRow {
    /// Whether any rule can ever ask for an activity at `at`: the lead is active at some time, and still at `at`
    /// (or the activity is only planned for then).
    fn can_tell(&self, at: Timestamp, planned_at: Option<Timestamp>) -> bool {
        let Life { deleted, active_status, closed_at, .. } = self.life;
        !deleted && closed_at.map_or(active_status, |closed_at| planned_at.unwrap_or(at) < closed_at)
    }
}

/// Everything that was recorded, in memory.
#[derive(Debug)]
pub(super) struct Recording {
    /// In the order of bytes.
    lead_ids: Ids,
    owners: Ids,
    /// The user ids of owners, where they are given beside their names.
    owner_ids: BTreeMap<u32, String>,
    /// In the order of their ids.
    pub(super) leads: Vec<LeadRow>,
    /// By lead, each lead's by (instant, activity id).
    pub(super) facts: Groups<Fact>,
    /// Next steps by lead, in their order.
    pub(super) steps: Groups<NextStep>,
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

    /// Every owner with the user id: that of the first line that gives one, else what the owner is called.
    pub(super) fn owners(&self) -> impl Iterator<Item = &str> {
        let named = |owner: u32| self.owner_ids.get(&owner).map_or(self.owners.text(owner), String::as_str);
        (0u32..).take(self.owners.len()).map(named)
    }

    fn read_leads(path: &Path, settings: &Settings) -> Result<Self, BacktestError> {
        let (mut lead_ids, mut owners, mut leads) = (Ids::default(), Ids::default(), Vec::new());
        let mut owner_ids = BTreeMap::new();
        each_line(path, |_, line| {
            let lead: LeadLine<'_> = object(line)?;
            lead_ids.insert(&lead.id.0).ok_or_else(|| duplicate(&lead.id.0))?;
            let owner = lead.owner.as_ref().and_then(|owner| owners.insert(&owner.0).or(owners.place_of(&owner.0)));
            if let (Some(owner), Some(Perhaps::Text(id))) = (owner, lead.owner_id) {
                owner_ids.entry(owner).or_insert_with(|| id.0.into_owned());
            }
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
        let (facts, steps) = (Groups::default(), Groups::default());
        Ok(Self { lead_ids, owners, owner_ids, leads, facts, steps, activities: 0, of_unknown_leads: 0 })
    }

    fn read_activities(&mut self, path: &Path, from: Timestamp, settings: &Settings) -> Result<(), BacktestError> {
        let (mut ids, mut lines) = (Seen::default(), Lines::default());
        let mut objects = activity_objects();
        let mut intake = Intake::new(self, from, settings);
        let all_read = each_line(path, |number, line| {
            let activity = Checked::of(line, &mut objects)?;
            let index = ids.push(&activity.id.0).ok_or("more lines than there is room for")?;
            lines.note(index, number);
            intake.take(index, &activity);
            Ok(())
        });
        // Whatever else is wrong comes after every line whose id is known.
        if let Some(place) = ids.first_repeated() {
            return Err(malformed(path, lines.number(place), duplicate(ids.text(place))));
        }
        all_read?;
        intake.finish(&ids);
        self.activities = ids.len();
        Ok(())
    }
}

/// Deals activities out to their leads.
struct Intake<'r> {
    recording: &'r mut Recording,
    from: Timestamp,
    settings: &'r Settings,
    reader: Reader,
    facts: Vec<(u32, Fact)>,
    steps: Vec<(u32, NextStep)>,
    /// Those whose leads are still to be looked up, which is faster when it is done for many together.
    waiting: Vec<Told>,
    query: Query,
    places: Vec<Option<u32>>,
}

/// What an activity says to the rules.
#[derive(Clone, Copy, Debug)]
struct Told {
    index: u32,
    channel: Channel,
    direction: Direction,
    status: ActivityStatus,
    at: Timestamp,
    planned_at: Option<Timestamp>,
    reading: Reading,
}

impl<'r> Intake<'r> {
    const TOGETHER: usize = 64;

    fn new(recording: &'r mut Recording, from: Timestamp, settings: &'r Settings) -> Self {
        let (reader, query) = (Reader::default(), Query::default());
        let (facts, steps, waiting, places) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { recording, from, settings, reader, facts, steps, waiting, query, places }
    }

    fn take(&mut self, index: u32, activity: &Checked<'_>) {
        let lead_id = &activity.lead_id.0;
        if let Some(reading) = activity.given_reading()
            && self.recording.lead_ids.ask(&mut self.query, lead_id)
        {
            self.waiting.push(activity.told(index, reading));
            if self.waiting.len() == Self::TOGETHER {
                self.deal_waiting();
            }
            return;
        }
        let place = self.recording.lead_ids.place_of(lead_id);
        // Detection is what takes longest by far: only for those who are asked for.
        if let Some(lead) = self.lead_to_tell(place, activity.at, activity.planned_at) {
            let reading = activity.reading(&mut self.reader);
            self.deal(lead, activity.told(index, reading));
        }
    }

    fn deal_waiting(&mut self) {
        let (mut waiting, mut query) = (std::mem::take(&mut self.waiting), std::mem::take(&mut self.query));
        let mut places = std::mem::take(&mut self.places);
        places.extend(self.recording.lead_ids.answer(&mut query));
        // On its own for the same reason: the leads lie all over memory.
        for (place, told) in places.iter_mut().zip(&waiting) {
            *place = self.lead_to_tell(*place, told.at, told.planned_at);
        }
        for (place, told) in places.drain(..).zip(waiting.drain(..)) {
            if let Some(lead) = place {
                self.deal(lead, told);
            }
        }
        (self.waiting, self.query, self.places) = (waiting, query, places);
    }

    /// The lead at `place`, if it is one and any rule can ever ask for its activity.
    fn lead_to_tell(&mut self, place: Option<u32>, at: Timestamp, planned_at: Option<Timestamp>) -> Option<u32> {
        self.recording.of_unknown_leads += u64::from(place.is_none());
        place.filter(|lead| self.recording.leads[*lead as usize].can_tell(at, planned_at))
    }

    fn deal(&mut self, lead: u32, told: Told) {
        let Told { index, channel, direction, status, at, planned_at, reading } = told;
        if let Some(planned_at) = planned_at {
            self.steps.push((lead, NextStep::new(planned_at, at, self.settings)));
            return;
        }
        let created_at = self.recording.leads[lead as usize].life.created_at;
        let young = || is_young(at, at.max(self.from), created_at, self.settings.hot);
        // Youth is asked of an inbound with intent only.
        let young = direction == Direction::In && reading.intent && young();
        if let Some(deed) = Deed::of(channel, direction, status, reading, young) {
            self.facts.push((lead, Fact { at, index, channel, deed }));
        }
    }

    /// Brings each lead's facts into order. `ids` are the activities'.
    fn finish(mut self, ids: &Seen) {
        self.deal_waiting();
        let by_time = |a: &Fact, b: &Fact| a.at.cmp(&b.at).then_with(|| ids.text(a.index).cmp(ids.text(b.index)));
        let mut facts = Groups::of(&self.facts, self.recording.leads.len());
        facts.each_mut(|facts| {
            // As they usually stand in the file.
            if !facts.is_sorted_by(|a, b| by_time(a, b).is_le()) {
                facts.sort_unstable_by(by_time);
            }
        });
        self.recording.facts = facts;
        let mut steps = Groups::of(&self.steps, self.recording.leads.len());
        steps.each_mut(|steps| steps.sort_unstable());
        self.recording.steps = steps;
    }
}

/// Calls `take` with every line that is not blank and its number, from 1. A reason it returns becomes an error.
fn each_line(path: &Path, mut take: impl FnMut(u64, &str) -> Result<(), String>) -> Result<(), BacktestError> {
    let unreadable = |source: io::Error| BacktestError::Unreadable { path: path.to_owned(), source };
    let mut file = BufReader::with_capacity(1 << 17, File::open(path).map_err(unreadable)?);
    let mut checked = |number: u64, bytes: &[u8]| {
        // Which byte is at fault is asked of the slower way only.
        let text = simdutf8::basic::from_utf8(bytes).or_else(|_| std::str::from_utf8(bytes));
        let taken = match text {
            Err(error) => Err(format!("not UTF-8, from byte {} on", error.valid_up_to() + 1)),
            Ok(line) if line.trim().is_empty() => Ok(()),
            Ok(line) => take(number, line),
        };
        taken.map_err(|reason| malformed(path, number, reason))
    };
    let (mut bytes, mut number) = (Vec::new(), 0);
    loop {
        number += 1;
        // Nearly every line stands in the buffer as a whole, and is taken from there.
        if let Some(end) = memchr::memchr(b'\n', file.buffer()) {
            checked(number, &file.buffer()[..=end])?;
            file.consume(end + 1);
            continue;
        }
        bytes.clear();
        if file.read_until(b'\n', &mut bytes).map_err(unreadable)? == 0 {
            return Ok(());
        }
        checked(number, &bytes)?;
    }
}

fn malformed(path: &Path, line: u64, reason: String) -> BacktestError {
    BacktestError::Malformed { path: path.to_owned(), line, reason }
}

/// On which line each of the things stands that were read from a file, one after the other: usually one run.
#[derive(Debug, Default)]
struct Lines {
    /// The first place of each run of consecutive lines, and its number.
    runs: Vec<(u32, u64)>,
}

impl Lines {
    fn note(&mut self, place: u32, number: u64) {
        if self.runs.is_empty() || self.number(place) != number {
            self.runs.push((place, number));
        }
    }

    fn number(&self, place: u32) -> u64 {
        let run = self.runs.partition_point(|(first, _)| *first <= place).checked_sub(1);
        run.map_or(0, |run| self.runs[run].1 + u64::from(place - self.runs[run].0))
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
    /// As `max export` writes it; in another recording a field of this name may be anything.
    #[serde(borrow)]
    owner_id: Option<Perhaps<'a>>,
    #[serde(borrow)]
    closed_at: Option<Text<'a>>,
}

/// A text, if it is one.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Perhaps<'a> {
    #[serde(borrow)]
    Text(Text<'a>),
    Other(IgnoredAny),
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
    /// Instead of `message_preview`: few are asked for.
    #[serde(skip)]
    spelled_preview: Option<Value<'a>>,
    /// Known already; see [`PlannedLine`].
    #[serde(skip)]
    created_at: Option<&'a str>,
}

impl<'a> ActivityLine<'a> {
    /// The line, if it is an ordinary one and all that is required is there.
    fn plain(line: &'a str, objects: &mut ActivityObjects) -> Option<Self> {
        let [
            id,
            lead_id,
            channel,
            direction,
            status,
            timestamp,
            preview,
            intent,
            expects_reply,
            auto_reply,
            created_at,
        ] = objects.read(line)?;
        Some(Self {
            id: text(id)?,
            lead_id: text(lead_id)?,
            channel: text(channel)?,
            direction: text(direction)?,
            status: text(status)?,
            message_preview: None,
            timestamp: text(timestamp)?,
            intent: flag(intent)?,
            expects_reply: flag(expects_reply)?,
            auto_reply: flag(auto_reply)?,
            spelled_preview: match preview.filter(|value| !value.is_null()) {
                Some(value) if value.flag().is_some() => return None,
                preview => preview,
            },
            created_at: created_at.and_then(Value::plain_text),
        })
    }
}

/// Reads the lines of activities that are ordinary ones.
type ActivityObjects = Objects<11>;

fn activity_objects() -> ActivityObjects {
    Objects::new([
        "id",
        "lead_id",
        "channel",
        "direction",
        "status",
        "timestamp",
        "message_preview",
        "intent",
        "expects_reply",
        "auto_reply",
        "created_at",
    ])
}

/// A required text in which nothing is escaped; `None` when it is none, or not there.
fn text(value: Option<Value<'_>>) -> Option<Text<'_>> {
    value?.plain_text().map(|text| Text(Cow::Borrowed(text)))
}

/// An optional truth value; `None` when it is something else.
fn flag(value: Option<Value<'_>>) -> Option<Option<bool>> {
    match value.filter(|value| !value.is_null()) {
        Some(value) => value.flag().map(Some),
        None => Some(None),
    }
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
    spelled_preview: Option<Value<'a>>,
    intent: Option<bool>,
    expects_reply: Option<bool>,
    auto_reply: Option<bool>,
}

impl<'a> Checked<'a> {
    fn of(line: &'a str, objects: &mut ActivityObjects) -> Result<Self, String> {
        let activity = ActivityLine::plain(line, objects).map_or_else(|| object(line), Ok)?;
        let status = name("status", &activity.status, ActivityStatus::parse)?;
        let planned_at = if status == ActivityStatus::Planned {
            let created_at = activity.created_at.map(|text| Text(Cow::Borrowed(text)));
            let created_at =
                created_at.map_or_else(|| object(line).map(|line: PlannedLine<'a>| line.created_at), Ok)?;
            Some(instant("created_at", &created_at)?)
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
            spelled_preview: activity.spelled_preview,
            intent: activity.intent,
            expects_reply: activity.expects_reply,
            auto_reply: activity.auto_reply,
        })
    }

    fn told(&self, index: u32, reading: Reading) -> Told {
        let Self { channel, direction, status, at, planned_at, .. } = *self;
        Told { index, channel, direction, status, at, planned_at, reading }
    }

    /// The reading, if nothing is to be detected: only an inbound has one.
    fn given_reading(&self) -> Option<Reading> {
        if self.direction == Direction::Out || self.status == ActivityStatus::Planned {
            return Some(Reading::default());
        }
        let (intent, expects_reply, auto_reply) = (self.intent?, self.expects_reply?, self.auto_reply?);
        Some(Reading { intent, expects_reply, auto_reply })
    }

    /// The reading; what is not given is detected.
    fn reading(&self, reader: &mut Reader) -> Reading {
        if let Some(given) = self.given_reading() {
            return given;
        }
        let spelled = self.spelled_preview.and_then(Value::text);
        let preview = self.preview.as_ref().map(|preview| &preview.0).or(spelled.as_ref());
        let detected = reader.read(preview.map_or("", |preview| preview));
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
    known: HashMap<String, Reading, foldhash::quality::RandomState>,
}

impl Reader {
    const SHORT_BYTES: usize = 250;
    const REMEMBERED: usize = 20_000;

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
    if line.starts_with('\u{feff}') {
        return Err("begins with a byte order mark: save the file as UTF-8 without one".to_owned());
    }
    if !line.trim_start().starts_with('{') {
        return Err("not a JSON object".to_owned());
    }
    // Without its end there is but one line, also for what is missing behind it.
    let line = line.trim_end_matches(['\n', '\r', ' ', '\t']);
    serde_json::from_str(line).map_err(|error| {
        let reason = error.to_string().replace(" at line 1 column ", " at column ");
        match member_at(line, error.column()).filter(|_| reason.starts_with("invalid ")) {
            Some(field) => format!("{field}: {reason}"),
            None => reason,
        }
    })
}

/// The member of an object in which its byte `end` stands, as it is spelled.
fn member_at(object: &str, end: usize) -> Option<&str> {
    let (mut depth, mut is_escaped) = (0_usize, false);
    let (mut begun, mut last, mut member) = (None, None, None);
    for (at, byte) in object.bytes().enumerate().take(end) {
        match (byte, begun) {
            (b'"', Some(start)) if !is_escaped => (begun, last) = (None, object.get(start..at)),
            (b'"', None) => begun = Some(at + 1),
            (b'{' | b'[', None) => depth += 1,
            (b'}' | b']', None) => depth = depth.saturating_sub(1),
            (b':', None) if depth == 1 => member = last,
            _ => {}
        }
        is_escaped = byte == b'\\' && !is_escaped;
    }
    member
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
