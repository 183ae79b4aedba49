//! Finding a lead by what somebody types: the first letters of a name are enough, accents and case do not count, and a
//! slip of the finger is forgiven.

use std::collections::BinaryHeap;

use crate::domain::spelling::{fold, slips, slips_of, words};
use crate::domain::{Lead, LeadId, UserId};
use crate::store::{Names, Result, Store};

/// The most leads that are found.
pub const MOST_FOUND: usize = 20;
/// The most words of what is typed that are looked at.
const MOST_WORDS: usize = 6;

/// What was found, best first: what is typed without a slip before what is not, the reader's own leads before others'.
/// Whether the reader may see them is not known here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Leads that every typed word fits.
    pub leads: Vec<Lead>,
    /// Whether it took forgiving a slip to find them.
    pub by_slips: bool,
    /// When there are none: those that something of it fits.
    pub near: Vec<Lead>,
}

/// How well a lead fits: the less, the better.
type Fit = (usize, bool, usize);

/// Leads that are called what `typed` says.
///
/// # Errors
/// When the store cannot be read.
pub fn search(store: &Store, typed: &str, reader: &UserId) -> Result<Found> {
    let typed = fold(&typed.chars().take(200).collect::<String>());
    let wanted: Vec<&str> = words(&typed).take(MOST_WORDS).collect();
    if wanted.is_empty() {
        return Ok(Found::default());
    }
    let (fitting, slipped, near) = store.with_names(|names| {
        let fitting = best(names, reader, |name| all_fit(&wanted, name, begins));
        if !fitting.is_empty() {
            return (fitting, Vec::new(), Vec::new());
        }
        let slipped = best(names, reader, |name| all_fit(&wanted, name, slipped));
        if !slipped.is_empty() {
            return (fitting, slipped, Vec::new());
        }
        (fitting, slipped, best(names, reader, |name| some_fit(&wanted, name)))
    })?;
    let by_slips = fitting.is_empty();
    let leads = if by_slips { slipped } else { fitting };
    Ok(Found { leads: read(store, &leads)?, by_slips, near: read(store, &near)? })
}

fn read(store: &Store, ids: &[LeadId]) -> Result<Vec<Lead>> {
    let mut leads = Vec::with_capacity(ids.len());
    for id in ids {
        leads.extend(store.lead(id)?.filter(|lead| !lead.deleted));
    }
    Ok(leads)
}

/// The leads that fit best.
fn best(names: &Names, reader: &UserId, fit: impl Fn(&str) -> Option<usize>) -> Vec<LeadId> {
    let mut found: BinaryHeap<(Fit, &LeadId)> = BinaryHeap::new();
    for (lead, name, is_own) in names.all(reader) {
        let Some(cost) = fit(name) else { continue };
        found.push(((cost, !is_own, name.len()), lead));
        if found.len() > MOST_FOUND {
            found.pop();
        }
    }
    found.into_sorted_vec().into_iter().map(|(_, lead)| lead.clone()).collect()
}

/// How well a name fits when every wanted word is in it; `None` when one is not.
fn all_fit(wanted: &[&str], name: &str, fits: impl Fn(&str, &str) -> Option<usize>) -> Option<usize> {
    let mut cost = 0;
    for word in wanted {
        cost += words(name).filter_map(|known| fits(word, known)).min()?;
    }
    Some(cost)
}

/// A word, or its beginning.
fn begins(word: &str, known: &str) -> Option<usize> {
    known.starts_with(word).then(|| usize::from(known.len() != word.len()))
}

/// A word, its beginning, or either with a slip.
fn slipped(word: &str, known: &str) -> Option<usize> {
    let by_slip = || {
        let most = slips_of(word);
        let whole = slips(word, known, most).or_else(|| sounds_the_same(word, known).then_some(1));
        // What is typed may be the beginning of a name.
        let start = known.char_indices().nth(word.chars().count()).map(|(at, _)| &known[..at]);
        let start = start.filter(|_| word.len() >= 5).and_then(|start| slips(word, start, 1)).map(|slips| slips + 1);
        whole.into_iter().chain(start).min().map(|slips| 1 + slips)
    };
    if most_differ(word, known) { begins(word, known) } else { begins(word, known).or_else(by_slip) }
}

/// Whether two words differ in nothing one hears: Sofie is Sophie.
fn sounds_the_same(word: &str, known: &str) -> bool {
    (word.contains("ph") || known.contains("ph")) && word.replace("ph", "f") == known.replace("ph", "f")
}

/// Whether a slip is out of the question: nobody misses the first letter and the second.
fn most_differ(word: &str, known: &str) -> bool {
    let mut known = known.chars();
    let (first, second) = (known.next(), known.next());
    let mut typed = word.chars();
    let (one, two) = (typed.next(), typed.next());
    one != first && two != second && one != second && two != first
}

/// How well a name fits of which some wanted word is a part: the more of them, the better.
fn some_fit(wanted: &[&str], name: &str) -> Option<usize> {
    let loosely = |word: &str, known: &str| {
        let far = || slips(word, known, slips_of(word) + 1).filter(|_| word.len() >= 4).map(|slips| slips + 2);
        begins(word, known).filter(|_| word.len() >= 3).or_else(far)
    };
    let costs = wanted.iter().map(|word| words(name).filter_map(|known| loosely(word, known)).min());
    let (mut missing, mut total) = (0, 0);
    for cost in costs {
        match cost {
            Some(cost) => total += cost,
            None => missing += 1,
        }
    }
    (missing < wanted.len()).then_some(missing * 100 + total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(typed: &str, name: &str) -> Option<usize> {
        let (typed, name) = (fold(typed), fold(name));
        let wanted: Vec<&str> = words(&typed).collect();
        all_fit(&wanted, &name, begins).or_else(|| all_fit(&wanted, &name, slipped))
    }

    #[test]
    fn beginnings_accents_and_slips_are_found() {
        for (typed, name) in [
            ("sophie", "Sophie Martin"),
            ("SOPH", "Sophie Martin"),
            ("martin sophie", "Sophie Martin"),
            ("heloise", "Héloïse Lefèvre"),
            ("Lefèvre", "Heloise Lefevre"),
            ("sohpie", "Sophie Martin"),
            ("sofie", "Sophie Martin"),
            ("sophie m", "Sophie Martin"),
            ("lefebre", "Héloïse Lefèvre"),
            ("techcorp", "Sophie Martin TechCorp SAS"),
            ("tehccorp", "Sophie Martin TechCorp SAS"),
            ("jean-pierre", "Jean Pierre Dupond"),
            ("oneil", "Sean O'Neil ONeil"),
            ("dupnot", "Jean Dupont"),
            ("שרה", "שרה כהן"),
        ] {
            assert!(cost(typed, name).is_some(), "{typed} in {name}");
        }
    }

    #[test]
    fn other_names_are_not() {
        for (typed, name) in
            [("eva", "Eve Martin"), ("marc", "Marie Martin"), ("sophie durand", "Sophie Martin"), ("xyz", "Sophie")]
        {
            assert_eq!(cost(typed, name), None, "{typed} in {name}");
        }
        let near = |typed: &str, name: &str| some_fit(&words(typed).collect::<Vec<_>>(), name);
        assert!(near("sophie durand", "sophie martin").is_some());
        assert_eq!(near("xyz", "sophie martin"), None);
    }

    #[test]
    fn the_better_fit_costs_less() {
        assert!(cost("martin", "Sophie Martin") < cost("martin", "Sophie Martinez"));
        assert!(cost("martin", "Sophie Martinez") < cost("martin", "Sophie Mratin"));
    }
}
