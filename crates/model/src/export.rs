//! Parameters as files for other programs: NumPy arrays, and state dicts.

use std::collections::HashMap;
use std::path::Path;

use chainrule_datasets::{npz, write_atomic};
use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::{Array1, ArrayD, IxDyn};
use chainrule_train::tensors::{Float, TensorBytes, to_bytes};

use crate::checkpoint::{Checkpoint, Stored};
use crate::checkpoint_error::CheckpointError;

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

    /// Writes parameters and statistics as a state dict of PyTorch's in safetensors, without the description of the network. Numbers are
    /// rounded to the nearest of the type `float`, of two to the even one; counts stay whole numbers.
    ///
    /// # Errors
    /// If a number is too large for the type, or the folder cannot be written to.
    ///
    /// # Panics
    /// If θ is not as long as the architecture says.
    #[track_caller]
    pub fn save_state_dict(&self, path: &Path, float: Float) -> Result<(), CheckpointError> {
        let encode = |Stored { name, shape, values, is_whole }: Stored<A>| {
            if is_whole {
                return Ok(TensorBytes::whole(name, shape, &values));
            }
            TensorBytes::rounded(name.clone(), shape, &values, float).map_err(|value| {
                CheckpointError::Overflow {
                    path: path.to_owned(),
                    name,
                    value,
                    float,
                    largest: float.largest(),
                }
            })
        };
        let arrays = self.arrays().into_iter().map(encode).collect::<Result<Vec<_>, _>>()?;
        let bytes = to_bytes(&arrays, HashMap::new());
        write_atomic(path, |file| file.write_all(&bytes))?;
        Ok(())
    }
}
