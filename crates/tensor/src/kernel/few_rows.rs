//! Products of so few rows that memory is what they wait for: no number of B is read more than once or twice, so nothing is
//! gained by keeping it; and of so few columns that they would leave most of a register empty.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ops::Range;

use super::lanes::Lanes;
use super::product::{Matrix, Product, Room};
use super::tiles::{PACKED, tiles};
use crate::Scalar;

/// Below so many rows, a product with a transposed B is one of inner products.
const FEW_ROWS: usize = 4;

impl<A: Scalar> Product<'_, A> {
    /// Computes those rows and columns if it is such a product; `a`, `b`, `base` and `c` begin there.
    ///
    /// # Safety
    /// As for `run`.
    #[inline(always)]
    pub(super) unsafe fn few<V: Lanes<Number = A>>(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        a: Matrix<*const A>,
        b: Matrix<*const A>,
        base: Matrix<*const A>,
        c: Matrix<*mut A>,
    ) -> bool {
        let (m, n, transposed) = (rows.len(), columns.len(), b.column != 1);
        // SAFETY: the caller's contract.
        unsafe {
            if transposed && self.rows < FEW_ROWS && a.column == 1 && b.row == 1 {
                self.inner_products::<V>(m, n, a, b, base, c);
            } else if !transposed && m == 1 && n > 2 * V::LEN {
                self.lone_row::<V>(n, a, b, base.at, c.at);
            } else if !transposed && self.depth == 1 {
                self.outer_product::<V>(m, n, a, b.at, base, c);
            } else if !transposed && a.row == 1 && n < V::LEN && m >= 2 * V::LEN && self.depth >= V::LEN {
                self.few_columns(rows, columns);
            } else {
                return false;
            }
        }
        true
    }

    /// A lone row of A by B. Each number of B is read once, so memory is what it waits for: B is read as it lies, some rows
    /// abreast, and the sums, few as they are, go through the first cache.
    #[inline(always)]
    unsafe fn lone_row<V: Lanes<Number = A>>(
        &self,
        n: usize,
        a: Matrix<*const A>,
        b: Matrix<*const A>,
        base: *const A,
        c: *mut A,
    ) {
        const ABREAST: usize = 8;
        // SAFETY: as for `run`; the buffer has a place for the sum of each column.
        unsafe {
            let mut room = Room::borrow(&PACKED);
            let sums = room.of::<A>(n);
            for chain in (0..self.depth).step_by(self.chain) {
                let end = self.depth.min(chain + self.chain);
                for (l, count) in tiles::<ABREAST>(end - chain) {
                    let (begin, l) = (l == 0, chain + l);
                    let (x, rows) = (a.at.add(l * a.column), Matrix { at: b.at.add(l * b.row), ..b });
                    match count {
                        ABREAST => add_rows::<V, ABREAST>(begin, n, a.column, x, rows, sums),
                        4 => add_rows::<V, 4>(begin, n, a.column, x, rows, sums),
                        2 => add_rows::<V, 2>(begin, n, a.column, x, rows, sums),
                        _ => add_rows::<V, 1>(begin, n, a.column, x, rows, sums),
                    }
                }
                let (beta, base) = if chain == 0 { (self.beta, base) } else { (A::one(), c.cast_const()) };
                for j in (0..n).step_by(V::LEN) {
                    let mask = V::mask(V::LEN.min(n - j));
                    let mut z = V::load_some(mask, sums.add(j)).mul(V::splat(self.alpha));
                    if beta != A::zero() {
                        z = V::splat(beta).mul_add(V::load_some(mask, base.add(j)), z);
                    }
                    z.store_some(mask, c.add(j));
                }
            }
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
            let load = |j: usize, from: *const A| {
                let from = from.add(j * V::LEN);
                if FULL || j + 1 < COLUMNS { V::load(from) } else { V::load_some(last, from) }
            };
            let y: [V; COLUMNS] = std::array::from_fn(|j| load(j, b));
            let (alpha, beta) = (V::splat(self.alpha), V::splat(self.beta));
            let is_bare = self.alpha == A::one() && self.beta == A::zero();
            for i in 0..m {
                let x = V::splat(*a.at.add(i * a.row));
                for (j, &y) in y.iter().enumerate() {
                    // As a chain of one, which makes a zero of −0.
                    let mut z = x.mul_add(y, V::zero());
                    if !is_bare {
                        z = z.mul(alpha);
                        if self.beta != A::zero() {
                            z = beta.mul_add(load(j, base.at.add(i * base.row)), z);
                        }
                    }
                    let to = c.at.add(i * c.row + j * V::LEN);
                    if FULL || j + 1 < COLUMNS { z.store(to) } else { z.store_some(last, to) }
                }
            }
        }
    }

    /// Few rows of A by a transposed B: each number of C is an inner product of two contiguous rows.
    #[inline(always)]
    unsafe fn inner_products<V: Lanes<Number = A>>(
        &self,
        m: usize,
        n: usize,
        a: Matrix<*const A>,
        b: Matrix<*const A>,
        base: Matrix<*const A>,
        c: Matrix<*mut A>,
    ) {
        const ABREAST: usize = 4;
        // SAFETY: as for `run`, which calls this where the rows of A and the columns of B are contiguous.
        unsafe {
            let (whole, rest) = (self.depth / V::LEN * V::LEN, self.depth % V::LEN);
            for i in 0..m {
                let x = a.at.add(i * a.row);
                for j in (0..n).step_by(ABREAST) {
                    let count = ABREAST.min(n - j);
                    // Beyond the last column the first of the group is taken once more, and dropped.
                    let columns: [*const A; ABREAST] =
                        std::array::from_fn(|k| b.at.add((j + if k < count { k } else { 0 }) * b.column));
                    let mut sums = [V::zero(); ABREAST];
                    for l in (0..whole).step_by(V::LEN) {
                        let x = V::load(x.add(l));
                        for (sum, column) in sums.iter_mut().zip(columns) {
                            *sum = x.mul_add(V::load(column.add(l)), *sum);
                        }
                    }
                    if rest > 0 {
                        let some = V::mask(rest);
                        let x = V::load_some(some, x.add(whole));
                        for (sum, column) in sums.iter_mut().zip(columns) {
                            *sum = x.mul_add(V::load_some(some, column.add(whole)), *sum);
                        }
                    }
                    for (k, sum) in sums.iter().enumerate().take(count) {
                        let old = base.at.add(i * base.row + j + k);
                        let old = if self.beta == A::zero() { A::zero() } else { self.beta * *old };
                        *c.at.add(i * c.row + j + k) = self.alpha * sum.sum() + old;
                    }
                }
            }
        }
    }
}

