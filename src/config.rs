//! Configuration: defaults < file < environment, checked once, as a whole; secrets redacted.
//!
//! Each key of each table is read by itself, so that one mistake does not hide the others.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use chrono::{NaiveDate, NaiveTime, Weekday};
use chrono_tz::Tz;
use config::{Config as Source, ConfigError, Environment, File, FileFormat, Map, Value};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::domain::calendar::{Calendar, Dates, Hours, Personal};
use crate::domain::holidays::Country;
use crate::domain::time::duration;
use crate::domain::{ChatId, HOUR, MINUTE, Seconds, TeamId, UserId};
use crate::espo::{EspoSettings, Mapping};
use crate::rules;
use crate::second_opinion;
use crate::voice::{Content, Lang, Manner};

/// The example, which explains every key; `max check` and the README point at it.
pub const EXAMPLE: &str = include_str!("../config.example.toml");

/// Variables of the environment that beat the file begin with this: `MAX_ESPOCRM__API_KEY`.
const ENVIRONMENT_PREFIX: &str = "MAX";
/// Where secrets stand: what is found there is never shown.
const SECRETS: [&str; 5] =
    ["espocrm.api_key", "espocrm.secret_key", "telegram.token", "http.tokens", "second_opinion.api_key"];

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Which key, such as `espocrm.url`.
    pub place: String,
    /// What is wrong, and what to write instead.
    pub remedy: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.remedy)
    }
}

/// Everything that is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
#[error("{}", list(.0))]
pub struct Mistakes(pub Vec<Mistake>);

fn list(mistakes: &[Mistake]) -> String {
    let lines: Vec<String> = mistakes.iter().map(|mistake| format!("  - {mistake}")).collect();
    let plural = if mistakes.len() == 1 { "" } else { "s" };
    format!("{} mistake{plural} in the configuration:\n{}", mistakes.len(), lines.join("\n"))
}

/// The whole configuration, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// What language M.A.X. speaks.
    pub general: General,
    /// Where the store is.
    pub store: StoreSection,
    /// The CRM.
    pub espocrm: EspoSettings,
    /// How often the CRM is looked at.
    pub sync: SyncSection,
    /// Telegram.
    pub telegram: TelegramSection,
    /// The HTTP side.
    pub http: HttpSection,
    /// Working hours, as written.
    pub working_hours: HoursSection,
    /// Working hours, as understood.
    pub calendar: Calendar,
    /// In what the working hours of some users differ.
    pub people: BTreeMap<UserId, Personal>,
    /// Thresholds and switches of the rules.
    pub rules: rules::Settings,
    /// What reps do with leads by button.
    pub leads: LeadsSection,
    /// Where M.A.X.'s words come from.
    pub voice: VoiceSection,
    /// Managers and chats of teams, by team id.
    pub teams: BTreeMap<TeamId, TeamSection>,
    /// Who is told in whose stead.
    pub stand_ins: BTreeMap<UserId, UserId>,
    /// Who else hears of a hot lead that waits.
    pub escalation: EscalationSection,
    /// Who is asked about messages of unsure reading.
    pub second_opinion: second_opinion::Settings,
}

/// Top-level keys.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct General {
    /// `fr` or `en`.
    pub language: Lang,
    /// In French: "vous", not "tu".
    pub formal: bool,
    /// The country in which national telephone numbers are read, as ISO 3166 alpha-2.
    pub default_country: String,
}

impl Default for General {
    fn default() -> Self {
        Self { language: Lang::default(), formal: false, default_country: "FR".to_owned() }
    }
}

impl General {
    /// How everybody is spoken to who does not wish otherwise.
    pub fn manner(&self) -> Manner {
        Manner::of(self.language, self.formal)
    }
}

/// `[store]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSection {
    /// The folder; created when missing.
    pub path: PathBuf,
}

impl Default for StoreSection {
    fn default() -> Self {
        Self { path: PathBuf::from("max-data") }
    }
}

/// `[sync]`: how often the CRM is looked at.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SyncSection {
    /// Pause between two polls, in seconds.
    #[serde(with = "duration")]
    pub poll_interval: Seconds,
    /// How far behind the last poll each poll begins again, in seconds.
    #[serde(with = "duration")]
    pub poll_overlap: Seconds,
    /// Pause between two sweeps, in seconds.
    #[serde(with = "duration")]
    pub sweep_interval: Seconds,
}

