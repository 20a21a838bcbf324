//! Small products, of so few rows or columns that register tiles would be mostly empty: how each is computed.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ops::Range;

use super::lanes::{Lanes, transpose_8x8};
use super::product::{Matrix, Product};
use super::scratch::Scratch;
use crate::scalar::Scalar;

/// How a product of few rows or few columns is computed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Small {
    InnerProducts,
    OuterProduct,
    LoneRow,
    NarrowRow,
    Flipped,
}

impl<A: Scalar> Product<'_, A> {
    /// How `m` rows and `n` columns of it are computed, if they are few, in registers of `lanes` numbers.
    #[inline]
    pub(super) fn small(&self, m: usize, n: usize, lanes: usize) -> Option<Small> {
        if self.fold.is_some() {
            return None;
        }
        if self.is_inner() {
            return Some(Small::InnerProducts);
        }
        if self.b.column != 1 {
            return None;
        }
        if self.depth == 1 {
            return Some(Small::OuterProduct);
        }
        if m == 1 {
            return Some(if n > 2 * lanes { Small::LoneRow } else { Small::NarrowRow });
        }
        let is_flat = self.a.row == 1 && n < lanes && m >= 2 * lanes && self.depth >= lanes;
        is_flat.then_some(Small::Flipped)
    }

    /// Computes them so.
    ///
    /// # Safety
    /// As for `run`.
    #[inline(always)]
    pub(super) unsafe fn run_small<V: Lanes<Number = A>>(
        &self,
        way: Small,
        rows: Range<usize>,
        columns: Range<usize>,
    ) {
        let (m, n) = (rows.len(), columns.len());
        if m == 0 || n == 0 {
            return;
        }
        // SAFETY: the caller's contract.
        unsafe {
            let c = Matrix { at: self.c.at.add(rows.start * self.c.row + columns.start), ..self.c };
            let a = Matrix { at: self.a.at.add(rows.start * self.a.row), ..self.a };
            let b = Matrix { at: self.b.at.add(columns.start * self.b.column), ..self.b };
            let base = self.base(rows.start, columns.start);
            match way {
                Small::InnerProducts => self.inner_products::<V>(m, n, a, b, base, c),
                Small::OuterProduct => self.outer_product::<V>(m, n, a, b.at, base, c),
                Small::LoneRow => self.lone_row::<V>(n, a, b, base.at, c.at),
                Small::NarrowRow if n > V::LEN => self.narrow_row::<V, 2>(n, a, b, base.at, c.at),
                Small::NarrowRow => self.narrow_row::<V, 1>(n, a, b, base.at, c.at),
                Small::Flipped => self.few_columns(rows.clone(), columns.clone()),
            }
            self.finish(rows, columns);
        }
    }

    /// A lone column of A by a lone row of B: nothing is summed, and each row of C is the row of B times a number.
    #[inline(always)]
    unsafe fn outer_product<V: Lanes<Number = A>>(
        &self,
        m: usize,
        n: usize,
        a: Matrix<*const A>,
        b: *const A,
        base: Matrix<*const A>,
        c: Matrix<*mut A>,
    ) {
        // SAFETY: as for `run`.
        unsafe {
            let mut j = 0;
            while j < n {
                let (b, base, c) =
                    (b.add(j), Matrix { at: base.at.add(j), ..base }, Matrix { at: c.at.add(j), ..c });
                let left = n - j;
                if left >= 2 * V::LEN {
                    self.outer_columns::<V, 2, true>(2 * V::LEN, m, a, b, base, c);
                } else if left > V::LEN {
                    self.outer_columns::<V, 2, false>(left, m, a, b, base, c);
                } else {
                    self.outer_columns::<V, 1, false>(left, m, a, b, base, c);
                }
                j += 2 * V::LEN;
            }
        }
    }

    /// `n` columns of an outer product, in `COLUMNS` registers that are all full or not.
    #[inline(always)]
    unsafe fn outer_columns<V: Lanes<Number = A>, const COLUMNS: usize, const FULL: bool>(
        &self,
        n: usize,
        m: usize,
        a: Matrix<*const A>,
        b: *const A,
        base: Matrix<*const A>,
        c: Matrix<*mut A>,
    ) {
        // SAFETY: as for `run`.
        unsafe {
            let last = V::mask(n - (COLUMNS - 1) * V::LEN);
            let mut y = [V::zero(); COLUMNS];
            for (j, y) in y.iter_mut().enumerate() {
                *y = V::load_of(b, j, FULL || j + 1 < COLUMNS, last);
            }
            let (alpha, beta) = (V::splat(self.alpha), V::splat(self.beta));
            let is_bare = self.alpha == A::one() && self.beta == A::zero();
            for i in 0..m {
                let x = V::splat(*a.at.add(i * a.row));
                for (j, &y) in y.iter().enumerate() {
                    let is_whole = FULL || j + 1 < COLUMNS;
                    // As a chain of one, which makes a zero of −0.
                    let mut z = x.mul_add(y, V::zero());
                    if !is_bare {
                        z = z.mul(alpha);
                        if self.beta != A::zero() {
                            let base = base.at.add(i * base.row);
                            z = beta.mul_add(V::load_of(base, j, is_whole, last), z);
                        }
                    }
                    z.store_of(c.at.add(i * c.row), j, is_whole, last);
                }
            }
        }
    }

    /// Fewer columns than a register has lanes, as in ∂C/∂W of the ten classes: Cᵀ = Bᵀ·A, whose rows fill registers, and
    /// then its columns go to their places.
    ///
    /// # Safety
    /// As for `run`, with rows of A that are its contiguous columns and a B that is not transposed.
    #[inline(always)]
    unsafe fn few_columns(&self, rows: Range<usize>, columns: Range<usize>) {
        thread_local! {
            static FLIPPED: Cell<Scratch> = const { Cell::new(Scratch::new()) };
        }
        let (m, n) = (rows.len(), columns.len());
        let mut scratch = Scratch::borrow(&FLIPPED);
        let sums = scratch.of::<A>(m * n);
        // SAFETY: the pointers stay within the rows and columns that the caller vouches for, or within the scratch.
        unsafe {
            let flipped = Self {
                rows: n,
                columns: m,
                a: Matrix { at: self.b.at.add(columns.start), row: 1, column: self.b.row },
                b: Matrix { at: self.a.at.add(rows.start), row: self.a.column, column: 1 },
                beta: A::zero(),
                base: std::ptr::null(),
                c: Matrix { at: sums, row: m, column: 1 },
                epilogue: None,
                ..*self
            };
            A::tiles(self.width, &flipped, 0..n, 0..m);
            let base = self.base(rows.start, columns.start);
            let c = self.c.at.add(rows.start * self.c.row + columns.start);
            // Blocks of 8 × 8 by registers where there are such.
            let blocks =
                if size_of::<A>() == 4 && self.beta == A::zero() { (m / 8 * 8, n / 8 * 8) } else { (0, 0) };
            for i in (0..blocks.0).step_by(8) {
                for j in (0..blocks.1).step_by(8) {
                    let to = c.add(i * self.c.row + j);
                    transpose_8x8(sums.add(j * m + i).cast_const().cast(), m, to.cast(), self.c.row);
                }
            }
            for i in 0..m {
                for j in if i < blocks.0 { blocks.1 } else { 0 }..n {
                    let sum = *sums.add(j * m + i);
                    *c.add(i * self.c.row + j) = if self.beta == A::zero() {
                        sum
                    } else {
                        self.beta.mul_add(*base.at.add(i * base.row + j), sum)
                    };
                }
            }
        }
    }
}
