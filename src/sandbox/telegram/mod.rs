//! A small Telegram Bot API server, as strict as the real one where it matters.
