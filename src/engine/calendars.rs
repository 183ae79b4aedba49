//! Whose working hours are when: everybody's as configured, a rep's own where something differs.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::calendar::{Calendar, Personal};
use crate::domain::{Timestamp, UserId};
use crate::store::{Result, Store};

/// Everybody's working hours. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Calendars(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    everybody: Arc<Calendar>,
    people: BTreeMap<UserId, Personal>,
}

impl Calendars {
    /// Working hours as configured: everybody's, and in what those of some users differ.
    pub fn new(everybody: Calendar, people: BTreeMap<UserId, Personal>) -> Self {
        Self(Arc::new(Inner { everybody: Arc::new(everybody), people }))
    }

    /// The working hours of those who have none of their own.
    pub fn everybody(&self) -> &Arc<Calendar> {
        &self.0.everybody
    }

    /// A user's working hours.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(&self, _store: &Store, user: &UserId) -> Result<Arc<Calendar>> {
        Ok(match self.0.people.get(user) {
            Some(personal) => Arc::new(self.0.everybody.of_person(personal)),
            None => self.0.everybody.clone(),
        })
    }

    /// The working hours of a lead's owner; everybody's when it has none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of_owner(&self, store: &Store, owner: Option<&UserId>) -> Result<Arc<Calendar>> {
        owner.map_or_else(|| Ok(self.0.everybody.clone()), |owner| self.of(store, owner))
    }

    /// Whether a user is away at `now`: as he or she says, or by the calendar.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn is_away(&self, store: &Store, user: &UserId, now: Timestamp) -> Result<bool> {
        let says_so = store.preferences(user)?.away_until.is_some_and(|until| now < until);
        Ok(says_so || self.of(store, user)?.is_away(now))
    }
}
