//! Products by register tiles: C is computed in tiles of some rows by two registers, each summed over all of k before it
//! is written.
//!
//! A number of C is a chain of fused multiply-adds over k in its natural order, or a sum of two or more whose lengths depend
//! on the shape of the product alone, wherever its tile lies. So the bits do not depend on how a product is cut into slabs,
//! nor on the width of the registers; but an inner product, of few rows by a transposed B, is summed lane by lane.
//!
//! Networks multiply few rows by large matrices. To pack those first, as kernels for large squares do, would cost as much
//! as the product; here B is read where it lies, unless many rows share the effort or it is transposed.
//!
//! # References
//! Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34(3), 2008; Van Zee and van de
//! Geijn, "BLIS", ACM TOMS 41(3), 2015.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::hint::black_box;
use std::ops::Range;

use super::few::Few;
use super::lanes::{F32x8, F32x16, F64x4, F64x8, Lanes};
use super::pack::{pack_panels, pack_rows};
use super::product::{Matrix, Product};
use super::room::Room;
use crate::Scalar;

/// From so many rows on, B is packed panel by panel.
const ROWS_TO_PACK: usize = 96;
/// Rows of A that lie a multiple of so many bytes apart fall into the same sets of the caches, and are packed.
const ALIAS: usize = 4096;
/// Beyond so many bytes, A does not stay in the second cache while the panels of B pass by; then some panels that fill as
/// many bytes stay there, and A passes by.
const HALF_CACHE: usize = 512 * 1024;

/// The registers of this CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// AVX-512: 32 registers of 512 bits.
    Avx512,
    /// AVX2 and FMA: 16 registers of 256 bits.
    Avx2,
}

impl Width {
    /// The widest that this CPU has, if it has either.
    #[inline]
    pub(super) fn of_this_cpu() -> Option<Self> {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
            return Some(Width::Avx512);
        }
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Width::Avx2)
    }
}

/// The number types that have tiles.
pub trait Tiled: Sized {
    /// Some rows and columns of C ← α·A·B + β·C.
    ///
    /// # Safety
    /// The CPU has `width`, and the product's matrices are good in the rows and columns.
    #[doc(hidden)]
    #[allow(private_interfaces)]
    unsafe fn tiles(width: Width, product: &Product<'_, Self>, rows: Range<usize>, columns: Range<usize>);
}

macro_rules! tiled {
    ($number:ident: $($width:ident = $rows:literal rows of $lanes:ident by $features:literal),+) => {
        impl Tiled for $number {
            #[allow(private_interfaces)]
            unsafe fn tiles(
                width: Width,
                product: &Product<'_, Self>,
                rows: Range<usize>,
                columns: Range<usize>,
            ) {
                match width {
                    $(Width::$width => {
                        #[target_feature(enable = $features)]
                        unsafe fn run(product: &Product<'_, $number>, rows: Range<usize>, columns: Range<usize>) {
                            // SAFETY: the caller's contract, here and below.
                            unsafe { product.run::<$lanes, $rows>(rows, columns) }
                        }
                        // Its own function, so that a product of some nanoseconds does not set up what tiles need.
                        #[target_feature(enable = $features)]
                        unsafe fn few(few: Few, product: &Product<'_, $number>, rows: Range<usize>, columns: Range<usize>) {
                            // SAFETY: as above.
                            unsafe { product.run_few::<$lanes>(few, rows, columns) }
                        }
                        // SAFETY: as above.
                        unsafe {
                            match product.few(rows.len(), columns.len(), <$lanes>::LEN) {
                                Some(way) => few(way, product, rows, columns),
                                None => run(product, rows, columns),
                            }
                        }
                    })+
                }
            }
        }
    };
}

tiled!(f32: Avx512 = 12 rows of F32x16 by "avx512f,avx512vl,avx2,fma", Avx2 = 6 rows of F32x8 by "avx2,fma");
tiled!(f64: Avx512 = 12 rows of F64x8 by "avx512f,avx512vl,avx2,fma", Avx2 = 6 rows of F64x4 by "avx2,fma");

impl<A: Scalar> Product<'_, A> {
    /// Whether the rows of A, or its columns where those are contiguous, get in each other's way in the caches.
    fn a_aliases(&self) -> bool {
        (self.a.row.max(self.a.column) * size_of::<A>()).is_multiple_of(ALIAS)
    }

