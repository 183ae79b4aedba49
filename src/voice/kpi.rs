//! Whether it helps, in words: the four figures as lines, as a week's message, and as what a picture of them says.

use minijinja::{Error, Value, context};

use super::speech::Speech;
use super::{Lang, Wording, names, words};
use crate::domain::User;
use crate::insight::kpi::{Answered, Claim, Contrast, Report, Share};

/// How a manager's week begins.
#[derive(Clone, Copy, Debug)]
pub struct WeekBegins<'a> {
    /// Who is greeted.
    pub reader: Option<&'a User>,
    /// The figures of the teams that he or she leads.
    pub report: &'a Report,
    /// Which week: each begins in other words than the one before.
    pub week: i32,
}

/// What a picture of the figures shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// One panel each.
    pub panels: [Panel; 4],
}

/// One figure, twice.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// What it is.
    pub title: String,
    /// Before and after; or another channel and the preferred one.
    pub bars: [Bar; 2],
    /// What may be said of it, in words.
    pub verdict: String,
    /// The same.
    pub claim: Option<Claim>,
    /// How many were counted.
    pub counts: String,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// Of when.
    pub label: String,
    /// The value.
    pub shown: String,
    /// How long the bar is, as a part of the longest there may be: 0 to 1.
    pub part: f64,
}

fn name(claim: Option<Claim>) -> &'static str {
    match claim {
        Some(Claim::Better) => "better",
        Some(Claim::Worse) => "worse",
        None => "",
    }
}

impl Speech {
    /// The four figures, a line each; those of which nothing was counted are left out.
    pub fn kpi_html(&self, report: &Report) -> Result<String, Error> {
        self.render("kpi.html.j2", Wording::default(), &self.kpi_values(report))
    }

    /// How a manager's week begins.
    pub fn weekly_html(&self, week: &WeekBegins<'_>) -> Result<String, Error> {
        let values = context! {
            me => week.reader.map(names::user).unwrap_or_default(),
            lines => Value::from_safe_string(self.kpi_html(week.report)?),
            ..self.claims(week.report)
        };
        self.render("weekly.html.j2", Wording(u32::try_from(week.week).unwrap_or_default()), &values)
    }

    /// How many of the figures are clearly better, and clearly worse.
    pub(super) fn claims(&self, report: &Report) -> Value {
        let claims =
            [report.follow_up.claim, report.response.claim, report.preferred.after.claim, report.forgotten.claim];
        let count = |wanted: Claim| claims.iter().filter(|claim| **claim == Some(wanted)).count();
        context! { better => count(Claim::Better), worse => count(Claim::Worse) }
    }

    fn kpi_values(&self, report: &Report) -> Value {
        let contrast = |contrast: &Contrast| {
            context! {
                before => self.share(&contrast.before), after => self.share(&contrast.after), claim => name(contrast.claim),
            }
        };
        let [before, after] = report.response.working.each_ref().map(|side| self.answered(side));
        context! {
            follow_up => contrast(&report.follow_up),
            hot => context! { before, after, claim => name(report.response.claim) },
            preferred => contrast(&report.preferred.after),
            forgotten => contrast(&report.forgotten),
        }
    }

    fn share(&self, share: &Share) -> Value {
        context! { rate => self.rate(share), hits => share.hits, of => share.of, leads => share.leads }
    }

    fn answered(&self, answered: &Answered) -> Value {
        let time = |span: Option<i64>| span.map(words::worked).unwrap_or_default();
        context! {
            median => time(answered.median), p90 => time(answered.p90), leads => answered.leads, of => answered.messages,
        }
    }

    /// `44 %`; `44%`; empty of nothing.
    fn rate(&self, share: &Share) -> String {
        let percent = |rate: f64| match self.manner().lang() {
            Lang::Fr => format!("{:.0}\u{a0}%", 100.0 * rate),
            Lang::En => format!("{:.0}%", 100.0 * rate),
        };
        share.rate.map(percent).unwrap_or_default()
    }

    /// What a picture of the figures says.
    pub fn chart(&self, report: &Report) -> Chart {
        let sides = ["before", "after"];
        let response = &report.response;
        let longest = response.working.iter().filter_map(|side| side.median).max().unwrap_or_default().max(1);
        let [before, after] = [0, 1].map(|side| {
            let median = response.working[side].median;
            #[expect(clippy::cast_precision_loss, reason = "seconds of some years are exact")]
            let part = median.map_or(0.0, |median| median as f64 / longest as f64);
            self.bar(sides[side], median.map(words::worked).unwrap_or_default(), part)
        });
        let leads = response.working.map(|side| side.leads);
        let counts = format!("{} → {} leads", leads[0], leads[1]);
        let hot = self.panel("hot", [before, after], response.claim, counts);
        let of = |title, sides, contrast: &Contrast| self.contrast_panel(title, sides, contrast);
        let follow_up = of("follow_up", sides, &report.follow_up);
        let preferred = of("preferred", ["other", "used"], &report.preferred.after);
        let forgotten = of("forgotten", sides, &report.forgotten);
        Chart { panels: [follow_up, hot, preferred, forgotten] }
    }

    fn contrast_panel(&self, title: &str, labels: [&str; 2], contrast: &Contrast) -> Panel {
        let shares = [contrast.before, contrast.after];
        // A tenth is not to look like all.
        let longest = shares.iter().filter_map(|share| share.rate).fold(0.2, f64::max);
        let [one, other] = [0, 1].map(|place| {
            let share = shares[place];
            self.bar(labels[place], self.rate(&share), share.rate.unwrap_or_default() / longest)
        });
        let counts = shares.map(|share| format!("{}/{}", share.hits, share.of)).join(" → ");
        self.panel(title, [one, other], contrast.claim, counts)
    }

    fn bar(&self, label: &str, shown: String, part: f64) -> Bar {
        let shown = if shown.is_empty() { "–".to_owned() } else { shown };
        Bar { label: self.label("kpi", label), shown, part: part.clamp(0.0, 1.0) }
    }

    fn panel(&self, title: &str, bars: [Bar; 2], claim: Option<Claim>, counts: String) -> Panel {
        let verdict = self.label("kpi", claim.map_or("too_early", |claim| name(Some(claim))));
        Panel { title: self.label("kpi", title), bars, verdict, claim, counts }
    }
}
