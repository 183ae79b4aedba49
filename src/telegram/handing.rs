//! Whose lead it is to be: "I'll take it" on what others have not dealt with, and handing a lead to a colleague. The CRM says
//! who may, the mirror follows at once, and what was said before says who has it now.

use futures_util::future::join_all;

use super::bot::Bot;
use super::render;
use super::taps::{Answer, Halt, Tap};
use crate::domain::button::Hand;
use crate::domain::deed::{Deed, DeedKind};
use crate::domain::{Alert, DeedId, Rights, User, UserId};
use crate::engine::EngineError;
use crate::engine::acts::may_act;
use crate::engine::deeds::Did;
use crate::voice::Toast;

impl Bot {
    /// What a button does that is about whose lead it is.
    pub(super) async fn hand(&self, tap: &Tap, alert: &Alert, hand: &Hand) -> Result<Answer, Halt> {
        if !alert.state.is_open() {
            return Ok(self.too_late(tap, alert).await?);
        }
        match hand {
            Hand::Take => self.take_over(tap, alert).await,
            Hand::Colleagues(page) => self.offer_colleagues(tap, alert, *page).await,
            Hand::To(user) => self.ask_to_hand(tap, alert, user).await,
            Hand::Over(user) => self.hand_over(tap, alert, user).await,
        }
    }

    /// Whoever taps, in private or in a team's chat, becomes the owner if the CRM lets him or her.
    async fn take_over(&self, tap: &Tap, alert: &Alert) -> Result<Answer, Halt> {
        if alert.owner.as_ref() == Some(&tap.user.id) {
            return Ok(self.word(tap, Toast::Taken));
        }
        let place = self.engine.store().message(tap.place.chat, tap.place.message_id)?;
        if place.is_some_and(|message| message.told != alert.owner) {
            self.refresh(alert).await?;
            return Ok(self.word(tap, Toast::TakenBy(&self.name_of(alert.owner.as_ref())?)));
        }
        match self.rights(&tap.user.id, &alert.lead_id, tap.asks).await? {
            None => Ok(self.dialog(tap, Toast::CannotAsk)),
            Some(Rights { read: true, assign: true, .. }) => {
                Ok(self.assign(tap, alert, tap.user.id.clone(), Toast::Taken).await?)
            }
            Some(_) => Ok(self.dialog(tap, Toast::NotAllowed)),
        }
    }

    async fn offer_colleagues(&self, tap: &Tap, alert: &Alert, page: u8) -> Result<Answer, Halt> {
        if let Some(refused) = self.may_not_hand(tap, alert).await? {
            return Ok(refused);
        }
        let colleagues = self.colleagues_of(tap, alert).await?;
        if colleagues.is_empty() {
            return Ok(self.dialog(tap, Toast::NoColleague));
        }
        let rows = render::colleagues(&self.speaker.voice, tap.manner, &alert.id, &colleagues, page);
        Ok(self.turn_to(tap, alert, Some(rows)).await?)
    }

    async fn ask_to_hand(&self, tap: &Tap, alert: &Alert, user: &UserId) -> Result<Answer, Halt> {
        let Some(user) = self.engine.store().user(user)?.filter(|user| user.active) else {
            return Ok(self.dialog(tap, Toast::Stale));
        };
        if let Some(refused) = self.may_not_hand(tap, alert).await? {
            return Ok(refused);
        }
        let rows = render::hand_to(&self.speaker.voice, tap.manner, &alert.id, &user);
        Ok(self.turn_to(tap, alert, Some(rows)).await?)
    }

