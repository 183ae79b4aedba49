//! One test binary: stories, conformance, crash, architecture.

mod backtest;
mod rules;
