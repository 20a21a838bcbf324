use std::fmt::{self, Debug};
use std::ops::Range;

use chainrule_tensor::Accum;
use chainrule_tensor::ndarray::ArrayRef2;

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

/// Called after each layer's backward pass with the start and the finished suffix of the gradient.
pub type GradObserver<'a, A> = dyn Fn(usize, &[A]) + 'a;

/// Where ∂C/∂θ goes: written over the buffer or added to it.
pub struct Grad<'a, A> {
    /// The buffer, in the layout of θ.
    pub flat: &'a mut [A],
    /// What happens to its old contents.
    pub accum: Accum,
    /// Who follows its progress.
    observer: Option<&'a GradObserver<'a, A>>,
}

impl<'a, A> Grad<'a, A> {
    /// ∂C/∂θ goes to `flat`, as `accum` says.
    pub fn new(flat: &'a mut [A], accum: Accum) -> Self {
        Self { flat, accum, observer: None }
    }

    /// Calls `observer` as each layer finishes, from the top of the network to its bottom: the finished part of ∂C/∂θ can
    /// be on its way to other machines while the layers below are at work.
    #[must_use]
    pub fn observed(self, observer: &'a GradObserver<'a, A>) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// The part that belongs to one layer of a container.
    pub fn window(&mut self, slot: Range<usize>) -> Grad<'_, A> {
        Grad::new(&mut self.flat[slot], self.accum)
    }

    /// The gradient is complete from `start` on.
    pub(crate) fn complete_from(&self, start: usize) {
        if let Some(observer) = self.observer {
            observer(start, &self.flat[start..]);
        }
    }
}

impl<A: Debug> Debug for Grad<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grad").field("flat", &self.flat).field("accum", &self.accum).finish_non_exhaustive()
    }
}
