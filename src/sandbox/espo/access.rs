//! Who is asking, how they prove it, and what they may do.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::value::{ids_of, text_of};
use super::world::{Record, World};

/// The seconds within which failed logins add up, and how many are one too many.
const LOCK_OUT_WINDOW: i64 = 60;
const LOCK_OUT_FAILURES: usize = 11;

/// Somebody who can log in.
#[derive(Debug, Clone)]
pub struct Account {
    /// The id of the User record; made up when `None`.
    pub id: Option<String>,
    /// The login, and the name until the User record is given another.
    pub user_name: String,
    /// What kind of user it is.
    pub kind: UserKind,
    /// How it logs in.
    pub credential: Credential,
    /// What it may do; an admin may do everything whatever stands here.
    pub rights: Rights,
}

/// EspoCRM's types of user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserKind {
    /// May do everything.
    Admin,
    /// A person.
    Regular,
    /// A program.
    Api,
}

impl UserKind {
    /// As it stands in the User record.
    pub fn word(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Regular => "regular",
            Self::Api => "api",
        }
    }
}

/// How somebody proves who they are.
#[derive(Debug, Clone)]
pub enum Credential {
    /// `X-Api-Key`.
    ApiKey(String),
    /// `X-Hmac-Authorization`.
    Hmac {
        /// Sent along.
        key: String,
        /// Signs with it.
        secret: String,
    },
    /// `Authorization: Basic` or `Espo-Authorization`.
    Password(String),
}

/// How far a right reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Nothing.
    No,
    /// Records assigned to oneself, or made by oneself.
    Own,
    /// Those, and the records of one's teams.
    Team,
    /// Everything.
    All,
}

/// What may be done with one entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Whether records may be made.
    pub create: bool,
    /// Which may be read.
    pub read: Reach,
    /// Which may be changed.
    pub edit: Reach,
    /// Which may be deleted.
    pub delete: Reach,
}

impl Grant {
    /// Nothing at all.
    pub const NONE: Self = Self { create: false, read: Reach::No, edit: Reach::No, delete: Reach::No };
    /// Everything may be read.
    pub const READ: Self = Self { read: Reach::All, ..Self::NONE };
    /// Everything may be read and changed, records may be made, none deleted.
    pub const WRITE: Self = Self { create: true, edit: Reach::All, ..Self::READ };
}

/// A role.
#[derive(Debug, Clone, Default)]
pub struct Rights {
    /// By entity; nothing for those that are missing.
    pub grants: BTreeMap<String, Grant>,
    /// Whether many records may be changed in one go.
    pub mass_update: bool,
    /// To whom records may be assigned.
    pub assignment: Option<Reach>,
    /// Through which group mail accounts mails may be sent.
    pub group_accounts: Option<Reach>,
}

impl Rights {
    /// What M.A.X. asks an administrator for.
    pub fn of_max() -> Self {
        let read = ["Meeting", "Task", "User", "Team", "Contact", "Account"];
        let write = ["Lead", "Call", "Email", "MaxAlert", "MaxActivity", "MaxInsight", "MaxLink"];
        let mut rights = Self { assignment: Some(Reach::All), group_accounts: Some(Reach::All), ..Self::default() };
        rights.grants.extend(read.map(|entity| (entity.to_owned(), Grant::READ)));
        rights.grants.extend(write.map(|entity| (entity.to_owned(), Grant::WRITE)));
        let enabled = Grant { delete: Reach::All, ..Grant::WRITE };
        rights.grants.extend(["Webhook", "WorkingTimeCalendar"].map(|scope| (scope.to_owned(), enabled)));
        rights
    }

    /// What a sales rep usually has: the records of one's teams; of alerts, deciding about them.
    pub fn of_people() -> Self {
        let own = ["Lead", "Call", "Meeting", "Task", "Email", "Contact", "Account"];
        let of_team = Grant { create: true, read: Reach::Team, edit: Reach::Team, delete: Reach::No };
        let mut rights = Self { mass_update: true, ..Self::default() };
        rights.grants.extend(own.map(|entity| (entity.to_owned(), of_team)));
        rights.grants.extend(["User", "Team"].map(|entity| (entity.to_owned(), Grant::READ)));
        rights.with("MaxAlert", Grant { create: false, ..of_team }).with("MaxActivity", of_team)
    }

    /// The same with one entity's grant replaced.
    #[must_use]
    pub fn with(mut self, entity: &str, grant: Grant) -> Self {
        self.grants.insert(entity.into(), grant);
        self
    }
}

