//! `max export`: the mirror as the two files that `max backtest` reads. Through the running daemon, whose store
//! nobody else can open, or from the store itself.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tempfile::NamedTempFile;

use super::ConfigFile;
use super::daemon::{NOT_MAX, call_daemon};
use crate::config::Config;
use crate::domain::LeadId;
use crate::engine::export::{Export, Part};
use crate::http::export::NDJSON;
use crate::rules::Settings;
use crate::store::Store;

/// What to write, and where.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigFile,
    /// The file for the leads. One that exists is replaced once the new one is whole.
    #[arg(long, value_name = "FILE", default_value = "leads.ndjson")]
    pub leads: PathBuf,
    /// The file for their activities; replaced likewise.
    #[arg(long, value_name = "FILE", default_value = "activities.ndjson")]
    pub activities: PathBuf,
}

/// Both were to go into one file.
#[derive(Debug, thiserror::Error)]
#[error("--leads and --activities name the same file, {}; name two", .0.display())]
pub struct OneFile(PathBuf);

/// Writes both files, for this user's eyes only: they hold customers' names and words.
///
/// # Errors
/// When a file cannot be written, or the mirror cannot be read to its end; then both files are as they were.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let config = Config::load(args.config.config.as_deref())?;
    let (mut leads, mut activities) = (Draft::begin(&args.leads)?, Draft::begin(&args.activities)?);
    if leads.target == activities.target {
        return Err(OneFile(args.leads.clone()).into());
    }
    // The order matters: see `engine::export`.
    let mut parts = [(Part::Activities, &mut activities), (Part::Leads, &mut leads)];
    if !from_daemon(&config, &mut parts).await? {
        from_store(&config, &mut parts)?;
    }
    for draft in [&leads, &activities] {
        draft.finish()?;
    }
    let unlike = statuses_unlike_a_backtest(&config, leads.file.reopen()?)?;
    println!(
        "{} ({} leads), {} ({} activities)",
        args.leads.display(),
        leads.lines,
        args.activities.display(),
        activities.lines
    );
    leads.keep()?;
    activities.keep()?;
    if let Some(active) = unlike {
        eprintln!(
            "Note: a backtest takes {} for active, unless its configuration says:",
            Settings::BACKTEST_ACTIVE.join(", ")
        );
        eprintln!("[rules]\nactive_statuses = {active:?}");
    }
    Ok(())
}

/// Fills the drafts through the running daemon; false when none answers.
async fn from_daemon(config: &Config, parts: &mut [(Part, &mut Draft)]) -> anyhow::Result<bool> {
    for (number, (part, draft)) in parts.iter_mut().enumerate() {
        let path = match part {
            Part::Leads => "/api/export/leads",
            Part::Activities => "/api/export/activities",
        };
        match call_daemon(config, |client, at| client.get(format!("{at}{path}"))).await? {
            Some(answer) => receive(answer, draft).await?,
            None if number == 0 => return Ok(false),
            None => bail!("the daemon has stopped meanwhile; try again"),
        }
    }
    Ok(true)
}

async fn receive(mut answer: Response, draft: &mut Draft) -> anyhow::Result<()> {
    let is_export = answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == NDJSON);
    if !is_export {
        bail!(NOT_MAX);
    }
    while let Some(bytes) = answer.chunk().await.context("the daemon broke off; its log says why")? {
        draft.add(&bytes)?;
    }
    Ok(())
}

