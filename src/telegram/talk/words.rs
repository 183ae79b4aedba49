//! What a few words do: which alert or lead they are about, and what is wanted of it.

use teloxide::types::{InlineKeyboardButtonKind, Message as Incoming};

use super::super::bot::Bot;
use super::super::render::{self, Key, KeyKind, Rendered};
use super::Reader;
use super::asked;
use super::card::Meant;
use super::phrase::{self, Act, Intent, Moment};
use crate::domain::ask::{Ask, Until};
use crate::domain::{Alert, AlertId, Lead, LeadId, Timestamp};
use crate::engine::EngineError;
use crate::voice::Notice;
use crate::voice::screens::Screen;

/// So many messages back the alert is looked for that words without a name are about.
const MESSAGES_BACK: usize = 10;

/// What words are about.
enum About {
    /// One alert.
    Alert(Box<Alert>),
    /// A lead without one.
    Lead(LeadId),
    /// One of these.
    OneOf(Vec<Alert>),
    /// It is asked back.
    Asked(Rendered),
}

impl Bot {
    pub(super) async fn words(
        &self,
        reader: &Reader,
        text: &str,
        message_id: i32,
        replied: Option<&Incoming>,
    ) -> Result<(), EngineError> {
        let intent = phrase::read(text, reader.now, reader.calendar.zone());
        let said = format!("{}:said:{message_id}", reader.chat);
        let answer = self.heed(reader, intent, replied, &said).await?;
        self.show(reader.chat, &answer).await;
        Ok(())
    }

    async fn heed(
        &self,
        reader: &Reader,
        intent: Intent,
        replied: Option<&Incoming>,
        said: &str,
    ) -> Result<Rendered, EngineError> {
        let say = |screen: Screen<'_>| Ok(self.screen(reader, &screen, Vec::new()));
        // A time alone is the answer when it was asked when to call.
        let call = self.memory.of(reader.chat, reader.now).call.filter(|_| intent.is_bare && replied.is_none());
        if let Some((lead, _)) = call {
            return self.call(reader, lead, intent.when, said).await;
        }
        match intent.act {
            Act::Unknown => say(Screen::NotUnderstood(&reader.user)),
            Act::Thanks => say(Screen::Thanks),
            Act::Hello => say(Screen::Hello(&reader.user)),
            Act::Called => say(Screen::Called),
            Act::Help => Ok(render::notice(&self.speaker.voice, reader.manner, Notice::Help)),
            Act::Show => self.find_lead(reader, intent.who.as_deref().unwrap_or_default()).await,
            Act::Undo => {
                let act = self.memory.of(reader.chat, reader.now).act;
                match act.map(|(id, _)| self.engine.store().alert(&id)).transpose()?.flatten() {
                    Some(alert) => self.take_back(reader, &alert).await,
                    None => say(Screen::NothingToUndo),
                }
            }
            Act::Done | Act::Sent | Act::Later | Act::Call | Act::Why => {
                let about = self.about(reader, &intent, replied).await?;
                self.act_on(reader, &intent, about, said).await
            }
        }
    }

    async fn act_on(
        &self,
        reader: &Reader,
        intent: &Intent,
        about: About,
        said: &str,
    ) -> Result<Rendered, EngineError> {
        let alert = match about {
            About::Alert(alert) if intent.act == Act::Call => {
                return self.call(reader, alert.lead_id, intent.when, said).await;
            }
            About::Lead(lead) if intent.act == Act::Call => return self.call(reader, lead, intent.when, said).await,
            About::Alert(alert) => *alert,
            About::Asked(question) => return Ok(question),
            About::OneOf(alerts) => return self.which(reader, intent, &alerts),
            About::Lead(lead) => {
                let lead = self.engine.store().lead(&lead)?;
                let screen = lead.as_ref().map_or(Screen::AboutWhat, Screen::NothingOpen);
                return Ok(self.screen(reader, &screen, Vec::new()));
            }
        };
        match intent.act {
            Act::Done => self.settle(reader, &alert).await,
            Act::Sent => self.sent(reader, &alert).await,
            Act::Why => self.why(reader, alert),
            Act::Later => match self.until(reader, intent.when) {
                Ok(until) => self.put_off(reader, &alert, until).await,
                Err(past) => self.ask_when(reader, &alert, past),
            },
            Act::Call | Act::Called | Act::Undo | Act::Show | Act::Help | Act::Thanks | Act::Hello | Act::Unknown => {
                Ok(self.screen(reader, &Screen::Called, Vec::new()))
            }
        }
    }

