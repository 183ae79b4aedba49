//! Who works when, as the CRM keeps it. There are few calendars and they change rarely; a change of who follows which, and
//! what was deleted, shows nowhere else: all of them are read now and then.

use std::sync::PoisonError;

use chrono::TimeDelta;

use super::{Crm, RoundError};
use crate::domain::working_times::WorkingTimes;
use crate::domain::{HOUR, MINUTE, Seconds, Timestamp};
use crate::espo::working_times::working_times;

/// Read again after so long.
const EVERY: Seconds = 5 * MINUTE;
/// Where we may not read them: rights may be given later.
const EVERY_REFUSED: Seconds = HOUR;
/// Exceptions that ended more than so many days ago play no part any more.
const PAST_DAYS: i64 = 60;

impl Crm {
    /// Reads working hours when it is time. Where the CRM does not show them those of the configuration count.
    ///
    /// # Errors
    /// When the CRM as a whole does not answer, or the store fails.
    pub(super) async fn look_at_working_times(&self, now: Timestamp) -> Result<(), RoundError> {
        if !self.working_times_are_due(now) {
            return Ok(());
        }
        let since = (now.to_utc() - TimeDelta::days(PAST_DAYS)).date_naive();
        let times = match working_times(&self.0.client, self.zone(), since).await {
            Ok(times) => times,
            Err(error) if error.entity_missing() => {
                self.working_times_wait_until(now.plus(EVERY_REFUSED));
                tracing::debug!(%error, "the CRM does not show its working hours: those of the configuration count");
                WorkingTimes::default()
            }
            Err(error) if error.is_of_one_entity() => {
                if !self.working_times_failed(true) {
                    tracing::warn!(%error, "the CRM's working hours cannot be read; those that are known still count");
                }
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.working_times_failed(false);
        let (calendars, followers) = (times.calendars.len(), times.followed.len());
        let heed = move |engine: &mut super::Engine| engine.policy.calendars.clone().heed(&engine.store, &times);
        if self.0.engine.run(heed).await? {
            tracing::info!(calendars, followers, "the CRM's working hours are others than before");
        }
        Ok(())
    }

    fn working_times_are_due(&self, now: Timestamp) -> bool {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back does not put it off.
        let due = known.working_times_from.is_none_or(|from| now >= from || from.since(now) > EVERY_REFUSED);
        if due {
            known.working_times_from = Some(now.plus(EVERY));
        }
        due
    }

    /// Notes whether they could be read; answers whether it was so before.
    fn working_times_failed(&self, failed: bool) -> bool {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut known.working_times_failed, failed)
    }

    fn working_times_wait_until(&self, at: Timestamp) {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner).working_times_from = Some(at);
    }
}
