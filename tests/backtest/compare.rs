//! `max backtest` with two configurations: what differs, how much each says, and what each catches that the other
//! misses.

use super::{DAYS, Files, SOPHIE};

impl Files {
    fn configs(mut self, a: &str, b: &str) -> Self {
        for (name, text) in [("a.toml", a), ("b.toml", b)] {
            std::fs::write(self.path(name), text).unwrap();
            self.more.extend(["--config".to_owned(), self.path(name).display().to_string()]);
        }
        self
    }

    /// The comparison, with the folder's name taken out.
    #[track_caller]
    fn compare(&self, from: &str, to: &str) -> String {
        let printed = self.run(from, to).unwrap();
        printed.replace(&format!("{}/", self.dir.path().display()), "")
    }
}

fn lead(id: &str, more: &str) -> String {
    format!(r#"{{"id":"{id}","status":"New","created_at":"2026-03-01T09:00:00Z"{more}}}"#)
}

fn mail(lead: &str, direction: &str, at: &str) -> String {
    format!(
        r#"{{"id":"{lead} {at}","lead_id":"{lead}","channel":"email","direction":"{direction}","status":"sent","timestamp":"{at}","intent":false,"expects_reply":false,"auto_reply":false}}"#
    )
}

fn hot(lead: &str, at: &str) -> String {
    mail(lead, "in", at).replace("\"intent\":false", "\"intent\":true")
}

/// Four leads we wrote to, from Sunday 1 to Friday 20 March 2026:
/// `quick` answers after 4 days, `slow` after 6, `silent` never does; `fresh` was written to on the 16th.
fn four() -> Files {
    let owner = [r#","owner":"Luc""#, r#","owner":"Anne""#];
    let leads =
        [lead("quick", owner[0]), lead("slow", owner[1]), lead("silent", owner[0]), lead("fresh", "")].join("\n");
    let activities = [
        mail("quick", "out", "2026-03-02T09:00:00Z"),
        mail("quick", "in", "2026-03-06T09:00:00Z"),
        mail("slow", "out", "2026-03-02T09:00:00Z"),
        mail("slow", "in", "2026-03-08T09:00:00Z"),
        mail("silent", "out", "2026-03-02T09:00:00Z"),
        mail("fresh", "out", "2026-03-16T09:00:00Z"),
    ];
    Files::new(leads, activities.join("\n"))
}

const MARCH: (&str, &str) = ("2026-03-01T00:00:00Z", "2026-03-20T00:00:00Z");

/// A part of what was printed: from the line that starts so to the next empty line, each as its cells.
#[track_caller]
fn table(printed: &str, start: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| {
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let lines = printed.lines().skip_while(|line| !line.starts_with(start)).take_while(|line| !line.is_empty());
    let rows: Vec<Vec<String>> = lines.map(cells).collect();
    assert!(!rows.is_empty(), "{start} in {printed}");
    rows
}

#[track_caller]
fn row(printed: &str, start: &str, name: &str) -> Vec<String> {
    let rows = table(printed, start);
    rows.into_iter().find(|row| row[0] == name).unwrap_or_else(|| panic!("{name} under {start} in {printed}"))
}

#[test]
fn three_days_or_five() {
    let printed = four().configs("", "[rules]\nno_reply = \"5d\"").compare(MARCH.0, MARCH.1);
    // `fresh`, created on the 1st, is also NoContact7d from the 8th to the 16th, under either.
    assert_eq!(row(&printed, "Opened", "NoContact7d")[1..4], ["1", "1", "0"]);
    // After three days all four; after five days `slow` and `silent` only, two days later.
    assert_eq!(row(&printed, "Opened", "NoReply3d")[1..4], ["4", "2", "-2"]);
    assert_eq!(row(&printed, "Caught by both", "NoReply3d"), ["NoReply3d", "2", "0", "0", "-", "2", "2d"]);
    // `quick` answered on the fourth day; of `fresh` nobody knows yet.
    assert_eq!(row(&printed, "What A catches", "NoReply3d"), ["NoReply3d", "2", "1", "1", "0", "-", "0"]);
    assert!(printed.contains("\nNothing that B catches is missed by A.\n"), "{printed}");
    assert!(printed.contains("\nLeads with any alert: 4 under both, 0 under A only, 0 under B only\n"), "{printed}");
    insta::assert_snapshot!(printed);
}

#[test]
fn with_or_without_summary_it_is_the_same() {
    let run = |files: Files| files.configs("", "[rules]\nno_reply = \"5d\"").compare(MARCH.0, MARCH.1);
    assert_eq!(run(four()), run(four().summary()));
}

#[test]
fn the_same_settings_in_other_words_differ_nowhere() {
    let a = "[rules]\nno_reply = \"3d\"\ndisabled = [\"NoContact7d\", \"StaleLead30d\"]\n[rules.target]\nNoReply3d = \"1d\"";
    let b = "language = \"en\"\n[rules]\nno_reply = \"72h\"\ndisabled = [\"StaleLead30d\", \"NoContact7d\"]\n\
             active_statuses = [\"In Process\", \"New\", \"Assigned\"]\n[working_hours]\nfrom = \"09:00\"";
    let printed = four().configs(a, b).compare(MARCH.0, MARCH.1);
    assert!(printed.contains("\nNo setting differs that a backtest looks at.\n"), "{printed}");
    for row in table(&printed, "Opened").iter().skip(1).filter(|row| row.len() == 6) {
        assert_eq!((row[3].as_str(), &row[1], &row[4]), ("0", &row[2], &row[5]));
    }
    assert_eq!(row(&printed, "Caught by both", "NoReply3d"), ["NoReply3d", "4", "4", "0", "-", "0", "-"]);
    assert!(printed.contains("\nNothing that A catches is missed by B.\n"), "{printed}");
    assert!(printed.contains("\nNothing that B catches is missed by A.\n"), "{printed}");
}

#[test]
fn every_setting_that_differs_is_named() {
    let b = r#"
        [rules]
        hot = "1h"
        awaiting_reply = "2h"
        awaiting_reply_max = "3d"
        no_contact = "4d"
        no_reply = "5d"
        no_followup = "6d"
        stale = "8d"
        next_step_grace = "9h"
        inhibition = false
        disabled = ["PreferredChannel", "HotLead24h"]
        severities = ["high", "urgent", "medium", "low", "info"]
        active_statuses = ["New", "a\u001b\"b"]
        [rules.target]
        HotLead24h = "never"
        [rules.repeat_after]
        NoReply3d = "14d"
        [rules.preferred_channel]
        attempt_gap = "1h"
        window = "2d"
        answer_within = "3d"
        counts_after = "4d"
        margin_percent = 5
        min_attempts = 6
        [working_hours]
        time_zone = "UTC"
        days = ["sun", "mon"]
        from = "10:00"
        to = "11:30"
        [people.nadia]
        time_zone = "Indian/Reunion"
        days = ["tue", "mon"]
        from = "08:00"
        to = "12:00"
        away = ["2026-08-01..2026-08-15", "2026-04-01"]
    "#;
    let printed = Files::new(SOPHIE, "").configs("", b).compare(DAYS.0, DAYS.1);
    insta::assert_snapshot!(printed.split("\n\n").nth(1).unwrap());
}

#[test]
fn a_rule_that_is_switched_off_may_be_late_or_silent() {
    let printed = four().configs("", "[rules]\ndisabled = [\"NoReply3d\"]").compare(MARCH.0, MARCH.1);
    // `quick` and `slow` answered before the seventh day; for `silent` it comes on the 9th as NoFollowup7d.
    assert_eq!(row(&printed, "What A catches", "NoReply3d"), ["NoReply3d", "4", "2", "1", "1", "4d", "0"]);
    let examples: Vec<Vec<String>> = table(&printed, "Lead ").into_iter().skip(1).collect();
    assert_eq!(
        examples,
        [
            ["slow", "NoReply3d", "2026-03-02 09:00", "2026-03-05 09:00", "cleared after 3d", "nothing"],
            ["quick", "NoReply3d", "2026-03-02 09:00", "2026-03-05 09:00", "cleared after 1d", "nothing"],
            ["fresh", "NoReply3d", "2026-03-16 09:00", "2026-03-19 09:00", "still open", "nothing so far"],
            [
                "silent",
                "NoReply3d",
                "2026-03-02 09:00",
                "2026-03-05 09:00",
                "superseded after 4d",
                "NoFollowup7d 4d later"
            ],
        ]
    );
}

#[test]
fn what_comes_after_an_answer_is_not_the_same_alert_later() {
    // The lead's answer ends NoReply3d, and is hot: that is another matter, not the missed one told late.
    let activities = [mail("l", "out", "2026-03-02T09:00:00Z"), hot("l", "2026-03-06T09:00:00Z")].join("\n");
    let files = Files::new(lead("l", ""), activities).configs("", "[rules]\nno_reply = \"5d\"");
    let printed = files.compare(MARCH.0, MARCH.1);
    assert_eq!(row(&printed, "Opened", "HotLead24h")[1..4], ["1", "1", "0"]);
    assert_eq!(row(&printed, "What A catches", "NoReply3d"), ["NoReply3d", "1", "1", "0", "0", "-", "0"]);
}

#[test]
fn an_alert_that_comes_weeks_later_is_not_the_same_as_one_in_time() {
    let files = Files::new(lead("l", ""), "").configs("", "[rules]\ndisabled = [\"NoContact7d\"]");
    let printed = files.compare(DAYS.0, DAYS.1);
    // From the 8th on under A; under B from the 31st on, as StaleLead30d, which under A is outranked all along.
    assert_eq!(row(&printed, "What A catches", "NoContact7d"), ["NoContact7d", "1", "0", "0", "1", "23d", "0"]);
    assert_eq!(row(&printed, "What B catches", "StaleLead30d"), ["StaleLead30d", "1", "0", "0", "0", "-", "1"]);
}

#[test]
fn without_inhibition_the_rest_was_told_otherwise() {
    // Hot on the 2nd, awaiting a reply from the 3rd on, no contact from the 8th, no follow-up from the 9th.
    let activities = hot("l", "2026-03-02T09:00:00Z");
    let files = || Files::new(lead("l", ""), &activities);
    let printed = files().configs("", "[rules]\ninhibition = false").compare(MARCH.0, MARCH.1);
    assert_eq!(row(&printed, "Settings that differ", "rules.inhibition")[1], "true -> false");
    assert!(printed.contains("\nNothing that A catches is missed by B.\n"), "{printed}");
    for name in ["AwaitingReply24h", "NoContact7d", "NoFollowup7d"] {
        assert_eq!(row(&printed, "What B catches", name), [name, "1", "0", "0", "0", "-", "1"]);
        assert_eq!(row(&printed, "Lead ", "l").last().unwrap(), "HotLead24h");
    }

    // The other way round it reads the other way round.
    let mirrored = files().configs("[rules]\ninhibition = false", "").compare(MARCH.0, MARCH.1);
    assert_eq!(table(&mirrored, "What A catches")[1..2], table(&printed, "What B catches")[1..2]);
    for name in ["AwaitingReply24h", "NoContact7d", "NoFollowup7d"] {
        assert_eq!(row(&mirrored, "What A catches", name), row(&printed, "What B catches", name));
    }
    assert!(mirrored.contains("\nNothing that B catches is missed by A.\n"), "{mirrored}");
}

#[test]
fn what_b_opens_sooner_is_counted_as_earlier() {
    let printed = four().configs("[rules]\nno_reply = \"5d\"", "[rules]\nno_reply = \"1d\"").compare(MARCH.0, MARCH.1);
    assert_eq!(row(&printed, "Caught by both", "NoReply3d"), ["NoReply3d", "2", "0", "2", "4d", "0", "-"]);
    assert_eq!(row(&printed, "What B catches", "NoReply3d"), ["NoReply3d", "2", "1", "1", "0", "-", "0"]);
}

#[test]
fn a_reopening_is_no_other_episode() {
    let planned = r#"{"id":"p","lead_id":"silent","channel":"call","direction":"out","status":"planned","created_at":"2026-03-06T09:00:00Z","timestamp":"2026-03-06T12:00:00Z"}"#;
    let files = Files::new(lead("silent", ""), [&mail("silent", "out", "2026-03-02T09:00:00Z"), planned].join("\n"));
    let files = files.configs("", "[rules]\ndisabled = [\"NoReply3d\"]");
    let printed = files.compare(MARCH.0, MARCH.1);
    assert_eq!(row(&printed, "Opened", "NoReply3d")[1..4], ["2", "0", "-2"]);
    assert_eq!(row(&printed, "What A catches", "NoReply3d"), ["NoReply3d", "1", "0", "0", "1", "4d", "0"]);
}

#[test]
fn each_side_is_recorded_under_its_own_settings() {
    // Whether a lead is active, an inbound young and a next step pending is settled when the files are read.
    let planned = r#"{"id":"p","lead_id":"l","channel":"call","direction":"out","status":"planned","created_at":"2026-03-01T10:00:00Z","timestamp":"2026-03-10T09:00:00Z"}"#;
    let qualified = lead("q", "").replace("New", "Qualified");
    let files = Files::new(format!("{}\n{qualified}", lead("l", "")), planned);
    let b = "[rules]\nnext_step_grace = \"3d\"\nactive_statuses = [\"New\", \"Qualified\"]";
    let printed = files.configs("", b).compare(MARCH.0, MARCH.1);
    // `l` is free on the 11th under A, on the 13th under B; `q` is watched under B only, from the 8th on.
    assert_eq!(row(&printed, "Caught by both", "NoContact7d"), ["NoContact7d", "1", "0", "0", "-", "1", "2d"]);
    assert_eq!(row(&printed, "What B catches", "NoContact7d"), ["NoContact7d", "1", "0", "1", "0", "-", "0"]);
    assert!(printed.contains("\nLeads with any alert: 1 under both, 0 under A only, 1 under B only\n"), "{printed}");
}

#[test]
fn target_times_run_in_the_working_hours_of_each_side() {
    // Hot on Sunday the 1st at 12:00, answered an hour later.
    let activities = [hot("l", "2026-03-01T12:00:00Z"), mail("l", "out", "2026-03-01T15:00:00Z")].join("\n");
    let b = "[working_hours]\ntime_zone = \"UTC\"\ndays = [\"sun\"]\nfrom = \"00:00\"\nto = \"23:59\"";
    let printed = Files::new(lead("l", ""), activities).configs("", b).compare(MARCH.0, MARCH.1);
    assert_eq!(row(&printed, "Opened", "HotLead24h")[4..], ["100.0 %", "0.0 %"]);
}

#[test]
fn preferred_channel_is_compared_with_its_like() {
    let call = |day: u32, channel: &str, status: &str| {
        format!(
            r#"{{"id":"{channel}{day}","lead_id":"l","channel":"{channel}","direction":"out","status":"{status}","timestamp":"2026-03-0{day}T09:00:00Z"}}"#
        )
    };
    let activities = [
        call(2, "whatsapp", "sent"),
        call(3, "whatsapp", "sent"),
        call(2, "call", "replied"),
        call(3, "call", "replied"),
    ];
    let files = Files::new(lead("l", ""), activities.join("\n"));
    let printed = files.configs("", "[rules]\ndisabled = [\"PreferredChannel\"]").compare(MARCH.0, MARCH.1);
    // From the 6th on, when both messages count; NoReply3d and NoFollowup7d of that lead do not stand in for it.
    assert_eq!(row(&printed, "What A catches", "PreferredChannel"), ["PreferredChannel", "1", "0", "1", "0", "-", "0"]);
    assert_eq!(row(&printed, "Lead ", "l")[2..], ["call", "2026-03-06 09:00", "still open", "nothing so far"]);
}

#[test]
fn only_the_most_telling_are_shown() {
    // Twelve leads answer between the fourth and the fifth day, each an hour later than the one before; the last
    // one waits for us as well.
    let mut leads = Vec::new();
    let mut activities = vec![hot("l11", "2026-03-09T09:00:00Z"), mail("l11", "out", "2026-03-09T09:30:00Z")];
    for n in 0..12 {
        leads.push(lead(&format!("l{n}"), ""));
        activities.push(mail(&format!("l{n}"), "out", "2026-03-02T09:00:00Z"));
        activities.push(mail(&format!("l{n}"), "in", &format!("2026-03-06T{:02}:00:00Z", 9 + n)));
    }
    let b = "[rules]\nno_reply = \"5d\"\ndisabled = [\"HotLead24h\"]";
    let printed = Files::new(leads.join("\n"), activities.join("\n")).configs("", b).compare(MARCH.0, MARCH.1);
    let examples: Vec<String> =
        table(&printed, "Lead ").iter().skip(1).map(|row| row[..row.len().min(2)].join(" ")).collect();
    let mut expected = vec!["l11 HotLead24h".to_owned()];
    expected.extend((3..12).rev().map(|n| format!("l{n} NoReply3d")));
    expected.push("… and 3 more".to_owned());
    assert_eq!(examples, expected, "the more pressing first, then the longest");
}

#[test]
fn nothing_can_be_compared_with_nothing() {
    let printed = Files::new("", "").configs("", "[rules]\nhot = \"1h\"").compare(DAYS.0, DAYS.1);
    assert!(printed.contains("0 leads, 0 activities") && printed.contains("under both"), "{printed}");
}

#[test]
fn no_name_can_break_the_tables() {
    let evil = r"a\u001b[2J\nTotal\u0007\u202e";
    let leads = lead("x", &format!(r#","owner":"{evil}""#)).replace("\"x\"", &format!("\"{evil}\""));
    let printed = Files::new(leads, "").configs("", "[rules]\ndisabled = [\"NoContact7d\"]").compare(DAYS.0, DAYS.1);
    assert_eq!(printed.matches(r"a\u{1b}[2J\nTotal\u{7}\u{202e}").count(), 3, "{printed}");
    let lines: String = printed.split('\n').collect();
    assert!(lines.chars().all(|c| c.is_ascii_graphic() || c == ' '), "{printed}");
}

#[test]
fn a_comparison_needs_two_different_files() {
    let files = Files::new(SOPHIE, "").config("");
    let mut twice = files;
    twice.more.extend(["--config".to_owned(), twice.path("./max.toml").display().to_string()]);
    let error = twice.run(DAYS.0, DAYS.1).unwrap_err();
    assert_eq!(error, "--config: ./max.toml is given twice; a comparison needs two files");

    let mut three = Files::new(SOPHIE, "").configs("", "").config("");
    assert_eq!(
        three.run(DAYS.0, DAYS.1).unwrap_err(),
        "--config: max.toml is one too many; two configurations can be compared"
    );
    three.more.push("--summary".to_owned());
    assert!(three.run(DAYS.0, DAYS.1).is_err());

    let missing = Files::new(SOPHIE, "").configs("", "");
    std::fs::remove_file(missing.path("b.toml")).unwrap();
    let error = missing.run(DAYS.0, DAYS.1).unwrap_err();
    assert!(error.starts_with("b.toml: "), "{error}");
}

#[test]
fn a_mistake_stops_a_comparison_before_any_output() {
    // `run` looks that nothing was printed.
    let bad = |a: &str, b: &str| Files::new(SOPHIE, "").configs(a, b).run(DAYS.0, DAYS.1).unwrap_err();
    let error = bad("", "[rules]\nno_contact = \"soon\"");
    assert!(error.starts_with("b.toml: ") && error.contains("soon"), "{error}");
    let error = bad("[working_hours]\ntime_zone = \"Mars\"", "");
    assert!(error.starts_with("a.toml: ") && error.contains("Mars"), "{error}");
    let malformed = Files::new(SOPHIE, "\n{").configs("", "[rules]\nhot = \"1h\"");
    let error = malformed.run(DAYS.0, DAYS.1).unwrap_err();
    assert!(error.starts_with("activities.ndjson:2: "), "{error}");
    let error = malformed.run(DAYS.1, DAYS.0).unwrap_err();
    assert!(error.starts_with("--from "), "{error}");
}

#[test]
fn the_command_refuses_what_it_cannot_compare() {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let files = Files::new(SOPHIE, "").configs("", "[rules]\nno_contact = \"5d\"");
    let run = |leads: &str, configs: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_max"));
        command.args(["backtest", "--from", DAYS.0, "--to", DAYS.1, "--leads", leads]);
        command.arg("--activities").arg(files.path("activities.ndjson"));
        command.args(configs.iter().flat_map(|name| ["--config".into(), files.path(name)]));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Who does not read it closes it.
        let _ = child.stdin.take().unwrap().write_all(SOPHIE.as_bytes());
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let leads = files.path("leads.ndjson").display().to_string();
    let (code, printed, errors) = run(&leads, &["a.toml", "b.toml"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert!(printed.starts_with("Comparison from 2026-03-01T00:00:00Z to "), "{printed}");
    for configs in [&["a.toml", "a.toml"][..], &["a.toml", "b.toml", "b.toml"], &["a.toml", "c.toml"]] {
        let (code, printed, errors) = run(&leads, configs);
        assert_eq!((code, printed.as_str()), (Some(2), ""), "{configs:?}");
        assert!(errors.starts_with("error: "), "{errors}");
    }
    // A pipe is empty when it is read for the second time.
    if cfg!(target_os = "linux") {
        let (code, printed, errors) = run("/dev/stdin", &["a.toml", "b.toml"]);
        assert_eq!((code, printed.as_str()), (Some(2), ""));
        assert!(errors.contains("a pipe can be read only once"), "{errors}");
    }
}
