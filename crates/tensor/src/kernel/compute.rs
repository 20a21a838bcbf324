//! A product cut into parts for tiles and threads.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::Range;

use ndarray::ArrayRef2;

use super::plan::HALVED;
use super::product::{Matrix, Product};
use super::scratch::Scratch;
use super::width::Width;
use crate::epilogue::Epilogue;
use crate::pool::{self, Pool, UNIT, slab};
use crate::scalar::Scalar;
use crate::simd;

/// Multiply-adds below which a fork costs more than it saves: some two microseconds.
const WORTH_SHARING: usize = 1 << 17;
/// Numbers of C below which one thread adds the chains up.
const WORTH_ADDING: usize = 1 << 13;

impl<'a, A: Scalar> Product<'a, A> {
    /// C ← α·A·B + β·base, for shapes and layouts that `gemm` has checked, with C itself as the base, or a row vector for
    /// each of its rows; C is row-major where there is an epilogue. `None` where there are no tiles for it.
    #[inline(always)]
    pub(super) fn of(
        alpha: A,
        a: &'a ArrayRef2<A>,
        b: &'a ArrayRef2<A>,
        beta: A,
        base: Option<&'a [A]>,
        c: &'a mut ArrayRef2<A>,
        epilogue: Option<&'a Epilogue<'a, A>>,
    ) -> Option<Self> {
        let width = Width::of_this_cpu()?;
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
        let base = base.map_or(std::ptr::null(), <[A]>::as_ptr);
        let matrices = PhantomData;
        let product = Self {
            width,
            rows,
            columns,
            depth,
            chain: depth,
            alpha,
            a,
            fold: None,
            b,
            beta,
            base,
            c,
            epilogue,
            matrices,
        };
        // A column is the row of the transposed product, and a row is computed in one go. Counted row by row, its numbers
        // have the same places.
        let product =
            if columns == 1 && c.row == 1 || c.column != 1 { product.transposed()? } else { product };
        Some(Self { chain: product.longest_chain(), ..product })
    }

    /// Cᵀ ← α·Bᵀ·Aᵀ + β·Cᵀ.
    #[inline]
    fn transposed(self) -> Option<Self> {
        fn flip<P>(m: Matrix<P>) -> Matrix<P> {
            Matrix { at: m.at, row: m.column, column: m.row }
        }
        let (rows, columns) = (self.columns, self.rows);
        let (a, b, c) = (flip(self.b), flip(self.a), flip(self.c));
        (c.column == 1 && self.base.is_null()).then_some(Self { rows, columns, a, b, c, ..self })
    }

    /// Computes it, on the threads of the pool that this thread is in.
    ///
    /// The rows of a layer's W, the inputs of the layer, are dealt to the threads in the same slabs in all three of its
    /// products: W's rows are the depth of h·W, the columns of δ·Wᵀ and the rows of hᵀ·δ. So no thread reads a part of W
    /// that another has written, which would cost more than the arithmetic.
    #[inline]
    pub(super) fn compute(&self) {
        let work = self.rows * self.columns * self.depth;
        let pool = pool::current().filter(|_| work >= WORTH_SHARING);
        match pool {
            None => self.part(0..self.rows, 0..self.columns),
            Some(pool) if self.is_plain() && self.depth >= HALVED => self.chains_apart(pool),
            Some(pool) => {
                let slabs = pool.threads();
                pool.run(slabs, &|i| {
                    if self.b.column == 1 {
                        self.part(slab(self.rows, UNIT, slabs, i), 0..self.columns);
                    } else {
                        self.part(0..self.rows, slab(self.columns, UNIT, slabs, i));
                    }
                });
            }
        }
    }

    fn part(&self, rows: Range<usize>, columns: Range<usize>) {
        // SAFETY: `of` has looked at the CPU and borrowed the matrices, whose shapes `gemm` has checked; `compute` makes
        // parts on several threads that are disjoint in C.
        unsafe { A::tiles(self.width, self, rows, columns) }
    }

