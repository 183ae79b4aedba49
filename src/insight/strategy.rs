//! A way to go about a lead, in steps, built from what is known of it and of nothing else: which channel it answers
//! on, when, what it said last, how often we tried, what is planned. Nothing known, no strategy.

use chrono_tz::Tz;

use super::advice;
use super::exchange::{Topic, topic};
use super::lead::has_happened;
use crate::domain::alert::ChannelRate;
use crate::domain::calendar::Calendar;
use crate::domain::insight::{BestTime, LeadInsight, Touch};
use crate::domain::{
    Activity, ActivityStatus, Alert, AlertType, Channel, Direction, Evidence, HOUR, Lead, Seconds, Timestamp,
};

/// What is said on one channel within so long is one try.
const ONE_TRY: Seconds = 12 * HOUR;
/// So many tries in vain are worth mentioning.
const TRIES_TO_MENTION: usize = 2;
/// After so many tries in vain the next one is the last.
const TRIES_BEFORE_THE_END: usize = 4;

/// Why, and then what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strategy {
    /// The fact that it is built on.
    pub reason: Reason,
    /// One or two steps, in order.
    pub steps: Vec<Step>,
}

/// The most telling thing that is known of a lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// One channel works better than the others.
    Rates {
        /// The one.
        best: ChannelRate,
        /// The best of the others, if another was tried often enough.
        second: Option<ChannelRate>,
    },
    /// We tried, and nothing came back.
    InVain {
        /// How often since the lead's last word.
        tries: usize,
        /// Where, when it was always the same channel.
        on: Option<Channel>,
    },
    /// The lead answers at a certain time.
    Hours(BestTime),
    /// The lead has said something, and no more is known.
    Said(LastWord),
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Answer there, at once.
    Answer(Channel),
    /// Remind gently there, of what the lead said last if that is known.
    Remind(Channel, Option<LastWord>),
    /// Try there what did not work elsewhere.
    Switch(Channel),
    /// Pick up the thread there, from what the lead said last if that is known.
    Resume(Channel, Option<LastWord>),
    /// Try for the last time, there.
    LastTry(Channel),
    /// If nothing comes back, call, at the time at which the lead answers if that is known.
    ThenCall(Option<BestTime>),
    /// If nothing comes back, write there.
    ThenWrite(Channel),
    /// If nothing comes back, archive the lead.
    ThenArchive,
    /// Then comes what is planned already.
    ThenPlanned(Touch),
}

/// What a lead said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastWord {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub channel: Channel,
    /// It wanted to buy.
    pub intent: bool,
    /// What it asked for, when that can be told.
    pub topic: Option<Topic>,
}

/// A way to go about an alert at `now`; `None` when too little is known, when the lead is not to be contacted or cannot
/// be reached, and where the alert says it all. `activities` are ordered by time, `insight` is what they tell, `works` are the owner's working
/// hours, and `zone` is the one that hours are told in: nobody is sent to call outside them.
pub fn strategy(
    alert: &Alert,
    lead: &Lead,
    activities: &[Activity],
    insight: &LeadInsight,
    (works, zone): (&Calendar, Tz),
    now: Timestamp,
) -> Option<Strategy> {
    if lead.is_do_not_contact() || lead.closed_at.is_some() || lead.deleted {
        return None;
    }
    let tries = tries(activities, now);
    let said = last_word(activities, now);
    let reason = reason(alert.alert_type, lead, insight, &tries).or_else(|| said_last(alert, said))?;
    let suggested = advice::suggestions(alert, lead, insight.preferred)[0].channel();
    let channel = suggested.filter(|channel| *channel != Channel::Manual)?;
    let then_call = |after: Channel| {
        (after != Channel::Call && lead.channel_open(Channel::Call))
            .then(|| Step::ThenCall(insight.best_time.and_then(|best| works.within(&best, zone, now))))
    };
    let steps = match alert.alert_type {
        AlertType::HotLead24h | AlertType::AwaitingReply24h => {
            let planned = insight.next_step.filter(|step| step.at > now).map(Step::ThenPlanned);
            [Some(Step::Answer(channel)), planned.or(then_call(channel))]
        }
        AlertType::NoReply3d | AlertType::NoFollowup7d | AlertType::NoContact7d => {
            let in_vain = match reason {
                Reason::InVain { on, .. } => on,
                Reason::Rates { .. } | Reason::Hours(_) | Reason::Said(_) => None,
            };
            let elsewhere = in_vain.and_then(|on| other_channel(lead, &[on]));
            let (first, on) = match elsewhere {
                Some(other) => (Step::Switch(other), other),
                None if alert.alert_type == AlertType::NoReply3d => (Step::Remind(channel, said), channel),
                None => (Step::Resume(channel, said), channel),
            };
            let done: Vec<Channel> = in_vain.into_iter().chain([on]).collect();
            let then = match tries.len() {
                TRIES_BEFORE_THE_END.. => Some(Step::ThenArchive),
                _ => then_call(on).or_else(|| other_channel(lead, &done).map(Step::ThenWrite)),
            };
            [Some(first), then]
        }
        AlertType::StaleLead30d => [Some(Step::LastTry(channel)), Some(Step::ThenArchive)],
        AlertType::PreferredChannel => return None,
    };
    Some(Strategy { reason, steps: steps.into_iter().flatten().collect() })
}

