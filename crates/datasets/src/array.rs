//! Arrays of numbers: in memory, in IDX and NumPy files, and rows that stay in a file until a batch needs them.

mod examples;
pub(crate) mod file_rows;
pub mod idx;
pub mod npy;
#[cfg(feature = "files")]
pub mod npz;
pub(crate) mod numbers;
