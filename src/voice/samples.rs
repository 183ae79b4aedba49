//! Invented alerts on which a user's own wordings are tried at start: what breaks on them would have broken in
//! front of a rep.

use super::speech::Speech;
use super::templates::Fault;
use super::{AlertContext, Content, Done, Manner, Notice, Toast, html};
use crate::domain::alert::{ChannelRate, Cited, Resolution, Via};
use crate::domain::deed::{CallOutcome, DeedKind, Refusal};
use crate::domain::effect::{Occasion, Stillness};
use crate::domain::insight::{LeadInsight, Touch};
use crate::domain::{
    ActivityId, Alert, AlertId, AlertState, AlertType, Anchor, Channel, CloseReason, DAY, Direction, Evidence, HOUR,
    Lead, LeadId, Timestamp, User, UserId,
};

const NOW: Timestamp = Timestamp(1_773_324_000);

/// Renders every wording in every situation; the first one that breaks, or that Telegram would refuse.
pub fn try_out(speech: &Speech) -> Result<(), Fault> {
    let (named, nameless, luc) = (lead("Sophie", "<b>&\""), lead("", ""), user());
    for alert in AlertType::ALL.into_iter().flat_map(alerts) {
        for lead in [&named, &nameless] {
            let situations = [
                (Content::Full, Occasion::Opened),
                (Content::Minimal, Occasion::NewOwner),
                (Content::Initials, Occasion::SnoozeOver),
            ];
            for (content, occasion) in situations {
                let owner = (content == Content::Full).then_some(&luc);
                try_alert(speech, &context(speech.manner(), &alert, lead, owner, content, occasion))?;
            }
        }
    }
    try_the_rest(speech, &named, &nameless, &luc)
}

fn try_alert(speech: &Speech, context: &AlertContext<'_>) -> Result<(), Fault> {
    speech.record(context)?;
    speech.evidence_in_full(context)?;
    for channel in Channel::ALL {
        speech.draft(context, channel)?;
    }
    accepted("draft.html.j2", &speech.draft_html(context, None)?)?;
    let touch = Touch { at: NOW.plus(-DAY), channel: Channel::Email };
    let known =
        LeadInsight { last_in: Some(touch), last_out: Some(touch), next_step: Some(touch), ..LeadInsight::default() };
    for insight in [known, LeadInsight::default()] {
        accepted("why.html.j2", &speech.why_html(context, &insight)?)?;
    }
    for kind in deeds() {
        let done = Done { kind, by: "Luc <b>".to_owned(), at: NOW };
        let alert = Alert { state: states()[2].clone(), ..context.alert.clone() };
        let context = AlertContext { alert: &alert, done: Some(&done), ..*context };
        accepted("closed.html.j2", &speech.alert_html(&context, None)?)?;
    }
    for state in states() {
        let alert = Alert { state, ..context.alert.clone() };
        let name = match alert.state {
            AlertState::Open => "alert.html.j2",
            AlertState::Snoozed { .. } => "snoozed.html.j2",
            AlertState::Closed { .. } | AlertState::Resolved(_) => "closed.html.j2",
        };
        let context = AlertContext { alert: &alert, ..*context };
        accepted(name, &speech.alert_html(&context, Some("http://localhost/"))?)?;
    }
    accepted("closed.html.j2", &speech.moved_html(context, None)?)?;
    accepted("closed.html.j2", &speech.moved_html(context, context.owner)?)?;
    accepted("digest.html.j2", &speech.digest_html(context.owner, &[*context; 40])?)
}

