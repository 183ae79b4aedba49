//! The dispatcher towards the CRM: takes effects out of the outbox and brings our records there to the state
//! they should have.

mod deeds;
mod insights;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::acts::record_status;
use super::briefing::{Briefing, Speaker};
use super::chronicle::{events_of, message_of};
use super::outbox::{Ready, pause_after, ready};
use super::sync::{Crm, Existence, LONGEST_PAUSE};
use super::{Engine, EngineError, Handle, boundary};
use crate::domain::effect::{Effect, Occasion};
use crate::domain::observation::{AlertRecord, Observation};
use crate::domain::{ActivityId, Alert, AlertId, AlertState, Evidence, LeadId, Timestamp, UserId};
use crate::espo::error::ErrorKind;
use crate::espo::links::{self, LinkWrite};
use crate::espo::write::{ActivityWrite, AlertWrite, Written, upsert_activity, upsert_alert};
use crate::espo::{Error, Retry};
use crate::store::{AlertRecordState, Batch, OutboxEntry, Result};
use crate::voice::{Content, CtaEntry};
use insights::{Acceptance, Filled};

/// Works until `stop`.
pub async fn work(crm: Crm, engine: Handle, speaker: Arc<Speaker>, stop: CancellationToken) {
    let mut worker =
        Worker { crm, engine, speaker, outage: None, has_leftovers: false, insights: Acceptance::default() };
    loop {
        let mut changes = worker.engine.changes();
        let seen = worker.outbox_changes();
        let next = tokio::select! {
            () = stop.cancelled() => return,
            next = worker.round() => next,
        };
        let clock = worker.engine.clock().clone();
        let news = async {
            // What others write is nothing to wake up for, unless something was ready and could not be tried.
            while changes.changed().await.is_ok() && !worker.has_leftovers && worker.outbox_changes() == seen {}
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = news => {}
            () = clock.sleep_until(next.unwrap_or(Timestamp(i64::MAX / 2_000))) => {}
        }
    }
}

struct Worker {
    crm: Crm,
    engine: Handle,
    speaker: Arc<Speaker>,
    outage: Option<Outage>,
    /// Something was ready in the last round and was not tried.
    has_leftovers: bool,
    insights: Acceptance,
}

/// The CRM is out of reach: what waits is tried one at a time, and ever less often.
struct Outage {
    /// How often in a row the CRM was out of reach.
    tries: u32,
    /// Nothing is tried before.
    until: Timestamp,
}

/// What became of one effect.
enum Outcome {
    Done,
    /// The CRM refused or failed.
    Failed(Error),
    /// Not to be told yet.
    Later,
}

/// Whether it is worth going on with the next effect.
#[derive(PartialEq)]
enum Reach {
    Fine,
    Out,
}

