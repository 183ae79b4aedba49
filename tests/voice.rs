//! What M.A.X. says, in every language and situation, and that nothing a lead is called can break it.

use std::fmt::Write as _;
use std::path::Path;

use max::domain::alert::{ChannelRate, Cited, Resolution, Via};
use max::domain::button::Button;
use max::domain::calendar::Calendar;
use max::domain::deed::Refusal;
use max::domain::effect::{Occasion, Stillness};
use max::domain::insight::{LeadInsight, Touch};
use max::domain::{
    ActivityId, Alert, AlertId, AlertState, AlertType, Anchor, CallOutcome, Channel, CloseReason, DAY, DeedKind,
    Direction, Evidence, HOUR, Lead, LeadId, MINUTE, Severity, Timestamp, User, UserId, Wording,
};
use max::insight::advice::{self, CtaAction, Suggestion};
use max::insight::exchange::Exchange;
use max::insight::kpi::{Gathered, Hot, Sample, Tried, Windows};
use max::rules::Settings;
use max::telegram::menus::{self, Menu};
use max::telegram::render::{self, KeyKind, Rendered};
use max::telegram::times;
use max::voice::{
    AlertContext, ButtonLabel, Content, DayBegins, DayEnds, Done, Lang, MESSAGE_UNITS, Manner, Notice, Toast, Voice,
    WeekBegins, fault, plain, visible_units,
};

const CRM: &str = "https://crm.example.com/#Lead/view/691b2816e43817b92";

/// Thursday 12 March 2026, 15:00 in Paris.
pub(crate) fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-03-12T15:00:00+01:00").unwrap()
}

pub fn voice() -> Voice {
    Voice::new(None).unwrap()
}

pub fn sophie() -> Lead {
    Lead {
        name: "Sophie Martin".to_owned(),
        first_name: "Sophie".to_owned(),
        account_name: "TechCorp SAS".to_owned(),
        owner: Some(UserId::from("u1")),
        phone: Some("06 12 34 56 78".to_owned()),
        email: Some("sophie@techcorp.example".to_owned()),
        emails: vec!["sophie@techcorp.example".to_owned()],
        source: "Web Site".to_owned(),
        ..Lead::new(LeadId::from("691b2816e43817b92"), "In Process", now().plus(-40 * DAY))
    }
}

pub fn nameless() -> Lead {
    Lead { name: String::new(), first_name: " ".to_owned(), account_name: String::new(), ..sophie() }
}

fn called(first_name: &str, name: &str) -> Lead {
    Lead { name: name.to_owned(), first_name: first_name.to_owned(), ..sophie() }
}

pub fn user(first_name: &str) -> User {
    User {
        id: UserId::from("u1"),
        user_name: first_name.to_lowercase(),
        name: format!("{first_name} Durand"),
        first_name: first_name.to_owned(),
        active: true,
        kind: "regular".to_owned(),
        emails: Vec::new(),
    }
}

fn cited(channel: Channel, direction: Direction, ago: i64, preview: &str) -> Cited {
    Cited {
        activity_id: ActivityId::from("Email:1"),
        channel,
        direction,
        at: now().plus(-ago),
        preview: preview.to_owned(),
    }
}

fn alert(alert_type: AlertType, ago: i64, evidence: Evidence) -> Alert {
    let anchor = match &evidence {
        Evidence::PreferredChannel { best, .. } => Anchor::Channel(best.channel),
        _ => Anchor::At(now().plus(-ago)),
    };
    Alert {
        id: AlertId::from("a0123456789abcdef"),
        lead_id: LeadId::from("691b2816e43817b92"),
        alert_type,
        anchor,
        state: AlertState::Open,
        opened_at: Some(now()),
        openings: 1,
        due_at: None,
        evidence,
        owner: Some(UserId::from("u1")),
        teams: Vec::new(),
    }
}

pub fn sample(alert_type: AlertType) -> Alert {
    let price = "Bonjour, votre offre nous intéresse. Pouvez-vous m'envoyer un devis pour 12 postes ?";
    match alert_type {
        AlertType::HotLead24h => {
            let inbound = cited(Channel::Whatsapp, Direction::In, 20 * MINUTE, price);
            alert(alert_type, 20 * MINUTE, Evidence::HotLead { inbound, waiting: 1 })
        }
        AlertType::AwaitingReply24h => {
            let first = cited(Channel::Email, Direction::In, 2 * DAY, "Où en est ma commande ?");
            let last = cited(Channel::Email, Direction::In, 20 * HOUR, "Avez-vous reçu mon message ?");
            alert(alert_type, 2 * DAY, Evidence::AwaitingReply { first, last, waiting: 2 })
        }
        AlertType::NoContact7d => {
            let created_at = now().plus(-8 * DAY);
            alert(alert_type, 8 * DAY, Evidence::NoContact { created_at, last_inbound: None })
        }
        AlertType::StaleLead30d => {
            let last = cited(Channel::Email, Direction::In, 32 * DAY, "Merci, je vous tiens au courant.");
            alert(alert_type, 32 * DAY, Evidence::Stale { last: Some(last), since: now().plus(-32 * DAY) })
        }
        AlertType::NoFollowup7d => {
            let last = cited(Channel::Call, Direction::In, 9 * DAY, "");
            alert(alert_type, 9 * DAY, Evidence::NoFollowup { last })
        }
        AlertType::NoReply3d => {
            let last_out =
                cited(Channel::Email, Direction::Out, 3 * DAY, "Bonjour Sophie, avez-vous reçu notre offre ?");
            alert(alert_type, 3 * DAY, Evidence::NoReply { last_out })
        }
        AlertType::PreferredChannel => preferred(17, 20),
    }
}

fn preferred(answered: u32, attempts: u32) -> Alert {
    let best = ChannelRate { channel: Channel::Whatsapp, answered, attempts };
    let second = ChannelRate { channel: Channel::Email, answered: 1, attempts: 5 };
    alert(AlertType::PreferredChannel, 0, Evidence::PreferredChannel { best, second })
}

pub fn context<'a>(manner: Manner, alert: &'a Alert, lead: &'a Lead, owner: &'a User) -> AlertContext<'a> {
    AlertContext {
        manner,
        alert,
        lead,
        owner: Some(owner),
        preferred: None,
        now: now(),
        zone: chrono_tz::Europe::Paris,
        crm_link: Some(CRM),
        default_country: Some("FR"),
        content: Content::Full,
        occasion: Occasion::Opened,
        wording: Wording::default(),
        strategy: None,
        exchange: Exchange { manner: Manner::of(manner.lang(), true), ..Exchange::default() },
        done: None,
        reader: None,
        can_archive: true,
    }
}

