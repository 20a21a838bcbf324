//! Numbers that JSON cannot hold.

use serde::{Deserialize, Deserializer};

/// A number that JSON may hold as `null` because it is not finite.
pub(crate) fn finite_or_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}
