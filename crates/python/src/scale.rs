//! Mean and deviation of columns, where rows may count by weights.

use std::ops::RangeInclusive;

use chainrule::datasets::moments;
use chainrule::ndarray::{Array2, ArrayView2};
use chainrule::tensor::{Scalar, rows, simd};
use serde::{Deserialize, Serialize};

/// The mean and the standard deviation of each column; no deviation for a constant column, which is only shifted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scale {
    mean: Vec<f64>,
    deviation: Vec<Option<f64>>,
}

impl Scale {
    /// Over the rows of x, all of one weight where there are none.
    pub(crate) fn of<A: Scalar>(x: &ArrayView2<'_, A>, weights: Option<&[f64]>) -> Self {
        // Weights that are all 0 are refused with the examples.
        let weights = weights.filter(|weights| weights.iter().any(|weight| *weight > 0.0));
        let (mean, deviation) = moments(x, weights).into_iter().unzip();
        Self { mean, deviation }
    }

    /// Whether the largest deviation and the largest mean are of the order of 1, as those of standardised numbers, of shares and of the
    /// counts of small things are: a network then learns as well without a scale, and small columns may be small for a reason.
    pub(crate) fn is_near_one(&self) -> bool {
        const RANGE: RangeInclusive<f64> = 0.2..=5.0;
        let mean = self.mean.iter().fold(0.0_f64, |largest, mean| largest.max(mean.abs()));
        let deviation = self.deviation.iter().flatten().fold(0.0_f64, |largest, &d| largest.max(d));
        RANGE.contains(&deviation) && mean <= 2.0 * RANGE.end()
    }

    /// (x − mean) / deviation, computed in double precision and then rounded.
    pub(crate) fn apply<A: Scalar, B: Scalar>(&self, x: &ArrayView2<'_, A>) -> Array2<B> {
        let divisors: Vec<f64> = self.columns().map(|(_, divisor)| divisor).collect();
        let mut scaled = Array2::zeros(x.dim());
        for (row, out) in x.rows().into_iter().zip(rows::slices_mut(&mut scaled)) {
            let row = row.as_standard_layout();
            let row = row.as_slice().expect("a row of its own");
            simd::dispatch(
                #[inline(always)]
                || {
                    for ((out, x), (mean, divisor)) in
                        out.iter_mut().zip(row).zip(self.mean.iter().zip(&divisors))
                    {
                        *out = B::of((x.as_f64() - mean) / divisor);
                    }
                },
            );
        }
        scaled
    }

    /// The inverse: x ← x·deviation + mean.
    pub(crate) fn invert(&self, x: &mut Array2<f64>) {
        for mut row in x.rows_mut() {
            for (x, (mean, deviation)) in row.iter_mut().zip(self.columns()) {
                *x = *x * deviation + mean;
            }
        }
    }

    /// Mean and divisor of each column.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.mean.iter().copied().zip(self.deviation.iter().map(|deviation| deviation.unwrap_or(1.0)))
    }
}
