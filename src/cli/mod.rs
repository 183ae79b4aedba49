//! The commands of `max`.
