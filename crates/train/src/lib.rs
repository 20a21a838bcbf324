//! Training: the risk of a model on data, the loop that lowers it, what is measured on the way and what is kept.

mod architecture;
mod callbacks;
pub mod check;
mod checkpoint;
mod classifier;
mod evaluate;
mod export;
mod feed;
mod hessian;
mod meter;
mod metrics;
mod onnx;
mod predict;
mod risk;
mod sharded;
mod snapshot;
mod standing;
mod tensorboard;
mod trainer;
mod workspace;

pub use architecture::{Activation, Architecture, Stage};
pub use callbacks::{Callback, Epoch, StepEnd};
pub use checkpoint::{Card, Checkpoint, CheckpointError, Header, Output, load_vector, save_vector};
pub use classifier::{Classifier, FitError, FittedClassifier};
pub use evaluate::{Evaluation, Quality, evaluate};
pub use meter::{Meter, Metered, MeteredOptimizer, Split};
pub use metrics::{ClassScore, Confusion, Fit};
pub use predict::predict;
pub use risk::{Curvature, Risk};
pub use sharded::{Lanes, Sharded};
pub use snapshot::{Saved, Snapshot, Snapshots, fingerprint};
pub use standing::{Best, Standing};
pub use tensorboard::EventFile;
pub use trainer::{Experiment, History, Plan, Stop, TrainError, fit, resume};
pub use workspace::Workspace;
