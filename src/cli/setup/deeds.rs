//! Carrying a plan out, step by step. What failed can be run again: every step begins from what is there.

use anyhow::Context;
use secrecy::SecretString;

use super::plan::{self, Deed, Step, Wanted};
use super::seen::Seen;
use crate::espo::admin::{Admin, Keys};
use crate::espo::error::ErrorKind;
use crate::espo::webhooks;
use crate::espo::{Client, Error, EspoSettings, Mapping, extension};

/// Whoever carries out.
pub struct Hand<'a> {
    /// With an administrator's rights.
    pub admin: &'a Admin,
    /// What there is to be.
    pub wanted: &'a Wanted,
    /// The CRM's address and how to read it.
    pub settings: &'a EspoSettings,
    /// Our role's id, once there is one.
    pub role: Option<String>,
    /// Our API user's id, once there is one.
    pub user: Option<String>,
}

/// EspoCRM takes no uploads.
const NO_UPLOADS: &str = "EspoCRM refuses uploads of extensions (in data/config-internal.php, `adminExtensionUpload` is false \
or `restrictedMode` is on). On the server: `max extension --out max.zip`, `php command.php extension --file=max.zip`, and run this again";

impl<'a> Hand<'a> {
    /// Begins.
    pub fn new(admin: &'a Admin, wanted: &'a Wanted, settings: &'a EspoSettings, seen: &'a Seen) -> Self {
        let role = seen.role().map(|role| role.id.clone());
        let user = seen.user.as_ref().map(|(account, _)| account.id.clone());
        Self { admin, wanted, settings, role, user }
    }

    /// Carries out one step.
    ///
    /// # Errors
    /// When the CRM refuses; what came before stays done.
    pub async fn carry_out(&mut self, step: &Step) -> anyhow::Result<()> {
        let Some(deed) = &step.deed else { return Ok(()) };
        let done = self.act(deed).await;
        done.with_context(|| {
            format!("{} did not go through; what came before it is done, and this can be run again", step.what)
        })
    }

    async fn act(&mut self, deed: &Deed) -> anyhow::Result<()> {
        match deed {
            Deed::Install => self.install().await?,
            Deed::CreateRole(attributes) => {
                self.role = Some(self.admin.create("Role", attributes.clone()).await?);
            }
            Deed::ChangeRole(id, attributes) => self.admin.change("Role", id, attributes.clone()).await?,
            Deed::CreateUser => {
                let role = self.role.as_deref().context("there is no role M.A.X. yet")?;
                let user = plan::new_user(&self.wanted.user_name, role);
                self.user = Some(self.admin.create("User", user).await?);
            }
            Deed::ChangeUser(id, roles) => {
                let mut roles = roles.clone();
                roles.extend(self.role.clone().filter(|role| !roles.contains(role)));
                self.admin.change("User", id, serde_json::json!({"isActive": true, "rolesIds": roles})).await?;
            }
            Deed::Set(setting, value) => self.admin.set(setting, value.clone()).await?,
            Deed::Hooks => self.hooks().await?,
            Deed::DeleteHooks(ids) => {
                for id in ids {
                    self.admin.delete_hook(id).await?;
                }
            }
            Deed::Delete(entity, id) => self.admin.delete(entity, id).await?,
            Deed::Uninstall(id) => {
                self.admin.uninstall(id).await?;
                Seen::look(self.admin, self.wanted).await?;
                self.admin.delete("Extension", id).await?;
            }
            Deed::Forget(id) => self.admin.delete("Extension", id).await?,
        }
        Ok(())
    }

    async fn install(&self) -> anyhow::Result<()> {
        let archive = extension::archive()?;
        let id = match self.admin.upload(&archive).await {
            Err(Error { kind: ErrorKind::Forbidden { .. }, .. }) => anyhow::bail!(NO_UPLOADS),
            outcome => outcome?,
        };
        self.admin.install(&id).await?;
        // Returns once requests find their way again.
        Seen::look(self.admin, self.wanted).await?;
        Ok(())
    }

    /// As the daemon does it at its start, with the API user's own key: the webhooks are its own.
    async fn hooks(&self) -> anyhow::Result<()> {
        let Some(url) = &self.wanted.public_url else { return Ok(()) };
        let user = self.user.as_deref().context("there is no API user yet")?;
        let keys = self.admin.keys(user).await?.context("the API user has no key")?;
        let client = client(self.settings, &keys)?;
        let mapping = Mapping::new(&self.settings.activities, &self.settings.inbound_sources)?;
        let registered = webhooks::register(&client, &mapping, url).await?;
        if let Some((event, error)) = registered.refused.first() {
            anyhow::bail!("EspoCRM refuses {event}: {error}");
        }
        Ok(())
    }
}

/// A client with an API user's keys.
///
/// # Errors
/// When the address is none.
pub fn client(settings: &EspoSettings, keys: &Keys) -> anyhow::Result<Client> {
    let secret_key: Option<SecretString> = keys.secret_key.clone();
    Ok(Client::new(&EspoSettings { api_key: keys.api_key.clone(), secret_key, ..settings.clone() })?)
}
