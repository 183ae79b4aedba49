//! Looking at the CRM: a backfill once, then rounds: poll, look again at what was hinted at, sweep now and then.
//! A round that went through is a complete sync; only after it does time decide.

mod backfill;
mod connect;
mod heartbeat;
mod links;
mod records;
mod second_look;
mod seen;
mod standstill;
mod sweep;
mod working_times;

use std::sync::{Arc, Mutex, PoisonError};

use chrono_tz::Tz;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::evaluate::{Progress, Tally};
use super::outbox::pause_after;
use super::status::Status;
use super::{Engine, EngineError, Handle};
use crate::config::SyncSection;
use crate::domain::effect::Stillness;
use crate::domain::{LeadId, Seconds, Timestamp, UserId};
use crate::espo::links::ENTITY as LINKS;
use crate::espo::sync::{self as pages, PollCursor};
use crate::espo::{Client, Error, Mapping, Retry};
pub(in crate::engine) use backfill::BACKFILL_BEGUN;
use heartbeat::Heartbeat;
use seen::{Look, Seen};
pub use standstill::Alarm;

/// People before leads, leads before what happened to them, our own records last.
const PEOPLE_AND_LEADS: [&str; 3] = ["Team", "User", "Lead"];
/// What a sweep lost sight of is kept under this name.
const SWEEP_ALARM: &str = "sweep_alarm";
/// Our alerts' records.
const ALERTS: &str = "MaxAlert";
/// Who left is in no list any more, and nothing else says so: users are compared as often as this.
const USERS_COMPARED_EVERY: Seconds = 60;
/// The clocks of the CRM and of this machine may differ by so much, in seconds.
const CLOCK_TOLERANCE: i64 = 60;
/// The longest pause, in seconds, between two tries at a CRM that does not answer as it should.
pub(super) const LONGEST_PAUSE: Seconds = 60;

/// Whether the CRM has a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existence {
    /// It does.
    There,
    /// It does not.
    Missing,
    /// It does not answer.
    Unknown,
}

/// Why a round did not go through.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    /// The CRM.
    #[error("{0}")]
    Crm(#[from] Error),
    /// The store.
    #[error("{0}")]
    Engine(#[from] EngineError),
}

impl From<crate::store::StoreError> for RoundError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Engine(error.into())
    }
}

/// Somebody waits for a round.
struct Request {
    /// Every lead is to be evaluated, not only those that are due.
    everything: bool,
    answer: oneshot::Sender<Result<Tally, String>>,
}

/// The CRM, for whoever asks it or wants it looked at. Cheap to clone.
#[derive(Clone)]
pub struct Crm(Arc<Inner>);

struct Inner {
    client: Client,
    mapping: Mapping,
    engine: Handle,
    status: Status,
    settings: SyncSection,
    alarm: Alarm,
    said: Said,
    wake: Notify,
    requests: mpsc::UnboundedSender<Request>,
    known: Mutex<Known>,
}

impl std::fmt::Debug for Crm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Crm")
    }
}

/// What the CRM told of itself.
#[derive(Clone, Debug, Default)]
struct Known {
    me: Option<UserId>,
    zone: Option<Tz>,
    users_compared: Option<Timestamp>,
    /// When working hours are to be read again.
    working_times_from: Option<Timestamp>,
    /// They could not be read, which has been said.
    working_times_failed: bool,
}

/// What the configuration says that only the CRM can confirm, or needs to be told.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// Where the CRM reaches us; empty: no webhooks.
    pub public_url: String,
    /// The group account from which mails go; empty: none do.
    pub mail_from: String,
    /// The status of leads that are archived.
    pub archive_status: String,
}

/// The loop's end of it.
pub struct Sources {
    crm: Crm,
    requests: mpsc::UnboundedReceiver<Request>,
}

/// The CRM and the loop that looks at it.
pub fn sources(
    client: Client,
    mapping: Mapping,
    engine: Handle,
    status: Status,
    settings: SyncSection,
    alarm: Alarm,
    said: Said,
) -> (Crm, Sources) {
    let (sender, requests) = mpsc::unbounded_channel();
    // A sweep that lost sight of too much did so before a restart as well.
    status.set_alarm(engine.store().meta::<Option<String>>(SWEEP_ALARM).ok().flatten().flatten());
    let inner = Inner {
        client,
        mapping,
        engine,
        status,
        settings,
        alarm,
        said,
        wake: Notify::new(),
        requests: sender,
        known: Mutex::default(),
    };
    let crm = Crm(Arc::new(inner));
    (crm.clone(), Sources { crm, requests })
}

