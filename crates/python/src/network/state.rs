//! Parameters and statistics by name, in the shapes and order of files.

use chainrule::model::Model;
use chainrule::ndarray::{ArrayD, IxDyn};
use chainrule::tensor::{Entry, Scalar};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Parameters and statistics as files hold them.
pub(super) fn stored<A: Scalar>(model: &Model<A>) -> Vec<(String, ArrayD<A>)> {
    let weights = model.weights();
    let layouts =
        [(model.network().layout(), weights.theta), (model.network().statistics(), weights.statistics)];
    let array = |entry: &Entry, flat: &[A]| {
        let numbers = entry.storage.to_file(&flat[entry.range()]);
        let array = ArrayD::from_shape_vec(IxDyn(entry.storage.shape()), numbers);
        (entry.name.clone(), array.expect("a parameter has the size of its shape"))
    };
    layouts
        .into_iter()
        .flat_map(|(layout, flat)| layout.entries().iter().map(move |entry| array(entry, flat)))
        .collect()
}

/// The flat vector of these entries from the arrays of a state dict.
pub(super) fn decoded<A: Scalar>(entries: &[Entry], arrays: &[(String, ArrayD<f64>)]) -> PyResult<Vec<A>> {
    let mut flat = Vec::new();
    for entry in entries {
        let found = arrays.iter().find(|(name, _)| *name == entry.name);
        let Some((name, array)) = found else {
            return Err(PyValueError::new_err(format!("the state has no parameter {:?}", entry.name)));
        };
        let (shape, wanted) = (array.shape(), entry.storage.shape());
        if shape != wanted {
            return Err(PyValueError::new_err(format!(
                "{name:?} has shape {shape:?}, the network's has {wanted:?}"
            )));
        }
        let numbers: Vec<A> = array.iter().map(|&x| A::of(x)).collect();
        flat.extend(entry.storage.from_file(&numbers));
    }
    Ok(flat)
}
