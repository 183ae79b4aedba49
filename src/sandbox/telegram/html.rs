//! Telegram's HTML: what a text with `parse_mode=HTML` comes to, or the words in which Telegram refuses it.
//! It follows the parser of Telegram's own library, so that what passes here passes there.

use serde_json::{Value, json};

/// A text as the reader sees it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Parsed {
    /// Without tags, entities decoded, white space trimmed at both ends.
    pub(super) plain: String,
    /// Bot API `MessageEntity` objects; offsets and lengths in UTF-16 code units.
    pub(super) entities: Vec<Value>,
}

const TAGS: [&str; 16] = [
    "a",
    "b",
    "strong",
    "i",
    "em",
    "s",
    "strike",
    "del",
    "u",
    "ins",
    "tg-spoiler",
    "tg-emoji",
    "span",
    "pre",
    "code",
    "blockquote",
];

/// The length that Telegram counts.
pub(super) fn utf16_len(text: &str) -> usize {
    text.encode_utf16().count()
}

/// A text without parse mode.
pub(super) fn plain(text: &str) -> Parsed {
    trim(text.to_owned(), Vec::new())
}

/// A text with `parse_mode=HTML`; the error is what follows "can't parse entities: ".
pub(super) fn parse(html: &str) -> Result<Parsed, String> {
    let mut parser = Parser { html, at: 0, plain: String::new(), offset: 0, open: Vec::new(), spans: Vec::new() };
    parser.run()?;
    let Parser { plain, mut spans, .. } = parser;
    spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    Ok(trim(plain, spans))
}

struct Open {
    tag: String,
    argument: Argument,
    start: usize,
}

#[derive(Clone, Default)]
struct Argument {
    /// `href`, `emoji-id`, or the language of a `code`.
    text: String,
    /// `expandable` on a blockquote.
    expandable: bool,
}

struct Span {
    start: usize,
    end: usize,
    entity: Value,
}

struct Parser<'a> {
    html: &'a str,
    at: usize,
    plain: String,
    /// Of the plain text so far, in UTF-16 code units.
    offset: usize,
    open: Vec<Open>,
    spans: Vec<Span>,
}

