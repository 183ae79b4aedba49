//! What the model looks at in a message: its words, alone and in pairs, the letters in them (so that a typo or an
//! ending changes little), what a negation reaches, and what the lexicon found.

use super::concepts::concept;
use super::lexicon::Sign;
use super::text::Words;
use super::topics::{Found, topics_of};
use super::verdict::{Message, Wish};
use crate::domain::Reading;

/// What kind of thing a feature is; the kinds of one group share the weight of a message's length among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// What the lexicon says.
    Lexicon,
    /// Words.
    Words,
    /// Letters.
    Letters,
    /// What words mean, in a row.
    Concepts,
    /// What the lexicon says, two by two.
    Pairs,
    /// What words and phrases are about.
    Topics,
    /// How sentences are built: small words as they are, others by what they are about.
    Frames,
}

impl Group {
    /// Every group.
    pub const ALL: [Self; 7] =
        [Self::Lexicon, Self::Words, Self::Letters, Self::Concepts, Self::Pairs, Self::Topics, Self::Frames];

    /// What each feature of this group counts in a message that has so many of them.
    pub fn share(self, count: usize) -> f32 {
        let most = match self {
            Self::Lexicon => return 1.0,
            Self::Words | Self::Concepts | Self::Topics => 3.0,
            Self::Pairs | Self::Frames => 2.0,
            Self::Letters => 1.5,
        };
        most / (count.max(6) as f32).sqrt()
    }
}

/// One thing that is true of a message.
#[derive(Clone, Copy, Debug)]
pub struct Feature {
    /// Its name, as a number.
    pub name: u32,
    /// What kind it is.
    pub group: Group,
    /// Index of the first word it is about.
    pub start: u32,
    /// Index after the last; the same as `start` when it is about the whole message.
    pub end: u32,
}

/// FNV-1a; `kind` keeps those apart that are spelled alike.
pub(super) fn hash(kind: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(begin(kind), |hash, byte| step(hash, *byte))
}

fn begin(kind: u32) -> u32 {
    kind.wrapping_add(1).wrapping_mul(0x9e37_79b9) ^ 0x811c_9dc5
}

fn step(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
}

fn join(first: u32, second: u32) -> u32 {
    (first.rotate_left(13) ^ second).wrapping_mul(0x85eb_ca6b) ^ (first >> 7)
}

const WORD: u32 = 100;
const PAIR: u32 = 101;
const AROUND: u32 = 102;
const DENIED: u32 = 103;
const LETTERS: u32 = 104;
const STEM: u32 = 105;
const STEM_ASKED: u32 = 106;
const STEM_LAST: u32 = 107;
const PHRASE: u32 = 110;
const PHRASE_DENIED: u32 = 111;
const SIGN: u32 = 112;
const SIGN_DENIED: u32 = 113;
const SIGN_LAST: u32 = 114;
const SIGN_FIRST: u32 = 115;
const VERDICT: u32 = 116;
const SHAPE: u32 = 117;
const SIGN_PAIR: u32 = 118;
/// How many signs there are.
const SIGNS: u8 = 37;
const CONCEPT: u32 = 120;
const CONCEPT_PAIR: u32 = 121;
const CONCEPT_TRIPLE: u32 = 122;
const CONCEPT_ASKED: u32 = 123;
const CONCEPT_FIRST: u32 = 124;
const CONCEPT_LAST: u32 = 125;
const CONCEPT_NEAR: u32 = 126;
const TOPIC: u32 = 140;
const TOPIC_DENIED: u32 = 141;
const TOPIC_ASKED: u32 = 142;
const TOPIC_FIRST: u32 = 143;
const TOPIC_LAST: u32 = 144;
const TOPIC_AFTER: u32 = 145;
const TOPIC_BEFORE: u32 = 146;
const TOPIC_THEN: u32 = 147;
const TOPIC_WITH: u32 = 148;
const FRAME: u32 = 150;
/// Of so many topics of a message every two are looked at.
const TOPICS_TOGETHER: usize = 8;