fn reason(alert_type: AlertType, lead: &Lead, insight: &LeadInsight, tries: &[Channel]) -> Option<Reason> {
    let of = |channel: Channel| insight.channels.iter().find(move |rate| rate.channel == channel).copied();
    if let Some(best) = insight.preferred.filter(|channel| lead.channel_open(*channel)).and_then(of) {
        let second = insight.channels.iter().find(|rate| rate.channel != best.channel).copied();
        // What was learned over the years may differ from the last 30 days' figures: these would not bear it out.
        if second.is_none_or(|second| best.percent() > second.percent()) {
            return Some(Reason::Rates { best, second });
        }
    }
    if tries.len() >= TRIES_TO_MENTION && !alert_type.is_about_an_answer() {
        let on = tries.first().copied().filter(|first| tries.iter().all(|channel| channel == first));
        return Some(Reason::InVain { tries: tries.len(), on });
    }
    insight.best_time.map(Reason::Hours)
}

/// What the lead said last, as a reason; none where the alert is that message, or shows it and nothing more can be said of it.
fn said_last(alert: &Alert, said: Option<LastWord>) -> Option<Reason> {
    let adds = |said: &LastWord| said.topic.is_some() || !shows(&alert.evidence, said);
    said.filter(|said| !alert.alert_type.is_about_an_answer() && adds(said)).map(Reason::Said)
}

/// Whether an alert shows what the lead said last.
fn shows(evidence: &Evidence, said: &LastWord) -> bool {
    let shown = match evidence {
        Evidence::HotLead { inbound: shown, .. }
        | Evidence::AwaitingReply { last: shown, .. }
        | Evidence::NoReply { last_out: shown }
        | Evidence::NoFollowup { last: shown } => Some(shown),
        Evidence::NoContact { last_inbound: shown, .. } | Evidence::Stale { last: shown, .. } => shown.as_ref(),
        Evidence::PreferredChannel { .. } => None,
    };
    shown.is_some_and(|shown| (shown.direction, shown.at) == (Direction::In, said.at))
}

/// Where we tried since the lead's last word, oldest first.
fn tries(activities: &[Activity], now: Timestamp) -> Vec<Channel> {
    let mut tries: Vec<(Channel, Timestamp)> = Vec::new();
    for activity in activities.iter().filter(|activity| has_happened(activity, now)) {
        if answers(activity) {
            tries.clear();
        } else if activity.direction == Direction::Out && activity.channel != Channel::Manual {
            let is_new =
                |last: &(Channel, Timestamp)| last.0 != activity.channel || activity.timestamp.since(last.1) >= ONE_TRY;
            if tries.last().is_none_or(is_new) {
                tries.push((activity.channel, activity.timestamp));
            }
        }
    }
    tries.into_iter().map(|(channel, _)| channel).collect()
}

fn last_word(activities: &[Activity], now: Timestamp) -> Option<LastWord> {
    let heard = |activity: &&Activity| has_happened(activity, now) && activity.direction == Direction::In;
    let wrote = |activity: &&Activity| matches!(activity.channel, Channel::Whatsapp | Channel::Email);
    let last = activities.iter().rev().filter(heard).find(wrote)?;
    let intent = last.reading.intent;
    let topic = intent.then(|| topic(&last.preview)).flatten();
    Some(LastWord { at: last.timestamp, channel: last.channel, intent, topic })
}

