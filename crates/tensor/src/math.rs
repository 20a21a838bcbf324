//! The functions of one number that networks are made of, each without overflow, cancellation or a branch.
//!
//! They are polynomials and divisions, with selects where others branch and no table, so that a plain loop over them
//! becomes vector code: [`simd::map`](crate::simd::map) is that loop. The exponential, the sigmoid and the hyperbolic tangent are
//! computed in the type itself; the others, which need more digits than `f32` has on the way, in `f64` with shorter
//! polynomials, and rounded once.
//!
//! # What is promised
//!
//! In `f32` the error is at most 2 units in the last place for every finite argument: `cargo run --release -p
//! chainrule-benches --bin ulp` measures all 2³² of them, and docs/dev/kernel-notes.md has the table. NaN gives NaN. Each
//! result has the same bits on every CPU (see [`simd`](crate::simd)).
//!
//! Where the exact result is below the smallest normal number, 2⁻¹²⁶ in `f32`, the result is 0, or the subnormal number
//! there to the same 2 units: saturated units give exact zeros, not numbers that are slow to multiply.

pub mod accuracy;
pub(crate) mod constants;

pub use constants::Constants;

use crate::scalar::Scalar;

/// e^z.
///
/// ```
/// use chainrule_tensor::math::exp;
///
/// assert_eq!(exp(0.0_f32), 1.0);
/// assert_eq!(exp(-1000.0_f32), 0.0);
/// assert_eq!(exp(1000.0_f32), f32::INFINITY);
/// ```
#[inline(always)]
pub fn exp<A: Scalar>(z: A) -> A {
    let Power { half_scale, twice, q } = Power::of(z);
    let y = (A::one() + q) * half_scale * twice;
    let y = if z > A::MOST_LOG { A::infinity() } else { y };
    if z < A::LEAST_LOG { A::zero() } else { y }
}

/// e^z − 1, with all its digits where z is small.
///
/// ```
/// use chainrule_tensor::math::exp_m1;
///
/// assert_eq!(exp_m1(1e-20_f64), 1e-20);
/// assert_eq!(exp_m1(-1000.0_f64), -1.0);
/// ```
#[inline(always)]
pub fn exp_m1<A: Scalar>(z: A) -> A {
    let Power { half_scale, twice, q } = Power::of(z);
    let y = (q * half_scale + (half_scale - twice.recip())) * twice;
    let y = if z > A::MOST_LOG { A::infinity() } else { y };
    if z < A::LEAST_LOG { -A::one() } else { y }
}

/// x, or 0 where it is subnormal: below 2⁻¹²⁶ in `f32`.
///
/// A product of two small numbers is subnormal before it is 0, and on many CPUs an operation on such numbers takes a
/// hundred times as long. What stays in memory and is used again, an error signal or a fading average, goes through this.
///
/// ```
/// use chainrule_tensor::math::flush_subnormal;
///
/// assert_eq!(flush_subnormal(1e-20_f32 * 1e-20), 0.0);
/// assert_eq!(flush_subnormal(1e-20_f32 * 1e-10), 1e-20_f32 * 1e-10);
/// ```
#[inline(always)]
pub fn flush_subnormal<A: Scalar>(x: A) -> A {
    if x.abs() < A::min_positive_value() { A::zero() } else { x }
}

/// e^z = (1 + q)·`half_scale`·`twice`: a whole power of two goes to the exponent, a polynomial gives the rest.
///
/// The power is halved where it is large, as the largest numbers are below 2^(k + 1) with 2ᵏ out of range.
struct Power<A> {
    half_scale: A,
    twice: A,
    q: A,
}

impl<A: Scalar> Power<A> {
    #[inline(always)]
    fn of(z: A) -> Self {
        let (shifted, q) = reduced(z, A::zero(), A::EXP);
        let two = A::one() + A::one();
        let (shifted, twice) = if z > A::zero() { (shifted - A::one(), two) } else { (shifted, A::one()) };
        Self { half_scale: A::power_of_two(shifted), twice, q }
    }
}

