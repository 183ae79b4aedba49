//! M.A.X. in words: minijinja templates turn an alert into a human message.
//!
//! The wordings live in `templates/voice/{fr,fr-vous,en}`, are embedded, and can be replaced file by file from a
//! folder of the user's; a file may hold several wordings of one thing. [`Voice`] is pure: it is told all it says, `now` included. Nothing here fails at run time: an
//! own wording that breaks on a case its check at start did not meet is replaced by the embedded one.

mod html;
mod kpi;
mod names;
mod samples;
pub mod screens;
mod speech;
mod templates;
mod words;

use std::ops::Range;
use std::path::Path;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::domain::alert::Severity;
use crate::domain::button::SnoozeFor;
use crate::domain::deed::Refusal;
use crate::domain::draft::{Prepared, Tone};
use crate::domain::effect::{Occasion, Stillness};
use crate::domain::insight::LeadInsight;
pub use crate::domain::manner::{Lang, Manner};
use crate::domain::unsubscribed::UnsubscribedStage;
use crate::domain::{
    ActivityStatus, Alert, AlertId, AlertType, Bucket, CallOutcome, Channel, DeedKind, Lead, Seconds, Timestamp, User,
    UserId, Wording,
};
use crate::insight::advice::{self, CtaAction, CtaParams};
use crate::insight::exchange::Exchange;
use crate::insight::kpi::Report;
use crate::insight::strategy::Strategy;

pub use html::{MESSAGE_UNITS, escape, fault, fitted, plain, visible_units};
pub use kpi::{Bar, Chart, Panel, WeekBegins};
pub use samples::Said;
use speech::Speech;
pub use templates::VoiceError;

/// How much of a lead a Telegram message may show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// Names, company, and the lead's words.
    #[default]
    Full,
    /// First name and reason: neither preview nor telephone number.
    Minimal,
    /// In a group: the lead's initials and the waiting time. No setting: groups always get it.
    #[serde(skip)]
    Initials,
}

/// All that is needed to speak about one alert.
#[derive(Clone, Copy, Debug)]
pub struct AlertContext<'a> {
    /// How the reader is spoken to.
    pub manner: Manner,
    /// About what.
    pub alert: &'a Alert,
    /// About whom.
    pub lead: &'a Lead,
    /// Who signs drafts: the lead's owner, or who stands in.
    pub owner: Option<&'a User>,
    /// The lead's preferred channel, if known.
    pub preferred: Option<Channel>,
    /// The instant of reading.
    pub now: Timestamp,
    /// The reader's time zone.
    pub zone: Tz,
    /// The lead's address in the CRM.
    pub crm_link: Option<&'a str>,
    /// How national telephone numbers are read (ISO 3166 alpha-2, such as `FR`).
    pub default_country: Option<&'a str>,
    /// How much may be shown.
    pub content: Content,
    /// Why the rep hears of it.
    pub occasion: Occasion,
    /// The conversation with the lead: drafts go on with it.
    pub exchange: Exchange,
    /// What somebody did by a button of it, if that closed it.
    pub done: Option<&'a Done>,
    /// Who reads it, where one person does: what this user did is said to have been done by "toi".
    pub reader: Option<&'a UserId>,
    /// Whether the CRM has the status that archiving gives a lead.
    pub can_archive: bool,
    /// In which of several wordings.
    pub wording: Wording,
    /// How to go about the lead, when enough is known of it.
    pub strategy: Option<&'a Strategy>,
}

/// What somebody did by a button of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// What.
    pub kind: DeedKind,
    /// Who, in words; may be empty.
    pub by: String,
    /// Who.
    pub user: Option<UserId>,
    /// When.
    pub at: Timestamp,
}

impl Done {
    /// Whether it was a call in vain, after which there is another one to plan.
    pub fn is_in_vain(&self) -> bool {
        self.kind.outcome().is_some_and(|outcome| outcome.status() == ActivityStatus::NoAnswer)
    }
}

