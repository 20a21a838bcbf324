//! A network with its numbers: trained on data, kept as a file, handed to other programs.
//!
//! | file | contents |
//! |---|---|
//! | `model` | a network, θ, and all that a prediction needs |
//! | `task`, `trainer` | what it is to learn, and how it learns it |
//! | `recipe` | how it is trained where nobody says otherwise |
//! | `classifier`, `regressor` | perceptrons that are fitted to arrays in one line |
//! | `target_scaling` | the units of a regression's targets |
//! | `model_card`, `checkpoint` | a trained network as a safetensors file (feature `files`) |
//! | `foreign` | the arrays of another program's safetensors file as parameters of a network |
//! | `parameter_map`, `decided`, `name_map` | what a user says of these arrays, and what was read as which parameter |
//! | `sharded` | state dicts in several safetensors files with an index (feature `files`) |
//! | `pt` | state dicts of PyTorch's `torch.save` (feature `files`) |
//! | `own_layers` | files of networks with layers that are not of the library |
//! | `onnx`, `export` | the same for other programs: ONNX (feature `onnx`), NumPy's `.npz` (feature `files`) |
//! | `onnx/import` | ONNX files of other programs as networks |
//! | `output`, `predict` | predictions from raw rows |
//! | `summary` | the layers of a network as a table |

#[cfg(feature = "files")]
mod checkpoint;
#[cfg(feature = "files")]
mod checkpoint_error;
mod class_weights;
mod classifier;
#[cfg(feature = "files")]
mod decided;
#[cfg(feature = "files")]
mod export;
mod fit_error;
#[cfg(feature = "files")]
mod foreign;
pub mod gradcheck;
mod model;
mod model_card;
#[cfg(feature = "files")]
mod name_map;
#[cfg(feature = "onnx")]
pub mod onnx;
mod output;
#[cfg(feature = "files")]
mod own_layers;
#[cfg(feature = "files")]
mod parameter_map;
mod perceptron;
mod predict;
#[cfg(feature = "files")]
pub mod pt;
mod recipe;
mod regressor;
#[cfg(feature = "files")]
pub mod sharded;
mod summary;
mod target_scaling;
mod task;
mod trainer;

#[cfg(feature = "files")]
pub use checkpoint::{Checkpoint, Header, load_vector, save_vector};
#[cfg(feature = "files")]
pub use checkpoint_error::CheckpointError;
pub use class_weights::ClassWeights;
pub use classifier::{Classifier, FittedClassifier};
pub use fit_error::FitError;
pub use model::Model;
pub use model_card::{ModelCard, Untrained};
#[cfg(feature = "files")]
pub use name_map::{FoundBy, MappedArray, NameMap};
pub use output::Output;
#[cfg(feature = "files")]
pub use parameter_map::{ParameterMap, ParameterMapError};
pub use perceptron::Perceptron;
pub use predict::predict;
pub use recipe::Recipe;
pub use regressor::{FittedRegressor, IntoNumbers, Regressor};
pub use summary::{Summary, SummaryRow};
pub use target_scaling::TargetScaling;
pub use task::{Task, encoding, usual_loss};
pub use trainer::{Trainer, Verdict, usual_transform};
