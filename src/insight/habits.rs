//! How a team's leads answer, learned from all of them while they are gone through once a day, so that what a single lead
//! has shown can be told from luck.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::hours::Hours;
use super::lead::has_happened;
use super::leaning::{Tallies, Team, tallies};
use crate::domain::insight::Attempt;
use crate::domain::{Activity, LeadId, Timestamp};

/// Channels are learned from so many leads: more would tell little more.
const SAMPLE: usize = 4_000;
/// Leads with fewer attempts tell nothing of how a team's leads answer.
const ATTEMPTS_NEEDED: usize = 4;

/// What a team's leads do.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Habits {
    /// Which channels they answer on.
    pub channels: Team,
    /// When they answer.
    pub hours: Hours,
}

/// What has been seen so far of a team's leads.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// By a number made of the lead's id: the smallest ones are a sample, and the same one each time.
    leads: BTreeMap<u64, Tallies>,
    hours: Hours,
}

impl Survey {
    /// Looks at one lead. `activities` are ordered by time.
    pub fn see(&mut self, lead: &LeadId, attempts: &[Attempt], activities: &[Activity], home: Tz, now: Timestamp) {
        self.hours.count(activities.iter().filter(|activity| has_happened(activity, now)), home);
        if attempts.len() < ATTEMPTS_NEEDED {
            return;
        }
        self.leads.insert(place_of(lead), tallies(attempts, now));
        if self.leads.len() > SAMPLE {
            self.leads.pop_last();
        }
    }

    /// What all that has been seen tells.
    pub fn conclude(&self) -> Habits {
        let leads: Vec<Tallies> = self.leads.values().copied().collect();
        Habits { channels: Team::learn(&leads), hours: self.hours.clone() }
    }
}

/// FNV-1a of the id: spread evenly, and the same on every machine.
fn place_of(lead: &LeadId) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    lead.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Channel, DAY};

    #[test]
    fn a_sample_is_bounded_and_the_same_in_any_order() {
        let now = Timestamp(1_800_000_000);
        let attempts: Vec<Attempt> =
            (0..5).map(|n| Attempt { channel: Channel::Email, at: now.plus(-n * DAY), answered: n == 0 }).collect();
        let look = |ids: &mut dyn Iterator<Item = usize>| {
            let mut survey = Survey::default();
            for id in ids {
                survey.see(&LeadId(format!("lead{id}")), &attempts, &[], chrono_tz::UTC, now);
            }
            survey
        };
        let (forth, back) = (look(&mut (0..SAMPLE + 500)), look(&mut (0..SAMPLE + 500).rev()));
        assert_eq!(forth.leads.len(), SAMPLE);
        assert_eq!(forth.leads.keys().collect::<Vec<_>>(), back.leads.keys().collect::<Vec<_>>());
        let mut few = Survey::default();
        few.see(&LeadId::from("one"), &attempts[..3], &[], chrono_tz::UTC, now);
        assert!(few.leads.is_empty(), "three attempts tell nothing");
    }
}
