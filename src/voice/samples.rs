//! Invented alerts on which every wording is tried: what breaks on them would have broken in front of a rep. A user's
//! own wordings are tried at start; `max voice` shows what is said.

mod screens;

use std::sync::LazyLock;

use super::html::{self, MESSAGE_UNITS};
use super::speech::{REASON, STEP, Speech, file_of_type};
use super::templates::{Fault, LABELS};
use super::{
    AlertContext, Content, DayBegins, DayEnds, Done, DraftShown, Manner, Notice, Route, Toast, WeekBegins, Wording,
};
use crate::domain::alert::{ChannelRate, Cited, Resolution, Via};
use crate::domain::deed::{CallOutcome, DeedKind, Mail, Refusal};
use crate::domain::draft::{Prepared, Stage, Tone};
use crate::domain::effect::{Occasion, Stillness};
use crate::domain::insight::{BestTime, LeadInsight, Touch};
use crate::domain::unsubscribed::UnsubscribedStage;
use crate::domain::{
    ActivityId, Alert, AlertId, AlertState, AlertType, Anchor, Channel, ChatId, CloseReason, DAY, Direction, Evidence,
    HOUR, Lead, LeadId, MINUTE, Timestamp, User, UserId,
};
use crate::insight::exchange::{Exchange, Topic};
use crate::insight::kpi::{Gathered, Hot, Report, Sample, Tried, Windows};
use crate::insight::strategy::{LastWord, Reason, Step, Strategy};

const NOW: Timestamp = Timestamp(1_773_324_000);
/// How long the record's name in the CRM may be, in characters.
pub const RECORD_CHARS: usize = 255;
/// How long the answer to a tap may be, in characters.
pub const TOAST_CHARS: usize = 200;

/// The sample with nothing special.
const PLAIN: &str = "Sophie";

/// One wording with sample data in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The file below its manner's folder; of a short text also its section and key.
    pub file: String,
    /// Which of its wordings, from 1.
    pub number: usize,
    /// What is special about the data; may be empty.
    pub sample: &'static str,
    /// As a reader sees it.
    pub text: String,
}

/// Renders every wording in every situation and shows each to `see`; the first one that breaks, is empty or too long,
/// or that Telegram would refuse.
pub fn each(speech: &Speech, see: impl FnMut(Said)) -> Result<(), Fault> {
    let mut trial = Trial { speech, see, sample: "", wording: Wording::default() };
    let luc = user();
    for (number, (sample, lead)) in leads().into_iter().enumerate() {
        trial.sample = sample;
        let situations = [
            (Content::Full, Occasion::Opened),
            (Content::Minimal, Occasion::NewOwner),
            (Content::Initials, Occasion::SnoozeOver),
            (Content::Full, Occasion::Reminder),
            (Content::Full, Occasion::Escalated),
            (Content::Full, Occasion::StandingIn),
        ];
        // What is special about most names shows where most is said.
        let situations = &situations[..if number < 2 { 6 } else { 1 }];
        for alert in AlertType::ALL.into_iter().flat_map(alerts) {
            for (content, occasion) in situations {
                let owner = (*content == Content::Full).then_some(&luc);
                trial.alert(&context(speech.manner(), &alert, &lead, owner, *content, *occasion))?;
            }
        }
        trial.lead(&lead)?;
        trial.screens(&lead, &luc)?;
    }
    trial.sample = "";
    trial.rest(&luc)?;
    for (section, key, number, text) in speech.wordings().labels() {
        let said =
            Said { file: format!("{LABELS} {section}.{key}"), number: number + 1, sample: "", text: text.to_owned() };
        (trial.see)(said);
    }
    Ok(())
}

struct Trial<'a, See> {
    speech: &'a Speech,
    see: See,
    sample: &'static str,
    wording: Wording,
}

