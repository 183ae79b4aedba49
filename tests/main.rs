//! One test binary: stories, conformance, crash, architecture.

mod architecture;
mod backtest;
mod bad_input;
mod cli;
mod config;
mod conformance;
mod convergence;
mod crash;
mod demo;
mod demo_page;
mod doctor;
mod drafts;
mod espo_client;
mod extension;
mod extension_client;
mod outbox;
mod reading;
mod rules;
mod sandbox_telegram;
mod setup;
mod specification;
mod story;
mod support;
mod voice;
mod wordings;
