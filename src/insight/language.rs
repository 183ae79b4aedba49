//! In which language somebody writes, and in French whether with "tu" or "vous": enough to answer likewise.

use crate::domain::{Lang, Manner};

/// How many messages are looked at, newest first.
const MESSAGES: usize = 5;
/// How many telling words of one message count: a long one must not outweigh all others.
const MOST: i32 = 5;
/// From this lead on, older messages need not be asked.
const CLEAR: i32 = 3;

/// Words that only French has, of those that people use all the time. No word that English has as well.
const FRENCH: &[&str] = &[
    "a",
    "abord",
    "ai",
    "alors",
    "appelez",
    "apres",
    "aussi",
    "aurait",
    "auriez",
    "avec",
    "avez",
    "avoir",
    "avons",
    "bien",
    "bjr",
    "bonjour",
    "bonne",
    "bonsoir",
    "ca",
    "ce",
    "cela",
    "ces",
    "cette",
    "combien",
    "comment",
    "cordialement",
    "dans",
    "de",
    "demain",
    "depuis",
    "des",
    "devis",
    "disponible",
    "donc",
    "du",
    "elle",
    "entreprise",
    "est",
    "et",
    "etes",
    "etre",
    "faire",
    "fait",
    "il",
    "jai",
    "je",
    "jour",
    "journee",
    "la",
    "le",
    "les",
    "leur",
    "ma",
    "mais",
    "matin",
    "merci",
    "mes",
    "mon",
    "ne",
    "nos",
    "notre",
    "nous",
    "ou",
    "oui",
    "par",
    "pas",
    "peut",
    "peux",
    "plus",
    "pour",
    "pourriez",
    "pouvez",
    "quand",
    "que",
    "quel",
    "quelle",
    "quelles",
    "quels",
    "qui",
    "quoi",
    "rappeler",
    "rdv",
    "renseignements",
    "salut",
    "sans",
    "semaine",
    "serait",
    "si",
    "slt",
    "souhaite",
    "souhaiterais",
    "suis",
    "svp",
    "sur",
    "tarif",
    "tarifs",
    "tes",
    "toi",
    "tres",
    "tu",
    "un",
    "une",
    "vos",
    "votre",
    "voudrais",
    "vous",
];

/// The same of English.
const ENGLISH: &[&str] = &[
    "about",
    "after",
    "again",
    "am",
    "an",
    "and",
    "any",
    "anything",
    "are",
    "back",
    "be",
    "because",
    "been",
    "before",
    "best",
    "but",
    "call",
    "can",
    "could",
    "day",
    "dear",
    "did",
    "do",
    "does",
    "for",
    "from",
    "get",
    "give",
    "go",
    "good",
    "got",
    "great",
    "had",
    "has",
    "have",
    "hello",
    "help",
    "hey",
    "hi",
    "how",
    "i",
    "im",
    "in",
    "interested",
    "is",
    "it",
    "just",
    "kind",
    "know",
    "let",
    "like",
    "looking",
    "many",
    "meeting",
    "morning",
    "much",
    "my",
    "need",
    "not",
    "now",
    "of",
    "our",
    "please",
    "price",
    "pricing",
    "quote",
    "really",
    "regards",
    "send",
    "should",
    "soon",
    "sounds",
    "sure",
    "thank",
    "thanks",
    "that",
    "the",
    "then",
    "there",
    "they",
    "this",
    "to",
    "tomorrow",
    "want",
    "was",
    "we",
    "week",
    "were",
    "what",
    "when",
    "where",
    "which",
    "who",
    "will",
    "with",
    "would",
    "yes",
    "you",
    "your",
];

/// Whom one calls "tu".
const FAMILIAR: &[&str] = &["tu", "toi", "te", "ton", "ta", "tes"];
/// Whom one calls "vous".
const FORMAL: &[&str] = &["vous", "votre", "vos"];

/// The language of what somebody wrote, newest first; `None` when the words do not tell.
pub fn language<'a>(newest_first: impl IntoIterator<Item = &'a str>) -> Option<Lang> {
    let mut lead = 0;
    for text in newest_first.into_iter().take(MESSAGES) {
        let words = words(text);
        lead += (count(&words, FRENCH) - count(&words, ENGLISH)).clamp(-MOST, MOST);
        if lead.abs() >= CLEAR {
            break;
        }
    }
    match lead {
        1.. => Some(Lang::Fr),
        0 => None,
        ..0 => Some(Lang::En),
    }
}

/// Whether somebody says "tu" to the other, newest first; `None` when neither "tu" nor "vous" is said.
pub fn says_tu<'a>(newest_first: impl IntoIterator<Item = &'a str>) -> Option<bool> {
    newest_first.into_iter().take(MESSAGES).find_map(|text| {
        let words = words(text);
        match (count(&words, FAMILIAR) > 0, count(&words, FORMAL) > 0) {
            (_, true) => Some(false),
            (true, false) => Some(language([text]) != Some(Lang::En)),
            (false, false) => None,
        }
    })
}

