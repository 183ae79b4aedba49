//! The messages of the day: how it begins, how it ends, and the lists that the banner's buttons show.

use super::super::render::{self, Rendered};
use super::{Attempt, Worker, fingerprint};
use crate::domain::button::Sheet;
use crate::domain::effect::{Effect, Occasion};
use crate::domain::{Alert, AlertId, Bucket, ChatId, Severity, UserId};
use crate::engine::EngineError;
use crate::engine::day::{LATE, days_work, open_of, planned_today};
use crate::engine::told::reachable;
use crate::store::{Message, Said, SheetRow};
use crate::voice::{DayBegins, DayEnds, Notice};

/// How many of the alerts that are left a summary names.
const NAMED: usize = 3;

impl Worker {
    /// Whether a user's day begins now: what is not hot waits for the briefing, which tells it.
    pub(super) async fn waits_for_the_day(&mut self, user: Option<&UserId>) -> Result<bool, EngineError> {
        let Some(user) = user.cloned() else { return Ok(false) };
        let key = Effect::Briefing { user: user.clone(), day: 0 }.key();
        if self.store().outbox_entry(&key)?.is_some() {
            return Ok(true);
        }
        let begins = self.sender.engine.run(move |engine| {
            let begins = engine.day_begins(&user)?;
            if begins {
                engine.mind_days()?;
            }
            Ok(begins)
        });
        // Whatever kept the day from beginning: then nothing waits for it.
        let begins = begins.await? && self.store().outbox_entry(&key)?.is_some();
        if begins {
            self.wake_in(0);
        }
        Ok(begins)
    }

    /// Sends the briefing; nothing when there is nothing to do, or it is too late for it.
    pub(super) async fn begin_day(
        &mut self,
        key: &str,
        sequence: u64,
        user: &UserId,
        day: i32,
    ) -> Result<(), EngineError> {
        let (now, calendar) = (self.now(), self.sender.calendars.of(self.store(), user)?);
        let hours = calendar.day_of(now).filter(|_| calendar.number_of_day(now) == day);
        let is_time = hours.is_some_and(|(begin, _)| now < begin.plus(LATE));
        let told = reachable(self.store(), user)?.filter(|_| is_time);
        let Some(chat) = told.map(|told| told.chat) else { return self.settle(key, sequence).await };
        let Some(rendered) = self.briefing(chat, user)? else { return self.settle(key, sequence).await };
        let alerts: Vec<AlertId> = open_of(self.store(), user)?.into_iter().map(|alert| alert.id).collect();
        match self.send(chat, &rendered, !calendar.is_open(now)).await? {
            Attempt::NotNow => Ok(()),
            Attempt::Unreachable | Attempt::Never => self.settle(key, sequence).await,
            Attempt::Sent(message_id) => {
                let said = Said { at: now, alerts: u16::try_from(alerts.len()).unwrap_or(u16::MAX), urgent: false };
                let message = Message {
                    chat,
                    message_id,
                    alerts,
                    sent_at: now,
                    occasion: Occasion::Briefing,
                    told: Some(user.clone()),
                    shown: fingerprint(&rendered),
                    settled: false,
                    wording: None,
                };
                let (sent, whose) = ((key.to_owned(), sequence), user.to_string());
                self.sender.engine.run(move |engine| engine.briefed(&message, sent, (&whose, said))).await
            }
        }
    }

