//! Whose working hours are when: as the configuration says of a person, else as the CRM keeps them, else everybody's as
//! configured.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::calendar::{Calendar, Personal};
use crate::domain::working_times::WorkingTimes;
use crate::domain::{Timestamp, UserId};
use crate::store::{Batch, Result, Store};

/// Everybody's working hours. Cheap to clone; clones know the same.
#[derive(Clone, Debug, Default)]
pub struct Calendars(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    everybody: Arc<Calendar>,
    people: BTreeMap<UserId, Personal>,
    /// Worked out of the row in the store when first asked for: working hours are asked for with every lead.
    known: RwLock<Option<Arc<Known>>>,
}

#[derive(Debug)]
struct Known {
    default: Arc<Calendar>,
    own: BTreeMap<UserId, Arc<Calendar>>,
}

impl Calendars {
    /// Working hours as configured: everybody's, and in what those of some users differ.
    pub fn new(everybody: Calendar, people: BTreeMap<UserId, Personal>) -> Self {
        Self(Arc::new(Inner { everybody: Arc::new(everybody), people, known: RwLock::default() }))
    }

    /// Everybody's working hours, as configured.
    pub fn everybody(&self) -> &Arc<Calendar> {
        &self.0.everybody
    }

    /// A user's working hours.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(&self, store: &Store, user: &UserId) -> Result<Arc<Calendar>> {
        let known = self.known(store)?;
        Ok(known.own.get(user).unwrap_or(&known.default).clone())
    }

    /// The working hours of a lead's owner; when it has none, those of whoever has none of their own.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of_owner(&self, store: &Store, owner: Option<&UserId>) -> Result<Arc<Calendar>> {
        owner.map_or_else(|| Ok(self.known(store)?.default.clone()), |owner| self.of(store, owner))
    }

    /// Whether a user is away at `now`: as he or she says, or by the calendar.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn is_away(&self, store: &Store, user: &UserId, now: Timestamp) -> Result<bool> {
        let says_so = store.preferences(user)?.away_until.is_some_and(|until| now < until);
        Ok(says_so || self.of(store, user)?.is_away(now))
    }

    /// Keeps what the CRM now says of working hours. Returns whether that is news.
    pub(super) fn heed(&self, store: &Store, times: &WorkingTimes) -> Result<bool> {
        if store.working_times()? == *times {
            return Ok(false);
        }
        let mut batch = Batch::default();
        batch.put_working_times(times);
        store.apply(batch)?;
        *self.0.known.write().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(true)
    }

    fn known(&self, store: &Store) -> Result<Arc<Known>> {
        if let Some(known) = self.0.known.read().unwrap_or_else(PoisonError::into_inner).as_ref() {
            return Ok(known.clone());
        }
        // Read while nobody else may write it, so that what was heeded meanwhile is not forgotten.
        let mut place = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        let known = Arc::new(self.worked_out(&store.working_times()?));
        *place = Some(known.clone());
        Ok(known)
    }

    fn worked_out(&self, times: &WorkingTimes) -> Known {
        let everybody = &self.0.everybody;
        let named = times.exceptions.iter().flat_map(|days| &days.users);
        let users: BTreeSet<&UserId> = times.followed.keys().chain(named).chain(self.0.people.keys()).collect();
        let default = times.of(None, everybody).map_or_else(|| everybody.clone(), Arc::new);
        let of = |user: &UserId| {
            let calendar = times.of(Some(user), everybody).map_or_else(|| default.clone(), Arc::new);
            self.0.people.get(user).map_or(calendar.clone(), |personal| Arc::new(calendar.of_person(personal)))
        };
        let own = users.into_iter().map(|user| (user.clone(), of(user))).collect();
        Known { default, own }
    }
}
