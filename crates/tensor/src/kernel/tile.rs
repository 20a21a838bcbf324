//! The register tile: some rows by some registers of C, summed over a chain of the depth before they are written.
#![allow(unsafe_code)]

use std::hint::black_box;

use super::lanes::Lanes;
use super::product::{Fold, Matrix, Product};
use crate::scalar::Scalar;

/// A tile prefetches B this many rows ahead: a panel does not fit into the first cache, and comes from the second.
const AHEAD: usize = 8;

impl<A: Scalar> Product<'_, A> {
    /// The tile of `ROWS` rows by `n` columns of C, in as many registers as they fill.
    #[inline(always)]
    pub(super) unsafe fn tile_of<
        V: Lanes<Number = A>,
        const ROWS: usize,
        const REGISTERS: usize,
        const ADJACENT: bool,
    >(
        &self,
        n: usize,
        fold: Fold<'_>,
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
                self.tile::<V, ROWS, REGISTERS, true, ADJACENT>(last, fold, a, b, beta, base, c);
            } else if n > 2 * V::LEN {
                self.tile::<V, ROWS, REGISTERS, false, ADJACENT>(last, fold, a, b, beta, base, c);
            } else if n > V::LEN {
                self.tile::<V, ROWS, 2, false, ADJACENT>(last, fold, a, b, beta, base, c);
            } else {
                self.tile::<V, ROWS, 1, false, ADJACENT>(last, fold, a, b, beta, base, c);
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
        fold: Fold<'_>,
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
            let second = if ADJACENT || ROWS <= 4 { second } else { black_box(second) };
            let mut groups;
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
            for &offset in fold.offsets {
                groups = [a.at.wrapping_add(offset), second.wrapping_add(offset)];
                for _ in 0..fold.segment / abreast {
                    for l in 0..abreast {
                        add!(l);
                    }
                    groups = [groups[0].wrapping_add(abreast * next), groups[1].wrapping_add(abreast * next)];
                }
                for l in 0..fold.segment % abreast {
                    add!(l);
                }
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
