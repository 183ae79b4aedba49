//! Does the mirror equal the CRM? Every lead, activity, user and alert record, read as an administrator sees them and
//! understood by the mapping.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use max::domain::observation::Observation;
use max::domain::{Direction, Lead, LeadId, UserId};
use max::engine::acts::record_status;
use max::espo::mapping::Entry;
use max::espo::{Mapping, Record, observe};

use crate::support::World;

/// Statuses of a lead that is no longer worked on: what happened to it may stay with it when it is relinked.
const CLOSED: [&str; 3] = ["Converted", "Recycled", "Dead"];

/// An activity as it is compared: its id, which way, its status, when.
type Known = (String, Direction, &'static str, i64);

/// Panics with what differs. `entries`: the configured mapping.
pub fn equals_crm_mapped(world: &World, entries: &[Entry]) {
    let mapping = Mapping::new(entries, &["Web Site".to_owned()]).unwrap();
    let leads = leads_equal(world, &mapping);
    activities_equal(world, &mapping, &leads);
    users_equal(world);
    alerts_equal(world);
    assert_eq!(world.app().engine.store().outbox().unwrap(), [], "the outbox is empty");
}

pub fn equals_crm(world: &World) {
    equals_crm_mapped(world, &[]);
}

fn observations(world: &World, entity: &str, mapping: &Mapping) -> Vec<Observation> {
    let rows = world.espo.list(entity).into_iter().map(Record::from);
    rows.filter_map(|row| observe(entity, &row, mapping, Tz::Europe__Paris).ok()).collect()
}

fn leads_equal(world: &World, mapping: &Mapping) -> BTreeMap<LeadId, Lead> {
    let mut there = BTreeMap::new();
    for observation in observations(world, "Lead", mapping) {
        let Observation::Lead { lead, .. } = observation else { panic!("a lead is a lead") };
        there.insert(lead.id.clone(), *lead);
    }
    for known in world.app().engine.store().leads() {
        let known = known.unwrap();
        match there.get(&known.id) {
            Some(lead) => {
                assert!(lead.email.iter().all(|mail| known.emails.contains(mail)), "{known:?} lacks {:?}", lead.email);
                // When it was closed is found out by watching, and further addresses are in no list.
                let comparable = |lead: &Lead| Lead { closed_at: None, emails: Vec::new(), ..lead.clone() };
                assert_eq!(comparable(&known), comparable(lead));
            }
            None => assert!(known.deleted, "{} is gone from the CRM", known.id),
        }
    }
    let count = world.app().engine.store().leads().filter(|lead| !lead.as_ref().unwrap().deleted).count();
    assert_eq!(count, there.len(), "every lead is known");
    there
}

fn activities_equal(world: &World, mapping: &Mapping, leads: &BTreeMap<LeadId, Lead>) {
    let mut expected: BTreeMap<LeadId, BTreeSet<Known>> = BTreeMap::new();
    for entity in mapping.activity_entities().filter(|entity| *entity != "Lead") {
        for observation in observations(world, entity, mapping) {
            let Observation::Activity(draft) = observation else { continue };
            let mut whose: BTreeMap<LeadId, Direction> = BTreeMap::new();
            for lead in leads.values() {
                let is = |address: &str| lead.emails.iter().any(|own| own == address);
                let named = draft.leads.contains(&lead.id).then_some(draft.direction).flatten();
                let addressed = draft.mail.as_ref().and_then(|mail| {
                    let to = mail.to.iter().any(|to| is(to)).then_some(Direction::Out);
                    is(&mail.from).then_some(Direction::In).or(to)
                });
                if let Some(direction) = addressed.or(named) {
                    whose.insert(lead.id.clone(), draft.direction.unwrap_or(direction));
                }
            }
            for (lead, direction) in whose {
                let known = (draft.id.0.clone(), direction, draft.status.as_str(), draft.timestamp.0);
                expected.entry(lead).or_default().insert(known);
            }
        }
    }
    for lead in leads.values() {
        let known = world.app().engine.store().activities(&lead.id).unwrap().into_iter();
        let known: BTreeSet<Known> =
            known.map(|it| (it.id.0.clone(), it.direction, it.status.as_str(), it.timestamp.0)).collect();
        let expected = expected.remove(&lead.id).unwrap_or_default();
        if CLOSED.contains(&lead.status.as_str()) {
            assert!(known.is_superset(&expected), "{} has {known:#?}, not all of {expected:#?}", lead.id);
        } else {
            assert_eq!(known, expected, "activities of {} {}", lead.id, lead.name);
        }
    }
}

fn users_equal(world: &World) {
    let programs = ["system", "api"];
    let is_person = |row: &serde_json::Value| !programs.iter().any(|kind| row["type"] == *kind);
    let rows = world.espo.list("User").into_iter().filter(|row| is_person(row) && row["isActive"] == true);
    let there: BTreeSet<UserId> = rows.map(|row| UserId::from(row["id"].as_str().unwrap())).collect();
    let users = world.app().engine.store().users().unwrap();
    let known: BTreeSet<UserId> = users.into_iter().filter(|user| user.active).map(|user| user.id).collect();
    assert_eq!(known, there, "those who may log in");
}

fn alerts_equal(world: &World) {
    let store = world.app().engine.store();
    let records = world.espo.list("MaxAlert");
    for alert in store.all_alerts().unwrap().into_iter().filter(|alert| alert.opened_at.is_some()) {
        match records.iter().find(|record| record["dedupKey"] == alert.id.as_str()) {
            Some(record) => {
                assert_eq!(record["status"], record_status(&alert.state), "{alert:#?}");
                let owner = alert.owner.as_ref().map(|owner| owner.0.clone());
                assert!(!alert.state.is_open() || record["assignedUserId"] == serde_json::json!(owner), "{record:#}");
            }
            None => assert!(!alert.state.is_open(), "an open alert without its record: {alert:#?}"),
        }
    }
}
