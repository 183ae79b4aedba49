//! Whether it helps: the four figures, before M.A.X. was switched on and since, with how sure they are. Statistics only;
//! what is counted comes from `decide::measure`. `docs/kpi.md` is the exact meaning.

pub mod share;
pub mod wait;

use serde::{Deserialize, Serialize};

use crate::domain::{DAY, Seconds, Timestamp};
pub use share::{Share, Tally};
pub use wait::{Answered, Wait};

/// How much history each side is made of, at most.
pub const SPAN: Seconds = 90 * DAY;
/// With fewer leads on one side nothing is claimed.
pub const LEADS_NEEDED: u32 = 30;
/// A lead that was tried on its preferred channel, or not, counts as won when it is won within this time.
pub const WON_WITHIN: Seconds = 30 * DAY;

/// From when (inclusive) to when (exclusive) is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant that no longer counts.
    pub to: Timestamp,
}

/// The two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windows {
    /// Before M.A.X. was switched on.
    pub before: Window,
    /// Since, or the last days.
    pub after: Window,
}

impl Windows {
    /// The windows of a M.A.X. that was switched on at `switched_on`, as of `now`.
    pub fn of(switched_on: Timestamp, now: Timestamp) -> Self {
        let before = Window { from: switched_on.plus(-SPAN), to: switched_on };
        let to = now.max(switched_on);
        Self { before, after: Window { from: switched_on.max(to.plus(-SPAN)), to } }
    }
}

/// What one lead adds to one side.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Sample {
    /// Follow-ups: those in time, and all whose time was up.
    pub follow_ups: (u32, u32),
    /// Messages with intent that waited.
    pub hot: Vec<Hot>,
    /// The first time somebody wrote or called while its preferred channel was known.
    pub tried: Option<Tried>,
    /// Whether it was forgotten at the end; `None` when it was not there to be.
    pub forgotten: Option<bool>,
}

impl Sample {
    /// Whether it adds nothing at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How long a hot lead waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hot {
    /// Seconds of the owner's working hours.
    pub working: Seconds,
    /// Seconds by the clock.
    pub elapsed: Seconds,
    /// Until it was answered; else until the window ended, or the lead was won.
    pub answered: bool,
}

/// A lead that somebody wrote to or called while its preferred channel was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// On that channel.
    pub preferred: bool,
    /// It was won within [`WON_WITHIN`].
    pub won: bool,
}

/// What has been gathered of one side.
#[derive(Clone, Debug, Default)]
struct Side {
    follow_up: Tally,
    hot: Vec<(u32, Hot)>,
    preferred: Tally,
    other: Tally,
    forgotten: Tally,
}

impl Side {
    fn add(&mut self, lead: u32, sample: &Sample) {
        let (in_time, all) = sample.follow_ups;
        self.follow_up.add(in_time, all);
        self.hot.extend(sample.hot.iter().map(|hot| (lead, *hot)));
        if let Some(Tried { preferred, won }) = sample.tried {
            let tally = if preferred { &mut self.preferred } else { &mut self.other };
            tally.add(u32::from(won), 1);
        }
        if let Some(forgotten) = sample.forgotten {
            self.forgotten.add(u32::from(forgotten), 1);
        }
    }

    fn waits(&self, span: impl Fn(&Hot) -> Seconds) -> Vec<Wait> {
        let wait = |(lead, hot): &(u32, Hot)| Wait { lead: *lead, span: span(hot), answered: hot.answered };
        self.hot.iter().map(wait).collect()
    }
}

/// What has been gathered of both sides, lead by lead.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    before: Side,
    after: Side,
    leads: u32,
}

impl Gathered {
    /// Takes in one lead: what it adds before and after. Once for each lead.
    pub fn add(&mut self, [before, after]: &[Sample; 2]) {
        self.before.add(self.leads, before);
        self.after.add(self.leads, after);
        self.leads += 1;
    }

    /// What all of it comes to.
    pub fn conclude(&self, windows: Windows) -> Report {
        let (before, after) = (&self.before, &self.after);
        let by_channel = |side: &Side| Contrast::of(&side.other, &side.preferred, Better::More);
        Report {
            windows,
            follow_up: Contrast::of(&before.follow_up, &after.follow_up, Better::More),
            response: Response::of(
                [before, after].map(|side| side.waits(|hot| hot.working)),
                [before, after].map(|side| side.waits(|hot| hot.elapsed)),
            ),
            preferred: Preferred { before: by_channel(before), after: by_channel(after) },
            forgotten: Contrast::of(&before.forgotten, &after.forgotten, Better::Less),
        }
    }
}

