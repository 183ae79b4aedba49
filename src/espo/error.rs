//! What can go wrong with the CRM, classified where it arises: whether trying again can help, and who must act.

use std::fmt;

use super::record::Record;

/// A request, as errors name it: method and path, never the query and never a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// `GET`, `POST`, `PUT`, `DELETE`.
    pub method: &'static str,
    /// The path below `/api/v1/`: the entity type and possibly an id.
    pub path: String,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// A request that did not bring what was asked for.
#[derive(Debug)]
pub struct Error {
    /// Which request.
    pub call: Call,
    /// What happened.
    pub kind: ErrorKind,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EspoCRM, {}: {}", self.call, self.kind)
    }
}

impl std::error::Error for Error {
    /// What is beneath the kind: the kind itself is said already.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.kind)
    }
}

/// What became of a request.
#[derive(Debug, thiserror::Error)]
pub enum ErrorKind {
    /// A 401: the client sends nothing more until [`super::Client::resume`]: eleven failures within a minute would
    /// lock everyone behind our address out.
    #[error("the API key is refused (401): check [espocrm] api_key and secret_key; nothing more is sent until then")]
    Unauthorized,
    /// A 401 that asks a person for a second factor, which we cannot give.
    #[error("this login wants a second factor")]
    SecondFactor,
    /// 403 in the form that EspoCRM gives to everyone at a locked-out address, also to good keys.
    #[error("this address is locked out after failed logins (403 without a reason): wait a minute")]
    LockedOut,
    /// 403: the role lacks a right, or a limit is exceeded.
    #[error("forbidden: {reason}")]
    Forbidden {
        /// EspoCRM's own words (`X-Status-Reason`).
        reason: String,
    },
    /// 403: a link points at a record that does not exist (any more).
    #[error("a linked record does not exist: {reason}")]
    NoSuchLink {
        /// EspoCRM's own words, naming the link.
        reason: String,
    },
    /// 404 for a whole entity type: the extension that brings it is not installed, or it was disabled.
    #[error("this CRM has no entity type {entity} (for MaxAlert and MaxActivity: install the M.A.X. extension)")]
    NoSuchEntity {
        /// The entity type asked for.
        entity: String,
    },
    /// 405: the CRM has no such route.
    #[error("this CRM does not know the request (405): its M.A.X. extension is older than this M.A.X.")]
    NoSuchRoute,
    /// The records have no longer a field that the configuration names, or M.A.X.'s role may not read it. What they
    /// mean cannot be told without it.
    #[error(
        "{entity} has no field `{field}`, which {named_by} names: it was renamed or removed, or M.A.X.'s role may not \
         read it. Write its present name there, or allow it, and start again; until then no {entity} is read"
    )]
    NoSuchField {
        /// The entity type.
        entity: String,
        /// The field's attribute.
        field: String,
        /// Which key of the configuration, or which part of M.A.X., names it.
        named_by: String,
    },
    /// 404 for one record: deleted, or not visible to us.
    #[error("no such record")]
    NotFound,
    /// 409: records with the same key exist already.
    #[error("a duplicate of {} existing record(s)", existing.len())]
    Duplicate {
        /// Those records, with all attributes.
        existing: Vec<Record>,
    },
    /// 409: changed by someone else meanwhile.
    #[error("changed by someone else meanwhile")]
    Conflict,
    /// 400: a field's value is refused.
    #[error("field `{field}` is refused ({rule})")]
    Validation {
        /// Which field; empty when EspoCRM does not say.
        field: String,
        /// Which rule it breaks: `required`, `maxLength`, `valid`, `notInternal`…, or EspoCRM's own words.
        rule: String,
    },
    /// Something answers, and it is not EspoCRM's API.
    #[error("this address answers {what}, not EspoCRM's API: check [espocrm] url")]
    NotJson {
        /// What answers, with a short excerpt.
        what: String,
    },
    /// The question or the answer exceeds a limit.
    #[error("too large: {what}")]
    TooLarge {
        /// Which limit.
        what: String,
    },
    /// The server failed. A 500 is not always transient (a unique-index violation is one): bound the retries,
    /// and after a write look up by key.
    #[error("the server failed ({status})")]
    Server {
        /// The HTTP status.
        status: u16,
    },
    /// No connection, or it broke before an answer came.
    #[error("unreachable")]
    Unreachable {
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// No answer in time; a write may have happened all the same.
    #[error("no answer in time")]
    Timeout,
}

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Yes, after a while.
    Later,
    /// Not as it is: the same request will fail the same way.
    Never,
    /// Not before a person has changed something: a key, a right, the address, the extension.
    NeedsPerson,
}

impl Error {
    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        match &self.kind {
            ErrorKind::Unauthorized
            | ErrorKind::SecondFactor
            | ErrorKind::Forbidden { .. }
            | ErrorKind::NoSuchEntity { .. }
            | ErrorKind::NoSuchRoute
            | ErrorKind::NoSuchField { .. }
            | ErrorKind::NotJson { .. } => Retry::NeedsPerson,
            ErrorKind::NoSuchLink { .. }
            | ErrorKind::NotFound
            | ErrorKind::Duplicate { .. }
            | ErrorKind::Conflict
            | ErrorKind::Validation { .. }
            | ErrorKind::TooLarge { .. } => Retry::Never,
            ErrorKind::LockedOut | ErrorKind::Server { .. } | ErrorKind::Unreachable { .. } | ErrorKind::Timeout => {
                Retry::Later
            }
        }
    }

    /// Whether the CRM as a whole is out of reach at the moment: any other request would fare no better.
    pub fn is_outage(&self) -> bool {
        match &self.kind {
            ErrorKind::Unreachable { .. } | ErrorKind::Timeout | ErrorKind::NotJson { .. } | ErrorKind::LockedOut => {
                true
            }
            // What a proxy answers when nobody is behind it; a 500 may well be about this one request.
            ErrorKind::Server { status } => matches!(status, 502..=504),
            ErrorKind::Unauthorized
            | ErrorKind::SecondFactor
            | ErrorKind::Forbidden { .. }
            | ErrorKind::NoSuchLink { .. }
            | ErrorKind::NoSuchEntity { .. }
            | ErrorKind::NoSuchRoute
            | ErrorKind::NoSuchField { .. }
            | ErrorKind::NotFound
            | ErrorKind::Duplicate { .. }
            | ErrorKind::Conflict
            | ErrorKind::Validation { .. }
            | ErrorKind::TooLarge { .. } => false,
        }
    }

    /// Whether this says nothing of the CRM as a whole: what is asked of other entity types may well be answered.
    pub fn is_of_one_entity(&self) -> bool {
        !self.is_outage() && !matches!(self.kind, ErrorKind::Unauthorized)
    }

    /// Whether a write that ended so may have been done all the same: look it up by its key.
    pub fn outcome_unknown(&self) -> bool {
        matches!(self.kind, ErrorKind::Server { .. } | ErrorKind::Unreachable { .. } | ErrorKind::Timeout)
    }

    /// Whether the entity type as a whole is out of reach: not installed, or not allowed to us.
    pub fn entity_missing(&self) -> bool {
        matches!(self.kind, ErrorKind::NoSuchEntity { .. } | ErrorKind::Forbidden { .. })
    }
}
