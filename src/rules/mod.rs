//! The rules: the facts of one lead and an instant in, findings with their evidence out.

use serde::Deserialize;

/// Thresholds and switches of the rules.
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize)]
pub struct Settings {}
