//! The daemon, wired: tasks, shutdown, clock. Runs in tests as it runs in production.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{Config, TeamSection};
use crate::domain::ChatId;
use crate::engine::briefing::Speaker;
use crate::engine::calendars::Calendars;
use crate::engine::day::Habits;
use crate::engine::observe::STALE_AFTER_AT_LEAST;
use crate::engine::permissions::Permissions;
use crate::engine::schedule::schedule;
use crate::engine::status::Status;
use crate::engine::sync::{Alarm, Crm, Said, sources};
use crate::engine::told::{Destination, People};
use crate::engine::{EngineError, Handle, Policy, crm, escalation, kpi, opinions};
use crate::espo::{Client, Mapping};
use crate::store::{OpenError, Store, StoreError};
use crate::telegram::api::Api;
use crate::telegram::bot::Bot;
use crate::telegram::deliver::Sender;
use crate::telegram::suggestions::Suggestions;
use crate::telegram::talk::memory::Memory;
use crate::voice::{Voice, VoiceError};
use crate::{http, second_opinion, voice};

/// How long tasks may take to end when asked to.
const SHUTDOWN: Duration = Duration::from_secs(5);
/// Without a complete sync for so many polls, time alone opens no alert.
const STALE_AFTER_POLLS: i64 = 10;

