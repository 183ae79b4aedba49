//! Links to Telegram as the CRM has them: made on a user's own profile, cut there.

use super::{Crm, RoundError};
use crate::domain::observation::Observation;
use crate::espo::links::{self, Invitation};
use crate::espo::observe::gone;
use crate::espo::sync as pages;

/// More links than this (inclusive) that vanish at once, and so large a share of them, are a right that was taken away.
const FEW_LINKS: usize = 3;

impl Crm {
    /// The code with this hash that a user made on the own profile, if one waits; that user is looked at again, so that
    /// a new colleague is known and a former one refused. A CRM without such records has no codes.
    ///
    /// # Errors
    /// When the CRM cannot be asked now.
    pub async fn invitation(&self, hash: &str) -> Result<Option<Invitation>, RoundError> {
        match links::find_invitation(&self.0.client, hash).await {
            Ok(Some(invitation)) => {
                self.look_again("User", &[invitation.user.as_str().to_owned()]).await?;
                Ok(Some(invitation))
            }
            Ok(None) => Ok(None),
            Err(error) if error.entity_missing() => {
                tracing::warn!(%error, "links from the CRM cannot be looked up");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Looks at the records of all links: one that was cut or deleted in the CRM is cut here. A deletion shows in no
    /// list of what was modified, and there are as many links as colleagues.
    pub(super) async fn look_at_links(&self) -> Result<(), RoundError> {
        let known = self.0.engine.store().link_records()?;
        let ids: Vec<String> = known.into_iter().filter(|link| !link.is_cut).filter_map(|link| link.crm_id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let found = pages::refresh(&self.0.client, &self.0.mapping, links::ENTITY, &ids).await?;
        let missing = found.missing.len();
        if missing > FEW_LINKS && missing * 2 > ids.len() {
            tracing::warn!(missing, of = ids.len(), "the CRM hides most links to Telegram: they stay as they are");
            return Ok(());
        }
        self.take_over(links::ENTITY, &found.records, |_| {}).await?;
        let missing: Vec<Observation> = found.missing.iter().map(|id| gone(links::ENTITY, id)).collect();
        if !missing.is_empty() {
            self.0.engine.run(move |engine| engine.observe(missing, |_, _| {})).await?;
        }
        Ok(())
    }
}