    /// The first chain into C and the others beside it at the same time; then they are added in their order, as one thread
    /// does it.
    fn chains_apart(&self, pool: &Pool) {
        let (m, n) = (self.rows, self.columns);
        let chains = self.depth.div_ceil(self.chain);
        let slabs = pool.threads().div_ceil(chains);
        let mut scratch = Scratch::borrow(&SUMS);
        let others = Sums(scratch.of::<A>((chains - 1) * m * n));
        pool.run(chains * slabs, &|i| {
            let (chain, rows) = (i % chains, slab(m, 4, slabs, i / chains));
            let from = chain * self.chain;
            let (a, b) = (self.a, self.b);
            // SAFETY: the chain begins within the depth, and its sums within the scratch.
            let product = unsafe {
                Self {
                    depth: self.chain.min(self.depth - from),
                    a: Matrix { at: a.at.add(from * a.column), ..a },
                    b: Matrix { at: b.at.add(from * b.row), ..b },
                    beta: if chain == 0 { self.beta } else { A::zero() },
                    c: match chain {
                        0 => self.c,
                        _ => Matrix { at: others.get().add((chain - 1) * m * n), row: n, column: 1 },
                    },
                    epilogue: None,
                    ..*self
                }
            };
            product.part(rows, 0..n);
        });
        // Some rows at a time, so that the epilogue finds them in the first cache.
        let group = (WORTH_ADDING / n).max(1);
        let add = |rows: Range<usize>| {
            for i in rows.clone() {
                for chain in 0..chains - 1 {
                    // SAFETY: row i of C and of the chain's sums, which no other thread has.
                    let (c, sums) = unsafe {
                        (
                            std::slice::from_raw_parts_mut(self.c.at.add(i * self.c.row), n),
                            std::slice::from_raw_parts(others.get().add((chain * m + i) * n), n),
                        )
                    };
                    simd::map([sums], [c], |[sum], [c]| *c += sum);
                }
                let finished = i + 1 - rows.start;
                if finished.is_multiple_of(group) || i + 1 == rows.end {
                    let first = rows.start + (finished - 1) / group * group;
                    // SAFETY: the rows are finished, and still this thread's alone.
                    unsafe { self.finish(first..i + 1, 0..n) };
                }
            }
        };
        if m * n < WORTH_ADDING {
            return add(0..m);
        }
        pool.run(pool.threads(), &|i| add(slab(m, 1, pool.threads(), i)));
    }
}

/// Where the sums of chains lie.
struct Sums<A>(*mut A);

impl<A> Sums<A> {
    fn get(&self) -> *mut A {
        self.0
    }
}

// SAFETY: the tasks that share it write to disjoint parts.
unsafe impl<A: Sync> Sync for Sums<A> {}

