//! Stories: from a fact in the CRM to the rep's chat and back, with the real daemon and time moved by hand.

mod outage;
mod rules;
