//! Where the wordings come from: embedded files, replaced file by file from a folder of the user's. A manner has
//! the files of its language, and goes before them with its own. A file may hold several wordings of one thing, with
//! a line `---` between them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, Output, State, UndefinedBehavior, Value};
use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};

use super::{Lang, Manner, Wording, html, words};

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

/// Between two wordings of one file, on a line of its own.
const BETWEEN: &str = "---";
/// The folder of messages to leads.
const DRAFTS: &str = "drafts/";
/// The sections of the labels in which a text may have several wordings.
const SEVERAL: [&str; 3] = ["spoken", "closed", "opening"];

/// Short texts by section and key.
type Labels = BTreeMap<String, BTreeMap<String, Texts>>;

/// The wordings of one short text: at least one. In the file a text, or a list of texts.
#[derive(Clone, Debug)]
struct Texts(Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Wanted;
        impl<'de> Visitor<'de> for Wanted {
            type Value = Texts;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text, or a list of texts")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Texts, E> {
                Ok(Texts(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                if texts.is_empty() {
                    return Err(serde::de::Error::invalid_length(0, &"at least one text"));
                }
                Ok(Texts(texts))
            }
        }
        deserializer.deserialize_any(Wanted)
    }
}

/// One file of wordings.
#[derive(Debug)]
struct File {
    /// Where it lies.
    path: PathBuf,
    /// The lines at which its wordings begin, from 1.
    starts: Vec<usize>,
}

/// All that one manner says.
#[derive(Debug)]
pub struct Wordings {
    environment: Environment<'static>,
    files: BTreeMap<String, File>,
    labels: Labels,
}

impl Wordings {
    /// One manner's templates and labels, with the files of `own` in place of ours.
    pub fn load(manner: Manner, own: Option<&Path>) -> Result<Self, VoiceError> {
        let mut wordings = Self { environment: environment(), files: BTreeMap::new(), labels: labels(manner, own)? };
        for name in names(manner).into_iter().filter(|name| name != LABELS) {
            let (source, path) = source(manner, &name, own)?;
            wordings.add(manner, &name, &source, path)?;
        }
        Ok(wordings)
    }

    fn add(&mut self, manner: Manner, name: &str, source: &str, path: PathBuf) -> Result<(), VoiceError> {
        // A draft's wordings depend on what there is to say: they are told apart when they have been filled in.
        let wordings = if name.starts_with(DRAFTS) { vec![(1, source.to_owned())] } else { apart(source) };
        let starts = wordings.iter().map(|(start, _)| *start).collect();
        for (number, (_, source)) in wordings.into_iter().enumerate() {
            let source = spaced(manner, &source);
            let added = self.environment.add_template_owned(format!("{number}:{name}"), source);
            added.map_err(|error| Fault::from(error).at(path.clone()))?;
        }
        self.files.insert(name.to_owned(), File { path, starts });
        Ok(())
    }

    /// How many wordings a file has.
    pub fn count(&self, name: &str) -> usize {
        self.files.get(name).map_or(1, |file| file.starts.len())
    }

    /// How many wordings there are of what has most.
    pub fn most(&self) -> usize {
        let texts = self.labels.values().flat_map(BTreeMap::values).map(|texts| texts.0.len());
        self.files.values().map(|file| file.starts.len()).chain(texts).max().unwrap_or(1)
    }

    /// Which of a file's wordings this is, from 0.
    pub fn number(&self, name: &str, wording: Wording) -> usize {
        wording.0 as usize % self.count(name)
    }

    /// A file's wording with these values in it.
    pub fn render(&self, name: &str, wording: Wording, values: &Value) -> Result<String, Error> {
        self.environment.get_template(&format!("{}:{name}", self.number(name, wording)))?.render(values)
    }

    /// A short text; its key when there is none, which a test rules out.
    pub fn label(&self, section: &str, key: &str, wording: Wording) -> String {
        let texts = self.labels.get(section).and_then(|texts| texts.get(key));
        texts.map_or_else(|| key.to_owned(), |Texts(texts)| texts[wording.0 as usize % texts.len()].clone())
    }

