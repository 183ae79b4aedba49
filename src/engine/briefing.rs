//! All that is needed to speak about one alert, gathered from the mirror: one way for the CRM's record, the
//! Telegram message and the API.

use std::sync::{Mutex, PoisonError};

use chrono_tz::Tz;

use super::calendars::Calendars;
use super::insights::habits;
use super::rulebook::can_archive;
use super::told::user_in;
use crate::domain::effect::Occasion;
use crate::domain::{
    Activity, Alert, AlertId, AlertState, Channel, ChatId, Deed, DeedKind, Direction, Lead, MINUTE, Severity,
    Timestamp, User, UserId, Wording,
};
use crate::insight::exchange::{Exchange, exchange};
use crate::insight::lead::{Lens, known_of};
use crate::insight::leaning::{SURE, leaning, tallies};
use crate::insight::strategy::{Strategy, strategy};
use crate::insight::zone;
use crate::rules::{Settings, attempts, preferred, rates};
use crate::store::{LastMail, Result, Store};
use crate::voice::{AlertContext, Content, Done, Manner, Voice};

/// M.A.X.'s voice, with what the configuration says about how to use it.
#[derive(Debug)]
pub struct Speaker {
    /// The words.
    pub voice: Voice,
    manner: Mutex<Manner>,
    /// How much a Telegram message shows.
    pub content: Content,
    /// Whose hours and dates.
    pub zone: Tz,
    /// How national telephone numbers are read.
    pub default_country: String,
    /// The group account from which the CRM sends mails for users; empty when it does not.
    pub mail_from: String,
    /// Where people open the CRM, without a slash at its end.
    pub crm_site: String,
    /// When a lead's owner works.
    pub calendars: Calendars,
    /// What the preferred channel is told by, and which alert is the more pressing.
    pub rules: Settings,
}

impl Speaker {
    /// A speaker in this language.
    pub fn new(
        voice: Voice,
        manner: Manner,
        content: Content,
        zone: Tz,
        default_country: String,
        crm_site: &str,
        rules: Settings,
    ) -> Self {
        let crm_site = crm_site.trim_end_matches('/').trim_end_matches("/api/v1").to_owned();
        Self {
            voice,
            manner: Mutex::new(manner),
            content,
            zone,
            default_country,
            mail_from: String::new(),
            calendars: Calendars::default(),
            crm_site,
            rules,
        }
    }

    /// How everybody is spoken to who does not wish otherwise, and what the CRM's records are written in.
    pub fn manner(&self) -> Manner {
        *self.manner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on M.A.X. speaks in this manner.
    pub fn speak(&self, manner: Manner) {
        *self.manner.lock().unwrap_or_else(PoisonError::into_inner) = manner;
    }

    /// How a user is spoken to; nobody in particular as everybody.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn manner_of(&self, store: &Store, user: Option<&UserId>) -> Result<Manner> {
        let preferences = user.map(|user| store.preferences(user)).transpose()?.unwrap_or_default();
        Ok(preferences.manner(self.manner()))
    }

    /// How the reader of a chat is spoken to.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn manner_in(&self, store: &Store, chat: ChatId) -> Result<Manner> {
        self.manner_of(store, user_in(store, chat)?.as_ref())
    }

    /// How pressing an alert is: the smaller, the more pressing.
    pub fn pressing(&self, severity: Severity) -> usize {
        self.rules.place_of(severity)
    }

    /// Where an alert stands in a list, the smaller the earlier: most pressing first, and among equals the one that is
    /// there longest. What opens later comes after, so that a list stays in order while it is read.
    pub fn place_of(&self, alert: &Alert) -> (usize, Option<Timestamp>, Option<Timestamp>, AlertId) {
        (self.pressing(alert.severity()), alert.opened_at, alert.anchor.instant(), alert.id.clone())
    }

    /// How much a message to this chat shows: what is private stays out of groups.
    pub fn content_in(&self, chat: ChatId) -> Content {
        if chat.is_group() { Content::Initials } else { self.content }
    }

    /// What an activity's record in the CRM is called.
    pub fn activity_name(&self, activity: &Activity) -> String {
        let channel = self.voice.channel_name(self.manner(), activity.channel);
        let arrow = match activity.direction {
            Direction::In => "←",
            Direction::Out => "→",
        };
        let words: String =
            activity.preview.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(80).collect();
        format!("{channel} {arrow} {words}").trim_end().to_owned()
    }

    /// Where people open a lead.
    pub fn lead_url(&self, lead: &Lead) -> String {
        format!("{}/#Lead/view/{}", self.crm_site, lead.id)
    }
}

/// One alert and those it concerns.
#[derive(Clone, Debug)]
pub struct Briefing {
    /// The alert.
    pub alert: Alert,
    /// Its lead.
    pub lead: Lead,
    /// The lead's owner, if known.
    pub owner: Option<User>,
    preferred: Option<Channel>,
    strategy: Option<Strategy>,
    exchange: Exchange,
    link: String,
    done: Option<Done>,
    can_archive: bool,
    /// The mail that the lead wrote last, which a mail to it answers.
    pub last_mail: Option<LastMail>,
}

