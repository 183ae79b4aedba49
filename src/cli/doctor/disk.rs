//! Room for the store.

use std::path::Path;

use super::Finding;

/// Less than this, in bytes, is too little: sled rewrites what it holds.
const LITTLE: u64 = 512 * 1024 * 1024;

/// Looks at the file system that the store is on.
pub fn examine(path: &Path) -> Finding {
    const CHECK: &str = "store.disk";
    let Some(free) = free(path) else {
        return Finding::skipped(CHECK, "the system does not say how much room there is");
    };
    let megabytes = free / (1024 * 1024);
    if free >= LITTLE {
        return Finding::ok(CHECK, format!("{megabytes} MB free"));
    }
    Finding::problem(
        CHECK,
        format!("{megabytes} MB free at {}", path.display()),
        "make room, or move the store (stop the daemon, move the folder, change [store] path): a full disk stops M.A.X.",
    )
}

/// Bytes that this user may still write, at the first folder above that exists.
#[cfg(unix)]
fn free(path: &Path) -> Option<u64> {
    let path = std::path::absolute(path).ok()?;
    let folder = path.ancestors().find(|folder| folder.exists())?;
    let figures = rustix::fs::statvfs(folder).ok()?;
    Some(figures.f_bavail.saturating_mul(figures.f_frsize))
}

#[cfg(not(unix))]
fn free(_path: &Path) -> Option<u64> {
    None
}