/// Why the daemon does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// What is in the store.
    #[error(transparent)]
    Content(#[from] StoreError),
    /// The CRM's address or key.
    #[error(transparent)]
    Crm(#[from] crate::espo::client::SettingsError),
    /// The table of activities.
    #[error(transparent)]
    Mapping(#[from] crate::espo::mapping::MappingError),
    /// The bot's address.
    #[error(transparent)]
    Bot(#[from] crate::telegram::api::BadAddress),
    /// No TLS for whoever is asked for a second opinion.
    #[error("[second_opinion]: {0}")]
    SecondOpinion(#[from] reqwest::Error),
    /// The user's own templates.
    #[error(transparent)]
    Voice(#[from] VoiceError),
    /// The HTTP side cannot listen.
    #[error("[http] listen = \"{address}\": {source}; is another program there? name another address")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// Why a daemon that runs cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The engine, or the store beneath it.
    #[error(transparent)]
    Engine(EngineError),
    /// A task ended by a mistake of ours.
    #[error("a part of the daemon died; its last words are above")]
    Task,
}

/// The running daemon.
#[derive(Debug)]
pub struct App {
    /// The engine.
    pub engine: Handle,
    /// The CRM, to wake and to ask.
    pub crm: Crm,
    /// How the outside systems are doing.
    pub status: Status,
    /// Who may see what.
    pub permissions: Permissions,
    /// M.A.X.'s words.
    pub speaker: Arc<Speaker>,
    /// Where the HTTP side listens.
    pub address: SocketAddr,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl App {
    /// Starts everything. Returns when the HTTP side listens and the workers have begun.
    ///
    /// # Errors
    /// When the store, an address or a template is not as it should be.
    pub async fn start(config: Config, clock: Clock) -> Result<Self, StartError> {
        let config = Arc::new(config);
        let people = Arc::new(people(&config));
        let speaker = Arc::new(speaker(&config, &people)?);
        let store = Store::open(&config.store.path)?;
        let calendars = people.calendars.clone();
        let habits = Habits {
            briefing: config.telegram.briefing,
            summary: config.telegram.summary,
            weekly: config.telegram.weekly,
        };
        let policy = Policy {
            rules: config.rules.clone(),
            escalation: escalation::Plan {
                enabled: config.escalation.enabled && config.telegram.is_on(),
                after: config.escalation.after,
                people: People::clone(&people),
            },
            calendars: calendars.clone(),
            habits,
            opinions_a_day: if config.second_opinion.is_on() { config.second_opinion.daily_limit } else { 0 },
            stale_after: (config.sync.poll_interval * STALE_AFTER_POLLS).max(STALE_AFTER_AT_LEAST),
        };
        let engine = Handle::start(store, clock, policy)?;
        let status = Status::default();
        let client = Client::new(&config.espocrm)?;
        let permissions = Permissions::new(client.clone(), engine.clock().clone());
        let mapping = Mapping::new(&config.espocrm.activities, &config.espocrm.inbound_sources)?;
        let said = Said {
            public_url: config.http.public_url.clone(),
            mail_from: config.espocrm.mail_from.clone(),
            archive_status: config.leads.archive_status.clone(),
        };
        let after = if config.telegram.is_on() { config.telegram.standstill_after } else { 0 };
        let alarm = Alarm { after, people: People::clone(&people) };
        let sync = config.sync.clone();
        let (crm, looking) = sources(client, mapping, engine.clone(), status.clone(), sync, alarm, said);
        let address = config.http.listen;
        let listen_error = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;

        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let mut suggestions = Suggestions::default();
        if let Some(model) = second_opinion::Model::new(&config.second_opinion)? {
            let (by_model, suggesting) = Suggestions::by(model.clone(), engine.clone());
            suggestions = by_model;
            tasks.spawn(suggesting.work(stop.clone()));
            tasks.spawn(opinions::work(engine.clone(), model, stop.clone()));
        }
        if config.telegram.is_on() {
            let api = Api::new(&config.telegram.token, &config.telegram.api_url)?;
            let status = status.clone();
            let bot = Bot {
                api: api.clone(),
                engine: engine.clone(),
                crm: crm.clone(),
                permissions: permissions.clone(),
                speaker: speaker.clone(),
                people: people.clone(),
                calendars: calendars.clone(),
                archive_status: config.leads.archive_status.clone(),
                habits,
                status: status.clone(),
                memory: Memory::default(),
                suggestions,
            };
            tasks.spawn(bot.work(stop.clone()));
            tasks.spawn(permissions.clone().keep_fresh(stop.clone()));
            let sender = Sender {
                api,
                engine: engine.clone(),
                permissions: permissions.clone(),
                speaker: speaker.clone(),
                people: people.clone(),
                calendars,
                status,
            };
            tasks.spawn(sender.work(stop.clone()));
        } else {
            tracing::warn!(
                "[telegram] token is empty: alerts are written into the CRM, and nobody is told on Telegram"
            );
        }
        tasks.spawn(schedule(engine.clone(), crm.clone(), stop.clone()));
        tasks.spawn(crm::work(crm.clone(), engine.clone(), speaker.clone(), stop.clone()));
        tasks.spawn(looking.work(stop.clone()));
        tasks.spawn(kpi::work(engine.clone(), people.clone(), stop.clone()));
        let api = http::Api {
            engine: engine.clone(),
            crm: crm.clone(),
            status: status.clone(),
            speaker: speaker.clone(),
            people,
            tokens: Arc::new(config.http.tokens.clone()),
            config,
            metrics: metrics_handle(),
        };
        let stopped = stop.clone();
        tasks.spawn(async move {
            let served = axum::serve(listener, http::router(api)).with_graceful_shutdown(stopped.cancelled_owned());
            if let Err(error) = served.await {
                tracing::error!(%error, "the HTTP side ended");
            }
        });
        tracing::info!(%address, "M.A.X. is awake");
        Ok(Self { engine, crm, status, permissions, speaker, address, stop, tasks })
    }

    /// Returns when the daemon cannot go on, and why: the engine failed, or a task ended that never should.
    pub async fn failed(&mut self) -> Failure {
        tokio::select! {
            // A task may end because the engine failed: that is the cause to name.
            biased;
            error = self.engine.failed() => Failure::Engine(error),
            _ = self.tasks.join_next() => Failure::Task,
        }
    }

    /// Ends all tasks: what was begun is finished or will be taken up again at the next start.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(SHUTDOWN, async { while self.tasks.join_next().await.is_some() {} }).await;
        if ended.is_err() {
            self.tasks.shutdown().await;
        }
    }
}

fn speaker(config: &Config, people: &People) -> Result<Speaker, VoiceError> {
    let voice = Voice::new(config.voice.templates.as_deref())?;
    let crm_site = config.espocrm.public_url.as_deref().unwrap_or(&config.espocrm.url);
    let mut speaker = Speaker::new(
        voice,
        config.general.manner(),
        voice::Content::clone(&config.telegram.content),
        config.calendar.zone(),
        config.general.default_country.clone(),
        crm_site,
        config.rules.clone(),
    );
    speaker.mail_from.clone_from(&config.espocrm.mail_from);
    speaker.calendars = people.calendars.clone();
    Ok(speaker)
}

/// What the configuration says about people.
pub fn people(config: &Config) -> People {
    People {
        stand_ins: config.stand_ins.clone(),
        calendars: Calendars::new(config.calendar.clone(), config.people.clone()),
        managers: config.teams.iter().map(|(team, section)| (team.clone(), section.managers.clone())).collect(),
        chats: config.teams.iter().filter_map(|(team, section)| Some((team.clone(), team_chat(section)?))).collect(),
        fallback_chat: config.telegram.fallback_chat.filter(|chat| *chat != ChatId(0)),
    }
}

fn team_chat(section: &TeamSection) -> Option<Destination> {
    let chat = section.chat.filter(|chat| *chat != ChatId(0))?;
    Some(Destination { chat, topic: section.topic })
}

/// The recorder belongs to the process: daemons that follow one another in a test share it.
fn metrics_handle() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let recorder = PrometheusBuilder::new().build_recorder();
            let handle = recorder.handle();
            if metrics::set_global_recorder(recorder).is_err() {
                tracing::warn!("another metrics recorder is installed; /metrics stays empty");
            }
            handle
        })
        .clone()
}
