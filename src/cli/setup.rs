//! `max setup`: prepares an EspoCRM for M.A.X. with an administrator's login, which is used and forgotten. It looks,
//! shows what it will do, asks, does it, and looks again; what is right already is left alone.

mod ask;
mod deeds;
mod file;
mod manual;
mod plan;
mod seen;

use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::say::say;
use crate::config::Config;
use crate::espo::admin::{Admin, Keys};
use crate::espo::error::ErrorKind;
use crate::espo::extension::Build;
use crate::espo::rights::Need;
use crate::espo::{Error, EspoSettings, Mapping, rights, webhooks};
use deeds::Hand;
pub use plan::goes_with;
use plan::{Step, Wanted};
use seen::Seen;

/// Whom to prepare, and how.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The configuration file; it may be unfinished, or not there yet.
    #[arg(long, value_name = "FILE", env = "MAX_CONFIG")]
    pub config: Option<PathBuf>,
    /// The address of EspoCRM; else `[espocrm] url`.
    #[arg(long)]
    pub url: Option<String>,
    /// The login name of an administrator. The password is asked for, or read from the variable MAX_ADMIN_PASSWORD or
    /// from the standard input; it is kept nowhere.
    #[arg(long, value_name = "NAME")]
    pub admin: Option<String>,
    /// The login name of the API user to create.
    #[arg(long, value_name = "NAME", default_value = "max")]
    pub api_user: String,
    /// The address under which EspoCRM reaches the daemon, for webhooks; else `[http] public_url`.
    #[arg(long, value_name = "URL")]
    pub webhook_url: Option<String>,
    /// Let the roles that can read leads see M.A.X.'s alerts, too.
    #[arg(long)]
    pub reps: bool,
    /// Do it without asking.
    #[arg(long)]
    pub yes: bool,
    /// Show what would be done, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Write address and key into the configuration file, which keeps whatever else it holds.
    #[arg(long)]
    pub write: bool,
    /// Take away what this command made.
    #[arg(long)]
    pub undo: bool,
    /// Without an administrator's login: say step by step what to click, and check what can be checked.
    #[arg(long, conflicts_with_all = ["undo", "yes", "dry_run", "admin"])]
    pub manual: bool,
}

/// Something in the question is wrong.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct AskedWrongly(String);

/// Prepares, or takes away.
///
/// # Errors
/// When the login is refused, the CRM is of the wrong kind, or a step does not go through.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let config = Config::load_unfinished(args.config.as_deref())?;
    if args.write && args.config.is_none() {
        return Err(AskedWrongly("--write needs a file to write: --config FILE".to_owned()).into());
    }
    let settings = settings(args, &config)?;
    let wanted = wanted(args, &config, &settings)?;
    if args.manual {
        return manual::run(&settings, &wanted).await;
    }
    let admin = login(args, &settings).await?;
    let seen = look(&admin, &wanted).await?;
    let steps = if args.undo { plan::undo(&seen, &wanted) } else { plan::setup(&seen, &wanted)? };
    let (lines, deeds) = plan::print(&steps);
    // What is agreed to with --yes is done whether anybody reads this or not.
    let (url, version) = (&settings.url, &seen.settings.version);
    say(format_args!("{url} (EspoCRM {version})\n{}", lines.trim_end())).ok();
    if args.dry_run {
        return Ok(say("Nothing was done (--dry-run).")?);
    }
    if deeds == 0 {
        let undone = "Nothing of M.A.X. is left here.";
        say(if args.undo { undone } else { "Everything is in place; nothing was changed." }).ok();
    } else {
        if !args.yes && !ask::yes(if args.undo { "Remove this?" } else { "Do this?" })? {
            bail!("nothing was done");
        }
        carry_out(&admin, &wanted, &settings, &seen, &steps).await?;
    }
    if args.undo {
        return Ok(());
    }
    let seen = if deeds == 0 { seen } else { confirmed(&admin, &wanted).await? };
    let (_, keys) = seen.user.as_ref().context("the API user vanished meanwhile; run this again")?;
    try_key(&settings, keys, &wanted).await?;
    finish(args, &settings, keys, &config)
}

