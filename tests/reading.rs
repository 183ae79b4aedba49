//! Holds the reading of messages to hand-written, labelled cases, and to what must be true of any text.

use max::domain::Reading;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use max::insight::reading::{Category, explain, read};
use proptest::prelude::*;

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
    println!(
        "{} cases: intent precision {precision:.3} recall {recall:.3}, expects_reply {reply:.3}, auto wrong {machine_wrong}, stop wrong {stop_wrong}",
        cases.len()
    );
    assert!(cases.len() >= 300, "only {} cases", cases.len());
    assert!(precision >= 0.95, "precision {precision:.3}");
    assert!(recall >= 0.92, "recall {recall:.3}");
    assert!(reply >= 0.92, "expects_reply {reply:.3}");
    assert_eq!(machine_wrong, 0, "auto-replies are exact");
    assert_eq!(stop_wrong, 0, "unsubscribes are exact");
}

fn intent(text: &str) -> bool {
    read(text).intent
}

/// > Intent implies expects_reply, and so does a missed call (an inbound call with `no_answer`); an empty preview (a
/// > photo, a voice note) reads as "expects a reply, no intent".
#[test]
fn an_empty_text_expects_a_reply() {
    for text in ["", "  \n ", "> quoted only\n> and nothing else", "\u{200b}", "…"] {
        assert_eq!(read(text), Reading { intent: false, expects_reply: true, auto_reply: false }, "{text:?}");
    }
}

#[test]
fn only_the_new_text_counts() {
    let histories = [
        "\n\nLe lun. 2 mars 2026 à 09:12, Max Vente <max@exemple.fr> a écrit :\n> Voulez-vous un devis ?",
        "\n\nLe lun. 2 mars 2026 à 09:12, Max Vente\n<max@exemple.fr> a écrit :\n\nVoulez-vous un devis ?",
        "\n\nOn Mon, Mar 2, 2026 at 9:12 AM Max <max@example.com> wrote:\n> Shall we book a call?",
        "\n\n-----Original Message-----\nFrom: Max\nShall we book a call?",
        "\n\n-----Message d'origine-----\nVoulez-vous un devis ?",
        "\n\nDe : Max\nEnvoyé : lundi 2 mars\nÀ : Anne\nObjet : devis\n\nVoulez-vous un devis ?",
        "\n\n*From:* Max\n*Sent:* Monday\n*To:* Anne\n\nShall we book a call?",
        "\n-- \nAnne, 01 02 03 04 05\nDemandez votre devis",
        "\nCordialement,\nAnne Petit\nDevis et commandes : 01 02 03 04 05",
        "\nEnvoyé de mon iPhone\nCombien ça coûte ?",
        "\nSent from my Galaxy\nHow much is it?",
        "\nCe message et toutes les pièces jointes sont confidentiels. Combien ça coûte ?",
        "\n\nMax Vente <max@exemple.fr> a écrit :\n\nVoulez-vous un devis ?",
        "\n\n2026-03-02 9:12 GMT+01:00 Max Vente <max@exemple.fr>:\n\nVoulez-vous un devis ?",
        "\n\nAnne Petit\nDevis et commandes\nTél. : 01 02 03 04 05",
        "\n\nAnne Petit\nResponsable des achats, prix et contrats\nwww.exemple.fr",
        "\nEnvoyé avec Proton Mail, demandez votre devis",
        "\nPensez à l'environnement avant d'imprimer ce devis",
    ];
    for history in histories {
        let thanks = format!("Merci, bien reçu.{history}");
        assert_eq!(read(&thanks), Reading::default(), "{thanks:?} because of {:?}", explain(&thanks).evidence);
        let order = format!("Envoyez-moi un devis.{history}");
        assert!(intent(&order), "{order:?}");
    }
}

#[test]
fn a_telephone_number_in_a_sentence_is_no_signature() {
    assert!(intent("Bonjour,\n\nRappelez-moi au 06 12 34 56 78"));
    assert!(intent("Bonjour,\n\nVotre prix pour trois ?\n06 12 34 56 78"));
}

