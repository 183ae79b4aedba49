//! The commands of `max`.

pub mod backtest;
