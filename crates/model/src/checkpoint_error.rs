//! Why a model file could not be read or written.

use std::path::PathBuf;

use chainrule_train::tensors::{Float, TensorFileError};
use thiserror::Error;

use crate::parameter_map::ParameterMapError;

/// The version of the format that this program writes. Files without a version are of version 1.
pub(crate) const VERSION: u32 = 5;

/// Why a checkpoint could not be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file cannot be read, or is no safetensors file.
    #[error(transparent)]
    File(#[from] TensorFileError),
    /// The file could not be put in place.
    #[error(transparent)]
    Write(#[from] chainrule_datasets::Error),
    /// A file of another program, with no description of the network in it.
    #[error(
        "{}: no description of the network in it: name it with --layers{} and --activation",
        path.display(),
        widths.as_deref().map(told).unwrap_or_default()
    )]
    NoCard {
        /// The file.
        path: PathBuf,
        /// The widths of a perceptron with such parameters, if their shapes tell.
        widths: Option<Vec<usize>>,
    },
    /// A file of a network with layers that are not of the library.
    #[error("{}: it has layers that only its own program can build: load it with Model::load_into", path.display())]
    OwnLayers {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a later version of the program.
    #[error(
        "{}: a checkpoint of format version {version}, and this program reads versions up to {VERSION}: update chainrule",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format version.
        version: u32,
    },
    /// The model does not fit into the format.
    #[error("{}: {bytes} bytes, and an ONNX file ends at 2 GiB: export to safetensors or npz", path.display())]
    TooLong {
        /// The file that was to be written.
        path: PathBuf,
        /// How long it would be.
        bytes: usize,
    },
    /// The parameters are not those of the network.
    #[error("{}: {fault}: this is a checkpoint of another architecture", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        fault: String,
    },
    /// The names of another program's file do not tell which layer comes first.
    #[error("{}: {fault}", path.display())]
    Ambiguous {
        /// The file.
        path: PathBuf,
        /// The arrays, and what to call them.
        fault: String,
    },
    /// The map of parameters does not fit.
    #[error(transparent)]
    Map(#[from] ParameterMapError),
    /// A map of parameters for a file that has the network's names.
    #[error("{}: its parameters have the names of the network: omit --map", path.display())]
    OwnNames {
        /// The file.
        path: PathBuf,
    },
    /// A number is too large for the type that was asked for.
    #[error("{}: {name:?} holds {value:e}, and numbers of the type {float} end at {largest:e}: choose f32", path.display())]
    Overflow {
        /// The file that was to be written.
        path: PathBuf,
        /// The parameter.
        name: String,
        /// The number.
        value: f64,
        /// The type.
        float: Float,
        /// The largest number of the type.
        largest: f64,
    },
}

/// The widths as a command line has them.
fn told(widths: &[usize]) -> String {
    const SHOWN: usize = 20;
    let shown: Vec<String> = widths.iter().take(SHOWN).map(ToString::to_string).collect();
    format!(" {}{} (by the shapes)", shown.join("-"), if widths.len() > SHOWN { "-…" } else { "" })
}
