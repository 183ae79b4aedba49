//! Labelled boundaries: the places between which a crash must cost nothing. A test names one in the
//! environment; the process then halts there until it is killed.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The variable that names the boundary to halt at, such as `after-commit`, or `after-commit:3` for the third time
/// that it is passed. Nobody sets it but the crash test.
pub const VARIABLE: &str = "MAX_HALT_AT";

/// Every boundary, in the order in which a story passes them.
pub const ALL: [&str; 15] = [
    "hint-stored",
    "facts-written",
    "before-commit",
    "after-commit",
    "crm-before-write",
    "crm-after-write",
    "crm-recorded",
    "mail-before-send",
    "mail-after-send",
    "telegram-before-send",
    "telegram-after-send",
    "telegram-recorded",
    "update-stored",
    "tap-before-commit",
    "tap-after-commit",
];

/// Passes a boundary. Halts for ever, after saying so on standard error, when it is the one to halt at.
pub fn pass(label: &'static str) {
    static HALT_AT: OnceLock<Option<(String, u32)>> = OnceLock::new();
    static PASSED: AtomicU32 = AtomicU32::new(0);
    debug_assert!(ALL.contains(&label), "{label} is not listed");
    let halt_at = HALT_AT.get_or_init(|| std::env::var(VARIABLE).ok().map(parse));
    let Some((_, time)) = halt_at.as_ref().filter(|(name, _)| name == label) else { return };
    if PASSED.fetch_add(1, Ordering::SeqCst) + 1 >= *time {
        eprintln!("halted at {label}");
        loop {
            std::thread::park();
        }
    }
}

/// The boundary, and at which time of passing it to halt, from 1.
fn parse(text: String) -> (String, u32) {
    let parts = text.split_once(':').and_then(|(label, time)| Some((label.to_owned(), time.parse().ok()?)));
    parts.unwrap_or((text, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_is_named_alone_or_with_the_time_of_its_passing() {
        assert_eq!(parse("after-commit".to_owned()), ("after-commit".to_owned(), 1));
        assert_eq!(parse("after-commit:3".to_owned()), ("after-commit".to_owned(), 3));
    }
}
