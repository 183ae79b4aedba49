//! One test binary: stories, conformance, crash, architecture.

mod espo_client;
