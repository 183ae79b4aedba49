//! The HTTP side: webhook receiver, API, health, metrics.