#[test]
fn what_is_written_below_a_quote_counts() {
    assert!(intent("Le 2 mars 2026 à 09:12, Max a écrit :\n> Bonjour\n> Max\n\nOui, envoyez-moi le devis."));
}

#[test]
fn prose_that_looks_like_a_header_is_kept() {
    assert!(intent("De : ma part et celle de mon associé, un grand oui, envoyez le contrat."));
    assert!(intent("On attend toujours le devis que votre collègue nous a écrit."));
}

#[test]
fn html_is_read_like_text() {
    assert!(intent("<div>Bonjour,<br>Envoyez-moi <b>un devis</b></div>"));
    assert!(!intent("<p>Merci !</p><blockquote>Voulez-vous un devis ?</blockquote>"));
    assert!(intent("le prix est < 100 € ou > 100 € ?"));
}

#[test]
fn evidence_quotes_the_words_that_decided() {
    let found = explain("Bonjour Max, combien coûte la formule ?");
    assert!(found.evidence.iter().any(|words| words.contains("combien")), "{:?}", found.evidence);
    assert!(explain("Je suis désolé, pas intéressé.").evidence.contains(&"pas intéressé".to_owned()));
}

/// Everything that could make the work grow faster than the text: it must still end at once.
#[test]
fn long_and_hostile_texts_are_read_in_linear_time() {
    let shapes = [
        "je ne veux pas de devis ",
        "< ",
        "<a",
        "Cordialement,\n",
        "De :\n",
        "Le 2 mars\n",
        "> ",
        "'",
        "a'",
        "\u{fdfa}",
        "pas ",
        "vous ",
        "?!",
        "0,",
        "e\u{301}",
        "@",
        "-----\n",
        "i will ",
    ];
    for shape in shapes {
        let text = shape.repeat(30_000 / shape.len());
        let begun = std::time::Instant::now();
        read(&text);
        // Milliseconds when linear, also unoptimised; the bound leaves room for a busy machine.
        let took = begun.elapsed();
        println!("{shape:?}: {took:?}");
        assert!(took < std::time::Duration::from_secs(3), "{shape:?} took {took:?}");
    }
}

proptest! {
    #[test]
    fn any_text_has_a_consistent_reading(text in any_text()) {
        let reading = read(&text);
        prop_assert!(!reading.intent || reading.expects_reply);
        prop_assert!(!reading.auto_reply || !reading.intent && !reading.expects_reply);
        let found = explain(&text);
        prop_assert_eq!(found.reading, reading);
        prop_assert!(found.category.buys() == reading.intent, "{:?}", found);
        prop_assert!((0.0..=1.0).contains(&found.score), "{:?}", found);
        for evidence in &found.evidence {
            prop_assert!(!evidence.is_empty() && text.contains(evidence), "{:?} is not in {:?}", evidence, text);
        }
    }

    #[test]
    fn a_typographic_apostrophe_is_an_apostrophe(number in 0_usize..1000) {
        let cases = cases();
        let text = &cases[number % cases.len()].text;
        prop_assert_eq!(read(&text.replace('\'', "’")), read(text));
    }
}

/// Arbitrary unicode, and arbitrary mixtures of what the lexicon knows.
fn any_text() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "devis",
        "pas",
        "ne",
        "je veux",
        "STOP",
        "absent jusqu'au",
        "merci",
        "?",
        "\n",
        ".",
        ",",
        "👍",
        "how much",
        "don't",
        "> ",
        "Le 3 a écrit :",
        "-- ",
        "<div>",
        "réponse automatique",
        "mais",
        "ok pour jeudi 14h",
        "l'",
        "€",
        "12",
        "\u{301}",
    ]);
    prop_oneof![
        "\\PC*",
        prop::collection::vec(any::<char>(), 0..80).prop_map(String::from_iter),
        prop::collection::vec(known, 0..30).prop_map(|parts| parts.join(" "))
    ]
}

