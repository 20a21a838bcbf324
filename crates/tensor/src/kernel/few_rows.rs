//! Products of few rows: no number of B is read more than once or twice, so nothing is gained by keeping it.
#![allow(unsafe_code)]

use super::lanes::Lanes;
use super::product::{Matrix, Product};
use super::scratch::{PACKED, Scratch};
use crate::scalar::Scalar;

impl<A: Scalar> Product<'_, A> {
    /// A lone row of A by B. Each number of B is read once, so memory is what it waits for: B is read as it lies, some rows
    /// abreast, and the sums, few as they are, go through the first cache.
    #[inline(always)]
    pub(super) unsafe fn lone_row<V: Lanes<Number = A>>(
        &self,
        n: usize,
        a: Matrix<*const A>,
        b: Matrix<*const A>,
        base: *const A,
        c: *mut A,
    ) {
        // SAFETY: as for `run`; the buffer has a place for the sum of each column.
        unsafe {
            let mut scratch = Scratch::borrow(&PACKED);
            let sums = scratch.of::<A>(n);
            for chain in (0..self.depth).step_by(self.chain) {
                let end = self.depth.min(chain + self.chain);
                for (l, count) in groups(end - chain) {
                    let (begin, l) = (l == 0, chain + l);
                    let (x, rows) = (a.at.add(l * a.column), Matrix { at: b.at.add(l * b.row), ..b });
                    match count {
                        8 => add_rows::<V, 8>(begin, n, a.column, x, rows, sums),
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

    /// A lone row of A by a B that is no wider than one or two registers. Its sums stay there, and each multiply-add waits
    /// for the one before; so two chains go abreast.
    #[inline(always)]
    pub(super) unsafe fn narrow_row<V: Lanes<Number = A>, const COLUMNS: usize>(
        &self,
        n: usize,
        a: Matrix<*const A>,
        b: Matrix<*const A>,
        base: *const A,
        c: *mut A,
    ) {
        // SAFETY: as for `run`.
        unsafe {
            let last = V::mask(n - (COLUMNS - 1) * V::LEN);
            // No closure: one that is not inlined would be compiled for a CPU without these registers.
            macro_rules! add {
                ($l:expr, $sums:expr) => {
                    let (x, row) = (V::splat(*a.at.add($l * a.column)), b.at.add($l * b.row));
                    for (j, sum) in $sums.iter_mut().enumerate() {
                        *sum = x.mul_add(V::load_of(row, j, j + 1 < COLUMNS, last), *sum);
                    }
                };
            }
            let mut z = [V::zero(); COLUMNS];
            if self.beta != A::zero() {
                for (j, z) in z.iter_mut().enumerate() {
                    *z = V::load_of(base, j, j + 1 < COLUMNS, last);
                }
            }
            let mut beta = self.beta;
            for l in (0..self.depth).step_by(2 * self.chain) {
                let first = self.chain.min(self.depth - l);
                let second = self.chain.min(self.depth - l - first);
                let mut sums = [[V::zero(); COLUMNS]; 2];
                for l in l..l + second {
                    add!(l, sums[0]);
                    add!(l + first, sums[1]);
                }
                for l in l + second..l + first {
                    add!(l, sums[0]);
                }
                for sums in &sums[..if second > 0 { 2 } else { 1 }] {
                    for (z, sum) in z.iter_mut().zip(sums) {
                        let sum = sum.mul(V::splat(self.alpha));
                        *z = if beta == A::zero() { sum } else { V::splat(beta).mul_add(*z, sum) };
                    }
                    beta = A::one();
                }
            }
            for (j, z) in z.into_iter().enumerate() {
                z.store_of(c, j, j + 1 < COLUMNS, last);
            }
        }
    }

    /// Few rows of A by a transposed B: each number of C is an inner product of two contiguous rows.
    #[inline(always)]
    pub(super) unsafe fn inner_products<V: Lanes<Number = A>>(
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
                    let mut sums = V::sums(sums);
                    for sum in &mut sums {
                        *sum = self.alpha * *sum;
                    }
                    let c = c.at.add(i * c.row + j);
                    if self.beta == A::zero() && count == ABREAST {
                        c.cast::<[A; ABREAST]>().write_unaligned(sums);
                        continue;
                    }
                    for (k, sum) in sums.into_iter().enumerate().take(count) {
                        let old = base.at.add(i * base.row + j + k);
                        let old = if self.beta == A::zero() { A::zero() } else { self.beta * *old };
                        *c.add(k) = sum + old;
                    }
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

/// Cuts `m` rows into groups of 8, and the rest into groups of 4, 2 and 1: first rows and numbers of rows.
fn groups(m: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut i = 0;
    std::iter::from_fn(move || {
        let count = match m - i {
            0 => return None,
            left if left >= 8 => 8,
            left if left >= 4 => 4,
            left if left >= 2 => 2,
            _ => 1,
        };
        i += count;
        Some((i - count, count))
    })
}
