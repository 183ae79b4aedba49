//! From what is there to what has to be done: steps, each with what was and what will be. Pure.

use reqwest::Url;
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::seen::{Leads, Seen};
use crate::espo::admin::{GroupAccount, Role};
use crate::espo::extension::{self, Build, NAME};
use crate::espo::rights::{self, ASSIGNMENT, GROUP_ACCOUNTS, Need};
use crate::espo::webhooks::{self, Hook, HookId, PATH, WantedHook};

/// The tab of our alerts.
const TAB: &str = "MaxAlert";
/// What stands between the visible and the hidden part of the menu.
const DELIMITER: &str = "_delimiter_";
/// The setting of internal addresses that webhooks may go to.
pub const ALLOWED: &str = "webhookAllowedAddressList";

/// What there is to be.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The extension in this program.
    pub build: Build,
    /// What our API user must be able to do.
    pub needs: Vec<Need>,
    /// The login name of a new API user.
    pub user_name: String,
    /// The key in the configuration; empty when there is none yet.
    pub configured_key: SecretString,
    /// Where EspoCRM reaches the daemon; `None`: no webhooks.
    pub public_url: Option<String>,
    /// The webhooks, when there are to be some.
    pub hooks: Vec<WantedHook>,
    /// Whether the roles of reps are to be changed too.
    pub reps: bool,
    /// The address of the group account that mails go from; empty: none are sent.
    pub mail_from: String,
}

/// What a step comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Everything is as it should be.
    Right,
    /// Something is made.
    Create,
    /// Something is changed.
    Change,
    /// Something is removed.
    Remove,
    /// Nothing is done, and somebody should know.
    Note,
}

impl Mark {
    /// As it stands before a step.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Right => "=",
            Self::Create => "+",
            Self::Change => "~",
            Self::Remove => "-",
            Self::Note => "!",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Right => "already right",
            Self::Create => "will create",
            Self::Change => "will change",
            Self::Remove => "will remove",
            Self::Note => "note",
        }
    }
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What it comes to.
    pub mark: Mark,
    /// What it is about.
    pub what: String,
    /// How it was; empty when there was nothing, or it stays.
    pub was: String,
    /// How it is to be.
    pub will: String,
    /// What is done.
    pub deed: Option<Deed>,
}

/// What is done to the CRM.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// Upload and install the extension.
    Install,
    /// Create our role with these attributes.
    CreateRole(Value),
    /// Change a role's attributes.
    ChangeRole(String, Value),
    /// Create our API user.
    CreateUser,
    /// Change our API user; it gets our role in addition to these.
    ChangeUser(String, Vec<String>),
    /// Change a setting.
    Set(&'static str, Value),
    /// Have each webhook once.
    Hooks,
    /// Delete webhooks.
    DeleteHooks(Vec<HookId>),
    /// Delete a record: an entity type and an id.
    Delete(&'static str, String),
    /// Uninstall the extension, and delete it from the list.
    Uninstall(String),
    /// Delete an extension that is merely uploaded from the list.
    Forget(String),
}

/// The plan cannot be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// EspoCRM is of a version that the extension does not go with.
    #[error("this EspoCRM is {0}; M.A.X. needs {from} or newer, and below {to}: {remedy}", from = version_text(0), to = version_text(1), remedy = "upgrade EspoCRM (Administration > Upgrade), or take a version of M.A.X. that knows it")]
    Version(String),
    /// The login name is somebody else's.
    #[error("there is a user `{0}` already, and not of type API: name another one with --api-user")]
    NameTaken(String),
    /// Nobody downgrades by accident.
    #[error(
        "the CRM has extension {0}, newer than {1} in this program: use the newer program, or uninstall the extension first (Administration > Extensions)"
    )]
    Newer(String, String),
}

fn version_text(index: usize) -> String {
    let (major, minor) = extension::ESPOCRM[index];
    format!("{major}.{minor}")
}

/// Whether the extension goes with this EspoCRM; a version that is none is taken for a good one.
pub fn goes_with(version: &str) -> bool {
    let Some(version) = numbers(version) else { return true };
    let [from, to] = extension::ESPOCRM;
    let version = (version.0, version.1);
    version >= from && version < to
}

fn numbers(version: &str) -> Option<(u32, u32, u32)> {
    let mut parts = version.split(['.', '-']).map(str::parse);
    let mut next = || parts.next()?.ok();
    Some((next()?, next()?, next().unwrap_or(0)))
}

