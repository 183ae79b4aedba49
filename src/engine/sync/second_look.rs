//! The second look: before anybody is told of a lead, what the CRM has of it is read once more, by its ids and not by what
//! was modified. Deletions, restores, relinks, merges and silent saves announce themselves nowhere: between two sweeps
//! nobody else would notice that what M.A.X. is about to say is not true.

use std::collections::BTreeMap;

use super::{Crm, Look, RoundError};
use crate::domain::LeadId;
use crate::espo::error::ErrorKind;

/// How many leads are looked at together: their ids have to fit into an address twice.
pub(super) const AT_ONCE: usize = 50;
/// Of a lead's known records the latest so many are read again: the rules look at the last contacts.
const LATEST: usize = 20;

impl Crm {
    /// Looks once more at leads of which somebody is about to be told, at most [`AT_ONCE`], and at what belongs to them.
    /// Returns those about which the CRM answered everything it answers at all.
    ///
    /// # Errors
    /// When the CRM as a whole does not answer, or the store fails.
    pub(super) async fn second_look(&self, leads: &[LeadId]) -> Result<Vec<LeadId>, RoundError> {
        let mut hidden = Vec::new();
        let ids: Vec<String> = leads.iter().map(|lead| lead.0.clone()).collect();
        let rows = async {
            hidden = self.look_again("Lead", &ids).await?;
            if ids.len() < AT_ONCE {
                self.read_whole(&ids, &hidden).await?;
            }
            Ok(())
        };
        if !matches!(self.by_itself("Lead", rows).await?, Look::Seen) {
            return Ok(Vec::new());
        }
        // What we may not see of a lead may be all that has happened to it; and one that is hidden makes EspoCRM refuse
        // the questions about all.
        let shown: Vec<LeadId> = leads.iter().filter(|lead| !hidden.contains(&lead.0)).cloned().collect();
        for entity in self.activity_entities() {
            if self.0.status.is_hidden(&entity) {
                continue;
            }
            if !matches!(self.by_itself(&entity, self.records_of(&entity, &shown)).await?, Look::Seen) {
                return Ok(Vec::new());
            }
        }
        Ok(shown)
    }

    /// Reads leads one by one: no list shows more than the first of their mail addresses. What came from, or went to, the
    /// others is read with it.
    async fn read_whole(&self, ids: &[String], hidden: &[String]) -> Result<(), RoundError> {
        for id in ids.iter().filter(|id| !hidden.contains(id)) {
            match self.0.client.get("Lead", id).await {
                Ok(record) => drop(self.take_over("Lead", &[record], |_| {}).await?),
                Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Forbidden { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The records of one entity type that belong to these leads, here or in the CRM.
    async fn records_of(&self, entity: &str, leads: &[LeadId]) -> Result<(), RoundError> {
        let known = self.known_records(leads)?.remove(entity).unwrap_or_default();
        if !known.is_empty() {
            self.look_again(entity, &known).await?;
        }
        let (mut there, mut addresses) = (Vec::new(), Vec::new());
        for lead in leads {
            if let Some(lead) = self.0.engine.store().lead(lead)?.filter(|lead| !lead.deleted) {
                addresses.extend(lead.emails);
                there.push(lead.id.0);
            }
        }
        let records = super::pages::of_leads(&self.0.client, &self.0.mapping, entity, &there).await?;
        self.take_over(entity, &records, |_| {}).await?;
        if self.0.mapping.is_mail(entity) {
            self.mails_of(&addresses).await?;
        }
        Ok(())
    }

    /// The latest records that we know of these leads, by entity type. Those with an id of their own are found by their
    /// lead only.
    fn known_records(&self, leads: &[LeadId]) -> Result<BTreeMap<String, Vec<String>>, RoundError> {
        let mut known: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for lead in leads {
            let activities = self.0.engine.store().activities(lead)?;
            for (entity, id) in activities.iter().rev().take(LATEST).filter_map(|it| it.id.0.split_once(':')) {
                known.entry(entity.to_owned()).or_default().push(id.to_owned());
            }
        }
        for ids in known.values_mut() {
            ids.sort_unstable();
            ids.dedup();
        }
        Ok(known)
    }
}
