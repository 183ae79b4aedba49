//! What is there before `max setup` does anything: read with requests that change nothing.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;
use secrecy::ExposeSecret;
use serde_json::Value;

use super::plan::Wanted;
use crate::espo::Error;
use crate::espo::admin::{Admin, ApiAccount, CrmSettings, Extension, GroupAccount, Keys, Role};
use crate::espo::error::ErrorKind;
use crate::espo::extension::{BUILD_KEY, Build, NAME};
use crate::espo::webhooks::Hook;

/// How often, and with what pause, a request is repeated that EspoCRM misroutes after an installation.
const AFTER_INSTALLATION: (u32, Duration) = (10, Duration::from_millis(500));

/// Where an address leads, as far as it can be told from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leads {
    /// To addresses of the internet: EspoCRM posts there without being allowed to.
    Outside,
    /// To an address inside a network.
    Inside,
    /// Nobody here knows the name.
    Nowhere,
}

/// The state of the CRM.
#[derive(Debug)]
pub struct Seen {
    /// Version, tabs, allowed addresses.
    pub settings: CrmSettings,
    /// Those that bear our extension's name; at most one is installed.
    pub extensions: Vec<Extension>,
    /// What the installed extension says it is.
    pub build: Option<Build>,
    /// Every role.
    pub roles: Vec<Role>,
    /// The API user that is M.A.X.'s, and its keys.
    pub user: Option<(ApiAccount, Keys)>,
    /// Whether the login name for a new API user is somebody else's.
    pub name_is_taken: bool,
    /// Who has our role, by login name.
    pub holders: Vec<String>,
    /// Everybody's webhooks, with whose they are.
    pub hooks: Vec<(String, Hook)>,
    /// The group mail accounts; none when no mails are to be sent.
    pub group_accounts: Vec<GroupAccount>,
    /// Where the webhooks' address leads; `None` when none are wanted.
    pub webhooks_lead: Option<Leads>,
}

impl Seen {
    /// Looks; again and again for a while, when EspoCRM is just rebuilding itself.
    ///
    /// # Errors
    /// As every request.
    pub async fn look(admin: &Admin, wanted: &Wanted) -> Result<Self, Error> {
        let (times, pause) = AFTER_INSTALLATION;
        for _ in 1..times {
            match Self::look_once(admin, wanted).await {
                Err(Error { kind: ErrorKind::Server { status: 400 }, .. }) => tokio::time::sleep(pause).await,
                outcome => return outcome,
            }
        }
        Self::look_once(admin, wanted).await
    }

    async fn look_once(admin: &Admin, wanted: &Wanted) -> Result<Self, Error> {
        let settings = admin.settings().await?;
        let mut extensions = admin.extensions().await?;
        extensions.retain(|extension| extension.name == NAME);
        let build = Build::from_metadata(&admin.metadata(BUILD_KEY).await?);
        let roles = admin.roles().await?;
        let accounts = admin.api_accounts().await?;
        let ours = roles.iter().find(|role| role.name == NAME);
        let user = ours_among(admin, wanted, &accounts, ours).await?;
        let name_is_taken = user.is_none() && admin.is_taken(&wanted.user_name).await?;
        let holders = match ours {
            Some(role) => admin.holders(&role.id).await?,
            None => Vec::new(),
        };
        let hooks = admin.hooks().await?;
        let group_accounts = match wanted.mail_from.as_str() {
            "" => Vec::new(),
            _ => admin.group_accounts().await?,
        };
        let webhooks_lead = match &wanted.public_url {
            Some(url) => Some(leads(url).await),
            None => None,
        };
        Ok(Self {
            settings,
            extensions,
            build,
            roles,
            user,
            name_is_taken,
            holders,
            hooks,
            group_accounts,
            webhooks_lead,
        })
    }

    /// Our role.
    pub fn role(&self) -> Option<&Role> {
        self.roles.iter().find(|role| role.name == NAME)
    }

    /// Our extension, when it is installed.
    pub fn extension(&self) -> Option<&Extension> {
        self.extensions.iter().find(|extension| extension.installed)
    }

    /// Whether a tab is in the menu, at whatever place.
    pub fn has_tab(&self, tab: &str) -> bool {
        let in_group = |item: &Value| {
            let items = item.get("itemList").and_then(Value::as_array);
            items.is_some_and(|items| items.iter().any(|item| item == tab))
        };
        self.settings.tabs.iter().any(|item| item == tab || in_group(item))
    }
}

/// Of the API users with our role, or with the name ours would get: the one whose key is configured, else the one of
/// that name, else any.
async fn ours_among(
    admin: &Admin,
    wanted: &Wanted,
    accounts: &[ApiAccount],
    role: Option<&Role>,
) -> Result<Option<(ApiAccount, Keys)>, Error> {
    let of_role = |account: &ApiAccount| role.is_some_and(|role| account.roles.contains(&role.id));
    let mut candidates: Vec<&ApiAccount> =
        accounts.iter().filter(|account| of_role(account) || account.user_name == wanted.user_name).collect();
    candidates.sort_by_key(|account| account.user_name != wanted.user_name);
    let mut first = None;
    for account in candidates {
        let Some(keys) = admin.keys(&account.id).await? else { continue };
        if keys.api_key.expose_secret() == wanted.configured_key.expose_secret() {
            return Ok(Some((account.clone(), keys)));
        }
        first.get_or_insert((account.clone(), keys));
    }
    Ok(first)
}

async fn leads(url: &str) -> Leads {
    let Ok(url) = Url::parse(url) else { return Leads::Nowhere };
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return Leads::Nowhere };
    let Ok(found) = tokio::net::lookup_host((host, port)).await else { return Leads::Nowhere };
    let addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    match addresses.as_slice() {
        [] => Leads::Nowhere,
        all if all.iter().all(is_outside) => Leads::Outside,
        _ => Leads::Inside,
    }
}

fn is_outside(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified()),
        IpAddr::V6(v6) => {
            !(v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local())
        }
    }
}
