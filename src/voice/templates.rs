//! Where the wordings come from: embedded files, replaced file by file from a folder of the user's. A manner has
//! the files of its language, and goes before them with its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, Output, State, UndefinedBehavior, Value};

use super::{Lang, Manner, html, words};

/// The file of short texts, beside the templates.
pub const LABELS: &str = "labels.toml";

static WORDINGS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates/voice");

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

/// Short texts by section and key.
pub type Labels = BTreeMap<String, BTreeMap<String, String>>;

/// The folders of a manner: the first holds every file, what the next ones hold goes before it.
fn folders(manner: Manner) -> &'static [&'static str] {
    match manner {
        Manner::Tu => &["fr"],
        Manner::Vous => &["fr", "fr-vous"],
        Manner::English => &["en"],
    }
}

/// The names of every wording, in the order of their names.
fn names(manner: Manner) -> Vec<String> {
    let mut names = Vec::new();
    if let Some(folder) = folders(manner).first().and_then(|folder| WORDINGS.get_dir(folder)) {
        gather(folder, folder.path(), &mut names);
    }
    names
}

fn gather(folder: &Dir<'_>, root: &Path, names: &mut Vec<String>) {
    names.extend(folder.files().filter_map(|file| Some(file.path().strip_prefix(root).ok()?.to_string_lossy().into())));
    folder.dirs().for_each(|folder| gather(folder, root, names));
}

/// A wording as it stands in one of our folders.
fn embedded(folder: &str, name: &str) -> Option<&'static str> {
    WORDINGS.get_file(format!("{folder}/{name}"))?.contents_utf8()
}

/// One manner's templates and labels, with the files of `own` in place of ours.
pub fn load(manner: Manner, own: Option<&Path>) -> Result<(Environment<'static>, Labels), VoiceError> {
    let mut environment = environment();
    for name in names(manner).into_iter().filter(|name| name != LABELS) {
        let (mut source, mut path) = (None, None);
        for folder in folders(manner) {
            let file = own.map(|own| own.join(folder).join(&name));
            match file.as_deref().map(read_if_there).transpose()?.flatten() {
                Some(theirs) => (source, path) = (Some(theirs), file),
                None => source = embedded(folder, &name).map(str::to_owned).or(source),
            }
        }
        let source = spaced(manner, &source.unwrap_or_default());
        environment
            .add_template_owned(name.clone(), source)
            .map_err(|error| Fault::from(error).at(&name, path.as_deref()))?;
    }
    Ok((environment, labels(manner, own)?))
}

fn labels(manner: Manner, own: Option<&Path>) -> Result<Labels, VoiceError> {
    let mut labels = Labels::new();
    let mut replace = |theirs: Labels| {
        for (section, texts) in theirs {
            labels.entry(section).or_default().extend(texts);
        }
    };
    let mut known = Labels::new();
    for folder in folders(manner) {
        if let Some(source) = embedded(folder, LABELS) {
            let ours = read_labels(source, None, Path::new(LABELS))?;
            if known.is_empty() {
                known = ours.clone();
            }
            replace(ours);
        }
        let Some(path) = own.map(|own| own.join(folder).join(LABELS)) else { continue };
        if let Some(source) = read_if_there(&path)? {
            replace(read_labels(&source, Some(&known), &path)?);
        }
    }
    if manner.lang() == Lang::Fr {
        let texts = labels.values_mut().flat_map(BTreeMap::values_mut);
        texts.for_each(|text| *text = words::french_spaces(text));
    }
    Ok(labels)
}

fn spaced(manner: Manner, source: &str) -> String {
    // An editor's byte order mark and line ends are not part of what is said.
    let source = source.trim_start_matches('\u{FEFF}').replace("\r\n", "\n");
    match manner.lang() {
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
    for manner in Manner::ALL {
        let root = folder.join(manner.as_str());
        if !root.is_dir() {
            continue;
        }
        let mut folders = vec![root.clone()];
        while let Some(current) = folders.pop() {
            for path in list(&current)? {
                if path.is_dir() {
                    folders.push(path);
                } else {
                    check_name(&root, &path, manner)?;
                }
            }
        }
    }
    Ok(())
}

fn check_name(root: &Path, path: &Path, manner: Manner) -> Result<(), VoiceError> {
    let parts = path.strip_prefix(root).unwrap_or(path).components();
    let name = parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
    let is_wording = name.ends_with(".j2") || name.ends_with(".toml");
    let all = names(manner);
    if !is_wording || all.contains(&name) {
        return Ok(());
    }
    let nearest = all.into_iter().max_by_key(|known| likeness(known, &name));
    Err(VoiceError::UnknownFile { path: path.to_owned(), nearest: nearest.unwrap_or_else(|| LABELS.to_owned()) })
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
    pub fn into_error(self, folder: &Path, manner: Manner) -> VoiceError {
        let path = folder.join(manner.as_str()).join(&self.name);
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
