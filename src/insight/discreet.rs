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
