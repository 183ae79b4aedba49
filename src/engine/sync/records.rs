//! Taking over records of the CRM: what they mean, the texts of those that concern a lead, and what became of those that
//! no list shows any more.

use super::{Crm, RoundError};
use crate::domain::observation::Observation;
use crate::domain::{User, UserId};
use crate::engine::observe::Observed;
use crate::espo::observe::gone;
use crate::espo::sync as pages;
use crate::espo::{Record, observe};
use crate::store::Batch;

/// Of so many records that a list does not show each is asked for by itself; of more, so many.
const ASKED_SINGLY: usize = 50;

impl Crm {
    fn observations(&self, entity: &str, records: &[Record]) -> Vec<Observation> {
        let zone = self.zone();
        let mut seen = Vec::with_capacity(records.len());
        for record in records {
            match observe(entity, record, &self.0.mapping, zone) {
                Ok(observation) => seen.push(observation),
                Err(error) => {
                    metrics::counter!("max_records_unreadable_total").increment(1);
                    tracing::warn!(%error, "a record of the CRM is left out");
                }
            }
        }
        seen
    }

    /// Takes over records, fetching the texts of mails that turn out to concern a lead. `cursor` is stored with
    /// the last of it.
    pub(super) async fn take_over(
        &self,
        entity: &str,
        records: &[Record],
        cursor: impl FnOnce(&mut Batch) + Send + 'static,
    ) -> Result<Observed, RoundError> {
        let observations = self.observations(entity, records);
        let seen = observations.clone();
        let (mut observed, cursor) = self
            .0
            .engine
            .run(move |engine| {
                let mut cursor = Some(cursor);
                let observed = engine.observe(seen, |batch, complete| {
                    if let Some(cursor) = cursor.take_if(|_| complete) {
                        cursor(batch);
                    }
                })?;
                Ok((observed, cursor))
            })
            .await?;
        if let Some(cursor) = cursor {
            let new_addresses = std::mem::take(&mut observed.new_addresses);
            observed = self.with_texts(entity, observations, &observed.wanted_texts, cursor).await?;
            observed.new_addresses.extend(new_addresses);
        }
        if !observed.new_addresses.is_empty() && self.0.engine.run(|engine| Ok(engine.is_backfilled())).await? {
            Box::pin(self.mails_of(&observed.new_addresses)).await?;
        }
        Ok(observed)
    }

    async fn with_texts(
        &self,
        entity: &str,
        observations: Vec<Observation>,
        wanted: &[String],
        cursor: impl FnOnce(&mut Batch) + Send + 'static,
    ) -> Result<Observed, RoundError> {
        let texts = pages::bodies(&self.0.client, &self.0.mapping, entity, wanted).await?;
        let complete = observations
            .into_iter()
            .filter_map(|observation| {
                let Observation::Activity(mut draft) = observation else { return None };
                if !wanted.contains(&draft.record.id) {
                    return None;
                }
                // A mail that vanished meanwhile is left to the next sweep.
                let (_, body) = texts.iter().find(|(id, _)| *id == draft.record.id)?;
                draft.text = Some(body.clone());
                Some(Observation::Activity(draft))
            })
            .collect();
        Ok(self.0.engine.run(move |engine| engine.observe(complete, |batch, _| cursor(batch))).await?)
    }

    /// Mails to and from addresses that are new to us: they were passed over when nobody's they were.
    pub(super) async fn mails_of(&self, addresses: &[String]) -> Result<(), RoundError> {
        for address in addresses {
            let records = pages::mails_of(&self.0.client, &self.0.mapping, address).await?;
            self.take_over("Email", &records, |_| {}).await?;
        }
        Ok(())
    }

    /// Looks at single records again; those that are gone count as gone. Returns those that are there and hidden from
    /// us: they stay as they are known.
    pub(super) async fn look_again(&self, entity: &str, ids: &[String]) -> Result<Vec<String>, RoundError> {
        let refreshed = pages::refresh(&self.0.client, &self.0.mapping, entity, ids).await?;
        self.take_over(entity, &refreshed.records, |_| {}).await?;
        self.lose(entity, refreshed.missing).await
    }

    /// Takes note that no list shows these any more. A list hides alike what was deleted and what our role may not see;
    /// only what was deleted is gone. Returns what is hidden, or may be.
    pub(super) async fn lose(&self, entity: &str, missing: Vec<String>) -> Result<Vec<String>, RoundError> {
        let (asked, rest) = missing.split_at(missing.len().min(ASKED_SINGLY));
        let (mut lost, mut hidden) = (Vec::new(), Vec::new());
        for id in asked {
            let is_deleted = pages::is_deleted(&self.0.client, entity, id).await?;
            if is_deleted { &mut lost } else { &mut hidden }.push(id.clone());
        }
        // Of very many, those that were asked for speak for the others.
        if hidden.is_empty() { &mut lost } else { &mut hidden }.extend_from_slice(rest);
        let mut observations: Vec<Observation> = lost.iter().map(|id| gone(entity, id)).collect();
        if entity == "User" {
            // A user who may not log in any more is there, and hidden from everybody but administrators.
            observations.extend(self.left(&hidden)?);
            hidden.clear();
        }
        if !hidden.is_empty() {
            let count = hidden.len();
            tracing::warn!(%entity, count, "records are there that M.A.X.'s role may no longer read; they stay as they were known");
        }
        self.0.engine.run(move |engine| engine.observe(observations, |_, _| {})).await?;
        Ok(hidden)
    }

    /// These users, as ones who may not log in.
    fn left(&self, ids: &[String]) -> Result<Vec<Observation>, RoundError> {
        let mut left = Vec::new();
        for id in ids {
            let known = self.0.engine.store().user(&UserId::from(id.as_str()))?;
            left.extend(known.map(|user| Observation::User(User { active: false, ..user })));
        }
        Ok(left)
    }
}
