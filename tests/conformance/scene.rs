//! Sets the world up as a recorded answer presupposes it.

use max::sandbox::espo::{EspoSandbox, Fault, Grant, Reach, Rights};
use serde_json::{Map, Value, json};

use super::recording::{Known, Recording};

/// Plants one record as the recordings show it, and what it links to.
fn plant(sandbox: &EspoSandbox, known: &Known, entity: &str, row: &Map<String, Value>) {
    if sandbox.get(entity, row["id"].as_str().unwrap()).is_some() {
        return;
    }
    plant_linked(sandbox, known, row);
    let mut attributes = row.clone();
    if entity == "Email" {
        let names = row.get("toEmailAddressesNames").and_then(Value::as_object).cloned().unwrap_or_default();
        let to: Vec<&str> = names.values().filter_map(Value::as_str).collect();
        attributes.entry("from").or_insert(row.get("fromEmailAddressName").cloned().unwrap_or(Value::Null));
        attributes.entry("to").or_insert(to.join(";").into());
    }
    sandbox.create(entity, "system", attributes.into());
}

/// Plants stubs of what a row links to: what is known of them, without their own links.
fn plant_linked(sandbox: &EspoSandbox, known: &Known, row: &Map<String, Value>) {
    for (target, id, name) in linked(row) {
        let mut stub = known.get(&target, &id).unwrap_or_default();
        stub.retain(|key, _| !key.ends_with("Id") && !key.ends_with("Ids") || key == "teamsIds" && target == "User");
        stub.insert("id".into(), id.clone().into());
        stub.entry("name").or_insert_with(|| name.unwrap_or(json!(id)));
        let number = row.get("phoneNumbersMap").and_then(|map| map.get(format!("{target}_{id}")));
        stub.entry("phoneNumber").or_insert_with(|| number.cloned().unwrap_or_default());
        plant(sandbox, known, &target, &stub);
    }
}

/// What a row links to: entity, id and, if it says so, name.
fn linked(row: &Map<String, Value>) -> Vec<(String, String, Option<Value>)> {
    let mut found = Vec::new();
    let ones = [
        ("assignedUser", "User"),
        ("createdBy", "User"),
        ("modifiedBy", "User"),
        ("sentBy", "User"),
        ("defaultTeam", "Team"),
        ("lead", "Lead"),
        ("replied", "Email"),
        ("account", "Account"),
        ("resolvedByUser", "User"),
        ("createdAccount", "Account"),
        ("createdContact", "Contact"),
        ("createdOpportunity", "Opportunity"),
        ("workingTimeCalendar", "WorkingTimeCalendar"),
        ("user", "User"),
    ];
    for (link, target) in ones {
        if let Some(id) = row.get(&format!("{link}Id")).and_then(Value::as_str) {
            found.push((target.to_owned(), id.to_owned(), row.get(&format!("{link}Name")).cloned()));
        }
    }
    let many = [
        ("teams", "Team"),
        ("users", "User"),
        ("leads", "Lead"),
        ("assignedUsers", "User"),
        ("followers", "User"),
        ("roles", "Role"),
        ("collaborators", "User"),
        ("calendars", "WorkingTimeCalendar"),
    ];
    for (link, target) in many {
        for id in row.get(&format!("{link}Ids")).and_then(Value::as_array).into_iter().flatten() {
            let id = id.as_str().unwrap();
            let name = row.get(&format!("{link}Names")).and_then(|names| names.get(id)).cloned();
            found.push((target.to_owned(), id.to_owned(), name));
        }
    }
    if let (Some(kind), Some(id)) =
        (row.get("parentType").and_then(Value::as_str), row.get("parentId").and_then(Value::as_str))
    {
        // A parent whose name is not known is one that is gone.
        let name = row.get("parentName").filter(|name| !name.is_null());
        if let Some(name) = name {
            found.push((kind.to_owned(), id.to_owned(), Some(name.clone())));
        }
    }
    if let (Some(kind), Some(id), Some(name)) = (
        row.get("messageType").and_then(Value::as_str),
        row.get("messageId").and_then(Value::as_str),
        row.get("messageName"),
    ) {
        found.push((kind.to_owned(), id.to_owned(), Some(name.clone())));
    }
    found.retain(|(_, id, _)| id != "system");
    found
}