impl Default for SyncSection {
    fn default() -> Self {
        Self { poll_interval: 15, poll_overlap: MINUTE, sweep_interval: 24 * HOUR }
    }
}

/// `[telegram]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelegramSection {
    /// The bot's token; empty: nobody is told on Telegram.
    pub token: SecretString,
    /// Base address of the Bot API.
    pub api_url: String,
    /// How much a message shows.
    pub content: Content,
    /// Who is told when neither owner nor stand-in can be.
    pub fallback_chat: Option<ChatId>,
    /// How long, in seconds, the CRM may not have been seen before those who lead a team are told; 0: they never are.
    #[serde(with = "duration")]
    pub standstill_after: Seconds,
    /// Whether a rep's working day begins with a briefing.
    pub briefing: bool,
    /// Whether it ends with a summary.
    pub summary: bool,
    /// Whether a manager's week begins with the figures of the teams.
    pub weekly: bool,
}

impl Default for TelegramSection {
    fn default() -> Self {
        Self {
            token: SecretString::default(),
            api_url: "https://api.telegram.org".to_owned(),
            content: Content::Full,
            fallback_chat: None,
            standstill_after: 15 * MINUTE,
            briefing: true,
            summary: true,
            weekly: true,
        }
    }
}

impl TelegramSection {
    /// Whether there is a bot at all.
    pub fn is_on(&self) -> bool {
        !self.token.expose_secret().is_empty()
    }
}

/// What a token of the API allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Log activities.
    Log,
    /// Read alerts.
    Read,
    /// Everything.
    Admin,
}

impl Scope {
    /// The name in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

/// `[[http.tokens]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSection {
    /// Whose it is; said in logs and as "resolved by".
    pub name: String,
    /// The bearer token.
    pub token: SecretString,
    /// What it allows.
    pub scopes: Vec<Scope>,
}

/// `[http]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSection {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The address under which the CRM reaches us; empty: no webhooks.
    pub public_url: String,
    /// Who may use the API.
    pub tokens: Vec<TokenSection>,
}

impl Default for HttpSection {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::from([127, 0, 0, 1]), 8080),
            public_url: String::new(),
            tokens: Vec::new(),
        }
    }
}

/// `[working_hours]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HoursSection {
    /// IANA name of the time zone.
    pub time_zone: String,
    /// Working days: `mon` … `sun`.
    pub days: Vec<String>,
    /// When the working day begins, `HH:MM`, inclusive.
    pub from: String,
    /// When it ends, exclusive.
    pub to: String,
    /// Weekdays with hours of their own, such as `09:00-12:00`; a day without any is off.
    pub weekdays: BTreeMap<String, Vec<String>>,
    /// Whose public holidays are days off, as two letters; none when empty. Missing: those of `default_country`.
    pub country: Option<String>,
    /// Other days off: dates, and ranges such as `2026-08-01..2026-08-15`.
    pub holidays: Vec<String>,
}

impl Default for HoursSection {
    fn default() -> Self {
        Self {
            time_zone: "Europe/Paris".to_owned(),
            days: ["mon", "tue", "wed", "thu", "fri"].map(str::to_owned).into(),
            from: "09:00".to_owned(),
            to: "18:30".to_owned(),
            weekdays: BTreeMap::new(),
            country: None,
            holidays: Vec::new(),
        }
    }
}

/// `[people."<user id>"]`: in what one user's working hours differ.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PersonSection {
    /// IANA name of the time zone.
    pub time_zone: Option<String>,
    /// Working days: `mon` … `sun`.
    pub days: Option<Vec<String>>,
    /// When the working day begins, `HH:MM`, inclusive.
    pub from: Option<String>,
    /// When it ends, exclusive.
    pub to: Option<String>,
    /// When the user is away: dates, and ranges such as `2026-08-01..2026-08-15`.
    pub away: Vec<String>,
}

/// `[leads]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LeadsSection {
    /// The status that archiving gives a lead; none of those that are watched.
    pub archive_status: String,
}

impl Default for LeadsSection {
    fn default() -> Self {
        Self { archive_status: "Dead".to_owned() }
    }
}

