//! What people do by a few words: settle an alert, put it off, plan a call, take that back. As with a tap, the user is
//! checked, not the chat.

use chrono::{NaiveDate, TimeDelta, Weekday};

use super::super::bot::Bot;
use super::super::render::{self, Key, KeyKind, Rendered};
use super::super::taps::Halt;
use super::super::times;
use super::Reader;
use super::phrase::instant;
use crate::domain::alert::Via;
use crate::domain::ask::{Ask, Until};
use crate::domain::button::Button;
use crate::domain::deed::{Deed, DeedKind};
use crate::domain::effect::Occasion;
use crate::domain::meaning::messages;
use crate::domain::{
    ActivityId, ActivityStatus, Alert, AlertState, Channel, DAY, DeedId, Direction, HOUR, Lead, LeadId, MINUTE,
    Seconds, Timestamp,
};
use crate::engine::EngineError;
use crate::engine::acts::{Acted, Actor, may_act};
use crate::engine::briefing::Briefing;
use crate::engine::day::occupied;
use crate::engine::deeds::Did;
use crate::engine::dossier::known;
use crate::engine::log::Report;
use crate::insight::advice;
use crate::voice::Toast;
use crate::voice::screens::Screen;

/// For how long what was done by words can be taken back.
const UNDO: Seconds = 10 * MINUTE;
/// How many times to call at are offered.
const SLOTS: usize = 4;

impl Reader {
    pub(super) fn actor(&self) -> Actor {
        Actor { name: self.user.name.clone(), user: Some(self.user.id.clone()), via: Via::Telegram }
    }
}

/// The beginning of working hours on that day, or on the next working day.
pub(super) fn morning_of(reader: &Reader, day: NaiveDate) -> Timestamp {
    let eve = day.checked_sub_signed(TimeDelta::days(1)).unwrap_or(day);
    reader.calendar.next_day_open(instant(eve, 12 * 60, reader.calendar.zone()))
}

/// The end of a length of time that was chosen.
pub(super) fn end_of(reader: &Reader, until: Until) -> Timestamp {
    match until {
        Until::Hour => reader.now.plus(HOUR),
        Until::Tomorrow => reader.calendar.next_day_open(reader.now),
        Until::Monday => reader.calendar.next_weekday_open(reader.now, Weekday::Mon),
        Until::Week => reader.calendar.next_day_open(reader.now.plus(6 * DAY)),
        Until::TwoWeeks => reader.calendar.next_day_open(reader.now.plus(13 * DAY)),
    }
}

