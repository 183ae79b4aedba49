//! Bringing an older store up to the present layout. Each portion is one write, and what is done need not be done
//! again: whatever interrupts it, the next start goes on.

use super::batch::{activity_key, alert_key};
use super::keys::{Key, Kind, text_after};
use super::outlooks::{Change, Outlooks};
use super::rows::Evaluated;
use super::{Batch, ENCODING, OutboxEntry, Result, StoreError, load_outlooks, load_waiting};
use crate::domain::{ActivityId, Alert, AlertId, LeadId};

/// Rows in one write.
const PORTION: usize = 1_000;

/// Brings a store of an earlier schema up to the present one.
pub(super) fn upgrade(tree: &sled::Tree, from: u32) -> Result<()> {
    tracing::info!("the store is brought up to its present layout; with many leads this takes some minutes");
    if from < 3 {
        histories(tree)?;
    }
    outbox(tree)
}

/// From schema 1 or 2: a lead's activities and alerts come together, and when leads are due goes into buckets. Outlooks are not
/// taken along; whoever asks for them makes them anew from the histories.
fn histories(tree: &sled::Tree) -> Result<()> {
    // Without it all outlooks are made anew.
    tree.remove(Key::new(Kind::Meta).last("rules_in_force").bytes())?;
    portions(tree, Kind::OldActivity, |batch, key, value| {
        let text = text_after(key, 1);
        let (lead, activity) = text.split_once('\0').unwrap_or((&text, ""));
        batch.put_bytes(activity_key(&LeadId::from(lead), &ActivityId::from(activity)), value);
        Ok(())
    })?;
    portions(tree, Kind::OldAlert, |batch, key, value| {
        let alert: Alert = super::decode(key, value)?;
        batch.put(Key::new(Kind::AlertLead).last(alert.id.as_str()), &alert.lead_id);
        batch.put_bytes(alert_key(&alert.lead_id, &AlertId(text_after(key, 1))), value);
        Ok(())
    })?;
    due(tree, Kind::EvaluatedOf1)?;
    due(tree, Kind::EvaluatedOf2)?;
    for index in [Kind::OldLeadAlert, Kind::OldDue] {
        portions(tree, index, |_, _, _| Ok(()))?;
    }
    Ok(())
}

/// From schema 3 or earlier: entries of the outbox have numbered rows.
fn outbox(tree: &sled::Tree) -> Result<()> {
    let mut row = load_waiting(tree)?.next_row();
    portions(tree, Kind::OldOutbox, |batch, key, value| {
        let entry: OutboxEntry = super::decode(key, value)?;
        batch.put_outbox_row(row, &[entry]);
        row += 1;
        Ok(())
    })
}

/// Has `rewrite` say what takes the place of the rows of a kind, and removes them.
fn portions(
    tree: &sled::Tree,
    kind: Kind,
    mut rewrite: impl FnMut(&mut Batch, &[u8], &[u8]) -> Result<()>,
) -> Result<()> {
    loop {
        let rows = tree.scan_prefix(Key::new(kind).bytes()).take(PORTION).collect::<sled::Result<Vec<_>>>()?;
        if rows.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::default();
        for (key, value) in &rows {
            rewrite(&mut batch, key, value)?;
            batch.remove_bytes(key);
        }
        tree.apply_batch(batch.into_rows())?;
        // sled keeps what is not flushed in memory.
        tree.flush()?;
    }
}

