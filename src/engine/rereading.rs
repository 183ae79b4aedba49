//! A person says what a lead's message means. Its reading becomes that, the lead is evaluated again at once, and what was
//! said is kept for those who teach M.A.X. to read. Whoever chooses again takes that back.

use super::Engine;
use super::acts::Actor;
use super::evaluate::Loaded;
use super::unsubscribing::Wish;
use crate::domain::effect::Effect;
use crate::domain::meaning::{Corrected, Correction, Meaning};
use crate::domain::unsubscribed::{Unsubscribed, UnsubscribedStage};
use crate::domain::{Activity, ActivityId, Lead, LeadId};
use crate::store::{Batch, Result, Store};

/// What a message is taken to mean: what a person said, else what it was read to mean.
///
/// # Errors
/// When the store cannot be read.
pub fn meaning(store: &Store, message: &Activity) -> Result<Meaning> {
    if let Some(correction) = store.correction(&message.lead_id, &message.id)? {
        return Ok(correction.means);
    }
    let mark = mark_by(store, message)?;
    Ok(if mark.is_some_and(|mark| mark.counts()) { Meaning::Unsubscribe } else { Meaning::of(message.reading) })
}

/// What came of a message that was taken for a wish for no more messages.
fn mark_by(store: &Store, message: &Activity) -> Result<Option<Unsubscribed>> {
    Ok(store.unsubscribed(&message.lead_id)?.filter(|mark| mark.activity == message.id))
}

impl Engine {
    /// A person says what a message means; `None` when there is no such message.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn correct(
        &mut self,
        lead: &LeadId,
        message: &ActivityId,
        means: Meaning,
        actor: &Actor,
    ) -> Result<Option<Corrected>> {
        let Some((lead, message)) = self.store.lead(lead)?.zip(self.store.activity(lead, message)?) else {
            return Ok(None);
        };
        let read_as = self.read_as(&message)?;
        let mut done = Corrected { as_read: read_as == means, opened: false, closed: false, crm_was_told: false };
        let mark = mark_by(&self.store, &message)?;
        done.crm_was_told = means != Meaning::Unsubscribe && mark.as_ref().is_some_and(is_told);
        if meaning(&self.store, &message)? == means {
            return Ok(Some(done));
        }
        // What follows from it begins now: nobody was late with what nobody knew.
        self.evaluate_lead(&lead.id)?;
        let silence = self.silence_of(&lead.id);
        let batch = self.said(&message, read_as, means, actor)?;
        match mark {
            _ if means == Meaning::Unsubscribe => self.mark_by_hand(batch, &lead, &message, actor)?,
            Some(mark) if mark.stage == UnsubscribedStage::Counts => self.unmark(batch, &lead, mark, actor)?,
            Some(_) | None => self.store.apply(batch)?,
        }
        // A crash before this leaves the lead due.
        if let Some(loaded) = self.load(&lead.id)? {
            let tally = self.judge_anew(&Loaded { silence, ..loaded }, actor)?;
            (done.opened, done.closed) = (tally.opened > 0, tally.closed > 0);
        }
        Ok(Some(done))
    }

    /// What a message was read to mean before anybody said anything.
    fn read_as(&self, message: &Activity) -> Result<Meaning> {
        if let Some(before) = self.store.correction(&message.lead_id, &message.id)? {
            return Ok(before.read_as);
        }
        let was_marked = mark_by(&self.store, message)?.is_some();
        Ok(if was_marked { Meaning::Unsubscribe } else { Meaning::of(message.reading) })
    }

    /// The message as it is read from now on, and who said so. Nobody else is asked about it any more.
    fn said(&mut self, message: &Activity, read_as: Meaning, means: Meaning, actor: &Actor) -> Result<Batch> {
        let (now, mut batch) = (self.now(), Batch::default());
        batch.put_activity(&Activity { reading: means.reading(), ..message.clone() });
        batch.remove_doubt(&message.lead_id, &message.id);
        batch.put_correction(&Correction {
            lead: message.lead_id.clone(),
            activity: message.id.clone(),
            text: message.preview.clone(),
            read_as,
            means,
            by: actor.user.clone(),
            at: now,
        });
        batch.mark_due(&message.lead_id, now);
        self.add_effect(&mut batch, Effect::WriteInsight(message.lead_id.clone()), now)?;
        Ok(batch)
    }

    /// As a message that was read so, but for a lead that counts already: then nobody has to hear of it again.
    fn mark_by_hand(&mut self, batch: Batch, lead: &Lead, message: &Activity, actor: &Actor) -> Result<()> {
        let is_news = !self.store.unsubscribed(&lead.id)?.is_some_and(|mark| mark.counts());
        if is_news && !lead.deleted {
            return self.mark(batch, lead, &Wish::said(message), actor.user.as_ref());
        }
        self.store.apply(batch)
    }
}

/// Whether the CRM was told of a lead's wish.
fn is_told(mark: &Unsubscribed) -> bool {
    mark.stage == UnsubscribedStage::Noted
}