/// What the model is trained on; how to label is in `docs/reading.md`.
const SENTENCES: &str = include_str!("../src/insight/reading/data/sentences.tsv");
/// What the model never sees: nothing is trained on these, and nothing set by them but by the first of the closed lists.
const UNSEEN: [&str; 9] = [
    include_str!("reading-blind.tsv"),
    include_str!("reading-closed.tsv"),
    include_str!("reading-closed-aside.tsv"),
    include_str!("reading-blind-2.tsv"),
    include_str!("reading-blind-3.tsv"),
    include_str!("reading-closed-3.tsv"),
    include_str!("reading-closed-4.tsv"),
    include_str!("reading-blind-5.tsv"),
    include_str!("reading-closed-5.tsv"),
];

struct Labelled {
    id: &'static str,
    twins: &'static str,
    category: Category,
    text: &'static str,
}

fn labelled(table: &'static str) -> Vec<Labelled> {
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    let sentences = lines.map(|line| {
        let fields: Vec<&'static str> = line.split('\t').collect();
        let [id, twins, lang, channel, category, intent, expects, auto, text] = fields[..] else {
            panic!("nine fields: {line}");
        };
        assert!(["fr", "en", "mixed"].contains(&lang), "{line}");
        assert!(["whatsapp", "email", "call"].contains(&channel), "{line}");
        let category = Category::parse(category).unwrap_or_else(|| panic!("no category: {line}"));
        assert_eq!(intent == "1", category.buys(), "{line}");
        assert_eq!(auto == "1", category == Category::AutoReply, "{line}");
        assert!(expects == "1" || !category.buys() && expects == "0", "{line}");
        assert!(!text.trim().is_empty(), "{line}");
        Labelled { id, twins, category, text }
    });
    sentences.collect()
}

fn words_of(text: &str) -> BTreeSet<String> {
    let text = text.replace("\\n", " ").to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned);
    let words: BTreeSet<String> = words.collect();
    // Emojis only: the text is its word.
    if words.is_empty() { BTreeSet::from([text]) } else { words }
}

/// A sentence's words as numbers, ascending, each once; the rarest word of all has the lowest number.
fn word_sets(sentences: &[Labelled]) -> Vec<Vec<usize>> {
    let sets: Vec<BTreeSet<String>> = sentences.iter().map(|sentence| words_of(sentence.text)).collect();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    sets.iter().flatten().for_each(|word| *counts.entry(word).or_default() += 1);
    let mut rarest_first: Vec<(u32, &str)> = counts.into_iter().map(|(word, count)| (count, word)).collect();
    rarest_first.sort_unstable();
    let numbers: HashMap<&str, usize> =
        rarest_first.iter().enumerate().map(|(place, (_, word))| (*word, place)).collect();
    let numbered = |set: &BTreeSet<String>| {
        let set: BTreeSet<usize> = set.iter().map(|word| numbers[word.as_str()]).collect();
        set.into_iter().collect()
    };
    sets.iter().map(numbered).collect()
}

/// So many of a sentence's rarest words, of which whatever is alike has one among as many of its own: sentences that
/// share 0.6 of all their words share as much of the words of each, and cannot all lie in the rest.
fn telling(set: &[usize]) -> &[usize] {
    &set[..set.len() - (set.len() * 6).div_ceil(10) + 1]
}

/// Of all words of both, the share that both have.
fn alike(one: &[usize], other: &[usize]) -> f64 {
    let shared = one.iter().filter(|word| other.binary_search(word).is_ok()).count();
    shared as f64 / (one.len() + other.len() - shared) as f64
}

/// Both halves of the lists of unsubscribes, automatic messages and what only looks like one.
#[test]
fn machines_and_unsubscribes_are_told_from_what_only_looks_like_one() {
    for (place, table) in UNSEEN[1..3].iter().enumerate() {
        for category in [Category::Unsubscribe, Category::AutoReply] {
            let (mut found, mut all, mut wrong) = (0_u32, 0_u32, 0_u32);
            let sentences = labelled(table);
            for sentence in &sentences {
                let read = explain(&sentence.text.replace("\\n", "\n")).category == category;
                let is = sentence.category == category;
                (all, found) = (all + u32::from(is), found + u32::from(is && read));
                wrong += u32::from(read && !is);
            }
            println!("half {place}, {}: {found} of {all} found, {wrong} wrongly", category.as_str());
            assert!(all >= 50, "{all}");
            assert!(f64::from(found) >= 0.85 * f64::from(all), "{}: {found} of {all}", category.as_str());
            assert!(f64::from(wrong) <= 0.25 * f64::from(all), "{}: {wrong} wrongly", category.as_str());
        }
    }
}

