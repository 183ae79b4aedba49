//! The program as it is called: what each command says, and with which exit code. 2 is a mistake in what was
//! asked, 1 a failure.

use std::io::Read;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;

/// Enough to run. On port 1 nobody listens.
const WHOLE: &str = "[espocrm]\nurl = \"http://127.0.0.1:1\"\napi_key = \"k3y\"\n[http]\nlisten = \"127.0.0.1:1\"\n";

fn max(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("max"));
    command.env_clear().current_dir(folder).args(arguments).output().unwrap()
}

fn folder_with(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.toml"), text).unwrap();
    folder
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn help_names_every_command_and_each_explains_itself() {
    let folder = tempfile::tempdir().unwrap();
    let output = max(folder.path(), &["--help"]);
    assert_eq!(output.status.code(), Some(0));
    for command in [
        "run",
        "demo",
        "check",
        "setup",
        "doctor",
        "generate",
        "backtest",
        "export",
        "extension",
        "link",
        "voice",
        "read",
    ] {
        assert!(text(&output.stdout).contains(&format!("  {command} ")), "{command}");
        let of_command = max(folder.path(), &[command, "--help"]);
        assert_eq!(of_command.status.code(), Some(0), "{command}");
        assert!(text(&of_command.stdout).contains("Usage: max"), "{command}");
    }
    assert_eq!(max(folder.path(), &["dance"]).status.code(), Some(2));
    assert!(text(&max(folder.path(), &["--version"]).stdout).starts_with("max "));
}

#[test]
fn voice_shows_every_wording_and_fails_on_one_that_breaks() {
    let folder = tempfile::tempdir().unwrap();
    let output = max(folder.path(), &["voice", "--lang", "fr", "--only", "headlines/no_reply"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    for part in [
        "fr/headlines/no_reply.txt.j2 1\n    [Sophie] Sophie n'a pas répondu depuis 33 jours.",
        "fr/headlines/no_reply.txt.j2 4",
        "[right to left] \u{2068}שרה\u{2069}",
        "[<b> in the name]",
        "[emojis]",
        "[4,000 characters]",
        "[without a name] Ce lead",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(!said.contains("fr-vous/") && !said.contains("en/") && !said.contains("hot_lead"), "{said}");
    let formal = text(&max(folder.path(), &["voice", "--formal", "--only", "toasts/try_again"]).stdout);
    assert!(formal.starts_with("fr-vous/") && formal.contains("Réessayez"), "{formal}");

    let own = folder.path().join("own/fr/headlines");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(own.join("no_reply.txt.j2"), "{{ who }} ?\n---\n{{ whoo }} ?\n").unwrap();
    let output = max(folder.path(), &["voice", "--templates", "own"]);
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    assert!(error.contains("own/fr/headlines/no_reply.txt.j2") && error.contains("line 3"), "{error}");
    assert_eq!(max(folder.path(), &["voice", "--only", "headlines/no_repply"]).status.code(), Some(2));
}

#[test]
fn check_sums_up_a_good_file_and_writes_nothing() {
    let folder = folder_with(WHOLE);
    let output = max(folder.path(), &["check", "--config", "config.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.contains("in order") && said.contains("http://127.0.0.1:1") && said.contains("max-data"), "{said}");
    assert!(!said.contains("k3y"), "{said}");
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["config.toml"]);
}

#[test]
fn check_refuses_a_bad_file() {
    let folder = folder_with("[espocrm]\nurl = \"nowhere\"\n");
    let output = max(folder.path(), &["check", "--config", "config.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("2 mistakes in the configuration"), "{}", text(&output.stderr));
}

#[test]
fn extension_writes_an_archive_that_espocrm_would_take() {
    let folder = tempfile::tempdir().unwrap();
    let output = max(folder.path(), &["extension", "--out", "packed.zip"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("packed.zip") && text(&output.stdout).contains("Administration"));
    let file = std::fs::File::open(folder.path().join("packed.zip")).unwrap();
    let mut archive = zip::ZipArchive::new(file).unwrap();
    let mut manifest = String::new();
    archive.by_name("manifest.json").unwrap().read_to_string(&mut manifest).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"), "one version for both");
}

#[test]
fn extension_says_where_it_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let output = max(folder.path(), &["extension", "--out", "no/such/folder/max.zip"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no/such/folder/max.zip"), "{}", text(&output.stderr));
}

#[test]
fn link_without_a_daemon_says_so() {
    let folder = folder_with(WHOLE);
    let output = max(folder.path(), &["link", "--config", "config.toml", "--user", "sophie"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("127.0.0.1:1") && said.contains("max run"), "{said}");
    assert_eq!(text(&output.stdout), "", "a script reads the link there");
}

#[test]
fn export_without_anything_to_export_says_so_and_makes_nothing() {
    let folder = folder_with(WHOLE);
    let output = max(folder.path(), &["export", "--config", "config.toml"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("no store in max-data") && said.contains("max run") && !said.contains("k3y"), "{said}");
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["config.toml"]);
    let output = max(folder.path(), &["export", "--config", "config.toml", "--leads", "a", "--activities", "./a"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}

#[test]
fn run_with_a_missing_or_bad_file_ends_at_once() {
    let folder = folder_with("[sync]\npoll_interval = 5\n");
    for (file, word) in [("absent.toml", "absent.toml: cannot be read"), ("config.toml", "sync.poll_interval")] {
        let output = max(folder.path(), &["run", "--config", file]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(word), "{}", text(&output.stderr));
    }
}

#[test]
fn run_says_which_address_is_taken() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = folder_with(&WHOLE.replace("listen = \"127.0.0.1:1\"", &format!("listen = \"{address}\"")));
    let output = max(folder.path(), &["run", "--config", "config.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains(&address), "{}", text(&output.stderr));
}

/// What the command prints about these lines of a file, and how it ends.
fn max_read(lines: &[u8]) -> (String, String, Option<i32>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("messages"), lines).unwrap();
    let output = max(folder.path(), &["read", "messages"]);
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

#[test]
fn read_prints_a_line_per_message_with_its_keys_in_order() {
    let lines = "STOP\n\n{\"id\":\"m-1\",\"text\":\"Combien coûte la formule Pro ?\",\"lang\":\"fr\",\"channel\":\"whatsapp\"}\n{\"id\":7,\"text\":\"\"}";
    let (out, error, code) = max_read(lines.as_bytes());
    assert_eq!((error.as_str(), code), ("", Some(0)));
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(
        lines[0],
        r#"{"id":1,"intent":false,"score":0.0,"category":"unsubscribe","expects_reply":false,"auto_reply":false,"evidence":["STOP"]}"#
    );
    let found: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
    let keys: Vec<&String> = found.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["id", "intent", "score", "category", "expects_reply", "auto_reply", "evidence"]);
    assert_eq!((&found["id"], &found["intent"], &found["category"]), (&"m-1".into(), &true.into(), &"price".into()));
    assert!(found["score"].as_f64().unwrap() >= 0.5, "{found}");
    assert_eq!(
        lines[2],
        r#"{"id":7,"intent":false,"score":0.0,"category":"question","expects_reply":true,"auto_reply":false,"evidence":[]}"#
    );
    assert_eq!(lines.len(), 3, "a blank line is no message");
}

#[test]
fn read_names_the_malformed_line_and_has_printed_those_before() {
    for (line, reason) in [
        (&b"{\"id\":1}"[..], "missing field `text`"),
        (b"{\"text\":\"a\"}", "missing field `id`"),
        (b"{\"id\":[1],\"text\":\"a\"}", "neither a string nor a number"),
        (b"{\"id\":1,\"text\":2}", "invalid type"),
        (b"{broken", "key must be a string"),
        (b"caf\xe9", "not UTF-8"),
    ] {
        let (out, error, code) = max_read(&[b"merci\n".as_slice(), line].concat());
        assert_eq!((out.lines().count(), code), (1, Some(2)), "{error}");
        assert!(error.contains("messages:2") && error.contains(reason), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(max(folder.path(), &["read", "nothing-here"]).status.code(), Some(2));
}

/// What an operator does who wonders about five days, with the command of the README, whatever the configuration says of
/// `no_reply` so far.
#[cfg(unix)]
#[test]
fn the_five_days_of_the_readme_are_five_days() {
    let readme = include_str!("../README.md");
    let command = readme.lines().find(|line| line.contains("> five-days.toml")).unwrap();
    let example = include_str!("../config.example.toml");
    for config in [example, WHOLE, "[rules]\nhot = \"12h\"\n[rules.target]\nNoReply3d = \"2h\"\n", ""] {
        let folder = folder_with(config);
        let shell = std::process::Command::new("sh").args(["-c", command]).current_dir(folder.path()).status().unwrap();
        assert!(shell.success(), "{command}");
        for name in ["leads.ndjson", "activities.ndjson"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let both = ["--config", "config.toml", "--config", "five-days.toml"];
        let files = ["--leads", "leads.ndjson", "--activities", "activities.ndjson"];
        let range = ["--from", "2026-07-01T00:00:00Z", "--to", "2026-09-30T23:59:59Z"];
        let output = max(folder.path(), &[&["backtest"], &files[..], &range[..], &both[..]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let said = text(&output.stdout);
        let differences: Vec<&str> = said.lines().filter(|line| line.contains(" -> \"")).collect();
        assert_eq!(differences, ["rules.no_reply  \"3d\" -> \"5d\""], "{said}");
    }
}

/// Who does not read what was done has it done all the same.
#[test]
fn a_command_is_carried_out_whether_anybody_listens_or_not() {
    let folder = folder_with(WHOLE);
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer
    };
    let code = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_max"));
        let command = command.env_clear().current_dir(folder.path()).args(arguments);
        command.stdout(closed()).stderr(closed()).status().unwrap().code()
    };
    assert_eq!(code(&["extension", "--out", "packed.zip"]), Some(0));
    assert!(folder.path().join("packed.zip").exists());
    assert_eq!(code(&["check", "--config", "config.toml"]), Some(0));
    assert_eq!(code(&["check", "--config", "absent.toml"]), Some(2));
    assert_eq!(code(&["link", "--config", "config.toml", "--user", "x"]), Some(1));
    assert_eq!(code(&["read", "absent"]), Some(2));
    assert_eq!(code(&["dance"]), Some(2));
}
