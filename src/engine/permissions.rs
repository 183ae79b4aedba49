//! Who may see what: asked of the CRM before a lead is shown to anyone but its owner, and before anybody acts on it.
//! What it said counts for five minutes; when it cannot be asked the answer is no. Whoever was just told something, or
//! has just tapped, will tap: about them the CRM is asked ahead, so that the tap need not wait for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::domain::{ChatId, LeadId, MINUTE, Rights, Seconds, Timestamp, UserId};
use crate::espo::permissions::{MOST_LEADS, ask};
use crate::espo::{Client, Error};
use crate::store::{Result as Stored, Store};

/// For how long an answer counts.
const LIFETIME: Seconds = 5 * MINUTE;
/// A CRM that could not be asked is not asked again before: whoever taps meanwhile is told at once.
const REST: Seconds = 5;
/// Whoever taps waits for the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Before an answer no longer counts it is asked for again, for whoever is expected to tap.
const AHEAD: Seconds = MINUTE;
/// For how long somebody is expected to tap who was told something, or has tapped.
const EXPECTED: Seconds = 30 * MINUTE;
/// Of a chat, so many messages are expected to be tapped: the latest.
const LATEST_MESSAGES: usize = 30;
/// When the CRM could not be asked ahead it is left alone for so long.
const LONG_REST: Seconds = MINUTE;
/// The most answers that are kept.
const MOST_ANSWERS: usize = 20_000;

/// Asks, and remembers. Cheap to clone; clones remember the same.
#[derive(Clone)]
pub struct Permissions(Arc<Inner>);

struct Inner {
    client: Client,
    clock: Clock,
    memory: Mutex<Memory>,
    /// Ticks when somebody is expected to tap.
    news: watch::Sender<u64>,
}

#[derive(Default)]
struct Memory {
    answers: HashMap<(UserId, LeadId), Answer>,
    /// What went wrong at the last question, and when; nothing when it was answered.
    trouble: Option<(String, Timestamp)>,
    /// Who is expected to tap, and on what.
    expected: BTreeMap<UserId, Expected>,
}

struct Expected {
    leads: BTreeSet<LeadId>,
    /// Exclusive.
    until: Timestamp,
}