/// What to do so that everything is there.
///
/// # Errors
/// When something stands in the way that only a person can decide.
pub fn setup(seen: &Seen, wanted: &Wanted) -> Result<Vec<Step>, Obstacle> {
    if !goes_with(&seen.settings.version) {
        return Err(Obstacle::Version(seen.settings.version.clone()));
    }
    let mut steps = vec![right("EspoCRM", seen.settings.version.clone())];
    steps.push(extension(seen, wanted)?);
    steps.extend(role(seen, wanted));
    steps.push(user(seen, wanted)?);
    steps.extend(group_account(seen, wanted));
    steps.push(tab(seen, wanted));
    steps.push(index(seen, wanted));
    steps.extend(hooks(seen, wanted));
    steps.extend(reps(seen, wanted));
    Ok(steps)
}

fn step(mark: Mark, what: &str, was: impl Into<String>, will: impl Into<String>, deed: Deed) -> Step {
    Step { mark, what: what.to_owned(), was: was.into(), will: will.into(), deed: Some(deed) }
}

fn right(what: &str, how: impl Into<String>) -> Step {
    Step { mark: Mark::Right, what: what.to_owned(), was: String::new(), will: how.into(), deed: None }
}

fn note(what: &str, how: impl Into<String>) -> Step {
    Step { mark: Mark::Note, what: what.to_owned(), was: String::new(), will: how.into(), deed: None }
}

fn is_current(seen: &Seen, wanted: &Wanted) -> bool {
    seen.extension().is_some() && seen.build.as_ref() == Some(&wanted.build)
}

fn extension(seen: &Seen, wanted: &Wanted) -> Result<Step, Obstacle> {
    const WHAT: &str = "extension M.A.X.";
    let Some(installed) = seen.extension() else {
        return Ok(step(Mark::Create, WHAT, "", format!("{}, installed", wanted.build), Deed::Install));
    };
    if is_current(seen, wanted) {
        return Ok(right(WHAT, format!("{}, installed", wanted.build)));
    }
    if numbers(&installed.version) > numbers(&wanted.build.version) {
        return Err(Obstacle::Newer(installed.version.clone(), wanted.build.version.clone()));
    }
    let was = match &seen.build {
        Some(build) => build.to_string(),
        None => format!("{}, of an earlier build", installed.version),
    };
    Ok(step(Mark::Change, WHAT, was, format!("{}, installed", wanted.build), Deed::Install))
}

fn role(seen: &Seen, wanted: &Wanted) -> Vec<Step> {
    const WHAT: &str = "role M.A.X.";
    let Some(role) = seen.role() else {
        let attributes = new_role(rights::completed(&Value::Null, &wanted.needs), wanted);
        let mails = if wanted.mail_from.is_empty() { "" } else { ", group email account permission all" };
        let will = format!("{}; assignment permission all{mails}", in_words(&wanted.needs));
        return vec![step(Mark::Create, WHAT, "", will, Deed::CreateRole(attributes))];
    };
    let mut lacking: Vec<String> = rights::lacking(&role.data, &wanted.needs).iter().map(ToString::to_string).collect();
    if role.assignment != "all" {
        lacking.push(format!("assignment permission: {} instead of all", role.assignment));
    }
    let may_send = wanted.mail_from.is_empty() || may_use_account(seen, role, &wanted.mail_from);
    if !may_send {
        lacking.push(format!("group email account permission: {} instead of all", role.group_accounts));
    }
    let mut steps = Vec::new();
    if lacking.is_empty() {
        steps.push(right(WHAT, in_words(&wanted.needs)));
    } else {
        let mut attributes = json!({"data": rights::completed(&role.data, &wanted.needs), ASSIGNMENT: "all"});
        if !may_send {
            attributes[GROUP_ACCOUNTS] = json!("all");
        }
        let deed = Deed::ChangeRole(role.id.clone(), attributes);
        steps.push(step(Mark::Change, WHAT, lacking.join("; "), "these rights added", deed));
    }
    let beyond = rights::beyond(&role.data, &wanted.needs);
    if !beyond.is_empty() {
        steps.push(note(WHAT, format!("allows more than M.A.X. needs, and is left so: {}", beyond.join(", "))));
    }
    steps
}

/// Whether the role lets its user send through the account of this address, once that is in order: through all accounts,
/// or through those of the user's teams.
fn may_use_account(seen: &Seen, role: &Role, address: &str) -> bool {
    let shares_team = |account: &GroupAccount| {
        let mine = seen.user.iter().flat_map(|(user, _)| &user.teams);
        mine.into_iter().any(|team| account.teams.contains(team))
    };
    match role.group_accounts.as_str() {
        "all" => true,
        "team" => accounts_of(seen, address).any(shares_team),
        _ => false,
    }
}

