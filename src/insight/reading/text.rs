//! From a raw message to words: cuts what was not written now (quoted mails, signatures, disclaimers), folds
//! case, accents, apostrophes and chat spelling into one form, and marks where clauses and sentences end.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use foldhash::fast::FixedState;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A message as words, in one spelling, split into clauses.
#[derive(Debug, Default)]
pub(super) struct Words {
    buffer: String,
    spans: Vec<(usize, usize)>,
    /// Per word, where in the text the letters stand that it was made of.
    origins: Vec<(usize, usize)>,
    /// Where the letters stand that are being read now.
    reading: (usize, usize),
    /// In the order of the text; none is empty.
    pub(super) clauses: Vec<Clause>,
}

/// Words that belong together: negation does not reach beyond them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clause {
    /// Index of its first word.
    pub(super) start: usize,
    /// Index after its last word.
    pub(super) end: usize,
    /// Number of its sentence, from 0.
    pub(super) sentence: usize,
    /// Its sentence ends in a question mark.
    pub(super) question: bool,
}

impl Words {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// The word at `index`.
    pub(super) fn get(&self, index: usize) -> &str {
        let (start, end) = self.spans[index];
        &self.buffer[start..end]
    }

    /// Where in the text the letters stand that the words from `start` to `end` (exclusive) were made of.
    pub(super) fn origin(&self, start: usize, end: usize) -> std::ops::Range<usize> {
        self.origins[start].0..self.origins[end - 1].1
    }

    /// Drops the thanks that follow a question, and nothing else: "can you send me a quote? Thanks" thanks for nothing yet.
    pub(super) fn without_thanks_for_asking(mut self) -> Self {
        while let [.., before, last] = self.clauses.as_slice()
            && before.question
            && (last.start..last.end).all(|word| THANKS.contains(&self.get(word)))
        {
            let end = before.end;
            self.spans.truncate(end);
            self.origins.truncate(end);
            self.clauses.pop();
        }
        self
    }

    /// Drops the clauses of a long message that stand neither at its beginning nor at its end.
    fn leave_out_the_middle(&mut self) {
        let length = self.len();
        if length <= FROM_THE_BEGINNING + AT_THE_END {
            return;
        }
        let last = length - AT_THE_END;
        // A clause without an end is cut as well.
        self.cut(|clause| if clause.start < last { clause.end.min(FROM_THE_BEGINNING) } else { clause.end });
    }

    /// Drops sentences that have been said before, word for word: what is said again says no more.
    fn leave_out_repeats(&mut self) {
        let mut said: HashSet<Vec<&str>, FixedState> = HashSet::default();
        let mut repeated: HashSet<usize, FixedState> = HashSet::default();
        for clauses in self.clauses.chunk_by(|one, next| one.sentence == next.sentence) {
            let words = clauses.iter().flat_map(|clause| clause.start..clause.end).map(|place| self.get(place));
            let words: Vec<&str> = words.collect();
            if words.len() >= LEAST_OF_A_REPEAT && !said.insert(words) {
                repeated.insert(clauses[0].sentence);
            }
        }
        if !repeated.is_empty() {
            self.cut(|clause| if repeated.contains(&clause.sentence) { clause.start } else { clause.end });
        }
    }

    /// Keeps of each clause what stands before its end as `end_of` says.
    fn cut(&mut self, end_of: impl Fn(&Clause) -> usize) {
        let (spans, origins) = (std::mem::take(&mut self.spans), std::mem::take(&mut self.origins));
        for mut clause in std::mem::take(&mut self.clauses) {
            let end = end_of(&clause);
            if clause.start >= end {
                continue;
            }
            let start = self.spans.len();
            self.spans.extend(&spans[clause.start..end]);
            self.origins.extend(&origins[clause.start..end]);
            (clause.start, clause.end) = (start, self.spans.len());
            self.clauses.push(clause);
        }
    }

    fn push(&mut self, word: &str) {
        let start = self.buffer.len();
        self.buffer.push_str(word);
        self.spans.push((start, self.buffer.len()));
        self.origins.push(self.reading);
    }