/// The four figures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was looked at.
    pub windows: Windows,
    /// Follow-ups in time, of all whose time was up.
    pub follow_up: Contrast,
    /// How long hot leads waited for an answer.
    pub response: Response,
    /// Leads won when they were tried on their preferred channel, against another.
    pub preferred: Preferred,
    /// Active leads that nobody thinks of any more, at the end of each side.
    pub forgotten: Contrast,
}

impl Report {
    /// Whether nothing at all was counted.
    pub fn is_empty(&self) -> bool {
        let contrasts = [&self.follow_up, &self.preferred.before, &self.preferred.after, &self.forgotten];
        contrasts.iter().all(|contrast| contrast.before.of + contrast.after.of == 0)
            && self.response.working.iter().all(|side| side.messages == 0)
    }
}

/// A change, and between what it lies with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The second less the first.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// What may be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Claim {
    /// It is better.
    Better,
    /// It is worse.
    Worse,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Better {
    More,
    Less,
}

impl Change {
    /// What may be said of it, with so many leads on the two sides.
    fn claim(&self, leads: [u32; 2], better: Better) -> Option<Claim> {
        let (rose, fell) = (self.low > 0.0, self.high < 0.0);
        if leads.into_iter().any(|leads| leads < LEADS_NEEDED) || rose == fell {
            return None;
        }
        Some(if rose == (better == Better::More) { Claim::Better } else { Claim::Worse })
    }
}

/// Two shares side by side.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contrast {
    /// Before; or on another channel.
    pub before: Share,
    /// After; or on the preferred channel.
    pub after: Share,
    /// From the one to the other, as a share (0.1 is ten points).
    pub change: Option<Change>,
    /// What may be said of it.
    pub claim: Option<Claim>,
}

impl Contrast {
    fn of(before: &Tally, after: &Tally, better: Better) -> Self {
        let (before, after) = (before.share(), after.share());
        let change = share::change(&before, &after);
        let claim = change.and_then(|change| change.claim([before.leads, after.leads], better));
        Self { before, after, change, claim }
    }
}

/// Conversion by channel, on each side.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preferred {
    /// Before: another channel against the preferred one.
    pub before: Contrast,
    /// The same after.
    pub after: Contrast,
}

/// How long hot leads waited, before and after.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// In working hours.
    pub working: [Answered; 2],
    /// By the clock.
    pub elapsed: [Answered; 2],
    /// Of the median in working hours, in seconds.
    pub change: Option<Change>,
    /// What may be said of it.
    pub claim: Option<Claim>,
}

