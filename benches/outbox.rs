//! What 20,000 waiting effects cost each worker: `cargo bench --bench outbox`. A look should cost what is ready, not what
//! waits; planning and putting off grow with what is planned and put off.

use std::time::Instant;

use chrono::{NaiveTime, Weekday};
use max::domain::calendar::Calendar;
use max::domain::effect::{Effect, Occasion};
use max::domain::{AlertId, AlertType, DAY, Preferences, Timestamp};
use max::engine::outbox::ready;
use max::store::{Batch, OutboxEntry, Store};
use max::telegram::announce::{Moment, Pending, plan};

/// A Sunday, 9:00 UTC.
const NOW: Timestamp = Timestamp(1_772_355_600);
const WAITING: u64 = 20_000;
const LOOKS: u32 = 50;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(folder.path()).expect("a store");
    let waiting: Vec<OutboxEntry> = (0..WAITING).map(|n| entry(announce(n), n, NOW.plus(DAY))).collect();
    put(&store, &waiting);
    put(&store, &[entry(Effect::WriteAlert(alert(1)), WAITING, NOW)]);
    looks(&store);
    plans();
    put_off(&store, &waiting);
}

fn alert(n: u64) -> AlertId {
    AlertId(format!("a{n:016x}"))
}

fn announce(n: u64) -> Effect {
    Effect::Announce { alert: alert(n), occasion: Occasion::Opened, at: NOW, first_evaluation: false }
}

fn entry(effect: Effect, sequence: u64, not_before: Timestamp) -> OutboxEntry {
    OutboxEntry { effect, sequence, attempts: 0, not_before, decided_at: NOW }
}

fn put(store: &Store, entries: &[OutboxEntry]) {
    let mut batch = Batch::default();
    entries.iter().for_each(|entry| batch.put_outbox(entry.clone()));
    store.apply(batch).expect("room on the disk");
}

fn looks(store: &Store) {
    for (who, for_crm) in [("CRM", true), ("Telegram", false)] {
        let begun = Instant::now();
        let found: usize = (0..LOOKS).map(|_| ready(store, for_crm, NOW).expect("a store").entries.len()).sum();
        println!("a look of the worker for {who}: {:?}, {} ready", begun.elapsed() / LOOKS, found / LOOKS as usize);
    }
}

fn plans() {
    let pending = |n| Pending {
        alert: alert(n),
        alert_type: AlertType::NoReply3d,
        shared: None,
        first_evaluation: false,
        decided_at: NOW,
    };
    let pending: Vec<Pending> = (0..WAITING).map(pending).collect();
    let time = |hour| NaiveTime::from_hms_opt(hour, 0, 0).expect("an hour");
    let days = vec![Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];
    let calendar = Calendar::new(chrono_tz::UTC, days, time(9), time(18)).expect("working hours");
    for (what, hour) in [("one digest", 10), ("all put off", 20)] {
        let at = Timestamp::parse_rfc3339(&format!("2026-03-02T{hour}:00:00Z")).expect("an instant");
        let wishes = Preferences::default();
        let moment = Moment { now: at, calendar: &calendar, wishes: &wishes, said: &[], more_may_come: false };
        let begun = Instant::now();
        let planned = plan(&pending, &moment);
        println!("{what}: {:?}, {} messages, {} put off", begun.elapsed(), planned.now.len(), planned.later.len());
    }
}

fn put_off(store: &Store, waiting: &[OutboxEntry]) {
    let begun = Instant::now();
    let later: Vec<OutboxEntry> = waiting
        .iter()
        .filter_map(|entry| store.outbox_entry(&entry.effect.key()).expect("a store"))
        .map(|entry| OutboxEntry { not_before: NOW.plus(2 * DAY), ..entry })
        .collect();
    put(store, &later);
    store.flush().expect("room on the disk");
    println!("{} put off in one write: {:?}", later.len(), begun.elapsed());
}
