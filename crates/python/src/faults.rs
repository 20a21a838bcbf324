//! Errors as Python's exceptions, and work without the interpreter's lock.

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};

use chainrule::model::{CheckpointError, FitError};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

/// What messages call a setting of the program or of the library, and its name in Python.
const NAMES: [(&str, &str); 2] =
    [("--dtype f64", "dtype=\"float64\""), ("omit --augment", "leave out augment")];

/// What is wrong with settings that came as JSON, without the place in a text that nobody has seen.
pub(crate) fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.as_str(), |(fault, _)| fault).to_owned()
}

/// A `ValueError` with the error and its causes.
pub(crate) fn value_error(error: impl Error) -> PyErr {
    PyValueError::new_err(told(&error))
}

/// The same for a training that failed, with a cure in Python.
pub(crate) fn fit_error(error: FitError) -> PyErr {
    PyValueError::new_err(match error {
        FitError::Inputs { takes, given } => {
            format!(
                "the network takes {takes} numbers, and an example has {given}: set input_shape to {given}"
            )
        }
        FitError::Outputs { gives, wanted } => {
            format!(
                "the network has {gives} outputs, and the targets need {wanted}: end it with `dense {wanted}`"
            )
        }
        FitError::LossOfClasses => "the loss is one of classes, and the targets are numbers: \
             give integers or words as y, or take loss=\"squared-error\""
            .to_owned(),
        FitError::LossOfLabels => "the targets are labels, any number of which may hold: \
             take loss=\"binary-cross-entropy\""
            .to_owned(),
        FitError::Resolution(_) => {
            "the targets lie too close together for single precision, beside their size: \
             take dtype=\"float64\", or subtract their mean"
                .to_owned()
        }
        error => told(&error),
    })
}

/// The same for a file that is no model.
pub(crate) fn file_error(error: CheckpointError) -> PyErr {
    PyValueError::new_err(match error {
        CheckpointError::NoCard { path, .. } => format!(
            "{}: no description of the network in it: make a Model with its layers, and give load_state_dict its arrays",
            path.display()
        ),
        CheckpointError::OwnLayers { path } => {
            format!("{}: it has layers that only the program that made them can build", path.display())
        }
        error => told(&error),
    })
}

/// The error and its causes in one line.
pub(crate) fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    NAMES.iter().fold(text, |text, (there, here)| text.replace(there, here))
}

/// Runs `work` without the interpreter's lock. A panic, which is a fault of the library, becomes a `RuntimeError`.
pub(crate) fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> PyResult<T> {
    py.detach(|| catch_unwind(AssertUnwindSafe(work))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        PyRuntimeError::new_err(format!("a fault of chainrule, please report it: {text}"))
    })
}