    fn ends_with(&self, words: &[&str]) -> bool {
        let from = self.len().checked_sub(words.len());
        from.is_some_and(|from| words.iter().enumerate().all(|(i, word)| self.get(from + i) == *word))
    }

    fn replace_last(&mut self, count: usize, word: &str) {
        let first = self.len() - count;
        let begins = self.origins[first].0;
        self.spans.truncate(first);
        self.origins.truncate(first);
        self.push(word);
        self.origins[first].0 = begins;
    }
}

/// What thanks are made of.
const THANKS: [&str; 25] = [
    "merci",
    "beaucoup",
    "bcp",
    "mille",
    "infiniment",
    "d",
    "avance",
    "davance",
    "par",
    "bien",
    "a",
    "vous",
    "toi",
    "votre",
    "ton",
    "retour",
    "reponse",
    "thanks",
    "thank",
    "you",
    "in",
    "advance",
    "so",
    "much",
    "many",
];

/// What was written now: without quoted history, signature and disclaimer. Empty when nothing else is there.
pub(super) fn new_text(raw: &str) -> Cow<'_, str> {
    let raw = without_markup(raw);
    let lines: Vec<&str> = raw.lines().collect();
    let mut kept: Vec<&str> = Vec::with_capacity(lines.len());
    let mut index = 0;
    while index < lines.len() {
        let line = lines[index].trim();
        let plain = fold(line, 80);
        if line.starts_with('>') || line.starts_with('|') && line.len() > 1 {
            index += 1;
        } else if let Some(length) = quote_intro(&lines, index, &plain) {
            let after = index + length;
            // Someone who answers below a quote marks it with '>'; unmarked, the quote runs to the end.
            let next = lines[after..].iter().find(|line| !line.trim().is_empty());
            if !next.is_some_and(|line| line.trim().starts_with('>')) {
                break;
            }
            index = after;
        } else if ends_the_text(&lines, index, &plain) || (!kept.is_empty() && is_farewell(&lines, index, &plain)) {
            break;
        } else {
            kept.push(lines[index]);
            index += 1;
        }
    }
    without_signature(&mut kept);
    Cow::Owned(kept.join("\n"))
}

/// Takes off a last paragraph that is somebody's name, title, telephone and address, and nothing else.
fn without_signature(kept: &mut Vec<&str>) {
    while kept.pop_if(|last| last.trim().is_empty()).is_some() {}
    let Some(gap) = kept.iter().rposition(|line| line.trim().is_empty()) else { return };
    let block = &kept[gap + 1..];
    let prose = |line: &str| line.len() > 70 || line.trim_end().ends_with(['?', '!', '.', ':']) || line.contains('?');
    if block.len() <= 8 && block.iter().any(|line| is_contact(line)) && !block.iter().copied().any(prose) {
        kept.truncate(gap);
    }
}

/// A line that says where somebody can be reached, and no more than that.
fn is_contact(line: &str) -> bool {
    const LABELS: [&str; 16] = [
        "tel", "tel.", "t.", "t", "mob", "mob.", "mobile", "port", "port.", "fax", "phone", "cell", "m", "m.", "siret",
        "rcs",
    ];
    let plain = fold(line.trim(), 80);
    let first = plain.split([' ', ':']).next().unwrap_or_default();
    let digits = plain.chars().filter(char::is_ascii_digit).count();
    let letters = plain.chars().filter(|c| c.is_alphabetic()).count();
    let address = plain.starts_with("www.") || plain.starts_with("http") || plain.contains('@') && !plain.contains(' ');
    address || digits >= 6 && (LABELS.contains(&first) || digits > letters)
}

