use std::fmt;

use chainrule_tensor::ndarray::{ArrayRef2, Ix1};
use chainrule_tensor::{Accum, Init, Layout, Param, Scalar, Shape, rows};
use serde::{Deserialize, Serialize};

use crate::layer::Layer;
use crate::mode::Mode;
use crate::norm::channels::{Along, Cell, Channels, Memory};
use crate::norm::{eps, eps_in_words, epsilon_fault, put, write_gain_and_shift, write_quotient};
use crate::onnx::{OnnxAttribute, OnnxWriter};
use crate::point::{Grad, Point};
use crate::second_order::{Dual, SecondOrder, Tangent};
use crate::spec::{LayerSpec, SpecError};
use crate::tape::{Tape, TapeKind};
use crate::words::{Arguments, WordsError};

/// y = γ·(x − μ)/√(σ² + ε) + β, with the mean μ and the variance σ² of each group of neighbouring channels over all positions of an
/// example.
///
/// One group is a layer normalisation over the whole example. One channel a group, without γ and β, is the instance normalisation,
/// [`GroupNorm::instance`].
///
/// # Shapes
/// x and y are of one shape, any; γ and β are `(features)` and do not decay. PyTorch's `nn.GroupNorm(groups, features)` and
/// `nn.InstanceNorm2d(features)`.
///
/// # Gradient
/// With x̂ = (x − μ)/√(σ² + ε), g = γδ and the mean ⟨·⟩ over a group:
/// ```text
/// ∂C/∂x = (g − ⟨g⟩ − x̂⟨g·x̂⟩)/√(σ² + ε)
/// ∂C/∂γ = Σ δ·x̂,    ∂C/∂β = Σ δ      over rows and positions
/// ```
///
/// # References
/// Wu and He, "Group normalization", ECCV 2018; Ulyanov, Vedaldi and Lempitsky, "Instance normalization: the missing ingredient for fast
/// stylization", 2016 (arXiv 1607.08022).
///
/// ```
/// use chainrule_layers::{GroupNorm, Layer, Mode, TapeKind};
/// use chainrule_tensor::ndarray::array;
///
/// // Two groups of two channels.
/// let (layer, x) = (GroupNorm::new(4, 2), array![[1.0, 3.0, 10.0, 30.0]]);
/// let (mut y, mut tape) = (x.clone(), layer.tape(TapeKind::Complete, 1));
/// layer.forward(Mode::EVAL, &[1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0], &x, &mut y, &mut tape);
/// assert!(y.iter().zip([-1.0_f64, 1.0, -1.0, 1.0]).all(|(y, expected)| (y - expected).abs() < 1e-4));
/// ```
#[derive(Clone)]
pub struct GroupNorm {
    shape: Shape,
    groups: usize,
    epsilon: f64,
    kernel: Channels,
    layout: Layout,
    /// γ and β, where there are any.
    affine: Option<[Param<Ix1>; 2]>,
}

const EPSILON: f64 = 1e-5;

impl GroupNorm {
    /// Normalises `groups` groups of channels, with ε = 1e−5. γ begins at 1 and β at 0.
    ///
    /// # Panics
    /// If the channels are not divisible by the groups, or a group has one number.
    #[track_caller]
    pub fn new(shape: impl Into<Shape>, groups: usize) -> Self {
        Self::with(shape, groups, EPSILON, true)
    }

    /// Instance normalisation: each channel of an example is normalised by itself, without γ and β.
    ///
    /// # Panics
    /// If x has one position.
    #[track_caller]
    pub fn instance(shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        Self::with(shape, shape.features(), EPSILON, false)
    }

    /// The same with another ε, with or without γ and β.
    ///
    /// # Panics
    /// If the channels are not divisible by the groups, a group has one number, or ε is not positive.
    #[track_caller]
    pub fn with(shape: impl Into<Shape>, groups: usize, epsilon: f64, affine: bool) -> Self {
        let (shape, mut layout) = (shape.into(), Layout::new());
        if let Some(fault) = fault(shape, groups, epsilon) {
            panic!("group-norm: {fault}");
        }
        let features = shape.features();
        let affine = affine.then(|| {
            let weight = layout.push("weight", features, Init::Constant(1.0));
            [weight, layout.push("bias", features, Init::Zeros)]
        });
        let kernel = Channels::new(features, shape.positions(), features / groups, epsilon);
        Self { shape, groups, epsilon, kernel, layout, affine }
    }