impl<A: Scalar> Product<'_, A> {
    /// Fewer columns than a register has lanes, as in ∂C/∂W of the ten classes: Cᵀ = Bᵀ·A, whose rows fill registers, and
    /// then its columns go to their places.
    ///
    /// # Safety
    /// As for `run`, with rows of A that are its contiguous columns and a B that is not transposed.
    unsafe fn few_columns(&self, rows: Range<usize>, columns: Range<usize>) {
        thread_local! {
            static FLIPPED: Cell<Room> = const { Cell::new(Room::new()) };
        }
        let (m, n) = (rows.len(), columns.len());
        let mut room = Room::borrow(&FLIPPED);
        let sums = room.of::<A>(m * n);
        // SAFETY: the pointers stay within the rows and columns that the caller vouches for, or within the room.
        unsafe {
            let flipped = Self {
                rows: n,
                columns: m,
                a: Matrix { at: self.b.at.add(columns.start), row: 1, column: self.b.row },
                b: Matrix { at: self.a.at.add(rows.start), row: self.a.column, column: 1 },
                beta: A::zero(),
                base: std::ptr::null(),
                c: Matrix { at: sums, row: m, column: 1 },
                then: None,
                ..*self
            };
            A::tiles(self.width, &flipped, 0..n, 0..m);
            let base = self.base(rows.start, columns.start);
            let c = self.c.at.add(rows.start * self.c.row + columns.start);
            for i in 0..m {
                for j in 0..n {
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

/// sums ← sums + Σᵢ xᵢ·Bᵢ over `ROWS` rows of B, in their order; from zero where the sums `begin`.
///
/// # Safety
/// As for `Product::run`: `ROWS` numbers `step` apart at `x`, `n` in each row of B and at `sums`.
#[inline(always)]
unsafe fn add_rows<V: Lanes, const ROWS: usize>(
    begin: bool,
    n: usize,
    step: usize,
    x: *const V::Number,
    b: Matrix<*const V::Number>,
    sums: *mut V::Number,
) {
    // SAFETY: the caller's contract.
    unsafe {
        let x: [V; ROWS] = std::array::from_fn(|i| V::splat(*x.add(i * step)));
        // A load across the border of two cache lines counts twice.
        let mut j = b.at.align_offset(V::LEN * size_of::<V::Number>()).min(n);
        add_some(begin, j, &x, b, sums);
        while j + V::LEN <= n {
            let mut sum = if begin { V::zero() } else { V::load(sums.add(j)) };
            for (i, x) in x.iter().enumerate() {
                sum = x.mul_add(V::load(b.at.add(i * b.row + j)), sum);
            }
            sum.store(sums.add(j));
            j += V::LEN;
        }
        add_some(begin, n - j, &x, Matrix { at: b.at.add(j), ..b }, sums.add(j));
    }
}

/// The same for fewer columns than a register has lanes.
#[inline(always)]
unsafe fn add_some<V: Lanes, const ROWS: usize>(
    begin: bool,
    n: usize,
    x: &[V; ROWS],
    b: Matrix<*const V::Number>,
    sums: *mut V::Number,
) {
    if n == 0 {
        return;
    }
    // SAFETY: the caller's contract.
    unsafe {
        let some = V::mask(n);
        let mut sum = if begin { V::zero() } else { V::load_some(some, sums) };
        for (i, x) in x.iter().enumerate() {
            sum = x.mul_add(V::load_some(some, b.at.add(i * b.row)), sum);
        }
        sum.store_some(some, sums);
    }
}
