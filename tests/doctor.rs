//! `max doctor`: a table of what can go wrong, each made to go wrong against the sandboxes and found by its own check,
//! with a remedy; and how it is called.

use assert_cmd::Command;
use max::cli::doctor::{Finding, State, examine};
use max::clock::Clock;
use max::config::Config;
use max::domain::{DAY, HOUR, Timestamp};
use max::espo::admin::Admin;
use max::espo::extension;
use max::sandbox::espo::{API_KEY, EspoSandbox, Fault, Grant, Options, Reach, Rights};
use max::sandbox::telegram::{self, TelegramSandbox};
use serde_json::{Value, json};

use crate::support::{World, group_account};

/// A CRM and a Telegram in which nothing is wrong, and no daemon.
struct Patient {
    espo: EspoSandbox,
    telegram: TelegramSandbox,
    clock: Clock,
    folder: tempfile::TempDir,
}

impl Patient {
    async fn healthy() -> Self {
        Self::with(Options::default()).await
    }

    async fn with(options: Options) -> Self {
        let clock = Clock::manual(Timestamp::parse_espo("2026-11-22 15:30:00").unwrap());
        let espo = EspoSandbox::start(clock.clone(), options).await.unwrap();
        let telegram = TelegramSandbox::start(clock.clone(), telegram::Options::default()).await.unwrap();
        let admin = Admin::new(&espo.url(), "admin", &"admin".into()).unwrap();
        let id = admin.upload(&extension::archive().unwrap()).await.unwrap();
        admin.install(&id).await.unwrap();
        Self { espo, telegram, clock, folder: tempfile::tempdir().unwrap() }
    }

    fn config(&self) -> String {
        format!(
            "[espocrm]\nurl = \"{}\"\napi_key = \"{API_KEY}\"\n[telegram]\ntoken = \"{}\"\napi_url = \"{}\"\n\
             [store]\npath = \"{}\"\n[http]\nlisten = \"127.0.0.1:1\"\n",
            self.espo.url(),
            telegram::Options::default().token,
            self.telegram.url(),
            self.folder.path().join("store").display(),
        )
    }

    async fn examined(&self, config: &str) -> Vec<Finding> {
        examine(&Config::from_toml(config).unwrap(), &self.clock).await
    }
}

fn the<'a>(findings: &'a [Finding], check: &str) -> &'a Finding {
    findings.iter().find(|finding| finding.check == check).unwrap_or_else(|| panic!("no {check}: {findings:#?}"))
}

/// Just these checks found a problem, and each has a remedy.
fn problems(findings: &[Finding]) -> Vec<&str> {
    let found: Vec<&Finding> = findings.iter().filter(|finding| finding.state == State::Problem).collect();
    assert!(found.iter().all(|finding| !finding.remedy.is_empty()), "{found:#?}");
    found.iter().map(|finding| finding.check.as_str()).collect()
}

#[tokio::test]
async fn where_nothing_is_wrong_nothing_is_found() {
    let patient = Patient::healthy().await;
    let findings = patient.examined(&patient.config()).await;
    assert_eq!(problems(&findings), [""; 0], "{findings:#?}");
    assert_eq!(the(&findings, "crm.credentials").found, "the key of API user max_api");
    assert_eq!(the(&findings, "crm.extension").found, extension::Build::ours().to_string());
    assert_eq!(the(&findings, "telegram.bot").state, State::Ok);
    assert_eq!(the(&findings, "daemon").state, State::Note, "none runs");
    let said = format!("{findings:?}");
    assert!(!said.contains(API_KEY) && !said.contains(&telegram::Options::default().token), "{said}");
    assert!(patient.espo.requests().iter().skip(2).all(|request| request.method == "GET"), "it changes nothing");
}

