//! Telegram's documented limits: one message a second to a chat, twenty a minute to a group, thirty a second in
//! all. Kept by waiting, so that 429 stays the exception.

use std::collections::{HashMap, VecDeque};

use crate::domain::ChatId;

const SECOND: i64 = 1_000;
const PER_CHAT: i64 = SECOND;
const GROUP_PER_MINUTE: usize = 20;
const ALL_PER_SECOND: usize = 30;

/// When the next message may go where. All instants are milliseconds since the epoch.
#[derive(Debug, Default)]
pub struct Pace {
    chats: HashMap<ChatId, VecDeque<i64>>,
    all: VecDeque<i64>,
    held_until: HashMap<ChatId, i64>,
}

impl Pace {
    /// The first instant at or after `now` at which a message may go to `chat`.
    pub fn next_slot(&self, chat: ChatId, now: i64) -> i64 {
        let mut slot = now.max(self.held_until.get(&chat).copied().unwrap_or(now));
        if let Some(sent) = self.chats.get(&chat) {
            if let Some(last) = sent.back() {
                // A clock that was set back does not keep a chat waiting.
                slot = slot.max(*last.min(&now) + PER_CHAT);
            }
            if chat.is_group() && sent.len() >= GROUP_PER_MINUTE {
                slot = slot.max(sent[sent.len() - GROUP_PER_MINUTE].min(now) + 60 * SECOND);
            }
        }
        if self.all.len() >= ALL_PER_SECOND {
            slot = slot.max(self.all[self.all.len() - ALL_PER_SECOND].min(now) + SECOND);
        }
        slot
    }

    /// Notes that a message went to `chat` at `now`.
    pub fn sent(&mut self, chat: ChatId, now: i64) {
        let of_chat = self.chats.entry(chat).or_default();
        of_chat.push_back(now);
        while of_chat.len() > GROUP_PER_MINUTE {
            of_chat.pop_front();
        }
        self.all.push_back(now);
        while self.all.len() > ALL_PER_SECOND {
            self.all.pop_front();
        }
        self.held_until.retain(|_, until| *until > now);
        self.chats.retain(|_, sent| sent.back().is_some_and(|last| *last > now - 60 * SECOND));
    }

    /// Until when Telegram asked to leave `chat` alone, if it did.
    pub fn held_until(&self, chat: ChatId) -> Option<i64> {
        self.held_until.get(&chat).copied()
    }

    /// Telegram asked to leave `chat` alone until an instant.
    pub fn hold(&mut self, chat: ChatId, until: i64) {
        self.held_until.insert(chat, until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_gets_one_message_a_second() {
        let mut pace = Pace::default();
        assert_eq!(pace.next_slot(ChatId(1), 5_000), 5_000);
        pace.sent(ChatId(1), 5_000);
        assert_eq!(pace.next_slot(ChatId(1), 5_200), 6_000);
        assert_eq!(pace.next_slot(ChatId(2), 5_200), 5_200);
    }

    #[test]
    fn a_group_gets_twenty_a_minute() {
        let mut pace = Pace::default();
        for index in 0..20 {
            pace.sent(ChatId(-1), index * 1_000);
        }
        assert_eq!(pace.next_slot(ChatId(-1), 20_000), 60_000);
        assert_eq!(pace.next_slot(ChatId(1), 20_000), 20_000);
    }

    #[test]
    fn all_chats_together_get_thirty_a_second() {
        let mut pace = Pace::default();
        for chat in 1..=30 {
            pace.sent(ChatId(chat), 100 + chat);
        }
        assert_eq!(pace.next_slot(ChatId(99), 200), 1_101);
    }

    #[test]
    fn a_429_is_obeyed() {
        let mut pace = Pace::default();
        pace.hold(ChatId(1), 9_000);
        assert_eq!(pace.next_slot(ChatId(1), 5_000), 9_000);
        assert_eq!(pace.next_slot(ChatId(1), 9_500), 9_500);
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nobody_waiting() {
        let mut pace = Pace::default();
        (0..30).for_each(|_| pace.sent(ChatId(-1), 3_600_000));
        assert!(pace.next_slot(ChatId(-1), 1_000) <= 61_000);
        assert_eq!(pace.next_slot(ChatId(2), 1_000), 2_000);
    }
}