/// `[voice]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VoiceSection {
    /// A folder whose files replace the built-in templates of the same name.
    pub templates: Option<PathBuf>,
}

/// `[teams."<id>"]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TeamSection {
    /// Users who lead the team.
    pub managers: Vec<UserId>,
    /// The team's chat.
    pub chat: Option<ChatId>,
    /// The topic in it, when it is a forum: Telegram's `message_thread_id`.
    pub topic: Option<i32>,
}

/// `[escalation]`: who else hears of a hot lead that waits.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EscalationSection {
    /// Whether the owner is reminded, and others told.
    pub enabled: bool,
    /// How long after the owner was reminded others are told, in seconds of working time.
    #[serde(with = "duration")]
    pub after: Seconds,
}

impl Default for EscalationSection {
    fn default() -> Self {
        Self { enabled: true, after: HOUR }
    }
}

impl Config {
    /// Reads the file, if one is named, and the environment.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn load(path: Option<&Path>) -> Result<Self, Mistakes> {
        let (config, mistakes) = Self::understand_file(path)?;
        if mistakes.is_empty() { Ok(config) } else { Err(Mistakes(mistakes)) }
    }

    /// The same for a configuration in the making: address and key of the CRM may still be missing, and the file, too.
    ///
    /// # Errors
    /// All other mistakes at once.
    pub fn load_unfinished(path: Option<&Path>) -> Result<Self, Mistakes> {
        let (config, mut mistakes) = Self::understand_file(path.filter(|path| path.exists()))?;
        mistakes.retain(|mistake| !["espocrm.url", "espocrm.api_key"].contains(&mistake.place.as_str()));
        if mistakes.is_empty() { Ok(config) } else { Err(Mistakes(mistakes)) }
    }

    /// Reads a configuration from TOML text alone: no file, no environment.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn from_toml(text: &str) -> Result<Self, Mistakes> {
        let nothing = Environment::default().source(Some(Map::new()));
        let (config, mistakes) = Self::understand(text, "text", nothing, Vec::new())?;
        if mistakes.is_empty() { Ok(config) } else { Err(Mistakes(mistakes)) }
    }

    /// The working hours in a configuration's TOML text: everybody's, and in what those of some users differ.
    ///
    /// # Errors
    /// When the text is not TOML, for each table or key there is none of (a misspelt `[rule]` would silently mean the
    /// defaults), for each value that does not read, and for each mistake in working hours. What could be read, and
    /// makes no sense or is missing elsewhere, is not looked at: whoever asks for hours has no credentials to give.
    pub fn working_hours_from_toml(text: &str) -> Result<(Calendar, BTreeMap<UserId, Personal>), Mistakes> {
        let source = source(text, "text", Environment::default().source(Some(Map::new())))?;
        let mut reader = Reader { source: &source, mistakes: Vec::new() };
        let Self { calendar, people, .. } = reader.config();
        if reader.mistakes.is_empty() { Ok((calendar, people)) } else { Err(Mistakes(reader.mistakes)) }
    }

    /// The file, if one is named, and the environment, with the mistakes in what they say.
    fn understand_file(path: Option<&Path>) -> Result<(Self, Vec<Mistake>), Mistakes> {
        let (text, place) = match path {
            None => (String::new(), "environment".to_owned()),
            Some(path) => (read_file(path)?, path.display().to_string()),
        };
        let (variables, misspelt) = variables();
        let environment =
            Environment::with_prefix(ENVIRONMENT_PREFIX).prefix_separator("_").separator("__").source(Some(variables));
        Self::understand(&text, &place, environment, misspelt)
    }

    fn understand(
        text: &str,
        place: &str,
        environment: Environment,
        mistakes: Vec<Mistake>,
    ) -> Result<(Self, Vec<Mistake>), Mistakes> {
        let source = source(text, place, environment)?;
        let mut reader = Reader { source: &source, mistakes };
        let config = reader.config();
        reader.mistakes.extend(config.mistakes());
        Ok((config, reader.mistakes))
    }

    /// What is wrong with values that could be read.
    fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        let mut say = |place: &str, remedy: String| mistakes.push(Mistake { place: place.to_owned(), remedy });
        let from = &self.espocrm.mail_from;
        if !from.is_empty() && (!from.contains('@') || from.contains(char::is_whitespace)) {
            say(
                "espocrm.mail_from",
                format!("`{from}` is not a mail address; write the group email account's, or nothing"),
            );
        }
        for (place, url, required) in [
            ("espocrm.url", &self.espocrm.url, true),
            ("espocrm.public_url", self.espocrm.public_url.as_ref().unwrap_or(&String::new()), false),
            ("telegram.api_url", &self.telegram.api_url, true),
            ("http.public_url", &self.http.public_url, false),
            ("second_opinion.url", &self.second_opinion.url, false),
        ] {
            if url.is_empty() && required {
                say(place, "missing; write the address, such as \"https://crm.example.com\"".to_owned());
            } else if !url.is_empty() && !is_web_address(url) {
                say(place, format!("`{url}` is not an address; write it with http:// or https:// and a host"));
            }
        }
        if self.espocrm.api_key.expose_secret().is_empty() {
            say("espocrm.api_key", "missing; in EspoCRM, Administration > API Users, copy the key of M.A.X.'s user, and set it here or as MAX_ESPOCRM__API_KEY".to_owned());
        }
        for (place, seconds) in [
            ("espocrm.timeout", self.espocrm.timeout),
            ("sync.poll_interval", self.sync.poll_interval),
            ("sync.sweep_interval", self.sync.sweep_interval),
            ("second_opinion.timeout", self.second_opinion.timeout),
        ] {
            if seconds < 1 {
                say(place, "must be at least \"1s\"".to_owned());
            }
        }
        if self.second_opinion.is_on() && self.second_opinion.model.is_empty() {
            say("second_opinion.model", "missing; write the model's name as the server at `url` knows it".to_owned());
        }
        if self.escalation.after < 0 {
            say("escalation.after", "must not be negative; \"0s\" tells the others with the reminder".to_owned());
        }
        for (team, section) in &self.teams {
            let place = format!("teams.{team}");
            if section.topic.is_some() && section.chat.is_none() {
                say(&format!("{place}.topic"), "is a topic of no chat; write chat = -100… beside it".to_owned());
            }
            if section.topic.is_some_and(|topic| topic < 1) {
                say(&format!("{place}.topic"), "is the topic's message_thread_id, a number from 1 on".to_owned());
            }
            if section.chat.is_some_and(|chat| chat.0 > 0) {
                say(
                    &format!("{place}.chat"),
                    "is a group's id, which is negative; for a person write managers".to_owned(),
                );
            }
        }
        if self.telegram.is_on() && !self.telegram.token.expose_secret().contains(':') {
            say("telegram.token", "is not a bot token (digits, a colon, letters); @BotFather shows it".to_owned());
        }
        for (index, token) in self.http.tokens.iter().enumerate() {
            let place = format!("http.tokens[{index}]");
            if token.token.expose_secret().is_empty() {
                say(
                    &place,
                    "its `token` is empty; write a long random text, such as `openssl rand -hex 24` prints".to_owned(),
                );
            }
            if token.scopes.is_empty() {
                say(&place, "has no scopes; write scopes = [\"log\"], [\"read\"] or [\"admin\"]".to_owned());
            }
        }
        if !self.http.listen.ip().is_loopback()
            && self.http.tokens.iter().any(|token| token.token.expose_secret().len() < 16)
        {
            say(
                "http.listen",
                format!(
                    "{} is reachable from other machines: every token needs at least 16 characters",
                    self.http.listen
                ),
            );
        }
        if self.general.default_country.len() != 2 {
            say("default_country", "write two letters, such as \"FR\"".to_owned());
        }
        if let Some(folder) = self.voice.templates.as_ref().filter(|folder| !folder.is_dir()) {
            say("voice.templates", format!("there is no folder {}", folder.display()));
        }
        for problem in self.rules.validate() {
            let (place, remedy) = problem.split_once(' ').unwrap_or(("rules", &problem));
            say(place, remedy.to_owned());
        }
        let archived = &self.leads.archive_status;
        let is_watched = self.rules.active_statuses.as_ref().is_some_and(|active| active.contains(archived));
        if archived.trim().is_empty() || is_watched {
            let remedy = "must be a status of the CRM that is not watched (`rules.active_statuses`), such as \"Dead\"";
            say("leads.archive_status", remedy.to_owned());
        }
        if let Err(error) = Mapping::new(&self.espocrm.activities, &self.espocrm.inbound_sources) {
            say("espocrm.activities", error.to_string());
        }
        mistakes
    }
}

