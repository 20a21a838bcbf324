//! Generic code that is compiled once, in the crate that has it, and not again in each program.

use std::any::{Any, TypeId};

use crate::scalar::Scalar;

/// What `single` makes if `A` is `f32`, and what `double` makes if it is `f64`: an explicit instantiation.
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
/// fn single() -> Box<[f32]> {
///     Box::new([0.5])
/// }
/// fn double() -> Box<[f64]> {
///     Box::new([0.5])
/// }
/// fn half<A: Scalar>() -> Box<[A]> {
///     instantiated::<A, Box<[A]>, _, _>(single, double)
/// }
/// assert_eq!((half::<f32>()[0], half::<f64>()[0]), (0.5, 0.5));
/// ```
#[track_caller]
pub fn instantiated<A: Scalar, T: 'static, S: 'static, D: 'static>(
    single: impl FnOnce() -> S,
    double: impl FnOnce() -> D,
) -> T {
    let made: Box<dyn Any> =
        if TypeId::of::<A>() == TypeId::of::<f32>() { Box::new(single()) } else { Box::new(double()) };
    *made
        .downcast()
        .unwrap_or_else(|_| panic!("instantiated: the functions make another type for {}", A::NAME))
}
