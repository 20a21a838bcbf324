//! Ctrl-C and the callback of an epoch, which take the interpreter's lock for a moment.

use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// The time between two looks for Ctrl-C: shorter steps would wait for the interpreter's lock more than they compute.
const BETWEEN: Duration = Duration::from_millis(50);

/// What Python has to say to a run.
pub(crate) struct Signals {
    on_epoch: Option<Py<PyAny>>,
    looked: Instant,
    error: Option<PyErr>,
}

impl Signals {
    /// With a function that is called after each epoch; what is true of its result ends the run.
    pub(crate) fn new(on_epoch: Option<Py<PyAny>>) -> Self {
        Self { on_epoch, looked: Instant::now(), error: None }
    }

    /// Whether a signal handler has raised an exception, as that of Ctrl-C does.
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the method is for one lifetime")]
    pub(crate) fn interrupted(&mut self) -> bool {
        if self.looked.elapsed() < BETWEEN {
            return false;
        }
        self.looked = Instant::now();
        Python::attach(|py| py.check_signals()).is_err_and(|error| {
            self.error = Some(error);
            true
        })
    }

    /// Whether the callback ends the run after this epoch.
    pub(crate) fn ends(&mut self, epoch: usize, loss: f64, score: Option<f64>) -> bool {
        let Some(on_epoch) = &self.on_epoch else { return false };
        let asked = Python::attach(|py| on_epoch.call1(py, (epoch, loss, score))?.is_truthy(py));
        asked.unwrap_or_else(|error| {
            self.error = Some(error);
            true
        })
    }

    /// The exception that ended the run, if one did.
    pub(crate) fn into_result(self) -> PyResult<()> {
        self.error.map_or(Ok(()), Err)
    }
}
