//! How far the functions are from the exact ones, in units in the last place of `f32`.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use crate::math;
use crate::simd::{self, Level};

/// A function of this module under its name, beside one that is exact to `f32`.
#[derive(Debug, Clone, Copy)]
pub struct FunctionCase {
    /// The name in tables of results.
    pub name: &'static str,
    /// The function as networks run it: a loop compiled for a level.
    pub ours: fn(Level, &[f32], &mut [f32]),
    /// The same in double precision, by the libraries of others.
    pub exact: fn(f64) -> f64,
}

macro_rules! specimen {
    ($name:ident, $exact:expr) => {
        FunctionCase {
            name: stringify!($name),
            ours: |level, z, y| {
                simd::map_at(
                    level,
                    [z],
                    [y],
                    #[inline(always)]
                    |[z], [y]| *y = math::$name(z),
                );
            },
            exact: $exact,
        }
    };
}

/// Every function that [`math`] promises a precision for.
pub fn zoo() -> Vec<FunctionCase> {
    let sigmoid = |z: f64| if z < 0.0 { z.exp() / (1.0 + z.exp()) } else { 1.0 / (1.0 + (-z).exp()) };
    vec![
        specimen!(exp, f64::exp),
        specimen!(exp_m1, f64::exp_m1),
        specimen!(sigmoid, sigmoid),
        specimen!(tanh, f64::tanh),
        specimen!(softplus, |z| z.max(0.0) + (-z.abs()).exp().ln_1p()),
        specimen!(silu, |z| if z < 0.0 { z * (z.exp() / (1.0 + z.exp())) } else { z / (1.0 + (-z).exp()) }),
        specimen!(gelu, |z| 0.5 * z * libm::erfc(-z * FRAC_1_SQRT_2)),
        specimen!(gelu_tanh, |z| {
            let e = (-2.0 * (2.0 / PI).sqrt() * (z + 0.044_715 * z * z * z)).exp();
            if e == f64::INFINITY { -0.0 } else { z / (1.0 + e) }
        }),
        specimen!(normal_distribution, |z| 0.5 * libm::erfc(-z * FRAC_1_SQRT_2)),
        specimen!(normal_density, |z| (-0.5 * z * z).exp() / (2.0 * PI).sqrt()),
    ]
}

/// The distance of `y` from the exact result, in units in the last place of the latter.
///
/// It is 0 where the exact result overflows to the y at hand, or is below the smallest normal number and y is 0.
///
/// ```
/// use chainrule_tensor::math::accuracy::error_in_ulps;
///
/// assert_eq!(error_in_ulps(1.0 + f32::EPSILON, 1.0), 1.0);
/// assert_eq!(error_in_ulps(0.0, 1e-40), 0.0);
/// ```
pub fn error_in_ulps(y: f32, exact: f64) -> f64 {
    let least = f64::from(f32::MIN_POSITIVE);
    if f64::from(y) == exact || y == exact as f32 && y.is_infinite() || y == 0.0 && exact.abs() < least {
        return 0.0;
    }
    // 2^(e − 23) for 2^e ≤ |exact| < 2^(e + 1): the double's exponent bits alone.
    let power = f64::from_bits(exact.abs().max(least).to_bits() & (0x7FF << 52));
    let error = (f64::from(y) - exact).abs() / (power * f64::from(f32::EPSILON));
    if error.is_nan() { f64::INFINITY } else { error }
}

/// The largest error over some arguments, and where it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Worst {
    /// The error in units in the last place.
    pub ulps: f64,
    /// The argument.
    pub at: f32,
}

/// The worst of `specimen`'s results on the finite numbers whose bits are `first`, `first` + `stride`, … below `end`.
pub fn worst(specimen: FunctionCase, level: Level, first: u64, end: u64, stride: u64) -> Worst {
    const BLOCK: u64 = 4096;
    let mut worst = Worst { ulps: 0.0, at: 0.0 };
    let (mut z, mut y) = (Vec::new(), vec![0.0; BLOCK as usize]);
    let mut start = first;
    while start < end {
        let bits = (start..end).step_by(stride as usize).take(BLOCK as usize);
        z.clear();
        z.extend(bits.map(|bits| f32::from_bits(bits as u32)).filter(|z| z.is_finite()));
        let y = &mut y[..z.len()];
        (specimen.ours)(level, &z, y);
        for (&z, &y) in z.iter().zip(&*y) {
            let ulps = error_in_ulps(y, (specimen.exact)(f64::from(z)));
            if ulps > worst.ulps {
                worst = Worst { ulps, at: z };
            }
        }
        start += BLOCK * stride;
    }
    worst
}
