//! How a manager's week begins: the figures, with a picture of them.

use super::super::{chart, render};
use super::{Attempt, Worker};
use crate::domain::UserId;
use crate::engine::EngineError;
use crate::engine::kpi::{Whose, report};
use crate::engine::told::reachable;
use crate::voice::WeekBegins;

impl Worker {
    /// Sends the figures of the week; nothing when its first working day is over.
    pub(super) async fn begin_week(
        &mut self,
        key: &str,
        sequence: u64,
        user: &UserId,
        day: i32,
    ) -> Result<(), EngineError> {
        let (now, calendar) = (self.now(), self.sender.calendars.of(self.store(), user)?);
        let hours = calendar.day_of(now).filter(|_| calendar.number_of_day(now) == day);
        let told = reachable(self.store(), user)?.filter(|_| hours.is_some_and(|(_, end)| now < end));
        let report = report(self.store(), &Whose::Led(user.clone()))?;
        let Some((told, report)) = told.zip(report) else { return self.settle(key, sequence).await };
        let (speaker, chat) = (self.sender.speaker.clone(), told.chat);
        let manner = speaker.manner_in(self.store(), chat)?;
        let week = WeekBegins { reader: told.user.as_ref(), report: &report, week: day / 7 };
        let rendered = render::weekly(&speaker.voice, manner, &week);
        let picture = chart::draw(&speaker.voice.chart(manner, &report));
        match self.send_with_picture(chat, &rendered, picture, !calendar.is_open(now)).await? {
            Attempt::NotNow => Ok(()),
            Attempt::Sent(_) | Attempt::Unreachable | Attempt::Never => self.settle(key, sequence).await,
        }
    }
}
