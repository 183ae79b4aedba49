//! The rules and the decision, held against their specification: sentence by sentence in `cases` and
//! `episodes`, and against a brute-force evaluation in `properties`.

mod cases;
mod episodes;
mod oracle;
mod properties;
mod recorded;

use max::domain::calendar::Calendar;
use max::domain::*;

/// A lead as plain as can be, created at `created_at`.
pub fn lead(created_at: Timestamp) -> Lead {
    Lead {
        name: "Sophie Martin".to_owned(),
        first_name: "Sophie".to_owned(),
        owner: Some(UserId::from("rep")),
        ..Lead::new(LeadId::from("lead"), "New", created_at)
    }
}

/// An activity that was seen when it happened.
pub fn activity(
    id: &str,
    at: Timestamp,
    channel: Channel,
    direction: Direction,
    status: ActivityStatus,
    reading: Reading,
) -> Activity {
    Activity {
        id: ActivityId::from(id),
        lead_id: LeadId::from("lead"),
        channel,
        direction,
        status,
        preview: format!("text of {id}"),
        timestamp: at,
        created_at: None,
        reading,
        first_seen: at,
        fresh_as_of: at,
    }
}

/// Working hours around the clock, on every day: target times then run like any other.
pub fn around_the_clock() -> Calendar {
    use chrono::Weekday::*;
    let midnight = chrono::NaiveTime::MIN;
    let last_second = chrono::NaiveTime::from_hms_opt(23, 59, 59).unwrap();
    Calendar::new(chrono_tz::UTC, vec![Mon, Tue, Wed, Thu, Fri, Sat, Sun], midnight, last_second).unwrap()
}
