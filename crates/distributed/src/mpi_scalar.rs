use chainrule_tensor::Scalar;

/// A number type that ranks can send one another.
#[cfg(feature = "mpi")]
pub trait MpiScalar: Scalar + mpi::traits::Equivalence {}
#[cfg(feature = "mpi")]
impl<A: Scalar + mpi::traits::Equivalence> MpiScalar for A {}

/// A number type that can be sent.
#[cfg(not(feature = "mpi"))]
pub trait MpiScalar: Scalar {}
#[cfg(not(feature = "mpi"))]
impl<A: Scalar> MpiScalar for A {}
