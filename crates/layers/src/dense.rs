use std::fmt;

use chainrule_tensor::ndarray::{ArrayRef2, Ix1, Ix2};
use chainrule_tensor::rows::{add_rows, in_one_piece, positions, positions_mut};
use chainrule_tensor::{Accum, Init, Layout, Param, Scalar, Shape, affine, affine_then, gemm, gemm_then};
use serde::{Deserialize, Serialize};

use crate::fused::{Affine, InPlaceActivation};
use crate::layer::Layer;
use crate::mode::Mode;
use crate::onnx::{OnnxAttribute, OnnxWriter};
use crate::point::{Grad, Point};
use crate::second_order::{Dual, SecondOrder, Tangent};
use crate::spec::{LayerSpec, SpecError};
use crate::tape::Tape;
use crate::words::{Arguments, WordsError};

/// The fully connected layer y = x·W + b, at each position of x.
///
/// # Shapes
/// W is `(features of x, outputs)`, b is `(outputs)`. A flat x is `(batch, inputs)` and y is `(batch, outputs)`; of a
/// sequence or a picture, the features of each position become `outputs` features, by the same W.
///
/// # Gradient
/// ```text
/// ∂C/∂W = xᵀ·δ      for one example the outer product h·δᵀ
/// ∂C/∂b = Σₙ δₙ
/// ∂C/∂x = δ·Wᵀ
/// ```
/// where a row of x and δ is a position of an example.
///
/// # References
/// Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", Nature 323, 1986, eqs. 6, 7.
///
/// ```
/// use chainrule_layers::{Dense, Layer};
/// use chainrule_tensor::Shape;
///
/// let dense = Dense::new(3, 2);
/// let names: Vec<_> = Layer::<f32>::layout(&dense).entries().iter().map(|e| e.name.clone()).collect();
/// assert_eq!(names, ["weight", "bias"]);
///
/// let of_pixels = Dense::new(Shape::image(8, 8, 3), 16);
/// assert_eq!(Layer::<f32>::output_shape(&of_pixels), Shape::image(8, 8, 16));
/// assert_eq!(Layer::<f32>::layout(&of_pixels).len(), 3 * 16 + 16);
/// ```
#[derive(Clone)]
pub struct Dense {
    input: Shape,
    layout: Layout,
    weight: Param<Ix2>,
    bias: Param<Ix1>,
    /// Whether somebody chose how the weights begin.
    is_init_chosen: bool,
}

impl Dense {
    /// A layer whose weights begin as suits the layer above, by Glorot's uniform distribution where that has no opinion; biases
    /// begin at zero.
    pub fn new(input: impl Into<Shape>, outputs: usize) -> Self {
        Self { is_init_chosen: false, ..Self::with_init(input, outputs, Init::GlorotUniform) }
    }

    /// A layer whose weights begin as `init` says; biases begin at zero.
    pub fn with_init(input: impl Into<Shape>, outputs: usize, init: Init) -> Self {
        let (input, mut layout) = (input.into(), Layout::new());
        let weight = layout.push("weight", (input.features(), outputs), init);
        let bias = layout.push("bias", outputs, Init::Zeros);
        Self { input, layout, weight, bias, is_init_chosen: true }
    }

    /// The features of a position of x and of y.
    fn widths(&self) -> [usize; 2] {
        [self.input.features(), self.bias.range().len()]
    }

    /// ∂C/∂θ, where it is wanted.
    fn gradient<A: Scalar>(&self, x: &ArrayRef2<A>, delta: &ArrayRef2<A>, grad: Option<Grad<'_, A>>) {
        if let Some(Grad { flat, accum, .. }) = grad {
            gemm(A::one(), &x.t(), delta, accum.beta(), &mut self.weight.view_mut(flat)); //   ∂C/∂W = xᵀ·δ
            add_rows(delta, &mut self.bias.view_mut(flat), accum); //                           ∂C/∂b = Σₙ δₙ
        }
    }
}

impl<A: Scalar> Layer<A> for Dense {
    fn input_shape(&self) -> Shape {
        self.input
    }

    fn output_shape(&self) -> Shape {
        self.input.with_features(self.widths()[1])
    }

    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn suit(&mut self, above: Init) {
        if !self.is_init_chosen {
            *self = Self { is_init_chosen: false, ..Self::with_init(self.input, self.widths()[1], above) };
        }
    }

    fn forward(&self, _: Mode<'_, A>, theta: &[A], x: &ArrayRef2<A>, y: &mut ArrayRef2<A>, _: &mut Tape<A>) {
        let [inputs, outputs] = self.widths();
        let (x, mut y) = (positions(x, inputs), positions_mut(y, outputs));
        affine(&x, &self.weight.view(theta), &theta[self.bias.range()], &mut y); //         y = x·W + 1·bᵀ
    }

    fn backward(
        &self,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_x: Option<&mut ArrayRef2<A>>,
        grad: Option<Grad<'_, A>>,
        _: &mut Tape<A>,
    ) {
        let [inputs, outputs] = self.widths();
        let (x, delta) = (positions(at.x, inputs), positions(delta, outputs));
        self.gradient(&x, &delta, grad);
        if let Some(delta_x) = delta_x {
            let (w, mut delta_x) = (self.weight.view(at.theta), positions_mut(delta_x, inputs));
            gemm(A::one(), &delta, &w.t(), A::zero(), &mut delta_x); //                         ∂C/∂x = δ·Wᵀ
        }
    }

    fn second_order(&self) -> Option<&dyn SecondOrder<A>> {
        Some(self)
    }

    fn affine(&self) -> Option<&dyn Affine<A>> {
        Some(self)
    }
}

