//! Who made the recordings, with which rights, and how they log in again: passwords were blanked, and one secret
//! was never written down.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use max::sandbox::espo::{Account, Credential, Grant, Options, Reach, Rights, UserKind};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::recording::{Known, Recording};

const ADMIN: &str = "admin";
const PASSWORD: &str = "the password that was blanked";
const HMAC_SECRET: &str = "the secret key that was not recorded";

/// The entity of the extension that was recorded; ours has other fields.
fn recorded_entities() -> Map<String, Value> {
    let link = |entity: &str| json!({"type": "belongsTo", "entity": entity});
    let entities = json!({
        "MaxAlert": {
            "fields": {
                "name": {"type": "varchar", "required": true},
                "createdAt": {"type": "datetime", "readOnly": true}, "modifiedAt": {"type": "datetime", "readOnly": true},
                "type": {"type": "enum", "options": ["NoContact48h", "HotReplyWaiting", "OverdueCall"], "required": true,
                         "default": "NoContact48h"},
                "severity": {"type": "enum", "options": ["Info", "Warning", "Critical"]},
                "status": {"type": "enum", "options": ["Open", "Acknowledged", "Resolved"], "default": "Open"},
                "message": {"type": "text"}, "resolvedAt": {"type": "datetime"},
                "dedupKey": {"type": "varchar", "required": true, "maxLength": 100, "readOnlyAfterCreate": true},
                "createdBy": {"type": "link", "readOnly": true}, "modifiedBy": {"type": "link", "readOnly": true},
                "assignedUser": {"type": "link"}, "teams": {"type": "linkMultiple"},
                "lead": {"type": "link", "required": true}
            },
            "links": {"createdBy": link("User"), "modifiedBy": link("User"), "assignedUser": link("User"),
                      "teams": {"type": "hasMany", "entity": "Team"},
                      "lead": {"type": "belongsTo", "entity": "Lead", "foreign": "maxAlerts"}},
            "collection": {"orderBy": "createdAt", "order": "desc"},
            "indexes": {"dedupKey": {"type": "unique", "columns": ["dedupKey", "deleteId"]}},
            "deleteId": true, "optimisticConcurrencyControl": true
        },
        "MaxLeadScore": {
            "fields": {"name": {"type": "varchar"}, "score": {"type": "int"}, "computedAt": {"type": "datetime"},
                       "lead": {"type": "link"}},
            "links": {"lead": link("Lead")},
            "indexes": {"lead": {"type": "unique", "columns": ["leadId", "deleteId"]}}
        }
    });
    entities.as_object().unwrap().clone()
}

/// A custom entity of the type Event, with a field of its own.
fn visits() -> Map<String, Value> {
    let link = |entity: &str| json!({"type": "link", "entity": entity});
    let visit = json!({
        "order": ["dateStart", "desc"],
        "always": ["createdById", "assignedUserId", "parentName"],
        "also": {"dateStart": ["dateEnd"]},
        "fields": {
            "name": {"type": "varchar", "required": true},
            "status": {"type": "enum", "options": ["Planned", "Held", "Not Held"], "default": "Planned"},
            "dateStart": {"type": "datetime", "required": true}, "dateEnd": {"type": "datetime", "required": true},
            "createdAt": {"type": "datetime", "readOnly": true}, "modifiedAt": {"type": "datetime", "readOnly": true},
            "etat": {"type": "enum", "options": ["Prévue", "Faite"]}, "parent": {"type": "linkParent"},
            "createdBy": link("User"), "assignedUser": link("User")
        }
    });
    Map::from_iter([("CVisite".to_owned(), visit)])
}

/// Whether a recording was made before the extension was installed, or without it.
fn is_bare(recording: &Recording) -> bool {
    let bare = ["metadata-of-a-bare-crm", "settings", "extension-delete", "uninstall", "login-admin"];
    let name = recording.name.strip_prefix("max-setup/");
    name.is_some_and(|name| bare.contains(&name) || name.starts_with("extensions-"))
}

