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
    held: HashMap<ChatId, Hold>,
}

/// Telegram asked at `from` to leave a chat alone until `until`.
#[derive(Clone, Copy, Debug)]
struct Hold {
    from: i64,
    until: i64,
}

impl Pace {
    /// The first instant at or after `now` at which a message may go to `chat`. What was noted later than `now` was
    /// noted by a clock that has been set back, and does not count.
    pub fn next_slot(&self, chat: ChatId, now: i64) -> i64 {
        let mut slot = self.held_until(chat, now).unwrap_or(now);
        if let Some(sent) = self.chats.get(&chat) {
            slot = slot.max(after(sent, 1, PER_CHAT, now));
            if chat.is_group() {
                slot = slot.max(after(sent, GROUP_PER_MINUTE, 60 * SECOND, now));
            }
        }
        slot = slot.max(after(&self.all, ALL_PER_SECOND, SECOND, now));
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
        self.held.retain(|_, hold| (hold.from..hold.until).contains(&now));
        self.chats.retain(|_, sent| sent.back().is_some_and(|last| *last > now - 60 * SECOND));
    }

    /// Until when Telegram asked to leave `chat` alone, if that is ahead of `now`.
    pub fn held_until(&self, chat: ChatId, now: i64) -> Option<i64> {
        self.held.get(&chat).filter(|hold| (hold.from..hold.until).contains(&now)).map(|hold| hold.until)
    }

    /// Telegram asked at `now` to leave `chat` alone until an instant.
    pub fn hold(&mut self, chat: ChatId, now: i64, until: i64) {
        self.held.insert(chat, Hold { from: now, until });
    }
}

/// When the `most`-th last of these messages is `millis` ago; in the past when there were not so many.
fn after(sent: &VecDeque<i64>, most: usize, millis: i64, now: i64) -> i64 {
    sent.iter().rev().filter(|at| **at <= now).nth(most - 1).map_or(i64::MIN, |at| at + millis)
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
        pace.hold(ChatId(1), 5_000, 9_000);
        assert_eq!(pace.next_slot(ChatId(1), 5_000), 9_000);
        assert_eq!(pace.next_slot(ChatId(1), 9_500), 9_500);
    }

    #[test]
    fn a_clock_that_was_set_back_holds_nothing_up() {
        let mut pace = Pace::default();
        pace.sent(ChatId(1), 90_000);
        pace.hold(ChatId(1), 90_000, 99_000);
        assert_eq!(pace.next_slot(ChatId(1), 5_000), 5_000);
    }
}
