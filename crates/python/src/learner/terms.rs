//! scikit-learn's losses of a regression.

use chainrule::loss::Term;
use chainrule::tensor::Scalar;

/// ½(y − t)², with the slope y − t.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct HalfSquared;

impl Term for HalfSquared {
    #[inline(always)]
    fn value<A: Scalar>(&self, y: A, t: A, _: A) -> A {
        A::of(0.5) * (y - t) * (y - t)
    }

    #[inline(always)]
    fn slope<A: Scalar>(&self, y: A, t: A, _: A) -> A {
        y - t
    }

    fn curvature<A: Scalar>(&self, _: A, _: A, _: A) -> A {
        A::one()
    }
}

/// Half the Poisson deviance of the rate μ = e^y: t·ln(t/μ) − t + μ, with the slope μ − t.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PoissonDeviance;

impl Term for PoissonDeviance {
    fn value<A: Scalar>(&self, y: A, t: A, _: A) -> A {
        let constant = if t > A::zero() { t * t.ln() } else { A::zero() };
        constant - t * y - t + y.exp()
    }

    fn slope<A: Scalar>(&self, y: A, t: A, _: A) -> A {
        y.exp() - t
    }

    fn curvature<A: Scalar>(&self, y: A, _: A, _: A) -> A {
        y.exp()
    }
}
