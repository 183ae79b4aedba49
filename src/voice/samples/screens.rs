//! The same for the answers to what people type.

use super::{NOW, Said, Trial, alerts, context};
use crate::domain::ask::{Filter, Page};
use crate::domain::effect::Occasion;
use crate::domain::insight::{BestTime, LeadInsight, Touch};
use crate::domain::meaning::{Corrected, Meaning};
use crate::domain::{
    Activity, ActivityId, ActivityStatus, Alert, AlertState, AlertType, CallOutcome, Channel, DAY, Direction, Lead,
    LeadId, Reading, User,
};
use crate::voice::Content;
use crate::voice::screens::{AlertsPage, CallNow, Card, Count, Figures, Scene, Screen, Wishes};
use crate::voice::templates::Fault;

impl<See: FnMut(Said)> Trial<'_, See> {
    /// Every answer, as far as it speaks of this lead.
    pub(super) fn screens(&mut self, lead: &Lead, luc: &User) -> Result<(), Fault> {
        let manner = self.speech.manner();
        let exchanges = exchanges();
        let insight = LeadInsight {
            preferred: Some(Channel::Whatsapp),
            best_time: Some(BestTime { weekday: Some(1), from: 10, to: 12, answers: 4, of: 5 }),
            next_step: Some(Touch { at: NOW.plus(DAY), channel: Channel::Call }),
            ..LeadInsight::default()
        };
        let nothing = LeadInsight::default();
        let alert = alerts(AlertType::HotLead24h).remove(0);
        let put_off = Alert { state: AlertState::Snoozed { until: NOW.plus(DAY) }, ..alert.clone() };
        for content in [Content::Full, Content::Minimal] {
            let about = |alert| context(manner, alert, lead, Some(luc), content, Occasion::Opened);
            let (open, put_off) = ([about(&alert); 8], [about(&put_off)]);
            let page = |filter, alerts, total| Screen::Alerts(AlertsPage { filter, alerts, before: 0, total });
            let card = |alert, insight, exchanges| {
                let guessed = (content == Content::Full).then_some("<b>");
                Screen::Lead(Card {
                    lead,
                    owner: Some(luc),
                    is_own: content == Content::Full,
                    alert,
                    exchanges,
                    more: exchanges.len(),
                    insight,
                    guessed,
                })
            };
            let count = |reactions, typical| Count { opened: 1, handled: 2, reactions, typical };
            let reports = super::reports();
            let figures = |report: usize, periods| {
                Screen::Stats(Figures { team: report > 0, open: (2, 1, 1), periods, report: reports.get(report) })
            };
            let accounts = ["@luc".to_owned(), "@luc2".to_owned()];
            let mut screens = vec![
                page(Filter::All, open.as_slice(), 30),
                page(Filter::Snoozed, &put_off, 1),
                card(Some(open[0]), &insight, &exchanges),
                card(None, &nothing, &[]),
                Screen::Found { typed: "<b>", count: 2, similar: false },
                Screen::Found { typed: "<b>", count: 1, similar: true },
                Screen::NotFound { typed: "<b>", unasked: true },
                Screen::NotFound { typed: "", unasked: false },
                figures(0, [count(&[60], None), count(&[60, 120, 180], Some(120))]),
                figures(1, [count(&[], None), count(&[60, 120], None)]),
                figures(2, [count(&[], None), count(&[], None)]),
                figures(3, [count(&[], None), count(&[], None)]),
                Screen::Linked { user: luc, accounts: &accounts },
                Screen::InGroup,
                Screen::Done(lead),
                Screen::DoneBefore(lead, "Luc"),
                Screen::DoneBefore(lead, ""),
                Screen::Later(lead, NOW.plus(DAY)),
                Screen::Planned { lead, at: NOW.plus(DAY), taken: false },
                Screen::Planned { lead, at: NOW.plus(DAY), taken: true },
                Screen::When { lead, call: true, past: true },
                Screen::When { lead, call: false, past: false },
                Screen::Which,
                Screen::AboutWhat,
                Screen::Undone(lead),
                Screen::NothingToUndo,
                Screen::NotAllowed,
                Screen::CannotAsk,
                Screen::NotUnderstood(luc),
                Screen::Thanks,
                Screen::Hello(luc),
                Screen::Called,
                Screen::NothingOpen(lead),
                Screen::CallSoon { lead, at: NOW, last: exchanges.first() },
                Screen::CallSoon { lead, at: NOW, last: None },
                Screen::CallOver { lead, at: NOW.plus(-DAY) },
            ];
            let ends = [CallNow::Held, CallNow::NotHeld, CallNow::Moved(NOW.plus(DAY)), CallNow::Gone];
            let ends = ends.into_iter().chain([
                CallNow::MovedOnto(NOW.plus(DAY)),
                CallNow::Moves,
                CallNow::Anothers,
                CallNow::Forgotten,
            ]);
            let ends = ends.chain(CallOutcome::ALL.map(CallNow::Noted));
            screens.extend(ends.map(|now| Screen::CallNow { lead, now }));
            let message = &exchanges[0];
            let reading = |means, corrected| Screen::Reading { lead, message, means, corrected };
            let done =
                |as_read, opened, closed, crm_was_told| Some(Corrected { as_read, opened, closed, crm_was_told });
            screens.push(reading(Meaning::Nothing, None));
            screens.extend(Meaning::ALL.map(|means| reading(means, done(false, false, false, false))));
            screens.push(reading(Meaning::WishToBuy, done(false, true, true, false)));
            screens.push(reading(Meaning::Nothing, done(false, false, true, true)));
            screens.push(reading(Meaning::ExpectsReply, done(true, true, false, false)));
            screens.extend(Filter::ALL.map(|filter| page(filter, &[], 0)));
            let stand_in = (content == Content::Full).then_some(luc);
            let until = stand_in.map(|_| NOW.plus(DAY));
            screens.extend(Page::ALL.map(|page| {
                Screen::Settings(Wishes {
                    page,
                    formal: manner.is_formal(),
                    briefing: true,
                    summary: false,
                    weekly: stand_in.map(|_| true),
                    paused_until: until,
                    away_until: until,
                    stand_in,
                    quiet: until.map(|_| (1_320, 425)),
                })
            }));
            for screen in screens {
                let scene = Scene { now: NOW, zone: chrono_tz::UTC, content };
                let file = screen.file();
                self.wordings_of(&file, |trial| {
                    let html = trial.speech.screen_html(scene, &screen, Some(trial.wording))?;
                    trial.html(&file, &html)
                })?;
            }
        }
        Ok(())
    }
}

fn exchanges() -> Vec<Activity> {
    let exchange = |direction, status, preview: &str| Activity {
        id: ActivityId::from("sample"),
        lead_id: LeadId::from("sample"),
        channel: Channel::Call,
        direction,
        status,
        preview: preview.to_owned(),
        timestamp: NOW.plus(-DAY),
        created_at: None,
        reading: Reading { auto_reply: preview.is_empty(), ..Reading::default() },
        first_seen: NOW,
        fresh_as_of: NOW,
    };
    vec![
        exchange(Direction::In, ActivityStatus::Sent, "<b>&\" ?"),
        exchange(Direction::Out, ActivityStatus::NoAnswer, ""),
    ]
}
