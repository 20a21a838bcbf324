//! Mean and deviation of columns, where rows may count by weights.

use std::ops::RangeInclusive;

use chainrule::ndarray::{Array2, ArrayView2};
use chainrule::tensor::Scalar;
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
        let mut mean = mean(x, weights, |_, x| x);
        // A sum of equal numbers is rounded, so that a constant column can seem to vary by that rounding.
        for (mean, constant) in mean.iter_mut().zip(constants(x, weights)) {
            *mean = constant.unwrap_or(*mean);
        }
        let variance = self::mean(x, weights, |column, x| (x - mean[column]).powi(2));
        let rows = x.nrows() as f64;
        let deviation = variance.iter().zip(&mean).map(|(&variance, &mean)| {
            // Nor is a variance that the rounding of the mean explains: the bound of scikit-learn's scalers.
            let rounding = rows * f64::EPSILON * variance + (rows * mean * f64::EPSILON).powi(2);
            Some(variance.sqrt()).filter(|deviation| variance > rounding && deviation.is_normal())
        });
        Self { deviation: deviation.collect(), mean }
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
        let mut scaled = Array2::zeros(x.dim());
        for (row, mut out) in x.rows().into_iter().zip(scaled.rows_mut()) {
            for ((x, out), (mean, deviation)) in row.iter().zip(&mut out).zip(self.columns()) {
                *out = B::of((x.as_f64() - mean) / deviation);
            }
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

fn mean<A: Scalar>(
    x: &ArrayView2<'_, A>,
    weights: Option<&[f64]>,
    value: impl Fn(usize, f64) -> f64,
) -> Vec<f64> {
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let total: f64 = (0..x.nrows()).map(weight).sum();
    let mut sums = vec![0.0; x.ncols()];
    for (n, row) in x.rows().into_iter().enumerate() {
        let weight = weight(n);
        for (column, (sum, x)) in sums.iter_mut().zip(row).enumerate() {
            *sum += weight * value(column, x.as_f64());
        }
    }
    sums.iter().map(|sum| sum / total).collect()
}

/// The number of each column that has only one, in the rows that count.
fn constants<A: Scalar>(x: &ArrayView2<'_, A>, weights: Option<&[f64]>) -> Vec<Option<f64>> {
    let mut range = vec![(f64::INFINITY, f64::NEG_INFINITY); x.ncols()];
    let counts = |row: usize| weights.is_none_or(|weights| weights[row] > 0.0);
    for (_, row) in x.rows().into_iter().enumerate().filter(|(n, _)| counts(*n)) {
        for ((least, most), x) in range.iter_mut().zip(row) {
            (*least, *most) = (least.min(x.as_f64()), most.max(x.as_f64()));
        }
    }
    range.into_iter().map(|(least, most)| (least == most).then_some(least)).collect()
}
