//! The daemon, wired: tasks, shutdown, clock. Runs in tests as it runs in production.
