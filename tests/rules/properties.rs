//! Random histories, full of ties and of instants right at a threshold, against the brute-force oracle. The
//! thresholds are set to a few seconds, so that every single second can be evaluated.

use std::collections::BTreeMap;

use max::decide::{self, Decision, Outlook, Silence, Step, Subject};
use max::domain::alert::{Resolution, Via};
use max::domain::calendar::Calendar;
use max::domain::effect::Effect;
use max::domain::*;
use max::rules::{self, Facts, PreferredChannelSettings, Settings};
use proptest::prelude::*;

use super::oracle::{Event, Key, Log, Oracle, World, brute_force};
use super::{activity, around_the_clock, lead};

pub const START: i64 = 20;
pub const END: i64 = 110;

/// So many random histories, or as many as `PROPTEST_CASES` asks for when these are more.
pub fn cases(number: u32) -> ProptestConfig {
    let asked = ProptestConfig::default();
    ProptestConfig { cases: asked.cases.max(number), ..asked }
}

fn seconds_for_days(inhibition: bool) -> Settings {
    let mut settings = Settings {
        hot: 5,
        awaiting_reply: 5,
        awaiting_reply_max: 24,
        no_contact: 9,
        stale: 25,
        no_followup: 8,
        no_reply: 4,
        next_step_grace: 5,
        preferred_channel: PreferredChannelSettings {
            attempt_gap: 3,
            window: 30,
            answer_within: 7,
            counts_after: 4,
            ..PreferredChannelSettings::default()
        },
        inhibition,
        active_statuses: Some(vec!["New".to_owned()]),
        ..Settings::default()
    };
    settings.repeat_after.insert(AlertType::StaleLead30d, rules::Span::After(20));
    settings.repeat_after.insert(AlertType::PreferredChannel, rules::Span::After(15));
    settings.repeat_after.insert(AlertType::NoFollowup7d, rules::Span::After(6));
    settings
}

/// Other thresholds, of the kind that an outlook does not depend on.
fn any_thresholds() -> impl Strategy<Value = Settings> {
    let spans = (1..12i64, 12..40i64, 1..20i64, 1..40i64, 1..20i64, 1..12i64);
    (spans, any::<bool>(), prop::collection::vec(prop::sample::select(AlertType::ALL.to_vec()), 0..3)).prop_map(
        |((awaiting_reply, awaiting_reply_max, no_contact, stale, no_followup, no_reply), inhibition, disabled)| {
            let settings = seconds_for_days(inhibition);
            Settings {
                awaiting_reply,
                awaiting_reply_max,
                no_contact,
                stale,
                no_followup,
                no_reply,
                disabled,
                ..settings
            }
        },
    )
}

fn any_activity() -> impl Strategy<Value = Activity> {
    let channel = prop_oneof![
        4 => Just(Channel::Whatsapp), 4 => Just(Channel::Email), 3 => Just(Channel::Call), 1 => Just(Channel::Manual)
    ];
    let direction = prop_oneof![3 => Just(Direction::Out), 2 => Just(Direction::In)];
    let status = prop_oneof![
        6 => Just(ActivityStatus::Sent),
        2 => Just(ActivityStatus::Replied),
        2 => Just(ActivityStatus::NoAnswer),
        2 => Just(ActivityStatus::Planned),
    ];
    let reading = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.1))
        .prop_map(|(intent, expects_reply, auto_reply)| Reading { intent, expects_reply, auto_reply });
    (0..70i64, channel, direction, status, reading, -2..12i64, 0..8i64).prop_map(
        |(at, channel, direction, status, reading, ahead, late)| {
            let at = Timestamp(at);
            let mut activity = activity("", at, channel, direction, status, reading);
            activity.created_at = Some(at.plus(-ahead));
            activity.fresh_as_of = at.plus(if late > 5 { late } else { 0 });
            activity
        },
    )
}

