//! Trained networks: what describes and stores them, what they predict, and a classifier for arrays.
//!
//! | file | contents |
//! |---|---|
//! | `architecture` | the plan of a network, as a checkpoint stores it |
//! | `card`, `checkpoint` | a trained network as a safetensors file |
//! | `onnx`, `export` | the same for other programs: ONNX (feature `onnx`), NumPy's `.npz` |
//! | `output`, `predict` | predictions from raw rows |
//! | `classifier` | a multilayer perceptron that is fitted to arrays |

mod architecture;
pub mod check;
mod checkpoint;
mod classifier;
mod export;
mod model_card;
#[cfg(feature = "onnx")]
mod onnx;
mod output;
mod predict;

pub use architecture::{Activation, Architecture, Stage};
pub use checkpoint::{Checkpoint, CheckpointError, Header, load_vector, save_vector};
pub use classifier::{Classifier, FitError, FittedClassifier};
pub use model_card::ModelCard;
pub use output::Output;
pub use predict::predict;