impl<See: FnMut(Said)> Trial<'_, See> {
    fn alert(&mut self, context: &AlertContext<'_>) -> Result<(), Fault> {
        for number in 0..self.speech.wordings().most() {
            self.wording = Wording(u32::try_from(number).unwrap_or_default());
            let context = AlertContext { wording: self.wording, ..*context };
            self.texts(&context)?;
            if number == 0 || self.is_plain() {
                self.messages(&context)?;
            }
            let alert_type = context.alert.alert_type;
            if number == 0 && context.content == Content::Full && alert_type == AlertType::NoReply3d {
                self.strategies(&context)?;
            }
        }
        self.wording = Wording::default();
        // Leads are always written to in full, and their messages are shown alike whatever the alert.
        if context.content == Content::Full && context.occasion == Occasion::Opened {
            if self.is_plain() || context.alert.alert_type == AlertType::NoReply3d {
                self.drafts(context)?;
            }
            if context.alert.alert_type == AlertType::NoReply3d {
                self.prepared(context)?;
            }
        }
        let digest = self.speech.digest_html(context.owner, &[*context; 12], 0..8)?;
        self.html("digest.html.j2", &digest)?;
        self.day(context)
    }

    /// How a day begins and ends.
    fn day(&mut self, context: &AlertContext<'_>) -> Result<(), Fault> {
        let (reader, content, zone) = (context.owner, context.content, chrono_tz::UTC);
        let (two, planned) = ([*context; 2], [(NOW, context.lead.clone())]);
        for (alerts, planned) in [(&two[..], &planned[..0]), (&two[..1], &planned[..]), (&two[..0], &planned[..])] {
            let begins = DayBegins { reader, alerts, planned, zone, content };
            self.html("briefing.html.j2", &self.speech.briefing_html(&begins)?)?;
        }
        for (day, named) in [(0, &two[..]), (1, &two[..0]), (2, &two[..1])] {
            let (handled, answered, left) = (named.len() + 1, named.len(), named.len() * 2);
            let ends = DayEnds { reader, handled, answered, open: handled - 1, left, named, day };
            self.html("summary.html.j2", &self.speech.summary_html(&ends)?)?;
        }
        for (week, report) in (0..).zip(reports()) {
            self.html("kpi.html.j2", &self.speech.kpi_html(report)?)?;
            let begins = WeekBegins { reader, report, week };
            self.html("weekly.html.j2", &self.speech.weekly_html(&begins)?)?;
        }
        Ok(())
    }

    /// Whether the lead has nothing special: then everything is tried, with another only where names show.
    fn is_plain(&self) -> bool {
        self.sample == PLAIN
    }

    /// What is said about an alert, piece by piece.
    fn texts(&mut self, context: &AlertContext<'_>) -> Result<(), Fault> {
        let speech = self.speech;
        let headline = match context.content {
            Content::Full | Content::Minimal => file_of_type("headlines", context),
            Content::Initials => "headlines/group.txt.j2".to_owned(),
        };
        self.piece(&headline, MESSAGE_UNITS, || speech.headline(context))?;
        self.piece(&file_of_type("reasons", context), MESSAGE_UNITS, || speech.reason(context))?;
        self.piece(&file_of_type("evidence", context), MESSAGE_UNITS, || speech.evidence_in_full(context))?;
        self.piece(&file_of_type("records", context), RECORD_CHARS, || speech.record(context))?;
        Ok(())
    }

    /// One text, when its file has such a wording: after the last one the first comes again.
    fn piece(
        &mut self,
        file: &str,
        most: usize,
        say: impl Fn() -> Result<String, minijinja::Error>,
    ) -> Result<(), Fault> {
        if self.speech.wordings().count(file) > self.wording.0 as usize {
            self.text(file, say()?, most)
        } else {
            Ok(())
        }
    }

    fn strategies(&mut self, context: &AlertContext<'_>) -> Result<(), Fault> {
        for strategy in strategies() {
            let (reason, steps) = self.speech.strategy(context, &strategy)?;
            self.text(REASON, reason, MESSAGE_UNITS)?;
            for step in steps {
                self.text(STEP, step, MESSAGE_UNITS)?;
            }
            let first = strategy.steps.iter().take(2).copied().collect();
            let strategy = Strategy { reason: strategy.reason, steps: first };
            let context = AlertContext { strategy: Some(&strategy), ..*context };
            self.html("alert.html.j2", &self.speech.alert_html(&context, None)?)?;
        }
        Ok(())
    }

    fn messages(&mut self, context: &AlertContext<'_>) -> Result<(), Fault> {
        let speech = self.speech;
        let touch = Some(Touch { at: NOW.plus(-DAY), channel: Channel::Email });
        let known = LeadInsight { last_in: touch, last_out: touch, next_step: touch, ..LeadInsight::default() };
        for insight in [known, LeadInsight::default()] {
            self.html("why.html.j2", &speech.behind_html(context, &insight)?)?;
        }
        let all = if context.occasion == Occasion::Opened { states() } else { vec![AlertState::Open] };
        for state in all {
            let alert = Alert { state, ..context.alert.clone() };
            let name = match alert.state {
                AlertState::Open => "alert.html.j2",
                AlertState::Snoozed { .. } => "snoozed.html.j2",
                AlertState::Closed { .. } | AlertState::Resolved(_) => "closed.html.j2",
            };
            let context = AlertContext { alert: &alert, ..*context };
            self.html(name, &speech.alert_html(&context, Some("http://localhost/"))?)?;
        }
        for kind in deeds() {
            let done = Done { kind, by: "Luc <b>".to_owned(), user: None, at: NOW };
            let alert = Alert { state: states()[2].clone(), ..context.alert.clone() };
            let context = AlertContext { alert: &alert, done: Some(&done), ..*context };
            self.html("closed.html.j2", &speech.alert_html(&context, None)?)?;
        }
        self.html("closed.html.j2", &speech.later_html(context)?)?;
        self.html("closed.html.j2", &speech.moved_html(context, None)?)?;
        self.html("closed.html.j2", &speech.moved_html(context, context.owner)?)
    }

    /// What is written to leads: every wording, whatever was asked for.
    fn drafts(&mut self, context: &AlertContext<'_>) -> Result<(), Fault> {
        let file = file_of_type("drafts", context);
        let manner = self.speech.manner();
        for topic in std::iter::once(None).chain(Topic::ALL.map(Some)) {
            let context = AlertContext { exchange: Exchange { manner, topic, last: None }, ..*context };
            for (channel, tone) in Channel::ALL.into_iter().flat_map(|channel| Tone::ALL.map(|tone| (channel, tone))) {
                for (number, text) in self.speech.drafts(&context, channel, tone)?.into_iter().enumerate() {
                    self.wording = Wording(u32::try_from(number).unwrap_or_default());
                    self.text(&file, text, MESSAGE_UNITS)?;
                }
            }
        }
        self.wording = Wording::default();
        Ok(())
    }

    /// A prepared message in the chat, at every stage.
    fn prepared(&mut self, context: &AlertContext<'_>) -> Result<(), Fault> {
        let speech = self.speech;
        for shown in [DraftShown::Refused, DraftShown::NoChannel] {
            self.html("draft.html.j2", &speech.draft_html(context, shown)?)?;
        }
        for (stage, is_own) in stages().into_iter().flat_map(|stage| [(stage.clone(), true), (stage, false)]) {
            for (channel, over) in Channel::ALL.into_iter().flat_map(|channel| [(channel, true), (channel, false)]) {
                let prepared = prepared(context, channel, stage.clone(), is_own);
                let route = Route { from: "hello@example.com", reply_to: "luc@example.com" };
                let shown = DraftShown::Prepared { prepared: &prepared, route, over };
                self.html("draft.html.j2", &speech.draft_html(context, shown)?)?;
            }
        }
        Ok(())
    }

    fn rest(&mut self, luc: &User) -> Result<(), Fault> {
        let mut notices = vec![
            ("welcome", Notice::Welcome(luc)),
            ("not_linked", Notice::NotLinked),
            ("link_expired", Notice::LinkExpired),
            ("link_later", Notice::LinkLater),
            ("unlinked", Notice::Unlinked),
            ("help", Notice::Help),
            ("unknown", Notice::Unknown),
            ("draft_too_long", Notice::DraftTooLong),
            ("all_clear", Notice::AllClear),
            ("link_preview", Notice::LinkPreview { user: luc, instead: None }),
            ("link_preview", Notice::LinkPreview { user: luc, instead: Some(luc) }),
            ("link_declined", Notice::LinkDeclined),
            ("sync_resumed", Notice::SyncResumed { lasted: 3 * DAY }),
        ];
        let (since, zone) = (NOW.plus(-DAY), chrono_tz::UTC);
        let stopped = Stillness::ALL.map(|why| Notice::SyncStopped { since, why, now: NOW, zone });
        notices.extend(stopped.map(|notice| ("sync_stopped", notice)));
        self.notices(&notices)?;
        self.toasts(&[
            Toast::Resolved,
            Toast::Snoozed { until: NOW.plus(DAY), now: NOW, zone: chrono_tz::UTC },
            Toast::AlreadyHandled("Luc"),
            Toast::AlreadyHandled(""),
            Toast::AlreadyClosed,
            Toast::DraftComing,
            Toast::DraftText,
            Toast::Stale,
            Toast::NotYours,
            Toast::NotAllowed,
            Toast::CannotAsk,
            Toast::TryAgain,
            Toast::Taken,
            Toast::TakenBy("Luc"),
            Toast::TakenBy(""),
            Toast::HandedTo("Luc"),
            Toast::NoColleague,
            Toast::Checking,
            Toast::CallPlanned { at: NOW.plus(DAY), now: NOW, zone: chrono_tz::UTC, taken: false },
            Toast::CallPlanned { at: NOW.plus(DAY), now: NOW, zone: chrono_tz::UTC, taken: true },
            Toast::NoCalls,
            Toast::NotRelevant,
            Toast::Archived(10),
            Toast::Unarchived,
            Toast::UndoOver,
        ])?;
        self.toasts(&CallOutcome::ALL.map(Toast::CallNoted))
    }

    /// What is said about a lead, whatever its alert.
    fn lead(&mut self, lead: &Lead) -> Result<(), Fault> {
        self.text("call.txt.j2", self.speech.call_name(lead)?, RECORD_CHARS)?;
        for kind in deeds() {
            let refused = Refusal::ALL.map(|why| ("deed_refused", Notice::DeedRefused { kind: &kind, lead, why }));
            self.notices(&refused)?;
        }
        for stage in STAGES {
            let lead = Some(lead);
            let told = Notice::Unsubscribed { lead, text: "STOP <b>merci</b>", stage };
            let hidden = Notice::Unsubscribed { lead: None, text: "", stage };
            self.notices(&[("unsubscribed", told), ("unsubscribed", hidden)])?;
        }
        self.toasts(&[Channel::Whatsapp, Channel::Email].map(|channel| Toast::Sent(lead, channel)))
    }

    /// Notices, each with its name.
    fn notices(&mut self, notices: &[(&str, Notice<'_>)]) -> Result<(), Fault> {
        for (name, notice) in notices {
            let file = format!("notices/{name}.html.j2");
            self.wordings_of(&file, |trial| {
                let html = trial.speech.notice_html(*notice, Some(trial.wording))?;
                trial.html(&file, &html)
            })?;
        }
        Ok(())
    }

    fn toasts(&mut self, toasts: &[Toast<'_>]) -> Result<(), Fault> {
        for toast in toasts {
            let file = self.speech.toast_file(*toast);
            self.wordings_of(&file, |trial| {
                let text = trial.speech.toast(*toast, Some(trial.wording))?;
                trial.text(&file, text, TOAST_CHARS)
            })?;
        }
        Ok(())
    }

    fn wordings_of(&mut self, file: &str, say: impl Fn(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        for number in 0..self.speech.wordings().count(file) {
            self.wording = Wording(u32::try_from(number).unwrap_or_default());
            say(self)?;
        }
        Ok(())
    }

    fn html(&mut self, file: &str, message: &str) -> Result<(), Fault> {
        if let Some(fault) = html::fault(message) {
            return Err(self.fault(file, format!("Telegram would refuse it: {fault}")));
        }
        self.text(file, html::plain(message), MESSAGE_UNITS)
    }

    fn text(&mut self, file: &str, text: String, most: usize) -> Result<(), Fault> {
        if text.trim().is_empty() {
            return Err(self.fault(file, "it says nothing, and Telegram refuses empty messages".to_owned()));
        }
        let units = text.encode_utf16().count();
        if units > most {
            return Err(self.fault(file, format!("it is {units} characters long, and {most} fit")));
        }
        let number = self.speech.wordings().number(file, self.wording) + 1;
        (self.see)(Said { file: file.to_owned(), number, sample: self.sample, text });
        Ok(())
    }

    fn fault(&self, file: &str, detail: String) -> Fault {
        self.speech.wordings().fault(file, self.wording, detail)
    }
}

fn stages() -> Vec<Stage> {
    vec![
        Stage::Ready,
        Stage::AwaitingText(NOW),
        Stage::Confirming,
        Stage::OnItsWay,
        Stage::Noted(NOW),
        Stage::Sent(NOW),
        Stage::Failed,
        Stage::Unclear,
    ]
}

fn prepared(context: &AlertContext<'_>, channel: Channel, stage: Stage, is_own: bool) -> Prepared {
    Prepared {
        chat: ChatId(1),
        message_id: 1,
        alert: context.alert.id.clone(),
        lead: context.lead.id.clone(),
        user: UserId::from("sample"),
        channel,
        tone: Tone::Warm,
        wording: 0,
        subject: (channel == Channel::Email).then(|| "<b>&\"".to_owned()),
        text: "<b>&\" ?".to_owned(),
        is_own,
        stage,
        at: NOW,
        attempts: 0,
        shown: 0,
    }
}

/// Leads by what is special about their names.
fn leads() -> [(&'static str, Lead); 6] {
    [
        (PLAIN, lead("Sophie", "Sophie Martin")),
        ("without a name", lead("", "")),
        ("<b> in the name", lead("<b>&\"", "<b>&\"")),
        ("emojis", lead("🙂👩\u{200D}🚀", "🙂👩\u{200D}🚀")),
        ("4,000 characters", lead(&"M".repeat(4_000), &"M".repeat(4_000))),
        ("right to left", lead("שרה", "שרה לוי")),
    ]
}

/// A strategy for each reason, and all steps.
fn strategies() -> Vec<Strategy> {
    let rate = |channel, answered| ChannelRate { channel, answered, attempts: 5 };
    let (best, second) = (rate(Channel::Whatsapp, 4), Some(rate(Channel::Email, 1)));
    let monday = BestTime { weekday: Some(1), from: 10, to: 11, answers: 4, of: 5 };
    let any_day = BestTime { weekday: None, ..monday };
    let word = |topic: Option<Topic>| LastWord {
        at: NOW.plus(-9 * DAY),
        channel: Channel::Whatsapp,
        intent: topic.is_some(),
        topic,
    };
    let said = |intent| Some(LastWord { intent, ..word(None) });
    let planned = |channel| Step::ThenPlanned(Touch { at: NOW.plus(DAY), channel });
    let all = |step: fn(Channel) -> Step| [Channel::Whatsapp, Channel::Email, Channel::Call].map(step);
    let steps = [
        all(Step::Answer).to_vec(),
        all(|channel| Step::Remind(channel, None)).to_vec(),
        vec![Step::Remind(Channel::Whatsapp, said(true)), Step::Remind(Channel::Email, said(false))],
        all(Step::Switch).to_vec(),
        all(|channel| Step::Resume(channel, None)).to_vec(),
        vec![Step::Resume(Channel::Whatsapp, said(true)), Step::Resume(Channel::Email, said(false))],
        all(Step::LastTry).to_vec(),
        vec![Step::ThenCall(None), Step::ThenCall(Some(any_day)), Step::ThenCall(Some(monday))],
        all(Step::ThenWrite).to_vec(),
        vec![Step::ThenArchive, planned(Channel::Call), planned(Channel::Manual)],
    ]
    .concat();
    let reasons = [
        Reason::Rates { best, second },
        Reason::Rates { best: rate(Channel::Email, 2), second: None },
        Reason::InVain { tries: 3, on: Some(Channel::Whatsapp) },
        Reason::InVain { tries: 4, on: None },
        Reason::Hours(any_day),
        Reason::Hours(monday),
        Reason::Said(word(None)),
    ];
    let asked = Topic::ALL.map(|topic| Reason::Said(word(Some(topic))));
    reasons.into_iter().chain(asked).map(|reason| Strategy { reason, steps: steps.clone() }).collect()
}

/// One deed of each kind.
const STAGES: [UnsubscribedStage; 4] =
    [UnsubscribedStage::Counts, UnsubscribedStage::Noted, UnsubscribedStage::Lifted, UnsubscribedStage::NotSo];

fn deeds() -> Vec<DeedKind> {
    let luc = user().id;
    vec![
        DeedKind::PlanCall { at: NOW.plus(DAY) },
        DeedKind::LogCall { outcome: CallOutcome::Reached },
        DeedKind::SetStatus { to: "Dead".to_owned(), before: "New".to_owned() },
        DeedKind::Assign { to: luc, before: None },
        DeedKind::SendMail(Mail {
            to: "sophie@example.com".to_owned(),
            from: "hello@example.com".to_owned(),
            reply_to: "luc@example.com".to_owned(),
            subject: "Hello".to_owned(),
            text: "Hello".to_owned(),
            answers: None,
            chat: ChatId(1),
            message_id: 1,
            attempt: 0,
        }),
        DeedKind::OptOut,
    ]
}

fn context<'a>(
    manner: Manner,
    alert: &'a Alert,
    lead: &'a Lead,
    owner: Option<&'a User>,
    content: Content,
    occasion: Occasion,
) -> AlertContext<'a> {
    AlertContext {
        manner,
        alert,
        lead,
        owner,
        preferred: None,
        now: NOW,
        zone: chrono_tz::UTC,
        crm_link: None,
        default_country: None,
        content,
        occasion,
        done: None,
        reader: None,
        can_archive: true,
        wording: Wording::default(),
        strategy: None,
        exchange: Exchange { manner, ..Exchange::default() },
    }
}

fn states() -> Vec<AlertState> {
    let resolution = |by: &str, via: Via| Resolution {
        at: NOW,
        by: by.to_owned(),
        user: None,
        via,
        note: by.to_owned(),
        act: AlertId::from("a0"),
    };
    let mut states = vec![AlertState::Open, AlertState::Snoozed { until: NOW.plus(DAY) }];
    states.extend(CloseReason::ALL.map(|reason| AlertState::Closed { at: NOW, reason }));
    states.extend([Via::Telegram, Via::Crm, Via::Api].map(|via| AlertState::Resolved(resolution("Luc", via))));
    states.push(AlertState::Resolved(resolution("", Via::Crm)));
    states
}

fn alerts(alert_type: AlertType) -> Vec<Alert> {
    let since = NOW.plus(-33 * DAY - HOUR);
    let cited = |channel: Channel, direction: Direction, preview: &str| Cited {
        activity_id: ActivityId::from("sample"),
        channel,
        direction,
        at: since,
        preview: preview.to_owned(),
    };
    let wrote = cited(Channel::Whatsapp, Direction::In, "<b>&\" ?");
    let called = cited(Channel::Call, Direction::In, "");
    let met = cited(Channel::Manual, Direction::Out, "");
    let rate = |channel, answered| ChannelRate { channel, answered, attempts: 5 };
    let evidences = match alert_type {
        AlertType::HotLead24h => {
            vec![Evidence::HotLead { inbound: wrote, waiting: 2 }, Evidence::HotLead { inbound: called, waiting: 1 }]
        }
        AlertType::AwaitingReply24h => vec![
            Evidence::AwaitingReply { first: wrote.clone(), last: wrote, waiting: 2 },
            Evidence::AwaitingReply { first: called.clone(), last: called, waiting: 1 },
        ],
        AlertType::NoContact7d => vec![
            Evidence::NoContact { created_at: since, last_inbound: None },
            Evidence::NoContact { created_at: since, last_inbound: Some(wrote) },
        ],
        AlertType::StaleLead30d => {
            vec![Evidence::Stale { last: None, since }, Evidence::Stale { last: Some(met), since }]
        }
        AlertType::NoFollowup7d => vec![Evidence::NoFollowup { last: wrote }, Evidence::NoFollowup { last: met }],
        AlertType::NoReply3d => vec![
            Evidence::NoReply { last_out: cited(Channel::Email, Direction::Out, "Bonjour") },
            Evidence::NoReply { last_out: cited(Channel::Call, Direction::Out, "") },
        ],
        AlertType::PreferredChannel => [4, 2]
            .map(|answered| Evidence::PreferredChannel {
                best: rate(Channel::Whatsapp, answered),
                second: rate(Channel::Email, 0),
            })
            .into(),
    };
    evidences.into_iter().map(|evidence| alert(alert_type, since, evidence)).collect()
}

fn alert(alert_type: AlertType, since: Timestamp, evidence: Evidence) -> Alert {
    Alert {
        id: AlertId::from("a0"),
        lead_id: LeadId::from("sample"),
        alert_type,
        anchor: match alert_type {
            AlertType::PreferredChannel => Anchor::Channel(Channel::Whatsapp),
            AlertType::HotLead24h
            | AlertType::AwaitingReply24h
            | AlertType::NoContact7d
            | AlertType::StaleLead30d
            | AlertType::NoFollowup7d
            | AlertType::NoReply3d => Anchor::At(since),
        },
        state: AlertState::Open,
        opened_at: Some(NOW),
        openings: 1,
        due_at: None,
        evidence,
        owner: None,
        teams: Vec::new(),
    }
}

fn lead(first_name: &str, name: &str) -> Lead {
    Lead {
        name: name.to_owned(),
        first_name: first_name.to_owned(),
        phone: Some("+33612345678".to_owned()),
        email: Some("sophie@example.com".to_owned()),
        ..Lead::new(LeadId::from("sample"), "New", NOW.plus(-40 * DAY))
    }
}

fn user() -> User {
    User {
        id: UserId::from("sample"),
        user_name: "luc".to_owned(),
        name: "Luc Martin".to_owned(),
        first_name: "Luc".to_owned(),
        active: true,
        kind: "regular".to_owned(),
        emails: Vec::new(),
    }
}

/// Figures that are better, worse, and too few to tell.
fn reports() -> &'static [Report; 3] {
    // Working them out takes a moment, and samples are shown many times.
    static REPORTS: LazyLock<[Report; 3]> = LazyLock::new(work_out_reports);
    &REPORTS
}

fn work_out_reports() -> [Report; 3] {
    let of = |leads: u32, better: bool| {
        let mut gathered = Gathered::default();
        for lead in 0..leads {
            let side = |good: bool| {
                let waited = if good { HOUR } else { 20 * HOUR } + i64::from(lead % 7) * MINUTE;
                let hot = vec![Hot { working: waited, elapsed: waited, answered: true }];
                let preferred = lead % 2 == 0;
                let tried = Some(Tried { preferred, won: preferred == better });
                Sample { follow_ups: (u32::from(good), 1), hot, tried, forgotten: Some(!good) }
            };
            gathered.add(&[side(!better), side(better)]);
        }
        gathered.conclude(Windows::of(NOW.plus(-60 * DAY), NOW))
    };
    [of(60, true), of(60, false), of(4, true)]
}
