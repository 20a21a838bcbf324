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

use std::ops::Range;

use super::lanes::{F32x8, F32x16, F64x4, F64x8, Lanes};
use super::pack::{pack_panels, pack_rows, pieces};
use super::plan::HALF_CACHE;
use super::product::{Fold, Matrix, Product};
use super::scratch::{PACKED, Scratch};
use super::small::Small;
use super::tiled::Tiled;
use super::width::Width;
use crate::scalar::Scalar;

macro_rules! tiled {
    ($number:ident: $($(#[$when:meta])? $width:ident = $rows:literal x $registers:literal of $lanes:ident by $features:literal),+) => {
        impl Tiled for $number {
            #[allow(private_interfaces)]
            unsafe fn tiles(
                width: Width,
                product: &Product<'_, Self>,
                rows: Range<usize>,
                columns: Range<usize>,
            ) {
                match width {
                    $($(#[$when])? Width::$width => {
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
                        unsafe fn small(way: Small, product: &Product<'_, $number>, rows: Range<usize>, columns: Range<usize>) {
                            // SAFETY: as above.
                            unsafe { product.run_small::<$lanes>(way, rows, columns) }
                        }
                        // SAFETY: as above.
                        unsafe {
                            match product.small(rows.len(), columns.len(), <$lanes>::LEN) {
                                Some(way) => small(way, product, rows, columns),
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
tiled!(f32: #[cfg(not(unoptimised))] Avx512 = 8 x 3 of F32x16 by "avx512f,avx512vl,avx2,fma", Avx2 = 6 x 2 of F32x8 by "avx2,fma");
tiled!(f64: #[cfg(not(unoptimised))] Avx512 = 8 x 3 of F64x8 by "avx512f,avx512vl,avx2,fma", Avx2 = 6 x 2 of F64x4 by "avx2,fma");

impl<A: Scalar> Product<'_, A> {
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
            let (pack_a, pack_b) = (self.packs_a(m, V::LEN), self.packs_b(V::LEN));
            let a_is_large = self.a_is_large(m, V::LEN);
            // Some panels at once also means to read B in longer pieces.
            let budget = match (pack_b && self.is_wide(V::LEN), a_is_large) {
                (false, _) => 0,
                (true, false) => HALF_CACHE / 2,
                (true, true) => HALF_CACHE,
            };
            let panels = budget.div_ceil(depth * size_of::<A>() * width).max(1);
            let block = width * panels.min(n.div_ceil(width));
            // A tile's rows at a time, which stay in the first cache, where some panels share the effort; else all of A at once.
            let by_tiles = pack_a && !a_is_large && block >= n.min(4 * width);
            let a_space = if by_tiles { ROWS * depth } else { m * depth };
            let space = if pack_b { block * depth } else { 0 } + if pack_a { a_space } else { 0 };
            let mut scratch = (space > 0).then(|| Scratch::borrow(&PACKED));
            let packed_b = scratch.as_mut().map_or(std::ptr::null_mut(), |scratch| scratch.of::<A>(space));
            let packed_a = packed_b.add(if pack_b { block * depth } else { 0 });

            // The epilogue gets C in pieces where it would have left the cache by the end.
            let in_pieces = m * n * size_of::<A>() > HALF_CACHE;
            for l in (0..self.depth).step_by(self.chain) {
                let depth = self.chain.min(self.depth - l);
                let is_last = l + depth == self.depth;
                let fold = self.fold.unwrap_or(Fold::none(depth));
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
                                            used, fold, tile, panel, beta, base, out,
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
}
