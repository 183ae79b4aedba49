//! What a rep does by button beyond closing or silencing an alert: calls, archiving, and saying that an alert is beside the
//! point.

use super::{Answer, Tap};
use crate::domain::button::Button;
use crate::domain::deed::UNDO_FOR;
use crate::domain::{Alert, CallOutcome, Channel, Deed, DeedId, DeedKind, Lead, MINUTE, Timestamp, UserId};
use crate::engine::EngineError;
use crate::engine::briefing::Briefing;
use crate::engine::day::occupied;
use crate::engine::deeds::Did;
use crate::engine::dossier::known;
use crate::engine::rulebook::can_archive;
use crate::telegram::bot::Bot;
use crate::telegram::menus::Menu;
use crate::telegram::times;
use crate::voice::Toast;

impl Bot {
    /// The menu that a button brings up, if it takes no more than the time and the rep's calendar.
    pub(super) fn menu(&self, tap: &Tap, button: &Button) -> Result<Menu, EngineError> {
        let now = self.engine.clock().now();
        let calendar = self.calendars.of(self.engine.store(), &tap.user.id)?;
        Ok(match button {
            Button::SnoozeMenu(_) => Menu::Snooze(times::reminders(&calendar, now)),
            Button::SnoozeDays(_) => Menu::SnoozeDays(times::mornings(&calendar, now)),
            Button::MoreMenu(_) => Menu::More,
            _ => Menu::Main,
        })
    }

    /// Offers times to call at: on the next days, or on one of them.
    pub(super) async fn offer_calls(&self, tap: &Tap, alert: &Alert, button: &Button) -> Result<Answer, EngineError> {
        let Some(lead) = self.callable(alert)? else { return self.no_calls(tap, alert).await };
        let (now, store) = (self.engine.clock().now(), self.engine.store());
        let calendar = self.calendars.of(store, &tap.user.id)?;
        let taken = occupied(store, &tap.user.id, now)?;
        let again = !alert.state.is_open();
        let menu = match button {
            Button::CallDay(_, day) => Menu::CallDay(times::slots_of_day(&calendar, &taken, *day, now)),
            Button::CallDays(_) => Menu::CallDays(times::call_days(&calendar, &taken, now)),
            _ if again => Menu::TryAgain(self.slots(&tap.user.id, &lead, now)?),
            _ => Menu::Call(self.slots(&tap.user.id, &lead, now)?),
        };
        self.show_keyboard(tap, alert, &menu).await
    }

    /// Times for a user to call a lead at: free ones only, in the lead's best hours where they are known.
    pub(in crate::telegram) fn slots(
        &self,
        user: &UserId,
        lead: &Lead,
        now: Timestamp,
    ) -> Result<Vec<Timestamp>, EngineError> {
        let store = self.engine.store();
        let calendar = self.calendars.of(store, user)?;
        let insight = known(store, &self.speaker, lead, &store.activities(&lead.id)?, now)?;
        let taken = occupied(store, user, now)?;
        Ok(times::call_slots(&calendar, insight.best_time.as_ref(), &taken, now))
    }

    /// Whether a call in vain ended an alert, and none was planned since: then the next one can be planned there.
    pub(super) fn was_in_vain(&self, alert: &Alert) -> Result<bool, EngineError> {
        let now = self.engine.clock().now();
        let briefing = Briefing::load(self.engine.store(), &self.speaker, alert.clone(), now)?;
        Ok(briefing.is_some_and(|briefing| briefing.was_in_vain()))
    }

    /// The lead of an alert, if it may be called.
    fn callable(&self, alert: &Alert) -> Result<Option<Lead>, EngineError> {
        let lead = self.engine.store().lead(&alert.lead_id)?;
        Ok(lead.filter(|lead| lead.channel_open(Channel::Call) && !lead.is_do_not_contact()))
    }

