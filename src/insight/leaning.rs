//! Which channel a lead answers on, and how sure that is: an estimate beside the rule PreferredChannel, for suggestions.
//!
//! **The model.** Each attempt on a channel is answered with the lead's rate there. Either the lead makes no difference
//! between the channels (one rate for all), or each channel has a rate of its own. How rates are spread, and how many leads
//! make a difference, is learned from the team's leads by expectation-maximisation ([`Team::learn`]), with rates on a grid
//! of [`STEPS`] steps: a beta-binomial whose prior has the shape that the team's leads have, instead of a beta's. That
//! shape matters: where nobody answers more than half of what is sent, four answers out of five are mostly luck.
//! A lead's own attempts then say how probable it is that one channel is the best ([`leaning`]). Older attempts weigh
//! less, by [`HALF_LIFE`]. `cargo bench --bench learning` holds this against the best that any method could do.

use serde::{Deserialize, Serialize};

use crate::domain::insight::Attempt;
use crate::domain::{Channel, DAY, Seconds, Timestamp};

/// The channels that are compared, in the order of [`Tallies`].
pub const CHANNELS: [Channel; 3] = [Channel::Whatsapp, Channel::Email, Channel::Call];
/// Rates are looked at in so many steps.
pub const STEPS: usize = 32;
/// An attempt so old weighs half of one of today.
pub const HALF_LIFE: Seconds = 600 * DAY;
/// From this probability on a lead's channel is spoken of. In the simulation more than 90 in 100 of what is said at
/// this sureness is right.
pub const SURE: f64 = 0.75;
/// As so many leads of no team in particular a team begins.
const STRANGERS: f64 = 20.0;
/// Learning takes so many rounds.
const ROUNDS: usize = 150;

/// What became of the attempts on one channel; fractions, since older ones weigh less.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Answered.
    pub answered: f64,
    /// Not answered.
    pub unanswered: f64,
}

/// A lead's attempts, by channel of [`CHANNELS`].
pub type Tallies = [Tally; 3];

type Grid = [f64; STEPS];

/// The attempts as they weigh at `now`. Those on other channels, and those after `now`, do not count.
pub fn tallies(attempts: &[Attempt], now: Timestamp) -> Tallies {
    let mut tallies = Tallies::default();
    for attempt in attempts.iter().filter(|attempt| attempt.at <= now) {
        let Some(place) = CHANNELS.iter().position(|channel| *channel == attempt.channel) else { continue };
        #[expect(clippy::cast_precision_loss, reason = "seconds of some years are exact")]
        let weight = 0.5_f64.powf(now.since(attempt.at) as f64 / HALF_LIFE as f64);
        let tally = &mut tallies[place];
        *(if attempt.answered { &mut tally.answered } else { &mut tally.unanswered }) += weight;
    }
    tallies
}

/// How a team's leads answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Team {
    /// How the rates of a channel are spread among leads who make a difference.
    rates: [Grid; 3],
    /// How the one rate is spread among those who make none.
    shared: Grid,
    /// The share of leads who make a difference.
    differ: f64,
}

/// What is believed of a lead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leaning {
    /// The channel that is most probably the best.
    pub channel: Channel,
    /// How probable that is, 0 to 1.
    pub sureness: f64,
    /// The rate of answers to expect there, 0 to 1.
    pub rate: f64,
}

fn rate_at(step: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let (step, steps) = (step as f64, STEPS as f64);
    (step + 0.5) / steps
}

/// How well each rate explains a tally.
fn likelihood(tally: Tally) -> Grid {
    std::array::from_fn(|step| {
        let rate = rate_at(step);
        (tally.answered * rate.ln() + tally.unanswered * (1.0 - rate).ln()).exp()
    })
}

fn product(one: &Grid, other: &Grid) -> Grid {
    std::array::from_fn(|step| one[step] * other[step])
}

fn sum(grid: &Grid) -> f64 {
    grid.iter().sum()
}

fn normalised(grid: Grid) -> Grid {
    let total = sum(&grid);
    grid.map(|weight| weight / total)
}

impl Default for Team {
    /// A team of which nothing is known: any rate up to two thirds is as likely, higher ones are rare.
    fn default() -> Self {
        let any = normalised(std::array::from_fn(|step| if rate_at(step) < 0.66 { 1.0 } else { 0.1 }));
        Self { rates: [any; 3], shared: any, differ: 0.5 }
    }
}

/// How a lead's attempts are explained by a team's ways.
struct Explained {
    likelihoods: [Grid; 3],
    /// With a rate for each channel: rates by weight, not normalised.
    each: [Grid; 3],
    /// With one rate for all, not normalised.
    one: Grid,
    /// The probability that the lead makes a difference.
    differs: f64,
}

