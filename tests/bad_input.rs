//! What the world does to a daemon: wrong keys, dead servers, odd records, strange clocks, taps by strangers. Each
//! gets a clear log line or answer, and nothing is lost or told twice.

mod chat;
mod clocks;
mod crm;
mod disk;
mod http;
mod records;
