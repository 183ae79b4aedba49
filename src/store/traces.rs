//! All leads with what the rules ask of their activities, in one pass over the tree: to find the place of one lead's
//! rows takes sled as long as to read dozens of the next ones, and texts are most of what there is to read.

use serde::Deserialize;

use super::keys::{ACTIVITY, Key, Kind};
use super::{Result, Store, decode};
use crate::domain::{ActivityStatus, Channel, Direction, Lead, Reading, Timestamp, Trace};

/// The row of an [`crate::domain::Activity`], its texts left where they are.
#[derive(Debug, Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    _id: &'a str,
    #[serde(borrow)]
    _lead_id: &'a str,
    channel: Channel,
    direction: Direction,
    status: ActivityStatus,
    #[serde(borrow)]
    _preview: &'a str,
    timestamp: Timestamp,
    created_at: Option<Timestamp>,
    reading: Reading,
    first_seen: Timestamp,
    fresh_as_of: Timestamp,
}

impl Row<'_> {
    fn trace(&self) -> Trace {
        let Self { channel, direction, status, timestamp, created_at, reading, first_seen, fresh_as_of, .. } = *self;
        Trace { channel, direction, status, timestamp, created_at, reading, first_seen, fresh_as_of }
    }
}

impl Store {
    /// Every lead, by id, with the traces of its activities, ordered by (timestamp, the activity's id). What is written
    /// meanwhile may be seen or not.
    pub fn traced_leads(&self) -> impl Iterator<Item = Result<(Lead, Vec<Trace>)>> + use<> {
        let mut rows = self.tree.scan_prefix(Key::new(Kind::History).bytes()).peekable();
        self.leads().map(move |lead| {
            let lead = lead?;
            let own = Key::new(Kind::History).part(lead.id.as_str()).letter(ACTIVITY).into_bytes();
            let comes_later = |key: &[u8]| key > own.as_slice() && !key.starts_with(&own);
            let mut traces = Vec::new();
            while let Some(row) = rows.next_if(|row| !row.as_ref().is_ok_and(|(key, _)| comes_later(key))) {
                let (key, value) = row?;
                // Its activities come in the order of their ids.
                if key.starts_with(&own) {
                    traces.push(decode::<Row<'_>>(&key, &value)?.trace());
                }
            }
            traces.sort_by_key(|trace| trace.timestamp);
            Ok((lead, traces))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Activity, ActivityId, Alert, AlertId, AlertState, AlertType, Anchor, Evidence, LeadId};
    use crate::store::Batch;

    fn activity(lead: &str, id: &str, at: i64) -> Activity {
        Activity {
            id: ActivityId::from(id),
            lead_id: LeadId::from(lead),
            channel: Channel::Call,
            direction: Direction::In,
            status: ActivityStatus::NoAnswer,
            preview: format!("{id} of {lead}"),
            timestamp: Timestamp(at),
            created_at: Some(Timestamp(at - 1)),
            reading: Reading { intent: true, expects_reply: id.len() > 1, auto_reply: false },
            first_seen: Timestamp(at + 2),
            fresh_as_of: Timestamp(at + 3),
        }
    }

    fn alert(lead: &str) -> Alert {
        Alert {
            id: AlertId(format!("alert of {lead}")),
            lead_id: LeadId::from(lead),
            alert_type: AlertType::StaleLead30d,
            anchor: Anchor::At(Timestamp(1)),
            state: AlertState::Open,
            opened_at: None,
            openings: 1,
            due_at: None,
            evidence: Evidence::Stale { last: None, since: Timestamp(1) },
            owner: None,
            teams: Vec::new(),
        }
    }

    fn lead(id: &str) -> Lead {
        Lead { name: id.to_owned(), ..Lead::new(LeadId::from(id), "New", Timestamp(1)) }
    }

    #[test]
    fn every_lead_comes_with_what_the_rules_ask_of_its_own_activities() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut batch = Batch::default();
        for id in ["a", "ab", "ac", "b", "c"] {
            batch.put_lead(&lead(id), None);
        }
        // Of "aa" and "d" nothing is known but these.
        let of_a = [("a", "z", 5), ("a", "y", 5), ("a", "x", 7), ("a", "xx", 1)];
        for (lead, id, at) in of_a.into_iter().chain([("aa", "a", 1), ("ab", "q", 2), ("c", "r", 9), ("d", "a", 1)]) {
            batch.put_activity(&activity(lead, id, at));
        }
        // An alert of a lead stands beside its activities.
        for lead in ["a", "b"] {
            batch.put_alert(&alert(lead), None);
        }
        store.apply(batch).unwrap();
        let mut seen = Vec::new();
        for traced in store.traced_leads() {
            let (lead, traces) = traced.unwrap();
            let known = store.activities(&lead.id).unwrap();
            assert_eq!(traces, known.iter().map(Activity::trace).collect::<Vec<_>>(), "{}", lead.id);
            seen.push((lead.id.0, traces.len()));
        }
        let expected = [("a", 4), ("ab", 1), ("ac", 0), ("b", 0), ("c", 1)];
        assert_eq!(seen, expected.map(|(id, count)| (id.to_owned(), count)));
    }
}
