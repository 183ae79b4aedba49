//! Which announcements go out as messages of their own, which together, and which have to wait: the rep hates
//! noise. Pure.

use std::collections::HashMap;

use crate::domain::calendar::Calendar;
use crate::domain::{AlertId, AlertType, HOUR, MINUTE, Preferences, Seconds, Severity, Timestamp};
use crate::store::Said;

/// More than so many for one person within a minute go out as a digest.
pub const BURST: usize = 5;
/// At most so many messages an hour that are not urgent.
pub const PER_HOUR: usize = 3;
/// So long, in seconds, is waited after what is not urgent for what opens with it: several are one message.
pub const GATHER: Seconds = 2;
/// Within so many days somebody has a working hour that is not a quiet one, or has none.
const TURNS: usize = 16;
/// Nothing waits longer than this for what may open with it.
const GATHER_AT_MOST: Seconds = 30;

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
    /// When it was decided.
    pub decided_at: Timestamp,
}

impl Pending {
    fn is_hot(&self) -> bool {
        self.alert_type == AlertType::HotLead24h
    }
}

/// What counts for one person at one instant, beside what waits.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// Which instant.
    pub now: Timestamp,
    /// The person's working hours.
    pub calendar: &'a Calendar,
    /// What the person wishes.
    pub wishes: &'a Preferences,
    /// What was said to the person within the last hour, oldest first.
    pub said: &'a [Said],
    /// Leads are being evaluated: more may open at the same instant.
    pub more_may_come: bool,
}

impl Moment<'_> {
    /// Whether a message may make a sound: within working hours, unless the person is away.
    fn is_open(&self) -> bool {
        self.calendar.is_open(self.now) && self.wishes.away_until.is_none_or(|until| until <= self.now)
    }

    /// Until when nothing but hot leads may be said, if that is wished.
    fn silenced_until(&self) -> Option<Timestamp> {
        self.wishes.paused_until.max(self.wishes.away_until).filter(|until| self.now < *until)
    }

    /// The first instant from now on at which something that is not urgent may be said: it is working hours, and the
    /// person wants neither a pause nor quiet.
    pub fn free_at(&self) -> Timestamp {
        let mut at = self.silenced_until().unwrap_or(self.now);
        let end_of_quiet = |at| self.wishes.quiet.and_then(|quiet| self.calendar.end_of_daily(quiet, at)).unwrap_or(at);
        let begin = at;
        // Each turn ends one reason to wait.
        for _ in 0..TURNS {
            let next = self.calendar.next_open(end_of_quiet(at));
            if next == at {
                return at;
            }
            at = next;
        }
        // Quiet during all working hours: then it is said outside of them.
        end_of_quiet(begin)
    }

    /// When the person's quiet hours end, if these are some.
    pub fn quiet_until(&self) -> Option<Timestamp> {
        self.calendar.end_of_daily(self.wishes.quiet?, self.now)
    }

    /// When the next message that is not urgent may be said, as far as those of the last hour go.
    pub fn next_slot(&self) -> Timestamp {
        let hour_ago = self.now.plus(-HOUR);
        let mut lately =
            self.said.iter().rev().filter(|said| !said.urgent && said.at > hour_ago && said.at <= self.now);
        lately.nth(PER_HOUR - 1).map_or(self.now, |said| said.at.plus(HOUR))
    }
}

/// One message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The alerts it announces: one, or several for a digest.
    pub alerts: Vec<AlertId>,
    /// Without sound.
    pub silent: bool,
    /// It cannot wait, and does not count among those that can.
    pub urgent: bool,
}

/// What is to be sent now, and what waits until when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Messages for now, in order.
    pub now: Vec<Planned>,
    /// Alerts that wait, with the instant until which they do.
    pub later: Vec<(AlertId, Timestamp)>,
}

impl Plan {
    fn put_off<'a>(&mut self, waiting: impl IntoIterator<Item = &'a Pending>, until: Timestamp) {
        self.later.extend(waiting.into_iter().map(|one| (one.alert.clone(), until)));
    }
}

