//! A lead that asks for no more messages is not contacted from then on: its alerts are settled, its owner hears of it once,
//! and it stays so until a person or the CRM says otherwise.

use super::Engine;
use super::acts::Actor;
use super::deeds::Did;
use super::told::{People, Told, answers_for, in_line, reachable};
use crate::domain::alert::Via;
use crate::domain::effect::Effect;
use crate::domain::meaning::Meaning;
use crate::domain::observation::RecordRef;
use crate::domain::unsubscribed::{ME, Unsubscribed, UnsubscribedStage};
use crate::domain::{Activity, Deed, Direction, Lead, LeadId, Reading, Timestamp, User, UserId};
use crate::insight::reading::unsubscribes;
use crate::store::{Batch, OutboxEntry, Result, Store};

/// A message that asks for no more messages.
pub(super) struct Wish {
    activity: Activity,
    evidence: Vec<String>,
}

impl Wish {
    /// What an activity that is new to us says, if it is that.
    pub(super) fn of(activity: &Activity, text: &str) -> Option<Self> {
        let may = activity.direction == Direction::In && activity.reading == Reading::default();
        // To read a text takes longer than all else that is done with one activity.
        let evidence = if may { unsubscribes(text)? } else { return None };
        Some(Self { activity: activity.clone(), evidence })
    }

    /// A message of which a person says so.
    pub(super) fn said(activity: &Activity) -> Self {
        Self { activity: activity.clone(), evidence: unsubscribes(&activity.preview).unwrap_or_default() }
    }

    /// Whose it is.
    pub(super) fn lead(&self) -> &LeadId {
        &self.activity.lead_id
    }
}

/// Who may be told of a lead that wants no more messages, best first: people only, since there is something to decide. The
/// owner and who stands in; after them those who lead its teams; after them the CRM's administrators.
///
/// # Errors
/// When the store cannot be read.
pub fn told_of_unsubscribed(store: &Store, people: &People, lead: &Lead, now: Timestamp) -> Result<Vec<Told>> {
    let mut line = in_line(store, people, lead.owner.as_ref(), now)?;
    line.retain(|told| told.user.is_some());
    let mut others: Vec<UserId> = managers_of(people, lead).cloned().collect();
    others.extend(store.users()?.into_iter().filter(is_admin).map(|user| user.id));
    for user in others {
        if line.iter().all(|told| told.user.as_ref().is_none_or(|known| known.id != user)) {
            line.extend(reachable(store, &user)?);
        }
    }
    Ok(line)
}

/// Whether it is for a user to say what is to become of a lead that wants no more messages.
///
/// # Errors
/// When the store cannot be read.
pub fn may_answer(store: &Store, people: &People, user: &User, lead: &Lead, now: Timestamp) -> Result<bool> {
    if is_admin(user) || managers_of(people, lead).any(|manager| *manager == user.id) {
        return Ok(true);
    }
    lead.owner.as_ref().map_or(Ok(false), |owner| answers_for(store, people, &user.id, owner, now))
}

fn managers_of<'a>(people: &'a People, lead: &'a Lead) -> impl Iterator<Item = &'a UserId> {
    lead.teams.iter().filter_map(|team| people.managers.get(team)).flatten()
}

fn is_admin(user: &User) -> bool {
    user.kind == "admin" && user.active
}

impl Engine {
    /// Marks a lead as not to be contacted, before what it wrote is written: a crash between the two repeats the first, which
    /// then changes nothing. What was written before the first look at the CRM was complete is left to people.
    pub(super) fn heed(&mut self, wish: &Wish) -> Result<()> {
        let Some(lead) = self.store.lead(wish.lead())?.filter(|lead| !lead.deleted) else { return Ok(()) };
        if !self.is_backfilled() || !self.policy.rules.is_active_status(&lead.status) || !self.is_news(wish)? {
            return Ok(());
        }
        self.mark(Batch::default(), &lead, wish, None)
    }

    /// Marks a lead as not to be contacted, by a person if it was one. What `batch` holds is written with it.
    pub(super) fn mark(&mut self, mut batch: Batch, lead: &Lead, wish: &Wish, by: Option<&UserId>) -> Result<()> {
        self.settle_all(&lead.id)?;
        batch.put_unsubscribed(&Unsubscribed {
            lead: lead.id.clone(),
            activity: wish.activity.id.clone(),
            text: wish.activity.preview.clone(),
            evidence: wish.evidence.clone(),
            written_at: wish.activity.timestamp,
            was_marked: lead.do_not_contact,
            stage: UnsubscribedStage::Counts,
            at: self.now(),
            by: by.cloned(),
        });
        self.put_marked(&mut batch, lead, true)?;
        self.tell_unsubscribed(&mut batch, lead, by)?;
        self.store.apply(batch)
    }

