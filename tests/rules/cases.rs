//! Each sentence of the specification as one row: a few facts, an instant, and what holds then.

use std::fmt::Write;

use max::domain::*;
use max::rules::{self, Facts, Settings};

use super::{activity, lead};

/// 2026-03-01T09:00:00Z, a Sunday; every offset below is counted from here.
const ZERO: Timestamp = Timestamp(1_772_355_600);

/// `"-3d"`, `"2d+1s"`, `"7d-1s"`, `"0s"` as an instant.
fn at(offset: &str) -> Timestamp {
    let mut total = 0;
    let mut rest = offset;
    let mut sign = 1;
    while !rest.is_empty() {
        if let Some(more) = rest.strip_prefix('-') {
            (sign, rest) = (-1, more);
        } else if let Some(more) = rest.strip_prefix('+') {
            (sign, rest) = (1, more);
        }
        let end = rest[1..].find(['+', '-']).map_or(rest.len(), |end| end + 1);
        total += sign * time::parse_duration(&rest[..end]).unwrap();
        rest = &rest[end..];
    }
    ZERO.plus(total)
}

/// Facts in few words, one per part: `out email 1d`, `out call no_answer 1d`, `in whatsapp intent 2h`,
/// `in email merci 2h`, `in email ooo 2h`, `in call no_answer 2h`, `plan call 3d by 1d`.
fn parse(n: usize, text: &str) -> Activity {
    let words: Vec<&str> = text.split_whitespace().collect();
    let channel = words.iter().find_map(|word| Channel::parse(word)).expect("a channel");
    let status = words.iter().find_map(|word| ActivityStatus::parse(word)).unwrap_or(ActivityStatus::Sent);
    let by = words.iter().position(|word| *word == "by");
    let when = at(by.map_or(words[words.len() - 1], |by| words[by - 1]));
    let has = |word| words.contains(&word);
    let reading =
        Reading { intent: has("intent"), expects_reply: !has("merci") && !has("ooo"), auto_reply: has("ooo") };
    let direction = if has("in") { Direction::In } else { Direction::Out };
    let mut activity = activity(&format!("{n:02}"), when, channel, direction, status, reading);
    if has("plan") {
        activity.status = ActivityStatus::Planned;
        activity.created_at = Some(at(words[by.expect("a plan says `by` when it was made") + 1]));
    }
    if has("late") {
        activity.fresh_as_of = when.plus(DAY);
    }
    if has("barely") {
        activity.fresh_as_of = when.plus(DAY - 1);
    }
    activity
}

fn facts(text: &str) -> Vec<Activity> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let mut facts: Vec<Activity> = parts.enumerate().map(|(n, part)| parse(n, part)).collect();
    facts.sort_by(|a, b| (a.timestamp, &a.id).cmp(&(b.timestamp, &b.id)));
    facts
}

/// What holds for a lead created at `ZERO`, in words: `NoReply3d@2d`; nothing: empty.
fn holding(lead: &Lead, text: &str, now: &str) -> String {
    holding_under(&Settings::default(), lead, text, now)
}

fn holding_under(settings: &Settings, lead: &Lead, text: &str, now: &str) -> String {
    let activities = facts(text);
    let facts = Facts { lead, activities: &activities, alerts: &[] };
    let evaluation = rules::evaluate(&facts, settings, at(now));
    let mut words = String::new();
    for finding in evaluation.findings() {
        let anchor = match finding.anchor {
            Anchor::At(instant) => time::format_duration(instant.since(ZERO)),
            Anchor::Channel(channel) => channel.as_str().to_owned(),
        };
        write!(words, "{}@{anchor} ", finding.alert_type.as_str()).unwrap();
    }
    words.trim_end().to_owned()
}

