//! The extension's client code, run as it is shipped: our AMD modules in a small JavaScript engine, against a small fake
//! of the few things of EspoCRM and of a browser that they use (`extension_client/stage.js`). What a test script finds
//! wrong comes back as text.

use std::fs;
use std::path::{Path, PathBuf};

use rquickjs::{CatchResultExt, Context, Function, Runtime};
use serde_json::{Map, Value, json};

const MODULES: &str = "templates/espocrm/files/client/custom/modules/max/src";
const TEXTS: &str = "templates/espocrm/files/custom/Espo/Modules/Max/Resources/i18n";
const SCRIPTS: &str = "tests/extension_client";

/// Runs a script's tests and returns how many there were and what failed, one line each.
fn run(script: &str) -> (usize, Vec<String>) {
    let runtime = Runtime::new().expect("an engine needs only memory");
    let context = Context::full(&runtime).expect("an engine needs only memory");
    context.with(|ctx| {
        let eval = |path: &Path| {
            let source = fs::read(path).unwrap();
            let outcome = ctx.eval::<(), _>(source).catch(&ctx);
            outcome.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        };
        ctx.globals().set("TEXTS", texts().to_string()).unwrap();
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
        let failures = report["failures"].as_array().unwrap().iter();
        let failures = failures.map(|line| line.as_str().unwrap().to_owned()).collect();
        (usize::try_from(report["finished"].as_u64().unwrap()).unwrap(), failures)
    })
}

/// Every module of ours, in no particular order.
fn modules(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { modules(&path) } else { vec![path] }).collect()
}

/// What is in the language files: by language, then by scope.
fn texts() -> Value {
    let of = |language: &str| -> Map<String, Value> {
        let files = fs::read_dir(Path::new(TEXTS).join(language)).unwrap().map(|entry| entry.unwrap().path());
        files
            .map(|path| {
                let text = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
                (path.file_stem().unwrap().to_string_lossy().into_owned(), text)
            })
            .collect()
    };
    json!({"en_US": of("en_US"), "fr_FR": of("fr_FR")})
}

fn hold(script: &str) {
    let (finished, failures) = run(script);
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

/// A test that cannot fail would prove nothing of the rest.
#[test]
fn what_is_wrong_in_a_script_is_found() {
    let (finished, failures) = run("wrong.js");
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
