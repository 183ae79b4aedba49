//! HotLead24h: a message with intent waits, and was young when we could first have seen it.

use crate::domain::{AlertType, Anchor};

use super::situation::View;
use super::{Finding, Grounds};

pub(super) fn holds(view: &View<'_>) -> Option<Finding> {
    let inbound = view.waiting().first_hot?;
    Some(Finding {
        alert_type: AlertType::HotLead24h,
        anchor: Anchor::At(inbound.at()),
        grounds: Grounds::HotLead { inbound, waiting: view.waiting().count },
    })
}