/// A message as a page to read: text, then rows of buttons.
pub(crate) fn page(rendered: &Rendered) -> String {
    assert_eq!(fault(&rendered.html), None, "{}", rendered.html);
    assert!(visible_units(&rendered.html) <= MESSAGE_UNITS);
    assert!(!plain(&rendered.html).trim().is_empty());
    let mut page = rendered.html.clone();
    for row in &rendered.keyboard {
        page.push('\n');
        for key in row {
            let target = match &key.kind {
                KeyKind::Callback(button) => button.to_data(),
                KeyKind::Url(url) => url.clone(),
                KeyKind::Ask(ask) => ask.to_data(),
                KeyKind::Copy(text) => format!("copy {} characters", text.chars().count()),
            };
            write!(page, "[{} -> {target}] ", key.text).unwrap();
        }
    }
    page.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

pub(crate) fn chapter(book: &mut String, title: &str, text: &str) {
    write!(book, "=== {title}\n{text}\n\n").unwrap();
}

/// French typography aside, as a person would type it.
pub fn typed(text: &str) -> String {
    text.replace(['\u{202F}', '\u{A0}'], " ")
}

#[test]
fn alerts_read_well() {
    let (voice, lead, luc) = (voice(), sophie(), user("Luc"));
    for manner in Manner::ALL {
        let mut book = String::new();
        for alert_type in AlertType::ALL {
            let alert = sample(alert_type);
            let full = context(manner, &alert, &lead, &luc);
            chapter(&mut book, alert_type.as_str(), &page(&render::alert(&voice, &full)));
            let minimal = AlertContext { content: Content::Minimal, ..full };
            let group = AlertContext { content: Content::Initials, ..full };
            chapter(&mut book, &format!("{}, in a group", alert_type.as_str()), &page(&render::alert(&voice, &group)));
            chapter(
                &mut book,
                &format!("{}, minimal content", alert_type.as_str()),
                &page(&render::alert(&voice, &minimal)),
            );
        }
        insta::assert_snapshot!(format!("alerts_{}", manner.as_str()), book);
    }
}

#[test]
fn alerts_read_well_in_rarer_situations() {
    let (voice, luc) = (voice(), user("Luc"));
    let missed = cited(Channel::Call, Direction::In, 26 * HOUR, "");
    let hot_call = cited(Channel::Call, Direction::In, 30, "Rappeler pour le devis");
    let created_at = now().plus(-8 * DAY);
    let alerts = [
        (
            "a missed call waits",
            alert(
                AlertType::AwaitingReply24h,
                26 * HOUR,
                Evidence::AwaitingReply { first: missed.clone(), last: missed.clone(), waiting: 1 },
            ),
        ),
        ("a hot call, just now", alert(AlertType::HotLead24h, 30, Evidence::HotLead { inbound: hot_call, waiting: 3 })),
        (
            "wrote, but was never contacted",
            alert(
                AlertType::NoContact7d,
                8 * DAY,
                Evidence::NoContact {
                    created_at,
                    last_inbound: Some(cited(Channel::Email, Direction::In, 7 * DAY, "Merci !")),
                },
            ),
        ),
        (
            "never anything at all",
            alert(AlertType::StaleLead30d, 31 * DAY, Evidence::Stale { last: None, since: now().plus(-31 * DAY) }),
        ),
        (
            "a meeting, long ago",
            alert(
                AlertType::NoFollowup7d,
                80 * DAY,
                Evidence::NoFollowup { last: cited(Channel::Manual, Direction::Out, 80 * DAY, "Visite du site") },
            ),
        ),
        (
            "nobody picked up",
            alert(
                AlertType::NoReply3d,
                4 * DAY,
                Evidence::NoReply { last_out: cited(Channel::Call, Direction::Out, 4 * DAY, "") },
            ),
        ),
        (
            "the last message was on WhatsApp already",
            alert(
                AlertType::NoReply3d,
                4 * DAY,
                Evidence::NoReply { last_out: cited(Channel::Whatsapp, Direction::Out, 4 * DAY, "Bonjour !") },
            ),
        ),
        ("a channel works better, not well", preferred(2, 5)),
    ];
    for manner in Manner::ALL {
        let mut book = String::new();
        for (title, alert) in &alerts {
            for lead in [sophie(), nameless()] {
                let rendered = render::alert(&voice, &context(manner, alert, &lead, &luc));
                chapter(&mut book, title, &page(&Rendered { keyboard: Vec::new(), ..rendered }));
            }
        }
        insta::assert_snapshot!(format!("rarer_{}", manner.as_str()), book);
    }
}

#[test]
fn occasions_change_the_opening() {
    let (voice, lead, luc, alert) = (voice(), sophie(), user("Luc"), sample(AlertType::NoReply3d));
    let mut book = String::new();
    for manner in Manner::ALL {
        for occasion in [
            Occasion::Opened,
            Occasion::Reopened,
            Occasion::SnoozeOver,
            Occasion::NewOwner,
            Occasion::Reminder,
            Occasion::Escalated,
        ] {
            let context = AlertContext { occasion, ..context(manner, &alert, &lead, &luc) };
            let rendered = render::alert(&voice, &context);
            let first = rendered.html.lines().take(2).collect::<Vec<_>>().join("\n");
            chapter(&mut book, &format!("{} {occasion:?}", manner.as_str()), &first);
        }
    }
    insta::assert_snapshot!("occasions", book);
}

#[test]
fn messages_say_how_they_ended() {
    let (voice, lead, luc, camille) = (voice(), sophie(), user("Luc"), user("Camille"));
    let resolved = |by: &str, via, note: &str| {
        AlertState::Resolved(Resolution {
            at: now(),
            by: by.to_owned(),
            user: None,
            via,
            note: note.to_owned(),
            act: AlertId::from("a0123456789abcdef"),
        })
    };
    let mut states = vec![
        AlertState::Snoozed { until: now().plus(18 * HOUR) },
        resolved("Luc", Via::Telegram, ""),
        resolved("Luc <b>", Via::Crm, "Rappelle <lundi> & c'est tout"),
        resolved("", Via::Api, ""),
    ];
    states.extend(CloseReason::ALL.map(|reason| AlertState::Closed { at: now(), reason }));
    for manner in Manner::ALL {
        let mut book = String::new();
        for state in &states {
            let alert = Alert { state: state.clone(), ..sample(AlertType::NoReply3d) };
            chapter(&mut book, state.name(), &page(&render::alert(&voice, &context(manner, &alert, &lead, &luc))));
        }
        for alert_type in AlertType::ALL {
            let state = AlertState::Closed { at: now(), reason: CloseReason::Cleared };
            let alert = Alert { state, ..sample(alert_type) };
            let title = format!("{}, cleared", alert_type.as_str());
            chapter(&mut book, &title, &page(&render::alert(&voice, &context(manner, &alert, &lead, &luc))));
        }
        let alert = sample(AlertType::NoReply3d);
        let context = context(manner, &alert, &lead, &luc);
        chapter(&mut book, "moved", &page(&render::moved(&voice, &context, Some(&camille))));
        chapter(&mut book, "moved to nobody", &page(&render::moved(&voice, &context, None)));
        insta::assert_snapshot!(format!("endings_{}", manner.as_str()), book);
    }
}

#[test]
fn a_closed_message_no_longer_changes_with_time() {
    let (voice, lead, luc) = (voice(), sophie(), user("Luc"));
    let state = AlertState::Closed { at: now(), reason: CloseReason::Cleared };
    let alert = Alert { state, ..sample(AlertType::NoReply3d) };
    let today = context(Manner::Tu, &alert, &lead, &luc);
    let later = AlertContext { now: now().plus(400 * DAY), ..today };
    assert_eq!(render::alert(&voice, &today), render::alert(&voice, &later));
    assert!(render::alert(&voice, &today).keyboard.is_empty());
}

/// > "Days" in a message is days(anchor, now).
#[test]
fn days_in_a_message_are_whole_days_since_the_anchor() {
    let (voice, lead, luc) = (voice(), sophie(), user("Luc"));
    for alert in AlertType::ALL.into_iter().map(sample) {
        let Some(since) = alert.anchor.instant() else { continue };
        for manner in Manner::ALL {
            let after = |seconds| {
                let context = AlertContext { now: since.plus(seconds), ..context(manner, &alert, &lead, &luc) };
                voice.message(&context)
            };
            let days = |number| format!("{number} {}", if manner != Manner::English { "jours" } else { "days" });
            for (seconds, number) in [(40 * DAY - 1, 39), (40 * DAY, 40), (41 * DAY - 1, 40)] {
                assert!(after(seconds).contains(&days(number)), "{:?}: {}", alert.alert_type, after(seconds));
            }
        }
    }
}

#[test]
fn digests_read_well() {
    let (voice, lead, bella, luc) = (voice(), sophie(), called("", "Restaurant Bella <b>&\""), user("Luc"));
    let alerts: Vec<Alert> = AlertType::ALL.into_iter().rev().map(sample).collect();
    for manner in Manner::ALL {
        let mut contexts: Vec<_> = alerts
            .iter()
            .enumerate()
            .map(|(index, alert)| context(manner, alert, if index % 2 == 0 { &lead } else { &bella }, &luc))
            .collect();
        contexts.sort_by_key(|context| Settings::default().place_of(context.alert.severity()));
        let minimal: Vec<_> =
            contexts.iter().map(|context| AlertContext { content: Content::Minimal, ..*context }).collect();
        let mut book = String::new();
        chapter(&mut book, "digest", &page(&render::digest(&voice, manner, Some(&luc), &contexts, 0)));
        chapter(&mut book, "digest, minimal content", &page(&render::digest(&voice, manner, None, &minimal, 0)));
        let last = &contexts[contexts.len() - 1..];
        chapter(&mut book, "digest of one", &page(&render::digest(&voice, manner, None, last, 0)));
        insta::assert_snapshot!(format!("digests_{}", manner.as_str()), book);
    }
}

#[test]
fn days_begin_and_end_well() {
    let (voice, lead, bella, luc) = (voice(), sophie(), called("", "Restaurant Bella <b>&\""), user("Luc"));
    let alerts: Vec<Alert> = AlertType::ALL.into_iter().map(sample).collect();
    for manner in Manner::ALL {
        let mut contexts: Vec<_> = alerts
            .iter()
            .enumerate()
            .map(|(index, alert)| context(manner, alert, if index % 2 == 0 { &lead } else { &bella }, &luc))
            .collect();
        contexts.sort_by_key(|context| Settings::default().place_of(context.alert.severity()));
        let planned = [(contexts[0].now, sophie()), (contexts[0].now.plus(3_600), bella.clone())];
        let begins = |alerts, planned| {
            let (reader, zone, content) = (Some(&luc), chrono_tz::Europe::Paris, Content::Full);
            page(&render::briefing(&voice, manner, &DayBegins { reader, alerts, planned, zone, content }))
        };
        let mut book = String::new();
        chapter(&mut book, "it begins", &begins(&contexts, &planned));
        chapter(&mut book, "it begins, nothing planned", &begins(&contexts[..1], &[]));
        chapter(&mut book, "it begins, nothing open", &begins(&[], &planned));
        for (named, left, handled, answered) in [(2, 5, 3, 1), (0, 0, 1, 0), (1, 1, 0, 2), (0, 0, 0, 3)] {
            let named = &contexts[..named];
            let ends = DayEnds { reader: Some(&luc), handled, answered, open: 4 * handled, left, named, day: 1 };
            chapter(&mut book, "it ends", &page(&render::summary(&voice, manner, &ends)));
        }
        insta::assert_snapshot!(format!("days_{}", manner.as_str()), book);
    }
}

#[test]
fn a_week_begins_below_a_picture() {
    let (voice, claire) = (voice(), user(&"Claire <b>&\"".repeat(30)));
    let mut gathered = Gathered::default();
    for lead in 0..40_i64 {
        let hot = |hours: i64| vec![Hot { working: hours * HOUR + lead * 60, elapsed: hours * HOUR, answered: true }];
        let tried = Some(Tried { preferred: lead % 3 > 0, won: lead % 5 > 2 });
        let side =
            |good: bool, hours| Sample { follow_ups: (good.into(), 1), hot: hot(hours), tried, forgotten: Some(!good) };
        gathered.add(&[side(lead % 4 == 0, 5), side(lead % 4 > 0, 2)]);
    }
    let report = gathered.conclude(Windows::of(Timestamp(1_760_000_000), Timestamp(1_773_000_000)));
    let mut book = String::new();
    for manner in Manner::ALL {
        for week in 0..2 {
            let html =
                render::weekly(&voice, manner, &WeekBegins { reader: Some(&claire), report: &report, week }).html;
            let html = typed(&html);
            assert!(visible_units(&html) <= max::telegram::api::CAPTION_UNITS, "{html}");
            chapter(&mut book, &format!("{} {week}", manner.as_str()), &html);
        }
        let chart = voice.chart(manner, &report);
        let line = |panel: &max::voice::Panel| {
            let bars = panel.bars.each_ref().map(|bar| format!("{}: {} ({:.2})", bar.label, bar.shown, bar.part));
            format!("{} | {} | {} | {}", panel.title, panel.verdict, bars.join(", "), panel.counts)
        };
        chapter(&mut book, "its picture", &chart.panels.each_ref().map(line).join("\n"));
        let picture = max::telegram::chart::draw(&chart);
        let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
        std::fs::write(folder.join(format!("weekly-{}.png", manner.as_str())), picture).unwrap();
    }
    insta::assert_snapshot!("weeks", book);
}

#[test]
fn a_long_digest_has_pages_that_fit() {
    let (voice, luc, alert) = (voice(), user("Luc"), sample(AlertType::NoReply3d));
    let lead = Lead { account_name: "&<🙂".repeat(4_000), ..called("", &"🙂".repeat(4_000)) };
    let contexts = vec![context(Manner::Tu, &alert, &lead, &luc); 60];
    let rendered = render::digest(&voice, Manner::Tu, None, &contexts, 0);
    page(&rendered);
    assert_eq!(rendered.keyboard.len(), render::PAGE + 1);
    let listed = rendered.html.lines().filter(|line| line.contains("sans réponse depuis")).count();
    assert_eq!(listed, render::PAGE, "{}", rendered.html);
    let nav = |page: u16| {
        let rendered = render::digest(&voice, Manner::Tu, None, &contexts, page);
        let keys = rendered.keyboard.last().unwrap().iter().map(|key| key.text.clone());
        (rendered.keyboard.len() - 1, keys.collect::<Vec<_>>().join(" "))
    };
    assert_eq!(nav(0), (8, "1/8 ▶️".to_owned()));
    assert_eq!(nav(3), (8, "◀️ 4/8 ▶️".to_owned()));
    assert_eq!(nav(7), (4, "◀️ 8/8".to_owned()));
    assert_eq!(nav(99), (4, "◀️ 8/8".to_owned()), "the last one, when there are fewer");
}

#[test]
fn records_and_api_read_well() {
    let (voice, lead, luc) = (voice(), sophie(), user("Luc"));
    for manner in Manner::ALL {
        let mut book = String::new();
        for alert_type in AlertType::ALL {
            let alert = sample(alert_type);
            let context = context(manner, &alert, &lead, &luc);
            let texts = voice.crm_texts(&context);
            let cta = serde_json::to_string(&voice.cta(&context)).unwrap();
            let text = format!(
                "CRM message: {}\nCRM action:  {}\nCRM evidence: {}\nAPI message: {}\ncta: {}",
                texts.message,
                texts.suggested_action,
                texts.evidence,
                voice.message(&context),
                cta.replace("},{", "},\n     {"),
            );
            chapter(&mut book, alert_type.as_str(), &text);
        }
        insta::assert_snapshot!(format!("records_{}", manner.as_str()), book);
    }
}

#[test]
fn notices_toasts_and_buttons_read_well() {
    let (voice, lead, stranger, luc) = (voice(), sophie(), nameless(), user("Luc"));
    for manner in Manner::ALL {
        let mut book = String::new();
        let notices = [
            Notice::Welcome(&luc),
            Notice::NotLinked,
            Notice::LinkExpired,
            Notice::LinkLater,
            Notice::Unlinked,
            Notice::Help,
            Notice::Unknown,
            Notice::AllClear,
            Notice::SyncResumed { lasted: 25 * MINUTE },
            Notice::LinkDeclined,
        ];
        let (since, zone) = (now().plus(-25 * MINUTE), chrono_tz::Europe::Paris);
        let stopped = Stillness::ALL.map(|why| Notice::SyncStopped { since, why, now: now(), zone });
        for notice in notices.into_iter().chain(stopped) {
            let title = format!("{notice:?}").chars().take_while(char::is_ascii_alphabetic).collect::<String>();
            chapter(&mut book, &title, &page(&render::notice(&voice, manner, notice)));
        }
        let full = User { emails: vec!["luc@crm.example".to_owned()], ..luc.clone() };
        for instead in [None, Some(&user("Camille"))] {
            chapter(&mut book, "LinkPreview", &page(&render::link_preview(&voice, manner, &full, instead)));
        }
        let (now, zone) = (now(), chrono_tz::Europe::Paris);
        let toasts = [
            Toast::Resolved,
            Toast::Snoozed { until: now.plus(18 * HOUR), now, zone },
            Toast::Sent(&lead, Channel::Whatsapp),
            Toast::Sent(&stranger, Channel::Email),
            Toast::AlreadyHandled("Luc"),
            Toast::AlreadyHandled(""),
            Toast::AlreadyClosed,
            Toast::DraftComing,
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
            Toast::CallPlanned { at: now.plus(18 * HOUR), now, zone, taken: false },
            Toast::CallPlanned { at: now.plus(18 * HOUR), now, zone, taken: true },
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
        let toasts = toasts.map(|toast| voice.toast(manner, toast));
        chapter(&mut book, "toasts", &toasts.join("\n"));
        let severities = Severity::ALL.map(|severity| voice.severity_name(manner, severity)).join(", ");
        let channels = Channel::ALL.map(|channel| voice.channel_name(manner, channel)).join(", ");
        chapter(&mut book, "names", &format!("{severities}\n{channels}"));
        insta::assert_snapshot!(format!("notices_{}", manner.as_str()), book);
    }
}

/// Every menu of an alert, what the facts behind it are, and how it ends by what somebody did.
#[test]
fn what_the_buttons_bring_up() {
    let (voice, lead, luc) = (voice(), sophie(), user("Luc"));
    let (now, calendar) = (now(), Calendar::default());
    for manner in Manner::ALL {
        let mut book = String::new();
        let alert = sample(AlertType::NoReply3d);
        let context = context(manner, &alert, &lead, &luc);
        let slots = times::call_slots(&calendar, None, &[], now);
        let menus = [
            ("later", Menu::Snooze(times::reminders(&calendar, now))),
            ("later, another day", Menu::SnoozeDays(times::mornings(&calendar, now))),
            ("call", Menu::Call(slots)),
            ("call, another day", Menu::CallDays(times::call_days(&calendar, &[], now))),
            ("call, one day", Menu::CallDay(times::slots_of_day(&calendar, &[], now.plus(DAY), now))),
            ("more", Menu::More),
            ("archive", Menu::Archive),
        ];
        for (title, menu) in menus {
            let keyboard = menus::keyboard(&voice, &context, &menu);
            for key in keyboard.iter().flatten() {
                assert!(key.text.chars().count() <= 20, "{}", key.text);
            }
            assert!(keyboard.iter().all(|row| row.len() <= 3));
            chapter(&mut book, title, &page(&Rendered { html: "…".to_owned(), keyboard }));
        }
        let touch = |days: i64, channel| Some(Touch { at: now.plus(-days * DAY), channel });
        let known = LeadInsight {
            last_in: touch(9, Channel::Email),
            last_out: touch(3, Channel::Whatsapp),
            next_step: touch(-1, Channel::Call),
            ..LeadInsight::default()
        };
        for (title, insight) in [("why", known), ("why, with nothing known", LeadInsight::default())] {
            chapter(&mut book, title, &voice.behind_html(&context, &insight));
        }
        let closed = Alert { state: AlertState::Closed { at: now, reason: CloseReason::Planned }, ..alert.clone() };
        let ends = [
            DeedKind::PlanCall { at: now.plus(DAY) },
            DeedKind::LogCall { outcome: CallOutcome::Reached },
            DeedKind::LogCall { outcome: CallOutcome::NoAnswer },
            DeedKind::LogCall { outcome: CallOutcome::NotInterested },
            DeedKind::SetStatus { to: "Dead".to_owned(), before: "New".to_owned() },
        ];
        for kind in ends {
            let done = Done { kind, by: "Luc Moreau".to_owned(), user: Some(UserId::from("luc")), at: now };
            let context = AlertContext { alert: &closed, done: Some(&done), ..context };
            chapter(&mut book, "an end", &page(&render::alert(&voice, &context)));
            let own = AlertContext { reader: done.user.as_ref(), ..context };
            assert!(!render::alert(&voice, &own).html.contains("Moreau"), "nobody is told his own name");
            let late = AlertContext { now: now.plus(10 * MINUTE), ..context };
            let shown = render::alert(&voice, &late).keyboard.into_iter().flatten();
            assert!(shown.into_iter().all(|key| !key.text.starts_with('↩')), "it can be taken back for ten minutes");
        }
        let (refused, kinds) = (Refusal::ALL, ["plan", "log", "status", "owner"]);
        let deeds = [
            DeedKind::PlanCall { at: now },
            DeedKind::LogCall { outcome: CallOutcome::Reached },
            DeedKind::SetStatus { to: "Dead".to_owned(), before: "New".to_owned() },
            DeedKind::Assign { to: UserId::from("user0luc"), before: None },
        ];
        for (name, kind) in kinds.into_iter().zip(&deeds) {
            let told = refused.map(|why| voice.notice_html(manner, Notice::DeedRefused { kind, lead: &lead, why }));
            chapter(&mut book, &format!("refused: {name}"), &told.join("\n"));
        }
        chapter(&mut book, "a call's name in the CRM", &voice.call_name(manner, &lead));
        insta::assert_snapshot!(format!("buttons_{}", manner.as_str()), book);
    }
}

/// Whoever is not to be called is offered no call, and whoever is in a group no menu.
#[test]
fn closed_channels_and_groups_have_no_button_for_a_call() {
    let (voice, lead, luc) = (voice(), sophie(), user("Luc"));
    let alert = sample(AlertType::NoReply3d);
    let offers_call = |lead: &Lead, content: Content| {
        let context = AlertContext { content, ..context(Manner::Tu, &alert, lead, &luc) };
        let keys = render::alert(&voice, &context).keyboard;
        keys.into_iter().flatten().any(|key| matches!(key.kind, KeyKind::Callback(Button::CallMenu(_))))
    };
    assert!(offers_call(&lead, Content::Full) && offers_call(&lead, Content::Minimal));
    assert!(!offers_call(&lead, Content::Initials));
    assert!(!offers_call(&Lead { do_not_call: true, ..lead.clone() }, Content::Full));
    assert!(!offers_call(&Lead { do_not_contact: true, ..lead.clone() }, Content::Full));
    assert!(!offers_call(&Lead { phone: None, ..lead.clone() }, Content::Full));
}

#[test]
fn the_tone_is_the_briefs() {
    let (voice, lead, stranger, luc) = (voice(), sophie(), nameless(), user("Luc"));
    let says = |alert: &Alert, lead: &Lead| {
        let html = render::alert(&voice, &context(Manner::Tu, alert, lead, &luc)).html;
        typed(plain(&html).lines().next().unwrap())
    };
    assert_eq!(
        says(&sample(AlertType::NoReply3d), &lead),
        "🔔 Sophie n'a pas répondu depuis 3 jours. Peut-être essayer WhatsApp ?"
    );
    assert_eq!(
        says(&sample(AlertType::PreferredChannel), &stranger),
        "💡 Ce lead répond super bien sur WhatsApp (85 %) ! Continue comme ça."
    );
    assert_eq!(
        says(&sample(AlertType::StaleLead30d), &stranger),
        "❄️ Ça fait 32 jours sans nouvelles… Dernier essai avant d'archiver ?"
    );
    let texts = voice.crm_texts(&context(
        Manner::Tu,
        &alert(AlertType::NoReply3d, 0, Evidence::NoReply { last_out: cited(Channel::Email, Direction::Out, 0, "") }),
        &lead,
        &luc,
    ));
    assert_eq!(texts.message, "Dernier message le 12 mars, sans réponse");
}

#[test]
fn no_message_speaks_of_rules_or_ids() {
    let (voice, lead, luc) = (voice(), sophie(), user("Luc"));
    for manner in Manner::ALL {
        for alert_type in AlertType::ALL {
            let alert = sample(alert_type);
            let context = context(manner, &alert, &lead, &luc);
            let html = render::alert(&voice, &context).html;
            for machine in
                AlertType::ALL.map(AlertType::as_str).into_iter().chain([alert.id.as_str(), lead.id.as_str()])
            {
                assert!(!html.contains(machine), "{html}");
            }
        }
    }
}

#[test]
fn french_punctuation_is_never_left_alone_on_a_line() {
    let (voice, lead, luc) = (voice(), sophie(), user("Luc"));
    for alert_type in AlertType::ALL {
        let alert = sample(alert_type);
        let context = context(Manner::Tu, &alert, &lead, &luc);
        let texts =
            [render::alert(&voice, &context).html, voice.draft(&context).unwrap().text, voice.message(&context)];
        for text in texts {
            // The lead's own words stay as they are.
            let ours = text.split("<blockquote>").next().unwrap();
            for alone in [" ?", " !", " :", " %", "« ", " »"] {
                assert!(!ours.contains(alone), "{ours}");
            }
        }
    }
}

/// Every message in which a lead's name or words appear.
fn everything_said(voice: &Voice, manner: Manner, lead: &Lead, preview: &str) -> Vec<Rendered> {
    let luc = user("Luc");
    let mut said = Vec::new();
    for alert_type in AlertType::ALL {
        let mut alert = sample(alert_type);
        match &mut alert.evidence {
            Evidence::HotLead { inbound: cited, .. }
            | Evidence::AwaitingReply { last: cited, .. }
            | Evidence::NoContact { last_inbound: Some(cited), .. }
            | Evidence::Stale { last: Some(cited), .. }
            | Evidence::NoFollowup { last: cited }
            | Evidence::NoReply { last_out: cited } => cited.preview = preview.to_owned(),
            Evidence::NoContact { .. } | Evidence::Stale { .. } | Evidence::PreferredChannel { .. } => {}
        }
        let mut states = vec![AlertState::Open, AlertState::Snoozed { until: now().plus(DAY) }];
        states.extend(CloseReason::ALL.map(|reason| AlertState::Closed { at: now(), reason }));
        for state in states {
            alert.state = state;
            said.push(render::alert(voice, &context(manner, &alert, lead, &luc)));
        }
        alert.state = AlertState::Open;
        let context = context(manner, &alert, lead, &luc);
        said.push(crate::drafts::drafted(voice, &context));
        said.push(render::digest(voice, manner, None, &[context; 20], 0));
        said.push(render::moved(voice, &context, Some(&User { first_name: lead.name.clone(), ..user("x") })));
        assert!(voice.toast(manner, Toast::Sent(lead, Channel::Email)).chars().count() <= 200);
        assert!(voice.toast(manner, Toast::AlreadyHandled(&lead.name)).chars().count() <= 200);
        let texts = voice.crm_texts(&context);
        assert!(!texts.message.is_empty() && texts.message.chars().count() <= 255);
        assert!(texts.suggested_action.chars().count() <= 255);
    }
    said
}

#[test]
fn names_and_words_cannot_break_a_message() {
    let voice = voice();
    let long = "x".repeat(4_000);
    let emoji = "👩\u{200D}🚀🙂".repeat(1_000);
    let rtl = "شركة שרה";
    for hostile in
        ["<b>&\"", "</blockquote></b>", "&lt;", "{{ 7 * 7 }}", "\u{0}\n\r\t", "\u{202E}gnp", &long, &emoji, rtl, ""]
    {
        let lead = Lead { account_name: hostile.to_owned(), ..called(hostile, hostile) };
        for manner in Manner::ALL {
            for rendered in everything_said(&voice, manner, &lead, hostile) {
                page(&rendered);
                assert!(!rendered.html.contains("49"), "names are no templates");
                assert!(!rendered.html.contains(['\u{0}', '\r', '\u{202E}']));
                for key in rendered.keyboard.iter().flatten() {
                    assert!(!key.text.is_empty() && key.text.encode_utf16().count() <= 64, "{}", key.text);
                }
            }
        }
    }
}

#[test]
fn markup_in_a_name_is_shown_as_it_is() {
    let (voice, luc, alert) = (voice(), user("Luc"), sample(AlertType::NoReply3d));
    let lead = called("<b>&\"", "<b>&\"");
    let html = render::alert(&voice, &context(Manner::Tu, &alert, &lead, &luc)).html;
    assert!(html.contains("&lt;b&gt;&amp;&quot; n'a pas répondu"), "{html}");
    assert!(plain(&html).contains("<b>&\" n'a pas répondu"));
    let message = voice.message(&context(Manner::Tu, &alert, &lead, &luc));
    assert!(message.starts_with("<b>&\" n'a pas répondu"), "plain text is not escaped: {message}");
}

#[test]
fn names_from_right_to_left_do_not_reorder_the_sentence() {
    let (voice, luc, alert) = (voice(), user("Luc"), sample(AlertType::NoReply3d));
    let lead = called("שרה", "שרה לוי");
    let html = render::alert(&voice, &context(Manner::English, &alert, &lead, &luc)).html;
    assert!(html.contains("\u{2068}שרה\u{2069} hasn't replied"), "{html}");
}

#[test]
fn a_lead_without_first_name_is_called_by_what_there_is() {
    let (voice, luc, alert) = (voice(), user("Luc"), sample(AlertType::NoReply3d));
    let company = Lead { account_name: "Restaurant Bella".to_owned(), ..called("", "") };
    for (lead, expected) in [
        (called("", "Martin"), "Martin n'a pas répondu"),
        (company, "Restaurant Bella n'a pas répondu"),
        (nameless(), "Ce lead n'a pas répondu"),
    ] {
        let message = voice.message(&context(Manner::Tu, &alert, &lead, &luc));
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn minimal_content_shows_neither_words_nor_number_nor_surname() {
    let (voice, lead, luc) = (voice(), sophie(), user("Luc"));
    for alert_type in AlertType::ALL {
        let alert = sample(alert_type);
        let context = AlertContext { content: Content::Minimal, ..context(Manner::Tu, &alert, &lead, &luc) };
        for rendered in [
            render::alert(&voice, &context),
            render::digest(&voice, Manner::Tu, None, &[context], 0),
            crate::drafts::drafted(&voice, &context),
        ] {
            let page = page(&rendered);
            for secret in ["Martin", "TechCorp", "blockquote", "wa.me", "612345678", "devis"] {
                assert!(!page.contains(secret), "{secret} in {page}");
            }
        }
    }
}

#[test]
fn closed_channels_are_neither_suggested_nor_offered() {
    let (voice, luc) = (voice(), user("Luc"));
    let leads = [
        Lead { phone_opted_out: true, ..sophie() },
        Lead { phone: None, ..sophie() },
        Lead { email_opted_out: true, ..sophie() },
        Lead { do_not_call: true, ..sophie() },
        Lead { do_not_contact: true, ..sophie() },
        Lead { email_opted_out: true, phone_opted_out: true, ..sophie() },
        Lead { email: None, phone: None, ..sophie() },
    ];
    for lead in &leads {
        for alert_type in AlertType::ALL {
            let alert = sample(alert_type);
            for preferred in [None, Some(Channel::Whatsapp), Some(Channel::Email), Some(Channel::Call)] {
                let suggestions = advice::suggestions(&alert, lead, preferred);
                assert_ne!(suggestions[0], suggestions[1]);
                for channel in suggestions.into_iter().filter_map(Suggestion::channel) {
                    assert!(lead.channel_open(channel) && !lead.is_do_not_contact(), "{suggestions:?} for {lead:?}");
                }
                let context = AlertContext { preferred, ..context(Manner::Tu, &alert, lead, &luc) };
                let open = lead.channel_open(Channel::Whatsapp) && !lead.is_do_not_contact();
                let page = page(&render::alert(&voice, &context));
                assert_eq!(page.contains("wa.me"), open, "{page}");
                // What is said to be sent is what is suggested.
                let asks = alert_type != AlertType::PreferredChannel;
                let suggested = advice::draft_channel(&alert, lead, preferred);
                assert_eq!(page.contains("1:sent:"), suggested == Some(Channel::Whatsapp) && asks, "{page}");
                assert_eq!(page.contains("1:sentm:"), suggested == Some(Channel::Email) && asks, "{page}");
                let first = page.split("\n[").nth(1).unwrap_or_default().split(']').next().unwrap_or_default();
                assert_eq!(first.contains("WhatsApp"), suggested == Some(Channel::Whatsapp), "{page}");
                assert_eq!(page.contains("1:draft:"), !lead.is_do_not_contact(), "{page}");
                let actions: Vec<_> = voice.cta(&context).into_iter().map(|entry| entry.action).collect();
                assert_eq!(actions.contains(&CtaAction::OpenWhatsApp), open);
                let may_call = lead.channel_open(Channel::Call) && !lead.is_do_not_contact();
                assert_eq!(actions.contains(&CtaAction::ScheduleCall), may_call);
            }
        }
    }
}

/// > The preferred channel shown elsewhere (drafts, strategy, suggested action) is the valid channel with the best
/// > rate, and "unknown" when none is valid, the best rate is 0, or it is shared.
#[test]
fn the_preferred_channel_is_suggested_first() {
    let lead = sophie();
    let first = |alert_type, preferred| advice::suggestions(&sample(alert_type), &lead, preferred)[0];
    assert_eq!(first(AlertType::NoContact7d, None), Suggestion::First(Channel::Whatsapp));
    assert_eq!(first(AlertType::NoReply3d, Some(Channel::Email)), Suggestion::GentleReminder(Channel::Email));
    assert_eq!(first(AlertType::AwaitingReply24h, None), Suggestion::AnswerNow(Channel::Email), "where they wrote");
    assert_eq!(first(AlertType::AwaitingReply24h, Some(Channel::Call)), Suggestion::AnswerNow(Channel::Call));
    assert_eq!(first(AlertType::PreferredChannel, None), Suggestion::StickTo(Channel::Whatsapp));
    let asks = |text: &str, preferred| {
        let inbound = cited(Channel::Email, Direction::In, 20 * MINUTE, text);
        let evidence = Evidence::HotLead { inbound, waiting: 1 };
        advice::suggestions(&alert(AlertType::HotLead24h, 20 * MINUTE, evidence), &lead, preferred)[0]
    };
    for text in ["Bonjour, rappelez-moi s'il vous plaît", "Nous sommes prêts à commander, pouvez-vous m'appeler ?"] {
        assert_eq!(asks(text, Some(Channel::Whatsapp)), Suggestion::AnswerNow(Channel::Call), "{text}");
    }
    for text in ["Pouvez-vous m'envoyer un devis ?", "Envoyez-moi un devis, inutile de m'appeler."] {
        assert_eq!(asks(text, None), Suggestion::AnswerNow(Channel::Email), "{text}");
    }
    let by_mail = Lead { phone: None, ..sophie() };
    assert_eq!(
        advice::suggestions(&sample(AlertType::NoContact7d), &by_mail, None),
        [Suggestion::First(Channel::Email), Suggestion::FindContactData]
    );
}

#[test]
fn a_closed_alert_offers_only_to_look_at_the_lead() {
    let (voice, lead, luc) = (voice(), sophie(), user("Luc"));
    let state = AlertState::Closed { at: now(), reason: CloseReason::Cleared };
    let alert = Alert { state, ..sample(AlertType::StaleLead30d) };
    let actions: Vec<_> =
        voice.cta(&context(Manner::Tu, &alert, &lead, &luc)).into_iter().map(|entry| entry.action).collect();
    assert_eq!(actions, [CtaAction::OpenInCrm]);
}

#[test]
fn an_address_that_no_button_can_open_is_written_out() {
    let (voice, lead, luc, alert) = (voice(), sophie(), user("Luc"), sample(AlertType::NoReply3d));
    let local = "http://localhost:8080/?a=1&b=2#Lead/view/1";
    let context = AlertContext { crm_link: Some(local), ..context(Manner::Tu, &alert, &lead, &luc) };
    let rendered = render::alert(&voice, &context);
    assert!(plain(&rendered.html).ends_with(&format!("🔗 {local}")), "{}", rendered.html);
    let opens_locally = |kind: &KeyKind| matches!(kind, KeyKind::Url(url) if url.contains("localhost"));
    assert!(!rendered.keyboard.iter().flatten().any(|key| opens_locally(&key.kind)));
}

#[test]
fn a_number_that_cannot_be_read_opens_no_whatsapp() {
    let (voice, lead, luc, alert) = (voice(), sophie(), user("Luc"), sample(AlertType::HotLead24h));
    let context = AlertContext { default_country: None, ..context(Manner::Tu, &alert, &lead, &luc) };
    let page = page(&render::alert(&voice, &context));
    assert!(!page.contains("wa.me") && page.contains("1:sent:"), "it can still be sent by hand: {page}");
}

#[test]
fn only_short_texts_get_a_copy_button() {
    let (voice, luc) = (voice(), user("Luc"));
    for alert_type in AlertType::ALL {
        let alert = sample(alert_type);
        for lead in [sophie(), called(&"é".repeat(4_000), "")] {
            let rendered = crate::drafts::drafted(&voice, &context(Manner::Tu, &alert, &lead, &luc));
            for key in rendered.keyboard.iter().flatten() {
                if let KeyKind::Copy(text) = &key.kind {
                    assert!((1..=render::COPY_UNITS).contains(&text.encode_utf16().count()));
                    assert!(plain(&rendered.html).contains(text.as_str()));
                }
            }
        }
    }
}

#[test]
fn who_was_faster_is_said() {
    let voice = voice();
    let open = sample(AlertType::NoReply3d);
    assert_eq!(render::too_late(&voice, Manner::Tu, &open), None);
    let state = AlertState::Closed { at: now(), reason: CloseReason::Cleared };
    let closed = Alert { state, ..open };
    assert!(render::too_late(&voice, Manner::Tu, &closed).unwrap().contains("déjà réglé"));
}

#[test]
fn every_button_has_words_in_both_languages() {
    let voice = voice();
    for label in ButtonLabel::ALL {
        for manner in Manner::ALL {
            let text = voice.button(manner, label);
            assert!(text.chars().next().is_some_and(|first| !first.is_ascii_lowercase()), "{label:?}: {text}");
        }
    }
}

fn files_below(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for entry in std::fs::read_dir(&current).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                names.push(path.strip_prefix(folder).unwrap().to_string_lossy().replace('\\', "/"));
            }
        }
    }
    names.sort();
    names
}

#[test]
fn both_languages_have_the_same_files_and_labels() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/voice");
    assert_eq!(files_below(&root.join("fr")), files_below(&root.join("en")));
    let keys = |manner: &str| -> Vec<String> {
        let text = std::fs::read_to_string(root.join(manner).join("labels.toml")).unwrap();
        let table: toml::Table = toml::from_str(&text).unwrap();
        let of = |(section, texts): (&String, &toml::Value)| {
            texts.as_table().unwrap().keys().map(|key| format!("{section}.{key}")).collect::<Vec<_>>()
        };
        table.iter().flat_map(of).collect()
    };
    assert_eq!(keys("fr"), keys("en"));
    // A copy of our own folder is a valid folder of a user's: so no file lies there unused, and none breaks.
    Voice::new(Some(&root)).unwrap();
}

