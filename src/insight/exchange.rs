//! What a message to a lead has to know of the conversation so far: in which manner it is held, what the lead asked
//! for, and what was said last.

use super::{language, reading};
use crate::domain::{Activity, ActivityStatus, Channel, Direction, Lang, Manner, Timestamp};

/// What a lead asked for, as far as one can answer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A quote.
    Quote,
    /// What it costs.
    Price,
    /// To meet, or to be shown.
    Meeting,
    /// To be called.
    Call,
    /// Something to read.
    Documents,
}

impl Topic {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Quote, Self::Price, Self::Meeting, Self::Call, Self::Documents];

    /// The name in templates.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quote => "quote",
            Self::Price => "price",
            Self::Meeting => "meeting",
            Self::Call => "call",
            Self::Documents => "documents",
        }
    }

    /// The beginnings of words that name it, in lower case.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Quote => &["devis", "chiffrage", "chiffrer", "quote", "quotation", "estimate"],
            Self::Price => &["prix", "tarif", "combien", "coût", "cout", "price", "pricing", "cost", "how much"],
            Self::Meeting => &["rdv", "rendez-vous", "rencontr", "démo", "demo", "visite", "meeting", "appointment"],
            Self::Call => {
                &["rappel", "appelez", "appeler", "appelles", "téléphon", "telephon", "call me", "call back", "ring me"]
            }
            Self::Documents => &["brochure", "documentation", "plaquette", "catalogue", "catalog"],
        }
    }
}

/// What a mail to a lead is called that answers a mail of this subject; `None` when that had none.
pub fn answer_subject(subject: &str) -> Option<String> {
    let mut rest = subject.trim();
    while let Some(shorter) = REPLY_MARKS.iter().find_map(|mark| without_mark(rest, mark)) {
        rest = shorter;
    }
    let is_none = rest.is_empty() || NO_SUBJECT.iter().any(|words| rest.eq_ignore_ascii_case(words));
    (!is_none).then(|| format!("Re: {rest}"))
}

/// What mail programs put before the subject of an answer, or of what is passed on.
const REPLY_MARKS: [&str; 9] = ["re", "réf", "rép", "fw", "fwd", "tr", "aw", "wg", "sv"];
/// What EspoCRM and mail programs call a mail without one.
const NO_SUBJECT: [&str; 4] = ["(no subject)", "(sans objet)", "(aucun objet)", "(pas de sujet)"];

fn without_mark<'a>(subject: &'a str, mark: &str) -> Option<&'a str> {
    let (before, after) = subject.split_once(':')?;
    before.trim().to_lowercase().eq(mark).then(|| after.trim())
}

/// What a lead and we said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// Where.
    pub channel: Channel,
    /// Who.
    pub direction: Direction,
    /// When.
    pub at: Timestamp,
}

/// The conversation with a lead so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// How to write to the lead.
    pub manner: Manner,
    /// What it asked for last, when that can be told.
    pub topic: Option<Topic>,
    /// What was said last.
    pub last: Option<Said>,
}

impl Default for Exchange {
    /// Nothing was said yet, and it is French.
    fn default() -> Self {
        Self { manner: Manner::Vous, topic: None, last: None }
    }
}

/// The conversation as the lead's activities tell it, ordered by (timestamp, id). `default` is the language to write in
/// when the lead's is not known.
pub fn exchange(activities: &[Activity], default: Lang) -> Exchange {
    let said = || activities.iter().rev().filter(|activity| is_said(activity));
    let texts = |direction: Direction| -> Vec<&str> {
        let of_one_side = said().filter(|activity| activity.direction == direction && !activity.reading.auto_reply);
        of_one_side.map(|activity| activity.preview.as_str()).filter(|text| !text.trim().is_empty()).collect()
    };
    let (from_the_lead, from_us) = (texts(Direction::In), texts(Direction::Out));
    let last_heard = said().find(|last| last.direction == Direction::In && !last.preview.trim().is_empty());
    Exchange {
        manner: language::manner(&from_the_lead, &from_us, default),
        topic: last_heard.filter(|last| last.reading.intent).and_then(|last| topic(&last.preview)),
        last: said().next().map(|last| Said { channel: last.channel, direction: last.direction, at: last.timestamp }),
    }
}

fn is_said(activity: &Activity) -> bool {
    match activity.status {
        ActivityStatus::Planned => false,
        ActivityStatus::Sent
        | ActivityStatus::Delivered
        | ActivityStatus::Read
        | ActivityStatus::Replied
        | ActivityStatus::NoAnswer => !activity.reading.auto_reply,
    }
}

/// What a message asks for; nothing when it does not want anything, whatever words are in it.
pub fn topic(text: &str) -> Option<Topic> {
    if !reading::read(text).intent {
        return None;
    }
    let text = text.to_lowercase();
    Topic::ALL.into_iter().find(|topic| topic.words().iter().any(|word| begins_a_word(&text, word)))
}

fn begins_a_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| !text[..at].ends_with(char::is_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_goes_under_the_subject_it_answers() {
        for (subject, answer) in [
            ("Votre offre", Some("Re: Votre offre")),
            ("  RE : Re: TR:  Votre offre ", Some("Re: Votre offre")),
            ("Fwd: AW: 12 postes: quel prix ?", Some("Re: 12 postes: quel prix ?")),
            ("Réunion: demain", Some("Re: Réunion: demain")),
            ("(No Subject)", None),
            ("re:", None),
            ("", None),
        ] {
            assert_eq!(answer_subject(subject).as_deref(), answer, "{subject}");
        }
    }

    #[test]
    fn what_is_asked_for_is_known_by_its_words() {
        for (text, expected) in [
            ("Bonjour, vous pouvez m'envoyer un devis ?", Some(Topic::Quote)),
            ("Quel est le prix pour 12 postes ?", Some(Topic::Price)),
            ("Pouvez-vous me rappeler demain ?", Some(Topic::Call)),
            ("On peut se voir pour une démo ?", Some(Topic::Meeting)),
            ("Could you send me a quote?", Some(Topic::Quote)),
            ("Je ne veux pas de devis, merci.", None),
            ("Merci !", None),
        ] {
            assert_eq!(topic(text), expected, "{text}");
        }
    }
}