    /// A call at the time that was said; else it is asked when.
    async fn call(
        &self,
        reader: &Reader,
        lead: LeadId,
        when: Option<Moment>,
        said: &str,
    ) -> Result<Rendered, EngineError> {
        let is_past = when == Some(Moment::Past);
        if let Some(Moment::At(at)) = when {
            return self.plan_call(reader, &lead, at, said).await;
        }
        Ok(match self.engine.store().lead(&lead)? {
            Some(lead) => self.ask_when_to_call(reader, &lead, is_past)?,
            None => self.screen(reader, &Screen::AboutWhat, Vec::new()),
        })
    }

    /// Until when something is put off: an hour when it was not said. `Err` when it is to be asked; whether what was
    /// said is over.
    fn until(&self, reader: &Reader, when: Option<Moment>) -> Result<Timestamp, bool> {
        match when {
            None => Ok(asked::end_of(reader, Until::Hour)),
            Some(Moment::At(at)) => Ok(at),
            Some(Moment::Day(day)) => {
                let until = asked::morning_of(reader, day);
                if until > reader.now { Ok(until) } else { Err(false) }
            }
            Some(Moment::Past) => Err(true),
            Some(Moment::Unclear) => Err(false),
        }
    }

    /// When shall I ask again? With the usual choices.
    fn ask_when(&self, reader: &Reader, alert: &Alert, past: bool) -> Result<Rendered, EngineError> {
        let Some(lead) = self.engine.store().lead(&alert.lead_id)? else {
            return Ok(self.screen(reader, &Screen::AboutWhat, Vec::new()));
        };
        let key =
            |until: Until| self.key(reader, until.as_str(), Ask::Later(alert.id.clone(), asked::end_of(reader, until)));
        let keyboard = vec![[Until::Hour, Until::Tomorrow, Until::Monday].map(key).to_vec()];
        Ok(self.screen(reader, &Screen::When { lead: &lead, call: false, past }, keyboard))
    }

    /// Which of several alerts is meant: a button for each.
    fn which(&self, reader: &Reader, intent: &Intent, alerts: &[Alert]) -> Result<Rendered, EngineError> {
        let content = self.speaker.content_in(reader.chat);
        let mut keyboard = Vec::new();
        for alert in alerts {
            let Some(lead) = self.engine.store().lead(&alert.lead_id)? else { continue };
            let ask = self.ask_alert(reader, intent, alert);
            let text = self.speaker.voice.lead_label(reader.manner, content, &lead);
            keyboard.push(vec![Key { text, kind: KeyKind::Ask(ask) }]);
        }
        Ok(self.screen(reader, &Screen::Which, keyboard))
    }

    /// What words are about: whom they name, the message they reply to, or what was last spoken of.
    async fn about(&self, reader: &Reader, intent: &Intent, replied: Option<&Incoming>) -> Result<About, EngineError> {
        if let Some(typed) = &intent.who {
            let (meant, similar) = self.meant_by(reader, typed).await?;
            return Ok(match meant {
                Meant::One(lead) => self.about_lead(lead.id)?,
                Meant::Several(leads) => {
                    let mut asks = Vec::with_capacity(leads.len());
                    for lead in leads {
                        let ask = self.ask_about(reader, intent, &lead)?;
                        asks.push((lead, ask));
                    }
                    About::Asked(self.choice(reader, typed, similar, &asks))
                }
                Meant::Nobody { unasked } => {
                    About::Asked(self.screen(reader, &Screen::NotFound { typed, unasked }, Vec::new()))
                }
            });
        }
        let spoken_of = match replied {
            Some(message) => self.shown_by(reader, message)?,
            None => self.last_shown(reader)?,
        };
        Ok(spoken_of.unwrap_or_else(|| About::Asked(self.screen(reader, &Screen::AboutWhat, Vec::new()))))
    }

