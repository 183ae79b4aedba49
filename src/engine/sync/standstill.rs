//! When the CRM has not been seen for a while, or a sweep lost sight of too much, those who lead hear of it on
//! Telegram: once, and once more when it is over. What was told is kept, so that a restart tells nothing twice.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Crm, RoundError};
use crate::domain::effect::{Effect, Stillness};
use crate::domain::{ChatId, Seconds, Timestamp};
use crate::engine::told::{People, chats_of_managers};
use crate::engine::{Engine, EngineError};
use crate::espo::Error;
use crate::espo::error::ErrorKind;
use crate::store::{Batch, Result};

/// What is known of a standstill is kept under this name.
const STANDSTILL: &str = "standstill";

/// Whom to tell of a standstill, and when.
#[derive(Clone, Debug, Default)]
pub struct Alarm {
    /// How long it has to last, in seconds; 0: nobody is told.
    pub after: Seconds,
    /// Who leads.
    pub people: People,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Standstill {
    since: Timestamp,
    why: Stillness,
    /// Who was told; `None` before it has lasted long enough.
    told: Option<Vec<ChatId>>,
}

impl Crm {
    /// What keeps the mirror from being the CRM, after a round.
    pub(super) fn trouble(&self, round: &std::result::Result<super::Tally, RoundError>) -> Option<Stillness> {
        match round {
            Ok(_) => {
                let gone = self.0.status.sweep_alarm().map(|_| Stillness::TooManyGone);
                // Rounds go through without what one entity type does not answer, and silence is not believed meanwhile.
                self.0.status.stillness().or(gone)
            }
            Err(RoundError::Crm(error)) => Some(reason(error)),
            Err(RoundError::Engine(_)) => None,
        }
    }

    /// Keeps what the trouble is and tells of it when it has lasted long enough. Returns when to look again.
    pub(super) async fn mind(&self, trouble: Option<Stillness>) -> std::result::Result<Option<Timestamp>, EngineError> {
        let alarm = self.0.alarm.clone();
        if alarm.after == 0 {
            return Ok(None);
        }
        self.0.engine.run(move |engine| engine.mind_standstill(trouble, &alarm)).await
    }
}

pub(super) fn reason(error: &Error) -> Stillness {
    match &error.kind {
        ErrorKind::Unauthorized | ErrorKind::SecondFactor => Stillness::KeyRefused,
        ErrorKind::Forbidden { .. }
        | ErrorKind::NoSuchEntity { .. }
        | ErrorKind::NoSuchRoute
        | ErrorKind::NoSuchField { .. } => Stillness::NotAllowed,
        ErrorKind::LockedOut
        | ErrorKind::NoSuchLink { .. }
        | ErrorKind::NotFound
        | ErrorKind::Duplicate { .. }
        | ErrorKind::Conflict
        | ErrorKind::Validation { .. }
        | ErrorKind::NotJson { .. }
        | ErrorKind::TooLarge { .. }
        | ErrorKind::Server { .. }
        | ErrorKind::Unreachable { .. }
        | ErrorKind::Timeout => Stillness::NoAnswer,
    }
}

impl Engine {
    fn mind_standstill(&mut self, trouble: Option<Stillness>, alarm: &Alarm) -> Result<Option<Timestamp>> {
        let now = self.now();
        let known = self.store.meta::<Option<Standstill>>(STANDSTILL)?.flatten();
        let mut batch = Batch::default();
        let next = match (known.clone(), trouble) {
            (None, None) => None,
            (Some(over), None) => {
                self.tell_over(&mut batch, &over)?;
                None
            }
            (known, Some(why)) => {
                // One from the future is from before the clock was set back.
                let since = known.as_ref().map_or(now, |known| known.since).min(now);
                let told = match known.and_then(|known| known.told) {
                    None if now.since(since) >= alarm.after => {
                        Some(self.tell_standstill(&mut batch, since, why, alarm)?)
                    }
                    told => told,
                };
                Some(Standstill { since, why, told })
            }
        };
        if next != known {
            batch.put_meta(STANDSTILL, &next);
        }
        self.store.apply(batch)?;
        Ok(next.filter(|next| next.told.is_none()).map(|next| next.since.plus(alarm.after)))
    }

    fn tell_standstill(
        &mut self,
        batch: &mut Batch,
        since: Timestamp,
        why: Stillness,
        alarm: &Alarm,
    ) -> Result<Vec<ChatId>> {
        let mut chats: BTreeSet<ChatId> = chats_of_managers(&self.store, &alarm.people)?;
        if chats.is_empty() {
            chats.extend(alarm.people.fallback_chat);
        }
        tracing::error!(%since, reason = why.as_str(), told = chats.len(), "the CRM has not been seen as a whole for a while");
        let now = self.now();
        for chat in &chats {
            self.add_effect(batch, Effect::SyncStopped { chat: *chat, since, why }, now)?;
        }
        Ok(chats.into_iter().collect())
    }

    fn tell_over(&mut self, batch: &mut Batch, over: &Standstill) -> Result<()> {
        let now = self.now();
        for chat in over.told.iter().flatten() {
            let effect = Effect::SyncResumed { chat: *chat, since: over.since, at: now };
            let key = effect.key();
            let pending = self.store.outbox_entry(&key)?;
            if pending.is_some_and(|entry| matches!(entry.effect, Effect::SyncStopped { .. })) {
                // They have not heard that it began.
                batch.remove_outbox(&key);
            } else {
                self.add_effect(batch, effect, now)?;
            }
        }
        Ok(())
    }
}
