//! Which announcements go out as messages of their own, which together, and which have to wait: the rep hates
//! noise. Pure.

use std::collections::HashMap;

use crate::domain::calendar::Calendar;
use crate::domain::{AlertId, AlertType, MINUTE, Timestamp};

/// More than so many for one person within a minute go out as a digest.
pub const BURST: usize = 5;

/// An announcement that waits, for one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Which alert.
    pub alert: AlertId,
    /// Its type.
    pub alert_type: AlertType,
    /// What several alerts have in common when one message should name them all: the activity they rest on.
    pub shared: Option<String>,
    /// It was decided in the very first evaluation.
    pub first_evaluation: bool,
}

/// One message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The alerts it announces: one, or several for a digest.
    pub alerts: Vec<AlertId>,
    /// Without sound.
    pub silent: bool,
}

/// What is to be sent now, and what waits until when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Messages for now, in order.
    pub now: Vec<Planned>,
    /// Alerts that wait, with the instant until which they do.
    pub later: Vec<(AlertId, Timestamp)>,
}

/// Plans the announcements that wait for one person at `now`. `recent` holds, for each alert that this person was
/// told lately, when that was: a digest counts once for each of its alerts.
pub fn plan(pending: &[Pending], recent: &[Timestamp], calendar: &Calendar, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let open = calendar.is_open(now);
    // Outside working hours only hot leads are sent, without sound; the rest waits.
    let (mut sendable, waiting): (Vec<_>, Vec<_>) =
        pending.iter().partition(|one| open || one.alert_type == AlertType::HotLead24h);
    if !waiting.is_empty() {
        let opens = calendar.next_open(now);
        plan.later.extend(waiting.iter().map(|one| (one.alert.clone(), opens)));
    }
    sendable.sort_by_key(|one| one.alert_type);
    let minute_ago = now.plus(-MINUTE);
    let sent_lately: Vec<_> = recent.iter().filter(|at| **at > minute_ago).collect();
    let burst = sendable.len() + sent_lately.len() > BURST;
    // After a burst what goes on is told when the minute is over: not every few seconds another digest.
    let is_going_on = sent_lately.len() > BURST;
    if sendable.iter().any(|one| one.first_evaluation) || (burst && sendable.len() > 1 && !is_going_on) {
        let (hot, rest): (Vec<_>, Vec<_>) = sendable
            .into_iter()
            .partition(|one| !one.first_evaluation && one.alert_type == AlertType::HotLead24h && !burst);
        plan.now.extend(hot.into_iter().map(|one| single(one, open)));
        plan.now.push(Planned { alerts: rest.iter().map(|one| one.alert.clone()).collect(), silent: !open });
        return plan;
    }
    if burst {
        // One more right after a burst, or any more: they wait for the minute to end, unless the lead is hot.
        let until = sent_lately.first().map_or(now, |at| at.plus(MINUTE));
        for one in sendable {
            if one.alert_type == AlertType::HotLead24h {
                plan.now.push(single(one, open));
            } else {
                plan.later.push((one.alert.clone(), until));
            }
        }
        return plan;
    }
    let mut by_shared: HashMap<&str, usize> = HashMap::new();
    for one in sendable {
        let place = one.shared.as_deref().map(|shared| *by_shared.entry(shared).or_insert(plan.now.len()));
        match place.and_then(|place| plan.now.get_mut(place)) {
            Some(planned) => planned.alerts.push(one.alert.clone()),
            None => plan.now.push(single(one, open)),
        }
    }
    plan
}

