//! What the lexicon alone makes of a message: weighs the phrases that were found. A buying phrase counts unless its
//! own clause denies it, and unless the message as a whole says something stronger (a refusal after it, a supplier's
//! offer, an application, a complaint). The model (`model.rs`) takes this as one voice among others.

use super::lexicon::Sign;
use super::pattern::{self, Hit};
use super::text::{Clause, Words};
use crate::domain::Reading;

const AUTO_REPLY: Reading = Reading { intent: false, expects_reply: false, auto_reply: true };
const WANTS: Reading = Reading { intent: true, expects_reply: true, auto_reply: false };
const ASKS: Reading = Reading { intent: false, expects_reply: true, auto_reply: false };
const DONE: Reading = Reading { intent: false, expects_reply: false, auto_reply: false };

/// How clearly something is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wish {
    /// A step that is also taken for other reasons: a complaint turns it into no wish at all.
    Step,
    /// Only buyers say this.
    Clear,
}

/// A message with what was found in it.
pub(super) struct Message<'a> {
    pub(super) words: &'a Words,
    pub(super) hits: Vec<Hit>,
    /// Where each clause's hits begin in `hits`; one more at the end.
    bounds: Vec<usize>,
    /// Per word: says nothing, as "pas" in "pas de souci".
    masked: Vec<bool>,
    /// How many masked words stand before each; one more at the end.
    masked_before: Vec<usize>,
    /// What is wanted, clause by clause, before the message as a whole is weighed.
    pub(super) wishes: Vec<(Wish, Hit)>,
}

impl<'a> Message<'a> {
    pub(super) fn new(words: &'a Words) -> Self {
        let hits = pattern::find(words);
        let mut masked = vec![false; words.len()];
        for hit in hits.iter().filter(|hit| hit.sign == Sign::Mask) {
            masked[hit.start..hit.end].fill(true);
        }
        let mut bounds = vec![0; words.clauses.len() + 1];
        for hit in &hits {
            bounds[hit.clause + 1] += 1;
        }
        for index in 1..bounds.len() {
            bounds[index] += bounds[index - 1];
        }
        let mut masked_before = vec![0; words.len() + 1];
        for (place, masked) in masked.iter().enumerate() {
            masked_before[place + 1] = masked_before[place] + usize::from(*masked);
        }
        let mut message = Self { words, hits, bounds, masked, masked_before, wishes: Vec::new() };
        for place in 0..message.hits.len() {
            message.hits[place].denied = message.denies(&message.hits[place]);
        }
        message.wishes = message.wishes();
        message
    }

    /// What the message means, and the hits that decided.
    pub(super) fn verdict(&self) -> (Reading, Vec<Hit>) {
        if self.words.len() == 0 {
            return (ASKS, Vec::new());
        }
        let machine = self.all(Sign::Machine);
        if !machine.is_empty() {
            return (AUTO_REPLY, machine);
        }
        let stop: Vec<Hit> = self.all(Sign::Stop);
        let clear = self.wishes.iter().any(|(wish, _)| *wish == Wish::Clear);
        let asked = self.words.clauses.iter().any(|clause| clause.question);
        let away = self.all(Sign::Away);
        if !clear && !asked && stop.is_empty() && self.all(Sign::Human).is_empty() && distinct(&away) >= 2 {
            return (AUTO_REPLY, away);
        }
        if !stop.is_empty() {
            return (DONE, stop);
        }
        let wanted = self.surviving();
        if !wanted.is_empty() {
            return (WANTS, wanted);
        }
        self.reply(asked)
    }