impl Reach {
    /// As roles and access tables write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Own => "own",
            Self::Team => "team",
            Self::All => "all",
        }
    }

    fn parse(word: &str) -> Self {
        match word {
            "all" | "yes" => Self::All,
            "team" => Self::Team,
            "own" => Self::Own,
            _ => Self::No,
        }
    }
}

impl Rights {
    /// What a role says: its `data` and its assignment permission.
    pub fn of_role(role: &Map<String, Value>) -> Self {
        let mut rights = Self::default();
        let data = role.get("data").and_then(Value::as_object);
        for (scope, grants) in data.into_iter().flatten() {
            let reach = |deed: &str| Reach::parse(grants.get(deed).and_then(Value::as_str).unwrap_or("no"));
            let grant = match grants {
                // A scope that is simply enabled.
                Value::Bool(true) => Grant { delete: Reach::All, ..Grant::WRITE },
                _ => Grant {
                    create: reach("create") == Reach::All,
                    read: reach("read"),
                    edit: reach("edit"),
                    delete: reach("delete"),
                },
            };
            rights.grants.insert(scope.clone(), grant);
        }
        let permission = |name: &str| role.get(name).and_then(Value::as_str).map(Reach::parse);
        rights.assignment = permission("assignmentPermission");
        rights.group_accounts = permission("groupEmailAccountPermission");
        rights
    }

    /// These and those.
    fn and(mut self, other: Self) -> Self {
        for (scope, grant) in other.grants {
            let known = self.grants.get(&scope).copied().unwrap_or(Grant::NONE);
            let both = Grant {
                create: known.create || grant.create,
                read: known.read.max(grant.read),
                edit: known.edit.max(grant.edit),
                delete: known.delete.max(grant.delete),
            };
            self.grants.insert(scope, both);
        }
        self.mass_update |= other.mass_update;
        self.assignment = self.assignment.max(other.assignment);
        self.group_accounts = self.group_accounts.max(other.group_accounts);
        self
    }
}

/// An account and the User record that goes with it.
#[derive(Debug, Clone)]
pub struct Login {
    /// The id of the User record.
    pub user_id: String,
    /// How it was set up.
    pub account: Account,
}

/// Somebody who does something.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The id of the User record.
    pub id: String,
    /// What kind of user it is.
    pub kind: UserKind,
    rights: Rights,
}

/// What is done with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Reading it.
    Read,
    /// Changing it.
    Edit,
    /// Deleting it.
    Delete,
}

impl Actor {
    /// A person at the CRM's own pages: a test's or the demo's hand, which nothing is refused to.
    pub fn at_the_desk(id: &str) -> Self {
        Self { id: id.into(), kind: UserKind::Admin, rights: Rights::default() }
    }

    fn grant(&self, entity: &str) -> Grant {
        // Exceptions have no right of their own.
        let scope = if entity == "WorkingTimeRange" { "WorkingTimeCalendar" } else { entity };
        self.rights.grants.get(scope).copied().unwrap_or(Grant::NONE)
    }

    /// Whether many records may be changed in one go.
    pub fn may_mass_update(&self) -> bool {
        self.kind == UserKind::Admin || self.rights.mass_update
    }

    /// Whether records of this entity may be made.
    pub fn may_create(&self, entity: &str) -> bool {
        self.kind == UserKind::Admin || self.grant(entity).create
    }

    /// To whom records may be assigned.
    pub fn assignment(&self) -> Reach {
        if self.kind == UserKind::Admin { Reach::All } else { self.rights.assignment.unwrap_or(Reach::No) }
    }

    /// Through which group mail accounts mails may be sent.
    pub fn group_accounts(&self) -> Reach {
        if self.kind == UserKind::Admin { Reach::All } else { self.rights.group_accounts.unwrap_or(Reach::No) }
    }

    /// How far a deed reaches on an entity.
    pub fn reach(&self, entity: &str, deed: Deed) -> Reach {
        if self.kind == UserKind::Admin {
            return Reach::All;
        }
        let grant = self.grant(entity);
        match deed {
            Deed::Read => grant.read,
            Deed::Edit => grant.edit,
            Deed::Delete => grant.delete,
        }
    }
}

/// How a login went.
#[derive(Debug)]
pub enum Entry {
    /// Known.
    Granted(Actor),
    /// Nothing was sent: 401 that asks for Basic.
    Asked,
    /// Wrong: 401.
    Refused,
    /// Too many failures: 403 for everybody.
    LockedOut,
}

