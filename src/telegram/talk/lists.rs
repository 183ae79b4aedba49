//! Lists of alerts with filters and pages, and figures.

use std::collections::BTreeSet;

use chrono::{Datelike, TimeDelta};

use super::super::bot::Bot;
use super::super::render::{self, Key, KeyKind, Rendered};
use super::Reader;
use super::phrase::instant;
use crate::domain::ask::{Ask, Filter};
use crate::domain::button::Button;
use crate::domain::effect::Occasion;
use crate::domain::{Alert, AlertState, Severity, TeamId};
use crate::engine::EngineError;
use crate::engine::briefing::Briefing;
use crate::engine::day::{open_of, planned_today};
use crate::engine::figures::{self, Period, Whose};
use crate::engine::kpi;
use crate::store::Message;
use crate::voice::screens::{AlertsPage, Count, Figures, Screen};
use crate::voice::{AlertContext, DayBegins};

/// How many alerts a page has.
const PER_PAGE: usize = 8;

impl Bot {
    /// A page of the reader's own alerts; the last one when there are fewer pages by now.
    pub(super) fn alerts_page(&self, reader: &Reader, filter: Filter, page: u16) -> Result<Rendered, EngineError> {
        let store = self.engine.store();
        let mut alerts = store.open_alerts()?;
        alerts.retain(|alert| {
            alert.owner.as_ref() == Some(&reader.user.id) && alert.opened_at.is_some() && takes(filter, alert)
        });
        alerts.sort_by_cached_key(|alert| self.speaker.place_of(alert));
        let total = alerts.len();
        let last = total.saturating_sub(1) / PER_PAGE;
        let page = usize::from(page).min(last);
        let mut briefings = Vec::new();
        for alert in alerts.into_iter().skip(page * PER_PAGE).take(PER_PAGE) {
            briefings.extend(Briefing::load(store, &self.speaker, alert, reader.now)?);
        }
        let content = self.speaker.content_in(reader.chat);
        let context = |briefing| -> AlertContext<'_> {
            Briefing::context(briefing, &self.speaker, reader.manner, content, Occasion::Opened, reader.now)
        };
        let contexts: Vec<AlertContext<'_>> = briefings.iter().map(context).collect();
        let shown = AlertsPage { filter, alerts: &contexts, before: page * PER_PAGE, total };
        let mut keyboard: Vec<Vec<Key>> = contexts
            .iter()
            .enumerate()
            .map(|(position, context)| {
                let text = self.speaker.voice.show_label(context, page * PER_PAGE + position + 1);
                vec![Key { text, kind: KeyKind::Callback(Button::Show(context.alert.id.clone())) }]
            })
            .collect();
        keyboard.push(self.turn_pages(reader, filter, page, last));
        let filters: Vec<Key> = Filter::ALL
            .into_iter()
            .filter(|other| *other != filter)
            .map(|other| self.key(reader, other.as_str(), Ask::Alerts(other, 0)))
            .collect();
        keyboard.extend(filters.chunks(2).map(<[Key]>::to_vec));
        Ok(self.screen(reader, &Screen::Alerts(shown), keyboard))
    }

    /// The reader's day, as the morning's briefing tells it; its figures are buttons, and it is kept up to date like one.
    pub(super) async fn today(&self, reader: &Reader) -> Result<(), EngineError> {
        let (store, user) = (self.engine.store(), &reader.user.id);
        let planned = planned_today(store, &reader.calendar, user, reader.now)?;
        let mut open = open_of(store, user)?;
        open.sort_by_cached_key(|alert| self.speaker.place_of(alert));
        let mut briefings = Vec::new();
        for alert in open {
            briefings.extend(Briefing::load(store, &self.speaker, alert, reader.now)?);
        }
        let content = self.speaker.content_in(reader.chat);
        let context = |briefing| -> AlertContext<'_> {
            Briefing::context(briefing, &self.speaker, reader.manner, content, Occasion::Opened, reader.now)
        };
        let alerts: Vec<AlertContext<'_>> = briefings.iter().map(context).collect();
        if alerts.is_empty() && planned.is_empty() {
            self.show(reader.chat, &self.alerts_page(reader, Filter::All, 0)?).await;
            return Ok(());
        }
        let (me, zone) = (Some(&reader.user), reader.calendar.zone());
        let day = DayBegins { reader: me, alerts: &alerts, planned: &planned, zone, content };
        let rendered = render::briefing(&self.speaker.voice, reader.manner, &day);
        let message_id = match self.api.send(reader.chat, None, &rendered, false).await {
            Ok(message_id) => message_id,
            Err(error) => {
                tracing::warn!(chat = %reader.chat, %error, "a reply could not be sent");
                return Ok(());
            }
        };
        let message = Message {
            chat: reader.chat,
            message_id,
            alerts: briefings.iter().map(|briefing| briefing.alert.id.clone()).collect(),
            sent_at: reader.now,
            occasion: Occasion::Briefing,
            told: Some(user.clone()),
            shown: 0,
            settled: false,
            wording: None,
        };
        self.engine.run(move |engine| engine.adopt_message(&message)).await
    }

    fn turn_pages(&self, reader: &Reader, filter: Filter, page: usize, last: usize) -> Vec<Key> {
        let turn = |label: &str, page: usize| {
            self.key(reader, label, Ask::Alerts(filter, u16::try_from(page).unwrap_or(u16::MAX)))
        };
        let mut keys = Vec::new();
        if page > 0 {
            keys.push(turn("previous", page - 1));
        }
        if page < last {
            keys.push(turn("next", page + 1));
        }
        keys
    }

    /// The reader's figures, or those of the teams he or she leads.
    pub(super) fn stats(&self, reader: &Reader, team: bool) -> Result<Rendered, EngineError> {
        let store = self.engine.store();
        let led = self.led_teams(reader);
        let team = team && !led.is_empty();
        let whose = if team { Whose::Teams(led.clone()) } else { Whose::Rep(reader.user.id.clone()) };
        let zone = reader.calendar.zone();
        let today = reader.now.to_utc().with_timezone(&zone).date_naive();
        let monday = today - TimeDelta::days(today.weekday().num_days_from_monday().into());
        let standing = figures::standing(store, &whose)?;
        let periods = [
            figures::period(store, &whose, instant(today, 0, zone))?,
            figures::period(store, &whose, instant(monday, 0, zone))?,
        ];
        let whose =
            if team { kpi::Whose::Led(reader.user.id.clone()) } else { kpi::Whose::Rep(reader.user.id.clone()) };
        let report = kpi::report(store, &whose)?.filter(|report| !report.is_empty());
        let shown = Figures {
            team,
            report: report.as_ref(),
            open: (standing.open, standing.urgent, standing.snoozed),
            periods: periods.each_ref().map(count),
        };
        let mut keyboard = Vec::new();
        if !led.is_empty() {
            let label = if team { "mine" } else { "team" };
            keyboard.push(vec![self.key(reader, label, Ask::Stats(!team))]);
        }
        Ok(self.screen(reader, &Screen::Stats(shown), keyboard))
    }

    pub(super) fn led_teams(&self, reader: &Reader) -> BTreeSet<TeamId> {
        let managers = self.people.managers.iter();
        managers.filter(|(_, names)| names.contains(&reader.user.id)).map(|(team, _)| team.clone()).collect()
    }
}

fn count(period: &Period) -> Count<'_> {
    Count {
        opened: period.opened,
        handled: period.handled,
        reactions: &period.reactions,
        typical: period.typical_reaction(),
    }
}

fn takes(filter: Filter, alert: &Alert) -> bool {
    let is_open = alert.state == AlertState::Open;
    match filter {
        Filter::All => is_open,
        Filter::Urgent => is_open && alert.severity() == Severity::Urgent,
        Filter::ToAnswer => is_open && alert.alert_type.is_about_an_answer(),
        Filter::ToFollowUp => is_open && figures::is_follow_up(alert.alert_type),
        Filter::Snoozed => !is_open,
    }
}
