//! Loops over vectors and matrices, cut into one part for each thread.
#![allow(unsafe_code)]

use std::ops::Range;

use super::fork_join::current;

/// Threads share a matrix in slabs whose height is a multiple of this many rows.
pub const UNIT: usize = 16;

/// Where each vector begins, and whether it is more than empty.
struct Starts<A, const N: usize>([(*mut A, bool); N]);
// SAFETY: the windows that the threads make of it are disjoint, and `A` may go to another thread.
unsafe impl<A: Send, const N: usize> Sync for Starts<A, N> {}

/// Runs `body` on disjoint windows of some equally long vectors, on the threads of the pool that this thread is in: one
/// window a thread, cut at multiples of `unit`. Below `least` numbers, or outside of a pool, there is one window: all.
///
/// `body` gets the place where its window begins. An empty vector stays one: its windows are empty.
///
/// # Panics
/// If the vectors that are not empty differ in length.
///
/// ```
/// use chainrule_tensor::{Pool, pool::sweep};
///
/// let (mut x, mut y) = ([1.0; 100], [0.0; 100]);
/// Pool::new(3).enter(|| {
///     sweep([&mut x, &mut y], 16, 1, |from, [x, y]| {
///         for (i, (x, y)) in x.iter().zip(y).enumerate() {
///             *y = x + (from + i) as f64;
///         }
///     });
/// });
/// assert_eq!(y[99], 100.0);
/// ```
#[track_caller]
pub fn sweep<A: Send, const N: usize>(
    vectors: [&mut [A]; N],
    unit: usize,
    least: usize,
    body: impl Fn(usize, [&mut [A]; N]) + Sync,
) {
    share(vectors, unit, least, &body);
}

/// [`sweep`], which is compiled for each number type and not for each body.
#[track_caller]
fn share<A: Send, const N: usize>(
    vectors: [&mut [A]; N],
    unit: usize,
    least: usize,
    body: &(dyn Fn(usize, [&mut [A]; N]) + Sync),
) {
    let len = vectors.iter().map(|v| v.len()).max().unwrap_or(0);
    assert!(vectors.iter().all(|v| v.is_empty() || v.len() == len), "sweep: the vectors differ in length");
    let Some(pool) = current().filter(|_| len >= least) else { return body(0, vectors) };
    let starts = Starts(vectors.map(|v| (v.as_mut_ptr(), !v.is_empty())));
    let count = pool.threads();
    pool.run(count, &|i| {
        let starts = &starts;
        let window = slab(len, unit, count, i);
        let windows = starts.0.map(|(start, some)| {
            let size = if some { window.len() } else { 0 };
            // SAFETY: the window lies within the vector, and no other task has it; the vectors outlive `run`.
            unsafe {
                std::slice::from_raw_parts_mut(if some { start.add(window.start) } else { start }, size)
            }
        });
        body(window.start, windows);
    });
}

/// The `i`-th of `count` parts of `0..len`, cut at multiples of `unit`.
pub(crate) fn slab(len: usize, unit: usize, count: usize, i: usize) -> Range<usize> {
    let units = len.div_ceil(unit);
    let cut = |i: usize| (units * i / count * unit).min(len);
    cut(i)..cut(i + 1)
}
