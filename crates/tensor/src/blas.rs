//! The linked BLAS: its name, and the one place that sets its thread count.
//!
//! OpenBLAS comes with a thread pool of its own. Two pools on the same cores are slower than one, so the first
//! product calls [`init`], which keeps OpenBLAS on the calling thread; Chainrule's threads own the cores. Accelerate
//! has no such switch and schedules its small products on the caller by itself; MKL is linked in its sequential form.
#![allow(unsafe_code)]

/// The name of the BLAS this build links, or of the kernels that stand in for it.
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

/// Keeps OpenBLAS on the calling thread. Called before each product; after the first call it costs one atomic load.
///
/// Whoever calls LAPACK directly calls this first.
#[inline]
pub fn init() {
    #[cfg(feature = "openblas")]
    openblas::INIT.call_once(openblas::single_thread);
}

#[cfg(feature = "openblas")]
mod openblas {
    // Links the library: nothing else names it.
    extern crate openblas_src as _;

    use std::ffi::c_int;
    use std::sync::Once;

    pub(super) static INIT: Once = Once::new();

    unsafe extern "C" {
        fn openblas_set_num_threads(threads: c_int);
    }

    pub(super) fn single_thread() {
        // SAFETY: the symbol is OpenBLAS's documented C interface (cblas.h); it takes any positive count.
        unsafe { openblas_set_num_threads(1) }
    }
}

#[cfg(any(feature = "accelerate", feature = "intel-mkl"))]
extern crate blas_src as _;

#[cfg(all(test, feature = "openblas"))]
mod tests {
    use std::ffi::c_int;

    use crate::kernel::{Kernel, gemm_with};

    unsafe extern "C" {
        fn openblas_get_num_threads() -> c_int;
    }

    #[test]
    fn the_first_product_leaves_openblas_on_one_thread() {
        let a = ndarray::Array2::<f64>::eye(9);
        let mut c = ndarray::Array2::zeros((9, 9));
        gemm_with(Kernel::Library, 1.0, &a, &a, 0.0, &mut c);
        // SAFETY: the symbol is OpenBLAS's documented C interface (cblas.h) and takes no argument.
        assert_eq!(unsafe { openblas_get_num_threads() }, 1);
    }
}