    /// γ and β, or what stands in their place in a vector like θ.
    fn affine<'t, A>(&self, theta: &'t [A]) -> [Option<&'t [A]>; 2] {
        let Some(affine) = &self.affine else { return [None, None] };
        affine.each_ref().map(|param| Some(&theta[param.range()]))
    }

    fn cell<'a, A>(&self, theta: &'a [A], x: &'a [A], saved: &'a [A]) -> Cell<'a, A> {
        let (mean, inverse) = saved.split_at(self.shape.features());
        Cell { x, mean, inverse, frozen: false, gain: self.affine(theta)[0] }
    }

    fn along<'a, A>(&self, v: &'a [A], r_x: Option<&'a [A]>) -> Along<'a, A> {
        let [v_gain, v_shift] = self.affine(v);
        Along { r_x, v_gain, v_shift }
    }

    /// Adds ∂C/∂γ and ∂C/∂β of a row.
    fn add<A: Scalar>(&self, flat: &mut [A], sums: [&[A]; 2]) {
        for (param, sums) in self.affine.iter().flatten().zip(sums) {
            put(&mut flat[param.range()], sums, Accum::Add);
        }
    }
}

/// What is wrong with these groups.
fn fault(shape: Shape, groups: usize, epsilon: f64) -> Option<String> {
    let features = shape.features();
    if groups == 0 || !features.is_multiple_of(groups) {
        return Some(format!(
            "the {features} channels of shape {shape} cannot be cut into {groups} equal groups"
        ));
    }
    if features / groups * shape.positions() < 2 {
        return Some(format!(
            "each of {groups} groups of an example of shape {shape} is one number, which is always 0 when normalised"
        ));
    }
    epsilon_fault(epsilon)
}

/// The rows of μ and 1/σ, and the memory of the kernel.
#[track_caller]
fn parts<A>(tape: &mut Tape<A>) -> (&mut ArrayRef2<A>, Memory<'_, A>) {
    const TAPE: &str = "group-norm: the tape is this layer's";
    let Tape { arrays, vectors, .. } = tape;
    let [saved] = &mut arrays[..] else { panic!("{TAPE}") };
    (saved, Memory::of((&mut vectors[..]).try_into().expect(TAPE)))
}

impl<A: Scalar> Layer<A> for GroupNorm {
    fn input_shape(&self) -> Shape {
        self.shape
    }

    fn output_shape(&self) -> Shape {
        self.shape
    }

    fn layout(&self) -> &Layout {
        &self.layout
    }

    /// For each row μ and 1/σ of each channel; then the memory of the kernel.
    fn tape(&self, kind: TapeKind, batch: usize) -> Tape<A> {
        let memory = self.kernel.memory(self.shape.size(), kind == TapeKind::Complete);
        let saved = Tape::with_widths(batch, [2 * self.shape.features()]);
        Tape { kind, ..saved.and_vectors(memory) }
    }

    fn forward(
        &self,
        _: Mode<'_, A>,
        theta: &[A],
        x: &ArrayRef2<A>,
        y: &mut ArrayRef2<A>,
        tape: &mut Tape<A>,
    ) {
        let (saved, mut memory) = parts(tape);
        let [_, shift] = self.affine(theta);
        for ((x, y), saved) in rows::slices(x).zip(rows::slices_mut(y)).zip(rows::slices_mut(saved)) {
            let (mean, inverse) = saved.split_at_mut(self.shape.features());
            self.kernel.moments(x, mean, inverse, None, &mut memory);
            self.kernel.forward(self.cell(theta, x, saved), shift, y, &mut memory);
        }
    }

    fn backward(
        &self,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_x: Option<&mut ArrayRef2<A>>,
        mut grad: Option<Grad<'_, A>>,
        tape: &mut Tape<A>,
    ) {
        let (saved, mut memory) = parts(tape);
        if let Some(Grad { flat, accum: Accum::Replace, .. }) = &mut grad {
            flat.fill(A::zero());
        }
        let mut out = delta_x.map(rows::slices_mut);
        for ((x, delta), saved) in rows::slices(at.x).zip(rows::slices(delta)).zip(rows::slices(saved)) {
            let delta_x = out.as_mut().and_then(Iterator::next);
            let sums = self.kernel.backward(self.cell(at.theta, x, saved), delta, delta_x, &mut memory);
            if let Some(Grad { flat, .. }) = &mut grad {
                self.add(flat, sums);
            }
        }
    }

    fn second_order(&self) -> Option<&dyn SecondOrder<A>> {
        Some(self)
    }

    fn frees_output(&self) -> bool {
        true
    }
}

