use std::fmt::{self, Debug};
use std::marker::PhantomData;

use chainrule_tensor::ndarray::{ArrayRef2, Ix1};
use chainrule_tensor::rows::{in_one_piece, in_one_piece_mut};
use chainrule_tensor::{Accum, Init, Layout, Param, Scalar, Shape};
use serde::{Deserialize, Serialize};

use crate::layer::Layer;
use crate::mode::Mode;
use crate::norm::features::{Affine, Features};
use crate::norm::{eps, eps_in_words, epsilon_fault, put, write_gain_and_shift, write_quotient};
use crate::onnx::{OnnxAttribute, OnnxWriter};
use crate::point::{Grad, Point};
use crate::second_order::{Dual, SecondOrder, Tangent};
use crate::spec::{LayerSpec, SpecError};
use crate::tape::{Tape, TapeKind};
use crate::words::{Arguments, WordsError};

/// y = γ·(x − μ)/√(⟨(x − μ)²⟩ + ε) + β over the features of each position, as [`LayerNorm`] and [`RmsNorm`] are.
///
/// # Shapes
/// x and y are of one shape, any; of a flat x all numbers are features. γ and β are `(features)` and do not decay.
///
/// # Gradient
/// With x̂ = (x − μ)/√(⟨(x − μ)²⟩ + ε), g = γδ and the mean ⟨·⟩ over the features of a position:
/// ```text
/// ∂C/∂x = (g − ⟨g⟩ − x̂⟨g·x̂⟩)/√(⟨(x − μ)²⟩ + ε)      without ⟨g⟩ where μ is 0
/// ∂C/∂γ = Σ δ·x̂,    ∂C/∂β = Σ δ                      over rows and positions
/// ```
///
/// # References
/// Ba, Kiros and Hinton, "Layer normalization", 2016 (arXiv 1607.06450), eqs. 3 and 4; Zhang and Sennrich, "Root mean square layer
/// normalization", NeurIPS 2019, eq. 4.
///
/// ```
/// use chainrule_layers::{Layer, LayerNorm, Mode, RmsNorm, Tape};
/// use chainrule_tensor::ndarray::array;
///
/// let (x, mut y) = (array![[1.0, 3.0]], array![[0.0_f64, 0.0]]);
/// LayerNorm::new(2).forward(Mode::EVAL, &[1.0, 1.0, 0.0, 0.0], &x, &mut y, &mut Tape::empty());
/// assert!((y[(0, 0)] + 1.0).abs() < 1e-5 && (y[(0, 1)] - 1.0).abs() < 1e-5);
/// RmsNorm::new(2).forward(Mode::EVAL, &[1.0, 1.0], &x, &mut y, &mut Tape::empty());
/// assert!((y[(0, 1)] - 3.0 / 5.0_f64.sqrt()).abs() < 1e-9);
/// ```
#[derive(Clone)]
pub struct FeatureNorm<K> {
    shape: Shape,
    epsilon: Option<f64>,
    kernel: Features,
    layout: Layout,
    weight: Param<Ix1>,
    bias: Option<Param<Ix1>>,
    kind: PhantomData<K>,
}

/// What a [`FeatureNorm`] subtracts.
pub trait FeatureNormKind: Debug + Clone + Send + Sync + 'static {
    /// The name of the layer.
    const NAME: &'static str;
    /// Whether the mean is subtracted, and a β added.
    const CENTRED: bool;
    /// ε; that of the number type where there is none.
    const EPSILON: Option<f64>;
}

/// The mean is subtracted.
#[derive(Debug, Clone, Copy)]
pub struct Centred;

/// Nothing is subtracted.
#[derive(Debug, Clone, Copy)]
pub struct RootMeanSquare;

impl FeatureNormKind for Centred {
    const NAME: &'static str = "LayerNorm";
    const CENTRED: bool = true;
    const EPSILON: Option<f64> = Some(1e-5);
}

impl FeatureNormKind for RootMeanSquare {
    const NAME: &'static str = "RmsNorm";
    const CENTRED: bool = false;
    const EPSILON: Option<f64> = None;
}

