//! The extension's client code, run as it is shipped: our AMD modules in a small JavaScript engine, against a small fake
//! of the few things of EspoCRM and of a browser that they use (`extension_client/stage.js`). What a test script finds
//! wrong comes back as text.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rquickjs::{CatchResultExt, Context, Function, Runtime};
use serde_json::{Map, Value, json};

const MODULES: &str = "templates/espocrm/files/client/custom/modules/max/src";
const TEXTS: &str = "templates/espocrm/files/custom/Espo/Modules/Max/Resources/i18n";
const METADATA: &str = "templates/espocrm/files/custom/Espo/Modules/Max/Resources/metadata/clientDefs";
const SCRIPTS: &str = "tests/extension_client";

/// What came of a script's tests.
struct Outcome {
    finished: usize,
    /// One line each.
    failures: Vec<String>,
    /// The modules that the script itself loads, not what these load in turn.
    tested: Vec<String>,
}

fn run(script: &str) -> Outcome {
    let runtime = Runtime::new().expect("an engine needs only memory");
    let context = Context::full(&runtime).expect("an engine needs only memory");
    context.with(|ctx| {
        let eval = |path: &Path| {
            let source = fs::read(path).unwrap();
            let outcome = ctx.eval::<(), _>(source).catch(&ctx);
            outcome.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        };
        ctx.globals().set("TEXTS", texts().to_string()).unwrap();
        ctx.globals().set("METADATA", Value::from(documents(Path::new(METADATA))).to_string()).unwrap();
        eval(&Path::new(SCRIPTS).join("stage.js"));
        modules(Path::new(MODULES)).iter().for_each(|path| eval(path));
        eval(&Path::new(SCRIPTS).join(script));
    });
    while runtime.execute_pending_job().unwrap_or(true) {}
    context.with(|ctx| {
        let start: Function<'_> = ctx.globals().get("runTests").unwrap();
        start.call::<_, ()>(()).unwrap();
    });
    while runtime.execute_pending_job().unwrap_or(true) {}
    context.with(|ctx| {
        let report: Function<'_> = ctx.globals().get("report").unwrap();
        let report: String = report.call(()).unwrap();
        let report: Value = serde_json::from_str(&report).unwrap();
        let lines = |name: &str| -> Vec<String> { serde_json::from_value(report[name].clone()).unwrap() };
        Outcome {
            finished: usize::try_from(report["finished"].as_u64().unwrap()).unwrap(),
            failures: lines("failures"),
            tested: lines("tested"),
        }
    })
}

/// Every module of ours, in no particular order.
fn modules(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { modules(&path) } else { vec![path] }).collect()
}

/// What is in the language files: by language, then by scope.
fn texts() -> Value {
    let of = |language: &str| documents(&Path::new(TEXTS).join(language));
    json!({"en_US": of("en_US"), "fr_FR": of("fr_FR")})
}

/// The JSON files of a folder, by name.
fn documents(folder: &Path) -> Map<String, Value> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let document = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            (path.file_stem().unwrap().to_string_lossy().into_owned(), document)
        })
        .collect()
}

fn hold(script: &str) {
    let Outcome { finished, failures, .. } = run(script);
    assert!(finished > 0, "{script}: no test was run to its end");
    assert!(failures.is_empty(), "{script}:\n{}", failures.join("\n"));
}

#[test]
fn reasons_and_lag_are_said_in_both_languages_as_of_now() {
    hold("words.js");
}

#[test]
fn a_row_offers_what_may_be_done() {
    hold("offers.js");
}

#[test]
fn the_board_shows_the_figures_and_escapes_what_it_shows() {
    hold("board.js");
}

#[test]
fn the_dashlet_asks_acts_and_asks_again() {
    hold("dashlet.js");
}

#[test]
fn a_prepared_message_is_copied_and_mailed_as_it_reads() {
    hold("draft.js");
}

#[test]
fn an_alert_is_settled_and_a_refusal_leaves_it_as_it_was() {
    hold("alert.js");
}

#[test]
fn an_instant_is_said_as_espocrm_says_it() {
    hold("instant.js");
}

#[test]
fn a_record_and_its_row_offer_what_may_be_done() {
    hold("actions.js");
}

#[test]
fn many_alerts_are_settled_at_once_after_a_question() {
    hold("mass.js");
}

#[test]
fn an_alerts_history_is_told_in_both_languages() {
    hold("history.js");
}

#[test]
fn the_leads_panel_says_what_is_known_and_what_is_not() {
    hold("insight.js");
}

#[test]
fn the_profile_links_telegram_and_cuts_the_link() {
    hold("link.js");
}

/// Every module of ours is tested for itself: to be used by another that is tested proves little.
#[test]
fn every_module_is_tested() {
    let scripts = fs::read_dir(SCRIPTS).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let scripts = scripts.filter(|script| !["stage.js", "wrong.js"].contains(&script.as_str()));
    let tested: BTreeSet<String> = scripts
        .flat_map(|script| {
            let Outcome { failures, tested, .. } = run(&script);
            assert!(failures.is_empty(), "{script}:\n{}", failures.join("\n"));
            tested
        })
        .collect();
    let all: BTreeSet<String> = modules(Path::new(MODULES))
        .iter()
        .map(|path| {
            let name = path.strip_prefix(MODULES).unwrap().with_extension("");
            format!("modules/max/{}", name.display())
        })
        .collect();
    assert!(all.contains("modules/max/views/dashlets/max"), "the modules are not where they are looked for: {all:?}");
    let untested: Vec<_> = all.difference(&tested).collect();
    assert!(untested.is_empty(), "tested by no script: {untested:?}");
}

/// A test that cannot fail would prove nothing of the rest.
#[test]
fn what_is_wrong_in_a_script_is_found() {
    let Outcome { finished, failures, .. } = run("wrong.js");
    assert_eq!(finished, 3);
    assert_eq!(
        failures,
        [
            "says what it expected: expected \"b\", got \"a\"",
            "throws: Error: thrown",
            "is still waiting: not finished",
            "rejects: Error: rejected",
        ]
    );
}