impl Briefing {
    /// Gathers; `None` when the alert's lead is not in the mirror.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn load(store: &Store, speaker: &Speaker, alert: Alert, now: Timestamp) -> Result<Option<Self>> {
        let Some(lead) = store.lead(&alert.lead_id)? else { return Ok(None) };
        let owner = lead.owner.as_ref().map(|owner| store.user(owner)).transpose()?.flatten();
        let (activities, rules) = (store.activities(&lead.id)?, &speaker.rules);
        let habits = habits(store)?;
        let exchange = exchange(&activities, speaker.manner().lang());
        let learned = leaning(&tallies(&attempts(&activities, rules, now), now), &habits.channels);
        // What is surely known goes before what the last 30 days show.
        let learned = learned.filter(|leaning| leaning.sureness >= SURE).map(|leaning| leaning.channel);
        let preferred = learned.or_else(|| preferred(&activities, rules, now).map(|rate| rate.channel));
        let home = lead.phone.as_deref().and_then(zone::of_phone).unwrap_or(speaker.zone);
        let lens = Lens { usual: &habits.hours, home, zone: speaker.zone, grace: rules.next_step_grace };
        let insight = known_of(&activities, rates(&activities, rules, now), preferred, lens, now);
        let works = speaker.calendars.of_owner(store, lead.owner.as_ref())?;
        let strategy = strategy(&alert, &lead, &activities, &insight, (&works, speaker.zone), now);
        let link = speaker.lead_url(&lead);
        let done = done(store, &alert, &lead)?;
        let (can_archive, last_mail) = (can_archive(store)?, store.last_mail(&lead.id)?);
        let known = Self { alert, lead, owner, preferred, exchange, strategy, link, done, can_archive, last_mail };
        Ok(Some(known))
    }

    /// The lead's preferred channel, if known.
    pub fn preferred(&self) -> Option<Channel> {
        self.preferred
    }

    /// As the voice wants it.
    pub fn context<'a>(
        &'a self,
        speaker: &'a Speaker,
        manner: Manner,
        content: Content,
        occasion: Occasion,
        now: Timestamp,
    ) -> AlertContext<'a> {
        AlertContext {
            manner,
            alert: &self.alert,
            lead: &self.lead,
            owner: self.owner.as_ref(),
            preferred: self.preferred,
            now,
            zone: speaker.zone,
            crm_link: Some(&self.link),
            default_country: Some(&speaker.default_country),
            content,
            occasion,
            exchange: self.exchange,
            wording: Wording::of(&self.alert.id),
            strategy: self.strategy.as_ref(),
            done: self.done.as_ref(),
            reader: None,
            can_archive: self.can_archive,
        }
    }

    /// Whether a call in vain ended the alert, and none was planned since.
    pub fn was_in_vain(&self) -> bool {
        self.done.as_ref().is_some_and(Done::is_in_vain)
    }
}

/// Whether somebody did it about an alert. What was typed, or tapped below a planned call, is about all of the lead's.
fn is_about(deed: &Deed, alert: &Alert) -> bool {
    deed.alert.as_ref().map_or(deed.lead == alert.lead_id, |about| *about == alert.id)
}

/// The call that was planned there after one in vain had ended the alert.
fn planned_after(store: &Store, alert: &Alert, ended: &Deed) -> Result<Option<Deed>> {
    if ended.kind.outcome().is_none() {
        return Ok(None);
    }
    let mut deeds = store.deeds()?;
    deeds.retain(|deed| {
        let is_plan = matches!(deed.kind, DeedKind::PlanCall { .. });
        is_plan && is_about(deed, alert) && deed.at >= ended.at
    });
    Ok(deeds.into_iter().max_by_key(|deed| deed.at))
}

/// What somebody did by a button of an alert and ended it by that, as long as it is remembered.
fn done(store: &Store, alert: &Alert, lead: &Lead) -> Result<Option<Done>> {
    let AlertState::Closed { at: closed_at, .. } = &alert.state else { return Ok(None) };
    let ended_it = |deed: &Deed| match &deed.kind {
        DeedKind::PlanCall { .. }
        | DeedKind::LogCall { .. }
        | DeedKind::FinishCall { .. }
        | DeedKind::MoveCall { .. } => closed_at.since(deed.at).abs() <= MINUTE,
        DeedKind::SetStatus { to, .. } => lead.status == *to && lead.closed_at.is_some(),
        DeedKind::Assign { .. } | DeedKind::SendMail(_) | DeedKind::OptOut => false,
    };
    let mut deeds = store.deeds()?;
    deeds.retain(|deed| is_about(deed, alert) && ended_it(deed));
    let Some(deed) = deeds.into_iter().max_by_key(|deed| (deed.at, matches!(deed.kind, DeedKind::SetStatus { .. })))
    else {
        return Ok(None);
    };
    let deed = planned_after(store, alert, &deed)?.unwrap_or(deed);
    let by = store.user(&deed.by)?.map(|user| user.name).unwrap_or_default();
    Ok(Some(Done { kind: deed.kind, by, user: Some(deed.by), at: deed.at }))
}