/// Fills the drafts from the store, which no daemon has open.
fn from_store(config: &Config, parts: &mut [(Part, &mut Draft)]) -> anyhow::Result<()> {
    let path = &config.store.path;
    if !Store::is_in(path) {
        bail!(
            "there is no store in {} yet, and no daemon answers on {}: start one with `max run`, or check [store] path",
            path.display(),
            config.http.listen
        );
    }
    let store = Store::open(path)?;
    let Some(export) = Export::of(&store, &config.rules)? else {
        bail!(
            "the store in {} has not seen all of the CRM yet: let `max run` or `max generate` do that first",
            path.display()
        );
    };
    for (part, draft) in parts {
        let mut after: Option<LeadId> = None;
        loop {
            let portion = export.portion(*part, after.as_ref())?;
            draft.add(&portion.lines)?;
            after = portion.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(())
}

/// A file in the making. It takes its name once it is whole.
struct Draft {
    target: PathBuf,
    file: NamedTempFile,
    lines: usize,
}

impl Draft {
    /// Begins beside `path`, so that a mistake in it shows before anything is read.
    fn begin(path: &Path) -> anyhow::Result<Self> {
        let Some(name) = path.file_name().filter(|_| !path.is_dir()) else {
            bail!("{} is a folder: name a file in it", path.display());
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let cannot = || format!("{} cannot be written: create its folder, or name another", path.display());
        let folder = folder.canonicalize().with_context(cannot)?;
        let file = tempfile::Builder::new().prefix(".max-export-").tempfile_in(&folder).with_context(cannot)?;
        Ok(Self { target: folder.join(name), file, lines: 0 })
    }

    fn add(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.lines += bytes.iter().filter(|byte| **byte == b'\n').count();
        self.file.write_all(bytes).with_context(|| self.cannot())
    }

    /// All of it has reached the disk.
    fn finish(&self) -> anyhow::Result<()> {
        self.file.as_file().sync_all().with_context(|| self.cannot())
    }

    fn keep(self) -> anyhow::Result<()> {
        let cannot = self.cannot();
        self.file.persist(&self.target).context(cannot)?;
        Ok(())
    }

    fn cannot(&self) -> String {
        format!("{} cannot be written; it is as it was", self.target.display())
    }
}

/// The statuses that are active, when leads that are active here would not be so in a backtest with the same
/// configuration: the daemon asks the CRM which statuses are, and a backtest has nobody to ask.
fn statuses_unlike_a_backtest(config: &Config, leads: File) -> anyhow::Result<Option<Vec<String>>> {
    #[derive(Deserialize)]
    struct Line {
        status: String,
        deleted: bool,
        closed_at: Option<IgnoredAny>,
    }
    if config.rules.active_statuses.is_some() {
        return Ok(None);
    }
    let known = Settings::BACKTEST_ACTIVE.map(str::to_owned);
    let mut active = BTreeSet::from(known.clone());
    for line in BufReader::new(leads).lines() {
        let line: Line = serde_json::from_str(&line?).context("the leads are not as they were written")?;
        if !line.deleted && line.closed_at.is_none() {
            active.insert(line.status);
        }
    }
    Ok((active.len() > known.len()).then(|| active.into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_backtest_cannot_know_of_statuses_is_told() {
        let whole = "[espocrm]\nurl = \"http://127.0.0.1:1\"\napi_key = \"k\"\n";
        let unlike = |more: &str, lines: &[&str]| {
            let config = Config::from_toml(&format!("{whole}{more}")).unwrap();
            let mut file = NamedTempFile::new().unwrap();
            file.write_all(lines.join("\n").as_bytes()).unwrap();
            statuses_unlike_a_backtest(&config, file.reopen().unwrap()).unwrap()
        };
        let stock = [
            r#"{"status":"New","deleted":false}"#,
            r#"{"status":"Dead","deleted":false,"closed_at":"2026-03-01T09:00:00Z"}"#,
            r#"{"status":"Recycled","deleted":true}"#,
        ];
        assert_eq!(unlike("", &stock), None);
        let own = [stock[0], r#"{"status":"À rappeler","deleted":false}"#];
        let active = ["Assigned", "In Process", "New", "À rappeler"].map(str::to_owned).to_vec();
        assert_eq!(unlike("", &own), Some(active));
        assert_eq!(unlike("[rules]\nactive_statuses = [\"New\"]\n", &own), None, "the configuration says");
    }
}
