use std::path::PathBuf;

use chainrule_datasets::unreadable;
use thiserror::Error;

/// Why a graph of ONNX could not be taken as a network.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A file could not be read.
    #[error("{}: {}", path.display(), unreadable(path, source, ""))]
    Io {
        /// The file: the model, or one with its numbers.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The bytes are no ONNX model, or a corrupted one.
    #[error("not a readable ONNX model ({fault}): it is corrupted or of another format")]
    Format {
        /// What is wrong with it.
        fault: String,
    },
    /// An operator that no layer stands for.
    #[error("node {node}: no layer here computes the operator {operator} (opset {opset})")]
    Operator {
        /// The node, quoted.
        node: String,
        /// The operator, with its domain where that is not ONNX's own.
        operator: String,
        /// The version of the operator set that the model asks for.
        opset: i64,
    },
    /// A known operator in a form that no layer stands for.
    #[error("node {node}, {operator} (opset {opset}): {fault}")]
    Form {
        /// The node, quoted.
        node: String,
        /// The operator.
        operator: String,
        /// The version of the operator set that the model asks for.
        opset: i64,
        /// What no layer does, or what is wrong with it.
        fault: String,
    },
    /// A node takes a value that no node before it gives: the graph has a cycle, is not sorted, or is cut off.
    #[error(
        "node {node} takes {value}, which no node before it gives: the graph has a cycle, is not sorted or is incomplete"
    )]
    Order {
        /// The node, quoted.
        node: String,
        /// The value, quoted.
        value: String,
    },
    /// An array that lies in another file, which is not in the model's folder.
    #[error("the array {array} lies in the file {location}: {fault}")]
    External {
        /// The array, quoted.
        array: String,
        /// The file, quoted.
        location: String,
        /// Why it is not read.
        fault: String,
    },
    /// An array whose numbers are missing, or of a type that is not read.
    #[error("the array {array}: {fault}")]
    Array {
        /// The array, quoted.
        array: String,
        /// What is wrong with it.
        fault: String,
    },
    /// The inputs or the outputs of the graph are not those of a network.
    #[error("{fault}")]
    Ends {
        /// What is wrong with them.
        fault: String,
    },
    /// The graph is larger than its file justifies, or than a network may be.
    #[error("{fault}: it is not read, so that a small file cannot take much memory")]
    Size {
        /// What there is too much of.
        fault: String,
    },
    /// The layers do not fit each other.
    #[error("the network of its operators cannot be built: {0}")]
    Network(#[from] chainrule_layers::SpecError),
}

impl ImportError {
    pub(super) fn format(fault: impl Into<String>) -> Self {
        Self::Format { fault: fault.into() }
    }

    pub(super) fn ends(fault: impl Into<String>) -> Self {
        Self::Ends { fault: fault.into() }
    }

    pub(super) fn size(fault: impl Into<String>) -> Self {
        Self::Size { fault: fault.into() }
    }
}

/// A name of a file, which may be of any length and have any characters, as a message shows it.
pub(super) fn quoted(name: &str) -> String {
    const LONGEST: usize = 60;
    let end = name.char_indices().nth(LONGEST).map_or(name.len(), |(end, _)| end);
    format!("{:?}{}", &name[..end], if end < name.len() { "…" } else { "" })
}
