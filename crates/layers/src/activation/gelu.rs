use chainrule_tensor::{
    Init, Scalar,
    math::{self, normal_density, normal_distribution},
};
use serde::{Deserialize, Serialize};

use crate::activation::function::{Activation, ActivationSpec};
use crate::onnx::OnnxWriter;
use crate::spec::UnitFormula;

/// z·Φ(z) with the normal distribution function Φ, exact by erf (Hendrycks and Gimpel 2016).
///
/// φ' = Φ + zϕ and φ'' = ϕ(2 − z²) with the normal density ϕ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Gelu;

impl Activation for Gelu {
    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        math::gelu(z)
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, z: A, _: A) -> A {
        normal_distribution(z) + z * normal_density(z)
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, z: A, _: A) -> A {
        normal_density(z) * (A::of(2.0) - z * z)
    }

    fn usual_init(self) -> Init {
        Init::HeUniform
    }
}

impl ActivationSpec for Gelu {
    fn write_onnx(self, z: &str, onnx: &mut OnnxWriter) -> String {
        // z·½(1 + erf(z/√2)); onnxruntime has no erf of doubles, so it is taken in f32.
        let (root, one) = (onnx.number(std::f64::consts::FRAC_1_SQRT_2), onnx.number(1.0));
        let half = onnx.number(0.5);
        let mut value = onnx.apply("Mul", &[z, &root]);
        value = onnx.in_single(&value, |onnx, z| onnx.apply("Erf", &[z]));
        value = onnx.apply("Add", &[&value, &one]);
        value = onnx.apply("Mul", &[&value, &half]);
        onnx.apply("Mul", &[&value, z])
    }

    fn formula(self) -> UnitFormula {
        UnitFormula::new("z Φ(z)", "Φ(z) + z ϕ(z)")
    }
}
