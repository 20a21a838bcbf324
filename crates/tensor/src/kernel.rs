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
//! they are the fastest kernel that was measured; they need no packing for small batches and allocate nothing; and their
//! bits do not depend on how a product is cut, so that threads can share one. The rule looks at the CPU and never at a
//! clock: a run can be repeated to the bit.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod lanes;
#[cfg(target_arch = "x86_64")]
mod tiles;

use std::marker::PhantomData;
use std::ops::Range;

use ndarray::ArrayRef2;
use ndarray::linalg::general_mat_mul;

use crate::{Scalar, blas, pool};

#[cfg(target_arch = "x86_64")]
pub use tiles::Tiled;

/// The number types that have no tiles on this processor have no need of them.
#[cfg(not(target_arch = "x86_64"))]
pub trait Tiled {}
#[cfg(not(target_arch = "x86_64"))]
impl Tiled for f32 {}
#[cfg(not(target_arch = "x86_64"))]
impl Tiled for f64 {}

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
    return tiles::Width::of_this_cpu().is_some();
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// A product whose matrices lie as the tiles want them.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Product<'a, A> {
    width: tiles::Width,
    rows: usize,
    columns: usize,
    depth: usize,
    alpha: A,
    a: Matrix<*const A>,
    b: Matrix<*const A>,
    beta: A,
    /// Its columns are contiguous.
    c: Matrix<*mut A>,
    matrices: PhantomData<&'a mut A>,
}

/// Where a matrix begins, with the distances to the next row and to the next column.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
struct Matrix<P> {
    at: P,
    row: usize,
    column: usize,
}

// SAFETY: a product borrows its matrices, C exclusively, and hands out no part of them; who computes parts of it on
// several threads sees to it that the parts are disjoint.
#[cfg(target_arch = "x86_64")]
unsafe impl<A: Sync> Sync for Product<'_, A> {}

#[cfg(target_arch = "x86_64")]
impl<'a, A: Scalar> Product<'a, A> {
    /// The product, for shapes and layouts that `gemm` has checked; `None` where there are no tiles for it.
    #[inline]
    pub(crate) fn of(
        alpha: A,
        a: &'a ArrayRef2<A>,
        b: &'a ArrayRef2<A>,
        beta: A,
        c: &'a mut ArrayRef2<A>,
    ) -> Option<Self> {
        let width = tiles::Width::of_this_cpu()?;
        let (rows, columns) = c.dim();
        let depth = a.ncols();
        if rows == 0 || columns == 0 || depth == 0 {
            return None;
        }
        // An axis of one number may have any stride; 1 is as good, and contiguous.
        let stride = |matrix: &ArrayRef2<A>, axis: usize| {
            if matrix.shape()[axis] == 1 { 1 } else { matrix.strides()[axis] as usize }
        };
        let of = |m: &ArrayRef2<A>| Matrix { at: m.as_ptr(), row: stride(m, 0), column: stride(m, 1) };
        let (a, b) = (of(a), of(b));
        let c = Matrix { row: stride(c, 0), column: stride(c, 1), at: c.as_mut_ptr() };
        let product = Self { width, rows, columns, depth, alpha, a, b, beta, c, matrices: PhantomData };
        // A column is the row of the transposed product, and a row is computed in one go.
        if columns == 1 && c.row == 1 || c.column != 1 { product.transposed() } else { Some(product) }
    }

    /// Cᵀ ← α·Bᵀ·Aᵀ + β·Cᵀ.
    fn transposed(self) -> Option<Self> {
        fn flip<P>(m: Matrix<P>) -> Matrix<P> {
            Matrix { at: m.at, row: m.column, column: m.row }
        }
        let (rows, columns) = (self.columns, self.rows);
        let flipped = Self { rows, columns, a: flip(self.b), b: flip(self.a), c: flip(self.c), ..self };
        (flipped.c.column == 1).then_some(flipped)
    }

    /// Computes it, on the threads of the pool that this thread is in.
    #[inline]
    pub(crate) fn compute(&self) {
        // SAFETY: `of` has looked at the CPU and borrowed the matrices, whose shapes `gemm` has checked; slabs of C are
        // disjoint.
        let part = |rows, columns| unsafe { A::tiles(self.width, self, rows, columns) };
        let work = self.rows * self.columns * self.depth;
        match pool::current() {
            Some(pool) if work >= WORTH_SHARING => {
                let slabs = pool.threads();
                pool.run(slabs, &|i| {
                    if SPLIT_ROWS.load(std::sync::atomic::Ordering::Relaxed) {
                        part(slab(self.rows, 4, slabs, i), 0..self.columns);
                    } else {
                        part(0..self.rows, slab(self.columns, 16, slabs, i));
                    }
                });
            }
            _ => part(0..self.rows, 0..self.columns),
        }
    }
}

/// C ← α·A·B + β·C by one kernel, on the calling thread: for measurements. [`gemm`](crate::gemm) chooses by itself.
///
/// # Panics
/// As `gemm`; and if this CPU has not the kernel.
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
    match (kernel, Product::of(alpha, a, b, beta, c)) {
        #[cfg(target_arch = "x86_64")]
        (Kernel::Tiles, Some(product)) => product.compute(),
        (Kernel::Tiles, _) if !has_tiles() => panic!("gemm: this CPU has no tiles"),
        _ => by_library(alpha, a, b, beta, c),
    }
}

/// The product by the linked BLAS or ndarray's kernels.
pub(crate) fn by_library<A: Scalar>(
    alpha: A,
    a: &ArrayRef2<A>,
    b: &ArrayRef2<A>,
    beta: A,
    c: &mut ArrayRef2<A>,
) {
    blas::init();
    general_mat_mul(alpha, a, b, beta, c);
}

pub static SPLIT_ROWS: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(true);
/// Multiply-adds below which a fork costs more than it saves: some two microseconds.
#[cfg(target_arch = "x86_64")]
const WORTH_SHARING: usize = 1 << 17;

/// The `i`-th of `slabs` parts of `0..len`, cut at multiples of `unit`.
fn slab(len: usize, unit: usize, slabs: usize, i: usize) -> Range<usize> {
    let units = len.div_ceil(unit);
    let cut = |i: usize| (units * i / slabs * unit).min(len);
    cut(i)..cut(i + 1)
}