fn accounts_of<'a>(seen: &'a Seen, address: &'a str) -> impl Iterator<Item = &'a GroupAccount> {
    seen.group_accounts.iter().filter(move |account| account.address.eq_ignore_ascii_case(address))
}

/// The account that mails go from. It holds a mail server's password: only a person can make one.
fn group_account(seen: &Seen, wanted: &Wanted) -> Option<Step> {
    const PAGE: &str = "Administration > Group Email Accounts";
    let address = wanted.mail_from.as_str();
    if address.is_empty() {
        return None;
    }
    let what = format!("group account {address}");
    let lacking = |account: &GroupAccount| {
        let parts = [
            (account.active, "Status Active"),
            (account.smtp, "Use SMTP with its server"),
            (account.shared, "SMTP Is Shared"),
        ];
        parts.into_iter().filter(|(is_so, _)| !is_so).map(|(_, part)| part).collect::<Vec<_>>()
    };
    let best = accounts_of(seen, address).map(lacking).min_by_key(Vec::len);
    Some(match best {
        None => {
            let how = format!(
                "there is none ([espocrm] mail_from): {PAGE} > Create, with Status Active, Use SMTP with its server, SMTP Is Shared"
            );
            note(&what, how)
        }
        Some(lacking) if lacking.is_empty() => right(&what, "active, sends by SMTP, shared"),
        Some(lacking) => note(&what, format!("mails cannot leave: {PAGE} > {address}, set {}", lacking.join(", "))),
    })
}

fn in_words(needs: &[Need]) -> String {
    let of = |need: &Need| {
        let deeds: Vec<&str> = need.deeds.iter().map(|deed| deed.as_str()).collect();
        format!("{} {}", need.scope, if deeds.is_empty() { "enabled".to_owned() } else { deeds.join("+") })
    };
    needs.iter().map(of).collect::<Vec<_>>().join(", ")
}

fn user(seen: &Seen, wanted: &Wanted) -> Result<Step, Obstacle> {
    let Some((account, _)) = &seen.user else {
        if seen.name_is_taken {
            return Err(Obstacle::NameTaken(wanted.user_name.clone()));
        }
        let what = format!("API user {}", wanted.user_name);
        return Ok(step(Mark::Create, &what, "", "with an API key and the role M.A.X.", Deed::CreateUser));
    };
    let what = format!("API user {}", account.user_name);
    let has_role = seen.role().is_some_and(|role| account.roles.contains(&role.id));
    if has_role && account.active {
        return Ok(right(&what, "active, with the role M.A.X."));
    }
    let was = match (has_role, account.active) {
        (false, true) => "without the role M.A.X.",
        (true, _) => "not active",
        (false, false) => "not active, and without the role M.A.X.",
    };
    let deed = Deed::ChangeUser(account.id.clone(), account.roles.clone());
    Ok(step(Mark::Change, &what, was, "active, with the role M.A.X.", deed))
}

fn tab(seen: &Seen, wanted: &Wanted) -> Step {
    const WHAT: &str = "tab M.A.X. Alerts";
    if seen.has_tab(TAB) {
        return right(WHAT, "in the menu");
    }
    if !is_current(seen, wanted) {
        return right(WHAT, "comes with the extension");
    }
    let mut tabs = seen.settings.tabs.clone();
    let at = tabs.iter().position(|item| item == DELIMITER).unwrap_or(tabs.len());
    tabs.insert(at, json!(TAB));
    step(Mark::Create, WHAT, "", "in the menu", Deed::Set("tabList", tabs.into()))
}

fn index(seen: &Seen, wanted: &Wanted) -> Step {
    let how = if is_current(seen, wanted) { "there" } else { "comes with the extension" };
    right("indexes on modifiedAt", how)
}

fn own_hooks(seen: &Seen) -> Vec<Hook> {
    let owner = seen.user.as_ref().map(|(account, _)| account.id.as_str());
    let own = seen.hooks.iter().filter(|(by, _)| Some(by.as_str()) == owner);
    own.map(|(_, hook)| hook.clone()).collect()
}

