//! What facts mean beyond the rules: reading a message, advice on channel and next step.

pub mod advice;
pub mod discreet;
pub mod exchange;
pub mod habits;
pub mod hours;
pub mod kpi;
pub mod language;
pub mod lead;
pub mod leaning;
pub mod reading;
pub mod strategy;
pub mod zone;
