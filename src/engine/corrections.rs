//! What people said was read wrongly: for a report, and as sentences for the next training of what reads messages.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::domain::meaning::{self, Meaning};
use crate::domain::unsubscribed::UnsubscribedStage;
use crate::domain::{AlertType, Reading, Timestamp, UserId};
use crate::insight::reading::explain;
use crate::store::{Result, Store};

/// One correction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// When it was made, as RFC 3339.
    pub at: String,
    /// Who made it; empty when that is not known.
    pub by: String,
    /// The lead's id.
    pub lead: String,
    /// What was said: `not_relevant`, `not_unsubscribed`, or `misread`.
    pub said: String,
    /// What it means, of what was misread: as `read_as`.
    #[serde(default)]
    pub means: Option<String>,
    /// The alert's rule, of what is not relevant.
    pub alert_type: Option<String>,
    /// The beginning of the message; empty when the alert rests on none.
    pub text: String,
    /// What it was read to be when it came: `intent`, `expects_reply`, `auto_reply`, `unsubscribe` or `nothing`.
    pub read_as: Vec<String>,
    /// What it would be read to be about now.
    pub category: String,
    /// The words that decide that.
    pub evidence: Vec<String>,
}

/// All of them, oldest first.
///
/// # Errors
/// When the store cannot be read.
pub fn corrections(store: &Store) -> Result<Vec<Correction>> {
    let mut all: Vec<(Timestamp, Correction)> = Vec::new();
    for mark in store.not_relevant()? {
        let by = name(store, mark.by.as_ref())?;
        let read_as = answers(mark.reading);
        let said = Said { what: "not_relevant", of: Some(mark.alert_type), by, read_as };
        all.push((mark.at, said.about(mark.at, mark.lead.0, mark.text)));
    }
    let misread = store.all_corrections()?;
    for mark in store.all_unsubscribed()? {
        let is_said = |known: &meaning::Correction| (&known.lead, &known.activity) == (&mark.lead, &mark.activity);
        if mark.stage == UnsubscribedStage::NotSo && !misread.iter().any(is_said) {
            let by = name(store, mark.by.as_ref())?;
            let said = Said { what: "not_unsubscribed", of: None, by, read_as: vec!["unsubscribe"] };
            all.push((mark.at, said.about(mark.at, mark.lead.0, mark.text)));
        }
    }
    // Whoever said in the end what M.A.X. had read has corrected nothing.
    for known in misread.into_iter().filter(|known| known.means != known.read_as) {
        let by = name(store, known.by.as_ref())?;
        let said = Said { what: "misread", of: None, by, read_as: vec![known.read_as.as_str()] };
        let means = Some(known.means.as_str().to_owned());
        all.push((known.at, Correction { means, ..said.about(known.at, known.lead.0, known.text) }));
    }
    all.sort_by_key(|(at, _)| *at);
    Ok(all.into_iter().map(|(_, correction)| correction).collect())
}

struct Said {
    what: &'static str,
    of: Option<AlertType>,
    by: String,
    read_as: Vec<&'static str>,
}

impl Said {
    fn about(self, at: Timestamp, lead: String, text: String) -> Correction {
        let now = explain(&text);
        Correction {
            at: at.to_string(),
            by: self.by,
            lead,
            said: self.what.to_owned(),
            means: None,
            alert_type: self.of.map(|rule| rule.as_str().to_owned()),
            read_as: self.read_as.into_iter().map(str::to_owned).collect(),
            category: now.category.as_str().to_owned(),
            evidence: now.evidence,
            text,
        }
    }
}

impl Correction {
    /// The sentence that it is for the next training; none when it says nothing of how a message was read, as of an alert
    /// about silence.
    pub fn sentence(&self) -> Option<Map<String, Value>> {
        if self.text.is_empty() {
            return None;
        }
        let label = match (self.said.as_str(), self.alert_type.as_deref()) {
            ("not_unsubscribed", _) => json!({"not": "unsubscribe"}),
            ("misread", _) => label(self.means()?),
            (_, Some(rule)) if rule == AlertType::HotLead24h.as_str() => json!({"intent": false}),
            // Whoever waits in vain for an answer may want to buy all the same.
            (_, Some(rule)) if rule == AlertType::AwaitingReply24h.as_str() => json!({"expects_reply": false}),
            _ => return None,
        };
        let mut sentence = Map::from_iter([("text".to_owned(), json!(self.text))]);
        sentence.extend(label.as_object().cloned().unwrap_or_default());
        Some(sentence)
    }

    fn means(&self) -> Option<Meaning> {
        let means = self.means.as_deref()?;
        Meaning::ALL.into_iter().find(|meaning| meaning.as_str() == means)
    }
}

/// What is learnt of a sentence that means this.
fn label(means: Meaning) -> Value {
    match means {
        Meaning::WishToBuy => json!({"intent": true, "expects_reply": true}),
        Meaning::ExpectsReply => json!({"intent": false, "expects_reply": true}),
        Meaning::Nothing => json!({"intent": false, "expects_reply": false}),
        Meaning::Unsubscribe | Meaning::AutoReply => json!({"category": means.as_str(), "expects_reply": false}),
    }
}

fn answers(reading: Reading) -> Vec<&'static str> {
    let all =
        [(reading.intent, "intent"), (reading.expects_reply, "expects_reply"), (reading.auto_reply, "auto_reply")];
    let mut answers: Vec<&'static str> = all.into_iter().filter(|(holds, _)| *holds).map(|(_, name)| name).collect();
    if answers.is_empty() {
        answers.push("nothing");
    }
    answers
}

fn name(store: &Store, user: Option<&UserId>) -> Result<String> {
    let known = user.map(|id| store.user(id)).transpose()?.flatten();
    Ok(known.map(|user| user.name).or(user.map(|id| id.0.clone())).unwrap_or_default())
}
