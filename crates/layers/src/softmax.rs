use std::fmt;

use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::rows::{positions, positions_mut, slices, slices_mut, softmax};
use chainrule_tensor::{Init, Layout, Scalar, Shape, vector};
use serde::{Deserialize, Serialize};

use crate::layer::Layer;
use crate::mode::Mode;
use crate::onnx::{OnnxAttribute, OnnxWriter};
use crate::point::{Grad, Point};
use crate::second_order::{Dual, SecondOrder, Tangent};
use crate::spec::{LayerSpec, SpecError};
use crate::tape::Tape;
use crate::words::{Arguments, WordsError};

/// yᵢ = e^(xᵢ) / Σⱼ e^(xⱼ) over the features of each position: a probability for each class.
///
/// To train a classifier, end the network at the logits and use the fused softmax cross-entropy loss: its error signal
/// is p − t and keeps its digits. This layer is for a softmax anywhere else.
///
/// # Shapes
/// x and y are of one shape, any. No parameters.
///
/// # Gradient
/// ```text
/// ∂C/∂x = y·(δ − ⟨δ, y⟩)
/// ```
///
/// # References
/// Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990.
///
/// ```
/// use chainrule_layers::{Layer, Mode, Softmax, Tape};
/// use chainrule_tensor::ndarray::array;
///
/// let mut y = array![[0.0, 0.0]];
/// Softmax::new(2).forward(Mode::EVAL, &[], &array![[3.0, 3.0]], &mut y, &mut Tape::empty());
/// assert_eq!(y, array![[0.5, 0.5]]);
/// ```
#[derive(Clone)]
pub struct Softmax {
    shape: Shape,
    layout: Layout,
}

impl Softmax {
    /// A softmax over the features of each position.
    pub fn new(shape: impl Into<Shape>) -> Self {
        Self { shape: shape.into(), layout: Layout::new() }
    }
}

impl<A: Scalar> Layer<A> for Softmax {
    fn input_shape(&self) -> Shape {
        self.shape
    }

    fn output_shape(&self) -> Shape {
        self.shape
    }

    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn forward(&self, _: Mode<'_, A>, _: &[A], x: &ArrayRef2<A>, y: &mut ArrayRef2<A>, _: &mut Tape<A>) {
        let width = self.shape.features();
        for (y, x) in slices_mut(&mut positions_mut(y, width)).zip(slices(&positions(x, width))) {
            softmax(x, y);
        }
    }

    fn backward(
        &self,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_x: Option<&mut ArrayRef2<A>>,
        _: Option<Grad<'_, A>>,
        _: &mut Tape<A>,
    ) {
        let Some(delta_x) = delta_x else { return };
        let width = self.shape.features();
        let (mut delta_x, delta, y) =
            (positions_mut(delta_x, width), positions(delta, width), positions(at.y, width));
        for ((out, delta), y) in slices_mut(&mut delta_x).zip(slices(&delta)).zip(slices(&y)) {
            let s = vector::dot(delta, y);
            for ((out, &delta), &y) in out.iter_mut().zip(delta).zip(y) {
                *out = y * (delta - s);
            }
        }
    }

    fn second_order(&self) -> Option<&dyn SecondOrder<A>> {
        Some(self)
    }
}

impl<A: Scalar> SecondOrder<A> for Softmax {
    fn r_forward(
        &self,
        at: Point<'_, A>,
        _: &[A],
        r_x: Option<&ArrayRef2<A>>,
        r_y: &mut ArrayRef2<A>,
        _: Dual<&mut Tape<A>>,
    ) {
        let Some(r_x) = r_x else { return r_y.fill(A::zero()) };
        let width = self.shape.features();
        let (mut r_y, r_x, y) = (positions_mut(r_y, width), positions(r_x, width), positions(at.y, width));
        for ((r_y, r_x), y) in slices_mut(&mut r_y).zip(slices(&r_x)).zip(slices(&y)) {
            let mean = vector::dot(r_x, y);
            for ((r_y, &r_x), &y) in r_y.iter_mut().zip(r_x).zip(y) {
                *r_y = y * (r_x - mean);
            }
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
        let Some(r_delta_x) = r_delta_x else { return };
        let by_position = |array| positions(array, self.shape.features());
        let (delta, r_delta) = (by_position(delta.value), by_position(delta.tangent));
        let (y, r_y) = (by_position(at.y), by_position(along.r_y));
        let mut out = positions_mut(r_delta_x, self.shape.features());
        let deltas = slices(&delta).zip(slices(&r_delta));
        let outputs = slices(&y).zip(slices(&r_y));
        for ((out, (delta, r_delta)), (y, r_y)) in slices_mut(&mut out).zip(deltas).zip(outputs) {
            // R{y·(δ − s)} with s = ⟨δ, y⟩.
            let s = vector::dot(delta, y);
            let r_s = vector::dot(r_delta, y) + vector::dot(delta, r_y);
            for (i, out) in out.iter_mut().enumerate() {
                *out = r_y[i] * (delta[i] - s) + y[i] * (r_delta[i] - r_s);
            }
        }
    }
}

impl fmt::Debug for Softmax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Softmax({})", self.shape)
    }
}

/// [`Softmax`] without its input: `softmax`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SoftmaxSpec;

impl LayerSpec for SoftmaxSpec {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        layer.downcast::<Softmax>().map(|_| Self)
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        Ok(input)
    }

    fn build<A: Scalar>(&self, input: Shape, _: Init) -> Box<dyn Layer<A>> {
        Box::new(Softmax::new(input))
    }

    fn from_words(_: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        Ok(Self)
    }

    fn write_onnx(&self, input: Shape, x: &str, onnx: &mut OnnxWriter) -> String {
        let of_features = vec![("axis", OnnxAttribute::Int(1))];
        onnx.by_position(input, x, |onnx, x| onnx.apply_with("Softmax", &[x], of_features))
    }

    fn specimens() -> Vec<(Shape, Self)> {
        vec![(Shape::Flat(6), Self), (Shape::sequence(3, 4), Self)]
    }
}
