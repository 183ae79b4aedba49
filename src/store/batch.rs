//! One atomic write, collected. Keeps the indexes in step with what they index.

use serde::Serialize;

use super::keys::{ACTIVITY, ALERT, BY_ALERT, BY_CALL, BY_PLACE, BY_TIME, Key, Kind};
use super::outlooks::Written;
use super::{
    AlertRecordState, Diary, Escalation, Evaluated, Hook, InsightRow, LastMail, Link, LinkRecord, LinkToken, Message,
    NotRelevant, OutboxEntry, PendingLink, SheetRow, StepRow, Weekly, encode, outlooks, waiting,
};
use crate::decide::Outlook;
use crate::domain::appointment::Appointment;
use crate::domain::draft::Prepared;
use crate::domain::event::Event;
use crate::domain::meaning::Correction;
use crate::domain::observation::RecordRef;
use crate::domain::unsubscribed::Unsubscribed;
use crate::domain::working_times::WorkingTimes;
use crate::domain::{
    Activity, ActivityId, Alert, AlertId, ChatId, Deed, DeedId, Lead, LeadId, Preferences, Team, TeamId, Timestamp,
    User, UserId,
};

/// Changes that take effect together or not at all.
#[derive(Debug, Default)]
pub struct Batch {
    sled: sled::Batch,
    touched: usize,
    /// What becomes of leads in the index of what is due, in this order.
    changes: Vec<(LeadId, outlooks::Change)>,
    /// What becomes of the outbox, in this order.
    outbox: Vec<waiting::Change>,
    /// The leads that may be called otherwise.
    named: Vec<LeadId>,
}

