//! `max setup` against sandboxes: what it shows before it acts, what it makes, that a second run changes nothing, that a
//! half-done run goes on, and that it takes away what it made.

use std::process::Output;

use assert_cmd::Command;
use max::clock::Clock;
use max::sandbox::espo::{EspoSandbox, Fault, Options, Version};
use serde_json::{Value, json};
use tempfile::TempDir;

const HOOKS: &str = "https://max.example";

/// A bare CRM, and a folder to call `max setup` from.
struct Desk {
    espo: EspoSandbox,
    folder: TempDir,
}

impl Desk {
    async fn bare() -> Self {
        Self::with(Options::bare(Version::V10)).await
    }

    async fn with(options: Options) -> Self {
        // The program asks the machine for the time.
        Self { espo: EspoSandbox::start(Clock::system(), options).await.unwrap(), folder: tempfile::tempdir().unwrap() }
    }

    async fn setup(&self, arguments: &[&str]) -> Output {
        self.setup_as("admin", "admin", arguments).await
    }

    async fn setup_as(&self, admin: &str, password: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("max"));
        command.env_clear().env("MAX_ADMIN_PASSWORD", password).current_dir(self.folder.path());
        command.args(["setup", "--url", &self.espo.url(), "--admin", admin]).args(arguments);
        // The sandbox answers from this runtime.
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// Prepares the CRM, and fails when that does.
    async fn prepared(&self, arguments: &[&str]) -> String {
        let output = self.setup(&[&["--yes"], arguments].concat()).await;
        assert_eq!(output.status.code(), Some(0), "{}{}", said(&output), text(&output.stderr));
        said(&output)
    }

    /// The requests since `from` that change something.
    fn writes_since(&self, from: usize) -> Vec<String> {
        let requests = self.espo.requests();
        let written = requests[from..].iter().filter(|request| request.method != "GET");
        written.map(|request| format!("{} {}", request.method, request.path)).collect()
    }

    fn the(&self, entity: &str, key: &str, value: &str) -> Value {
        let all = self.espo.list(entity);
        all.into_iter().find(|row| row[key] == value).unwrap_or_else(|| panic!("no {entity} with {key} {value}"))
    }

