//! What a source saw becomes the mirror. Facts are written together with a note that their lead is due, so that
//! a crash between here and the decision loses nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::Engine;
use super::appointments;
use super::ascribe::{Ascription, Directory, ascribe};
use super::unsubscribing::{Wish, says_otherwise};
use crate::domain::effect::Effect;
use crate::domain::observation::{ActivityDraft, Observation, RecordRef};
use crate::domain::unsubscribed::{Unsubscribed, UnsubscribedStage};
use crate::domain::{Activity, ActivityId, ActivityStatus, Deed, Direction, HOUR, Lead, LeadId, Reading, Timestamp};
use crate::insight::reading;
use crate::store::{Batch, Hook, LastMail, RecordLink, Result};

/// What observing taught us to look for next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Mails (CRM ids) that belong to a lead and whose text is still to be fetched.
    pub wanted_texts: Vec<String>,
    /// Addresses of leads that are new here: mails may be waiting in the CRM that we passed over.
    pub new_addresses: Vec<String>,
    /// How many leads changed, or got or lost an activity.
    pub touched: usize,
}

/// The CRM's mails.
const MAIL: &str = "Email";
/// The instant of the last complete sync is kept under this name.
pub(in crate::engine) const LAST_SYNC: &str = "last_sync";
/// Set once the first backfill is complete.
pub(in crate::engine) const BACKFILLED: &str = "backfilled";

impl Engine {
    /// Takes over a page of observations. `cursor` is stored in the same write, so that a crash repeats the
    /// page or does not, but never skips it; it is held back while texts are wanted.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn observe(
        &mut self,
        observations: Vec<Observation>,
        cursor: impl FnOnce(&mut Batch, bool),
    ) -> Result<Observed> {
        let mut page = Page::new(self)?;
        for observation in observations {
            page.take(self, observation)?;
        }
        let Page { mut batch, touched, mut observed, records, leads, wishes, recalled, .. } = page;
        for wish in &wishes {
            self.heed(wish)?;
            let marked = self.store.lead(wish.lead())?.filter(|lead| lead.do_not_contact);
            if let Some((seen, marked)) = leads.get(wish.lead()).zip(marked) {
                batch.put_lead(&Lead { do_not_contact: true, ..seen.clone() }, Some(&marked));
            }
        }
        // Before the cursor says that they have been seen.
        for record in records {
            self.own_record_seen(record)?;
        }
        let now = self.now();
        if self.is_backfilled() {
            // Until then, all leads are gone through afterwards.
            for lead in &touched {
                self.add_effect(&mut batch, Effect::WriteInsight(lead.clone()), now)?;
            }
        }
        touched.iter().for_each(|lead| batch.mark_due(lead, now));
        for (lead, activity) in recalled {
            self.recall_in(&mut batch, &lead, &activity)?;
        }
        observed.touched = touched.len();
        cursor(&mut batch, observed.wanted_texts.is_empty());
        self.store.apply(batch)?;
        self.ahead.push("facts-written");
        Ok(observed)
    }

    /// The instant of the last complete sync, if there was one.
    pub fn last_sync(&self) -> Option<Timestamp> {
        self.last_sync
    }

    /// Notes records that are worth another look.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn keep_hints(&mut self, records: &[RecordRef]) -> Result<()> {
        let mut batch = Batch::default();
        for record in records {
            let sequence = self.next_sequence();
            batch.put_hint(record, sequence);
        }
        self.store.apply(batch)
    }

    /// Records have been looked at again. A hint that came meanwhile stays.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn hints_followed(&mut self, hints: &[(RecordRef, u64)]) -> Result<()> {
        let mut batch = Batch::default();
        for (record, sequence) in hints {
            if self.store.hint(record)? == Some(*sequence) {
                batch.remove_hint(record);
            }
        }
        self.store.apply(batch)
    }

    /// Keeps the webhooks there are, and forgets those there were.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn keep_hooks(&mut self, hooks: &[Hook]) -> Result<()> {
        let mut batch = Batch::default();
        for known in self.store.hooks()? {
            if hooks.iter().all(|hook| hook.id != known.id) {
                batch.remove_hook(&known.id);
            }
        }
        hooks.iter().for_each(|hook| batch.put_hook(hook));
        self.store.apply(batch)
    }

    /// A round over all sources begins: until it has gone through, time alone decides nothing, since an answer
    /// may be seen later than what it answers. What was held is decided on anew at its end.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn sync_begun(&mut self) -> Result<()> {
        self.round_is_open = true;
        // Those of a round that broke off: what was read then may be long ago.
        self.looks.vouched.clear();
        self.looks.all = false;
        let held: Vec<LeadId> = self.looks.held.iter().cloned().collect();
        self.let_go(&held)
    }

    /// Everything that the round brought has been decided on: from now on time decides again.
    pub fn round_evaluated(&mut self) {
        self.round_is_open = false;
        self.looks.vouched.clear();
        self.looks.all = false;
    }

    /// A round that began at `started` has gone through as far as the CRM answers: what was seen can be decided on, and
    /// silence is not yet believed.
    pub fn sync_completed_in_part(&mut self, started: Timestamp) {
        self.looks.partial = Some(started);
    }

    /// A round over all sources that began at `started` has seen them all.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn sync_completed(&mut self, started: Timestamp) -> Result<()> {
        let mut batch = Batch::default();
        batch.put_meta(LAST_SYNC, &started);
        self.looks.partial = None;
        self.store.apply(batch)?;
        self.last_sync = Some(started);
        Ok(())
    }
}

