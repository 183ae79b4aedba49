//! The outbox from a worker's side: what is ready, what is done, what has to wait.

use super::Engine;
use crate::domain::{Seconds, Timestamp};
use crate::store::{Batch, OutboxEntry, Result, Store};

/// Pauses between tries, in seconds; the last one repeats.
const PAUSES: [Seconds; 7] = [2, 5, 15, 60, 180, 600, 1_800];

/// How long to wait after so many tries in vain (at least 1).
pub fn pause_after(attempts: u32) -> Seconds {
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX).min(PAUSES.len() - 1);
    PAUSES[index]
}

/// What a worker finds in the outbox.
#[derive(Clone, Debug, Default)]
pub struct Ready {
    /// The entries that may be tried now, oldest decision first, with their keys.
    pub entries: Vec<(String, OutboxEntry)>,
    /// When the next one may be.
    pub next: Option<Timestamp>,
}

/// The entries for the CRM (or for Telegram) that may be tried at `now`.
///
/// # Errors
/// When the store cannot be read.
pub fn ready(store: &Store, for_crm: bool, now: Timestamp) -> Result<Ready> {
    let mut entries = store.outbox_ready(for_crm, now)?;
    if for_crm {
        // Nothing waits longer for the CRM than the longest pause: a later instant is from before the clock was set
        // back.
        entries.extend(store.outbox_beyond(for_crm, now.plus(PAUSES[PAUSES.len() - 1]))?);
        entries.sort_by_key(|(_, entry)| entry.sequence);
    }
    // Those of one kind stay in their order.
    entries.sort_by_key(|(_, entry)| entry.effect.can_wait());
    Ok(Ready { entries, next: store.outbox_next(for_crm, now) })
}

impl Engine {
    /// An effect is done, unless it was decided again meanwhile.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn settle(&mut self, key: &str, sequence: u64) -> Result<()> {
        let mut batch = Batch::default();
        self.settle_in(&mut batch, key, sequence)?;
        self.store.apply(batch)
    }

    pub(super) fn settle_in(&self, batch: &mut Batch, key: &str, sequence: u64) -> Result<()> {
        if let Some(entry) = self.store.outbox_entry(key)? {
            if entry.sequence == sequence {
                batch.remove_outbox(key);
            } else if entry.attempts > 0 {
                // What stood in its way is gone: the new one need not wait for it.
                batch.put_outbox(OutboxEntry { attempts: 0, not_before: entry.decided_at, ..entry });
            }
        }
        Ok(())
    }

    /// An effect was tried in vain, and has to wait until `not_before`.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn postpone(&mut self, key: &str, not_before: Timestamp) -> Result<()> {
        let mut batch = Batch::default();
        if let Some(entry) = self.store.outbox_entry(key)? {
            batch.put_outbox(OutboxEntry { attempts: entry.attempts + 1, not_before, ..entry });
        }
        self.store.apply(batch)
    }

    /// Effects (by key) are not to be tried before an instant.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn put_off(&mut self, effects: &[(String, Timestamp)]) -> Result<()> {
        let mut batch = Batch::default();
        for (key, not_before) in effects {
            if let Some(entry) = self.store.outbox_entry(key)? {
                batch.put_outbox(OutboxEntry { not_before: *not_before, ..entry });
            }
        }
        self.store.apply(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_then_stay() {
        assert_eq!([1, 2, 7, 100].map(pause_after), [2, 5, 1_800, 1_800]);
    }
}
