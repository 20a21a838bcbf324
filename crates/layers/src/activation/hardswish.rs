use chainrule_tensor::{Init, Scalar};
use serde::{Deserialize, Serialize};

use crate::activation::function::{Activation, ActivationSpec};
use crate::onnx::OnnxWriter;
use crate::spec::UnitFormula;

/// z·min(max(z + 3, 0), 6)/6, a piecewise quadratic SiLU (Howard et al., "Searching for MobileNetV3", ICCV 2019, §5.2).
///
/// φ' = (2z + 3)/6 between −3 and 3, 0 below and 1 above.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Hardswish;

/// f(z) between the kinks, else 0 below and `above` above.
#[inline(always)]
fn between<A: Scalar>(z: A, middle: A, above: A) -> A {
    let three = A::of(3.0);
    // Written so that NaN passes through.
    if z >= three {
        above
    } else if z <= -three {
        A::zero()
    } else {
        middle
    }
}

impl Activation for Hardswish {
    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        between(z, z * (z + A::of(3.0)) / A::of(6.0), z)
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, z: A, _: A) -> A {
        between(z, z / A::of(3.0) + A::of(0.5), A::one())
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, z: A, _: A) -> A {
        between(z, A::of(1.0 / 3.0), A::zero())
    }

    fn kinks(self) -> Vec<f64> {
        vec![-3.0, 3.0]
    }

    fn usual_init(self) -> Init {
        Init::HeUniform
    }
}

impl ActivationSpec for Hardswish {
    fn write_onnx(self, z: &str, onnx: &mut OnnxWriter) -> String {
        // onnxruntime has no HardSwish of doubles.
        let [zero, three, six] = [0.0, 3.0, 6.0].map(|x| onnx.number(x));
        let gate = onnx.apply("Add", &[z, &three]);
        let gate = onnx.apply("Clip", &[&gate, &zero, &six]);
        let gate = onnx.apply("Div", &[&gate, &six]);
        onnx.apply("Mul", &[z, &gate])
    }

    fn formula(self) -> UnitFormula {
        UnitFormula::new(
            r"z\frac{min(max(z + 3, 0), 6)}{6}",
            r"\frac{2z + 3}{6}\text{ if }−3 < z < 3\text{, else }0\text{ below and }1\text{ above}",
        )
    }
}
