//! What administrators do: extensions, and what else is checked about roles and users.

use std::io::{Cursor, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::access::{Account, Actor, Credential, Login, Rights, UserKind, hex, hmac_sha256};
use super::refusal::Refusal;
use super::rest::{Answer, Reply};
use super::value::text_of;
use super::world::World;

/// The name of our extension.
const NAME: &str = "M.A.X.";
/// Where the metadata says which build of it is installed.
const BUILD_KEY: &str = "app.maxExtension";
const BUILD_FILE: &str = "files/custom/Espo/Modules/Max/Resources/metadata/app/maxExtension.json";
/// The tab it brings.
const TAB: &str = "MaxAlert";
const DELIMITER: &str = "_delimiter_";

/// An archive that was uploaded.
#[derive(Debug, Clone)]
pub struct Package {
    manifest: Map<String, Value>,
    build: Option<Value>,
}

/// Whether an entity comes with the extension.
pub fn is_ours(entity: &str) -> bool {
    entity.starts_with("Max")
}

/// The menu of a new CRM.
pub fn stock_tabs() -> Vec<Value> {
    let divider = |text: &str| json!({"type": "divider", "id": "342567", "text": text});
    let end = || json!({"type": "divider", "id": "137994", "text": null});
    let named = |names: &[&str]| names.iter().map(|name| json!(name)).collect::<Vec<_>>();
    [
        vec![divider("$CRM")],
        named(&["Account", "Contact", "Lead", "Opportunity"]),
        vec![divider("$Activities")],
        named(&["Email", "Meeting", "Call", "Task", "Calendar"]),
        vec![divider("$Support")],
        named(&["Case", "KnowledgeBaseArticle"]),
        vec![end(), json!(DELIMITER), divider("$Marketing")],
        named(&["Campaign", "TargetList"]),
        vec![divider("$Business"), json!("Document"), divider("$Organization")],
        named(&["User", "Team", "WorkingTimeCalendar"]),
        vec![end()],
        named(&["EmailTemplate", "Template", "Import"]),
    ]
    .concat()
}

impl World {
    /// Whether our extension is installed.
    pub fn has_extension(&self) -> bool {
        let installed = |row: &Map<String, Value>| {
            row.get("name") == Some(&json!(NAME)) && row.get("isInstalled") == Some(&json!(true))
        };
        self.rows("Extension").any(|(_, row)| installed(&row.attributes))
    }

    /// Our extension, there from the beginning.
    pub fn install_stock_extension(&mut self) {
        let id = self.fresh_id();
        let row =
            json!({"name": NAME, "version": env!("CARGO_PKG_VERSION"), "isInstalled": true, "createdById": "system"});
        self.plant("Extension", &id, &row);
        self.show_tab();
    }

    /// A part of the metadata, as far as it is there.
    pub fn metadata(&self, key: &str) -> Value {
        let there = self.has_extension();
        let steps: Vec<&str> = key.split('.').collect();
        let ours = steps.get(1).is_some_and(|entity| is_ours(entity));
        match steps.as_slice() {
            _ if key == BUILD_KEY => self.build.clone().filter(|_| there).unwrap_or_default(),
            _ if ours && !there => Value::Null,
            ["entityDefs", "Lead", "indexes"] if !there => {
                let mut indexes = self.schema.metadata(key);
                indexes.as_object_mut().map(|indexes| indexes.remove("modifiedAt"));
                indexes
            }
            _ => self.schema.metadata(key),
        }
    }

    /// `POST Extension/action/upload`: the archive as a `data:` address.
    pub fn upload(&mut self, body: &[u8]) -> Answer {
        if !self.options.uploads {
            let reason = "Cannot upload extensions as `adminExtensionUpload` is not enabled.";
            return Err(Refusal::new(403, reason));
        }
        let id = self.fresh_id();
        let unreadable = || Refusal::new(500, format!("Unable to unzip the file data/upload/extensions/{id}."));
        let package = package(body).ok_or_else(unreadable)?;
        let shown = |key: &str| package.manifest.get(key).cloned().unwrap_or_default();
        let answer = json!({
            "id": id, "version": shown("version"), "name": shown("name"), "description": shown("description"),
        });
        self.uploads.insert(id, package);
        Ok(Reply::json(200, answer))
    }

    /// `POST Extension/action/install`.
    pub fn install(&mut self, actor: &Actor, id: &str) -> Answer {
        let Some(package) = self.uploads.remove(id) else { return Ok(Reply::json(200, true.into())) };
        let name = package.manifest.get("name").cloned().unwrap_or_default();
        let before: Vec<String> = self
            .rows("Extension")
            .filter(|(_, row)| row.attributes.get("name") == Some(&name))
            .map(|(id, _)| id.to_owned())
            .collect();
        for known in before {
            self.delete(actor, "Extension", &known)?;
        }
        let shown = |key: &str| package.manifest.get(key).cloned().unwrap_or_default();
        let row = json!({
            "name": name, "version": shown("version"), "description": shown("description"), "isInstalled": true,
            "createdById": actor.id,
        });
        self.plant("Extension", id, &row);
        self.build = package.build;
        self.misrouted = self.options.misrouted;
        self.show_tab();
        Ok(Reply::json(200, true.into()))
    }

    /// `POST Extension/action/uninstall`: tables and rows stay.
    pub fn uninstall(&mut self, id: &str) -> Answer {
        let row = self.row_mut("Extension", id).ok_or_else(|| Refusal::new(500, "Extension entity not found."))?;
        row.attributes.insert("isInstalled".into(), false.into());
        self.misrouted = self.options.misrouted;
        Ok(Reply::json(200, true.into()))
    }

    fn show_tab(&mut self) {
        if !self.tabs.contains(&json!(TAB)) {
            let at = self.tabs.iter().position(|tab| tab == DELIMITER).unwrap_or(self.tabs.len());
            self.tabs.insert(at, json!(TAB));
        }
    }

    /// What is refused about a role or a user besides what every record is refused for.
    pub fn check_admins_input(&self, entity: &str, input: &Map<String, Value>) -> Result<(), Refusal> {
        if entity == "Role" {
            let scopes = input.get("data").and_then(Value::as_object).into_iter().flat_map(Map::keys);
            let known = |scope: &&String| self.entity(scope).is_ok() || self.options.entities.contains_key(*scope);
            if let Some(unknown) = scopes.clone().find(|scope| !known(scope)) {
                return Err(Refusal::new(400, format!("Bad data. Scope *{unknown}* is not allowed.")));
            }
        }
        let name = text_of(input, "userName");
        let taken = |name: &String| {
            self.rows("User").any(|(_, row)| text_of(&row.attributes, "userName").as_ref() == Some(name))
        };
        if entity == "User" && name.as_ref().is_some_and(taken) {
            return Err(Refusal::new(409, "userNameExists"));
        }
        Ok(())
    }

    /// Gives a new API user its keys.
    pub fn seat_new_user(&mut self, id: &str) {
        let Some(row) = self.row("User", id) else { return };
        let text = |key: &str| text_of(&row.attributes, key);
        let (user_name, method) = (text("userName").unwrap_or_default(), text("authMethod").unwrap_or_default());
        if text("type").as_deref() != Some("api") {
            return;
        }
        let mut key = || hex(&hmac_sha256("sandbox", self.fresh_id().as_bytes())).chars().take(32).collect::<String>();
        let (api_key, secret) = (key(), key());
        let signs = method == "Hmac";
        let credential = match signs {
            true => Credential::Hmac { key: api_key.clone(), secret: secret.clone() },
            false => Credential::ApiKey(api_key.clone()),
        };
        if let Some(row) = self.row_mut("User", id) {
            row.attributes.insert("apiKey".into(), api_key.into());
            row.attributes.insert("lastName".into(), user_name.clone().into());
            if signs {
                row.attributes.insert("secretKey".into(), secret.into());
            }
        }
        let account = Account { id: None, user_name, kind: UserKind::Api, credential, rights: Rights::default() };
        self.logins.push(Login { user_id: id.to_owned(), account });
    }
}

fn package(body: &[u8]) -> Option<Package> {
    let text = std::str::from_utf8(body).ok()?;
    let bytes = STANDARD.decode(text.split_once(";base64,")?.1).ok()?;
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).ok()?;
    let mut json = |name: &str| {
        let mut text = String::new();
        archive.by_name(name).ok()?.read_to_string(&mut text).ok()?;
        serde_json::from_str::<Value>(&text).ok()
    };
    let manifest = json("manifest.json")?.as_object()?.clone();
    Some(Package { manifest, build: json(BUILD_FILE) })
}