impl<A: Scalar> Affine<A> for Dense {
    fn positions(&self) -> usize {
        self.input.positions()
    }

    fn forward_into(
        &self,
        phi: &dyn InPlaceActivation<A>,
        theta: &[A],
        x: &ArrayRef2<A>,
        y: &mut ArrayRef2<A>,
    ) {
        let [inputs, outputs] = self.widths();
        let (w, b) = (self.weight.view(theta), &theta[self.bias.range()]);
        let (x, mut y) = (positions(x, inputs), positions_mut(y, outputs));
        affine_then(&x, &w, b, &mut y, &|_, z| phi.apply(z)); //                            y = φ(x·W + 1·bᵀ)
    }

    fn backward_through(
        &self,
        phi: &dyn InPlaceActivation<A>,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_z: &mut ArrayRef2<A>,
        grad: Option<Grad<'_, A>>,
    ) {
        let [inputs, outputs] = self.widths();
        let delta = positions(delta, outputs);
        self.gradient(&positions(at.x, inputs), &delta, grad);
        let (w, x) = (self.weight.view(at.theta), in_one_piece(at.x));
        gemm_then(
            A::one(),
            &delta,
            &w.t(),
            A::zero(),
            &mut positions_mut(delta_z, inputs),
            &|place, part| {
                phi.apply_slope(&x[place..place + part.len()], part); //                         ∂C/∂z = (δ·Wᵀ) ⊙ φ'(z)
            },
        );
    }
}

impl<A: Scalar> SecondOrder<A> for Dense {
    fn r_forward(
        &self,
        at: Point<'_, A>,
        v: &[A],
        r_x: Option<&ArrayRef2<A>>,
        r_y: &mut ArrayRef2<A>,
        _: Dual<&mut Tape<A>>,
    ) {
        let [inputs, outputs] = self.widths();
        let (x, mut r_y) = (positions(at.x, inputs), positions_mut(r_y, outputs));
        affine(&x, &self.weight.view(v), &v[self.bias.range()], &mut r_y); //       R{y} = x·V + 1·v_bᵀ
        if let Some(r_x) = r_x {
            let w = self.weight.view(at.theta);
            gemm(A::one(), &positions(r_x, inputs), &w, A::one(), &mut r_y); //          + R{x}·W
        }
    }

    fn r_backward(
        &self,
        at: Point<'_, A>,
        along: Tangent<'_, A>,
        delta: Dual<&ArrayRef2<A>>,
        r_delta_x: Option<&mut ArrayRef2<A>>,
        r_grad: &mut [A],
        _: Dual<&mut Tape<A>>,
    ) {
        let [inputs, outputs] = self.widths();
        let (x, r_weight) = (positions(at.x, inputs), &mut self.weight.view_mut(r_grad));
        let (delta, r_delta) = (positions(delta.value, outputs), positions(delta.tangent, outputs));
        gemm(A::one(), &x.t(), &r_delta, A::one(), r_weight); //                    R{∂C/∂W} = xᵀ·R{δ}
        if let Some(r_x) = along.r_x {
            gemm(A::one(), &positions(r_x, inputs).t(), &delta, A::one(), r_weight); //      + R{x}ᵀ·δ
        }
        add_rows(&r_delta, &mut self.bias.view_mut(r_grad), Accum::Add); //         R{∂C/∂b} = Σₙ R{δₙ}
        if let Some(out) = r_delta_x {
            let (w, v) = (self.weight.view(at.theta), self.weight.view(along.v));
            let out = &mut positions_mut(out, inputs);
            gemm(A::one(), &r_delta, &w.t(), A::zero(), out); //                    R{∂C/∂x} = R{δ}·Wᵀ
            gemm(A::one(), &delta, &v.t(), A::one(), out); //                                + δ·Vᵀ
        }
    }
}

impl fmt::Debug for Dense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outputs = self.input.with_features(self.widths()[1]);
        write!(f, "Dense({} → {outputs})", self.input)
    }
}

/// [`Dense`] without its input: `dense 128`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenseSpec {
    /// The features of a position of y.
    pub outputs: usize,
}

impl LayerSpec for DenseSpec {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        layer.downcast().map(|dense: &Dense| Self { outputs: dense.widths()[1] })
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        Ok(input.with_features(self.outputs))
    }

    fn parameters(&self, input: Shape) -> Option<usize> {
        input.features().checked_add(1)?.checked_mul(self.outputs)
    }

    fn build<A: Scalar>(&self, input: Shape, init: Init) -> Box<dyn Layer<A>> {
        Box::new(Dense::with_init(input, self.outputs, init))
    }

    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        Ok(Self { outputs: arguments.required("the number of its outputs")? })
    }

    fn to_words(&self) -> String {
        self.outputs.to_string()
    }

    fn write_onnx(&self, input: Shape, x: &str, onnx: &mut OnnxWriter) -> String {
        let by_position = |onnx: &mut OnnxWriter, x: &str, width| match input.positions() {
            1 => x.to_owned(),
            _ => onnx.with_width(x, width),
        };
        let x = by_position(onnx, x, input.features());
        let (weight, bias) = (onnx.parameter("weight"), onnx.parameter("bias"));
        // Files hold W as (outputs, inputs).
        let transposed = vec![("transB", OnnxAttribute::Int(1))];
        let y = onnx.apply_with("Gemm", &[&x, &weight, &bias], transposed);
        by_position(onnx, &y, input.positions() * self.outputs)
    }

    fn specimens() -> Vec<(Shape, Self)> {
        let dense = |input: Shape, outputs| (input, Self { outputs });
        vec![dense(7.into(), 5), dense(9.into(), 1), dense(3.into(), 33), dense(Shape::image(3, 2, 4), 5)]
    }
}
