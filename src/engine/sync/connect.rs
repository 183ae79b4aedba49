//! The first words with the CRM: who we are there, and how it reaches us.

use std::sync::PoisonError;

use secrecy::ExposeSecret;

use super::{CLOCK_TOLERANCE, Crm, Known, RoundError, Said};
use crate::espo::client::{ApiUser, LeadStatuses};
use crate::espo::{Retry, webhooks};
use crate::store::Hook;

impl Crm {
    /// Learns who we are, what time it is there, and which statuses are closed.
    pub(super) async fn connect(&self) -> Result<(), RoundError> {
        let client = &self.0.client;
        // First, since it refuses a wrong key: the settings are shown to anyone, and the wrong key counts towards
        // the lock-out there as well.
        let user = client.api_user().await?;
        let settings = client.settings().await?;
        let statuses = client.lead_statuses().await?;
        self.confirm(&user, &statuses).await?;
        let now = self.0.engine.clock().now();
        if let Some(there) = settings.server_time.filter(|there| there.since(now).abs() > CLOCK_TOLERANCE) {
            tracing::warn!(crm = %there, here = %now, "the clocks of the CRM and of this machine differ");
        }
        tracing::info!(version = %settings.version, time_zone = %settings.time_zone, user = %user.user_name, "connected to EspoCRM");
        *self.0.known.lock().unwrap_or_else(PoisonError::into_inner) =
            Known { me: Some(user.id.clone()), zone: Some(settings.time_zone), ..Known::default() };
        let me = user.id;
        self.0
            .engine
            .run(move |engine| {
                engine.me = Some(me);
                engine.record_links()?;
                engine.know_closed_statuses(statuses.not_actual)
            })
            .await?;
        self.register_webhooks().await
    }

    /// What is configured and cannot be done is said at the start, not when a rep wants it.
    async fn confirm(&self, user: &ApiUser, statuses: &LeadStatuses) -> Result<(), RoundError> {
        let Said { mail_from, archive_status, .. } = &self.0.said;
        if !mail_from.is_empty() && !user.may_send_from(mail_from) {
            tracing::warn!(%mail_from, "EspoCRM lets no mail of ours leave from this address: max doctor says what is missing");
        }
        let status = archive_status.clone();
        let statuses = statuses.clone();
        let judge = move |engine: &mut super::Engine| {
            let can = statuses.can_archive(&status, engine.policy.rules.active_statuses.as_deref());
            engine.know_whether_to_archive(can)?;
            Ok((can, statuses.options.join(", ")))
        };
        let (can, known) = self.0.engine.run(judge).await?;
        if !can {
            tracing::warn!(%archive_status, %known, "[leads] archive_status is no lead status of this CRM, or one that is watched: archiving is not offered");
        }
        Ok(())
    }

    /// Creates the webhooks that are missing, when the CRM can reach us. Their secrets are shown once: a hook
    /// whose secret we do not have is replaced.
    async fn register_webhooks(&self) -> Result<(), RoundError> {
        if self.0.said.public_url.is_empty() {
            return Ok(());
        }
        let registered = match webhooks::register(&self.0.client, &self.0.mapping, &self.0.said.public_url).await {
            Ok(registered) => registered,
            Err(error) if error.retry() == Retry::Later => return Err(error.into()),
            Err(error) => {
                tracing::error!(%error, "webhooks could not be created; M.A.X. polls instead");
                return Ok(());
            }
        };
        for (event, error) in &registered.refused {
            tracing::warn!(%event, %error, "the CRM refuses a webhook; polling makes up for it");
        }
        let hooks: Vec<Hook> = registered
            .hooks
            .iter()
            .map(|hook| Hook {
                id: hook.id.0.clone(),
                event: hook.event.clone(),
                secret: hook.secret.expose_secret().to_owned(),
            })
            .filter(|hook| !hook.secret.is_empty())
            .collect();
        self.0.engine.run(move |engine| engine.keep_hooks(&hooks)).await?;
        Ok(())
    }
}
