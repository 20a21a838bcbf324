use chainrule_tensor::{Init, Scalar, math};
use serde::{Deserialize, Serialize};

use crate::activation::function::{Activation, ActivationSpec};
use crate::onnx::OnnxWriter;
use crate::spec::UnitFormula;
use crate::words::{Arguments, WordsError};

/// z for z > 0, else α(e^z − 1), with α = 1 unless told (Clevert, Unterthiner and Hochreiter 2016, eq. 16).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Elu {
    /// How far below zero the function saturates, α.
    pub alpha: f64,
}

impl Default for Elu {
    fn default() -> Self {
        Self { alpha: 1.0 }
    }
}

impl Activation for Elu {
    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        if z > A::zero() { z } else { A::of(self.alpha) * math::exp_m1(z) }
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, z: A, y: A) -> A {
        if z > A::zero() { A::one() } else { y + A::of(self.alpha) }
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, z: A, y: A) -> A {
        if z > A::zero() { A::zero() } else { y + A::of(self.alpha) }
    }

    fn kinks(self) -> Vec<f64> {
        vec![0.0]
    }

    fn usual_init(self) -> Init {
        Init::HeUniform
    }
}

impl ActivationSpec for Elu {
    fn write_onnx(self, z: &str, onnx: &mut OnnxWriter) -> String {
        // max(0, z) + α(min(e^z, 1) − 1)
        let one = onnx.number(1.0);
        let above = onnx.apply("Relu", &[z]);
        let power = onnx.apply("Exp", &[z]);
        let power = onnx.apply("Min", &[&power, &one]);
        let mut below = onnx.apply("Sub", &[&power, &one]);
        if self.alpha != 1.0 {
            let alpha = onnx.number(self.alpha);
            below = onnx.apply("Mul", &[&below, &alpha]);
        }
        onnx.apply("Add", &[&below, &above])
    }

    fn formula(self) -> UnitFormula {
        if self.alpha == 1.0 {
            return UnitFormula::new(
                r"z\text{ if }z > 0\text{, else }e^z − 1",
                r"1\text{ if }z > 0\text{, else }e^z",
            );
        }
        UnitFormula::new(
            format!(r"z\text{{ if }}z > 0\text{{, else }}{}(e^z − 1)", self.alpha),
            format!(r"1\text{{ if }}z > 0\text{{, else }}{} e^z", self.alpha),
        )
    }

    fn fault(self) -> Option<&'static str> {
        (!self.alpha.is_finite()).then_some("α is not finite")
    }

    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        Ok(arguments.optional("a number α")?.map_or_else(Self::default, |alpha| Self { alpha }))
    }

    fn to_words(self) -> String {
        if self == Self::default() { String::new() } else { self.alpha.to_string() }
    }

    fn specimens() -> Vec<Self> {
        vec![Self::default(), Self { alpha: 0.5 }]
    }
}
