//! Whose activity is a record, and which way did it go? A record names leads by parent or link, a mail by
//! addresses as well.

use crate::domain::observation::{ActivityDraft, MailAddresses};
use crate::domain::{Direction, LeadId};
use crate::store::{Result, Store};

/// One lead that a draft belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ascription {
    /// Whose.
    pub lead: LeadId,
    /// Which way.
    pub direction: Direction,
}

/// Who has which address: what ascribing a mail asks of the mirror.
#[derive(Clone, Copy)]
pub struct Directory<'a> {
    store: &'a Store,
    company: &'a dyn Fn(&str) -> bool,
}

impl<'a> Directory<'a> {
    /// `company` tells whether a user of the CRM has that address.
    pub fn new(store: &'a Store, company: &'a dyn Fn(&str) -> bool) -> Self {
        Self { store, company }
    }
}

/// The leads that a draft belongs to, once each, in the order in which they are found.
///
/// # Errors
/// When the store cannot be read.
pub fn ascribe(draft: &ActivityDraft, directory: Directory<'_>) -> Result<Vec<Ascription>> {
    let mut found = Vec::new();
    if let Some(mail) = &draft.mail {
        by_addresses(mail, draft.direction, directory, &mut found)?;
    }
    for lead in &draft.leads {
        if directory.store.lead(lead)?.is_none() {
            continue;
        }
        let direction = draft.direction.or_else(|| draft.mail.as_ref().and_then(|mail| parented(mail, directory)));
        if let Some(direction) = direction {
            add(&mut found, lead, direction);
        }
    }
    // An acknowledgement of ours that a machine wrote answers nobody.
    found.retain(|ascription| !(draft.auto_reply && ascription.direction == Direction::Out));
    Ok(found)
}

fn add(found: &mut Vec<Ascription>, lead: &LeadId, direction: Direction) {
    if !found.iter().any(|ascription| ascription.lead == *lead) {
        found.push(Ascription { lead: lead.clone(), direction });
    }
}

fn by_addresses(
    mail: &MailAddresses,
    fixed: Option<Direction>,
    directory: Directory<'_>,
    found: &mut Vec<Ascription>,
) -> Result<()> {
    for lead in directory.store.leads_by_address(&mail.from)? {
        add(found, &lead, fixed.unwrap_or(Direction::In));
    }
    // What a lead's assistant writes in answer to our mail is the lead's word.
    if found.is_empty() && !(directory.company)(&mail.from) {
        for lead in answered_leads(mail, directory.store)? {
            add(found, &lead, fixed.unwrap_or(Direction::In));
        }
    }
    for address in &mail.to {
        for lead in directory.store.leads_by_address(address)? {
            add(found, &lead, fixed.unwrap_or(Direction::Out));
        }
    }
    Ok(())
}

/// The leads to whom the mail that this one answers was sent by us.
fn answered_leads(mail: &MailAddresses, store: &Store) -> Result<Vec<LeadId>> {
    let Some(id) = &mail.replied_id else { return Ok(Vec::new()) };
    let record = crate::domain::observation::RecordRef::new("Email", id);
    let mut leads = Vec::new();
    for link in store.record_links(&record)? {
        let sent = store.activity(&link.lead, &link.activity)?;
        if sent.is_some_and(|activity| activity.direction == Direction::Out) {
            leads.push(link.lead);
        }
    }
    Ok(leads)
}

/// Which way a mail went that hangs on a lead without naming its address: from a colleague to the outside it
/// is ours, from outside it is the lead's; between colleagues it is no contact.
fn parented(mail: &MailAddresses, directory: Directory<'_>) -> Option<Direction> {
    if mail.from.is_empty() {
        return None;
    }
    if !(directory.company)(&mail.from) {
        return Some(Direction::In);
    }
    mail.to.iter().any(|address| !(directory.company)(address)).then_some(Direction::Out)
}
