//! One test binary: stories, conformance, crash, architecture.

mod demo_page;
mod sandbox_telegram;
