//! What can be wrong with the CRM: the way there, the key, each right, the extension, the webhooks, clocks.

use chrono::Offset;
use chrono_tz::Tz;
use reqwest::Url;
use serde_json::Value;

use super::Finding;
use crate::cli::setup::goes_with;
use crate::domain::Timestamp;
use crate::domain::time::format_duration;
use crate::espo::client::{ApiUser, CrmSettings, LeadStatuses};
use crate::espo::error::ErrorKind;
use crate::espo::extension::{BUILD_KEY, Build};
use crate::espo::rights::{self, Need};
use crate::espo::webhooks::{self, Hook, WantedHook};
use crate::espo::{Client, Error, EspoSettings, Mapping};

/// The clocks of the CRM and of this machine may differ by so much, in seconds.
const CLOCK_TOLERANCE: i64 = 60;
/// What `max setup` would do about it.
const SETUP: &str = "run max setup, which puts this right";

/// What the configuration says that only the CRM can confirm.
#[derive(Clone, Copy, Debug)]
pub struct Meant<'a> {
    /// Where EspoCRM reaches the daemon; empty: no webhooks.
    pub public_url: &'a str,
    /// Whose working hours.
    pub zone: Tz,
    /// The status of leads that are archived; empty: not to be looked at.
    pub archive_status: &'a str,
    /// The statuses that are watched; `None`: those that the CRM calls actual.
    pub active_statuses: Option<&'a [String]>,
}

/// Every check of the CRM. A key that is refused is used once: the rest is skipped then.
pub async fn examine(settings: &EspoSettings, meant: &Meant<'_>, now: Timestamp) -> Vec<Finding> {
    let Meant { public_url, zone, .. } = *meant;
    let mut findings = vec![tls(&settings.url)];
    let (client, mapping) = match (Client::new(settings), Mapping::new(&settings.activities, &settings.inbound_sources))
    {
        (Ok(client), Ok(mapping)) => (client, mapping),
        (client, mapping) => {
            let errors = [client.err().map(|error| error.to_string()), mapping.err().map(|error| error.to_string())];
            findings.extend(
                errors.into_iter().flatten().map(|error| Finding::problem("crm.url", error, "mend the configuration")),
            );
            return findings;
        }
    };
    // First, since it refuses a wrong key: the settings are shown to anyone, and a wrong key counts there, too.
    let user = client.api_user().await;
    findings.push(reachable(&settings.url, user.as_ref().err()));
    findings.push(credentials(user.as_ref()));
    let Ok(user) = user else {
        findings.push(Finding::skipped("crm.*", "the rest of the CRM: there is no way in"));
        return findings;
    };
    let said = client.settings().await;
    findings.extend(said.as_ref().map_or_else(
        |error| vec![failed("crm.settings", error)],
        |said| vec![version(said), clocks(said.server_time, now), time_zone(said.time_zone, zone, now)],
    ));
    let needs = rights::needed(&mapping, !settings.mail_from.is_empty());
    findings.extend(needs.iter().map(|need| right(need, &user.rights)));
    findings.push(assignment(user.assignment.as_deref()));
    if !settings.mail_from.is_empty() {
        findings.push(mails(&user, &settings.mail_from));
    }
    if !meant.archive_status.is_empty() {
        let statuses = client.lead_statuses().await;
        findings.push(statuses.as_ref().map_or_else(
            |error| failed(ARCHIVE, error),
            |statuses| archive(statuses, meant.archive_status, meant.active_statuses),
        ));
    }
    let build = client.metadata(BUILD_KEY).await;
    let alerts = client.metadata("scopes.MaxAlert").await;
    findings.push(match (build, alerts) {
        (Ok(build), Ok(alerts)) => extension(&build, &alerts),
        (Err(error), _) | (_, Err(error)) => failed("crm.extension", &error),
    });
    let indexes = client.metadata("entityDefs.Lead.indexes").await;
    findings.push(indexes.as_ref().map_or_else(|error| failed("crm.index", error), index));
    if public_url.is_empty() {
        findings.push(no_webhooks());
    } else {
        let hooks = webhooks::list(&client).await;
        let wanted = webhooks::wanted(&mapping, public_url);
        findings.push(
            hooks.map_or_else(|error| failed("crm.webhooks", &error), |hooks| registered(&hooks, &wanted, public_url)),
        );
    }
    findings
}

