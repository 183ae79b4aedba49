//! Random histories, written down as recordings and replayed by `max backtest`, against the brute-force oracle:
//! the way from a line of a file to a line of the output is held to the same sentences as the daemon.

use std::path::Path;

use max::cli::backtest::{Args, backtest};
use max::domain::*;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::oracle::{Event, World, brute_force};
use super::properties::{END, START, any_world, cases};

/// The thresholds of the random histories as a configuration.
const CONFIG: &str = r#"
[rules]
hot = "5s"
awaiting_reply = "5s"
awaiting_reply_max = "24s"
no_contact = "9s"
stale = "25s"
no_followup = "8s"
no_reply = "4s"
next_step_grace = "5s"
active_statuses = ["New"]
[rules.preferred_channel]
attempt_gap = "3s"
window = "30s"
answer_within = "7s"
counts_after = "4s"
"#;

/// Ids that letters, numbers and bytes put into different orders.
const LEADS: [&str; 8] = ["l9", "l10", "L9", "é", "l", "Z z", "~", "\u{1F600}"];

fn lead_line(id: &str, lead: &Lead) -> Value {
    // A lead with a `closed_at` was active before, whatever its status now.
    let status = if lead.closed_at.is_some() { "New" } else { &lead.status };
    json!({
        "id": id, "name": lead.name, "status": status, "created_at": lead.created_at, "deleted": lead.deleted,
        "do_not_contact": lead.do_not_contact, "closed_at": lead.closed_at,
    })
}

fn activity_line(lead: &str, activity: &Activity) -> Value {
    let Reading { intent, expects_reply, auto_reply } = activity.reading;
    json!({
        "id": format!("{lead}-{}", activity.id), "lead_id": lead, "channel": activity.channel, "direction": activity.direction,
        "status": activity.status, "message_preview": "…", "timestamp": activity.timestamp, "intent": intent,
        "expects_reply": expects_reply, "auto_reply": auto_reply, "created_at": activity.created_at,
    })
}

/// What the specification says is printed: computed second by second, and put into order.
fn expected(worlds: &[World]) -> String {
    let mut lines = Vec::new();
    for (id, world) in LEADS.iter().zip(worlds) {
        for (at, event, alert_type, anchor) in brute_force(world).log {
            let (name, severity) = (alert_type.as_str(), alert_type.severity().as_str());
            let id_text = serde_json::to_string(id).unwrap();
            let of = format!(r#""lead_id":{id_text},"type":"{name}","severity":"{severity}","anchor":"{anchor}""#);
            let line = match event {
                Event::Closed(reason) => {
                    format!(r#"{{"at":"{at}","event":"closed",{of},"reason":"{}"}}"#, reason.as_str())
                }
                Event::Opened => format!(r#"{{"at":"{at}","event":"opened",{of}}}"#),
                Event::Woke => panic!("nobody snoozes in a replay"),
            };
            lines.push((at, id.as_bytes(), event == Event::Opened, name, line));
        }
    }
    lines.sort();
    lines.into_iter().map(|(.., line)| line + "\n").collect()
}

/// Replays lines in the order in which they are given.
fn replayed(folder: &Path, leads: &[Value], activities: &[Value], inhibition: bool) -> String {
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let ndjson = |values: &[Value]| values.iter().map(|value| format!("{value}\n")).collect();
    let args = Args {
        leads: write("leads.ndjson", ndjson(leads)),
        activities: write("activities.ndjson", ndjson(activities)),
        from: Timestamp(START),
        to: Timestamp(END),
        config: vec![write("max.toml", CONFIG.replace("[rules]", &format!("[rules]\ninhibition = {inhibition}")))],
        summary: false,
    };
    let mut out = Vec::new();
    backtest(&args, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// In a replay an inbound that was old at its beginning was never young, and nothing came late.
fn as_recorded(mut world: World) -> World {
    world.settings.repeat_after.clear();
    if world.lead.closed_at.is_some() {
        world.lead.status = "Dead".to_owned();
    }
    for activity in &mut world.activities {
        activity.fresh_as_of = activity.timestamp.max(Timestamp(START));
    }
    world
}

proptest! {
    #![proptest_config(cases(500))]

    /// What is printed is what an evaluation of every second says, whatever the order of the lines.
    ///
    /// > An anchor is an instant, or for PreferredChannel the channel's name; for HotLead24h and AwaitingReply24h it
    /// > is the inbound's timestamp.
    ///
    /// > `max backtest --leads leads.ndjson --activities activities.ndjson --from T0 --to T1 [--config F]` replays
    /// > history through the same rules with a simulated clock, and writes one JSON object per line on standard
    /// > output, ordered by (`at`, `lead_id`, closed before opened, `type`), ids and types by bytes, keys in the
    /// > order shown, no spaces:
    ///
    /// > A replay starts with nothing open: what holds at `from` opens at `from`, and an inbound already 24 h old at
    /// > `from`, or at its lead's created_at, was never young.
    ///
    /// > Nobody resolves by hand.
    #[test]
    fn a_replay_is_brute_force(
        mut worlds in prop::collection::vec(any_world().prop_map(as_recorded), LEADS.len()),
        turn in any::<usize>(),
        inhibition in prop::bool::weighted(0.8),
    ) {
        worlds.iter_mut().for_each(|world| world.settings.inhibition = inhibition);
        let mut leads: Vec<Value> = LEADS.iter().zip(&worlds).map(|(id, world)| lead_line(id, &world.lead)).collect();
        let mut activities: Vec<Value> = LEADS.iter().zip(&worlds)
            .flat_map(|(id, world)| world.activities.iter().map(|activity| activity_line(id, activity)))
            .collect();
        leads.rotate_left(turn % LEADS.len());
        activities.sort_by_key(|line| std::cmp::Reverse(line["id"].to_string()));
        let middle = turn % activities.len().max(1);
        activities.rotate_left(middle);
        let folder = tempfile::tempdir().unwrap();
        let printed = replayed(folder.path(), &leads, &activities, inhibition);
        prop_assert_eq!(printed, expected(&worlds));
    }
}
