//! Loss functions.

mod loss;

pub use loss::Loss;
