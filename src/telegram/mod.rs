//! Telegram: what a message looks like, how it is sent and edited, what taps and commands mean.

pub mod announce;
pub mod api;
pub mod bot;
pub mod chart;
pub mod deliver;
mod drafts;
mod handing;
mod lanes;
mod linking;
pub mod menus;
pub mod pace;
mod pages;
pub mod render;
pub mod suggestions;
pub mod talk;
mod taps;
pub mod times;
