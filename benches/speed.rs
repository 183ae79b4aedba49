//! How fast M.A.X. decides: `cargo bench --bench speed`. Prints each figure next to its goal.
//!
//! Two stores are made in a temporary folder, of 10,000 and of 1,000,000 leads (a first argument makes the second one
//! smaller), with five activities each. Takes some minutes and 7 GB of disk, nearly all of it to make the stores.
//!
//! Times are those that the thread was on a core, as Linux counts them: a machine that has other things to do
//! matters less.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use max::clock::Clock;
use max::decide::{self, Silence, Subject};
use max::domain::calendar::Calendar;
use max::domain::{
    Activity, ActivityId, ActivityStatus, AlertType, Channel, DAY, Direction, HOUR, Lead, LeadId, Reading, Timestamp,
    UserId,
};
use max::engine::calendars::Calendars;
use max::engine::day::Habits;
use max::engine::log::Report;
use max::engine::review::review;
use max::engine::{Handle, Policy, escalation};
use max::rules::Settings;
use max::store::{Batch, Evaluated, Outlooks, Store};

const SMALL: usize = 10_000;
const LARGE: usize = 1_000_000;
const ACTIVITIES: usize = 5;
/// sled keeps far more memory than it is told to when much is written between two flushes.
const LEADS_PER_BATCH: usize = 20;
/// Leads that change in one round; every round has others.
const CHANGED: usize = 200;
const ROUNDS: usize = 9;
const NOW: Timestamp = Timestamp(1_760_000_000);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["fill", path, leads] => fill(Path::new(path), number(leads)),
        ["start", path] => start(Path::new(path)),
        ["change", path, leads] => change(Path::new(path), number(leads)),
        [] => everything(LARGE),
        [leads] => everything(number(leads)),
        _ => panic!("what is {words:?}?"),
    }
}

fn number(text: &str) -> usize {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn everything(large: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (few, many) = (folder.path().join("few"), folder.path().join("many"));
    fill(&few, SMALL);
    fill(&many, large);
    println!("{:<58}{:>12}{:>12}", "", "measured", "goal");
    // A daemon that starts again finds its files in the system's cache: the second start counts.
    fresh(&["start", &many.display().to_string()]);
    print!("{}", fresh(&["start", &many.display().to_string()]));
    changed_lead(&few, &many, large);
}

/// Has a fresh process do a part, as a daemon that starts; returns what it printed.
fn fresh(arguments: &[&str]) -> String {
    let this = std::env::current_exe().expect("this program");
    let output = std::process::Command::new(this).args(arguments).output().expect("this program once more");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// How long this thread has been on a core.
fn on_core() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanos = text.split_whitespace().next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.expect("schedstat"))
}

fn line(what: &str, measured: String, goal: &str) {
    println!("{what:<58}{measured:>12}{goal:>12}");
}

fn millis(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1_000.0)
}

fn median<T: Ord + Copy>(mut values: Vec<T>) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}

/// A number that looks random and is the same in every run.
fn dice(seed: usize, sides: usize) -> usize {
    let mixed = (seed as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 32) as usize % sides
}

fn lead(n: usize) -> Lead {
    Lead {
        name: format!("Sophie Martin {n}"),
        first_name: "Sophie".to_owned(),
        account_name: "Martin SARL".to_owned(),
        owner: Some(UserId(format!("{:017x}", dice(n, 40)))),
        phone: Some("+33639980101".to_owned()),
        email: Some(format!("sophie.{n}@lead.example")),
        emails: vec![format!("sophie.{n}@lead.example")],
        source: "Web Site".to_owned(),
        ..Lead::new(LeadId(format!("{n:017x}")), "In Process", NOW.plus(-DAY * dice(n, 365) as i64 - 60 * DAY))
    }
}

/// Activities over the last sixty days, on all channels, both ways.
fn activities(n: usize, lead: &Lead) -> Vec<Activity> {
    let mut activities: Vec<Activity> = (0..ACTIVITIES)
        .map(|k| {
            let seed = n * ACTIVITIES + k;
            let at = NOW.plus(-(dice(seed, 60 * 24) as i64) * HOUR);
            let direction = if dice(seed + 1, 3) == 0 { Direction::In } else { Direction::Out };
            let waits = direction == Direction::In && dice(seed + 2, 2) == 0;
            Activity {
                id: ActivityId(format!("Email:{seed:017x}")),
                lead_id: lead.id.clone(),
                channel: Channel::ALL[dice(seed + 3, 3)],
                direction,
                status: ActivityStatus::Sent,
                preview: "Bonjour, voici notre documentation. Dites-moi ce que vous en pensez. Bien à vous".to_owned(),
                timestamp: at,
                created_at: None,
                reading: Reading { expects_reply: waits, ..Reading::default() },
                first_seen: at,
                fresh_as_of: at,
            }
        })
        .collect();
    activities.sort_by_key(|activity| activity.timestamp);
    activities
}

fn calendar() -> Calendar {
    use chrono::Weekday::{Fri, Mon, Thu, Tue, Wed};
    let hour = |hour| chrono::NaiveTime::from_hms_opt(hour, 0, 0).expect("an hour");
    Calendar::new(chrono_tz::UTC, vec![Mon, Tue, Wed, Thu, Fri], hour(9), hour(18)).expect("working hours")
}

