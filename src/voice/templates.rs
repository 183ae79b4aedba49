//! Where the wordings come from: embedded files, replaced file by file from a folder of the user's. Both
//! languages have the same files, or this does not compile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, Output, State, UndefinedBehavior, Value};

use super::{Lang, html, words};

/// The file of short texts, beside the templates.
pub const LABELS: &str = "labels.toml";

macro_rules! embedded {
    ($($name:literal,)+) => {
        const FRENCH: &[(&str, &str)] =
            &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/voice/fr/", $name))),)+];
        const ENGLISH: &[(&str, &str)] =
            &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/voice/en/", $name))),)+];
    };
}

embedded! {
    "labels.toml",
    "alert.html.j2",
    "closed.html.j2",
    "snoozed.html.j2",
    "digest.html.j2",
    "draft.html.j2",
    "headlines/hot_lead.txt.j2",
    "headlines/awaiting_reply.txt.j2",
    "headlines/no_contact.txt.j2",
    "headlines/stale_lead.txt.j2",
    "headlines/no_followup.txt.j2",
    "headlines/no_reply.txt.j2",
    "headlines/preferred_channel.txt.j2",
    "headlines/group.txt.j2",
    "evidence/hot_lead.txt.j2",
    "evidence/awaiting_reply.txt.j2",
    "evidence/no_contact.txt.j2",
    "evidence/stale_lead.txt.j2",
    "evidence/no_followup.txt.j2",
    "evidence/no_reply.txt.j2",
    "evidence/preferred_channel.txt.j2",
    "reasons/hot_lead.txt.j2",
    "reasons/awaiting_reply.txt.j2",
    "reasons/no_contact.txt.j2",
    "reasons/stale_lead.txt.j2",
    "reasons/no_followup.txt.j2",
    "reasons/no_reply.txt.j2",
    "reasons/preferred_channel.txt.j2",
    "records/hot_lead.txt.j2",
    "records/awaiting_reply.txt.j2",
    "records/no_contact.txt.j2",
    "records/stale_lead.txt.j2",
    "records/no_followup.txt.j2",
    "records/no_reply.txt.j2",
    "records/preferred_channel.txt.j2",
    "drafts/hot_lead.txt.j2",
    "drafts/awaiting_reply.txt.j2",
    "drafts/no_contact.txt.j2",
    "drafts/stale_lead.txt.j2",
    "drafts/no_followup.txt.j2",
    "drafts/no_reply.txt.j2",
    "drafts/preferred_channel.txt.j2",
    "frames/whatsapp.txt.j2",
    "frames/email.txt.j2",
    "frames/call.txt.j2",
    "notices/welcome.html.j2",
    "notices/sync_stopped.html.j2",
    "notices/sync_resumed.html.j2",
    "notices/not_linked.html.j2",
    "notices/link_expired.html.j2",
    "notices/link_later.html.j2",
    "notices/unlinked.html.j2",
    "notices/help.html.j2",
    "notices/unknown.html.j2",
    "notices/all_clear.html.j2",
    "toasts/resolved.txt.j2",
    "toasts/snoozed.txt.j2",
    "toasts/sent.txt.j2",
    "toasts/already_handled.txt.j2",
    "toasts/already_closed.txt.j2",
    "toasts/draft_coming.txt.j2",
    "toasts/stale.txt.j2",
    "toasts/not_yours.txt.j2",
    "toasts/not_allowed.txt.j2",
    "toasts/cannot_ask.txt.j2",
    "toasts/try_again.txt.j2",
}

/// Why the user's own wordings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VoiceError {
    /// The folder, or a file in it, cannot be read.
    #[error("cannot read `{}`: {source}; give M.A.X. the right to read it, or correct [voice] templates", path.display())]
    Unreadable {
        /// What.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that is none of ours: most likely a misspelt name.
    #[error("`{}` replaces nothing: M.A.X. has no wording of that name; did you mean `{nearest}`? Rename or delete it", path.display())]
    UnknownFile {
        /// Which.
        path: PathBuf,
        /// The name most like it.
        nearest: String,
    },
    /// A file that does not work.
    #[error("`{}`, line {line}: {detail}; correct it, or delete the file to get M.A.X.'s own wording back", path.display())]
    Broken {
        /// Which.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// Why.
        detail: String,
    },
}

fn embedded(lang: Lang) -> &'static [(&'static str, &'static str)] {
    match lang {
        Lang::Fr => FRENCH,
        Lang::En => ENGLISH,
    }
}

/// Short texts by section and key.
pub type Labels = BTreeMap<String, BTreeMap<String, String>>;

/// One language's templates and labels, with the files of `folder` in place of ours.
pub fn load(lang: Lang, folder: Option<&Path>) -> Result<(Environment<'static>, Labels), VoiceError> {
    let mut environment = environment();
    let mut labels = Labels::new();
    for (name, source) in embedded(lang) {
        let path = folder.map(|folder| folder.join(lang.as_str()).join(name));
        let own = path.as_deref().map(read_if_there).transpose()?.flatten();
        if *name == LABELS {
            labels = read_labels(source, None, Path::new(LABELS))?;
            if let (Some(own), Some(path)) = (own, path) {
                let theirs = read_labels(&own, Some(&labels), &path)?;
                for (section, texts) in theirs {
                    labels.entry(section).or_default().extend(texts);
                }
            }
            continue;
        }
        let source = spaced(lang, own.as_deref().unwrap_or(source));
        environment.add_template_owned(*name, source).map_err(|error| Fault::from(error).at(name, path.as_deref()))?;
    }
    if lang == Lang::Fr {
        let texts = labels.values_mut().flat_map(BTreeMap::values_mut);
        texts.for_each(|text| *text = words::french_spaces(text));
    }
    Ok((environment, labels))
}

