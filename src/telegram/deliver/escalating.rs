//! Telling those who lead that nobody has dealt with a hot lead in time: in private to whom the CRM shows the lead, in a
//! team's chat by initials.

use super::super::render::Rendered;
use super::{Attempt, Worker, fingerprint};
use crate::domain::effect::Occasion;
use crate::domain::{Alert, AlertId, ChatId, UserId};
use crate::engine::EngineError;
use crate::engine::outbox::pause_after;
use crate::engine::told::{Destination, is_about, user_in};
use crate::store::{Message, OutboxEntry, SheetRow};

impl Worker {
    pub(super) async fn escalate(
        &mut self,
        key: &str,
        entry: &OutboxEntry,
        alert: &AlertId,
        to: Destination,
    ) -> Result<(), EngineError> {
        let to = Destination { chat: self.store().present_chat(to.chat)?, ..to };
        let Some(alert) = self.escalated(alert)? else { return self.settle(key, entry.sequence).await };
        let reader = if to.chat.is_group() { None } else { user_in(self.store(), to.chat)? };
        if let Some(reader) = &reader {
            match self.sender.permissions.of(reader, &alert.lead_id).await {
                Some(rights) if rights.read => {}
                Some(_) => return self.settle(key, entry.sequence).await,
                None => {
                    let (key, again) = (key.to_owned(), self.now().plus(pause_after(entry.attempts + 1).min(60)));
                    self.wake_at_millis(again.0 * 1000);
                    return self.sender.engine.run(move |engine| engine.postpone(&key, again)).await;
                }
            }
        }
        self.tell_others(key, entry.sequence, &alert, to, reader.as_ref()).await
    }

    /// The alert, if others are still to hear of it: nobody has touched its lead since that was decided.
    fn escalated(&self, alert: &AlertId) -> Result<Option<Alert>, EngineError> {
        let Some(counted) = self.store().escalation(alert)?.filter(|counted| counted.told) else { return Ok(None) };
        Ok(self.store().alert(alert)?.filter(|alert| is_about(alert, &counted)))
    }

    async fn tell_others(
        &mut self,
        key: &str,
        sequence: u64,
        alert: &Alert,
        to: Destination,
        reader: Option<&UserId>,
    ) -> Result<(), EngineError> {
        let (occasion, told, alerts) = (Occasion::Escalated, alert.owner.clone(), vec![alert.id.clone()]);
        let wording = self.wording_for(to.chat, &alerts)?;
        let Some(rendered) = self.render(to.chat, &alerts, occasion, told.as_ref(), SheetRow::default(), wording)?
        else {
            return self.settle(key, sequence).await;
        };
        match self.send_to(to, &rendered, false).await? {
            Attempt::NotNow => Ok(()),
            Attempt::Unreachable if to.chat.is_group() => {
                let (alert, key) = (alert.id.clone(), key.to_owned());
                self.sender.engine.run(move |engine| engine.tell_without_the_chat(&alert, &key, sequence)).await?;
                self.wake_in(0);
                Ok(())
            }
            Attempt::Unreachable | Attempt::Never => self.settle(key, sequence).await,
            Attempt::Sent(message_id) => {
                let message = Message {
                    chat: to.chat,
                    message_id,
                    alerts,
                    sent_at: self.now(),
                    occasion,
                    // Once the lead is another's, it says who took it.
                    told,
                    shown: fingerprint(&rendered),
                    settled: false,
                    wording,
                };
                let (stale, done) = (self.stale_by(&message)?, vec![(key.to_owned(), sequence)]);
                let reader = reader.cloned();
                self.sender
                    .engine
                    .run(move |engine| engine.others_told(&message, &done, stale.as_ref(), reader.as_ref()))
                    .await
            }
        }
    }

    /// Whether a user who looks at an alert could take it over: others have heard of it, and it is not the user's own.
    pub(super) fn could_take(&self, chat: ChatId, alert: &AlertId) -> Result<Option<Alert>, EngineError> {
        let Some(alert) = self.escalated(alert)? else { return Ok(None) };
        let Some(reader) = user_in(self.store(), chat)? else { return Ok(None) };
        Ok(if self.concerns(&alert, &reader)? { None } else { Some(alert) })
    }

    /// Sends to a topic of a forum.
    async fn send_to(&mut self, to: Destination, message: &Rendered, silent: bool) -> Result<Attempt, EngineError> {
        self.send_in(to.chat, to.topic, message, silent).await
    }
}