impl AlertContext<'_> {
    /// A link that opens WhatsApp on the lead's number with `draft` filled in, if all of it fits; `None` when there is no
    /// usable number, the channel is closed, or numbers must not be shown.
    pub fn whatsapp_link(&self, draft: &str) -> Option<String> {
        match self.content {
            Content::Full => {
                advice::whatsapp_of(self.lead, self.default_country).map(|number| advice::wa_link_whole(&number, draft))
            }
            Content::Minimal | Content::Initials => None,
        }
    }
}

/// What the CRM's record of an alert says. Written once, so with dates instead of days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrmTexts {
    /// The fact and its date; at most 255 characters.
    pub message: String,
    /// What to do next; at most 255 characters.
    pub suggested_action: String,
    /// What it rests on.
    pub evidence: String,
}

/// A prepared message to a lead, as plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Where it is meant to be sent; [`Channel::Manual`] when nothing is known of how to reach the lead. For a
    /// call it is what to say.
    pub channel: Channel,
    /// For an e-mail.
    pub subject: Option<String>,
    /// The text, signed.
    pub text: String,
}

/// Which of the wordings of a prepared message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// How it sounds.
    pub tone: Tone,
    /// Which one of the tone's; more than there are begins anew.
    pub wording: u32,
}

impl Style {
    /// The style that an alert begins with: the same every time, and not the same for every alert.
    pub fn of(alert: &Alert) -> Self {
        let tone = match alert.alert_type {
            AlertType::HotLead24h | AlertType::AwaitingReply24h | AlertType::NoFollowup7d => Tone::Direct,
            AlertType::NoContact7d | AlertType::StaleLead30d | AlertType::NoReply3d | AlertType::PreferredChannel => {
                Tone::Warm
            }
        };
        Self { tone, wording: Wording::of(&alert.id).0 }
    }
}

/// What the message of a prepared message shows.
#[derive(Clone, Copy, Debug)]
pub enum DraftShown<'a> {
    /// There is none: the lead is not to be contacted.
    Refused,
    /// There is none: nothing is known of how to reach the lead.
    NoChannel,
    /// This one.
    Prepared {
        /// As it stands.
        prepared: &'a Prepared,
        /// By which addresses it would go.
        route: Route<'a>,
        /// The alert is settled: there is nothing to be sent any more.
        over: bool,
    },
}

/// The addresses of an e-mail; empty where one is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Route<'a> {
    /// The group account's, from which it goes.
    pub from: &'a str,
    /// The rep's, to which the answer comes.
    pub reply_to: &'a str,
}

/// One action on offer, as the API gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CtaEntry {
    /// What the button says.
    pub label: String,
    /// What it does.
    pub action: CtaAction,
    /// What that needs.
    pub params: CtaParams,
}

/// How a rep's day begins.
#[derive(Clone, Copy, Debug)]
pub struct DayBegins<'a> {
    /// Who is greeted.
    pub reader: Option<&'a User>,
    /// All that is open, most pressing first: with the first one the day begins.
    pub alerts: &'a [AlertContext<'a>],
    /// What is planned today, soonest first.
    pub planned: &'a [(Timestamp, Lead)],
    /// The reader's time zone.
    pub zone: Tz,
    /// How much may be shown.
    pub content: Content,
}

/// How a rep's day ends.
#[derive(Clone, Copy, Debug)]
pub struct DayEnds<'a> {
    /// Who is thanked.
    pub reader: Option<&'a User>,
    /// Alerts that were dealt with.
    pub handled: usize,
    /// Leads that waited and were answered.
    pub answered: usize,
    /// How much is left that can wait.
    pub open: usize,
    /// How much is left that cannot wait long.
    pub left: usize,
    /// The first of that, most pressing first.
    pub named: &'a [AlertContext<'a>],
    /// Which day: each ends in other words than the one before.
    pub day: i32,
}

