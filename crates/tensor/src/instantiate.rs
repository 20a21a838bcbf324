//! Generic code that is compiled once, in the crate that has it, and not again in each program.

use std::any::{Any, TypeId};

use crate::scalar::Scalar;

/// What `single` makes of `from` if `A` is `f32`, and what `double` makes if it is `f64`: an explicit instantiation.
///
/// Rust compiles a generic function where it is called with concrete types. Behind a table of all layers that is the
/// program, every test and every example: the loops of all layers, each for three sets of vector instructions, some ten
/// times. Two functions that are not generic, called here, have them compiled once, where they stand.
///
/// # Panics
/// If `T` is not the type that the function makes with `A` in the place of its number type.
///
/// ```
/// use chainrule_tensor::{Scalar, instantiate::instantiated};
///
/// fn single(n: usize) -> Box<[f32]> {
///     vec![0.5; n].into()
/// }
/// fn double(n: usize) -> Box<[f64]> {
///     vec![0.5; n].into()
/// }
/// fn halves<A: Scalar>(n: usize) -> Box<[A]> {
///     instantiated::<A, Box<[A]>, _, _, _>(n, single, double)
/// }
/// assert_eq!((halves::<f32>(1)[0], halves::<f64>(1)[0]), (0.5, 0.5));
/// ```
#[track_caller]
pub fn instantiated<A: Scalar, T: 'static, X, S: 'static, D: 'static>(
    from: X,
    single: impl FnOnce(X) -> S,
    double: impl FnOnce(X) -> D,
) -> T {
    let is_single = TypeId::of::<A>() == TypeId::of::<f32>();
    let made: Box<dyn Any> = if is_single { Box::new(single(from)) } else { Box::new(double(from)) };
    *made
        .downcast()
        .unwrap_or_else(|_| panic!("instantiated: the functions make another type for {}", A::NAME))
}