thread_local! {
    static SUMS: Cell<Scratch> = const { Cell::new(Scratch::new()) };
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, s};

    use super::*;
    use crate::gemm::gemm;
    use crate::kernel::Kernel;
    use crate::rng::hash;

    fn matrix<A: Scalar>(rows: usize, columns: usize, transposed: bool, salt: u64) -> Array2<A> {
        let value =
            |i: usize, j: usize| A::of((hash(salt, i as u64, j as u64) % 2_000_001) as f64 / 1e6 - 1.0);
        if transposed {
            Array2::from_shape_fn((columns, rows), |(j, i)| value(i, j)).reversed_axes()
        } else {
            Array2::from_shape_fn((rows, columns), |(i, j)| value(i, j))
        }
    }

    /// Up through a layer, ∂C/∂W, and down through it, for the layers and batches of real networks and for odd ones.
    const SHAPES: &[(usize, usize, usize)] = &[
        (32, 100, 784),
        (64, 256, 784),
        (1, 512, 784),
        (1, 77, 301),
        (3, 70, 300),
        (33, 1, 2100),
        (257, 65, 129),
        (100, 10, 1300),
        (5, 1024, 256),
        (1, 10, 100),
        (9, 10, 50),
        (20, 32, 64),
        (70, 17, 311),
        // In blocks.
        (520, 270, 610),
    ];

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        fn check<A: Scalar>() {
            for &(m, n, k) in SHAPES {
                for (m, n, k, at, bt) in
                    [(m, n, k, false, false), (k, n, m, true, false), (m, k, n, false, true)]
                {
                    let (a, b) = (matrix::<A>(m, k, at, 1), matrix::<A>(k, n, bt, 2));
                    let of = |threads: usize| {
                        let mut c = matrix::<A>(m, n, false, 3);
                        Pool::new(threads).enter(|| gemm(A::of(0.3), &a, &b, A::of(-0.7), &mut c));
                        c
                    };
                    let alone = of(1);
                    let plain = a.dot(&b) * A::of(0.3) + matrix::<A>(m, n, false, 3) * A::of(-0.7);
                    let error = (&plain - &alone).iter().fold(0.0, |most: f64, x| most.max(x.as_f64().abs()));
                    let epsilon = A::epsilon().as_f64();
                    assert!(error < 4.0 * (k as f64).sqrt() * epsilon, "({m}, {n}, {k}): off by {error}");
                    for threads in [2, 3, 4, 8] {
                        assert_eq!(of(threads), alone, "({m}, {n}, {k}) on {threads} threads");
                    }
                }
            }
        }
        check::<f32>();
        check::<f64>();
    }

    #[cfg(not(unoptimised))]
    #[test]
    fn any_width_of_registers_gives_the_same_bits() {
        let Some(Width::Avx512) = Width::of_this_cpu() else { return };
        for &(m, n, k) in SHAPES {
            let (a, b) = (matrix::<f32>(m, k, false, 1), matrix::<f32>(k, n, false, 2));
            let of = |width| {
                let mut c = matrix::<f32>(m, n, false, 3);
                let product = Product::of(0.3, &a, &b, -0.7, None, &mut c, None).expect("it has tiles");
                // A column is an inner product, summed lane by lane.
                let is_column = product.b.column != 1;
                Product { width, ..product }.compute();
                (!is_column).then_some(c)
            };
            assert_eq!(of(Width::Avx512), of(Width::Avx2), "({m}, {n}, {k})");
        }
    }

    #[test]
    fn a_row_alone_has_the_bits_that_it_has_in_a_batch() {
        if Kernel::usual() != Kernel::Tiles {
            return; // OpenBLAS promises no such thing.
        }
        for n in [1, 2, 10, 15, 16, 17, 31, 32, 33, 50, 100] {
            for k in [1, 2, 31, 32, 50, 64, 100, 255, 256, 311, 2100] {
                let (x, w) = (matrix::<f32>(13, k, false, 1), matrix::<f32>(k, n, false, 2));
                let mut batch = matrix::<f32>(13, n, false, 3);
                let mut alone = batch.clone();
                gemm(0.3, &x, &w, -0.7, &mut batch);
                for i in 0..13 {
                    let row = s![i..=i, ..];
                    gemm(0.3, &x.slice(row), &w, -0.7, &mut alone.slice_mut(row));
                }
                assert_eq!(alone, batch, "({n}, {k})");
            }
        }
    }

    #[test]
    fn a_matrix_within_a_larger_one_is_left_alone_around_its_edges() {
        let (a, b) = (matrix::<f32>(13, 40, false, 1), matrix::<f32>(40, 21, true, 2));
        let mut around = Array2::from_elem((15, 30), 7.0);
        gemm(1.0, &a, &b, 0.0, &mut around.slice_mut(s![1..14, 4..25]));
        let inside = around.slice(s![1..14, 4..25]).to_owned();
        assert!((&inside - &a.dot(&b)).iter().all(|d| d.abs() < 1e-4));
        around.slice_mut(s![1..14, 4..25]).fill(7.0);
        assert!(around.iter().all(|&x| x == 7.0));
    }
}
