//! What can be set about the rules: thresholds, switches, what repeats. The defaults give the rules their names.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::domain::time::{duration, format_duration, parse_duration};
use crate::domain::{AlertType, DAY, HOUR, Seconds, Severity};

/// The `[rules]` table of the configuration. Every key is optional.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// HotLead24h: how old an inbound may be (exclusive) when we could first have seen it.
    #[serde(with = "duration")]
    pub hot: Seconds,
    /// AwaitingReply24h: from which age (inclusive) the first waiting inbound counts.
    #[serde(with = "duration")]
    pub awaiting_reply: Seconds,
    /// AwaitingReply24h: up to which age (exclusive) the last waiting inbound counts.
    #[serde(with = "duration")]
    pub awaiting_reply_max: Seconds,
    /// NoContact7d: from which age of the lead on (inclusive).
    #[serde(with = "duration")]
    pub no_contact: Seconds,
    /// StaleLead30d: from how long a silence on (inclusive).
    #[serde(with = "duration")]
    pub stale: Seconds,
    /// NoFollowup7d: from how long a silence on (inclusive).
    #[serde(with = "duration")]
    pub no_followup: Seconds,
    /// NoReply3d: from how long a silence after our last word on (inclusive).
    #[serde(with = "duration")]
    pub no_reply: Seconds,
    /// How long after its instant a next step is still pending (exclusive): reps log a call after it.
    #[serde(with = "duration")]
    pub next_step_grace: Seconds,
    /// PreferredChannel.
    pub preferred_channel: PreferredChannelSettings,
    /// Whether only the most telling follow-up alert of a lead is open.
    pub inhibition: bool,
    /// Rules that are switched off.
    pub disabled: Vec<AlertType>,
    /// The severities, most pressing first: each of them once.
    pub severities: Vec<Severity>,
    /// Overrides: within which time an alert should be dealt with, per type; `"never"` for no target.
    pub target: BTreeMap<AlertType, Span>,
    /// Overrides: how long after a person closed it an episode may open again, per type; `"never"` for not at
    /// all.
    pub repeat_after: BTreeMap<AlertType, Span>,
    /// The statuses in which a lead is active. When not given: all but `not_active_statuses`.
    pub active_statuses: Option<Vec<String>>,
    /// The statuses the CRM itself lists as no longer actual; filled from there, not configured.
    #[serde(skip)]
    pub not_active_statuses: Vec<String>,
}

/// The `[rules.preferred_channel]` table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PreferredChannelSettings {
    /// An outbound that follows another by less than this belongs to the same attempt.
    #[serde(with = "duration")]
    pub attempt_gap: Seconds,
    /// Attempts younger than this (exclusive) are looked at.
    #[serde(with = "duration")]
    pub window: Seconds,
    /// An inbound answers an attempt within this time (exclusive).
    #[serde(with = "duration")]
    pub answer_within: Seconds,
    /// From this age on (inclusive) an unanswered attempt counts.
    #[serde(with = "duration")]
    pub counts_after: Seconds,
    /// By how many percentage points the best rate must exceed the second (exclusive).
    pub margin_percent: u32,
    /// How many counting attempts make a channel's rate valid.
    pub min_attempts: u32,
}

/// A duration that may be "never".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// No such time.
    Never,
    /// After so long.
    After(Seconds),
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "never" {
            return Ok(Self::Never);
        }
        parse_duration(&text).map(Self::After).map_err(serde::de::Error::custom)
    }
}

impl Span {
    fn seconds(self) -> Option<Seconds> {
        match self {
            Self::Never => None,
            Self::After(seconds) => Some(seconds),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hot: DAY,
            awaiting_reply: DAY,
            awaiting_reply_max: 30 * DAY,
            no_contact: 7 * DAY,
            stale: 30 * DAY,
            no_followup: 7 * DAY,
            no_reply: 3 * DAY,
            next_step_grace: DAY,
            preferred_channel: PreferredChannelSettings::default(),
            inhibition: true,
            disabled: Vec::new(),
            severities: Severity::ALL.into_iter().rev().collect(),
            target: BTreeMap::new(),
            repeat_after: BTreeMap::new(),
            active_statuses: None,
            not_active_statuses: ["Converted", "Recycled", "Dead"].map(str::to_owned).to_vec(),
        }
    }
}