pub fn any_world() -> impl Strategy<Value = World> {
    let flags = (prop::bool::weighted(0.05), prop::bool::weighted(0.1));
    // (status, closed_at); under other settings a status may have been one that ends a lead.
    let end = prop_oneof![
        73 => Just(("New", None)),
        23 => (20..100i64).prop_map(|at| ("Dead", Some(at))),
        2 => (20..100i64).prop_map(|at| ("New", Some(at))),
        2 => Just(("Dead", None)),
    ];
    let lead = (0..40i64, flags, end).prop_map(|(created_at, (deleted, do_not_contact), (status, closed_at))| Lead {
        status: status.to_owned(),
        deleted,
        closed_at: closed_at.map(Timestamp),
        do_not_contact,
        ..lead(Timestamp(created_at))
    });
    (lead, prop::collection::vec(any_activity(), 0..16), prop::bool::weighted(0.85)).prop_map(
        |(lead, mut activities, inhibition)| {
            for (n, activity) in activities.iter_mut().enumerate() {
                activity.id = ActivityId(format!("{n:02}"));
            }
            World { lead, activities: in_order(activities), settings: seconds_for_days(inhibition) }
        },
    )
}

fn in_order(mut activities: Vec<Activity>) -> Vec<Activity> {
    activities.sort_by(|a, b| (a.timestamp, &a.id).cmp(&(b.timestamp, &b.id)));
    activities
}

/// The daemon's side: alerts as they are kept, and what the decisions said.
struct Kept {
    alerts: BTreeMap<AlertId, Alert>,
    log: Log,
    next_due: Option<Timestamp>,
    outlook: Option<Outlook>,
    calendar: Calendar,
    silence: Silence,
}

impl Kept {
    fn new() -> Self {
        Self {
            alerts: BTreeMap::new(),
            log: Vec::new(),
            next_due: None,
            outlook: None,
            calendar: around_the_clock(),
            silence: Silence::Believed,
        }
    }

