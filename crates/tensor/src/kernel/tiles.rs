//! Products by register tiles: C is computed in tiles of some rows by some registers, each summed over all of k before it
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
/// And from so many where a packed panel would not stay in the first cache either, and a page holds two rows of B or more.
const ROWS_TO_PACK_NEAR: usize = 640;
/// A panel of more rows of B does not stay in the first cache.
const LOW: usize = 192;
/// Bytes of a page of memory. Rows of A that lie a multiple of it apart fall into the same sets of the caches, and are packed.
const PAGE: usize = 4096;
/// Beyond so many bytes, A does not stay in the second cache while the panels of B pass by; then some panels that fill as
/// many bytes stay there, and A passes by.
const HALF_CACHE: usize = 512 * 1024;
/// A tile asks for B so many rows ahead: a panel does not fit into the first cache, and comes from the second.
const AHEAD: usize = 8;

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
    ($number:ident: $($width:ident = $rows:literal x $registers:literal of $lanes:ident by $features:literal),+) => {
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
                            unsafe {
                                if product.a.row == 1 || product.packs_a(rows.len(), <$lanes>::LEN) {
                                    product.run::<$lanes, $rows, $registers, true>(rows, columns);
                                } else {
                                    product.run::<$lanes, $rows, $registers, false>(rows, columns);
                                }
                            }
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

// Eight rows by three need 11 loads for 24 multiply-adds, twelve by two 14: a core that works for somebody else too is short of
// loads before it is short of multiply-adds.
tiled!(f32: Avx512 = 8 x 3 of F32x16 by "avx512f,avx512vl,avx2,fma", Avx2 = 6 x 2 of F32x8 by "avx2,fma");
tiled!(f64: Avx512 = 8 x 3 of F64x8 by "avx512f,avx512vl,avx2,fma", Avx2 = 6 x 2 of F64x4 by "avx2,fma");

impl<A: Scalar> Product<'_, A> {
    /// Whether C is so wide that to copy factors pays, in registers of `lanes` numbers.
    fn is_wide(&self, lanes: usize) -> bool {
        self.columns >= 16 * lanes
    }

    /// Whether B is packed: where it is transposed, or many rows share the effort.
    fn packs_b(&self) -> bool {
        let is_near = self.depth > LOW && 2 * self.b.row * size_of::<A>() <= PAGE;
        self.b.column != 1 || self.rows >= if is_near { ROWS_TO_PACK_NEAR } else { ROWS_TO_PACK }
    }

    /// Whether `m` rows of A do not stay in the second cache while the panels of B pass by.
    fn a_is_large(&self, m: usize, lanes: usize) -> bool {
        let depth = self.depth.min(self.chain);
        self.packs_b() && self.is_wide(lanes) && m * depth * size_of::<A>() > HALF_CACHE
    }

    /// Whether `m` rows of A are packed: where they are strewn over memory, as the columns of h in hᵀ·δ, and are read for many
    /// panels; where they get in each other's way in the caches; or where they are too many.
    fn packs_a(&self, m: usize, lanes: usize) -> bool {
        let is_strewn = self.a.row == 1 && self.columns >= 32 * lanes;
        let aliases = (self.a.row.max(self.a.column) * size_of::<A>()).is_multiple_of(PAGE);
        is_strewn || self.is_wide(lanes) && aliases || self.a_is_large(m, lanes)
    }

    /// Some rows and columns, in tiles of at most `ROWS` by `REGISTERS`; either the rows of A are `ADJACENT` numbers, in
    /// memory or packed, or each is contiguous: `gemm` takes no other matrices.
    ///
    /// # Safety
    /// As for [`Tiled::tiles`]; called from a function compiled for the lanes.
    #[inline(always)]
    unsafe fn run<V: Lanes<Number = A>, const ROWS: usize, const REGISTERS: usize, const ADJACENT: bool>(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
    ) {
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
            let width = REGISTERS * V::LEN;
            let depth = self.depth.min(self.chain);
            let (pack_a, pack_b) = (self.packs_a(m, V::LEN), self.packs_b());
            let a_is_large = self.a_is_large(m, V::LEN);
            // Some panels at once also means to read B in longer pieces.
            let room = match (pack_b && self.is_wide(V::LEN), a_is_large) {
                (false, _) => 0,
                (true, false) => HALF_CACHE / 2,
                (true, true) => HALF_CACHE,
            };
            let panels = room.div_ceil(depth * size_of::<A>() * width).max(1);
            let block = width * panels.min(n.div_ceil(width));
            // A tile's rows at a time, which stay in the first cache, where some panels share the effort; else all of A at once.
            let by_tiles = pack_a && !a_is_large && block >= n.min(4 * width);
            let a_space = if by_tiles { ROWS * depth } else { m * depth };
            let space = if pack_b { block * depth } else { 0 } + if pack_a { a_space } else { 0 };
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
                if pack_a && !by_tiles {
                    for (i, count) in pieces(m, ROWS, 1) {
                        let a = Matrix { at: a.at.add(i * a.row), ..a };
                        pack_rows(a, count, depth, packed_a.add(i * depth));
                    }
                }
                for (j, block) in pieces(n, block, V::LEN) {
                    let panel = |j: usize| Matrix { at: b.at.add(l * b.row + j * b.column), ..b };
                    if pack_b {
                        pack_panels::<V, REGISTERS>(panel(j), block, depth, packed_b);
                    }
                    for (i, count) in pieces(m, ROWS, 1) {
                        let rows_of_a = Matrix { at: a.at.add(i * a.row), ..a };
                        let tile = if by_tiles {
                            pack_rows(rows_of_a, count, depth, packed_a);
                            Matrix { at: packed_a.cast_const(), row: 1, column: count }
                        } else if pack_a {
                            Matrix { at: packed_a.add(i * depth).cast_const(), row: 1, column: count }
                        } else {
                            rows_of_a
                        };
                        for (k, used) in pieces(block, width, V::LEN) {
                            let panel = if pack_b {
                                let row = used.next_multiple_of(V::LEN);
                                Matrix { at: packed_b.add(k * depth).cast_const(), row, column: 1 }
                            } else {
                                panel(j + k)
                            };
                            let out = c.at.add(i * c.row + j + k);
                            let base = Matrix { at: base.at.add(i * base.row + j + k), ..base };
                            macro_rules! tile_of {
                                ($($rows:literal)+) => {
                                    match count {
                                        $($rows if $rows <= ROWS => self.tile_of::<V, $rows, REGISTERS, ADJACENT>(
                                            used, depth, tile, panel, beta, base, out,
                                        ),)+
                                        _ => unreachable!("a tile of {count} rows"),
                                    }
                                };
                            }
                            tile_of!(1 2 3 4 5 6 7 8);
                        }
                        if in_pieces && is_last {
                            let (row, column) = (rows.start + i, columns.start + j);
                            self.finish(row..row + count, column..column + block);
                        }
                    }
                }
            }
            if !in_pieces {
                self.finish(rows, columns);
            }
        }
    }

    /// The tile of `ROWS` rows by `n` columns of C, in as many registers as they fill.
    #[inline(always)]
    unsafe fn tile_of<
        V: Lanes<Number = A>,
        const ROWS: usize,
        const REGISTERS: usize,
        const ADJACENT: bool,
    >(
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
            let last = V::mask(if n.is_multiple_of(V::LEN) { V::LEN } else { n % V::LEN });
            if n == REGISTERS * V::LEN {
                self.tile::<V, ROWS, REGISTERS, true, ADJACENT>(last, depth, a, b, beta, base, c);
            } else if n > 2 * V::LEN {
                self.tile::<V, ROWS, REGISTERS, false, ADJACENT>(last, depth, a, b, beta, base, c);
            } else if n > V::LEN {
                self.tile::<V, ROWS, 2, false, ADJACENT>(last, depth, a, b, beta, base, c);
            } else {
                self.tile::<V, ROWS, 1, false, ADJACENT>(last, depth, a, b, beta, base, c);
            }
        }
    }

    /// One tile; all of its registers are full, or `last` says how much of the last column of them is.
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
            let (step, next) = if ADJACENT { (1, a.column) } else { (a.row, 1) };
            let mut sums = [[V::zero(); COLUMNS]; ROWS];
            // Four rows of A from each of two pointers, which the compiler must not see to be one: it would go from row to row by
            // additions, each of which waits for the one before, and so would take longer than the multiply-adds.
            let second = a.at.wrapping_add(4 * step);
            let mut groups = [a.at, if ADJACENT || ROWS <= 4 { second } else { black_box(second) }];
            let mut row = b.at;
            // No closure: one that is not inlined would be compiled for a CPU without these registers.
            macro_rules! add {
                ($l:expr) => {
                    let mut y = [V::zero(); COLUMNS];
                    for (j, y) in y.iter_mut().enumerate() {
                        *y = V::load_of(row, j, FULL || j + 1 < COLUMNS, last);
                    }
                    // A panel of one register is in the first cache after the first rows of C.
                    if COLUMNS > 1 {
                        let ahead = row.wrapping_add(AHEAD * b.row);
                        for j in 0..COLUMNS {
                            V::prefetch(ahead.wrapping_add(j * V::LEN));
                        }
                    }
                    for (i, sums) in sums.iter_mut().enumerate() {
                        let x = V::splat(*groups[i / 4].add(i % 4 * step + $l * next));
                        for (sum, &y) in sums.iter_mut().zip(&y) {
                            *sum = x.mul_add(y, *sum);
                        }
                    }
                    row = row.wrapping_add(b.row);
                };
            }
            // Contiguous rows are left behind four numbers at a time.
            let abreast = if ADJACENT { 1 } else { 4 };
            for _ in 0..depth / abreast {
                for l in 0..abreast {
                    add!(l);
                }
                groups = [groups[0].wrapping_add(abreast * next), groups[1].wrapping_add(abreast * next)];
            }
            for l in 0..depth % abreast {
                add!(l);
            }
            for (i, sums) in sums.iter().enumerate() {
                let (base, c) = (base.at.add(i * base.row), c.add(i * self.c.row));
                for (j, sum) in sums.iter().enumerate() {
                    let is_whole = FULL || j + 1 < COLUMNS;
                    let mut z = sum.mul(V::splat(self.alpha));
                    if beta != A::zero() {
                        z = V::splat(beta).mul_add(V::load_of(base, j, is_whole, last), z);
                    }
                    z.store_of(c, j, is_whole, last);
                }
            }
        }
    }
}