impl Crm {
    /// The client.
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// Our own user, once the CRM told it.
    pub fn me(&self) -> Option<UserId> {
        self.known().me
    }

    /// Whether the CRM has been reached since the start.
    pub fn is_connected(&self) -> bool {
        self.me().is_some()
    }

    /// Whether a refused key has stopped all traffic.
    pub fn is_refused(&self) -> bool {
        self.0.client.is_refused()
    }

    fn known(&self) -> Known {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has a round begin as soon as possible.
    pub fn wake(&self) {
        self.0.wake.notify_one();
    }

    /// Has a round made from now on, and every lead evaluated in it; returns what that did.
    ///
    /// # Errors
    /// What stopped the round, in words.
    pub async fn sync_now(&self) -> Result<Tally, String> {
        self.request(true).await
    }

    /// Has a round made from now on; returns what it did.
    ///
    /// # Errors
    /// What stopped the round, in words.
    pub async fn look_now(&self) -> Result<Tally, String> {
        self.request(false).await
    }

    async fn request(&self, everything: bool) -> Result<Tally, String> {
        let (answer, outcome) = oneshot::channel();
        let stopping = || "the daemon is stopping".to_owned();
        self.0.requests.send(Request { everything, answer }).map_err(|_| stopping())?;
        self.wake();
        outcome.await.map_err(|_| stopping())?
    }

    /// Asks the CRM whether it has a lead.
    pub async fn lead_exists(&self, lead: &LeadId) -> Existence {
        match pages::lead_exists(&self.0.client, lead.as_str()).await {
            Ok(true) => {
                let _ = self.refresh_lead(lead).await;
                Existence::There
            }
            Ok(false) => Existence::Missing,
            Err(error) => {
                tracing::warn!(%lead, %error, "the CRM could not be asked about a lead");
                Existence::Unknown
            }
        }
    }

    /// Brings a lead that is new to us into the mirror, so that it can be decided on.
    async fn refresh_lead(&self, lead: &LeadId) -> Result<(), RoundError> {
        self.look_again("Lead", &[lead.as_str().to_owned()]).await.map(drop)
    }

    fn zone(&self) -> Tz {
        self.known().zone.unwrap_or(Tz::UTC)
    }

    fn activity_entities(&self) -> Vec<String> {
        self.0.mapping.activity_entities().filter(|name| !PEOPLE_AND_LEADS.contains(name)).map(str::to_owned).collect()
    }

    /// Every entity, in the order in which it is looked at.
    fn entities(&self) -> Vec<String> {
        let mut entities: Vec<String> = PEOPLE_AND_LEADS.map(str::to_owned).into();
        entities.extend(self.activity_entities());
        entities.push(ALERTS.to_owned());
        entities
    }
}

impl Sources {
    /// Works until `stop`.
    pub async fn work(mut self, stop: CancellationToken) {
        let stopped = stop.clone();
        tokio::select! {
            () = stopped.cancelled() => {}
            () = self.run() => {}
        }
    }

    async fn run(&mut self) {
        let (mut failures, mut heartbeat) = (0, Heartbeat::default());
        let clock = self.crm.0.engine.clock().clone();
        loop {
            let mut asked = Vec::new();
            while let Ok(request) = self.requests.try_recv() {
                asked.push(request);
            }
            if !asked.is_empty() {
                // A person asks: the key may have been mended meanwhile.
                self.crm.0.client.resume();
            }
            let everything = asked.iter().any(|request| request.everything);
            if let Err(error) = self.crm.0.engine.run(Engine::look_at_appointments).await {
                tracing::error!(%error, "planned calls could not be looked at again");
            }
            let result = self.crm.round(everything).await;
            failures = if result.is_ok() { 0 } else { failures + 1 };
            self.crm.report(&result);
            let trouble = self.crm.trouble(&result);
            let look_again = self.mind(trouble).await;
            if result.is_ok()
                && let Err(error) = self.crm.0.engine.run(Engine::mind_days).await
            {
                tracing::error!(%error, "the day could not be begun or ended");
            }
            // Also while the CRM is away: what was planned takes place all the same.
            if let Err(error) = self.crm.0.engine.run(Engine::mind_appointments).await {
                tracing::error!(%error, "planned calls could not be minded");
            }
            self.crm.beat(&mut heartbeat, &result).await;
            let needs_person = matches!(&result, Err(RoundError::Crm(error)) if error.retry() == Retry::NeedsPerson);
            for request in asked {
                let _ = request.answer.send(result.as_ref().map(|tally| *tally).map_err(ToString::to_string));
            }
            let pause = match failures {
                0 => self.crm.0.settings.poll_interval,
                // A maintenance page, or a right that was taken away and comes back: no harm in asking. What would
                // do harm, a refused key, waits for a person.
                _ if needs_person => LONGEST_PAUSE,
                failures => pause_after(failures).min(LONGEST_PAUSE),
            };
            self.wait(&clock, pause, trouble, look_again).await;
        }
    }

