//! One test binary: stories, conformance, crash, architecture.

mod sandbox_telegram;