impl Worker {
    /// Carries out what is ready. Returns when the next entry is.
    async fn round(&mut self) -> Option<Timestamp> {
        self.has_leftovers = true;
        let now = self.engine.clock().now();
        if let Some(outage) =
            self.outage.as_ref().filter(|outage| outage.until > now && outage.until.since(now) <= LONGEST_PAUSE)
        {
            return Some(outage.until);
        }
        let Ready { entries, next } = match ready(self.engine.store(), true, now) {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(%error, "the outbox cannot be read");
                return Some(now.plus(pause_after(3)));
            }
        };
        if self.crm.is_refused() || !self.crm.is_connected() {
            // Nothing is sent before the sources have found their way in again.
            return Some(now.plus(pause_after(2)));
        }
        let is_idle = entries.is_empty();
        let (can_wait, pressing): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|(_, entry)| entry.effect.can_wait());
        for (key, entry) in pressing {
            if self.crm.is_refused() {
                return Some(now.plus(pause_after(2)));
            }
            match self.carry_out(&key, entry).await {
                Ok(Reach::Fine) => self.back_in_reach(),
                Ok(Reach::Out) => return Some(self.out_of_reach()),
                Err(error) => {
                    tracing::error!(%error, effect = %key, "an effect could not be carried out");
                    return None;
                }
            }
        }
        match self.write_insights(can_wait).await {
            Ok(Reach::Fine) => {}
            Ok(Reach::Out) => return Some(self.out_of_reach()),
            Err(error) => {
                tracing::error!(%error, "what is known of leads could not be written");
                return None;
            }
        }
        self.has_leftovers = false;
        if !is_idle {
            return next;
        }
        match self.fill_insights().await {
            Ok(Filled::More) => Some(now),
            Ok(Filled::Idle(at)) => [at, next].into_iter().flatten().min(),
            Ok(Filled::NotYet) => {
                self.has_leftovers = true;
                next
            }
            Ok(Filled::Out) => Some(self.out_of_reach()),
            Err(error) => {
                tracing::error!(%error, "what is known of leads could not be gone through");
                next
            }
        }
    }

    fn outbox_changes(&self) -> u64 {
        self.engine.store().outbox_changes(true)
    }

    /// Notes that the CRM is out of reach; returns until when it is left alone.
    fn out_of_reach(&mut self) -> Timestamp {
        let tries = self.outage.as_ref().map_or(1, |outage| outage.tries.saturating_add(1));
        let until = self.engine.clock().now().plus(pause_after(tries).min(LONGEST_PAUSE));
        self.outage = Some(Outage { tries, until });
        until
    }

    fn back_in_reach(&mut self) {
        if self.outage.take().is_some() {
            tracing::info!("the CRM takes what waited for it");
            // Whoever looks at it may still be waiting for it to come back.
            self.crm.wake();
        }
    }

    async fn carry_out(&self, key: &str, entry: OutboxEntry) -> std::result::Result<Reach, EngineError> {
        let outcome = match &entry.effect {
            Effect::WriteAlert(alert) => self.write_alert(alert).await?,
            Effect::WriteActivity { lead, activity } => self.write_activity(lead, activity, None).await?,
            Effect::WriteDoneActivity { lead, activity, by } => self.write_activity(lead, activity, Some(by)).await?,
            Effect::WriteLink(key) => self.write_link(key).await?,
            Effect::VerifyLead(lead) => self.verify(lead).await?,
            Effect::WriteDeed(deed) => self.write_deed(deed).await?,
            Effect::WriteInsight(_)
            | Effect::Announce { .. }
            | Effect::RefreshMessages(_)
            | Effect::SendDraft { .. }
            | Effect::SendAlert { .. }
            | Effect::Welcome { .. }
            | Effect::Briefing { .. }
            | Effect::Summary { .. }
            | Effect::SyncStopped { .. }
            | Effect::SyncResumed { .. }
            | Effect::RefreshDraft { .. }
            | Effect::DeedRefused { .. }
            | Effect::Escalate { .. }
            | Effect::SendWhy { .. }
            | Effect::UndoOver(_)
            | Effect::RemindOfCall { .. }
            | Effect::AskAboutCall { .. }
            | Effect::RefreshCall { .. }
            | Effect::CloseCall { .. }
            | Effect::Weekly { .. } => Outcome::Done,
        };
        self.conclude(key, &entry, outcome).await
    }

    /// Settles or postpones an effect, as it came out.
    async fn conclude(
        &self,
        key: &str,
        entry: &OutboxEntry,
        outcome: Outcome,
    ) -> std::result::Result<Reach, EngineError> {
        let (key, sequence) = (key.to_owned(), entry.sequence);
        match outcome {
            Outcome::Done => self.engine.run(move |engine| engine.settle(&key, sequence)).await?,
            Outcome::Failed(error) if error.retry() == Retry::Never => {
                tracing::error!(effect = %key, %error, "the CRM refuses this for good; it is given up");
                metrics::counter!("max_effects_given_up_total").increment(1);
                self.engine.run(move |engine| engine.settle(&key, sequence)).await?;
            }
            Outcome::Later => {
                let again = self.engine.clock().now().plus(pause_after(entry.attempts + 1));
                self.engine.run(move |engine| engine.postpone(&key, again)).await?;
            }
            Outcome::Failed(error) if error.is_outage() => {
                if self.outage.is_none() {
                    tracing::warn!(effect = %key, %error, "the CRM is out of reach; what is to be written there waits");
                }
                // Others go first, should it be about this one after all.
                let again = self.engine.clock().now().plus(pause_after(entry.attempts + 1).min(LONGEST_PAUSE));
                self.engine.run(move |engine| engine.postpone(&key, again)).await?;
                return Ok(Reach::Out);
            }
            Outcome::Failed(error) => {
                let attempts = entry.attempts + 1;
                let again = self.engine.clock().now().plus(pause_after(attempts));
                tracing::warn!(effect = %key, attempts, %again, %error, "writing to the CRM failed; it is tried again");
                self.engine.run(move |engine| engine.postpone(&key, again)).await?;
            }
        }
        Ok(Reach::Fine)
    }

    async fn write_alert(&self, id: &AlertId) -> std::result::Result<Outcome, EngineError> {
        let store = self.engine.store();
        let now = self.engine.clock().now();
        let Some(alert) = store.alert(id)?.filter(|alert| alert.opened_at.is_some()) else { return Ok(Outcome::Done) };
        let state = store.alert_record(id)?;
        if state.deleted && !alert.state.is_open() {
            return Ok(Outcome::Done);
        }
        let Some(me) = self.crm.me() else { return Ok(Outcome::Done) };
        let Some(briefing) = Briefing::load(store, &self.speaker, alert, now)? else { return Ok(Outcome::Done) };
        let context = briefing.context(&self.speaker, self.speaker.manner(), Content::Full, Occasion::Opened, now);
        let texts = self.speaker.voice.crm_texts(&context);
        let is_open = briefing.alert.state.is_open();
        let cta = if is_open { self.speaker.voice.cta(&context) } else { Vec::new() };
        let draft = self.speaker.voice.draft(&context).filter(|_| is_open);
        let (history, message) = (events_of(store, &briefing.alert)?, message_of(store, &briefing.alert)?);
        let write = AlertWrite {
            alert: &briefing.alert,
            name: &texts.message,
            suggested_action: &texts.suggested_action,
            evidence: &texts.evidence,
            metadata: metadata(&briefing.alert, &cta),
            history: &history,
            message: message.as_ref(),
            draft: draft.as_ref().map(|draft| draft.text.as_str()),
            crm_id: state.crm_id.as_deref(),
            seen: state.seen_at,
        };
        boundary::pass("crm-before-write");
        let written = upsert_alert(self.crm.client(), &me, &write).await;
        boundary::pass("crm-after-write");
        match written {
            Ok(Written::Done { crm_id, modified_at }) => {
                let alert = briefing.alert;
                self.engine.run(move |engine| engine.alert_written(&alert, crm_id, modified_at)).await?;
                boundary::pass("crm-recorded");
                Ok(Outcome::Done)
            }
            Ok(Written::Gone) => {
                let crm_id = state.crm_id.unwrap_or_default();
                self.engine.run(move |engine| engine.own_record_seen(Observation::AlertGone(crm_id))).await?;
                Ok(Outcome::Done)
            }
            Ok(Written::Remembers(events)) => {
                let alert = id.clone();
                self.engine.run(move |engine| engine.remember(&alert, &events)).await?;
                Ok(Outcome::Done)
            }
            Ok(Written::Touched(record)) => {
                // A person was there in the meantime: that comes first, and asks for another write.
                self.engine.run(move |engine| engine.alert_touched(record)).await?;
                Ok(Outcome::Done)
            }
            // The lead is gone: its record cannot be made, and need not be.
            Err(Error { kind: ErrorKind::NoSuchLink { .. }, .. }) if briefing.lead.deleted => Ok(Outcome::Done),
            Err(error) => Ok(Outcome::Failed(error)),
        }
    }

    async fn write_activity(
        &self,
        lead: &LeadId,
        id: &ActivityId,
        done_by: Option<&UserId>,
    ) -> std::result::Result<Outcome, EngineError> {
        let store = self.engine.store();
        let Some(activity) = store.activity(lead, id)? else { return Ok(Outcome::Done) };
        let lead = store.lead(lead)?;
        let name = self.speaker.activity_name(&activity);
        let write = ActivityWrite {
            activity: &activity,
            name: &name,
            owner: lead.as_ref().and_then(|lead| lead.owner.as_ref()),
            teams: lead.as_ref().map(|lead| lead.teams.as_slice()).unwrap_or_default(),
            done_by,
            crm_id: None,
        };
        boundary::pass("crm-before-write");
        let written = upsert_activity(self.crm.client(), &write).await;
        boundary::pass("crm-after-write");
        match written {
            Ok(Written::Done { crm_id, .. }) => {
                if store.activity_record(&activity.lead_id, id)?.as_ref() != Some(&crm_id) {
                    let (lead, id) = (activity.lead_id.clone(), id.clone());
                    self.engine.run(move |engine| engine.activity_written(&lead, &id, &crm_id)).await?;
                }
                Ok(Outcome::Done)
            }
            Ok(Written::Gone | Written::Touched(_) | Written::Remembers(_)) => Ok(Outcome::Done),
            Err(error) => Ok(Outcome::Failed(error)),
        }
    }

    async fn write_link(&self, key: &str) -> std::result::Result<Outcome, EngineError> {
        let Some(link) = self.engine.store().link_record(key)? else { return Ok(Outcome::Done) };
        let write = LinkWrite {
            key,
            crm_id: link.crm_id.as_deref(),
            user: &link.user,
            telegram_name: &link.telegram_name,
            linked_at: link.linked_at,
            is_cut: link.is_cut,
        };
        match links::upsert(self.crm.client(), &write).await {
            Ok(links::Written::Done(crm_id)) => {
                let (user, is_cut) = (link.user.clone(), link.is_cut);
                self.engine.run(move |engine| engine.link_written(&link, crm_id)).await?;
                if !is_cut {
                    self.cut_lost_links(&user).await?;
                }
                Ok(Outcome::Done)
            }
            Ok(links::Written::Cut) => {
                self.engine.run(move |engine| engine.link_is_cut(&link)).await?;
                Ok(Outcome::Done)
            }
            // An extension without these records: asked for again when the CRM is next connected to.
            Err(error) if error.entity_missing() => {
                tracing::warn!(%error, "a link to Telegram does not show in the CRM");
                Ok(Outcome::Done)
            }
            Err(error) => Ok(Outcome::Failed(error)),
        }
    }

    /// What the CRM shows as this user's links and nobody here knows of was lost with a store.
    async fn cut_lost_links(&self, user: &UserId) -> std::result::Result<(), EngineError> {
        let mut known = self.engine.store().link_records()?;
        known.retain(|link| link.user == *user);
        // One whose answer was lost may be there under an id that is not known yet.
        if known.iter().any(|link| link.crm_id.is_none()) {
            return Ok(());
        }
        let known: Vec<String> = known.into_iter().filter_map(|link| link.crm_id).collect();
        match links::cut_others(self.crm.client(), user, &known).await {
            Ok(0) => {}
            Ok(lost) => tracing::info!(%user, lost, "links that M.A.X. no longer had are cut in the CRM"),
            Err(error) => tracing::warn!(%user, %error, "older links of a user could not be looked at"),
        }
        Ok(())
    }

    async fn verify(&self, lead: &LeadId) -> std::result::Result<Outcome, EngineError> {
        match self.crm.lead_exists(lead).await {
            Existence::There => Ok(Outcome::Done),
            Existence::Missing => {
                tracing::warn!(%lead, "an activity was logged while the CRM was down for a lead that it does not have; it is dropped");
                let lead = lead.clone();
                self.engine.run(move |engine| engine.forget_unverified(&lead)).await?;
                Ok(Outcome::Done)
            }
            Existence::Unknown => Ok(Outcome::Later),
        }
    }
}

