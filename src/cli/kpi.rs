//! `max kpi`: whether it helps, as a table. Through the running daemon, or as last worked out from the store.

use std::fmt::Write as _;

use anyhow::{Context, bail};
use serde_json::Value;

use super::ConfigFile;
use super::daemon::{NOT_MAX, call_daemon};
use super::say::say;
use crate::config::Config;
use crate::engine::kpi::{Whose, report};
use crate::http::kpi::to_json;
use crate::store::Store;

/// Whose figures.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigFile,
    /// Of this team's leads only (the CRM's id).
    #[arg(long, value_name = "ID", conflicts_with = "user")]
    pub team: Option<String>,
    /// Of this user's leads only (the CRM's id).
    #[arg(long, value_name = "ID")]
    pub user: Option<String>,
}

/// Prints the four figures.
///
/// # Errors
/// When they have not been worked out yet, or there is neither a daemon nor a store.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let config = Config::load(args.config.config.as_deref())?;
    let query: Vec<(&str, &String)> = [("team", &args.team), ("user", &args.user)]
        .into_iter()
        .filter_map(|(name, id)| Some((name, id.as_ref()?)))
        .collect();
    let answer = call_daemon(&config, |client, at| client.get(format!("{at}/api/kpi")).query(&query)).await?;
    let figures = match answer {
        Some(answer) => answer.json().await.context(NOT_MAX)?,
        None => from_store(&config, args)?,
    };
    Ok(say(table(&figures).trim_end())?)
}

fn from_store(config: &Config, args: &Args) -> anyhow::Result<Value> {
    let path = &config.store.path;
    if !Store::is_in(path) {
        bail!("there is no store in {} yet, and no daemon answers on {}", path.display(), config.http.listen);
    }
    let whose = match (&args.team, &args.user) {
        (Some(team), _) => Whose::Team(team.as_str().into()),
        (None, Some(user)) => Whose::Rep(user.as_str().into()),
        (None, None) => Whose::All,
    };
    let Some(report) = report(&Store::open(path)?, &whose)? else {
        bail!("the figures are worked out by `max run`, once it has read the CRM");
    };
    Ok(to_json(&whose, &report))
}

/// The figures for people.
pub fn table(figures: &Value) -> String {
    let day = |pointer: &str| text(figures, pointer).chars().take(10).collect::<String>();
    let mut table = format!(
        "{:<34} {:>22} {:>22}  95 % of the difference\n",
        "",
        format!("{} - {}", day("/before/from"), day("/before/to")),
        format!("{} - {}", day("/after/from"), day("/after/to")),
    );
    let mut row = |name: &str, sides: [String; 2], change: String, claim: &str| {
        let said = if claim.is_empty() { "too early to say" } else { claim };
        let _ = writeln!(table, "{name:<34} {:>22} {:>22}  {change:<18} {said}", sides[0], sides[1]);
    };
    for (name, key, hits) in
        [("follow-ups in time", "followUpRate", "inTime"), ("forgotten leads", "forgottenLeads", "forgotten")]
    {
        let sides = ["before", "after"].map(|side| share(&figures[key][side], hits));
        row(name, sides, points(&figures[key]["change"]), text(&figures[key], "/claim"));
    }
    let hot = &figures["hotResponse"];
    for (name, part) in [("median", "median"), ("90 in 100", "p90")] {
        for (scale, key) in [("working hours", "workingSeconds"), ("elapsed", "elapsedSeconds")] {
            let sides = ["before", "after"].map(|side| hours(&hot[side][key][part]));
            let is_claimed = (part, key) == ("median", "workingSeconds");
            let change = if is_claimed { span(&hot["change"]) } else { String::new() };
            let claim = if is_claimed { text(hot, "/claim") } else { " " };
            row(&format!("hot leads, {name}, {scale}"), sides, change, claim);
        }
    }
    let answered = |side: &str| format!("{} of {}", hot[side]["answered"], hot[side]["messages"]);
    row("hot leads, answered", ["before", "after"].map(answered), String::new(), " ");
    for side in ["before", "after"] {
        let by = &figures["preferredChannel"][side];
        let shares = ["notUsed", "used"].map(|used| share(&by[used], "won"));
        row(&format!("won, other | preferred, {side}"), shares, points(&by["change"]), text(by, "/claim"));
    }
    table
}

fn text<'a>(figures: &'a Value, pointer: &str) -> &'a str {
    figures.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn share(share: &Value, hits: &str) -> String {
    let rate = share["rate"].as_f64().map_or("-".to_owned(), |rate| format!("{:.1} %", 100.0 * rate));
    format!("{rate} ({} of {})", share[hits], share["of"])
}

fn points(change: &Value) -> String {
    let end = |name: &str| change[name].as_f64().map(|end| format!("{:+.1}", 100.0 * end));
    end("low").zip(end("high")).map(|(low, high)| format!("{low} to {high}")).unwrap_or_default()
}

fn hours(seconds: &Value) -> String {
    seconds.as_f64().map_or("-".to_owned(), |seconds| format!("{:.1} h", seconds / 3600.0))
}

fn span(change: &Value) -> String {
    let end = |name: &str| change[name].as_f64().map(|end| format!("{:+.1} h", end / 3600.0));
    end("low").zip(end("high")).map(|(low, high)| format!("{low} to {high}")).unwrap_or_default()
}
