use std::fmt::Debug;

use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::rows::{self, slices};
use chainrule_tensor::{Scalar, vector};

use crate::loss::{FusedOutput, Loss};
use crate::rows::{assert_same_shape, copy_targets, sum_rows, sum_rows_into};
use crate::target::TargetKind;
use crate::term::Term;

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

impl<T: Term> Elementwise<T> {
    /// The sum of `term` over the outputs.
    pub fn sum_of(term: T) -> Self {
        Self { term, mean: false }
    }

    /// The mean of `term` over the outputs.
    pub fn mean_of(term: T) -> Self {
        Self { term, mean: true }
    }

    /// The mean of `term` over the outputs, or their sum.
    pub fn reduced(term: T, mean: bool) -> Self {
        Self { term, mean }
    }

    /// The mean over the outputs, with the term's usual parameters.
    pub fn mean() -> Self
    where
        T: Default,
    {
        Self::mean_of(T::default())
    }

    /// The term, and whether its mean is taken.
    pub(crate) fn parts(&self) -> (&T, bool) {
        (&self.term, self.mean)
    }

    /// The weight of output `i`.
    #[inline]
    fn weight<A: Scalar>(&self, i: usize) -> A {
        self.term.weights().get(i).map_or(A::one(), |&w| A::of(w))
    }

    fn factor<A: Scalar>(&self, outputs: usize) -> A {
        if self.mean { A::of(outputs as f64).recip() } else { A::one() }
    }
}

impl<A: Scalar, T: Term> Loss<A> for Elementwise<T> {
    fn target(&self) -> TargetKind {
        self.term.target()
    }

    fn output(&self) -> FusedOutput {
        self.term.output()
    }

    fn value(&self, y: &ArrayRef2<A>, target: &ArrayRef2<A>) -> A {
        let factor: A = self.factor(y.ncols());
        sum_rows(y, target, |y, target| {
            let term = |(i, &y)| self.term.value(y, target.at(i), self.weight(i));
            factor * y.iter().enumerate().map(term).sum::<A>()
        })
    }

    fn value_in_f64(&self, y: &ArrayRef2<A>, target: &ArrayRef2<A>) -> f64 {
        let value = self.value(y, target);
        if value.is_normal() {
            return value.as_f64();
        }
        let wide = |x: &ArrayRef2<A>| x.map(|x| x.as_f64());
        Loss::<f64>::value(self, &wide(y), &wide(target))
    }

    fn value_and_delta(&self, y: &ArrayRef2<A>, target: &ArrayRef2<A>, delta: &mut ArrayRef2<A>) -> A {
        let (factor, term, one): (A, _, _) = (self.factor(y.ncols()), &self.term, A::one());
        if !term.weights().is_empty() {
            return sum_rows_into(y, target, delta, |y, target, delta| {
                let mut sum = A::zero();
                for (i, (&y, delta)) in y.iter().zip(delta).enumerate() {
                    let (t, w) = (target.at(i), self.weight(i));
                    sum += term.value(y, t, w);
                    *delta = factor * term.slope(y, t, w);
                }
                factor * sum
            });
        }
        assert_same_shape(y, delta);
        // All terms in one loop, then all slopes: a row of ten outputs fills no vector registers.
        copy_targets(y, target, delta);
        rows::map(
            [y],
            delta,
            #[inline(always)]
            move |[y], t| *t = term.value(y, *t, one),
        );
        let sums = slices(delta).map(|values| factor * vector::sum(values));
        let value = A::of(sums.map(A::as_f64).sum());
        copy_targets(y, target, delta);
        rows::map(
            [y],
            delta,
            #[inline(always)]
            move |[y], t| *t = factor * term.slope(y, *t, one),
        );
        value
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
                *r *= factor * self.term.curvature(y, target.at(i), self.weight(i));
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

#[cfg(test)]
mod tests {
    use chainrule_tensor::ndarray::array;

    use super::*;
    use crate::{MeanAbsoluteError, SquaredError};

    #[test]
    fn a_report_has_the_loss_that_f32_cannot_hold() {
        let loss = SquaredError::default();
        for unit in [1e-29_f32, 1.0, 1e30] {
            let (y, t) = (array![[3.0 * unit]], array![[unit]]);
            let expected = 4.0 * f64::from(unit).powi(2);
            let value = Loss::<f32>::value_in_f64(&loss, &y, &t);
            assert!((value / expected - 1.0).abs() < 1e-6, "{unit}: {value}");
        }
        assert_eq!(Loss::<f32>::value(&loss, &array![[3e30]], &array![[1e30]]), f32::INFINITY);
        // What f32 holds is its own number.
        let (y, t) = (array![[0.1_f32]], array![[0.7]]);
        let same = |loss: &dyn Loss<f32>| loss.value_in_f64(&y, &t) == f64::from(loss.value(&y, &t));
        assert!(same(&loss) && same(&MeanAbsoluteError::default()));
    }
}
