//! Flat parameter vectors with named layouts, GEMM, elementwise functions, initialisers, random streams, a thread pool.
//!
//! # Why flat
//!
//! The textbook writes C(θ), ∇C(θ), ∇²C(θ)·v with θ a vector. Here θ *is* a vector: all parameters of a network
//! live in one contiguous `&[A]`, and the gradient, a direction, every optimizer buffer and a checkpoint have its
//! shape. A [`Layout`] names the windows of that vector; a [`Param`] is a typed handle on one of them. Optimizers
//! are then plain vector loops, an all-reduce is one sum, and threads share θ without a lock.
//!
//! # Who owns the cores
//!
//! Chainrule does. At the first product, OpenBLAS is set to run on the caller's thread ([`blas`]); everything that runs in
//! parallel runs on Chainrule's own threads, and each of them calls OpenBLAS by itself. So the thread counts never multiply.
//!
//! # Which BLAS
//!
//! This is the only crate that links one; nobody else writes `extern crate blas_src`. The features `openblas`
//! (default), `openblas-static`, `accelerate` and `intel-mkl` choose it; with none of them, products run on
//! ndarray's own kernels and everything still works.
//!
//! ```
//! use chainrule_tensor::{Aligned, Init, Layout, Rng};
//!
//! let mut layout = Layout::new();
//! let weight = layout.push("weight", (3, 2), Init::GlorotUniform);
//! let bias = layout.push("bias", 2, Init::Zeros);
//! let theta: Aligned<f32> = layout.init(&mut Rng::new(7));
//! assert_eq!(theta.len(), 8);
//! assert_eq!(weight.view(&theta).dim(), (3, 2));
//! assert_eq!(bias.view(&theta).to_vec(), [0.0, 0.0]);
//! ```

mod aligned;
pub mod blas;
pub mod conv;
mod cores;
pub mod difference;
mod epilogue;
mod feature_order;
mod gemm;
pub mod half;
mod init;
pub mod instantiate;
pub mod kernel;
mod layout;
pub mod math;
pub mod pool;
pub mod registry;
mod rng;
pub mod rows;
mod scalar;
mod shape;
pub mod simd;
mod storage;
pub mod vector;

pub use aligned::{Aligned, CACHE_LINE};
pub use cores::available_threads;
pub use epilogue::Epilogue;
pub use feature_order::FeatureOrder;
pub use gemm::{affine, affine_then, gemm, gemm_then};
pub use init::{Init, InitKind, ParseInitError};
pub use layout::{Entry, Layout, Param, Role};
pub use pool::Pool;
pub use rng::{Rng, hash};
pub use scalar::{Accum, Scalar};
pub use shape::{Shape, ShapeError};
pub use storage::Storage;

pub use ndarray;
