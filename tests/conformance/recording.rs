//! The recordings as they lie in `tests/recordings`, and what they tell about the records there were.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use max::sandbox::espo::Version;
use serde_json::{Map, Value};

pub struct Recording {
    pub version: Version,
    /// Folder and file, without version and ending.
    pub name: String,
    pub exchange: Value,
}

impl Recording {
    pub fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
        let of = |version: Version| {
            let folder = root.join(version.number());
            let mut files = Vec::new();
            collect(&folder, &mut files);
            files.sort();
            files.into_iter().map(move |file| {
                let name = file.strip_prefix(&folder).unwrap().with_extension("").to_string_lossy().into_owned();
                let exchange = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
                Self { version, name, exchange }
            })
        };
        [Version::V9, Version::V10].into_iter().flat_map(of).collect()
    }

    pub fn not_replayed(&self) -> bool {
        super::NOT_REPLAYED.iter().any(|(known, _)| self.is(known))
    }

    pub fn is(&self, known: &str) -> bool {
        if known.ends_with(['/', '-']) { self.name.starts_with(known) } else { self.name == known }
    }

    pub fn is_delivery(&self) -> bool {
        self.exchange.get("webhook").is_some()
    }

    pub fn folder(&self) -> &str {
        self.name.split('/').next().unwrap()
    }

    /// Of which CRM it was recorded: some were made for one purpose.
    pub fn instance(&self) -> &str {
        match self.folder() {
            own @ ("max-setup" | "max-calendar" | "max-mail-rights" | "max-people") => own,
            _ => "the usual one",
        }
    }

    pub fn method(&self) -> &str {
        self.exchange["request"]["method"].as_str().unwrap()
    }

    /// Behind `/api/v1/`, with the query.
    pub fn target(&self) -> &str {
        self.exchange["request"]["url"].as_str().unwrap().split_once("/api/v1/").unwrap().1
    }

    pub fn steps(&self) -> Vec<&str> {
        self.target().split('?').next().unwrap().split('/').collect()
    }

    /// The entity the rows of the answer are of.
    pub fn entity(&self) -> &str {
        match self.steps().as_slice() {
            ["App", "user"] => "User",
            ["MassAction" | "Action"] => self.sent()["entityType"].as_str().unwrap(),
            ["Extension", ..] => "Extension",
            [entity, "action", _] => entity,
            [_, _, link] => match *link {
                "calls" => "Call",
                "emails" => "Email",
                "maxAlerts" => "MaxAlert",
                "maxActivities" => "MaxActivity",
                other => panic!("which entity does the link {other} lead to?"),
            },
            [entity, ..] => entity,
            [] => unreachable!("a path has a first step"),
        }
    }

    pub fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.target().split_once('?')?;
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, v)| v.to_owned())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.exchange["request"]["headers"].get(name)?.as_str()
    }

    pub fn sent(&self) -> &Value {
        &self.exchange["request"]["body"]
    }

    pub fn status(&self) -> u16 {
        u16::try_from(self.exchange["response"]["status"].as_u64().unwrap()).unwrap()
    }

    pub fn answer_header(&self, name: &str) -> Option<&str> {
        let headers = self.exchange["response"]["headers"].as_array()?;
        headers.iter().find(|pair| pair[0] == name)?[1].as_str()
    }

    /// The recorded body; null when it was empty.
    pub fn answer(&self) -> Value {
        match &self.exchange["response"]["body"] {
            Value::String(text) if text.is_empty() => Value::Null,
            body => body.clone(),
        }
    }

    /// The records in the answer.
    pub fn rows(&self) -> Vec<Map<String, Value>> {
        let body = self.answer();
        let list = match &body {
            Value::Array(list) => list.clone(),
            Value::Object(map) if map.contains_key("list") => map["list"].as_array().unwrap().clone(),
            Value::Object(map) if map.contains_key("user") => vec![map["user"].clone()],
            other => vec![other.clone()],
        };
        let rows = list.into_iter().filter_map(|row| row.as_object().cloned());
        rows.filter(|row| row.contains_key("id")).collect()
    }

    pub fn is_list(&self) -> bool {
        self.answer().get("list").is_some()
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "json") {
            files.push(path);
        }
    }
}

/// Everything the recordings of one version tell about the records there were, by entity and id.
pub struct Known(BTreeMap<(String, String), Map<String, Value>>);

impl Known {
    pub fn from(recordings: &[Recording], version: Version, told: impl Fn(&Recording) -> bool) -> Self {
        let mut known: BTreeMap<(String, String), Map<String, Value>> = BTreeMap::new();
        let relevant = recordings.iter().filter(|r| r.version == version && !r.is_delivery() && !r.not_replayed());
        // Users of a later day are not among those of the other lists.
        let of_others = |recording: &&Recording| !recording.name.starts_with("max-convergence/user-");
        for recording in relevant.filter(of_others).filter(|recording| told(recording)) {
            for row in recording.rows() {
                let id = row["id"].as_str().unwrap().to_owned();
                known.entry((recording.entity().to_owned(), id)).or_default().extend(row);
            }
        }
        Self(known)
    }

    pub fn get(&self, entity: &str, id: &str) -> Option<Map<String, Value>> {
        self.0.get(&(entity.to_owned(), id.to_owned())).cloned()
    }

    /// The id of the user with that login; of the instance `of_extension` ours was recorded on, only names are known.
    pub fn user(&self, login: &str, of_extension: bool) -> Option<String> {
        let text = |row: &Map<String, Value>, key: &str| row.get(key).and_then(Value::as_str).map(str::to_owned);
        if !of_extension {
            let user = self.of("User").find(|row| text(row, "userName").as_deref() == Some(login))?;
            return text(user, "id");
        }
        let maker = self
            .of("MaxAlert")
            .find(|row| row.contains_key("closeReason") && text(row, "createdByName").as_deref() == Some(login));
        if let Some(maker) = maker {
            return text(maker, "createdById");
        }
        let owner = self.of("MaxAlert").find(|row| {
            row.contains_key("closeReason")
                && text(row, "assignedUserName").is_some_and(|name| name.to_lowercase().starts_with(login))
        });
        text(owner?, "assignedUserId")
    }

    pub fn of<'a>(&'a self, entity: &'a str) -> impl Iterator<Item = &'a Map<String, Value>> {
        self.0.iter().filter(move |((known, _), _)| known == entity).map(|(_, row)| row)
    }
}
