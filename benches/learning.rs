//! How well the preferred channel is learned: `cargo bench --bench learning`. Simulated leads, drawn as in [`Life::draw`],
//! and three ways of telling their preferred channel side by side: M.A.X.'s estimate (`insight::leaning`), which has to
//! learn the team's ways from 4,000 other leads; the brief's rule; and the best that any method could do, which knows how
//! the leads were drawn (Bayes, over 12,000 lives from the same urn).
//!
//! "Right" is a claim that names the channel that is the best one today, of a lead that makes a difference at all.

use std::time::Instant;

use max::domain::insight::Attempt;
use max::domain::{DAY, Timestamp};
use max::insight::leaning::{CHANNELS, SURE, Tallies, Team, leaning, tallies};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Over so many days attempts are spread.
const DAYS: f64 = 180.0;
const NOW: Timestamp = Timestamp(1_800_000_000);
const SEEDS: [u64; 5] = [1, 2, 3, 4, 5];
const LEADS: usize = 20_000;
const TEAM: usize = 4_000;
const LIVES: usize = 12_000;
/// The place of "no channel is the best".
const NONE: usize = 3;

/// A lead's rates of answers on each channel, today and at the beginning.
#[derive(Clone, Copy)]
struct Life {
    now: [f64; 3],
    then: [f64; 3],
    best: usize,
}

/// One attempt: the day, the channel's place, whether it was answered.
type Try = (f64, usize, bool);

impl Life {
    /// A third of the leads make no difference: one rate from 5 to 50 %. Of the others the best channel is 0 to 40 points
    /// ahead of the second, the third anywhere below that, all between 5 and 50 %. Half of all leads drift: at the
    /// beginning each rate was up to 15 points away, and moved evenly since.
    fn draw(random: &mut StdRng) -> Self {
        let (now, best) = if random.random_bool(1.0 / 3.0) {
            ([random.random_range(0.05..0.5); 3], NONE)
        } else {
            let gap = random.random_range(0.0..0.4);
            let high: f64 = random.random_range(0.05 + gap..0.5);
            let second = high - gap;
            let third = random.random_range(0.05..=second.max(0.05));
            let (best, turn) = (random.random_range(0..3), random.random_range(1..3));
            let mut rates = [third; 3];
            rates[best] = high;
            rates[(best + turn) % 3] = second;
            (rates, best)
        };
        let drifts = random.random_bool(0.5);
        let then =
            now.map(|rate| if drifts { (rate + random.random_range(-0.15..0.15_f64)).clamp(0.05, 0.5) } else { rate });
        Self { now, then, best }
    }

    fn rate(&self, place: usize, day: f64) -> f64 {
        let today = day / DAYS;
        self.now[place] * today + self.then[place] * (1.0 - today)
    }

    /// 4 to 40 attempts, spread unequally over channels.
    fn tries(&self, random: &mut StdRng) -> Vec<Try> {
        let shares: [f64; 3] = std::array::from_fn(|_| -(1.0 - random.random::<f64>()).ln());
        let total: f64 = shares.iter().sum();
        let mut tries: Vec<Try> = (0..random.random_range(4..=40))
            .map(|_| {
                let (day, pick) = (random.random_range(0.0..DAYS), random.random::<f64>() * total);
                let place = if pick < shares[0] { 0 } else { 1 + usize::from(pick >= shares[0] + shares[1]) };
                (day, place, random.random_bool(self.rate(place, day)))
            })
            .collect();
        tries.sort_by(|a, b| a.0.total_cmp(&b.0));
        tries
    }
}

/// What is said of a lead: the channel's place, and how sure it is.
type Claim = (usize, f64);

/// The probability of each channel, by a method that knows how lives are drawn.
fn bayes(tries: &[Try], lives: &[Life]) -> Claim {
    let mut weights = [0.0; 4];
    for life in lives {
        let likelihood: f64 = tries
            .iter()
            .map(|(day, place, answered)| {
                let rate = life.rate(*place, *day);
                if *answered { rate } else { 1.0 - rate }
            })
            .product();
        weights[life.best] += likelihood;
    }
    let total: f64 = weights.iter().sum();
    let (place, weight) =
        (0..3).map(|place| (place, weights[place])).max_by(|a, b| a.1.total_cmp(&b.1)).expect("three channels");
    (place, weight / total)
}

fn weighed(tries: &[Try]) -> Tallies {
    let attempts: Vec<Attempt> = tries
        .iter()
        .map(|(day, place, answered)| {
            #[expect(clippy::cast_possible_truncation, reason = "whole seconds")]
            let ago = ((DAYS - day) * DAY as f64) as i64;
            Attempt { channel: CHANNELS[*place], at: NOW.plus(-ago), answered: *answered }
        })
        .collect();
    tallies(&attempts, NOW)
}

/// The brief's rule: rates over 30 days, two attempts at least, more than 30 points ahead.
fn brief(tries: &[Try]) -> Option<Claim> {
    let mut rates: Vec<Claim> = (0..3)
        .filter_map(|place| {
            let recent = tries.iter().filter(|(day, on, _)| *on == place && *day > DAYS - 30.0);
            let (answered, all) =
                recent.fold((0.0, 0.0), |(yes, all), try_| (yes + f64::from(u8::from(try_.2)), all + 1.0));
            (all >= 2.0).then_some((place, answered / all))
        })
        .collect();
    rates.sort_by(|a, b| b.1.total_cmp(&a.1));
    let [best, second, ..] = rates.as_slice() else { return None };
    (best.1 - second.1 > 0.3).then_some((best.0, best.1 - second.1))
}

