use std::any::Any;
use std::fmt::Debug;
use std::ops::Range;

use chainrule_tensor::ndarray::{ArrayRef2, ArrayView2};
use chainrule_tensor::{Init, Layout, Scalar, Shape};

use crate::fused::{Affine, InPlaceActivation};
use crate::mode::Mode;
use crate::point::{Grad, Point};
use crate::second_order::SecondOrder;
use crate::tape::{Tape, TapeKind};

/// A differentiable map y = f(θ, x) on batches, one example a row.
///
/// A layer is a stateless descriptor: it owns no numbers. It declares its parameters in a [`Layout`] and reads them
/// from the caller's θ. All outputs are the caller's too, so that a training step allocates nothing.
///
/// # Shapes
/// θ and ∂C/∂θ have length `layout().len()`; x and `delta_x` are `(batch, inputs)`; y and `delta` are
/// `(batch, outputs)`; rows are contiguous, one after the other. What a row means is said by
/// [`input_shape`](Self::input_shape) and [`output_shape`](Self::output_shape): positions × features, features last.
///
/// # A layer of your own
/// `input_shape`, `output_shape`, `layout`, `forward` and `backward` are all that a program needs for training; the rest have defaults. The
/// harness [`gradcheck`](crate::gradcheck) checks the derivatives:
///
/// ```
/// use chainrule_layers::{Grad, Layer, Mode, Point, Tape, gradcheck};
/// use chainrule_tensor::ndarray::{ArrayRef2, Axis, Ix1};
/// use chainrule_tensor::{Init, Layout, Param, Shape};
///
/// /// y = x·g, with a gain g for each column.
/// #[derive(Debug)]
/// struct Gain {
///     layout: Layout,
///     gain: Param<Ix1>,
/// }
///
/// impl Layer<f64> for Gain {
///     fn input_shape(&self) -> Shape {
///         Shape::Flat(self.layout.len())
///     }
///
///     fn output_shape(&self) -> Shape {
///         Shape::Flat(self.layout.len())
///     }
///
///     fn layout(&self) -> &Layout {
///         &self.layout
///     }
///
///     fn forward(&self, _: Mode<'_, f64>, theta: &[f64], x: &ArrayRef2<f64>, y: &mut ArrayRef2<f64>, _: &mut Tape<f64>) {
///         // `&*` makes a view the array that `*` takes beside another.
///         y.assign(&(x * &*self.gain.view(theta)));
///     }
///
///     fn backward(
///         &self,
///         at: Point<'_, f64>,
///         delta: &ArrayRef2<f64>,
///         delta_x: Option<&mut ArrayRef2<f64>>,
///         grad: Option<Grad<'_, f64>>,
///         _: &mut Tape<f64>,
///     ) {
///         if let Some(delta_x) = delta_x {
///             delta_x.assign(&(delta * &*self.gain.view(at.theta)));
///         }
///         if let Some(Grad { flat, accum, .. }) = grad {
///             let sums = (at.x * delta).sum_axis(Axis(0));
///             flat.iter_mut().zip(sums).for_each(|(out, sum)| accum.put(out, sum));
///         }
///     }
/// }
///
/// let mut layout = Layout::new();
/// let gain = layout.push("gain", 3, Init::Constant(1.0));
/// let layer = Gain { layout, gain };
/// for case in gradcheck::cases(1) {
///     assert!(gradcheck::check(&layer, &layer, case).within(1e-8, 1e-7));
/// }
/// ```
///
/// # A new layer of the library
/// One file with this trait, [`SecondOrder`] and a [`LayerSpec`](crate::LayerSpec), a `mod` line, and a line in the table
/// of `registry.rs`.
pub trait Layer<A: Scalar>: Any + Debug + Send + Sync {
    /// The shape of a row of x.
    fn input_shape(&self) -> Shape;

    /// The shape of a row of y.
    fn output_shape(&self) -> Shape;

    /// How many numbers a row of x has: the size of its shape.
    fn inputs(&self) -> usize {
        self.input_shape().size()
    }

    /// How many numbers a row of y has: the size of its shape.
    fn outputs(&self) -> usize {
        self.output_shape().size()
    }

    /// Whether y is x under another shape: a container then hands on the same numbers, without a copy.
    fn is_view(&self) -> bool {
        false
    }

