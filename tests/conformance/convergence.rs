//! Acts that reach many records or announce themselves nowhere: done in the sandbox to the records that were recorded
//! before, they leave what was recorded after: the same rows visible, the same links moved, and `modifiedAt` moved where
//! it did in the real one, and nowhere else.

use max::clock::Clock;
use max::domain::Timestamp;
use max::sandbox::espo::{EspoSandbox, Options, Version};
use serde_json::{Map, Value, json};

use super::recording::Recording;

/// What rules and lists look at.
const TELLING: [&str; 7] = ["status", "parentId", "parentType", "leadsIds", "leadId", "isActive", "assignedUserId"];

struct Act {
    version: Version,
    sandbox: EspoSandbox,
    clock: Clock,
    recordings: Vec<Recording>,
    before: Vec<(String, Map<String, Value>)>,
}

impl Act {
    /// A CRM with the rows of these recordings, an hour before anything is done to them.
    async fn begin(version: Version, before: &[&str]) -> Self {
        let clock = Clock::manual(Timestamp::parse_espo("2026-11-23 09:00:00").unwrap());
        let sandbox = EspoSandbox::start(clock.clone(), Options { version, ..Options::default() }).await.unwrap();
        let recordings: Vec<Recording> = Recording::all().into_iter().filter(|one| one.version == version).collect();
        let mut act = Self { version, sandbox, clock, recordings, before: Vec::new() };
        for name in before {
            let recording = act.recording(name);
            let rows: Vec<_> = recording.rows().into_iter().map(|row| (recording.entity().to_owned(), row)).collect();
            for (entity, row) in &rows {
                act.plant(entity, row);
            }
            act.before.extend(rows);
        }
        act.clock.advance(3_600);
        act
    }

    fn plant(&self, entity: &str, row: &Map<String, Value>) {
        let mut row = row.clone();
        for (link, target) in [("assignedUserId", "User"), ("leadId", "Lead")] {
            let missing = row.get(link).and_then(Value::as_str).filter(|id| self.sandbox.get(target, id).is_none());
            if let Some(id) = missing.map(str::to_owned) {
                self.sandbox.create(target, "admin", json!({"id": id, "userName": id, "lastName": "X"}));
            }
        }
        for id in row.get("teamsIds").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if self.sandbox.get("Team", id).is_none() {
                self.sandbox.create("Team", "admin", json!({"id": id, "name": "X"}));
            }
        }
        if row.get("parentId").is_some_and(Value::is_string) {
            row.insert("parentType".into(), "Lead".into());
        }
        row.remove("createdById");
        row.remove("modifiedById");
        if entity == "Email" {
            row.insert("from".into(), row["fromEmailAddressName"].clone());
        }
        self.sandbox.create(entity, "admin", row.into());
    }

    fn recording(&self, name: &str) -> &Recording {
        let name = format!("max-convergence/{name}");
        self.recordings.iter().find(|one| one.name == name).unwrap_or_else(|| panic!("no recording {name}"))
    }

    /// The id of the first row of a recording.
    fn id(&self, name: &str) -> String {
        self.recording(name).rows()[0]["id"].as_str().unwrap().to_owned()
    }

    /// The rows of these recordings are as they became then; those that were in none of them before are left alone.
    fn is_then(&self, after: &[&str]) {
        let after: Vec<_> = after.iter().map(|name| self.recording(name)).collect();
        let mut compared = 0;
        for (entity, before) in &self.before {
            let Some(list) = after.iter().find(|list| list.entity() == entity && asks_for(list, before)) else {
                continue;
            };
            compared += 1;
            let id = before["id"].as_str().unwrap();
            let what = format!("{} {entity} {id}, {}", self.version.number(), list.name);
            let rows = list.rows();
            let (then, now) = (rows.iter().find(|row| row["id"] == id), self.sandbox.get(entity, id));
            let Some(then) = then else {
                let hidden = now.is_none_or(|now| entity == "User" && now["isActive"] == json!(false));
                assert!(hidden, "{what}: is still there");
                continue;
            };
            let now = now.unwrap_or_else(|| panic!("{what}: is gone"));
            let moved = then["modifiedAt"] != before["modifiedAt"];
            assert_eq!(now["modifiedAt"] != before["modifiedAt"], moved, "{what}: modifiedAt");
            for name in TELLING.iter().filter(|name| then.contains_key(**name) && before.contains_key(**name)) {
                if then[*name] == before[*name] {
                    assert_eq!(now[*name], before[*name], "{what}: {name} stayed");
                } else if *name != "parentId" || then.get("parentType").is_none_or(|kind| kind == "Lead") {
                    assert_eq!(now[*name], then[*name], "{what}: {name}");
                } else {
                    assert_ne!(now[*name], before[*name], "{what}: {name} moved");
                }
            }
        }
        assert!(compared > 0, "nothing was compared");
    }
}

/// Whether a recorded list was asked for this row.
fn asks_for(list: &Recording, row: &Map<String, Value>) -> bool {
    list.target().contains(row["id"].as_str().unwrap())
}

