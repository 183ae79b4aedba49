//! What people do: close an alert, take that back, silence it; by button, by API, or in the CRM itself.

use super::Engine;
use super::evaluate::Loaded;
use super::told::{SHUT_GROUPS, shut_groups};
use crate::decide::{self, Decision};
use crate::domain::alert::{Resolution, Via};
use crate::domain::effect::{Effect, Occasion};
pub use crate::domain::event::Actor;
use crate::domain::observation::{AlertRecord, Observation};
use crate::domain::{Alert, AlertId, AlertState, ChatId, HOUR, Preferences, Timestamp, UserId};
use crate::store::{AlertRecordState, Batch, Link, Message, OutboxEntry, Result, Said, SheetRow, Store};

/// What came of an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acted {
    /// It took effect; the alert as it is now.
    Done(Alert),
    /// Nothing to do: it was so already, or the alert is closed; the alert as it is.
    Unchanged(Alert),
    /// There is no such alert.
    Unknown,
}

impl Engine {
    /// A person closes an alert.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn resolve(&mut self, alert: &AlertId, actor: &Actor, note: &str) -> Result<Acted> {
        self.resolve_with(Batch::default(), alert, actor, note)
    }

    pub(super) fn resolve_with(&mut self, batch: Batch, alert: &AlertId, actor: &Actor, note: &str) -> Result<Acted> {
        let resolution = Resolution {
            at: self.now(),
            by: actor.name.clone(),
            user: actor.user.clone(),
            via: actor.via,
            note: note.to_owned(),
            act: alert.clone(),
        };
        self.act(
            batch,
            alert,
            actor,
            |alert| alert.state.is_open(),
            |engine, loaded| decide::resolve(&loaded.subject(), &engine.policy.rules, alert, resolution),
        )
    }

    /// A person takes back that an alert was closed.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn unresolve(&mut self, alert: &AlertId, actor: &Actor) -> Result<Acted> {
        self.unresolve_with(Batch::default(), alert, actor)
    }

    fn unresolve_with(&mut self, batch: Batch, alert: &AlertId, actor: &Actor) -> Result<Acted> {
        self.act(
            batch,
            alert,
            actor,
            |alert| alert.resolution().is_some(),
            |engine, loaded| decide::unresolve(&loaded.subject(), &engine.policy.rules, alert, engine.now()),
        )
    }

    /// A person silences an open alert until an instant (exclusive); `None` ends a snooze.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn snooze(&mut self, alert: &AlertId, until: Option<Timestamp>, actor: &Actor) -> Result<Acted> {
        self.snooze_with(Batch::default(), alert, until, actor)
    }

    fn snooze_with(&mut self, batch: Batch, alert: &AlertId, until: Option<Timestamp>, actor: &Actor) -> Result<Acted> {
        self.act(
            batch,
            alert,
            actor,
            |alert| alert.state.is_open(),
            |engine, loaded| decide::snooze(&loaded.subject(), &engine.policy.rules, alert, until, engine.now()),
        )
    }

    /// Brings the lead up to now, and then has `decide` decide if the alert still is as the act requires. What
    /// `batch` holds is written together with the decision, or by itself when nothing is to be decided.
    fn act(
        &mut self,
        batch: Batch,
        alert: &AlertId,
        actor: &Actor,
        applies: impl Fn(&Alert) -> bool,
        decide: impl FnOnce(&Self, &Loaded) -> Decision,
    ) -> Result<Acted> {
        let Some(loaded) = self.loaded_up_to_now(alert)? else {
            self.store.apply(batch)?;
            return Ok(Acted::Unknown);
        };
        match loaded.alerts.iter().find(|known| known.id == *alert) {
            Some(current) if applies(current) => {}
            current => {
                self.store.apply(batch)?;
                return Ok(current.map_or(Acted::Unknown, |current| Acted::Unchanged(current.clone())));
            }
        }
        let decision = decide(self, &loaded);
        let span = (loaded.evaluated.at, self.now());
        self.commit(&loaded, decision, batch, span, Some(actor))?;
        Ok(self.store.alert(alert)?.map_or(Acted::Unknown, Acted::Done))
    }

    /// All about an alert's lead, once its alerts are those of now; while silence is in doubt, those that the person sees.
    fn loaded_up_to_now(&mut self, alert: &AlertId) -> Result<Option<Loaded>> {
        let Some(Alert { lead_id: lead, .. }) = self.store.alert(alert)? else { return Ok(None) };
        if self.store.evaluated(&lead).due.is_some_and(|due| due <= self.now()) {
            self.evaluate_lead(&lead)?;
        }
        let silence = self.silence_of(&lead);
        Ok(self.load(&lead)?.map(|loaded| Loaded { silence, ..loaded }))
    }

    /// A record of ours was seen in the CRM. A status that is not the one we wrote last was set by a person.
    pub(super) fn own_record_seen(&mut self, observation: Observation) -> Result<()> {
        match observation {
            Observation::Alert(record) => self.alert_record_changed(&record),
            Observation::AlertGone(crm_id) => self.alert_record_deleted(&crm_id),
            Observation::TelegramLink(record) if record.is_cut => self.link_cut_in_crm(&record.crm_id),
            Observation::TelegramLinkGone(crm_id) => self.link_cut_in_crm(&crm_id),
            Observation::TelegramLink(_) => Ok(()),
            Observation::Lead { .. }
            | Observation::LeadGone(_)
            | Observation::Activity(_)
            | Observation::NoActivity(_)
            | Observation::User(_)
            | Observation::UserGone(_)
            | Observation::Team(_)
            | Observation::TeamGone(_) => Ok(()),
        }
    }

    fn alert_record_changed(&mut self, record: &AlertRecord) -> Result<()> {
        let id = AlertId(record.dedup_key.clone());
        let Some(alert) = self.store.alert(&id)? else { return Ok(()) };
        let before = self.store.alert_record(&id)?;
        // A list read just before our own write shows the state before it.
        let by_us = record.modified_by.is_none() || record.modified_by == self.me;
        let is_old = |at: Timestamp| at > record.modified_at || (at == record.modified_at && by_us);
        if before.seen_at.is_some_and(is_old) {
            return Ok(());
        }
        let written = before.written_status.as_deref().unwrap_or(record_status(&alert.state));
        let snooze_differs = record.status == "Snoozed" && before.written_snooze != record.snoozed_until;
        let is_news = record.status != written || snooze_differs;
        let state = AlertRecordState {
            crm_id: Some(record.crm_id.clone()),
            written_status: Some(record.status.clone()),
            written_snooze: record.snoozed_until,
            seen_at: Some(record.modified_at),
            deleted: false,
        };
        let mut batch = Batch::default();
        if state != before {
            batch.put_alert_record(&id, &state, &before);
        }
        if is_news {
            // Whatever comes of it, the record is brought to the state that follows.
            self.add_effect(&mut batch, Effect::WriteAlert(id.clone()), self.now())?;
        }
        if !is_news {
            return self.store.apply(batch);
        }
        // What was seen and what follows from it are one write: between two, the dispatcher or a crash would undo
        // what the person did.
        let actor = self.crm_actor(record.modified_by.as_ref(), &record.modified_by_name)?;
        match record.status.as_str() {
            "Resolved" | "Closed" => self.resolve_with(batch, &id, &actor, ""),
            "Open" if alert.resolution().is_some() => self.unresolve_with(batch, &id, &actor),
            "Open" => self.snooze_with(batch, &id, None, &actor),
            "Snoozed" => {
                let until = record.snoozed_until.filter(|until| *until > self.now());
                let until = match until {
                    Some(until) => until,
                    None => self.policy.calendars.of_owner(&self.store, alert.owner.as_ref())?.next_day_open(self.now()),
                };
                self.snooze_with(batch, &id, Some(until), &actor)
            }
            other => {
                tracing::warn!(alert = %id, status = other, "the CRM has a status for an alert that M.A.X. does not know; it is set back");
                self.store.apply(batch)?;
                Ok(Acted::Unknown)
            }
        }
        .map(|_| ())
    }

    fn alert_record_deleted(&mut self, crm_id: &str) -> Result<()> {
        let Some(id) = self.store.alert_by_record(crm_id)? else { return Ok(()) };
        let before = self.store.alert_record(&id)?;
        let state = AlertRecordState { deleted: true, ..AlertRecordState::default() };
        let mut batch = Batch::default();
        batch.put_alert_record(&id, &state, &before);
        let actor = self.crm_actor(None, "")?;
        self.resolve_with(batch, &id, &actor, "").map(|_| ())
    }

    fn crm_actor(&self, user: Option<&UserId>, name: &str) -> Result<Actor> {
        let known = user.map(|id| self.store.user(id)).transpose()?.flatten();
        let name = known.map_or_else(|| name.to_owned(), |user| user.name);
        Ok(Actor { name, user: user.cloned(), via: Via::Crm })
    }

    /// Changes what a user wishes.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn wish(&mut self, user: &UserId, change: impl FnOnce(&mut Preferences)) -> Result<Preferences> {
        let mut preferences = self.store.preferences(user)?;
        change(&mut preferences);
        let mut batch = Batch::default();
        batch.put_preferences(user, &preferences);
        // What waits because of what was wished before is looked at anew.
        let now = self.now();
        for (_, entry) in self.store.outbox_beyond(false, now)? {
            let Effect::Announce { alert, .. } = &entry.effect else { continue };
            if self.store.alert(alert)?.is_some_and(|alert| alert.owner.as_ref() == Some(user)) {
                batch.put_outbox(OutboxEntry { not_before: now, ..entry });
            }
        }
        self.store.apply(batch)?;
        Ok(preferences)
    }

    /// Puts an effect into the outbox that a person asked for, not a decision.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn ask(&mut self, effect: Effect) -> Result<()> {
        let mut batch = Batch::default();
        let now = self.now();
        self.add_effect(&mut batch, effect, now)?;
        self.store.apply(batch)
    }

    /// As [`Engine::ask`], by an update from Telegram, which counts as carried out with it: asked for again after a crash, it
    /// would be carried out twice. `next_update` is the id after its.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn ask_by_update(&mut self, effect: Effect, next_update: i32) -> Result<()> {
        let mut batch = Batch::default();
        let now = self.now();
        self.add_effect(&mut batch, effect, now)?;
        batch.remove_update(next_update - 1);
        self.store.apply(batch)
    }

    /// Has everything said so far said again: M.A.X. speaks another language now.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn say_again(&mut self) -> Result<()> {
        let mut batch = Batch::default();
        let now = self.now();
        for alert in self.store.all_alerts()? {
            self.add_effect(&mut batch, Effect::WriteAlert(alert.id.clone()), now)?;
            self.add_effect(&mut batch, Effect::RefreshMessages(alert.id), now)?;
        }
        self.store.apply(batch)
    }

    /// Has every message about an alert brought to its present state, whatever we believe it shows.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn refresh_messages(&mut self, alert: &AlertId) -> Result<()> {
        let mut batch = Batch::default();
        for message in self.store.messages_about(alert)? {
            batch.put_message(&Message { shown: 0, settled: false, ..message });
        }
        let now = self.now();
        self.add_effect(&mut batch, Effect::RefreshMessages(alert.clone()), now)?;
        self.store.apply(batch)
    }

    /// Has a message that lists alerts show another page.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn turn_page(&mut self, chat: ChatId, message_id: i32, row: SheetRow) -> Result<()> {
        let Some(message) = self.store.message(chat, message_id)? else { return Ok(()) };
        let mut batch = Batch::default();
        batch.put_sheet(chat, message_id, &row);
        if let Some(alert) = message.alerts.first() {
            let now = self.now();
            self.add_effect(&mut batch, Effect::RefreshMessages(alert.clone()), now)?;
        }
        self.store.apply(batch)
    }

    /// Announces all that is open for an owner, as one digest: until now nobody could be told.
    pub(super) fn tell_all(&mut self, batch: &mut Batch, owner: &UserId) -> Result<()> {
        let now = self.now();
        for alert in self.store.open_alerts()? {
            let wants = alert.state == AlertState::Open && alert.owner.as_ref() == Some(owner);
            if wants && self.store.messages_about(&alert.id)?.is_empty() {
                let occasion = Occasion::Opened;
                let effect = Effect::Announce { alert: alert.id, occasion, at: now, first_evaluation: true };
                self.add_effect(batch, effect, now)?;
            }
        }
        Ok(())
    }

    /// Notes whether Telegram takes messages for a chat.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn mark_reachable(&mut self, chat: ChatId, reachable: bool) -> Result<()> {
        let mut batch = Batch::default();
        for link in self.store.links()? {
            if link.chat == chat && link.unreachable == reachable {
                if reachable {
                    self.tell_all(&mut batch, &link.user)?;
                }
                batch.put_link(&Link { unreachable: !reachable, ..link });
            }
        }
        if chat.is_group() {
            let mut shut = shut_groups(&self.store)?;
            let is_news = if reachable { shut.remove(&chat) } else { shut.insert(chat) };
            if is_news {
                batch.put_meta(SHUT_GROUPS, &shut);
            }
        }
        self.store.apply(batch)
    }

    /// Telegram gave a group another id: it is told there from now on, also after a restart. Returns whether that is new.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn chat_moved(&mut self, from: ChatId, to: ChatId) -> Result<bool> {
        let is_new = from.is_group() && from != to && self.store.present_chat(from)? != to;
        let mut batch = Batch::default();
        if is_new {
            batch.put_moved_chat(from, to);
        }
        self.store.apply(batch)?;
        Ok(is_new)
    }

    /// Takes up a message that Telegram has and we do not know: a crash came between the two. From now on it follows its
    /// alert.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn adopt_message(&mut self, message: &Message) -> Result<()> {
        let mut batch = Batch::default();
        if self.store.message(message.chat, message.message_id)?.is_none() {
            batch.put_message(message);
        }
        self.store.apply(batch)
    }

    /// Keeps a message that told somebody of alerts, that the effects named by (key, sequence) are done, and in the diary
    /// of `whose` that it was said. `stale` as in [`Engine::messages_sent`].
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn announced(
        &mut self,
        message: &Message,
        done: &[(String, u64)],
        stale: Option<&AlertId>,
        (whose, said): (&str, Said),
    ) -> Result<()> {
        let mut batch = Batch::default();
        let mut diary = self.store.diary(whose)?;
        diary.said.retain(|before| said.at.since(before.at) <= HOUR && before.at <= said.at);
        diary.said.push(said);
        batch.put_diary(whose, &diary);
        self.chronicle_told(&mut batch, &message.alerts, message.told.as_ref())?;
        self.messages_sent_with(batch, std::slice::from_ref(message), done, stale)
    }

    /// The same for a message that told others of an alert that nobody dealt with: `reader`, or a team.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn others_told(
        &mut self,
        message: &Message,
        done: &[(String, u64)],
        stale: Option<&AlertId>,
        reader: Option<&UserId>,
    ) -> Result<()> {
        let mut batch = Batch::default();
        self.chronicle_told(&mut batch, &message.alerts, reader)?;
        self.messages_sent_with(batch, std::slice::from_ref(message), done, stale)
    }

    /// Keeps a briefing, that it was sent, and that it told all that waited to be told of its alerts.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn briefed(&mut self, message: &Message, sent: (String, u64), (whose, said): (&str, Said)) -> Result<()> {
        let mut batch = Batch::default();
        let mut diary = self.store.diary(whose)?;
        diary.said.push(said);
        batch.put_diary(whose, &diary);
        let (mut done, mut told) = (vec![sent], Vec::new());
        for alert in &message.alerts {
            let key = format!("announce/{alert}");
            if let Some(entry) = self.store.outbox_entry(&key)? {
                done.push((key, entry.sequence));
                told.push(alert.clone());
            }
        }
        self.chronicle_told(&mut batch, &told, message.told.as_ref())?;
        self.messages_sent_with(batch, std::slice::from_ref(message), &done, None)
    }

    /// Keeps what became of Telegram messages, and that the effects named by (key, sequence) are done. `stale`: an
    /// alert of which earlier messages now have to show that there is a newer one.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn messages_sent(
        &mut self,
        messages: &[Message],
        done: &[(String, u64)],
        stale: Option<&AlertId>,
    ) -> Result<()> {
        self.messages_sent_with(Batch::default(), messages, done, stale)
    }

    fn messages_sent_with(
        &mut self,
        mut batch: Batch,
        messages: &[Message],
        done: &[(String, u64)],
        stale: Option<&AlertId>,
    ) -> Result<()> {
        if let Some(alert) = stale {
            let now = self.now();
            self.add_effect(&mut batch, Effect::RefreshMessages(alert.clone()), now)?;
        }
        for message in messages {
            batch.put_message(message);
        }
        for (key, sequence) in done {
            self.settle_in(&mut batch, key, *sequence)?;
        }
        self.store.apply(batch)?;
        self.ahead.push("telegram-recorded");
        Ok(())
    }
}

/// Whether a user may act on an alert: its owner, who stands in, who leads a team of the lead's.
///
/// # Errors
/// When the store cannot be read.
pub fn may_act(store: &Store, people: &super::told::People, user: &UserId, alert: &Alert) -> Result<bool> {
    if !store.user(user)?.is_some_and(|user| user.active) {
        return Ok(false);
    }
    let stands_in = match &alert.owner {
        Some(owner) => {
            people.stand_ins.get(owner) == Some(user) || store.preferences(owner)?.stand_in.as_ref() == Some(user)
        }
        None => false,
    };
    let manages = alert.teams.iter().any(|team| people.managers.get(team).is_some_and(|names| names.contains(user)));
    Ok(alert.owner.as_ref() == Some(user) || stands_in || manages)
}

/// The status of an alert's record in the CRM.
pub fn record_status(state: &AlertState) -> &'static str {
    match state {
        AlertState::Open => "Open",
        AlertState::Snoozed { .. } => "Snoozed",
        AlertState::Resolved(_) => "Resolved",
        AlertState::Closed { .. } => "Closed",
    }
}
