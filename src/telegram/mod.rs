//! Telegram: what a message looks like, how it is sent and edited, what taps and commands mean.

pub mod render;