#[tokio::test]
async fn each_thing_that_is_wrong_is_found_by_its_own_check() {
    type Harm = fn(&Patient, &str) -> String;
    let table: [(&str, Harm); 18] = [
        ("crm.credentials", |_, config| config.replace(API_KEY, "another")),
        ("crm.url", |patient, config| {
            patient.espo.fail(Fault::Down);
            config.to_owned()
        }),
        ("crm.url", |patient, config| {
            patient.espo.fail(Fault::Html { status: 200, times: 9 });
            config.to_owned()
        }),
        ("crm.url", |patient, config| {
            patient.espo.fail(Fault::Status { status: 503, times: 9 });
            config.to_owned()
        }),
        ("crm.right.Lead", |patient, config| {
            let team = Grant { read: Reach::Team, ..Grant::WRITE };
            patient.espo.set_rights("max_api", &Rights::of_max().with("Lead", team));
            config.to_owned()
        }),
        ("crm.right.MaxAlert", |patient, config| {
            patient.espo.set_rights("max_api", &Rights::of_max().with("MaxAlert", Grant::READ));
            config.to_owned()
        }),
        ("crm.right.Webhook", |patient, config| {
            patient.espo.set_rights("max_api", &Rights::of_max().with("Webhook", Grant::NONE));
            config.to_owned()
        }),
        ("crm.right.assignment", |patient, config| {
            patient.espo.set_rights("max_api", &Rights { assignment: Some(Reach::Team), ..Rights::of_max() });
            config.to_owned()
        }),
        ("crm.clock", |patient, config| {
            // The CRM's clock is the one that is moved; ours is asked for at a standstill below.
            patient.clock.advance(DAY);
            config.to_owned()
        }),
        ("crm.webhooks", |_, config| config.replace("[http]\n", "[http]\npublic_url = \"https://max.example\"\n")),
        ("crm.archive_status", |_, config| format!("{config}[leads]\narchive_status = \"Buried\"\n")),
        ("crm.archive_status", |_, config| format!("{config}[leads]\narchive_status = \"In Process\"\n")),
        ("crm.right.Email", |patient, config| {
            patient.espo.create("InboundEmail", "admin", group_account());
            patient.espo.set_rights("max_api", &Rights::of_max().with("Email", Grant::READ));
            sending(config)
        }),
        ("crm.mail", |_, config| sending(config)),
        ("crm.mail", |patient, config| {
            patient.espo.create("InboundEmail", "admin", group_account());
            patient.espo.set_rights("max_api", &Rights { group_accounts: None, ..Rights::of_max() });
            sending(config)
        }),
        ("crm.mail", |patient, config| {
            let account = patient.espo.create("InboundEmail", "admin", group_account());
            patient.espo.update("InboundEmail", &account, "admin", json!({"status": "Inactive"}));
            sending(config)
        }),
        ("telegram.bot", |_, config| config.replace("token = \"", "token = \"9")),
        ("config", |patient, config| {
            let folder = patient.folder.path().join("voice");
            std::fs::create_dir_all(folder.join("fr")).unwrap();
            std::fs::write(folder.join("fr/alert.html.j2"), "{% if %}").unwrap();
            format!("{config}[voice]\ntemplates = \"{}\"\n", folder.display())
        }),
    ];
    for (check, harm) in table {
        let patient = Patient::healthy().await;
        let here = Clock::manual(patient.clock.now());
        let config = harm(&patient, &patient.config());
        let findings = examine(&Config::from_toml(&config).unwrap(), &here).await;
        assert_eq!(problems(&findings), [check], "{findings:#?}");
    }
}

#[tokio::test]
async fn an_old_crm_and_a_missing_extension_are_found() {
    let old = Patient::with(Options { shown_version: Some("8.4.2".to_owned()), ..Options::default() }).await;
    let findings = old.examined(&old.config()).await;
    assert_eq!(problems(&findings), ["crm.version"]);

    let patient = Patient::healthy().await;
    let admin = Admin::new(&patient.espo.url(), "admin", &"admin".into()).unwrap();
    let id = admin.extensions().await.unwrap()[0].id.clone();
    admin.uninstall(&id).await.unwrap();
    let findings = patient.examined(&patient.config()).await;
    let found = problems(&findings);
    assert!(found.contains(&"crm.extension") && found.contains(&"crm.index"), "{found:?}");
    assert!(the(&findings, "crm.extension").remedy.contains("max setup"));
}

#[tokio::test]
async fn working_hours_in_another_zone_are_worth_a_note() {
    let patient = Patient::with(Options { time_zone: "America/New_York".to_owned(), ..Options::default() }).await;
    let findings = patient.examined(&patient.config()).await;
    let zone = the(&findings, "crm.time_zone");
    assert!(zone.state == State::Note && zone.found.contains("America/New_York"), "{zone:?}");
}

