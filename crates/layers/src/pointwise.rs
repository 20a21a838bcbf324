use std::fmt;

use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::{Init, Layout, Scalar, Shape, math::flush_subnormal, rows, simd};

use crate::activation::{self, Activation, ActivationSpec};
use crate::fused::InPlaceActivation;
use crate::layer::Layer;
use crate::mode::Mode;
use crate::onnx::OnnxWriter;
use crate::point::{Grad, Point};
use crate::second_order::{Dual, SecondOrder, Tangent};
use crate::spec::{LayerSpec, SpecError, UnitFormula};
use crate::tape::Tape;
use crate::words::{Arguments, WordsError};

/// y = φ(x), unit by unit.
///
/// # Shapes
/// x and y are of one shape, any. No parameters.
///
/// # Gradient
/// ```text
/// ∂C/∂x = δ·φ'(x)
/// ```
///
/// ```
/// use chainrule_layers::{Layer, LeakyRelu, Pointwise, activation};
///
/// let leaky: LeakyRelu = Pointwise::with(5, activation::LeakyRelu { negative_slope: 0.2 });
/// assert_eq!(Layer::<f32>::outputs(&leaky), 5);
/// ```
#[derive(Clone)]
pub struct Pointwise<F> {
    shape: Shape,
    phi: F,
    layout: Layout,
}

/// A layer of sigmoids.
pub type Sigmoid = Pointwise<activation::Sigmoid>;
/// A layer of hyperbolic tangents.
pub type Tanh = Pointwise<activation::Tanh>;
/// A layer of rectifiers.
pub type Relu = Pointwise<activation::Relu>;
/// A layer of leaky rectifiers.
pub type LeakyRelu = Pointwise<activation::LeakyRelu>;
/// A layer of exponential linear units.
pub type Elu = Pointwise<activation::Elu>;
/// A layer of Gaussian error linear units.
pub type Gelu = Pointwise<activation::Gelu>;
/// A layer of Gaussian error linear units, tanh form.
pub type GeluTanh = Pointwise<activation::GeluTanh>;
/// A layer of sigmoid-weighted linear units.
pub type Silu = Pointwise<activation::Silu>;
/// A layer of softplus units.
pub type Softplus = Pointwise<activation::Softplus>;
/// A layer of piecewise quadratic sigmoid-weighted linear units.
pub type Hardswish = Pointwise<activation::Hardswish>;
/// A layer of units that clamp their input.
pub type Hardtanh = Pointwise<activation::Hardtanh>;
/// A layer of rectifiers that stop at 6.
pub type Relu6 = Pointwise<activation::Relu6>;
/// A layer of Mish units.
pub type Mish = Pointwise<activation::Mish>;
/// A layer of scaled exponential linear units.
pub type Selu = Pointwise<activation::Selu>;
/// A layer of softsign units.
pub type Softsign = Pointwise<activation::Softsign>;
/// A layer that passes its input on.
pub type Identity = Pointwise<activation::Identity>;

impl<F: Activation> Pointwise<F> {
    /// A layer of units with φ's usual parameters.
    pub fn new(shape: impl Into<Shape>) -> Self {
        Self::with(shape, F::default())
    }

    /// A layer of units of the given φ.
    pub fn with(shape: impl Into<Shape>, phi: F) -> Self {
        Self { shape: shape.into(), phi, layout: Layout::new() }
    }

    /// out = signal·φ'(x): δ on its way down, and R{x} on its way up.
    fn through_slope<A: Scalar>(&self, at: Point<'_, A>, signal: &ArrayRef2<A>, out: &mut ArrayRef2<A>) {
        let phi = self.phi;
        rows::map(
            [signal, at.x, at.y],
            out,
            #[inline(always)]
            move |[signal, x, y], out| *out = flush_subnormal(signal * phi.slope(x, y)),
        );
    }
}

impl<A: Scalar, F: Activation> Layer<A> for Pointwise<F> {
    fn input_shape(&self) -> Shape {
        self.shape
    }

    fn output_shape(&self) -> Shape {
        self.shape
    }

    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn usual_init(&self) -> Option<Init> {
        Some(self.phi.usual_init())
    }

    fn forward(&self, _: Mode<'_, A>, _: &[A], x: &ArrayRef2<A>, y: &mut ArrayRef2<A>, _: &mut Tape<A>) {
        let phi = self.phi;
        rows::map(
            [x],
            y,
            #[inline(always)]
            move |[x], y| *y = phi.value(x),
        );
    }

    fn backward(
        &self,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_x: Option<&mut ArrayRef2<A>>,
        _: Option<Grad<'_, A>>,
        _: &mut Tape<A>,
    ) {
        if let Some(delta_x) = delta_x {
            self.through_slope(at, delta, delta_x);
        }
    }

