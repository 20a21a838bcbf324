use std::collections::BTreeMap;
use std::sync::Arc;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::{Array2, ArrayView1, Axis};

use super::{Impute, Kind, Schema};

/// The rows of a table as they were found: numbers, words by their place among the words of their column, and NaN where
/// a cell was missing. A row is filled in and spread to one number an input when it is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Coded<A> {
    pub(super) x: Array2<A>,
    pub(super) schema: Arc<Schema>,
}

impl<A: Scalar> Coded<A> {
    /// The shape `(examples, inputs)`.
    pub fn dim(&self) -> (usize, usize) {
        (self.x.nrows(), self.schema.inputs())
    }

    /// The columns.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Writes example `i` as a network's raw input.
    pub(crate) fn row(&self, i: usize, mut out: &mut [A]) {
        for (feature, &x) in self.schema.features.iter().zip(self.x.row(i)) {
            let x = if x.is_nan() { A::of(feature.fill.unwrap_or(f64::NAN)) } else { x };
            let (own, rest) = out.split_at_mut(feature.kind.inputs());
            match &feature.kind {
                Kind::Number => own[0] = x,
                Kind::Category(_) => {
                    own.fill(A::zero());
                    own[x.as_f64() as usize] = A::one();
                }
            }
            out = rest;
        }
    }

    pub(crate) fn select(&self, indices: &[usize]) -> Self {
        Self { x: self.x.select(Axis(0), indices), schema: self.schema.clone() }
    }

    /// Finds the fillings anew in these rows, where there are any: those of training.
    pub(crate) fn refit(&mut self) {
        let Some(impute) = self.schema.impute else { return };
        let mut schema = Schema::clone(&self.schema);
        for (feature, column) in schema.features.iter_mut().zip(self.x.columns()) {
            // A column that is empty in this part keeps what the whole had.
            feature.fill = filling(&feature.kind, impute, &column).or(feature.fill);
        }
        self.schema = Arc::new(schema);
    }

    /// Takes the fillings of the part that was trained on.
    pub(crate) fn adopt(&mut self, train: &Self) {
        self.schema = train.schema.clone();
    }
}

/// What stands for a missing cell of a column; none if all are missing.
pub(super) fn filling<A: Scalar>(kind: &Kind, impute: Impute, column: &ArrayView1<'_, A>) -> Option<f64> {
    let mut present: Vec<A> = column.iter().copied().filter(|x| !x.is_nan()).collect();
    let n = present.len();
    if n == 0 {
        return None;
    }
    Some(match (kind, impute) {
        (Kind::Category(_), _) => {
            let mut counts = BTreeMap::new();
            for x in &present {
                *counts.entry(x.as_f64() as usize).or_insert(0_usize) += 1;
            }
            // `max_by_key` takes the last of equals.
            counts.into_iter().rev().max_by_key(|&(_, count)| count)?.0 as f64
        }
        (Kind::Number, Impute::Mean) => {
            let mean = present.iter().map(|x| x.as_f64()).sum::<f64>() / n as f64;
            // Neither rounding nor an overflow of the sum leads out of the number type.
            mean.clamp(A::min_value().as_f64(), A::max_value().as_f64())
        }
        (Kind::Number, Impute::Median) => {
            present.sort_unstable_by(|a, b| a.partial_cmp(b).expect("no cell is NaN"));
            f64::midpoint(present[(n - 1) / 2].as_f64(), present[n / 2].as_f64())
        }
    })
}
