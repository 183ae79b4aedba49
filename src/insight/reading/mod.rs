//! Reading a message in French and English: does it want to buy, what is it about, does it want an answer, did a
//! machine write it?
//!
//! `text` keeps what was written now and turns it into words and clauses; `pattern` finds the phrases of the
//! `lexicon` in them and `verdict` weighs those; `topics` and `concepts` say what words are about; `model` weighs all of
//! it together with every word, by what it learnt from labelled sentences. What a machine wrote and what wants no more
//! messages must not be missed: less is asked for it than for anything else.

mod category;
mod concepts;
mod features;
mod lexicon;
mod model;
mod pattern;
mod text;
mod topics;
mod verdict;

pub use category::Category;
pub use features::{Feature, Group};
pub use model::{ANSWERS, EXPECTS, INTENT, Model};

use crate::domain::Reading;
use lexicon::Sign;
use model::Scores;
use pattern::Hit;
use verdict::Message;

/// A reading with what it says beyond three booleans, and the words that decided it.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// What the text was read to mean.
    pub reading: Reading,
    /// What it is about.
    pub category: Category,
    /// How likely it is that it wants to buy, from 0 to 1.
    pub score: f32,
    /// The words that decided, as they stand in the text and in its order. Empty when nothing decided.
    pub evidence: Vec<String>,
}

/// Reads a message. Never fails; a text without anything new in it (empty, a photo, only quoted history) expects a
/// reply, without intent. Linear in the length of the text.
pub fn read(text: &str) -> Reading {
    let words = text::words(&text::new_text(text)).without_thanks_for_asking();
    Verdict::of(&Message::new(&words), model::trained()).reading
}

/// What a message that asks for a call says, as `text` leaves it.
const CALLS: [&str; 22] = [
    "rappeler",
    "rappelez",
    "rappelle",
    "rappele",
    "rappelee",
    "rappel",
    "appeler",
    "appelez",
    "appelle",
    "telephoner",
    "telephonez",
    "joindre",
    "joignez",
    "fil",
    "tel",
    "call",
    "callback",
    "ring",
    "phone",
    "buzz",
    "bell",
    "rapelle",
];

/// Whether a message asks for a call, whatever else it wants: "we are ready to order, can you call me?"
pub fn asks_for_a_call(text: &str) -> bool {
    let words = text::words(&text::new_text(text));
    let message = Message::new(&words);
    let (lexicon, wanted) = message.verdict();
    let says = |hit: &Hit| (hit.start..hit.end).any(|place| CALLS.contains(&words.get(place)));
    if lexicon.intent && wanted.iter().any(says) {
        return true;
    }
    Verdict::of(&message, model::trained()).category == Category::CallBack
}

/// Reads a message and says what it is about, how sure that is, and which words decided.
pub fn explain(text: &str) -> Explained {
    explain_with(model::trained(), text)
}

/// As [`explain`], with other weights than the committed ones.
pub fn explain_with(model: &Model, text: &str) -> Explained {
    let new = text::new_text(text);
    let words = text::words(&new).without_thanks_for_asking();
    let message = Message::new(&words);
    let verdict = Verdict::of(&message, model);
    let evidence = quote(text, &new, &verdict.spans(&message, model), &message);
    Explained { reading: verdict.reading, category: verdict.category, score: verdict.score, evidence }
}

/// The words by which a message wants no more messages; none when it does not say so.
pub fn unsubscribes(text: &str) -> Option<Vec<String>> {
    let explained = explain(text);
    (explained.category == Category::Unsubscribe).then_some(explained.evidence)
}

/// Whether a message was read as no wish to buy, but might well be one: worth asking somebody else.
pub fn is_unsure(text: &str) -> bool {
    let words = text::words(&text::new_text(text)).without_thanks_for_asking();
    let verdict = Verdict::of(&Message::new(&words), model::trained());
    let is_clear = verdict.reading.intent || verdict.reading.auto_reply || verdict.category == Category::Unsubscribe;
    !is_clear && verdict.score >= UNSURE_FROM
}

/// What was written now: without quoted history, signature and disclaimer. Empty when nothing else is there.
pub fn new_text(text: &str) -> std::borrow::Cow<'_, str> {
    text::new_text(text)
}

/// What the model looks at in a message; none when nothing is in it.
pub fn features_of(text: &str) -> Option<Vec<Feature>> {
    let words = text::words(&text::new_text(text)).without_thanks_for_asking();
    let message = Message::new(&words);
    let (lexicon, _) = message.verdict();
    (words.len() > 0).then(|| features::features(&message, lexicon))
}

/// From this likelihood on, a message is said to want to buy.
const INTENT_FROM: f32 = 0.6;
/// From this likelihood on, a message that is not said to want to buy may well want to.
const UNSURE_FROM: f32 = 0.05;
/// From this likelihood on, what does not want to buy was written by a machine.
const MACHINE_FROM: f32 = 0.2;
/// The same where it says what only a person would ("I'm travelling this week, will take a look when I'm back").
const MACHINE_LIKE_A_PERSON_FROM: f32 = 0.4;
/// From this likelihood on, what does not want to buy wants no more messages.
const STOP_FROM: f32 = 0.45;

