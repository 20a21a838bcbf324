//! Trained networks: safetensors checkpoints, ONNX and NumPy export, prediction, a classifier for arrays.
//!
//! | file | contents |
//! |---|---|
//! | `model_card`, `checkpoint` | a trained network as a safetensors file (feature `files`) |
//! | `foreign` | the arrays of another program's safetensors file as parameters of a network |
//! | `onnx`, `export` | the same for other programs: ONNX (feature `onnx`), NumPy's `.npz` (feature `files`) |
//! | `output`, `predict` | predictions from raw rows |
//! | `classifier` | a multilayer perceptron that is fitted to arrays |

#[cfg(feature = "files")]
mod checkpoint;
mod classifier;
#[cfg(feature = "files")]
mod export;
#[cfg(feature = "files")]
mod foreign;
pub mod gradcheck;
mod model_card;
#[cfg(feature = "onnx")]
mod onnx;
mod output;
mod predict;

#[cfg(feature = "files")]
pub use checkpoint::{Checkpoint, CheckpointError, Header, load_vector, save_vector};
pub use classifier::{Classifier, FitError, FittedClassifier};
#[cfg(feature = "files")]
pub use foreign::NameMap;
pub use model_card::ModelCard;
pub use output::Output;
pub use predict::predict;
