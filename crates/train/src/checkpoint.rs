use std::collections::HashMap;
use std::path::{Path, PathBuf};

use chainrule_datasets::{Input, Pipeline, write_atomic};
use chainrule_tensor::ndarray::ArrayView2;
use chainrule_tensor::{Entry, Layout, Scalar};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Architecture;

/// A trained model as a file: safetensors, named and laid out as PyTorch's `nn.Sequential` does it.
///
/// A matrix W of shape `(inputs, outputs)` is stored transposed, as `0.weight` of shape `(outputs, inputs)`; activations
/// count as places. So `load_state_dict` takes these files, and [`Checkpoint::load_as`] takes PyTorch's. All else that a
/// prediction needs is JSON under the key `chainrule` of the metadata.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint<A> {
    /// What the numbers mean.
    pub card: Card,
    /// The parameters, flat.
    pub theta: Vec<A>,
}

/// The metadata of a [`Checkpoint`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The network.
    pub architecture: Architecture,
    /// What turns the network's output into a prediction.
    pub output: Output,
    /// The loss it was trained on, by its command-line name.
    #[serde(default)]
    pub loss: Option<String>,
    /// What the input is besides numbers, where the data say so.
    #[serde(default)]
    pub input: Option<Input>,
    /// What the input goes through before the first layer.
    #[serde(default)]
    pub transform: Pipeline,
    /// The names of the classes; empty for regression.
    #[serde(default)]
    pub classes: Vec<String>,
    /// The data it was trained on, by name.
    #[serde(default)]
    pub data: Option<String>,
    /// The seed it was trained with.
    #[serde(default)]
    pub seed: Option<u64>,
}

/// What turns the topmost layer's output into a prediction. The function belongs here, and not to a numbered place,
/// where the loss is fused with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Output {
    /// The layer's output as it is.
    Identity,
    /// A sigmoid of each number.
    Sigmoid,
    /// A softmax of each row.
    Softmax,
}

/// Why a checkpoint could not be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file system said no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// The file could not be put in place.
    #[error(transparent)]
    Write(#[from] chainrule_datasets::Error),
    /// The bytes are no safetensors file, or a torn one.
    #[error("{}: not a readable safetensors file ({fault}): it is corrupted or of another format", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// A file of another program, with no description of the network in it.
    #[error("{}: no description of the network in it: name it with --layers and --activation", path.display())]
    NoCard {
        /// The file.
        path: PathBuf,
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
}

/// What a checkpoint file says of itself before its parameters are read.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The metadata; `None` in a file of another program.
    pub card: Option<Card>,
    /// The number type of the parameters, `"f32"` or `"f64"`.
    pub dtype: &'static str,
}

const KEY: &str = "chainrule";

impl Card {
    /// Checks one that comes from outside.
    fn validated(&self) -> Result<(), String> {
        self.architecture.validated()?;
        let inputs = self.architecture.inputs;
        let numbers = match &self.input {
            None => return Ok(()),
            Some(Input::Table(schema)) => {
                schema.check()?;
                Some(schema.inputs())
            }
            Some(Input::Image(shape)) => shape.numbers(),
        };
        if numbers != Some(inputs) {
            return Err(format!("its network has {inputs} inputs, its input has not"));
        }
        Ok(())
    }
}

impl<A: Scalar> Checkpoint<A> {
    /// Writes the file by temp file, fsync and rename: at every moment there is the old one or the new one, whole.
    ///
    /// # Errors
    /// If the folder cannot be written to.
    ///
    /// # Panics
    /// If θ is not as long as the architecture says.
    pub fn save(&self, path: &Path) -> Result<(), CheckpointError> {
        let bytes = self.to_bytes();
        write_atomic(path, |file| file.write_all(&bytes))?;
        Ok(())
    }

    /// The contents of the file.
    ///
    /// # Panics
    /// If θ is not as long as the architecture says.
    pub fn to_bytes(&self) -> Vec<u8> {
        let json = serde_json::to_string(&self.card).expect("a card has string keys only");
        let layout = self.card.architecture.layout::<A>();
        encode(&layout, &self.theta, Some(HashMap::from([(KEY.to_owned(), json)])))
    }

    /// Reads a file that [`save`](Self::save) wrote, in either number type.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or has no description of its network.
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        Self::from_bytes(path, &read(path)?)
    }

    /// Reads the contents of a file; `path` serves the messages only.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, CheckpointError> {
        let card =
            header(path, bytes)?.card.ok_or_else(|| CheckpointError::NoCard { path: path.to_owned() })?;
        let theta = decode(path, bytes, &card.architecture.layout::<A>())?;
        Ok(Self { card, theta })
    }

    /// Reads the parameters of a network that `card` describes, whatever the file says of itself.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or holds other parameters.
    pub fn load_as(path: &Path, card: Card) -> Result<Self, CheckpointError> {
        let bytes = read(path)?;
        let theta = decode(path, &bytes, &card.architecture.layout::<A>())?;
        Ok(Self { card, theta })
    }
}

impl Header {
    /// Reads what the file at `path` says of itself.
    ///
    /// # Errors
    /// If the file cannot be read or is damaged.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        header(path, &read(path)?)
    }
}

/// Writes vectors with the layout of a network's parameters, such as gradients, named and laid out as a checkpoint's.
///
/// # Errors
/// If the folder cannot be written to.
///
/// # Panics
/// If `flat` is not as long as the layout says.
pub fn save_vector<A: Scalar>(path: &Path, layout: &Layout, flat: &[A]) -> Result<(), CheckpointError> {
    let bytes = encode(layout, flat, None);
    write_atomic(path, |file| file.write_all(&bytes))?;
    Ok(())
}

