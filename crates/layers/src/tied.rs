use chainrule_tensor::ndarray::{ArrayRef2, ArrayViewMut2, Ix1, Ix2};
use chainrule_tensor::rows::{self, add_rows, positions, positions_mut};
use chainrule_tensor::{Accum, Init, Layout, Param, Scalar, Shape, affine, gemm};
use serde::{Deserialize, Serialize};

use crate::layer::{Layer, Station, Structure, Values};
use crate::mode::Mode;
use crate::onnx::{OnnxAttribute, OnnxWriter};
use crate::parts::{Part, Parts};
use crate::point::{Grad, Point};
use crate::second_order::{Dual, SecondOrder, Tangent};
use crate::sequential::Sequential;
use crate::spec::{
    LayerSpec, NamedSpec, SpecError, applications, brackets, chain_below, chain_onnx, checked, in_brackets,
    layers_of, network, output, parameters,
};
use crate::tape::{Tape, TapeKind};
use crate::words::{Arguments, WordsError};

/// A layer between two ends that share one weight: y = f(x·W + b)·Wᵀ + c, at each position of x.
///
/// With a pointwise f it is the autoencoder with tied weights.
///
/// # Shapes
/// W is `(features of x, features)`, b is `(features)`, c is `(features of x)`. f maps the shape of x, with `features`
/// features, onto itself; y has the shape of x. The parameters are named `weight`, `bias`, `body.…` and `output_bias`.
///
/// # Gradient
/// With z = x·W + b and h = f(z):
/// ```text
/// ∂C/∂h = δ·W               ∂C/∂z = (∂f/∂z)ᵀ·∂C/∂h
/// ∂C/∂W = δᵀ·h + xᵀ·∂C/∂z   ∂C/∂b = Σₙ ∂C/∂zₙ      ∂C/∂c = Σₙ δₙ
/// ∂C/∂x = ∂C/∂z·Wᵀ
/// ```
/// where a row is a position of an example.
///
/// # PyTorch
/// The state dict is that of a module with the parameters `weight` `(features, features of x)`, `bias` and `output_bias` and
/// `self.body = nn.Sequential(…)`, whose `forward` is
/// `F.linear(self.body(F.linear(x, self.weight, self.bias)), self.weight.T, self.output_bias)`.
///
/// # References
/// Vincent et al., "Stacked denoising autoencoders", JMLR 11, 2010, §2.2; Press and Wolf, "Using the output embedding to
/// improve language models", EACL 2017.
///
/// ```
/// use chainrule_layers::{Layer, Sequential, Tanh, Tied};
///
/// let autoencoder: Sequential<f32> = Sequential::input(64).then(|s| Tied::new(s, 8, Tanh::new));
/// assert_eq!(autoencoder.layout().len(), 64 * 8 + 8 + 64);
/// assert_eq!(autoencoder.layout().entries()[2].name, "0.output_bias");
/// ```
#[derive(Debug)]
pub struct Tied<A: Scalar> {
    input: Shape,
    weight: Param<Ix2>,
    bias: Param<Ix1>,
    output_bias: Param<Ix1>,
    /// f alone.
    parts: Parts<A>,
}

impl<A: Scalar> Tied<A> {
    /// Ends with Glorot's uniform weights around the layer that `make` builds for the shape between them.
    ///
    /// # Panics
    /// If that layer takes or gives another shape.
    #[track_caller]
    pub fn new<L: Layer<A> + 'static>(
        input: impl Into<Shape>,
        features: usize,
        make: impl FnOnce(Shape) -> L,
    ) -> Self {
        Self::with_init(input, features, Init::GlorotUniform, make)
    }

    /// The same with a W that begins as `init` says; biases begin at zero.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[track_caller]
    pub fn with_init<L: Layer<A> + 'static>(
        input: impl Into<Shape>,
        features: usize,
        init: Init,
        make: impl FnOnce(Shape) -> L,
    ) -> Self {
        let input = input.into();
        let inner = input.with_features(features);
        let body = make(inner);
        let (takes, gives) = (body.input_shape(), body.output_shape());
        assert!(
            takes == inner && gives == inner,
            "tied: the body maps shape {takes} to {gives}, but has to map {inner} onto itself"
        );
        let mut parts = Parts::new();
        let weight = parts.layout.push("weight", (input.features(), features), init);
        let bias = parts.layout.push("bias", features, Init::Zeros);
        parts.push("body", Box::new(body));
        let output_bias = parts.layout.push("output_bias", input.features(), Init::Zeros);
        Self { input, weight, bias, output_bias, parts }
    }

    fn body(&self) -> &Part<A> {
        &self.parts.list[0]
    }

    /// The features of x and those between the ends.
    fn widths(&self) -> [usize; 2] {
        [self.input.features(), self.bias.range().len()]
    }
}

