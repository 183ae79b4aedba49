//! The few things people type to a colleague, in French and English: that something is done, that it can wait, that
//! they will call at ten. Read by hand-written rules; what they do not understand is asked, never guessed.

mod moment;
mod words;

use chrono_tz::Tz;

use crate::domain::Timestamp;
use moment::Found;
pub use moment::Moment;
pub(super) use moment::instant;
use words::{Token, Tokens};

/// What somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It is dealt with.
    Done,
    /// The rep wrote by hand.
    Sent,
    /// Not now.
    Later,
    /// A call is to be planned.
    Call,
    /// The rep has called; what came of it is not said.
    Called,
    /// Why am I told?
    Why,
    /// Take back what I just did.
    Undo,
    /// Show this lead.
    Show,
    /// What can I say?
    Help,
    /// Thanks, or a nod.
    Thanks,
    /// A greeting.
    Hello,
    /// Nothing we understand.
    Unknown,
}

/// What somebody typed, as far as it is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// What is wanted.
    pub act: Act,
    /// Of whom, in the words that were typed.
    pub who: Option<String>,
    /// When.
    pub when: Option<Moment>,
    /// Nothing but a time was said.
    pub is_bare: bool,
}

/// Longer texts are no instructions.
const MOST_WORDS: usize = 16;
/// A name has no more words.
const MOST_NAMES: usize = 4;

/// Reads a text that was typed at `now` by somebody whose days are those of `zone`.
pub fn read(text: &str, now: Timestamp, zone: Tz) -> Intent {
    let nothing = Intent { act: Act::Unknown, who: None, when: None, is_bare: false };
    if let Some(act) = sign(text.trim()) {
        return Intent { act, ..nothing };
    }
    let mut tokens = Tokens::of(text);
    if tokens.is_empty() || tokens.len() > MOST_WORDS {
        return nothing;
    }
    let is_question = text.trim_end().ends_with('?');
    let act = act(&mut tokens);
    let found = moment::find(&mut tokens, act == Some(Act::Later), now, zone);
    let rest = tokens.rest();
    let who = (!rest.is_empty() && rest.len() <= MOST_NAMES).then(|| rest.join(" "));
    let when = match found {
        Found::Nothing => None,
        Found::One(moment) => Some(moment),
    };
    let is_told_much = rest.len() > MOST_NAMES;
    let is_bare = act.is_none() && who.is_none() && when.is_some();
    let act = match (act, &who, when) {
        (Some(Act::Unknown), ..) => return nothing,
        (Some(Act::Done | Act::Sent), ..) if is_question => return nothing,
        (Some(Act::Done), _, Some(Moment::At(_) | Moment::Day(_))) => Act::Later,
        (Some(act), ..) if !is_told_much => act,
        (None, None, Some(_)) if !is_told_much => Act::Later,
        (None, Some(_), None) => Act::Show,
        (Some(_) | None, ..) => return nothing,
    };
    Intent { act, who, when, is_bare }
}

/// What a sign alone says.
fn sign(text: &str) -> Option<Act> {
    match text {
        "✅" | "✔️" | "✔" | "☑️" => Some(Act::Done),
        "?" | "??" | "???" | "❓" => Some(Act::Help),
        "👍" | "🙏" | "❤️" | "👌" | "😊" | "🙂" => Some(Act::Thanks),
        "👋" => Some(Act::Hello),
        _ => None,
    }
}

