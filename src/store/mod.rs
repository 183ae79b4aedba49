//! The only room that names sled: the mirror, alerts, what is due, the outbox, cursors and links, in one tree
//! so that one batch is one atomic write.
//!
//! Reads may come from any thread. Writes come from the engine alone: it collects a [`Batch`], applies it with
//! [`Store::apply`] and makes it safe with [`Store::flush`] before it answers anybody.

mod batch;
mod keys;
mod names;
mod open;
mod outlooks;
mod rows;
mod traces;
mod upgrade;
mod waiting;

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::domain::appointment::Appointment;
use crate::domain::draft::Prepared;
use crate::domain::effect::DEEDS;
use crate::domain::event::Event;
use crate::domain::meaning::Correction;
use crate::domain::observation::RecordRef;
use crate::domain::unsubscribed::Unsubscribed;
use crate::domain::working_times::WorkingTimes;
use crate::domain::{
    Activity, ActivityId, Alert, AlertId, ChatId, Deed, DeedId, Lead, LeadId, Preferences, Team, TeamId, Timestamp,
    User, UserId,
};

pub use batch::Batch;
use keys::{ACTIVITY, ALERT, BY_ALERT, BY_CALL, BY_PLACE, BY_TIME, Key, Kind, number_at, text_after};
pub use names::Names;
pub use open::OpenError;
pub use outlooks::{Outlooks, Watched};
pub use rows::{
    AlertRecordState, Diary, Escalation, Evaluated, Hook, InsightRow, LastMail, Link, LinkRecord, LinkToken, Message,
    NotRelevant, OutboxEntry, PendingLink, RecordLink, Said, SheetRow, StepKind, StepRow, Weekly,
};
use waiting::Waiting;

/// The log target of the database itself: it repeats for every write what we say once, and better.
pub const DATABASE_LOG: &str = "sled";
/// The layout of keys and values that this version writes.
const SCHEMA: u32 = 4;
/// Bytes that hold nearly every value.
const USUAL_ROW: usize = 1_024;
/// First byte of every value: the encoding of what follows.
const ENCODING: u8 = 1;

