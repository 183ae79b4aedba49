//! What the interface shows has words: in both languages, the same ones, and none that nothing shows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::code::literals;
use super::tree::{CLIENT, LANGUAGES, MODULE, Tree, each_object};

/// Fields that every entity has: EspoCRM has words for them.
const STOCK_FIELDS: [&str; 6] = ["createdAt", "modifiedAt", "createdBy", "modifiedBy", "assignedUser", "teams"];

/// Filters that every entity can have: EspoCRM has words for them.
const STOCK_FILTERS: [&str; 4] = ["onlyMy", "onlyMyTeam", "followed", "shared"];

/// Options that every dashlet can have: EspoCRM has words for them.
const STOCK_DASHLET_OPTIONS: [&str; 9] = [
    "title",
    "displayRecords",
    "autorefreshInterval",
    "entityType",
    "primaryFilter",
    "boolFilterList",
    "sortBy",
    "sortDirection",
    "expandedLayout",
];

/// Where a label is looked for: scope, category, and the name (for an option: the field and the option).
type Place = (String, String, Vec<String>);

fn place(scope: &str, category: &str, name: &[&str]) -> Place {
    (scope.to_owned(), category.to_owned(), name.iter().map(|part| (*part).to_owned()).collect())
}

/// Labels that something shows and a language lacks.
pub fn missing(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for language in LANGUAGES {
        let words: BTreeMap<String, Value> = tree.language(language).into_iter().collect();
        for (scope, category, name) in shown(tree) {
            let label = name.iter().fold(&words.get(&scope).unwrap_or(&Value::Null)[&category], |at, part| &at[part]);
            if !label.is_string() {
                problems.push(format!("{language}: {scope} {category} {}", name.join(" ")));
            }
        }
        for (category, name) in said_by_the_client(tree) {
            if !words.values().any(|scope| scope[&category][&name].is_string()) {
                problems.push(format!("{language}: {category} {name}"));
            }
        }
    }
    problems
}

/// Every label that metadata and layouts make EspoCRM show.
fn shown(tree: &Tree) -> BTreeSet<Place> {
    let mut places = BTreeSet::new();
    for (entity, _) in tree.metadata("scopes").iter().filter(|(_, scope)| !is_hidden(scope)) {
        places.insert(place("Global", "scopeNames", &[entity]));
        places.insert(place("Global", "scopeNamesPlural", &[entity]));
    }
    let hidden: Vec<String> =
        tree.metadata("scopes").into_iter().filter(|(_, scope)| is_hidden(scope)).map(|(entity, _)| entity).collect();
    for (entity, _) in tree.metadata("entityDefs").into_iter().filter(|(entity, _)| !hidden.contains(entity)) {
        places.extend(of_fields(tree, &entity));
        places.extend(of_links(tree, &entity));
    }
    for (entity, definition) in tree.metadata("clientDefs") {
        places.extend(of_client(&entity, &definition));
    }
    for (entity, layout) in tree.layouts() {
        places.extend(labels_in(&entity, &layout));
    }
    for (dashlet, definition) in tree.metadata("dashlets") {
        places.insert(place("Global", "dashlets", &[&dashlet]));
        let options = definition["options"]["fields"].as_object().cloned().unwrap_or_default();
        let own = options.keys().filter(|name| !STOCK_DASHLET_OPTIONS.contains(&name.as_str()));
        places.extend(own.map(|name| place("DashletOptions", "fields", &[name])));
    }
    places
}

/// Whether the entity is shown nowhere: no tab, no layout, no line in a role.
fn is_hidden(scope: &Value) -> bool {
    ["tab", "layouts", "acl", "object"].into_iter().all(|place| scope[place] != true)
}

fn of_fields(tree: &Tree, entity: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for (field, definition) in tree.section("entityDefs", entity, "fields") {
        if STOCK_FIELDS.contains(&field.as_str()) || definition["utility"] == true {
            continue;
        }
        places.push(place(entity, "fields", &[&field]));
        if definition["tooltip"] == true {
            places.push(place(entity, "tooltips", &[&field]));
        }
        for option in definition["options"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            places.push(place(entity, "options", &[&field, option]));
        }
    }
    places
}

/// A link to many is a panel; one to one record goes by its field's name.
fn of_links(tree: &Tree, entity: &str) -> Vec<Place> {
    let links = tree.section("entityDefs", entity, "links");
    let many = links.iter().filter(|(name, link)| link["type"] == "hasMany" && !STOCK_FIELDS.contains(&name.as_str()));
    many.map(|(name, _)| place(entity, "links", &[name])).collect()
}

fn of_client(entity: &str, definition: &Value) -> Vec<Place> {
    let mut places = labels_in(entity, definition);
    let lists = [("filterList", "presetFilters"), ("boolFilterList", "boolFilters"), ("massActionList", "massActions")];
    for (list, category) in lists {
        for item in definition[list].as_array().into_iter().flatten() {
            let name = item.as_str().or(item["name"].as_str()).unwrap_or_default();
            if name != "__APPEND__" && !STOCK_FILTERS.contains(&name) {
                places.push(place(entity, category, &[name]));
            }
        }
    }
    for layout in definition["additionalLayouts"].as_object().into_iter().flatten() {
        places.push(place(entity, "layouts", &[layout.0]));
    }
    for panels in ["sidePanels", "bottomPanels"] {
        for panel in
            definition[panels].as_object().into_iter().flatten().flat_map(|(_, list)| list.as_array()).flatten()
        {
            // With a label of its own it goes by that.
            let name = panel["name"].as_str().filter(|_| panel["label"].is_null());
            places.extend(name.map(|name| place(entity, "panels", &[name])));
        }
    }
    places
}