#[test]
fn every_suggestion_has_words_in_both_languages() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/voice");
    let channels = [Channel::Whatsapp, Channel::Email, Channel::Call];
    let kinds: [fn(Channel) -> Suggestion; 7] = [
        Suggestion::First,
        Suggestion::GentleReminder,
        Suggestion::ChangeAngle,
        Suggestion::FollowUp,
        Suggestion::AnswerNow,
        Suggestion::LastTry,
        Suggestion::StickTo,
    ];
    let mut suggestions: Vec<Suggestion> = kinds.iter().flat_map(|kind| channels.map(kind)).collect();
    suggestions.extend([
        Suggestion::AnswerNow(Channel::Manual),
        Suggestion::CallDirectly,
        Suggestion::CallTomorrow,
        Suggestion::Archive,
        Suggestion::FindContactData,
        Suggestion::CheckConsent,
        Suggestion::MarkHandled,
    ]);
    for lang in Lang::ALL {
        let text = std::fs::read_to_string(root.join(lang.as_str()).join("labels.toml")).unwrap();
        let table: toml::Table = toml::from_str(&text).unwrap();
        for suggestion in &suggestions {
            for section in ["suggestion", "spoken"] {
                assert!(table[section].get(suggestion.key()).is_some(), "{section}.{}", suggestion.key());
            }
        }
    }
}

