//! The eigensolvers of LAPACK.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::ops::Range;

use chainrule_tensor::ndarray::{Array2, ArrayRef2};

use super::decomposition::Eigen;
use super::reflections::Reflections;

/// The sizes at which divide and conquer pays and its workspace can be told in LAPACK's 32 bits.
pub(super) const DIVIDE_AND_CONQUER: Range<usize> = 200..32_000;

/// LAPACK's `dsyevd`.
pub(super) fn divide_and_conquer(matrix: &ArrayRef2<f64>) -> Eigen {
    let n = matrix.nrows();
    // The upper triangle by rows is the lower one by columns, and vectors that are columns there are rows here.
    let mut vectors = matrix.as_standard_layout().into_owned();
    let mut values = vec![0.0; n];
    let (mut work, mut iwork) = (vec![0.0; 1 + 6 * n + 2 * n * n], vec![0; 3 + 5 * n]);
    let mut info = 0;
    // SAFETY: `vectors` has n·n numbers with n from one column to the next, `values` n, and the workspaces are as long
    // as they are said to be, which is what `dsyevd` documents as enough for both values and vectors.
    unsafe {
        lapack_sys::dsyevd_(
            c"V".as_ptr(),
            c"L".as_ptr(),
            &int(n),
            vectors.as_mut_ptr(),
            &int(n),
            values.as_mut_ptr(),
            work.as_mut_ptr(),
            &int(work.len()),
            iwork.as_mut_ptr(),
            &int(iwork.len()),
            &raw mut info,
        );
    }
    assert_eq!(info, 0, "LAPACK solves what is finite");
    Eigen { values, vectors }
}

/// The first two parts of `dsyevd`: the reflections that make the matrix tridiagonal, in its own memory, and what the
/// tridiagonal matrix has for eigenvalues, ascending, and eigenvectors, one a row.
pub(super) fn by_reflections(mut matrix: Array2<f64>) -> (Eigen, Reflections) {
    let n = matrix.nrows();
    assert!(matrix.is_standard_layout(), "the upper triangle by rows is the lower one by columns");
    let (mut values, mut below, mut tau) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    let mut work = vec![0.0; 64 * n];
    let mut info = 0;
    // SAFETY: `matrix` has n·n numbers with n from one column to the next, `values`, `below` and `tau` have n, where
    // `dsytrd` wants at least n − 1, and the workspace is as long as it is said to be.
    unsafe {
        lapack_sys::dsytrd_(
            c"L".as_ptr(),
            &int(n),
            matrix.as_mut_ptr(),
            &int(n),
            values.as_mut_ptr(),
            below.as_mut_ptr(),
            tau.as_mut_ptr(),
            work.as_mut_ptr(),
            &int(work.len()),
            &raw mut info,
        );
    }
    assert_eq!(info, 0, "LAPACK reduces what is finite");
    let mut vectors = Array2::zeros((n, n));
    let (mut work, mut iwork) = (vec![0.0; 1 + 4 * n + n * n], vec![0; 3 + 5 * n]);
    // SAFETY: `vectors` has n·n numbers with n from one column to the next, `values` n and `below` one more than is
    // looked at; the workspaces are as long as they are said to be, which is what `dstedc` documents as enough.
    unsafe {
        lapack_sys::dstedc_(
            c"I".as_ptr(),
            &int(n),
            values.as_mut_ptr(),
            below.as_mut_ptr(),
            vectors.as_mut_ptr(),
            &int(n),
            work.as_mut_ptr(),
            &int(work.len()),
            iwork.as_mut_ptr(),
            &int(iwork.len()),
            &raw mut info,
        );
    }
    assert_eq!(info, 0, "LAPACK solves what is finite");
    (Eigen { values, vectors }, Reflections { vectors: matrix, tau })
}

fn int(x: usize) -> c_int {
    c_int::try_from(x).expect("the sizes were limited")
}
