//! Asking the person at the terminal. What is secret is not shown while it is typed.

use std::io::{BufRead, IsTerminal, Write};

use console::Term;
use secrecy::SecretString;

use super::AskedWrongly;
use crate::cli::say;

/// The variable that holds the administrator's password for those who run this by script.
const PASSWORD: &str = "MAX_ADMIN_PASSWORD";

/// A name, from the terminal.
pub fn name(what: &str) -> anyhow::Result<String> {
    if !std::io::stdin().is_terminal() {
        return Err(AskedWrongly("who is the administrator? --admin NAME".to_owned()).into());
    }
    say::ask(format_args!("{what}: "))?;
    let name = line()?;
    if name.is_empty() {
        return Err(AskedWrongly("without a name there is no login".to_owned()).into());
    }
    Ok(name)
}

/// The password: from the environment, else typed unseen, else the first line of the standard input.
pub fn password(what: &str) -> anyhow::Result<SecretString> {
    if let Ok(password) = std::env::var(PASSWORD) {
        return Ok(password.into());
    }
    let password = if std::io::stdin().is_terminal() {
        write!(std::io::stderr(), "{what}: ")?;
        Term::stderr().read_secure_line()?
    } else {
        line()?
    };
    if password.is_empty() {
        return Err(AskedWrongly(format!("no password was given: type it, or set {PASSWORD}")).into());
    }
    Ok(password.into())
}

/// An API key, typed unseen; `None` without a terminal or an answer.
pub fn key() -> anyhow::Result<Option<SecretString>> {
    if !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    write!(std::io::stderr(), "The API key, to check all of it: ")?;
    let key = Term::stderr().read_secure_line()?;
    Ok(Some(key).filter(|key| !key.is_empty()).map(SecretString::from))
}

/// Whether the person agrees. Without a terminal nobody can.
pub fn yes(question: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Err(
            AskedWrongly("nobody is there to be asked: --yes does it, --dry-run only shows it".to_owned()).into()
        );
    }
    say::ask(format_args!("{question} [y/N] "))?;
    Ok(matches!(line()?.to_lowercase().as_str(), "y" | "yes" | "o" | "oui"))
}

/// Waits for Enter, when there is somebody to press it.
pub fn enter() -> anyhow::Result<()> {
    if std::io::stdin().is_terminal() {
        say::ask("    Enter when done. ")?;
        line()?;
    }
    Ok(())
}

/// One line of the standard input.
fn line() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}