/// Everything the model looks at in a message.
pub(super) fn features(message: &Message, lexicon: Reading) -> Vec<Feature> {
    let words = message.words;
    let mut found = Features { all: Vec::with_capacity(words.len() * 24 + 32) };
    found.of_lexicon(message, lexicon);
    found.of_words(message);
    found.of_concepts(words);
    found.of_letters(words);
    let topics = topics_of(words);
    found.of_topics(message, &topics);
    found.of_frames(words, &topics);
    found.all
}

struct Features {
    all: Vec<Feature>,
}

impl Features {
    fn push(&mut self, group: Group, name: u32, start: usize, end: usize) {
        self.all.push(Feature { name, group, start: start as u32, end: end as u32 });
    }

    fn of_lexicon(&mut self, message: &Message, lexicon: Reading) {
        let words = message.words;
        let last = words.clauses.len().saturating_sub(1);
        let mut seen = [0_u64; 4];
        for hit in &message.hits {
            let denied = hit.denied;
            let masked = message.is_masked(hit) && hit.sign != Sign::Mask;
            let sign = hit.sign as u32;
            if !masked {
                let kind = if denied { PHRASE_DENIED } else { PHRASE };
                self.push(Group::Words, join(kind, hit.phrase), hit.start, hit.end);
            }
            let states = [
                (SIGN, !denied && !masked),
                (SIGN_DENIED, denied && !masked),
                (SIGN_LAST, hit.clause == last && !masked),
                (SIGN_FIRST, hit.clause == 0 && !masked),
            ];
            for (seen, (kind, holds)) in seen.iter_mut().zip(states) {
                if holds && *seen & (1 << sign) == 0 {
                    *seen |= 1 << sign;
                    self.push(Group::Lexicon, hash(kind, &[sign as u8]), hit.start, hit.end);
                }
            }
        }
        for first in 0..SIGNS {
            if seen[0] >> first & 1 == 1 {
                for second in first + 1..SIGNS {
                    if seen[0] >> second & 1 == 1 {
                        self.push(Group::Pairs, hash(SIGN_PAIR, &[first, second]), 0, 0);
                    }
                }
            }
        }
        let wishes = &message.wishes;
        let clear = wishes.iter().any(|(wish, _)| *wish == Wish::Clear);
        let step = wishes.iter().any(|(wish, _)| *wish == Wish::Step);
        let verdict =
            u8::from(lexicon.intent) | u8::from(lexicon.expects_reply) << 1 | u8::from(lexicon.auto_reply) << 2;
        self.push(Group::Lexicon, hash(VERDICT, &[0, verdict]), 0, 0);
        self.push(Group::Lexicon, hash(VERDICT, &[1, u8::from(clear), u8::from(step)]), 0, 0);
        let asked = words.clauses.iter().any(|clause| clause.question);
        let asks_last = words.clauses.last().is_some_and(|clause| clause.question);
        self.push(Group::Lexicon, hash(SHAPE, &[0, u8::from(asked), u8::from(asks_last)]), 0, 0);
        let length = match words.len() {
            0..=2 => 0,
            3..=5 => 1,
            6..=10 => 2,
            11..=20 => 3,
            21..=40 => 4,
            _ => 5,
        };
        self.push(Group::Lexicon, hash(SHAPE, &[1, length]), 0, 0);
    }

    fn of_words(&mut self, message: &Message) {
        let words = message.words;
        let last = words.clauses.last().map_or(0, |clause| clause.sentence);
        for (number, clause) in words.clauses.iter().enumerate() {
            let deny = message.in_clause(number, Sign::No);
            let denied_from = deny.filter(|hit| !message.is_masked(hit)).map(|hit| hit.end).min();
            let (mut before, mut before_that) = (hash(PAIR, b"^"), None);
            for place in clause.start..clause.end {
                let word = words.get(place).as_bytes();
                let name = word_name(word);
                self.push(Group::Words, name, place, place + 1);
                let pair = join(before, name);
                self.push(Group::Words, pair, place.saturating_sub(1).max(clause.start), place + 1);
                if let Some(before_that) = before_that {
                    let around = join(join(AROUND, before_that), name);
                    self.push(Group::Words, around, place.saturating_sub(2).max(clause.start), place + 1);
                }
                if word.len() > 3 {
                    let stem = stem(word);
                    self.push(Group::Words, hash(STEM, stem), place, place + 1);
                    if clause.question {
                        self.push(Group::Words, hash(STEM_ASKED, stem), place, place + 1);
                    }
                    if last > 0 && clause.sentence == last {
                        self.push(Group::Words, hash(STEM_LAST, stem), place, place + 1);
                    }
                    if denied_from.is_some_and(|from| place >= from) {
                        self.push(Group::Words, hash(DENIED, stem), place, place + 1);
                    }
                }
                (before_that, before) = (Some(before), name);
            }
            self.push(Group::Words, join(before, hash(PAIR, b"$")), clause.end - 1, clause.end);
        }
    }

