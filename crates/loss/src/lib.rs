//! Loss functions with exact first and second derivatives.
//!
//! A [`Loss`] compares a batch of outputs with its targets: a sum over the rows, its derivative δ = ∂ℓ/∂y, which is
//! the error signal that back-propagation starts from, and R{δ} = (∂²ℓ/∂y²)·R{y} for Hessian products.
//!
//! # Why sums
//!
//! Shards of a batch, accumulated batches and ranks then just add, and the risk divides by N in one place.
//!
//! ```
//! use chainrule_loss::{Loss, SquaredError};
//! use chainrule_tensor::ndarray::array;
//!
//! // The lecture's C(o, y) = Σᵢ(oᵢ − yᵢ)².
//! let cost: f64 = SquaredError::default().value(&array![[0.5, 0.0]], &array![[1.0, 0.0]]);
//! assert_eq!(cost, 0.25);
//! ```

mod binary_cross_entropy;
mod config;
mod elementwise;
pub mod gradcheck;
mod huber;
mod loss;
mod mean_absolute_error;
mod registry;
mod rows;
mod softmax_cross_entropy;
mod squared_error;
mod target;
mod term;

pub use binary_cross_entropy::{BinaryCrossEntropy, BinaryCrossEntropyConfig, BinaryLogitTerm};
pub use config::{LossCase, LossConfig};
pub use elementwise::Elementwise;
pub use huber::{Huber, HuberConfig, HuberTerm};
pub use loss::{FusedOutput, Loss};
pub use mean_absolute_error::{Absolute, MeanAbsoluteError, MeanAbsoluteErrorConfig};
pub use registry::{LossKind, LossSpec, zoo};
pub use softmax_cross_entropy::{CrossEntropyConfig, SoftmaxCrossEntropy};
pub use squared_error::{MeanSquaredErrorConfig, Squared, SquaredError, SquaredErrorConfig};
pub use target::TargetKind;
pub use term::Term;
