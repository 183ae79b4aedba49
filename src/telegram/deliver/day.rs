//! The lists that a message of the day can show: what is open now, by what is to be done.

use super::super::render::{self, Rendered};
use super::Worker;
use crate::domain::button::Sheet;
use crate::domain::effect::Occasion;
use crate::domain::{Alert, AlertState, Bucket, ChatId, UserId};
use crate::engine::EngineError;
use crate::store::SheetRow;
use crate::voice::Notice;

impl Worker {
    /// The list that a banner's button shows in place of the message; `None` for a message that shows its own.
    pub(super) fn day_sheet(
        &self,
        chat: ChatId,
        occasion: Occasion,
        told: Option<&UserId>,
        row: SheetRow,
    ) -> Result<Option<Rendered>, EngineError> {
        let (Sheet::Of(bucket), Some(user)) = (row.sheet, told) else { return Ok(None) };
        let (speaker, now) = (&self.sender.speaker, self.now());
        let (content, manner) = (self.content_in(chat)?, speaker.manner_in(self.store(), chat)?);
        let mut open = self.open_of(user)?;
        open.retain(|alert| Bucket::of(alert.alert_type) == bucket);
        let briefings = self.briefings(open)?;
        let contexts: Vec<_> =
            briefings.iter().map(|briefing| briefing.context(speaker, manner, content, occasion, now)).collect();
        let mut rendered = render::sheet(&speaker.voice, manner, None, &contexts, row);
        if contexts.is_empty() {
            rendered.html = speaker.voice.notice_html(manner, Notice::AllClear);
        }
        Ok(Some(rendered))
    }

    /// A user's alerts that are open and not snoozed.
    pub(super) fn open_of(&self, user: &UserId) -> Result<Vec<Alert>, EngineError> {
        let mut open = self.store().open_alerts()?;
        open.retain(|alert| alert.state == AlertState::Open && alert.owner.as_ref() == Some(user));
        Ok(open)
    }
}