#[track_caller]
fn check(table: &[(&str, &str, &str, &str)]) {
    let lead = lead(ZERO);
    let mut wrong = String::new();
    for (sentence, text, now, expected) in table {
        let found = holding(&lead, text, now);
        if found != *expected {
            writeln!(wrong, "{sentence}\n  [{text}] at {now}: {found:?}, not {expected:?}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// > "≥ 7 d" means b − a ≥ 7 × 86 400 s: exact durations, no calendar days.
///
/// > Only facts with timestamp ≤ now exist for it (a planned one: created_at ≤ now).
///
/// > A lead's activities older than the lead itself count.
#[test]
fn no_contact() {
    check(&[
        ("a second too early", "", "7d-1s", ""),
        ("7 d exactly", "", "7d", "NoContact7d@0s"),
        ("no outbound at all: an unanswered call is one", "out call no_answer 1d", "7d", "NoReply3d@1d"),
        ("a note of a visit is one", "out manual 6d", "7d", ""),
        ("older than the lead counts", "out email -1d", "7d", "NoFollowup7d@-1d NoReply3d@-1d"),
        ("an inbound is none", "in email merci 6d", "7d", "NoContact7d@0s"),
        ("a call we picked up is one", "in call 6d", "7d", ""),
        ("a missed one is not", "in call no_answer 6d+1s", "7d", "NoContact7d@0s"),
        ("a later outbound is not known yet", "out email 7d+1s", "7d", "NoContact7d@0s"),
        ("one at this very instant is", "out email 7d", "7d", ""),
        ("a planned one is none, ever", "plan email 2d by 1d", "7d", "NoContact7d@0s"),
        ("not while a next step is pending", "plan call 8d by 6d", "7d", ""),
        ("stays for good", "", "29d", "NoContact7d@0s"),
    ]);
}

#[test]
fn stale_lead() {
    check(&[
        ("no activity: created_at", "", "30d", "NoContact7d@0s StaleLead30d@0s"),
        ("a second too early", "out email 1d", "31d-1s", "NoFollowup7d@1d NoReply3d@1d"),
        ("last_any", "out email 1d", "31d", "StaleLead30d@1d NoFollowup7d@1d NoReply3d@1d"),
        ("an auto-reply does not exist", "in email ooo 20d", "30d", "NoContact7d@0s StaleLead30d@0s"),
        (
            "contacted 31 days ago is not never contacted",
            "out email merci 0s, in email merci 0s",
            "31d",
            "StaleLead30d@0s NoFollowup7d@0s",
        ),
        ("not while a next step is pending", "out email 1d, plan call 40d by 30d", "32d", ""),
    ]);
}

/// > `last_any`: latest activity of either direction.
#[test]
fn no_followup() {
    check(&[
        ("needs an activity", "", "6d", ""),
        ("7 d after either direction", "out email 1d, in email merci 2d", "9d", "NoFollowup7d@2d"),
        ("a second too early", "out email 1d, in email merci 2d", "9d-1s", ""),
        ("manual counts", "out manual replied 2d", "9d", "NoFollowup7d@2d"),
        ("an auto-reply does not", "out email 1d, in email ooo 2d", "8d", "NoFollowup7d@1d NoReply3d@1d"),
    ]);
}

/// > A response is an inbound, or an outbound with status `replied` (a call that was answered).
///
/// > `last_out`: latest outbound, answered or not.
///
/// > `last_response`: latest response.
///
/// > Ties count in favour of silence: "at or after" everywhere.
///
/// > It is pending from the instant it was planned (its created_at) until 24 h after the instant it is planned for
/// > (exclusive; `next_step_grace`: reps log a call after it).
#[test]
fn no_reply() {
    check(&[
        ("3 d exactly", "out email 1d", "4d", "NoReply3d@1d"),
        ("a second too early", "out email 1d", "4d-1s", ""),
        ("the latest outbound, answered or not", "out email replied 1d, out call no_answer 2d", "5d", "NoReply3d@2d"),
        ("a response after it", "out email 1d, in email merci 2d", "5d", ""),
        ("a response at it: ties count in favour of silence", "out email 1d, in email merci 1d", "5d", ""),
        ("a response before it is none", "in email merci 1d, out email 1d+1s", "4d+1s", "NoReply3d@86401s"),
        ("a response on any channel", "out email 1d, in whatsapp merci 2d", "5d", ""),
        ("a call that was answered is a response", "out call replied 1d", "5d", ""),
        ("read is none", "out email read 1d", "4d", "NoReply3d@1d"),
        ("an out-of-office is none", "out email 1d, in email ooo 1d+1m", "4d", "NoReply3d@1d"),
        ("a call we picked up is both", "in call 1d", "5d", ""),
        ("what is planned is not contact", "plan email 1d by 12h", "4d", ""),
        ("not with a call booked", "out email 1d, plan call 6d by 4d", "5d", ""),
        ("pending for 24 h after it", "out email 1d, plan call 6d by 4d", "7d-1s", ""),
        ("and no longer", "out email 1d, plan call 6d by 4d", "7d", "NoReply3d@1d"),
        ("nor before it was planned", "out email 1d, plan call 6d by 4d+1s", "4d", "NoReply3d@1d"),
        ("from the instant it was planned", "out email 1d, plan call 6d by 4d", "4d", ""),
        ("on any channel and in either direction", "out email 1d, plan in manual 6d by 4d", "4d", ""),
    ]);
}

/// > An answer is what we owe an inbound: an outbound other than a call with `no_answer`.
///
/// > An inbound call whose status is not `no_answer` was picked up: it is also an outbound, and its own answer, at
/// > its instant.
///
/// > An inbound waits when it is on whatsapp, email or call, expects a reply, no answer stands at or after it, and no
/// > next step that was planned at or after it is pending: a call booked for tomorrow has the matter in hand, and if
/// > it does not take place, the lead waits again.
///
/// > Ties count in favour of silence: "at or after" everywhere.
///
/// > Once open, the alert stays until answered or in hand, however long that takes; it opens again if a booked call
/// > did not take place.
///
/// > Young: an inbound opens HotLead24h only if it was less than 24 h old at the latest of its own timestamp, the
/// > last complete sync before it was seen (or, before the first one, the instant at which it was seen), and its
/// > lead's created_at.
#[test]
fn hot_lead() {
    let hot = "HotLead24h@1d";
    check(&[
        ("at once", "in whatsapp intent 1d", "1d", hot),
        ("not before", "in whatsapp intent 1d", "1d-1s", ""),
        ("no intent, no heat", "in whatsapp 1d", "1d", ""),
        ("intent implies expects_reply", "in whatsapp intent merci 1d", "1d", hot),
        ("the first such inbound", "in email 12h, in email intent 1d, in email intent 1d+1h", "1d+2h", hot),
        ("an answer after it", "in email intent 1d, out email 1d+1s", "1d+1h", ""),
        ("an answer at it", "out email 1d, in email intent 1d", "1d+1h", ""),
        ("on another channel", "in email intent 1d, out whatsapp 1d+1s", "1d+1h", ""),
        ("noted by hand", "in email intent 1d, out manual 1d+1s", "1d+1h", ""),
        ("a call nobody picked up is no answer", "in email intent 1d, out call no_answer 1d+1s", "1d+1h", hot),
        ("a message nobody answered is", "in email intent 1d, out email no_answer 1d+1s", "1d+1h", ""),
        ("written after the answer", "out email 12h, in email intent 1d", "1d", hot),
        ("not from a machine", "in email intent ooo 1d", "1d", ""),
        ("manual does not wait", "in manual intent 1d", "1d", ""),
        ("a call we picked up is its own answer", "in call intent 1d", "1d", ""),
        ("also of what came before it", "in email intent 1d, in call 1d+1h", "1d+1h", ""),
        ("a step planned after it has it in hand", "in email intent 1d, plan call 2d by 1d+1s", "1d+1h", ""),
        ("planned at it, too", "in email intent 1d, plan call 2d by 1d", "1d", ""),
        ("planned before it does not", "in email intent 1d, plan call 2d by 1d-1s", "1d+1h", hot),
        (
            "the call did not take place",
            "in email intent 1d, plan call 2d by 1d+1s",
            "3d",
            "HotLead24h@1d AwaitingReply24h@1d",
        ),
        ("seen a day late", "in email intent late 1d", "1d", ""),
        ("a second less than that", "in email intent barely 1d", "1d", hot),
        ("stays however long it takes", "in email intent 1d", "5d", "HotLead24h@1d AwaitingReply24h@1d"),
        ("24 h old when the lead came into being", "in email intent -1d", "0s", "AwaitingReply24h@-1d"),
        ("a second less", "in email intent -1d+1s", "0s", "HotLead24h@-86399s"),
    ]);
}

/// > A missed call from a lead waits like a message.
///
/// > An answer is what we owe an inbound: an outbound other than a call with `no_answer`.
#[test]
fn awaiting_reply() {
    let awaiting = "AwaitingReply24h@1d";
    check(&[
        ("24 h exactly", "in email 1d", "2d", awaiting),
        ("a second too early", "in email 1d", "2d-1s", ""),
        ("the first counts", "in email 1d, in email 1d+12h", "2d", awaiting),
        ("a merci does not wait", "in email merci 1d", "3d", ""),
        ("a merci does not answer", "in email 1d, in email merci 1d+1h", "2d", awaiting),
        ("a missed call waits like a message", "in call no_answer merci 1d", "2d", awaiting),
        ("we called back in vain", "in call no_answer 1d, out call no_answer 1d+1h", "2d", awaiting),
        ("we wrote back", "in call no_answer 1d, out whatsapp 1d+1h", "2d", ""),
        (
            "the last one 30 d old",
            "out call no_answer 2d, in email 1d, in email 3d",
            "33d",
            "StaleLead30d@3d NoFollowup7d@3d",
        ),
        (
            "a second less",
            "out call no_answer 2d, in email 1d, in email 3d",
            "33d-1s",
            "AwaitingReply24h@1d NoFollowup7d@3d",
        ),
        (
            "a step planned in between has the first in hand",
            "in email 1d, plan call 5d by 1d+1h, in email 2d",
            "3d",
            "AwaitingReply24h@2d",
        ),
    ]);
}

/// > Over the channels `whatsapp`, `email` and `call`:
///
/// > Per channel, take all outbounds of the lead (not the calls we picked up) ordered by (timestamp, id in byte
/// > order).
///
/// > An attempt is a run of them: one that follows the outbound before it by less than 12 h, with no inbound on that
/// > channel from the earlier one's instant to its own (both included), belongs to the same attempt (three bubbles
/// > are one message).
///
/// > An attempt's instant is its first outbound's; those with now − instant < 30 d are looked at.
///
/// > An attempt is answered when one of its outbounds has status `replied`, or an inbound on the same channel has
/// > instant ≤ timestamp < the next attempt's instant, and timestamp < instant + 7 d.
///
/// > It counts once it is answered, is 3 d old, or a later attempt on that channel exists.
///
/// > A channel is valid with ≥ 2 counting attempts.
///
/// > It names the best channel.
#[test]
fn preferred_channel() {
    let whatsapp = "out whatsapp 1d, in whatsapp merci 1d+1h, out whatsapp 2d, in whatsapp merci 2d+1h";
    let emails = "out email 1d, out email 2d";
    let preferred = "PreferredChannel@whatsapp";
    let with = |more: &str| format!("{whatsapp}, {more}");
    check(&[
        ("2 of 2 against 0 of 2", &with(emails), "5d", preferred),
        ("the second mail counts when it is 3 d old", &with(emails), "5d-1s", ""),
        ("or answered, or followed by another", &with("out email 1d, out email 2d, out email 3d"), "3d", preferred),
        ("one channel alone says nothing", whatsapp, "5d", ""),
        ("a channel needs two attempts", &with("out email 1d"), "5d", ""),
        ("less than 12 h apart is one attempt", &with("out email 1d, out email 1d+12h-1s"), "5d", ""),
        ("12 h apart are two", &with("out email 1d, out email 1d+12h"), "5d", preferred),
        (
            "an inbound in between parts them",
            &with("out email 1d, in email merci 1d+1m, out email 1d+2m"),
            "5d",
            preferred,
        ),
        (
            "at the instant of the first, too",
            &with("out email 1d, in email merci 1d, out email 1d+1m"),
            "5d",
            preferred,
        ),
        (
            "at the instant of the second, too",
            &with("out email 1d, out email 1d+1m, in email merci 1d+1m"),
            "5d",
            preferred,
        ),
        (
            "on another channel it does not",
            &with("out email 1d, in call no_answer 1d+1m, out email 1d+2m, out call 1d+3m"),
            "5d",
            "",
        ),
        ("manual is no channel to prefer", &with("out manual 1d, out manual 2d"), "5d", ""),
        ("a call we picked up is no attempt", &with("in call 1d, in call 2d"), "5d", ""),
        ("attempts leave the window at 30 d", &with(emails), "31d", "NoFollowup7d@49h"),
        (
            "a second before that they are looked at",
            &with(emails),
            "31d-1s",
            "NoFollowup7d@49h PreferredChannel@whatsapp",
        ),
        (
            "best is answered too late: 7 d",
            "out whatsapp 1d, out whatsapp 4d, in whatsapp merci 11d, out email 1d, out email 2d, out manual 11d",
            "12d",
            "",
        ),
        (
            "a second less",
            "out whatsapp 1d, out whatsapp replied 4d, in whatsapp merci 11d-1s, out email 1d, out email 2d, out manual 11d",
            "12d",
            preferred,
        ),
        (
            "an inbound answers the latest attempt only",
            "out whatsapp 1d, out whatsapp 2d, in whatsapp merci 3d, out email replied 1d, out email replied 2d",
            "5d",
            "PreferredChannel@email",
        ),
        (
            "an out-of-office answers nothing",
            "out whatsapp 1d, in whatsapp ooo 1d+1h, out whatsapp 2d, out email 1d, out email 2d",
            "5d+1h",
            "NoReply3d@2d",
        ),
    ]);
}

/// > rate = answered / counting attempts, as an exact fraction.
///
/// > The rule holds when at least two channels are valid and best rate − second rate > 3/10 (4/5 against 1/2 does not
/// > hold).
///
/// > It names the best channel.
#[test]
fn the_margin_is_an_exact_fraction() {
    // 4 of 5 against 1 of 2 differ by exactly 3/10.
    let calls = |channel: &str, answered: usize, attempts: usize| {
        let status = |n| if n < answered { "replied" } else { "sent" };
        let parts = (0..attempts).map(|n| format!("out {channel} {} {}d", status(n), n + 1));
        parts.collect::<Vec<_>>().join(", ")
    };
    let text = |a: (usize, usize), b: (usize, usize)| {
        format!("{}, {}, out manual replied 9d", calls("email", a.0, a.1), calls("call", b.0, b.1))
    };
    check(&[
        ("4/5 − 1/2 is not more than 3/10", &text((4, 5), (1, 2)), "9d", ""),
        ("5/6 − 1/2 is", &text((5, 6), (1, 2)), "9d", "PreferredChannel@email"),
        ("2/3 − 1/3 is", &text((1, 3), (2, 3)), "9d", "PreferredChannel@call"),
        ("none answered, none preferred", &text((0, 3), (0, 3)), "9d", ""),
    ]);
}

#[test]
fn do_not_contact_silences_all_but_what_the_lead_asks() {
    let lead = Lead { do_not_contact: true, ..lead(ZERO) };
    let talk = "out whatsapp replied 1d, out whatsapp replied 2d, out email 1d, out email 2d";
    assert_eq!(holding(&lead, talk, "40d"), "");
    assert_eq!(holding(&lead, talk, "6d"), "");
    assert_eq!(holding(&lead, "", "40d"), "");
    assert_eq!(holding(&lead, "in email intent 1d", "2d"), "HotLead24h@1d AwaitingReply24h@1d");
}

/// > A lead is active when it exists (created_at ≤ now), is not deleted and its status is in `active_statuses`
/// > (default in the daemon: all but those the CRM itself lists as no longer actual; in a backtest `New`, `Assigned`,
/// > `In Process`).
///
/// > Only facts with timestamp ≤ now exist for it (a planned one: created_at ≤ now).
///
/// > In the daemon a lead whose status is no longer active was so until its conversion, when that is what ended it,
/// > or else until its last change.
#[test]
fn only_active_leads_are_judged() {
    let base = lead(ZERO);
    let at_40d = |lead: &Lead| holding(lead, "", "40d");
    assert_eq!(at_40d(&base), "NoContact7d@0s StaleLead30d@0s");
    assert_eq!(at_40d(&Lead { deleted: true, ..base.clone() }), "");
    assert_eq!(at_40d(&Lead { status: "Converted".to_owned(), ..base.clone() }), "");
    assert_eq!(at_40d(&Lead { status: "An admin's own".to_owned(), ..base.clone() }), "NoContact7d@0s StaleLead30d@0s");
    assert_eq!(holding(&base, "out email -20d", "-1s"), "", "it does not exist yet");
    assert_eq!(holding(&base, "out email -20d", "0s"), "NoFollowup7d@-20d NoReply3d@-20d");
    let converted = Lead { status: "Converted".to_owned(), closed_at: Some(at("40d")), ..base };
    assert_eq!(
        holding(&converted, "", "40d-1s"),
        "NoContact7d@0s StaleLead30d@0s",
        "active before, whatever its status now"
    );
    assert_eq!(at_40d(&converted), "", "inactive from then on");
    let reopened = Lead { status: "New".to_owned(), ..converted };
    assert_eq!(at_40d(&reopened), "NoContact7d@0s StaleLead30d@0s", "its status is an active one now");
}

/// > The preferred channel shown elsewhere (drafts, strategy, suggested action) is the valid channel with the best
/// > rate, and "unknown" when none is valid, the best rate is 0, or it is shared.
#[test]
fn the_channel_to_prefer_is_unknown_rather_than_guessed() {
    let preferred = |text: &str, now: &str| {
        rules::preferred(&facts(text), &Settings::default(), at(now)).map(|rate| (rate.channel, rate.percent()))
    };
    assert_eq!(preferred("", "5d"), None, "nothing tried");
    assert_eq!(preferred("out email 1d, out email 2d", "5d"), None, "a rate of 0 is no preference");
    assert_eq!(
        preferred("out email replied 1d, out email 2d", "5d"),
        Some((Channel::Email, 50)),
        "one valid channel is enough"
    );
    assert_eq!(preferred("out email replied 1d", "5d"), None, "one attempt is not");
    let shared = "out email replied 1d, out email 2d, out call replied 1d, out call 2d";
    assert_eq!(preferred(shared, "5d"), None, "shared");
    let close = "out email replied 1d, out email replied 2d, out email 3d, out call replied 1d, out call 2d";
    assert_eq!(preferred(close, "6d"), Some((Channel::Email, 67)), "no margin is asked for here");
}

/// Which messages, which dates, which counts: what a "why?" is answered with.
#[test]
fn evidence_names_the_facts() {
    let lead = lead(ZERO);
    let evidence = |text: &str, now: &str, alert_type: AlertType| {
        let activities = facts(text);
        let facts = Facts { lead: &lead, activities: &activities, alerts: &[] };
        let evaluation = rules::evaluate(&facts, &Settings::default(), at(now));
        evaluation.finding(alert_type).unwrap().grounds.evidence(&activities)
    };
    let cited = |n: usize, text: &str| {
        let activity = parse(n, text);
        alert::Cited {
            activity_id: activity.id,
            channel: activity.channel,
            direction: activity.direction,
            at: activity.timestamp,
            preview: format!("text of {n:02}"),
        }
    };
    let three = "in email 1d, in whatsapp intent 1d+2h, in email 1d+3h";
    let inbound = cited(1, "in whatsapp intent 1d+2h");
    assert_eq!(evidence(three, "2d", AlertType::HotLead24h), Evidence::HotLead { inbound, waiting: 3 });
    let (first, last) = (cited(0, "in email 1d"), cited(2, "in email 1d+3h"));
    let waiting = 3;
    assert_eq!(evidence(three, "2d", AlertType::AwaitingReply24h), Evidence::AwaitingReply { first, last, waiting });

    let never = Evidence::NoContact { created_at: ZERO, last_inbound: None };
    assert_eq!(evidence("", "7d", AlertType::NoContact7d), never);
    let wrote = Evidence::NoContact { created_at: ZERO, last_inbound: Some(cited(1, "in email merci 2d")) };
    assert_eq!(evidence("in email 1d, in email merci 2d", "7d", AlertType::NoContact7d), wrote);

    let silent = Evidence::Stale { last: None, since: ZERO };
    assert_eq!(evidence("", "30d", AlertType::StaleLead30d), silent);
    let talk = "out email 1d, in whatsapp merci 2d";
    let last = cited(1, "in whatsapp merci 2d");
    let stale = Evidence::Stale { last: Some(last.clone()), since: at("2d") };
    assert_eq!(evidence(talk, "32d", AlertType::StaleLead30d), stale);
    assert_eq!(evidence(talk, "9d", AlertType::NoFollowup7d), Evidence::NoFollowup { last });

    let last_out = cited(1, "out call no_answer 2d");
    let tried = "out email 1d, out call no_answer 2d";
    assert_eq!(evidence(tried, "5d", AlertType::NoReply3d), Evidence::NoReply { last_out });

    let rate = |channel, answered, attempts| alert::ChannelRate { channel, answered, attempts };
    let talk = "out whatsapp replied 1d, out whatsapp replied 2d, out email replied 1d, out email 2d, out email 3d";
    let expected =
        Evidence::PreferredChannel { best: rate(Channel::Whatsapp, 2, 2), second: rate(Channel::Email, 1, 3) };
    assert_eq!(evidence(talk, "6d", AlertType::PreferredChannel), expected);
}

#[test]
fn a_rule_that_is_switched_off_finds_nothing() {
    let lead = lead(ZERO);
    let facts = Facts { lead: &lead, activities: &[], alerts: &[] };
    let settings = Settings { disabled: vec![AlertType::NoContact7d], ..Settings::default() };
    let found: Vec<AlertType> =
        rules::evaluate(&facts, &settings, at("30d")).findings().map(|finding| finding.alert_type).collect();
    assert_eq!(found, [AlertType::StaleLead30d]);
}

/// What holds under other settings than the defaults.
fn holding_with(rules: &str, text: &str, now: &str) -> String {
    let settings = rules::settings_from_toml(&format!("[rules]\n{rules}")).unwrap();
    holding_under(&settings, &lead(ZERO), text, now)
}

/// > | `HotLead24h` | urgent | an inbound with intent waits, and was young (see below) | the first such inbound | 2 h |
///
/// > | `AwaitingReply24h` | high | inbounds wait; the first is ≥ 24 h old, the last < 30 d | the first | 24 h |
///
/// > | `NoContact7d` | medium | no outbound at all; now − created_at ≥ 7 d | `created_at` | 48 h |
///
/// > | `StaleLead30d` | low | now − (last_any, or created_at when there is none) ≥ 30 d | that instant | 7 d |
///
/// > | `NoFollowup7d` | medium | last_any exists; now − last_any ≥ 7 d | `last_any` | 48 h |
///
/// > | `NoReply3d` | medium | last_out exists; no response at or after it; now − last_out ≥ 3 d | `last_out` | 24 h |
///
/// > | `PreferredChannel` | info | see below | the channel | – |
#[test]
fn each_row_of_the_table() {
    let talk = "out whatsapp replied 1d, out whatsapp replied 2d, out email 1d, out email 2d";
    // (type, severity, target time in hours, facts, since when it holds, with this anchor)
    let rows = [
        (AlertType::HotLead24h, "urgent", Some(2), "in email intent 1d", "1d", "1d"),
        (AlertType::AwaitingReply24h, "high", Some(24), "in email 1d", "2d", "1d"),
        (AlertType::NoContact7d, "medium", Some(48), "", "7d", "0s"),
        (AlertType::StaleLead30d, "low", Some(7 * 24), "out email 1d", "31d", "1d"),
        (AlertType::StaleLead30d, "low", Some(7 * 24), "", "30d", "0s"),
        (AlertType::NoFollowup7d, "medium", Some(48), "out email 1d", "8d", "1d"),
        (AlertType::NoReply3d, "medium", Some(24), "out email 1d", "4d", "1d"),
        (AlertType::PreferredChannel, "info", None, talk, "5d", "whatsapp"),
    ];
    for (alert_type, severity, target, text, since, anchor) in rows {
        let finding = format!("{}@{anchor}", alert_type.as_str());
        let holds = |now: String| holding(&lead(ZERO), text, &now).split(' ').any(|found| found == finding);
        assert!(!holds(format!("{since}-1s")), "{finding}: a second too early");
        assert!(holds(since.to_owned()), "{finding}");
        assert!(holds(format!("{since}+1s")), "{finding}: a second later");
        assert_eq!(alert_type.severity().as_str(), severity);
        assert_eq!(Settings::default().target(alert_type), target.map(|hours| hours * HOUR), "{finding}");
    }
    let rules: Vec<AlertType> = rows.map(|row| row.0).to_vec();
    assert!(AlertType::ALL.iter().all(|alert_type| rules.contains(alert_type)));
}

/// > Thresholds are configuration; the defaults give the rules their names.
#[test]
fn every_threshold_can_be_set() {
    let answered = "out whatsapp 1d, in whatsapp merci 1d+1h, out whatsapp 2d, in whatsapp merci 2d+1h";
    let channels = format!("{answered}, out email 1d, out email 2d");
    let in_bubbles = format!("{answered}, out email 1d, out email 1d+1h");
    let half = format!("{answered}, out email replied 1d, out email 2d");
    let preferred = |rules: &str| format!("[rules.preferred_channel]\n{rules}");
    // (settings, facts, at, what holds under them, what holds under the defaults)
    let rows = [
        ("hot = \"25h\"".to_owned(), "in email intent late 1d", "1d", "HotLead24h@1d", ""),
        ("awaiting_reply = \"6h\"".to_owned(), "in email 1d", "1d+6h", "AwaitingReply24h@1d", ""),
        ("awaiting_reply = \"6h\"".to_owned(), "in email 1d", "1d+6h-1s", "", ""),
        ("awaiting_reply_max = \"2d\"".to_owned(), "in email 1d", "3d", "", "AwaitingReply24h@1d"),
        (
            "awaiting_reply_max = \"2d\"".to_owned(),
            "in email 1d",
            "3d-1s",
            "AwaitingReply24h@1d",
            "AwaitingReply24h@1d",
        ),
        ("no_contact = \"1d\"".to_owned(), "", "1d", "NoContact7d@0s", ""),
        ("no_contact = \"1d\"".to_owned(), "", "1d-1s", "", ""),
        ("stale = \"5d\"".to_owned(), "out email replied 1d", "6d", "StaleLead30d@1d", ""),
        ("stale = \"5d\"".to_owned(), "out email replied 1d", "6d-1s", "", ""),
        ("no_followup = \"2d\"".to_owned(), "out email replied 1d", "3d", "NoFollowup7d@1d", ""),
        ("no_followup = \"2d\"".to_owned(), "out email replied 1d", "3d-1s", "", ""),
        ("no_reply = \"1h\"".to_owned(), "out email 1d", "1d+1h", "NoReply3d@1d", ""),
        ("no_reply = \"1h\"".to_owned(), "out email 1d", "1d+1h-1s", "", ""),
        ("next_step_grace = \"1h\"".to_owned(), "out email 1d, plan call 5d by 2d", "5d+1h", "NoReply3d@1d", ""),
        ("next_step_grace = \"1h\"".to_owned(), "out email 1d, plan call 5d by 2d", "5d+1h-1s", "", ""),
        (preferred("attempt_gap = \"1h\""), in_bubbles.as_str(), "5d", "PreferredChannel@whatsapp", ""),
        (preferred("attempt_gap = \"3601s\""), in_bubbles.as_str(), "5d", "", ""),
        (preferred("window = \"4d\""), channels.as_str(), "5d", "", "PreferredChannel@whatsapp"),
        (preferred("answer_within = \"1h\""), channels.as_str(), "5d", "", "PreferredChannel@whatsapp"),
        (
            preferred("answer_within = \"3601s\""),
            channels.as_str(),
            "5d",
            "PreferredChannel@whatsapp",
            "PreferredChannel@whatsapp",
        ),
        (preferred("counts_after = \"1d\""), channels.as_str(), "3d", "PreferredChannel@whatsapp", ""),
        (preferred("counts_after = \"1d\""), channels.as_str(), "3d-1s", "", ""),
        (preferred("margin_percent = 50"), half.as_str(), "5d", "", "PreferredChannel@whatsapp"),
        (
            preferred("margin_percent = 49"),
            half.as_str(),
            "5d",
            "PreferredChannel@whatsapp",
            "PreferredChannel@whatsapp",
        ),
        (preferred("min_attempts = 3"), channels.as_str(), "5d", "", "PreferredChannel@whatsapp"),
    ];
    for (rules, text, now, ours, by_default) in rows {
        assert_eq!(holding_with(&rules, text, now), ours, "{rules}: [{text}] at {now}");
        assert_eq!(holding(&lead(ZERO), text, now), by_default, "by default: [{text}] at {now}");
    }
}

/// > A `planned` activity, on any channel and in either direction, exists only as a next step.
///
/// > It is pending from the instant it was planned (its created_at) until 24 h after the instant it is planned for
/// > (exclusive; `next_step_grace`: reps log a call after it).
///
/// > It is never an inbound, an outbound or a contact, before or after that instant, and has no reading.
///
/// > Only facts with timestamp ≤ now exist for it (a planned one: created_at ≤ now).
#[test]
fn what_is_planned_is_a_next_step_and_nothing_else() {
    let plans = ["whatsapp", "email", "call", "manual"]
        .iter()
        .flat_map(|channel| ["in", "out"].map(|way| format!("plan {way} {channel}")));
    for plan in plans {
        let silent = |more: &str, now: &str| holding(&lead(ZERO), &format!("{more}, {plan} 3d by 2d"), now);
        // It is pending from when it was planned until 24 h after its time.
        assert_eq!(silent("out email -2d", "2d-1s"), "NoReply3d@-2d", "{plan}: not planned yet");
        assert_eq!(silent("out email -2d", "2d"), "", "{plan}: planned");
        assert_eq!(silent("out email -2d", "4d-1s"), "", "{plan}: it may still be logged");
        assert_eq!(silent("out email -2d", "4d"), "NoReply3d@-2d", "{plan}: over");
        // It is no outbound, no response, no activity and no answer, before and after its time.
        assert_eq!(silent("", "10d"), "NoContact7d@0s", "{plan}: no contact, no last_any");
        assert_eq!(silent("out email 1d", "9d"), "NoFollowup7d@1d NoReply3d@1d", "{plan}: no response");
        let waits = silent("in email 2d", "4d");
        assert_eq!(waits, "AwaitingReply24h@2d", "{plan}: no answer, and it does not wait itself");
        // Nor has it a reading.
        let wishes = holding(&lead(ZERO), &format!("{plan} intent 3d by 2d"), "3d");
        assert_eq!(wishes, "", "{plan}: nobody wants anything");
        let machine = holding(&lead(ZERO), &format!("out email -2d, {plan} ooo 3d by 2d"), "3d");
        assert_eq!(machine, "", "{plan}: no machine wrote it");
    }
}

/// > The four silence rules (NoContact7d, StaleLead30d, NoFollowup7d, NoReply3d) do not hold while the lead has a
/// > next step pending, nor for a lead marked do-not-contact; nor does PreferredChannel for the latter.
#[test]
fn the_four_silence_rules_do_not_hold_with_a_step_pending_or_when_contact_is_not_wanted() {
    let talk = "out whatsapp replied 1d, out whatsapp replied 2d, out email 1d, out email 2d+1s";
    let preferred = "PreferredChannel@whatsapp";
    let unwanted = Lead { do_not_contact: true, ..lead(ZERO) };
    // (facts, at, what holds, what holds with a step pending, what holds for a lead not to be contacted)
    let rows = [
        ("", "40d", "NoContact7d@0s StaleLead30d@0s", "", ""),
        ("out email 1d", "31d", "StaleLead30d@1d NoFollowup7d@1d NoReply3d@1d", "", ""),
        (talk, "9d+1s", "NoFollowup7d@172801s NoReply3d@172801s PreferredChannel@whatsapp", preferred, ""),
        ("in email intent 1d", "2d", "HotLead24h@1d AwaitingReply24h@1d", "", "HotLead24h@1d AwaitingReply24h@1d"),
    ];
    for (text, now, expected, with_step, when_unwanted) in rows {
        assert_eq!(holding(&lead(ZERO), text, now), expected, "[{text}] at {now}");
        let step = format!("{text}, plan call {now} by {now}");
        assert_eq!(holding(&lead(ZERO), step.trim_start_matches(", "), now), with_step, "[{step}] at {now}");
        assert_eq!(holding(&unwanted, text, now), when_unwanted, "[{text}] at {now}, not to be contacted");
    }
}

/// > An inbound carries its reading: `intent` (wants to buy), `expects_reply` (a "merci !" does not), `auto_reply`
/// > (out of office).
///
/// > Intent implies expects_reply, and so does a missed call (an inbound call with `no_answer`); an empty preview (a
/// > photo, a voice note) reads as "expects a reply, no intent".
///
/// > An inbound read as an auto-reply does not exist for any rule.
///
/// > On an outbound the readings are ignored.
#[test]
fn what_a_text_is_read_to_mean_counts_on_an_inbound_only() {
    let hot = "HotLead24h@1d";
    check(&[
        ("intent", "in email intent 1d", "1d", hot),
        ("intent implies expects_reply", "in email intent merci 1d", "1d", hot),
        ("so does a missed call", "in call no_answer merci 1d", "2d", "AwaitingReply24h@1d"),
        ("only a call is missed", "in email no_answer merci 1d", "2d", ""),
        ("an empty one expects a reply", "in whatsapp 1d", "2d", "AwaitingReply24h@1d"),
        ("a merci does not", "in whatsapp merci 1d", "2d", ""),
        ("an auto-reply does not exist: it waits for nothing", "in call no_answer ooo 1d", "2d", ""),
        ("it is no contact", "in call ooo 1d", "7d", "NoContact7d@0s"),
        ("it is no response", "out email 1d, in email ooo 2d", "4d", "NoReply3d@1d"),
        ("it is no activity", "out email replied 1d, in email ooo 2d", "8d", "NoFollowup7d@1d"),
        ("on an outbound nothing is read", "out email ooo 1d", "4d", "NoReply3d@1d"),
        ("it wants nothing", "out email intent 1d", "2d", ""),
        ("it answers whatever it says", "in email 1d, out email ooo 1d+1h", "2d", ""),
    ]);
    let empty = max::insight::reading::read("");
    assert_eq!(empty, Reading { intent: false, expects_reply: true, auto_reply: false });
}