/// The first `n` rows of each array, and the tape of the body.
fn split<A: Scalar>(tape: &mut Tape<A>, n: usize) -> ([ArrayViewMut2<'_, A>; 4], &mut Tape<A>) {
    let Tape { arrays, children, .. } = tape;
    let mut arrays = arrays.iter_mut();
    let arrays = std::array::from_fn(|_| rows::first_mut(arrays.next().expect("z, h and both ∂C/∂"), n));
    (arrays, &mut children[0])
}

impl<A: Scalar> Layer<A> for Tied<A> {
    fn input_shape(&self) -> Shape {
        self.input
    }

    fn output_shape(&self) -> Shape {
        self.input
    }

    fn layout(&self) -> &Layout {
        &self.parts.layout
    }

    fn statistics(&self) -> &Layout {
        &self.parts.statistics
    }

    fn observe(&self, tape: &Tape<A>, observed: &mut [A]) {
        self.parts.observe(&tape.children, observed);
    }

    fn track(&self, observed: &[A], statistics: &mut [A]) {
        self.parts.track(observed, statistics);
    }

    /// z, h, ∂C/∂h and ∂C/∂z.
    fn tape(&self, kind: TapeKind, batch: usize) -> Tape<A> {
        self.parts.tape(kind, batch, [self.body().layer.inputs(); 4])
    }

    fn forward(
        &self,
        mode: Mode<'_, A>,
        theta: &[A],
        x: &ArrayRef2<A>,
        y: &mut ArrayRef2<A>,
        tape: &mut Tape<A>,
    ) {
        let ([inputs, features], w) = (self.widths(), self.weight.view(theta));
        let ([mut z, mut h, ..], inner) = split(tape, x.nrows());
        let b = &theta[self.bias.range()];
        affine(&positions(x, inputs), &w, b, &mut positions_mut(&mut z, features)); //   z = x·W + 1·bᵀ
        self.body().forward((0, mode), theta, &z, &mut h, inner);
        let (h, c) = (positions(&h, features), &theta[self.output_bias.range()]);
        affine(&h, &w.t(), c, &mut positions_mut(y, inputs)); //                         y = h·Wᵀ + 1·cᵀ
    }

    fn backward(
        &self,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_x: Option<&mut ArrayRef2<A>>,
        mut grad: Option<Grad<'_, A>>,
        tape: &mut Tape<A>,
    ) {
        let ([inputs, features], w) = (self.widths(), self.weight.view(at.theta));
        let ([z, h, mut delta_h, mut delta_z], inner) = split(tape, at.x.nrows());
        let delta = positions(delta, inputs);
        let out = &mut positions_mut(&mut delta_h, features);
        gemm(A::one(), &delta, &w, A::zero(), out); //                                   ∂C/∂h = δ·W
        let point = Point { theta: at.theta, x: &z, y: &h };
        self.body().backward(point, &delta_h, Some(&mut delta_z), grad.as_mut(), inner);
        let delta_z = positions(&delta_z, features);
        if let Some(Grad { flat, accum, .. }) = grad {
            let (x, h) = (positions(at.x, inputs), positions(&h, features));
            let weight = &mut self.weight.view_mut(flat);
            gemm(A::one(), &delta.t(), &h, accum.beta(), weight); //                     ∂C/∂W = δᵀ·h
            gemm(A::one(), &x.t(), &delta_z, A::one(), weight); //                             + xᵀ·∂C/∂z
            add_rows(&delta_z, &mut self.bias.view_mut(flat), accum);
            add_rows(&delta, &mut self.output_bias.view_mut(flat), accum);
        }
        if let Some(delta_x) = delta_x {
            let out = &mut positions_mut(delta_x, inputs);
            gemm(A::one(), &delta_z, &w.t(), A::zero(), out); //                         ∂C/∂x = ∂C/∂z·Wᵀ
        }
    }

    fn second_order(&self) -> Option<&dyn SecondOrder<A>> {
        self.parts.have_second_order().then_some(self)
    }

    fn structure(&self) -> Structure {
        Structure::Tied
    }

    fn each_part<'a>(&'a self, station: &Station<'a, A>, visit: &mut dyn FnMut(Station<'a, A>)) {
        let values = station.values.as_ref().map(|Values { x, delta, tape, .. }| {
            let first = |i: usize| rows::first(&tape.arrays[i], x.nrows());
            Values { x: first(0), y: first(1), delta: delta.map(|_| first(2)), tape: &tape.children[0] }
        });
        visit(self.body().station(station, values));
    }
}

