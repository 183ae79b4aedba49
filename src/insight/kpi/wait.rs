//! How long answers took: the median and the 90th percentile, where some have not come yet (Kaplan and Meier), and the
//! difference of two medians (a bootstrap over leads, with a fixed seed: the same figures give the same answer).

use serde::{Deserialize, Serialize};

use super::Change;
use crate::domain::Seconds;

/// How often the leads are drawn anew.
const DRAWS: usize = 1_000;
/// How many drawings are done together.
const TOGETHER: usize = 8;
/// Where the drawing begins.
const SEED: u64 = 0x6d61_782d_6b70_6973;

/// One wait for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Whose, by a number.
    pub lead: u32,
    /// How long, in seconds.
    pub span: Seconds,
    /// Until the answer; else at least so long.
    pub answered: bool,
}

/// How long answers took on one side.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Answered {
    /// How many waited.
    pub messages: u32,
    /// How many of them were answered.
    pub answered: u32,
    /// Of how many different leads these are.
    pub leads: u32,
    /// Half were answered within so many seconds; `None` when less than half were.
    pub median: Option<Seconds>,
    /// Nine in ten were.
    pub p90: Option<Seconds>,
}

impl Answered {
    /// Of some waits, in any order.
    pub fn of(waits: Vec<Wait>) -> Self {
        Waits::of(waits).answered()
    }
}

/// Waits of some leads, shortest first.
struct Waits {
    /// With the leads numbered without gaps.
    waits: Vec<Wait>,
    leads: u32,
}

impl Waits {
    fn of(mut waits: Vec<Wait>) -> Self {
        let mut numbers: Vec<u32> = waits.iter().map(|wait| wait.lead).collect();
        numbers.sort_unstable();
        numbers.dedup();
        for wait in &mut waits {
            let place = numbers.partition_point(|number| *number < wait.lead);
            wait.lead = u32::try_from(place).unwrap_or(u32::MAX);
        }
        waits.sort_unstable_by_key(|wait| (wait.span, !wait.answered, wait.lead));
        Self { leads: u32::try_from(numbers.len()).unwrap_or(u32::MAX), waits }
    }

    fn answered(&self) -> Answered {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Answered {
            messages: count(self.waits.len()),
            answered: count(self.waits.iter().filter(|wait| wait.answered).count()),
            leads: self.leads,
            median: self.quantile(0.5, |_| 1),
            p90: self.quantile(0.9, |_| 1),
        }
    }

    /// Within which time `part` of them were answered, each lead counting `weight` times.
    fn quantile(&self, part: f64, weight: impl Fn(u32) -> u32) -> Option<Seconds> {
        let mut waiting: u64 = self.waits.iter().map(|wait| u64::from(weight(wait.lead))).sum();
        let mut unanswered = 1.0;
        for together in self.waits.chunk_by(|one, other| one.span == other.span) {
            let (mut answered, mut all) = (0, 0);
            for wait in together {
                let weight = u64::from(weight(wait.lead));
                all += weight;
                answered += if wait.answered { weight } else { 0 };
            }
            if answered > 0 {
                #[expect(clippy::cast_precision_loss, reason = "counts")]
                let stay = 1.0 - answered as f64 / waiting as f64;
                unanswered *= stay;
                if is_reached(part, unanswered) {
                    return together.first().map(|wait| wait.span);
                }
            }
            waiting -= all;
        }
        None
    }

    /// The median of each drawing of the leads; infinite where less than half were answered.
    fn drawn_medians(&self, random: &mut Random, poisson: &Poisson) -> Vec<f64> {
        let mut weights = vec![[0; TOGETHER]; self.leads as usize];
        let draw = |_| {
            random.draw(poisson, &mut weights);
            #[expect(clippy::cast_precision_loss, reason = "seconds of some years are exact")]
            self.medians(&weights).map(|median| median.map_or(f64::INFINITY, |median| median as f64))
        };
        (0..DRAWS / TOGETHER).flat_map(draw).collect()
    }