/// Sets the world up as the recorded answer presupposes. `decoys` are rows of other lists, which this one must
/// filter and order as it did then.
pub fn prepare(sandbox: &EspoSandbox, recording: &Recording, known: &Known, decoys: &Known) {
    let of_setup = recording.folder() == "max-setup";
    if !of_setup {
        plant_people(sandbox, known);
    }
    if let Some(key) = recording.name.strip_prefix("max-mail-rights/key-") {
        sandbox.create(
            "InboundEmail",
            "system",
            json!({"name": "Contact", "emailAddress": "contact@max.example", "useSmtp": key != "account-without-smtp",
                   "status": if key == "account-inactive" { "Inactive" } else { "Active" },
                   "smtpIsShared": key != "account-not-shared"}),
        );
    }
    if let Some(mail) = recording.name.strip_prefix("max-mail/mail-") {
        prepare_mail(sandbox, known, mail);
    }
    match recording.name.as_str() {
        "max-convergence/rights-7-field-hidden" => sandbox.remove_field("Lead", "status"),
        "max-convergence/custom-2-field-removed" => sandbox.remove_field("CVisite", "etat"),
        "max-deeds/refused-1-lead-gone-403" => {
            let owner = recording.sent()["assignedUserId"].clone();
            sandbox.create("User", "system", json!({"id": owner, "userName": "luc", "lastName": "Moreau"}));
        }
        "max-convergence/user-3-after" | "max-convergence/user-4-read-403" => {
            let target = recording.target();
            let id = &target[target.find("6b036e").unwrap()..][..17];
            let left = json!({"id": id, "userName": "converge", "lastName": "Converge", "isActive": false});
            sandbox.create("User", "system", left);
        }
        _ => {}
    }
    let empty = Map::new();
    let sent = recording.sent().as_object().unwrap_or(&empty);
    let is_stored = recording.status() < 300 || recording.status() == 409 || is_not_sent(recording);
    if is_stored && !recording.is_list() {
        plant_linked(sandbox, known, recording.rows().first().unwrap_or(&empty));
        plant_linked(sandbox, known, sent);
    }
    // What a refused request links to is not there.
    for (target, id, _) in linked(sent).into_iter().filter(|_| recording.status() != 403) {
        if let Some(row) = known.get(&target, &id) {
            plant(sandbox, known, &target, &row);
        }
    }
    match (recording.method(), recording.steps().as_slice()) {
        ("GET", ["App", "user"] | ["Metadata"]) | ("PUT", ["Settings"]) | ("POST", ["Extension", _, "upload"]) => {}
        ("POST", ["Extension", _, "install" | "uninstall"]) => {
            let row = json!({"id": recording.sent()["id"], "name": "M.A.X.", "version": "0.1.0", "isInstalled": true});
            plant(sandbox, known, "Extension", row.as_object().unwrap());
        }
        ("POST", ["User"]) if recording.status() == 409 => {
            let taken = recording.sent()["userName"].clone();
            sandbox.create("User", "system", json!({"userName": taken, "lastName": taken}));
        }
        ("GET", _) if recording.is_list() => plant_list(sandbox, recording, known, decoys),
        ("POST" | "DELETE", [owner, id, _]) if *owner != "Action" && steps_are_a_link(recording) => {
            plant(sandbox, known, owner, &full_of(known, owner, id));
            let other = sent["id"].as_str().unwrap();
            plant(sandbox, known, recording.entity(), &full_of(known, recording.entity(), other));
        }
        ("POST", steps) => plant_for_post(sandbox, recording, known, steps),
        (_, [_, id]) if recording.status() == 404 => {
            if let Some(row) = known.get(recording.entity(), id) {
                plant_deleted(sandbox, known, recording.entity(), &row);
            }
        }
        (_, [_, id]) => plant_one(sandbox, recording, known, id),
        _ => {}
    }
}

/// Whether the mail server refused: the mail stays as a draft.
fn is_not_sent(recording: &Recording) -> bool {
    recording.answer_header("X-Status-Reason") == Some("sendingFail")
}

/// The group account that may send, and the mail server.
fn prepare_mail(sandbox: &EspoSandbox, known: &Known, mail: &str) {
    if mail != "from-an-account-that-is-not-allowed-403" {
        let sent = known.of("Email").find_map(|row| row.get("inboundEmailsIds")).expect("a mail was sent");
        let account = json!({"id": sent[0], "name": "Contact", "emailAddress": "contact@max.example", "useSmtp": true,
                             "status": "Active", "smtpIsShared": true});
        sandbox.create("InboundEmail", "system", account);
    }
    if mail == "refused-by-the-mail-server-500" {
        sandbox.fail(Fault::NoMail);
    }
}

