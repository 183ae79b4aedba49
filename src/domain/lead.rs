//! A lead as the CRM knows it, reduced to what M.A.X. decides on and speaks about.

use serde::{Deserialize, Serialize};

use super::{Channel, LeadId, TeamId, Timestamp, UserId};

/// One lead of the CRM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lead {
    /// The CRM's id.
    pub id: LeadId,
    /// Full name; may be empty, hold markup, or be very long.
    pub name: String,
    /// First name; may be empty.
    pub first_name: String,
    /// The company's name; may be empty.
    pub account_name: String,
    /// The CRM's status, as it writes it; admins add their own.
    pub status: String,
    /// When the lead came into being.
    pub created_at: Timestamp,
    /// Gone from the CRM, or no longer visible to us.
    pub deleted: bool,
    /// When it stopped being active (a backtest's `closed_at`), as well as is known: from then on inactive. Of no
    /// meaning while its status is an active one.
    pub closed_at: Option<Timestamp>,
    /// Marked as not to be contacted at all; see also [`Lead::is_do_not_contact`].
    pub do_not_contact: bool,
    /// Must not be called.
    pub do_not_call: bool,
    /// The e-mail address opted out.
    pub email_opted_out: bool,
    /// The telephone number opted out: neither calls nor WhatsApp.
    pub phone_opted_out: bool,
    /// Whose lead it is.
    pub owner: Option<UserId>,
    /// The teams it belongs to, sorted.
    pub teams: Vec<TeamId>,
    /// Telephone number as the CRM has it (E.164 in EspoCRM).
    pub phone: Option<String>,
    /// First e-mail address, lower case.
    pub email: Option<String>,
    /// All e-mail addresses, lower case, sorted; the first one among them.
    pub emails: Vec<String>,
    /// Where the lead came from, as the CRM writes it.
    pub source: String,
}

impl Lead {
    /// The status of a lead that was won: EspoCRM sets it when a lead is converted.
    pub const WON: &str = "Converted";

    /// A lead of which nothing else is known: no name, no owner, no number, no address.
    pub fn new(id: LeadId, status: &str, created_at: Timestamp) -> Self {
        Self {
            id,
            name: String::new(),
            first_name: String::new(),
            account_name: String::new(),
            status: status.to_owned(),
            created_at,
            deleted: false,
            closed_at: None,
            do_not_contact: false,
            do_not_call: false,
            email_opted_out: false,
            phone_opted_out: false,
            owner: None,
            teams: Vec::new(),
            phone: None,
            email: None,
            emails: Vec::new(),
            source: String::new(),
        }
    }

    /// When it was won; `None` when it was not, or that is not known. Of no meaning while that status is an active one.
    pub fn won_at(&self) -> Option<Timestamp> {
        self.closed_at.filter(|_| self.status == Self::WON)
    }

    /// Whether we may write or call on this channel and have what it takes. `Manual` is always open.
    pub fn channel_open(&self, channel: Channel) -> bool {
        match channel {
            Channel::Whatsapp => self.phone.is_some() && !self.phone_opted_out,
            Channel::Call => self.phone.is_some() && !self.phone_opted_out && !self.do_not_call,
            Channel::Email => self.email.is_some() && !self.email_opted_out,
            Channel::Manual => true,
        }
    }

    /// Whether the lead is not to be contacted: marked so, or it has a telephone number or an address and
    /// every channel these would open is closed. A lead without any contact data is not.
    pub fn is_do_not_contact(&self) -> bool {
        let usable = [Channel::Whatsapp, Channel::Call, Channel::Email];
        let reachable = self.phone.is_some() || self.email.is_some();
        self.do_not_contact || (reachable && !usable.into_iter().any(|channel| self.channel_open(channel)))
    }
}