/// Messages that are not about one alert.
#[derive(Clone, Copy, Debug)]
pub enum Notice<'a> {
    /// The chat has just been linked to this user.
    Welcome(&'a User),
    /// Somebody writes whom we do not know.
    NotLinked,
    /// A link that has expired or was used.
    LinkExpired,
    /// The CRM cannot be asked about a link now; it is not spent.
    LinkLater,
    /// The chat is no longer linked.
    Unlinked,
    /// What can be asked.
    Help,
    /// Something we do not understand.
    Unknown,
    /// A text that is too long for a draft.
    DraftTooLong,
    /// Nothing that a digest listed is open any more; of what other messages told this says nothing.
    AllClear,
    /// The CRM has not been seen for a while.
    SyncStopped {
        /// Since when.
        since: Timestamp,
        /// Why.
        why: Stillness,
        /// The instant of writing.
        now: Timestamp,
        /// The reader's time zone.
        zone: Tz,
    },
    /// The CRM is seen again.
    SyncResumed {
        /// How long it was not.
        lasted: Seconds,
    },
    /// A link was opened: whom it would link, and who the account belongs to now, if it is somebody else.
    LinkPreview {
        /// Whom the link is for.
        user: &'a User,
        /// Whose link it would take the place of.
        instead: Option<&'a User>,
    },
    /// Whoever opened a link says that it is for somebody else.
    LinkDeclined,
    /// The CRM did not take what the reader did by button.
    DeedRefused {
        /// What that was.
        kind: &'a DeedKind,
        /// About whom.
        lead: &'a Lead,
        /// Why.
        why: Refusal,
    },
    /// A lead wants no more messages.
    Unsubscribed {
        /// Who; none where names must not be shown.
        lead: Option<&'a Lead>,
        /// What it wrote; empty where that must not be shown.
        text: &'a str,
        /// What has come of it.
        stage: UnsubscribedStage,
    },
}

