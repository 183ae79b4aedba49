//! When a lead answers: the hour of the day, and perhaps the day of the week.
//!
//! An answer is every word from the lead on WhatsApp, by mail or by telephone (no automatic reply), and every call of ours
//! that was picked up. Those of one hour of one day count once, and the latest [`ANSWERS_LOOKED_AT`] are looked at. The
//! best time is the hour in which most of them fall, when at least half of them do; else that hour with the busier of its
//! neighbours, when half of them fall into the two. Fewer than [`ANSWERS_NEEDED`] answers tell nothing. It has a weekday when
//! at least [`ANSWERS_NEEDED`], and two thirds, of the answers in it fall on that day. Of equals the earlier wins.
//!
//! What everybody does says nothing of a lead: the lead's share of answers in that time, shrunk to the team's (a
//! beta-binomial, the team counting as `TEAM_WEIGHT` answers), has to be above the team's with a probability of `SURE`.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, NaiveDate, Offset, TimeZone, Timelike};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::leaning::SURE;
use crate::domain::insight::BestTime;
use crate::domain::{Activity, ActivityStatus, Channel, Direction, HOUR, Timestamp};

/// So many answers tell something.
pub const ANSWERS_NEEDED: usize = 3;
/// Older answers than the latest so many do not count.
pub const ANSWERS_LOOKED_AT: usize = 50;
/// As how many answers of a lead its team counts.
const TEAM_WEIGHT: f64 = 6.0;
/// A lead's share has to be so many times the team's.
const LIFT: f64 = 1.25;
/// Probabilities are added up over so many steps.
const STEPS: u32 = 200;

/// When a team's leads answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hours {
    /// Answers by hour of the day.
    hours: [f64; 24],
    /// Answers by day of the week, from Monday.
    weekdays: [f64; 7],
}

impl Default for Hours {
    /// A team of which nothing is known: from 8 to 20 any hour is as likely, others are rare; the weekend too.
    fn default() -> Self {
        let hours = std::array::from_fn(|hour| if (8..20).contains(&hour) { 1.0 } else { 0.05 });
        Self { hours, weekdays: [1.0, 1.0, 1.0, 1.0, 1.0, 0.2, 0.2] }
    }
}

/// A lead's answers: the day, and the hour of the day.
type Answers = BTreeSet<(NaiveDate, u32)>;

impl Hours {
    /// Counts a lead's answers in.
    pub fn count<'a>(&mut self, contacts: impl DoubleEndedIterator<Item = &'a Activity>, zone: Tz) {
        for (date, hour) in answers(contacts, zone) {
            self.hours[hour as usize] += 1.0;
            self.weekdays[date.weekday().num_days_from_monday() as usize] += 1.0;
        }
    }

    fn share_of_hours(&self, from: u32, to: u32) -> f64 {
        self.hours[from as usize..to as usize].iter().sum::<f64>() / self.hours.iter().sum::<f64>()
    }

    fn share_of_weekday(&self, weekday: u32) -> f64 {
        self.weekdays[weekday as usize - 1] / self.weekdays.iter().sum::<f64>()
    }
}

/// Whether somebody who has `within` of `of` answers in a time surely prefers it, where everybody has a share `usual`.
fn is_sure(within: usize, of: usize, usual: f64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "some fifty at most")]
    let (within, of) = (within as f64, of as f64);
    let (a, b) = (TEAM_WEIGHT * usual + within, TEAM_WEIGHT * (1.0 - usual) + of - within);
    let (mut above, mut all) = (0.0, 0.0);
    for step in 0..STEPS {
        let share = (f64::from(step) + 0.5) / f64::from(STEPS);
        let density = ((a - 1.0) * share.ln() + (b - 1.0) * (1.0 - share).ln()).exp();
        all += density;
        above += if share > LIFT * usual { density } else { 0.0 };
    }
    above >= SURE * all
}

fn is_answer(activity: &Activity) -> bool {
    let spoken = matches!(activity.channel, Channel::Whatsapp | Channel::Email | Channel::Call);
    let picked_up = activity.channel == Channel::Call && activity.status == ActivityStatus::Replied;
    spoken && (activity.direction == Direction::In || picked_up)
}

