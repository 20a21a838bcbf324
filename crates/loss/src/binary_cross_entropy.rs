use chainrule_tensor::Scalar;
use chainrule_tensor::math::{sigmoid, softplus};
use chainrule_tensor::registry::{InvalidParameter, Parameters};
use serde::{Deserialize, Serialize};

use crate::config::{LossCase, LossConfig, check_weights, mean_or_sum};
use crate::elementwise::Elementwise;
use crate::loss::{FusedOutput, Loss};
use crate::target::TargetKind;
use crate::term::Term;

/// The cross-entropy of independent yes-or-no outputs, on logits; its mean is PyTorch's `BCEWithLogitsLoss`.
pub type BinaryCrossEntropy = Elementwise<BinaryLogitTerm>;

/// The term −t ln g(y) − (1 − t) ln(1 − g(y)) with the sigmoid g of the logit y, in the form that keeps its digits:
/// (1 − t)·ln(1 + e^y) + wt·ln(1 + e^(−y)), where nothing cancels.
///
/// Its derivative is g(y) − t for w = 1. A weight w > 1 makes a missed yes dearer than a false one.
///
/// # References
/// Bishop, "Pattern Recognition and Machine Learning", 2006, eqs. 4.90 and 4.91.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BinaryLogitTerm {
    /// The weight w of the yes of each output; empty means 1 for all.
    pub positive_weights: Vec<f64>,
}

impl Term for BinaryLogitTerm {
    fn target(&self) -> TargetKind {
        TargetKind::Share
    }

    fn output(&self) -> FusedOutput {
        FusedOutput::Sigmoid
    }

    fn weights(&self) -> &[f64] {
        &self.positive_weights
    }
    #[inline(always)]
    fn value<A: Scalar>(&self, y: A, t: A, w: A) -> A {
        // ln(1 + e^(±y)) = max(±y, 0) + ln(1 + e^(−|y|)), so that one exponential serves both.
        let (zero, tail) = (A::zero(), softplus(-y.abs()));
        (A::one() - t) * (y.max(zero) + tail) + w * t * ((-y).max(zero) + tail)
    }
    #[inline(always)]
    fn slope<A: Scalar>(&self, y: A, t: A, w: A) -> A {
        // (1 − t) − w·g(−y), written so that w = 1 gives exactly g(y) − t.
        let w = weight_of(t, w);
        w * sigmoid(y) - t - (w - A::one())
    }
    fn curvature<A: Scalar>(&self, y: A, t: A, w: A) -> A {
        let g = sigmoid(y);
        weight_of(t, w) * g * (A::one() - g)
    }
}

/// 1 + (w − 1)t: w where t is a yes, 1 where it is a no.
#[inline(always)]
fn weight_of<A: Scalar>(t: A, w: A) -> A {
    A::one() + (w - A::one()) * t
}

/// The parameters of the binary cross-entropy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct BinaryCrossEntropyConfig {
    /// The weight w ≥ 0 of the yes of each output; where none is given, it is 1.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub positive_weights: Vec<f64>,
    /// Whether the loss is the mean over the outputs, and not their sum.
    pub mean: bool,
}

impl Parameters for BinaryCrossEntropyConfig {
    fn validate(&self) -> Result<(), InvalidParameter> {
        check_weights("binary-cross-entropy", "positive-weights", &self.positive_weights)
    }
}

impl LossConfig for BinaryCrossEntropyConfig {
    fn of<A: Scalar>(loss: &dyn Loss<A>) -> Option<Self> {
        let (term, mean) = loss.downcast::<BinaryCrossEntropy>()?.parts();
        Some(Self { positive_weights: term.positive_weights.clone(), mean })
    }

    fn build<A: Scalar>(&self) -> Box<dyn Loss<A>> {
        let term = BinaryLogitTerm { positive_weights: self.positive_weights.clone() };
        Box::new(Elementwise::reduced(term, self.mean))
    }

    fn formulas(&self) -> [String; 2] {
        let (w, factor) =
            if self.positive_weights.is_empty() { ("", "") } else { ("w_i ", "(1 + (w_i − 1) y_i) ") };
        if self.mean || !w.is_empty() {
            let term = format!("(−{w}y_i ln p_i − (1 − y_i) ln(1 − p_i))");
            let slope =
                if w.is_empty() { "(p_i − y_i)".to_owned() } else { format!("({factor}p_i − w_i y_i)") };
            let [c, derivative] = mean_or_sum(self.mean, &term, &slope);
            return [c, derivative.replace("o_i", "z_i")];
        }
        let c = r"C = −\sum_{i} (y_i ln p_i + (1 − y_i) ln(1 − p_i))";
        [c, r"\frac{∂C}{∂z_i} = p_i − y_i"].map(str::to_owned)
    }

    fn cases<A: Scalar>(&self) -> Vec<LossCase<A>> {
        let weighted = Self { positive_weights: vec![0.5, 2.0, 1.25], mean: true }.build();
        vec![LossCase::plain(self.build()), LossCase::labelled("weighted", weighted)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chainrule_tensor::ndarray::Array2;

    #[test]
    fn weights_of_one_and_indices_for_rows_change_no_bit() {
        for outputs in [1, 2, 10, 17, 100] {
            let y = Array2::from_shape_fn((5, outputs), |(n, i)| ((7 * n + 3 * i) % 11) as f32 - 4.7);
            let one_hot = Array2::from_shape_fn(y.dim(), |(n, i)| f32::from(u8::from(i == n % outputs)));
            let index = Array2::from_shape_fn((5, 1), |(n, _)| (n % outputs) as f32);
            let (plain, mut delta) = (BinaryCrossEntropy::default(), Array2::zeros(y.dim()));
            let value = plain.value_and_delta(&y, &one_hot, &mut delta);

            let weights = vec![1.0; outputs];
            let weighted = BinaryCrossEntropy::sum_of(BinaryLogitTerm { positive_weights: weights });
            let mut again = Array2::from_elem(y.dim(), f32::NAN);
            let by_weights = weighted.value_and_delta(&y, &one_hot, &mut again);
            assert_eq!(again, delta, "{outputs}");
            // A wide row is summed in another order.
            assert!((by_weights - value).abs() <= 1e-6 * value, "{outputs}: {by_weights}, {value}");
            assert!((plain.value(&y, &one_hot) - value).abs() <= 1e-6 * value, "{outputs}");

            if outputs > 1 {
                again.fill(f32::NAN);
                assert_eq!(plain.value_and_delta(&y, &index, &mut again), value, "{outputs}");
                assert_eq!(again, delta, "{outputs}");
            }
        }
    }
}
