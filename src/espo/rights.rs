//! What our API user must be able to do, and what a role or an access table of EspoCRM lacks of it. Nothing here
//! deletes: M.A.X. never does.

use std::fmt;

use serde_json::{Map, Value, json};

use super::extension;
use super::mapping::Mapping;
use super::working_times;

/// What may be done with the records of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// Make some.
    Create,
    /// Read them.
    Read,
    /// Change them.
    Edit,
}

impl Deed {
    /// The name in EspoCRM's roles.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Edit => "edit",
        }
    }

    /// How EspoCRM writes all of it.
    fn most(self) -> &'static str {
        match self {
            Self::Create => "yes",
            Self::Read | Self::Edit => "all",
        }
    }
}

/// The rights that are needed on one scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The entity type, or another name in roles.
    pub scope: String,
    /// What has to be possible, with every record; nothing in particular for a scope that is simply enabled.
    pub deeds: Vec<Deed>,
    /// M.A.X. lives without it, and better with it.
    pub is_wish: bool,
}

/// A right that is needed and not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// The entity type, or another name in roles.
    pub scope: String,
    /// What cannot be done, or not with every record; `None` when it is the scope as a whole.
    pub deed: Option<Deed>,
    /// As it is now: `no`, `own`, `team`, or `not set`.
    pub now: String,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.deed {
            Some(deed) => write!(f, "{} {}: {} instead of {}", self.scope, deed.as_str(), self.now, deed.most()),
            None => write!(f, "{}: {} instead of enabled", self.scope, self.now),
        }
    }
}

/// The permission that sits beside the table of scopes: to whom records may be assigned.
pub const ASSIGNMENT: &str = "assignmentPermission";
/// The one beside it: through which group mail accounts mails may be sent.
pub const GROUP_ACCOUNTS: &str = "groupEmailAccountPermission";

const WEBHOOK: &str = "Webhook";
/// Who works when, with the exceptions of some days.
const WORKING_TIMES: &str = working_times::ENTITY;
/// What reps do by button.
const CHANGED: [(&str, &[Deed]); 2] =
    [("Lead", &[Deed::Read, Deed::Edit]), ("Call", &[Deed::Create, Deed::Read, Deed::Edit])];
const READ: [&str; 5] = ["Meeting", "Task", MAIL, "User", "Team"];
/// Made only where M.A.X. sends for reps.
const MAIL: &str = "Email";
/// Of these the ones that the extension in this program brings.
const OURS: [&str; 4] = ["MaxAlert", "MaxActivity", "MaxInsight", "MaxLink"];

/// All that is needed, with what the table of activities reads, and for sending mails if it `sends_mails`.
pub fn needed(mapping: &Mapping, sends_mails: bool) -> Vec<Need> {
    let need = |scope: &str, deeds: &[Deed]| Need { scope: scope.to_owned(), deeds: deeds.to_vec(), is_wish: false };
    let mut needs: Vec<Need> = CHANGED.iter().map(|(scope, deeds)| need(scope, deeds)).collect();
    let deeds = |scope: &str| match scope {
        MAIL if sends_mails => &[Deed::Create, Deed::Read][..],
        _ => &[Deed::Read][..],
    };
    needs.extend(READ.map(|scope| need(scope, deeds(scope))));
    let ours = OURS.into_iter().filter(|entity| extension::has_entity(entity));
    needs.extend(ours.map(|scope| need(scope, &[Deed::Create, Deed::Read, Deed::Edit])));
    for entity in mapping.activity_entities() {
        if needs.iter().all(|known| known.scope != entity) {
            needs.push(need(entity, &[Deed::Read]));
        }
    }
    needs.push(need(WEBHOOK, &[]));
    needs.push(Need { is_wish: true, ..need(WORKING_TIMES, &[]) });
    needs
}

/// What `table` lacks: the `data` of a role, or the access table of a user.
pub fn lacking(table: &Value, needs: &[Need]) -> Vec<Lack> {
    needs.iter().flat_map(|need| lacking_of(table, need)).collect()
}

/// What it lacks of one need.
pub fn lacking_of(table: &Value, need: &Need) -> Vec<Lack> {
    let lack = |deed, now: &str| Lack { scope: need.scope.clone(), deed, now: now.to_owned() };
    match table.get(&need.scope) {
        Some(Value::Object(grants)) => {
            let missing = need.deeds.iter().filter(|deed| level(grants, deed.as_str()) != deed.most());
            missing.map(|deed| lack(Some(*deed), level(grants, deed.as_str()))).collect()
        }
        // A scope that is simply enabled.
        Some(Value::Bool(true)) => Vec::new(),
        Some(Value::Bool(false)) => vec![lack(None, "disabled")],
        Some(_) | None => vec![lack(None, "not set")],
    }
}