/// How to write to a lead: in its language, `default` when that is not known; with "tu" only where it and we say so to
/// each other. Texts newest first.
pub fn manner(from_the_lead: &[&str], from_us: &[&str], default: Lang) -> Manner {
    let lang = language(from_the_lead.iter().copied()).unwrap_or(default);
    let familiar =
        says_tu(from_the_lead.iter().copied()) == Some(true) && says_tu(from_us.iter().copied()) == Some(true);
    Manner::of(lang, !familiar)
}

fn count(words: &[String], known: &[&str]) -> i32 {
    i32::try_from(words.iter().filter(|word| known.contains(&word.as_str())).count()).unwrap_or(MOST)
}

/// The words that were written now, in lower case and without accents: what a mail quotes is left out.
fn words(text: &str) -> Vec<String> {
    let new = text.lines().take_while(|line| !begins_history(line.trim()));
    let folded = new.flat_map(|line| line.chars().chain(std::iter::once(' '))).flat_map(char::to_lowercase).map(plain);
    let folded: String = folded.collect();
    folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn begins_history(line: &str) -> bool {
    let introduces = line.ends_with("a écrit :") || line.ends_with("a écrit\u{A0}:") || line.ends_with("wrote:");
    line.starts_with('>') || line.starts_with("-----") || line.starts_with("_____") || introduces
}

fn plain(c: char) -> char {
    match c {
        'à' | 'â' | 'ä' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'î' | 'ï' => 'i',
        'ô' | 'ö' => 'o',
        'ù' | 'û' | 'ü' => 'u',
        'ç' => 'c',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_that_of_the_words() {
        for (text, expected) in [
            ("Bonjour, vous pouvez m'envoyer un devis ?", Some(Lang::Fr)),
            ("slt c possible demain ?", Some(Lang::Fr)),
            ("merci !", Some(Lang::Fr)),
            ("CA MARCHE POUR MOI", Some(Lang::Fr)),
            ("Hi, could you send me a quote please?", Some(Lang::En)),
            ("thanks", Some(Lang::En)),
            ("Ok for Tuesday 2pm, see you then", Some(Lang::En)),
            ("Merci! Could you tell me how much that would be for 12 people?", Some(Lang::En)),
            ("Thanks, mais je préfère que vous m'appeliez demain matin", Some(Lang::Fr)),
            ("", None),
            ("ok 👍", None),
            ("+33 6 12 34 56 78", None),
            ("مرحبا", None),
        ] {
            assert_eq!(language([text]), expected, "{text}");
        }
    }

    #[test]
    fn a_word_in_passing_does_not_change_the_language() {
        assert_eq!(language(["Merci", "Hello, I would like to know your price for the whole team"]), Some(Lang::En));
        assert_eq!(language(["ok", "Bonjour, c'est pour un devis"]), Some(Lang::Fr));
        assert_eq!(language(["Hi, please call me tomorrow", "Bonjour, je voudrais un devis"]), Some(Lang::En));
    }

    #[test]
    fn what_a_mail_quotes_is_not_its_language() {
        let mail =
            "Yes please, thank you.\n\nLe 3 mars 2026, Luc a écrit :\n> Bonjour, voici le devis que vous avez demandé.";
        assert_eq!(language([mail]), Some(Lang::En));
    }

    #[test]
    fn tu_takes_two() {
        let both = |lead: &[&str], us: &[&str]| manner(lead, us, Lang::Fr);
        assert_eq!(both(&["Salut, tu peux m'envoyer le devis ?"], &["Salut ! Oui, je te l'envoie"]), Manner::Tu);
        assert_eq!(both(&["Salut, tu peux m'envoyer le devis ?"], &[]), Manner::Vous);
        assert_eq!(both(&["Tu peux m'appeler ?"], &["Je vous appelle demain"]), Manner::Vous);
        assert_eq!(both(&["Bonjour, vous pouvez m'appeler ?"], &["Je t'appelle, tu es là ?"]), Manner::Vous);
        assert_eq!(both(&["Merci !", "T'es dispo ? Tu me rappelles ?"], &["Ok", "Tu peux demain ?"]), Manner::Tu);
        assert_eq!(both(&[], &[]), Manner::Vous);
    }

    #[test]
    fn who_has_not_written_is_written_to_as_configured() {
        assert_eq!(manner(&[], &[], Lang::En), Manner::English);
        assert_eq!(manner(&["ok"], &[], Lang::En), Manner::English);
        assert_eq!(manner(&["Bonjour, avez-vous reçu mon message ?"], &[], Lang::En), Manner::Vous);
    }

    #[test]
    fn the_two_languages_share_no_word() {
        assert!(FRENCH.iter().all(|word| !ENGLISH.contains(word)));
    }
}
