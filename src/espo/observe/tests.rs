//! What records mean, on recorded answers and on what customised CRMs do to them.

use serde_json::{Value, json};

use super::*;
use crate::espo::mapping::Entry;

fn mapping() -> Mapping {
    Mapping::new(&[], &["Web Site".to_owned()]).unwrap()
}

fn entries(toml: &str) -> Vec<Entry> {
    #[derive(serde::Deserialize)]
    struct Table {
        activity: Vec<Entry>,
    }
    toml::from_str::<Table>(toml).unwrap().activity
}

fn read(entity: &str, record: Value) -> Observation {
    observe(entity, &Record::from(record), &mapping(), Tz::Europe__Paris).unwrap()
}

fn drafted(entity: &str, record: Value) -> ActivityDraft {
    match read(entity, record) {
        Observation::Activity(draft) => *draft,
        other => panic!("{other:?}"),
    }
}

fn recorded_rows(recording: &str) -> Vec<Record> {
    let recording: Value = serde_json::from_str(recording).unwrap();
    let rows = recording["response"]["body"]["list"].as_array().unwrap();
    rows.iter().filter(|row| row.get("__cut__").is_none()).cloned().map(Record::from).collect()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

#[test]
fn calls_are_read_by_status_and_direction() {
    use ActivityStatus::{NoAnswer, Planned, Replied};
    use Direction::{In, Out};
    let cases = [
        ("Held", "Outbound", Some((Out, Replied))),
        ("Held", "Inbound", Some((In, Replied))),
        ("Not Held", "Outbound", Some((Out, NoAnswer))),
        ("Not Held", "Inbound", Some((In, NoAnswer))),
        ("Planned", "Outbound", Some((Out, Planned))),
        ("Planned", "Inbound", Some((Out, Planned))),
        ("En attente", "Outbound", None),
    ];
    for (status, direction, expected) in cases {
        let record = json!({
            "id": "c1", "status": status, "direction": direction, "dateStart": "2026-11-22 14:30:44",
            "createdAt": "2026-11-20 08:00:00", "parentId": "l1", "leadsIds": ["l2", "l1"], "name": "Appel"
        });
        match (read("Call", record), expected) {
            (Observation::Activity(draft), Some((way, outcome))) => {
                assert_eq!((draft.channel, draft.direction, draft.status), (Channel::Call, Some(way), outcome));
                assert_eq!(draft.leads, [LeadId::from("l1"), LeadId::from("l2")]);
                assert_eq!(draft.timestamp, at("2026-11-22T14:30:44Z"));
                assert_eq!(draft.created_at.is_some(), outcome == Planned);
            }
            (Observation::NoActivity(record), None) => assert_eq!(record, RecordRef::new("Call", "c1")),
            (other, _) => panic!("{status} {direction}: {other:?}"),
        }
    }
}

#[test]
fn recorded_calls_are_read() {
    let rows = recorded_rows(include_str!("../testdata/call-keyset-id-leadsIds.json"));
    let observed: Vec<_> = rows.iter().map(|row| observe("Call", row, &mapping(), Tz::UTC).unwrap()).collect();
    let Observation::Activity(first) = &observed[0] else { panic!("{:?}", observed[0]) };
    assert_eq!(first.id, ActivityId::from("Call:6b03035490a37e658"));
    assert_eq!(first.leads, [LeadId::from("6b03034dc9597ba78")]);
    assert_eq!((first.status, first.text.as_deref()), (ActivityStatus::Replied, Some("")));
}

#[test]
fn a_parent_counts_when_it_is_a_lead_or_unknown_to_be_none() {
    let call = |parent_type: Value| {
        let mut record = json!({
            "id": "c1", "status": "Held", "direction": "Inbound", "dateStart": "2026-11-22 14:30:44", "parentId": "p1"
        });
        record["parentType"] = parent_type;
        drafted("Call", record).leads
    };
    assert_eq!(call(json!("Lead")), [LeadId::from("p1")]);
    assert_eq!(call(Value::Null), [LeadId::from("p1")]);
    assert!(call(json!("Account")).is_empty());
}

#[test]
fn what_has_a_date_only_ends_with_that_day_in_the_crms_zone() {
    let meeting = |status| {
        json!({"id": "m1", "status": status, "dateStart": "2026-11-23 00:00:00", "dateStartDate": "2026-11-23",
               "isAllDay": true, "createdAt": "2026-11-20 08:00:00", "leadsIds": ["l1"]})
    };
    assert_eq!(drafted("Meeting", meeting("Planned")).timestamp, at("2026-11-23T23:59:59+01:00"));
    assert_eq!(drafted("Meeting", meeting("Held")).timestamp, at("2026-11-23T00:00:00+01:00"));
    // On this day Paris goes from UTC+1 to UTC+2.
    let task =
        json!({"id": "t1", "status": "Not Started", "dateEndDate": "2026-03-29", "dateEnd": null, "parentId": "l1"});
    assert_eq!(drafted("Task", task).timestamp, at("2026-03-29T23:59:59+02:00"));
    // Beirut's clocks skipped the midnight of this one.
    let day = NaiveDate::from_ymd_opt(2024, 3, 31).unwrap();
    assert_eq!(start_of(day, Tz::Asia__Beirut), Some(at("2024-03-30T22:00:00Z")));
}

#[test]
fn tasks_are_next_steps_while_they_are_open_and_due() {
    let task = |status, due| json!({"id": "t1", "status": status, "dateEnd": due, "parentId": "l1", "name": "Relance"});
    let open = drafted("Task", task("En cours", json!("2026-11-25 10:00:00")));
    assert_eq!((open.status, open.channel), (ActivityStatus::Planned, Channel::Manual));
    assert_eq!(open.text.as_deref(), Some("Relance"));
    for (status, due) in [("Completed", "2026-11-25 10:00:00"), ("Canceled", "2026-11-25 10:00:00"), ("Started", "")] {
        assert_eq!(read("Task", task(status, json!(due))), Observation::NoActivity(RecordRef::new("Task", "t1")));
    }
    let rows = recorded_rows(include_str!("../testdata/task-list-default.json"));
    let kinds: Vec<bool> = rows
        .iter()
        .map(|row| matches!(observe("Task", row, &mapping(), Tz::UTC), Ok(Observation::Activity(_))))
        .collect();
    assert_eq!(kinds, [true, false]);
}

#[test]
fn recorded_mail_is_read_without_its_body_and_without_its_costly_columns() {
    let rows = recorded_rows(include_str!("../testdata/email-keyset-id-address-ids.json"));
    let Ok(Observation::Activity(mail)) = observe("Email", &rows[1], &mapping(), Tz::UTC) else { panic!() };
    assert_eq!(
        mail.mail,
        Some(MailAddresses {
            from: "claire@agence.example".to_owned(),
            to: vec!["mariefontaine1@client.example".to_owned()],
            replied_id: None,
            subject: rows[1].text("name").unwrap().to_owned(),
        })
    );
    assert_eq!((mail.direction, mail.status, mail.text.clone()), (None, ActivityStatus::Sent, None));
    assert_eq!(mail.timestamp, at("2026-11-22T08:11:32Z"));
    let columns = mapping().columns("Email");
    for costly in ["from", "to", "cc", "parentType", "body", "bodyPlain"] {
        assert!(!columns.contains(&costly.to_owned()), "{costly}");
    }
    assert_eq!(mapping().later_text_fields("Email"), ["bodyPlain", "body", "name"]);
}

#[test]
fn recorded_mail_with_plain_addresses_and_text_is_read_alike() {
    let rows = recorded_rows(include_str!("../testdata/email-list-select-from-to.json"));
    let Ok(Observation::Activity(mail)) = observe("Email", &rows[0], &mapping(), Tz::UTC) else { panic!() };
    assert_eq!(mail.mail.unwrap().from, "jeanmartin0@client.example");
    assert_eq!(mail.text.unwrap(), "Bonjour,  \nJe suis intéressé(e) par votre offre.\n\nJean Martin");
}

#[test]
fn mail_that_answers_nobody_means_nothing() {
    let mail = |status: &str, automatic: bool, maker: &str| {
        read(
            "Email",
            json!({"id": "e1", "status": status, "isAutoReply": automatic, "createdById": maker,
                   "dateSent": "2026-11-22 14:30:44", "fromEmailAddressName": "A@B.example", "to": "C@d.example;e@f.example"}),
        )
    };
    for nothing in [
        mail("Draft", false, "u1"),
        mail("Sending", false, "u1"),
        mail("Failed", false, "u1"),
        mail("Sent", true, "u1"),
        mail("Sent", false, "system"),
    ] {
        assert_eq!(nothing, Observation::NoActivity(RecordRef::new("Email", "e1")));
    }
    let Observation::Activity(sent) = mail("Sent", false, "u1") else { panic!() };
    assert_eq!((sent.direction, sent.auto_reply), (Some(Direction::Out), false));
    assert_eq!(sent.mail.unwrap().to, ["c@d.example", "e@f.example"]);
    // The lead's own out-of-office, imported by the system's job.
    let Observation::Activity(absent) = mail("Archived", true, "system") else { panic!() };
    assert_eq!((absent.direction, absent.auto_reply), (None, true));
}

#[test]
fn a_max_activity_is_what_it_says() {
    let record = json!({
        "id": "a1", "dedupKey": "wa-1", "channel": "whatsapp", "direction": "in", "status": "read", "leadId": "l1",
        "timestamp": "2026-11-22 14:30:44", "messagePreview": "Bonjour", "createdAt": "2026-11-22 14:31:00"
    });
    let draft = drafted("MaxActivity", record.clone());
    assert_eq!(draft.id, ActivityId::from("wa-1"));
    assert_eq!((draft.channel, draft.direction), (Channel::Whatsapp, Some(Direction::In)));
    assert_eq!((draft.status, draft.text.as_deref()), (ActivityStatus::Read, Some("Bonjour")));
    assert_eq!(draft.leads, [LeadId::from("l1")]);
    assert_eq!(draft.created_at, None);
    let mut unknown = record.clone();
    unknown["channel"] = json!("pigeon");
    let error = observe("MaxActivity", &Record::from(unknown), &mapping(), Tz::UTC).unwrap_err();
    assert_eq!(error.to_string(), "MaxActivity:a1 cannot be read: `channel` holds no channel that M.A.X. knows");
    let mut keyless = record;
    keyless["dedupKey"] = Value::Null;
    assert_eq!(drafted("MaxActivity", keyless).id, ActivityId::from("MaxActivity:a1"));
}

#[test]
fn a_recorded_lead_is_read() {
    let recording: Value = serde_json::from_str(include_str!("../testdata/lead-full.json")).unwrap();
    let Observation::Lead { lead, form, .. } = read("Lead", recording["response"]["body"].clone()) else { panic!() };
    assert_eq!((lead.name.as_str(), lead.first_name.as_str()), ("Paul Testeur", "Paul"));
    assert_eq!((lead.status.as_str(), lead.source.as_str()), ("Assigned", ""));
    assert_eq!(lead.email.as_deref(), Some("paul.testeur@client.example"));
    assert_eq!(lead.emails, ["paul.perso@client.example", "paul.testeur@client.example"]);
    assert_eq!(lead.phone.as_deref(), Some("+33612345678"));
    assert!(!lead.do_not_call && !lead.email_opted_out && !lead.phone_opted_out && !lead.do_not_contact);
    assert!(form.is_none());
}

#[test]
fn what_a_web_form_said_is_a_message() {
    let lead = |source: &str, description: Value| {
        let record = json!({
            "id": "l1", "status": "New", "createdAt": "2026-11-22 14:50:34", "source": source, "emailAddress": "H@C.example",
            "description": description, "teamsIds": ["t2", "t1"], "doNotCall": true, "emailAddressIsOptedOut": null
        });
        match read("Lead", record) {
            Observation::Lead { lead, form, .. } => (*lead, form.map(|form| *form)),
            other => panic!("{other:?}"),
        }
    };
    let (read, form) = lead("Web Site", json!("Je voudrais un devis"));
    assert_eq!((read.email.as_deref(), read.emails.as_slice()), (Some("h@c.example"), &["h@c.example".to_owned()][..]));
    assert_eq!(read.teams, [TeamId::from("t1"), TeamId::from("t2")]);
    assert!(read.do_not_call && !read.email_opted_out);
    let form = form.unwrap();
    assert_eq!((form.id.as_str(), form.channel, form.direction), ("Lead:l1", Channel::Email, Some(Direction::In)));
    assert_eq!((form.text.as_deref(), form.timestamp), (Some("Je voudrais un devis"), read.created_at));
    assert!(lead("Web Site", Value::Null).1.is_none());
    assert!(lead("Partner", json!("Vu au salon")).1.is_none());
}

#[test]
fn recorded_users_are_read() {
    let rows = recorded_rows(include_str!("../testdata/users.json"));
    let Ok(Observation::User(user)) = observe("User", &rows[1], &mapping(), Tz::UTC) else { panic!() };
    assert_eq!(
        (user.name.as_str(), user.user_name.as_str(), user.kind.as_str()),
        ("Claire Dubois", "claire", "regular")
    );
    assert!(user.active);
    assert_eq!(user.emails, ["claire@agence.example"]);
}

#[test]
fn alerts_are_read_with_who_changed_them() {
    let record = json!({
        "id": "r1", "dedupKey": "a0123456789abcdef", "status": "Snoozed", "snoozedUntil": "2026-11-23 08:00:00",
        "modifiedAt": "2026-11-22 15:00:00", "modifiedById": "u1", "modifiedByName": "Claire"
    });
    let Observation::Alert(alert) = read("MaxAlert", record) else { panic!() };
    assert_eq!((alert.crm_id.as_str(), alert.dedup_key.as_str()), ("r1", "a0123456789abcdef"));
    assert_eq!(alert.snoozed_until, Some(at("2026-11-23T08:00:00Z")));
    assert_eq!(alert.modified_by, Some(UserId::from("u1")));
}

#[test]
fn what_is_deleted_is_gone() {
    let deleted = |entity| read(entity, json!({"id": "x", "deleted": true}));
    assert_eq!(deleted("Lead"), Observation::LeadGone(LeadId::from("x")));
    assert_eq!(deleted("User"), Observation::UserGone(UserId::from("x")));
    assert_eq!(deleted("Team"), Observation::TeamGone(TeamId::from("x")));
    assert_eq!(deleted("MaxAlert"), Observation::AlertGone("x".to_owned()));
    assert_eq!(deleted("Call"), Observation::NoActivity(RecordRef::new("Call", "x")));
}

#[test]
fn a_malformed_record_is_named_with_the_reason() {
    let fail = |entity, record| observe(entity, &Record::from(record), &mapping(), Tz::UTC).unwrap_err().to_string();
    assert_eq!(fail("Call", json!({"status": "Held"})), "Call: cannot be read: it has no id");
    let undated = json!({"id": "c1", "status": "Held", "direction": "Inbound", "dateStart": "demain"});
    assert_eq!(fail("Call", undated), "Call:c1 cannot be read: `dateStart` holds no instant");
    assert_eq!(fail("Lead", json!({"id": "l1", "status": "New"})), "Lead:l1 cannot be read: it has no createdAt");
}

#[test]
fn a_configuration_may_map_entities_of_its_own_and_replace_ours() {
    let own = entries(
        "[[activity]]\nentity = 'WhatsAppMessage'\nwhen = { type = ['inbound'] }\nchannel = 'whatsapp'\ndirection = 'in'\n\
         status = 'delivered'\nat = 'sentAt'\ntext = ['body', 'name']\nlead_links = ['contactLeadId']\n\
         [[activity]]\nentity = 'Task'\nnothing = true\n",
    );
    let mapping = Mapping::new(&own, &[]).unwrap();
    let message = json!({
        "id": "w1", "type": "inbound", "sentAt": "2026-11-22 14:30:44", "body": "", "name": "Photo", "contactLeadId": "l1"
    });
    let Ok(Observation::Activity(draft)) = observe("WhatsAppMessage", &Record::from(message), &mapping, Tz::UTC) else {
        panic!()
    };
    assert_eq!((draft.channel, draft.text.as_deref()), (Channel::Whatsapp, Some("Photo")));
    assert_eq!(draft.leads, [LeadId::from("l1")]);
    assert_eq!(
        mapping.columns("WhatsAppMessage"),
        ["id", "modifiedAt", "type", "sentAt", "contactLeadId", "body", "name"]
    );
    let task = json!({"id": "t1", "status": "Not Started", "dateEnd": "2026-11-25 10:00:00", "parentId": "l1"});
    let task = observe("Task", &Record::from(task), &mapping, Tz::UTC).unwrap();
    assert_eq!(task, Observation::NoActivity(RecordRef::new("Task", "t1")));
    assert!(mapping.activity_entities().any(|entity| entity == "Call"));
}

#[test]
fn previews_are_words_of_bounded_length() {
    assert_eq!(preview("<p>Bonjour&nbsp;!</p>"), "Bonjour !");
    assert_eq!(preview(&"é".repeat(5_000)).chars().count(), Activity::PREVIEW_CHARS);
}

proptest::proptest! {
    /// A CRM may send anything in any field: no record makes us stop.
    #[test]
    fn no_record_is_too_odd(
        entity in proptest::sample::select(&["Lead", "User", "Team", "MaxAlert", "Call", "Meeting", "Task", "Email", "MaxActivity"][..]),
        picks in proptest::collection::vec(0..ODD.len(), FIELDS.len()),
    ) {
        let mut record = Record::default();
        for (field, pick) in FIELDS.iter().zip(picks) {
            record.0.insert((*field).to_owned(), serde_json::from_str(ODD[pick]).unwrap());
        }
        if let Err(malformed) = observe(entity, &record, &mapping(), Tz::Europe__Paris) {
            assert_eq!(malformed.record.entity, entity);
        }
    }
}

const FIELDS: [&str; 16] = [
    "id",
    "status",
    "direction",
    "dateStart",
    "dateStartDate",
    "dateEnd",
    "dateEndDate",
    "createdAt",
    "modifiedAt",
    "parentId",
    "leadsIds",
    "teamsIds",
    "emailAddressData",
    "isAutoReply",
    "dedupKey",
    "toEmailAddressesNames",
];

const ODD: [&str; 16] = [
    "null",
    "true",
    "0",
    "-1.5e300",
    "\"\"",
    "\"x\"",
    "\"Held\"",
    "\"Planned\"",
    "\"Archived\"",
    "\"2026-02-30 25:61:61\"",
    "\"2026-11-22 14:30:44\"",
    "\"+262142-12-31\"",
    "\"9999-12-31\"",
    "[]",
    "[null, 1, \"a\", {}]",
    "{\"a\": [], \"b\": \"c\"}",
];
