//! Who may see what: asked of the CRM before a lead is shown to anyone but its owner, and before anybody acts on it.
//! What it said counts for five minutes; when it cannot be asked the answer is no.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::domain::{LeadId, MINUTE, Rights, Seconds, Timestamp, UserId};
use crate::espo::permissions::{MOST_LEADS, ask};
use crate::espo::{Client, Error};

/// For how long an answer counts.
const LIFETIME: Seconds = 5 * MINUTE;
/// A CRM that could not be asked is not asked again before: whoever taps meanwhile is told at once.
const REST: Seconds = 5;
/// Whoever taps waits for the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most answers that are kept.
const MOST_ANSWERS: usize = 20_000;

/// Asks, and remembers. Cheap to clone; clones remember the same.
#[derive(Clone)]
pub struct Permissions(Arc<Inner>);

struct Inner {
    client: Client,
    clock: Clock,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    answers: HashMap<(UserId, LeadId), Answer>,
    /// What went wrong at the last question, and when; nothing when it was answered.
    trouble: Option<(String, Timestamp)>,
}

#[derive(Clone, Copy)]
struct Answer {
    rights: Rights,
    at: Timestamp,
}

impl std::fmt::Debug for Permissions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Permissions")
    }
}

impl Permissions {
    /// Remembers nothing yet.
    pub fn new(client: Client, clock: Clock) -> Self {
        Self(Arc::new(Inner { client, clock, memory: Mutex::default() }))
    }

    /// What a user may do with a lead; `None` when the CRM cannot be asked, which means no.
    pub async fn of(&self, user: &UserId, lead: &LeadId) -> Option<Rights> {
        let all = self.of_all(user, std::slice::from_ref(lead)).await?;
        Some(all.get(lead).copied().unwrap_or_default())
    }

    /// The same for many leads, with as few questions as can be. Every lead is in the answer.
    pub async fn of_all(&self, user: &UserId, leads: &[LeadId]) -> Option<BTreeMap<LeadId, Rights>> {
        let now = self.0.clock.now();
        let (mut known, unknown) = self.recall(user, leads, now);
        if unknown.is_empty() {
            return Some(known);
        }
        if self.with(|memory| memory.rests(now)) {
            return None;
        }
        for leads in unknown.chunks(MOST_LEADS) {
            let asked = tokio::time::timeout(PATIENCE, ask(&self.0.client, user, leads)).await;
            let answer = self.judge(asked)?;
            let rights = |lead: &LeadId| answer.get(lead).copied().unwrap_or_default();
            known.extend(leads.iter().map(|lead| (lead.clone(), rights(lead))));
            self.with(|memory| memory.keep(user, leads.iter().map(|lead| (lead, rights(lead))), now));
        }
        Some(known)
    }

    fn recall(&self, user: &UserId, leads: &[LeadId], now: Timestamp) -> (BTreeMap<LeadId, Rights>, Vec<LeadId>) {
        self.with(|memory| {
            let (mut known, mut unknown) = (BTreeMap::new(), Vec::new());
            for lead in leads {
                match memory.answers.get(&(user.clone(), lead.clone())).filter(|answer| answer.counts(now)) {
                    Some(answer) => drop(known.insert(lead.clone(), answer.rights)),
                    None => unknown.push(lead.clone()),
                }
            }
            unknown.sort_unstable();
            unknown.dedup();
            (known, unknown)
        })
    }

    /// The answer, if there is one. What stands in its way is said once.
    fn judge(
        &self,
        asked: Result<Result<BTreeMap<LeadId, Rights>, Error>, tokio::time::error::Elapsed>,
    ) -> Option<BTreeMap<LeadId, Rights>> {
        let trouble = match asked {
            Ok(Ok(answer)) => {
                if self.with(|memory| memory.trouble.take()).is_some() {
                    tracing::info!("the CRM says again who may see what");
                }
                return Some(answer);
            }
            Ok(Err(error)) => error.to_string(),
            Err(elapsed) => elapsed.to_string(),
        };
        // The rest begins now: whoever asked may have waited as long as it lasts.
        let now = self.0.clock.now();
        let before = self.with(|memory| memory.trouble.replace((trouble.clone(), now)));
        if before.is_none_or(|(before, _)| before != trouble) {
            tracing::warn!(%trouble, "the CRM cannot be asked who may see what: until it can, nobody may");
        }
        None
    }

    fn with<T>(&self, act: impl FnOnce(&mut Memory) -> T) -> T {
        act(&mut self.0.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Memory {
    fn rests(&self, now: Timestamp) -> bool {
        self.trouble.as_ref().is_some_and(|(_, at)| (0..REST).contains(&now.since(*at)))
    }

    fn keep<'a>(&mut self, user: &UserId, rights: impl Iterator<Item = (&'a LeadId, Rights)>, now: Timestamp) {
        if self.answers.len() >= MOST_ANSWERS {
            self.answers.retain(|_, answer| answer.counts(now));
        }
        if self.answers.len() >= MOST_ANSWERS {
            self.answers.clear();
        }
        self.answers.extend(rights.map(|(lead, rights)| ((user.clone(), lead.clone()), Answer { rights, at: now })));
    }
}

impl Answer {
    /// Also when the clock was set back it is not believed for longer.
    fn counts(self, now: Timestamp) -> bool {
        (0..LIFETIME).contains(&now.since(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::espo::EspoSettings;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    fn keep(memory: &mut Memory, leads: std::ops::Range<usize>, now: Timestamp) {
        let leads: Vec<LeadId> = leads.map(|index| LeadId(format!("lead{index}"))).collect();
        memory.keep(&UserId::from("luc"), leads.iter().map(|lead| (lead, Rights::default())), now);
    }

    #[test]
    fn an_answer_counts_for_five_minutes_and_never_from_the_future() {
        let answer = Answer { rights: Rights::default(), at: NOW };
        assert!(answer.counts(NOW) && answer.counts(NOW.plus(LIFETIME - 1)));
        assert!(!answer.counts(NOW.plus(LIFETIME)) && !answer.counts(NOW.plus(-1)));
    }

    #[tokio::test]
    async fn who_waited_long_for_nothing_does_not_wait_again_at_once() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = EspoSettings::new(format!("http://{}", listener.local_addr().unwrap()), "key");
        let clock = Clock::manual(NOW);
        let permissions = Permissions::new(Client::new(&settings).unwrap(), clock.clone());
        let crm = async {
            loop {
                let connection = listener.accept().await;
                clock.advance(REST);
                drop(connection);
            }
        };
        let (luc, lead) = (UserId::from("luc"), LeadId::from("lead"));
        tokio::select! {
            answer = permissions.of(&luc, &lead) => assert_eq!(answer, None),
            () = crm => {}
        }
        assert!(clock.now() > NOW && permissions.with(|memory| memory.rests(clock.now())));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut memory = Memory::default();
        keep(&mut memory, 0..MOST_ANSWERS, NOW);
        keep(&mut memory, MOST_ANSWERS..MOST_ANSWERS + 2, NOW.plus(LIFETIME));
        assert_eq!(memory.answers.len(), 2, "what no longer counts goes first");
        keep(&mut memory, 2..MOST_ANSWERS, NOW.plus(LIFETIME));
        keep(&mut memory, 0..1, NOW.plus(LIFETIME));
        assert_eq!(memory.answers.len(), 1, "and then all");
    }
}