    /// Has somebody told, in working hours; whoever has just said so sits there.
    fn tell_unsubscribed(&mut self, batch: &mut Batch, lead: &Lead, by: Option<&UserId>) -> Result<()> {
        let now = self.now();
        let told = told_of_unsubscribed(&self.store, &self.policy.escalation.people, lead, now)?;
        let first = told.iter().find_map(|told| told.user.as_ref()).filter(|user| by != Some(&user.id));
        let calendar = first.map(|user| self.policy.calendars.of(&self.store, &user.id)).transpose()?;
        let not_before = calendar.map_or(now, |calendar| calendar.next_open(now));
        let (effect, sequence) = (Effect::TellUnsubscribed(lead.id.clone()), self.next_sequence());
        batch.put_outbox(OutboxEntry { effect, sequence, attempts: 0, not_before, decided_at: now });
        Ok(())
    }

    /// Whether nothing was made of it yet, and the lead has not written since.
    fn is_news(&self, wish: &Wish) -> Result<bool> {
        let known = self.store.unsubscribed(wish.lead())?;
        if known.is_some_and(|mark| mark.counts() || mark.activity == wish.activity.id) {
            return Ok(false);
        }
        let since = |later: &Activity| later.direction == Direction::In && later.timestamp > wish.activity.timestamp;
        Ok(!self.store.activities(wish.lead())?.iter().any(since))
    }

    /// Whoever is told of nothing more has nothing left to do.
    fn settle_all(&mut self, lead: &LeadId) -> Result<()> {
        let actor = Actor { name: ME.to_owned(), user: None, via: Via::Api };
        let open = self.store.alerts_of(lead)?.into_iter().filter(|alert| alert.state.is_open());
        for alert in open.collect::<Vec<_>>() {
            self.resolve(&alert.id, &actor, "")?;
        }
        Ok(())
    }

    fn put_marked(&mut self, batch: &mut Batch, lead: &Lead, marked: bool) -> Result<()> {
        let now = self.now();
        batch.put_lead(&Lead { do_not_contact: marked, ..lead.clone() }, Some(lead));
        batch.mark_due(&lead.id, now);
        self.add_effect(batch, Effect::WriteInsight(lead.id.clone()), now)
    }

    /// A person says that a lead's message meant something else. False when there was nothing to take back.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn not_unsubscribed(&mut self, lead: &LeadId, actor: &Actor) -> Result<bool> {
        let Some(mark) = self.store.unsubscribed(lead)?.filter(|mark| mark.stage == UnsubscribedStage::Counts) else {
            return Ok(false);
        };
        if let Some(said) = self.store.correction(lead, &mark.activity)? {
            // It was said by hand, or taken back and said again.
            let means = if said.read_as == Meaning::Unsubscribe { Meaning::Nothing } else { said.read_as };
            return Ok(self.correct(lead, &mark.activity, means, actor)?.is_some());
        }
        if let Some(lead) = self.store.lead(lead)? {
            self.unmark(Batch::default(), &lead, mark, actor)?;
        }
        Ok(true)
    }

    /// A lead's message meant something else, as a person says. What `batch` holds is written with it.
    pub(super) fn unmark(&mut self, mut batch: Batch, lead: &Lead, mark: Unsubscribed, actor: &Actor) -> Result<()> {
        let (now, sequence) = (self.now(), self.next_sequence());
        self.put_marked(&mut batch, lead, mark.was_marked)?;
        batch.put_hint(&RecordRef::new("Lead", lead.id.as_str()), sequence);
        let stage = UnsubscribedStage::NotSo;
        batch.put_unsubscribed(&Unsubscribed { stage, at: now, by: actor.user.clone(), ..mark });
        self.store.apply(batch)
    }

    /// A person has it written into the CRM that a lead wants no more messages.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn note_unsubscribed(&mut self, deed: Deed, actor: &Actor) -> Result<bool> {
        let Some(mark) = self.store.unsubscribed(&deed.lead)?.filter(Unsubscribed::counts) else { return Ok(false) };
        let mut batch = Batch::default();
        batch.put_unsubscribed(&Unsubscribed {
            stage: UnsubscribedStage::Noted,
            at: deed.at,
            by: actor.user.clone(),
            ..mark
        });
        Ok(self.do_deed_with(batch, deed, actor)? != Did::NoLead)
    }

    /// The CRM does not take it: here it counts all the same.
    pub(super) fn opt_out_refused(&self, batch: &mut Batch, lead: &LeadId) -> Result<()> {
        if let Some(mark) = self.store.unsubscribed(lead)?.filter(|mark| mark.stage == UnsubscribedStage::Noted) {
            batch.put_unsubscribed(&Unsubscribed { stage: UnsubscribedStage::Counts, ..mark });
        }
        Ok(())
    }
}

/// Whether a lead as the CRM shows it, changed there at an instant, says otherwise than a mark: somebody has opened a channel
/// again since.
pub(super) fn says_otherwise(mark: &Unsubscribed, before: &Lead, lead: &Lead, modified_at: Option<Timestamp>) -> bool {
    let closed = |lead: &Lead| lead.do_not_call || lead.email_opted_out || lead.phone_opted_out;
    closed(before) && !closed(lead) && modified_at.is_some_and(|at| at > mark.at)
}
