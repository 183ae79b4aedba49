//! What the outbox costs each worker: as much as is ready, not as much as waits.

use std::collections::BTreeMap;

use max::domain::effect::{Effect, Occasion};
use max::domain::{AlertId, Timestamp};
use max::engine::outbox::ready;
use max::store::{Batch, OutboxEntry, Store};
use proptest::collection::vec;
use proptest::prelude::*;

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
    entries.iter().for_each(|entry| batch.put_outbox(entry.clone()));
    store.apply(batch).unwrap();
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Rows hold several entries, are written anew when one of them is done, and are nobody's business: what was put is there
    /// until it is removed, also when a batch says so of one entry more than once, and after the store was opened again.
    #[test]
    fn what_was_put_is_there_until_it_is_removed(
        batches in vec(vec((0_u64..30, any::<bool>()), 1..25), 1..12),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut expected = BTreeMap::new();
        let mut sequence = 0;
        let mut store = Store::open(folder.path()).unwrap();
        for (number, changes) in batches.into_iter().enumerate() {
            let mut batch = Batch::default();
            for (effect, is_put) in changes {
                sequence += 1;
                let effect = if effect % 2 == 0 { write(effect) } else { announce(effect) };
                if is_put {
                    expected.insert(effect.key(), entry(effect.clone(), sequence, NOW));
                    batch.put_outbox(entry(effect, sequence, NOW));
                } else {
                    expected.remove(&effect.key());
                    batch.remove_outbox(&effect.key());
                }
            }
            store.apply(batch).unwrap();
            if number % 4 == 3 {
                drop(store);
                store = Store::open(folder.path()).unwrap();
            }
            prop_assert_eq!(&store.outbox().unwrap().into_iter().collect::<BTreeMap<_, _>>(), &expected);
            for key in expected.keys() {
                let found = store.outbox_entry(key).unwrap();
                prop_assert_eq!(found.as_ref(), expected.get(key));
            }
            let ready = |for_crm| store.outbox_ready(for_crm, NOW).unwrap();
            let both: BTreeMap<_, _> = ready(true).into_iter().chain(ready(false)).collect();
            prop_assert_eq!(&both, &expected);
            prop_assert_eq!(store.outbox_len(), expected.len());
        }
    }
}
