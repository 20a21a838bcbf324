//! The figures of one of several targets.

use serde::{Deserialize, Serialize};

use crate::finite::finite_or_nan;

/// A target of a regression and its figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetFigures {
    /// Name of the column.
    pub name: String,
    /// Coefficient of determination.
    #[serde(deserialize_with = "finite_or_nan")]
    pub r2: f64,
    /// Root of the mean squared error.
    #[serde(deserialize_with = "finite_or_nan")]
    pub rmse: f64,
    /// Mean absolute error; files of earlier versions lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mae: Option<f64>,
}

/// Why a part of the data has no R².
pub fn without_r2(examples: usize) -> &'static str {
    if examples == 1 { "one example has no variance" } else { "the target does not vary" }
}
