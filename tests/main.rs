//! One test binary: stories, conformance, crash, architecture.

mod conformance;