fn mistake(place: &str, remedy: impl Into<String>) -> Mistake {
    Mistake { place: place.to_owned(), remedy: remedy.into() }
}

fn source(text: &str, place: &str, environment: Environment) -> Result<Source, Mistakes> {
    if let Some(mistake) = syntax_mistake(text, place) {
        return Err(Mistakes(vec![mistake]));
    }
    let source = Source::builder().add_source(File::from_str(text, FileFormat::Toml)).add_source(environment);
    source.build().map_err(|_| Mistakes(vec![mistake(place, "cannot be read as TOML")]))
}

fn read_file(path: &Path) -> Result<String, Mistakes> {
    std::fs::read_to_string(path).map_err(|error| {
        let remedy = format!("cannot be read: {error}; config.example.toml is a file to begin with");
        Mistakes(vec![mistake(&path.display().to_string(), remedy)])
    })
}

/// Why a text is not TOML. The parser's own report quotes the line, which may hold a secret: this one does not.
fn syntax_mistake(text: &str, place: &str) -> Option<Mistake> {
    let error = toml::from_str::<toml::Table>(text).err()?;
    let start = error.span().map_or(0, |span| span.start).min(text.len());
    let line = text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count() + 1;
    Some(mistake(&format!("{place}, line {line}"), format!("is not TOML: {}", error.message())))
}

