use super::accuracy::{worst, zoo};
use super::*;
use crate::simd::Level;

#[test]
fn every_function_is_within_two_units_in_the_last_place() {
    for specimen in zoo() {
        // A prime number of bits apart, so that no pattern of the mantissa is missed.
        let worst = worst(specimen, Level::best(), 0, 1 << 32, 4001);
        assert!(worst.ulps <= 2.0, "{}: {worst:?}", specimen.name);
    }
}

/// The ends of the range, the zeros, subnormal numbers, where exponentials over- and underflow, and their neighbours.
fn special() -> Vec<f32> {
    let least = f32::from_bits(1);
    let marks = [
        0.0,
        least,
        f32::MIN_POSITIVE,
        2.0 * f32::MIN_POSITIVE,
        1.0,
        87.33655,
        88.02969,
        88.72284,
        103.97,
        f32::MAX,
    ];
    let near = |x: f32| [x, x.next_down(), x.next_up()].into_iter().filter(|x| x.is_finite());
    marks.into_iter().flat_map(near).flat_map(|x| [x, -x]).collect()
}

#[test]
fn every_function_keeps_its_promise_at_the_ends_of_the_range() {
    for specimen in zoo() {
        let z = special();
        let mut y = z.clone();
        (specimen.ours)(Level::best(), &z, &mut y);
        for (z, y) in z.into_iter().zip(y) {
            let ulps = accuracy::error_in_ulps(y, (specimen.exact)(f64::from(z)));
            assert!(ulps <= 2.0, "{}({z:e}) = {y:e}", specimen.name);
        }
        let mut y = [0.0; 3];
        (specimen.ours)(Level::best(), &[f32::NAN, f32::NEG_INFINITY, f32::INFINITY], &mut y);
        assert!(y[0].is_nan(), "{} hides NaN", specimen.name);
    }
    assert_eq!([exp(f32::NEG_INFINITY), exp(f32::INFINITY)], [0.0, f32::INFINITY]);
    assert_eq!([sigmoid(f32::NEG_INFINITY), sigmoid(f32::INFINITY)], [0.0, 1.0]);
    assert_eq!([tanh(f32::NEG_INFINITY), tanh(f32::INFINITY)], [-1.0, 1.0]);
    assert_eq!(softplus(f32::INFINITY), f32::INFINITY);
}

#[test]
fn every_level_gives_the_same_bits() {
    let all = (0..1 << 32).step_by(400_009).map(|bits: u64| f32::from_bits(bits as u32));
    let z: Vec<f32> = special().into_iter().chain(all.filter(|z| !z.is_nan())).collect();
    for specimen in zoo() {
        let bits = |level| {
            let mut y = vec![0.0; z.len()];
            (specimen.ours)(level, &z, &mut y);
            y.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        let portable = bits(Level::Portable);
        for level in Level::available() {
            assert!(bits(level) == portable, "{} differs on {level:?}", specimen.name);
        }
    }
}

#[test]
fn double_precision_is_as_good_as_the_standard_librarys() {
    for i in -20_000..20_000 {
        let z = f64::from(i) * 0.035_11;
        for (y, exact) in [(exp(z), z.exp()), (exp_m1(z), z.exp_m1()), (tanh(z / 30.0), (z / 30.0).tanh())] {
            assert!((y - exact).abs() <= 2.0 * f64::EPSILON * exact.abs() || y == exact, "{z}: {y}, {exact}");
        }
    }
}

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
