use chainrule_tensor::math::exp;
use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::registry::{InvalidParameter, Parameters};
use chainrule_tensor::rows::{self, maximum, slices, slices_mut, softmax};
use chainrule_tensor::{Scalar, vector};
use serde::{Deserialize, Serialize};

use crate::config::{LossCase, LossConfig, check_weights};
use crate::loss::{FusedOutput, Loss};
use crate::rows::{Row, assert_same_shape, sum_rows, sum_rows_into};
use crate::target::TargetKind;

/// The cross-entropy of a softmax, fused, on logits z: ℓ = −Σₖ wₖ tₖ ln pₖ with p = softmax(z).
///
/// Label smoothing ε takes (1 − ε)t + ε/K for t. Class weights w weigh each class's term; unlike PyTorch's mean, the
/// risk divides by the number of examples and not by the sum of their weights.
///
/// # Shapes
/// z is `(batch, K)`; the target is `(batch, K)`, a distribution over the classes, or one column of class indices.
///
/// # Gradient
/// ```text
/// δ = s·p − w·t         with s = Σₖ wₖ tₖ, which is 1 without weights: δ = p − t
/// R{δ} = s·p·(R{z} − ⟨p, R{z}⟩)
/// ```
///
/// # References
/// Bridle 1990; Bishop, "Pattern Recognition and Machine Learning", 2006, eqs. 4.108 and 4.109; Szegedy et al.,
/// "Rethinking the Inception architecture", 2016, §7 (label smoothing).
///
/// ```
/// use chainrule_loss::{Loss, SoftmaxCrossEntropy};
/// use chainrule_tensor::ndarray::array;
///
/// let (z, class) = (array![[1.0, 1.0]], array![[1.0]]);
/// let mut delta = array![[0.0, 0.0]];
/// let cost: f64 = SoftmaxCrossEntropy::default().value_and_delta(&z, &class, &mut delta);
/// assert!((cost - 2.0_f64.ln()).abs() < 1e-15);
/// assert_eq!(delta, array![[0.5, -0.5]]);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SoftmaxCrossEntropy {
    smoothing: f64,
    weights: Vec<f64>,
}

impl SoftmaxCrossEntropy {
    /// The plain cross-entropy.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes (1 − ε)t + ε/K for the target t.
    ///
    /// # Panics
    /// If ε is not in `[0, 1]`.
    #[must_use]
    #[track_caller]
    pub fn label_smoothing(self, epsilon: f64) -> Self {
        assert!((0.0..=1.0).contains(&epsilon), "cross-entropy: label smoothing {epsilon} is not in [0, 1]");
        Self { smoothing: epsilon, ..self }
    }

    /// Weighs the term of each class.
    #[must_use]
    pub fn class_weights(self, weights: Vec<f64>) -> Self {
        Self { weights, ..self }
    }

    /// wₖ·tₖ, smoothed.
    #[inline]
    fn weighted<A: Scalar>(&self, target: Row<'_, A>, k: usize, classes: usize) -> A {
        let mut t = target.at(k);
        if self.smoothing > 0.0 {
            t = A::of(1.0 - self.smoothing) * t + A::of(self.smoothing / classes as f64);
        }
        self.weights.get(k).map_or(t, |&w| A::of(w) * t)
    }

    /// Whether a class index stands for one 1 and zeros.
    fn is_plain(&self) -> bool {
        self.smoothing == 0.0 && self.weights.is_empty()
    }

    /// s = Σₖ wₖtₖ.
    fn mass<A: Scalar>(&self, target: Row<'_, A>, classes: usize) -> A {
        (0..classes).map(|k| self.weighted(target, k, classes)).sum()
    }

    /// −Σₖ wₖtₖ ln pₖ and s = Σₖ wₖtₖ, given m = max z and Σ e^(z − m).
    ///
    /// −ln pₖ = (m − zₖ) + ln Σ e^(z − m): m is never added to the logarithm, beside which a large m would leave no digits.
    fn row<A: Scalar>(&self, z: &[A], target: Row<'_, A>, max: A, sum: A) -> (A, A) {
        let (mut loss, mut mass, log_sum) = (A::zero(), A::zero(), sum.ln());
        if let (true, Row::Class(class)) = (self.is_plain(), target) {
            // NaN where any logit is, as the sum is then.
            return ((max - z[class]) + log_sum, A::one());
        }
        for (k, &z_k) in z.iter().enumerate() {
            let t = self.weighted(target, k, z.len());
            // A class that is out of the question may have a logit of −∞.
            if t != A::zero() {
                loss += t * ((max - z_k) + log_sum);
                mass += t;
            }
        }
        // A NaN among the other logits must not be lost.
        (if log_sum.is_nan() { log_sum } else { loss }, mass)
    }
}

impl<A: Scalar> Loss<A> for SoftmaxCrossEntropy {
    fn target(&self) -> TargetKind {
        TargetKind::Class
    }

    fn output(&self) -> FusedOutput {
        FusedOutput::Softmax
    }

    fn value(&self, y: &ArrayRef2<A>, target: &ArrayRef2<A>) -> A {
        sum_rows(y, target, |z, target| {
            let max = maximum(z);
            let sum = z.iter().map(|&z| exp(z - max)).sum();
            self.row(z, target, max, sum).0
        })
    }

