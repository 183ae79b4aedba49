//! `POST /api/activities/log`, and "C'est envoyé": an activity that we are told of, not one that we found. It is
//! written into the CRM as well, and recognised there by its key.

use super::Engine;
use super::observe::{fresh_activity_id, fresh_as_of, read, reported};
use super::unsubscribing::Wish;
use crate::domain::effect::Effect;
use crate::domain::{Activity, ActivityId, ActivityStatus, Channel, Direction, LeadId, Timestamp, UserId};
use crate::espo::observe::preview;
use crate::store::{Batch, Result};

/// An activity as it is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The caller's id, which makes the report idempotent.
    pub id: Option<ActivityId>,
    /// Whose.
    pub lead: LeadId,
    /// Where.
    pub channel: Channel,
    /// Which way.
    pub direction: Direction,
    /// What became of it.
    pub status: ActivityStatus,
    /// Its text; may be empty.
    pub text: String,
    /// When; now, when the caller does not say.
    pub timestamp: Option<Timestamp>,
    /// The user who did it by button.
    pub by: Option<UserId>,
}

/// What came of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Logged {
    /// It is new.
    Created(Activity),
    /// It was known; its status may have moved on.
    Known(Activity),
    /// The same id stands for something else; which field differs.
    Conflict(&'static str),
}

impl Engine {
    /// Takes over reports, each for itself, and decides at once about the leads concerned. `verify` marks the
    /// leads as not yet known to exist.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn log(&mut self, reports: Vec<Report>, verify: bool) -> Result<Vec<Logged>> {
        let mut results = Vec::with_capacity(reports.len());
        for of_one_lead in reports.chunk_by(|a, b| a.lead == b.lead) {
            self.log_of_lead(of_one_lead, verify, &mut results)?;
        }
        Ok(results)
    }

    /// Takes over reports about one lead: the facts and what is decided about them are one write.
    fn log_of_lead(&mut self, reports: &[Report], verify: bool, results: &mut Vec<Logged>) -> Result<()> {
        let Some(lead) = reports.first().map(|report| &report.lead) else { return Ok(()) };
        let (activities, mut alerts) = self.store.history(lead)?;
        let mut news = News { batch: Batch::default(), activities, wishes: Vec::new() };
        for report in reports {
            results.push(self.log_one(&mut news, report, verify)?);
        }
        let News { mut batch, activities, wishes } = news;
        if batch.is_empty() {
            return Ok(());
        }
        for wish in &wishes {
            self.heed(wish)?;
            alerts = self.store.alerts_of(lead)?;
        }
        match self.load_with(lead, (activities, alerts))? {
            Some(loaded) => {
                let now = self.now();
                self.add_effect(&mut batch, Effect::WriteInsight(lead.clone()), now)?;
                self.advance_to_now(loaded, batch).map(|_| ())
            }
            // It is decided on when the CRM has shown it.
            None => self.store.apply(batch),
        }
    }

    fn log_one(&mut self, news: &mut News, report: &Report, verify: bool) -> Result<Logged> {
        let now = self.now();
        let id = report.id.clone().unwrap_or_else(fresh_activity_id);
        let record = reported(&id);
        // A fresh id is nobody's yet.
        let links = if report.id.is_some() { self.store.record_links(&record)? } else { Vec::new() };
        if links.first().is_some_and(|link| link.lead != report.lead) {
            return Ok(Logged::Conflict("leadId"));
        }
        // Whoever writes the CRM's records as well may have been faster.
        if let Some(before) = news.activities.iter().find(|activity| activity.id == id).cloned() {
            return self.log_again(news, before, report);
        }
        let timestamp = report.timestamp.unwrap_or(now);
        let activity = Activity {
            id,
            lead_id: report.lead.clone(),
            channel: report.channel,
            direction: report.direction,
            status: report.status,
            preview: preview(&report.text),
            timestamp,
            created_at: (report.status == ActivityStatus::Planned).then_some(now),
            reading: read(report.direction, &report.text, false),
            first_seen: now,
            fresh_as_of: fresh_as_of(timestamp, now, self.last_sync()),
        };
        news.wishes.extend(Wish::of(&activity, &report.text));
        news.batch.put_record_link(&record, &activity.lead_id, &activity.id);
        self.doubt(&mut news.batch, &activity);
        if verify {
            self.add_effect(&mut news.batch, Effect::VerifyLead(activity.lead_id.clone()), now)?;
        }
        self.put_reported(news, &activity, report.by.as_ref())?;
        Ok(Logged::Created(activity))
    }

    fn log_again(&mut self, news: &mut News, before: Activity, report: &Report) -> Result<Logged> {
        if let Some(field) = difference(&before, report) {
            return Ok(Logged::Conflict(field));
        }
        let Some(status) = later_status(before.status, report.status) else { return Ok(Logged::Conflict("status")) };
        if status == before.status {
            return Ok(Logged::Known(before));
        }
        let activity = Activity { status, ..before };
        self.put_reported(news, &activity, report.by.as_ref())?;
        Ok(Logged::Known(activity))
    }

    fn put_reported(&mut self, news: &mut News, activity: &Activity, by: Option<&UserId>) -> Result<()> {
        news.put(activity);
        let (lead, activity) = (activity.lead_id.clone(), activity.id.clone());
        let effect = match by.cloned() {
            Some(by) => Effect::WriteDoneActivity { lead, activity, by },
            None => Effect::WriteActivity { lead, activity },
        };
        let now = self.now();
        self.add_effect(&mut news.batch, effect, now)
    }
}

/// What is being reported of one lead, not yet written.
struct News {
    batch: Batch,
    /// All of the lead's activities, these included, ordered by (timestamp, id).
    activities: Vec<Activity>,
    /// Those that ask for no more messages.
    wishes: Vec<Wish>,
}

impl News {
    fn put(&mut self, activity: &Activity) {
        self.batch.put_activity(activity);
        let key = |activity: &Activity| (activity.timestamp, activity.id.clone());
        match self.activities.binary_search_by_key(&key(activity), key) {
            Ok(place) => self.activities[place] = activity.clone(),
            Err(place) => self.activities.insert(place, activity.clone()),
        }
    }
}

fn difference(before: &Activity, report: &Report) -> Option<&'static str> {
    if before.channel != report.channel {
        return Some("channel");
    }
    if before.direction != report.direction {
        return Some("direction");
    }
    if before.preview != preview(&report.text) {
        return Some("message_preview");
    }
    report.timestamp.filter(|at| *at != before.timestamp).map(|_| "timestamp")
}

/// The status after a report: the same, or one further along sent → delivered → read → replied. A report that
/// comes late (delivered after read) changes nothing. `None` when one is not on that way and they differ.
fn later_status(before: ActivityStatus, reported: ActivityStatus) -> Option<ActivityStatus> {
    let place = |status| ActivityStatus::ALL.iter().take(4).position(|known| *known == status);
    if before == reported {
        return Some(before);
    }
    Some(if place(reported)? > place(before)? { reported } else { before })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_moves_along_its_way_and_never_back() {
        use ActivityStatus::{Delivered, NoAnswer, Planned, Read, Replied, Sent};
        assert_eq!(later_status(Sent, Delivered), Some(Delivered));
        assert_eq!(later_status(Sent, Replied), Some(Replied));
        assert_eq!(later_status(Read, Delivered), Some(Read));
        assert_eq!(later_status(NoAnswer, NoAnswer), Some(NoAnswer));
        assert_eq!(later_status(Sent, NoAnswer), None);
        assert_eq!(later_status(Planned, Sent), None);
    }
}
