//! Reads the JSON objects that nearly all lines of a recording are, flat and plainly spelled, several times as
//! fast as the general parser. It knows no errors: whatever is out of the ordinary, right or wrong, is left to
//! the general parser, whose word on what is well-formed is the last.

use std::borrow::Cow;

/// A value in a flat object as it is spelled: a string with its quotes, `true`, `false` or `null`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value<'a>(&'a str);

impl<'a> Value<'a> {
    pub(super) fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// The truth value, if it is one.
    pub(super) fn flag(self) -> Option<bool> {
        match self.0 {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// What stands between the quotes of a string: the text that is meant when nothing in it is escaped.
    pub(super) fn spelled(self) -> Option<&'a str> {
        self.0.strip_prefix('"')?.strip_suffix('"')
    }

    /// The text that a string means.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        let spelled = self.spelled()?;
        if memchr::memchr(b'\\', spelled.as_bytes()).is_some() {
            return serde_json::from_str(self.0).ok().map(Cow::Owned);
        }
        Some(Cow::Borrowed(spelled))
    }
}

/// Calls `take` with every member of the object that `line` consists of, in order: the key as it is spelled, without
/// its quotes, the value, and whether anything in it is escaped. `None` when the line is not plain enough to be sure, or
/// `take` says that it is not.
pub(super) fn members<'a>(line: &'a str, mut take: impl FnMut(&'a str, Value<'a>, bool) -> Option<()>) -> Option<()> {
    let mut cursor = Cursor { line, at: 0, escaped: false };
    cursor.expect(b'{')?;
    loop {
        let key = Value(cursor.string()?).spelled()?;
        if cursor.escaped {
            return None;
        }
        cursor.expect(b':')?;
        let value = cursor.value()?;
        take(key, Value(value), cursor.escaped)?;
        match cursor.next()? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    cursor.skip_blanks();
    (cursor.at == line.len()).then_some(())
}

struct Cursor<'a> {
    line: &'a str,
    at: usize,
    /// Something was escaped in the string or word that was read last.
    escaped: bool,
}

impl<'a> Cursor<'a> {
    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.line.as_bytes().get(self.at) {
            self.at += 1;
        }
    }

    /// The next byte that is not blank.
    fn next(&mut self) -> Option<u8> {
        self.skip_blanks();
        let byte = *self.line.as_bytes().get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, wanted: u8) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    fn value(&mut self) -> Option<&'a str> {
        self.skip_blanks();
        let rest = self.line.get(self.at..)?;
        if rest.starts_with('"') {
            return self.string();
        }
        let word = ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word))?;
        self.at += word.len();
        Some(word)
    }

    fn string(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let (start, bytes) = (self.at - 1, self.line.as_bytes());
        self.escaped = false;
        loop {
            self.at += plain_bytes(bytes.get(self.at..)?);
            match bytes.get(self.at)? {
                b'"' => break,
                b'\\' => self.at += escape_length(&bytes[self.at..])?,
                _ => return None,
            }
            self.escaped = true;
        }
        self.at += 1;
        self.line.get(start..self.at)
    }
}

/// How many bytes come before the first quote, backslash or control character.
fn plain_bytes(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (place, word) in words.iter().enumerate() {
        let found = special(u64::from_le_bytes(*word));
        if found != 0 {
            return 8 * place + (found.trailing_zeros() / 8) as usize;
        }
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1F);
    8 * words.len() + rest.iter().position(special).unwrap_or(rest.len())
}

/// The lowest bit set is the top one of the first byte, in little-endian order, that ends plain text.
fn special(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xFF;
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (equal(b'"') | equal(b'\\') | below(word, 0x20)) & (ONES << 7)
}

/// How long the escape at the start is; surrogates are left to the general parser.
fn escape_length(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => {
            let hex = bytes.get(2..6)?;
            let surrogate = matches!(hex, [b'd' | b'D', b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F', ..]);
            (hex.iter().all(u8::is_ascii_hexdigit) && !surrogate).then_some(6)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value as Json;

    fn read(line: &str) -> Option<Vec<(String, Json)>> {
        let mut all = Vec::new();
        members(line, |key, value, escaped| {
            let text = value.text().map(|text| text.into_owned());
            if let Some(text) = &text {
                assert!(escaped || value.spelled() == Some(text));
            }
            let value = match (text, value.flag()) {
                (Some(text), _) => Json::String(text),
                (None, Some(yes)) => Json::Bool(yes),
                (None, None) => {
                    assert!(value.is_null());
                    Json::Null
                }
            };
            all.push((key.to_owned(), value));
            Some(())
        })?;
        Some(all)
    }

    /// What it reads, the general parser reads as well, and alike.
    fn agrees(line: &str) -> bool {
        let Some(plain) = read(line) else { return true };
        let Ok(Json::Object(general)) = serde_json::from_str(line) else { return false };
        let last: serde_json::Map<String, Json> = plain.into_iter().collect();
        last == general
    }

    #[test]
    fn an_ordinary_line_is_read_and_an_odd_one_is_left_alone() {
        let line = r#" {"a":"b", "é" : "l’été\n\"\u00e9\\" ,"yes":true,"no":false,"nil":null,"":""} "#;
        let read_as = read(line).unwrap();
        assert_eq!(read_as.len(), 6);
        assert_eq!(read_as[1], ("é".to_owned(), Json::String("l’été\n\"é\\".to_owned())));
        assert!(agrees(line));
        let odd = [
            "",
            "{",
            "{}",
            "[]",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1}"#,
            r#"{"a":{}}"#,
            r#"{"a":"b""#,
            r#"{"a":"b",}"#,
            r#"{"a":"b"}}"#,
            r#"{"a":"b"} x"#,
            r#"{"a":truer}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":"\u00g0"}"#,
            r#"{"a":"\u00"#,
            r#"{"a":"\ud83d\udc4d"}"#,
            r#"{"\u0061":"b"}"#,
            "{\"a\":\"\t\"}",
            "{\"a\":\"\u{0}\"}",
            "{\"a\":\"1234567\u{1f}\"}",
            r#"{"a":"b" "c":"d"}"#,
            "{\u{a0}\"a\":\"b\"}",
            r#"{"a":"\"#,
            r#"{"a":"\\"#,
            r#"{"a" "b"}"#,
            r#"{a:"b"}"#,
        ];
        for line in odd {
            assert_eq!(read(line), None, "{line}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn what_it_reads_the_general_parser_reads_alike(
            line in r#"\{("[a-c\\\u{1}é]{0,2}"[:, ]{1,2}("[a-z\\"u0-9dé\u{1f}👍]{0,12}"|true|null|fals|1),?){0,3}\}? ?"#,
        ) {
            prop_assert!(agrees(&line), "{line}");
        }

        #[test]
        fn a_text_is_found_to_its_end(text in any::<String>()) {
            let line = format!(r#"{{"key":{}}}"#, serde_json::to_string(&text).unwrap());
            prop_assert_eq!(read(&line), Some(vec![("key".to_owned(), Json::String(text))]));
        }
    }
}