fn answers(activity: &Activity) -> bool {
    let picked_up = activity.channel == Channel::Call && activity.status == ActivityStatus::Replied;
    activity.direction == Direction::In || picked_up
}

/// The first open channel that is none of these.
fn other_channel(lead: &Lead, than: &[Channel]) -> Option<Channel> {
    let mut channels = [Channel::Call, Channel::Whatsapp, Channel::Email].into_iter();
    channels.find(|channel| !than.contains(channel) && lead.channel_open(*channel))
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveDate, NaiveTime, Weekday};
    use chrono_tz::Europe::Paris;

    use super::*;
    use crate::domain::alert::Cited;
    use crate::domain::{ActivityId, AlertId, AlertState, Anchor, DAY, LeadId, Reading};
    use crate::insight::habits::Habits;
    use crate::insight::lead::{Lens, known_of};

    /// Thursday 12 March 2026, 15:00 in Paris.
    const NOW: Timestamp = Timestamp(1_773_324_000);

    fn lead() -> Lead {
        Lead {
            name: "Restaurant Bella".to_owned(),
            phone: Some("+33612345678".to_owned()),
            email: Some("bella@example.com".to_owned()),
            ..Lead::new(LeadId::from("l1"), "In Process", NOW.plus(-60 * DAY))
        }
    }

    fn alert(alert_type: AlertType) -> Alert {
        let last_out = Cited {
            activity_id: ActivityId::from("Email:1"),
            channel: Channel::Email,
            direction: Direction::Out,
            at: NOW.plus(-3 * DAY),
            preview: String::new(),
        };
        Alert {
            id: AlertId::from("a1"),
            lead_id: LeadId::from("l1"),
            alert_type,
            anchor: Anchor::At(NOW.plus(-3 * DAY)),
            state: AlertState::Open,
            opened_at: Some(NOW),
            openings: 1,
            due_at: None,
            evidence: Evidence::NoReply { last_out },
            owner: None,
            teams: Vec::new(),
        }
    }

    fn activity(days_ago: i64, channel: Channel, direction: Direction) -> Activity {
        let at = NOW.plus(-days_ago * DAY);
        Activity {
            id: ActivityId(format!("{days_ago} {}", channel.as_str())),
            lead_id: LeadId::from("l1"),
            channel,
            direction,
            status: ActivityStatus::Sent,
            preview: String::new(),
            timestamp: at,
            created_at: None,
            reading: Reading::default(),
            first_seen: at,
            fresh_as_of: at,
        }
    }

    fn out(days_ago: i64, channel: Channel) -> Activity {
        activity(days_ago, channel, Direction::Out)
    }

    fn wanted(days_ago: i64) -> Activity {
        let reading = Reading { intent: true, expects_reply: true, auto_reply: false };
        Activity { reading, ..activity(days_ago, Channel::Whatsapp, Direction::In) }
    }

    /// What [`wanted`] says.
    fn word(days_ago: i64) -> LastWord {
        LastWord { at: NOW.plus(-days_ago * DAY), channel: Channel::Whatsapp, intent: true, topic: None }
    }

    fn rate(channel: Channel, answered: u32) -> ChannelRate {
        ChannelRate { channel, answered, attempts: 5 }
    }

    const AT_TEN: BestTime = BestTime { weekday: None, from: 10, to: 11, answers: 4, of: 5 };

    /// Answers on WhatsApp, four times of five, by mail once of five, at ten.
    fn bella() -> LeadInsight {
        LeadInsight {
            preferred: Some(Channel::Whatsapp),
            channels: vec![rate(Channel::Whatsapp, 4), rate(Channel::Email, 1)],
            best_time: Some(AT_TEN),
            ..LeadInsight::default()
        }
    }

    fn steps(alert_type: AlertType, activities: &[Activity], insight: &LeadInsight) -> Option<Vec<Step>> {
        strategy(&alert(alert_type), &lead(), activities, insight, (&Calendar::default(), Paris), NOW)
            .map(|strategy| strategy.steps)
    }

    /// The brief: Lead "Restaurant Bella" (préfère WhatsApp, répond rarement email): Pas de réponse depuis 3 jours …
    /// Relance douce WhatsApp … Si silence → appel direct à 10h
    #[test]
    fn restaurant_bella() {
        let found = strategy(
            &alert(AlertType::NoReply3d),
            &lead(),
            &[out(3, Channel::Email)],
            &bella(),
            (&Calendar::default(), Paris),
            NOW,
        )
        .unwrap();
        let (best, second) = (rate(Channel::Whatsapp, 4), Some(rate(Channel::Email, 1)));
        assert_eq!(found.reason, Reason::Rates { best, second });
        assert_eq!(found.steps, [Step::Remind(Channel::Whatsapp, None), Step::ThenCall(Some(AT_TEN))]);
    }

    #[test]
    fn nobody_is_sent_to_call_outside_working_hours() {
        let at = |from: u32, to: u32| BestTime { from, to, ..AT_TEN };
        let call_at = |best: BestTime| {
            let insight = LeadInsight { best_time: Some(best), ..bella() };
            steps(AlertType::NoReply3d, &[out(3, Channel::Email)], &insight).unwrap()[1]
        };
        let cases = [
            (at(7, 8), None),
            (at(8, 10), Some(at(9, 10))),
            (at(17, 20), Some(at(17, 19))),
            (at(19, 21), None),
            (at(21, 22), None),
            (BestTime { weekday: Some(6), ..AT_TEN }, None),
            (BestTime { weekday: Some(5), ..AT_TEN }, Some(BestTime { weekday: Some(5), ..AT_TEN })),
        ];
        for (best, wanted) in cases {
            assert_eq!(call_at(best), Step::ThenCall(wanted), "{best:?}");
        }
        // Between their changes of clocks in March, nine in Montreal is two in the afternoon in Paris.
        let (montreal, nine) = (chrono_tz::America::Montreal, |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap());
        let works = Calendar::new(montreal, vec![Weekday::Mon], nine(9), nine(18)).unwrap();
        assert_eq!(works.within(&at(10, 18), Paris, NOW), Some(at(14, 18)));
        assert_eq!(works.within(&BestTime { weekday: Some(2), ..at(0, 1) }, Paris, NOW), None);
        let lunch = |day: Weekday| (day, vec![(nine(9), nine(12)), (nine(14), nine(18))]);
        let (day, hours) = lunch(Weekday::Mon);
        let works = Calendar::default().with_weekday(day, hours);
        assert_eq!(
            works.within(&BestTime { weekday: Some(1), ..at(10, 18) }, Paris, NOW),
            Some(BestTime { weekday: Some(1), ..at(14, 18) })
        );
        let away = Calendar::default().with_away([(NaiveDate::MIN, NaiveDate::MAX)]);
        assert_eq!(away.within(&at(10, 11), Paris, NOW), None);
    }

    #[test]
    fn figures_that_do_not_bear_it_out_are_no_reason() {
        let learned = LeadInsight { preferred: Some(Channel::Email), ..bella() };
        let found = strategy(
            &alert(AlertType::NoReply3d),
            &lead(),
            &[out(3, Channel::Email)],
            &learned,
            (&Calendar::default(), Paris),
            NOW,
        )
        .unwrap();
        assert_eq!(found.reason, Reason::Hours(AT_TEN));
    }

    #[test]
    fn each_situation_has_its_steps() {
        let (whatsapp, call) = (Channel::Whatsapp, Step::ThenCall(Some(AT_TEN)));
        let said = |days: i64| Some(word(days));
        let planned = Touch { at: NOW.plus(DAY), channel: Channel::Call };
        let with_plan = LeadInsight { next_step: Some(planned), ..bella() };
        let late = LeadInsight { next_step: Some(Touch { at: NOW.plus(-1), ..planned }), ..bella() };
        let many: Vec<_> = [20, 15, 10, 5].map(|days| out(days, whatsapp)).into();
        for (alert_type, activities, insight, expected) in [
            (AlertType::HotLead24h, vec![wanted(0)], bella(), vec![Step::Answer(whatsapp), call]),
            (AlertType::AwaitingReply24h, vec![wanted(2)], bella(), vec![Step::Answer(whatsapp), call]),
            (AlertType::HotLead24h, vec![], with_plan, vec![Step::Answer(whatsapp), Step::ThenPlanned(planned)]),
            (AlertType::HotLead24h, vec![], late, vec![Step::Answer(whatsapp), call]),
            (
                AlertType::NoReply3d,
                vec![wanted(9), out(3, whatsapp)],
                bella(),
                vec![Step::Remind(whatsapp, said(9)), call],
            ),
            (AlertType::NoFollowup7d, vec![wanted(9)], bella(), vec![Step::Resume(whatsapp, said(9)), call]),
            (AlertType::NoReply3d, many, bella(), vec![Step::Remind(whatsapp, None), Step::ThenArchive]),
            (AlertType::StaleLead30d, vec![wanted(40)], bella(), vec![Step::LastTry(whatsapp), Step::ThenArchive]),
        ] {
            assert_eq!(steps(alert_type, &activities, &insight), Some(expected), "{alert_type:?}");
        }
    }

    #[test]
    fn what_was_tried_in_vain_is_tried_elsewhere() {
        let nothing = LeadInsight::default();
        let twice = [wanted(30), out(9, Channel::Email), out(4, Channel::Email)];
        let found =
            strategy(&alert(AlertType::NoReply3d), &lead(), &twice, &nothing, (&Calendar::default(), Paris), NOW)
                .unwrap();
        assert_eq!(found.reason, Reason::InVain { tries: 2, on: Some(Channel::Email) });
        assert_eq!(found.steps, [Step::Switch(Channel::Call), Step::ThenWrite(Channel::Whatsapp)], "not by mail again");
        let mixed = [out(9, Channel::Email), out(4, Channel::Whatsapp)];
        let found =
            strategy(&alert(AlertType::NoReply3d), &lead(), &mixed, &nothing, (&Calendar::default(), Paris), NOW)
                .unwrap();
        assert_eq!(found.reason, Reason::InVain { tries: 2, on: None });
        assert_eq!(found.steps, [Step::Remind(Channel::Whatsapp, None), Step::ThenCall(None)]);
    }

    #[test]
    fn a_volley_is_one_try_and_an_answer_begins_anew() {
        let minutes_later = |activity: Activity| Activity { timestamp: activity.timestamp.plus(600), ..activity };
        let volley = [out(4, Channel::Email), minutes_later(out(4, Channel::Email))];
        assert_eq!(tries(&volley, NOW).len(), 1);
        assert_eq!(tries(&[out(9, Channel::Email), wanted(8), out(4, Channel::Email)], NOW), [Channel::Email]);
        let picked_up = Activity { status: ActivityStatus::Replied, ..out(5, Channel::Call) };
        assert_eq!(tries(&[out(9, Channel::Email), picked_up, out(4, Channel::Email)], NOW), [Channel::Email]);
        let planned = Activity { status: ActivityStatus::Planned, ..out(-1, Channel::Call) };
        assert_eq!(tries(&[out(9, Channel::Email), planned], NOW), [Channel::Email]);
        let mut machine = wanted(8);
        machine.reading = Reading { auto_reply: true, ..Reading::default() };
        assert_eq!(tries(&[out(9, Channel::Email), machine, out(4, Channel::Email)], NOW).len(), 2);
    }

    #[test]
    fn what_was_said_last_is_a_reason_when_nothing_else_is_known() {
        let reason = |alert_type: AlertType, activities: &[Activity]| {
            let works = (&Calendar::default(), Paris);
            strategy(&alert(alert_type), &lead(), activities, &LeadInsight::default(), works, NOW)
                .map(|found| found.reason)
        };
        let asks = |preview: &str| Activity { preview: preview.to_owned(), ..wanted(9) };
        let price = asks("Quel est le prix pour 12 postes ?");
        let said = Reason::Said(LastWord { topic: Some(Topic::Price), ..word(9) });
        let silent = [AlertType::NoReply3d, AlertType::NoFollowup7d, AlertType::NoContact7d, AlertType::StaleLead30d];
        for alert_type in silent {
            assert_eq!(reason(alert_type, &[price.clone(), out(3, Channel::Email)]), Some(said.clone()));
            assert_eq!(reason(alert_type, &[wanted(9)]), Some(Reason::Said(word(9))), "a voice note asks for nothing");
        }
        for alert_type in [AlertType::HotLead24h, AlertType::AwaitingReply24h] {
            assert_eq!(reason(alert_type, std::slice::from_ref(&price)), None, "it is what the alert is about");
        }
        let shown = Cited {
            activity_id: price.id.clone(),
            channel: price.channel,
            direction: Direction::In,
            at: price.timestamp,
            preview: price.preview.clone(),
        };
        let silent = Alert { evidence: Evidence::NoFollowup { last: shown }, ..alert(AlertType::NoFollowup7d) };
        let nothing = LeadInsight::default();
        let of = |said: &Activity| {
            strategy(&silent, &lead(), std::slice::from_ref(said), &nothing, (&Calendar::default(), Paris), NOW)
        };
        assert_eq!(of(&price).map(|found| found.reason), Some(said), "what it asked for is more than its words");
        assert_eq!(of(&wanted(9)), None, "the alert shows it");
        // Read, or corrected, as something that wants nothing, it is not said to have asked for anything.
        let unwanted = Activity { reading: Reading::default(), ..price };
        let nothing = LastWord { intent: false, ..word(9) };
        assert_eq!(reason(AlertType::NoReply3d, &[unwanted]), Some(Reason::Said(nothing)));
        let twice = [wanted(30), out(9, Channel::Email), out(4, Channel::Email)];
        let in_vain = Reason::InVain { tries: 2, on: Some(Channel::Email) };
        assert_eq!(reason(AlertType::NoReply3d, &twice), Some(in_vain), "which is more telling");
    }

    #[test]
    fn nothing_known_or_nothing_allowed_is_no_strategy() {
        let nothing = LeadInsight::default();
        for alert_type in AlertType::ALL {
            assert_eq!(steps(alert_type, &[out(3, Channel::Email)], &nothing), None, "{alert_type:?}");
            let silent = Lead { do_not_contact: true, ..lead() };
            assert_eq!(strategy(&alert(alert_type), &silent, &[], &bella(), (&Calendar::default(), Paris), NOW), None);
            let closed = Lead { closed_at: Some(NOW), ..lead() };
            assert_eq!(strategy(&alert(alert_type), &closed, &[], &bella(), (&Calendar::default(), Paris), NOW), None);
            let nowhere = Lead { phone: None, email: None, ..lead() };
            assert_eq!(strategy(&alert(alert_type), &nowhere, &[], &bella(), (&Calendar::default(), Paris), NOW), None);
        }
        assert_eq!(steps(AlertType::PreferredChannel, &[], &bella()), None, "it says so itself");
    }

    #[test]
    fn closed_channels_are_no_steps() {
        let leads = [
            Lead { phone_opted_out: true, ..lead() },
            Lead { email_opted_out: true, ..lead() },
            Lead { do_not_call: true, ..lead() },
            Lead { phone: None, ..lead() },
        ];
        let activities = [wanted(30), out(9, Channel::Email), out(4, Channel::Email)];
        let known =
            [bella(), LeadInsight { best_time: Some(AT_TEN), ..LeadInsight::default() }, LeadInsight::default()];
        for lead in &leads {
            for alert_type in AlertType::ALL {
                for insight in &known {
                    let Some(found) =
                        strategy(&alert(alert_type), lead, &activities, insight, (&Calendar::default(), Paris), NOW)
                    else {
                        continue;
                    };
                    assert!((1..=2).contains(&found.steps.len()), "{found:?}");
                    for step in &found.steps {
                        let channel = match step {
                            Step::Answer(channel)
                            | Step::Remind(channel, _)
                            | Step::Switch(channel)
                            | Step::Resume(channel, _)
                            | Step::LastTry(channel)
                            | Step::ThenWrite(channel) => *channel,
                            Step::ThenCall(_) => Channel::Call,
                            Step::ThenArchive | Step::ThenPlanned(_) => continue,
                        };
                        assert!(lead.channel_open(channel), "{step:?} for {lead:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_a_history_tells_is_enough() {
        let history = [out(20, Channel::Whatsapp), wanted(19), out(3, Channel::Email)];
        let rates = vec![rate(Channel::Whatsapp, 4)];
        let (usual, zone) = (Habits::default().hours, chrono_tz::Europe::Paris);
        let lens = Lens { usual: &usual, home: zone, zone, grace: 0 };
        let insight = known_of(&history, rates, Some(Channel::Whatsapp), lens, NOW);
        let found =
            strategy(&alert(AlertType::NoReply3d), &lead(), &history, &insight, (&Calendar::default(), Paris), NOW)
                .unwrap();
        assert_eq!(found.steps, [Step::Remind(Channel::Whatsapp, Some(word(19))), Step::ThenCall(None)]);
    }
}