/// A store as the daemon would have it, settled: every lead is evaluated, and nothing waits in the outbox.
fn fill(path: &Path, leads: usize) {
    let begun = Instant::now();
    let store = Store::open(path).expect("a store");
    let (calendar, settings) = (calendar(), Settings::default());
    for first in (0..leads).step_by(LEADS_PER_BATCH) {
        let mut batch = Batch::default();
        for n in first..leads.min(first + LEADS_PER_BATCH) {
            let (lead, alerts) = (lead(n), Vec::new());
            let activities = activities(n, &lead);
            let subject = Subject {
                lead: &lead,
                activities: &activities,
                alerts: &alerts,
                calendar: &calendar,
                silence: Silence::Believed,
            };
            let decision = decide::advance(&subject, &settings, None, NOW, false);
            batch.put_lead(&lead, None);
            activities.iter().for_each(|activity| batch.put_activity(activity));
            decision.alerts.iter().for_each(|alert| batch.put_alert(alert, None));
            let evaluated = Evaluated { at: Some(NOW), due: decision.next_due };
            batch.put_evaluated(&lead.id, evaluated, decision.outlook);
        }
        store.apply(batch).expect("room on the disk");
        store.flush().expect("room on the disk");
    }
    drop(store);
    // sled sorts out at the next opening what making the store left.
    drop(Store::open(path).expect("a store"));
    println!("made a store of {leads} leads in {:.0} s", begun.elapsed().as_secs_f64());
}

/// A daemon that starts: opening the store and having every outlook in memory; then other rules for everybody.
fn start(path: &Path) {
    // sled reads with threads of its own: here the clock on the wall counts.
    let begun = Instant::now();
    let store = Store::open(path).expect("a store");
    let took = begun.elapsed();
    let outlooks = store.outlooks();
    let leads = outlooks.watched_leads();
    line(&format!("warm start with {leads} leads"), millis(took), "2000 ms");
    // The store's own cache is not counted: what a second copy takes is the outlooks.
    let before = resident_mb();
    let copy = outlooks.clone();
    line(&format!("memory for {leads} outlooks"), format!("{:.0} MB", resident_mb() - before), "400 MB");
    drop(copy);
    re_evaluation(&outlooks);
}

fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kb.unwrap_or(f64::NAN) / 1_024.0
}

/// Other rules for everybody, from memory.
fn re_evaluation(outlooks: &Outlooks) {
    let other = Settings { no_reply: 5 * DAY, disabled: vec![AlertType::NoFollowup7d], ..Settings::default() };
    for (what, rules) in [("the same rules", Settings::default()), ("other rules", other)] {
        let times = (0..7).map(|_| {
            let begun = on_core();
            let review = review(std::hint::black_box(outlooks), &rules, NOW);
            (on_core() - begun, review.opened, review.closed)
        });
        let (took, opened, closed) = median(times.collect());
        let what = format!("re-evaluating them, {what} ({opened} open, {closed} close)");
        line(&what, millis(took), "50 ms");
    }
}

/// An activity comes in, its lead is decided on: the mean over the leads of a round, median of the rounds, without the
/// flush that they share. What is known of a lead has been read before: disks are not measured.
fn changed_lead(few: &Path, many: &Path, large: usize) {
    let of = |path: &Path, leads: usize| {
        let nanos = fresh(&["change", &path.display().to_string(), &leads.to_string()]);
        Duration::from_nanos(number(nanos.trim()) as u64)
    };
    // Alternating, since this machine's speed may change meanwhile.
    let pairs: Vec<(Duration, Duration)> = (0..5).map(|_| (of(few, SMALL), of(many, large))).collect();
    let small = median(pairs.iter().map(|pair| pair.0).collect());
    let large_one = median(pairs.iter().map(|pair| pair.1).collect());
    line(&format!("one changed lead of {SMALL}, before the flush"), micros(small), "50 µs");
    line(&format!("one changed lead of {large}, before the flush"), micros(large_one), "50 µs");
    line("  ratio", format!("{:.2}", large_one.as_secs_f64() / small.as_secs_f64()), "1.3");
}

fn micros(time: Duration) -> String {
    format!("{:.1} µs", time.as_secs_f64() * 1_000_000.0)
}

/// Prints the time of one change in nanoseconds.
fn change(path: &Path, leads: usize) {
    let store = Store::open(path).expect("a store");
    let calendars = Calendars::new(calendar(), BTreeMap::new());
    let escalation = escalation::Plan::default();
    let policy = Policy {
        rules: Settings::default(),
        calendars,
        stale_after: DAY,
        escalation,
        habits: Habits::default(),
        opinions_a_day: 0,
    };
    let engine = Handle::start(store, Clock::manual(NOW), policy).expect("an engine");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let seen = engine.run(|engine| engine.backfill_completed().and_then(|()| engine.sync_completed(NOW)));
    runtime.block_on(seen).expect("a store that can be written");
    let rounds = (0..ROUNDS).map(|round| {
        let ids = (0..CHANGED).map(|n| (round * CHANGED + n) * (leads / (ROUNDS * CHANGED)));
        let ids: Vec<LeadId> = ids.map(|n| LeadId(format!("{n:017x}"))).collect();
        ids.iter().for_each(|lead| read(engine.store(), lead));
        let took = runtime.block_on(engine.run(move |engine| {
            let begun = on_core();
            for lead in ids {
                engine.log(vec![report(lead)], false)?;
            }
            Ok((on_core() - begun) / CHANGED as u32)
        }));
        took.expect("a store that can be written")
    });
    println!("{}", median(rounds.collect::<Vec<Duration>>()).as_nanos());
}

fn read(store: &Store, lead: &LeadId) {
    let rows = (store.lead(lead), store.activities(lead), store.alerts_of(lead));
    assert!(rows.0.is_ok_and(|lead| lead.is_some()) && rows.1.is_ok() && rows.2.is_ok());
}

fn report(lead: LeadId) -> Report {
    Report {
        id: None,
        lead,
        channel: Channel::Whatsapp,
        direction: Direction::Out,
        status: ActivityStatus::Sent,
        text: "Bonjour Sophie, avez-vous pu regarder notre offre ?".to_owned(),
        timestamp: None,
        by: None,
    }
}
