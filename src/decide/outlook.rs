//! What is kept of every lead in memory: enough to say what time, or other rules, would do to its alerts, without
//! its history.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::replay::{Episode, Replay, next_due, wanted};
use crate::domain::Timestamp;
use crate::rules::{Settings, Summary};

/// What time alone can do to one lead: its summary, and the episodes that are not simply over. Small, and without
/// any text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outlook {
    summary: Summary,
    /// Most leads have one at most.
    episodes: SmallVec<[Episode; 1]>,
}

/// What becomes of a lead's alerts at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prospect {
    /// How many open, for the first time or again.
    pub opened: usize,
    /// How many the rules close.
    pub closed: usize,
}

impl Outlook {
    /// The outlook of a replay that has come to `now`.
    pub(crate) fn of(replay: &Replay<'_>, now: Timestamp) -> Self {
        let episodes = replay.episodes().all().iter().filter(|episode| episode.matters()).copied().collect();
        Self { summary: replay.summary(now), episodes }
    }

    /// Whether something was planned with the lead that is not over.
    pub fn has_next_step(&self) -> bool {
        self.summary.has_next_step()
    }

    /// What becomes of the lead's alerts at `now` under `settings`. `None` when it takes the history to say: a fact that
    /// was dated later has come true.
    pub fn at(&self, settings: &Settings, now: Timestamp) -> Option<Prospect> {
        if self.summary.is_over(now) {
            return None;
        }
        let wanted = wanted(&self.episodes, &self.summary.verdict(settings, now), settings, now);
        let open = || self.episodes.iter().filter(|episode| episode.is_open());
        let staying = open().filter(|episode| episode.is_wanted(&wanted)).count();
        let opened = wanted.iter().flatten().count() - staying;
        Some(Prospect { opened, closed: open().count() - staying })
    }

    /// The next instant, later than `now`, at which time alone can change anything, when nothing opens or closes at
    /// `now`; `None` when it cannot.
    pub fn next_due(&self, settings: &Settings, now: Timestamp) -> Option<Timestamp> {
        next_due(&self.episodes, &self.summary.verdict(settings, now), settings, now)
    }
}
