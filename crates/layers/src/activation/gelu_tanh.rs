use chainrule_tensor::{Init, Scalar, math};
use serde::{Deserialize, Serialize};

use crate::activation::function::{Activation, ActivationSpec};
use crate::onnx::OnnxWriter;
use crate::spec::UnitFormula;

/// ½z(1 + tanh u) with u = √(2/π)(z + 0.044715 z³), the usual approximation of [`Gelu`](crate::activation::Gelu) (the same paper).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct GeluTanh;

impl GeluTanh {
    /// tanh u, u' and u''.
    #[inline(always)]
    fn inner<A: Scalar>(z: A) -> (A, A, A) {
        let (root, cubic) = (A::of((2.0 / std::f64::consts::PI).sqrt()), A::of(0.044_715));
        let square = cubic * z * z;
        let tanh = math::tanh(root * z * (A::one() + square));
        (tanh, root * (A::one() + A::of(3.0) * square), root * A::of(6.0) * cubic * z)
    }
}

impl Activation for GeluTanh {
    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        math::gelu_tanh(z)
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, z: A, _: A) -> A {
        let (t, u1, _) = Self::inner(z);
        A::of(0.5) * (A::one() + t + z * (A::one() - t * t) * u1)
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, z: A, _: A) -> A {
        let (t, u1, u2) = Self::inner(z);
        (A::one() - t * t) * (u1 + A::of(0.5) * z * (u2 - A::of(2.0) * t * u1 * u1))
    }

    fn usual_init(self) -> Init {
        Init::HeUniform
    }
}

impl ActivationSpec for GeluTanh {
    fn write_onnx(self, z: &str, onnx: &mut OnnxWriter) -> String {
        // z·½(1 + tanh(√(2/π)·z(1 + 0.044715 z²)))
        let (one, half) = (onnx.number(1.0), onnx.number(0.5));
        let cubic = onnx.number(0.044_715);
        let slope = onnx.number((2.0 / std::f64::consts::PI).sqrt());
        let square = onnx.apply("Mul", &[z, z]);
        let value = onnx.apply("Mul", &[&square, &cubic]);
        let value = onnx.apply("Add", &[&value, &one]);
        let value = onnx.apply("Mul", &[&value, z]);
        let value = onnx.apply("Mul", &[&value, &slope]);
        let value = onnx.apply("Tanh", &[&value]);
        let value = onnx.apply("Add", &[&value, &one]);
        let value = onnx.apply("Mul", &[&value, &half]);
        onnx.apply("Mul", &[&value, z])
    }

    fn formula(self) -> UnitFormula {
        UnitFormula::new(
            r"½ z(1 + tanh u),  u = \sqrt{2/π}(z + 0.044715 z^3)",
            r"½(1 + tanh u) + ½ z(1 − tanh^2 u) · u'",
        )
    }
}
