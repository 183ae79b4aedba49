//! What is kept of every lead in memory: enough to say what time, or other rules, would do to its alerts, without
//! its history.

use serde::{Deserialize, Serialize};

use super::replay::{Episode, Replay, next_due, wanted};
use crate::domain::Timestamp;
use crate::rules::{Settings, Summary};

/// What time alone can do to one lead: its summary, and the episodes that are not simply over. Small, and without
/// any text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outlook {
    summary: Summary,
    episodes: Box<[Episode]>,
}

/// What becomes of a lead's alerts at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prospect {
    /// How many open, for the first time or again.
    pub opened: usize,
    /// How many the rules close.
    pub closed: usize,
    /// The next instant at which time alone can change anything; `None` when it cannot.
    pub next_due: Option<Timestamp>,
}

impl Outlook {
    /// The outlook of a replay that has come to `now`.
    pub(crate) fn of(replay: &Replay<'_>, now: Timestamp) -> Self {
        let episodes = replay.episodes().all().iter().filter(|episode| episode.matters()).copied().collect();
        Self { summary: replay.summary(now), episodes }
    }

    /// What becomes of the lead's alerts at `now` under `settings`. `None` when it takes the history to say.
    pub fn at(&self, settings: &Settings, now: Timestamp) -> Option<Prospect> {
        if self.summary.is_over(now) {
            return None;
        }
        let evaluation = self.summary.judge(settings, now);
        let wanted = wanted(&self.episodes, &evaluation, settings, now);
        let stays = |episode: &&Episode| episode.is_open() && episode.is_wanted(&wanted);
        let open = self.episodes.iter().filter(|episode| episode.is_open()).count();
        let staying = self.episodes.iter().filter(stays).count();
        let opened = wanted.iter().flatten().count() - staying;
        let next_due = next_due(&self.episodes, &evaluation, settings, now);
        Some(Prospect { opened, closed: open - staying, next_due })
    }
}
