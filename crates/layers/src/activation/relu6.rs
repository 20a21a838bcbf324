use chainrule_tensor::{Init, Scalar};
use serde::{Deserialize, Serialize};

use crate::activation::function::{Activation, ActivationSpec};
use crate::activation::hardtanh::{clamp, is_inside};
use crate::onnx::OnnxWriter;
use crate::spec::UnitFormula;

/// min(max(z, 0), 6), with slope 0 at both ends (Krizhevsky 2010; Howard et al. 2017).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Relu6;

const TOP: f64 = 6.0;

impl Activation for Relu6 {
    const SLOPE_FROM_VALUE: bool = true;

    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        clamp(z, 0.0, TOP)
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, _: A, y: A) -> A {
        is_inside(y, 0.0, TOP)
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, _: A, _: A) -> A {
        A::zero()
    }

    fn kinks(self) -> Vec<f64> {
        vec![0.0, TOP]
    }

    fn usual_init(self) -> Init {
        Init::HeUniform
    }
}

impl ActivationSpec for Relu6 {
    fn write_onnx(self, z: &str, onnx: &mut OnnxWriter) -> String {
        let [min, max] = [0.0, TOP].map(|x| onnx.number(x));
        onnx.apply("Clip", &[z, &min, &max])
    }

    fn formula(self) -> UnitFormula {
        UnitFormula::new("min(max(z, 0), 6)", r"1\text{ if }0 < z < 6\text{, else }0")
    }
}