/// Text without HTML tags, when it has any: some mail clients send nothing else.
fn without_markup(raw: &str) -> Cow<'_, str> {
    const TAGS: [&str; 8] = ["<html", "<div", "<p>", "<br", "<body", "<p ", "<span", "</"];
    if !raw.contains('<') || !TAGS.iter().any(|tag| raw.contains(tag)) {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(open) = rest.find('<') {
        out.push_str(&rest[..open]);
        let tag = &rest[open..];
        if tag.starts_with("<blockquote") || tag.starts_with("<div class=\"gmail_quote") {
            return Cow::Owned(out);
        }
        let named = tag[1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!');
        // A tag longer than this is no tag; the bound keeps the search linear.
        match tag.char_indices().take(200).find(|(_, c)| *c == '>').filter(|_| named) {
            Some((close, _)) => {
                let inline = ["<b>", "</b>", "<i>", "</i>", "<span", "</span", "<a ", "</a", "<strong", "</strong"];
                out.push(if inline.iter().any(|name| tag.starts_with(name)) { ' ' } else { '\n' });
                rest = &tag[close + 1..];
            }
            None => {
                out.push('<');
                rest = &tag[1..];
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out.replace("&nbsp;", " ").replace("&#39;", "'").replace("&amp;", "&"))
}

/// Lower case without accents, at most `limit` characters: enough to recognise a line by.
fn fold(line: &str, limit: usize) -> String {
    let mut folded = String::with_capacity(limit.min(line.len()));
    let mut left = limit;
    for c in line.chars() {
        if left == 0 {
            break;
        }
        each_folded(c, |c| {
            if left > 0 {
                folded.push(c);
                left -= 1;
            }
        });
    }
    folded
}

/// One character in lower case without accents: nothing (a combining mark), itself, or the several it stands for.
/// Only combining marks ever change places in a text's normal form, so it can be made character by character.
fn each_folded(c: char, mut take: impl FnMut(char)) {
    /// The characters that are met in French and English: up to Latin Extended-B, and punctuation.
    const COMMON: [std::ops::Range<u32>; 2] = [0x80..0x250, 0x2000..0x2070];
    static FOLDED: LazyLock<[Vec<String>; 2]> = LazyLock::new(|| {
        COMMON.map(|range| range.map(|c| char::from_u32(c).map(|c| general(c).collect()).unwrap_or_default()).collect())
    });
    fn general(c: char) -> impl Iterator<Item = char> {
        std::iter::once(c).nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase)
    }
    if c.is_ascii() {
        return take(c.to_ascii_lowercase());
    }
    for (range, folded) in COMMON.iter().zip(&*FOLDED) {
        if range.contains(&u32::from(c)) {
            return folded[(u32::from(c) - range.start) as usize].chars().for_each(take);
        }
    }
    general(c).for_each(take);
}

/// How many lines the sentence that introduces a quoted mail takes, if one begins at `index`.
fn quote_intro(lines: &[&str], index: usize, plain: &str) -> Option<usize> {
    if ["le ", "on ", "el ", "am "].iter().any(|start| plain.starts_with(start)) {
        // Mail clients wrap this line; it never takes more than three.
        let mut intro = String::new();
        for (count, line) in lines[index..].iter().take(3).enumerate() {
            intro.push_str(&fold(line.trim(), 300));
            let ends = ["a ecrit :", "a ecrit:", "wrote:", "wrote :", "escribio:", "schrieb:"];
            if ends.iter().any(|end| intro.ends_with(end)) && intro.contains(|c: char| c.is_ascii_digit()) {
                return Some(count + 1);
            }
            intro.push(' ');
        }
    }
    let names_sender = plain.ends_with("a ecrit :") || plain.ends_with("a ecrit:") || plain.ends_with("wrote:");
    let dated = plain.ends_with(">:") && plain.contains('@') && plain.starts_with(|c: char| c.is_ascii_digit());
    (names_sender && plain.contains('@') || dated).then_some(1)
}

/// Whether nothing written now follows: history without marks, a signature, a disclaimer, a phone's footer.
fn ends_the_text(lines: &[&str], index: usize, plain: &str) -> bool {
    const FOOTERS: [&str; 45] = [
        "envoye avec ",
        "sent with ",
        "sent from outlook",
        "sent from mobile",
        "sent from yahoo",
        "sent from mail",
        "yahoo mail",
        "ce courriel est confidentiel",
        "ce message (",
        "le present message",
        "les informations contenues dans ce",
        "avis de confidentialite",
        "clause de confidentialite",
        "this email and its",
        "this e-mail is",
        "this communication is",
        "the contents of this e",
        "please consider the environment",
        "pensez a l'environnement",
        "avant d'imprimer",
        "n'imprimez",
        "garanti sans virus",
        "virus-free",
        "envoye de mon ",
        "envoye depuis ",
        "envoye a partir de ",
        "sent from my ",
        "sent via ",
        "get outlook for",
        "telecharger outlook",
        "obtenir outlook",
        "obtenez outlook",
        "provenance : courrier",
        "ce message et toutes les pieces",
        "ce message et ses pieces",
        "ce courriel et ",
        "ce message est confidentiel",
        "ce mail est confidentiel",
        "this email and any",
        "this e-mail and any",
        "this message and any attach",
        "this email is confidential",
        "confidentiality notice",
        "disclaimer:",
        "the information contained in this",
    ];
    let bare = plain.trim_matches(|c: char| c == '-' || c == '_' || c == '*' || c == ' ');
    let dashes = plain.starts_with("--") || plain.starts_with("__");
    if dashes && (bare.is_empty() && index > 0 || bare.starts_with("original message") || bare.starts_with("message "))
    {
        return true;
    }
    if dashes && ["forwarded message", "message d'origine", "ursprung"].iter().any(|start| bare.starts_with(start)) {
        return true;
    }
    if bare.starts_with("begin forwarded message") || bare.starts_with("debut du message reexpedie") {
        return true;
    }
    FOOTERS.iter().any(|footer| bare.starts_with(footer)) || is_header_block(lines, index, bare)
}

/// "De : … / Envoyé : … / Objet : …": two headers in a row are a quoted mail, one may be prose.
fn is_header_block(lines: &[&str], index: usize, plain: &str) -> bool {
    const FIRST: [&str; 3] = ["de", "from", "von"];
    const OTHERS: [&str; 10] = ["envoye", "date", "a", "sent", "to", "objet", "subject", "cc", "envoye le", "sujet"];
    let name =
        |line: &str| line.split_once(':').map(|(name, _)| name.trim_matches(|c| c == '*' || c == ' ').to_owned());
    name(plain).is_some_and(|first| FIRST.contains(&first.as_str()))
        && lines[index + 1..]
            .iter()
            .map(|line| fold(line.trim(), 80))
            .filter(|line| !line.is_empty())
            .take(2)
            .any(|line| name(line.trim_start_matches('*')).is_some_and(|other| OTHERS.contains(&other.as_str())))
}

/// "Cordialement," alone on its line, near the end: what follows is a name and an address.
fn is_farewell(lines: &[&str], index: usize, plain: &str) -> bool {
    const FAREWELLS: [&str; 27] = [
        "cordialement",
        "bien cordialement",
        "tres cordialement",
        "cdlt",
        "cdt",
        "bien a vous",
        "bien a toi",
        "salutations",
        "sinceres salutations",
        "salutations distinguees",
        "sincerement",
        "respectueusement",
        "amicalement",
        "best regards",
        "kind regards",
        "warm regards",
        "regards",
        "best",
        "all the best",
        "sincerely",
        "yours sincerely",
        "yours faithfully",
        "yours truly",
        "cheers",
        "many thanks",
        "br",
        "bien cdt",
    ];
    let bare = plain.trim_end_matches([',', '.', '!', ' ', ';']);
    // A postscript after a signature is written now: a long rest is no signature.
    let named = plain.len() < 40 && plain.split_once(',').is_some_and(|(first, _)| FAREWELLS.contains(&first));
    // A signature is short; the bound also keeps the cut linear.
    let rest = &lines[index + 1..(index + 16).min(lines.len())];
    (named || FAREWELLS.contains(&bare))
        && !rest.iter().map(|line| line.trim()).any(|line| {
            line.len() > 120
                || line.ends_with('?')
                || fold(line, 3).starts_with("ps")
                || fold(line, 4).starts_with("p.s")
        })
}

/// Splits a text into words and clauses.
pub(super) fn words(text: &str) -> Words {
    let mut words = Words {
        buffer: String::with_capacity(text.len() + text.len() / 8),
        spans: Vec::with_capacity(text.len() / 4),
        origins: Vec::with_capacity(text.len() / 4),
        reading: (0, 0),
        clauses: Vec::with_capacity(8),
    };
    let (mut normal, mut word) = (Vec::new(), String::new());
    let mut sentence = 0;
    let mut clause_start = 0;
    let mut sentence_start = 0;
    for line in lines_unwrapped(text) {
        for chunk in line.split_whitespace() {
            // Both are parts of `text`.
            let begins = chunk.as_ptr() as usize - text.as_ptr() as usize;
            words.reading = (begins, begins + chunk.len());
            if is_address(chunk) {
                words.push("addr");
                continue;
            }
            normalise(chunk, &mut normal);
            let mut at = 0;
            while at < normal.len() {
                let length = word_length(&normal[at..]);
                if length > 0 {
                    let before = words.len();
                    without_elongation(&normal[at..at + length], &mut word);
                    push_word(&mut words, &word);
                    // A conjunction opens a clause: what was denied before it is not denied after it.
                    if words.len() == before + 1 && CONJUNCTIONS.contains(&words.get(before)) && before > clause_start {
                        words.clauses.push(Clause { start: clause_start, end: before, sentence, question: false });
                        clause_start = before;
                    }
                    at += length;
                    continue;
                }
                match normal[at] {
                    ',' | ';' | ':' | '(' | ')' | '–' | '—' | '"' | '«' | '»' => {
                        end_clause(&mut words, &mut clause_start, sentence)
                    }
                    '-' if normal.len() == 1 => end_clause(&mut words, &mut clause_start, sentence),
                    '.' | '!' | '?' | '\u{1F}' => {
                        end_clause(&mut words, &mut clause_start, sentence);
                        end_sentence(&mut words, &mut sentence, &mut sentence_start, normal[at] == '?');
                    }
                    other => {
                        if let Some(word) = meaning_of_symbol(other) {
                            // An emoji stands for itself, beside the words it follows.
                            end_clause(&mut words, &mut clause_start, sentence);
                            if !words.ends_with(&[word]) || word == "eur" {
                                words.push(word);
                            }
                            if word == "eur" {
                                continue_clause(&mut words, &mut clause_start);
                            } else {
                                end_clause(&mut words, &mut clause_start, sentence);
                            }
                        }
                    }
                }
                at += 1;
            }
        }
        end_clause(&mut words, &mut clause_start, sentence);
        end_sentence(&mut words, &mut sentence, &mut sentence_start, false);
    }
    words.leave_out_repeats();
    words.leave_out_the_middle();
    words
}

/// Of a long message so many words from its beginning are looked at,
const FROM_THE_BEGINNING: usize = 150;
/// and so many at its end: what is wanted stands there, and a mail of ten pages costs no more than one of one.
const AT_THE_END: usize = 50;

/// Shorter sentences may be said again for good reason: "oui, oui".
const LEAST_OF_A_REPEAT: usize = 5;

const CONJUNCTIONS: [&str; 17] = [
    "mais",
    "but",
    "however",
    "sinon",
    "cependant",
    "toutefois",
    "pourtant",
    "et",
    "and",
    "donc",
    "so",
    "car",
    "because",
    "puis",
    "though",
    "although",
    "or",
];

fn end_clause(words: &mut Words, start: &mut usize, sentence: usize) {
    if words.len() > *start {
        words.clauses.push(Clause { start: *start, end: words.len(), sentence, question: false });
        *start = words.len();
    }
}

/// An amount's currency belongs to the clause before it.
fn continue_clause(words: &mut Words, start: &mut usize) {
    let before = words.len() - 1;
    if let Some(last) = words.clauses.pop_if(|last| last.end == before) {
        *start = last.start;
    }
}

fn end_sentence(words: &mut Words, sentence: &mut usize, first_clause: &mut usize, question: bool) {
    if words.clauses.len() > *first_clause {
        for clause in &mut words.clauses[*first_clause..] {
            clause.question = question;
        }
        *first_clause = words.clauses.len();
        *sentence += 1;
    } else if question {
        // "… !?" and " ?" on its own still ask.
        if let Some(last) = words.clauses.last_mut() {
            last.question = true;
        }
    }
}

/// Lines as their writer meant them: mail clients break long lines where no sentence ends.
fn lines_unwrapped(text: &str) -> impl Iterator<Item = &str> {
    // A line break after a long line is the mail client's; `split_whitespace` reads over it.
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut from = 0;
        loop {
            let Some(stop) = rest[from..].find('\n').map(|stop| from + stop) else {
                return Some(std::mem::take(&mut rest));
            };
            let next = rest[stop + 1..].chars().next();
            let wrapped = stop - from > 60 && next.is_some_and(|c| c.is_lowercase() || c.is_ascii_digit());
            if !wrapped {
                let line = &rest[..stop];
                rest = &rest[stop + 1..];
                return Some(line);
            }
            from = stop + 1;
        }
    })
}