/// What a definition or a layout gives as `label`.
fn labels_in(entity: &str, value: &Value) -> Vec<Place> {
    let mut places = Vec::new();
    each_object(value, &mut |object| {
        if let Some(label) = object.get("label").and_then(Value::as_str).filter(|label| !label.is_empty()) {
            places.push(place(entity, "labels", &[label]));
        }
    });
    places
}

/// What our client code has translated by name and category, both written out. Names without a category are
/// EspoCRM's own.
fn said_by_the_client(tree: &Tree) -> BTreeSet<(String, String)> {
    let mut said = BTreeSet::new();
    for path in tree.paths(CLIENT, ".js") {
        for call in tree.text(&path).split("translate(").skip(1) {
            let mut arguments = call.split(')').next().unwrap_or_default().split(',').map(str::trim);
            let quoted = |argument: Option<&str>| argument?.strip_prefix('\'')?.strip_suffix('\'').map(str::to_owned);
            if let (Some(name), Some(category)) = (quoted(arguments.next()), quoted(arguments.next())) {
                said.insert((category, name));
            }
        }
    }
    said
}

/// Keys that one language has and the other lacks, and labels without a word.
pub fn uneven(tree: &Tree) -> Vec<String> {
    let of = LANGUAGES.map(|language| (language, flat(tree, language)));
    let mut problems = Vec::new();
    for (language, words) in &of {
        let all = of.iter().flat_map(|(_, words)| words.keys()).collect::<BTreeSet<_>>();
        let lacking = all.into_iter().filter(|key| !words.contains_key(*key) && !is_stock(key));
        problems.extend(lacking.map(|key| format!("{language} lacks {key}")));
        let empty = words.iter().filter(|(key, text)| text.trim().is_empty() && !key.ends_with('/'));
        problems.extend(empty.map(|(key, _)| format!("{language} says nothing for {key}")));
    }
    problems
}

/// Whether EspoCRM has words of its own for it, though maybe not in every language.
fn is_stock(key: &str) -> bool {
    key.strip_prefix("DashletOptions/fields/").is_some_and(|option| STOCK_DASHLET_OPTIONS.contains(&option))
}

/// Labels that nothing shows: those of fields, links and options that do not exist, and others whose name
/// stands nowhere in metadata, layouts and code.
pub fn unused(tree: &Tree) -> Vec<String> {
    let mentioned = mentioned(tree);
    let is_used = |key: &str| {
        let parts: Vec<&str> = key.split('/').collect();
        match parts[..] {
            [scope, "fields", field] if scope != "DashletOptions" => {
                tree.section("entityDefs", scope, "fields").contains_key(field)
            }
            [scope, "links", link] => tree.section("entityDefs", scope, "links").contains_key(link),
            [scope, "options", field, option] if tree.is_ours(scope) => {
                let options = &tree.section("entityDefs", scope, "fields")[field]["options"];
                options.as_array().is_some_and(|options| options.iter().any(|known| known == option))
            }
            [scope, "tooltips", field] => tree.section("entityDefs", scope, "fields")[field]["tooltip"] == true,
            ["Global", "scopeNames" | "scopeNamesPlural", entity] => tree.is_ours(entity),
            // EspoCRM makes this name up.
            [scope, "labels", label] if label == format!("Create {scope}") => true,
            // Of one and of many, the code says which.
            _ => parts.last().is_some_and(|name| {
                let stem = name.strip_suffix("_one").or(name.strip_suffix("_other"));
                mentioned.contains(*name) || stem.is_some_and(|stem| mentioned.contains(stem))
            }),
        }
    };
    flat(tree, LANGUAGES[0]).into_keys().filter(|key| !is_used(key)).collect()
}

/// Every literal and every word of everything but translations.
fn mentioned(tree: &Tree) -> BTreeSet<String> {
    let mut mentioned = BTreeSet::new();
    let translations = format!("{MODULE}/Resources/i18n/");
    for path in tree.paths("files/", "").iter().filter(|path| !path.starts_with(&translations)) {
        let text = tree.text(path);
        mentioned.extend(literals(text));
        mentioned.extend(text.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned));
    }
    for (dashlet, _) in tree.metadata("dashlets") {
        mentioned.insert(dashlet);
    }
    mentioned
}

/// What a French typesetter would mend: the typewriter's apostrophe, and a mark that can be torn from its word.
pub fn typography(tree: &Tree) -> Vec<String> {
    let torn = [" :", " ;", " ?", " !", " %", "« ", " »"];
    let is_wrong = |text: &str| text.contains('\'') || torn.iter().any(|mark| text.contains(mark));
    flat(tree, "fr_FR")
        .into_iter()
        .filter(|(_, text)| is_wrong(text))
        .map(|(key, text)| format!("{key}: {text}"))
        .collect()
}

/// A language's labels by `scope/category/name`. A list counts as one label.
fn flat(tree: &Tree, language: &str) -> BTreeMap<String, String> {
    fn walk(key: String, value: &Value, found: &mut BTreeMap<String, String>) {
        match value {
            Value::Object(inner) => inner.iter().for_each(|(name, value)| walk(format!("{key}/{name}"), value, found)),
            Value::String(text) => {
                found.insert(key, text.clone());
            }
            other => {
                found.insert(key, other.to_string());
            }
        }
    }
    let mut found = BTreeMap::new();
    tree.language(language).iter().for_each(|(scope, words)| walk(scope.clone(), words, &mut found));
    found
}
