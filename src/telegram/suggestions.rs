//! Other words for a draft, by a language model where the configuration names one. The draft stands meanwhile; what comes
//! back in time and holds no more than was known is one wording more. It need not survive a restart.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::draft::Prepared;
use crate::domain::{Activity, Channel, ChatId, Direction, Lead};
use crate::engine::{EngineError, Handle};
use crate::insight::discreet::Disguise;
use crate::insight::language::language;
use crate::second_opinion::{Line, Model};

/// So many drafts wait at most; of more nobody is asked.
const MOST_WAITING: usize = 16;
/// So many wordings are kept at most until somebody wants them.
const MOST_KEPT: usize = 1_000;
/// So many messages of an exchange are told.
const LINES: usize = 4;
/// The longest wording that is taken, in characters: about 90 words were asked for.
const MOST_CHARS: usize = 1_200;

/// Where a draft is shown: the chat and the message.
type Place = (ChatId, i32);

/// A draft that other words are wanted for.
struct Wanted {
    place: Place,
    channel: Channel,
    disguise: Disguise,
    /// What is sent out: without names, addresses and numbers.
    draft: String,
    lines: Vec<Line>,
}

/// What was suggested. Cheap to clone; clones know the same.
#[derive(Clone, Default)]
pub struct Suggestions {
    /// `None` when there is nobody to ask.
    wanted: Option<mpsc::Sender<Wanted>>,
    ready: Arc<Mutex<HashMap<Place, (Channel, String)>>>,
}

/// Asks for what is wanted.
pub struct Suggesting {
    suggestions: Suggestions,
    wanted: mpsc::Receiver<Wanted>,
    engine: Handle,
    model: Model,
}

impl Suggestions {
    /// Suggestions by a model, and whoever asks it.
    pub fn by(model: Model, engine: Handle) -> (Self, Suggesting) {
        let (sender, wanted) = mpsc::channel(MOST_WAITING);
        let suggestions = Self { wanted: Some(sender), ready: Arc::default() };
        (suggestions.clone(), Suggesting { suggestions, wanted, engine, model })
    }

    /// Other words for a draft are welcome. `activities` are the lead's, ordered by time; `writer` signs it.
    pub(super) fn want(&self, prepared: &Prepared, lead: &Lead, activities: &[Activity], writer: &str) {
        let Some(wanted) = &self.wanted else { return };
        let disguise = Disguise::of(lead, writer);
        let mut lines: Vec<Line> = activities
            .iter()
            .rev()
            .filter(|said| !said.preview.is_empty())
            .take(LINES)
            .map(|said| line(said, &disguise))
            .collect();
        lines.reverse();
        let draft = disguise.conceal(&prepared.text);
        let place = (prepared.chat, prepared.message_id);
        // As many as that wait only where the model is slower than the reps: they have their drafts.
        let _ = wanted.try_send(Wanted { place, channel: prepared.channel, disguise, draft, lines });
    }

    /// The words that were suggested for a draft on this channel, once.
    pub(super) fn take(&self, prepared: &Prepared) -> Option<String> {
        let suggested = self.ready().remove(&(prepared.chat, prepared.message_id));
        suggested.filter(|(channel, _)| *channel == prepared.channel).map(|(_, text)| text)
    }

    fn keep(&self, wanted: &Wanted, text: String) {
        let mut ready = self.ready();
        if ready.len() >= MOST_KEPT {
            ready.clear();
        }
        ready.insert(wanted.place, (wanted.channel, text));
    }

    fn ready(&self) -> MutexGuard<'_, HashMap<Place, (Channel, String)>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn line(said: &Activity, disguise: &Disguise) -> Line {
    let from = if said.direction == Direction::In { "lead" } else { "us" };
    Line { from, text: disguise.conceal(&said.preview) }
}

impl Suggesting {
    /// Works until `stop`.
    pub async fn work(mut self, stop: CancellationToken) {
        loop {
            let wanted = tokio::select! {
                () = stop.cancelled() => return,
                Some(wanted) = self.wanted.recv() => wanted,
            };
            let asked = tokio::select! {
                () = stop.cancelled() => return,
                asked = self.ask(&wanted) => asked,
            };
            if asked.is_err() {
                return;
            }
        }
    }

    async fn ask(&self, wanted: &Wanted) -> Result<(), EngineError> {
        if !self.engine.run(crate::engine::Engine::spend_question).await? {
            return Ok(());
        }
        let outcome = match self.model.reworded(&wanted.draft, wanted.channel.as_str(), &wanted.lines).await {
            Ok(text) => match fitting(&text, wanted) {
                Some(text) => {
                    self.suggestions.keep(wanted, text);
                    "kept"
                }
                None => "unfit",
            },
            Err(failure) => {
                tracing::debug!(%failure, "[second_opinion] suggests no words for a draft");
                "failed"
            }
        };
        metrics::counter!("max_draft_suggestions_total", "outcome" => outcome).increment(1);
        Ok(())
    }
}

/// A suggested text with its names, if it is of a draft's length and language, and names no figure that was not known.
fn fitting(text: &str, wanted: &Wanted) -> Option<String> {
    let is_short = !text.is_empty() && text.chars().count() <= MOST_CHARS;
    let known: Vec<&str> = wanted.lines.iter().map(|line| line.text.as_str()).chain([wanted.draft.as_str()]).collect();
    let is_known = |figure: &str| known.iter().any(|text| figures(text).any(|known| known == figure));
    let of = |text: &str| language([text]);
    let speaks_likewise = of(text).is_none_or(|lang| of(&wanted.draft).is_none_or(|draft| draft == lang));
    // Placeholders have figures of their own.
    let revealed = wanted.disguise.reveal(text).filter(|_| is_short && speaks_likewise)?;
    let invents = figures(&revealed).any(|figure| !is_known(figure) && !wanted.disguise.knows(figure));
    (!invents).then_some(revealed)
}

fn figures(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_digit()).filter(|figure| !figure.is_empty())
}
