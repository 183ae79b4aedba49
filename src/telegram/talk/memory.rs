//! What was last spoken of in a chat, so that "fait" and "demain 10h" need not say about whom. It need not survive a
//! restart: then M.A.X. asks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::{AlertId, ChatId, LeadId, MINUTE, Seconds, Timestamp};

/// For how long something is remembered.
const LIFETIME: Seconds = 30 * MINUTE;
/// The most chats that are remembered.
const MOST_CHATS: usize = 10_000;

/// All chats. Cheap to clone; clones remember the same.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<HashMap<ChatId, Recent>>>);

/// One chat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    /// The lead whose card was shown last, and when.
    pub lead: Option<(LeadId, Timestamp)>,
    /// The alert that was handled or put off last, by words or by button, and when.
    pub act: Option<(AlertId, Timestamp)>,
    /// With whom a call is to be planned, once it is said when; and since when that is asked.
    pub call: Option<(LeadId, Timestamp)>,
}

impl Memory {
    /// What still counts at `now`.
    pub fn of(&self, chat: ChatId, now: Timestamp) -> Recent {
        let mut recent = self.with(|all| all.get(&chat).cloned()).unwrap_or_default();
        let counts = |at: Timestamp| (0..LIFETIME).contains(&now.since(at));
        recent.lead.take_if(|(_, at)| !counts(*at));
        recent.act.take_if(|(_, at)| !counts(*at));
        recent.call.take_if(|(_, at)| !counts(*at));
        recent
    }

    /// Something new was spoken of.
    pub fn note(&self, chat: ChatId, change: impl FnOnce(&mut Recent)) {
        self.with(|all| {
            if all.len() >= MOST_CHATS && !all.contains_key(&chat) {
                all.clear();
            }
            change(all.entry(chat).or_default());
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<ChatId, Recent>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_long_ago_is_forgotten() {
        let (memory, chat, now) = (Memory::default(), ChatId(1), Timestamp(1_000_000));
        memory.note(chat, |recent| recent.lead = Some((LeadId::from("l1"), now)));
        assert!(memory.of(chat, now.plus(LIFETIME - 1)).lead.is_some());
        assert_eq!(memory.of(chat, now.plus(LIFETIME)), Recent::default());
        assert_eq!(memory.of(ChatId(2), now), Recent::default());
    }
}
