//! `max demo`: the real daemon against a made-up EspoCRM and a made-up Telegram on loopback, and a page to watch
//! both.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::say::say;
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::UserId;
use crate::engine::briefing::Speaker;
use crate::engine::{Engine, Handle, linking};
use crate::sandbox::espo::{self, EspoSandbox};
use crate::sandbox::page::{self, PageState};
use crate::sandbox::seed;
use crate::sandbox::telegram::{self, TelegramSandbox};
use crate::voice::Manner;

/// Where to show it.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where the page is.
    #[arg(long, default_value = "127.0.0.1:8090", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// Where the daemon's API is; the token is `demo`.
    #[arg(long, default_value = "127.0.0.1:8091", value_name = "ADDRESS")]
    pub api: SocketAddr,
    /// What M.A.X. speaks at first.
    #[arg(long, default_value = "fr", value_parser = ["fr", "en"])]
    pub language: String,
}

/// Runs until Ctrl-C. Everything is in memory or in a temporary folder, and gone afterwards.
///
/// # Errors
/// When a port is taken, or the daemon cannot start.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let demo = Demo::start(&args, Clock::system()).await?;
    let (page, api) = (demo.address, demo.app.address);
    // Whether anybody reads this or not, it is there.
    say(format_args!(
        "M.A.X. is at work: open http://{page} in a browser.\n\
         Its API is http://{api}/api/alerts (Authorization: Bearer demo). Ctrl-C ends it."
    ))
    .ok();
    tokio::signal::ctrl_c().await?;
    demo.stop().await;
    Ok(())
}

/// A demo at work.
pub struct Demo {
    /// Where the page is.
    pub address: SocketAddr,
    /// The daemon.
    pub app: App,
    helpers: JoinSet<()>,
    _folder: TempDir,
}

impl Demo {
    /// Starts all of it: both sandboxes, the daemon, the page; the rep's chat is linked.
    ///
    /// # Errors
    /// When a port is taken, or the daemon cannot start.
    pub async fn start(args: &Args, clock: Clock) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("a temporary folder for the demo's store")?;
        let page = TcpListener::bind(args.listen).await.with_context(|| {
            format!("the page cannot be shown on {}: choose another address with --listen", args.listen)
        })?;
        let address = page.local_addr()?;
        let options = espo::Options { auto_webhooks: true, ..Default::default() };
        let espo = EspoSandbox::start(clock.clone(), options).await?;
        let telegram = TelegramSandbox::start(clock.clone(), telegram::Options::default()).await?;
        seed::populate(&espo, clock.now());
        telegram.open_chat(seed::rep_on_telegram());

        let api = known_beforehand(args.api).await?;
        let config = configuration(&args.language, api, &espo, &telegram, folder.path());
        let app = App::start(Config::from_toml(&config)?, clock.clone()).await?;
        let language = Arc::new(watch::Sender::new(args.language.clone()));
        let mut helpers = JoinSet::new();
        helpers.spawn(follow_language(app.engine.clone(), app.speaker.clone(), language.subscribe()));
        let state = PageState::new(telegram.clone(), espo.clone(), clock, language);
        helpers.spawn(async move {
            if let Err(error) = axum::serve(page, page::router(state)).await {
                tracing::error!(%error, "the page is no longer served");
            }
        });
        link_the_rep(&app, &telegram).await?;
        Ok(Self { address, app, helpers, _folder: folder })
    }

    /// Ends all of it.
    pub async fn stop(mut self) {
        self.helpers.shutdown().await;
        self.app.stop().await;
    }
}

/// The address with its port: the CRM is told where to reach M.A.X. before it listens there.
async fn known_beforehand(address: SocketAddr) -> anyhow::Result<SocketAddr> {
    if address.port() != 0 {
        return Ok(address);
    }
    Ok(TcpListener::bind(address).await.with_context(|| format!("{address} cannot be listened on"))?.local_addr()?)
}

/// Links the rep as a person would: by opening a deep link.
async fn link_the_rep(app: &App, telegram: &TelegramSandbox) -> anyhow::Result<()> {
    app.crm.sync_now().await.map_err(anyhow::Error::msg)?;
    let link = linking::create(&app.engine, &UserId::from(seed::REP_ID), "max_sandbox_bot").await?;
    let token = link.url.rsplit('=').next().unwrap_or_default();
    telegram.say(seed::REP_CHAT, &format!("/start {token}"))?;
    // The rep is asked first whether the link is the right one, and greeted after a yes.
    let asked = |telegram: &TelegramSandbox| {
        let first = telegram.messages(seed::REP_CHAT).into_iter().next()?;
        let yes = first.keyboard.iter().flatten().find_map(|key| key.callback_data.clone())?;
        Some((first.message_id, yes))
    };
    let is_asked = telegram.wait_until(|telegram| asked(telegram).is_some());
    tokio::time::timeout(Duration::from_secs(10), is_asked).await.context("the demo's chat did not open")?;
    if let Some((message, yes)) = asked(telegram) {
        telegram.tap(seed::REP_CHAT, message, &yes)?;
    }
    let is_greeted = telegram.wait_until(|telegram| {
        telegram.messages(seed::REP_CHAT).first().is_some_and(|message| message.keyboard.is_empty())
    });
    tokio::time::timeout(Duration::from_secs(10), is_greeted).await.context("the demo's chat did not open")?;
    Ok(())
}

/// Speaks what the page is switched to, also where something was said already.
async fn follow_language(engine: Handle, speaker: Arc<Speaker>, mut language: watch::Receiver<String>) {
    loop {
        let manner = if *language.borrow_and_update() == "en" { Manner::English } else { Manner::Tu };
        if speaker.manner() != manner {
            speaker.speak(manner);
            if let Err(error) = engine.run(Engine::say_again).await {
                tracing::warn!(%error, "what was said before stays in the language it was said in");
            }
        }
        if language.changed().await.is_err() {
            return;
        }
    }
}

fn configuration(
    language: &str,
    api: SocketAddr,
    espo: &EspoSandbox,
    telegram: &TelegramSandbox,
    store: &Path,
) -> String {
    format!(
        r#"
        language = "{language}"
        [store]
        path = {store:?}
        [espocrm]
        url = "{espo}"
        public_url = "https://crm.atelier-nord.example"
        api_key = "{key}"
        [sync]
        poll_interval = "5s"
        [telegram]
        token = "{token}"
        api_url = "{telegram}"
        [http]
        listen = "{api}"
        public_url = "http://{api}"
        [[http.tokens]]
        name = "demo"
        token = "demo"
        scopes = ["admin"]
        [working_hours]
        days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        from = "00:00"
        to = "23:59"
        "#,
        store = store.display().to_string(),
        espo = espo.url(),
        key = espo::API_KEY,
        token = telegram::Options::default().token,
        telegram = telegram.url(),
    )
}
