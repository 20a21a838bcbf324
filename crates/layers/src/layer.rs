use std::fmt::{self, Debug};
use std::ops::Range;

use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::{Accum, Layout, Scalar, hash};

use crate::{Affine, SecondOrder, Tape, Units};

/// The point at which a derivative is taken: y = f(θ, x).
///
/// `backward` gets x and y back from whoever ran `forward`; they live in the container anyway, so a dense layer, a
/// sigmoid or a rectifier saves nothing of its own.
#[derive(Debug, Clone, Copy)]
pub struct Point<'a, A> {
    /// The layer's parameters.
    pub theta: &'a [A],
    /// The layer's input, `(batch, inputs)`.
    pub x: &'a ArrayRef2<A>,
    /// The layer's output there, `(batch, outputs)`.
    pub y: &'a ArrayRef2<A>,
}

/// Told, each time a layer is done, from where on ∂C/∂θ is complete, and that part of it.
pub type Watch<'a, A> = dyn Fn(usize, &[A]) + 'a;

/// Where ∂C/∂θ goes: written over the buffer or added to it.
pub struct Grad<'a, A> {
    /// The buffer, in the layout of θ.
    pub flat: &'a mut [A],
    /// What happens to its old contents.
    pub accum: Accum,
    /// Who is told how far it is.
    watch: Option<&'a Watch<'a, A>>,
}

impl<'a, A> Grad<'a, A> {
    /// ∂C/∂θ goes to `flat`, as `accum` says.
    pub fn new(flat: &'a mut [A], accum: Accum) -> Self {
        Self { flat, accum, watch: None }
    }

    /// Tells `watch` of each layer that is done, from the top of the network to its bottom: its part of ∂C/∂θ can be on its
    /// way to other machines while the layers below are at work.
    #[must_use]
    pub fn watched(self, watch: &'a Watch<'a, A>) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// The part that belongs to one layer of a container.
    pub fn window(&mut self, slot: Range<usize>) -> Grad<'_, A> {
        Grad::new(&mut self.flat[slot], self.accum)
    }

    /// From the place `start` on, the gradient is complete.
    pub(crate) fn complete_from(&self, start: usize) {
        if let Some(watch) = self.watch {
            watch(start, &self.flat[start..]);
        }
    }
}

impl<A: Debug> Debug for Grad<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grad").field("flat", &self.flat).field("accum", &self.accum).finish_non_exhaustive()
    }
}

/// What a forward pass is for. An argument, not a state: there is no layer to forget in the wrong mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Training: dropout drops, by a hash of (seed, row, column).
    Train {
        /// The seed of this step.
        seed: u64,
        /// The index in the whole batch of x's first row, so that a shard drops what the whole batch would.
        row: usize,
    },
    /// Prediction: a deterministic function of x.
    Eval,
}

impl Mode {
    /// The mode for stage `place` of a container: each stage drops units by a seed of its own.
    #[must_use]
    pub fn inside(self, place: usize) -> Self {
        match self {
            Mode::Train { seed, row } => Mode::Train { seed: hash(seed, u64::MAX, place as u64), row },
            Mode::Eval => Mode::Eval,
        }
    }
}

/// A differentiable map y = f(θ, x) on batches, one example a row.
///
/// A layer is a stateless descriptor: it owns no numbers. It declares its parameters in a [`Layout`] and reads them
/// from the caller's θ. All outputs are the caller's too, so that a training step allocates nothing.
///
/// # Shapes
/// θ and ∂C/∂θ have length `layout().len()`; x and `delta_x` are `(batch, inputs)`; y and `delta` are
/// `(batch, outputs)`; rows are contiguous.
///
/// # A new layer
/// One file with this trait and [`SecondOrder`], a `mod` and `pub use` line, one line in [`zoo`](crate::zoo). The
/// shared harness [`check`](crate::check) then proves its derivatives.
pub trait Layer<A: Scalar>: Debug + Send + Sync {
    /// The width of x.
    fn inputs(&self) -> usize;

    /// The width of y.
    fn outputs(&self) -> usize;

    /// The names, shapes and initialisers of the parameters.
    fn layout(&self) -> &Layout;

    /// The memory that this layer needs beside x and y, for at most `batch` rows. Called once, not per step.
    fn tape(&self, batch: usize) -> Tape<A> {
        let _ = batch;
        Tape::empty()
    }

    /// The memory for `forward` and `backward` alone: as [`tape`](Self::tape), but without what only [`SecondOrder`] reads, or
    /// whoever looks at each layer's numbers. The passes see by the memory what it is for, and give the same bits.
    fn gradient_tape(&self, batch: usize) -> Tape<A> {
        self.tape(batch)
    }

    /// y ← f(θ, x), saving on `tape` what the derivatives need beside x and y.
    fn forward(&self, mode: Mode, theta: &[A], x: &ArrayRef2<A>, y: &mut ArrayRef2<A>, tape: &mut Tape<A>);

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

    /// The layers that this one composes, bottom first; none for a layer that is no composition.
    ///
    /// Summaries and diagnostics look into a network through this.
    fn stages(&self) -> &[Box<dyn Layer<A>>] {
        &[]
    }

    /// This layer as y = x·W + b, if that is what it is.
    fn affine(&self) -> Option<&dyn Affine<A>> {
        None
    }

    /// This layer as units that can work in place, if that is what it is.
    fn units(&self) -> Option<&dyn Units<A>> {
        None
    }

    /// Whether, at some row of x, f comes nearer than `radius` to a kink. Smooth layers have none.
    ///
    /// Only the checks ask: a difference quotient across a kink says nothing about a derivative.
    fn near_kink(&self, mode: Mode, theta: &[A], x: &ArrayRef2<A>, radius: A) -> bool {
        let _ = (mode, theta, x, radius);
        false
    }
}
