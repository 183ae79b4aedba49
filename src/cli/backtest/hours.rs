//! Whose working hours a target time runs in: the owner's, as far as the configuration knows them.

use std::collections::BTreeMap;

use crate::domain::calendar::{Calendar, Personal};
use crate::domain::{Seconds, Timestamp, UserId};

use super::input::Recording;

/// Working hours as configured. EspoCRM's calendars, by which the daemon goes as well, are in no recording.
#[derive(Clone, Debug)]
pub(super) struct WorkingHours {
    pub(super) everybody: Calendar,
    /// In what those of some users differ.
    pub(super) people: BTreeMap<UserId, Personal>,
}

impl WorkingHours {
    /// The same for the owners of a recording.
    pub(super) fn of_owners(&self, recording: &Recording) -> OwnersHours<'_> {
        let of = |owner: &str| self.people.get(&UserId::from(owner)).map(|personal| self.everybody.of_person(personal));
        OwnersHours { everybody: &self.everybody, own: recording.owners().map(of).collect() }
    }
}

/// Everybody's hours, and by owner those who have their own.
#[derive(Debug)]
pub(super) struct OwnersHours<'a> {
    everybody: &'a Calendar,
    own: Vec<Option<Calendar>>,
}

impl OwnersHours<'_> {
    /// The instant so many working seconds after `from`, for the owner at a place.
    pub(super) fn after(&self, owner: Option<u32>, from: Timestamp, target: Seconds) -> Timestamp {
        let own = owner.and_then(|owner| self.own.get(owner as usize)?.as_ref());
        own.unwrap_or(self.everybody).after_working_time(from, target)
    }
}
