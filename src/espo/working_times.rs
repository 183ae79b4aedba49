//! Who works when, as administrators of the CRM keep it: WorkingTimeCalendar, WorkingTimeRange, and who follows which.

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveTime};
use chrono_tz::Tz;
use serde_json::Value;

use super::client::{Client, ListQuery, Where};
use super::error::Error;
use super::record::Record;
use crate::domain::UserId;
use crate::domain::calendar::Hours;
use crate::domain::working_times::{END_OF_DAY, ExceptionalDays, WorkingTimes, WorkingWeek, place_of};

/// The calendars. Whoever may use this scope may read the exceptions, too.
pub const ENTITY: &str = "WorkingTimeCalendar";
const RANGE: &str = "WorkingTimeRange";

/// Reads all working hours, with the exceptions that end on `since` or later. `zone` is the CRM's own: that of calendars
/// which name none.
///
/// # Errors
/// As every request; 403 when our role lacks the right to them.
pub async fn working_times(client: &Client, zone: Tz, since: NaiveDate) -> Result<WorkingTimes, Error> {
    let mut columns = ["id", "name", "timeZone", "timeRanges"].map(str::to_owned).to_vec();
    columns.extend((0..7).flat_map(|day| [format!("weekday{day}"), format!("weekday{day}TimeRanges")]));
    let calendars = all(client, ENTITY, Vec::new(), &columns).await?;
    let id = |record: &Record| record.id().map(str::to_owned);
    let columns = ["id", "type", "dateStart", "dateEnd", "timeRanges", "calendarsIds", "usersIds"].map(str::to_owned);
    let recent = vec![Where::AtLeast("dateEnd", since.to_string())];
    let exceptions = all(client, RANGE, recent, &columns).await?;
    let mut times = WorkingTimes {
        default: None,
        calendars: calendars.iter().filter_map(|calendar| Some((id(calendar)?, week(calendar, zone)))).collect(),
        exceptions: exceptions.iter().filter_map(exceptional_days).collect(),
        followed: BTreeMap::new(),
    };
    if !times.calendars.is_empty() {
        times.default = client.settings().await?.working_times.filter(|id| times.calendars.contains_key(id));
        times.followed = followed(client, &times).await?;
    }
    Ok(times)
}

/// Who follows which of the calendars: the user's own, else that of the user's default team.
async fn followed(client: &Client, times: &WorkingTimes) -> Result<BTreeMap<UserId, String>, Error> {
    const CALENDAR: &str = "workingTimeCalendarId";
    let teams = all(client, "Team", Vec::new(), &["id", CALENDAR].map(str::to_owned)).await?;
    let columns = ["id", CALENDAR, "defaultTeamId"].map(str::to_owned);
    let users = all(client, "User", Vec::new(), &columns).await?;
    let named =
        |record: &Record| record.text(CALENDAR).filter(|id| times.calendars.contains_key(*id)).map(str::to_owned);
    let of_team = |user: &Record| {
        let team = user.text("defaultTeamId")?;
        teams.iter().find(|known| known.id() == Some(team)).and_then(named)
    };
    let follows = |user: &Record| Some((UserId::from(user.id()?), named(user).or_else(|| of_team(user))?));
    Ok(users.iter().filter_map(follows).collect())
}

fn week(calendar: &Record, zone: Tz) -> WorkingWeek {
    let usual = hours(calendar, "timeRanges").unwrap_or_default();
    let mut week: [Vec<Hours>; 7] = Default::default();
    for day in 0..7_u8 {
        if calendar.flag(&format!("weekday{day}")) {
            let own = hours(calendar, &format!("weekday{day}TimeRanges")).filter(|hours| !hours.is_empty());
            week[place_of(day)] = own.unwrap_or_else(|| usual.clone());
        }
    }
    let zone = calendar.text("timeZone").and_then(|name| name.parse().ok()).unwrap_or(zone);
    WorkingWeek { zone, week, hours: usual }
}

fn exceptional_days(range: &Record) -> Option<ExceptionalDays> {
    let dates = (range.date("dateStart")?, range.date("dateEnd")?);
    let is_working = match range.text("type")? {
        "Working" => true,
        "Non-working" => false,
        _ => return None,
    };
    let list = |field| range.list(field).into_iter();
    Some(ExceptionalDays {
        dates,
        is_working,
        hours: hours(range, "timeRanges"),
        calendars: list("calendarsIds").map(str::to_owned).collect(),
        users: list("usersIds").map(UserId::from).collect(),
    })
}