/// Plans the announcements that wait for one person.
pub fn plan(pending: &[Pending], moment: &Moment<'_>) -> Plan {
    let mut plan = Plan::default();
    let (now, open) = (moment.now, moment.is_open());
    let mut pending: Vec<&Pending> = pending.iter().collect();
    pending.sort_by_key(|one| one.alert_type);
    let (hot, rest): (Vec<_>, Vec<_>) = pending.into_iter().partition(|one| one.is_hot());
    if let Some(until) = moment.quiet_until() {
        plan.put_off(hot, until);
        plan.put_off(rest, moment.free_at());
        return plan;
    }
    let free_at = moment.free_at();
    if free_at > now {
        // Only hot leads are sent, without sound; the rest waits.
        plan.put_off(rest, free_at);
        say_hot(&mut plan, &hot, &[], moment, open);
        return plan;
    }
    let said_lately: Vec<&Said> = moment.said.iter().filter(|said| said.at > now.plus(-MINUTE)).collect();
    let told_lately: usize = said_lately.iter().map(|said| usize::from(said.alerts)).sum();
    let burst = hot.len() + rest.len() + told_lately > BURST;
    let first = hot.iter().chain(&rest).any(|one| one.first_evaluation);
    if !hot.is_empty() && (burst || first) && told_lately <= BURST {
        // One digest tells it all: what is hot cannot wait, and the rest comes along.
        say_hot(&mut plan, &hot, &rest, moment, open);
        return plan;
    }
    say_hot(&mut plan, &hot, &[], moment, open);
    if rest.is_empty() {
        return plan;
    }
    // After a burst what goes on is told when the minute is over: not every few seconds another digest.
    let minute_over = said_lately.first().filter(|_| burst && told_lately > 0).map(|said| said.at.plus(MINUTE));
    let until = minute_over.into_iter().chain([moment.next_slot(), gathered_at(&rest, moment)]).max().unwrap_or(now);
    if until > now {
        plan.put_off(rest, until);
    } else {
        plan.now.push(together(&rest, open, false));
    }
    plan
}

/// Hot leads go out one by one; more than five within a minute, or what the first evaluation found, as one digest, which
/// `rest` comes along with.
fn say_hot(plan: &mut Plan, hot: &[&Pending], rest: &[&Pending], moment: &Moment<'_>, open: bool) {
    let minute_ago = moment.now.plus(-MINUTE);
    let lately: usize =
        moment.said.iter().filter(|said| said.at > minute_ago).map(|said| usize::from(said.alerts)).sum();
    let all = hot.len() + rest.len();
    let burst = all > 1 && all + lately > BURST && lately <= BURST;
    let (together_, alone): (Vec<&Pending>, Vec<&Pending>) =
        hot.iter().copied().partition(|one| burst || one.first_evaluation);
    let mut place_of: HashMap<&str, usize> = HashMap::new();
    for one in alone {
        let place = one.shared.as_deref().map(|shared| *place_of.entry(shared).or_insert(plan.now.len()));
        match place.and_then(|place| plan.now.get_mut(place)) {
            Some(planned) => planned.alerts.push(one.alert.clone()),
            None => plan.now.push(together(&[one], open, true)),
        }
    }
    let digest: Vec<&Pending> = together_.into_iter().chain(rest.iter().copied()).collect();
    if !digest.is_empty() {
        let urgent = digest.iter().any(|one| one.is_hot());
        plan.now.push(together(&digest, open, urgent));
    }
}

/// When all that opens with what is not urgent has done so.
fn gathered_at(rest: &[&Pending], moment: &Moment<'_>) -> Timestamp {
    let decided = || rest.iter().map(|one| one.decided_at.min(moment.now));
    let (Some(first), Some(last)) = (decided().min(), decided().max()) else { return moment.now };
    let gathered = last.plus(GATHER).max(if moment.more_may_come { moment.now.plus(1) } else { moment.now });
    gathered.min(first.plus(GATHER_AT_MOST))
}