/// What is wanted, and the words that said so are used up.
fn act(tokens: &mut Tokens<'_>) -> Option<Act> {
    if ["maintenant", "now"].iter().any(|now| tokens.take_phrase(&["pas", now]) || tokens.take_phrase(&["not", now])) {
        return Some(Act::Later);
    }
    if tokens.take_phrase(&["pas", "le", "temps"]) || tokens.take_phrase(&["no", "time"]) {
        return Some(Act::Later);
    }
    let negated = tokens.take_any(&["pas", "non", "not", "no", "jamais", "never", "didn", "isn"])
        || tokens.take_phrase(&["don", "t"]);
    let found = PHRASES.iter().find(|(_, phrases)| phrases.iter().any(|phrase| tokens.take_phrase(phrase)));
    let act = found.map(|(act, _)| *act).or_else(|| by_word(tokens));
    match act {
        Some(Act::Done | Act::Sent | Act::Called | Act::Call | Act::Later) if negated => Some(Act::Unknown),
        Some(act) => Some(act),
        None if negated => Some(Act::Unknown),
        None => None,
    }
}

/// What takes several words, longest first.
const PHRASES: [(Act, &[&[&str]]); 11] = [
    (
        Act::Call,
        &[
            &["rappelle", "moi", "d", "appeler"],
            &["rappelle", "moi", "de", "rappeler"],
            &["rappelle", "moi", "de", "telephoner", "a"],
            &["remind", "me", "to", "call"],
            &["remind", "me", "to", "phone"],
            &["il", "faut", "que", "je", "l", "appelle"],
            &["coup", "de", "fil"],
            &["coup", "de", "tel"],
            &["call", "back"],
            &["give", "a", "call", "to"],
        ],
    ),
    (
        Act::Undo,
        &[&["en", "fait", "non"], &["je", "me", "suis", "trompe"], &["je", "me", "suis", "trompee"], &["my", "bad"]],
    ),
    (
        Act::Called,
        &[
            &["ai", "appele"],
            &["ai", "appelee"],
            &["ai", "rappele"],
            &["ai", "rappelee"],
            &["ai", "eu", "au", "telephone"],
            &["ai", "eu", "au", "tel"],
            &["viens", "d", "appeler"],
            &["viens", "de", "rappeler"],
            &["viens", "de", "l", "appeler"],
            &["viens", "de", "la", "rappeler"],
            &["viens", "de", "le", "rappeler"],
            &["just", "called"],
            &["have", "called"],
            &["i", "called"],
        ],
    ),
    (
        Act::Sent,
        &[
            &["c", "est", "envoye"],
            &["cest", "envoye"],
            &["message", "envoye"],
            &["ai", "repondu"],
            &["ai", "ecrit"],
            &["ai", "envoye"],
            &["viens", "de", "repondre"],
            &["i", "replied"],
            &["i", "answered"],
            &["i", "wrote"],
            &["i", "sent"],
        ],
    ),
    (
        Act::Later,
        &[
            &["rappelle", "le", "moi"],
            &["rappelle", "la", "moi"],
            &["rappelle", "moi"],
            &["rappelez", "le", "moi"],
            &["rappelez", "moi"],
            &["remind", "me"],
            &["plus", "tard"],
            &["tout", "a", "l", "heure"],
            &["on", "verra"],
            &["a", "faire"],
            &["je", "le", "fais"],
            &["je", "la", "fais"],
            &["je", "m", "en", "occupe"],
            &["ask", "me", "again"],
            &["a", "plus"],
        ],
    ),
    (
        Act::Done,
        &[
            &["c", "est", "bon"],
            &["cest", "bon"],
            &["c", "est", "regle"],
            &["all", "set"],
            &["took", "care"],
            &["taken", "care"],
            &["dealt", "with"],
            &["marquer", "comme", "traite"],
            &["mark", "as", "done"],
            &["mark", "as", "handled"],
        ],
    ),
    (Act::Why, &[&["c", "est", "quoi"], &["comment", "ca", "se", "fait"], &["how", "come"], &["what", "is", "this"]]),
    (
        Act::Help,
        &[
            &["comment", "ca", "marche"],
            &["que", "peux", "tu", "faire"],
            &["que", "sais", "tu", "faire"],
            &["que", "faire"],
            &["what", "can", "you", "do"],
            &["how", "does", "it", "work"],
        ],
    ),
    (Act::Thanks, &[&["ca", "marche"], &["d", "accord"], &["thank", "you"], &["bien", "recu"], &["got", "it"]]),
    (Act::Hello, &[&["good", "morning"], &["ca", "va"], &["how", "are", "you"]]),
    (
        Act::Show,
        &[
            &["ou", "en", "est"],
            &["ou", "en", "sommes", "nous", "avec"],
            &["show", "me"],
            &["parle", "moi", "de"],
            &["c", "est", "qui"],
        ],
    ),
];

