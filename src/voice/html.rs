//! Telegram's HTML: how long a message is when read, and whether Telegram will take it.

/// How long a message may be, in UTF-16 units once tags are gone and entities are characters.
pub const MESSAGE_UNITS: usize = 4_096;

const TAGS: [&str; 13] =
    ["b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "code", "pre", "blockquote", "tg-spoiler"];

/// What a reader sees: no tags, entities decoded.
pub fn plain(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let close = if rest.starts_with('<') { '>' } else { ';' };
        let Some(end) = rest.find(close) else { break };
        if close == ';' {
            text.push_str(match &rest[..=end] {
                "&lt;" => "<",
                "&gt;" => ">",
                "&amp;" => "&",
                "&quot;" => "\"",
                other => other,
            });
        }
        rest = &rest[end + 1..];
    }
    text.push_str(rest);
    text
}

/// The length Telegram counts: UTF-16 units of what a reader sees.
pub fn visible_units(html: &str) -> usize {
    plain(html).encode_utf16().count()
}

/// Text as HTML: only what Telegram wants escaped.
pub fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            '"' => html.push_str("&quot;"),
            other => html.push(other),
        }
    }
    html
}

/// The message, or when it is too long its beginning without formatting.
pub fn fitted(html: String) -> String {
    if visible_units(&html) <= MESSAGE_UNITS {
        return html;
    }
    let mut kept = String::new();
    let mut units = 1;
    for character in plain(&html).chars() {
        units += character.len_utf16();
        if units > MESSAGE_UNITS {
            break;
        }
        kept.push(character);
    }
    format!("{}…", escape(&kept))
}

/// Why Telegram would refuse a message, in words; `None` when it would not.
pub fn fault(html: &str) -> Option<String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let Some(end) = rest.find('>') else { return Some("a `<` without its `>`; write `&lt;`".to_owned()) };
        let inside = &rest[..end];
        rest = &rest[end + 1..];
        if let Some(name) = inside.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Some(format!("`</{name}>` closes what is not open"));
            }
            continue;
        }
        let name = inside.split_whitespace().next().unwrap_or_default();
        if !TAGS.contains(&name) && name != "a" {
            return Some(format!("`<{name}>` is no tag that Telegram knows (it knows a, {})", TAGS.join(", ")));
        }
        open.push(name);
    }
    open.pop().map(|name| format!("`<{name}>` is never closed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_read_counts() {
        assert_eq!(visible_units("<b>a</b>&amp;&lt;🙂"), 5);
        assert_eq!(plain(&escape("<b>&\"'")), "<b>&\"'");
    }

    #[test]
    fn too_long_is_cut_and_stays_valid() {
        let long = fitted(format!("<b>{}</b>", "&lt;🙂".repeat(2_000)));
        assert!(visible_units(&long) <= MESSAGE_UNITS && visible_units(&long) > MESSAGE_UNITS - 3);
        assert_eq!(fault(&long), None);
        assert_eq!(fitted("<b>a</b>".to_owned()), "<b>a</b>");
    }

    #[test]
    fn what_telegram_refuses_is_named() {
        assert_eq!(fault("<b>a <i>b</i></b> <blockquote expandable>c</blockquote>"), None);
        for bad in ["<b>a", "a</b>", "<b><i>a</b></i>", "<h1>a</h1>", "a < b"] {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }
}
