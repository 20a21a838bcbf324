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
//!
//! [`choose`], or `CHAINRULE_GEMM` in the environment, decides otherwise, once for a process: `openblas` gives every product to
//! OpenBLAS, `tiles` to the tiles. Each has the same bits for any number of threads; those of the two differ by rounding, and
//! only with tiles does a row have the same bits alone and in a batch.

// What serves the widest registers alone: see build.rs.
#![cfg_attr(unoptimised, allow(dead_code, unused_imports))]

#[cfg(target_arch = "x86_64")]
mod compute;
#[cfg(target_arch = "x86_64")]
mod few_rows;
#[cfg(target_arch = "x86_64")]
mod folded;
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
mod small;
#[cfg(target_arch = "x86_64")]
mod tile;
pub(crate) mod tiled;
#[cfg(target_arch = "x86_64")]
mod tiles;
#[cfg(target_arch = "x86_64")]
mod width;

mod choice;
mod library;
mod scratch;

use ndarray::ArrayRef2;
use ndarray::linalg::general_mat_mul;

use crate::epilogue::Epilogue;
use crate::scalar::Scalar;
use crate::{blas, rows};

pub use choice::{Choice, ChoiceError, VARIABLE, choose, chosen};
#[cfg(target_arch = "x86_64")]
pub(crate) use folded::Folded;
#[cfg(target_arch = "x86_64")]
use product::Product;
pub(crate) use scratch::{Borrowed, Scratch};
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
        if has_tiles() && chosen() != Choice::OpenBlas { Kernel::Tiles } else { Kernel::Library }
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
            compute(Kernel::Tiles, alpha, a, b, (beta, None), c, None);
        }
        Kernel::Library => {
            blas::init();
            general_mat_mul(alpha, a, b, beta, c);
        }
    }
}

/// The product by the usual kernel; the epilogue gets its parts.
#[inline]
pub(crate) fn product<A: Scalar>(
    alpha: A,
    a: &ArrayRef2<A>,
    b: &ArrayRef2<A>,
    beta: A,
    c: &mut ArrayRef2<A>,
    epilogue: Option<&Epilogue<'_, A>>,
) {
    compute(Kernel::usual(), alpha, a, b, (beta, None), c, epilogue);
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
    compute(Kernel::usual(), A::one(), a, b, (A::one(), Some(v)), c, epilogue);
}

/// C ← α·A·B + β·C, or + β·1·baseᵀ, by one kernel, or by the library where the tiles have no use for a layout.
#[inline]
fn compute<A: Scalar>(
    kernel: Kernel,
    alpha: A,
    a: &ArrayRef2<A>,
    b: &ArrayRef2<A>,
    (beta, base): (A, Option<&[A]>),
    c: &mut ArrayRef2<A>,
    epilogue: Option<&Epilogue<'_, A>>,
) {
    #[cfg(target_arch = "x86_64")]
    if kernel == Kernel::Tiles {
        if let Some(product) = Product::of(alpha, a, b, beta, base, c, epilogue) {
            return product.compute();
        }
        // A row vector under a transposed product: C holds it first.
        if let Some(base) = base {
            c.assign(&ndarray::aview1(base));
            return compute(kernel, alpha, a, b, (beta, None), c, epilogue);
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = kernel;
    library::product(alpha, a, b, beta, base, c);
    if let Some(epilogue) = epilogue {
        rows::in_parts(c, epilogue);
    }
}
