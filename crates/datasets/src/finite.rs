//! The search for a number that is NaN or infinite.

use chainrule_tensor::ndarray::{ArrayView1, ArrayView2};
use chainrule_tensor::{Scalar, simd};

use crate::error::Error;

/// Checks the numbers of a data set called `name`, each as `number` makes it; `what` they are is for the message.
///
/// # Errors
/// If one is NaN or infinite.
pub(crate) fn all_finite<T: Copy, A: Scalar>(
    name: &str,
    what: &str,
    x: &ArrayView2<'_, T>,
    number: impl Fn(T) -> A,
) -> Result<(), Error> {
    // Without an early exit, a row is looked at by whole registers.
    let is_finite = |row: ArrayView1<'_, T>| {
        simd::dispatch(
            #[inline(always)]
            || row.iter().fold(true, |all, &x| all & number(x).is_finite()),
        )
    };
    let Some(row) = x.outer_iter().position(|row| !is_finite(row)) else { return Ok(()) };
    match x.row(row).iter().map(|&x| number(x)).enumerate().find(|(_, x)| !x.is_finite()) {
        None => Ok(()),
        Some((column, bad)) => {
            let fault = format!("{what} {column} of example {row} is {bad}: replace it or drop the example");
            Err(Error::data(name, fault))
        }
    }
}