/// Moves when leads were evaluated and are due into buckets.
fn due(tree: &sled::Tree, kind: Kind) -> Result<()> {
    let mut outlooks: Outlooks = load_outlooks(tree)?;
    portions(tree, kind, |batch, key, value| {
        // Of schema 2 an outlook follows, as that version laid it out.
        let (_, row) = value.split_first().filter(|(encoding, _)| **encoding == ENCODING).unwrap_or((&0, &[]));
        let (evaluated, _) = postcard::take_from_bytes::<Evaluated>(row)
            .map_err(|error| StoreError::Value { kind: char::from(kind as u8), reason: error.to_string() })?;
        let lead = LeadId(text_after(key, 1));
        let changed = outlooks.changed(vec![(lead, Change::Evaluated { evaluated, outlook: None })]);
        outlooks.rows(&changed).for_each(|(bucket, row)| batch.put_bucket(bucket, &row));
        outlooks.accept(changed);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{SCHEMA, Store, encode};
    use super::*;
    use crate::domain::alert::Cited;
    use crate::domain::effect::Effect;
    use crate::domain::{
        Activity, ActivityStatus, AlertState, AlertType, Anchor, Channel, Direction, Evidence, Reading, Timestamp,
    };

    fn activity() -> Activity {
        Activity {
            id: ActivityId::from("Call:c1"),
            lead_id: LeadId::from("lead"),
            channel: Channel::Call,
            direction: Direction::Out,
            status: ActivityStatus::NoAnswer,
            preview: "é".to_owned(),
            timestamp: Timestamp(1_700_000_000),
            created_at: None,
            reading: Reading::default(),
            first_seen: Timestamp(1_700_000_000),
            fresh_as_of: Timestamp(1_700_000_000),
        }
    }

    fn alert() -> Alert {
        let last_out = Cited {
            activity_id: ActivityId::from("Call:c1"),
            channel: Channel::Call,
            direction: Direction::Out,
            at: Timestamp(1_700_000_000),
            preview: String::new(),
        };
        Alert {
            id: AlertId::from("alert"),
            lead_id: LeadId::from("lead"),
            alert_type: AlertType::NoReply3d,
            anchor: Anchor::At(Timestamp(1_700_000_000)),
            state: AlertState::Open,
            opened_at: None,
            openings: 1,
            due_at: None,
            evidence: Evidence::NoReply { last_out },
            owner: None,
            teams: Vec::new(),
        }
    }

    /// A store of an earlier schema: one lead that is due, with an activity and an alert.
    fn older_store(path: &Path, schema: u32, kind: Kind, evaluated: &[u8]) {
        let store = Store::open(path).unwrap();
        let rows = [
            (Key::new(Kind::OldActivity).part("lead").last("Call:c1"), encode(&activity())),
            (Key::new(Kind::OldAlert).last("alert"), encode(&alert())),
            (Key::new(Kind::OldLeadAlert).part("lead").last("alert"), encode(&())),
            (Key::new(Kind::OpenAlert).last("alert"), encode(&())),
            (Key::new(kind).last("lead"), evaluated.to_vec()),
            (Key::new(Kind::OldDue).number(1_800_000_000).last("lead"), encode(&())),
            (Key::new(Kind::Meta).last("schema"), encode(&schema)),
        ];
        for (key, value) in rows {
            store.tree.insert(key.into_bytes(), value).unwrap();
        }
        store.flush().unwrap();
    }

    #[test]
    fn what_waited_in_the_outbox_of_an_older_store_waits_on() {
        let entry = |number: u64| OutboxEntry {
            effect: Effect::WriteAlert(AlertId(format!("a{number}"))),
            sequence: number,
            attempts: 2,
            not_before: Timestamp(1_700_000_060),
            decided_at: Timestamp(1_700_000_000),
        };
        let folder = tempfile::tempdir().unwrap();
        {
            let store = Store::open(folder.path()).unwrap();
            for number in 1..=2_500 {
                let key = Key::new(Kind::OldOutbox).last(&entry(number).effect.key());
                store.tree.insert(key.into_bytes(), encode(&entry(number))).unwrap();
            }
            // As after a kill in the middle of it.
            store.tree.insert(super::super::batch::outbox_key(7).into_bytes(), encode(&vec![entry(9_999)])).unwrap();
            store.tree.insert(Key::new(Kind::Meta).last("schema").into_bytes(), encode(&3_u32)).unwrap();
            store.tree.insert(Key::new(Kind::Meta).last("rules_in_force").into_bytes(), encode(&5_u32)).unwrap();
            store.flush().unwrap();
        }
        for _ in 0..2 {
            let store = Store::open(folder.path()).unwrap();
            let found = store.outbox().unwrap().into_iter().map(|(_, entry)| entry);
            assert!(found.eq((1..=2_500).chain([9_999]).map(entry)));
            assert!(store.keys(&Key::new(Kind::OldOutbox)).next().is_none());
            assert_eq!(store.meta::<u32>("rules_in_force").unwrap(), Some(5), "outlooks of schema 3 are still good");
        }
    }

    #[test]
    fn an_older_store_is_brought_up_to_date_and_loses_nothing() {
        let lead = LeadId::from("lead");
        let evaluated = Evaluated { at: Some(Timestamp(1_700_000_000)), due: Some(Timestamp(1_800_000_000)) };
        let with_outlook = [encode(&evaluated), b"\x01an outlook as it was then".to_vec()].concat();
        for (schema, kind, row) in [(1, Kind::EvaluatedOf1, encode(&evaluated)), (2, Kind::EvaluatedOf2, with_outlook)]
        {
            let folder = tempfile::tempdir().unwrap();
            older_store(folder.path(), schema, kind, &row);
            for _ in 0..2 {
                let store = Store::open(folder.path()).unwrap();
                assert_eq!(store.meta::<u32>("schema").unwrap(), Some(SCHEMA));
                assert_eq!(store.activities(&lead).unwrap(), [activity()]);
                assert_eq!(store.alerts_of(&lead).unwrap(), [alert()]);
                assert_eq!(store.alert(&alert().id).unwrap(), Some(alert()));
                assert_eq!(store.open_alerts().unwrap(), [alert()]);
                assert_eq!(store.evaluated(&lead), evaluated);
                assert_eq!(store.due(Timestamp(i64::MAX), 9), std::slice::from_ref(&lead));
                assert_eq!(store.outlooks().watched_leads(), 0, "it has none yet: the engine makes them");
                let old = [Kind::OldActivity, Kind::OldAlert, Kind::OldLeadAlert, Kind::OldDue, kind];
                assert!(old.into_iter().all(|kind| store.keys(&Key::new(kind)).next().is_none()));
            }
        }
    }
}
