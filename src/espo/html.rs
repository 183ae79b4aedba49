//! Mail as HTML, reduced to the words a person reads: enough to tell what it means, nothing more.

/// Elements whose content nobody reads.
const UNREAD: [&str; 4] = ["style", "script", "head", "title"];
/// Elements that begin on a line of their own.
const BLOCKS: [&str; 18] = [
    "p",
    "div",
    "br",
    "tr",
    "li",
    "ul",
    "ol",
    "table",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "blockquote",
    "hr",
    "pre",
    "section",
];

/// Whether a text is HTML rather than words in which a `<` occurs.
pub fn is_html(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("</") || ["<br", "<p>", "<div", "<html", "<!doctype", "<img"].iter().any(|tag| text.contains(tag))
}

/// The text of an HTML fragment: one line per block, single spaces, entities resolved. Takes time proportional
/// to the length, whatever the input.
pub fn to_text(html: &str) -> String {
    let mut text = String::with_capacity(html.len() / 2);
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        push_words(&mut text, &rest[..open]);
        let after = &rest[open + 1..];
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        if !after.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
            push_words(&mut text, "<");
            rest = after;
            continue;
        }
        let Some(close) = after.find('>') else {
            rest = "";
            continue;
        };
        let (tag, following) = (&after[..close], &after[close + 1..]);
        let name = tag_name(tag);
        if BLOCKS.contains(&name.as_str()) && !text.is_empty() && !text.ends_with('\n') {
            trim_spaces(&mut text);
            text.push('\n');
        }
        rest = if UNREAD.contains(&name.as_str()) && !tag.starts_with('/') && !tag.ends_with('/') {
            after_element(following, &name)
        } else {
            following
        };
    }
    push_words(&mut text, rest);
    text.trim().to_owned()
}

fn tag_name(tag: &str) -> String {
    let name = tag.trim_start_matches('/');
    name.chars().take_while(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// What follows the end of an element whose content is left out; nothing when it never ends.
fn after_element<'a>(mut rest: &'a str, name: &str) -> &'a str {
    while let Some(at) = rest.find("</") {
        rest = &rest[at + 2..];
        if tag_name(rest) == name {
            return rest.find('>').map_or("", |end| &rest[end + 1..]);
        }
    }
    ""
}

fn trim_spaces(text: &mut String) {
    text.truncate(text.trim_end_matches(' ').len());
}

/// Appends text with its entities resolved and its white space collapsed.
fn push_words(text: &mut String, raw: &str) {
    let mut rest = raw;
    while let Some(c) = rest.chars().next() {
        let (c, length) = if c == '&' { entity(rest).unwrap_or(('&', 1)) } else { (c, c.len_utf8()) };
        rest = &rest[length..];
        if c.is_whitespace() {
            if !text.is_empty() && !text.ends_with([' ', '\n']) {
                text.push(' ');
            }
        } else {
            text.push(c);
        }
    }
}

/// The character of the entity that the text begins with, and the entity's length in bytes.
fn entity(text: &str) -> Option<(char, usize)> {
    let end = text.bytes().take(12).position(|byte| byte == b';')?;
    let name = text.get(1..end)?;
    let c = match name.strip_prefix('#') {
        Some(number) => {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).filter(|c| !c.is_control() || c.is_whitespace())?
        }
        None => NAMED.iter().find(|(known, _)| *known == name)?.1,
    };
    Some((c, end + 1))
}

/// The named entities that mail programs write into French and English text.
const NAMED: [(&str, char); 46] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("ensp", ' '),
    ("thinsp", ' '),
    ("eacute", 'é'),
    ("egrave", 'è'),
    ("ecirc", 'ê'),
    ("euml", 'ë'),
    ("agrave", 'à'),
    ("acirc", 'â'),
    ("auml", 'ä'),
    ("ccedil", 'ç'),
    ("icirc", 'î'),
    ("iuml", 'ï'),
    ("ocirc", 'ô'),
    ("ouml", 'ö'),
    ("ugrave", 'ù'),
    ("ucirc", 'û'),
    ("uuml", 'ü'),
    ("szlig", 'ß'),
    ("ntilde", 'ñ'),
    ("aelig", 'æ'),
    ("oelig", 'œ'),
    ("Eacute", 'É'),
    ("Egrave", 'È'),
    ("Ecirc", 'Ê'),
    ("Agrave", 'À'),
    ("Ccedil", 'Ç'),
    ("OElig", 'Œ'),
    ("rsquo", '’'),
    ("lsquo", '‘'),
    ("ldquo", '“'),
    ("rdquo", '”'),
    ("laquo", '«'),
    ("raquo", '»'),
    ("hellip", '…'),
    ("ndash", '–'),
    ("mdash", '—'),
    ("euro", '€'),
    ("deg", '°'),
    ("bull", '•'),
    ("middot", '·'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_reads_remains() {
        let mail = "<html><head><style>p { color: red }</style></head><body><!-- <p>no</p> -->\
                    <p>Bonjour&nbsp;Claire,</p>\r\n<div>Je   suis <b>int&eacute;ress&#233;e</b><br/>&agrave; bient&#xF4;t &amp; merci</div>\
                    </body></html>";
        assert_eq!(to_text(mail), "Bonjour Claire,\nJe suis intéressée\nà bientôt & merci");
    }

    #[test]
    fn signs_that_are_no_markup_stay() {
        assert_eq!(to_text("a < b & c &unknown; 3 <3"), "a < b & c &unknown; 3 <3");
        assert!(!is_html("je <3 votre devis & co"));
        assert!(is_html("<p>oui</p>") && is_html("oui<BR>non"));
    }

    #[test]
    fn broken_markup_ends_without_harm() {
        for (broken, text) in
            [("<p>oui <b", "oui"), ("<style>p {", ""), ("oui <!-- non", "oui"), ("é&#9999999999;", "é&#9999999999;")]
        {
            assert_eq!(to_text(broken), text, "{broken}");
        }
    }
}
