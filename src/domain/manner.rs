//! How M.A.X. speaks to somebody: the language, and in French whether it says "tu" or "vous".

use serde::{Deserialize, Serialize};

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