    /// Whether the layer's output in training depends on the seed of [`Mode::Train`]. Of a container,
    /// [`is_random`](crate::is_random) asks its layers.
    fn is_random(&self) -> bool {
        false
    }

    /// The names, shapes and initialisers of the parameters.
    fn layout(&self) -> &Layout;

    /// The initialiser that suits the weights directly below this layer, where it has an opinion.
    fn usual_init(&self) -> Option<Init> {
        None
    }

    /// Lets weights for which no initialiser was chosen begin as the layer directly above them likes it best.
    fn suit(&mut self, above: Init) {
        let _ = above;
    }

    /// The names, shapes and first values of what training measures beside θ, such as the running mean of a
    /// normalisation. Optimizers, weight decay, clipping and the Hessian never see these.
    fn statistics(&self) -> &Layout {
        static NONE: Layout = Layout::new();
        &NONE
    }

    /// Writes the statistics of the batch that `forward` saw last in training to `observed`, in the layout of
    /// [`statistics`](Self::statistics).
    ///
    /// A batch that was passed in parts has the mean of its parts' statistics, weighted by their rows.
    fn observe(&self, tape: &Tape<A>, observed: &mut [A]) {
        let _ = (tape, observed);
    }

    /// Folds the statistics of a batch into the running ones, once for each step that was taken.
    fn track(&self, observed: &[A], statistics: &mut [A]) {
        let _ = (observed, statistics);
    }

    /// The fewest rows of a batch that `forward` takes in training: 2 where it divides by a variance over the rows. Of a container,
    /// [`least_rows`](crate::least_rows) asks its layers.
    fn least_rows(&self) -> usize {
        1
    }

    /// Memory beside x and y for at most `batch` rows. Called once, not per step.
    ///
    /// A tape of the kind [`Gradient`](TapeKind::Gradient) may leave out what only [`SecondOrder`] or a [`walk`](crate::walk())
    /// reads, and then says so in its `kind`. The results have the same bits.
    fn tape(&self, kind: TapeKind, batch: usize) -> Tape<A> {
        let _ = (kind, batch);
        Tape::empty()
    }

    /// y ← f(θ, x), saving on `tape` what the derivatives need beside x and y.
    fn forward(
        &self,
        mode: Mode<'_, A>,
        theta: &[A],
        x: &ArrayRef2<A>,
        y: &mut ArrayRef2<A>,
        tape: &mut Tape<A>,
    );

    /// The chain rule. Given δ = ∂C/∂y, puts ∂C/∂θ into `grad` and writes ∂C/∂x to `delta_x`.
    ///
    /// Either is absent where nobody wants it: ∂C/∂x at the bottom of a network, ∂C/∂θ where only the error signals
    /// are of interest. `tape` is the one that `forward` filled at the same point.
    fn backward(
        &self,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_x: Option<&mut ArrayRef2<A>>,
        grad: Option<Grad<'_, A>>,
        tape: &mut Tape<A>,
    );

    /// The second derivatives, where they exist.
    fn second_order(&self) -> Option<&dyn SecondOrder<A>> {
        None
    }

    /// Whether and how it composes other layers, which a [`walk`](crate::walk()) then enters.
    fn structure(&self) -> Structure {
        Structure::Leaf
    }

    /// Calls `visit` with the station of each layer that this one composes, in the order of the forward pass.
    fn each_part<'a>(&'a self, station: &Station<'a, A>, visit: &mut dyn FnMut(Station<'a, A>)) {
        let _ = (station, visit);
    }

    /// This layer as y = x·W + b, if that is what it is.
    fn affine(&self) -> Option<&dyn Affine<A>> {
        None
    }

    /// Whether no pass reads y back, so that in a gradient an activation above may work on it in place.
    fn frees_output(&self) -> bool {
        self.affine().is_some()
    }

    /// This layer as an activation that can work in place, if that is what it is.
    fn in_place(&self) -> Option<&dyn InPlaceActivation<A>> {
        None
    }

    /// Whether, at some row of x, f comes nearer than `radius` to a kink. Smooth layers have none, and a container leaves
    /// the answer to its layers.
    ///
    /// Only the checks ask: a difference quotient across a kink says nothing about a derivative.
    fn near_kink(&self, theta: &[A], x: &ArrayRef2<A>, radius: A) -> bool {
        let _ = (theta, x, radius);
        false
    }

    /// The same inside a network of which only the parameters move: equal numbers in x, as of units that are off or of equal patches of a
    /// picture, stay equal.
    fn near_kink_in_network(&self, theta: &[A], x: &ArrayRef2<A>, radius: A) -> bool {
        self.near_kink(theta, x, radius)
    }
}