    /// The median of several drawings at once, each as [`Waits::quantile`] says: one look at each wait serves all.
    fn medians(&self, weights: &[[u8; TOGETHER]]) -> [Option<Seconds>; TOGETHER] {
        let sum = |waits: &[Wait]| {
            waits.iter().fold([0; TOGETHER], |mut sum: [u32; TOGETHER], wait| {
                sum.iter_mut().zip(weights[wait.lead as usize]).for_each(|(sum, weight)| *sum += u32::from(weight));
                sum
            })
        };
        let mut waiting = sum(&self.waits);
        let mut unanswered = [1.0; TOGETHER];
        let mut medians = [None; TOGETHER];
        for together in self.waits.chunk_by(|one, other| one.span == other.span) {
            // Those that were answered come first.
            let (answered, censored) = together.split_at(together.partition_point(|wait| wait.answered));
            let (answered, censored) = (sum(answered), sum(censored));
            for place in 0..TOGETHER {
                let stay = 1.0 - f64::from(answered[place]) / f64::from(waiting[place]);
                unanswered[place] *= if answered[place] > 0 { stay } else { 1.0 };
                waiting[place] -= answered[place] + censored[place];
            }
            if unanswered.iter().any(|unanswered| is_reached(0.5, *unanswered)) {
                for (median, unanswered) in medians.iter_mut().zip(unanswered) {
                    *median = median.or(together.first().map(|wait| wait.span).filter(|_| is_reached(0.5, unanswered)));
                }
                if medians.iter().all(Option::is_some) {
                    break;
                }
            }
        }
        medians
    }
}

/// Whether `part` of them were answered, where so many were not.
fn is_reached(part: f64, unanswered: f64) -> bool {
    // Half of ten is five, whatever the rounding.
    unanswered <= 1.0 - part + 1e-9
}

/// Both sides, and the change of the median from the first to the second, in seconds; `None` when one has none.
pub(super) fn compare(sides: [Vec<Wait>; 2]) -> ([Answered; 2], Option<Change>) {
    let sides = sides.map(Waits::of);
    let answered = sides.each_ref().map(Waits::answered);
    let [Some(before), Some(after)] = answered.map(|side| side.median) else { return (answered, None) };
    let (mut random, poisson) = (Random(SEED), Poisson::new());
    let drawn = sides.map(|side| side.drawn_medians(&mut random, &poisson));
    let mut changes: Vec<f64> =
        drawn[0].iter().zip(&drawn[1]).map(|(before, after)| difference(*before, *after)).collect();
    changes.sort_by(f64::total_cmp);
    // The ends are those outside of which at most 2.5 % lie.
    let tail = DRAWS / 40;
    let (low, high) = (changes[tail - 1], changes[DRAWS - tail]);
    #[expect(clippy::cast_precision_loss, reason = "seconds of some years are exact")]
    let value = (after - before) as f64;
    // What nobody knows the end of is not a figure to show, nor to claim anything by.
    let is_known = low.is_finite() && high.is_finite();
    (answered, is_known.then_some(Change { value, low: low.min(value), high: high.max(value) }))
}

/// Where neither was answered by half, neither is the faster.
fn difference(before: f64, after: f64) -> f64 {
    if before.is_infinite() && after.is_infinite() { 0.0 } else { after - before }
}

/// SplitMix64: small, and the same numbers for ever.
struct Random(u64);

impl Random {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

    /// 53 bits of the number that comes so many after the present one.
    fn peek(&self, ahead: u64) -> u64 {
        let state = self.0.wrapping_add(Self::STEP.wrapping_mul(ahead));
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) >> 11
    }

    /// Draws as many leads as there are, several times: for each lead how often it was drawn each time. The first drawing
    /// takes the first numbers, a number for each lead, the second the next ones.
    fn draw(&mut self, poisson: &Poisson, weights: &mut [[u8; TOGETHER]]) {
        let leads = weights.len() as u64;
        for (lead, weights) in (1..).zip(weights) {
            for (drawing, weight) in (0..).zip(weights) {
                *weight = poisson.count(self.peek(drawing * leads + lead));
            }
        }
        self.0 = self.0.wrapping_add(Self::STEP.wrapping_mul(leads * TOGETHER as u64));
    }
}

/// How often one of many is drawn when as many are drawn as there are: Poisson's law with mean 1. From 53 random bits: the
/// count for the first of them, where that is certain.
struct Poisson([Option<u8>; 1 << Poisson::BITS]);

impl Poisson {
    const BITS: u32 = 10;

    fn new() -> Self {
        Self(std::array::from_fn(|first| {
            let lowest = (first as u64) << (53 - Self::BITS);
            // The count grows with the number.
            let [low, high] = [lowest, lowest + (1 << (53 - Self::BITS)) - 1].map(Self::worked_out);
            (low == high).then_some(low)
        }))
    }

    fn count(&self, drawn: u64) -> u8 {
        self.0[(drawn >> (53 - Self::BITS)) as usize].unwrap_or_else(|| Self::worked_out(drawn))
    }

