//! The mirror as the two files that `max backtest` reads: a portion at a time, from one lead to the next, so that
//! neither the writer nor memory notices.
//!
//! There is no snapshot: facts that come in meanwhile are in what is read after them. Whoever wants both files reads
//! the activities first. Leads never leave the mirror, so no activity is then of a lead that the other file lacks.

use serde::Serialize;

use super::observe::BACKFILLED;
use super::rulebook;
use crate::domain::{Activity, ActivityStatus, Channel, Direction, Lead, LeadId, Reading, Timestamp, User, UserId};
use crate::rules::Settings;
use crate::store::{Result, Store};

/// A portion ends after the lead with which it reaches so many bytes…
const PORTION_BYTES: usize = 256 * 1024;
/// …or so many leads.
const PORTION_LEADS: usize = 1_000;

/// Which of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// One line per lead, deleted ones included.
    Leads,
    /// One line per activity of each lead.
    Activities,
}

/// A mirror that can be exported. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Export {
    store: Store,
    rules: Settings,
}

/// Some lines, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portion {
    /// Whole lines, each with its end.
    pub lines: Vec<u8>,
    /// The next portion begins after this lead; `None` when this one was the last.
    pub next: Option<LeadId>,
}

impl Export {
    /// The export of a store; `None` before the first backfill is complete: it would look whole and not be.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(store: &Store, rules: &Settings) -> Result<Option<Self>> {
        if !store.meta::<bool>(BACKFILLED)?.unwrap_or_default() {
            return Ok(None);
        }
        let rules = rulebook::completed(rules.clone(), store)?;
        Ok(Some(Self { store: store.clone(), rules }))
    }

    /// The portion that begins after `after`, or with the first lead. Blocks on the disk.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn portion(&self, part: Part, after: Option<&LeadId>) -> Result<Portion> {
        let mut lines = Vec::new();
        for (number, id) in self.store.lead_ids_after(after).enumerate() {
            let id = id?;
            match part {
                Part::Leads => self.lead(&id, &mut lines)?,
                Part::Activities => self.activities(&id, &mut lines)?,
            }
            if lines.len() >= PORTION_BYTES || number + 1 >= PORTION_LEADS {
                return Ok(Portion { lines, next: Some(id) });
            }
        }
        Ok(Portion { lines, next: None })
    }

    fn lead(&self, id: &LeadId, lines: &mut Vec<u8>) -> Result<()> {
        let Some(lead) = self.store.lead(id)? else { return Ok(()) };
        let owner = lead.owner.as_ref().map(|owner| self.owner(owner)).transpose()?;
        let is_active = self.rules.is_active_status(&lead.status);
        write(lines, &LeadLine::of(&lead, owner.as_deref(), is_active));
        Ok(())
    }

    /// The login name: a person knows it, and no two users share one, as they may a name.
    fn owner(&self, id: &UserId) -> Result<String> {
        let login = self.store.user(id)?.map(|User { user_name, .. }| user_name).filter(|login| !login.is_empty());
        Ok(login.unwrap_or_else(|| id.to_string()))
    }

    fn activities(&self, id: &LeadId, lines: &mut Vec<u8>) -> Result<()> {
        for activity in self.store.activities(id)? {
            write(lines, &ActivityLine::of(&activity, id));
        }
        Ok(())
    }
}

fn write(lines: &mut Vec<u8>, line: &impl Serialize) {
    serde_json::to_writer(&mut *lines, line).expect("texts and flags can be written to memory");
    lines.push(b'\n');
}

#[derive(Serialize)]
struct LeadLine<'a> {
    id: &'a LeadId,
    name: &'a str,
    status: &'a str,
    created_at: Timestamp,
    deleted: bool,
    do_not_contact: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
    /// By which the configuration names people.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_id: Option<&'a UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<Timestamp>,
}

impl<'a> LeadLine<'a> {
    fn of(lead: &'a Lead, owner: Option<&'a str>, is_active: bool) -> Self {
        Self {
            id: &lead.id,
            name: &lead.name,
            status: &lead.status,
            created_at: lead.created_at.within_rfc3339(),
            deleted: lead.deleted,
            do_not_contact: lead.is_do_not_contact(),
            owner,
            owner_id: lead.owner.as_ref(),
            closed_at: lead.closed_at.filter(|_| !is_active).map(Timestamp::within_rfc3339),
        }
    }
}

#[derive(Serialize)]
struct ActivityLine<'a> {
    id: String,
    lead_id: &'a LeadId,
    channel: Channel,
    direction: Direction,
    status: ActivityStatus,
    message_preview: &'a str,
    timestamp: Timestamp,
    #[serde(flatten)]
    reading: Option<Reading>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<Timestamp>,
}

impl<'a> ActivityLine<'a> {
    fn of(activity: &'a Activity, lead: &'a LeadId) -> Self {
        let is_planned = activity.status == ActivityStatus::Planned;
        let planned_at = || activity.created_at.unwrap_or(activity.first_seen).within_rfc3339();
        Self {
            // With us an id is unique within the lead: a mail may belong to several. The lead goes first, so that
            // the ids of one lead keep their order, which decides between activities of one instant.
            id: format!("{lead}/{}", activity.id),
            lead_id: lead,
            channel: activity.channel,
            direction: activity.direction,
            status: activity.status,
            message_preview: &activity.preview,
            timestamp: activity.timestamp.within_rfc3339(),
            reading: Some(activity.reading).filter(|_| activity.direction == Direction::In && !is_planned),
            created_at: is_planned.then(planned_at),
        }
    }
}