/// The short answer that pops up on a tap; at most 200 characters.
#[derive(Clone, Copy, Debug)]
pub enum Toast<'a> {
    /// Marked as handled.
    Resolved,
    /// Silenced until an instant.
    Snoozed {
        /// Until when (exclusive).
        until: Timestamp,
        /// The instant of the tap.
        now: Timestamp,
        /// The rep's time zone.
        zone: Tz,
    },
    /// A message sent by hand, on this channel, is noted.
    Sent(&'a Lead, Channel),
    /// Somebody else was faster; their name, empty when unknown.
    AlreadyHandled(&'a str),
    /// It has closed by itself.
    AlreadyClosed,
    /// A draft is on its way.
    DraftComing,
    /// The rep's own text is awaited.
    DraftText,
    /// A button of another time.
    Stale,
    /// A button that is not for this person.
    NotYours,
    /// The CRM does not let this person see or change the lead.
    NotAllowed,
    /// The CRM cannot be asked whether it does.
    CannotAsk,
    /// It did not work; it may in a moment.
    TryAgain,
    /// The lead is now whose tap it was.
    Taken,
    /// Somebody else took the lead; their name.
    TakenBy(&'a str),
    /// The lead was given to a colleague; their name.
    HandedTo(&'a str),
    /// There is no colleague to give a lead to.
    NoColleague,
    /// The CRM is being asked; what comes of it follows.
    Checking,
    /// A call is planned.
    CallPlanned {
        /// When it begins.
        at: Timestamp,
        /// The instant of the tap.
        now: Timestamp,
        /// The rep's time zone.
        zone: Tz,
        /// Whether the rep has something else planned then.
        taken: bool,
    },
    /// A call is noted.
    CallNoted(CallOutcome),
    /// The lead is not to be called.
    NoCalls,
    /// Noted as beside the point.
    NotRelevant,
    /// The lead is archived; for how many minutes that can be taken back.
    Archived(i64),
    /// That has been taken back.
    Unarchived,
    /// It is too late for that.
    UndoOver,
}

/// What a button says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ButtonLabel {
    /// Open WhatsApp to answer.
    WhatsappAnswer,
    /// Open WhatsApp to write.
    WhatsappWrite,
    /// "C'est envoyé".
    Sent,
    /// Prepare a message.
    Draft,
    /// Later.
    Snooze,
    /// Later: for so long.
    SnoozeFor(SnoozeFor),
    /// Back to the other buttons.
    Back,
    /// Mark as handled.
    Resolve,
    /// The same for what is merely worth knowing.
    Noted,
    /// Open the lead in the CRM.
    OpenInCrm,
    /// Copy the text.
    Copy,
    /// See one alert in private.
    Show,
    /// A prepared message in this tone.
    DraftTone(Tone),
    /// Other words.
    DraftOther,
    /// Write it oneself.
    DraftEdit,
    /// Send it as an e-mail.
    DraftMail,
    /// Yes, send it.
    DraftSendNow,
    /// Try to send it again.
    DraftAgain,
    /// For WhatsApp instead.
    ToWhatsapp,
    /// As an e-mail instead.
    ToEmail,
    /// By telephone instead.
    ToCall,
    /// The link is for me.
    LinkYes,
    /// It is not.
    LinkNo,
    /// "I'll take it": the lead that others have not dealt with.
    Take,
    /// Give the lead to a colleague.
    HandOver,
    /// Give it to this one, whose name follows.
    HandTo,
    /// In the afternoon.
    SnoozeAfternoon,
    /// Another day.
    OtherDay,
    /// Plan a call, or say how one went.
    Call,
    /// How a call went.
    Called(CallOutcome),
    /// Everything else.
    More,
    /// Why there is this alert.
    Why,
    /// It is beside the point.
    NotRelevant,
    /// Archive the lead.
    Archive,
    /// Yes, archive it.
    ArchiveYes,
    /// Take that back.
    Undo,
    /// Answer by e-mail.
    MailAnswer,
    /// Write an e-mail.
    MailWrite,
    /// After a call in vain: when to call again?
    TryAgain,
    /// Write into the CRM that a lead wants no more messages.
    OptOut,
    /// Its message meant something else.
    NotSo,
}

impl ButtonLabel {
    /// Every label.
    pub const ALL: [Self; 47] = [
        Self::WhatsappAnswer,
        Self::WhatsappWrite,
        Self::Sent,
        Self::Draft,
        Self::Snooze,
        Self::SnoozeFor(SnoozeFor::Hour),
        Self::SnoozeFor(SnoozeFor::Tomorrow),
        Self::SnoozeFor(SnoozeFor::Monday),
        Self::Back,
        Self::Resolve,
        Self::Noted,
        Self::OpenInCrm,
        Self::Copy,
        Self::Show,
        Self::DraftTone(Tone::Direct),
        Self::DraftTone(Tone::Warm),
        Self::DraftOther,
        Self::DraftEdit,
        Self::DraftMail,
        Self::DraftSendNow,
        Self::DraftAgain,
        Self::ToWhatsapp,
        Self::ToEmail,
        Self::ToCall,
        Self::LinkYes,
        Self::LinkNo,
        Self::Take,
        Self::HandOver,
        Self::HandTo,
        Self::SnoozeAfternoon,
        Self::OtherDay,
        Self::Call,
        Self::Called(CallOutcome::Reached),
        Self::Called(CallOutcome::NoAnswer),
        Self::Called(CallOutcome::LeftMessage),
        Self::Called(CallOutcome::NotInterested),
        Self::More,
        Self::Why,
        Self::NotRelevant,
        Self::Archive,
        Self::ArchiveYes,
        Self::Undo,
        Self::MailAnswer,
        Self::MailWrite,
        Self::TryAgain,
        Self::OptOut,
        Self::NotSo,
    ];

    fn key(self) -> &'static str {
        match self {
            Self::WhatsappAnswer => "whatsapp_answer",
            Self::WhatsappWrite => "whatsapp_write",
            Self::Sent => "sent",
            Self::Draft => "draft",
            Self::Snooze => "snooze",
            Self::SnoozeFor(SnoozeFor::Hour) => "snooze_hour",
            Self::SnoozeFor(SnoozeFor::Tomorrow) => "snooze_tomorrow",
            Self::SnoozeFor(SnoozeFor::Monday) => "snooze_monday",
            Self::Back => "back",
            Self::Resolve => "resolve",
            Self::Noted => "noted",
            Self::OpenInCrm => "open_in_crm",
            Self::Copy => "copy",
            Self::Show => "show",
            Self::DraftTone(Tone::Direct) => "draft_direct",
            Self::DraftTone(Tone::Warm) => "draft_warm",
            Self::DraftOther => "draft_other",
            Self::DraftEdit => "draft_edit",
            Self::DraftMail => "draft_mail",
            Self::DraftSendNow => "draft_send_now",
            Self::DraftAgain => "draft_again",
            Self::ToWhatsapp => "to_whatsapp",
            Self::ToEmail => "to_email",
            Self::ToCall => "to_call",
            Self::LinkYes => "link_yes",
            Self::LinkNo => "link_no",
            Self::Take => "take",
            Self::HandOver => "hand_over",
            Self::HandTo => "hand_to",
            Self::SnoozeAfternoon => "snooze_afternoon",
            Self::OtherDay => "other_day",
            Self::Call => "call",
            Self::Called(CallOutcome::Reached) => "called_reached",
            Self::Called(CallOutcome::NoAnswer) => "called_no_answer",
            Self::Called(CallOutcome::LeftMessage) => "called_left_message",
            Self::Called(CallOutcome::NotInterested) => "called_not_interested",
            Self::More => "more",
            Self::Why => "why",
            Self::NotRelevant => "not_relevant",
            Self::Archive => "archive",
            Self::ArchiveYes => "archive_yes",
            Self::Undo => "undo",
            Self::MailAnswer => "mail_answer",
            Self::MailWrite => "mail_write",
            Self::TryAgain => "try_again",
            Self::OptOut => "opt_out",
            Self::NotSo => "not_so",
        }
    }
}

/// M.A.X.'s voice: French and English, with the user's own wordings where there are any.
#[derive(Debug)]
pub struct Voice {
    own: [Speech; 3],
    embedded: [Speech; 3],
}

impl Voice {
    /// The embedded wordings, and in place of each the file of the same name in `own_templates` if it is there
    /// (`fr/headlines/no_reply.txt.j2`, `en/labels.toml`…). Every own wording is tried on samples.
    ///
    /// # Errors
    /// When the folder cannot be read, or a file in it is none of ours or does not work: the error names file,
    /// line and remedy.
    pub fn new(own_templates: Option<&Path>) -> Result<Self, VoiceError> {
        let speeches = |folder: Option<&Path>| -> Result<[Speech; 3], VoiceError> {
            let [tu, vous, english] = Manner::ALL.map(|manner| Speech::load(manner, folder));
            Ok([tu?, vous?, english?])
        };
        if let Some(folder) = own_templates {
            templates::check_folder(folder)?;
        }
        let voice = Self { own: speeches(own_templates)?, embedded: speeches(None)? };
        if own_templates.is_some() {
            for speech in &voice.own {
                samples::each(speech, |_| ()).map_err(|fault| speech.wordings().error(fault))?;
            }
        }
        Ok(voice)
    }

    /// Every wording of a manner with sample data in it: hostile names, every situation.
    ///
    /// # Errors
    /// When one breaks, is empty or too long, or would be refused by Telegram.
    pub fn said(&self, manner: Manner) -> Result<Vec<Said>, VoiceError> {
        let speech = &self.own[index(manner)];
        let mut said = Vec::new();
        samples::each(speech, |one| said.push(one)).map_err(|fault| speech.wordings().error(fault))?;
        Ok(said)
    }

    /// `what` in the user's wording; in the embedded one when that breaks.
    fn say<T: Default>(&self, manner: Manner, what: impl Fn(&Speech) -> Result<T, minijinja::Error>) -> T {
        let index = index(manner);
        what(&self.own[index])
            .or_else(|error| {
                tracing::warn!(%error, manner = manner.as_str(), "a wording breaks; the embedded one is used");
                what(&self.embedded[index])
            })
            .unwrap_or_else(|error| {
                tracing::error!(%error, manner = manner.as_str(), "an embedded wording breaks");
                T::default()
            })
    }

    /// One plain sentence about an alert, with the days as of reading: the API's `message`.
    pub fn message(&self, context: &AlertContext<'_>) -> String {
        self.say(context.manner, |speech| speech.headline(context))
    }

    /// What to do next, in a few words: the first of the two suggestions.
    pub fn suggested_action(&self, context: &AlertContext<'_>) -> String {
        self.say(context.manner, |speech| Ok(speech.suggested_action(context)))
    }

    /// What the CRM's record says.
    pub fn crm_texts(&self, context: &AlertContext<'_>) -> CrmTexts {
        let sentence = |text: String| names::one_line(&text, samples::RECORD_CHARS);
        CrmTexts {
            message: sentence(self.say(context.manner, |speech| speech.record(context))),
            suggested_action: sentence(self.suggested_action(context)),
            evidence: self.say(context.manner, |speech| speech.evidence_in_full(context)),
        }
    }

    /// The actions on offer, with their labels.
    pub fn cta(&self, context: &AlertContext<'_>) -> Vec<CtaEntry> {
        let draft = self.draft_for(context, Channel::Whatsapp).map(|draft| draft.text).unwrap_or_default();
        let offers = advice::cta(context.alert, context.lead, context.whatsapp_link(&draft), context.crm_link);
        let answers = context.alert.alert_type.is_about_an_answer();
        let label = |action: CtaAction| {
            let key = if action == CtaAction::OpenWhatsApp && !answers { "writeOnWhatsApp" } else { action.as_str() };
            self.say(context.manner, |speech| Ok(speech.label("cta", key)))
        };
        offers
            .into_iter()
            .filter(|cta| context.can_archive || cta.action != CtaAction::ArchiveLead)
            .map(|cta| CtaEntry { label: label(cta.action), action: cta.action, params: cta.params })
            .collect()
    }

    /// A prepared message on the best channel; `None` when the lead is not to be contacted.
    pub fn draft(&self, context: &AlertContext<'_>) -> Option<Draft> {
        let channel = advice::draft_channel(context.alert, context.lead, context.preferred)?;
        self.draft_for(context, channel)
    }

    /// A prepared message for `channel`, in the lead's manner; `None` when the lead is not to be contacted, or not there.
    pub fn draft_for(&self, context: &AlertContext<'_>, channel: Channel) -> Option<Draft> {
        self.draft_as(context, channel, Style::of(context.alert))
    }

    /// The same in a style of one's choice.
    pub fn draft_as(&self, context: &AlertContext<'_>, channel: Channel, style: Style) -> Option<Draft> {
        if context.lead.is_do_not_contact() || !context.lead.channel_open(channel) {
            return None;
        }
        let manner = context.exchange.manner;
        Some(Draft {
            channel,
            subject: (channel == Channel::Email).then(|| self.say(manner, |speech| speech.subject(context))),
            text: self.say(manner, |speech| speech.draft(context, channel, style)),
        })
    }

    /// The Telegram message for an alert in its present state, as HTML: open, in a pause, or closed and why.
    /// `shown_link` is written out: an address that no button can open.
    pub fn alert_html(&self, context: &AlertContext<'_>, shown_link: Option<&str>) -> String {
        self.say(context.manner, |speech| speech.alert_html(context, shown_link))
    }

    /// What an open alert's message becomes when a later message tells it again, as HTML.
    pub fn later_html(&self, context: &AlertContext<'_>) -> String {
        self.say(context.manner, |speech| speech.later_html(context))
    }

    /// The first suggestion about an alert, as one says it, in the context's wording.
    pub fn spoken(&self, context: &AlertContext<'_>) -> String {
        self.say(context.manner, |speech| Ok(speech.spoken_suggestion(context)))
    }

    /// What the former owner's message becomes when the lead has moved to `new_owner`, or to nobody.
    pub fn moved_html(&self, context: &AlertContext<'_>, new_owner: Option<&User>) -> String {
        self.say(context.manner, |speech| speech.moved_html(context, new_owner))
    }

    /// Several alerts in one message, as HTML, in the order in which they are given: most pressing first. Those of `page`
    /// are listed, and the last of them may only count as "and 2 others". One message is in one manner; `reader` is
    /// greeted.
    pub fn digest_html(
        &self,
        manner: Manner,
        reader: Option<&User>,
        alerts: &[AlertContext<'_>],
        page: Range<usize>,
    ) -> String {
        self.say(manner, |speech| speech.digest_html(reader, alerts, page.clone()))
    }

    /// A prepared message as its message in the chat shows it, as HTML; words of regret when there is none.
    pub fn draft_html(&self, context: &AlertContext<'_>, shown: DraftShown<'_>) -> String {
        self.say(context.manner, |speech| speech.draft_html(context, shown))
    }

    /// How a day begins, as HTML.
    pub fn briefing_html(&self, manner: Manner, day: &DayBegins<'_>) -> String {
        self.say(manner, |speech| speech.briefing_html(day))
    }

    /// How a day ends, as HTML.
    pub fn summary_html(&self, manner: Manner, day: &DayEnds<'_>) -> String {
        self.say(manner, |speech| speech.summary_html(day))
    }

    /// How a manager's week begins, as HTML.
    pub fn weekly_html(&self, manner: Manner, week: &WeekBegins<'_>) -> String {
        self.say(manner, |speech| speech.weekly_html(week))
    }

    /// What a picture of the figures says.
    pub fn chart(&self, manner: Manner, report: &Report) -> Chart {
        // Its words are labels, which are never missing.
        self.own[index(manner)].chart(report)
    }

    /// A figure of the banner, as a button says it.
    pub fn figure(&self, manner: Manner, bucket: Bucket, count: usize) -> String {
        let label = self.say(manner, |speech| Ok(speech.label("banner", bucket.as_str())));
        format!("{label}: {count}")
    }

    /// A message that is not about one alert, as HTML.
    pub fn notice_html(&self, manner: Manner, notice: Notice<'_>) -> String {
        self.say(manner, |speech| speech.notice_html(notice, None))
    }

    /// An answer to what somebody typed, as HTML.
    pub fn screen_html(&self, manner: Manner, scene: screens::Scene, screen: &screens::Screen<'_>) -> String {
        self.say(manner, |speech| speech.screen_html(scene, screen, None))
    }

    /// A short text of our answers' buttons, or of the menu: `[screen]` and `[command]` in `labels.toml`.
    pub fn short(&self, manner: Manner, section: &str, key: &str) -> String {
        self.say(manner, |speech| Ok(speech.label(section, key)))
    }

    /// A lead on a button: who, and which company; at most so many characters.
    pub fn lead_label(&self, manner: Manner, content: Content, lead: &Lead) -> String {
        let name = match content {
            Content::Full => names::identity(lead),
            Content::Minimal => names::call_name(lead, true),
            Content::Initials => names::initials(lead),
        };
        let name = if name.is_empty() { self.short(manner, "nameless", "start") } else { name };
        names::isolated(names::one_line(&name, 40))
    }

    /// An instant ahead on a button: "Demain à 10h".
    pub fn instant_label(&self, manner: Manner, at: Timestamp, now: Timestamp, zone: Tz) -> String {
        let text = words::ahead(manner.lang(), at, now, zone);
        let mut letters = text.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    }

    /// A colleague on a button.
    pub fn user_label(&self, user: &User) -> String {
        names::isolated(names::one_line(if user.name.trim().is_empty() { &user.user_name } else { &user.name }, 32))
    }

    /// The short answer to a tap, plain text of at most 200 characters.
    pub fn toast(&self, manner: Manner, toast: Toast<'_>) -> String {
        names::one_line(&self.say(manner, |speech| speech.toast(toast, None)), samples::TOAST_CHARS)
    }

    /// The same in an alert's wording: who settles one after the other is not told the same each time.
    pub fn toast_about(&self, manner: Manner, alert: &AlertId, toast: Toast<'_>) -> String {
        let wording = Some(Wording::of(alert));
        names::one_line(&self.say(manner, |speech| speech.toast(toast, wording)), samples::TOAST_CHARS)
    }

    /// What a button says.
    pub fn button(&self, manner: Manner, label: ButtonLabel) -> String {
        self.say(manner, |speech| Ok(speech.label("button", label.key())))
    }

    /// What a button says that stands for a time.
    pub fn slot(&self, manner: Manner, at: Timestamp, now: Timestamp, zone: Tz) -> String {
        words::slot(manner.lang(), at, now, zone)
    }

    /// What a button says that stands for a day.
    pub fn day(&self, manner: Manner, at: Timestamp, now: Timestamp, zone: Tz) -> String {
        words::day(manner.lang(), at, now, zone)
    }

    /// The facts and dates behind an alert, as HTML.
    pub fn behind_html(&self, context: &AlertContext<'_>, insight: &LeadInsight) -> String {
        self.say(context.manner, |speech| speech.behind_html(context, insight))
    }

    /// What a digest's button for one alert says: the lead's name.
    pub fn show_label(&self, context: &AlertContext<'_>, number: usize) -> String {
        let name = self.say(context.manner, |speech| Ok(speech.listed_name(context)));
        format!("{number}. {}", names::isolated(names::one_line(&name, 28)))
    }

    /// What a button that stands for a colleague says.
    pub fn colleague(&self, user: &User) -> String {
        names::isolated(names::one_line(&names::full(user), 28))
    }

    /// A severity in words.
    pub fn severity_name(&self, manner: Manner, severity: Severity) -> String {
        self.say(manner, |speech| Ok(speech.label("severity", severity.as_str())))
    }

    /// What a call with a lead is called in the CRM, as plain text.
    pub fn call_name(&self, manner: Manner, lead: &Lead) -> String {
        self.say(manner, |speech| speech.call_name(lead))
    }

    /// What is noted of a call's outcome; nothing when its status says it all.
    pub fn outcome_note(&self, manner: Manner, outcome: CallOutcome) -> String {
        match outcome {
            CallOutcome::Reached | CallOutcome::NoAnswer => String::new(),
            CallOutcome::LeftMessage | CallOutcome::NotInterested => {
                self.say(manner, |speech| Ok(speech.label("note", outcome.as_str())))
            }
        }
    }

    /// What is noted of an alert that somebody found beside the point.
    pub fn note_not_relevant(&self, manner: Manner) -> String {
        self.say(manner, |speech| Ok(speech.label("note", "not_relevant")))
    }

    /// A channel in words.
    pub fn channel_name(&self, manner: Manner, channel: Channel) -> String {
        self.say(manner, |speech| Ok(speech.label("channel", channel.as_str())))
    }
}

/// Where a manner's speech is.
fn index(manner: Manner) -> usize {
    match manner {
        Manner::Tu => 0,
        Manner::Vous => 1,
        Manner::English => 2,
    }
}

/// The name of a type's templates.
fn type_key(alert_type: AlertType) -> &'static str {
    match alert_type {
        AlertType::HotLead24h => "hot_lead",
        AlertType::AwaitingReply24h => "awaiting_reply",
        AlertType::NoContact7d => "no_contact",
        AlertType::StaleLead30d => "stale_lead",
        AlertType::NoFollowup7d => "no_followup",
        AlertType::NoReply3d => "no_reply",
        AlertType::PreferredChannel => "preferred_channel",
    }
}
