//! A rep's day: it begins with a briefing and ends with a summary, each once, on working days only, and never late. What was
//! told to others while a rep was away is told on coming back.

use std::collections::BTreeSet;

use super::Engine;
use super::evaluate::is_first_evaluation;
use super::told::stand_in_of;
use crate::domain::calendar::Calendar;
use crate::domain::deed::CALL_LASTS;
use crate::domain::effect::{Effect, Occasion};
use crate::domain::{
    Activity, ActivityStatus, Alert, AlertId, AlertState, Channel, CloseReason, HOUR, Lead, Preferences, Seconds,
    Severity, Timestamp, UserId,
};
use crate::store::{Batch, Diary, Link, Result, StepKind, Store};

/// A briefing or summary that would be later than this, in seconds, is none: what waits is told without it.
pub const LATE: Seconds = HOUR;

/// How long a meeting takes whose end is not known, in seconds.
const MEETING_LASTS: Seconds = HOUR;

/// Who was told what was open when somebody went away is kept under this name and the user's id.
const STANDS_IN: &str = "stands_in";

/// Whether days begin and end with a message where the user does not wish otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habits {
    /// They begin with a briefing.
    pub briefing: bool,
    /// They end with a summary.
    pub summary: bool,
    /// A manager's week begins with the figures.
    pub weekly: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self { briefing: true, summary: true, weekly: true }
    }
}

/// What a day came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct DaysWork {
    /// Alerts that were dealt with.
    pub handled: usize,
    /// Leads that waited and were answered.
    pub answered: usize,
}

/// A working day of a user's, as far as its messages depend on it.
struct Today {
    now: Timestamp,
    begin: Timestamp,
    end: Timestamp,
    number: i32,
    may_be_told: bool,
}

impl Today {
    /// `None` on a day off.
    fn of(calendar: &Calendar, wishes: &Preferences, link: &Link, now: Timestamp) -> Option<Self> {
        let (begin, end) = calendar.day_of(now)?;
        let is_silenced = wishes.paused_until.max(wishes.away_until).is_some_and(|until| now < until);
        let is_quiet = wishes.quiet.is_some_and(|quiet| calendar.end_of_daily(quiet, now).is_some());
        // Whoever linked today has just been told all that is open.
        let may_be_told = !is_silenced && !is_quiet && link.linked_at < begin && !link.unreachable;
        Some(Self { now, begin, end, number: calendar.number_of_day(now), may_be_told })
    }

    fn begins(&self, diary: &Diary) -> bool {
        let is_time = self.begin <= self.now && self.now < self.begin.plus(LATE);
        is_time && self.may_be_told && diary.briefed != Some(self.number)
    }

    fn ends(&self, diary: &Diary) -> bool {
        let is_time = self.end <= self.now && self.now < self.end.plus(LATE);
        is_time && self.may_be_told && diary.summed_up != Some(self.number)
    }
}

/// One link of each user: the one made first says since when there is somebody to tell.
fn links(store: &Store) -> Result<Vec<Link>> {
    let mut links = store.links()?;
    links.sort_by(|a, b| (&a.user, a.unreachable, a.linked_at).cmp(&(&b.user, b.unreachable, b.linked_at)));
    links.dedup_by(|later, first| later.user == first.user);
    Ok(links)
}

