//! Ids by the million, each known by its place: a few large buffers instead of an allocation for each, and few
//! looks at memory that is not in the cache.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use foldhash::quality::RandomState;

/// Texts one after the other, each known by its place.
#[derive(Debug, Default)]
struct Texts {
    bytes: String,
    /// Where each text ends in `bytes`.
    ends: Vec<usize>,
}

impl Texts {
    fn len(&self) -> usize {
        self.ends.len()
    }

    fn get(&self, place: u32) -> &str {
        let place = place as usize;
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[place]]
    }

    /// The place of the new text; `None` when there is no room: four thousand million lines are more than any file
    /// we are given.
    fn push(&mut self, text: &str) -> Option<u32> {
        let place = u32::try_from(self.len()).ok()?;
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len());
        Some(place)
    }
}

/// Texts of which each is to come once: that is found out at the end, by sorting their hashes, in a fraction of
/// the time that a look at a table for each would take.
#[derive(Debug, Default)]
pub(super) struct Seen {
    texts: Texts,
    hashes: Vec<u64>,
    hasher: RandomState,
}

impl Seen {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    /// The text at a place.
    pub(super) fn text(&self, place: u32) -> &str {
        self.texts.get(place)
    }

    /// Takes a text and returns its place; `None` when there is no room for it.
    pub(super) fn push(&mut self, text: &str) -> Option<u32> {
        self.hashes.push(self.hasher.hash_one(text));
        self.texts.push(text)
    }

    /// The place of the first text that had come before.
    pub(super) fn first_repeated(&mut self) -> Option<u32> {
        let mut hashes = std::mem::take(&mut self.hashes);
        hashes.sort_unstable();
        if hashes.windows(2).all(|pair| pair[0] != pair[1]) {
            return None;
        }
        let mut known = HashSet::new();
        (0u32..).take(self.len()).find(|place| !known.insert(self.text(*place)))
    }
}

/// Texts one after the other as [`Texts`], but made to be looked up in any order: a short one takes one look at
/// memory.
#[derive(Debug, Default)]
pub(super) struct Cells {
    /// Per text its length, as one ASCII character, the text, and NULs up to the cell's size; or [`Cells::LONG`].
    bytes: String,
    /// Those too long for a cell, by their place.
    long: HashMap<u32, String>,
}

/// See [`Cells`].
pub(super) type Cell = [u8; Cells::SIZE];

impl Cells {
    const SIZE: usize = 32;
    const LONG: u8 = 0x7F;

    fn len(&self) -> usize {
        self.bytes.len() / Self::SIZE
    }

    /// The text at a place.
    pub(super) fn get(&self, place: u32) -> &str {
        let start = place as usize * Self::SIZE;
        match self.bytes.as_bytes()[start] {
            Self::LONG => &self.long[&place],
            length => &self.bytes[start + 1..][..usize::from(length)],
        }
    }

    /// The cell of a text. A long text's tells nothing about it.
    pub(super) fn cell(&self, place: u32) -> &Cell {
        &self.bytes.as_bytes().as_chunks().0[place as usize]
    }

    /// The text in a cell, followed by NULs, and its length; `None` when it is too long for a cell.
    pub(super) fn short(cell: &Cell) -> Option<(&[u8; Self::SIZE - 1], usize)> {
        let ([length], text) = cell.split_first_chunk()?;
        (*length != Self::LONG).then_some((text.first_chunk()?, usize::from(*length)))
    }

    /// The place of the new text; `None` when there is no room.
    pub(super) fn push(&mut self, text: &str) -> Option<u32> {
        let place = u32::try_from(self.len()).ok()?;
        let end = self.bytes.len() + Self::SIZE;
        match u8::try_from(text.len()) {
            Ok(length) if usize::from(length) < Self::SIZE => {
                self.bytes.push(char::from(length));
                self.bytes.push_str(text);
            }
            _ => {
                self.bytes.push(char::from(Self::LONG));
                self.long.insert(place, text.to_owned());
            }
        }
        self.bytes.extend(std::iter::repeat_n('\0', end - self.bytes.len()));
        Some(place)
    }
}

/// Distinct texts, each known by its place: the n-th different one that was inserted.
#[derive(Debug, Default)]
pub(super) struct Ids {
    texts: Cells,
    /// Open addressing; a power of two, or empty.
    table: Vec<Slot>,
    hasher: RandomState,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    place: u32,
}

/// Texts to be looked up together.
#[derive(Debug, Default)]
pub(super) struct Query {
    hashes: Vec<u32>,
    cells: Vec<Cell>,
    places: Vec<u32>,
}

const FREE: Slot = Slot { hash: 0, place: u32::MAX };

impl Ids {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    /// The text at a place.
    pub(super) fn text(&self, place: u32) -> &str {
        self.texts.get(place)
    }

    /// The place of a text that has been inserted.
    pub(super) fn place_of(&self, text: &str) -> Option<u32> {
        if self.table.is_empty() {
            return None;
        }
        Some(self.table[self.slot_of(text, self.hash(text))].place).filter(|place| *place != FREE.place)
    }

    /// Adds a text to those to be looked up together; `false` when it is too long for that.
    pub(super) fn ask(&self, query: &mut Query, text: &str) -> bool {
        if text.len() >= Cells::SIZE {
            return false;
        }
        query.hashes.push(self.hash(text));
        query.cells.push([0; Cells::SIZE]);
        if let Some(cell) = query.cells.last_mut() {
            cell[0] = text.len() as u8;
            cell[1..=text.len()].copy_from_slice(text.as_bytes());
        }
        true
    }

