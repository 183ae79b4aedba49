//! Every wording of everything: tu and vous, several ways to say it, and the tone that the product's brief asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use max::domain::alert::ChannelRate;
use max::domain::insight::BestTime;
use max::domain::{AlertType, Channel, Lead, Wording};
use max::insight::strategy::{Reason, Step, Strategy};
use max::telegram::render;
use max::voice::{AlertContext, Manner, Said, Voice, plain};

use crate::voice::{context, nameless, sample, sophie, typed, user, voice};

fn templates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/voice")
}

/// What a colleague is told with "tu": the forms of the verb that are nothing else.
const IMPERATIVES: [&str; 24] = [
    "réponds",
    "écris",
    "choisis",
    "fais",
    "prends",
    "reprends",
    "mets",
    "remets",
    "dis",
    "redis",
    "vas",
    "tiens",
    "sois",
    "aie",
    "finis",
    "préviens",
    "reviens",
    "attends",
    "lis",
    "relis",
    "ouvres",
    "sers",
    "pars",
    "envoies",
];
/// The forms that may be something else: they are looked for where a sentence, or a part of it, begins.
const PERHAPS: [&str; 44] = [
    "continue",
    "mise",
    "touche",
    "rouvre",
    "réessaie",
    "essaie",
    "demande",
    "ouvre",
    "vérifie",
    "marque",
    "regarde",
    "envoie",
    "renvoie",
    "appelle",
    "rappelle",
    "garde",
    "profite",
    "laisse",
    "note",
    "tape",
    "copie",
    "ajoute",
    "propose",
    "tente",
    "reste",
    "pense",
    "clique",
    "confirme",
    "montre",
    "corrige",
    "va",
    "relie",
    "passe",
    "retrouve",
    "indique",
    "oublie",
    "cherche",
    "modifie",
    "ajuste",
    "colle",
    "crée",
    "évite",
    "change",
    "contacte",
];
const AFTER_A_HYPHEN: [&str; 10] = ["le", "la", "les", "moi", "en", "y", "lui", "leur", "nous", "vous"];

/// A template's own words, without its tags.
fn words_of(template: &str) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some(start) = ["{{", "{%", "{#"].into_iter().filter_map(|open| rest.find(open)).min() {
        text.push_str(&rest[..start]);
        // What a tag stands for is a word, or a break between two.
        text.push_str(if rest[start..].starts_with("{{") { "Quelqu" } else { "\n" });
        rest = rest[start..].split_once('}').map_or("", |(_, rest)| rest.trim_start_matches('}'));
    }
    text + rest
}

/// The words by which a text says "tu".
fn tu_in(template: &str) -> Vec<String> {
    let text = words_of(template).replace('’', "'");
    let is_word = |c: char| c.is_alphanumeric() || c == '-';
    let mut found = Vec::new();
    let (mut before, mut earlier) = (String::new(), Vec::<String>::new());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if !is_word(c) {
            before.push(c);
            continue;
        }
        let mut word = c.to_string();
        while let Some(c) = chars.next_if(|c| is_word(*c)) {
            word.push(c);
        }
        let small = word.to_lowercase();
        let elided = chars.peek() == Some(&'\'');
        let (stem, clitic) = small.split_once('-').unwrap_or((&small, ""));
        if before.contains([',', '.', '?', '!', ':', '\n']) {
            earlier.clear();
        }
        let first_person = earlier.iter().any(|word| word == "je" || word == "j");
        let begins = before.trim_end_matches([' ', '«', '\u{A0}', '\u{202F}']);
        let starts = begins.is_empty()
            || begins.ends_with(['.', '?', '!', ':', '…', '\n', '—'])
            || begins.chars().last().is_some_and(|c| !c.is_ascii() && !c.is_alphanumeric());
        let is_capital = word.chars().next().is_some_and(char::is_uppercase);
        let says_tu = matches!(stem, "tu" | "te" | "ton" | "ta" | "tes" | "toi" | "tien" | "tienne" | "tiens")
            || (small == "t" && elided)
            || clitic == "toi"
            || clitic == "tu"
            || (IMPERATIVES.contains(&stem) && !first_person)
            || (PERHAPS.contains(&stem)
                && (AFTER_A_HYPHEN.contains(&clitic)
                    || (starts && is_capital)
                    || [", ", " : ", "\u{A0}: "].contains(&before.as_str())));
        if says_tu {
            found.push(word.clone());
        }
        earlier.push(small);
        before.clear();
    }
    found
}