/// What a role allows beyond what is needed, in words. Nothing here is taken away by M.A.X.
pub fn beyond(data: &Value, needs: &[Need]) -> Vec<String> {
    let mut found = Vec::new();
    for (scope, grants) in data.as_object().into_iter().flatten() {
        let need = needs.iter().find(|need| need.scope == *scope);
        match grants {
            Value::Object(grants) => {
                for deed in ["create", "read", "edit", "delete"] {
                    let level = level(grants, deed);
                    let is_needed = need.is_some_and(|need| need.deeds.iter().any(|needed| needed.as_str() == deed));
                    if !is_needed && level != "no" && level != "not set" {
                        found.push(format!("{scope} {deed} {level}"));
                    }
                }
            }
            Value::Bool(true) if need.is_none() => found.push(format!("{scope} enabled")),
            _ => {}
        }
    }
    found
}

/// `data` with what it lacks added, and nothing taken away.
pub fn completed(data: &Value, needs: &[Need]) -> Value {
    let mut table = data.as_object().cloned().unwrap_or_default();
    for need in needs.iter().filter(|need| !lacking_of(data, need).is_empty()) {
        let grants = match table.get(&need.scope) {
            Some(Value::Object(grants)) => grants.clone(),
            _ => Map::new(),
        };
        table.insert(need.scope.clone(), raised(grants, need));
    }
    Value::Object(table)
}

fn raised(mut grants: Map<String, Value>, need: &Need) -> Value {
    if need.deeds.is_empty() {
        return json!(true);
    }
    // EspoCRM's table has no other columns for these two.
    let columns: &[&str] = match need.scope.as_str() {
        "Team" => &["read"],
        "User" => &["read", "edit"],
        _ => &["create", "read", "edit", "delete"],
    };
    for column in columns {
        let most = need.deeds.iter().find(|deed| deed.as_str() == *column).map(|deed| deed.most());
        match most {
            Some(most) => drop(grants.insert((*column).to_owned(), json!(most))),
            None => drop(grants.entry(*column).or_insert(json!("no"))),
        }
    }
    Value::Object(grants)
}

fn level<'a>(grants: &'a Map<String, Value>, deed: &str) -> &'a str {
    grants.get(deed).and_then(Value::as_str).unwrap_or("not set")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs() -> Vec<Need> {
        needed(&Mapping::new(&[], &[]).unwrap(), false)
    }

    #[test]
    fn an_empty_role_lacks_everything_and_completed_nothing() {
        let lack = lacking(&Value::Null, &needs());
        assert_eq!(lack.len(), needs().len());
        let role = completed(&Value::Null, &needs());
        assert_eq!(lacking(&role, &needs()), []);
        assert_eq!(beyond(&role, &needs()), [""; 0]);
        assert_eq!(role["Team"], json!({"read": "all"}));
        assert_eq!(role["Lead"], json!({"create": "no", "read": "all", "edit": "all", "delete": "no"}));
        assert_eq!((&role["Webhook"], &role["WorkingTimeCalendar"]), (&json!(true), &json!(true)));
        assert!(role.as_object().unwrap().values().all(|grants| grants.get("delete").is_none_or(|may| may == "no")));
    }

    #[test]
    fn mails_are_made_only_where_they_are_sent() {
        let sending = needed(&Mapping::new(&[], &[]).unwrap(), true);
        let of_mail = |needs: &[Need]| completed(&Value::Null, needs)["Email"]["create"].clone();
        assert_eq!((of_mail(&needs()), of_mail(&sending)), (json!("no"), json!("yes")));
        let lack: Vec<String> =
            lacking(&completed(&Value::Null, &needs()), &sending).iter().map(ToString::to_string).collect();
        assert_eq!(lack, ["Email create: no instead of yes"]);
    }

    #[test]
    fn what_is_too_little_is_raised_and_what_is_more_stays_and_is_told() {
        let mut role = completed(&Value::Null, &needs());
        role["Lead"] = json!({"create": "yes", "read": "team", "edit": "all", "delete": "own", "stream": "all"});
        role["Document"] = json!({"read": "all", "edit": "no"});
        role["Webhook"] = json!(false);
        let told: Vec<String> = lacking(&role, &needs()).iter().map(ToString::to_string).collect();
        assert_eq!(told, ["Lead read: team instead of all", "Webhook: disabled instead of enabled"]);
        let raised = completed(&role, &needs());
        assert_eq!(raised["Lead"]["read"], "all");
        assert_eq!((&raised["Lead"]["delete"], &raised["Lead"]["stream"]), (&json!("own"), &json!("all")));
        assert_eq!(beyond(&raised, &needs()), ["Lead create yes", "Lead delete own", "Document read all"]);
    }
}