impl Batch {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.touched == 0 && self.changes.is_empty() && self.outbox.is_empty()
    }

    pub(super) fn take_changes(&mut self) -> Vec<(LeadId, outlooks::Change)> {
        std::mem::take(&mut self.changes)
    }

    pub(super) fn take_named(&mut self) -> Vec<LeadId> {
        std::mem::take(&mut self.named)
    }

    pub(super) fn take_outbox(&mut self) -> Vec<waiting::Change> {
        std::mem::take(&mut self.outbox)
    }

    /// What is to be written.
    pub(super) fn into_rows(self) -> sled::Batch {
        self.sled
    }

    pub(super) fn put<T: Serialize>(&mut self, key: Key, value: &T) {
        self.touched += 1;
        self.sled.insert(key.into_bytes(), encode(value));
    }

    /// A value that is encoded already.
    pub(super) fn put_bytes(&mut self, key: Key, value: &[u8]) {
        self.touched += 1;
        self.sled.insert(key.into_bytes(), value);
    }

    pub(super) fn remove_bytes(&mut self, key: &[u8]) {
        self.touched += 1;
        self.sled.remove(key);
    }

    fn remove(&mut self, key: Key) {
        self.touched += 1;
        self.sled.remove(key.into_bytes());
    }

    /// Sets a named value of ours.
    pub fn put_meta<T: Serialize>(&mut self, name: &str, value: &T) {
        self.put(Key::new(Kind::Meta).last(name), value);
    }

    /// Sets somebody's figures that say whether it helps.
    pub fn put_kpi<T: Serialize>(&mut self, whose: &str, value: &T) {
        self.put(Key::new(Kind::Kpi).last(whose), value);
    }

    /// Forgets somebody's figures.
    pub fn remove_kpi(&mut self, whose: &str) {
        self.remove(Key::new(Kind::Kpi).last(whose));
    }

    /// Sets a cursor.
    pub fn put_cursor<T: Serialize>(&mut self, name: &str, value: &T) {
        self.put(Key::new(Kind::Cursor).last(name), value);
    }

    /// Forgets a cursor.
    pub fn remove_cursor(&mut self, name: &str) {
        self.remove(Key::new(Kind::Cursor).last(name));
    }

    /// Keeps what Telegram delivered until it is carried out.
    pub fn put_update(&mut self, id: i32, json: &str) {
        self.put(Key::new(Kind::Update).number(id.into()), &json);
    }

    /// Forgets an update: it was carried out.
    pub fn remove_update(&mut self, id: i32) {
        self.remove(Key::new(Kind::Update).number(id.into()));
    }

    /// Sets a lead, and moves its addresses from those of `before`.
    pub fn put_lead(&mut self, lead: &Lead, before: Option<&Lead>) {
        for address in before.into_iter().flat_map(|lead| &lead.emails) {
            if !lead.emails.contains(address) {
                self.remove(Key::new(Kind::Address).part(address).last(lead.id.as_str()));
            }
        }
        for address in &lead.emails {
            self.put(Key::new(Kind::Address).part(address).last(lead.id.as_str()), &());
        }
        self.put(Key::new(Kind::Lead).last(lead.id.as_str()), lead);
        self.named.push(lead.id.clone());
    }

    /// Sets an activity.
    pub fn put_activity(&mut self, activity: &Activity) {
        self.put(activity_key(&activity.lead_id, &activity.id), activity);
    }

    /// Forgets an activity.
    pub fn remove_activity(&mut self, lead: &LeadId, activity: &ActivityId) {
        self.remove(activity_key(lead, activity));
    }

    /// Notes that a CRM record means this activity of this lead.
    pub fn put_record_link(&mut self, record: &RecordRef, lead: &LeadId, activity: &ActivityId) {
        if record.entity == "MaxActivity" {
            self.put_activity_record(lead, activity, &record.id);
        }
        self.put(Key::new(Kind::Record).part(&record.to_string()).last(lead.as_str()), activity);
    }

    /// Notes which `MaxActivity` record (CRM id) an activity has: its own id does not tell.
    pub fn put_activity_record(&mut self, lead: &LeadId, activity: &ActivityId, crm_id: &str) {
        self.put(Key::new(Kind::ActivityRecord).part(lead.as_str()).last(activity.as_str()), &crm_id);
    }

    /// Forgets what a CRM record means for a lead.
    pub fn remove_record_link(&mut self, record: &RecordRef, lead: &LeadId) {
        self.remove(Key::new(Kind::Record).part(&record.to_string()).last(lead.as_str()));
    }

    /// Sets a user.
    pub fn put_user(&mut self, user: &User) {
        self.put(Key::new(Kind::User).last(user.id.as_str()), user);
    }

    /// Sets a team.
    pub fn put_team(&mut self, team: &Team) {
        self.put(Key::new(Kind::Team).last(team.id.as_str()), team);
    }

    /// Forgets a team.
    pub fn remove_team(&mut self, team: &TeamId) {
        self.remove(Key::new(Kind::Team).last(team.as_str()));
    }

    /// Sets an alert, and its places in the indexes; `before` is what it was.
    pub fn put_alert(&mut self, alert: &Alert, before: Option<&Alert>) {
        if before.is_none() {
            self.put(Key::new(Kind::AlertLead).last(alert.id.as_str()), &alert.lead_id);
        }
        let open = Key::new(Kind::OpenAlert).last(alert.id.as_str());
        match (before.is_some_and(|before| before.state.is_open()), alert.state.is_open()) {
            (false, true) => self.put(open, &()),
            (true, false) => self.remove(open),
            (true, true) | (false, false) => {}
        }
        self.put(alert_key(&alert.lead_id, &alert.id), alert);
    }

    /// Adds a step to history. `sequence` tells steps of one instant apart.
    pub fn add_step(&mut self, step: &StepRow, sequence: u64) {
        let sequence = i64::try_from(sequence).unwrap_or(i64::MAX);
        self.put(Key::new(Kind::Step).number(step.at.0).number(sequence), step);
    }

    /// Adds what happened to an alert. `sequence` tells events of one instant apart.
    pub fn add_event(&mut self, alert: &AlertId, event: &Event, sequence: u64) {
        let sequence = i64::try_from(sequence).unwrap_or(i64::MAX);
        self.put(Key::new(Kind::Event).part(alert.as_str()).number(event.at.0).number(sequence), event);
    }

    /// Sets when a lead was evaluated and is due, and what lies ahead of it.
    pub fn put_evaluated(&mut self, lead: &LeadId, evaluated: Evaluated, outlook: Option<Outlook>) {
        self.changes.push((lead.clone(), outlooks::Change::Evaluated { evaluated, outlook: outlook.map(Box::new) }));
    }

    /// Sets when a lead is due, and nothing else.
    pub fn put_due(&mut self, lead: &LeadId, due: Option<Timestamp>) {
        self.changes.push((lead.clone(), outlooks::Change::Due(due)));
    }

    /// Has a lead be due at `at` or as soon as possible after it, if it would be later.
    pub fn mark_due(&mut self, lead: &LeadId, at: Timestamp) {
        self.changes.push((lead.clone(), outlooks::Change::DueBy(at)));
    }

    /// Sets a row of the index of what is due.
    pub(super) fn put_bucket(&mut self, bucket: u32, row: &[Written<'_>]) {
        let key = Key::new(Kind::Evaluated).number(bucket.into());
        if row.is_empty() { self.remove(key) } else { self.put(key, &row) }
    }

    /// Sets an entry of the outbox.
    pub fn put_outbox(&mut self, entry: OutboxEntry) {
        self.outbox.push((entry.effect.key(), Some(entry)));
    }

    /// Removes an entry of the outbox.
    pub fn remove_outbox(&mut self, key: &str) {
        self.outbox.push((key.to_owned(), None));
    }

    /// Sets a row of the outbox.
    pub(super) fn put_outbox_row(&mut self, row: u64, entries: &[OutboxEntry]) {
        let key = outbox_key(row);
        if entries.is_empty() { self.remove(key) } else { self.put(key, &entries) }
    }

    /// Notes that a record is to be looked at again. `sequence` tells this hint from an earlier one.
    pub fn put_hint(&mut self, record: &RecordRef, sequence: u64) {
        self.put(Key::new(Kind::Hint).part(&record.entity).last(&record.id), &sequence);
    }

    /// A record has been looked at again.
    pub fn remove_hint(&mut self, record: &RecordRef) {
        self.remove(Key::new(Kind::Hint).part(&record.entity).last(&record.id));
    }

    /// Notes that somebody else is to be asked what an activity's text means.
    pub fn put_doubt(&mut self, lead: &LeadId, activity: &ActivityId) {
        self.put(Key::new(Kind::Doubt).part(lead.as_str()).last(activity.as_str()), &());
    }

    /// Somebody else was asked, or need not be.
    pub fn remove_doubt(&mut self, lead: &LeadId, activity: &ActivityId) {
        self.remove(Key::new(Kind::Doubt).part(lead.as_str()).last(activity.as_str()));
    }

    /// Sets a Telegram message, its places in the index by alert, and its wording when it has one.
    pub fn put_message(&mut self, message: &Message) {
        let id = i64::from(message.message_id);
        for alert in &message.alerts {
            self.put(Key::new(Kind::AlertMessage).part(alert.as_str()).number(message.chat.0).number(id), &());
        }
        self.put(Key::new(Kind::Message).number(message.chat.0).number(id), message);
        if let Some(wording) = message.wording {
            self.put(Key::new(Kind::Wording).number(message.chat.0).number(id), &wording);
        }
    }

    /// Sets a prepared message, and its place in the index by alert.
    pub fn put_prepared(&mut self, prepared: &Prepared) {
        self.put(prepared_by_alert(prepared), &());
        self.put(prepared_key(prepared.chat, prepared.message_id), prepared);
    }

    /// Forgets a prepared message.
    pub fn remove_prepared(&mut self, prepared: &Prepared) {
        self.remove(prepared_by_alert(prepared));
        self.remove(prepared_key(prepared.chat, prepared.message_id));
    }

    /// Sets a link.
    pub fn put_link(&mut self, link: &Link) {
        self.put(Key::new(Kind::Link).number(link.account), link);
    }

    /// Cuts a link.
    pub fn remove_link(&mut self, account: i64) {
        self.remove(Key::new(Kind::Link).number(account));
    }

    /// Sets who works when, as the CRM keeps it.
    pub fn put_working_times(&mut self, times: &WorkingTimes) {
        self.put(Key::new(Kind::WorkingTimes), times);
    }

    /// Sets the mail that a lead wrote last.
    pub fn put_last_mail(&mut self, lead: &LeadId, mail: &LastMail) {
        self.put(Key::new(Kind::LastMail).last(lead.as_str()), mail);
    }

    /// Forgets the mail that a lead wrote last.
    pub fn remove_last_mail(&mut self, lead: &LeadId) {
        self.remove(Key::new(Kind::LastMail).last(lead.as_str()));
    }

    /// Sets what a user wishes.
    pub fn put_preferences(&mut self, user: &UserId, preferences: &Preferences) {
        self.put(Key::new(Kind::Preferences).last(user.as_str()), preferences);
    }

    /// Notes that a user found an alert beside the point.
    pub fn put_not_relevant(&mut self, mark: &NotRelevant) {
        self.put(Key::new(Kind::NotRelevant).number(mark.at.0).last(mark.alert.as_str()), mark);
    }

    /// Sets what a person said that a message means.
    pub fn put_correction(&mut self, correction: &Correction) {
        let Correction { lead, activity, .. } = correction;
        self.put(Key::new(Kind::Correction).part(lead.as_str()).last(activity.as_str()), correction);
    }

    /// Sets what came of a lead's wish for no more messages.
    pub fn put_unsubscribed(&mut self, mark: &Unsubscribed) {
        self.put(Key::new(Kind::Unsubscribed).last(mark.lead.as_str()), mark);
    }

    /// Sets a deed.
    pub fn put_deed(&mut self, deed: &Deed) {
        self.put(Key::new(Kind::Deed).last(deed.id.as_str()), deed);
    }

    /// Forgets a deed.
    pub fn remove_deed(&mut self, deed: &DeedId) {
        self.remove(Key::new(Kind::Deed).last(deed.as_str()));
    }

    /// Sets what we know of a link's record in the CRM.
    pub fn put_link_record(&mut self, record: &LinkRecord) {
        self.put(Key::new(Kind::LinkRecord).last(&record.key), record);
    }

    /// Forgets a link's record in the CRM.
    pub fn remove_link_record(&mut self, key: &str) {
        self.remove(Key::new(Kind::LinkRecord).last(key));
    }

    /// Keeps a one-time token by its hash.
    pub fn put_token(&mut self, hash: &str, token: &LinkToken) {
        self.put(Key::new(Kind::Token).last(hash), token);
    }

    /// A token is spent.
    pub fn remove_token(&mut self, hash: &str) {
        self.remove(Key::new(Kind::Token).last(hash));
    }

    /// Keeps a link that an account has opened; an earlier one of the account is forgotten.
    pub fn put_pending_link(&mut self, account: i64, link: &PendingLink) {
        self.put(Key::new(Kind::PendingLink).number(account), link);
    }

    /// Keeps which message asks an account about the link that it opened.
    pub fn put_link_question(&mut self, account: i64, message_id: i32) {
        self.put(Key::new(Kind::LinkQuestion).number(account), &message_id);
    }

    /// No message asks that account any more.
    pub fn remove_link_question(&mut self, account: i64) {
        self.remove(Key::new(Kind::LinkQuestion).number(account));
    }

    /// An account has said yes or no.
    pub fn remove_pending_link(&mut self, account: i64) {
        self.remove(Key::new(Kind::PendingLink).number(account));
    }

    /// Notes that a group has another id now.
    pub fn put_moved_chat(&mut self, from: ChatId, to: ChatId) {
        self.put(Key::new(Kind::MovedChat).number(from.0), &to);
    }

    /// Sets how far others hear of an alert, and moves its place in the index by time from that of `before`.
    pub fn put_escalation(&mut self, alert: &AlertId, escalation: &Escalation, before: Option<&Escalation>) {
        let place = |due: Timestamp| Key::new(Kind::EscalationDue).number(due.0).last(alert.as_str());
        if let Some(due) = before.and_then(|before| before.due).filter(|due| escalation.due != Some(*due)) {
            self.remove(place(due));
        }
        if let Some(due) = escalation.due {
            self.put(place(due), &());
        }
        self.put(Key::new(Kind::Escalation).last(alert.as_str()), escalation);
    }

    /// Sets an appointment, and moves its place in the index by time from that of `before`.
    pub fn put_appointment(&mut self, appointment: &Appointment, before: Option<&Appointment>) {
        if let Some(before) = before.filter(|before| before.due() != appointment.due()) {
            self.remove(appointment_due_key(before));
        }
        self.put(appointment_due_key(appointment), &());
        self.put(appointment_key(&appointment.lead, &appointment.activity), appointment);
    }

    /// Forgets an appointment.
    pub fn remove_appointment(&mut self, appointment: &Appointment) {
        self.remove(appointment_due_key(appointment));
        self.remove(appointment_key(&appointment.lead, &appointment.activity));
    }

    /// Notes which planned call a message speaks of.
    pub fn put_call_message(&mut self, chat: ChatId, message_id: i32, lead: &LeadId, activity: &ActivityId) {
        self.put(Key::new(Kind::CallMessage).number(chat.0).number(message_id.into()), &(lead, activity));
    }

    /// Forgets that.
    pub fn remove_call_message(&mut self, chat: ChatId, message_id: i32) {
        self.remove(Key::new(Kind::CallMessage).number(chat.0).number(message_id.into()));
    }

    /// Notes the account that a user wrote from last.
    pub fn put_last_account(&mut self, user: &UserId, account: i64) {
        self.put(Key::new(Kind::LastAccount).last(user.as_str()), &account);
    }

    /// Sets a manager's week.
    pub fn put_weekly(&mut self, user: &UserId, weekly: &Weekly) {
        self.put(Key::new(Kind::Weekly).last(user.as_str()), weekly);
    }

    /// Keeps what was said to somebody: a user's id, or a chat's.
    pub fn put_diary(&mut self, whose: &str, diary: &Diary) {
        self.put(Key::new(Kind::Diary).last(whose), diary);
    }

    /// Keeps what a message that lists alerts shows of them.
    pub fn put_sheet(&mut self, chat: ChatId, message_id: i32, row: &SheetRow) {
        self.put(Key::new(Kind::Sheet).number(chat.0).number(message_id.into()), row);
    }

    /// Keeps a webhook's secret.
    pub fn put_hook(&mut self, hook: &Hook) {
        self.put(Key::new(Kind::Webhook).last(&hook.id), hook);
    }

    /// Forgets a webhook.
    pub fn remove_hook(&mut self, id: &str) {
        self.remove(Key::new(Kind::Webhook).last(id));
    }

    /// Sets what we know of a lead's `MaxInsight` record in the CRM.
    pub fn put_insight(&mut self, lead: &LeadId, row: &InsightRow) {
        self.put(Key::new(Kind::Insight).last(lead.as_str()), row);
    }

    /// Sets what we know of an alert's record in the CRM, and finds the alert by it.
    pub fn put_alert_record(&mut self, alert: &AlertId, state: &AlertRecordState, before: &AlertRecordState) {
        if let Some(old) = before.crm_id.as_ref().filter(|old| state.crm_id.as_ref() != Some(old)) {
            self.remove(Key::new(Kind::RecordAlert).last(old));
        }
        if let Some(id) = &state.crm_id {
            self.put(Key::new(Kind::RecordAlert).last(id), alert);
        }
        self.put(Key::new(Kind::AlertRecord).last(alert.as_str()), state);
    }

    /// Forgets a user.
    pub fn remove_user(&mut self, user: &UserId) {
        self.remove(Key::new(Kind::User).last(user.as_str()));
    }
}

