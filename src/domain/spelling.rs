//! Words as people type them: without accents, in any case, with a letter too many. What is typed is compared with
//! what is known in this form.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Lower case, without accents.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            folded.push(c.to_ascii_lowercase());
        } else {
            fold_into(c, &mut folded);
        }
    }
    folded
}

fn fold_into(c: char, folded: &mut String) {
    for c in std::iter::once(c).nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
        // Letters that no normal form takes apart.
        match c {
            'œ' => folded.push_str("oe"),
            'æ' => folded.push_str("ae"),
            'ß' => folded.push_str("ss"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' => folded.push('d'),
            'ı' => folded.push('i'),
            c => folded.push(c),
        }
    }
}

/// The words of a folded text: runs of letters and digits.
pub fn words(folded: &str) -> impl Iterator<Item = &str> {
    folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// How many slips of the finger a word of that length may hold and still be it.
pub fn slips_of(word: &str) -> usize {
    match word.chars().count() {
        0..4 => 0,
        4..8 => 1,
        _ => 2,
    }
}

/// How many slips lead from one word to the other (a letter more, less, another, or two in the wrong order); `None`
/// when more than `most`.
pub fn slips(typed: &str, meant: &str, most: usize) -> Option<usize> {
    /// Longer words are not compared letter by letter.
    const LONGEST: usize = 32;
    let (mut a, mut b) = (['\0'; LONGEST], ['\0'; LONGEST]);
    let (a, b) = (letters(typed, &mut a)?, letters(meant, &mut b)?);
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    let mut rows = [[0_usize; LONGEST + 1]; 3];
    for (column, cell) in rows[0].iter_mut().enumerate() {
        *cell = column;
    }
    for i in 1..=a.len() {
        let (now, before, earlier) = (i % 3, (i + 2) % 3, (i + 1) % 3);
        rows[now][0] = i;
        let mut least = i;
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut cost = (rows[before][j] + 1).min(rows[now][j - 1] + 1).min(rows[before][j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                cost = cost.min(rows[earlier][j - 2] + 1);
            }
            rows[now][j] = cost;
            least = least.min(cost);
        }
        if least > most {
            return None;
        }
    }
    Some(rows[a.len() % 3][b.len()]).filter(|slips| *slips <= most)
}

fn letters<'a>(word: &str, buffer: &'a mut [char]) -> Option<&'a [char]> {
    let mut length = 0;
    for c in word.chars() {
        *buffer.get_mut(length)? = c;
        length += 1;
    }
    Some(&buffer[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_and_case_do_not_count() {
        assert_eq!(fold("Éloïse Œuvrard-Çelik ŁÓDŹ ﬁn"), "eloise oeuvrard-celik lodz fin");
        assert_eq!(fold("E\u{301}lo\u{308}ise"), fold("Élöise"), "however they are put together");
        assert_eq!(
            words("jean-pierre o'neil & 3 fils").collect::<Vec<_>>(),
            ["jean", "pierre", "o", "neil", "3", "fils"]
        );
    }

    #[test]
    fn slips_are_counted() {
        for (typed, meant, expected) in [
            ("sophie", "sophie", Some(0)),
            ("sohpie", "sophie", Some(1)),
            ("sofie", "sophie", Some(2)),
            ("sophi", "sophie", Some(1)),
            ("sopphie", "sophie", Some(1)),
            ("marc", "sophie", None),
            ("", "ab", Some(2)),
        ] {
            assert_eq!(slips(typed, meant, 2), expected, "{typed}");
        }
        assert_eq!(slips("sofie", "sophie", 1), None);
        assert_eq!(slips(&"x".repeat(4_000), "x", 2), None);
        assert_eq!(slips_of("eve"), 0);
    }
}
