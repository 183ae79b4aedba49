//! The people behind the CRM's accounts: who owns a lead, who is told.

use serde::{Deserialize, Serialize};

use super::{TeamId, UserId};

/// A user of the CRM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The CRM's id.
    pub id: UserId,
    /// Login name.
    pub user_name: String,
    /// Full name.
    pub name: String,
    /// First name; may be empty.
    pub first_name: String,
    /// Whether the account may be used.
    pub active: bool,
    /// The CRM's user type: `regular`, `admin`, `api`, `system`, `portal`…
    pub kind: String,
    /// E-mail addresses, lower case.
    pub emails: Vec<String>,
}

impl User {
    /// What to call the person: first name, else full name, else login name.
    pub fn call_name(&self) -> &str {
        [&self.first_name, &self.name].into_iter().find(|name| !name.trim().is_empty()).unwrap_or(&self.user_name)
    }
}

/// What a user may do with one lead, as the CRM says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Rights {
    /// See it.
    pub read: bool,
    /// Change it, and so settle, silence and log what concerns it.
    pub edit: bool,
    /// Become its owner.
    pub assign: bool,
}

/// A team of the CRM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Team {
    /// The CRM's id.
    pub id: TeamId,
    /// Its name.
    pub name: String,
}
