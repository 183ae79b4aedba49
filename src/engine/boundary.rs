//! Labelled boundaries: the places between which a crash must cost nothing. A test names one in the
//! environment; the process then halts there until it is killed.

use std::sync::OnceLock;

/// The variable that names the boundary to halt at. Nobody sets it but the crash test.
pub const VARIABLE: &str = "MAX_HALT_AT";

/// Every boundary, in the order in which a story passes them.
pub const ALL: [&str; 12] = [
    "hint-stored",
    "facts-written",
    "before-commit",
    "after-commit",
    "crm-before-write",
    "crm-after-write",
    "crm-recorded",
    "telegram-before-send",
    "telegram-after-send",
    "telegram-recorded",
    "tap-before-commit",
    "tap-after-commit",
];

/// Passes a boundary. Halts for ever, after saying so on standard error, when it is the one to halt at.
pub fn pass(label: &'static str) {
    static HALT_AT: OnceLock<Option<String>> = OnceLock::new();
    debug_assert!(ALL.contains(&label), "{label} is not listed");
    let halt_at = HALT_AT.get_or_init(|| std::env::var(VARIABLE).ok());
    if halt_at.as_deref() == Some(label) {
        eprintln!("halted at {label}");
        loop {
            std::thread::park();
        }
    }
}