/// Pairs such as `["9:00", "12:30"]`; what is no pair of times, or ends before it begins, is left out.
fn hours(record: &Record, field: &str) -> Option<Vec<Hours>> {
    let pair = |value: &Value| {
        let [from, to] = value.as_array()?.as_slice() else { return None };
        let time = |value: &Value| NaiveTime::parse_from_str(value.as_str()?, "%H:%M").ok();
        let (from, to) =
            (time(from)?, time(to).map_or(END_OF_DAY, |to| if to == NaiveTime::MIN { END_OF_DAY } else { to }));
        (from < to).then_some((from, to))
    };
    Some(record.0.get(field)?.as_array()?.iter().filter_map(pair).collect())
}

async fn all(client: &Client, entity: &str, conditions: Vec<Where>, select: &[String]) -> Result<Vec<Record>, Error> {
    let (mut records, mut after): (Vec<Record>, Option<String>) = (Vec::new(), None);
    loop {
        let mut conditions = conditions.clone();
        conditions.extend(after.map(|id| Where::GreaterThan("id", id)));
        let query = ListQuery { entity, conditions, select, order_by: "id", max_size: client.page_size() };
        let page = client.list(&query).await?;
        after = page.next_after();
        records.extend(page.records);
        if after.is_none() {
            return Ok(records);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(recording: &str) -> Vec<Record> {
        let recording: Value = serde_json::from_str(recording).unwrap();
        let rows = recording["response"]["body"]["list"].as_array().unwrap().iter();
        rows.map(|row| Record::from(row.clone())).collect()
    }

    #[test]
    fn recorded_calendars_and_exceptions_are_understood() {
        for (calendars, ranges) in [
            (
                include_str!("../../tests/recordings/10.0.0/max-calendar/calendars-2-with-the-right.json"),
                include_str!("../../tests/recordings/10.0.0/max-calendar/ranges-2-with-the-right.json"),
            ),
            (
                include_str!("../../tests/recordings/9.3.10/max-calendar/calendars-2-with-the-right.json"),
                include_str!("../../tests/recordings/9.3.10/max-calendar/ranges-2-with-the-right.json"),
            ),
        ] {
            let time = |text: &str| text.parse::<NaiveTime>().unwrap();
            let (morning, afternoon) = ((time("09:00:00"), time("12:30:00")), (time("14:00:00"), time("18:00:00")));
            let zone = chrono_tz::Asia::Tokyo;
            let [paris, standard] =
                recorded(calendars).iter().map(|one| week(one, zone)).collect::<Vec<_>>().try_into().unwrap();
            assert_eq!(paris.zone, chrono_tz::Europe::Paris);
            assert_eq!(paris.week[0], [morning, afternoon]);
            assert_eq!(paris.week[4], [morning], "on Fridays");
            assert!(paris.week[5].is_empty() && paris.week[6].is_empty());
            assert_eq!(
                (standard.zone, standard.week[4].as_slice()),
                (zone, [(time("09:00:00"), time("17:00:00"))].as_slice())
            );
            let days: Vec<ExceptionalDays> = recorded(ranges).iter().filter_map(exceptional_days).collect();
            assert!(days.iter().any(|days| !days.is_working && days.calendars.len() == 2 && days.hours.is_none()));
            let inventory = days.iter().find(|days| days.is_working).unwrap();
            assert_eq!(inventory.hours.as_deref(), Some([(time("10:00:00"), time("12:00:00"))].as_slice()));
            assert!(days.iter().any(|days| days.users.len() == 1 && days.calendars.is_empty()));
        }
    }

    #[test]
    fn what_is_no_time_is_left_out_and_midnight_ends_a_day() {
        let record = Record::from(serde_json::json!({
            "timeRanges": [["22:00", "00:00"], ["9:00"], ["x", "10:00"], ["11:00", "10:00"], 7, ["0:00", "8:30"]],
        }));
        let time = |text: &str| text.parse::<NaiveTime>().unwrap();
        let night = (time("22:00:00"), END_OF_DAY);
        assert_eq!(hours(&record, "timeRanges").unwrap(), [night, (time("00:00:00"), time("08:30:00"))]);
        assert_eq!(hours(&record, "missing"), None);
    }
}