impl<A: Scalar> SecondOrder<A> for Tied<A> {
    fn r_forward(
        &self,
        at: Point<'_, A>,
        v: &[A],
        r_x: Option<&ArrayRef2<A>>,
        r_y: &mut ArrayRef2<A>,
        tapes: Dual<&mut Tape<A>>,
    ) {
        let ([inputs, features], n) = (self.widths(), at.x.nrows());
        let (w, v_w) = (self.weight.view(at.theta), self.weight.view(v));
        let ([z, h, ..], value) = split(tapes.value, n);
        let ([mut r_z, mut r_h, ..], tangent) = split(tapes.tangent, n);
        let out = &mut positions_mut(&mut r_z, features);
        affine(&positions(at.x, inputs), &v_w, &v[self.bias.range()], out); //           R{z} = x·V + 1·v_bᵀ
        if let Some(r_x) = r_x {
            gemm(A::one(), &positions(r_x, inputs), &w, A::one(), out); //                    + R{x}·W
        }
        let point = Point { theta: at.theta, x: &z, y: &h };
        self.body().r_forward(point, v, Some(&r_z), &mut r_h, Dual { value, tangent });
        let (h, r_h) = (positions(&h, features), positions(&r_h, features));
        let out = &mut positions_mut(r_y, inputs);
        affine(&h, &v_w.t(), &v[self.output_bias.range()], out); //                      R{y} = h·Vᵀ + 1·v_cᵀ
        gemm(A::one(), &r_h, &w.t(), A::one(), out); //                                       + R{h}·Wᵀ
    }

    fn r_backward(
        &self,
        at: Point<'_, A>,
        along: Tangent<'_, A>,
        delta: Dual<&ArrayRef2<A>>,
        r_delta_x: Option<&mut ArrayRef2<A>>,
        r_grad: &mut [A],
        tapes: Dual<&mut Tape<A>>,
    ) {
        let ([inputs, features], n) = (self.widths(), at.x.nrows());
        let (w, v) = (self.weight.view(at.theta), self.weight.view(along.v));
        let ([z, h, delta_h, delta_z], value) = split(tapes.value, n);
        let ([r_z, r_h, mut r_delta_h, mut r_delta_z], tangent) = split(tapes.tangent, n);
        let (delta, r_delta) = (positions(delta.value, inputs), positions(delta.tangent, inputs));
        let out = &mut positions_mut(&mut r_delta_h, features);
        gemm(A::one(), &r_delta, &w, A::zero(), out); //                                 R{∂C/∂h} = R{δ}·W
        gemm(A::one(), &delta, &v, A::one(), out); //                                             + δ·V
        self.body().r_backward(
            Point { theta: at.theta, x: &z, y: &h },
            Tangent { v: along.v, r_x: Some(&r_z), r_y: &r_h },
            Dual { value: &*delta_h, tangent: &*r_delta_h },
            Some(&mut r_delta_z),
            r_grad,
            Dual { value, tangent },
        );
        let (h, r_h) = (positions(&h, features), positions(&r_h, features));
        let (delta_z, r_delta_z) = (positions(&delta_z, features), positions(&r_delta_z, features));
        let weight = &mut self.weight.view_mut(r_grad);
        gemm(A::one(), &r_delta.t(), &h, A::one(), weight); //                           R{∂C/∂W} = R{δ}ᵀ·h
        gemm(A::one(), &delta.t(), &r_h, A::one(), weight); //                                    + δᵀ·R{h}
        gemm(A::one(), &positions(at.x, inputs).t(), &r_delta_z, A::one(), weight); //            + xᵀ·R{∂C/∂z}
        if let Some(r_x) = along.r_x {
            gemm(A::one(), &positions(r_x, inputs).t(), &delta_z, A::one(), weight); //           + R{x}ᵀ·∂C/∂z
        }
        add_rows(&r_delta_z, &mut self.bias.view_mut(r_grad), Accum::Add);
        add_rows(&r_delta, &mut self.output_bias.view_mut(r_grad), Accum::Add);
        if let Some(out) = r_delta_x {
            let out = &mut positions_mut(out, inputs);
            gemm(A::one(), &r_delta_z, &w.t(), A::zero(), out); //                       R{∂C/∂x} = R{∂C/∂z}·Wᵀ
            gemm(A::one(), &delta_z, &v.t(), A::one(), out); //                                   + ∂C/∂z·Vᵀ
        }
    }
}