/// Layer normalisation, PyTorch's `nn.LayerNorm(features)`, with μ the mean of the features and ε = 1e−5.
pub type LayerNorm = FeatureNorm<Centred>;
/// Root mean square normalisation, PyTorch's `nn.RMSNorm(features)`: μ is 0, there is no β, and ε is the machine epsilon of the number
/// type, as PyTorch's `eps=None`.
pub type RmsNorm = FeatureNorm<RootMeanSquare>;

impl<K: FeatureNormKind> FeatureNorm<K> {
    /// With the usual ε. γ begins at 1 and β at 0.
    ///
    /// # Panics
    /// If a mean is subtracted and there is one feature.
    #[track_caller]
    pub fn new(shape: impl Into<Shape>) -> Self {
        Self::with(shape, K::EPSILON)
    }

    /// With this ε; `None` is the machine epsilon of the number type.
    ///
    /// # Panics
    /// If ε is not positive, or a mean is subtracted and there is one feature.
    #[track_caller]
    pub fn with(shape: impl Into<Shape>, epsilon: Option<f64>) -> Self {
        let (shape, mut layout) = (shape.into(), Layout::new());
        if let Some(fault) = fault::<K>(shape, epsilon) {
            panic!("{}: {fault}", K::NAME);
        }
        let features = shape.features();
        let weight = layout.push("weight", features, Init::Constant(1.0));
        let bias = K::CENTRED.then(|| layout.push("bias", features, Init::Zeros));
        let kernel = Features::new(features, K::CENTRED);
        Self { shape, epsilon, kernel, layout, weight, bias, kind: PhantomData }
    }

    fn epsilon<A: Scalar>(&self) -> A {
        self.epsilon.map_or(A::epsilon(), A::of)
    }

    /// γ and β, or what stands in their place in a vector like θ.
    fn affine<'t, A>(&self, theta: &'t [A]) -> Affine<'t, A> {
        (&theta[self.weight.range()], self.bias.map(|bias| &theta[bias.range()]))
    }

    fn put<A: Scalar>(&self, flat: &mut [A], [weight, bias]: [&[A]; 2], accum: Accum) {
        put(&mut flat[self.weight.range()], weight, accum);
        if let Some(range) = self.bias.map(|bias| bias.range()) {
            put(&mut flat[range], bias, accum);
        }
    }
}

/// What is wrong with this input or this ε.
fn fault<K: FeatureNormKind>(shape: Shape, epsilon: Option<f64>) -> Option<String> {
    if K::CENTRED && shape.features() < 2 {
        return Some(format!(
            "each position of shape {shape} has one feature, which is always 0 when normalised: use batch-norm or group-norm"
        ));
    }
    epsilon.and_then(epsilon_fault)
}

/// The sums over the parameters, and what they are taken in.
fn memory<A>(tape: &mut Tape<A>) -> ([&mut [A]; 2], &mut [A]) {
    let [weight, bias, partial] = &mut tape.vectors[..] else { panic!("norm: the tape is this layer's") };
    ([weight, bias], partial)
}

impl<A: Scalar, K: FeatureNormKind> Layer<A> for FeatureNorm<K> {
    fn input_shape(&self) -> Shape {
        self.shape
    }

    fn output_shape(&self) -> Shape {
        self.shape
    }

    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn tape(&self, _: TapeKind, batch: usize) -> Tape<A> {
        let (features, numbers) = (self.shape.features(), batch * self.shape.size());
        Tape::empty().and_vectors([features, features, self.kernel.memory(numbers)])
    }

    fn forward(&self, _: Mode<'_, A>, theta: &[A], x: &ArrayRef2<A>, y: &mut ArrayRef2<A>, _: &mut Tape<A>) {
        self.kernel.forward(self.epsilon(), in_one_piece(x), self.affine(theta), in_one_piece_mut(y));
    }

    fn backward(
        &self,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_x: Option<&mut ArrayRef2<A>>,
        grad: Option<Grad<'_, A>>,
        tape: &mut Tape<A>,
    ) {
        let (x, delta) = (in_one_piece(at.x), in_one_piece(delta));
        if let Some(delta_x) = delta_x {
            let (gain, _) = self.affine(at.theta);
            self.kernel.backward(self.epsilon(), x, gain, delta, in_one_piece_mut(delta_x));
        }
        if let Some(Grad { flat, accum, .. }) = grad {
            let ([weight, bias], partial) = memory(tape);
            self.kernel.gradient(self.epsilon(), x, delta, partial, [&mut *weight, &mut *bias]);
            self.put(flat, [weight, bias], accum);
        }
    }

