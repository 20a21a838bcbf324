//! How many threads share a prediction or a step.

use std::sync::OnceLock;

use chainrule::layers::Architecture;
use chainrule::tensor::Pool;
use pyo3::prelude::*;

/// Rows from which on a prediction is worth the start of threads, if it multiplies as often as [`PRODUCTS_TO_SHARE`] says.
const ROWS_TO_SHARE: usize = 512;

/// Some milliseconds of one thread. 1,000 rows of MNIST through 100 hidden units, half as many, took as long on two threads as on one.
const PRODUCTS_TO_SHARE: usize = 1 << 27;

/// Some tens of microseconds of one thread, in which a second one that runs already gains less than it waits.
const PRODUCTS_OF_A_STEP: usize = 1 << 21;

/// Runs `work`, a forward pass over `rows` examples by a network of `parameters` parameters, on `threads` threads if that is faster than
/// one.
///
/// The threads end with it: a process that forks, as those of joblib may, has no threads of its parent.
pub(crate) fn shared<T>(threads: usize, rows: usize, parameters: usize, work: impl FnOnce() -> T) -> T {
    let is_worth_it = rows >= ROWS_TO_SHARE && rows.saturating_mul(parameters) >= PRODUCTS_TO_SHARE;
    if threads > 1 && is_worth_it { Pool::new(threads).enter(work) } else { work() }
}

/// How many of `threads` a step is worth, by the products of a perceptron. The result does not depend on it.
pub(crate) fn worth_a_step(threads: usize, batch: usize, network: &Architecture) -> usize {
    let layers =
        |widths: Vec<usize>| widths.windows(2).map(|pair| pair[0].saturating_mul(pair[1])).sum::<usize>();
    let is_small = |widths: Vec<usize>| batch.saturating_mul(layers(widths)) < PRODUCTS_OF_A_STEP;
    if network.widths().is_some_and(is_small) { 1 } else { threads.max(1) }
}

/// The processors that this process may use, as of the first call.
#[pyfunction]
pub(crate) fn available_threads() -> usize {
    static THREADS: OnceLock<usize> = OnceLock::new();
    *THREADS.get_or_init(chainrule::tensor::available_threads)
}
