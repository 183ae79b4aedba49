//! A manager's week: it begins with the figures of the teams that he or she leads, once, in the morning of its first
//! working day.

use super::Engine;
use super::kpi::{Whose, report};
use crate::domain::calendar::Calendar;
use crate::domain::effect::Effect;
use crate::domain::{DAY, HOUR, Seconds, Timestamp, UserId};
use crate::store::{Batch, Result, Weekly};

/// How long after its day has begun a week can still begin, in seconds.
const MORNING: Seconds = 3 * HOUR;

/// The number of the Monday of the week in which a day of this number lies.
fn monday_of(day: i32) -> i32 {
    // Day 1 was a Monday.
    day - (day - 1).rem_euclid(7)
}

/// Whether nobody works on the days of this week before that of `now`.
fn is_first_working_day(calendar: &Calendar, now: Timestamp) -> bool {
    let today = calendar.number_of_day(now);
    let before = i64::from(today - monday_of(today));
    (1..=before).all(|days| calendar.day_of(now.plus(-days * DAY)).is_none())
}

impl Engine {
    /// Begins the week of a user whose day began at `begin`, when it is time and he or she leads a team. Figures of before
    /// today are waited for.
    pub(super) fn mind_week(
        &mut self,
        batch: &mut Batch,
        user: &UserId,
        calendar: &Calendar,
        begin: Timestamp,
    ) -> Result<()> {
        let (now, today) = (self.now(), calendar.number_of_day(self.now()));
        let is_time = begin <= now && now < begin.plus(MORNING) && is_first_working_day(calendar, now);
        let leads = self.policy.escalation.people.managers.values().any(|managers| managers.contains(user));
        if !is_time || !leads {
            return Ok(());
        }
        let (row, week) = (self.store.weekly(user)?, monday_of(today));
        let is_wished = row.wished.unwrap_or(self.policy.habits.weekly);
        if row.told == Some(week) || !is_wished || !self.has_todays_figures()? {
            return Ok(());
        }
        batch.put_weekly(user, &Weekly { told: Some(week), ..row });
        let report = report(&self.store, &Whose::Led(user.clone()))?;
        if report.is_some_and(|report| !report.is_empty()) {
            self.add_effect(batch, Effect::Weekly { user: user.clone(), day: today }, now)?;
        }
        Ok(())
    }

    /// A manager wishes the figures of the week, or not.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn wish_weekly(&mut self, user: &UserId, wished: bool) -> Result<()> {
        let mut batch = Batch::default();
        batch.put_weekly(user, &Weekly { wished: Some(wished), ..self.store.weekly(user)? });
        self.store.apply(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_begins_on_its_first_working_day() {
        let calendar = Calendar::default();
        let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
        let monday = calendar.number_of_day(at("2026-03-02T09:00:00Z"));
        for day in 0..7 {
            assert_eq!(monday_of(monday + day), monday);
        }
        assert_eq!(monday_of(monday + 7), monday + 7);
        assert!(is_first_working_day(&calendar, at("2026-03-02T09:00:00Z")));
        assert!(!is_first_working_day(&calendar, at("2026-03-03T09:00:00Z")));
        let off = calendar.without([(
            chrono::NaiveDate::from_ymd_opt(2026, 3, 2).unwrap(),
            chrono::NaiveDate::from_ymd_opt(2026, 3, 2).unwrap(),
        )]);
        assert!(is_first_working_day(&off, at("2026-03-03T09:00:00Z")), "Monday was a holiday");
        assert!(!is_first_working_day(&off, at("2026-03-04T09:00:00Z")));
    }
}