impl Response {
    fn of(working: [Vec<Wait>; 2], elapsed: [Vec<Wait>; 2]) -> Self {
        let (working, change) = wait::compare(working);
        let elapsed = elapsed.map(Answered::of);
        let leads = working.map(|side| side.leads);
        let claim = change.and_then(|change| change.claim(leads, Better::Less));
        Self { working, elapsed, change, claim }
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::domain::HOUR;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    /// Leads who differ: each has a rate of its own around `rate`, and up to six follow-ups; replies take hours, some of
    /// them none at all, and some never come.
    fn simulate(random: &mut StdRng, leads: usize, rates: [f64; 2], hours: [f64; 2]) -> Gathered {
        let mut gathered = Gathered::default();
        for _ in 0..leads {
            let own: f64 = random.random_range(-0.25..0.25);
            gathered.add(&[0, 1].map(|side| sample(random, own, rates[side], hours[side])));
        }
        gathered
    }

    fn sample(random: &mut StdRng, own: f64, rate: f64, hours: f64) -> Sample {
        let rate = (rate + own).clamp(0.0, 1.0);
        let of = random.random_range(0..=6);
        let hits = (0..of).filter(|_| random.random_bool(rate)).count();
        let mut wait = || {
            let asked_at_night = random.random_bool(0.2);
            let drawn = -(1.0 - random.random::<f64>()).ln() * (1.0 + own) * hours;
            let working = if asked_at_night { 0 } else { (drawn * HOUR as f64) as Seconds / 300 * 300 };
            Hot { working, elapsed: working + HOUR, answered: random.random_bool(0.9) }
        };
        let hot = (0..of % 3).map(|_| wait()).collect();
        let (preferred, won) = (random.random_bool(0.5), random.random_bool(rate / 3.0));
        let tried = random.random_bool(0.6).then_some(Tried { preferred, won });
        Sample {
            follow_ups: (u32::try_from(hits).unwrap(), of),
            hot,
            tried,
            forgotten: Some(random.random_bool(rate / 2.0)),
        }
    }

    fn claims(report: &Report) -> [Option<Claim>; 4] {
        [report.follow_up.claim, report.response.claim, report.preferred.after.claim, report.forgotten.claim]
    }

    /// Without any effect, how often each figure claims one, of so many tries.
    fn false_claims(seed: u64, leads: usize, tries: u32) -> [f64; 4] {
        let mut random = StdRng::seed_from_u64(seed);
        let windows = Windows::of(NOW.plus(-SPAN), NOW);
        let mut found = [0; 4];
        for _ in 0..tries {
            let report = simulate(&mut random, leads, [0.4; 2], [3.0; 2]).conclude(windows);
            found.iter_mut().zip(claims(&report)).for_each(|(found, claim)| *found += u32::from(claim.is_some()));
        }
        found.map(|found| f64::from(found) / f64::from(tries))
    }

    /// `cargo bench --bench kpi` tries it more often, and prints the figures.
    #[test]
    fn false_claims_are_at_most_one_in_twenty() {
        for (seed, leads, tries) in [(1, 60, 150), (2, 200, 50)] {
            let rates = false_claims(seed, leads, tries);
            println!("{leads} leads without any effect, {tries} tries: claims {rates:?}");
            // Three standard errors above 5 % would be chance.
            let most = 0.05 + 3.0 * (0.05 * 0.95 / f64::from(tries)).sqrt();
            assert!(rates.iter().all(|rate| *rate <= most), "{leads} leads: {rates:?}, at most {most}");
        }
    }

    #[test]
    fn an_effect_is_found_and_points_the_right_way() {
        let windows = Windows::of(NOW.plus(-SPAN), NOW);
        let (mut better, mut worse) = (0, 0);
        for seed in 0..20 {
            let mut random = StdRng::seed_from_u64(seed);
            let gathered = simulate(&mut random, 300, [0.35, 0.6], [8.0, 2.0]);
            let mirrored =
                Gathered { before: gathered.after.clone(), after: gathered.before.clone(), leads: gathered.leads };
            let (report, back) = (gathered.conclude(windows), mirrored.conclude(windows));
            better += usize::from(report.follow_up.claim == Some(Claim::Better));
            better += usize::from(report.response.claim == Some(Claim::Better));
            worse += usize::from(back.follow_up.claim == Some(Claim::Worse));
            worse += usize::from(back.response.claim == Some(Claim::Worse));
            // More forgotten leads are worse, whatever else improved.
            assert_ne!(report.forgotten.claim, Some(Claim::Better));
            assert_ne!(back.forgotten.claim, Some(Claim::Worse));
            let turned = |change: Change| (-change.value, -change.high, -change.low);
            let (there, back) = (report.follow_up.change.unwrap(), back.follow_up.change.unwrap());
            assert!((turned(there).0 - back.value).abs() < 1e-12 && (turned(there).1 - back.low).abs() < 1e-12);
        }
        assert_eq!((better, worse), (40, 40), "of 40 each way");
    }

    #[test]
    fn with_few_leads_nothing_is_claimed_whatever_the_figures_say() {
        let windows = Windows::of(NOW.plus(-SPAN), NOW);
        let clear = |leads: u32| {
            let mut gathered = Gathered::default();
            let hot = |hours: i64| vec![Hot { working: hours * HOUR, elapsed: hours * HOUR, answered: true }];
            for lead in 0..leads {
                let tried = Some(Tried { preferred: lead % 2 == 0, won: lead % 2 == 0 });
                let before = Sample { follow_ups: (0, 1), hot: hot(20), tried, forgotten: Some(true) };
                let after = Sample { follow_ups: (1, 1), hot: hot(1), tried, forgotten: Some(false) };
                gathered.add(&[before, after]);
            }
            gathered.conclude(windows)
        };
        assert_eq!(claims(&clear(29)), [None; 4]);
        let better = Some(Claim::Better);
        assert_eq!(claims(&clear(30)), [better, better, None, better], "fifteen leads on each channel");
        assert_eq!(claims(&clear(60)), [better; 4]);
        assert_eq!(clear(29).follow_up.before.of, 29, "they are counted all the same");
    }

    #[test]
    fn nothing_at_all_comes_to_nothing() {
        let report = Gathered::default().conclude(Windows::of(NOW, NOW));
        assert_eq!(claims(&report), [None; 4]);
        assert_eq!(report.follow_up.after.rate, None);
        assert_eq!(report.response.working[1].median, None);
    }

    #[test]
    fn the_windows_meet_where_it_was_switched_on_and_never_overlap() {
        let young = Windows::of(NOW, NOW.plus(10 * DAY));
        assert_eq!(young.before, Window { from: NOW.plus(-SPAN), to: NOW });
        assert_eq!(young.after, Window { from: NOW, to: NOW.plus(10 * DAY) });
        let old = Windows::of(NOW, NOW.plus(400 * DAY));
        assert_eq!(old.before, young.before, "the baseline stays");
        assert_eq!(old.after, Window { from: NOW.plus(310 * DAY), to: NOW.plus(400 * DAY) });
        let set_back = Windows::of(NOW, NOW.plus(-DAY));
        assert_eq!(set_back.after, Window { from: NOW, to: NOW });
    }
}