#[test]
fn who_says_tu_is_found_out() {
    for text in [
        "Ce lead est à toi",
        "je t'écris",
        "Réponds !",
        "Attention, vérifie la fiche.",
        "Si c'est réglé, marque-le.",
        "Rappelle {{ who }} ?",
        "as-tu un moment",
        "✅ Regarde !",
        "sur ton profil",
        "Trop tard : change le statut",
        "{% if a %}Ouvre{% endif %} ça",
    ] {
        assert_ne!(tu_in(text), Vec::<String>::new(), "{text}");
    }
    for text in [
        "Je réponds, j'écris et je fais",
        "💬 ouvre WhatsApp",
        "il y a-t-il",
        "Répondez !",
        "{{ tu }}",
        "{% if toi %}",
        "une relance douce",
        "note que c'est envoyé",
        "Relance douce sur WhatsApp",
        "Et si vous appeliez ?",
        "restez",
    ] {
        assert_eq!(tu_in(text), Vec::<String>::new(), "{text}");
    }
}

fn read(folder: &Path, into: &mut BTreeMap<String, String>, root: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, into, root);
            continue;
        }
        let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        if name != "labels.toml" {
            into.insert(name, text);
            continue;
        }
        for (section, texts) in toml::from_str::<toml::Table>(&text).unwrap() {
            for (key, text) in texts.as_table().unwrap() {
                let texts = text.as_array().map_or_else(
                    || text.as_str().unwrap().to_owned(),
                    |list| list.iter().map(|text| text.as_str().unwrap()).collect::<Vec<_>>().join("\n"),
                );
                into.insert(format!("labels.toml {section}.{key}"), texts);
            }
        }
    }
}

/// A folder's wordings that are read by a colleague: those for leads say "vous" anyway.
fn for_colleagues(folder: &str) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    let root = templates().join(folder);
    read(&root, &mut texts, &root);
    texts.retain(|name, _| !["drafts/", "frames/", "labels.toml subject."].iter().any(|part| name.starts_with(part)));
    texts
}

#[test]
fn whoever_is_not_to_be_called_tu_is_not() {
    let (tu, vous) = (for_colleagues("fr"), for_colleagues("fr-vous"));
    let mut missing = Vec::new();
    for (name, text) in &tu {
        let said = tu_in(text);
        if !said.is_empty() && !vous.contains_key(name) {
            missing.push(format!("{name}: {said:?}"));
        }
    }
    assert!(missing.is_empty(), "fr says tu, and fr-vous has no such file or label:\n{}", missing.join("\n"));
    for (name, text) in &vous {
        assert_eq!(tu_in(text), Vec::<String>::new(), "fr-vous/{name}");
        assert!(tu.contains_key(name), "fr-vous/{name} replaces nothing");
        assert_ne!(text, &tu[name], "fr-vous/{name} says the same as fr: delete it");
    }
}

/// The first line of an alert's message in every wording, as typed on a keyboard.
fn first_lines(alert_type: AlertType, manner: Manner, named: bool) -> BTreeSet<String> {
    let (voice, luc, alert) = (voice(), user("Luc"), sample(alert_type));
    let lead = if named { sophie() } else { nameless() };
    let context = context(manner, &alert, &lead, &luc);
    let line = |wording| {
        let html = render::alert(&voice, &AlertContext { wording, ..context }).html;
        let line = typed(plain(&html).lines().next().unwrap()).replace('…', "...").replace(" %", "%");
        line.split_once(' ').unwrap().1.to_owned()
    };
    Wording::all().map(line).collect()
}

/// The brief: ❌ Rigide … ✅ Vivant … ❌ Froid … ✅ Commercial … ❌ Technique … ✅ Humain
#[test]
fn the_three_pairs_of_the_brief() {
    let silent = first_lines(AlertType::NoReply3d, Manner::Tu, true);
    assert!(silent.contains("Sophie n'a pas répondu depuis 3 jours. Peut-être essayer WhatsApp ?"), "{silent:#?}");
    let well = first_lines(AlertType::PreferredChannel, Manner::Tu, false);
    assert!(well.contains("Ce lead répond super bien sur WhatsApp (85%) ! Continue comme ça."), "{well:#?}");
    let stale = first_lines(AlertType::StaleLead30d, Manner::Tu, false);
    assert!(stale.contains("Ça fait 32 jours sans nouvelles... Dernier essai avant d'archiver ?"), "{stale:#?}");
}

