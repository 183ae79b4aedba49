//! What is to be done to the outside world. An effect is decided once, stored with the decision, and carried
//! out by the dispatcher until it is done. Most say "bring that thing to the present state", so that carrying
//! one out twice, or late, is harmless.

use serde::{Deserialize, Serialize};

use super::deed::Refusal;
use super::{ActivityId, AlertId, ChatId, DeedId, LeadId, Timestamp, UserId};

/// Why the rep hears of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Occasion {
    /// It opened.
    Opened,
    /// It closed earlier and opened again.
    Reopened,
    /// Its snooze is over and it still holds.
    SnoozeOver,
    /// The lead has a new owner.
    NewOwner,
    /// The owner has been told, and has not dealt with it in time.
    Reminder,
    /// Somebody else than the owner hears of it: nobody has dealt with it in time.
    Escalated,
    /// The day begins: all that is open.
    Briefing,
    /// The owner is away from now on: whoever stands in hears of what was open before.
    StandingIn,
}

impl Occasion {
    /// Whether it is the day, and no alert of its own.
    pub fn is_of_the_day(self) -> bool {
        matches!(self, Self::Briefing)
    }
}

/// Why the mirror stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Stillness {
    /// The CRM refuses our key.
    KeyRefused,
    /// We lack a right, or the CRM lacks what we ask for.
    NotAllowed,
    /// The CRM does not answer, or not as it should.
    NoAnswer,
    /// A sweep found so much missing that it dropped nothing.
    TooManyGone,
}

impl Stillness {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::KeyRefused, Self::NotAllowed, Self::NoAnswer, Self::TooManyGone];

    /// The name of its wording.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KeyRefused => "key_refused",
            Self::NotAllowed => "not_allowed",
            Self::NoAnswer => "no_answer",
            Self::TooManyGone => "too_many_gone",
        }
    }
}

/// One piece of work for the dispatcher. Kept by its place: new ones go to the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Bring the alert's `MaxAlert` record in the CRM to its present state.
    WriteAlert(AlertId),
    /// Bring the `MaxActivity` record of an activity that we were told of to its present state.
    WriteActivity {
        /// Whose.
        lead: LeadId,
        /// Which.
        activity: ActivityId,
    },
    /// Ask the CRM whether a lead that we were told of while it was down exists.
    VerifyLead(LeadId),
    /// Tell whoever is to be told about an alert, if it is still open and not snoozed by then.
    Announce {
        /// Which alert.
        alert: AlertId,
        /// Why now.
        occasion: Occasion,
        /// When that was.
        at: Timestamp,
        /// Decided in the very first evaluation: only as part of a digest.
        first_evaluation: bool,
    },
    /// Bring all Telegram messages about an alert to its present state.
    RefreshMessages(AlertId),
    /// Send a draft for an alert's lead, to copy.
    SendDraft {
        /// For which alert.
        alert: AlertId,
        /// To whom.
        chat: ChatId,
    },
    /// Send one alert of a digest as a message of its own.
    SendAlert {
        /// Which alert.
        alert: AlertId,
        /// To whom.
        chat: ChatId,
    },
    /// Greet a user who has just linked this chat.
    Welcome {
        /// Where.
        chat: ChatId,
        /// Whom.
        user: UserId,
    },
    /// Bring a lead's `MaxInsight` record in the CRM to what is known of it.
    WriteInsight(LeadId),
    /// Tell a chat that the CRM has not been seen for a while.
    SyncStopped {
        /// Where.
        chat: ChatId,
        /// Since when.
        since: Timestamp,
        /// Why.
        why: Stillness,
    },
    /// Tell a chat that it is over.
    SyncResumed {
        /// Where.
        chat: ChatId,
        /// Since when it had lasted.
        since: Timestamp,
        /// When it was over.
        at: Timestamp,
    },
    /// As `WriteActivity`, of something that a user did by button.
    WriteDoneActivity {
        /// Whose.
        lead: LeadId,
        /// Which.
        activity: ActivityId,
        /// Who did it.
        by: UserId,
    },
    /// Bring the `MaxLink` record of this key to the state of the link.
    WriteLink(String),
    /// Tell the CRM of what a user did by button.
    WriteDeed(DeedId),
    /// Tell whoever did it that the CRM did not take it.
    DeedRefused {
        /// Which deed.
        deed: DeedId,
        /// Where.
        chat: ChatId,
        /// Why.
        why: Refusal,
    },
    /// Tell those who lead that nobody has dealt with an alert in time.
    Escalate {
        /// Which alert.
        alert: AlertId,
        /// Where: a manager's private chat, or a team's.
        chat: ChatId,
        /// In which topic of the team's chat.
        topic: Option<i32>,
    },
    /// Bring the message of a prepared message to its present state.
    RefreshDraft {
        /// In which chat.
        chat: ChatId,
        /// Which message.
        message_id: i32,
    },
    /// Begin a user's day: all that is open, and what is planned.
    Briefing {
        /// Whose.
        user: UserId,
        /// Which day, by its number in the user's calendar.
        day: i32,
    },
    /// End a user's day: what was done, and what is left.
    Summary {
        /// Whose.
        user: UserId,
        /// Which day, by its number in the user's calendar.
        day: i32,
    },
    /// Send the facts behind an alert.
    SendWhy {
        /// Which alert.
        alert: AlertId,
        /// To whom.
        chat: ChatId,
    },
    /// What was done on an alert's message can no longer be taken back there.
    UndoOver(AlertId),
    /// Tell whoever planned a call that it begins soon.
    RemindOfCall {
        /// With whom.
        lead: LeadId,
        /// The activity that it is.
        activity: ActivityId,
        /// When it begins.
        at: Timestamp,
    },
    /// Ask how a planned call went.
    AskAboutCall {
        /// With whom.
        lead: LeadId,
        /// The activity that it is.
        activity: ActivityId,
        /// When it was to begin.
        at: Timestamp,
    },
    /// Bring the messages about a planned call to what has become of it.
    RefreshCall {
        /// With whom.
        lead: LeadId,
        /// The activity that it is.
        activity: ActivityId,
    },
    /// Take the buttons from a message about a call that nobody wants to know of any more.
    CloseCall {
        /// With whom.
        lead: LeadId,
        /// In which chat.
        chat: ChatId,
        /// Which message.
        message_id: i32,
    },
    /// Begin a manager's week: whether it helps.
    Weekly {
        /// Whose.
        user: UserId,
        /// On which day, by its number in the user's calendar.
        day: i32,
    },
}

