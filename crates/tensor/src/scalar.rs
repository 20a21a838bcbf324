use std::iter::Sum;

use ndarray::NdFloat;
use num_traits::FromPrimitive;

use crate::kernel::tiled::Tiled;
use crate::math::constants::Constants;

/// The number type of a network: `f32` to train, `f64` to check.
///
/// Everything in Chainrule is generic over this one trait, so a model proved exact in `f64` is the same code that
/// trains in `f32`.
///
/// ```
/// use chainrule_tensor::Scalar;
///
/// fn half<A: Scalar>(x: A) -> A {
///     x * A::of(0.5)
/// }
/// assert_eq!(half(3.0_f32), 1.5);
/// ```
pub trait Scalar: NdFloat + FromPrimitive + Sum + Default + Constants + Tiled {
    /// `"f32"` or `"f64"`.
    const NAME: &'static str;

    /// The nearest number to `x`.
    fn of(x: f64) -> Self;

    /// This number as an `f64`, without loss.
    fn as_f64(self) -> f64;
}

impl Scalar for f32 {
    const NAME: &'static str = "f32";

    #[inline(always)]
    fn of(x: f64) -> Self {
        x as Self
    }

    #[inline(always)]
    fn as_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Scalar for f64 {
    const NAME: &'static str = "f64";

    #[inline(always)]
    fn of(x: f64) -> Self {
        x
    }

    #[inline(always)]
    fn as_f64(self) -> f64 {
        self
    }
}

/// What a function does to its output: overwrite it or add to it.
///
/// A lone shard writes its gradient and saves clearing and reading it back; a later one adds to what is there.
///
/// ```
/// use chainrule_tensor::Accum;
///
/// assert_eq!(Accum::Replace.beta::<f64>(), 0.0);
/// assert_eq!(Accum::Add.beta::<f64>(), 1.0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accum {
    /// out ← value.
    Replace,
    /// out ← out + value.
    Add,
}

impl Accum {
    /// The β of C ← αAB + βC.
    pub fn beta<A: Scalar>(self) -> A {
        match self {
            Accum::Replace => A::zero(),
            Accum::Add => A::one(),
        }
    }

    /// Applies `value` to `out`.
    #[inline]
    pub fn put<A: Scalar>(self, out: &mut A, value: A) {
        match self {
            Accum::Replace => *out = value,
            Accum::Add => *out += value,
        }
    }
}
