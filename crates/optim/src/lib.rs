//! Optimizers over one flat vector.

mod objective;
mod optimizer;
mod rule;

pub use objective::{Objective, central_difference};
pub use optimizer::Optimizer;
pub use rule::{Rule, Step, Window};