fn is_address(chunk: &str) -> bool {
    let has = |byte| chunk.as_bytes().contains(&byte);
    (has(b':') || has(b'@') || chunk.starts_with('w')) && is_address_in_full(chunk)
}

fn is_address_in_full(chunk: &str) -> bool {
    chunk.contains("://")
        || chunk.starts_with("www.")
        || chunk.find('@').is_some_and(|at| at > 0 && chunk[at..].contains('.'))
}

/// One spelling for what means the same: no accents, one apostrophe, no invisible characters.
fn normalise(chunk: &str, normal: &mut Vec<char>) {
    normal.clear();
    for c in chunk.chars() {
        each_folded(c, |c| match c {
            'œ' => normal.extend(['o', 'e']),
            'æ' => normal.extend(['a', 'e']),
            'ß' => normal.extend(['s', 's']),
            '’' | '‘' | '`' | '´' | 'ʼ' | '′' => normal.push('\''),
            '“' | '”' | '„' => normal.push('"'),
            '？' => normal.push('?'),
            '‐' | '‑' => normal.push('-'),
            other => normal.push(other),
        });
    }
}

/// How many characters the word at the start takes; 0 when none starts here.
fn word_length(chars: &[char]) -> usize {
    let mut length = 0;
    while length < chars.len() {
        let c = chars[length];
        let joins = length > 0
            && chars.get(length + 1).is_some_and(|next| {
                let before = chars[length - 1];
                match c {
                    '\'' => before.is_alphabetic() && next.is_alphanumeric(),
                    '.' | ',' | ':' | '/' => before.is_ascii_digit() && next.is_ascii_digit(),
                    _ => false,
                }
            });
        if !c.is_alphanumeric() && !joins {
            break;
        }
        length += 1;
    }
    length
}

