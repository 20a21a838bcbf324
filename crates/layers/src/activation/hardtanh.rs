use chainrule_tensor::Scalar;
use serde::{Deserialize, Serialize};

use crate::activation::function::{Activation, ActivationSpec};
use crate::onnx::OnnxWriter;
use crate::spec::UnitFormula;
use crate::words::{Arguments, WordsError};

/// min(max(z, a), b) with a = −1 and b = 1 by default, with slope 0 at both ends (Collobert 2004; PyTorch's `nn.Hardtanh`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hardtanh {
    /// The least value, a.
    pub min: f64,
    /// The largest value, b.
    pub max: f64,
}

impl Default for Hardtanh {
    fn default() -> Self {
        Self { min: -1.0, max: 1.0 }
    }
}

/// z clamped to [min, max]; NaN passes through.
#[inline(always)]
pub(super) fn clamp<A: Scalar>(z: A, min: f64, max: f64) -> A {
    let (min, max) = (A::of(min), A::of(max));
    let z = if z < min { min } else { z };
    if z > max { max } else { z }
}

/// 1 inside (min, max), else 0.
#[inline(always)]
pub(super) fn is_inside<A: Scalar>(y: A, min: f64, max: f64) -> A {
    if y > A::of(min) && y < A::of(max) { A::one() } else { A::zero() }
}

impl Activation for Hardtanh {
    const SLOPE_FROM_VALUE: bool = true;

    #[inline(always)]
    fn value<A: Scalar>(self, z: A) -> A {
        clamp(z, self.min, self.max)
    }
    #[inline(always)]
    fn slope<A: Scalar>(self, _: A, y: A) -> A {
        is_inside(y, self.min, self.max)
    }
    #[inline(always)]
    fn curvature<A: Scalar>(self, _: A, _: A) -> A {
        A::zero()
    }

    fn kinks(self) -> Vec<f64> {
        vec![self.min, self.max]
    }
}

impl ActivationSpec for Hardtanh {
    fn write_onnx(self, z: &str, onnx: &mut OnnxWriter) -> String {
        let [min, max] = [self.min, self.max].map(|x| onnx.number(x));
        onnx.apply("Clip", &[z, &min, &max])
    }

    fn formula(self) -> UnitFormula {
        let Self { min, max } = self;
        UnitFormula::new(
            format!("min(max(z, {min}), {max})"),
            format!(r"1\text{{ if }}{min} < z < {max}\text{{, else }}0"),
        )
    }

    fn fault(self) -> Option<&'static str> {
        let is_interval = self.min.is_finite() && self.max.is_finite() && self.min < self.max;
        (!is_interval).then_some("its two numbers are not an interval: the first must be below the second")
    }

    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        let Some(min) = arguments.optional("the least value")? else { return Ok(Self::default()) };
        Ok(Self { min, max: arguments.required("the largest value after the least, such as -1 1")? })
    }

    fn to_words(self) -> String {
        if self == Self::default() { String::new() } else { format!("{} {}", self.min, self.max) }
    }

    fn specimens() -> Vec<Self> {
        vec![Self::default(), Self { min: -0.5, max: 2.0 }]
    }
}