    /// The button is older than the lead's wish.
    async fn no_calls(&self, tap: &Tap, alert: &Alert) -> Result<Answer, EngineError> {
        self.refresh(alert).await?;
        Ok(Answer::dialog(self.toast(tap.manner, Toast::NoCalls)))
    }

    pub(super) async fn snooze_to(&self, tap: &Tap, alert: &Alert, until: Timestamp) -> Result<Answer, EngineError> {
        let (now, zone, actor, id) = (self.engine.clock().now(), self.speaker.zone, tap.actor(), alert.id.clone());
        if until <= now {
            return self.outdated(tap, alert).await;
        }
        let acted = self.engine.run(move |engine| engine.snooze(&id, Some(until), &actor)).await?;
        self.after(tap, acted, Toast::Snoozed { until, now, zone }).await
    }

    /// A time that has passed since it was offered.
    async fn outdated(&self, tap: &Tap, alert: &Alert) -> Result<Answer, EngineError> {
        self.refresh(alert).await?;
        Ok(Answer::dialog(self.toast(tap.manner, Toast::Stale)))
    }

    pub(super) async fn plan_by_tap(&self, tap: &Tap, alert: &Alert, at: Timestamp) -> Result<Answer, EngineError> {
        let (now, zone) = (self.engine.clock().now(), self.speaker.zone);
        if at <= now {
            return self.outdated(tap, alert).await;
        }
        if self.callable(alert)?.is_none() {
            return self.no_calls(tap, alert).await;
        }
        let id = DeedId::of(&[alert.id.as_str(), &alert.openings.to_string(), "call", &at.0.to_string()]);
        // Offered when it was free, it may have been taken since.
        let was_taken = times::collides(&occupied(self.engine.store(), &tap.user.id, now)?, at);
        let did = self.do_deed(tap, alert, id, DeedKind::PlanCall { at }).await?;
        if !alert.state.is_open() {
            self.refresh(alert).await?;
        }
        let taken = was_taken && did == Did::Done;
        let said = self.toast(tap.manner, Toast::CallPlanned { at, now, zone, taken });
        Ok(if taken { Answer::dialog(said) } else { Answer::word(said) })
    }

    pub(super) async fn called(&self, tap: &Tap, alert: &Alert, outcome: CallOutcome) -> Result<Answer, EngineError> {
        if !alert.state.is_open() {
            return self.too_late(tap, alert).await;
        }
        // A lead may be tried again and again: each tap is a call of its own, and one that is delivered twice is not.
        let id = DeedId::of(&[alert.id.as_str(), outcome.as_str(), &tap.next.to_string()]);
        self.do_deed(tap, alert, id, DeedKind::LogCall { outcome }).await?;
        let said = self.toast(tap.manner, Toast::CallNoted(outcome));
        if let Some(alert) = self.engine.store().alert(&alert.id)?.filter(|alert| alert.state.is_open()) {
            let menu = match (outcome, self.callable(&alert)?) {
                (CallOutcome::NotInterested, _) if can_archive(self.engine.store())? => Menu::Archive,
                (CallOutcome::NoAnswer | CallOutcome::LeftMessage, Some(lead)) => {
                    Menu::TryAgain(self.slots(&tap.user.id, &lead, self.engine.clock().now())?)
                }
                (
                    CallOutcome::Reached
                    | CallOutcome::NoAnswer
                    | CallOutcome::LeftMessage
                    | CallOutcome::NotInterested,
                    _,
                ) => Menu::Main,
            };
            let shown = self.show_keyboard(tap, &alert, &menu).await?;
            return Ok(Answer { text: said, ..shown });
        }
        Ok(Answer::word(said))
    }

    pub(super) async fn not_relevant(&self, tap: &Tap, alert: &Alert) -> Result<Answer, EngineError> {
        let (actor, alert) = (tap.actor(), alert.clone());
        let note = self.speaker.voice.note_not_relevant(tap.manner);
        let acted = self.engine.run(move |engine| engine.not_relevant(&alert, &actor, &note)).await?;
        self.after(tap, acted, Toast::NotRelevant).await
    }