    /// What a button for a lead does that may be the one that was named.
    fn ask_about(&self, reader: &Reader, intent: &Intent, lead: &Lead) -> Result<Ask, EngineError> {
        if intent.act == Act::Call {
            return Ok(Ask::Call(lead.id.clone(), call_at(intent.when)));
        }
        Ok(match self.about_lead(lead.id.clone())? {
            About::Alert(alert) => self.ask_alert(reader, intent, &alert),
            About::Lead(_) | About::OneOf(_) | About::Asked(_) => Ask::Lead(lead.id.clone()),
        })
    }

    /// The same for an alert.
    fn ask_alert(&self, reader: &Reader, intent: &Intent, alert: &Alert) -> Ask {
        let id = alert.id.clone();
        match (intent.act, self.until(reader, intent.when)) {
            (Act::Done | Act::Sent, _) => Ask::Done(id),
            (Act::Later, Ok(until)) => Ask::Later(id, until),
            (Act::Call, _) => Ask::Call(alert.lead_id.clone(), call_at(intent.when)),
            _ => Ask::Lead(alert.lead_id.clone()),
        }
    }

    /// A lead's most pressing open alert, or the lead.
    fn about_lead(&self, lead: LeadId) -> Result<About, EngineError> {
        let mut alerts = self.engine.store().alerts_of(&lead)?;
        alerts.retain(|alert| alert.state.is_open() && alert.opened_at.is_some());
        let alert = alerts.into_iter().min_by_key(|alert| (self.speaker.pressing(alert.severity()), alert.opened_at));
        Ok(alert.map_or(About::Lead(lead), |alert| About::Alert(Box::new(alert))))
    }

    /// What one of our messages is about: the alerts we know it tells, or the lead that its buttons name.
    fn shown_by(&self, reader: &Reader, message: &Incoming) -> Result<Option<About>, EngineError> {
        if let Some(known) = self.engine.store().message(reader.chat, message.id.0)? {
            return self.of_alerts(&known.alerts);
        }
        let keys = message.reply_markup().into_iter().flat_map(|markup| markup.inline_keyboard.iter().flatten());
        let asks = keys.filter_map(|key| match &key.kind {
            InlineKeyboardButtonKind::CallbackData(data) => Some(data.as_str()),
            _ => None,
        });
        for data in asks {
            if let Some(alert) = crate::domain::button::Button::parse(data).and_then(|button| button.alert().cloned()) {
                return self.of_alerts(&[alert]);
            }
            if let Some(Ask::Undo(alert) | Ask::Done(alert) | Ask::Later(alert, _)) = Ask::parse(data) {
                return self.of_alerts(&[alert]);
            }
        }
        Ok(None)
    }

    /// What was last spoken of in the chat: the lead whose card was asked for, or the latest message about alerts.
    fn last_shown(&self, reader: &Reader) -> Result<Option<About>, EngineError> {
        let card = self.memory.of(reader.chat, reader.now).lead;
        for message in self.engine.store().messages_in(reader.chat).take(MESSAGES_BACK) {
            let message = message?;
            if message.alerts.is_empty() {
                continue;
            }
            if card.as_ref().is_some_and(|(_, at)| *at >= message.sent_at) {
                break;
            }
            return self.of_alerts(&message.alerts);
        }
        card.map(|(lead, _)| self.about_lead(lead)).transpose()
    }

    /// One alert is that one, whatever its state; of several only those that are open.
    fn of_alerts(&self, ids: &[AlertId]) -> Result<Option<About>, EngineError> {
        let mut alerts = Vec::with_capacity(ids.len());
        for id in ids {
            alerts.extend(self.engine.store().alert(id)?);
        }
        if alerts.len() > 1 {
            alerts.retain(|alert| alert.state.is_open());
        }
        Ok(match alerts.len() {
            0 => None,
            1 => alerts.pop().map(|alert| About::Alert(Box::new(alert))),
            _ => Some(About::OneOf(alerts)),
        })
    }
}

fn call_at(when: Option<Moment>) -> Option<Timestamp> {
    match when {
        Some(Moment::At(at)) => Some(at),
        Some(Moment::Day(_) | Moment::Past | Moment::Unclear) | None => None,
    }
}
