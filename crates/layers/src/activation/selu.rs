use chainrule_tensor::{Init, Scalar, math};
use serde::{Deserialize, Serialize};

use crate::activation::function::{Activation, ActivationSpec};
use crate::onnx::OnnxWriter;
use crate::spec::UnitFormula;

/// λz for z > 0, else λα(e^z − 1): layers of it keep mean 0 and variance 1, from LeCun's normal initialiser on.
///
/// α = 1.6733 and λ = 1.0507 (Klambauer, Unterthiner, Mayr and Hochreiter, "Self-normalizing neural networks", NIPS 2017, eq. 2 and
/// §2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Selu;

const ALPHA: f64 = 1.673_263_242_354_377_2;
const LAMBDA: f64 = 1.050_700_987_355_480_5;

impl Activation for Selu {
    const SLOPE_FROM_VALUE: bool = true;

    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        if z > A::zero() { A::of(LAMBDA) * z } else { A::of(LAMBDA * ALPHA) * math::exp_m1(z) }
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, _: A, y: A) -> A {
        if y > A::zero() { A::of(LAMBDA) } else { y + A::of(LAMBDA * ALPHA) }
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, _: A, y: A) -> A {
        if y > A::zero() { A::zero() } else { y + A::of(LAMBDA * ALPHA) }
    }

    fn kinks(self) -> Vec<f64> {
        vec![0.0]
    }

    fn usual_init(self) -> Init {
        Init::LecunNormal
    }
}

impl ActivationSpec for Selu {
    fn write_onnx(self, z: &str, onnx: &mut OnnxWriter) -> String {
        // λ·max(0, z) + λα(min(e^z, 1) − 1): onnxruntime has no Selu of doubles.
        let [one, scale, below_scale] = [1.0, LAMBDA, LAMBDA * ALPHA].map(|x| onnx.number(x));
        let above = onnx.apply("Relu", &[z]);
        let above = onnx.apply("Mul", &[&above, &scale]);
        let power = onnx.apply("Exp", &[z]);
        let power = onnx.apply("Min", &[&power, &one]);
        let below = onnx.apply("Sub", &[&power, &one]);
        let below = onnx.apply("Mul", &[&below, &below_scale]);
        onnx.apply("Add", &[&below, &above])
    }

    fn formula(self) -> UnitFormula {
        UnitFormula::new(
            r"1.0507 z\text{ if }z > 0\text{, else }1.7581(e^z − 1)",
            r"1.0507\text{ if }z > 0\text{, else }1.7581 e^z",
        )
    }
}
