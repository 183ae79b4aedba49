//! What the words and short phrases of a message are about: roofs, breakdowns, wishes told as plans, deals made in
//! passing. `data/topics.txt` names them by hand; the model learns of the topic from one of its words and knows the
//! others.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::FixedState;

use super::features::hash;
use super::text::{self, Words};

/// A topic found in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its name, as a number: the same whatever other topics there are.
    pub(super) name: u32,
    /// The same for all of a family: what "thing.roof" shares with "thing.wall".
    pub(super) family: u32,
    /// Index of its first word.
    pub(super) start: usize,
    /// Index after its last word.
    pub(super) end: usize,
}

const TOPICS: &str = include_str!("data/topics.txt");
/// The most words a phrase has.
const LONGEST: usize = 7;

/// What a word or the beginning of a phrase leads to.
#[derive(Default)]
struct Node {
    /// Name and family of each of its topics.
    topics: Vec<(u32, u32)>,
    /// Longer phrases begin so.
    goes_on: bool,
}

struct Index {
    /// By the words so far.
    nodes: HashMap<u64, Node, FixedState>,
    stems: HashMap<&'static str, Vec<(u32, u32)>, FixedState>,
}

static INDEX: LazyLock<Index> = LazyLock::new(Index::new);

impl Index {
    fn new() -> Self {
        let mut index = Self { nodes: HashMap::default(), stems: HashMap::default() };
        for (name, words) in topics() {
            let family = name.split_once('.').map_or(name, |(family, _)| family);
            let topic = (hash(NAME, name.as_bytes()), hash(NAME, family.as_bytes()));
            for word in words.split_whitespace() {
                index.enter(word, topic);
            }
        }
        index
    }

    fn enter(&mut self, word: &'static str, topic: (u32, u32)) {
        if let Some(stem) = word.strip_suffix('*') {
            self.stems.entry(stem).or_default().push(topic);
            return;
        }
        let words = written(word);
        let mut name = START;
        for (place, word) in words.iter().enumerate() {
            name = step(name, word);
            let node = self.nodes.entry(name).or_default();
            if place + 1 < words.len() {
                node.goes_on = true;
            } else if !node.topics.contains(&topic) {
                node.topics.push(topic);
            }
        }
    }

    /// The longest phrase that begins at a word: its topics, and where it ends.
    fn longest(&self, words: &Words, start: usize) -> Option<(&[(u32, u32)], usize)> {
        let (mut name, mut longest) = (START, None);
        for end in start + 1..=words.len().min(start + LONGEST) {
            name = step(name, words.get(end - 1));
            let Some(node) = self.nodes.get(&name) else { break };
            if !node.topics.is_empty() {
                longest = Some((node.topics.as_slice(), end));
            }
            if !node.goes_on {
                break;
            }
        }
        longest.or_else(|| Some((self.by_stem(words.get(start))?, start + 1)))
    }

    fn by_stem(&self, word: &str) -> Option<&[(u32, u32)]> {
        (3..=word.len().min(14)).rev().find_map(|length| self.stems.get(word.get(..length)?)).map(Vec::as_slice)
    }
}

/// The words of a phrase as they would be read: "okay" is "ok" there as well. What an apostrophe leaves ("c", "j") stays.
fn written(phrase: &str) -> Vec<String> {
    let mut all = Vec::new();
    for part in phrase.split('_') {
        if part.len() <= 2 {
            all.push(part.to_owned());
        } else {
            let words = text::words(part);
            all.extend((0..words.len()).map(|place| words.get(place).to_owned()));
        }
    }
    all
}

const NAME: u32 = 130;
const START: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a of the words so far.
fn step(name: u64, word: &str) -> u64 {
    let letters = word.bytes().fold(name, |name, byte| (name ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    (letters ^ 0xff).wrapping_mul(0x0100_0000_01b3)
}

/// Names and words, in the order of the file.
fn topics() -> impl Iterator<Item = (&'static str, &'static str)> {
    TOPICS.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(':'))
}

/// The topics of a message, in its order; what stands within a longer phrase is not asked.
pub(super) fn topics_of(words: &Words) -> Vec<Found> {
    let index = &*INDEX;
    let (mut found, mut covered) = (Vec::new(), 0);
    for start in 0..words.len() {
        if let Some((topics, end)) = index.longest(words, start).filter(|(_, end)| *end > covered) {
            found.extend(topics.iter().map(|(name, family)| Found { name: *name, family: *family, start, end }));
            covered = end;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<u32> {
        topics_of(&text::words(text)).iter().map(|found| found.name).collect()
    }

    fn name(topic: &str) -> u32 {
        hash(NAME, topic.as_bytes())
    }

    #[test]
    fn a_phrase_hides_what_stands_in_it() {
        assert_eq!(
            names("Il faudrait refaire la toiture"),
            [name("want.strong"), name("work.mend"), name("thing.roof")]
        );
        assert_eq!(names("plus besoin de devis"), [name("no.name")]);
        assert_eq!(names("c'est okay pour lundi")[0], name("yes.deal"));
        assert!(names("xylophone").is_empty());
    }

    #[test]
    fn every_topic_is_written_once_and_within_reach() {
        let mut names: Vec<&str> = topics().map(|(name, _)| name).collect();
        assert!(names.len() > 50);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        for (name, words) in topics() {
            for word in words.split_whitespace() {
                let stem = word.strip_suffix('*');
                assert!(stem.is_none_or(|stem| stem.is_ascii() && (3..=14).contains(&stem.len())), "{name}: {word}");
                assert!((1..=LONGEST).contains(&written(word).len()), "{name}: {word}");
            }
        }
    }
}