fn failed(check: &str, error: &Error) -> Finding {
    Finding::problem(check, error.to_string(), "look into EspoCRM's log (data/logs), then run this again")
}

fn tls(url: &str) -> Finding {
    const CHECK: &str = "crm.tls";
    let parsed = Url::parse(url).ok();
    let host = parsed.as_ref().and_then(Url::host_str).unwrap_or_default();
    let is_near =
        host == "localhost" || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    match parsed.as_ref().map(Url::scheme) {
        Some("https") => Finding::ok(CHECK, "https"),
        _ if is_near => Finding::ok(CHECK, "http on this machine itself"),
        _ => Finding::problem(
            CHECK,
            format!("{url} is not encrypted: the API key travels in clear"),
            "give EspoCRM a certificate and write https:// into [espocrm] url",
        ),
    }
}

fn reachable(url: &str, error: Option<&Error>) -> Finding {
    const CHECK: &str = "crm.url";
    match error.map(|error| &error.kind) {
        Some(ErrorKind::Unreachable { source }) => Finding::problem(
            CHECK,
            format!("{url} cannot be reached: {}", chain(source)),
            "check [espocrm] url, DNS, the firewall, and that EspoCRM's certificate is one that this machine trusts",
        ),
        Some(ErrorKind::Timeout) => Finding::problem(
            CHECK,
            format!("{url} does not answer in time"),
            "check that EspoCRM runs, and [espocrm] timeout",
        ),
        Some(ErrorKind::NotJson { what }) => Finding::problem(
            CHECK,
            format!("{url} answers {what}, not EspoCRM's API"),
            "write the address as you open EspoCRM in a browser, without what follows a #",
        ),
        Some(ErrorKind::Server { status }) => Finding::problem(
            CHECK,
            format!("{url} fails ({status})"),
            "look into EspoCRM's log (data/logs) and the web server's",
        ),
        Some(_) | None => Finding::ok(CHECK, format!("{url} answers")),
    }
}

/// An error and what is beneath it: which certificate, which refusal.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        words = format!("{words}: {error}");
        below = error.source();
    }
    words
}

fn credentials(user: Result<&ApiUser, &Error>) -> Finding {
    const CHECK: &str = "crm.credentials";
    match user {
        Ok(user) if user.kind == "api" => Finding::ok(CHECK, format!("the key of API user {}", user.user_name)),
        Ok(user) => Finding::problem(
            CHECK,
            format!("{} is no API user but of type {}", user.user_name, user.kind),
            "create an API user (Administration > API Users; max setup does) and use its key",
        ),
        Err(error) => match &error.kind {
            ErrorKind::Unauthorized | ErrorKind::SecondFactor => Finding::problem(
                CHECK,
                "the key is refused (401)",
                "Administration > API Users: is the user active, the key the one in [espocrm] api_key, and with HMAC the secret_key too?",
            ),
            ErrorKind::LockedOut => Finding::problem(
                CHECK,
                "this address is locked out after failed logins",
                "find what logs in with a wrong password from here (Administration > Auth Log), wait a minute",
            ),
            _ => Finding::skipped(CHECK, "EspoCRM did not say"),
        },
    }
}

fn version(said: &CrmSettings) -> Finding {
    const CHECK: &str = "crm.version";
    if goes_with(&said.version) {
        return Finding::ok(CHECK, format!("EspoCRM {}", said.version));
    }
    Finding::problem(
        CHECK,
        format!("EspoCRM {} is not one that M.A.X. knows", said.version),
        "9.3 and newer, below 11: upgrade EspoCRM, or M.A.X.",
    )
}

