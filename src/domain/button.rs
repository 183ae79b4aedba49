//! What a tap on a button means, and its form on the wire: at most 64 bytes, compact, versioned. It carries an
//! alert, an action and at most an instant; everything else is looked up when it is tapped.

use serde::{Deserialize, Serialize};

use super::deed::CallOutcome;
use super::draft::DraftTap;
use super::{AlertId, Bucket, MINUTE, Timestamp, UserId};

/// How long a snooze button silences an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SnoozeFor {
    /// One hour.
    Hour,
    /// Until the rep's next working day begins.
    Tomorrow,
    /// Until Monday's working hours begin.
    Monday,
}

impl SnoozeFor {
    /// Every choice, shortest first.
    pub const ALL: [Self; 3] = [Self::Hour, Self::Tomorrow, Self::Monday];

    fn code(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::Tomorrow => "tm",
            Self::Monday => "mo",
        }
    }
}

/// What somebody says to the link that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkAnswer {
    /// It is the right person.
    Yes,
    /// It is not.
    No,
}

/// What is to become of whose lead it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Hand {
    /// Whoever taps takes it.
    Take,
    /// Offer colleagues; the page of them, from 0.
    Colleagues(u8),
    /// Ask whether it is to go to this one.
    To(UserId),
    /// It is.
    Over(UserId),
}

/// What a message that lists alerts shows of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Sheet {
    /// The alerts it was sent for.
    #[default]
    Own,
    /// All that is open now and asks for this.
    Of(Bucket),
}

impl Sheet {
    fn code(self) -> &'static str {
        match self {
            Self::Own => "o",
            Self::Of(Bucket::FollowUp) => "f",
            Self::Of(Bucket::Answer) => "a",
            Self::Of(Bucket::Hot) => "h",
            Self::Of(Bucket::Channel) => "c",
        }
    }

    fn of_code(code: &str) -> Option<Self> {
        let all = Bucket::ALL.map(Self::Of);
        std::iter::once(Self::Own).chain(all).find(|sheet| sheet.code() == code)
    }
}

/// One tap's meaning.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Button {
    /// "C'est envoyé": the rep wrote on WhatsApp by hand.
    SentByHand(AlertId),
    /// Prepare a draft to copy.
    Draft(AlertId),
    /// Offer snooze choices.
    SnoozeMenu(AlertId),
    /// Snooze for so long.
    Snooze(AlertId, SnoozeFor),
    /// Back to the alert's first buttons.
    Back(AlertId),
    /// Mark as handled.
    Resolve(AlertId),
    /// Show one alert of a digest as a message of its own.
    Show(AlertId),
    /// A button of a prepared message's own.
    Drafting(AlertId, DraftTap),
    /// Link the account to this user, or not: as the message names the user, and never another.
    Link(LinkAnswer, UserId),
    /// The lead takes another owner, or may.
    Hand(Hand, AlertId),
    /// Show this page of a list in the message, from 0 on.
    Page(Sheet, u16),
    /// Snooze until an instant, a whole minute.
    SnoozeUntil(AlertId, Timestamp),
    /// Offer days to snooze until.
    SnoozeDays(AlertId),
    /// Offer what can be done about a call.
    CallMenu(AlertId),
    /// Offer days to call on.
    CallDays(AlertId),
    /// Offer times of the day of an instant, a whole minute, to call at.
    CallDay(AlertId, Timestamp),
    /// Plan a call at an instant, a whole minute.
    PlanCall(AlertId, Timestamp),
    /// The lead was called, with this outcome.
    Called(AlertId, CallOutcome),
    /// Offer everything else.
    MoreMenu(AlertId),
    /// Say what an alert rests on.
    Why(AlertId),
    /// It is beside the point.
    NotRelevant(AlertId),
    /// Ask whether the lead is to be archived.
    Archive(AlertId),
    /// Archive it.
    ArchiveYes(AlertId),
    /// Take that back.
    Unarchive(AlertId),
    /// "C'est envoyé": the rep wrote an e-mail by hand.
    MailSentByHand(AlertId),
}

impl Hand {
    fn parse(action: &str) -> Option<Self> {
        if action == "take" {
            return Some(Self::Take);
        }
        let page = action.strip_prefix("hand").and_then(|page| page.parse().ok());
        let user = |prefix: &str| action.strip_prefix(prefix).filter(|user| !user.is_empty()).map(UserId::from);
        page.map(Self::Colleagues).or(user("hto-").map(Self::To)).or(user("hov-").map(Self::Over))
    }
}