    pub(super) async fn ask_to_archive(&self, tap: &Tap, alert: &Alert) -> Result<Answer, EngineError> {
        if !can_archive(self.engine.store())? {
            // The button is from before the CRM's statuses changed.
            return self.outdated(tap, alert).await;
        }
        if self.watched(alert).await?.is_none() {
            return self.too_late(tap, alert).await;
        }
        self.show_keyboard(tap, alert, &Menu::Archive).await
    }

    pub(super) async fn archive(&self, tap: &Tap, alert: &Alert) -> Result<Answer, EngineError> {
        if !can_archive(self.engine.store())? {
            return self.outdated(tap, alert).await;
        }
        let Some(lead) = self.watched(alert).await? else { return self.too_late(tap, alert).await };
        let kind = DeedKind::SetStatus { to: self.archive_status.clone(), before: lead.status };
        let id = DeedId::of(&[alert.id.as_str(), "archive", &tap.next.to_string()]);
        self.do_deed(tap, alert, id, kind).await?;
        self.refresh(alert).await?;
        Ok(Answer::word(self.toast(tap.manner, Toast::Archived(UNDO_FOR / MINUTE))))
    }

    /// The lead of an alert, unless it is closed already.
    async fn watched(&self, alert: &Alert) -> Result<Option<Lead>, EngineError> {
        let lead = self.engine.store().lead(&alert.lead_id)?.filter(|lead| !lead.deleted);
        // Which statuses are watched may be the CRM's to say.
        self.engine.run(move |engine| Ok(lead.filter(|lead| engine.policy.rules.is_active_status(&lead.status)))).await
    }

    pub(super) async fn unarchive(&self, tap: &Tap, alert: &Alert) -> Result<Answer, EngineError> {
        let (store, now) = (self.engine.store(), self.engine.clock().now());
        let lead = store.lead(&alert.lead_id)?;
        let mut archived = store.deeds()?;
        archived.retain(|deed| deed.alert.as_ref() == Some(&alert.id) && now < deed.at.plus(UNDO_FOR));
        let latest = archived.into_iter().max_by_key(|deed| deed.at);
        let undone = latest.and_then(|deed| match deed.kind {
            DeedKind::SetStatus { to, before } if lead.as_ref().is_some_and(|lead| lead.status == to) => {
                let id = DeedId::of(&[deed.id.as_str(), "undo"]);
                Some((id, DeedKind::SetStatus { to: before, before: to }))
            }
            DeedKind::SetStatus { .. }
            | DeedKind::PlanCall { .. }
            | DeedKind::LogCall { .. }
            | DeedKind::FinishCall { .. }
            | DeedKind::MoveCall { .. }
            | DeedKind::Assign { .. }
            | DeedKind::SendMail(_)
            | DeedKind::OptOut => None,
        });
        let Some((id, kind)) = undone else {
            self.refresh(alert).await?;
            return Ok(Answer::dialog(self.toast(tap.manner, Toast::UndoOver)));
        };
        let (deed, actor, alert) = (self.deed(tap, alert, id, kind), tap.actor(), alert.id.clone());
        self.engine.run(move |engine| engine.undo(&alert, deed, &actor)).await?;
        Ok(Answer::word(self.toast(tap.manner, Toast::Unarchived)))
    }

    fn deed(&self, tap: &Tap, alert: &Alert, id: DeedId, kind: DeedKind) -> Deed {
        Deed {
            id,
            lead: alert.lead_id.clone(),
            alert: Some(alert.id.clone()),
            by: tap.user.id.clone(),
            at: self.engine.clock().now(),
            kind,
        }
    }

    async fn do_deed(&self, tap: &Tap, alert: &Alert, id: DeedId, kind: DeedKind) -> Result<Did, EngineError> {
        let (deed, actor) = (self.deed(tap, alert, id, kind), tap.actor());
        self.engine.run(move |engine| engine.do_deed(deed, &actor)).await
    }
}