fn answers<'a>(contacts: impl DoubleEndedIterator<Item = &'a Activity>, zone: Tz) -> Answers {
    let local = |activity: &Activity| -> DateTime<Tz> { activity.timestamp.to_utc().with_timezone(&zone) };
    let mut answers = Answers::new();
    for at in contacts.rev().filter(|activity| is_answer(activity)).map(local) {
        if answers.len() == ANSWERS_LOOKED_AT {
            break;
        }
        answers.insert((at.date_naive(), at.hour()));
    }
    answers
}

/// When a lead answers that lives in `home`, told in hours of `zone` as they are at `now`. `contacts` are ordered by time.
pub fn best_time<'a>(
    contacts: impl DoubleEndedIterator<Item = &'a Activity>,
    usual: &Hours,
    home: Tz,
    zone: Tz,
    now: Timestamp,
) -> Option<BestTime> {
    let answers = answers(contacts, home);
    let of = answers.len();
    if of < ANSWERS_NEEDED {
        return None;
    }
    let (answers_within, from, to) = busiest_time(&answers)?;
    if !is_sure(answers_within, of, usual.share_of_hours(from, to)) {
        return None;
    }
    let in_it = answers.iter().filter(|(_, hour)| (from..to).contains(hour));
    let days: Vec<u32> = in_it.map(|(date, _)| date.weekday().number_from_monday()).collect();
    let on = |day: u32| days.iter().filter(|known| **known == day).count();
    let is_the_day = |day: &u32| {
        let count = on(*day);
        count >= ANSWERS_NEEDED
            && 3 * count >= 2 * answers_within
            && is_sure(count, answers_within, usual.share_of_weekday(*day))
    };
    let weekday = (1..=7).find(is_the_day);
    let best = BestTime { weekday, from, to, answers: answers_within, of };
    Some(moved(best, offset(zone, now) - offset(home, now)))
}

fn busiest_time(answers: &Answers) -> Option<(usize, u32, u32)> {
    let within = |from: u32, to: u32| answers.iter().filter(|(_, hour)| (from..to).contains(hour)).count();
    let busiest = |blocks: Vec<(u32, u32)>| {
        blocks.into_iter().rev().map(|(from, to)| (within(from, to), from, to)).max_by_key(|(count, ..)| *count)
    };
    let (alone, hour, _) = busiest((0..24).map(|hour| (hour, hour + 1)).collect())?;
    if 2 * alone >= answers.len() {
        return Some((alone, hour, hour + 1));
    }
    let before = (hour > 0).then(|| (hour - 1, hour + 1));
    let after = (hour < 23).then_some((hour, hour + 2));
    busiest(before.into_iter().chain(after).collect()).filter(|(count, ..)| 2 * count >= answers.len())
}

/// Seconds ahead of UTC.
fn offset(zone: Tz, now: Timestamp) -> i64 {
    zone.offset_from_utc_datetime(&now.to_utc().naive_utc()).fix().local_minus_utc().into()
}

/// The same time so many seconds later on the clock; the hour in which it begins there.
fn moved(best: BestTime, seconds: i64) -> BestTime {
    let start = i64::from(best.from) + seconds.div_euclid(HOUR);
    let from = u32::try_from(start.rem_euclid(24)).unwrap_or_default();
    let days = start.div_euclid(24);
    let weekday =
        best.weekday.map(|day| u32::try_from((i64::from(day) - 1 + days).rem_euclid(7)).unwrap_or_default() + 1);
    BestTime { weekday, from, to: (from + best.to - best.from).min(24), ..best }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_everybody_does_says_nothing_of_a_lead() {
        assert!(is_sure(3, 4, 0.08) && is_sure(3, 6, 0.16));
        assert!(!is_sure(3, 6, 0.5), "half of everybody's answers fall there");
        assert!(!is_sure(1, 3, 0.3));
    }

    #[test]
    fn a_time_is_told_in_hours_of_whoever_reads_it() {
        let ten = BestTime { weekday: Some(1), from: 10, to: 12, answers: 3, of: 4 };
        // In summer La Réunion is two hours ahead of Paris.
        assert_eq!(moved(ten, -2 * HOUR), BestTime { from: 8, to: 10, ..ten });
        assert_eq!(moved(ten, -11 * HOUR), BestTime { weekday: Some(7), from: 23, to: 24, ..ten });
        assert_eq!(
            moved(BestTime { weekday: Some(7), ..ten }, 15 * HOUR),
            BestTime { weekday: Some(1), from: 1, to: 3, ..ten }
        );
        assert_eq!(moved(ten, 5 * HOUR + HOUR / 2).from, 15, "half an hour is within the hour");
    }
}
