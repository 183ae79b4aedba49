//! The EspoCRM extension, checked as far as it goes without an EspoCRM: what is packed is well-formed, says
//! everything in both languages, and names nothing that is not there. Every check is also shown a broken
//! extension, so that it is known to find what it looks for.

mod code;
mod labels;
mod tree;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use tree::{MODULE, Tree};

const NOTHING: [String; 0] = [];

/// A check of the whole extension: what is wrong with it, in words.
type Check = fn(&Tree) -> Vec<String>;

/// Breaks the packed extension at one place and asserts that the check says so.
#[track_caller]
fn assert_finds(check: Check, path: &str, from: &str, to: &str, complaint: &str) {
    let mut tree = Tree::packed();
    tree.edit(path, from, to);
    let problems = check(&tree);
    assert!(problems.iter().any(|problem| problem.contains(complaint)), "{problems:#?} do not name {complaint}");
}

fn resources(path: &str) -> String {
    format!("{MODULE}/Resources/{path}")
}

#[test]
fn the_archive_holds_what_espocrm_installs_and_nothing_else() {
    assert_eq!(tree::layout(&Tree::packed()), NOTHING);
    let with = |path: &str| {
        let mut tree = Tree::packed();
        tree.add(path, "");
        tree::layout(&tree)
    };
    for stray in [
        "README.md",
        ".DS_Store",
        "files/application/Espo/Core/Acl.php",
        "files/custom/Espo/Modules/Max/Notes.txt",
        "files/custom/Espo/Modules/Max/Resources/metadata/entityDef/Lead.json",
        "files/custom/Espo/Modules/Max/Resources/i18n/fr_CA/Lead.json",
        "files/client/custom/modules/max/src/alert.js~",
        "files/client/custom/modules/other/src/alert.js",
        "scripts/Install.php",
    ] {
        assert_eq!(with(stray), [format!("{stray} does not belong into the extension")]);
    }
    assert_finds(tree::layout, "manifest.json", "acceptableVersions", "acceptable", "acceptableVersions");
}

#[test]
fn every_json_file_is_json() {
    assert_eq!(tree::malformed(&Tree::packed()), NOTHING);
    let lead = resources("metadata/clientDefs/Lead.json");
    assert_finds(tree::malformed, &lead, "\"sidePanels\":", "\"sidePanels\"", &lead);
}

#[test]
fn everything_that_is_shown_has_a_label_in_both_languages() {
    assert_eq!(labels::missing(&Tree::packed()), NOTHING);
    let french = resources("i18n/fr_FR/MaxAlert.json");
    let (entity, client) =
        (resources("metadata/entityDefs/MaxAlert.json"), resources("metadata/clientDefs/MaxAlert.json"));
    for (path, from, to, complaint) in [
        (french.as_str(), "\"severity\": \"Gravité\",", "", "fr_FR: MaxAlert fields severity"),
        (&french, "\"HotLead24h\"", "\"HotLead\"", "fr_FR: MaxAlert options type HotLead24h"),
        (&french, "\"Outcome\"", "\"Outcom\"", "fr_FR: MaxAlert labels Outcome"),
        (&french, "\"dueAt\": \"L’heure", "\"due\": \"L’heure", "fr_FR: MaxAlert tooltips dueAt"),
        (&entity, "\"evidence\": {", "\"proof\": {", "en_US: MaxAlert fields proof"),
        (&client, "\"name\": \"urgent\"", "\"name\": \"pressing\"", "en_US: MaxAlert presetFilters pressing"),
        (&client, "[\"onlyMy\", ", "[\"onlyHers\", ", "en_US: MaxAlert boolFilters onlyHers"),
        (&client, "\"massActionList\": [\"resolve\"]", "\"massActionList\": [\"burn\"]", "MaxAlert massActions burn"),
        (&client, "\"label\": \"Mark Resolved\"", "\"label\": \"Mark\"", "fr_FR: MaxAlert labels Mark"),
        (&client, "\"listForLead\": {\"type\"", "\"listForX\": {\"type\"", "en_US: MaxAlert layouts listForX"),
        (&resources("metadata/clientDefs/Lead.json"), "\"name\": \"maxAlerts\"", "\"name\": \"x\"", "Lead panels x"),
        (&resources("metadata/entityDefs/Lead.json"), "\"maxAlerts\"", "\"alerts\"", "en_US: Lead links alerts"),
        (&resources("i18n/en_US/Global.json"), "\"MaxAlert\": \"M.A.X. Alert\",", "", "Global scopeNames MaxAlert"),
        (
            "files/client/custom/modules/max/src/handlers/alert-mass-actions.js",
            "'confirmMassResolve'",
            "'askFirst'",
            "en_US: messages askFirst",
        ),
    ] {
        assert_finds(labels::missing, path, from, to, complaint);
    }
}