    fn second_order(&self) -> Option<&dyn SecondOrder<A>> {
        Some(self)
    }

    fn frees_output(&self) -> bool {
        true
    }
}

impl<A: Scalar, K: FeatureNormKind> SecondOrder<A> for FeatureNorm<K> {
    fn r_forward(
        &self,
        at: Point<'_, A>,
        v: &[A],
        r_x: Option<&ArrayRef2<A>>,
        r_y: &mut ArrayRef2<A>,
        _: Dual<&mut Tape<A>>,
    ) {
        let at = [in_one_piece(at.x), self.affine(at.theta).0];
        let r_x = r_x.map(in_one_piece);
        self.kernel.r_forward(self.epsilon(), at, self.affine(v), r_x, in_one_piece_mut(r_y));
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
        let (x, r_x) = (in_one_piece(at.x), along.r_x.map(in_one_piece));
        let [delta, r_delta] = [delta.value, delta.tangent].map(in_one_piece);
        if let Some(out) = r_delta_x {
            let at = [x, self.affine(at.theta).0, self.affine(along.v).0];
            self.kernel.r_backward(self.epsilon(), at, r_x, [delta, r_delta], in_one_piece_mut(out));
        }
        let ([weight, bias], partial) = memory(tapes.value);
        let sums = [&mut *weight, &mut *bias];
        self.kernel.r_gradient(self.epsilon(), [x, delta, r_delta], r_x, partial, sums);
        self.put(r_grad, [weight, bias], Accum::Add);
    }
}

impl<K: FeatureNormKind> fmt::Debug for FeatureNorm<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", K::NAME, self.shape)
    }
}

/// [`LayerNorm`] without its input: `layer-norm`, or `layer-norm eps 0.001`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LayerNormSpec {
    /// What is added to the variance.
    pub eps: f64,
}

const EPSILON: f64 = 1e-5;

impl Default for LayerNormSpec {
    fn default() -> Self {
        Self { eps: EPSILON }
    }
}

/// ⟨x⟩ of the features of each position.
fn write_mean(onnx: &mut OnnxWriter, x: &str) -> String {
    onnx.apply_with("ReduceMean", &[x], vec![("axes", OnnxAttribute::Ints(vec![1]))])
}

/// x/√(⟨x²⟩ + ε)
fn write_by_deviation(onnx: &mut OnnxWriter, x: &str, epsilon: f64) -> String {
    let squares = onnx.apply("Mul", &[x, x]);
    let variance = write_mean(onnx, &squares);
    write_quotient(onnx, x, &variance, epsilon)
}

impl LayerSpec for LayerNormSpec {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        layer.downcast().and_then(|norm: &LayerNorm| Some(Self { eps: norm.epsilon? }))
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        fault::<Centred>(input, Some(self.eps)).map_or(Ok(input), |fault| Err(SpecError::here(fault)))
    }

    fn parameters(&self, input: Shape) -> Option<usize> {
        input.features().checked_mul(2)
    }

    fn build<A: Scalar>(&self, input: Shape, _: Init) -> Box<dyn Layer<A>> {
        Box::new(LayerNorm::with(input, Some(self.eps)))
    }

    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        Ok(Self { eps: eps(arguments, EPSILON)? })
    }

    fn to_words(&self) -> String {
        eps_in_words(self.eps, EPSILON).unwrap_or_default()
    }

    fn write_onnx(&self, input: Shape, x: &str, onnx: &mut OnnxWriter) -> String {
        onnx.by_position(input, x, |onnx, x| {
            let mean = write_mean(onnx, x);
            let centred = onnx.apply("Sub", &[x, &mean]);
            let x_hat = write_by_deviation(onnx, &centred, self.eps);
            write_gain_and_shift(onnx, &x_hat)
        })
    }

    fn keeps_places(&self) -> bool {
        true
    }

    fn specimens() -> Vec<(Shape, Self)> {
        vec![
            (Shape::Flat(6), Self::default()),
            (Shape::Flat(33), Self { eps: 0.01 }),
            (Shape::sequence(4, 3), Self::default()),
            (Shape::image(1, 1, 5), Self::default()),
            (Shape::image(3, 2, 4), Self::default()),
        ]
    }
}

