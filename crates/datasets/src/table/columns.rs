use std::collections::BTreeMap;
use std::sync::Arc;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::{Array2, ArrayView1, Axis};

use super::column::Impute;
use super::schema::{ColumnKind, Schema};

/// The rows of a table in compact form: numbers, codes of words, and NaN for missing cells. A row is imputed and one-hot
/// encoded when it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns<A> {
    pub(super) x: Array2<A>,
    pub(super) schema: Arc<Schema>,
}

impl<A: Scalar> Columns<A> {
    /// The shape `(examples, inputs)`.
    pub fn dim(&self) -> (usize, usize) {
        (self.x.nrows(), self.schema.inputs())
    }

    /// The columns.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Writes example `i` as the input of a network, not transformed.
    pub(crate) fn row(&self, i: usize, mut out: &mut [A]) {
        for (feature, &x) in self.schema.features.iter().zip(self.x.row(i)) {
            let x = if x.is_nan() { A::of(feature.fill.unwrap_or(f64::NAN)) } else { x };
            let (own, rest) = out.split_at_mut(feature.kind.inputs());
            match &feature.kind {
                ColumnKind::Number => own[0] = x,
                ColumnKind::Category(_) => {
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

    /// Computes the imputed values from these rows, which are the training part.
    pub(crate) fn refit(&mut self) {
        let Some(impute) = self.schema.impute else { return };
        let mut schema = Schema::clone(&self.schema);
        for (feature, column) in schema.features.iter_mut().zip(self.x.columns()) {
            // A column that is empty in this part keeps the value from the whole.
            feature.fill = filling(&feature.kind, impute, &column).or(feature.fill);
        }
        self.schema = Arc::new(schema);
    }

    /// Takes the imputed values of the training part.
    pub(crate) fn adopt(&mut self, train: &Self) {
        self.schema = train.schema.clone();
    }
}

/// The imputed value of a column; `None` if all its cells are missing.
pub(super) fn filling<A: Scalar>(
    kind: &ColumnKind,
    impute: Impute,
    column: &ArrayView1<'_, A>,
) -> Option<f64> {
    let mut present: Vec<A> = column.iter().copied().filter(|x| !x.is_nan()).collect();
    let n = present.len();
    if n == 0 {
        return None;
    }
    Some(match (kind, impute) {
        (ColumnKind::Category(_), _) => {
            let mut counts = BTreeMap::new();
            for x in &present {
                *counts.entry(x.as_f64() as usize).or_insert(0_usize) += 1;
            }
            // `max_by_key` takes the last of several maxima.
            counts.into_iter().rev().max_by_key(|&(_, count)| count)?.0 as f64
        }
        (ColumnKind::Number, Impute::Mean) => {
            let mean = present.iter().map(|x| x.as_f64()).sum::<f64>() / n as f64;
            // Neither rounding nor an overflow of the sum may leave the number type.
            mean.clamp(A::min_value().as_f64(), A::max_value().as_f64())
        }
        (ColumnKind::Number, Impute::Median) => {
            present.sort_unstable_by(|a, b| a.partial_cmp(b).expect("no cell is NaN"));
            f64::midpoint(present[(n - 1) / 2].as_f64(), present[n / 2].as_f64())
        }
    })
}
