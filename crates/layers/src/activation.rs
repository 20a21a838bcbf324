//! The functions φ of one number that [`Pointwise`](crate::Pointwise) applies to each unit, each beside its
//! derivatives.
//!
//! Where a derivative is simplest in y = φ(z) it is written so: that is what saves the layer a memory of its own.

use std::fmt::Debug;

use chainrule_tensor::Scalar;
use chainrule_tensor::math::{self, normal_density, normal_distribution, sigmoid};

/// A function φ of one number with its first two derivatives.
pub trait Activation: Debug + Clone + Copy + Default + PartialEq + Send + Sync + 'static {
    /// Whether φ, or its first derivative, has a kink at 0.
    const KINK: bool = false;
    /// Whether φ' reads y alone: then y can take the place of z.
    const SLOPE_FROM_VALUE: bool = false;

    /// φ(z).
    fn value<A: Scalar>(self, z: A) -> A;

    /// φ'(z), given y = φ(z).
    fn slope<A: Scalar>(self, z: A, y: A) -> A;

    /// φ''(z), given y = φ(z); 0 at a kink.
    fn curvature<A: Scalar>(self, z: A, y: A) -> A;
}

/// φ(z) = z.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Identity;

impl Activation for Identity {
    const SLOPE_FROM_VALUE: bool = true;

    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        z
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, _: A, _: A) -> A {
        A::one()
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, _: A, _: A) -> A {
        A::zero()
    }
}

/// g(z) = 1 / (1 + e^(−z)), g' = g(1 − g), g'' = g'(1 − 2g).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sigmoid;

impl Activation for Sigmoid {
    const SLOPE_FROM_VALUE: bool = true;

    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        sigmoid(z)
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, _: A, y: A) -> A {
        y * (A::one() - y)
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, z: A, y: A) -> A {
        self.slope(z, y) * (A::one() - y - y)
    }
}

/// tanh z, with tanh' = 1 − tanh², tanh'' = −2·tanh·tanh'.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tanh;

impl Activation for Tanh {
    const SLOPE_FROM_VALUE: bool = true;

    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        math::tanh(z)
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, _: A, y: A) -> A {
        A::one() - y * y
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, z: A, y: A) -> A {
        -(y + y) * self.slope(z, y)
    }
}

/// max(0, z), with slope 0 at 0 (Nair and Hinton 2010).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Relu;

impl Activation for Relu {
    const KINK: bool = true;
    const SLOPE_FROM_VALUE: bool = true;

    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        // Written so that NaN passes through: `max` would hide it.
        if z < A::zero() { A::zero() } else { z }
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, _: A, y: A) -> A {
        if y > A::zero() { A::one() } else { A::zero() }
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, _: A, _: A) -> A {
        A::zero()
    }
}

/// z for z > 0, else az, with a = 0.01 unless told (Maas, Hannun and Ng 2013).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LeakyRelu {
    /// The slope a on the negative side.
    pub negative_slope: f64,
}

impl Default for LeakyRelu {
    fn default() -> Self {
        Self { negative_slope: 0.01 }
    }
}

impl Activation for LeakyRelu {
    const KINK: bool = true;

    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        z * self.slope(z, z)
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, z: A, _: A) -> A {
        if z > A::zero() { A::one() } else { A::of(self.negative_slope) }
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, _: A, _: A) -> A {
        A::zero()
    }
}

/// z for z > 0, else α(e^z − 1), with α = 1 unless told (Clevert, Unterthiner and Hochreiter 2016, eq. 16).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Elu {
    /// How far below zero the function saturates, α.
    pub alpha: f64,
}

impl Default for Elu {
    fn default() -> Self {
        Self { alpha: 1.0 }
    }
}

impl Activation for Elu {
    const KINK: bool = true;

    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        if z > A::zero() { z } else { A::of(self.alpha) * math::exp_m1(z) }
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, z: A, y: A) -> A {
        if z > A::zero() { A::one() } else { y + A::of(self.alpha) }
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, z: A, y: A) -> A {
        if z > A::zero() { A::zero() } else { y + A::of(self.alpha) }
    }
}

/// z·Φ(z) with the normal distribution function Φ, exact by erf (Hendrycks and Gimpel 2016).
///
/// φ' = Φ + zϕ and φ'' = ϕ(2 − z²) with the normal density ϕ.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Gelu;

impl Activation for Gelu {
    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        math::gelu(z)
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, z: A, _: A) -> A {
        normal_distribution(z) + z * normal_density(z)
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, z: A, _: A) -> A {
        normal_density(z) * (A::of(2.0) - z * z)
    }
}

/// ½z(1 + tanh u) with u = √(2/π)(z + 0.044715 z³), the usual approximation of [`Gelu`] (the same paper).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct GeluTanh;

impl GeluTanh {
    /// tanh u, u' and u''.
    #[inline(always)]
    fn inner<A: Scalar>(z: A) -> (A, A, A) {
        let (root, cubic) = (A::of((2.0 / std::f64::consts::PI).sqrt()), A::of(0.044_715));
        let square = cubic * z * z;
        let tanh = math::tanh(root * z * (A::one() + square));
        (tanh, root * (A::one() + A::of(3.0) * square), root * A::of(6.0) * cubic * z)
    }
}

impl Activation for GeluTanh {
    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        math::gelu_tanh(z)
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, z: A, _: A) -> A {
        let (t, u1, _) = Self::inner(z);
        A::of(0.5) * (A::one() + t + z * (A::one() - t * t) * u1)
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, z: A, _: A) -> A {
        let (t, u1, u2) = Self::inner(z);
        (A::one() - t * t) * (u1 + A::of(0.5) * z * (u2 - A::of(2.0) * t * u1 * u1))
    }
}

/// z·g(z) with the sigmoid g, also called swish (Elfwing, Uchibe and Doya 2018).
///
/// φ' = g(1 + z(1 − g)) and φ'' = g(1 − g)(2 + z(1 − 2g)).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Silu;

impl Activation for Silu {
    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        math::silu(z)
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, z: A, _: A) -> A {
        let g = sigmoid(z);
        g * (A::one() + z * (A::one() - g))
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, z: A, _: A) -> A {
        let g = sigmoid(z);
        g * (A::one() - g) * (A::of(2.0) + z * (A::one() - g - g))
    }
}

/// ln(1 + e^z), whose derivative is the sigmoid (Dugas et al. 2001).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Softplus;

impl Activation for Softplus {
    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        math::softplus(z)
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, z: A, _: A) -> A {
        sigmoid(z)
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, z: A, _: A) -> A {
        let g = sigmoid(z);
        g * (A::one() - g)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(phi: impl Activation, z: f64, expected: f64) {
        let y = phi.value(z);
        assert!((y - expected).abs() < 5e-7, "{phi:?}({z}) = {y}, not {expected}");
    }

    #[test]
    fn values_are_the_published_ones() {
        // From the formulas in Python's math module, six digits.
        check(Sigmoid, -1.5, 0.182_426);
        check(Tanh, 0.75, 0.635_149);
        check(LeakyRelu::default(), -1.5, -0.015);
        check(Elu::default(), -1.5, -0.776_870);
        check(Gelu, -1.5, -0.100_211);
        check(GeluTanh, -1.5, -0.100_428);
        check(Silu, -1.5, -0.273_638);
        check(Softplus, 0.75, 1.136_871);
        check(Relu, -1.5, 0.0);
    }

    #[test]
    fn a_rectifier_lets_nan_through() {
        assert!(Relu.value(f32::NAN).is_nan());
    }
}
