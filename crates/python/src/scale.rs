//! Mean and deviation of columns, where rows may count by weights.

use std::ops::RangeInclusive;

use chainrule::ndarray::{Array2, ArrayView2};
use chainrule::tensor::Scalar;
use serde::{Deserialize, Serialize};

/// The mean and the standard deviation of each column; a deviation of 1 for a column of one number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scale {
    pub(crate) mean: Vec<f64>,
    pub(crate) deviation: Vec<f64>,
}

impl Scale {
    /// Over the rows of x, all of one weight where there are none.
    pub(crate) fn of<A: Scalar>(x: &ArrayView2<'_, A>, weights: Option<&[f64]>) -> Self {
        let mean = mean(x, weights, |_, x| x);
        let variance = self::mean(x, weights, |column, x| (x - mean[column]).powi(2));
        let deviation = variance.iter().zip(&mean).map(|(variance, mean)| {
            let deviation = variance.sqrt();
            // What is left of a constant column is rounding.
            let is_constant = deviation <= 10.0 * f64::EPSILON * mean.abs();
            if is_constant || !deviation.is_normal() { 1.0 } else { deviation }
        });
        Self { deviation: deviation.collect(), mean }
    }

    /// Whether the largest deviation and the largest mean are of the order of 1, as those of standardised numbers, of shares and of the
    /// counts of small things are: a network then learns as well without a scale, and small columns may be small for a reason.
    pub(crate) fn is_near_one(&self) -> bool {
        const RANGE: RangeInclusive<f64> = 0.2..=5.0;
        // A column of one number says nothing of the scale of the others.
        let varying = self.columns().filter(|(_, deviation)| *deviation != 1.0);
        let (mean, deviation) = varying
            .fold((0.0_f64, 0.0_f64), |(mean, deviation), (m, d)| (mean.max(m.abs()), deviation.max(d)));
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

    /// Mean and deviation of each column.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.mean.iter().copied().zip(self.deviation.iter().copied())
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
