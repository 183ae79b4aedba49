//! Telling the CRM what users did by button.

use super::{Outcome, Worker};
use crate::domain::deed::{Deed, DeedKind, Mail, Refusal};
use crate::domain::{ActivityId, ActivityStatus, CallOutcome, DeedId, Lead, MINUTE, Manner, Seconds, Timestamp};
use crate::engine::{EngineError, boundary};
use crate::espo::deeds::{
    CallChange, CallChanged, CallWrite, LeadWritten, change_call, change_lead, make_call, opt_out,
};
use crate::espo::error::ErrorKind;
use crate::espo::mails::{MailState, MailWrite, send_mail};
use crate::espo::{Error, Retry};

/// What became of a deed.
enum Told {
    Done,
    Refused(Refusal),
    /// It is at it.
    Later,
}

/// How long the CRM may be at sending a mail before nobody believes in it any more, in seconds.
const SENDING: Seconds = 15 * MINUTE;

impl Worker {
    pub(super) async fn write_deed(&self, id: &DeedId) -> Result<Outcome, EngineError> {
        let Some(deed) = self.engine.store().deed(id)? else { return Ok(Outcome::Done) };
        if self.is_overtaken(&deed)? {
            return Ok(Outcome::Done);
        }
        boundary::pass("crm-before-write");
        let told = self.tell(&deed).await?;
        boundary::pass("crm-after-write");
        let why = match told {
            Ok(Told::Done) => return Ok(Outcome::Done),
            Ok(Told::Later) => return Ok(Outcome::Later),
            Ok(Told::Refused(why)) => why,
            Err(error) => match refusal(&error) {
                Some(why) => {
                    tracing::error!(deed = %id, %error, "the CRM does not take what a user did; the user is told");
                    why
                }
                None => return Ok(Outcome::Failed(error)),
            },
        };
        metrics::counter!("max_deeds_refused_total").increment(1);
        self.engine.run(move |engine| engine.refuse_deed(&deed, why)).await?;
        // Hints are followed by those who look at the CRM.
        self.crm.wake();
        Ok(Outcome::Done)
    }

    /// Whether a later deed says otherwise of the same lead: an outage may turn their order round.
    fn is_overtaken(&self, deed: &Deed) -> Result<bool, EngineError> {
        let pending = self.engine.store().pending_deeds()?;
        let later = pending.iter().skip_while(|known| known.id != deed.id).skip(1);
        Ok(later.filter(|later| later.lead == deed.lead).any(|later| match (&deed.kind, &later.kind) {
            (DeedKind::SetStatus { .. }, DeedKind::SetStatus { .. })
            | (DeedKind::Assign { .. }, DeedKind::Assign { .. }) => true,
            (
                DeedKind::PlanCall { .. }
                | DeedKind::LogCall { .. }
                | DeedKind::SetStatus { .. }
                | DeedKind::Assign { .. }
                | DeedKind::SendMail(_)
                | DeedKind::FinishCall { .. }
                | DeedKind::MoveCall { .. }
                | DeedKind::OptOut,
                _,
            ) => false,
        }))
    }

    async fn tell(&self, deed: &Deed) -> Result<Result<Told, Error>, EngineError> {
        let client = self.crm.client();
        let of_lead = |written| match written {
            LeadWritten::Done => Told::Done,
            LeadWritten::Changed => Told::Refused(Refusal::Changed),
            LeadWritten::Gone => Told::Refused(Refusal::Gone),
        };
        Ok(match &deed.kind {
            DeedKind::PlanCall { at } => self.tell_call(deed, ActivityStatus::Planned, *at, None).await?,
            DeedKind::LogCall { outcome } => self.tell_call(deed, outcome.status(), deed.at, Some(*outcome)).await?,
            DeedKind::SetStatus { to, before } => {
                change_lead(client, deed.lead.as_str(), "status", Some(before), to).await.map(of_lead)
            }
            DeedKind::Assign { to, before } => {
                let before = before.as_ref().map(|user| user.as_str());
                change_lead(client, deed.lead.as_str(), "assignedUserId", before, to.as_str()).await.map(of_lead)
            }
            DeedKind::SendMail(mail) => self.tell_mail(deed, mail).await?,
            DeedKind::FinishCall { activity, outcome, at } => {
                self.tell_planned(deed, activity, Some(*outcome), *at).await?
            }
            DeedKind::MoveCall { activity, to } => self.tell_planned(deed, activity, None, *to).await?,
            DeedKind::OptOut => opt_out(client, deed.lead.as_str()).await.map(of_lead),
        })
    }

