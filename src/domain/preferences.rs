//! What a rep wishes: how to be spoken to, and when not to be. Set in the chat; what is not set is as configured.

use serde::{Deserialize, Serialize};

use super::manner::{Lang, Manner};
use super::{Timestamp, UserId};

/// One user's wishes. Kept by its place: new ones go to the end.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Preferences {
    /// In which language.
    pub lang: Option<Lang>,
    /// In French: "vous", not "tu".
    pub formal: Option<bool>,
    /// Nothing but hot leads before this instant (exclusive).
    pub paused_until: Option<Timestamp>,
    /// Away until this instant (exclusive): whoever stands in is told instead.
    pub away_until: Option<Timestamp>,
    /// Who stands in while away; before whom the configuration names.
    pub stand_in: Option<UserId>,
    /// Times of day between which nothing comes, hot leads neither: minutes since midnight in the rep's time zone, from
    /// (inclusive) to (exclusive); over midnight when the first is the later.
    pub quiet: Option<(u16, u16)>,
    /// Whether the day begins with a briefing.
    pub briefing: Option<bool>,
    /// Whether the day ends with a summary.
    pub summary: Option<bool>,
}

impl Preferences {
    /// How this user is spoken to, where `default` is how everybody is.
    pub fn manner(&self, default: Manner) -> Manner {
        Manner::of(self.lang.unwrap_or(default.lang()), self.formal.unwrap_or(default.is_formal()))
    }
}
