//! The life of alerts: what opens, closes, falls silent, is closed by a person, and what is to be done about it.

use max::decide::{self, Decision, Silence, Step, Subject};
use max::domain::alert::{Resolution, Via};
use max::domain::calendar::Calendar;
use max::domain::effect::{Effect, Occasion};
use max::domain::*;
use max::rules::Settings;

use super::{activity, around_the_clock, lead};

/// 2026-03-02T09:00:00Z, a Monday.
const ZERO: Timestamp = Timestamp(1_772_442_000);

fn day(days: i64) -> Timestamp {
    ZERO.plus(days * DAY)
}

/// A lead's desk: facts come in, decisions are kept, as the engine does it.
struct Desk {
    lead: Lead,
    activities: Vec<Activity>,
    alerts: Vec<Alert>,
    settings: Settings,
    calendar: Calendar,
    silence: Silence,
    last: Option<Timestamp>,
}

impl Desk {
    fn new() -> Self {
        Self {
            lead: lead(ZERO),
            activities: Vec::new(),
            alerts: Vec::new(),
            settings: Settings::default(),
            calendar: around_the_clock(),
            silence: Silence::Believed,
            last: None,
        }
    }

    fn with(mut self, activity: Activity) -> Self {
        self.see(activity);
        self
    }

    fn see(&mut self, activity: Activity) {
        self.activities.push(activity);
        self.activities.sort_by(|a, b| (a.timestamp, &a.id).cmp(&(b.timestamp, &b.id)));
    }

