//! `max run`, and the commands that speak to the daemon it starts.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use reqwest::{Client, RequestBuilder, Response};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::ConfigFile;
use super::say::{complain, say};
use crate::app::{App, Failure};
use crate::clock::Clock;
use crate::config::{Config, Scope};
use crate::engine::EngineError;

/// How long a single run waits for its effects to be carried out.
const DRAIN: Duration = Duration::from_secs(60);

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// When it cannot start, or the store can no longer be written.
pub async fn run(file: &ConfigFile) -> anyhow::Result<()> {
    let config = Config::load(file.config.as_deref())?;
    let mut app = App::start(config, Clock::system()).await?;
    let failure = tokio::select! {
        signal = stop_signal() => { signal?; None }
        failure = app.failed() => Some(failure),
    };
    tracing::info!("stopping");
    app.stop().await;
    match failure {
        None => Ok(()),
        Some(Failure::Engine(EngineError::Store(error))) => Err(anyhow!(
            "the store cannot be written: {error}; make room on the disk and start again: nothing that was acknowledged is lost"
        )),
        Some(failure) => Err(anyhow!("{failure}; start again: nothing that was acknowledged is lost")),
    }
}

async fn stop_signal() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result?,
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}

/// Syncs now and evaluates everything.
///
/// # Errors
/// When the CRM or the store fails.
pub async fn generate(file: &ConfigFile) -> anyhow::Result<()> {
    let config = Config::load(file.config.as_deref())?;
    let tally = match ask_daemon(&config, "/api/alerts/generate", json!({})).await? {
        Some(answer) => answer,
        None => generate_once(config).await?,
    };
    say(tally)?;
    Ok(())
}

/// Without a daemon: starts one, has it do its work once, and ends it.
async fn generate_once(mut config: Config) -> anyhow::Result<Value> {
    config.http.listen.set_port(0);
    config.http.public_url = String::new();
    let app = App::start(config, Clock::system()).await?;
    let outcome = app.crm.sync_now().await;
    let mut changes = app.engine.changes();
    let drained = async {
        while app.engine.store().outbox_len() > 0 {
            changes.changed().await.ok();
        }
        anyhow::Ok(())
    };
    let _ = tokio::time::timeout(DRAIN, drained).await;
    app.stop().await;
    let tally = outcome.map_err(|error| anyhow!("{error}"))?;
    Ok(json!({"evaluated": tally.evaluated, "opened": tally.opened, "closed": tally.closed}))
}

/// For whom to make a link.
#[derive(Clone, Debug, clap::Args)]
pub struct LinkArgs {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigFile,
    /// The CRM user: id, login name or mail address.
    #[arg(long)]
    pub user: String,
}

/// Makes a one-time link through the running daemon.
///
/// # Errors
/// When no daemon runs, or the user is unknown.
pub async fn link(args: &LinkArgs) -> anyhow::Result<()> {
    let config = Config::load(args.config.config.as_deref())?;
    let Some(answer) = ask_daemon(&config, "/api/links", json!({"user": args.user})).await? else {
        bail!("no daemon answers on {}; start it first with `max run`", config.http.listen);
    };
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    say(text("url"))?;
    complain(format_args!(
        "Send this link to {} only: whoever opens it in Telegram is linked. It works once, until {}.",
        text("user"),
        text("expiresAt")
    ));
    Ok(())
}

/// Posts to the daemon that runs with this configuration; `None` when none does.
async fn ask_daemon(config: &Config, path: &str, body: Value) -> anyhow::Result<Option<Value>> {
    let Some(response) = call_daemon(config, |client, at| client.post(format!("{at}{path}")).json(&body)).await? else {
        return Ok(None);
    };
    Ok(Some(response.json().await.context(NOT_MAX)?))
}

/// What is said of a stranger on our port.
pub(super) const NOT_MAX: &str = "what listens there is not M.A.X.";

/// The daemon's answer to what `request` asks of its address, when it is a good one; `None` when no daemon runs with
/// this configuration.
///
/// # Errors
/// When it does not answer, or refuses: its own words, and what to do about them.
pub(super) async fn call_daemon(
    config: &Config,
    request: impl FnOnce(&Client, String) -> RequestBuilder,
) -> anyhow::Result<Option<Response>> {
    let token = config.http.tokens.iter().find(|token| token.scopes.contains(&Scope::Admin));
    let client = Client::builder().connect_timeout(Duration::from_secs(2)).build()?;
    let mut request = request(&client, format!("http://{}", config.http.listen));
    if let Some(token) = token {
        request = request.bearer_auth(token.token.expose_secret());
    }
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) if error.is_connect() => return Ok(None),
        Err(error) => return Err(error).context("the daemon does not answer"),
    };
    if response.status().is_success() {
        return Ok(Some(response));
    }
    let answer: Value = response.json().await.context(NOT_MAX)?;
    if token.is_none() {
        bail!("the daemon wants a token: add one with scopes = [\"admin\"] to [[http.tokens]], and restart it");
    }
    match answer.pointer("/error/code").and_then(Value::as_str) {
        Some("unauthorized" | "forbidden") => {
            bail!("the daemon was started before this configuration had this admin token: restart it")
        }
        Some("unknown_route") => bail!("the daemon is of another version than this program: restart it"),
        Some(_) | None => {}
    }
    bail!("{}", answer.pointer("/error/message").and_then(Value::as_str).unwrap_or("the daemon refuses"))
}
