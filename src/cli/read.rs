//! `max read`: what M.A.X. reads in messages, one line each, for trying, for tests and for tuning.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::say::complain;
use crate::insight::reading::{Explained, explain};

/// Where the messages are.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Files with one message per line: a text, or {"id":…,"text":…}. None, or "-": standard input.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Why it ended early.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    /// What was asked, or what stands in a line, is wrong.
    #[error("{place}: {reason}")]
    Malformed { place: String, reason: String },
    /// Whoever was reading the output has gone.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

/// A message as NDJSON. Language and channel may stand there too; the reading needs neither.
#[derive(Deserialize)]
struct Message {
    id: Value,
    text: String,
    #[serde(default, rename = "lang")]
    _lang: Option<String>,
    #[serde(default, rename = "channel")]
    _channel: Option<String>,
}

/// A line of output; the order of its keys is part of the promise.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a Value,
    intent: bool,
    score: f64,
    category: &'static str,
    expects_reply: bool,
    auto_reply: bool,
    evidence: &'a [String],
}

/// Reads every message and prints its reading. Exit code 2, with the line's place, when one is malformed; what came
/// before it is printed.
pub fn run(args: &Args) -> ExitCode {
    match print_all(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(ReadError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("max read: {error}"));
            if matches!(error, ReadError::Malformed { .. }) { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

fn print_all(args: &Args) -> Result<(), ReadError> {
    let stdin = vec![PathBuf::from("-")];
    let mut count = 0;
    for file in if args.files.is_empty() { &stdin } else { &args.files } {
        if file.as_os_str() == "-" {
            print_each("standard input", io::stdin().lock(), &mut count)?;
        } else {
            let name = file.display().to_string();
            let opened = File::open(file);
            let opened =
                opened.map_err(|error| ReadError::Malformed { place: name.clone(), reason: error.to_string() })?;
            print_each(&name, BufReader::new(opened), &mut count)?;
        }
    }
    Ok(())
}

fn print_each(file: &str, mut lines: impl BufRead, count: &mut u64) -> Result<(), ReadError> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let malformed = |reason: String| ReadError::Malformed { place: format!("{file}:{number}"), reason };
        if lines.read_until(b'\n', &mut line).map_err(|error| malformed(error.to_string()))? == 0 {
            break;
        }
        *count += 1;
        let text = std::str::from_utf8(&line).map_err(|_| malformed("not UTF-8".to_owned()))?;
        let text = text.trim_start_matches('\u{feff}').trim();
        if !text.is_empty() {
            match message(text, *count) {
                Ok(message) => print(&mut out, &message.id, &explain(&message.text))?,
                Err(reason) => {
                    out.flush()?;
                    return Err(malformed(reason));
                }
            }
        }
    }
    Ok(out.flush()?)
}

/// A line that begins with a brace is NDJSON; any other is a message, its id is its number.
fn message(line: &str, number: u64) -> Result<Message, String> {
    if !line.starts_with('{') {
        return Ok(Message { id: Value::from(number), text: line.to_owned(), _lang: None, _channel: None });
    }
    let message: Message = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if message.id.is_string() || message.id.is_number() {
        Ok(message)
    } else {
        Err("id is neither a string nor a number".to_owned())
    }
}

fn print(out: &mut impl Write, id: &Value, found: &Explained) -> io::Result<()> {
    let Explained { reading, category, score, evidence } = found;
    let line = Line {
        id,
        intent: reading.intent,
        score: (f64::from(*score) * 1000.0).round() / 1000.0,
        category: category.as_str(),
        expects_reply: reading.expects_reply,
        auto_reply: reading.auto_reply,
        evidence,
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}