fn with_own(name: &str, text: &str) -> Result<Voice, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    Voice::new(Some(folder.path())).map_err(|error| error.to_string())
}

#[test]
fn a_users_wording_replaces_ours_file_by_file() {
    let (lead, luc, alert) = (sophie(), user("Luc"), sample(AlertType::NoReply3d));
    let voice = with_own("fr/headlines/no_reply.txt.j2", "Toujours rien {{ who|de }} ? ({{ days }} j)\r\n").unwrap();
    let message = voice.message(&context(Manner::Tu, &alert, &lead, &luc));
    assert_eq!(message, "Toujours rien de Sophie\u{202F}? (3 j)");
    let other = sample(AlertType::HotLead24h);
    assert!(voice.message(&context(Manner::Tu, &other, &lead, &luc)).starts_with("Lead chaud"));
    assert!(voice.message(&context(Manner::English, &alert, &lead, &luc)).starts_with("Sophie hasn't replied"));

    let voice = with_own("fr/labels.toml", "[button]\nsent = \"Parti !\"\n").unwrap();
    assert_eq!(voice.button(Manner::Tu, ButtonLabel::Sent), "Parti\u{202F}!");
    assert_eq!(voice.button(Manner::Tu, ButtonLabel::Snooze), "⏰ Plus tard");
}