fn plant_people(sandbox: &EspoSandbox, known: &Known) {
    for row in known.of("Team") {
        plant(sandbox, known, "Team", row);
    }
    for row in known.of("User") {
        let id = row["id"].as_str().unwrap();
        if sandbox.get("User", id).is_some() {
            sandbox.update_silently("User", id, row.clone().into());
        }
        plant(sandbox, known, "User", row);
    }
}

/// A row with what else is known of it.
fn full(recording: &Recording, known: &Known, row: &Map<String, Value>) -> Map<String, Value> {
    let mut full = known.get(recording.entity(), row["id"].as_str().unwrap()).unwrap_or_default();
    full.remove("deleted");
    full.extend(row.clone());
    full
}

/// Whether the request links or unlinks two records.
fn steps_are_a_link(recording: &Recording) -> bool {
    recording.folder() == "max-convergence" && recording.steps().get(1) != Some(&"action")
}

/// What is known of a record; at least a person's name.
fn full_of(known: &Known, entity: &str, id: &str) -> Map<String, Value> {
    let mut row = known.get(entity, id).unwrap_or_else(|| json!({"lastName": "Martin"}).as_object().unwrap().clone());
    row.insert("id".into(), id.into());
    row.remove("deleted");
    row
}

fn only_id(id: &Value) -> Map<String, Value> {
    Map::from_iter([("id".to_owned(), id.clone())])
}

fn plant_list(sandbox: &EspoSandbox, recording: &Recording, known: &Known, decoys: &Known) {
    let entity = recording.entity();
    let rows = recording.rows();
    if recording.target().contains("linkedWith") && recording.folder() == "max-convergence" {
        let asked = |lead: &&Map<String, Value>| recording.target().contains(lead["id"].as_str().unwrap());
        known.of("Lead").filter(asked).for_each(|lead| plant(sandbox, known, "Lead", lead));
    }
    if let [owner, id, _] = recording.steps().as_slice() {
        let mut stub = only_id(&json!(id));
        stub.insert("lastName".into(), json!("Martin"));
        plant(sandbox, known, owner, &known.get(owner, id).unwrap_or(stub));
    }
    for row in &rows {
        plant(sandbox, known, entity, &implied(recording, full(recording, known, row)));
        if entity == "User" {
            // Users are known from later as well, when they may have left.
            sandbox.update_silently(entity, row["id"].as_str().unwrap(), row.clone().into());
        }
    }
    // Every step of a setup changes what the lists show.
    let has_decoys = recording.folder() != "max-setup";
    if has_decoys && recording.query("offset").is_none() && recording.steps().len() == 1 {
        for row in decoys.of(entity).filter(|row| tells_enough(recording, row)) {
            let same_key = |other: &Value| row.contains_key("dedupKey") && other.get("dedupKey") == row.get("dedupKey");
            if !sandbox.list(entity).iter().any(same_key) {
                plant(sandbox, known, entity, row);
            }
        }
    }
    let skipped = recording.query("offset").map_or(0, |offset| offset.parse().unwrap());
    if !rows.is_empty() {
        fill(sandbox, recording, known, skipped, true);
    }
    if recording.answer()["total"] == -1 {
        fill(sandbox, recording, known, 1, false);
    }
}

fn plant_for_post(sandbox: &EspoSandbox, recording: &Recording, known: &Known, steps: &[&str]) {
    let entity = recording.entity();
    let sent = recording.sent();
    match (recording.status(), steps) {
        (500, [_]) if is_not_sent(recording) => {}
        (500, [_]) if sent.get("leadId").or(sent.get("maxKey")).is_some() => {
            let mut row = sent.as_object().unwrap().clone();
            row.insert("id".into(), json!("the one there is"));
            plant(sandbox, known, entity, &row);
        }
        (409, _) => recording.rows().iter().for_each(|row| plant(sandbox, known, entity, row)),
        (_, ["MassAction"]) => {
            for id in sent["params"]["ids"].as_array().into_iter().flatten() {
                plant(sandbox, known, entity, &full(recording, known, &only_id(id)));
            }
        }
        (_, ["Action"]) => {
            let sources = sent["data"]["sourceIdList"].as_array().into_iter().flatten();
            for id in sources.chain([&sent["id"]]) {
                plant(sandbox, known, entity, &full_of(known, entity, id.as_str().unwrap()));
            }
        }
        (_, [_, "action", "convert"]) => {
            plant(sandbox, known, entity, &full_of(known, entity, sent["id"].as_str().unwrap()));
        }
        (_, [_, "action", "restoreDeleted"]) => {
            plant_deleted(sandbox, known, entity, &full(recording, known, &only_id(&sent["id"])));
        }
        (_, ["Max", "permissions"]) => plant_permissions(sandbox, recording, known),
        (200, [_]) if sent.get("dedupKey").is_some() => plant_like_keys(sandbox, recording, known),
        _ => {}
    }
}