impl Button {
    /// The button as `callback_data`: `1:<action>:<alert>`, at most 64 bytes for our ids of 17 bytes.
    pub fn to_data(&self) -> String {
        let action = match self {
            Self::SentByHand(_) => "sent".to_owned(),
            Self::Draft(_) => "draft".to_owned(),
            Self::SnoozeMenu(_) => "zz".to_owned(),
            Self::Snooze(_, length) => format!("z{}", length.code()),
            Self::Back(_) => "back".to_owned(),
            Self::Resolve(_) => "done".to_owned(),
            Self::Show(_) => "show".to_owned(),
            Self::Link(LinkAnswer::Yes, _) => "lyes".to_owned(),
            Self::Link(LinkAnswer::No, _) => "lno".to_owned(),
            Self::Drafting(_, tap) => format!("d-{}", tap.code()),
            Self::Hand(Hand::Take, _) => "take".to_owned(),
            Self::Hand(Hand::Colleagues(page), _) => format!("hand{page}"),
            Self::Hand(Hand::To(user), _) => format!("hto-{user}"),
            Self::Hand(Hand::Over(user), _) => format!("hov-{user}"),
            Self::Page(..) => "page".to_owned(),
            Self::SnoozeUntil(_, until) => format!("until-{}", minutes(*until)),
            Self::SnoozeDays(_) => "zdays".to_owned(),
            Self::CallMenu(_) => "call".to_owned(),
            Self::CallDays(_) => "cdays".to_owned(),
            Self::CallDay(_, day) => format!("day-{}", minutes(*day)),
            Self::PlanCall(_, at) => format!("at-{}", minutes(*at)),
            Self::Called(_, outcome) => outcome_action(*outcome).to_owned(),
            Self::MoreMenu(_) => "more".to_owned(),
            Self::Why(_) => "why".to_owned(),
            Self::NotRelevant(_) => "off".to_owned(),
            Self::Archive(_) => "arch".to_owned(),
            Self::ArchiveYes(_) => "archyes".to_owned(),
            Self::Unarchive(_) => "unarch".to_owned(),
            Self::MailSentByHand(_) => "sentm".to_owned(),
        };
        let about = match self {
            Self::Link(_, user) => user.to_string(),
            Self::Page(sheet, page) => format!("{}{page}", sheet.code()),
            _ => self.alert().map(AlertId::to_string).unwrap_or_default(),
        };
        format!("1:{action}:{about}")
    }

    /// The inverse of [`Button::to_data`]; `None` for what this version did not write.
    pub fn parse(data: &str) -> Option<Self> {
        let mut parts = data.splitn(3, ':');
        let (version, action, alert) = (parts.next()?, parts.next()?, parts.next()?);
        if version != "1" || alert.is_empty() {
            return None;
        }
        match action {
            "lyes" => return Some(Self::Link(LinkAnswer::Yes, UserId::from(alert))),
            "lno" => return Some(Self::Link(LinkAnswer::No, UserId::from(alert))),
            "page" => {
                let (sheet, page) = alert.split_at_checked(1)?;
                return Some(Self::Page(Sheet::of_code(sheet)?, page.parse().ok()?));
            }
            _ => {}
        }
        let alert = AlertId::from(alert);
        if let Some(hand) = Hand::parse(action) {
            return Some(Self::Hand(hand, alert));
        }
        match action {
            "sent" => Some(Self::SentByHand(alert)),
            "draft" => Some(Self::Draft(alert)),
            "zz" => Some(Self::SnoozeMenu(alert)),
            "back" => Some(Self::Back(alert)),
            "done" => Some(Self::Resolve(alert)),
            "show" => Some(Self::Show(alert)),
            "zdays" => Some(Self::SnoozeDays(alert)),
            "call" => Some(Self::CallMenu(alert)),
            "cdays" => Some(Self::CallDays(alert)),
            "more" => Some(Self::MoreMenu(alert)),
            "why" => Some(Self::Why(alert)),
            "off" => Some(Self::NotRelevant(alert)),
            "arch" => Some(Self::Archive(alert)),
            "archyes" => Some(Self::ArchiveYes(alert)),
            "unarch" => Some(Self::Unarchive(alert)),
            "sentm" => Some(Self::MailSentByHand(alert)),
            _ if action.starts_with("d-") => Some(Self::Drafting(alert, DraftTap::parse(action.strip_prefix("d-")?)?)),
            _ => Self::parse_choice(action, alert),
        }
    }