impl Team {
    /// What `leads` tell of how a team's leads answer. The order does not matter but for rounding.
    pub fn learn(leads: &[Tallies]) -> Self {
        let stranger = Self::default();
        let mut team = stranger.clone();
        for _ in 0..ROUNDS {
            let mut rates = stranger.rates.map(|grid| grid.map(|weight| weight * STRANGERS));
            let mut shared = stranger.shared.map(|weight| weight * STRANGERS);
            let mut differ = STRANGERS * stranger.differ;
            for lead in leads {
                let explained = team.explain(lead);
                differ += explained.differs;
                for (rates, each) in rates.iter_mut().zip(explained.each) {
                    let share = explained.differs / sum(&each);
                    rates.iter_mut().zip(each).for_each(|(rate, weight)| *rate += share * weight);
                }
                let share = (1.0 - explained.differs) / sum(&explained.one);
                shared.iter_mut().zip(explained.one).for_each(|(rate, weight)| *rate += share * weight);
            }
            #[expect(clippy::cast_precision_loss, reason = "a number of leads")]
            let all = STRANGERS + leads.len() as f64;
            team = Self { rates: rates.map(normalised), shared: normalised(shared), differ: differ / all };
        }
        team
    }

    fn explain(&self, lead: &Tallies) -> Explained {
        let likelihoods = lead.map(likelihood);
        let each: [Grid; 3] = std::array::from_fn(|place| product(&self.rates[place], &likelihoods[place]));
        let one = likelihoods.iter().fold(self.shared, |grid, likelihood| product(&grid, likelihood));
        let with_each = self.differ * each.iter().map(sum).product::<f64>();
        let with_one = (1.0 - self.differ) * sum(&one);
        Explained { likelihoods, each, one, differs: with_each / (with_each + with_one) }
    }
}

/// What a lead's attempts tell; `None` when nothing was tried.
pub fn leaning(lead: &Tallies, team: &Team) -> Option<Leaning> {
    if lead.iter().all(|tally| tally.answered + tally.unanswered == 0.0) {
        return None;
    }
    let explained = team.explain(lead);
    let each = explained.each.map(normalised);
    let best = |place: usize| -> f64 {
        let below = |other: &Grid, step: usize| other[..step].iter().sum::<f64>() + other[step] / 2.0;
        let (one, other) = (&each[(place + 1) % 3], &each[(place + 2) % 3]);
        (0..STEPS).map(|step| each[place][step] * below(one, step) * below(other, step)).sum()
    };
    let (place, best) = (0..3).map(|place| (place, best(place))).max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let own = normalised(product(&team.rates[place], &explained.likelihoods[place]));
    let rate = own.iter().enumerate().map(|(step, weight)| weight * rate_at(step)).sum();
    Some(Leaning { channel: CHANNELS[place], sureness: explained.differs * best, rate })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    fn tally(answered: u32, attempts: u32) -> Tally {
        Tally { answered: answered.into(), unanswered: (attempts - answered).into() }
    }

    #[test]
    fn many_answers_on_one_channel_and_none_elsewhere_are_clear() {
        let lead = [tally(9, 12), tally(0, 10), tally(1, 12)];
        let found = leaning(&lead, &Team::default()).unwrap();
        assert_eq!(found.channel, Channel::Whatsapp);
        assert!(found.sureness > SURE && found.rate > 0.5, "{found:?}");
    }

    #[test]
    fn few_attempts_and_equal_rates_are_not() {
        for lead in [
            [tally(1, 1), tally(0, 1), tally(0, 0)],
            [tally(2, 4), tally(1, 4), tally(0, 0)],
            [tally(5, 12), tally(5, 12), tally(5, 12)],
            [tally(0, 9), tally(0, 9), tally(0, 9)],
        ] {
            let found = leaning(&lead, &Team::default()).unwrap();
            assert!(found.sureness < SURE, "{lead:?} {found:?}");
        }
        assert_eq!(leaning(&Tallies::default(), &Team::default()), None);
    }

    #[test]
    fn where_nobody_makes_a_difference_it_takes_more_to_believe_one() {
        let same = |answered| [tally(answered, 12); 3];
        let leads: Vec<Tallies> = (0..400).map(|n| same(2 + n % 5)).collect();
        let lead = [tally(7, 12), tally(3, 12), tally(2, 12)];
        let (unknown, alike) = (Team::default(), Team::learn(&leads));
        let sureness = |team: &Team| leaning(&lead, team).unwrap().sureness;
        assert!(sureness(&alike) < sureness(&unknown) / 2.0, "{} {}", sureness(&alike), sureness(&unknown));
    }

    #[test]
    fn a_teams_averages_fill_what_a_lead_has_not_shown() {
        // Everybody here answers calls, and hardly any mail.
        let leads: Vec<Tallies> = (0..300).map(|n| [tally(1, 6), tally(n % 2, 12), tally(5, 6)]).collect();
        let team = Team::learn(&leads);
        let found = leaning(&[tally(0, 1), tally(0, 0), tally(0, 0)], &team).unwrap();
        assert_eq!(found.channel, Channel::Call);
        assert!(found.rate > 0.6, "{found:?}");
    }

    #[test]
    fn older_attempts_weigh_less_and_those_to_come_nothing() {
        let attempt = |at, answered| Attempt { channel: Channel::Email, at, answered };
        let attempts = [attempt(NOW.plus(-HALF_LIFE), true), attempt(NOW, false), attempt(NOW.plus(1), true)];
        let email = tallies(&attempts, NOW)[1];
        assert!((email.answered - 0.5).abs() < 1e-9 && (email.unanswered - 1.0).abs() < 1e-9);
    }
}
