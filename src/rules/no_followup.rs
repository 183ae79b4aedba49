//! NoFollowup7d: the conversation stopped a week ago.

use crate::domain::{AlertType, Anchor, Timestamp};

use super::situation::View;
use super::{Finding, Grounds, Settings};

pub(super) fn holds(view: &View<'_>, settings: &Settings) -> Option<Finding> {
    let last = view.situation.last_any?;
    let long_enough = view.now.since(last.at()) >= settings.no_followup;
    (view.silence_counts() && long_enough).then_some(Finding {
        alert_type: AlertType::NoFollowup7d,
        anchor: Anchor::At(last.at()),
        grounds: Grounds::NoFollowup { last },
    })
}

pub(super) fn next_due(view: &View<'_>, settings: &Settings) -> Option<Timestamp> {
    view.situation.last_any.map(|last| last.at().plus(settings.no_followup))
}
