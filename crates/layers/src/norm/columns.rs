use chainrule_tensor::Scalar;
use chainrule_tensor::pool::sweep;
use chainrule_tensor::simd::{self, LANES};

/// The threads of a pool share a loop from this many numbers on: some microseconds.
pub(super) const LEAST_SHARED: usize = 1 << 13;
/// Columns whose sums stay in registers.
const TILE: usize = 2 * LANES;
/// Numbers that narrow rows are joined to: enough for the latency of an addition.
const NARROW: usize = 128;
/// And the most, where a multiple of whole tiles is longer than that.
const WIDEST: usize = 1024;
/// Numbers of a block, whose sums are taken in the number type itself: what fits the L1 cache.
const BLOCK: usize = 1 << 13;
/// The fewest rows of a block.
const FEWEST: usize = 64;

/// Sums over positions, one for each feature, and loops over positions with numbers of each feature.
///
/// Narrow positions are joined to rows of several, so that a loop over a row is long enough for registers. Sums run over fixed
/// blocks of rows; those of the blocks are added in `f64`, in their order. So they have the same bits for any number of threads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    features: usize,
    /// Positions that make up a row.
    joined: usize,
}

impl Columns {
    /// For positions of `features` features; `positions` is the least number of positions in a pass.
    pub(super) fn new(features: usize, positions: usize) -> Self {
        let features = features.max(1);
        let whole = features * (TILE / gcd(features, TILE));
        let row = whole * NARROW.div_ceil(whole);
        let joined = if features < NARROW && row <= WIDEST { row / features } else { 1 };
        Self { features, joined: joined.min(positions.max(1)) }
    }

    /// The features of a position.
    pub(super) fn features(self) -> usize {
        self.features
    }

    /// The numbers of a row.
    pub(super) fn width(self) -> usize {
        self.features * self.joined
    }

    /// The numbers of a block.
    pub(super) fn block(self) -> usize {
        self.width() * FEWEST.max(BLOCK / self.width())
    }

    /// How many blocks so many numbers are.
    pub(super) fn blocks(self, numbers: usize) -> usize {
        numbers.div_ceil(self.block()).max(1)
    }

