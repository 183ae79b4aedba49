//! In which of several wordings an alert is told: nobody reads the same sentence twice in a row.

use super::Worker;
use crate::domain::effect::Occasion;
use crate::domain::{Alert, AlertId, ChatId, Wording};
use crate::engine::EngineError;
use crate::engine::briefing::Briefing;
use crate::voice::{AlertContext, Content, Manner};

/// So many messages back it is looked for the last one of the same type.
const LOOKED_BACK: usize = 50;

impl Worker {
    /// An alert's own wording, unless the chat heard the last alert of its type in that one, or the message before it ended
    /// in the same suggestion; `None` for several alerts in one message.
    pub(super) fn wording_for(&self, chat: ChatId, alerts: &[AlertId]) -> Result<Option<Wording>, EngineError> {
        let [id] = alerts else { return Ok(None) };
        let Some(alert) = self.store().alert(id)? else { return Ok(None) };
        let mut told = Vec::new();
        for message in self.store().latest_messages(chat, LOOKED_BACK)? {
            let ([other], Some(wording)) = (message.alerts.as_slice(), message.wording) else { continue };
            told.extend(self.store().alert(other)?.map(|other| (other, wording)));
        }
        let find = |is_it: &dyn Fn(&Alert) -> bool| told.iter().find(|(other, _)| is_it(other)).map(|(_, said)| *said);
        let of_its_type = find(&|other| other.alert_type == alert.alert_type);
        // Who is told of the same again is not told it in the same words.
        let of_itself = find(&|other| other.id == alert.id);
        let usual = Wording::of(id).unlike(of_itself.or(of_its_type));
        let Some((before, wording)) = told.into_iter().next() else { return Ok(Some(usual)) };
        let manner = self.sender.speaker.manner_in(self.store(), chat)?;
        let (said, own) = (self.suggestion(before, manner)?, self.suggestion(alert, manner)?);
        let said = said.map(|say| say(wording)).filter(|said| !said.is_empty());
        let (Some(said), Some(say)) = (said, own) else { return Ok(Some(usual)) };
        let is_new = |wording: &Wording| wording.unlike(of_itself.or(of_its_type)) == *wording && say(*wording) != said;
        Ok(Some(usual.and_on().find(is_new).unwrap_or(usual)))
    }

    /// How an alert's suggestion is said, by wording.
    fn suggestion(&self, alert: Alert, manner: Manner) -> Result<Option<impl Fn(Wording) -> String>, EngineError> {
        let (speaker, now) = (self.sender.speaker.clone(), self.now());
        let briefing = Briefing::load(self.store(), &speaker, alert, now)?;
        Ok(briefing.map(|briefing| {
            move |wording| {
                let context = briefing.context(&speaker, manner, Content::Full, Occasion::Opened, now);
                speaker.voice.spoken(&AlertContext { wording, ..context })
            }
        }))
    }
}