#[test]
fn both_languages_say_the_same_things_and_no_label_is_left_over() {
    assert_eq!(labels::uneven(&Tree::packed()), NOTHING);
    assert_eq!(labels::unused(&Tree::packed()), NOTHING);
    let english = resources("i18n/en_US/MaxAlert.json");
    let more = "\"severity\": \"Severity\", \"colour\": \"Colour\",";
    assert_finds(labels::uneven, &english, "\"severity\": \"Severity\",", more, "fr_FR lacks MaxAlert/fields/colour");
    assert_finds(labels::unused, &english, "\"severity\": \"Severity\",", more, "MaxAlert/fields/colour");
    assert_finds(labels::unused, &english, "\"Outcome\":", "\"Yesteryear\":", "MaxAlert/labels/Yesteryear");
    assert_finds(labels::unused, &english, "\"urgent\": \"Urgent\",", "\"dire\": \"Dire\",", "options/severity/dire");
    assert_finds(labels::uneven, &english, "\"Severity\"", "\" \"", "en_US says nothing for MaxAlert/fields/severity");
}

#[test]
fn french_is_set_as_french_is() {
    assert_eq!(labels::typography(&Tree::packed()), NOTHING);
    let french = resources("i18n/fr_FR/MaxAlert.json");
    assert_finds(labels::typography, &french, "l’épisode", "l'épisode", "l'épisode");
    assert_finds(labels::typography, &french, "traitées\u{a0}?", "traitées ?", "traitées ?");
}

#[test]
fn layouts_and_rules_of_fields_name_fields_that_exist() {
    assert_eq!(tree::unknown_fields(&Tree::packed()), NOTHING);
    let layout = resources("layouts/MaxAlert/detail.json");
    assert_finds(tree::unknown_fields, &layout, "\"name\": \"dueAt\"", "\"name\": \"dueOn\"", "MaxAlert dueOn");
    let filters = resources("layouts/MaxAlert/filters.json");
    assert_finds(tree::unknown_fields, &filters, "\"openedAt\"", "\"openedOn\"", "MaxAlert openedOn");
    let rules = resources("metadata/logicDefs/MaxAlert.json");
    assert_finds(tree::unknown_fields, &rules, "\"anchor\": {", "\"anker\": {", "MaxAlert anker");
    assert_finds(
        tree::unknown_fields,
        &rules,
        "\"attribute\": \"messageId\"",
        "\"attribute\": \"mId\"",
        "MaxAlert mId",
    );
}

#[test]
fn every_class_that_is_named_exists_where_its_name_says() {
    assert_eq!(code::classes(&Tree::packed()), NOTHING);
    let select = resources("metadata/selectDefs/MaxAlert.json");
    assert_finds(code::classes, &select, "PrimaryFilters\\\\Urgent", "PrimaryFilters\\\\Dire", "PrimaryFilters\\Dire");
    let filter = format!("{MODULE}/Classes/Select/MaxAlert/PrimaryFilters/Urgent.php");
    assert_finds(
        code::classes,
        &filter,
        "namespace Espo\\Modules\\Max\\Classes",
        "namespace Espo\\Modules\\Classes",
        &filter,
    );
    assert_finds(code::classes, &filter, "class Urgent", "class Pressing", &filter);
    let named = "Espo\\\\Modules\\\\Max\\\\Classes\\\\Select\\\\MaxAlert\\\\PrimaryFilters\\\\Urgent";
    assert_finds(code::classes, &select, named, "Espo\\\\Core\\\\Select\\\\Primary\\\\Filters\\\\One", "nothing names");
    assert_finds(code::classes, "scripts/AfterInstall.php", "class AfterInstall", "class Install", "AfterInstall.php");
    let controller = format!("{MODULE}/Controllers/MaxAlert.php");
    assert_finds(code::classes, &controller, "class MaxAlert", "class Alert", &controller);
}

#[test]
fn every_module_of_the_client_that_is_named_exists_where_its_name_says() {
    assert_eq!(code::modules(&Tree::packed()), NOTHING);
    let client = resources("metadata/clientDefs/MaxAlert.json");
    assert_finds(code::modules, &client, "handlers/alert-row-actions", "handlers/row-alerts", "handlers/row-alerts");
    let alert = "files/client/custom/modules/max/src/alert.js";
    assert_finds(code::modules, alert, "define('modules/max/alert'", "define('modules/max/alarm'", alert);
    let rows = "files/client/custom/modules/max/src/handlers/alert-row-actions.js";
    assert_finds(code::modules, rows, "'modules/max/alert']", "'modules/max/siren']", "modules/max/siren");
}

/// `php -l` on every file, where there is a PHP. Where there is none the test says so and looks at nothing.
#[test]
fn php_reads_every_file() {
    let Ok(version) = Command::new("php").arg("--version").output() else {
        // Not by `println!`, which is heard only of tests that fail.
        let _ = writeln!(std::io::stderr(), "skipped: no php on the PATH, the extension's PHP is not checked");
        return;
    };
    assert!(version.status.success(), "php does not start");
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("templates/espocrm");
    for path in Tree::packed().paths("", ".php") {
        let (is_good, said) = lint(&root.join(&path));
        assert!(is_good, "{path}: {said}");
    }
    let dir = tempfile::tempdir().unwrap();
    let broken = dir.path().join("Broken.php");
    std::fs::write(&broken, "<?php\n\nclass Broken {\n").unwrap();
    assert!(!lint(&broken).0, "php does not mind a class without an end");
}

fn lint(path: &std::path::Path) -> (bool, String) {
    let output = Command::new("php").args(["-d", "display_errors=1", "-l"]).arg(path).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}
