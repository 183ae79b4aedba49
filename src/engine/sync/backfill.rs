//! The backfill: everything once, by id. It can be interrupted, and goes on where it was.

use serde::{Deserialize, Serialize};

use super::super::progress::Progress;
use super::{Crm, Look, RoundError};
use crate::domain::Timestamp;
use crate::engine::Engine;
use crate::espo::sync as pages;

/// When the backfill began, by the CRM's clock.
pub(in crate::engine) const BACKFILL_BEGUN: &str = "backfill/begun";

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct BackfillCursor {
    after: Option<String>,
    done: bool,
}

impl Crm {
    /// Reads everything once, by id. Goes on where it was interrupted.
    ///
    /// # Errors
    /// When the CRM or the store fails; for one entity type that the CRM does not answer about, once all others are read.
    pub(super) async fn backfill(&self) -> Result<(), RoundError> {
        let (mut progress, mut failed) = (Progress::start(), None);
        for entity in self.entities() {
            let work = async {
                let name = format!("backfill/{entity}");
                let mut cursor: BackfillCursor = self.0.engine.store().cursor(&name)?.unwrap_or_default();
                while !cursor.done {
                    cursor = self.backfill_page(&entity, &name, cursor, &mut progress).await?;
                }
                Ok(())
            };
            match self.by_itself(&entity, work).await? {
                Look::Seen | Look::DoneWithout => {}
                // What happened to leads means nothing without them.
                Look::Failed(error) if entity == "Lead" => return Err(error.into()),
                Look::Failed(error) => failed = failed.or(Some(error)),
            }
        }
        if let Some(error) = failed {
            return Err(error.into());
        }
        progress.finish();
        // All of it has just been seen.
        let vouch = |engine: &mut Engine| {
            engine.vouch_for_all();
            Ok(())
        };
        Ok(self.0.engine.run(vouch).await?)
    }

    async fn backfill_page(
        &self,
        entity: &str,
        name: &str,
        cursor: BackfillCursor,
        progress: &mut Progress,
    ) -> Result<BackfillCursor, RoundError> {
        let page = pages::page_by_id(&self.0.client, &self.0.mapping, entity, cursor.after.as_deref()).await?;
        let after = page.next_after();
        let next = BackfillCursor { done: after.is_none(), after };
        // Polling begins where the backfill began, whatever the entity: a call may have been passed over because its
        // lead was not there yet.
        let begun = match cursor.after {
            None => Some(self.backfill_begun(page.server_time)?),
            Some(_) => None,
        };
        progress.add(entity, page.records.len());
        let (name, poll, stored) = (name.to_owned(), format!("poll/{entity}"), next.clone());
        self.take_over(entity, &page.records, move |batch| {
            batch.put_cursor(&name, &stored);
            if let Some(begun) = begun {
                batch.put_cursor(BACKFILL_BEGUN, &begun);
                batch.put_cursor(&poll, &begun);
            }
        })
        .await?;
        Ok(next)
    }

    /// The CRM's time of the backfill's first answer.
    fn backfill_begun(&self, server_time: Option<Timestamp>) -> Result<Timestamp, RoundError> {
        let known = self.0.engine.store().cursor(BACKFILL_BEGUN)?;
        Ok(known.or(server_time).unwrap_or_else(|| self.0.engine.clock().now()))
    }
}
