//! The training loop: empirical risk, mini-batches on threads, early stopping, metrics, checkpoints of runs.
//!
//! | folder | contents |
//! |---|---|
//! | `objective` | the risk and its derivatives: over a batch, over shards, over the parts of several processes |
//! | `run` | the training loop, its state, callbacks, snapshots |
//! | `metrics` | accuracy, R² and the like, and the evaluation of a model on data |
//! | `telemetry` | where a step spends its time, TensorBoard event files |

pub mod gradcheck;
mod metrics;
mod objective;
mod run;
mod telemetry;
#[cfg(feature = "files")]
pub mod tensors;
mod weights;

pub use metrics::classification::{ClassMetrics, Confusion, class_of};
pub use metrics::evaluate::{EvaluateError, Evaluation, Metrics, evaluate, evaluate_together};
pub use metrics::measure_statistics::measure_statistics;
pub use metrics::multi_label::MultiLabelMetrics;
pub use metrics::regression::RegressionMetrics;
pub use objective::buffers::ShardBuffers;
pub use objective::division::{Division, Node, Reduction, Tree};
pub use objective::risk::{Curvature, Risk};
pub use objective::sharded::{Quantity, Sharded};
pub use objective::target::IntoTarget;
pub use objective::workspace::Workspace;
pub use run::callbacks::{Callback, StepEnd};
pub use run::epoch::Epoch;
#[cfg(feature = "files")]
pub use run::epoch_log::EpochMark;
#[cfg(feature = "files")]
pub use run::identity::{RunIdentity, SAMPLED_ROWS, every_row, fingerprint, fingerprint_as};
pub use run::process_group::{ProcessGroup, SingleProcess, Unreadable};
pub use run::setup::{History, Plan, Setup, Stop, Tolerance, TrainError};
#[cfg(feature = "files")]
pub use run::snapshot::{Saved, SnapshotError};
#[cfg(feature = "files")]
pub use run::snapshots::Snapshots;
pub use run::train_state::{Best, Snapshot, TrainState};
pub use run::training_loop::TrainingLoop;
pub use telemetry::meter::{Meter, Probe, Split};
#[cfg(feature = "files")]
pub use telemetry::tensorboard::EventFile;
pub use weights::Weights;
