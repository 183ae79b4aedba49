//! Identifiers as types of their own, so that a lead's id can never be passed where a user's is meant.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The id as text, as the outside world writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// The CRM's id of a Lead.
    LeadId
}
text_id! {
    /// Our id of an activity: `Call:<id>`, `Email:<id>`… for what the CRM recorded, the caller's own id for
    /// what came through the API. Compared by bytes.
    ActivityId
}
text_id! {
    /// The CRM's id of a User.
    UserId
}
text_id! {
    /// The CRM's id of a Team.
    TeamId
}
text_id! {
    /// Our id of an alert, derived from its episode's key: see [`AlertId::of`].
    AlertId
}

text_id! {
    /// Our id of a deed: see [`DeedId::of`].
    DeedId
}

/// A Telegram chat: positive for a person, negative for a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChatId(pub i64);

impl ChatId {
    /// Whether others read along.
    pub fn is_group(self) -> bool {
        self.0 < 0
    }
}

impl fmt::Display for ChatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
