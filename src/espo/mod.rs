//! EspoCRM on the wire: what it says becomes [`crate::domain::observation::Observation`]s, what M.A.X. writes
//! becomes its records. Wire types never leave this room, and the loops that use it live in `engine`.
//!
//! - [`client`] speaks HTTP and says what an answer means; [`error`] classifies what goes wrong;
//! - [`record`] reads one record, whatever a customised CRM made of it;
//! - [`mapping`] says which record is which activity (`templates/espocrm-activities.toml`), and [`observe()`] reads
//!   records by it;
//! - [`sync`] fetches pages: backfill and sweep by id, poll by modification, refresh by hint;
//! - [`mod@write`] brings `MaxAlert` and `MaxActivity` records to the state they should have;
//! - [`deeds`] tells what users did by button;
//! - [`working_times`] reads who works when;
//! - [`permissions`] asks what a user may do with leads, [`links`] reads and writes what links users to Telegram;
//! - [`webhooks`] registers hooks and verifies what they deliver;
//! - [`extension`] packs the archive that an administrator installs;
//! - [`admin`] is what an administrator may do, for `max setup`; [`rights`] is what our API user must be able to.

pub mod admin;
pub mod client;
pub mod deeds;
pub mod error;
pub mod extension;
mod html;
pub mod links;
pub mod mails;
pub mod mapping;
pub mod observe;
pub mod permissions;
pub mod record;
pub mod rights;
pub mod settings;
pub mod sync;
pub mod webhooks;
pub mod working_times;
pub mod write;

pub use client::Client;
pub use error::{Error, Retry};
pub use mapping::Mapping;
pub use observe::{Malformed, observe};
pub use record::Record;
pub use settings::EspoSettings;
