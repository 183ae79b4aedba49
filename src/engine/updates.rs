//! What Telegram delivered: kept from its arrival until it is carried out. Telegram is told at once that it has
//! arrived, so what takes long with one person holds up nobody else, and a crash loses nothing.

use super::Engine;
use crate::store::{Batch, Result};

/// The next update to ask Telegram for.
pub const NEXT_UPDATE: &str = "telegram_offset";

impl Engine {
    /// Keeps what has arrived: ids and the updates as JSON. `next` is asked for from now on.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn updates_arrived(&mut self, updates: &[(i32, String)], next: i32) -> Result<()> {
        let mut batch = Batch::default();
        for (id, json) in updates {
            batch.put_update(*id, json);
        }
        batch.put_cursor(NEXT_UPDATE, &next);
        self.ahead.push("update-stored");
        self.store.apply(batch)
    }

    /// An update was carried out.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn update_done(&mut self, id: i32) -> Result<()> {
        let mut batch = Batch::default();
        batch.remove_update(id);
        self.store.apply(batch)
    }
}
