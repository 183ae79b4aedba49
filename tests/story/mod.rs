//! Stories: from a fact in the CRM to the rep's chat and back, with the real daemon and time moved by hand.

mod acts;
mod calm;
mod chat;
mod closed;
mod commands;
mod crm;
mod day;
mod drafts;
mod escalation;
mod export;
mod feed;
mod insight;
mod kpi;
mod linking;
mod links;
mod outage;
mod people;
mod permissions;
mod quiet;
mod rules;
mod settings;
mod sources;
mod standstill;
mod step;
mod wordings;
mod working_times;
