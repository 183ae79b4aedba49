//! A second opinion on messages of unsure reading. The alert that M.A.X.'s own reading makes is never held back for
//! it; it can only add a wish to buy that was overlooked. What cannot be asked within the hour is left as it is.

use chrono::Datelike;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{Engine, Handle};
use crate::domain::effect::Effect;
use crate::domain::{Activity, ActivityId, Direction, HOUR, LeadId, MINUTE, Reading, Seconds};
use crate::insight::discreet::discreet;
use crate::insight::reading::is_unsure;
use crate::second_opinion::{Failure, Model};
use crate::store::{Batch, Result};

/// Older messages are no longer asked about: whoever wrote them has been waiting already.
const LIFETIME: Seconds = HOUR;
/// After a failure nobody is asked for so long.
const REST: Seconds = MINUTE;
/// Under this name it is kept how many questions were asked on which day.
const SPENT: &str = "opinions";

/// How much of a day's questions is used up.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Spent {
    /// Days since the beginning of the common era, UTC.
    day: i32,
    questions: u32,
}

/// One message to ask about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Whose.
    pub lead: LeadId,
    /// Which.
    pub activity: ActivityId,
    /// What is sent out: without names, addresses and numbers.
    pub text: String,
}

impl Engine {
    /// Notes that somebody else is to be asked about an activity that has just been read for the first time.
    pub(super) fn doubt(&self, batch: &mut Batch, activity: &Activity) {
        let is_fresh = self.now().since(activity.timestamp) < LIFETIME;
        let is_message =
            activity.direction == Direction::In && !activity.reading.intent && !activity.preview.is_empty();
        if self.policy.opinions_a_day > 0 && is_fresh && is_message && is_unsure(&activity.preview) {
            batch.put_doubt(&activity.lead_id, &activity.id);
        }
    }

    /// The next message to ask about, counted as asked. What has become too old, or is more than a day may cost, is
    /// passed over.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn next_doubt(&mut self) -> Result<Option<Doubt>> {
        while let Some((lead, activity)) = self.store.doubt()? {
            if let Some(text) = self.text_in_doubt(&lead, &activity)?
                && self.spend_question()?
            {
                return Ok(Some(Doubt { lead, activity, text }));
            }
            let mut batch = Batch::default();
            batch.remove_doubt(&lead, &activity);
            self.store.apply(batch)?;
        }
        Ok(None)
    }

    /// Counts one question more; `false` when it would be more than a day may cost.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn spend_question(&mut self) -> Result<bool> {
        let mut spent = self.spent()?;
        if spent.questions >= self.policy.opinions_a_day {
            return Ok(false);
        }
        spent.questions += 1;
        let mut batch = Batch::default();
        batch.put_meta(SPENT, &spent);
        self.store.apply(batch)?;
        Ok(true)
    }

    /// Somebody else said whether a message's author wants to buy.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn take_opinion(&mut self, doubt: &Doubt, wants_to_buy: bool) -> Result<()> {
        let mut batch = Batch::default();
        batch.remove_doubt(&doubt.lead, &doubt.activity);
        let (mut activities, alerts) = self.store.history(&doubt.lead)?;
        let found = activities.iter_mut().find(|activity| activity.id == doubt.activity);
        let Some(activity) = found.filter(|_| wants_to_buy) else { return self.store.apply(batch) };
        // A person has said meanwhile what it means.
        if self.store.correction(&doubt.lead, &doubt.activity)?.is_some() {
            return self.store.apply(batch);
        }
        activity.reading = Reading { intent: true, expects_reply: true, auto_reply: false };
        batch.put_activity(activity);
        match self.load_with(&doubt.lead, (activities, alerts))? {
            Some(loaded) => {
                let now = self.now();
                self.add_effect(&mut batch, Effect::WriteInsight(doubt.lead.clone()), now)?;
                self.advance_to_now(loaded, batch).map(|_| ())
            }
            None => self.store.apply(batch),
        }
    }

    fn spent(&self) -> Result<Spent> {
        let day = self.now().to_utc().num_days_from_ce();
        let known = self.store.meta::<Spent>(SPENT)?.filter(|spent| spent.day == day);
        Ok(known.unwrap_or(Spent { day, questions: 0 }))
    }

    fn text_in_doubt(&self, lead: &LeadId, activity: &ActivityId) -> Result<Option<String>> {
        let Some(activity) = self.store.activity(lead, activity)? else { return Ok(None) };
        let Some(lead) = self.store.lead(lead)?.filter(|lead| !lead.deleted && !lead.is_do_not_contact()) else {
            return Ok(None);
        };
        let is_fresh = self.now().since(activity.timestamp) < LIFETIME && !activity.reading.intent;
        Ok(is_fresh.then(|| discreet(&activity.preview, &lead)))
    }
}

/// Asks about what is in doubt, one message after the other, until `stop`.
pub async fn work(engine: Handle, model: Model, stop: CancellationToken) {
    let mut trouble = None;
    loop {
        let mut changes = engine.changes();
        let asked = tokio::select! {
            () = stop.cancelled() => return,
            asked = ask(&engine, &model) => asked,
        };
        match asked {
            Ok(true) => trouble = None,
            Ok(false) => tokio::select! {
                () = stop.cancelled() => return,
                _ = changes.changed() => {}
            },
            Err(Asking::Engine) => return,
            Err(Asking::Model(failure)) => {
                if trouble.replace(failure) != Some(failure) {
                    tracing::warn!(%failure, "[second_opinion] gives none: readings stand as they are");
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = engine.clock().sleep(REST) => {}
                }
            }
        }
    }
}

/// Why nobody was asked.
enum Asking {
    /// The engine has ended.
    Engine,
    /// It did not answer.
    Model(Failure),
}

/// Asks about one message; whether there was one.
async fn ask(engine: &Handle, model: &Model) -> std::result::Result<bool, Asking> {
    if engine.store().doubt().map_err(|_| Asking::Engine)?.is_none() {
        return Ok(false);
    }
    let Some(doubt) = engine.run(Engine::next_doubt).await.map_err(|_| Asking::Engine)? else { return Ok(false) };
    let answer = model.wants_to_buy(&doubt.text).await;
    let outcome = match answer {
        Ok(true) => "wants_to_buy",
        Ok(false) => "agrees",
        Err(_) => "failed",
    };
    metrics::counter!("max_second_opinions_total", "outcome" => outcome).increment(1);
    let wants_to_buy = match answer {
        Ok(wants_to_buy) => wants_to_buy,
        // Another answer would not be another one.
        Err(Failure::Strange) => false,
        Err(failure) => return Err(Asking::Model(failure)),
    };
    engine.run(move |engine| engine.take_opinion(&doubt, wants_to_buy)).await.map_err(|_| Asking::Engine)?;
    match answer {
        Err(failure) => Err(Asking::Model(failure)),
        Ok(_) => Ok(true),
    }
}
