//! A set of ids that remembers their order, made for millions of them: one buffer of bytes and one table of
//! numbers instead of an allocation for each.

use std::hash::{BuildHasher, RandomState};

/// Distinct texts, each known by its place: the n-th different one that was inserted.
#[derive(Debug, Default)]
pub(super) struct Ids {
    bytes: String,
    /// Where each text ends in `bytes`.
    ends: Vec<usize>,
    /// Open addressing; a power of two, or empty.
    table: Vec<Slot>,
    hasher: RandomState,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    place: u32,
}

const FREE: Slot = Slot { hash: 0, place: u32::MAX };

impl Ids {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text at a place.
    pub(super) fn text(&self, place: u32) -> &str {
        let place = place as usize;
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[place]]
    }

    /// The place of a text that has been inserted.
    pub(super) fn place_of(&self, text: &str) -> Option<u32> {
        if self.table.is_empty() {
            return None;
        }
        Some(self.table[self.slot_of(text, self.hash(text))].place).filter(|place| *place != FREE.place)
    }

    /// Inserts a text and returns its new place; `None` when it was there already.
    pub(super) fn insert(&mut self, text: &str) -> Option<u32> {
        if self.len() * 3 >= self.table.len() * 2 {
            self.grow();
        }
        let hash = self.hash(text);
        let slot = self.slot_of(text, hash);
        if self.table[slot].place != FREE.place {
            return None;
        }
        // Four thousand million lines are more than any file we are given.
        let place = u32::try_from(self.len()).ok()?;
        self.table[slot] = Slot { hash, place };
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len());
        Some(place)
    }

    /// The same texts in the order of their bytes, and the place that each had before.
    pub(super) fn sorted(&self) -> (Self, Vec<u32>) {
        let mut order: Vec<u32> = (0u32..).take(self.len()).collect();
        order.sort_unstable_by_key(|place| self.text(*place));
        let mut sorted = Self::default();
        for place in &order {
            sorted.insert(self.text(*place));
        }
        (sorted, order)
    }

    /// Half of the hash is enough to spread and to tell apart; equal ones are compared in full.
    fn hash(&self, text: &str) -> u32 {
        (self.hasher.hash_one(text) >> 32) as u32
    }

    /// Where the text is, or where it would go.
    fn slot_of(&self, text: &str, hash: u32) -> usize {
        let mask = self.table.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            let here = self.table[slot];
            if here.place == FREE.place || (here.hash == hash && self.text(here.place) == text) {
                return slot;
            }
            slot = (slot + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let size = (self.table.len() * 2).max(16);
        let old = std::mem::replace(&mut self.table, vec![FREE; size]);
        for taken in old.into_iter().filter(|slot| slot.place != FREE.place) {
            let mut slot = taken.hash as usize & (size - 1);
            while self.table[slot].place != FREE.place {
                slot = (slot + 1) & (size - 1);
            }
            self.table[slot] = taken;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_inserted_once_and_found_again() {
        let mut ids = Ids::default();
        assert_eq!(ids.place_of("0"), None);
        for n in 0..5_000u32 {
            assert_eq!(ids.insert(&n.to_string()), Some(n));
            assert_eq!(ids.insert(&(n / 2).to_string()), None, "{}", n / 2);
        }
        assert_eq!(ids.insert(""), Some(5_000), "an empty text is one like any other");
        for n in 0..5_000u32 {
            assert_eq!(ids.place_of(&n.to_string()), Some(n));
            assert_eq!(ids.text(n), n.to_string());
        }
        assert_eq!(ids.place_of("x"), None);
        assert_eq!(ids.len(), 5_001);
        let (sorted, order) = ids.sorted();
        assert_eq!([sorted.text(0), sorted.text(1), sorted.text(2), sorted.text(3)], ["", "0", "1", "10"]);
        assert_eq!(order[..4], [5_000, 0, 1, 10]);
        assert_eq!(sorted.place_of("10"), Some(3));
    }
}