    /// # Safety
    /// As for [`Tiled::tiles`]; called from a function compiled for the lanes.
    #[inline(always)]
    unsafe fn run<V: Lanes<Number = A>, const ROWS: usize>(&self, rows: Range<usize>, columns: Range<usize>) {
        let (a, b, c) = (self.a, self.b, self.c);
        let (m, n) = (rows.len(), columns.len());
        if m == 0 || n == 0 {
            return;
        }
        // SAFETY: all pointers stay within the rows and columns that the caller vouches for, or within the buffer.
        unsafe {
            let c = Matrix { at: c.at.add(rows.start * c.row + columns.start), ..c };
            let base = self.base(rows.start, columns.start);
            let a = Matrix { at: a.at.add(rows.start * a.row), row: a.row, column: a.column };
            let b = Matrix { at: b.at.add(columns.start * b.column), row: b.row, column: b.column };
            let transposed = b.column != 1;
            let width = 2 * V::LEN;
            let depth = self.depth.min(self.chain);
            let pack_b = transposed || self.rows >= ROWS_TO_PACK;
            let is_wide = self.columns >= 16 * V::LEN;
            let a_is_large = pack_b && is_wide && m * depth * size_of::<A>() > HALF_CACHE;
            let pack_a = a_is_large || is_wide && self.a_aliases();
            // Some panels at once also means to read B in longer pieces.
            let room = match (pack_b && is_wide, a_is_large) {
                (false, _) => 0,
                (true, false) => HALF_CACHE / 2,
                (true, true) => HALF_CACHE,
            };
            let panels = (room / (depth * size_of::<A>() * width)).max(1);
            let block = width * panels.min(n.div_ceil(width));
            let space = if pack_b { block * depth } else { 0 } + if pack_a { m * depth } else { 0 };
            let mut room = (space > 0).then(|| Room::borrow(&PACKED));
            let packed_b = room.as_mut().map_or(std::ptr::null_mut(), |room| room.of::<A>(space));
            let packed_a = packed_b.add(if pack_b { block * depth } else { 0 });

            // What waits for C gets it in pieces where it would have left the cache by the end.
            let in_pieces = m * n * size_of::<A>() > HALF_CACHE;
            for l in (0..self.depth).step_by(self.chain) {
                let depth = self.chain.min(self.depth - l);
                let is_last = l + depth == self.depth;
                let (beta, base) = if l == 0 { (self.beta, base) } else { (A::one(), c.read()) };
                let a = Matrix { at: a.at.add(l * a.column), ..a };
                if pack_a {
                    for (i, count) in tiles::<ROWS>(m) {
                        pack_rows(
                            Matrix { at: a.at.add(i * a.row), ..a },
                            count,
                            depth,
                            packed_a.add(i * depth),
                        );
                    }
                }
                for j in (0..n).step_by(block) {
                    let panels = (j..n.min(j + block)).step_by(width);
                    let panel = |j: usize| Matrix { at: b.at.add(l * b.row + j * b.column), ..b };
                    let packed = |k: usize| packed_b.add((k - j) * depth);
                    if pack_b {
                        pack_panels::<V>(panel(j), block.min(n - j), depth, packed_b);
                    }
                    for (i, count) in tiles::<ROWS>(m) {
                        let tile = if pack_a {
                            Matrix { at: packed_a.add(i * depth).cast_const(), row: 1, column: count }
                        } else {
                            Matrix { at: a.at.add(i * a.row), ..a }
                        };
                        for k in panels.clone() {
                            let panel = if pack_b {
                                Matrix { at: packed(k).cast_const(), row: width, column: 1 }
                            } else {
                                panel(k)
                            };
                            let (used, out) = (width.min(n - k), c.at.add(i * c.row + k));
                            let base = Matrix { at: base.at.add(i * base.row + k), ..base };
                            match count {
                                12 => self.rows_of_tiles::<V, 12>(used, depth, tile, panel, beta, base, out),
                                10 => self.rows_of_tiles::<V, 10>(used, depth, tile, panel, beta, base, out),
                                8 => self.rows_of_tiles::<V, 8>(used, depth, tile, panel, beta, base, out),
                                6 => self.rows_of_tiles::<V, 6>(used, depth, tile, panel, beta, base, out),
                                4 => self.rows_of_tiles::<V, 4>(used, depth, tile, panel, beta, base, out),
                                2 => self.rows_of_tiles::<V, 2>(used, depth, tile, panel, beta, base, out),
                                _ => self.rows_of_tiles::<V, 1>(used, depth, tile, panel, beta, base, out),
                            }
                        }
                        if in_pieces && is_last {
                            let (row, column) = (rows.start + i, columns.start + j);
                            self.finish(row..row + count, column..column + block.min(n - j));
                        }
                    }
                }
            }
            if !in_pieces {
                self.finish(rows, columns);
            }
        }
    }

    /// `ROWS` rows by `n` columns of C.
    #[inline(always)]
    unsafe fn rows_of_tiles<V: Lanes<Number = A>, const ROWS: usize>(
        &self,
        n: usize,
        depth: usize,
        a: Matrix<*const A>,
        b: Matrix<*const A>,
        beta: A,
        base: Matrix<*const A>,
        c: *mut A,
    ) {
        // SAFETY: as for `run`.
        unsafe {
            if a.row == 1 {
                self.columns_of_tiles::<V, ROWS, true>(n, depth, a, b, beta, base, c);
            } else {
                self.columns_of_tiles::<V, ROWS, false>(n, depth, a, b, beta, base, c);
            }
        }
    }