    fn parse_choice(action: &str, alert: AlertId) -> Option<Self> {
        if let Some(outcome) = CallOutcome::ALL.into_iter().find(|outcome| outcome_action(*outcome) == action) {
            return Some(Self::Called(alert, outcome));
        }
        if let Some((what, minutes)) = action.split_once('-') {
            let at = Timestamp(i64::from(u32::from_str_radix(minutes, 16).ok()?) * MINUTE);
            return match what {
                "until" => Some(Self::SnoozeUntil(alert, at)),
                "day" => Some(Self::CallDay(alert, at)),
                "at" => Some(Self::PlanCall(alert, at)),
                _ => None,
            };
        }
        let length = SnoozeFor::ALL.into_iter().find(|length| action.strip_prefix('z') == Some(length.code()))?;
        Some(Self::Snooze(alert, length))
    }

    /// The alert it is about; none for what is not about one.
    pub fn alert(&self) -> Option<&AlertId> {
        match self {
            Self::Link(..) | Self::Page(..) => None,
            Self::SentByHand(alert)
            | Self::Draft(alert)
            | Self::SnoozeMenu(alert)
            | Self::Snooze(alert, _)
            | Self::Back(alert)
            | Self::Resolve(alert)
            | Self::Show(alert)
            | Self::Drafting(alert, _)
            | Self::Hand(_, alert)
            | Self::SnoozeUntil(alert, _)
            | Self::SnoozeDays(alert)
            | Self::CallMenu(alert)
            | Self::CallDays(alert)
            | Self::CallDay(alert, _)
            | Self::PlanCall(alert, _)
            | Self::Called(alert, _)
            | Self::MoreMenu(alert)
            | Self::Why(alert)
            | Self::NotRelevant(alert)
            | Self::Archive(alert)
            | Self::ArchiveYes(alert)
            | Self::Unarchive(alert)
            | Self::MailSentByHand(alert) => Some(alert),
        }
    }
}

/// Whole minutes since 1970, in hexadecimal.
fn minutes(at: Timestamp) -> String {
    format!("{:x}", at.0.max(0) / MINUTE)
}

fn outcome_action(outcome: CallOutcome) -> &'static str {
    match outcome {
        CallOutcome::Reached => "spoke",
        CallOutcome::NoAnswer => "nobody",
        CallOutcome::LeftMessage => "left",
        CallOutcome::NotInterested => "nothanks",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_button_fits_and_comes_back() {
        let alert = AlertId::from("a0123456789abcdef");
        let at = Timestamp(4_102_444_740);
        let mut buttons: Vec<Button> = [
            Button::SentByHand,
            Button::Draft,
            Button::SnoozeMenu,
            Button::Back,
            Button::Resolve,
            Button::Show,
            Button::SnoozeDays,
            Button::CallMenu,
            Button::CallDays,
            Button::MoreMenu,
            Button::Why,
            Button::NotRelevant,
            Button::Archive,
            Button::ArchiveYes,
            Button::Unarchive,
            Button::MailSentByHand,
        ]
        .map(|button| button(alert.clone()))
        .into();
        let user = UserId::from("6b031c715304145b1");
        buttons.extend([LinkAnswer::Yes, LinkAnswer::No].map(|answer| Button::Link(answer, user.clone())));
        buttons
            .extend([Button::SnoozeUntil, Button::CallDay, Button::PlanCall].map(|button| button(alert.clone(), at)));
        buttons.extend([
            Button::Hand(Hand::Take, alert.clone()),
            Button::Hand(Hand::Colleagues(12), alert.clone()),
            Button::Hand(Hand::To(UserId::from("a6b2f1f0-5a51-4e0c-8b9e-0123456789ab")), alert.clone()),
            Button::Hand(Hand::Over(UserId::from("6b031c715304145b1")), alert.clone()),
        ]);
        buttons.extend(SnoozeFor::ALL.map(|length| Button::Snooze(alert.clone(), length)));
        buttons.extend(CallOutcome::ALL.map(|outcome| Button::Called(alert.clone(), outcome)));
        buttons.push(Button::Page(Sheet::Own, 0));
        buttons.extend(Bucket::ALL.map(|bucket| Button::Page(Sheet::Of(bucket), u16::MAX)));
        buttons.extend(DraftTap::ALL.map(|tap| Button::Drafting(alert.clone(), tap)));
        for button in buttons {
            assert!(button.to_data().len() <= 64);
            assert_eq!(Button::parse(&button.to_data()), Some(button));
        }
    }

    #[test]
    fn foreign_data_is_no_button() {
        let foreign = [
            "",
            "1",
            "1:done:",
            "2:done:a1",
            "1:zXX:a1",
            "resolve",
            "1:explode:a1",
            "1:at-:a1",
            "1:at-zz:a1",
            "1:in-1:a1",
            "1:page:o",
            "1:page:x1",
            "1:page:é1",
        ];
        for data in foreign {
            assert_eq!(Button::parse(data), None, "{data}");
        }
    }
}