    fn with<R>(&self, world: &World, ask: impl FnOnce(&Subject<'_>) -> R) -> R {
        let alerts: Vec<Alert> = self.alerts.values().cloned().collect();
        ask(&Subject {
            lead: &world.lead,
            activities: &world.activities,
            alerts: &alerts,
            calendar: &self.calendar,
            silence: self.silence,
        })
    }

    fn keep(&mut self, decision: Decision) {
        self.next_due = decision.next_due;
        self.outlook = decision.outlook;
        for alert in decision.alerts {
            self.alerts.insert(alert.id.clone(), alert);
        }
        for transition in decision.transitions {
            let alert = &self.alerts[&transition.alert];
            let event = match transition.step {
                Step::Opened => Event::Opened,
                Step::Closed(reason) => Event::Closed(reason),
                Step::Woke => Event::Woke,
                Step::Resolved | Step::Unresolved | Step::Snoozed { .. } | Step::Unsnoozed | Step::Moved { .. } => {
                    continue;
                }
            };
            self.log.push((transition.at, event, alert.alert_type, alert.anchor));
        }
    }

    fn advance(&mut self, world: &World, from: Option<i64>, to: i64) -> Vec<Effect> {
        let decision = self.with(world, |subject| {
            decide::advance(subject, &world.settings, from.map(Timestamp), Timestamp(to), false)
        });
        let effects = decision.effects.clone();
        self.keep(decision);
        effects
    }

    /// A person does something to one of the open alerts, if there is any.
    fn act(&mut self, world: &World, act: Act, which: usize, now: i64) {
        let open = self.open();
        if open.is_empty() {
            return;
        }
        let alert = self.id_of(open[which % open.len()]);
        let at = Timestamp(now);
        let decision = match act {
            Act::Resolve => {
                let resolution = resolution(&alert, at);
                self.with(world, |subject| decide::resolve(subject, &world.settings, &alert, resolution))
            }
            Act::Snooze(length) => {
                let until = Some(at.plus(length));
                self.with(world, |subject| decide::snooze(subject, &world.settings, &alert, until, at))
            }
        };
        self.keep(decision);
    }

    fn open(&self) -> Vec<Key> {
        let open = self.alerts.values().filter(|alert| alert.state.is_open());
        let mut open: Vec<Key> = open.map(|alert| (alert.alert_type, alert.anchor)).collect();
        open.sort();
        open
    }

    fn id_of(&self, key: Key) -> AlertId {
        self.alerts.values().find(|alert| (alert.alert_type, alert.anchor) == key).unwrap().id.clone()
    }
}

fn resolution(alert: &AlertId, at: Timestamp) -> Resolution {
    let act = alert.clone();
    Resolution { at, by: "Rep".to_owned(), user: None, via: Via::Telegram, note: String::new(), act }
}

fn sorted(mut log: Log) -> Log {
    log.sort();
    log
}

/// What a person does to one of the open alerts.
#[derive(Clone, Copy, Debug)]
enum Act {
    Resolve,
    Snooze(i64),
}

fn any_acts() -> impl Strategy<Value = BTreeMap<i64, (Act, usize)>> {
    let act = prop_oneof![3 => Just(Act::Resolve), 2 => (1..20i64).prop_map(Act::Snooze)];
    prop::collection::btree_map(START..END, (act, 0..3usize), 0..6)
}

/// The properties are worth what their histories reach: every rule opens, and closes for every reason that it
/// can have.
#[test]
fn the_random_histories_reach_everything() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<(AlertType, Event), u32> = BTreeMap::new();
    for _ in 0..3_000 {
        let world = any_world().new_tree(&mut runner).unwrap().current();
        for (_, event, alert_type, _) in brute_force(&world).log {
            *seen.entry((alert_type, event)).or_default() += 1;
        }
    }
    for alert_type in AlertType::ALL {
        let mut possible = vec![CloseReason::LeadClosed, CloseReason::Cleared];
        if alert_type != AlertType::PreferredChannel {
            possible.push(CloseReason::Planned);
        }
        // Nothing outranks HotLead24h; NoContact7d is outranked by a lead who writes.
        if !matches!(alert_type, AlertType::PreferredChannel | AlertType::HotLead24h) {
            possible.push(CloseReason::Superseded);
        }
        for event in std::iter::once(Event::Opened).chain(possible.into_iter().map(Event::Closed)) {
            let times = seen.get(&(alert_type, event)).copied().unwrap_or(0);
            assert!(times >= 5, "{alert_type:?} {event:?}: {times} times");
        }
    }
}