    /// One row for each function of a feature's place.
    pub(super) fn rows<'r, A: Scalar, const K: usize>(
        self,
        memory: &'r mut [A],
        of: [&dyn Fn(usize) -> A; K],
    ) -> [&'r [A]; K] {
        let mut rows = memory.chunks_exact_mut(self.width());
        of.map(|of| {
            let row = rows.next().expect("norm: there is memory for each row");
            row[..self.features].iter_mut().enumerate().for_each(|(c, out)| *out = of(c));
            self.repeat(row);
            &*row
        })
    }

    /// Repeats the first position of a row to its end.
    pub(super) fn repeat<A: Scalar>(self, row: &mut [A]) {
        let (first, rest) = row.split_at_mut(self.features);
        rest.chunks_exact_mut(self.features).for_each(|position| position.copy_from_slice(first));
    }

    /// Adds up the positions of a row in its first.
    fn fold<A: Scalar>(self, row: &mut [A]) {
        let (first, rest) = row.split_at_mut(self.features);
        for position in rest.chunks_exact(self.features) {
            first.iter_mut().zip(position).for_each(|(sum, &x)| *sum += x);
        }
    }

    /// `out`ₘ ← Σ fₘ(inputs, row) over the positions, for each feature. `partial` has room for M rows a block.
    pub(super) fn sums<A: Scalar, const N: usize, const K: usize, const M: usize>(
        self,
        inputs: [&[A]; N],
        rows: [&[A]; K],
        partial: &mut [A],
        out: [&mut [A]; M],
        f: impl Fn([A; N], [A; K]) -> [A; M] + Sync,
    ) {
        let partial = self.by_block(inputs[0].len(), M, partial, |range, sums| {
            let inputs = inputs.map(|input| &input[range.clone()]);
            self.row_sums(inputs, rows, sums, &f);
        });
        self.join(partial, out);
    }

    /// `out`ₘ ← the sums of the blocks' sums, for each feature.
    pub(super) fn join<A: Scalar, const M: usize>(self, partial: &[A], out: [&mut [A]; M]) {
        let width = self.width();
        for (m, out) in out.into_iter().enumerate() {
            for (c, out) in out.iter_mut().enumerate() {
                let blocks = partial.iter().skip(m * width + c).step_by(M * width);
                *out = A::of(blocks.map(|sum| sum.as_f64()).sum());
            }
        }
    }

    /// The same within a block: one row of memory for each sum, which begins with the sums of the features.
    #[inline(always)]
    pub(super) fn row_sums<A: Scalar, const N: usize, const K: usize, const M: usize>(
        self,
        inputs: [&[A]; N],
        rows: [&[A]; K],
        out: &mut [A],
        f: impl Fn([A; N], [A; K]) -> [A; M],
    ) {
        sum_of_rows(self.width(), inputs, rows, out, &f);
        out.chunks_exact_mut(self.width()).for_each(|row| self.fold(row));
    }

    /// `work` on each block of so many numbers, with `rows` rows of memory for each; the threads share the blocks.
    pub(super) fn by_block<A: Scalar>(
        self,
        numbers: usize,
        rows: usize,
        memory: &mut [A],
        work: impl Fn(std::ops::Range<usize>, &mut [A]) + Sync,
    ) -> &[A] {
        let (block, region) = (self.block(), rows * self.width());
        let memory = &mut memory[..self.blocks(numbers) * region];
        let least = if numbers < LEAST_SHARED { usize::MAX } else { 0 };
        sweep([&mut *memory], region, least, |from, [part]| {
            for (i, own) in part.chunks_exact_mut(region).enumerate() {
                let start = (from / region + i) * block;
                work(start..numbers.min(start + block), own);
            }
        });
        memory
    }

    /// `out` ← f(inputs, row), number by number; the threads share the loop.
    pub(super) fn map<A: Scalar, const N: usize, const K: usize>(
        self,
        inputs: [&[A]; N],
        rows: [&[A]; K],
        out: &mut [A],
        f: impl Fn([A; N], [A; K]) -> A + Sync,
    ) {
        let width = self.width();
        sweep([out], width, LEAST_SHARED, |from, [out]| {
            let inputs = inputs.map(|input| &input[from..from + out.len()]);
            simd::dispatch(
                #[inline(always)]
                || {
                    for (i, out) in out.chunks_mut(width).enumerate() {
                        let inputs = windows(&inputs, i * width, out.len());
                        map_row(&inputs, &rows, out, &f);
                    }
                },
            );
        });
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[inline(always)]
fn windows<'a, A, const N: usize>(inputs: &[&'a [A]; N], from: usize, len: usize) -> [&'a [A]; N] {
    let mut windows = [&[][..]; N];
    for n in 0..N {
        windows[n] = &inputs[n][from..from + len];
    }
    windows
}

/// The numbers at one place.
#[inline(always)]
pub(super) fn at<A: Scalar, const N: usize>(inputs: &[&[A]; N], place: usize) -> [A; N] {
    let mut numbers = [A::zero(); N];
    for n in 0..N {
        numbers[n] = inputs[n][place];
    }
    numbers
}

/// The numbers of a tile: on local arrays, loops over its lanes become straight vector code.
#[inline(always)]
pub(super) fn tile<A: Scalar, const N: usize, const T: usize>(
    inputs: &[&[A]; N],
    from: usize,
) -> [[A; T]; N] {
    let mut tile = [[A::zero(); T]; N];
    for n in 0..N {
        tile[n].copy_from_slice(&inputs[n][from..from + T]);
    }
    tile
}

#[inline(always)]
pub(super) fn lane<A: Scalar, const N: usize, const T: usize>(tile: &[[A; T]; N], lane: usize) -> [A; N] {
    let mut numbers = [A::zero(); N];
    for n in 0..N {
        numbers[n] = tile[n][lane];
    }
    numbers
}

#[inline(always)]
pub(super) fn map_row<A: Scalar, const N: usize, const K: usize>(
    inputs: &[&[A]; N],
    rows: &[&[A]; K],
    out: &mut [A],
    f: &impl Fn([A; N], [A; K]) -> A,
) {
    let (whole, rest) = out.as_chunks_mut::<LANES>();
    for (i, out) in whole.iter_mut().enumerate() {
        let (x, row): ([[A; LANES]; N], [[A; LANES]; K]) = (tile(inputs, i * LANES), tile(rows, i * LANES));
        let mut y = [A::zero(); LANES];
        for (j, y) in y.iter_mut().enumerate() {
            *y = f(lane(&x, j), lane(&row, j));
        }
        *out = y;
    }
    let from = whole.len() * LANES;
    for (i, out) in rest.iter_mut().enumerate() {
        *out = f(at(inputs, from + i), at(rows, from + i));
    }
}