/// The CRM a recording was made with, and the accounts in it.
pub fn options(recording: &Recording, known: &Known) -> Options {
    let own = recording.folder() == "custom-entity";
    let account = |user_name: &str, kind, credential, rights: &Rights| Account {
        id: known.user(
            user_name,
            ["max-extension", "max-convergence", "max-daemon", "max-deeds", "max-feed", "max-heartbeat", "max-link"]
                .contains(&recording.folder()),
        ),
        user_name: user_name.into(),
        kind,
        credential,
        rights: rights.clone(),
    };
    let lead = Grant { create: true, edit: Reach::All, ..Grant::READ };
    let task = Grant { edit: Reach::All, ..Grant::READ };
    let alert = match recording.folder() {
        _ if recording.name == "custom-entity/no-role-403" => Grant::NONE,
        "custom-entity" => Grant { delete: Reach::All, ..Grant::WRITE },
        _ => Grant::WRITE,
    };
    let hides = |part: &str| recording.name.starts_with(&format!("max-convergence/rights-{part}"));
    let lead = if hides("2") || hides("3") { Grant { read: Reach::Own, ..lead } } else { lead };
    let call = match recording.folder() {
        _ if hides("5") || hides("6") => Grant::NONE,
        "max-deeds" => Grant::WRITE,
        _ => Grant::READ,
    };
    let working_times = match recording.name.contains("without-the-right") {
        true => Grant::NONE,
        false => Grant::READ,
    };
    let group_accounts = match recording.name.as_str() {
        "max-mail-rights/key-without-the-permission" => Reach::No,
        "max-mail-rights/key-with-the-permission-for-teams" => Reach::Team,
        _ => Reach::All,
    };
    let of_api = Rights { group_accounts: Some(group_accounts), ..Rights::of_max() }
        .with("WorkingTimeCalendar", working_times)
        .with("Lead", lead)
        .with("Call", call)
        .with("CVisite", Grant::READ)
        .with("Task", task)
        .with("MaxAlert", alert)
        .with("MaxLeadScore", Grant::WRITE)
        .with("Note", Grant::READ)
        .with(
            "Email",
            if recording.name == "max-mail/mail-without-the-right-403" { Grant::READ } else { Grant::WRITE },
        );
    let of_people = Rights::of_people()
        .with("MaxAlert", Grant { create: false, read: Reach::Team, edit: Reach::Team, delete: Reach::Team });
    let api_key = recording
        .header("X-Api-Key")
        .filter(|key| *key != "wrong" && recording.name != "max-setup/key-of-a-deleted-user");
    let api_key = api_key.unwrap_or("another key");
    let hmac_user = recording.name == "auth/api-key-of-hmac-user-401";
    let api = if hmac_user { "nobody's key" } else { api_key };
    let hmac = Credential::Hmac { key: hmac_key(recording), secret: HMAC_SECRET.into() };
    let mut accounts = vec![
        account(ADMIN, UserKind::Admin, Credential::Password(PASSWORD.into()), &Rights::default()),
        account("claire", UserKind::Regular, Credential::Password(PASSWORD.into()), &of_people),
        account("max_api", UserKind::Api, Credential::ApiKey(api.into()), &of_api),
        account("max_hmac", UserKind::Api, hmac, &of_api),
    ];
    if ["max-extension", "max-heartbeat", "max-link"].contains(&recording.folder()) {
        accounts.extend(
            ["luc", "nadia"]
                .map(|login| account(login, UserKind::Regular, Credential::Password(PASSWORD.into()), &of_people)),
        );
    }
    if recording.folder() == "max-setup" && recording.header("X-Api-Key").is_none() {
        accounts.truncate(1);
    }
    if recording.name == "max-setup/rep-may-not-list-roles" {
        accounts.push(account("rep", UserKind::Regular, Credential::Password(PASSWORD.into()), &of_people));
    }
    Options {
        version: recording.version,
        accounts,
        list_limit: if recording.name == "list/maxSize-2000-after-limit-raised" { 2000 } else { 200 },
        webhook_hosts: if recording.status() == 400 { Vec::new() } else { vec!["receiver.example".into()] },
        entities: match recording.name.as_str() {
            _ if own => recorded_entities(),
            "max-convergence/custom-1-entity-listed" | "max-convergence/custom-2-field-removed" => visits(),
            _ => Map::new(),
        },
        extension: !is_bare(recording),
        ..Options::default()
    }
}

fn hmac_key(recording: &Recording) -> String {
    let sent = recording.header("X-Hmac-Authorization").map(|sent| STANDARD.decode(sent).unwrap());
    let sent = sent.unwrap_or_else(|| recording.header("X-Api-Key").unwrap_or_default().into());
    String::from_utf8_lossy(sent.split(|byte| *byte == b':').next().unwrap()).into_owned()
}

/// The headers of the request, with what was blanked or signed with an unknown secret made anew.
pub fn headers(recording: &Recording) -> Vec<(String, String)> {
    let sent = recording.exchange["request"]["headers"].as_object().unwrap().iter();
    let kept = sent.filter(|(name, _)| *name != "Host" && *name != "Content-Length");
    kept.map(|(name, value)| {
        let value = value.as_str().unwrap();
        let wrong = ["auth/basic-wrong", "max-setup/login-wrong-password"].contains(&recording.name.as_str());
        let password = if wrong { "wrong" } else { PASSWORD };
        let anew = match value.split_once("base64(\"") {
            Some((prefix, rest)) => {
                let login = rest.trim_end_matches("\")").replace("<password>", password);
                format!("{prefix}{}", STANDARD.encode(login))
            }
            None if name == "X-Hmac-Authorization" => hmac_header(recording),
            None => value.to_owned(),
        };
        (name.clone(), anew)
    })
    .collect()
}

fn hmac_header(recording: &Recording) -> String {
    let path = recording.target();
    let path = if recording.status() == 401 { path } else { path.split('?').next().unwrap() };
    let mut mac = Hmac::<Sha256>::new_from_slice(HMAC_SECRET.as_bytes()).unwrap();
    mac.update(format!("{} /{path}", recording.method()).as_bytes());
    let digest = mac.finalize().into_bytes();
    let mut signed = format!("{}:", hmac_key(recording)).into_bytes();
    if recording.name == "auth/hmac-legacy-raw-ok" {
        signed.extend(digest);
    } else {
        signed.extend(digest.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()));
    }
    STANDARD.encode(signed)
}
