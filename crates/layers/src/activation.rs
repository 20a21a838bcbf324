//! The functions φ of one number that [`Pointwise`](crate::Pointwise) applies to each unit, each beside its derivatives:
//! one file a function.
//!
//! Where a derivative is simplest in y = φ(z) it is written so: that is what saves the layer a memory of its own.

mod elu;
mod function;
mod gelu;
mod gelu_tanh;
mod hardswish;
mod hardtanh;
mod identity;
mod leaky_relu;
mod mish;
mod relu;
mod relu6;
mod selu;
mod sigmoid;
mod silu;
mod softplus;
mod softsign;
mod tanh;

pub use elu::Elu;
pub use function::{Activation, ActivationSpec};
pub use gelu::Gelu;
pub use gelu_tanh::GeluTanh;
pub use hardswish::Hardswish;
pub use hardtanh::Hardtanh;
pub use identity::Identity;
pub use leaky_relu::LeakyRelu;
pub use mish::Mish;
pub use relu::Relu;
pub use relu6::Relu6;
pub use selu::Selu;
pub use sigmoid::Sigmoid;
pub use silu::Silu;
pub use softplus::Softplus;
pub use softsign::Softsign;
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
    fn values_and_slopes_are_those_of_pytorch() {
        // for f in [nn.Hardswish(), nn.Hardtanh(), nn.ReLU6(), nn.Mish(), nn.SELU(), nn.Softsign()]:
        //     y = f(x); print(y.tolist(), torch.autograd.grad(y.sum(), x)[0].tolist())
        // with x = torch.tensor([-3., 3., -1.5, .75], dtype=torch.float64, requires_grad=True), in PyTorch 2.15.
        check_at(Hardswish, [-0.0, 3.0, -0.375, 0.468_75], [0.0, 1.0, 0.0, 0.75]);
        check_at(Hardtanh::default(), [-1.0, 1.0, -1.0, 0.75], [0.0, 0.0, 0.0, 1.0]);
        check_at(Relu6, [0.0, 3.0, 0.0, 0.75], [0.0, 1.0, 0.0, 1.0]);
        check_at(
            Mish,
            [
                -0.145_647_461_275_624_6,
                2.986_535_004_967_957_5,
                -0.298_099_742_166_806_74,
                0.610_018_335_218_293_4,
            ],
            [
                -0.093_393_114_532_320_84,
                1.021_106_910_929_443_5,
                -0.064_097_815_892_258_69,
                0.985_758_355_716_688,
            ],
        );
        check_at(
            Selu,
            [
                -1.670_568_728_767_111_8,
                3.152_102_962_066_441_4,
                -1.365_814_353_367_252_7,
                0.788_025_740_516_610_3,
            ],
            [
                0.087_530_612_080_264_87,
                1.050_700_987_355_480_5,
                0.392_284_987_480_124,
                1.050_700_987_355_480_5,
            ],
        );
        check_at(
            Softsign,
            [-0.75, 0.75, -0.6, 0.428_571_428_571_428_55],
            [0.0625, 0.0625, 0.16, 0.326_530_612_244_897_93],
        );
    }

    #[track_caller]
    fn check_at(phi: impl Activation, values: [f64; 4], slopes: [f64; 4]) {
        for (z, (value, slope)) in [-3.0, 3.0, -1.5, 0.75].into_iter().zip(values.into_iter().zip(slopes)) {
            let y = phi.value(z);
            assert!((y - value).abs() < 1e-14, "{phi:?}({z}) = {y}, not {value}");
            let found = phi.slope(z, y);
            assert!((found - slope).abs() < 1e-14, "{phi:?}'({z}) = {found}, not {slope}");
        }
    }

    #[test]
    fn the_slope_at_a_kink_is_pytorch_s() {
        assert_eq!(slopes_at_kinks(Hardtanh::default()), [0.0, 0.0]);
        assert_eq!(slopes_at_kinks(Relu6), [0.0, 0.0]);
        assert_eq!(slopes_at_kinks(Hardswish), [0.0, 1.0]);
    }

    fn slopes_at_kinks(phi: impl Activation) -> Vec<f64> {
        phi.kinks().into_iter().map(|z| phi.slope(z, phi.value(z))).collect()
    }

    #[test]
    fn a_rectifier_lets_nan_through() {
        assert!(Relu.value(f32::NAN).is_nan());
        assert!(Relu6.value(f32::NAN).is_nan());
        assert!(Hardtanh::default().value(f32::NAN).is_nan());
        assert!(Hardswish.value(f32::NAN).is_nan());
    }
}