    /// Returns when a standstill has lasted long enough to be told.
    async fn mind(&self, trouble: Option<Stillness>) -> Option<Timestamp> {
        self.crm.mind(trouble).await.unwrap_or_else(|error| {
            tracing::error!(%error, "a standstill could not be noted");
            None
        })
    }

    /// Waits for the next round: for its time, a hint, or a request; after a refused key for a request only.
    async fn wait(
        &mut self,
        clock: &crate::clock::Clock,
        pause: Seconds,
        trouble: Option<Stillness>,
        mut look_again: Option<Timestamp>,
    ) {
        let refused = self.crm.is_refused();
        loop {
            let at = look_again.unwrap_or(Timestamp(i64::MAX / 2_000));
            tokio::select! {
                () = clock.sleep_until(at), if refused => look_again = self.mind(trouble).await,
                () = clock.sleep(pause), if !refused => return,
                () = self.crm.0.wake.notified() => {
                    if !refused || !self.requests.is_empty() {
                        return;
                    }
                }
            }
        }
    }
}

impl Crm {
    fn report(&self, result: &Result<Tally, RoundError>) {
        let now = self.0.engine.clock().now();
        match result {
            Ok(_) => {
                if self.0.status.crm_ok(now) {
                    tracing::info!("the CRM answers again");
                }
            }
            Err(RoundError::Crm(error)) => {
                metrics::counter!("max_sync_failures_total").increment(1);
                let needs_person = error.retry() == Retry::NeedsPerson;
                if self.0.status.crm_failed(error.to_string(), needs_person) {
                    if needs_person {
                        tracing::error!(%error, "the CRM needs a person");
                    } else {
                        tracing::warn!(%error, "the CRM does not answer as it should; it is tried again");
                    }
                }
            }
            Err(RoundError::Engine(error)) => tracing::error!(%error, "a round could not be stored"),
        }
    }

    /// One look at everything that may have changed. `everything` evaluates every lead.
    async fn round(&self, everything: bool) -> Result<Tally, RoundError> {
        if !self.is_connected() {
            self.connect().await?;
        }
        let engine = &self.0.engine;
        let started = engine.clock().now();
        engine.run(super::Engine::sync_begun).await?;
        if !engine.run(|engine| Ok(engine.is_backfilled())).await? {
            self.backfill().await?;
            engine.run(|engine| engine.backfill_completed()).await?;
        }
        let mut seen = self.poll_all(started).await?;
        // Before anybody is told by them.
        self.look_at_working_times(started).await?;
        seen.add(self.follow_hints().await?);
        let look = self.by_itself(LINKS, self.look_at_links()).await?;
        seen.note(LINKS, look);
        if self.sweep_is_due(started).await? {
            seen.add(self.sweep(started).await?);
        }
        if seen.is_whole() {
            engine.run(move |engine| engine.sync_completed(started)).await?;
            metrics::gauge!("max_last_sync_seconds").set(started.0 as f64);
        } else {
            let in_part = move |engine: &mut super::Engine| {
                engine.sync_completed_in_part(started);
                Ok(())
            };
            engine.run(in_part).await?;
        }
        let tally = self.evaluate(everything).await?;
        // Without its leads the CRM as a whole does not answer as it should.
        seen.leads.map_or(Ok(tally), |error| Err(error.into()))
    }

