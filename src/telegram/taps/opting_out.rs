//! What a rep says to a lead's wish for no more messages: write it into the CRM, or that the message meant something else.

use super::{Answer, Halt, Tap, Then};
use crate::domain::button::OptOut;
use crate::domain::unsubscribed::UnsubscribedStage;
use crate::domain::{Deed, DeedId, DeedKind, LeadId};
use crate::engine::unsubscribing::may_answer;
use crate::telegram::bot::Bot;
use crate::telegram::render;
use crate::voice::Toast;

impl Bot {
    pub(super) async fn opting_out(&self, tap: &Tap, answer: OptOut, lead: &LeadId) -> Result<Answer, Halt> {
        let (store, now) = (self.engine.store(), self.engine.clock().now());
        let dialog = |toast| Ok(Answer::dialog(self.toast(tap.manner, toast)));
        let Some((mark, known)) = store.unsubscribed(lead)?.zip(store.lead(lead)?) else { return dialog(Toast::Stale) };
        if tap.place.chat.is_group() || !may_answer(store, &self.people, &tap.user, &known, now)? {
            return dialog(Toast::NotYours);
        }
        match self.rights(&tap.user.id, lead, tap.asks).await? {
            None => return dialog(Toast::CannotAsk),
            Some(rights) if rights.read && (rights.edit || answer == OptOut::NotSo) => {}
            Some(_) => return dialog(Toast::NotAllowed),
        }
        // Whatever was done before shows in the message.
        if mark.stage == UnsubscribedStage::Counts {
            let actor = tap.actor();
            match answer {
                OptOut::Note => {
                    let id = DeedId::of(&[lead.as_str(), "opt_out", mark.activity.as_str()]);
                    let by = tap.user.id.clone();
                    let deed = Deed { id, lead: lead.clone(), alert: None, by, at: now, kind: DeedKind::OptOut };
                    self.engine.run(move |engine| engine.note_unsubscribed(deed, &actor)).await?;
                }
                OptOut::NotSo => {
                    let lead = lead.clone();
                    self.engine.run(move |engine| engine.not_unsubscribed(&lead, &actor)).await?;
                }
            }
        }
        let mark = store.unsubscribed(lead)?.unwrap_or(mark);
        let content = self.speaker.content_in(tap.place.chat);
        let shown = render::unsubscribed(&self.speaker.voice, tap.manner, &known, &mark, content);
        Ok(Answer::seen().then(Then::Shows(shown)))
    }
}
