//! The nouns of the sales pipeline, without I/O: what a lead, an activity and an alert are, and what may
//! become of them. Every other room speaks in these words; this one imports none of them.

pub mod activity;
pub mod alert;
pub mod appointment;
pub mod ask;
pub mod bucket;
pub mod button;
pub mod calendar;
pub mod deed;
pub mod draft;
pub mod effect;
pub mod event;
pub mod holidays;
pub mod id;
pub mod insight;
pub mod lead;
pub mod manner;
pub mod meaning;
pub mod observation;
pub mod people;
pub mod preferences;
pub mod spelling;
pub mod time;
pub mod unsubscribed;
pub mod working_times;

pub use activity::{Activity, ActivityStatus, Channel, Direction, Reading, Trace};
pub use alert::{Alert, AlertState, AlertType, Anchor, CloseReason, Evidence, Severity};
pub use bucket::Bucket;
pub use deed::{CallOutcome, Deed, DeedKind};
pub use id::{ActivityId, AlertId, ChatId, DeedId, LeadId, TeamId, UserId};
pub use lead::Lead;
pub use manner::{Lang, Manner, Wording};
pub use people::{Rights, Team, User};
pub use preferences::Preferences;
pub use time::{DAY, HOUR, MINUTE, Seconds, Timestamp};
