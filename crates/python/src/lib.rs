//! `chainrule._chainrule`: what the Python package needs of the library, for numpy arrays.
//!
//! | file | contents |
//! |---|---|
//! | `learner` | the engine of the estimators: scikit-learn's settings and stopping rules on the training loop |
//! | `network` | a model with its training, files and state dict |
//! | `objective` | the loss as a function of θ, with its first and second derivatives |
//! | `arrays` | numpy arrays as matrices |
//! | `scale` | mean and deviation of columns |
//! | `faults` | errors as Python's exceptions, work without the interpreter's lock |
//! | `memory` | whether a network fits into memory |
//! | `threads` | how many threads share a prediction |
//! | `signals` | Ctrl-C and the callback of an epoch |
//!
//! Validation of input and everything that scikit-learn defines is in Python; arithmetic is here.
#![deny(unsafe_code)]
#![warn(missing_docs, clippy::pedantic)]
// As in the workspace; and functions of Python own what they are given.
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::doc_markdown,
    clippy::float_cmp,
    clippy::inline_always,
    clippy::needless_pass_by_value,
    clippy::similar_names,
    clippy::too_many_arguments
)]

mod arrays;
mod faults;
mod learner;
mod memory;
mod network;
mod objective;
mod scale;
mod signals;
mod threads;

use pyo3::prelude::*;

/// The extension module.
#[pymodule]
fn _chainrule(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<learner::Learner>()?;
    module.add_class::<network::Network>()?;
    module.add_class::<objective::Objective>()?;
    module.add_function(wrap_pyfunction!(threads::available_threads, module)?)?;
    Ok(())
}