const VERSIONS: [Version; 2] = [Version::V9, Version::V10];

#[tokio::test]
async fn a_deletion_moves_modified_at_and_a_restore_leaves_it_there() {
    for version in VERSIONS {
        let act = Act::begin(version, &["delete-1-lead-before", "delete-2-call-before"]).await;
        let (lead, call) = (act.id("delete-1-lead-before"), act.id("delete-2-call-before"));
        let deleted = act.clock.now().to_espo();
        act.sandbox.delete("Lead", &lead, "admin");
        act.sandbox.delete("Call", &call, "admin");
        act.is_then(&["delete-5-lead-is-in-no-list", "delete-7-call-is-in-no-list"]);
        act.clock.advance(60);
        act.sandbox.restore("Lead", &lead);
        act.sandbox.restore("Call", &call);
        act.is_then(&["restore-3-lead-modified-when-deleted", "restore-4-call-modified-when-deleted"]);
        assert_eq!(act.sandbox.get("Lead", &lead).unwrap()["modifiedAt"], json!(deleted));
    }
}

#[tokio::test]
async fn a_silent_save_leaves_modified_at() {
    for version in VERSIONS {
        let act = Act::begin(version, &["silent-1-before"]).await;
        let after = act.recording("silent-2-after").rows().remove(0);
        let owner = after["assignedUserId"].as_str().unwrap();
        act.sandbox.create("User", "admin", json!({"id": owner, "userName": "claire", "lastName": "Dubois"}));
        let lead = act.id("silent-1-before");
        act.sandbox.update_silently("Lead", &lead, json!({"status": "Assigned", "assignedUserId": owner}));
        act.is_then(&["silent-2-after"]);
    }
}

#[tokio::test]
async fn a_merge_moves_what_hangs_on_a_lead_and_not_its_modified_at() {
    let before = [
        "merge-01-leads-before",
        "merge-02-call-before",
        "merge-03-mail-before",
        "merge-04-meeting-before",
        "merge-05-activity-before",
        "merge-06-alert-before",
    ];
    for version in VERSIONS {
        let act = Act::begin(version, &before).await;
        let sent = act.recording("merge-07").sent().clone();
        let source = sent["data"]["sourceIdList"][0].as_str().unwrap();
        act.sandbox.merge(sent["id"].as_str().unwrap(), source);
        act.is_then(&[
            "merge-08-only-the-survivor-is-listed",
            "merge-10-call-after",
            "merge-11-mail-after",
            "merge-12-meeting-after",
            "merge-13-activity-after",
            "merge-14-alert-after",
        ]);
    }
}

#[tokio::test]
async fn a_conversion_moves_the_mails_and_leaves_calls_without_invitation() {
    for version in VERSIONS {
        let act =
            Act::begin(version, &["convert-1-lead-before", "convert-2-call-before", "convert-3-mail-before"]).await;
        // Recorded as it was made through the API: nobody was invited.
        act.sandbox.update_silently("Call", &act.id("convert-2-call-before"), json!({"leadsIds": []}));
        act.sandbox.convert(&act.id("convert-1-lead-before"), "admin");
        act.is_then(&["convert-5-lead-after", "convert-6-call-after", "convert-7-mail-after"]);
    }
}

#[tokio::test]
async fn the_relation_endpoint_leaves_modified_at_and_another_parent_moves_it() {
    for version in VERSIONS {
        let act = Act::begin(version, &["relink-1-before"]).await;
        let steps = |name: &str| act.recording(name).steps().into_iter().map(str::to_owned).collect::<Vec<_>>();
        let other = |name: &str| act.recording(name).sent()["id"].as_str().unwrap().to_owned();
        for name in ["relink-2-link", "relink-3-unlink"] {
            let lead = &steps(name)[1];
            act.sandbox.create("Lead", "admin", json!({"id": lead, "lastName": "X"}));
            match name {
                "relink-2-link" => act.sandbox.link("Lead", lead, "calls", &other(name)),
                _ => act.sandbox.unlink("Lead", lead, "calls", &other(name)),
            }
        }
        act.is_then(&["relink-4-after-the-relation-endpoint"]);
        let moved = &steps("relink-5-another-parent")[1];
        act.sandbox.update("Call", moved, "admin", act.recording("relink-5-another-parent").sent().clone());
        act.is_then(&["relink-6-after-another-parent"]);
    }
}

#[tokio::test]
async fn a_user_who_left_is_in_no_list_and_a_mass_update_moves_modified_at() {
    for version in VERSIONS {
        let act = Act::begin(version, &["user-1-before", "mass-1-before"]).await;
        act.sandbox.update("User", &act.id("user-1-before"), "admin", json!({"isActive": false}));
        act.is_then(&["user-3-after"]);
        for id in act.recording("mass-2-update").sent()["params"]["ids"].as_array().unwrap() {
            act.sandbox.update("Lead", id.as_str().unwrap(), "admin", json!({"status": "Assigned"}));
        }
        act.is_then(&["mass-3-after"]);
    }
}
