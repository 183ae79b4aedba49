//! A small EspoCRM and a small Telegram on loopback: what `max demo` shows and what the tests run against.

pub mod espo;
pub mod page;
pub mod seed;
pub mod telegram;
