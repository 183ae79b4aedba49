//! The linear model: for each thing that is true of a message one small weight per answer, learnt from labelled
//! sentences by `training/reading.rs`. What was never seen in training counts nothing.

use std::sync::LazyLock;

use super::category::Category;
use super::features::{Feature, Group};

/// How many answers the model gives: one per category, whether the message wants to buy, whether it expects a reply.
pub const ANSWERS: usize = Category::ALL.len() + 2;
/// The place of "wants to buy" among the answers.
pub const INTENT: usize = Category::ALL.len();
/// The place of "expects a reply" among the answers.
pub const EXPECTS: usize = Category::ALL.len() + 1;

/// A row's length in memory: the answers, and what makes it a power of two.
const ROW: usize = 32;
/// How much the categories count for whether a message wants to buy; the plain answer counts for the rest.
const BY_CATEGORY: f32 = 0.8;
/// So many features are looked up together.
const TOGETHER: usize = 64;
const MAGIC: &[u8; 8] = b"MAXread1";

/// Weights learnt from labelled sentences.
#[derive(Clone, Debug)]
pub struct Model {
    bias: [f32; ANSWERS],
    /// What one step of a weight is worth, per answer.
    steps: [f32; ANSWERS],
    /// In ascending order; a feature's row has the same place.
    names: Vec<u32>,
    rows: Vec<Row>,
    /// An open table over `names`: its place + 1, or 0.
    table: Vec<(u32, u32)>,
}

/// A feature's weights; in memory, a row never lies across two lines of the processor's cache.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(32))]
struct Row([i8; ROW]);

static TRAINED: LazyLock<Model> = LazyLock::new(|| {
    Model::from_bytes(include_bytes!("data/weights.bin")).expect("the committed weights are whole: a test reads them")
});

/// The model with the committed weights.
pub(super) fn trained() -> &'static Model {
    &TRAINED
}

/// What the model says of one message, before it becomes a probability.
pub(super) struct Scores(pub(super) [f32; ANSWERS]);

impl Scores {
    pub(super) fn probability(&self, answer: usize) -> f32 {
        1.0 / (1.0 + (-self.0[answer]).exp())
    }

    /// How likely it is that the message wants to buy: mostly by what is the likeliest to be about, buying or not, and a
    /// little by the answer to the plain question.
    pub(super) fn wants(&self) -> f32 {
        let most = self.0[..Category::ALL.len()].iter().copied().fold(f32::MIN, f32::max);
        let share = |buys| {
            let these = Category::ALL.into_iter().filter(|category| category.buys() == buys);
            these.map(|category| (self.0[category as usize] - most).exp()).sum::<f32>().max(f32::MIN_POSITIVE)
        };
        let odds = (share(true) / share(false)).ln();
        1.0 / (1.0 + (-(odds * BY_CATEGORY + self.0[INTENT] * (1.0 - BY_CATEGORY))).exp())
    }

    /// A category's share of the probability of all.
    pub(super) fn share(&self, category: Category) -> f32 {
        let score = self.0[category as usize];
        let whole: f32 = self.0[..Category::ALL.len()].iter().map(|other| (other - score).exp()).sum();
        1.0 / whole
    }

    /// The likeliest category of those that `allowed` lets pass.
    pub(super) fn likeliest(&self, allowed: impl Fn(Category) -> bool) -> Category {
        let allowed = Category::ALL.into_iter().zip(self.0).filter(|(category, _)| allowed(*category));
        allowed.max_by(|one, other| one.1.total_cmp(&other.1)).map_or(Category::Question, |(category, _)| category)
    }
}

impl Model {
    /// Weights from training, each reduced to one byte.
    pub fn quantised(mut weights: Vec<(u32, [f32; ANSWERS])>, bias: [f32; ANSWERS]) -> Self {
        weights.sort_by_key(|(name, _)| *name);
        let mut steps = [0.0_f32; ANSWERS];
        for (_, row) in &weights {
            for (step, weight) in steps.iter_mut().zip(row) {
                *step = step.max(weight.abs() / 127.0);
            }
        }
        let mut rows = Vec::with_capacity(weights.len());
        for (_, row) in &weights {
            let mut small = [0; ROW];
            for ((small, weight), step) in small.iter_mut().zip(row).zip(steps) {
                *small = if step > 0.0 { (weight / step).round() as i8 } else { 0 };
            }
            rows.push(Row(small));
        }
        Self::new(bias, steps, weights.into_iter().map(|(name, _)| name).collect(), rows)
    }

    fn new(bias: [f32; ANSWERS], steps: [f32; ANSWERS], names: Vec<u32>, rows: Vec<Row>) -> Self {
        let mut table = vec![(0, 0); (names.len() * 2 + 2).next_power_of_two()];
        for (place, name) in names.iter().enumerate() {
            let mut slot = slot(*name, table.len());
            while table[slot].1 != 0 {
                slot = (slot + 1) & (table.len() - 1);
            }
            table[slot] = (*name, place as u32 + 1);
        }
        Self { bias, steps, names, rows, table }
    }