fn everything_said(manner: Manner) -> Vec<Said> {
    static SAID: LazyLock<Vec<(Manner, Vec<Said>)>> =
        LazyLock::new(|| Manner::ALL.map(|manner| (manner, voice().said(manner).unwrap())).into());
    SAID.iter().filter(|(of, _)| *of == manner).flat_map(|(_, said)| said.clone()).collect()
}

#[test]
fn nothing_rigid_cold_or_technical_is_ever_said() {
    let rules = AlertType::ALL.map(AlertType::as_str);
    let rigid = ["triggered", "for lead 691b28", "Channel preference", "inactivity threshold", "exceeded", "Alert "];
    for manner in Manner::ALL {
        for said in everything_said(manner) {
            for word in rules.into_iter().chain(rigid) {
                assert!(!said.text.contains(word), "{word} in {said:?}");
            }
            assert!(!said.text.contains("{{") && !said.text.contains("{%") && !said.text.contains("---"), "{said:?}");
        }
    }
}

#[test]
fn there_are_several_ways_to_say_it() {
    for manner in Manner::ALL {
        for alert_type in AlertType::ALL {
            for named in [true, false] {
                let lines = first_lines(alert_type, manner, named);
                let headlines: BTreeSet<_> = {
                    let (voice, luc, alert) = (voice(), user("Luc"), sample(alert_type));
                    let lead = if named { sophie() } else { nameless() };
                    let context = context(manner, &alert, &lead, &luc);
                    Wording::all().map(|wording| voice.message(&AlertContext { wording, ..context })).collect()
                };
                assert!(headlines.len() >= 4, "{manner:?} {alert_type:?}: {headlines:#?}");
                assert!(lines.len() >= 8, "{manner:?} {alert_type:?}: {lines:#?}");
            }
        }
        let mut several: BTreeMap<String, usize> = BTreeMap::new();
        for said in everything_said(manner) {
            let most = several.entry(said.file).or_default();
            *most = said.number.max(*most);
        }
        for (file, count) in several {
            if file.starts_with("labels.toml spoken.") || file.starts_with("labels.toml closed.cleared_") {
                assert!(count >= 2, "{manner:?} {file}");
            }
        }
    }
}

#[test]
fn each_wording_says_who_and_how_long() {
    for manner in Manner::ALL {
        for alert_type in AlertType::ALL {
            for line in first_lines(alert_type, manner, true) {
                assert!(line.contains("Sophie"), "{line}");
                let units = line.encode_utf16().count();
                assert!(units <= 130, "{units} is too long for a glance: {line}");
            }
        }
    }
}

fn broken(name: &str, text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    Voice::new(Some(folder.path())).unwrap_err().to_string()
}

#[test]
fn a_second_wording_is_tried_as_well_and_named_by_its_line() {
    let long = format!("Bon.\n---\n{}", "x".repeat(5_000));
    let toast = format!("Bon.\n---\nBien.\n---\n{}", "x".repeat(201));
    let record = format!("Bon.\n---\n{}", "x".repeat(256));
    for (name, text, expected) in [
        (
            "fr/headlines/no_reply.txt.j2",
            "{{ who }}\n---\n\n{{ whoo }}",
            &["line 4", "no_reply.txt.j2", "undefined"][..],
        ),
        ("fr/headlines/no_reply.txt.j2", "{{ who }}\n---\n{% if %}", &["line 3", "no_reply.txt.j2"]),
        ("en/headlines/no_reply.txt.j2", "{{ who }}\n---\n", &["line 3", "says nothing"]),
        ("en/headlines/hot_lead.txt.j2", &long, &["line 3", "5000 characters", "4096"]),
        ("fr/alert.html.j2", "{{ headline }}\n---\n<h1>{{ headline }}</h1>", &["line 3", "<h1>"]),
        (
            "fr-vous/notices/help.html.j2",
            "Bon.\n---\n<b>Bon.",
            &["line 3", "fr-vous/notices/help.html.j2", "never closed"],
        ),
        ("fr/toasts/resolved.txt.j2", &toast, &["line 5", "201 characters", "200"]),
        ("fr/records/no_reply.txt.j2", &record, &["line 3", "256 characters", "255"]),
        ("fr/labels.toml", "[spoken]\narchive = []\n", &["line 2", "labels.toml"]),
        ("fr/labels.toml", "[spoken]\narchive = [\"a\", \"\"]\n", &["line 2", "`archive`", "empty"]),
        ("fr/labels.toml", "[button]\nsent = [\"a\", \"b\"]\n", &["line 2", "`sent`", "one text"]),
    ] {
        let error = broken(name, text);
        for part in expected {
            assert!(error.contains(part), "{part} in {error}");
        }
    }
}

