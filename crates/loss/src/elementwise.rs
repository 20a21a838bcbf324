use std::fmt::Debug;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::ArrayRef2;

use crate::rows::{assert_same_shape, sum_rows, sum_rows_into};
use crate::{Loss, term};

/// ℓ(y, t) = Σᵢ term(yᵢ, tᵢ), or its mean over the outputs: a loss whose terms need nothing of one another.
///
/// # Shapes
/// y is `(batch, outputs)`; t the same, or one column of class indices, which stands for their one-hot rows.
///
/// # Gradient
/// ```text
/// δᵢ = term'(yᵢ, tᵢ)         R{δᵢ} = term''(yᵢ, tᵢ)·R{yᵢ}
/// ```
/// both divided by the number of outputs under [`mean`](Self::mean).
///
/// ```
/// use chainrule_loss::{Loss, SquaredError};
/// use chainrule_tensor::ndarray::array;
///
/// let (o, y) = (array![[0.8, 0.1]], array![[1.0, 0.0]]);
/// let mut delta = array![[0.0, 0.0]];
/// let cost: f64 = SquaredError::default().value_and_delta(&o, &y, &mut delta);
/// assert!((cost - 0.05).abs() < 1e-12);
/// assert!((delta[(0, 0)] + 0.4).abs() < 1e-12);
/// // The class index 0 says the same as the row [1, 0].
/// assert_eq!(SquaredError::default().value(&o, &array![[0.0]]), cost);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Elementwise<T> {
    term: T,
    mean: bool,
}

/// C = Σᵢ(oᵢ − yᵢ)²: the lecture's cost; its mean over the outputs is PyTorch's `MSELoss`.
pub type SquaredError = Elementwise<term::Squared>;
/// Σᵢ |yᵢ − tᵢ|; its mean is PyTorch's `L1Loss`.
pub type MeanAbsoluteError = Elementwise<term::Absolute>;
/// Quadratic near the target and linear beyond; its mean is PyTorch's `HuberLoss`.
pub type Huber = Elementwise<term::Huber>;
/// The cross-entropy of independent yes-or-no outputs, on logits; its mean is PyTorch's `BCEWithLogitsLoss`.
pub type BinaryCrossEntropy = Elementwise<term::BinaryLogit>;

impl<T: term::Term> Elementwise<T> {
    /// The sum of `term` over the outputs.
    pub fn sum_of(term: T) -> Self {
        Self { term, mean: false }
    }

    /// The mean of `term` over the outputs.
    pub fn mean_of(term: T) -> Self {
        Self { term, mean: true }
    }

    /// The mean over the outputs, with the term's usual parameters.
    pub fn mean() -> Self
    where
        T: Default,
    {
        Self::mean_of(T::default())
    }

    fn factor<A: Scalar>(&self, outputs: usize) -> A {
        if self.mean { A::of(outputs as f64).recip() } else { A::one() }
    }
}

impl<A: Scalar, T: term::Term> Loss<A> for Elementwise<T> {
    fn value(&self, y: &ArrayRef2<A>, target: &ArrayRef2<A>) -> A {
        let factor: A = self.factor(y.ncols());
        sum_rows(y, target, |y, target| {
            factor * y.iter().enumerate().map(|(i, &y)| self.term.value(i, y, target.at(i))).sum::<A>()
        })
    }

    fn value_and_delta(&self, y: &ArrayRef2<A>, target: &ArrayRef2<A>, delta: &mut ArrayRef2<A>) -> A {
        let factor: A = self.factor(y.ncols());
        sum_rows_into(y, target, delta, |y, target, delta| {
            let mut sum = A::zero();
            for (i, (&y, delta)) in y.iter().zip(delta).enumerate() {
                sum += self.term.value(i, y, target.at(i));
                *delta = factor * self.term.slope(i, y, target.at(i));
            }
            factor * sum
        })
    }

    fn r_delta(
        &self,
        y: &ArrayRef2<A>,
        target: &ArrayRef2<A>,
        r_y: &ArrayRef2<A>,
        r_delta: &mut ArrayRef2<A>,
    ) {
        let factor: A = self.factor(y.ncols());
        assert_same_shape(y, r_y);
        r_delta.assign(r_y);
        sum_rows_into(y, target, r_delta, |y, target, r| {
            for (i, (&y, r)) in y.iter().zip(r).enumerate() {
                *r *= factor * self.term.curvature(i, y, target.at(i));
            }
            A::zero()
        });
    }

    fn near_kink(&self, y: &ArrayRef2<A>, target: &ArrayRef2<A>, radius: A) -> bool {
        let mut near = false;
        sum_rows(y, target, |y, target| {
            near |= y.iter().enumerate().any(|(i, &y)| self.term.distance_to_kink(y, target.at(i)) < radius);
            A::zero()
        });
        near
    }
}
