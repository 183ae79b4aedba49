//! One language's way of saying things: what the templates are told, and how their pieces are put together.

use std::ops::Range;
use std::path::Path;

use minijinja::{Error, ErrorKind, Value, context};

use super::templates::{VoiceError, Wordings};
use super::{
    AlertContext, Content, DayBegins, DayEnds, Done, DraftShown, Lang, Manner, Notice, Route, Style, Toast, Wording,
    html, names, type_key, words,
};
use crate::domain::alert::{ChannelRate, Cited, Resolution};
use crate::domain::draft::{Prepared, Stage, Tone};
use crate::domain::effect::{Occasion, Stillness};
use crate::domain::insight::{BestTime, LeadInsight, Touch};
use crate::domain::unsubscribed::{ME, UnsubscribedStage};
use crate::domain::{
    AlertState, Channel, CloseReason, DeedKind, Direction, Evidence, Lead, Severity, Timestamp, User, UserId,
};
use crate::insight::advice::{self, Suggestion};
use crate::insight::exchange::Topic;
use crate::insight::strategy::{Reason, Step, Strategy};

/// On what a strategy is built, and one step of it.
pub const REASON: &str = "strategy/reason.txt.j2";
/// See [`REASON`].
pub const STEP: &str = "strategy/step.txt.j2";
/// The label of an alert that ended because its lead wants no more messages.
const UNSUBSCRIBED: &str = "unsubscribed";
/// The line between two wordings of a draft.
const BETWEEN_WORDINGS: &str = "\n---\n";
/// As much of a name as a call is called by.
const CALLED_CHARS: usize = 120;
/// From this rate on (percent) a channel works well, not just better.
const GOOD_RATE: u32 = 60;

/// A manner with its templates and labels.
#[derive(Debug)]
pub struct Speech {
    manner: Manner,
    lang: Lang,
    wordings: Wordings,
}

impl Speech {
    /// The embedded wordings with those of `folder` in their place.
    pub fn load(manner: Manner, folder: Option<&Path>) -> Result<Self, VoiceError> {
        Ok(Self { manner, lang: manner.lang(), wordings: Wordings::load(manner, folder)? })
    }

    /// Its manner.
    pub fn manner(&self) -> Manner {
        self.manner
    }

    /// Its templates and labels.
    pub fn wordings(&self) -> &Wordings {
        &self.wordings
    }

    /// A short text of which there is one wording.
    pub fn label(&self, section: &str, key: &str) -> String {
        self.wordings.label(section, key, Wording::default())
    }

    pub(super) fn render(&self, name: &str, wording: Wording, values: &Value) -> Result<String, Error> {
        Ok(tidy(&self.wordings.render(name, wording, values)?))
    }

    fn of_type(&self, folder: &str, context: &AlertContext<'_>, values: &Value) -> Result<String, Error> {
        self.render(&file_of_type(folder, context), context.wording, values)
    }

    /// One sentence: what is the matter.
    pub fn headline(&self, context: &AlertContext<'_>) -> Result<String, Error> {
        let facts = self.facts(context);
        match context.content {
            Content::Full | Content::Minimal => self.of_type("headlines", context, &facts),
            Content::Initials => self.render("headlines/group.txt.j2", context.wording, &facts),
        }
    }

    /// A few words: what is the matter, in a list.
    pub fn reason(&self, context: &AlertContext<'_>) -> Result<String, Error> {
        match context.content {
            Content::Full | Content::Minimal => self.of_type("reasons", context, &self.facts(context)),
            Content::Initials => Ok(words::duration(self.lang, as_of(context).since(reference(context)))),
        }
    }

    /// The fact with its date, as of the opening: it is written once.
    pub fn record(&self, context: &AlertContext<'_>) -> Result<String, Error> {
        let opened = context.alert.opened_at.unwrap_or(context.now);
        self.of_type("records", context, &self.facts_as_of(context, opened))
    }

    /// What the alert rests on, with the quoted words on the same line.
    pub fn evidence_in_full(&self, context: &AlertContext<'_>) -> Result<String, Error> {
        let context = AlertContext { content: Content::Full, ..*context };
        let opened = context.alert.opened_at.unwrap_or(context.now);
        let when = cited(&context.alert.evidence).map(|cited| words::on(self.lang, cited.at, opened, context.zone));
        let facts = context! { when => when.unwrap_or_default(), ..self.facts_as_of(&context, opened) };
        let quote = quote(&context);
        let evidence = self.of_type("evidence", &context, &facts)?;
        Ok(match (quote.is_empty(), self.lang) {
            (true, _) => evidence,
            (false, Lang::Fr) => format!("{evidence} «\u{A0}{quote}\u{A0}»"),
            (false, Lang::En) => format!("{evidence} “{quote}”"),
        })
    }

