//! `max backtest` on small recordings: the output byte for byte, and every way in which a file can be wrong.

use std::path::PathBuf;

use clap::Parser;
use max::cli::backtest::{Args, backtest};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

/// Two files and perhaps a configuration.
struct Files {
    dir: tempfile::TempDir,
    more: Vec<String>,
}

impl Files {
    fn new(leads: impl AsRef<[u8]>, activities: impl AsRef<[u8]>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("leads.ndjson"), leads).unwrap();
        std::fs::write(dir.path().join("activities.ndjson"), activities).unwrap();
        Self { dir, more: Vec::new() }
    }

    fn config(mut self, text: &str) -> Self {
        std::fs::write(self.path("max.toml"), text).unwrap();
        self.more.extend(["--config".to_owned(), self.path("max.toml").display().to_string()]);
        self
    }

    fn summary(mut self) -> Self {
        self.more.push("--summary".to_owned());
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The output, or the error with the folder's name taken out.
    fn run(&self, from: &str, to: &str) -> Result<String, String> {
        let (leads, activities) = (self.path("leads.ndjson"), self.path("activities.ndjson"));
        let mut line = vec!["max".to_owned(), format!("--from={from}"), format!("--to={to}")];
        line.extend(["--leads".to_owned(), leads.display().to_string()]);
        line.extend(["--activities".to_owned(), activities.display().to_string()]);
        line.extend(self.more.iter().cloned());
        let args = Cli::try_parse_from(line).map_err(|error| error.to_string())?.args;
        let mut out = Vec::new();
        let result = backtest(&args, &mut out);
        let folder = format!("{}/", self.dir.path().display());
        match result {
            Ok(()) => Ok(String::from_utf8(out).unwrap()),
            Err(error) => {
                assert_eq!(out, b"", "nothing is printed before everything has been read");
                Err(error.to_string().replace(&folder, ""))
            }
        }
    }
}

const SOPHIE: &str = r#"{"id":"l1","name":"Sophie","status":"New","created_at":"2026-02-20T09:00:00Z","owner":"rep"}"#;

fn out(id: &str, at: &str) -> String {
    format!(
        r#"{{"id":"{id}","lead_id":"l1","channel":"email","direction":"out","status":"sent","message_preview":"Bonjour","timestamp":"{at}"}}"#
    )
}

fn inbound(id: &str, at: &str, more: &str) -> String {
    format!(
        r#"{{"id":"{id}","lead_id":"l1","channel":"email","direction":"in","status":"sent","timestamp":"{at}","intent":false,"expects_reply":false,"auto_reply":false{more}}}"#
    )
}

#[test]
fn the_example_of_the_specification() {
    let activities = [out("a1", "2026-03-01T09:00:00Z"), inbound("a2", "2026-03-05T10:12:00Z", "")].join("\n");
    let printed = Files::new(SOPHIE, activities).run("2026-03-01T00:00:00Z", "2026-03-06T00:00:00Z").unwrap();
    assert_eq!(
        printed,
        concat!(
            r#"{"at":"2026-03-01T00:00:00Z","event":"opened","lead_id":"l1","type":"NoContact7d","severity":"medium","anchor":"2026-02-20T09:00:00Z"}"#,
            "\n",
            r#"{"at":"2026-03-01T09:00:00Z","event":"closed","lead_id":"l1","type":"NoContact7d","severity":"medium","anchor":"2026-02-20T09:00:00Z","reason":"cleared"}"#,
            "\n",
            r#"{"at":"2026-03-04T09:00:00Z","event":"opened","lead_id":"l1","type":"NoReply3d","severity":"medium","anchor":"2026-03-01T09:00:00Z"}"#,
            "\n",
            r#"{"at":"2026-03-05T10:12:00Z","event":"closed","lead_id":"l1","type":"NoReply3d","severity":"medium","anchor":"2026-03-01T09:00:00Z","reason":"cleared"}"#,
            "\n",
        )
    );
}

#[test]
#[ignore]
fn odd() {
    for text in [
        "2026-03-01 09:00:00Z",
        "2026-03-01t09:00:00z",
        "2026-03-01T09:00:00+0100",
        "2026-03-01T09:00:00\u{2212}01:00",
        "2026-03-01T09:00:00+24:00",
        "2026-03-01T09:00:00-00:00",
        "2026-03-01T9:00:00Z",
        "2026-03-01T09:00:00.Z",
        "2026-03-01T24:00:00Z",
        "+2026-03-01T09:00:00Z",
        " 2026-03-01T09:00:00Z",
        "2026-03-01T09:00:00Z ",
        "2026-03-01T09:00:00,5Z",
        "2026-03-01T09:00:00 Z",
        "2026-03-01_09:00:00Z",
        "2026-03-01T09:00:00.123456789123Z",
        "2026-03-01T09:00:00+23:59",
        "2026-03-01T09:00:00+01:60",
        "0000-01-01T00:00:00+01:00",
        "2026-02-30T00:00:00Z",
        "2026-06-30T23:59:60Z",
        "2026-06-30T23:59:60.5+02:00",
        "2026-06-30T23:59:59.999999999999Z",
    ] {
        println!("{text}: {:?}", max::domain::Timestamp::parse_rfc3339(text).map(|t| t.to_string()));
    }
}
