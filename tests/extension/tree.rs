//! The extension as it is packed, the rules of what may lie where, and the fields of its entities.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};

use serde_json::{Map, Value};

/// Where our PHP and our resources go.
pub const MODULE: &str = "files/custom/Espo/Modules/Max";

/// Where our client code goes.
pub const CLIENT: &str = "files/client/custom/modules/max";

/// The languages the extension speaks.
pub const LANGUAGES: [&str; 2] = ["en_US", "fr_FR"];

/// The kinds of metadata that EspoCRM reads and we use or could use.
const METADATA: [&str; 15] = [
    "aclDefs",
    "app",
    "clientDefs",
    "dashlets",
    "entityAcl",
    "entityDefs",
    "fields",
    "integrations",
    "jobs",
    "logicDefs",
    "notificationDefs",
    "recordDefs",
    "scopes",
    "selectDefs",
    "streamDefs",
];

/// Folders of classes.
const CLASSES: [&str; 8] = ["Api", "Classes", "Controllers", "Entities", "Hooks", "Jobs", "Repositories", "Tools"];

/// Scripts that EspoCRM runs.
const SCRIPTS: [&str; 4] = ["BeforeInstall", "AfterInstall", "BeforeUninstall", "AfterUninstall"];

/// The packed files by their path in the archive.
pub struct Tree(BTreeMap<String, String>);

impl Tree {
    /// What `max extension` packs.
    pub fn packed() -> Self {
        let bytes = max::espo::extension::archive().unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let count = archive.len();
        let read = |index: usize| {
            let mut file = archive.by_index(index).unwrap();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            (file.name().unwrap().into_owned(), text)
        };
        Self((0..count).map(read).collect())
    }

    /// The paths with that beginning and that end, in order.
    pub fn paths(&self, beginning: &str, end: &str) -> Vec<String> {
        self.0.keys().filter(|path| path.starts_with(beginning) && path.ends_with(end)).cloned().collect()
    }

    /// A file's text; nothing when there is no such file.
    pub fn text(&self, path: &str) -> &str {
        self.0.get(path).map_or("", String::as_str)
    }

    /// Whether the file is there.
    pub fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// A file as JSON; null when it is not there or malformed, which another check reports.
    pub fn json(&self, path: &str) -> Value {
        serde_json::from_str(self.text(path)).unwrap_or(Value::Null)
    }

    /// The files of one kind of metadata, by the name of the entity or thing.
    pub fn metadata(&self, kind: &str) -> Vec<(String, Value)> {
        self.named(&format!("{MODULE}/Resources/metadata/{kind}/"))
    }

    /// The translations into one language, by scope.
    pub fn language(&self, language: &str) -> Vec<(String, Value)> {
        self.named(&format!("{MODULE}/Resources/i18n/{language}/"))
    }

    /// The layouts as (entity, layout).
    pub fn layouts(&self) -> Vec<(String, Value)> {
        let folder = format!("{MODULE}/Resources/layouts/");
        let entity = |path: &str| path[folder.len()..].split('/').next().unwrap_or_default().to_owned();
        self.paths(&folder, ".json").iter().map(|path| (entity(path), self.json(path))).collect()
    }

    fn named(&self, folder: &str) -> Vec<(String, Value)> {
        let name = |path: &str| path[folder.len()..].trim_end_matches(".json").to_owned();
        self.paths(folder, ".json").iter().map(|path| (name(path), self.json(path))).collect()
    }

    /// Whether the entity is one of ours, and not a stock one that we add to.
    pub fn is_ours(&self, entity: &str) -> bool {
        self.has(&format!("{MODULE}/Resources/metadata/scopes/{entity}.json"))
    }

    /// What a metadata file of that entity holds under a key; empty when it does not.
    pub fn section(&self, kind: &str, entity: &str, key: &str) -> Map<String, Value> {
        let path = format!("{MODULE}/Resources/metadata/{kind}/{entity}.json");
        self.json(&path)[key].as_object().cloned().unwrap_or_default()
    }

    /// Changes the text of a file at every place.
    #[track_caller]
    pub fn edit(&mut self, path: &str, from: &str, to: &str) {
        let text = self.0.get_mut(path).unwrap_or_else(|| panic!("{path} is not there"));
        assert!(text.contains(from), "{path} does not contain {from}");
        *text = text.replace(from, to);
    }

    /// Adds a file.
    pub fn add(&mut self, path: &str, text: &str) {
        self.0.insert(path.to_owned(), text.to_owned());
    }
}

