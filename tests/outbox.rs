//! What the outbox costs each worker: as much as is ready, not as much as waits.

use std::time::Instant;

use chrono::{NaiveTime, Weekday};
use max::domain::calendar::Calendar;
use max::domain::effect::{Effect, Occasion};
use max::domain::{AlertId, AlertType, Timestamp};
use max::engine::outbox::ready;
use max::store::{Batch, OutboxEntry, Store};
use max::telegram::announce::{Pending, plan};

const NOW: Timestamp = Timestamp(1_772_355_600);

fn entry(effect: Effect, sequence: u64, not_before: Timestamp) -> OutboxEntry {
    OutboxEntry { effect, sequence, attempts: 0, not_before, decided_at: NOW }
}

fn announce(number: u64) -> Effect {
    let alert = AlertId(format!("a{number:016x}"));
    Effect::Announce { alert, occasion: Occasion::Opened, at: NOW, first_evaluation: false }
}

fn write(number: u64) -> Effect {
    Effect::WriteAlert(AlertId(format!("a{number:016x}")))
}

fn put(store: &Store, entries: &[OutboxEntry]) {
    let mut batch = Batch::default();
    entries.iter().for_each(|entry| batch.put_outbox(entry));
    store.apply(batch).unwrap();
}

/// `cargo test --release -- --ignored --nocapture what_a_look`
#[test]
#[ignore = "a measurement"]
fn what_a_look_at_an_outbox_with_20_000_waiting_effects_costs() {
    const WAITING: u64 = 20_000;
    const LOOKS: u32 = 50;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let tomorrow = NOW.plus(86_400);
    let waiting: Vec<_> = (0..WAITING).map(|number| entry(announce(number), number, tomorrow)).collect();
    put(&store, &waiting);
    put(&store, &[entry(write(1), WAITING, NOW)]);
    for (who, for_crm) in [("CRM", true), ("Telegram", false)] {
        let begun = Instant::now();
        let found = (0..LOOKS).map(|_| ready(&store, for_crm, NOW).unwrap().entries.len()).sum::<usize>();
        println!("{who}: {:?} a look, {} ready", begun.elapsed() / LOOKS, found / LOOKS as usize);
    }
    let pending: Vec<Pending> = (0..WAITING)
        .map(|number| Pending {
            alert: AlertId(format!("a{number:016x}")),
            alert_type: AlertType::NoReply3d,
            shared: None,
            first_evaluation: false,
        })
        .collect();
    let time = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
    let days = vec![Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];
    let calendar = Calendar::new(chrono_tz::UTC, days, time(9), time(18)).unwrap();
    for (what, hour) in [("one digest", 10), ("all put off", 20)] {
        let at = Timestamp::parse_rfc3339(&format!("2026-03-02T{hour}:00:00Z")).unwrap();
        let begun = Instant::now();
        let planned = plan(&pending, &[], &calendar, at);
        println!("{what}: {:?}, {} messages, {} put off", begun.elapsed(), planned.now.len(), planned.later.len());
    }
    let later: Vec<(String, Timestamp)> = waiting.iter().map(|entry| (entry.effect.key(), tomorrow)).collect();
    let begun = Instant::now();
    let mut batch = Batch::default();
    for (key, not_before) in &later {
        let entry = store.outbox_entry(key).unwrap().unwrap();
        batch.put_outbox(&OutboxEntry { not_before: *not_before, ..entry });
    }
    store.apply(batch).unwrap();
    store.flush().unwrap();
    println!("put off together: {:?}", begun.elapsed());
}

/// The index in memory says what the rows say, also after entries were replaced, removed, and the store was opened
/// again.
#[test]
fn a_worker_finds_what_is_ready_for_it_oldest_decision_first() {
    let folder = tempfile::tempdir().unwrap();
    let keys = |store: &Store, for_crm: bool, now: Timestamp| -> Vec<u64> {
        ready(store, for_crm, now).unwrap().entries.iter().map(|(_, entry)| entry.sequence).collect()
    };
    let later = NOW.plus(60);
    {
        let store = Store::open(folder.path()).unwrap();
        put(&store, &[entry(write(1), 5, NOW), entry(write(2), 4, NOW.plus(-9)), entry(write(3), 3, later)]);
        put(&store, &[entry(announce(1), 2, NOW), entry(announce(2), 1, later)]);
        assert_eq!(keys(&store, true, NOW), [4, 5]);
        assert_eq!(keys(&store, false, NOW), [2]);
        assert_eq!(ready(&store, true, NOW).unwrap().next, Some(later));
        let (crm, telegram) = (store.outbox_changes(true), store.outbox_changes(false));
        put(&store, &[entry(write(2), 9, later)]);
        let mut batch = Batch::default();
        batch.remove_outbox(&write(1).key());
        store.apply(batch).unwrap();
        assert!(store.outbox_changes(true) > crm);
        assert_eq!(store.outbox_changes(false), telegram, "what is for the CRM does not wake Telegram");
    }
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(keys(&store, true, NOW), [] as [u64; 0]);
    assert_eq!(keys(&store, true, later), [3, 9]);
    assert_eq!(keys(&store, false, later), [1, 2]);
    assert_eq!((store.outbox_len(), store.outbox_last_sequence()), (4, 9));
    assert_eq!(ready(&store, true, later).unwrap().next, None);
}

/// What is to wait longer for the CRM than anything ever does was put off before the clock was set back.
#[test]
fn a_clock_that_was_set_back_holds_nothing_up_that_is_for_the_crm() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    put(&store, &[entry(write(1), 1, NOW.plus(86_400)), entry(write(2), 2, NOW.plus(1_800))]);
    let found = ready(&store, true, NOW).unwrap().entries;
    assert_eq!(found.iter().map(|(_, entry)| entry.sequence).collect::<Vec<_>>(), [1]);
}
