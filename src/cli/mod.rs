//! The commands of `max`.

// They panic where nobody listens; see `say`.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod backtest;
pub mod check;
pub mod corrections;
pub mod daemon;
pub mod demo;
pub mod doctor;
pub mod export;
pub mod extension;
pub mod kpi;
pub mod read;
pub mod say;
pub mod setup;
pub mod voice;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::voice::VoiceError;
use say::{Unsaid, complain};

/// The nervous system of a sales pipeline: watches an EspoCRM, notices what a busy rep misses, tells on Telegram.
#[derive(Debug, Parser)]
#[command(name = "max", version, about)]
pub struct Cli {
    /// Write logs as JSON, one object per line.
    #[arg(long, global = true)]
    pub log_json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon.
    Run(ConfigFile),
    /// Show M.A.X. at work on a made-up CRM and chat, in the browser; needs no account anywhere.
    Demo(demo::Args),
    /// Check the configuration and name every mistake, with its place and remedy.
    Check(ConfigFile),
    /// Sync now and evaluate every lead: through the running daemon, or once without it.
    Generate(ConfigFile),
    /// Replay recorded history through the rules.
    Backtest(backtest::Args),
    /// Write what M.A.X. knows as the two files that `max backtest` reads; also while the daemon runs.
    Export(export::Args),
    /// Show whether M.A.X. helps: four figures, before it was switched on and since; also while the daemon runs.
    Kpi(kpi::Args),
    /// Show what people said was read wrongly; also while the daemon runs, and as sentences for the next training.
    Corrections(corrections::Args),
    /// Prepare an EspoCRM: extension, role, API user, webhooks. Shows what it will do first; can undo it.
    Setup(setup::Args),
    /// Look into everything that can be wrong, and say what to do about it; also while the daemon runs.
    Doctor(doctor::Args),
    /// Show everything M.A.X. can say, with sample data; exit code 2 when a wording breaks.
    Voice(voice::Args),
    /// Pack the EspoCRM extension, to be installed in Administration > Extensions.
    Extension(extension::Args),
    /// Make a one-time link that ties a Telegram account to a CRM user.
    Link(daemon::LinkArgs),
    /// Read messages, one per line: does the lead want to buy, what is it about, which words say so.
    Read(read::Args),
}

/// Where the configuration is.
#[derive(Clone, Debug, clap::Args)]
pub struct ConfigFile {
    /// The configuration file; see `config.example.toml`. The environment beats it (`MAX_ESPOCRM__API_KEY=…`).
    #[arg(long, value_name = "FILE", env = "MAX_CONFIG")]
    pub config: Option<PathBuf>,
}

/// Logs go to standard error; `RUST_LOG` says how much.
pub fn start_logging(cli: &Cli) {
    let quiet = matches!(cli.command, Command::Demo(_) | Command::Setup(_) | Command::Doctor(_));
    let level = if quiet { "warn" } else { "info" };
    let default = format!("{level},{}=off", crate::store::DATABASE_LOG);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    // Colours are for eyes: a file or the journal gets none.
    let colours = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr);
    // A log that cannot be written would be complained of where it cannot be written, with a panic.
    let builder = builder.log_internal_errors(false);
    if cli.log_json { builder.json().init() } else { builder.init() }
}

/// Carries out a command. Exit code 2 is a mistake in what was asked, 1 a failure.
pub async fn carry_out(cli: Cli) -> ExitCode {
    let result = match cli.command {
        Command::Run(config) => daemon::run(&config).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Check(config) => check::run(&config),
        Command::Backtest(args) => return backtest::run(&args),
        Command::Read(args) => return read::run(&args),
        Command::Setup(args) => setup::run(&args).await,
        Command::Doctor(args) => return doctor::run(&args).await,
        Command::Generate(config) => daemon::generate(&config).await,
        Command::Export(args) => export::run(&args).await,
        Command::Kpi(args) => kpi::run(&args).await,
        Command::Corrections(args) => corrections::run(&args).await,
        Command::Voice(args) => voice::run(&args),
        Command::Extension(args) => extension::run(&args),
        Command::Link(args) => daemon::link(&args).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.downcast_ref().is_some_and(Unsaid::nobody_listens) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("max: {error:#}"));
            let asked_wrongly = error.is::<crate::config::Mistakes>()
                || error.is::<export::OneFile>()
                || error.is::<VoiceError>()
                || error.is::<voice::NoSuchWording>()
                || error.is::<setup::AskedWrongly>();
            if asked_wrongly { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
