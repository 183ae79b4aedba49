//! What facts mean beyond the rules: reading a message, advice on channel and next step.

pub mod advice;
pub mod exchange;
pub mod language;
pub mod lead;
pub mod reading;
