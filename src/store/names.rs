//! What leads are called, in memory, so that somebody who types a name does not wait for a million rows. It is made
//! when it is first asked for, and every write keeps it true from then on.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::domain::spelling::fold;
use crate::domain::{Lead, LeadId, UserId};

/// How much of a name is looked at, in characters.
const NAME_CHARS: usize = 300;

/// Leads by what they are called: full name, first name and company, folded, one after another.
#[derive(Debug, Default)]
pub struct Names {
    all: HashMap<LeadId, Named, FixedState>,
    /// Whose leads there are: a lead's owner is a place in it.
    owners: Vec<UserId>,
}

#[derive(Debug)]
struct Named {
    /// Empty for a lead that is gone: it stays, so that an older state of it is not taken for news.
    name: Box<str>,
    owner: Option<u32>,
}

impl Names {
    /// Every lead, what it is called, and whether it is `owner`'s.
    pub fn all(&self, owner: &UserId) -> impl Iterator<Item = (&LeadId, &str, bool)> {
        let owner = self.place_of(owner);
        let known = self.all.iter().filter(|(_, named)| !named.name.is_empty());
        known.map(move |(lead, named)| (lead, &*named.name, owner.is_some() && named.owner == owner))
    }

    /// A lead as it is now.
    pub(super) fn set(&mut self, lead: &Lead) {
        let owner = lead.owner.as_ref().map(|owner| {
            self.place_of(owner).unwrap_or_else(|| {
                self.owners.push(owner.clone());
                u32::try_from(self.owners.len() - 1).unwrap_or(u32::MAX)
            })
        });
        self.all.insert(lead.id.clone(), Named { name: called(lead), owner });
    }

    /// A lead as it was when the index was begun, unless it is known better.
    pub(super) fn fill(&mut self, lead: &Lead) {
        if !self.all.contains_key(&lead.id) {
            self.set(lead);
        }
    }

    fn place_of(&self, owner: &UserId) -> Option<u32> {
        self.owners.iter().position(|known| known == owner).and_then(|place| u32::try_from(place).ok())
    }
}

fn called(lead: &Lead) -> Box<str> {
    if lead.deleted {
        return Box::default();
    }
    let short = |text: &str| text.chars().take(NAME_CHARS).collect::<String>();
    let mut name = fold(&short(&lead.name));
    let first = fold(&short(&lead.first_name));
    if !name.contains(&first) {
        name = format!("{name} {first}");
    }
    format!("{name} {}", fold(&short(&lead.account_name))).trim().into()
}
