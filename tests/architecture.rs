//! The house rules as tests: who may know whom, who may ask the time, what a file has to say. They read the
//! source as text, so that they hold for what is written, not only for what is compiled.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The rooms from the bottom up. A room may use those of lower floors, and none of its own floor but itself.
const FLOORS: [&[&str]; 10] = [
    &["domain"],
    &["clock", "rules", "insight"],
    &["decide"],
    &["store", "espo", "voice", "second_opinion"],
    &["config"],
    &["engine"],
    &["telegram", "http", "sandbox"],
    &["app"],
    &["cli"],
    &["main"],
];

/// What a room must not use although it is on a lower floor: those below the engine are handed the time; the
/// sandbox is the outside world, and shares nothing but words with what it tests.
const WALLS: [(&str, &[&str]); 7] = [
    ("decide", &["clock"]),
    ("store", &["clock", "rules", "insight"]),
    ("espo", &["clock", "decide", "rules", "insight"]),
    ("voice", &["clock", "decide", "rules"]),
    ("config", &["clock", "decide", "insight", "store"]),
    ("telegram", &["config", "decide", "espo", "rules"]),
    ("sandbox", &["rules", "insight", "decide", "store", "espo", "voice", "config", "engine"]),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder of the project, as its path from there, in order; nothing that a build made.
fn files(folder: &str) -> Vec<String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if ["target", ".git", "max-data"].contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                walk(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    let mut names: Vec<String> =
        found.into_iter().map(|path| path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/")).collect();
    names.sort();
    names
}

fn rust_files(folder: &str) -> Vec<String> {
    files(folder).into_iter().filter(|name| name.ends_with(".rs")).collect()
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A source file without comments and without its test module, which stands at its end.
fn code(name: &str) -> String {
    let text = read(name);
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = text.lines().map(|line| match line.trim_start() {
        comment if comment.starts_with("//") => "",
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The room a file belongs to: `src/store/keys.rs` and `src/store.rs` are both of `store`.
fn room(name: &str) -> String {
    let name = name.strip_prefix("src/").unwrap();
    name.split('/').next().unwrap().trim_end_matches(".rs").to_owned()
}

/// The rooms that a piece of code names after `start`: `crate::store::Batch`, `crate::{http, voice}`.
fn named_after(start: &str, code: &str) -> BTreeSet<String> {
    let word = |text: &str| -> String { text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices(start) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &code[at + start.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            rooms.insert(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut item = String::new();
        for c in group.chars() {
            match c {
                '}' if depth == 0 => break,
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    rooms.insert(word(item.trim()));
                    item.clear();
                    continue;
                }
                _ => {}
            }
            item.push(c);
        }
        rooms.insert(word(item.trim()));
    }
    rooms.remove("");
    rooms
}

fn floor(room: &str) -> usize {
    FLOORS.iter().position(|rooms| rooms.contains(&room)).unwrap_or_else(|| panic!("{room} has no place in FLOORS"))
}

/// Who uses whom, with the file where.
fn uses() -> Vec<(String, String, String)> {
    let mut uses = Vec::new();
    for name in rust_files("src").into_iter().filter(|name| name != "src/lib.rs") {
        let (from, code) = (room(&name), code(&name));
        for to in named_after("crate::", &code).into_iter().chain(named_after("max::", &code)) {
            if to != from {
                uses.push((from.clone(), to, name.clone()));
            }
        }
    }
    uses
}

#[test]
fn imports_point_one_way_only() {
    let uses = uses();
    assert!(uses.len() > 50, "the sources were found");
    let wrong: Vec<_> = uses.iter().filter(|(from, to, _)| floor(to) >= floor(from)).collect();
    assert!(wrong.is_empty(), "these look up, or sideways: {wrong:#?}");
}

#[test]
fn rooms_do_not_know_what_they_need_not_know() {
    let through = |from: &str, to: &str| WALLS.iter().any(|(room, barred)| *room == from && barred.contains(&to));
    let wrong: Vec<_> = uses().into_iter().filter(|(from, to, _)| through(from, to)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// `super` out of one's own room would be a way round the two tests above.
#[test]
fn nobody_leaves_a_room_by_the_back_door() {
    for name in rust_files("src") {
        let depth = name.split('/').count() - 1 - usize::from(name.ends_with("/mod.rs"));
        let way_out = "super::".repeat(depth.max(1));
        assert!(!code(&name).contains(&way_out), "{name} leaves its room by {way_out}");
    }
}

#[test]
fn every_room_is_introduced_in_the_crate_documentation() {
    let introduction = read("src/lib.rs");
    for name in rust_files("src").into_iter().filter(|name| name != "src/lib.rs" && name != "src/main.rs") {
        let room = room(&name);
        assert!(introduction.contains(&format!("[`{room}`]")), "{room} is not in the reading order of src/lib.rs");
    }
}

/// > Every decision takes `now` as an argument.
#[test]
fn only_the_clock_asks_the_machine_for_the_time() {
    for name in rust_files("src").into_iter().filter(|name| name != "src/clock.rs") {
        for word in ["SystemTime", "Instant::now", "Utc::now", "Local::now"] {
            assert!(!code(&name).contains(word), "{name} names {word}");
        }
    }
}

#[test]
fn only_the_store_names_sled() {
    for name in rust_files("src").into_iter().filter(|name| !name.starts_with("src/store/")) {
        assert!(!code(&name).contains("sled"), "{name}");
    }
    assert!(rust_files("src/store").iter().any(|name| code(name).contains("sled::")), "the store was looked at");
}

#[test]
fn wire_types_stay_in_their_room() {
    for name in rust_files("src").into_iter().filter(|name| !name.starts_with("src/telegram/")) {
        assert!(!code(&name).contains("teloxide"), "{name} names teloxide");
    }
    for name in rust_files("src").into_iter().filter(|name| ["domain", "rules", "insight"].contains(&&*room(name))) {
        for word in ["reqwest", "axum", "tokio", "tracing", "std::fs", "std::net", "std::env"] {
            assert!(!code(&name).contains(word), "{name} is pure, and names {word}");
        }
    }
}

/// Code that behaves otherwise in tests is code that is not tested.
#[test]
fn nothing_but_test_modules_is_compiled_for_tests_only() {
    for name in rust_files("src") {
        let text = read(&name);
        for (number, line) in
            text.lines().enumerate().filter(|(_, line)| line.contains("cfg(") && line.contains("test"))
        {
            let next = text.lines().nth(number + 1).unwrap_or_default();
            let is_module = line.trim() == "#[cfg(test)]" && ["mod tests {", "mod tests;"].contains(&next.trim());
            assert!(is_module, "{name}:{}: {line}", number + 1);
        }
    }
}

#[test]
fn every_file_opens_with_why_it_exists() {
    for name in rust_files("src").into_iter().chain(rust_files("tests")) {
        let text = read(&name);
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//! ") && first.len() > 4, "{name} begins with `{first}`");
    }
}

#[test]
fn no_file_is_named_after_nothing() {
    for name in rust_files("src").into_iter().chain(rust_files("tests")) {
        for part in name.trim_end_matches(".rs").split('/') {
            let banned = ["utils", "util", "helpers", "helper", "common", "types", "misc", "shared"];
            assert!(!banned.contains(&part), "{name}: what has no noun has no home");
        }
    }
}

#[test]
fn every_dependency_speaks_one_http_and_one_tls() {
    let lock: toml::Table = toml::from_str(&read("Cargo.lock")).unwrap();
    let packages = lock["package"].as_array().unwrap();
    let versions = |wanted: &str| packages.iter().filter(|package| package["name"].as_str() == Some(wanted)).count();
    assert_eq!([versions("hyper"), versions("reqwest"), versions("rustls")], [1, 1, 1]);
    for unwanted in ["openssl-sys", "native-tls", "aws-lc-sys", "cmake"] {
        assert_eq!(versions(unwanted), 0, "{unwanted}: a fresh machine has Rust and a C compiler, no more");
    }
}

#[test]
fn nothing_refers_to_the_machine_it_was_written_on() {
    let places = [["..", "/shared"].concat(), ["/wo", "rk/"].concat(), ["/ho", "me/"].concat()];
    let mut looked_at = 0;
    for name in files("") {
        let Ok(text) = std::fs::read_to_string(root().join(&name)) else { continue };
        looked_at += 1;
        for place in &places {
            assert!(!text.contains(place.as_str()), "{name} names {place}");
        }
    }
    assert!(looked_at > 100, "the files were found");
}

/// What stands between backticks in a page.
fn quoted(page: &str) -> Vec<String> {
    let text = read(page);
    let lines = text.split("\n\n").flat_map(|paragraph| paragraph.split('`').skip(1).step_by(2));
    lines.map(str::to_owned).collect()
}

/// Whether a source defines something of this name.
fn defines(code: &str, name: &str) -> bool {
    ["fn", "struct", "enum", "trait", "const"].iter().any(|keyword| {
        code.match_indices(&format!("{keyword} {name}")).any(|(at, found)| {
            let next = code[at + found.len()..].chars().next();
            next.is_none_or(|c| !c.is_alphanumeric() && c != '_')
        })
    })
}

#[test]
fn the_architecture_page_names_what_exists() {
    let sources: Vec<String> = rust_files("src").into_iter().chain(rust_files("tests")).collect();
    let (mut functions, mut tests) = (0, 0);
    for name in quoted("ARCHITECTURE.md") {
        if let Some((file, function)) = name.split_once(".rs:").filter(|(_, function)| !function.starts_with(':')) {
            assert!(defines(&read(&format!("{file}.rs")), function), "{name} is not there");
            functions += 1;
        } else if name.starts_with("src/") || name.starts_with("tests/") || name.starts_with("templates/") {
            assert!(root().join(&name).exists(), "{name} is not there");
        } else if let Some((area, test)) = name.split_once("::").filter(|(_, test)| test.contains('_')) {
            let found = sources.iter().any(|file| file.contains(area) && defines(&read(file), test));
            assert!(found, "there is no test {name}");
            tests += 1;
        }
    }
    assert!(functions > 20 && tests > 20, "{functions} functions and {tests} tests were looked up");
}

/// Every boundary at which the crash test kills has a line in the table of what that costs.
#[test]
fn the_architecture_page_says_what_each_crash_costs() {
    let page = read("ARCHITECTURE.md");
    for label in max::engine::boundary::ALL {
        assert!(page.contains(&format!("`{label}`")), "{label}");
    }
}

/// Whoever runs M.A.X. reads the README only: it names every command with its options, every route, every metric.
#[test]
fn the_readme_leaves_out_no_command_route_or_metric() {
    use clap::CommandFactory;
    let readme = read("README.md");
    for command in max::cli::Cli::command().get_subcommands() {
        let name = command.get_name();
        let row = readme.lines().find(|line| line.starts_with(&format!("| `max {name}`")));
        let row = row.unwrap_or_else(|| panic!("max {name} is not in the README's table"));
        for option in command.get_arguments().filter_map(|argument| argument.get_long()) {
            assert!(row.contains(&format!("`--{option}")), "max {name} --{option} is not in the README");
        }
    }
    let router = code("src/http/mod.rs");
    for route in router.split(".route(\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        let known = route.replace("{alert}", "{id}").replace("/api/alerts/{id}/snooze", "…/snooze");
        let known = known.replace("/webhooks/espocrm/{entity}/{action}", "`/webhooks/`");
        assert!(readme.contains(&known), "{route} is not in the README");
    }
    let sources: String = rust_files("src").iter().map(|name| code(name)).collect();
    let metrics: BTreeSet<&str> = ["counter!(\"", "gauge!(\"", "histogram!(\""]
        .iter()
        .flat_map(|start| sources.split(start).skip(1))
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert!(metrics.len() > 10, "{metrics:?}");
    for metric in metrics {
        assert!(readme.contains(&format!("`{metric}`")), "{metric} is not in the README");
    }
}

#[test]
fn links_between_our_pages_lead_somewhere() {
    for page in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "docs/reading.md", "docs/kpi.md"] {
        let folder = Path::new(page).parent().unwrap();
        for link in read(page).split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if link.starts_with("http") {
                continue;
            }
            let (target, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if target.is_empty() { Path::new(page).to_owned() } else { folder.join(target) };
            assert!(root().join(&target).exists(), "{page}: {link}");
            assert!(heading.is_empty() || has_heading(&target, heading), "{page}: {link}");
        }
    }
}

/// Whether a page has a heading that is linked to so.
fn has_heading(page: &Path, heading: &str) -> bool {
    read(&page.display().to_string()).lines().filter(|line| line.starts_with('#')).any(|line| {
        let known = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-").replace(['.', ','], "");
        known == heading
    })
}