/// What one word says, and whether it is also known with a slip of the finger.
const WORDS: [(Act, bool, &[&str]); 12] = [
    (Act::Undo, true, &["annule", "annuler", "annulez", "annulation", "undo", "oups", "oops", "cancel"]),
    (Act::Why, true, &["pourquoi", "pq", "pkoi", "why"]),
    (
        Act::Call,
        true,
        &[
            "appelle",
            "appeler",
            "appel",
            "rappelle",
            "rappeler",
            "rappel",
            "appelez",
            "rappelez",
            "appellerai",
            "rappellerai",
            "telephone",
            "telephoner",
            "phone",
            "callback",
        ],
    ),
    (Act::Call, false, &["call", "tel", "ring"]),
    (Act::Called, false, &["appelee", "rappelee", "called"]),
    (Act::Sent, true, &["envoye", "repondu", "replied", "answered"]),
    (Act::Sent, false, &["sent"]),
    (
        Act::Later,
        true,
        &[
            "later",
            "snooze",
            "reporte",
            "reporter",
            "reportez",
            "decale",
            "decaler",
            "repousse",
            "repousser",
            "postpone",
            "remets",
            "remettre",
            "relance",
            "relancer",
            "attends",
            "attendre",
            "patiente",
            "remind",
            "recontacter",
            "recontacte",
            "contacter",
        ],
    ),
    (Act::Done, true, &["traite", "traitee", "regle", "reglee", "termine", "finished", "handled", "resolved"]),
    (Act::Done, false, &["fait", "faite", "done", "fini", "finie", "boucle", "closed", "clos"]),
    (Act::Help, true, &["aide", "help"]),
    (
        Act::Thanks,
        false,
        &[
            "merci", "thanks", "thx", "ty", "mci", "ok", "okay", "oki", "super", "parfait", "cool", "top", "great",
            "perfect", "nickel", "compris", "entendu", "noted", "oui", "yes",
        ],
    ),
];
/// Said after everything else: somebody greets and then asks.
const GREETINGS: [&str; 10] = ["bonjour", "salut", "hello", "hi", "hey", "coucou", "bonsoir", "bjr", "slt", "yo"];

fn by_word(tokens: &mut Tokens<'_>) -> Option<Act> {
    let exact = WORDS.iter().find(|(act, _, words)| *act != Act::Thanks && tokens.take_any(words));
    let by_slip = || WORDS.iter().find(|(_, slips, words)| *slips && words.iter().any(|word| tokens.take_like(word)));
    if let Some((act, ..)) = exact.or_else(by_slip) {
        return Some(*act);
    }
    let (_, _, nods) = WORDS[11];
    let nods = tokens.take_any(nods);
    let greets = tokens.take_any(&GREETINGS);
    let is_all = tokens.rest().is_empty() && !tokens.has_numbers_or_days();
    match (nods, greets) {
        (true, _) if is_all => Some(Act::Thanks),
        (_, true) if is_all => Some(Act::Hello),
        _ => None,
    }
}

