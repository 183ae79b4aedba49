//! Who is told: the lead's owner, else who stands in, else the fallback chat, else nobody.

use std::collections::{BTreeMap, BTreeSet};

use super::calendars::Calendars;
use crate::domain::{Alert, AlertState, ChatId, TeamId, Timestamp, User, UserId};
use crate::store::{Escalation, Result, Store};

/// The groups that take nothing from the bot are kept under this name.
pub(in crate::engine) const SHUT_GROUPS: &str = "shut_groups";

/// What the configuration says about people.
#[derive(Clone, Debug, Default)]
pub struct People {
    /// Who stands in for whom.
    pub stand_ins: BTreeMap<UserId, UserId>,
    /// Who works when, and is away.
    pub calendars: Calendars,
    /// Who leads a team.
    pub managers: BTreeMap<TeamId, Vec<UserId>>,
    /// Where a team is told.
    pub chats: BTreeMap<TeamId, Destination>,
    /// The chat for what nobody else can be told.
    pub fallback_chat: Option<ChatId>,
}

/// A chat, and for a forum the topic in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Destination {
    /// The chat.
    pub chat: ChatId,
    /// The topic, as Telegram's `message_thread_id`.
    pub topic: Option<i32>,
}

/// Where an alert is announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// In which chat.
    pub chat: ChatId,
    /// To whom; `None` for the fallback chat.
    pub user: Option<User>,
}

/// Where an alert is announced if the CRM lets everybody see its lead; `None` when nobody can be told on Telegram.
///
/// # Errors
/// When the store cannot be read.
pub fn told(store: &Store, people: &People, alert: &Alert, now: Timestamp) -> Result<Option<Told>> {
    Ok(in_line(store, people, alert.owner.as_ref(), now)?.into_iter().next())
}

/// Where it may be told what concerns a lead of `owner`'s, best first: the next one counts when the CRM does not let the one before it see the
/// lead. While the owner is away at `now`, those who stand in come first.
///
/// # Errors
/// When the store cannot be read.
pub fn in_line(store: &Store, people: &People, owner: Option<&UserId>, now: Timestamp) -> Result<Vec<Told>> {
    let fallback = people.fallback_chat.map(|chat| Told { chat, user: None });
    let Some(owner) = owner else { return Ok(fallback.into_iter().collect()) };
    let is_away = people.calendars.is_away(store, owner, now)?;
    let mut line = stand_ins(store, people, owner, is_away)?;
    let owner = reachable(store, owner)?;
    if is_away {
        line.extend(fallback);
        line.extend(owner);
    } else {
        line.splice(0..0, owner);
        line.extend(fallback);
    }
    Ok(line)
}

/// Who stands in for a user and can be told: whom the user names for the time away, before whom the configuration names.
fn stand_ins(store: &Store, people: &People, owner: &UserId, is_away: bool) -> Result<Vec<Told>> {
    let named = store.preferences(owner)?.stand_in.filter(|named| is_away && named != owner);
    let configured = people.stand_ins.get(owner).filter(|user| named.as_ref() != Some(*user));
    let mut line = Vec::new();
    for user in named.iter().chain(configured) {
        line.extend(reachable(store, user)?);
    }
    Ok(line)
}

/// Who is told first in the stead of a user who is away; `None` when nobody can be.
///
/// # Errors
/// When the store cannot be read.
pub fn stand_in_of(store: &Store, people: &People, owner: &UserId) -> Result<Option<UserId>> {
    Ok(stand_ins(store, people, owner, true)?.into_iter().find_map(|told| told.user).map(|user| user.id))
}

/// Whether a user answers for a lead of `owner`'s at `now`: as its owner, or in the owner's stead.
///
/// # Errors
/// When the store cannot be read.
pub fn answers_for(store: &Store, people: &People, user: &UserId, owner: &UserId, now: Timestamp) -> Result<bool> {
    if owner == user || people.stand_ins.get(owner) == Some(user) {
        return Ok(true);
    }
    Ok(store.preferences(owner)?.stand_in.as_ref() == Some(user) && people.calendars.is_away(store, owner, now)?)
}

/// Where it is told that nobody has dealt with an alert: in the chat of each team of the lead's, or to those who lead it when
/// there is none, or the bot was removed from it; in
/// the fallback chat when that is nowhere. Not to the owner.
///
/// # Errors
/// When the store cannot be read.
pub fn destinations(store: &Store, people: &People, alert: &Alert) -> Result<BTreeSet<Destination>> {
    let mut others = BTreeSet::new();
    let shut = shut_groups(store)?;
    for team in &alert.teams {
        if let Some(destination) = people.chats.get(team)
            && !shut.contains(&store.present_chat(destination.chat)?)
        {
            others.insert(*destination);
            continue;
        }
        let managers = people.managers.get(team).into_iter().flatten();
        for manager in managers.filter(|manager| alert.owner.as_ref() != Some(manager)) {
            others.extend(reachable(store, manager)?.map(|told| Destination { chat: told.chat, topic: None }));
        }
    }
    if others.is_empty() {
        others.extend(people.fallback_chat.map(|chat| Destination { chat, topic: None }));
    }
    Ok(others)
}

/// The groups that take nothing from the bot: it was removed, or may not write.
///
/// # Errors
/// When the store cannot be read.
pub fn shut_groups(store: &Store) -> Result<BTreeSet<ChatId>> {
    Ok(store.meta(SHUT_GROUPS)?.unwrap_or_default())
}

/// Whether what was counted is still about the alert as it is: open, the same opening, the same owner's.
pub fn is_about(alert: &Alert, counted: &Escalation) -> bool {
    alert.state == AlertState::Open && alert.openings == counted.opening && alert.owner == counted.owner
}

/// The active user whose private chat this is.
///
/// # Errors
/// When the store cannot be read.
pub fn user_in(store: &Store, chat: ChatId) -> Result<Option<UserId>> {
    for link in store.links()?.into_iter().filter(|link| link.chat == chat) {
        if store.user(&link.user)?.is_some_and(|user| user.active) {
            return Ok(Some(link.user));
        }
    }
    Ok(None)
}

/// The lines of the configuration that name a chat; empty when none does.
pub fn lines_about(people: &People, chat: ChatId) -> String {
    let teams = people.chats.iter().filter(|(_, team)| team.chat == chat);
    let teams = teams.map(|(team, _)| format!("[teams.\"{team}\"] chat"));
    let fallback = (people.fallback_chat == Some(chat)).then(|| "[telegram] fallback_chat".to_owned());
    teams.chain(fallback).collect::<Vec<_>>().join(", ")
}

/// The private chats of all who lead a team and can be told.
///
/// # Errors
/// When the store cannot be read.
pub fn chats_of_managers(store: &Store, people: &People) -> Result<BTreeSet<ChatId>> {
    let mut chats = BTreeSet::new();
    for manager in people.managers.values().flatten() {
        chats.extend(reachable(store, manager)?.map(|told| told.chat));
    }
    Ok(chats)
}

/// Where a user can be told: of several accounts, the one that was used last.
///
/// # Errors
/// When the store cannot be read.
pub fn reachable(store: &Store, user: &UserId) -> Result<Option<Told>> {
    let Some(user) = store.user(user)?.filter(|user| user.active) else { return Ok(None) };
    let mut links = store.links()?;
    links.retain(|link| link.user == user.id && !link.unreachable);
    let last = store.last_account(&user.id)?;
    links.sort_by_key(|link| (last == Some(link.account), link.linked_at));
    Ok(links.pop().map(|link| Told { chat: link.chat, user: Some(user) }))
}