/// The same where reps have mails sent.
fn sending(config: &str) -> String {
    config.replace("[espocrm]\n", "[espocrm]\nmail_from = \"Contact@max.example\"\n")
}

#[tokio::test]
async fn mails_that_can_leave_are_in_order() {
    let patient = Patient::healthy().await;
    patient.espo.create("InboundEmail", "admin", group_account());
    let findings = patient.examined(&sending(&patient.config())).await;
    assert_eq!(problems(&findings), [""; 0], "{findings:#?}");
    assert_eq!(the(&findings, "crm.mail").found, "mails go from Contact@max.example");
}

#[tokio::test]
async fn a_mail_that_cannot_leave_is_told_with_its_place_and_remedy() {
    let patient = Patient::healthy().await;
    let shown = async |rights: Rights| {
        patient.espo.set_rights("max_api", &rights);
        let findings = patient.examined(&sending(&patient.config())).await;
        let mail = the(&findings, "crm.mail").clone();
        format!("{} → {}", mail.found, mail.remedy)
    };
    let none = shown(Rights { group_accounts: None, ..Rights::of_max() }).await;
    assert!(none.contains("Permission is no") && none.contains("Administration > Roles > M.A.X."), "{none}");
    let account = shown(Rights::of_max()).await;
    assert!(account.contains("Administration > Group Email Accounts > Contact@max.example"), "{account}");
    patient.espo.create("InboundEmail", "admin", group_account());
    let team = shown(Rights { group_accounts: Some(Reach::Team), ..Rights::of_max() }).await;
    assert!(team.contains("belongs to a team of API user max_api"), "{team}");
}

#[tokio::test]
async fn working_hours_that_may_not_be_read_are_worth_a_note() {
    let patient = Patient::healthy().await;
    assert_eq!(the(&patient.examined(&patient.config()).await, "crm.right.WorkingTimeCalendar").state, State::Ok);
    patient.espo.set_rights("max_api", &Rights::of_max().with("WorkingTimeCalendar", Grant::NONE));
    let findings = patient.examined(&patient.config()).await;
    assert_eq!(problems(&findings), [""; 0], "{findings:#?}");
    let right = the(&findings, "crm.right.WorkingTimeCalendar");
    assert!(right.state == State::Note && right.found.contains("those of the configuration"), "{right:?}");
    assert!(right.remedy.contains("max setup"), "{right:?}");
}

#[tokio::test]
async fn a_group_without_the_bot_is_named_with_its_line() {
    const GROUP: i64 = -1_000_000_001;
    let patient = Patient::healthy().await;
    let config = format!("{}[teams.\"t1\"]\nchat = {GROUP}\n", patient.config());
    let check = format!("telegram.group.{GROUP}");
    let unknown = patient.examined(&config).await;
    assert_eq!(the(&unknown, &check).state, State::Problem, "{unknown:#?}");
    patient.telegram.open_group(GROUP, "Ventes");
    assert_eq!(the(&patient.examined(&config).await, &check).state, State::Ok);
    patient.telegram.block(GROUP);
    let removed = patient.examined(&config).await;
    assert_eq!(problems(&removed), [check.as_str()]);
    let group = the(&removed, &check);
    assert!(group.found.contains("the bot is not in this group") && group.found.contains("kicked"), "{group:?}");
    assert!(group.remedy.contains("[teams.\"t1\"] chat"), "{group:?}");
    patient.telegram.unblock(GROUP);
    patient.telegram.migrate_group(GROUP, GROUP - 1).unwrap();
    let moved = patient.examined(&config).await;
    assert!(the(&moved, &check).remedy.contains("write -1000000002 into"), "{moved:#?}");
}

/// The configuration of a world's daemon, with the address it really listens on.
fn of_daemon(world: &World) -> Config {
    let mut config = Config::from_toml(world.config()).unwrap();
    config.http.listen = world.app().address;
    config
}