fn plant_deleted(sandbox: &EspoSandbox, known: &Known, entity: &str, row: &Map<String, Value>) {
    plant(sandbox, known, entity, row);
    let id = row["id"].as_str().unwrap();
    if sandbox.get(entity, id).is_some() {
        sandbox.delete(entity, id, "system");
    }
}

/// Leads that the user owns, leads of the user's team, and leads of others; the last id asked for is made up.
fn plant_permissions(sandbox: &EspoSandbox, recording: &Recording, known: &Known) {
    let (sent, answer) = (recording.sent(), recording.answer());
    let team = json!({"id": "the team", "name": "Nord"});
    plant(sandbox, known, "Team", team.as_object().unwrap());
    let user = sent["userId"].as_str().unwrap();
    if recording.status() != 404 {
        let kind = if recording.name.contains("admin") { "admin" } else { "regular" };
        let active = !recording.name.contains("inactive");
        let row = json!({"id": user, "userName": user, "lastName": "Moreau", "type": kind, "isActive": active});
        plant(sandbox, known, "User", row.as_object().unwrap());
        sandbox.update_silently("User", user, json!({"teamsIds": ["the team"]}));
        // Who edits only what is one's own.
        let lead = Grant { create: true, read: Reach::Team, edit: Reach::Own, delete: Reach::No };
        sandbox.set_rights(user, &Rights::of_people().with("Lead", lead));
    }
    for id in sent["leadIds"].as_array().into_iter().flatten().filter(|id| *id != "0123456789abcdef0") {
        let rights = answer["leads"].get(id.as_str().unwrap()).and_then(Value::as_array).map(Vec::len);
        let (owner, teams) = match rights {
            Some(1) => (None, json!(["the team"])),
            Some(_) => (Some(user), json!([])),
            None => (None, json!([])),
        };
        let row = json!({"id": id, "lastName": "Martin", "assignedUserId": owner, "teamsIds": teams});
        // What nobody is shown is gone.
        if rights.is_some() || !recording.name.contains("admin") {
            plant(sandbox, known, "Lead", row.as_object().unwrap());
        }
    }
}

/// The record that is read, changed or deleted, as it was before.
fn plant_one(sandbox: &EspoSandbox, recording: &Recording, known: &Known, id: &str) {
    let mut row = full(recording, known, &only_id(&json!(id)));
    row.extend(recording.rows().first().cloned().unwrap_or_default());
    let answer = recording.answer();
    row.extend(answer.get("values").and_then(Value::as_object).cloned().unwrap_or_default());
    let version = answer.get("versionNumber").or(row.get("versionNumber")).and_then(Value::as_i64);
    let written = recording.method() == "PUT" && recording.status() != 409;
    if let Some(version) = version {
        row.insert("versionNumber".into(), json!(if written { version - 1 } else { version }));
    }
    if recording.header("X-Version-Number").is_none() {
        undo_the_write(recording, &mut row);
    }
    let deleted = row.get("deleted") == Some(&json!(true));
    plant(sandbox, known, recording.entity(), &row);
    assert_eq!(deleted, sandbox.get(recording.entity(), id).is_none(), "{}", recording.name);
}

/// Takes away what the recorded request was seen to write.
fn undo_the_write(recording: &Recording, row: &mut Map<String, Value>) {
    let answer = recording.answer();
    for (name, sent) in recording.sent().as_object().into_iter().flatten() {
        if answer.get(name) == Some(sent) {
            row.remove(name);
        }
        // An answer to all addresses shows the flags from before.
        if let Some(point) = name.strip_suffix("Data")
            && row.get(&format!("{point}IsOptedOut")).is_none_or(Value::is_null)
        {
            row.remove(point);
        }
    }
}