    /// The places of all texts that were asked for, in their order. One look at memory is waited for while the
    /// next ones are under way, which takes a fraction of the time.
    pub(super) fn answer<'q>(&self, query: &'q mut Query) -> impl Iterator<Item = Option<u32>> + use<'q> {
        let Query { hashes, cells, places } = query;
        places.clear();
        match self.table.len().checked_sub(1) {
            None => places.extend(hashes.iter().map(|_| FREE.place)),
            Some(mask) => places.extend(hashes.iter().map(|hash| self.table[*hash as usize & mask].place)),
        }
        for (place, (hash, cell)) in places.iter_mut().zip(hashes.iter().zip(cells.iter())) {
            // Most have their first slot.
            if *place != FREE.place && self.texts.cell(*place) != cell {
                *place = self.table[self.slot_with(*hash, |text| self.texts.cell(text) == cell)].place;
            }
        }
        hashes.clear();
        cells.clear();
        places.iter().map(|place| Some(*place).filter(|place| *place != FREE.place))
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
        let place = self.texts.push(text)?;
        self.table[slot] = Slot { hash, place };
        Some(place)
    }

    /// The same texts in the order of their bytes, and the place that each had before.
    pub(super) fn sorted(&self) -> (Self, Vec<u32>) {
        // The first bytes nearly always decide, and are at hand.
        let mut order: Vec<([u8; 8], u32)> =
            (0u32..).take(self.len()).map(|place| (first_bytes(self.text(place)), place)).collect();
        order.sort_unstable_by(|(start, a), (other, b)| {
            u64::from_be_bytes(*start).cmp(&u64::from_be_bytes(*other)).then_with(|| self.text(*a).cmp(self.text(*b)))
        });
        let order: Vec<u32> = order.into_iter().map(|(_, place)| place).collect();
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
        self.slot_with(hash, |place| self.text(place) == text)
    }

    fn slot_with(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> usize {
        let mask = self.table.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            let here = self.table[slot];
            if here.place == FREE.place || (here.hash == hash && is_it(here.place)) {
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

/// The start of a text; a shorter one is filled up with what comes before every other byte.
fn first_bytes(text: &str) -> [u8; 8] {
    let mut start = [0; 8];
    for (byte, of_text) in start.iter_mut().zip(text.bytes()) {
        *byte = of_text;
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_looked_up_together_as_alone() {
        let mut ids = Ids::default();
        let mut query = Query::default();
        assert!(ids.ask(&mut query, "a"));
        assert_eq!(ids.answer(&mut query).collect::<Vec<_>>(), [None]);
        (0..5_000u32).for_each(|n| assert_eq!(ids.insert(&(2 * n).to_string()), Some(n)));
        for start in (0..12_000).step_by(100) {
            (start..start + 100).for_each(|n| assert!(ids.ask(&mut query, &n.to_string())));
            let places = (start..start + 100).map(|n| ids.place_of(&n.to_string()));
            assert_eq!(ids.answer(&mut query).collect::<Vec<_>>(), places.collect::<Vec<_>>());
        }
        assert!(ids.ask(&mut query, &"x".repeat(31)));
        assert!(!ids.ask(&mut query, &"x".repeat(32)));
        assert_eq!(ids.answer(&mut query).collect::<Vec<_>>(), [None]);
    }

    #[test]
    fn the_order_is_that_of_the_bytes_beyond_the_first_few() {
        let mut ids = Ids::default();
        let mut texts = ["12345678b", "12345678", "", "1234567", "\0", "12345678\0", "é", "z", "12345678a"];
        texts.iter().for_each(|text| assert!(ids.insert(text).is_some()));
        let (sorted, _) = ids.sorted();
        texts.sort_unstable();
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 7, 8].map(|place| sorted.text(place)), texts);
    }

    #[test]
    fn the_first_text_that_comes_again_is_found_at_the_end() {
        let mut seen = Seen::default();
        assert_eq!(seen.first_repeated(), None);
        for text in ["a", "b", "", "c", "b", "a", ""] {
            seen.push(text).unwrap();
        }
        assert_eq!(seen.first_repeated(), Some(4));
        assert_eq!((seen.text(4), seen.text(2), seen.len()), ("b", "", 7));
    }

    #[test]
    fn each_text_is_inserted_once_and_found_again() {
        let mut ids = Ids::default();
        assert_eq!(ids.place_of("0"), None);
        for n in 0..5_000u32 {
            assert_eq!(ids.insert(&n.to_string()), Some(n));
            assert_eq!(ids.insert(&(n / 2).to_string()), None, "{}", n / 2);
        }
        let (most, long) = ("é".repeat(15) + "!", "é".repeat(16));
        assert_eq!((most.len(), long.len()), (31, 32));
        assert_eq!(ids.insert(""), Some(5_000), "an empty text is one like any other");
        for n in 0..5_000u32 {
            assert_eq!(ids.place_of(&n.to_string()), Some(n));
            assert_eq!(ids.text(n), n.to_string());
        }
        assert_eq!((ids.insert(&most), ids.insert(&long)), (Some(5_001), Some(5_002)));
        assert_eq!((ids.insert(&most), ids.insert(&long)), (None, None));
        assert_eq!((ids.text(5_001), ids.text(5_002)), (most.as_str(), long.as_str()));
        assert_eq!(ids.place_of("x"), None);
        assert_eq!(ids.len(), 5_003);
        let (sorted, order) = ids.sorted();
        assert_eq!([sorted.text(0), sorted.text(1), sorted.text(2), sorted.text(3)], ["", "0", "1", "10"]);
        assert_eq!(order[..4], [5_000, 0, 1, 10]);
        assert_eq!(sorted.place_of("10"), Some(3));
    }
}
