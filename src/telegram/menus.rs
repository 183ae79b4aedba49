//! The keyboards of an alert's message: the first one, and those that its buttons bring up in its place. At most three
//! short buttons stand in a row: reps hold a telephone.

use chrono_tz::Tz;

use super::render::{Key, KeyKind, Labels, opens_from_a_button};
use super::times::Reminder;
use crate::domain::button::{Button, Hand, SnoozeFor};
use crate::domain::deed::UNDO_FOR;
use crate::domain::effect::Occasion;
use crate::domain::{AlertId, AlertType, CallOutcome, Channel, DeedKind, Timestamp};
use crate::insight::advice;
use crate::voice::{AlertContext, ButtonLabel, Content, Manner, Voice};

/// How many times or days stand in a row.
const IN_A_ROW: usize = 3;

/// Which keyboard a message shows. Whatever brings the message up to date brings the first one back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Menu {
    /// What fits the alert.
    Main,
    /// Times to be reminded at.
    Snooze(Vec<Reminder>),
    /// Mornings to be reminded on.
    SnoozeDays(Vec<Timestamp>),
    /// Times to call at, and how a call went.
    Call(Vec<Timestamp>),
    /// Days to call on.
    CallDays(Vec<Timestamp>),
    /// Times of one day to call at.
    CallDay(Vec<Timestamp>),
    /// Times to call at again, after a call in vain.
    TryAgain(Vec<Timestamp>),
    /// Everything else.
    More,
    /// Whether the lead is to be archived.
    Archive,
}

/// The buttons of a menu of an open alert. In a group only one, which shows the alert in private.
pub fn keyboard(voice: &Voice, context: &AlertContext<'_>, menu: &Menu) -> Vec<Vec<Key>> {
    let keys = Keys { labels: Labels { voice, manner: context.manner }, context };
    if context.content == Content::Initials {
        let take = (context.occasion == Occasion::Escalated).then(|| keys.take());
        let rows = [take.into_iter().collect(), vec![keys.tap(ButtonLabel::Show, Button::Show)]];
        return rows.into_iter().filter(|row| !row.is_empty()).collect();
    }
    let mut rows = match menu {
        Menu::Main => return keys.main(),
        Menu::Snooze(reminders) => keys.snooze(reminders),
        Menu::SnoozeDays(days) => keys.times(days, Button::SnoozeUntil, Voice::day),
        Menu::Call(slots) => keys.call(slots),
        Menu::CallDays(days) => keys.times(days, Button::CallDay, Voice::day),
        Menu::CallDay(slots) => keys.times(slots, Button::PlanCall, Voice::slot),
        Menu::TryAgain(slots) => keys.slots(slots),
        Menu::More => keys.more(),
        Menu::Archive => vec![vec![keys.tap(ButtonLabel::ArchiveYes, Button::ArchiveYes)]],
    };
    rows.push(vec![keys.tap(ButtonLabel::Back, Button::Back)]);
    rows
}

/// The buttons of an alert that is in a pause.
pub fn of_a_pause(voice: &Voice, context: &AlertContext<'_>) -> Vec<Vec<Key>> {
    if context.content == Content::Initials {
        return Vec::new();
    }
    let keys = Keys { labels: Labels { voice, manner: context.manner }, context };
    vec![vec![keys.settle(), keys.tap(ButtonLabel::More, Button::MoreMenu)]]
}

/// The buttons of an alert that somebody ended by a button: what can be taken back, or done next.
pub fn of_an_end(voice: &Voice, context: &AlertContext<'_>) -> Vec<Vec<Key>> {
    let keys = Keys { labels: Labels { voice, manner: context.manner }, context };
    let Some(done) = context.done.filter(|_| context.content != Content::Initials) else { return Vec::new() };
    let key = match done.kind {
        DeedKind::SetStatus { .. } if context.now < done.at.plus(UNDO_FOR) => {
            keys.tap(ButtonLabel::Undo, Button::Unarchive)
        }
        _ if done.kind.outcome() == Some(CallOutcome::NotInterested) && context.can_archive => {
            keys.tap(ButtonLabel::Archive, Button::Archive)
        }
        _ if done.is_in_vain() && call_open(context) => keys.tap(ButtonLabel::TryAgain, Button::CallMenu),
        DeedKind::SetStatus { .. }
        | DeedKind::LogCall { .. }
        | DeedKind::PlanCall { .. }
        | DeedKind::Assign { .. }
        | DeedKind::FinishCall { .. }
        | DeedKind::MoveCall { .. }
        | DeedKind::SendMail(_) => {
            return Vec::new();
        }
    };
    vec![vec![key]]
}

