//! The sweep: everything compared, by id, now and then. It finds what polling cannot see: deletions, restores,
//! relinks, silent saves.

use std::collections::HashSet;

use super::{ALERTS, CLOCK_TOLERANCE, Crm, RoundError, SWEEP_ALARM, Seen};
use crate::domain::{HOUR, Seconds, Timestamp};
use crate::engine::Engine;
use crate::espo::sync as pages;
use crate::store::Batch;

/// A sweep that would drop more than one in so many records changes nothing and raises an alarm…
const ALARMING_SHARE: usize = 20;
/// …unless it is about so few (inclusive) that a person may well have deleted them by hand.
const FEW: usize = 3;
/// Of users, one in so many: a company may part with several at once.
const ALARMING_SHARE_OF_USERS: usize = 2;
/// A sweep that found something wrong is made again after so many seconds.
const AGAIN_AFTER: Seconds = HOUR;

impl Crm {
    pub(super) async fn sweep_is_due(&self, now: Timestamp) -> Result<bool, RoundError> {
        let last: Option<Timestamp> = self.0.engine.store().cursor("sweep")?;
        if let Some(last) = last {
            if now.plus(CLOCK_TOLERANCE) < last {
                tracing::warn!(%last, %now, "the clock was set back since the last sweep: everything is compared");
                return Ok(true);
            }
            // Rather a little early, while nobody works: a large CRM takes minutes, and nothing else is seen meanwhile.
            let (since, interval) = (now.since(last), self.0.settings.sweep_interval);
            let at_work =
                self.0.engine.run(|engine| Ok(engine.policy.calendars.everybody().is_open(engine.now()))).await?;
            return Ok(since >= interval || (!at_work && since >= interval / 4 * 3));
        }
        // The backfill has just seen everything.
        self.swept(now, None).await?;
        Ok(false)
    }

    async fn swept(&self, at: Timestamp, alarm: Option<String>) -> Result<(), RoundError> {
        self.0.status.set_alarm(alarm.clone());
        let store = move |engine: &mut Engine| {
            let mut batch = Batch::default();
            batch.put_cursor("sweep", &at);
            batch.put_meta(SWEEP_ALARM, &alarm);
            engine.store.apply(batch)
        };
        Ok(self.0.engine.run(store).await?)
    }

    /// Compares everything, by id: finds what polling cannot see. What is no longer shown is gone, unless that
    /// is suspiciously much, or it is there and only hidden.
    ///
    /// # Errors
    /// When the CRM or the store fails.
    pub(super) async fn sweep(&self, now: Timestamp) -> Result<Seen, RoundError> {
        let (mut lost_sight, mut seen) = (Vec::new(), Seen::default());
        for entity in self.entities() {
            let work = async {
                lost_sight.extend(self.sweep_entity(&entity).await?);
                Ok(())
            };
            let look = self.by_itself(&entity, work).await?;
            seen.note(&entity, look);
        }
        let alarm = (!lost_sight.is_empty()).then(|| {
            let alarm = format!(
                "a sweep found {}; these stay as they were: check the rights of M.A.X.'s role",
                lost_sight.join(", ")
            );
            tracing::error!(%alarm, "the CRM shows fewer records than before");
            alarm
        });
        if alarm.is_none() && seen.is_whole() {
            let vouch = |engine: &mut Engine| {
                engine.vouch_for_all();
                Ok(())
            };
            self.0.engine.run(vouch).await?;
            self.swept(now, None).await?;
        } else {
            // Rights are given back, and what failed is mended: not to be found out a day later.
            let interval = self.0.settings.sweep_interval;
            self.swept(now.plus(AGAIN_AFTER.min(interval) - interval), alarm).await?;
        }
        Ok(seen)
    }

    /// Compares one entity type. Returns what is suspicious about it.
    pub(super) async fn sweep_entity(&self, entity: &str) -> Result<Option<String>, RoundError> {
        // Known before, so that what is created meanwhile is not missed.
        let known = self.known_ids(entity)?;
        let mut seen = HashSet::new();
        let mut after: Option<String> = None;
        loop {
            let page = pages::page_by_id(&self.0.client, &self.0.mapping, entity, after.as_deref()).await?;
            seen.extend(page.records.iter().filter_map(|record| record.id().map(str::to_owned)));
            after = page.next_after();
            self.take_over(entity, &page.records, |_| {}).await?;
            if after.is_none() {
                break;
            }
        }
        let missing: Vec<String> = known.iter().filter(|id| !seen.contains(*id)).cloned().collect();
        // Who left may be many, and is asked for one by one.
        let share = if entity == "User" { ALARMING_SHARE_OF_USERS } else { ALARMING_SHARE };
        if missing.len() > FEW && missing.len() * share > known.len() {
            return Ok(Some(format!("{} of {} {entity} records missing", missing.len(), known.len())));
        }
        let hidden = self.lose(entity, missing).await?.len();
        Ok((hidden > 0).then(|| format!("{hidden} of {} {entity} records hidden", known.len())))
    }

    fn known_ids(&self, entity: &str) -> Result<Vec<String>, RoundError> {
        let store = self.0.engine.store();
        Ok(match entity {
            "Lead" => {
                let leads = store.leads().filter(|lead| !lead.as_ref().is_ok_and(|lead| lead.deleted));
                leads.map(|lead| lead.map(|lead| lead.id.0)).collect::<Result<_, _>>()?
            }
            "User" => store.users()?.into_iter().filter(|user| user.active).map(|user| user.id.0).collect(),
            "Team" => Vec::new(),
            ALERTS => store.alert_record_ids()?,
            _ => store.record_ids(entity)?,
        })
    }
}
