//! Finds the lexicon's phrases in a message: one pass over its words, a few candidates for each.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::lexicon::{PHRASES, SETS, Sign};
use super::text::{Clause, Words};

/// A phrase of the lexicon, found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub(super) sign: Sign,
    /// Index of the clause it was found in.
    pub(super) clause: usize,
    /// Index of its first word.
    pub(super) start: usize,
    /// Index after its last word.
    pub(super) end: usize,
}

struct Phrase {
    sign: Sign,
    elements: Vec<Element>,
}

enum Element {
    /// One word out of these.
    Word { any: Vec<Form>, optional: bool },
    /// At most so many words of any kind.
    Gap(usize),
    /// The clause begins here.
    Start,
    /// The clause ends here.
    End,
    /// All that is left of the clause.
    Rest,
}

enum Form {
    Exact(&'static str),
    Prefix(&'static str),
    /// Begins with a digit.
    Figure,
    /// A time of day: 14h, 14h30, 2pm, 10:30.
    Hour,
}

struct Index {
    phrases: Vec<Phrase>,
    exact: HashMap<&'static str, Vec<usize>>,
    /// By the first three bytes of the stem.
    prefix: HashMap<[u8; 3], Vec<(&'static str, usize)>>,
    figures: Vec<usize>,
}

static INDEX: LazyLock<Index> = LazyLock::new(Index::new);

/// Every phrase of the lexicon found in the message, in the order of the text.
pub(super) fn find(words: &Words) -> Vec<Hit> {
    let index = &*INDEX;
    let mut hits = Vec::new();
    for (number, clause) in words.clauses.iter().enumerate() {
        for start in clause.start..clause.end {
            index.each_candidate(words.get(start), |phrase| {
                let phrase = &index.phrases[phrase];
                if let Some(end) = matches(&phrase.elements, words, clause, start) {
                    hits.push(Hit { sign: phrase.sign, clause: number, start, end });
                }
            });
        }
    }
    hits
}

impl Index {
    fn new() -> Self {
        let mut index =
            Self { phrases: Vec::new(), exact: HashMap::new(), prefix: HashMap::new(), figures: Vec::new() };
        for (sign, phrases) in PHRASES {
            for text in phrases.iter() {
                let elements: Vec<Element> = text.split_whitespace().map(element).collect();
                let number = index.phrases.len();
                index.enter(&elements, number);
                index.phrases.push(Phrase { sign: *sign, elements });
            }
        }
        index
    }

    /// Under every word that the phrase can begin with.
    fn enter(&mut self, elements: &[Element], number: usize) {
        for element in elements {
            match element {
                Element::Start => {}
                Element::Word { any, optional } => {
                    for form in any {
                        match form {
                            Form::Exact(word) => push_once(self.exact.entry(word).or_default(), number),
                            Form::Prefix(stem) => {
                                push_once(self.prefix.entry(key(stem)).or_default(), (*stem, number));
                            }
                            Form::Figure | Form::Hour => push_once(&mut self.figures, number),
                        }
                    }
                    if !optional {
                        return;
                    }
                }
                Element::Gap(_) | Element::End | Element::Rest => return,
            }
        }
    }

    fn each_candidate(&self, word: &str, mut visit: impl FnMut(usize)) {
        for phrase in self.exact.get(word).into_iter().flatten() {
            visit(*phrase);
        }
        if word.len() >= 3 {
            for (stem, phrase) in self.prefix.get(&key(word)).into_iter().flatten() {
                if word.starts_with(stem) {
                    visit(*phrase);
                }
            }
        }
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            for phrase in &self.figures {
                visit(*phrase);
            }
        }
    }
}

fn push_once<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// The lexicon's stems have at least three ASCII letters (a test holds it).
fn key(word: &str) -> [u8; 3] {
    let bytes = word.as_bytes();
    let at = |index: usize| bytes.get(index).copied().unwrap_or_default();
    [at(0), at(1), at(2)]
}

/// `word`, `stem*`, `a|b`, `?optional`, `@set`, `..3` (a gap), `#` (a figure), `#h` (a time), `^`, `$`, `>>` (the rest).
fn element(text: &'static str) -> Element {
    match text {
        "^" => return Element::Start,
        "$" => return Element::End,
        ">>" => return Element::Rest,
        _ => {}
    }
    if let Some(count) = text.strip_prefix("..") {
        return Element::Gap(count.parse().expect("the lexicon's gaps are numbers: tests compile it"));
    }
    let (optional, text) = text.strip_prefix('?').map_or((false, text), |rest| (true, rest));
    Element::Word { any: forms(text), optional }
}

fn forms(text: &'static str) -> Vec<Form> {
    let mut all = Vec::new();
    for word in text.split('|') {
        match word {
            "#" => all.push(Form::Figure),
            "#h" => all.push(Form::Hour),
            _ if word.starts_with('@') => {
                let set = SETS.iter().find(|(name, _)| *name == word);
                all.extend(forms(set.expect("the lexicon names its own sets: tests compile it").1));
            }
            _ => all.push(word.strip_suffix('*').map_or(Form::Exact(word), Form::Prefix)),
        }
    }
    all
}

fn matches(elements: &[Element], words: &Words, clause: &Clause, at: usize) -> Option<usize> {
    let Some((first, rest)) = elements.split_first() else {
        return Some(at);
    };
    match first {
        Element::Start => (at == clause.start).then(|| matches(rest, words, clause, at)).flatten(),
        Element::End => (at == clause.end).then_some(at),
        Element::Rest => Some(clause.end),
        Element::Gap(most) => (at..=(at + most).min(clause.end)).find_map(|next| matches(rest, words, clause, next)),
        Element::Word { any, optional } => {
            let fits = at < clause.end && any.iter().any(|form| fits(form, words.get(at)));
            let taken = fits.then(|| matches(rest, words, clause, at + 1)).flatten();
            taken.or_else(|| optional.then(|| matches(rest, words, clause, at)).flatten())
        }
    }
}

fn fits(form: &Form, word: &str) -> bool {
    let digit = || word.starts_with(|c: char| c.is_ascii_digit());
    match form {
        Form::Exact(exact) => word == *exact,
        Form::Prefix(stem) => word.starts_with(stem),
        Form::Figure => digit(),
        Form::Hour => digit() && (word.contains([':', 'h']) || word.ends_with("am") || word.ends_with("pm")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phrase_compiles_and_can_be_looked_up() {
        let index = Index::new();
        for phrase in &index.phrases {
            for element in &phrase.elements {
                if let Element::Word { any, .. } = element {
                    for form in any {
                        if let Form::Prefix(stem) = form {
                            assert!(stem.len() >= 3 && stem.is_ascii(), "stem {stem:?} is too short to look up");
                        }
                        if let Form::Exact(word) = form {
                            assert!(!word.is_empty() && word.is_ascii(), "{word:?} is no normalised word");
                            assert!(word.chars().all(|c| c.is_ascii_alphanumeric()), "{word:?} is no normalised word");
                        }
                    }
                }
            }
            assert!(
                !matches!(phrase.elements.first(), Some(Element::Gap(_) | Element::End | Element::Rest) | None),
                "a phrase begins with a word"
            );
        }
    }
}