    #[inline(always)]
    unsafe fn columns_of_tiles<V: Lanes<Number = A>, const ROWS: usize, const ADJACENT: bool>(
        &self,
        n: usize,
        depth: usize,
        a: Matrix<*const A>,
        b: Matrix<*const A>,
        beta: A,
        base: Matrix<*const A>,
        c: *mut A,
    ) {
        // SAFETY: as for `run`.
        unsafe {
            for j in (0..n).step_by(2 * V::LEN) {
                let (b, c, n) = (Matrix { at: b.at.add(j), ..b }, c.add(j), n - j);
                let base = Matrix { at: base.at.add(j), ..base };
                let last = V::mask(if n.is_multiple_of(V::LEN) { V::LEN } else { n % V::LEN });
                if n >= 2 * V::LEN {
                    self.tile::<V, ROWS, 2, true, ADJACENT>(last, depth, a, b, beta, base, c);
                } else if n > V::LEN {
                    self.tile::<V, ROWS, 2, false, ADJACENT>(last, depth, a, b, beta, base, c);
                } else {
                    self.tile::<V, ROWS, 1, false, ADJACENT>(last, depth, a, b, beta, base, c);
                }
            }
        }
    }

    /// One tile; all of its registers are full, or `last` says how much of the last column of them is. The rows of A are
    /// adjacent numbers, as where it is packed and in hᵀ·δ, or not.
    #[inline(always)]
    unsafe fn tile<
        V: Lanes<Number = A>,
        const ROWS: usize,
        const COLUMNS: usize,
        const FULL: bool,
        const ADJACENT: bool,
    >(
        &self,
        last: V::Mask,
        depth: usize,
        a: Matrix<*const A>,
        b: Matrix<*const A>,
        beta: A,
        base: Matrix<*const A>,
        c: *mut A,
    ) {
        // SAFETY: as for `run`.
        unsafe {
            let load = |j: usize, from: *const A| {
                let from = from.add(j * V::LEN);
                if FULL || j + 1 < COLUMNS { V::load(from) } else { V::load_some(last, from) }
            };
            let mut sums = [[V::zero(); COLUMNS]; ROWS];
            // Four rows of A from each of three pointers, which the compiler must not see to be one: it would go from row to row
            // by additions, each of which waits for the one before, and so would take longer than the multiply-adds.
            let step = if ADJACENT { 1 } else { a.row };
            let mut groups: [*const A; 3] = std::array::from_fn(|g| {
                let at = a.at.wrapping_add(4 * g * step);
                if !ADJACENT && g > 0 && 4 * g < ROWS { black_box(at) } else { at }
            });
            let mut row = b.at;
            for _ in 0..depth {
                let y: [V; COLUMNS] = std::array::from_fn(|j| load(j, row));
                for (i, sums) in sums.iter_mut().enumerate() {
                    let x = V::splat(*groups[i / 4].add(i % 4 * step));
                    for (sum, &y) in sums.iter_mut().zip(&y) {
                        *sum = x.mul_add(y, *sum);
                    }
                }
                for group in &mut groups {
                    *group = group.wrapping_add(a.column);
                }
                row = row.wrapping_add(b.row);
            }
            for (i, sums) in sums.iter().enumerate() {
                let (base, c) = (base.at.add(i * base.row), c.add(i * self.c.row));
                for (j, sum) in sums.iter().enumerate() {
                    let mut z = sum.mul(V::splat(self.alpha));
                    if beta != A::zero() {
                        z = V::splat(beta).mul_add(load(j, base), z);
                    }
                    let to = c.add(j * V::LEN);
                    if FULL || j + 1 < COLUMNS { z.store(to) } else { z.store_some(last, to) }
                }
            }
        }
    }
}

/// Cuts `m` rows into tiles of `ROWS`, and the rest into tiles of 10, 8, 4, 2 and 1: first rows and numbers of rows.
#[inline(always)]
pub(super) fn tiles<const ROWS: usize>(m: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut i = 0;
    std::iter::from_fn(move || {
        let count = match m - i {
            0 => return None,
            left if left >= ROWS => ROWS,
            left if left >= 10 && ROWS > 8 => 10,
            left if left >= 8 && ROWS > 8 => 8,
            left if left >= 4 => 4,
            left if left >= 2 => 2,
            _ => 1,
        };
        i += count;
        Some((i - count, count))
    })
}

thread_local! {
    /// A thread's place for packed numbers.
    pub(super) static PACKED: Cell<Room> = const { Cell::new(Room::new()) };
}