    /// Without intent: does it expect a reply?
    fn reply(&self, asked: bool) -> (Reading, Vec<Hit>) {
        let trouble: Vec<Hit> = [Sign::Trouble, Sign::Applies].into_iter().flat_map(|sign| self.all(sign)).collect();
        let closed: Vec<Hit> = [Sign::Refuse, Sign::Postpone, Sign::Wrong, Sign::Mocks, Sign::Maybe]
            .into_iter()
            .flat_map(|sign| self.all(sign))
            .filter(|hit| !self.is_masked(hit))
            .collect();
        if !closed.is_empty() && trouble.is_empty() {
            // "Pas intéressé. Qui vous a donné mon numéro ?" still asks, after the refusal.
            let last = closed.iter().map(|hit| hit.clause).max().unwrap_or_default();
            let asks_after = self.words.clauses[last + 1..].iter().any(|clause| clause.question);
            let mocks = closed.iter().any(|hit| hit.sign == Sign::Mocks);
            return if asks_after && !mocks { (ASKS, Vec::new()) } else { (DONE, closed) };
        }
        let asks = self.hits.iter().any(|hit| matches!(hit.sign, Sign::Ask | Sign::Question) && !self.in_closing(hit));
        if asked || asks || !trouble.is_empty() {
            return (ASKS, trouble);
        }
        let later = self.all(Sign::Human);
        if !later.is_empty() {
            return (DONE, later);
        }
        if (0..self.words.clauses.len()).all(|clause| self.says_nothing_new(clause)) {
            let closing = self.all(Sign::Closing);
            // "Bonjour" on its own opens a conversation.
            return if closing.is_empty() { (ASKS, Vec::new()) } else { (DONE, closing) };
        }
        (ASKS, Vec::new())
    }

    pub(super) fn all(&self, sign: Sign) -> Vec<Hit> {
        self.hits.iter().filter(|hit| hit.sign == sign).copied().collect()
    }

    pub(super) fn in_clause(&self, clause: usize, sign: Sign) -> impl Iterator<Item = &Hit> {
        self.hits[self.bounds[clause]..self.bounds[clause + 1]].iter().filter(move |hit| hit.sign == sign)
    }

    fn has(&self, clause: usize, sign: Sign) -> bool {
        self.in_clause(clause, sign).next().is_some()
    }

    fn wishes(&self) -> Vec<(Wish, Hit)> {
        let mut wishes = Vec::new();
        let mut asked_in = None;
        for (number, clause) in self.words.clauses.iter().enumerate() {
            if self.has_free(number, Sign::Maybe) {
                continue;
            }
            let asks = self.in_clause(number, Sign::Ask).any(|hit| !hit.denied);
            if asks {
                asked_in = Some(clause.sentence);
            }
            let asks = clause.question || asked_in == Some(clause.sentence) || self.has(number, Sign::Question);
            let had = self.has(number, Sign::Had);
            for hit in &self.hits[self.bounds[number]..self.bounds[number + 1]] {
                let wish = match hit.sign {
                    Sign::Sure => Some(Wish::Clear),
                    Sign::Buy if !hit.denied => Some(Wish::Clear),
                    Sign::Lean if !hit.denied => Some(Wish::Step),
                    Sign::Offer if (asks && (clause.question || !had) || self.is_short(clause, had)) && !hit.denied => {
                        Some(Wish::Clear)
                    }
                    Sign::Step if asks && !had && !hit.denied => Some(Wish::Step),
                    _ => None,
                };
                let inside_mask =
                    hit.sign != Sign::Sure && self.is_masked(hit) || hit.sign == Sign::Sure && self.masks(hit);
                if let Some(wish) = wish.filter(|_| !inside_mask) {
                    wishes.push((wish, *hit));
                }
            }
        }
        wishes
    }

    fn has_free(&self, clause: usize, sign: Sign) -> bool {
        self.in_clause(clause, sign).any(|hit| !self.is_masked(hit))
    }

    /// "Devis svp", "tarif formule pro": naming it is asking for it.
    fn is_short(&self, clause: &Clause, had: bool) -> bool {
        const TELLING: [&str; 18] = [
            "est", "sont", "trop", "is", "are", "was", "etait", "too", "recu", "ok", "bien", "avons", "ai", "a",
            "have", "got", "votre", "your",
        ];
        !had && clause.end - clause.start <= 5
            && !(clause.start..clause.end).any(|i| TELLING.contains(&self.words.get(i)))
    }

    /// All of its words say nothing.
    pub(super) fn is_masked(&self, hit: &Hit) -> bool {
        self.masked_before[hit.end] - self.masked_before[hit.start] == hit.end - hit.start
    }

    /// A mask begins exactly here: "combien de temps" hides "combien".
    fn masks(&self, hit: &Hit) -> bool {
        self.in_clause(hit.clause, Sign::Mask).any(|mask| mask.start <= hit.start && mask.end > hit.end)
    }

