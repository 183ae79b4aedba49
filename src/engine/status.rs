//! How the outside systems are doing, as the workers last found them: what `/readyz` and the metrics show.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::domain::effect::Stillness;
use crate::domain::{Seconds, Timestamp};

/// One outside system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceStatus {
    /// When it last answered as it should.
    pub last_success: Option<Timestamp>,
    /// What went wrong since, if anything did.
    pub error: Option<String>,
    /// Nothing more is tried before a person has changed something.
    pub needs_person: bool,
}

/// The webhooks that came in since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deliveries {
    /// How many were believed.
    pub taken: u64,
    /// When the last of them came, and of what.
    pub last: Option<(Timestamp, String)>,
    /// How long after a record was made its webhook came, the last time that could be told, in seconds.
    pub lag: Option<Seconds>,
    /// When one was last refused for its signature.
    pub refused: Option<Timestamp>,
}

/// All of them. Cheap to clone; clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Status(Arc<Mutex<Inner>>);

#[derive(Clone, Debug, Default)]
struct Inner {
    crm: SourceStatus,
    telegram: SourceStatus,
    bot_name: Option<String>,
    alarm: Option<String>,
    hidden: BTreeMap<String, Hidden>,
    deliveries: Deliveries,
}

/// An entity type whose records the CRM does not show.
#[derive(Clone, Debug)]
struct Hidden {
    why: String,
    /// What that comes to, when leads are judged by them.
    missed: Option<Stillness>,
}

impl Status {
    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The CRM.
    pub fn crm(&self) -> SourceStatus {
        self.with(|inner| inner.crm.clone())
    }

    /// Telegram.
    pub fn telegram(&self) -> SourceStatus {
        self.with(|inner| inner.telegram.clone())
    }

    /// The CRM answered as it should. Returns whether it had not before.
    pub fn crm_ok(&self, at: Timestamp) -> bool {
        self.with(|inner| ok(&mut inner.crm, at))
    }

    /// The CRM did not answer as it should. Returns whether that is news.
    pub fn crm_failed(&self, error: String, needs_person: bool) -> bool {
        self.with(|inner| failed(&mut inner.crm, error, needs_person))
    }

    /// Telegram answered as it should. Returns whether it had not before.
    pub fn telegram_ok(&self, at: Timestamp) -> bool {
        self.with(|inner| ok(&mut inner.telegram, at))
    }

    /// Telegram did not answer as it should. Returns whether that is news.
    pub fn telegram_failed(&self, error: String, needs_person: bool) -> bool {
        self.with(|inner| failed(&mut inner.telegram, error, needs_person))
    }

    /// The bot's user name, once Telegram told it.
    pub fn bot_name(&self) -> Option<String> {
        self.with(|inner| inner.bot_name.clone())
    }

    /// Telegram told the bot's user name.
    pub fn set_bot_name(&self, name: String) {
        self.with(|inner| inner.bot_name = Some(name));
    }

    /// What keeps M.A.X. from being fit for work. `backfilled`: whether the first backfill is complete.
    pub fn reasons(&self, backfilled: bool) -> Vec<String> {
        let Inner { crm, telegram, .. } = self.with(|inner| inner.clone());
        let unread = (!backfilled).then(|| "the first backfill is not complete".to_owned());
        // What stopped the last round may be one of those missed.
        let missed = self.missed().into_iter().filter(|why| crm.error.as_ref() != Some(why));
        let missed: Vec<String> = missed.collect();
        crm.error.into_iter().chain(missed).chain(unread).chain(telegram.error).collect()
    }

    /// The same and all alarms, as one text; `None` when all is well.
    pub fn problem(&self, backfilled: bool) -> Option<String> {
        let mut all = self.reasons(backfilled);
        all.extend(self.alarm().filter(|alarm| !all.contains(alarm)));
        (!all.is_empty()).then(|| all.join("; "))
    }

    /// What a sweep lost sight of, if it was so much that nothing was dropped.
    pub fn sweep_alarm(&self) -> Option<String> {
        self.with(|inner| inner.alarm.clone())
    }

    /// Something that a person has to look into, such as a sweep that would drop too many leads.
    pub fn alarm(&self) -> Option<String> {
        self.with(|inner| {
            let all: Vec<&str> =
                inner.alarm.iter().chain(inner.hidden.values().map(|hidden| &hidden.why)).map(String::as_str).collect();
            (!all.is_empty()).then(|| all.join("; "))
        })
    }

    /// What the CRM does not show and leads are judged by, and why: as long as there is any, nobody is accused of silence.
    pub fn missed(&self) -> Vec<String> {
        self.with(|inner| {
            inner.hidden.values().filter(|hidden| hidden.missed.is_some()).map(|it| it.why.clone()).collect()
        })
    }

    /// What it comes to that leads are judged by something that the CRM does not show, if they are.
    pub fn stillness(&self) -> Option<Stillness> {
        self.with(|inner| inner.hidden.values().find_map(|hidden| hidden.missed))
    }

    /// Whether the CRM does not show the records of an entity.
    pub fn is_hidden(&self, entity: &str) -> bool {
        self.with(|inner| inner.hidden.contains_key(entity))
    }

    /// The CRM does not show the records of an entity, and why. `missed`: what that comes to, when leads are judged by
    /// them. Returns whether that is news.
    pub fn set_hidden(&self, entity: &str, why: String, missed: Option<Stillness>) -> bool {
        self.with(|inner| inner.hidden.insert(entity.to_owned(), Hidden { why, missed }).is_none())
    }

    /// The CRM shows the records of an entity. Returns whether it did not before.
    pub fn set_shown(&self, entity: &str) -> bool {
        self.with(|inner| inner.hidden.remove(entity).is_some())
    }

    /// The webhooks that came in since the start.
    pub fn deliveries(&self) -> Deliveries {
        self.with(|inner| inner.deliveries.clone())
    }

    /// A webhook for this event was believed; the newest record it tells of was made `created`.
    pub fn delivered(&self, event: &str, at: Timestamp, created: Option<Timestamp>) {
        self.with(|inner| {
            let deliveries = &mut inner.deliveries;
            deliveries.taken += 1;
            deliveries.last = Some((at, event.to_owned()));
            deliveries.lag = created.map(|created| at.since(created)).or(deliveries.lag);
        });
    }

    /// A webhook was refused for its signature.
    pub fn delivery_refused(&self, at: Timestamp) {
        self.with(|inner| inner.deliveries.refused = Some(at));
    }

    /// Raises or clears the alarm of a sweep.
    pub fn set_alarm(&self, alarm: Option<String>) {
        self.with(|inner| inner.alarm = alarm);
    }
}

fn ok(source: &mut SourceStatus, at: Timestamp) -> bool {
    let was_down = source.error.is_some();
    *source = SourceStatus { last_success: Some(at), error: None, needs_person: false };
    was_down
}

fn failed(source: &mut SourceStatus, error: String, needs_person: bool) -> bool {
    let is_news = source.error.as_ref() != Some(&error);
    source.error = Some(error);
    source.needs_person = needs_person;
    is_news
}
