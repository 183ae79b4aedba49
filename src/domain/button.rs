//! What a tap means. A button carries at most 64 bytes (Telegram's limit on `callback_data`), so it names an
//! action and an id and nothing else; everything else is looked up when it is tapped.

use serde::{Deserialize, Serialize};

use super::draft::DraftTap;
use super::{AlertId, Bucket, UserId};

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
    /// Back from the snooze choices.
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
        match self {
            Self::SentByHand(alert) => format!("1:sent:{alert}"),
            Self::Draft(alert) => format!("1:draft:{alert}"),
            Self::SnoozeMenu(alert) => format!("1:zz:{alert}"),
            Self::Snooze(alert, length) => format!("1:z{}:{alert}", length.code()),
            Self::Back(alert) => format!("1:back:{alert}"),
            Self::Resolve(alert) => format!("1:done:{alert}"),
            Self::Show(alert) => format!("1:show:{alert}"),
            Self::Drafting(alert, tap) => format!("1:d-{}:{alert}", tap.code()),
            Self::Link(LinkAnswer::Yes, user) => format!("1:lyes:{user}"),
            Self::Link(LinkAnswer::No, user) => format!("1:lno:{user}"),
            Self::Hand(Hand::Take, alert) => format!("1:take:{alert}"),
            Self::Hand(Hand::Colleagues(page), alert) => format!("1:hand{page}:{alert}"),
            Self::Hand(Hand::To(user), alert) => format!("1:hto-{user}:{alert}"),
            Self::Hand(Hand::Over(user), alert) => format!("1:hov-{user}:{alert}"),
            Self::Page(sheet, page) => format!("1:page:{}{page}", sheet.code()),
        }
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
            _ if action.starts_with("d-") => Some(Self::Drafting(alert, DraftTap::parse(action.strip_prefix("d-")?)?)),
            _ => {
                let length =
                    SnoozeFor::ALL.into_iter().find(|length| action.strip_prefix('z') == Some(length.code()))?;
                Some(Self::Snooze(alert, length))
            }
        }
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
            | Self::Hand(_, alert) => Some(alert),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_button_fits_and_comes_back() {
        let alert = AlertId::from("a0123456789abcdef");
        let mut buttons = vec![
            Button::SentByHand(alert.clone()),
            Button::Draft(alert.clone()),
            Button::SnoozeMenu(alert.clone()),
            Button::Back(alert.clone()),
            Button::Resolve(alert.clone()),
            Button::Show(alert.clone()),
            Button::Link(LinkAnswer::Yes, UserId::from("6b031c715304145b1")),
            Button::Link(LinkAnswer::No, UserId::from("6b031c715304145b1")),
            Button::Hand(Hand::Take, alert.clone()),
            Button::Hand(Hand::Colleagues(12), alert.clone()),
            Button::Hand(Hand::To(UserId::from("a6b2f1f0-5a51-4e0c-8b9e-0123456789ab")), alert.clone()),
            Button::Hand(Hand::Over(UserId::from("6b031c715304145b1")), alert.clone()),
            Button::Page(Sheet::Own, 0),
        ];
        buttons.extend(Bucket::ALL.map(|bucket| Button::Page(Sheet::Of(bucket), u16::MAX)));
        buttons.extend(SnoozeFor::ALL.map(|length| Button::Snooze(alert.clone(), length)));
        buttons.extend(DraftTap::ALL.map(|tap| Button::Drafting(alert.clone(), tap)));
        for button in buttons {
            assert!(button.to_data().len() <= 64);
            assert_eq!(Button::parse(&button.to_data()), Some(button));
        }
    }

    #[test]
    fn foreign_data_is_no_button() {
        for data in [
            "",
            "1",
            "1:done:",
            "2:done:a1",
            "1:zXX:a1",
            "resolve",
            "1:explode:a1",
            "1:page:o",
            "1:page:x1",
            "1:page:é1",
        ] {
            assert_eq!(Button::parse(data), None, "{data}");
        }
    }
}