impl Engine {
    /// Whether a user's day begins now, and has not begun yet: then what waits is told in the briefing.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn day_begins(&self, user: &UserId) -> Result<bool> {
        let links = links(&self.store)?;
        let Some(link) = links.iter().find(|link| link.user == *user) else { return Ok(false) };
        let (wishes, diary) = (self.store.preferences(user)?, self.store.diary(user.as_str())?);
        let calendar = self.policy.calendars.of(&self.store, user)?;
        let wants = wishes.briefing.unwrap_or(self.policy.habits.briefing);
        let today = Today::of(&calendar, &wishes, link, self.now());
        Ok(wants && today.is_some_and(|today| today.begins(&diary)))
    }

    /// Begins and ends the days of those for whom it is time, and notes who goes away and comes back.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn mind_days(&mut self) -> Result<()> {
        if is_first_evaluation(&self.store)? {
            return Ok(());
        }
        let mut batch = Batch::default();
        for link in links(&self.store)? {
            if self.store.user(&link.user)?.is_some_and(|user| user.active) {
                self.mind_day(&mut batch, &link)?;
            }
        }
        self.store.apply(batch)
    }

    fn mind_day(&mut self, batch: &mut Batch, link: &Link) -> Result<()> {
        let (now, user) = (self.now(), &link.user);
        let calendar = self.policy.calendars.of(&self.store, user)?;
        let (wishes, before) = (self.store.preferences(user)?, self.store.diary(user.as_str())?);
        let mut diary = before.clone();
        if let Some(today) = Today::of(&calendar, &wishes, link, now) {
            let day = today.number;
            if wishes.briefing.unwrap_or(self.policy.habits.briefing) && today.begins(&before) {
                diary.briefed = Some(day);
                self.add_effect(batch, Effect::Briefing { user: user.clone(), day }, now)?;
            }
            let has_an_end = !calendar.is_round_the_clock(now);
            if has_an_end && wishes.summary.unwrap_or(self.policy.habits.summary) && today.ends(&before) {
                diary.summed_up = Some(day);
                self.add_effect(batch, Effect::Summary { user: user.clone(), day }, now)?;
            }
            if today.may_be_told {
                self.mind_week(batch, user, &calendar, today.begin)?;
            }
        }
        let is_away = self.policy.calendars.is_away(&self.store, user, now)?;
        if is_away != before.away && (is_away || calendar.is_open(now)) {
            diary.away = is_away;
            if !is_away {
                self.tell_returned(batch, user, diary.briefed == before.briefed)?;
            }
        }
        if diary != before {
            batch.put_diary(user.as_str(), &diary);
        }
        self.tell_stand_in(batch, user, is_away)
    }

    /// Whoever stands in hears once, as one list, of what was open when somebody went away; a stand-in who is named later
    /// does then.
    fn tell_stand_in(&mut self, batch: &mut Batch, user: &UserId, is_away: bool) -> Result<()> {
        let name = format!("{STANDS_IN}/{user}");
        let told: Option<UserId> = self.store.meta::<Option<UserId>>(&name)?.flatten();
        let stands_in = match is_away {
            true => stand_in_of(&self.store, &self.policy.escalation.people, user)?.or(told.clone()),
            false => None,
        };
        if stands_in == told {
            return Ok(());
        }
        batch.put_meta(&name, &stands_in);
        let (now, Some(stands_in)) = (self.now(), stands_in) else { return Ok(()) };
        for alert in open_of(&self.store, user)? {
            let mut messages = self.store.messages_about(&alert.id)?.into_iter();
            // What opened meanwhile was told in the owner's stead.
            if messages.any(|one| one.told.as_ref() == Some(&stands_in) && now.since(one.sent_at) < LATE) {
                continue;
            }
            let occasion = Occasion::StandingIn;
            let effect = Effect::Announce { alert: alert.id, occasion, at: now, first_evaluation: true };
            self.add_effect(batch, effect, now)?;
        }
        Ok(())
    }

    /// Whoever was away is back: what stand-ins were told says so, and unless a briefing tells it, all that is open is
    /// announced as one digest.
    fn tell_returned(&mut self, batch: &mut Batch, user: &UserId, announces: bool) -> Result<()> {
        let now = self.now();
        for alert in open_of(&self.store, user)? {
            self.add_effect(batch, Effect::RefreshMessages(alert.id.clone()), now)?;
            if announces {
                let occasion = Occasion::Opened;
                let effect = Effect::Announce { alert: alert.id, occasion, at: now, first_evaluation: true };
                self.add_effect(batch, effect, now)?;
            }
        }
        Ok(())
    }
}

/// A user's alerts that are open and not snoozed.
///
/// # Errors
/// When the store cannot be read.
pub fn open_of(store: &Store, user: &UserId) -> Result<Vec<Alert>> {
    let mut open = store.open_alerts()?;
    open.retain(|alert| alert.state == AlertState::Open && alert.owner.as_ref() == Some(user));
    Ok(open)
}