/// Plants what must not stand in the way of a creation: the same key in another case, and on a deleted row.
fn plant_like_keys(sandbox: &EspoSandbox, recording: &Recording, known: &Known) {
    let entity = recording.entity();
    let wanted = recording.sent()["dedupKey"].as_str().unwrap();
    let alike = known.of(entity).filter(|row| {
        let key = row.get("dedupKey").and_then(Value::as_str).unwrap_or_default();
        recording.answer()["id"] != row["id"] && key.eq_ignore_ascii_case(wanted)
    });
    let (same, other_case): (Vec<_>, Vec<_>) = alike.partition(|row| row["dedupKey"] == json!(wanted));
    for row in same {
        plant(sandbox, known, entity, row);
        sandbox.delete(entity, row["id"].as_str().unwrap(), "system");
    }
    other_case.into_iter().take(1).for_each(|row| plant(sandbox, known, entity, row));
}

/// What a row must have been like to be in this list, though the answer does not show it.
fn implied(recording: &Recording, mut row: Map<String, Value>) -> Map<String, Value> {
    if let ([_, id, _], "Call" | "Email") = (recording.steps().as_slice(), recording.entity()) {
        row.insert("parentType".into(), json!("Lead"));
        row.insert("parentId".into(), json!(id));
    }
    if recording.name == "list/whereGroup-linkedWith-teams" {
        let team = recording.target().split("%5Bvalue%5D%5B0%5D=").nth(1).and_then(|rest| rest.split('&').next());
        row.insert("teamsIds".into(), json!([team]));
    }
    row
}

/// Whether a row known from elsewhere says all that decides whether it belongs into this list, and where.
fn tells_enough(recording: &Recording, row: &Map<String, Value>) -> bool {
    const NAMES: &[&str] = &[
        "assignedUserId",
        "createdAt",
        "dateSent",
        "dateStart",
        "dedupKey",
        "emailAddress",
        "modifiedAt",
        "name",
        "openedAt",
        "parentId",
        "phoneNumber",
        "repliedId",
        "severity",
        "status",
        "teamsIds",
        "timestamp",
    ];
    /// What a filter looks at without naming it.
    const TELLING: &[(&str, &[&str])] = &[
        ("phoneNumberNumeric", &["phoneNumber"]),
        ("=teams&", &["teamsIds"]),
        ("primaryFilter", &["status", "severity"]),
        ("onlyMy", &["assignedUserId"]),
        ("textFilter", &["name"]),
        ("q=", &["name"]),
    ];
    let target = recording.target().replace("%22", "\"").replace("%5B", "[").replace("%5D", "]").replace("%3A", ":");
    let asked =
        NAMES.iter().filter(|name| target.contains(&format!("={name}")) || target.contains(&format!("\"{name}\"")));
    let implied = TELLING.iter().filter(|(sign, _)| target.contains(sign)).flat_map(|(_, names)| names.iter());
    let ordered = match recording.entity() {
        _ if target.contains("orderBy") => None,
        "Call" | "Meeting" => Some(&"dateStart"),
        "Email" => Some(&"dateSent"),
        "User" | "Team" => Some(&"name"),
        "MaxAlert" if recording.folder() == "max-extension" => Some(&"openedAt"),
        "MaxActivity" => Some(&"timestamp"),
        _ => Some(&"createdAt"),
    };
    let has = |name: &&str| row.contains_key(*name) || (*name == "severity" && recording.entity() == "Lead");
    asked.chain(implied).chain(ordered).all(has)
}

/// Plants `missing` rows that the recording counted but does not show: copies that sort before its first (skipped
/// by an offset) or after its last.
pub fn fill(sandbox: &EspoSandbox, recording: &Recording, known: &Known, missing: i64, first: bool) {
    let entity = recording.entity();
    let rows = recording.rows();
    let target = recording.target();
    let descending = !target.contains("orderBy") || target.contains("desc");
    let like = if first { rows.first() } else { rows.last() };
    let like = like.or(known.of(entity).next()).unwrap();
    let id = like["id"].as_str().unwrap();
    for number in 0..missing {
        let mut copy = known.get(entity, id).unwrap_or_default();
        copy.extend(like.clone());
        let id = if first == descending { format!("{id}z{number:03}") } else { format!("0{}{number:03}", &id[1..]) };
        if copy.contains_key("dedupKey") {
            copy.insert("dedupKey".into(), json!(id));
        }
        copy.insert("id".into(), id.into());
        plant(sandbox, known, entity, &implied(recording, copy));
    }
}
