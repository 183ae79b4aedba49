//! Foreign text in our sentences: names and quotes are cut to a sane length and cannot disturb what is around
//! them: no control characters, no tricks with the direction of writing.

use crate::domain::{Lead, User};

/// How many characters of a name are shown.
const NAME_CHARS: usize = 48;
/// How many characters of a lead's words are quoted.
pub const QUOTE_CHARS: usize = 160;

/// One line of at most `max_chars` characters (at least 1): white space runs become one space, control
/// characters and marks that change the direction of writing go, what is cut ends in `…`.
pub fn one_line(text: &str, max_chars: usize) -> String {
    let mut line = String::new();
    let mut count = 0;
    for character in text.chars().filter(|c| !is_disturbing(*c)) {
        let breaks = character.is_whitespace() && !is_non_breaking(character);
        let character = if breaks { ' ' } else { character };
        if character == ' ' && (line.is_empty() || line.ends_with(' ')) {
            continue;
        }
        line.push(character);
        count += 1;
        // Enough to know that there is more than fits: the rest of a 4,000-character name is not worth reading.
        if count > max_chars + 1 {
            break;
        }
    }
    let line = line.trim();
    if line.chars().count() <= max_chars { line.to_owned() } else { cut(line, max_chars) }
}

fn cut(line: &str, max_chars: usize) -> String {
    let kept: String = line.chars().take(max_chars.saturating_sub(1)).collect();
    let end = |c: char| c == ' ' || is_joining(c);
    format!("{}…", kept.trim_end_matches(end))
}

/// Marks and overrides of direction, and invisible characters that say nothing.
fn is_disturbing(c: char) -> bool {
    let marks = matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let invisible = matches!(c, '\u{00AD}' | '\u{200B}' | '\u{2060}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}');
    let silent_control = c.is_control() && !c.is_whitespace();
    marks || invisible || silent_control || matches!(c, '\u{E0000}'..='\u{E007F}')
}

/// Zero-width joiner and variation selectors: no text may end in one of them.
fn is_joining(c: char) -> bool {
    matches!(c, '\u{200D}' | '\u{FE00}'..='\u{FE0F}')
}

fn is_non_breaking(c: char) -> bool {
    matches!(c, '\u{A0}' | '\u{202F}')
}

fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{0590}'..='\u{08FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFF}'
        | '\u{10800}'..='\u{10FFF}' | '\u{1E800}'..='\u{1EFFF}')
}

/// The text as an island: when it is written from right to left, isolates keep it from reordering the sentence.
pub fn isolated(text: String) -> String {
    if text.chars().any(is_right_to_left) { format!("\u{2068}{text}\u{2069}") } else { text }
}

/// A name fit for a sentence; empty when there is nothing left of it.
pub fn name(text: &str) -> String {
    isolated(one_line(text, NAME_CHARS))
}

/// What to call a lead: first name, else full name, else company; empty when there is nothing. With
/// `first_name_only` the latter two are left out.
pub fn call_name(lead: &Lead, first_name_only: bool) -> String {
    let others = [&lead.name, &lead.account_name];
    let others = others.into_iter().filter(|_| !first_name_only);
    std::iter::once(&lead.first_name)
        .chain(others)
        .map(|text| name(text))
        .find(|name| !name.is_empty())
        .unwrap_or_default()
}

/// A lead's initials (`S. M.`), of the full name, the first name or the company; empty when there is nothing.
pub fn initials(lead: &Lead) -> String {
    let names = [&lead.name, &lead.first_name, &lead.account_name];
    let known = names.into_iter().map(|name| one_line(name, NAME_CHARS)).find(|name| !name.is_empty());
    let letters = known.iter().flat_map(|name| name.split([' ', '-'])).filter_map(|word| {
        let letter = word.chars().find(|c| c.is_alphanumeric())?;
        Some(format!("{}.", letter.to_uppercase()))
    });
    isolated(letters.take(3).collect::<Vec<_>>().join(" "))
}

/// Full name and company, as far as known: what tells two Sophies apart. Empty when there is nothing.
pub fn identity(lead: &Lead) -> String {
    let parts = [name(&lead.name), name(&lead.account_name)];
    let known: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    match known.as_slice() {
        [full, company] if full == company => full.clone(),
        _ => known.join(" · "),
    }
}

/// A rep's first name, else full name, else login name.
pub fn user(user: &User) -> String {
    name(user.call_name())
}

/// Somebody's full name, else login name: what tells two colleagues apart.
pub fn full(user: &User) -> String {
    let full = name(&user.name);
    if full.is_empty() { name(&user.user_name) } else { full }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_short_and_harmless() {
        assert_eq!(one_line("  Anne\u{0}\n\t Marie ", 20), "Anne Marie");
        assert_eq!(one_line("evil\u{202E}txt.exe", 20), "eviltxt.exe");
        assert_eq!(one_line("abcdef", 6), "abcdef");
        assert_eq!(one_line("abcdefg", 6), "abcde…");
        assert_eq!(one_line("abc     def", 5), "abc…");
        assert_eq!(one_line(&"x".repeat(4_000), 48).chars().count(), 48);
        assert_eq!(one_line("abc👩\u{200D}👩", 6), "abc👩\u{200D}👩");
        assert_eq!(one_line("abc👩\u{200D}👩defg", 6), "abc👩…", "never ends in a joiner");
    }

    #[test]
    fn names_from_right_to_left_are_islands() {
        assert_eq!(name("שרה"), "\u{2068}שרה\u{2069}");
        assert_eq!(name("Sophie"), "Sophie");
        assert_eq!(name("\u{202E}\u{2069} "), "");
    }
}