fn hooks(seen: &Seen, wanted: &Wanted) -> Vec<Step> {
    const WHAT: &str = "webhooks";
    let own = own_hooks(seen);
    let Some(url) = &wanted.public_url else {
        let how = "none wanted: M.A.X. looks every few seconds anyway; --webhook-url (or [http] public_url) adds them";
        return vec![note(WHAT, how)];
    };
    let mut steps = Vec::new();
    let address = address(url);
    if !seen.settings.allowed.contains(&address) && seen.webhooks_lead != Some(Leads::Outside) {
        let mut allowed = seen.settings.allowed.clone();
        let was = if allowed.is_empty() { "empty".to_owned() } else { allowed.join(", ") };
        allowed.push(address.clone());
        let why = match seen.webhooks_lead {
            Some(Leads::Nowhere) => "its name is not known here",
            Some(Leads::Inside | Leads::Outside) | None => "an internal address",
        };
        let will = format!("{address} added ({why})");
        steps.push(step(Mark::Change, ALLOWED, was, will, Deed::Set(ALLOWED, json!(allowed))));
    }
    let plan = webhooks::plan(&own, &wanted.hooks, url);
    let count = wanted.hooks.len();
    let will = format!("{count} events, one address each below {}{PATH}/", url.trim_end_matches('/'));
    if plan.create.is_empty() && plan.delete.is_empty() {
        steps.push(right(WHAT, will));
    } else {
        let mark = if plan.create.len() == count { Mark::Create } else { Mark::Change };
        let was = format!("{} missing, {} unusable or double", plan.create.len(), plan.delete.len());
        let was = if mark == Mark::Create && plan.delete.is_empty() { String::new() } else { was };
        steps.push(step(mark, WHAT, was, will, Deed::Hooks));
    }
    let ours = format!("{}{PATH}/", url.trim_end_matches('/'));
    let elsewhere: Vec<&str> =
        own.iter().map(|hook| hook.url.as_str()).filter(|at| at.contains(PATH) && !at.starts_with(&ours)).collect();
    if let Some(example) = elsewhere.first() {
        let count = elsewhere.len();
        steps.push(note(WHAT, format!("{count} of this API user lead elsewhere, such as {example}; left as they are")));
    }
    steps
}

/// `host:port`, as EspoCRM compares it.
pub fn address(url: &str) -> String {
    let url = Url::parse(url).ok();
    let parts = url.as_ref().and_then(|url| Some((url.host_str()?, url.port_or_known_default()?)));
    parts.map(|(host, port)| format!("{host}:{port}")).unwrap_or_default()
}

/// Roles whose holders see leads and not what M.A.X. says of them.
fn reps(seen: &Seen, wanted: &Wanted) -> Vec<Step> {
    let needy: Vec<&Role> = seen.roles.iter().filter(|role| role.name != NAME && lacks_alerts(role)).collect();
    if wanted.reps {
        return needy.into_iter().map(let_see).collect();
    }
    if needy.is_empty() {
        return Vec::new();
    }
    let names: Vec<&str> = needy.iter().map(|role| role.name.as_str()).collect();
    let how = format!(
        "{} can read leads and not M.A.X. Alerts: --reps adds that, or in Administration > Roles set M.A.X. Alerts to read team, edit own",
        names.join(", ")
    );
    vec![note("roles of reps", how)]
}

fn level<'a>(role: &'a Role, scope: &str, deed: &str) -> Option<&'a str> {
    role.data.get(scope)?.get(deed)?.as_str()
}

fn lacks_alerts(role: &Role) -> bool {
    let reads = |scope: &str| level(role, scope, "read").is_some_and(|level| level != "no");
    reads("Lead") && !reads("MaxAlert")
}

fn let_see(role: &Role) -> Step {
    let read = level(role, "Lead", "read").unwrap_or("own").to_owned();
    let edit = level(role, "Lead", "edit").filter(|edit| *edit != "no").unwrap_or("own").to_owned();
    let mut data = role.data.as_object().cloned().unwrap_or_default();
    let of = |edit: &str| json!({"create": "no", "read": read, "edit": edit, "delete": "no"});
    for (scope, edit) in [("MaxAlert", edit.as_str()), ("MaxActivity", "no"), ("MaxInsight", "no")] {
        if extension::has_entity(scope) {
            data.insert(scope.to_owned(), of(edit));
        }
    }
    let deed = Deed::ChangeRole(role.id.clone(), json!({"data": data}));
    let will = format!("M.A.X. Alerts read {read}, edit {edit}; M.A.X. Activities read {read}");
    step(Mark::Change, &format!("role {}", role.name), "no access to M.A.X. Alerts", will, deed)
}