    fn value_and_delta(&self, y: &ArrayRef2<A>, target: &ArrayRef2<A>, delta: &mut ArrayRef2<A>) -> A {
        assert_same_shape(y, delta);
        // The exponentials of the whole batch in one loop: a row of ten classes fills no vector registers.
        for (z, delta) in slices(y).zip(slices_mut(delta)) {
            let max = maximum(z);
            delta.iter_mut().zip(z).for_each(|(delta, &z)| *delta = z - max);
        }
        rows::map(
            [],
            delta,
            #[inline(always)]
            |[], delta| *delta = exp(*delta),
        );
        sum_rows_into(y, target, delta, |z, target, delta| {
            let sum = vector::sum(delta);
            let (loss, mass) = self.row(z, target, maximum(z), sum);
            let scale = mass / sum;
            for delta in delta.iter_mut() {
                *delta *= scale;
            }
            match target {
                Row::Class(class) if self.is_plain() => delta[class] -= A::one(),
                _ => {
                    for (k, delta) in delta.iter_mut().enumerate() {
                        *delta -= self.weighted(target, k, z.len());
                    }
                }
            }
            loss
        })
    }

    fn r_delta(
        &self,
        y: &ArrayRef2<A>,
        target: &ArrayRef2<A>,
        r_y: &ArrayRef2<A>,
        r_delta: &mut ArrayRef2<A>,
    ) {
        assert_same_shape(y, r_y);
        let mut r_rows = slices(r_y);
        sum_rows_into(y, target, r_delta, |z, target, r_delta| {
            softmax(z, r_delta);
            let mass = self.mass(target, z.len());
            let r_z = r_rows.next().expect("R{y} has the shape of y");
            let mean = vector::dot(r_delta, r_z);
            for (r, &r_z) in r_delta.iter_mut().zip(r_z) {
                *r = mass * *r * (r_z - mean);
            }
            A::zero()
        });
    }
}

/// The parameters of the cross-entropy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct CrossEntropyConfig {
    /// The label smoothing ε, from 0 to 1; 0 by default.
    pub label_smoothing: f64,
    /// The weight w ≥ 0 of each class; where none is given, it is 1.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub class_weights: Vec<f64>,
}

impl Parameters for CrossEntropyConfig {
    fn validate(&self) -> Result<(), InvalidParameter> {
        let is_share = |epsilon| (0.0..=1.0).contains(&epsilon);
        InvalidParameter::check(
            "cross-entropy",
            "label-smoothing",
            self.label_smoothing,
            "from 0 to 1",
            is_share,
        )?;
        check_weights("cross-entropy", "class-weights", &self.class_weights)
    }
}

impl LossConfig for CrossEntropyConfig {
    fn of<A: Scalar>(loss: &dyn Loss<A>) -> Option<Self> {
        loss.downcast().map(|loss: &SoftmaxCrossEntropy| Self {
            label_smoothing: loss.smoothing,
            class_weights: loss.weights.clone(),
        })
    }

    fn build<A: Scalar>(&self) -> Box<dyn Loss<A>> {
        let loss = SoftmaxCrossEntropy::new().label_smoothing(self.label_smoothing);
        Box::new(loss.class_weights(self.class_weights.clone()))
    }

    fn formulas(&self) -> [String; 2] {
        let (y, note) = match self.label_smoothing {
            0.0 => ("y_i", String::new()),
            epsilon => ("q_i", format!(",  q_i = {} y_i + {epsilon}/K", 1.0 - epsilon)),
        };
        if self.class_weights.is_empty() {
            return [
                format!(r"C = −\sum_{{i}} {y} ln p_i{note}"),
                format!(r"\frac{{∂C}}{{∂z_i}} = p_i − {y}"),
            ];
        }
        [
            format!(r"C = −\sum_{{i}} w_i {y} ln p_i{note}"),
            format!(r"\frac{{∂C}}{{∂z_i}} = s p_i − w_i {y},  s = \sum_{{k}} w_k {}", y.replace('i', "k")),
        ]
    }

    fn cases<A: Scalar>(&self) -> Vec<LossCase<A>> {
        let smoothed = |label_smoothing| Self { label_smoothing, ..self.clone() };
        let weighted = Self { class_weights: vec![0.5, 2.0, 1.25], ..smoothed(0.2) };
        vec![
            LossCase::plain(self.build()),
            LossCase::labelled("soft targets", self.build()).with(TargetKind::Distribution),
            LossCase::labelled("smoothed", smoothed(0.1).build()),
            LossCase::labelled("weighted", weighted.build()).with(TargetKind::Distribution),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chainrule_tensor::ndarray::{Array2, array};

    #[test]
    fn equals_the_logarithm_of_the_softmax() {
        // −ln softmax([1, 2, 3])[k] in Python's math: 2.4076059644443806, 1.4076059644443806, 0.4076059644443806.
        let z = array![[1.0, 2.0, 3.0]];
        for (k, expected) in
            [2.407_605_964_444_380_6, 1.407_605_964_444_380_6, 0.407_605_964_444_380_6].iter().enumerate()
        {
            let loss: f64 = SoftmaxCrossEntropy::new().value(&z, &array![[k as f64]]);
            assert!((loss - expected).abs() < 1e-15);
        }
    }

    #[test]
    fn huge_logits_neither_overflow_nor_lose_the_signal() {
        let (z, mut delta) = (array![[1e4_f32, -1e4, 0.0]], Array2::zeros((1, 3)));
        let loss = SoftmaxCrossEntropy::new().value_and_delta(&z, &array![[1.0]], &mut delta);
        assert_eq!(loss, 2e4);
        assert_eq!(delta, array![[1.0, -1.0, 0.0]]);
    }

    #[test]
    fn nan_is_never_hidden() {
        let z = array![[0.0, f64::NAN, 1.0]];
        assert!(SoftmaxCrossEntropy::new().value(&z, &array![[0.0]]).is_nan());
    }

    #[test]
    #[should_panic(expected = "3 is not one of 3 classes")]
    fn a_class_out_of_range_is_named() {
        let _: f64 = SoftmaxCrossEntropy::new().value(&Array2::zeros((1, 3)), &array![[3.0]]);
    }
}
