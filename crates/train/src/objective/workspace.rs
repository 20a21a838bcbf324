use chainrule_layers::{Layer, Tape, TapeKind};
use chainrule_tensor::ndarray::Array2;
use chainrule_tensor::{Scalar, rows};

/// The memory of one thread for one model: what lies between forward and backward.
///
/// Made once for the largest batch; the training loop then allocates nothing.
#[derive(Debug)]
pub struct Workspace<A> {
    /// The model's output.
    pub(crate) y: Array2<A>,
    /// δ = ∂C/∂y.
    pub(crate) delta: Array2<A>,
    /// What the layers save.
    pub(crate) tape: Tape<A>,
    /// The statistics of a shard.
    pub(crate) observed: Vec<A>,
    /// Whether the tape is all that second derivatives read.
    is_complete: bool,
    /// R{·} of the three, made at the first Hessian product.
    pub(crate) tangent: Option<Box<Workspace<A>>>,
}

impl<A: Scalar> Workspace<A> {
    /// The memory `model` needs for batches of at most `rows` rows: for values and gradients, until a curvature product asks
    /// for more.
    pub fn new(model: &dyn Layer<A>, rows: usize) -> Self {
        Self::with(model, rows, model.tape(TapeKind::Gradient, rows), false)
    }

    /// Memory that keeps all of a pass for curvature products at the same θ.
    pub(crate) fn complete(model: &dyn Layer<A>, rows: usize) -> Self {
        Self::with(model, rows, model.tape(TapeKind::Complete, rows), true)
    }

    fn with(model: &dyn Layer<A>, batch: usize, tape: Tape<A>, is_complete: bool) -> Self {
        let output = || rows::zeros(batch, model.outputs());
        let observed = vec![A::zero(); model.statistics().len()];
        Self { y: output(), delta: output(), tape, observed, is_complete, tangent: None }
    }

    /// The largest batch that fits.
    pub fn rows(&self) -> usize {
        self.y.nrows()
    }

    /// Makes it keep all of the passes to come, if it does not yet.
    pub(crate) fn ensure_complete(&mut self, model: &dyn Layer<A>) {
        if !self.is_complete {
            // What a pass has observed is still to be read.
            let observed = std::mem::take(&mut self.observed);
            *self = Self { observed, ..Self::complete(model, self.rows()) };
        }
    }

    /// Makes the memory for Hessian products, if it is not there yet.
    pub(crate) fn ensure_tangent(&mut self, model: &dyn Layer<A>) {
        let rows = self.rows();
        self.tangent.get_or_insert_with(|| Box::new(Self::complete(model, rows)));
    }
}
