//! The messages that M.A.X. prepares for leads, as a book that a person can judge: every language, channel, tone and
//! situation.

use max::domain::draft::{Prepared, Stage, Tone};
use max::domain::{AlertType, Channel, ChatId, DAY, Lead, Manner, UserId};
use max::insight::advice;
use max::insight::exchange::{Exchange, Said, Topic};
use max::telegram::render::{self, Rendered};
use max::voice::{AlertContext, Draft, DraftShown, Route, Style, Voice};

use crate::voice::{chapter, context, nameless, now, page, sample, sophie, user, voice};

const ROUTE: Route<'_> = Route { from: "contact@max.example", reply_to: "luc@max.example" };

fn prepared(context: &AlertContext<'_>, draft: Draft, stage: Stage) -> Prepared {
    let style = Style::of(context.alert);
    Prepared {
        chat: ChatId(1),
        message_id: 1,
        alert: context.alert.id.clone(),
        lead: context.lead.id.clone(),
        user: UserId::from("u1"),
        channel: draft.channel,
        tone: style.tone,
        wording: style.wording,
        subject: draft.subject,
        text: draft.text,
        is_own: false,
        stage,
        at: now(),
        attempts: 0,
        shown: 0,
    }
}

/// What a tap on "prepare a message" sends.
pub(crate) fn drafted(voice: &Voice, context: &AlertContext<'_>) -> Rendered {
    let shown = |shown: DraftShown<'_>| render::draft(voice, context, shown);
    match advice::draft_channel(context.alert, context.lead, context.preferred) {
        None => shown(DraftShown::Refused),
        Some(Channel::Manual) => shown(DraftShown::NoChannel),
        Some(channel) => {
            let draft = voice.draft_for(context, channel).unwrap();
            let prepared = prepared(context, draft, Stage::Ready);
            shown(DraftShown::Prepared { prepared: &prepared, route: Route::default(), over: false })
        }
    }
}

/// Every wording there is, in the order in which "another version" shows them.
fn wordings(voice: &Voice, context: &AlertContext<'_>, channel: Channel, tone: Tone) -> Vec<Draft> {
    let mut found: Vec<Draft> = Vec::new();
    for wording in 0..6 {
        let draft = voice.draft_as(context, channel, Style { tone, wording }).unwrap();
        if found.contains(&draft) {
            break;
        }
        found.push(draft);
    }
    found
}

fn tone_name(tone: Tone) -> &'static str {
    match tone {
        Tone::Direct => "direct",
        Tone::Warm => "warm",
    }
}

fn book_of(manner: Manner, lead: &Lead) -> String {
    let (voice, luc) = (voice(), user("Luc"));
    let mut book = String::new();
    for alert_type in AlertType::ALL {
        let alert = sample(alert_type);
        let topics: Vec<Option<Topic>> = match alert_type {
            AlertType::HotLead24h => std::iter::once(None).chain(Topic::ALL.map(Some)).collect(),
            AlertType::AwaitingReply24h | AlertType::NoReply3d => vec![None, Some(Topic::Quote)],
            _ => vec![None],
        };
        for topic in topics {
            let exchange = Exchange { manner, topic, last: None };
            let context = AlertContext { exchange, ..context(Manner::Tu, &alert, lead, &luc) };
            for channel in [Channel::Whatsapp, Channel::Email, Channel::Call] {
                for tone in Tone::ALL {
                    for draft in wordings(&voice, &context, channel, tone) {
                        let subject = draft.subject.map(|subject| format!("({subject})\n")).unwrap_or_default();
                        let topic = topic.map_or("", Topic::as_str);
                        let title = format!(
                            "{} {topic} / {} / {}",
                            alert_type.as_str(),
                            channel.as_str(),
                            if channel == Channel::Call { "-" } else { tone_name(tone) }
                        );
                        chapter(&mut book, &title, &(subject + &draft.text));
                    }
                    if channel == Channel::Call {
                        break;
                    }
                }
            }
        }
    }
    book
}

#[test]
fn drafts_read_well() {
    let lead = sophie();
    for (name, manner) in [("vous", Manner::Vous), ("tu", Manner::Tu), ("english", Manner::English)] {
        insta::assert_snapshot!(format!("drafts_{name}"), book_of(manner, &lead));
    }
}

