use chainrule_tensor::{Init, Scalar};
use serde::{Deserialize, Serialize};

use crate::activation::function::{Activation, ActivationSpec};
use crate::onnx::OnnxWriter;
use crate::spec::UnitFormula;

/// z/(1 + |z|), which approaches ±1 more slowly than tanh does (Bergstra et al. 2009; Glorot and Bengio 2010).
///
/// φ' = (1 − |φ|)², with a kink at 0, and φ'' = ∓2(1 − |φ|)³.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Softsign;

impl Activation for Softsign {
    const SLOPE_FROM_VALUE: bool = true;

    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        z / (A::one() + z.abs())
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, _: A, y: A) -> A {
        let rest = A::one() - y.abs();
        rest * rest
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, z: A, y: A) -> A {
        let size = self.slope(z, y) * (A::one() - y.abs()) * A::of(2.0);
        if y > A::zero() {
            -size
        } else if y < A::zero() {
            size
        } else {
            A::zero()
        }
    }

    fn kinks(self) -> Vec<f64> {
        vec![0.0]
    }

    fn usual_init(self) -> Init {
        Init::GlorotUniform
    }
}

impl ActivationSpec for Softsign {
    fn write_onnx(self, z: &str, onnx: &mut OnnxWriter) -> String {
        // onnxruntime has no Softsign of doubles.
        let (one, size) = (onnx.number(1.0), onnx.apply("Abs", &[z]));
        let divisor = onnx.apply("Add", &[&size, &one]);
        onnx.apply("Div", &[z, &divisor])
    }

    fn formula(self) -> UnitFormula {
        UnitFormula::new(r"\frac{z}{1 + |z|}", "(1 − |g|)^2")
    }
}