/// `SHIFT` + k and q = e^r − 1 of e^(z + correction) = 2ᵏ·e^r, |r| ≤ ½ ln 2.
#[inline(always)]
fn reduced<A: Scalar>(z: A, correction: A, coefficients: &'static [A]) -> (A, A) {
    let shifted = z * A::LOG2_E + A::SHIFT;
    let k = shifted - A::SHIFT;
    let [high, low] = A::LN_2;
    let r = (z - k * high) - (k * low - correction);
    (shifted, r + r * r * polynomial(coefficients, r))
}

/// e^(x + correction) for x ≤ 0.
#[inline(always)]
fn decay<A: Scalar>(x: A, correction: A, coefficients: &'static [A]) -> A {
    let (shifted, q) = reduced(x, correction, coefficients);
    if x < A::LEAST_LOG { A::zero() } else { (A::one() + q) * A::power_of_two(shifted) }
}

/// Horner's rule.
#[inline(always)]
fn polynomial<A: Scalar>(coefficients: &'static [A], x: A) -> A {
    let (&last, rest) = coefficients.split_last().expect("a polynomial has a coefficient");
    rest.iter().rev().fold(last, |sum, &c| sum * x + c)
}

/// A result computed in `f64`, rounded to A; 0 where that would be subnormal.
#[inline(always)]
fn narrowed<A: Scalar>(y: f64) -> A {
    // What the rounding would bring up to the smallest normal number is one.
    const BELOW: f64 = 1.0 - 1.0 / (1 << 25) as f64;
    A::of(if y.abs() < BELOW * A::min_positive_value().as_f64() { 0.0 } else { y })
}

/// The logistic sigmoid g(z) = 1 / (1 + e^(−z)), with g' = g(1 − g).
///
/// ```
/// use chainrule_tensor::math::sigmoid;
///
/// assert_eq!(sigmoid(0.0), 0.5);
/// assert_eq!(sigmoid(-1e6_f32), 0.0);
/// ```
#[inline(always)]
pub fn sigmoid<A: Scalar>(z: A) -> A {
    let (zero, one) = (A::zero(), A::one());
    let e = decay(-z.abs(), zero, A::EXP);
    // Left of 0 it is e/(1 + e): as such where e is near 1; where it is small, and the sum in the divisor would cost it
    // digits, as e − e²/(1 + e), without the square where that would be subnormal.
    let (left, far) = (z < zero, z < -one);
    let numerator = if left && !far { e } else { one };
    let numerator = if z + z < A::LEAST_LOG { zero } else { numerator };
    let ratio = numerator / (one + e);
    if far { e - e * (e * ratio) } else { ratio }
}

