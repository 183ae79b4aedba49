//! What a round has seen, entity type by entity type: one that fails does not stop the others.

use std::future::Future;

use super::{ALERTS, Crm, PEOPLE_AND_LEADS, RoundError, standstill};
use crate::domain::Timestamp;
use crate::espo::Error;
use crate::espo::error::ErrorKind;
use crate::espo::links::ENTITY as LINKS;

/// Activities that are told to us, or through us.
const OUR_ACTIVITIES: &str = "MaxActivity";

/// What came of looking at one entity type.
pub(super) enum Look {
    /// It was seen.
    Seen,
    /// The CRM does not show it, and nothing that counts is missed.
    DoneWithout,
    /// The CRM does not answer about it.
    Failed(Error),
}

/// What a round has seen.
#[derive(Default)]
pub(super) struct Seen {
    /// Why leads were not seen.
    pub(super) leads: Option<Error>,
    /// Some activities were not.
    in_part: bool,
}

impl Seen {
    pub(super) fn note(&mut self, entity: &str, look: Look) {
        match look {
            Look::Seen | Look::DoneWithout => {}
            Look::Failed(error) if entity == "Lead" => self.leads = self.leads.take().or(Some(error)),
            Look::Failed(_) => self.in_part = true,
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.leads = self.leads.take().or(other.leads);
        self.in_part |= other.in_part;
    }

    pub(super) fn is_whole(&self) -> bool {
        self.leads.is_none() && !self.in_part
    }
}

impl Crm {
    /// What the CRM does not answer about one entity type must not keep the others from being seen: it is said once, and
    /// lived with.
    pub(super) async fn by_itself(
        &self,
        entity: &str,
        work: impl Future<Output = Result<(), RoundError>>,
    ) -> Result<Look, RoundError> {
        match work.await {
            Ok(()) => {
                if self.0.status.set_shown(entity) {
                    tracing::info!(%entity, "the CRM shows these records again");
                }
                Ok(Look::Seen)
            }
            Err(RoundError::Crm(error)) if error.is_of_one_entity() => {
                let is_missed = self.is_missed(entity, &error)?;
                let missed = is_missed.then(|| standstill::reason(&error));
                if self.0.status.set_hidden(entity, error.to_string(), missed) {
                    if is_missed {
                        tracing::error!(%entity, %error, "the CRM does not answer for these records; the others are seen, and nobody is accused of silence meanwhile");
                    } else {
                        tracing::error!(%entity, %error, "the CRM does not show these records; M.A.X. does without them");
                    }
                }
                Ok(if is_missed { Look::Failed(error) } else { Look::DoneWithout })
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a lead that is judged without these records may be judged wrongly. Who works there and what our own alerts
    /// are says nothing of leads; without the extension nobody writes activities for us; and what the CRM has never shown
    /// is not meant to be seen.
    fn is_missed(&self, entity: &str, error: &Error) -> Result<bool, RoundError> {
        let is_gone = matches!(error.kind, ErrorKind::NoSuchEntity { .. });
        if entity == "Lead" {
            return Ok(true);
        }
        if [ALERTS, LINKS].contains(&entity)
            || PEOPLE_AND_LEADS.contains(&entity)
            || (entity == OUR_ACTIVITIES && is_gone)
        {
            return Ok(false);
        }
        let was_seen = self.0.engine.store().cursor::<Timestamp>(&format!("poll/{entity}"))?.is_some();
        Ok(was_seen || !error.entity_missing())
    }
}