/// How the keys of deeds begin that the CRM is still to be told.
pub const DEEDS: &str = "crm-deed/";

impl Effect {
    /// Effects of one key do the same work: a second one replaces the first.
    pub fn key(&self) -> String {
        match self {
            Self::WriteAlert(alert) => format!("crm-alert/{alert}"),
            Self::WriteActivity { lead, activity } | Self::WriteDoneActivity { lead, activity, .. } => {
                format!("crm-activity/{lead}/{activity}")
            }
            Self::VerifyLead(lead) => format!("crm-lead/{lead}"),
            Self::Announce { alert, .. } => format!("announce/{alert}"),
            Self::RefreshMessages(alert) => format!("messages/{alert}"),
            Self::SendDraft { alert, chat } => format!("draft/{chat}/{alert}"),
            Self::SendAlert { alert, chat } => format!("show/{chat}/{alert}"),
            Self::Welcome { chat, .. } => format!("welcome/{chat}"),
            Self::WriteInsight(lead) => format!("crm-insight/{lead}"),
            Self::SyncStopped { chat, .. } | Self::SyncResumed { chat, .. } => format!("standstill/{chat}"),
            Self::WriteLink(key) => format!("crm-link/{key}"),
            Self::Briefing { user, .. } => format!("briefing/{user}"),
            Self::Summary { user, .. } => format!("summary/{user}"),
            Self::RefreshDraft { chat, message_id } => format!("drafted/{chat}/{message_id}"),
            Self::WriteDeed(deed) => format!("{DEEDS}{deed}"),
            Self::DeedRefused { deed, chat, .. } => format!("refused/{chat}/{deed}"),
            Self::Escalate { alert, chat, .. } => format!("escalate/{chat}/{alert}"),
            Self::SendWhy { alert, chat } => format!("why/{chat}/{alert}"),
            Self::UndoOver(alert) => format!("undo/{alert}"),
            Self::RemindOfCall { lead, activity, .. } => format!("call-soon/{lead}/{activity}"),
            Self::AskAboutCall { lead, activity, .. } => format!("call-over/{lead}/{activity}"),
            Self::RefreshCall { lead, activity } => format!("call-told/{lead}/{activity}"),
            Self::CloseCall { chat, message_id, .. } => format!("call-closed/{chat}/{message_id}"),
            Self::Weekly { user, .. } => format!("weekly/{user}"),
        }
    }

    /// Whether the CRM, not Telegram, is to be reached.
    pub fn is_for_crm(&self) -> bool {
        match self {
            Self::WriteAlert(_)
            | Self::WriteActivity { .. }
            | Self::WriteDoneActivity { .. }
            | Self::WriteLink(_)
            | Self::VerifyLead(_)
            | Self::WriteInsight(_)
            | Self::WriteDeed(_) => true,
            Self::Announce { .. }
            | Self::RefreshMessages(_)
            | Self::SendDraft { .. }
            | Self::SendAlert { .. }
            | Self::Welcome { .. }
            | Self::SyncStopped { .. }
            | Self::SyncResumed { .. }
            | Self::Briefing { .. }
            | Self::Summary { .. }
            | Self::RefreshDraft { .. }
            | Self::DeedRefused { .. }
            | Self::Escalate { .. }
            | Self::SendWhy { .. }
            | Self::UndoOver(_)
            | Self::RemindOfCall { .. }
            | Self::AskAboutCall { .. }
            | Self::RefreshCall { .. }
            | Self::CloseCall { .. }
            | Self::Weekly { .. } => false,
        }
    }

    /// Whether everything else that is ready goes first.
    pub fn can_wait(&self) -> bool {
        matches!(self, Self::WriteInsight(_))
    }
}
