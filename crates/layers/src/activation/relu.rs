use chainrule_tensor::{Init, Scalar};
use serde::{Deserialize, Serialize};

use crate::activation::function::{Activation, ActivationSpec};
use crate::onnx::OnnxWriter;
use crate::spec::UnitFormula;

/// max(0, z), with slope 0 at 0 (Nair and Hinton 2010).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Relu;

impl Activation for Relu {
    const SLOPE_FROM_VALUE: bool = true;

    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        // Written so that NaN passes through: `max` would hide it.
        if z < A::zero() { A::zero() } else { z }
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, _: A, y: A) -> A {
        if y > A::zero() { A::one() } else { A::zero() }
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, _: A, _: A) -> A {
        A::zero()
    }

    fn kinks(self) -> Vec<f64> {
        vec![0.0]
    }

    fn usual_init(self) -> Init {
        Init::HeUniform
    }
}

impl ActivationSpec for Relu {
    fn write_onnx(self, z: &str, onnx: &mut OnnxWriter) -> String {
        onnx.apply("Relu", &[z])
    }

    fn formula(self) -> UnitFormula {
        UnitFormula::new("max(0, z)", r"1\text{ if }z > 0\text{, else }0")
    }
}