struct Verdict {
    reading: Reading,
    category: Category,
    score: f32,
    /// What the lexicon decided by, if its answer stands.
    lexicon: Option<Vec<Hit>>,
    features: Vec<Feature>,
}

impl Verdict {
    fn of(message: &Message, model: &Model) -> Self {
        if message.words.len() == 0 {
            let reading = Reading { expects_reply: true, ..Reading::default() };
            return Self::certain(reading, Category::Question, Vec::new());
        }
        let (lexicon, hits) = message.verdict();
        let features = features::features(message, lexicon);
        let person = message.hits.iter().any(|hit| hit.sign == Sign::Human);
        let (reading, category, score) = weigh(&model.scores(&features), person);
        let agreed = match category {
            Category::Unsubscribe => message.all(Sign::Stop),
            _ if reading == lexicon => hits,
            _ => Vec::new(),
        };
        Self { reading, category, score, lexicon: (!agreed.is_empty()).then_some(agreed), features }
    }

    fn certain(reading: Reading, category: Category, hits: Vec<Hit>) -> Self {
        Self { reading, category, score: 0.0, lexicon: Some(hits), features: Vec::new() }
    }

    /// The words that decided, from and to (exclusive), in the order of the text.
    fn spans(&self, message: &Message, model: &Model) -> Vec<(usize, usize)> {
        let mut spans: Vec<(usize, usize)> = match &self.lexicon {
            Some(hits) => hits.iter().map(|hit| (hit.start, hit.end)).collect(),
            None => {
                let answer = if self.reading.intent { INTENT } else { self.category as usize };
                telling(&model.by_word(&self.features, message.words.len(), answer))
            }
        };
        spans.sort_by_key(|(start, end)| (*start, std::cmp::Reverse(*end)));
        let mut shown = 0;
        spans.retain(|(_, end)| {
            let more = *end > shown;
            shown = shown.max(*end);
            more
        });
        spans
    }
}

/// What the model's answers come to, for what only a person would say (`person`) and for the rest.
fn weigh(scores: &Scores, person: bool) -> (Reading, Category, f32) {
    let score = scores.wants();
    let intent = score >= INTENT_FROM;
    let (machine, stop) = (scores.share(Category::AutoReply), scores.share(Category::Unsubscribe));
    let machine_from = if person { MACHINE_LIKE_A_PERSON_FROM } else { MACHINE_FROM };
    if !intent && machine >= machine_from && machine >= stop {
        return (Reading { auto_reply: true, ..Reading::default() }, Category::AutoReply, score);
    }
    if !intent && stop >= STOP_FROM {
        return (Reading::default(), Category::Unsubscribe, score);
    }
    let decided = |category| matches!(category, Category::AutoReply | Category::Unsubscribe);
    let category = scores.likeliest(|category| category.buys() == intent && !decided(category));
    let expects_reply = intent || scores.probability(EXPECTS) >= 0.5;
    (Reading { intent, expects_reply, auto_reply: false }, category, score)
}

/// The words that add most, at most three runs of them.
fn telling(added: &[f32]) -> Vec<(usize, usize)> {
    let most = added.iter().copied().fold(0.0_f32, f32::max);
    let mut runs: Vec<(usize, usize, f32)> = Vec::new();
    for (place, added) in added.iter().copied().enumerate().filter(|(_, added)| *added > most * 0.4) {
        match runs.last_mut() {
            Some(run) if run.1 == place => (run.1, run.2) = (place + 1, run.2 + added),
            _ => runs.push((place, place + 1, added)),
        }
    }
    runs.sort_by(|one, other| other.2.total_cmp(&one.2));
    runs.iter().take(3).map(|(start, end, _)| (*start, *end)).collect()
}

/// These words as they stand in the text; what markup or a cut stands between is left out.
fn quote(text: &str, new: &str, spans: &[(usize, usize)], message: &Message) -> Vec<String> {
    let mut quotes: Vec<String> = Vec::new();
    let mut shown = 0;
    for (start, end) in spans {
        let origin = message.words.origin(*start, *end);
        let whole = bare(&new[origin.start.max(shown).min(origin.end)..origin.end]);
        shown = shown.max(origin.end);
        if text.contains(whole) {
            quotes.push(whole.to_owned());
        } else {
            quotes.extend(whole.split_whitespace().map(bare).filter(|word| text.contains(word)).map(str::to_owned));
        }
    }
    quotes.retain(|quote| !quote.is_empty());
    quotes
}

fn bare(words: &str) -> &str {
    let bare = words.trim_matches(|c: char| c.is_whitespace() || c.is_ascii_punctuation() || "«»…".contains(c));
    // "👍" and "?" are words too.
    if bare.is_empty() { words.trim() } else { bare }
}
