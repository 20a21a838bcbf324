use chainrule_tensor::{
    Init, Scalar,
    math::{self, sigmoid},
};
use serde::{Deserialize, Serialize};

use crate::activation::function::{Activation, ActivationSpec};
use crate::onnx::OnnxWriter;
use crate::spec::UnitFormula;

/// ln(1 + e^z), whose derivative is the sigmoid (Dugas et al. 2001).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Softplus;

impl Activation for Softplus {
    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        math::softplus(z)
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, z: A, _: A) -> A {
        sigmoid(z)
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, z: A, _: A) -> A {
        let g = sigmoid(z);
        g * (A::one() - g)
    }

    fn usual_init(self) -> Init {
        Init::HeUniform
    }
}

impl ActivationSpec for Softplus {
    fn write_onnx(self, z: &str, onnx: &mut OnnxWriter) -> String {
        // max(0, z) + ln(1 + e^(−|z|)): onnxruntime has no Softplus of doubles, and this never overflows.
        let (one, above) = (onnx.number(1.0), onnx.apply("Relu", &[z]));
        let size = onnx.apply("Abs", &[z]);
        let negative = onnx.apply("Neg", &[&size]);
        let power = onnx.apply("Exp", &[&negative]);
        let sum = onnx.apply("Add", &[&power, &one]);
        let below = onnx.apply("Log", &[&sum]);
        onnx.apply("Add", &[&below, &above])
    }

    fn formula(self) -> UnitFormula {
        UnitFormula::new("ln(1 + e^z)", r"\frac{1}{1 + e^{−z}}")
    }
}
