//! One test binary: stories, conformance, crash, architecture.

mod reading;
mod rules;
mod sandbox_telegram;
mod voice;