impl<A: Scalar> SecondOrder<A> for GroupNorm {
    fn r_forward(
        &self,
        at: Point<'_, A>,
        v: &[A],
        r_x: Option<&ArrayRef2<A>>,
        r_y: &mut ArrayRef2<A>,
        tapes: Dual<&mut Tape<A>>,
    ) {
        let (saved, mut memory) = parts(tapes.value);
        let (means, _) = parts(tapes.tangent);
        let saved_and_means = rows::slices(saved).zip(rows::slices_mut(means));
        let mut r_x = r_x.map(rows::slices);
        for ((x, r_y), (saved, means)) in rows::slices(at.x).zip(rows::slices_mut(r_y)).zip(saved_and_means) {
            let along = self.along(v, r_x.as_mut().and_then(Iterator::next));
            let means = means.split_at_mut(self.shape.features()).into();
            self.kernel.r_forward(self.cell(at.theta, x, saved), along, r_y, means, &mut memory);
        }
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
        let (saved, mut memory) = parts(tapes.value);
        let (means, _) = parts(tapes.tangent);
        let (mut r_x, mut out) = (along.r_x.map(rows::slices), r_delta_x.map(rows::slices_mut));
        let deltas = rows::slices(delta.value).zip(rows::slices(delta.tangent));
        let saved_and_means = rows::slices(saved).zip(rows::slices(means));
        for ((x, deltas), (saved, means)) in rows::slices(at.x).zip(deltas).zip(saved_and_means) {
            let along = self.along(along.v, r_x.as_mut().and_then(Iterator::next));
            let (cell, means) = (self.cell(at.theta, x, saved), means.split_at(self.shape.features()).into());
            let r_delta_x = out.as_mut().and_then(Iterator::next);
            let sums = self.kernel.r_backward(cell, along, deltas.into(), r_delta_x, means, &mut memory);
            self.add(r_grad, sums);
        }
    }
}

impl fmt::Debug for GroupNorm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupNorm({}, {} groups)", self.shape, self.groups)
    }
}

/// [`GroupNorm`] without its input: `group-norm 4`, or `group-norm 4 eps 0.001`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupNormSpec {
    /// How many groups the channels are cut into.
    pub groups: usize,
    /// What is added to the variance.
    #[serde(default = "usual_eps")]
    pub eps: f64,
}

fn usual_eps() -> f64 {
    EPSILON
}

/// (x − μ)/√(σ² + ε), with the numbers of an example as `(positions, groups, channels of a group)`.
fn write_groups(input: Shape, groups: usize, epsilon: f64, x: &str, onnx: &mut OnnxWriter) -> String {
    let mean = |onnx: &mut OnnxWriter, x: &str| {
        onnx.apply_with("ReduceMean", &[x], vec![("axes", OnnxAttribute::Ints(vec![1, 3]))])
    };
    let x = onnx.reshape(x, &[input.positions(), groups, input.features() / groups]);
    let centre = mean(onnx, &x);
    let centred = onnx.apply("Sub", &[&x, &centre]);
    let squares = onnx.apply("Mul", &[&centred, &centred]);
    let variance = mean(onnx, &squares);
    write_quotient(onnx, &centred, &variance, epsilon)
}

impl LayerSpec for GroupNormSpec {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        let norm: &GroupNorm = layer.downcast()?;
        norm.affine.map(|_| Self { groups: norm.groups, eps: norm.epsilon })
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        fault(input, self.groups, self.eps).map_or(Ok(input), |fault| Err(SpecError::here(fault)))
    }

    fn parameters(&self, input: Shape) -> Option<usize> {
        input.features().checked_mul(2)
    }

    fn build<A: Scalar>(&self, input: Shape, _: Init) -> Box<dyn Layer<A>> {
        Box::new(GroupNorm::with(input, self.groups, self.eps, true))
    }

    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        let groups = arguments.required("the number of its groups, such as 4")?;
        Ok(Self { groups, eps: eps(arguments, EPSILON)? })
    }

    fn to_words(&self) -> String {
        let eps = eps_in_words(self.eps, EPSILON);
        [self.groups.to_string()].into_iter().chain(eps).collect::<Vec<_>>().join(" ")
    }

    fn write_onnx(&self, input: Shape, x: &str, onnx: &mut OnnxWriter) -> String {
        let x_hat = write_groups(input, self.groups, self.eps, x, onnx);
        let x_hat = onnx.with_width(&x_hat, input.features());
        let y = write_gain_and_shift(onnx, &x_hat);
        if input.positions() == 1 { y } else { onnx.with_width(&y, input.size()) }
    }

    fn keeps_places(&self) -> bool {
        true
    }

    fn specimens() -> Vec<(Shape, Self)> {
        let norm = |input: Shape, groups, eps| (input, Self { groups, eps });
        vec![
            norm(8.into(), 2, EPSILON),
            norm(Shape::sequence(5, 4), 4, EPSILON),
            norm(Shape::image(3, 2, 6), 3, 0.01),
            norm(Shape::image(1, 1, 4), 1, EPSILON),
            norm(Shape::image(5, 3, 1), 1, EPSILON),
        ]
    }
}

