//! What facts mean beyond the rules: reading a message, advice on channel and next step.

pub mod advice;
pub mod lead;
pub mod reading;
pub mod strategy;
