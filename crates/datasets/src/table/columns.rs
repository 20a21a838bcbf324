use std::collections::BTreeMap;
use std::sync::Arc;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::{Array2, ArrayView1, Axis};

use super::column::Impute;
use super::date_parts;
use super::schema::{ColumnKind, Schema};
use crate::rows;
use crate::split::Split;

/// The rows of a table in compact form: numbers, codes of words, and NaN for missing cells. A row is imputed and one-hot
/// encoded when it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns {
    pub(super) x: Array2<f64>,
    pub(super) schema: Arc<Schema>,
}

impl Columns {
    /// The shape `(examples, inputs)`.
    pub fn dim(&self) -> (usize, usize) {
        (self.x.nrows(), self.schema.inputs())
    }

    /// The columns.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The cells of example `i` as numbers, one for each column of the schema: codes of words, days of dates, and NaN where a cell is
    /// missing. [`Feature::spelled`](crate::Feature::spelled) makes them texts.
    ///
    /// # Panics
    /// If `i` is out of range.
    #[track_caller]
    pub fn cells(&self, i: usize) -> Vec<f64> {
        self.x.row(i).to_vec()
    }

    /// Writes example `i` as the input of a network, not transformed.
    pub(crate) fn row<A: Scalar>(&self, i: usize, out: &mut [A]) {
        self.each(i, |at, x| out[at] = A::of(x));
    }

    /// Visits the inputs of example `i`, not transformed and in full precision.
    #[inline]
    pub(crate) fn each(&self, i: usize, mut visit: impl FnMut(usize, f64)) {
        let mut at = 0;
        for (feature, &x) in self.schema.features.iter().zip(self.x.row(i)) {
            let x = if x.is_nan() { feature.fill.unwrap_or(f64::NAN) } else { x };
            match &feature.kind {
                ColumnKind::Number => {
                    visit(at, x);
                    at += 1;
                }
                ColumnKind::Category(words) => {
                    for code in 0..words.len() {
                        visit(at + code, if code == x as usize { 1.0 } else { 0.0 });
                    }
                    at += words.len();
                }
                ColumnKind::Date { with_time } => {
                    date_parts::visit(x, *with_time, |part, x| visit(at + part, x));
                    at += date_parts::inputs(*with_time);
                }
            }
        }
    }

    /// Whether the first column has whole numbers, each larger than the one before.
    pub(crate) fn first_column_ascends(&self) -> bool {
        let column = self.x.column(0);
        let pairs = column.iter().zip(column.iter().skip(1));
        column.iter().all(|x| x.fract() == 0.0) && pairs.into_iter().all(|(a, b)| a < b)
    }

    pub(crate) fn select(&self, indices: &[usize]) -> Self {
        Self { x: self.x.select(Axis(0), indices), schema: self.schema.clone() }
    }

    /// The rest and the held-out rows, of which the rest keeps the memory of the whole.
    pub(crate) fn divided(self, split: &Split) -> (Self, Self) {
        let (rest, held_out) = rows::divided(self.x, split);
        let part = |x: Array2<f64>| Self { x, schema: self.schema.clone() };
        (part(rest), part(held_out))
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
pub(super) fn filling(kind: &ColumnKind, impute: Impute, column: &ArrayView1<'_, f64>) -> Option<f64> {
    let mut present: Vec<f64> = column.iter().copied().filter(|x| !x.is_nan()).collect();
    let n = present.len();
    if n == 0 {
        return None;
    }
    Some(match (kind, impute) {
        (ColumnKind::Category(_), _) => {
            let mut counts = BTreeMap::new();
            for x in &present {
                *counts.entry(*x as usize).or_insert(0_usize) += 1;
            }
            // `max_by_key` takes the last of several maxima.
            counts.into_iter().rev().max_by_key(|&(_, count)| count)?.0 as f64
        }
        (ColumnKind::Number | ColumnKind::Date { .. }, Impute::Mean) => {
            let mean = present.iter().sum::<f64>() / n as f64;
            // The sum can overflow.
            mean.clamp(f64::MIN, f64::MAX)
        }
        (ColumnKind::Number | ColumnKind::Date { .. }, Impute::Median) => {
            present.sort_unstable_by(f64::total_cmp);
            f64::midpoint(present[(n - 1) / 2], present[n / 2])
        }
    })
}
