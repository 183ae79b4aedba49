//! `max export`: the mirror as the two files that `max backtest` reads. Through the running daemon, whose store
//! nobody else can open, or from the store itself.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tempfile::NamedTempFile;

use super::ConfigFile;
use super::daemon::{NOT_MAX, call_daemon};
use super::say::{complain, say};
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
    /// The file for the leads. One that exists is replaced once both new ones are whole; a link is followed, a pipe or
    /// a device is written into.
    #[arg(long, value_name = "FILE", default_value = "leads.ndjson")]
    pub leads: PathBuf,
    /// The file for their activities; likewise.
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
    if leads.place == activities.place {
        return Err(OneFile(args.leads.clone()).into());
    }
    // The order matters: see `engine::export`.
    let mut parts = [(Part::Activities, &mut activities), (Part::Leads, &mut leads)];
    if !from_daemon(&config, &mut parts).await? {
        from_store(&config, &mut parts)?;
    }
    let unlike = statuses_unlike_a_backtest(&config, leads.file.reopen()?)?;
    let written = format!(
        "{} ({} leads), {} ({} activities)",
        args.leads.display(),
        leads.lines,
        args.activities.display(),
        activities.lines
    );
    let is_streamed = [&leads.place, &activities.place].into_iter().any(Place::is_stream);
    keep_both(leads, activities)?;
    let said = if is_streamed {
        // The stream may be our standard output.
        complain(written);
        Ok(())
    } else {
        say(written)
    };
    if let Some(active) = unlike {
        complain(format_args!(
            "Note: a backtest takes {} for active, unless its configuration says:\n[rules]\nactive_statuses = {active:?}",
            Settings::BACKTEST_ACTIVE.join(", ")
        ));
    }
    Ok(said?)
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

/// Where an export goes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// A file by its own name, whatever links lead to it.
    File(PathBuf),
    /// A pipe or a device: what went into it can be taken back no more.
    Stream(PathBuf),
}

impl Place {
    fn of(path: &Path) -> anyhow::Result<Self> {
        let cannot = || format!("{} cannot be written: create its folder, or name another", path.display());
        let kind = match std::fs::metadata(path) {
            Ok(known) => known.file_type(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self::File(at_the_end_of_links(path).with_context(cannot)?));
            }
            Err(error) => return Err(error).with_context(cannot),
        };
        if kind.is_dir() {
            bail!("{} is a folder: name a file in it", path.display());
        }
        if kind.is_file() {
            return Ok(Self::File(path.canonicalize().with_context(cannot)?));
        }
        if !takes_a_stream(kind) {
            bail!("{} is neither a file nor a pipe, nor a device that takes a stream: name a file", path.display());
        }
        Ok(Self::Stream(path.to_owned()))
    }

    fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Stream(path) => path,
        }
    }

    fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(_))
    }
}

#[cfg(unix)]
fn takes_a_stream(kind: std::fs::FileType) -> bool {
    use std::os::unix::fs::FileTypeExt;
    kind.is_fifo() || kind.is_char_device()
}

#[cfg(not(unix))]
fn takes_a_stream(_: std::fs::FileType) -> bool {
    false
}

/// Where a file that is not there yet is made: where the links, if there are any, point in the end.
fn at_the_end_of_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    loop {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = folder.canonicalize()?;
        path = folder.join(name);
        match std::fs::read_link(&path) {
            // The system has followed them already, and found that they are not too many.
            Ok(next) => path = folder.join(next),
            Err(_) => return Ok(path),
        }
    }
}

/// A file in the making. It takes its name once both are whole.
struct Draft {
    place: Place,
    file: NamedTempFile,
    lines: usize,
}

impl Draft {
    /// Begins beside the file that `path` names, so that a mistake in it shows before anything is read.
    fn begin(path: &Path) -> anyhow::Result<Self> {
        let place = Place::of(path)?;
        let folder = match &place {
            Place::File(file) => file.parent().map_or_else(PathBuf::new, Path::to_owned),
            Place::Stream(_) => std::env::temp_dir(),
        };
        let file = tempfile::Builder::new().prefix(PREFIX).tempfile_in(&folder).with_context(|| {
            format!("{} cannot be written: no file can be made in {}", path.display(), folder.display())
        })?;
        Ok(Self { place, file, lines: 0 })
    }

    fn add(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.lines += bytes.iter().filter(|byte| **byte == b'\n').count();
        self.file.write_all(bytes).with_context(|| self.cannot())
    }

    /// All of it has reached the disk, or whatever reads the stream.
    fn finish(&self) -> anyhow::Result<()> {
        let finish = || match &self.place {
            Place::File(_) => self.file.as_file().sync_all(),
            Place::Stream(path) => {
                let mut stream = File::options().write(true).open(path)?;
                io::copy(&mut self.file.reopen()?, &mut stream).map(drop)
            }
        };
        finish().with_context(|| self.cannot())
    }

    fn keep(self) -> anyhow::Result<()> {
        let cannot = self.cannot();
        match self.place {
            Place::File(path) => drop(self.file.persist(&path).map_err(|failed| failed.error).context(cannot)?),
            Place::Stream(_) => {}
        }
        Ok(())
    }

    fn cannot(&self) -> String {
        format!("{} cannot be written; no file is changed", self.place.path().display())
    }
}

/// What files in the making, and those that are about to be replaced, are called for so long.
const PREFIX: &str = ".max-export-";