    async fn tell_call(
        &self,
        deed: &Deed,
        status: ActivityStatus,
        at: Timestamp,
        outcome: Option<CallOutcome>,
    ) -> Result<Result<Told, Error>, EngineError> {
        let store = self.engine.store();
        let Some(lead) = store.lead(&deed.lead)?.filter(|lead| !lead.deleted) else {
            return Ok(Ok(Told::Refused(Refusal::Gone)));
        };
        let manner = self.speaker.manner_of(store, Some(&deed.by))?;
        let (name, note) = self.call_words(manner, &lead, outcome);
        let write = CallWrite { key: &deed.id, lead: &lead, by: &deed.by, name: &name, note: &note, status, at };
        let crm_id = match make_call(self.crm.client(), &write).await {
            Ok(crm_id) => crm_id,
            Err(error) => return Ok(Err(error)),
        };
        let deed = deed.clone();
        self.engine.run(move |engine| engine.call_made(&deed, &crm_id)).await?;
        boundary::pass("crm-recorded");
        Ok(Ok(Told::Done))
    }

    /// Tells what became of a planned call: with an outcome it took place or not, without one it is to begin at `at`.
    async fn tell_planned(
        &self,
        deed: &Deed,
        activity: &ActivityId,
        outcome: Option<CallOutcome>,
        at: Timestamp,
    ) -> Result<Result<Told, Error>, EngineError> {
        let store = self.engine.store();
        // What was planned by a button, and the CRM does not know of yet, comes first.
        if store.pending_deeds()?.iter().any(|pending| pending.id.as_str() == activity.as_str()) {
            return Ok(Ok(Told::Later));
        }
        let manner = self.speaker.manner_of(store, Some(&deed.by))?;
        let note = outcome.map(|outcome| self.speaker.voice.outcome_note(manner, outcome)).unwrap_or_default();
        let known = store.appointment(&deed.lead, activity)?.and_then(|known| known.crm_id);
        let change = CallChange {
            crm_id: known.as_deref().or(activity.as_str().strip_prefix("Call:")),
            key: activity.as_str(),
            status: outcome.map_or(ActivityStatus::Planned, CallOutcome::status),
            at,
            note: &note,
        };
        Ok(match change_call(self.crm.client(), &change).await {
            Ok(CallChanged::Done) => Ok(Told::Done),
            Ok(CallChanged::Gone) => {
                let Some(outcome) = outcome else { return Ok(Ok(Told::Refused(Refusal::Gone))) };
                let (lead, gone) = (deed.lead.clone(), activity.clone());
                self.engine.run(move |engine| engine.planned_call_gone(&lead, &gone)).await?;
                return self.tell_call(deed, outcome.status(), at, Some(outcome)).await;
            }
            Err(error) => Err(error),
        })
    }

    async fn tell_mail(&self, deed: &Deed, mail: &Mail) -> Result<Result<Told, Error>, EngineError> {
        let store = self.engine.store();
        let Some(lead) = store.lead(&deed.lead)?.filter(|lead| !lead.deleted) else {
            return Ok(Ok(Told::Refused(Refusal::Gone)));
        };
        // What was confirmed must still be allowed when it is sent.
        if lead.is_do_not_contact() || lead.email.as_deref() != Some(&mail.to) || lead.email_opted_out {
            return Ok(Ok(Told::Refused(Refusal::Changed)));
        }
        let write = MailWrite { key: &deed.id, lead: &lead, by: &deed.by, mail };
        let (deed, mail) = (deed.clone(), mail.clone());
        boundary::pass("mail-before-send");
        let sent = send_mail(self.crm.client(), &write).await;
        boundary::pass("mail-after-send");
        Ok(Ok(match sent {
            Ok(MailState::Sent(crm_id)) => {
                self.engine.run(move |engine| engine.mail_sent(&deed, &mail, &crm_id)).await?;
                boundary::pass("crm-recorded");
                Told::Done
            }
            Ok(MailState::NotSent) => {
                tracing::warn!(deed = %deed.id, "the CRM's mail server refused a mail; the user is told");
                Told::Refused(Refusal::Refused)
            }
            Ok(MailState::Sending) if self.engine.clock().now().since(deed.at) < SENDING => Told::Later,
            Ok(MailState::Sending) => {
                tracing::error!(deed = %deed.id, "the CRM does not say whether it sent a mail; it is not sent again");
                self.engine.run(move |engine| engine.mail_unclear(&mail)).await?;
                Told::Done
            }
            Err(error) => return Ok(Err(error)),
        }))
    }

    /// What a call is called, and what is noted of it, in the words of whoever calls.
    fn call_words(&self, manner: Manner, lead: &Lead, outcome: Option<CallOutcome>) -> (String, String) {
        let voice = &self.speaker.voice;
        (voice.call_name(manner, lead), outcome.map(|outcome| voice.outcome_note(manner, outcome)).unwrap_or_default())
    }
}

/// Why the CRM will not take it, however often it is told: whoever did it is told rather than that something is written long
/// after. `None` when it is worth trying again.
fn refusal(error: &Error) -> Option<Refusal> {
    match (&error.kind, error.retry()) {
        (ErrorKind::NoSuchLink { .. } | ErrorKind::NotFound, _) => Some(Refusal::Gone),
        (ErrorKind::Forbidden { .. }, _) | (_, Retry::Never) => Some(Refusal::Refused),
        (_, Retry::Later | Retry::NeedsPerson) => None,
    }
}