    /// As committed: the features' names in ascending order, one byte per weight.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend((self.names.len() as u32).to_le_bytes());
        for number in self.bias.iter().chain(&self.steps) {
            bytes.extend(number.to_le_bytes());
        }
        for name in &self.names {
            bytes.extend(name.to_le_bytes());
        }
        for row in &self.rows {
            bytes.extend(row.0[..ANSWERS].iter().map(|weight| weight.to_le_bytes()[0]));
        }
        bytes
    }

    /// The inverse of [`Model::to_bytes`]; none when the bytes are not whole.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(MAGIC)?;
        let count = u32::from_le_bytes(*take(&mut rest)?) as usize;
        if rest.len() != ANSWERS * 8 + count.checked_mul(4 + ANSWERS)? {
            return None;
        }
        let mut numbers = [0.0; ANSWERS * 2];
        for number in &mut numbers {
            *number = f32::from_le_bytes(*take(&mut rest)?);
        }
        let (bias, steps) = (std::array::from_fn(|at| numbers[at]), std::array::from_fn(|at| numbers[ANSWERS + at]));
        let mut names = Vec::with_capacity(count);
        for _ in 0..count {
            names.push(u32::from_le_bytes(*take(&mut rest)?));
        }
        let rows = rest
            .chunks_exact(ANSWERS)
            .map(|row| Row(std::array::from_fn(|at| row.get(at).map_or(0, |weight| i8::from_le_bytes([*weight])))));
        Some(Self::new(bias, steps, names, rows.collect()))
    }

    fn row(&self, name: u32) -> Option<&[i8; ROW]> {
        self.place(name, self.first(name)).map(|place| &self.rows[place].0)
    }

    /// What stands where a name is looked for first.
    fn first(&self, name: u32) -> (u32, u32) {
        self.table[slot(name, self.table.len())]
    }

    /// A name's place among the rows; `first` stands where it is looked for first.
    fn place(&self, name: u32, mut first: (u32, u32)) -> Option<usize> {
        let mut slot = slot(name, self.table.len());
        loop {
            match first {
                (_, 0) => return None,
                (known, place) if known == name => return Some(place as usize - 1),
                _ => slot = (slot + 1) & (self.table.len() - 1),
            }
            first = self.table[slot];
        }
    }

    pub(super) fn scores(&self, features: &[Feature]) -> Scores {
        let mut sums = [[0_i32; ROW]; Group::ALL.len()];
        let mut counts = [0; Group::ALL.len()];
        let (mut firsts, mut known) = ([(0, 0); TOGETHER], Vec::with_capacity(TOGETHER));
        for features in features.chunks(TOGETHER) {
            // Names and rows lie all over memory: looked up together, they are waited for together.
            for (first, feature) in firsts.iter_mut().zip(features) {
                *first = self.first(feature.name);
            }
            for (first, feature) in firsts.iter().zip(features) {
                let group = feature.group as usize;
                counts[group] += 1;
                known.extend(self.place(feature.name, *first).map(|place| (group, place)));
            }
            for (group, place) in known.drain(..) {
                add(&mut sums[group], &self.rows[place].0);
            }
        }
        let shares = Group::ALL.map(|group| group.share(counts[group as usize]));
        Scores(std::array::from_fn(|answer| {
            let sum: f32 = sums.iter().zip(shares).map(|(sum, share)| sum[answer] as f32 * share).sum();
            self.bias[answer] + sum * self.steps[answer]
        }))
    }

    /// What each word adds to an answer.
    pub(super) fn by_word(&self, features: &[Feature], words: usize, answer: usize) -> Vec<f32> {
        let count = |group| features.iter().filter(|feature| feature.group == group).count();
        let shares = Group::ALL.map(|group| group.share(count(group)));
        let mut added = vec![0.0; words];
        for feature in features.iter().filter(|feature| feature.end > feature.start) {
            if let Some(row) = self.row(feature.name) {
                let about = &mut added[feature.start as usize..feature.end as usize];
                let each = f32::from(row[answer]) * shares[feature.group as usize] / about.len() as f32;
                about.iter_mut().for_each(|word| *word += each * self.steps[answer]);
            }
        }
        added
    }
}

fn add(sums: &mut [i32; ROW], weights: &[i8; ROW]) {
    for (sum, weight) in sums.iter_mut().zip(weights) {
        *sum += i32::from(*weight);
    }
}

fn slot(name: u32, slots: usize) -> usize {
    name.wrapping_mul(0x9e37_79b1) as usize >> 7 & (slots - 1)
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (first, others) = rest.split_first_chunk()?;
    *rest = others;
    Some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_survive_being_written() {
        let row = |weight: f32| std::array::from_fn(|answer| weight * answer as f32);
        let model = Model::quantised(vec![(7, row(0.5)), (3, row(-1.0)), (u32::MAX, row(0.0))], [0.25; ANSWERS]);
        let bytes = model.to_bytes();
        let again = Model::from_bytes(&bytes).unwrap();
        assert_eq!(again.to_bytes(), bytes);
        assert_eq!(again.row(3).unwrap()[1..3], [-127, -127]);
        assert_eq!(again.row(4), None);
        assert!(Model::from_bytes(&bytes[1..]).is_none());
        assert!(Model::from_bytes(&bytes[..bytes.len() - 1]).is_none());
    }

    #[test]
    fn the_committed_weights_are_whole() {
        assert!(!trained().names.is_empty());
    }
}
