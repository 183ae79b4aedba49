//! StaleLead30d: nothing at all for a month.

use crate::domain::{AlertType, Anchor, Timestamp};

use super::situation::View;
use super::{Finding, Grounds, Settings};

fn since(view: &View<'_>) -> Timestamp {
    view.situation.last_any.map_or(view.life.created_at, |last| last.at())
}

pub(super) fn holds(view: &View<'_>, settings: &Settings) -> Option<Finding> {
    let since = since(view);
    let long_enough = view.now.since(since) >= settings.stale;
    (view.silence_counts() && long_enough).then_some(Finding {
        alert_type: AlertType::StaleLead30d,
        anchor: Anchor::At(since),
        grounds: Grounds::Stale { last: view.situation.last_any, since },
    })
}

pub(super) fn next_due(view: &View<'_>, settings: &Settings) -> Timestamp {
    since(view).plus(settings.stale)
}