/// The authentication headers of one request.
#[derive(Debug, Default)]
pub struct Presented<'a> {
    /// `X-Api-Key`.
    pub api_key: Option<&'a str>,
    /// `X-Hmac-Authorization`.
    pub hmac: Option<&'a str>,
    /// `Authorization` without its `Basic `.
    pub basic: Option<&'a str>,
    /// `Espo-Authorization`, as the CRM's own pages send it.
    pub espo: Option<&'a str>,
}

impl World {
    /// Who is asking. `method` and `path` (without `/api/v1/`) are what an HMAC signs.
    pub fn enter(&mut self, presented: &Presented<'_>, method: &str, path: &str) -> Entry {
        let now = self.clock.now().0;
        self.failed_logins.retain(|at| now - at < LOCK_OUT_WINDOW);
        let sent = [presented.api_key, presented.hmac, presented.basic, presented.espo];
        if sent.iter().all(Option::is_none) {
            return Entry::Asked;
        }
        if self.failed_logins.len() >= LOCK_OUT_FAILURES {
            return Entry::LockedOut;
        }
        let alive = |login: &Login| {
            self.row("User", &login.user_id).is_some_and(|row| row.attributes.get("isActive") != Some(&json!(false)))
        };
        let login = self.logins.iter().find(|login| login.account.opens(presented, method, path) && alive(login));
        match login {
            Some(login) => Entry::Granted(Actor {
                id: login.user_id.clone(),
                kind: login.account.kind,
                rights: self.rights_by_roles(&login.user_id).unwrap_or_else(|| login.account.rights.clone()),
            }),
            None => {
                self.failed_logins.push_back(now);
                Entry::Refused
            }
        }
    }

    /// What a user's roles say together; `None` without any.
    fn rights_by_roles(&self, user: &str) -> Option<Rights> {
        let roles = ids_of(&self.row("User", user)?.attributes, "roles");
        let rights = roles.iter().filter_map(|id| self.row("Role", id)).map(|role| Rights::of_role(&role.attributes));
        rights.reduce(Rights::and)
    }

    /// The user behind a User record, with or without a login; `None` when there is none.
    pub fn user(&self, id: &str) -> Option<Actor> {
        let record = self.row("User", id)?;
        let login = self.logins.iter().find(|login| login.user_id == id);
        let kind = match text_of(&record.attributes, "type").as_deref() {
            Some("admin" | "super-admin" | "system") => UserKind::Admin,
            Some("api") => UserKind::Api,
            _ => UserKind::Regular,
        };
        let rights = login.map(|login| &login.account.rights).or(self.roles.get(id)).cloned();
        Some(Actor { id: id.into(), kind, rights: rights.unwrap_or_else(Rights::of_people) })
    }

    /// Whether a deed is allowed on this very record.
    pub fn may(&self, actor: &Actor, deed: Deed, entity: &str, record: &Record) -> bool {
        let owner = || {
            let is = |name: &str| text_of(&record.attributes, name).is_some_and(|id| id == actor.id);
            is("assignedUserId") || is("createdById") || ids_of(&record.attributes, "assignedUsers").contains(&actor.id)
        };
        let shared = || {
            let mine =
                self.any_row("User", &actor.id).map(|user| ids_of(&user.attributes, "teams")).unwrap_or_default();
            ids_of(&record.attributes, "teams").iter().any(|team| mine.contains(team))
        };
        match actor.reach(entity, deed) {
            Reach::No => false,
            Reach::All => true,
            Reach::Own => owner(),
            Reach::Team => owner() || shared(),
        }
    }
}

impl Account {
    fn opens(&self, presented: &Presented<'_>, method: &str, path: &str) -> bool {
        match &self.credential {
            Credential::ApiKey(key) => presented.api_key == Some(key),
            Credential::Hmac { key, secret } => {
                presented.hmac.is_some_and(|sent| hmac_opens(sent, key, secret, &format!("{method} /{path}")))
            }
            Credential::Password(password) => {
                let expected = STANDARD.encode(format!("{}:{password}", self.user_name));
                presented.basic.or(presented.espo) == Some(&expected)
            }
        }
    }
}

/// The digest in hex, as today, or raw, as before.
fn hmac_opens(sent: &str, key: &str, secret: &str, signed: &str) -> bool {
    let Ok(decoded) = STANDARD.decode(sent) else { return false };
    let Some(digest) = decoded.strip_prefix(format!("{key}:").as_bytes()) else { return false };
    let expected = hmac_sha256(secret, signed.as_bytes());
    digest == expected || digest == hex(&expected).as_bytes()
}

/// HMAC-SHA256.
pub fn hmac_sha256(secret: &str, message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