/// [`GroupNorm::instance`] without its input: `instance-norm`, or `instance-norm eps 0.001`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceNormSpec {
    /// What is added to the variance.
    #[serde(default = "usual_eps")]
    pub eps: f64,
}

impl LayerSpec for InstanceNormSpec {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        let norm: &GroupNorm = layer.downcast()?;
        let is_instance = norm.affine.is_none() && norm.groups == norm.shape.features();
        is_instance.then_some(Self { eps: norm.epsilon })
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        let fault = fault(input, input.features(), self.eps);
        fault.map_or(Ok(input), |fault| Err(SpecError::here(fault)))
    }

    fn build<A: Scalar>(&self, input: Shape, _: Init) -> Box<dyn Layer<A>> {
        Box::new(GroupNorm::with(input, input.features(), self.eps, false))
    }

    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        Ok(Self { eps: eps(arguments, EPSILON)? })
    }

    fn to_words(&self) -> String {
        eps_in_words(self.eps, EPSILON).unwrap_or_default()
    }

    fn write_onnx(&self, input: Shape, x: &str, onnx: &mut OnnxWriter) -> String {
        let y = write_groups(input, input.features(), self.eps, x, onnx);
        onnx.with_width(&y, input.size())
    }

    fn keeps_places(&self) -> bool {
        true
    }

    fn specimens() -> Vec<(Shape, Self)> {
        let usual = || Self { eps: EPSILON };
        vec![
            (Shape::sequence(5, 2), usual()),
            (Shape::image(3, 2, 3), Self { eps: 0.01 }),
            (Shape::image(1, 4, 1), usual()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use chainrule_tensor::ndarray::Array2;

    use super::*;

    #[test]
    fn values_are_those_of_pytorch() {
        // x = torch.arange(12, dtype=torch.float64).sin().reshape(1, 3, 4).mT  # (example, channel, position)
        // print(nn.GroupNorm(2, 4).double()(x).mT.flatten().tolist(), nn.InstanceNorm1d(4).double()(x).mT.flatten().tolist())
        let x = Array2::from_shape_fn((1, 12), |(_, i)| (i as f64).sin());
        let (mut y, shape) = (x.clone(), Shape::sequence(3, 4));
        let theta = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0];
        let norm = GroupNorm::new(shape, 2);
        norm.forward(Mode::EVAL, &theta, &x, &mut y, &mut norm.tape(TapeKind::Complete, 1));
        assert!(y.iter().zip(GROUPS).all(|(y, expected)| (y - expected).abs() < 1e-13), "{y}");
        let norm = GroupNorm::instance(shape);
        norm.forward(Mode::EVAL, &[], &x, &mut y, &mut norm.tape(TapeKind::Complete, 1));
        assert!(y.iter().zip(INSTANCE).all(|(y, expected)| (y - expected).abs() < 1e-13), "{y}");
    }

    #[rustfmt::skip]
    const GROUPS: [f64; 12] = [-0.118_434_515_237_733_21, 1.015_729_923_361_600_8, 1.397_273_409_101_005_3, 0.241_432_424_687_965_7, -1.138_479_760_668_799, -1.410_906_663_734_785, -0.391_327_874_769_603_57, 1.017_632_991_649_413_6, 1.215_057_620_098_814_1, 0.437_033_396_180_902_5, -0.789_467_685_159_651_9, -1.475_543_265_509_129];

    #[rustfmt::skip]
    const INSTANCE: [f64; 12] = [-0.108_420_874_092_099_86, 0.968_027_898_149_180_6, 1.393_386_718_950_539, 0.301_032_635_457_514_3, -1.166_917_870_088_543_4, -1.376_855_506_441_927_2, -0.487_366_965_174_699_96, 1.046_147_051_894_395_8, 1.275_338_744_180_643_4, 0.408_827_608_292_746_6, -0.906_019_753_775_838_8, -1.347_179_687_351_910_2];
}
