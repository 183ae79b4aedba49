//! In which of several wordings an alert is told: nobody reads the same sentence twice in a row.

use super::Worker;
use crate::domain::{AlertId, ChatId, Wording};
use crate::engine::EngineError;

/// So many messages back it is looked for the last one of the same type.
const LOOKED_BACK: usize = 50;

impl Worker {
    /// An alert's own wording, unless the chat heard the last alert of its type in that one; `None` for several alerts
    /// in one message.
    pub(super) fn wording_for(&self, chat: ChatId, alerts: &[AlertId]) -> Result<Option<Wording>, EngineError> {
        let [id] = alerts else { return Ok(None) };
        let Some(alert) = self.store().alert(id)? else { return Ok(None) };
        for message in self.store().latest_messages(chat, LOOKED_BACK)? {
            let ([told], Some(wording)) = (message.alerts.as_slice(), message.wording) else { continue };
            if self.store().alert(told)?.is_some_and(|told| told.alert_type == alert.alert_type) {
                return Ok(Some(Wording::of(id).unlike(Some(wording))));
            }
        }
        Ok(Some(Wording::of(id)))
    }
}
