//! Whether the figures that say whether M.A.X. helps can be trusted, and what they cost: `cargo bench --bench kpi`.
//!
//! First, simulated leads without any effect: how often each figure claims one all the same, at 95 % at most one time in
//! twenty. Leads differ (each has a rate of its own, which both of its sides share or not), have several follow-ups each,
//! ask by night, and some are never answered. Then the same with an effect: how often it is found. Last, 100,000 leads with
//! two million activities in a store: how long it takes to work out the figures of all, of 20 teams and of 200 reps, in a
//! fresh process, as of a daemon that starts. `cargo bench --bench kpi -- store` does this part alone.
//!
//! "On a core" is the time that the thread was on a core, as Linux counts it: a machine that has other things to do matters
//! less.

use std::path::Path;
use std::time::{Duration, Instant};

use max::domain::{
    Activity, ActivityId, ActivityStatus, Channel, DAY, Direction, HOUR, Lead, LeadId, Reading, Seconds, TeamId,
    Timestamp, UserId,
};
use max::engine::kpi::reports;
use max::engine::told::People;
use max::insight::kpi::{Claim, Gathered, Hot, SPAN, Sample, Tried, Windows};
use max::rules::Settings;
use max::store::{Batch, Store};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const NOW: Timestamp = Timestamp(1_800_000_000);
const TRIES: u32 = 2_000;
const LEADS: u32 = 100_000;
const ACTIVITIES: u32 = 20;

/// What is true of one side.
#[derive(Clone, Copy)]
struct Truth {
    rate: f64,
    hours: f64,
    forgotten: f64,
    won: [f64; 2],
}

const USUAL: Truth = Truth { rate: 0.4, hours: 3.0, forgotten: 0.25, won: [0.15; 2] };

fn side(random: &mut StdRng, truth: Truth, own: f64) -> Sample {
    let rate = (truth.rate + own).clamp(0.0, 1.0);
    let of = random.random_range(0..=6);
    let hits = (0..of).map(|_| u32::from(random.random_bool(rate))).sum();
    let mut wait = || {
        let drawn = -(1.0 - random.random::<f64>()).ln() * (1.0 + own) * truth.hours * HOUR as f64;
        let working = if random.random_bool(0.2) { 0 } else { drawn as Seconds / 300 * 300 };
        Hot { working, elapsed: working + HOUR, answered: random.random_bool(0.9) }
    };
    let hot = (0..of % 3).map(|_| wait()).collect();
    let preferred = random.random_bool(0.5);
    let won = random.random_bool(truth.won[usize::from(preferred)]);
    let tried = random.random_bool(0.6).then_some(Tried { preferred, won });
    let forgotten = random.random_bool((truth.forgotten + own / 4.0).clamp(0.0, 1.0));
    Sample { follow_ups: (hits, of), hot, tried, forgotten: Some(forgotten) }
}

/// How often each figure claims an improvement, and how often the contrary, in so many tries.
fn claims(seed: u64, leads: u32, truths: [Truth; 2]) -> [[f64; 2]; 4] {
    let mut random = StdRng::seed_from_u64(seed);
    let windows = Windows::of(NOW.plus(-SPAN), NOW);
    let mut found = [[0; 2]; 4];
    for _ in 0..TRIES {
        let mut gathered = Gathered::default();
        for _ in 0..leads {
            let own = random.random_range(-0.25..0.25);
            gathered.add(&truths.map(|truth| side(&mut random, truth, own)));
        }
        let report = gathered.conclude(windows);
        let all = [report.follow_up.claim, report.response.claim, report.preferred.after.claim, report.forgotten.claim];
        for (found, claim) in found.iter_mut().zip(all) {
            found[0] += u32::from(claim == Some(Claim::Better));
            found[1] += u32::from(claim == Some(Claim::Worse));
        }
    }
    found.map(|found| found.map(|found| 100.0 * f64::from(found) / f64::from(TRIES)))
}

fn print_claims(name: &str, leads: u32, truths: [Truth; 2]) {
    let [follow_up, response, preferred, forgotten] =
        claims(u64::from(leads), leads, truths).map(|[better, worse]| format!("{better:>5.1} {worse:>5.1}"));
    println!("{name:<22} {leads:>6} {follow_up:>18} {response:>18} {preferred:>18} {forgotten:>18}");
}

