use chainrule_tensor::{Scalar, simd, vector};
use serde::{Deserialize, Serialize};

/// What is done about a gradient that is too long.
///
/// # References
/// Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013, algorithm 1.
///
/// ```
/// use chainrule_optim::Clip;
///
/// let mut gradient = [3.0, 4.0];
/// Clip::Norm(1.0).apply(&mut gradient);
/// assert!((gradient[0] - 0.6_f64).abs() < 1e-6);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clip {
    /// g ← g·min(1, c/(‖g‖ + 10⁻⁶)), as PyTorch's `clip_grad_norm_`.
    Norm(f64),
    /// gᵢ ← min(max(gᵢ, −c), c).
    Value(f64),
}

impl Clip {
    /// Clips `gradient` in place.
    pub fn apply<A: Scalar>(self, gradient: &mut [A]) {
        match self {
            Clip::Norm(longest) => {
                let factor = longest / (vector::norm(gradient).as_f64() + 1e-6);
                if factor < 1.0 {
                    vector::scale(A::of(factor), gradient);
                }
            }
            Clip::Value(largest) => {
                let largest = A::of(largest);
                simd::map([], [gradient], |[], [g]| {
                    // Not `clamp` by max and min, which would hide a NaN.
                    let below = if *g > largest { largest } else { *g };
                    *g = if below < -largest { -largest } else { below };
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_beyond_the_magnitude_is_cut_to_it_and_nan_stays() {
        let mut gradient = [-3.0, -1.5, -1.0, 0.0, 1.0, 1.5, 2.0, f64::NAN];
        Clip::Value(1.5).apply(&mut gradient);
        assert_eq!(gradient[..7], [-1.5, -1.5, -1.0, 0.0, 1.0, 1.5, 1.5]);
        assert!(gradient[7].is_nan());
    }

    #[test]
    fn what_is_not_too_long_is_left_alone_bit_by_bit() {
        // With the 10⁻⁶ that is added, a norm of 5 is not too long for 5.000001, but for 5.
        for (clip, gradient) in [
            (Clip::Norm(1.0), [0.3_f64, 0.4]),
            (Clip::Norm(5.000_001), [3.0, -4.0]),
            (Clip::Value(4.0), [3.0, -4.0]),
            (Clip::Value(0.0), [0.0, -0.0]),
        ] {
            let mut clipped = gradient;
            clip.apply(&mut clipped);
            assert_eq!(clipped.map(f64::to_bits), gradient.map(f64::to_bits), "{clip:?}: {clipped:?}");
        }
    }

    #[test]
    fn a_gradient_that_is_too_long_is_shortened_as_by_pytorch() {
        // c/(‖g‖ + 10⁻⁶) by hand: ‖(3, 4)‖ = 5 and ‖(1, 2, 2)‖ = 3.
        for (longest, gradient, factor) in [
            (1.0, vec![3.0_f64, 4.0], 1.0 / 5.000_001),
            (5.0, vec![3.0, 4.0], 5.0 / 5.000_001),
            (0.5, vec![-1.0, 2.0, 2.0], 0.5 / 3.000_001),
        ] {
            let mut clipped = gradient.clone();
            Clip::Norm(longest).apply(&mut clipped);
            for (clipped, g) in clipped.iter().zip(&gradient) {
                assert!((clipped - factor * g).abs() < 1e-14, "{longest}: {clipped} of {g}");
            }
        }
    }
}
