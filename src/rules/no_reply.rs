//! NoReply3d: we wrote or called, and nothing came back.

use crate::domain::{AlertType, Anchor, Timestamp};

use super::situation::{Mark, View};
use super::{Finding, Grounds, Settings};

/// Our last word, when no response stands at or after it.
fn unanswered(view: &View<'_>) -> Option<Mark> {
    view.situation
        .last_out
        .filter(|last_out| view.situation.last_response.is_none_or(|response| response.at() < last_out.at()))
}

pub(super) fn holds(view: &View<'_>, settings: &Settings) -> Option<Finding> {
    let last_out = unanswered(view)?;
    let long_enough = view.now.since(last_out.at()) >= settings.no_reply;
    (view.silence_counts() && long_enough).then_some(Finding {
        alert_type: AlertType::NoReply3d,
        anchor: Anchor::At(last_out.at()),
        grounds: Grounds::NoReply { last_out },
    })
}

pub(super) fn next_due(view: &View<'_>, settings: &Settings) -> Option<Timestamp> {
    unanswered(view).map(|last_out| last_out.at().plus(settings.no_reply))
}
