use chainrule_tensor::{
    Init, Scalar,
    math::{self, sigmoid},
};
use serde::{Deserialize, Serialize};

use crate::activation::function::{Activation, ActivationSpec};
use crate::onnx::OnnxWriter;
use crate::spec::UnitFormula;

/// z·g(z) with the sigmoid g, also called swish (Elfwing, Uchibe and Doya 2018).
///
/// φ' = g(1 + z(1 − g)) and φ'' = g(1 − g)(2 + z(1 − 2g)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Silu;

impl Activation for Silu {
    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        math::silu(z)
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, z: A, _: A) -> A {
        let g = sigmoid(z);
        g * (A::one() + z * (A::one() - g))
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, z: A, _: A) -> A {
        let g = sigmoid(z);
        g * (A::one() - g) * (A::of(2.0) + z * (A::one() - g - g))
    }

    fn usual_init(self) -> Init {
        Init::HeUniform
    }
}

impl ActivationSpec for Silu {
    fn write_onnx(self, z: &str, onnx: &mut OnnxWriter) -> String {
        let gate = onnx.apply("Sigmoid", &[z]);
        onnx.apply("Mul", &[z, &gate])
    }

    fn formula(self) -> UnitFormula {
        UnitFormula::new(r"z σ(z),  σ(z) = \frac{1}{1 + e^{−z}}", "σ(z)(1 + z(1 − σ(z)))")
    }
}
