//! A lead's card, and finding the lead by name. Nobody sees a lead here that the CRM does not show him or her.

use super::super::bot::Bot;
use super::super::render::{Key, KeyKind, Rendered, misread, opens_from_a_button};
use super::Reader;
use crate::domain::ask::Ask;
use crate::domain::button::Button;
use crate::domain::effect::Occasion;
use crate::domain::{Channel, Lead, LeadId, UserId};
use crate::engine::EngineError;
use crate::engine::dossier::Dossier;
use crate::engine::search::search;
use crate::insight::advice;
use crate::voice::screens::{Card, Screen};
use crate::voice::{ButtonLabel, Content};

/// How many leads a search offers.
const MOST_OFFERED: usize = 8;

/// What a name means to a reader.
pub(super) enum Meant {
    /// One lead, and no other.
    One(Box<Lead>),
    /// Several, or one that is not called quite so.
    Several(Vec<Lead>),
    /// None that the reader may see. Whether the CRM could not be asked about some.
    Nobody { unasked: bool },
}

impl Bot {
    /// What a typed name means: of the leads that the reader may see.
    pub(super) async fn meant_by(&self, reader: &Reader, typed: &str) -> Result<(Meant, bool), EngineError> {
        let (store, name, user) = (self.engine.store().clone(), typed.to_owned(), reader.user.id.clone());
        let found = tokio::task::spawn_blocking(move || search(&store, &name, &user)).await;
        let found = found.map_err(|_| EngineError::Died)??;
        let similar = found.by_slips || found.leads.is_empty();
        let candidates = if found.leads.is_empty() { found.near } else { found.leads };
        let (mut seen, unasked) = self.visible(&reader.user.id, candidates).await;
        let is_certain = seen.len() == 1 && !similar;
        seen.truncate(MOST_OFFERED);
        let meant = match (seen.pop(), is_certain) {
            (None, _) => Meant::Nobody { unasked },
            (Some(lead), true) => Meant::One(Box::new(lead)),
            (Some(lead), false) => {
                seen.push(lead);
                Meant::Several(seen)
            }
        };
        Ok((meant, similar))
    }

    /// Those of `leads` that a user may see: the own ones at once, others when the CRM says so. Whether it could not be
    /// asked.
    pub(super) async fn visible(&self, user: &UserId, leads: Vec<Lead>) -> (Vec<Lead>, bool) {
        let is_own = |lead: &Lead| lead.owner.as_ref() == Some(user);
        let others: Vec<LeadId> = leads.iter().filter(|lead| !is_own(lead)).map(|lead| lead.id.clone()).collect();
        if others.is_empty() {
            return (leads, false);
        }
        let rights = self.permissions.of_all(user, &others).await;
        let unasked = rights.is_none();
        let rights = rights.unwrap_or_default();
        let may_see = |lead: &Lead| is_own(lead) || rights.get(&lead.id).is_some_and(|rights| rights.read);
        (leads.into_iter().filter(may_see).collect(), unasked)
    }

    /// `/lead name`: the card, or a choice.
    pub(super) async fn find_lead(&self, reader: &Reader, typed: &str) -> Result<Rendered, EngineError> {
        let (meant, similar) = self.meant_by(reader, typed).await?;
        match meant {
            Meant::One(lead) => self.card(reader, &lead.id, None),
            // A slip of the finger, and only one can be meant: to look does no harm, and who it is is said.
            Meant::Several(leads) if similar && leads.len() == 1 => self.card(reader, &leads[0].id, Some(typed)),
            Meant::Several(leads) => {
                let show = |lead: Lead| {
                    let ask = Ask::Lead(lead.id.clone());
                    (lead, ask)
                };
                Ok(self.choice(reader, typed, similar, &leads.into_iter().map(show).collect::<Vec<_>>()))
            }
            Meant::Nobody { unasked } => Ok(self.screen(reader, &Screen::NotFound { typed, unasked }, Vec::new())),
        }
    }

