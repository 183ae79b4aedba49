//! The single writer. Whoever wants something written hands the engine a job; it does one after another,
//! flushes once for all that were waiting, and only then answers.

pub mod acts;
pub mod appointments;
pub mod ascribe;
pub mod boundary;
pub mod briefing;
pub mod calendars;
pub mod checkup;
pub mod chronicle;
pub mod corrections;
pub mod crm;
pub mod day;
pub mod deeds;
pub mod dossier;
pub mod drafts;
pub mod escalation;
pub mod evaluate;
pub mod export;
pub mod figures;
pub mod insights;
pub mod kpi;
pub mod linking;
pub mod log;
pub mod observe;
pub mod opinions;
pub mod outbox;
pub mod permissions;
mod progress;
pub mod rereading;
pub mod review;
pub mod rulebook;
pub mod schedule;
pub mod search;
pub mod status;
pub mod sync;
pub mod told;
pub mod unsubscribing;
pub mod updates;
mod week;

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use calendars::Calendars;

use crate::clock::Clock;
use crate::domain::{AlertId, LeadId, Seconds, Timestamp, UserId};
use crate::insight::habits::Survey;
use crate::rules::Settings;
use crate::store::{Store, StoreError};

/// How many jobs may wait before senders have to.
const QUEUE: usize = 1_024;
/// At most so many jobs share one flush.
const JOBS_PER_FLUSH: usize = 100;

/// Why the engine did not do as asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    /// The store cannot be written: the daemon stops, so that nothing unwritten is acknowledged.
    #[error("{0}")]
    Store(Arc<StoreError>),
    /// The daemon is stopping.
    #[error("the daemon is stopping")]
    Stopped,
    /// The engine's thread died of a mistake of ours.
    #[error("the engine died; its last words are above")]
    Died,
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

type Answer = Box<dyn FnOnce(Result<(), EngineError>) + Send>;
type Job = Box<dyn FnOnce(&mut Engine) -> Done + Send>;

/// A job that has been done, or not.
struct Done {
    answer: Answer,
    /// What the disk said.
    broken: Option<EngineError>,
}

/// What the engine decides with.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The rules' thresholds and switches.
    pub rules: Settings,
    /// Working hours, in which target times run.
    pub calendars: Calendars,
    /// Without a complete sync for so long, time alone opens no alert: what we know is too old.
    pub stale_after: Seconds,
    /// How days begin and end.
    pub habits: day::Habits,
    /// Who else hears of a hot lead that waits.
    pub escalation: escalation::Plan,
    /// How many messages of unsure reading somebody else is asked about in a day (UTC); 0: nobody is.
    pub opinions_a_day: u32,
}

/// What has been looked at in this round, and who waits for a second look before anybody is told of him.
#[derive(Debug, Default)]
struct Looks {
    /// When a round last went through that some sources did not answer in.
    partial: Option<Timestamp>,
    /// Everything has been compared in this round.
    all: bool,
    /// What the CRM has of these was read in this round.
    vouched: BTreeSet<LeadId>,
    /// These are to be looked at.
    suspects: BTreeSet<LeadId>,
    /// The decisions about these were put off.
    held: BTreeSet<LeadId>,
    /// Others are to hear of these once their leads have been looked at.
    to_escalate: BTreeSet<AlertId>,
}

/// The writer itself; it lives on a thread of its own.
#[derive(Debug)]
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) policy: Policy,
    sequence: u64,
    /// Our own user in the CRM, once it told us.
    pub(crate) me: Option<UserId>,
    /// The boundaries that are passed once what was written has reached the disk.
    pub(crate) ahead: Vec<&'static str>,
    /// A round has begun and has not gone through: what is known is of different times.
    round_is_open: bool,
    /// Leads of which somebody is told only after a second look.
    looks: Looks,
    /// Since when these rules are in force.
    rules_since: Timestamp,
    /// Every lead has been evaluated for the first time.
    first_evaluation_done: bool,
    /// The first backfill is complete, as the store has it.
    backfilled: bool,
    /// When the sources were last seen completely, as the store has it.
    last_sync: Option<Timestamp>,
    /// What has been seen of the team's leads; nothing when a start came in between.
    survey: Option<Survey>,
}

