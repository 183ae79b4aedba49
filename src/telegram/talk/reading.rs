//! How a lead's message was read, and what it means instead: two taps, and choosing again takes it back.

use super::super::bot::Bot;
use super::super::render::{Key, KeyKind, Rendered};
use super::Reader;
use crate::domain::ask::Ask;
use crate::domain::meaning::{Corrected, Meaning, Tag, messages};
use crate::domain::{Activity, Lead, LeadId};
use crate::engine::EngineError;
use crate::engine::rereading::meaning;
use crate::voice::screens::Screen;

/// How many meanings stand in a row.
const IN_A_ROW: usize = 2;

/// A lead's message, and the one before it.
struct Found {
    lead: Lead,
    message: Activity,
    earlier: Option<Tag>,
}

impl Bot {
    /// How a message was read; the last one, when it is not said which.
    pub(super) async fn how_read(
        &self,
        reader: &Reader,
        lead: &LeadId,
        tag: Option<&Tag>,
    ) -> Result<Rendered, EngineError> {
        let Some(found) = self.message_of(reader, lead, tag)? else {
            return Ok(self.screen(reader, &Screen::AboutWhat, Vec::new()));
        };
        let (seen, unasked) = self.visible(&reader.user.id, vec![found.lead.clone()]).await;
        if seen.is_empty() {
            let refusal = if unasked { Screen::CannotAsk } else { Screen::NotAllowed };
            return Ok(self.screen(reader, &refusal, Vec::new()));
        }
        let means = meaning(self.engine.store(), &found.message)?;
        Ok(self.reading(reader, &found, means, None))
    }

    /// What a message means, as the reader says, if the CRM lets the reader change the lead.
    pub(super) async fn it_means(
        &self,
        reader: &Reader,
        lead: &LeadId,
        tag: &Tag,
        means: Meaning,
    ) -> Result<Rendered, EngineError> {
        let Some(found) = self.message_of(reader, lead, Some(tag))? else {
            return Ok(self.screen(reader, &Screen::AboutWhat, Vec::new()));
        };
        match self.permissions.of(&reader.user.id, lead).await {
            None => return Ok(self.screen(reader, &Screen::CannotAsk, Vec::new())),
            Some(rights) if rights.read && rights.edit => {}
            Some(_) => return Ok(self.screen(reader, &Screen::NotAllowed, Vec::new())),
        }
        let (lead, message, actor) = (lead.clone(), found.message.id.clone(), reader.actor());
        let done = self.engine.run(move |engine| engine.correct(&lead, &message, means, &actor)).await?;
        Ok(match done {
            Some(_) => self.reading(reader, &found, means, done),
            None => self.screen(reader, &Screen::AboutWhat, Vec::new()),
        })
    }

    fn message_of(&self, reader: &Reader, lead: &LeadId, tag: Option<&Tag>) -> Result<Option<Found>, EngineError> {
        let store = self.engine.store();
        let Some(lead) = store.lead(lead)?.filter(|lead| !lead.deleted) else { return Ok(None) };
        let activities = store.activities(&lead.id)?;
        let mut latest_first = messages(&activities, reader.now).rev();
        let Some(message) = latest_first.find(|message| tag.is_none_or(|tag| Tag::of(&message.id) == *tag)) else {
            return Ok(None);
        };
        let earlier = latest_first.next().map(|earlier| Tag::of(&earlier.id));
        Ok(Some(Found { lead, message: message.clone(), earlier }))
    }

    /// The message with what it is taken to mean, and everything else that it could mean.
    fn reading(&self, reader: &Reader, found: &Found, means: Meaning, corrected: Option<Corrected>) -> Rendered {
        let Found { lead, message, earlier } = found;
        let tag = Tag::of(&message.id);
        let key = |other: Meaning| Key {
            text: self.speaker.voice.short(reader.manner, "means", other.as_str()),
            kind: KeyKind::Ask(Ask::Means(lead.id.clone(), tag.clone(), other)),
        };
        let others: Vec<Key> = Meaning::ALL.into_iter().filter(|other| *other != means).map(key).collect();
        let mut keyboard: Vec<Vec<Key>> = others.chunks(IN_A_ROW).map(<[Key]>::to_vec).collect();
        let earlier = earlier.clone().map(|tag| Ask::Reading(lead.id.clone(), Some(tag)));
        let ways = [earlier.map(|ask| ("earlier", ask)), Some(("card", Ask::Lead(lead.id.clone())))];
        keyboard.push(ways.into_iter().flatten().map(|(label, ask)| self.key(reader, label, ask)).collect());
        self.screen(reader, &Screen::Reading { lead, message, means, corrected }, keyboard)
    }
}
