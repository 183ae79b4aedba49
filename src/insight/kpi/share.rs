//! Shares: how many of how many, and how sure that is. Wilson's interval for one, Newcombe's for the difference of two.
//!
//! Several follow-ups of one lead are not as many leads: whoever is forgotten once is forgotten twice. So the intervals
//! are made from an effective number, smaller by the design effect that the leads show (Kish; a linearised variance with
//! the lead as the unit). Where every lead counts once it is the plain interval.

use serde::{Deserialize, Serialize};

use super::Change;

/// 97.5 % of a normal distribution lie below.
const Z: f64 = 1.959_963_984_540_054;

/// Counts of a share, lead by lead.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Tally {
    hits: u32,
    of: u32,
    leads: u32,
    /// Over the leads: the sums of hits², hits × all, all².
    squares: [f64; 3],
}

/// A share, with all that is needed to judge it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// How many did.
    pub hits: u32,
    /// Of how many.
    pub of: u32,
    /// Of how many different leads these are.
    pub leads: u32,
    /// The share, 0 to 1; `None` of nothing.
    pub rate: Option<f64>,
    /// Between what it lies with 95 % confidence.
    pub interval: Option<(f64, f64)>,
}

impl Tally {
    /// Takes in one lead: `hits` of `of`. One with nothing to count is not counted.
    pub fn add(&mut self, hits: u32, of: u32) {
        if of == 0 {
            return;
        }
        self.hits += hits;
        self.of += of;
        self.leads += 1;
        let (hits, of) = (f64::from(hits), f64::from(of));
        self.squares[0] += hits * hits;
        self.squares[1] += hits * of;
        self.squares[2] += of * of;
    }

    /// What it comes to.
    pub fn share(&self) -> Share {
        let rate = (self.of > 0).then(|| f64::from(self.hits) / f64::from(self.of));
        let interval = rate.map(|rate| wilson(rate, self.effective(rate)));
        Share { hits: self.hits, of: self.of, leads: self.leads, rate, interval }
    }

    /// How many counts that do not depend on each other these are worth.
    fn effective(&self, rate: f64) -> f64 {
        let (of, leads) = (f64::from(self.of), f64::from(self.leads));
        let [hits_hits, hits_of, of_of] = self.squares;
        let alike = of_of / of;
        let plain = rate * (1.0 - rate) * of;
        let design = if leads < 2.0 || plain <= 0.0 {
            // Nothing shows how much alike a lead's counts are: as if they were the same.
            alike
        } else {
            let spread = hits_hits - 2.0 * rate * hits_of + rate * rate * of_of;
            spread / plain
        };
        of / design.max(1.0)
    }
}

/// Wilson's score interval of a share among `of`, at 95 %.
pub fn wilson(rate: f64, of: f64) -> (f64, f64) {
    let square = Z * Z / of;
    let middle = rate + square / 2.0;
    let half = Z * (rate * (1.0 - rate) / of + square / (4.0 * of)).sqrt();
    let ends = [(middle - half) / (1.0 + square), (middle + half) / (1.0 + square)];
    (ends[0].clamp(0.0, rate), ends[1].clamp(rate, 1.0))
}

/// From one share to another, with Newcombe's hybrid score interval (his method 10); `None` when one is of nothing.
pub(super) fn change(before: &Share, after: &Share) -> Option<Change> {
    let ((from, (from_low, from_high)), (to, (to_low, to_high))) =
        (before.rate.zip(before.interval)?, after.rate.zip(after.interval)?);
    let value = to - from;
    let low = value - (to - to_low).hypot(from_high - from);
    let high = value + (to_high - to).hypot(from - from_low);
    Some(Change { value, low, high })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn singles(hits: u32, of: u32) -> Tally {
        let mut tally = Tally::default();
        (0..of).for_each(|lead| tally.add(u32::from(lead < hits), 1));
        tally
    }

    fn near(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 0.000_06, "{found} is not {wanted}");
    }

    /// Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3.
    #[test]
    fn intervals_of_one_share_are_those_in_the_literature() {
        for (hits, of, low, high) in
            [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
        {
            let (found_low, found_high) = singles(hits, of).share().interval.unwrap();
            near(found_low, low);
            near(found_high, high);
        }
    }

    /// Newcombe, Statistics in Medicine 17 (1998), 873-890, table II, method 10.
    #[test]
    fn intervals_of_a_difference_are_those_in_the_literature() {
        for (one, other, low, high) in [
            ((56, 70), (48, 80), 0.0524, 0.3339),
            ((9, 10), (3, 10), 0.1705, 0.8090),
            ((6, 7), (2, 7), 0.0582, 0.8062),
            ((5, 56), (0, 29), -0.0381, 0.1926),
            ((0, 10), (0, 20), -0.1611, 0.2775),
            ((0, 10), (0, 10), -0.2775, 0.2775),
            ((10, 10), (0, 20), 0.6791, 1.0),
        ] {
            let of = |(hits, of)| singles(hits, of).share();
            let change = change(&of(other), &of(one)).unwrap();
            near(change.low, low);
            near(change.high, high);
        }
    }

    #[test]
    fn counts_of_one_lead_are_worth_less_than_as_many_leads() {
        let mut alike = Tally::default();
        (0..50).for_each(|lead| alike.add(if lead < 20 { 4 } else { 0 }, 4));
        let width = |share: Share| share.interval.map(|(low, high)| high - low).unwrap();
        let (clustered, fifty, two_hundred) = (alike.share(), singles(20, 50).share(), singles(80, 200).share());
        assert_eq!((clustered.hits, clustered.of, clustered.leads), (80, 200, 50));
        assert!((width(clustered) - width(fifty)).abs() < 0.01, "what is always alike counts once");
        assert!(width(clustered) > 1.8 * width(two_hundred));
        let mut never = Tally::default();
        (0..50).for_each(|_| never.add(0, 4));
        assert!((width(never.share()) - width(singles(0, 50).share())).abs() < 1e-12);
    }
}
