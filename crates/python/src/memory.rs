//! Whether the memory for a network is there, before any of it is taken.

use chainrule::layers::Architecture;
use chainrule::layers::spec::parameters;
use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;

/// Vectors as long as θ while a network is trained: θ, its copy and its best, the gradient, the memory of an optimizer and its copy, and
/// the start of the best ones.
const VECTORS: usize = 12;

/// # Errors
/// A `MemoryError` if the system would not give the memory for training `network` in numbers of `size` bytes.
pub(crate) fn check(network: &Architecture, size: usize) -> PyResult<()> {
    let numbers = parameters(&network.layers, network.input);
    let bytes = numbers.and_then(|numbers| numbers.checked_mul(size * VECTORS));
    let is_there = |bytes: usize| Vec::<u8>::new().try_reserve_exact(bytes).is_ok();
    if bytes.is_some_and(is_there) {
        return Ok(());
    }
    let needed = numbers.map_or(f64::INFINITY, |numbers| numbers as f64 * (size * VECTORS) as f64 / 1e9);
    Err(PyMemoryError::new_err(format!(
        "training this network needs {needed:.1} GB of memory, more than there is: make it smaller"
    )))
}