/// Cuts `0..n` into pieces of `most`, and what is left into two halves that are multiples of `unit`: where they begin and how
/// long they are.
#[inline(always)]
pub(super) fn pieces(n: usize, most: usize, unit: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut begin = 0;
    std::iter::from_fn(move || {
        let left = n - begin;
        let piece = match left {
            0 => return None,
            _ if left <= most => left,
            _ if left < 2 * most => left.div_ceil(2).next_multiple_of(unit),
            _ => most,
        };
        begin += piece;
        Some((begin - piece, piece))
    })
}

thread_local! {
    /// A thread's place for packed numbers.
    pub(super) static PACKED: Cell<Room> = const { Cell::new(Room::new()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_follow_each_other_and_none_is_small() {
        for (most, unit) in [(8, 1), (6, 1), (48, 16), (16, 8), (144, 16)] {
            for n in 0..400 {
                let mut end = 0;
                for (begin, len) in pieces(n, most, unit) {
                    assert_eq!(begin, end, "{n} by {most}");
                    assert!(len <= most && (len == n || 2 * len + 2 * unit > most), "{n} by {most}: {len}");
                    end += len;
                    assert!(end == n || len.is_multiple_of(unit), "{n} by {most}: {len}");
                }
                assert_eq!(end, n);
            }
        }
    }
}
