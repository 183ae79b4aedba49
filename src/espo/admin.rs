//! What an administrator does in EspoCRM's administration, for `max setup`: extensions, roles, API users, settings.
//! Nobody else comes here: the daemon has an API user's rights.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::client::{Body, Client, ListQuery, SettingsError, Where};
use super::error::{Error, ErrorKind};
use super::record::Record;
use super::rights::{ASSIGNMENT, GROUP_ACCOUNTS};
use super::settings::EspoSettings;
use super::webhooks::{self, Hook, HookId};

/// How long one request may take, in seconds: installing an extension rebuilds the CRM.
const TIMEOUT: i64 = 300;
/// Rows per page.
const PAGE: u32 = 200;

/// An administrator at work.
#[derive(Clone, Debug)]
pub struct Admin(Client);

/// An extension that EspoCRM lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whether it is installed; else it is merely uploaded, or was uninstalled.
    pub installed: bool,
}

/// A role.
#[derive(Clone, Debug, PartialEq)]
pub struct Role {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// To whom records may be assigned: `all`, `team`, `no`, `not-set`.
    pub assignment: String,
    /// Through which group mail accounts mails may be sent: `all`, `team`, `no`, `not-set`.
    pub group_accounts: String,
    /// Rights by scope.
    pub data: Value,
}

/// A user of type `api`.
#[derive(Clone, Debug)]
pub struct ApiAccount {
    /// Its id.
    pub id: String,
    /// Its login name.
    pub user_name: String,
    /// Whether it may log in.
    pub active: bool,
    /// Its roles' ids.
    pub roles: Vec<String>,
    /// Its teams' ids.
    pub teams: Vec<String>,
}

/// A group mail account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupAccount {
    /// The address mails come from.
    pub address: String,
    /// Whether it is switched on.
    pub active: bool,
    /// Whether it can send.
    pub smtp: bool,
    /// Whether others than administrators may send through it.
    pub shared: bool,
    /// Its teams' ids.
    pub teams: Vec<String>,
}

/// How an API user proves who it is.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The API key.
    pub api_key: SecretString,
    /// What signs requests, for HMAC.
    pub secret_key: Option<SecretString>,
}

/// The settings that concern us.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CrmSettings {
    /// EspoCRM's version.
    pub version: String,
    /// The tabs of the menu: names, and groups that are objects.
    pub tabs: Vec<Value>,
    /// `webhookAllowedAddressList`: internal addresses that webhooks may go to, `host:port`.
    pub allowed: Vec<String>,
}

