//! Finds the lexicon's phrases in a message: one pass over its words, a few candidates for each. Nearly every word
//! of a message is one of the lexicon's own: which phrases it can begin and where it fits is worked out once.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::FixedState;

use super::features::hash;
use super::lexicon::{PHRASES, SETS, Sign};
use super::text::{Clause, Words};

/// A phrase of the lexicon, found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub(super) sign: Sign,
    /// Tells its phrase from the others, and stays the same while the phrase does.
    pub(super) phrase: u32,
    /// Index of the clause it was found in.
    pub(super) clause: usize,
    /// Index of its first word.
    pub(super) start: usize,
    /// Index after its last word.
    pub(super) end: usize,
    /// A negation reaches it: found out when the message is put together.
    pub(super) denied: bool,
}

struct Phrase {
    sign: Sign,
    name: u32,
    elements: Vec<Element>,
}

enum Element {
    /// One word out of those of a choice, by its place.
    Word { choice: usize, optional: bool },
    /// At most so many words of any kind.
    Gap(usize),
    /// The clause begins here.
    Start,
    /// The clause ends here.
    End,
    /// All that is left of the clause.
    Rest,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Form {
    Exact(&'static str),
    Prefix(&'static str),
    /// Begins with a digit.
    Figure,
    /// A time of day: 14h, 14h30, 2pm, 10:30.
    Hour,
}

/// Words of which one stands at a place of a phrase.
struct Choice {
    forms: Vec<Form>,
    /// Those that also fit words which the lexicon does not name.
    open: Vec<Form>,
}

#[derive(Default)]
struct Index {
    phrases: Vec<Phrase>,
    choices: Vec<Choice>,
    choice_of: HashMap<Vec<Form>, usize, FixedState>,
    exact: HashMap<&'static str, Vec<usize>, FixedState>,
    /// By the first three bytes of the stem.
    prefix: HashMap<[u8; 3], Vec<(&'static str, usize)>, FixedState>,
    figures: Vec<usize>,
    /// The words that the lexicon names.
    numbers: HashMap<&'static str, usize, FixedState>,
    /// Per such word the phrases it can begin.
    candidates: Vec<Vec<Candidate>>,
    /// Per such word and 64 choices one bit for each that it fits.
    fitting: Vec<u64>,
}

/// A phrase that a word can begin.
#[derive(Clone, Copy)]
struct Candidate {
    phrase: u32,
    /// The choice that the word behind it has to fit, if the phrase has to go on with one.
    then: Option<u32>,
}

static INDEX: LazyLock<Index> = LazyLock::new(Index::new);

/// A message on the way to its hits.
struct Search<'a> {
    index: &'a Index,
    words: &'a Words,
    /// Per word its number in the lexicon.
    numbers: Vec<Option<usize>>,
}

/// Every phrase of the lexicon found in the message, in the order of the text.
pub(super) fn find(words: &Words) -> Vec<Hit> {
    let index = &*INDEX;
    let numbers = (0..words.len()).map(|place| index.numbers.get(words.get(place)).copied()).collect();
    let search = Search { index, words, numbers };
    let mut hits = Vec::with_capacity(words.len());
    for (number, clause) in words.clauses.iter().enumerate() {
        for start in clause.start..clause.end {
            search.each_candidate(start, clause.end, |phrase| {
                let phrase = &index.phrases[phrase];
                if let Some(end) = search.matches(&phrase.elements, clause, start) {
                    hits.push(Hit {
                        sign: phrase.sign,
                        phrase: phrase.name,
                        clause: number,
                        start,
                        end,
                        denied: false,
                    });
                }
            });
        }
    }
    hits
}

impl Index {
    fn new() -> Self {
        let mut index = Self::default();
        for (sign, phrases) in PHRASES {
            for text in phrases.iter() {
                let elements: Vec<Element> = text.split_whitespace().map(|text| index.element(text)).collect();
                let number = index.phrases.len();
                index.enter(&elements, number);
                index.phrases.push(Phrase { sign: *sign, name: hash(*sign as u32, text.as_bytes()), elements });
            }
        }
        index.number_words();
        index
    }

    /// `word`, `stem*`, `a|b`, `?optional`, `@set`, `..3` (a gap), `#` (a figure), `#h` (a time), `^`, `$`, `>>` (the
    /// rest).
    fn element(&mut self, text: &'static str) -> Element {
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
        Element::Word { choice: self.choice(forms(text)), optional }
    }

    fn choice(&mut self, forms: Vec<Form>) -> usize {
        if let Some(known) = self.choice_of.get(&forms) {
            return *known;
        }
        let place = self.choices.len();
        let open = forms.iter().copied().filter(|form| !matches!(form, Form::Exact(_))).collect();
        self.choice_of.insert(forms.clone(), place);
        self.choices.push(Choice { forms, open });
        place
    }

    /// Under every word that the phrase can begin with.
    fn enter(&mut self, elements: &[Element], number: usize) {
        for element in elements {
            match element {
                Element::Start => {}
                Element::Word { choice, optional } => {
                    for form in &self.choices[*choice].forms {
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

    /// Works out, for every word that the lexicon names, what a search asks of it.
    fn number_words(&mut self) {
        let forms = self.choices.iter().flat_map(|choice| &choice.forms);
        let named = forms.filter_map(|form| if let Form::Exact(word) = form { Some(*word) } else { None });
        let mut words: Vec<&'static str> = named.collect();
        words.sort_unstable();
        words.dedup();
        self.fitting = vec![0; self.choices.len().div_ceil(64) * words.len()];
        for (choice, Choice { forms, .. }) in self.choices.iter().enumerate() {
            for number in forms.iter().flat_map(|form| fitting_words(form, &words)) {
                let (place, bit) = fitting_bit(self.choices.len(), number, choice);
                self.fitting[place] |= bit;
            }
        }
        for (number, word) in words.into_iter().enumerate() {
            let mut candidates = Vec::new();
            self.each_candidate(word, |phrase| candidates.push(self.candidate(phrase)));
            self.candidates.push(candidates);
            self.numbers.insert(word, number);
        }
    }

    fn candidate(&self, phrase: usize) -> Candidate {
        let then = match self.phrases[phrase].elements.as_slice() {
            [Element::Word { optional: false, .. }, Element::Word { choice, optional: false }, ..] => {
                Some(*choice as u32)
            }
            _ => None,
        };
        Candidate { phrase: phrase as u32, then }
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

/// Where in [`Index::fitting`] it says whether a word fits a choice.
fn fitting_bit(choices: usize, word: usize, choice: usize) -> (usize, u64) {
    (word * choices.div_ceil(64) + choice / 64, 1 << (choice % 64))
}

/// The numbers of those of the sorted words that have this form.
fn fitting_words(form: &Form, words: &[&str]) -> Vec<usize> {
    let fits = |number: &usize| fits(form, words[*number]);
    match form {
        Form::Exact(text) | Form::Prefix(text) => {
            (words.partition_point(|word| word < text)..words.len()).take_while(fits).collect()
        }
        Form::Figure | Form::Hour => (0..words.len()).filter(fits).collect(),
    }
}

impl Search<'_> {
    /// The phrases that can begin at a place in a clause that ends at `end`.
    fn each_candidate(&self, place: usize, end: usize, mut visit: impl FnMut(usize)) {
        let Some(number) = self.numbers[place] else {
            return self.index.each_candidate(self.words.get(place), visit);
        };
        let goes_on = |choice: u32| place + 1 < end && self.fits(choice as usize, place + 1);
        for Candidate { phrase, then } in &self.index.candidates[number] {
            if then.is_none_or(goes_on) {
                visit(*phrase as usize);
            }
        }
    }

    fn fits(&self, choice: usize, place: usize) -> bool {
        match self.numbers[place] {
            Some(number) => {
                let (place, bit) = fitting_bit(self.index.choices.len(), number, choice);
                self.index.fitting[place] & bit != 0
            }
            None => self.index.choices[choice].open.iter().any(|form| fits(form, self.words.get(place))),
        }
    }

    /// Where the elements end when they begin at `at`.
    fn matches(&self, mut elements: &[Element], clause: &Clause, mut at: usize) -> Option<usize> {
        while let [Element::Word { choice, optional: false }, rest @ ..] = elements {
            if at == clause.end || !self.fits(*choice, at) {
                return None;
            }
            (elements, at) = (rest, at + 1);
        }
        let Some((first, rest)) = elements.split_first() else {
            return Some(at);
        };
        match first {
            Element::Start => (at == clause.start).then(|| self.matches(rest, clause, at)).flatten(),
            Element::End => (at == clause.end).then_some(at),
            Element::Rest => Some(clause.end),
            Element::Gap(most) => (at..=(at + most).min(clause.end)).find_map(|next| self.matches(rest, clause, next)),
            Element::Word { choice, optional } => {
                let fits = at < clause.end && self.fits(*choice, at);
                let taken = fits.then(|| self.matches(rest, clause, at + 1)).flatten();
                taken.or_else(|| optional.then(|| self.matches(rest, clause, at)).flatten())
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
    fn what_is_worked_out_about_a_word_is_what_its_forms_say() {
        let index = Index::new();
        for (word, number) in &index.numbers {
            for (place, choice) in index.choices.iter().enumerate() {
                let (at, bit) = fitting_bit(index.choices.len(), *number, place);
                assert_eq!(index.fitting[at] & bit != 0, choice.forms.iter().any(|form| fits(form, word)), "{word}");
            }
        }
    }

    #[test]
    fn every_phrase_compiles_and_can_be_looked_up() {
        let index = Index::new();
        for phrase in &index.phrases {
            for element in &phrase.elements {
                if let Element::Word { choice, .. } = element {
                    for form in &index.choices[*choice].forms {
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
