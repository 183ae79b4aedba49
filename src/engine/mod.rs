//! The single writer: refresh, decide, commit; the scheduler; the dispatcher.
