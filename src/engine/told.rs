//! Who is told: the lead's owner, else who stands in, else the fallback chat, else nobody.

use std::collections::{BTreeMap, BTreeSet};

use super::calendars::Calendars;
use crate::domain::{Alert, ChatId, TeamId, Timestamp, User, UserId};
use crate::store::{Result, Store};

/// What the configuration says about people.
#[derive(Clone, Debug, Default)]
pub struct People {
    /// Who stands in for whom.
    pub stand_ins: BTreeMap<UserId, UserId>,
    /// Who works when, and is away.
    pub calendars: Calendars,
    /// Who leads a team.
    pub managers: BTreeMap<TeamId, Vec<UserId>>,
    /// The chat for what nobody else can be told.
    pub fallback_chat: Option<ChatId>,
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
    Ok(in_line(store, people, alert, now)?.into_iter().next())
}

/// Where an alert may be announced, best first: the next one counts when the CRM does not let the one before it see the
/// lead. While the owner is away at `now`, those who stand in come first.
///
/// # Errors
/// When the store cannot be read.
pub fn in_line(store: &Store, people: &People, alert: &Alert, now: Timestamp) -> Result<Vec<Told>> {
    let fallback = people.fallback_chat.map(|chat| Told { chat, user: None });
    let Some(owner) = alert.owner.as_ref() else { return Ok(fallback.into_iter().collect()) };
    let is_away = people.calendars.is_away(store, owner, now)?;
    let named = store.preferences(owner)?.stand_in.filter(|named| is_away && named != owner);
    let mut line = Vec::new();
    let stand_ins = named.iter().chain(people.stand_ins.get(owner).filter(|user| named.as_ref() != Some(*user)));
    for user in stand_ins {
        line.extend(reachable(store, user)?);
    }
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
fn reachable(store: &Store, user: &UserId) -> Result<Option<Told>> {
    let Some(user) = store.user(user)?.filter(|user| user.active) else { return Ok(None) };
    let mut links = store.links()?;
    links.retain(|link| link.user == user.id && !link.unreachable);
    let last = store.last_account(&user.id)?;
    links.sort_by_key(|link| (last == Some(link.account), link.linked_at));
    Ok(links.pop().map(|link| Told { chat: link.chat, user: Some(user) }))
}
