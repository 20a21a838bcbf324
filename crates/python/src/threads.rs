//! How many threads share a prediction.

use std::sync::OnceLock;

use chainrule::tensor::Pool;
use pyo3::prelude::*;

/// Rows from which on a prediction is worth the start of threads.
const ROWS_TO_SHARE: usize = 512;

/// `work` on so many rows, whose products `threads` threads share if it is worth it.
///
/// The threads end with it: a process that forks, as those of joblib may, has no threads of its parent.
pub(crate) fn shared<T>(threads: usize, rows: usize, work: impl FnOnce() -> T) -> T {
    if threads > 1 && rows >= ROWS_TO_SHARE { Pool::new(threads).enter(work) } else { work() }
}

/// The processors that this process may use, as of the first call.
#[pyfunction]
pub(crate) fn available_threads() -> usize {
    static THREADS: OnceLock<usize> = OnceLock::new();
    *THREADS.get_or_init(chainrule::tensor::available_threads)
}
