use std::fmt;

use chainrule_tensor::ndarray::{ArrayRef2, Ix1};
use chainrule_tensor::rows::{positions, positions_mut, slices, slices_mut};
use chainrule_tensor::{Accum, Init, Layout, Param, Scalar, Shape};
use serde::{Deserialize, Serialize};

use crate::layer::Layer;
use crate::mode::Mode;
use crate::onnx::OnnxWriter;
use crate::point::{Grad, Point};
use crate::second_order::{Dual, SecondOrder, Tangent};
use crate::spec::{LayerSpec, SpecError, UnitFormula};
use crate::tape::Tape;
use crate::words::{Arguments, WordsError};

/// y = x where x > 0 and y = a·x elsewhere, with a learned slope a for each channel.
///
/// # Shapes
/// x and y are of one shape, any; a is `(features)`, the last axis of x. It begins at 0.25 and does not decay.
///
/// # Gradient
/// ```text
/// ∂C/∂x = δ·s      with the slope s = 1 where x > 0, else a
/// ∂C/∂a = Σ δ·x    over the rows and positions where x ≤ 0
/// ```
///
/// # References
/// He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015, eqs. 1 and 3; PyTorch's `nn.PReLU(features)`.
///
/// ```
/// use chainrule_layers::{Layer, Mode, PRelu, Tape};
/// use chainrule_tensor::ndarray::array;
///
/// let mut y = array![[0.0, 0.0]];
/// PRelu::new(2).forward(Mode::EVAL, &[0.25, 0.5], &array![[-2.0, 3.0]], &mut y, &mut Tape::empty());
/// assert_eq!(y, array![[-0.5, 3.0]]);
/// ```
#[derive(Clone)]
pub struct PRelu {
    shape: Shape,
    layout: Layout,
    slope: Param<Ix1>,
}

impl PRelu {
    /// A layer with one slope for each feature of a position.
    pub fn new(shape: impl Into<Shape>) -> Self {
        let (shape, mut layout) = (shape.into(), Layout::new());
        let slope = layout.push("weight", shape.features(), Init::Constant(0.25));
        Self { shape, layout, slope }
    }

    fn slopes<'t, A>(&self, theta: &'t [A]) -> &'t [A] {
        &theta[self.slope.range()]
    }
}

/// s: 1 where x > 0, else a.
fn slope<A: Scalar>(x: A, a: A) -> A {
    if x > A::zero() { A::one() } else { a }
}

/// min(0, x), written so that NaN passes through.
fn below<A: Scalar>(x: A) -> A {
    if x > A::zero() { A::zero() } else { x }
}

impl<A: Scalar> Layer<A> for PRelu {
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
        Some(Init::HeUniform)
    }

    fn forward(&self, _: Mode<'_, A>, theta: &[A], x: &ArrayRef2<A>, y: &mut ArrayRef2<A>, _: &mut Tape<A>) {
        let (a, width) = (self.slopes(theta), self.shape.features());
        let (x, mut y) = (positions(x, width), positions_mut(y, width));
        for (y, x) in slices_mut(&mut y).zip(slices(&x)) {
            for ((y, &x), &a) in y.iter_mut().zip(x).zip(a) {
                *y = slope(x, a) * x;
            }
        }
    }

    fn backward(
        &self,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_x: Option<&mut ArrayRef2<A>>,
        grad: Option<Grad<'_, A>>,
        _: &mut Tape<A>,
    ) {
        let (a, width) = (self.slopes(at.theta), self.shape.features());
        let (x, delta) = (positions(at.x, width), positions(delta, width));
        if let Some(Grad { flat, accum, .. }) = grad {
            let sum = &mut flat[self.slope.range()];
            if accum == Accum::Replace {
                sum.fill(A::zero());
            }
            for (delta, x) in slices(&delta).zip(slices(&x)) {
                for ((sum, &delta), &x) in sum.iter_mut().zip(delta).zip(x) {
                    *sum += delta * below(x);
                }
            }
        }
        if let Some(delta_x) = delta_x {
            let mut delta_x = positions_mut(delta_x, width);
            for ((out, delta), x) in slices_mut(&mut delta_x).zip(slices(&delta)).zip(slices(&x)) {
                for (i, out) in out.iter_mut().enumerate() {
                    *out = delta[i] * slope(x[i], a[i]);
                }
            }
        }
    }

    fn second_order(&self) -> Option<&dyn SecondOrder<A>> {
        Some(self)
    }

    fn near_kink(&self, _: &[A], x: &ArrayRef2<A>, radius: A) -> bool {
        x.iter().any(|x| x.abs() < radius)
    }
}

