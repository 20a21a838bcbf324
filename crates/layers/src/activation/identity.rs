use chainrule_tensor::{Init, Scalar};
use serde::{Deserialize, Serialize};

use crate::activation::function::{Activation, ActivationSpec};
use crate::onnx::OnnxWriter;
use crate::spec::UnitFormula;

/// φ(z) = z.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Identity;

impl Activation for Identity {
    const SLOPE_FROM_VALUE: bool = true;

    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        z
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, _: A, _: A) -> A {
        A::one()
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, _: A, _: A) -> A {
        A::zero()
    }

    fn usual_init(self) -> Init {
        Init::GlorotUniform
    }
}

impl ActivationSpec for Identity {
    fn write_onnx(self, z: &str, onnx: &mut OnnxWriter) -> String {
        let _ = onnx;
        z.to_owned()
    }

    fn formula(self) -> UnitFormula {
        UnitFormula::new("z", "1")
    }
}