    fn of_concepts(&mut self, words: &Words) {
        let last = words.clauses.len().saturating_sub(1);
        for (number, clause) in words.clauses.iter().enumerate() {
            let (mut before, mut before_that) = ((0_u8, clause.start), None);
            for place in clause.start..clause.end {
                let Some(concept) = concept(words.get(place)) else { continue };
                let concept = concept + 1;
                self.push(Group::Concepts, hash(CONCEPT, &[concept]), place, place + 1);
                if clause.question {
                    self.push(Group::Concepts, hash(CONCEPT_ASKED, &[concept]), place, place + 1);
                }
                if number == 0 {
                    self.push(Group::Concepts, hash(CONCEPT_FIRST, &[concept]), place, place + 1);
                }
                if number == last {
                    self.push(Group::Concepts, hash(CONCEPT_LAST, &[concept]), place, place + 1);
                }
                self.push(Group::Concepts, hash(CONCEPT_PAIR, &[before.0, concept]), before.1, place + 1);
                if let Some((first, start)) = before_that {
                    self.push(Group::Concepts, hash(CONCEPT_TRIPLE, &[first, before.0, concept]), start, place + 1);
                    self.push(Group::Concepts, hash(CONCEPT_NEAR, &[first, concept]), start, place + 1);
                }
                before_that = Some(before);
                before = (concept, place);
            }
            self.push(Group::Concepts, hash(CONCEPT_PAIR, &[before.0, 0]), before.1, clause.end);
        }
    }

    fn of_topics(&mut self, message: &Message, topics: &[Found]) {
        let (mut clause, mut before) = (0, None);
        let mut names: Vec<u32> = Vec::with_capacity(TOPICS_TOGETHER);
        for topic in topics {
            clause += message.words.clauses[clause..].iter().take_while(|clause| clause.end <= topic.start).count();
            self.of_topic(message, clause, topic, topic.name);
            if topic.family != topic.name {
                self.of_topic(message, clause, topic, topic.family);
            }
            self.of_neighbours(before, topic);
            before = Some(topic);
            if !names.contains(&topic.name) && names.len() < TOPICS_TOGETHER {
                names.push(topic.name);
            }
        }
        names.sort_unstable();
        for (place, first) in names.iter().enumerate() {
            for second in &names[place + 1..] {
                self.push(Group::Pairs, join(join(TOPIC_WITH, *first), *second), 0, 0);
            }
        }
    }

    /// One topic, where it stands and which words stand beside it.
    fn of_topic(&mut self, message: &Message, number: usize, topic: &Found, name: u32) {
        let Found { start, end, .. } = *topic;
        let words = message.words;
        let clause = words.clauses[number];
        let denied = message.in_clause(number, Sign::No).any(|no| no.end <= start && !message.is_masked(no));
        let states = [
            (TOPIC, true),
            (TOPIC_DENIED, denied),
            (TOPIC_ASKED, clause.question),
            (TOPIC_FIRST, number == 0),
            (TOPIC_LAST, number + 1 == words.clauses.len()),
        ];
        for (kind, _) in states.iter().filter(|(_, holds)| *holds) {
            self.push(Group::Topics, join(*kind, name), start, end);
        }
        if start > clause.start {
            let word = word_name(words.get(start - 1).as_bytes());
            self.push(Group::Topics, join(join(TOPIC_AFTER, word), name), start - 1, end);
        }
        if end < clause.end {
            let word = word_name(words.get(end).as_bytes());
            self.push(Group::Topics, join(join(TOPIC_BEFORE, name), word), start, end + 1);
        }
    }