/// Reads a vector with the layout of a network's parameters.
///
/// # Errors
/// If the file cannot be read, is damaged, or holds other parameters.
pub fn load_vector<A: Scalar>(path: &Path, layout: &Layout) -> Result<Vec<A>, CheckpointError> {
    decode(path, &read(path)?, layout)
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, CheckpointError> {
    std::fs::read(path).map_err(|source| CheckpointError::Io { path: path.to_owned(), source })
}

pub(crate) fn format_error(path: &Path, fault: &impl ToString) -> CheckpointError {
    CheckpointError::Format { path: path.to_owned(), fault: fault.to_string() }
}

fn header(path: &Path, bytes: &[u8]) -> Result<Header, CheckpointError> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| format_error(path, &error))?;
    let json = metadata.metadata().as_ref().and_then(|pairs| pairs.get(KEY));
    let card = match json {
        Some(json) => Some(
            serde_json::from_str::<Card>(json)
                .map_err(|error| error.to_string())
                .and_then(|card| card.validated().map(|()| card))
                .map_err(|fault| format_error(path, &format!("its description: {fault}")))?,
        ),
        None => None,
    };
    let wide = metadata.tensors().values().any(|tensor| tensor.dtype == Dtype::F64);
    Ok(Header { card, dtype: if wide { f64::NAME } else { f32::NAME } })
}

/// The shape in the file: a matrix lies there transposed.
pub(crate) fn stored_shape(entry: &Entry) -> Vec<usize> {
    entry.shape.iter().rev().copied().collect()
}

fn encode<A: Scalar>(layout: &Layout, flat: &[A], metadata: Option<HashMap<String, String>>) -> Vec<u8> {
    assert_eq!(layout.len(), flat.len(), "checkpoint: the vector has not the layout's length");
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = layout
        .entries()
        .iter()
        .map(|entry| (entry.name.clone(), stored_shape(entry), little_endian(&stored(entry, flat))))
        .collect();
    let tensors = bytes.iter().map(|(name, shape, data)| {
        (
            name,
            TensorView::new(dtype::<A>(), shape.clone(), data).expect("the bytes have the size of the shape"),
        )
    });
    safetensors::serialize(tensors, metadata).expect("names and metadata are text")
}

/// The numbers of a parameter as a file has them.
pub(crate) fn stored<A: Scalar>(entry: &Entry, flat: &[A]) -> Vec<A> {
    transposed(&entry.shape, &flat[entry.range()])
}

/// The numbers of a parameter in the file's order; given the file's shape, the same function brings them back.
fn transposed<A: Scalar>(shape: &[usize], values: &[A]) -> Vec<A> {
    match *shape {
        [rows, columns] => {
            let matrix = ArrayView2::from_shape((rows, columns), values)
                .expect("a parameter has the size of its shape");
            matrix.t().iter().copied().collect()
        }
        _ => values.to_vec(),
    }
}

/// The bytes of numbers in a file.
pub(crate) fn little_endian<A: Scalar>(values: &[A]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size_of_val(values));
    for x in values {
        if A::NAME == f64::NAME {
            bytes.extend(x.as_f64().to_le_bytes());
        } else {
            bytes.extend((x.as_f64() as f32).to_le_bytes());
        }
    }
    bytes
}

/// The numbers of a tensor in a file.
pub(crate) fn numbers<A: Scalar>(tensor: &TensorView<'_>) -> Result<Vec<A>, String> {
    match tensor.dtype() {
        Dtype::F32 => Ok(read_numbers(tensor.data(), |bytes| f64::from(f32::from_le_bytes(bytes)))),
        Dtype::F64 => Ok(read_numbers(tensor.data(), f64::from_le_bytes)),
        other => Err(format!("holds {other:?} numbers, not F32 or F64")),
    }
}

fn read_numbers<A: Scalar, const N: usize>(data: &[u8], read: impl Fn([u8; N]) -> f64) -> Vec<A> {
    data.as_chunks::<N>().0.iter().map(|&bytes| A::of(read(bytes))).collect()
}

/// The number type of a file.
pub(crate) fn dtype<A: Scalar>() -> Dtype {
    if A::NAME == f64::NAME { Dtype::F64 } else { Dtype::F32 }
}

fn decode<A: Scalar>(path: &Path, bytes: &[u8], layout: &Layout) -> Result<Vec<A>, CheckpointError> {
    let mismatch = |fault: String| CheckpointError::Mismatch { path: path.to_owned(), fault };
    let file = SafeTensors::deserialize(bytes).map_err(|error| format_error(path, &error))?;
    let known = |name: &str| layout.entries().iter().any(|entry| entry.name == name);
    if let Some(name) = file.names().into_iter().find(|name| !known(name)) {
        return Err(mismatch(format!("it has a parameter {name:?} that the network has not")));
    }
    // Grows with what the file really holds, not with what its description claims.
    let mut theta = Vec::new();
    for entry in layout.entries() {
        let Ok(tensor) = file.tensor(&entry.name) else {
            return Err(mismatch(format!("it has no parameter {:?}", entry.name)));
        };
        let expected = stored_shape(entry);
        if tensor.shape() != expected {
            let fault =
                format!("{:?} has shape {:?}, the network's {expected:?}", entry.name, tensor.shape());
            return Err(mismatch(fault));
        }
        let values: Vec<A> =
            numbers(&tensor).map_err(|fault| format_error(path, &format!("{:?} {fault}", entry.name)))?;
        if values.iter().any(|x| !x.is_finite()) {
            return Err(format_error(path, &format!("{:?} holds NaN or infinity", entry.name)));
        }
        theta.extend(transposed(&expected, &values));
    }
    Ok(theta)
}