fn push_word(words: &mut Words, word: &str) {
    if let Some(full) = short_form(word, words) {
        for part in full.split(' ') {
            words.push(part);
        }
        return;
    }
    match word.split_once('\'') {
        Some((head, tail)) => push_elided(words, head, tail),
        None => words.push(word),
    }
    match words.get(words.len() - 1) {
        "vous" if words.ends_with(&["rendez", "vous"]) => words.replace_last(2, "rdv"),
        "plait" if words.ends_with(&["s", "il", "vous", "plait"]) || words.ends_with(&["s", "il", "te", "plait"]) => {
            words.replace_last(4, "svp");
        }
        "forma" if words.ends_with(&["pro", "forma"]) => words.replace_last(2, "proforma"),
        _ => {}
    }
}

/// "ouiiii" is "oui"; figures keep their zeros.
fn without_elongation(chars: &[char], out: &mut String) {
    out.clear();
    let mut at = 0;
    while at < chars.len() {
        let run = chars[at..].iter().take_while(|c| **c == chars[at]).count();
        let keep = if run >= 3 && chars[at].is_alphabetic() { 1 } else { run };
        for _ in 0..keep {
            out.push(chars[at]);
        }
        at += run;
    }
}

/// "j'ai" is two words, "don't" is "do not", "aujourd'hui" is one.
fn push_elided(words: &mut Words, head: &str, tail: &str) {
    let head = head.to_owned();
    match (head.as_str(), tail) {
        ("aujourd", "hui") => words.push("aujourdhui"),
        ("can", "t") => words.push_all(&["can", "not"]),
        ("won", "t") => words.push_all(&["will", "not"]),
        ("let", "s") => words.push_all(&["let", "us"]),
        (_, "t") if head.len() > 2 && head.ends_with('n') => words.push_all(&[&head[..head.len() - 1], "not"]),
        (_, "m") if head == "i" => words.push_all(&["i", "am"]),
        (_, "re") => words.push_all(&[&head, "are"]),
        (_, "ve") => words.push_all(&[&head, "have"]),
        (_, "ll") => words.push_all(&[&head, "will"]),
        (_, "d") => words.push_all(&[&head, "would"]),
        (_, "s") => words.push_all(&[&head, "is"]),
        _ => {
            words.push(&head);
            for part in tail.split('\'') {
                words.push(part);
            }
        }
    }
}

