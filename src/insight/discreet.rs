//! A message without what says whose it is, for a stranger to read: no names, addresses, numbers or links.

use crate::domain::Lead;
use crate::domain::spelling::fold;

/// From so many digits on, a number may be somebody's.
const TELLING_DIGITS: usize = 6;
/// Shorter words of a name are words of the language as well: they are names where they are written like one.
const SHORTEST_NAME: usize = 3;
/// What stands between the digits of one number, as people write it.
const BETWEEN_DIGITS: [char; 8] = [' ', '\u{a0}', '\u{202f}', '.', '-', '/', '(', ')'];
/// By what a bare domain is known.
const DOMAINS: [&str; 15] =
    ["fr", "com", "net", "org", "eu", "io", "be", "ch", "ca", "uk", "de", "info", "biz", "app", "dev"];

/// What was written, without quoted history and signature, with the lead's names and company, addresses, long numbers
/// and links replaced by what they are. Names of other people stay: nothing here knows them.
pub fn discreet(text: &str, lead: &Lead) -> String {
    let names = Names::new([lead.name.as_str(), &lead.first_name, &lead.account_name]);
    hide(&super::reading::new_text(text), &names, |_| "[name]".to_owned())
}

/// The words of some names, as they are compared: without accents and capitals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names(Vec<String>);

impl Names {
    fn new<'a>(all: impl IntoIterator<Item = &'a str>) -> Self {
        let words = all.into_iter().flat_map(|name| name.split(|c: char| !c.is_alphanumeric()));
        Self(words.filter(|word| word.chars().count() > 1).map(fold).collect())
    }

    fn hold(&self, word: &str) -> bool {
        let is_long = word.chars().count() >= SHORTEST_NAME;
        (is_long || word.starts_with(char::is_uppercase)) && self.0.contains(&fold(word))
    }
}

/// Texts in which names are numbered, so that they can be put back into an answer to them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disguise {
    names: Names,
    /// What each number stands for, as it was written.
    given: Vec<String>,
}

impl Disguise {
    /// Knows the names of a lead, its company's, and those of whoever writes to it.
    pub fn of(lead: &Lead, writer: &str) -> Self {
        Self::new([&lead.first_name, &lead.name, &lead.account_name, writer])
    }

    fn new(all: [&str; 4]) -> Self {
        Self { names: Names::new(all), given: Vec::new() }
    }

    /// The text with `[name1]` and so on for names; addresses, links and long numbers become what they are. Names of other
    /// people stay.
    pub fn conceal(&mut self, text: &str) -> String {
        let given = &mut self.given;
        hide(text, &self.names, |name| {
            let place = given.iter().position(|known| known == name).unwrap_or_else(|| {
                given.push(name.to_owned());
                given.len() - 1
            });
            placeholder(place)
        })
    }

    /// The text with the names put back; `None` when something stands in it that cannot be.
    pub fn reveal(&self, text: &str) -> Option<String> {
        let revealed = self.with(text, |name| name);
        (!revealed.contains(['[', ']'])).then_some(revealed)
    }

    /// The text without the names.
    pub fn without(&self, text: &str) -> String {
        self.with(text, |_| "")
    }

    fn with<'a>(&'a self, text: &str, instead: impl Fn(&'a str) -> &'a str) -> String {
        let all = self.given.iter().enumerate();
        all.fold(text.to_owned(), |text, (place, name)| text.replace(&placeholder(place), instead(name)))
    }
}

fn placeholder(place: usize) -> String {
    format!("[name{}]", place + 1)
}

fn hide(text: &str, names: &Names, mut name: impl FnMut(&str) -> String) -> String {
    let text = without_numbers(text);
    text.split_inclusive(char::is_whitespace)
        .map(|word| {
            let bare = word.trim_end();
            match kind_of(bare) {
                Some(kind) => format!("{kind}{}", &word[bare.len()..]),
                None => without_names(word, names, &mut name),
            }
        })
        .collect()
}

fn without_names(word: &str, names: &Names, name: &mut impl FnMut(&str) -> String) -> String {
    let mut hidden = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(start) = rest.find(char::is_alphanumeric) {
        let (before, from) = rest.split_at(start);
        let (part, after) = from.split_at(from.find(|c: char| !c.is_alphanumeric()).unwrap_or(from.len()));
        hidden.push_str(before);
        hidden.push_str(&if names.hold(part) { name(part) } else { part.to_owned() });
        rest = after;
    }
    hidden + rest
}

