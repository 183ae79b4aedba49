//! Reads the JSON objects that nearly all lines of a recording are, flat and plainly spelled, several times as
//! fast as the general parser. It knows no errors: whatever is out of the ordinary, right or wrong, is left to
//! the general parser, whose word on what is well-formed is the last.

use std::borrow::Cow;

/// A value in a flat object as it is spelled: a string with its quotes, `true`, `false` or `null`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value<'a> {
    spelled: &'a str,
    /// Something in it is.
    escaped: bool,
}

impl<'a> Value<'a> {
    pub(super) fn is_null(self) -> bool {
        self.spelled == "null"
    }

    /// The truth value, if it is one.
    pub(super) fn flag(self) -> Option<bool> {
        match self.spelled {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The text that a string means in which nothing is escaped.
    pub(super) fn plain_text(self) -> Option<&'a str> {
        if self.escaped { None } else { self.spelled.strip_prefix('"')?.strip_suffix('"') }
    }

    /// The text that a string means.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        if self.escaped {
            return serde_json::from_str(self.spelled).ok().map(Cow::Owned);
        }
        self.plain_text().map(Cow::Borrowed)
    }
}

/// Reads objects, and expects the members of each in the order in which they stood in the one before.
#[derive(Debug)]
pub(super) struct Objects<const N: usize> {
    names: [&'static str; N],
    expected: Vec<Start>,
}

/// How a member began.
#[derive(Debug, Default)]
struct Start {
    /// The key with its quotes, and what follows it up to the colon.
    spelled: String,
    /// Which of the names it is, if it is one.
    name: Option<usize>,
}

impl<const N: usize> Objects<N> {
    /// Members that come after so many others are not expected.
    const EXPECTED: usize = 32;

    /// Of each object the members of these names are asked for.
    pub(super) fn new(names: [&'static str; N]) -> Self {
        Self { names, expected: Vec::new() }
    }

    /// The members of the object that `line` consists of, in the order of the names. `None` when it is not plain enough to be
    /// sure, or one of them comes twice.
    pub(super) fn read<'a>(&mut self, line: &'a str) -> Option<[Option<Value<'a>>; N]> {
        let line = line.trim_end_matches(['\n', '\r']);
        // In a string it would be wrong; elsewhere it is rare.
        if line.bytes().fold(u8::MAX, u8::min) < b' ' {
            return None;
        }
        let mut found = [None; N];
        let mut cursor = Cursor { line, at: 0 };
        cursor.expect(b'{')?;
        for number in 0.. {
            cursor.skip_blanks();
            let name = self.start(&mut cursor, number)?;
            let value = cursor.value()?;
            if let Some(name) = name
                && found[name].replace(value).is_some()
            {
                return None;
            }
            match cursor.next()? {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        cursor.skip_blanks();
        (cursor.at == line.len()).then_some(found)
    }

    /// Reads a key and its colon, and says which of the names it is.
    fn start(&mut self, cursor: &mut Cursor<'_>, number: usize) -> Option<Option<usize>> {
        if let Some(expected) = self.expected.get(number)
            && cursor.rest()?.starts_with(&expected.spelled)
        {
            cursor.at += expected.spelled.len();
            return Some(expected.name);
        }
        let begun = cursor.at;
        let key = cursor.string()?.plain_text()?;
        cursor.expect(b':')?;
        let name = self.names.iter().position(|name| *name == key);
        if number < Self::EXPECTED {
            self.expected.resize_with(self.expected.len().max(number + 1), Start::default);
            self.expected[number] = Start { spelled: cursor.line.get(begun..cursor.at)?.to_owned(), name };
        }
        Some(name)
    }
}

/// Goes through a line in which there is no control character.
struct Cursor<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> Option<&'a str> {
        self.line.get(self.at..)
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ') = self.line.as_bytes().get(self.at) {
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

    fn value(&mut self) -> Option<Value<'a>> {
        self.skip_blanks();
        let rest = self.rest()?;
        if rest.starts_with('"') {
            return self.string();
        }
        let spelled = ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word))?;
        self.at += spelled.len();
        Some(Value { spelled, escaped: false })
    }

    fn string(&mut self) -> Option<Value<'a>> {
        self.expect(b'"')?;
        let (start, bytes) = (self.at - 1, self.line.as_bytes());
        let mut escaped = false;
        loop {
            self.at += plain_bytes(bytes.get(self.at..)?)?;
            if bytes[self.at] == b'"' {
                break;
            }
            self.at += escape_length(&bytes[self.at..])?;
            escaped = true;
        }
        self.at += 1;
        Some(Value { spelled: self.line.get(start..self.at)?, escaped })
    }
}