impl Words {
    fn push_all(&mut self, words: &[&str]) {
        for word in words {
            self.push(word);
        }
    }
}

/// What people type on a phone, spelled out.
const FULL_FORMS: &[(&[&str], &str)] = &[
    (&["svp", "stp", "svplait", "siouplait", "silvousplait"], "svp"),
    (&["rdv", "rdvs", "rendezvous", "rv"], "rdv"),
    (&["cb", "cbien", "cmb", "combi1"], "combien"),
    (&["bjr", "bjour", "bonjours"], "bonjour"),
    (&["bsr"], "bonsoir"),
    (&["slt", "salu", "cc"], "salut"),
    (&["mrc", "mci", "merki", "mercii", "mersi"], "merci"),
    (&["pk", "pkoi", "pourkoi"], "pourquoi"),
    (&["koi"], "quoi"),
    (&["kan", "qd"], "quand"),
    (&["ki"], "qui"),
    (&["vs"], "vous"),
    (&["ns"], "nous"),
    (&["pr"], "pour"),
    (&["ds"], "dans"),
    (&["tjs", "tjrs", "tjr", "tj"], "toujours"),
    (&["mtn"], "maintenant"),
    (&["pq"], "pourquoi"),
    (&["tt"], "tout"),
    (&["ts"], "tous"),
    (&["bcp"], "beaucoup"),
    (&["dsl", "desole", "desolee", "sry"], "sorry"),
    (&["tkt"], "t inquiete"),
    (&["okay", "oki", "okey", "okk", "dac", "dacc", "dak"], "ok"),
    (&["ouais", "ouai", "oue", "wi", "yep", "yeah", "yup", "yes", "ui"], "oui"),
    (&["nan", "nn", "nop", "nope", "nah"], "non"),
    (&["pls", "plz", "pliz"], "please"),
    (&["thx", "thanx", "ty", "tks", "tnx", "thks", "thank"], "thanks"),
    (&["u"], "you"),
    (&["ur"], "your"),
    (&["r"], "are"),
    (&["tmr", "tmrw", "tomoz"], "tomorrow"),
    (&["im"], "i am"),
    (&["ill"], "i will"),
    (&["ive"], "i have"),
    (&["whats"], "what is"),
    (&["lets"], "let us"),
    (&["dont"], "do not"),
    (&["cant", "cannot"], "can not"),
    (&["wont"], "will not"),
    (&["didnt"], "did not"),
    (&["doesnt"], "does not"),
    (&["isnt"], "is not"),
    (&["wanna"], "want to"),
    (&["gonna"], "going to"),
    (&["jai", "g"], "j ai"),
    (&["jsuis", "chui", "chuis", "jsui", "jui"], "je suis"),
    (&["jveux", "jveu"], "je veux"),
    (&["jvoudrais", "jvoudrai", "jvx"], "je voudrais"),
    (&["jaimerais", "jaimerai"], "j aimerais"),
    (&["jattends", "jattend"], "j attends"),
    (&["jprends", "jprend"], "je prends"),
    (&["jpeux", "jpe"], "je peux"),
    (&["jsais"], "je sais"),
    (&["c", "cest"], "c est"),
    (&["cetait"], "c etait"),
    (&["ya"], "il y a"),
    (&["pa"], "pas"),
    (&["auj", "ajd", "aujourdhui"], "aujourdhui"),
    (&["tarrif", "tariff", "tarifs", "tarrifs", "tariffs"], "tarifs"),
    (&["devi", "devit", "devits"], "devis"),
    (&["dispos"], "dispo"),
    (&["numro", "num"], "numero"),
    (&["msg", "mess"], "message"),
    (&["rappeler", "rapeler"], "rappeler"),
    (&["rapelez", "rapellez", "rappellez", "rapel"], "rappelez"),
    (&["interresse", "interrese", "interese", "interesser", "interresser"], "interesse"),
    (&["interressee", "interessee", "interessees", "interesses", "interessés"], "interesse"),
    (&["interessant", "interressant"], "interessant"),
];