    fn count(&self, entity: &str) -> usize {
        self.espo.list(entity).len()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn said(output: &Output) -> String {
    text(&output.stdout)
}

/// The line of the plan about something.
fn line<'a>(plan: &'a str, what: &str) -> &'a str {
    plan.lines()
        .find(|line| line.get(4..).is_some_and(|rest| rest.starts_with(what)))
        .unwrap_or_else(|| panic!("{what}: {plan}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_crm_is_prepared_and_a_second_run_changes_nothing() {
    for version in [Version::V9, Version::V10] {
        let desk = Desk::with(Options::bare(version)).await;
        let shown = said(&desk.setup(&["--dry-run", "--webhook-url", HOOKS]).await);
        for (what, sign) in [("extension M.A.X.", "+"), ("role M.A.X.", "+"), ("API user max", "+"), ("webhooks", "+")]
        {
            assert!(line(&shown, what).trim_start().starts_with(sign), "{shown}");
        }
        assert!(line(&shown, "webhookAllowedAddressList").contains("max.example:443"), "{shown}");
        assert_eq!(desk.writes_since(0), [""; 0], "shown, not done");

        let done = desk.prepared(&["--config", "c.toml", "--write", "--webhook-url", HOOKS]).await;
        assert!(done.contains("c.toml is written"), "{done}");
        let role = desk.the("Role", "name", "M.A.X.");
        assert_eq!(role["assignmentPermission"], "all");
        assert_eq!(role["data"]["Lead"], json!({"create": "no", "read": "all", "edit": "all", "delete": "no"}));
        assert_eq!(role["data"]["Webhook"], true);
        let user = desk.the("User", "userName", "max");
        assert_eq!((&user["type"], &user["rolesIds"][0]), (&json!("api"), &role["id"]));
        let hook = desk.the("Webhook", "event", "Lead.update");
        assert_eq!(hook["url"], format!("{HOOKS}/webhooks/espocrm/Lead/update"));
        assert_eq!((&hook["skipOwn"], &hook["createdById"]), (&json!(true), &user["id"]), "the API user's own");
        let written = std::fs::read_to_string(desk.folder.path().join("c.toml")).unwrap();
        assert!(written.contains(user["apiKey"].as_str().unwrap()) && !done.contains(user["apiKey"].as_str().unwrap()));

        let before = desk.espo.requests().len();
        let again = desk.prepared(&["--config", "c.toml", "--write"]).await;
        assert!(again.contains("Everything is in place; nothing was changed."), "{again}");
        assert_eq!(desk.writes_since(before), [""; 0], "the login and reads, no more");
        assert_eq!(std::fs::read_to_string(desk.folder.path().join("c.toml")).unwrap(), written);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_mails_are_to_be_sent_the_role_gets_what_that_needs_and_the_account_is_looked_at() {
    let desk = Desk::bare().await;
    let config = "[espocrm]\nmail_from = \"contact@max.example\"\n";
    std::fs::write(desk.folder.path().join("c.toml"), config).unwrap();
    let done = desk.prepared(&["--config", "c.toml", "--write"]).await;
    let account = line(&done, "group account contact@max.example");
    assert!(account.contains("there is none") && account.contains("Administration > Group Email Accounts"), "{done}");
    let role = desk.the("Role", "name", "M.A.X.");
    assert_eq!(
        (&role["data"]["Email"]["create"], &role["groupEmailAccountPermission"]),
        (&json!("yes"), &json!("all"))
    );

    let id =
        desk.espo.create("InboundEmail", "admin", json!({"name": "Contact", "emailAddress": "Contact@max.example"}));
    let shown = said(&desk.setup(&["--dry-run", "--config", "c.toml"]).await);
    let lacking = line(&shown, "group account contact@max.example");
    assert!(lacking.contains("Use SMTP with its server, SMTP Is Shared") && !lacking.contains("Active"), "{shown}");
    desk.espo.update("InboundEmail", &id, "admin", json!({"useSmtp": true, "smtpIsShared": true}));
    desk.espo.update("Role", role["id"].as_str().unwrap(), "admin", json!({"groupEmailAccountPermission": "no"}));
    let shown = desk.prepared(&["--config", "c.toml"]).await;
    assert!(line(&shown, "group account contact@max.example").contains("active, sends by SMTP, shared"), "{shown}");
    assert!(line(&shown, "role M.A.X.").contains("group email account permission: no instead of all"), "{shown}");
    assert_eq!(desk.the("Role", "name", "M.A.X.")["groupEmailAccountPermission"], "all");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_write_the_key_is_shown_once_it_is_there() {
    let desk = Desk::bare().await;
    let said = desk.prepared(&[]).await;
    let key = desk.the("User", "userName", "max")["apiKey"].as_str().unwrap().to_owned();
    assert!(said.contains(&format!("api_key = \"{key}\"")) && said.contains(&desk.espo.url()), "{said}");
    assert!(line(&said, "webhooks").contains("none wanted"), "{said}");
    assert_eq!(desk.count("Webhook"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_to_be_asked_means_nothing_is_done() {
    let desk = Desk::bare().await;
    let output = desk.setup(&[]).await;
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("--yes"));
    assert_eq!(desk.writes_since(0), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_tried_once_and_shown_nowhere() {
    let desk = Desk::bare().await;
    let output = desk.setup_as("admin", "not-the-password", &["--yes"]).await;
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("refuses the login of admin") && told.contains("locks this address out"), "{told}");
    assert!(!told.contains("not-the-password") && !said(&output).contains("not-the-password"));
    assert_eq!(desk.espo.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_no_administrator_is_told_so() {
    let desk = Desk::with(Options { accounts: Options::default().accounts, ..Options::bare(Version::V10) }).await;
    let mut options = Options::bare(Version::V10);
    options.accounts[0].kind = max::sandbox::espo::UserKind::Regular;
    let desk_of_rep = Desk::with(options).await;
    let output = desk_of_rep.setup(&["--yes"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no administrator"), "{}", text(&output.stderr));
    assert_eq!(desk.writes_since(0), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_done_run_goes_on_where_it_was() {
    let desk = Desk::with(Options { misrouted: 3, ..Options::bare(Version::V10) }).await;
    desk.espo.create("User", "admin", json!({"userName": "spare", "lastName": "Spare", "type": "regular"}));
    // The extension goes in; then the server gives up.
    let output = desk.setup(&["--dry-run"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    desk.prepared(&[]).await;
    let user = desk.the("User", "userName", "max")["id"].as_str().unwrap().to_owned();
    desk.espo.delete("User", &user, "admin");
    desk.espo.fail(Fault::RefuseWrites { status: 500, times: 1 });
    let output = desk.setup(&["--yes", "--webhook-url", HOOKS]).await;
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("API user max did not go through") && told.contains("run again"), "{told}");
    let again = desk.prepared(&["--webhook-url", HOOKS]).await;
    assert!(line(&again, "extension").contains("already right") && line(&again, "API user").contains("will create"));
    assert_eq!(desk.count("Role"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_of_an_earlier_build_is_replaced_and_a_newer_one_is_not() {
    // What is there from the beginning does not say which build it is.
    let desk = Desk::with(Options { extension: true, ..Options::bare(Version::V10) }).await;
    let done = desk.prepared(&[]).await;
    assert!(line(&done, "extension").contains("of an earlier build →"), "{done}");
    assert_eq!(desk.espo.list("Extension").len(), 1);

    let installed = desk.the("Extension", "name", "M.A.X.");
    desk.espo.update_silently("Extension", installed["id"].as_str().unwrap(), json!({"version": "99.0.0"}));
    let before = desk.espo.requests().len();
    assert!(line(&desk.prepared(&[]).await, "extension").contains("already right"), "the build decides, not the label");
    assert_eq!(desk.writes_since(before), [""; 0]);

    let newer = Desk::with(Options { extension: true, ..Options::bare(Version::V10) }).await;
    let installed = newer.the("Extension", "name", "M.A.X.");
    newer.espo.update_silently("Extension", installed["id"].as_str().unwrap(), json!({"version": "99.0.0"}));
    let output = newer.setup(&["--yes"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("99.0.0, newer than"), "{}", text(&output.stderr));
    assert_eq!(newer.writes_since(0), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_is_added_and_what_a_person_allowed_stays() {
    let desk = Desk::bare().await;
    desk.prepared(&[]).await;
    let role = desk.the("Role", "name", "M.A.X.");
    let mut data = role["data"].clone();
    data["Lead"]["read"] = json!("team");
    data["Opportunity"] = json!({"create": "no", "read": "all", "edit": "no", "delete": "all"});
    let id = role["id"].as_str().unwrap();
    desk.espo.update("Role", id, "admin", json!({"data": data, "assignmentPermission": "not-set"}));
    let done = desk.prepared(&[]).await;
    let change = line(&done, "role M.A.X.");
    assert!(change.contains("Lead read: team instead of all; assignment permission: not-set instead of all"), "{done}");
    assert!(
        done.contains("allows more than M.A.X. needs, and is left so: Opportunity read all, Opportunity delete all"),
        "{done}"
    );
    let role = desk.the("Role", "name", "M.A.X.");
    assert_eq!((&role["data"]["Lead"]["read"], &role["assignmentPermission"]), (&json!("all"), &json!("all")));
    assert_eq!(role["data"]["Opportunity"]["delete"], "all");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_role_of_our_name_is_completed_and_outlives_an_undo() {
    let desk = Desk::bare().await;
    let own = json!({"name": "M.A.X.", "assignmentPermission": "all", "data": {"Lead": {"read": "all", "edit": "no"}}});
    let role = desk.espo.create("Role", "admin", own);
    desk.espo.create(
        "User",
        "admin",
        json!({"userName": "other", "lastName": "Other", "type": "api", "rolesIds": [role]}),
    );
    let done = desk.prepared(&["--api-user", "max"]).await;
    assert!(line(&done, "role M.A.X.").contains("will change"), "{done}");
    let undone = desk.prepared(&["--undo"]).await;
    assert!(undone.contains("stays: ") && undone.contains("other"), "{undone}");
    assert_eq!(desk.count("Role"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_taken_is_not_taken_over() {
    let desk = Desk::bare().await;
    desk.espo.create("User", "admin", json!({"userName": "max", "lastName": "Mustermann", "type": "regular"}));
    let output = desk.setup(&["--yes"]).await;
    assert!(text(&output.stderr).contains("--api-user"), "{}", text(&output.stderr));
    assert_eq!(desk.writes_since(0), [""; 0]);
    desk.prepared(&["--api-user", "max_api"]).await;
    assert_eq!(desk.the("User", "userName", "max_api")["type"], "api");
}

#[tokio::test(flavor = "multi_thread")]
async fn reps_are_let_in_only_when_asked_for() {
    let desk = Desk::bare().await;
    let lead = json!({"create": "yes", "read": "team", "edit": "own", "delete": "no"});
    let role = desk.espo.create("Role", "admin", json!({"name": "Vente", "data": {"Lead": lead}}));
    let told = desk.prepared(&[]).await;
    assert!(line(&told, "roles of reps").contains("Vente can read leads and not M.A.X. Alerts: --reps"), "{told}");
    assert!(desk.espo.get("Role", &role).unwrap()["data"].get("MaxAlert").is_none());
    desk.prepared(&["--reps"]).await;
    let data = desk.espo.get("Role", &role).unwrap()["data"].clone();
    assert_eq!(data["MaxAlert"], json!({"create": "no", "read": "team", "edit": "own", "delete": "no"}));
    assert_eq!(data["Lead"], lead);
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_takes_away_what_was_made_and_says_what_stays() {
    let desk = Desk::bare().await;
    let foreign = json!({"event": "Lead.create", "url": "https://elsewhere.example/x", "isActive": true});
    desk.espo.create("Webhook", "admin", foreign);
    desk.prepared(&["--webhook-url", HOOKS]).await;
    let shown = said(&desk.setup(&["--undo", "--dry-run", "--webhook-url", HOOKS]).await);
    assert!(line(&shown, "extension").contains("its tables stay, with every alert and activity"), "{shown}");
    assert!(desk.count("Webhook") > 1);
    let undone = desk.prepared(&["--undo", "--webhook-url", HOOKS]).await;
    assert!(line(&undone, "webhookAllowedAddressList").contains("max.example:443"), "{undone}");
    assert_eq!((desk.count("Webhook"), desk.count("Role"), desk.count("Extension")), (1, 0, 0));
    assert!(desk.espo.list("User").iter().all(|user| user["userName"] != "max"));
    assert!(desk.prepared(&["--undo", "--webhook-url", HOOKS]).await.contains("Nothing of M.A.X. is left"));
    desk.prepared(&["--webhook-url", HOOKS]).await;
    assert_eq!(desk.the("Role", "name", "M.A.X.")["assignmentPermission"], "all", "and it can be made again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_way_is_said_before_anything_is_done() {
    let old = Desk::with(Options { shown_version: Some("8.4.2".to_owned()), ..Options::bare(Version::V9) }).await;
    let output = old.setup(&["--yes"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("8.4.2") && text(&output.stderr).contains("9.3 or newer"));
    assert_eq!(old.writes_since(0), [""; 0]);

    let closed = Desk::with(Options { uploads: false, ..Options::bare(Version::V10) }).await;
    let output = closed.setup(&["--yes"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("php command.php extension --file=max.zip"), "{}", text(&output.stderr));
    assert_eq!(closed.count("Role"), 0);

    let down = Desk::bare().await;
    down.espo.fail(Fault::Down);
    let output = down.setup(&["--yes"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("cannot be reached"), "{}", text(&output.stderr));

    let output = down.setup(&["--yes", "--webhook-url", "http://localhost:8080"]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("DNS name"), "{}", text(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn by_hand_every_step_is_named_and_checked_with_the_key() {
    let desk = Desk::bare().await;
    desk.prepared(&["--config", "c.toml", "--write"]).await;
    let by_hand = async || {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("max"));
        command.env_clear().current_dir(desk.folder.path()).args(["setup", "--manual", "--config", "c.toml"]);
        said(&tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap())
    };
    let steps = by_hand().await;
    for words in
        ["Administration > Extensions", "Téléverser", "Roles (Rôles)", "M.A.X. Alerts", "API Users (Utilisateurs API)"]
    {
        assert!(steps.contains(words), "{words}: {steps}");
    }
    assert!(steps.contains("all of this is right"), "{steps}");
    let role = desk.the("Role", "name", "M.A.X.");
    desk.espo.update("Role", role["id"].as_str().unwrap(), "admin", json!({"assignmentPermission": "team"}));
    let steps = by_hand().await;
    assert!(steps.contains("crm.right.assignment") && steps.contains("Put this right"), "{steps}");
}
