//! The configuration: every mistake named at once, the environment before the file, no secret ever shown, and an
//! example that leaves nothing out.

use std::collections::BTreeSet;
use std::path::PathBuf;

use assert_cmd::Command;
use max::config::{Config, EXAMPLE};
use max::domain::Timestamp;
use tempfile::TempDir;

/// Enough to run; more keys of `[telegram]` can follow.
const WHOLE: &str = "[espocrm]\nurl = \"https://crm.example.com\"\napi_key = \"k3y-from-file\"\n[telegram]\n";

/// A folder with a configuration file in it.
struct Written {
    folder: TempDir,
}

impl Written {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.toml"), text).unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    /// `max check` on the file with these variables and no others: exit code, standard output and error.
    fn check(&self, variables: &[(&str, &str)]) -> (i32, String, String) {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("max"));
        command.env_clear().envs(variables.iter().copied());
        let output = command.arg("check").arg("--config").arg(self.path()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }
}

fn mistakes(text: &str) -> Vec<(String, String)> {
    let mistakes = Config::from_toml(text).unwrap_err().0;
    mistakes.into_iter().map(|mistake| (mistake.place, mistake.remedy)).collect()
}

/// The example with every key that is commented out as an example written out: `#key = …`, not `# a sentence`.
fn example_written_out() -> String {
    let lines =
        EXAMPLE.lines().map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_mistake_is_named_at_once_with_its_place_and_a_remedy() {
    let file = Written::new(
        r#"
        language = "de"
        colour = "red"
        default_country = "FRA"
        [espocrm]
        url = "crm.example.com"
        timeuot = "5s"
        page_size = "many"
        [sync]
        poll_interval = "15 seconds"
        sweep_interval = "0s"
        [telegram]
        token = "no colon"
        content = "everything"
        [http]
        listen = "0.0.0.0:8080"
        [[http.tokens]]
        name = "short"
        token = "short"
        scopes = []
        [working_hours]
        time_zone = "Paris"
        days = ["mon", "lundi"]
        from = "9h"
        [rules]
        no_reply = "0s"
        [rules.target]
        NoSuchRule = "1h"
        [rules.preferred_channel]
        margin_percent = 130
        [voice]
        templates = "there/is/no/such/folder"
        "#,
    );
    let (code, out, error) = file.check(&[]);
    assert_eq!((code, out.as_str()), (2, ""), "{error}");
    for (place, remedy) in [
        ("language", "`fr` or `en`"),
        ("colour", "no such key"),
        ("default_country", "two letters"),
        ("espocrm.url", "http:// or https://"),
        ("espocrm.api_key", "MAX_ESPOCRM__API_KEY"),
        ("espocrm.timeuot", "`timeout`"),
        ("espocrm.page_size", "is not"),
        ("sync.poll_interval", "\"15m\""),
        ("sync.sweep_interval", "at least"),
        ("telegram.token", "@BotFather"),
        ("telegram.content", "`full` or `minimal`"),
        ("http.tokens[0]", "scopes ="),
        ("http.listen", "16 characters"),
        ("working_hours.time_zone", "Europe/Paris"),
        ("working_hours.days", "`lundi`"),
        ("working_hours.from", "\"09:00\""),
        ("rules.no_reply", "longer than 0s"),
        ("rules.target", "`NoReply3d`"),
        ("rules.preferred_channel.margin_percent", "below 100"),
        ("voice.templates", "no folder"),
    ] {
        let named = error.lines().any(|line| {
            let line = line.trim_start_matches("  - ");
            line.starts_with(place) && line.contains(remedy)
        });
        assert!(named, "{place} with {remedy} is not in\n{error}");
    }
    assert!(error.contains("20 mistakes"), "{error}");
}

#[test]
fn a_file_that_is_no_toml_is_refused_by_its_line_without_quoting_it() {
    for (text, line) in [
        ("[espocrm]\napi_key = \"s3cr3t-k3y", 2),
        ("[telegram]\n\ntoken = 123:s3cr3t-k3y\n", 3),
        ("[telegram]\ntoken = s3cr3t-k3y\n", 2),
        ("[espocrm]\napi_key = \"s3cr3t-k3y\"\napi_key = \"s3cr3t-k3y\"\n", 3),
    ] {
        let (code, _, error) = Written::new(text).check(&[]);
        assert_eq!(code, 2);
        assert!(error.contains(&format!("config.toml, line {line}: is not TOML")), "{error}");
        assert!(!error.contains("s3cr3t-k3y"), "{error}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named_with_what_to_do() {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("max"));
    let output = command.env_clear().args(["run", "--config", "no-such-config.toml"]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(error.contains("no-such-config.toml: cannot be read") && error.contains("config.example.toml"), "{error}");
}

#[test]
fn the_environment_beats_the_file_and_the_file_the_default() {
    let file = Written::new(&format!("{WHOLE}[sync]\npoll_interval = \"40s\"\n"));
    let (_, from_file, _) = file.check(&[]);
    assert!(from_file.contains("https://crm.example.com (API key), polled every 40s"), "{from_file}");
    assert!(from_file.contains("max-data"), "the default of store.path: {from_file}");
    let (code, out, error) = file.check(&[
        ("MAX_ESPOCRM__URL", "https://other.example.com"),
        ("MAX_ESPOCRM__SECRET_KEY", "s3cr3t-k3y"),
        ("MAX_SYNC__POLL_INTERVAL", "20s"),
        ("MAX_STORE__PATH", "/var/lib/max"),
        ("MAX_TELEGRAM__TOKEN", "1:abc"),
    ]);
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("https://other.example.com (HMAC), polled every 20s"), "{out}");
    assert!(out.contains("/var/lib/max") && out.contains("https://api.telegram.org"), "{out}");
}

#[test]
fn the_environment_alone_is_enough() {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("max"));
    command.env_clear().env("MAX_ESPOCRM__URL", "https://crm.example.com").env("MAX_ESPOCRM__API_KEY", "k");
    let output = command.arg("check").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_misspelt_variable_is_named_and_a_foreign_one_left_alone() {
    let file = Written::new(WHOLE);
    let (code, _, error) = file.check(&[("MAX_ESPOCRM_API_KEY", "s3cr3t-k3y"), ("MAX_SYNC__PAUSE", "1s")]);
    assert_eq!(code, 2);
    assert!(error.contains("MAX_ESPOCRM_API_KEY: ") && error.contains("MAX_ESPOCRM__API_KEY"), "{error}");
    assert!(error.contains("sync.pause: unknown field"), "{error}");
    assert!(!error.contains("s3cr3t-k3y"), "{error}");
    let path = file.path().display().to_string();
    let (code, _, error) = file.check(&[("MAX_CONFIG", &path), ("MAX_OPEN_FILES", "10"), ("MAXIMUM", "1")]);
    assert_eq!(code, 0, "{error}");
}

#[test]
fn the_file_can_be_named_by_the_environment() {
    let file = Written::new(WHOLE);
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("max"));
    let output = command.env_clear().env("MAX_CONFIG", file.path()).arg("check").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn secrets_are_shown_nowhere() {
    let whole = format!(
        "{WHOLE}token = \"123:s3cr3t-k3y\"\n[[http.tokens]]\nname = \"crm\"\ntoken = \"s3cr3t-k3y\"\nscopes = [\"log\"]\n"
    )
    .replace("k3y-from-file", "s3cr3t-k3y\"\nsecret_key = \"s3cr3t-k3y");
    let shown = format!("{:?}", Config::from_toml(&whole).unwrap());
    assert!(shown.contains("crm.example.com") && !shown.contains("s3cr3t-k3y"), "{shown}");
    // A secret in the wrong shape, or one level too high, is found wrong without being repeated.
    for text in [
        "[http]\ntokens = \"s3cr3t-k3y\"",
        "[[http.tokens]]\nname = \"crm\"\ntoken = \"s3cr3t-k3y\"\nscopes = [\"logs\"]",
        "[[http.tokens]]\ntoken = \"s3cr3t-k3y\"\nscopes = [\"log\"]",
        "[espocrm]\napi_key = [\"s3cr3t-k3y\"]",
        "[espocrm]\nsecret_key = { hmac = \"s3cr3t-k3y\" }",
        "[http]\ntokens = [\"s3cr3t-k3y\"]",
        "telegram = \"123:s3cr3t-k3y\"",
        "[telegram]\ntoken = \"s3cr3t-k3y\"",
    ] {
        let shown = format!("{:?} {0}", Config::from_toml(text).unwrap_err());
        assert!(!shown.contains("s3cr3t-k3y"), "{text}: {shown}");
    }
}

#[tokio::test]
async fn secrets_stay_out_of_what_is_kept_and_of_network_errors() {
    let hook =
        max::store::Hook { id: "6500".to_owned(), event: "Lead.update".to_owned(), secret: "s3cr3t-k3y".to_owned() };
    assert!(!format!("{hook:?}").contains("s3cr3t-k3y"));
    // The Bot API has the token in its addresses, and addresses are in network errors.
    let bot = max::telegram::api::Api::new(&"123:s3cr3t-k3y".into(), "http://127.0.0.1:1").unwrap();
    let error = bot.user_name().await.unwrap_err();
    assert!(!format!("{error} {error:?} {bot:?}").contains("s3cr3t-k3y"), "{error}");
}

#[test]
fn the_example_is_in_order_as_it_is_and_with_every_key_written_out() {
    Config::from_toml(EXAMPLE).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text = example_written_out().replace("\"my-templates\"", &format!("{:?}", folder.path()));
    let config = Config::from_toml(&text).unwrap();
    assert_eq!((config.http.tokens.len(), config.teams.len(), config.stand_ins.len()), (1, 1, 1));
    assert_eq!(config.espocrm.activities.len(), 1);
    assert!(config.telegram.fallback_chat.is_some() && config.rules.active_statuses.is_some());
}

/// The example says what the default is; a default that moves without it would make it lie.
#[test]
fn the_example_states_the_defaults() {
    let bare = Config::from_toml("[espocrm]\nurl = \"https://crm.example.com\"\napi_key = \"paste-the-api-key-here\"");
    assert_eq!(format!("{:?}", Config::from_toml(EXAMPLE).unwrap()), format!("{:?}", bare.unwrap()));
}

/// The keys that a table knows: what it says when it is given one that it does not.
fn known_keys(table: &str) -> BTreeSet<String> {
    let header = if table.starts_with("[[") { table.to_owned() } else { format!("[{table}]") };
    let found = mistakes(&format!("{header}\nno_such_key = 1\n"));
    let (_, remedy) = found
        .iter()
        .find(|(_, remedy)| remedy.contains("`no_such_key`"))
        .unwrap_or_else(|| panic!("{table} takes any key: {found:?}"));
    let keys = remedy.split_once("expected").expect("it says what it expects").1;
    keys.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_example_explains_every_key_there_is() {
    let example: toml::Table = toml::from_str(&example_written_out()).unwrap();
    let top = &mistakes("no_such_key = 1")[0].1;
    for name in top.split_once("known are ").unwrap().1.split(", ") {
        assert!(example.contains_key(name), "{name} is not in config.example.toml");
    }
    for table in ["store", "espocrm", "sync", "telegram", "http", "working_hours", "rules", "leads", "voice"] {
        let section = example[table].as_table().unwrap();
        for key in known_keys(table) {
            assert!(section.contains_key(&key), "[{table}] {key} is not in config.example.toml");
        }
    }
    let preferred = example["rules"]["preferred_channel"].as_table().unwrap();
    let token = example["http"]["tokens"][0].as_table().unwrap();
    let first_of = |table: &str| example[table].as_table().unwrap().values().next().unwrap().as_table().unwrap();
    let (team, person) = (first_of("teams"), first_of("people"));
    for (table, section) in [
        ("rules.preferred_channel", preferred),
        ("[[http.tokens]]", token),
        ("teams.\"x\"", team),
        ("people.\"x\"", person),
    ] {
        for key in known_keys(table) {
            assert!(section.contains_key(&key), "[{table}] {key} is not in config.example.toml");
        }
    }
    let explained = include_str!("../templates/espocrm-activities.toml");
    for key in known_keys("[[espocrm.activities]]") {
        assert!(explained.contains(&format!("#   {key} ")), "{key} is not explained in espocrm-activities.toml");
    }
}

#[test]
fn hours_and_days_off_are_understood_and_a_wrong_one_is_named() {
    let hours = r#"
        default_country = "BE"
        [working_hours]
        holidays = ["2026-12-24", "2026-08-01..2026-08-15"]
        [working_hours.weekdays]
        fri = ["09:00-12:00"]
        sat = ["10:00-12:00"]
        [people."u1"]
        time_zone = "America/Montreal"
        away = ["2026-03-02..2026-03-08"]
    "#;
    let config = Config::from_toml(&format!("{hours}\n{WHOLE}")).unwrap();
    let open = |at: &str| config.calendar.is_open(Timestamp::parse_rfc3339(at).unwrap());
    assert!(open("2026-03-06T11:59:59+01:00") && !open("2026-03-06T12:00:00+01:00"));
    assert!(open("2026-03-07T11:00:00+01:00"), "a Saturday with hours of its own");
    assert!(!open("2026-12-24T10:00:00+01:00") && !open("2026-08-15T10:30:00+02:00"));
    assert!(!open("2026-07-21T10:00:00+02:00") && open("2026-07-14T10:00:00+02:00"), "Belgium's holidays");
    assert!(config.people.values().all(|person| person.zone == Some(chrono_tz::America::Montreal)));

    let wrong = r#"
        [working_hours]
        country = "ZZ"
        holidays = ["24 December", "2026-08-15..2026-08-01"]
        [working_hours.weekdays]
        fri = ["12:00-09:00"]
        friday_afternoon = ["09:00-12:00"]
        [people."u1"]
        time_zone = "Mars"
        from = "18:00"
        to = "09:00"
        away = ["soon"]
    "#;
    let found = mistakes(&format!("{wrong}\n{WHOLE}"));
    for (place, word) in [
        ("working_hours.country", "`ZZ`"),
        ("working_hours.holidays", "`24 December`"),
        ("working_hours.holidays", "`2026-08-15..2026-08-01`"),
        ("working_hours.weekdays.fri", "`12:00-09:00`"),
        ("working_hours.weekdays.friday_afternoon", "`friday_afternoon`"),
        ("people.u1.time_zone", "`Mars`"),
        ("people.u1", "`from` must be before"),
        ("people.u1.away", "`soon`"),
    ] {
        let names = |(at, remedy): &&(String, String)| at == place && remedy.contains(word);
        assert!(found.iter().any(|one| names(&one)), "{place} {word}: {found:?}");
    }
}