    async fn hand_over(&self, tap: &Tap, alert: &Alert, user: &UserId) -> Result<Answer, Halt> {
        let Some(user) = self.engine.store().user(user)?.filter(|user| user.active) else {
            return Ok(self.dialog(tap, Toast::Stale));
        };
        if alert.owner.as_ref() == Some(&user.id) {
            return Ok(self.word(tap, Toast::HandedTo(user.call_name())));
        }
        if let Some(refused) = self.may_not_hand(tap, alert).await? {
            return Ok(refused);
        }
        // The right may have gone since the list was shown.
        match self.rights(&user.id, &alert.lead_id, tap.asks).await? {
            None => Ok(self.dialog(tap, Toast::CannotAsk)),
            Some(rights) if rights.read => {
                Ok(self.assign(tap, alert, user.id.clone(), Toast::HandedTo(user.call_name())).await?)
            }
            Some(_) => Ok(self.dialog(tap, Toast::NotAllowed)),
        }
    }

    /// Why somebody may not give a lead to another; `None` when the one who taps answers for it, and the CRM lets him or her
    /// change it.
    async fn may_not_hand(&self, tap: &Tap, alert: &Alert) -> Result<Option<Answer>, Halt> {
        if tap.place.chat.is_group() || !may_act(self.engine.store(), &self.people, &tap.user.id, alert)? {
            return Ok(Some(self.dialog(tap, Toast::NotYours)));
        }
        Ok(match self.rights(&tap.user.id, &alert.lead_id, tap.asks).await? {
            None => Some(self.dialog(tap, Toast::CannotAsk)),
            Some(rights) if rights.read && rights.edit => None,
            Some(_) => Some(self.dialog(tap, Toast::NotAllowed)),
        })
    }

    /// Who is linked, neither the owner nor whoever taps, and may see the lead: by name.
    async fn colleagues_of(&self, tap: &Tap, alert: &Alert) -> Result<Vec<User>, Halt> {
        let store = self.engine.store();
        let mut linked: Vec<UserId> = store.links()?.into_iter().map(|link| link.user).collect();
        linked.sort_unstable();
        linked.dedup();
        linked.retain(|user| alert.owner.as_ref() != Some(user) && *user != tap.user.id);
        let rights = join_all(linked.iter().map(|user| self.rights(user, &alert.lead_id, tap.asks))).await;
        let rights = rights.into_iter().collect::<Result<Vec<_>, Halt>>()?;
        let mut colleagues = Vec::new();
        for (user, _) in linked.iter().zip(rights).filter(|(_, rights)| rights.is_some_and(|rights| rights.read)) {
            colleagues.extend(store.user(user)?.filter(|user| user.active));
        }
        colleagues.sort_by_key(|user| (user.name.to_lowercase(), user.id.clone()));
        Ok(colleagues)
    }

    /// The lead has another owner: here at once, in the CRM as soon as it takes it.
    async fn assign(&self, tap: &Tap, alert: &Alert, to: UserId, done: Toast<'_>) -> Result<Answer, EngineError> {
        let Some(lead) = self.engine.store().lead(&alert.lead_id)? else { return Ok(self.dialog(tap, Toast::Stale)) };
        let deed = Deed {
            // The update that asked for it: delivered again it is the same, and tapped a week later another.
            id: DeedId::of(&[alert.id.as_str(), "assign", to.as_str(), &tap.next.to_string()]),
            lead: lead.id,
            alert: Some(alert.id.clone()),
            by: tap.user.id.clone(),
            at: self.engine.clock().now(),
            kind: DeedKind::Assign { to, before: lead.owner },
        };
        let actor = tap.actor();
        match self.engine.run(move |engine| engine.do_deed(deed, &actor)).await? {
            Did::Done | Did::Known => Ok(self.word(tap, done)),
            Did::NoLead => Ok(self.dialog(tap, Toast::Stale)),
        }
    }

    fn name_of(&self, user: Option<&UserId>) -> Result<String, EngineError> {
        let user = user.map(|user| self.engine.store().user(user)).transpose()?.flatten();
        Ok(user.map(|user| user.call_name().to_owned()).unwrap_or_default())
    }

    fn word(&self, tap: &Tap, toast: Toast<'_>) -> Answer {
        Answer::word(self.toast(tap.manner, toast))
    }

    fn dialog(&self, tap: &Tap, toast: Toast<'_>) -> Answer {
        Answer::dialog(self.toast(tap.manner, toast))
    }
}
