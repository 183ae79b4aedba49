//! `max setup --manual`: what to click, step by step, in the words of EspoCRM's own pages, and what can be checked
//! with the API key afterwards.

use secrecy::ExposeSecret;

use super::plan::Wanted;
use super::{ask, file};
use crate::cli::doctor::{State, crm};
use crate::cli::say::{Unsaid, say};
use crate::clock::Clock;
use crate::espo::admin::Keys;
use crate::espo::rights::Need;
use crate::espo::{EspoSettings, extension};

/// Goes through the steps.
pub async fn run(settings: &EspoSettings, wanted: &Wanted) -> anyhow::Result<()> {
    say(format_args!("{}, as an administrator. Labels: English / French.\n", settings.url))?;
    let steps = [install(), role(wanted), user(wanted), reps(), webhooks(wanted)];
    for (number, step) in steps.iter().enumerate() {
        say(format_args!("{}. {step}", number + 1))?;
        ask::enter()?;
    }
    let mut settings = settings.clone();
    if settings.api_key.expose_secret().is_empty() {
        match ask::key()? {
            Some(key) => settings.api_key = key,
            None => {
                say("With the API key in the configuration ([espocrm] api_key), max doctor checks all of it.")?;
                return Ok(());
            }
        }
    }
    check(&settings, wanted).await?;
    let keys = Keys { api_key: settings.api_key.clone(), secret_key: settings.secret_key.clone() };
    let lines = file::lines(&settings.url, &keys, wanted.public_url.as_deref());
    Ok(say(format_args!("\nIn the configuration file:\n\n{}", lines.trim_end()))?)
}

/// What the key lets us see of it.
async fn check(settings: &EspoSettings, wanted: &Wanted) -> Result<(), Unsaid> {
    let public_url = wanted.public_url.as_deref().unwrap_or_default();
    let meant = crm::Meant { public_url, zone: chrono_tz::Tz::UTC, archive_status: "", active_statuses: None };
    let findings = crm::examine(settings, &meant, Clock::system().now()).await;
    let mut problems = 0;
    // The daemon creates the webhooks at its start, and knows the time zone that was meant.
    let ours = |check: &str| !["crm.time_zone", "crm.webhooks"].contains(&check);
    for finding in findings.iter().filter(|finding| finding.state == State::Problem && ours(&finding.check)) {
        say(format_args!("   {}: {}\n   → {}", finding.check, finding.found, finding.remedy))?;
        problems += 1;
    }
    say(if problems == 0 {
        "Checked with the API key: all of this is right."
    } else {
        "Put this right, then run this again."
    })
}

fn install() -> String {
    format!(
        "Write the archive: max extension --out {0}\n   \
         Administration > Extensions (Administration > Extensions): choose {0}, Upload (Téléverser), Install (Installer).\n   \
         If EspoCRM refuses uploads, on its server: php command.php extension --file={0}",
        extension::file_name()
    )
}

fn role(wanted: &Wanted) -> String {
    let mut text = "Administration > Roles (Rôles) > Create Role (Créer un rôle): Name (Nom) M.A.X.,\n   \
         Assignment Permission (Permission d'assignation): all (tous). In the table, enabled (activé), and:"
        .to_owned();
    for Need { scope, deeds, is_wish: _ } in &wanted.needs {
        let of = |deed: &&crate::espo::rights::Deed| match deed {
            crate::espo::rights::Deed::Create => "create (création) yes",
            crate::espo::rights::Deed::Read => "read (lecture) all",
            crate::espo::rights::Deed::Edit => "edit (modification) all",
        };
        let deeds: Vec<&str> = deeds.iter().map(|deed| of(&deed)).collect();
        let what = if deeds.is_empty() { "enabled".to_owned() } else { deeds.join(", ") };
        text += &format!("\n     {:<24} {what}", label(scope));
    }
    if !wanted.mail_from.is_empty() {
        text += "\n     Group Email Account Permission (Autorisation de compte de messagerie de groupe): all (tous)";
    }
    text + "\n   everything else no (non)."
}

/// A scope as the table of a role names it.
fn label(scope: &str) -> String {
    let labels = match scope {
        "Lead" => "Leads / Prospects",
        "Call" => "Calls / Appels",
        "Meeting" => "Meetings / Réunions",
        "Task" => "Tasks / Tâches",
        "Email" => "Emails / E-mails",
        "User" => "Users / Utilisateurs",
        "Team" => "Teams / Équipes",
        "Webhook" => "Webhooks",
        "WorkingTimeCalendar" => "Working Time Calendars / Calendriers des jours travaillés",
        "MaxAlert" => "M.A.X. Alerts / Alertes M.A.X.",
        "MaxActivity" => "M.A.X. Activities / Activités M.A.X.",
        other => other,
    };
    labels.to_owned()
}

fn user(wanted: &Wanted) -> String {
    format!(
        "Administration > API Users (Utilisateurs API) > Create API User (Créer): User Name (Nom d'utilisateur) {},\n   \
         Authentication Method (Méthode d'authentification) API Key, Roles (Rôles) M.A.X. Save (Enregistrer): the page shows the API Key.",
        wanted.user_name
    )
}

fn reps() -> String {
    "Administration > Roles (Rôles) > the role of your sales people: M.A.X. Alerts (Alertes M.A.X.) read team, edit own;\n   \
     M.A.X. Activities (Activités M.A.X.) read team."
        .to_owned()
}

fn webhooks(wanted: &Wanted) -> String {
    match &wanted.public_url {
        None => "Webhooks: nothing to click; with [http] public_url the daemon creates them itself.".to_owned(),
        Some(url) => format!(
            "Webhooks: the daemon creates them itself. When {url} is inside your network, in EspoCRM's data/config.php:\n   \
             'webhookAllowedAddressList' => ['{}'],",
            super::plan::address(url)
        ),
    }
}
