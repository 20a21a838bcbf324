use std::fmt;
use std::marker::PhantomData;

use chainrule_tensor::conv::{Convolution, Onto};
use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::rows::{in_one_piece, in_one_piece_mut};
use chainrule_tensor::{Accum, Init, Layout, Scalar, Shape};

use crate::filters::{Direction, FilterSpec, Filters};
use crate::fused::{Affine, InPlaceActivation};
use crate::layer::Layer;
use crate::mode::Mode;
use crate::point::{Grad, Point};
use crate::second_order::{Dual, SecondOrder, Tangent};
use crate::spec::{LayerSpec, SpecError};
use crate::tape::Tape;
use crate::window::{Extent, Padding};

/// A layer of filters that slide over the pixels of an image or the steps of a sequence, in the direction of S: a
/// [convolution](crate::Conv) or a [transposed convolution](crate::ConvTranspose).
#[derive(Clone)]
pub struct Filtered<S> {
    input: Shape,
    spec: FilterSpec,
    filters: Result<Filters, SpecError>,
    /// How the weights begin, if somebody chose it.
    init: Option<Init>,
    kind: PhantomData<S>,
}

/// The description of a [`Filtered`] layer.
pub trait FilteredSpec: LayerSpec + From<FilterSpec> + Send + Sync + 'static {
    /// The layer's name in Rust.
    const NAME: &'static str;
    /// Which way it goes through its convolution.
    #[doc(hidden)]
    const DIRECTION: Direction;

    /// The convolution for an input.
    ///
    /// # Errors
    /// If the filters do not take that input.
    fn convolution(&self, input: Shape) -> Result<Convolution, SpecError>;
}

impl<S: FilteredSpec> Filtered<S> {
    /// A layer with `outputs` features and a kernel of this size; stride, dilation and groups are 1, and there is no padding. Weights
    /// begin as suits the layer above, biases at zero.
    pub fn new(input: impl Into<Shape>, outputs: usize, kernel: impl Into<Extent>) -> Self {
        Self::of_spec(input.into(), FilterSpec::new(outputs, kernel), None)
    }

    pub(crate) fn of_spec(input: Shape, spec: FilterSpec, init: Option<Init>) -> Self {
        let convolution = S::from(spec).convolution(input);
        let begin = init.unwrap_or(Init::GlorotUniform);
        let filters = convolution.map(|convolution| spec.filters(convolution, S::DIRECTION, input, begin));
        Self { input, spec, filters, init, kind: PhantomData }
    }

    /// The layer without its input.
    pub(crate) fn spec(&self) -> S {
        self.spec.into()
    }

    pub(crate) fn with(self, change: impl FnOnce(&mut FilterSpec)) -> Self {
        let mut spec = self.spec;
        change(&mut spec);
        Self::of_spec(self.input, spec, self.init)
    }

    /// With this stride.
    #[must_use]
    pub fn stride(self, stride: impl Into<Extent>) -> Self {
        self.with(|spec| spec.stride = stride.into())
    }

    /// With this padding: a number, one for each axis, or [`Padding::SAME`].
    #[must_use]
    pub fn padding(self, padding: impl Into<Padding>) -> Self {
        self.with(|spec| spec.padding = padding.into())
    }

    /// With this dilation.
    #[must_use]
    pub fn dilation(self, dilation: impl Into<Extent>) -> Self {
        self.with(|spec| spec.dilation = dilation.into())
    }

    /// With the channels in groups, each of which has filters of its own.
    #[must_use]
    pub fn groups(self, groups: usize) -> Self {
        self.with(|spec| spec.groups = groups)
    }

    /// Without b, which a normalisation above would take away again.
    #[must_use]
    pub fn without_bias(self) -> Self {
        self.with(|spec| spec.bias = false)
    }

    /// With weights that begin as `init` says.
    #[must_use]
    pub fn begin(self, init: Init) -> Self {
        Self::of_spec(self.input, self.spec, Some(init))
    }

    /// # Panics
    /// If the filters do not take the input: `then` asks first.
    fn filters(&self) -> &Filters {
        let fault = |error: &SpecError| -> ! { panic!("{} on {}: {}", S::NAME, self.input, error.fault) };
        self.filters.as_ref().unwrap_or_else(|error| fault(error))
    }

    /// ∂C/∂θ, where it is wanted.
    fn gradient<A: Scalar>(&self, x: &ArrayRef2<A>, delta: &ArrayRef2<A>, grad: Option<Grad<'_, A>>) {
        if let Some(Grad { flat, accum, .. }) = grad {
            let (x, delta) = (in_one_piece(x), in_one_piece(delta));
            self.filters().weight_gradient(x, delta, flat, accum);
            self.filters().bias_gradient(delta, flat, accum);
        }
    }
}

