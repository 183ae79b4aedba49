//! Turning the pages of a message that lists alerts, and the banner's buttons, which show another list in it.

use super::bot::Bot;
use super::taps::{Answer, Tap};
use crate::engine::EngineError;
use crate::store::SheetRow;
use crate::voice::Toast;

impl Bot {
    /// Has a message show another page. Whoever reads the chat may turn it: what it shows is rendered for that reader.
    pub(super) async fn turn_page(&self, tap: &Tap, row: SheetRow) -> Result<Answer, EngineError> {
        let place = tap.place;
        let is_own = place.chat.is_group() || place.chat == tap.private;
        if self.engine.store().message(place.chat, place.message_id)?.is_none() || !is_own {
            return Ok(Answer::dialog(self.toast(tap.manner, Toast::Stale)));
        }
        self.engine.run(move |engine| engine.turn_page(place.chat, place.message_id, row)).await?;
        Ok(Answer::seen())
    }
}
