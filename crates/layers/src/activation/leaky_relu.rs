use chainrule_tensor::{Init, Scalar};
use serde::{Deserialize, Serialize};

use crate::activation::function::{Activation, ActivationSpec};
use crate::onnx::OnnxWriter;
use crate::spec::UnitFormula;
use crate::words::{Arguments, WordsError};

/// z for z > 0, else az, with a = 0.01 unless told (Maas, Hannun and Ng 2013).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LeakyRelu {
    /// The slope a on the negative side.
    pub negative_slope: f64,
}

impl Default for LeakyRelu {
    fn default() -> Self {
        Self { negative_slope: 0.01 }
    }
}

impl Activation for LeakyRelu {
    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        z * self.slope(z, z)
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, z: A, _: A) -> A {
        if z > A::zero() { A::one() } else { A::of(self.negative_slope) }
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

impl ActivationSpec for LeakyRelu {
    fn write_onnx(self, z: &str, onnx: &mut OnnxWriter) -> String {
        // Of the larger of z and az where a ≤ 1; onnxruntime has no LeakyRelu of doubles.
        let slope = onnx.number(self.negative_slope);
        let below = onnx.apply("Mul", &[z, &slope]);
        onnx.apply(if self.negative_slope <= 1.0 { "Max" } else { "Min" }, &[z, &below])
    }

    fn formula(self) -> UnitFormula {
        UnitFormula::new(
            format!(r"z\text{{ if }}z > 0\text{{, else }}{} z", self.negative_slope),
            format!(r"1\text{{ if }}z > 0\text{{, else }}{}", self.negative_slope),
        )
    }

    fn fault(self) -> Option<&'static str> {
        (!self.negative_slope.is_finite()).then_some("the slope is not finite")
    }

    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        Ok(arguments
            .optional("a slope")?
            .map_or_else(Self::default, |negative_slope| Self { negative_slope }))
    }

    fn to_words(self) -> String {
        if self == Self::default() { String::new() } else { self.negative_slope.to_string() }
    }

    fn specimens() -> Vec<Self> {
        vec![Self::default(), Self { negative_slope: 0.2 }]
    }
}