/// Figures of one method.
#[derive(Clone, Copy, Default)]
struct Figures {
    said: f64,
    right: f64,
    false_of_indifferent: f64,
}

/// The most confident claims, as many as `enough` accepts: given how many were said and how many were right.
fn figures(claims: &[Option<Claim>], lives: &[Life], enough: impl Fn(f64, f64, f64) -> bool) -> Figures {
    let mut order: Vec<(usize, Claim)> =
        claims.iter().enumerate().filter_map(|(lead, claim)| Some((lead, (*claim)?))).collect();
    order.sort_by(|a, b| b.1.1.total_cmp(&a.1.1));
    #[expect(clippy::cast_precision_loss, reason = "counts")]
    let (all, indifferent) = (lives.len() as f64, lives.iter().filter(|life| life.best == NONE).count() as f64);
    let (mut said, mut right, mut wrong_there) = (0.0, 0.0, 0.0);
    let mut found = Figures::default();
    for (lead, (place, sureness)) in order {
        said += 1.0;
        right += f64::from(u8::from(lives[lead].best == place));
        wrong_there += f64::from(u8::from(lives[lead].best == NONE));
        if enough(said, right, sureness) {
            found = Figures { said: said / all, right: right / said, false_of_indifferent: wrong_there / indifferent };
        }
    }
    found
}

fn mean(of: &[Figures]) -> Figures {
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let n = of.len() as f64;
    let part = |figure: fn(&Figures) -> f64| of.iter().map(figure).sum::<f64>() / n;
    Figures { said: part(|f| f.said), right: part(|f| f.right), false_of_indifferent: part(|f| f.false_of_indifferent) }
}

fn line(name: &str, figures: &Figures) {
    println!(
        "{name:44} {:>7.2} % {:>7.1} % {:>7.2} %",
        100.0 * figures.said,
        100.0 * figures.right,
        100.0 * figures.false_of_indifferent
    );
}

fn main() {
    let mut rows: [Vec<Figures>; 6] = Default::default();
    let (mut learning, mut telling) = (0.0, 0.0);
    for seed in SEEDS {
        let random = &mut StdRng::seed_from_u64(seed);
        let urn: Vec<Life> = (0..LIVES).map(|_| Life::draw(random)).collect();
        let others: Vec<Tallies> = (0..TEAM).map(|_| weighed(&Life::draw(random).tries(random))).collect();
        let lives: Vec<Life> = (0..LEADS).map(|_| Life::draw(random)).collect();
        let tries: Vec<Vec<Try>> = lives.iter().map(|life| life.tries(random)).collect();
        let begun = Instant::now();
        let team = Team::learn(&others);
        learning += begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        let ours: Vec<Option<Claim>> = tries
            .iter()
            .map(|tries| {
                let found = leaning(&weighed(tries), &team)?;
                Some((CHANNELS.iter().position(|channel| *channel == found.channel)?, found.sureness))
            })
            .collect();
        telling += begun.elapsed().as_secs_f64();
        let best: Vec<Option<Claim>> = tries.iter().map(|tries| Some(bayes(tries, &urn))).collect();
        let rule: Vec<Option<Claim>> = tries.iter().map(|tries| brief(tries)).collect();
        let nine_of_ten = |said: f64, right: f64, _| right >= 0.9 * said;
        let by_rule = figures(&rule, &lives, |_, _, _| true);
        #[expect(clippy::cast_precision_loss, reason = "a count")]
        let as_many = by_rule.said * LEADS as f64 + 0.5;
        rows[0].push(figures(&best, &lives, nine_of_ten));
        rows[1].push(figures(&ours, &lives, nine_of_ten));
        rows[2].push(figures(&ours, &lives, |_, _, sureness| sureness >= SURE));
        rows[3].push(by_rule);
        rows[4].push(figures(&ours, &lives, |said, _, _| said <= as_many));
        rows[5].push(figures(&best, &lives, |said, _, _| said <= as_many));
    }
    println!("{} x {LEADS} simulated leads, 4 to 40 attempts in {DAYS} days; a third make no difference", SEEDS.len());
    println!("{:44} {:>9} {:>9} {:>9}", "", "leads", "right", "false of");
    println!("{:44} {:>9} {:>9} {:>9}", "", "told of", "", "indiff.");
    let means = rows.map(|row| mean(&row));
    line("where 90 % is right: the best possible", &means[0]);
    line("where 90 % is right: M.A.X.", &means[1]);
    line("M.A.X. as it speaks (sureness 0.75)", &means[2]);
    line("the brief's rule", &means[3]);
    line("M.A.X., as often as the brief's rule", &means[4]);
    line("the best possible, as often", &means[5]);
    println!("coverage of M.A.X. against the best possible: {:.1} %", 100.0 * means[1].said / means[0].said);
    #[expect(clippy::cast_precision_loss, reason = "counts")]
    let (runs, leads) = (SEEDS.len() as f64, LEADS as f64);
    println!(
        "learning from {TEAM} leads {:.0} ms, telling of one {:.1} us",
        1e3 * learning / runs,
        1e6 * telling / runs / leads
    );
}
