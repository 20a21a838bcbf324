//! Parameters as a file of NumPy arrays.

use std::path::Path;

use chainrule_datasets::npz;
use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::{Array1, ArrayD, IxDyn};

use crate::checkpoint::{Checkpoint, CheckpointError, Stored};

impl<A: Scalar> Checkpoint<A> {
    /// Writes the parameters as NumPy's `.npz`, under the names and in the shapes of the checkpoint: a weight W is
    /// `(outputs, inputs)`, so that a layer is `x @ W.T + b`. The input transform, if there is one, is two vectors more:
    /// `(x - transform.shift) * transform.scale`.
    ///
    /// # Errors
    /// If the folder cannot be written to.
    ///
    /// # Panics
    /// If θ is not as long as the architecture says, or the transform is for another number of inputs.
    #[track_caller]
    pub fn save_npz(&self, path: &Path) -> Result<(), CheckpointError> {
        let card = &self.card;
        let mut arrays: Vec<(String, ArrayD<A>)> = Vec::new();
        for Stored { name, shape, values, .. } in self.arrays() {
            let values = ArrayD::from_shape_vec(IxDyn(&shape), values);
            arrays.push((name, values.expect("a parameter has the size of its shape")));
        }
        if !card.transform.is_identity() {
            let (shift, scale) = card.transform.folded::<A>(card.architecture.inputs());
            for (name, values) in [("shift", shift), ("scale", scale)] {
                arrays.push((format!("transform.{name}"), Array1::from(values).into_dyn()));
            }
        }
        npz::write(path, &arrays)?;
        Ok(())
    }
}