impl Engine {
    fn new(store: Store, clock: Clock, policy: Policy) -> Result<Self, StoreError> {
        let policy = Policy { rules: rulebook::completed(policy.rules, &store)?, ..policy };
        // Sequence numbers only have to grow: one start of the daemon never uses a million times the last
        // one's seconds.
        let sequence = u64::try_from(clock.now_millis()).unwrap_or_default() << 20;
        let sequence = sequence.max(store.outbox_last_sequence());
        let rules_since = Timestamp(i64::MIN);
        let first_evaluation_done = !evaluate::is_first_evaluation(&store)?;
        let (backfilled, last_sync) =
            (store.meta(observe::BACKFILLED)?.unwrap_or_default(), store.meta(observe::LAST_SYNC)?);
        let (me, ahead, round_is_open, looks) = (None, Vec::new(), false, Looks::default());
        let mut engine = Self {
            store,
            clock,
            policy,
            sequence,
            me,
            ahead,
            round_is_open,
            looks,
            rules_since,
            first_evaluation_done,
            backfilled,
            last_sync,
            survey: None,
        };
        engine.heed_rules()?;
        Ok(engine)
    }

    /// A number greater than every one before it.
    pub(crate) fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// The way to the engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    jobs: mpsc::Sender<Job>,
    store: Store,
    clock: Clock,
    changed: watch::Receiver<u64>,
    failed: watch::Receiver<Option<Arc<StoreError>>>,
}

impl Handle {
    /// Starts the engine on a thread of its own. It ends when the last handle is dropped.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn start(store: Store, clock: Clock, policy: Policy) -> Result<Self, StoreError> {
        let engine = Engine::new(store.clone(), clock.clone(), policy)?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (changed_sender, changed) = watch::channel(0);
        let (failed_sender, failed) = watch::channel(None);
        std::thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || work(engine, queue, &changed_sender, &failed_sender))
            .map_err(StoreError::Io)?;
        Ok(Self { jobs, store, clock, changed, failed })
    }

    /// Has the engine do `job`, and returns its result once all it wrote has reached the disk.
    ///
    /// # Errors
    /// When the store cannot be written, or the daemon is stopping.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Engine) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |engine| {
            let result = job(engine);
            let is_broken = result.as_ref().is_err_and(StoreError::is_of_the_disk);
            let result = result.map_err(EngineError::from);
            let broken = result.as_ref().err().filter(|_| is_broken).cloned();
            let answer: Answer = Box::new(move |flushed| {
                let _ = sender.send(flushed.and(result));
            });
            Done { answer, broken }
        });
        self.jobs.send(job).await.map_err(|_| EngineError::Stopped)?;
        receiver.await.map_err(|_| EngineError::Stopped)?
    }

    /// The store, to read.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The daemon's clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Ticks whenever something is written from now on.
    pub fn changes(&self) -> watch::Receiver<u64> {
        let mut changes = self.changed.clone();
        changes.mark_unchanged();
        changes
    }

    /// Returns when the store could not be written or the engine died: the daemon has to stop.
    pub async fn failed(&self) -> EngineError {
        let mut failed = self.failed.clone();
        loop {
            if let Some(error) = failed.borrow_and_update().clone() {
                return EngineError::Store(error);
            }
            // As long as there is this handle the engine ends by dying only.
            if failed.changed().await.is_err() {
                return EngineError::Died;
            }
        }
    }
}

fn work(
    mut engine: Engine,
    mut queue: mpsc::Receiver<Job>,
    changed: &watch::Sender<u64>,
    failed: &watch::Sender<Option<Arc<StoreError>>>,
) {
    let mut jobs = Vec::new();
    while queue.blocking_recv_many(&mut jobs, JOBS_PER_FLUSH) > 0 {
        let writes = engine.store.writes();
        let done: Vec<Done> = jobs.drain(..).map(|job| job(&mut engine)).collect();
        let wrote = engine.store.writes() != writes;
        let flushed = match done.iter().find_map(|done| done.broken.clone()) {
            Some(error) => Err(error),
            None if wrote => engine.store.flush().map_err(EngineError::from),
            None => Ok(()),
        };
        if let Err(EngineError::Store(error)) = &flushed {
            tracing::error!(%error, "the store cannot be written; stopping so that nothing unwritten is acknowledged");
            failed.send_replace(Some(error.clone()));
        }
        engine.ahead.drain(..).filter(|_| flushed.is_ok()).for_each(boundary::pass);
        for Done { answer, .. } in done {
            answer(flushed.clone());
        }
        if wrote {
            changed.send_modify(|ticks| *ticks += 1);
        }
    }
}
