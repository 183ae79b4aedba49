//! Configuration: defaults < file < environment, checked once, as a whole; secrets redacted.
