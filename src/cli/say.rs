//! What a command says. Printing as usual panics when it cannot; whether anybody listens must change neither what a
//! command does nor, where nobody does, its exit code.

use std::fmt::Display;
use std::io::{self, Write};

/// Standard output did not take what was said.
#[derive(Debug, thiserror::Error)]
#[error("standard output: {0}")]
pub struct Unsaid(io::Error);

impl Unsaid {
    /// Whoever read us has seen enough, as in `max kpi | head`.
    pub fn nobody_listens(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

/// Says a line, or several, on standard output.
///
/// # Errors
/// When it cannot be written.
pub fn say(text: impl Display) -> Result<(), Unsaid> {
    writeln!(io::stdout(), "{text}").map_err(Unsaid)
}

/// The same without an end of line, for questions that are answered behind them.
///
/// # Errors
/// When it cannot be written.
pub fn ask(text: impl Display) -> Result<(), Unsaid> {
    let mut out = io::stdout();
    write!(out, "{text}").and_then(|()| out.flush()).map_err(Unsaid)
}

/// Says a line, or several, on standard error. When that cannot be written, there is nobody left to be told.
pub fn complain(text: impl Display) {
    writeln!(io::stderr(), "{text}").ok();
}
