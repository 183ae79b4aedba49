//! `max corrections`: what people said was read wrongly, as a table, as NDJSON, or as sentences for the next training.

use std::io::{self, Write};

use serde_json::Value;

use super::ConfigFile;
use super::daemon::call_daemon;
use crate::config::Config;
use crate::engine::corrections::{Correction, corrections};
use crate::store::Store;

/// What to print.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigFile,
    /// One JSON object per line instead of a table.
    #[arg(long)]
    pub ndjson: bool,
    /// Only what can be learnt from, one JSON object per line, as `train-reading` takes it.
    #[arg(long, conflicts_with = "ndjson")]
    pub sentences: bool,
}

/// Prints every correction, through the running daemon or from the store itself.
///
/// # Errors
/// When neither can be read.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let config = Config::load(args.config.config.as_deref())?;
    let all = match call_daemon(&config, |client, at| client.get(format!("{at}/api/corrections"))).await? {
        Some(answer) => {
            let text = answer.text().await?;
            text.lines().map(serde_json::from_str).collect::<Result<Vec<Correction>, _>>()?
        }
        None => corrections(&Store::open(&config.store.path)?)?,
    };
    match print(&all, args) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        Err(_) | Ok(()) => Ok(()),
    }
}

fn print(all: &[Correction], args: &Args) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for correction in all {
        if args.sentences {
            if let Some(sentence) = correction.sentence() {
                writeln!(out, "{}", Value::Object(sentence))?;
            }
        } else if args.ndjson {
            writeln!(out, "{}", serde_json::to_string(correction)?)?;
        } else {
            print_one(&mut out, correction)?;
        }
    }
    if all.is_empty() && !args.ndjson && !args.sentences {
        writeln!(out, "Nobody has corrected anything yet.")?;
    }
    Ok(())
}

fn print_one(out: &mut impl Write, correction: &Correction) -> io::Result<()> {
    let by = if correction.by.is_empty() { "somebody" } else { &correction.by };
    let rule = correction.alert_type.as_deref().unwrap_or_default();
    writeln!(out, "{}  {by}: {} {rule}", correction.at, correction.said)?;
    writeln!(out, "  {:?}", correction.text)?;
    let means = correction.means.as_ref().map(|means| format!(", means {means}")).unwrap_or_default();
    writeln!(
        out,
        "  read as {}{means}; now {}, because of {:?}",
        correction.read_as.join(", "),
        correction.category,
        correction.evidence
    )
}
