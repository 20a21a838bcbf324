//! numpy arrays as matrices.

use chainrule::ndarray::{Array2, ArrayView2, Dimension};
use chainrule::tensor::{Scalar, simd, vector};
use numpy::{Element, PyReadonlyArray, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::scale::Scale;

/// A matrix of either floating-point type.
pub(crate) enum Rows<'py> {
    Single(PyReadonlyArray2<'py, f32>),
    Double(PyReadonlyArray2<'py, f64>),
}

/// `$body` with a view `$view` of the matrix.
macro_rules! with_view {
    ($rows:expr, $view:ident => $body:expr) => {
        match $rows {
            Rows::Single(array) => {
                let $view = array.as_array();
                $body
            }
            Rows::Double(array) => {
                let $view = array.as_array();
                $body
            }
        }
    };
}

impl<'py> Rows<'py> {
    /// # Errors
    /// If it is anything but a two-dimensional array of `float32` or `float64`.
    pub(crate) fn of(x: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(x) = x.extract::<PyReadonlyArray2<'py, f64>>() {
            check_steps(&x)?;
            return Ok(Self::Double(x));
        }
        let fault = |_| PyTypeError::new_err("expected a two-dimensional array of float32 or float64");
        let x = x.extract::<PyReadonlyArray2<'py, f32>>().map_err(fault)?;
        check_steps(&x)?;
        Ok(Self::Single(x))
    }

    pub(crate) fn columns(&self) -> usize {
        match self {
            Self::Single(x) => x.shape()[1],
            Self::Double(x) => x.shape()[1],
        }
    }

    pub(crate) fn is_finite(&self) -> bool {
        with_view!(self, x => match x.as_slice() {
            Some(numbers) => vector::is_finite(numbers),
            None => x.iter().all(|x| x.is_finite()),
        })
    }

    /// Mean and deviation of the columns, where rows count by `weights`.
    pub(crate) fn scale(&self, weights: Option<&[f64]>) -> Scale {
        with_view!(self, x => Scale::of(&x, weights))
    }

    /// The numbers, copied, for another thread may change the array while the engine works; scaled in double precision where there is a
    /// scale.
    pub(crate) fn to_matrix<A: Scalar>(&self, scale: Option<&Scale>) -> Array2<A> {
        with_view!(self, x => match scale {
            Some(scale) => scale.apply(&x),
            None => by_rows(&x),
        })
    }
}

/// Refuses an array whose steps are no multiples of its numbers, as those of a field of packed records: a view of it would see others.
///
/// # Errors
/// If it is one.
pub(crate) fn check_steps<T: Element, D: Dimension>(array: &PyReadonlyArray<'_, T, D>) -> PyResult<()> {
    let size = isize::try_from(size_of::<T>()).expect("numbers are small");
    if array.strides().iter().all(|step| step % size == 0) {
        return Ok(());
    }
    Err(PyValueError::new_err("the array is a field of packed records: pass a copy of it, array.copy()"))
}

/// The same numbers, row after row.
fn by_rows<T: Scalar, A: Scalar>(x: &ArrayView2<'_, T>) -> Array2<A> {
    let numbers = match x.as_slice() {
        Some(numbers) => {
            let mut copied = vec![A::zero(); numbers.len()];
            simd::dispatch(
                #[inline(always)]
                || {
                    for (copied, x) in copied.iter_mut().zip(numbers) {
                        *copied = A::of(x.as_f64());
                    }
                },
            );
            copied
        }
        None => x.iter().map(|x| A::of(x.as_f64())).collect(),
    };
    Array2::from_shape_vec(x.dim(), numbers).expect("as many numbers as before")
}