fn single(one: &Pending, open: bool) -> Planned {
    let quiet = matches!(one.alert_type, AlertType::StaleLead30d | AlertType::PreferredChannel);
    Planned { alerts: vec![one.alert.clone()], silent: !open || quiet }
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveTime, Weekday};

    use super::*;

    fn calendar() -> Calendar {
        let time = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        Calendar::new(chrono_tz::UTC, vec![Weekday::Mon], time(9), time(18)).unwrap()
    }

    fn monday(time: &str) -> Timestamp {
        Timestamp::parse_rfc3339(&format!("2026-03-02T{time}Z")).unwrap()
    }

    fn pending(name: &str, alert_type: AlertType) -> Pending {
        Pending { alert: AlertId::from(name), alert_type, shared: None, first_evaluation: false }
    }

    fn names(planned: &Planned) -> Vec<&str> {
        planned.alerts.iter().map(AlertId::as_str).collect()
    }

    #[test]
    fn a_few_alerts_are_messages_of_their_own_most_telling_first() {
        let two = [pending("b", AlertType::NoReply3d), pending("a", AlertType::HotLead24h)];
        let plan = plan(&two, &[], &calendar(), monday("10:00:00"));
        assert_eq!(plan.now.iter().map(names).collect::<Vec<_>>(), [["a"], ["b"]]);
        assert!(plan.now.iter().all(|planned| !planned.silent));
    }

    #[test]
    fn at_night_only_hot_leads_go_out_and_without_sound() {
        let two = [pending("b", AlertType::NoReply3d), pending("a", AlertType::HotLead24h)];
        let plan = plan(&two, &[], &calendar(), monday("20:00:00"));
        assert_eq!(plan.now, [Planned { alerts: vec![AlertId::from("a")], silent: true }]);
        assert_eq!(plan.later, [(AlertId::from("b"), Timestamp::parse_rfc3339("2026-03-09T09:00:00Z").unwrap())]);
    }

    /// > The same whenever more than five open for one owner within a minute (an import, the end of an outage).
    #[test]
    fn more_than_five_at_once_are_one_digest() {
        let six: Vec<_> = (0..6).map(|index| pending(&format!("a{index}"), AlertType::NoReply3d)).collect();
        let plan = plan(&six, &[], &calendar(), monday("10:00:00"));
        assert_eq!(plan.now.len(), 1);
        assert_eq!(plan.now[0].alerts.len(), 6);
    }

    #[test]
    fn five_at_once_are_five_messages() {
        let five: Vec<_> = (0..5).map(|index| pending(&format!("a{index}"), AlertType::NoReply3d)).collect();
        assert_eq!(plan(&five, &[], &calendar(), monday("10:00:00")).now.len(), 5);
    }

    #[test]
    fn one_more_within_the_minute_of_a_burst_waits_for_its_end_unless_hot() {
        let sent: Vec<_> = (0..5).map(|second| monday("10:00:00").plus(second)).collect();
        let two = [pending("cold", AlertType::NoReply3d)];
        let waits = plan(&two, &sent, &calendar(), monday("10:00:20"));
        assert_eq!(waits.later, [(AlertId::from("cold"), monday("10:01:00"))]);
        let hot = [pending("hot", AlertType::HotLead24h)];
        assert_eq!(plan(&hot, &sent, &calendar(), monday("10:00:20")).now.len(), 1);
    }

    /// > The same whenever more than five open for one owner within a minute (an import, the end of an outage).
    #[test]
    fn what_goes_on_after_a_digest_is_told_when_the_minute_is_over() {
        let digest = vec![monday("10:00:00"); 6];
        let three: Vec<_> = (0..3).map(|index| pending(&format!("a{index}"), AlertType::NoReply3d)).collect();
        let waits = plan(&three, &digest, &calendar(), monday("10:00:59"));
        assert_eq!(waits.now, []);
        assert!(waits.later.iter().all(|(_, until)| *until == monday("10:01:00")), "{waits:?}");
        assert_eq!(waits.later.len(), 3);
        let over = plan(&three, &digest, &calendar(), monday("10:01:00"));
        assert_eq!(over.now.len(), 3, "then a few are messages of their own again");
        let hot = [pending("hot", AlertType::HotLead24h), pending("cold", AlertType::NoReply3d)];
        let plan = plan(&hot, &digest, &calendar(), monday("10:00:59"));
        assert_eq!(plan.now.iter().map(names).collect::<Vec<_>>(), [["hot"]]);
        assert_eq!(plan.later.len(), 1);
    }

    #[test]
    fn the_first_evaluation_is_one_digest_however_few() {
        let first = |name| Pending { first_evaluation: true, ..pending(name, AlertType::HotLead24h) };
        let plan = plan(&[first("a"), first("b")], &[], &calendar(), monday("10:00:00"));
        assert_eq!(plan.now.iter().map(names).collect::<Vec<_>>(), [["a", "b"]]);
    }

    #[test]
    fn alerts_of_one_message_from_a_shared_address_are_announced_together() {
        let shared = |name| Pending { shared: Some("Email:1".to_owned()), ..pending(name, AlertType::HotLead24h) };
        let plan = plan(
            &[shared("a"), shared("b"), pending("c", AlertType::HotLead24h)],
            &[],
            &calendar(),
            monday("10:00:00"),
        );
        assert_eq!(plan.now.iter().map(names).collect::<Vec<_>>(), [vec!["a", "b"], vec!["c"]]);
    }
}
