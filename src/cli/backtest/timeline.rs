//! Openings and closings in the order of the output. There are millions, and they come lead by lead: put into
//! their span of time at once, only few have to be compared with each other, and those few fit in the cache.

use std::cmp::Ordering;

use crate::domain::{AlertType, Anchor, CloseReason, Timestamp};

/// An opening, or a closing with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) at: Timestamp,
    /// The lead's place in the recording, which follows its id's bytes.
    pub(super) lead: u32,
    pub(super) alert_type: AlertType,
    pub(super) anchor: Anchor,
    /// Why it closed; `None` when it opened.
    pub(super) closed: Option<CloseReason>,
}

impl Entry {
    /// What the output is ordered by: instant, lead, closed before opened, type by its bytes.
    fn order(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at).then_with(|| self.order_at_once(other))
    }

    /// Few instants are the same.
    #[cold]
    fn order_at_once(&self, other: &Self) -> Ordering {
        let rest = |entry: &Self| (entry.lead, entry.closed.is_none(), entry.alert_type.as_str(), entry.anchor);
        rest(self).cmp(&rest(other))
    }
}

/// What opens and closes in a range of time.
#[derive(Debug)]
pub(super) struct Timeline {
    from: Timestamp,
    /// A span takes two to the power of this many seconds.
    span_bits: u32,
    /// In the order of time, once they are sorted.
    spans: Vec<Vec<Entry>>,
}

impl Timeline {
    /// More would be too many places to write to in turn.
    const MOST_SPANS: u64 = 1 << 10;

    /// An empty one, for entries from `from` to `to` (both inclusive).
    pub(super) fn between(from: Timestamp, to: Timestamp) -> Self {
        let last = from.0.abs_diff(to.0);
        let span_bits = (0..u64::BITS).find(|bits| last >> bits < Self::MOST_SPANS).unwrap_or_default();
        let spans = (0..=last >> span_bits).map(|_| Vec::new()).collect();
        Self { from, span_bits, spans }
    }

    /// Takes an entry of the range.
    pub(super) fn push(&mut self, entry: Entry) {
        let span = self.from.0.abs_diff(entry.at.0) >> self.span_bits;
        self.spans[span as usize].push(entry);
    }

    /// Puts the entries into the order of the output.
    pub(super) fn sort(&mut self) {
        for span in &mut self.spans {
            // Stable, as it knows what to make of a run: those of the first instant are sorted already.
            span.sort_by(Entry::order);
        }
    }

    /// All entries, in portions of at most so many.
    pub(super) fn portions(&self, most: usize) -> impl Iterator<Item = &[Entry]> {
        self.spans.iter().flat_map(move |span| span.chunks(most))
    }

    /// All entries.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.spans.iter().flatten()
    }

    /// All entries, in one piece.
    pub(super) fn into_entries(self) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(self.spans.iter().map(Vec::len).sum());
        entries.extend(self.spans.into_iter().flatten());
        entries
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn entries_come_in_the_order_of_the_output_however_long_the_range_is() {
        let ends = [(0, 0), (0, 1), (-5, 1_023), (0, 1_024), (-3, 31_536_000), (i64::MIN, i64::MAX)];
        for (from, to) in ends.map(|(from, to)| (Timestamp(from), Timestamp(to))) {
            let mut timeline = Timeline::between(from, to);
            let entry = |at, lead, alert_type, closed| Entry { at, lead, alert_type, anchor: Anchor::At(from), closed };
            let mut entries = Vec::new();
            for lead in 0..3 {
                for at in BTreeSet::from([from, Timestamp(from.0 / 2 + to.0 / 2), to]) {
                    entries.push(entry(at, lead, AlertType::StaleLead30d, Some(CloseReason::Cleared)));
                    entries.push(entry(at, lead, AlertType::HotLead24h, None));
                    entries.push(entry(at, lead, AlertType::NoReply3d, None));
                }
            }
            entries.iter().rev().for_each(|entry| timeline.push(*entry));
            timeline.sort();
            entries.sort_by_key(|entry| entry.at);
            assert!(timeline.spans.len() <= 1_024);
            assert_eq!(timeline.iter().copied().collect::<Vec<_>>(), entries);
            assert_eq!(timeline.portions(2).flatten().copied().collect::<Vec<_>>(), entries);
            assert!(timeline.portions(2).all(|portion| portion.len() <= 2));
            assert_eq!(timeline.into_entries(), entries);
        }
    }
}