/// What to do so that nothing is left of what [`setup`] makes.
pub fn undo(seen: &Seen, wanted: &Wanted) -> Vec<Step> {
    let mut steps = Vec::new();
    let own: Vec<Hook> = own_hooks(seen).into_iter().filter(|hook| hook.url.contains(PATH)).collect();
    let mut remove = |what: &str, was: String, deed: Deed| steps.push(step(Mark::Remove, what, was, "", deed));
    if !own.is_empty() {
        let ids = own.iter().map(|hook| hook.id.clone()).collect();
        remove("webhooks", format!("{} of M.A.X.'s API user", own.len()), Deed::DeleteHooks(ids));
    }
    let mine = seen.user.as_ref().map(|(account, _)| account).filter(|account| account.user_name == wanted.user_name);
    if let Some(account) = mine {
        let was = "its API key stops working".to_owned();
        remove(&format!("API user {}", account.user_name), was, Deed::Delete("User", account.id.clone()));
    }
    let others: Vec<&str> = seen
        .holders
        .iter()
        .map(String::as_str)
        .filter(|name| mine.is_none_or(|mine| mine.user_name != *name))
        .collect();
    match seen.role() {
        Some(role) if others.is_empty() => {
            remove("role M.A.X.", "held by nobody else".to_owned(), Deed::Delete("Role", role.id.clone()));
        }
        Some(_) => steps.push(note("role M.A.X.", format!("stays: {} have it too", others.join(", ")))),
        None => {}
    }
    steps.extend(disallow(seen, wanted, &own));
    // An administrator's own groups are left alone: EspoCRM shows no tab that it does not have.
    if seen.settings.tabs.contains(&json!(TAB)) {
        let left: Vec<&Value> = seen.settings.tabs.iter().filter(|tab| *tab != TAB).collect();
        steps.push(step(Mark::Remove, "tab M.A.X. Alerts", "in the menu", "", Deed::Set("tabList", json!(left))));
    }
    for extension in &seen.extensions {
        let was = extension.version.clone();
        steps.push(if extension.installed {
            let mut step = step(Mark::Remove, "extension M.A.X.", was, "", Deed::Uninstall(extension.id.clone()));
            step.will = "its tables stay, with every alert and activity in them; installing it again shows them".into();
            step
        } else {
            step(Mark::Remove, "uploaded archive of M.A.X.", was, "", Deed::Forget(extension.id.clone()))
        });
    }
    steps
}

/// Takes our address off the allowed ones, unless somebody else's webhooks go there.
fn disallow(seen: &Seen, wanted: &Wanted, own: &[Hook]) -> Option<Step> {
    let address = address(wanted.public_url.as_deref()?);
    let used =
        |(_, hook): &(String, Hook)| own.iter().all(|own| own.id != hook.id) && self::address(&hook.url) == address;
    if !seen.settings.allowed.contains(&address) || seen.hooks.iter().any(used) {
        return None;
    }
    let mut left = seen.settings.allowed.clone();
    left.retain(|known| *known != address);
    Some(step(Mark::Remove, ALLOWED, address, "", Deed::Set(ALLOWED, json!(left))))
}

/// The steps in words, aligned, and how many do something.
pub fn print(steps: &[Step]) -> (String, usize) {
    let width = steps.iter().map(|step| step.what.chars().count()).max().unwrap_or_default();
    let mut lines = String::new();
    for step in steps {
        let how = match (step.was.as_str(), step.will.as_str()) {
            ("", will) => will.to_owned(),
            (was, "") => was.to_owned(),
            (was, will) => format!("{was} → {will}"),
        };
        lines += &format!("  {} {:<width$}  {:<13}  {how}\n", step.mark.sign(), step.what, step.mark.words());
    }
    (lines, steps.iter().filter(|step| step.deed.is_some()).count())
}

/// The attributes of a new API user.
pub fn new_user(user_name: &str, role: &str) -> Value {
    json!({"type": "api", "userName": user_name, "authMethod": "ApiKey", "isActive": true, "rolesIds": [role]})
}

/// The attributes of a new role.
fn new_role(data: Value, wanted: &Wanted) -> Value {
    let mut attributes = Map::new();
    attributes.insert("name".to_owned(), json!(NAME));
    attributes.insert(ASSIGNMENT.to_owned(), json!("all"));
    if !wanted.mail_from.is_empty() {
        attributes.insert(GROUP_ACCOUNTS.to_owned(), json!("all"));
    }
    attributes.insert("data".to_owned(), data);
    attributes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for good in ["9.3.0", "9.3.10", "9.10.1", "10.0.0", "10.12.3", "@@version", ""] {
            assert!(goes_with(good), "{good}");
        }
        for bad in ["9.2.9", "8.4.2", "11.0.0", "7.5"] {
            assert!(!goes_with(bad), "{bad}");
        }
        let said = Obstacle::Version("8.4.2".to_owned()).to_string();
        assert!(said.contains("8.4.2") && said.contains("9.3 or newer, and below 11.0"), "{said}");
    }

    #[test]
    fn an_address_is_host_and_port() {
        assert_eq!(address("https://max.example/x"), "max.example:443");
        assert_eq!(address("http://max.internal:8080"), "max.internal:8080");
    }
}