    /// The first suggestion, as a title.
    pub fn suggested_action(&self, context: &AlertContext<'_>) -> String {
        self.label("suggestion", &first_suggestion(context).key())
    }

    /// The first suggestion, as one says it.
    pub fn spoken_suggestion(&self, context: &AlertContext<'_>) -> String {
        let suggestion = first_suggestion(context);
        let elsewhere = |channel: Channel| cited(&context.alert.evidence).is_some_and(|cited| cited.channel != channel);
        let key = match suggestion {
            Suggestion::GentleReminder(channel) if elsewhere(channel) => format!("try_{}", channel.as_str()),
            Suggestion::StickTo(_) if !works_well(&context.alert.evidence) => "lean_on".to_owned(),
            Suggestion::First(_)
            | Suggestion::GentleReminder(_)
            | Suggestion::ChangeAngle(_)
            | Suggestion::FollowUp(_)
            | Suggestion::CallDirectly
            | Suggestion::AnswerNow(_)
            | Suggestion::CallTomorrow
            | Suggestion::LastTry(_)
            | Suggestion::Archive
            | Suggestion::StickTo(_)
            | Suggestion::FindContactData
            | Suggestion::CheckConsent
            | Suggestion::MarkHandled => suggestion.key(),
        };
        self.wordings.label("spoken", &key, context.wording)
    }

    /// What every template about an alert may use; `templates/voice/README.md` lists it.
    fn facts(&self, context: &AlertContext<'_>) -> Value {
        self.facts_as_of(context, as_of(context))
    }

    fn facts_as_of(&self, context: &AlertContext<'_>, as_of: Timestamp) -> Value {
        let (lang, zone) = (self.lang, context.zone);
        let since = reference(context);
        let called = match context.content {
            Content::Full => names::call_name(context.lead, false),
            Content::Minimal => names::call_name(context.lead, true),
            Content::Initials => names::initials(context.lead),
        };
        let named = !called.is_empty();
        let in_group = context.content == Content::Initials;
        // Whoever does not own the lead is asked whether to take it, and not told what to do.
        let others = context.occasion == Occasion::Escalated;
        let nameless = |key: &str| self.label("nameless", key);
        let activity = cited(&context.alert.evidence);
        let quote = if context.content == Content::Full { quote(context) } else { String::new() };
        context! {
            who => if named { called.clone() } else { nameless("inside") },
            who_start => if named { called } else { nameless("start") },
            named,
            identity => if context.content == Content::Full { names::identity(context.lead) } else { String::new() },
            me => context.owner.map(names::user).unwrap_or_default(),
            days => as_of.days_since(since).max(0),
            duration => words::duration(lang, as_of.since(since)),
            ago => words::ago(lang, since, as_of, zone),
            since => words::since(lang, since, as_of, zone),
            date => words::date(lang, since, as_of, zone),
            time => words::clock(lang, since, zone),
            seen => activity.is_some(),
            channel => activity.map_or("", |cited| cited.channel.as_str()),
            noun => activity.map(|cited| self.label("noun", cited.channel.as_str())).unwrap_or_default(),
            via => activity.map(|cited| self.via(cited.channel)).unwrap_or_default(),
            ours => activity.is_some_and(|cited| cited.direction == Direction::Out),
            when => activity.map(|cited| words::when(lang, cited.at, as_of, zone)).unwrap_or_default(),
            cited_date => activity.map(|cited| words::date(lang, cited.at, as_of, zone)).unwrap_or_default(),
            waiting => waiting(&context.alert.evidence),
            quoted => !quote.is_empty(),
            quote,
            suggestion => if in_group || others { String::new() } else { self.spoken_suggestion(context) },
            phone => number_to_call(context),
            action => self.suggested_action(context),
            emoji => self.label("emoji", type_key(context.alert.alert_type)),
            opening => if in_group { String::new() } else { self.opening(context) },
            ..self.rates(&context.alert.evidence)
        }
    }

    /// By what means, with a space before it; empty where the noun says it already.
    fn via(&self, channel: Channel) -> String {
        match channel {
            Channel::Whatsapp | Channel::Email => format!(" {}", self.label("on", channel.as_str())),
            Channel::Call | Channel::Manual => String::new(),
        }
    }

    fn rates(&self, evidence: &Evidence) -> Value {
        let name = |rate: ChannelRate| self.label("channel", rate.channel.as_str());
        let on = |rate: ChannelRate| self.label("on", rate.channel.as_str());
        let rates = rates(evidence);
        context! {
            best => rates.map(|(best, _)| rate_values(best, name(best), on(best))),
            second => rates.map(|(_, second)| rate_values(second, name(second), on(second))),
            good => works_well(evidence),
        }
    }