/// The same in `f64`, to the precision that `coefficients` give.
#[inline(always)]
fn sigmoid_by(z: f64, coefficients: &'static [f64]) -> f64 {
    let e = decay(-z.abs(), 0.0, coefficients);
    (if z < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

/// The hyperbolic tangent, with tanh' = 1 − tanh².
///
/// A polynomial where |z| < ⅝; beyond, 1 − 2e / (1 + e) with e = e^(−2|z|) and the sign of z.
///
/// ```
/// use chainrule_tensor::math::tanh;
///
/// assert!((tanh(1.0_f64) - 0.761_594_155_955_764_9).abs() < 1e-15);
/// assert_eq!(tanh(-1e30_f32), -1.0);
/// ```
#[inline(always)]
pub fn tanh<A: Scalar>(z: A) -> A {
    let a = z.abs();
    let small = a + a * (a * a) * polynomial(A::TANH, a * a);
    let e = decay(-(a + a), A::zero(), A::EXP);
    let large = A::one() - (e + e) / (A::one() + e);
    (if a < A::of(0.625) { small } else { large }).copysign(z)
}

/// Softplus ln(1 + e^z), with derivative [`sigmoid`].
///
/// ```
/// use chainrule_tensor::math::softplus;
///
/// assert_eq!(softplus(0.0_f64), 2.0_f64.ln());
/// assert_eq!(softplus(1e4_f64), 1e4);
/// ```
#[inline(always)]
pub fn softplus<A: Scalar>(z: A) -> A {
    let z = z.as_f64();
    // ln(1 + e) = 2 artanh(e/(2 + e)) with e = e^(−|z|).
    let e = decay(-z.abs(), 0.0, A::WIDE_EXP);
    let s = e / (2.0 + e);
    let tail = 2.0 * s + s * (s * s) * polynomial(A::WIDE_LOG, s * s);
    narrowed(if z > 0.0 { z + tail } else { tail })
}

/// SiLU z·g(z) with the sigmoid g.
///
/// ```
/// assert_eq!(chainrule_tensor::math::silu(0.0), 0.0);
/// ```
#[inline(always)]
pub fn silu<A: Scalar>(z: A) -> A {
    let z = z.as_f64();
    narrowed(z * sigmoid_by(z, A::WIDE_EXP))
}

/// GELU z·Φ(z) with the normal distribution function Φ.
///
/// ```
/// assert!((chainrule_tensor::math::gelu(1.0_f64) - 0.841_344_746_068_542_9).abs() < 1e-15);
/// ```
#[inline(always)]
pub fn gelu<A: Scalar>(z: A) -> A {
    narrowed(z.as_f64() * normal(z).0)
}

/// ½z(1 + tanh u) = z·g(2u) with u = √(2/π)(z + 0.044715 z³) and the sigmoid g: the usual approximation of [`gelu`].
///
/// ```
/// assert!((chainrule_tensor::math::gelu_tanh(1.0_f64) - 0.841_191_990_608_276_3).abs() < 1e-15);
/// ```
#[inline(always)]
pub fn gelu_tanh<A: Scalar>(z: A) -> A {
    let z = z.as_f64();
    // 2√(2/π)
    let u2 = 1.595_769_121_605_730_7 * z * (1.0 + 0.044_715 * z * z);
    narrowed(z * sigmoid_by(u2, A::WIDE_EXP))
}

/// The standard normal density φ(z) = e^(−z²/2) / √(2π).
///
/// ```
/// assert!((chainrule_tensor::math::normal_density(0.0_f64) - 0.3989422804014327).abs() < 1e-16);
/// ```
#[inline(always)]
pub fn normal_density<A: Scalar>(z: A) -> A {
    narrowed(normal(z).1)
}

/// The standard normal distribution function Φ(z) = (1 + erf(z/√2)) / 2.
///
/// ```
/// assert_eq!(chainrule_tensor::math::normal_distribution(0.0_f64), 0.5);
/// ```
#[inline(always)]
pub fn normal_distribution<A: Scalar>(z: A) -> A {
    narrowed(normal(z).0)
}

/// Φ and φ.
///
/// The tail Φ(−a) = e^(−a²/2)·P(t)/(a + 4) with t = (a − 4)/(a + 4) keeps its relative precision. a² is a sum of two, as its
/// rounding error would be multiplied by a²/2.
///
/// # References
/// Shepherd and Laframboise, "Chebyshev approximation of (1 + 2x)exp(x²)erfc x in 0 ≤ x < ∞", Math. Comp. 36, 1981.
#[inline(always)]
fn normal<A: Scalar>(z: A) -> (f64, f64) {
    let z = z.as_f64();
    let a = z.abs();
    let first = a.first_half();
    let e = decay(-0.5 * first * first, -0.5 * (a - first) * (a + first), A::WIDE_EXP);
    let inverse = 1.0 / (a + 4.0);
    let tail = e * (polynomial(A::WIDE_NORMAL, 1.0 - 8.0 * inverse) * inverse);
    (if z < 0.0 { tail } else { 1.0 - tail }, 0.398_942_280_401_432_7 * e)
}

#[cfg(test)]
mod tests;
