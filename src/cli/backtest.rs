//! `max backtest`: what the rules would have said about recorded history. The clock is simulated; everything
//! else is what the daemon runs.

mod catches;
mod compare;
mod counts;
mod differences;
mod flat;
mod groups;
mod hours;
mod ids;
mod input;
mod report;
mod timeline;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::say::complain;
use crate::config::{Config, Mistakes};
use crate::decide::replay::{Episodes, Passage, Passed, Replay};
use crate::domain::Timestamp;
use crate::rules::history::History;
use crate::rules::{BadSettings, Settings, settings_from_toml};

use compare::Side;
use counts::Range;
use hours::WorkingHours;
use input::Recording;
use timeline::{Entry, Timeline};

/// Replay recorded history through the rules, and print what would have opened and closed, and when.
///
/// With two configurations: compare what each would have said.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The leads, one JSON object per line.
    #[arg(long, value_name = "FILE")]
    pub leads: PathBuf,
    /// Their activities, one JSON object per line, in any order.
    #[arg(long, value_name = "FILE")]
    pub activities: PathBuf,
    /// The first instant (RFC 3339, included): what holds then opens then.
    #[arg(long, value_name = "INSTANT", value_parser = Timestamp::parse_rfc3339)]
    pub from: Timestamp,
    /// The last instant (RFC 3339, included).
    #[arg(long, value_name = "INSTANT", value_parser = Timestamp::parse_rfc3339)]
    pub to: Timestamp,
    /// The configuration of M.A.X.; its `rules` count, and for tables its `working_hours` and `people`. Given twice: print a
    /// comparison of the two for people, with or without --summary. An empty file stands for the defaults.
    #[arg(long, value_name = "FILE")]
    pub config: Vec<PathBuf>,
    /// Print a table for people instead of one line per event.
    #[arg(long)]
    pub summary: bool,
}

/// Why a backtest did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum BacktestError {
    /// The arguments contradict each other.
    #[error("--from ({from}) is later than --to ({to})")]
    Backwards {
        /// As given.
        from: Timestamp,
        /// As given.
        to: Timestamp,
    },
    /// One configuration cannot be compared with itself.
    #[error("--config: {} is given twice; a comparison needs two files", path.display())]
    SameConfig {
        /// As given the second time.
        path: PathBuf,
    },
    /// Two can be compared, not three.
    #[error("--config: {} is one too many; two configurations can be compared", path.display())]
    ThirdConfig {
        /// As given.
        path: PathBuf,
    },
    /// The recording was not the same when it was read for the second configuration.
    #[error("{} or {} changed meanwhile: a comparison reads them twice (a pipe can be read only once)",
        leads.display(), activities.display())]
    Changed {
        /// The leads.
        leads: PathBuf,
        /// The activities.
        activities: PathBuf,
    },
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The configuration's rules are no good.
    #[error("{}: {source}", path.display())]
    Rules {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: BadSettings,
    },
    /// The configuration's working hours, in which a summary's target times run, are no good, or something in it
    /// cannot be read.
    #[error("{}: {source}", path.display())]
    Config {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: Mistakes,
    },
    /// A line is not what it should be.
    #[error("{}:{line}: {reason}", path.display())]
    Malformed {
        /// In which file.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The output cannot be written.
    #[error("writing the output: {0}")]
    Output(#[from] io::Error),
}

impl BacktestError {
    /// 2 when what was given is at fault, 1 when the output is.
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Backwards { .. }
            | Self::SameConfig { .. }
            | Self::ThirdConfig { .. }
            | Self::Changed { .. }
            | Self::Unreadable { .. }
            | Self::Rules { .. }
            | Self::Config { .. }
            | Self::Malformed { .. } => ExitCode::from(2),
            // Whoever reads us has seen enough, as in `max backtest … | head`.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Self::Output(_) => ExitCode::FAILURE,
        }
    }
}

/// Runs the command: output on standard output, a reason for failing on standard error.
pub fn run(args: &Args) -> ExitCode {
    let Err(error) = backtest(args, io::stdout().lock()) else { return ExitCode::SUCCESS };
    let code = error.exit_code();
    if code != ExitCode::SUCCESS {
        complain(format_args!("error: {error}"));
    }
    code
}

/// Replays, and writes to `out`: nothing at all before all input has been found well-formed.
///
/// # Errors
/// See [`BacktestError`].
pub fn backtest(args: &Args, out: impl Write) -> Result<(), BacktestError> {
    if args.from > args.to {
        return Err(BacktestError::Backwards { from: args.from, to: args.to });
    }
    match args.config.as_slice() {
        [] => replay_one(args, None, out),
        [path] => replay_one(args, Some(path), out),
        [a, b] => replay_both(args, [a.as_path(), b.as_path()], out),
        [_, _, third, ..] => Err(BacktestError::ThirdConfig { path: third.clone() }),
    }
}

