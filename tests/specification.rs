//! docs/rules.md against the tests: every sentence and every row of it is quoted by a test, and every quote is in
//! it. A quote stands in the documentation of a test, on lines that begin with `/// > `; the test is one that fails
//! when the sentence is violated.
//!
//! What a sentence is: headings and code blocks are none. A row of a table is one, its head is not. Of everything
//! else, a paragraph or an item of a list is joined into one line and parts after each full stop that a space
//! follows. Emphasis, backticks and line breaks do not count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Sentences that nothing could violate, and why.
const NOT_TESTABLE: [(&str, &str); 7] = [
    ("This page is the exact meaning of M.A.X.'s rules, for the daemon and for max backtest alike.", "introduces"),
    (
        "Each of its sentences and rows is quoted by a test that fails when it is not so: tests/specification.rs looks \
         them up.",
        "this file",
    ),
    (
        "Each rule says when it holds for an active lead at now, and its anchor: the fact that started this episode.",
        "defines what the table's columns mean",
    ),
    (
        "AwaitingReply24h is about a lead who wrote and got no answer, the most expensive silence of all.",
        "says why the rule exists",
    ),
    ("The ladder is by what the rep should do next, not by severity.", "says why the ladder is as it is"),
    ("A verdict changes either because a fact changed or because time passed.", "introduces"),
    ("Files may be large: two million activities is an ordinary input.", "measured by hand, too slow for a test"),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Without emphasis, and with single spaces.
fn plain(text: &str) -> String {
    text.replace(['*', '`'], "").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The sentences in one paragraph, item or row.
fn sentences_of(block: &str) -> Vec<String> {
    let block = plain(block);
    if block.starts_with('|') {
        return vec![block];
    }
    let mut sentences: Vec<String> =
        block.split_inclusive(". ").map(|sentence| sentence.trim_end().to_owned()).collect();
    sentences.retain(|sentence| !sentence.is_empty());
    sentences
}

/// All sentences and rows of a page.
fn sentences(page: &str) -> Vec<String> {
    let mut blocks = vec![String::new()];
    let (mut in_code, mut in_table) = (false, false);
    for line in page.lines() {
        let (text, is_row) = (line.trim(), line.starts_with('|'));
        if text.starts_with("```") {
            in_code = !in_code;
        }
        let begins_anew = text.is_empty() || text.starts_with("- ") || text.starts_with('#') || is_row;
        if begins_anew || text.starts_with("```") {
            blocks.push(String::new());
        }
        // The head of a table, and the line below it.
        let is_head = is_row && (!in_table || text.starts_with("|--"));
        in_table = is_row;
        if in_code || text.starts_with("```") || text.starts_with('#') || is_head {
            continue;
        }
        let text = text.strip_prefix("- ").unwrap_or(text);
        let block = blocks.last_mut().expect("there is always one");
        block.push_str(text);
        block.push(' ');
    }
    blocks.iter().flat_map(|block| sentences_of(block)).collect()
}

/// What the documentation of each test quotes: (file:line of the quote's end, what follows it, sentences).
fn quotes(name: &str, source: &str) -> Vec<(String, bool, Vec<String>)> {
    let mut quotes = Vec::new();
    let mut blocks: Vec<String> = Vec::new();
    let mut is_test = false;
    let mut in_quote = false;
    for (number, line) in source.lines().enumerate() {
        let line = line.trim();
        if let Some(text) = line.strip_prefix("///") {
            let quoted = text.trim_start().strip_prefix('>').map(str::trim);
            match quoted.filter(|text| !text.is_empty()) {
                Some(text) if in_quote && !text.starts_with('|') => {
                    let block = blocks.last_mut().expect("a quote began");
                    block.push(' ');
                    block.push_str(text);
                }
                Some(text) => blocks.push(text.to_owned()),
                None => {}
            }
            in_quote = quoted.is_some_and(|text| !text.is_empty());
            continue;
        }
        in_quote = false;
        if line.starts_with("#[") {
            is_test |= line == "#[test]" || line == "#[tokio::test]";
            continue;
        }
        if !blocks.is_empty() {
            // In `proptest!`, what is a test is told by its arguments.
            let is_test =
                (is_test || line.contains(" in any_")) && (line.starts_with("fn ") || line.starts_with("async fn "));
            let found = blocks.drain(..).flat_map(|block| sentences_of(&block)).collect();
            quotes.push((format!("{name}:{}", number + 1), is_test, found));
        }
        is_test = false;
    }
    quotes
}

fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join("src"), &mut found);
    walk(&root().join("tests"), &mut found);
    found.sort();
    let own = root().join(file!());
    found.retain(|path| *path != own);
    let name = |path: &PathBuf| path.strip_prefix(root()).unwrap().display().to_string();
    found.into_iter().map(|path| (name(&path), std::fs::read_to_string(&path).unwrap())).collect()
}

fn rules() -> Vec<String> {
    sentences(&std::fs::read_to_string(root().join("docs/rules.md")).unwrap())
}

#[test]
fn every_sentence_of_the_rules_is_quoted_by_a_test_and_every_quote_is_in_them() {
    let rules: BTreeSet<String> = rules().into_iter().collect();
    assert!(rules.len() > 100, "{} sentences were found", rules.len());
    let mut missing = rules.clone();
    for (sentence, _) in NOT_TESTABLE {
        assert!(missing.remove(sentence), "listed as not testable, and not in docs/rules.md: {sentence}");
    }
    let mut wrong: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, source) in sources() {
        for (place, is_test, quoted) in quotes(&name, &source) {
            if !is_test {
                wrong.entry("quotes on something that is no test".to_owned()).or_default().push(place.clone());
            }
            for sentence in quoted {
                if !rules.contains(&sentence) {
                    let unknown = wrong.entry("quotes of what is not in docs/rules.md".to_owned()).or_default();
                    unknown.push(format!("{place}: {sentence}"));
                }
                missing.remove(&sentence);
            }
        }
    }
    if !missing.is_empty() {
        wrong.insert("sentences that no test quotes".to_owned(), missing.into_iter().collect());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_page_parts_into_sentences_and_rows() {
    let page = "# Head\n\nOne, *two*. Three\n`four`: 1.5 (a b). \n- item: five.\n  six.\n\n| a | b |\n|---|---|\n| **c** | d. e |\n\n```json\n{}. x\n```\nlast";
    assert_eq!(sentences(page), ["One, two.", "Three four: 1.5 (a b).", "item: five.", "six.", "| c | d. e |", "last"]);
}

#[test]
fn quotes_are_taken_from_the_documentation_of_tests() {
    let source = "/// Words.\n/// > One,\n/// > *two*. Three\n///\n/// > | a | b |\n/// > | c | d |\n#[test]\nfn one() {}\n/// > Four.\nfn two() {}\n/// > Five.\nfn three(world in any_world()) {}";
    let found: Vec<_> =
        quotes("f", source).into_iter().map(|(_, is_test, quoted)| (is_test, quoted.join("/"))).collect();
    let expected = [(true, "One, two./Three/| a | b |/| c | d |"), (false, "Four."), (true, "Five.")];
    assert_eq!(found, expected.map(|(is_test, quoted)| (is_test, quoted.to_owned())));
}