#[test]
fn names_from_all_over_leave_every_wording_readable() {
    for manner in Manner::ALL {
        for said in everything_said(manner) {
            assert!(said.text.encode_utf16().count() <= 4_096, "{said:?}");
            if said.sample == "right to left" {
                let island = said.text.matches('\u{2068}').count();
                assert_eq!(island, said.text.matches('\u{2069}').count(), "{said:?}");
                let of = said.text.matches("שרה").count();
                assert!(
                    said.file.starts_with("drafts/") || said.file == "call.txt.j2" || island >= of.min(1),
                    "{said:?}"
                );
            }
            if said.sample == "4,000 characters" && said.file != "call.txt.j2" {
                let longest = said.text.split(|c: char| c != 'M').map(str::len).max().unwrap();
                assert!(longest <= 48, "{said:?}");
            }
        }
    }
}

/// The brief: Ce lead répond bien sur WhatsApp (80% vs 20% email). → Relance douce WhatsApp … → Si silence → appel direct à 10h
#[test]
fn restaurant_bella_is_told_with_a_strategy() {
    let (voice, luc, alert) = (voice(), user("Luc"), sample(AlertType::NoReply3d));
    let bella = Lead { name: "Restaurant Bella".to_owned(), account_name: String::new(), ..nameless() };
    let rate = |channel, answered| ChannelRate { channel, answered, attempts: 5 };
    let at_ten = BestTime { weekday: None, from: 10, to: 11, answers: 4, of: 5 };
    let strategy = Strategy {
        reason: Reason::Rates { best: rate(Channel::Whatsapp, 4), second: Some(rate(Channel::Email, 1)) },
        steps: vec![Step::Remind(Channel::Whatsapp, None), Step::ThenCall(Some(at_ten))],
    };
    let mut book = String::new();
    for manner in Manner::ALL {
        let context = AlertContext { strategy: Some(&strategy), ..context(manner, &alert, &bella, &luc) };
        let rendered = render::alert(&voice, &context);
        book.push_str(&format!("=== {}\n{}\n\n", manner.as_str(), rendered.html));
        if manner != Manner::English {
            let text = typed(&plain(&rendered.html));
            let block: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("💡")).collect();
            assert_eq!(
                block,
                [
                    "💡 Restaurant Bella répond bien sur WhatsApp (80 % vs 20 % par email).",
                    "→ Relance douce sur WhatsApp",
                    "→ Si silence, appel à 10h",
                ]
            );
            assert!(!text.lines().next().unwrap().ends_with('?'), "one suggestion is enough: {text}");
        }
    }
    insta::assert_snapshot!("bella", book);
}

/// Everything of which a message is made, as a book to be read: file by file, each wording with the plain sample. Whole
/// messages have snapshots of their own.
#[test]
fn all_wordings_read_well() {
    for manner in Manner::ALL {
        let mut wordings: BTreeMap<(String, usize), Vec<String>> = BTreeMap::new();
        let is_piece = |said: &Said| {
            let is_whole = !said.file.contains(['/', ' ']) || said.file.starts_with("drafts/");
            matches!(said.sample, "Sophie" | "") && !is_whole
        };
        for said in everything_said(manner).into_iter().filter(is_piece) {
            let texts = wordings.entry((said.file, said.number)).or_default();
            if !texts.contains(&said.text) {
                texts.push(said.text);
            }
        }
        let mut book = String::new();
        for ((file, number), texts) in wordings {
            book.push_str(&format!("=== {file} {number}\n{}\n", texts.join("\n-\n")));
        }
        insta::assert_snapshot!(format!("all_{}", manner.as_str()), book);
    }
}
