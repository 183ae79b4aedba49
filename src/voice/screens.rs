//! What M.A.X. answers to what people type: lists, cards, figures, settings, and short sentences.

use chrono_tz::Tz;
use minijinja::{Error, Value, context};

use super::speech::Speech;
use super::{AlertContext, Content, Wording, html, names, words};
use crate::domain::ask::{Filter, Page};
use crate::domain::insight::LeadInsight;
use crate::domain::meaning::{Corrected, Meaning};
use crate::domain::{Activity, ActivityStatus, CallOutcome, Direction, Lead, Seconds, Timestamp, User};
use crate::insight::kpi::Report;

/// How much of a lead's words a card shows, in characters.
const WORDS: usize = 90;

/// When and where an answer is read.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    /// The instant of reading.
    pub now: Timestamp,
    /// The reader's time zone.
    pub zone: Tz,
    /// How much may be shown.
    pub content: Content,
}

/// A page of a list of alerts.
#[derive(Clone, Copy, Debug)]
pub struct AlertsPage<'a> {
    /// Which alerts.
    pub filter: Filter,
    /// Those of this page, in order.
    pub alerts: &'a [AlertContext<'a>],
    /// How many there are before them.
    pub before: usize,
    /// How many there are in all.
    pub total: usize,
}

/// All that a lead's card shows.
#[derive(Clone, Copy, Debug)]
pub struct Card<'a> {
    /// Whose.
    pub lead: &'a Lead,
    /// The lead's owner, if known.
    pub owner: Option<&'a User>,
    /// Whether that is the reader.
    pub is_own: bool,
    /// The most pressing open alert.
    pub alert: Option<AlertContext<'a>>,
    /// The latest exchanges, latest first.
    pub exchanges: &'a [Activity],
    /// How many there are besides.
    pub more: usize,
    /// What is known of the lead.
    pub insight: &'a LeadInsight,
    /// What was typed, when the lead is not called quite so.
    pub guessed: Option<&'a str>,
}

/// Figures of a rep or a team.
#[derive(Clone, Copy, Debug)]
pub struct Figures<'a> {
    /// Of the team, not of the reader.
    pub team: bool,
    /// Alerts that are open; of those urgent; put off.
    pub open: (usize, usize, usize),
    /// Today, and this week.
    pub periods: [Count<'a>; 2],
    /// Whether it helps, when anything was counted.
    pub report: Option<&'a Report>,
}

/// What happened in a while.
#[derive(Clone, Copy, Debug)]
pub struct Count<'a> {
    /// Alerts that opened.
    pub opened: usize,
    /// Alerts that were dealt with.
    pub handled: usize,
    /// How long the hot leads waited, shortest first.
    pub reactions: &'a [Seconds],
    /// How long the one in the middle did, if there are enough to tell.
    pub typical: Option<Seconds>,
}

/// What somebody wishes, as it counts now.
#[derive(Clone, Copy, Debug)]
pub struct Wishes<'a> {
    /// Which page.
    pub page: Page,
    /// Whether French says "vous".
    pub formal: bool,
    /// Whether the day begins with a briefing.
    pub briefing: bool,
    /// Whether it ends with a summary.
    pub summary: bool,
    /// Whether the week begins with the figures; `None` when the reader leads no team.
    pub weekly: Option<bool>,
    /// Until when nothing but hot leads comes.
    pub paused_until: Option<Timestamp>,
    /// Until when the reader is away.
    pub away_until: Option<Timestamp>,
    /// Who stands in.
    pub stand_in: Option<&'a User>,
    /// Between which minutes of the day nothing comes.
    pub quiet: Option<(u16, u16)>,
}