    /// A topic and the one before it.
    fn of_neighbours(&mut self, before: Option<&Found>, topic: &Found) {
        if let Some(before) = before.filter(|before| before.start < topic.start) {
            for (first, second) in [(before.family, topic.family), (before.name, topic.name)] {
                self.push(Group::Topics, join(join(TOPIC_THEN, first), second), before.start, topic.end);
            }
        }
    }

    /// Two to four words in a row as they are in any message: "besoin d'un … pour le …".
    fn of_frames(&mut self, words: &Words, topics: &[Found]) {
        let mut topics = topics.iter().peekable();
        let mut frame: Vec<(u32, usize, usize)> = Vec::with_capacity(16);
        for clause in &words.clauses {
            frame.clear();
            frame.push((hash(FRAME, b"^"), clause.start, clause.start));
            let mut place = clause.start;
            while place < clause.end {
                while topics.next_if(|topic| topic.start < place).is_some() {}
                let topic = topics.peek().filter(|topic| topic.start == place);
                let (name, end) = match topic {
                    Some(phrase) if phrase.end > place + 1 => (phrase.name, phrase.end.min(clause.end)),
                    _ => (in_frame(words.get(place), topic.copied()), place + 1),
                };
                frame.push((name, place, end));
                place = end;
            }
            frame.push((hash(FRAME, b"$"), clause.end, clause.end));
            for length in 2..=4 {
                for run in frame.windows(length) {
                    let name = run.iter().fold(hash(FRAME, &[length as u8]), |name, (word, ..)| join(name, *word));
                    self.push(Group::Frames, name, run[0].1, run[length - 1].2);
                }
            }
        }
    }

    fn of_letters(&mut self, words: &Words) {
        for place in 0..words.len() {
            let word = words.get(place).as_bytes();
            if word.len() < 4 || word[0].is_ascii_digit() || concept(words.get(place)).is_some() {
                continue;
            }
            let word = &word[..word.len().min(24)];
            let at = |index: usize| match index {
                0 => b'<',
                _ => word.get(index - 1).copied().unwrap_or(b'>'),
            };
            for from in 0..word.len() {
                let mut name = begin(LETTERS);
                for length in 1..=5_usize.min(word.len() + 2 - from) {
                    name = step(name, at(from + length - 1));
                    if length >= 3 {
                        self.push(Group::Letters, name, place, place + 1);
                    }
                }
            }
        }
    }
}

/// Figures are all alike, but for times of day.
fn word_name(word: &[u8]) -> u32 {
    if word.first().is_some_and(u8::is_ascii_digit) {
        let hour = word.contains(&b'h') || word.contains(&b':') || word.ends_with(b"am") || word.ends_with(b"pm");
        return hash(WORD, if hour { b"#h" } else { b"#" });
    }
    hash(WORD, word)
}

/// A word in a frame: itself when it is small, else what it is about, else its ending.
fn in_frame(word: &str, topic: Option<&Found>) -> u32 {
    if let Some(topic) = topic {
        return topic.family;
    }
    if word.len() <= 3 {
        return word_name(word.as_bytes());
    }
    if let Some(concept) = concept(word) {
        return hash(FRAME, &[0, concept]);
    }
    const ENDINGS: [&str; 10] = ["ez", "er", "ons", "ing", "ed", "ment", "tion", "ly", "es", "s"];
    let ending = ENDINGS.iter().find(|ending| word.ends_with(**ending)).copied().unwrap_or("");
    hash(FRAME, ending.as_bytes())
}

/// A word without its ending, roughly: the same for "envoyez", "envoyer" and "envoyé".
fn stem(word: &[u8]) -> &[u8] {
    const ENDINGS: [&[u8]; 30] = [
        b"issons", b"erions", b"eraient", b"aient", b"erait", b"erais", b"erons", b"eront", b"ments", b"ement",
        b"ation", b"ions", b"ings", b"ment", b"ais", b"ait", b"ant", b"ent", b"ees", b"ing", b"ons", b"ez", b"er",
        b"ed", b"ee", b"es", b"s", b"e", b"x", b"r",
    ];
    for ending in ENDINGS {
        if word.len() >= ending.len() + 4 && word.ends_with(ending) {
            return &word[..word.len() - ending.len()];
        }
    }
    word
}