    fn second_order(&self) -> Option<&dyn SecondOrder<A>> {
        Some(self)
    }

    fn in_place(&self) -> Option<&dyn InPlaceActivation<A>> {
        F::SLOPE_FROM_VALUE.then_some(self as &dyn InPlaceActivation<A>)
    }

    fn near_kink(&self, _: &[A], x: &ArrayRef2<A>, radius: A) -> bool {
        let kinks: Vec<A> = self.phi.kinks().into_iter().map(A::of).collect();
        x.iter().any(|&x| kinks.iter().any(|&kink| (x - kink).abs() < radius))
    }
}

impl<A: Scalar, F: Activation> InPlaceActivation<A> for Pointwise<F> {
    fn apply(&self, y: &mut [A]) {
        let phi = self.phi;
        simd::map(
            [],
            [y],
            #[inline(always)]
            |[], [y]| *y = phi.value(*y),
        );
    }

    fn apply_slope(&self, y: &[A], delta: &mut [A]) {
        let phi = self.phi;
        simd::map(
            [y],
            [delta],
            #[inline(always)]
            |[y], [delta]| *delta = flush_subnormal(*delta * phi.slope(y, y)),
        );
    }
}

impl<A: Scalar, F: Activation> SecondOrder<A> for Pointwise<F> {
    fn r_forward(
        &self,
        at: Point<'_, A>,
        _: &[A],
        r_x: Option<&ArrayRef2<A>>,
        r_y: &mut ArrayRef2<A>,
        _: Dual<&mut Tape<A>>,
    ) {
        match r_x {
            Some(r_x) => self.through_slope(at, r_x, r_y),
            None => r_y.fill(A::zero()),
        }
    }

    fn r_backward(
        &self,
        at: Point<'_, A>,
        along: Tangent<'_, A>,
        delta: Dual<&ArrayRef2<A>>,
        r_delta_x: Option<&mut ArrayRef2<A>>,
        _: &mut [A],
        _: Dual<&mut Tape<A>>,
    ) {
        let Some(out) = r_delta_x else { return };
        let Some(r_x) = along.r_x else { return self.through_slope(at, delta.tangent, out) };
        let phi = self.phi;
        rows::map(
            [delta.value, delta.tangent, r_x, at.x, at.y],
            out,
            #[inline(always)]
            move |[delta, r_delta, r_x, x, y], out| {
                *out = flush_subnormal(r_delta * phi.slope(x, y) + delta * phi.curvature(x, y) * r_x);
            },
        );
    }
}

/// An activation describes the layer of its units.
impl<F: ActivationSpec> LayerSpec for F {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        layer.downcast().map(|layer: &Pointwise<F>| layer.phi)
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        self.fault().map_or(Ok(input), |fault| Err(SpecError::here(fault)))
    }

    fn build<A: Scalar>(&self, input: Shape, _: Init) -> Box<dyn Layer<A>> {
        Box::new(Pointwise::with(input, *self))
    }

    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        ActivationSpec::from_words(arguments)
    }

    fn to_words(&self) -> String {
        ActivationSpec::to_words(*self)
    }

    fn write_onnx(&self, _: Shape, x: &str, onnx: &mut OnnxWriter) -> String {
        ActivationSpec::write_onnx(*self, x, onnx)
    }

    fn formula(&self) -> Option<UnitFormula> {
        Some(ActivationSpec::formula(*self))
    }

    fn specimens() -> Vec<(Shape, Self)> {
        <F as ActivationSpec>::specimens().into_iter().map(|phi| (Shape::Flat(6), phi)).collect()
    }
}

impl<F: Activation> fmt::Debug for Pointwise<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({})", self.phi, self.shape)
    }
}

#[cfg(test)]
mod tests {
    use chainrule_tensor::ndarray::array;

    use super::*;

    #[test]
    fn a_saturated_unit_passes_on_zero_and_no_subnormal_number() {
        let layer = Sigmoid::new(3);
        let x = array![[-50.0_f32, 0.0, 50.0]];
        let mut y = array![[0.0_f32; 3]];
        let tape = &mut Tape::default();
        layer.forward(Mode::EVAL, &[], &x, &mut y, tape);
        let (delta, mut below) = (array![[1e-20_f32, 1e-20, 1e-20]], array![[1.0; 3]]);
        layer.backward(Point { theta: &[], x: &x, y: &y }, &delta, Some(&mut below), None, tape);
        assert_eq!(below, array![[0.0, 0.25e-20, 0.0]]);
    }
}