impl Parser<'_> {
    fn run(&mut self) -> Result<(), String> {
        while let Some(c) = self.peek() {
            match c {
                '<' if self.html[self.at + 1..].starts_with('/') => self.end_tag()?,
                '<' => self.start_tag()?,
                _ => {
                    let c = self.character();
                    self.offset += c.len_utf16();
                    self.plain.push(c);
                }
            }
        }
        match self.open.last() {
            Some(open) => Err(format!("Can't find end tag corresponding to start tag \"{}\"", open.tag)),
            None => Ok(()),
        }
    }

    fn peek(&self) -> Option<char> {
        self.html[self.at..].chars().next()
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let rest = &self.html[self.at..];
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        rest[..end].to_owned()
    }

    /// One character, a known entity decoded. An unknown one stays as it is written, as with Telegram.
    fn character(&mut self) -> char {
        let rest = &self.html[self.at..];
        if let Some((c, length)) = decode_entity(rest) {
            self.at += length;
            return c;
        }
        let c = rest.chars().next().unwrap_or_default();
        self.at += c.len_utf8();
        c
    }

    fn start_tag(&mut self) -> Result<(), String> {
        let begin = self.at;
        let unclosed = || format!("Unclosed start tag at byte offset {begin}");
        self.at += 1;
        let tag = self.take_while(|c| !c.is_ascii_whitespace() && c != '>').to_ascii_lowercase();
        if self.peek().is_none() {
            return Err(unclosed());
        }
        if !TAGS.contains(&tag.as_str()) {
            return Err(format!("Unsupported start tag \"{tag}\" at byte offset {begin}"));
        }
        let mut argument = Argument::default();
        let mut spoiler = tag != "span";
        loop {
            self.take_while(|c| c.is_ascii_whitespace());
            match self.peek() {
                None => return Err(unclosed()),
                Some('>') => break,
                Some(_) => {}
            }
            let (name, value) = self.attribute(&tag, begin)?;
            match (tag.as_str(), name.as_str()) {
                ("a", "href") | ("tg-emoji", "emoji-id") => argument.text = value,
                ("code", "class") => {
                    argument.text = value.strip_prefix("language-").unwrap_or_default().to_owned();
                }
                ("span", "class") => spoiler = value == "tg-spoiler",
                ("blockquote", "expandable") => argument.expandable = true,
                _ => {}
            }
        }
        if !spoiler {
            return Err(format!("Tag \"span\" must have class \"tg-spoiler\" at byte offset {begin}"));
        }
        self.at += 1;
        self.open.push(Open { tag, argument, start: self.offset });
        Ok(())
    }

    fn attribute(&mut self, tag: &str, begin: usize) -> Result<(String, String), String> {
        let name = self.take_while(|c| !c.is_ascii_whitespace() && !"=>/\"'".contains(c)).to_ascii_lowercase();
        if name.is_empty() {
            return Err(format!("Empty attribute name in the tag \"{tag}\" at byte offset {begin}"));
        }
        self.take_while(|c| c.is_ascii_whitespace());
        if self.peek() != Some('=') {
            return Ok((name, String::new()));
        }
        self.at += 1;
        self.take_while(|c| c.is_ascii_whitespace());
        let value = match self.peek() {
            None => return Err(format!("Unclosed start tag at byte offset {begin}")),
            Some(quote @ ('"' | '\'')) => {
                self.at += 1;
                let mut value = String::new();
                while self.peek().is_some_and(|c| c != quote) {
                    value.push(self.character());
                }
                self.at += usize::from(self.peek().is_some());
                value
            }
            Some(_) => {
                let from = self.at;
                let value = self.take_while(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-');
                if self.peek().is_some_and(|c| !c.is_ascii_whitespace() && c != '>') {
                    return Err(format!("Unexpected end of name token at byte offset {from}"));
                }
                value.to_ascii_lowercase()
            }
        };
        Ok((name, value))
    }

    fn end_tag(&mut self) -> Result<(), String> {
        let begin = self.at;
        let Some(open) = self.open.pop() else {
            return Err(format!("Unexpected end tag at byte offset {begin}"));
        };
        self.at += 2;
        let found = self.take_while(|c| !c.is_ascii_whitespace() && c != '>').to_ascii_lowercase();
        self.take_while(|c| c.is_ascii_whitespace());
        if self.peek() != Some('>') {
            return Err(format!("Unclosed end tag at byte offset {begin}"));
        }
        if !found.is_empty() && found != open.tag {
            return Err(format!(
                "Unmatched end tag at byte offset {begin}, expected \"</{}>\", found \"</{found}>\"",
                open.tag
            ));
        }
        self.at += 1;
        if self.offset > open.start {
            let nested_in_pre = self.open.last().is_some_and(|outer| outer.tag == "pre");
            if let Some(entity) = entity(&open, nested_in_pre) {
                self.spans.push(Span { start: open.start, end: self.offset, entity });
            }
        }
        Ok(())
    }
}

/// The entity a closed tag makes; none when Telegram drops it silently (a link that is none).
fn entity(open: &Open, nested_in_pre: bool) -> Option<Value> {
    let kind = match open.tag.as_str() {
        "b" | "strong" => "bold",
        "i" | "em" => "italic",
        "s" | "strike" | "del" => "strikethrough",
        "u" | "ins" => "underline",
        "tg-spoiler" | "span" => "spoiler",
        "blockquote" if open.argument.expandable => "expandable_blockquote",
        "blockquote" => "blockquote",
        "pre" => "pre",
        "code" if nested_in_pre => return None,
        "code" => "code",
        "tg-emoji" => return Some(json!({ "type": "custom_emoji", "custom_emoji_id": open.argument.text })),
        "a" => {
            let url = reqwest::Url::parse(&open.argument.text).ok()?;
            return matches!(url.scheme(), "http" | "https" | "tg")
                .then(|| json!({ "type": "text_link", "url": url.as_str() }));
        }
        _ => return None,
    };
    Some(json!({ "type": kind }))
}