fn try_the_rest(speech: &Speech, named: &Lead, nameless: &Lead, luc: &User) -> Result<(), Fault> {
    let notices = [
        ("welcome", Notice::Welcome(luc)),
        ("not_linked", Notice::NotLinked),
        ("link_expired", Notice::LinkExpired),
        ("link_later", Notice::LinkLater),
        ("unlinked", Notice::Unlinked),
        ("help", Notice::Help),
        ("unknown", Notice::Unknown),
        ("all_clear", Notice::AllClear),
        ("link_preview", Notice::LinkPreview { user: luc, instead: None }),
        ("link_preview", Notice::LinkPreview { user: luc, instead: Some(luc) }),
        ("link_declined", Notice::LinkDeclined),
        ("sync_resumed", Notice::SyncResumed { lasted: 3 * DAY }),
    ];
    let stopped =
        Stillness::ALL.map(|why| Notice::SyncStopped { since: NOW.plus(-DAY), why, now: NOW, zone: chrono_tz::UTC });
    let notices = notices.into_iter().chain(stopped.map(|notice| ("sync_stopped", notice)));
    let refused = deeds().into_iter().flat_map(|kind| Refusal::ALL.map(|why| (kind.clone(), why)));
    for ((kind, why), lead) in refused.flat_map(|refused| [(refused.clone(), named), (refused, nameless)]) {
        let notice = Notice::DeedRefused { kind: &kind, lead, why };
        accepted("notices/deed_refused.html.j2", &speech.notice_html(notice)?)?;
    }
    for lead in [named, nameless] {
        speech.call_name(lead)?;
    }
    for (name, notice) in notices {
        accepted(&format!("notices/{name}.html.j2"), &speech.notice_html(notice)?)?;
    }
    let toasts = [
        Toast::Resolved,
        Toast::Snoozed { until: NOW.plus(DAY), now: NOW, zone: chrono_tz::UTC },
        Toast::Sent(named),
        Toast::Sent(nameless),
        Toast::AlreadyHandled("Luc"),
        Toast::AlreadyHandled(""),
        Toast::AlreadyClosed,
        Toast::DraftComing,
        Toast::Stale,
        Toast::NotYours,
        Toast::NotAllowed,
        Toast::CannotAsk,
        Toast::TryAgain,
        Toast::CallPlanned { at: NOW.plus(DAY), now: NOW, zone: chrono_tz::UTC },
        Toast::CallNoted(CallOutcome::Reached),
        Toast::CallNoted(CallOutcome::NoAnswer),
        Toast::CallNoted(CallOutcome::LeftMessage),
        Toast::CallNoted(CallOutcome::NotInterested),
        Toast::NoCalls,
        Toast::NotRelevant,
        Toast::Archived(10),
        Toast::Unarchived,
        Toast::UndoOver,
    ];
    for toast in toasts {
        speech.toast(toast)?;
    }
    Ok(())
}

/// One deed of each kind.
fn deeds() -> Vec<DeedKind> {
    let luc = user().id;
    vec![
        DeedKind::PlanCall { at: NOW.plus(DAY) },
        DeedKind::LogCall { outcome: CallOutcome::Reached },
        DeedKind::SetStatus { to: "Dead".to_owned(), before: "New".to_owned() },
        DeedKind::Assign { to: luc, before: None },
    ]
}

fn accepted(name: &str, message: &str) -> Result<(), Fault> {
    if message.is_empty() {
        return Err(Fault::new(name, "it says nothing, and Telegram refuses empty messages".to_owned()));
    }
    html::fault(message).map_or(Ok(()), |fault| Err(Fault::new(name, format!("Telegram would refuse it: {fault}"))))
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
        id: LeadId::from("sample"),
        name: name.to_owned(),
        first_name: first_name.to_owned(),
        account_name: String::new(),
        status: "New".to_owned(),
        created_at: NOW.plus(-40 * DAY),
        deleted: false,
        closed_at: None,
        do_not_contact: false,
        do_not_call: false,
        email_opted_out: false,
        phone_opted_out: false,
        owner: None,
        teams: Vec::new(),
        phone: Some("+33612345678".to_owned()),
        email: Some("sophie@example.com".to_owned()),
        emails: Vec::new(),
        source: String::new(),
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
