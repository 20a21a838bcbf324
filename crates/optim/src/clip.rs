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
    fn a_short_gradient_is_left_alone() {
        let mut gradient = [0.3, 0.4];
        Clip::Norm(1.0).apply(&mut gradient);
        assert_eq!(gradient, [0.3, 0.4]);
    }
}
