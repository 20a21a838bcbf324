use chainrule_layers::{Layer, Tape};
use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::Array2;

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
    /// R{·} of the three, made at the first Hessian product.
    pub(crate) tangent: Option<Box<Workspace<A>>>,
}

impl<A: Scalar> Workspace<A> {
    /// The memory `model` needs for batches of at most `rows` rows.
    pub fn new(model: &dyn Layer<A>, rows: usize) -> Self {
        let output = || Array2::zeros((rows, model.outputs()));
        Self { y: output(), delta: output(), tape: model.tape(rows), tangent: None }
    }

    /// The largest batch that fits.
    pub fn rows(&self) -> usize {
        self.y.nrows()
    }

    /// Makes the memory for Hessian products, if it is not there yet.
    pub(crate) fn ensure_tangent(&mut self, model: &dyn Layer<A>) {
        let rows = self.rows();
        self.tangent.get_or_insert_with(|| Box::new(Self::new(model, rows)));
    }
}