#[test]
fn a_prepared_message_shows_how_far_it_has_come() {
    let (voice, lead, luc) = (voice(), sophie(), user("Luc"));
    for manner in Manner::ALL {
        let mut book = String::new();
        let alert = sample(AlertType::NoReply3d);
        let context = AlertContext { preferred: Some(Channel::Email), ..context(manner, &alert, &lead, &luc) };
        for (title, channel, stage, own, over) in [
            ("whatsapp", Channel::Whatsapp, Stage::Ready, false, false),
            ("whatsapp, in one's own words", Channel::Whatsapp, Stage::Ready, true, false),
            ("whatsapp, the text is awaited", Channel::Whatsapp, Stage::AwaitingText(now()), false, false),
            ("whatsapp, sent by hand", Channel::Whatsapp, Stage::Noted(now()), false, true),
            ("call", Channel::Call, Stage::Ready, false, false),
            ("email", Channel::Email, Stage::Ready, false, false),
            ("email, to be confirmed", Channel::Email, Stage::Confirming, false, false),
            ("email, on its way", Channel::Email, Stage::OnItsWay, false, false),
            ("email, sent", Channel::Email, Stage::Sent(now()), false, true),
            ("email, failed", Channel::Email, Stage::Failed, false, false),
            ("email, unclear", Channel::Email, Stage::Unclear, false, false),
            ("email, the alert is settled", Channel::Email, Stage::Ready, false, true),
        ] {
            let draft = voice.draft_for(&context, channel).unwrap();
            let prepared = Prepared { is_own: own, ..prepared(&context, draft, stage) };
            let shown = DraftShown::Prepared { prepared: &prepared, route: ROUTE, over };
            chapter(&mut book, title, &page(&render::draft(&voice, &context, shown)));
        }
        let closed = Lead { do_not_contact: true, ..sophie() };
        let context = AlertContext { lead: &closed, ..context };
        chapter(&mut book, "not to be contacted", &page(&drafted(&voice, &context)));
        let mute = Lead { phone: None, email: None, ..sophie() };
        let context = AlertContext { lead: &mute, ..context };
        chapter(&mut book, "no way to reach the lead", &page(&drafted(&voice, &context)));
        let stranger = nameless();
        let context = AlertContext { lead: &stranger, owner: None, preferred: None, ..context };
        chapter(&mut book, "without names", &page(&drafted(&voice, &context)));
        insta::assert_snapshot!(format!("prepared_{}", manner.as_str()), book);
    }
}

/// What is proposed is one thing: a message with three questions is answered with none.
#[test]
fn a_draft_is_short_and_asks_one_thing() {
    let (voice, lead, luc) = (voice(), sophie(), user("Luc"));
    for manner in Manner::ALL {
        for (alert_type, topic) in AlertType::ALL.into_iter().flat_map(|alert_type| {
            std::iter::once(None).chain(Topic::ALL.map(Some)).map(move |topic| (alert_type, topic))
        }) {
            let alert = sample(alert_type);
            let exchange = Exchange { manner, topic, last: None };
            let context = AlertContext { exchange, ..context(Manner::Tu, &alert, &lead, &luc) };
            for channel in [Channel::Whatsapp, Channel::Email] {
                for tone in Tone::ALL {
                    let found = wordings(&voice, &context, channel, tone);
                    assert!(found.iter().all(|draft| draft.text.chars().count() <= 400), "{found:#?}");
                    for draft in found {
                        let questions = draft.text.matches('?').count();
                        assert!(questions <= 2, "{}", draft.text);
                        assert!(!draft.text.contains("  ") && !draft.text.contains(" ,"), "{}", draft.text);
                        assert!(draft.text.contains("Sophie"), "{}", draft.text);
                    }
                }
            }
        }
    }
}

#[test]
fn a_draft_goes_on_with_what_was_said_last() {
    let (voice, lead, luc) = (voice(), sophie(), user("Luc"));
    let alert = sample(AlertType::PreferredChannel);
    let last = Said { channel: Channel::Call, direction: max::domain::Direction::Out, at: now().plus(-9 * DAY) };
    let exchange = Exchange { last: Some(last), ..Exchange::default() };
    let context = AlertContext { exchange, ..context(Manner::Tu, &alert, &lead, &luc) };
    let draft = voice.draft_as(&context, Channel::Call, Style { tone: Tone::Direct, wording: 0 }).unwrap();
    assert!(draft.text.contains("Sophie") && draft.text.contains("Luc"), "{}", draft.text);
}