    /// Every short text: section, key, number from 0, text.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str, usize, &str)> {
        self.labels.iter().flat_map(|(section, texts)| {
            texts.iter().flat_map(move |(key, Texts(texts))| {
                texts.iter().enumerate().map(move |(number, text)| (&**section, &**key, number, &**text))
            })
        })
    }

    /// What is wrong with one wording of a file as a whole.
    pub fn fault(&self, name: &str, wording: Wording, detail: String) -> Fault {
        let starts = self.files.get(name).map(|file| file.starts.as_slice()).unwrap_or_default();
        let line = starts.get(self.number(name, wording)).copied().unwrap_or(1);
        Fault { name: name.to_owned(), line, detail }
    }

    /// The same as an error that names the file.
    pub fn error(&self, fault: Fault) -> VoiceError {
        let path = self.files.get(&fault.name).map_or_else(|| PathBuf::from(&fault.name), |file| file.path.clone());
        fault.at(path)
    }
}

/// The source of a template and where it lies: of a manner's folders the last one that has it, and in each the user's
/// before ours.
fn source(manner: Manner, name: &str, own: Option<&Path>) -> Result<(String, PathBuf), VoiceError> {
    let (mut source, mut path) = (String::new(), PathBuf::from(name));
    for folder in folders(manner) {
        let theirs = own.map(|own| own.join(folder).join(name));
        if let Some(text) = theirs.as_deref().map(read_if_there).transpose()?.flatten() {
            (source, path) = (text, theirs.unwrap_or_default());
        } else if let Some(text) = embedded(folder, name) {
            (source, path) = (text.to_owned(), Path::new("templates/voice").join(folder).join(name));
        }
    }
    Ok((source, path))
}

/// The wordings of a file, each with the line at which it begins. Empty lines stand for what is before it, so that
/// lines are counted in the file; nobody reads them, for the ends of a text are trimmed.
fn apart(source: &str) -> Vec<(usize, String)> {
    // An editor's byte order mark and line ends are not part of what is said.
    let source = source.trim_start_matches('\u{FEFF}').replace("\r\n", "\n");
    let mut wordings = vec![(1, String::new())];
    for (index, line) in source.lines().enumerate() {
        if line.trim_end() == BETWEEN {
            wordings.push((index + 2, "\n".repeat(index + 1)));
        } else if let Some((_, wording)) = wordings.last_mut() {
            wording.push_str(line);
            wording.push('\n');
        }
    }
    wordings
}

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
    for text in labels.values_mut().flat_map(BTreeMap::values_mut).flat_map(|Texts(texts)| texts) {
        *text = spaced(manner, text);
    }
    Ok(labels)
}

fn spaced(manner: Manner, source: &str) -> String {
    match manner.lang() {
        Lang::Fr => words::french_spaces(source),
        Lang::En => source.to_owned(),
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
    let several = |(section, texts): &(&String, &BTreeMap<String, Texts>)| {
        let more = texts.iter().find(|(_, texts)| texts.0.len() > 1).map(|(key, _)| key.clone());
        more.filter(|_| !SEVERAL.contains(&section.as_str()))
    };
    if let Some((section, key)) = labels.iter().find_map(|entry| Some((entry.0, several(&entry)?))) {
        return Err(broken(line_of(source, &key), format!("`{key}` in [{section}] is one text, not several")));
    }
    let Some(known) = known else { return Ok(labels) };
    for (section, texts) in &labels {
        let ours = known.get(section);
        if ours.is_none() {
            return Err(broken(line_of(source, &format!("[{section}]")), format!("there is no section [{section}]")));
        }
        if let Some(key) = texts.keys().find(|key| ours.is_none_or(|ours| !ours.contains_key(*key))) {
            return Err(broken(line_of(source, key), format!("there is no `{key}` in [{section}]")));
        }
        let is_said = |key: &str| ours.and_then(|ours| ours.get(key)).is_some_and(|Texts(ours)| !ours[0].is_empty());
        let is_blank = |texts: &Texts| texts.0.iter().any(|text| text.trim().is_empty());
        if let Some((key, _)) = texts.iter().find(|(key, texts)| is_blank(texts) && is_said(key)) {
            return Err(broken(line_of(source, key), format!("`{key}` in [{section}] is empty")));
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
    fn at(self, path: PathBuf) -> VoiceError {
        VoiceError::Broken { path, line: self.line, detail: self.detail }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let detail =
            error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
        let name = error.name().unwrap_or_default();
        let name = name.split_once(':').map_or(name, |(_, name)| name).to_owned();
        Self { name, line: error.line().unwrap_or(1), detail }
    }
}