fn short_form(word: &str, before: &Words) -> Option<&'static str> {
    static FULL: LazyLock<HashMap<&'static str, &'static str, FixedState>> = LazyLock::new(|| {
        FULL_FORMS.iter().flat_map(|(short, full)| short.iter().map(|short| (*short, *full))).collect()
    });
    let full = *FULL.get(word)?;
    let after = |words: &[&str]| words.iter().any(|word| before.ends_with(&[word]));
    let meant = match word {
        "cb" | "cbien" | "cmb" | "combi1" => !after(&["par", "en", "ma", "la", "une", "carte"]),
        "ill" => before.len() == 0 || after(&["ok"]),
        "dont" => before.len() == 0 || after(&["i", "we", "you", "they", "please", "pls"]),
        _ => true,
    };
    meant.then_some(full)
}

/// Signs that say something by themselves.
fn meaning_of_symbol(symbol: char) -> Option<&'static str> {
    Some(match symbol {
        '👍' | '👌' | '✅' | '🆗' | '💪' | '🤝' | '✔' => "emojiok",
        '🙏' | '❤' | '😊' | '🙂' | '😀' | '😁' | '😃' | '😄' | '😉' | '🥰' | '😘' | '☺' | '🎉' | '👏' => {
            "emojijoy"
        }
        '👎' => "emojino",
        '🙄' | '😒' | '😡' | '🤬' | '🤡' | '😤' | '😠' => "emojiangry",
        '€' | '$' | '£' => "eur",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the whole text is folded in general.
    fn in_general(text: &str) -> String {
        text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
    }

    #[test]
    fn every_character_is_folded_as_in_general() {
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            assert_eq!(fold(c.encode_utf8(&mut [0; 4]), 80), in_general(&c.to_string()), "{c:?}");
        }
        for text in ["ÉTÉ à l’Œuvre", "e\u{301}\u{323}a\u{323}\u{301}", "각한", "ﷺ½ﬁ", "İI", ""] {
            let whole = in_general(text);
            assert_eq!(fold(text, 80), whole, "{text}");
            assert_eq!(fold(text, 2), whole.chars().take(2).collect::<String>(), "{text}");
        }
    }

    #[test]
    fn of_a_long_message_the_beginning_and_the_end_are_looked_at() {
        let long: String = (0..400).map(|number| format!("mot{number} encore, ")).collect();
        let words = super::words(&long);
        assert_eq!((words.get(0), words.get(FROM_THE_BEGINNING - 2)), ("mot0", "mot74"));
        assert_eq!(words.get(words.len() - 2), "mot399");
        assert_eq!(words.len(), FROM_THE_BEGINNING + AT_THE_END);
        assert_eq!(words.clauses.last().map(|clause| clause.end), Some(words.len()));
        assert_eq!(&long[words.origin(words.len() - 2, words.len())], "mot399 encore,");
        let endless = super::words(&"mot ".repeat(5_000));
        assert!((1..=FROM_THE_BEGINNING + AT_THE_END).contains(&endless.len()));
    }

    #[test]
    fn a_short_form_has_one_meaning() {
        let mut all: Vec<&str> = FULL_FORMS.iter().flat_map(|(short, _)| short.iter().copied()).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