/// What a word is that tells where somebody is to be found.
fn kind_of(word: &str) -> Option<&'static str> {
    if word.contains('@') {
        return Some("[address]");
    }
    let lower = word.to_ascii_lowercase();
    let host = lower.split(['/', '?']).next().unwrap_or_default().trim_end_matches(|c: char| !c.is_alphanumeric());
    let is_host = host.rsplit_once('.').is_some_and(|(name, end)| name.len() > 2 && DOMAINS.contains(&end));
    (word.contains("://") || lower.starts_with("www.") || is_host).then_some("[link]")
}

/// The text with `[number]` for each that may be somebody's, however its digits are grouped.
fn without_numbers(text: &str) -> String {
    let mut hidden = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        hidden.push_str(before);
        let (number, after) = from.split_at(length_of_number(from));
        let is_telling = number.bytes().filter(u8::is_ascii_digit).count() >= TELLING_DIGITS;
        hidden.push_str(if is_telling { "[number]" } else { number });
        rest = after;
    }
    hidden + rest
}

/// How far a number goes on that begins here, in bytes: groups of digits with one or two separators between them.
fn length_of_number(text: &str) -> usize {
    let (mut end, mut between) = (0, 0);
    for (place, c) in text.char_indices() {
        if c.is_ascii_digit() {
            (end, between) = (place + 1, 0);
        } else if BETWEEN_DIGITS.contains(&c) && between < 2 {
            between += 1;
        } else {
            break;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbered_and_come_back_as_they_were_written() {
        let mut disguise = Disguise::new(["Héloïse", "Héloïse Lefèvre", "Le Bon Pain", "Luc Moreau"]);
        let text =
            "Bonjour Héloïse,\nMadame LEFÈVRE (Pain) : un bon prix, heloise, à 10h ?\nVoir https://a.example\nLuc";
        let concealed = disguise.conceal(text);
        assert_eq!(
            concealed,
            "Bonjour [name1],\nMadame [name2] ([name3]) : un [name4] prix, [name5], à 10h ?\nVoir [link]\n[name6]"
        );
        let answer = "Bonjour [name1],\nun [name4] prix à 10h.\n[name6]";
        assert_eq!(disguise.reveal(answer).unwrap(), "Bonjour Héloïse,\nun bon prix à 10h.\nLuc");
        assert_eq!(disguise.without(answer), "Bonjour ,\nun  prix à 10h.\n");
        for unknown in ["Bonjour [name9]", "Voir [link]", "Bonjour [prénom]", "name1]"] {
            assert_eq!(disguise.reveal(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn who_wrote_is_not_in_it_and_what_was_written_is() {
        let names = Names::new(["Héloïse Lefèvre", "Héloïse", "Atelier 12"]);
        let text = "Bonjour, c'est héloïse (Atelier 12). Rappelez-moi au 0612345678 ou h.lefevre@atelier.example, \
                    voir https://atelier.example/devis. On part là-dessus pour 12 postes !\n\nLe 3 mars, Luc a écrit :\n\
                    > Bonjour Madame Lefèvre";
        let new = crate::insight::reading::new_text(text);
        assert_eq!(
            hide(&new, &names, |_| "[name]".to_owned()).trim_end(),
            "Bonjour, c'est [name] ([name] 12). Rappelez-moi au [number] ou [address] voir [link] On part là-dessus pour \
             12 postes !"
        );
    }

    #[test]
    fn numbers_and_addresses_are_known_however_they_are_written() {
        let none = Names::default();
        let hidden = |text: &str| hide(text, &none, |_| unreachable!("nobody has a name here"));
        for number in [
            "0612345678",
            "06 12 34 56 78",
            "06.12.34.56.78",
            "06-12-34-56-78",
            "+33 6 12 34 56 78",
            "+33 (0)6 12 34 56 78",
            "06\u{a0}12\u{a0}34\u{a0}56\u{a0}78",
            "06\u{202f}12\u{202f}34\u{202f}56\u{202f}78",
            "FR76 3000 6000 0112 3456 7890",
            "732 829 320 00074",
        ] {
            let shown = hidden(&format!("au {number}, merci"));
            assert!(shown.contains("[number], merci") && !shown.contains("12"), "{number}: {shown}");
            assert!(shown.chars().filter(char::is_ascii_digit).count() <= 2, "{number}: {shown}");
        }
        for link in [
            "https://a.example/x?y",
            "www.atelier.example",
            "atelier12.fr",
            "Atelier-Nord.com/devis",
            "(atelier12.fr).",
        ] {
            assert_eq!(hidden(&format!("voir {link} svp")), "voir [link] svp");
        }
        let kept = "12 postes, 1 200 € ou 2500, à 10h30 le 12/03 : ok ? etc.\nfin";
        assert_eq!(hidden(kept), kept);
    }
}