fn together(some: &[&Pending], open: bool, urgent: bool) -> Planned {
    let quiet = some.iter().all(|one| matches!(one.alert_type.severity(), Severity::Low | Severity::Info));
    Planned { alerts: some.iter().map(|one| one.alert.clone()).collect(), silent: !open || quiet, urgent }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::{NaiveTime, Weekday};
    use proptest::prelude::*;

    use super::*;

    const FOLLOW_UP: AlertType = AlertType::NoReply3d;
    const HOT: AlertType = AlertType::HotLead24h;

    fn calendar() -> Calendar {
        let time = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        Calendar::new(chrono_tz::UTC, vec![Weekday::Mon], time(9), time(18)).unwrap()
    }

    fn monday(time: &str) -> Timestamp {
        Timestamp::parse_rfc3339(&format!("2026-03-02T{time}Z")).unwrap()
    }

    fn pending(name: &str, alert_type: AlertType) -> Pending {
        let decided_at = Timestamp(0);
        Pending { alert: AlertId::from(name), alert_type, shared: None, first_evaluation: false, decided_at }
    }

    fn several(count: usize, alert_type: AlertType) -> Vec<Pending> {
        (0..count).map(|index| pending(&format!("a{index}"), alert_type)).collect()
    }

    fn said(at: Timestamp, alerts: u16, urgent: bool) -> Said {
        Said { at, alerts, urgent }
    }

    /// What is planned when this was said before.
    fn planned(pending: &[Pending], said: &[Said], now: Timestamp) -> Plan {
        planned_for(&Preferences::default(), pending, said, now)
    }

    fn planned_for(wishes: &Preferences, pending: &[Pending], said: &[Said], now: Timestamp) -> Plan {
        plan(pending, &Moment { now, calendar: &calendar(), wishes, said, more_may_come: false })
    }

    fn names(plan: &Plan) -> Vec<Vec<&str>> {
        plan.now.iter().map(|planned| planned.alerts.iter().map(AlertId::as_str).collect()).collect()
    }

    fn put_off(plan: &Plan) -> Vec<Timestamp> {
        plan.later.iter().map(|(_, until)| *until).collect()
    }

    #[test]
    fn what_is_hot_goes_alone_and_first_and_the_rest_together() {
        let three = [pending("b", FOLLOW_UP), pending("a", HOT), pending("c", AlertType::NoContact7d)];
        let plan = planned(&three, &[], monday("10:00:00"));
        assert_eq!(names(&plan), [vec!["a"], vec!["c", "b"]]);
        assert!(plan.now.iter().all(|planned| !planned.silent));
        assert_eq!(plan.now.iter().map(|planned| planned.urgent).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn at_night_only_hot_leads_go_out_and_without_sound() {
        let two = [pending("b", FOLLOW_UP), pending("a", HOT)];
        let plan = planned(&two, &[], monday("20:00:00"));
        assert_eq!(plan.now, [Planned { alerts: vec![AlertId::from("a")], silent: true, urgent: true }]);
        assert_eq!(plan.later, [(AlertId::from("b"), Timestamp::parse_rfc3339("2026-03-09T09:00:00Z").unwrap())]);
    }

    #[test]
    fn what_is_of_little_weight_makes_no_sound() {
        let silent = |types: &[AlertType]| {
            let some: Vec<Pending> = types.iter().map(|alert_type| pending("a", *alert_type)).collect();
            planned(&some, &[], monday("10:00:00")).now[0].silent
        };
        assert!(silent(&[AlertType::StaleLead30d, AlertType::PreferredChannel]));
        assert!(!silent(&[AlertType::StaleLead30d, FOLLOW_UP]));
    }

    #[test]
    fn three_messages_an_hour_and_then_what_has_come_since_as_one() {
        let before: Vec<Said> =
            [0, 20, 40].map(|minute| said(monday("10:00:00").plus(minute * MINUTE), 1, false)).into();
        let plan = planned(&several(2, FOLLOW_UP), &before, monday("10:45:00"));
        assert_eq!((names(&plan), put_off(&plan)), (vec![], vec![monday("11:00:00"); 2]));
        let plan = planned(&several(4, FOLLOW_UP), &before, monday("11:00:00"));
        assert_eq!(names(&plan), [["a0", "a1", "a2", "a3"]]);
        let urgent = before.iter().map(|one| Said { urgent: true, ..*one }).collect::<Vec<_>>();
        assert_eq!(
            planned(&several(1, FOLLOW_UP), &urgent, monday("10:45:00")).now.len(),
            1,
            "what was urgent is not counted"
        );
        assert_eq!(planned(&several(1, HOT), &before, monday("10:45:00")).now.len(), 1, "what is hot does not wait");
    }

    #[test]
    fn what_opens_a_moment_later_is_waited_for() {
        let now = monday("10:00:00");
        let one = |name, second| Pending { decided_at: now.plus(second), ..pending(name, FOLLOW_UP) };
        assert_eq!(put_off(&planned(&[one("a", 0)], &[], now)), [now.plus(GATHER)]);
        let later = planned(&[one("a", 0), one("b", 1)], &[], now.plus(2));
        assert_eq!(put_off(&later), [now.plus(1 + GATHER); 2]);
        assert_eq!(names(&planned(&[one("a", 0), one("b", 1)], &[], now.plus(1 + GATHER))), [["a", "b"]]);
        let (wishes, hours) = (Preferences::default(), calendar());
        let moment = |second| Moment {
            now: now.plus(second),
            calendar: &hours,
            wishes: &wishes,
            said: &[],
            more_may_come: true,
        };
        assert_eq!(put_off(&plan(&[one("a", 0)], &moment(20))), [now.plus(21)], "as long as leads are being evaluated");
        assert_eq!(plan(&[one("a", 0)], &moment(GATHER_AT_MOST)).now.len(), 1, "but not for ever");
        assert_eq!(plan(&[pending("a", HOT)], &moment(0)).now.len(), 1, "what is hot waits for nothing");
    }

    /// > The same whenever more than five open for one owner within a minute (an import, the end of an outage).
    #[test]
    fn more_than_five_at_once_are_one_digest() {
        for (hot, rest) in [(0, 6), (6, 0), (1, 5), (5, 1)] {
            let mut some = several(hot, HOT);
            some.extend((0..rest).map(|index| pending(&format!("b{index}"), FOLLOW_UP)));
            let plan = planned(&some, &[], monday("10:00:00"));
            assert_eq!((plan.now.len(), plan.now[0].alerts.len()), (1, 6), "{hot} hot, {rest} not");
        }
        assert_eq!(planned(&several(5, HOT), &[], monday("10:00:00")).now.len(), 5);
        assert_eq!(planned(&several(6, HOT), &[], monday("20:00:00")).now.len(), 1, "at night as well");
    }

    /// > The same whenever more than five open for one owner within a minute (an import, the end of an outage).
    #[test]
    fn what_goes_on_after_a_digest_is_told_when_the_minute_is_over() {
        let digest = [said(monday("10:00:00"), 6, false)];
        let waits = planned(&several(3, FOLLOW_UP), &digest, monday("10:00:59"));
        assert_eq!((names(&waits), put_off(&waits)), (vec![], vec![monday("10:01:00"); 3]));
        assert_eq!(planned(&several(3, FOLLOW_UP), &digest, monday("10:01:00")).now.len(), 1);
        let hot = [pending("hot", HOT), pending("cold", FOLLOW_UP)];
        let plan = planned(&hot, &digest, monday("10:00:59"));
        assert_eq!((names(&plan), plan.later.len()), (vec![vec!["hot"]], 1));
    }

    #[test]
    fn the_first_evaluation_is_one_digest_however_few() {
        let first = |name, alert_type| Pending { first_evaluation: true, ..pending(name, alert_type) };
        let plan = planned(&[first("a", HOT), first("b", FOLLOW_UP)], &[], monday("10:00:00"));
        assert_eq!(names(&plan), [["a", "b"]]);
    }

    #[test]
    fn alerts_of_one_message_from_a_shared_address_are_announced_together() {
        let shared = |name| Pending { shared: Some("Email:1".to_owned()), ..pending(name, HOT) };
        let plan = planned(&[shared("a"), shared("b"), pending("c", HOT)], &[], monday("10:00:00"));
        assert_eq!(names(&plan), [vec!["a", "b"], vec!["c"]]);
    }

    #[test]
    fn a_pause_holds_back_all_but_hot_leads_and_quiet_hours_these_too() {
        let two = [pending("b", FOLLOW_UP), pending("a", HOT)];
        let paused = Preferences { paused_until: Some(monday("11:30:00")), ..Preferences::default() };
        let plan = planned_for(&paused, &two, &[], monday("10:00:00"));
        assert_eq!((names(&plan), put_off(&plan)), (vec![vec!["a"]], vec![monday("11:30:00")]));
        assert!(!plan.now[0].silent, "what still comes may be heard");
        assert_eq!(names(&planned_for(&paused, &two, &[], monday("11:30:00"))), [["a"], ["b"]]);

        let quiet = Preferences { quiet: Some((12 * 60, 14 * 60)), ..Preferences::default() };
        let plan = planned_for(&quiet, &two, &[], monday("13:00:00"));
        assert_eq!((names(&plan), put_off(&plan)), (vec![], vec![monday("14:00:00"); 2]));
        let both = Preferences { paused_until: Some(monday("12:30:00")), ..quiet };
        assert_eq!(put_off(&planned_for(&both, &two[..1], &[], monday("10:00:00"))), [monday("14:00:00")]);

        let night = Preferences { quiet: Some((20 * 60, 8 * 60)), ..Preferences::default() };
        let plan = planned_for(&night, &two, &[], monday("21:00:00"));
        let (morning, monday_next) = (monday("08:00:00").plus(24 * HOUR), monday("09:00:00").plus(7 * 24 * HOUR));
        assert_eq!(put_off(&plan), [morning, monday_next]);
        assert_eq!(names(&planned_for(&night, &two, &[], morning)), [["a"]]);
    }

    #[test]
    fn whoever_is_away_hears_of_hot_leads_without_sound_and_of_the_rest_on_coming_back() {
        let two = [pending("b", FOLLOW_UP), pending("a", HOT)];
        let back = monday("09:00:00").plus(14 * 24 * HOUR);
        let away = Preferences { away_until: Some(back), ..Preferences::default() };
        let plan = planned_for(&away, &two, &[], monday("10:00:00"));
        assert_eq!((plan.now.len(), plan.now[0].silent, put_off(&plan)), (1, true, vec![back]));
    }

    /// One that opens: so many seconds after the last, of that type.
    fn arrivals() -> impl Strategy<Value = Vec<(i64, AlertType)>> {
        let gap = prop_oneof![0..3_i64, 0..90_i64, 0..4_000_i64, 0..40_000_i64];
        let types = prop::sample::select(AlertType::ALL.to_vec());
        prop::collection::vec((gap, types), 1..60)
    }

    fn wishes() -> impl Strategy<Value = Preferences> {
        let quiet = prop::option::of((0..1_440_u16, 0..1_440_u16));
        let paused = prop::option::of(0..200_000_i64);
        (quiet, paused).prop_map(|(quiet, paused)| Preferences {
            quiet,
            paused_until: paused.map(|seconds| monday("08:00:00").plus(seconds)),
            ..Preferences::default()
        })
    }

    fn every_day() -> Calendar {
        let time = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        let days = vec![Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];
        Calendar::new(chrono_tz::Europe::Paris, days, time(9), time(18)).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// Nothing is lost or said twice; of what is not urgent at most three messages an hour go out, in working hours and
        /// outside of any quiet; what is hot goes at once unless it is quiet.
        #[test]
        fn whatever_opens_is_told_once_and_calmly(arrivals in arrivals(), wishes in wishes()) {
            let calendar = every_day();
            let mut at = monday("08:00:00");
            let mut waiting: BTreeMap<Timestamp, Vec<Pending>> = BTreeMap::new();
            for (index, (gap, alert_type)) in arrivals.iter().enumerate() {
                at = at.plus(*gap);
                let one = Pending { decided_at: at, ..pending(&format!("a{index}"), *alert_type) };
                waiting.entry(at).or_default().push(one);
            }
            let (mut told, mut said): (Vec<AlertId>, Vec<Said>) = (Vec::new(), Vec::new());
            let mut rounds = 0;
            while let Some((now, ready)) = waiting.pop_first() {
                rounds += 1;
                prop_assert!(rounds < 10_000, "something waits for ever");
                let moment = Moment { now, calendar: &calendar, wishes: &wishes, said: &said, more_may_come: false };
                let (quiet, free) = (moment.quiet_until().is_some(), moment.free_at() == now);
                let Plan { now: sent, later } = plan(&ready, &moment);
                let hot = |id: &AlertId| ready.iter().any(|one| one.alert == *id && one.is_hot());
                for planned in &sent {
                    prop_assert!(!quiet);
                    prop_assert_eq!(planned.urgent, planned.alerts.iter().any(hot));
                    prop_assert!(planned.urgent || free);
                }
                for (id, until) in later {
                    prop_assert!(until > now && (quiet || !hot(&id)), "{id} waits until {until} at {now}");
                    let one = ready.iter().find(|one| one.alert == id).cloned().expect("what waits was there");
                    waiting.entry(until).or_default().push(one);
                }
                for planned in sent {
                    let alerts = u16::try_from(planned.alerts.len()).unwrap();
                    said.push(Said { at: now, alerts, urgent: planned.urgent });
                    told.extend(planned.alerts);
                }
            }
            told.sort();
            let mut all: Vec<AlertId> = (0..arrivals.len()).map(|index| AlertId(format!("a{index}"))).collect();
            all.sort();
            prop_assert_eq!(told, all, "each is told once");
            let calm: Vec<Timestamp> = said.iter().filter(|one| !one.urgent).map(|one| one.at).collect();
            for four in calm.windows(PER_HOUR + 1) {
                prop_assert!(four[PER_HOUR].since(four[0]) >= HOUR, "four within an hour: {four:?}");
            }
        }
    }
}