impl<A: Scalar> dyn Layer<A> {
    /// This layer as one of type `L`, if it is of that.
    ///
    /// ```
    /// use chainrule_layers::{Dense, Layer, Relu};
    ///
    /// let layer: Box<dyn Layer<f32>> = Box::new(Dense::new(3, 2));
    /// assert!(layer.downcast::<Dense>().is_some() && layer.downcast::<Relu>().is_none());
    /// ```
    pub fn downcast<L: Any>(&self) -> Option<&L> {
        (self as &dyn Any).downcast_ref()
    }
}

/// How a layer is made of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Structure {
    /// It is not.
    Leaf,
    /// Each takes what the one before it gives.
    Chain,
    /// All take x, and what they give is joined number by number, with x itself if it is passed on.
    Joined {
        /// Whether x is one of the numbers.
        passed_on: bool,
    },
    /// All take x, and the features that they give lie side by side.
    SideBySide,
    /// It takes what it has given.
    Repeated,
    /// Between a weight and its transpose.
    Tied,
}

/// A layer met on a walk.
#[derive(Debug, Clone)]
pub struct Station<'a, A: Scalar> {
    /// Where it is in the network: `""` for the network itself, `2` or `2.body.0` inside; the prefix of its parameters' names.
    pub path: String,
    /// The layer; a container is met before its layers.
    pub layer: &'a dyn Layer<A>,
    /// The window of its parameters in the network's θ.
    pub window: Range<usize>,
    /// The window of its statistics among the network's.
    pub statistics: Range<usize>,
    /// What a pass has left there; `None` on a walk over the structure alone.
    pub values: Option<Values<'a, A>>,
}

/// What the passes have left at a layer.
#[derive(Debug, Clone)]
pub struct Values<'a, A: Scalar> {
    /// The layer's input.
    pub x: ArrayView2<'a, A>,
    /// Its output.
    pub y: ArrayView2<'a, A>,
    /// ∂C/∂y, after a backward pass.
    pub delta: Option<ArrayView2<'a, A>>,
    /// The layer's own memory.
    pub tape: &'a Tape<A>,
}

impl<'a, A: Scalar> Station<'a, A> {
    /// The place to enter a network for a walk over its structure.
    pub fn network(layer: &'a dyn Layer<A>) -> Self {
        let (window, statistics) = (0..layer.layout().len(), 0..layer.statistics().len());
        Self { path: String::new(), layer, window, statistics, values: None }
    }

    /// The same with the input and output of a forward pass over `tape`.
    ///
    /// # Panics
    /// If the tape is not a complete one: a gradient's keeps no layer's values apart.
    #[must_use]
    #[track_caller]
    pub fn after_forward(self, x: &'a ArrayRef2<A>, y: &'a ArrayRef2<A>, tape: &'a Tape<A>) -> Self {
        assert_eq!(
            tape.kind,
            TapeKind::Complete,
            "walk: a gradient's tape does not keep each layer's values"
        );
        Self { values: Some(Values { x: x.view(), y: y.view(), delta: None, tape }), ..self }
    }

    /// The same with the error signal of a backward pass over the same tape.
    ///
    /// # Panics
    /// If no forward pass was named before.
    #[must_use]
    #[track_caller]
    pub fn after_backward(mut self, delta: &'a ArrayRef2<A>) -> Self {
        self.values.as_mut().expect("walk: a backward pass needs its forward pass").delta =
            Some(delta.view());
        self
    }

    /// The station of a layer inside this one, with `window` and `statistics` relative to this one's.
    #[must_use]
    pub fn part(
        &self,
        name: &str,
        layer: &'a dyn Layer<A>,
        window: &Range<usize>,
        statistics: &Range<usize>,
        values: Option<Values<'a, A>>,
    ) -> Self {
        let shifted = |range: &Range<usize>, by: usize| range.start + by..range.end + by;
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        let window = shifted(window, self.window.start);
        Self { path, layer, window, statistics: shifted(statistics, self.statistics.start), values }
    }
}