fn clocks(there: Option<Timestamp>, here: Timestamp) -> Finding {
    const CHECK: &str = "crm.clock";
    let Some(there) = there else {
        return Finding::note(
            CHECK,
            "EspoCRM's answers bear no date",
            "a proxy may take the Date header away; let it pass",
        );
    };
    let apart = there.since(here).abs();
    if apart <= CLOCK_TOLERANCE {
        return Finding::ok(CHECK, format!("{apart} s apart from this machine's"));
    }
    Finding::problem(
        CHECK,
        format!("EspoCRM's clock and this machine's are {apart} s apart"),
        "let both machines follow a time server (timedatectl set-ntp true)",
    )
}

fn time_zone(there: Tz, here: Tz, now: Timestamp) -> Finding {
    const CHECK: &str = "crm.time_zone";
    let offset = |zone: Tz| now.to_utc().with_timezone(&zone).offset().fix();
    if offset(there) == offset(here) {
        return Finding::ok(CHECK, format!("{there}, as the working hours"));
    }
    Finding::note(
        CHECK,
        format!("EspoCRM is in {there}, the working hours are in {here}"),
        "if that is not meant so: [working_hours] time_zone, or Administration > Settings > Time Zone",
    )
}

fn right(need: &Need, table: &Value) -> Finding {
    let check = format!("crm.right.{}", need.scope);
    let lacking: Vec<String> = rights::lacking_of(table, need).iter().map(ToString::to_string).collect();
    if lacking.is_empty() {
        let deeds: Vec<&str> = need.deeds.iter().map(|deed| deed.as_str()).collect();
        return Finding::ok(&check, if deeds.is_empty() { "enabled".to_owned() } else { deeds.join(", ") });
    }
    let (found, remedy) = (lacking.join("; "), format!("{SETUP}, or Administration > Roles > M.A.X."));
    if need.is_wish {
        // The only one: who works when.
        let lived_without = format!("{found}; working hours and days off are those of the configuration");
        return Finding::note(&check, lived_without, remedy);
    }
    Finding::problem(&check, found, remedy)
}

fn assignment(level: Option<&str>) -> Finding {
    const CHECK: &str = "crm.right.assignment";
    match level {
        Some("all") => Finding::ok(CHECK, "all"),
        Some(level) => Finding::problem(
            CHECK,
            format!("{level} instead of all: alerts could not be given to the leads' owners"),
            format!("{SETUP}, or Administration > Roles > M.A.X. > Assignment Permission: all"),
        ),
        None => Finding::skipped(CHECK, "EspoCRM did not say"),
    }
}

/// Whether mails can leave from the configured group account.
fn mails(user: &ApiUser, from: &str) -> Finding {
    const CHECK: &str = "crm.mail";
    let may_create = rights::lacking_of(
        &user.rights,
        &Need { scope: "Email".to_owned(), deeds: vec![rights::Deed::Create], is_wish: false },
    );
    if !may_create.is_empty() {
        return Finding::skipped(CHECK, "sending mails: the right to create them is missing, see crm.right.Email");
    }
    if user.may_send_from(from) {
        return Finding::ok(CHECK, format!("mails go from {from}"));
    }
    match user.group_accounts.as_deref() {
        Some("all") => Finding::problem(
            CHECK,
            format!("no mail can be sent: EspoCRM has no active group account {from} with shared SMTP"),
            format!(
                "Administration > Group Email Accounts > {from}: Status Active, Use SMTP with its server, SMTP Is Shared; or mend [espocrm] mail_from"
            ),
        ),
        Some("team") => Finding::problem(
            CHECK,
            format!(
                "no mail can be sent: no active group account {from} with shared SMTP belongs to a team of API user {}",
                user.user_name
            ),
            format!(
                "{SETUP}, or Administration > Group Email Accounts > {from}: Status Active, Use SMTP, SMTP Is Shared, and a team of that user"
            ),
        ),
        level => Finding::problem(
            CHECK,
            format!(
                "no mail can be sent from {from}: the role's Group Email Account Permission is {}",
                level.unwrap_or("not set")
            ),
            format!("{SETUP}, or Administration > Roles > M.A.X. > Group Email Account Permission: all"),
        ),
    }
}

