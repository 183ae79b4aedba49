//! `max backtest` on small recordings: the output byte for byte, and every way in which a file can be wrong.

mod compare;

use std::path::PathBuf;

use clap::Parser;
use max::cli::backtest::{Args, backtest};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

/// Two files and perhaps a configuration.
struct Files {
    dir: tempfile::TempDir,
    more: Vec<String>,
}

impl Files {
    fn new(leads: impl AsRef<[u8]>, activities: impl AsRef<[u8]>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("leads.ndjson"), leads).unwrap();
        std::fs::write(dir.path().join("activities.ndjson"), activities).unwrap();
        Self { dir, more: Vec::new() }
    }

    fn config(mut self, text: &str) -> Self {
        std::fs::write(self.path("max.toml"), text).unwrap();
        self.more.extend(["--config".to_owned(), self.path("max.toml").display().to_string()]);
        self
    }

    fn summary(mut self) -> Self {
        self.more.push("--summary".to_owned());
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The output, or the error with the folder's name taken out.
    fn run(&self, from: &str, to: &str) -> Result<String, String> {
        let (leads, activities) = (self.path("leads.ndjson"), self.path("activities.ndjson"));
        let mut line = vec!["max".to_owned(), format!("--from={from}"), format!("--to={to}")];
        line.extend(["--leads".to_owned(), leads.display().to_string()]);
        line.extend(["--activities".to_owned(), activities.display().to_string()]);
        line.extend(self.more.iter().cloned());
        let args = Cli::try_parse_from(line).map_err(|error| error.to_string())?.args;
        let mut out = Vec::new();
        let result = backtest(&args, &mut out);
        let folder = format!("{}/", self.dir.path().display());
        match result {
            Ok(()) => Ok(String::from_utf8(out).unwrap()),
            Err(error) => {
                assert_eq!(out, b"", "nothing is printed before everything has been read");
                Err(error.to_string().replace(&folder, ""))
            }
        }
    }
}

const SOPHIE: &str = r#"{"id":"l1","name":"Sophie","status":"New","created_at":"2026-02-20T09:00:00Z","owner":"rep"}"#;

fn out(id: &str, at: &str) -> String {
    format!(
        r#"{{"id":"{id}","lead_id":"l1","channel":"email","direction":"out","status":"sent","message_preview":"Bonjour","timestamp":"{at}"}}"#
    )
}

fn inbound(id: &str, at: &str, more: &str) -> String {
    format!(
        r#"{{"id":"{id}","lead_id":"l1","channel":"email","direction":"in","status":"sent","timestamp":"{at}","intent":false,"expects_reply":false,"auto_reply":false{more}}}"#
    )
}

/// > `max backtest --leads leads.ndjson --activities activities.ndjson --from T0 --to T1 [--config F]` replays
/// > history through the same rules with a simulated clock, and writes one JSON object per line on standard output,
/// > ordered by (`at`, `lead_id`, closed before opened, `type`), ids and types by bytes, keys in the order shown, no
/// > spaces:
///
/// > Instants are RFC 3339 with any offset in (a leap second is malformed), and UTC with `Z` out.
#[test]
fn the_example_of_the_specification() {
    let activities = [out("a1", "2026-03-01T09:00:00Z"), inbound("a2", "2026-03-05T10:12:00Z", "")].join("\n");
    let printed = Files::new(SOPHIE, activities).run("2026-03-01T00:00:00Z", "2026-03-06T00:00:00Z").unwrap();
    assert_eq!(
        printed,
        concat!(
            r#"{"at":"2026-03-01T00:00:00Z","event":"opened","lead_id":"l1","type":"NoContact7d","severity":"medium","anchor":"2026-02-20T09:00:00Z"}"#,
            "\n",
            r#"{"at":"2026-03-01T09:00:00Z","event":"closed","lead_id":"l1","type":"NoContact7d","severity":"medium","anchor":"2026-02-20T09:00:00Z","reason":"cleared"}"#,
            "\n",
            r#"{"at":"2026-03-04T09:00:00Z","event":"opened","lead_id":"l1","type":"NoReply3d","severity":"medium","anchor":"2026-03-01T09:00:00Z"}"#,
            "\n",
            r#"{"at":"2026-03-05T10:12:00Z","event":"closed","lead_id":"l1","type":"NoReply3d","severity":"medium","anchor":"2026-03-01T09:00:00Z","reason":"cleared"}"#,
            "\n",
        )
    );
}

const DAYS: (&str, &str) = ("2026-03-01T00:00:00Z", "2026-04-15T00:00:00Z");

/// The events in short: `2026-03-04T09:00:00Z opened NoReply3d`.
fn short(printed: &str) -> Vec<String> {
    let text = |event: &serde_json::Value, key: &str| event[key].as_str().unwrap_or("").to_owned();
    let lines = printed.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines
        .map(|event| {
            let parts = ["at", "event", "type", "reason"].map(|key| text(&event, key));
            parts.join(" ").trim_end().to_owned()
        })
        .collect()
}

#[track_caller]
fn events(leads: &str, activities: &str) -> Vec<String> {
    short(&Files::new(leads, activities).run(DAYS.0, DAYS.1).unwrap())
}

/// > Lines come in any order; blank ones are skipped but counted.
#[test]
fn nothing_in_nothing_out() {
    assert_eq!(Files::new("", "").run(DAYS.0, DAYS.1).unwrap(), "");
    assert_eq!(Files::new("\n  \n\r\n", "\n\n").run(DAYS.0, DAYS.1).unwrap(), "");
}

/// > `from` and `to` are included.
///
/// > Instants are RFC 3339 with any offset in (a leap second is malformed), and UTC with `Z` out.
#[test]
fn both_ends_are_included() {
    let run = |from, to| short(&Files::new(SOPHIE, "").run(from, to).unwrap());
    let opened = ["2026-02-27T09:00:00Z opened NoContact7d"];
    assert_eq!(run("2026-02-27T08:59:59Z", "2026-02-27T09:00:00Z"), opened);
    assert_eq!(run("2026-02-27T09:00:00Z", "2026-02-27T09:00:00Z"), opened);
    assert!(run("2026-02-27T00:00:00Z", "2026-02-27T08:59:59Z").is_empty());
    assert_eq!(run("2026-02-28T10:00:00+01:00", "2026-02-28T09:00:00.9Z"), ["2026-02-28T09:00:00Z opened NoContact7d"]);
}