/// Why the store could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// sled says no: the disk is full, or broken.
    #[error("store: {0}")]
    Sled(#[from] sled::Error),
    /// The operating system says no.
    #[error("store: {0}")]
    Io(#[from] std::io::Error),
    /// A value is not what this version writes.
    #[error("store: the value of a `{kind}` key cannot be read: {reason}")]
    Value {
        /// The letter of its kind.
        kind: char,
        /// What is wrong with it.
        reason: String,
    },
}

impl StoreError {
    /// Whether the disk, not a value, is the trouble: then nothing can be written any more.
    pub fn is_of_the_disk(&self) -> bool {
        match self {
            Self::Sled(_) | Self::Io(_) => true,
            Self::Value { .. } => false,
        }
    }
}

/// The store's answer.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The opened store. Cheap to clone; clones are the same store.
#[derive(Clone)]
pub struct Store {
    tree: sled::Tree,
    inner: Arc<Inner>,
}

struct Inner {
    db: sled::Db,
    file: File,
    /// Written by the engine's thread alone, in step with the tree.
    outlooks: RwLock<Outlooks>,
    /// Batches applied.
    writes: AtomicU64,
    /// What the outbox holds.
    waiting: Mutex<Waiting>,
    /// What leads are called, once somebody has asked.
    names: RwLock<Option<Names>>,
    /// Held by whoever makes the above.
    naming: Mutex<bool>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// Opens the store in the folder `path`, creating it when missing and bringing it up to date when it is older.
    ///
    /// # Errors
    /// When another process has it open, it was written by a newer version, or the disk says no.
    pub fn open(path: &Path) -> std::result::Result<Self, OpenError> {
        Self::open_and(path, |tree, found| {
            upgrade::upgrade(tree, found).map_err(|source| OpenError::Content { path: path.to_owned(), source })
        })
    }

    /// The same for a look: an older store is refused, and left as it is.
    ///
    /// # Errors
    /// As [`Store::open`], and [`OpenError::Older`].
    pub fn open_unchanged(path: &Path) -> std::result::Result<Self, OpenError> {
        Self::open_and(path, |_, found| Err(OpenError::Older { path: path.to_owned(), found, known: SCHEMA }))
    }

    fn open_and(
        path: &Path,
        when_older: impl FnOnce(&sled::Tree, u32) -> std::result::Result<(), OpenError>,
    ) -> std::result::Result<Self, OpenError> {
        let (db, file) = open::open(path)?;
        let tree = (*db).clone();
        let content = |source| OpenError::Content { path: path.to_owned(), source };
        let schema = get::<u32>(&tree, &Key::new(Kind::Meta).last("schema")).map_err(content)?;
        match schema {
            Some(found) if found > SCHEMA => {
                return Err(OpenError::Newer { path: path.to_owned(), found, known: SCHEMA });
            }
            Some(SCHEMA) => {}
            Some(found) => when_older(&tree, found)?,
            None => {}
        }
        let outlooks = RwLock::new(load_outlooks(&tree).map_err(content)?);
        let waiting = Mutex::new(load_waiting(&tree).map_err(content)?);
        let writes = AtomicU64::new(0);
        let (names, naming) = (RwLock::default(), Mutex::default());
        let inner = Inner { db, file, outlooks, writes, waiting, names, naming };
        let store = Self { tree, inner: Arc::new(inner) };
        if schema != Some(SCHEMA) {
            let mut batch = Batch::default();
            batch.put_meta("schema", &SCHEMA);
            store.apply(batch).and_then(|()| store.flush()).map_err(content)?;
        }
        Ok(store)
    }

    /// The index is plain data that every change leaves whole, so a panic elsewhere does not spoil it.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.inner.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is a store in the folder `path`, which opening would make.
    pub fn is_in(path: &Path) -> bool {
        open::is_in(path)
    }

    /// Writes a batch: all of it or nothing, also across a kill. Not yet safe against power loss: see
    /// [`Store::flush`].
    ///
    /// # Errors
    /// When the disk says no; then nothing of it counts.
    pub fn apply(&self, mut batch: Batch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let changes = batch.take_changes();
        let changed = (!changes.is_empty()).then(|| {
            let outlooks = self.outlooks();
            let changed = outlooks.changed(changes);
            outlooks.rows(&changed).for_each(|(bucket, row)| batch.put_bucket(bucket, &row));
            changed
        });
        let named = batch.take_named();
        let outbox = batch.take_outbox();
        let planned = (!outbox.is_empty()).then(|| self.waiting().plan(outbox, |row| self.outbox_row(row)));
        let planned = planned.transpose()?;
        if let Some(planned) = &planned {
            planned.rows.iter().for_each(|(row, entries)| batch.put_outbox_row(*row, entries));
        }
        self.tree.apply_batch(batch.into_rows())?;
        self.rename(&named)?;
        if let Some(changed) = changed {
            self.inner.outlooks.write().unwrap_or_else(PoisonError::into_inner).accept(changed);
        }
        if let Some(planned) = planned {
            self.waiting().accept(planned);
        }
        self.inner.writes.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// Keeps what leads are called true, once it is known.
    fn rename(&self, leads: &[LeadId]) -> Result<()> {
        if leads.is_empty() || self.inner.names.read().unwrap_or_else(PoisonError::into_inner).is_none() {
            return Ok(());
        }
        for lead in leads {
            // Before the lock is taken: whoever searches holds it too.
            let Some(lead) = self.lead(lead)? else { continue };
            if let Some(names) = &mut *self.inner.names.write().unwrap_or_else(PoisonError::into_inner) {
                names.set(&lead);
            }
        }
        Ok(())
    }

    /// Has `look` look at what all leads are called. The first time every lead is read for it, beside the writer.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn with_names<T>(&self, look: impl FnOnce(&Names) -> T) -> Result<T> {
        let mut is_made = self.inner.naming.lock().unwrap_or_else(PoisonError::into_inner);
        if !*is_made {
            self.names_mut(|_| ());
            let mut leads = self.leads();
            loop {
                let some: Vec<Lead> = leads.by_ref().take(1_000).collect::<Result<_>>()?;
                if some.is_empty() {
                    break;
                }
                self.names_mut(|names| some.iter().for_each(|lead| names.fill(lead)));
            }
            *is_made = true;
        }
        drop(is_made);
        let names = self.inner.names.read().unwrap_or_else(PoisonError::into_inner);
        Ok(look(names.as_ref().unwrap_or(&Names::default())))
    }

    fn names_mut(&self, change: impl FnOnce(&mut Names)) {
        let mut names = self.inner.names.write().unwrap_or_else(PoisonError::into_inner);
        change(names.get_or_insert_default());
    }

    /// How many batches were applied since the store was opened.
    pub fn writes(&self) -> u64 {
        self.inner.writes.load(Ordering::SeqCst)
    }

    /// Returns when everything applied so far has reached the disk itself.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn flush(&self) -> Result<()> {
        self.inner.db.flush()?;
        // On Linux sled's flush leaves the data in the drive's cache (sled issue 1452).
        Ok(self.inner.file.sync_data()?)
    }

    /// Bytes on disk.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn size_on_disk(&self) -> Result<u64> {
        Ok(self.inner.db.size_on_disk()?)
    }

    /// A named value of ours.
    pub fn meta<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        self.get(&Key::new(Kind::Meta).last(name))
    }

    /// A cursor by its name.
    pub fn cursor<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        self.get(&Key::new(Kind::Cursor).last(name))
    }

    /// A lead.
    pub fn lead(&self, id: &LeadId) -> Result<Option<Lead>> {
        self.get(&Key::new(Kind::Lead).last(id.as_str()))
    }

    /// Every lead, by id.
    pub fn leads(&self) -> impl Iterator<Item = Result<Lead>> + use<> {
        self.values(&Key::new(Kind::Lead))
    }

    /// The ids of every lead, by id.
    pub fn lead_ids(&self) -> impl Iterator<Item = Result<LeadId>> + use<> {
        self.keys(&Key::new(Kind::Lead)).map(|key| Ok(LeadId(text_after(&key?, 1))))
    }

    /// The same from the one after `after` on.
    pub fn lead_ids_after(&self, after: Option<&LeadId>) -> impl Iterator<Item = Result<LeadId>> + use<> {
        // Nothing sorts between a key and the same with a zero byte.
        let start = after.map_or_else(|| Key::new(Kind::Lead), |id| Key::new(Kind::Lead).part(id.as_str()));
        let end = vec![Kind::Lead as u8 + 1];
        self.tree.range(start.into_bytes()..end).keys().map(|key| Ok(LeadId(text_after(&key?, 1))))
    }

    /// What happened with a lead: its activities, ordered by (timestamp, id), and its alerts, by id; in one look.
    pub fn history(&self, lead: &LeadId) -> Result<(Vec<Activity>, Vec<Alert>)> {
        let prefix = Key::new(Kind::History).part(lead.as_str());
        let (mut activities, mut alerts) = (Vec::new(), Vec::new());
        for row in self.tree.scan_prefix(prefix.bytes()) {
            let (key, value) = row?;
            let rest = &key[prefix.bytes().len()..];
            if rest.starts_with(ACTIVITY.as_bytes()) {
                activities.push(decode(&key, &value)?);
            } else if rest.starts_with(ALERT.as_bytes()) {
                alerts.push(decode(&key, &value)?);
            }
        }
        sort(&mut activities);
        Ok((activities, alerts))
    }

    /// A lead's activities, ordered by (timestamp, id).
    pub fn activities(&self, lead: &LeadId) -> Result<Vec<Activity>> {
        let mut activities: Vec<Activity> =
            self.values(&Key::new(Kind::History).part(lead.as_str()).letter(ACTIVITY)).collect::<Result<_>>()?;
        sort(&mut activities);
        Ok(activities)
    }

    /// One activity of a lead.
    pub fn activity(&self, lead: &LeadId, id: &ActivityId) -> Result<Option<Activity>> {
        self.get(&batch::activity_key(lead, id))
    }

    /// What a CRM record means: for which leads, and as which activity.
    pub fn record_links(&self, record: &RecordRef) -> Result<Vec<RecordLink>> {
        let prefix = Key::new(Kind::Record).part(&record.to_string());
        let start = prefix.bytes().len();
        self.pairs(&prefix)
            .map(|pair| {
                let (key, activity) = pair?;
                Ok(RecordLink { lead: LeadId(text_after(&key, start)), activity })
            })
            .collect()
    }

    /// The ids of all records of an entity that mean an activity, once each, by id.
    pub fn record_ids(&self, entity: &str) -> Result<Vec<String>> {
        let prefix = Key::new(Kind::Record).last(&format!("{entity}:"));
        let start = prefix.bytes().len();
        let mut ids = Vec::new();
        for key in self.keys(&prefix) {
            let text = text_after(&key?, start);
            let id = text.split('\0').next().unwrap_or_default().to_owned();
            if ids.last() != Some(&id) {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    /// The leads that have this mail address (lower case).
    pub fn leads_by_address(&self, address: &str) -> Result<Vec<LeadId>> {
        let prefix = Key::new(Kind::Address).part(address);
        let start = prefix.bytes().len();
        self.keys(&prefix).map(|key| Ok(LeadId(text_after(&key?, start)))).collect()
    }

    /// A user.
    pub fn user(&self, id: &UserId) -> Result<Option<User>> {
        self.get(&Key::new(Kind::User).last(id.as_str()))
    }

    /// Every user, by id.
    pub fn users(&self) -> Result<Vec<User>> {
        self.values(&Key::new(Kind::User)).collect()
    }

    /// A team.
    pub fn team(&self, id: &TeamId) -> Result<Option<Team>> {
        self.get(&Key::new(Kind::Team).last(id.as_str()))
    }

    /// An alert.
    pub fn alert(&self, id: &AlertId) -> Result<Option<Alert>> {
        let lead: Option<LeadId> = self.get(&Key::new(Kind::AlertLead).last(id.as_str()))?;
        lead.map_or(Ok(None), |lead| self.get(&batch::alert_key(&lead, id)))
    }

    /// Every alert of a lead, whatever its state.
    pub fn alerts_of(&self, lead: &LeadId) -> Result<Vec<Alert>> {
        self.values(&Key::new(Kind::History).part(lead.as_str()).letter(ALERT)).collect()
    }

    /// Every alert that is open or snoozed.
    pub fn open_alerts(&self) -> Result<Vec<Alert>> {
        self.alerts_named(Kind::OpenAlert)
    }

    /// Every alert.
    pub fn all_alerts(&self) -> Result<Vec<Alert>> {
        self.alerts_named(Kind::AlertLead)
    }

    fn alerts_named(&self, index: Kind) -> Result<Vec<Alert>> {
        let mut alerts = Vec::new();
        for key in self.keys(&Key::new(index)) {
            alerts.extend(self.alert(&AlertId(text_after(&key?, 1)))?);
        }
        Ok(alerts)
    }

    /// Steps in alerts' lives from `since` (inclusive) on, oldest first.
    pub fn steps_since(&self, since: Timestamp) -> Result<Vec<StepRow>> {
        let from = Key::new(Kind::Step).number(since.0).into_bytes();
        let to = vec![Kind::Step as u8 + 1];
        self.tree
            .range(from..to)
            .map(|pair| {
                let (key, value) = pair?;
                decode(&key, &value)
            })
            .collect()
    }

    /// When the first step in any alert's life was taken.
    pub fn first_step(&self) -> Result<Option<Timestamp>> {
        let first = self.keys(&Key::new(Kind::Step)).next().transpose()?;
        Ok(first.and_then(|key| number_at(&key, 1)).map(Timestamp))
    }

    /// The figures that say whether it helps, by whose they are.
    pub fn kpi<T: DeserializeOwned>(&self, whose: &str) -> Result<Option<T>> {
        self.get(&Key::new(Kind::Kpi).last(whose))
    }

    /// Whose figures are kept.
    pub fn kpis(&self) -> Result<Vec<String>> {
        self.keys(&Key::new(Kind::Kpi)).map(|key| Ok(text_after(&key?, 1))).collect()
    }

    /// What happened to an alert, oldest first: the first event and the latest, at most `most` (at least 1).
    pub fn events(&self, alert: &AlertId, most: usize) -> Result<Vec<Event>> {
        let prefix = Key::new(Kind::Event).part(alert.as_str());
        let mut latest: Vec<Event> = Vec::new();
        for pair in self.tree.scan_prefix(prefix.bytes()).rev().take(most) {
            let (key, value) = pair?;
            latest.push(decode(&key, &value)?);
        }
        latest.reverse();
        if let (true, Some(first)) = (latest.len() == most, self.values(&prefix).next()) {
            latest[0] = first?;
        }
        Ok(latest)
    }

    /// The CRM's id of an activity's `MaxActivity` record, if it is known to have one.
    pub fn activity_record(&self, lead: &LeadId, activity: &ActivityId) -> Result<Option<String>> {
        self.get(&Key::new(Kind::ActivityRecord).part(lead.as_str()).last(activity.as_str()))
    }

    /// When a lead was evaluated and is due.
    pub fn evaluated(&self, lead: &LeadId) -> Evaluated {
        self.outlooks().evaluated(lead)
    }

    /// What lies ahead of all leads. Nothing can be written while it is held.
    pub fn outlooks(&self) -> RwLockReadGuard<'_, Outlooks> {
        self.inner.outlooks.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Up to `limit` leads that are due at or before `now`, soonest first.
    pub fn due(&self, now: Timestamp, limit: usize) -> Vec<LeadId> {
        self.outlooks().due(now, limit)
    }

    /// The soonest instant at which a lead is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.outlooks().next_due()
    }

    /// The outbox: effects' keys and entries, oldest decision first.
    pub fn outbox(&self) -> Result<Vec<(String, OutboxEntry)>> {
        let mut all = Vec::new();
        for entries in self.values::<Vec<OutboxEntry>>(&Key::new(Kind::Outbox)) {
            all.extend(entries?.into_iter().map(|entry| (entry.effect.key(), entry)));
        }
        all.sort_by_key(|(_, entry)| entry.sequence);
        Ok(all)
    }

    fn outbox_row(&self, row: u64) -> Result<Vec<OutboxEntry>> {
        Ok(self.get(&batch::outbox_key(row))?.unwrap_or_default())
    }

    /// The entries for the CRM (or for Telegram) that may be tried at `now`, oldest decision first, with their keys.
    pub fn outbox_ready(&self, for_crm: bool, now: Timestamp) -> Result<Vec<(String, OutboxEntry)>> {
        let keys = self.waiting().ready(for_crm, now);
        self.outbox_entries(keys)
    }

    /// The same of those that are to wait until after `at`.
    pub fn outbox_beyond(&self, for_crm: bool, at: Timestamp) -> Result<Vec<(String, OutboxEntry)>> {
        let keys = self.waiting().beyond(for_crm, at);
        self.outbox_entries(keys)
    }

    fn outbox_entries(&self, keys: Vec<String>) -> Result<Vec<(String, OutboxEntry)>> {
        let waiting = self.waiting();
        let rows: BTreeSet<u64> = keys.iter().filter_map(|key| waiting.row(key)).collect();
        drop(waiting);
        let wanted: HashSet<String> = keys.into_iter().collect();
        let mut entries = Vec::with_capacity(wanted.len());
        for row in rows {
            let found = self.outbox_row(row)?.into_iter().map(|entry| (entry.effect.key(), entry));
            entries.extend(found.filter(|(key, _)| wanted.contains(key)));
        }
        entries.sort_by_key(|(_, entry)| entry.sequence);
        Ok(entries)
    }

    /// When the first entry that has to wait at `now` need not any more.
    pub fn outbox_next(&self, for_crm: bool, now: Timestamp) -> Option<Timestamp> {
        self.waiting().next(for_crm, now)
    }

    /// Grows with every change of the entries for the CRM (or for Telegram).
    pub fn outbox_changes(&self, for_crm: bool) -> u64 {
        self.waiting().changes(for_crm)
    }

    /// How many entries the outbox holds.
    pub fn outbox_len(&self) -> usize {
        self.waiting().len()
    }

    /// When the oldest entry was decided; of those for the CRM (or for Telegram), if it is said which.
    pub fn outbox_oldest(&self, for_crm: Option<bool>) -> Option<Timestamp> {
        self.waiting().oldest(for_crm)
    }

    /// The greatest sequence number in the outbox; 0 when it is empty.
    pub fn outbox_last_sequence(&self) -> u64 {
        self.waiting().last_sequence()
    }

    /// One entry of the outbox.
    pub fn outbox_entry(&self, key: &str) -> Result<Option<OutboxEntry>> {
        // Most are asked for because they might be there, and are not: the tree would be searched in vain.
        let Some(row) = self.waiting().row(key) else { return Ok(None) };
        Ok(self.outbox_row(row)?.into_iter().find(|entry| entry.effect.key() == key))
    }

    /// The alerts that users found beside the point, oldest first.
    pub fn not_relevant(&self) -> Result<Vec<NotRelevant>> {
        self.values(&Key::new(Kind::NotRelevant)).collect()
    }

    /// What a person said that a message means, if somebody did.
    pub fn correction(&self, lead: &LeadId, activity: &ActivityId) -> Result<Option<Correction>> {
        self.get(&Key::new(Kind::Correction).part(lead.as_str()).last(activity.as_str()))
    }

    /// The same of all messages, by lead.
    pub fn all_corrections(&self) -> Result<Vec<Correction>> {
        self.values(&Key::new(Kind::Correction)).collect()
    }

    /// What came of a lead's wish for no more messages, if it had one.
    pub fn unsubscribed(&self, lead: &LeadId) -> Result<Option<Unsubscribed>> {
        self.get(&Key::new(Kind::Unsubscribed).last(lead.as_str()))
    }

    /// The same of all leads, by id.
    pub fn all_unsubscribed(&self) -> Result<Vec<Unsubscribed>> {
        self.values(&Key::new(Kind::Unsubscribed)).collect()
    }

    /// A deed.
    pub fn deed(&self, id: &DeedId) -> Result<Option<Deed>> {
        self.get(&Key::new(Kind::Deed).last(id.as_str()))
    }

    /// Every deed that is remembered.
    pub fn deeds(&self) -> Result<Vec<Deed>> {
        self.values(&Key::new(Kind::Deed)).collect()
    }

    /// The deeds that the CRM is still to be told, oldest first.
    pub fn pending_deeds(&self) -> Result<Vec<Deed>> {
        let mut pending = Vec::new();
        let keys = self.waiting().beginning_with(DEEDS);
        for key in keys {
            let id = DeedId::from(key.strip_prefix(DEEDS).unwrap_or_default());
            let entry = self.outbox_entry(&key)?;
            pending.extend(entry.map(|entry| entry.sequence).zip(self.deed(&id)?));
        }
        pending.sort_by_key(|(sequence, _)| *sequence);
        Ok(pending.into_iter().map(|(_, deed)| deed).collect())
    }

    /// The records to look at again, each with the sequence number of its latest hint.
    pub fn hints(&self) -> Result<Vec<(RecordRef, u64)>> {
        self.pairs(&Key::new(Kind::Hint))
            .map(|pair| {
                let (key, sequence) = pair?;
                let text = text_after(&key, 1);
                let (entity, id) = text.split_once('\0').unwrap_or((&text, ""));
                Ok((RecordRef::new(entity, id), sequence))
            })
            .collect()
    }

    /// An activity of whose text somebody else is to be asked, and its lead.
    pub fn doubt(&self) -> Result<Option<(LeadId, ActivityId)>> {
        let Some(pair) = self.pairs::<()>(&Key::new(Kind::Doubt)).next() else { return Ok(None) };
        let text = text_after(&pair?.0, 1);
        let (lead, activity) = text.split_once('\0').unwrap_or((&text, ""));
        Ok(Some((LeadId::from(lead), ActivityId::from(activity))))
    }

    /// The sequence number of a record's latest hint, if there is one.
    pub fn hint(&self, record: &RecordRef) -> Result<Option<u64>> {
        self.get(&Key::new(Kind::Hint).part(&record.entity).last(&record.id))
    }

    /// A Telegram message.
    pub fn message(&self, chat: ChatId, message_id: i32) -> Result<Option<Message>> {
        let key = |kind| Key::new(kind).number(chat.0).number(message_id.into());
        let message: Option<Message> = self.get(&key(Kind::Message))?;
        message.map(|message| Ok(Message { wording: self.get(&key(Kind::Wording))?, ..message })).transpose()
    }

    /// The latest messages in a chat, newest first, at most so many.
    pub fn latest_messages(&self, chat: ChatId, most: usize) -> Result<Vec<Message>> {
        let prefix = Key::new(Kind::Message).number(chat.0);
        let start = prefix.bytes().len();
        let mut messages = Vec::new();
        for pair in self.tree.scan_prefix(prefix.bytes()).rev().take(most) {
            let (key, _) = pair?;
            let Some(id) = number_at(&key, start) else { continue };
            messages.extend(self.message(chat, i32::try_from(id).unwrap_or_default())?);
        }
        Ok(messages)
    }

    /// The Telegram messages of a chat, latest first.
    pub fn messages_in(&self, chat: ChatId) -> impl Iterator<Item = Result<Message>> + use<> {
        let prefix = Key::new(Kind::Message).number(chat.0);
        self.tree.scan_prefix(prefix.bytes()).rev().map(|pair| {
            let (key, value) = pair?;
            decode(&key, &value)
        })
    }

    /// The Telegram messages that speak of an alert.
    pub fn messages_about(&self, alert: &AlertId) -> Result<Vec<Message>> {
        let prefix = Key::new(Kind::AlertMessage).part(alert.as_str());
        let start = prefix.bytes().len();
        let mut messages = Vec::new();
        for key in self.keys(&prefix) {
            let key = key?;
            let (Some(chat), Some(id)) = (number_at(&key, start), number_at(&key, start + 8)) else { continue };
            messages.extend(self.message(ChatId(chat), i32::try_from(id).unwrap_or_default())?);
        }
        Ok(messages)
    }

    /// What Telegram delivered and was not carried out yet, as JSON, in Telegram's order.
    pub fn updates(&self) -> Result<Vec<String>> {
        self.values(&Key::new(Kind::Update)).collect()
    }

    /// The alerts that the latest `most` messages to a chat are about, latest first.
    pub fn alerts_told_in(&self, chat: ChatId, most: usize) -> Result<Vec<AlertId>> {
        let prefix = Key::new(Kind::Message).number(chat.0);
        let mut alerts = Vec::new();
        for pair in self.tree.scan_prefix(prefix.bytes()).rev().take(most) {
            let (key, value) = pair?;
            alerts.extend(decode::<Message>(&key, &value)?.alerts);
        }
        Ok(alerts)
    }

    /// The prepared message that a message shows.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn prepared(&self, chat: ChatId, message_id: i32) -> Result<Option<Prepared>> {
        self.get(&batch::prepared_key(chat, message_id))
    }

    /// The prepared messages in a chat, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn prepared_in(&self, chat: ChatId) -> Result<Vec<Prepared>> {
        self.values(&Key::new(Kind::Prepared).letter(BY_PLACE).number(chat.0)).collect()
    }

    /// The prepared messages for an alert.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn prepared_for(&self, alert: &AlertId) -> Result<Vec<Prepared>> {
        let prefix = Key::new(Kind::Prepared).letter(BY_ALERT).part(alert.as_str());
        let start = prefix.bytes().len();
        let mut prepared = Vec::new();
        for key in self.keys(&prefix) {
            let key = key?;
            let (Some(chat), Some(id)) = (number_at(&key, start), number_at(&key, start + 8)) else { continue };
            prepared.extend(self.prepared(ChatId(chat), i32::try_from(id).unwrap_or_default())?);
        }
        Ok(prepared)
    }

    /// Whom a Telegram account belongs to.
    pub fn link(&self, account: i64) -> Result<Option<Link>> {
        self.get(&Key::new(Kind::Link).number(account))
    }

    /// Every link.
    pub fn links(&self) -> Result<Vec<Link>> {
        self.values(&Key::new(Kind::Link)).collect()
    }

    /// The mail that a lead wrote last, as far as is known.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn last_mail(&self, lead: &LeadId) -> Result<Option<LastMail>> {
        self.get(&Key::new(Kind::LastMail).last(lead.as_str()))
    }

    /// Who works when, as the CRM keeps it; nothing where it does not, or does not show it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn working_times(&self) -> Result<WorkingTimes> {
        Ok(self.get(&Key::new(Kind::WorkingTimes))?.unwrap_or_default())
    }

    /// What a user wishes.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn preferences(&self, user: &UserId) -> Result<Preferences> {
        Ok(self.get(&Key::new(Kind::Preferences).last(user.as_str()))?.unwrap_or_default())
    }

    /// A manager's week.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn weekly(&self, user: &UserId) -> Result<Weekly> {
        Ok(self.get(&Key::new(Kind::Weekly).last(user.as_str()))?.unwrap_or_default())
    }

    /// What was said to somebody: a user's id, or a chat's.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn diary(&self, whose: &str) -> Result<Diary> {
        Ok(self.get(&Key::new(Kind::Diary).last(whose))?.unwrap_or_default())
    }

    /// What a message that lists alerts shows of them; of one that nobody turned, its own list's first page.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn sheet(&self, chat: ChatId, message_id: i32) -> Result<SheetRow> {
        Ok(self.get(&Key::new(Kind::Sheet).number(chat.0).number(message_id.into()))?.unwrap_or_default())
    }

    /// A link's record in the CRM, by the record's key.
    pub fn link_record(&self, key: &str) -> Result<Option<LinkRecord>> {
        self.get(&Key::new(Kind::LinkRecord).last(key))
    }

    /// The records in the CRM of every link, and of those that are still to be cut there.
    pub fn link_records(&self) -> Result<Vec<LinkRecord>> {
        self.values(&Key::new(Kind::LinkRecord)).collect()
    }

    /// A one-time token by its hash.
    pub fn token(&self, hash: &str) -> Result<Option<LinkToken>> {
        self.get(&Key::new(Kind::Token).last(hash))
    }

    /// The link that an account has opened and not yet taken, if there is one.
    pub fn pending_link(&self, account: i64) -> Result<Option<PendingLink>> {
        self.get(&Key::new(Kind::PendingLink).number(account))
    }

    /// The message that asks an account about the link that it opened.
    pub fn link_question(&self, account: i64) -> Result<Option<i32>> {
        self.get(&Key::new(Kind::LinkQuestion).number(account))
    }

    /// The account that a user wrote from last, or linked last.
    pub fn last_account(&self, user: &UserId) -> Result<Option<i64>> {
        self.get(&Key::new(Kind::LastAccount).last(user.as_str()))
    }

    /// The id that a chat has now: Telegram gives a group another when it becomes a supergroup.
    pub fn present_chat(&self, chat: ChatId) -> Result<ChatId> {
        let moved = if chat.is_group() { self.get(&Key::new(Kind::MovedChat).number(chat.0))? } else { None };
        Ok(moved.unwrap_or(chat))
    }

    /// How far others hear of an alert that nobody deals with.
    pub fn escalation(&self, alert: &AlertId) -> Result<Option<Escalation>> {
        self.get(&Key::new(Kind::Escalation).last(alert.as_str()))
    }

    /// The alerts of which others are to hear at or before `now`, soonest first.
    pub fn escalations_due(&self, now: Timestamp) -> Result<Vec<AlertId>> {
        let first = Key::new(Kind::EscalationDue).into_bytes();
        let end = Key::new(Kind::EscalationDue).number(now.0.saturating_add(1)).into_bytes();
        let alert = |key: sled::Result<sled::IVec>| Ok(AlertId(text_after(&key?, 9)));
        self.tree.range(first..end).keys().map(alert).collect()
    }

    /// The soonest instant at which others are to hear of an alert.
    pub fn next_escalation(&self) -> Result<Option<Timestamp>> {
        let first = self.keys(&Key::new(Kind::EscalationDue)).next().transpose()?;
        Ok(first.and_then(|key| number_at(&key, 1)).map(Timestamp))
    }

    /// An appointment, by the lead's activity that it is.
    pub fn appointment(&self, lead: &LeadId, activity: &ActivityId) -> Result<Option<Appointment>> {
        self.get(&batch::appointment_key(lead, activity))
    }

    /// The appointments with a lead.
    pub fn appointments_of(&self, lead: &LeadId) -> Result<Vec<Appointment>> {
        self.values(&Key::new(Kind::Appointment).letter(BY_CALL).part(lead.as_str())).collect()
    }

    /// Every appointment that is remembered.
    pub fn appointments(&self) -> Result<Vec<Appointment>> {
        self.values(&Key::new(Kind::Appointment).letter(BY_CALL)).collect()
    }

    /// The appointments of which something is to be said at or before `now`, soonest first: lead and activity.
    pub fn appointments_due(&self, now: Timestamp) -> Result<Vec<(LeadId, ActivityId)>> {
        let by_time = Key::new(Kind::Appointment).letter(BY_TIME);
        let start = by_time.bytes().len() + 8;
        let (first, end) = (by_time.clone().into_bytes(), by_time.number(now.0.saturating_add(1)).into_bytes());
        let mut due = Vec::new();
        for key in self.tree.range(first..end).keys() {
            let text = text_after(&key?, start);
            due.extend(text.split_once('\0').map(|(lead, activity)| (LeadId::from(lead), ActivityId::from(activity))));
        }
        Ok(due)
    }

    /// The planned call that a message speaks of.
    pub fn call_message(&self, chat: ChatId, message_id: i32) -> Result<Option<(LeadId, ActivityId)>> {
        self.get(&Key::new(Kind::CallMessage).number(chat.0).number(message_id.into()))
    }

    /// Our webhooks in the CRM.
    pub fn hooks(&self) -> Result<Vec<Hook>> {
        self.values(&Key::new(Kind::Webhook)).collect()
    }

    /// What we know of an alert's record in the CRM.
    pub fn alert_record(&self, alert: &AlertId) -> Result<AlertRecordState> {
        Ok(self.get(&Key::new(Kind::AlertRecord).last(alert.as_str()))?.unwrap_or_default())
    }

    /// What we know of a lead's `MaxInsight` record in the CRM, if we wrote one.
    pub fn insight(&self, lead: &LeadId) -> Result<Option<InsightRow>> {
        self.get(&Key::new(Kind::Insight).last(lead.as_str()))
    }

    /// The alert whose record in the CRM has this id.
    pub fn alert_by_record(&self, crm_id: &str) -> Result<Option<AlertId>> {
        self.get(&Key::new(Kind::RecordAlert).last(crm_id))
    }

    /// The CRM ids of all our alert records that are known to exist.
    pub fn alert_record_ids(&self) -> Result<Vec<String>> {
        self.keys(&Key::new(Kind::RecordAlert)).map(|key| Ok(text_after(&key?, 1))).collect()
    }

    fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>> {
        get(&self.tree, key)
    }

    fn pairs<T: DeserializeOwned>(&self, prefix: &Key) -> impl Iterator<Item = Result<(sled::IVec, T)>> + use<T> {
        pairs(&self.tree, prefix)
    }

    fn values<T: DeserializeOwned>(&self, prefix: &Key) -> impl Iterator<Item = Result<T>> + use<T> {
        self.pairs(prefix).map(|pair| pair.map(|(_, value)| value))
    }

    fn keys(&self, prefix: &Key) -> impl Iterator<Item = Result<sled::IVec>> + use<> {
        self.tree.scan_prefix(prefix.bytes()).keys().map(|key| Ok(key?))
    }
}

