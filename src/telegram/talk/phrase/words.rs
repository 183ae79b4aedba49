//! A text as words and numbers, each of which is used up once it has been understood. What is left over is a name.

use std::ops::Range;

use super::is_filler;
use crate::domain::spelling::{fold, slips, slips_of};

/// A word, a number or a sign.
#[derive(Clone, Debug)]
pub(super) struct Token<'a> {
    /// As it was typed.
    typed: &'a str,
    /// Folded.
    pub word: String,
    used: bool,
}

/// All of a text.
#[derive(Clone, Debug)]
pub(super) struct Tokens<'a>(Vec<Token<'a>>);

impl<'a> Tokens<'a> {
    /// Words are runs of letters, numbers runs of digits; of signs only those that stand in times and dates count.
    pub fn of(text: &'a str) -> Self {
        let mut tokens = Vec::new();
        let mut start = 0;
        let mut kind = Kind::None;
        for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
            let now = Kind::of(c);
            if now != kind || now == Kind::Sign {
                if matches!(kind, Kind::Letters | Kind::Digits | Kind::Sign) {
                    let typed = &text[start..at];
                    tokens.push(Token { typed, word: fold(typed), used: false });
                }
                (start, kind) = (at, now);
            }
        }
        Self(tokens)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The word at `index` that is not used up; empty beyond the ends.
    pub fn at(&self, index: usize) -> &str {
        self.0.get(index).filter(|token| !token.used).map_or("", |token| &token.word)
    }

    /// The number at `index`.
    pub fn number(&self, index: usize) -> Option<u32> {
        self.at(index).parse().ok()
    }

    /// The same in digits or as a word; more than anybody means is none.
    pub fn count(&self, index: usize) -> Option<u32> {
        self.number(index).or_else(|| number_word(self.at(index))).filter(|count| *count < 1_000)
    }

    pub fn use_up(&mut self, range: Range<usize>) {
        self.0.get_mut(range).into_iter().flatten().for_each(|token| token.used = true);
    }

    /// Uses up the words one after another, if they stand so somewhere.
    pub fn take_phrase(&mut self, words: &[&str]) -> bool {
        let fits = |start: &usize| words.iter().enumerate().all(|(offset, word)| self.at(start + offset) == *word);
        let found = (0..self.0.len()).find(fits);
        if let Some(start) = found {
            self.use_up(start..start + words.len());
        }
        found.is_some()
    }

    /// Uses up every one of these words that is there.
    pub fn take_any(&mut self, words: &[&str]) -> bool {
        let mut found = false;
        for token in self.0.iter_mut().filter(|token| !token.used && words.contains(&token.word.as_str())) {
            token.used = true;
            found = true;
        }
        found
    }

    /// Uses up the first word that is this one with a slip. A word in capitals that does not begin the text is a name.
    pub fn take_like(&mut self, word: &str) -> bool {
        let found = (0..self.0.len()).find(|index| self.is_like(*index, word));
        found.inspect(|index| self.use_up(*index..index + 1)).is_some()
    }

    /// Whether the word at `index` is this one, perhaps with a slip.
    pub fn is_like(&self, index: usize, word: &str) -> bool {
        let Some(token) = self.0.get(index).filter(|token| !token.used) else { return false };
        let is_name = index > 0 && token.typed.starts_with(char::is_uppercase);
        let most = if is_name { 0 } else { slips_of(word) };
        token.word == word || (word.len() >= 5 && token.word.len() >= 4 && slips(&token.word, word, most).is_some())
    }

    /// Whether there is anything left that may be a time.
    pub fn has_numbers_or_days(&self) -> bool {
        self.0.iter().any(|token| !token.used && token.word.starts_with(|c: char| c.is_ascii_digit()))
    }

    /// Whether some word is English and nothing else.
    pub fn is_english(&self) -> bool {
        const ENGLISH: [&str; 12] =
            ["call", "her", "him", "at", "on", "later", "remind", "until", "snooze", "done", "the", "back"];
        self.0.iter().any(|token| ENGLISH.contains(&token.word.as_str()))
    }

    /// What is not used up and may be a name, as it was typed.
    pub fn rest(&self) -> Vec<&'a str> {
        let left = self.0.iter().filter(|token| !token.used && !is_filler(token));
        left.filter(|token| token.word.starts_with(char::is_alphanumeric)).map(|token| token.typed).collect()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    None,
    Letters,
    Digits,
    Sign,
}

impl Kind {
    fn of(c: char) -> Self {
        match c {
            '/' | ':' | '.' => Self::Sign,
            c if c.is_ascii_digit() => Self::Digits,
            // Marks belong to the letter before them.
            c if c.is_alphanumeric() || matches!(c, '\u{300}'..='\u{36F}') => Self::Letters,
            _ => Self::None,
        }
    }
}

fn number_word(word: &str) -> Option<u32> {
    Some(match word {
        "un" | "une" | "a" | "an" | "one" => 1,
        "deux" | "two" => 2,
        "trois" | "three" => 3,
        "quatre" | "four" => 4,
        "cinq" | "five" => 5,
        "six" => 6,
        "sept" | "seven" => 7,
        "huit" | "eight" => 8,
        "neuf" | "nine" => 9,
        "dix" | "ten" => 10,
        "onze" | "eleven" => 11,
        "douze" | "twelve" => 12,
        "quinze" | "fifteen" => 15,
        "vingt" | "twenty" => 20,
        "trente" | "thirty" => 30,
        _ => return None,
    })
}