/// The token's word when it is one of a name: nothing that our grammar knows.
fn is_filler(token: &Token<'_>) -> bool {
    const FILLERS: &[&str] = &[
        "la",
        "le",
        "les",
        "lui",
        "l",
        "un",
        "une",
        "a",
        "au",
        "aux",
        "de",
        "d",
        "du",
        "des",
        "pour",
        "stp",
        "svp",
        "please",
        "pls",
        "moi",
        "me",
        "m",
        "je",
        "j",
        "on",
        "il",
        "elle",
        "the",
        "to",
        "at",
        "for",
        "it",
        "him",
        "her",
        "them",
        "ok",
        "oui",
        "yes",
        "bien",
        "c",
        "cest",
        "est",
        "ce",
        "cet",
        "cette",
        "ca",
        "et",
        "and",
        "mon",
        "ma",
        "my",
        "lead",
        "leads",
        "client",
        "cliente",
        "madame",
        "mme",
        "mr",
        "monsieur",
        "avec",
        "with",
        "chez",
        "by",
        "par",
        "merci",
        "thanks",
        "is",
        "be",
        "s",
        "all",
        "tout",
        "vers",
        "des",
        "fois",
        "sur",
        "que",
        "qu",
        "ai",
        "as",
        "has",
        "have",
        "been",
        "was",
        "i",
        "ve",
        "that",
        "this",
        "up",
        "back",
        "un",
        "y",
        "en",
        "deja",
        "already",
        "t",
        "te",
        "tu",
        "vous",
        "bonjour",
        "salut",
        "hello",
        "hi",
        "hey",
        "coucou",
        "max",
        "je",
        "vais",
        "va",
        "dois",
        "will",
        "ll",
        "can",
        "you",
        "peux",
        "plutot",
        "rather",
        "actually",
        "finalement",
        "message",
        "alerte",
        "alert",
        "bon",
        "alors",
        "so",
        "just",
        "juste",
        "voila",
        "then",
        "of",
        "about",
        "super",
        "done",
        "suis",
        "okay",
        "note",
        "plan",
        "planifie",
        "planifier",
        "programme",
        "programmer",
        "schedule",
        "prevois",
        "prevoir",
        "book",
        "number",
        "tel",
        "telephone",
        "again",
        "o",
        "clock",
    ];
    FILLERS.contains(&token.word.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARIS: Tz = chrono_tz::Europe::Paris;

    /// What a text is read as on Thursday 12 March 2026 at 15:00 in Paris: the act, who, when.
    fn said(text: &str) -> String {
        let now = Timestamp::parse_rfc3339("2026-03-12T15:00:00+01:00").unwrap();
        let intent = read(text, now, PARIS);
        let when = intent.when.map(|when| match when {
            Moment::At(at) => at.to_utc().with_timezone(&PARIS).format("%d.%m. %H:%M").to_string(),
            Moment::Day(day) => day.format("%d.%m.").to_string(),
            Moment::Past => "past".to_owned(),
            Moment::Unclear => "unclear".to_owned(),
        });
        let parts = [Some(format!("{:?}", intent.act).to_lowercase()), intent.who, when];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" | ")
    }

    fn all(cases: &[(&str, &str)]) {
        let wrong: Vec<String> = cases
            .iter()
            .filter(|(text, expected)| said(text) != *expected)
            .map(|(text, expected)| format!("{text:?}: {} instead of {expected}", said(text)))
            .collect();
        assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    }

    #[test]
    fn what_is_done_is_done() {
        all(&[
            ("fait", "done"),
            ("Fait !", "done"),
            ("ok c'est fait", "done"),
            ("c'est fait merci", "done"),
            ("C’est fait.", "done"),
            ("cest fait", "done"),
            ("traité", "done"),
            ("traite", "done"),
            ("TRAITÉ", "done"),
            ("traitée", "done"),
            ("traté", "done"),
            ("c'est réglé", "done"),
            ("réglé", "done"),
            ("c'est bon", "done"),
            ("fini", "done"),
            ("done", "done"),
            ("Done!", "done"),
            ("all done", "done"),
            ("handled", "done"),
            ("✅", "done"),
            ("Sophie c'est fait", "done | Sophie"),
            ("fait pour Sophie", "done | Sophie"),
            ("fait pour Jean-Pierre Dupond", "done | Jean Pierre Dupond"),
            ("done with Sophie", "done | Sophie"),
            ("c'est envoyé", "sent"),
            ("envoyé", "sent"),
            ("j'ai répondu", "sent"),
            ("sent", "sent"),
            ("I replied", "sent"),
            ("message envoyé à Sophie", "sent | Sophie"),
        ]);
    }

    #[test]
    fn what_is_not_done_is_not_taken_for_done() {
        all(&[
            ("pas fait", "unknown"),
            ("pas encore fait", "unknown"),
            ("ce n'est pas traité", "unknown"),
            ("not done", "unknown"),
            ("fait ?", "unknown"),
            ("non", "unknown"),
            ("je le fais demain", "later | 13.03."),
            ("à faire lundi", "later | 16.03."),
            ("le client a fait une demande de devis pour son bureau de Lyon la semaine passée", "unknown"),
            ("ne l'appelle pas", "unknown"),
        ]);
    }

    #[test]
    fn what_can_wait_waits() {
        all(&[
            ("plus tard", "later"),
            ("Plus tard stp", "later"),
            ("pas maintenant", "later"),
            ("pas le temps", "later"),
            ("later", "later"),
            ("not now", "later"),
            ("snooze", "later"),
            ("on verra", "later"),
            ("tout à l'heure", "later"),
            ("demain", "later | 13.03."),
            ("demian", "later | 13.03."),
            ("Marc Demian", "show | Marc Demian"),
            ("Demain matin", "later | 13.03. 09:00"),
            ("tomorrow", "later | 13.03."),
            ("tommorow", "later | 13.03."),
            ("tomorow morning", "later | 13.03. 09:00"),
            ("tmrw", "later | 13.03."),
            ("lundi", "later | 16.03."),
            ("ludni", "later | 16.03."),
            ("Lundi prochain", "later | 16.03."),
            ("next monday", "later | 16.03."),
            ("next monday 9am", "later | 16.03. 09:00"),
            ("jeudi", "later | 19.03."),
            ("vendredi aprem", "later | 13.03. 14:00"),
            ("vendredi en huit", "later | 20.03."),
            ("après-demain", "later | 14.03."),
            ("apres demain", "later | 14.03."),
            ("the day after tomorrow", "later | 14.03."),
            ("dans 2h", "later | 12.03. 17:00"),
            ("dans 2 heures", "later | 12.03. 17:00"),
            ("dans deux heures", "later | 12.03. 17:00"),
            ("dans une heure", "later | 12.03. 16:00"),
            ("dans 1h30", "later | 12.03. 16:30"),
            ("dans une heure et demie", "later | 12.03. 16:30"),
            ("dans une demi-heure", "later | 12.03. 15:30"),
            ("dans un quart d'heure", "later | 12.03. 15:15"),
            ("dans 30 min", "later | 12.03. 15:30"),
            ("30 min", "later | 12.03. 15:30"),
            ("in 2 hours", "later | 12.03. 17:00"),
            ("in an hour", "later | 12.03. 16:00"),
            ("in half an hour", "later | 12.03. 15:30"),
            ("dans 3 jours", "later | 15.03."),
            ("in 3 days", "later | 15.03."),
            ("dans une semaine", "later | 19.03."),
            ("dans 2 semaines", "later | 26.03."),
            ("dans un mois", "later | 12.04."),
            ("la semaine prochaine", "later | 16.03."),
            ("next week", "later | 16.03."),
            ("mardi de la semaine prochaine", "later | 17.03."),
            ("après le week-end", "later | 16.03."),
            ("after the weekend", "later | 16.03."),
            ("fin de semaine", "later | 13.03."),
            ("fin du mois", "later | 31.03."),
            ("ce soir", "later | 12.03. 18:30"),
            ("tonight", "later | 12.03. 18:30"),
            ("cet aprem", "later | 12.03. 16:00"),
            ("cet après-midi", "later | 12.03. 16:00"),
            ("this afternoon", "later | 12.03. 16:00"),
            ("fin de journée", "later | 12.03. 17:30"),
            ("snooze 1h de plus", "later | plus | unclear"),
            ("reporte d'1h", "later | 12.03. 16:00"),
            ("snooze for 2 hours", "later | 12.03. 17:00"),
            ("reporte à demain", "later | 13.03."),
            ("décale à lundi 14h", "later | 16.03. 14:00"),
            ("rappelle-moi demain", "later | 13.03."),
            ("remind me tomorrow at 9", "later | 13.03. 09:00"),
            ("rappelle-le-moi lundi", "later | 16.03."),
            ("Sophie plus tard", "later | Sophie"),
            ("relance Sophie lundi", "later | Sophie | 16.03."),
            ("le 20", "later | 20.03."),
            ("le 5", "later | 05.04."),
            ("le 1er avril", "later | 01.04."),
            ("aujourd'hui", "later | 12.03."),
            ("18h", "later | 12.03. 18:00"),
        ]);
    }

    #[test]
    fn calls_are_planned() {
        all(&[
            ("appelle-la demain 10h", "call | 13.03. 10:00"),
            ("Appelle la demain à 10h", "call | 13.03. 10:00"),
            ("apelle la demain 10h", "call | 13.03. 10:00"),
            ("je l'appelle demain à 10 h 30", "call | 13.03. 10:30"),
            ("je l’appelle demain 10h30", "call | 13.03. 10:30"),
            ("rappel jeudi 15h30", "call | 19.03. 15:30"),
            ("rappeler jeudi 19 mars à 15h30", "call | 19.03. 15:30"),
            ("appel vendredi 9h", "call | 13.03. 09:00"),
            ("call him tomorrow at 10", "call | 13.03. 10:00"),
            ("call her tomorrow at 3pm", "call | 13.03. 15:00"),
            ("call back monday 9:30", "call | 16.03. 09:30"),
            ("call Sophie next tuesday at 2 pm", "call | Sophie | 17.03. 14:00"),
            ("call him in 2 hours", "call | 12.03. 17:00"),
            ("call her at half past 4 pm", "call | 12.03. 16:30"),
            ("appelle Sophie demain 10h", "call | Sophie | 13.03. 10:00"),
            ("appeler Mme Lefèvre lundi à midi", "call | Lefèvre | 16.03. 12:00"),
            ("appeler sophie martin mardi 14h", "call | sophie martin | 17.03. 14:00"),
            ("rappelle-moi d'appeler Sophie demain 10h", "call | Sophie | 13.03. 10:00"),
            ("remind me to call Sophie tomorrow at 10am", "call | Sophie | 13.03. 10:00"),
            ("coup de fil à Sophie demain matin", "call | Sophie | 13.03. 09:00"),
            ("planifie un appel avec Sophie le 18 à 11h", "call | Sophie | 18.03. 11:00"),
            ("schedule a call with Sophie on 18 March at 11:00", "call | Sophie | 18.03. 11:00"),
            ("téléphoner à Sophie demain 16h", "call | Sophie | 13.03. 16:00"),
            ("appelle 12/03 à 17h", "call | 12.03. 17:00"),
            ("appelle le 16/03 à 14h", "call | 16.03. 14:00"),
            ("appel 16/3/2026 14:00", "call | 16.03. 14:00"),
            ("appelle demain 8h du soir", "call | 13.03. 20:00"),
            ("appelle demain 3h de l'après-midi", "call | 13.03. 15:00"),
            ("appelle à 17h", "call | 12.03. 17:00"),
            ("appelle vers 17h", "call | 12.03. 17:00"),
            ("appelle 17h et demie", "call | 12.03. 17:30"),
            ("appelle demain onze", "call | onze | 13.03."),
            ("appelle demain 11", "call | 13.03. 11:00"),
            ("appelle dans 30 minutes", "call | 12.03. 15:30"),
            ("Appelle Eve lundi 11h moins le quart", "call | Eve | 16.03. 10:45"),
        ]);
    }

    /// A time that can be read in two ways is asked for, one that is over is said to be.
    #[test]
    fn what_is_unclear_or_over_is_said_to_be() {
        all(&[
            ("appelle demain 3h", "call | unclear"),
            ("call her tomorrow at 3", "call | unclear"),
            ("appelle lundi ou mardi 10h", "call | ou | unclear"),
            ("appelle entre 10h et 11h", "call | entre | unclear"),
            ("appelle demain 25h", "call | unclear"),
            ("appelle demain 10h75", "call | unclear"),
            ("appelle le 30 février", "call | unclear"),
            ("appelle lundi 17 mars 10h", "call | unclear"),
            ("jeudi 19", "later | unclear"),
            ("mardi 12", "later | 17.03. 12:00"),
            ("mardi 24", "later | 24.03."),
            ("call her on 03/04 at 10am", "call | unclear"),
            ("appelle à minuit", "call | unclear"),
            ("appelle Sophie", "call | Sophie"),
            ("appelle-la demain", "call | 13.03."),
            ("rappelle", "call"),
            ("appelle à 10h", "call | past"),
            ("appelle hier", "call | past"),
            ("ce matin", "later | past"),
            ("this morning", "later | past"),
            ("lundi dernier", "later | past"),
            ("appelle le 01/03 à 10h", "call | past"),
            ("appelle le 12/03/2025 à 10h", "call | past"),
        ]);
    }

    #[test]
    fn the_rest_is_understood_as_well() {
        all(&[
            ("pourquoi ?", "why"),
            ("pourqoi", "why"),
            ("why?", "why"),
            ("pq", "why"),
            ("c'est quoi ?", "why"),
            ("annuler", "undo"),
            ("annule", "undo"),
            ("undo", "undo"),
            ("oups", "undo"),
            ("je me suis trompé", "undo"),
            ("aide", "help"),
            ("help", "help"),
            ("?", "help"),
            ("comment ça marche ?", "help"),
            ("merci", "thanks"),
            ("ok", "thanks"),
            ("ok merci", "thanks"),
            ("👍", "thanks"),
            ("d'accord", "thanks"),
            ("bonjour", "hello"),
            ("Salut Max", "hello"),
            ("hello", "hello"),
            ("Sophie", "show | Sophie"),
            ("Sophie Martin", "show | Sophie Martin"),
            ("sophie martin ?", "show | sophie martin"),
            ("TechCorp", "show | TechCorp"),
            ("Bonjour, où en est Sophie ?", "show | Sophie"),
            ("Éloïse d'Ormesson", "show | Éloïse Ormesson"),
            ("שרה כהן", "show | שרה כהן"),
            ("je l'ai appelée", "called"),
            ("I called Sophie", "called | Sophie"),
            ("", "unknown"),
            ("👻", "unknown"),
            ("<b>Sophie</b>", "show | b Sophie b"),
            ("quel temps fera-t-il à Lyon pendant les vacances de mes voisins", "unknown"),
        ]);
    }

    #[test]
    fn no_text_breaks_it() {
        let now = Timestamp(1_773_324_000);
        for text in [
            "1/",
            "/",
            ":",
            "à",
            "dans",
            "le",
            "999999999999h",
            "12/99999999999/1",
            "\u{301}",
            "0/0",
            "le 0",
            "in 4000000000 days",
            "dans 4000000000 mois",
            "dans 999999999 h",
        ] {
            read(text, now, PARIS);
            read(&format!("appelle {text} demain"), now, PARIS);
        }
        read(&"demain ".repeat(2_000), now, PARIS);
        read(&"é".repeat(4_096), now, PARIS);
    }
}
