//! A message to a lead that a rep prepares in the chat: what can be chosen about it, and how far it has come.

use serde::{Deserialize, Serialize};

use super::{AlertId, Channel, ChatId, LeadId, Timestamp, UserId};

/// How a message sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Tone {
    /// To the point.
    Direct,
    /// With a kind word.
    Warm,
}

impl Tone {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Direct, Self::Warm];

    /// The name in templates.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Warm => "warm",
        }
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Direct => Self::Warm,
            Self::Warm => Self::Direct,
        }
    }
}

/// What a button of a draft's message asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DraftTap {
    /// The same in this tone.
    Tone(Tone),
    /// The same for this channel.
    Channel(Channel),
    /// Other words.
    Other,
    /// The next thing the rep writes becomes the text.
    Edit,
    /// The rep sent it by hand.
    Sent,
    /// It is to be sent as an e-mail: show to whom and from whom first.
    Mail,
    /// Yes, send it.
    SendNow,
    /// Back to the draft.
    Back,
}

impl DraftTap {
    /// Every one.
    pub const ALL: [Self; 12] = [
        Self::Tone(Tone::Direct),
        Self::Tone(Tone::Warm),
        Self::Channel(Channel::Whatsapp),
        Self::Channel(Channel::Email),
        Self::Channel(Channel::Call),
        Self::Channel(Channel::Manual),
        Self::Other,
        Self::Edit,
        Self::Sent,
        Self::Mail,
        Self::SendNow,
        Self::Back,
    ];

    /// Its name in a button's data.
    pub fn code(self) -> &'static str {
        match self {
            Self::Tone(Tone::Direct) => "td",
            Self::Tone(Tone::Warm) => "tw",
            Self::Channel(Channel::Whatsapp) => "cw",
            Self::Channel(Channel::Email) => "ce",
            Self::Channel(Channel::Call) => "cc",
            Self::Channel(Channel::Manual) => "cm",
            Self::Other => "other",
            Self::Edit => "edit",
            Self::Sent => "sent",
            Self::Mail => "mail",
            Self::SendNow => "now",
            Self::Back => "back",
        }
    }

    /// The inverse of [`DraftTap::code`].
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tap| tap.code() == code)
    }

    /// Whether it tells the CRM something.
    pub fn changes_the_crm(self) -> bool {
        match self {
            Self::Sent | Self::SendNow => true,
            Self::Tone(_) | Self::Channel(_) | Self::Other | Self::Edit | Self::Mail | Self::Back => false,
        }
    }
}

/// How far a prepared message has come. Kept by its place: new ones go to the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// It can be changed and sent.
    Ready,
    /// What the rep writes next becomes its text, before this instant (exclusive).
    AwaitingText(Timestamp),
    /// The rep is asked whether it really is to be sent as an e-mail.
    Confirming,
    /// The CRM is to send it.
    OnItsWay,
    /// The rep sent it by hand, then.
    Noted(Timestamp),
    /// The CRM sent it, then.
    Sent(Timestamp),
    /// The CRM could not send it; it can be tried again.
    Failed,
    /// Whether it was sent is not known, and it is not tried again.
    Unclear,
}

/// A message to a lead that is being prepared in a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// Where it is shown.
    pub chat: ChatId,
    /// In which message.
    pub message_id: i32,
    /// For which alert.
    pub alert: AlertId,
    /// To whom.
    pub lead: LeadId,
    /// Who prepares it, signs it and gets the answer.
    pub user: UserId,
    /// Where it is to be sent.
    pub channel: Channel,
    /// How it sounds.
    pub tone: Tone,
    /// Which of the wordings; more than there are begins anew.
    pub wording: u32,
    /// An e-mail's subject.
    pub subject: Option<String>,
    /// What it says, word for word.
    pub text: String,
    /// Whether the rep wrote it.
    pub is_own: bool,
    /// How far it has come.
    pub stage: Stage,
    /// When it was prepared.
    pub at: Timestamp,
    /// How often it was given to the CRM to send.
    pub attempts: u32,
    /// What its message shows now: a hash of text and buttons.
    pub shown: u64,
}

impl Prepared {
    /// How long a draft in a chat can be gone on with, in seconds.
    pub const LIFETIME: i64 = 7 * super::DAY;
    /// The longest text that is taken, in UTF-16 units: it fits into one message with what is said around it.
    pub const UNITS: usize = 3_000;

    /// Whether it has been left alone for too long.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.at) >= Self::LIFETIME
    }

    /// Whether it can still be changed and sent.
    pub fn is_open(&self) -> bool {
        match self.stage {
            Stage::Ready | Stage::AwaitingText(_) | Stage::Confirming | Stage::Failed => true,
            Stage::OnItsWay | Stage::Noted(_) | Stage::Sent(_) | Stage::Unclear => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_comes_back() {
        for tap in DraftTap::ALL {
            assert_eq!(DraftTap::parse(tap.code()), Some(tap));
        }
        assert_eq!(DraftTap::parse("nothing"), None);
    }
}
