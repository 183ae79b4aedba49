//! Commands: `/alerts`, `/lead Sophie`. Each is answered by one message.

use chrono_tz::Tz;

use super::super::bot::Bot;
use super::super::render::{self, Rendered};
use super::phrase::{self, Moment};
use super::{Reader, asked};
use crate::domain::ask::{Filter, Page, Wish};
use crate::domain::{Preferences, Timestamp};
use crate::engine::EngineError;
use crate::engine::day::Habits;
use crate::voice::Notice;
use crate::voice::screens::Screen;

/// What the menu holds, in this order.
pub(super) const MENU: [&str; 11] =
    ["today", "alerts", "hot", "lead", "stats", "settings", "pause", "quiet", "away", "link", "help"];

/// The command of a text without the slash and our name, and what follows it; none when it is no command.
pub(super) fn split(text: &str) -> (Option<&str>, &str) {
    let Some(text) = text.trim().strip_prefix('/') else { return (None, text) };
    let (command, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (Some(command.split('@').next().unwrap_or_default()), rest.trim())
}

/// Whether it is one of ours.
pub(super) fn is_known(command: &str) -> bool {
    MENU.contains(&command) || ["start", "stop"].contains(&command)
}

impl Bot {
    pub(super) async fn command(&self, reader: &Reader, command: &str, rest: &str) -> Result<(), EngineError> {
        let answer = match command.to_ascii_lowercase().as_str() {
            "today" => return self.today(reader).await,
            "alerts" => self.alerts_page(reader, Filter::All, 0)?,
            "hot" => self.alerts_page(reader, Filter::Urgent, 0)?,
            "lead" => self.find_lead(reader, rest).await?,
            "stats" => self.stats(reader, false)?,
            "settings" => self.settings(reader, Page::Main)?,
            "pause" => self.wish_until(reader, Page::Pause, rest).await?,
            "away" => self.wish_until(reader, Page::Away, rest).await?,
            "quiet" => self.wish_quiet(reader, rest).await?,
            "link" => self.linked(reader)?,
            "start" | "help" => render::notice(&self.speaker.voice, reader.manner, Notice::Help),
            _ => self.screen(reader, &Screen::NotUnderstood(&reader.user), Vec::new()),
        };
        self.show(reader.chat, &answer).await;
        Ok(())
    }

    fn linked(&self, reader: &Reader) -> Result<Rendered, EngineError> {
        let records = self.engine.store().link_records()?.into_iter().filter(|record| record.user == reader.user.id);
        let accounts: Vec<String> = records
            .filter(|record| !record.is_cut && !record.telegram_name.is_empty())
            .map(|record| record.telegram_name)
            .collect();
        Ok(self.screen(reader, &Screen::Linked { user: &reader.user, accounts: &accounts }, Vec::new()))
    }

    /// `/pause lundi`, `/away jusqu'au 12`: an end that is written is taken; else the choices are shown.
    async fn wish_until(&self, reader: &Reader, page: Page, rest: &str) -> Result<Rendered, EngineError> {
        let until = match said_until(rest, reader) {
            Said::Nothing => return self.settings(reader, page),
            Said::Off => None,
            Said::Until(until) => Some(until),
        };
        let change = move |wishes: &mut Preferences| match page {
            Page::Pause => wishes.paused_until = until,
            Page::Away => wishes.away_until = until,
            Page::Main | Page::Quiet | Page::StandIn => {}
        };
        let user = reader.user.id.clone();
        self.engine.run(move |engine| engine.wish(&user, change)).await?;
        self.settings(reader, page)
    }

    async fn wish_quiet(&self, reader: &Reader, rest: &str) -> Result<Rendered, EngineError> {
        let Some(quiet) = quiet_hours(rest) else { return self.settings(reader, Page::Quiet) };
        let user = reader.user.id.clone();
        self.engine.run(move |engine| engine.wish(&user, |wishes| wishes.quiet = quiet)).await?;
        self.settings(reader, Page::Quiet)
    }
}

enum Said {
    Nothing,
    Off,
    Until(Timestamp),
}

fn is_off(text: &str) -> bool {
    ["off", "non", "no", "stop", "fin", "retour", "back"].contains(&text.trim().to_lowercase().as_str())
}

fn said_until(text: &str, reader: &Reader) -> Said {
    if text.trim().is_empty() {
        return Said::Nothing;
    }
    if is_off(text) {
        return Said::Off;
    }
    let zone: Tz = reader.calendar.zone();
    let read = |lead_in: &str| phrase::read(&format!("snooze {lead_in}{text}"), reader.now, zone).when;
    // "2h" may be a length of time.
    let when = read("").filter(|when| *when != Moment::Unclear).or_else(|| read("pour "));
    match when {
        Some(Moment::At(at)) => Said::Until(at),
        Some(Moment::Day(day)) => Said::Until(asked::morning_of(reader, day)),
        Some(Moment::Past | Moment::Unclear) | None => Said::Nothing,
    }
}

/// "22-7", "22h 7h30", "22:00-07:00"; `Some(None)` for "off", `None` for what is no such thing.
fn quiet_hours(text: &str) -> Option<Option<(u16, u16)>> {
    if is_off(text) {
        return Some(None);
    }
    let mut times = text.split(['-', '–', ' ', 'à']).filter(|part| !part.is_empty()).map(|part| {
        let (hour, minute) = part.split_once(['h', ':', 'H']).unwrap_or((part, ""));
        let minute = if minute.is_empty() { 0 } else { minute.parse().ok()? };
        let hour: u16 = hour.parse().ok()?;
        (hour < 24 && minute < 60).then_some(60 * hour + minute)
    });
    let (from, to) = (times.next()??, times.next()??);
    (times.next().is_none() && from != to).then_some(Some((from, to)))
}

/// What a wish that was tapped changes; what was not wished before is as in `habits`.
pub(super) fn apply(
    wish: &Wish,
    wishes: &mut Preferences,
    habits: Habits,
    manner: crate::domain::Manner,
    until: Option<Timestamp>,
) {
    match wish {
        Wish::Language => {
            wishes.lang = Some(match manner.lang() {
                crate::domain::Lang::Fr => crate::domain::Lang::En,
                crate::domain::Lang::En => crate::domain::Lang::Fr,
            });
        }
        Wish::Formality => wishes.formal = Some(!manner.is_formal()),
        Wish::Briefing => wishes.briefing = Some(!wishes.briefing.unwrap_or(habits.briefing)),
        Wish::Summary => wishes.summary = Some(!wishes.summary.unwrap_or(habits.summary)),
        Wish::Quiet(hours) => wishes.quiet = hours.map(|(from, to)| (60 * u16::from(from), 60 * u16::from(to))),
        Wish::Pause(_) => wishes.paused_until = until,
        Wish::Away(_) => wishes.away_until = until,
        Wish::StandIn(user) => wishes.stand_in.clone_from(user),
        // It has a row of its own.
        Wish::Weekly => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_words() {
        assert_eq!(split("/lead  Sophie Martin "), (Some("lead"), "Sophie Martin"));
        assert_eq!(split("/alerts@max_bot"), (Some("alerts"), ""));
        assert_eq!(split("/lead\nSophie"), (Some("lead"), "Sophie"));
        assert_eq!(split("/"), (Some(""), ""));
        assert_eq!(split("fait"), (None, "fait"));
    }

    #[test]
    fn quiet_hours_are_read_as_people_write_them() {
        for text in ["22-7", "22h-7h", "22h 7h", "22:00-07:00", "22h00 à 7h00", "22–7"] {
            assert_eq!(quiet_hours(text), Some(Some((22 * 60, 7 * 60))), "{text}");
        }
        assert_eq!(quiet_hours("21h30-6h45"), Some(Some((21 * 60 + 30, 6 * 60 + 45))));
        assert_eq!(quiet_hours("off"), Some(None));
        for text in ["", "22", "22-22", "25-7", "22-7-8", "abc", "22h99-7"] {
            assert_eq!(quiet_hours(text), None, "{text}");
        }
    }
}
