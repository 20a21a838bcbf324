use chainrule_tensor::{Init, Scalar, math::sigmoid};
use serde::{Deserialize, Serialize};

use crate::activation::function::{Activation, ActivationSpec};
use crate::onnx::OnnxWriter;
use crate::spec::UnitFormula;

/// g(z) = 1 / (1 + e^(−z)), g' = g(1 − g), g'' = g'(1 − 2g).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Sigmoid;

impl Activation for Sigmoid {
    const SLOPE_FROM_VALUE: bool = true;

    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        sigmoid(z)
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, _: A, y: A) -> A {
        y * (A::one() - y)
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, z: A, y: A) -> A {
        self.slope(z, y) * (A::one() - y - y)
    }

    fn usual_init(self) -> Init {
        Init::GlorotUniform
    }
}

impl ActivationSpec for Sigmoid {
    fn write_onnx(self, z: &str, onnx: &mut OnnxWriter) -> String {
        onnx.apply("Sigmoid", &[z])
    }

    fn formula(self) -> UnitFormula {
        UnitFormula::new(r"\frac{1}{1 + e^{−z}}", "g(1 − g)")
    }
}