fn settings(args: &Args, config: &Config) -> anyhow::Result<EspoSettings> {
    let url = args.url.clone().unwrap_or_else(|| config.espocrm.url.clone());
    if url.is_empty() {
        return Err(AskedWrongly("which EspoCRM? --url https://crm.example.com, or [espocrm] url".to_owned()).into());
    }
    let url = url.trim().trim_end_matches('/').trim_end_matches("/api/v1").trim_end_matches('/').to_owned();
    Ok(EspoSettings { url, ..config.espocrm.clone() })
}

fn wanted(args: &Args, config: &Config, settings: &EspoSettings) -> anyhow::Result<Wanted> {
    let mapping = Mapping::new(&settings.activities, &settings.inbound_sources)?;
    let public_url = args.webhook_url.clone().unwrap_or_else(|| config.http.public_url.clone());
    let public_url = Some(public_url.trim().to_owned()).filter(|url| !url.is_empty());
    if let Some(url) = &public_url {
        check_webhook_url(url)?;
    }
    Ok(Wanted {
        build: Build::ours(),
        needs: rights::needed(&mapping, !settings.mail_from.is_empty()),
        user_name: args.api_user.clone(),
        configured_key: settings.api_key.clone(),
        hooks: public_url.iter().flat_map(|url| webhooks::wanted(&mapping, url)).collect(),
        public_url,
        reps: args.reps,
        mail_from: settings.mail_from.clone(),
    })
}

/// Addresses that EspoCRM takes and then does not deliver to.
fn check_webhook_url(url: &str) -> Result<(), AskedWrongly> {
    let wrong = |why: &str| Err(AskedWrongly(format!("webhooks cannot go to {url}: {why}")));
    let Ok(parsed) = Url::parse(url) else {
        return wrong("write it with http:// or https://, and the name of this machine as EspoCRM knows it");
    };
    if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() {
        return wrong("write it with http:// or https://, and the name of this machine as EspoCRM knows it");
    }
    match parsed.host_str() {
        Some("localhost") => wrong(
            "EspoCRM accepts localhost and never delivers there; give this machine a DNS name that EspoCRM's server resolves",
        ),
        Some(host) if host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok() => wrong(
            "on EspoCRM 10 an IP address stops the sending job; give this machine a DNS name that EspoCRM's server resolves",
        ),
        _ => Ok(()),
    }
}

async fn login(args: &Args, settings: &EspoSettings) -> anyhow::Result<Admin> {
    let name = match &args.admin {
        Some(name) => name.clone(),
        None => ask::name("Administrator's login name")?,
    };
    let password = ask::password(&format!("Password of {name} at {}", settings.url))?;
    let admin = Admin::new(&settings.url, &name, &password)?;
    drop(password);
    match admin.login().await {
        Ok(kind) if kind == "admin" || kind == "super-admin" => Ok(admin),
        Ok(_) => Err(anyhow!("{name} is no administrator here; log in as one")),
        Err(error) => Err(refused(&name, error)),
    }
}

/// Why a login did not go through. It is not tried again: eleven failures within a minute lock the address out.
fn refused(name: &str, error: Error) -> anyhow::Error {
    match error.kind {
        ErrorKind::Unauthorized => anyhow!(
            "EspoCRM refuses the login of {name}: check name and password, then run this again. It was tried once only: \
             after eleven failures within a minute EspoCRM locks this address out"
        ),
        ErrorKind::SecondFactor => anyhow!(
            "{name} logs in with a second factor, which this command cannot give: use an administrator without one \
             (one made for this and removed after it), or `max setup --manual`"
        ),
        ErrorKind::LockedOut => {
            anyhow!("EspoCRM has locked this address out after failed logins: wait a minute, then run this again")
        }
        ErrorKind::Unreachable { .. } | ErrorKind::Timeout => anyhow::Error::from(error)
            .context("EspoCRM cannot be reached: check the address, and that this machine gets there"),
        _ => error.into(),
    }
}