const ARCHIVE: &str = "crm.archive_status";

/// Whether leads can be given the status that archiving gives them, and are watched no more then.
fn archive(statuses: &LeadStatuses, archived: &str, active: Option<&[String]>) -> Finding {
    // A converted lead is no archived one.
    let is_good = |status: &&str| !statuses.watches(status, active) && *status != "Converted";
    let good: Vec<&str> = statuses.options.iter().map(String::as_str).filter(is_good).collect();
    let good = good.join(", ");
    if statuses.can_archive(archived, active) {
        return Finding::ok(ARCHIVE, archived);
    }
    let found = match statuses.watches(archived, active) && statuses.options.iter().any(|known| known == archived) {
        true => {
            format!("leads of the status {archived} are watched: archiving would change nothing, and is not offered")
        }
        false => format!("this CRM has no lead status {archived}: archiving is not offered"),
    };
    Finding::problem(
        ARCHIVE,
        found,
        format!(
            "[leads] archive_status: one of {good}; or Administration > Entity Manager > Lead > Fields > Status, Not Actual Options"
        ),
    )
}

fn extension(build: &Value, alerts: &Value) -> Finding {
    const CHECK: &str = "crm.extension";
    let ours = Build::ours();
    match Build::from_metadata(build) {
        _ if alerts.is_null() => Finding::problem(CHECK, "the extension M.A.X. is not installed", SETUP),
        Some(build) if build == ours => Finding::ok(CHECK, build.to_string()),
        Some(build) => Finding::problem(
            CHECK,
            format!("{build} is installed, and this program has {ours}"),
            "run max setup, or upgrade this program",
        ),
        None => Finding::problem(CHECK, format!("an earlier build is installed, and this program has {ours}"), SETUP),
    }
}

fn index(indexes: &Value) -> Finding {
    const CHECK: &str = "crm.index";
    let of_first = |index: &Value| index.pointer("/columns/0").is_some_and(|column| column == "modifiedAt");
    if indexes.as_object().is_some_and(|indexes| indexes.values().any(of_first)) {
        return Finding::ok(CHECK, "Lead.modifiedAt is indexed");
    }
    Finding::problem(
        CHECK,
        "Lead.modifiedAt has no index: every look costs EspoCRM more",
        format!("{SETUP} (the extension brings it)"),
    )
}

fn no_webhooks() -> Finding {
    Finding::note(
        "crm.webhooks",
        "none: M.A.X. only looks by itself",
        "[http] public_url (max setup --webhook-url) makes it a little quicker",
    )
}

fn registered(hooks: &[Hook], wanted: &[WantedHook], public_url: &str) -> Finding {
    const CHECK: &str = "crm.webhooks";
    let plan = webhooks::plan(hooks, wanted, public_url);
    if plan.create.is_empty() && plan.delete.is_empty() {
        return Finding::ok(CHECK, format!("{} at {public_url}", wanted.len()));
    }
    let missing: Vec<&str> = plan.create.iter().map(|hook| hook.event.as_str()).collect();
    let found = match missing.as_slice() {
        [] => format!("{} double or switched off", plan.delete.len()),
        missing => format!("{} missing: {}", missing.len(), missing.join(", ")),
    };
    Finding::problem(
        CHECK,
        found,
        "start the daemon, which creates them; if it logs a refusal, max setup --webhook-url says why",
    )
}

/// How long ago, in words.
pub fn ago(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format_duration(seconds / 60 * 60),
        _ => format_duration(seconds / 3_600 * 3_600),
    }
}
