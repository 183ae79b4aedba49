//! How long a search by name takes: `cargo bench --bench search`. Among 100,000 leads, or as many as a first argument
//! says; the first search reads every lead's name, the others look at what is kept of them. Milliseconds on this thread's
//! core, medians of twenty; the goal is that a rep who types a name does not wait: 100 ms.

use std::time::Instant;

use max::domain::{Lead, LeadId, Timestamp, UserId};
use max::engine::search::search;
use max::store::{Batch, Store};

const LEADS: usize = 100_000;
const PER_BATCH: usize = 1_000;
const TIMES: usize = 20;
const FIRST: [&str; 10] =
    ["Sophie", "Hélène", "Karim", "Jean-Luc", "Aïcha", "Thomas", "Inès", "Guillaume", "Nguyen", "Margaux"];
const SYLLABLES: [&str; 16] =
    ["mar", "tin", "ber", "nard", "du", "pont", "le", "roux", "gar", "cia", "bou", "let", "fon", "taine", "vi", "dal"];

fn main() {
    let leads = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(LEADS);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(folder.path()).expect("a store");
    for first in (0..leads).step_by(PER_BATCH) {
        let mut batch = Batch::default();
        (first..leads.min(first + PER_BATCH)).for_each(|number| batch.put_lead(&lead(number), None));
        store.apply(batch).expect("room on the disk");
    }
    let reader = UserId::from("rep1");
    println!("{leads} leads");
    let begun = Instant::now();
    search(&store, "sophie martin", &reader).expect("the store");
    println!("{:<44}{:>10}", "the first search", millis(begun.elapsed().as_secs_f64()));
    for (what, typed) in [
        ("a name", "sophie martinbernard"),
        ("the beginning of one", "mart"),
        ("a name with a slip", "sohpie martinbenrard"),
        ("nobody", "zwq xkcd"),
    ] {
        let mut times: Vec<f64> = (0..TIMES)
            .map(|_| {
                let begun = Instant::now();
                search(&store, typed, &reader).expect("the store");
                begun.elapsed().as_secs_f64()
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!("{:<44}{:>10}", format!("{what} ({typed})"), millis(times[TIMES / 2]));
    }
}

fn millis(seconds: f64) -> String {
    format!("{:.1} ms", seconds * 1_000.0)
}

fn lead(number: usize) -> Lead {
    let syllable = |place: usize| SYLLABLES[number / place % SYLLABLES.len()];
    let (first, last) = (FIRST[number % FIRST.len()], format!("{}{}", syllable(10), syllable(160)));
    let last = format!("{last}{}{}", syllable(2_560), syllable(40_960));
    Lead {
        name: format!("{first} {last}"),
        first_name: first.to_owned(),
        account_name: format!("{} & Fils", last.to_uppercase()),
        owner: Some(UserId(format!("rep{}", number % 40))),
        ..Lead::new(LeadId(format!("{number:017x}")), "In Process", Timestamp(1_772_442_000))
    }
}