fn spaced(lang: Lang, source: &str) -> String {
    // An editor's byte order mark and line ends are not part of what is said.
    let source = source.trim_start_matches('\u{FEFF}').replace("\r\n", "\n");
    match lang {
        Lang::Fr => words::french_spaces(&source),
        Lang::En => source,
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.unwrap_or_default());
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_formatter(write_value);
    environment.add_filter("de", |name: &str| words::de(name));
    environment
}

/// Escapes in `*.html.j2` what Telegram wants escaped, and no more: it knows only four named entities.
fn write_value(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    match state.auto_escape() {
        AutoEscape::Html if !value.is_safe() => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            out.write_str(&html::escape(&text)).map_err(Error::from)
        }
        _ => minijinja::escape_formatter(out, state, value),
    }
}

fn read_if_there(path: &Path) -> Result<Option<String>, VoiceError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(VoiceError::Unreadable { path: path.to_owned(), source }),
    }
}

/// Reads labels; with `known`, those of a user, who may replace some but not invent any.
fn read_labels(source: &str, known: Option<&Labels>, path: &Path) -> Result<Labels, VoiceError> {
    let broken = |line: usize, detail: String| VoiceError::Broken { path: path.to_owned(), line, detail };
    let labels: Labels = toml::from_str(source.trim_start_matches('\u{FEFF}')).map_err(|error| {
        let line = error.span().map_or(1, |span| line_at(source, span.start));
        broken(line, error.message().to_owned())
    })?;
    let Some(known) = known else { return Ok(labels) };
    for (section, texts) in &labels {
        let ours = known.get(section);
        if ours.is_none() {
            return Err(broken(line_of(source, &format!("[{section}]")), format!("there is no section [{section}]")));
        }
        if let Some(key) = texts.keys().find(|key| ours.is_none_or(|ours| !ours.contains_key(*key))) {
            return Err(broken(line_of(source, key), format!("there is no `{key}` in [{section}]")));
        }
    }
    Ok(labels)
}

fn line_at(source: &str, byte: usize) -> usize {
    source.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}

fn line_of(source: &str, start: &str) -> usize {
    source.lines().position(|line| line.trim_start().trim_start_matches('"').starts_with(start)).map_or(1, |at| at + 1)
}

/// Refuses files that replace nothing, so that a misspelt name does not go unnoticed. Other kinds of files
/// (notes, backups) are left alone.
pub fn check_folder(folder: &Path) -> Result<(), VoiceError> {
    list(folder)?;
    for lang in Lang::ALL {
        let root = folder.join(lang.as_str());
        if !root.is_dir() {
            continue;
        }
        let mut folders = vec![root.clone()];
        while let Some(current) = folders.pop() {
            for path in list(&current)? {
                if path.is_dir() {
                    folders.push(path);
                } else {
                    check_name(&root, &path, lang)?;
                }
            }
        }
    }
    Ok(())
}

fn check_name(root: &Path, path: &Path, lang: Lang) -> Result<(), VoiceError> {
    let parts = path.strip_prefix(root).unwrap_or(path).components();
    let name = parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
    let is_wording = name.ends_with(".j2") || name.ends_with(".toml");
    if !is_wording || embedded(lang).iter().any(|(known, _)| *known == name) {
        return Ok(());
    }
    let nearest = embedded(lang).iter().map(|(known, _)| *known).max_by_key(|known| likeness(known, &name));
    Err(VoiceError::UnknownFile { path: path.to_owned(), nearest: nearest.unwrap_or(LABELS).to_owned() })
}

/// How many characters two names share at their beginnings and ends.
fn likeness(one: &str, other: &str) -> usize {
    let same = |pair: &(char, char)| pair.0 == pair.1;
    let start = one.chars().zip(other.chars()).take_while(same).count();
    let end = one.chars().rev().zip(other.chars().rev()).take_while(same).count();
    start + end
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, VoiceError> {
    let unreadable = |source| VoiceError::Unreadable { path: folder.to_owned(), source };
    let entries = std::fs::read_dir(folder).map_err(unreadable)?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(unreadable)).collect()
}

/// What is wrong with a wording, and where.
#[derive(Debug)]
pub struct Fault {
    name: String,
    line: usize,
    detail: String,
}

impl Fault {
    /// A fault of the whole file `name`.
    pub fn new(name: &str, detail: String) -> Self {
        Self { name: name.to_owned(), line: 1, detail }
    }

    /// The same as an error about the user's folder.
    pub fn into_error(self, folder: &Path, lang: Lang) -> VoiceError {
        let path = folder.join(lang.as_str()).join(&self.name);
        VoiceError::Broken { path, line: self.line, detail: self.detail }
    }

    fn at(self, name: &str, path: Option<&Path>) -> VoiceError {
        let path = path.map_or_else(|| PathBuf::from(name), Path::to_owned);
        VoiceError::Broken { path, line: self.line, detail: self.detail }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let detail =
            error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
        Self { name: error.name().unwrap_or_default().to_owned(), line: error.line().unwrap_or(1), detail }
    }
}