    fn decide(&mut self, decide: impl FnOnce(&Subject<'_>, &Settings) -> Decision) -> Decision {
        let subject = Subject {
            lead: &self.lead,
            activities: &self.activities,
            alerts: &self.alerts,
            calendar: &self.calendar,
            silence: self.silence,
        };
        let decision = decide(&subject, &self.settings);
        for alert in &decision.alerts {
            self.alerts.retain(|known| known.id != alert.id);
            self.alerts.push(alert.clone());
        }
        // Whatever is decided, there is an outlook; it is looked at in `properties`.
        Decision { outlook: None, ..decision }
    }

    fn advance(&mut self, to: Timestamp) -> Decision {
        let from = self.last.replace(to);
        self.decide(|subject, settings| decide::advance(subject, settings, from, to, false))
    }

    fn resolve(&mut self, alert: &AlertId, at: Timestamp) -> Decision {
        let resolution = Resolution {
            at,
            by: "Rep".to_owned(),
            user: Some(UserId::from("rep")),
            via: Via::Telegram,
            note: String::new(),
            act: AlertId::from("whatever"),
        };
        self.decide(|subject, settings| decide::resolve(subject, settings, alert, resolution))
    }

    fn unresolve(&mut self, alert: &AlertId, at: Timestamp) -> Decision {
        self.decide(|subject, settings| decide::unresolve(subject, settings, alert, at))
    }

    fn snooze(&mut self, alert: &AlertId, until: Option<Timestamp>, at: Timestamp) -> Decision {
        self.decide(|subject, settings| decide::snooze(subject, settings, alert, until, at))
    }

    fn open(&self) -> Vec<AlertType> {
        let mut open: Vec<AlertType> =
            self.alerts.iter().filter(|alert| alert.state.is_open()).map(|alert| alert.alert_type).collect();
        open.sort();
        open
    }

    /// The latest alert of a type.
    fn alert(&self, alert_type: AlertType) -> &Alert {
        self.alerts.iter().filter(|alert| alert.alert_type == alert_type).max_by_key(|alert| alert.anchor).unwrap()
    }

    fn id(&self, alert_type: AlertType) -> AlertId {
        self.alert(alert_type).id.clone()
    }
}

fn out(id: &str, at: Timestamp) -> Activity {
    activity(id, at, Channel::Email, Direction::Out, ActivityStatus::Sent, Reading::default())
}

fn inbound(id: &str, at: Timestamp, intent: bool) -> Activity {
    let reading = Reading { intent, expects_reply: true, auto_reply: false };
    activity(id, at, Channel::Whatsapp, Direction::In, ActivityStatus::Sent, reading)
}

fn planned(id: &str, by: Timestamp, at: Timestamp) -> Activity {
    let call = activity(id, at, Channel::Call, Direction::Out, ActivityStatus::Planned, Reading::default());
    Activity { created_at: Some(by), ..call }
}

fn announced(decision: &Decision) -> Vec<(AlertId, Occasion)> {
    let announce = |effect: &Effect| match effect {
        Effect::Announce { alert, occasion, .. } => Some((alert.clone(), *occasion)),
        _ => None,
    };
    decision.effects.iter().filter_map(announce).collect()
}

fn refreshed(decision: &Decision) -> Vec<AlertId> {
    let refresh = |effect: &Effect| match effect {
        Effect::RefreshMessages(alert) => Some(alert.clone()),
        _ => None,
    };
    decision.effects.iter().filter_map(refresh).collect()
}

fn written(decision: &Decision) -> Vec<AlertId> {
    let write = |effect: &Effect| match effect {
        Effect::WriteAlert(alert) => Some(alert.clone()),
        _ => None,
    };
    decision.effects.iter().filter_map(write).collect()
}

fn steps(decision: &Decision) -> Vec<(Timestamp, Step)> {
    decision.transitions.iter().map(|transition| (transition.at, transition.step.clone())).collect()
}

/// > An alert is one episode: its key is (lead, type, anchor).
#[test]
fn an_alert_opens_with_all_that_is_to_be_known() {
    let mut desk = Desk::new().with(out("a", ZERO));
    desk.lead.teams = vec![TeamId::from("team")];
    let decision = desk.advance(ZERO);
    assert_eq!(decision, Decision { next_due: Some(day(3)), ..Decision::default() });
    let decision = desk.advance(day(3));
    let alert = desk.alert(AlertType::NoReply3d).clone();
    assert_eq!(alert.anchor, Anchor::At(ZERO));
    assert_eq!(alert.id, AlertId::of(&alert.key()));
    assert_eq!((alert.state.clone(), alert.opened_at, alert.openings), (AlertState::Open, Some(day(3)), 1));
    assert_eq!((alert.owner.clone(), alert.teams.clone()), (desk.lead.owner.clone(), desk.lead.teams.clone()));
    match &alert.evidence {
        Evidence::NoReply { last_out } => assert_eq!(last_out.activity_id, ActivityId::from("a")),
        other => panic!("{other:?}"),
    }
    let announce =
        Effect::Announce { alert: alert.id.clone(), occasion: Occasion::Opened, at: day(3), first_evaluation: false };
    assert_eq!(decision.effects, [Effect::WriteAlert(alert.id.clone()), announce]);
    assert_eq!(decision.next_due, Some(day(7)), "NoFollowup7d");
}

/// > Target times run in the owner's working hours: 24 h are so many hours in which the owner works.
#[test]
fn target_times_run_in_the_owners_working_hours() {
    use chrono::{NaiveTime, Weekday};
    let (nine, eighteen) = (NaiveTime::from_hms_opt(9, 0, 0).unwrap(), NaiveTime::from_hms_opt(18, 0, 0).unwrap());
    let mut desk = Desk::new();
    desk.calendar = Calendar::new(chrono_tz::UTC, vec![Weekday::Mon, Weekday::Tue], nine, eighteen).unwrap();
    let tuesday_17 = day(1).plus(8 * HOUR);
    desk.see(inbound("a", tuesday_17, true));
    desk.advance(tuesday_17);
    assert_eq!(desk.alert(AlertType::HotLead24h).due_at, Some(day(7).plus(HOUR)), "Monday, 10 o'clock");
}

/// > They count from when the alert opened, in the hours of whoever has the lead now.
///
/// > An open alert follows its lead: when owner or teams change, the record is updated, the old owner's message says
/// > who took over and loses its buttons, and the new owner is told once.
#[test]
fn a_target_time_follows_the_lead_into_its_new_owners_hours() {
    use chrono::{NaiveTime, Weekday};
    let (nine, eighteen) = (NaiveTime::from_hms_opt(9, 0, 0).unwrap(), NaiveTime::from_hms_opt(18, 0, 0).unwrap());
    let mut desk = Desk::new().with(inbound("a", day(1), true));
    desk.advance(day(1));
    assert_eq!(desk.alert(AlertType::HotLead24h).due_at, Some(day(1).plus(2 * HOUR)));
    desk.calendar = Calendar::new(chrono_tz::UTC, vec![Weekday::Thu], nine, eighteen).unwrap();
    desk.advance(day(1).plus(HOUR));
    assert_eq!(desk.alert(AlertType::HotLead24h).due_at, Some(day(1).plus(2 * HOUR)), "still the same owner's");
    desk.lead.owner = Some(UserId::from("other"));
    desk.advance(day(2));
    assert_eq!(desk.alert(AlertType::HotLead24h).due_at, Some(day(3).plus(2 * HOUR)), "Thursday, 11 o'clock");
}

/// > While the CRM is not seen, or not all of it, silence is in doubt: what is reported and what people do opens a
/// > HotLead24h and closes what it settles, and nothing opens or wakes because of what was not heard.
///
/// > That waits until everything is seen, and then opens at its instant.
#[test]
fn in_doubt_nothing_opens_or_wakes_because_of_what_was_not_heard() {
    let mut desk = Desk::new().with(out("a", ZERO));
    desk.advance(day(1));
    desk.silence = Silence::InDoubt;
    assert_eq!(steps(&desk.advance(day(4))), []);

    let mut desk = Desk::new().with(out("a", ZERO));
    desk.advance(day(3));
    let alert = desk.id(AlertType::NoReply3d);
    desk.snooze(&alert, Some(day(5)), day(3));
    desk.silence = Silence::InDoubt;
    assert_eq!(steps(&desk.advance(day(8))), [], "nor does anything take the place of what is open");
    desk.silence = Silence::Believed;
    desk.last = Some(day(3));
    let decision = desk.advance(day(9));
    assert_eq!(
        steps(&decision),
        [(day(5), Step::Woke), (day(7), Step::Closed(CloseReason::Superseded)), (day(7), Step::Opened)],
        "gone through again, each at its instant"
    );
}

#[test]
fn in_doubt_what_was_seen_opens_and_closes() {
    let mut desk = Desk::new().with(out("a", ZERO));
    desk.advance(day(3));
    desk.silence = Silence::InDoubt;
    desk.see(inbound("b", day(8), true));
    let decision = desk.advance(day(8).plus(HOUR));
    assert_eq!(steps(&decision), [(day(8), Step::Closed(CloseReason::Cleared)), (day(8), Step::Opened)]);
    assert_eq!(announced(&decision), [(desk.id(AlertType::HotLead24h), Occasion::Opened)]);
    desk.see(out("c", day(9)));
    assert_eq!(steps(&desk.advance(day(9))), [(day(9), Step::Closed(CloseReason::Cleared))]);

    // A planned call that is over without a word may have taken place, where it is not seen.
    desk.see(inbound("d", day(10), true));
    desk.advance(day(10));
    let plans = day(10).plus(HOUR);
    desk.see(planned("p", plans, day(11)));
    assert_eq!(steps(&desk.advance(day(11))), [(plans, Step::Closed(CloseReason::Planned))]);
    assert_eq!(steps(&desk.advance(day(13))), []);
}

#[test]
fn in_doubt_a_lead_that_is_active_again_has_its_alert_back() {
    let mut desk = Desk::new().with(out("a", ZERO));
    desk.advance(day(3));
    desk.silence = Silence::InDoubt;
    desk.lead.status = "Dead".to_owned();
    desk.lead.closed_at = Some(day(6));
    desk.advance(day(6));
    assert_eq!(desk.open(), []);
    desk.lead.status = "New".to_owned();
    desk.lead.closed_at = None;
    desk.advance(day(8));
    assert_eq!(desk.open(), [AlertType::NoReply3d], "and not NoFollowup7d");
}

/// > What a person closes meanwhile is what was shown: the silence rules that hold at that moment and would have taken
/// > its place are resolved too.
#[test]
fn in_doubt_a_person_settles_the_silences_that_nobody_was_told_of() {
    let mut desk = Desk::new().with(out("a", ZERO));
    desk.advance(day(3));
    desk.silence = Silence::InDoubt;
    desk.advance(day(8));
    let alert = desk.id(AlertType::NoReply3d);
    desk.resolve(&alert, day(8));
    desk.silence = Silence::Believed;
    desk.last = Some(day(3));
    assert_eq!(steps(&desk.advance(day(20))), []);
    assert!(desk.alert(AlertType::NoFollowup7d).resolution().is_some_and(|by| by.act == alert));

    // But no message that the person has not seen is answered by it.
    let mut desk = Desk::new().with(inbound("a", day(7), false));
    desk.advance(day(7));
    assert_eq!(desk.open(), [AlertType::NoContact7d]);
    desk.silence = Silence::InDoubt;
    desk.advance(day(9));
    desk.resolve(&desk.id(AlertType::NoContact7d), day(9));
    desk.silence = Silence::Believed;
    desk.last = Some(day(7));
    assert_eq!(steps(&desk.advance(day(10))), [(day(8), Step::Opened)]);
    assert_eq!(desk.open(), [AlertType::AwaitingReply24h]);
}

#[test]
fn the_very_first_evaluation_says_so() {
    let mut desk = Desk::new().with(out("a", ZERO));
    let decision = desk.decide(|subject, settings| decide::advance(subject, settings, None, day(4), true));
    assert!(matches!(decision.effects[1], Effect::Announce { first_evaluation: true, .. }), "{:?}", decision.effects);
}

/// (what happens after NoReply3d has opened on day 3, the reason for closing)
///
/// > An open alert closes by itself: `lead_deleted`, `lead_closed` (no longer active), `planned` (its rule holds with
/// > no anchor now, and would hold, whatever the anchor, if no next step were pending), `cleared` (its rule no longer
/// > holds with that anchor), `superseded` (it still holds, but is outranked).
///
/// > The first reason that applies, in this order, is the one recorded.
#[test]
fn the_first_reason_that_applies_is_recorded() {
    type Change = fn(&mut Desk);
    let rows: [(&str, Change, CloseReason); 8] = [
        (
            "deleted comes first",
            |desk| (desk.lead.deleted, desk.lead.closed_at) = (true, Some(day(4))),
            CloseReason::LeadDeleted,
        ),
        ("converted", |desk| desk.lead.status = "Converted".to_owned(), CloseReason::LeadClosed),
        (
            "converted, with a call booked",
            |desk| {
                desk.lead.status = "Converted".to_owned();
                desk.see(planned("p", day(4), day(9)));
            },
            CloseReason::LeadClosed,
        ),
        ("a call is booked", |desk| desk.see(planned("p", day(4), day(9))), CloseReason::Planned),
        (
            "a call is booked after an answer",
            |desk| {
                desk.see(out("b", day(4)));
                desk.see(inbound("c", day(4), false));
                desk.see(planned("p", day(4), day(9)));
            },
            CloseReason::Cleared,
        ),
        ("the lead answered", |desk| desk.see(inbound("b", day(4), false)), CloseReason::Cleared),
        ("we wrote again: another episode", |desk| desk.see(out("b", day(4))), CloseReason::Cleared),
        ("do not contact", |desk| desk.lead.do_not_contact = true, CloseReason::Cleared),
    ];
    for (what, change, reason) in rows {
        let mut desk = Desk::new().with(out("a", ZERO));
        desk.advance(day(3));
        assert_eq!(desk.open(), [AlertType::NoReply3d]);
        change(&mut desk);
        let decision = desk.advance(day(4));
        let id = desk.alerts.iter().find(|alert| alert.anchor == Anchor::At(ZERO)).unwrap().id.clone();
        assert_eq!(steps(&decision), [(day(4), Step::Closed(reason))], "{what}");
        assert_eq!(decision.effects, [Effect::WriteAlert(id.clone()), Effect::RefreshMessages(id)], "{what}");
    }
}

/// > `inhibition = false` in the configuration turns the ladder off.
///
/// > An open alert closes by itself: `lead_deleted`, `lead_closed` (no longer active), `planned` (its rule holds with
/// > no anchor now, and would hold, whatever the anchor, if no next step were pending), `cleared` (its rule no longer
/// > holds with that anchor), `superseded` (it still holds, but is outranked).
#[test]
fn the_more_telling_alert_takes_over() {
    let mut desk = Desk::new().with(out("a", ZERO));
    desk.advance(day(3));
    let decision = desk.advance(day(7));
    assert_eq!(steps(&decision), [(day(7), Step::Closed(CloseReason::Superseded)), (day(7), Step::Opened)]);
    assert_eq!(desk.open(), [AlertType::NoFollowup7d]);
    assert_eq!(announced(&decision), [(desk.id(AlertType::NoFollowup7d), Occasion::Opened)]);

    desk.settings.inhibition = false;
    let decision = desk.advance(day(7));
    assert_eq!(desk.open(), [AlertType::NoFollowup7d, AlertType::NoReply3d], "without a ladder both are open");
    assert_eq!(announced(&decision), [(desk.id(AlertType::NoReply3d), Occasion::Reopened)]);
}

/// > A closed episode opens again, as the same alert, when its rule holds with that anchor and nothing open outranks
/// > it; HotLead24h needs no second test of youth.
///
/// > Once open, the alert stays until answered or in hand, however long that takes; it opens again if a booked call
/// > did not take place.
#[test]
fn a_closed_episode_opens_again_as_the_same_alert() {
    let mut desk = Desk::new().with(inbound("a", ZERO, true));
    desk.advance(ZERO);
    desk.see(planned("p", ZERO.plus(HOUR), day(1)));
    desk.advance(ZERO.plus(HOUR));
    assert_eq!(desk.open(), []);
    let decision = desk.advance(day(5));
    assert_eq!(steps(&decision), [(day(2), Step::Opened)], "24 h after a call that did not take place");
    let alert = desk.alert(AlertType::HotLead24h);
    assert_eq!((alert.openings, alert.opened_at, desk.alerts.len()), (2, Some(day(2)), 1));
    assert_eq!(alert.due_at, Some(day(2).plus(2 * HOUR)));
    assert_eq!(announced(&decision), [(alert.id.clone(), Occasion::Reopened)]);
}

/// > After a gap the daemon goes through every such instant since its last evaluation, and announces only what is
/// > still open.
#[test]
fn what_opened_and_closed_in_a_gap_is_written_and_not_announced() {
    let mut desk = Desk::new().with(out("a", ZERO));
    desk.advance(ZERO);
    desk.see(inbound("b", day(4), false));
    desk.see(out("c", day(4).plus(HOUR)));
    let decision = desk.advance(day(5));
    assert_eq!(steps(&decision), [(day(3), Step::Opened), (day(4), Step::Closed(CloseReason::Cleared))]);
    assert_eq!(decision.effects, [Effect::WriteAlert(desk.id(AlertType::NoReply3d))]);
}

#[test]
fn what_reopened_in_a_gap_without_ever_being_announced_is_new_to_people() {
    let mut desk = Desk::new().with(out("a", ZERO)).with(planned("p", day(4), day(4)));
    desk.advance(ZERO);
    let decision = desk.advance(day(6));
    assert_eq!(
        steps(&decision),
        [(day(3), Step::Opened), (day(4), Step::Closed(CloseReason::Planned)), (day(5), Step::Opened)]
    );
    assert_eq!(announced(&decision), [(desk.id(AlertType::NoReply3d), Occasion::Opened)]);
}

/// > By the same act every lower episode of that lead that holds at that moment is resolved too.
#[test]
fn a_person_closes_an_episode_for_ever_and_with_it_what_is_lower() {
    let mut desk = Desk::new().with(out("a", ZERO));
    desk.advance(day(8));
    let root = desk.id(AlertType::NoFollowup7d);
    let decision = desk.resolve(&root, day(8).plus(HOUR));
    assert_eq!(desk.open(), [], "NoReply3d does not take its place");
    let lower = desk.alert(AlertType::NoReply3d);
    assert_eq!((lower.opened_at, lower.openings), (None, 0), "it never opened");
    let resolution = lower.resolution().unwrap();
    assert_eq!((&resolution.act, resolution.at), (&root, day(8).plus(HOUR)));
    assert_eq!(steps(&decision), [(day(8).plus(HOUR), Step::Resolved), (day(8).plus(HOUR), Step::Resolved)]);
    assert_eq!(refreshed(&decision), vec![root.clone()]);
    assert_eq!(decision.next_due, Some(day(30)), "StaleLead30d");

    let again = desk.resolve(&root, day(9));
    assert_eq!(again, Decision { next_due: Some(day(30)), ..Decision::default() }, "closing twice changes nothing");
    desk.advance(day(29));
    assert_eq!(desk.open(), []);
}

#[test]
fn an_episode_settled_with_another_stays_settled_when_the_facts_move_on() {
    let mut desk = Desk::new().with(out("a", ZERO));
    desk.advance(day(8));
    desk.resolve(&desk.id(AlertType::NoFollowup7d), day(8));
    desk.see(inbound("b", day(9), false));
    desk.see(out("c", day(9).plus(HOUR)));
    desk.advance(day(12).plus(HOUR));
    assert_eq!(desk.open(), [AlertType::NoReply3d], "a new message of ours is a new episode");
    assert_eq!(desk.alerts.iter().filter(|alert| alert.alert_type == AlertType::NoReply3d).count(), 2);
}

/// > A person closes it (`resolved`, with who and where: telegram, crm, api): that episode never opens again, unless
/// > `repeat_after` for the type has passed (default: StaleLead30d 30 d, PreferredChannel 90 d, others none; not
/// > available for HotLead24h and AwaitingReply24h).
#[test]
fn a_stale_lead_may_repeat_after_30_days() {
    let mut desk = Desk::new().with(out("a", ZERO));
    desk.advance(day(31));
    let stale = desk.id(AlertType::StaleLead30d);
    let decision = desk.resolve(&stale, day(32));
    assert_eq!(decision.next_due, Some(day(62)));
    desk.advance(day(62).plus(-1));
    assert_eq!(desk.open(), []);
    let decision = desk.advance(day(62));
    assert_eq!(desk.open(), [AlertType::StaleLead30d], "and nothing lower");
    assert_eq!(announced(&decision), [(stale.clone(), Occasion::Reopened)]);

    desk.resolve(&stale, day(63));
    desk.settings.repeat_after.insert(AlertType::StaleLead30d, max::rules::Span::Never);
    desk.advance(day(400));
    assert_eq!(desk.open(), []);
}

/// > A HotLead24h or AwaitingReply24h closed by a person counts as an answer at that moment, and as an outbound for
/// > NoContact7d: what the lead writes after that starts a new episode.
#[test]
fn closing_a_hot_lead_by_hand_is_an_answer() {
    let mut desk = Desk::new().with(inbound("a", ZERO, true)).with(inbound("b", ZERO.plus(HOUR), false));
    desk.advance(ZERO.plus(2 * HOUR));
    desk.resolve(&desk.id(AlertType::HotLead24h), ZERO.plus(2 * HOUR));
    desk.advance(day(6));
    assert_eq!(desk.open(), [], "nothing waits");
    desk.advance(day(7));
    assert_eq!(desk.open(), [], "and somebody did reach out: no NoContact7d");
    desk.see(inbound("c", day(7).plus(HOUR), true));
    desk.advance(day(7).plus(HOUR));
    assert_eq!(desk.open(), [AlertType::HotLead24h], "what the lead writes after that is a new episode");
    assert_eq!(desk.alert(AlertType::HotLead24h).anchor, Anchor::At(day(7).plus(HOUR)));
}

#[test]
fn closing_by_hand_what_is_over_answers_nothing() {
    let mut desk = Desk::new().with(inbound("a", ZERO, true));
    desk.advance(ZERO);
    let old = desk.id(AlertType::HotLead24h);
    desk.see(out("b", ZERO.plus(HOUR)));
    desk.see(inbound("c", ZERO.plus(2 * HOUR), true));
    desk.advance(ZERO.plus(2 * HOUR));
    assert_eq!(desk.open(), [AlertType::HotLead24h]);
    let decision = desk.resolve(&old, ZERO.plus(3 * HOUR));
    assert_eq!(decision, Decision { next_due: decision.next_due, ..Decision::default() });
    desk.advance(ZERO.plus(4 * HOUR));
    assert_eq!(desk.open(), [AlertType::HotLead24h], "the message the person has not seen still waits");
}

#[test]
fn an_act_heard_of_late_does_not_judge_by_an_older_state_of_affairs() {
    let mut desk = Desk::new().with(inbound("a", ZERO, true));
    desk.advance(ZERO);
    desk.see(inbound("b", ZERO.plus(HOUR), true));
    desk.advance(ZERO.plus(HOUR));
    let hot = desk.id(AlertType::HotLead24h);
    // Closed in the CRM before the second message came; seen after it.
    desk.resolve(&hot, ZERO.plus(HOUR / 2));
    desk.advance(ZERO.plus(2 * HOUR));
    assert_eq!(desk.open(), [AlertType::HotLead24h]);
    assert_eq!(desk.alert(AlertType::HotLead24h).anchor, Anchor::At(ZERO.plus(HOUR)));
}

#[test]
fn taking_a_resolution_back_undoes_the_whole_act() {
    let mut desk = Desk::new().with(out("a", ZERO));
    desk.advance(day(8));
    let root = desk.id(AlertType::NoFollowup7d);
    desk.resolve(&root, day(8));
    let decision = desk.unresolve(&desk.id(AlertType::NoReply3d), day(9));
    assert_eq!(desk.open(), [AlertType::NoFollowup7d]);
    assert!(desk.alerts.iter().all(|alert| alert.resolution().is_none()));
    assert_eq!(announced(&decision), [], "whoever took it back knows");
    assert_eq!(refreshed(&decision), vec![root.clone()], "the message has its buttons again");
    assert_eq!(desk.alert(AlertType::NoFollowup7d).openings, 1);
    let again = desk.unresolve(&root, day(9));
    assert_eq!(again, Decision { next_due: Some(day(30)), ..Decision::default() });

    desk.see(inbound("b", day(10), false));
    desk.see(out("c", day(10).plus(HOUR)));
    desk.advance(day(14));
    assert_eq!(desk.open(), [AlertType::NoReply3d]);
}

#[test]
fn taking_back_an_answer_brings_the_question_back() {
    let mut desk = Desk::new().with(inbound("a", ZERO, true));
    desk.advance(ZERO);
    let hot = desk.id(AlertType::HotLead24h);
    desk.resolve(&hot, ZERO.plus(HOUR));
    desk.advance(day(2));
    assert_eq!(desk.open(), []);
    desk.unresolve(&hot, day(2));
    assert_eq!(desk.open(), [AlertType::HotLead24h]);
}

#[test]
fn taking_back_what_no_longer_holds_closes_it() {
    let mut desk = Desk::new().with(out("a", ZERO));
    desk.advance(day(3));
    let id = desk.id(AlertType::NoReply3d);
    desk.resolve(&id, day(4));
    desk.see(inbound("b", day(5), false));
    desk.advance(day(5));
    let decision = desk.unresolve(&id, day(5));
    assert_eq!(steps(&decision), [(day(5), Step::Unresolved), (day(5), Step::Closed(CloseReason::Cleared))]);
}

/// > A snoozed alert stays open but silent until its time; if it still holds then, it is announced again.
#[test]
fn a_snoozed_alert_is_silent_until_its_time() {
    let mut desk = Desk::new().with(out("a", ZERO));
    desk.advance(day(3));
    let id = desk.id(AlertType::NoReply3d);
    let decision = desk.snooze(&id, Some(day(4)), day(3).plus(HOUR));
    assert_eq!(decision.effects, [Effect::WriteAlert(id.clone()), Effect::RefreshMessages(id.clone())]);
    assert_eq!(decision.next_due, Some(day(4)));
    assert_eq!(desk.open(), [AlertType::NoReply3d]);
    let decision = desk.advance(day(4).plus(-1));
    assert_eq!(decision.effects, []);
    let decision = desk.advance(day(4).plus(HOUR));
    assert_eq!(steps(&decision), [(day(4), Step::Woke)]);
    assert_eq!(announced(&decision), [(id.clone(), Occasion::SnoozeOver)]);
    assert_eq!(
        (desk.alert(AlertType::NoReply3d).openings, &desk.alert(AlertType::NoReply3d).state),
        (1, &AlertState::Open)
    );
}

#[test]
fn a_snooze_can_be_ended_moved_and_refused() {
    let mut desk = Desk::new().with(out("a", ZERO));
    desk.advance(day(3));
    let id = desk.id(AlertType::NoReply3d);
    desk.snooze(&id, Some(day(4)), day(3));
    desk.snooze(&id, Some(day(5)), day(3));
    assert_eq!(desk.alert(AlertType::NoReply3d).state, AlertState::Snoozed { until: day(5) });
    let same = desk.snooze(&id, Some(day(5)), day(3));
    assert_eq!((same.alerts.len(), same.next_due), (0, Some(day(5))));
    let decision = desk.snooze(&id, None, day(3).plus(HOUR));
    assert_eq!(desk.alert(AlertType::NoReply3d).state, AlertState::Open);
    assert_eq!(announced(&decision), [], "whoever ended it knows");
    desk.resolve(&id, day(3).plus(2 * HOUR));
    let refused = desk.snooze(&id, Some(day(5)), day(4));
    assert_eq!(refused, Decision { next_due: Some(day(7)), ..Decision::default() });
}

#[test]
fn a_snoozed_alert_that_no_longer_holds_closes_without_a_word() {
    let mut desk = Desk::new().with(out("a", ZERO));
    desk.advance(day(3));
    let id = desk.id(AlertType::NoReply3d);
    desk.snooze(&id, Some(day(4)), day(3));
    desk.see(inbound("b", day(4), false));
    let decision = desk.advance(day(4));
    assert_eq!(steps(&decision), [(day(4), Step::Closed(CloseReason::Cleared))], "closed at the instant it would wake");
    assert_eq!(announced(&decision), []);
}

/// > What supersedes a snoozed alert inherits the snooze, except HotLead24h and AwaitingReply24h.
#[test]
fn what_supersedes_a_snoozed_alert_inherits_the_snooze() {
    let mut desk = Desk::new().with(out("a", ZERO));
    desk.advance(day(3));
    desk.snooze(&desk.id(AlertType::NoReply3d), Some(day(9)), day(6));
    let decision = desk.advance(day(8));
    assert_eq!(desk.alert(AlertType::NoFollowup7d).state, AlertState::Snoozed { until: day(9) });
    assert_eq!(announced(&decision), []);
    assert_eq!(decision.next_due, Some(day(9)));
    let decision = desk.advance(day(9));
    assert_eq!(announced(&decision), [(desk.id(AlertType::NoFollowup7d), Occasion::SnoozeOver)]);
}

/// > What supersedes a snoozed alert inherits the snooze, except HotLead24h and AwaitingReply24h.
#[test]
fn a_lead_who_writes_is_not_snoozed() {
    let mut desk = Desk::new();
    desk.advance(day(8));
    desk.snooze(&desk.id(AlertType::NoContact7d), Some(day(12)), day(8));
    desk.see(inbound("a", day(9), true));
    let decision = desk.advance(day(9));
    assert_eq!(desk.alert(AlertType::HotLead24h).state, AlertState::Open);
    assert_eq!(announced(&decision), [(desk.id(AlertType::HotLead24h), Occasion::Opened)]);
}

/// > An open alert follows its lead: when owner or teams change, the record is updated, the old owner's message says
/// > who took over and loses its buttons, and the new owner is told once.
#[test]
fn an_open_alert_follows_its_lead() {
    let mut desk = Desk::new().with(out("a", ZERO));
    desk.advance(day(3));
    let id = desk.id(AlertType::NoReply3d);
    desk.lead.owner = Some(UserId::from("other"));
    let decision = desk.advance(day(3).plus(HOUR));
    assert_eq!(steps(&decision), [(day(3).plus(HOUR), Step::Moved { from: Some(UserId::from("rep")) })]);
    assert_eq!(written(&decision), vec![id.clone()]);
    assert_eq!(refreshed(&decision), vec![id.clone()]);
    assert_eq!(announced(&decision), [(id.clone(), Occasion::NewOwner)]);
    assert_eq!(desk.alert(AlertType::NoReply3d).owner, Some(UserId::from("other")));

    desk.lead.teams = vec![TeamId::from("team")];
    let decision = desk.advance(day(3).plus(2 * HOUR));
    assert_eq!(announced(&decision), [], "the new owner is told once");
    assert_eq!(written(&decision), vec![id.clone()]);

    desk.snooze(&id, Some(day(6)), day(4));
    desk.lead.owner = None;
    let decision = desk.advance(day(5));
    assert_eq!(announced(&decision), [], "snoozed is silent for everybody");
    assert_eq!(written(&decision), vec![id.clone()]);
}

#[test]
fn new_evidence_is_written_and_not_announced() {
    let mut desk = Desk::new().with(inbound("a", ZERO, true));
    desk.advance(ZERO);
    let id = desk.id(AlertType::HotLead24h);
    desk.see(inbound("b", ZERO.plus(HOUR), false));
    let decision = desk.advance(ZERO.plus(HOUR));
    assert_eq!(decision.effects, [Effect::WriteAlert(id)]);
    assert!(matches!(desk.alert(AlertType::HotLead24h).evidence, Evidence::HotLead { waiting: 2, .. }));
}

/// > A closed episode opens again, as the same alert, when its rule holds with that anchor and nothing open outranks
/// > it; HotLead24h needs no second test of youth.
#[test]
fn a_hot_lead_is_not_tested_for_youth_twice() {
    let mut desk = Desk::new().with(inbound("a", ZERO, true));
    desk.advance(ZERO);
    // The store was lost; what is known of the message now is that it was seen two days late.
    desk.activities[0].fresh_as_of = day(2);
    desk.advance(day(3));
    assert_eq!(desk.open(), [AlertType::HotLead24h]);
    let mut stranger = Desk::new().with(Activity { fresh_as_of: day(2), ..inbound("a", ZERO, true) });
    stranger.advance(day(3));
    assert_eq!(stranger.open(), [AlertType::AwaitingReply24h]);
}

/// > `PreferredChannel` stands apart.
///
/// > Reopening an episode of severity info is silent.
#[test]
fn preferred_channel_stands_apart_and_reopens_in_silence() {
    let mut desk = Desk::new();
    for n in 1..=2 {
        desk.see(out(&format!("e{n}"), day(n)));
        let answered = ActivityStatus::Replied;
        desk.see(activity(&format!("c{n}"), day(n), Channel::Call, Direction::Out, answered, Reading::default()));
    }
    let decision = desk.advance(day(9));
    assert_eq!(desk.open(), [AlertType::NoFollowup7d, AlertType::PreferredChannel]);
    assert_eq!(announced(&decision).len(), 2);
    desk.lead.do_not_contact = true;
    desk.advance(day(10));
    assert_eq!(desk.open(), []);
    desk.lead.do_not_contact = false;
    let decision = desk.advance(day(11));
    assert_eq!(desk.open(), [AlertType::NoFollowup7d, AlertType::PreferredChannel]);
    assert_eq!(announced(&decision), [(desk.id(AlertType::NoFollowup7d), Occasion::Reopened)]);

    desk.resolve(&desk.id(AlertType::NoFollowup7d), day(11));
    assert_eq!(desk.open(), [AlertType::PreferredChannel], "it is no lower episode");
    desk.resolve(&desk.id(AlertType::PreferredChannel), day(11));
    assert_eq!(desk.open(), [], "nor does it settle any");
}

#[test]
fn a_clock_that_went_back_is_taken_at_its_word() {
    let mut desk = Desk::new().with(out("a", ZERO));
    desk.advance(day(400));
    assert_eq!(desk.open(), [AlertType::StaleLead30d]);
    let decision = desk.advance(day(1));
    assert_eq!(desk.open(), []);
    assert_eq!(decision.next_due, Some(day(3)));
}

#[test]
fn an_unknown_alert_changes_nothing() {
    let mut desk = Desk::new().with(out("a", ZERO));
    desk.advance(day(3));
    let stranger = AlertId::from("a0000000000000000");
    let nothing = Decision { next_due: Some(day(7)), ..Decision::default() };
    assert_eq!(desk.resolve(&stranger, day(3)), nothing);
    assert_eq!(desk.unresolve(&stranger, day(3)), nothing);
    assert_eq!(desk.snooze(&stranger, Some(day(5)), day(3)), nothing);
}

/// What happens to a lead created at `ZERO`, and when two neighbours of the ladder hold.
type Pair = (AlertType, AlertType, fn(&mut Desk), Timestamp);

/// > The rules describe one situation, so only the most telling shows: `HotLead24h` > `AwaitingReply24h` >
/// > `NoContact7d` > `StaleLead30d` > `NoFollowup7d` > `NoReply3d`.
///
/// > A rule that holds but is outranked by an open alert opens nothing.
///
/// > `inhibition = false` in the configuration turns the ladder off.
///
/// > At most one follow-up alert is open per lead.
#[test]
fn of_two_rules_that_hold_the_higher_one_of_the_ladder_opens() {
    let pairs: [Pair; 5] = [
        (AlertType::HotLead24h, AlertType::AwaitingReply24h, |desk| desk.see(inbound("a", day(1), true)), day(2)),
        (AlertType::AwaitingReply24h, AlertType::NoContact7d, |desk| desk.see(inbound("a", day(5), false)), day(7)),
        (AlertType::NoContact7d, AlertType::StaleLead30d, |_| {}, day(30)),
        (
            AlertType::StaleLead30d,
            AlertType::NoFollowup7d,
            |desk| desk.see(Activity { status: ActivityStatus::Replied, ..out("a", ZERO) }),
            day(30),
        ),
        (AlertType::NoFollowup7d, AlertType::NoReply3d, |desk| desk.see(out("a", ZERO)), day(7)),
    ];
    for (higher, lower, story, now) in pairs {
        let open_with = |change: fn(&mut Settings, AlertType)| {
            let mut desk = Desk::new();
            story(&mut desk);
            change(&mut desk.settings, higher);
            let decision = desk.advance(now);
            let next = desk.open();
            (next, announced(&decision).len())
        };
        assert_eq!(open_with(|_, _| {}), (vec![higher], 1), "{higher:?} outranks {lower:?}");
        assert_eq!(open_with(|settings, _| settings.inhibition = false).0, [higher, lower], "without the ladder");
        assert_eq!(open_with(|settings, off| settings.disabled.push(off)).0, [lower], "{lower:?} held all along");
    }
}

/// > A person closes it (`resolved`, with who and where: telegram, crm, api): that episode never opens again, unless
/// > `repeat_after` for the type has passed (default: StaleLead30d 30 d, PreferredChannel 90 d, others none; not
/// > available for HotLead24h and AwaitingReply24h).
#[test]
fn by_default_only_two_rules_repeat() {
    let repeats = AlertType::ALL.map(|alert_type| Settings::default().repeat_after(alert_type));
    assert_eq!(repeats, [None, None, None, Some(30 * DAY), None, None, Some(90 * DAY)]);
    // What waits for an answer never repeats, whatever somebody writes into the settings.
    let mut settings = Settings::default();
    for alert_type in AlertType::ALL {
        settings.repeat_after.insert(alert_type, max::rules::Span::After(DAY));
    }
    let repeats = AlertType::ALL.map(|alert_type| settings.repeat_after(alert_type).is_some());
    assert_eq!(repeats, [false, false, true, true, true, true, true]);
    assert!(settings.validate().iter().filter(|mistake| mistake.contains("not available")).count() == 2);
}

/// > A person closes it (`resolved`, with who and where: telegram, crm, api): that episode never opens again, unless
/// > `repeat_after` for the type has passed (default: StaleLead30d 30 d, PreferredChannel 90 d, others none; not
/// > available for HotLead24h and AwaitingReply24h).
#[test]
fn who_closed_an_alert_and_where_is_kept() {
    for via in [Via::Telegram, Via::Crm, Via::Api] {
        let mut desk = Desk::new().with(out("a", ZERO));
        desk.advance(day(3));
        let id = desk.id(AlertType::NoReply3d);
        let resolution = Resolution {
            at: day(3).plus(HOUR),
            by: "Luc".to_owned(),
            user: Some(UserId::from("luc")),
            via,
            note: "done".to_owned(),
            act: id.clone(),
        };
        desk.decide(|subject, settings| decide::resolve(subject, settings, &id, resolution.clone()));
        assert_eq!(desk.alert(AlertType::NoReply3d).resolution(), Some(&resolution));
        desk.advance(day(6));
        assert_eq!(desk.open(), [], "it never opens again");
    }
}

/// Two things at one instant: an answer and the threshold, a message and its answer, a plan and the message.
///
/// > If several things change at one instant, the state after all of them counts: nothing opens or closes for zero
/// > seconds.
#[test]
fn nothing_opens_or_closes_for_zero_seconds() {
    let mut desk = Desk::new().with(out("a", ZERO));
    desk.advance(ZERO);
    desk.see(inbound("b", day(3), false));
    assert_eq!(steps(&desk.advance(day(3).plus(HOUR))), [], "answered at the very second");

    let mut desk = Desk::new();
    desk.advance(ZERO);
    desk.see(inbound("a", day(1), true));
    desk.see(out("b", day(1)));
    assert_eq!(steps(&desk.advance(day(1).plus(HOUR))), [], "asked and answered");

    let mut desk = Desk::new();
    desk.advance(ZERO);
    desk.see(inbound("a", day(1), true));
    desk.see(planned("p", day(1), day(2)));
    assert_eq!(steps(&desk.advance(day(1).plus(HOUR))), [], "asked, and a call booked");

    let mut desk = Desk::new().with(out("a", ZERO));
    desk.advance(day(3));
    desk.see(inbound("b", day(4), true));
    let decision = desk.advance(day(4).plus(HOUR));
    assert_eq!(
        steps(&decision),
        [(day(4), Step::Closed(CloseReason::Cleared)), (day(4), Step::Opened)],
        "one makes place for the other in the same second"
    );
}

#[test]
fn a_gap_ends_snoozes_and_wakes_what_still_holds_at_its_instant() {
    let mut desk = Desk::new().with(out("a", ZERO));
    desk.advance(day(3));
    desk.snooze(&desk.id(AlertType::NoReply3d), Some(day(5)), day(3));
    let decision = desk.advance(day(8));
    assert_eq!(
        steps(&decision),
        [(day(5), Step::Woke), (day(7), Step::Closed(CloseReason::Superseded)), (day(7), Step::Opened)]
    );
    assert_eq!(announced(&decision), [(desk.id(AlertType::NoFollowup7d), Occasion::Opened)]);
}

/// > Only active leads have open alerts.
#[test]
fn a_lead_that_is_no_longer_active_has_nothing_open_and_one_that_is_back_has() {
    for change in [(|lead| lead.deleted = true) as fn(&mut Lead), |lead| lead.status = "Dead".to_owned()] {
        let mut desk = Desk::new();
        for n in 1..=2 {
            desk.see(out(&format!("e{n}"), day(n)));
            let call = out(&format!("c{n}"), day(n));
            desk.see(Activity { channel: Channel::Call, status: ActivityStatus::Replied, ..call });
        }
        desk.settings.inhibition = false;
        desk.advance(day(9));
        assert_eq!(desk.open(), [AlertType::NoFollowup7d, AlertType::PreferredChannel]);
        let before = desk.lead.clone();
        change(&mut desk.lead);
        desk.advance(day(10));
        assert_eq!(desk.open(), []);
        desk.lead = before;
        desk.advance(day(11));
        assert_eq!(desk.open(), [AlertType::NoFollowup7d, AlertType::PreferredChannel]);
    }
}
