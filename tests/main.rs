//! One test binary: stories, conformance, crash, architecture.

mod reading;
mod rules;