    /// Whether a negation stands before the hit in its clause, or right behind its first words ("je n'achète pas").
    fn denies(&self, hit: &Hit) -> bool {
        const REACH: usize = 7;
        let clause = &self.words.clauses[hit.clause];
        let before = hit.start.saturating_sub(REACH).max(clause.start);
        let ne = (before..hit.end.min(hit.start + REACH))
            .any(|index| matches!(self.words.get(index), "ne" | "n") && !self.masked[index]);
        let behind = if ne { (hit.end + 2).min(clause.end) } else { hit.end };
        // In the order of the text, and only those near by: the work stays linear.
        let hits = &self.hits[self.bounds[hit.clause]..self.bounds[hit.clause + 1]];
        let near = hits[hits.partition_point(|hit| hit.start < before)..].iter().take_while(|hit| hit.start < behind);
        let mut near = near.filter(|no| !self.masked[no.start]);
        near.any(|no| no.sign == Sign::No && (no.start < hit.start || ne) || no.sign == Sign::NoMore && ne)
    }

    /// The wishes that the rest of the message leaves standing.
    fn surviving(&self) -> Vec<Hit> {
        let sells = distinct(&self.all(Sign::Sells)) * 2 + distinct(&self.all(Sign::MaySell)) >= 2 && self.offers();
        let applies = self.hits.iter().any(|hit| hit.sign == Sign::Applies);
        let mocks = self.hits.iter().any(|hit| hit.sign == Sign::Mocks);
        if sells || applies || mocks {
            return Vec::new();
        }
        let trouble = self.clauses_of(&[Sign::Trouble]);
        let refusals = self.clauses_of(&[Sign::Refuse, Sign::Wrong]);
        let delays = self.clauses_of(&[Sign::Postpone]);
        let sentence = |clause: usize| self.words.clauses[clause].sentence;
        let stands = |(wish, hit): &&(Wish, Hit)| {
            let clause = hit.clause;
            let refused = refusals.iter().any(|refusal| *refusal >= clause);
            let delayed = delays.iter().any(|delay| *delay >= clause || sentence(*delay) == sentence(clause))
                || !delays.is_empty() && *wish == Wish::Step;
            let about_trouble = match wish {
                Wish::Step => !trouble.is_empty(),
                Wish::Clear => trouble.iter().any(|trouble| sentence(*trouble) == sentence(clause)),
            };
            let after_refusal = *wish == Wish::Step && !refusals.is_empty() && !self.words.clauses[clause].question;
            !(refused || delayed || about_trouble || after_refusal)
        };
        self.wishes.iter().filter(stands).map(|(_, hit)| *hit).collect()
    }

    /// A supplier speaks of what is theirs; a buyer who asks for a quote does so once, and of what is ours.
    fn offers(&self) -> bool {
        self.hits.iter().any(|hit| hit.sign == Sign::Sells) || distinct(&self.all(Sign::MaySell)) >= 3
    }

    fn clauses_of(&self, signs: &[Sign]) -> Vec<usize> {
        let hits = self.hits.iter().filter(|hit| signs.contains(&hit.sign) && !self.is_masked(hit));
        hits.map(|hit| hit.clause).collect()
    }

    /// Whether a thanks or a leave-taking covers this hit: "merci de votre réponse" asks for nothing.
    fn in_closing(&self, hit: &Hit) -> bool {
        self.in_clause(hit.clause, Sign::Closing).any(|closing| closing.start <= hit.start && closing.end >= hit.end)
    }

    /// Whether a clause only greets, thanks, agrees or takes leave.
    fn says_nothing_new(&self, clause: usize) -> bool {
        let Clause { start, end, .. } = self.words.clauses[clause];
        let mut open = end - start;
        let mut covered = start;
        for hit in &self.hits[self.bounds[clause]..self.bounds[clause + 1]] {
            if matches!(hit.sign, Sign::Closing | Sign::Filler) && hit.end > covered {
                open -= hit.end - covered.max(hit.start);
                covered = hit.end;
            }
        }
        // One word more is a name.
        open <= 1 && (open == 0 || end - start > 1 || self.has_closing())
    }

    fn has_closing(&self) -> bool {
        self.hits.iter().any(|hit| hit.sign == Sign::Closing)
    }
}

/// How many of these hits, in the order of the text, do not overlap: one phrase may be found in several ways.
fn distinct(hits: &[Hit]) -> usize {
    let mut count = 0;
    let mut end = 0;
    for hit in hits {
        if hit.start >= end {
            count += 1;
            end = hit.end;
        }
    }
    count
}