/// The variables that are configuration, and mistakes about those that look as if they were meant to be. Others
/// of our prefix, such as the one that names the file, are none of ours.
fn variables() -> (Map<String, String>, Vec<Mistake>) {
    let (mut variables, mut misspelt) = (Map::new(), Vec::new());
    for (name, value) in std::env::vars_os() {
        let (Ok(name), Ok(value)) = (name.into_string(), value.into_string()) else { continue };
        let Some(key) = name.strip_prefix(ENVIRONMENT_PREFIX).and_then(|key| key.strip_prefix('_')) else { continue };
        let key = key.to_lowercase();
        let table = key.split("__").next().unwrap_or_default();
        if Reader::TABLES.contains(&table) {
            variables.insert(name, value);
        } else if let Some((table, key)) = table.split_once('_').filter(|(table, _)| Reader::TABLES.contains(table)) {
            let right = format!("{ENVIRONMENT_PREFIX}_{table}__{key}").to_uppercase();
            misspelt.push(mistake(&name, format!("write two underscores between table and key: {right}")));
        }
    }
    misspelt.sort_by(|one, other| one.place.cmp(&other.place));
    (variables, misspelt)
}

/// The key that an error is about, as exactly as it says; at least the one that was read.
fn exact_key(error: &ConfigError, read: &str) -> String {
    let named = match error {
        ConfigError::At { key, .. } | ConfigError::Type { key, .. } => key.as_deref(),
        _ => None,
    };
    named.filter(|named| named.starts_with(read)).unwrap_or(read).to_owned()
}

/// What is wrong with a value. What stands where a secret belongs is not repeated.
fn in_words<T: DeserializeOwned>(error: &ConfigError, value: Value, place: &str) -> String {
    let words = match error {
        ConfigError::At { error, .. } => return in_words::<T>(error, value, place),
        ConfigError::Type { unexpected, expected, .. } => format!("{unexpected} is not {expected}"),
        other => other.to_string(),
    };
    let names_variants = || value.try_deserialize().ok().and_then(|json| serde_json::from_value::<T>(json).err());
    // This error alone does not say what would be right.
    let words = match words.contains("variant constructor").then(names_variants).flatten() {
        Some(error) => error.to_string(),
        None => words,
    };
    let may_show = ["unknown field", "unknown variant", "missing"].iter().any(|start| words.starts_with(start));
    if SECRETS.iter().any(|secret| place.starts_with(secret)) && !may_show {
        return "is not of the kind that config.example.toml shows".to_owned();
    }
    words
}

