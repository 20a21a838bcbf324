//! The functions φ of one number that [`Pointwise`](crate::Pointwise) applies to each unit, each beside its derivatives:
//! one file a function.
//!
//! Where a derivative is simplest in y = φ(z) it is written so: that is what saves the layer a memory of its own.

mod elu;
mod function;
mod gelu;
mod gelu_tanh;
mod identity;
mod leaky_relu;
mod relu;
mod sigmoid;
mod silu;
mod softplus;
mod tanh;

pub use elu::Elu;
pub use function::{Activation, ActivationSpec};
pub use gelu::Gelu;
pub use gelu_tanh::GeluTanh;
pub use identity::Identity;
pub use leaky_relu::LeakyRelu;
pub use relu::Relu;
pub use sigmoid::Sigmoid;
pub use silu::Silu;
pub use softplus::Softplus;
pub use tanh::Tanh;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(phi: impl Activation, z: f64, expected: f64) {
        let y = phi.value(z);
        assert!((y - expected).abs() < 5e-7, "{phi:?}({z}) = {y}, not {expected}");
    }

    #[test]
    fn values_are_the_published_ones() {
        // From the formulas in Python's math module, six digits.
        check(Sigmoid, -1.5, 0.182_426);
        check(Tanh, 0.75, 0.635_149);
        check(LeakyRelu::default(), -1.5, -0.015);
        check(Elu::default(), -1.5, -0.776_870);
        check(Gelu, -1.5, -0.100_211);
        check(GeluTanh, -1.5, -0.100_428);
        check(Silu, -1.5, -0.273_638);
        check(Softplus, 0.75, 1.136_871);
        check(Relu, -1.5, 0.0);
    }

    #[test]
    fn a_rectifier_lets_nan_through() {
        assert!(Relu.value(f32::NAN).is_nan());
    }
}
