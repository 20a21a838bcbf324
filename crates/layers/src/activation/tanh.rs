use chainrule_tensor::{Init, Scalar, math};
use serde::{Deserialize, Serialize};

use crate::activation::function::{Activation, ActivationSpec};
use crate::onnx::OnnxWriter;
use crate::spec::UnitFormula;

/// tanh z, with tanh' = 1 − tanh², tanh'' = −2·tanh·tanh'.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Tanh;

impl Activation for Tanh {
    const SLOPE_FROM_VALUE: bool = true;

    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        math::tanh(z)
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, _: A, y: A) -> A {
        A::one() - y * y
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, z: A, y: A) -> A {
        -(y + y) * self.slope(z, y)
    }

    fn usual_init(self) -> Init {
        Init::GlorotUniform
    }
}

impl ActivationSpec for Tanh {
    fn write_onnx(self, z: &str, onnx: &mut OnnxWriter) -> String {
        onnx.apply("Tanh", &[z])
    }

    fn formula(self) -> UnitFormula {
        UnitFormula::new("tanh z", "1 − g^2")
    }
}
