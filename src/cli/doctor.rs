//! `max doctor`: every check a support engineer would make, each with a finding and a remedy. It changes nothing. The
//! CRM and Telegram are asked from here; the store is the daemon's while that runs, and is asked for over HTTP.

pub mod crm;
mod daemon;
mod disk;
mod telegram;

use std::process::ExitCode;

use serde::Serialize;

use super::ConfigFile;
use super::say::{complain, say};
use crate::app::people;
use crate::clock::Clock;
use crate::config::Config;
use crate::voice::Voice;

/// What to look into.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigFile,
    /// Print the findings as JSON.
    #[arg(long)]
    pub json: bool,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Worth knowing; may well be meant so.
    Note,
    /// Not as it should be.
    Problem,
    /// Could not be looked at, because of something before it.
    Skipped,
}

impl State {
    fn mark(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Note => "note",
            Self::Problem => "PROBLEM",
            Self::Skipped => "skipped",
        }
    }
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check, for machines: `crm.version`.
    pub check: String,
    /// How it came out.
    pub state: State,
    /// What was found, in words.
    pub found: String,
    /// What to do about it; empty when there is nothing to do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

impl Finding {
    fn new(check: &str, state: State, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check: check.to_owned(), state, found: found.into(), remedy: remedy.into() }
    }

    /// As it should be.
    pub fn ok(check: &str, found: impl Into<String>) -> Self {
        Self::new(check, State::Ok, found, "")
    }

    /// Worth knowing.
    pub fn note(check: &str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(check, State::Note, found, remedy)
    }

    /// Not as it should be.
    pub fn problem(check: &str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(check, State::Problem, found, remedy)
    }

    /// Could not be looked at.
    pub fn skipped(check: &str, why: impl Into<String>) -> Self {
        Self::new(check, State::Skipped, why, "")
    }
}

/// Looks into everything and prints what it found. Exit code 0: no problem; 1: some; 2: the configuration is at fault.
pub async fn run(args: &Args) -> ExitCode {
    let config = match Config::load(args.config.config.as_deref()) {
        Ok(config) => config,
        Err(mistakes) => {
            complain(format_args!("max: {mistakes}"));
            return ExitCode::from(2);
        }
    };
    let findings = examine(&config, &Clock::system()).await;
    let text = if args.json { as_json(&findings) } else { as_text(&findings) };
    let unsaid = say(text.trim_end()).err().filter(|unsaid| !unsaid.nobody_listens());
    if let Some(unsaid) = &unsaid {
        complain(format_args!("max: {unsaid}"));
    }
    let has_problem = findings.iter().any(|finding| finding.state == State::Problem);
    if has_problem || unsaid.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Every check, in the order in which one leads to the next.
pub async fn examine(config: &Config, clock: &Clock) -> Vec<Finding> {
    let mut findings = vec![words(config)];
    let meant = crm::Meant {
        public_url: &config.http.public_url,
        zone: config.calendar.zone(),
        archive_status: &config.leads.archive_status,
        active_statuses: config.rules.active_statuses.as_deref(),
    };
    findings.extend(crm::examine(&config.espocrm, &meant, clock.now()).await);
    findings.extend(telegram::examine(&config.telegram, &people(config)).await);
    findings.extend(daemon::examine(config, clock.now()).await);
    findings.push(disk::examine(&config.store.path));
    findings
}

fn words(config: &Config) -> Finding {
    const CHECK: &str = "config";
    match Voice::new(config.voice.templates.as_deref()) {
        Ok(_) => Finding::ok(CHECK, "in order"),
        Err(error) => Finding::problem(
            CHECK,
            error.to_string(),
            "mend that template, or remove it: the built-in one is used then",
        ),
    }
}

fn as_json(findings: &[Finding]) -> String {
    let problems = findings.iter().filter(|finding| finding.state == State::Problem).count();
    format!("{:#}\n", serde_json::json!({"problems": problems, "findings": findings}))
}

fn as_text(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
    let mut text = String::new();
    for Finding { check, state, found, remedy } in findings {
        text += &format!("{:<8} {check:<width$}  {found}\n", state.mark());
        if !remedy.is_empty() {
            text += &format!("{:<8} {:<width$}  → {remedy}\n", "", "");
        }
    }
    let problems = findings.iter().filter(|finding| finding.state == State::Problem).count();
    text += &match problems {
        0 => "No problem found.\n".to_owned(),
        1 => "1 problem.\n".to_owned(),
        many => format!("{many} problems.\n"),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_aligned_and_each_remedy_has_its_line() {
        let findings = [Finding::ok("config", "in order"), Finding::problem("crm.version", "8.4", "upgrade")];
        let text = as_text(&findings);
        assert_eq!(
            text,
            "OK       config       in order\nPROBLEM  crm.version  8.4\n                      → upgrade\n1 problem.\n"
        );
        let json: serde_json::Value = serde_json::from_str(&as_json(&findings)).unwrap();
        assert_eq!(json["problems"], 1);
        assert_eq!(json["findings"][1]["state"], "problem");
        assert!(json["findings"][0].get("remedy").is_none());
    }
}
