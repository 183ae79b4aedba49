//! Writing what is known of leads, when there is nothing more pressing to write.

use super::{Outcome, Reach, Worker};
use crate::domain::effect::Effect;
use crate::domain::{HOUR, Timestamp};
use crate::engine::EngineError;
use crate::engine::insights::{Outdated, Portion};
use crate::espo::error::ErrorKind;
use crate::espo::write::upsert_insight;
use crate::espo::{Error, Retry};
use crate::store::OutboxEntry;

/// Whether the CRM takes what is known of leads.
#[derive(Debug, Default)]
pub(super) struct Acceptance {
    /// It does not, and is not asked again before.
    until: Option<Timestamp>,
}

/// What going through all leads came to.
pub(super) enum Filled {
    /// There is more to do.
    More,
    /// Nothing, before this instant.
    Idle(Option<Timestamp>),
    /// The leads are still to be evaluated.
    NotYet,
    /// The CRM is out of reach.
    Out,
}

/// What became of one lead's record.
enum Write {
    Done,
    /// The CRM does not know such records, or we may not write them.
    NotTaken,
    Failed(Error),
}

impl Worker {
    /// Brings the records of the first leads that `entries` name to what is known of them. Those that have not changed
    /// are settled together, since many may have been touched at once.
    pub(super) async fn write_insights(&mut self, entries: Vec<(String, OutboxEntry)>) -> Result<Reach, EngineError> {
        let is_off = self.insights_not_before().is_some();
        let outdated = self.engine.run(move |engine| engine.outdated_of(entries, is_off)).await?;
        for (key, entry, outdated) in outdated {
            let outcome = match self.write_outdated(outdated).await? {
                Write::Done | Write::NotTaken => Outcome::Done,
                Write::Failed(error) => Outcome::Failed(error),
            };
            if self.conclude(&key, &entry, outcome).await? == Reach::Out {
                return Ok(Reach::Out);
            }
        }
        Ok(Reach::Fine)
    }

    /// Goes on through all leads for a bit.
    pub(super) async fn fill_insights(&mut self) -> Result<Filled, EngineError> {
        if let Some(until) = self.insights_not_before() {
            return Ok(Filled::Idle(Some(until)));
        }
        let (outdated, last) = match self.engine.run(|engine| engine.next_insights()).await? {
            Portion::Some { outdated, last } => (outdated, last),
            Portion::NotBefore(at) => return Ok(Filled::Idle(Some(at))),
            Portion::NotYet => return Ok(Filled::NotYet),
        };
        for outdated in outdated {
            let lead = outdated.lead.clone();
            match self.write_outdated(outdated).await? {
                Write::Done => {}
                Write::NotTaken => return Ok(Filled::Idle(self.insights_not_before())),
                Write::Failed(error) if error.is_outage() || self.crm.is_refused() => return Ok(Filled::Out),
                Write::Failed(error) if error.retry() == Retry::Never => {
                    tracing::error!(%lead, %error, "the CRM refuses what is known of a lead; it is left out");
                }
                // One that fails must not keep the rest waiting.
                Write::Failed(_) => self.engine.run(move |engine| engine.ask(Effect::WriteInsight(lead))).await?,
            }
        }
        if last.is_none() {
            self.learn().await?;
        }
        self.engine.run(move |engine| engine.insights_gone_through(last)).await?;
        Ok(Filled::More)
    }

    /// Learns from all leads that were gone through. It takes a part of a second, and nobody waits for it.
    async fn learn(&self) -> Result<(), EngineError> {
        let Some(survey) = self.engine.run(|engine| Ok(engine.survey())).await? else { return Ok(()) };
        match tokio::task::spawn_blocking(move || survey.conclude()).await {
            Ok(habits) => self.engine.run(move |engine| engine.learned(&habits)).await,
            Err(error) => {
                tracing::error!(%error, "what all leads tell could not be worked out; what was known before counts");
                Ok(())
            }
        }
    }

    async fn write_outdated(&mut self, outdated: Outdated) -> Result<Write, EngineError> {
        let written = upsert_insight(self.crm.client(), &outdated.attributes, outdated.crm_id.as_deref()).await;
        match written {
            Ok(crm_id) => {
                if self.insights.until.take().is_some() {
                    tracing::info!("the CRM takes what is known of leads now");
                }
                self.engine.run(move |engine| engine.insight_written(&outdated, crm_id)).await?;
                Ok(Write::Done)
            }
            // The lead is gone: a sweep will tell.
            Err(Error { kind: ErrorKind::NoSuchLink { .. }, .. }) => Ok(Write::Done),
            Err(error) if error.entity_missing() => {
                if self.insights.until.is_none() {
                    tracing::warn!(%error, "the CRM does not take what M.A.X. knows of leads (MaxInsight); M.A.X. goes on without: install its newest extension, and let its role create and edit these records");
                }
                self.insights.until = Some(self.engine.clock().now().plus(HOUR));
                Ok(Write::NotTaken)
            }
            Err(error) => Ok(Write::Failed(error)),
        }
    }

    /// Until when the CRM is not asked to take any.
    fn insights_not_before(&self) -> Option<Timestamp> {
        let now = self.engine.clock().now();
        self.insights.until.filter(|until| *until > now && until.since(now) <= HOUR)
    }
}