#[test]
fn a_users_name_for_a_lead_is_still_escaped() {
    let (luc, alert, lead) = (user("Luc"), sample(AlertType::NoReply3d), called("<b>&\"", ""));
    let voice = with_own("fr/alert.html.j2", "<b>{{ who }}</b> {{ suggestion }}").unwrap();
    let html = render::alert(&voice, &context(Manner::Tu, &alert, &lead, &luc)).html;
    assert!(html.starts_with("<b>&lt;b&gt;&amp;&quot;</b> "), "{html}");
}

#[test]
fn a_broken_wording_is_named_with_its_line_and_remedy() {
    for (name, text, expected) in [
        ("fr/headlines/no_reply.txt.j2", "a\n{% if %}", &["line 2", "no_reply.txt.j2"][..]),
        ("en/headlines/no_reply.txt.j2", "a\nb\n{{ whoo }}", &["line 3", "en", "no_reply.txt.j2", "undefined"]),
        ("fr/alert.html.j2", "<b>{{ headline }}", &["alert.html.j2", "never closed"]),
        ("fr/notices/help.html.j2", "  ", &["help.html.j2", "empty"]),
        ("fr/labels.toml", "[button]\nsent = 3\n", &["labels.toml", "line 2"]),
        ("fr/labels.toml", "[button]\n\nsend = \"Parti\"\n", &["labels.toml", "line 3", "`send`"]),
        ("fr/labels.toml", "[buttons]\nsent = \"Parti\"\n", &["labels.toml", "line 1", "[buttons]"]),
        ("fr/headlines/no_repply.txt.j2", "a", &["no_repply.txt.j2", "did you mean `headlines/no_reply.txt.j2`"]),
    ] {
        let error = with_own(name, text).unwrap_err();
        for part in expected.iter().chain(&["elete"]) {
            assert!(error.contains(part), "{part} in {error}");
        }
    }
    let missing = Voice::new(Some(Path::new("/nowhere/at/all"))).unwrap_err().to_string();
    assert!(missing.contains("/nowhere/at/all") && missing.contains("[voice] templates"), "{missing}");
}

