//! The kernels behind [`gemm`](crate::gemm), and the rule that chooses between them.
//!
//! | kernel | where | what it is |
//! |---|---|---|
//! | [`Tiles`](Kernel::Tiles) | x86-64 with AVX2 and FMA, or AVX-512 | register tiles of our own, made for the few rows of a batch |
//! | [`Library`](Kernel::Library) | everywhere | the linked BLAS; without one, ndarray's kernels |
//!
//! # The rule
//!
//! Tiles, where the CPU has them. On every product of the networks in `docs/performance.md` but those with ten columns
//! they are the fastest kernel that was measured, or within a few per cent of it (`--bin products` of the benches); they
//! allocate nothing; and their bits do not depend on how a product is cut, so that threads can share one. The rule looks at
//! the CPU and never at a clock: a run can be repeated to the bit.
#[cfg(target_arch = "x86_64")]
mod compute;
#[cfg(target_arch = "x86_64")]
mod few_rows;
#[cfg(target_arch = "x86_64")]
mod lanes;
#[cfg(target_arch = "x86_64")]
mod pack;
#[cfg(target_arch = "x86_64")]
mod peak;
#[cfg(target_arch = "x86_64")]
mod plan;
#[cfg(target_arch = "x86_64")]
mod product;
#[cfg(target_arch = "x86_64")]
mod scratch;
#[cfg(target_arch = "x86_64")]
mod small;
#[cfg(target_arch = "x86_64")]
mod tile;
pub(crate) mod tiled;
#[cfg(target_arch = "x86_64")]
mod tiles;
#[cfg(target_arch = "x86_64")]
mod width;

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayRef2, aview1};

use crate::epilogue::Epilogue;
use crate::scalar::Scalar;
use crate::{blas, rows};

#[cfg(target_arch = "x86_64")]
use product::Product;
pub use tiled::Tiled;
#[cfg(target_arch = "x86_64")]
use width::Width;

/// A way to compute a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// Register tiles of our own.
    Tiles,
    /// The linked BLAS, or ndarray's kernels where none is linked.
    Library,
}

impl Kernel {
    /// The kernels that this build has on this CPU.
    pub fn all() -> &'static [Kernel] {
        if has_tiles() { &[Kernel::Tiles, Kernel::Library] } else { &[Kernel::Library] }
    }

    /// The one that [`gemm`](crate::gemm) takes.
    #[inline]
    pub fn usual() -> Self {
        if has_tiles() { Kernel::Tiles } else { Kernel::Library }
    }

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Kernel::Tiles => "tiles",
            Kernel::Library => blas::name(),
        }
    }
}

#[inline]
fn has_tiles() -> bool {
    #[cfg(target_arch = "x86_64")]
    return Width::of_this_cpu().is_some();
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// The most billions of `f32` additions and multiplications a second that one core can do, measured on a loop of bare fused
/// multiply-adds; `None` on a CPU without tiles.
///
/// A clock rate read from the system would be a guess: it changes with the load and with the instructions.
pub fn peak() -> Option<f64> {
    #[cfg(target_arch = "x86_64")]
    return Width::of_this_cpu().map(peak::peak);
    #[cfg(not(target_arch = "x86_64"))]
    None
}

/// C ← α·A·B + β·C by one kernel, on the calling thread: for measurements. [`gemm`](crate::gemm) chooses by itself.
///
/// # Panics
/// As `gemm`; and if this CPU does not have the kernel.
///
/// ```
/// use chainrule_tensor::{kernel::{Kernel, gemm_with}, ndarray::array};
///
/// for &kernel in Kernel::all() {
///     let mut y = array![[0.0_f32]];
///     gemm_with(kernel, 1.0, &array![[1.0, 2.0]], &array![[3.0], [4.0]], 0.0, &mut y);
///     assert_eq!(y, array![[11.0]]);
/// }
/// ```
#[track_caller]
pub fn gemm_with<A: Scalar>(
    kernel: Kernel,
    alpha: A,
    a: &ArrayRef2<A>,
    b: &ArrayRef2<A>,
    beta: A,
    c: &mut ArrayRef2<A>,
) {
    match kernel {
        Kernel::Tiles => {
            assert!(has_tiles(), "gemm: this CPU has no tiles");
            product(alpha, a, b, beta, c, None);
        }
        Kernel::Library => by_library(alpha, a, b, beta, c),
    }
}

/// The product by the usual kernel, or by the other where that one has no use for a layout; the epilogue gets its parts.
#[inline]
pub(crate) fn product<A: Scalar>(
    alpha: A,
    a: &ArrayRef2<A>,
    b: &ArrayRef2<A>,
    beta: A,
    c: &mut ArrayRef2<A>,
    epilogue: Option<&Epilogue<'_, A>>,
) {
    #[cfg(target_arch = "x86_64")]
    if let Some(product) = Product::of(alpha, a, b, beta, None, c, epilogue) {
        return product.compute();
    }
    by_library(alpha, a, b, beta, c);
    if let Some(epilogue) = epilogue {
        rows::in_parts(c, epilogue);
    }
}

/// C ← A·B + 1·vᵀ, likewise.
#[inline]
pub(crate) fn affine<A: Scalar>(
    a: &ArrayRef2<A>,
    b: &ArrayRef2<A>,
    v: &[A],
    c: &mut ArrayRef2<A>,
    epilogue: Option<&Epilogue<'_, A>>,
) {
    #[cfg(target_arch = "x86_64")]
    if let Some(product) = Product::of(A::one(), a, b, A::one(), Some(v), c, epilogue) {
        return product.compute();
    }
    c.assign(&aview1(v));
    product(A::one(), a, b, A::one(), c, epilogue);
}

/// The product by the linked BLAS or ndarray's kernels.
fn by_library<A: Scalar>(alpha: A, a: &ArrayRef2<A>, b: &ArrayRef2<A>, beta: A, c: &mut ArrayRef2<A>) {
    blas::init();
    general_mat_mul(alpha, a, b, beta, c);
}
