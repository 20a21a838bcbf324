//! The terms that [`Elementwise`](crate::Elementwise) losses are made of, each beside its derivatives in y.

use std::fmt::Debug;

use chainrule_tensor::Scalar;
use chainrule_tensor::math::{sigmoid, softplus};

/// A function of one output y and its target t, with its first two derivatives in y.
///
/// A loop takes the value of a whole batch, and one the slope: in vector registers where they are inlined and have no branch.
pub trait Term: Debug + Clone + Send + Sync + 'static {
    /// The weight w of each output, for a term that has one; where none is given, it is 1.
    fn weights(&self) -> &[f64] {
        &[]
    }

    /// The term of an output of weight w.
    fn value<A: Scalar>(&self, y: A, t: A, w: A) -> A;

    /// Its first derivative in y.
    fn slope<A: Scalar>(&self, y: A, t: A, w: A) -> A;

    /// Its second derivative in y; 0 at a kink.
    fn curvature<A: Scalar>(&self, y: A, t: A, w: A) -> A;

    /// How far y is from the nearest kink of the first derivative or of the term itself.
    fn distance_to_kink<A: Scalar>(&self, _y: A, _t: A) -> A {
        A::infinity()
    }
}

/// (y − t)², 2(y − t), 2.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Squared;

impl Term for Squared {
    #[inline(always)]
    fn value<A: Scalar>(&self, y: A, t: A, _: A) -> A {
        (y - t) * (y - t)
    }
    #[inline(always)]
    fn slope<A: Scalar>(&self, y: A, t: A, _: A) -> A {
        A::of(2.0) * (y - t)
    }
    fn curvature<A: Scalar>(&self, _: A, _: A, _: A) -> A {
        A::of(2.0)
    }
}

/// |y − t|, its sign, 0.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Absolute;

impl Term for Absolute {
    #[inline(always)]
    fn value<A: Scalar>(&self, y: A, t: A, _: A) -> A {
        (y - t).abs()
    }
    #[inline(always)]
    fn slope<A: Scalar>(&self, y: A, t: A, _: A) -> A {
        if y == t { A::zero() } else { (y - t).signum() }
    }
    fn curvature<A: Scalar>(&self, _: A, _: A, _: A) -> A {
        A::zero()
    }
    fn distance_to_kink<A: Scalar>(&self, y: A, t: A) -> A {
        (y - t).abs()
    }
}

/// ½(y − t)² where |y − t| ≤ β, else β(|y − t| − ½β), with β = 1 unless told.
///
/// # References
/// Huber, "Robust estimation of a location parameter", Ann. Math. Statist. 35(1), 1964, §2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Huber {
    /// Where the parabola becomes a line, β.
    pub beta: f64,
}

impl Default for Huber {
    fn default() -> Self {
        Self { beta: 1.0 }
    }
}

impl Term for Huber {
    #[inline(always)]
    fn value<A: Scalar>(&self, y: A, t: A, _: A) -> A {
        let (distance, beta, half) = ((y - t).abs(), A::of(self.beta), A::of(0.5));
        if distance > beta { beta * (distance - half * beta) } else { half * distance * distance }
    }
    #[inline(always)]
    fn slope<A: Scalar>(&self, y: A, t: A, _: A) -> A {
        let (difference, beta) = (y - t, A::of(self.beta));
        if difference.abs() > beta { beta * difference.signum() } else { difference }
    }
    fn curvature<A: Scalar>(&self, y: A, t: A, _: A) -> A {
        if (y - t).abs() > A::of(self.beta) { A::zero() } else { A::one() }
    }
    fn distance_to_kink<A: Scalar>(&self, y: A, t: A) -> A {
        ((y - t).abs() - A::of(self.beta)).abs()
    }
}

/// −t ln g(y) − (1 − t) ln(1 − g(y)) with the sigmoid g of the logit y, in the form that keeps its digits:
/// (1 − t)·ln(1 + e^y) + wt·ln(1 + e^(−y)), where nothing cancels.
///
/// Its derivative is g(y) − t for w = 1. A weight w > 1 makes a missed yes dearer than a false one.
///
/// # References
/// Bishop, "Pattern Recognition and Machine Learning", 2006, eqs. 4.90 and 4.91.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BinaryLogit {
    /// The weight w of the yes of each output; empty means 1 for all.
    pub positive_weights: Vec<f64>,
}

impl Term for BinaryLogit {
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