#[test]
fn no_two_sentences_are_nearly_the_same_but_twins_of_other_meaning() {
    let mut sentences = labelled(SENTENCES);
    assert!(sentences.len() >= 1_500, "only {} sentences", sentences.len());
    for unseen in UNSEEN.map(labelled) {
        assert!(unseen.len() >= 150, "only {} unseen sentences", unseen.len());
        sentences.extend(unseen);
    }
    let ids: BTreeSet<&str> = sentences.iter().map(|sentence| sentence.id).collect();
    assert_eq!(ids.len(), sentences.len(), "an id stands twice");
    let mut meanings = BTreeMap::new();
    for sentence in &sentences {
        if let Some(other) = meanings.insert((sentence.twins, sentence.category), sentence.id) {
            panic!("{} and {other} mean the same", sentence.id);
        }
    }
    let sets = word_sets(&sentences);
    let mut told_by: HashMap<usize, Vec<usize>> = HashMap::new();
    for (place, sentence) in sentences.iter().enumerate() {
        let one = &sets[place];
        let others: BTreeSet<usize> =
            telling(one).iter().filter_map(|word| told_by.get(word)).flatten().copied().collect();
        for other in others.into_iter().filter(|other| sentences[*other].twins != sentence.twins) {
            let (two, other) = (&sets[other], &sentences[other]);
            // Of three words or fewer, two may be shared by chance.
            let limit = if one.len().min(two.len()) >= 4 { 0.6 } else { 1.0 };
            assert!(alike(one, two) < limit, "{} {:?} and {} {:?}", sentence.id, sentence.text, other.id, other.text);
        }
        telling(one).iter().for_each(|word| told_by.entry(*word).or_default().push(place));
    }
}

/// What is alike is found by its rarest words alone.
#[test]
fn whatever_is_alike_shares_one_of_its_telling_words() {
    let sets = word_sets(&labelled(SENTENCES)[..1_500]);
    let mut found = 0;
    for (place, one) in sets.iter().enumerate() {
        for two in &sets[place + 1..] {
            if alike(one, two) >= 0.6 {
                found += 1;
                assert!(telling(one).iter().any(|word| telling(two).contains(word)), "{one:?} and {two:?}");
            }
        }
    }
    assert!(found >= 20, "only {found} pairs are alike");
}

/// What is said again, word for word, says no more than once.
#[test]
fn repetition_changes_nothing() {
    for filler in ["Voici mon histoire, un peu longue. ", "Le chien dort dans le jardin derrière la maison. "] {
        let once = read(&format!("Bonjour, je voudrais un devis. {filler}"));
        assert!(once.intent);
        for times in [2, 30, 860] {
            assert_eq!(
                read(&format!("Bonjour, je voudrais un devis. {}", filler.repeat(times))),
                once,
                "{times} × {filler}"
            );
        }
    }
}

/// Whoever asks and thanks in advance has been given nothing yet.
#[test]
fn thanks_after_a_question_change_nothing() {
    let asked = [
        "Bonjour, pouvez-vous m'envoyer un devis ?",
        "Bonjour, vous pouvez m'envoyer un devis ?",
        "Can you call me tomorrow?",
        "Could you send me a quote?",
        "Quel est le prix ?",
        "Pouvez-vous me renvoyer la pièce jointe ?",
        "Vous pouvez arrêter de m'écrire ?",
    ];
    for text in asked {
        let alone = read(text);
        for thanks in ["Merci", "Merci.", "merci !", "Merci d'avance.", "Merci beaucoup !", "Thanks", "Thank you!"] {
            assert_eq!(read(&format!("{text} {thanks}")), alone, "{text} {thanks}");
        }
    }
    assert!(read("Bonjour, pouvez-vous m'envoyer un devis ? Merci.").intent);
    assert!(!read("Non. Merci.").intent && !read("Merci !").expects_reply);
}
