//! The loss and the score on examples that do not count alike, as scikit-learn has them.

use chainrule::datasets::{Dataset, Encoding, Pipeline, Target};
use chainrule::layers::Sequential;
use chainrule::loss::Loss;
use chainrule::model::{Output, predict};
use chainrule::ndarray::{Array2, s};
use chainrule::tensor::{Scalar, rows};
use chainrule::train::Weights;

/// Validation examples with a weight for each.
pub(super) struct Weighted<A> {
    x: Array2<A>,
    encoded: Array2<A>,
    target: Target,
    weights: Vec<f64>,
}

impl<A: Scalar> Weighted<A> {
    pub(super) fn new(data: &Dataset<A>, encoding: Encoding, weights: Vec<f64>) -> Self {
        let (x, encoded) = (data.inputs_through(&Pipeline::new()), data.encode(encoding));
        Self { x, encoded, target: data.target().clone(), weights }
    }

    /// The loss, and the accuracy or R², of a network.
    pub(super) fn measure(
        &self,
        network: &Sequential<A>,
        loss: &dyn Loss<A>,
        weights: Weights<'_, A>,
    ) -> (f64, f64) {
        let y = predict(network, Output::Identity, &Pipeline::new(), weights, &self.x);
        let of_row =
            |i: usize| loss.value_in_f64(&y.slice(s![i..=i, ..]), &self.encoded.slice(s![i..=i, ..]));
        (self.mean(of_row), self.score(&y))
    }

    fn score(&self, y: &Array2<A>) -> f64 {
        let row = |i: usize| rows::slices(y).nth(i).expect("a row for each example");
        match &self.target {
            Target::Classes { labels, .. } => {
                self.mean(|i| f64::from(u8::from(rows::argmax(row(i)) == labels[i] as usize)))
            }
            Target::MultiLabel { values, .. } => self.mean(|i| {
                let is_right = row(i).iter().zip(values.row(i)).all(|(y, holds)| (*y > A::zero()) == *holds);
                f64::from(u8::from(is_right))
            }),
            Target::Real { values, .. } => {
                let r_squared = (0..y.ncols()).map(|column| {
                    let t = |i: usize| values[(i, column)];
                    let mean = self.mean(t);
                    let residual = self.mean(|i| (y[(i, column)].as_f64() - t(i)).powi(2));
                    let spread = self.mean(|i| (t(i) - mean).powi(2));
                    if spread == 0.0 { f64::from(u8::from(residual == 0.0)) } else { 1.0 - residual / spread }
                });
                r_squared.sum::<f64>() / y.ncols() as f64
            }
        }
    }

    /// The mean over the examples.
    fn mean(&self, of: impl Fn(usize) -> f64) -> f64 {
        let sum: f64 = self.weights.iter().enumerate().map(|(i, weight)| weight * of(i)).sum();
        sum / self.weights.iter().sum::<f64>()
    }
}