/// How many bytes come before the first quote or backslash. Most texts are too short for a general search to be worth its start.
fn plain_bytes(bytes: &[u8]) -> Option<usize> {
    const WORDS: usize = 3;
    let (words, _) = bytes.as_chunks::<8>();
    for (place, word) in words.iter().take(WORDS).enumerate() {
        let found = special(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(8 * place + (found.trailing_zeros() / 8) as usize);
        }
    }
    let start = 8 * words.len().min(WORDS);
    Some(start + memchr::memchr2(b'"', b'\\', &bytes[start..])?)
}

/// The lowest bit set is the top one of the first byte, in little-endian order, that ends plain text.
fn special(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xFF;
    let equal = |byte: u8| {
        let differs = word ^ (ONES * u64::from(byte));
        differs.wrapping_sub(ONES) & !differs
    };
    (equal(b'"') | equal(b'\\')) & (ONES << 7)
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
    use proptest::collection::vec;
    use proptest::prelude::*;
    use serde_json::Value as Json;

    const NAMES: [&str; 6] = ["a", "é", "yes", "no", "nil", "key"];

    fn json(value: Value<'_>) -> Json {
        let text = value.text().map(|text| text.into_owned());
        assert!(value.plain_text().is_none_or(|plain| Some(plain) == text.as_deref()));
        match (text, value.flag()) {
            (Some(text), _) => Json::String(text),
            (None, Some(yes)) => Json::Bool(yes),
            (None, None) => {
                assert!(value.is_null());
                Json::Null
            }
        }
    }

    fn read_after(objects: &mut Objects<6>, line: &str) -> Option<serde_json::Map<String, Json>> {
        let found = objects.read(line)?;
        let found = NAMES.iter().zip(found).filter_map(|(name, value)| Some((name.to_string(), json(value?))));
        Some(found.collect())
    }

    fn read(line: &str) -> Option<serde_json::Map<String, Json>> {
        read_after(&mut Objects::new(NAMES), line)
    }

    /// What it reads, the general parser reads as well, and alike, whatever was read before.
    fn agrees_after(objects: &mut Objects<6>, line: &str) -> bool {
        let plain = read_after(objects, line);
        if plain != read(line) {
            return false;
        }
        let Some(plain) = plain else { return true };
        let Ok(Json::Object(mut general)) = serde_json::from_str(line) else { return false };
        general.retain(|name, _| NAMES.contains(&name.as_str()));
        plain == general
    }

    #[test]
    fn an_ordinary_line_is_read_and_an_odd_one_is_left_alone() {
        let line = r#" {"a":"b", "é" : "l’été\n\"\u00e9\\" ,"yes":true,"no":false,"nil":null,"":""} "#;
        let read_as = read(line).unwrap();
        assert_eq!(read_as.len(), 5);
        assert_eq!(read_as["é"], Json::String("l’été\n\"é\\".to_owned()));
        assert!(agrees_after(&mut Objects::new(NAMES), line));
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
            r#"{"a":"b","a":"b"}"#,
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
            lines in vec(r#"\{("(a|é|yes|[b-c\\\u{1}]{0,2})" ?[:, ]{1,2}("[a-z\\"u0-9dé\u{1f}👍]{0,12}"|true|null|fals|1),? ?){0,3}\}? ?\n?"#, 1..5),
        ) {
            let mut objects = Objects::new(NAMES);
            for line in &lines {
                prop_assert!(agrees_after(&mut objects, line), "{line} of {lines:?}");
            }
        }

        #[test]
        fn a_text_is_found_to_its_end(text in any::<String>()) {
            let line = format!(r#"{{"key":{}}}"#, serde_json::to_string(&text).unwrap());
            let found = read(&line).map(|found| found["key"].clone());
            // What is no plain text any more is left to the general parser.
            prop_assert!(found.is_none_or(|found| found == Json::String(text.clone())));
            prop_assert!(text.contains(char::is_control) || read(&line).is_some());
        }
    }
}
