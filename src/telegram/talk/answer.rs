//! What a tap on a button below one of our answers does: the answer becomes what was asked for.

use super::super::bot::Bot;
use super::super::render::Rendered;
use super::super::taps::{Answer, Tap};
use super::Reader;
use crate::domain::ask::Ask;
use crate::engine::EngineError;
use crate::voice::Toast;
use crate::voice::screens::Screen;

impl Bot {
    /// Does what an answer's button means. Only in a private chat: answers stand nowhere else.
    pub(in crate::telegram) async fn answer_ask(&self, tap: &Tap, ask: Ask) -> Result<Answer, EngineError> {
        if tap.place.chat.is_group() {
            return Ok(Answer::dialog(self.toast(tap.manner, Toast::Stale)));
        }
        let reader = self.reader(tap.user.clone(), tap.place.chat)?;
        let answer = self.asked(&reader, ask, tap.place.message_id).await?;
        if let Err(error) = self.api.edit(tap.place.chat, tap.place.message_id, &answer).await {
            tracing::debug!(%error, "an answer could not be brought to what was asked for");
        }
        Ok(Answer::seen())
    }

    async fn asked(&self, reader: &Reader, ask: Ask, message_id: i32) -> Result<Rendered, EngineError> {
        let store = self.engine.store();
        let tapped = format!("{}:{message_id}", reader.chat);
        match ask {
            Ask::Alerts(filter, page) => self.alerts_page(reader, filter, page),
            Ask::Lead(lead) => self.card_if_visible(reader, &lead).await,
            Ask::Undo(id) => match store.alert(&id)? {
                Some(alert) => self.take_back(reader, &alert).await,
                None => Ok(self.screen(reader, &Screen::NothingToUndo, Vec::new())),
            },
            Ask::Done(id) => match store.alert(&id)? {
                Some(alert) => self.settle(reader, &alert).await,
                None => Ok(self.screen(reader, &Screen::AboutWhat, Vec::new())),
            },
            Ask::Later(id, until) => match store.alert(&id)?.filter(|_| until > reader.now) {
                Some(alert) => self.put_off(reader, &alert, until).await,
                None => Ok(self.screen(reader, &Screen::AboutWhat, Vec::new())),
            },
            Ask::Call(lead, at) => match (store.lead(&lead)?, at) {
                (Some(_), Some(at)) if at > reader.now => self.plan_call(reader, &lead, at, &tapped).await,
                (Some(lead), at) => self.ask_when_to_call(reader, &lead, at.is_some()),
                (None, _) => Ok(self.screen(reader, &Screen::AboutWhat, Vec::new())),
            },
            Ask::Settings(page) => self.settings(reader, page),
            Ask::Set(page, wish) => self.set(reader, page, wish).await,
            Ask::Stats(team) => self.stats(reader, team),
            Ask::CallWent(outcome) => self.call_went(reader, message_id, outcome).await,
            Ask::CallMoves(to) => self.call_moves(reader, message_id, to).await,
            Ask::Reading(lead, tag) => self.how_read(reader, &lead, tag.as_ref()).await,
            Ask::Means(lead, tag, means) => self.it_means(reader, &lead, &tag, means).await,
        }
    }
}
