//! Products by the linked BLAS, shared by the threads of a pool.

use std::array;
use std::sync::Mutex;

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayRef2, Axis, Slice, aview1};

use crate::blas;
use crate::pool::{self, UNIT, slab};
use crate::scalar::Scalar;

/// Slabs of a product at most: for more threads than that the products of a batch are too small.
const MOST_SLABS: usize = 8;
/// Rows or columns of a slab at least: what BLAS packs anew for each slab is then little beside its arithmetic.
const LEAST: usize = 64;
/// Multiply-adds of a slab at least: some ten microseconds.
const WORTH_A_SLAB: usize = 1 << 20;

/// C ← α·A·B + β·C, or + β·1·baseᵀ.
///
/// C is cut along its longer side into slabs, each of them one call. The shapes alone say how many, whether there are
/// threads or not: BLAS sums in another order where a product is cut in another place.
pub(super) fn product<A: Scalar>(
    alpha: A,
    a: &ArrayRef2<A>,
    b: &ArrayRef2<A>,
    beta: A,
    base: Option<&[A]>,
    c: &mut ArrayRef2<A>,
) {
    blas::init();
    let (rows, columns) = c.dim();
    let (axis, len) = if rows >= columns { (0, rows) } else { (1, columns) };
    let slabs = (rows * columns * a.ncols() / WORTH_A_SLAB).min(len / LEAST).clamp(1, MOST_SLABS);
    let one = |i: usize, c: &mut ArrayRef2<A>| {
        let part = Slice::from(slab(len, UNIT, slabs, i));
        let (a, b) = match axis {
            0 => (a.slice_axis(Axis(0), part), b.view()),
            _ => (a.view(), b.slice_axis(Axis(1), part)),
        };
        if let Some(base) = base {
            let base = if axis == 0 { base } else { &base[slab(len, UNIT, slabs, i)] };
            c.assign(&aview1(base));
        }
        general_mat_mul(alpha, &a, &b, beta, c);
    };
    if slabs == 1 {
        return one(0, c);
    }
    let mut rest = Some(c.view_mut());
    let parts: [_; MOST_SLABS] = array::from_fn(|i| {
        let (part, below) = rest.take()?.split_at(Axis(axis), slab(len, UNIT, slabs, i).len());
        rest = Some(below);
        Some(part)
    });
    let parts = parts.map(Mutex::new);
    let compute = |i: usize| {
        let part = parts[i].lock().expect("no thread has panicked with it").take();
        one(i, &mut part.expect("each slab is computed once"));
    };
    match pool::current() {
        Some(pool) => pool.run(slabs, &compute),
        None => (0..slabs).for_each(compute),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::pool::Pool;
    use crate::rng::hash;

    #[test]
    fn the_bits_do_not_depend_on_the_threads_and_the_slabs_fit() {
        let number = |salt| {
            move |(i, j): (usize, usize)| (hash(salt, i as u64, j as u64) % 2001) as f32 / 1000.0 - 1.0
        };
        for (m, k, n) in [(3, 5, 2), (700, 65, 130), (128, 784, 513), (65, 1000, 64), (1, 3000, 900)] {
            for transposed in [false, true] {
                let (a, mut b) =
                    (Array2::from_shape_fn((m, k), number(1)), Array2::from_shape_fn((k, n), number(2)));
                if transposed {
                    b = Array2::from_shape_fn((n, k), number(2)).reversed_axes();
                }
                let base = vec![0.5; n];
                let of = |threads: usize| {
                    let mut c = Array2::from_elem((m, n), f32::NAN);
                    Pool::new(threads).enter(|| product(2.0, &a, &b, 1.0, Some(&base), &mut c));
                    c
                };
                let alone = of(1);
                assert_eq!(of(2), alone);
                assert_eq!(of(3), alone);
                let exact = a.mapv(f64::from).dot(&b.mapv(f64::from)) * 2.0 + 0.5;
                let apart = alone.mapv(f64::from) - exact;
                assert!(apart.iter().all(|d| d.abs() < 1e-3), "{m} {k} {n}");
            }
        }
    }
}
