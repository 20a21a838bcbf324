//! Floating-point numbers of 16 bits: IEEE 754's binary16, and bfloat16, the upper half of an `f32`.

/// Bits of the significand and least exponent of a normal number.
#[derive(Clone, Copy)]
struct Form {
    significand: u32,
    least: i32,
}

const HALF: Form = Form { significand: 10, least: -14 };
const BFLOAT: Form = Form { significand: 7, least: -126 };

/// The number with these bits by IEEE 754's binary16: a sign, 5 bits of exponent, 10 of significand.
pub fn half(bits: u16) -> f64 {
    let (exponent, significand) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => significand * 2.0_f64.powi(-24),
        0x1f if significand == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        _ => (1024.0 + significand) * 2.0_f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

/// The bits of the nearest number of binary16, of two the even one; `None` where that is infinite, or x is NaN.
///
/// ```
/// use chainrule_tensor::half::{half, half_bits};
///
/// assert_eq!(half_bits(1.0 + 2.0_f64.powi(-11)).map(half), Some(1.0));
/// assert_eq!(half_bits(65519.0).map(half), Some(65504.0));
/// assert_eq!(half_bits(65520.0), None);
/// ```
pub fn half_bits(x: f64) -> Option<u16> {
    rounded(x, HALF)
}

/// The bits of the nearest bfloat16, of two the even one; `None` where that is infinite, or x is NaN.
pub fn bfloat_bits(x: f64) -> Option<u16> {
    rounded(x, BFLOAT)
}

fn rounded(x: f64, Form { significand, least }: Form) -> Option<u16> {
    if !x.is_finite() {
        return None;
    }
    let exponent = ((x.to_bits() >> 52 & 0x7ff) as i32 - 1023).max(least);
    // In units of the last place the division is exact, so that there is one rounding.
    let units = (x.abs() / 2.0_f64.powi(exponent - significand as i32)).round_ties_even();
    // A normal number's first bit, and a carry out of the significand, count up the exponent.
    let bits = (((exponent - least) as u32) << significand) + units as u32;
    let infinity = (0x7fff_u32 >> significand) << significand;
    (bits < infinity).then_some(bits as u16 | u16::from(x.is_sign_negative()) << 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bfloat(bits: u16) -> f64 {
        f64::from(f32::from_bits(u32::from(bits) << 16))
    }

    #[test]
    fn halves_are_the_numbers_that_numpy_reads() {
        for (bits, x) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0400, 6.103_515_625e-05),
            (0x0001, 5.960_464_477_539_063e-08),
            (0x3555, 0.333_251_953_125),
            (0x7c00, f64::INFINITY),
        ] {
            assert_eq!(half(bits), x, "{bits:#06x}");
        }
        assert!(half(0x7e00).is_nan() && half(0x8000).is_sign_negative());
    }

    /// Checks each number of a form, and the middle between it and the next.
    fn check(number: impl Fn(u16) -> f64, bits_of: impl Fn(f64) -> Option<u16>) {
        for bits in 0..=u16::MAX {
            let x = number(bits);
            assert_eq!(bits_of(x), x.is_finite().then_some(bits), "{bits:#06x}");
            let next = number(bits.wrapping_add(1));
            if x.is_finite() && next.is_finite() && x.is_sign_positive() {
                let middle = f64::midpoint(x, next);
                assert_eq!(bits_of(middle), Some(bits + (bits & 1)), "halfway after {bits:#06x}");
                assert_eq!(bits_of(-middle.next_down()), Some(bits | 0x8000));
                assert_eq!(bits_of(middle.next_up()), Some(bits + 1));
            }
        }
    }

    #[test]
    fn each_number_of_sixteen_bits_is_its_own_nearest_one_and_halfway_is_the_even_one() {
        check(half, half_bits);
        check(bfloat, bfloat_bits);
        assert_eq!(half_bits(65520.0_f64.next_down()).map(half), Some(65504.0));
        assert_eq!((half_bits(65520.0), half_bits(f64::NAN), bfloat_bits(f64::MAX)), (None, None, None));
        // Half of the least number is a tie with 0.
        assert_eq!((half_bits(2.0_f64.powi(-25)), half_bits(-0.0)), (Some(0), Some(0x8000)));
        assert_eq!(bfloat_bits(f64::from_bits(1)), Some(0));
    }
}