/// One page while it is being taken over.
struct Page {
    batch: Batch,
    touched: BTreeSet<LeadId>,
    observed: Observed,
    records: Vec<Observation>,
    company: BTreeSet<String>,
    last_sync: Option<Timestamp>,
    /// What the CRM has not been told yet.
    pending: Vec<Deed>,
    /// Leads of this page: later observations of the page see them.
    leads: BTreeMap<LeadId, Lead>,
    /// Calls that may not be any more what messages say of them.
    recalled: BTreeSet<(LeadId, ActivityId)>,
    /// Leads that asked for no more messages.
    unsubscribed: BTreeMap<LeadId, Unsubscribed>,
    /// Those that do so in this page.
    wishes: Vec<Wish>,
    /// The latest mails of leads on this page.
    last_mails: BTreeMap<LeadId, LastMail>,
}

impl Page {
    fn new(engine: &Engine) -> Result<Self> {
        let company = engine.store.users()?.into_iter().flat_map(|user| user.emails).collect();
        Ok(Self {
            batch: Batch::default(),
            touched: BTreeSet::new(),
            observed: Observed::default(),
            records: Vec::new(),
            company,
            last_sync: engine.last_sync(),
            pending: engine.store.pending_deeds()?,
            leads: BTreeMap::new(),
            recalled: BTreeSet::new(),
            unsubscribed: engine.store.all_unsubscribed()?.into_iter().map(|mark| (mark.lead.clone(), mark)).collect(),
            wishes: Vec::new(),
            last_mails: BTreeMap::new(),
        })
    }

    fn take(&mut self, engine: &Engine, observation: Observation) -> Result<()> {
        match observation {
            Observation::Lead { lead, modified_at, form } => self.lead(engine, *lead, modified_at, form),
            Observation::LeadGone(id) => self.lead_gone(engine, &id),
            Observation::Activity(draft) => self.activity(engine, &draft),
            Observation::NoActivity(record) => self.no_activity(engine, &record),
            Observation::User(user) => {
                if engine.store.user(&user.id)?.as_ref() != Some(&user) {
                    self.batch.put_user(&user);
                }
                Ok(())
            }
            Observation::UserGone(id) => {
                self.batch.remove_user(&id);
                Ok(())
            }
            Observation::Team(team) => {
                if engine.store.team(&team.id)?.as_ref() != Some(&team) {
                    self.batch.put_team(&team);
                }
                Ok(())
            }
            Observation::TeamGone(id) => {
                self.batch.remove_team(&id);
                Ok(())
            }
            Observation::Alert(_)
            | Observation::AlertGone(_)
            | Observation::TelegramLink(_)
            | Observation::TelegramLinkGone(_) => {
                self.records.push(observation);
                Ok(())
            }
        }
    }