impl<A: Scalar> SecondOrder<A> for PRelu {
    /// R{y} = s·R{x} + v·min(0, x)
    fn r_forward(
        &self,
        at: Point<'_, A>,
        v: &[A],
        r_x: Option<&ArrayRef2<A>>,
        r_y: &mut ArrayRef2<A>,
        _: Dual<&mut Tape<A>>,
    ) {
        let (a, v, width) = (self.slopes(at.theta), self.slopes(v), self.shape.features());
        let (x, mut r_y) = (positions(at.x, width), positions_mut(r_y, width));
        for (r_y, x) in slices_mut(&mut r_y).zip(slices(&x)) {
            for ((r_y, &x), &v) in r_y.iter_mut().zip(x).zip(v) {
                *r_y = v * below(x);
            }
        }
        let Some(r_x) = r_x.map(|r_x| positions(r_x, width)) else { return };
        for ((r_y, x), r_x) in slices_mut(&mut r_y).zip(slices(&x)).zip(slices(&r_x)) {
            for (i, r_y) in r_y.iter_mut().enumerate() {
                *r_y += slope(x[i], a[i]) * r_x[i];
            }
        }
    }

    /// R{∂C/∂x} = R{δ}·s + δ·v and R{∂C/∂a} = Σ R{δ}·x + δ·R{x}, the terms of v and a where x ≤ 0.
    fn r_backward(
        &self,
        at: Point<'_, A>,
        along: Tangent<'_, A>,
        delta: Dual<&ArrayRef2<A>>,
        r_delta_x: Option<&mut ArrayRef2<A>>,
        r_grad: &mut [A],
        _: Dual<&mut Tape<A>>,
    ) {
        let (a, v, width) = (self.slopes(at.theta), self.slopes(along.v), self.shape.features());
        let by_position = |array| positions(array, width);
        let (x, delta, r_delta) = (by_position(at.x), by_position(delta.value), by_position(delta.tangent));
        let sum = &mut r_grad[self.slope.range()];
        for (r_delta, x) in slices(&r_delta).zip(slices(&x)) {
            for ((sum, &r_delta), &x) in sum.iter_mut().zip(r_delta).zip(x) {
                *sum += r_delta * below(x);
            }
        }
        let left = |x: A, value: A| if x > A::zero() { A::zero() } else { value };
        if let Some(r_x) = along.r_x.map(by_position) {
            for ((delta, x), r_x) in slices(&delta).zip(slices(&x)).zip(slices(&r_x)) {
                for (i, sum) in sum.iter_mut().enumerate() {
                    *sum += left(x[i], delta[i] * r_x[i]);
                }
            }
        }
        let Some(r_delta_x) = r_delta_x else { return };
        let mut out = positions_mut(r_delta_x, width);
        for (((out, delta), r_delta), x) in
            slices_mut(&mut out).zip(slices(&delta)).zip(slices(&r_delta)).zip(slices(&x))
        {
            for (i, out) in out.iter_mut().enumerate() {
                *out = r_delta[i] * slope(x[i], a[i]) + left(x[i], delta[i] * v[i]);
            }
        }
    }
}

impl fmt::Debug for PRelu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PRelu({})", self.shape)
    }
}

/// [`PRelu`] without its input: `prelu`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PReluSpec;

impl LayerSpec for PReluSpec {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        layer.downcast::<PRelu>().map(|_| Self)
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        Ok(input)
    }

    fn parameters(&self, input: Shape) -> Option<usize> {
        Some(input.features())
    }

    fn build<A: Scalar>(&self, input: Shape, _: Init) -> Box<dyn Layer<A>> {
        Box::new(PRelu::new(input))
    }

    fn from_words(_: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        Ok(Self)
    }

    /// max(0, x) − a·max(0, −x): onnxruntime has no PRelu of doubles.
    fn write_onnx(&self, input: Shape, x: &str, onnx: &mut OnnxWriter) -> String {
        onnx.by_position(input, x, |onnx, x| {
            let slope = onnx.parameter("weight");
            let above = onnx.apply("Relu", &[x]);
            let negative = onnx.apply("Neg", &[x]);
            let below = onnx.apply("Relu", &[&negative]);
            let below = onnx.apply("Mul", &[&below, &slope]);
            onnx.apply("Sub", &[&above, &below])
        })
    }

    fn formula(&self) -> Option<UnitFormula> {
        Some(UnitFormula::new(r"z\text{ if }z > 0\text{, else }a z", r"1\text{ if }z > 0\text{, else }a"))
    }

    fn specimens() -> Vec<(Shape, Self)> {
        vec![(Shape::Flat(6), Self), (Shape::image(2, 3, 2), Self)]
    }
}
