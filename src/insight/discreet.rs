//! A message without what says whose it is, for a stranger to read: no names, addresses, numbers or links.

use crate::domain::Lead;

/// From so many digits on, a number may be somebody's.
const TELLING_DIGITS: usize = 6;
/// Shorter words of a name are words of the language as well.
const SHORTEST_NAME: usize = 3;

/// What was written, without quoted history and signature, with the lead's names and company, addresses, long numbers
/// and links replaced by what they are. Names of other people stay: nothing here knows them.
pub fn discreet(text: &str, lead: &Lead) -> String {
    without_names(text, &names([&lead.name, &lead.first_name, &lead.account_name]))
}

/// A text in which names are numbered, so that they can be put back into an answer to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disguise {
    /// The words that are names, as they are written.
    names: Vec<String>,
}

impl Disguise {
    /// Knows the names of a lead, its company's, and those of whoever writes to it.
    pub fn of(lead: &Lead, writer: &str) -> Self {
        Self::new([&lead.first_name, &lead.name, &lead.account_name, writer])
    }

    fn new(all: [&str; 4]) -> Self {
        let mut names: Vec<String> = Vec::new();
        for word in all.iter().flat_map(|name| name.split(|c: char| !c.is_alphanumeric())) {
            let is_known = names.iter().any(|name| name.to_lowercase() == word.to_lowercase());
            if word.chars().count() >= SHORTEST_NAME && !is_known {
                names.push(word.to_owned());
            }
        }
        Self { names }
    }

    /// The text with `[name1]` and so on for names; addresses, links and long numbers become what they are.
    pub fn conceal(&self, text: &str) -> String {
        text.split_inclusive(char::is_whitespace).map(|word| self.conceal_word(word)).collect()
    }

    fn conceal_word(&self, word: &str) -> String {
        let bare = word.trim_end();
        if let Some(kind) = stand_in(bare, &[]) {
            return format!("{kind}{}", &word[bare.len()..]);
        }
        let mut concealed = String::with_capacity(word.len());
        let mut rest = word;
        while let Some(start) = rest.find(char::is_alphanumeric) {
            let (before, from) = rest.split_at(start);
            let (part, after) = from.split_at(from.find(|c: char| !c.is_alphanumeric()).unwrap_or(from.len()));
            concealed.push_str(before);
            match self.names.iter().position(|name| name.to_lowercase() == part.to_lowercase()) {
                Some(place) => concealed.push_str(&format!("[name{}]", place + 1)),
                None => concealed.push_str(part),
            }
            rest = after;
        }
        concealed + rest
    }

    /// Whether a word is one of the names.
    pub fn knows(&self, word: &str) -> bool {
        self.names.iter().any(|name| name.contains(word))
    }

    /// The text with the names put back; `None` when something stands in it that cannot be.
    pub fn reveal(&self, text: &str) -> Option<String> {
        let mut revealed = text.to_owned();
        for (place, name) in self.names.iter().enumerate() {
            revealed = revealed.replace(&format!("[name{}]", place + 1), name);
        }
        (!revealed.contains(['[', ']'])).then_some(revealed)
    }
}

fn without_names(text: &str, names: &[String]) -> String {
    let new = super::reading::new_text(text);
    let words: Vec<&str> = new.split_whitespace().map(|word| stand_in(word, names).unwrap_or(word)).collect();
    words.join(" ")
}

fn names(all: [&str; 3]) -> Vec<String> {
    let words = all.iter().flat_map(|name| name.split(|c: char| !c.is_alphanumeric()));
    words.filter(|word| word.chars().count() >= SHORTEST_NAME).map(str::to_lowercase).collect()
}

/// What is said instead of a word that tells who it is.
fn stand_in(word: &str, names: &[String]) -> Option<&'static str> {
    if word.contains('@') {
        return Some("[address]");
    }
    if word.contains("://") || word.to_ascii_lowercase().starts_with("www.") {
        return Some("[link]");
    }
    if word.chars().filter(char::is_ascii_digit).count() >= TELLING_DIGITS {
        return Some("[number]");
    }
    let is_name = |part: &str| names.contains(&part.to_lowercase());
    word.split(|c: char| !c.is_alphanumeric()).any(is_name).then_some("[name]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbered_and_come_back() {
        let disguise = Disguise::new(["Héloïse", "Héloïse Lefèvre", "Atelier 12", "Luc Moreau"]);
        let text = "Bonjour Héloïse,\nMadame LEFÈVRE (Atelier) : rendez-vous à 10h ?\nVoir https://a.example\nLuc";
        let concealed = disguise.conceal(text);
        assert_eq!(concealed, "Bonjour [name1],\nMadame [name2] ([name3]) : rendez-vous à 10h ?\nVoir [link]\n[name4]");
        assert_eq!(
            disguise.reveal("Bonjour [name1],\nà demain !\n[name4]").unwrap(),
            "Bonjour Héloïse,\nà demain !\nLuc"
        );
        for unknown in ["Bonjour [name9]", "Voir [link]", "Bonjour [prénom]", "name1]"] {
            assert_eq!(disguise.reveal(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn who_wrote_is_not_in_it_and_what_was_written_is() {
        let (name, first_name, account_name) = ("Héloïse Lefèvre", "Héloïse", "Atelier 12");
        let names = names([name, first_name, account_name]);
        let text = "Bonjour, c'est héloïse (Atelier 12). Rappelez-moi au 0612345678 ou h.lefevre@atelier.example, \
                    voir https://atelier.example/devis. On part là-dessus pour 12 postes !\n\nLe 3 mars, Luc a écrit :\n\
                    > Bonjour Madame Lefèvre";
        assert_eq!(
            without_names(text, &names),
            "Bonjour, c'est [name] [name] 12). Rappelez-moi au [number] ou [address] voir [link] On part là-dessus pour 12 \
             postes !"
        );
    }
}