fn sort(activities: &mut [Activity]) {
    activities.sort_by(|a, b| (a.timestamp, &a.id).cmp(&(b.timestamp, &b.id)));
}

fn load_outlooks(tree: &sled::Tree) -> Result<Outlooks> {
    Outlooks::load(pairs(tree, &Key::new(Kind::Evaluated)).map(|pair| {
        let (key, row) = pair?;
        let bucket = number_at(&key, 1).and_then(|bucket| u32::try_from(bucket).ok());
        Ok((bucket.unwrap_or(u32::MAX), row))
    }))
}

fn load_waiting(tree: &sled::Tree) -> Result<Waiting> {
    let mut waiting = Waiting::default();
    for pair in pairs(tree, &Key::new(Kind::Outbox)) {
        let (key, entries): (_, Vec<OutboxEntry>) = pair?;
        let row = number_at(&key, 1).and_then(|row| u64::try_from(row).ok());
        waiting.load(row.unwrap_or_default(), &entries);
    }
    Ok(waiting)
}

fn get<T: DeserializeOwned>(tree: &sled::Tree, key: &Key) -> Result<Option<T>> {
    tree.get(key.bytes())?.map(|value| decode(key.bytes(), &value)).transpose()
}

fn pairs<T: DeserializeOwned>(
    tree: &sled::Tree,
    prefix: &Key,
) -> impl Iterator<Item = Result<(sled::IVec, T)>> + use<T> {
    tree.scan_prefix(prefix.bytes()).map(|pair| {
        let (key, value) = pair?;
        let value = decode(&key, &value)?;
        Ok((key, value))
    })
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(USUAL_ROW);
    bytes.push(ENCODING);
    // Our rows are plain data without maps of unknown length: postcard has no way to refuse them.
    postcard::to_extend(value, bytes).expect("rows are plain data")
}

fn decode<'a, T: Deserialize<'a>>(key: &[u8], value: &'a [u8]) -> Result<T> {
    let kind = key.first().copied().map_or('?', char::from);
    let broken = |reason: String| StoreError::Value { kind, reason };
    match value.split_first() {
        Some((&ENCODING, rest)) => postcard::from_bytes(rest).map_err(|error| broken(error.to_string())),
        Some((other, _)) => Err(broken(format!("encoding {other}, this version knows {ENCODING}"))),
        None => Err(broken("empty".to_owned())),
    }
}
