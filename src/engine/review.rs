//! What other rules would do to all leads, from what lies ahead of each: nobody's history is read for it.

use crate::domain::{LeadId, Timestamp};
use crate::rules::Settings;
use crate::store::{Outlooks, Watched};

/// What rules would do to all leads at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Review {
    /// How many leads were looked at.
    pub leads: usize,
    /// How many alerts open, for the first time or again.
    pub opened: usize,
    /// How many alerts the rules close.
    pub closed: usize,
}

/// What `rules` would do to all leads at `now`. Of a lead with a fact that was dated later and has come true, it
/// takes the history to say: it is due anyway.
pub fn review(outlooks: &Outlooks, rules: &Settings, now: Timestamp) -> Review {
    let mut review = Review::default();
    for outlook in outlooks.all() {
        review.leads += 1;
        if let Some(prospect) = outlook.at(rules, now) {
            review.opened += prospect.opened;
            review.closed += prospect.closed;
        }
    }
    review
}

/// The leads that are due at another instant under `rules`, and when. One that is due by `now` stays so.
pub(super) fn moved(outlooks: &Outlooks, rules: &Settings, now: Timestamp) -> Vec<(LeadId, Option<Timestamp>)> {
    let waiting = outlooks.watched().filter(|watched| watched.evaluated.due.is_none_or(|due| due > now));
    let moved = waiting.filter_map(|Watched { lead, evaluated, outlook }| {
        let due = match outlook.at(rules, now) {
            Some(prospect) if prospect.opened + prospect.closed == 0 => outlook.next_due(rules, now),
            Some(_) | None => Some(now),
        };
        (due != evaluated.due).then(|| (lead.clone(), due))
    });
    moved.collect()
}