fn is_web_address(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

struct Reader<'a> {
    source: &'a Source,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    const TABLES: [&'static str; 17] = [
        "language",
        "formal",
        "default_country",
        "store",
        "espocrm",
        "sync",
        "telegram",
        "http",
        "working_hours",
        "rules",
        "voice",
        "teams",
        "leads",
        "stand_ins",
        "escalation",
        "people",
        "second_opinion",
    ];

    /// All of it; with mistakes in place of what does not read.
    fn config(&mut self) -> Config {
        self.refuse_unknown_tables();
        let general = General {
            language: self.key("language", Lang::default()),
            formal: self.key("formal", false),
            default_country: self.key("default_country", General::default().default_country),
        };
        let working_hours: HoursSection = self.table("working_hours");
        let calendar = self.calendar(&working_hours, &general.default_country);
        let people = self.people();
        Config {
            general,
            store: self.table("store"),
            espocrm: self.table_or("espocrm", EspoSettings::new("", "")),
            sync: self.table("sync"),
            telegram: self.table("telegram"),
            http: self.table("http"),
            working_hours,
            calendar,
            people,
            rules: self.table("rules"),
            leads: self.table("leads"),
            voice: self.table("voice"),
            teams: self.table("teams"),
            stand_ins: self.table("stand_ins"),
            escalation: self.table("escalation"),
            second_opinion: self.table("second_opinion"),
        }
    }

    fn refuse_unknown_tables(&mut self) {
        let Ok(all) = self.source.clone().try_deserialize::<BTreeMap<String, serde_json::Value>>() else { return };
        for name in all.keys().filter(|name| !Self::TABLES.contains(&name.as_str())) {
            let remedy = format!("there is no such key; known are {}", Self::TABLES.join(", "));
            self.mistakes.push(Mistake { place: name.clone(), remedy });
        }
    }

    fn key<T: DeserializeOwned>(&mut self, name: &str, default: T) -> T {
        match self.source.get::<T>(name) {
            Ok(value) => value,
            Err(ConfigError::NotFound(_)) => default,
            Err(error) => {
                let value = self.source.get(name).unwrap_or_default();
                self.mistakes.push(mistake(name, in_words::<T>(&error, value, name)));
                default
            }
        }
    }

    fn table<T: DeserializeOwned + Default>(&mut self, name: &str) -> T {
        self.table_or(name, T::default())
    }

    /// Each key is read by itself, so that every wrong one is named; what is right is kept.
    fn table_or<T: DeserializeOwned>(&mut self, name: &str, default: T) -> T {
        let keys: BTreeMap<String, Value> = match self.source.get_table(name) {
            Ok(keys) => keys.into_iter().collect(),
            Err(ConfigError::NotFound(_)) => return default,
            Err(_) => {
                self.mistakes.push(mistake(name, format!("is a table: write [{name}], and its keys in lines below")));
                return default;
            }
        };
        let mut right = Map::new();
        for (key, value) in keys {
            let alone = Map::from_iter([(key.clone(), value.clone())]);
            let alone = Value::from(alone);
            match alone.clone().try_deserialize::<T>() {
                Ok(_) => {
                    right.insert(key, value);
                }
                Err(error) => {
                    let place = format!("{name}.{}", exact_key(&error, &key));
                    let remedy = in_words::<T>(&error, alone, &place);
                    self.mistakes.push(Mistake { place, remedy });
                }
            }
        }
        Value::from(right).try_deserialize().unwrap_or(default)
    }

    fn say(&mut self, place: String, remedy: String) {
        self.mistakes.push(Mistake { place, remedy });
    }

    fn zone(&mut self, place: &str, text: &str) -> Tz {
        text.parse().unwrap_or_else(|_| {
            self.say(
                format!("{place}.time_zone"),
                format!("`{text}` is not a time zone; write one such as \"Europe/Paris\""),
            );
            Tz::UTC
        })
    }

    fn days(&mut self, place: &str, texts: &[String]) -> Vec<Weekday> {
        let mut days = Vec::new();
        for text in texts {
            match text.parse() {
                Ok(day) => days.push(day),
                Err(_) => self
                    .say(place.to_owned(), format!("`{text}` is not a day; write mon, tue, wed, thu, fri, sat or sun")),
            }
        }
        days
    }

    fn time(&mut self, place: String, text: &str) -> NaiveTime {
        NaiveTime::parse_from_str(text, "%H:%M").unwrap_or_else(|_| {
            self.say(place, format!("`{text}` is not a time of day; write one such as \"09:00\""));
            NaiveTime::MIN
        })
    }

    fn dates(&mut self, place: &str, texts: &[String]) -> Vec<Dates> {
        let mut all = Vec::new();
        for text in texts {
            let (first, last) = text.split_once("..").unwrap_or((text, text));
            match (first.trim().parse::<NaiveDate>(), last.trim().parse::<NaiveDate>()) {
                (Ok(first), Ok(last)) if first <= last => all.push((first, last)),
                _ => self.say(
                    place.to_owned(),
                    format!("`{text}` is no date; write one such as \"2026-12-24\", or \"2026-08-01..2026-08-15\""),
                ),
            }
        }
        all
    }

    fn weekdays(&mut self, days: &BTreeMap<String, Vec<String>>) -> Vec<(Weekday, Vec<Hours>)> {
        let mut all = Vec::new();
        for (name, texts) in days {
            let place = format!("working_hours.weekdays.{name}");
            let Some(day) = self.days(&place, std::slice::from_ref(name)).pop() else { continue };
            let mut hours = Vec::new();
            for text in texts {
                let (from, to) = text.split_once('-').unwrap_or((text, ""));
                let times = (self.time(place.clone(), from.trim()), self.time(place.clone(), to.trim()));
                if times.0 < times.1 {
                    hours.push(times);
                } else {
                    self.say(place.clone(), format!("`{text}` must be times such as \"09:00-12:00\""));
                }
            }
            all.push((day, hours));
        }
        all
    }

    fn country(&mut self, hours: &HoursSection, default_country: &str) -> Option<Country> {
        match hours.country.as_deref() {
            None => Country::of_code(default_country),
            Some("") => None,
            Some(code) => {
                let country = Country::of_code(code);
                if country.is_none() {
                    let known = Country::ALL.map(Country::code).join(", ");
                    let remedy = format!(
                        "the holidays of `{code}` are not known; known are {known}. Write \"\", and list them as `holidays`"
                    );
                    self.say("working_hours.country".to_owned(), remedy);
                }
                country
            }
        }
    }

    fn calendar(&mut self, hours: &HoursSection, default_country: &str) -> Calendar {
        let before = self.mistakes.len();
        let zone = self.zone("working_hours", &hours.time_zone);
        let days = self.days("working_hours.days", &hours.days);
        let from = self.time("working_hours.from".to_owned(), &hours.from);
        let to = self.time("working_hours.to".to_owned(), &hours.to);
        let country = self.country(hours, default_country);
        let holidays = self.dates("working_hours.holidays", &hours.holidays);
        let weekdays = self.weekdays(&hours.weekdays);
        match Calendar::new(zone, days, from, to) {
            Ok(calendar) => weekdays
                .into_iter()
                .fold(calendar, |calendar, (day, hours)| calendar.with_weekday(day, hours))
                .in_country(country)
                .without(holidays),
            Err(error) => {
                if self.mistakes.len() == before {
                    self.say("working_hours".to_owned(), error.to_string());
                }
                Calendar::default()
            }
        }
    }

    fn people(&mut self) -> BTreeMap<UserId, Personal> {
        let sections: BTreeMap<UserId, PersonSection> = self.table("people");
        sections.into_iter().map(|(user, section)| (user.clone(), self.person(&user, &section))).collect()
    }

    fn person(&mut self, user: &UserId, section: &PersonSection) -> Personal {
        let place = format!("people.{user}");
        let zone = section.time_zone.as_ref().map(|text| self.zone(&place, text));
        let days = section.days.as_ref().map(|days| self.days(&format!("{place}.days"), days));
        let from = section.from.as_ref().map(|text| self.time(format!("{place}.from"), text));
        let to = section.to.as_ref().map(|text| self.time(format!("{place}.to"), text));
        let away = self.dates(&format!("{place}.away"), &section.away);
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            self.say(place, "`from` must be before `to`, on the same day".to_owned());
        }
        Personal { zone, days, from, to, away }
    }
}