    fn opening(&self, context: &AlertContext<'_>) -> String {
        let key = match context.occasion {
            Occasion::Opened | Occasion::Briefing => return String::new(),
            Occasion::Reopened => "reopened",
            Occasion::SnoozeOver => "snooze_over",
            Occasion::NewOwner => "new_owner",
            Occasion::Reminder => "reminder",
            Occasion::Escalated if context.owner.is_none() => "escalated_nobody",
            Occasion::Escalated => "escalated",
            Occasion::StandingIn => "standing_in",
        };
        let owner = context.owner.map(names::user).unwrap_or_default();
        self.wordings.label("opening", key, context.wording).replace("{owner}", &owner)
    }

    /// Why all of these are told, where that needs saying: somebody is away.
    fn opening_of_all(&self, alerts: &[AlertContext<'_>]) -> String {
        let is_so = |context: &AlertContext<'_>| context.occasion == Occasion::StandingIn;
        let Some(first) = alerts.first().filter(|_| alerts.iter().all(is_so)) else { return String::new() };
        let mut owners: Vec<String> = alerts.iter().filter_map(|context| context.owner).map(names::user).collect();
        owners.sort();
        owners.dedup();
        self.wordings.label("opening", "standing_in", first.wording).replace("{owner}", &owners.join(", "))
    }

    /// An alert in its present state.
    pub fn alert_html(&self, context: &AlertContext<'_>, shown_link: Option<&str>) -> Result<String, Error> {
        match &context.alert.state {
            AlertState::Open => {
                let facts = self.facts(context);
                let evidence = match context.content {
                    Content::Full | Content::Minimal => self.of_type("evidence", context, &facts)?,
                    Content::Initials => String::new(),
                };
                let known = context.strategy.filter(|_| context.content != Content::Initials);
                let strategy = known.map(|strategy| self.strategy(context, strategy)).transpose()?;
                let values = context! {
                    headline => self.headline(context)?,
                    evidence,
                    strategy => strategy.map(|(reason, steps)| context! { reason, steps }),
                    link => shown_link.unwrap_or_default(),
                    ..facts
                };
                self.render("alert.html.j2", context.wording, &values)
            }
            AlertState::Snoozed { until } => {
                let values = context! {
                    headline => self.headline(context)?,
                    until => words::until(self.lang, *until, context.now, context.zone),
                    link => shown_link.unwrap_or_default(),
                    ..self.facts(context)
                };
                self.render("snoozed.html.j2", context.wording, &values)
            }
            AlertState::Closed { reason, .. } => {
                let outcome = match context.done {
                    Some(done) => self.done(context, done)?,
                    None => self.outcome(context, *reason),
                };
                self.closed(context, "closed", &outcome, context! {})
            }
            AlertState::Resolved(resolution) => self.resolved(context, resolution),
        }
    }

    /// How to go about the lead: the fact it is built on, and the steps.
    pub fn strategy(&self, context: &AlertContext<'_>, strategy: &Strategy) -> Result<(String, Vec<String>), Error> {
        let facts = self.facts(context);
        let values = context! { ..self.reason_values(&strategy.reason, context), ..facts.clone() };
        let reason = self.render(REASON, context.wording, &values)?;
        let steps = strategy.steps.iter().map(|step| {
            let values = context! { ..self.step_values(*step, context), ..facts.clone() };
            self.render(STEP, context.wording, &values)
        });
        Ok((reason, steps.collect::<Result<_, _>>()?))
    }

    fn reason_values(&self, reason: &Reason, context: &AlertContext<'_>) -> Value {
        let of = |rate: ChannelRate| {
            let channel = rate.channel.as_str();
            rate_values(rate, self.label("channel", channel), self.label("on", channel))
        };
        match reason {
            Reason::Rates { best, second } => {
                let good = best.percent() >= GOOD_RATE;
                context! { kind => "rates", good, best => of(*best), second => second.map(of) }
            }
            Reason::InVain { tries, on } => {
                let on = on.map(|channel| self.label("on", channel.as_str())).unwrap_or_default();
                context! { kind => "in_vain", tries, on }
            }
            Reason::Hours(time) => context! { kind => "hours", ..self.hours(Some(*time)) },
            Reason::Said(said) => context! {
                kind => "said",
                on => self.label("on", said.channel.as_str()),
                asked => said.topic.map(|topic| self.label("asked", topic.as_str())).unwrap_or_default(),
                ago => words::ago(self.lang, said.at, as_of(context), context.zone),
            },
        }
    }

    fn step_values(&self, step: Step, context: &AlertContext<'_>) -> Value {
        let (kind, channel) = match step {
            Step::Answer(channel) => ("answer", Some(channel)),
            Step::Remind(channel, _) => ("remind", Some(channel)),
            Step::Switch(channel) => ("switch", Some(channel)),
            Step::Resume(channel, _) => ("resume", Some(channel)),
            Step::LastTry(channel) => ("last_try", Some(channel)),
            Step::ThenCall(_) => ("then_call", Some(Channel::Call)),
            Step::ThenWrite(channel) => ("then_write", Some(channel)),
            Step::ThenArchive => ("then_archive", None),
            Step::ThenPlanned(touch) => ("then_planned", Some(touch.channel)),
        };
        let (time, said, planned) = match step {
            Step::ThenCall(time) => (time, None, None),
            Step::Remind(_, said) | Step::Resume(_, said) => (None, said, None),
            Step::ThenPlanned(touch) => (None, None, Some(touch.at)),
            Step::Answer(_) | Step::Switch(_) | Step::LastTry(_) | Step::ThenWrite(_) | Step::ThenArchive => {
                (None, None, None)
            }
        };
        let date = |at: Timestamp| words::date(self.lang, at, as_of(context), context.zone);
        context! {
            kind,
            channel => channel.map_or("", Channel::as_str),
            on => channel.map(|channel| self.label("on", channel.as_str())).unwrap_or_default(),
            said_on => said.map(|said| date(said.at)),
            wanted => said.is_some_and(|said| said.intent),
            planned_on => planned.map(date),
            ..self.hours(time)
        }
    }

    /// The hours at which a lead answers, in words; empty when they are not known.
    fn hours(&self, time: Option<BestTime>) -> Value {
        let hour = |hour| words::hour(self.lang, hour);
        context! {
            from => time.map(|time| hour(time.from)).unwrap_or_default(),
            until => time.map(|time| hour(time.to)).unwrap_or_default(),
            weekday => time.and_then(|time| time.weekday).map(|day| words::day_name(self.lang, day)).unwrap_or_default(),
        }
    }

    /// What somebody did, as the end of an alert.
    fn done(&self, context: &AlertContext<'_>, done: &Done) -> Result<String, Error> {
        let (when, outcome) = match &done.kind {
            DeedKind::PlanCall { at } => (words::on(self.lang, *at, done.at, context.zone), String::new()),
            DeedKind::LogCall { outcome } | DeedKind::FinishCall { outcome, .. } => {
                (String::new(), self.label("outcome", outcome.as_str()))
            }
            DeedKind::MoveCall { to, .. } => (words::on(self.lang, *to, done.at, context.zone), String::new()),
            DeedKind::SetStatus { .. } | DeedKind::Assign { .. } | DeedKind::SendMail(_) | DeedKind::OptOut => {
                (String::new(), String::new())
            }
        };
        let by = self.doer(context, done.user.as_ref(), &done.by);
        let values = context! { what => done.kind.as_str(), by, when, outcome };
        self.render("done.txt.j2", context.wording, &values)
    }

    /// The facts and dates behind an alert.
    pub fn behind_html(&self, context: &AlertContext<'_>, insight: &LeadInsight) -> Result<String, Error> {
        let when = |touch: &Touch| words::when(self.lang, touch.at, context.now, context.zone);
        let told = |touch: &Touch| context! { when => when(touch), via => self.via(touch.channel), channel => touch.channel.as_str() };
        let next = insight.next_step.as_ref();
        let values = context! {
            headline => self.headline(context)?,
            last_in => insight.last_in.as_ref().map(told),
            last_out => insight.last_out.as_ref().map(told),
            next => next.map(|step| words::to_come(self.lang, step.at, context.now, context.zone)),
            opened => context.alert.opened_at.map(|at| words::on(self.lang, at, context.now, context.zone)),
            ..self.facts(context)
        };
        self.render("why.html.j2", context.wording, &values)
    }

    fn outcome(&self, context: &AlertContext<'_>, reason: CloseReason) -> String {
        let key = match reason {
            CloseReason::LeadDeleted | CloseReason::LeadClosed | CloseReason::Planned | CloseReason::Superseded => {
                reason.as_str().to_owned()
            }
            CloseReason::Cleared if context.lead.do_not_contact => UNSUBSCRIBED.to_owned(),
            CloseReason::Cleared => format!("cleared_{}", type_key(context.alert.alert_type)),
        };
        self.wordings.label("closed", &key, context.wording)
    }

    fn resolved(&self, context: &AlertContext<'_>, resolution: &Resolution) -> Result<String, Error> {
        if context.lead.do_not_contact && resolution.user.is_none() && resolution.by == ME {
            let outcome = self.wordings.label("closed", UNSUBSCRIBED, context.wording);
            return self.closed(context, "closed", &outcome, context! {});
        }
        let note = match context.content {
            Content::Full => names::isolated(names::one_line(&resolution.note, names::QUOTE_CHARS)),
            Content::Minimal | Content::Initials => String::new(),
        };
        let values = context! {
            by => self.doer(context, resolution.user.as_ref(), &resolution.by),
            place => self.label("place", resolution.via.as_str()),
            note,
        };
        self.closed(context, "resolved", "", values)
    }

    /// Who did it, as the reader would say it: oneself is no name.
    fn doer(&self, context: &AlertContext<'_>, user: Option<&UserId>, name: &str) -> String {
        let is_reader = user.is_some() && user == context.reader;
        if is_reader { self.label("reader", "by") } else { names::name(name) }
    }

    /// What an open alert's message says once a later one has taken its place: what is to be done is said there.
    pub fn later_html(&self, context: &AlertContext<'_>) -> Result<String, Error> {
        self.closed(context, "later", "", context! {})
    }

    /// What is left of an alert's message once the lead belongs to somebody else.
    pub fn moved_html(&self, context: &AlertContext<'_>, new_owner: Option<&User>) -> Result<String, Error> {
        let values = context! { by => new_owner.map(names::user).unwrap_or_default() };
        self.closed(context, "moved", "", values)
    }

    fn closed(&self, context: &AlertContext<'_>, how: &str, outcome: &str, values: Value) -> Result<String, Error> {
        let nothing = context! { by => "", place => "", note => "" };
        let values = context! {
            headline => self.headline(context)?,
            how,
            outcome,
            ..context! { ..values, ..nothing, ..self.facts(context) }
        };
        self.render("closed.html.j2", context.wording, &values)
    }

    /// How a list calls a lead.
    pub fn listed_name(&self, context: &AlertContext<'_>) -> String {
        self.name_of(context.lead, context.content)
    }

    fn name_of(&self, lead: &Lead, content: Content) -> String {
        let name = match content {
            Content::Full => names::identity(lead),
            Content::Minimal => names::call_name(lead, true),
            Content::Initials => names::initials(lead),
        };
        if name.is_empty() { self.label("nameless", "start") } else { name }
    }

    /// Several alerts in one message, in the order in which they are given.
    pub fn digest_html(
        &self,
        reader: Option<&User>,
        alerts: &[AlertContext<'_>],
        page: Range<usize>,
    ) -> Result<String, Error> {
        let mut shown = page.len();
        loop {
            let html = self.digest_of(reader, alerts, page.start..page.start + shown, page.len() - shown)?;
            if shown == 0 || html::visible_units(&html) <= html::MESSAGE_UNITS {
                return Ok(html);
            }
            shown -= 1;
        }
    }

    fn digest_of(
        &self,
        reader: Option<&User>,
        alerts: &[AlertContext<'_>],
        lines: Range<usize>,
        left: usize,
    ) -> Result<String, Error> {
        let mut groups: Vec<(Severity, Vec<Value>)> = Vec::new();
        for (position, context) in alerts.iter().enumerate().take(lines.end).skip(lines.start) {
            let line = context! {
                number => position + 1,
                name => self.listed_name(context),
                reason => self.reason(context)?,
            };
            match groups.last_mut() {
                Some((severity, lines)) if *severity == context.alert.severity() => lines.push(line),
                _ => groups.push((context.alert.severity(), vec![line])),
            }
        }
        let groups: Vec<Value> = groups
            .into_iter()
            .map(|(severity, lines)| context! { title => self.label("severity", severity.as_str()), lines })
            .collect();
        let me = reader.map(names::user).unwrap_or_default();
        let urgent = alerts.iter().filter(|context| context.alert.severity() == Severity::Urgent).count();
        let wording = alerts.first().map(|context| context.wording).unwrap_or_default();
        let opening = self.opening_of_all(alerts);
        let values = context! { total => alerts.len(), urgent, groups, left, me, opening };
        self.render("digest.html.j2", wording, &values)
    }

    /// How a day begins.
    pub fn briefing_html(&self, day: &DayBegins<'_>) -> Result<String, Error> {
        let first = day.alerts.first();
        let planned = day.planned.iter().map(|(at, lead)| {
            let name = self.name_of(lead, day.content);
            context! { time => words::clock(self.lang, *at, day.zone), name }
        });
        let values = context! {
            me => day.reader.map(names::user).unwrap_or_default(),
            total => day.alerts.len(),
            urgent => day.alerts.iter().filter(|context| context.alert.severity() == Severity::Urgent).count(),
            name => first.map(|first| self.listed_name(first)).unwrap_or_default(),
            reason => first.map(|first| self.reason(first)).transpose()?.unwrap_or_default(),
            planned => planned.collect::<Vec<Value>>(),
        };
        self.render("briefing.html.j2", first.map(|first| first.wording).unwrap_or_default(), &values)
    }

    /// How a day ends.
    pub fn summary_html(&self, day: &DayEnds<'_>) -> Result<String, Error> {
        let line = |context: &AlertContext<'_>| -> Result<Value, Error> {
            Ok(context! { name => self.listed_name(context), reason => self.reason(context)? })
        };
        let named: Vec<Value> = day.named.iter().map(line).collect::<Result<_, Error>>()?;
        let values = context! {
            me => day.reader.map(names::user).unwrap_or_default(),
            handled => day.handled,
            answered => day.answered,
            open => day.open,
            left => day.left,
            more => day.left - named.len(),
            named,
        };
        self.render("summary.html.j2", Wording(u32::try_from(day.day).unwrap_or_default()), &values)
    }

    /// An e-mail's subject.
    pub fn subject(&self, context: &AlertContext<'_>) -> Result<String, Error> {
        let topic = context.exchange.topic.map(Topic::as_str);
        Ok(self.label("subject", topic.unwrap_or_else(|| type_key(context.alert.alert_type))))
    }

    /// A message to the lead.
    pub fn draft(&self, context: &AlertContext<'_>, channel: Channel, style: Style) -> Result<String, Error> {
        let mut all = self.drafts(context, channel, style.tone)?;
        let which = style.wording as usize % all.len().max(1);
        Ok(if all.is_empty() { String::new() } else { all.swap_remove(which) })
    }

    /// Every message to the lead in a tone; at least one.
    pub fn drafts(&self, context: &AlertContext<'_>, channel: Channel, tone: Tone) -> Result<Vec<String>, Error> {
        let facts = self.facts_to_write_with(context, channel, tone);
        let request = self.render("drafts/request.txt.j2", context.wording, &facts)?;
        let facts = context! { request, ..facts };
        let all = self.of_type("drafts", context, &facts)?;
        let frame = match channel {
            Channel::Whatsapp | Channel::Manual => "frames/whatsapp.txt.j2",
            Channel::Email => "frames/email.txt.j2",
            Channel::Call => "frames/call.txt.j2",
        };
        let mut bodies: Vec<&str> = all.split(BETWEEN_WORDINGS).map(str::trim).collect();
        bodies.retain(|body| !body.is_empty());
        if bodies.is_empty() {
            return Err(Error::new(ErrorKind::InvalidOperation, "it says nothing in some cases"));
        }
        let framed = |body: &str| self.render(frame, context.wording, &context! { body, ..facts.clone() });
        bodies.into_iter().map(framed).collect()
    }

    fn facts_to_write_with(&self, context: &AlertContext<'_>, channel: Channel, tone: Tone) -> Value {
        let (lang, now, zone) = (self.lang, context.now, context.zone);
        let of_alert = cited(&context.alert.evidence).map(|cited| (cited.channel, cited.direction, cited.at));
        let said = of_alert.or(context.exchange.last.map(|said| (said.channel, said.direction, said.at)));
        let at = said.map(|(_, _, at)| at);
        let [next_day, day_after] = words::next_working_days(lang, now, zone);
        context! {
            first_name => names::one_line(&context.lead.first_name, 48),
            me_in_full => context.owner.map(|user| names::name(&user.name)).unwrap_or_default(),
            to => channel.as_str(),
            tone => tone.as_str(),
            tu => self.manner == Manner::Tu,
            topic => context.exchange.topic.map_or("", Topic::as_str),
            seen => said.is_some(),
            channel => said.map_or("", |(channel, _, _)| channel.as_str()),
            ours => said.is_some_and(|(_, direction, _)| direction == Direction::Out),
            noun => said.map(|(channel, _, _)| self.label("noun", channel.as_str())).unwrap_or_default(),
            cited_date => at.map(|at| words::date(lang, at, now, zone)).unwrap_or_default(),
            of_day => at.map(|at| words::of_day(lang, at, now, zone)).unwrap_or_default(),
            on_day => at.map(|at| words::on_day(lang, at, now, zone)).unwrap_or_default(),
            next_day,
            day_after,
            ..self.facts(context)
        }
    }

    /// A prepared message as its message in the chat shows it.
    pub fn draft_html(&self, context: &AlertContext<'_>, shown: DraftShown<'_>) -> Result<String, Error> {
        let values = match shown {
            DraftShown::Refused => context! { stage => "none", ..self.facts(context) },
            DraftShown::NoChannel => context! { stage => "no_channel", ..self.facts(context) },
            DraftShown::Prepared { prepared, route, over } => self.prepared(context, prepared, route, over),
        };
        self.render("draft.html.j2", context.wording, &values)
    }

    fn prepared(&self, context: &AlertContext<'_>, prepared: &Prepared, route: Route<'_>, over: bool) -> Value {
        let mut at = None;
        let stage = match prepared.stage {
            Stage::Sent(then) => {
                at = Some(then);
                "sent"
            }
            Stage::Noted(_) => "noted",
            Stage::OnItsWay => "on_its_way",
            Stage::Unclear => "unclear",
            Stage::Ready | Stage::AwaitingText(_) | Stage::Confirming | Stage::Failed if over => "over",
            Stage::Ready => "ready",
            Stage::AwaitingText(_) => "awaiting",
            Stage::Confirming => "confirming",
            Stage::Failed => "failed",
        };
        context! {
            stage,
            text => prepared.text.as_str(),
            own => prepared.is_own,
            subject => prepared.subject.as_deref().unwrap_or_default(),
            to => prepared.channel.as_str(),
            on => self.label("on", prepared.channel.as_str()),
            address => context.lead.email.as_deref().unwrap_or_default(),
            from => route.from,
            reply_to => route.reply_to,
            at => at.map(|at| words::when(self.lang, at, context.now, context.zone)).unwrap_or_default(),
            ..self.facts(context)
        }
    }

    /// A message that is not about one alert, in the wording that is asked for, else in the one of what it says.
    pub fn notice_html(&self, notice: Notice<'_>, wording: Option<Wording>) -> Result<String, Error> {
        let (name, values) = self.notice(notice);
        let wording = wording.unwrap_or_else(|| Wording::of_text(&values.to_string()));
        self.render(&format!("notices/{name}.html.j2"), wording, &values)
    }

    fn notice(&self, notice: Notice<'_>) -> (&'static str, Value) {
        match notice {
            Notice::Welcome(user) => ("welcome", context! { me => names::user(user) }),
            Notice::NotLinked => ("not_linked", context! {}),
            Notice::LinkExpired => ("link_expired", context! {}),
            Notice::LinkLater => ("link_later", context! {}),
            Notice::Unlinked => ("unlinked", context! {}),
            Notice::Help => ("help", context! {}),
            Notice::Unknown => ("unknown", context! {}),
            Notice::DraftTooLong => ("draft_too_long", context! {}),
            Notice::AllClear => ("all_clear", context! {}),
            Notice::SyncStopped { since, why, now, zone } => {
                let since = words::when(self.lang, since, now, zone);
                let reason = self.label("standstill", why.as_str());
                ("sync_stopped", context! { since, reason, gone => why == Stillness::TooManyGone })
            }
            Notice::SyncResumed { lasted } => {
                ("sync_resumed", context! { duration => words::duration(self.lang, lasted) })
            }
            Notice::LinkPreview { user, instead } => {
                let mail = user.emails.first().map(|mail| names::name(mail)).unwrap_or_default();
                let instead = instead.map(names::full).unwrap_or_default();
                ("link_preview", context! { user => names::full(user), mail, instead })
            }
            Notice::LinkDeclined => ("link_declined", context! {}),
            Notice::DeedRefused { kind, lead, why } => {
                let who = names::call_name(lead, false);
                let values = context! { what => kind.as_str(), why => why.as_str(), named => !who.is_empty(), who };
                ("deed_refused", values)
            }
            Notice::Unsubscribed { lead, text, stage } => {
                let who = lead.map(|lead| names::call_name(lead, false)).unwrap_or_default();
                let stage = match stage {
                    UnsubscribedStage::Counts => "counts",
                    UnsubscribedStage::Noted => "noted",
                    UnsubscribedStage::Lifted => "lifted",
                    UnsubscribedStage::NotSo => "not_so",
                };
                let text = names::isolated(names::one_line(text, names::QUOTE_CHARS));
                ("unsubscribed", context! { named => !who.is_empty(), who, text, stage })
            }
        }
    }

    /// What a call with a lead is called in the CRM.
    pub fn call_name(&self, lead: &Lead) -> Result<String, Error> {
        let known = [&lead.name, &lead.account_name].map(|text| names::one_line(text, CALLED_CHARS));
        let who = known.into_iter().find(|name| !name.is_empty()).unwrap_or_default();
        self.render("call.txt.j2", Wording::default(), &context! { named => !who.is_empty(), who })
    }

    /// The short answer to a tap, in the wording that is asked for, else in the one of what it says.
    pub fn toast(&self, toast: Toast<'_>, wording: Option<Wording>) -> Result<String, Error> {
        let (_, values) = self.toast_of(toast);
        let wording = wording.unwrap_or_else(|| Wording::of_text(&values.to_string()));
        self.render(&self.toast_file(toast), wording, &values)
    }

    /// The file of an answer.
    pub fn toast_file(&self, toast: Toast<'_>) -> String {
        format!("toasts/{}.txt.j2", self.toast_of(toast).0)
    }

    fn toast_of(&self, toast: Toast<'_>) -> (&'static str, Value) {
        match toast {
            Toast::Resolved => ("resolved", context! {}),
            Toast::Snoozed { until, now, zone } => {
                ("snoozed", context! { until => words::until(self.lang, until, now, zone) })
            }
            Toast::Sent(lead, channel) => {
                let name = names::call_name(lead, true);
                ("sent", context! { named => !name.is_empty(), who => name, channel => channel.as_str() })
            }
            Toast::AlreadyHandled(by) => ("already_handled", context! { by => names::name(by) }),
            Toast::AlreadyClosed => ("already_closed", context! {}),
            Toast::DraftComing => ("draft_coming", context! {}),
            Toast::DraftText => ("draft_text", context! {}),
            Toast::Stale => ("stale", context! {}),
            Toast::NotYours => ("not_yours", context! {}),
            Toast::NotAllowed => ("not_allowed", context! {}),
            Toast::CannotAsk => ("cannot_ask", context! {}),
            Toast::TryAgain => ("try_again", context! {}),
            Toast::Taken => ("taken", context! {}),
            Toast::TakenBy(by) => ("taken_by", context! { by => names::name(by) }),
            Toast::HandedTo(to) => ("handed_to", context! { to => names::name(to) }),
            Toast::NoColleague => ("no_colleague", context! {}),
            Toast::Checking => ("checking", context! {}),
            Toast::CallPlanned { at, now, zone, taken } => {
                ("call_planned", context! { when => words::to_come(self.lang, at, now, zone), taken })
            }
            Toast::CallNoted(outcome) => {
                ("call_noted", context! { how => outcome.as_str(), outcome => self.label("outcome", outcome.as_str()) })
            }
            Toast::NoCalls => ("no_calls", context! {}),
            Toast::NotRelevant => ("not_relevant", context! {}),
            Toast::Archived(minutes) => ("archived", context! { minutes }),
            Toast::Unarchived => ("unarchived", context! {}),
            Toast::UndoOver => ("undo_over", context! {}),
        }
    }
}

/// The file of what is said about an alert's type in one of the folders.
pub fn file_of_type(folder: &str, context: &AlertContext<'_>) -> String {
    format!("{folder}/{}.txt.j2", type_key(context.alert.alert_type))
}

fn rate_values(rate: ChannelRate, name: String, on: String) -> Value {
    context! { name, on, rate => rate.percent(), answered => rate.answered, attempts => rate.attempts }
}

/// The lead's number, where a call is suggested and numbers may be shown: telephones dial it at a touch.
fn number_to_call(context: &AlertContext<'_>) -> String {
    let calls = first_suggestion(context).channel() == Some(Channel::Call);
    let phone = context.lead.phone.as_deref().filter(|_| calls && context.content == Content::Full);
    phone.filter(|_| context.occasion != Occasion::Escalated).map(names::name).unwrap_or_default()
}

fn first_suggestion(context: &AlertContext<'_>) -> Suggestion {
    advice::suggestions(context.alert, context.lead, context.preferred)[0]
}

/// A closed alert speaks as of its end, whenever its message is brought up to date.
fn as_of(context: &AlertContext<'_>) -> Timestamp {
    match &context.alert.state {
        AlertState::Open | AlertState::Snoozed { .. } => context.now,
        AlertState::Closed { at, .. } => *at,
        AlertState::Resolved(resolution) => resolution.at,
    }
}

/// The instant since which days are counted.
fn reference(context: &AlertContext<'_>) -> Timestamp {
    context.alert.anchor.instant().or(context.alert.opened_at).unwrap_or(context.now)
}

/// The activity to name and quote.
fn cited(evidence: &Evidence) -> Option<&Cited> {
    match evidence {
        Evidence::HotLead { inbound, .. } => Some(inbound),
        Evidence::AwaitingReply { last, .. } | Evidence::NoFollowup { last } => Some(last),
        Evidence::NoContact { last_inbound, .. } => last_inbound.as_ref(),
        Evidence::Stale { last, .. } => last.as_ref(),
        Evidence::NoReply { last_out } => Some(last_out),
        Evidence::PreferredChannel { .. } => None,
    }
}

/// The two best channels of a PreferredChannel.
fn rates(evidence: &Evidence) -> Option<(ChannelRate, ChannelRate)> {
    match evidence {
        Evidence::PreferredChannel { best, second } => Some((*best, *second)),
        Evidence::HotLead { .. }
        | Evidence::AwaitingReply { .. }
        | Evidence::NoContact { .. }
        | Evidence::Stale { .. }
        | Evidence::NoFollowup { .. }
        | Evidence::NoReply { .. } => None,
    }
}

fn works_well(evidence: &Evidence) -> bool {
    rates(evidence).is_some_and(|(best, _)| best.percent() >= GOOD_RATE)
}

fn waiting(evidence: &Evidence) -> u32 {
    match evidence {
        Evidence::HotLead { waiting, .. } | Evidence::AwaitingReply { waiting, .. } => *waiting,
        Evidence::NoContact { .. }
        | Evidence::Stale { .. }
        | Evidence::NoFollowup { .. }
        | Evidence::NoReply { .. }
        | Evidence::PreferredChannel { .. } => 0,
    }
}

fn quote(context: &AlertContext<'_>) -> String {
    let preview = cited(&context.alert.evidence).map_or("", |cited| cited.preview.as_str());
    names::isolated(names::one_line(preview, names::QUOTE_CHARS))
}

/// No blank space at the ends of the text and of its lines, and at most one empty line in a row.
fn tidy(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.trim().lines().map(str::trim_end) {
        if !line.is_empty() || lines.last().is_some_and(|last| !last.is_empty()) {
            lines.push(line);
        }
    }
    lines.join("\n")
}
