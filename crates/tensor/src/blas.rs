//! The linked BLAS: its name, the one place that sets its thread count, and whether its kernels suit the CPU.
//!
//! OpenBLAS has its own thread pool. Two pools on the same cores are slower than one, so the first
//! call of [`init`] keeps OpenBLAS on the calling thread; Chainrule's threads own the cores. Accelerate has no such
//! switch and schedules its small products on the caller by itself; MKL is linked in its sequential form.
//!
//! # Kernels that are too old
//!
//! An OpenBLAS that is older than the CPU does not know it, and falls back to kernels of 2004: a fifth of the speed, and not a
//! word. So `init` compares the kernels that OpenBLAS chose with what the CPU can do, and where they are too old has it choose
//! again. The user's own `OPENBLAS_CORETYPE` is respected, a library that was built for one kind of CPU is left alone, and
//! `CHAINRULE_OPENBLAS_SWITCH=off` disables the switch. [`kernels`] reports what was done.
mod choice;
#[cfg(feature = "openblas")]
mod openblas;

pub use choice::{Kernels, Switch};

/// The name of the BLAS this build links, or of the kernels used without one.
///
/// ```
/// assert!(!chainrule_tensor::blas::name().is_empty());
/// ```
pub const fn name() -> &'static str {
    if cfg!(feature = "openblas") {
        "OpenBLAS"
    } else if cfg!(feature = "accelerate") {
        "Accelerate"
    } else if cfg!(feature = "intel-mkl") {
        "MKL"
    } else {
        "none (ndarray's kernels)"
    }
}

/// Keeps OpenBLAS on the calling thread, with kernels that suit the CPU. Called before each product that goes to the
/// library; after the first call it costs one atomic load.
///
/// A program that calls it first of all, before it has threads, is also rid of those that OpenBLAS starts when it is loaded
/// (on Linux): for some 30 ms they would spin on the cores that the program begins to work on.
///
/// Whoever calls LAPACK directly calls this first.
#[inline]
pub fn init() {
    #[cfg(feature = "openblas")]
    openblas::init();
}

/// What is known of OpenBLAS's kernels; `None` where another BLAS is linked, or none.
pub fn kernels() -> Option<Kernels> {
    #[cfg(feature = "openblas")]
    return Some(openblas::kernels());
    #[cfg(not(feature = "openblas"))]
    None
}

#[cfg(any(feature = "accelerate", feature = "intel-mkl"))]
extern crate blas_src as _;
