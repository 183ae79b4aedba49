//! `max voice`: shows everything M.A.X. can say, with sample data in it, and fails on a wording that breaks.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::domain::{Lang, Manner};
use crate::voice::Voice;

/// What to show.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// In this language only: fr or en.
    #[arg(long, value_parser = ["fr", "en"])]
    pub lang: Option<String>,
    /// As somebody who is not called "tu" reads it (French).
    #[arg(long)]
    pub formal: bool,
    /// With the wordings of this folder in place of ours: what `[voice] templates` names.
    #[arg(long, value_name = "FOLDER")]
    pub templates: Option<PathBuf>,
    /// Only what begins so, such as `headlines/no_reply` or `toasts`.
    #[arg(long, value_name = "NAME")]
    pub only: Option<String>,
}

/// Nothing begins as `--only` asks.
#[derive(Debug, thiserror::Error)]
#[error("no wording begins with `{0}`; leave `--only` away to see all of them")]
pub struct NoSuchWording(String);

/// Shows every wording, each with every text that the samples make of it.
///
/// # Errors
/// When a wording breaks, says nothing, is too long or would be refused by Telegram; when there is none of that name.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let voice = Voice::new(args.templates.as_deref())?;
    let only = args.only.as_deref().unwrap_or_default();
    let mut books = Vec::new();
    for manner in manners(args) {
        let mut book: Book = BTreeMap::new();
        for said in voice.said(manner)?.into_iter().filter(|said| said.file.starts_with(only)) {
            let texts = book.entry((said.file, said.number)).or_default();
            if !texts.iter().any(|(_, text)| *text == said.text) {
                texts.push((said.sample, said.text));
            }
        }
        books.push((manner, book));
    }
    if books.iter().all(|(_, book)| book.is_empty()) {
        return Err(NoSuchWording(only.to_owned()).into());
    }
    match print(&books, &mut io::stdout().lock()) {
        // Whoever pages through it may stop reading.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

/// By file and number of the wording: samples, and what is said with them.
type Book = BTreeMap<(String, usize), Vec<(&'static str, String)>>;

fn manners(args: &Args) -> Vec<Manner> {
    match (args.lang.as_deref(), args.formal) {
        (None, false) => Manner::ALL.to_vec(),
        (Some("en"), _) => vec![Manner::of(Lang::En, args.formal)],
        (Some(_) | None, formal) => vec![Manner::of(Lang::Fr, formal)],
    }
}

fn print(books: &[(Manner, Book)], out: &mut impl Write) -> io::Result<()> {
    for (manner, book) in books {
        for ((file, number), texts) in book {
            writeln!(out, "{}/{file} {number}", manner.as_str())?;
            for (sample, text) in texts {
                let text = text.replace('\n', "\n        ");
                let mark = if sample.is_empty() { String::new() } else { format!("[{sample}] ") };
                writeln!(out, "    {mark}{text}")?;
            }
        }
    }
    out.flush()
}
