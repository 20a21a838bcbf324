//! Training.

mod architecture;
mod metrics;
mod risk;
mod sharded;
mod workspace;

pub use architecture::{Activation, Architecture, Stage};
pub use metrics::{ClassScore, Confusion, Fit};
pub use risk::{Curvature, Risk};
pub use sharded::{Lanes, Sharded};
pub use workspace::Workspace;