impl Default for PreferredChannelSettings {
    fn default() -> Self {
        Self {
            attempt_gap: 12 * HOUR,
            window: 30 * DAY,
            answer_within: 7 * DAY,
            counts_after: 3 * DAY,
            margin_percent: 30,
            min_attempts: 2,
        }
    }
}

impl Settings {
    /// The statuses in which a lead is active when a backtest's configuration does not say.
    pub const BACKTEST_ACTIVE: [&'static str; 3] = ["New", "Assigned", "In Process"];

    /// Whether leads of this status are active.
    pub fn is_active_status(&self, status: &str) -> bool {
        match &self.active_statuses {
            Some(active) => active.iter().any(|one| one == status),
            None => !self.not_active_statuses.iter().any(|one| one == status),
        }
    }

    /// Whether the rule is switched on.
    #[inline]
    pub fn is_enabled(&self, alert_type: AlertType) -> bool {
        self.disabled.is_empty() || !self.disabled.contains(&alert_type)
    }

    /// Where a severity stands among all: 0 for the most pressing.
    pub fn place_of(&self, severity: Severity) -> usize {
        self.severities.iter().position(|one| *one == severity).unwrap_or(self.severities.len())
    }

    /// What of these settings shapes a [`super::Summary`] once and for all, as text to compare: which statuses are
    /// active, how young an inbound was, how long a step is pending, what is an attempt. A summary made under
    /// settings of the same shape serves.
    pub fn shape_of_summaries(&self) -> String {
        let PreferredChannelSettings { attempt_gap, window, answer_within, min_attempts, .. } = self.preferred_channel;
        let attempts = (attempt_gap, window, answer_within, min_attempts);
        let statuses = (&self.active_statuses, &self.not_active_statuses);
        format!("{:?}", (self.hot, self.next_step_grace, attempts, statuses))
    }

    /// Within which working time an alert should be dealt with.
    pub fn target(&self, alert_type: AlertType) -> Option<Seconds> {
        let default = || match alert_type {
            AlertType::HotLead24h => Some(2 * HOUR),
            AlertType::AwaitingReply24h | AlertType::NoReply3d => Some(24 * HOUR),
            AlertType::NoContact7d | AlertType::NoFollowup7d => Some(48 * HOUR),
            AlertType::StaleLead30d => Some(7 * DAY),
            AlertType::PreferredChannel => None,
        };
        self.target.get(&alert_type).map_or_else(default, |span| span.seconds())
    }

    /// How long after a person closed it an episode may open again; `None` for never.
    pub fn repeat_after(&self, alert_type: AlertType) -> Option<Seconds> {
        let default = || match alert_type {
            AlertType::StaleLead30d => Some(30 * DAY),
            AlertType::PreferredChannel => Some(90 * DAY),
            AlertType::HotLead24h
            | AlertType::AwaitingReply24h
            | AlertType::NoContact7d
            | AlertType::NoFollowup7d
            | AlertType::NoReply3d => None,
        };
        if alert_type.is_about_an_answer() {
            return None;
        }
        self.repeat_after.get(&alert_type).map_or_else(default, |span| span.seconds())
    }

    /// All that is wrong with these settings, one message per mistake, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let channel = &self.preferred_channel;
        let spans = [
            ("hot", self.hot),
            ("awaiting_reply", self.awaiting_reply),
            ("awaiting_reply_max", self.awaiting_reply_max),
            ("no_contact", self.no_contact),
            ("stale", self.stale),
            ("no_followup", self.no_followup),
            ("no_reply", self.no_reply),
            ("preferred_channel.attempt_gap", channel.attempt_gap),
            ("preferred_channel.window", channel.window),
            ("preferred_channel.answer_within", channel.answer_within),
        ];
        let mut mistakes: Vec<String> = spans
            .into_iter()
            .filter(|(_, span)| *span <= 0)
            .map(|(key, _)| format!("rules.{key} must be longer than 0s"))
            .collect();
        if self.awaiting_reply_max <= self.awaiting_reply {
            mistakes.push(format!(
                "rules.awaiting_reply_max ({}) must be longer than rules.awaiting_reply ({})",
                format_duration(self.awaiting_reply_max),
                format_duration(self.awaiting_reply)
            ));
        }
        if channel.margin_percent >= 100 {
            mistakes.push("rules.preferred_channel.margin_percent must be below 100".to_owned());
        }
        if channel.min_attempts == 0 {
            mistakes.push("rules.preferred_channel.min_attempts must be at least 1".to_owned());
        }
        let stands_once = |severity| self.severities.iter().filter(|one| **one == severity).count() == 1;
        if self.severities.len() != Severity::ALL.len() || !Severity::ALL.into_iter().all(stands_once) {
            let all = Severity::ALL.map(Severity::as_str).join(", ");
            mistakes.push(format!("rules.severities must name each of {all} once, most pressing first"));
        }
        if self.active_statuses.as_ref().is_some_and(Vec::is_empty) {
            mistakes.push("rules.active_statuses is empty: no lead would ever be active".to_owned());
        }
        for alert_type in self.repeat_after.keys().filter(|alert_type| alert_type.is_about_an_answer()) {
            mistakes.push(format!(
                "rules.repeat_after.{0} is not available: a person closing {0} counts as an answer",
                alert_type.as_str()
            ));
        }
        for (alert_type, span) in &self.repeat_after {
            if *span == Span::After(0) {
                mistakes.push(format!("rules.repeat_after.{} must be longer than 0s", alert_type.as_str()));
            }
        }
        mistakes
    }
}