pub(super) fn outbox_key(row: u64) -> Key {
    Key::new(Kind::Outbox).number(i64::try_from(row).unwrap_or(i64::MAX))
}

pub(super) fn activity_key(lead: &LeadId, activity: &ActivityId) -> Key {
    Key::new(Kind::History).part(lead.as_str()).letter(ACTIVITY).last(activity.as_str())
}

pub(super) fn alert_key(lead: &LeadId, alert: &AlertId) -> Key {
    Key::new(Kind::History).part(lead.as_str()).letter(ALERT).last(alert.as_str())
}

pub(super) fn appointment_key(lead: &LeadId, activity: &ActivityId) -> Key {
    Key::new(Kind::Appointment).letter(BY_CALL).part(lead.as_str()).last(activity.as_str())
}

fn appointment_due_key(appointment: &Appointment) -> Key {
    let due = Key::new(Kind::Appointment).letter(BY_TIME).number(appointment.due().0);
    due.part(appointment.lead.as_str()).last(appointment.activity.as_str())
}

/// A prepared message's key, by its place.
pub(super) fn prepared_key(chat: ChatId, message_id: i32) -> Key {
    Key::new(Kind::Prepared).letter(BY_PLACE).number(chat.0).number(message_id.into())
}

fn prepared_by_alert(prepared: &Prepared) -> Key {
    let alert = Key::new(Kind::Prepared).letter(BY_ALERT).part(prepared.alert.as_str());
    alert.number(prepared.chat.0).number(prepared.message_id.into())
}
