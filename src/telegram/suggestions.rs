//! Other words for a draft, by a language model where the configuration names one. Asked for when a rep wants other words
//! than ours, which are shown meanwhile; what comes back in time and holds no more than was known is the next wording.
//! It need not survive a restart.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::draft::Prepared;
use crate::domain::{Activity, Channel, ChatId, Direction, Lead, MINUTE, Seconds, Timestamp};
use crate::engine::{Engine, EngineError, Handle};
use crate::insight::discreet::Disguise;
use crate::insight::language::{language, says_tu};
use crate::insight::lead::has_happened;
use crate::insight::reading::new_text;
use crate::second_opinion::{Line, Model};

/// So many drafts wait at most; of more nobody is asked.
const MOST_WAITING: usize = 16;
/// So many drafts are remembered at most.
const MOST_KEPT: usize = 1_000;
/// So many messages of an exchange are told,
const LINES: usize = 4;
/// each of at most so many characters.
const MOST_OF_A_LINE: usize = 600;
/// The longest wording that is taken, in characters: about 90 words were asked for.
const MOST_CHARS: usize = 1_200;
/// After a failure nobody is asked for so long.
const REST: Seconds = MINUTE;

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

/// What was suggested for a draft.
enum Suggested {
    /// It was asked for, or taken: it is not asked for again.
    Asked,
    /// This, for this channel.
    Ready(Channel, String),
}

/// What was suggested. Cheap to clone; clones know the same.
#[derive(Clone, Default)]
pub struct Suggestions {
    /// `None` when there is nobody to ask.
    wanted: Option<mpsc::Sender<Wanted>>,
    known: Arc<Mutex<HashMap<Place, Suggested>>>,
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
        let suggestions = Self { wanted: Some(sender), known: Arc::default() };
        (suggestions.clone(), Suggesting { suggestions, wanted, engine, model })
    }

    /// Whether other words would be asked for, for this draft.
    pub(super) fn may_want(&self, prepared: &Prepared) -> bool {
        self.wanted.is_some() && !self.known().contains_key(&place(prepared))
    }

    /// Other words for a draft are welcome, once. `activities` are the lead's, ordered by time; `writer` signs it.
    pub(super) fn want(&self, prepared: &Prepared, lead: &Lead, activities: &[Activity], writer: &str, now: Timestamp) {
        let Some(wanted) = &self.wanted else { return };
        let (place, channel, mut disguise) = (place(prepared), prepared.channel, Disguise::of(lead, writer));
        let draft = disguise.conceal(&prepared.text);
        let written = activities.iter().rev().filter(|activity| was_written(activity, now)).take(LINES);
        let mut lines: Vec<Line> = written.map(|written| line(written, &mut disguise)).collect();
        lines.reverse();
        self.keep(place, Suggested::Asked);
        // As many as that wait only where the model is slower than the reps: they have our words.
        let _ = wanted.try_send(Wanted { place, channel, disguise, draft, lines });
    }

    /// The words that were suggested for a draft on its channel, once.
    pub(super) fn take(&self, prepared: &Prepared) -> Option<String> {
        let mut known = self.known();
        let suggested = known.get_mut(&place(prepared))?;
        if !matches!(suggested, Suggested::Ready(channel, _) if *channel == prepared.channel) {
            return None;
        }
        match std::mem::replace(suggested, Suggested::Asked) {
            Suggested::Ready(_, text) => Some(text),
            Suggested::Asked => None,
        }
    }

    fn keep(&self, place: Place, suggested: Suggested) {
        let mut known = self.known();
        if known.len() >= MOST_KEPT {
            known.clear();
        }
        known.insert(place, suggested);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Place, Suggested>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(prepared: &Prepared) -> Place {
    (prepared.chat, prepared.message_id)
}

/// Whether an activity is a message that one of the two wrote to the other: notes of calls and meetings stay in the house.
fn was_written(activity: &Activity, now: Timestamp) -> bool {
    let is_message = matches!(activity.channel, Channel::Whatsapp | Channel::Email);
    is_message && has_happened(activity, now) && !activity.preview.is_empty()
}

fn line(written: &Activity, disguise: &mut Disguise) -> Line {
    let from = if written.direction == Direction::In { "lead" } else { "us" };
    let new: String = new_text(&written.preview).chars().take(MOST_OF_A_LINE).collect();
    Line { from, text: disguise.conceal(&new) }
}

impl Suggesting {
    /// Works until `stop`.
    pub async fn work(mut self, stop: CancellationToken) {
        let clock = self.engine.clock().clone();
        loop {
            let wanted = tokio::select! {
                () = stop.cancelled() => return,
                Some(wanted) = self.wanted.recv() => wanted,
            };
            let answered = tokio::select! {
                () = stop.cancelled() => return,
                answered = self.ask(&wanted) => answered,
            };
            match answered {
                Ok(true) => {}
                Ok(false) => tokio::select! {
                    () = stop.cancelled() => return,
                    () = clock.sleep(REST) => {}
                },
                Err(_) => return,
            }
        }
    }

    /// Asks, if a day's questions are not used up; `false` when there was no answer.
    async fn ask(&self, wanted: &Wanted) -> Result<bool, EngineError> {
        if !self.engine.run(Engine::spend_question).await? {
            return Ok(true);
        }
        let answer = self.model.reworded(&wanted.draft, wanted.channel.as_str(), &wanted.lines).await;
        let fitting = answer.as_ref().ok().and_then(|text| fitting(text, wanted));
        let outcome = match (&answer, &fitting) {
            (Ok(_), Some(_)) => "kept",
            (Ok(_), None) => "unfit",
            (Err(failure), _) => {
                tracing::debug!(%failure, "[second_opinion] suggests no words for a draft");
                "failed"
            }
        };
        metrics::counter!("max_draft_suggestions_total", "outcome" => outcome).increment(1);
        if let Some(text) = fitting {
            self.suggestions.keep(wanted.place, Suggested::Ready(wanted.channel, text));
        }
        Ok(answer.is_ok())
    }
}

/// A suggested text with its names, if it is of a draft's length, in its language and form of address, and names no figure
/// that was not known.
fn fitting(text: &str, wanted: &Wanted) -> Option<String> {
    let is_short = !text.is_empty() && text.chars().count() <= MOST_CHARS;
    let draft = wanted.draft.as_str();
    let speaks_likewise = language([text]) == language([draft])
        && says_tu([text]).is_none_or(|says_tu_to_it| says_tu([draft]) == Some(says_tu_to_it));
    let told = wanted.lines.iter().map(|line| line.text.as_str()).chain([draft]);
    let known: Vec<String> = told.map(|text| wanted.disguise.without(text)).collect();
    let is_known = |figure: &str| known.iter().any(|text| figures(text).any(|known| known == figure));
    let invents = figures(&wanted.disguise.without(text)).any(|figure| !is_known(figure));
    wanted.disguise.reveal(text).filter(|_| is_short && speaks_likewise && !invents)
}

fn figures(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_digit()).filter(|figure| !figure.is_empty())
}
