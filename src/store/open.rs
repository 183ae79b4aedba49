//! Opening sled 0.34 so that no crash leaves it unopenable, and flushing it so that power loss takes nothing.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be made or read.
    #[error("store folder {path}: {source}; create it and give this user the right to write there")]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error("store {0} is in use: another `max` runs on it; stop that one first, or name another [store] path")]
    InUse(PathBuf),
    /// It was written by a newer version.
    #[error(
        "store {path} has schema {found}, this version knows {known}: run the newer `max`, or move the folder aside and let a backfill rebuild it"
    )]
    Newer {
        /// Which folder.
        path: PathBuf,
        /// What is in it.
        found: u32,
        /// What we know.
        known: u32,
    },
    /// It was written by an earlier version, and is not to be changed.
    #[error("store {path} was written by an earlier version of M.A.X. (schema {found}, this version writes {known})")]
    Older {
        /// Which folder.
        path: PathBuf,
        /// What is in it.
        found: u32,
        /// What we write.
        known: u32,
    },
    /// sled says no.
    #[error(
        "store {path}: {source}; if the disk is sound, move the folder aside: everything but links and messages comes back from the CRM"
    )]
    Sled {
        /// Which folder.
        path: PathBuf,
        /// Why.
        source: sled::Error,
    },
    /// What is in it cannot be read.
    #[error("store {path}: {source}")]
    Content {
        /// Which folder.
        path: PathBuf,
        /// What.
        source: super::StoreError,
    },
}

/// sled's own lock lingers for a moment after a drop: how often, and how long apart, opening is tried.
const LOCK_TRIES: u32 = 20;
/// sled takes two to three times as much in the end.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// The file that every database of sled has.
const LOG: &str = "db";

/// Whether there is a database in the folder `path`.
pub(super) fn is_in(path: &Path) -> bool {
    path.join(LOG).exists()
}

/// Opens the database in `path`, mending what a kill may have left.
pub(super) fn open(path: &Path) -> Result<(sled::Db, File), OpenError> {
    let folder_error = |source| OpenError::Folder { path: path.to_owned(), source };
    fs::create_dir_all(path).map_err(folder_error)?;
    remove_unfinished_snapshots(path).map_err(folder_error)?;
    let db = match open_patiently(path) {
        Err(sled::Error::Corruption { .. }) => {
            set_snapshots_aside(path).map_err(folder_error)?;
            open_patiently(path)
        }
        other => other,
    };
    let db = db.map_err(|source| {
        if is_locked(&source) {
            OpenError::InUse(path.to_owned())
        } else {
            OpenError::Sled { path: path.to_owned(), source }
        }
    })?;
    let file = OpenOptions::new().read(true).write(true).open(path.join(LOG)).map_err(folder_error)?;
    Ok((db, file))
}

fn open_patiently(path: &Path) -> sled::Result<sled::Db> {
    let open = || sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None).open();
    for _ in 1..LOCK_TRIES {
        match open() {
            Err(error) if is_locked(&error) => std::thread::sleep(LOCK_PAUSE),
            other => return other,
        }
    }
    open()
}

fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(io) if io.kind() == std::io::ErrorKind::WouldBlock || io.to_string().contains("WouldBlock") || io.to_string().contains("acquire lock"))
}

/// A snapshot being written when the process was killed is named `snap.*.generating`; sled would read it as the
/// newest snapshot and find it corrupt. The log holds everything it would have held.
fn remove_unfinished_snapshots(path: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            tracing::warn!(file = %name, "store: removed a snapshot that a kill left unfinished");
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Moves damaged snapshots away; sled then rebuilds its index from the log.
fn set_snapshots_aside(path: &Path) -> std::io::Result<()> {
    let aside = path.join("damaged-snapshots");
    fs::create_dir_all(&aside)?;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with("snap.") {
            tracing::warn!(file = %name.to_string_lossy(), "store: set a damaged snapshot aside");
            fs::rename(entry.path(), aside.join(&name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truncated_snapshot_does_not_keep_the_store_shut() {
        let folder = tempfile::tempdir().unwrap();
        {
            let (db, _file) = open(folder.path()).unwrap();
            db.insert("a", "1").unwrap();
            db.flush().unwrap();
        }
        fs::write(folder.path().join("snap.FFFFFFFFFFFFFFFF.generating"), b"torn").unwrap();
        let (db, _file) = open(folder.path()).unwrap();
        assert_eq!(db.get("a").unwrap().as_deref(), Some("1".as_bytes()));
    }

    #[test]
    fn a_second_daemon_on_the_same_store_is_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let _first = open(folder.path()).unwrap();
        let error = open(folder.path()).err().unwrap();
        assert!(matches!(error, OpenError::InUse(_)), "{error}");
        assert!(error.to_string().contains("another `max` runs"));
    }
}