impl<A: Scalar, S: FilteredSpec> Layer<A> for Filtered<S> {
    fn input_shape(&self) -> Shape {
        self.filters();
        self.input
    }

    fn output_shape(&self) -> Shape {
        self.filters();
        self.spec().output(self.input).expect("looked at when it was made")
    }

    fn layout(&self) -> &Layout {
        &self.filters().layout
    }

    fn suit(&mut self, above: Init) {
        if self.init.is_none() {
            *self = Self { init: None, ..Self::of_spec(self.input, self.spec, Some(above)) };
        }
    }

    fn forward(&self, _: Mode<'_, A>, theta: &[A], x: &ArrayRef2<A>, y: &mut ArrayRef2<A>, _: &mut Tape<A>) {
        let (filters, x) = (self.filters(), in_one_piece(x));
        filters.forward(x, theta, filters.bias(theta), in_one_piece_mut(y), None); //      y = x ∗ W + b
    }

    fn backward(
        &self,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_x: Option<&mut ArrayRef2<A>>,
        grad: Option<Grad<'_, A>>,
        _: &mut Tape<A>,
    ) {
        self.gradient(at.x, delta, grad);
        if let Some(delta_x) = delta_x {
            let (delta, out) = (in_one_piece(delta), in_one_piece_mut(delta_x));
            self.filters().backward(delta, at.theta, Onto::Nothing, out, None); //          ∂C/∂x = δ·Wᵀ, window by window
        }
    }

    fn second_order(&self) -> Option<&dyn SecondOrder<A>> {
        Some(self)
    }

    fn affine(&self) -> Option<&dyn Affine<A>> {
        Some(self)
    }
}

impl<A: Scalar, S: FilteredSpec> Affine<A> for Filtered<S> {
    /// Two at least: even at a lone position, the padding and the groups keep a weight from moving one unit by one input.
    fn positions(&self) -> usize {
        Layer::<A>::output_shape(self).positions().max(2)
    }

    fn forward_into(
        &self,
        phi: &dyn InPlaceActivation<A>,
        theta: &[A],
        x: &ArrayRef2<A>,
        y: &mut ArrayRef2<A>,
    ) {
        let (filters, x) = (self.filters(), in_one_piece(x));
        let phi = |_: usize, z: &mut [A]| phi.apply(z);
        filters.forward(x, theta, filters.bias(theta), in_one_piece_mut(y), Some(&phi)); // y = φ(x ∗ W + b)
    }

    fn backward_through(
        &self,
        phi: &dyn InPlaceActivation<A>,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_z: &mut ArrayRef2<A>,
        grad: Option<Grad<'_, A>>,
    ) {
        self.gradient(at.x, delta, grad);
        let (x, delta, out) = (in_one_piece(at.x), in_one_piece(delta), in_one_piece_mut(delta_z));
        let slope = |place: usize, part: &mut [A]| phi.apply_slope(&x[place..place + part.len()], part);
        self.filters().backward(delta, at.theta, Onto::Nothing, out, Some(&slope)); //     ∂C/∂z = ∂C/∂x ⊙ φ'(z)
    }
}

impl<A: Scalar, S: FilteredSpec> SecondOrder<A> for Filtered<S> {
    fn r_forward(
        &self,
        at: Point<'_, A>,
        v: &[A],
        r_x: Option<&ArrayRef2<A>>,
        r_y: &mut ArrayRef2<A>,
        _: Dual<&mut Tape<A>>,
    ) {
        let (filters, r_y) = (self.filters(), in_one_piece_mut(r_y));
        filters.forward(in_one_piece(at.x), v, filters.bias(v), r_y, None); //              R{y} = x ∗ V + v_b
        if let Some(r_x) = r_x {
            filters.forward(in_one_piece(r_x), at.theta, Onto::Itself, r_y, None); //            + R{x} ∗ W
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
        let (filters, x) = (self.filters(), in_one_piece(at.x));
        let (delta, r_delta) = (in_one_piece(delta.value), in_one_piece(delta.tangent));
        filters.weight_gradient(x, r_delta, r_grad, Accum::Add); //                 R{∂C/∂W} = x ⋆ R{δ}
        if let Some(r_x) = along.r_x {
            filters.weight_gradient(in_one_piece(r_x), delta, r_grad, Accum::Add); //        + R{x} ⋆ δ
        }
        filters.bias_gradient(r_delta, r_grad, Accum::Add); //                      R{∂C/∂b} = Σ R{δ}
        if let Some(out) = r_delta_x.map(in_one_piece_mut) {
            filters.backward(r_delta, at.theta, Onto::Nothing, out, None); //       R{∂C/∂x} = R{δ} back through W
            filters.backward(delta, along.v, Onto::Itself, out, None); //                    + δ back through V
        }
    }
}

impl<S: FilteredSpec> fmt::Debug for Filtered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({} on {})", S::NAME, self.spec().to_words(), self.input)
    }
}
