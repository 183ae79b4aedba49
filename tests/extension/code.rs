//! Code that is named is there, under the name it gives itself; code that is there is named.

use std::collections::BTreeSet;

use super::tree::{CLIENT, MODULE, Tree};

const NAMESPACE: &str = "Espo\\Modules\\Max\\";

/// Folders whose classes EspoCRM finds by where they lie.
const FOUND_BY_PLACE: [&str; 4] = ["Controllers/", "Entities/", "Hooks/", "Repositories/"];

/// Classes that are named and missing, that do not say of themselves what their path says, or that nothing names.
pub fn classes(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    let mut named = BTreeSet::new();
    for path in tree.paths("", ".json") {
        for class in literals(tree.text(&path)).into_iter().map(|text| text.replace("\\\\", "\\")) {
            if class.starts_with(NAMESPACE) {
                if !tree.has(&path_of(&class)) {
                    problems.push(format!("{path} names {class}, which is not there"));
                }
                named.insert(class);
            }
        }
    }
    for path in tree.paths("", ".php") {
        let text = tree.text(&path);
        named.extend(text.lines().filter_map(used).map(str::to_owned));
        if let Some(problem) = misnamed(&path, text) {
            problems.push(problem);
        }
    }
    for path in tree.paths(MODULE, ".php") {
        let inside = &path[MODULE.len() + 1..];
        let class = format!("{NAMESPACE}{}", inside.trim_end_matches(".php").replace('/', "\\"));
        if !FOUND_BY_PLACE.iter().any(|folder| inside.starts_with(folder)) && !named.contains(&class) {
            problems.push(format!("nothing names {class}"));
        }
    }
    problems
}

fn path_of(class: &str) -> String {
    format!("{MODULE}/{}.php", class[NAMESPACE.len()..].replace('\\', "/"))
}

/// The class of ours that a line imports.
fn used(line: &str) -> Option<&str> {
    let class = line.strip_prefix("use ")?.trim_end_matches(';').split(' ').next()?;
    class.starts_with(NAMESPACE).then_some(class)
}

/// Why EspoCRM would not find the class in this file; scripts have no namespace.
fn misnamed(path: &str, text: &str) -> Option<String> {
    let (folder, file) = path.rsplit_once('/')?;
    let name = file.trim_end_matches(".php");
    let declares = |kind: &str| {
        text.lines().any(|line| {
            let rest = line.trim_start_matches("final ").trim_start_matches("abstract ").strip_prefix(kind);
            rest.and_then(|rest| rest.split_whitespace().next()) == Some(name)
        })
    };
    let namespace = folder.strip_prefix("files/custom/").map(|inside| inside.replace('/', "\\"));
    let is_placed = namespace.is_none_or(|expected| text.lines().any(|line| line == format!("namespace {expected};")));
    let is_declared = ["class ", "interface ", "trait ", "enum "].into_iter().any(declares);
    (!is_placed || !is_declared).then(|| format!("{path} does not hold the class that its path says"))
}

/// Client modules and templates that are named and missing, and modules that do not go by their path.
pub fn modules(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for path in [tree.paths("", ".json"), tree.paths(CLIENT, ".js")].concat() {
        for name in literals(tree.text(&path)) {
            let file = match (name.strip_prefix("modules/max/"), name.strip_prefix("max:")) {
                (Some(module), _) => format!("{CLIENT}/src/{module}.js"),
                (None, Some(template)) => format!("{CLIENT}/res/templates/{template}.tpl"),
                (None, None) => continue,
            };
            if !tree.has(&file) {
                problems.push(format!("{path} names {name}, which is not there"));
            }
        }
    }
    let source = format!("{CLIENT}/src/");
    for path in tree.paths(&source, ".js") {
        let module = path[source.len()..].trim_end_matches(".js");
        if !tree.text(&path).contains(&format!("define('modules/max/{module}',")) {
            problems.push(format!("{path} does not define the module that its path says"));
        }
    }
    problems
}

/// The texts in single or double quotes, without comments. Escapes are left as they are written.
pub fn literals(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest = text;
    while let Some(start) = rest.find(['\'', '"', '/']) {
        let (mark, after) = rest[start..].split_at(1);
        rest = match mark {
            "/" if after.starts_with('/') => after.split_once('\n').map_or("", |(_, next)| next),
            "/" if after.starts_with('*') => after.split_once("*/").map_or("", |(_, next)| next),
            "/" => after,
            quote => {
                let end = end_of_literal(after, quote);
                found.insert(after[..end].to_owned());
                after.get(end + 1..).unwrap_or("")
            }
        };
    }
    found
}

/// Where the literal ends: at its quote, or at the end of the line when there is none.
fn end_of_literal(text: &str, quote: &str) -> usize {
    let mut is_escaped = false;
    for (at, character) in text.char_indices() {
        if !is_escaped && (quote.starts_with(character) || character == '\n') {
            return at;
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    text.len()
}
