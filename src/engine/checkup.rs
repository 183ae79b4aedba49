//! What `max doctor` wants to know of the store: from the running daemon, or with the store in its own hands.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::observe::{BACKFILLED, LAST_SYNC};
use super::told::{People, told};
use crate::domain::{Seconds, Timestamp, UserId};
use crate::store::{Result, Store};

/// The state of the store, in figures and names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkup {
    /// Size on disk, in bytes.
    pub bytes: u64,
    /// Leads that are not deleted.
    pub leads: usize,
    /// Rows that cannot be read.
    pub unreadable: usize,
    /// Whether all of the CRM has been read once.
    pub backfilled: bool,
    /// The last complete look at the CRM.
    pub last_sync: Option<Timestamp>,
    /// Effects that wait to be carried out.
    pub outbox: usize,
    /// How long the oldest of them has waited beyond its time, in seconds.
    pub overdue: Option<Seconds>,
    /// Open alerts of which nobody can be told on Telegram.
    pub untold: usize,
    /// Users with a linked Telegram account that takes messages, by name.
    pub linked: Vec<String>,
    /// Users whose linked account takes no messages any more.
    pub unreachable: Vec<String>,
    /// Owners of leads that nobody can be told for: not linked, no stand-in, no fallback chat.
    pub deaf: Vec<String>,
    /// Webhooks of which deliveries are believed.
    pub hooks: usize,
}

/// Looks through the store. Every lead is read once.
///
/// # Errors
/// When the store cannot be read at all; single rows that cannot be are counted.
pub fn of_store(store: &Store, people: &People, now: Timestamp) -> Result<Checkup> {
    let mut checkup = Checkup {
        bytes: store.size_on_disk()?,
        backfilled: store.meta(BACKFILLED)?.unwrap_or_default(),
        last_sync: store.meta(LAST_SYNC)?,
        hooks: store.hooks()?.len(),
        ..Checkup::default()
    };
    let outbox = store.outbox()?;
    checkup.outbox = outbox.len();
    checkup.overdue = outbox.iter().map(|(_, entry)| now.since(entry.not_before)).filter(|late| *late > 0).max();
    for alert in store.open_alerts()? {
        checkup.untold += usize::from(told(store, people, &alert, now)?.is_none());
    }
    let owners = read_leads(store, &mut checkup);
    let links = store.links()?;
    for user in store.users()? {
        let mut accounts = links.iter().filter(|link| link.user == user.id);
        match accounts.clone().count() {
            0 if user.active && owners.contains(&user.id) && is_deaf(people, &links, &user.id) => {
                checkup.deaf.push(user.name);
            }
            0 => {}
            _ if accounts.any(|link| !link.unreachable) => checkup.linked.push(user.name),
            _ => checkup.unreachable.push(user.name),
        }
    }
    Ok(checkup)
}

/// Reads every lead, and answers who owns some.
fn read_leads(store: &Store, checkup: &mut Checkup) -> BTreeSet<UserId> {
    let mut owners = BTreeSet::new();
    for lead in store.leads() {
        match lead {
            Ok(lead) if lead.deleted => {}
            Ok(lead) => {
                checkup.leads += 1;
                owners.extend(lead.owner);
            }
            Err(_) => checkup.unreadable += 1,
        }
    }
    owners
}

fn is_deaf(people: &People, links: &[crate::store::Link], user: &UserId) -> bool {
    let hears = |user: &UserId| links.iter().any(|link| link.user == *user && !link.unreachable);
    people.fallback_chat.is_none() && !people.stand_ins.get(user).is_some_and(hears)
}