    fn lead(
        &mut self,
        engine: &Engine,
        mut lead: Lead,
        modified_at: Option<Timestamp>,
        form: Option<Box<ActivityDraft>>,
    ) -> Result<()> {
        let before = engine.store.lead(&lead.id)?;
        lead = engine.with_deeds(lead, &self.pending.iter().collect::<Vec<_>>());
        lead.closed_at = closed_at(engine, &lead, modified_at, before.as_ref());
        if let Some(mark) = self.unsubscribed.get(&lead.id).filter(|mark| mark.counts()) {
            if before.as_ref().is_some_and(|before| says_otherwise(mark, before, &lead, modified_at)) {
                let (stage, at) = (UnsubscribedStage::Lifted, engine.now());
                self.batch.put_unsubscribed(&Unsubscribed { stage, at, by: None, ..mark.clone() });
            } else {
                lead.do_not_contact = true;
            }
        }
        if let Some(before) = &before {
            // A list shows the first address only: the others that we learned of stay.
            let others = before.emails.iter().filter(|mail| before.email.as_ref() != Some(mail));
            lead.emails.extend(others.cloned());
            lead.emails.sort();
            lead.emails.dedup();
        }
        if before.as_ref() != Some(&lead) {
            let known = before.as_ref().map(|lead| lead.emails.as_slice()).unwrap_or_default();
            self.observed.new_addresses.extend(lead.emails.iter().filter(|mail| !known.contains(mail)).cloned());
            self.batch.put_lead(&lead, before.as_ref());
            self.touched.insert(lead.id.clone());
            if before.as_ref().is_some_and(|before| before.owner != lead.owner) {
                self.recall_all(engine, &lead.id)?;
            }
        }
        let id = lead.id.clone();
        self.leads.insert(id.clone(), lead);
        if let Some(form) = form {
            let direction = form.direction.unwrap_or(Direction::In);
            self.write(engine, &form, &[Ascription { lead: id, direction }])?;
        }
        Ok(())
    }

    fn lead_gone(&mut self, engine: &Engine, id: &LeadId) -> Result<()> {
        if let Some(before) = engine.store.lead(id)?.filter(|lead| !lead.deleted) {
            let lead = Lead { deleted: true, ..before.clone() };
            self.batch.put_lead(&lead, Some(&before));
            self.touched.insert(id.clone());
            self.recall_all(engine, id)?;
        }
        Ok(())
    }

    /// Messages about the calls that are planned with a lead may not be true any more.
    fn recall_all(&mut self, engine: &Engine, lead: &LeadId) -> Result<()> {
        let known = engine.store.appointments_of(lead)?.into_iter();
        self.recalled.extend(known.map(|appointment| (appointment.lead, appointment.activity)));
        Ok(())
    }

    fn activity(&mut self, engine: &Engine, draft: &ActivityDraft) -> Result<()> {
        let company = |address: &str| self.company.contains(address);
        let mut ascriptions = ascribe(draft, Directory::new(&engine.store, &company))?;
        for lead in draft.leads.iter().filter(|lead| self.leads.contains_key(lead)) {
            if let (Some(direction), false) = (draft.direction, ascriptions.iter().any(|known| known.lead == *lead)) {
                ascriptions.push(Ascription { lead: lead.clone(), direction });
            }
        }
        // A mail is listed without its text. The text of one that is new to us is fetched before it counts:
        // its reading is made once.
        if draft.text.is_none() && !ascriptions.is_empty() {
            let known = engine.store.record_links(&draft.record)?;
            if ascriptions.iter().any(|ascription| known.iter().all(|link| link.lead != ascription.lead)) {
                self.observed.wanted_texts.push(draft.record.id.clone());
                return Ok(());
            }
        }
        self.forget_others(engine, &draft.record, &ascriptions, Keep::Converted)?;
        self.write(engine, draft, &ascriptions)
    }

    fn no_activity(&mut self, engine: &Engine, record: &RecordRef) -> Result<()> {
        self.forget_others(engine, record, &[], Keep::Nothing)
    }

