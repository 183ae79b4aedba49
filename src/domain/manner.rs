//! How M.A.X. speaks to somebody: the language, in French whether it says "tu" or "vous", and in which of several
//! wordings.

use serde::{Deserialize, Serialize};

use super::AlertId;

/// A language M.A.X. speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// French.
    #[default]
    Fr,
    /// English.
    En,
}

impl Lang {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::Fr, Self::En];

    /// The name in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fr => "fr",
            Self::En => "en",
        }
    }
}

/// How somebody is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Manner {
    /// In French, as a colleague.
    #[default]
    Tu,
    /// In French, formally.
    Vous,
    /// In English.
    English,
}

impl Manner {
    /// Every manner.
    pub const ALL: [Self; 3] = [Self::Tu, Self::Vous, Self::English];

    /// The manner of a language; English is not formal.
    pub fn of(lang: Lang, formal: bool) -> Self {
        match (lang, formal) {
            (Lang::Fr, false) => Self::Tu,
            (Lang::Fr, true) => Self::Vous,
            (Lang::En, _) => Self::English,
        }
    }

    /// Its language.
    pub fn lang(self) -> Lang {
        match self {
            Self::Tu | Self::Vous => Lang::Fr,
            Self::English => Lang::En,
        }
    }

    /// Whether it is the formal one.
    pub fn is_formal(self) -> bool {
        self == Self::Vous
    }

    /// The name of its folder of wordings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tu => "fr",
            Self::Vous => "fr-vous",
            Self::English => "en",
        }
    }
}

/// Which one of several wordings a message has: a number of which the remainder by how many there are counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Wording(pub u32);

impl Wording {
    /// So many are told apart: a multiple of the small numbers, so that with two, three, four, five or six wordings
    /// each is as frequent as the others, and after the last one comes the first.
    const COUNT: u32 = 60;

    /// Every one that [`Wording::of`] and [`Wording::unlike`] make.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    /// The same, from this one on.
    pub fn and_on(self) -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(move |step| Self((self.0 + step) % Self::COUNT))
    }

    /// An alert's own, the same for ever.
    pub fn of(alert: &AlertId) -> Self {
        Self::of_text(alert.as_str())
    }

    /// The same for the same text.
    pub fn of_text(text: &str) -> Self {
        // FNV-1a, finished so that the low digits depend on every byte.
        let hash = text.bytes().fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        Self((hash ^ (hash >> 15)).wrapping_mul(0x2C1B_3C6D) % Self::COUNT)
    }

    /// This one; the one after `previous` when something would be said in the same words as with that, because there
    /// are few wordings of it.
    pub fn unlike(self, previous: Option<Self>) -> Self {
        match previous {
            Some(previous) if (2..=5).any(|count| self.0 % count == previous.0 % count) => {
                Self((previous.0 + 1) % Self::COUNT)
            }
            Some(_) | None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_has_its_wording_for_ever_and_all_are_used() {
        let of = |number: u32| Wording::of(&AlertId(format!("a{number:016x}")));
        assert_eq!(of(7), of(7));
        for count in 2..=6_u32 {
            for wording in 0..count {
                let share = (0..6_000).filter(|number| of(*number).0 % count == wording).count();
                let fair = 6_000 / count as usize;
                assert!((fair * 8 / 10..fair * 12 / 10).contains(&share), "{wording} of {count}: {share}");
            }
        }
    }

    #[test]
    fn nothing_of_which_there_are_a_few_wordings_is_said_twice_in_a_row() {
        for own in Wording::all() {
            assert_eq!(own.unlike(None), own);
            for previous in Wording::all() {
                let said = own.unlike(Some(previous));
                assert!((2..=6).all(|count| said.0 % count != previous.0 % count), "{said:?} after {previous:?}");
            }
        }
    }
}