/// What is planned with a user's leads from `now` to the end of the user's day, soonest first.
///
/// # Errors
/// When the store cannot be read.
pub fn planned_today(
    store: &Store,
    calendar: &Calendar,
    user: &UserId,
    now: Timestamp,
) -> Result<Vec<(Timestamp, Lead)>> {
    let today = calendar.number_of_day(now);
    let mut planned: Vec<(Timestamp, Lead)> = planned_with(store, user)?
        .into_iter()
        .map(|(lead, activity)| (activity.timestamp, lead))
        .filter(|(at, _)| *at >= now && calendar.number_of_day(*at) == today)
        .collect();
    planned.sort_by(|a, b| (a.0, &a.1.id).cmp(&(b.0, &b.1.id)));
    Ok(planned)
}

/// All that is planned with a user's leads.
fn planned_with(store: &Store, user: &UserId) -> Result<Vec<(Lead, Activity)>> {
    let leads: Vec<_> = {
        let outlooks = store.outlooks();
        let planned = outlooks.watched().filter(|watched| watched.outlook.has_next_step());
        planned.map(|watched| watched.lead.clone()).collect()
    };
    let mut planned = Vec::new();
    for id in leads {
        let Some(lead) = store.lead(&id)?.filter(|lead| lead.owner.as_ref() == Some(user) && !lead.deleted) else {
            continue;
        };
        let activities = store.activities(&id)?.into_iter();
        let to_come = activities.filter(|activity| activity.status == ActivityStatus::Planned);
        planned.extend(to_come.map(|activity| (lead.clone(), activity)));
    }
    Ok(planned)
}

/// When a user is taken from `now` on, from and to (exclusive): what is planned with the user's leads, and what is planned
/// for the user with others.
///
/// # Errors
/// When the store cannot be read.
pub fn occupied(store: &Store, user: &UserId, now: Timestamp) -> Result<Vec<(Timestamp, Timestamp)>> {
    let mut occupied = Vec::new();
    for (_, activity) in planned_with(store, user)? {
        let known = store.appointment(&activity.lead_id, &activity.id)?;
        let usual = if activity.channel == Channel::Call { CALL_LASTS } else { MEETING_LASTS };
        let end = known.filter(|known| known.begin == activity.timestamp).map(|known| known.end);
        occupied.push((activity.timestamp, end.unwrap_or(activity.timestamp.plus(usual))));
    }
    for appointment in store.appointments()?.into_iter().filter(|known| known.user == *user && known.end > now) {
        let activity = store.activity(&appointment.lead, &appointment.activity)?;
        let is_planned = activity.is_some_and(|known| known.status == ActivityStatus::Planned);
        occupied.extend(is_planned.then_some((appointment.begin, appointment.end)));
    }
    occupied.retain(|(_, to)| *to > now);
    occupied.sort_unstable();
    Ok(occupied)
}

/// What a user's day came to since it began.
///
/// # Errors
/// When the store cannot be read.
pub fn days_work(store: &Store, user: &UserId, since: Timestamp) -> Result<DaysWork> {
    let steps = store.steps_since(since)?;
    let ended: BTreeSet<AlertId> = steps
        .into_iter()
        .filter(|step| matches!(step.kind, StepKind::Closed | StepKind::Resolved))
        .map(|step| step.alert)
        .collect();
    let mut work = DaysWork::default();
    for id in ended {
        let Some(alert) = store.alert(&id)?.filter(|alert| alert.owner.as_ref() == Some(user)) else { continue };
        match &alert.state {
            AlertState::Resolved(resolution) if resolution.at >= since => work.handled += 1,
            AlertState::Closed { at, reason: CloseReason::Cleared } if *at >= since => {
                let answered = alert.alert_type.is_about_an_answer();
                work.answered += usize::from(answered);
                work.handled += usize::from(!answered && alert.severity() != Severity::Info);
            }
            AlertState::Closed { at, reason: CloseReason::Planned } if *at >= since => work.handled += 1,
            AlertState::Resolved(_) | AlertState::Closed { .. } | AlertState::Open | AlertState::Snoozed { .. } => {}
        }
    }
    Ok(work)
}