/// M rows of sums over the rows of a block, whose last may be incomplete.
#[expect(clippy::needless_range_loop, reason = "a loop over lanes of several arrays becomes vector code")]
fn sum_of_rows<A: Scalar, const N: usize, const K: usize, const M: usize>(
    width: usize,
    inputs: [&[A]; N],
    rows: [&[A]; K],
    out: &mut [A],
    f: &impl Fn([A; N], [A; K]) -> [A; M],
) {
    let (count, rest) = (inputs[0].len() / width, inputs[0].len() % width);
    simd::dispatch(
        #[inline(always)]
        || {
            let tiles = width / TILE * TILE;
            for from in (0..tiles).step_by(TILE) {
                let (row, mut sums): ([[A; TILE]; K], _) = (tile(&rows, from), [[A::zero(); TILE]; M]);
                for r in 0..count {
                    let x: [[A; TILE]; N] = tile(&inputs, r * width + from);
                    for j in 0..TILE {
                        let terms = f(lane(&x, j), lane(&row, j));
                        for m in 0..M {
                            sums[m][j] += terms[m];
                        }
                    }
                }
                for m in 0..M {
                    out[m * width + from..][..TILE].copy_from_slice(&sums[m]);
                }
            }
            for from in tiles..width {
                let (row, mut sums) = (at(&rows, from), [A::zero(); M]);
                for r in 0..count {
                    let terms = f(at(&inputs, r * width + from), row);
                    for m in 0..M {
                        sums[m] += terms[m];
                    }
                }
                for m in 0..M {
                    out[m * width + from] = sums[m];
                }
            }
            for j in 0..rest {
                let terms = f(at(&inputs, count * width + j), at(&rows, j));
                for m in 0..M {
                    out[m * width + j] += terms[m];
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use chainrule_tensor::{Pool, hash};

    use super::*;

    fn numbers(len: usize, salt: u64) -> Vec<f64> {
        (0..len).map(|i| hash(salt, 0, i as u64) as f64 / 2.0_f64.powi(64) - 0.5).collect()
    }

    #[test]
    fn sums_and_loops_are_the_plain_ones_at_every_width_with_any_number_of_threads() {
        for (features, positions) in
            [(1, 1), (1, 700), (3, 65), (5, 20_000), (16, 3), (16, 5000), (33, 77), (130, 90), (300, 200)]
        {
            let (columns, len) = (Columns::new(features, usize::MAX), features * positions);
            let (x, y, a) = (numbers(len, 1), numbers(len, 2), numbers(features, 3));
            let run = |threads| {
                let mut memory = vec![f64::NAN; columns.width()];
                let mut partial = vec![f64::NAN; 2 * columns.width() * columns.blocks(len)];
                let (mut sum, mut product) = (vec![f64::NAN; features], vec![f64::NAN; features]);
                let mut out = vec![f64::NAN; len];
                let rows = columns.rows(&mut memory, [&|c| a[c]]);
                Pool::new(threads).enter(|| {
                    let sums = [&mut sum[..], &mut product[..]];
                    columns.sums([&x, &y], rows, &mut partial, sums, |[x, y], [a]| [x - a, x * y]);
                    columns.map([&x, &y], rows, &mut out, |[x, y], [a]| x + a * y);
                });
                (sum, product, out)
            };
            let (sum, product, out) = run(1);
            assert_eq!((sum.clone(), product.clone(), out.clone()), run(3), "{features} {positions}");
            for c in 0..features {
                let places = (c..len).step_by(features);
                let close = |found: f64, expected: f64| (found - expected).abs() < 1e-10;
                assert!(close(sum[c], places.clone().map(|i| x[i] - a[c]).sum()), "{features} {positions}");
                assert!(close(product[c], places.map(|i| x[i] * y[i]).sum()), "{features} {positions}");
            }
            assert!(out.iter().enumerate().all(|(i, &out)| out == x[i] + a[i % features] * y[i]));
        }
    }
}
