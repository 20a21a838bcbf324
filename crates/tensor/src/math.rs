//! Scalar functions that the standard library lacks, each without overflow or cancellation.

use crate::Scalar;

/// The logistic sigmoid g(z) = 1 / (1 + e^(−z)), with g' = g(1 − g).
///
/// ```
/// use chainrule_tensor::math::sigmoid;
///
/// assert_eq!(sigmoid(0.0), 0.5);
/// assert_eq!(sigmoid(-1e6_f32), 0.0);
/// ```
#[inline]
pub fn sigmoid<A: Scalar>(z: A) -> A {
    A::one() / (A::one() + (-z).exp())
}

/// Softplus ln(1 + e^z), with derivative [`sigmoid`].
///
/// ```
/// use chainrule_tensor::math::softplus;
///
/// assert_eq!(softplus(0.0_f64), 2.0_f64.ln());
/// assert_eq!(softplus(1e4_f64), 1e4);
/// ```
#[inline]
pub fn softplus<A: Scalar>(z: A) -> A {
    z.max(A::zero()) + (-z.abs()).exp().ln_1p()
}

/// The standard normal density φ(z) = e^(−z²/2) / √(2π).
///
/// ```
/// assert!((chainrule_tensor::math::normal_density(0.0_f64) - 0.3989422804014327).abs() < 1e-16);
/// ```
#[inline]
pub fn normal_density<A: Scalar>(z: A) -> A {
    A::of(0.398_942_280_401_432_7) * (A::of(-0.5) * z * z).exp()
}

/// The standard normal distribution function Φ(z) = (1 + erf(z/√2)) / 2.
///
/// ```
/// assert_eq!(chainrule_tensor::math::normal_distribution(0.0_f64), 0.5);
/// ```
#[inline]
pub fn normal_distribution<A: Scalar>(z: A) -> A {
    A::of(0.5) * (A::one() + (z * A::of(std::f64::consts::FRAC_1_SQRT_2)).erf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agree_with_published_values() {
        // Abramowitz and Stegun, table 26.1: Φ(1), Φ(2), φ(1).
        assert!((normal_distribution(1.0_f64) - 0.841_344_746_068_543).abs() < 1e-14);
        assert!((normal_distribution(2.0_f64) - 0.977_249_868_051_821).abs() < 1e-14);
        assert!((normal_density(1.0_f64) - 0.241_970_724_519_143).abs() < 1e-14);
    }

    #[test]
    fn survive_the_ends_of_the_line() {
        for z in [f32::MIN, -1e4, 1e4, f32::MAX] {
            assert!(sigmoid(z).is_finite() && softplus(z).is_finite(), "{z}");
        }
        assert!(softplus(-200.0_f64) > 0.0);
    }
}
