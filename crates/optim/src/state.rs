//! Whole numbers and doubles in an optimizer's state, which is a walk over vectors of its number type.

use chainrule_tensor::Scalar;

/// Visits a whole number of an optimizer's state: as three limbs of 22 bits, which `f32` holds exactly.
pub fn visit_count<A: Scalar>(name: &str, count: &mut u64, visit: &mut dyn FnMut(&str, &mut [A])) {
    const BITS: u32 = 22;
    let mut limbs = [0, 1, 2].map(|i| A::of((*count >> (BITS * i) & ((1 << BITS) - 1)) as f64));
    visit(name, &mut limbs);
    *count = limbs.iter().rev().fold(0, |count, limb| count << BITS | limb.as_f64() as u64);
}

/// Visits a double of an optimizer's state, whatever its number type: as its bits.
pub fn visit_double<A: Scalar>(name: &str, number: &mut f64, visit: &mut dyn FnMut(&str, &mut [A])) {
    let mut bits = number.to_bits();
    visit_count(name, &mut bits, visit);
    *number = f64::from_bits(bits);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_count_survives_f32(count in 0..=u64::MAX) {
            let (mut saved, mut count_back) = (Vec::new(), 0);
            visit_count::<f32>("t", &mut { count }, &mut |_, limbs| saved = limbs.to_vec());
            visit_count::<f32>("t", &mut count_back, &mut |_, limbs| limbs.copy_from_slice(&saved));
            prop_assert_eq!(count_back, count);
        }
    }
}
