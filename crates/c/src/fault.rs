//! Why a call from C failed.

use std::path::PathBuf;
use std::str::Utf8Error;

use chainrule::datasets;
use chainrule::model::CheckpointError;
use chainrule::train::tensors::TensorFileError;
use thiserror::Error;

/// The text of such an error is what `chainrule_error` gives.
#[derive(Debug, Error)]
pub(crate) enum Fault {
    #[error("{0} is a null pointer")]
    Null(&'static str),
    #[error("{0} is not aligned as numbers of its type must be")]
    Unaligned(&'static str),
    #[error("the path is no text in UTF-8: {0}")]
    Path(#[from] Utf8Error),
    #[error("{what} has {given} numbers, and {rows} rows of {width} are {needed}")]
    Length { what: &'static str, given: usize, rows: usize, width: usize, needed: usize },
    #[error("{rows} rows of {width} numbers are more than memory can hold")]
    TooMany { rows: usize, width: usize },
    #[error("the model has {classes} class names, and {index} is not below that")]
    NoClass { index: usize, classes: usize },
    #[error(
        "row {0} from 1: the prediction is not finite: the network overflows for this input; check that its columns have the units of the training data"
    )]
    NotFinite(usize),
    #[error(transparent)]
    File(#[from] TensorFileError),
    #[error(transparent)]
    Model(#[from] CheckpointError),
    #[error("{}: no description of the network in it: `chainrule import` makes a model of it", .0.display())]
    NoDescription(PathBuf),
    #[error("{}: {source}", path.display())]
    Transform { path: PathBuf, source: datasets::Error },
    #[error("{}: the name of class {class} has a zero in it", path.display())]
    ClassName { path: PathBuf, class: usize },
    #[error("a fault of the library: {0}")]
    Panic(String),
}