/// Telegram trims a text; entities move with it.
fn trim(text: String, spans: Vec<Span>) -> Parsed {
    let ends_trimmed = text.trim_end();
    let plain = ends_trimmed.trim_start();
    let dropped = utf16_len(ends_trimmed) - utf16_len(plain);
    let length = utf16_len(plain);
    let mut entities = Vec::new();
    for Span { start, end, mut entity } in spans {
        let (start, end) = (start.saturating_sub(dropped), end.saturating_sub(dropped).min(length));
        if start < end {
            entity["offset"] = json!(start);
            entity["length"] = json!(end - start);
            entities.push(entity);
        }
    }
    Parsed { plain: plain.to_owned(), entities }
}

/// The character of an entity at the beginning of `text`, and how many bytes it takes there.
fn decode_entity(text: &str) -> Option<(char, usize)> {
    let body = text.strip_prefix('&')?;
    let end = body.find(|c: char| !c.is_ascii_alphanumeric() && c != '#').unwrap_or(body.len());
    let name = &body[..end];
    let c = match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).filter(|c| *c != '\0')?
        }
    };
    Some((c, 1 + end + usize::from(body[end..].starts_with(';'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_entities_counted_in_utf16() {
        let parsed = parse("🔥 <b>Sophie</b> &lt;3 <a href=\"https://example.com/?a=1&amp;b=2\">CRM</a>").unwrap();
        assert_eq!(parsed.plain, "🔥 Sophie <3 CRM");
        assert_eq!(
            parsed.entities,
            [
                json!({ "type": "bold", "offset": 3, "length": 6 }),
                json!({ "type": "text_link", "url": "https://example.com/?a=1&b=2", "offset": 13, "length": 3 }),
            ]
        );
    }

    #[test]
    fn outer_entities_come_first_and_white_space_is_trimmed_with_them() {
        let parsed = parse("\n <i>a<b>b</b></i> \n").unwrap();
        assert_eq!(parsed.plain, "ab");
        assert_eq!(
            parsed.entities,
            [
                json!({ "type": "italic", "offset": 0, "length": 2 }),
                json!({ "type": "bold", "offset": 1, "length": 1 })
            ]
        );
    }

    #[test]
    fn what_telegram_refuses_is_refused_in_its_words() {
        for (html, reason) in [
            ("a <b>b", "Can't find end tag corresponding to start tag \"b\""),
            ("<p>a</p>", "Unsupported start tag \"p\" at byte offset 0"),
            ("é<br>", "Unsupported start tag \"br\" at byte offset 2"),
            ("a</b>", "Unexpected end tag at byte offset 1"),
            ("<b>a</i>", "Unmatched end tag at byte offset 4, expected \"</b>\", found \"</i>\""),
            ("1 <b", "Unclosed start tag at byte offset 2"),
            ("<b>a</b", "Unclosed end tag at byte offset 4"),
            ("<span class=\"x\">a</span>", "Tag \"span\" must have class \"tg-spoiler\" at byte offset 0"),
            ("2 < 3", "Unsupported start tag \"\" at byte offset 2"),
        ] {
            assert_eq!(parse(html), Err(reason.to_owned()), "{html}");
        }
    }

    #[test]
    fn entities_known_and_numeric_are_decoded_and_others_stay() {
        assert_eq!(parse("R&D &amp; &#39;x&#x27; &quot;&nbsp;").unwrap().plain, "R&D & 'x' \"&nbsp;");
    }
}