    /// One button per lead.
    pub(super) fn choice(&self, reader: &Reader, typed: &str, similar: bool, leads: &[(Lead, Ask)]) -> Rendered {
        let content = self.speaker.content_in(reader.chat);
        let key = |(lead, ask): &(Lead, Ask)| {
            let text = self.speaker.voice.lead_label(reader.manner, content, lead);
            vec![Key { text, kind: KeyKind::Ask(ask.clone()) }]
        };
        let keyboard = leads.iter().map(key).collect();
        self.screen(reader, &Screen::Found { typed, count: leads.len(), similar }, keyboard)
    }

    /// A lead's card after a tap: whether it may be seen is asked again.
    pub(super) async fn card_if_visible(&self, reader: &Reader, lead: &LeadId) -> Result<Rendered, EngineError> {
        let Some(known) = self.engine.store().lead(lead)?.filter(|lead| !lead.deleted) else {
            return Ok(self.screen(reader, &Screen::AboutWhat, Vec::new()));
        };
        let (seen, unasked) = self.visible(&reader.user.id, vec![known]).await;
        match (seen.is_empty(), unasked) {
            (false, _) => self.card(reader, lead, None),
            (true, true) => Ok(self.screen(reader, &Screen::CannotAsk, Vec::new())),
            (true, false) => Ok(self.screen(reader, &Screen::NotAllowed, Vec::new())),
        }
    }

    /// The card of a lead that the reader may see; `guessed`: what was typed, when the lead is not called quite so.
    fn card(&self, reader: &Reader, lead: &LeadId, guessed: Option<&str>) -> Result<Rendered, EngineError> {
        let store = self.engine.store();
        let Some(dossier) = Dossier::load(store, &self.speaker, lead, reader.now)? else {
            return Ok(self.screen(reader, &Screen::AboutWhat, Vec::new()));
        };
        let content = self.speaker.content_in(reader.chat);
        let context = dossier
            .alert
            .as_ref()
            .map(|briefing| briefing.context(&self.speaker, reader.manner, content, Occasion::Opened, reader.now));
        let card = Card {
            lead: &dossier.lead,
            owner: dossier.owner.as_ref(),
            is_own: dossier.lead.owner.as_ref() == Some(&reader.user.id),
            alert: context,
            exchanges: &dossier.exchanges,
            more: dossier.more,
            insight: &dossier.insight,
            guessed,
        };
        self.memory.note(reader.chat, |recent| recent.lead = Some((lead.clone(), reader.now)));
        Ok(self.screen(reader, &Screen::Lead(card), self.card_keys(reader, &dossier, content)))
    }

    fn card_keys(&self, reader: &Reader, dossier: &Dossier, content: Content) -> Vec<Vec<Key>> {
        let (voice, manner, lead) = (&self.speaker.voice, reader.manner, &dossier.lead);
        let mut write = Vec::new();
        if content == Content::Full && advice::whatsapp_open(lead) {
            let number = advice::whatsapp_of(lead, Some(&self.speaker.default_country));
            write.extend(number.map(|number| Key {
                text: voice.button(manner, ButtonLabel::WhatsappWrite),
                kind: KeyKind::Url(advice::wa_link(&number, "")),
            }));
        }
        let mut about = Vec::new();
        if let Some(briefing) = &dossier.alert {
            let alert = briefing.alert.id.clone();
            let text = voice.short(manner, "screen", "show_alert");
            about.push(Key { text, kind: KeyKind::Callback(Button::Show(alert)) });
        }
        if lead.channel_open(Channel::Call) && !lead.is_do_not_contact() {
            about.push(self.key(reader, "call", Ask::Call(lead.id.clone(), None)));
        }
        let mut crm = Vec::new();
        if opens_from_a_button(&dossier.link) {
            let text = voice.button(manner, ButtonLabel::OpenInCrm);
            crm.push(Key { text, kind: KeyKind::Url(dossier.link.clone()) });
        }
        let mut read = Vec::new();
        if dossier.wrote {
            read.push(misread(voice, manner, &lead.id));
        }
        vec![write, about, read, crm]
    }
}