/// What is known without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtHand {
    /// What the CRM said within the last five minutes.
    Known(Rights),
    /// The CRM has just failed to answer, which means no.
    CannotAsk,
    /// It has to be asked.
    Unknown,
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
        Self(Arc::new(Inner { client, clock, memory: Mutex::default(), news: watch::Sender::new(0) }))
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
        known.extend(self.ask_anew(user, &unknown).await?);
        Some(known)
    }

    /// Asks, whatever is known, and keeps the answers.
    async fn ask_anew(&self, user: &UserId, leads: &[LeadId]) -> Option<BTreeMap<LeadId, Rights>> {
        let mut known = BTreeMap::new();
        for leads in leads.chunks(MOST_LEADS) {
            // What was said counts from the question on: the right may end while it is on its way.
            let now = self.0.clock.now();
            let asked = tokio::time::timeout(PATIENCE, ask(&self.0.client, user, leads)).await;
            let answer = self.judge(asked)?;
            let rights = |lead: &LeadId| answer.get(lead).copied().unwrap_or_default();
            known.extend(leads.iter().map(|lead| (lead.clone(), rights(lead))));
            self.with(|memory| memory.keep(user, leads.iter().map(|lead| (lead, rights(lead))), now));
        }
        Some(known)
    }

    /// What a user may do with a lead, as far as it is known without asking.
    pub fn at_hand(&self, user: &UserId, lead: &LeadId) -> AtHand {
        let now = self.0.clock.now();
        let known = self.recall(user, std::slice::from_ref(lead), now).0.get(lead).copied();
        match known {
            Some(rights) => AtHand::Known(rights),
            None if self.with(|memory| memory.rests(now)) => AtHand::CannotAsk,
            None => AtHand::Unknown,
        }
    }

    /// The user was told of these leads, or shown them, and may tap at any moment.
    pub fn expect(&self, user: &UserId, leads: impl IntoIterator<Item = LeadId>) {
        let until = self.0.clock.now().plus(EXPECTED);
        self.with(|memory| {
            let expected =
                memory.expected.entry(user.clone()).or_insert_with(|| Expected { leads: BTreeSet::new(), until });
            expected.until = until;
            expected.leads.extend(leads);
            while expected.leads.len() > MOST_LEADS {
                expected.leads.pop_first();
            }
        });
        self.0.news.send_modify(|ticks| *ticks += 1);
    }

    /// The user has tapped, and may tap on what else the chat shows.
    pub fn expect_in(&self, store: &Store, user: &UserId, chat: ChatId) {
        match open_leads_in(store, chat) {
            Ok(leads) => self.expect(user, leads),
            Err(error) => tracing::warn!(%error, "what a chat shows cannot be read"),
        }
    }

    /// Asks the CRM ahead about all who are expected to tap, until `stop`.
    pub async fn keep_fresh(self, stop: CancellationToken) {
        let mut news = self.0.news.subscribe();
        loop {
            news.mark_unchanged();
            let next = tokio::select! {
                () = stop.cancelled() => return,
                next = self.ask_ahead() => next,
            };
            let wait = async {
                match next {
                    // Also over when the clock is set back: what was said since counts no longer.
                    Some(next) => self.0.clock.sleep(next.since(self.0.clock.now())).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = wait => {}
                _ = news.changed() => {}
            }
        }
    }

    /// Asks what will soon not be known any more; returns when to look again.
    async fn ask_ahead(&self) -> Option<Timestamp> {
        let now = self.0.clock.now();
        if let Some(again) = self.with(|memory| memory.left_alone_until(now)) {
            return Some(again);
        }
        for (user, leads) in self.with(|memory| memory.soon_unknown(now)) {
            if self.ask_anew(&user, &leads).await.is_none() {
                return Some(self.0.clock.now().plus(LONG_REST));
            }
        }
        self.with(|memory| memory.next_unknown())
    }

    /// Whether all that is expected to be needed is known.
    pub fn is_ahead(&self) -> bool {
        let now = self.0.clock.now();
        self.with(|memory| memory.left_alone_until(now).is_some() || memory.soon_unknown(now).is_empty())
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

    /// Until when nothing is asked ahead, because the CRM could not be asked.
    fn left_alone_until(&self, now: Timestamp) -> Option<Timestamp> {
        let (_, at) = self.trouble.as_ref()?;
        (0..LONG_REST).contains(&now.since(*at)).then(|| at.plus(LONG_REST))
    }

    /// What has to be asked for now to be known when somebody taps. Whoever has been silent for long is forgotten.
    fn soon_unknown(&mut self, now: Timestamp) -> Vec<(UserId, Vec<LeadId>)> {
        self.expected.retain(|_, expected| now < expected.until);
        let mut soon = Vec::new();
        for (user, expected) in &self.expected {
            let is_known = |lead: &LeadId| {
                let answer = self.answers.get(&(user.clone(), lead.clone()));
                answer.is_some_and(|answer| answer.counts(now) && answer.counts(now.plus(AHEAD)))
            };
            let leads: Vec<LeadId> = expected.leads.iter().filter(|lead| !is_known(lead)).cloned().collect();
            if !leads.is_empty() {
                soon.push((user.clone(), leads));
            }
        }
        soon
    }

    /// When the first answer that is expected to be needed has to be asked for again.
    fn next_unknown(&self) -> Option<Timestamp> {
        let answers = self.expected.iter().flat_map(|(user, expected)| {
            expected.leads.iter().filter_map(|lead| self.answers.get(&(user.clone(), lead.clone())))
        });
        answers.map(|answer| answer.at.plus(LIFETIME - AHEAD)).min()
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

/// The leads of which a chat shows something that can be tapped.
fn open_leads_in(store: &Store, chat: ChatId) -> Stored<Vec<LeadId>> {
    let mut leads = Vec::new();
    for id in store.alerts_told_in(chat, LATEST_MESSAGES)? {
        let alert = store.alert(&id)?.filter(|alert| alert.state.is_open());
        leads.extend(alert.map(|alert| alert.lead_id));
    }
    Ok(leads)
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