    fn worked_out(drawn: u64) -> u8 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let drawn = drawn as f64 / (1_u64 << 53) as f64;
        let (mut count, mut probability) = (0, (-1.0_f64).exp());
        let mut below = probability;
        while drawn >= below && count < 16 {
            count += 1;
            probability /= f64::from(count);
            below += probability;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::HOUR;

    /// Weeks in remission; a minus stands for "at least so long".
    fn waits(weeks: &[i64]) -> Vec<Wait> {
        let wait = |(lead, weeks): (u32, &i64)| Wait { lead, span: weeks.abs(), answered: *weeks > 0 };
        (0..).zip(weeks).map(wait).collect()
    }

    const PLACEBO: [i64; 21] = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23];
    const DRUG: [i64; 21] = [6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35];

    /// Freireich and others, Blood 21 (1963): 6-mercaptopurine against placebo, the example of every textbook.
    #[test]
    fn medians_are_those_in_the_literature() {
        let (placebo, drug) = (Answered::of(waits(&PLACEBO)), Answered::of(waits(&DRUG)));
        assert_eq!((placebo.median, placebo.p90), (Some(8), Some(17)));
        assert_eq!((drug.median, drug.p90), (Some(23), None));
        assert_eq!((drug.messages, drug.answered, drug.leads), (21, 9, 21));
        let (_, change) = compare([waits(&PLACEBO), waits(&DRUG)]);
        assert!(change.is_none_or(|change| change.low > 0.0), "{change:?}");
    }

    #[test]
    fn what_waits_counts_as_long_as_it_waited() {
        let of = |weeks: &[i64]| Answered::of(waits(weeks)).median;
        assert_eq!(of(&[1, 2, 3, 4]), Some(2));
        assert_eq!(of(&[1, 2, -3, -4]), Some(2));
        assert_eq!(of(&[1, -2, -3, -4]), None, "a quarter is not half");
        assert_eq!(of(&[-1, -1, -1, 4]), Some(4), "those who left early say nothing of later");
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn a_bootstrap_covers_what_is_there_and_is_the_same_twice() {
        let side = |hours: i64| -> Vec<Wait> {
            (0..80).map(|n| Wait { lead: n / 2, span: hours * HOUR * i64::from(n + 1) / 40, answered: true }).collect()
        };
        let (answered, change) = compare([side(10), side(2)]);
        let change = change.unwrap();
        assert_eq!(answered[0].leads, 40);
        assert!(change.low < change.value && change.value < change.high && change.high < 0.0, "{change:?}");
        assert_eq!(compare([side(10), side(2)]).1, Some(change));
        let (_, nothing) = compare([side(5), side(5)]);
        assert!(nothing.is_some_and(|change| change.low <= 0.0 && change.high >= 0.0), "{nothing:?}");
    }

    #[test]
    fn drawing_is_fair() {
        let poisson = Poisson::new();
        let drawn: Vec<u8> = (1..=100_000).map(|place| poisson.count(Random(7).peek(place))).collect();
        let mean = drawn.iter().map(|count| u32::from(*count)).sum::<u32>() as f64 / drawn.len() as f64;
        let none = drawn.iter().filter(|count| **count == 0).count() as f64 / drawn.len() as f64;
        assert!((mean - 1.0).abs() < 0.01 && (none - 0.3679).abs() < 0.005, "{mean} {none}");
        let numbers = [6_457_827_717_110_365_317_u64, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!(
            [1, 2, 3].map(|place| Random(1_234_567).peek(place)),
            numbers.map(|number| number >> 11),
            "SplitMix64"
        );
    }

    #[test]
    fn several_drawings_at_once_are_as_many_one_after_the_other() {
        let mut thrown = 0;
        let mut dice = |sides: u64| {
            thrown += 1;
            i64::try_from(Random(11).peek(thrown) % sides).unwrap()
        };
        for (leads, waits, spans) in [(1, 1, 1), (3, 10, 4), (40, 90, 30), (200, 300, 100_000)] {
            let wait = |_| Wait { lead: dice(leads) as u32, span: dice(spans), answered: dice(3) > 0 };
            let waits = Waits::of((0..waits).map(wait).collect());
            let poisson = Poisson::new();
            let leads = u64::from(waits.leads);
            let drawn_once = |drawing: u64| {
                let weight = |lead: u32| Poisson::worked_out(Random(SEED).peek(drawing * leads + u64::from(lead) + 1));
                waits.quantile(0.5, |lead| u32::from(weight(lead))).map_or(f64::INFINITY, |median| median as f64)
            };
            let one_by_one: Vec<f64> = (0..DRAWS as u64).map(drawn_once).collect();
            let mut random = Random(SEED);
            assert_eq!(waits.drawn_medians(&mut random, &poisson), one_by_one);
            assert_eq!(random.peek(1), Random(SEED).peek(leads * DRAWS as u64 + 1), "as many numbers were taken");
        }
    }
}