proptest! {
    #![proptest_config(cases(4_000))]

    /// One long gap gives what an evaluation at every second gives.
    ///
    /// > After a gap the daemon goes through every such instant since its last evaluation, and announces only what is
    /// > still open.
    ///
    /// > Episodes open and close at the same instants as in a brute-force evaluation of everything at every critical
    /// > instant.
    #[test]
    fn a_gap_is_brute_force(world in any_world()) {
        let mut kept = Kept::new();
        kept.advance(&world, None, START);
        kept.advance(&world, Some(START), END);
        let oracle = brute_force(&world);
        prop_assert_eq!(sorted(kept.log.clone()), sorted(oracle.log.clone()));
        prop_assert_eq!(kept.open(), oracle.open());
    }

    /// So does waking up at each due instant and at no other, and so does looking more often.
    ///
    /// > For every lead the next instant at which any verdict can change by time alone is computable (last_out + 3 d,
    /// > last_any + 7 d, an attempt + 30 d, a planned call's instant, …).
    ///
    /// > Episodes open and close at the same instants as in a brute-force evaluation of everything at every critical
    /// > instant.
    #[test]
    fn waking_when_due_is_brute_force(world in any_world(), also_at in prop::collection::btree_set(START..END, 0..8)) {
        let mut kept = Kept::new();
        kept.advance(&world, None, START);
        let mut last = START;
        loop {
            let due = kept.next_due.map_or(i64::MAX, |at| at.0);
            prop_assert!(due > last, "due again at {} after {}", due, last);
            let next = also_at.range(last + 1..).next().copied().unwrap_or(i64::MAX).min(due);
            if next > END {
                break;
            }
            kept.advance(&world, Some(last), next);
            last = next;
        }
        let oracle = brute_force(&world);
        prop_assert_eq!(sorted(kept.log.clone()), sorted(oracle.log.clone()));
    }

    /// While silence is in doubt only a lead that has just asked for something opens an alert, and what is settled closes.
    /// Once it is believed, what is open is what an evaluation at every second has open.
    #[test]
    fn what_doubt_withholds_opens_afterwards(
        world in any_world(),
        looks in prop::collection::btree_set(START + 1..END, 1..8),
    ) {
        let mut kept = Kept::new();
        kept.advance(&world, None, START);
        let mut last = START;
        for now in looks {
            kept.silence = Silence::InDoubt;
            let before = kept.alerts.clone();
            let told = kept.advance(&world, Some(last), now);
            last = now;
            for effect in told {
                let Effect::Announce { alert, .. } = effect else { continue };
                let is_news = kept.alerts[&alert].alert_type == AlertType::HotLead24h && !before.contains_key(&alert);
                let was_closed = before.get(&alert).map(|alert| alert.state.clone());
                let is_back = matches!(was_closed, Some(AlertState::Closed { reason: CloseReason::LeadClosed, .. }));
                prop_assert!(is_news || is_back, "{:?} at {}", kept.alerts[&alert], now);
            }
            let mut oracle = Oracle::default();
            (START..=now).for_each(|at| oracle.step(&world, Timestamp(at)));
            for (alert_type, anchor) in kept.open() {
                let is_told = oracle.log.iter().any(|(_, event, it, of)| {
                    *event == Event::Opened && (*it, *of) == (alert_type, anchor)
                });
                prop_assert!(is_told, "{:?} {:?} at {}", alert_type, anchor, now);
            }
        }
        kept.silence = Silence::Believed;
        kept.advance(&world, Some(last), END);
        prop_assert_eq!(kept.open(), brute_force(&world).open());
    }

    /// People resolve and snooze on the way.
    #[test]
    fn people_in_between(world in any_world(), acts in any_acts()) {
        let (mut kept, mut oracle) = (Kept::new(), Oracle::default());
        kept.advance(&world, None, START);
        let mut last = START;
        for now in START..=END {
            oracle.step(&world, Timestamp(now));
            let Some((act, which)) = acts.get(&now) else { continue };
            kept.advance(&world, Some(last), now);
            last = now;
            let open = oracle.open();
            prop_assert_eq!(&kept.open(), &open, "at {}", now);
            if open.is_empty() {
                continue;
            }
            let key = open[which % open.len()];
            match *act {
                Act::Resolve => oracle.resolve(&world, key, Timestamp(now)),
                Act::Snooze(length) => oracle.snooze(key, Timestamp(now).plus(length)),
            }
            kept.act(&world, *act, *which, now);
        }
        kept.advance(&world, Some(last), END);
        prop_assert_eq!(sorted(kept.log.clone()), sorted(oracle.log.clone()));
        prop_assert_eq!(kept.open(), oracle.open());
    }

    /// Whatever is heard of late, in whatever order, and whatever is deleted again: in the end what is open is
    /// what the facts say.
    #[test]
    fn any_order_of_arrival_converges(world in any_world(), order in prop::collection::vec((any::<u16>(), prop::bool::weighted(0.2)), 16)) {
        let mut kept = Kept::new();
        let mut arrivals: Vec<(u16, bool, Activity)> =
            world.activities.iter().zip(&order).map(|(activity, (key, deleted))| (*key, *deleted, activity.clone())).collect();
        arrivals.sort_by_key(|(key, ..)| *key);
        let mut known = World { activities: Vec::new(), ..world.clone() };
        kept.advance(&known, None, START);
        let mut last = START;
        for (n, (_, _, activity)) in arrivals.iter().enumerate() {
            let now = START + 1 + n as i64 * 3;
            known.activities.push(activity.clone());
            known.activities = in_order(known.activities);
            kept.advance(&known, Some(last), now);
            last = now;
        }
        known.activities.retain(|activity| !arrivals.iter().any(|(_, deleted, it)| *deleted && it.id == activity.id));
        kept.advance(&known, Some(last), END);
        let is_known = |id: &ActivityId| known.activities.iter().any(|activity| activity.id == *id);
        let were_hot: Vec<Timestamp> = kept.alerts.values().filter_map(|alert| match &alert.evidence {
            Evidence::HotLead { inbound, .. } => Some(inbound.at).filter(|_| is_known(&inbound.activity_id)),
            _ => None,
        }).collect();
        let mut holding = known.holding(Timestamp(END), &[], &were_hot, false);
        if known.settings.inhibition {
            let top = holding.keys().find(|it| **it != AlertType::PreferredChannel).copied();
            holding.retain(|alert_type, _| *alert_type == AlertType::PreferredChannel || Some(*alert_type) == top);
        }
        prop_assert_eq!(kept.open(), holding.into_iter().collect::<Vec<Key>>());
    }

    /// A verdict tells truly until when it stands.
    ///
    /// > For every lead the next instant at which any verdict can change by time alone is computable (last_out + 3 d,
    /// > last_any + 7 d, an attempt + 30 d, a planned call's instant, …).
    #[test]
    fn nothing_changes_before_it_is_due(world in any_world()) {
        let facts = Facts { lead: &world.lead, activities: &world.activities, alerts: &[] };
        let findings = |now: i64| {
            let evaluation = rules::evaluate(&facts, &world.settings, Timestamp(now));
            (evaluation.findings().copied().collect::<Vec<_>>(), evaluation.presence, evaluation.next_due)
        };
        let (mut before, mut presence, mut due) = findings(0);
        for now in 1..END {
            if due == Some(Timestamp(now)) {
                (before, presence, due) = findings(now);
            } else {
                let (here, presence_here, due_here) = findings(now);
                prop_assert_eq!(&here, &before, "at {}", now);
                prop_assert_eq!(presence_here, presence);
                prop_assert_eq!(due_here, due, "at {}", now);
            }
        }
    }

    /// Each rule alone, at every second, against its sentence.
    #[test]
    fn every_rule_holds_when_its_sentence_says_so(world in any_world()) {
        let facts = Facts { lead: &world.lead, activities: &world.activities, alerts: &[] };
        for now in (0..END).map(Timestamp) {
            let evaluation = rules::evaluate(&facts, &world.settings, now);
            let found: Vec<Key> = evaluation.findings().map(|finding| (finding.alert_type, finding.anchor)).collect();
            let holding = world.holding(now, &[], &[], false);
            prop_assert_eq!(found, holding.clone().into_iter().collect::<Vec<Key>>(), "at {}", now);
            let unplanned = world.holding(now, &[], &[], true);
            for alert_type in AlertType::ALL {
                let held_back = !holding.contains_key(&alert_type) && unplanned.contains_key(&alert_type);
                prop_assert_eq!(evaluation.is_held_back(alert_type), held_back, "{:?} at {}", alert_type, now);
            }
            let preferred = rules::preferred(&world.activities, &world.settings, now).map(|rate| rate.channel);
            prop_assert_eq!(preferred, preferred_naively(&world, now), "preferred at {}", now);
        }
    }

    /// Deciding twice adds nothing, and at most one follow-up alert is open.
    ///
    /// > At most one follow-up alert is open per lead.
    ///
    /// > A key has one alert, for ever; its id is derived from the key, so that a second attempt to create it is
    /// > recognised as the same one.
    #[test]
    fn deciding_twice_adds_nothing(world in any_world(), stops in prop::collection::btree_set(START..END, 1..6)) {
        let mut kept = Kept::new();
        let mut last = None;
        for now in stops {
            kept.advance(&world, last, now);
            for from in [None, Some(Timestamp(now))] {
                let again = kept.with(&world, |subject| {
                    decide::advance(subject, &world.settings, from, Timestamp(now), false)
                });
                prop_assert_eq!(again.next_due, kept.next_due);
                prop_assert_eq!(Decision { outlook: None, ..again }, Decision { next_due: kept.next_due, ..Decision::default() });
            }
            if world.settings.inhibition {
                let ladder = kept.open().into_iter().filter(|key| key.0 != AlertType::PreferredChannel).count();
                prop_assert!(ladder <= 1);
            }
            last = Some(now);
        }
    }

    /// What is kept of a lead in memory says what an evaluation with its whole history does, at any later instant,
    /// and under other thresholds as well.
    #[test]
    fn an_outlook_foretells_the_evaluation(
        world in any_world(), acts in any_acts(), other in any_thresholds(), ahead in prop::collection::vec(0..60i64, 4)
    ) {
        let mut kept = Kept::new();
        kept.advance(&world, None, START);
        let mut last = START;
        for (now, (act, which)) in acts {
            kept.advance(&world, Some(last), now);
            last = now;
            kept.act(&world, act, which, now);
        }
        let Some(outlook) = kept.outlook.clone() else { return Ok(()) };
        let other = World { settings: Settings { hot: world.settings.hot, ..other }, ..world.clone() };
        prop_assert_eq!(other.settings.shape_of_summaries(), world.settings.shape_of_summaries());
        for (world, ahead) in [&world, &other].into_iter().flat_map(|world| ahead.iter().map(move |ahead| (world, *ahead))) {
            let now = last + ahead;
            let Some(foretold) = outlook.at(&world.settings, Timestamp(now)) else {
                prop_assert!(world.activities.iter().any(|it| last < it.timestamp.0 && it.timestamp.0 <= now));
                continue;
            };
            let decision = kept.with(world, |subject| {
                decide::advance(subject, &world.settings, None, Timestamp(now), false)
            });
            let count = |step: fn(&Step) -> bool| decision.transitions.iter().filter(|it| step(&it.step)).count();
            prop_assert_eq!(foretold.opened, count(|step| *step == Step::Opened), "opened at {}", now);
            prop_assert_eq!(foretold.closed, count(|step| matches!(step, Step::Closed(_))), "closed at {}", now);
            if foretold.opened + foretold.closed == 0 {
                prop_assert_eq!(outlook.next_due(&world.settings, Timestamp(now)), decision.next_due, "due after {}", now);
            }
        }
    }

    /// What is announced is open at the end, and every opening that lasts is announced.
    ///
    /// > After a gap the daemon goes through every such instant since its last evaluation, and announces only what is
    /// > still open.
    #[test]
    fn announced_is_what_is_open_and_new(world in any_world()) {
        let mut kept = Kept::new();
        kept.advance(&world, None, START);
        let before = kept.open();
        let effects = kept.advance(&world, Some(START), END);
        let announced: Vec<AlertId> = effects.iter().filter_map(|effect| match effect {
            Effect::Announce { alert, .. } => Some(alert.clone()),
            _ => None,
        }).collect();
        for alert in &announced {
            prop_assert_eq!(&kept.alerts[alert].state, &AlertState::Open);
        }
        for key in kept.open().into_iter().filter(|key| !before.contains(key)) {
            let alert = &kept.alerts[&kept.id_of(key)];
            let silent = alert.severity() == Severity::Info && alert.openings > 1;
            prop_assert!(silent || announced.contains(&alert.id));
        }
        let written = effects.iter().filter(|effect| matches!(effect, Effect::WriteAlert(_))).count();
        prop_assert!(written >= announced.len());
    }
}

fn preferred_naively(world: &World, now: Timestamp) -> Option<Channel> {
    let valid = world.valid_channels(now);
    let better = |x: &(Channel, i64, i64), y: &(Channel, i64, i64)| x.1 * y.2 > y.1 * x.2;
    let best = valid.iter().find(|x| x.1 > 0 && valid.iter().all(|y| x.0 == y.0 || better(x, y)));
    best.map(|best| best.0)
}