    /// Drops what the record meant for leads that it is no longer about.
    fn forget_others(
        &mut self,
        engine: &Engine,
        record: &RecordRef,
        ascriptions: &[Ascription],
        keep: Keep,
    ) -> Result<()> {
        for link in engine.store.record_links(record)? {
            if ascriptions.iter().any(|ascription| ascription.lead == link.lead) {
                continue;
            }
            if keep == Keep::Converted && self.is_closed(engine, &link.lead)? {
                continue;
            }
            self.batch.remove_record_link(record, &link.lead);
            self.batch.remove_activity(&link.lead, &link.activity);
            self.recalled.insert((link.lead.clone(), link.activity));
            if self.last_mail(engine, &link.lead)?.is_some_and(|mail| record.entity == MAIL && mail.crm_id == record.id)
            {
                self.last_mails.remove(&link.lead);
                self.batch.remove_last_mail(&link.lead);
            }
            self.touched.insert(link.lead);
        }
        Ok(())
    }

    fn is_closed(&self, engine: &Engine, lead: &LeadId) -> Result<bool> {
        let lead = match self.leads.get(lead) {
            Some(lead) => Some(lead.clone()),
            None => engine.store.lead(lead)?,
        };
        Ok(lead.is_some_and(|lead| !engine.policy.rules.is_active_status(&lead.status)))
    }

    /// Whether a user has noted how a planned call went, or moved it, and the CRM has not been told yet.
    fn is_changed_by_us(&self, lead: &LeadId, activity: &ActivityId) -> bool {
        self.pending.iter().any(|deed| deed.lead == *lead && deed.kind.planned_call() == Some(activity))
    }

    /// Remembers for whom something is planned.
    fn appoint(&mut self, engine: &Engine, draft: &ActivityDraft, activity: &Activity) -> Result<()> {
        let Some(planned) = &draft.appointment else { return Ok(()) };
        let before = engine.store.appointment(&activity.lead_id, &activity.id)?;
        let seen = appointments::seen(before.as_ref(), activity, planned, Some(&draft.record.id), engine.now());
        if let Some(seen) = seen.filter(|seen| before.as_ref() != Some(seen)) {
            self.batch.put_appointment(&seen, before.as_ref());
            self.recalled.insert((seen.lead, seen.activity));
        }
        Ok(())
    }

    /// The mail that a lead wrote last, by what is seen in this batch as well.
    fn last_mail(&self, engine: &Engine, lead: &LeadId) -> Result<Option<LastMail>> {
        match self.last_mails.get(lead) {
            Some(mail) => Ok(Some(mail.clone())),
            None => engine.store.last_mail(lead),
        }
    }

    /// Answers go under the subject of the mail that a lead wrote last.
    fn note_mail(&mut self, engine: &Engine, draft: &ActivityDraft, lead: &LeadId) -> Result<()> {
        let Some(head) = draft.mail.as_ref().filter(|_| draft.record.entity == MAIL && !draft.auto_reply) else {
            return Ok(());
        };
        let mail = LastMail { crm_id: draft.record.id.clone(), subject: head.subject.clone(), at: draft.timestamp };
        let known = self.last_mail(engine, lead)?;
        if known.as_ref().is_none_or(|known| known.at < mail.at || known.crm_id == mail.crm_id && *known != mail) {
            self.batch.put_last_mail(lead, &mail);
            self.last_mails.insert(lead.clone(), mail);
        }
        Ok(())
    }

    fn write(&mut self, engine: &Engine, draft: &ActivityDraft, ascriptions: &[Ascription]) -> Result<()> {
        let known = engine.store.record_links(&draft.record)?;
        for ascription in ascriptions {
            if ascription.direction == Direction::In {
                self.note_mail(engine, draft, &ascription.lead)?;
            }
            // A call of ours in a CRM that does not show its key.
            let id = known.iter().find(|link| link.lead == ascription.lead).map_or(&draft.id, |link| &link.activity);
            if draft.status == ActivityStatus::Planned && self.is_changed_by_us(&ascription.lead, id) {
                continue;
            }
            let before = engine.store.activity(&ascription.lead, id)?;
            let activity = build(draft, id, ascription, before.as_ref(), engine.now(), self.last_sync);
            if before.is_none() {
                let text = draft.text.as_deref().unwrap_or_default();
                self.wishes.extend(Wish::of(&activity, text));
            }
            if before.as_ref() != Some(&activity) {
                self.batch.put_activity(&activity);
                if before.is_none() {
                    engine.doubt(&mut self.batch, &activity);
                }
                self.touched.insert(ascription.lead.clone());
                self.recalled.insert((ascription.lead.clone(), id.clone()));
            }
            self.appoint(engine, draft, &activity)?;
            let link = RecordLink { lead: ascription.lead.clone(), activity: id.clone() };
            if !known.contains(&link) {
                self.batch.put_record_link(&draft.record, &link.lead, &link.activity);
            }
        }
        Ok(())
    }
}