/// What the record keeps for programs.
fn metadata(alert: &Alert, cta: &[CtaEntry]) -> serde_json::Value {
    let mut metadata = serde_json::json!({"evidence": alert.evidence, "cta": cta});
    if let Evidence::PreferredChannel { best, .. } = &alert.evidence {
        metadata["preferredChannel"] = serde_json::json!(best.channel);
        metadata["rate"] = serde_json::json!(best.percent());
    }
    metadata
}

impl Engine {
    /// An alert's record is as it should be.
    fn alert_written(&mut self, alert: &Alert, crm_id: String, modified_at: Option<Timestamp>) -> Result<()> {
        let before = self.store.alert_record(&alert.id)?;
        let written_snooze = match &alert.state {
            AlertState::Snoozed { until } => Some(*until),
            AlertState::Open | AlertState::Closed { .. } | AlertState::Resolved(_) => None,
        };
        let state = AlertRecordState {
            crm_id: Some(crm_id),
            written_status: Some(record_status(&alert.state).to_owned()),
            written_snooze,
            seen_at: modified_at.or(before.seen_at),
            deleted: false,
        };
        let mut batch = Batch::default();
        batch.put_alert_record(&alert.id, &state, &before);
        self.store.apply(batch)
    }

    /// An activity that we were told of has this record: an alert that rests on it can point there.
    fn activity_written(&mut self, lead: &LeadId, activity: &ActivityId, crm_id: &str) -> Result<()> {
        let mut batch = Batch::default();
        batch.put_activity_record(lead, activity, crm_id);
        self.store.apply(batch)
    }

    /// A record turned out to have been changed by a person when we were about to write it. Its state is taken
    /// over, and the write asked for again.
    fn alert_touched(&mut self, record: AlertRecord) -> Result<()> {
        let id = AlertId(record.dedup_key.clone());
        self.own_record_seen(Observation::Alert(record))?;
        self.ask(Effect::WriteAlert(id))
    }

    /// Drops what was reported of a lead that does not exist.
    fn forget_unverified(&mut self, lead: &LeadId) -> Result<()> {
        let mut batch = Batch::default();
        for activity in self.store.activities(lead)? {
            batch.remove_activity(lead, &activity.id);
            let effect = Effect::WriteActivity { lead: lead.clone(), activity: activity.id };
            batch.remove_outbox(&effect.key());
        }
        self.store.apply(batch)
    }
}