    /// Polls every entity, each for itself.
    async fn poll_all(&self, started: Timestamp) -> Result<Seen, RoundError> {
        let mut seen = Seen::default();
        for entity in self.entities() {
            // What happened to leads that we could not see is passed over now, and has to be read again then.
            let advance = seen.leads.is_none();
            let look = self.by_itself(&entity, self.poll(&entity, advance)).await?;
            seen.note(&entity, look);
        }
        if self.users_are_due(started) {
            let compare = async { self.sweep_entity("User").await.map(drop) };
            seen.note("User", self.by_itself("User", compare).await?);
        }
        Ok(seen)
    }

    fn users_are_due(&self, now: Timestamp) -> bool {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        let due = known.users_compared.is_none_or(|last| now.since(last).abs() >= USERS_COMPARED_EVERY);
        if due {
            known.users_compared = Some(now);
        }
        due
    }

    /// Reads what was modified since the last poll began, and a little before. Unless it is to `advance`, the next poll
    /// reads the same again.
    async fn poll(&self, entity: &str, advance: bool) -> Result<(), RoundError> {
        let name = format!("poll/{entity}");
        let since: Option<Timestamp> = self.0.engine.store().cursor(&name)?;
        // A cursor ahead of the present is from before a clock was set back.
        let now = self.0.engine.clock().now();
        let since = since.unwrap_or(Timestamp(0)).min(now).plus(-self.0.settings.poll_overlap);
        let mut cursor = PollCursor::since(since);
        let mut begun = None;
        loop {
            let (page, next) = pages::poll_page(&self.0.client, &self.0.mapping, entity, &cursor).await?;
            // Where a proxy takes the date away, the rows' own times have to do.
            let latest = page.records.last().and_then(|record| record.instant("modifiedAt"));
            begun = begun.or(page.server_time).or(latest);
            let (name, last, until) = (name.clone(), next.is_none(), begun.filter(|_| advance));
            self.take_over(entity, &page.records, move |batch| {
                if let Some(until) = until.filter(|_| last) {
                    batch.put_cursor(&name, &until);
                }
            })
            .await?;
            match next {
                Some(next) => cursor = next,
                None => return Ok(()),
            }
        }
    }

    async fn follow_hints(&self) -> Result<Seen, RoundError> {
        let mut seen = Seen::default();
        let mut hints = self.0.engine.store().hints()?;
        while let Some((first, _)) = hints.first() {
            let entity = first.entity.clone();
            let (same, rest): (Vec<_>, Vec<_>) = hints.into_iter().partition(|(hint, _)| hint.entity == entity);
            hints = rest;
            if self.entities().contains(&entity) && !self.0.status.is_hidden(&entity) {
                let ids: Vec<String> = same.iter().map(|(hint, _)| hint.id.clone()).collect();
                let again = async { self.look_again(&entity, &ids).await.map(drop) };
                let look = self.by_itself(&entity, again).await?;
                let failed = matches!(look, Look::Failed(_));
                seen.note(&entity, look);
                if failed {
                    continue;
                }
            } else if !self.0.status.missed().is_empty() && self.0.status.is_hidden(&entity) {
                // They are followed once the CRM answers for these records again.
                continue;
            }
            self.0.engine.run(move |engine| engine.hints_followed(&same)).await?;
        }
        Ok(seen)
    }

    /// Evaluates what is due, or everything.
    async fn evaluate(&self, everything: bool) -> Result<Tally, RoundError> {
        let mut total = Tally::default();
        if everything {
            self.0.engine.run(|engine| engine.mark_all_due()).await?;
        }
        loop {
            match self.0.engine.run(super::Engine::evaluate_portion).await? {
                Progress::More(tally) => {
                    total = total.plus(tally);
                    continue;
                }
                Progress::Done(tally) | Progress::Suspects(tally) => total = total.plus(tally),
                Progress::Waiting => break,
            }
            let suspects = self.0.engine.run(|engine| Ok(engine.suspects(second_look::AT_ONCE))).await?;
            if suspects.is_empty() {
                break;
            }
            let vouched = self.second_look(&suspects).await?;
            self.0.engine.run(move |engine| engine.vouch(vouched)).await?;
        }
        let close = |engine: &mut super::Engine| {
            engine.round_evaluated();
            Ok(())
        };
        self.0.engine.run(close).await?;
        Ok(total)
    }
}
