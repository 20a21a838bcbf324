//! Dense symmetric eigenproblems.

mod decomposition;
mod factored;
#[cfg(feature = "openblas")]
mod lapack;
mod qr;
mod reflections;
mod solve;

pub use decomposition::Eigen;
pub(crate) use factored::Factored;
pub use solve::eigh;
