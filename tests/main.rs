//! One test binary: stories, conformance, crash, architecture.

mod backtest;
mod espo_client;
mod reading;
mod rules;
mod sandbox_telegram;
mod voice;