fn simulated() {
    println!("claims in 100 (better, worse), {TRIES} tries each; leads are those of each side");
    let heads = ["follow-ups", "response", "channel", "forgotten"];
    println!("{:<22} {:>6} {:>18} {:>18} {:>18} {:>18}", "", "leads", heads[0], heads[1], heads[2], heads[3]);
    for leads in [30, 60, 150, 500] {
        print_claims("no effect", leads, [USUAL; 2]);
    }
    let better = Truth { rate: 0.56, hours: 1.5, forgotten: 0.1, won: [0.15, 0.25] };
    for leads in [60, 150, 500] {
        print_claims("an effect", leads, [USUAL, better]);
    }
}

fn lead(number: u32, random: &mut StdRng) -> (Lead, Vec<Activity>) {
    let created_at = NOW.plus(-random.random_range(0..400 * DAY));
    let is_closed = random.random_bool(0.4);
    let closed_at = is_closed.then(|| Timestamp(random.random_range(created_at.0..=NOW.0)));
    let id = LeadId(format!("{number:017x}"));
    let status = if !is_closed {
        "In Process"
    } else if random.random_bool(0.4) {
        "Converted"
    } else {
        "Dead"
    };
    let lead = Lead {
        name: "Sophie Martin".to_owned(),
        first_name: "Sophie".to_owned(),
        closed_at,
        owner: Some(UserId(format!("user{}", number % 200))),
        teams: vec![TeamId(format!("team{}", number % 20))],
        phone: Some("+33639980101".to_owned()),
        email: Some("sophie@lead.example".to_owned()),
        emails: vec!["sophie@lead.example".to_owned()],
        ..Lead::new(id.clone(), status, created_at)
    };
    let activities = (0..ACTIVITIES).map(|place| {
        let timestamp = Timestamp(random.random_range(created_at.0..=NOW.0));
        let direction = if random.random_bool(0.6) { Direction::Out } else { Direction::In };
        let intent = random.random_bool(0.2);
        Activity {
            id: ActivityId(format!("Email:{place:017x}")),
            lead_id: id.clone(),
            channel: Channel::ALL[random.random_range(0..3)],
            direction,
            status: ActivityStatus::Sent,
            preview: "Bonjour, pouvez-vous m\u{2019}envoyer un devis pour samedi ? ".repeat(4),
            timestamp,
            created_at: None,
            reading: Reading { intent, expects_reply: intent, auto_reply: false },
            first_seen: NOW,
            fresh_as_of: NOW,
        }
    });
    (lead, activities.collect())
}

/// How long this thread has been on a core.
fn on_core() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanos = text.split_whitespace().next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.expect("schedstat"))
}

fn fill(path: &Path) {
    let store = Store::open(path).expect("a store");
    let mut random = StdRng::seed_from_u64(7);
    for chunk in (0..LEADS).collect::<Vec<_>>().chunks(1_000) {
        let mut batch = Batch::default();
        for number in chunk {
            let (lead, activities) = lead(*number, &mut random);
            batch.put_lead(&lead, None);
            activities.iter().for_each(|activity| batch.put_activity(activity));
        }
        store.apply(batch).expect("room on the disk");
        // sled keeps far more memory than it is told to when much is written between two flushes.
        store.flush().expect("a disk");
    }
}

fn measure(path: &Path) {
    let store = Store::open(path).expect("a store");
    let windows = Windows::of(NOW.plus(-120 * DAY), NOW);
    for run in 1..=3 {
        let (begun, before) = (Instant::now(), on_core());
        let reports = reports(&store, &People::default(), &Settings::default(), windows, &|| false);
        let reports = reports.expect("a readable store").expect("nobody stops it");
        let all = &reports["all"];
        println!(
            "{LEADS} leads, {} activities, run {run}: {:.1} s on a core, {:.1} s in all, for {} reports ({} follow-ups, {} hot \
             messages after)",
            LEADS * ACTIVITIES,
            (on_core() - before).as_secs_f64(),
            begun.elapsed().as_secs_f64(),
            reports.len(),
            all.follow_up.after.of,
            all.response.working[1].messages,
        );
    }
}

fn measured() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    for part in ["fill", "measure"] {
        let this = std::env::current_exe().expect("this program");
        let status = std::process::Command::new(this).args([part, &path]).status().expect("this program once more");
        assert!(status.success(), "{part}: {status}");
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        // `cargo test --benches` only wants to know that it builds.
        words if words.contains(&"--test") => {}
        ["fill", path] => fill(Path::new(path)),
        ["measure", path] => measure(Path::new(path)),
        ["store"] => measured(),
        [] => {
            simulated();
            measured();
        }
        _ => panic!("what is {words:?}?"),
    }
}
