use chainrule_tensor::{
    Init, Scalar,
    math::{self, sigmoid},
};
use serde::{Deserialize, Serialize};

use crate::activation::function::{Activation, ActivationSpec};
use crate::activation::softplus::Softplus;
use crate::onnx::OnnxWriter;
use crate::spec::UnitFormula;

/// z·t with t = tanh(ln(1 + e^z)) (Misra, "Mish: a self regularized non-monotonic activation function", BMVC 2020).
///
/// With the sigmoid g, t' = (1 − t²)g and t'' = t'(1 − g − 2tg), so that φ' = t + zt' and φ'' = 2t' + zt''.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Mish;

/// t, t' and the sigmoid g.
#[inline(always)]
fn gate<A: Scalar>(z: A) -> (A, A, A) {
    let (t, g) = (math::tanh(math::softplus(z)), sigmoid(z));
    (t, (A::one() - t * t) * g, g)
}

impl Activation for Mish {
    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        z * math::tanh(math::softplus(z))
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, z: A, _: A) -> A {
        let (t, t_slope, _) = gate(z);
        t + z * t_slope
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, z: A, _: A) -> A {
        let (t, t_slope, g) = gate(z);
        t_slope * (A::of(2.0) + z * (A::one() - g - (t + t) * g))
    }

    fn usual_init(self) -> Init {
        Init::HeUniform
    }
}

impl ActivationSpec for Mish {
    fn write_onnx(self, z: &str, onnx: &mut OnnxWriter) -> String {
        let gate = Softplus.write_onnx(z, onnx);
        let gate = onnx.apply("Tanh", &[&gate]);
        onnx.apply("Mul", &[z, &gate])
    }

    fn formula(self) -> UnitFormula {
        UnitFormula::new(
            "z t(z),  t(z) = tanh(ln(1 + e^z))",
            r"t(z) + z(1 − t(z)^2)σ(z),  σ(z) = \frac{1}{1 + e^{−z}}",
        )
    }
}