/// Files that lie where EspoCRM, or we, would not look for them, and what the manifest lacks.
pub fn layout(tree: &Tree) -> Vec<String> {
    let stray = tree.paths("", "").into_iter().filter(|path| !belongs(tree, path));
    let mut problems: Vec<String> = stray.map(|path| format!("{path} does not belong into the extension")).collect();
    let manifest = tree.json("manifest.json");
    for key in ["name", "version", "acceptableVersions", "php", "releaseDate", "author", "description"] {
        if manifest[key].as_str().is_none_or(str::is_empty) && manifest[key].as_array().is_none_or(Vec::is_empty) {
            problems.push(format!("manifest.json lacks {key}"));
        }
    }
    problems
}

fn belongs(tree: &Tree, path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let file = parts.last().copied().unwrap_or_default();
    let (stem, extension) = file.rsplit_once('.').unwrap_or((file, ""));
    if stem.is_empty() || parts.iter().any(|part| part.starts_with('.')) {
        return false;
    }
    if let Some(inside) = path.strip_prefix(&format!("{MODULE}/Resources/")) {
        return extension == "json" && is_resource(tree, inside);
    }
    if let Some(inside) = path.strip_prefix(&format!("{MODULE}/")) {
        return extension == "php" && inside.split_once('/').is_some_and(|(folder, _)| CLASSES.contains(&folder));
    }
    if let Some(inside) = path.strip_prefix(&format!("{CLIENT}/")) {
        let kinds = [("src/", "js"), ("res/", "tpl"), ("css/", "css"), ("img/", "svg")];
        return kinds.iter().any(|(folder, kind)| inside.starts_with(folder) && extension == *kind);
    }
    path == "manifest.json" || SCRIPTS.iter().any(|script| path == format!("scripts/{script}.php"))
}

fn is_resource(tree: &Tree, inside: &str) -> bool {
    match inside.split('/').collect::<Vec<_>>()[..] {
        [file] => ["module.json", "routes.json"].contains(&file),
        ["metadata", kind, _] => METADATA.contains(&kind),
        ["i18n", language, _] => LANGUAGES.contains(&language),
        ["layouts", entity, _] => tree.is_ours(entity),
        _ => false,
    }
}

/// JSON files that are none.
pub fn malformed(tree: &Tree) -> Vec<String> {
    let parse = |path: &String| serde_json::from_str::<Value>(tree.text(path)).err();
    let complain = |path: String| parse(&path).map(|error| format!("{path}: {error}"));
    tree.paths("", ".json").into_iter().filter_map(complain).collect()
}

/// Fields that a layout or a rule names and the entity does not have.
pub fn unknown_fields(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for (entity, layout) in tree.layouts() {
        let fields = tree.section("entityDefs", &entity, "fields");
        let names = names_in_layout(&layout);
        problems.extend(names.iter().filter(|name| !fields.contains_key(*name)).map(|name| format!("{entity} {name}")));
        problems.extend(unknown_attributes(&entity, &layout, &fields));
    }
    for (entity, rules) in tree.metadata("logicDefs") {
        let fields = tree.section("entityDefs", &entity, "fields");
        let named = rules["fields"].as_object().cloned().unwrap_or_default();
        problems.extend(named.keys().filter(|name| !fields.contains_key(*name)).map(|name| format!("{entity} {name}")));
        problems.extend(unknown_attributes(&entity, &rules, &fields));
    }
    problems
}

/// The fields in a layout: of a list, of a form, or by name alone. Panels by name (an object) are no fields.
fn names_in_layout(layout: &Value) -> BTreeSet<String> {
    match layout {
        Value::String(name) => BTreeSet::from([name.clone()]),
        Value::Array(items) => items.iter().flat_map(names_in_layout).collect(),
        Value::Object(item) => match (item.get("rows"), item.get("name")) {
            (Some(rows), _) => names_in_layout(rows),
            (None, Some(name)) => names_in_layout(name),
            (None, None) => BTreeSet::new(),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => BTreeSet::new(),
    }
}

/// Attributes in conditions: a field, or a field with `Id` or `Type`.
fn unknown_attributes(entity: &str, value: &Value, fields: &Map<String, Value>) -> Vec<String> {
    let mut found = Vec::new();
    each_object(value, &mut |object| {
        let Some(attribute) = object.get("attribute").and_then(Value::as_str) else { return };
        let field = attribute.trim_end_matches("Id").trim_end_matches("Type");
        if attribute != "id" && !fields.contains_key(attribute) && !fields.contains_key(field) {
            found.push(format!("{entity} {attribute}"));
        }
    });
    found
}

/// Visits every object in a value, outer ones first.
pub fn each_object(value: &Value, visit: &mut impl FnMut(&Map<String, Value>)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| each_object(item, visit)),
        Value::Object(object) => {
            visit(object);
            object.values().for_each(|inner| each_object(inner, visit));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
