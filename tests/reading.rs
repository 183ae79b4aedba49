//! Holds the reading of messages to hand-written, labelled cases, and to what must be true of any text.

use max::domain::Reading;
use max::insight::reading::explain;


/// label, language, channel, text (`\n` for a line break); how to label is at the top of the file.
const CASES: &str = include_str!("reading-cases.tsv");

struct Case {
    label: &'static str,
    text: String,
}

fn cases() -> Vec<Case> {
    let lines = CASES.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let fields: Vec<&'static str> = line.splitn(4, '\t').collect();
            assert_eq!(fields.len(), 4, "label, language, channel, text: {line}");
            Case { label: fields[0], text: fields[3].replace("\\n", "\n") }
        })
        .collect()
}

fn meant(label: &str) -> Reading {
    let (intent, expects_reply, auto_reply) = match label {
        "buy" => (true, true, false),
        "reply" => (false, true, false),
        "none" | "stop" => (false, false, false),
        "auto" => (false, false, true),
        other => panic!("unknown label {other}"),
    };
    Reading { intent, expects_reply, auto_reply }
}

#[test]
fn reads_the_labelled_cases() {
    let (mut hits, mut false_alarms, mut missed) = (0_u32, 0_u32, 0_u32);
    let (mut reply_wrong, mut machine_wrong, mut stop_wrong) = (0_u32, 0_u32, 0_u32);
    let cases = cases();
    for case in &cases {
        let found = explain(&case.text);
        let meant = meant(case.label);
        match (meant.intent, found.reading.intent) {
            (true, true) => hits += 1,
            (false, true) => false_alarms += 1,
            (true, false) => missed += 1,
            (false, false) => {}
        }
        reply_wrong += u32::from(meant.expects_reply != found.reading.expects_reply);
        machine_wrong += u32::from(meant.auto_reply != found.reading.auto_reply);
        stop_wrong += u32::from(case.label == "stop" && found.reading != meant);
        if found.reading != meant {
            println!("{:5} read as {:?}: {:?} because of {:?}", case.label, found.reading, case.text, found.evidence);
        }
    }
    let precision = f64::from(hits) / f64::from(hits + false_alarms);
    let recall = f64::from(hits) / f64::from(hits + missed);
    let reply = 1.0 - f64::from(reply_wrong) / cases.len() as f64;
    println!("{} cases: intent precision {precision:.3} recall {recall:.3}, expects_reply {reply:.3}, auto wrong {machine_wrong}, stop wrong {stop_wrong}", cases.len());
    assert!(cases.len() >= 300, "only {} cases", cases.len());
    assert!(precision >= 0.95, "precision {precision:.3}");
    assert!(recall >= 0.92, "recall {recall:.3}");
    assert!(reply >= 0.92, "expects_reply {reply:.3}");
    assert_eq!(machine_wrong, 0, "auto-replies are exact");
    assert_eq!(stop_wrong, 0, "unsubscribes are exact");
}