/// > `from` later than `to` is a usage error, exit code 2.
#[test]
fn from_after_to_is_a_usage_error() {
    let error = Files::new(SOPHIE, "").run("2026-03-01T00:00:01Z", "2026-03-01T00:00:00Z").unwrap_err();
    assert_eq!(error, "--from (2026-03-01T00:00:01Z) is later than --to (2026-03-01T00:00:00Z)");
    let error = Files::new(SOPHIE, "").run("yesterday", "2026-03-01T00:00:00Z").unwrap_err();
    assert!(error.contains("yesterday"), "{error}");
}

/// > An anchor is an instant, or for PreferredChannel the channel's name; for HotLead24h and AwaitingReply24h it is
/// > the inbound's timestamp.
///
/// > `max backtest --leads leads.ndjson --activities activities.ndjson --from T0 --to T1 [--config F]` replays
/// > history through the same rules with a simulated clock, and writes one JSON object per line on standard output,
/// > ordered by (`at`, `lead_id`, closed before opened, `type`), ids and types by bytes, keys in the order shown, no
/// > spaces:
#[test]
fn output_is_ordered_by_instant_lead_event_and_type() {
    let lead = |id: &str| format!(r#"{{"id":"{id}","status":"New","created_at":"2026-02-20T09:00:00Z"}}"#);
    // Upper case sorts before lower case, and `l10` before `l9`: bytes, not letters or numbers.
    let leads = ["l9", "l10", "L9", "é"].map(lead).join("\n");
    let printed = Files::new(leads, "").run("2026-03-01T00:00:00Z", "2026-03-22T09:00:00Z").unwrap();
    let order: Vec<String> = printed
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|event| {
            format!(
                "{} {} {}",
                event["lead_id"].as_str().unwrap(),
                event["event"].as_str().unwrap(),
                event["type"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(order, ["L9", "l10", "l9", "é"].map(|id| format!("{id} opened NoContact7d")));

    let talk = ["whatsapp", "call"].map(|channel| {
        let status = if channel == "call" { "replied" } else { "sent" };
        [1, 2].map(|day| format!(
            r#"{{"id":"{channel}{day}","lead_id":"l1","channel":"{channel}","direction":"out","status":"{status}","timestamp":"2026-03-0{day}T09:00:00Z"}}"#
        )).join("\n")
    }).join("\n");
    let files = Files::new(SOPHIE, talk).config("[rules]\nstale = \"5d\"\nno_followup = \"4d\"");
    let printed = files.run("2026-03-06T09:00:00Z", "2026-03-07T09:00:00Z").unwrap();
    assert_eq!(
        short(&printed),
        [
            "2026-03-06T09:00:00Z opened NoFollowup7d",
            "2026-03-06T09:00:00Z opened PreferredChannel",
            "2026-03-07T09:00:00Z closed NoFollowup7d superseded",
            "2026-03-07T09:00:00Z opened StaleLead30d",
        ],
    );
    let preferred = r#"{"at":"2026-03-06T09:00:00Z","event":"opened","lead_id":"l1","type":"PreferredChannel","severity":"info","anchor":"call"}"#;
    assert!(printed.contains(preferred), "{printed}");
    let printed = files.run("2026-03-07T09:00:00Z", "2026-03-07T09:00:00Z").unwrap();
    assert_eq!(
        short(&printed),
        ["2026-03-07T09:00:00Z opened PreferredChannel", "2026-03-07T09:00:00Z opened StaleLead30d"],
        "by the bytes of the name, not by the ladder"
    );
}

/// > Per channel, take all outbounds of the lead (not the calls we picked up) ordered by (timestamp, id in byte
/// > order).
///
/// > Lines come in any order; blank ones are skipped but counted.
#[test]
fn lines_come_in_any_order_and_ties_go_by_id() {
    // The same instant: outbound, inbound, outbound on one channel are two attempts, and which of the two
    // outbounds was answered there and then depends on their ids alone.
    let email = |id: &str, direction: &str, status: &str, at: &str| {
        format!(
            r#"{{"id":"{id}","lead_id":"l1","channel":"email","direction":"{direction}","status":"{status}","message_preview":"ok","timestamp":"{at}","expects_reply":false}}"#
        )
    };
    // One of two calls was answered: against them the mails stand out only when both of them were.
    let call = |id: &str, status: &str, at: &str| {
        format!(
            r#"{{"id":"{id}","lead_id":"l1","channel":"call","direction":"out","status":"{status}","timestamp":"{at}"}}"#
        )
    };
    let mut lines = [
        email("a", "out", "replied", "2026-03-02T09:00:00Z"),
        email("m", "in", "sent", "2026-03-02T09:00:00Z"),
        email("z", "out", "sent", "2026-03-02T09:00:00Z"),
        call("c1", "replied", "2026-03-01T09:00:00Z"),
        call("c2", "no_answer", "2026-03-02T09:00:00Z"),
    ];
    let expected = events(SOPHIE, &lines.join("\n"));
    assert!(expected.contains(&"2026-03-05T09:00:00Z opened PreferredChannel".to_owned()), "{expected:?}");
    lines.reverse();
    assert_eq!(events(SOPHIE, &lines.join("\n")), expected);
    lines.swap(0, 3);
    assert_eq!(events(SOPHIE, &lines.join("\n")), expected);
}

/// > A lead line: `id`, `name`, `status`, `created_at`, and optionally `deleted`, `do_not_contact` (missing: false),
/// > `owner`, `closed_at` (the lead was active before that instant, whatever its status now; from it on, inactive; a
/// > deleted lead was never active).
///
/// > Apart from `closed_at` a lead's status is constant.
#[test]
fn closed_at_ends_a_lead_whatever_its_status() {
    let lead = r#"{"id":"l1","name":null,"status":"Converted","created_at":"2026-02-20T09:00:00Z","closed_at":"2026-03-05T10:00:00+01:00"}"#;
    assert_eq!(
        events(lead, ""),
        ["2026-03-01T00:00:00Z opened NoContact7d", "2026-03-05T09:00:00Z closed NoContact7d lead_closed",]
    );
    assert!(
        events(&lead.replace("\"name\":null", "\"deleted\":true"), "").is_empty(),
        "a deleted lead was never active"
    );
    let without = lead.replace(r#","closed_at":"2026-03-05T10:00:00+01:00""#, "");
    assert!(events(&without, "").is_empty());
    assert!(!events(&without.replace("Converted", "In Process"), "").is_empty());
    assert!(events(&without.replace("Converted", "Qualified"), "").is_empty());
}

/// > A replay starts with nothing open: what holds at `from` opens at `from`, and an inbound already 24 h old at
/// > `from`, or at its lead's created_at, was never young.
#[test]
fn an_inbound_24_h_old_at_the_beginning_was_never_young() {
    let hot = |at: &str| inbound("a", at, "").replace("\"intent\":false", "\"intent\":true");
    assert_eq!(events(SOPHIE, &hot("2026-02-28T00:00:01Z"))[0], "2026-03-01T00:00:00Z opened HotLead24h");
    assert_eq!(events(SOPHIE, &hot("2026-02-28T00:00:00Z"))[0], "2026-03-01T00:00:00Z opened AwaitingReply24h");
    let later = SOPHIE.replace("2026-02-20T09", "2026-03-03T09");
    assert_eq!(events(&later, &hot("2026-03-02T09:00:01Z"))[0], "2026-03-03T09:00:00Z opened HotLead24h");
    assert_eq!(events(&later, &hot("2026-03-02T09:00:00Z"))[0], "2026-03-03T09:00:00Z opened AwaitingReply24h");
}

/// > A reopening is an `opened` line like any other.
#[test]
fn a_reopening_is_an_opened_line_like_any_other() {
    let planned = r#"{"id":"p","lead_id":"l1","channel":"call","direction":"out","status":"planned","created_at":"2026-03-05T09:00:00Z","timestamp":"2026-03-05T12:00:00Z"}"#;
    let activities = format!("{}\n{planned}", out("a", "2026-03-01T09:00:00Z"));
    assert_eq!(
        events(SOPHIE, &activities)[2..6],
        [
            "2026-03-04T09:00:00Z opened NoReply3d",
            "2026-03-05T09:00:00Z closed NoReply3d planned",
            "2026-03-06T12:00:00Z opened NoReply3d",
            "2026-03-08T09:00:00Z closed NoReply3d superseded",
        ]
    );
}

#[test]
fn a_misspelt_table_is_no_configuration_of_defaults() {
    for text in ["[rule]\nno_reply = \"5d\"", "no_reply = \"5d\""] {
        let error = Files::new("", "").config(text).run("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z").unwrap_err();
        let name = if text.starts_with('[') { "rule" } else { "no_reply" };
        assert!(error.starts_with("max.toml: ") && error.contains(name), "{error}");
    }
}

/// What the daemon would refuse to read is refused wherever it stands, but for what a backtest does not need.
#[test]
fn nothing_misspelt_passes_in_any_table() {
    let run = |text: &str| Files::new(SOPHIE, "").config(text).run(DAYS.0, DAYS.1);
    for (text, place) in [
        ("[people.rep]\ndayz = [\"mon\"]", "people.rep: unknown field `dayz`"),
        ("[people.rep]\ndays = [\"monday-ish\"]", "people.rep.days"),
        ("[espocrm]\nurl = [5]", "espocrm.url"),
        ("[telegram]\ntokn = \"x\"", "telegram.tokn"),
    ] {
        let error = run(text).unwrap_err();
        assert!(error.starts_with("max.toml: ") && error.contains(place), "{error}");
    }
    let elsewhere = "[voice]\ntemplates = \"no/such/folder\"\n[telegram]\ntoken = \"none\"\n[http]\npublic_url = \"x\"";
    assert!(run(elsewhere).is_ok(), "no daemon is started");
}

#[test]
fn the_configuration_counts() {
    let run = |config: &str| Files::new(SOPHIE, "").config(config).run(DAYS.0, DAYS.1);
    assert_eq!(
        short(&run("[rules]\nno_contact = \"30d\"\nstale = \"300d\"").unwrap()),
        ["2026-03-22T09:00:00Z opened NoContact7d"]
    );
    assert_eq!(run(""), Files::new(SOPHIE, "").run(DAYS.0, DAYS.1), "an empty file stands for the defaults");
    assert_eq!(run("[rules]\nactive_statuses = [\"Lost\"]").unwrap(), "");
    assert_eq!(short(&run("[telegram]\ntoken = \"x\"").unwrap()), ["2026-03-01T00:00:00Z opened NoContact7d"]);
    let error = run("[rules]\nno_contact = \"soon\"").unwrap_err();
    assert!(error.starts_with("max.toml: ") && error.contains("soon"), "{error}");
    let error = run("[working_hours]\ntime_zone = \"Mars\"").unwrap_err();
    assert!(error.starts_with("max.toml: ") && error.contains("Mars"), "{error}");
    let error = run("[rules.repeat_after]\nHotLead24h = \"1d\"").unwrap_err();
    assert!(error.starts_with("max.toml: ") && error.contains("HotLead24h"), "{error}");
}

/// A good line, and what it becomes: (what to replace, by what, the reason; empty when the line stays good).
#[track_caller]
fn check_lines(good: &str, is_lead: bool, rows: &[(&str, &str, &str)]) {
    for (part, replacement, reason) in rows {
        assert!(good.contains(part), "{part}");
        let line = good.replacen(part, replacement, 1);
        let (file, files) = if is_lead {
            ("leads.ndjson", Files::new(format!("\n{line}\n"), ""))
        } else {
            ("activities.ndjson", Files::new(SOPHIE, format!("\n{line}\n")))
        };
        match files.run(DAYS.0, DAYS.1) {
            Ok(_) => assert_eq!(*reason, "", "accepted: {line}"),
            Err(error) => {
                let prefix = format!("{file}:2: ");
                assert!(!reason.is_empty(), "refused: {line}: {error}");
                assert!(error.starts_with(&prefix) && error.contains(reason), "{line}: {error}");
            }
        }
    }
}

/// > A lead line: `id`, `name`, `status`, `created_at`, and optionally `deleted`, `do_not_contact` (missing: false),
/// > `owner`, `closed_at` (the lead was active before that instant, whatever its status now; from it on, inactive; a
/// > deleted lead was never active).
///
/// > Null in an optional field is the same as missing.
///
/// > Every field not said to be optional is required and not null, except `name` and `message_preview`, where missing
/// > or null means empty.
///
/// > Extra fields are ignored.
#[test]
fn a_lead_line_is_checked_field_by_field() {
    let good = r#"{"id":"l1","name":"Sophie","status":"New","created_at":"2026-02-20T09:00:00Z","deleted":false,"do_not_contact":false,"owner":"rep","closed_at":"2026-03-09T00:00:00Z","more":{"x":[1]}}"#;
    check_lines(
        good,
        true,
        &[
            ("", "", ""),
            (r#""id":"l1","#, "", "missing field `id`"),
            (r#""id":"l1""#, r#""id":null"#, "id: invalid type: null, expected a string at column 10"),
            (r#""id":"l1""#, r#""id":7"#, "id: invalid type: integer `7`, expected a string"),
            (r#""id":"l1""#, r#""id":"l\u0031""#, ""),
            (r#""name":"Sophie","#, "", ""),
            (r#""name":"Sophie""#, r#""name":null"#, ""),
            (r#""name":"Sophie""#, r#""name":["Sophie"]"#, "name: invalid type: sequence, expected a string"),
            (r#""name":"Sophie""#, r#""name":"\ud83d\ude00""#, ""),
            (r#""status":"New","#, "", "missing field `status`"),
            (r#""status":"New""#, r#""status":null"#, "null"),
            (r#""status":"New""#, r#""status":"An admin's own""#, ""),
            (r#""created_at":"2026-02-20T09:00:00Z","#, "", "missing field `created_at`"),
            ("2026-02-20T09:00:00Z", "2026-02-20", "created_at: `2026-02-20`"),
            ("2026-02-20T09:00:00Z", "2026-02-20T09:00:00", "created_at"),
            ("2026-02-20T09:00:00Z", "2026-02-29T09:00:00Z", "created_at"),
            ("2026-02-20T09:00:00Z", "2026-02-20T23:59:60Z", "created_at"),
            ("2026-02-20T09:00:00Z", "2026-02-20T09:00:00.123456+05:30", ""),
            (
                "2026-02-20T09:00:00Z",
                "0000-01-01T00:00:00+01:00",
                "created_at: `0000-01-01T00:00:00+01:00` is outside the years 0000 to 9999 in UTC",
            ),
            (r#""created_at":"2026-02-20T09:00:00Z""#, r#""created_at":1771578000"#, "expected a string"),
            (r#""deleted":false"#, r#""deleted":null"#, ""),
            (r#""deleted":false"#, r#""deleted":0"#, "expected a boolean"),
            (
                r#""deleted":false"#,
                r#""deleted":"false""#,
                "deleted: invalid type: string \"false\", expected a boolean",
            ),
            (r#""do_not_contact":false"#, r#""do_not_contact":null"#, ""),
            (r#""do_not_contact":false"#, r#""do_not_contact":"no""#, "expected a boolean"),
            (r#""owner":"rep""#, r#""owner":null"#, ""),
            (r#""owner":"rep""#, r#""owner":12"#, "owner: invalid type: integer `12`, expected a string"),
            (r#""owner":"rep""#, r#""owner":"rep","owner_id":{"more":[1]}"#, ""),
            (r#""closed_at":"2026-03-09T00:00:00Z""#, r#""closed_at":null"#, ""),
            (r#""closed_at":"2026-03-09T00:00:00Z""#, r#""closed_at":"""#, "closed_at"),
            (r#""more":{"x":[1]}"#, r#""more":{"x":[1}"#, "at column"),
            ("}}", "}", "EOF while parsing an object at column 182"),
            (r#""closed_at":"2026-03-09T00:00:00Z","more":{"x":[1]}}"#, "", "EOF while parsing a value at column 131"),
            (
                r#""rep""#,
                r#""a\"b","x\\":{"owner":[1,"}"]},"closed_at":3,"y":"rep""#,
                "closed_at: invalid type: integer `3`",
            ),
            ("}}", "}} x", "trailing characters"),
            (good, r#"["l1","Sophie","New","2026-02-20T09:00:00Z",false,false,"rep",null]"#, "not a JSON object"),
            (good, "null", "not a JSON object"),
            (good, "# leads", "not a JSON object"),
            ("{\"id", "\u{feff}{\"id", "begins with a byte order mark: save the file as UTF-8 without one"),
            ("}}", "}}\u{a0}", "trailing characters"),
        ],
    );
}

/// > An activity line: `id`, `lead_id`, `channel`, `direction`, `status`, `message_preview`, `timestamp`, optionally
/// > `intent`, `expects_reply`, `auto_reply` (missing on an inbound: detected from the preview), and `created_at`,
/// > which `planned` requires and nothing else reads.
///
/// > Null in an optional field is the same as missing.
///
/// > Every field not said to be optional is required and not null, except `name` and `message_preview`, where missing
/// > or null means empty.
///
/// > A second line with an id already seen in that file is malformed, and so are a line that is not UTF-8 and a wrong
/// > type, also where the value is then ignored (a reading on an outbound; but not `created_at` on what is not
/// > planned).
#[test]
fn an_activity_line_is_checked_field_by_field() {
    let good = r#"{"id":"a","lead_id":"l1","channel":"email","direction":"out","status":"sent","message_preview":"Bonjour","timestamp":"2026-03-01T09:00:00Z","intent":false,"expects_reply":false,"auto_reply":false,"created_at":"2026-03-01T08:00:00Z"}"#;
    check_lines(
        good,
        false,
        &[
            ("", "", ""),
            (r#""id":"a","#, "", "missing field `id`"),
            (r#""id":"a""#, r#""id":null"#, "null"),
            (r#""lead_id":"l1","#, "", "missing field `lead_id`"),
            (r#""lead_id":"l1""#, r#""lead_id":1"#, "lead_id: invalid type: integer `1`, expected a string"),
            (r#""email""#, r#""sms""#, "channel: unknown value \"sms\""),
            (r#""email""#, r#""Email""#, "channel: unknown value \"Email\""),
            (r#""email""#, r#"{"email":null}"#, "channel: invalid type: map, expected a string"),
            (r#""email""#, "null", "channel: invalid type: null"),
            (r#""out""#, r#""outbound""#, "direction: unknown value"),
            (r#""sent""#, r#""seen""#, "status: unknown value"),
            (r#""status":"sent","#, "", "missing field `status`"),
            (r#""message_preview":"Bonjour","#, "", ""),
            (r#""Bonjour""#, "null", ""),
            (r#""Bonjour""#, "17", "message_preview: invalid type: integer `17`, expected a string"),
            (r#""timestamp":"2026-03-01T09:00:00Z","#, "", "missing field `timestamp`"),
            ("2026-03-01T09:00:00Z", "2026-03-01T25:00:00Z", "timestamp"),
            ("2026-03-01T09:00:00Z", "2026-06-30T23:59:60Z", "timestamp"),
            ("2026-03-01T09:00:00Z", "9999-12-31T23:30:00-01:00", "is outside the years 0000 to 9999 in UTC"),
            (r#""intent":false"#, r#""intent":null"#, ""),
            (r#""intent":false"#, r#""intent":"yes""#, "expected a boolean"),
            (r#""expects_reply":false"#, r#""expects_reply":0"#, "expected a boolean"),
            (r#""auto_reply":false"#, r#""auto_reply":[]"#, "expected a boolean"),
            (r#""created_at":"2026-03-01T08:00:00Z""#, r#""created_at":17"#, ""),
            (r#""created_at":"2026-03-01T08:00:00Z""#, r#""created_at":{"a":[]}"#, ""),
            (r#""created_at":"2026-03-01T08:00:00Z""#, r#""created_at":"soon""#, ""),
            (r#""sent""#, r#""planned""#, ""),
            (r#""lead_id":"l1""#, r#""lead_id":"stranger""#, ""),
            (good, "[]", "not a JSON object"),
        ],
    );
    let planned = good.replace(r#""sent""#, r#""planned""#).replace(r#""l1""#, r#""stranger""#);
    check_lines(
        &planned,
        false,
        &[
            (r#","created_at":"2026-03-01T08:00:00Z""#, "", "missing field `created_at`"),
            (r#""created_at":"2026-03-01T08:00:00Z""#, r#""created_at":null"#, "null"),
            (r#""created_at":"2026-03-01T08:00:00Z""#, r#""created_at":17"#, "created_at: invalid type: integer `17`"),
            (r#""created_at":"2026-03-01T08:00:00Z""#, r#""created_at":"soon""#, "created_at: `soon`"),
            (r#""intent":false"#, r#""intent":"yes""#, "expected a boolean"),
        ],
    );
}

/// > A second line with an id already seen in that file is malformed, and so are a line that is not UTF-8 and a wrong
/// > type, also where the value is then ignored (a reading on an outbound; but not `created_at` on what is not
/// > planned).
#[test]
fn an_id_comes_once_per_file() {
    let twice = format!("{SOPHIE}\n\n{SOPHIE}");
    assert_eq!(Files::new(twice, "").run(DAYS.0, DAYS.1).unwrap_err(), "leads.ndjson:3: id: \"l1\" was there before");
    let a = out("a", "2026-03-01T09:00:00Z");
    let of_nobody = a.replace("\"l1\"", "\"stranger\"");
    let escaped = a.replace("\"id\":\"a\"", r#""id":"\u0061""#);
    for second in [&a, &of_nobody, &escaped] {
        let activities = format!("{of_nobody}\n{second}");
        let error = Files::new(SOPHIE, activities).run(DAYS.0, DAYS.1).unwrap_err();
        assert_eq!(error, "activities.ndjson:2: id: \"a\" was there before");
    }
    let l1 = a.replace("\"id\":\"a\"", "\"id\":\"l1\"");
    assert!(Files::new(SOPHIE, l1).run(DAYS.0, DAYS.1).is_ok(), "a lead and an activity may share an id");
}

/// > A second line with an id already seen in that file is malformed, and so are a line that is not UTF-8 and a wrong
/// > type, also where the value is then ignored (a reading on an outbound; but not `created_at` on what is not
/// > planned).
#[test]
fn the_first_malformed_line_is_named_whatever_is_wrong_with_it() {
    let (a, b) = (out("a", "2026-03-01T09:00:00Z"), out("b", "2026-03-01T09:00:00Z"));
    let error = |lines: &[&str]| Files::new(SOPHIE, lines.join("\n")).run(DAYS.0, DAYS.1).unwrap_err();
    let repeated = "activities.ndjson:6: id: \"b\" was there before";
    assert_eq!(error(&["", &a, "", &b, " ", &b, "no JSON"]), repeated);
    assert_eq!(error(&["", &a, "", &b, " ", &b, &a]), repeated);
    assert!(error(&[&a, &b, "", "no JSON", &b]).starts_with("activities.ndjson:4: not a JSON object"));
}

#[test]
fn a_line_means_the_same_however_it_is_spelled() {
    let plain = r#"{"id":"a","lead_id":"l1","channel":"whatsapp","direction":"in","status":"read","message_preview":"Un devis, svp 👍 ?","timestamp":"2026-03-01T09:00:00Z"}"#;
    let spelled = [
        plain.replace("👍", r"\ud83d\udc4d"),
        plain.replace("svp", r"\u0073v\u0070"),
        plain.replace(":\"", " :\t\"").replace(",\"", " , \""),
        plain.replace("\"channel\"", r#""ch\u0061nnel""#),
        plain.replace("}", r#","more":{"a":[1,2]},"intent":null,"created_at":5}"#),
        plain.replace("{", r#"{"more":"é\\","id2":false,"#),
    ];
    let meant = events(SOPHIE, plain);
    assert!(meant.iter().any(|event| event.contains("HotLead24h")), "{meant:?}");
    for line in spelled {
        assert_eq!(events(SOPHIE, &line), meant, "{line}");
    }
    let twice = plain.replace("}", r#","intent":null,"intent":true}"#);
    let error = Files::new(SOPHIE, twice).run(DAYS.0, DAYS.1).unwrap_err();
    assert!(error.starts_with("activities.ndjson:1: duplicate field `intent`"), "{error}");
}

#[test]
fn a_line_that_is_not_utf8_is_malformed_wherever_the_bytes_are() {
    let line = |bytes: &[u8]| [SOPHIE.replace("rep\"}", "rep\",\"x\":\"").as_bytes(), bytes, b"\"}\n"].concat();
    assert!(Files::new(line("é".as_bytes()), "").run(DAYS.0, DAYS.1).is_ok());
    let error = Files::new(line(b"\xe9"), "").run(DAYS.0, DAYS.1).unwrap_err();
    assert!(error.starts_with("leads.ndjson:1: not UTF-8"), "{error}");
    let error = Files::new(SOPHIE, b"\n \xff\n").run(DAYS.0, DAYS.1).unwrap_err();
    assert!(error.starts_with("activities.ndjson:2: not UTF-8"), "{error}");
}

/// > A malformed line stops the run with its file, line number (from 1) and reason on standard error, exit code 2,
/// > before any output.
#[test]
fn a_malformed_line_at_the_very_end_stops_everything() {
    let mut activities: Vec<String> = (0..200).map(|n| out(&format!("a{n}"), "2026-03-01T09:00:00Z")).collect();
    activities.push("{".to_owned());
    let error = Files::new(SOPHIE, activities.join("\r\n")).run(DAYS.0, DAYS.1).unwrap_err();
    assert!(error.starts_with("activities.ndjson:201: EOF"), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let files = Files::new(SOPHIE, "");
    std::fs::remove_file(files.path("activities.ndjson")).unwrap();
    let error = files.run(DAYS.0, DAYS.1).unwrap_err();
    assert!(error.starts_with("activities.ndjson: "), "{error}");
}

#[test]
fn readings_that_are_given_are_taken() {
    let hot = inbound("a", "2026-03-02T09:00:00Z", "").replace("\"intent\":false", "\"intent\":true");
    assert!(
        events(SOPHIE, &hot).contains(&"2026-03-02T09:00:00Z opened HotLead24h".to_owned()),
        "intent implies expects_reply"
    );
    let machine = hot.replace("\"auto_reply\":false", "\"auto_reply\":true");
    assert_eq!(events(SOPHIE, &machine), events(SOPHIE, ""), "an auto-reply does not exist");
    let missed = inbound("a", "2026-03-02T09:00:00Z", "").replace("email", "call").replace("\"sent\"", "\"no_answer\"");
    assert!(events(SOPHIE, &missed).contains(&"2026-03-03T09:00:00Z opened AwaitingReply24h".to_owned()));
}

/// > An inbound carries its reading: `intent` (wants to buy), `expects_reply` (a "merci !" does not), `auto_reply`
/// > (out of office).
///
/// > Intent implies expects_reply, and so does a missed call (an inbound call with `no_answer`); an empty preview (a
/// > photo, a voice note) reads as "expects a reply, no intent".
///
/// > An activity line: `id`, `lead_id`, `channel`, `direction`, `status`, `message_preview`, `timestamp`, optionally
/// > `intent`, `expects_reply`, `auto_reply` (missing on an inbound: detected from the preview), and `created_at`,
/// > which `planned` requires and nothing else reads.
#[test]
fn what_is_missing_on_an_inbound_is_detected_field_by_field() {
    let line = |preview: &str, more: &str| {
        format!(
            r#"{{"id":"a","lead_id":"l1","channel":"email","direction":"in","status":"sent","timestamp":"2026-03-02T09:00:00Z"{preview}{more}}}"#
        )
    };
    let opened = |preview: &str, more: &str| {
        let events = events(SOPHIE, &line(preview, more));
        ["HotLead24h", "AwaitingReply24h"].map(|rule| events.iter().any(|event| event.contains(rule)))
    };
    let wants = r#","message_preview":"Bonjour, je voudrais un devis.""#;
    let thanks = r#","message_preview":"Merci !""#;
    let machine = r#","message_preview":"Réponse automatique : je suis absent du bureau jusqu'au 9 mars.""#;
    assert_eq!(opened(wants, ""), [true, false], "superseded by no lower one");
    assert_eq!(opened(thanks, ""), [false, false]);
    assert_eq!(opened(machine, ""), [false, false]);
    for empty in ["", r#","message_preview":"""#, r#","message_preview":null"#] {
        assert_eq!(opened(empty, ""), [false, true], "an empty one expects a reply, without intent");
    }
    assert_eq!(opened(wants, r#","intent":false"#), [false, true], "what is given is taken");
    assert_eq!(opened(wants, r#","intent":null"#), [true, false], "null is missing");
    assert_eq!(opened(thanks, r#","expects_reply":true"#), [false, true]);
    assert_eq!(opened(thanks, r#","intent":true"#), [true, false]);
    assert_eq!(opened(wants, r#","auto_reply":true"#), [false, false]);
    assert_eq!(opened(machine, r#","auto_reply":false,"expects_reply":true"#), [false, true]);
}

/// > On an outbound the readings are ignored.
///
/// > A second line with an id already seen in that file is malformed, and so are a line that is not UTF-8 and a wrong
/// > type, also where the value is then ignored (a reading on an outbound; but not `created_at` on what is not
/// > planned).
#[test]
fn readings_on_an_outbound_are_checked_and_ignored() {
    let plain = out("a", "2026-03-01T09:00:00Z");
    let with = |reading: &str| plain.replacen('{', &format!("{{{reading},"), 1);
    for reading in [r#""auto_reply":true"#, r#""intent":true"#, r#""expects_reply":true"#] {
        assert_eq!(events(SOPHIE, &with(reading)), events(SOPHIE, &plain), "{reading}");
        let wrong = reading.replace("true", "1");
        assert!(Files::new(SOPHIE, with(&wrong)).run(DAYS.0, DAYS.1).is_err(), "{wrong}");
    }
}

/// > An activity has lead, channel (`whatsapp`, `email`, `call`, `manual`), direction (`in`, `out`), status (`sent`,
/// > `delivered`, `read`, `replied`, `no_answer`, `planned`), preview and timestamp.
///
/// > Names are case-sensitive.
#[test]
fn every_name_is_known_as_it_is_written_and_no_other() {
    let with = |channel: &str, direction: &str, status: &str| {
        let line =
            out("a", "2026-03-01T09:00:00Z").replace("email", channel).replace("\"out\"", &format!("{direction:?}"));
        let line = line.replace("sent", status).replacen('{', r#"{"created_at":"2026-03-01T09:00:00Z","#, 1);
        Files::new(SOPHIE, line).run(DAYS.0, DAYS.1).is_ok()
    };
    for channel in ["whatsapp", "email", "call", "manual"] {
        for direction in ["in", "out"] {
            for status in ["sent", "delivered", "read", "replied", "no_answer", "planned"] {
                assert!(with(channel, direction, status), "{channel} {direction} {status}");
            }
        }
    }
    for (channel, direction, status) in [
        ("WhatsApp", "out", "sent"),
        ("sms", "out", "sent"),
        ("email", "Out", "sent"),
        ("email", "inbound", "sent"),
        ("email", "out", "Sent"),
        ("email", "out", "noAnswer"),
        ("email", "out", ""),
    ] {
        assert!(!with(channel, direction, status), "{channel} {direction} {status}");
    }
}

/// > A lead is active when it exists (created_at ≤ now), is not deleted and its status is in `active_statuses`
/// > (default in the daemon: all but those the CRM itself lists as no longer actual; in a backtest `New`, `Assigned`,
/// > `In Process`).
#[test]
fn without_a_configuration_three_statuses_are_active() {
    for (status, active) in [
        ("New", true),
        ("Assigned", true),
        ("In Process", true),
        ("new", false),
        ("Converted", false),
        ("Qualified", false),
        ("", false),
    ] {
        let lead = SOPHIE.replace("New", status);
        assert_eq!(!events(&lead, "").is_empty(), active, "{status:?}");
    }
}

/// > Statuses are final ones: one counts from its activity's timestamp.
///
/// > Apart from `closed_at` a lead's status is constant.
///
/// > Nobody resolves by hand.
#[test]
fn a_status_counts_from_its_activitys_instant_and_a_lead_keeps_its_own() {
    let answered = out("a", "2026-03-01T09:00:00Z").replace("sent", "replied");
    let expected = [
        "2026-03-01T00:00:00Z opened NoContact7d",
        "2026-03-01T09:00:00Z closed NoContact7d cleared",
        "2026-03-08T09:00:00Z opened NoFollowup7d",
        "2026-03-31T09:00:00Z closed NoFollowup7d superseded",
        "2026-03-31T09:00:00Z opened StaleLead30d",
    ];
    assert_eq!(events(SOPHIE, &answered), expected, "answered there and then, however late that was");
    // Forty-five days long nothing but the rules closes anything.
    let open_for_good = events(SOPHIE, "");
    assert_eq!(open_for_good, ["2026-03-01T00:00:00Z opened NoContact7d"]);
}

/// > An activity of an unknown lead is checked like any other and ignored; `--summary` counts them.
#[test]
fn an_activity_of_an_unknown_lead_is_checked_counted_and_ignored() {
    let stranger = out("x", "2026-03-01T09:00:00Z").replace("l1", "nobody");
    assert_eq!(events(SOPHIE, &stranger), events(SOPHIE, ""));
    let printed = Files::new(SOPHIE, &stranger).summary().run(DAYS.0, DAYS.1).unwrap();
    assert!(printed.contains("1 leads, 1 activities, 1 of them of unknown leads (ignored)"), "{printed}");
    let error = Files::new(SOPHIE, stranger.replace("email", "fax")).run(DAYS.0, DAYS.1).unwrap_err();
    assert!(error.starts_with("activities.ndjson:1: channel"), "{error}");
}

/// > `--summary` prints instead a table for people: alerts per day, per type, per owner, the share closed within the
/// > type's target time, and the busiest day.
#[test]
fn the_summary_is_for_people() {
    let second = SOPHIE.replace("l1", "l2").replace(r#","owner":"rep""#, "");
    let activities = [
        out("a1", "2026-03-01T09:00:00Z"),
        inbound("a2", "2026-03-04T18:00:00Z", ""),
        out("a3", "2026-03-01T09:00:00Z").replace("l1", "x"),
    ];
    let files = Files::new(format!("{SOPHIE}\n{second}"), activities.join("\n")).summary();
    insta::assert_snapshot!(files.run(DAYS.0, "2026-03-10T00:00:00Z").unwrap());
}

#[test]
fn the_summary_of_nothing_is_a_table_all_the_same() {
    let printed = Files::new("", "").summary().run(DAYS.0, DAYS.1).unwrap();
    assert!(printed.contains("0 leads, 0 activities") && printed.contains("Busiest day: none"), "{printed}");
}

/// > `from` later than `to` is a usage error, exit code 2.
///
/// > A malformed line stops the run with its file, line number (from 1) and reason on standard error, exit code 2,
/// > before any output.
#[test]
fn what_is_open_when_its_time_is_up_is_late() {
    // Young and hot on a Monday at 9:00 in Paris: two working hours later it is 11:00.
    let hot = inbound("a", "2026-03-02T08:00:00Z", "").replace("\"intent\":false", "\"intent\":true");
    let answered = format!("{hot}\n{}", out("b", "2026-03-02T10:00:00Z"));
    let share = |activities: &str, to: &str| {
        let printed = Files::new(SOPHIE, activities).summary().run(DAYS.0, to).unwrap();
        let line = printed.lines().find(|line| line.starts_with("HotLead24h")).unwrap();
        line.rsplit("  ").next().unwrap().trim().to_owned()
    };
    assert_eq!(share(&hot, "2026-03-02T09:59:59Z"), "-");
    assert_eq!(share(&hot, "2026-03-02T10:00:00Z"), "0.0 %", "the end is included: it would have closed by then");
    assert_eq!(share(&answered, "2026-03-02T10:00:00Z"), "100.0 %");
    assert_eq!(share(&answered.replace("10:00:00", "10:00:01"), "2026-03-03T00:00:00Z"), "0.0 %");
}

/// The target time runs in the owner's own hours, whether a recording names the owner by the user id or beside the name.
#[test]
fn whoever_works_other_hours_is_in_time_by_these() {
    // Hot on a Monday at 9:00 in Paris, answered at 12:30: two working hours are over unless the day began at 11:00.
    let hot = inbound("a", "2026-03-02T08:00:00Z", "").replace("\"intent\":false", "\"intent\":true");
    let activities = format!("{hot}\n{}", out("b", "2026-03-02T11:30:00Z"));
    let share = |lead: &str, config: &str| {
        let files = Files::new(lead, &activities).config(config).summary();
        let printed = files.run(DAYS.0, "2026-03-03T00:00:00Z").unwrap();
        let line = printed.lines().find(|line| line.starts_with("HotLead24h")).unwrap();
        line.rsplit("  ").next().unwrap().trim().to_owned()
    };
    let late = |user: &str| format!("[people.\"{user}\"]\nfrom = \"11:00\"");
    assert_eq!(share(SOPHIE, ""), "0.0 %");
    assert_eq!(share(SOPHIE, &late("rep")), "100.0 %");
    assert_eq!(share(SOPHIE, &late("somebody else")), "0.0 %");
    let exported = SOPHIE.replace("\"owner\":\"rep\"", r#""owner":"rep","owner_id":"65a0""#);
    assert_eq!(share(&exported, &late("65a0")), "100.0 %");
    assert_eq!(share(&exported, &late("rep")), "0.0 %", "the id is known, and is another");
    assert_eq!(share(&SOPHIE.replace(r#","owner":"rep""#, ""), &late("rep")), "0.0 %");
}

#[test]
fn an_alert_that_was_superseded_in_time_is_told_apart() {
    // Friday morning: the 24 working hours of NoReply3d outlast the four days until NoFollowup7d.
    let printed = Files::new(SOPHIE, out("a", "2026-03-03T08:00:00Z")).summary().run(DAYS.0, DAYS.1).unwrap();
    assert!(printed.contains("\nNoReply3d                 1        1        0       1d   100.0 %\n"), "{printed}");
    assert!(printed.contains("\nAmong those in time, superseded by a more telling alert: 1 NoReply3d.\n"), "{printed}");
}

#[test]
fn owners_are_people_with_names() {
    let lead = |id: &str, owner: &str| {
        format!(r#"{{"id":"{id}","status":"New","created_at":"2026-02-20T09:00:00Z","owner":{owner}}}"#)
    };
    let long = format!("\"{}\"", "x".repeat(5_000));
    let owners = [r#""Anne O'Hara""#, r#""""#, "null", r#""a\u001b[31m\nb""#, r#""\u202egpj""#, &long];
    let leads: Vec<String> = (0..).zip(owners).map(|(n, owner)| lead(&format!("l{n}"), owner)).collect();
    let printed = Files::new(leads.join("\n"), "").summary().run(DAYS.0, DAYS.1).unwrap();
    let rows = printed.split("\nOwner").nth(1).unwrap().split("\n\n").next().unwrap();
    let names: Vec<&str> = rows.lines().skip(1).map(|row| row.split("   ").next().unwrap()).collect();
    let cut = format!("{}…", "x".repeat(39));
    assert_eq!(names, ["(no owner)", "Anne O'Hara", r"a\u{1b}[31m\nb", &cut, r"\u{202e}gpj"]);
    assert!(rows.contains("(no owner)                                      2"), "an empty name is none:\n{rows}");
}

#[test]
fn a_thousand_quiet_years_are_one_line() {
    let printed = Files::new(SOPHIE, "").config("[rules]\nstale = \"9999d\"").summary();
    let printed = printed.run("1026-02-27T09:00:00Z", "3026-02-27T09:00:00Z").unwrap();
    let days = printed.split("Day (UTC)").nth(1).unwrap().split("\n\n").next().unwrap();
    let rows: Vec<Vec<&str>> = days
        .lines()
        .skip(1)
        .map(|row| row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect();
    assert_eq!(rows[0], ["(365243 days)", "0"]);
    assert_eq!(rows[1], ["2026-02-27 Fri", "1"]);
    assert_eq!(rows[2], ["(365242 days)", "0"]);
    assert_eq!(rows.len(), 3, "{days}");
}

#[test]
fn the_command_ends_as_scripts_expect() {
    let run = |files: &Files, from: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_max"));
        command.args(["backtest", "--to", DAYS.1, "--from", from]);
        command.arg("--leads").arg(files.path("leads.ndjson"));
        command.arg("--activities").arg(files.path("activities.ndjson"));
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let good = Files::new(SOPHIE, "");
    let (code, printed, errors) = run(&good, DAYS.0);
    assert_eq!((code, printed.lines().count(), errors.as_str()), (Some(0), 1, ""));
    let (code, printed, errors) = run(&good, "2027-01-01T00:00:00Z");
    assert_eq!((code, printed.as_str()), (Some(2), ""));
    assert!(errors.contains("--from"), "{errors}");
    let (code, printed, errors) = run(&good, "tomorrow");
    assert_eq!((code, printed.as_str()), (Some(2), ""));
    assert!(errors.contains("tomorrow"), "{errors}");
    let (code, printed, errors) = run(&Files::new(format!("{SOPHIE}\n{SOPHIE}"), ""), DAYS.0);
    assert_eq!((code, printed.as_str()), (Some(2), ""));
    assert!(errors.contains("leads.ndjson:2: "), "{errors}");
}

/// Standard output and standard error may be closed: what was found decides the exit code all the same.
#[test]
fn nobody_needs_to_listen() {
    let files = Files::new(SOPHIE, "");
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer
    };
    for (leads, code) in [("leads.ndjson", 0), ("nope", 2)] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_max"));
        command.args(["backtest", "--from", DAYS.0, "--to", DAYS.1]);
        command.arg("--leads").arg(files.path(leads)).arg("--activities").arg(files.path("activities.ndjson"));
        let status = command.stdout(closed()).stderr(closed()).status().unwrap();
        assert_eq!(status.code(), Some(code), "{leads}");
    }
}

/// One lead with so many planned calls that looking at each of them at every instant takes minutes.
#[test]
fn a_lead_of_which_much_is_planned_is_replayed_as_quickly_as_any() {
    let at = |tick: i64| max::domain::Timestamp::parse_rfc3339(DAYS.0).unwrap().plus(tick * 60).to_string();
    let mut lines = Vec::new();
    for n in 0..40_000 {
        lines.push(out(&format!("a{n}"), &at(n)));
        let planned = out(&format!("p{n}"), &at(n + 120)).replace("\"sent\"", "\"planned\"");
        lines.push(planned.replace('}', &format!(r#","created_at":"{}"}}"#, at(n))));
    }
    let files = Files::new(SOPHIE, lines.join("\n"));
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_max"));
    command.args(["backtest", "--from", DAYS.0, "--to", DAYS.1]);
    command.arg("--leads").arg(files.path("leads.ndjson")).arg("--activities").arg(files.path("activities.ndjson"));
    // Takes a second or two.
    command.timeout(std::time::Duration::from_secs(60)).assert().success();
}
