//! Vector operations on flat slices: what an optimizer is made of.
//!
//! Sums run in a fixed order that depends on the length alone: 16 partial sums in a block of 1024 numbers,
//! block sums added in `f64`. So a result has the same bits on every run, and an `f32` norm of millions of parameters
//! keeps its digits.

use crate::scalar::Scalar;
use crate::simd::{self, LANES};

/// Numbers summed in their own precision before they go to `f64`.
const BLOCK: usize = 1024;

/// The inner product xᵀy.
///
/// # Panics
/// If the lengths differ.
///
/// ```
/// assert_eq!(chainrule_tensor::vector::dot(&[1.0, 2.0], &[3.0, 4.0]), 11.0);
/// ```
#[track_caller]
pub fn dot<A: Scalar>(x: &[A], y: &[A]) -> A {
    assert_eq!(x.len(), y.len(), "dot: lengths differ");
    A::of(sum_of(x, y, |x, y| x * y))
}

/// Σᵢ xᵢ.
///
/// ```
/// assert_eq!(chainrule_tensor::vector::sum(&[3.0, -4.0]), -1.0);
/// ```
#[inline]
pub fn sum<A: Scalar>(x: &[A]) -> A {
    // The lanes would stay empty, and the choice of registers takes as long as a row of ten.
    if x.len() < LANES {
        return x.iter().copied().sum();
    }
    A::of(sum_of(x, x, |x, _| x))
}

/// The Euclidean norm ‖x‖₂.
///
/// ```
/// assert_eq!(chainrule_tensor::vector::norm(&[3.0, 4.0]), 5.0);
/// ```
pub fn norm<A: Scalar>(x: &[A]) -> A {
    A::of(sum_of(x, x, |x, y| x * y).sqrt())
}

/// The sum of |xᵢ|.
///
/// ```
/// assert_eq!(chainrule_tensor::vector::norm_1(&[3.0, -4.0]), 7.0);
/// ```
pub fn norm_1<A: Scalar>(x: &[A]) -> A {
    A::of(sum_of(x, x, |x, _| x.abs()))
}

/// The largest |xᵢ|; 0 for an empty vector, NaN if there is one.
///
/// ```
/// assert_eq!(chainrule_tensor::vector::norm_max(&[3.0, -4.0]), 4.0);
/// ```
pub fn norm_max<A: Scalar>(x: &[A]) -> A {
    x.iter().fold(A::zero(), |max, x| if x.is_nan() || x.abs() > max { x.abs() } else { max })
}

/// y ← y + αx.
///
/// # Panics
/// If the lengths differ.
///
/// ```
/// let mut y = [1.0, 1.0];
/// chainrule_tensor::vector::axpy(2.0, &[1.0, 3.0], &mut y);
/// assert_eq!(y, [3.0, 7.0]);
/// ```
#[track_caller]
pub fn axpy<A: Scalar>(alpha: A, x: &[A], y: &mut [A]) {
    assert_eq!(x.len(), y.len(), "axpy: lengths differ");
    simd::map([x], [y], move |[x], [y]| *y += alpha * x);
}

/// x ← αx.
///
/// ```
/// let mut x = [1.0, 3.0];
/// chainrule_tensor::vector::scale(2.0, &mut x);
/// assert_eq!(x, [2.0, 6.0]);
/// ```
pub fn scale<A: Scalar>(alpha: A, x: &mut [A]) {
    simd::map([], [x], move |[], [x]| *x *= alpha);
}

/// Whether every number is finite.
///
/// ```
/// assert!(!chainrule_tensor::vector::is_finite(&[1.0, f64::NAN]));
/// ```
pub fn is_finite<A: Scalar>(x: &[A]) -> bool {
    // x − x is 0 for a finite number and NaN otherwise; the lanes of a sum are quicker than an early exit.
    sum_of(x, x, |x, y| x - y) == 0.0
}

/// Σ term(xᵢ, yᵢ).
#[inline(always)]
fn sum_of<A: Scalar>(x: &[A], y: &[A], term: impl Fn(A, A) -> A) -> f64 {
    simd::dispatch(
        #[inline(always)]
        move || {
            let blocks = x.chunks(BLOCK).zip(y.chunks(BLOCK));
            blocks.map(|(x, y)| block_sum(x, y, &term).as_f64()).sum()
        },
    )
}

#[inline(always)]
fn block_sum<A: Scalar>(x: &[A], y: &[A], term: impl Fn(A, A) -> A) -> A {
    let (x_lanes, x_rest) = x.as_chunks::<LANES>();
    let (y_lanes, y_rest) = y.as_chunks::<LANES>();
    let mut lanes = [A::zero(); LANES];
    for (x, y) in x_lanes.iter().zip(y_lanes) {
        for lane in 0..LANES {
            lanes[lane] += term(x[lane], y[lane]);
        }
    }
    let rest: A = x_rest.iter().zip(y_rest).map(|(&x, &y)| term(x, y)).sum();
    lanes.iter().copied().sum::<A>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn dot_equals_the_plain_sum(xy in prop::collection::vec((-1e3..1e3_f64, -1e3..1e3_f64), 0..3000)) {
            let (x, y): (Vec<_>, Vec<_>) = xy.into_iter().unzip();
            let plain: f64 = x.iter().zip(&y).map(|(x, y)| x * y).sum();
            prop_assert!((dot(&x, &y) - plain).abs() <= 1e-9 * (1.0 + norm(&x) * norm(&y)));
        }
    }

    #[test]
    fn a_long_f32_norm_keeps_its_digits() {
        let x = vec![0.1_f32; 4_000_000];
        assert!((norm(&x) / 200.0 - 1.0).abs() < 1e-6);
    }

    #[test]
    fn one_bad_number_is_found_anywhere() {
        for at in [0, 15, 16, 1023, 1024, 2000] {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut x = vec![1e38_f32; 2001];
                assert!(is_finite(&x));
                x[at] = bad;
                assert!(!is_finite(&x));
            }
        }
        assert!(norm_max(&[1.0, f64::NAN, 2.0]).is_nan());
    }
}