#[test]
fn a_wording_that_breaks_later_falls_back_to_ours() {
    let (lead, luc) = (called("Zoé", ""), user("Luc"));
    let trap = "{% if who == \"Zoé\" %}{{ nothing }}{% else %}Bonjour{% endif %}";
    let voice = with_own("fr/headlines/no_reply.txt.j2", trap).unwrap();
    let alert = sample(AlertType::NoReply3d);
    let message = voice.message(&context(Manner::Tu, &alert, &lead, &luc));
    assert!(message.starts_with("Zoé n'a pas répondu"), "{message}");
}

#[test]
fn a_group_learns_initials_and_waiting_time_only() {
    let (voice, lead, luc) = (voice(), sophie(), user("Luc"));
    for alert_type in AlertType::ALL {
        let alert = sample(alert_type);
        let context = AlertContext { content: Content::Initials, ..context(Manner::Tu, &alert, &lead, &luc) };
        let shown = [render::alert(&voice, &context), render::digest(&voice, Manner::Tu, None, &[context], 0)];
        for page in shown.iter().map(page) {
            assert!(page.contains("S. M."), "{page}");
            for secret in ["Sophie", "Martin", "TechCorp", "blockquote", "wa.me", "crm.example.com", "par email"] {
                assert!(!page.contains(secret), "{secret} in {page}");
            }
        }
        let keys: Vec<_> = shown[0].keyboard.iter().flatten().map(|key| key.kind.clone()).collect();
        assert_eq!(keys, [KeyKind::Callback(Button::Show(alert.id.clone()))], "details open in private");
    }
}

#[test]
fn what_the_crm_says_stays_true() {
    let (voice, lead, luc) = (voice(), sophie(), user("Luc"));
    for manner in Manner::ALL {
        for alert_type in AlertType::ALL {
            let alert = sample(alert_type);
            let today = context(manner, &alert, &lead, &luc);
            let texts = voice.crm_texts(&today);
            assert_eq!(texts, voice.crm_texts(&AlertContext { now: now().plus(400 * DAY), ..today }));
            for fleeting in ["aujourd'hui", "hier", "il y a", "today", "yesterday", "ago"] {
                let evidence = texts.evidence.split(['«', '“']).next().unwrap();
                assert!(!texts.message.contains(fleeting) && !evidence.contains(fleeting), "{texts:?}");
            }
        }
    }
}