fn replay_one(args: &Args, config: Option<&Path>, out: impl Write) -> Result<(), BacktestError> {
    let config = Configuration::read(config)?;
    let settings = config.rules()?;
    let hours = config.working_hours()?;
    let recording = Recording::read(&args.leads, &args.activities, args.from, &settings)?;
    let entries = replay(&recording, &settings, args.from, args.to);
    let mut out = BufWriter::with_capacity(1 << 16, out);
    if args.summary {
        let range = Range { from: args.from, to: args.to };
        report::write_summary(&mut out, &recording, &entries, &settings, &hours, range)?;
    } else {
        report::write_lines(&mut out, &recording, &entries)?;
    }
    out.flush()?;
    Ok(())
}

/// The recording is read once for each configuration: which leads are active, which inbounds were young and how
/// long next steps are pending depend on it. One of the two is in memory at a time.
fn replay_both(args: &Args, paths: [&Path; 2], out: impl Write) -> Result<(), BacktestError> {
    if is_same_file(paths) {
        return Err(BacktestError::SameConfig { path: paths[1].to_owned() });
    }
    let [mut a, mut b] = [Side::read(paths[0])?, Side::read(paths[1])?];
    let before = size(&a.replay(args)?);
    let recording = b.replay(args)?;
    if size(&recording) != before {
        return Err(BacktestError::Changed { leads: args.leads.clone(), activities: args.activities.clone() });
    }
    let mut out = BufWriter::with_capacity(1 << 16, out);
    compare::write_comparison(&mut out, &recording, [a, b], Range { from: args.from, to: args.to })?;
    out.flush()?;
    Ok(())
}

fn size(recording: &Recording) -> (usize, usize, u64) {
    (recording.leads.len(), recording.activities, recording.of_unknown_leads)
}

/// Whatever the two are called.
fn is_same_file(paths: [&Path; 2]) -> bool {
    let [a, b] = paths.map(|path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()));
    a == b
}

/// The daemon's configuration file; empty when none is given. Whatever is in it has to read, so that nothing misspelt
/// passes; what is missing for a daemon may be, so that a backtest asks for no credentials.
struct Configuration<'a> {
    path: &'a Path,
    text: String,
}

impl<'a> Configuration<'a> {
    fn read(path: Option<&'a Path>) -> Result<Self, BacktestError> {
        let Some(path) = path else { return Ok(Self { path: Path::new(""), text: String::new() }) };
        let text = std::fs::read_to_string(path)
            .map_err(|source| BacktestError::Unreadable { path: path.to_owned(), source })?;
        Ok(Self { path, text })
    }

    fn rules(&self) -> Result<Settings, BacktestError> {
        let mut settings = settings_from_toml(&self.text)
            .map_err(|source| BacktestError::Rules { path: self.path.to_owned(), source })?;
        settings.active_statuses.get_or_insert_with(|| Settings::BACKTEST_ACTIVE.map(str::to_owned).to_vec());
        Ok(settings)
    }

    fn working_hours(&self) -> Result<WorkingHours, BacktestError> {
        let (everybody, people) = Config::working_hours_from_toml(&self.text)
            .map_err(|source| BacktestError::Config { path: self.path.to_owned(), source })?;
        Ok(WorkingHours { everybody, people })
    }
}

impl<'a> Side<'a> {
    fn read(path: &'a Path) -> Result<Self, BacktestError> {
        let config = Configuration::read(Some(path))?;
        Ok(Self { path, settings: config.rules()?, hours: config.working_hours()?, entries: Vec::new() })
    }

    /// Reads and replays the recording under these settings.
    fn replay(&mut self, args: &Args) -> Result<Recording, BacktestError> {
        let recording = Recording::read(&args.leads, &args.activities, args.from, &self.settings)?;
        self.entries = replay(&recording, &self.settings, args.from, args.to).into_entries();
        Ok(recording)
    }
}

/// Everything that opens or closes, in the order of the output.
fn replay(recording: &Recording, settings: &Settings, from: Timestamp, to: Timestamp) -> Timeline {
    let mut timeline = Timeline::between(from, to);
    let (mut facts, mut steps) = (Vec::new(), Vec::new());
    for (lead, row) in (0u32..).zip(&recording.leads) {
        facts.extend_from_slice(recording.facts.get(lead));
        steps.extend_from_slice(recording.steps.get(lead));
        let history = History { life: row.life, facts, steps };
        let mut tell = |passed: Passed| entry(lead, &passed).into_iter().for_each(|entry| timeline.push(entry));
        let mut replay = Replay::new(&history, settings, Episodes::default());
        replay.run(None, from, &mut tell);
        replay.run(Some(from), to, &mut tell);
        // The next lead's take their room.
        History { facts, steps, .. } = history;
        facts.clear();
        steps.clear();
    }
    timeline.sort();
    timeline
}

fn entry(lead: u32, passed: &Passed) -> Option<Entry> {
    let Passed { at, alert_type, anchor, passage, .. } = *passed;
    let closed = match passage {
        Passage::Opened { .. } => None,
        Passage::Closed(reason) => Some(reason),
        // Nobody snoozes in a replay.
        Passage::Woke => return None,
    };
    Some(Entry { at, lead, alert_type, anchor, closed })
}