/// [`RmsNorm`] without its input: `rms-norm`, or `rms-norm eps 0.00001`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RmsNormSpec {
    /// What is added to the mean of the squares; the machine epsilon of the number type where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eps: Option<f64>,
}

impl LayerSpec for RmsNormSpec {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        layer.downcast().map(|norm: &RmsNorm| Self { eps: norm.epsilon })
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        fault::<RootMeanSquare>(input, self.eps).map_or(Ok(input), |fault| Err(SpecError::here(fault)))
    }

    fn parameters(&self, input: Shape) -> Option<usize> {
        Some(input.features())
    }

    fn build<A: Scalar>(&self, input: Shape, _: Init) -> Box<dyn Layer<A>> {
        Box::new(RmsNorm::with(input, self.eps))
    }

    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        let eps = eps(arguments, 0.0)?;
        Ok(Self { eps: (eps != 0.0).then_some(eps) })
    }

    fn to_words(&self) -> String {
        self.eps.map(|eps| format!("eps {eps}")).unwrap_or_default()
    }

    fn write_onnx(&self, input: Shape, x: &str, onnx: &mut OnnxWriter) -> String {
        let machine = if onnx.is_double() { f64::EPSILON } else { f64::from(f32::EPSILON) };
        onnx.by_position(input, x, |onnx, x| {
            let x_hat = write_by_deviation(onnx, x, self.eps.unwrap_or(machine));
            let weight = onnx.parameter("weight");
            onnx.apply("Mul", &[&x_hat, &weight])
        })
    }

    fn keeps_places(&self) -> bool {
        true
    }

    fn specimens() -> Vec<(Shape, Self)> {
        vec![
            (Shape::Flat(6), Self { eps: Some(1e-5) }),
            (Shape::sequence(4, 3), Self::default()),
            (Shape::image(3, 2, 5), Self::default()),
            (Shape::image(1, 1, 2), Self { eps: Some(0.1) }),
        ]
    }
}

#[cfg(test)]
mod tests {
    use chainrule_tensor::ndarray::Array2;

    use super::*;

    #[test]
    fn values_are_those_of_pytorch() {
        // x = torch.arange(6, dtype=torch.float64).sin().reshape(2, 3)
        // print(nn.LayerNorm(3).double()(x).flatten().tolist(), nn.RMSNorm(3).double()(x).flatten().tolist())
        let x = Array2::from_shape_fn((1, 6), |(_, i)| (i as f64).sin());
        let (mut y, shape) = (x.clone(), Shape::sequence(2, 3));
        LayerNorm::new(shape).forward(
            Mode::EVAL,
            &[1.0, 1.0, 1.0, 0.0, 0.0, 0.0],
            &x,
            &mut y,
            &mut Tape::empty(),
        );
        assert!(y.iter().zip(LAYER).all(|(y, expected)| (y - expected).abs() < 1e-13), "{y}");
        RmsNorm::new(shape).forward(Mode::EVAL, &[1.0; 3], &x, &mut y, &mut Tape::empty());
        assert!(y.iter().zip(ROOT_MEAN_SQUARE).all(|(y, expected)| (y - expected).abs() < 1e-13), "{y}");
    }

    const LAYER: [f64; 6] = [
        -1.410_999_221_915_955_3,
        0.623_504_422_779_611_9,
        0.787_494_799_136_343_6,
        1.392_960_736_141_905,
        -0.485_104_705_181_316_76,
        -0.907_856_030_960_588_1,
    ];

    const ROOT_MEAN_SQUARE: [f64; 6] = [
        0.0,
        1.176_414_597_414_612_3,
        1.271_239_039_280_108_7,
        0.198_767_104_586_778_24,
        -1.065_954_025_970_506,
        -1.350_641_940_949_360_9,
    ];
}
