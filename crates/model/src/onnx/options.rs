//! How a model is written in ONNX: the operator set, and what goes into the graph.

use std::ops::RangeInclusive;

use chainrule_datasets::{ColumnKind, Input};
use thiserror::Error;

use crate::checkpoint_error::CheckpointError;
use crate::model_card::ModelCard;

/// The operator sets of ONNX that graphs are written for.
pub const OPSETS: RangeInclusive<i64> = 13..=24;
/// The operator set of `ai.onnx.ml`, ONNX's operators for tables and classes, that graphs with columns use.
pub const TABLE_OPSET: i64 = 2;

/// How a graph is written.
///
/// ```
/// use chainrule_model::onnx::{OnnxInputs, OnnxOptions};
///
/// let options = OnnxOptions::default();
/// assert_eq!((options.opset, options.inputs, options.ir_version()), (17, OnnxInputs::Matrix, 8));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnnxOptions {
    /// The operator set, one of [`OPSETS`].
    pub opset: i64,
    /// What goes into the graph.
    pub inputs: OnnxInputs,
}

impl Default for OnnxOptions {
    /// Operator set 17, and a matrix.
    fn default() -> Self {
        Self { opset: 17, inputs: OnnxInputs::Matrix }
    }
}

impl OnnxOptions {
    /// The version of the file format that came with the operator set.
    ///
    /// # References
    /// `onnx.helper.VERSION_TABLE`.
    pub fn ir_version(&self) -> i64 {
        match self.opset {
            ..=14 => 7,
            15..=18 => 8,
            19 | 20 => 9,
            21 | 22 => 10,
            23 => 11,
            _ => 12,
        }
    }

    pub(super) fn check(&self) -> Result<(), ExportError> {
        if OPSETS.contains(&self.opset) { Ok(()) } else { Err(ExportError::Opset { opset: self.opset }) }
    }
}

/// What goes into a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnnxInputs {
    /// One matrix `x` in the number type of the model, with a column for each input of the network: a table's categories are one-hot
    /// encoded, and its missing cells filled.
    Matrix,
    /// The cells of a table as they are: one input for each column, numbers in `f64` and words.
    Columns,
}

impl OnnxInputs {
    /// The usual ones of a model: columns if it was trained on a table whose columns have names, or are more than numbers.
    pub fn of(card: &ModelCard) -> Self {
        match &card.input {
            Some(Input::Table(schema))
                if schema.named || schema.features.iter().any(|column| column.kind != ColumnKind::Number) =>
            {
                OnnxInputs::Columns
            }
            _ => OnnxInputs::Matrix,
        }
    }
}

/// Why a model was not written in ONNX.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// An operator set that graphs are not written for.
    #[error("operator set {opset}: graphs are written for the operator sets {} to {}", OPSETS.start(), OPSETS.end())]
    Opset {
        /// The operator set.
        opset: i64,
    },
    /// Columns are asked for of a model that knows none.
    #[error(
        "the model was not trained on a table, so that it knows no columns: export it with a matrix as its input"
    )]
    NoTable,
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] CheckpointError),
}