    /// Sends the summary of a day on which something was done.
    pub(super) async fn end_day(
        &mut self,
        key: &str,
        sequence: u64,
        user: &UserId,
        day: i32,
    ) -> Result<(), EngineError> {
        let (now, calendar) = (self.now(), self.sender.calendars.of(self.store(), user)?);
        let hours = calendar.day_of(now).filter(|_| calendar.number_of_day(now) == day);
        let hours = hours.filter(|(_, end)| now < end.plus(LATE));
        let told = reachable(self.store(), user)?;
        let Some((told, (begin, _))) = told.zip(hours) else { return self.settle(key, sequence).await };
        let work = days_work(self.store(), user, begin)?;
        if work.handled + work.answered == 0 {
            return self.settle(key, sequence).await;
        }
        let (speaker, chat) = (self.sender.speaker.clone(), told.chat);
        let (content, manner) = (self.content_in(chat)?, speaker.manner_in(self.store(), chat)?);
        let is_pressing = |alert: &Alert| matches!(alert.severity(), Severity::Urgent | Severity::High);
        let (left, rest): (Vec<_>, Vec<_>) = open_of(self.store(), user)?.into_iter().partition(is_pressing);
        // What is merely worth knowing is nothing that stays open.
        let open = rest.iter().filter(|alert| alert.severity() != Severity::Info).count();
        let briefings = self.briefings(left)?;
        let contexts: Vec<_> = briefings
            .iter()
            .map(|briefing| briefing.context(&speaker, manner, content, Occasion::Opened, now))
            .collect();
        let ends = DayEnds {
            reader: told.user.as_ref(),
            handled: work.handled,
            answered: work.answered,
            open,
            left: contexts.len(),
            named: &contexts[..contexts.len().min(NAMED)],
            day,
        };
        let rendered = render::summary(&speaker.voice, manner, &ends);
        match self.send(chat, &rendered, true).await? {
            Attempt::NotNow => Ok(()),
            Attempt::Sent(_) | Attempt::Unreachable | Attempt::Never => self.settle(key, sequence).await,
        }
    }

    /// The briefing as of now; `None` when there is nothing to do.
    fn briefing(&self, chat: ChatId, user: &UserId) -> Result<Option<Rendered>, EngineError> {
        let (speaker, now) = (&self.sender.speaker, self.now());
        let (content, manner) = (self.content_in(chat)?, speaker.manner_in(self.store(), chat)?);
        let calendar = self.sender.calendars.of(self.store(), user)?;
        let reader = self.store().user(user)?;
        let planned = planned_today(self.store(), &calendar, user, now)?;
        let briefings = self.briefings(open_of(self.store(), user)?)?;
        let contexts: Vec<_> = briefings
            .iter()
            .map(|briefing| briefing.context(speaker, manner, content, Occasion::Opened, now))
            .collect();
        if contexts.is_empty() && planned.is_empty() {
            return Ok(None);
        }
        let (alerts, planned, zone) = (contexts.as_slice(), planned.as_slice(), calendar.zone());
        let day = DayBegins { reader: reader.as_ref(), alerts, planned, zone, content };
        Ok(Some(render::briefing(&speaker.voice, manner, &day)))
    }

    /// What a message of the day shows, or the list that one of the banner's buttons shows in its place; `None` for any
    /// other message.
    pub(super) fn day_sheet(
        &self,
        chat: ChatId,
        occasion: Occasion,
        told: Option<&UserId>,
        row: SheetRow,
    ) -> Result<Option<Rendered>, EngineError> {
        let Some(user) = told.filter(|_| occasion.is_of_the_day()) else { return Ok(None) };
        let (speaker, now) = (&self.sender.speaker, self.now());
        let (content, manner) = (self.content_in(chat)?, speaker.manner_in(self.store(), chat)?);
        let Sheet::Of(bucket) = row.sheet else {
            let briefing = self.briefing(chat, user)?;
            return Ok(Some(briefing.unwrap_or_else(|| render::notice(&speaker.voice, manner, Notice::AllClear))));
        };
        let mut open = open_of(self.store(), user)?;
        open.retain(|alert| Bucket::of(alert.alert_type) == bucket);
        let briefings = self.briefings(open)?;
        let contexts: Vec<_> =
            briefings.iter().map(|briefing| briefing.context(speaker, manner, content, occasion, now)).collect();
        let mut rendered = render::sheet(&speaker.voice, manner, None, &contexts, row);
        if contexts.is_empty() {
            rendered.html = speaker.voice.notice_html(manner, Notice::AllClear);
        }
        Ok(Some(rendered))
    }
}