impl Bot {
    /// Why the reader may not act on an alert; `None` when he or she may.
    async fn hindrance(&self, reader: &Reader, alert: &Alert) -> Result<Option<Screen<'static>>, EngineError> {
        let store = self.engine.store();
        if !may_act(store, &self.people, &reader.user.id, alert)?
            && !self.is_anybodys(alert, true).await.map_err(Halt::of_the_engine)?
        {
            return Ok(Some(Screen::NotAllowed));
        }
        let done = Button::Resolve(alert.id.clone());
        let refusal = self.refusal(&reader.user.id, alert, &done, true).await.map_err(Halt::of_the_engine)?;
        Ok(refusal.map(|refusal| match refusal {
            Toast::CannotAsk => Screen::CannotAsk,
            _ => Screen::NotAllowed,
        }))
    }

    fn plain(&self, reader: &Reader, screen: &Screen<'_>) -> Rendered {
        self.screen(reader, screen, Vec::new())
    }

    fn lead_of(&self, alert: &Alert) -> Result<Option<Lead>, EngineError> {
        Ok(self.engine.store().lead(&alert.lead_id)?)
    }

    fn undo_key(&self, reader: &Reader, alert: &Alert) -> Key {
        self.key(reader, "undo", Ask::Undo(alert.id.clone()))
    }

    /// An alert is dealt with.
    pub(super) async fn settle(&self, reader: &Reader, alert: &Alert) -> Result<Rendered, EngineError> {
        if let Some(hindrance) = self.hindrance(reader, alert).await? {
            return Ok(self.plain(reader, &hindrance));
        }
        let (id, actor) = (alert.id.clone(), reader.actor());
        let acted = self.engine.run(move |engine| engine.resolve(&id, &actor, "")).await?;
        self.settled(reader, acted)
    }

    fn settled(&self, reader: &Reader, acted: Acted) -> Result<Rendered, EngineError> {
        let (alert, is_new) = match acted {
            Acted::Done(alert) => (alert, true),
            Acted::Unchanged(alert) => (alert, false),
            Acted::Unknown => return Ok(self.plain(reader, &Screen::AboutWhat)),
        };
        let Some(lead) = self.lead_of(&alert)? else { return Ok(self.plain(reader, &Screen::AboutWhat)) };
        if is_new {
            self.memory.note(reader.chat, |recent| recent.act = Some((alert.id.clone(), reader.now)));
            return Ok(self.screen(reader, &Screen::Done(&lead), vec![vec![self.undo_key(reader, &alert)]]));
        }
        let others = alert.resolution().filter(|resolution| resolution.user.as_ref() != Some(&reader.user.id));
        let by = others.map_or("", |resolution| resolution.by.as_str());
        Ok(self.plain(reader, &Screen::DoneBefore(&lead, by)))
    }

    /// The rep wrote by hand, where it was suggested: as the button below the alert says it.
    pub(super) async fn sent(&self, reader: &Reader, alert: &Alert) -> Result<Rendered, EngineError> {
        let Some(lead) = self.lead_of(alert)? else { return Ok(self.plain(reader, &Screen::AboutWhat)) };
        let briefing = Briefing::load(self.engine.store(), &self.speaker, alert.clone(), reader.now)?;
        let suggested = briefing.and_then(|known| advice::draft_channel(alert, &lead, known.preferred()));
        let written = suggested.filter(|channel| matches!(channel, Channel::Whatsapp | Channel::Email));
        let Some(channel) = written.filter(|_| alert.state.is_open()) else {
            return self.settle(reader, alert).await;
        };
        if let Some(hindrance) = self.hindrance(reader, alert).await? {
            return Ok(self.plain(reader, &hindrance));
        }
        let report = Report {
            id: Some(ActivityId(format!("sent-{}-{}", alert.id, alert.openings))),
            lead: alert.lead_id.clone(),
            channel,
            direction: Direction::Out,
            status: ActivityStatus::Sent,
            text: String::new(),
            timestamp: None,
            by: Some(reader.user.id.clone()),
        };
        self.engine.run(move |engine| engine.log(vec![report], false)).await?;
        Ok(self.plain(reader, &Screen::Done(&lead)))
    }

    /// An alert can wait.
    pub(super) async fn put_off(
        &self,
        reader: &Reader,
        alert: &Alert,
        until: Timestamp,
    ) -> Result<Rendered, EngineError> {
        if let Some(hindrance) = self.hindrance(reader, alert).await? {
            return Ok(self.plain(reader, &hindrance));
        }
        let (id, actor) = (alert.id.clone(), reader.actor());
        let acted = self.engine.run(move |engine| engine.snooze(&id, Some(until), &actor)).await?;
        let Acted::Done(alert) = acted else { return self.settled(reader, acted) };
        let Some(lead) = self.lead_of(&alert)? else { return Ok(self.plain(reader, &Screen::AboutWhat)) };
        self.memory.note(reader.chat, |recent| recent.act = Some((alert.id.clone(), reader.now)));
        let others = [Until::Hour, Until::Tomorrow, Until::Monday].map(|until| (until, end_of(reader, until)));
        let key = |(other, end): (Until, Timestamp)| {
            (end != until).then(|| self.key(reader, other.as_str(), Ask::Later(alert.id.clone(), end)))
        };
        let others: Vec<Key> = others.into_iter().filter_map(key).collect();
        let keyboard = vec![others, vec![self.undo_key(reader, &alert)]];
        Ok(self.screen(reader, &Screen::Later(&lead, until), keyboard))
    }

    /// What the reader did about an alert is taken back.
    pub(super) async fn take_back(&self, reader: &Reader, alert: &Alert) -> Result<Rendered, EngineError> {
        let nothing = || Ok(self.plain(reader, &Screen::NothingToUndo));
        let is_recent = match &alert.state {
            AlertState::Resolved(resolution) => {
                resolution.user.as_ref() == Some(&reader.user.id) && reader.now.since(resolution.at) < UNDO
            }
            AlertState::Snoozed { .. } => true,
            AlertState::Open | AlertState::Closed { .. } => false,
        };
        if !is_recent {
            return nothing();
        }
        if let Some(hindrance) = self.hindrance(reader, alert).await? {
            return Ok(self.plain(reader, &hindrance));
        }
        let (id, actor, is_snoozed) = (alert.id.clone(), reader.actor(), alert.state.is_open());
        let acted = self
            .engine
            .run(
                move |engine| {
                    if is_snoozed { engine.snooze(&id, None, &actor) } else { engine.unresolve(&id, &actor) }
                },
            )
            .await?;
        self.memory.note(reader.chat, |recent| recent.act = None);
        match (acted, self.lead_of(alert)?) {
            (Acted::Done(_), Some(lead)) => Ok(self.plain(reader, &Screen::Undone(&lead))),
            _ => nothing(),
        }
    }

    /// A call with a lead is planned, if the CRM lets the reader. `tapped` tells this deed from every other.
    pub(super) async fn plan_call(
        &self,
        reader: &Reader,
        lead: &LeadId,
        at: Timestamp,
        tapped: &str,
    ) -> Result<Rendered, EngineError> {
        let Some(known) = self.engine.store().lead(lead)?.filter(|lead| !lead.deleted) else {
            return Ok(self.plain(reader, &Screen::AboutWhat));
        };
        match self.permissions.of(&reader.user.id, lead).await {
            None => return Ok(self.plain(reader, &Screen::CannotAsk)),
            Some(rights) if rights.read && rights.edit => {}
            Some(_) => return Ok(self.plain(reader, &Screen::NotAllowed)),
        }
        let taken = times::collides(&occupied(self.engine.store(), &reader.user.id, reader.now)?, at);
        let deed = Deed {
            id: DeedId::of(&["call", tapped, lead.as_str(), &at.to_string()]),
            lead: lead.clone(),
            alert: None,
            by: reader.user.id.clone(),
            at: reader.now,
            kind: DeedKind::PlanCall { at },
        };
        let actor = reader.actor();
        let did = self.engine.run(move |engine| engine.do_deed(deed, &actor)).await?;
        self.memory.note(reader.chat, |recent| recent.call = None);
        Ok(match did {
            Did::Done => self.plain(reader, &Screen::Planned { lead: &known, at, taken }),
            Did::Known => self.plain(reader, &Screen::Planned { lead: &known, at, taken: false }),
            Did::NoLead => self.plain(reader, &Screen::AboutWhat),
        })
    }

    /// When is the call to be? What is typed next is the answer.
    pub(super) fn ask_when_to_call(&self, reader: &Reader, lead: &Lead, past: bool) -> Result<Rendered, EngineError> {
        self.memory.note(reader.chat, |recent| recent.call = Some((lead.id.clone(), reader.now)));
        let zone = reader.calendar.zone();
        let key = |at: Timestamp| Key {
            text: self.speaker.voice.instant_label(reader.manner, at, reader.now, zone),
            kind: KeyKind::Ask(Ask::Call(lead.id.clone(), Some(at))),
        };
        let slots = self.slots(&reader.user.id, lead, reader.now)?;
        let keyboard = slots.into_iter().take(SLOTS).map(|at| vec![key(at)]).collect();
        Ok(self.screen(reader, &Screen::When { lead, call: true, past }, keyboard))
    }

    /// Why the reader was told.
    pub(super) fn why(&self, reader: &Reader, alert: Alert) -> Result<Rendered, EngineError> {
        let Some(briefing) = Briefing::load(self.engine.store(), &self.speaker, alert, reader.now)? else {
            return Ok(self.plain(reader, &Screen::AboutWhat));
        };
        let content = self.speaker.content_in(reader.chat);
        let context = briefing.context(&self.speaker, reader.manner, content, Occasion::Opened, reader.now);
        let store = self.engine.store();
        let activities = store.activities(&briefing.lead.id)?;
        let insight = known(store, &self.speaker, &briefing.lead, &activities, reader.now)?;
        let wrote = messages(&activities, reader.now).next().is_some();
        Ok(render::why(&self.speaker.voice, &context, &insight, wrote))
    }
}