/// An answer.
#[derive(Clone, Copy, Debug)]
pub enum Screen<'a> {
    /// A list of alerts.
    Alerts(AlertsPage<'a>),
    /// A lead.
    Lead(Card<'a>),
    /// Several leads fit what was typed; one is to be chosen.
    Found {
        /// What was typed.
        typed: &'a str,
        /// How many buttons there are.
        count: usize,
        /// Whether something like it was found, not what was typed.
        similar: bool,
    },
    /// No lead fits.
    NotFound {
        /// What was typed; empty when nothing was.
        typed: &'a str,
        /// Whether the CRM could not be asked about leads of others.
        unasked: bool,
    },
    /// Figures.
    Stats(Figures<'a>),
    /// Settings.
    Settings(Wishes<'a>),
    /// Who is linked, by which accounts.
    Linked {
        /// The reader.
        user: &'a User,
        /// The accounts' names.
        accounts: &'a [String],
    },
    /// A command in a group.
    InGroup,
    /// It is marked as dealt with.
    Done(&'a Lead),
    /// It was already; by whom, empty when unknown or by itself.
    DoneBefore(&'a Lead, &'a str),
    /// It is put off until an instant.
    Later(&'a Lead, Timestamp),
    /// A call is planned.
    Planned {
        /// With whom.
        lead: &'a Lead,
        /// When.
        at: Timestamp,
        /// Whether the reader has something else planned then.
        taken: bool,
    },
    /// When? Of a call or of putting off.
    When {
        /// With whom.
        lead: &'a Lead,
        /// A call; else something is put off.
        call: bool,
        /// The time that was given is over.
        past: bool,
    },
    /// Which of several alerts is meant.
    Which,
    /// Nothing shows what is meant.
    AboutWhat,
    /// What was done is taken back.
    Undone(&'a Lead),
    /// There is nothing to take back.
    NothingToUndo,
    /// The user may not do that with this lead.
    NotAllowed,
    /// The CRM cannot be asked whether the user may.
    CannotAsk,
    /// Something was not understood.
    NotUnderstood(&'a User),
    /// A nod to a nod.
    Thanks,
    /// A greeting.
    Hello(&'a User),
    /// The rep has called: where to say how it went.
    Called,
    /// No alert of this lead is open.
    NothingOpen(&'a Lead),
    /// A call begins soon.
    CallSoon {
        /// With whom.
        lead: &'a Lead,
        /// When.
        at: Timestamp,
        /// What was said last, on either side.
        last: Option<&'a Activity>,
    },
    /// A planned call should be over: how did it go?
    CallOver {
        /// With whom.
        lead: &'a Lead,
        /// When it was to begin.
        at: Timestamp,
    },
    /// What has become of a planned call.
    CallNow {
        /// With whom.
        lead: &'a Lead,
        /// What.
        now: CallNow,
    },
    /// How a lead's message was read.
    Reading {
        /// Whose.
        lead: &'a Lead,
        /// Which.
        message: &'a Activity,
        /// What it is taken to mean.
        means: Meaning,
        /// What came of it that the reader has just said so.
        corrected: Option<Corrected>,
    },
}

/// What has become of a planned call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallNow {
    /// The reader has just said how it went.
    Noted(CallOutcome),
    /// It took place.
    Held,
    /// It did not.
    NotHeld,
    /// It is to take place then.
    Moved(Timestamp),
    /// The same, and the reader has something else planned then.
    MovedOnto(Timestamp),
    /// It is to take place at another time: when?
    Moves,
    /// It is no more.
    Gone,
    /// It is another's.
    Anothers,
    /// Nobody has noted it, and it is not asked for any more.
    Forgotten,
}

impl CallNow {
    /// The name in its wording.
    fn as_str(self) -> &'static str {
        match self {
            Self::Noted(_) => "noted",
            Self::Held => "held",
            Self::NotHeld => "not_held",
            Self::Moved(_) | Self::MovedOnto(_) => "moved",
            Self::Moves => "moves",
            Self::Gone => "gone",
            Self::Anothers => "anothers",
            Self::Forgotten => "forgotten",
        }
    }
}

impl Screen<'_> {
    /// The file of its wording.
    pub(super) fn file(&self) -> String {
        let name = match self {
            Self::Alerts(_) => "alerts",
            Self::Lead(_) => "lead",
            Self::Found { .. } => "found",
            Self::NotFound { .. } => "not_found",
            Self::Stats(_) => "stats",
            Self::Settings(_) => "settings",
            Self::Linked { .. } => "linked",
            Self::InGroup => "in_group",
            Self::Done(_) => "done",
            Self::DoneBefore(..) => "done_before",
            Self::Later(..) => "later",
            Self::Planned { .. } => "planned",
            Self::When { .. } => "when",
            Self::Which => "which",
            Self::AboutWhat => "about_what",
            Self::Undone(_) => "undone",
            Self::NothingToUndo => "nothing_to_undo",
            Self::NotAllowed => "not_allowed",
            Self::CannotAsk => "cannot_ask",
            Self::NotUnderstood(_) => "not_understood",
            Self::Thanks => "thanks",
            Self::Hello(_) => "hello",
            Self::Called => "called",
            Self::NothingOpen(_) => "nothing_open",
            Self::CallSoon { .. } => "call_soon",
            Self::CallOver { .. } => "call_over",
            Self::CallNow { .. } => "call_now",
            Self::Reading { .. } => "reading",
        };
        format!("screens/{name}.html.j2")
    }
}

impl Speech {
    /// An answer, as HTML; in this wording, or in one that what it says chooses.
    pub fn screen_html(&self, scene: Scene, screen: &Screen<'_>, wording: Option<Wording>) -> Result<String, Error> {
        let who = |lead: &Lead| self.who(scene, lead);
        let values = match screen {
            Screen::Alerts(page) => return self.alerts_html(page, wording.unwrap_or_default()),
            Screen::Lead(card) => return self.card_html(scene, card, wording.unwrap_or_default()),
            Screen::Found { typed, count, similar } => context! { typed => names::name(typed), count, similar },
            Screen::NotFound { typed, unasked } => context! { typed => names::name(typed), unasked },
            Screen::Stats(figures) => self.figures(figures)?,
            Screen::Settings(wishes) => self.wishes(scene, wishes),
            Screen::Linked { user, accounts } => {
                let accounts: Vec<String> = accounts.iter().map(|name| names::name(name)).collect();
                context! { me => names::name(&user.name), accounts }
            }
            Screen::Done(lead) | Screen::Undone(lead) | Screen::NothingOpen(lead) => context! { who => who(lead) },
            Screen::DoneBefore(lead, by) => context! { who => who(lead), by => names::name(by) },
            Screen::CallSoon { lead, at, last } => {
                let phone = lead.phone.as_deref().filter(|_| scene.content == Content::Full);
                context! {
                    who => who(lead),
                    time => words::clock(self.manner().lang(), *at, scene.zone),
                    phone => phone.map(names::name).unwrap_or_default(),
                    last => last.map(|last| self.exchange(scene, last, WORDS)),
                }
            }
            Screen::CallOver { lead, at } => {
                context! { who => who(lead), when => words::when(self.manner().lang(), *at, scene.now, scene.zone) }
            }
            Screen::CallNow { lead, now } => {
                let (outcome, at) = match now {
                    CallNow::Noted(outcome) => (outcome.as_str(), None),
                    CallNow::Moved(at) | CallNow::MovedOnto(at) => ("", Some(*at)),
                    CallNow::Held
                    | CallNow::NotHeld
                    | CallNow::Moves
                    | CallNow::Gone
                    | CallNow::Anothers
                    | CallNow::Forgotten => ("", None),
                };
                let said = if outcome.is_empty() { String::new() } else { self.label("outcome", outcome) };
                let at = at.map(|at| self.ahead(scene, at)).unwrap_or_default();
                let taken = matches!(now, CallNow::MovedOnto(_));
                context! { who => who(lead), now => now.as_str(), how => outcome, outcome => said, at, taken }
            }
            Screen::Reading { lead, message, means, corrected } => context! {
                who => who(lead),
                message => self.exchange(scene, message, names::QUOTE_CHARS),
                means => means.as_str(),
                read => self.label("meaning", means.as_str()),
                corrected => corrected.map(|done| context! {
                    as_read => done.as_read,
                    opened => done.opened,
                    closed => done.closed,
                    crm_was_told => done.crm_was_told,
                }),
            },
            Screen::Later(lead, until) => context! { who => who(lead), until => self.until(scene, *until) },
            Screen::Planned { lead, at, taken } => context! { who => who(lead), at => self.ahead(scene, *at), taken },
            Screen::When { lead, call, past } => context! { who => who(lead), call, past },
            Screen::NotUnderstood(user) => context! { me => names::user(user) },
            Screen::Hello(user) => {
                context! { me => names::user(user), evening => words::is_evening(scene.now, scene.zone) }
            }
            Screen::InGroup
            | Screen::Which
            | Screen::AboutWhat
            | Screen::NothingToUndo
            | Screen::NotAllowed
            | Screen::CannotAsk
            | Screen::Thanks
            | Screen::Called => context! {},
        };
        let wording = wording.unwrap_or_else(|| Wording::of_text(&values.to_string()));
        self.render(&screen.file(), wording, &values)
    }

    /// A lead's status in words: those that EspoCRM comes with in the reader's language, any other as the CRM has it.
    fn status(&self, status: &str) -> String {
        let key = status.to_lowercase().replace(' ', "_");
        let label = self.label("status", &key);
        if label == key { names::one_line(status, 40) } else { label }
    }

    /// How a sentence calls a lead.
    fn who(&self, scene: Scene, lead: &Lead) -> String {
        let name = match scene.content {
            Content::Full => names::identity(lead),
            Content::Minimal => names::call_name(lead, true),
            Content::Initials => names::initials(lead),
        };
        if name.is_empty() { self.label("nameless", "inside") } else { name }
    }

    fn until(&self, scene: Scene, at: Timestamp) -> String {
        words::until(self.manner().lang(), at, scene.now, scene.zone)
    }

    fn ahead(&self, scene: Scene, at: Timestamp) -> String {
        words::ahead(self.manner().lang(), at, scene.now, scene.zone)
    }

    fn alerts_html(&self, page: &AlertsPage<'_>, wording: Wording) -> Result<String, Error> {
        let mut shown = page.alerts.len();
        loop {
            let mut lines = Vec::with_capacity(shown);
            for (position, context) in page.alerts.iter().take(shown).enumerate() {
                lines.push(context! {
                    number => page.before + position + 1,
                    emoji => self.label("emoji", super::type_key(context.alert.alert_type)),
                    name => self.listed_name(context),
                    reason => self.reason(context)?,
                    until => match context.alert.state {
                        crate::domain::AlertState::Snoozed { until } => {
                            words::until(self.manner().lang(), until, context.now, context.zone)
                        }
                        _ => String::new(),
                    },
                });
            }
            let values = context! {
                filter => page.filter.as_str(),
                total => page.total,
                from => page.before + 1,
                to => page.before + page.alerts.len(),
                lines,
            };
            let html = self.render(&Screen::Alerts(*page).file(), wording, &values)?;
            if shown == 0 || html::visible_units(&html) <= html::MESSAGE_UNITS {
                return Ok(html);
            }
            shown -= 1;
        }
    }

    fn card_html(&self, scene: Scene, card: &Card<'_>, wording: Wording) -> Result<String, Error> {
        let lang = self.manner().lang();
        let is_full = scene.content == Content::Full;
        let insight = card.insight;
        let best = insight.best_time;
        let lines: Vec<Value> = card.exchanges.iter().map(|activity| self.exchange(scene, activity, WORDS)).collect();
        let headline = card.alert.map(|context| self.headline(&context)).transpose()?.unwrap_or_default();
        let shown = |text: String| if is_full { text } else { String::new() };
        let values = context! {
            who => self.who(scene, card.lead),
            emoji => card.alert.map(|context| self.label("emoji", super::type_key(context.alert.alert_type))),
            headline,
            status => self.status(&card.lead.status),
            guessed => card.guessed.map(names::name).unwrap_or_default(),
            own => card.is_own,
            owner => card.owner.map(|owner| names::name(&owner.name)).unwrap_or_default(),
            phone => shown(card.lead.phone.as_deref().map(names::name).unwrap_or_default()),
            email => shown(card.lead.email.as_deref().map(names::name).unwrap_or_default()),
            closed => card.lead.is_do_not_contact(),
            preferred => insight.preferred.map(|channel| self.label("channel", channel.as_str())).unwrap_or_default(),
            best => best.map(|best| context! {
                day => best.weekday.map(|day| words::day_name(lang, day)).unwrap_or_default(),
                from => words::hour(lang, best.from),
                to => words::hour(lang, best.to),
            }),
            next => insight.next_step.map(|step| context! {
                channel => step.channel.as_str(),
                noun => self.label("noun", step.channel.as_str()),
                late => step.at <= scene.now,
                at => if step.at <= scene.now {
                    words::when(lang, step.at, scene.now, scene.zone)
                } else {
                    self.ahead(scene, step.at)
                },
            }),
            lines,
            more => card.more,
        };
        self.render(&Screen::Lead(*card).file(), wording, &values)
    }

    /// What was said, with at most so many characters of it.
    fn exchange(&self, scene: Scene, activity: &Activity, characters: usize) -> Value {
        let words = match scene.content {
            Content::Full => names::isolated(names::one_line(&activity.preview, characters)),
            Content::Minimal | Content::Initials => String::new(),
        };
        context! {
            inbound => activity.direction == Direction::In,
            when => words::when(self.manner().lang(), activity.timestamp, scene.now, scene.zone),
            channel => activity.channel.as_str(),
            means => self.label("channel", activity.channel.as_str()),
            unanswered => activity.status == ActivityStatus::NoAnswer,
            machine => activity.reading.auto_reply,
            words,
        }
    }

    fn figures(&self, figures: &Figures<'_>) -> Result<Value, Error> {
        let lang = self.manner().lang();
        let count = |count: &Count<'_>| {
            let longest = count.reactions.last().copied();
            context! {
                opened => count.opened,
                handled => count.handled,
                hot => count.reactions.len(),
                typical => count.typical.map(|span| words::duration(lang, span)).unwrap_or_default(),
                longest => longest.map(|span| words::duration(lang, span)).unwrap_or_default(),
            }
        };
        let (open, urgent, snoozed) = figures.open;
        let [today, week] = figures.periods.each_ref().map(count);
        let kpi = figures.report.map(|report| self.kpi_html(report)).transpose()?.map(Value::from_safe_string);
        let claims = figures.report.map_or_else(|| context! {}, |report| self.claims(report));
        Ok(context! { team => figures.team, open, urgent, snoozed, today, week, kpi, ..claims })
    }

    fn wishes(&self, scene: Scene, wishes: &Wishes<'_>) -> Value {
        let lang = self.manner().lang();
        let until = |until: Option<Timestamp>| until.map(|until| self.until(scene, until)).unwrap_or_default();
        let time = |minutes: u16| words::minutes(lang, minutes);
        context! {
            page => wishes.page.as_str(),
            formal => wishes.formal,
            briefing => wishes.briefing,
            summary => wishes.summary,
            weekly => wishes.weekly,
            paused => until(wishes.paused_until),
            away => until(wishes.away_until),
            stand_in => wishes.stand_in.map(|user| names::name(&user.name)).unwrap_or_default(),
            quiet => wishes.quiet.map(|(from, to)| context! { from => time(from), to => time(to) }),
        }
    }
}