/// When a lead that is seen so stopped being active, as well as is known: later changes of one that was closed
/// before say nothing of it, and one that was active until now was converted then, should it have been before.
fn closed_at(engine: &Engine, seen: &Lead, modified_at: Option<Timestamp>, before: Option<&Lead>) -> Option<Timestamp> {
    let is_active = |lead: &Lead| engine.policy.rules.is_active_status(&lead.status);
    if is_active(seen) {
        return None;
    }
    let now = engine.now();
    let found = match before {
        None => seen.closed_at.or(modified_at),
        Some(before) if is_active(before) => modified_at,
        Some(before) => before.closed_at.or(seen.closed_at).or(modified_at),
    };
    // The CRM's clock may be ahead of ours.
    Some(found.unwrap_or(now).min(now))
}

/// Whether a record that no longer names a lead may stay its activity.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// Yes, when the lead was closed: conversion moves its records to the account.
    Converted,
    /// No.
    Nothing,
}

/// The activity that a draft is for one lead. What was read and noted when it was first seen is kept.
fn build(
    draft: &ActivityDraft,
    id: &ActivityId,
    ascription: &Ascription,
    before: Option<&Activity>,
    now: Timestamp,
    last_sync: Option<Timestamp>,
) -> Activity {
    let text = draft.text.as_deref().or(before.map(|activity| activity.preview.as_str())).unwrap_or_default();
    let reading = read(ascription.direction, text, draft.auto_reply);
    let first_sight = FirstSight { reading, fresh_as_of: fresh_as_of(draft.timestamp, now, last_sync) };
    let kept = before.filter(|activity| activity.status != ActivityStatus::Planned);
    // What was taken for an outbound was never read.
    let kept_reading = kept.filter(|activity| activity.direction == ascription.direction);
    let planned_before = before.and_then(|activity| activity.created_at);
    Activity {
        id: id.clone(),
        lead_id: ascription.lead.clone(),
        channel: draft.channel,
        direction: ascription.direction,
        status: draft.status,
        preview: preview(text),
        timestamp: draft.timestamp,
        // When the record was made is later than when we were told, by as long as the CRM was down.
        created_at: draft.created_at.map(|at| planned_before.unwrap_or(at)),
        reading: kept_reading.map_or(first_sight.reading, |activity| activity.reading),
        first_seen: kept.map_or(now, |activity| activity.first_seen),
        fresh_as_of: kept.map_or(first_sight.fresh_as_of, |activity| activity.fresh_as_of),
    }
}

/// What is noted of an activity when it is first seen, and then kept.
struct FirstSight {
    reading: Reading,
    fresh_as_of: Timestamp,
}

/// What an inbound means; an outbound has no reading.
pub(super) fn read(direction: Direction, text: &str, auto_reply: bool) -> Reading {
    match direction {
        Direction::Out => Reading::default(),
        Direction::In if auto_reply => Reading { auto_reply: true, ..Reading::default() },
        Direction::In => reading::read(text),
    }
}

/// Before the first complete sync nothing vouches for an old message's freshness but the present.
pub(super) fn fresh_as_of(timestamp: Timestamp, now: Timestamp, last_sync: Option<Timestamp>) -> Timestamp {
    timestamp.max(last_sync.unwrap_or(now))
}

/// The part of a text that is kept.
fn preview(text: &str) -> String {
    text.chars().take(Activity::PREVIEW_CHARS).collect::<String>().trim().to_owned()
}

/// Under what the id of an activity is indexed that we were told of, and did not find.
pub(super) fn reported(id: &ActivityId) -> RecordRef {
    RecordRef::new("Reported", id.as_str())
}

/// An activity's id for what we are told by API without one.
pub(super) fn fresh_activity_id() -> ActivityId {
    ActivityId(format!("max-{:016x}", rand::random::<u64>()))
}

/// Longest silence of the sources for which what time alone decides is still trusted.
pub const STALE_AFTER_AT_LEAST: i64 = HOUR / 12;
