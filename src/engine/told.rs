//! Who is told: the lead's owner, else who stands in, else the fallback chat, else nobody.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{Alert, ChatId, TeamId, User, UserId};
use crate::store::{Result, Store};

/// What the configuration says about people.
#[derive(Clone, Debug, Default)]
pub struct People {
    /// Who stands in for whom.
    pub stand_ins: BTreeMap<UserId, UserId>,
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

/// Where an alert is announced; `None` when nobody can be told on Telegram.
///
/// # Errors
/// When the store cannot be read.
pub fn told(store: &Store, people: &People, alert: &Alert) -> Result<Option<Told>> {
    let owner = alert.owner.as_ref();
    let stand_in = owner.and_then(|owner| people.stand_ins.get(owner));
    for user in [owner, stand_in].into_iter().flatten() {
        if let Some(told) = reachable(store, user)? {
            return Ok(Some(told));
        }
    }
    Ok(people.fallback_chat.map(|chat| Told { chat, user: None }))
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

fn reachable(store: &Store, user: &UserId) -> Result<Option<Told>> {
    let Some(user) = store.user(user)?.filter(|user| user.active) else { return Ok(None) };
    let mut links = store.links()?;
    links.retain(|link| link.user == user.id && !link.unreachable);
    links.sort_by_key(|link| link.linked_at);
    Ok(links.pop().map(|link| Told { chat: link.chat, user: Some(user) }))
}
