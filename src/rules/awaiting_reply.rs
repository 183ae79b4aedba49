//! AwaitingReply24h: the lead wrote or called, and got no answer for a day.

use crate::domain::{AlertType, Anchor, Timestamp};

use super::situation::View;
use super::{Finding, Grounds, Settings};

pub(super) fn holds(view: &View<'_>, settings: &Settings) -> Option<Finding> {
    let (first, last) = (view.waiting().first?, view.waiting().last?);
    let long_enough = view.now.since(first.at()) >= settings.awaiting_reply;
    let still_matters = view.now.since(last.at()) < settings.awaiting_reply_max;
    (long_enough && still_matters).then_some(Finding {
        alert_type: AlertType::AwaitingReply24h,
        anchor: Anchor::At(first.at()),
        grounds: Grounds::AwaitingReply { first, last, waiting: view.waiting().count },
    })
}

pub(super) fn next_due(view: &View<'_>, settings: &Settings) -> Option<Timestamp> {
    let begins = view.waiting().first.map(|first| first.at().plus(settings.awaiting_reply));
    let ends = view.waiting().last.map(|last| last.at().plus(settings.awaiting_reply_max));
    [begins, ends].into_iter().flatten().filter(|at| *at > view.now).min()
}