/// The settings in a configuration file of M.A.X., of which only the `[rules]` table is read.
///
/// # Errors
/// When the text is not TOML, the table does not read, or its values are refused by [`Settings::validate`].
pub fn settings_from_toml(text: &str) -> Result<Settings, BadSettings> {
    #[derive(Deserialize)]
    struct File {
        #[serde(default)]
        rules: Settings,
    }
    let settings = toml::from_str::<File>(text).map_err(|error| BadSettings::Unreadable(Box::new(error)))?.rules;
    let mistakes = settings.validate();
    if mistakes.is_empty() { Ok(settings) } else { Err(BadSettings::Refused(mistakes)) }
}

/// Why a configuration's rules cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadSettings {
    /// Not TOML, an unknown key, or a value of the wrong kind.
    #[error("{0}")]
    Unreadable(Box<toml::de::Error>),
    /// Every single value reads, but they make no sense.
    #[error("{}", .0.join("; "))]
    Refused(Vec<String>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_means_the_defaults() {
        assert_eq!(settings_from_toml("[http]\nlisten = \"127.0.0.1:1\"").unwrap(), Settings::default());
        assert_eq!(settings_from_toml("[rules]").unwrap(), Settings::default());
    }

    #[test]
    fn every_key_can_be_set_on_its_own() {
        let settings = settings_from_toml(
            r#"
            [rules]
            no_reply = "36h"
            inhibition = false
            disabled = ["PreferredChannel"]
            active_statuses = ["New", "Qualified"]
            [rules.target]
            HotLead24h = "30m"
            [rules.repeat_after]
            NoReply3d = "14d"
            StaleLead30d = "never"
            [rules.preferred_channel]
            min_attempts = 3
            "#,
        )
        .unwrap();
        assert_eq!(settings.no_reply, 36 * HOUR);
        assert_eq!(settings.no_contact, 7 * DAY, "what is not set keeps its default");
        assert!(!settings.inhibition);
        assert!(!settings.is_enabled(AlertType::PreferredChannel));
        assert!(settings.is_enabled(AlertType::NoReply3d));
        assert_eq!(settings.target(AlertType::HotLead24h), Some(1_800));
        assert_eq!(settings.target(AlertType::StaleLead30d), Some(7 * DAY));
        assert_eq!(settings.target(AlertType::PreferredChannel), None);
        assert_eq!(settings.repeat_after(AlertType::NoReply3d), Some(14 * DAY));
        assert_eq!(settings.repeat_after(AlertType::StaleLead30d), None);
        assert_eq!(settings.repeat_after(AlertType::PreferredChannel), Some(90 * DAY));
        assert_eq!(settings.preferred_channel.min_attempts, 3);
        assert_eq!(settings.preferred_channel.window, 30 * DAY);
        assert!(settings.is_active_status("Qualified") && !settings.is_active_status("Assigned"));
    }

    /// > Severities, most pressing first: `urgent`, `high`, `medium`, `low`, `info`.
    ///
    /// > Their order, too, is configuration.
    #[test]
    fn the_order_of_severities_has_each_of_them_once() {
        let settings = |list: &str| settings_from_toml(&format!("[rules]\nseverities = {list}"));
        let ours = settings(r#"["high", "urgent", "info", "medium", "low"]"#).unwrap();
        let places = Severity::ALL.map(|severity| ours.place_of(severity));
        assert_eq!(places, [2, 4, 3, 0, 1]);
        assert_eq!(Severity::ALL.map(|severity| Settings::default().place_of(severity)), [4, 3, 2, 1, 0]);
        for list in [
            r#"["urgent", "high", "medium", "low"]"#,
            r#"["urgent", "high", "medium", "low", "low"]"#,
            r#"["urgent", "high", "medium", "low", "info", "info"]"#,
        ] {
            let error = settings(list).unwrap_err().to_string();
            assert!(error.contains("rules.severities") && error.contains("info, low, medium, high, urgent"), "{error}");
        }
        let error = settings(r#"["urgent", "high", "medium", "low", "Info"]"#).unwrap_err().to_string();
        assert!(error.contains("Info"), "{error}");
    }

    #[test]
    fn a_misspelt_key_is_an_error() {
        for text in [
            "[rules]\nno_replly = \"3d\"",
            "[rules.repeat_after]\nNoReply = \"3d\"",
            "[rules.preferred_channel]\nmargin = 3",
            "[rules]\nnot_active_statuses = [\"Dead\"]",
        ] {
            assert!(settings_from_toml(text).is_err(), "{text}");
        }
    }

    #[test]
    fn all_mistakes_are_named_at_once() {
        let error = settings_from_toml(
            "[rules]\nno_reply = \"0s\"\nawaiting_reply_max = \"1h\"\nseverities = []\n[rules.repeat_after]\nHotLead24h = \"1d\"\n\
             AwaitingReply24h = \"never\"\nNoReply3d = \"0s\"",
        )
        .unwrap_err()
        .to_string();
        for part in [
            "rules.no_reply ",
            "rules.awaiting_reply_max ",
            "rules.severities ",
            "repeat_after.HotLead24h",
            "repeat_after.AwaitingReply24h",
            "repeat_after.NoReply3d",
        ] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }

    /// > A lead is active when it exists (created_at ≤ now), is not deleted and its status is in `active_statuses`
    /// > (default in the daemon: all but those the CRM itself lists as no longer actual; in a backtest `New`,
    /// > `Assigned`, `In Process`).
    #[test]
    fn without_a_list_a_lead_is_active_unless_the_crm_says_otherwise() {
        let mut settings = Settings::default();
        assert!(settings.is_active_status("Qualified") && !settings.is_active_status("Dead"));
        settings.not_active_statuses = vec!["Lost".to_owned()];
        assert!(settings.is_active_status("Dead") && !settings.is_active_status("Lost"));
    }
}