/// [`Tied`] without its input: `tied 4 (tanh)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TiedSpec<S> {
    /// The features of a position between the ends.
    pub features: usize,
    /// The layers of f.
    pub body: Vec<S>,
}

impl<S: NamedSpec> LayerSpec for TiedSpec<S> {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        let tied = layer.downcast::<Tied<A>>()?;
        Some(Self { features: tied.bias.range().len(), body: layers_of(tied.parts.layers().next()?)? })
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        let inner = checked(input.with_features(self.features))?;
        let body = output("body", &self.body, inner)?;
        if body == inner {
            return Ok(input);
        }
        Err(SpecError::here(format!("the body has to keep the shape {inner}, but gives {body}")))
    }

    fn parameters(&self, input: Shape) -> Option<usize> {
        let ends =
            input.features().checked_add(1)?.checked_mul(self.features)?.checked_add(input.features())?;
        ends.checked_add(parameters(&self.body, input.with_features(self.features))?)
    }

    fn applications(&self) -> usize {
        applications(&self.body).saturating_add(1)
    }

    fn build<A: Scalar>(&self, input: Shape, init: Init) -> Box<dyn Layer<A>> {
        self.build_inside(input, Some(init), init)
    }

    fn build_inside<A: Scalar>(&self, input: Shape, chosen: Option<Init>, _: Init) -> Box<dyn Layer<A>> {
        let inner = input.with_features(self.features);
        let body: Sequential<A> = chain_below(&self.body, inner, chosen, Init::GlorotUniform);
        let usual = body.layers().next().and_then(Layer::usual_init).unwrap_or(Init::GlorotUniform);
        Box::new(Tied::with_init(input, self.features, chosen.unwrap_or(usual), |_| body))
    }

    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        let features = arguments.required("the number of features between its ends")?;
        Ok(Self { features, body: in_brackets(arguments, "its body in brackets, such as (tanh)")? })
    }

    fn to_words(&self) -> String {
        format!("{} {}", self.features, brackets(&self.body))
    }

    fn write_onnx(&self, input: Shape, x: &str, onnx: &mut OnnxWriter) -> String {
        let inner = input.with_features(self.features);
        let by_position = |onnx: &mut OnnxWriter, x: &str, width| match input.positions() {
            1 => x.to_owned(),
            _ => onnx.with_width(x, width),
        };
        // Files hold W as (features, inputs): Wᵀ for the way out.
        let (weight, bias) = (onnx.parameter("weight"), onnx.parameter("bias"));
        let x = by_position(onnx, x, input.features());
        let z = onnx.apply_with("Gemm", &[&x, &weight, &bias], vec![("transB", OnnxAttribute::Int(1))]);
        let z = by_position(onnx, &z, inner.size());
        let h = onnx.inside("body", |onnx| chain_onnx(&self.body, inner, &z, onnx));
        let (h, bias) = (by_position(onnx, &h, self.features), onnx.parameter("output_bias"));
        let y = onnx.apply("Gemm", &[&h, &weight, &bias]);
        by_position(onnx, &y, input.size())
    }

    fn specimens() -> Vec<(Shape, Self)> {
        let tied = |features, body| Self { features, body: network(body) };
        vec![
            (6.into(), tied(4, "tanh")),
            (5.into(), tied(3, "relu, dense 4, dropout 0.2, dense 3")),
            (Shape::sequence(3, 4), tied(2, "sigmoid, dense 2")),
        ]
    }
}