#[tokio::test]
async fn a_daemon_that_runs_tells_of_itself_and_its_store() {
    let world = World::begin().await;
    world.lead("Sophie", HOUR, json!({}));
    world.settle().await;
    let findings = examine(&of_daemon(&world), &world.clock).await;
    for check in ["daemon", "daemon.poll", "daemon.crm", "daemon.telegram", "daemon.alarm", "store", "store.outbox"] {
        assert_eq!(the(&findings, check).state, State::Ok, "{findings:#?}");
    }
    assert_eq!(the(&findings, "telegram.linked").found, "1 linked; every owner of leads is heard for");

    // Camille owns a lead, and nobody linked her account; Luc blocks the bot.
    let camille = crate::support::CAMILLE.0;
    world.lead("Jean", HOUR, json!({"assignedUserId": camille}));
    world.settle().await;
    let findings = examine(&of_daemon(&world), &world.clock).await;
    assert!(the(&findings, "telegram.linked").found.contains("Camille"), "{findings:#?}");

    world.espo.fail(Fault::Down);
    world.clock.advance(HOUR);
    assert!(world.app().crm.look_now().await.is_err());
    let findings = examine(&of_daemon(&world), &world.clock).await;
    let found = problems(&findings);
    assert!(["crm.url", "daemon.poll", "daemon.crm"].iter().all(|check| found.contains(check)), "{found:?}");
    world.espo.heal();
    world.end().await;
}

#[tokio::test]
async fn webhooks_that_come_in_are_told_of() {
    let setting = crate::support::Setting { webhooks: true, ..Default::default() };
    let world = World::with(setting, |_| {}).await;
    world.lead("Sophie", HOUR, json!({"createdAt": world.ago(0)}));
    world.settle().await;
    let mut config = of_daemon(&world);
    if config.http.public_url.is_empty() {
        config.http.public_url = "https://max.example".to_owned();
    }
    let findings = examine(&config, &world.clock).await;
    let webhooks = the(&findings, "daemon.webhooks");
    assert!(webhooks.state == State::Ok && webhooks.found.contains("Lead.create"), "{webhooks:?}");
    world.end().await;
}

#[tokio::test]
async fn without_the_daemon_the_store_is_looked_into_by_itself() {
    let mut world = World::begin().await;
    world.lead("Sophie", HOUR, json!({}));
    world.settle().await;
    let mut config = of_daemon(&world);
    world.stop().await;
    // Nobody listens there.
    config.http.listen.set_port(1);
    let findings = examine(&config, &world.clock).await;
    assert_eq!(the(&findings, "daemon").state, State::Note);
    assert!(the(&findings, "store").found.starts_with("1 leads"), "{findings:#?}");
    assert_eq!(the(&findings, "store.backfill").state, State::Ok);
}

/// Its layout is the next start's to change: after that, the program before can no longer be gone back to.
#[tokio::test]
async fn an_older_store_is_left_as_it_is() {
    let mut world = World::begin().await;
    world.lead("Sophie", HOUR, json!({}));
    world.settle().await;
    let mut config = of_daemon(&world);
    world.stop().await;
    world.back_to_schema_1();
    config.http.listen.set_port(1);
    for _ in 0..2 {
        let findings = examine(&config, &world.clock).await;
        let store = the(&findings, "store");
        assert!(store.state == State::Note && store.found.contains("an earlier version"), "{store:?}");
    }
    world.start().await;
    world.settle().await;
    world.end().await;
}

#[test]
fn called_without_a_configuration_that_can_be_read_it_is_misuse() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.toml"), "[espocrm]\nurl = \"nowhere\"\n").unwrap();
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("max"));
    let output =
        command.env_clear().current_dir(folder.path()).args(["doctor", "--config", "c.toml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_read_json_and_the_exit_code() {
    let patient = Patient::healthy().await;
    let run = async |config: String| {
        std::fs::write(patient.folder.path().join("c.toml"), config).unwrap();
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("max"));
        command.env_clear().current_dir(patient.folder.path()).args(["doctor", "--json", "--config", "c.toml"]);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code().unwrap(), json)
    };
    let (code, json) = run(patient.config().replace(API_KEY, "another")).await;
    assert_eq!((code, &json["problems"]), (1, &json!(1)));
    let refused = json["findings"].as_array().unwrap().iter().find(|finding| finding["state"] == "problem").unwrap();
    assert!(
        refused["check"] == "crm.credentials" && refused["remedy"].as_str().unwrap().contains("api_key"),
        "{refused}"
    );
    assert!(!json.to_string().contains("another\""), "the key is not shown");
}
