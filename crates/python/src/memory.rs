//! Whether the memory for a network or a matrix is there, before any of it is taken.

use chainrule::layers::Architecture;
use chainrule::layers::spec::parameters;
use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;

/// Vectors as long as θ while a network is trained: θ, its copy and its best, the gradient, the memory of an optimizer and its copy, and
/// the start of the best ones.
const VECTORS: usize = 12;

/// # Errors
/// A `MemoryError` if the system refuses the memory for training `network` in numbers of `size` bytes.
pub(crate) fn check(network: &Architecture, size: usize) -> PyResult<()> {
    let numbers = parameters(&network.layers, network.input).unwrap_or(usize::MAX);
    check_numbers(numbers, size * VECTORS, "training this network", "make it smaller")
}

/// # Errors
/// A `MemoryError` if the system refuses the memory for `task`: this many numbers, in vectors of `bytes` each.
pub(crate) fn check_numbers(numbers: usize, bytes: usize, task: &str, cure: &str) -> PyResult<()> {
    let is_there = |bytes: usize| Vec::<u8>::new().try_reserve_exact(bytes).is_ok();
    if numbers.checked_mul(bytes).is_some_and(is_there) {
        return Ok(());
    }
    let needed = numbers as f64 * bytes as f64 / 1e9;
    Err(PyMemoryError::new_err(format!("{task} needs {needed:.1} GB of memory, more than there is: {cure}")))
}