impl Admin {
    /// An administrator; sends nothing yet.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(url: &str, name: &str, password: &SecretString) -> Result<Self, SettingsError> {
        let settings = EspoSettings { timeout: TIMEOUT, page_size: PAGE, ..EspoSettings::new(url, "") };
        Ok(Self(Client::of_person(&settings, name, password)?))
    }

    /// Logs in. Answers the type of the user: `admin`, or one who may not do what follows.
    ///
    /// # Errors
    /// When the login is refused: once is enough, eleven times lock the address out.
    pub async fn login(&self) -> Result<String, Error> {
        Ok(self.0.api_user().await?.kind)
    }

    /// The settings that concern us.
    ///
    /// # Errors
    /// As every request.
    pub async fn settings(&self) -> Result<CrmSettings, Error> {
        let (value, _) = self.0.send(Method::GET, "Settings", &[], None).await?;
        let list = |key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let text = |value: Value| value.as_str().map(str::to_owned);
        Ok(CrmSettings {
            version: value.get("version").and_then(Value::as_str).unwrap_or_default().to_owned(),
            tabs: list("tabList"),
            allowed: list("webhookAllowedAddressList").into_iter().filter_map(text).collect(),
        })
    }

    /// Changes one setting.
    ///
    /// # Errors
    /// As every request.
    pub async fn set(&self, setting: &str, value: Value) -> Result<(), Error> {
        let attributes = Map::from_iter([(setting.to_owned(), value)]);
        self.0.send(Method::PUT, "Settings", &[], Some(Body::Json(&attributes))).await.map(drop)
    }

    /// A part of the metadata; null when there is none.
    ///
    /// # Errors
    /// As every request.
    pub async fn metadata(&self, key: &str) -> Result<Value, Error> {
        self.0.metadata(key).await
    }

    /// Every extension.
    ///
    /// # Errors
    /// As every request.
    pub async fn extensions(&self) -> Result<Vec<Extension>, Error> {
        let rows = self.rows("Extension", &["name", "version", "isInstalled"], Vec::new()).await?;
        let extension = |row: &Record| {
            let text = |field| row.text(field).unwrap_or_default().to_owned();
            Some(Extension {
                id: row.id()?.to_owned(),
                name: text("name"),
                version: text("version"),
                installed: row.flag("isInstalled"),
            })
        };
        Ok(rows.iter().filter_map(extension).collect())
    }

    /// Uploads an archive as the administration's page does; answers the id to install.
    ///
    /// # Errors
    /// 403 when the server forbids uploads.
    pub async fn upload(&self, archive: &[u8]) -> Result<String, Error> {
        const PATH: &str = "Extension/action/upload";
        let text = format!("data:application/zip;base64,{}", BASE64.encode(archive));
        let (value, _) = self.0.send(Method::POST, PATH, &[], Some(Body::Archive(&text))).await?;
        let id = value.get("id").and_then(Value::as_str).map(str::to_owned);
        id.ok_or_else(|| self.0.not_as_expected(PATH, "an upload without an id".to_owned()))
    }

    /// Installs what was uploaded, in place of what is installed under its name.
    ///
    /// # Errors
    /// As every request.
    pub async fn install(&self, id: &str) -> Result<(), Error> {
        self.act("Extension/action/install", id).await
    }

    /// Uninstalls an extension: its files go, its tables and rows stay.
    ///
    /// # Errors
    /// As every request.
    pub async fn uninstall(&self, id: &str) -> Result<(), Error> {
        self.act("Extension/action/uninstall", id).await
    }

    async fn act(&self, path: &str, id: &str) -> Result<(), Error> {
        let attributes = Map::from_iter([("id".to_owned(), json!(id))]);
        self.0.send(Method::POST, path, &[], Some(Body::Json(&attributes))).await.map(drop)
    }

    /// Every role.
    ///
    /// # Errors
    /// As every request.
    pub async fn roles(&self) -> Result<Vec<Role>, Error> {
        let rows = self.rows("Role", &["name", ASSIGNMENT, GROUP_ACCOUNTS, "data"], Vec::new()).await?;
        let role = |row: &Record| {
            Some(Role {
                id: row.id()?.to_owned(),
                name: row.text("name").unwrap_or_default().to_owned(),
                assignment: row.text(ASSIGNMENT).unwrap_or("not-set").to_owned(),
                group_accounts: row.text(GROUP_ACCOUNTS).unwrap_or("not-set").to_owned(),
                data: row.0.get("data").cloned().unwrap_or_default(),
            })
        };
        Ok(rows.iter().filter_map(role).collect())
    }

    /// The users of type `api`.
    ///
    /// # Errors
    /// As every request.
    pub async fn api_accounts(&self) -> Result<Vec<ApiAccount>, Error> {
        let of_type = vec![Where::Equals("type", "api".to_owned())];
        let rows = self.rows("User", &["userName", "type", "isActive", "rolesIds", "teamsIds"], of_type).await?;
        let account = |row: &Record| {
            Some(ApiAccount {
                id: row.id()?.to_owned(),
                user_name: row.text("userName")?.to_owned(),
                active: row.flag("isActive"),
                roles: row.list("rolesIds").into_iter().map(str::to_owned).collect(),
                teams: row.list("teamsIds").into_iter().map(str::to_owned).collect(),
            })
        };
        Ok(rows.iter().filter_map(account).collect())
    }

    /// Every group mail account.
    ///
    /// # Errors
    /// As every request.
    pub async fn group_accounts(&self) -> Result<Vec<GroupAccount>, Error> {
        let columns = ["name", "emailAddress", "status", "useSmtp", "smtpIsShared", "teamsIds"];
        let rows = self.rows("InboundEmail", &columns, Vec::new()).await?;
        let account = |row: &Record| {
            Some(GroupAccount {
                address: row.text("emailAddress")?.to_owned(),
                active: row.text("status") == Some("Active"),
                smtp: row.flag("useSmtp"),
                shared: row.flag("smtpIsShared"),
                teams: row.list("teamsIds").into_iter().map(str::to_owned).collect(),
            })
        };
        Ok(rows.iter().filter_map(account).collect())
    }

    /// Whether any user, of whatever type, has this login name.
    ///
    /// # Errors
    /// As every request.
    pub async fn is_taken(&self, user_name: &str) -> Result<bool, Error> {
        let named = vec![Where::Equals("userName", user_name.to_owned())];
        Ok(!self.rows("User", &["userName"], named).await?.is_empty())
    }

    /// Whether any user, of whatever type, has this role.
    ///
    /// # Errors
    /// As every request.
    pub async fn holders(&self, role: &str) -> Result<Vec<String>, Error> {
        let rows = self.rows("User", &["userName", "rolesIds"], Vec::new()).await?;
        let of_role = rows.iter().filter(|row| row.list("rolesIds").contains(&role));
        Ok(of_role.filter_map(|row| row.text("userName")).map(str::to_owned).collect())
    }

    /// The keys of an API user, as its page in the administration shows them; `None` when it has none.
    ///
    /// # Errors
    /// As every request.
    pub async fn keys(&self, user: &str) -> Result<Option<Keys>, Error> {
        let user = self.0.get("User", user).await?;
        let key = |field: &str| user.text(field).map(SecretString::from);
        let of_hmac = user.text("authMethod") == Some("Hmac");
        let secret_key = key("secretKey").filter(|_| of_hmac);
        Ok(key("apiKey").map(|api_key| Keys { api_key, secret_key }))
    }

    /// Creates a record and answers its id.
    ///
    /// # Errors
    /// As every request.
    pub async fn create(&self, entity: &str, attributes: Value) -> Result<String, Error> {
        let record = self.0.post(entity, &object(attributes)).await?;
        record
            .id()
            .map(str::to_owned)
            .ok_or_else(|| self.0.not_as_expected(entity, "a record without an id".to_owned()))
    }

    /// Changes a record.
    ///
    /// # Errors
    /// As every request.
    pub async fn change(&self, entity: &str, id: &str, attributes: Value) -> Result<(), Error> {
        self.0.put(entity, id, &object(attributes)).await.map(drop)
    }

    /// Deletes a record; one that is gone counts as deleted.
    ///
    /// # Errors
    /// As every request.
    pub async fn delete(&self, entity: &str, id: &str) -> Result<(), Error> {
        match self.0.delete(entity, id).await {
            Err(Error { kind: ErrorKind::NotFound, .. }) => Ok(()),
            outcome => outcome,
        }
    }

    /// Everybody's webhooks, each with whose it is.
    ///
    /// # Errors
    /// As every request.
    pub async fn hooks(&self) -> Result<Vec<(String, Hook)>, Error> {
        let columns = ["event", "url", "secretKey", "isActive", "skipOwn", "userId", "createdById"];
        let rows = self.rows("Webhook", &columns, Vec::new()).await?;
        let hook = |row: &Record| {
            let owner = row.text("userId").or(row.text("createdById")).unwrap_or_default().to_owned();
            Some((owner, webhooks::hook(row)?))
        };
        Ok(rows.iter().filter_map(hook).collect())
    }

    /// Deletes a webhook.
    ///
    /// # Errors
    /// As every request.
    pub async fn delete_hook(&self, id: &HookId) -> Result<(), Error> {
        self.delete("Webhook", &id.0).await
    }

    async fn rows(&self, entity: &str, columns: &[&str], conditions: Vec<Where>) -> Result<Vec<Record>, Error> {
        let select: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
        let (mut rows, mut after): (Vec<Record>, Option<String>) = (Vec::new(), None);
        loop {
            let mut conditions = conditions.clone();
            conditions.extend(after.map(|id| Where::GreaterThan("id", id)));
            let query = ListQuery { entity, conditions, select: &select, order_by: "id", max_size: PAGE };
            let page = self.0.list(&query).await?;
            after = page.next_after();
            rows.extend(page.records);
            if after.is_none() {
                return Ok(rows);
            }
        }
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
