//! NoContact7d: the lead is a week old and nobody ever wrote or called.

use crate::domain::{AlertType, Anchor, Timestamp};

use super::situation::View;
use super::{Finding, Grounds, Settings};

pub(super) fn holds(view: &View<'_>, settings: &Settings) -> Option<Finding> {
    let created_at = view.life.created_at;
    let old_enough = view.now.since(created_at) >= settings.no_contact;
    (view.silence_counts() && !view.situation.contacted && old_enough).then_some(Finding {
        alert_type: AlertType::NoContact7d,
        anchor: Anchor::At(created_at),
        grounds: Grounds::NoContact { created_at, last_inbound: view.situation.last_in },
    })
}

pub(super) fn next_due(view: &View<'_>, settings: &Settings) -> Option<Timestamp> {
    (!view.situation.contacted).then(|| view.life.created_at.plus(settings.no_contact))
}