/// Whether a lead of such an alert may be cold enough to be archived.
pub fn is_cold(alert_type: AlertType) -> bool {
    match alert_type {
        AlertType::NoContact7d | AlertType::StaleLead30d | AlertType::NoFollowup7d | AlertType::NoReply3d => true,
        AlertType::HotLead24h | AlertType::AwaitingReply24h | AlertType::PreferredChannel => false,
    }
}

/// Whether the lead may be called.
pub fn call_open(context: &AlertContext<'_>) -> bool {
    context.lead.channel_open(Channel::Call) && !context.lead.is_do_not_contact()
}

struct Keys<'a> {
    labels: Labels<'a>,
    context: &'a AlertContext<'a>,
}

impl Keys<'_> {
    fn tap(&self, label: ButtonLabel, button: impl FnOnce(AlertId) -> Button) -> Key {
        self.labels.tap(label, button(self.context.alert.id.clone()))
    }

    fn take(&self) -> Key {
        self.tap(ButtonLabel::Take, |alert| Button::Hand(Hand::Take, alert))
    }

    fn hand_over(&self) -> Key {
        self.tap(ButtonLabel::HandOver, |alert| Button::Hand(Hand::Colleagues(0), alert))
    }

    fn settle(&self) -> Key {
        let label = match self.context.alert.alert_type {
            AlertType::PreferredChannel => ButtonLabel::Noted,
            AlertType::HotLead24h
            | AlertType::AwaitingReply24h
            | AlertType::NoContact7d
            | AlertType::StaleLead30d
            | AlertType::NoFollowup7d
            | AlertType::NoReply3d => ButtonLabel::Resolve,
        };
        self.tap(label, Button::Resolve)
    }

    fn main(&self) -> Vec<Vec<Key>> {
        let (context, alert) = (self.context, self.context.alert);
        // Whoever does not own the lead writes to it as its owner, or not at all.
        if context.occasion == Occasion::Escalated {
            let link = context.crm_link.filter(|link| opens_from_a_button(link));
            let open = link.map(|link| self.labels.url(ButtonLabel::OpenInCrm, link.to_owned()));
            return vec![vec![self.take(), self.hand_over()], std::iter::once(self.settle()).chain(open).collect()];
        }
        let suggested = advice::draft_channel(alert, context.lead, context.preferred);
        // What is merely worth knowing asks for nothing, so nothing is reported as sent either.
        let reports = alert.alert_type != AlertType::PreferredChannel;
        let sent = |button: fn(AlertId) -> Button| reports.then(|| self.tap(ButtonLabel::Sent, button));
        let draft = || suggested.map(|_| self.tap(ButtonLabel::Draft, Button::Draft));
        let call = || call_open(context).then(|| self.tap(ButtonLabel::Call, Button::CallMenu));
        // The first button is what the message suggests, and what is said to be sent is that.
        let (write, act): (Vec<_>, Vec<_>) = match suggested {
            Some(Channel::Email) => (vec![self.mail(), sent(Button::MailSentByHand)], vec![self.whatsapp(), call()]),
            Some(Channel::Call) => {
                let reached = CallOutcome::Reached;
                let spoke = self.tap(ButtonLabel::Called(reached), |alert| Button::Called(alert, reached));
                (vec![call(), reports.then_some(spoke)], vec![self.whatsapp(), draft()])
            }
            Some(Channel::Whatsapp) => (vec![self.whatsapp(), sent(Button::SentByHand)], vec![draft(), call()]),
            Some(Channel::Manual) | None => (Vec::new(), vec![draft(), call()]),
        };
        let [write, act] = [write, act].map(|row| row.into_iter().flatten().collect::<Vec<Key>>());
        let last = vec![
            self.settle(),
            self.tap(ButtonLabel::Snooze, Button::SnoozeMenu),
            self.tap(ButtonLabel::More, Button::MoreMenu),
        ];
        [write, act, last].into_iter().filter(|row| !row.is_empty()).collect()
    }

    /// Opens WhatsApp with a message in it, if the lead can be written to there.
    fn whatsapp(&self) -> Option<Key> {
        let context = self.context;
        if !advice::whatsapp_open(context.lead) {
            return None;
        }
        let draft = self.labels.voice.draft_for(context, Channel::Whatsapp).map(|draft| draft.text).unwrap_or_default();
        let answers = context.alert.alert_type.is_about_an_answer();
        let label = if answers { ButtonLabel::WhatsappAnswer } else { ButtonLabel::WhatsappWrite };
        context.whatsapp_link(&draft).map(|link| self.labels.url(label, link))
    }

    /// Prepares the e-mail that is suggested.
    fn mail(&self) -> Option<Key> {
        let answers = self.context.alert.alert_type.is_about_an_answer();
        let label = if answers { ButtonLabel::MailAnswer } else { ButtonLabel::MailWrite };
        Some(self.tap(label, Button::Draft))
    }

    /// Times to call at, and other days.
    fn slots(&self, slots: &[Timestamp]) -> Vec<Vec<Key>> {
        let mut rows = self.times(slots, Button::PlanCall, Voice::slot);
        rows.push(vec![self.tap(ButtonLabel::OtherDay, Button::CallDays)]);
        rows
    }

    fn snooze(&self, reminders: &[Reminder]) -> Vec<Vec<Key>> {
        let alert = &self.context.alert.id;
        let key = |reminder: &Reminder| match reminder {
            Reminder::Hour => {
                self.tap(ButtonLabel::SnoozeFor(SnoozeFor::Hour), |alert| Button::Snooze(alert, SnoozeFor::Hour))
            }
            Reminder::Afternoon(at) => self.tap(ButtonLabel::SnoozeAfternoon, |alert| Button::SnoozeUntil(alert, *at)),
            Reminder::Morning(at) => self.time(*at, Button::SnoozeUntil(alert.clone(), *at), Voice::slot),
        };
        let mut keys: Vec<Key> = reminders.iter().map(key).collect();
        keys.push(self.tap(ButtonLabel::OtherDay, Button::SnoozeDays));
        keys.chunks(2).map(<[Key]>::to_vec).collect()
    }

    fn call(&self, slots: &[Timestamp]) -> Vec<Vec<Key>> {
        let mut rows = self.slots(slots);
        let outcome = |outcome| self.tap(ButtonLabel::Called(outcome), |alert| Button::Called(alert, outcome));
        rows.push(vec![outcome(CallOutcome::Reached), outcome(CallOutcome::NoAnswer)]);
        rows.push(vec![outcome(CallOutcome::LeftMessage), outcome(CallOutcome::NotInterested)]);
        rows
    }

    fn more(&self) -> Vec<Vec<Key>> {
        let context = self.context;
        let about =
            vec![self.tap(ButtonLabel::Why, Button::Why), self.tap(ButtonLabel::NotRelevant, Button::NotRelevant)];
        let mut lead = vec![self.hand_over()];
        if context.can_archive && is_cold(context.alert.alert_type) {
            lead.push(self.tap(ButtonLabel::Archive, Button::Archive));
        }
        let link = context.crm_link.filter(|link| opens_from_a_button(link));
        lead.extend(link.map(|link| self.labels.url(ButtonLabel::OpenInCrm, link.to_owned())));
        vec![about, lead]
    }

    fn times(&self, times: &[Timestamp], button: impl Fn(AlertId, Timestamp) -> Button, label: Say) -> Vec<Vec<Key>> {
        let key = |at: &Timestamp| self.time(*at, button(self.context.alert.id.clone(), *at), label);
        let keys: Vec<Key> = times.iter().map(key).collect();
        keys.chunks(IN_A_ROW).map(<[Key]>::to_vec).collect()
    }

    fn time(&self, at: Timestamp, button: Button, label: Say) -> Key {
        let Labels { voice, manner } = self.labels;
        Key { text: label(voice, manner, at, self.context.now, self.context.zone), kind: KeyKind::Callback(button) }
    }
}

/// How a time is said on a button.
type Say = fn(&Voice, Manner, Timestamp, Timestamp, Tz) -> String;