/// Both take their names, or neither does. Streams come first: when one of them fails, no file has changed yet.
fn keep_both(leads: Draft, activities: Draft) -> anyhow::Result<()> {
    let mut drafts = [leads, activities];
    drafts.sort_by_key(|draft| !draft.place.is_stream());
    drafts.iter().try_for_each(Draft::finish)?;
    let [first, second] = drafts;
    let cannot = first.cannot();
    let before = Before::of(&first.place).with_context(|| cannot)?;
    match first.keep().and_then(|()| second.keep()) {
        Ok(()) => Ok(()),
        Err(error) => {
            before.restore()?;
            Err(error)
        }
    }
}

/// What stood where a file is kept, until the other one is kept as well.
enum Before {
    Nothing(PathBuf),
    /// By another name.
    File(PathBuf, NamedTempFile<()>),
    /// It cannot be known, and not be put back.
    Stream,
}

impl Before {
    fn of(place: &Place) -> io::Result<Self> {
        let Place::File(path) = place else { return Ok(Self::Stream) };
        match std::fs::symlink_metadata(path) {
            Ok(known) if known.is_file() => {}
            Ok(_) => return Err(io::Error::other("it is no file any more")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::Nothing(path.clone())),
            Err(error) => return Err(error),
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        let aside = tempfile::Builder::new().prefix(PREFIX).make_in(folder, |aside| {
            match std::fs::hard_link(path, aside) {
                // Not everybody may link to everything, nor does every file system know links.
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => std::fs::rename(path, aside),
                linked => linked,
            }
        });
        Ok(Self::File(path.clone(), aside?))
    }

    fn restore(self) -> anyhow::Result<()> {
        match self {
            Self::Nothing(path) => match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(error).with_context(|| format!("{} is new, and cannot be taken away again", path.display()))
                }
                Ok(()) | Err(_) => Ok(()),
            },
            Self::File(path, aside) => {
                let known = aside.path().to_owned();
                if let Err(failed) = aside.persist(&path) {
                    // It is the only one there is.
                    failed.file.into_temp_path().keep()?;
                    let (path, known) = (path.display(), known.display());
                    return Err(failed.error).with_context(|| format!("{path} is new; as it was, it is {known} now"));
                }
                // When nothing had taken its place yet, both names are still there.
                std::fs::remove_file(&known).ok();
                Ok(())
            }
            Self::Stream => Ok(()),
        }
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

    fn draft(path: &Path) -> Draft {
        let mut draft = Draft::begin(path).unwrap();
        draft.add(b"new\n").unwrap();
        draft
    }

    /// What stands in the folder, by name.
    fn there(folder: &Path) -> Vec<(String, String)> {
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let files = names.filter(|path| path.is_file());
        let mut all: Vec<_> = files
            .map(|path| (path.file_name().unwrap().display().to_string(), std::fs::read_to_string(&path).unwrap()))
            .collect();
        all.sort();
        all
    }

    #[test]
    fn both_files_are_kept_or_neither() {
        let folder = tempfile::tempdir().unwrap();
        let [leads, activities] = ["leads", "activities"].map(|name| folder.path().join(name));
        for before in [None, Some("old")] {
            before.into_iter().for_each(|old| std::fs::write(&leads, old).unwrap());
            let drafts = (draft(&leads), draft(&activities));
            // What makes the second rename fail, whoever tries.
            std::fs::create_dir(&activities).unwrap();
            let error = format!("{:#}", keep_both(drafts.0, drafts.1).unwrap_err());
            assert!(error.contains("activities cannot be written; no file is changed: "), "{error}");
            assert_eq!(error.matches("os error").count(), 1, "{error}");
            let kept = before.map(|old| ("leads".to_owned(), old.to_owned()));
            assert_eq!(there(folder.path()), Vec::from_iter(kept));
            std::fs::remove_dir(&activities).unwrap();
        }
        keep_both(draft(&leads), draft(&activities)).unwrap();
        let new = ["activities", "leads"].map(|name| (name.to_owned(), "new\n".to_owned()));
        assert_eq!(there(folder.path()), new);
        // The first one fails: the other is not touched, and nothing is left behind.
        let drafts = (draft(&leads), draft(&activities));
        std::fs::remove_file(&leads).unwrap();
        std::fs::create_dir(&leads).unwrap();
        keep_both(drafts.0, drafts.1).unwrap_err();
        assert_eq!(there(folder.path()), new[..1]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_also_to_what_is_not_there_yet() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("deep")).unwrap();
        std::fs::write(path("deep/known"), "old").unwrap();
        let links = [("a", "deep/known"), ("b", "c"), ("c", "deep/d"), ("deep/d", "../made")];
        links.iter().for_each(|(link, to)| std::os::unix::fs::symlink(to, path(link)).unwrap());
        keep_both(draft(&path("a")), draft(&path("b"))).unwrap();
        for (file, link) in [("deep/known", "a"), ("made", "b")] {
            assert_eq!(std::fs::read_to_string(path(file)).unwrap(), "new\n");
            assert!(std::fs::symlink_metadata(path(link)).unwrap().is_symlink(), "{link}");
        }
        assert_eq!(Place::of(&path("a")).unwrap(), Place::of(&path("deep/known")).unwrap());
        std::os::unix::fs::symlink("round", path("round")).unwrap();
        assert!(Place::of(&path("round")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_written_into_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let pipe = path("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read_to_string(pipe).unwrap()
        });
        keep_both(draft(&path("leads")), draft(&pipe)).unwrap();
        assert_eq!(reader.join().unwrap(), "new\n");
        assert!(Place::of(&pipe).unwrap().is_stream(), "it is a pipe still");
        assert_eq!(there(folder.path()), [("leads".to_owned(), "new\n".to_owned())]);

        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        let error = Place::of(&path("socket")).unwrap_err().to_string();
        assert!(error.contains("/socket is neither a file nor a pipe"), "{error}");
    }

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