async fn look(admin: &Admin, wanted: &Wanted) -> anyhow::Result<Seen> {
    Ok(Seen::look(admin, wanted).await?)
}

async fn carry_out(
    admin: &Admin,
    wanted: &Wanted,
    settings: &EspoSettings,
    seen: &Seen,
    steps: &[Step],
) -> anyhow::Result<()> {
    let mut hand = Hand::new(admin, wanted, settings, seen);
    for step in steps.iter().filter(|step| step.deed.is_some()) {
        hand.carry_out(step).await?;
        say(format_args!("  done: {}", step.what)).ok();
    }
    Ok(())
}

/// What is there afterwards, when it is what was wanted.
async fn confirmed(admin: &Admin, wanted: &Wanted) -> anyhow::Result<Seen> {
    let seen = look(admin, wanted).await?;
    let left = plan::setup(&seen, wanted)?;
    let left: Vec<Step> = left.into_iter().filter(|step| step.deed.is_some()).collect();
    if !left.is_empty() {
        let (lines, _) = plan::print(&left);
        bail!(
            "EspoCRM took everything, and this is still not so:\n{lines}Run this again; if it stays, look into EspoCRM's log"
        );
    }
    Ok(seen)
}

/// Whether the API user can enter, and may do what it has to.
async fn try_key(settings: &EspoSettings, keys: &Keys, wanted: &Wanted) -> anyhow::Result<()> {
    let client = deeds::client(settings, keys)?;
    let user = client.api_user().await.context("the API user cannot log in")?;
    let needs: Vec<Need> = wanted.needs.iter().filter(|need| !need.is_wish).cloned().collect();
    let lacking = rights::lacking(&user.rights, &needs);
    if let Some(lack) = lacking.first() {
        bail!("the API user {} still lacks a right: {lack}; does another role or a team take it away?", user.user_name);
    }
    Ok(())
}

fn finish(args: &Args, settings: &EspoSettings, keys: &Keys, config: &Config) -> anyhow::Result<()> {
    let public_url = args.webhook_url.as_deref();
    let same = |one: &SecretString, other: &SecretString| one.expose_secret() == other.expose_secret();
    let is_written = same(&config.espocrm.api_key, &keys.api_key)
        && config.espocrm.url.trim_end_matches('/') == settings.url
        && public_url.is_none_or(|url| url == config.http.public_url)
        && keys
            .secret_key
            .as_ref()
            .is_none_or(|secret| config.espocrm.secret_key.as_ref().is_some_and(|known| same(known, secret)));
    if is_written {
        return Ok(say("The configuration has this address and key. Next: max doctor, then max run.")?);
    }
    match args.config.as_deref().filter(|_| args.write) {
        Some(path) => {
            file::write(path, &settings.url, keys, public_url)?;
            say(format_args!(
                "{} is written (readable by you only). Next: max doctor --config {0}, then max run --config {0}.",
                path.display()
            ))?;
        }
        None => say(format_args!(
            "Write this into the configuration file (or use --write):\n\n{}",
            file::lines(&settings.url, keys, public_url).trim_end()
        ))?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhooks_go_to_names_only() {
        for good in ["https://max.example", "http://max.internal:8080/x"] {
            check_webhook_url(good).unwrap();
        }
        for (bad, remedy) in [
            ("http://localhost:8080", "DNS name"),
            ("http://127.0.0.1:8080", "DNS name"),
            ("https://[::1]/", "DNS name"),
            ("http://192.168.1.4", "DNS name"),
            ("max.example", "http://"),
            ("ftp://max.example", "http://"),
        ] {
            let said = check_webhook_url(bad).unwrap_err().to_string();
            assert!(said.contains(remedy) && said.contains(bad), "{said}");
        }
    }
}
